//! A server while it is measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::row::Stage;
use super::subject::Subject;
use super::usage::Usage;
use crate::strace::delaying_syncs;
use crate::{Server, Settings};

/// How a server of this stage is set up, in `folder`.
#[must_use]
pub fn settings(stage: &Stage, folder: &Path) -> Settings {
    let mut settings =
        Settings { jvm: vec![format!("-Xmx{}", stage.heap)], ..Settings::new(folder) };
    settings.lines.extend(stage.lines.iter().map(|&line| line.to_owned()));
    if stage.sync_delay_us > 0 {
        settings = delaying_syncs(settings, stage.sync_delay_us);
    }
    settings
}

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub enum Running {
    /// Ours or Java's.
    Real(Server),
    /// The null server.
    Null(NullServer),
}

/// The process of a null server.
#[derive(Debug)]
pub struct NullServer {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts the server that a stage asks for.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(subject: Subject, stage: &Stage, folder: &Path) -> Result<Self> {
        match subject.kind() {
            Some(kind) => Ok(Self::Real(Server::start(kind, &settings(stage, folder))?)),
            None => Ok(Self::Null(NullServer::start(stage, folder)?)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Real(server) => server.addr(),
            Self::Null(server) => server.address,
        }
    }

    /// What its process has used so far.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(match self {
            Self::Real(server) => server.pid(),
            Self::Null(server) => server.child.id(),
        })
    }
}

impl NullServer {
    fn start(stage: &Stage, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let value_bytes = stage.tree.and_then(|tree| tree.value_bytes).unwrap_or(100);
        let mut command = Command::new(workspace::binary());
        command.args(["bench", "null", "--port", "0", "--value-bytes", &value_bytes.to_string()]);
        command.arg("--dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the null server does not start")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            // The child has said why on stderr.
            let _ = child.kill();
            bail!("the null server does not listen: {line}");
        };
        Ok(Self { address: address.parse()?, child })
    }
}

impl Drop for NullServer {
    fn drop(&mut self) {
        // Gone already is good as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
