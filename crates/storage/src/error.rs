use std::io;
use std::path::{Path, PathBuf};

use crate::recovery::Finding;

/// Why storage cannot go on. Every one is final for the running server: a failed write or sync is
/// not tried again, because after it nobody knows what the disk holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A call of the operating system failed.
    #[error("cannot {action} {}: {source}; {}", path.display(), remedy(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// An earlier write or sync of this log failed; nothing more is written to it.
    #[error("{} failed before and takes no more writes; restart the server", path.display())]
    LogFailed {
        /// The log file.
        path: PathBuf,
    },
    /// The files do not allow a start without doubt about what was committed.
    #[error("{0}")]
    Refused(Box<Finding>),
    /// A snapshot that cannot be read as a whole.
    #[error("{} is damaged at offset {offset}: {what}", path.display())]
    DamagedSnapshot {
        /// The file.
        path: PathBuf,
        /// Where in its uncompressed content, in bytes.
        offset: u64,
        /// What was found there.
        what: String,
    },
    /// The data directory cannot be used as it is.
    #[error("{}: {what}; {remedy}", path.display())]
    Directory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What would make it right.
        remedy: &'static str,
    },
    /// Another live server holds the directory.
    #[error("{} is in use by {holder}; stop it or name another dataDir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who holds it, as far as can be told.
        holder: String,
    },
}

impl Error {
    /// Wraps the answer of a system call, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    }

    /// The same of a server that has not begun yet: its directory is not usable.
    pub(crate) fn of_directory(self) -> Error {
        match self {
            Error::Io { action, path, source } => {
                let what = format!("cannot {action} it: {source}");
                Error::Directory { path, what, remedy: remedy(&source) }
            }
            other => other,
        }
    }
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Error {
        Error::Refused(Box::new(finding))
    }
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space on its file system and start again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let the server's user read and write it"
        }
        io::ErrorKind::NotFound => "check dataDir and dataLogDir",
        _ => "check the device and its file system, then start again",
    }
}
