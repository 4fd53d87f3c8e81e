//! How each kind of work is done.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::workspace;

use super::machine;
use super::prepared;
use super::row::{Data, Filling, Stage, Traffic, Watched, Work};
use super::running::{self, Running};
use super::subject::Subject;
use super::tool::{Extent, Tool};
use super::usage::Usage;
use crate::{Kind, Server};

/// Figures of one round by their keys.
pub type Figures = BTreeMap<String, f64>;

/// How much of everything is done.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Measured time of each load.
    pub measured: Duration,
    /// Time before it that does not count: the JVM compiles meanwhile.
    pub warm_up: Duration,
    /// Counts of znodes, sessions, watches and operations are divided by this.
    pub divisor: u32,
}

impl Scale {
    /// What the report stands on.
    pub const FULL: Self =
        Self { measured: Duration::from_secs(5), warm_up: Duration::from_secs(3), divisor: 1 };
    /// Everything once, and hardly: it shows that all rows can be run.
    pub const SMOKE: Self = Self {
        measured: Duration::from_millis(200),
        warm_up: Duration::from_millis(50),
        divisor: 500,
    };

    fn count(&self, full: u32) -> u32 {
        full.div_ceil(self.divisor)
    }

    fn operations(&self, full: u64) -> u64 {
        full.div_ceil(u64::from(self.divisor))
    }

    fn tree(&self, full: Filling) -> Filling {
        Filling { keys: self.count(full.keys), ..full }
    }
}

/// A stage that is set up for one subject.
pub struct Scene<'a> {
    stage: &'a Stage,
    subject: Subject,
    scale: &'a Scale,
    /// For everything that a server of this stage writes.
    folder: PathBuf,
    running: Running,
    /// The tree, and what its filling came to.
    filled: Option<(String, Figures)>,
}

impl<'a> Scene<'a> {
    /// Starts the server and fills its tree.
    ///
    /// # Errors
    /// When the server does not serve, or the tool fails.
    pub fn set(
        stage: &'a Stage,
        subject: Subject,
        scale: &'a Scale,
        folder: &Path,
    ) -> Result<Self> {
        let folder = folder.to_path_buf();
        let running = Running::start(subject, stage, &folder)?;
        let mut scene = Self { stage, subject, scale, folder, running, filled: None };
        if let (Some(tree), true) = (stage.tree, subject != Subject::Null) {
            scene.filled = Some(scene.fill(tree)?);
        }
        Ok(scene)
    }

    fn tool(&self) -> Tool {
        Tool { address: self.running.address(), subject: self.subject }
    }

    fn extent(&self) -> Extent {
        Extent::Time { measured: self.scale.measured, warm_up: self.scale.warm_up }
    }

    fn path(&self) -> Option<&str> {
        self.filled.as_ref().map(|(path, _)| path.as_str())
    }

    fn fill(&self, tree: Filling) -> Result<(String, Figures)> {
        let (path, report) = self.tool().fill(self.scale.tree(tree))?;
        let mut figures = load_figures(&report)?;
        let Usage { rss_bytes, peak_bytes, .. } = self.running.usage()?;
        figures.insert("rss_bytes".into(), rss_bytes as f64);
        figures.insert("peak_of_rss".into(), peak_bytes as f64 / rss_bytes as f64);
        Ok((path, figures))
    }

    /// Does a piece of work.
    ///
    /// # Errors
    /// When a server or the tool fails.
    pub fn work(&mut self, work: &Work) -> Result<Figures> {
        match work {
            Work::Filling => {
                let (_, figures) = self.filled.as_ref().context("the null server holds no tree")?;
                Ok(figures.clone())
            }
            Work::Load(traffic) => {
                load_figures(&self.tool().load(traffic, self.extent(), self.path())?)
            }
            Work::Disturbing(traffic) => self.disturbing(traffic),
            Work::Cpu(traffic, operations) => {
                let seconds = self.cpu_s_per_million(traffic, *operations)?;
                Ok(figures([("cpu_s_per_million", seconds)]))
            }
            Work::CpuByThreads(traffic, operations) => self.cpu_by_threads(traffic, *operations),
            Work::Steady(traffic, seconds) => self.steady(traffic, *seconds),
            Work::IdleSessions(count) => self.idle_sessions(self.scale.count(*count)),
            Work::Watches(watched) => self.watches(*watched),
            Work::FanOut(watchers) => self.fan_out(self.scale.count(*watchers)),
            Work::Burst(count) => self.burst(self.scale.count(*count)),
            Work::Snapshots(traffic) => self.snapshots(traffic),
            Work::Start(data) => self.start(*data),
            Work::Size => {
                let kind = self.subject.kind().context("the null server is part of ours")?;
                Ok(figures([("installed_bytes", installed_bytes(&kind, &self.folder)? as f64)]))
            }
            Work::Growth => self.growth(),
        }
    }

