use std::io;
use std::path::{Path, PathBuf};

use base::Zxid;

use crate::disk::{Access, Disk};
use crate::error::Error;
use crate::file_name::FileName;

/// Every file of the formats that this crate writes lies in a directory of this name.
const VERSION_DIR: &str = "version-2";

/// Where a server's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Snapshots and epoch files: `dataDir/version-2`.
    pub snap_dir: PathBuf,
    /// Logs: `dataLogDir/version-2`, mostly the same.
    pub log_dir: PathBuf,
}

impl Layout {
    /// The layout below `dataDir` and `dataLogDir`.
    #[must_use]
    pub fn new(data_dir: &Path, data_log_dir: &Path) -> Layout {
        Layout { snap_dir: data_dir.join(VERSION_DIR), log_dir: data_log_dir.join(VERSION_DIR) }
    }

    /// The log file that begins with `first`.
    #[must_use]
    pub fn log(&self, first: Zxid) -> PathBuf {
        self.log_dir.join(FileName::Log(first).to_string())
    }

    /// The directories, each once.
    pub(crate) fn dirs(&self) -> impl Iterator<Item = &Path> {
        let logs = (self.log_dir != self.snap_dir).then_some(self.log_dir.as_path());
        std::iter::once(self.snap_dir.as_path()).chain(logs)
    }

    /// Makes what is missing, if that is allowed, and checks that the two were not exchanged.
    pub(crate) fn prepare(&self, disk: &dyn Disk, autocreate: bool) -> Result<(), Error> {
        for dir in self.dirs() {
            match disk.list(dir) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound && autocreate => {
                    disk.create_dir(dir).map_err(|e| unusable("create", dir, e))?;
                }
                Err(e) => return Err(unusable("read", dir, e)),
            }
        }
        self.refuse_exchanged(disk)
    }

    /// A log where snapshots belong would be missed by recovery, and the other way round.
    fn refuse_exchanged(&self, disk: &dyn Disk) -> Result<(), Error> {
        if self.snap_dir == self.log_dir {
            return Ok(());
        }
        for entry in disk.list(&self.log_dir).map_err(Error::io("list", &self.log_dir))? {
            if let Some(FileName::Snapshot(..)) = FileName::parse(&entry.name) {
                return Err(exchanged(&self.log_dir, &entry.name, "log directory has snapshot"));
            }
        }
        for entry in disk.list(&self.snap_dir).map_err(Error::io("list", &self.snap_dir))? {
            if let Some(FileName::Log(_)) = FileName::parse(&entry.name) {
                return Err(exchanged(&self.snap_dir, &entry.name, "snapshot directory has log"));
            }
        }
        Ok(())
    }

    /// Total length of the snapshots and logs in `dir`, in bytes.
    pub(crate) fn size(&self, disk: &dyn Disk, dir: &Path) -> Result<u64, Error> {
        let mut total = 0;
        for entry in disk.list(dir).map_err(Error::io("list", dir))? {
            if !entry.is_file || FileName::parse(&entry.name).is_none() {
                continue;
            }
            let path = dir.join(&entry.name);
            match disk.open(&path, Access::Read) {
                Ok(file) => total += file.length().map_err(Error::io("read", &path))?,
                // Purged meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("open", &path)(e)),
            }
        }
        Ok(total)
    }
}

fn exchanged(dir: &Path, name: &str, what: &str) -> Error {
    Error::Directory {
        path: dir.join(name),
        what: format!("{what} files"),
        remedy: "check that dataDir and dataLogDir are not exchanged",
    }
}

fn unusable(action: &'static str, dir: &Path, source: io::Error) -> Error {
    let (what, remedy) = match source.kind() {
        io::ErrorKind::NotFound => (
            "the data directory is missing",
            "create it, or allow that with datadir.autocreate=true",
        ),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => (
            "this is or lies in a file, not a directory",
            "move the file away, or name another dataDir",
        ),
        _ => return Error::io(action, dir)(source),
    };
    Error::Directory { path: dir.to_owned(), what: what.to_owned(), remedy }
}
