mod handshake;

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use base::{Now, SessionId, Zxid};
use bytes::Bytes;
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use tree::{
    Change, ConnId, Origin, Outcome, Overlay, Rules, SessionTracker, Tree, Watches, permits,
};
use wire::{
    DecodeError, ErrorCode, EventType, Id, Limits, LogEntry, OpCode, PathRequest, Perms,
    ReplyHeader, TxnHeader, WatcherEvent, WriteRequest, path, write_reply,
};

use crate::flight::{Append, Asked, Flight, Ticket};
use crate::gate::ReadGate;
use crate::lane::{Ask, Backlog, Lane, Queued};
use crate::read::{Answer, Asker, read};
use crate::reaper::Reaper;
use crate::replica::{Replica, WatchLock};
use crate::reply::{error_of, write_outcome};
use crate::session::{Handshake, SessionIds, SessionLimits};
use crate::sink::{Answered, Sink};

/// What a brain is told at its birth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's id: the top byte of the session ids that it hands out.
    pub server_id: u8,
    /// Width of an expiry bucket, in milliseconds.
    pub tick_ms: i64,
    /// The range of session timeouts.
    pub sessions: SessionLimits,
    /// What decides whether a request may become a transaction.
    pub rules: Rules,
    /// How long fields of requests may be.
    pub limits: Limits,
    /// How often containers and TTL nodes are looked through, in milliseconds.
    pub reap_interval_ms: i64,
    /// How many of them go in a minute at most.
    pub reap_per_minute: i64,
    /// How long a container that never had a child may stay, in milliseconds; 0 is for ever.
    pub never_used_ms: i64,
}

/// What has happened at a connection.
#[derive(Debug)]
pub enum Input {
    /// Its first frame has come. The connection has entered its gate with it.
    Connected {
        /// The connection.
        conn: ConnId,
        /// Its gate.
        gate: Arc<ReadGate>,
        /// What it has proved to be.
        identities: Arc<[Id<'static>]>,
        /// The frame.
        handshake: Handshake,
    },
    /// It has proved to be somebody. The connection has entered its gate with it: a read that
    /// relies on this waits until the events that it asks for do so too.
    Identified {
        /// The connection.
        conn: ConnId,
        /// All that it has proved to be by now.
        identities: Arc<[Id<'static>]>,
    },
    /// A request has come that takes its turn. The connection has entered its gate with it.
    Requested {
        /// The connection.
        conn: ConnId,
        /// The request's xid.
        xid: i32,
        /// What it asks for.
        op: OpCode,
        /// Its body.
        body: Bytes,
        /// When it came, on the monotonic clock, in milliseconds.
        received_ms: i64,
    },
    /// A request has come that is not carried out; it takes its turn all the same. The connection
    /// has entered its gate with it.
    Refused {
        /// The connection.
        conn: ConnId,
        /// The request's xid.
        xid: i32,
        /// What it asked for.
        op: OpCode,
        /// Length of its body in bytes.
        bytes: usize,
        /// When it came, on the monotonic clock, in milliseconds.
        received_ms: i64,
        /// Why.
        err: ErrorCode,
    },
    /// It has ended.
    Disconnected {
        /// The connection.
        conn: ConnId,
    },
}

struct Connection {
    session: SessionId,
    gate: Arc<ReadGate>,
    identities: Arc<[Id<'static>]>,
    read_only: Option<bool>,
    lane: Lane,
}

/// On whose behalf a transaction is prepared.
struct Caller<'r> {
    session: SessionId,
    identities: &'r [Id<'static>],
    asked: Option<Asked>,
}

impl Caller<'_> {
    /// The server itself.
    fn server(session: SessionId) -> Caller<'static> {
        Caller { session, identities: &[], asked: None }
    }
}

type ById<K, V> = HashMap<K, V, FixedState>;

/// The single owner of all that decides. See the crate's documentation.
pub struct Brain {
    settings: Settings,
    overlay: Overlay,
    flight: Flight,
    tracker: SessionTracker,
    ids: SessionIds,
    connections: ById<ConnId, Connection>,
    by_session: ById<SessionId, ConnId>,
    backlog: Backlog,
    /// Renewed sessions whose connections wait until these transactions are applied.
    renewals: VecDeque<(Zxid, ConnId)>,
    reaper: Reaper,
}

