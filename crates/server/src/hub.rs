use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base::{Now, Prng};
use node::{Brain, Input, Replica, WatchLock};
use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::Notify;
use tree::{ConnId, Tree, Watches};
use wire::{ErrorCode, OpCode, path};

use crate::admission::{Admission, Candidate, Verdict};
use crate::arrears::Arrears;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::inbox::{Inbox, Load, Message};
use crate::large_requests::LargeRequests;
use crate::log_queue::LogQueue;
use crate::metrics::{Counter, Metrics, Recorder, Summary};
use crate::outboxes::Outboxes;
use crate::sending::Sending;
use crate::throttle::{ConnectionThrottle, Errand};

/// Past this many bytes of unfinished requests nothing is read from anybody.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// The watches, for readers under the shared lock to take turns at.
pub(crate) struct WatchCell(Mutex<Watches>);

impl WatchCell {
    pub(crate) fn new(watches: Watches) -> WatchCell {
        WatchCell(Mutex::new(watches))
    }
}

impl WatchLock for WatchCell {
    fn with<R>(&self, f: impl FnOnce(&mut Watches) -> R) -> R {
        f(&mut self.0.lock())
    }

    fn get_mut(&mut self) -> &mut Watches {
        self.0.get_mut()
    }
}

/// The connections by their ids, which nobody outside chooses.
pub(crate) type Clients = HashMap<ConnId, Arc<Client>, foldhash::fast::FixedState>;

/// The brain with its connections: what one thread at a time has.
pub(crate) struct Core {
    pub(crate) brain: Brain,
    pub(crate) clients: Clients,
    pub(crate) recorder: Recorder,
    admission: Admission,
    /// What waits for requests in process to end, in order (`request_throttle_max_requests`).
    held: VecDeque<Message>,
    /// The inbox's other vector: the two change places at each turn.
    messages: Vec<Message>,
}

/// The connection throttle, with its own luck.
pub(crate) struct Turnstile {
    pub(crate) throttle: ConnectionThrottle,
    pub(crate) prng: Prng,
}

impl Turnstile {
    /// Whether a client may go on that connects.
    pub(crate) fn admits(&mut self, errand: Errand, now_ms: i64) -> bool {
        let draw = u32::try_from(self.prng.below(1 << 31)).unwrap_or(0);
        self.throttle.admits(errand, now_ms, f64::from(draw) / f64::from(1u32 << 31))
    }
}

/// A look at the core. Whoever came meanwhile found nobody driving and left: what they left is
/// attended to afterwards.
pub(crate) struct Look<'h> {
    hub: &'h Hub,
    core: Option<MutexGuard<'h, Core>>,
}

impl Deref for Look<'_> {
    type Target = Core;

    fn deref(&self) -> &Core {
        self.core.as_ref().expect("held until dropped")
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.core = None;
        if !self.hub.inbox.is_empty() {
            self.hub.drive();
        }
    }
}

/// Where all threads meet: the brain, the replica, and the way to both.
///
/// Nobody waits for the brain. Whoever brings it something leaves it in the inbox and, if the brain
/// is free, takes a turn as its driver until the inbox is empty; if it is not, whoever drives it
/// now will find the message. So a write costs no thread switch on its way in, and while there is
/// little to do the thread that made it durable answers it; while there is much, that thread goes
/// on writing and an I/O thread answers.
///
/// Locks are taken in this order: core, replica, watches or outbox. Nothing is sent under the core,
/// and it is let go after each turn, for the four-letter words to look in.
pub(crate) struct Hub {
    inbox: Inbox,
    /// Requests in process beyond which who has some there is not read (`globalOutstandingLimit`).
    in_process_max: usize,
    core: Mutex<Core>,
    pub(crate) replica: RwLock<Replica<WatchCell>>,
    pub(crate) log: LogQueue,
    /// Rung when something was left in the inbox, or many clients are to be sent to.
    bell: Notify,
    sending: Sending,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) turnstile: Mutex<Turnstile>,
    pub(crate) large_requests: LargeRequests,
    pub(crate) arrears: Arrears,
    pub(crate) auth_failed: AtomicU64,
    next_timeout_ms: AtomicI64,
}

