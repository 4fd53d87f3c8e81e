//! Cuts a run that shows a difference down to the steps that it needs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use wire::OpCode;

use super::lockstep::Answers;
use super::step::{Request, Step};
use super::{Pair, Phase};
use crate::client;

/// The shortest run that was found, and what it shows.
#[derive(Debug)]
pub struct Shrunk {
    /// What has to be done.
    pub steps: Vec<Step>,
    /// What is answered to the last step; `None` if the difference did not come again.
    pub answers: Option<Answers>,
    /// How often fresh servers were tried.
    pub attempts: usize,
}

/// Shortens `steps`, whose last one shows a difference, for as long as `budget` allows.
///
/// Each attempt makes the moves on fresh servers. Chunks are left out, ever smaller ones, then single requests.
///
/// # Errors
/// When servers do not start.
pub fn shrink(phase: &Phase, steps: &[Step], budget: Duration) -> Result<Shrunk> {
    let deadline = Instant::now() + budget;
    let mut best = Shrunk { steps: steps.to_vec(), answers: None, attempts: 0 };
    if !best.adopt(phase, steps.to_vec())? {
        return Ok(best);
    }
    let related = related(&best.steps);
    best.adopt(phase, related)?;
    for recent in [4, 16, 64, 256, 1024] {
        let len = best.steps.len();
        if recent >= len || Instant::now() > deadline {
            break;
        }
        let short = with_beginnings(&best.steps, len - recent);
        if best.adopt(phase, short)? {
            break;
        }
    }
    best.drop_chunks(phase, deadline)?;
    best.drop_requests(phase, deadline)?;
    Ok(best)
}

/// The steps that give connections their sessions and identities, and those requests that name a node of the last
/// step, or one above it.
fn related(steps: &[Step]) -> Vec<Step> {
    let names: BTreeSet<Vec<u8>> = steps
        .iter()
        .next_back()
        .into_iter()
        .flat_map(Step::requests)
        .flat_map(|request| paths(&request.body))
        .flat_map(|path| ancestors(&path))
        .collect();
    // What one quota counts, all below it has changed.
    let is_counted = |name: &[u8]| [QUOTAS, b"/q"].iter().any(|top| name[4..].starts_with(top));
    let names = if names.iter().any(|name| is_counted(name)) {
        BTreeSet::from([b"/q".to_vec(), QUOTAS.to_vec()])
    } else {
        names
    };
    let names_one = |request: &&Request| {
        [OpCode::Auth, OpCode::CloseSession].iter().any(|op| op.code() == request.op)
            || names.iter().any(|name| {
                let mut windows = request.body.windows(name.len());
                windows.any(|window| window == name)
            })
    };
    let keep = |step: &Step| match step {
        Step::Requests { slot, requests } => {
            let requests: Vec<Request> = requests.iter().filter(names_one).cloned().collect();
            let slot = *slot;
            (!requests.is_empty()).then_some(Step::Requests { slot, requests })
        }
        Step::Noise { .. } => None,
        other => Some(other.clone()),
    };
    let (last, before) = match steps.split_last() {
        Some((last, before)) => (Some(last.clone()), before),
        None => (None, steps),
    };
    before.iter().filter_map(keep).chain(last).collect()
}

/// Where the quotas of the generator are.
const QUOTAS: &[u8] = b"/zookeeper/quota/q";

/// The strings in a request that are paths, found by their shape.
fn paths(body: &[u8]) -> Vec<Vec<u8>> {
    (0..body.len())
        .filter_map(|at| {
            let head = body[at..].first_chunk::<4>()?;
            let len = usize::try_from(i32::from_be_bytes(*head)).ok()?;
            let text = body.get(at + 4..at + 4 + len)?;
            text.starts_with(b"/").then(|| text.to_vec())
        })
        .collect()
}

/// A path and all above it but the root, with their lengths in front, as they stand in requests.
fn ancestors(path: &[u8]) -> Vec<Vec<u8>> {
    let ends = (1..=path.len()).filter(|end| matches!(path.get(*end), None | Some(b'/')));
    ends.map(|end| client::encoded(&Some(&path[..end]))).collect()
}

/// The steps from `from` on, after those that give the connections their sessions.
fn with_beginnings(steps: &[Step], from: usize) -> Vec<Step> {
    let (before, after) = steps.split_at(from);
    let mut short: Vec<Step> = Vec::new();
    for slot in 0..super::generator::SLOTS {
        let first = before
            .iter()
            .position(|step| step.slot() == slot && matches!(step, Step::Connect { .. }));
        // The step after it, on the same connection, proves who the client is.
        let beginning = first
            .into_iter()
            .flat_map(|first| before[first..].iter().filter(|step| step.slot() == slot).take(2));
        short.extend(beginning.cloned());
    }
    short.extend_from_slice(after);
    short
}

impl Shrunk {
    /// Tries a shorter run and takes it if it shows a difference, up to where it does.
    fn adopt(&mut self, phase: &Phase, steps: Vec<Step>) -> Result<bool> {
        self.attempts += 1;
        let mut pair = Pair::start(phase)?;
        for (n, step) in steps.iter().enumerate() {
            let answers = pair.lockstep.play(step, true)?;
            if !answers.agree() {
                self.steps = steps[..=n].to_vec();
                self.answers = Some(answers);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn drop_chunks(&mut self, phase: &Phase, deadline: Instant) -> Result<()> {
        let mut chunk = self.steps.len() / 2;
        while chunk > 0 {
            let mut end = self.steps.len().saturating_sub(1);
            while end > 0 && Instant::now() < deadline {
                let start = end.saturating_sub(chunk);
                let mut steps = self.steps.clone();
                steps.drain(start..end);
                self.adopt(phase, steps)?;
                end = start.min(self.steps.len() - 1);
            }
            chunk /= 2;
        }
        Ok(())
    }

    fn drop_requests(&mut self, phase: &Phase, deadline: Instant) -> Result<()> {
        let mut at = self.steps.len();
        while at > 0 {
            at -= 1;
            let mut n = self.steps.get(at).map_or(0, |step| step.requests().len());
            while n > 0 && Instant::now() < deadline {
                n -= 1;
                let mut steps = self.steps.clone();
                let Some(Step::Requests { requests, .. }) = steps.get_mut(at) else {
                    break;
                };
                if n < requests.len() && requests.len() > 1 {
                    requests.remove(n);
                    self.adopt(phase, steps)?;
                }
            }
        }
        Ok(())
    }
}
