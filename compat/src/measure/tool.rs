//! `rookeeper bench`, run as a user would.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::workspace;

use super::row::{Filling, Traffic};
use super::subject::Subject;

/// Seconds that a server may be silent before a run fails: a collection of a large heap takes some.
const PATIENCE_S: &str = "120";

/// The tool, pointed at a server.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The server.
    pub address: SocketAddr,
    /// What it is: of the null server no value can be checked.
    pub subject: Subject,
}

/// How long a load goes on.
#[derive(Debug, Clone, Copy)]
pub enum Extent {
    /// A time after a warm-up.
    Time {
        /// The time that counts.
        measured: Duration,
        /// The time before it.
        warm_up: Duration,
    },
    /// A number of operations, all of which count.
    Operations(u64),
}

impl Tool {
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(workspace::binary());
        command.args(["bench", name, "--json", "--patience", PATIENCE_S]);
        command.args(["--server", &self.address.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Makes a tree and hands back where it is, with the report.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn fill(&self, tree: Filling) -> Result<(String, Value)> {
        let mut command = self.command("fill");
        command.args(["-c", "32", "-p", "16", "--keys", &tree.keys.to_string()]);
        command.args(["--tree", tree.shape]);
        if let Some(bytes) = tree.value_bytes {
            command.args(["--value-bytes", &bytes.to_string()]);
        }
        let report = finish(command)?;
        let path = report["path"].as_str().context("no path")?.to_owned();
        Ok((path, report))
    }

    /// Sends a load, to the tree at `path` or else to a small one of its own.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn load(&self, traffic: &Traffic, extent: Extent, path: Option<&str>) -> Result<Value> {
        let mut command = self.command("load");
        command.args(["--mix", traffic.mix, "-c", &traffic.connections.to_string()]);
        command.args(["-p", &traffic.outstanding.to_string()]);
        command.args(["--multi-size", &traffic.multi_size.to_string()]);
        match extent {
            Extent::Time { measured, warm_up } => {
                command.args(["--seconds", &measured.as_secs_f64().to_string()]);
                command.args(["--warm-up", &warm_up.as_secs_f64().to_string()]);
            }
            Extent::Operations(count) => {
                command.args(["--operations", &count.to_string()]);
            }
        }
        match (self.subject, path) {
            (Subject::Null, _) => command.arg("--unchecked-values"),
            (_, Some(path)) => command.args(["--at", path]),
            (_, None) => &mut command,
        };
        finish(command)
    }

    /// A quiet client: `per_second` gets at fixed times.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn quiet_client(&self, per_second: u32, extent: Duration) -> Result<Value> {
        let mut command = self.command("load");
        command.args(["-c", "4", "--keys", "100", "--rate", &per_second.to_string()]);
        command.args(["--seconds", &extent.as_secs_f64().to_string(), "--warm-up", "0.5"]);
        finish(command)
    }

    /// Another command of the tool.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Result<Value> {
        let mut command = self.command(name);
        command.args(arguments);
        finish(command)
    }

    /// A command that makes something ready and keeps it until it is let go.
    ///
    /// # Errors
    /// When the tool fails before all is ready.
    pub fn hold(&self, name: &str, arguments: &[&str]) -> Result<Held> {
        let mut command = self.command(name);
        command.arg("--hold").args(arguments).stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().context("the tool does not start")?;
        let stdin = child.stdin.take().context("no pipe")?;
        let mut stdout = BufReader::new(child.stdout.take().context("no pipe")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let held = Held { child, stdin: Some(stdin), stdout };
        ensure!(line.trim() == "ready", "{name} is not ready: {line}");
        Ok(held)
    }
}

/// Something that the tool keeps. Dropping it kills the tool.
#[derive(Debug)]
pub struct Held {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Held {
    /// Lets it go and hands back the report.
    ///
    /// # Errors
    /// When the tool fails on the way out.
    pub fn release(mut self) -> Result<Value> {
        self.stdin = None;
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the tool ended with {status}");
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Gone already is good as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end and reads its one object.
fn finish(mut command: Command) -> Result<Value> {
    let output = command.output().context("the tool does not start")?;
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(
        output.status.success(),
        "rookeeper {} ended with {}:\n{}",
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
