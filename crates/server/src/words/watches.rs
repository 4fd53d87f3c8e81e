use std::fmt::{self, Display, Write};

use base::SessionId;

use super::text::Text;

/// Numbers of watches on data (those on children are not counted, as in Apache ZooKeeper).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchSummary {
    /// Connections that watch.
    pub connections: u64,
    /// Paths that are watched.
    pub paths: u64,
    /// Watches.
    pub watches: u64,
}

/// `wchs`: the number of watches.
///
/// # Errors
/// The text is full.
pub fn wchs(out: &mut Text, summary: WatchSummary) -> fmt::Result {
    let WatchSummary { connections, paths, watches } = summary;
    writeln!(out, "{connections} connections watching {paths} paths")?;
    writeln!(out, "Total watches:{watches}")
}

/// `wchc`: the watched paths of each session, on data only.
///
/// # Errors
/// The text is full.
pub fn wchc<Path: Display, Paths: IntoIterator<Item = Path>>(
    out: &mut Text,
    sessions: impl IntoIterator<Item = (SessionId, Paths)>,
) -> fmt::Result {
    write_groups(out, sessions)
}

/// `wchp`: the watching sessions of each path, on data only.
///
/// # Errors
/// The text is full.
pub fn wchp<Path: Display, Sessions: IntoIterator<Item = SessionId>>(
    out: &mut Text,
    paths: impl IntoIterator<Item = (Path, Sessions)>,
) -> fmt::Result {
    write_groups(out, paths)
}

fn write_groups<Key: Display, Member: Display, Members: IntoIterator<Item = Member>>(
    out: &mut Text,
    groups: impl IntoIterator<Item = (Key, Members)>,
) -> fmt::Result {
    for (key, members) in groups {
        writeln!(out, "{key}")?;
        members.into_iter().try_for_each(|member| writeln!(out, "\t{member}"))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::answer;

    const SESSION: SessionId = SessionId(0x0100_000c_4891_0001);

    #[test]
    fn wchs_counts() {
        let summary = WatchSummary { connections: 2, paths: 1, watches: 3 };
        let text = answer(usize::MAX, |out| wchs(out, summary));
        assert_eq!(text, "2 connections watching 1 paths\nTotal watches:3\n");
    }

    #[test]
    fn wchc_lists_paths_by_session_and_wchp_sessions_by_path() {
        let text = answer(usize::MAX, |out| wchc(out, [(SESSION, ["/nope", "/a"])]));
        assert_eq!(text, "0x100000c48910001\n\t/nope\n\t/a\n\n");
        let text = answer(usize::MAX, |out| wchp(out, [("/nope", [SESSION])]));
        assert_eq!(text, "/nope\n\t0x100000c48910001\n\n");
    }

    #[test]
    fn without_watches_there_is_one_empty_line() {
        let none: [(SessionId, [&str; 0]); 0] = [];
        assert_eq!(answer(usize::MAX, |out| wchc(out, none)), "\n");
    }

    #[test]
    fn no_more_watches_are_looked_at_than_are_shown() {
        let mut seen = 0;
        let paths = (0..1_000_000).map(|n| (n, [SESSION])).inspect(|_| seen += 1);
        let text = answer(200, |out| wchp(out, paths));
        assert!(text.ends_with("\nThe answer is cut at 200 bytes.\n"));
        assert!(seen < 20, "{seen}");
    }
}
