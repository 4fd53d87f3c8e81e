//! What the generator believes about the tree, so that its requests hit something. It learns from the answers and may
//! be wrong: a wrong belief only makes an error likelier.

use std::collections::{BTreeMap, BTreeSet};

use wire::{
    CreateRequest, Limits, MultiResult, OpCode, SetAclRequest, Stat, Text, WriteRequest, path,
    read_results,
};

use super::draw::Draw;
use super::step::Request;
use crate::client::reader;

/// Folders with quotas: nobody is told of them, so that they are not the first to be deleted.
const STANDING: [&str; 3] = ["/q", "/q/n", "/q/b"];

/// The tree as far as it is known.
#[derive(Debug, Default)]
pub struct Model {
    nodes: BTreeMap<String, Node>,
    restricted: BTreeSet<String>,
    ephemerals: BTreeSet<String>,
}

/// A node as it was last seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    /// Version of its data.
    pub version: i32,
    /// Version of its ACL.
    pub aversion: i32,
    /// The connection whose session owns it.
    pub owner: Option<usize>,
}

impl Model {
    /// How many nodes there are, as far as is known.
    #[must_use]
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// What is known of a node.
    #[must_use]
    pub fn node(&self, path: &str) -> Node {
        self.nodes.get(path).copied().unwrap_or_default()
    }

    /// Some node.
    pub fn any(&self, draw: &mut Draw) -> Option<&str> {
        let n = draw.below(self.nodes.len());
        self.nodes.keys().nth(n).map(String::as_str)
    }

    /// Some node that its ACL closes to somebody.
    pub fn restricted(&self, draw: &mut Draw) -> Option<&str> {
        let n = draw.below(self.restricted.len());
        self.restricted.iter().nth(n).map(String::as_str)
    }

    /// Some ephemeral node.
    pub fn ephemeral(&self, draw: &mut Draw) -> Option<&str> {
        let n = draw.below(self.ephemerals.len());
        self.ephemerals.iter().nth(n).map(String::as_str)
    }

    /// Some node without children.
    pub fn leaf(&self, draw: &mut Draw) -> Option<&str> {
        let mut leaf = self.any(draw)?;
        while let Some(child) = self.first_below(leaf) {
            leaf = child;
        }
        Some(leaf)
    }

    /// Some node with children.
    pub fn parent(&self, draw: &mut Draw) -> Option<&str> {
        let (parent, _) = path::split(self.any(draw)?)?;
        self.nodes.get_key_value(parent).map(|(path, _)| path.as_str())
    }

    fn first_below(&self, node: &str) -> Option<&str> {
        let below = format!("{node}/");
        let (path, _) = self.nodes.range(below.clone()..).next()?;
        path.starts_with(&below).then_some(path)
    }

    /// Learns from an answer without error.
    pub fn learn(&mut self, slot: usize, request: &Request, reply: &[u8]) {
        let Some(op) = request.known_op().filter(|op| op.is_write()) else {
            return;
        };
        let Ok(write) = WriteRequest::decode(op, &request.body, Limits::default()) else {
            return;
        };
        match write {
            WriteRequest::Multi(ops) => self.learn_multi(slot, &ops, reply),
            WriteRequest::CloseSession => self.forget_session(slot),
            WriteRequest::Create(create) => {
                if let Ok(path) = reader(reply).read::<Text<'_>>() {
                    self.learn_create(slot, &create, &path);
                }
            }
            WriteRequest::Delete(delete) => self.forget(&delete.path),
            WriteRequest::DeleteContainer(delete) => self.forget(&delete.path),
            WriteRequest::SetData(set) => self.learn_stat(&set.path, reader(reply).read().ok()),
            WriteRequest::SetAcl(set) => {
                self.learn_acl(&set);
                self.learn_stat(&set.path, reader(reply).read().ok());
            }
            WriteRequest::Check(_) | WriteRequest::Reconfig(_) => {}
        }
    }

    fn learn_multi(&mut self, slot: usize, ops: &[WriteRequest<'_>], reply: &[u8]) {
        let Ok(results) = read_results(&mut reader(reply)) else {
            return;
        };
        for (op, result) in ops.iter().zip(&results) {
            match (op, result) {
                (_, MultiResult::Error(_)) => return,
                (
                    WriteRequest::Create(create),
                    MultiResult::Create(path) | MultiResult::Create2(path, _),
                ) => self.learn_create(slot, create, path),
                (WriteRequest::Delete(delete), _) => self.forget(&delete.path),
                (WriteRequest::SetData(set), MultiResult::SetData(stat)) => {
                    self.learn_stat(&set.path, Some(*stat));
                }
                _ => {}
            }
        }
    }

    fn learn_create(&mut self, slot: usize, create: &CreateRequest<'_>, path: &str) {
        if STANDING.contains(&path) || path.starts_with("/zookeeper/") {
            return;
        }
        let by_flag = matches!(create.op, OpCode::Create | OpCode::Create2);
        let owner = (by_flag && matches!(create.flags, 1 | 3)).then_some(slot);
        if owner.is_some() {
            self.ephemerals.insert(path.into());
        }
        if !is_open(create.acl.as_deref()) {
            self.restricted.insert(path.into());
        }
        let node = Node { owner, ..Node::default() };
        self.nodes.insert(path.into(), node);
    }

    fn learn_stat(&mut self, path: &str, stat: Option<Stat>) {
        if let (Some(node), Some(stat)) = (self.nodes.get_mut(path), stat) {
            node.version = stat.version;
            node.aversion = stat.aversion;
        }
    }

    fn learn_acl(&mut self, set: &SetAclRequest<'_>) {
        if is_open(set.acl.as_deref()) {
            self.restricted.remove(&*set.path);
        } else if self.nodes.contains_key(&*set.path) {
            self.restricted.insert(set.path.to_string());
        }
    }

    fn forget(&mut self, path: &str) {
        self.nodes.remove(path);
        self.restricted.remove(path);
        self.ephemerals.remove(path);
    }

    fn forget_session(&mut self, slot: usize) {
        let owned = |path: &&String| self.node(path).owner == Some(slot);
        let gone: Vec<String> = self.ephemerals.iter().filter(owned).cloned().collect();
        gone.iter().for_each(|path| self.forget(path));
    }
}

fn is_open(acl: Option<&[wire::Acl<'_>]>) -> bool {
    acl.is_some_and(|list| {
        list.iter().any(|entry| entry.id.scheme() == "world" && entry.perms == wire::Perms::ALL)
    })
}
