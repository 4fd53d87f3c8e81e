//! `xtask bench`: the benchmark, which is a program of the package `compat`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::process::run;
use crate::workspace::root;

/// All rows with all rounds take about three hours.
const DEADLINE: Duration = Duration::from_secs(12 * 3600);

/// Everything small and once: what the gate runs.
pub fn smoke() -> Result<()> {
    run_bench(&["--smoke"])
}

/// Runs the benchmark with these arguments.
pub fn run_bench(arguments: &[&str]) -> Result<()> {
    let mut measure = Command::new("cargo");
    measure.current_dir(root()).args(["run", "--quiet", "--package", "compat", "--bin", "measure"]);
    let status = run(measure.arg("--").args(arguments), DEADLINE)?;
    ensure!(status.success(), "the benchmark ended with {status}");
    Ok(())
}
