//! ZooKeeper, built anew: one binary, a subcommand for each thing that it does.

mod bench;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// ZooKeeper, built anew: server, tools and benchmark in one binary.
#[derive(Parser)]
#[command(name = "rookeeper", version = server::version::full_version(), max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a server.
    ///
    /// Without arguments it serves on port 2181 and keeps its data in ./rookeeper-data.
    Server(serve::Arguments),

    /// Measure a server: any that speaks ZooKeeper's client protocol.
    #[command(subcommand)]
    Bench(bench::Command),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Server(arguments) => serve::run(&arguments),
        Command::Bench(command) => bench::run(command),
    }
}
