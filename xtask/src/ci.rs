//! `xtask ci`: the gate. Every step has a budget; the first that fails ends it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::run_lines;
use crate::suites::SUITES;
use crate::workspace::{BIN, SEED, binary, root, seed};
use crate::{bench, fetch, tidy};

/// A step may take this many times its budget before it is killed: the budget is for two idle cores.
const PATIENCE: u32 = 3;

/// What a step is about to do.
#[derive(Clone)]
enum Action {
    /// Arguments of cargo.
    Cargo(Vec<String>),
    /// A command of this program.
    Own(fn() -> Result<()>),
}

/// One row of the gate's table.
#[derive(Clone)]
struct Step {
    name: &'static str,
    budget: Duration,
    /// Whether it belongs to the quick gate as well.
    quick: bool,
    action: Action,
}

impl Step {
    fn new(name: &'static str, minutes: f64, quick: bool, action: Action) -> Self {
        Self { name, budget: Duration::from_secs_f64(minutes * 60.0), quick, action }
    }
}

/// What the gate's tests came to.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Reads the closing line of a test program: `test result: ok. 3 passed; 0 failed; ...`.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|result| result.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((n, "passed")) => self.passed += n.parse().unwrap_or(0),
                Some((n, "failed")) => self.failed += n.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Runs the gate, or its quick part.
pub fn run(quick: bool) -> Result<()> {
    let seed = seed()?;
    println!("gate: seed {seed}, binary under test {}", binary().display());
    let steps: Vec<Step> = steps().into_iter().filter(|step| step.quick || !quick).collect();
    let mut tally = Tally::default();
    let mut spent = Vec::new();
    let mut outcome = Ok(());
    for step in &steps {
        println!("\ngate: {} (budget {})", step.name, minutes(step.budget));
        let started = Instant::now();
        outcome = take(step, seed, &mut tally)
            .with_context(|| format!("the gate stops at: {}", step.name));
        spent.push(started.elapsed());
        if outcome.is_err() {
            break;
        }
    }
    print_table(&steps, &spent);
    if outcome.is_err() {
        tally.failed = tally.failed.max(1);
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    outcome
}

/// The rows, cheap and telling ones first.
fn steps() -> Vec<Step> {
    const QUICK: bool = true;
    const FULL: bool = false;
    let mut steps = vec![
        Step::new("format", 0.2, QUICK, cargo("fmt --all --check -- -l")),
        Step::new("tidy", 0.1, QUICK, Action::Own(tidy::run)),
        Step::new("lints", 2.2, QUICK, cargo("clippy --workspace --all-targets -- -D warnings")),
        Step::new(
            "documents",
            1.5,
            FULL,
            cargo("doc --workspace --no-deps --document-private-items"),
        ),
        Step::new("build tests", 4.0, QUICK, cargo("test --workspace --no-run")),
        Step::new("build binary", 3.0, FULL, cargo("build --release --package rookeeper")),
        Step::new("unit tests", 1.3, QUICK, cargo("test --workspace --exclude compat")),
        Step::new("fetch", 2.0, FULL, Action::Own(fetch::run)),
        Step::new("harness", 0.5, FULL, cargo("test --package compat --lib")),
        Step::new("benchmark", 2.0, FULL, Action::Own(bench::smoke)),
    ];
    steps.extend(SUITES.iter().map(|suite| {
        let test = format!("test --package compat --test {} -- --nocapture", suite.name);
        Step::new(suite.name, suite.minutes, FULL, cargo(&test))
    }));
    steps
}

/// A run of cargo, as one would type it.
fn cargo(args: &str) -> Action {
    Action::Cargo(args.split(' ').map(String::from).collect())
}

/// Takes one step.
fn take(step: &Step, seed: u64, tally: &mut Tally) -> Result<()> {
    let args = match &step.action {
        Action::Own(run) => return run(),
        Action::Cargo(args) => args,
    };
    let mut cargo = Command::new("cargo");
    cargo.args(args).current_dir(root()).env(SEED, seed.to_string()).env(BIN, binary());
    cargo.env("RUSTDOCFLAGS", "-D warnings").env("RUST_LIB_BACKTRACE", "0");
    let status = run_lines(&mut cargo, step.budget * PATIENCE, |line| {
        println!("{line}");
        tally.count(line);
    })?;
    ensure!(status.success(), "cargo {} ended with {status}", args.join(" "));
    Ok(())
}

/// What was budgeted and what was spent; rows that were not reached have no figure.
fn print_table(steps: &[Step], spent: &[Duration]) {
    println!("\n{:<20}{:>8}{:>8}", "step", "budget", "spent");
    for (index, step) in steps.iter().enumerate() {
        let spent = spent.get(index);
        let figure = spent.map_or_else(|| "-".into(), |&spent| minutes(spent));
        let over = spent.is_some_and(|&spent| spent > step.budget);
        println!(
            "{:<20}{:>8}{figure:>8}{}",
            step.name,
            minutes(step.budget),
            if over { "  over budget" } else { "" }
        );
    }
    let budget = steps.iter().map(|step| step.budget).sum();
    println!("{:<20}{:>8}{:>8}", "together", minutes(budget), minutes(spent.iter().sum()));
}

/// A time as minutes and seconds.
fn minutes(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        tally.count(
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        tally.count("test process::tests::x ... ok");
        assert_eq!((tally.passed, tally.failed), (7, 1));
    }

    #[test]
    fn the_quick_gate_keeps_to_its_time() {
        let quick: Duration =
            steps().iter().filter(|step| step.quick).map(|step| step.budget).sum();
        assert!(quick <= Duration::from_secs(8 * 60), "{}", minutes(quick));
    }

    #[test]
    fn the_gate_keeps_to_its_time() {
        let all: Duration = steps().iter().map(|step| step.budget).sum();
        assert!(all <= Duration::from_secs(40 * 60), "{}", minutes(all));
    }
}
