//! The parts of `docs/compat/configuration.md` that are made from the code and the table, so that they cannot lie.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use server::config::table::{How, KEYS, Key, State};
use xtask::workspace;

use super::{Case, Table};

/// Where the document is.
pub fn path() -> PathBuf {
    workspace::root().join("docs/compat/configuration.md")
}

/// The document as it should be: its own prose, and the made parts anew.
pub fn render(document: &str, table: &Table) -> Result<String> {
    let document = replace(document, "keys", &keys())?;
    replace(&document, "differences", &differences(table))
}

/// Writes the made parts into the document.
pub fn save(table: &Table) -> Result<()> {
    let document = fs::read_to_string(path())?;
    Ok(fs::write(path(), render(&document, table)?)?)
}

/// Puts `made` between the two comments that name the part.
fn replace(document: &str, part: &str, made: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- end of {part} -->"));
    let (before, rest) = document.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    Ok(format!("{before}{begin}{made}{end}{after}"))
}

fn keys() -> String {
    let mut rows = String::from("| key | given | here |\n|---|---|---|\n");
    for key in KEYS {
        let _ = writeln!(rows, "| `{}` | {} | {} |", key.name, given(key), here(key));
    }
    rows
}

fn given(key: &Key) -> &'static str {
    match key.how {
        How::File(_) => "`zoo.cfg`",
        How::Property => "`zoo.cfg`, `-Dzookeeper.`",
        How::Define => "`-D` only",
    }
}

fn here(key: &Key) -> String {
    match key.state {
        State::Implemented => "implemented".to_owned(),
        State::Ensemble => "for members of an ensemble".to_owned(),
        State::Client => "for clients and tools".to_owned(),
        State::Ignored(reason) => format!("ignored: {reason}"),
        State::Refused(reason) => format!("refused unless `false`: {reason}"),
    }
}

fn differences(table: &Table) -> String {
    let mut rows = String::from("| case | Apache ZooKeeper | here | why |\n|---|---|---|---|\n");
    for case in table.case.iter().filter(|case| !case.agrees()) {
        let why = case.why.as_deref().unwrap_or_default();
        let (java, ours) = (outcome(&case.java, case), outcome(&case.ours, case));
        let _ = writeln!(rows, "| {} | {java} | {ours} | {why} |", case.name);
    }
    rows
}

/// Without the values and messages, which the table has, unless they are the difference.
fn outcome(text: &str, case: &Case) -> String {
    let both_start = case.java.starts_with("starts") && case.ours.starts_with("starts");
    let short = text.split_once(": ").map_or(text, |(short, _)| short);
    if !both_start {
        return short.to_owned();
    }
    let other = if text == case.java { &case.ours } else { &case.java };
    let own = text.split(' ').filter(|word| !other.split(' ').any(|theirs| theirs == *word));
    format!("{short}: `{}`", own.collect::<Vec<_>>().join(" "))
}
