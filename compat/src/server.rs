//! A server, ours or Java's, started, killed and started again by a test.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::kind::Kind;
use crate::ports;

/// How long a server may take until it serves, replaying its log included.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long it may take to end once told to.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// How long the answer to a four-letter word may take.
const WORD_DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two looks at something that cannot be awaited.
const PAUSE: Duration = Duration::from_millis(10);
/// That pause where the time is measured.
const SHORT_PAUSE: Duration = Duration::from_micros(500);
/// How many ports are tried when others are faster to take them.
const ATTEMPTS: usize = 5;

/// Where and how a server is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for the configuration file, the log of the process and, unless set otherwise, the data.
    pub folder: PathBuf,
    /// `dataDir`.
    pub data_dir: PathBuf,
    /// The client port; `None` takes a free one.
    pub port: Option<u16>,
    /// Lines of the configuration file besides `dataDir`, `clientPort` and `clientPortAddress`.
    pub lines: Vec<String>,
    /// System properties, as `key=value`.
    pub properties: Vec<String>,
    /// Environment variables of the process.
    pub env: Vec<(String, String)>,
    /// Flags of the Java machine; they mean nothing to ours.
    pub jvm: Vec<String>,
    /// A command that the server's own is appended to. It has to exec it, so that signals reach the server: `strace`
    /// does with `-D`.
    pub wrapper: Vec<String>,
}

impl Settings {
    /// A server with its configuration and `data` under `folder`, every four-letter word allowed, no limit on
    /// connections and no admin port.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let lines = [
            "tickTime=2000",
            "maxClientCnxns=0",
            "admin.enableServer=false",
            "4lw.commands.whitelist=*",
        ];
        Self {
            data_dir: folder.join("data"),
            folder,
            port: None,
            lines: lines.map(String::from).into(),
            properties: Vec::new(),
            env: Vec::new(),
            jvm: ["-Xmx512m", "-XX:+UseSerialGC"].map(String::from).into(),
            wrapper: Vec::new(),
        }
    }

    /// Puts the data elsewhere.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = folder.into();
        self
    }

    /// Adds a line to the configuration file; a later line for a key wins.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Adds a system property `key=value`.
    #[must_use]
    pub fn property(mut self, property: impl Into<String>) -> Self {
        self.properties.push(property.into());
        self
    }
}

