use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::Error;

/// The file that our servers lock. Java takes no notice of it: it is called neither `log.*` nor
/// `snapshot.*`.
pub(crate) const LOCK_FILE: &str = "rookeeper.lock";

/// A directory held by this process. The system releases it when the process ends, however it does;
/// the file stays, because removing it could take the lock of a server that starts just then.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Lock, Error> {
        let path = dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(Error::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(dir, &mut file)),
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path)(e)),
        }
        let pid = format!("{}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(Error::io("write", &path))?;
        Ok(Lock { _file: file })
    }
}

fn held(dir: &Path, file: &mut File) -> Error {
    let mut pid = String::new();
    // Only to name the holder; without it the message is still right.
    let _ = file.read_to_string(&mut pid);
    Error::InUse { path: dir.to_owned(), holder: format!("another server, process {}", pid.trim()) }
}
