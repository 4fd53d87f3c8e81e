//! One server around the brain and the replica: connections, a log that is durable when told, time.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Now, SessionId, Zxid};
use bytes::Bytes;
use node::{
    Answered, Append, Asker, Brain, Handshake, Input, ReadGate, Replica, SessionLimits, Settings,
    Sink, Ticket, WatchLock, read,
};
use tree::{Authenticator, ConnId, DigestScheme, Options, Rules, Tree, Watches};
use wire::{Frames, Id, Limits, OpCode};

/// The wall clock at the start: stats show times as what has passed since.
pub const WALL_START_MS: i64 = 1_700_000_000_000;

/// Width of an expiry bucket.
pub const TICK_MS: i64 = 1000;

/// A brain's settings as a server without configuration has them, but for a shorter tick.
pub fn settings() -> Settings {
    let schemes = Authenticator { digest: Some(DigestScheme::default()) };
    Settings {
        server_id: 1,
        tick_ms: TICK_MS,
        sessions: SessionLimits { timeout_ms_min: 2000, timeout_ms_max: 20_000 },
        rules: Rules { schemes, ..Rules::default() },
        limits: Limits::default(),
        reap_interval_ms: 60_000,
        reap_per_minute: 10_000,
        never_used_ms: 0,
    }
}

/// The watches, for a single thread.
pub struct WatchCell(RefCell<Watches>);

impl WatchLock for WatchCell {
    fn with<R>(&self, f: impl FnOnce(&mut Watches) -> R) -> R {
        f(&mut self.0.borrow_mut())
    }

    fn get_mut(&mut self) -> &mut Watches {
        self.0.get_mut()
    }
}

/// What a server keeps of a connection.
pub struct Client {
    pub gate: Arc<ReadGate>,
    pub identities: Arc<[Id<'static>]>,
    pub session: SessionId,
    pub heard_ms: i64,
    pub outbox: Vec<u8>,
    pub is_open: bool,
}

impl Client {
    fn new() -> Client {
        Client {
            gate: Arc::default(),
            identities: Arc::from([Id::new("ip", "10.0.0.1")]),
            session: SessionId::NONE,
            heard_ms: 0,
            outbox: Vec::new(),
            is_open: true,
        }
    }

    /// Takes the frames that have been sent.
    pub fn sent(&mut self) -> Vec<Vec<u8>> {
        let bytes = std::mem::take(&mut self.outbox);
        let mut frames = Frames::new(&bytes, Limits::new(1 << 30, 0));
        let mut sent = Vec::new();
        while let Some(payload) = frames.next_frame().unwrap() {
            sent.push(payload.to_vec());
        }
        assert_eq!(frames.consumed(), bytes.len(), "only whole frames are appended");
        sent
    }
}

/// The connections by id. An ended one stays until what it was sent has been looked at.
#[derive(Default)]
pub struct Clients(BTreeMap<ConnId, Client>);

impl Clients {
    fn open(&mut self, conn: ConnId) -> Option<&mut Client> {
        self.0.get_mut(&conn).filter(|client| client.is_open)
    }
}

impl Sink for Clients {
    fn append(&mut self, conn: ConnId, write: &mut dyn FnMut(&mut Vec<u8>)) {
        if let Some(client) = self.open(conn) {
            write(&mut client.outbox);
        }
    }

    fn established(&mut self, conn: ConnId, session: SessionId, _timeout_ms: i32) {
        if let Some(client) = self.open(conn) {
            client.session = session;
        }
    }

    fn answered(&mut self, _conn: ConnId, _answered: Answered) {}

    fn close(&mut self, conn: ConnId) {
        if let Some(client) = self.open(conn) {
            client.is_open = false;
        }
    }