impl Hub {
    pub(crate) fn new(
        brain: Brain,
        replica: Replica<WatchCell>,
        clock: Clock,
        metrics: Metrics,
        config: &ServerConfig,
    ) -> Hub {
        let core = Core {
            brain,
            clients: Clients::default(),
            recorder: metrics.recorder(),
            admission: Admission::new(config.request_throttle),
            held: VecDeque::new(),
            messages: Vec::new(),
        };
        let turnstile = Turnstile {
            throttle: ConnectionThrottle::new(config.connection_throttle, clock.mono_ms()),
            prng: Prng::new(clock.now().wall_ms.cast_unsigned()),
        };
        Hub {
            inbox: Inbox::default(),
            in_process_max: config.limits.global_outstanding_limit as usize,
            core: Mutex::new(core),
            replica: RwLock::new(replica),
            log: LogQueue::default(),
            bell: Notify::new(),
            sending: Sending::default(),
            clock,
            metrics,
            turnstile: Mutex::new(turnstile),
            large_requests: LargeRequests::new(&config.limits),
            arrears: Arrears::default(),
            auth_failed: AtomicU64::new(0),
            next_timeout_ms: AtomicI64::new(0),
        }
    }

    /// Whether all requests must wait in their sockets.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.inbox.in_process().bytes > IN_FLIGHT_BYTES_MAX
    }

    /// Whether those must wait whose clients have requests in process already.
    pub(crate) fn is_crowded(&self) -> bool {
        self.inbox.in_process().requests > self.in_process_max
    }

    /// When a [`Message::Tick`] has something to do next, on the monotonic clock.
    pub(crate) fn next_timeout_ms(&self) -> i64 {
        self.next_timeout_ms.load(Ordering::Relaxed)
    }

    /// Leaves messages for the brain and sees that somebody attends to them.
    pub(crate) fn tell(&self, messages: impl IntoIterator<Item = Message>) {
        self.inbox.put(messages);
        self.drive();
    }

    /// The core, to look in; no other lock may be held when the look ends.
    pub(crate) fn look(&self) -> Look<'_> {
        Look { hub: self, core: Some(self.core.lock()) }
    }

    /// Leaves messages for the brain and goes on: an I/O thread attends to them, unless somebody
    /// drives the brain already.
    pub(crate) fn leave(&self, messages: impl IntoIterator<Item = Message>) {
        self.inbox.put(messages);
        // Who holds the core looks into the inbox once more after it has let go.
        if self.core.try_lock().is_some() {
            self.bell.notify_one();
        }
    }

    /// Drives the brain whenever something was left for it, and helps with sending.
    pub(crate) async fn attend(&self) {
        loop {
            self.bell.notified().await;
            self.drive();
            while self.sending.send_some() {
                // Whose requests come meanwhile has its turn first.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what the turn has left in outboxes.
    fn send(&self, touched: &mut Vec<Arc<Client>>) {
        if Sending::is_for_all(touched) {
            self.sending.share(touched.drain(..));
            self.bell.notify_waiters();
            while self.sending.send_some() {}
        } else {
            touched.drain(..).for_each(|client| client.flush());
        }
    }

    fn drive(&self) {
        let mut touched = Vec::new();
        loop {
            {
                let Some(mut core) = self.core.try_lock() else { return };
                self.turn(&mut core, &mut touched);
            }
            self.send(&mut touched);
            // What came while the brain was being left was left for us.
            if self.inbox.is_empty() {
                return;
            }
        }
    }

    fn turn(&self, core: &mut Core, touched: &mut Vec<Arc<Client>>) {
        let mut messages = std::mem::take(&mut core.messages);
        let load = self.inbox.take(&mut messages);
        if load.requests > 0 {
            core.recorder.sample(Summary::PrepProcessorQueueSize, load.requests as u64);
        }
        let mut now = self.clock.now();
        loop {
            self.handle(core, now, &mut messages, touched);
            if load.requests > 0 {
                let took_ms = self.clock.mono_ms() - now.mono_ms;
                let took_ms = u64::try_from(took_ms).unwrap_or(0);
                core.recorder.sample(Summary::PrepProcessTime, took_ms);
            }
            self.log_and_apply(core, now, touched);
            // What was held may have room now, and nothing else would bring it up again.
            if core.held.is_empty() || !core.admission.has_room(core.brain.unanswered()) {
                break;
            }
            now = self.clock.now();
        }
        core.messages = messages;
        self.publish_pressure(core);
        let timeout_ms = core.brain.poll_timeout().unwrap_or(i64::MAX);
        self.next_timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    /// Lets the brain take in all messages, or all that there is room for.
    fn handle(
        &self,
        core: &mut Core,
        now: Now,
        messages: &mut Vec<Message>,
        touched: &mut Vec<Arc<Client>>,
    ) {
        let changes = core.brain.pending_changes();
        let replica = self.replica.read();
        warm(&replica.tree, messages);
        for message in messages.drain(..) {
            if core.admission.may_hold() && matches!(message, Message::Input(_)) {
                core.held.push_back(message);
            } else {
                self.take(core, &replica, now, message, touched);
            }
        }
        while let Some(message) = core.held.pop_front() {
            if let Some(message) = self.take(core, &replica, now, message, touched) {
                core.held.push_front(message);
                core.recorder.add(Counter::RequestThrottleWaitCount, 1);
                break;
            }
        }
        let more = core.brain.pending_changes() - changes;
        core.recorder.add(Counter::OutstandingChangesQueued, more as u64);
    }

    fn log_and_apply(&self, core: &mut Core, now: Now, touched: &mut Vec<Arc<Client>>) {
        if let Some(append) = core.brain.poll_append() {
            let count = append.entries.len() as u64;
            core.recorder.add(Counter::SyncProcessorRequestQueued, count);
            self.log.push(append);
        }
        if core.brain.has_committed() {
            let changes = core.brain.pending_changes();
            let (brain, mut sink) = self.section(core, now, touched);
            brain.apply_committed(&mut self.replica.write(), &mut sink);
            let fewer = changes - core.brain.pending_changes();
            core.recorder.add(Counter::OutstandingChangesRemoved, fewer as u64);
        }
    }

    /// The brain, and the connections as it sees them.
    fn section<'c>(
        &'c self,
        core: &'c mut Core,
        now: Now,
        touched: &'c mut Vec<Arc<Client>>,
    ) -> (&'c mut Brain, Outboxes<'c>) {
        let Core { brain, clients, recorder, .. } = core;
        let large_requests = &self.large_requests;
        (brain, Outboxes { now, clients, recorder, large_requests, touched })
    }

    /// Has the brain take in one message; hands it back if it must wait.
    fn take(
        &self,
        core: &mut Core,
        replica: &Replica<WatchCell>,
        now: Now,
        message: Message,
        touched: &mut Vec<Arc<Client>>,
    ) -> Option<Message> {
        match message {
            Message::Opened(client) => {
                core.clients.insert(client.id, client);
            }
            Message::Input(input) => {
                let input = match self.admit(core, now, input) {
                    Ok(admitted) => admitted?,
                    Err(held) => return Some(Message::Input(held)),
                };
                let ended = match &input {
                    Input::Disconnected { conn } => Some(*conn),
                    // Nothing is sent, but the task may wait for this to be done.
                    Input::Identified { conn, .. } => {
                        touched.extend(core.clients.get(conn).cloned());
                        None
                    }
                    _ => None,
                };
                let (brain, mut sink) = self.section(core, now, touched);
                brain.handle(replica, now, input, &mut sink);
                ended.into_iter().for_each(|conn| self.forget(core, conn));
            }
            Message::Persisted(ticket) => core.brain.persisted(ticket),
            Message::Tick => {
                let (brain, sink) = self.section(core, now, touched);
                let expired = brain.tick(&replica.tree, now, &sink);
                core.recorder.add(Counter::StaleSessionsExpired, expired as u64);
            }
        }
        None
    }

    /// Decides whether an input is taken in: none if it is dropped, an error if it must wait.
    fn admit(&self, core: &Core, now: Now, input: Input) -> Result<Option<Input>, Input> {
        let (conn, op, received_ms) = match &input {
            Input::Requested { conn, op, received_ms, .. } => (*conn, *op, *received_ms),
            Input::Connected { conn, .. } => (*conn, OpCode::CreateSession, now.mono_ms),
            Input::Refused { .. } | Input::Identified { .. } | Input::Disconnected { .. } => {
                return Ok(Some(input));
            }
        };
        let Some(client) = core.clients.get(&conn) else { return Ok(None) };
        // The gate stays shut behind a dropped request: what comes after it is dropped as well, and
        // no read may be answered in its place.
        if client.is_invalid() {
            return Ok(None);
        }
        let candidate = Candidate {
            op,
            waited_ms: now.mono_ms - received_ms,
            session_timeout_ms: client.timeout_ms.load(Ordering::Relaxed),
            is_orphan: client.is_gone(),
            in_process: core.brain.unanswered(),
        };
        let verdict = core.admission.judge(&candidate);
        note_verdict(&core.recorder, &candidate, verdict);
        match verdict {
            Verdict::Admit | Verdict::AdmitStale => Ok(Some(input)),
            Verdict::Hold => Err(input),
            Verdict::Refuse => Ok(Some(refused(input))),
            Verdict::Drop => {
                client.invalidate();
                Ok(None)
            }
        }
    }

    /// A connection has ended: nobody waits for its replies, and it holds nothing any more.
    fn forget(&self, core: &mut Core, conn: ConnId) {
        let Some(client) = core.clients.remove(&conn) else { return };
        core.recorder.add(Counter::StaleReplies, client.gate.under_way() as u64);
        self.large_requests.leave(client.large_bytes.swap(0, Ordering::Relaxed));
    }

    fn publish_pressure(&self, core: &Core) {
        let mut load =
            Load { requests: core.brain.unanswered(), bytes: core.brain.in_flight_bytes() };
        core.held.iter().for_each(|message| load.add(message.load()));
        let before = self.inbox.settle(load);
        if before.bytes > IN_FLIGHT_BYTES_MAX && !self.is_overloaded() {
            core.clients.values().for_each(|client| client.waker.wake());
        }
    }
}

/// Prepares the lookups of all writes that came together. The reads behind them have time.
fn warm(tree: &Tree, messages: &[Message]) {
    tree.warm(messages.iter().filter_map(|message| match message {
        Message::Input(Input::Requested { op, body, .. }) if op.is_write() => path::leading(body),
        Message::Input(_) | Message::Opened(_) | Message::Persisted(_) | Message::Tick => None,
    }));
}

fn note_verdict(recorder: &Recorder, candidate: &Candidate, verdict: Verdict) {
    let waited_ms = u64::try_from(candidate.waited_ms).unwrap_or(0);
    match verdict {
        Verdict::Hold => return,
        Verdict::Drop => {
            recorder.add(Counter::StaleRequestsDropped, 1);
            return;
        }
        Verdict::Refuse => recorder.add(Counter::ThrottledOps, 1),
        Verdict::AdmitStale => recorder.add(Counter::StaleRequests, 1),
        Verdict::Admit => {}
    }
    recorder.add(Counter::PrepProcessorRequestQueued, 1);
    recorder.sample(Summary::RequestThrottleQueueTimeMs, waited_ms);
    recorder.sample(Summary::PrepProcessorQueueTimeMs, waited_ms);
}

/// The same request, to be answered with ZooKeeper's throttling error when its turn comes.
fn refused(input: Input) -> Input {
    match input {
        Input::Requested { conn, xid, op, body, received_ms } => {
            let (bytes, err) = (body.len(), ErrorCode::ThrottledOp);
            Input::Refused { conn, xid, op, bytes, received_ms, err }
        }
        input => input,
    }
}
