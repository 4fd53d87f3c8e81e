//! Load generator that shares no client code with what it measures: the library behind `rookeeper bench`.
//!
//! It speaks ZooKeeper's client protocol over its own sockets, from one thread. Nothing in it is particular to one server: Apache
//! ZooKeeper is measured with the same command. Every reply is checked (order of xids, error code, zxid never falling, shape of
//! the body, and that a value read is one that was written to that znode), so that a server cannot be fast by being wrong.
//!
//! - [`run()`] sends a [`Mix`] of operations to a tree of a [`TreeShape`], in a closed loop or an open one ([`Pace`]).
//! - [`fill`] and [`clear()`] make and remove trees; the former is the measure of `create`.
//! - [`fan_out()`], [`open_sessions`] and [`register_watches`] are about many sessions that each do little ([`Crowd`]).
//! - [`NullServer`] does what every server must and nothing else: the ceiling to compare with.
//!
//! ```no_run
//! let load = bench::Load { connections: 32, outstanding: 16, ..bench::Load::default() };
//! let report = bench::run(&load)?;
//! println!("{}", report.table());
//! # Ok::<(), bench::BenchError>(())
//! ```

mod clear;
mod connection;
mod crowd;
mod decoder;
mod encoder;
mod error;
mod fan_out;
mod frame;
mod input;
mod load;
mod measure;
mod mix;
mod null;
mod once;
mod pace;
mod phase;
mod random;
mod report;
mod run;
mod sessions;
mod subtree;
mod target;
mod traffic;
mod tree;
mod tree_shape;
mod value;
mod watches;

pub use clear::{Cleared, clear};
pub use crowd::Crowd;
pub use error::BenchError;
pub use fan_out::{FanOut, FanOutReport, Spread, fan_out};
pub use load::{Limit, Load};
pub use measure::{Moment, Watch};
pub use mix::{Mix, Operation};
pub use null::{NullServer, NullSettings, NullStopper};
pub use pace::Pace;
pub use report::{Latency, Report, Second};
pub use run::{run, run_watched};
pub use sessions::{Sessions, SessionsReport, open_sessions, raise_descriptor_limit};
pub use subtree::{Fill, fill};
pub use target::{Target, parse_servers};
pub use tree::Keys;
pub use tree_shape::TreeShape;
pub use watches::{Place, Watches, WatchesReport, Watching, register_watches};
