//! kazoo's own suite against one server.
//!
//! `kazoo/expected.txt` names every test that has to pass: all that pass with Apache ZooKeeper 3.9.5 alone on its
//! port, but those that need TLS or SASL. `kazoo/excluded.txt` names the others with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use compat::{Kind, Release, ports};
use xtask::process::run_lines;
use xtask::workspace;

/// Processes of pytest at once, each with a server of its own. The tests mostly wait.
const WORKERS: usize = 4;

/// What one file of tests may take; the longest needs 40 s.
const DEADLINE: Duration = Duration::from_secs(240);

/// As many tests may have a second try, by themselves: the suite measures time, and other work runs beside it.
const SECOND_TRIES: usize = 10;

/// The files that take longest, to be begun first.
const LONGEST: &[&str] =
    &["test_client.py", "test_eventlet_handler.py", "test_watchers.py", "test_partitioner.py"];

/// The ports of one server in kazoo's harness: client, election, leader, admin, TLS.
const PORTS: u16 = 5;

#[test]
fn kazoo_passes_its_own_suite() -> Result<()> {
    let expected: BTreeSet<String> = names("expected.txt").into_iter().collect();
    let mut passed = run_all()?;
    let failed: Vec<String> = expected.difference(&passed).cloned().collect();
    if !failed.is_empty() && failed.len() <= SECOND_TRIES {
        println!("kazoo: tried again: {failed:#?}");
        passed.extend(run(&failed)?);
    }
    let missing: Vec<_> = expected.difference(&passed).collect();
    println!("kazoo: {} of {} tests passed", passed.len(), expected.len());
    ensure!(missing.is_empty(), "did not pass: {missing:#?}");
    let unlisted: Vec<_> = passed.difference(&expected).collect();
    ensure!(unlisted.is_empty(), "passed but are not in expected.txt: {unlisted:#?}");
    Ok(())
}

/// Runs every file of the suite, some at a time; hands back the tests that passed.
fn run_all() -> Result<BTreeSet<String>> {
    let queue = Mutex::new(files());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let worker = || std::iter::from_fn(next).map(|file| run(&[file])).collect::<Vec<_>>();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let passed: Vec<_> = outcomes.into_iter().collect::<Result<_>>()?;
    Ok(passed.into_iter().flatten().collect())
}

/// The files of the suite; the last is to be run first.
fn files() -> Vec<String> {
    let entries = fs::read_dir(source().join("kazoo/tests"))
        .expect("cargo xtask fetch brings kazoo")
        .flatten();
    let mut files: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    files.retain(|file| file.starts_with("test_") && file.ends_with(".py"));
    files.sort_by_key(|file| LONGEST.iter().rev().position(|long| long == file));
    files.into_iter().map(|file| format!("kazoo/tests/{file}")).collect()
}

/// Runs files or single tests against a server of their own; hands back the tests that passed.
fn run(tests: &[String]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let mut output = String::new();
    let status = run_lines(&mut pytest(folder.path(), tests)?, DEADLINE, |line| {
        output += line;
        output += "\n";
    });
    let status = status.with_context(|| tests.join(" "))?;
    // 5: every test is excluded. Whether all passed that have to is the caller's to judge.
    if !matches!(status.code(), Some(0 | 5)) {
        println!("==== {}: pytest ended with {status}\n{output}", tests.join(" "));
    }
    Ok(output.lines().filter_map(|line| line.strip_prefix("PASSED ")).map(String::from).collect())
}

/// The command that runs `tests`.
fn pytest(folder: &Path, tests: &[String]) -> Result<Command> {
    let mut command = Command::new(workspace::cache().join("venv/bin/python"));
    command.args([
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "--color=no",
        "--tb=short",
        "-rpfEs",
        "-o",
        "log_cli=false",
        "--timeout=90",
    ]);
    command.arg(format!("--basetemp={}", folder.join("pytest").display())).args(tests);
    command.args(names("excluded.txt").iter().map(|test| format!("--deselect={test}")));
    command
        .current_dir(source())
        // The harness counts on a machine of its own project when this is set.
        .env_remove("CI")
        .env("TMPDIR", folder)
        .env("ZOOKEEPER_CLASSPATH", Release::V3_9.class_path())
        .env("ZOOKEEPER_VERSION", "3.9.5")
        .env("ZOOKEEPER_CLUSTER_SIZE", "1")
        .env("ZOOKEEPER_PORT_OFFSET", ports::free(PORTS).to_string())
        .stderr(fs::File::create(folder.join("stderr"))?);
    if let Kind::Rookeeper(binary) = Kind::under_test() {
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", list("bin").display()))
            .env(workspace::BIN, binary);
    }
    Ok(command)
}

fn source() -> PathBuf {
    workspace::cache().join("kazoo")
}

fn list(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kazoo").join(name)
}

/// The names in a list; a `#` starts a comment.
fn names(file: &str) -> Vec<String> {
    let text = fs::read_to_string(list(file)).expect("the list is there");
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    names.filter(|name| !name.is_empty()).map(String::from).collect()
}
