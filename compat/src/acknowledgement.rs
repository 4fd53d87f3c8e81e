//! Whether a server acknowledged anything before it was on disk, by the system calls that it made.
//!
//! kill -9 cannot tell: what was written and never synced survives it. So every frame that left is held against what
//! the log had synced at the moment in which the frame was handed to the system.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use base::{SessionId, Zxid};
use wire::OpCode;

use crate::strace::{Call, Event};

/// The calls that have to be traced.
pub const CALLS: &str = "trace=fsync,fdatasync,write,pwrite64,writev,sendto,sendmsg";

/// Bytes before a log's first entry.
const LOG_HEADER_LEN: usize = 16;
/// Checksum and length before each entry's payload.
const FRAME_LEN: usize = 12;
/// What ends an entry.
const MARK: u8 = 0x42;
/// Where the header of a transaction has its zxid, and its type.
const ZXID_AT: usize = 12;
const TYPE_AT: usize = 28;
/// The length of a frame, and the front of its payload that is looked at.
const HEAD_LEN: usize = 4 + 16;
/// Longer frames are no frames but the text of a four-letter word.
const FRAME_LEN_MAX: usize = 0x0100_0000;

/// What a trace showed.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Replies, events and handshakes that left.
    pub frames: usize,
    /// Times that a log was synced.
    pub syncs: usize,
    /// Entries found in logs.
    pub entries: usize,
    /// What left too early.
    pub early: Vec<String>,
}

/// Goes through a trace of a server that began with an empty directory.
///
/// # Errors
/// When the trace is not what such a server leaves.
pub fn check(events: Vec<Event>) -> Result<Findings> {
    let mut watcher = Watcher::default();
    for event in events {
        match event {
            Event::Begun(thread, call) => watcher.begun(thread, call),
            Event::Ended(thread, result) => watcher.ended(thread, result)?,
        }
    }
    watcher.findings.entries = watcher.logs.values().map(|log| log.entries.len()).sum();
    Ok(watcher.findings)
}

/// A call under way.
#[derive(Debug)]
struct Underway {
    call: Call,
    /// What was durable when it began.
    durable: Zxid,
    /// The entries in the log when it began.
    entries: usize,
}

#[derive(Debug, Default)]
struct Watcher {
    /// By the zxid in their names.
    logs: BTreeMap<i64, Log>,
    connections: HashMap<String, Connection>,
    sessions: HashMap<SessionId, Zxid>,
    underway: HashMap<u32, Underway>,
    findings: Findings,
}

impl Watcher {
    fn begun(&mut self, thread: u32, call: Call) {
        let entries = self.log(&call).map_or(0, |log| log.entries.len());
        let durable = self.durable();
        self.underway.insert(thread, Underway { call, durable, entries });
    }

    fn ended(&mut self, thread: u32, result: i64) -> Result<()> {
        let Some(Underway { call, durable, entries }) = self.underway.remove(&thread) else {
            return Ok(());
        };
        let Ok(result) = usize::try_from(result) else { return Ok(()) };
        if call.target.starts_with("socket:") {
            self.sent(&call.target, &call.bytes[..result], durable)
        } else if let Some(log) = self.log(&call) {
            if call.name.ends_with("sync") {
                log.synced = log.synced.max(entries);
                self.findings.syncs += 1;
                return Ok(());
            }
            let offset = call.args.rsplit_once(", ").context("a write without a place")?.1;
            let offset = offset.split(')').next().unwrap_or_default().trim().parse()?;
            let opened = log.write(offset, &call.bytes[..result]);
            self.sessions.extend(opened);
            Ok(())
        } else {
            Ok(())
        }
    }

    /// The log that a call is about.
    fn log(&mut self, call: &Call) -> Option<&mut Log> {
        let name = call.target.rsplit_once("/log.")?.1;
        let first = i64::from_str_radix(name, 16).ok()?;
        Some(self.logs.entry(first).or_default())
    }

