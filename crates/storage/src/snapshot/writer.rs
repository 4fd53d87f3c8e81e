use std::io::{self, Write};
use std::path::Path;

use simd_adler32::Adler32;
use tree::{NodeView, View};
use wire::{Acl, Record, Text};

use super::pace::Pace;
use super::packing::PackedSink;
use super::state::State;
use super::{DIGEST_VERSION, END, MAGIC, SnapshotFile, VERSION};
use crate::disk::{Disk, FileSink};
use crate::error::Error;
use crate::file_name::{Compression, FileName};

/// How a snapshot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotOptions {
    /// How its content is packed (`snapshot.compression.method`).
    pub compression: Compression,
    /// Whether the tree's digest is written (`digest.enabled`).
    pub digest: bool,
    /// Whether the last zxid is written at the end (`serializeLastProcessedZxid.enabled`), which
    /// servers before 3.9 do not read.
    pub last_zxid: bool,
}

impl Default for SnapshotOptions {
    fn default() -> SnapshotOptions {
        SnapshotOptions { compression: Compression::None, digest: true, last_zxid: true }
    }
}

/// Collected before it is packed and written, in bytes.
const BUFFER: usize = 64 << 10;

/// Writes a snapshot of `state` into `dir`, durably: content, name and directory. Until it is whole
/// it has a name that no server takes for a snapshot's.
///
/// # Errors
/// When the disk refuses. No snapshot has appeared then, and those that were there are untouched.
pub fn write_snapshot(
    disk: &dyn Disk,
    dir: &Path,
    state: &mut dyn State,
    options: SnapshotOptions,
    pace: &mut dyn Pace,
) -> Result<SnapshotFile, Error> {
    let zxid = state.view().last_zxid();
    let name = FileName::Snapshot(zxid, options.compression);
    let unfinished = dir.join(name.unfinished());
    let written = write_file(disk, &unfinished, state, options, pace);
    if written.is_err() {
        // Gives the room back at once. If it fails too, the next start removes the file.
        let _ = disk.remove(&unfinished);
    }
    let bytes = written?;
    let path = dir.join(name.to_string());
    disk.rename(&unfinished, &path).map_err(Error::io("rename", &unfinished))?;
    disk.sync_dir(dir).map_err(Error::io("sync", dir))?;
    Ok(SnapshotFile { path, zxid, compression: options.compression, bytes })
}

fn write_file(
    disk: &dyn Disk,
    path: &Path,
    state: &mut dyn State,
    options: SnapshotOptions,
    pace: &mut dyn Pace,
) -> Result<u64, Error> {
    let file = disk.create(path).map_err(Error::io("create", path))?;
    let packed = PackedSink::new(FileSink::new(file, pace), options.compression);
    let mut sink = Sink {
        out: packed.map_err(Error::io("write", path))?,
        buffer: Vec::with_capacity(2 * BUFFER),
        sum: Adler32::new(),
    };
    write_content(&mut sink, state, options).map_err(Error::io("write", path))?;
    let file = sink.out.finish().map_err(Error::io("write", path))?;
    file.sync().map_err(Error::io("sync", path))?;
    Ok(file.position())
}

fn write_content(
    sink: &mut Sink<'_>,
    state: &mut dyn State,
    options: SnapshotOptions,
) -> io::Result<()> {
    sink.buffer.extend_from_slice(&MAGIC);
    sink.put(&VERSION);
    sink.put(&-1i64);
    write_sessions(sink, state.view())?;
    write_acls(sink, state.view())?;
    let mut has_more = true;
    while has_more {
        has_more = state.show(&mut |node| {
            write_node(sink, &node);
            !sink.is_full()
        });
        sink.drain_if_full()?;
    }
    let view = state.view();
    sink.put(&Text::from(END));
    sink.seal()?;
    if options.digest {
        // The digest of no transaction is none: Java writes 0 then, and compares nothing.
        let empty = view.last_zxid() == base::Zxid::ZERO;
        let digest = if empty { 0 } else { view.digest() };
        sink.put(&view.last_zxid());
        sink.put(&DIGEST_VERSION);
        sink.put(&digest.cast_signed());
        sink.seal()?;
    }
    if options.last_zxid {
        sink.put(&view.last_zxid());
        sink.seal()?;
    }
    Ok(())
}

fn write_sessions(sink: &mut Sink<'_>, view: &View) -> io::Result<()> {
    let sessions = view.sessions();
    sink.put(&count(sessions.len())?);
    for (session, timeout_ms) in sessions {
        sink.put(&session);
        sink.put(&timeout_ms);
        sink.drain_if_full()?;
    }
    Ok(())
}

fn write_acls(sink: &mut Sink<'_>, view: &View) -> io::Result<()> {
    let acls = view.acls();
    sink.put(&count(acls.len())?);
    for (id, list) in acls {
        sink.put(&id);
        write_acl(sink, list)?;
        sink.drain_if_full()?;
    }
    Ok(())
}

fn write_acl(sink: &mut Sink<'_>, list: &[Acl<'static>]) -> io::Result<()> {
    sink.put(&count(list.len())?);
    list.iter().for_each(|acl| sink.put(acl));
    Ok(())
}

fn write_node(sink: &mut Sink<'_>, node: &NodeView<'_>) {
    sink.put(&Text::from(node.path));
    sink.put(&node.data);
    sink.put(&node.acl_id);
    sink.put(&node.stat);
}

fn count(items: usize) -> io::Result<i32> {
    i32::try_from(items).map_err(io::Error::other)
}

/// Collects what is written, sums it up, and passes it on in large pieces.
struct Sink<'p> {
    out: PackedSink<'p>,
    buffer: Vec<u8>,
    sum: Adler32,
}

impl Sink<'_> {
    fn put<'a>(&mut self, record: &impl Record<'a>) {
        record.write(&mut self.buffer);
    }

    fn seal(&mut self) -> io::Result<()> {
        self.drain()?;
        let sum = i64::from(self.sum.finish());
        self.put(&sum);
        self.put(&Text::from(END));
        self.drain()
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER
    }

    fn drain_if_full(&mut self) -> io::Result<()> {
        if self.is_full() { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.sum.write(&self.buffer);
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
