//! The framing of snappy-java: a header, then chunks of `int length, raw snappy block`.

use std::io::{self, Read, Write};

pub(crate) const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Version and lowest compatible version, both 1.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Uncompressed bytes in a chunk.
const CHUNK: usize = 32 << 10;
/// Three bytes of a raw block repeat at most 64: nothing unpacks to more than this many times.
const RATIO_MAX: usize = 32;

/// Packs what is written to it. [`finish`](SnappySink::finish) writes the last chunk.
#[derive(Debug)]
pub(crate) struct SnappySink<W> {
    out: W,
    encoder: snap::raw::Encoder,
    chunk: Vec<u8>,
}

impl<W: Write> SnappySink<W> {
    pub(crate) fn new(mut out: W) -> io::Result<SnappySink<W>> {
        out.write_all(&MAGIC)?;
        out.write_all(&VERSIONS)?;
        Ok(SnappySink { out, encoder: snap::raw::Encoder::new(), chunk: Vec::with_capacity(CHUNK) })
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.write_chunk()?;
        Ok(self.out)
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let packed = self.encoder.compress_vec(&self.chunk)?;
        let length = u32::try_from(packed.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.chunk.clear();
        self.out.write_all(&packed)
    }
}

impl<W: Write> Write for SnappySink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.write_chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Unpacks what it reads.
#[derive(Debug)]
pub(crate) struct SnappySource<R> {
    input: R,
    packed: Vec<u8>,
    chunk: Vec<u8>,
    read: usize,
}

impl<R: Read> SnappySource<R> {
    pub(crate) fn new(mut input: R) -> io::Result<SnappySource<R>> {
        let mut header = [0; 16];
        input.read_exact(&mut header)?;
        if header[..8] != MAGIC {
            return Err(damaged("no snappy header"));
        }
        Ok(SnappySource { input, packed: Vec::new(), chunk: Vec::new(), read: 0 })
    }

    /// Unpacks the next chunk; false at the end.
    fn next_chunk(&mut self) -> io::Result<bool> {
        let mut length = [0; 4];
        match self.input.read(&mut length[..1])? {
            0 => return Ok(false),
            _ => self.input.read_exact(&mut length[1..])?,
        }
        let length = u32::from_be_bytes(length);
        self.packed.clear();
        let mut limited = self.input.by_ref().take(u64::from(length));
        limited.read_to_end(&mut self.packed)?;
        if self.packed.len() as u64 != u64::from(length) {
            return Err(damaged("the last chunk is cut short"));
        }
        let unpacked = snap::raw::decompress_len(&self.packed)?;
        if unpacked > self.packed.len().saturating_mul(RATIO_MAX) {
            return Err(damaged("a chunk claims more than it can hold"));
        }
        self.chunk.resize(unpacked, 0);
        snap::raw::Decoder::new().decompress(&self.packed, &mut self.chunk)?;
        self.read = 0;
        Ok(true)
    }
}

impl<R: Read> Read for SnappySource<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() {
            if !self.next_chunk()? {
                return Ok(0);
            }
        }
        let rest = &self.chunk[self.read..];
        let taken = rest.len().min(into.len());
        into[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(content: &[u8]) -> Vec<u8> {
        let mut sink = SnappySink::new(Vec::new()).unwrap();
        sink.write_all(content).unwrap();
        sink.finish().unwrap()
    }

    #[test]
    fn what_is_packed_comes_back() {
        let content: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_be_bytes()).collect();
        let packed = pack(&content);
        let mut unpacked = Vec::new();
        let mut source = SnappySource::new(packed.as_slice()).unwrap();
        source.read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == content && packed.len() < content.len());
    }

    #[test]
    fn damage_is_an_error_and_takes_no_memory() {
        let mut cut = pack(b"hello hello hello hello");
        cut.pop();
        let claim = [&MAGIC[..], &VERSIONS, b"\0\0\0\x05\xff\xff\xff\xff\x0f"].concat();
        for bytes in [cut, claim] {
            let mut source = SnappySource::new(bytes.as_slice()).unwrap();
            assert!(source.read_to_end(&mut Vec::new()).is_err());
        }
    }
}
