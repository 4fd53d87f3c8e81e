//! The directories of a server: where they are, that they are fit for use, and that nobody else
//! uses them.

mod layout;
mod lock;
mod occupant;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::Zxid;

pub use layout::Layout;
pub(crate) use lock::LOCK_FILE;
use lock::Lock;

use crate::disk::{Disk, RealDisk};
use crate::error::Error;
use crate::log::{LogOptions, LogWriter, truncate_log};
use crate::purge::purge;
use crate::recovery::{Progress, Recovered, RecoveryOptions, recover};
use crate::snapshot::{Pace, SnapshotFile, SnapshotOptions, State, write_snapshot};

/// Which directories, and whether they may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// For snapshots (`dataDir`).
    pub data_dir: PathBuf,
    /// For logs (`dataLogDir`); the same unless configured.
    pub data_log_dir: PathBuf,
    /// Whether missing ones are made (`datadir.autocreate`).
    pub autocreate: bool,
}

/// The directories of one server, held against all others as long as this lives. All that storage
/// does for a server starts here.
#[derive(Debug)]
pub struct DataDirectory {
    disk: Arc<dyn Disk>,
    layout: Layout,
    locks: Vec<Lock>,
}

impl DataDirectory {
    /// Opens the directories: makes or checks them, sees that no live server of Java's uses them,
    /// and takes our own lock.
    ///
    /// # Errors
    /// When they are missing, not writable, mixed up, or in use. Nothing in them was changed then.
    pub fn open(options: &DirectoryOptions) -> Result<DataDirectory, Error> {
        let layout = Layout::new(&options.data_dir, &options.data_log_dir);
        occupant::look(&layout, options)?;
        layout.prepare(&RealDisk, options.autocreate).map_err(Error::of_directory)?;
        let locks: Result<_, _> = layout.dirs().map(Lock::take).collect();
        let locks = locks.map_err(Error::of_directory)?;
        Ok(DataDirectory { disk: Arc::new(RealDisk), layout, locks })
    }

    /// Opens directories on a disk of the caller's, which nobody else can reach: no lock is taken.
    ///
    /// # Errors
    /// When they are missing or mixed up.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        options: &DirectoryOptions,
    ) -> Result<DataDirectory, Error> {
        let layout = Layout::new(&options.data_dir, &options.data_log_dir);
        layout.prepare(&*disk, options.autocreate)?;
        Ok(DataDirectory { disk, layout, locks: Vec::new() })
    }

    /// Where the files are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// [`recover`] from these directories.
    ///
    /// # Errors
    /// As [`recover`].
    pub fn recover(
        &self,
        options: &RecoveryOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovered, Error> {
        let recovered = recover(&*self.disk, &self.layout, options, progress)?;
        self.locks.iter().for_each(Lock::keep);
        Ok(recovered)
    }

    /// A writer of the log. There must never be two at once.
    #[must_use]
    pub fn log_writer(&self, options: LogOptions) -> LogWriter {
        LogWriter::new(self.disk.clone(), &self.layout.log_dir, options)
    }

    /// [`write_snapshot`] into these directories; any thread may do it, one at a time.
    ///
    /// # Errors
    /// As [`write_snapshot`].
    pub fn write_snapshot(
        &self,
        state: &mut dyn State,
        options: SnapshotOptions,
        pace: &mut dyn Pace,
    ) -> Result<SnapshotFile, Error> {
        write_snapshot(&*self.disk, &self.layout.snap_dir, state, options, pace)
    }

    /// [`purge`] of these directories.
    ///
    /// # Errors
    /// As [`purge`].
    pub fn purge(&self, retain: usize) -> Result<Vec<PathBuf>, Error> {
        purge(&*self.disk, &self.layout, retain)
    }

    /// [`truncate_log`] in these directories, with no writer open.
    ///
    /// # Errors
    /// As [`truncate_log`].
    pub fn truncate_log(&self, upto: Zxid) -> Result<Vec<PathBuf>, Error> {
        truncate_log(&*self.disk, &self.layout.log_dir, upto)
    }

    /// Total length of the files with a snapshot's or a log's name, in bytes, as `mntr` and `dirs`
    /// report it: snapshots, then logs.
    ///
    /// # Errors
    /// When the directories cannot be read.
    pub fn sizes(&self) -> Result<(u64, u64), Error> {
        let size = |dir: &Path| self.layout.size(&*self.disk, dir);
        Ok((size(&self.layout.snap_dir)?, size(&self.layout.log_dir)?))
    }
}
