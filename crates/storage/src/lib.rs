//! Transaction log, snapshots, recovery and purge, in ZooKeeper's own formats: an Apache ZooKeeper
//! 3.8 or 3.9 and this crate read each other's directories.
//!
//! All IO is blocking and goes through [`Disk`], so that tests can make any call fail, tear or be
//! forgotten. What a file may look like after a crash, and what is concluded from it, is one table:
//! [`Case`].
//!
//! # Invariants
//! - Nothing is acknowledged before [`LogWriter::sync`] has returned.
//! - A failed write or sync is never tried again: the writer refuses all further work.
//! - `snapshot.0` is durable before the first log exists (Java refuses a log without a snapshot).
//! - A snapshot appears under its name only when it is whole and durable.
//! - What is doubtful stops the start; nothing committed is dropped in silence.

mod directory;
mod disk;
mod error;
mod file_name;
mod log;
mod policy;
mod purge;
mod recovery;
mod snapshot;
#[cfg(test)]
mod tests;

pub use directory::{DataDirectory, DirectoryOptions, Layout};
#[cfg(any(test, feature = "fakes"))]
pub use disk::fake::{FakeDisk, Fault};
pub use disk::{Access, Disk, DiskFile, Entry, RealDisk};
pub use error::Error;
pub use file_name::{Compression, FileName};
pub use log::{
    LogEnd, LogEntryBytes, LogOptions, LogReader, LogStep, LogWriter, frame_entry, truncate_log,
};
pub use policy::SnapshotPolicy;
pub use purge::purge;
pub use recovery::{
    Case, Epochs, Finding, Origin, Progress, Recovered, RecoveryOptions, Verdict, recover,
};
pub use snapshot::{
    AtRest, FullSpeed, Pace, PieceDone, Shared, SnapshotContent, SnapshotFile, SnapshotOptions,
    State, Step, load_snapshot, valid_snapshots, write_snapshot,
};
