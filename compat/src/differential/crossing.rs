//! The tree digest, shown by crossing over: a server opens the directory that another kind has written and replays its
//! whole log, in which every transaction tells the digest that the tree must have behind it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::tree;
use crate::{Kind, Server};

/// What a server that opened another's directory tells of it.
#[derive(Debug)]
pub struct Crossing {
    /// Transactions behind which the tree's digest was not the one that the log tells.
    pub mismatches: usize,
    /// Digests in `hash` that both servers told for the same zxid.
    pub digests_compared: usize,
}

/// Has `kind` open the directory that `server` leaves, and the log replayed from its beginning.
///
/// # Errors
/// When the tree, or a digest that both tell, is not the same as before, times included.
pub fn cross(server: &mut Server, kind: Kind) -> Result<Crossing> {
    let before = tree::read(server.addr())?;
    let told = digests(&server.word("hash")?)?;
    server.terminate()?;
    forget_snapshots(server.data_dir())?;
    let name = kind.to_string();
    server.restart_as(kind)?;
    let after = tree::read(server.addr())?;
    let differences =
        tree::differences(&before, &after, |node| format!("{node:?}"), |node| format!("{node:?}"));
    ensure!(differences.is_empty(), "{name} serves another tree\n{}", differences.join("\n"));
    let mut digests_compared = 0;
    for (zxid, digest) in digests(&server.word("hash")?)? {
        let Some(known) = told.get(&zxid) else {
            continue;
        };
        ensure!(*known == digest, "{name} has the digest {digest} at {zxid}, not {known}");
        digests_compared += 1;
    }
    Ok(Crossing { mismatches: mismatches(server)?, digests_compared })
}

/// How many transactions left a digest that the log does not tell, since the server's start.
fn mismatches(server: &Server) -> Result<usize> {
    let mntr = server.word("mntr")?;
    let count = mntr.lines().find_map(|line| line.strip_prefix("zk_digest_mismatches_count\t"));
    Ok(count.context("mntr tells no digest mismatches")?.parse()?)
}

/// The answer to `hash`: a line `zxid: digest` for each of the latest digests kept.
fn digests(answer: &str) -> Result<BTreeMap<String, String>> {
    let lines = answer.lines().map(|line| {
        let (zxid, digest) =
            line.split_once(": ").with_context(|| format!("hash tells {line:?}"))?;
        Ok((zxid.to_owned(), digest.to_owned()))
    });
    lines.collect()
}

/// Removes all snapshots but the first, that of the empty tree.
fn forget_snapshots(data_dir: &Path) -> Result<()> {
    for entry in fs::read_dir(data_dir.join("version-2"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("snapshot.") && name != "snapshot.0" {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
