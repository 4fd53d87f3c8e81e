//! The requests of a connection that have no answer yet.

use alloc::collections::VecDeque;

use bytes::Bytes;
use wire::{ErrorCode, OpCode};

/// What of a request its answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) xid: i32,
    pub(crate) op: OpCode,
    /// Length of its body in bytes.
    pub(crate) bytes: usize,
    pub(crate) received_ms: i64,
}

/// A request that waits for its turn among those of its connection.
pub(crate) enum Queued {
    /// A transaction under way; its commit ends the wait.
    Write,
    /// A read behind it.
    Read(Ask, Bytes),
    /// A request that is not carried out; it leaves no transaction (C-011).
    Refused(Ask, ErrorCode),
}

impl Queued {
    fn held_bytes(&self) -> usize {
        match self {
            Queued::Read(_, body) => body.len(),
            Queued::Write | Queued::Refused(..) => 0,
        }
    }
}

/// The size of all lanes together: what the brain has been asked and has not answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) requests: usize,
    /// What the reads among them hold; writes are transactions already.
    pub(crate) bytes: usize,
}

/// Unanswered requests of one connection, in the order in which they came. The first is always a
/// write: what stands behind it is answered as soon as it is.
#[derive(Default)]
pub(crate) struct Lane(VecDeque<Queued>);

impl Lane {
    pub(crate) fn push(&mut self, queued: Queued, backlog: &mut Backlog) {
        backlog.requests += 1;
        backlog.bytes += queued.held_bytes();
        self.0.push_back(queued);
    }

    pub(crate) fn pop(&mut self, backlog: &mut Backlog) -> Option<Queued> {
        let queued = self.0.pop_front()?;
        backlog.requests -= 1;
        backlog.bytes -= queued.held_bytes();
        Some(queued)
    }

    /// The next that is no write, if no write stands before it.
    pub(crate) fn pop_answerable(&mut self, backlog: &mut Backlog) -> Option<Queued> {
        match self.0.front()? {
            Queued::Write => None,
            Queued::Read(..) | Queued::Refused(..) => self.pop(backlog),
        }
    }

    /// The bodies of the reads that are answered next.
    pub(crate) fn answerable_reads(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map_while(|queued| match queued {
            Queued::Write => None,
            Queued::Read(_, body) => Some(&body[..]),
            Queued::Refused(..) => Some(&[][..]),
        })
    }

    /// The connection has ended: nobody waits any more.
    pub(crate) fn clear(&mut self, backlog: &mut Backlog) {
        while self.pop(backlog).is_some() {}
    }
}
