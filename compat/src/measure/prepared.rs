//! Data directories to start on. Both kinds of server get the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::workspace;

use super::row::Filling;
use super::subject::Subject;
use super::tool::Tool;
use crate::{Kind, Release, Server, Settings};

/// Puts a log of `count` creates into `data_dir`, and no snapshot.
///
/// # Errors
/// When it cannot be made.
pub fn log(count: u32, data_dir: &Path) -> Result<()> {
    copy(&log_of(count)?, data_dir)
}

/// Puts a snapshot of `count` znodes into `data_dir`, and no log.
///
/// # Errors
/// When it cannot be made.
pub fn snapshot(count: u32, data_dir: &Path) -> Result<()> {
    copy(&snapshot_of(count)?, data_dir)
}

fn log_of(count: u32) -> Result<PathBuf> {
    made(&format!("log-{count}"), |folder| {
        let settings = Settings::new(folder).line("snapCount=1000000000");
        let mut server = Server::start(Kind::rookeeper(), &settings)?;
        let tool = Tool { address: server.addr(), subject: Subject::Rookeeper };
        tool.fill(Filling { keys: count, shape: "flat", value_bytes: Some(100) })?;
        server.terminate()?;
        Ok(())
    })
}

/// Apache ZooKeeper writes one whenever it starts.
fn snapshot_of(count: u32) -> Result<PathBuf> {
    let log = log_of(count)?;
    made(&format!("snapshot-{count}"), |folder| {
        let settings = Settings { jvm: vec!["-Xmx4g".into()], ..Settings::new(folder) };
        copy(&log, &settings.data_dir)?;
        Server::start(Kind::Java(Release::V3_9), &settings)?.terminate()?;
        let files = settings.data_dir.join("version-2");
        for file in fs::read_dir(&files)? {
            let file = file?;
            // What a server that never had a snapshot wrote at its first start is `snapshot.0`.
            let name = file.file_name();
            if name == "snapshot.0" || !name.to_string_lossy().starts_with("snapshot.") {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    })
}

/// The data directory `name`, which `make` makes in a folder if it is not there; half of one is never taken for it.
fn made(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let all = workspace::cache().join("bench").join("data");
    let folder = all.join(name);
    if !folder.is_dir() {
        let half = all.join(format!("{name}.making"));
        if half.exists() {
            fs::remove_dir_all(&half)?;
        }
        fs::create_dir_all(&half)?;
        make(&half).with_context(|| format!("making {name}"))?;
        fs::rename(&half, &folder)?;
    }
    Ok(folder.join("data"))
}

/// Copies a data directory.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
