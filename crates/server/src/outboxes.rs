use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::{Now, SessionId};
use node::{Answered, Sink};
use tree::{Change, ConnId};
use wire::{EventType, TxnHeader};

use crate::client::Client;
use crate::hub::Clients;
use crate::large_requests::LargeRequests;
use crate::metrics::{CounterSet, Recorder, Summary, namespace};
use crate::traffic::{note_read, note_write};

/// What an empty buffer begins with: room for a short reply, or an event, which one change may
/// cause for all clients at once.
const FIRST_BYTES: usize = 128;

/// The connections as the brain sees them, for the length of a section.
pub(crate) struct Outboxes<'h> {
    pub(crate) now: Now,
    pub(crate) clients: &'h Clients,
    pub(crate) recorder: &'h Recorder,
    pub(crate) large_requests: &'h LargeRequests,
    /// Those that have something to send since; each once.
    pub(crate) touched: &'h mut Vec<Arc<Client>>,
}

impl Sink for Outboxes<'_> {
    fn append(&mut self, conn: ConnId, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(client) = self.clients.get(&conn) else { return };
        let mut outbox = client.outbox.lock();
        let was_open = if client.is_established() {
            outbox.append(self.recorder, |out| {
                if out.is_empty() {
                    out.reserve(FIRST_BYTES);
                }
                write(out);
            })
        } else {
            outbox.append_greeting(self.recorder, write)
        };
        if was_open && !std::mem::replace(&mut outbox.is_dirty, true) {
            self.touched.push(client.clone());
        }
    }

    fn established(&mut self, conn: ConnId, session: SessionId, timeout_ms: i32) {
        if let Some(client) = self.clients.get(&conn) {
            client.establish(session, timeout_ms);
        }
    }

    fn answered(&mut self, conn: ConnId, answered: Answered) {
        let Some(client) = self.clients.get(&conn) else { return };
        let latency_ms = client.stats.lock().answered(answered, self.now.mono_ms);
        self.recorder.request_answered(latency_ms);
        let is_write = answered.op.is_write();
        let summary = if is_write { Summary::UpdateLatency } else { Summary::ReadLatency };
        self.recorder.sample(summary, latency_ms);
        let large_bytes = self.large_requests.counted(answered.bytes);
        if large_bytes > 0 {
            client.large_bytes.fetch_sub(large_bytes, Ordering::Relaxed);
            self.large_requests.leave(large_bytes);
        }
    }

    fn took(&mut self, body: &[u8], bytes: usize) {
        note_read(self.recorder, body, bytes);
    }

    fn committed(&mut self, header: &TxnHeader) {
        if let Ok(latency_ms) = u64::try_from(self.now.wall_ms - header.time_ms) {
            self.recorder.sample(Summary::PropagationLatency, latency_ms);
        }
    }

    fn changed(&mut self, change: &Change<'_>) {
        note_write(self.recorder, change);
    }

    fn exceeded_quota(&mut self, path: &str) {
        if let Some(namespace) = namespace(path) {
            self.recorder.add_set(CounterSet::QuotaExceededErrorPerNamespace, namespace, 1);
        }
    }

    fn fired(&mut self, event: EventType, watches: usize) {
        let summary = match event {
            EventType::NodeCreated => Summary::NodeCreatedWatchCount,
            EventType::NodeDeleted => Summary::NodeDeletedWatchCount,
            EventType::NodeDataChanged => Summary::NodeChangedWatchCount,
            EventType::NodeChildrenChanged => Summary::NodeChildrenWatchCount,
        };
        self.recorder.sample(summary, watches as u64);
    }

    fn close(&mut self, conn: ConnId) {
        let Some(client) = self.clients.get(&conn) else { return };
        let mut outbox = client.outbox.lock();
        outbox.close();
        if !std::mem::replace(&mut outbox.is_dirty, true) {
            self.touched.push(client.clone());
        }
    }

    fn heard_ms(&self, conn: ConnId) -> Option<i64> {
        Some(self.clients.get(&conn)?.heard_ms.load(Ordering::Relaxed))
    }
}
