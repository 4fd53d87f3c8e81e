//! The JavaScript client, by npm.

use std::path::Path;

use anyhow::Result;

use super::pins::NODE;
use super::{Item, client};
use crate::workspace::cache;

pub(super) fn items() -> Vec<Item> {
    vec![Item {
        name: "JavaScript client (npm)".into(),
        folder: cache().join("node"),
        recipe: NODE.join(" "),
        make: Box::new(make),
    }]
}

fn make(folder: &Path) -> Result<()> {
    let install = [
        "install",
        "--prefix",
        ".",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ];
    client("npm", folder, &[&install, NODE].concat())
}
