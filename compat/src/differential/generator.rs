//! Random moves, mostly such as hit something, each kind of error now and then.

use std::collections::VecDeque;

use base::Zxid;
use wire::{AuthPacket, OpCode, ReplyHeader, SetDataRequest};

use super::draw::Draw;
use super::model::Model;
use super::step::{Handshake, Request, Step};
use super::transcript::{Fact, Seen};
use crate::client::encoded;

/// How many connections there are.
pub const SLOTS: usize = 6;
/// The connection that proves to be the super user.
pub const SUPER: usize = 3;
/// The proof, and the property that makes it one.
pub const SUPER_CREDENTIALS: &str = "super:test";
/// `zookeeper.DigestAuthenticationProvider.superDigest` of [`SUPER_CREDENTIALS`].
pub const SUPER_DIGEST: &str = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";

/// Who the connections are; the others prove nothing of their own accord.
const CREDENTIALS: [Option<&str>; SLOTS] =
    [None, Some("alice:secret"), Some("bob:secret"), Some(SUPER_CREDENTIALS), None, None];

/// Session timeouts stay far above the length of a run: an expiry would come at a different moment on each server.
const TIMEOUTS_MS: [i32; 4] = [0, 150_000, 250_000, i32::MAX];
/// Requests sent in one go at most.
const BURST_MAX: usize = 12;
/// Requests longer than this are sent by themselves.
const LONG_BYTES: usize = 4000;
/// Past this many nodes more is deleted than created.
const NODES_MAX: usize = 250;

/// Weights of operations when the tree is small.
const WEIGHTS: &[(u32, OpCode)] = &[
    (130, OpCode::Create),
    (80, OpCode::Create2),
    (45, OpCode::CreateContainer),
    (40, OpCode::CreateTtl),
    (70, OpCode::Delete),
    (25, OpCode::DeleteContainer),
    (90, OpCode::SetData),
    (45, OpCode::SetAcl),
    (80, OpCode::Multi),
    (24, OpCode::Reconfig),
    (5, OpCode::CloseSession),
    (60, OpCode::Exists),
    (55, OpCode::GetData),
    (30, OpCode::GetAcl),
    (40, OpCode::GetChildren),
    (40, OpCode::GetChildren2),
    (22, OpCode::GetAllChildrenNumber),
    (22, OpCode::GetEphemerals),
    (24, OpCode::Sync),
    (35, OpCode::MultiRead),
    (25, OpCode::CheckWatches),
    (30, OpCode::RemoveWatches),
    (34, OpCode::SetWatches),
    (36, OpCode::SetWatches2),
    (35, OpCode::AddWatch),
    (10, OpCode::WhoAmI),
    (8, OpCode::Ping),
    (6, OpCode::Auth),
    (4, OpCode::Sasl),
    (4, OpCode::Notification),
];

/// Numbers that are no operation of clients.
const NO_OPERATIONS: [i32; 9] = [0, -1, 10, 13, 23, 99, 108, 1000, i32::MIN];

/// Draws moves and learns from what they lead to.
#[derive(Debug)]
pub struct Generator {
    pub(super) draw: Draw,
    pub(super) model: Model,
    pub(super) slots: Vec<Slot>,
    /// The newest zxid of any answer.
    pub(super) zxid: i64,
    planned: VecDeque<Step>,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    state: State,
    proved: bool,
    last_xid: i32,
    /// Paths that were watched, and how (`checkWatches`' numbers). They may have fired.
    pub(super) watches: Vec<(String, i32)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// There is no session.
    #[default]
    None,
    /// There is one, but no connection.
    Left,
    Connected,
}

impl Generator {
    /// A generator whose moves depend on `seed`, and on the answers.
    #[must_use]
    pub fn new(seed: u64) -> Generator {
        let mut generator = Generator {
            draw: Draw::new(seed),
            model: Model::default(),
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            zxid: 0,
            planned: VecDeque::new(),
        };
        generator.plan_beginning();
        generator
    }

    /// The next move.
    pub fn step(&mut self) -> Step {
        if let Some(step) = self.planned.pop_front() {
            return step;
        }
        let slot = self.draw.below(SLOTS);
        match self.slots[slot].state {
            State::None => self.beginning(slot),
            State::Left => Step::Connect { slot, how: self.renewal() },
            State::Connected if !self.slots[slot].proved => self.proof(slot),
            State::Connected => self.move_of(slot),
        }
    }

