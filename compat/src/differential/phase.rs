//! How servers are set up.

use std::path::Path;

use super::generator;
use crate::Settings;

/// How both servers are set up for a run.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// What it is called in messages.
    pub name: &'static str,
    /// System properties of both.
    pub properties: &'static [&'static str],
    /// Lines of both configuration files.
    pub lines: &'static [&'static str],
}

/// Sessions outlive the run, and no reaper comes by: what a server does of its own accord, each does in its own time.
const QUIET: &[&str] = &["minSessionTimeout=120000", "maxSessionTimeout=600000"];

/// No reaper comes by.
const STILL: &str = "znode.container.checkIntervalMs=100000000";

impl Phase {
    /// With all that has to be switched on.
    pub const EXTENDED: Phase = Phase {
        name: "extended",
        properties: &["zookeeper.extendedTypesEnabled=true", "zookeeper.enforceQuota=true", STILL],
        lines: &["reconfigEnabled=true"],
    };

    /// As a server is without a word.
    pub const PLAIN: Phase = Phase { name: "plain", properties: &[STILL], lines: &[] };

    /// Settings that change what clients see, one for each run.
    pub const VARIANTS: &[Phase] = &[
        Phase {
            name: "no permission checks",
            properties: &[
                STILL,
                "zookeeper.skipACL=yes",
                "zookeeper.extendedTypesEnabled=true",
                "zookeeper.DigestAuthenticationProvider.enabled=false",
            ],
            lines: &[],
        },
        Phase {
            name: "another hash",
            properties: &[
                STILL,
                "zookeeper.DigestAuthenticationProvider.digestAlg=SHA-256",
                "zookeeper.DigestAuthenticationProvider.superDigest=super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig=",
            ],
            lines: &[],
        },
        Phase {
            name: "small frames",
            properties: &[STILL, "jute.maxbuffer=4096", "zookeeper.extendedTypesEnabled=true"],
            lines: &[],
        },
        Phase {
            name: "old closeSession and TTL nodes",
            properties: &[
                STILL,
                "zookeeper.closeSessionTxn.enabled=false",
                "zookeeper.extendedTypesEnabled=true",
                "zookeeper.emulate353TTLNodes=true",
            ],
            lines: &[],
        },
        Phase {
            name: "eager checks",
            properties: &[
                STILL,
                "zookeeper.enableEagerACLCheck=true",
                "zookeeper.enforceQuota=true",
            ],
            lines: &["maxResponseCacheSize=0"],
        },
    ];

    /// Where and how a server of this phase runs.
    #[must_use]
    pub fn settings(&self, folder: &Path) -> Settings {
        let digest = format!(
            "zookeeper.DigestAuthenticationProvider.superDigest={}",
            generator::SUPER_DIGEST
        );
        let mut settings = Settings::new(folder).property(digest);
        for property in self.properties {
            settings = settings.property(*property);
        }
        for line in QUIET.iter().chain(self.lines) {
            settings = settings.line(*line);
        }
        settings
    }
}
