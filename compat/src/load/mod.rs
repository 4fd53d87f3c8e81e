//! Load whose every effect is known, so that a crash has nothing to hide behind.
//!
//! Many [`Worker`]s write with many requests under way each, all kinds of them, every worker below a root of its own.
//! Whatever becomes of the server, each subtree must then be exactly what it was behind one of its worker's writes,
//! not before the last that was acknowledged: nothing lost, nothing twice, nothing in part, nothing out of order.

mod plan;
pub mod seen;
mod subtree;
mod worker;
mod write;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use crate::Settings;
use anyhow::{Context, Result, ensure};
use base::Zxid;
pub use seen::{Seen, SeenTree};
pub use worker::{DEPTH, Worker};

/// A server that takes all of the load and does nothing of its own accord: no session expires, nothing is reaped.
/// Snapshots and new log files come often.
#[must_use]
pub fn settings(folder: &Path) -> Settings {
    Settings::new(folder)
        .line("maxSessionTimeout=600000")
        .line("snapCount=1500")
        .property("zookeeper.extendedTypesEnabled=true")
        .property("zookeeper.preAllocSize=64")
        .property("znode.container.checkIntervalMs=100000000")
}

/// How long a burst may take to be answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a burst ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The workers wait for all answers and stay connected.
    Answered,
    /// The server goes while requests are under way.
    Cut,
}

/// What a burst came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Burst {
    /// Writes acknowledged.
    pub acknowledged: usize,
    /// Writes that were sent and not acknowledged.
    pub outstanding: usize,
}

/// What the workers of a burst are told, and tell.
#[derive(Debug)]
pub struct Control {
    goal: usize,
    acknowledged: AtomicUsize,
    reached: Sender<Result<()>>,
    draining: AtomicBool,
    cut: AtomicBool,
}

impl Control {
    fn acknowledge(&self) {
        if self.acknowledged.fetch_add(1, Ordering::Relaxed) + 1 == self.goal {
            // Nobody listens any more where another worker has failed.
            let _ = self.reached.send(Ok(()));
        }
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

/// All workers.
#[derive(Debug)]
pub struct Load {
    workers: Vec<Worker>,
}

impl Load {
    /// Workers with sessions and roots on a server, and nothing sent yet.
    ///
    /// # Errors
    /// When a worker cannot begin.
    pub fn begin(address: SocketAddr, workers: u64, seed: u64) -> Result<Load> {
        let begin = |n| Worker::begin(address, format!("/w{n:02}"), seed ^ (n << 48));
        Ok(Load { workers: (0..workers).map(begin).collect::<Result<_>>()? })
    }

    /// Writes until `goal` writes are acknowledged, then has `end` end it, which for [`End::Cut`] ends the server.
    ///
    /// # Errors
    /// When an answer is wrong or does not come, or `end` fails.
    pub fn burst(
        &mut self,
        address: SocketAddr,
        goal: usize,
        how: End,
        end: impl FnOnce() -> Result<()>,
    ) -> Result<Burst> {
        let (reached, told) = mpsc::channel();
        let control = Control {
            goal,
            acknowledged: AtomicUsize::new(0),
            reached,
            draining: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        };
        let control = &control;
        let outcome = thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(move || {
                    // The first word is what counts; a goal that was reached has been told.
                    let _ = control.reached.send(worker.run(address, control));
                });
            }
            let reached = told.recv_timeout(PATIENCE).context("too few answers in time");
            let told_to = if how == End::Cut { &control.cut } else { &control.draining };
            told_to.store(true, Ordering::Release);
            let outcome = reached.and_then(|reached| reached).and_then(|()| end());
            if outcome.is_err() {
                control.draining.store(true, Ordering::Release);
            }
            outcome
        });
        outcome?;
        told.try_iter().collect::<Result<Vec<()>>>()?;
        Ok(Burst {
            acknowledged: control.acknowledged.load(Ordering::Relaxed),
            outstanding: self.workers.iter().map(Worker::outstanding).sum(),
        })
    }

    /// Sees that a tree is what the writes must have left, and comes to know what became of those under way.
    ///
    /// # Errors
    /// Where it is not, in detail.
    pub fn settle(&mut self, tree: &SeenTree) -> Result<()> {
        self.workers.iter_mut().try_for_each(|worker| worker.settle(tree))?;
        let roots: BTreeSet<&str> = self.workers.iter().map(Worker::root).collect();
        let ours = |path: &str| path.get(..4).is_some_and(|root| roots.contains(root));
        let zookeeper = |path: &str| path == "/" || path.starts_with("/zookeeper");
        let stranger = tree.keys().find(|path| !ours(path) && !zookeeper(path));
        ensure!(stranger.is_none(), "nobody wrote {stranger:?}");
        self.see_that_zxids_differ()
    }

    /// No two writes are the same transaction.
    fn see_that_zxids_differ(&self) -> Result<()> {
        let mut zxids: Vec<Zxid> = self.workers.iter().flat_map(Worker::zxids).collect();
        zxids.sort_unstable();
        let twice = zxids.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "two writes are {twice:?}");
        Ok(())
    }

    /// Comes back to a server that was started again, each worker in its old session.
    ///
    /// # Errors
    /// When a session that nobody ended is refused.
    pub fn resume(&mut self, address: SocketAddr) -> Result<()> {
        self.workers.iter_mut().try_for_each(|worker| worker.resume(address))
    }

    /// Acknowledged writes, ever, that changed something.
    #[must_use]
    pub fn successes(&self) -> usize {
        self.workers.iter().map(Worker::successes).sum()
    }
}
