//! `load`, `fill` and `clear`.

use std::time::Duration;

use bench::{Keys, Limit, Mix, Pace, TreeShape};

use super::output::Progress;
use super::{Failure, Servers, seconds};

/// Requests that a connection of an open loop may have outstanding when nobody says otherwise.
const OPEN_LOOP_OUTSTANDING: usize = 128;

#[derive(clap::Args)]
struct Tree {
    /// Znodes to create, or to pick from.
    #[arg(long, default_value_t = 10_000)]
    keys: u32,
    /// flat, deep or production: one directory; 16 levels; or paths, names and values as in a large user's snapshot.
    #[arg(long, default_value = "flat")]
    tree: TreeShape,
    /// Bytes of each value [default: 100; production has its own].
    #[arg(long)]
    value_bytes: Option<usize>,
}

impl Tree {
    fn keys(&self) -> Keys {
        Keys { count: self.keys, shape: self.tree, value_bytes: self.value_bytes }
    }
}

#[derive(clap::Args)]
pub(crate) struct Load {
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    tree: Tree,

    /// Operations with their weights: get, set, exists, children, create, create-sequential, create-ephemeral, delete, sync,
    /// multi, multi-set, multi-read, check.
    #[arg(long, value_name = "OPERATION=WEIGHT,…", default_value = "get=100")]
    mix: Mix,
    /// Sessions, each on its own connection.
    #[arg(short, long, default_value_t = 1)]
    connections: usize,
    /// Requests outstanding on each connection [default: 1; with --rate at most 128].
    #[arg(short = 'p', long)]
    outstanding: Option<usize>,
    /// Operations in each multi, multi-set and multi-read.
    #[arg(long, default_value_t = 10)]
    multi_size: u32,

    /// Measured time, without the warm-up.
    #[arg(long, default_value = "10", value_parser = seconds)]
    seconds: Duration,
    /// Measure so many operations instead of a time.
    #[arg(long, conflicts_with = "seconds")]
    operations: Option<u64>,
    /// Seconds at the start that do not count [default: 1; none with --operations].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    warm_up: Option<Duration>,
    /// Requests per second, sent at fixed times whatever the server does; latency counts from those times.
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Seed of the choice of keys and operations.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Use the subtree that `fill` left there, and leave it again; it knows its keys and shape.
    #[arg(long, value_name = "PATH")]
    at: Option<String>,
    /// Leave the subtree, and print where it is.
    #[arg(long)]
    keep: bool,
    /// Check only the form of what is read: for the null server.
    #[arg(long)]
    unchecked_values: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Load {
    fn into_load(self) -> Result<bench::Load, Failure> {
        let (limit, warm_up) = match self.operations {
            Some(count) => (Limit::Operations(count), Duration::ZERO),
            None => (Limit::Time(self.seconds), Duration::from_secs(1)),
        };
        let (pace, outstanding) = match self.rate {
            Some(per_second) => (Pace::Open { per_second }, OPEN_LOOP_OUTSTANDING),
            None => (Pace::Closed, 1),
        };
        Ok(bench::Load {
            target: self.servers.target()?,
            mix: self.mix,
            connections: self.connections,
            outstanding: self.outstanding.unwrap_or(outstanding),
            keys: self.tree.keys(),
            pace,
            limit,
            warm_up: self.warm_up.unwrap_or(warm_up),
            multi_size: self.multi_size,
            seed: self.seed,
            at: self.at,
            keep: self.keep,
            unchecked_values: self.unchecked_values,
        })
    }
}

pub(super) fn load(arguments: Load, progress: &mut Progress) -> Result<(), Failure> {
    let (json, kept) = (arguments.json, arguments.keep || arguments.at.is_some());
    let load = arguments.into_load()?;
    let report = bench::run_watched(&load, &mut |moment| progress.tell(moment))?;
    progress.end();
    if json {
        println!("{}", report.json());
        return Ok(());
    }
    print!("{}", report.table());
    if kept {
        println!("{}", report.path);
    }
    Ok(())
}

#[derive(clap::Args)]
pub(crate) struct Fill {
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    tree: Tree,
    /// Sessions, each on its own connection.
    #[arg(short, long, default_value_t = 32)]
    connections: usize,
    /// Requests outstanding on each connection.
    #[arg(short = 'p', long, default_value_t = 16)]
    outstanding: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn fill(arguments: &Fill, progress: &mut Progress) -> Result<(), Failure> {
    let fill = bench::Fill {
        target: arguments.servers.target()?,
        keys: arguments.tree.keys(),
        connections: arguments.connections,
        outstanding: arguments.outstanding,
    };
    let report = bench::fill(&fill, &mut |moment| progress.tell(moment))?;
    progress.end();
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
        println!("{}", report.path);
    }
    Ok(())
}

#[derive(clap::Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    servers: Servers,
    /// The znode to remove.
    path: String,
}

pub(super) fn clear(arguments: &Clear, progress: &mut Progress) -> Result<(), Failure> {
    let target = arguments.servers.target()?;
    let cleared = bench::clear(&target, &arguments.path, &mut |moment| progress.tell(moment))?;
    progress.end();
    println!("{} znodes deleted in {:.3} s", cleared.znodes, cleared.elapsed.as_secs_f64());
    Ok(())
}
