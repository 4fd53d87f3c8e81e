use std::fmt;

use base::Zxid;

/// How a snapshot's content is packed; its name's suffix says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// One gzip stream (`.gz`).
    Gzip,
    /// The framing of snappy-java (`.snappy`).
    Snappy,
}

impl Compression {
    const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Snappy];

    const fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Snappy => ".snappy",
        }
    }
}

/// The exact name of a log or snapshot: zxid in lower-case hex without padding.
///
/// Only exact names count (C-014). Java takes `log.5.bak` for `log.5`, so that a copy left by an operator
/// is replayed; here such a file is somebody else's and is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileName {
    /// `log.<zxid of the first entry>`
    Log(Zxid),
    /// `snapshot.<last zxid contained>[.gz|.snappy]`
    Snapshot(Zxid, Compression),
}

/// What a file being written is called until it is whole. Java takes whatever starts with
/// `snapshot.` for a snapshot, so this one does not.
pub(crate) const UNFINISHED: &str = "unfinished.";

impl FileName {
    /// Reads a name; `None` when it is not exactly one that a server writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<FileName> {
        let parsed = Self::candidate(name)?;
        (parsed.to_string() == name).then_some(parsed)
    }

    fn candidate(name: &str) -> Option<FileName> {
        let hex = |digits| i64::from_str_radix(digits, 16).ok().map(Zxid);
        if let Some(digits) = name.strip_prefix("log.") {
            return hex(digits).map(FileName::Log);
        }
        let (digits, suffix) = {
            let rest = name.strip_prefix("snapshot.")?;
            rest.split_at(rest.find('.').unwrap_or(rest.len()))
        };
        let compression = Compression::ALL.into_iter().find(|c| c.suffix() == suffix)?;
        Some(FileName::Snapshot(hex(digits)?, compression))
    }

    /// The name while the file is being written.
    #[must_use]
    pub(crate) fn unfinished(self) -> String {
        format!("{UNFINISHED}{self}")
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileName::Log(zxid) => write!(f, "log.{:x}", zxid.0),
            FileName::Snapshot(zxid, packed) => {
                write!(f, "snapshot.{:x}{}", zxid.0, packed.suffix())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_are_read() {
        let check = |name, expect| assert_eq!(FileName::parse(name), Some(expect), "{name}");
        check("log.1", FileName::Log(Zxid(1)));
        check("log.10000000a", FileName::Log(Zxid(0x1_0000_000a)));
        check("snapshot.0", FileName::Snapshot(Zxid(0), Compression::None));
        check("snapshot.ff.gz", FileName::Snapshot(Zxid(255), Compression::Gzip));
        check("snapshot.ff.snappy", FileName::Snapshot(Zxid(255), Compression::Snappy));
    }

    #[test]
    fn anything_else_is_somebody_elses() {
        for name in [
            "log.5.bak",
            "log.05",
            "log.A",
            "log.",
            "log.-1",
            "log.+1",
            "log.5 ",
            "Log.5",
            "log.g",
            "log.ffffffffffffffff",
            "snapshot.5.tmp",
            "snapshot.5.gz.gz",
            "snapshot.",
            "snapshot",
            "snapshot.5.GZ",
            "unfinished.snapshot.5",
            "currentEpoch",
            "",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
