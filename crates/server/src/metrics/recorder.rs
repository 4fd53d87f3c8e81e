use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cells::{Cells, bump, zero};
use super::histogram::Histogram;
use super::names::{Counter, CounterSet, Summary, SummarySet};
use super::registry::Registry;

/// Keys that one thread keeps per set. Clients choose the names of nodes, so that without a bound
/// they would choose our memory too; what comes under further keys is not counted.
pub const SET_KEYS_MAX: usize = 1000;

const SETS: usize = SummarySet::ALL.len() + CounterSet::ALL.len();

/// The cells of one recorder: written by it alone, read by any snapshot.
///
/// A reset raises the registry's generation; the writer clears its own cells when it notices, and
/// until then a snapshot takes them for zero. So no cell ever has two writers.
#[repr(align(128))]
pub(super) struct Shard {
    generation: AtomicU64,
    pub(super) counters: [AtomicU64; Counter::ALL.len()],
    pub(super) summaries: [Cells; Summary::ALL.len()],
    pub(super) percentiles: [Histogram; Summary::WITH_PERCENTILES],
    pub(super) server: ServerCells,
    keyed: Mutex<Vec<Arc<Keyed>>>,
}

/// What `srvr` shows and `mntr` lists among the gauges.
pub(super) struct ServerCells {
    pub(super) packets_received: AtomicU64,
    pub(super) packets_sent: AtomicU64,
    pub(super) request_latency: Cells,
    pub(super) response_bytes: Cells,
    pub(super) last_response_bytes: AtomicU64,
}

/// The cells of one key of a set.
pub(super) struct Keyed {
    pub(super) set: Set,
    pub(super) key: Box<str>,
    /// A counter uses the sum only.
    pub(super) cells: Cells,
    pub(super) percentiles: Option<Histogram>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Summary(SummarySet),
    Counter(CounterSet),
}

impl Set {
    const fn index(self) -> usize {
        match self {
            Set::Summary(set) => set.index(),
            Set::Counter(set) => SummarySet::ALL.len() + set.index(),
        }
    }

    const fn has_percentiles(self) -> bool {
        matches!(self, Set::Summary(set) if set.has_percentiles())
    }
}

impl Shard {
    pub(super) fn new(generation: u64) -> Self {
        Self {
            generation: AtomicU64::new(generation),
            counters: [const { AtomicU64::new(0) }; _],
            summaries: [const { Cells::new() }; _],
            percentiles: std::array::from_fn(|_| Histogram::new()),
            server: ServerCells::new(),
            keyed: Mutex::new(Vec::new()),
        }
    }

    /// Whether what it holds was written since the last reset.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation.load(Acquire) == generation
    }

    pub(super) fn keyed(&self) -> MutexGuard<'_, Vec<Arc<Keyed>>> {
        self.keyed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn clear(&self, generation: u64) {
        self.counters.iter().for_each(zero);
        self.summaries.iter().for_each(Cells::clear);
        self.percentiles.iter().for_each(Histogram::clear);
        self.server.clear();
        self.keyed().iter().for_each(|keyed| keyed.clear());
        self.generation.store(generation, Release);
    }
}

impl ServerCells {
    const fn new() -> Self {
        Self {
            packets_received: AtomicU64::new(0),
            packets_sent: AtomicU64::new(0),
            request_latency: Cells::new(),
            response_bytes: Cells::new(),
            last_response_bytes: AtomicU64::new(0),
        }
    }

    fn clear(&self) {
        zero(&self.packets_received);
        zero(&self.packets_sent);
        self.request_latency.clear();
        self.response_bytes.clear();
        zero(&self.last_response_bytes);
    }
}

impl Keyed {
    fn new(set: Set, key: &str) -> Self {
        let percentiles = set.has_percentiles().then(Histogram::new);
        Self { set, key: key.into(), cells: Cells::new(), percentiles }
    }

    fn clear(&self) {
        self.cells.clear();
        self.percentiles.iter().for_each(Histogram::clear);
    }
}

type Keys = HashMap<Box<str>, Arc<Keyed>, foldhash::fast::RandomState>;

/// One thread's pen: counts and samples go to cells that no other thread writes, without a lock and
/// without an atomic addition. What it wrote stays when it is dropped.
pub struct Recorder {
    registry: Arc<Registry>,
    shard: Arc<Shard>,
    keys: RefCell<[Keys; SETS]>,
}

impl Recorder {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        let shard = registry.take_shard();
        let mut keys: [Keys; SETS] = std::array::from_fn(|_| Keys::default());
        for keyed in shard.keyed().iter() {
            keys[keyed.set.index()].insert(keyed.key.clone(), Arc::clone(keyed));
        }
        Self { registry, shard, keys: RefCell::new(keys) }
    }

    pub(super) fn is_of(&self, registry: &Arc<Registry>) -> bool {
        Arc::ptr_eq(&self.registry, registry)
    }

    /// Counts `n` more.
    #[inline]
    pub fn add(&self, counter: Counter, n: u64) {
        bump(&self.shard().counters[counter.index()], n);
    }

    /// Takes one sample, in the unit of the summary.
    #[inline]
    pub fn sample(&self, summary: Summary, value: u64) {
        let shard = self.shard();
        shard.summaries[summary.index()].record(value);
        if let Some(index) = summary.percentile_index() {
            shard.percentiles[index].record(value);
        }
    }

    /// Takes one sample under a key of a set.
    pub fn sample_set(&self, set: SummarySet, key: &str, value: u64) {
        self.with_key(Set::Summary(set), key, |keyed| {
            keyed.cells.record(value);
            keyed.percentiles.iter().for_each(|percentiles| percentiles.record(value));
        });
    }

    /// Counts `n` more under a key of a set.
    pub fn add_set(&self, set: CounterSet, key: &str, n: u64) {
        self.with_key(Set::Counter(set), key, |keyed| bump(&keyed.cells.sum, n));
    }

    /// A packet came from a client.
    #[inline]
    pub fn packet_received(&self) {
        bump(&self.shard().server.packets_received, 1);
    }

    /// A packet went to a client.
    #[inline]
    pub fn packet_sent(&self) {
        bump(&self.shard().server.packets_sent, 1);
    }

    /// A request was answered this long after it came; reads and writes have their own summaries
    /// besides.
    #[inline]
    pub fn request_answered(&self, latency_ms: u64) {
        self.shard().server.request_latency.record(latency_ms);
    }

    /// A response of this size was encoded.
    #[inline]
    pub fn response_encoded(&self, bytes: u64) {
        let server = &self.shard().server;
        server.response_bytes.record(bytes);
        server.last_response_bytes.store(bytes, Relaxed);
    }

    /// The own cells, cleared first if there was a reset.
    #[inline]
    fn shard(&self) -> &Shard {
        let generation = self.registry.generation();
        if self.shard.generation.load(Relaxed) != generation {
            self.shard.clear(generation);
        }
        &self.shard
    }

    fn with_key(&self, set: Set, key: &str, record: impl FnOnce(&Keyed)) {
        let shard = self.shard();
        let keys = &mut self.keys.borrow_mut()[set.index()];
        if let Some(keyed) = keys.get(key) {
            record(keyed);
        } else if keys.len() < SET_KEYS_MAX {
            let keyed = Arc::new(Keyed::new(set, key));
            record(&keyed);
            shard.keyed().push(Arc::clone(&keyed));
            keys.insert(key.into(), keyed);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.registry.give_back(Arc::clone(&self.shard));
    }
}
