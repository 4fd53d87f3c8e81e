//! What is done to both servers, in full: a run can be repeated, and shortened, from its steps alone.

use std::fmt;

use base::Zxid;
use wire::{Limits, OpCode, ReadRequest, ReplyHeader, WriteRequest};

/// One move. Both servers make it, and all that it causes is awaited before the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Requests sent in one go on one connection.
    Requests {
        /// The connection.
        slot: usize,
        /// What is sent.
        requests: Vec<Request>,
    },
    /// A handshake.
    Connect {
        /// The connection to be.
        slot: usize,
        /// What is asked for.
        how: Handshake,
    },
    /// The client hangs up and leaves its session behind.
    HangUp {
        /// The connection.
        slot: usize,
    },
    /// Bytes that are no request; the server is expected to hang up.
    Noise {
        /// The connection.
        slot: usize,
        /// What is sent.
        bytes: Vec<u8>,
    },
}

/// A way to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// A new session.
    New {
        /// The timeout asked for, in milliseconds.
        timeout_ms: i32,
        /// The last byte, which old clients leave out.
        read_only: Option<bool>,
        /// Whether the password is null instead of zeros.
        null_password: bool,
    },
    /// The session that the slot has, its connection gone before.
    Renew {
        /// The timeout asked for, in milliseconds.
        timeout_ms: i32,
    },
    /// The session that the slot has, while its connection is alive.
    TakeOver,
    /// The session that the slot has, with a wrong password. Its connection is gone before: where it lives, Apache
    /// ZooKeeper cuts it before it looks at the password.
    WrongPassword,
    /// A session that never was. The slot keeps its connection, as with all that follow.
    UnknownSession,
    /// A client that has seen more than the server.
    SeenZxid(Zxid),
    /// A first frame that is no handshake.
    Malformed(Vec<u8>),
}

/// A request as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number on the connection, or one of the special ones.
    pub xid: i32,
    /// An [`OpCode`], or not.
    pub op: i32,
    /// What follows the header.
    pub body: Vec<u8>,
}

impl Request {
    /// The xid that the reply bears.
    #[must_use]
    pub fn reply_xid(&self) -> i32 {
        if self.op == OpCode::Ping.code() { ReplyHeader::PING_XID } else { self.xid }
    }

    /// The operation, if it is one that clients may send.
    #[must_use]
    pub fn known_op(&self) -> Option<OpCode> {
        OpCode::from_code(self.op).filter(|op| op.is_client_request())
    }

    /// Whether the server hangs up once it has answered with `err`.
    #[must_use]
    pub fn ends_connection(&self, err: i32) -> bool {
        match self.known_op() {
            None => true,
            Some(OpCode::CloseSession) => err == 0,
            Some(OpCode::Auth) => err != 0,
            Some(_) => false,
        }
    }
}

impl Step {
    /// The connection that acts.
    #[must_use]
    pub fn slot(&self) -> usize {
        match self {
            Step::Requests { slot, .. }
            | Step::Connect { slot, .. }
            | Step::HangUp { slot }
            | Step::Noise { slot, .. } => *slot,
        }
    }

    /// How many requests it sends.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        match self {
            Step::Requests { requests, .. } => requests,
            _ => &[],
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.slot();
        match self {
            Step::Requests { requests, .. } => {
                for (n, request) in requests.iter().enumerate() {
                    let newline = if n == 0 { "" } else { "\n" };
                    write!(f, "{newline}#{slot} {request}")?;
                }
                Ok(())
            }
            Step::Connect { how, .. } => write!(f, "#{slot} connects: {how:?}"),
            Step::HangUp { .. } => write!(f, "#{slot} hangs up"),
            Step::Noise { bytes, .. } => write!(f, "#{slot} sends {bytes:02x?}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 600;
        let mut text = self.decoded();
        if let Some((end, _)) = text.char_indices().nth(SHOWN) {
            text.truncate(end);
            text.push('…');
        }
        write!(f, "{}: {text}", self.xid)
    }
}

impl Request {
    /// The body in words where it has a meaning, else in hexadecimal digits.
    fn decoded(&self) -> String {
        let limits = Limits::default();
        let Some(op) = OpCode::from_code(self.op) else {
            return format!("operation {} {:02x?}", self.op, self.body);
        };
        let words = if op.is_write() {
            WriteRequest::decode(op, &self.body, limits).map(|request| format!("{request:?}"))
        } else {
            ReadRequest::decode(op, &self.body, limits).map(|request| format!("{request:?}"))
        };
        let undecodable = |_| format!("{op:?} {}", self.body.escape_ascii());
        words.map_or_else(undecodable, |words| as_text(&words))
    }
}

/// Lists of bytes in debugging output, as text.
fn as_text(words: &str) -> String {
    let mut text = String::new();
    let mut rest = words;
    while let Some((before, list)) = rest.split_once('[') {
        text.push_str(before);
        let end = list.find(']').unwrap_or(list.len());
        let bytes: Option<Vec<u8>> = list[..end].split(", ").map(|n| n.parse().ok()).collect();
        rest = match bytes {
            Some(bytes) => {
                text.push_str(&format!("\"{}\"", bytes.escape_ascii()));
                list.get(end + 1..).unwrap_or_default()
            }
            None => {
                text.push('[');
                list
            }
        };
    }
    text + rest
}
