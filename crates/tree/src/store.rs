//! Where nodes lie in memory: in chunks that are shared with views and copied when written.
//!
//! Invariants: a node's slot never moves while it lives; `parent`, `next`, `prev`, `first_child`
//! always name live nodes or [`NodeId::NONE`]; every live node but the root is in the index.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use wire::StatPersisted;

use core::hash::BuildHasher;

use crate::acl_table::AclId;

/// Nodes per chunk: what one write copies at most while a view is held, and what a view costs to
/// take (one reference count per chunk).
const CHUNK: usize = 128;

/// Parts of the index, so that growing one never moves all entries at once.
const SHARDS: usize = 256;

/// Names a node's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The root, always there.
    pub(crate) const ROOT: NodeId = NodeId(0);
    /// No node.
    pub(crate) const NONE: NodeId = NodeId(u32::MAX);

    fn chunk(self) -> usize {
        self.0 as usize / CHUNK
    }

    fn slot(self) -> usize {
        self.0 as usize % CHUNK
    }
}

/// Name and data in one allocation, shared with views.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    bytes: Arc<[u8]>,
    name_len: u32,
    has_data: bool,
}

impl Body {
    pub(crate) fn new(name: &str, data: Option<&[u8]>) -> Body {
        let bytes = [name.as_bytes(), data.unwrap_or_default()].concat().into();
        let name_len = u32::try_from(name.len()).expect("names are shorter than a frame");
        Body { bytes, name_len, has_data: data.is_some() }
    }

    pub(crate) fn name(&self) -> &str {
        // Made from a str by `new`, so this never falls back.
        core::str::from_utf8(self.name_bytes()).unwrap_or_default()
    }

    fn name_bytes(&self) -> &[u8] {
        &self.bytes[..self.name_len as usize]
    }

    pub(crate) fn data(&self) -> Option<&[u8]> {
        self.has_data.then(|| &self.bytes[self.name_len as usize..])
    }
}

/// One znode.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) body: Body,
    pub(crate) stat: StatPersisted,
    pub(crate) acl: AclId,
    /// CRC-32 of path and data, what the digest keeps of them.
    pub(crate) digest_prefix: u32,
    pub(crate) parent: NodeId,
    pub(crate) first_child: NodeId,
    next: NodeId,
    prev: NodeId,
    pub(crate) children: u32,
}

impl Node {
    pub(crate) fn new(body: Body, stat: StatPersisted, acl: AclId, digest_prefix: u32) -> Node {
        Node {
            body,
            stat,
            acl,
            digest_prefix,
            parent: NodeId::NONE,
            first_child: NodeId::NONE,
            next: NodeId::NONE,
            prev: NodeId::NONE,
            children: 0,
        }
    }
}

type Chunk = [Option<Node>; CHUNK];

/// The nodes as they were when a view was taken.
#[derive(Clone)]
pub(crate) struct Chunks(Vec<Arc<Chunk>>);

impl Chunks {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.0[id.chunk()][id.slot()].as_ref().expect("links name live nodes")
    }

    /// The node that follows in a walk that visits parents before children; `above` is told each
    /// time the walk climbs.
    pub(crate) fn after(&self, id: NodeId, top: NodeId, mut above: impl FnMut()) -> Option<NodeId> {
        let mut at = id;
        let child = self.node(at).first_child;
        if child != NodeId::NONE {
            return Some(child);
        }
        while at != top {
            let node = self.node(at);
            above();
            if node.next != NodeId::NONE {
                return Some(node.next);
            }
            at = node.parent;
        }
        None
    }
}

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    hash: u32,
    id: NodeId,
}

/// All nodes, found by path.
pub(crate) struct Store {
    chunks: Chunks,
    free: Vec<NodeId>,
    index: Vec<HashTable<IndexEntry>>,
    hasher: FixedState,
    len: usize,
    /// Bytes that were copied or kept only because a view still needed the old ones.
    retained_bytes: Arc<AtomicU64>,
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
    pub(crate) fn new(hash_seed: u64, root: Node) -> Store {
        let mut store = Store {
            chunks: Chunks(Vec::new()),
            free: Vec::new(),
            index: (0..SHARDS).map(|_| HashTable::new()).collect(),
            hasher: FixedState::with_seed(hash_seed),
            len: 0,
            retained_bytes: Arc::default(),
        };
        store.place(root);
        store
    }

