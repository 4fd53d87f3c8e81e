//! A few nodes that lie together in memory.
//!
//! # Invariants
//! - The heap holds the records of the slots that are taken, one behind the other, without gaps.
//! - A record's index names an entry of `large` that no other record names.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;

use wire::StatPersisted;

use crate::acl_table::AclId;
use crate::record::{self, Elsewhere, Head, Links, Record};

/// Nodes per chunk: what is moved about when one of them grows, and as many as have their places in
/// the chunk's first cache line.
pub(crate) const CHUNK: usize = 16;

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

#[repr(C, align(64))]
pub(crate) struct Chunk {
    /// The records, in no order.
    heap: Vec<u8>,
    /// Where the record of each slot is in the heap.
    places: [u16; CHUNK],
    taken: u8,
    /// Names and data of large nodes, one behind the other, shared with views.
    large: Vec<Option<Arc<[u8]>>>,
}

/// A node, as it lies there.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    record: Record<'a>,
    /// Name and data, if they are kept elsewhere.
    large: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(record: Record<'a>, large: Option<&'a [u8]>) -> Node<'a> {
        Node { record, large }
    }

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
        match self.large() {
            None => self.record.name(),
            Some((bytes, elsewhere)) => &bytes[..elsewhere.name_len as usize],
        }
    }

    pub(crate) fn data(self) -> Option<&'a [u8]> {
        match self.large() {
            None => self.record.data(),
            Some((bytes, elsewhere)) => {
                elsewhere.has_data.then(|| &bytes[elsewhere.name_len as usize..])
            }
        }
    }

    fn large(self) -> Option<(&'a [u8], Elsewhere)> {
        self.large.zip(self.record.elsewhere())
    }

    pub(crate) fn data_len(self) -> usize {
        self.data().map_or(0, <[u8]>::len)
    }
}

impl Chunk {
    pub(crate) fn new() -> Chunk {
        Chunk { heap: Vec::new(), places: [FREE; CHUNK], taken: 0, large: Vec::new() }
    }

