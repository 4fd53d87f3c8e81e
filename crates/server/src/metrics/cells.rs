//! Cells with one writer: a plain load and store instead of an atomic addition, which would cost
//! twice as much even where no other core touches the line.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Adds to a cell that no other thread writes.
#[inline]
pub(super) fn bump(cell: &AtomicU64, n: u64) {
    cell.store(read(cell).wrapping_add(n), Relaxed);
}

#[inline]
pub(super) fn read(cell: &AtomicU64) -> u64 {
    cell.load(Relaxed)
}

pub(super) fn zero(cell: &AtomicU64) {
    cell.store(0, Relaxed);
}

/// Count, sum, least and greatest of what one thread sampled.
pub(super) struct Cells {
    pub(super) count: AtomicU64,
    pub(super) sum: AtomicU64,
    pub(super) min: AtomicU64,
    pub(super) max: AtomicU64,
}

impl Cells {
    pub(super) const fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
        }
    }

    /// Counts one value. Only the one writer may call it.
    #[inline]
    pub(super) fn record(&self, value: u64) {
        bump(&self.count, 1);
        bump(&self.sum, value);
        if value < read(&self.min) {
            self.min.store(value, Relaxed);
        }
        if value > read(&self.max) {
            self.max.store(value, Relaxed);
        }
    }

    pub(super) fn clear(&self) {
        zero(&self.count);
        zero(&self.sum);
        self.min.store(u64::MAX, Relaxed);
        zero(&self.max);
    }
}
