//! A few nodes that lie together in memory, and are copied together while a view needs them as
//! they were.
//!
//! # Invariants
//! - A slot that is taken names a range of the heap that no other slot names.
//! - `garbage` is what of the heap no slot names.
//! - A record's index names an entry of `large` that no other record names.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;

use wire::StatPersisted;

use crate::acl_table::AclId;
use crate::record::{self, Elsewhere, Head, Links, Record};

/// Nodes per chunk: what one write copies at most while a view is held, and what a view costs to
/// take (one reference count per chunk).
pub(crate) const CHUNK: usize = 32;

/// What a node is made of beside its place.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) stat: StatPersisted,
    pub(crate) acl: AclId,
    pub(crate) digest_prefix: u32,
}

/// The place of a record that is not there.
const FREE: u16 = u16::MAX;

#[derive(Clone)]
pub(crate) struct Chunk {
    /// The records, in no order, with gaps.
    heap: Vec<u8>,
    /// Where the record of each slot is in the heap.
    places: [u16; CHUNK],
    garbage: usize,
    taken: usize,
    /// Names and data of large nodes, one behind the other, shared with views.
    large: Vec<Option<Arc<[u8]>>>,
}

/// A node, as it lies there.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    chunk: &'a Chunk,
    record: Record<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn links(self) -> Links {
        self.record.links()
    }

    pub(crate) fn acl(self) -> AclId {
        self.record.acl()
    }

    pub(crate) fn digest_prefix(self) -> u32 {
        self.record.digest_prefix()
    }

    pub(crate) fn stat(self) -> StatPersisted {
        self.record.stat()
    }

    pub(crate) fn name(self) -> &'a str {
        // Made from a str, so this never falls back.
        core::str::from_utf8(self.name_bytes()).unwrap_or_default()
    }

    pub(crate) fn name_bytes(self) -> &'a [u8] {
        match self.record.elsewhere() {
            None => self.record.name(),
            Some(elsewhere) => &self.chunk.large(elsewhere)[..elsewhere.name_len as usize],
        }
    }

    pub(crate) fn data(self) -> Option<&'a [u8]> {
        match self.record.elsewhere() {
            None => self.record.data(),
            Some(elsewhere) => elsewhere
                .has_data
                .then(|| &self.chunk.large(elsewhere)[elsewhere.name_len as usize..]),
        }
    }

    pub(crate) fn data_len(self) -> usize {
        self.data().map_or(0, <[u8]>::len)
    }
}

impl Chunk {
    pub(crate) fn new() -> Chunk {
        Chunk { heap: Vec::new(), places: [FREE; CHUNK], garbage: 0, taken: 0, large: Vec::new() }
    }