    /// All up to here is in logs that were synced behind it.
    fn durable(&self) -> Zxid {
        let mut durable = Zxid::ZERO;
        for log in self.logs.values() {
            if let Some(&last) = log.entries[..log.synced].last() {
                durable = last;
            }
            if log.synced < log.entries.len() {
                break;
            }
        }
        durable
    }

    fn sent(&mut self, socket: &str, bytes: &[u8], durable: Zxid) -> Result<()> {
        let connection = self.connections.entry(socket.to_owned()).or_default();
        connection.unread.extend_from_slice(bytes);
        while let Some(head) = connection.next_head()? {
            self.findings.frames += 1;
            let (what, zxid) = match head {
                Head::Session(id) => (format!("{id:?}"), self.sessions.get(&id).copied()),
                Head::Reply { xid, zxid } => (format!("reply {xid}"), Some(zxid)),
            };
            if zxid.is_none_or(|zxid| zxid > durable) {
                let early = format!("{socket}: {what} as of {zxid:?} left, synced was {durable:?}");
                self.findings.early.push(early);
            }
        }
        Ok(())
    }
}

/// A log as it was written.
#[derive(Debug, Default)]
struct Log {
    bytes: Vec<u8>,
    /// Where the next entry begins.
    end: usize,
    /// The zxids of the entries.
    entries: Vec<Zxid>,
    /// How many of them were there when a sync began that has succeeded.
    synced: usize,
}

impl Log {
    /// Returns the sessions that the new entries open.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Vec<(SessionId, Zxid)> {
        let end = offset + bytes.len();
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[offset..end].copy_from_slice(bytes);
        self.end = self.end.max(LOG_HEADER_LEN);
        let mut opened = Vec::new();
        while let Some((payload, zxid)) = self.next_entry() {
            if number(payload, TYPE_AT) == OpCode::CreateSession.code() {
                opened.push((SessionId(long(payload, 0)), zxid));
            }
            self.end += FRAME_LEN + payload.len() + 1;
            self.entries.push(zxid);
        }
        opened
    }

    fn next_entry(&self) -> Option<(&[u8], Zxid)> {
        let rest = self.bytes.get(self.end..)?;
        let length = usize::try_from(number(rest.get(..FRAME_LEN)?, 8)).ok()?;
        let (payload, behind) = rest[FRAME_LEN..].split_at_checked(length)?;
        let whole = length > TYPE_AT && behind.first() == Some(&MARK);
        whole.then(|| (payload, Zxid(long(payload, ZXID_AT))))
    }
}

/// What was sent to a client.
#[derive(Debug, Default)]
struct Connection {
    unread: Vec<u8>,
    /// What is still to come of a frame whose head was read.
    pending: usize,
    is_open: bool,
    is_text: bool,
}

/// The front of a frame.
enum Head {
    /// The answer to a handshake.
    Session(SessionId),
    Reply {
        xid: i32,
        zxid: Zxid,
    },
}

impl Connection {
    fn next_head(&mut self) -> Result<Option<Head>> {
        let passed = self.pending.min(self.unread.len());
        self.unread.drain(..passed);
        self.pending -= passed;
        if self.is_text || self.unread.len() < HEAD_LEN {
            return Ok(None);
        }
        let length = usize::try_from(number(&self.unread, 0)).context("a negative length")?;
        if length > FRAME_LEN_MAX {
            self.is_text = true;
            return Ok(None);
        }
        self.pending = 4 + length;
        let head = if self.is_open {
            Head::Reply { xid: number(&self.unread, 4), zxid: Zxid(long(&self.unread, 8)) }
        } else {
            Head::Session(SessionId(long(&self.unread, 12)))
        };
        self.is_open = true;
        Ok(Some(head))
    }
}

fn number(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array(bytes, at))
}

fn long(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array(bytes, at))
}

/// # Panics
/// When there are too few bytes: whoever asks has looked.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice as long as the array")
}
