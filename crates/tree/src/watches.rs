use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use wire::{Acl, AddWatchMode, EventType, WatchedKind};

use crate::apply::{Change, ChangeKind};

/// Names a client's connection on this server. Never used twice while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// The ways in which one connection watches one path, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchKinds(u8);

impl WatchKinds {
    const STANDARD: WatchKinds = WatchKinds(1);
    const PERSISTENT: WatchKinds = WatchKinds(2);
    const RECURSIVE: WatchKinds = WatchKinds(4);
    const ALL: WatchKinds = WatchKinds(7);

    fn has_any(self, other: WatchKinds) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 | other.0)
    }

    fn without(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 & !other.0)
    }
}

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

type Path = Arc<str>;

/// One of the two tables: who watches which path how.
///
/// Invariants: `by_path` and `by_conn` hold the same pairs, none with an empty set of kinds;
/// `recursive` counts the pairs that include a recursive watch.
struct Table {
    by_path: HashMap<Path, BTreeMap<ConnId, WatchKinds>, FixedState>,
    by_conn: HashMap<ConnId, BTreeSet<Path>, FixedState>,
    recursive: usize,
}

impl Table {
    fn new(hash_seed: u64) -> Table {
        let hasher = || FixedState::with_seed(hash_seed);
        Table {
            by_path: HashMap::with_hasher(hasher()),
            by_conn: HashMap::with_hasher(hasher()),
            recursive: 0,
        }
    }

    fn kinds(&self, conn: ConnId, path: &str) -> WatchKinds {
        let watchers = self.by_path.get(path);
        watchers.and_then(|watchers| watchers.get(&conn)).copied().unwrap_or_default()
    }

    fn add(&mut self, conn: ConnId, path: &str, kinds: WatchKinds) {
        let known = self.by_path.get_key_value(path).map(|(path, _)| path.clone());
        let path = known.unwrap_or_else(|| path.into());
        let watchers = self.by_path.entry(path.clone()).or_default();
        let held = watchers.entry(conn).or_default();
        let recursive = kinds.without(*held).has_any(WatchKinds::RECURSIVE);
        self.recursive += usize::from(recursive);
        *held = held.with(kinds);
        self.by_conn.entry(conn).or_default().insert(path);
    }

    /// Removes the given kinds; whether there were any.
    fn remove(&mut self, conn: ConnId, path: &str, kinds: WatchKinds) -> bool {
        let Some(watchers) = self.by_path.get_mut(path) else {
            return false;
        };
        let Some(held) = watchers.get_mut(&conn) else {
            return false;
        };
        if !held.has_any(kinds) {
            return false;
        }
        let before = *held;
        *held = held.without(kinds);
        let recursive = before.without(*held).has_any(WatchKinds::RECURSIVE);
        self.recursive -= usize::from(recursive);
        if *held == WatchKinds::default() {
            watchers.remove(&conn);
            if watchers.is_empty() {
                self.by_path.remove(path);
            }
            self.forget_path(conn, path);
        }
        true
    }

    fn forget_path(&mut self, conn: ConnId, path: &str) {
        if let Some(paths) = self.by_conn.get_mut(&conn) {
            paths.remove(path);
            if paths.is_empty() {
                self.by_conn.remove(&conn);
            }
        }
    }

    fn remove_conn(&mut self, conn: ConnId) {
        for path in self.by_conn.get(&conn).cloned().unwrap_or_default() {
            self.remove(conn, &path, WatchKinds::ALL);
        }
    }

    /// Those to be told of a change at `path`, each once. One-shot watches are used up.
    fn trigger(&mut self, path: &str) -> BTreeSet<ConnId> {
        let mut told: BTreeSet<ConnId> =
            self.by_path.get(path).into_iter().flat_map(BTreeMap::keys).copied().collect();
        for conn in &told {
            self.remove(*conn, path, WatchKinds::STANDARD);
        }
        if self.recursive > 0 {
            for above in ancestors(path) {
                let watchers = self.by_path.get(above).into_iter().flatten();
                let recursive = watchers.filter(|(_, kinds)| kinds.has_any(WatchKinds::RECURSIVE));
                told.extend(recursive.map(|(conn, _)| *conn));
            }
        }
        told
    }
}

