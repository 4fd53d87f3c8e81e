//! A disk in memory that fails, tears and forgets on order.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::Prng;

use super::{Access, Disk, DiskFile, Entry};

/// What happens at a chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with EIO and does nothing. What a failed sync should have made durable never
    /// becomes so: the system takes the pages for written.
    Io,
    /// The call fails with ENOSPC and does nothing.
    Full,
    /// A write does its first half, any other call nothing; then it fails with EIO.
    Torn,
    /// The machine stops: this call and all later ones fail until [`FakeDisk::power_cut`].
    Stop,
}

/// A disk in memory. Clones share it.
///
/// It keeps two images: what processes see, and what is durable. A [power cut](Self::power_cut)
/// leaves the durable one, with any part of what was written since.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    /// Names as processes see them.
    live: BTreeMap<PathBuf, usize>,
    /// Names that survive a power cut.
    durable: BTreeMap<PathBuf, usize>,
    dirs: Vec<PathBuf>,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// What was done to `live` since the last sync, in order.
    unsynced: Vec<Change>,
    /// A sync failed: what was written before it is lost, and no later sync brings it back.
    lost: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(bytes);
            }
            Change::SetLen(len) => content.resize(*len, 0),
        }
    }
}

/// What a disk writes as a whole, in bytes.
const SECTOR: usize = 512;

impl FakeDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> FakeDisk {
        FakeDisk::default()
    }

    /// How many calls were made so far. Reads count too.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Lets the `nth` call from now, counted from 0, meet a fault.
    pub fn fail(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        let call = state.calls + nth;
        state.faults.insert(call, fault);
    }

    /// The process ends and the machine goes on: all that was done is there.
    pub fn kill(&self) {
        let mut state = self.state();
        state.stopped = false;
        state.faults.clear();
    }

    /// Power goes and comes back. What was synced is there; of what was not, each sector of each
    /// write is there or not, as `prng` says. Without one, none is.
    pub fn power_cut(&self, mut prng: Option<&mut Prng>) {
        let mut state = self.state();
        for file in &mut state.files {
            let unsynced = std::mem::take(&mut file.unsynced);
            if let Some(prng) = prng.as_deref_mut().filter(|_| !file.lost) {
                unsynced.iter().for_each(|change| keep_some(change, &mut file.durable, prng));
            }
            file.live.clone_from(&file.durable);
            file.lost = false;
        }
        // Names: a directory's journal keeps all changes of names up to some point; none is the
        // harshest, all the mildest.
        if prng.is_some_and(|prng| prng.one_in(2)) {
            state.durable = state.live.clone();
        } else {
            state.live = state.durable.clone();
        }
        state.stopped = false;
        state.faults.clear();
    }

    /// The file's content as processes see it.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.live.get(path)?;
        Some(state.files[*file].live.clone())
    }

    /// Puts a file there, durably, as if it had been there before the test began.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.state();
        let file = state.add(path);
        state.files[file].live = content.to_vec();
        state.files[file].durable = content.to_vec();
        state.durable.insert(path.to_owned(), file);
        if let Some(dir) = path.parent() {
            state.add_dir(dir);
        }
    }

    /// All files, sorted by path.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().live.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_some(change: &Change, durable: &mut Vec<u8>, prng: &mut Prng) {
    let (offset, bytes) = match change {
        Change::SetLen(_) if prng.one_in(2) => return,
        Change::SetLen(_) => return change.apply(durable),
        Change::Write { offset, bytes } => (*offset, bytes),
    };
    let mut from = 0;
    while from < bytes.len() {
        // Up to the next sector's edge.
        let upto = bytes.len().min(from + SECTOR - (offset + from) % SECTOR);
        if prng.one_in(2) {
            let part = Change::Write { offset: offset + from, bytes: bytes[from..upto].to_vec() };
            part.apply(durable);
        }
        from = upto;
    }
}

