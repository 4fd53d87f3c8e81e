//! ARCHITECTURE.md: short, and naming the crates that exist.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::{crates, text};

/// The file, from the root.
const MAP: &str = "ARCHITECTURE.md";

/// More lines than this nobody reads.
const LINES_MAX: usize = 250;

pub(super) fn check() -> Result<Vec<String>> {
    let Ok(map) = text(Path::new(MAP)) else {
        return Ok(vec![format!("{MAP} is missing")]);
    };
    Ok(complaints(&map, &crates()?))
}

fn complaints(map: &str, crates: &[String]) -> Vec<String> {
    let named = named(map);
    let exist: BTreeSet<&str> = crates.iter().map(String::as_str).collect();
    let missing =
        exist.difference(&named).map(|name| format!("{MAP} does not name `crates/{name}`"));
    let gone = named
        .difference(&exist)
        .map(|name| format!("{MAP} names `crates/{name}`, which does not exist"));
    let lines = map.lines().count();
    let long =
        (lines > LINES_MAX).then(|| format!("{MAP} has {lines} lines, more than {LINES_MAX}"));
    missing.chain(gone).chain(long).collect()
}

/// Every crate that the map names as `crates/NAME`.
fn named(map: &str) -> BTreeSet<&str> {
    let after = map.split("crates/").skip(1);
    let names =
        after.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_names_what_exists() {
        let crates = ["base", "wire"].map(String::from);
        assert!(
            complaints("`crates/base` then `crates/wire/src`: under crates/", &crates).is_empty()
        );
        assert_eq!(complaints("`crates/base`, `crates/zab`", &crates).len(), 2);
        assert_eq!(complaints(&"crates/base crates/wire\n".repeat(251), &crates).len(), 1);
    }
}
