use std::io::{self, Read};

use base::{SessionId, Zxid};
use tree::{Loader, Tree};
use wire::{Acl, Id, Record, StatPersisted, Text};

use super::packing::PackedSource;
use super::source::{Source, Unreadable};
use super::{DIGEST_VERSION, END, MAGIC, SnapshotFile, VERSION};
use crate::disk::{Access, Disk, FileSource};
use crate::error::Error;

/// A loaded snapshot.
pub struct SnapshotContent {
    /// The tree as of the zxid in the file's name (of Java's, perhaps with parts of later ones).
    pub tree: Tree,
    /// The digest that the tree had, and at which transaction, if the writer kept one.
    pub digest: Option<(Zxid, u64)>,
    /// The last zxid as the content has it; only a restore by an administrator goes by it.
    pub last_zxid: Option<Zxid>,
    /// Nodes whose ACL it does not list: [closed](tree::closed_acl) unless the log has it.
    pub closed: Vec<String>,
}

/// Length of `last zxid, seal`.
const ZXID_AND_SEAL: usize = 21;
/// More than anything that stands behind the nodes' seal.
const TRAILER_MAX: usize = 4096;

/// Loads a snapshot and verifies its checksums. `progress` is told the bytes of the file read.
///
/// # Errors
/// [`Error::DamagedSnapshot`] when the content is not whole, [`Error::Io`] when it cannot be read.
pub fn load_snapshot(
    disk: &dyn Disk,
    snapshot: &SnapshotFile,
    options: tree::Options,
    progress: &mut dyn FnMut(u64),
) -> Result<SnapshotContent, Error> {
    let mut loader = Loader::new(options);
    let trailer = read_file(disk, snapshot, Some(&mut loader), progress)?;
    Ok(SnapshotContent {
        closed: loader.closed().to_vec(),
        tree: loader.finish(snapshot.zxid),
        digest: trailer.digest,
        last_zxid: trailer.last_zxid,
    })
}

/// Reads a snapshot to its end and verifies its checksums, without building the tree.
///
/// # Errors
/// As [`load_snapshot`].
pub(crate) fn verify_snapshot(disk: &dyn Disk, snapshot: &SnapshotFile) -> Result<(), Error> {
    read_file(disk, snapshot, None, &mut |_| {}).map(|_| ())
}

fn read_file(
    disk: &dyn Disk,
    snapshot: &SnapshotFile,
    loader: Option<&mut Loader>,
    progress: &mut dyn FnMut(u64),
) -> Result<Trailer, Error> {
    let path = &snapshot.path;
    let file = disk.open(path, Access::Read).map_err(Error::io("open", path))?;
    let watched = Watched { file: FileSource::new(file), read: 0, progress };
    let unpacked = match PackedSource::new(watched, snapshot.compression) {
        Ok(unpacked) => unpacked,
        Err(e) => return Err(unreadable(e.into(), snapshot, 0)),
    };
    let mut source = Source::new(unpacked);
    let content = read_content(&mut source, loader);
    content.map_err(|why| unreadable(why, snapshot, source.offset()))
}

fn unreadable(why: Unreadable, snapshot: &SnapshotFile, offset: u64) -> Error {
    let path = snapshot.path.clone();
    match why {
        Unreadable::Io(source) => Error::io("read", &path)(source),
        Unreadable::Damaged(what) => Error::DamagedSnapshot { path, offset, what },
    }
}

/// Tells how far a file has been read.
struct Watched<'a> {
    file: FileSource,
    read: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.file.read(into)?;
        self.read += taken as u64;
        (self.progress)(self.read);
        Ok(taken)
    }
}

struct Trailer {
    digest: Option<(Zxid, u64)>,
    last_zxid: Option<Zxid>,
}

fn read_content<R: Read>(
    source: &mut Source<R>,
    mut loader: Option<&mut Loader>,
) -> Result<Trailer, Unreadable> {
    read_header(source)?;
    for _ in 0..source.int()? {
        let (session, timeout_ms) = (SessionId(source.long()?), source.int()?);
        if let Some(loader) = &mut loader {
            loader.session(session, timeout_ms);
        }
    }
    for _ in 0..source.int()? {
        let (id, list) = (source.long()?, read_acl(source)?);
        if let Some(loader) = &mut loader {
            loader.acl(id, &list);
        }
    }
    read_nodes(source, loader)?;
    check_seal(source)?;
    read_trailer(source)
}

