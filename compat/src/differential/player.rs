//! Makes the moves of a run on one server and writes down what it says.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base::{SessionId, Zxid};
use wire::{
    ConnectRequest, ConnectResponse, ErrorCode, OpCode, PASSWORD_LEN, ReplyHeader, RequestHeader,
    begin_frame, end_frame, session_password,
};

use super::step::{Handshake, Request, Step};
use super::transcript::{Context, Fact, Seen};
use crate::client::{Connection, Frame, watch_body};

/// How long a server may take for one step.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one server with several connections.
#[derive(Debug)]
pub struct Player {
    address: SocketAddr,
    slots: Vec<Slot>,
    context: Context,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Connection>,
    /// The session it has, alive or not.
    session: SessionId,
    /// Whether the step's last answer makes the server hang up.
    ending: bool,
    /// Whether it is left alone.
    silent: bool,
}

impl Player {
    /// A client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, slots: usize) -> Player {
        Player {
            address,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            context: Context::default(),
        }
    }

    /// The first half of a step: sends it. Handshakes are made whole.
    ///
    /// # Errors
    /// When the server cannot be reached at all.
    pub fn send(&mut self, step: &Step) -> Result<Vec<Seen>> {
        match step {
            Step::Requests { slot, requests } => {
                self.send_requests(*slot, requests)?;
                Ok(Vec::new())
            }
            Step::Connect { slot, how } => self.connect(*slot, how),
            Step::HangUp { slot } => {
                self.slots[*slot].connection = None;
                Ok(Vec::new())
            }
            Step::Noise { slot, bytes } => {
                let slot = &mut self.slots[*slot];
                slot.ending = true;
                if let Some(connection) = &mut slot.connection {
                    connection.queue_bytes(bytes);
                    connection.flush()?;
                }
                Ok(Vec::new())
            }
        }
    }

    /// The second half: everything that the acting connection is answered.
    pub fn receive(&mut self, step: &Step, seen: &mut Vec<Seen>) {
        let slot = step.slot();
        let requests = step.requests();
        let mut waiting: Vec<(usize, &Request)> = requests.iter().enumerate().collect();
        while !waiting.is_empty() && self.slots[slot].connection.is_some() {
            let Some(frame) = self.next_frame(slot, seen) else {
                break;
            };
            let place =
                waiting.iter().position(|(_, request)| request.reply_xid() == frame.header.xid);
            let Some(place) = place else {
                seen.push(other(slot, format!("answer to nothing: {frame:?}")));
                continue;
            };
            let (n, request) = waiting.remove(place);
            self.slots[slot].ending |= request.ends_connection(frame.header.err);
            let text = format!(
                "{}{}",
                self.context.tell_reply(request.op, &frame),
                if place == 0 { "" } else { " out of turn" }
            );
            let fact = Fact::Reply {
                request: n,
                zxid: frame.header.zxid,
                err: frame.header.err,
                body: frame.body,
            };
            seen.push(Seen { slot, text, fact });
        }
        if std::mem::take(&mut self.slots[slot].ending) {
            while self.next_frame(slot, seen).is_some() {
                seen.push(other(slot, "more than the last answer".into()));
            }
        }
    }

    /// Asks every connection for a sign of life, so that all events of the step have arrived once all have answered.
    ///
    /// # Errors
    /// When a socket takes nothing more.
    pub fn send_markers(&mut self) -> Result<()> {
        let ping = RequestHeader { xid: ReplyHeader::PING_XID, op: OpCode::Ping.code() };
        for slot in self.slots.iter_mut().filter(|slot| !slot.silent) {
            if let Some(connection) = &mut slot.connection {
                connection.queue(ping, &[]);
                connection.flush()?;
            }
        }
        Ok(())
    }

    /// Reads up to every connection's sign of life.
    pub fn receive_markers(&mut self, seen: &mut Vec<Seen>) {
        for slot in 0..self.slots.len() {
            if self.slots[slot].connection.is_none() || self.slots[slot].silent {
                continue;
            }
            if let Some(frame) = self.next_frame(slot, seen) {
                let text = self.context.tell_reply(OpCode::Ping.code(), &frame);
                seen.push(other(slot, text));
            }
        }
    }

    /// Whether a node is there, asked outside of steps. The connection must expect no events.
    ///
    /// # Errors
    /// When the server does not say.
    pub fn exists(&mut self, slot: usize, path: &str) -> Result<bool> {
        let connection = self.slots[slot].connection.as_mut().context("no connection")?;
        let header = RequestHeader { xid: i32::MAX, op: OpCode::Exists.code() };
        connection.queue(header, &watch_body(path, false));
        connection.flush()?;
        let reply = connection.next_frame()?.context("hung up")?;
        let code = reply.header.err;
        ensure!(code == 0 || code == ErrorCode::NoNode.code(), "{path} cannot be seen: {code}");
        Ok(code == 0)
    }

    /// Asks a connection for no more signs of life.
    pub fn silence(&mut self, slot: usize) {
        self.slots[slot].silent = true;
    }

    /// Everything that a silent connection was sent, up to its end.
    pub fn last_words(&mut self, slot: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        self.slots[slot].silent = false;
        while let Some(frame) = self.next_frame(slot, &mut seen) {
            seen.push(other(slot, format!("answer to nothing: {frame:?}")));
        }
        seen
    }

    /// How answers are told.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    fn send_requests(&mut self, slot: usize, requests: &[Request]) -> Result<()> {
        let Some(connection) = &mut self.slots[slot].connection else {
            return Ok(());
        };
        for Request { xid, op, body } in requests {
            connection.queue(RequestHeader { xid: *xid, op: *op }, body);
        }
        connection.flush()
    }

    /// The next answer; events before it, and the end that comes instead of it, are written down.
    fn next_frame(&mut self, slot: usize, seen: &mut Vec<Seen>) -> Option<Frame> {
        loop {
            let outcome = self.slots[slot].connection.as_mut()?.next_frame();
            match outcome {
                Ok(Some(frame)) if frame.is_event() => seen.push(Seen {
                    slot,
                    text: self.context.tell_event(&frame),
                    fact: Fact::Event(frame.header.zxid),
                }),
                Ok(Some(frame)) => return Some(frame),
                Ok(None) => {
                    self.slots[slot].connection = None;
                    seen.push(Seen { slot, text: "hung up".into(), fact: Fact::Closed });
                    return None;
                }
                Err(error) => {
                    self.slots[slot].connection = None;
                    seen.push(other(slot, format!("{error:#}")));
                    return None;
                }
            }
        }
    }

    fn connect(&mut self, slot: usize, how: &Handshake) -> Result<Vec<Seen>> {
        let old = self.slots[slot].session;
        let mut seen = Vec::new();
        match how {
            Handshake::New { .. } | Handshake::Renew { .. } => {
                self.slots[slot].connection = None;
                self.begin(slot, how, &mut seen)?;
            }
            Handshake::WrongPassword => {
                self.slots[slot].connection = None;
                let mut password = session_password(old);
                password[0] ^= 1;
                self.attempt(slot, &renewal(old, &password, 60_000), &mut seen)?;
            }
            Handshake::TakeOver => {
                let taken = self.slots[slot].connection.take();
                self.begin(slot, how, &mut seen)?;
                self.await_end(slot, taken, &mut seen);
            }
            Handshake::UnknownSession => {
                let unknown = SessionId(0x0123_4567_89ab_cdef);
                let password = session_password(unknown);
                self.attempt(slot, &renewal(unknown, &password, 60_000), &mut seen)?;
            }
            Handshake::SeenZxid(zxid) => {
                let request = ConnectRequest {
                    last_zxid_seen: *zxid,
                    ..renewal(SessionId::NONE, &[0; PASSWORD_LEN], 60_000)
                };
                self.attempt(slot, &request, &mut seen)?;
            }
            Handshake::Malformed(payload) => {
                let mut connection = self.open()?;
                let mut frame = Vec::new();
                let start = begin_frame(&mut frame);
                frame.extend_from_slice(payload);
                end_frame(&mut frame, start);
                connection.queue_bytes(&frame);
                connection.flush()?;
                self.await_end(slot, Some(connection), &mut seen);
            }
        }
        Ok(seen)
    }

    fn open(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.address)?;
        connection.set_patience(PATIENCE)?;
        Ok(connection)
    }

    /// A handshake that is to give the slot a connection.
    fn begin(&mut self, slot: usize, how: &Handshake, seen: &mut Vec<Seen>) -> Result<()> {
        let session = self.slots[slot].session;
        let password = session_password(session);
        let request = match how {
            Handshake::New { timeout_ms, read_only, null_password } => ConnectRequest {
                password: (!null_password).then_some(&[0; PASSWORD_LEN]),
                read_only: *read_only,
                ..renewal(SessionId::NONE, &[], *timeout_ms)
            },
            Handshake::Renew { timeout_ms } => renewal(session, &password, *timeout_ms),
            _ => renewal(session, &password, 60_000),
        };
        let mut connection = self.open()?;
        let answer = connection.handshake(&request)?;
        self.told(slot, answer.as_ref(), seen);
        match answer {
            Some(answer) if answer.session != SessionId::NONE => {
                self.slots[slot].session = answer.session;
                self.slots[slot].connection = Some(connection);
            }
            Some(_) => self.await_end(slot, Some(connection), seen),
            None => {}
        }
        Ok(())
    }

    /// A handshake that must fail.
    fn attempt(
        &mut self,
        slot: usize,
        request: &ConnectRequest<'_>,
        seen: &mut Vec<Seen>,
    ) -> Result<()> {
        let mut connection = self.open()?;
        let answer = connection.handshake(request)?;
        self.told(slot, answer.as_ref(), seen);
        self.await_end(slot, Some(connection), seen);
        Ok(())
    }

    fn told(&mut self, slot: usize, answer: Option<&ConnectResponse>, seen: &mut Vec<Seen>) {
        let text = self.context.tell_handshake(answer);
        let fact = match answer {
            Some(answer) if answer.session != SessionId::NONE => Fact::Connected,
            _ => Fact::Other,
        };
        seen.push(Seen { slot, text, fact });
    }

    /// Waits until the server has hung up on a connection that is not, or no longer, the slot's.
    fn await_end(&self, slot: usize, connection: Option<Connection>, seen: &mut Vec<Seen>) {
        let Some(mut connection) = connection else {
            return;
        };
        let text = match connection.drain_to_end().context("not hung up") {
            Ok(frames) => format!("hung up after {} more frames", frames.len()),
            Err(error) => format!("{error:#}"),
        };
        seen.push(other(slot, text));
    }
}

fn renewal(session: SessionId, password: &[u8], timeout_ms: i32) -> ConnectRequest<'_> {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid::ZERO,
        timeout_ms,
        session,
        password: Some(password),
        read_only: Some(false),
    }
}

fn other(slot: usize, text: String) -> Seen {
    Seen { slot, text, fact: Fact::Other }
}
