//! Which server is meant, and the command that starts it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::workspace;

/// A line of releases of Apache ZooKeeper, as `xtask fetch` brings them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// The oldest client that is still met; used as a client only.
    V3_4,
    /// The line before the current one.
    V3_8,
    /// The current line: the judge of what is compatible.
    V3_9,
}

impl Release {
    /// Major and minor version.
    pub fn line(self) -> &'static str {
        match self {
            Self::V3_4 => "3.4",
            Self::V3_8 => "3.8",
            Self::V3_9 => "3.9",
        }
    }

    /// The class path of this release, its logging configuration first.
    pub fn class_path(self) -> String {
        let folder = workspace::cache().join("java").join(self.line());
        format!("{}:{}/*", folder.join("conf").display(), folder.join("lib").display())
    }
}

/// Which server to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Ours, by the path of its binary.
    Rookeeper(PathBuf),
    /// Apache ZooKeeper.
    Java(Release),
}

impl Kind {
    /// The binary under test.
    pub fn rookeeper() -> Self {
        Self::Rookeeper(workspace::binary())
    }

    /// The server that the suites try: ours, or with `ROOKEEPER_JUDGE=java` the judge itself, to see that what a
    /// suite expects is right.
    pub fn under_test() -> Self {
        match std::env::var("ROOKEEPER_JUDGE") {
            Ok(judge) if judge == "java" => Self::Java(Release::V3_9),
            _ => Self::rookeeper(),
        }
    }

    /// The command that starts a server on the configuration file `config`.
    pub(crate) fn command(&self, config: &Path, properties: &[String], jvm: &[String]) -> Command {
        let properties = properties.iter().map(|property| format!("-D{property}"));
        let mut command;
        match self {
            Self::Rookeeper(binary) => {
                command = Command::new(binary);
                command.arg("server").args(properties).arg(config);
            }
            Self::Java(release) => {
                command = Command::new("java");
                command.args(["-cp", &release.class_path()]).args(jvm).args(properties);
                command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(config);
            }
        }
        for flags in ["JVMFLAGS", "SERVER_JVMFLAGS", "CLASSPATH"] {
            command.env_remove(flags);
        }
        command
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rookeeper(binary) => write!(f, "{}", binary.display()),
            Self::Java(release) => write!(f, "Apache ZooKeeper {}", release.line()),
        }
    }
}