    /// About what it takes in memory, without what is shared with its copies, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Chunk>() + self.heap.len()
    }

    /// # Panics
    /// If the slot is free.
    pub(crate) fn node(&self, index: usize) -> Node<'_> {
        let record = self.record(index);
        Node { chunk: self, record: Record(record.expect("links name live nodes")) }
    }

    /// Some byte of each cache line that a usual node takes.
    pub(crate) fn touch(&self, index: usize) -> u8 {
        const LINE: usize = 64;
        let place = usize::from(self.places[index]);
        let byte = |line| self.heap.get(place + line * LINE).copied().unwrap_or(0);
        byte(0) ^ byte(1) ^ byte(2)
    }

    /// Changes the node's links.
    pub(crate) fn relink(&mut self, index: usize, f: impl FnOnce(&mut Links)) {
        let mut links = self.node(index).links();
        f(&mut links);
        record::overwrite_links(self.record_mut(index), &links);
    }

    /// Gives the node another ACL; returns the one that it had.
    pub(crate) fn set_acl(&mut self, index: usize, acl: AclId) -> AclId {
        let old = self.node(index).acl();
        record::overwrite_acl(self.record_mut(index), acl);
        old
    }

    /// Takes a free slot.
    pub(crate) fn insert(&mut self, index: usize, content: &Content<'_>, links: Links) {
        debug_assert_eq!(self.places[index], FREE, "the slot is free");
        self.taken += 1;
        self.write(index, links, content);
        if self.taken == CHUNK && self.heap.capacity() - self.heap.len() > self.heap.len() / 8 {
            self.heap.shrink_to_fit();
        }
    }

    /// Frees a slot. Returns the bytes that a view goes on to keep.
    pub(crate) fn remove(&mut self, index: usize) -> usize {
        let retained = self.forget_large(index);
        self.garbage += self.record(index).map_or(0, <[u8]>::len);
        self.places[index] = FREE;
        self.taken -= 1;
        if self.taken == 0 {
            (self.heap, self.large, self.garbage) = (Vec::new(), Vec::new(), 0);
        }
        retained
    }

    /// Replaces the stat.
    pub(crate) fn set_stat(&mut self, index: usize, stat: &StatPersisted) {
        if record::overwrite_stat(self.record_mut(index), stat) {
            return;
        }
        let old = self.node(index).record;
        let mut packed = Vec::with_capacity(old.0.len() + 60);
        match old.elsewhere() {
            None => record::put_small(&old.head(), old.name(), old.data(), stat, &mut packed),
            Some(elsewhere) => record::put_large(&old.head(), elsewhere, stat, &mut packed),
        }
        self.put(index, &packed);
    }

    /// Replaces data and stat. Returns the bytes that a view goes on to keep.
    pub(crate) fn set(
        &mut self,
        index: usize,
        data: Option<&[u8]>,
        stat: &StatPersisted,
        digest_prefix: u32,
    ) -> usize {
        let record = self.record_mut(index);
        record::overwrite_digest_prefix(record, digest_prefix);
        if record::overwrite(record, data, stat) {
            return 0;
        }
        let node = self.node(index);
        let (links, acl, name) = (node.links(), node.acl(), node.name().to_owned());
        let retained = self.forget_large(index);
        let content = Content { name: &name, data, stat: *stat, acl, digest_prefix };
        self.write(index, links, &content);
        retained
    }

    /// Writes a record for a slot whose former one is of no use any more.
    fn write(&mut self, index: usize, links: Links, content: &Content<'_>) {
        let Content { name, data, stat, acl, digest_prefix } = content;
        let (name, head) =
            (name.as_bytes(), Head { links, acl: *acl, digest_prefix: *digest_prefix });
        let mut packed = Vec::with_capacity(record::RECORD_MAX);
        if record::is_small(name, *data) {
            record::put_small(&head, name, *data, stat, &mut packed);
        } else {
            let elsewhere = Elsewhere {
                index: self.keep_large([name, data.unwrap_or_default()].concat().into()),
                name_len: u32::try_from(name.len()).expect("names are shorter than a frame"),
                has_data: data.is_some(),
            };
            record::put_large(&head, elsewhere, stat, &mut packed);
        }
        self.put(index, &packed);
    }

    fn large(&self, elsewhere: Elsewhere) -> &[u8] {
        self.large[usize::from(elsewhere.index)].as_ref().expect("records name what is there")
    }

    fn keep_large(&mut self, bytes: Arc<[u8]>) -> u8 {
        let index = self.large.iter().position(Option::is_none).unwrap_or_else(|| {
            self.large.push(None);
            self.large.len() - 1
        });
        self.large[index] = Some(bytes);
        u8::try_from(index).expect("one for each slot at most")
    }

    /// Lets go of what the slot keeps outside the heap. Returns the bytes that a view still keeps.
    fn forget_large(&mut self, index: usize) -> usize {
        let Some(elsewhere) = self.node(index).record.elsewhere() else { return 0 };
        let bytes = self.large[usize::from(elsewhere.index)].take();
        bytes.filter(|bytes| Arc::strong_count(bytes) > 1).map_or(0, |bytes| bytes.len())
    }

    fn record(&self, index: usize) -> Option<&[u8]> {
        let place = Some(self.places[index]).filter(|place| *place != FREE)?;
        Some(record::record_at(&self.heap[usize::from(place)..]))
    }

    fn record_mut(&mut self, index: usize) -> &mut [u8] {
        let len = self.record(index).map_or(0, <[u8]>::len);
        let place = usize::from(self.places[index]);
        &mut self.heap[place..place + len]
    }

    /// Puts a record where the slot's last one was, or at the end of the heap.
    fn put(&mut self, index: usize, record: &[u8]) {
        let len = self.record(index).map_or(0, <[u8]>::len);
        if record.len() <= len {
            self.record_mut(index)[..record.len()].copy_from_slice(record);
            self.garbage += len - record.len();
            return;
        }
        self.places[index] = FREE;
        self.garbage += len;
        self.make_room(record.len());
        self.places[index] = short(self.heap.len());
        self.heap.extend_from_slice(record);
    }

    /// Sees that the heap takes so much more without growing.
    fn make_room(&mut self, bytes: usize) {
        if self.heap.capacity() - self.heap.len() >= bytes {
            return;
        }
        if self.garbage * 4 > self.heap.len() {
            return self.compact(bytes);
        }
        if self.taken < CHUNK {
            self.heap.reserve(bytes);
        } else {
            // No more will come: what grows now are nodes that are changed.
            self.heap.reserve_exact(bytes + self.heap.len() / 16);
        }
    }

    /// Leaves the gaps out, and room for so many bytes.
    fn compact(&mut self, room: usize) {
        let kept = self.heap.len() - self.garbage;
        let mut heap = Vec::with_capacity(kept + room + kept / 16);
        for place in self.places.iter_mut().filter(|place| **place != FREE) {
            let record = record::record_at(&self.heap[usize::from(*place)..]);
            *place = short(heap.len());
            heap.extend_from_slice(record);
        }
        self.heap = heap;
        self.garbage = 0;
    }
}

