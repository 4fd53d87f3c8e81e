//! Load generator that shares no client code with what it measures.
//!
//! It speaks ZooKeeper's client protocol over its own sockets, from one thread, in a closed loop: every connection keeps a fixed
//! number of requests outstanding and sends the next one when a reply comes in. Every reply is checked (order of xids, error
//! code, zxid never falling, shape of the body), so that a server cannot be fast by being wrong. Nothing in it is particular to
//! one server: Apache ZooKeeper can be measured with the same command.
//!
//! ```no_run
//! let load = bench::Load { connections: 32, outstanding: 16, ..bench::Load::default() };
//! let report = bench::run(&load)?;
//! println!("{}", report.table());
//! # Ok::<(), bench::BenchError>(())
//! ```

mod connection;
mod error;
mod frame;
mod load;
mod once;
mod phase;
mod plan;
mod report;
mod run;

pub use error::BenchError;
pub use load::{Limit, Load, Workload};
pub use report::Report;
pub use run::run;