    /// Learns from what a move led to.
    pub fn learn(&mut self, step: &Step, seen: &[Seen]) {
        let mut session_ended = false;
        for sight in seen {
            match &sight.fact {
                Fact::Reply { request, zxid, err, body } => {
                    self.zxid = self.zxid.max(zxid.0);
                    let request = &step.requests()[*request];
                    session_ended |= request.op == OpCode::CloseSession.code() && *err == 0;
                    if *err == 0 {
                        self.model.learn(sight.slot, request, body);
                    }
                }
                Fact::Connected => self.connected(sight.slot),
                Fact::Closed => self.disconnected(sight.slot, session_ended),
                Fact::Event(_) | Fact::Other => {}
            }
        }
        match step {
            Step::HangUp { slot } | Step::Connect { slot, how: Handshake::WrongPassword } => {
                self.disconnected(*slot, false)
            }
            _ => {}
        }
    }

    fn connected(&mut self, slot: usize) {
        let last_xid = self.slots[slot].last_xid;
        self.slots[slot] = Slot {
            state: State::Connected,
            proved: CREDENTIALS[slot].is_none(),
            last_xid,
            watches: Vec::new(),
        };
    }

    fn disconnected(&mut self, slot: usize, session_ended: bool) {
        self.slots[slot].state = if session_ended { State::None } else { State::Left };
    }

    fn beginning(&mut self, slot: usize) -> Step {
        let how = if self.draw.chance(8) {
            self.hopeless()
        } else {
            Handshake::New {
                timeout_ms: self.draw.one(&TIMEOUTS_MS),
                read_only: self.draw.one(&[Some(false), Some(false), Some(true), None]),
                null_password: self.draw.chance(10),
            }
        };
        Step::Connect { slot, how }
    }

    fn renewal(&mut self) -> Handshake {
        match self.draw.below(100) {
            0..15 => Handshake::WrongPassword,
            15..20 => self.hopeless(),
            _ => Handshake::Renew { timeout_ms: self.draw.one(&TIMEOUTS_MS) },
        }
    }

    /// A handshake that gives no session and concerns no slot.
    fn hopeless(&mut self) -> Handshake {
        match self.draw.below(3) {
            0 => Handshake::UnknownSession,
            1 => Handshake::SeenZxid(self.draw.one(&[Zxid(i64::MAX), Zxid(self.zxid + 1000)])),
            _ => Handshake::Malformed(self.draw.one(&[vec![], vec![0; 4], vec![0; 27]])),
        }
    }

    fn proof(&mut self, slot: usize) -> Step {
        self.slots[slot].proved = true;
        let request = auth("digest", CREDENTIALS[slot].unwrap_or_default().as_bytes());
        Step::Requests { slot, requests: vec![request] }
    }

    fn move_of(&mut self, slot: usize) -> Step {
        match self.draw.below(1000) {
            0..6 => Step::HangUp { slot },
            6..10 => Step::Connect { slot, how: Handshake::TakeOver },
            10..13 => Step::Connect { slot, how: self.hopeless() },
            13..16 => Step::Noise { slot, bytes: self.noise() },
            16..24 if slot == SUPER => {
                self.plan_quotas();
                self.step()
            }
            _ => self.burst(slot),
        }
    }

    /// Bytes at which a server hangs up: lengths that cannot be, frames without a whole header.
    fn noise(&mut self) -> Vec<u8> {
        let frame: &[u8] = self.draw.one(&[
            &[0, 0x10, 0, 0][..],
            &[0xff; 4],
            &[0x80, 0, 0, 0],
            &[0; 4],
            &[0, 0, 0, 4, 0, 0, 0, 1],
        ]);
        frame.to_vec()
    }

    /// Requests in one go. What does not wait its turn, or looks at a state that the requests before it may or may
    /// not have reached, comes alone.
    fn burst(&mut self, slot: usize) -> Step {
        let len = 1 + self.draw.below(BURST_MAX);
        let mut requests = Vec::new();
        while requests.len() < len {
            let request = self.request(slot);
            if !is_alone(&request) {
                requests.push(request);
                continue;
            }
            if requests.is_empty() {
                requests.push(request);
            } else {
                let alone = vec![request];
                self.planned.push_front(Step::Requests { slot, requests: alone });
            }
            break;
        }
        Step::Requests { slot, requests }
    }

    fn request(&mut self, slot: usize) -> Request {
        let mut op = self.draw.weighted(WEIGHTS);
        if self.model.size() > NODES_MAX && op == OpCode::Create {
            op = OpCode::Delete;
        }
        let (xid, code, body) = match op {
            OpCode::Auth => return self.odd_auth(),
            OpCode::Notification => (None, self.draw.one(&NO_OPERATIONS), self.noise()),
            OpCode::SetWatches | OpCode::SetWatches2 => {
                (Some(ReplyHeader::SET_WATCHES_XID), op.code(), self.read(slot, op))
            }
            _ if op.is_write() => (None, op.code(), self.write(op)),
            _ => (None, op.code(), self.read(slot, op)),
        };
        let body = if self.draw.chance(5) && self.may_be_spoilt(op, &body) {
            self.draw.spoilt(&body)
        } else {
            body
        };
        let xid = xid.filter(|_| !self.draw.chance(10)).unwrap_or_else(|| self.xid(slot));
        Request { xid, op: code, body }
    }

