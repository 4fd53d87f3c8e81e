//! What a snapshot's content is made of, on its way from the thread that reads to the one that
//! builds the tree.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender};

use base::SessionId;
use tree::{LoadError, Loader};
use wire::{Acl, Record, StatPersisted};

use super::END;
use super::source::{Source, Unreadable, damaged};

/// Where the parts go that were read, each with the offset behind it.
pub(super) struct Ahead {
    pub(super) parts: SyncSender<(u64, Part)>,
    /// Nodes that were taken and may be overwritten.
    pub(super) spare: Receiver<Nodes>,
}

impl Ahead {
    pub(super) fn pass_on<R: Read>(
        &self,
        source: &Source<R>,
        part: Part,
    ) -> Result<(), Unreadable> {
        let sent = self.parts.send((source.offset(), part));
        sent.map_err(|_| Unreadable::Damaged("the content was refused".into()))
    }

    pub(super) fn no_nodes(&self) -> Nodes {
        let mut nodes = self.spare.try_recv().unwrap_or_default();
        nodes.clear();
        nodes
    }
}

/// A part of the content.
pub(super) enum Part {
    Session(SessionId, i32),
    Acl(i64, Vec<Acl<'static>>),
    Nodes(Nodes),
}

impl Part {
    pub(super) fn load(&self, loader: &mut Loader) -> Result<(), LoadError> {
        match self {
            Part::Session(session, timeout_ms) => loader.session(*session, *timeout_ms),
            Part::Acl(id, list) => loader.acl(*id, list),
            Part::Nodes(nodes) => nodes.load(loader)?,
        }
        Ok(())
    }
}

/// Some nodes: paths and data one behind the other, and what of them is whose.
#[derive(Default)]
pub(super) struct Nodes {
    paths: String,
    data: Vec<u8>,
    nodes: Vec<ReadNode>,
}

struct ReadNode {
    path_len: usize,
    data_len: Option<usize>,
    acl_id: i64,
    stat: StatPersisted,
}

impl Nodes {
    /// Enough that passing them on costs nothing beside reading them.
    const LEN_MAX: usize = 2048;
    const BYTES_MAX: usize = 256 << 10;
    /// Placed together: each waits for memory, and together they wait once.
    const TOGETHER: usize = 32;

    fn clear(&mut self) {
        self.paths.clear();
        self.data.clear();
        self.nodes.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() >= Self::LEN_MAX || self.data.len() >= Self::BYTES_MAX
    }

    /// Reads one more; false if there are no more.
    pub(super) fn read<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, Unreadable> {
        let path_len = match source.text()?.as_deref() {
            Some(END) => return Ok(false),
            Some(path) => {
                self.paths.push_str(path);
                path.len()
            }
            None => return damaged("a node without a path"),
        };
        let data_len = source.buffer()?.map(|bytes| {
            self.data.extend_from_slice(bytes);
            bytes.len()
        });
        let (acl_id, stat) = (source.long()?, read_stat(source)?);
        self.nodes.push(ReadNode { path_len, data_len, acl_id, stat });
        Ok(true)
    }

    fn load(&self, loader: &mut Loader) -> Result<(), LoadError> {
        let (mut paths, mut ahead) = (self.paths(), self.paths());
        let mut data = self.data.as_slice();
        for nodes in self.nodes.chunks(Self::TOGETHER) {
            loader.warm(ahead.by_ref().take(nodes.len()).map(str::as_bytes));
            for (node, path) in nodes.iter().zip(&mut paths) {
                let (own, rest) = data.split_at(node.data_len.unwrap_or(0));
                data = rest;
                loader.node(path, node.data_len.map(|_| own), node.acl_id, node.stat)?;
            }
        }
        Ok(())
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.paths.as_str();
        self.nodes.iter().map(move |node| {
            let (path, behind) = rest.split_at(node.path_len);
            rest = behind;
            path
        })
    }
}

fn read_stat<R: Read>(source: &mut Source<R>) -> Result<StatPersisted, Unreadable> {
    let bytes = source.array::<60>()?;
    let mut reader = wire::Reader::new(&bytes, wire::Limits::default());
    StatPersisted::read(&mut reader).map_err(|e| Unreadable::Damaged(e.to_string()))
}
