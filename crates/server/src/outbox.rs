use std::io;

use tokio::net::tcp::OwnedWriteHalf;

use crate::arrears::{Arrears, Share};
use crate::buffers::Buffers;
use crate::metrics::Recorder;
use crate::traffic::note_sent;

/// Past this many unsent bytes no more requests are read from the client, so that one who asks
/// faster than it listens holds back itself alone.
const PAUSE_BYTES: usize = 1 << 20;

/// How far a connection's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// Ends once everything is sent.
    Closing,
    Closed,
}

/// Everything for one client, in the order in which it must arrive: replies and events alike.
///
/// Whoever appends sends as well, as far as the socket takes it; the rest is for the connection's
/// own task, which is woken when the socket takes more.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: Option<OwnedWriteHalf>,
    bytes: Vec<u8>,
    sent: usize,
    /// Where the buffer comes from, and goes to when it is empty.
    buffers: Buffers,
    arrears: Share,
    stage: Stage,
    /// Replies and events so far, as `cons` shows them.
    pub(crate) packets: u64,
    /// Whether the connection is among those to be flushed at the end of the turn.
    pub(crate) is_dirty: bool,
}

/// What a flush has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing.
    All,
    /// Something: the socket is full.
    Blocked,
    /// Nothing, for good: the connection has ended.
    Ended,
}

impl Outbox {
    pub(crate) fn new(socket: OwnedWriteHalf, arrears: &Arrears, buffers: &Buffers) -> Outbox {
        Outbox {
            socket: Some(socket),
            bytes: Vec::new(),
            sent: 0,
            buffers: buffers.clone(),
            arrears: arrears.share(),
            stage: Stage::Open,
            packets: 0,
            is_dirty: false,
        }
    }

    /// Appends replies and events; false once the connection is ending.
    pub(crate) fn append(&mut self, recorder: &Recorder, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.cut_if_deaf();
        let start = self.bytes.len();
        let was_open = self.write(write);
        self.packets += note_sent(recorder, &self.bytes[start..]);
        was_open
    }

    /// Appends what is no reply to a request: the end of the handshake, the answer to a word.
    pub(crate) fn append_greeting(
        &mut self,
        recorder: &Recorder,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let was_open = self.write(write);
        if was_open {
            self.packets += 1;
            recorder.packet_sent();
        }
        was_open
    }

    fn cut_if_deaf(&mut self) {
        self.note_arrears();
        if self.arrears.is_too_much() {
            tracing::warn!(unsent = self.unsent_bytes(), "client does not listen: cut off");
            self.abort();
        }
    }

    fn note_arrears(&mut self) {
        self.arrears.set(if self.is_full() { self.unsent_bytes() } else { 0 });
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let is_open = self.is_open();
        if is_open {
            if self.bytes.capacity() == 0 {
                self.bytes = self.buffers.take();
            }
            write(&mut self.bytes);
        }
        is_open
    }

    /// Lets what was appended out, then ends the connection.
    pub(crate) fn close(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// Ends the connection now; what was not sent is lost.
    pub(crate) fn abort(&mut self) {
        self.stage = Stage::Closed;
        self.socket = None;
        (self.bytes, self.sent) = (Vec::new(), 0);
        self.note_arrears();
    }

    /// Whether the client must first take what it was sent before it is read again.
    pub(crate) fn is_full(&self) -> bool {
        self.unsent_bytes() > PAUSE_BYTES
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub(crate) fn socket(&self) -> Option<&OwnedWriteHalf> {
        self.socket.as_ref()
    }

    /// Sends as much as the socket takes without waiting.
    pub(crate) fn flush(&mut self) -> Flushed {
        let Some(socket) = &self.socket else { return Flushed::Ended };
        while self.sent < self.bytes.len() {
            match socket.try_write(&self.bytes[self.sent..]) {
                Ok(n) if n > 0 => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.note_arrears();
                    return Flushed::Blocked;
                }
                Ok(_) | Err(_) => {
                    self.abort();
                    return Flushed::Ended;
                }
            }
        }
        self.sent = 0;
        self.buffers.give(std::mem::take(&mut self.bytes));
        self.note_arrears();
        if self.stage == Stage::Closing {
            self.abort();
            return Flushed::Ended;
        }
        Flushed::All
    }
}
