//! What views still need of nodes that have changed since.
//!
//! # Invariants
//! - A node that was there when the view was taken is in one of three states: as it was, in the
//!   tree; kept as it was, here; or passed, because the view has shown it.
//! - It leaves the first state before its record changes, whatever changes it.
//! - A slot that was free counts as passed from its first change on: no link leads there.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::chunk::{Chunk, Node};
use crate::record::{self, Record};
use crate::store::NodeId;

/// Bytes in a slab of kept records.
const SLAB: usize = 256 << 10;
/// Records begin at multiples of this, so that a slab's number and a place in it take 32 bits.
const ALIGN: usize = 4;

/// Names a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ViewId(pub(crate) u64);

/// The records that one view still needs and the tree has no more.
pub(crate) struct Kept {
    pub(crate) view: ViewId,
    /// A bit for each slot that there was: set by whoever shows the view, beside other readers,
    /// and looked at by the writer. The lock around the tree orders the two.
    passed: Vec<AtomicU64>,
    /// Where the record is kept, by slot; 0 if it is not.
    places: Vec<u32>,
    slabs: Vec<Vec<u8>>,
    /// Names and data of large nodes.
    large: HashMap<NodeId, Arc<[u8]>, FixedState>,
}

impl Kept {
    pub(crate) fn new(view: ViewId, slots: usize, hash_seed: u64) -> Kept {
        Kept {
            view,
            passed: (0..slots.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            places: vec![0; slots],
            slabs: Vec::new(),
            large: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
        }
    }

    /// Notes that the view has shown the node.
    pub(crate) fn pass(&self, id: NodeId) {
        if let Some(word) = self.passed.get(id.0 as usize / 64) {
            word.fetch_or(1 << (id.0 % 64), Ordering::Relaxed);
        }
    }

    fn is_passed(&self, id: NodeId) -> bool {
        let word = self.passed.get(id.0 as usize / 64);
        word.is_none_or(|word| word.load(Ordering::Relaxed) & 1 << (id.0 % 64) != 0)
    }

    /// Keeps the node as it is, if the view still needs it and has it not yet.
    pub(crate) fn keep(&mut self, id: NodeId, chunk: &Chunk, slot: usize) {
        let is_needed = self.places.get(id.0 as usize) == Some(&0) && !self.is_passed(id);
        if !is_needed {
            return;
        }
        let Some(record) = chunk.record(slot) else { return self.pass(id) };
        let place = self.put(record);
        self.places[id.0 as usize] = place;
        if let Some(large) = chunk.large_of(slot) {
            self.large.insert(id, large.clone());
        }
    }

    /// The node as it was, if it has changed since.
    pub(crate) fn node(&self, id: NodeId) -> Option<Node<'_>> {
        let place = *self.places.get(id.0 as usize)?;
        let place = place.checked_sub(1)? as usize;
        let (slab, offset) = (place / (SLAB / ALIGN), place % (SLAB / ALIGN) * ALIGN);
        let record = Record(record::record_at(&self.slabs[slab][offset..]));
        Some(Node::new(record, self.large.get(&id).map(|large| &large[..])))
    }

    /// Copies a record; its place, from 1.
    fn put(&mut self, record: &[u8]) -> u32 {
        if self.slabs.last().is_none_or(|slab| slab.len() + record.len() > SLAB) {
            self.slabs.push(Vec::with_capacity(SLAB));
        }
        let number = self.slabs.len() - 1;
        let slab = &mut self.slabs[number];
        let place = number * (SLAB / ALIGN) + slab.len() / ALIGN;
        slab.extend_from_slice(record);
        slab.resize(slab.len().next_multiple_of(ALIGN).min(SLAB), 0);
        u32::try_from(place + 1).expect("16 GiB of records at most: there are no more nodes")
    }
}
