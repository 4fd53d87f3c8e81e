use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use base::{SessionId, Zxid};
use tree::{LoadError, Loader, Tree};
use wire::{Acl, Id, Text};

use super::packing::PackedSource;
use super::parts::{Ahead, Part};
use super::source::{Source, Unreadable, damaged};
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
    let trailer = read_file(disk, snapshot, progress, |part| part.load(&mut loader))?;
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
    read_file(disk, snapshot, &mut |_| {}, |_| Ok(())).map(|_| ())
}

/// How many parts are read ahead of what is taken.
const AHEAD_MAX: usize = 4;

/// Reads a snapshot in a thread of its own, so that one processor checks and parses while another
/// builds the tree. `take` gets the parts in order.
fn read_file(
    disk: &dyn Disk,
    snapshot: &SnapshotFile,
    progress: &mut dyn FnMut(u64),
    mut take: impl FnMut(&Part) -> Result<(), LoadError>,
) -> Result<Trailer, Error> {
    let path = &snapshot.path;
    let file = disk.open(path, Access::Read).map_err(Error::io("open", path))?;
    let file_bytes = AtomicU64::new(0);
    let (parts, taken) = sync_channel(AHEAD_MAX);
    let (give_back, spare) = channel();
    thread::scope(|scope| {
        let counted = Counted { file: FileSource::new(file), read: &file_bytes };
        let reading = move || read_parts(counted, snapshot, &Ahead { parts, spare });
        let reader = thread::Builder::new().name("snapshot".into()).spawn_scoped(scope, reading);
        let reader = reader.map_err(Error::io("start a thread for", path))?;
        for (offset, part) in taken {
            progress(file_bytes.load(Ordering::Relaxed));
            if let Err(refused) = take(&part) {
                return Err(unreadable(Unreadable::Damaged(refused.to_string()), snapshot, offset));
            }
            if let Part::Nodes(used) = part {
                // The reader may have ended.
                let _ = give_back.send(used);
            }
        }
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Reads to the end, or until nobody takes parts any more.
fn read_parts(file: Counted<'_>, snapshot: &SnapshotFile, ahead: &Ahead) -> Result<Trailer, Error> {
    let unpacked = match PackedSource::new(file, snapshot.compression) {
        Ok(unpacked) => unpacked,
        Err(e) => return Err(unreadable(e.into(), snapshot, 0)),
    };
    let mut source = Source::new(unpacked);
    let content = read_content(&mut source, ahead);
    content.map_err(|why| unreadable(why, snapshot, source.offset()))
}

fn unreadable(why: Unreadable, snapshot: &SnapshotFile, offset: u64) -> Error {
    let path = snapshot.path.clone();
    match why {
        Unreadable::Io(source) => Error::io("read", &path)(source),
        Unreadable::Damaged(what) => Error::DamagedSnapshot { path, offset, what },
    }
}

/// Counts how much of a file has been read.
struct Counted<'a> {
    file: FileSource,
    read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let taken = self.file.read(into)?;
        self.read.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }
}

struct Trailer {
    digest: Option<(Zxid, u64)>,
    last_zxid: Option<Zxid>,
}

fn read_content<R: Read>(source: &mut Source<R>, ahead: &Ahead) -> Result<Trailer, Unreadable> {
    read_header(source)?;
    for _ in 0..source.int()? {
        let (session, timeout_ms) = (SessionId(source.long()?), source.int()?);
        ahead.pass_on(source, Part::Session(session, timeout_ms))?;
    }
    for _ in 0..source.int()? {
        let (id, list) = (source.long()?, read_acl(source)?);
        ahead.pass_on(source, Part::Acl(id, list))?;
    }
    let mut has_more = true;
    while has_more {
        let mut nodes = ahead.no_nodes();
        while has_more && !nodes.is_full() {
            has_more = nodes.read(source)?;
        }
        ahead.pass_on(source, Part::Nodes(nodes))?;
    }
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