/// The paths above `path`, up to the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let parent = |path| wire::path::split(path).map(|(parent, _)| parent);
    core::iter::successors(parent(path), move |path| parent(path))
}

/// Who is told of what: two tables, for data and for children.
pub struct Watches {
    data: Table,
    child: Table,
}

impl Watches {
    /// Without watches.
    #[must_use]
    pub fn new(hash_seed: u64) -> Watches {
        Watches { data: Table::new(hash_seed), child: Table::new(hash_seed) }
    }

    /// A one-shot watch of data, or of a missing node's creation.
    pub fn watch_data(&mut self, conn: ConnId, path: &str) {
        self.data.add(conn, path, WatchKinds::STANDARD);
    }

    /// A one-shot watch of children.
    pub fn watch_children(&mut self, conn: ConnId, path: &str) {
        self.child.add(conn, path, WatchKinds::STANDARD);
    }

    /// A persistent watch.
    pub fn watch_always(&mut self, conn: ConnId, path: &str, mode: AddWatchMode) {
        match mode {
            AddWatchMode::Persistent => {
                self.data.add(conn, path, WatchKinds::PERSISTENT);
                self.child.add(conn, path, WatchKinds::PERSISTENT);
            }
            AddWatchMode::PersistentRecursive => {
                self.data.add(conn, path, WatchKinds::RECURSIVE);
            }
        }
    }

    /// Whether the connection has such a watch on `path`.
    #[must_use]
    pub fn contains(&self, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
        let (data, child) = (self.data.kinds(conn, path), self.child.kinds(conn, path));
        let (in_data, in_child) = meant(kind);
        data.has_any(in_data) || child.has_any(in_child)
    }

    /// Removes such watches; whether there were any.
    pub fn remove(&mut self, conn: ConnId, path: &str, kind: WatchedKind) -> bool {
        let (in_data, in_child) = meant(kind);
        let child = self.child.remove(conn, path, in_child);
        self.data.remove(conn, path, in_data) || child
    }

    /// Removes all watches of a connection that has ended.
    pub fn remove_conn(&mut self, conn: ConnId) {
        self.data.remove_conn(conn);
        self.child.remove_conn(conn);
    }

    /// Tells everybody who watches what `change` changes. `tell` is given the connection, the event
    /// with its path, and the ACL that must permit the connection to read.
    pub fn fire<'c>(
        &mut self,
        change: &Change<'c>,
        mut tell: impl FnMut(ConnId, EventType, &'c str, &'c [Acl<'static>]),
    ) {
        let path = change.path;
        let parent = wire::path::split(path).map_or("/", |(parent, _)| parent);
        let event = match change.kind {
            ChangeKind::Created => EventType::NodeCreated,
            ChangeKind::Deleted => EventType::NodeDeleted,
            ChangeKind::DataChanged => EventType::NodeDataChanged,
        };
        let told = self.data.trigger(path);
        told.iter().for_each(|conn| tell(*conn, event, path, change.acl));
        if change.kind == ChangeKind::Deleted {
            // Whoever watches both data and children is told of the deletion once.
            let watchers = self.child.trigger(path);
            let rest = watchers.difference(&told);
            rest.for_each(|conn| tell(*conn, event, path, change.acl));
        }
        if change.kind != ChangeKind::DataChanged {
            let changed = EventType::NodeChildrenChanged;
            let watchers = self.child.trigger(parent);
            watchers.iter().for_each(|conn| tell(*conn, changed, parent, change.parent_acl));
        }
    }

    /// Whether nobody watches anything: then nothing need be looked up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.by_path.is_empty() && self.child.by_path.is_empty()
    }

    /// Number of watches in both tables.
    #[must_use]
    pub fn count(&self) -> usize {
        let size = |table: &Table| table.by_path.values().map(BTreeMap::len).sum::<usize>();
        size(&self.data) + size(&self.child)
    }

