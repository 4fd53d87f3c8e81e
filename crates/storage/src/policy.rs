use base::Prng;

/// When to take a snapshot: after `snapCount` transactions or `snapSizeLimitInKb` of log. Half of
/// each is drawn anew every time, so that the members of an ensemble do not all pause at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    snap_count: u64,
    size_limit_bytes: Option<u64>,
    txns_due: u64,
    bytes_due: u64,
}

impl SnapshotPolicy {
    /// A policy for `snapCount` (at least 2) and the size limit, if there is one.
    #[must_use]
    pub fn new(snap_count: u64, size_limit_bytes: Option<u64>, prng: &mut Prng) -> SnapshotPolicy {
        let mut policy = SnapshotPolicy {
            snap_count: snap_count.max(2),
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
        txns > self.txns_due || (self.size_limit_bytes.is_some() && bytes > self.bytes_due)
    }

    /// Draws the halves anew: to be called for each snapshot begun.
    pub fn draw(&mut self, prng: &mut Prng) {
        let mut half_to_whole = |limit: u64| limit / 2 + prng.below(limit / 2);
        self.txns_due = half_to_whole(self.snap_count);
        self.bytes_due = half_to_whole(self.size_limit_bytes.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_between_half_and_all_of_the_limit() {
        let mut prng = Prng::new(1);
        let mut policy = SnapshotPolicy::new(1000, Some(1 << 20), &mut prng);
        for _ in 0..1000 {
            assert!(!policy.is_due(500, 1 << 19));
            assert!(policy.is_due(1000, 0) && policy.is_due(0, 1 << 20));
            policy.draw(&mut prng);
        }
    }

    #[test]
    fn without_a_size_limit_only_transactions_count() {
        let policy = SnapshotPolicy::new(2, None, &mut Prng::new(1));
        assert!(!policy.is_due(1, u64::MAX) && policy.is_due(2, 0));
    }
}
