//! `cargo xtask bench`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use compat::measure::{Plan, document, record::Ledger, rows::ROWS};
use xtask::{fetch, process, workspace};

/// Measures Rookeeper beside Apache ZooKeeper and a server that does nothing.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// Rows to measure; all of them if none is named.
    rows: Vec<String>,
    /// Rounds of each row.
    #[arg(long)]
    rounds: Option<u32>,
    /// Do everything once at a small part of its size, and record nothing.
    #[arg(long)]
    smoke: bool,
    /// List the rows.
    #[arg(long)]
    list: bool,
    /// Only write the page again, from what is recorded.
    #[arg(long)]
    page: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    process::end_children_on_interrupt()?;
    let arguments = Arguments::parse();
    if arguments.list {
        for row in ROWS {
            println!(
                "{:<14} {} ({}, {} rounds)",
                row.id, row.title, row.stage.name, row.stage.rounds
            );
        }
        return Ok(());
    }
    if arguments.page {
        let docs = workspace::root().join("docs");
        return document::write(&docs, &Ledger::open(docs.join("benchmarks/records.jsonl"))?);
    }
    let plan = Plan { rows: arguments.rows, rounds: arguments.rounds, smoke: arguments.smoke };
    // A row that there is not is said before anything is built; the gate has built all before it comes here.
    plan.stages()?;
    if !plan.smoke {
        fetch::run()?;
        workspace::build_release()?;
    }
    plan.run()
}