    /// A load, and beside it a client that asks little and wants to know how late its answers are.
    fn disturbing(&self, traffic: &Traffic) -> Result<Figures> {
        let tool = self.tool();
        let whole = self.scale.measured + self.scale.warm_up;
        let (load, others) = thread::scope(|scope| {
            let others = scope.spawn(|| tool.quiet_client(200, whole));
            let load = tool.load(traffic, self.extent(), self.path());
            (load, others.join())
        });
        let others = others.ok().context("the quiet client panicked")??;
        let mut figures = load_figures(&load?)?;
        figures.insert("others_p99_us".into(), number(&others, &["latency_us", "p99"])?);
        figures.insert("others_max_us".into(), number(&others, &["latency_us", "max"])?);
        Ok(figures)
    }

    fn cpu_s_per_million(&self, traffic: &Traffic, operations: u64) -> Result<f64> {
        let operations = self.scale.operations(operations);
        let before = self.running.usage()?.cpu;
        self.tool().load(traffic, Extent::Operations(operations), self.path())?;
        let spent = self.running.usage()?.cpu.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6 / operations as f64)
    }

    /// Servers with 1, 2 and 4 I/O threads; none but one of them is asked anything at a time.
    fn cpu_by_threads(&self, traffic: &Traffic, operations: u64) -> Result<Figures> {
        let mut found = Figures::new();
        for threads in [1, 2, 4] {
            let folder = self.folder.join(format!("threads-{threads}"));
            let settings = running::settings(self.stage, &folder)
                .property(format!("zookeeper.nio.numSelectorThreads={threads}"));
            let kind = self.subject.kind().context("the null server has one thread")?;
            let running = Running::Real(Server::start(kind, &settings)?);
            let mut scene = Scene { running, folder, filled: None, ..*self };
            let tree = Filling { keys: 100_000, shape: "flat", value_bytes: Some(100) };
            scene.filled = Some(scene.fill(tree)?);
            let seconds = scene.cpu_s_per_million(traffic, operations)?;
            found.insert(format!("threads_{threads}"), seconds);
        }
        let most = found.values().copied().fold(f64::MIN, f64::max);
        let least = found.values().copied().fold(f64::MAX, f64::min);
        found.insert("growth".into(), most / least);
        Ok(found)
    }

    /// The first and the last tenth are compared, so that a run of any length is a run.
    fn steady(&self, traffic: &Traffic, seconds: u32) -> Result<Figures> {
        let measured = Duration::from_secs(seconds.into()) / self.scale.divisor;
        let tool = self.tool();
        let extent = Extent::Time { measured, warm_up: self.scale.warm_up };
        let (report, begin) = thread::scope(|scope| {
            let load = scope.spawn(|| tool.load(traffic, extent, self.path()));
            thread::sleep(self.scale.warm_up + measured / 10);
            let begin = self.running.usage();
            (load.join(), begin)
        });
        let report = report.ok().context("the load panicked")??;
        let mut found = load_figures(&report)?;
        let end = self.running.usage()?;
        found.insert("memory_growth".into(), end.rss_bytes as f64 / begin?.rss_bytes as f64);
        let timeline = report["timeline"].as_array().context("timeline")?;
        let per_second: Vec<f64> =
            timeline.iter().map(|second| number(second, &["operations"])).collect::<Result<_>>()?;
        // The last entry is no whole second.
        let whole = per_second.split_last().map_or(&per_second[..], |(_, whole)| whole);
        let tenth = (whole.len() / 10).max(1);
        let first: f64 = whole.iter().take(tenth).sum();
        let last: f64 = whole.iter().rev().take(tenth).sum();
        found.insert("last_to_first".into(), if first > 0.0 { last / first } else { 1.0 });
        for (second, operations) in whole.iter().enumerate().step_by(5) {
            found.insert(format!("timeline/{second:04}"), *operations);
        }
        Ok(found)
    }

    /// Opened and closed once before, so that what the first use of anything costs is not counted.
    fn idle_sessions(&self, count: u32) -> Result<Figures> {
        let tool = self.tool();
        tool.run("sessions", &["--count", "100"])?;
        let before = self.running.usage()?.rss_bytes;
        let held = tool.hold("sessions", &["--count", &count.to_string()])?;
        let after = self.running.usage()?.rss_bytes;
        held.release()?;
        Ok(figures([("bytes_each", each(before, after, count))]))
    }

    fn watches(&self, watched: Watched) -> Result<Figures> {
        let tool = self.tool();
        tool.run("watches", &["--missing", "--count", "1000"])?;
        match watched {
            Watched::Missing(count) => {
                let count = self.scale.count(count);
                let before = self.running.usage()?.rss_bytes;
                let many = self.held(&["--missing", "--count", &count.to_string()])?;
                Ok(figures([("bytes_each", each(before, many, count))]))
            }
            Watched::Sparse(count) => {
                let tree = Filling { keys: count, shape: "flat", value_bytes: Some(0) };
                let (path, _) = self.fill(tree)?;
                let count = self.scale.count(count);
                let (one, all) = ("1", count.to_string());
                let few = self.held(&["--spread", "--at", &path, "--count", one])?;
                let many = self.held(&["--spread", "--at", &path, "--count", &all])?;
                Ok(figures([("bytes_each", each(few, many, count - 1))]))
            }
            Watched::Shared { sessions, paths } => {
                let sessions = self.scale.count(sessions);
                // The same sessions with one watch each, and with one on every path: the difference is watches alone.
                let few = self.shared(sessions, 1)?;
                let many = self.shared(sessions, paths)?;
                Ok(figures([("bytes_each", each(few, many, sessions * (paths - 1)))]))
            }
        }
    }

    /// The server's memory while each of `sessions` watches each of `paths`.
    fn shared(&self, sessions: u32, paths: u32) -> Result<u64> {
        let (sessions, paths) = (sessions.to_string(), paths.to_string());
        self.held(&["--shared", "--sessions", &sessions, "--count", &paths])
    }

    /// The server's memory while such watches are held.
    fn held(&self, arguments: &[&str]) -> Result<u64> {
        let held = self.tool().hold("watches", arguments)?;
        let rss_bytes = self.running.usage()?.rss_bytes;
        held.release()?;
        Ok(rss_bytes)
    }

    fn fan_out(&self, watchers: u32) -> Result<Figures> {
        let watchers = watchers.to_string();
        let report = self.tool().run("fan-out", &["--watchers", &watchers, "--events", "11"])?;
        Ok(figures([
            ("last_us", number(&report, &["last_us", "median"])?),
            ("ping_late_us", number(&report, &["ping_late_us_max"])?),
        ]))
    }

    fn burst(&self, count: u32) -> Result<Figures> {
        let before = machine::listen_drops()?;
        let report = self.tool().run("sessions", &["--count", &count.to_string()])?;
        let drops = machine::listen_drops()?.saturating_sub(before);
        Ok(figures([
            ("elapsed_s", number(&report, &["elapsed_s"])?),
            ("p99_us", number(&report, &["latency_us", "p99"])?),
            ("listen_drops", drops as f64),
        ]))
    }

    /// The same load on the same data, first without a snapshot and then with one after the other.
    fn snapshots(&mut self, traffic: &Traffic) -> Result<Figures> {
        let extent =
            Extent::Time { measured: self.scale.measured * 2, warm_up: self.scale.warm_up };
        let quiet = load_figures(&self.tool().load(traffic, extent, self.path())?)?;
        self.restart(&["snapCount=1000"])?;
        let busy = load_figures(&self.tool().load(traffic, extent, self.path())?)?;
        let mut found = busy.clone();
        found.insert("loss".into(), 1.0 - busy["ops_per_s"] / quiet["ops_per_s"]);
        for (key, figure) in quiet {
            found.insert(format!("quiet_{key}"), figure);
        }
        Ok(found)
    }

    /// Ends the server as a service manager does, and starts it on the same data with other lines in its configuration.
    fn restart(&mut self, lines: &[&str]) -> Result<Duration> {
        let Running::Real(server) = &mut self.running else {
            anyhow::bail!("the null server has no data to start on");
        };
        let (kind, mut settings) = (server.kind().clone(), server.settings().clone());
        server.terminate()?;
        settings.lines.extend(lines.iter().map(|&line| line.to_owned()));
        let (server, took) = Server::start_timed(kind, &settings)?;
        self.running = Running::Real(server);
        Ok(took)
    }

    fn start(&self, data: Data) -> Result<Figures> {
        let kind = self.subject.kind().context("the null server has no data to start on")?;
        let folder = self.folder.join("timed");
        let settings = running::settings(self.stage, &folder);
        match data {
            Data::Nothing => {}
            Data::Snapshot(count) => {
                prepared::snapshot(self.scale.count(count), &settings.data_dir)?;
            }
            Data::Log(count) => prepared::log(self.scale.count(count), &settings.data_dir)?,
        }
        let (server, took) = Server::start_timed(kind, &settings)?;
        let usage = Usage::of(server.pid())?;
        Ok(figures([
            ("start_s", took.as_secs_f64()),
            ("rss_bytes", usage.rss_bytes as f64),
            ("cpu_s", usage.cpu.as_secs_f64()),
        ]))
    }

    fn growth(&mut self) -> Result<Figures> {
        let (_, filled) = self.filled.as_ref().context("the null server holds no tree")?;
        let mut found =
            figures([("fill_per_s", filled["ops_per_s"]), ("rss_bytes", filled["rss_bytes"])]);
        for (mix, name) in [("get=100", "get"), ("set=100", "set")] {
            let traffic = Traffic { mix, connections: 32, outstanding: 16, multi_size: 1 };
            let report = load_figures(&self.tool().load(&traffic, self.extent(), self.path())?)?;
            found.insert(format!("{name}_per_s"), report["ops_per_s"]);
            found.insert(format!("{name}_p99_us"), report["p99_us"]);
        }
        found.insert("start_s".into(), self.restart(&["snapCount=1000"])?.as_secs_f64());
        if self.subject == Subject::Rookeeper {
            let (bytes, seconds) = self.one_snapshot()?;
            found.insert("snapshot_bytes".into(), bytes);
            found.insert("snapshot_s".into(), seconds);
            let rate = machine::sequential_write_rate(&self.folder, bytes)?;
            found.insert("snapshot_of_disk".into(), bytes / seconds / rate);
        }
        Ok(found)
    }

    /// Has a server that does nothing else take a snapshot: its bytes and the seconds that it took, as it says in its log.
    fn one_snapshot(&self) -> Result<(f64, f64)> {
        const ENOUGH: Extent = Extent::Operations(1500);
        const DEADLINE: Duration = Duration::from_secs(300);
        let log = self.folder.join("server.log");
        let before = snapshots_said(&log)?.len();
        let one = Traffic { mix: "set=100", connections: 1, outstanding: 16, multi_size: 1 };
        self.tool().load(&one, ENOUGH, self.path())?;
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if let Some(&said) = snapshots_said(&log)?.get(before) {
                return Ok(said);
            }
            thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("no snapshot was written within {} s", DEADLINE.as_secs())
    }
}

