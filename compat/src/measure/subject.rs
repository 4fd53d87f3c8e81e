//! What is measured: Apache ZooKeeper, ours, and the server that does nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use xtask::workspace;

use super::row::Stage;
use crate::strace::delaying_syncs;
use crate::{Kind, Release, Server, Settings};

/// Clock ticks per second in `/proc`: the kernel's ABI on every platform that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Apache ZooKeeper 3.9.
    Java,
    /// The release build of this repository.
    Rookeeper,
    /// The null server.
    Null,
}

impl Subject {
    /// As the report calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Java => "Apache ZooKeeper",
            Self::Rookeeper => "Rookeeper",
            Self::Null => "null server",
        }
    }

    /// Which server of the harness it is; the null server is none of them.
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Java => Some(Kind::Java(Release::V3_9)),
            Self::Rookeeper => Some(Kind::rookeeper()),
            Self::Null => None,
        }
    }
}

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
    Null(Nothing),
}

/// The process of a null server.
#[derive(Debug)]
pub struct Nothing {
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
            None => Ok(Self::Null(Nothing::start(stage, folder)?)),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Real(server) => server.addr(),
            Self::Null(nothing) => nothing.address,
        }
    }

    /// What its process has used so far.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(match self {
            Self::Real(server) => server.pid(),
            Self::Null(nothing) => nothing.child.id(),
        })
    }
}

impl Nothing {
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

impl Drop for Nothing {
    fn drop(&mut self) {
        // Gone already is good as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has used, by `/proc`.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// CPU time of all its threads, user and system.
    pub cpu: Duration,
    /// `VmRSS`, in bytes.
    pub rss_bytes: u64,
    /// `VmHWM`, in bytes.
    pub peak_bytes: u64,
}

impl Usage {
    /// Of the process `pid`.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before ')' may hold anything; user and system time are fields 14 and 15.
        let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| -> Result<f64> {
            Ok(fields.get(index).context("/proc/PID/stat")?.parse::<u32>()?.into())
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            cpu: Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND),
            rss_bytes: kilobytes(&status, "VmRSS:")? * 1024,
            peak_bytes: kilobytes(&status, "VmHWM:")? * 1024,
        })
    }
}

fn kilobytes(status: &str, name: &str) -> Result<u64> {
    let line =
        status.lines().find_map(|line| line.strip_prefix(name)).context("/proc/PID/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.rss_bytes > 100_000 && usage.peak_bytes >= usage.rss_bytes);
    }
}
