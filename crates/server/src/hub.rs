use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use base::{Now, SessionId};
use node::{Answered, Brain, Input, Replica, Sink, Ticket, WatchLock};
use parking_lot::{Mutex, RwLock};
use tree::{ConnId, Watches};
use wire::OpCode;

use crate::client::Client;
use crate::clock::Clock;
use crate::log_queue::LogQueue;
use crate::metrics::{Metrics, Summary};

/// Past this many bytes of unfinished transactions no requests are read from anybody.
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

/// The brain with its connections: what one thread at a time has.
pub(crate) struct Core {
    pub(crate) brain: Brain,
    pub(crate) clients: HashMap<ConnId, Arc<Client>>,
}

/// Where all threads meet: the brain, the replica, and the way to both.
///
/// Nobody waits for the brain. Whoever brings it something leaves it in the inbox and, if the brain
/// is free, takes a turn as its driver until the inbox is empty; if it is not, whoever drives it
/// now will find the message. So a write costs no thread switch on its way in, and the thread that
/// made it durable answers it.
///
/// Locks are taken in this order: core, replica, watches or outbox. Nothing is sent under the core.
pub(crate) struct Hub {
    inbox: Mutex<Vec<Message>>,
    pub(crate) core: Mutex<Core>,
    pub(crate) replica: RwLock<Replica<WatchCell>>,
    pub(crate) log: LogQueue,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    in_flight_bytes: AtomicUsize,
    next_timeout_ms: AtomicI64,
}

impl Hub {
    pub(crate) fn new(
        brain: Brain,
        replica: Replica<WatchCell>,
        clock: Clock,
        metrics: Metrics,
    ) -> Hub {
        Hub {
            inbox: Mutex::default(),
            core: Mutex::new(Core { brain, clients: HashMap::new() }),
            replica: RwLock::new(replica),
            log: LogQueue::default(),
            clock,
            metrics,
            in_flight_bytes: AtomicUsize::new(0),
            next_timeout_ms: AtomicI64::new(0),
        }
    }

    /// Whether requests must wait in their sockets.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.in_flight_bytes.load(Ordering::SeqCst) > IN_FLIGHT_BYTES_MAX
    }

    /// When a [`Message::Tick`] has something to do next, on the monotonic clock.
    pub(crate) fn next_timeout_ms(&self) -> i64 {
        self.next_timeout_ms.load(Ordering::Relaxed)
    }

    /// Leaves messages for the brain and sees that somebody attends to them.
    pub(crate) fn tell(&self, messages: impl IntoIterator<Item = Message>) {
        self.inbox.lock().extend(messages);
        self.drive();
    }

    fn drive(&self) {
        loop {
            let mut touched = Vec::new();
            {
                let Some(mut core) = self.core.try_lock() else { return };
                loop {
                    let messages = std::mem::take(&mut *self.inbox.lock());
                    if messages.is_empty() {
                        break;
                    }
                    self.turn(&mut core, messages, &mut touched);
                }
            }
            touched.iter().for_each(|client| client.flush());
            // What came while the brain was being left was left for us.
            if self.inbox.lock().is_empty() {
                return;
            }
        }
    }

    fn turn(&self, core: &mut Core, messages: Vec<Message>, touched: &mut Vec<Arc<Client>>) {
        let now = self.clock.now();
        {
            let replica = self.replica.read();
            for message in messages {
                self.take(core, &replica, now, message, touched);
            }
        }
        if let Some(append) = core.brain.poll_append() {
            self.log.push(append);
        }
        let mut sink = Outboxes { hub: self, now, clients: &core.clients, touched };
        if core.brain.has_committed() {
            core.brain.apply_committed(&mut self.replica.write(), &mut sink);
        }
        self.publish_pressure(core);
        let timeout_ms = core.brain.poll_timeout().unwrap_or(i64::MAX);
        self.next_timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    fn take(
        &self,
        core: &mut Core,
        replica: &Replica<WatchCell>,
        now: Now,
        message: Message,
        touched: &mut Vec<Arc<Client>>,
    ) {
        let ended = match &message {
            Message::Input(Input::Disconnected { conn }) => Some(*conn),
            _ => None,
        };
        let mut sink = Outboxes { hub: self, now, clients: &core.clients, touched };
        match message {
            Message::Opened(client) => {
                core.clients.insert(client.id, client);
            }
            Message::Input(input) => core.brain.handle(replica, now, input, &mut sink),
            Message::Persisted(ticket) => core.brain.persisted(ticket),
            Message::Tick => {
                core.brain.tick(&replica.tree, now, &sink);
            }
        }
        if let Some(conn) = ended {
            core.clients.remove(&conn);
        }
    }

    fn publish_pressure(&self, core: &Core) {
        let was_overloaded = self.is_overloaded();
        self.in_flight_bytes.store(core.brain.in_flight_bytes(), Ordering::SeqCst);
        if was_overloaded && !self.is_overloaded() {
            core.clients.values().for_each(|client| client.waker.wake());
        }
    }
}

/// The connections as the brain sees them, for the length of a section.
struct Outboxes<'h> {
    hub: &'h Hub,
    now: Now,
    clients: &'h HashMap<ConnId, Arc<Client>>,
    touched: &'h mut Vec<Arc<Client>>,
}

impl Sink for Outboxes<'_> {
    fn append(&mut self, conn: ConnId, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(client) = self.clients.get(&conn) else { return };
        let mut outbox = client.outbox.lock();
        let Some(bytes) = outbox.open() else { return };
        write(bytes);
        if !std::mem::replace(&mut outbox.is_dirty, true) {
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
        self.hub.metrics.local(|recorder| {
            recorder.packet_sent();
            recorder.request_answered(latency_ms);
            if answered.op.is_write() {
                recorder.sample(Summary::UpdateLatency, latency_ms);
            } else if answered.op != OpCode::Ping {
                recorder.sample(Summary::ReadLatency, latency_ms);
            }
        });
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
