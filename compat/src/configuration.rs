//! The table of configurations: many `zoo.cfg` files, good, odd and wrong, with what Apache ZooKeeper does with each
//! and what ours does.
//!
//! `configuration/table.toml` has a row for each case; its file, if it has one, is `configuration/cases/NAME.cfg`.
//! In all of them `@DIR@` stands for the folder in which the case runs, `@PORT@`, `@PORT2@` and `@PORT3@` for ports.

pub mod document;

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use server::config::{CommandLine, ConfigError, ServerConfig, Surroundings};
use xtask::workspace;

use crate::kind::Kind;
use crate::ports;
use crate::server::four_letter_word;

/// How long a server that neither serves nor ends is watched.
const WATCH: Duration = Duration::from_secs(20);
/// The pause between two looks at something that cannot be awaited.
const PAUSE: Duration = Duration::from_millis(20);
/// The folder in which a case stands when nothing is written to a disk.
const NOWHERE: &str = "/case";

/// All cases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    /// In the order of their names.
    pub case: Vec<Case>,
}

impl Table {
    /// Reads the table.
    pub fn load() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(toml::from_str(&text)?)
    }

    /// Writes the table.
    pub fn save(&self) -> Result<()> {
        Ok(fs::write(path(), toml::to_string_pretty(self)?)?)
    }
}

fn path() -> PathBuf {
    folder().join("table.toml")
}

fn folder() -> PathBuf {
    workspace::root().join("compat/configuration")
}

