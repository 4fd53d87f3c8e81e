use std::io::{self, Read};

use simd_adler32::Adler32;
use wire::Text;

/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Reads a snapshot's fields from a stream, summing up what was read. Holds one buffer, or the
/// longest field with a buffer behind it: it grows only as bytes arrive.
pub(crate) struct Source<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer has been read.
    read: usize,
    /// What of it is in the sum.
    summed: usize,
    sum: Adler32,
    /// Where the buffer starts in the stream.
    buffer_at: u64,
}

/// Why a snapshot cannot be read: the system, or the bytes.
pub(crate) enum Unreadable {
    Io(io::Error),
    Damaged(String),
}

impl From<io::Error> for Unreadable {
    fn from(source: io::Error) -> Unreadable {
        match source.kind() {
            // What the unpackers say of bytes that were never packed.
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other => Unreadable::Damaged(source.to_string()),
            _ => Unreadable::Io(source),
        }
    }
}

impl<R: Read> Source<R> {
    pub(crate) fn new(input: R) -> Source<R> {
        Source {
            input,
            buffer: Vec::with_capacity(BUFFER),
            read: 0,
            summed: 0,
            sum: Adler32::new(),
            buffer_at: 0,
        }
    }

    /// How many bytes of the uncompressed content have been read.
    pub(crate) fn offset(&self) -> u64 {
        self.buffer_at + self.read as u64
    }

    /// Adler32 of all bytes read so far.
    pub(crate) fn checksum(&mut self) -> u32 {
        self.sum.write(&self.buffer[self.summed..self.read]);
        self.summed = self.read;
        self.sum.finish()
    }

    pub(crate) fn int(&mut self) -> Result<i32, Unreadable> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(crate) fn long(&mut self) -> Result<i64, Unreadable> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        while self.buffer.len() - self.read < N {
            if !self.fill()? {
                return Err(cut_short());
            }
        }
        let rest = &self.buffer[self.read..];
        let bytes = *rest.first_chunk().ok_or_else(cut_short)?;
        self.read += N;
        Ok(bytes)
    }

    /// A string; null is none.
    pub(crate) fn text(&mut self) -> Result<Option<Text<'_>>, Unreadable> {
        Ok(self.buffer()?.map(wire::text))
    }

    /// A buffer; null is none.
    pub(crate) fn buffer(&mut self) -> Result<Option<&[u8]>, Unreadable> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let Ok(length) = usize::try_from(length) else {
            let claim = format!("a field claims a length of {length}");
            return Err(Unreadable::Damaged(claim));
        };
        while self.buffer.len() - self.read < length {
            if !self.fill()? {
                return Err(cut_short());
            }
        }
        let at = self.read;
        self.read += length;
        Ok(Some(&self.buffer[at..self.read]))
    }

    /// Bytes left in the stream, counted up to `most` and a buffer's length.
    pub(crate) fn rest(&mut self, most: usize) -> Result<usize, Unreadable> {
        while self.buffer.len() - self.read < most && self.fill()? {}
        Ok(self.buffer.len() - self.read)
    }

    /// Reads on, behind what is still unread; false at the end of the stream.
    fn fill(&mut self) -> Result<bool, Unreadable> {
        self.checksum();
        self.buffer.drain(..self.read);
        self.buffer_at += self.read as u64;
        (self.read, self.summed) = (0, 0);
        let kept = self.buffer.len();
        self.buffer.resize(kept + BUFFER, 0);
        let taken = self.input.read(&mut self.buffer[kept..]);
        self.buffer.truncate(kept + *taken.as_ref().unwrap_or(&0));
        Ok(taken? > 0)
    }
}

fn cut_short() -> Unreadable {
    Unreadable::Damaged("the file ends too early".to_owned())
}

pub(super) fn damaged<T>(what: &str) -> Result<T, Unreadable> {
    Err(Unreadable::Damaged(what.to_owned()))
}
