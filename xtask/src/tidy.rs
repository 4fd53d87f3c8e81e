//! `xtask tidy`: what the compiler does not check of the project's shape.

mod arrows;
mod ledger;
mod map;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::workspace::root;

/// Folders that hold the project's own sources.
const SOURCES: &[&str] = &["crates", "compat", "xtask"];

/// Makes every check and tells all that they find.
pub fn run() -> Result<()> {
    let complaints =
        [arrows::check()?, map::check()?, sources::check()?, ledger::check()?].concat();
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    ensure!(complaints.is_empty(), "tidy has {} complaints", complaints.len());
    Ok(())
}

/// The names of the crates that exist, sorted.
fn crates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Every file under `folder` whose name ends with one of `ends`, relative to the root.
fn files(folder: &str, ends: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| ends.iter().any(|&wanted| end == wanted)) {
                found.push(path.strip_prefix(root())?.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file named relative to the root.
fn text(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(root().join(path))?)
}
