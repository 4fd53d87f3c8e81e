//! Where things are: the repository, what was fetched, the binary under test, and the seed of this tree.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

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
    let output = Command::new("git")
        .args(["rev-parse", "HEAD^{tree}"])
        .current_dir(root())
        .output()
        .context("git does not start")?;
    ensure!(
        output.status.success(),
        "git rev-parse HEAD^{{tree}}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let hash = String::from_utf8(output.stdout)?;
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
