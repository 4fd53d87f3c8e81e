use base::Prng;

/// Transactions between snapshots where `snapCount` is not set.
const SNAP_COUNT: u64 = 100_000;

/// When to take a snapshot: after `snapCount` transactions or `snapSizeLimitInKb` of log. Half of
/// each is drawn anew every time, so that the members of an ensemble do not all pause at once.
///
/// Where `snapCount` is not set, a snapshot waits until as much was logged as the last one is long:
/// then the disk writes no more for snapshots than for the log, however large the tree, and a start
/// reads no more log than snapshot (C-028).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    snap_count: Option<u64>,
    /// Length of the last snapshot; 0 if there was none yet.
    last_bytes: u64,
    size_limit_bytes: Option<u64>,
    txns_due: u64,
    bytes_due: u64,
}

impl SnapshotPolicy {
    /// A policy for `snapCount` (at least 2) and the size limit, where they are set.
    #[must_use]
    pub fn new(
        snap_count: Option<u64>,
        size_limit_bytes: Option<u64>,
        prng: &mut Prng,
    ) -> SnapshotPolicy {
        let mut policy = SnapshotPolicy {
            snap_count,
            last_bytes: 0,
            size_limit_bytes,
            txns_due: 0,
            bytes_due: 0,
        };
        policy.draw(prng);
        policy
    }

    /// Whether a snapshot is due, given what was appended since the last one.
    #[must_use]
    pub fn is_due(&self, txns: u64, bytes: u64) -> bool {
        let is_worth_it = self.snap_count.is_some() || bytes >= self.last_bytes;
        (txns > self.txns_due && is_worth_it)
            || (self.size_limit_bytes.is_some() && bytes > self.bytes_due)
    }

    /// A snapshot of so many bytes was written.
    pub fn written(&mut self, bytes: u64) {
        self.last_bytes = bytes;
    }

    /// Draws the halves anew: to be called for each snapshot begun.
    pub fn draw(&mut self, prng: &mut Prng) {
        let mut half_to_whole = |limit: u64| limit / 2 + prng.below(limit / 2);
        self.txns_due = half_to_whole(self.snap_count.unwrap_or(SNAP_COUNT).max(2));
        self.bytes_due = half_to_whole(self.size_limit_bytes.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_between_half_and_all_of_the_limit() {
        let mut prng = Prng::new(1);
        let mut policy = SnapshotPolicy::new(Some(1000), Some(1 << 20), &mut prng);
        for _ in 0..1000 {
            assert!(!policy.is_due(500, 1 << 19));
            assert!(policy.is_due(1000, 0) && policy.is_due(0, 1 << 20));
            policy.draw(&mut prng);
        }
    }

    #[test]
    fn without_a_size_limit_only_transactions_count() {
        let policy = SnapshotPolicy::new(Some(2), None, &mut Prng::new(1));
        assert!(!policy.is_due(1, u64::MAX) && policy.is_due(2, 0));
    }

    #[test]
    fn left_alone_it_waits_for_as_much_log_as_a_snapshot_takes() {
        let limit = 1 << 30;
        let mut policy = SnapshotPolicy::new(None, Some(limit), &mut Prng::new(1));
        assert!(!policy.is_due(50_000, 9000) && policy.is_due(100_000, 9000));
        policy.written(10_000);
        assert!(!policy.is_due(100_000, 9999) && policy.is_due(100_000, 10_000));
        policy.written(2 * limit);
        assert!(policy.is_due(1, limit), "the limit on bytes holds all the same");
    }

    #[test]
    fn a_count_that_is_set_is_kept_to() {
        let mut policy = SnapshotPolicy::new(Some(1000), None, &mut Prng::new(1));
        policy.written(1 << 30);
        assert!(policy.is_due(1000, 1));
    }
}
