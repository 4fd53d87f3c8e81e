//! Where nodes lie in memory, and how they are found.
//!
//! # Invariants
//! - A node's slot never moves while it lives.
//! - `parent`, `next`, `prev`, `first_child` always name live nodes or [`NodeId::NONE`].
//! - Every live node but the root is in the index.
//! - Nothing of a node changes but by [`Store::chunk_mut`], which first keeps it for the views.

use alloc::vec::Vec;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use wire::StatPersisted;

use core::hash::BuildHasher;

use crate::acl_table::AclId;
use crate::chunk::{CHUNK, Chunk, Content, Node};
use crate::kept::{Kept, ViewId};
use crate::record::Links;
use crate::watch_table::Subject;

/// Parts of the index, so that growing one never moves all entries at once.
const SHARDS: usize = 256;

/// How many lookups are prepared together at most: more than the processor waits for at once.
pub(crate) const WARM_MAX: usize = 32;

/// Names a node's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    /// The root, always there.
    pub(crate) const ROOT: NodeId = NodeId(0);
    /// No node.
    pub(crate) const NONE: NodeId = NodeId(u32::MAX);
    /// The last that a node may have.
    const MAX: u32 = (1 << 31) - 1;

    /// The node as something to be watched.
    pub(crate) fn subject(self) -> Subject {
        debug_assert!(self.0 <= Self::MAX, "fewer than 2^31 nodes");
        Subject(self.0)
    }

    /// The node that is watched; none if the subject is a path without one.
    pub(crate) fn of(subject: Subject) -> Option<NodeId> {
        (subject.0 <= Self::MAX).then_some(NodeId(subject.0))
    }

    fn chunk(self) -> usize {
        self.0 as usize / CHUNK
    }

    fn slot(self) -> usize {
        self.0 as usize % CHUNK
    }
}

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    hash: u32,
    id: NodeId,
}

/// A path as the index knows it, and the node there, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    hash: u32,
    pub(crate) node: Option<NodeId>,
}

/// All nodes, found by path.
pub(crate) struct Store {
    chunks: Vec<Chunk>,
    free: Vec<NodeId>,
    index: Vec<HashTable<IndexEntry>>,
    hasher: FixedState,
    len: usize,
    /// What views need of what has changed; mostly there are none.
    kept: Vec<Kept>,
    next_view: ViewId,
}

/// Spreads the 32 bits kept of a hash over the 64 that the table wants.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn shard(hash: u32) -> usize {
    hash as usize % SHARDS
}

impl Store {
    /// A store that holds nothing but `root`.
    pub(crate) fn new(hash_seed: u64, root: &Content<'_>) -> Store {
        let mut store = Store {
            chunks: Vec::new(),
            free: Vec::new(),
            index: (0..SHARDS).map(|_| HashTable::new()).collect(),
            hasher: FixedState::with_seed(hash_seed),
            len: 0,
            kept: Vec::new(),
            next_view: ViewId(0),
        };
        store.place(root, Links::NONE);
        store
    }

