//! Where things are: the repository, what was fetched, the binary under test, and the seed of this tree.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::run;

/// Environment variable that carries the gate's seed (decimal `u64`) to the suites.
pub const SEED: &str = "ROOKEEPER_SEED";

/// Environment variable that names the binary under test.
pub const BIN: &str = "ROOKEEPER_BIN";

/// The repository's root folder.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The git-ignored folder that holds everything `xtask fetch` brought.
pub fn cache() -> PathBuf {
    root().join(".cache")
}

/// The binary under test: `$ROOKEEPER_BIN`, else the release build.
pub fn binary() -> PathBuf {
    std::env::var_os(BIN).map_or_else(|| root().join("target/release/rookeeper"), PathBuf::from)
}

/// Builds the binary of what is checked out: otherwise a measurement is of whatever release build lies there.
///
/// # Errors
/// When it does not build.
pub fn build_release() -> Result<()> {
    const DEADLINE: Duration = Duration::from_secs(3600);
    let mut build = Command::new("cargo");
    build.current_dir(root()).args(["build", "--release", "--quiet", "--package", "rookeeper"]);
    ensure!(run(&mut build, DEADLINE)?.success(), "the release build failed");
    Ok(())
}

/// What git prints, without the end of the last line.
///
/// # Errors
/// When it fails; its words are in the error.
pub fn git(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    let output = command.current_dir(root()).args(arguments).output().context("git")?;
    ensure!(
        output.status.success(),
        "git {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// The seed of every suite that draws at random: `$ROOKEEPER_SEED`, else the content of the committed tree.
///
/// New for every commit, equal wherever that commit is tested, so that what was green stays green.
pub fn seed() -> Result<u64> {
    if let Ok(given) = std::env::var(SEED) {
        return given
            .parse()
            .with_context(|| format!("{SEED}={given} is not a decimal number below 2^64"));
    }
    tree_seed()
}

/// The leading 64 bits of the hash of the tree at `HEAD`.
fn tree_seed() -> Result<u64> {
    let hash = git(&["rev-parse", "HEAD^{tree}"])?;
    let head = hash.get(..16).context("git names no tree")?;
    Ok(u64::from_str_radix(head, 16)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_gives_one_seed() {
        assert_eq!(tree_seed().unwrap(), tree_seed().unwrap());
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
