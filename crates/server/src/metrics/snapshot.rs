use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::cells::{Cells, read};
use super::decimal::average;
use super::gauges::GaugeValues;
use super::histogram::{Distribution, Histogram};
use super::names::{Counter, CounterSet, Summary, SummarySet};
use super::recorder::{Keyed, Set, Shard};
use super::value::{Entry, Value};

type ByKey<T> = BTreeMap<Box<str>, T>;

/// What all threads counted and sampled since the last reset.
pub struct Snapshot {
    counters: Vec<u64>,
    summaries: Vec<Sampled>,
    counter_sets: Vec<ByKey<u64>>,
    summary_sets: Vec<ByKey<Sampled>>,
    server: ServerStats,
}

/// What `srvr` shows and `mntr` lists among the gauges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Packets that came from clients, four-letter words too.
    pub packets_received: u64,
    /// Packets that went to clients.
    pub packets_sent: u64,
    /// From receiving a request to answering it, in ms.
    pub request_latency: Sampled,
    /// Sizes of encoded responses, in bytes.
    pub response_bytes: Sampled,
    /// Size in bytes of a response that was the last one of its thread; none if there was none.
    pub last_response_bytes: Option<u64>,
}

/// The summary of some samples; all zero without any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
    /// The 50th, 95th, 99th and 99.9th percentile, where they are kept.
    pub percentiles: Option<[u64; 4]>,
}

impl Snapshot {
    pub(super) fn of(shards: &[Arc<Shard>], generation: u64) -> Self {
        // The keys of sets outlive a reset, as in Apache ZooKeeper; their values do not.
        let (live, stale): (Vec<_>, Vec<_>) =
            shards.iter().map(Arc::as_ref).partition(|shard| shard.is_of(generation));
        let mut sets = KeyedSums::default();
        stale.iter().for_each(|shard| shard.keyed().iter().for_each(|keyed| sets.add_empty(keyed)));
        live.iter().for_each(|shard| shard.keyed().iter().for_each(|keyed| sets.add(keyed)));
        let (counter_sets, summary_sets) = sets.finish();
        Self {
            counters: Counter::ALL.iter().map(|counter| count(&live, *counter)).collect(),
            summaries: Summary::ALL.iter().map(|summary| sampled(&live, *summary)).collect(),
            counter_sets,
            summary_sets,
            server: ServerStats::of(&live),
        }
    }

    /// The value of a counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters[counter.index()]
    }

    /// The samples of a summary.
    #[must_use]
    pub fn summary(&self, summary: Summary) -> &Sampled {
        &self.summaries[summary.index()]
    }

    /// The counters of a set, by key.
    #[must_use]
    pub fn counter_set(&self, set: CounterSet) -> &BTreeMap<Box<str>, u64> {
        &self.counter_sets[set.index()]
    }

    /// The samples of a set, by key.
    #[must_use]
    pub fn summary_set(&self, set: SummarySet) -> &BTreeMap<Box<str>, Sampled> {
        &self.summary_sets[set.index()]
    }

    /// Packets, latency and response sizes.
    #[must_use]
    pub fn server(&self) -> &ServerStats {
        &self.server
    }

    /// All metrics as ZooKeeper's default provider names and orders them, without the prefix `zk_`:
    /// gauges, counters, summaries, and each kind's sets after it (those of summaries at the end).
    #[must_use]
    pub fn entries(&self, gauges: &GaugeValues) -> Vec<Entry> {
        let mut entries = gauges.entries(&self.server);
        for counter in Counter::ALL {
            entries.push(Entry::new(counter.name(), self.counter(*counter)));
        }
        for set in CounterSet::ALL {
            for (key, value) in self.counter_set(*set) {
                entries.push(Entry::new(format!("{key}_{}", set.name()), *value));
            }
        }
        for summary in Summary::ALL {
            self.summary(*summary).push_entries(summary.name(), &mut entries);
        }
        for set in SummarySet::ALL {
            for (key, sampled) in self.summary_set(*set) {
                sampled.push_entries(&format!("{key}_{}", set.name()), &mut entries);
            }
        }
        entries
    }
}

impl ServerStats {
    fn of(shards: &[&Shard]) -> Self {
        let sum = |cell: fn(&Shard) -> &AtomicU64| -> u64 {
            shards.iter().map(|shard| read(cell(shard))).sum()
        };
        let merge = |cells: fn(&Shard) -> &Cells| {
            let mut sampled = Sampled::default();
            shards.iter().for_each(|shard| sampled.merge(cells(shard)));
            sampled
        };
        let last = shards.iter().find(|shard| read(&shard.server.response_bytes.count) > 0);
        Self {
            packets_received: sum(|shard| &shard.server.packets_received),
            packets_sent: sum(|shard| &shard.server.packets_sent),
            request_latency: merge(|shard| &shard.server.request_latency),
            response_bytes: merge(|shard| &shard.server.response_bytes),
            last_response_bytes: last.map(|shard| read(&shard.server.last_response_bytes)),
        }
    }
}

