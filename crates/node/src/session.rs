//! Sessions: ids, timeouts, and what a client says of itself when it connects.

use base::{Now, SessionId, Zxid};

/// The range of session timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// The shortest, in milliseconds.
    pub timeout_ms_min: i32,
    /// The longest, in milliseconds.
    pub timeout_ms_max: i32,
}

impl SessionLimits {
    /// The timeout that a client gets which asks for `asked_ms`.
    pub(crate) fn negotiate(&self, asked_ms: i32) -> i32 {
        asked_ms.min(self.timeout_ms_max).max(self.timeout_ms_min)
    }
}

/// A client's first frame, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The newest state that the client has seen.
    pub last_zxid_seen: Zxid,
    /// The timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to renew; 0 for a new one.
    pub session: SessionId,
    /// Whether the session's password was right. Checked before anything is done for the client:
    /// ids are public, and nobody may end another's connection by guessing one (C-002).
    pub password_matches: bool,
    /// The byte that old clients do not send.
    pub read_only: Option<bool>,
}

/// Hands out session ids: the server's id on top, then the time of the start, then a count.
pub(crate) struct SessionIds(i64);

impl SessionIds {
    /// Java takes a clock that starts anew with the machine, so that ids can come back after a
    /// reboot while their sessions are still in the tree; the wall clock does not (C-003).
    pub(crate) fn new(server_id: u8, now: Now) -> SessionIds {
        let time = ((now.wall_ms << 24).cast_unsigned() >> 8).cast_signed();
        let first = time | (i64::from(server_id) << 56);
        SessionIds(if first == i64::MIN { first + 1 } else { first })
    }

    pub(crate) fn next(&mut self) -> SessionId {
        let id = SessionId(self.0);
        self.0 = self.0.wrapping_add(1);
        id
    }
}