/// What an administrator puts on a machine for this server, in bytes.
fn installed_bytes(kind: &Kind, scratch: &Path) -> Result<u64> {
    match kind {
        Kind::Rookeeper(binary) => {
            let stripped = scratch.join("stripped");
            let status = Command::new("strip").arg("-o").arg(&stripped).arg(binary).status();
            ensure!(status.context("strip does not start")?.success(), "strip failed");
            Ok(fs::metadata(stripped)?.len())
        }
        Kind::Java(release) => {
            let jars =
                fs::read_dir(workspace::cache().join("java").join(release.line()).join("lib"))?;
            jars.map(|jar| Ok(jar?.metadata()?.len())).sum()
        }
    }
}

/// Bytes and seconds of each snapshot that a log of ours tells of.
fn snapshots_said(log: &Path) -> Result<Vec<(f64, f64)>> {
    let text = fs::read_to_string(log)?;
    let field = |line: &str, name: &str| -> Option<f64> {
        line.split_once(name)?.1.split_whitespace().next()?.parse().ok()
    };
    let lines = text.lines().filter(|line| line.contains("snapshot written"));
    lines
        .map(|line| {
            let (bytes, ms) = (field(line, "bytes="), field(line, "took_ms="));
            Ok((bytes.context(line.to_owned())?, ms.context(line.to_owned())?.max(1.0) / 1000.0))
        })
        .collect()
}

/// The figures of a load's report.
fn load_figures(report: &Value) -> Result<Figures> {
    ensure!(number(report, &["operations"])? > 0.0, "nothing was measured: {report}");
    let latency = |key: &str| number(report, &["latency_us", key]);
    Ok(figures([
        ("ops_per_s", number(report, &["operations_per_s"])?),
        ("p50_us", latency("p50")?),
        ("p99_us", latency("p99")?),
        ("p99_9_us", latency("p99_9")?),
        ("max_us", latency("max")?),
    ]))
}

fn figures<const N: usize>(of: [(&str, f64); N]) -> Figures {
    of.into_iter().map(|(key, figure)| (key.to_owned(), figure)).collect()
}

fn number(report: &Value, path: &[&str]) -> Result<f64> {
    let found = path.iter().fold(report, |value, key| &value[*key]);
    found.as_f64().with_context(|| format!("no number {} in {report}", path.join(".")))
}

/// What each of `count` added.
fn each(before: u64, after: u64, count: u32) -> f64 {
    after.saturating_sub(before) as f64 / f64::from(count)
}
