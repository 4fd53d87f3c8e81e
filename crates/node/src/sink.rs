use alloc::vec::Vec;

use base::{SessionId, Zxid};
use tree::ConnId;
use wire::OpCode;

/// A request that has its answer: for statistics and for the connection's own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The request's xid.
    pub xid: i32,
    /// What it asked for.
    pub op: OpCode,
    /// The zxid of the answer.
    pub zxid: Zxid,
    /// When the request was received, on the monotonic clock, in milliseconds.
    pub received_ms: i64,
}

/// The connections, as the brain sees them. The shell lends it for the length of a section.
pub trait Sink {
    /// Appends to the connection's outbox. Nothing happens if the connection has ended.
    fn append(&mut self, conn: ConnId, write: &mut dyn FnMut(&mut Vec<u8>));

    /// The handshake is done: the connection now serves `session`.
    fn established(&mut self, conn: ConnId, session: SessionId, timeout_ms: i32);

    /// An answer of the connection has been appended.
    fn answered(&mut self, conn: ConnId, answered: Answered);

    /// The connection ends once what was appended is sent.
    fn close(&mut self, conn: ConnId);

    /// When the connection last heard its client, on the monotonic clock, in milliseconds.
    fn heard_ms(&self, conn: ConnId) -> Option<i64>;
}
