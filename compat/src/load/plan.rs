//! What a worker does next, drawn from a seed.

use base::Prng;
use wire::CreateMode;

use super::subtree::{Node, Ordinal, Subtree};
use super::write::{ACLS, Write};

/// Subtrees larger than this shrink rather than grow.
const NODES_MAX: usize = 40;
/// Nodes this deep below the root, counted in slashes, get no children.
const SLASHES_MAX: usize = 5;
/// A session ends about every so many writes.
const CLOSE_EVERY: u64 = 400;

const MODES: [CreateMode; 8] = [
    CreateMode::Persistent,
    CreateMode::Persistent,
    CreateMode::Ephemeral,
    CreateMode::PersistentSequential,
    CreateMode::EphemeralSequential,
    CreateMode::Container,
    CreateMode::PersistentWithTtl,
    CreateMode::PersistentSequentialWithTtl,
];

/// Draws writes.
#[derive(Clone, Debug)]
pub struct Plan {
    prng: Prng,
}

impl Plan {
    /// Writes that depend on `seed`, and on the state that they meet.
    #[must_use]
    pub fn new(seed: u64) -> Plan {
        Plan { prng: Prng::new(seed) }
    }

    /// The next write, most likely one that succeeds on `subtree`.
    pub fn draw(&mut self, subtree: &Subtree, ordinal: Ordinal) -> Write {
        if self.prng.one_in(CLOSE_EVERY) {
            return Write::Close;
        }
        match self.below(100) {
            0..15 => {
                let parts = 2 + self.below(4);
                Write::Multi((0..parts).map(|_| self.part(subtree, ordinal)).collect())
            }
            15..23 => {
                let (path, node) = self.node(subtree);
                let version = self.version(node.aversion);
                Write::SetAcl { path, acl: self.below(ACLS), version }
            }
            _ => self.single(subtree, ordinal, true),
        }
    }

    fn part(&mut self, subtree: &Subtree, ordinal: Ordinal) -> Write {
        if self.prng.one_in(5) {
            let (path, node) = self.node(subtree);
            return Write::Check { path, version: self.version(node.version) };
        }
        self.single(subtree, ordinal, false)
    }

    fn single(&mut self, subtree: &Subtree, ordinal: Ordinal, any_mode: bool) -> Write {
        let full = subtree.nodes.len() > NODES_MAX;
        match self.below(100) {
            0..45 if !full => self.create(subtree, ordinal, any_mode),
            0..65 => self.delete(subtree),
            _ => {
                let (path, node) = self.node(subtree);
                let version = self.version(node.version);
                Write::SetData { path, data: self.data(ordinal), version }
            }
        }
    }

    /// Within a multi, creates that need an operation of their own are left out.
    fn create(&mut self, subtree: &Subtree, ordinal: Ordinal, any_mode: bool) -> Write {
        let (parent, _) = self.node(subtree);
        let shallow = parent.matches('/').count() < SLASHES_MAX;
        let parent = if shallow { parent } else { self.root(subtree) };
        let modes = if any_mode { &MODES[..] } else { &MODES[..5] };
        let mode = modes[self.below(modes.len())];
        let name = if mode.is_sequential() { "q-" } else { ["a", "b", "c", "d"][self.below(4)] };
        let data = self.data(ordinal);
        let path = format!("{parent}/{name}");
        Write::Create { path, data, acl: self.below(ACLS), mode, stat: self.prng.one_in(2) }
    }

    fn delete(&mut self, subtree: &Subtree) -> Write {
        let leaves = subtree.nodes.iter().filter(|(_, node)| node.children == 0);
        let below: Vec<_> = leaves.filter(|(path, _)| path.matches('/').count() > 1).collect();
        if below.is_empty() || self.prng.one_in(10) {
            let (path, _) = self.node(subtree);
            // A root is never deleted, whatever else is in the same multi: no data ever has that version.
            let version = if path.matches('/').count() > 1 { -1 } else { i32::MAX };
            return Write::Delete { path, version };
        }
        let (path, node) = below[self.below(below.len())];
        Write::Delete { path: path.clone(), version: self.version(node.version) }
    }

    fn node(&mut self, subtree: &Subtree) -> (String, Node) {
        let at = self.below(subtree.nodes.len());
        let found = subtree.nodes.iter().nth(at);
        found.map(|(path, node)| (path.clone(), node.clone())).expect("a subtree has its root")
    }

    fn root(&self, subtree: &Subtree) -> String {
        subtree.nodes.keys().next().cloned().unwrap_or_default()
    }

    /// The version that a node has, or any, or now and then a wrong one.
    fn version(&mut self, actual: i32) -> i32 {
        match self.below(16) {
            0 => actual + 1,
            1..6 => actual,
            _ => -1,
        }
    }

    /// Data that no other write of the worker has.
    fn data(&mut self, ordinal: Ordinal) -> Vec<u8> {
        let filler = match self.below(20) {
            0 => self.below(4000),
            _ => self.below(60),
        };
        let mut data = format!("{ordinal}.").into_bytes();
        data.resize(data.len() + filler, b'x');
        data
    }

    fn below(&mut self, bound: usize) -> usize {
        let drawn = self.prng.below(u64::try_from(bound).unwrap_or(u64::MAX));
        usize::try_from(drawn).unwrap_or_default()
    }
}
