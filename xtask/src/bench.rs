//! `xtask bench`: builds and fetches what the benchmark needs, and runs it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::fetch;
use crate::process::run;
use crate::workspace::root;

/// All rows with all rounds take about three hours.
const DEADLINE: Duration = Duration::from_secs(12 * 3600);

/// Everything small and once: what the gate runs.
pub fn smoke() -> Result<()> {
    run_measure(&["--smoke"])
}

/// Runs the benchmark with these arguments.
pub fn run_bench(arguments: &[&str]) -> Result<()> {
    fetch::run()?;
    cargo(&["build", "--release", "--package", "rookeeper"])?;
    run_measure(arguments)
}

fn run_measure(arguments: &[&str]) -> Result<()> {
    const MEASURE: [&str; 7] = ["run", "--quiet", "--package", "compat", "--bin", "measure", "--"];
    cargo(&[&MEASURE, arguments].concat())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let status = run(Command::new("cargo").current_dir(root()).args(arguments), DEADLINE)?;
    ensure!(status.success(), "cargo {} ended with {status}", arguments.join(" "));
    Ok(())
}
