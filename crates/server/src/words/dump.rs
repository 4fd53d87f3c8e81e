use std::fmt::{self, Display, Write};
use std::net::SocketAddr;

use base::SessionId;

use super::address::JavaAddress;
use super::text::Text;
use crate::calendar::Utc;

/// Sessions or connections by the moment at which they expire unless they are heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpirySets<T> {
    /// The sets, earliest first.
    pub sets: Vec<ExpirySet<T>>,
    /// All members together.
    pub member_count: usize,
}

/// What expires at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpirySet<T> {
    /// The moment, in ms since 1970.
    pub expires_ms: i64,
    /// The members.
    pub members: Vec<T>,
}

/// A session in a `dump`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEntry(pub SessionId);

/// A connection in a `dump`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEntry {
    /// The client.
    pub remote: SocketAddr,
    /// [`SessionId::NONE`] before the handshake.
    pub session: SessionId,
}

impl Display for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for ConnectionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip: {} sessionId: {}", JavaAddress(self.remote), self.session)
    }
}

/// `dump`: sessions, the ephemeral nodes of each, connections.
///
/// # Errors
/// The text is full.
pub fn dump<Path: AsRef<str>, Paths: IntoIterator<Item = Path>>(
    out: &mut Text,
    sessions: &ExpirySets<SessionEntry>,
    ephemerals: impl IntoIterator<Item = (SessionId, Paths), IntoIter: ExactSizeIterator>,
    connections: &ExpirySets<ConnectionEntry>,
) -> fmt::Result {
    writeln!(out, "SessionTracker dump:")?;
    write!(out, "Session ")?;
    write_sets(out, sessions)?;
    writeln!(out, "ephemeral nodes dump:")?;
    let ephemerals = ephemerals.into_iter();
    writeln!(out, "Sessions with Ephemerals ({}):", ephemerals.len())?;
    for (session, paths) in ephemerals {
        writeln!(out, "{session}:")?;
        paths.into_iter().try_for_each(|path| writeln!(out, "\t{}", path.as_ref()))?;
    }
    writeln!(out, "Connections dump:")?;
    write!(out, "Connections ")?;
    write_sets(out, connections)
}

fn write_sets<T: Display>(out: &mut Text, sets: &ExpirySets<T>) -> fmt::Result {
    writeln!(out, "Sets ({})/({}):", sets.sets.len(), sets.member_count)?;
    for ExpirySet { expires_ms, members } in &sets.sets {
        writeln!(out, "{} expire at {}:", members.len(), Utc::from_millis(*expires_ms))?;
        members.iter().try_for_each(|member| writeln!(out, "\t{member}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::answer;

    const NO_PATHS: [(SessionId, [&str; 0]); 0] = [];

    fn sets<T>(sets: Vec<(i64, Vec<T>)>) -> ExpirySets<T> {
        let member_count = sets.iter().map(|(_, members)| members.len()).sum();
        let sets = sets.into_iter();
        let sets = sets.map(|(seconds, members)| ExpirySet { expires_ms: seconds * 1000, members });
        ExpirySets { sets: sets.collect(), member_count }
    }

    #[test]
    fn dump_of_an_idle_server_has_its_headings_only() {
        let text = answer(usize::MAX, |out| dump(out, &sets(vec![]), NO_PATHS, &sets(vec![])));
        let expect = "SessionTracker dump:\nSession Sets (0)/(0):\nephemeral nodes dump:\n\
             Sessions with Ephemerals (0):\nConnections dump:\nConnections Sets (0)/(0):\n";
        assert_eq!(text, expect);
    }

    #[test]
    fn dump_shows_sessions_ephemerals_and_connections() {
        let (first, second) = (SessionId(0x0100_000c_4891_0000), SessionId(0x0100_000c_4891_0001));
        let sessions = sets(vec![
            (1_795_653_479, vec![]),
            (1_795_653_482, vec![SessionEntry(first)]),
            (1_795_653_503, vec![SessionEntry(second)]),
        ]);
        let entry =
            |port: u16, session| ConnectionEntry { remote: ([127, 0, 0, 1], port).into(), session };
        let connections =
            sets(vec![(1_795_653_489, vec![entry(42426, first), entry(60524, SessionId::NONE)])]);
        let ephemerals = [(second, vec!["/e3"]), (first, vec!["/e1", "/e2"])];
        let text = answer(usize::MAX, |out| dump(out, &sessions, ephemerals, &connections));
        let expect = "SessionTracker dump:\n\
             Session Sets (3)/(2):\n\
             0 expire at Thu Nov 26 00:37:59 UTC 2026:\n\
             1 expire at Thu Nov 26 00:38:02 UTC 2026:\n\
             \t0x100000c48910000\n\
             1 expire at Thu Nov 26 00:38:23 UTC 2026:\n\
             \t0x100000c48910001\n\
             ephemeral nodes dump:\n\
             Sessions with Ephemerals (2):\n\
             0x100000c48910001:\n\
             \t/e3\n\
             0x100000c48910000:\n\
             \t/e1\n\
             \t/e2\n\
             Connections dump:\n\
             Connections Sets (1)/(2):\n\
             2 expire at Thu Nov 26 00:38:09 UTC 2026:\n\
             \tip: /127.0.0.1:42426 sessionId: 0x100000c48910000\n\
             \tip: /127.0.0.1:60524 sessionId: 0x0\n";
        assert_eq!(text, expect);
    }
}
