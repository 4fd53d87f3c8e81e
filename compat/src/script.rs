//! A client program that checks a server and says so, line by line.
//!
//! It prints `ok BEHAVIOUR` for all that holds, `please kill and restart` where the server has to go down and come
//! back, and `done` at its end. The first behaviour that does not hold ends it with a message and a failure.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::process::run_lines;

use crate::Server;

/// What a program may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs a program against `server` and hands back the behaviours that it found to hold.
pub fn run(command: &mut Command, server: &mut Server) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let stderr = folder.path().join("stderr");
    let mut said = Vec::new();
    let mut restarted = Ok(());
    let status = run_lines(command.stderr(File::create(&stderr)?), DEADLINE, |line| {
        if line == "please kill and restart" {
            restarted = server.restart();
        }
        said.push(line.to_owned());
    });
    restarted.context("the server does not come back")?;
    let told = || {
        format!(
            "{}\n{}\n{}",
            said.join("\n"),
            std::fs::read_to_string(&stderr).unwrap_or_default(),
            server.log_tail()
        )
    };
    let status = status.with_context(told)?;
    let done = said.last().is_some_and(|line| line == "done");
    ensure!(status.success() && done, "the program ended with {status}:\n{}", told());
    Ok(said.iter().filter_map(|line| line.strip_prefix("ok ")).map(String::from).collect())
}
