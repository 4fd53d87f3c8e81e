use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::Zxid;
use bytes::Bytes;
use tree::ConnId;

use crate::lane::Ask;

/// Names a point of the log: everything up to `zxid`, as long as the log is of this generation.
///
/// Cumulative. The generation rises when the log is cut or changes hands, so that a late report of
/// a write that no longer counts is told apart (ZOOKEEPER-4712).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The log's generation.
    pub generation: u64,
    /// The last transaction written.
    pub zxid: Zxid,
}

/// Entries to be written to the log as one group; report the ticket once they are durable.
#[derive(Clone, Debug)]
pub struct Append {
    /// What to report.
    pub ticket: Ticket,
    /// The entries' payloads, one behind the other.
    pub bytes: Bytes,
    /// Where each payload ends within `bytes`, with its zxid.
    pub entries: Vec<(Zxid, usize)>,
}

impl Append {
    /// The entries' payloads, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.entries.iter().map(move |(_, end)| {
            let payload = &self.bytes[start..*end];
            start = *end;
            payload
        })
    }
}

/// Whose request a transaction carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) conn: ConnId,
    pub(crate) ask: Ask,
}

/// A group of transactions that are on their way.
pub(crate) struct Group {
    pub(crate) append: Append,
    pub(crate) asked: Vec<Option<Asked>>,
}

/// The transactions that are prepared and not applied: a collecting group, and those handed to the
/// log in order.
///
/// Stands where a quorum will stand: with one server, what is durable is committed.
pub(crate) struct Flight {
    generation: u64,
    last_zxid: Zxid,
    bytes: Vec<u8>,
    entries: Vec<(Zxid, usize)>,
    asked: Vec<Option<Asked>>,
    appended: VecDeque<Group>,
    committed: Zxid,
}

impl Flight {
    pub(crate) fn new(last_zxid: Zxid) -> Flight {
        Flight {
            generation: 0,
            last_zxid,
            bytes: Vec::new(),
            entries: Vec::new(),
            asked: Vec::new(),
            appended: VecDeque::new(),
            committed: last_zxid,
        }
    }

    /// The next transaction's place in the order.
    pub(crate) fn next_zxid(&self) -> Zxid {
        self.last_zxid.next()
    }

    /// Adds the transaction `next_zxid`, whose payload `write` appends.
    pub(crate) fn add(&mut self, asked: Option<Asked>, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.last_zxid = self.last_zxid.next();
        self.entries.push((self.last_zxid, self.bytes.len()));
        self.asked.push(asked);
    }

    /// What has been collected since the last call, to be written as one group.
    pub(crate) fn take_append(&mut self) -> Option<Append> {
        let (zxid, _) = *self.entries.last()?;
        let append = Append {
            ticket: Ticket { generation: self.generation, zxid },
            bytes: taken(&mut self.bytes).into(),
            entries: taken(&mut self.entries),
        };
        let asked = taken(&mut self.asked);
        self.appended.push_back(Group { append: append.clone(), asked });
        Some(append)
    }

    /// Everything up to the ticket is durable; with a quorum of one that commits it.
    pub(crate) fn persisted(&mut self, ticket: Ticket) {
        if ticket.generation == self.generation {
            self.committed = self.committed.max(ticket.zxid);
        }
    }

    /// The next group that is committed as a whole.
    pub(crate) fn take_committed(&mut self) -> Option<Group> {
        let group = self.appended.front()?;
        if group.append.ticket.zxid > self.committed {
            return None;
        }
        self.appended.pop_front()
    }

    pub(crate) fn has_committed(&self) -> bool {
        self.appended.front().is_some_and(|group| group.append.ticket.zxid <= self.committed)
    }

    /// The last transaction that is prepared, unless all are applied.
    pub(crate) fn last_in_flight(&self) -> Option<Zxid> {
        let settled = self.entries.is_empty() && self.appended.is_empty();
        (!settled).then_some(self.last_zxid)
    }

    /// Bytes prepared and not yet applied.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.appended.iter().map(|group| group.append.bytes.len()).sum::<usize>()
    }
}

/// Takes what was collected, and leaves room for as much.
fn taken<T>(collected: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(collected.len());
    core::mem::replace(collected, room)
}
