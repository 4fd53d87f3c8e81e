//! kazoo's source package and an environment that can run its suite, by pip.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::pins::{KAZOO, PYTHON};
use super::{Item, client, text};
use crate::workspace::cache;

pub(super) fn items() -> Vec<Item> {
    let source = Item {
        name: format!("{KAZOO} (PyPI)"),
        folder: cache().join("kazoo"),
        recipe: KAZOO.into(),
        make: Box::new(unpack_kazoo),
    };
    let environment = Item {
        name: "Python environment (PyPI)".into(),
        folder: cache().join("venv"),
        recipe: PYTHON.join(" "),
        make: Box::new(make_environment),
    };
    vec![source, environment]
}

fn unpack_kazoo(folder: &Path) -> Result<()> {
    let quiet = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "kazoo", KAZOO];
    client("python3", folder, &quiet)?;
    let archive = fs::read_dir(folder)?
        .flatten()
        .find(|entry| entry.path().extension().is_some_and(|end| end == "gz"));
    let archive = archive.context("pip brought no archive")?.path();
    client("tar", folder, &["--extract", "--strip-components=1", "--file", text(&archive)?])
}

fn make_environment(folder: &Path) -> Result<()> {
    client("python3", folder, &["-m", "venv", "."])?;
    let install =
        [&["-m", "pip", "install", "--quiet", "--disable-pip-version-check"], PYTHON].concat();
    client(text(&folder.join("bin/python"))?, folder, &install)
}