/// A place in a heap: no heap grows beyond 64 KiB. All records together take at most a third of
/// that, and gaps are left out before it would grow for them.
fn short(place: usize) -> u16 {
    u16::try_from(place).expect("a heap of at most 64 KiB")
}

const _: () = assert!(CHUNK * record::RECORD_MAX < (1 << 16) / 3);

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec;

    use base::{Prng, Zxid};

    use super::*;

    type Told = (String, Option<Vec<u8>>, StatPersisted);

    fn told(chunk: &Chunk, index: usize) -> Told {
        let node = chunk.node(index);
        (node.name().into(), node.data().map(<[u8]>::to_vec), node.stat())
    }

    /// Short ones mostly, and some that do not lie in the heap.
    fn length(random: &mut Prng) -> usize {
        let max = if random.one_in(8) { 2000 } else { 200 };
        usize::try_from(random.below(max)).unwrap()
    }

    fn data(random: &mut Prng) -> Option<Vec<u8>> {
        (!random.one_in(9)).then(|| vec![b'd'; length(random)])
    }

    fn stat(random: &mut Prng) -> StatPersisted {
        let mut field = || i64::try_from(random.below(2)).unwrap();
        StatPersisted {
            mzxid: Zxid(field()),
            pzxid: Zxid(field()),
            ephemeral_owner: field(),
            ..StatPersisted::default()
        }
    }

    fn check(chunk: &Chunk, model: &[Option<Told>]) {
        for (index, expected) in model.iter().enumerate() {
            let Some(expected) = expected else { continue };
            assert_eq!(&told(chunk, index), expected, "slot {index}");
        }
        let records = (0..CHUNK).filter_map(|index| chunk.record(index));
        let named: usize = records.map(<[u8]>::len).sum();
        assert_eq!(chunk.heap.len(), named + chunk.garbage);
        let large = |told: &&Told| {
            let (name, data, _) = *told;
            !record::is_small(name.as_bytes(), data.as_deref())
        };
        let kept = chunk.large.iter().flatten().count();
        assert_eq!(kept, model.iter().flatten().filter(large).count());
    }

    /// Random changes against a list of what was written; copies stay as they were.
    #[test]
    fn a_chunk_is_a_list_of_nodes() {
        let mut random = Prng::new(3);
        let mut chunk = Chunk::new();
        let mut model: Vec<Option<Told>> = vec![None; CHUNK];
        let mut copy = (chunk.clone(), model.clone());
        let mut largest = 0;
        for round in 0..20_000 {
            let index = usize::try_from(random.below(CHUNK as u64)).unwrap();
            let (new_data, new_stat) = (data(&mut random), stat(&mut random));
            match &mut model[index] {
                free @ None => {
                    let name = "n".repeat(length(&mut random));
                    let content = Content {
                        name: &name,
                        data: new_data.as_deref(),
                        stat: new_stat,
                        acl: AclId::OPEN,
                        digest_prefix: 0,
                    };
                    chunk.insert(index, &content, Links::NONE);
                    *free = Some((name, new_data, new_stat));
                }
                taken if random.one_in(4) => {
                    chunk.remove(index);
                    *taken = None;
                }
                Some((_, _, stat)) if random.one_in(3) => {
                    chunk.set_stat(index, &new_stat);
                    *stat = new_stat;
                }
                Some((_, data, stat)) => {
                    chunk.set(index, new_data.as_deref(), &new_stat, 0);
                    (*data, *stat) = (new_data, new_stat);
                }
            }
            check(&chunk, &model);
            largest = largest.max(chunk.heap.capacity());
            if round % 100 == 0 {
                check(&copy.0, &copy.1);
                copy = (chunk.clone(), model.clone());
            }
        }
        assert!(largest < 1 << 16);
    }

    /// What a change needs least: the same size again.
    #[test]
    fn a_node_written_again_and_again_takes_no_more_room() {
        let mut chunk = Chunk::new();
        let stat = StatPersisted::default();
        for index in 0..CHUNK {
            let content = Content {
                name: "node-0000000001",
                data: Some(&[1; 100]),
                stat,
                acl: AclId::OPEN,
                digest_prefix: 0,
            };
            chunk.insert(index, &content, Links::NONE);
        }
        assert_eq!(chunk.heap.capacity(), chunk.heap.len());
        for round in 1..1000 {
            let stat = StatPersisted { mzxid: Zxid(round), ..stat };
            chunk.set(7, Some(&[2; 100]), &stat, 0);
        }
        assert!(chunk.heap.len() < CHUNK * 163 * 9 / 8, "{}", chunk.heap.len());
    }

    #[test]
    #[should_panic(expected = "live nodes")]
    fn a_free_slot_is_no_node() {
        let _ = Chunk::new().node(0);
    }
}
