use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use node::{Input, Ticket};
use parking_lot::Mutex;

use crate::client::Client;

/// What the brain is to know.
pub(crate) enum Message {
    /// A connection is there.
    Opened(Arc<Client>),
    /// Something has happened at a connection.
    Input(Input),
    /// The log is durable up to here.
    Persisted(Ticket),
    /// Time has passed.
    Tick,
}

impl Message {
    pub(crate) fn load(&self) -> Load {
        match self {
            Message::Input(Input::Requested { body, .. }) => {
                Load { requests: 1, bytes: body.len() }
            }
            Message::Input(_) | Message::Opened(_) | Message::Persisted(_) | Message::Tick => {
                Load::default()
            }
        }
    }
}

/// Requests, and the bytes that they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
}

impl Load {
    pub(crate) fn add(&mut self, other: Load) {
        self.requests += other.requests;
        self.bytes += other.bytes;
    }
}

/// What is on its way to the brain, and how much is in process altogether, from here to the answer.
///
/// Reads that are answered beside the writer never come here, so they cost nothing of this.
#[derive(Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    /// What is in process, for all connections to see. Written under the lock only: nothing is
    /// counted twice, or lost.
    requests: AtomicUsize,
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    messages: Vec<Message>,
    load: Load,
}

impl Inbox {
    pub(crate) fn put(&self, messages: impl IntoIterator<Item = Message>) {
        let mut waiting = self.waiting.lock();
        let before = waiting.messages.len();
        waiting.messages.extend(messages);
        let mut fresh = Load::default();
        waiting.messages[before..].iter().for_each(|message| fresh.add(message.load()));
        waiting.load.add(fresh);
        fresh.add(self.in_process());
        self.set(fresh);
    }

    /// Changes places between what waits and an empty vector; how much that is. It stays in process
    /// until [`Inbox::settle`] tells what has become of it.
    pub(crate) fn take(&self, messages: &mut Vec<Message>) -> Load {
        let mut waiting = self.waiting.lock();
        std::mem::swap(messages, &mut waiting.messages);
        std::mem::take(&mut waiting.load)
    }

    /// Beyond what waits here, so much is in process. Returns what was told before.
    pub(crate) fn settle(&self, mut elsewhere: Load) -> Load {
        let waiting = self.waiting.lock();
        let before = self.in_process();
        elsewhere.add(waiting.load);
        self.set(elsewhere);
        before
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.lock().messages.is_empty()
    }

    pub(crate) fn in_process(&self) -> Load {
        Load {
            requests: self.requests.load(Ordering::SeqCst),
            bytes: self.bytes.load(Ordering::SeqCst),
        }
    }

    fn set(&self, load: Load) {
        self.requests.store(load.requests, Ordering::SeqCst);
        self.bytes.store(load.bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tree::ConnId;
    use wire::OpCode;

    fn request(bytes: usize) -> Message {
        let (conn, op) = (ConnId(1), OpCode::SetData);
        let body = Bytes::from(vec![0; bytes]);
        Message::Input(Input::Requested { conn, xid: 1, op, body, received_ms: 0 })
    }

    #[test]
    fn a_request_is_in_process_from_the_inbox_until_it_is_settled() {
        let inbox = Inbox::default();
        inbox.put([request(10), Message::Tick, request(20)]);
        assert_eq!(inbox.in_process(), Load { requests: 2, bytes: 30 });
        let mut messages = Vec::new();
        assert_eq!(inbox.take(&mut messages), Load { requests: 2, bytes: 30 });
        assert_eq!((messages.len(), inbox.is_empty()), (3, true));
        // Whoever comes meanwhile is counted once.
        inbox.put([request(5)]);
        assert_eq!(inbox.in_process(), Load { requests: 3, bytes: 35 });
        inbox.settle(Load { requests: 1, bytes: 20 });
        assert_eq!(inbox.in_process(), Load { requests: 2, bytes: 25 });
    }
}
