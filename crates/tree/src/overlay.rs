use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::{Entry, EntryRef};
use wire::{Acl, ErrorCode, Perms, StatPersisted};

use crate::acl_table::AclList;
use crate::digest;
use crate::owner::Owner;
use crate::tree::{NodeRef, Tree, length};

/// A node as it will be once every pending transaction is applied.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The last transaction that changes it.
    pub(crate) zxid: Zxid,
    /// Whether it will be there.
    pub(crate) exists: bool,
    pub(crate) stat: StatPersisted,
    pub(crate) children: i32,
    pub(crate) acl: AclList,
    pub(crate) digest_prefix: u32,
    pub(crate) data_len: i64,
    /// What it adds to the digest as of the last change that was noted; 0 if it does not count.
    pub(crate) counted: u64,
}

impl Pending {
    fn of(node: NodeRef<'_>, counts: bool) -> Pending {
        let (prefix, stat) = (node.digest_prefix(), node.stat_persisted());
        Pending {
            zxid: Zxid::ZERO,
            exists: true,
            stat,
            children: node.child_count(),
            acl: node.acl().clone(),
            digest_prefix: prefix,
            data_len: node.data().map_or(0, length),
            counted: if counts { digest::contribution(prefix, &stat) } else { 0 },
        }
    }
}

type Path = Arc<str>;

/// What pending transactions will have changed: prepared against, never applied from.
///
/// It can be dropped whole and begun anew from the tree, which is what a change of leader does.
pub struct Overlay {
    nodes: HashMap<Path, Pending, FixedState>,
    /// Every change in order, so that entries can go once the tree has caught up with them.
    changes: VecDeque<(Zxid, Path)>,
    /// The ephemeral ones among `nodes` that will exist.
    created: HashMap<SessionId, BTreeSet<Path>, FixedState>,
    /// The tree's digest after the last pending transaction.
    digest: u64,
    /// What the request under way has replaced.
    undo: Undo,
    open_acl: AclList,
    /// The last path that was refused because of its hard quota.
    pub(crate) exceeded_quota: Option<Path>,
}

/// How to take back what one request has changed.
#[derive(Default)]
struct Undo {
    /// Newest last.
    replaced: Vec<(Path, Option<Pending>)>,
    changes_before: usize,
    digest: u64,
}

impl Overlay {
    /// An overlay without pending changes over `tree`.
    #[must_use]
    pub fn new(tree: &Tree) -> Overlay {
        let hasher = || FixedState::with_seed(tree.options.hash_seed);
        Overlay {
            nodes: HashMap::with_hasher(hasher()),
            changes: VecDeque::new(),
            created: HashMap::with_hasher(hasher()),
            digest: tree.digest(),
            undo: Undo::default(),
            open_acl: Arc::from([Acl::world(Perms::ALL)]),
            exceeded_quota: None,
        }
    }

    /// The digest that the tree will have once all that is pending is applied.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The path that was refused because of its hard quota since this was last asked.
    pub fn take_exceeded_quota(&mut self) -> Option<Arc<str>> {
        self.exceeded_quota.take()
    }

    /// Number of changes of nodes that the tree has not caught up with.
    #[must_use]
    pub fn pending_changes(&self) -> usize {
        self.changes.len()
    }

    /// Forgets what the tree now holds: all changes up to `applied`.
    pub fn caught_up(&mut self, applied: Zxid) {
        while self.changes.front().is_some_and(|(zxid, _)| *zxid <= applied) {
            let Some((zxid, path)) = self.changes.pop_front() else {
                return;
            };
            let Entry::Occupied(entry) = self.nodes.entry(path) else { continue };
            if entry.get().zxid == zxid {
                let (path, node) = entry.remove_entry();
                self.disown(&path, &node);
            }
        }
    }