impl Sampled {
    /// The average, to four decimals.
    #[must_use]
    pub fn average(&self) -> f64 {
        average(self.sum, self.count)
    }

    fn merge(&mut self, cells: &Cells) {
        let (count, min) = (read(&cells.count), read(&cells.min));
        // A first sample may be half written.
        if count == 0 || min == u64::MAX {
            return;
        }
        self.min = if self.count == 0 { min } else { self.min.min(min) };
        self.max = self.max.max(read(&cells.max));
        self.count = self.count.wrapping_add(count);
        self.sum = self.sum.wrapping_add(read(&cells.sum));
    }

    /// A percentile cannot lie outside of what was sampled, however coarse its bucket.
    fn set_percentiles(&mut self, distribution: &Distribution) {
        let within = |permille| distribution.percentile(permille).max(self.min).min(self.max);
        self.percentiles = Some([500, 950, 990, 999].map(within));
    }

    fn push_entries(&self, name: &str, entries: &mut Vec<Entry>) {
        let mut push = |prefix, value: Value| {
            entries.push(Entry::new(format!("{prefix}_{name}"), value));
        };
        push("avg", self.average().into());
        push("min", self.min.into());
        push("max", self.max.into());
        push("cnt", self.count.into());
        push("sum", self.sum.into());
        let percentiles = ["p50", "p95", "p99", "p999"].into_iter();
        for (prefix, value) in percentiles.zip(self.percentiles.into_iter().flatten()) {
            push(prefix, value.into());
        }
    }
}

fn count(shards: &[&Shard], counter: Counter) -> u64 {
    shards.iter().fold(0, |sum, shard| sum.wrapping_add(read(&shard.counters[counter.index()])))
}

fn sampled(shards: &[&Shard], summary: Summary) -> Sampled {
    let mut sum = Sum::new(summary.has_percentiles());
    for shard in shards {
        let percentiles = summary.percentile_index().map(|index| &shard.percentiles[index]);
        sum.add(&shard.summaries[summary.index()], percentiles);
    }
    sum.finish()
}

/// A summary while its cells are added up.
struct Sum {
    sampled: Sampled,
    distribution: Option<Distribution>,
}

impl Sum {
    fn new(has_percentiles: bool) -> Self {
        let distribution = has_percentiles.then(Distribution::new);
        Self { sampled: Sampled::default(), distribution }
    }

    fn add(&mut self, cells: &Cells, percentiles: Option<&Histogram>) {
        self.sampled.merge(cells);
        if let (Some(sum), Some(percentiles)) = (&mut self.distribution, percentiles) {
            sum.add(percentiles);
        }
    }

    fn finish(mut self) -> Sampled {
        self.distribution.iter().for_each(|of| self.sampled.set_percentiles(of));
        self.sampled
    }
}

/// The sets while their cells are added up.
struct KeyedSums {
    counters: Vec<ByKey<u64>>,
    summaries: Vec<ByKey<Sum>>,
}

impl Default for KeyedSums {
    fn default() -> Self {
        Self {
            counters: CounterSet::ALL.iter().map(|_| ByKey::new()).collect(),
            summaries: SummarySet::ALL.iter().map(|_| ByKey::new()).collect(),
        }
    }
}

impl KeyedSums {
    fn add(&mut self, keyed: &Keyed) {
        self.add_cells(keyed, &keyed.cells, keyed.percentiles.as_ref());
    }

    /// Adds the key of cells that were written before the reset, as if nothing were in them.
    fn add_empty(&mut self, keyed: &Keyed) {
        self.add_cells(keyed, &Cells::new(), None);
    }

    fn add_cells(&mut self, keyed: &Keyed, cells: &Cells, percentiles: Option<&Histogram>) {
        let key = keyed.key.clone();
        match keyed.set {
            Set::Counter(set) => {
                let sum = self.counters[set.index()].entry(key).or_default();
                *sum = sum.wrapping_add(read(&cells.sum));
            }
            Set::Summary(set) => {
                let sums = &mut self.summaries[set.index()];
                let sum = sums.entry(key).or_insert_with(|| Sum::new(set.has_percentiles()));
                sum.add(cells, percentiles);
            }
        }
    }

    fn finish(self) -> (Vec<ByKey<u64>>, Vec<ByKey<Sampled>>) {
        let finish = |set: ByKey<Sum>| set.into_iter().map(|(key, sum)| (key, sum.finish()));
        (self.counters, self.summaries.into_iter().map(|set| finish(set).collect()).collect())
    }
}
