//! Loads what the data directory holds, and tells how long that takes.

use std::time::{Duration, Instant};

use storage::{Case, DataDirectory, Origin, Progress, Recovered, RecoveryOptions};
use tree::ExtendedTypes;

use crate::config::ServerConfig;
use crate::metrics::{Counter, Metrics, Summary};
use crate::server::{ServerError, random_seed, snapshot_options};

/// How often the operator is told how far loading has come.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// How loading went by the clock.
struct Stopwatch {
    begun: Instant,
    /// When the snapshot was loaded and the log's turn came.
    replay_begun: Option<Instant>,
    reported: Instant,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        let now = Instant::now();
        Stopwatch { begun: now, replay_begun: None, reported: now }
    }

    fn follow(&mut self, progress: Progress) {
        let now = Instant::now();
        if matches!(progress, Progress::Log { .. }) {
            self.replay_begun.get_or_insert(now);
        }
        if now.duration_since(self.reported) > REPORT_INTERVAL {
            self.reported = now;
            tracing::info!("loading: {progress:?}");
        }
    }
}

/// Recovers the tree.
///
/// # Errors
/// Whatever makes it doubtful that the tree is the one that was acknowledged.
pub(crate) fn recover(
    config: &ServerConfig,
    directory: &DataDirectory,
    metrics: &Metrics,
) -> Result<Recovered, ServerError> {
    let mut stopwatch = Stopwatch::start();
    let recovered =
        directory.recover(&options(config), &mut |progress| stopwatch.follow(progress))?;
    recovered.notes().for_each(|finding| tracing::warn!("{finding}"));
    if recovered.origin == Origin::Unformatted {
        // Java serves here with zxid -1 and files named after it, which nothing can be built on
        // (C-013).
        let findings: Vec<String> = recovered.findings.iter().map(ToString::to_string).collect();
        return Err(ServerError::Unformatted(findings.join("; ")));
    }
    note(metrics, &stopwatch, &recovered);
    Ok(recovered)
}

fn options(config: &ServerConfig) -> RecoveryOptions {
    let features = &config.features;
    let tree = tree::Options {
        hash_seed: random_seed(),
        digest_disabled: !features.digest,
        types: ExtendedTypes {
            enabled: features.extended_types,
            emulate_353: features.emulate_353_ttl_nodes,
        },
        // What the log holds was let in once: its fields are as long as they are.
        limits: wire::Limits::new(i32::MAX.cast_unsigned(), 0),
    };
    RecoveryOptions {
        tree,
        snapshot: snapshot_options(config),
        trust_empty: config.snapshots.trust_empty,
        db_autocreate: config.snapshots.db_autocreate,
    }
}

fn note(metrics: &Metrics, stopwatch: &Stopwatch, recovered: &Recovered) {
    let whole_ms = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let took = stopwatch.begun.elapsed();
    let replay = stopwatch.replay_begun.map_or(Duration::ZERO, |begun| begun.elapsed());
    metrics.sample(Summary::DbInitTime, whole_ms(took));
    metrics.sample(Summary::StartupSnapLoadTime, whole_ms(took.saturating_sub(replay)));
    if recovered.origin != Origin::FirstStart {
        metrics.sample(Summary::StartupTxnsLoaded, recovered.replayed_txns);
        metrics.sample(Summary::StartupTxnsLoadTime, whole_ms(replay));
    }
    let is_mismatch = |case| matches!(case, Case::LogDigest | Case::SnapshotDigest);
    let mismatches = recovered.findings.iter().filter(|finding| is_mismatch(finding.case));
    metrics.add(Counter::DigestMismatchesCount, mismatches.count() as u64);
    tracing::info!(
        zxid = %recovered.tree.last_zxid(),
        nodes = recovered.tree.node_count(),
        replayed = recovered.replayed_txns,
        took_ms = whole_ms(took),
        "data loaded"
    );
}