    fn heard_ms(&self, conn: ConnId) -> Option<i64> {
        Some(self.0.get(&conn)?.heard_ms)
    }
}

/// A request as it comes off a connection.
#[derive(Clone, Debug)]
pub struct Request {
    pub xid: i32,
    pub op: OpCode,
    pub body: Vec<u8>,
}

pub struct World {
    pub now: Now,
    pub brain: Brain,
    pub replica: Replica<WatchCell>,
    pub clients: Clients,
    /// Groups that the log has been given and has not made durable.
    pub log: VecDeque<Append>,
    pub settings: Settings,
}

impl World {
    pub fn new(settings: Settings, options: Options) -> World {
        let now = Now { mono_ms: 0, wall_ms: WALL_START_MS };
        let tree = Tree::new(options);
        let brain = Brain::new(settings.clone(), &tree, now);
        let watches = WatchCell(RefCell::new(Watches::new(options.hash_seed)));
        let replica = Replica { tree, watches };
        let clients = Clients::default();
        World { now, brain, replica, clients, log: VecDeque::new(), settings }
    }

    pub fn client(&mut self, conn: ConnId) -> &mut Client {
        self.clients.0.get_mut(&conn).unwrap()
    }

    pub fn is_open(&self, conn: ConnId) -> bool {
        self.clients.0.get(&conn).is_some_and(|client| client.is_open)
    }

    pub fn sleep(&mut self, ms: i64) {
        self.now.mono_ms += ms;
        self.now.wall_ms += ms;
    }

    /// A new connection's first frame.
    pub fn connect(&mut self, conn: ConnId, handshake: Handshake) -> Input {
        let client = self.clients.0.entry(conn).or_insert_with(Client::new);
        client.heard_ms = self.now.mono_ms;
        client.gate.enter();
        let (gate, identities) = (client.gate.clone(), client.identities.clone());
        Input::Connected { conn, gate, identities, handshake }
    }

    /// Whether the connection's task may answer a read by itself.
    pub fn is_direct(&self, conn: ConnId, op: OpCode) -> bool {
        !op.is_write() && self.clients.0[&conn].gate.is_open()
    }

    /// What a connection's task does with a request: answers it beside the writer, or hands it on.
    pub fn take(&mut self, conn: ConnId, request: &Request) -> Option<Input> {
        let direct = self.is_direct(conn, request.op);
        let received_ms = self.now.mono_ms;
        let client = self.clients.open(conn)?;
        client.heard_ms = received_ms;
        let Request { xid, op, body } = request;
        if !direct {
            client.gate.enter();
            let body = Bytes::copy_from_slice(body);
            return Some(Input::Requested { conn, xid: *xid, op: *op, body, received_ms });
        }
        let asker = Asker {
            conn,
            session: client.session,
            identities: &client.identities,
            schemes: &self.settings.rules.schemes,
            skip_acl: self.settings.rules.skip_acl,
            limits: self.settings.limits,
        };
        read(&self.replica, &asker, *xid, *op, body, &mut client.outbox);
        None
    }

    /// Tells the brain what has happened.
    pub fn handle(&mut self, input: Input) {
        self.brain.handle(&self.replica, self.now, input, &mut self.clients);
    }

    /// Lets the time be noticed.
    pub fn tick(&mut self) {
        self.brain.tick(&self.replica.tree, self.now, &self.clients);
    }

    /// Gives the log what has been prepared.
    pub fn append(&mut self) -> Option<&Append> {
        let append = self.brain.poll_append()?;
        self.log.push_back(append);
        self.log.back()
    }

    /// The log's oldest groups are durable; the brain is told of the last.
    pub fn persist(&mut self, groups: usize) -> Option<Ticket> {
        let last = self.log.drain(..groups.min(self.log.len())).last()?;
        self.brain.persisted(last.ticket);
        Some(last.ticket)
    }

    /// The exclusive section.
    pub fn apply(&mut self) {
        self.brain.apply_committed(&mut self.replica, &mut self.clients);
    }

    pub fn applied(&self) -> Zxid {
        self.replica.tree.last_zxid()
    }
}
