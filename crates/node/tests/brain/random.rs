//! Long runs of everything at once, from a seed, each step checked against the model.
//!
//! Clients pipeline, vanish, come back and fall silent; connections' tasks, the brain, the log and
//! the clock move in any order. What must hold:
//!
//! - replies come in the order of a connection's requests, and say what the model says of the state
//!   that their zxid names;
//! - zxids never fall within a session, a read has seen all writes before it and none behind it;
//! - nothing is said of a write that is not durable;
//! - every event comes once, in order, and before any reply that shows the newer state;
//! - sessions end when and only when they were silent for their timeout, or asked to;
//! - what the log holds makes the same tree again.

use std::collections::{BTreeMap, VecDeque};

use base::{Prng, SessionId, Zxid};
use node::{Handshake, Input};
use tree::{ConnId, Options, Replayed, Tree};
use wire::{ConnectResponse, Limits, LogEntry};

use crate::ask::{Ask, Draw, Who};
use crate::command;
use crate::model::{Model, Watcher};
use crate::reply;
use crate::world::{Request, TICK_MS, WALL_START_MS, World, settings};

const CLIENTS: usize = 5;
const WAITING_MAX: usize = 8;

/// A request on its way, with what is known of it.
#[derive(Clone, Debug)]
struct Sent {
    xid: i32,
    ask: Ask,
    /// The zxid that it was given, if it is a write that the brain has taken.
    zxid: Option<i64>,
}

/// A connection: what the client has sent, what it waits for, what it watches.
struct Connection {
    who: Who,
    watcher: Watcher,
    /// Still in the socket.
    unread: VecDeque<Sent>,
    /// Read and not answered.
    waiting: VecDeque<Sent>,
    /// Events that must come next.
    due: VecDeque<String>,
    /// Events of a setWatches that is not answered yet.
    caught_up: Vec<String>,
    next_xid: i32,
    is_serving: bool,
    /// Whether the server must close it without a word.
    has_seen_more: bool,
}

/// What the client at one place in the test holds on to.
struct Client {
    conn: Option<ConnId>,
    session: i64,
    is_user: bool,
    /// The newest state that it has seen.
    seen: i64,
}

/// A session, as the model keeps it.
struct Session {
    timeout_ms: i64,
    heard_ms: i64,
    is_closing: bool,
    /// Its last write that was taken.
    written: i64,
    conn: ConnId,
}

impl Session {
    fn deadline(&self) -> i64 {
        ((self.heard_ms + self.timeout_ms) / TICK_MS + 1) * TICK_MS
    }
}

