//! Runs one load against a server that is already up, and prints its table.

use std::net::SocketAddr;
use std::time::Duration;

use bench::{Limit, Load, Workload};
use clap::Parser;

/// Measures a ZooKeeper server in a closed loop.
#[derive(Parser)]
struct Options {
    /// The server's client port.
    #[arg(long, default_value = "127.0.0.1:2181")]
    server: SocketAddr,
    /// get, set, create, or mixed:PERCENT (share of reads).
    #[arg(long, default_value = "get")]
    op: Workload,
    /// Sessions, each on its own connection.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Requests outstanding on each connection.
    #[arg(long, default_value_t = 1)]
    outstanding: usize,
    /// Bytes of each value.
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// Znodes to pick from.
    #[arg(long, default_value_t = 10_000)]
    keys: u32,
    /// Measured time, without the warm-up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Measure this many operations instead of a time.
    #[arg(long)]
    operations: Option<u64>,
    /// Time at the start that does not count.
    #[arg(long, default_value_t = 1.0)]
    warm_up_seconds: f64,
}

impl Options {
    fn load(self) -> anyhow::Result<Load> {
        let limit = match self.operations {
            Some(count) => Limit::Operations(count),
            None => Limit::Time(Duration::try_from_secs_f64(self.seconds)?),
        };
        Ok(Load {
            server: self.server,
            workload: self.op,
            connections: self.connections,
            outstanding: self.outstanding,
            value_bytes: self.value_bytes,
            keys: self.keys,
            limit,
            warm_up: Duration::try_from_secs_f64(self.warm_up_seconds)?,
            ..Load::default()
        })
    }
}

fn main() -> anyhow::Result<()> {
    let report = bench::run(&Options::parse().load()?)?;
    print!("{}", report.table());
    Ok(())
}
