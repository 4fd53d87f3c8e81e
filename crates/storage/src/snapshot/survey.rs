use std::path::{Path, PathBuf};

use base::Zxid;

use super::snappy;
use crate::disk::{Access, Disk};
use crate::error::Error;
use crate::file_name::{Compression, FileName};

/// A snapshot in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where it is.
    pub path: PathBuf,
    /// The last transaction contained, as its name says.
    pub zxid: Zxid,
    /// How its content is packed.
    pub compression: Compression,
    /// The file's length in bytes.
    pub bytes: u64,
}

/// A file with a snapshot's name.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) file: SnapshotFile,
    /// Whether it passes the quick look that Java takes: a plain one must end in a seal, a packed
    /// one begin as such. One cut short while it was written does not.
    pub(crate) whole: bool,
}

/// Snapshots that pass a quick look, the newest first, at most `most`. Their content may still turn
/// out damaged when it is read.
///
/// # Errors
/// When the directory or a file cannot be read.
pub fn valid_snapshots(
    disk: &dyn Disk,
    dir: &Path,
    most: usize,
) -> Result<Vec<SnapshotFile>, Error> {
    let valid = candidates(disk, dir)?.into_iter().filter(|c| c.whole);
    Ok(valid.map(|c| c.file).take(most).collect())
}

/// All files with a snapshot's name, the newest first.
pub(crate) fn candidates(disk: &dyn Disk, dir: &Path) -> Result<Vec<Candidate>, Error> {
    let entries = disk.list(dir).map_err(Error::io("list", dir))?;
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_file) {
        if let Some(FileName::Snapshot(zxid, compression)) = FileName::parse(&entry.name) {
            let path = dir.join(&entry.name);
            found.push(look(disk, path, zxid, compression)?);
        }
    }
    found.sort_by(|a, b| {
        let newest_first = b.file.zxid.cmp(&a.file.zxid);
        newest_first.then(a.file.compression.cmp(&b.file.compression))
    });
    Ok(found)
}

fn look(
    disk: &dyn Disk,
    path: PathBuf,
    zxid: Zxid,
    compression: Compression,
) -> Result<Candidate, Error> {
    let file = disk.open(&path, Access::Read).map_err(Error::io("open", &path))?;
    let bytes = file.length().map_err(Error::io("read", &path))?;
    let mut edge = [0; 8];
    let (at, expected): (u64, &[u8]) = match compression {
        Compression::None => (bytes.saturating_sub(5), b"\0\0\0\x01/"),
        Compression::Gzip => (0, b"\x1f\x8b"),
        Compression::Snappy => (0, &snappy::MAGIC),
    };
    let edge = &mut edge[..expected.len()];
    let read = file.read_at(edge, at).map_err(Error::io("read", &path))?;
    let long_enough = compression != Compression::None || bytes >= 10;
    Ok(Candidate {
        whole: long_enough && read == edge.len() && edge == expected,
        file: SnapshotFile { path, zxid, compression, bytes },
    })
}
