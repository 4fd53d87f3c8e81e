//! Plays the commands of one script, and tells what comes of each.
//!
//! | command | what happens |
//! |---|---|
//! | `server WORD…` | how the server is set up; the first command, if at all |
//! | `NAME connect [session=NAME] [password=wrong] [timeout=MS] [seen=ZXID] [old]` | a new connection |
//! | `NAME disconnect` | the connection is lost |
//! | `NAME auth SCHEME CREDENTIALS` | an auth packet |
//! | `NAME OP …` | a request; see `command` |
//! | `NAME raw OP HEX` | a request with that body |
//! | `NAME throttled OP …` | a request that the server will not carry out, being too busy |
//! | `persist [N]` | the oldest N groups of the log, or all, are durable |
//! | `sleep MS`, `tick MS` | time passes; a tick is noticed |
//! | `deadline`, `watches` | when a tick is due next; how many watches are set |
//! | `given COMMAND` | the command, made durable and not spoken of |

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use base::{SessionId, Zxid};
use node::{Append, Handshake, Input, Settings, WatchLock};
use tree::{ConnId, DigestScheme, ExtendedTypes, Options};
use wire::{ErrorCode, Limits, LogEntry, OpCode, Txn, password_matches, session_password};

use crate::command::{self, Words};
use crate::reply;
use crate::world::{Request, World, settings};

/// A client as a script sees it.
struct Actor {
    conn: ConnId,
    next_xid: i32,
    /// What it waits for, oldest first. The handshake stands as a createSession.
    waiting: VecDeque<(i32, OpCode)>,
    /// Whether its end has been told.
    is_over: bool,
}

pub struct Scene {
    world: Option<World>,
    actors: BTreeMap<String, Actor>,
    sessions: HashMap<SessionId, String>,
    connections: u64,
    told: Vec<String>,
}

impl Scene {
    pub fn new() -> Scene {
        Scene {
            world: None,
            actors: BTreeMap::new(),
            sessions: HashMap::new(),
            connections: 0,
            told: Vec::new(),
        }
    }

    /// Carries out one line; returns what is to be seen of it.
    pub fn play(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "given" {
            self.command(&words[1..]);
            self.command(&["persist"]);
            self.told.clear();
        } else {
            self.command(&words);
        }
        std::mem::take(&mut self.told)
    }

    fn world(&mut self) -> &mut World {
        self.world.get_or_insert_with(|| World::new(settings(), Options::default()))
    }

    fn command(&mut self, words: &[&str]) {
        let args = Words::new(&words[1..]);
        let number = |word: Option<&&str>| word.map(|text| text.parse().unwrap());
        match words[0] {
            "server" => self.set_up(args),
            "persist" => self.persist(number(words.get(1)).unwrap_or(usize::MAX)),
            "sleep" => self.world().sleep(args.at(0).parse().unwrap()),
            "tick" => {
                self.world().sleep(args.at(0).parse().unwrap());
                self.world().tick();
            }
            "deadline" => {
                let deadline = self.world().brain.poll_timeout();
                self.told.push(format!("{deadline:?}"));
            }
            "watches" => {
                let count = self.world().replica.watches.with(|watches| watches.count());
                self.told.push(format!("{count}"));
            }
            name => self.act(name, &words[1..]),
        }
        if let Some(append) = self.world().append().cloned() {
            self.tell_of_log(&append);
        }
        self.tell_of_clients();
    }

    fn set_up(&mut self, args: Words<'_>) {
        assert!(self.world.is_none(), "the server is set up first");
        let mut settings: Settings = settings();
        let rules = &mut settings.rules;
        rules.enforce_quota = args.has("enforceQuota");
        rules.skip_acl = args.has("skipACL");
        rules.reconfig_enabled = args.has("reconfigEnabled");
        rules.close_session_without_paths = args.has("closeSessionTxn=false");
        rules.entry_bytes_max = args.number("entryBytesMax").unwrap_or(0);
        rules.schemes.digest = Some(DigestScheme {
            super_digest: args.value("super").map(|user| DigestScheme::default().identity(user)),
            ..DigestScheme::default()
        });
        settings.reap_per_minute = args.number("maxPerMinute").unwrap_or(10_000);
        settings.never_used_ms = args.number("maxNeverUsed").unwrap_or(0);
        let types = ExtendedTypes { enabled: args.has("extendedTypes"), emulate_353: false };
        self.world = Some(World::new(settings, Options { types, ..Options::default() }));
    }

    fn persist(&mut self, groups: usize) {
        let world = self.world();
        world.persist(groups);
        world.apply();
    }

    fn act(&mut self, name: &str, words: &[&str]) {
        let args = Words::new(&words[1..]);
        match words[0] {
            "connect" => self.connect(name, args),
            "disconnect" => {
                let actor = self.actors.get_mut(name).unwrap();
                actor.is_over = true;
                let conn = actor.conn;
                self.world().client(conn).is_open = false;
                self.world().handle(Input::Disconnected { conn });
            }
            "auth" => self.authenticate(name, args),
            "raw" => {
                let body = hex(words.get(2).copied().unwrap_or_default());
                self.request(name, command::op(args.at(0)), body);
            }
            "throttled" => self.throttled(name, command::op(args.at(0))),
            word => {
                let op = command::op(word);
                self.request(name, op, command::body(op, &words[1..]));
            }
        }
    }

