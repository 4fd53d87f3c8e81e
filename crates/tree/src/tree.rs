use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use foldhash::quality::FixedState;
use hashbrown::{HashMap, HashSet};
use wire::{Acl, Perms, Stat, StatPersisted};

use crate::acl_table::{AclId, AclList, AclTable};
use crate::chunk::{Content, Node};
use crate::digest;
use crate::options::Options;
use crate::owner::Owner;
use crate::quota::{self, LimitedPaths};
use crate::store::{NodeId, Spot, Store, WARM_MAX};

/// The nodes that are always there and cannot be deleted.
pub(crate) const PROTECTED: [&str; 4] = ["/", "/zookeeper", quota::ROOT, CONFIG];
/// Where the ensemble's configuration is kept.
const CONFIG: &str = "/zookeeper/config";

/// How often the digest is noted, in transactions.
const DIGEST_LOG_INTERVAL: i64 = 128;
/// How many noted digests are kept.
const DIGEST_LOG_LEN: usize = 1024;

/// A node to be placed.
#[derive(Clone, Copy)]
pub(crate) struct Newcomer<'a> {
    pub(crate) path: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    /// A use of it that was taken.
    pub(crate) acl: AclId,
    pub(crate) stat: StatPersisted,
}

pub(crate) type IdSet = HashSet<NodeId, FixedState>;

/// The replicated state of a server: znodes and sessions.
///
/// Reads take `&self`; nothing but [`Tree::apply`](crate::Tree::apply) changes it.
pub struct Tree {
    pub(crate) options: Options,
    pub(crate) store: Store,
    pub(crate) acls: AclTable,
    pub(crate) sessions: HashMap<SessionId, i32, FixedState>,
    pub(crate) ephemerals: HashMap<SessionId, IdSet, FixedState>,
    /// Containers and TTL nodes: what the reaper looks at.
    pub(crate) reapable: IdSet,
    pub(crate) limited: LimitedPaths,
    pub(crate) digest: u64,
    pub(crate) last_zxid: Zxid,
    pub(crate) digest_log: VecDeque<(Zxid, u64)>,
    pub(crate) path_bytes: usize,
    pub(crate) data_bytes: usize,
}

impl Tree {
    /// The tree of a server that has never run.
    #[must_use]
    pub fn new(options: Options) -> Tree {
        let mut tree = Tree::bare(options);
        let open = StatPersisted::default();
        let read_only = tree.acls.acquire(Some(&[Acl::world(Perms::READ)]));
        let zookeeper = tree.place_empty(NodeId::ROOT, "/zookeeper", AclId::OPEN, open);
        tree.place_empty(zookeeper, quota::ROOT, AclId::OPEN, open);
        let config = StatPersisted { aversion: -1, ..open };
        tree.place_empty(zookeeper, CONFIG, read_only, config);
        tree
    }

    /// A tree with nothing but its root.
    pub(crate) fn bare(options: Options) -> Tree {
        let hasher = || FixedState::with_seed(options.hash_seed);
        let stat = StatPersisted::default();
        let prefix = digest::prefix("", Some(b""));
        let root =
            Content { name: "", data: Some(b""), stat, acl: AclId::OPEN, digest_prefix: prefix };
        Tree {
            options,
            store: Store::new(options.hash_seed, &root),
            acls: AclTable::new(options.hash_seed),
            sessions: HashMap::with_hasher(hasher()),
            ephemerals: HashMap::with_hasher(hasher()),
            reapable: HashSet::with_hasher(hasher()),
            limited: LimitedPaths::new(options.hash_seed),
            digest: if options.digest_disabled { 0 } else { digest::contribution(prefix, &stat) },
            last_zxid: Zxid::ZERO,
            digest_log: VecDeque::new(),
            path_bytes: 1,
            data_bytes: 0,
        }
    }

