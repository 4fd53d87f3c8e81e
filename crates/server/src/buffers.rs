use std::sync::Arc;

use parking_lot::Mutex;

/// How many buffers are kept at most: as many as connections are busy at a time, not as there are.
const KEPT_MAX: usize = 64;

/// The largest buffer that is kept, in bytes.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Buffers for replies that somebody has used and emptied. A connection that waits holds none, and
/// most wait for most of their lives; one that is busy finds one here with room for its next batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Takes a buffer back; its content is gone.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if (1..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            let mut kept = self.0.lock();
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_empty() {
        let buffers = Buffers::default();
        buffers.give(b"old".to_vec());
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 3);
        assert_eq!(buffers.take().capacity(), 0);
    }

    #[test]
    fn few_are_kept_and_no_large_ones() {
        let buffers = Buffers::default();
        buffers.give(Vec::with_capacity(KEPT_BYTES_MAX + 1));
        assert!(buffers.0.lock().is_empty());
        (0..2 * KEPT_MAX).for_each(|_| buffers.give(vec![1]));
        assert_eq!(buffers.0.lock().len(), KEPT_MAX);
    }
}
