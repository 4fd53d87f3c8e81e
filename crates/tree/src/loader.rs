use alloc::string::String;
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use wire::{Acl, StatPersisted};

use crate::acl_table::AclId;
use crate::options::Options;
use crate::quota;
use crate::store::NodeId;
use crate::tree::{Newcomer, Tree};

/// What makes loaded nodes no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A node without a parent.
    #[error("node {path} comes before its parent")]
    NoParent {
        /// The node.
        path: String,
    },
    /// A node that is there twice.
    #[error("node {path} is there twice")]
    Twice {
        /// The node.
        path: String,
    },
}

/// The ACL of a node that nobody may touch but the super user.
#[must_use]
pub fn closed_acl() -> [Acl<'static>; 1] {
    [Acl::world(0)]
}

/// Builds a tree from a snapshot.
pub struct Loader {
    tree: Tree,
    /// The parent of the last node: usually the next one's too.
    parent: (String, NodeId),
    /// Lists by the snapshot's number: each is used once by this.
    acls: HashMap<i64, AclId, FixedState>,
    closed: Vec<String>,
}

impl Loader {
    /// Begins with a tree that has only a root.
    #[must_use]
    pub fn new(options: Options) -> Loader {
        let hasher = FixedState::with_seed(options.hash_seed);
        Loader {
            tree: Tree::bare(options),
            parent: ("/".into(), NodeId::ROOT),
            acls: HashMap::with_hasher(hasher),
            closed: Vec::new(),
        }
    }

    /// Adds a session with its timeout in milliseconds.
    pub fn session(&mut self, session: SessionId, timeout_ms: i32) {
        self.tree.sessions.insert(session, timeout_ms);
    }

    /// Adds an ACL under its number.
    pub fn acl(&mut self, id: i64, list: &[Acl<'static>]) {
        let list = self.tree.acls.acquire(Some(list));
        if let Some(before) = self.acls.insert(id, list) {
            self.tree.acls.release(before);
        }
    }

    /// Prepares the places of nodes that are added next, parents and paths alike.
    pub fn warm<'p>(&self, paths: impl Iterator<Item = &'p [u8]>) {
        self.tree.warm(paths);
    }

    /// Adds a node. The root has the empty path; every other comes after its parent.
    ///
    /// A number without an ACL closes the node to all, by [`closed_acl`]. Java lists ACLs before
    /// it writes nodes, while transactions go on: what it does not list, the log behind has
    /// (ZOOKEEPER-4846, C-024).
    ///
    /// # Errors
    /// When the node cannot stand where its path says.
    pub fn node(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl_id: i64,
        stat: StatPersisted,
    ) -> Result<(), LoadError> {
        if path.is_empty() {
            let acl = self.acl_of(path, acl_id);
            let tree = &mut self.tree;
            tree.store.set_acl(NodeId::ROOT, acl);
            tree.redata(NodeId::ROOT, "", data, |root| *root = stat);
            return Ok(());
        }
        let spot = self.tree.store.spot(path);
        if spot.node.is_some() {
            return Err(LoadError::Twice { path: path.into() });
        }
        let no_parent = || LoadError::NoParent { path: path.into() };
        let (parent, _) = wire::path::split(path).ok_or_else(no_parent)?;
        if self.parent.0 != parent {
            let id = self.tree.store.find(parent).ok_or_else(no_parent)?;
            self.parent = (parent.into(), id);
        }
        let acl = self.acl_of(path, acl_id);
        self.tree.place(self.parent.1, spot, &Newcomer { path, data, acl, stat });
        Ok(())
    }

    /// Takes a use of the list with a snapshot's number.
    fn acl_of(&mut self, path: &str, number: i64) -> AclId {
        let acls = &mut self.tree.acls;
        match (number, self.acls.get(&number)) {
            (_, Some(id)) => acls.acquire_again(*id),
            (-1, None) => AclId::OPEN,
            (_, None) => {
                self.closed.push(path.into());
                acls.acquire(Some(&closed_acl()))
            }
        }
    }

    /// Nodes so far whose number has no ACL.
    #[must_use]
    pub fn closed(&self) -> &[String] {
        &self.closed
    }

    /// The tree, as of the transaction `last_zxid`; quotas are counted anew.
    #[must_use]
    pub fn finish(mut self, last_zxid: Zxid) -> Tree {
        self.tree.last_zxid = last_zxid;
        self.acls.drain().for_each(|(_, list)| self.tree.acls.release(list));
        for (subject, name) in self.quota_nodes() {
            match name {
                quota::LIMITS => self.tree.limited.insert(&subject),
                _ => self.tree.recount(&subject),
            }
        }
        self.tree
    }

    /// Paths that have limits or stats, with which of the two.
    fn quota_nodes(&self) -> Vec<(String, &'static str)> {
        let store = &self.tree.store;
        let Some(top) = store.find(quota::ROOT) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut at = store.after(top, top);
        while let Some(id) = at {
            let name = [quota::LIMITS, quota::STATS]
                .into_iter()
                .find(|name| store.node(id).name() == *name);
            let parent = store.path(store.node(id).links().parent);
            if let (Some(name), Some(subject)) = (name, quota::subject(&parent)) {
                found.push((subject.into(), name));
            }
            at = store.after(id, top);
        }
        found
    }
}
