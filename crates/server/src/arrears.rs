use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Past this many unsent bytes nothing more is appended for a client and it is cut off: its events
/// cannot be dropped, and memory is everybody's. As many reads of the largest nodes as may wait
/// behind a write are below it.
const CLIENT_BYTES_MAX: usize = 160 << 20;

/// Past this many unsent bytes of all who are behind, the next of them to be told something is cut
/// off.
const TOGETHER_BYTES_MAX: usize = 512 << 20;

/// What those clients have not taken who are far behind, in bytes together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrears(Arc<AtomicUsize>);

/// One client's share of it.
#[derive(Debug)]
pub(crate) struct Share {
    together: Arrears,
    bytes: usize,
}

impl Arrears {
    pub(crate) fn share(&self) -> Share {
        Share { together: self.clone(), bytes: 0 }
    }
}

impl Share {
    /// Notes how much the client is behind; 0 if that is no more than usual.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.together.0.fetch_add(bytes, Ordering::Relaxed);
            self.together.0.fetch_sub(self.bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
    }

    /// Whether the client is to be cut off.
    pub(crate) fn is_too_much(&self) -> bool {
        self.bytes > CLIENT_BYTES_MAX
            || self.bytes > 0 && self.together.0.load(Ordering::Relaxed) > TOGETHER_BYTES_MAX
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_far_behind_is_cut_off_alone() {
        let arrears = Arrears::default();
        let (mut deaf, mut slow) = (arrears.share(), arrears.share());
        deaf.set(CLIENT_BYTES_MAX + 1);
        slow.set(CLIENT_BYTES_MAX);
        assert!(deaf.is_too_much() && !slow.is_too_much());
    }

    #[test]
    fn together_they_are_bounded_too() {
        let arrears = Arrears::default();
        let mut shares: Vec<Share> = (0..4).map(|_| arrears.share()).collect();
        shares.iter_mut().for_each(|share| share.set(TOGETHER_BYTES_MAX / 4));
        assert!(!shares.iter().any(Share::is_too_much));
        let mut more = arrears.share();
        more.set(1);
        assert!(shares.iter().all(Share::is_too_much));
        // Who takes everything that comes has nothing to do with it.
        assert!(!arrears.share().is_too_much());
        shares.pop();
        assert!(!shares.iter().any(Share::is_too_much));
    }
}
