//! Who is told of what.
//!
//! A node is watched by its place in the store, which costs a few bytes where a path would cost
//! its length; a path without a node by its place among the paths that are watched so. A watch
//! that stays goes from the one to the other when its node is created or deleted.
//!
//! # Invariants
//! - No watch is on a node that is gone, and none on a missing path that has a node (the empty path
//!   counts as missing).
//! - A connection's sets hold the subjects that the tables name it for.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::{HashMap, HashTable};
use roaring::RoaringBitmap;
use wire::{Acl, AddWatchMode, EventType, WatchedKind};

use crate::apply::{Change, ChangeKind};
use crate::store::{NodeId, Store};
use crate::tree::Tree;
use crate::watch_table::{Subject, Table, WatchKinds, Watcher};

/// Names a client's connection on this server. Never used twice while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Numbers of `wchs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchSummary {
    /// Connections that watch anything.
    pub connections: usize,
    /// Paths that are watched.
    pub paths: usize,
    /// Pairs of the two.
    pub watches: usize,
}

/// Watched paths that have no node.
struct MissingPaths {
    paths: Vec<Option<Box<str>>>,
    free: Vec<u32>,
    /// Places in `paths`.
    by_path: HashTable<u32>,
    hasher: FixedState,
}

/// Subjects from here on are missing paths.
const MISSING: u32 = 1 << 31;

impl MissingPaths {
    fn new(hash_seed: u64) -> MissingPaths {
        MissingPaths {
            paths: Vec::new(),
            free: Vec::new(),
            by_path: HashTable::new(),
            hasher: FixedState::with_seed(hash_seed),
        }
    }

    fn find(&self, path: &str) -> Option<Subject> {
        let is_it = |number: &u32| self.paths[*number as usize].as_deref() == Some(path);
        let found = self.by_path.find(self.hasher.hash_one(path), is_it);
        found.map(|number| Subject(number | MISSING))
    }

    fn find_or_add(&mut self, path: &str) -> Subject {
        if let Some(known) = self.find(path) {
            return known;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.paths.push(None);
            u32::try_from(self.paths.len() - 1).expect("fewer than 2^31 watched paths")
        });
        self.paths[number as usize] = Some(path.into());
        let MissingPaths { paths, by_path, hasher, .. } = self;
        let rehash =
            |number: &u32| hasher.hash_one(paths[*number as usize].as_deref().unwrap_or(""));
        by_path.insert_unique(hasher.hash_one(path), number, rehash);
        Subject(number | MISSING)
    }

    fn remove(&mut self, subject: Subject) {
        let number = subject.0 & !MISSING;
        if let Some(path) = self.paths[number as usize].take() {
            let hash = self.hasher.hash_one(&*path);
            if let Ok(entry) = self.by_path.find_entry(hash, |other| *other == number) {
                entry.remove();
            }
            self.free.push(number);
        }
    }

    fn path(&self, subject: Subject) -> String {
        let path = self.paths[(subject.0 & !MISSING) as usize].as_deref();
        path.unwrap_or_default().into()
    }
}

/// A connection that watches, and what.
struct Holder {
    conn: ConnId,
    data: RoaringBitmap,
    child: RoaringBitmap,
}

impl Holder {
    fn set(&mut self, which: Which) -> &mut RoaringBitmap {
        match which {
            Which::Data => &mut self.data,
            Which::Child => &mut self.child,
        }
    }
}

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Data,
    Child,
}

const BOTH: [Which; 2] = [Which::Data, Which::Child];

/// Who is told of what: two tables, for data and for children.
pub struct Watches {
    data: Table,
    child: Table,
    missing: MissingPaths,
    numbers: HashMap<ConnId, u32, FixedState>,
    holders: Vec<Option<Holder>>,
    free_holders: Vec<u32>,
}

