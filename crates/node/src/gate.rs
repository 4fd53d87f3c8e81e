use core::sync::atomic::{AtomicUsize, Ordering};

/// Decides whether a read may be answered at once, beside the writer.
///
/// One gate a connection. Its task passes every request that takes its turn in the brain through
/// [`ReadGate::enter`]; the brain calls [`ReadGate::leave`] once the answer is in the outbox. While
/// any is under way, reads take their turn behind it: a session's answers come in the order of its
/// requests, and a read sees the session's own writes.
///
/// Only the connection's task enters, so a gate that it finds open stays open until it enters.
#[derive(Debug, Default)]
pub struct ReadGate(AtomicUsize);

impl ReadGate {
    /// Whether nothing of the connection is under way.
    #[must_use]
    pub fn is_open(&self) -> bool {
        // Pairs with `leave`: what was appended to the outbox before is seen.
        self.0.load(Ordering::SeqCst) == 0
    }

    /// Number of requests under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Notes that a request is on its way to the brain.
    pub fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that its answer is in the outbox, or that there will be none.
    pub fn leave(&self) {
        // Sequentially consistent with a task that notes that it pauses and then looks here.
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