    /// A node that is forgotten or replaced belongs to nobody as far as `created` knows.
    fn disown(&mut self, path: &Path, node: &Pending) {
        if node.stat.ephemeral_owner == 0 {
            return;
        }
        let session = SessionId(node.stat.ephemeral_owner);
        if let Some(paths) = self.created.get_mut(&session) {
            paths.remove(path);
            if paths.is_empty() {
                self.created.remove(&session);
            }
        }
    }

    fn own(&mut self, tree: &Tree, path: &Path, node: &Pending) {
        let owner = Owner::read(node.stat.ephemeral_owner, tree.options.types);
        if let (Owner::Session(session), true) = (owner, node.exists) {
            self.created.entry(session).or_default().insert(path.clone());
        }
    }

    /// The node at `path` as it will be.
    pub(crate) fn node(&self, tree: &Tree, path: &str) -> Result<Pending, ErrorCode> {
        let path = if path == "/" { "" } else { path };
        match self.nodes.get(path) {
            Some(node) if node.exists => Ok(node.clone()),
            Some(_) => Err(ErrorCode::NoNode),
            None => {
                let settled = tree.node(path).ok_or(ErrorCode::NoNode)?;
                Ok(Pending::of(settled, tree.digests(path)))
            }
        }
    }

    /// Notes that the transaction `zxid` leaves the node at `path` so. The digest follows.
    pub(crate) fn change(&mut self, tree: &Tree, path: &str, zxid: Zxid, node: Pending) {
        let path = if path == "/" { "" } else { path };
        let counts = node.exists && tree.digests(path);
        let come = if counts { digest::contribution(node.digest_prefix, &node.stat) } else { 0 };
        self.digest = self.digest.wrapping_sub(node.counted).wrapping_add(come);
        let node = Pending { zxid, counted: come, ..node };
        let is_owned = node.stat.ephemeral_owner != 0;
        let (path, replaced) = match self.nodes.entry_ref(path) {
            EntryRef::Occupied(mut entry) => {
                (entry.key().clone(), Some(core::mem::replace(entry.get_mut(), node)))
            }
            EntryRef::Vacant(entry) => (entry.insert_entry(node).key().clone(), None),
        };
        self.changes.push_back((zxid, path.clone()));
        if let Some(before) = &replaced {
            self.disown(&path, before);
        }
        if let Some(node) = self.nodes.get(&path).filter(|_| is_owned).cloned() {
            self.own(tree, &path, &node);
        }
        self.undo.replaced.push((path, replaced));
    }

    /// A request begins: from here on its changes can be taken back.
    pub(crate) fn begin(&mut self) {
        self.undo.replaced.clear();
        self.undo.changes_before = self.changes.len();
        self.undo.digest = self.digest;
    }

    /// The request ends: what it has changed stays.
    pub(crate) fn keep(&mut self) {
        self.undo.replaced.clear();
    }

    /// Takes back what was changed since [`Overlay::begin`].
    pub(crate) fn take_back(&mut self, tree: &Tree) {
        while let Some((path, replaced)) = self.undo.replaced.pop() {
            if let Some(node) = self.nodes.remove(&path) {
                self.disown(&path, &node);
            }
            if let Some(node) = replaced {
                self.own(tree, &path, &node);
                self.nodes.insert(path, node);
            }
        }
        self.changes.truncate(self.undo.changes_before);
        self.digest = self.undo.digest;
    }

    /// The ephemeral nodes that `session` will own, in the order in which they are to go.
    pub(crate) fn ephemerals(&self, tree: &Tree, session: SessionId) -> BTreeSet<Path> {
        let created = self.created.get(&session).into_iter().flatten().cloned();
        // Of what is pending, `created` knows: a name may be another's by then.
        let settled = tree.ephemerals(session).map(Path::from);
        settled.filter(|path| !self.nodes.contains_key(path)).chain(created).collect()
    }

    /// A list to keep: the open one, which nearly every node has, is shared.
    pub(crate) fn keep_acl(&self, acl: &[Acl<'_>]) -> AclList {
        if *acl == *self.open_acl {
            return self.open_acl.clone();
        }
        acl.iter().map(|entry| entry.clone().into_owned()).collect()
    }
}
