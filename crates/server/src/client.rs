use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use atomic_waker::AtomicWaker;
use base::{SessionId, Zxid};
use node::{Answered, ReadGate};
use parking_lot::Mutex;
use tree::ConnId;
use wire::OpCode;

use crate::outbox::{Flushed, Outbox};

/// A client's connection, as its task, the brain's turns and the four-letter words share it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ConnId,
    pub(crate) peer: SocketAddr,
    pub(crate) opened_wall_ms: i64,
    pub(crate) gate: Arc<ReadGate>,
    pub(crate) outbox: Mutex<Outbox>,
    /// Wakes the connection's task: the handshake is done, or the socket must be waited for.
    pub(crate) waker: AtomicWaker,
    /// When the client was last heard of. All that a request leaves for session expiry to find.
    pub(crate) heard_ms: AtomicI64,
    /// Whether the task waits for fewer requests under way before it reads on.
    pub(crate) is_paused: AtomicBool,
    established: AtomicBool,
    pub(crate) stats: Mutex<ClientStats>,
}

/// What `cons` tells of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientStats {
    pub(crate) session: SessionId,
    pub(crate) timeout_ms: i32,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) last: Option<Answered>,
    pub(crate) last_response_ms: i64,
    pub(crate) latency: Latency,
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) total_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) min_ms: u64,
    pub(crate) max_ms: u64,
}

impl Latency {
    fn add(&mut self, ms: u64) {
        self.min_ms = if self.count == 0 { ms } else { self.min_ms.min(ms) };
        self.max_ms = self.max_ms.max(ms);
        self.last_ms = ms;
        self.total_ms += ms;
        self.count += 1;
    }
}

impl ClientStats {
    /// Notes an answer, `latency_ms` after its request came.
    pub(crate) fn answered(&mut self, answered: Answered, now_ms: i64) -> u64 {
        let latency_ms = u64::try_from(now_ms - answered.received_ms).unwrap_or(0);
        self.sent += 1;
        self.latency.add(latency_ms);
        self.last_response_ms = now_ms;
        // Pings keep the session alive; they are not what the client does.
        if answered.op != OpCode::Ping || self.last.is_none() {
            self.last = Some(answered);
        }
        latency_ms
    }

    /// What `crst` does.
    pub(crate) fn reset(&mut self) {
        let ClientStats { session, timeout_ms, .. } = *self;
        *self = ClientStats { session, timeout_ms, ..ClientStats::default() };
    }

    pub(crate) fn last_zxid(&self) -> Zxid {
        self.last.map_or(Zxid(-1), |last| last.zxid)
    }
}

impl Client {
    pub(crate) fn new(id: ConnId, peer: SocketAddr, outbox: Outbox, now: base::Now) -> Client {
        Client {
            id,
            peer,
            opened_wall_ms: now.wall_ms,
            gate: Arc::default(),
            outbox: Mutex::new(outbox),
            waker: AtomicWaker::new(),
            heard_ms: AtomicI64::new(now.mono_ms),
            is_paused: AtomicBool::new(false),
            established: AtomicBool::new(false),
            stats: Mutex::default(),
        }
    }

    /// Whether the handshake is done, so that requests may be read.
    pub(crate) fn is_established(&self) -> bool {
        self.established.load(Ordering::Acquire)
    }

    pub(crate) fn establish(&self, session: SessionId, timeout_ms: i32) {
        let mut stats = self.stats.lock();
        (stats.session, stats.timeout_ms) = (session, timeout_ms);
        self.established.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Sends what the socket takes; whatever then needs waiting is the connection's task's.
    pub(crate) fn flush(&self) {
        let flushed = {
            let mut outbox = self.outbox.lock();
            outbox.is_dirty = false;
            outbox.flush()
        };
        if flushed != Flushed::All || self.is_paused.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }
}
