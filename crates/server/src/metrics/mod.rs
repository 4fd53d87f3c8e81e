//! One registry of metrics under ZooKeeper's names.
//!
//! ```text
//! thread ── Recorder ──► its own cells ─┐
//! thread ── Recorder ──► its own cells ─┼─► Snapshot ──► mntr, …
//! GaugeValues (read from the server) ───┘
//! ```
//!
//! Counting costs about a nanosecond and a sample a few, and neither touches a cache line that
//! another core writes, so that the work per request does not grow with the number of threads.

mod cells;
mod decimal;
mod gauges;
mod histogram;
mod names;
mod recorder;
mod registry;
mod snapshot;
mod value;

pub use decimal::{JavaDouble, average};
pub use gauges::{
    ConnectionGauges, FileDescriptors, GaugeValues, NamespaceQuota, SessionGauges, TreeGauges,
};
pub use names::{Counter, CounterSet, Summary, SummarySet, namespace};
pub use recorder::{Recorder, SET_KEYS_MAX};
pub use registry::Metrics;
pub use snapshot::{Sampled, ServerStats, Snapshot};
pub use value::{Entry, Value};

#[cfg(test)]
mod tests;