impl Watches {
    /// Without watches.
    #[must_use]
    pub fn new(hash_seed: u64) -> Watches {
        Watches {
            data: Table::new(hash_seed),
            child: Table::new(hash_seed),
            missing: MissingPaths::new(hash_seed),
            numbers: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
            holders: Vec::new(),
            free_holders: Vec::new(),
        }
    }

    /// A one-shot watch of data, or of a missing node's creation.
    pub fn watch_data(&mut self, tree: &Tree, conn: ConnId, path: &str) {
        self.add(tree, conn, path, &[(Which::Data, WatchKinds::STANDARD)]);
    }

    /// A one-shot watch of children.
    pub fn watch_children(&mut self, tree: &Tree, conn: ConnId, path: &str) {
        self.add(tree, conn, path, &[(Which::Child, WatchKinds::STANDARD)]);
    }

    /// A persistent watch.
    pub fn watch_always(&mut self, tree: &Tree, conn: ConnId, path: &str, mode: AddWatchMode) {
        let persistent = WatchKinds::PERSISTENT;
        match mode {
            AddWatchMode::Persistent => {
                let both = [(Which::Data, persistent), (Which::Child, persistent)];
                self.add(tree, conn, path, &both);
            }
            AddWatchMode::PersistentRecursive => {
                self.add(tree, conn, path, &[(Which::Data, WatchKinds::RECURSIVE)]);
            }
        }
    }

    /// Whether the connection has such a watch on `path`.
    #[must_use]
    pub fn contains(&self, tree: &Tree, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
        let watched = self.subject(tree, path).zip(self.number(conn));
        watched.is_some_and(|(subject, watcher)| {
            let (in_data, in_child) = meant(kind);
            self.data.kinds(subject, watcher).has_any(in_data)
                || self.child.kinds(subject, watcher).has_any(in_child)
        })
    }

    /// Removes such watches; whether there were any.
    pub fn remove(&mut self, tree: &Tree, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
        let Some((subject, watcher)) = self.subject(tree, path).zip(self.number(conn)) else {
            return false;
        };
        let (in_data, in_child) = meant(kind);
        let child = self.take(Which::Child, subject, watcher, in_child);
        let data = self.take(Which::Data, subject, watcher, in_data);
        self.forget_if_unwatched(subject);
        self.forget_if_idle(watcher);
        data || child
    }

    /// Removes all watches of a connection that has ended.
    pub fn remove_conn(&mut self, conn: ConnId) {
        let Some(watcher) = self.number(conn) else { return };
        let Some(holder) = self.holders[watcher.0 as usize].take() else { return };
        for (which, subjects) in [(Which::Data, holder.data), (Which::Child, holder.child)] {
            for subject in subjects.iter().map(Subject) {
                self.table(which).remove(subject, watcher, WatchKinds::ALL);
                self.forget_if_unwatched(subject);
            }
        }
        self.numbers.remove(&conn);
        self.free_holders.push(watcher.0);
    }