    /// Number of nodes, the root included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn node(&self, id: NodeId) -> Node<'_> {
        self.chunks[id.chunk()].node(id.slot())
    }

    /// From now on nodes are kept as they are for a view.
    pub(crate) fn begin_view(&mut self) -> ViewId {
        let view = self.next_view;
        self.next_view = ViewId(view.0 + 1);
        let seed = self.hasher.hash_one(view.0);
        self.kept.push(Kept::new(view, self.chunks.len() * CHUNK, seed));
        view
    }

    /// What is kept for a view that goes on; none once it has ended.
    pub(crate) fn kept(&self, view: ViewId) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.view == view)
    }

    /// Nothing is kept for the view any more; what was is the caller's to drop.
    pub(crate) fn end_view(&mut self, view: ViewId) -> Option<Kept> {
        let place = self.kept.iter().position(|kept| kept.view == view)?;
        Some(self.kept.swap_remove(place))
    }

    /// The node that follows in a walk below `top` that visits parents before children.
    pub(crate) fn after(&self, id: NodeId, top: NodeId) -> Option<NodeId> {
        let mut at = id;
        let child = self.node(at).links().first_child;
        if child != NodeId::NONE {
            return Some(child);
        }
        while at != top {
            let links = self.node(at).links();
            if links.next != NodeId::NONE {
                return Some(links.next);
            }
            at = links.parent;
        }
        None
    }

    /// Some bytes of the node.
    fn touch(&self, id: NodeId) -> u8 {
        self.chunks.get(id.chunk()).map_or(0, |chunk| chunk.touch(id.slot()))
    }

    pub(crate) fn set_acl(&mut self, id: NodeId, acl: AclId) -> AclId {
        self.chunk_mut(id).set_acl(id.slot(), acl)
    }

    pub(crate) fn set_stat(&mut self, id: NodeId, stat: &StatPersisted) {
        self.chunk_mut(id).set_stat(id.slot(), stat);
    }

    /// Replaces data and stat.
    pub(crate) fn set(
        &mut self,
        id: NodeId,
        data: Option<&[u8]>,
        stat: &StatPersisted,
        digest_prefix: u32,
    ) {
        self.chunk_mut(id).set(id.slot(), data, stat, digest_prefix);
    }

    fn relink(&mut self, id: NodeId, f: impl FnOnce(&mut Links)) {
        self.chunk_mut(id).relink(id.slot(), f);
    }

    /// The node's chunk, for that node to be changed in: views keep it as it is first.
    fn chunk_mut(&mut self, id: NodeId) -> &mut Chunk {
        let chunk = &mut self.chunks[id.chunk()];
        self.kept.iter_mut().for_each(|kept| kept.keep(id, chunk, id.slot()));
        chunk
    }

    /// Touches what lookups of these paths will touch. Each waits for memory some five times, one
    /// after the other, and in a large tree that is most of what a read takes; here the processor
    /// waits for all of them at once. At most [`WARM_MAX`] paths count.
    pub(crate) fn warm(&self, paths: &[&[u8]]) {
        let mut hashes = [0; WARM_MAX];
        for (hash, path) in hashes.iter_mut().zip(paths) {
            *hash = self.hash_bytes(path);
        }
        let mut found = [NodeId::ROOT; WARM_MAX];
        for ((id, hash), _) in found.iter_mut().zip(hashes).zip(paths) {
            let entry = self.index[shard(hash)].find(spread(hash), |entry| entry.hash == hash);
            *id = entry.map_or(NodeId::ROOT, |entry| entry.id);
        }
        let touched = found.iter().zip(paths).map(|(id, _)| self.touch(*id));
        core::hint::black_box(touched.fold(0, |all, byte| all ^ byte));
    }

    fn hash(&self, path: &str) -> u32 {
        self.hash_bytes(path.as_bytes())
    }

    fn hash_bytes(&self, path: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(path);
        let [a, b, c, d, ..] = hash.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The node at `path`; both `/` and the empty path name the root.
    pub(crate) fn find(&self, path: &str) -> Option<NodeId> {
        self.spot(path).node
    }

    /// Where `path` is, or would be.
    pub(crate) fn spot(&self, path: &str) -> Spot {
        if matches!(path, "" | "/") {
            return Spot { hash: 0, node: Some(NodeId::ROOT) };
        }
        let hash = self.hash(path);
        let table = &self.index[shard(hash)];
        let same = |entry: &IndexEntry| entry.hash == hash && self.is_at(entry.id, path);
        Spot { hash, node: table.find(spread(hash), same).map(|entry| entry.id) }
    }

    /// Whether the names from the node up to the root spell `path`.
    fn is_at(&self, mut id: NodeId, path: &str) -> bool {
        let mut rest = path.as_bytes();
        while id != NodeId::ROOT {
            let node = self.node(id);
            let above = rest.strip_suffix(node.name_bytes());
            let Some(above) = above.and_then(|above| above.strip_suffix(b"/")) else {
                return false;
            };
            (rest, id) = (above, node.links().parent);
        }
        rest.is_empty()
    }

    /// The path of a node, by climbing to the root.
    pub(crate) fn path(&self, id: NodeId) -> alloc::string::String {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.node(at);
            names.push(node.name());
            at = node.links().parent;
        }
        if names.is_empty() {
            return "/".into();
        }
        names.iter().rev().fold(alloc::string::String::new(), |path, name| path + "/" + name)
    }

    /// Places a node below `parent`, at a spot that is free.
    pub(crate) fn insert(&mut self, parent: NodeId, spot: Spot, content: &Content<'_>) -> NodeId {
        debug_assert_eq!(spot.node, None, "the spot is free");
        let sibling = self.node(parent).links().first_child;
        let id = self.place(content, Links { parent, next: sibling, ..Links::NONE });
        if sibling != NodeId::NONE {
            self.relink(sibling, |links| links.prev = id);
        }
        self.relink(parent, |above| {
            above.first_child = id;
            above.children += 1;
        });
        let hash = spot.hash;
        let rehash = |entry: &IndexEntry| spread(entry.hash);
        self.index[shard(hash)].insert_unique(spread(hash), IndexEntry { hash, id }, rehash);
        id
    }

    fn place(&mut self, content: &Content<'_>, links: Links) -> NodeId {
        self.len += 1;
        let id = self.free.pop().unwrap_or_else(|| {
            let fresh = u32::try_from(self.len - 1).ok().filter(|fresh| *fresh <= NodeId::MAX);
            NodeId(fresh.expect("fewer than 2^31 nodes"))
        });
        if id.chunk() == self.chunks.len() {
            self.chunks.push(Chunk::new());
        }
        self.chunk_mut(id).insert(id.slot(), content, links);
        id
    }

    /// Takes the childless node at `path` out.
    pub(crate) fn remove(&mut self, id: NodeId, path: &str) {
        let hash = self.hash(path);
        let found = self.index[shard(hash)].find_entry(spread(hash), |entry| entry.id == id);
        found.expect("every live node is in the index").remove();
        let links = self.node(id).links();
        self.chunk_mut(id).remove(id.slot());
        if links.prev != NodeId::NONE {
            self.relink(links.prev, |before| before.next = links.next);
        }
        if links.next != NodeId::NONE {
            self.relink(links.next, |behind| behind.prev = links.prev);
        }
        self.relink(links.parent, |above| {
            above.children -= 1;
            if above.first_child == id {
                above.first_child = links.next;
            }
        });
        self.free.push(id);
        self.len -= 1;
    }

    /// The children of a node, the latest first.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = Node<'_>> {
        let mut at = self.node(id).links().first_child;
        core::iter::from_fn(move || {
            let child = (at != NodeId::NONE).then(|| self.node(at))?;
            at = child.links().next;
            Some(child)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::string::{String, ToString};

    fn node(name: &str) -> Content<'_> {
        let stat = StatPersisted::default();
        Content { name, data: None, stat, acl: AclId::OPEN, digest_prefix: 0 }
    }

    fn names(store: &Store, path: &str) -> Vec<String> {
        let id = store.find(path).expect("there");
        let mut names: Vec<String> =
            store.children(id).map(|node| node.name().to_string()).collect();
        names.sort();
        names
    }

    /// Random creates and deletes against a map from path to children.
    #[test]
    fn behaves_as_a_map_of_paths() {
        let mut random = base::Prng::new(11);
        let mut store = Store::new(5, &node(""));
        let mut model: BTreeMap<String, Vec<String>> = BTreeMap::from([(String::new(), vec![])]);
        for round in 0..20_000 {
            let paths: Vec<&String> = model.keys().take(400).collect();
            let drawn = usize::try_from(random.below(paths.len() as u64)).expect("below a length");
            let path = paths[drawn].clone();
            let id = store.find(&path).expect("in the model");
            if random.one_in(2) && !path.is_empty() && model[&path].is_empty() {
                store.remove(id, &path);
                model.remove(&path);
                let (parent, name) = path.rsplit_once('/').expect("absolute");
                model.get_mut(parent).expect("parent").retain(|child| child != name);
            } else {
                let name = std::format!("n{round}");
                let child = std::format!("{path}/{name}");
                store.insert(id, store.spot(&child), &node(&name));
                model.get_mut(&path).expect("parent").push(name);
                model.insert(child, vec![]);
            }
        }
        assert_eq!(store.len(), model.len());
        for (path, children) in &model {
            let mut children = children.clone();
            children.sort();
            assert_eq!(names(&store, path), children);
            let id = store.find(path).expect("there");
            assert_eq!(store.path(id), if path.is_empty() { "/" } else { path });
            assert_eq!(store.node(id).links().children as usize, children.len());
        }
    }

    use std::vec;

    #[test]
    fn a_path_is_found_only_whole() {
        let mut store = Store::new(5, &node(""));
        let a = store.insert(NodeId::ROOT, store.spot("/ab"), &node("ab"));
        store.insert(a, store.spot("/ab/c"), &node("c"));
        assert!(store.find("/ab/c").is_some() && store.find("/").is_some());
        for absent in ["/b", "ab", "/ab/", "/ab//c", "c", "/c", "//", "/ab/c/"] {
            assert_eq!(store.find(absent), None, "{absent}");
        }
    }
}
