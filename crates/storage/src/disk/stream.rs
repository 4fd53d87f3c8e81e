use std::io::{self, Read, Write};

use super::DiskFile;
use crate::snapshot::Pace;

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

/// A file written from its front, and synced in pieces.
pub(crate) struct FileSink<'p> {
    file: Box<dyn DiskFile>,
    position: u64,
    /// Where the piece ends that is being written.
    piece_end: u64,
    pace: &'p mut dyn Pace,
}

impl<'p> FileSink<'p> {
    pub(crate) fn new(file: Box<dyn DiskFile>, pace: &'p mut dyn Pace) -> FileSink<'p> {
        let piece_end = pace.next_piece(0);
        FileSink { file, position: 0, piece_end, pace }
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

impl Write for FileSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.position)?;
        self.position += bytes.len() as u64;
        if self.position >= self.piece_end {
            self.sync()?;
            self.piece_end = self.position + self.pace.next_piece(self.position);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