    /// # Panics
    /// If the slot is free.
    pub(crate) fn node(&self, slot: usize) -> Node<'_> {
        let record = Record(self.record(slot).expect("links name live nodes"));
        Node { record, large: record.elsewhere().map(|elsewhere| &self.large(elsewhere)[..]) }
    }

    /// The record in a slot, if it is taken.
    pub(crate) fn record(&self, slot: usize) -> Option<&[u8]> {
        let place = Some(self.places[slot]).filter(|place| *place != FREE)?;
        Some(record::record_at(&self.heap[usize::from(place)..]))
    }

    /// What the node in a slot keeps outside the heap.
    pub(crate) fn large_of(&self, slot: usize) -> Option<&Arc<[u8]>> {
        Record(self.record(slot)?).elsewhere().map(|elsewhere| self.large(elsewhere))
    }

    /// Some byte of each cache line that a usual node takes.
    pub(crate) fn touch(&self, slot: usize) -> u8 {
        const LINE: usize = 64;
        let place = usize::from(self.places[slot]);
        let byte = |line| self.heap.get(place + line * LINE).copied().unwrap_or(0);
        byte(0) ^ byte(1) ^ byte(2)
    }

    /// Changes the node's links.
    pub(crate) fn relink(&mut self, slot: usize, f: impl FnOnce(&mut Links)) {
        let mut links = self.node(slot).links();
        f(&mut links);
        record::overwrite_links(self.record_mut(slot), &links);
    }

    /// Gives the node another ACL; returns the one that it had.
    pub(crate) fn set_acl(&mut self, slot: usize, acl: AclId) -> AclId {
        let old = self.node(slot).acl();
        record::overwrite_acl(self.record_mut(slot), acl);
        old
    }

    /// Takes a free slot.
    pub(crate) fn insert(&mut self, slot: usize, content: &Content<'_>, links: Links) {
        debug_assert_eq!(self.places[slot], FREE, "the slot is free");
        self.taken += 1;
        self.write(slot, links, content);
        if usize::from(self.taken) == CHUNK
            && self.heap.capacity() - self.heap.len() > self.heap.len() / 8
        {
            self.heap.shrink_to_fit();
        }
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.forget_large(slot);
        self.put(slot, &[]);
        self.places[slot] = FREE;
        self.taken -= 1;
        if self.taken == 0 {
            *self = Chunk::new();
        }
    }

    /// Replaces the stat.
    pub(crate) fn set_stat(&mut self, slot: usize, stat: &StatPersisted) {
        if record::overwrite_stat(self.record_mut(slot), stat) {
            return;
        }
        let old = self.node(slot).record;
        let mut packed = Vec::with_capacity(old.0.len() + 60);
        match old.elsewhere() {
            None => record::put_small(&old.head(), old.name(), old.data(), stat, &mut packed),
            Some(elsewhere) => record::put_large(&old.head(), elsewhere, stat, &mut packed),
        }
        self.put(slot, &packed);
    }

    /// Replaces data and stat.
    pub(crate) fn set(
        &mut self,
        slot: usize,
        data: Option<&[u8]>,
        stat: &StatPersisted,
        digest_prefix: u32,
    ) {
        let record = self.record_mut(slot);
        record::overwrite_digest_prefix(record, digest_prefix);
        if record::overwrite(record, data, stat) {
            return;
        }
        let node = self.node(slot);
        let (links, acl, name) = (node.links(), node.acl(), node.name().to_owned());
        self.forget_large(slot);
        let content = Content { name: &name, data, stat: *stat, acl, digest_prefix };
        self.write(slot, links, &content);
    }

    /// Writes a record for a slot whose former one is of no use any more.
    fn write(&mut self, slot: usize, links: Links, content: &Content<'_>) {
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
        self.put(slot, &packed);
    }

    fn large(&self, elsewhere: Elsewhere) -> &Arc<[u8]> {
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

    /// Lets go of what the slot keeps outside the heap.
    fn forget_large(&mut self, slot: usize) {
        if let Some(elsewhere) = self.node(slot).record.elsewhere() {
            self.large[usize::from(elsewhere.index)] = None;
        }
    }

    fn record_mut(&mut self, slot: usize) -> &mut [u8] {
        let len = self.record(slot).map_or(0, <[u8]>::len);
        let place = usize::from(self.places[slot]);
        &mut self.heap[place..place + len]
    }

    /// Puts a record where the slot's last one was, or at the end; those behind it move.
    fn put(&mut self, slot: usize, record: &[u8]) {
        let old = self.record(slot).map_or(0, <[u8]>::len);
        let place = match self.places[slot] {
            FREE => self.heap.len(),
            place => usize::from(place),
        };
        let (end, behind) = (self.heap.len(), place + old);
        if record.len() > old {
            self.make_room(record.len() - old);
            self.heap.resize(end + record.len() - old, 0);
        }
        self.heap.copy_within(behind..end, place + record.len());
        self.heap.truncate(end - old + record.len());
        self.heap[place..place + record.len()].copy_from_slice(record);
        if record.len() != old {
            for other in &mut self.places {
                if *other != FREE && usize::from(*other) > place {
                    *other = short(usize::from(*other) - old + record.len());
                }
            }
        }
        self.places[slot] = short(place);
    }

    /// Sees that the heap takes so much more without growing.
    fn make_room(&mut self, bytes: usize) {
        if self.heap.capacity() - self.heap.len() >= bytes {
            return;
        }
        if usize::from(self.taken) < CHUNK {
            self.heap.reserve(bytes);
        } else {
            // No more will come: what grows now are nodes that are changed, one after the other.
            self.heap.reserve_exact(bytes.max(self.heap.len() / 8));
        }
    }
}

/// A place in a heap: all records together take less than 64 KiB.
fn short(place: usize) -> u16 {
    u16::try_from(place).expect("a heap of at most 64 KiB")
}

const _: () = assert!(CHUNK * record::RECORD_MAX < FREE as usize);

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
        assert_eq!(chunk.heap.len(), named);
        let large = |told: &&Told| {
            let (name, data, _) = *told;
            !record::is_small(name.as_bytes(), data.as_deref())
        };
        let kept = chunk.large.iter().flatten().count();
        assert_eq!(kept, model.iter().flatten().filter(large).count());
    }

    /// Random changes against a list of what was written.
    #[test]
    fn a_chunk_is_a_list_of_nodes() {
        let mut random = Prng::new(3);
        let mut chunk = Chunk::new();
        let mut model: Vec<Option<Told>> = vec![None; CHUNK];
        for _ in 0..20_000 {
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
        }
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
        assert!(chunk.heap.capacity() <= CHUNK * 163 * 9 / 8, "{}", chunk.heap.capacity());
    }

    #[test]
    #[should_panic(expected = "live nodes")]
    fn a_free_slot_is_no_node() {
        let _ = Chunk::new().node(0);
    }
}