    fn may_be_spoilt(&self, op: OpCode, body: &[u8]) -> bool {
        !body.is_empty() && !matches!(op, OpCode::Sasl | OpCode::Notification)
    }

    /// Mostly the next one; now and then one that means something else, or was used. -1 would look like an event.
    fn xid(&mut self, slot: usize) -> i32 {
        if self.draw.chance(2) {
            self.draw.one(&[0, 1, -2, -4, -8, i32::MIN, i32::MAX])
        } else {
            self.next_xid(slot)
        }
    }

    fn next_xid(&mut self, slot: usize) -> i32 {
        self.slots[slot].last_xid += 1;
        self.slots[slot].last_xid
    }

    fn odd_auth(&mut self) -> Request {
        let (scheme, data) = self.draw.one(&[
            ("digest", &b"carol:x"[..]),
            ("digest", b"alice:secret"),
            ("digest", b"nocolon"),
            ("digest", b""),
            ("ip", b""),
            ("ip", b"10.0.0.1"),
            ("world", b"anyone"),
            ("auth", b""),
            ("nosuch", b"x"),
            ("", b""),
        ]);
        auth(scheme, data)
    }

    /// The super user comes, and sets the quotas.
    fn plan_beginning(&mut self) {
        self.planned.push_back(Step::Connect {
            slot: SUPER,
            how: Handshake::New {
                timeout_ms: 300_000,
                read_only: Some(false),
                null_password: false,
            },
        });
        let proof = self.proof(SUPER);
        self.planned.push_back(proof);
        self.plan_quotas();
    }

    /// Two folders with hard limits, which bite when `enforceQuota` is on, and one with soft limits, which never do.
    /// In time others delete or loosen them, so this is done again and again.
    fn plan_quotas(&mut self) {
        const LIMITS: [(&str, &str); 2] = [
            ("/zookeeper/quota/q/n/zookeeper_limits", "count=-1,bytes=-1=;countHardLimit=4"),
            ("/zookeeper/quota/q/b/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=40"),
        ];
        let creates = [
            ("/q", ""),
            ("/q/n", ""),
            ("/q/b", ""),
            ("/zookeeper/quota/q", ""),
            ("/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0"),
            ("/zookeeper/quota/q/n", ""),
            LIMITS[0],
            ("/zookeeper/quota/q/n/zookeeper_stats", "count=0,bytes=0"),
            ("/zookeeper/quota/q/b", ""),
            LIMITS[1],
            ("/zookeeper/quota/q/b/zookeeper_stats", ""),
        ];
        let creates = creates.map(|(path, data)| {
            (OpCode::Create, super::writes::open_create(path, data.as_bytes()))
        });
        let sets = LIMITS.map(|(path, limits)| {
            let data = Some(limits.as_bytes());
            (OpCode::SetData, encoded(&SetDataRequest { path: path.into(), data, version: -1 }))
        });
        for (op, body) in creates.into_iter().chain(sets) {
            let request = Request { xid: self.next_xid(SUPER), op: op.code(), body };
            self.planned.push_back(Step::Requests { slot: SUPER, requests: vec![request] });
        }
    }
}

pub(super) fn auth(scheme: &str, data: &[u8]) -> Request {
    let packet = AuthPacket { kind: 0, scheme: Some(scheme.into()), auth: Some(data) };
    Request { xid: ReplyHeader::AUTH_XID, op: OpCode::Auth.code(), body: encoded(&packet) }
}

fn is_alone(request: &Request) -> bool {
    let Some(op) = request.known_op() else {
        return true;
    };
    // A container with the flags of an ephemeral is taken for one only until it is applied.
    let odd_container = op == OpCode::CreateContainer && !request.body.ends_with(&[0, 0, 0, 4]);
    // Quotas are checked against what is applied.
    let under_quota = [&b"/q"[..], b"/zookeeper"]
        .iter()
        .any(|prefix| request.body.windows(prefix.len()).any(|at| at == *prefix));
    // What follows a setACL in one go is checked against the old list until the new one is applied.
    let lags = op == OpCode::SetAcl;
    // Where frames are small, the connection ends with it, and with what is still under way.
    let is_long = request.body.len() > LONG_BYTES;
    odd_container
        || under_quota
        || lags
        || is_long
        || matches!(op, OpCode::Auth | OpCode::Sasl | OpCode::CloseSession)
}
