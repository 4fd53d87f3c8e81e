//! Ours killed under load, again and again: what was acknowledged is there, and nothing is there that nobody wrote.
//! And what a kill cannot show: that nothing is acknowledged before it is on disk.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base::Prng;
use compat::acknowledgement::{self, Findings};
use compat::client::Session;
use compat::load::{self, End, Load, seen};
use compat::{Kind, Server, strace};
use wire::CreateMode;
use xtask::workspace;

/// Kills in the gate. `ROOKEEPER_KILLS` asks for more.
const KILLS: usize = 20;
/// What a server must have acknowledged since its start for its kill to count, and what it must leave unanswered.
const ACKNOWLEDGED_MIN: u64 = 1000;
const OUTSTANDING_MIN: usize = 256;

const WORKERS: u64 = 16;

/// How long strace may take to write down the rest.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn what_was_acknowledged_survives_every_kill() -> Result<()> {
    let kills = match std::env::var("ROOKEEPER_KILLS") {
        Ok(given) => given.parse()?,
        Err(_) => KILLS,
    };
    let seed = workspace::seed()?;
    let folder = tempfile::tempdir()?;
    let mut prng = Prng::new(seed);
    let mut server = Server::start(Kind::under_test(), &load::settings(folder.path()))?;
    let mut load = Load::begin(server.addr(), WORKERS, seed)?;
    let (mut counted, mut acknowledged, mut outstanding) = (0, 0, 0);
    let begun = Instant::now();
    for kill in 1.. {
        let goal = ACKNOWLEDGED_MIN + prng.below(2 * ACKNOWLEDGED_MIN);
        let goal = usize::try_from(goal)?;
        let burst = load.burst(server.addr(), goal, End::Cut, || server.kill9())?;
        if prng.one_in(4) {
            server.restart_cut_short(Duration::from_micros(prng.below(60_000)))?;
        }
        server.restart()?;
        let context = || format!("seed {seed}, kill {kill}\n{}", server.log_tail());
        load.settle(&seen::read(server.addr())?).with_context(context)?;
        load.resume(server.addr()).with_context(context)?;
        acknowledged += burst.acknowledged;
        outstanding += burst.outstanding;
        counted += usize::from(burst.outstanding >= OUTSTANDING_MIN);
        if counted == kills {
            break;
        }
        ensure!(kill < 2 * kills, "only {counted} of {kill} kills were under load");
    }
    println!(
        "{counted} kills under load in {} s: {acknowledged} writes acknowledged, {} of them changed something, \
         {outstanding} cut off",
        begun.elapsed().as_secs(),
        load.successes(),
    );
    Ok(())
}

/// That the suite would notice: a server whose log has lost its second half.
#[test]
fn a_loss_is_noticed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = load::settings(folder.path()).line("snapCount=1000000");
    let mut server = Server::start(Kind::under_test(), &settings)?;
    let mut load = Load::begin(server.addr(), 4, workspace::seed()?)?;
    load.burst(server.addr(), 1000, End::Cut, || server.kill9())?;
    let log = server.data_dir().join("version-2/log.1");
    let bytes = fs::read(&log)?;
    let end = bytes.iter().rposition(|&byte| byte != 0).context("an empty log")?;
    fs::write(&log, &bytes[..end / 2])?;
    server.restart()?;
    let error = load.settle(&seen::read(server.addr())?).err().context("nothing was noticed")?;
    assert!(error.to_string().contains("behind none of its writes"), "{error}");
    Ok(())
}

#[test]
fn no_reply_leaves_before_its_sync() -> Result<()> {
    const SINGLY: usize = 100;
    const PIPELINED: usize = 1500;
    let findings = trace("yes", SINGLY, PIPELINED)?;
    println!(
        "{} frames for {} log entries, {} syncs",
        findings.frames, findings.entries, findings.syncs
    );
    assert!(findings.early.is_empty(), "{:#?}", findings.early);
    assert!(findings.frames >= SINGLY + PIPELINED, "replies have left on other ways: {findings:?}");
    assert!(findings.entries >= SINGLY + PIPELINED, "the log is written in other ways");
    // Those that came singly have one each, the others share.
    assert!((SINGLY..findings.entries).contains(&findings.syncs), "{findings:?}");
    Ok(())
}

/// That the suite would notice.
#[test]
fn without_syncs_every_reply_is_early() -> Result<()> {
    let findings = trace("no", 20, 100)?;
    assert!(findings.early.len() >= 120, "{findings:?}");
    Ok(())
}

/// What the system calls show while writes come one at a time, and then many at once.
fn trace(force_sync: &str, singly: usize, pipelined: usize) -> Result<Findings> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trace");
    let mut args = strace::READABLE.to_vec();
    let path = file.display().to_string();
    args.extend(["-e", acknowledgement::CALLS, "-o", &path]);
    let settings = load::settings(folder.path()).line(format!("forceSync={force_sync}"));
    let mut server = Server::start(Kind::rookeeper(), &strace::traced(settings, &args))?;
    let mut session = Session::open(server.addr(), 30_000)?;
    for n in 0..singly {
        session.create(&format!("/n{n}"), b"x", CreateMode::Persistent)?;
    }
    session.close()?;
    let mut load = Load::begin(server.addr(), 4, workspace::seed()?)?;
    load.burst(server.addr(), pipelined, End::Answered, || Ok(()))?;
    let pid = server.pid();
    server.terminate()?;
    acknowledgement::check(strace::events(&whole_trace(&file, pid)?)?)
}

/// strace writes on for a moment when the server has gone; the server's end is the last that it writes.
fn whole_trace(file: &Path, pid: u32) -> Result<String> {
    let is_last = |line: &str| {
        let (thread, what) = line.split_once(' ').unwrap_or_default();
        thread == pid.to_string() && what.trim_start().starts_with("+++")
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let trace = fs::read_to_string(file)?;
        if trace.ends_with('\n') && trace.lines().rev().any(is_last) {
            return Ok(trace);
        }
        thread::sleep(Duration::from_millis(10));
    }
    bail!("the trace has no end")
}
