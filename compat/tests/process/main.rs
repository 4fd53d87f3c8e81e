//! The server as a process: how it starts, refuses to start and ends, what it does when its disk fails, and how it
//! keeps the client protocol on real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod disk;
mod ending;
mod frames;
mod ordering;
mod refusing;
mod sessions;

use std::time::{Duration, Instant};

use compat::{Kind, Server, Settings};
use tempfile::TempDir;

/// How long anything may take on a busy machine before it counts as never.
const PATIENCE: Duration = Duration::from_secs(30);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Short logs: what a test looks through is small.
fn settings(folder: &TempDir) -> Settings {
    Settings::new(folder.path()).property("zookeeper.preAllocSize=64")
}

fn start(settings: &Settings) -> Server {
    Server::start(Kind::under_test(), settings).expect("the server starts")
}

/// Looks until `seen` is there; for what nobody tells.
fn await_that(what: &str, mut seen: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !seen() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
