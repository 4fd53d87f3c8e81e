use crate::error::BenchError;
use crate::load::Load;
use crate::measure::{Measured, Moment, Watch};
use crate::mix::Operation;
use crate::phase::{Extent, run_phase};
use crate::report::Report;
use crate::subtree::{Fill, abandoning, create_numbered, create_root, fill_tree, find, remove};
use crate::traffic::{Traffic, Wanted};
use crate::tree::Tree;

/// Connections and requests outstanding on each while a load's keys are created.
const FILL_CONNECTIONS: usize = 2;
const FILL_OUTSTANDING: usize = 256;

/// Operations that need a directory for new znodes.
const CREATING: [Operation; 5] = [
    Operation::Create,
    Operation::CreateSequential,
    Operation::CreateEphemeral,
    Operation::Delete,
    Operation::Multi,
];

/// Prepares a subtree of `/bench`, measures the load, removes the subtree and reports.
///
/// # Errors
/// Anything wrong in any reply ends the run; the subtree is then left behind. See [`BenchError`].
pub fn run(load: &Load) -> Result<Report, BenchError> {
    run_watched(load, &mut |_: &Moment| ())
}

/// [`run`], telling how it goes.
///
/// # Errors
/// As [`run`].
pub fn run_watched(load: &Load, watch: Watch<'_>) -> Result<Report, BenchError> {
    load.check()?;
    let tree = match &load.at {
        Some(path) => find(&load.target, path, load.keys, !load.unchecked_values)?,
        None => make(load, watch)?,
    };
    let root = tree.root.clone();
    let measured = abandoning(&root, || measure(load, tree, watch))?;
    if load.at.is_none() && !load.keep {
        remove(&load.target, &root, watch)?;
    }
    Ok(Report::new(load.name(), root, measured, &Operation::ALL))
}

fn make(load: &Load, watch: Watch<'_>) -> Result<Tree, BenchError> {
    let tree = create_root(&load.target, load.keys)?;
    let fill = Fill {
        target: load.target.clone(),
        keys: load.keys,
        connections: FILL_CONNECTIONS,
        outstanding: FILL_OUTSTANDING,
    };
    abandoning(&tree.root, || fill_tree(&fill, &tree, watch))?;
    Ok(tree)
}

/// Runs the measured phase; what it creates is removed in any case.
fn measure(load: &Load, tree: Tree, watch: Watch<'_>) -> Result<Measured, BenchError> {
    let creates = CREATING.into_iter().any(|operation| load.mix.has(operation));
    let new_directory =
        if creates { create_numbered(&load.target, "n", "")? } else { String::new() };
    let wanted = Wanted {
        mix: load.mix.clone(),
        multi_size: load.multi_size,
        seed: load.seed,
        unchecked_values: load.unchecked_values,
        new_directory: new_directory.clone(),
    };
    let extent = Extent {
        stage: "measuring",
        connections: load.connections,
        outstanding: load.outstanding,
        pace: load.pace,
        limit: load.limit,
        warm_up: load.warm_up,
    };
    let mut traffic = Traffic::new(tree, wanted, load.connections);
    let measured = run_phase(&load.target, &extent, &mut traffic, watch)?;
    if creates {
        remove(&load.target, &new_directory, watch)?;
    }
    Ok(measured)
}
