//! Which crate may use which.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::root;

/// A crate and what it may depend on. Tests are free: a dependency of tests alone is no arrow.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("tree", &["wire", "base"]),
    ("zab", &["base"]),
    ("node", &["tree", "zab", "wire", "base"]),
    ("storage", &["tree", "wire", "base"]),
    ("server", &["node", "storage", "tree", "wire", "base"]),
    ("session", &["wire", "base"]),
    ("client", &["session", "wire", "base"]),
    ("recipes", &["client"]),
    ("tools", &["storage", "tree", "wire", "base"]),
    ("bench", &["wire", "base"]),
    ("console", &["client"]),
    ("cli", &["recipes", "tools", "client"]),
    ("sim", &["node", "storage", "session", "client", "recipes"]),
    ("rookeeper", &["server", "cli", "bench", "tools", "console"]),
];

/// Libraries that only some crates may know.
const CONFINED: &[(&str, &[&str])] = &[("tokio", &["server", "client"])];

/// A crate's direct dependencies, those of its tests aside: of the workspace by folder, of others by package.
struct Crate {
    name: String,
    uses: Vec<String>,
}

pub(super) fn check() -> Result<Vec<String>> {
    Ok(crates()?.iter().flat_map(complaints).collect())
}

fn complaints(subject: &Crate) -> Vec<String> {
    let name = &subject.name;
    let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| from == name) else {
        return vec![format!(
            "crates/{name} has no row in the table of arrows (xtask/src/tidy/arrows.rs)"
        )];
    };
    let known = |used: &str| ARROWS.iter().any(|&(from, _)| from == used);
    let stray = subject.uses.iter().filter(|used| known(used) && !allowed.contains(&used.as_str()));
    let confined = CONFINED.iter().filter(|(library, users)| {
        subject.uses.iter().any(|used| used == library) && !users.contains(&name.as_str())
    });
    stray
        .map(|used| format!("crates/{name} must not depend on crates/{used}"))
        .chain(confined.map(|(library, users)| {
            format!("crates/{name} must not depend on {library}: {users:?} alone do")
        }))
        .collect()
}

/// The crates under `crates/` as cargo sees them.
fn crates() -> Result<Vec<Crate>> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let folders: BTreeMap<&str, &str> = packages.iter().filter_map(folder).collect();
    let crates = packages.iter().filter_map(|package| {
        let name = folders.get(package["name"].as_str()?)?;
        Some(Crate { name: (*name).into(), uses: uses(package, &folders) })
    });
    Ok(crates.collect())
}

/// The name of a package and, if it lies under `crates/`, of its folder there.
fn folder(package: &Value) -> Option<(&str, &str)> {
    let manifest = package["manifest_path"].as_str()?;
    let folder = manifest.strip_suffix("/Cargo.toml")?;
    let name = folder.rsplit_once("/crates/")?.1;
    Some((package["name"].as_str()?, name))
}

fn uses(package: &Value, folders: &BTreeMap<&str, &str>) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let product = dependencies.filter(|dependency| dependency["kind"] != "dev");
    let names = product.filter_map(|dependency| dependency["name"].as_str());
    names.map(|name| (*folders.get(name).unwrap_or(&name)).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, uses: &[&str]) -> Vec<String> {
        complaints(&Crate {
            name: name.into(),
            uses: uses.iter().map(|&used| used.into()).collect(),
        })
    }

    #[test]
    fn arrows_point_one_way() {
        assert!(check("server", &["node", "wire", "tokio", "bytes"]).is_empty());
        assert_eq!(check("zab", &["wire"]), ["crates/zab must not depend on crates/wire"]);
        assert_eq!(check("node", &["base", "tokio"]).len(), 1);
        assert_eq!(check("novelty", &[]).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        let mut placed: Vec<&str> = Vec::new();
        while placed.len() < ARROWS.len() {
            let next = ARROWS.iter().find(|(name, uses)| {
                !placed.contains(name) && uses.iter().all(|used| placed.contains(used))
            });
            placed.push(next.expect("a cycle").0);
        }
    }
}