struct Run {
    prng: Prng,
    world: World,
    model: Model,
    clients: Vec<Client>,
    connections: BTreeMap<ConnId, Connection>,
    sessions: BTreeMap<i64, Session>,
    next_session: i64,
    /// What the brain has not been told yet; with requests, who asks what.
    inbox: VecDeque<(Input, Option<(Who, Ask)>)>,
    durable: i64,
    is_disk_slow: bool,
    log: Vec<Vec<u8>>,
    connected: u64,
    replies: usize,
    events: usize,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut settings = settings();
        settings.reap_interval_ms = i64::MAX / 2;
        let options = Options { hash_seed: seed, ..Options::default() };
        let client = |place| Client { conn: None, session: 0, is_user: place % 3 == 0, seen: 0 };
        Run {
            prng: Prng::new(seed),
            world: World::new(settings, options),
            model: Model::new(),
            clients: (0..CLIENTS).map(client).collect(),
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_session: 1 << 56 | ((WALL_START_MS << 24).cast_unsigned() >> 8).cast_signed(),
            inbox: VecDeque::new(),
            durable: 0,
            is_disk_slow: seed.is_multiple_of(3),
            log: vec![],
            connected: 0,
            replies: 0,
            events: 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.prng.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn step(&mut self) {
        let place = self.below(CLIENTS);
        match self.below(100) {
            0..30 => self.send(place),
            30..50 => self.read_socket(place),
            50..75 => self.deliver(),
            75..82 => self.give_log(),
            82..88 => self.make_durable(),
            88..94 => self.world.apply(),
            94..97 => self.pass_time(),
            97 => self.come_and_go(place),
            _ => {}
        }
        self.look();
    }

    /// Nothing is left under way.
    fn settle(&mut self) {
        while !self.inbox.is_empty() {
            self.deliver();
        }
        self.give_log();
        self.persist(usize::MAX);
        self.world.apply();
        self.look();
    }

    // --- clients

    fn send(&mut self, place: usize) {
        let Some(conn) = self.clients[place].conn else {
            self.connect(place);
            return;
        };
        let ask = Draw(&mut self.prng).ask(self.clients[place].seen);
        let connection = self.connections.get_mut(&conn).unwrap();
        if connection.unread.len() + connection.waiting.len() >= WAITING_MAX {
            return;
        }
        let xid = match ask {
            Ask::Ping => -2,
            Ask::SetWatches { .. } => -8,
            _ => connection.next_xid,
        };
        connection.next_xid += i32::from(xid > 0);
        connection.unread.push_back(Sent { xid, ask, zxid: None });
    }

    /// The connection breaks, or the client alone thinks so and makes another.
    fn come_and_go(&mut self, place: usize) {
        if self.prng.one_in(2) {
            self.vanish(place);
        } else {
            self.connect(place);
        }
    }

    fn connect(&mut self, place: usize) {
        self.connected += 1;
        let conn = ConnId(self.connected);
        let session = match self.prng.one_in(16) {
            true => 0,
            false => self.clients[place].session,
        };
        let wrong_password = self.prng.one_in(16);
        let seen = if self.prng.one_in(16) { self.model.zxid() + 1 } else { 0 };
        let Client { is_user, seen: really_seen, .. } = self.clients[place];
        let handshake = Handshake {
            last_zxid_seen: Zxid(seen.max(really_seen)),
            timeout_ms: i32::try_from(2000 + self.prng.below(8000)).unwrap(),
            session: SessionId(session),
            password_matches: session != 0 && !wrong_password,
            read_only: Some(false),
        };
        let who = Who { session, is_user };
        self.connections.insert(conn, Connection::new(who));
        self.clients[place].conn = Some(conn);
        let input = self.world.connect(conn, handshake);
        let input = if is_user { identified(input) } else { input };
        if let Input::Connected { identities, .. } = &input {
            self.world.client(conn).identities = identities.clone();
        }
        self.inbox.push_back((input, None));
    }

    fn vanish(&mut self, place: usize) {
        let Some(conn) = self.clients[place].conn.take() else { return };
        self.look();
        self.world.client(conn).is_open = false;
        self.connections.remove(&conn);
        self.inbox.push_back((Input::Disconnected { conn }, None));
    }

    // --- the server's threads

    /// A connection's task takes one request.
    fn read_socket(&mut self, place: usize) {
        let Some(conn) = self.clients[place].conn else { return };
        let connection = self.connections.get_mut(&conn).unwrap();
        if !connection.is_serving || !self.world.is_open(conn) {
            return;
        }
        let Some(sent) = connection.unread.pop_front() else { return };
        connection.waiting.push_back(sent.clone());
        let who = connection.who;
        let session = self.sessions.get_mut(&who.session);
        if let Some(session) = session.filter(|session| session.conn == conn) {
            session.heard_ms = session.heard_ms.max(self.world.now.mono_ms);
        }
        if let Some(input) = self.world.take(conn, &request(&sent)) {
            self.inbox.push_back((input, Some((who, sent.ask))));
        }
    }

    /// The brain is told one thing.
    fn deliver(&mut self) {
        let Some((input, asked)) = self.inbox.pop_front() else { return };
        match &input {
            Input::Connected { conn, handshake, .. } => self.expect_session(*conn, handshake),
            Input::Requested { conn, xid, .. } => {
                let (who, ask) = asked.unwrap();
                self.expect_write(*conn, *xid, who, &ask);
            }
            _ => {}
        }
        self.world.handle(input);
    }

    fn expect_session(&mut self, conn: ConnId, handshake: &Handshake) {
        let timeout_ms = i64::from(handshake.timeout_ms);
        let heard_ms = self.world.now.mono_ms;
        let Handshake { session: SessionId(session), password_matches, .. } = *handshake;
        let has_seen_more = handshake.last_zxid_seen > self.world.applied();
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.has_seen_more = has_seen_more;
        }
        if has_seen_more {
            return;
        }
        if session == 0 {
            let written = self.model.idle("");
            let session = Session { timeout_ms, heard_ms, is_closing: false, written, conn };
            self.sessions.insert(self.next_session, session);
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.who.session = self.next_session;
            }
            self.next_session += 1;
        } else if let Some(known) = self.sessions.get_mut(&session)
            && password_matches
            && !known.is_closing
        {
            (known.timeout_ms, known.heard_ms, known.conn) = (timeout_ms, heard_ms, conn);
        }
    }

    fn expect_write(&mut self, conn: ConnId, xid: i32, who: Who, ask: &Ask) {
        // Nothing is taken from a connection that was cut off, nor from a session that is ending.
        let session = self.sessions.get_mut(&who.session).unwrap();
        if !ask.is_write() || session.conn != conn || session.is_closing {
            return;
        }
        session.is_closing = matches!(ask, Ask::CloseSession);
        let zxid = self.model.write(who, self.world.now.wall_ms, ask);
        session.written = zxid;
        if let Some(connection) = self.connections.get_mut(&conn) {
            let sent = connection.waiting.iter_mut().find(|sent| sent.xid == xid).unwrap();
            sent.zxid = Some(zxid);
        }
    }

    fn give_log(&mut self) {
        let Some(append) = self.world.append() else { return };
        let mut start = 0;
        for (zxid, end) in &append.entries {
            self.log.push(append.bytes[start..*end].to_vec());
            assert_eq!(zxid.0, i64::try_from(self.log.len()).unwrap());
            start = *end;
        }
        assert_eq!(append.ticket.zxid.0, self.model.zxid(), "both took the same requests");
    }

    fn make_durable(&mut self) {
        if self.is_disk_slow && !self.prng.one_in(8) {
            return;
        }
        let groups = 1 + self.below(3);
        self.persist(groups);
    }

    fn persist(&mut self, groups: usize) {
        if let Some(ticket) = self.world.persist(groups) {
            self.durable = ticket.zxid.0;
        }
    }

    fn pass_time(&mut self) {
        let ms = if self.prng.one_in(10) { 3000 } else { 50 };
        let ms = i64::try_from(self.below(ms)).unwrap();
        self.world.sleep(ms);
        let now_ms = self.world.now.mono_ms;
        let over = self.sessions.iter().filter(|(_, s)| !s.is_closing && s.deadline() <= now_ms);
        let mut over: Vec<(i64, i64)> = over.map(|(id, s)| (s.deadline(), *id)).collect();
        over.sort_unstable();
        for (_, id) in over {
            let who = Who { session: id, is_user: false };
            self.model.write(who, self.world.now.wall_ms, &Ask::CloseSession);
            self.sessions.get_mut(&id).unwrap().is_closing = true;
        }
        self.world.tick();
    }

    // --- what the clients see

    fn look(&mut self) {
        let conns: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in conns {
            for payload in self.world.client(conn).sent() {
                self.read_frame(conn, &payload);
            }
            if self.world.is_open(conn) {
                self.expect_no_more_events(conn);
            } else {
                self.cut_off(conn);
            }
        }
    }

    fn cut_off(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
        for client in &mut self.clients {
            if client.conn == Some(conn) {
                client.conn = None;
            }
        }
        self.inbox.push_back((Input::Disconnected { conn }, None));
    }

    fn read_frame(&mut self, conn: ConnId, payload: &[u8]) {
        if !self.connections[&conn].is_serving {
            self.greeted(conn, payload);
        } else if let Some(event) = reply::event(payload) {
            self.events += 1;
            self.told(conn, event);
        } else {
            self.replies += 1;
            self.answered(conn, payload);
        }
    }

    fn greeted(&mut self, conn: ConnId, payload: &[u8]) {
        let applied = self.world.applied().0;
        let connection = self.connections.get_mut(&conn).unwrap();
        assert!(!connection.has_seen_more, "no answer to who has seen too much");
        let response = ConnectResponse::decode(payload, Limits::default()).unwrap();
        let asked = connection.who.session;
        let known = self.sessions.get(&asked).filter(|session| session.conn == conn);
        if response.session == SessionId::NONE {
            assert!(known.is_none(), "a live session was refused");
            return;
        }
        let known = known.unwrap();
        assert_eq!((response.session.0, i64::from(response.timeout_ms)), (asked, known.timeout_ms));
        assert!(known.written <= applied, "what the session wrote before can be seen");
        connection.is_serving = true;
        connection.watcher = Watcher::new(connection.who, applied);
        if let Some(client) = self.clients.iter_mut().find(|client| client.conn == Some(conn)) {
            client.session = asked;
        }
    }

    fn told(&mut self, conn: ConnId, event: String) {
        let applied = self.world.applied().0;
        let connection = self.connections.get_mut(&conn).unwrap();
        if event.ends_with("@-1") {
            connection.caught_up.push(event);
            return;
        }
        while connection.due.is_empty() && connection.watcher.zxid() < applied {
            connection.due.extend(connection.watcher.next(&self.model));
        }
        assert_eq!(connection.due.pop_front(), Some(event), "the next event on {conn:?}");
    }

    fn answered(&mut self, conn: ConnId, payload: &[u8]) {
        let connection = self.connections.get_mut(&conn).unwrap();
        let sent = connection.waiting.pop_front().unwrap();
        let op = request(&sent).op;
        let line = reply::reply(payload, op, &|id| format!("{id:#x}"));
        let (head, answer) = line.split_at(line.match_indices(' ').nth(1).unwrap().0);
        let (xid, zxid) = head.split_once(" @").unwrap();
        let (zxid, answer): (i64, _) = (zxid.parse().unwrap(), &answer[1..]);
        assert_eq!(xid, format!("#{}", sent.xid), "{sent:?} is due on {conn:?}, not {line}");
        assert!(zxid <= self.durable, "{line} speaks of what may be lost");

        let client = self.clients.iter_mut().find(|client| client.conn == Some(conn));
        if let Some(client) = client {
            assert!(zxid >= client.seen, "{line} goes back behind {}", client.seen);
            client.seen = zxid;
        }
        let later = connection.waiting.iter().find_map(|sent| sent.zxid);
        assert!(later.is_none_or(|later| zxid < later), "{line} has seen a write behind it");
        while connection.watcher.zxid() < zxid {
            connection.due.extend(connection.watcher.next(&self.model));
        }
        assert!(connection.due.is_empty(), "{line} before the events {:?}", connection.due);
        connection.check_answer(&self.model, &sent, zxid, answer);
    }

    /// What is applied has been told, in the section that applied it.
    fn expect_no_more_events(&mut self, conn: ConnId) {
        let applied = self.world.applied().0;
        let connection = self.connections.get_mut(&conn).unwrap();
        while connection.is_serving && connection.watcher.zxid() < applied {
            connection.due.extend(connection.watcher.next(&self.model));
        }
        assert!(connection.due.is_empty(), "{:?} were not told", connection.due);
    }

    // --- in the end

    fn finish(&mut self) {
        self.settle();
        for (conn, connection) in &self.connections {
            let left = &connection.waiting;
            assert!(left.is_empty(), "{left:?} were never answered on {conn:?}");
            assert!(self.world.replica.tree.last_zxid().0 == self.model.zxid());
            assert!(self.world.client(*conn).gate.is_open());
        }
        let tree = &self.world.replica.tree;
        for (path, data, stat) in self.model.nodes() {
            let node = tree.node(path).unwrap();
            assert_eq!((node.data(), node.stat()), (Some(data.as_bytes()), stat), "{path}");
        }
        // The root counts twice, and three nodes are the server's own.
        assert_eq!(tree.node_count(), self.model.nodes().count() + 4);
        let mut again = Tree::new(Options::default());
        for payload in &self.log {
            let entry = LogEntry::decode(payload, Limits::default()).unwrap();
            assert_eq!(again.replay(&entry), Replayed::Applied);
        }
        assert_eq!(again.digest(), tree.digest());
    }
}

