//! `cargo xtask`: see CONTRIBUTING.md.

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask::{bench, campaign, ci, fetch, process, tidy};

const USAGE: &str = "\
cargo xtask ci           the gate: every check and test, with what they need
cargo xtask ci --quick   the part that needs neither a release build nor Java
cargo xtask fetch        bring everything that the tests need
cargo xtask tidy         check the project's shape
cargo xtask campaign N   a suite at full size: differential, files or crash
cargo xtask bench …      ours beside Apache ZooKeeper; --help says more";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<()> {
    process::end_children_on_interrupt()?;
    match words {
        ["ci"] => ci::run(false),
        ["ci", "--quick"] => ci::run(true),
        ["fetch"] => fetch::run(),
        ["tidy"] => tidy::run(),
        ["bench", ..] => bench::run_bench(&words[1..]),
        ["campaign", name] => campaign::run_campaign(name),
        _ => bail!("usage:\n{USAGE}"),
    }
}
