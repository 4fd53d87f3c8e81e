//! The benchmark: ours beside Apache ZooKeeper and a server that does nothing, in turn, in one run.
//!
//! What is measured is a table ([`rows::ROWS`]); how, is in [`scene`]; `rookeeper bench` sends all loads. Each measurement is a
//! line in `docs/benchmarks/records.jsonl` as soon as it is made, from which [`document`] makes the page and the plots.

pub mod document;
pub mod machine;
mod plot;
mod prepared;
pub mod record;
pub mod row;
pub mod rows;
mod running;
pub mod scene;
mod subject;
pub mod summary;
mod tool;
mod usage;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use xtask::workspace::{self, git};

use self::machine::{Disk, Machine};
use self::record::{Ledger, Record};
use self::row::{Row, Stage};
use self::rows::ROWS;
use self::scene::{Figures, Scale, Scene};
pub use self::subject::Subject;

/// What to measure.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Ids of rows; none means all.
    pub rows: Vec<String>,
    /// Rounds of each; none means as many as each stage asks for.
    pub rounds: Option<u32>,
    /// Whether everything is done once and hardly, and nothing recorded.
    pub smoke: bool,
}

impl Plan {
    /// The rows that are wanted, stage by stage.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn stages(&self) -> Result<Vec<(&'static Stage, Vec<&'static Row>)>> {
        if let Some(unknown) = self.rows.iter().find(|id| !ROWS.iter().any(|row| row.id == **id)) {
            bail!("no row is called {unknown}: --list shows them");
        }
        let wanted = |row: &&Row| self.rows.is_empty() || self.rows.iter().any(|id| id == row.id);
        let mut stages: Vec<(&Stage, Vec<&Row>)> = Vec::new();
        for row in ROWS.iter().filter(wanted) {
            match stages.last_mut() {
                Some((stage, rows)) if *stage == row.stage => rows.push(row),
                _ => stages.push((row.stage, vec![row])),
            }
        }
        Ok(stages)
    }

    /// Measures, and writes the page.
    ///
    /// # Errors
    /// When a server or the tool fails; what was measured before is recorded.
    pub fn run(&self) -> Result<()> {
        bench::raise_descriptor_limit()?;
        if self.smoke {
            return self.smoke();
        }
        let docs = workspace::root().join("docs");
        let scratch = tempfile::tempdir_in(scratch()?)?;
        let mut bench = Bench {
            ledger: Ledger::open(docs.join("benchmarks/records.jsonl"))?,
            commit: measured_commit()?,
            day: today()?,
            machine: Machine::this()?,
            disk: Disk::measure(scratch.path())?.to_string(),
            scratch,
        };
        println!("{}; {}", bench.machine.cpu, bench.machine.system);
        println!("disk: {}", bench.disk);
        for (stage, rows) in self.stages()? {
            for round in 0..self.rounds.unwrap_or(stage.rounds) {
                for &subject in stage.subjects {
                    bench.measure(stage, &rows, subject, round)?;
                }
            }
            document::write(&docs, &bench.ledger)?;
        }
        println!("{}", docs.join("benchmarks.md").display());
        Ok(())
    }

    /// Everything once, at a small part of its size: that it can be run is all that is shown.
    fn smoke(&self) -> Result<()> {
        for (stage, rows) in self.stages()? {
            for &subject in stage.subjects {
                let folder = tempfile::tempdir()?;
                let mut scene = Scene::set(stage, subject, &Scale::SMOKE, folder.path())?;
                for row in rows.iter().filter(|row| row.is_for(subject)) {
                    let figures = scene.work(&row.work);
                    let figures =
                        figures.with_context(|| format!("{} of {}", row.id, subject.title()))?;
                    let missing = row.figures.iter().find(|f| !figures.contains_key(f.key));
                    ensure!(missing.is_none(), "{} lacks {missing:?}", row.id);
                    println!("{:<14} {:<18} {} figures", row.id, subject.title(), figures.len());
                }
            }
        }
        Ok(())
    }
}