impl State {
    /// Counts a call; the fault that is due at it, if any.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        let fault = self.faults.remove(&self.calls);
        self.calls += 1;
        if self.stopped {
            return Err(eio());
        }
        match fault {
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Stop) => {
                self.stopped = true;
                Err(eio())
            }
            other => Ok(other),
        }
    }

    /// Counts a call that cannot be done by half.
    fn whole_call(&mut self) -> io::Result<()> {
        match self.call()? {
            None => Ok(()),
            Some(_) => Err(eio()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let found = self.live.get(path).copied();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn add(&mut self, path: &Path) -> usize {
        self.files.push(Content::default());
        let file = self.files.len() - 1;
        self.live.insert(path.to_owned(), file);
        file
    }

    fn add_dir(&mut self, dir: &Path) {
        for dir in dir.ancestors() {
            if !self.dirs.iter().any(|known| known == dir) {
                self.dirs.push(dir.to_owned());
            }
        }
    }
}

/// What a broken disk answers.
fn eio() -> io::Error {
    const EIO: i32 = 5;
    io::Error::from_raw_os_error(EIO)
}

impl Disk for FakeDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state();
        state.whole_call()?;
        if !state.dirs.iter().any(|known| known == dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = |path: &&PathBuf| path.parent() == Some(dir);
        let entry = |path: &PathBuf, is_file| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some(Entry { name, is_file })
        };
        let files = state.live.keys().filter(inside).filter_map(|p| entry(p, true));
        let dirs = state.dirs.iter().filter(inside).filter_map(|p| entry(p, false));
        Ok(files.chain(dirs).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        state.add_dir(dir);
        Ok(())
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.whole_call()?;
        let file = state.find(path)?;
        drop(state);
        Ok(Box::new(FakeFile { disk: self.clone(), file }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.whole_call()?;
        let file = match state.live.get(path) {
            Some(file) => *file,
            None => state.add(path),
        };
        let content = &mut state.files[file];
        content.live.clear();
        content.unsynced.push(Change::SetLen(0));
        drop(state);
        Ok(Box::new(FakeFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        let file = state.find(from)?;
        state.live.remove(from);
        state.live.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        state.find(path)?;
        state.live.remove(path);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.whole_call()?;
        let inside = |path: &Path| path.parent() == Some(dir);
        let live: Vec<_> = state.live.iter().map(|(p, f)| (p.clone(), *f)).collect();
        state.durable.retain(|path, _| !inside(path));
        state.durable.extend(live.into_iter().filter(|(path, _)| inside(path)));
        Ok(())
    }
}

#[derive(Debug)]
struct FakeFile {
    disk: FakeDisk,
    file: usize,
}

impl FakeFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.disk.state();
        let torn = match (state.call()?, &change) {
            (None, _) => None,
            (Some(Fault::Torn), Change::Write { offset, bytes }) => {
                Some(Change::Write { offset: *offset, bytes: bytes[..bytes.len() / 2].to_vec() })
            }
            (Some(_), _) => return Err(eio()),
        };
        let done = torn.as_ref().unwrap_or(&change);
        let content = &mut state.files[self.file];
        done.apply(&mut content.live);
        content.unsynced.push(done.clone());
        if torn.is_some() { Err(eio()) } else { Ok(()) }
    }
}

impl DiskFile for FakeFile {
    fn length(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.whole_call()?;
        Ok(state.files[self.file].live.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.whole_call()?;
        let content = &state.files[self.file].live;
        let start = position(offset)?.min(content.len());
        let taken = into.len().min(content.len() - start);
        into[..taken].copy_from_slice(&content[start..start + taken]);
        Ok(taken)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = position(offset)?;
        let bytes = bytes.to_vec();
        self.change(Change::Write { offset, bytes })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::SetLen(position(len)?))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let called = state.whole_call();
        let content = &mut state.files[self.file];
        let unsynced = std::mem::take(&mut content.unsynced);
        if called.is_err() {
            content.lost = true;
            return called;
        }
        if !content.lost {
            unsynced.iter().for_each(|change| change.apply(&mut content.durable));
        }
        Ok(())
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}
