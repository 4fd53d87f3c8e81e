use std::io::{self, Read, Write};

use super::DiskFile;

/// A file read from its front.
#[derive(Debug)]
pub(crate) struct FileSource {
    file: Box<dyn DiskFile>,
    position: u64,
}

impl FileSource {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> FileSource {
        FileSource { file, position: 0 }
    }
}

impl Read for FileSource {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.file.read_at(into, self.position)?;
        self.position += taken as u64;
        Ok(taken)
    }
}

/// How much may be written and not synced, in bytes. A journal's commit takes along what is dirty
/// of a file that grows, and whoever syncs another file, the log, waits for it.
const UNSYNCED_MAX: u64 = 4 << 20;

/// A file written from its front.
#[derive(Debug)]
pub(crate) struct FileSink {
    file: Box<dyn DiskFile>,
    position: u64,
    synced: u64,
}

impl FileSink {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> FileSink {
        FileSink { file, position: 0, synced: 0 }
    }

    /// How many bytes were written.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Makes all of it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.position)?;
        self.position += bytes.len() as u64;
        if self.position - self.synced >= UNSYNCED_MAX {
            self.sync()?;
            self.synced = self.position;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