impl Row {
    /// Whether this subject can be asked: the null server holds no tree.
    fn is_for(&self, subject: Subject) -> bool {
        subject != Subject::Null || !matches!(self.work, row::Work::Filling)
    }
}

/// A run that records what it measures.
struct Bench {
    ledger: Ledger,
    commit: String,
    day: String,
    machine: Machine,
    disk: String,
    /// For everything that the servers write; it goes with the run.
    scratch: TempDir,
}

impl Bench {
    /// Does what is not there yet of a round of a stage.
    fn measure(
        &mut self,
        stage: &Stage,
        rows: &[&Row],
        subject: Subject,
        round: u32,
    ) -> Result<()> {
        let at = (self.commit.as_str(), &self.machine);
        let rows: Vec<&Row> = rows
            .iter()
            .filter(|row| row.is_for(subject))
            .filter(|row| !self.ledger.has(row.id, subject, round, at))
            .copied()
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let folder = tempfile::tempdir_in(self.scratch.path())?;
        let mut scene = Scene::set(stage, subject, &Scale::FULL, folder.path())
            .with_context(|| format!("{} on {}", subject.title(), stage.name));
        for row in rows {
            let before = machine::ticks()?;
            let found = match &mut scene {
                Ok(scene) => scene.work(&row.work),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            let after = machine::ticks()?;
            let stolen = (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64;
            // What the judge cannot do is a figure as well; what ours cannot do is a fault.
            let (figures, failure) = match found {
                Ok(figures) => (figures, None),
                Err(error) if subject == Subject::Java => {
                    (Figures::new(), Some(first_line(&format!("{error:#}"))))
                }
                Err(error) => {
                    return Err(error.context(format!("{} of {}", row.id, subject.title())));
                }
            };
            println!(
                "{:<14} {:<18} round {} {}",
                row.id,
                subject.title(),
                round + 1,
                told(row, &figures)
            );
            self.ledger.add(Record {
                row: row.id.into(),
                subject,
                round,
                commit: self.commit.clone(),
                day: self.day.clone(),
                machine: self.machine.clone(),
                disk: self.disk.clone(),
                stolen,
                figures,
                failure,
            })?;
        }
        Ok(())
    }
}

/// A row's figures in a line.
fn told(row: &Row, figures: &Figures) -> String {
    let shown = row.figures.iter().filter_map(|figure| {
        let value = figures.get(figure.key)?;
        Some(format!("{} {}", figure.name, summary::shown(*value, figure.unit)))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The commit that last changed what is measured. What is not committed cannot be named, so it is refused.
fn measured_commit() -> Result<String> {
    const MEASURED: [&str; 4] = ["crates", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];
    let changed = git(&[&["status", "--porcelain", "--"], &MEASURED[..]].concat())?;
    ensure!(changed.is_empty(), "figures are of a commit: commit first. Changed:\n{changed}");
    git(&[&["log", "-1", "--format=%h", "--abbrev=12", "--"], &MEASURED[..]].concat())
}

/// As `2026-01-31`.
fn today() -> Result<String> {
    let output = Command::new("date").arg("+%F").output().context("date does not start")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Where the servers' data lies: on the disk that holds the repository, which `/tmp` need not be.
fn scratch() -> Result<PathBuf> {
    let folder = workspace::cache().join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_id() {
        let plan = |ids: &[&str]| Plan {
            rows: ids.iter().map(|&id| id.to_owned()).collect(),
            ..Plan::default()
        };
        let stages = plan(&["W3", "R4", "T1"]).stages().unwrap();
        let ids: Vec<Vec<_>> =
            stages.iter().map(|(_, rows)| rows.iter().map(|row| row.id).collect()).collect();
        assert_eq!(ids, [vec!["R4", "W3"], vec!["T1"]]);
        assert!(plan(&["R9"]).stages().unwrap_err().to_string().contains("R9"));
        let all: usize = plan(&[]).stages().unwrap().iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(all, ROWS.len());
    }
}
