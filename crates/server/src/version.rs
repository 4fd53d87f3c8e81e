//! The version that clients and dashboards read.

use std::sync::LazyLock;

use crate::calendar::Utc;

/// The release of Apache ZooKeeper whose behaviour is reproduced.
pub const ZOOKEEPER_VERSION: &str = "3.9.5";

/// `3.9.5-rookeeper.<version>-<commit>, built on yyyy-MM-dd HH:mm UTC`.
///
/// (C-001.) Clients take the digits before the first `-` for ZooKeeper's version. The date is that of the
/// commit, so that the same source always builds the same binary.
#[must_use]
pub fn full_version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let (own, commit) = (env!("CARGO_PKG_VERSION"), env!("ROOKEEPER_COMMIT"));
        let seconds = env!("ROOKEEPER_COMMIT_SECONDS").parse().unwrap_or(0);
        let date = Utc::from_seconds(seconds).minute();
        format!("{ZOOKEEPER_VERSION}-rookeeper.{own}-{commit}, built on {date} UTC")
    });
    &VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_has_the_form_that_clients_take_apart() {
        let (version, built) = full_version().split_once(", built on ").unwrap();
        let (zookeeper, rest) = version.split_once('-').unwrap();
        assert_eq!(zookeeper, ZOOKEEPER_VERSION);
        let (own, commit) = rest.strip_prefix("rookeeper.").unwrap().rsplit_once('-').unwrap();
        assert_eq!(own, env!("CARGO_PKG_VERSION"));
        assert!(commit == "unknown" || commit.chars().all(|c| c.is_ascii_hexdigit()));
        assert_eq!(built.len(), "2026-02-11 20:18 UTC".len());
        assert!(built.ends_with(" UTC") && built.as_bytes()[10] == b' ');
    }

    /// What kazoo's `server_version` and Telegraf's and Datadog's checks take from the text.
    #[test]
    fn the_leading_digits_are_zookeeper_s_version() {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let end = full_version().find(|c| !digits(c)).unwrap();
        assert_eq!(&full_version()[..end], "3.9.5");
        let word = full_version().split([' ', ',']).next().unwrap();
        assert!(word.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)), "{word}");
    }
}
