//! What does not fit the gate: the same suites at full size, in slices, so that a campaign that was cut goes on where
//! it was. Finished ones are recorded in `docs/campaigns.md`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::run;
use crate::workspace::{self, git, root};

const RECORD: &str = "docs/campaigns.md";

/// How long one slice may take.
const SLICE_DEADLINE: Duration = Duration::from_secs(3600);

/// A suite at full size.
struct Campaign {
    name: &'static str,
    /// The test target of `compat` that runs a slice.
    suite: &'static str,
    /// The variable that tells it how much to do.
    variable: &'static str,
    slice: u64,
    total: u64,
    unit: &'static str,
}

const CAMPAIGNS: &[Campaign] = &[
    Campaign {
        name: "differential",
        suite: "differential",
        variable: "ROOKEEPER_OPERATIONS",
        slice: 50_000,
        total: 1_000_000,
        unit: "requests compared",
    },
    Campaign {
        name: "files",
        suite: "cross_open",
        variable: "ROOKEEPER_ROUNDS",
        slice: 10,
        total: 100,
        unit: "rounds between Java and ours",
    },
    Campaign {
        name: "crash",
        suite: "crash",
        variable: "ROOKEEPER_KILLS",
        slice: 20,
        total: 500,
        unit: "kills under load",
    },
];

/// How far a campaign has come on this commit.
#[derive(Default)]
struct Progress {
    done: u64,
    seconds: u64,
}

/// The names of all campaigns.
fn names() -> String {
    CAMPAIGNS.iter().map(|campaign| campaign.name).collect::<Vec<_>>().join("|")
}

/// Runs a campaign to its end, or goes on with one that was cut.
///
/// # Errors
/// When a slice fails: its seed is in the error.
pub fn run_campaign(name: &str) -> Result<()> {
    let Some(campaign) = CAMPAIGNS.iter().find(|campaign| campaign.name == name) else {
        bail!("no campaign is called {name}: there are {}", names());
    };
    let commit = commit()?;
    let first_seed = workspace::seed()?;
    ensure!(is_clean()?, "a campaign is of a commit: commit first, what is changed is not in it");
    workspace::build_release()?;
    let mut progress = campaign.load(&commit)?;
    while progress.done < campaign.total {
        let slice = campaign.slice.min(campaign.total - progress.done);
        let seed = first_seed.wrapping_add(progress.done);
        eprintln!("{name}: {} of {} {}, seed {seed}", progress.done, campaign.total, campaign.unit);
        let begun = Instant::now();
        let mut test = Command::new("cargo");
        test.current_dir(root())
            .args([
                "test",
                "--quiet",
                "-p",
                "compat",
                "--test",
                campaign.suite,
                "--",
                "--nocapture",
            ])
            .env(campaign.variable, slice.to_string())
            .env("ROOKEEPER_SEED", seed.to_string());
        let status = run(&mut test, SLICE_DEADLINE)?;
        ensure!(status.success(), "{name} failed at seed {seed}: the suite has printed how");
        progress.done += slice;
        progress.seconds += begun.elapsed().as_secs();
        campaign.save(&commit, &progress)?;
    }
    campaign.record(&commit, first_seed, &progress)
}

impl Campaign {
    fn state(&self, commit: &str) -> PathBuf {
        workspace::cache().join("campaigns").join(format!("{}-{commit}", self.name))
    }

    fn load(&self, commit: &str) -> Result<Progress> {
        let Ok(text) = fs::read_to_string(self.state(commit)) else {
            return Ok(Progress::default());
        };
        let (done, seconds) = text.trim().split_once(' ').context("the state of the campaign")?;
        Ok(Progress { done: done.parse()?, seconds: seconds.parse()? })
    }

    fn save(&self, commit: &str, progress: &Progress) -> Result<()> {
        let path = self.state(commit);
        fs::create_dir_all(workspace::cache().join("campaigns"))?;
        Ok(fs::write(path, format!("{} {}\n", progress.done, progress.seconds))?)
    }

    fn record(&self, commit: &str, seed: u64, progress: &Progress) -> Result<()> {
        let path = root().join(RECORD);
        let mut text = fs::read_to_string(&path).with_context(|| RECORD.to_owned())?;
        let Progress { done, seconds } = progress;
        let minutes = seconds.div_ceil(60);
        let row = format!(
            "| {} | {done} {} | {commit} | {seed} | {minutes} | 0 failures |\n",
            self.name, self.unit
        );
        text.push_str(&row);
        fs::write(&path, text)?;
        print!("{row}");
        Ok(())
    }
}

/// Whether nothing but the record of campaigns differs from the commit.
fn is_clean() -> Result<bool> {
    let others = format!(":!{RECORD}");
    let status = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", &others])?;
    Ok(status.is_empty())
}

fn commit() -> Result<String> {
    git(&["rev-parse", "--short=12", "HEAD"])
}