impl Brain {
    /// The brain of a server that stands alone, over the tree that it has recovered. Every session
    /// of the tree gets its full timeout from now on.
    #[must_use]
    pub fn new(settings: Settings, tree: &Tree, now: Now) -> Brain {
        let seed = tree.options().hash_seed;
        let hasher = || FixedState::with_seed(seed);
        let mut tracker = SessionTracker::new(settings.tick_ms, seed);
        tree.sessions().for_each(|(id, timeout_ms)| tracker.track(id, timeout_ms, now.mono_ms));
        Brain {
            overlay: Overlay::new(tree),
            flight: Flight::new(tree.last_zxid()),
            tracker,
            ids: SessionIds::new(settings.server_id, now),
            connections: HashMap::with_hasher(hasher()),
            by_session: HashMap::with_hasher(hasher()),
            backlog: Backlog::default(),
            renewals: VecDeque::new(),
            reaper: Reaper::new(&settings, now),
            settings,
        }
    }

    /// Who is alive.
    #[must_use]
    pub fn sessions(&self) -> &SessionTracker {
        &self.tracker
    }

    /// The connection that serves a session.
    #[must_use]
    pub fn connection_of(&self, session: SessionId) -> Option<ConnId> {
        self.by_session.get(&session).copied()
    }

    /// Bytes of transactions that are prepared and not yet applied, and of the reads that wait
    /// behind them: what back-pressure goes by.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.flight.bytes() + self.backlog.bytes
    }

    /// Number of changes of nodes that are prepared and not yet applied.
    #[must_use]
    pub fn pending_changes(&self) -> usize {
        self.overlay.pending_changes()
    }

    /// Number of requests that have not been answered yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.backlog.requests
    }

    /// Takes in what happened at a connection. Reads whose turn it is are answered at once.
    pub fn handle<L: WatchLock>(
        &mut self,
        replica: &Replica<L>,
        now: Now,
        input: Input,
        sink: &mut dyn Sink,
    ) {
        match input {
            Input::Connected { conn, gate, identities, handshake } => {
                let connection = Connection {
                    session: SessionId::NONE,
                    gate,
                    identities,
                    read_only: handshake.read_only.map(|_| false),
                    lane: Lane::default(),
                };
                self.connections.insert(conn, connection);
                self.connect(replica, now, conn, &handshake, sink);
            }
            Input::Identified { conn, identities } => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.identities = identities;
                    connection.gate.leave();
                }
            }
            Input::Requested { conn, xid, op, body, received_ms } => {
                let ask = Ask { xid, op, bytes: body.len(), received_ms };
                self.request(replica, now, Asked { conn, ask }, body, sink);
            }
            Input::Refused { conn, xid, op, bytes, received_ms, err } => {
                let ask = Ask { xid, op, bytes, received_ms };
                if let Some(connection) = accepting(&mut self.connections, &self.tracker, conn) {
                    connection.lane.push(Queued::Refused(ask, err), &mut self.backlog);
                    self.advance(replica, conn, sink);
                }
            }
            Input::Disconnected { conn } => {
                self.disconnect(conn, sink);
                replica.watches.with(|watches| watches.remove_conn(conn));
            }
        }
    }

    /// What must be written to the log next, as one group.
    #[must_use]
    pub fn poll_append(&mut self) -> Option<Append> {
        self.flight.take_append()
    }

    /// The log holds everything up to the ticket, durably.
    pub fn persisted(&mut self, ticket: Ticket) {
        self.flight.persisted(ticket);
    }

    /// Whether [`Brain::apply_committed`] has anything to do.
    #[must_use]
    pub fn has_committed(&self) -> bool {
        self.flight.has_committed()
    }

    /// When [`Brain::tick`] has something to do next, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<i64> {
        self.tracker.next_deadline().into_iter().chain([self.reaper.deadline()]).min()
    }

    /// Does what time alone brings: ends sessions, reaps containers and TTL nodes. Returns how many
    /// sessions are over.
    pub fn tick(&mut self, tree: &Tree, now: Now, sink: &dyn Sink) -> usize {
        let by_session = &self.by_session;
        let heard_ms = |session| sink.heard_ms(*by_session.get(&session)?);
        let expired = self.tracker.expire(now.mono_ms, heard_ms);
        for session in &expired {
            self.tracker.set_closing(*session);
            self.prepare(tree, now, &Caller::server(*session), &WriteRequest::CloseSession);
        }
        self.reap(tree, now);
        expired.len()
    }

    fn reap(&mut self, tree: &Tree, now: Now) {
        while let Some(path) = self.reaper.next(tree, now) {
            let request = WriteRequest::DeleteContainer(PathRequest { path: path.into() });
            self.prepare(tree, now, &Caller::server(SessionId::NONE), &request);
        }
    }

    fn request<L: WatchLock>(
        &mut self,
        replica: &Replica<L>,
        now: Now,
        asked: Asked,
        body: Bytes,
        sink: &mut dyn Sink,
    ) {
        let Asked { conn, ask } = asked;
        let op = ask.op;
        let Some(connection) = accepting(&mut self.connections, &self.tracker, conn) else {
            return;
        };
        let session = connection.session;
        if !op.is_write() {
            connection.lane.push(Queued::Read(ask, body), &mut self.backlog);
            self.advance(replica, conn, sink);
            return;
        }
        let identities = connection.identities.clone();
        match WriteRequest::decode(op, &body, self.settings.limits) {
            Ok(request) => {
                if op == OpCode::CloseSession {
                    self.tracker.set_closing(session);
                }
                connection.lane.push(Queued::Write, &mut self.backlog);
                let caller = Caller { session, identities: &identities, asked: Some(asked) };
                self.prepare(&replica.tree, now, &caller, &request);
                if let Some(path) = self.overlay.take_exceeded_quota() {
                    sink.exceeded_quota(&path);
                }
            }
            // An undecodable multi takes a place in the order, as in Java.
            Err(error) if op == OpCode::Multi && error != DecodeError::NullAcl => {
                connection.lane.push(Queued::Write, &mut self.backlog);
                let caller = Caller { session, identities: &[], asked: Some(asked) };
                let origin = self.origin(now, &caller);
                self.flight.add(Some(asked), |out| {
                    Overlay::prepare_error(&origin, ErrorCode::MarshallingError, out);
                });
            }
            Err(_) => {
                let refused = Queued::Refused(ask, ErrorCode::MarshallingError);
                connection.lane.push(refused, &mut self.backlog);
                self.advance(replica, conn, sink);
            }
        }
    }

    fn origin<'r>(&self, now: Now, caller: &Caller<'r>) -> Origin<'r> {
        Origin {
            session: caller.session,
            cxid: caller.asked.map_or(0, |asked| asked.ask.xid),
            zxid: self.flight.next_zxid(),
            wall_ms: now.wall_ms,
            identities: caller.identities,
        }
    }

    fn prepare(&mut self, tree: &Tree, now: Now, caller: &Caller<'_>, request: &WriteRequest<'_>) {
        let origin = self.origin(now, caller);
        let (overlay, rules) = (&mut self.overlay, &self.settings.rules);
        self.flight.add(caller.asked, |out| overlay.prepare(tree, rules, &origin, request, out));
    }

    /// Applies what is committed, tells those who watch, and answers those who asked. Call it
    /// within the exclusive section.
    pub fn apply_committed<L: WatchLock>(&mut self, replica: &mut Replica<L>, sink: &mut dyn Sink) {
        while let Some(group) = self.flight.take_committed() {
            replica.tree.warm(group.append.payloads().filter_map(LogEntry::leading_path));
            for (payload, asked) in group.append.payloads().zip(group.asked) {
                self.apply(replica, payload, asked, sink);
            }
            let applied = group.append.ticket.zxid;
            self.overlay.caught_up(applied);
            self.renew_waiting(applied, sink);
        }
    }

    fn apply<L: WatchLock>(
        &mut self,
        replica: &mut Replica<L>,
        payload: &[u8],
        asked: Option<Asked>,
        sink: &mut dyn Sink,
    ) {
        let limits = replica.tree.options().limits;
        let entry = LogEntry::decode(payload, limits).expect("what was prepared can be read");
        let header = entry.header;
        let Replica { tree, watches } = replica;
        let watches = watches.get_mut();
        sink.committed(&header);
        let outcome = tree.apply(&header, &entry.txn, &mut |change| {
            sink.changed(&change);
            self.tell(watches, &change, header.zxid, sink);
        });
        if let Some(digest) = entry.digest {
            let expected = digest.tree_digest.cast_unsigned();
            assert!(
                expected == tree.digest(),
                "the tree is not what transaction {} was prepared to make of it",
                header.zxid,
            );
        }
        if header.op == OpCode::CloseSession.code() {
            self.session_ended(header.session, asked, watches, sink);
        }
        if let Some(asked) = asked {
            self.answer(replica, asked, &header, &outcome, sink);
        }
    }

    /// Appends the event to the outboxes of all who watch and may read.
    fn tell(&self, watches: &mut Watches, change: &Change<'_>, zxid: Zxid, sink: &mut dyn Sink) {
        if watches.is_empty() {
            return;
        }
        let rules = &self.settings.rules;
        let mut fired = [(EventType::NodeChildrenChanged, 0), (EventType::NodeChildrenChanged, 0)];
        watches.fire(change, |conn, event: EventType, path, acl| {
            let place = usize::from(event == EventType::NodeChildrenChanged);
            fired[place] = (event, fired[place].1 + 1);
            let Some(connection) = self.connections.get(&conn) else {
                return;
            };
            let identities = &connection.identities;
            if rules.skip_acl || permits(&rules.schemes, acl, Perms::READ, identities) {
                let event = WatcherEvent::new(event, path);
                sink.append(conn, &mut |out| event.write_framed(zxid, out));
            }
        });
        let fired = fired.into_iter().filter(|(_, watches)| *watches > 0);
        fired.for_each(|(event, watches)| sink.fired(event, watches));
    }

    fn answer<L: WatchLock>(
        &mut self,
        replica: &Replica<L>,
        asked: Asked,
        header: &TxnHeader,
        outcome: &Outcome<'_>,
        sink: &mut dyn Sink,
    ) {
        let Asked { conn, ask: Ask { xid, op, bytes, received_ms } } = asked;
        let (zxid, session) = (header.zxid, header.session);
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let turn = connection.lane.pop(&mut self.backlog);
        debug_assert!(matches!(turn, Some(Queued::Write)), "writes are answered in order");
        let answered = Answered { xid, op, zxid, err: error_of(outcome), bytes, received_ms };
        if op == OpCode::CreateSession {
            self.establish(conn, session, sink);
            sink.answered(conn, answered);
        } else {
            sink.append(conn, &mut |out| write_outcome(out, xid, zxid, outcome));
            sink.answered(conn, answered);
            connection.gate.leave();
        }
        if op == OpCode::CloseSession {
            self.end(conn, sink);
            replica.watches.with(|watches| watches.remove_conn(conn));
            return;
        }
        self.advance(replica, conn, sink);
    }

    /// Answers what stands in the lane before its next write.
    fn advance<L: WatchLock>(&mut self, replica: &Replica<L>, conn: ConnId, sink: &mut dyn Sink) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let asker = Asker {
            conn,
            session: connection.session,
            identities: &connection.identities,
            schemes: &self.settings.rules.schemes,
            skip_acl: self.settings.rules.skip_acl,
            limits: self.settings.limits,
        };
        replica.tree.warm(connection.lane.answerable_reads().filter_map(path::leading));
        while let Some(queued) = connection.lane.pop_answerable(&mut self.backlog) {
            let mut zxid = replica.tree.last_zxid();
            let (ask, err) = match queued {
                Queued::Write => return,
                Queued::Read(ask, body) => {
                    let mut taken = None;
                    sink.append(conn, &mut |out| {
                        Answer { zxid, taken } = read(replica, &asker, ask.xid, ask.op, &body, out);
                    });
                    taken.into_iter().for_each(|bytes| sink.took(&body, bytes));
                    (ask, 0)
                }
                Queued::Refused(ask, code) => {
                    let err = code.code();
                    let header = ReplyHeader { xid: ask.xid, zxid, err };
                    sink.append(conn, &mut |out| write_reply(out, header, |_| {}));
                    (ask, err)
                }
            };
            let Ask { xid, op, bytes, received_ms } = ask;
            sink.answered(conn, Answered { xid, op, zxid, err, bytes, received_ms });
            connection.gate.leave();
        }
    }
}

/// The connection, if requests are taken from it: not if its session's end is under way. Then it
/// ends anyway, and its gate stays shut, so that nothing behind what was dropped is answered.
fn accepting<'c>(
    connections: &'c mut ById<ConnId, Connection>,
    tracker: &SessionTracker,
    conn: ConnId,
) -> Option<&'c mut Connection> {
    let connection = connections.get_mut(&conn)?;
    let tracked = tracker.session(connection.session)?;
    (!tracked.closing).then_some(connection)
}
