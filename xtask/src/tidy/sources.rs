//! Sources: no file too long, no test left out, the cores without an operating system.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::{SOURCES, crates, files, text};
use crate::suites::SUITES;

/// A file with more lines has more than one subject.
const LINES_MAX: usize = 1000;

/// The crates that do no IO and read no clock: without the standard library such code does not compile.
const PURE: &[&str] = &["base", "wire", "tree", "node", "zab", "session"];

pub(super) fn check() -> Result<Vec<String>> {
    let mut complaints = impure()?;
    complaints.extend(unlisted_suites()?);
    for folder in SOURCES {
        for file in files(folder, &["rs"])? {
            complaints.extend(of_file(&file, &text(&file)?));
        }
    }
    Ok(complaints)
}

fn of_file(file: &Path, source: &str) -> Vec<String> {
    let lines = source.lines().count();
    let long = (lines > LINES_MAX)
        .then(|| format!("{} has {lines} lines, more than {LINES_MAX}", file.display()));
    let numbered = source.lines().enumerate();
    let ignored = numbered.filter(|(_, line)| line.trim_start().starts_with("#[ignore"));
    let ignored = ignored.map(|(n, _)| format!("{}:{} ignores a test", file.display(), n + 1));
    long.into_iter().chain(ignored).collect()
}

/// The pure crates that have the standard library.
fn impure() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in crates()?.iter().filter(|name| PURE.contains(&name.as_str())) {
        let root = Path::new("crates").join(name).join("src/lib.rs");
        if !text(&root)?.lines().any(|line| line == "#![no_std]") {
            complaints.push(format!("{} is not #![no_std]", root.display()));
        }
    }
    Ok(complaints)
}

/// The suite that a file is the root of: `NAME.rs` or `NAME/main.rs`, as cargo finds them.
fn suite(file: &Path) -> Option<String> {
    let mut words = file.strip_prefix("compat/tests").ok()?.iter();
    let (first, second, rest) = (words.next()?, words.next(), words.next());
    match (second.and_then(|word| word.to_str()), rest) {
        (None, _) => Some(Path::new(first).file_stem()?.to_string_lossy().into_owned()),
        (Some("main.rs"), None) => Some(first.to_string_lossy().into_owned()),
        _ => None,
    }
}

/// Suites without a row in the gate, and rows without a suite.
fn unlisted_suites() -> Result<Vec<String>> {
    let found: BTreeSet<String> =
        files("compat/tests", &["rs"])?.iter().filter_map(|file| suite(file)).collect();
    let listed: BTreeSet<String> = SUITES.iter().map(|suite| suite.name.to_owned()).collect();
    let differing = found.symmetric_difference(&listed);
    Ok(differing
        .map(|name| format!("compat/tests/{name}.rs and xtask/src/suites.rs do not agree"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_a_file_or_a_folder() {
        let suite = |path| suite(Path::new(path));
        assert_eq!(suite("compat/tests/shell.rs").as_deref(), Some("shell"));
        assert_eq!(suite("compat/tests/process/main.rs").as_deref(), Some("process"));
        assert_eq!(suite("compat/tests/process/disk.rs"), None);
    }

    #[test]
    fn long_files_and_ignored_tests_are_found() {
        let file = Path::new("x.rs");
        assert!(of_file(file, "fn x() {}\n").is_empty());
        assert_eq!(of_file(file, "    #[ignore = \"slow\"]\n"), ["x.rs:1 ignores a test"]);
        assert_eq!(of_file(file, &"\n".repeat(LINES_MAX + 1)).len(), 1);
    }
}
