use std::time::Duration;

use crate::error::BenchError;
use crate::frame::CreateMode;
use crate::load::{Limit, Load, Workload};
use crate::once::Once;
use crate::phase::{Extent, Measured, run_phase};
use crate::plan::{Creating, Deleting, Paths, Picking, Plan, Random};
use crate::report::Report;

/// The znode under which every run makes its own subtree.
const ROOT: &str = "/bench";
/// Requests outstanding while keys are created and removed.
const PREPARE_OUTSTANDING: usize = 256;
/// ZooKeeper's default for `jute.maxbuffer`, less what a request holds beside its value.
const VALUE_BYTES_MAX: usize = 0xf_ffff - 256;

const NODE_EXISTS: i32 = -110;
const NOT_EMPTY: i32 = -111;

/// Prepares a subtree of `/bench`, measures the load, removes the subtree and reports.
///
/// # Errors
/// Anything wrong in any reply ends the run; the subtree is then left behind. See [`BenchError`].
pub fn run(load: &Load) -> Result<Report, BenchError> {
    check(load)?;
    let subtree = Subtree::create(load)?;
    subtree.fill(load)?;
    let (measured, created) = measure(load, &subtree)?;
    subtree.remove(load, created)?;
    Ok(Report::new(load, measured))
}

fn check(load: &Load) -> Result<(), BenchError> {
    if load.connections == 0 || load.outstanding == 0 {
        return Err(BenchError::Load("connections and outstanding requests must not be zero"));
    }
    if load.keys == 0 {
        return Err(BenchError::Load("keys must not be zero"));
    }
    if load.value_bytes > VALUE_BYTES_MAX {
        return Err(BenchError::Load("value does not fit into a request"));
    }
    Ok(())
}

/// Runs the measured phase; also says how many znodes it created.
fn measure(load: &Load, subtree: &Subtree) -> Result<(Measured, u64), BenchError> {
    let extent = Extent { outstanding: load.outstanding, limit: load.limit, warm_up: load.warm_up };
    let value = vec![b'v'; load.value_bytes];
    if load.workload == Workload::Create {
        let mut plan = Creating { paths: Paths::new(&subtree.path, "new"), value };
        let measured = run_phase(load, load.connections, &extent, &mut plan)?;
        return Ok((measured, plan.paths.used));
    }
    let get_percent = match load.workload {
        Workload::Get => 100,
        Workload::Mixed { get_percent } => get_percent,
        Workload::Set | Workload::Create => 0,
    };
    let keys = (0..u64::from(load.keys)).map(|key| subtree.key(key)).collect();
    let mut plan = Picking { keys, value, get_percent, random: Random(load.seed) };
    Ok((run_phase(load, load.connections, &extent, &mut plan)?, 0))
}

/// One run's znodes.
struct Subtree {
    path: String,
}

impl Subtree {
    /// Lets the server choose a free name, so that runs side by side do not meet.
    fn create(load: &Load) -> Result<Self, BenchError> {
        let mut once = Once::open(load)?;
        match once.create(ROOT, CreateMode::Persistent) {
            Ok(_) | Err(BenchError::Code { code: NODE_EXISTS, .. }) => {}
            Err(error) => return Err(error),
        }
        let path = once.create("/bench/r", CreateMode::PersistentSequential)?;
        once.close()?;
        Ok(Self { path })
    }

    fn key(&self, index: u64) -> String {
        format!("{}/key-{index:08}", self.path)
    }

    fn fill(&self, load: &Load) -> Result<(), BenchError> {
        let value = vec![b'v'; load.value_bytes];
        let mut plan = Creating { paths: Paths::new(&self.path, "key"), value };
        prepare(load, u64::from(load.keys), &mut plan)
    }

    /// Removes the keys, what a create load made, and the subtree; `/bench` too, if no other run is in it.
    fn remove(&self, load: &Load, created: u64) -> Result<(), BenchError> {
        prepare(
            load,
            u64::from(load.keys),
            &mut Deleting { paths: Paths::new(&self.path, "key") },
        )?;
        prepare(load, created, &mut Deleting { paths: Paths::new(&self.path, "new") })?;
        let mut once = Once::open(load)?;
        once.delete(&self.path)?;
        match once.delete(ROOT) {
            Ok(()) | Err(BenchError::Code { code: NOT_EMPTY, .. }) => once.close(),
            Err(error) => Err(error),
        }
    }
}

/// Works off an unmeasured plan over one connection.
fn prepare(load: &Load, count: u64, plan: &mut impl Plan) -> Result<(), BenchError> {
    let extent = Extent {
        outstanding: PREPARE_OUTSTANDING,
        limit: Limit::Operations(count),
        warm_up: Duration::ZERO,
    };
    run_phase(load, 1, &extent, plan).map(drop)
}
