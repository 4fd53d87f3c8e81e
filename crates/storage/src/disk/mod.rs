//! The seam below which files live: the real file system, or one in memory that fails on order.

use std::fmt;
use std::io;
use std::path::Path;

#[cfg(any(test, feature = "fakes"))]
pub mod fake;
mod real;
mod stream;

pub use real::RealDisk;
pub(crate) use stream::{FileSink, FileSource};

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name. What is not UTF-8 is shown with U+FFFD: such a name is never one of ours.
    pub name: String,
    /// Whether it is a plain file.
    pub is_file: bool,
}

/// What an opened file is wanted for. Reading asks for no more rights than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read it.
    Read,
    /// To read and change it.
    Write,
}

/// Directories and the names in them. A name is durable once [`sync_dir`](Disk::sync_dir) has
/// returned, and not before.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// Whatever the system answers; `NotFound` when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Makes the directory and those above it, durably. One that is there is left alone.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// Whatever the system answers; `NotFound` when there is no such file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;

    /// Makes an empty file; one of that name is emptied.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name; what had that name is gone. At no time do both or neither exist.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The content of one open file. It is durable once [`sync_data`](DiskFile::sync_data) has
/// returned; until then a crash may leave any part of it, in any mixture.
pub trait DiskFile: fmt::Debug + Send {
    /// The file's length in bytes.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn length(&self) -> io::Result<u64>;

    /// Reads what is there at `offset`, at most `into.len()` bytes; 0 only at the end.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all the bytes at `offset`; the file grows as needed.
    ///
    /// # Errors
    /// Whatever the system answers. Any part of the bytes may then have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file or extends it with zeros, which take no room until written.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// Whatever the system answers. What the disk holds is then unknown: never try again.
    fn sync_data(&self) -> io::Result<()>;
}
