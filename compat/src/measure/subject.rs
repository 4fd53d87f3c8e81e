//! What is measured: Apache ZooKeeper, ours, and the server that does nothing.

use serde::{Deserialize, Serialize};

use crate::{Kind, Release};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Apache ZooKeeper 3.9.
    Java,
    /// The release build of this repository.
    Rookeeper,
    /// The null server.
    Null,
}

impl Subject {
    /// As the report calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Java => "Apache ZooKeeper",
            Self::Rookeeper => "Rookeeper",
            Self::Null => "null server",
        }
    }

    /// Which server of the harness it is; the null server is none of them.
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Java => Some(Kind::Java(Release::V3_9)),
            Self::Rookeeper => Some(Kind::rookeeper()),
            Self::Null => None,
        }
    }
}