    fn connect(&mut self, name: &str, args: Words<'_>) {
        self.connections += 1;
        let conn = ConnId(self.connections);
        let waiting = VecDeque::from([(0, OpCode::CreateSession)]);
        self.actors.insert(name.into(), Actor { conn, next_xid: 1, waiting, is_over: false });
        let session = args.value("session").map_or(SessionId::NONE, |name| self.session(name));
        let wrong = args.value("password") == Some("wrong");
        let password = if wrong { [7; 16] } else { session_password(session) };
        let handshake = Handshake {
            last_zxid_seen: Zxid(args.number("seen").unwrap_or(0)),
            timeout_ms: args.number("timeout").unwrap_or(4000),
            session,
            password_matches: password_matches(session, Some(&password)),
            read_only: (!args.has("old")).then_some(false),
        };
        let world = self.world();
        let input = world.connect(conn, handshake);
        world.handle(input);
    }

    fn session(&self, name: &str) -> SessionId {
        let known = self.sessions.iter().find(|(_, known)| *known == name);
        known.map_or(SessionId(0x0dd), |(session, _)| *session)
    }

    fn authenticate(&mut self, name: &str, args: Words<'_>) {
        let conn = self.actors[name].conn;
        let world = self.world();
        let schemes = world.settings.rules.schemes.clone();
        let client = world.client(conn);
        let mut identities = client.identities.to_vec();
        let peer = IpAddr::from([10, 0, 0, 1]);
        let credentials = Some(args.at(1).as_bytes());
        schemes.authenticate(args.at(0), credentials, peer, &mut identities).unwrap();
        client.identities = identities.into();
        let identities = client.identities.clone();
        client.gate.enter();
        world.handle(Input::Identified { conn, identities });
    }

    fn throttled(&mut self, name: &str, op: OpCode) {
        let actor = self.actors.get_mut(name).unwrap();
        let (conn, xid) = (actor.conn, actor.sends(op));
        let world = self.world();
        world.client(conn).gate.enter();
        let received_ms = world.now.mono_ms;
        let err = ErrorCode::ThrottledOp;
        world.handle(Input::Refused { conn, xid, op, bytes: 0, received_ms, err });
    }

    fn request(&mut self, name: &str, op: OpCode, body: Vec<u8>) {
        let actor = self.actors.get_mut(name).unwrap();
        let (conn, xid) = (actor.conn, actor.sends(op));
        let world = self.world();
        if let Some(input) = world.take(conn, &Request { xid, op, body }) {
            world.handle(input);
        }
    }

    fn tell_of_log(&mut self, append: &Append) {
        let mut start = 0;
        for (zxid, end) in &append.entries {
            let entry = LogEntry::decode(&append.bytes[start..*end], Limits::default()).unwrap();
            assert_eq!(entry.header.zxid, *zxid);
            start = *end;
            let op = entry.txn.op();
            let what = match entry.txn {
                Txn::Error(code) => ErrorCode::from_code(code).unwrap().name().into(),
                Txn::CloseSession(Some(closing)) => {
                    format!("closeSession [{}]", closing.paths.join(" "))
                }
                Txn::Delete(delete) => format!("delete {}", delete.path),
                Txn::DeleteContainer(delete) => format!("deleteContainer {}", delete.path),
                _ => operation(op),
            };
            self.told.push(format!("log @{} {what}", zxid.0));
        }
    }

    fn tell_of_clients(&mut self) {
        let Scene { world: Some(world), actors, sessions, told, .. } = self else { return };
        for (name, actor) in actors {
            for payload in world.client(actor.conn).sent() {
                told.push(format!("{name} < {}", actor.read(&payload, name, sessions)));
            }
            if !world.is_open(actor.conn) && !std::mem::replace(&mut actor.is_over, true) {
                told.push(format!("{name} is cut off"));
            }
        }
    }
}

impl Actor {
    /// The xid of its next request.
    fn sends(&mut self, op: OpCode) -> i32 {
        let xid = match op {
            OpCode::Ping => -2,
            OpCode::SetWatches | OpCode::SetWatches2 => -8,
            _ => self.next_xid,
        };
        self.next_xid += i32::from(xid > 0);
        self.waiting.push_back((xid, op));
        xid
    }

    fn read(
        &mut self,
        payload: &[u8],
        name: &str,
        sessions: &mut HashMap<SessionId, String>,
    ) -> String {
        if self.waiting.front() == Some(&(0, OpCode::CreateSession)) {
            self.waiting.pop_front();
            if let Some(session) = session_of(payload) {
                sessions.entry(session).or_insert_with(|| name.into());
            }
            return reply::handshake(payload, &|id| named(sessions, id));
        }
        if let Some(event) = reply::event(payload) {
            return event;
        }
        let (xid, op) = self.waiting.pop_front().unwrap();
        let line = reply::reply(payload, op, &|id| named(sessions, id));
        assert!(line.starts_with(&format!("#{xid} ")), "{line} answers out of order: {xid} is due");
        line
    }
}

fn named(sessions: &HashMap<SessionId, String>, id: i64) -> String {
    sessions.get(&SessionId(id)).cloned().unwrap_or_else(|| format!("{id:#x}"))
}

fn session_of(payload: &[u8]) -> Option<SessionId> {
    let response = wire::ConnectResponse::decode(payload, Limits::default()).unwrap();
    (response.session != SessionId::NONE).then_some(response.session)
}

fn operation(op: OpCode) -> String {
    let name = format!("{op:?}");
    let (head, tail) = name.split_at(1);
    head.to_lowercase() + tail
}

fn hex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}
