//! Quotas: nodes under `/zookeeper/quota` that limit, and count, what lies below a path.

use alloc::string::String;
use core::fmt;

use foldhash::quality::FixedState;
use hashbrown::HashSet;

/// Where quotas are kept.
pub(crate) const ROOT: &str = "/zookeeper/quota";
/// Name of the node that holds the limits of a path.
pub(crate) const LIMITS: &str = "zookeeper_limits";
/// Name of the node that holds what is counted below a path.
pub(crate) const STATS: &str = "zookeeper_stats";

/// Number of nodes and bytes of data: as counted, or as limited (-1 is no limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes, the top one included.
    pub count: i64,
    /// Bytes of data.
    pub bytes: i64,
    /// Nodes that may not be exceeded; only within limits.
    pub count_hard: i64,
    /// Bytes that may not be exceeded; only within limits.
    pub bytes_hard: i64,
}

impl Limits {
    /// A count of nodes and bytes.
    pub(crate) fn counted(count: i64, bytes: i64) -> Limits {
        Limits { count, bytes, count_hard: -1, bytes_hard: -1 }
    }

    /// What is counted once this much has come. Clients may have written any number, so it wraps, as
    /// in Java: it must neither stop a server nor keep it from replaying its log.
    pub(crate) fn plus(self, count: i64, bytes: i64) -> Limits {
        let (count, bytes) = (self.count.wrapping_add(count), self.bytes.wrapping_add(bytes));
        Limits { count, bytes, ..self }
    }

    /// Reads the text of a limits or stats node; what is missing or odd is unlimited.
    ///
    /// A stray `=` stands before the hard limits: older servers write and expect it
    /// (`StatsTrack`, C-018).
    pub(crate) fn parse(data: &[u8]) -> Limits {
        let mut limits = Limits::counted(-1, -1);
        let text = core::str::from_utf8(data).unwrap_or_default();
        for pair in text.split([',', ';']) {
            let mut parts = pair.split('=');
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
                continue;
            };
            let value = value.trim().parse().unwrap_or(-1);
            match key.trim() {
                "count" => limits.count = value,
                "bytes" => limits.bytes = value,
                "countHardLimit" => limits.count_hard = value,
                "byteHardLimit" => limits.bytes_hard = value,
                _ => {}
            }
        }
        limits
    }

    /// The limit of nodes in force, and whether it is hard. A hard one replaces the soft one.
    pub(crate) fn count_limit(&self) -> Option<(i64, bool)> {
        in_force(self.count, self.count_hard)
    }

    /// The limit of bytes in force, and whether it is hard.
    pub(crate) fn bytes_limit(&self) -> Option<(i64, bool)> {
        in_force(self.bytes, self.bytes_hard)
    }
}

fn in_force(soft: i64, hard: i64) -> Option<(i64, bool)> {
    match (soft, hard) {
        (_, 0..) => Some((hard, true)),
        (0.., _) => Some((soft, false)),
        _ => None,
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "count={},bytes={}", self.count, self.bytes)?;
        if self.count_hard >= 0 || self.bytes_hard >= 0 {
            let (bytes, count) = (self.bytes_hard, self.count_hard);
            write!(f, "=;byteHardLimit={bytes};countHardLimit={count}")?;
        }
        Ok(())
    }
}

/// The paths that have limits.
#[derive(Debug)]
pub(crate) struct LimitedPaths(HashSet<String, FixedState>);

impl LimitedPaths {
    pub(crate) fn new(hash_seed: u64) -> LimitedPaths {
        LimitedPaths(HashSet::with_hasher(FixedState::with_seed(hash_seed)))
    }

    /// Notes that limits were created for `path`. Limits of the root are ignored, as in Java.
    pub(crate) fn insert(&mut self, path: &str) {
        if path.len() > 1 {
            self.0.insert(path.into());
        }
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The deepest limited path at or above `path`.
    pub(crate) fn covering<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.0.is_empty() || path.starts_with("/zookeeper/") {
            return None;
        }
        let mut at = path;
        while !at.is_empty() {
            if self.0.contains(at) {
                return Some(at);
            }
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
        None
    }
}

/// The path whose limits or stats a node under [`ROOT`] holds; `parent` is that node's parent.
pub(crate) fn subject(parent: &str) -> Option<&str> {
    parent.strip_prefix(ROOT)
}

/// The stats node of `path`.
pub(crate) fn stats_path(path: &str) -> String {
    alloc::format!("{ROOT}{path}/{STATS}")
}

/// The limits node of `path`.
pub(crate) fn limits_path(path: &str) -> String {
    alloc::format!("{ROOT}{path}/{LIMITS}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_text_is_that_of_java() {
        let text = "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2";
        let limits = Limits::parse(text.as_bytes());
        assert_eq!((limits.count, limits.count_hard, limits.bytes_hard), (-1, 2, -1));
        assert_eq!(limits.to_string(), text);
        assert_eq!(Limits::counted(3, 5).to_string(), "count=3,bytes=5");
        assert_eq!(limits.count_limit(), Some((2, true)));
        assert_eq!(Limits::parse(b"count=4").count_limit(), Some((4, false)));
        assert_eq!(Limits::parse(b"nonsense").bytes_limit(), None);
    }

    #[test]
    fn the_deepest_limited_ancestor_counts() {
        let mut paths = LimitedPaths::new(0);
        ["/a", "/a/b", "/"].iter().for_each(|path| paths.insert(path));
        assert_eq!(paths.covering("/a/b/c"), Some("/a/b"));
        assert_eq!(paths.covering("/a/bc"), Some("/a"));
        assert_eq!(paths.covering("/a"), Some("/a"));
        assert_eq!(paths.covering("/b"), None);
        assert_eq!(paths.covering("/zookeeper/quota/a"), None);
    }
}
