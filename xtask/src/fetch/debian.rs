//! Debian's packages, by apt: unpacked into a folder, so that nothing is installed and root is not needed.

use std::path::Path;

use anyhow::{Context, Result};

use super::pins::DEBIAN;
use super::{Item, client, text};
use crate::workspace::cache;

pub(super) fn items() -> Vec<Item> {
    vec![Item {
        name: "C client (Debian)".into(),
        folder: cache().join("deb"),
        recipe: DEBIAN.join(" "),
        make: Box::new(make),
    }]
}

fn make(folder: &Path) -> Result<()> {
    if download(folder).is_err() {
        // A fresh machine has no package lists yet, an old one has lists of packages that are gone.
        client("apt-get", folder, &["update", "--quiet"])
            .context("apt-get download found nothing, apt-get update failed")?;
        download(folder)?;
    }
    for package in std::fs::read_dir(folder)?.flatten() {
        let package = package.path();
        if package.extension().is_some_and(|end| end == "deb") {
            client("dpkg", folder, &["--extract", text(&package)?, "."])?;
        }
    }
    Ok(())
}

fn download(folder: &Path) -> Result<()> {
    client("apt-get", folder, &[&["download", "--quiet"], DEBIAN].concat())
}
