//! The same requests to Apache ZooKeeper and to ours, and every word of the answers compared.
//!
//! A run is a series of [`Step`]s, drawn from a seed by the [`Generator`]. [`Lockstep`] makes each on both servers and
//! awaits all that it causes, so that both pass through the same states in the same order. What is said is compared as
//! text ([`transcript`]) in which only that is equal that may not differ: times, session ids, the order of sets.
//! A difference is cut down to the steps that it needs ([`shrink`]). How often each operation met each error is
//! counted ([`Coverage`]).

pub mod coverage;
pub mod crossing;
mod draw;
pub mod generator;
pub mod lockstep;
mod model;
pub mod phase;
mod player;
mod reachable;
mod reads;
pub mod reaping;
pub mod shrink;
pub mod step;
pub mod transcript;
pub mod tree;
mod writes;

pub use coverage::Coverage;
pub use generator::Generator;
pub use lockstep::{Answers, Lockstep};
pub use phase::Phase;
pub use step::Step;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{Kind, Release, Server};

/// After so many steps all connections are drained. Events keep their place among the replies without that: they are
/// queued on every connection before the write that caused them is answered.
const SETTLED_EVERY: usize = 16;

/// The judge and the server under test, both fresh.
#[derive(Debug)]
pub struct Pair {
    /// Apache ZooKeeper.
    pub judge: Server,
    /// The server under test.
    pub tried: Server,
    /// What drives them.
    pub lockstep: Lockstep,
    // Last, so that the servers are gone when their folders go.
    _folder: TempDir,
}

impl Pair {
    /// Starts both.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(phase: &Phase) -> Result<Pair> {
        let folder = TempDir::new()?;
        // What the judge says does not hang on its disk. Nor is a short run worth a compiler's effort.
        let mut judge_settings = phase.settings(&folder.path().join("judge")).line("forceSync=no");
        judge_settings.jvm.push("-XX:TieredStopAtLevel=1".into());
        let tried_settings = phase.settings(&folder.path().join("tried"));
        let judge =
            std::thread::spawn(move || Server::start(Kind::Java(Release::V3_9), &judge_settings));
        let tried = Server::start(Kind::under_test(), &tried_settings);
        let judge = judge.join().ok().context("the judge's start panicked")??;
        let tried = tried?;
        Ok(Pair {
            lockstep: Lockstep::new(judge.addr(), tried.addr()),
            judge,
            tried,
            _folder: folder,
        })
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// What was tried.
    pub coverage: Coverage,
    /// Everything that was done.
    pub steps: Vec<Step>,
    /// Answers to the last step, if they differ.
    pub difference: Option<Answers>,
}

/// Makes random moves until `requests` requests are answered or the servers differ.
///
/// # Errors
/// When a server cannot be reached.
pub fn run(pair: &mut Pair, seed: u64, requests: usize) -> Result<Run> {
    let mut generator = Generator::new(seed);
    let mut run = Run { coverage: Coverage::default(), steps: Vec::new(), difference: None };
    while run.coverage.requests < requests {
        let step = generator.step();
        let settled = (run.steps.len() + 1).is_multiple_of(SETTLED_EVERY)
            || run.coverage.requests + step.requests().len() >= requests;
        let answers = pair
            .lockstep
            .play(&step, settled)
            .with_context(|| format!("at step {}: {step}", run.steps.len()))?;
        run.coverage.count(&step, &answers.judge);
        generator.learn(&step, &answers.judge);
        run.steps.push(step);
        if !answers.agree() {
            run.difference = Some(answers);
            break;
        }
    }
    Ok(run)
}

/// Compares the whole trees; what differs is told.
///
/// # Errors
/// When a tree cannot be read.
pub fn compare_trees(pair: &Pair) -> Result<Vec<String>> {
    let judge = tree::read(pair.judge.addr())?;
    let tried = tree::read(pair.tried.addr())?;
    let (judge_context, tried_context) =
        (pair.lockstep.judge.context(), pair.lockstep.tried.context());
    Ok(tree::differences(
        &judge,
        &tried,
        |node| judge_context.tell_node(node),
        |node| tried_context.tell_node(node),
    ))
}