    /// The transaction that the tree's state is the result of.
    #[must_use]
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// The options it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The digest over all nodes; 0 when digests are disabled.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Digests at every 128th transaction, the latest 1024: for comparing servers.
    pub fn digest_log(&self) -> impl Iterator<Item = (Zxid, u64)> + '_ {
        self.digest_log.iter().copied()
    }

    /// Notes that the tree is now the result of the transaction `zxid`.
    pub(crate) fn reached(&mut self, zxid: Zxid) {
        self.last_zxid = self.last_zxid.max(zxid);
    }

    /// Notes the digest, which is right as of `zxid`.
    pub(crate) fn log_digest(&mut self, zxid: Zxid) {
        if zxid.0 % DIGEST_LOG_INTERVAL == 0 && !self.options.digest_disabled {
            self.digest_log.push_back((zxid, self.digest));
            if self.digest_log.len() > DIGEST_LOG_LEN {
                self.digest_log.pop_front();
            }
        }
    }

    /// Number of nodes as Java counts them: the root twice.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.store.len() + 1
    }

    /// Length of all paths and all data, in bytes.
    #[must_use]
    pub fn data_size(&self) -> usize {
        self.path_bytes + self.data_bytes
    }

    /// Number of ephemeral nodes.
    #[must_use]
    pub fn ephemeral_count(&self) -> usize {
        self.ephemerals.values().map(HashSet::len).sum()
    }

    /// All sessions with their timeouts in milliseconds.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, i32)> + '_ {
        self.sessions.iter().map(|(id, timeout_ms)| (*id, *timeout_ms))
    }

    /// Whether the session exists, as of the last transaction.
    #[must_use]
    pub fn has_session(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// The node at `path`. As in Java the empty path names the root.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<NodeRef<'_>> {
        self.store.find(path).map(|id| self.node_ref(id))
    }

    /// Prepares lookups of these paths, so that those that come at once are quick. They need not
    /// be there, nor be paths.
    pub fn warm<'p>(&self, mut paths: impl Iterator<Item = &'p [u8]>) {
        let mut batch = [&[][..]; WARM_MAX];
        loop {
            let taken = batch.iter_mut().zip(&mut paths).map(|(slot, path)| *slot = path).count();
            // One alone gains nothing.
            if taken > 1 {
                self.store.warm(&batch[..taken]);
            }
            if taken < WARM_MAX {
                return;
            }
        }
    }

    /// Paths of the session's ephemeral nodes, in no order.
    pub fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = String> + '_ {
        self.ephemerals.get(&session).into_iter().flatten().map(|id| self.store.path(*id))
    }

    /// Sessions that own ephemeral nodes, in no order.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.ephemerals.keys().copied()
    }

    /// Paths with limits, with limits and usage: for the quota metrics.
    pub fn quotas(&self) -> impl Iterator<Item = (&str, quota::Limits, quota::Limits)> {
        let read = |path: &str| Some(quota::Limits::parse(self.node(path)?.data()?));
        self.limited.iter().filter_map(move |path| {
            let limits = read(&quota::limits_path(path))?;
            let used = read(&quota::stats_path(path)).unwrap_or(quota::Limits::counted(0, 0));
            Some((path, limits, used))
        })
    }

    /// Containers and TTL nodes that are due to go: childless, and long enough unused.
    ///
    /// `never_used_ms` is how long a container that never had a child may stay; 0 is for ever.
    #[must_use]
    pub fn reap_candidates(&self, wall_ms: i64, never_used_ms: i64) -> Vec<String> {
        let due = |id: &&NodeId| self.is_due(**id, wall_ms, never_used_ms);
        self.reapable.iter().filter(due).map(|id| self.store.path(*id)).collect()
    }

    /// Whether the node at `path` would be among them.
    #[must_use]
    pub fn is_reap_candidate(&self, path: &str, wall_ms: i64, never_used_ms: i64) -> bool {
        self.store.find(path).is_some_and(|id| self.is_due(id, wall_ms, never_used_ms))
    }

    fn is_due(&self, id: NodeId, wall_ms: i64, never_used_ms: i64) -> bool {
        let node = self.store.node(id);
        let stat = node.stat();
        let idle_ms = wall_ms.saturating_sub(stat.mtime);
        node.links().children == 0
            && match Owner::read(stat.ephemeral_owner, self.options.types) {
                Owner::Children if stat.cversion > 0 => true,
                Owner::Children => never_used_ms > 0 && idle_ms > never_used_ms,
                Owner::Ttl(ttl_ms) => idle_ms > ttl_ms,
                Owner::Nobody | Owner::Session(_) => false,
            }
    }

    pub(crate) fn node_ref(&self, id: NodeId) -> NodeRef<'_> {
        NodeRef { tree: self, id }
    }

    fn place_empty(
        &mut self,
        parent: NodeId,
        path: &str,
        acl: AclId,
        stat: StatPersisted,
    ) -> NodeId {
        let spot = self.store.spot(path);
        self.place(parent, spot, &Newcomer { path, data: Some(b""), acl, stat })
    }

    /// Adds a node below `parent`, without touching the parent's stat.
    pub(crate) fn place(&mut self, parent: NodeId, spot: Spot, newcomer: &Newcomer<'_>) -> NodeId {
        let Newcomer { path, data, acl, stat } = *newcomer;
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let digest_prefix = if self.digests(path) { digest::prefix(path, data) } else { 0 };
        if self.digests(path) {
            self.digest = self.digest.wrapping_add(digest::contribution(digest_prefix, &stat));
        }
        let content = Content { name, data, stat, acl, digest_prefix };
        let id = self.store.insert(parent, spot, &content);
        self.path_bytes += path.len();
        self.data_bytes += data.map_or(0, <[u8]>::len);
        match Owner::read(stat.ephemeral_owner, self.options.types) {
            Owner::Nobody => {}
            Owner::Session(session) => {
                let new = || HashSet::with_hasher(FixedState::with_seed(self.options.hash_seed));
                self.ephemerals.entry(session).or_insert_with(new).insert(id);
            }
            Owner::Children | Owner::Ttl(_) => {
                self.reapable.insert(id);
            }
        }
        id
    }

    /// Takes the childless node out, without touching its parent's stat. Returns the length of its
    /// data in bytes.
    pub(crate) fn displace(&mut self, id: NodeId, path: &str) -> usize {
        let node = self.store.node(id);
        let (stat, data_len, acl) = (node.stat(), node.data_len(), node.acl());
        if self.digests(path) {
            let gone = digest::contribution(node.digest_prefix(), &stat);
            self.digest = self.digest.wrapping_sub(gone);
        }
        self.store.remove(id, path);
        self.acls.release(acl);
        self.path_bytes -= path.len();
        self.data_bytes -= data_len;
        match Owner::read(stat.ephemeral_owner, self.options.types) {
            Owner::Nobody => {}
            Owner::Session(session) => self.forget_ephemeral(session, id),
            Owner::Children | Owner::Ttl(_) => {
                self.reapable.remove(&id);
            }
        }
        data_len
    }

    fn forget_ephemeral(&mut self, session: SessionId, id: NodeId) {
        if let Some(ids) = self.ephemerals.get_mut(&session) {
            ids.remove(&id);
            if ids.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
    }

    /// Changes a node's stat, and the digest with it.
    pub(crate) fn restat(&mut self, id: NodeId, path: &str, f: impl FnOnce(&mut StatPersisted)) {
        let node = self.store.node(id);
        let (before, prefix) = (node.stat(), node.digest_prefix());
        let mut after = before;
        f(&mut after);
        self.store.set_stat(id, &after);
        self.recontribute(path, (prefix, &before), (prefix, &after));
    }

    /// Replaces a node's data and changes its stat, and the digest with them. Returns the length
    /// that its data had, in bytes.
    pub(crate) fn redata(
        &mut self,
        id: NodeId,
        path: &str,
        data: Option<&[u8]>,
        f: impl FnOnce(&mut StatPersisted),
    ) -> usize {
        let node = self.store.node(id);
        let (before, old_prefix, old_len) = (node.stat(), node.digest_prefix(), node.data_len());
        let mut after = before;
        f(&mut after);
        let prefix = if self.digests(path) { digest::prefix(path, data) } else { 0 };
        self.store.set(id, data, &after, prefix);
        self.data_bytes = self.data_bytes - old_len + data.map_or(0, <[u8]>::len);
        self.recontribute(path, (old_prefix, &before), (prefix, &after));
        old_len
    }

    /// Takes out of the digest what a node added to it, and adds what it adds now.
    fn recontribute(
        &mut self,
        path: &str,
        before: (u32, &StatPersisted),
        after: (u32, &StatPersisted),
    ) {
        if self.digests(path) {
            let gone = digest::contribution(before.0, before.1);
            let come = digest::contribution(after.0, after.1);
            self.digest = self.digest.wrapping_sub(gone).wrapping_add(come);
        }
    }

    /// Whether the node at `path` counts in the digest.
    pub(crate) fn digests(&self, path: &str) -> bool {
        !self.options.digest_disabled && digest::counts(path)
    }

    /// Recounts what lies at and below `path` into its stats node, if there is one.
    pub(crate) fn recount(&mut self, path: &str) {
        let Some(stats) = self.store.find(&quota::stats_path(path)) else {
            return;
        };
        let used = self.store.find(path).map_or((0, 0), |top| self.usage(top));
        let text = quota::Limits::counted(used.0, used.1).to_string();
        self.redata(stats, &quota::stats_path(path), Some(text.as_bytes()), |_| {});
    }

    /// Number of nodes and bytes of data at and below a node.
    fn usage(&self, top: NodeId) -> (i64, i64) {
        let (mut count, mut bytes) = (0, 0);
        let mut at = Some(top);
        while let Some(id) = at {
            count += 1;
            bytes += self.store.node(id).data().map_or(0, length);
            at = self.store.after(id, top);
        }
        (count, bytes)
    }
}

