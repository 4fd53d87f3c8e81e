//! `rookeeper bench`.

mod crowd;
mod load;
mod output;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::{BenchError, NullServer, NullSettings, Target, parse_servers};

use self::output::Progress;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Send a mix of requests and report throughput and latencies.
    Load(load::Load),
    /// Create a tree as fast as possible, and leave it.
    Fill(load::Fill),
    /// Remove a znode and all below it.
    Clear(load::Clear),
    /// Change a znode that many sessions watch, and report when each of them knows.
    FanOut(crowd::FanOut),
    /// Open sessions as fast as possible.
    Sessions(crowd::Sessions),
    /// Register watches.
    Watches(crowd::Watches),
    /// Run a server that remembers nothing: the ceiling for a real one.
    ///
    /// It takes requests apart, answers reads with a constant, and appends writes to a file and syncs it before it answers.
    Null(Null),
}

#[derive(clap::Args)]
pub(crate) struct Servers {
    /// Where the servers are; connections go to them in turn.
    #[arg(long, value_name = "HOST:PORT,…", default_value = "127.0.0.1:2181")]
    server: String,

    /// Seconds that a server may be silent before the run fails.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    patience: Duration,
}

impl Servers {
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let servers = parse_servers(&self.server).map_err(Failure::Usage)?;
        Ok(Target { servers, patience: self.patience })
    }
}

#[derive(clap::Args)]
pub(crate) struct Null {
    /// Port to listen on; 0 lets the system choose.
    #[arg(long, default_value_t = 2181)]
    port: u16,
    /// Directory of the file that writes are appended to.
    #[arg(long)]
    dir: PathBuf,
    /// Bytes of the value that reads answer.
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
}

/// Why a command failed.
pub(crate) enum Failure {
    Usage(String),
    Bench(BenchError),
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        Self::Bench(error)
    }
}

/// A time as people write it: `0.5`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) fn run(command: Command) -> ExitCode {
    let mut progress = Progress::new();
    let done = match command {
        Command::Load(arguments) => load::load(arguments, &mut progress),
        Command::Fill(arguments) => load::fill(&arguments, &mut progress),
        Command::Clear(arguments) => load::clear(&arguments, &mut progress),
        Command::FanOut(arguments) => crowd::fan_out(&arguments, &mut progress),
        Command::Sessions(arguments) => crowd::sessions(&arguments, &mut progress),
        Command::Watches(arguments) => crowd::watches(&arguments, &mut progress),
        Command::Null(arguments) => null(arguments),
    };
    progress.end();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(what)) => {
            eprintln!("error: {what}");
            ExitCode::from(2)
        }
        Err(Failure::Bench(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn null(arguments: Null) -> Result<(), Failure> {
    bench::raise_descriptor_limit()?;
    let mut server = NullServer::bind(&NullSettings {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        dir: arguments.dir,
        value_bytes: arguments.value_bytes,
    })?;
    println!("listening on {}", server.address()?);
    Ok(server.serve()?)
}