    /// Numbers of the data table, which is all that ZooKeeper's words show.
    #[must_use]
    pub fn summary(&self) -> WatchSummary {
        WatchSummary {
            connections: self.data.by_conn.len(),
            paths: self.data.by_path.len(),
            watches: self.data.by_path.values().map(BTreeMap::len).sum(),
        }
    }

    /// Watched paths of the data table by connection.
    pub fn by_connection(&self) -> impl Iterator<Item = (ConnId, impl Iterator<Item = &str>)> {
        self.data.by_conn.iter().map(|(conn, paths)| (*conn, paths.iter().map(|path| &**path)))
    }

    /// Connections of the data table by watched path.
    pub fn by_path(&self) -> impl Iterator<Item = (&str, Vec<ConnId>)> {
        let watchers = |set: &BTreeMap<ConnId, WatchKinds>| set.keys().copied().collect();
        self.data.by_path.iter().map(move |(path, set)| (&**path, watchers(set)))
    }
}

/// What `kind` means in the data table and in the child table.
fn meant(kind: WatchedKind) -> (WatchKinds, WatchKinds) {
    let none = WatchKinds::default();
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
    use std::string::String;
    use std::vec;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    fn fire(watches: &mut Watches, kind: ChangeKind, path: &str) -> Vec<(u64, EventType, String)> {
        let mut told = vec![];
        let change = Change { kind, path, acl: &[], parent_acl: &[], data_bytes: 0 };
        watches.fire(&change, |conn, event, path, _| told.push((conn.0, event, path.into())));
        told
    }

    #[test]
    fn one_shot_watches_fire_once() {
        let mut watches = Watches::new(0);
        watches.watch_data(A, "/a");
        watches.watch_children(A, "/");
        let created = fire(&mut watches, ChangeKind::Created, "/a");
        let expected = [
            (1, EventType::NodeCreated, "/a".into()),
            (1, EventType::NodeChildrenChanged, "/".into()),
        ];
        assert_eq!(created, expected);
        assert!(watches.is_empty());
        assert_eq!(fire(&mut watches, ChangeKind::Deleted, "/a"), []);
    }

    #[test]
    fn a_deletion_is_told_once_to_whoever_watches_both() {
        let mut watches = Watches::new(0);
        watches.watch_data(A, "/a");
        watches.watch_children(A, "/a");
        watches.watch_children(B, "/a");
        let deleted = fire(&mut watches, ChangeKind::Deleted, "/a");
        let event = EventType::NodeDeleted;
        assert_eq!(deleted, [(1, event, "/a".into()), (2, event, "/a".into())]);
    }

    #[test]
    fn recursive_watches_see_what_is_below_but_no_child_events() {
        let mut watches = Watches::new(0);
        watches.watch_always(A, "/", AddWatchMode::PersistentRecursive);
        watches.watch_always(B, "/a", AddWatchMode::Persistent);
        let created = fire(&mut watches, ChangeKind::Created, "/a/b");
        let expected = [
            (1, EventType::NodeCreated, "/a/b".into()),
            (2, EventType::NodeChildrenChanged, "/a".into()),
        ];
        assert_eq!(created, expected);
        assert_eq!(fire(&mut watches, ChangeKind::Created, "/a/b"), expected);
        assert!(watches.remove(A, "/", WatchedKind::PersistentRecursive));
        assert!(!watches.contains(A, "/", WatchedKind::Any));
        assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/a/b"), []);
    }

    #[test]
    fn kinds_on_one_path_are_told_apart() {
        let mut watches = Watches::new(0);
        watches.watch_data(A, "/a");
        watches.watch_always(A, "/a", AddWatchMode::PersistentRecursive);
        assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/a").len(), 1);
        assert!(!watches.contains(A, "/a", WatchedKind::Data));
        assert!(watches.contains(A, "/a", WatchedKind::PersistentRecursive));
        assert!(!watches.remove(A, "/a", WatchedKind::Persistent));
        watches.remove_conn(A);
        assert_eq!((watches.is_empty(), watches.data.recursive), (true, 0));
    }
}
