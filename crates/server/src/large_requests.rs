use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Limits;

/// Keeps large requests from filling the memory together: so many bytes of them may be under way.
#[derive(Debug)]
pub(crate) struct LargeRequests {
    /// What counts as large, in bytes; none if nothing does.
    threshold: Option<usize>,
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl LargeRequests {
    pub(crate) fn new(limits: &Limits) -> LargeRequests {
        LargeRequests {
            threshold: limits.large_request_threshold_bytes.map(|bytes| bytes as usize),
            bytes_max: limits.large_request_max_bytes as usize,
            bytes: AtomicUsize::new(0),
        }
    }

    fn is_large(&self, bytes: usize) -> bool {
        self.threshold.is_some_and(|threshold| bytes > threshold)
    }

    /// Whether a request of that size could be taken now; asked before the rest of it is read.
    pub(crate) fn could_enter(&self, bytes: usize) -> bool {
        !self.is_large(bytes) || self.bytes.load(Ordering::Relaxed) + bytes <= self.bytes_max
    }

    /// Takes a request in: how many bytes it is to [leave](LargeRequests::leave) with, 0 if it is
    /// not large; none if there is no room for it.
    pub(crate) fn enter(&self, bytes: usize) -> Option<usize> {
        if !self.is_large(bytes) {
            return Some(0);
        }
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.bytes_max {
            self.leave(bytes);
            return None;
        }
        Some(bytes)
    }

    /// How much a request of that size was counted with.
    pub(crate) fn counted(&self, bytes: usize) -> usize {
        if self.is_large(bytes) { bytes } else { 0 }
    }

    pub(crate) fn leave(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large_requests(threshold: Option<u32>) -> LargeRequests {
        LargeRequests::new(&Limits {
            large_request_threshold_bytes: threshold,
            large_request_max_bytes: 100,
            ..Limits::default()
        })
    }

    #[test]
    fn nothing_is_large_by_default() {
        let requests = large_requests(None);
        assert!(requests.could_enter(1_000));
        assert_eq!(requests.enter(1_000), Some(0));
    }

    #[test]
    fn large_requests_share_a_budget() {
        let requests = large_requests(Some(10));
        assert_eq!(requests.enter(10), Some(0));
        assert_eq!(requests.enter(60), Some(60));
        assert!(!requests.could_enter(41) && requests.could_enter(40));
        assert_eq!(requests.enter(41), None);
        assert_eq!(requests.enter(40), Some(40));
        // Small ones are not in the way.
        assert_eq!(requests.enter(10), Some(0));
        requests.leave(60);
        assert_eq!(requests.enter(41), Some(41));
    }
}