fn read_header<R: Read>(source: &mut Source<R>) -> Result<(), Unreadable> {
    if source.array::<4>()? != MAGIC {
        return damaged("the file does not start with ZKSN");
    }
    if source.int()? != VERSION {
        return damaged("the version is not 2");
    }
    // A database id that nobody uses.
    source.long().map(|_| ())
}

fn read_acl<R: Read>(source: &mut Source<R>) -> Result<Vec<Acl<'static>>, Unreadable> {
    let count = source.int()?;
    let mut list = Vec::new();
    for _ in 0..count {
        let perms = source.int()?;
        let scheme = owned(source.text()?);
        let id = owned(source.text()?);
        list.push(Acl { perms, id: Id { scheme, id } });
    }
    Ok(list)
}

fn owned(text: Option<Text<'_>>) -> Option<Text<'static>> {
    text.map(|text| Text::Owned(text.into_owned()))
}

fn read_nodes<R: Read>(
    source: &mut Source<R>,
    mut loader: Option<&mut Loader>,
) -> Result<(), Unreadable> {
    let mut path = String::new();
    let mut data = Vec::new();
    loop {
        path.clear();
        match source.text()? {
            Some(text) => path.push_str(&text),
            None => return damaged("a node without a path"),
        }
        if path == END {
            return Ok(());
        }
        data.clear();
        let present = source.buffer()?.map(|bytes| data.extend_from_slice(bytes));
        let acl_id = source.long()?;
        let stat = read_stat(source)?;
        if let Some(loader) = &mut loader {
            let data = present.map(|()| data.as_slice());
            let placed = loader.node(&path, data, acl_id, stat);
            placed.map_err(|e| Unreadable::Damaged(e.to_string()))?;
        }
    }
}

fn read_stat<R: Read>(source: &mut Source<R>) -> Result<StatPersisted, Unreadable> {
    let bytes = source.array::<60>()?;
    let mut reader = wire::Reader::new(&bytes, wire::Limits::default());
    StatPersisted::read(&mut reader).map_err(|e| Unreadable::Damaged(e.to_string()))
}

/// Both items are optional and nothing announces them but the bytes that are left.
fn read_trailer<R: Read>(source: &mut Source<R>) -> Result<Trailer, Unreadable> {
    let mut trailer = Trailer { digest: None, last_zxid: None };
    let left = source.rest(TRAILER_MAX)?;
    if left != 0 && left != ZXID_AND_SEAL {
        trailer.digest = read_digest(source)?;
        check_seal(source)?;
    }
    if source.rest(TRAILER_MAX)? == ZXID_AND_SEAL {
        trailer.last_zxid = Some(Zxid(source.long()?));
        check_seal(source)?;
    }
    match source.rest(TRAILER_MAX)? {
        0 => Ok(trailer),
        _ => damaged("there are bytes behind the end"),
    }
}

fn read_digest<R: Read>(source: &mut Source<R>) -> Result<Option<(Zxid, u64)>, Unreadable> {
    let zxid = Zxid(source.long()?);
    match source.int()? {
        DIGEST_VERSION => {
            let digest = source.long()?.cast_unsigned();
            // Zxid 0 stands for no digest: none had been computed yet.
            Ok((zxid != Zxid::ZERO).then_some((zxid, digest)))
        }
        // Before version 2 it was hex text, of another sum.
        old if old < DIGEST_VERSION => source.text().map(|_| None),
        _ => source.long().map(|_| None),
    }
}

fn check_seal<R: Read>(source: &mut Source<R>) -> Result<(), Unreadable> {
    let sum = i64::from(source.checksum());
    if source.long()? != sum {
        return damaged("the content does not fit its checksum");
    }
    match source.text()?.as_deref() {
        Some(END) => Ok(()),
        _ => damaged("a seal is not closed"),
    }
}

fn damaged<T>(what: &str) -> Result<T, Unreadable> {
    Err(Unreadable::Damaged(what.to_owned()))
}
