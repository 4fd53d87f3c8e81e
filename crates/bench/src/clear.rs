//! Removes a subtree that may hold anything.
//!
//! Each znode is first deleted as if it had no children, which is true of nearly all. One that has is listed, its children are
//! deleted, and when the last of them is gone it is deleted again. What is remembered of a directory is the list that the server
//! sent, not a string for each name.

use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply};
use crate::decoder::Decoder;
use crate::encoder::text;
use crate::error::BenchError;
use crate::frame::{code, opcode};
use crate::measure::Watch;
use crate::once::names;
use crate::phase::{Extent, Plan, run_phase};
use crate::target::Target;

/// Requests outstanding on the one connection.
const OUTSTANDING: usize = 512;

/// What a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// Znodes deleted.
    pub znodes: u64,
    /// Time that it took.
    pub elapsed: Duration,
}

/// Deletes the znode `path` and all below it.
///
/// # Errors
/// When the server fails a request; what is left then is a smaller subtree.
pub fn clear(target: &Target, path: &str, watch: Watch<'_>) -> Result<Cleared, BenchError> {
    if !path.starts_with('/') || path.len() < 2 {
        return Err(BenchError::Load("the path to clear begins with a slash and is not the root"));
    }
    let mut clearing = Clearing::new(path);
    let extent = Extent::whole("clearing", 1, OUTSTANDING);
    let measured = run_phase(target, &extent, &mut clearing, watch)?;
    Ok(Cleared { znodes: clearing.deleted, elapsed: measured.elapsed })
}

/// A znode with children, and how far they are gone.
struct Directory {
    path: String,
    /// Where it stands in the one above; `None` at the top.
    above: Option<usize>,
    /// The names, each behind its length.
    names: Vec<u8>,
    /// Where the next name begins that was not asked to be deleted.
    next: usize,
    /// Children that are not gone yet.
    left: u32,
}

/// What a request was about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// Delete the child whose name begins there.
    Child { directory: usize, name: usize },
    /// Delete a directory that is empty by now.
    Emptied(usize),
    /// List a directory.
    Names(usize),
}

struct Clearing {
    directories: Vec<Directory>,
    /// Places in `directories` that can be used again.
    free: Vec<usize>,
    /// Directories with names that were not asked to be deleted; the deepest last.
    open: Vec<usize>,
    /// Requests about directories that come before any child.
    urgent: Vec<Asked>,
    deleted: u64,
}

impl Clearing {
    fn new(path: &str) -> Self {
        let mut clearing = Self {
            directories: Vec::new(),
            free: Vec::new(),
            open: Vec::new(),
            urgent: Vec::new(),
            deleted: 0,
        };
        clearing.found(path.to_owned(), None);
        clearing
    }

    /// A znode that has, or may have, children.
    fn found(&mut self, path: String, above: Option<usize>) {
        let directory = Directory { path, above, names: Vec::new(), next: 0, left: 0 };
        let place = self.free.pop().unwrap_or(self.directories.len());
        if place == self.directories.len() {
            self.directories.push(directory);
        } else {
            self.directories[place] = directory;
        }
        self.urgent.push(Asked::Names(place));
    }

    fn listed(&mut self, place: usize, count: u32, names: &[u8]) {
        let directory = &mut self.directories[place];
        (directory.names, directory.next, directory.left) = (names.to_vec(), 0, count);
        if count == 0 {
            self.urgent.push(Asked::Emptied(place));
        } else {
            self.open.push(place);
        }
    }

    fn gone(&mut self, above: Option<usize>) {
        let Some(place) = above else { return };
        self.directories[place].left -= 1;
        if self.directories[place].left == 0 {
            self.urgent.push(Asked::Emptied(place));
        }
    }

    fn next(&mut self) -> Option<Asked> {
        if let Some(asked) = self.urgent.pop() {
            return Some(asked);
        }
        let place = *self.open.last()?;
        let directory = &mut self.directories[place];
        let name = directory.next;
        directory.next += 4 + directory.name(name).len();
        if directory.next >= directory.names.len() {
            self.open.pop();
        }
        Some(Asked::Child { directory: place, name })
    }
}

impl Directory {
    fn name(&self, at: usize) -> &[u8] {
        // The list was checked when it came.
        Decoder::new(&self.names[at..], "name").buffer().unwrap_or_default()
    }

    fn append_child(&self, out: &mut Vec<u8>, name: usize) {
        out.extend_from_slice(self.path.as_bytes());
        out.push(b'/');
        out.extend_from_slice(self.name(name));
    }
}

impl Plan for Clearing {
    type Tag = Asked;

    fn ask(&mut self, _: usize, connection: &mut Connection<Asked>, since: Instant) -> bool {
        let Some(asked) = self.next() else { return false };
        let directories = &self.directories;
        match asked {
            Asked::Child { directory, name } => {
                let path = |out: &mut Vec<u8>| directories[directory].append_child(out, name);
                connection.request(opcode::DELETE, asked, since, |e| e.any_version(path));
            }
            Asked::Emptied(place) => {
                let path = text(&directories[place].path);
                connection.request(opcode::DELETE, asked, since, |e| e.any_version(path));
            }
            Asked::Names(place) => {
                let path = text(&directories[place].path);
                connection.request(opcode::CHILDREN2, asked, since, |e| e.read(path, false));
            }
        }
        true
    }

    fn answer(&mut self, _: usize, reply: Reply<'_, Asked>) -> Result<(), BenchError> {
        match (reply.tag, reply.code) {
            (Asked::Child { directory, name }, code::NOT_EMPTY) => {
                let mut path = Vec::new();
                self.directories[directory].append_child(&mut path, name);
                let path = String::from_utf8(path).map_err(|_| BenchError::Malformed("name"))?;
                self.found(path, Some(directory));
            }
            (Asked::Child { directory, .. }, code) => {
                // An ephemeral may have gone by itself.
                if code != code::NO_NODE {
                    reply.succeeded("delete")?;
                    self.deleted += 1;
                }
                self.gone(Some(directory));
            }
            (Asked::Emptied(place), code::NOT_EMPTY) => self.urgent.push(Asked::Names(place)),
            (Asked::Emptied(place), code) => {
                if code != code::NO_NODE {
                    reply.succeeded("delete")?;
                    self.deleted += 1;
                }
                let above = self.directories[place].above;
                self.directories[place].names = Vec::new();
                self.free.push(place);
                self.gone(above);
            }
            (Asked::Names(place), _) => {
                reply.succeeded("getChildren2")?;
                let (count, names) = names(reply.body)?;
                self.listed(place, count, names);
            }
        }
        Ok(())
    }
}