    /// Number of nodes, the root included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    pub(crate) fn retained_bytes(&self) -> &Arc<AtomicU64> {
        &self.retained_bytes
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.chunks.node(id)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.slot_mut(id).as_mut().expect("links name live nodes")
    }

    fn slot_mut(&mut self, id: NodeId) -> &mut Option<Node> {
        let chunk = &mut self.chunks.0[id.chunk()];
        if Arc::strong_count(chunk) > 1 {
            self.retained_bytes.fetch_add(size_of::<Chunk>() as u64, Ordering::Relaxed);
        }
        &mut Arc::make_mut(chunk)[id.slot()]
    }

    fn hash(&self, path: &str) -> u32 {
        let hash = self.hasher.hash_one(path.as_bytes());
        let [a, b, c, d, ..] = hash.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The node at `path`; both `/` and the empty path name the root.
    pub(crate) fn find(&self, path: &str) -> Option<NodeId> {
        if matches!(path, "" | "/") {
            return Some(NodeId::ROOT);
        }
        let hash = self.hash(path);
        let table = &self.index[shard(hash)];
        let same = |entry: &IndexEntry| entry.hash == hash && self.is_at(entry.id, path);
        table.find(spread(hash), same).map(|entry| entry.id)
    }

    /// Whether the names from the node up to the root spell `path`.
    fn is_at(&self, mut id: NodeId, path: &str) -> bool {
        let mut rest = path.as_bytes();
        while id != NodeId::ROOT {
            let node = self.node(id);
            let above = rest.strip_suffix(node.body.name_bytes());
            let Some(above) = above.and_then(|above| above.strip_suffix(b"/")) else {
                return false;
            };
            (rest, id) = (above, node.parent);
        }
        rest.is_empty()
    }

    /// The path of a node, by climbing to the root.
    pub(crate) fn path(&self, id: NodeId) -> alloc::string::String {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.node(at);
            names.push(node.body.name());
            at = node.parent;
        }
        if names.is_empty() {
            return "/".into();
        }
        names.iter().rev().fold(alloc::string::String::new(), |path, name| path + "/" + name)
    }

    /// Places `node` at `path` below `parent`. The path must be free.
    pub(crate) fn insert(&mut self, parent: NodeId, path: &str, mut node: Node) -> NodeId {
        let sibling = self.node(parent).first_child;
        (node.parent, node.next, node.prev) = (parent, sibling, NodeId::NONE);
        let id = self.place(node);
        if sibling != NodeId::NONE {
            self.node_mut(sibling).prev = id;
        }
        let above = self.node_mut(parent);
        above.first_child = id;
        above.children += 1;
        let hash = self.hash(path);
        let rehash = |entry: &IndexEntry| spread(entry.hash);
        self.index[shard(hash)].insert_unique(spread(hash), IndexEntry { hash, id }, rehash);
        id
    }

    fn place(&mut self, node: Node) -> NodeId {
        self.len += 1;
        let id = self.free.pop().unwrap_or_else(|| {
            let fresh = u32::try_from(self.len - 1).expect("fewer than 2^32 nodes");
            NodeId(fresh)
        });
        if id.chunk() == self.chunks.0.len() {
            self.chunks.0.push(Arc::new([const { None }; CHUNK]));
        }
        *self.slot_mut(id) = Some(node);
        id
    }

    /// Takes the childless node at `path` out and returns it.
    pub(crate) fn remove(&mut self, id: NodeId, path: &str) -> Node {
        let hash = self.hash(path);
        let found = self.index[shard(hash)].find_entry(spread(hash), |entry| entry.id == id);
        found.expect("every live node is in the index").remove();
        let node = self.slot_mut(id).take().expect("the index names live nodes");
        if node.prev != NodeId::NONE {
            self.node_mut(node.prev).next = node.next;
        }
        if node.next != NodeId::NONE {
            self.node_mut(node.next).prev = node.prev;
        }
        let above = self.node_mut(node.parent);
        above.children -= 1;
        if above.first_child == id {
            above.first_child = node.next;
        }
        self.retire(&node.body);
        self.free.push(id);
        self.len -= 1;
        node
    }

    /// Replaces the node's data.
    pub(crate) fn set_data(&mut self, id: NodeId, data: Option<&[u8]>) {
        let body = Body::new(self.node(id).body.name(), data);
        let old = core::mem::replace(&mut self.node_mut(id).body, body);
        self.retire(&old);
    }

    fn retire(&self, body: &Body) {
        if Arc::strong_count(&body.bytes) > 1 {
            self.retained_bytes.fetch_add(body.bytes.len() as u64, Ordering::Relaxed);
        }
    }

    /// The children of a node, the latest first.
    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut at = self.node(id).first_child;
        core::iter::from_fn(move || {
            let child = (at != NodeId::NONE).then_some(at)?;
            at = self.node(child).next;
            Some(child)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::string::{String, ToString};

    fn node(name: &str) -> Node {
        Node::new(Body::new(name, None), StatPersisted::default(), AclId::OPEN, 0)
    }

    fn names(store: &Store, path: &str) -> Vec<String> {
        let id = store.find(path).expect("there");
        let mut names: Vec<String> =
            store.children(id).map(|id| store.node(id).body.name().to_string()).collect();
        names.sort();
        names
    }

    /// Random creates and deletes against a map from path to children.
    #[test]
    fn behaves_as_a_map_of_paths() {
        let mut random = base::Prng::new(11);
        let mut store = Store::new(5, node(""));
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
                store.insert(id, &child, node(&name));
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
            assert_eq!(store.node(id).children as usize, children.len());
        }
    }

    use std::vec;

    #[test]
    fn a_path_is_found_only_whole() {
        let mut store = Store::new(5, node(""));
        let a = store.insert(NodeId::ROOT, "/ab", node("ab"));
        store.insert(a, "/ab/c", node("c"));
        assert!(store.find("/ab/c").is_some() && store.find("/").is_some());
        for absent in ["/b", "ab", "/ab/", "/ab//c", "c", "/c", "//", "/ab/c/"] {
            assert_eq!(store.find(absent), None, "{absent}");
        }
    }
}
