use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicUsize, Ordering};

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
    /// The session's timeout, in milliseconds; 0 before the handshake.
    pub(crate) timeout_ms: AtomicI32,
    /// Bytes of its large requests under way.
    pub(crate) large_bytes: AtomicUsize,
    phase: AtomicPhase,
    pub(crate) stats: Mutex<ClientStats>,
}

/// How far the connection has come, for those to see who do not run it.
#[derive(Debug, Default)]
struct AtomicPhase {
    established: AtomicBool,
    /// A request of the client was dropped, so nothing behind it may be carried out.
    invalid: AtomicBool,
    gone: AtomicBool,
}

/// What `cons` tells of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientStats {
    pub(crate) session: SessionId,
    pub(crate) received: u64,
    pub(crate) last: Last,
    pub(crate) latency: Latency,
}

/// The last request that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    /// None if it failed before it was told what it is.
    pub(crate) op: Option<OpCode>,
    /// The client's own number of its last request; pings and the like have none.
    pub(crate) xid: Option<i32>,
    pub(crate) zxid: Zxid,
    pub(crate) response_ms: i64,
}

impl Default for Last {
    fn default() -> Last {
        Last { op: None, xid: None, zxid: Zxid(-1), response_ms: 0 }
    }
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
    /// Notes an answer, and how long after its request it comes, in milliseconds.
    pub(crate) fn answered(&mut self, answered: Answered, now_ms: i64) -> u64 {
        let latency_ms = u64::try_from(now_ms - answered.received_ms).unwrap_or(0);
        self.latency.add(latency_ms);
        // As in Java, where a write that fails as a whole is not told by name.
        let is_nameless = answered.err != 0 && answered.op != OpCode::Multi;
        self.last = Last {
            op: (!is_nameless).then_some(answered.op),
            xid: Some(answered.xid).filter(|xid| *xid >= 0).or(self.last.xid),
            zxid: answered.zxid,
            response_ms: now_ms,
        };
        latency_ms
    }

    /// What `crst` does.
    pub(crate) fn reset(&mut self) {
        *self = ClientStats { session: self.session, ..ClientStats::default() };
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
            timeout_ms: AtomicI32::new(0),
            large_bytes: AtomicUsize::new(0),
            phase: AtomicPhase::default(),
            stats: Mutex::default(),
        }
    }

    /// Whether the handshake is done, so that requests may be read.
    pub(crate) fn is_established(&self) -> bool {
        self.phase.established.load(Ordering::Acquire)
    }

    pub(crate) fn establish(&self, session: SessionId, timeout_ms: i32) {
        self.stats.lock().session = session;
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
        self.phase.established.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether nothing of the client may be carried out any more.
    pub(crate) fn is_invalid(&self) -> bool {
        self.phase.invalid.load(Ordering::Relaxed)
    }

    /// A request is dropped: so is all that follows, and the connection ends.
    pub(crate) fn invalidate(&self) {
        self.phase.invalid.store(true, Ordering::Relaxed);
        self.outbox.lock().close();
        self.waker.wake();
    }

    /// Whether the connection has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.phase.gone.load(Ordering::Relaxed)
    }

    pub(crate) fn set_gone(&self) {
        self.phase.gone.store(true, Ordering::Relaxed);
        self.outbox.lock().abort();
    }

    /// What `crst` does.
    pub(crate) fn reset_stats(&self) {
        self.stats.lock().reset();
        self.outbox.lock().packets = 0;
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
