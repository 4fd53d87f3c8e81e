//! Who watches which subject how, in a few bytes for each pair.
//!
//! # Invariants
//! - A subject with one watcher holds it in its entry; with more, in a group of its own.
//! - No subject is without watchers, and no watcher without kinds.
//! - `count` and `recursive` count the pairs, and those of them that include a recursive watch.

use alloc::boxed::Box;
use alloc::vec::Vec;

use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;

/// What is watched: a node, or a path without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Subject(pub(crate) u32);

/// A connection that watches, by a small number that is used again when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Watcher(pub(crate) u32);

/// The ways in which one connection watches one subject, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchKinds(u8);

impl WatchKinds {
    pub(crate) const NONE: WatchKinds = WatchKinds(0);
    pub(crate) const STANDARD: WatchKinds = WatchKinds(1);
    pub(crate) const PERSISTENT: WatchKinds = WatchKinds(2);
    pub(crate) const RECURSIVE: WatchKinds = WatchKinds(4);
    pub(crate) const ALL: WatchKinds = WatchKinds(7);

    pub(crate) fn has_any(self, other: WatchKinds) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 | other.0)
    }

    fn without(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 & !other.0)
    }
}

/// A watcher with its kinds, in 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair(u32);

const KIND_BITS: u32 = 3;
/// In an entry: not a pair, but the number of a group.
const IS_GROUP: u32 = 1 << 31;

impl Pair {
    fn new(watcher: Watcher, kinds: WatchKinds) -> Pair {
        debug_assert!(watcher.0 < IS_GROUP >> KIND_BITS, "fewer than 2^28 connections");
        Pair(watcher.0 << KIND_BITS | u32::from(kinds.0))
    }

    fn watcher(self) -> Watcher {
        Watcher(self.0 >> KIND_BITS)
    }

    fn kinds(self) -> WatchKinds {
        let [.., lowest] = self.0.to_be_bytes();
        WatchKinds(lowest & WatchKinds::ALL.0)
    }
}

/// The watchers of one subject, if there are several.
enum Group {
    /// Sorted by watcher.
    Few(Vec<Pair>),
    /// One set for each kind.
    Many(Box<[RoaringBitmap; KIND_BITS as usize]>),
}

/// A list longer than this becomes sets.
const FEW_MAX: usize = 32;

impl Group {
    fn kinds(&self, watcher: Watcher) -> WatchKinds {
        match self {
            Group::Few(pairs) => match Group::position(pairs, watcher) {
                Ok(at) => pairs[at].kinds(),
                Err(_) => WatchKinds::NONE,
            },
            Group::Many(sets) => {
                let held = (0..).zip(sets.iter()).filter(|(_, set)| set.contains(watcher.0));
                WatchKinds(held.fold(0, |kinds, (bit, _)| kinds | 1 << bit))
            }
        }
    }

    fn set(&mut self, watcher: Watcher, kinds: WatchKinds) {
        match self {
            Group::Few(pairs) => {
                match (Group::position(pairs, watcher), kinds) {
                    (Ok(at), WatchKinds::NONE) => drop(pairs.remove(at)),
                    (Ok(at), kinds) => pairs[at] = Pair::new(watcher, kinds),
                    (Err(_), WatchKinds::NONE) => {}
                    (Err(at), kinds) => pairs.insert(at, Pair::new(watcher, kinds)),
                }
                if pairs.len() > FEW_MAX {
                    *self = Group::many(pairs);
                }
            }
            Group::Many(sets) => Group::set_many(&mut **sets, watcher, kinds),
        }
    }

    fn many(pairs: &[Pair]) -> Group {
        let mut sets = Box::<[RoaringBitmap; KIND_BITS as usize]>::default();
        pairs.iter().for_each(|pair| Group::set_many(&mut *sets, pair.watcher(), pair.kinds()));
        Group::Many(sets)
    }

