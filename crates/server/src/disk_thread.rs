//! The one thread that writes: group commit, rolling, and when snapshots are taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base::Prng;
use storage::{
    DataDirectory, Error, LogWriter, Pace, PieceDone, Shared, SnapshotFile, SnapshotOptions,
    SnapshotPolicy, State, Step, frame_entry,
};
use tree::{NodeView, View};

use crate::hub::Hub;
use crate::inbox::Message;
use crate::log_queue::{Group, LogQueue};
use crate::metrics::{Counter, Metrics, Summary};

/// How the log is written and when snapshots are taken.
pub(crate) struct DiskSettings {
    pub(crate) snapshot: SnapshotOptions,
    pub(crate) log_bytes_max: Option<u64>,
    pub(crate) fsync_warning: Duration,
}

/// The log, and all that happens on its thread.
pub(crate) struct DiskThread {
    pub(crate) hub: Arc<Hub>,
    pub(crate) directory: Arc<DataDirectory>,
    pub(crate) log: LogWriter,
    pub(crate) policy: SnapshotPolicy,
    pub(crate) prng: Prng,
    pub(crate) settings: DiskSettings,
    /// Transactions and bytes logged since the last snapshot.
    pub(crate) since_snapshot: (u64, u64),
    /// Bytes logged since the start, for a snapshot under way to see.
    pub(crate) logged: Arc<AtomicU64>,
    /// The snapshot under way.
    pub(crate) snapshot: Option<JoinHandle<Option<SnapshotFile>>>,
}

