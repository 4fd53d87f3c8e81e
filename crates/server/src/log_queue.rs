use std::collections::VecDeque;
use std::time::Instant;

use node::Append;
use parking_lot::{Condvar, Mutex};

/// Groups on their way to the log. Bounded by the brain's back-pressure: requests are not read
/// while too many bytes are under way.
#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    state: Mutex<State>,
    changed: Condvar,
}

/// A group that waits for its turn at the log.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) append: Append,
    pub(crate) since: Instant,
}

#[derive(Debug, Default)]
struct State {
    groups: VecDeque<Group>,
    is_closed: bool,
}

impl LogQueue {
    pub(crate) fn push(&self, append: Append) {
        let group = Group { append, since: Instant::now() };
        let mut state = self.state.lock();
        // Nobody is told that it was written, so nobody relies on it.
        if state.is_closed {
            return;
        }
        state.groups.push_back(group);
        self.changed.notify_one();
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().groups.is_empty()
    }

    /// Whether no more groups are taken in: the server ends.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// No more groups are taken in; those there are will still be written.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for groups and takes all there are; none once the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<VecDeque<Group>> {
        let mut state = self.state.lock();
        while state.groups.is_empty() && !state.is_closed {
            self.changed.wait(&mut state);
        }
        let groups = std::mem::take(&mut state.groups);
        (!groups.is_empty()).then_some(groups)
    }
}
