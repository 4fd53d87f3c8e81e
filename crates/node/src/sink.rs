use alloc::vec::Vec;

use base::{SessionId, Zxid};
use tree::{Change, ConnId};
use wire::{EventType, OpCode, TxnHeader};

/// A request that has its answer: for statistics and for the connection's own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The request's xid.
    pub xid: i32,
    /// What it asked for.
    pub op: OpCode,
    /// The zxid of the answer.
    pub zxid: Zxid,
    /// The error of a write, or of a request that was not carried out; else 0.
    pub err: i32,
    /// Length of the request's body in bytes.
    pub bytes: usize,
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

    /// A read has taken so many bytes of data or names from the node that `body` begins with.
    fn took(&mut self, _body: &[u8], _bytes: usize) {}

    /// A transaction is about to be applied.
    fn committed(&mut self, _header: &TxnHeader) {}

    /// A node has changed.
    fn changed(&mut self, _change: &Change<'_>) {}

    /// So many watches have fired with one event of one change.
    fn fired(&mut self, _event: EventType, _watches: usize) {}

    /// A write of the node at `path` was refused because of a hard quota.
    fn exceeded_quota(&mut self, _path: &str) {}

    /// The connection ends once what was appended is sent.
    fn close(&mut self, conn: ConnId);

    /// When the connection last heard its client, on the monotonic clock, in milliseconds.
    fn heard_ms(&self, conn: ConnId) -> Option<i64>;
}
