use std::io::{self, Read, Write};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::snappy::{SnappySink, SnappySource};
use crate::disk::FileSink;
use crate::file_name::Compression;

/// A file under one of the packings.
pub(crate) enum PackedSink<'p> {
    Plain(FileSink<'p>),
    Gzip(GzEncoder<FileSink<'p>>),
    Snappy(Box<SnappySink<FileSink<'p>>>),
}

impl<'p> PackedSink<'p> {
    pub(crate) fn new(file: FileSink<'p>, packing: Compression) -> io::Result<PackedSink<'p>> {
        Ok(match packing {
            Compression::None => PackedSink::Plain(file),
            Compression::Gzip => {
                PackedSink::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Snappy => PackedSink::Snappy(Box::new(SnappySink::new(file)?)),
        })
    }

    /// Writes what is still held back, and returns the file.
    pub(crate) fn finish(self) -> io::Result<FileSink<'p>> {
        match self {
            PackedSink::Plain(file) => Ok(file),
            PackedSink::Gzip(packer) => packer.finish(),
            PackedSink::Snappy(packer) => packer.finish(),
        }
    }
}

impl Write for PackedSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            PackedSink::Plain(file) => file.write(bytes),
            PackedSink::Gzip(packer) => packer.write(bytes),
            PackedSink::Snappy(packer) => packer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A packed file, unpacked as it is read.
pub(crate) enum PackedSource<R> {
    Plain(R),
    Gzip(GzDecoder<R>),
    Snappy(SnappySource<R>),
}

impl<R: Read> PackedSource<R> {
    pub(crate) fn new(file: R, packing: Compression) -> io::Result<PackedSource<R>> {
        Ok(match packing {
            Compression::None => PackedSource::Plain(file),
            Compression::Gzip => PackedSource::Gzip(GzDecoder::new(file)),
            Compression::Snappy => PackedSource::Snappy(SnappySource::new(file)?),
        })
    }
}

impl<R: Read> Read for PackedSource<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            PackedSource::Plain(file) => file.read(into),
            PackedSource::Gzip(unpacker) => unpacker.read(into),
            PackedSource::Snappy(unpacker) => unpacker.read(into),
        }
    }
}
