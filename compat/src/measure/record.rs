//! What was measured, one line of JSON for each row, subject and round. It lies in the repository, so that rows measured on
//! another day or machine stand beside new ones.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::scene::Figures;
use super::subject::Subject;

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The id of its row.
    pub row: String,
    /// Who was measured.
    pub subject: Subject,
    /// Number of the round, from 0.
    pub round: u32,
    /// The commit that last changed what is measured.
    pub commit: String,
    /// The day, as `2026-01-31`.
    pub day: String,
    /// What it was measured on.
    pub machine: Machine,
    /// What its disk could do when the run began.
    pub disk: String,
    /// Share of the machine's CPU time that others took meanwhile, where a hypervisor says so.
    pub stolen: f64,
    /// What was found; empty if the subject could not do it.
    pub figures: Figures,
    /// Why there are no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// All records, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Ledger {
    path: PathBuf,
    records: Vec<Record>,
}

impl Ledger {
    /// Reads what is there; no file is an empty ledger.
    ///
    /// # Errors
    /// When a line is no record.
    pub fn open(path: PathBuf) -> Result<Self> {
        let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        let records = text
            .lines()
            .enumerate()
            .map(|(number, line)| {
                serde_json::from_str(line)
                    .with_context(|| format!("{}:{}", path.display(), number + 1))
            })
            .collect::<Result<_>>()?;
        Ok(Self { path, records })
    }

    /// Adds a record, on disk before it counts. What the row has of another commit on this machine goes, whoever was measured:
    /// a ratio is of one run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, record: Record) -> Result<()> {
        let kept = self.records.len();
        self.records.retain(|old| {
            (&old.row, &old.machine) != (&record.row, &record.machine)
                || old.commit == record.commit
        });
        let is_append = self.records.len() == kept;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        self.records.push(record);
        if is_append {
            let line = self.records.last().map(serde_json::to_string).transpose()?;
            let mut file = File::options().create(true).append(true).open(&self.path)?;
            return Ok(writeln!(file, "{}", line.unwrap_or_default())?);
        }
        let mut text = String::new();
        for record in &self.records {
            text += &serde_json::to_string(record)?;
            text.push('\n');
        }
        let half = self.path.with_extension("half");
        fs::write(&half, text)?;
        Ok(fs::rename(half, &self.path)?)
    }

    /// Whether this was measured already, on this commit and machine.
    #[must_use]
    pub fn has(&self, row: &str, subject: Subject, round: u32, at: (&str, &Machine)) -> bool {
        self.records.iter().any(|record| {
            (record.row.as_str(), record.subject, record.round) == (row, subject, round)
                && (record.commit.as_str(), &record.machine) == at
        })
    }

    /// The rounds of a row on the machine on which it was measured last.
    #[must_use]
    pub fn newest(&self, row: &str) -> Vec<&Record> {
        let of_row = || self.records.iter().filter(|record| record.row == row);
        let Some(last) = of_row().next_back() else { return Vec::new() };
        of_row().filter(|record| record.machine == last.machine).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: &str, round: u32, commit: &str) -> Record {
        Record {
            row: row.into(),
            subject: Subject::Rookeeper,
            round,
            commit: commit.into(),
            day: "2026-01-31".into(),
            machine: Machine { cpu: "one".into(), system: "two".into() },
            disk: "fast".into(),
            stolen: 0.0,
            figures: Figures::from([("ops_per_s".into(), 7.5)]),
            failure: None,
        }
    }

    #[test]
    fn a_run_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet/records.jsonl");
        let mut ledger = Ledger::open(path.clone()).unwrap();
        ledger.add(record("R1", 0, "a")).unwrap();
        ledger.add(record("R2", 0, "a")).unwrap();
        let ledger = Ledger::open(path).unwrap();
        let machine = record("", 0, "").machine;
        assert!(ledger.has("R1", Subject::Rookeeper, 0, ("a", &machine)));
        assert!(!ledger.has("R1", Subject::Rookeeper, 1, ("a", &machine)));
        assert!(!ledger.has("R1", Subject::Java, 0, ("a", &machine)));
        assert!(!ledger.has("R1", Subject::Rookeeper, 0, ("b", &machine)));
    }

    #[test]
    fn rounds_of_an_older_commit_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.jsonl");
        let mut ledger = Ledger::open(path.clone()).unwrap();
        let java = Record { subject: Subject::Java, ..record("R1", 0, "a") };
        for old in [java, record("R1", 0, "a"), record("R1", 1, "a"), record("R2", 0, "a")] {
            ledger.add(old).unwrap();
        }
        ledger.add(record("R1", 0, "b")).unwrap();
        ledger.add(record("R1", 1, "b")).unwrap();
        let ledger = Ledger::open(path).unwrap();
        let commits = |row| ledger.newest(row).iter().map(|r| r.commit.clone()).collect::<Vec<_>>();
        assert_eq!((commits("R1"), commits("R2")), (vec!["b".into(); 2], vec!["a".to_string()]));
    }
}
