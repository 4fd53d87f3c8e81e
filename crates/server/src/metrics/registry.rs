use std::cell::RefCell;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::names::{Counter, CounterSet, Summary, SummarySet};
use super::recorder::{Recorder, Shard};
use super::snapshot::Snapshot;

/// The registry: one for a server, cheap to clone.
///
/// Any thread may count and sample; each writes cells of its own, which a [`Snapshot`] sums up. A
/// loop that counts much takes a [`Recorder`] for itself and saves the look into thread-local
/// storage.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Registry>);

#[derive(Default)]
pub(super) struct Registry {
    generation: AtomicU64,
    shards: Mutex<Shards>,
}

#[derive(Default)]
struct Shards {
    all: Vec<Arc<Shard>>,
    /// Those whose recorder is gone, for the next one.
    free: Vec<Arc<Shard>>,
}

thread_local! {
    /// The recorder that this thread used last.
    static LOCAL: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A recorder for one thread. As many sets of cells are kept as recorders ever lived at once
    /// (about 100 KiB each), so take them per thread, not per connection.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.0))
    }

    /// Counts `n` more.
    #[inline]
    pub fn add(&self, counter: Counter, n: u64) {
        self.local(|recorder| recorder.add(counter, n));
    }

    /// Takes one sample, in the unit of the summary.
    #[inline]
    pub fn sample(&self, summary: Summary, value: u64) {
        self.local(|recorder| recorder.sample(summary, value));
    }

    /// Takes one sample under a key of a set.
    pub fn sample_set(&self, set: SummarySet, key: &str, value: u64) {
        self.local(|recorder| recorder.sample_set(set, key, value));
    }

    /// Counts `n` more under a key of a set.
    pub fn add_set(&self, set: CounterSet, key: &str, n: u64) {
        self.local(|recorder| recorder.add_set(set, key, n));
    }

    /// Hands the thread's recorder to `record`; worth it where a request counts several things.
    /// Within `record` the methods of [`Metrics`] do nothing.
    #[inline]
    pub fn local(&self, record: impl FnOnce(&Recorder)) {
        // A thread that is being torn down has no storage any more; then nothing is counted.
        let _ = LOCAL.try_with(|local| {
            let Ok(mut local) = local.try_borrow_mut() else {
                return;
            };
            match &*local {
                Some(recorder) if recorder.is_of(&self.0) => record(recorder),
                _ => record(local.insert(self.recorder())),
            }
        });
    }

    /// The sums over all threads since the last reset. Threads go on counting meanwhile.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let generation = self.0.generation();
        let shards = self.0.shards().all.clone();
        Snapshot::of(&shards, generation)
    }

    /// Everything back to zero, as `srst` asks. The keys of sets stay.
    pub fn reset(&self) {
        self.0.generation.fetch_add(1, Release);
    }
}

impl Registry {
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    pub(super) fn take_shard(&self) -> Arc<Shard> {
        let mut shards = self.shards();
        if let Some(shard) = shards.free.pop() {
            return shard;
        }
        let shard = Arc::new(Shard::new(self.generation()));
        shards.all.push(Arc::clone(&shard));
        shard
    }

    pub(super) fn give_back(&self, shard: Arc<Shard>) {
        self.shards().free.push(shard);
    }

    fn shards(&self) -> MutexGuard<'_, Shards> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