impl Connection {
    fn new(who: Who) -> Connection {
        Connection {
            who,
            watcher: Watcher::new(who, 0),
            unread: VecDeque::new(),
            waiting: VecDeque::new(),
            due: VecDeque::new(),
            caught_up: vec![],
            next_xid: 1,
            is_serving: false,
            has_seen_more: false,
        }
    }

    fn check_answer(&mut self, model: &Model, sent: &Sent, zxid: i64, answer: &str) {
        if let Some(written) = sent.zxid {
            assert_eq!(zxid, written, "a write is answered as of itself: {sent:?}");
            assert_eq!(answer, model.answer(zxid), "{sent:?} @{zxid}");
            return;
        }
        if let Ask::SetWatches { since, path } = &sent.ask {
            let expected = self.watcher.catch_up(model, *since, path);
            assert_eq!(std::mem::take(&mut self.caught_up), expected, "{sent:?} @{zxid}");
        }
        let expected = model.read(zxid, self.who, &sent.ask);
        let by_watches = self.watcher.answered(&sent.ask, answer);
        assert_eq!(answer, by_watches.unwrap_or(&expected), "{sent:?} @{zxid}");
    }
}

/// The handshake of somebody who has proved to be `u` already.
fn identified(input: Input) -> Input {
    let Input::Connected { conn, gate, handshake, .. } = input else { unreachable!() };
    let name = tree::DigestScheme::default().identity("u:p");
    let identities = [wire::Id::new("ip", "10.0.0.1"), wire::Id::new("digest", name)].into();
    Input::Connected { conn, gate, identities, handshake }
}

fn request(sent: &Sent) -> Request {
    let line = sent.ask.line();
    let words: Vec<&str> = line.split_whitespace().collect();
    let op = command::op(words[0]);
    let body = match sent.ask {
        Ask::Undecodable(_) => vec![0],
        _ => command::body(op, &words[1..]),
    };
    Request { xid: sent.xid, op, body }
}

fn run(seed: u64) -> Run {
    let mut run = Run::new(seed);
    for _ in 0..10_000 {
        run.step();
    }
    run.finish();
    run
}

/// `SEED=7` runs that seed alone, `SEEDS=1000` so many instead of a few.
fn seeds() -> Vec<u64> {
    let number = |key| std::env::var(key).ok().map(|text| text.parse().unwrap());
    match number("SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("SEEDS").unwrap_or(30)).collect(),
    }
}

#[test]
fn mixed_runs_are_as_the_model_says() {
    let (mut replies, mut events) = (0, 0);
    let seeds = seeds();
    for seed in &seeds {
        println!("SEED={seed}");
        let run = run(*seed);
        replies += run.replies;
        events += run.events;
    }
    println!("{replies} replies and {events} events are as they should be");
    assert!(replies > 500 * seeds.len() && events > 50 * seeds.len(), "the runs are busy");
}