    fn set_many(sets: &mut [RoaringBitmap], watcher: Watcher, kinds: WatchKinds) {
        for (bit, set) in sets.iter_mut().enumerate() {
            match kinds.0 & 1 << bit {
                0 => set.remove(watcher.0),
                _ => set.insert(watcher.0),
            };
        }
    }

    fn position(pairs: &[Pair], watcher: Watcher) -> Result<usize, usize> {
        pairs.binary_search_by_key(&watcher, |pair| pair.watcher())
    }

    /// All pairs, sorted by watcher.
    fn pairs(&self) -> Vec<Pair> {
        match self {
            Group::Few(pairs) => pairs.clone(),
            Group::Many(sets) => {
                let all = sets.iter().fold(RoaringBitmap::new(), |all, set| all | set);
                let watchers = all.iter().map(Watcher);
                watchers.map(|watcher| Pair::new(watcher, self.kinds(watcher))).collect()
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    subject: Subject,
    /// A pair, or the number of a group.
    watchers: u32,
}

/// Parts of a table.
const SHARDS: usize = 64;

fn shard(hash: u64) -> usize {
    // Neither the bits that choose the place in a shard nor those that are compared there.
    (hash >> 32) as usize % SHARDS
}

/// One of the two tables: who watches which subject how.
pub(crate) struct Table {
    /// By parts of the hash, so that growing never moves all entries at once, nor leaves a hole as
    /// large as half of them.
    shards: Vec<HashTable<Entry>>,
    subjects: usize,
    groups: Vec<Option<Group>>,
    free_groups: Vec<u32>,
    hasher: FixedState,
    count: usize,
    recursive: usize,
}

impl Table {
    pub(crate) fn new(hash_seed: u64) -> Table {
        Table {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            subjects: 0,
            groups: Vec::new(),
            free_groups: Vec::new(),
            hasher: FixedState::with_seed(hash_seed),
            count: 0,
            recursive: 0,
        }
    }

    /// Number of watched subjects.
    pub(crate) fn len(&self) -> usize {
        self.subjects
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subjects == 0
    }

    /// Number of pairs.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether there is any recursive watch.
    pub(crate) fn has_recursive(&self) -> bool {
        self.recursive > 0
    }

    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> + '_ {
        self.shards.iter().flatten().map(|entry| entry.subject)
    }

    /// Whether anybody watches the subject.
    pub(crate) fn watches(&self, subject: Subject) -> bool {
        self.entry(subject).is_some()
    }

    fn hash(&self, subject: Subject) -> u64 {
        self.hasher.hash_one(subject)
    }

    fn entry(&self, subject: Subject) -> Option<&Entry> {
        let hash = self.hash(subject);
        self.shards[shard(hash)].find(hash, |entry| entry.subject == subject)
    }

    fn group(&self, watchers: u32) -> &Group {
        let group = self.groups[(watchers & !IS_GROUP) as usize].as_ref();
        group.expect("entries name groups that are there")
    }

    /// How the watcher watches the subject.
    pub(crate) fn kinds(&self, subject: Subject, watcher: Watcher) -> WatchKinds {
        match self.entry(subject).map(|entry| entry.watchers) {
            None => WatchKinds::NONE,
            Some(group) if group & IS_GROUP != 0 => self.group(group).kinds(watcher),
            Some(pair) if Pair(pair).watcher() == watcher => Pair(pair).kinds(),
            Some(_) => WatchKinds::NONE,
        }
    }

    /// Those who watch the subject, sorted, each with its kinds.
    pub(crate) fn watchers(&self, subject: Subject) -> Vec<(Watcher, WatchKinds)> {
        let pairs = match self.entry(subject).map(|entry| entry.watchers) {
            None => return Vec::new(),
            Some(group) if group & IS_GROUP != 0 => self.group(group).pairs(),
            Some(pair) => alloc::vec![Pair(pair)],
        };
        pairs.iter().map(|pair| (pair.watcher(), pair.kinds())).collect()
    }

    /// Adds kinds; whether the watcher watches the subject only now.
    pub(crate) fn add(&mut self, subject: Subject, watcher: Watcher, kinds: WatchKinds) -> bool {
        let held = self.kinds(subject, watcher);
        self.set(subject, watcher, held, held.with(kinds));
        held == WatchKinds::NONE
    }

    /// Removes kinds; whether any of them was there, and whether the watcher watches the subject
    /// no more.
    pub(crate) fn remove(
        &mut self,
        subject: Subject,
        watcher: Watcher,
        kinds: WatchKinds,
    ) -> (bool, bool) {
        let held = self.kinds(subject, watcher);
        if !held.has_any(kinds) {
            return (false, false);
        }
        let rest = held.without(kinds);
        self.set(subject, watcher, held, rest);
        (true, rest == WatchKinds::NONE)
    }

    fn set(&mut self, subject: Subject, watcher: Watcher, old: WatchKinds, new: WatchKinds) {
        let counts = |kinds: WatchKinds| {
            (
                usize::from(kinds != WatchKinds::NONE),
                usize::from(kinds.has_any(WatchKinds::RECURSIVE)),
            )
        };
        let (gone, come) = (counts(old), counts(new));
        self.count = self.count + come.0 - gone.0;
        self.recursive = self.recursive + come.1 - gone.1;
        let found = self.entry(subject);
        let watchers = match found.map(|entry| entry.watchers) {
            None => Pair::new(watcher, new).0,
            Some(group) if group & IS_GROUP != 0 => {
                return self.set_in_group(subject, group, watcher, new);
            }
            Some(pair) if Pair(pair).watcher() != watcher => {
                let mut group = Group::Few(alloc::vec![Pair(pair)]);
                group.set(watcher, new);
                self.keep(group)
            }
            Some(_) => Pair::new(watcher, new).0,
        };
        self.put(subject, watchers);
    }

    fn set_in_group(&mut self, subject: Subject, number: u32, watcher: Watcher, kinds: WatchKinds) {
        let group = self.groups[(number & !IS_GROUP) as usize].as_mut();
        let group = group.expect("entries name groups that are there");
        group.set(watcher, kinds);
        let last = match group {
            Group::Few(pairs) if pairs.len() == 1 => Some(pairs[0]),
            Group::Many(sets) if sets.iter().map(|set| set.len()).sum::<u64>() == 1 => {
                group.pairs().first().copied()
            }
            Group::Few(_) | Group::Many(_) => None,
        };
        if let Some(pair) = last {
            self.groups[(number & !IS_GROUP) as usize] = None;
            self.free_groups.push(number & !IS_GROUP);
            self.put(subject, pair.0);
        }
    }

    /// Gives a group a number, as entries hold it.
    fn keep(&mut self, group: Group) -> u32 {
        let number = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(None);
            u32::try_from(self.groups.len() - 1).expect("fewer than 2^31 watched subjects")
        });
        self.groups[number as usize] = Some(group);
        number | IS_GROUP
    }

    /// Makes the entry hold a group, or a pair: one without kinds removes it.
    fn put(&mut self, subject: Subject, watchers: u32) {
        let hash = self.hash(subject);
        let entries = &mut self.shards[shard(hash)];
        let found = entries.find_entry(hash, |entry| entry.subject == subject);
        let is_gone = watchers & IS_GROUP == 0 && Pair(watchers).kinds() == WatchKinds::NONE;
        match found {
            Ok(entry) if is_gone => {
                entry.remove();
                self.subjects -= 1;
            }
            Ok(mut entry) => entry.get_mut().watchers = watchers,
            Err(_) if is_gone => {}
            Err(_) => {
                let hasher = &self.hasher;
                let rehash = |entry: &Entry| hasher.hash_one(entry.subject);
                entries.insert_unique(hash, Entry { subject, watchers }, rehash);
                self.subjects += 1;
            }
        }
    }
}
