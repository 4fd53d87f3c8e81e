use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// The file that our servers lock. Java takes no notice of it: it is called neither `log.*` nor
/// `snapshot.*`.
pub(crate) const LOCK_FILE: &str = "rookeeper.lock";

/// A directory held by this process. The system releases it when the process ends, however it does.
///
/// The file stays once the directory is known to be ours. A start that comes to nothing takes back
/// the one that it made: it may have looked into somebody else's directory.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    path: PathBuf,
    /// Whether this start made the file, and has not found yet that the directory is ours.
    is_tentative: AtomicBool,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Lock, Error> {
        let path = dir.join(LOCK_FILE);
        loop {
            let (mut file, is_new) = open(&path).map_err(Error::io("write", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(dir, &mut file)),
                Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path)(e)),
            }
            // Whoever made it may have taken it back since it was opened: then it locks nothing.
            if !is_at(&file, &path).map_err(Error::io("read", &path))? {
                continue;
            }
            let pid = format!("{}\n", std::process::id());
            let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
            written.map_err(Error::io("write", &path))?;
            return Ok(Lock { _file: file, path, is_tentative: AtomicBool::new(is_new) });
        }
    }

    /// The directory is ours.
    pub(super) fn keep(&self) {
        self.is_tentative.store(false, Ordering::Relaxed);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if *self.is_tentative.get_mut() {
            // If it stays, it does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The file, and whether it was not there before.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(|file| (file, true)),
    }
    options.create(true).truncate(false).open(path).map(|file| (file, false))
}

/// Whether the path still names the file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn held(dir: &Path, file: &mut File) -> Error {
    let mut pid = String::new();
    // Only to name the holder; without it the message is still right.
    let _ = file.read_to_string(&mut pid);
    Error::InUse { path: dir.to_owned(), holder: format!("another server, process {}", pid.trim()) }
}
