use std::sync::atomic::AtomicU64;

use super::cells::{bump, read, zero};

/// Values below this have a bucket each; above, every power of two has half as many buckets.
const EXACT: u64 = 32;
const STEPS: usize = 16;
const STEP_BITS: u32 = 4;
/// Values from 2^36 on (two years of milliseconds) share the last bucket.
const BITS_MAX: u32 = 36;
const BUCKETS: usize = 32 + (BITS_MAX as usize - 5) * STEPS;

/// Counts of values by size, written by one thread and read by any.
///
/// A percentile is exact below 32 and at most 1/32 off above, however many values there were (C-021).
/// (Apache ZooKeeper takes its percentiles from a random sample of 4,096 values.)
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one value. Only the one writer may call it.
    #[inline]
    pub(super) fn record(&self, value: u64) {
        bump(&self.buckets[bucket(value)], 1);
    }

    pub(super) fn clear(&self) {
        self.buckets.iter().for_each(zero);
    }
}

/// Sum of the histograms of several threads.
pub(super) struct Distribution {
    counts: Vec<u64>,
}

impl Distribution {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BUCKETS] }
    }

    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (count, bucket) in self.counts.iter_mut().zip(&histogram.buckets) {
            *count = count.wrapping_add(read(bucket));
        }
    }

    /// The least value that at least `permille` of all values do not exceed; 0 without values.
    pub(super) fn percentile(&self, permille: u64) -> u64 {
        let total: u64 = self.counts.iter().sum();
        let rank = u128::from(total) * u128::from(permille);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            u128::from(seen) * 1000 >= rank
        });
        found.filter(|_| total > 0).map_or(0, middle)
    }
}

/// The bucket of a value: its leading bit and the four bits after it.
#[inline]
fn bucket(value: u64) -> usize {
    let value = value.min((1 << BITS_MAX) - 1);
    if value < EXACT {
        return index(value);
    }
    let shift = value.ilog2() - STEP_BITS;
    index(value >> shift) + (shift as usize) * STEPS
}

/// The value in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let least = ((bucket % STEPS + STEPS) as u64) << shift;
    least + (1 << shift) / 2
}

#[expect(clippy::cast_possible_truncation, reason = "callers pass values below 32")]
const fn index(value: u64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(values: impl IntoIterator<Item = u64>) -> Distribution {
        let histogram = Histogram::new();
        values.into_iter().for_each(|value| histogram.record(value));
        let mut distribution = Distribution::new();
        distribution.add(&histogram);
        distribution
    }

    #[test]
    fn every_value_lies_within_a_thirtysecond_of_its_bucket_s_middle() {
        let mut value = 0_u64;
        while value < 1 << BITS_MAX {
            let off = middle(bucket(value)).abs_diff(value);
            assert!(off * 32 <= value, "{value} is shown as {}", middle(bucket(value)));
            value += 1 + value / 1000;
        }
    }

    #[test]
    fn buckets_grow_with_their_values_and_the_greatest_fits() {
        let mut last = 0;
        for bits in 0..64 {
            let at = bucket(1 << bits);
            assert!(at >= last && at < BUCKETS);
            last = at;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_of_small_values_are_exact() {
        let values = distribution((1..=20).chain([25; 80]));
        assert_eq!(values.percentile(500), 25);
        assert_eq!(values.percentile(50), 5);
        assert_eq!(distribution((0..100).map(|n| n / 10)).percentile(950), 9);
    }

    #[test]
    fn one_value_is_every_percentile_and_none_is_zero() {
        let one = distribution([7]);
        assert_eq!([500, 950, 990, 999].map(|p| one.percentile(p)), [7; 4]);
        assert_eq!(distribution([]).percentile(500), 0);
    }
}
