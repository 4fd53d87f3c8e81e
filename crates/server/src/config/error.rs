//! Why a server does not start with the configuration it was given.

use std::io;
use std::path::PathBuf;

use super::origin::Origin;

/// A configuration that the server does not start with. The message names the place, the key, the
/// value (passwords aside) and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The arguments of the command make no sense.
    #[error("{0}\n{USAGE}")]
    Usage(String),
    /// A file of the configuration cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file as its owner named it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A line is not what a properties file may hold.
    #[error(
        "{origin}: \\u is not followed by four hexadecimal digits; write \\\\u for the two characters \\ and u"
    )]
    Malformed {
        /// The line.
        origin: Origin,
    },
    /// A key that must be given is not.
    #[error("{origin}: {key} is not set; {wanted}")]
    Missing {
        /// Where it should stand.
        origin: Origin,
        /// The key.
        key: String,
        /// What to write.
        wanted: String,
    },
    /// A value cannot be used.
    #[error("{origin}: {key}={value}: {wanted}")]
    Wrong {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// The value, or a placeholder for a password.
        value: String,
        /// What is wrong and what would be right.
        wanted: String,
    },
    /// The server has no such protection yet, and starting without it would leave open what its
    /// owner believes closed.
    #[error("{origin}: {key}={value} is refused: {reason}; remove the key to start without it")]
    Refused {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be left open.
        reason: String,
    },
    /// The configuration describes an ensemble.
    #[error(
        "{origin}: this configuration describes an ensemble (server lines: {members}); this version runs one \
         server alone, ensembles come in a later one: leave one server line, or none, and standaloneEnabled=true"
    )]
    Ensemble {
        /// The first server line.
        origin: Origin,
        /// How many server lines there are.
        members: usize,
    },
}

/// The forms of the command, as ZooKeeper's own main class has them.
pub const USAGE: &str =
    "Usage: rookeeper server [-Dname=value ...] [configfile | port datadir [ticktime] [maxcnxns]]";

impl ConfigError {
    /// The exit code of the process: 2, as for every wrong configuration in ZooKeeper.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        2
    }
}

/// The value as a message may show it: passwords, secrets and digests are replaced.
#[must_use]
pub fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    let key = key.to_ascii_lowercase();
    let secret =
        ["password", "passwd", "secret", "superdigest"].iter().any(|word| key.contains(word));
    if secret && !key.ends_with("passwordpath") { "(hidden)" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_place_key_value_and_what_would_be_right() {
        let error = ConfigError::Wrong {
            origin: Origin::Line { file: PathBuf::from("/etc/zoo.cfg"), line: 3 },
            key: "clientPort".into(),
            value: shown("clientPort", "2181a").into(),
            wanted: "not a number; write a port from 1 to 65535".into(),
        };
        assert_eq!(
            error.to_string(),
            "/etc/zoo.cfg, line 3: clientPort=2181a: not a number; write a port from 1 to 65535"
        );
    }

    #[test]
    fn passwords_are_never_shown() {
        for key in [
            "ssl.keyStore.password",
            "ssl.quorum.trustStore.password",
            "DigestAuthenticationProvider.superDigest",
            "javax.net.ssl.keyStorePassword",
            "SASLAuthenticationProvider.superPassword",
        ] {
            assert_eq!(shown(key, "s3cret"), "(hidden)", "{key}");
        }
        assert_eq!(shown("ssl.keyStore.passwordPath", "/etc/pw"), "/etc/pw");
    }
}
