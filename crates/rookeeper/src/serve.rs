//! `rookeeper server`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use server::config::{CommandLine, ConfigError, Machine, ServerConfig, Weight};
use server::{End, Server, ServerError};
use tracing_subscriber::EnvFilter;

/// Where data is kept when no configuration says anything.
const DEFAULT_DATA_DIR: &str = "rookeeper-data";

/// What a JVM exits with after SIGHUP, SIGINT and SIGTERM, and so what scripts expect (C-007).
const ENDED_BY_SIGHUP: u8 = 129;
const ENDED_BY_SIGINT: u8 = 130;
const ENDED_BY_SIGTERM: u8 = 143;

/// How a server exits that could not write its log (C-012).
const DISK_FAILED: u8 = 10;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write log lines as JSON objects.
    #[arg(long)]
    log_json: bool,

    /// A configuration file, or a port and a directory; and properties.
    #[arg(
        value_name = "ZOO.CFG | PORT DATADIR [TICKTIME] [MAXCNXNS]",
        help = "A zoo.cfg file, or: port dataDir [tickTime] [maxClientCnxns]",
        long_help = "A zoo.cfg file, or: port dataDir [tickTime] [maxClientCnxns]\n\n\
            -Dzookeeper.name=value sets a property, as for a Java server; flags of the JVM are ignored.",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    // The words behind the file are the server's, but for this one.
    let (switch, words): (Vec<_>, Vec<_>) =
        arguments.words.iter().cloned().partition(|word| word == "--log-json");
    log_to_stderr(arguments.log_json || !switch.is_empty());
    let config = match configure(&words) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(error.exit_code());
        }
    };
    for notice in &config.notices {
        match notice.weight {
            Weight::Note => tracing::info!("{}", notice.text),
            Weight::Warning => tracing::warn!("{}", notice.text),
        }
    }
    match serve(&config) {
        Ok(End::Terminated) => ExitCode::from(ENDED_BY_SIGTERM),
        Ok(End::HungUp) => ExitCode::from(ENDED_BY_SIGHUP),
        Ok(End::Interrupted) => ExitCode::from(ENDED_BY_SIGINT),
        Ok(End::DiskFailed(error)) => {
            tracing::error!("the log cannot be written, so the server ends: {error}");
            tracing::error!(
                "nothing acknowledged is lost: make room or repair the disk, and start again"
            );
            ExitCode::from(DISK_FAILED)
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Readable lines, or JSON; `RUST_LOG` chooses what is logged.
fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    if json { subscriber.json().flatten_event(true).init() } else { subscriber.init() }
}

fn configure(words: &[String]) -> Result<ServerConfig, ConfigError> {
    let line = CommandLine::read(words, |name| std::env::var(name).ok())?;
    let machine = Machine::here().map_err(|error| {
        ConfigError::Usage(format!("the working directory cannot be used: {error}"))
    })?;
    if line.operands.is_empty() {
        return ServerConfig::default_for(Path::new(DEFAULT_DATA_DIR), &line, &machine);
    }
    ServerConfig::from_args(&line, &machine)
}

fn serve(config: &ServerConfig) -> Result<End, ServerError> {
    let server = Server::start(config)?;
    tracing::info!(
        "Rookeeper {} serves clients on {} in standalone mode, data in {}",
        server::version::full_version(),
        server.address(),
        config.dirs.data_dir.display(),
    );
    server.serve()
}