/// A length as the signed number that protocol and files use.
pub(crate) fn length(bytes: &[u8]) -> i64 {
    signed(bytes.len())
}

pub(crate) fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A node, as readers see it.
#[derive(Clone, Copy)]
pub struct NodeRef<'t> {
    tree: &'t Tree,
    id: NodeId,
}

impl<'t> NodeRef<'t> {
    fn node(&self) -> Node<'t> {
        self.tree.store.node(self.id)
    }

    /// Its data; `None` if none was ever given.
    #[must_use]
    pub fn data(&self) -> Option<&'t [u8]> {
        self.node().data()
    }

    /// Its ACL; open to all if none was ever stored.
    #[must_use]
    pub fn acl(&self) -> &'t AclList {
        self.tree.acls.list(self.node().acl())
    }

    /// Its stat as clients see it.
    #[must_use]
    pub fn stat(&self) -> Stat {
        let stat = self.node().stat();
        let owner = Owner::read(stat.ephemeral_owner, self.tree.options.types);
        let length = i32::try_from(self.node().data_len()).unwrap_or(i32::MAX);
        stat.shown(owner.shown(), length, self.child_count())
    }

    /// Its stat as it is stored.
    #[must_use]
    pub fn stat_persisted(&self) -> StatPersisted {
        self.node().stat()
    }

    /// Number of its children.
    #[must_use]
    pub fn child_count(&self) -> i32 {
        i32::try_from(self.node().links().children).unwrap_or(i32::MAX)
    }

    /// Names of its children, in no order.
    pub fn children(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        self.tree.store.children(self.id).map(Node::name)
    }

    /// The same, to be passed on as they are: there may be millions of them.
    pub fn children_bytes(&self) -> impl Iterator<Item = &'t [u8]> + use<'t> {
        self.tree.store.children(self.id).map(Node::name_bytes)
    }

    /// Number of all its descendants.
    #[must_use]
    pub fn descendant_count(&self) -> usize {
        if self.id == NodeId::ROOT {
            return self.tree.store.len() - 1;
        }
        let (count, _) = self.tree.usage(self.id);
        usize::try_from(count - 1).unwrap_or(usize::MAX)
    }

    /// What the digest keeps of path and data.
    pub(crate) fn digest_prefix(&self) -> u32 {
        self.node().digest_prefix()
    }
}