    /// Tells everybody who watches what `change` changes. `tell` is given the connection, the event
    /// with its path, and the ACL that must permit the connection to read.
    pub fn fire<'c>(
        &mut self,
        change: &Change<'c>,
        mut tell: impl FnMut(ConnId, EventType, &'c str, &'c [Acl<'static>]),
    ) {
        let path = change.path;
        let (event, subject) = match change.kind {
            ChangeKind::Created => (EventType::NodeCreated, self.missing.find(path)),
            ChangeKind::Deleted => (EventType::NodeDeleted, Some(change.node.subject())),
            ChangeKind::DataChanged => (EventType::NodeDataChanged, Some(change.node.subject())),
        };
        let told = self.trigger(Which::Data, subject, Some(change));
        told.iter().for_each(|conn| tell(*conn, event, path, change.acl));
        if change.kind == ChangeKind::Deleted {
            // Whoever watches both data and children is told of the deletion once.
            let watchers = self.trigger(Which::Child, subject, None);
            let rest = watchers.iter().filter(|conn| told.binary_search(conn).is_err());
            rest.for_each(|conn| tell(*conn, event, path, change.acl));
        }
        self.follow(change, subject);
        if change.kind != ChangeKind::DataChanged {
            let changed = EventType::NodeChildrenChanged;
            let parent = wire::path::split(path).map_or("/", |(parent, _)| parent);
            let watchers = self.trigger(Which::Child, Some(change.parent.subject()), None);
            watchers.iter().for_each(|conn| tell(*conn, changed, parent, change.parent_acl));
        }
    }

    /// What is left on a node that is gone is on its path, and the other way round.
    fn follow(&mut self, change: &Change<'_>, subject: Option<Subject>) {
        let Some(old) = subject.filter(|_| change.kind != ChangeKind::DataChanged) else { return };
        if self.data.watches(old) || self.child.watches(old) {
            let new = match change.kind {
                ChangeKind::Deleted => self.missing.find_or_add(change.path),
                ChangeKind::Created | ChangeKind::DataChanged => change.node.subject(),
            };
            BOTH.iter().for_each(|which| self.shift(*which, old, new));
        }
        self.forget_if_unwatched(old);
    }

    fn shift(&mut self, which: Which, old: Subject, new: Subject) {
        for (watcher, kinds) in self.table(which).watchers(old) {
            self.take(which, old, watcher, WatchKinds::ALL);
            self.give(which, new, watcher, kinds);
        }
    }

    /// Those to be told of a change of `subject`, each once, sorted. One-shot watches are used up.
    /// For a change that recursive watches see, also those above.
    fn trigger(
        &mut self,
        which: Which,
        subject: Option<Subject>,
        seen_above: Option<&Change<'_>>,
    ) -> Vec<ConnId> {
        let mut told = subject.map_or(Vec::new(), |subject| self.table(which).watchers(subject));
        for (subject, (watcher, kinds)) in subject.iter().cycle().zip(&told) {
            if kinds.has_any(WatchKinds::STANDARD) {
                self.take(which, *subject, *watcher, WatchKinds::STANDARD);
            }
        }
        if let Some(change) = seen_above.filter(|_| self.table(which).has_recursive()) {
            for above in from_here_up(change.store, change.parent) {
                let watchers = self.table(which).watchers(above.subject());
                let recursive = |(_, kinds): &(_, WatchKinds)| kinds.has_any(WatchKinds::RECURSIVE);
                told.extend(watchers.into_iter().filter(recursive));
            }
        }
        let mut conns: Vec<ConnId> =
            told.iter().filter_map(|(watcher, _)| self.conn(*watcher)).collect();
        told.iter().for_each(|(watcher, _)| self.forget_if_idle(*watcher));
        conns.sort_unstable();
        conns.dedup();
        conns
    }

    /// Whether nobody watches anything: then nothing need be looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.child.is_empty()
    }

    /// Number of watches in both tables.
    #[must_use]
    pub fn count(&self) -> usize {
        self.data.count() + self.child.count()
    }

    /// Numbers of the data table, which is all that ZooKeeper's words show.
    #[must_use]
    pub fn summary(&self) -> WatchSummary {
        let holders = self.holders.iter().flatten();
        WatchSummary {
            connections: holders.filter(|holder| !holder.data.is_empty()).count(),
            paths: self.data.len(),
            watches: self.data.count(),
        }
    }

