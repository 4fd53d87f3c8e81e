use tree::View;

use super::SnapshotFile;
use crate::error::Error;

/// What the views of a snapshot may keep alive while a tree goes on, and how many are tried.
///
/// A view keeps the old state of all that is written meanwhile. One that keeps too much is given up
/// and a fresh one is taken, with twice as much to spend. The last one may keep all it needs: a log
/// that grows for ever is worse than memory for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What the first view may keep alive of any tree, in bytes.
    pub bytes: u64,
    /// What it may keep of a large tree, in bytes for each node: half of all its chunks may have to
    /// be copied.
    pub bytes_per_node: u64,
    /// Views taken at most.
    pub views_max: u32,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { bytes: 256 << 20, bytes_per_node: 80, views_max: 3 }
    }
}

impl Allowance {
    /// Writes a snapshot of a tree that goes on meanwhile: `take` gives its latest state, `write`
    /// writes that, with what the view may keep alive in bytes.
    ///
    /// # Errors
    /// As `write`, but for views given up before the last.
    pub fn snapshot(
        self,
        take: impl Fn() -> View,
        mut write: impl FnMut(&View, u64) -> Result<SnapshotFile, Error>,
    ) -> Result<SnapshotFile, Error> {
        let mut taken = 1;
        loop {
            let view = take();
            match write(&view, self.retained_bytes_max(view.node_count() as u64, taken)) {
                Err(Error::ViewGivenUp { .. }) if taken < self.views_max => taken += 1,
                done => return done,
            }
        }
    }

    /// What the view may keep that is taken as number `taken`, from 1.
    fn retained_bytes_max(self, nodes: u64, taken: u32) -> u64 {
        if taken >= self.views_max {
            return u64::MAX;
        }
        let first = self.bytes.max(nodes.saturating_mul(self.bytes_per_node));
        first.saturating_mul(1 << (taken - 1))
    }
}