impl DiskThread {
    /// Writes until the queue is closed and empty.
    ///
    /// # Errors
    /// The first failed write or fsync: nothing that was not durable has been acknowledged, and
    /// nothing may be from then on.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        let mut frames = Vec::new();
        while let Some(groups) = self.hub.log.take() {
            self.write(&groups, &mut frames)?;
            if let Some(last) = groups.back() {
                let persisted = [Message::Persisted(last.append.ticket)];
                // Answering is for whoever has time: here only if there is nothing to write.
                if self.hub.log.is_empty() {
                    self.hub.tell(persisted);
                } else {
                    self.hub.leave(persisted);
                }
            }
            self.after_group()?;
        }
        self.log.roll()?;
        if let Some(snapshot) = self.snapshot.take() {
            // Its own error is in the log already.
            let _ = snapshot.join();
        }
        Ok(())
    }

    fn write(&mut self, groups: &VecDeque<Group>, frames: &mut Vec<u8>) -> Result<(), Error> {
        let taken = Instant::now();
        frames.clear();
        let (mut first, mut count) = (None, 0);
        for Group { append, .. } in groups {
            append.payloads().for_each(|payload| frame_entry(payload, frames));
            first = first.or(append.entries.first().map(|(zxid, _)| *zxid));
            count += append.entries.len() as u64;
        }
        let Some(first) = first else { return Ok(()) };
        self.log.append(first, frames)?;
        let begun = Instant::now();
        self.log.sync()?;
        self.note_sync(begun.elapsed());
        note_batch(&self.hub.metrics, groups, count, taken);
        self.since_snapshot.0 += count;
        self.since_snapshot.1 += frames.len() as u64;
        self.logged.fetch_add(frames.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn note_sync(&self, took: Duration) {
        let took_ms = whole_ms(took);
        self.hub.metrics.sample(Summary::FsyncTime, took_ms);
        self.hub.metrics.sample(Summary::SyncProcessorQueueFlushTimeMs, took_ms);
        if took > self.settings.fsync_warning {
            tracing::warn!(took_ms, "fsync of the transaction log took long: is the disk busy?");
        }
    }

    fn after_group(&mut self) -> Result<(), Error> {
        if let Some(finished) = self.snapshot.take_if(|snapshot| snapshot.is_finished())
            && let Ok(Some(file)) = finished.join()
        {
            self.policy.written(file.bytes);
        }
        let (txns, bytes) = self.since_snapshot;
        if self.policy.is_due(txns, bytes) {
            return self.begin_snapshot();
        }
        if self.settings.log_bytes_max.is_some_and(|max| self.log.file_bytes() > max) {
            self.log.roll()?;
        }
        Ok(())
    }

    fn begin_snapshot(&mut self) -> Result<(), Error> {
        self.since_snapshot = (0, 0);
        self.policy.draw(&mut self.prng);
        self.log.roll()?;
        if self.snapshot.is_some() {
            tracing::debug!("the last snapshot is still being written: none is begun now");
            return Ok(());
        }
        let (hub, directory) = (self.hub.clone(), self.directory.clone());
        let logged = self.logged.clone();
        let options = self.settings.snapshot;
        let work = move || {
            let begun = Instant::now();
            let taken = take_snapshot(&hub, &directory, options, &logged);
            match &taken {
                Ok(file) => {
                    let took_ms = whole_ms(begun.elapsed());
                    hub.metrics.sample(Summary::SnapshotTime, took_ms);
                    let (path, bytes) = (file.path.display().to_string(), file.bytes);
                    tracing::info!(path, bytes, took_ms, "snapshot written");
                }
                Err(error) => {
                    hub.metrics.add(Counter::SnapshotErrorCount, 1);
                    tracing::error!(%error, "no snapshot: the log keeps everything meanwhile");
                }
            }
            taken.ok()
        };
        match thread::Builder::new().name("snapshot".into()).spawn(work) {
            Ok(running) => self.snapshot = Some(running),
            Err(error) => tracing::error!(%error, "no thread for a snapshot"),
        }
        Ok(())
    }
}

/// Counts `count` transactions in groups that were taken from the queue then and are durable now.
fn note_batch(metrics: &Metrics, groups: &VecDeque<Group>, count: u64, taken: Instant) {
    metrics.local(|recorder| {
        recorder.sample(Summary::SyncProcessorQueueSize, count);
        recorder.sample(Summary::SyncProcessorBatchSize, count);
        recorder.sample(Summary::SyncProcessTime, whole_ms(taken.elapsed()));
        for Group { since, .. } in groups {
            let queued = taken.saturating_duration_since(*since);
            recorder.sample(Summary::SyncProcessorQueueTimeMs, whole_ms(queued));
            let durable = since.elapsed();
            recorder.sample(Summary::SyncProcessorQueueAndFlushTimeMs, whole_ms(durable));
        }
    });
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn take_snapshot(
    hub: &Hub,
    directory: &DataDirectory,
    options: SnapshotOptions,
    logged: &AtomicU64,
) -> Result<SnapshotFile, Error> {
    let begun = logged.load(Ordering::Relaxed);
    let mut pace =
        BesideLog { shared: Shared::new(begun), logged, log: &hub.log, at: Instant::now() };
    directory.write_snapshot(&mut Live::new(hub), options, &mut pace)
}

/// The state of the hub's tree, which goes on meanwhile.
struct Live<'h> {
    hub: &'h Hub,
    view: View,
}

impl Live<'_> {
    /// Nodes shown within one shared section: the writer waits for its end.
    const BATCH: usize = 64;

    fn new(hub: &Hub) -> Live<'_> {
        Live { hub, view: hub.replica.write().tree.view() }
    }
}

impl State for Live<'_> {
    fn view(&self) -> &View {
        &self.view
    }

    fn show(&mut self, visit: &mut dyn FnMut(NodeView<'_>) -> bool) -> bool {
        let mut left = Self::BATCH;
        let replica = self.hub.replica.read();
        self.view.show(&replica.tree, |node| {
            left -= 1;
            visit(node) && left > 0
        })
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        let remains = self.hub.replica.write().tree.end_view(&self.view);
        drop(remains);
    }
}

/// The pace of a snapshot that is written beside the log.
struct BesideLog<'h> {
    shared: Shared,
    logged: &'h AtomicU64,
    log: &'h LogQueue,
    /// When the piece under way was begun.
    at: Instant,
}

impl Pace for BesideLog<'_> {
    fn next_piece(&mut self, synced: u64) -> u64 {
        let (took, logged) = (self.at.elapsed(), self.logged.load(Ordering::Relaxed));
        let Step { rest, piece } = self.shared.next(PieceDone { synced, took, logged });
        if !rest.is_zero() && !self.log.is_closed() {
            thread::sleep(rest);
        }
        self.at = Instant::now();
        piece
    }
}