    /// Watched paths of the data table by connection.
    pub fn by_connection<'w>(
        &'w self,
        tree: &'w Tree,
    ) -> impl Iterator<Item = (ConnId, Vec<String>)> + 'w {
        let holders = self.holders.iter().flatten().filter(|holder| !holder.data.is_empty());
        holders.map(|holder| {
            let paths = holder.data.iter().map(|subject| self.path(tree, Subject(subject)));
            (holder.conn, paths.collect())
        })
    }

    /// Connections of the data table by watched path.
    pub fn by_path<'w>(
        &'w self,
        tree: &'w Tree,
    ) -> impl Iterator<Item = (String, Vec<ConnId>)> + 'w {
        self.data.subjects().map(|subject| {
            let watchers = self.data.watchers(subject);
            let conns = watchers.iter().filter_map(|(watcher, _)| self.conn(*watcher));
            (self.path(tree, subject), conns.collect())
        })
    }

    fn add(&mut self, tree: &Tree, conn: ConnId, path: &str, kinds: &[(Which, WatchKinds)]) {
        let subject = match self.subject(tree, path) {
            Some(subject) => subject,
            None => self.missing.find_or_add(path),
        };
        let watcher = self.number_or_new(conn);
        for (which, kinds) in kinds {
            self.give(*which, subject, watcher, *kinds);
        }
    }

    /// What `path` names; none if it has no node and nobody watches it.
    ///
    /// The empty path finds the root as a node, but no change is ever told of it: a watch there waits
    /// in vain, as in Java.
    fn subject(&self, tree: &Tree, path: &str) -> Option<Subject> {
        let node = tree.store.find(path).filter(|_| !path.is_empty()).map(NodeId::subject);
        node.or_else(|| self.missing.find(path))
    }

    fn path(&self, tree: &Tree, subject: Subject) -> String {
        match NodeId::of(subject) {
            Some(node) => tree.store.path(node),
            None => self.missing.path(subject),
        }
    }

    fn table(&mut self, which: Which) -> &mut Table {
        match which {
            Which::Data => &mut self.data,
            Which::Child => &mut self.child,
        }
    }

    fn give(&mut self, which: Which, subject: Subject, watcher: Watcher, kinds: WatchKinds) {
        let is_new = self.table(which).add(subject, watcher, kinds);
        if let Some(holder) = self.holders[watcher.0 as usize].as_mut().filter(|_| is_new) {
            let set = holder.set(which);
            set.insert(subject.0);
            // Nodes that were created one after the other have places one behind the other.
            if set.len() >= 32 && set.len().is_power_of_two() {
                set.optimize();
            }
        }
    }

    /// Removes kinds; whether any of them was there.
    fn take(
        &mut self,
        which: Which,
        subject: Subject,
        watcher: Watcher,
        kinds: WatchKinds,
    ) -> bool {
        let (any, is_gone) = self.table(which).remove(subject, watcher, kinds);
        if let Some(holder) = self.holders[watcher.0 as usize].as_mut().filter(|_| is_gone) {
            holder.set(which).remove(subject.0);
        }
        any
    }

    fn number(&self, conn: ConnId) -> Option<Watcher> {
        self.numbers.get(&conn).copied().map(Watcher)
    }

    fn number_or_new(&mut self, conn: ConnId) -> Watcher {
        if let Some(known) = self.number(conn) {
            return known;
        }
        let number = self.free_holders.pop().unwrap_or_else(|| {
            self.holders.push(None);
            u32::try_from(self.holders.len() - 1).expect("fewer than 2^28 connections")
        });
        let holder = Holder { conn, data: RoaringBitmap::new(), child: RoaringBitmap::new() };
        self.holders[number as usize] = Some(holder);
        self.numbers.insert(conn, number);
        Watcher(number)
    }

    fn conn(&self, watcher: Watcher) -> Option<ConnId> {
        self.holders[watcher.0 as usize].as_ref().map(|holder| holder.conn)
    }

    /// A connection that watches nothing any more has no number.
    fn forget_if_idle(&mut self, watcher: Watcher) {
        let holder = &mut self.holders[watcher.0 as usize];
        let idle = holder.take_if(|holder| holder.data.is_empty() && holder.child.is_empty());
        if let Some(idle) = idle {
            self.numbers.remove(&idle.conn);
            self.free_holders.push(watcher.0);
        }
    }

    /// A missing path that nobody watches any more has no number.
    fn forget_if_unwatched(&mut self, subject: Subject) {
        if NodeId::of(subject).is_none()
            && !self.data.watches(subject)
            && !self.child.watches(subject)
        {
            self.missing.remove(subject);
        }
    }
}