/// How a start ended that came to nothing.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Everything that the process wrote.
    pub log: String,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    settings: Settings,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts a server and waits until it serves, and until the one that listens is the one that was started.
    pub fn start(kind: Kind, settings: &Settings) -> Result<Self> {
        fs::create_dir_all(&settings.folder)?;
        let mut outcome = None;
        for _ in 0..ATTEMPTS {
            let port = settings.port.unwrap_or_else(|| ports::free(1));
            match Self::start_on(&kind, settings, port) {
                Err(error) if settings.port.is_none() && is_taken(&error) => outcome = Some(error),
                outcome => return outcome,
            }
        }
        Err(outcome.context("no attempt was made")?)
    }

    /// Starts a server and says how long it took until it served.
    pub fn start_timed(kind: Kind, settings: &Settings) -> Result<(Self, Duration)> {
        fs::create_dir_all(&settings.folder)?;
        let port = settings.port.unwrap_or_else(|| ports::free(1));
        let begun = Instant::now();
        let mut server = Self::launch(&kind, settings, port)?;
        server.wait_until_serving(SHORT_PAUSE)?;
        Ok((server, begun.elapsed()))
    }

    /// Starts the server again on the same port and data, in whatever state it is now.
    pub fn restart(&mut self) -> Result<()> {
        self.kill9()?;
        // The old server must not be dropped in between, a new one must not be forgotten: replace only on success.
        *self = Self::start_on(&self.kind, &self.settings, self.port)?;
        Ok(())
    }

    /// Starts the server again and kills it after a moment, most likely before it serves.
    pub fn restart_cut_short(&mut self, after: Duration) -> Result<()> {
        self.kill9()?;
        *self = Self::launch(&self.kind, &self.settings, self.port)?;
        thread::sleep(after);
        self.kill9()
    }

    /// Starts another kind of server on the same port and data, once this one has ended.
    pub fn restart_as(&mut self, kind: Kind) -> Result<()> {
        self.kind = kind;
        self.restart()
    }

    /// Kills it as a power cut would (SIGKILL) and waits until it is gone. Nothing to do if it has ended.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(STOP_DEADLINE)
    }

    /// Sends a signal to a server that runs.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "{} has ended", self.kind);
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + deadline;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
        bail!("{} still runs after {} s\n{}", self.kind, deadline.as_secs(), self.log_tail())
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The address that clients connect to.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What kind it is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// `dataDir`.
    pub fn data_dir(&self) -> &Path {
        &self.settings.data_dir
    }

    /// Where the output of the process goes; starts append to it.
    pub fn log_path(&self) -> PathBuf {
        log_path(&self.settings)
    }

    /// Everything that the process has written.
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map_or_else(|error| error.to_string(), |log| String::from_utf8_lossy(&log).into())
    }

    /// The end of [`Server::log`], for messages.
    pub fn log_tail(&self) -> String {
        tail(&self.settings)
    }

    /// The answer to a four-letter word.
    pub fn word(&self, word: &str) -> Result<String> {
        four_letter_word(self.addr(), word)
    }

    /// Starts a server that is to end by itself at its start, and waits until it has.
    pub fn refusal(kind: &Kind, settings: &Settings) -> Result<Refusal> {
        fs::create_dir_all(&settings.folder)?;
        let port = settings.port.unwrap_or_else(|| ports::free(1));
        let mut server = Self::launch(kind, settings, port)?;
        let status = server.wait(STOP_DEADLINE)?;
        Ok(Refusal { code: status.code(), log: server.log() })
    }

    fn start_on(kind: &Kind, settings: &Settings, port: u16) -> Result<Self> {
        let mut server = Self::launch(kind, settings, port)?;
        server.wait_until_serving(PAUSE)?;
        Ok(server)
    }

    fn launch(kind: &Kind, settings: &Settings, port: u16) -> Result<Self> {
        let config = write_config(settings, port)?;
        let log = File::options().create(true).append(true).open(log_path(settings))?;
        let mut command = kind.command(&config, &settings.properties, &settings.jvm);
        if let Some((wrapper, args)) = settings.wrapper.split_first() {
            let mut wrapped = std::process::Command::new(wrapper);
            wrapped.args(args).arg(command.get_program()).args(command.get_args());
            command = wrapped;
        }
        command
            .envs(settings.env.iter().map(|(key, value)| (key, value)))
            .current_dir(&settings.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{kind} does not start"))?;
        Ok(Self { kind: kind.clone(), settings: settings.clone(), port, child })
    }

    fn wait_until_serving(&mut self, pause: Duration) -> Result<()> {
        let end = Instant::now() + START_DEADLINE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at its start with {status}\n{}", self.kind, self.log_tail());
            }
            if self.is_serving() {
                return Ok(());
            }
            thread::sleep(pause);
        }
        bail!(
            "{} does not serve after {} s\n{}",
            self.kind,
            START_DEADLINE.as_secs(),
            self.log_tail()
        )
    }

    /// Whether it answers, and whether it is it that answers.
    fn is_serving(&self) -> bool {
        ports::listens(self.pid(), self.port)
            && self.word("srvr").is_ok_and(|answer| answer.contains("Mode: "))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is good as well.
        let _ = self.kill9();
    }
}

/// The answer of the server at `addr` to a four-letter word.
pub fn four_letter_word(addr: SocketAddr, word: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, WORD_DEADLINE)?;
    stream.set_read_timeout(Some(WORD_DEADLINE))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("no answer to {word}"))?;
    Ok(answer)
}

/// Writes zoo.cfg, hands back where.
fn write_config(settings: &Settings, port: u16) -> Result<PathBuf> {
    let path = settings.folder.join("zoo.cfg");
    let data = settings.data_dir.display();
    let mut text = format!("dataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\n");
    for line in &settings.lines {
        text += line;
        text += "\n";
    }
    fs::write(&path, text)?;
    Ok(path)
}

fn log_path(settings: &Settings) -> PathBuf {
    settings.folder.join("server.log")
}

fn tail(settings: &Settings) -> String {
    const LINES: usize = 40;
    let log = fs::read(log_path(settings)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Whether a start failed because somebody else has the port: Java's words, and those of the system.
fn is_taken(error: &anyhow::Error) -> bool {
    let message = error.to_string();
    ["Address already in use", "BindException"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Release;

    #[test]
    fn a_server_survives_its_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let mut server =
            Server::start(Kind::Java(Release::V3_9), &Settings::new(folder.path())).unwrap();
        assert_eq!(server.word("ruok").unwrap(), "imok");
        let first = server.pid();
        server.kill9().unwrap();
        assert!(!server.is_running());
        server.restart_as(Kind::Java(Release::V3_8)).unwrap();
        assert_ne!(server.pid(), first);
        assert!(server.word("srvr").unwrap().contains("Zookeeper version: 3.8."));
        // Java ends with 128 + SIGTERM.
        assert_eq!(server.terminate().unwrap().code(), Some(143));
    }

    #[test]
    fn a_server_that_ends_at_once_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(folder.path()).line("tickTime=often");
        let error = Server::start(Kind::Java(Release::V3_9), &settings).unwrap_err().to_string();
        assert!(error.contains("ended at its start") && error.contains("often"), "{error}");
    }
}
