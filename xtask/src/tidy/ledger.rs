//! The ledger of behaviours reproduced on purpose: every id that is cited exists, every id is cited.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use super::{files, text};

/// The ledger, from the root. An entry is a row of a table that begins with its id.
const LEDGER: &str = "docs/compat.md";

/// Where ids are cited: in the product and in the suites that compare it.
const CITING: &[&str] = &["crates", "compat"];

/// Files that can cite one.
const ENDS: &[&str] = &["rs", "java", "js", "toml"];

pub(super) fn check() -> Result<Vec<String>> {
    let Ok(ledger) = text(Path::new(LEDGER)) else {
        return Ok(vec![format!("{LEDGER} is missing")]);
    };
    let mut cited = BTreeMap::new();
    for folder in CITING {
        for file in files(folder, ENDS)? {
            for id in ids(&text(&file)?) {
                cited.entry(id).or_insert_with(|| file.display().to_string());
            }
        }
    }
    Ok(complaints(&ledger, &cited))
}

fn complaints(ledger: &str, cited: &BTreeMap<String, String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut entries = BTreeSet::new();
    for row in ledger.lines().filter_map(|line| line.strip_prefix("| C-")) {
        let id = format!("C-{}", row.split_whitespace().next().unwrap_or_default());
        if !entries.insert(id.clone()) {
            complaints.push(format!("{LEDGER} has {id} twice"));
        }
    }
    let unknown = cited.iter().filter(|(id, _)| !entries.contains(*id));
    complaints.extend(
        unknown.map(|(id, file)| format!("{file} cites {id}, which {LEDGER} does not have")),
    );
    let idle = entries.iter().filter(|id| !cited.contains_key(*id));
    complaints
        .extend(idle.map(|id| format!("{LEDGER} has {id}, which neither code nor test cites")));
    complaints
}

/// Every id in a text, standing by itself: `C-` and a number, perhaps with a letter.
fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| is_id(word)).map(String::from).collect()
}

fn is_id(word: &str) -> bool {
    word.strip_prefix("C-").is_some_and(|number| {
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = "| id | behaviour |\n|---|---|\n| C-001 | one |\n| C-2b | two |\n";

    fn check(code: &str) -> Vec<String> {
        let cited = ids(code).into_iter().map(|id| (id, "x.rs".to_owned())).collect();
        complaints(LEDGER, &cited)
    }

    #[test]
    fn ledger_and_code_agree() {
        assert!(check("// C-001, C-2b.").is_empty());
        assert_eq!(
            check("// C-001"),
            ["docs/compat.md has C-2b, which neither code nor test cites"]
        );
        assert_eq!(
            check("(C-001) C-2b C-003"),
            ["x.rs cites C-003, which docs/compat.md does not have"]
        );
        assert!(check("C-001 C-2b CRC-32 C-abc").is_empty());
    }
}