/// A node and those above it, up to the root.
fn from_here_up(store: &Store, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    core::iter::successors(Some(node), |node| {
        Some(store.node(*node).links().parent).filter(|parent| *parent != NodeId::NONE)
    })
}

/// What `kind` means in the data table and in the child table.
fn meant(kind: WatchedKind) -> (WatchKinds, WatchKinds) {
    let none = WatchKinds::NONE;
    match kind {
        WatchedKind::Children => (none, WatchKinds::STANDARD),
        WatchedKind::Data => (WatchKinds::STANDARD, none),
        WatchedKind::Any => (WatchKinds::ALL, WatchKinds::ALL),
        WatchedKind::Persistent => (WatchKinds::PERSISTENT, WatchKinds::PERSISTENT),
        WatchedKind::PersistentRecursive => (WatchKinds::RECURSIVE, none),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::string::String;
    use std::vec;

    use wire::{CreateTxn, Txn};

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    const OPEN: &[wire::Acl<'static>] = &[];

    /// A tree with `/a` and `/a/b`, and what is told when something happens to it.
    struct World {
        tree: Tree,
        watches: Watches,
        zxid: i64,
    }

    impl World {
        fn new() -> World {
            let tree = Tree::new(crate::Options::default());
            let mut world = World { tree, watches: Watches::new(0), zxid: 0 };
            world.create("/a");
            world.create("/a/b");
            world
        }

        fn apply(&mut self, txn: &Txn<'_>) -> Vec<(u64, EventType, String)> {
            self.zxid += 1;
            let header = wire::TxnHeader {
                session: base::SessionId(1),
                cxid: 1,
                zxid: base::Zxid(self.zxid),
                time_ms: 1,
                op: txn.op().code(),
            };
            let (watches, mut told) = (&mut self.watches, vec![]);
            self.tree.apply(&header, txn, &mut |change| {
                let change = Change { acl: OPEN, parent_acl: OPEN, ..change };
                watches
                    .fire(&change, |conn, event, path, _| told.push((conn.0, event, path.into())));
            });
            self.check();
            told
        }

        fn create(&mut self, path: &str) -> Vec<(u64, EventType, String)> {
            let (ephemeral, parent_cversion) = (false, -1);
            let (path, data, acl) = (path.into(), None, None);
            self.apply(&Txn::Create(CreateTxn { path, data, acl, ephemeral, parent_cversion }))
        }

        fn delete(&mut self, path: &str) -> Vec<(u64, EventType, String)> {
            self.apply(&Txn::Delete(wire::DeleteTxn { path: path.into() }))
        }

        fn set(&mut self, path: &str) -> Vec<(u64, EventType, String)> {
            self.apply(&Txn::SetData(wire::SetDataTxn {
                path: path.into(),
                data: None,
                version: 1,
            }))
        }

        fn data(&mut self, conn: ConnId, path: &str) {
            self.watches.watch_data(&self.tree, conn, path);
        }

        fn children(&mut self, conn: ConnId, path: &str) {
            self.watches.watch_children(&self.tree, conn, path);
        }

        fn always(&mut self, conn: ConnId, path: &str, mode: AddWatchMode) {
            self.watches.watch_always(&self.tree, conn, path, mode);
        }

        fn contains(&self, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
            self.watches.contains(&self.tree, conn, path, kind)
        }

        fn remove(&mut self, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
            let removed = self.watches.remove(&self.tree, conn, path, kind);
            self.check();
            removed
        }

        /// The invariants of the module.
        fn check(&self) {
            let Watches { data, child, missing, holders, .. } = &self.watches;
            self.check_table(data, |holder| &holder.data);
            self.check_table(child, |holder| &holder.child);
            let held =
                holders.iter().flatten().map(|holder| holder.data.len() + holder.child.len());
            assert_eq!(held.sum::<u64>(), self.watches.count() as u64);
            for path in missing.paths.iter().flatten() {
                let subject = missing.find(path).expect("it has a number");
                assert!(data.watches(subject) || child.watches(subject), "{path}");
                assert!(path.is_empty() || self.tree.node(path).is_none(), "{path} has a node");
            }
        }

        fn check_table(&self, table: &Table, held: fn(&Holder) -> &RoaringBitmap) {
            let watchers = |subject| table.watchers(subject).into_iter().map(move |w| (subject, w));
            let pairs: Vec<_> = table.subjects().flat_map(watchers).collect();
            for (subject, (watcher, kinds)) in &pairs {
                let holder = self.watches.holders[watcher.0 as usize].as_ref().expect("it lives");
                assert!(held(holder).contains(subject.0) && *kinds != WatchKinds::NONE);
            }
            assert_eq!(pairs.len(), table.count());
        }
    }

    fn told<const N: usize>(
        expected: [(u64, EventType, &str); N],
    ) -> Vec<(u64, EventType, String)> {
        expected.map(|(conn, event, path)| (conn, event, path.into())).into()
    }

    use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};

    #[test]
    fn one_shot_watches_fire_once() {
        let mut world = World::new();
        world.data(A, "/new");
        world.children(A, "/");
        let created = world.create("/new");
        assert_eq!(created, told([(1, NodeCreated, "/new"), (1, NodeChildrenChanged, "/")]));
        assert!(world.watches.is_empty());
        assert_eq!(world.delete("/new"), []);
    }

    #[test]
    fn a_deletion_is_told_once_to_whoever_watches_both() {
        let mut world = World::new();
        world.data(A, "/a/b");
        world.children(A, "/a/b");
        world.children(B, "/a/b");
        let deleted = world.delete("/a/b");
        assert_eq!(deleted, told([(1, NodeDeleted, "/a/b"), (2, NodeDeleted, "/a/b")]));
        assert!(world.watches.is_empty());
    }

    #[test]
    fn recursive_watches_see_what_is_below_but_no_child_events() {
        let mut world = World::new();
        world.always(A, "/", AddWatchMode::PersistentRecursive);
        world.always(B, "/a", AddWatchMode::Persistent);
        let expected = told([(1, NodeCreated, "/a/c"), (2, NodeChildrenChanged, "/a")]);
        assert_eq!(world.create("/a/c"), expected);
        assert_eq!(world.set("/a/c"), told([(1, NodeDataChanged, "/a/c")]));
        assert_eq!(world.set("/"), told([(1, NodeDataChanged, "/")]));
        assert!(world.remove(A, "/", WatchedKind::PersistentRecursive));
        assert!(!world.contains(A, "/", WatchedKind::Any));
        assert_eq!(world.set("/a/c"), []);
    }

    #[test]
    fn a_watch_on_the_empty_path_is_told_nothing() {
        let mut world = World::new();
        world.data(A, "");
        world.children(A, "");
        world.always(A, "", AddWatchMode::PersistentRecursive);
        assert_eq!(world.create("/c"), []);
        assert_eq!(world.set("/"), []);
        assert!(world.contains(A, "", WatchedKind::Children));
        assert!(!world.contains(A, "/", WatchedKind::Any));
        assert_eq!(world.watches.by_path(&world.tree).next().unwrap().0, "");
    }

    #[test]
    fn kinds_on_one_path_are_told_apart() {
        let mut world = World::new();
        world.data(A, "/a");
        world.always(A, "/a", AddWatchMode::PersistentRecursive);
        assert_eq!(world.set("/a").len(), 1);
        assert!(!world.contains(A, "/a", WatchedKind::Data));
        assert!(world.contains(A, "/a", WatchedKind::PersistentRecursive));
        assert!(!world.remove(A, "/a", WatchedKind::Persistent));
        world.watches.remove_conn(A);
        world.check();
        assert!(world.watches.is_empty() && !world.watches.data.has_recursive());
    }

    #[test]
    fn what_stays_follows_its_path_through_deletion_and_creation() {
        for mode in [AddWatchMode::Persistent, AddWatchMode::PersistentRecursive] {
            let mut world = World::new();
            world.always(A, "/a/b", mode);
            world.always(B, "/x", mode);
            assert_eq!(world.delete("/a/b"), told([(1, NodeDeleted, "/a/b")]));
            // Takes the place that the other had.
            assert_eq!(world.create("/x"), told([(2, NodeCreated, "/x")]));
            assert_eq!(world.set("/x"), told([(2, NodeDataChanged, "/x")]));
            assert_eq!(world.create("/a/b"), told([(1, NodeCreated, "/a/b")]));
            assert_eq!(world.set("/a/b"), told([(1, NodeDataChanged, "/a/b")]));
            assert!(world.remove(A, "/a/b", WatchedKind::Any));
            assert_eq!(world.watches.by_path(&world.tree).count(), 1);
        }
    }

    /// Random requests and changes against a list of who watches which path how.
    #[test]
    fn behaves_as_a_list_of_paths() {
        let paths = ["/", "/a", "/a/b", "/a/b/c", "/d"];
        let mut random = base::Prng::new(21);
        let mut draw = |below: usize| usize::try_from(random.below(below as u64)).unwrap();
        let mut world = World::new();
        let mut model: BTreeMap<(&str, u64), u8> = BTreeMap::new();
        for _ in 0..30_000 {
            let (path, conn) = (paths[draw(paths.len())], u64::try_from(draw(70)).unwrap());
            match draw(8) {
                0 => {
                    world.data(ConnId(conn), path);
                    *model.entry((path, conn)).or_default() |= 1;
                }
                1 if draw(4) == 0 => {
                    world.always(ConnId(conn), path, AddWatchMode::Persistent);
                    *model.entry((path, conn)).or_default() |= 2;
                }
                2 if draw(4) == 0 => {
                    world.always(ConnId(conn), path, AddWatchMode::PersistentRecursive);
                    *model.entry((path, conn)).or_default() |= 4;
                }
                3 if draw(8) == 0 => {
                    world.watches.remove_conn(ConnId(conn));
                    model.retain(|(_, other), _| *other != conn);
                }
                4 => {
                    let found = model.remove(&(path, conn)).is_some();
                    assert_eq!(world.remove(ConnId(conn), path, WatchedKind::Any), found);
                }
                _ => {
                    let exists = world.tree.node(path).is_some();
                    let leaf = exists && world.tree.node(path).unwrap().child_count() == 0;
                    let parent = wire::path::split(path).map(|(parent, _)| parent);
                    let events = match draw(3) {
                        0 if leaf && path != "/" => world.delete(path),
                        1 if !exists && world.tree.node(parent.unwrap()).is_some() => {
                            world.create(path)
                        }
                        _ if exists => world.set(path),
                        _ => continue,
                    };
                    let about = |told: &&(u64, EventType, String)| told.1 != NodeChildrenChanged;
                    let told: BTreeSet<u64> = events.iter().filter(about).map(|e| e.0).collect();
                    assert_eq!(told, expected(&mut model, path));
                }
            }
        }
    }

    /// Whom the list names for a change of a node's own, in the data table alone; one-shot watches
    /// go from it.
    fn expected(model: &mut BTreeMap<(&'static str, u64), u8>, path: &str) -> BTreeSet<u64> {
        let is_above = |above: &str| above == "/" || path.starts_with(&std::format!("{above}/"));
        let sees = |(on, kinds): (&str, u8)| {
            (on == path && kinds != 0) || (is_above(on) && kinds & 4 != 0)
        };
        let told = model.iter().filter(|((on, _), kinds)| sees((on, **kinds)));
        let told = told.map(|((_, conn), _)| *conn).collect();
        model.retain(|(on, _), kinds| {
            *kinds = if *on == path { *kinds & !1 } else { *kinds };
            *kinds != 0
        });
        told
    }
}
