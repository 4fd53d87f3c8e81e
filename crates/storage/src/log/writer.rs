use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Zxid;

use super::header;
use crate::disk::{Disk, DiskFile};
use crate::error::Error;
use crate::file_name::FileName;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// By how many bytes a file grows ahead of what is written (`preAllocSize`); 0 is off.
    pub preallocate_bytes: u64,
    /// Whether [`LogWriter::sync`] waits for the disk (`forceSync`). Without it a power cut takes
    /// acknowledged writes away.
    pub force_sync: bool,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { preallocate_bytes: 64 << 20, force_sync: true }
    }
}

/// Java grows the file when fewer than this many bytes are left of it.
const ROOM_KEPT: u64 = 4096;

/// How far ahead zeros are really written. Java only sets the length; the blocks are then found
/// and entered in the file system's journal at each sync. Written zeros move that out of the way of
/// small groups (4 KiB groups: 8.9k instead of 6.6k syncs a second on ext4).
const ZEROS_AHEAD: u64 = 256 << 10;

/// Groups larger than this gain nothing from zeros: they would only write everything twice.
const SMALL_GROUP: usize = 32 << 10;

/// Appends to the log. Owned by the one thread that writes it.
///
/// # Invariants
/// - The first append after [`new`](LogWriter::new) and after [`roll`](LogWriter::roll) opens a
///   new file: nothing is ever written behind a tail that recovery found.
/// - After an error nothing more is written, ever.
#[derive(Debug)]
pub struct LogWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
    open: Option<OpenLog>,
    failed: Option<PathBuf>,
}

#[derive(Debug)]
struct OpenLog {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    /// Where the next entry goes.
    position: u64,
    /// The file's length.
    allocated: u64,
    /// Up to where the file is known to hold written zeros.
    zeroed: u64,
    unsynced: bool,
}

impl LogWriter {
    /// A writer into `dir`, which holds nothing yet: the first append names the first file.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, options: LogOptions) -> LogWriter {
        LogWriter { disk, dir: dir.to_owned(), options, open: None, failed: None }
    }

    /// Writes a run of entries, each made by [`frame_entry`](super::frame_entry); `first` is the
    /// zxid of the first. It is durable only once [`sync`](LogWriter::sync) has returned.
    ///
    /// # Errors
    /// When the disk refuses. The writer is then of no more use.
    pub fn append(&mut self, first: Zxid, entries: &[u8]) -> Result<(), Error> {
        self.usable()?;
        if entries.is_empty() {
            return Ok(());
        }
        let done = self.write(first, entries);
        self.remember_failure(done)
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// When the disk refuses. The writer is then of no more use: after a failed sync the system
    /// may count lost pages as written.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.usable()?;
        let done = match &mut self.open {
            Some(log) if log.unsynced && self.options.force_sync => log.sync(),
            _ => Ok(()),
        };
        self.remember_failure(done)
    }

    /// Ends the file: what was appended is made durable, and the next append opens a new one.
    ///
    /// # Errors
    /// As [`sync`](LogWriter::sync).
    pub fn roll(&mut self) -> Result<(), Error> {
        self.sync()?;
        self.open = None;
        Ok(())
    }

    /// Bytes written to the present file, its header included; 0 when none is open.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |log| log.position)
    }

    /// The present file, if one is open.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.open.as_ref().map(|log| log.path.as_path())
    }

    fn write(&mut self, first: Zxid, entries: &[u8]) -> Result<(), Error> {
        let log = match &mut self.open {
            Some(log) => log,
            none => {
                let path = self.dir.join(FileName::Log(first).to_string());
                let log = OpenLog::create(&*self.disk, path, self.options.preallocate_bytes)?;
                if self.options.force_sync {
                    log.sync_header(&*self.disk, &self.dir)?;
                }
                none.insert(log)
            }
        };
        log.make_room(entries.len() as u64, self.options.preallocate_bytes)?;
        if self.options.preallocate_bytes > 0 && entries.len() <= SMALL_GROUP {
            log.zero_ahead(entries.len() as u64)?;
        }
        log.write(entries)
    }

    fn usable(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(path) => Err(Error::LogFailed { path: path.clone() }),
        }
    }

    fn remember_failure(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        if done.is_err() {
            let file = self.open.take().map(|log| log.path);
            self.failed = Some(file.unwrap_or_else(|| self.dir.clone()));
        }
        done
    }
}

impl OpenLog {
    fn create(disk: &dyn Disk, path: PathBuf, step: u64) -> Result<OpenLog, Error> {
        let file = disk.create(&path).map_err(Error::io("create", &path))?;
        let mut log = OpenLog { file, path, position: 0, allocated: 0, zeroed: 0, unsynced: false };
        log.write(&header())?;
        log.make_room(0, step)?;
        Ok(log)
    }

    /// Makes header, length and name durable before anything is appended: a file that holds entries
    /// but no header was damaged, not cut short.
    fn sync_header(&self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        let synced = self.file.sync_data();
        synced.map_err(Error::io("sync", &self.path))?;
        disk.sync_dir(dir).map_err(Error::io("sync", dir))
    }

    /// Java's rule: grow by the whole step as soon as fewer than 4096 bytes are left. Here the step
    /// is taken before the group is written, so that a torn write always lies among zeros.
    fn make_room(&mut self, bytes: u64, step: u64) -> Result<(), Error> {
        let wanted = self.position + bytes + ROOM_KEPT;
        if step == 0 || wanted < self.allocated {
            return Ok(());
        }
        let steps = (wanted - self.allocated) / step + 1;
        let length = self.allocated + steps * step;
        let grown = self.file.set_len(length);
        grown.map_err(Error::io("preallocate", &self.path))?;
        self.allocated = length;
        Ok(())
    }

    fn zero_ahead(&mut self, bytes: u64) -> Result<(), Error> {
        let end = self.position + bytes;
        if end <= self.zeroed {
            return Ok(());
        }
        let from = self.zeroed.max(self.position);
        let upto = self.allocated.min(from + ZEROS_AHEAD);
        let zeros = vec![0; usize::try_from(upto - from).unwrap_or_default()];
        let filled = self.file.write_at(&zeros, from);
        filled.map_err(Error::io("preallocate", &self.path))?;
        self.zeroed = upto;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.unsynced = true;
        let written = self.file.write_at(bytes, self.position);
        written.map_err(Error::io("write", &self.path))?;
        self.position += bytes.len() as u64;
        self.allocated = self.allocated.max(self.position);
        self.zeroed = self.zeroed.max(self.position);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        let synced = self.file.sync_data();
        synced.map_err(Error::io("sync", &self.path))?;
        self.unsynced = false;
        Ok(())
    }
}
