//! Ours against Apache ZooKeeper: random requests, every answer, event and node compared.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use compat::differential::{Coverage, Pair, Phase, compare_trees, crossing, reaping, run, shrink};
use compat::{Kind, Release};
use xtask::workspace;

/// Requests in the gate. `ROOKEEPER_OPERATIONS` asks for more.
const OPERATIONS: usize = 50_000;
/// Requests to one pair of servers: a campaign is many runs, so that trees stay small and seeds many.
const RUN_MAX: usize = 40_000;
/// How long a difference may be cut down.
const SHRINK_BUDGET: Duration = Duration::from_secs(120);

#[test]
fn the_same_requests_get_the_same_answers() -> Result<()> {
    let operations = match std::env::var("ROOKEEPER_OPERATIONS") {
        Ok(given) => given.parse()?,
        Err(_) => OPERATIONS,
    };
    let mut seed = workspace::seed()?;
    let mut coverage = Coverage::default();
    let started = Instant::now();
    while coverage.requests < operations {
        let left = (operations - coverage.requests).min(RUN_MAX + RUN_MAX / 4);
        let variant = Phase::VARIANTS[usize::try_from(seed)? % Phase::VARIANTS.len()];
        for (phase, share) in [(Phase::EXTENDED, 74), (Phase::PLAIN, 18), (variant, 8)] {
            coverage.add(&trial(&phase, seed, left * share / 100)?);
        }
        seed = seed.wrapping_add(1);
    }
    println!("{coverage}\nin {} s", started.elapsed().as_secs());
    let lacking = coverage.lacking();
    if !lacking.is_empty() {
        bail!("the run shows too little:\n{}", lacking.join("\n"));
    }
    Ok(())
}

#[test]
fn servers_reap_alike() -> Result<()> {
    let mut pair = Pair::start(&reaping::PHASE)?;
    if let Some(answers) = reaping::run(&mut pair)? {
        bail!("the servers differ\n{}", answers.side_by_side());
    }
    let differences = compare_trees(&pair)?;
    if !differences.is_empty() {
        bail!("the trees differ\n{}", differences.join("\n"));
    }
    Ok(())
}

/// One run on fresh servers.
fn trial(phase: &Phase, seed: u64, requests: usize) -> Result<Coverage> {
    let started = Instant::now();
    let mut pair = Pair::start(phase)?;
    let serving = started.elapsed();
    let run = run(&mut pair, seed, requests)?;
    println!(
        "seed {seed}, phase {}: {} requests in {} steps, {:.1} s after {:.1} s of starting",
        phase.name,
        run.coverage.requests,
        run.steps.len(),
        (started.elapsed() - serving).as_secs_f64(),
        serving.as_secs_f64()
    );
    if let Some(answers) = run.difference {
        drop(pair);
        let at = run.steps.len() - 1;
        println!(
            "seed {seed}, phase {}, step {at}: {}\n{}",
            phase.name,
            run.steps[at],
            answers.side_by_side()
        );
        let shrunk = shrink::shrink(phase, &run.steps, SHRINK_BUDGET)?;
        println!("cut down to {} steps in {} attempts:", shrunk.steps.len(), shrunk.attempts);
        for step in &shrunk.steps {
            println!("{step}");
        }
        let words = shrunk
            .answers
            .map_or_else(|| "it did not come again".into(), |answers| answers.side_by_side());
        bail!("seed {seed}, phase {}: the servers differ\n{words}", phase.name);
    }
    let differences = compare_trees(&pair)?;
    if !differences.is_empty() {
        bail!(
            "seed {seed}, phase {}: the trees differ (first ours to be, then ours)\n{}",
            phase.name,
            differences.join("\n")
        );
    }
    cross_over(pair).with_context(|| format!("seed {seed}, phase {}", phase.name))?;
    Ok(run.coverage)
}

/// Each kind opens what the other has written.
///
/// Not every digest in a log of Apache ZooKeeper fits: it counts a plain create with the flag of a container as one,
/// until it is applied. The next transaction fits again, so ours does not count that.
fn cross_over(pair: Pair) -> Result<()> {
    let Pair { mut judge, mut tried, .. } = pair;
    let ours = tried.kind().clone();
    let is_ours = matches!(ours, Kind::Rookeeper(_));
    let there = crossing::cross(&mut tried, Kind::Java(Release::V3_9))?;
    ensure!(there.mismatches == 0 || !is_ours, "Apache ZooKeeper opens ours: {there:?}");
    let back = crossing::cross(&mut judge, ours)?;
    ensure!(back.mismatches == 0 || !is_ours, "ours opens Apache ZooKeeper's: {back:?}");
    let compared = [there.digests_compared, back.digests_compared];
    ensure!(!compared.contains(&0), "no digest was told twice: {compared:?}");
    println!("crossing over: {compared:?} digests told twice");
    Ok(())
}
