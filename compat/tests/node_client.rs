//! npm's `node-zookeeper-client`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use compat::{Kind, Server, Settings, script};
use xtask::workspace;

/// How many behaviours the program checks.
const BEHAVIOURS: usize = 30;

#[test]
fn the_javascript_client_finds_what_it_knows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(Kind::under_test(), &Settings::new(folder.path()))?;
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("node/client.js"))
        .arg(server.addr().to_string());
    node.env("NODE_PATH", workspace::cache().join("node/node_modules"));
    let held = script::run(&mut node, &mut server)?;
    ensure!(held.len() == BEHAVIOURS, "the program checks other behaviours than it did: {held:#?}");
    Ok(())
}