/// One configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// What it is about; also the name of its file.
    pub name: String,
    /// The content of `myid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub myid: Option<String>,
    /// The content of `zoo.cfg.dynamic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<String>,
    /// System properties, as `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<String>,
    /// Arguments; without them the file is the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<String>>,
    /// What Apache ZooKeeper 3.9 did when the table was recorded.
    pub java: String,
    /// What ours does; a message is the whole message.
    pub ours: String,
    /// The lines that ours logs about the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<String>,
    /// Ours reads it without an error; what `ours` says happens when sockets and directories are opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_start: bool,
    /// Why ours does something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Case {
    /// Whether both start with the same values, or both end with the same exit code.
    pub fn agrees(&self) -> bool {
        decisive(&self.java) == decisive(&self.ours)
    }

    fn words(&self, stage: &Stage) -> Vec<String> {
        let words = self.words.clone().unwrap_or_else(|| vec!["@DIR@/zoo.cfg".to_owned()]);
        words.iter().map(|word| stage.fill(word)).collect()
    }

    fn file(&self, stage: &Stage) -> Result<Option<Vec<u8>>> {
        match fs::read(folder().join("cases").join(format!("{}.cfg", self.name))) {
            Ok(bytes) => Ok(Some(stage.fill_bytes(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// An outcome without the words of a message: two servers are never of the same words.
pub fn decisive(outcome: &str) -> &str {
    match outcome.split_once(": ") {
        Some((exits, _)) if exits.starts_with("exits") => exits,
        _ => outcome,
    }
}

/// What the placeholders stand for.
#[derive(Debug, Clone)]
struct Stage {
    folder: String,
    ports: [u16; 3],
}

impl Stage {
    fn placeholders(&self) -> [(&'static str, String); 4] {
        let [first, second, third] = self.ports.map(|port| port.to_string());
        [("@DIR@", self.folder.clone()), ("@PORT@", first), ("@PORT2@", second), ("@PORT3@", third)]
    }

    fn fill(&self, text: &str) -> String {
        self.placeholders()
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn blank(&self, text: &str) -> String {
        self.placeholders()
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(value, name))
    }

    /// Bytes keep their values: some cases are not UTF-8 on purpose.
    fn fill_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let latin1: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        self.fill(&latin1).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
    }
}

/// What ours makes of a case: the outcome and the lines it logs, without a process, a socket or a file.
pub fn read(case: &Case) -> Result<(String, Vec<String>)> {
    let stage = Stage { folder: NOWHERE.to_owned(), ports: [12_181, 12_182, 12_183] };
    let properties = case.properties.iter().map(|property| format!("-D{property}"));
    let arguments: Vec<String> = properties.chain(case.words(&stage)).collect();
    let memory = Memory {
        zoo_cfg: case.file(&stage)?,
        myid: case.myid.clone(),
        dynamic: case.dynamic.as_deref().map(|text| stage.fill(text)),
    };
    let outcome = CommandLine::read(&arguments, |_| None)
        .and_then(|line| ServerConfig::from_args(&line, &memory));
    Ok(match outcome {
        Ok(config) => {
            let notices = config.notices.iter().map(|notice| stage.blank(&notice.to_string()));
            (stage.blank(&format!("starts: {}", conf(&config))), notices.collect())
        }
        Err(error) => (stage.blank(&exits(&error)), Vec::new()),
    })
}

fn exits(error: &ConfigError) -> String {
    format!("exits {}: {error}", error.exit_code())
}

/// What the word `conf` says, the sizes aside.
fn conf(config: &ServerConfig) -> String {
    format!(
        "clientPort={} dataDir={} dataLogDir={} tickTime={} maxClientCnxns={} minSessionTimeout={} \
         maxSessionTimeout={} clientPortListenBacklog={}",
        config.listen.port,
        config.dirs.data_dir.display(),
        config.dirs.data_log_dir.display(),
        config.sessions.tick_time_ms,
        config.limits.max_client_cnxns,
        config.sessions.min_session_timeout_ms,
        config.sessions.max_session_timeout_ms,
        config.listen.backlog.map_or(-1, i64::from),
    )
}

/// The files of a case, and a resolver that knows the loopback alone.
struct Memory {
    zoo_cfg: Option<Vec<u8>>,
    myid: Option<String>,
    dynamic: Option<String>,
}

impl Surroundings for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = self.working_dir().join(path);
        let name = path.strip_prefix(NOWHERE).ok().and_then(Path::to_str);
        let content = match name {
            Some("data") => return Err(io::ErrorKind::IsADirectory.into()),
            Some("zoo.cfg") => self.zoo_cfg.clone(),
            Some("zoo.cfg.dynamic") => self.dynamic.clone().map(String::into_bytes),
            Some("data/myid") => self.myid.clone().map(String::into_bytes),
            _ => None,
        };
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn resolve(&self, host: &str) -> io::Result<IpAddr> {
        if host == "localhost" {
            Ok(Ipv4Addr::LOCALHOST.into())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn working_dir(&self) -> &Path {
        Path::new(NOWHERE)
    }
}

/// What a real server makes of a case, in a folder of its own; of Java's message the innermost exception is kept.
pub fn run(kind: &Kind, case: &Case) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let first = ports::free(3);
    let stage =
        Stage { folder: folder.path().display().to_string(), ports: [first, first + 1, first + 2] };
    write(case, &stage, folder.path())?;
    let log_path = folder.path().join("server.log");
    let mut child = spawn(kind, case, &stage, folder.path(), &log_path)?;
    let outcome = watch(&mut child, stage.ports[0]);
    // Gone already is good as well.
    let _ = child.kill();
    child.wait()?;
    let log = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
    let text = match outcome? {
        Watched::Serves(conf) => format!("starts: {}", brief(&conf)),
        Watched::Ended(code) => format!("exits {code}: {}", innermost(&log)),
        Watched::Waits => "waits for an ensemble".to_owned(),
        Watched::Closed => "runs without a client port".to_owned(),
    };
    Ok(stage.blank(&text))
}

enum Watched {
    Serves(String),
    Ended(i32),
    Waits,
    Closed,
}

fn watch(child: &mut Child, port: u16) -> Result<Watched> {
    let end = Instant::now() + WATCH;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Watched::Ended(status.code().unwrap_or(-1)));
        }
        if ports::listens(child.id(), port)
            && let Ok(conf) = four_letter_word((Ipv4Addr::LOCALHOST, port).into(), "conf")
            && conf.contains("tickTime=")
        {
            return Ok(Watched::Serves(conf));
        }
        thread::sleep(PAUSE);
    }
    Ok(if ports::listens(child.id(), port) { Watched::Waits } else { Watched::Closed })
}

fn write(case: &Case, stage: &Stage, folder: &Path) -> Result<()> {
    fs::create_dir(folder.join("data"))?;
    if let Some(bytes) = case.file(stage)? {
        fs::write(folder.join("zoo.cfg"), bytes)?;
    }
    if let Some(myid) = &case.myid {
        fs::write(folder.join("data/myid"), myid)?;
    }
    if let Some(dynamic) = &case.dynamic {
        fs::write(folder.join("zoo.cfg.dynamic"), stage.fill(dynamic))?;
    }
    Ok(())
}

fn spawn(kind: &Kind, case: &Case, stage: &Stage, folder: &Path, log: &Path) -> Result<Child> {
    let log = File::create(log)?;
    // The word that shows the values must be allowed, and no case is about the admin port.
    let mut properties =
        ["zookeeper.4lw.commands.whitelist=*", "zookeeper.admin.enableServer=false"]
            .map(String::from)
            .to_vec();
    properties.extend(case.properties.iter().cloned());
    let jvm = ["-Xmx128m", "-XX:TieredStopAtLevel=1"].map(String::from);
    let words = case.words(stage);
    let (first, rest) = words.split_first().context("a case has at least one word")?;
    let mut command = kind.command(Path::new(first), &properties, &jvm);
    command
        .args(rest)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().with_context(|| format!("{kind} does not start"))
}

/// The lines of `conf` that a configuration decides, in one.
fn brief(conf: &str) -> String {
    const KEYS: [&str; 8] = [
        "clientPort",
        "dataDir",
        "dataLogDir",
        "tickTime",
        "maxClientCnxns",
        "minSessionTimeout",
        "maxSessionTimeout",
        "clientPortListenBacklog",
    ];
    let lines = conf
        .lines()
        .filter(|line| line.split_once('=').is_some_and(|(key, _)| KEYS.contains(&key)));
    lines.map(|line| line.trim_end_matches("/version-2")).collect::<Vec<_>>().join(" ")
}

/// The last exception of a Java log, its class without the package; of another log the last line.
fn innermost(log: &str) -> String {
    let exception = log.lines().rev().find_map(|line| {
        let line = line.strip_prefix("Caused by: ").unwrap_or(line);
        let class = line.split(':').next()?;
        let is_name = class.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '$'));
        let start = class.rfind(['.', '$'])? + 1;
        (is_name && (class.ends_with("Exception") || class.ends_with("Error")))
            .then(|| line[start..].to_owned())
    });
    exception.unwrap_or_else(|| log.lines().next_back().unwrap_or_default().to_owned())
}
