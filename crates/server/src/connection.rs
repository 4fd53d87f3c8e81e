//! A connection's own task: reads frames, answers reads beside the writer, hands on the rest.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use node::Input;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Sleep, sleep};
use wire::{Id, Limits};

use crate::client::Client;
use crate::hub::Hub;
use crate::inbox::Message;
use crate::metrics::{Counter, Recorder};
use crate::outbox::Flushed;
use crate::words_desk::WordsDesk;

/// How large the buffer is that sockets are read into.
const SCRATCH_BYTES: usize = 64 << 10;

/// Requests of one connection that may be under way at once; beyond, it is not read.
const UNDER_WAY_MAX: usize = 4096;

/// Reads of one connection that may wait behind its writes: nobody knows how long the replies will
/// be, and all of them come at once.
const READS_BEHIND_MAX: usize = 128;

/// What a connection may cost before the others on its thread get their turn.
const TURN_COST_MAX: usize = 512;

/// Bytes, in or out, that cost as much as a request does by itself.
const COST_BYTES: usize = 2 << 10;

/// What a request costs with so many bytes, or a read of the socket.
pub(crate) fn cost(bytes: usize) -> usize {
    1 + bytes / COST_BYTES
}

/// What every connection's task needs.
pub(crate) struct Service {
    pub(crate) hub: Arc<Hub>,
    pub(crate) schemes: tree::Authenticator,
    pub(crate) skip_acl: bool,
    pub(crate) limits: Limits,
    pub(crate) words: WordsDesk,
}

/// What one I/O thread lends to the connections that it runs.
pub(crate) struct Desk {
    /// Where every read of a socket goes first: an idle connection holds no buffer.
    pub(crate) scratch: Vec<u8>,
    /// What the connection whose turn it is may still cost.
    pub(crate) left: usize,
    /// What the brain is to be told once all have had their turn whose requests came together.
    outgoing: Vec<Message>,
    /// Wakes the thread's courier.
    courier: Option<Waker>,
    pub(crate) recorder: Recorder,
}

impl Desk {
    pub(crate) fn new(recorder: Recorder) -> Desk {
        Desk {
            scratch: vec![0; SCRATCH_BYTES],
            left: 0,
            outgoing: Vec::new(),
            courier: None,
            recorder,
        }
    }

    /// Leaves a message for the courier, who takes all that there are to the brain at once: it
    /// stands in the queue of tasks behind those that were woken before.
    pub(crate) fn post(&mut self, message: Message) {
        if self.outgoing.is_empty()
            && let Some(courier) = &self.courier
        {
            courier.wake_by_ref();
        }
        self.outgoing.push(message);
    }

    /// Takes all that was posted to the brain.
    pub(crate) fn deliver(&mut self, hub: &Hub) {
        if !self.outgoing.is_empty() {
            hub.tell(self.outgoing.drain(..));
        }
    }

    /// The courier's turn.
    pub(crate) fn poll_courier(&mut self, cx: &mut Context<'_>, hub: &Hub) {
        self.courier = Some(cx.waker().clone());
        self.deliver(hub);
    }

    pub(crate) fn spend(&mut self, cost: usize) {
        self.left = self.left.saturating_sub(cost);
    }
}

/// How long the client of a connection that is ending may leave its last replies untaken.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has come yet: a handshake, or a four-letter word.
    Fresh,
    /// The handshake is with the brain; what the client sends meanwhile stays where it is.
    Connecting,
    /// Requests are taken.
    Serving,
    /// Nothing more is read; the connection ends when all is sent.
    Ending,
}

/// The state of a connection's task.
pub(crate) struct Connection {
    pub(crate) service: Arc<Service>,
    pub(crate) client: Arc<Client>,
    socket: OwnedReadHalf,
    pub(crate) stage: Stage,
    /// What has come and was not taken at once: part of a frame, or more than there was room for.
    kept: Vec<u8>,
    /// How much of it has been taken since.
    taken: usize,
    /// Whether there may be whole frames in it.
    pub(crate) has_more: bool,
    /// Reads handed to the brain since nothing was under way.
    pub(crate) reads_behind: usize,
    pub(crate) identities: Arc<[Id<'static>]>,
    /// Set once the connection is ending and its socket full.
    farewell: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(crate) fn new(
        service: Arc<Service>,
        client: Arc<Client>,
        socket: OwnedReadHalf,
    ) -> Connection {
        let ip = client.peer.ip().to_string();
        service.hub.tell([Message::Opened(client.clone())]);
        Connection {
            service,
            client,
            socket,
            stage: Stage::Fresh,
            kept: Vec::new(),
            taken: 0,
            has_more: false,
            reads_behind: 0,
            identities: Arc::from([Id::new("ip", ip)]),
            farewell: None,
        }
    }

    /// Whether the client has not said yet who it is.
    pub(crate) fn is_fresh(&self) -> bool {
        self.stage == Stage::Fresh
    }

    /// Drives the connection as far as it goes without waiting; ready once it has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, desk: &mut Desk) -> Poll<()> {
        self.client.waker.register(cx.waker());
        desk.left = TURN_COST_MAX;
        while desk.left > 0 {
            if ready!(self.poll_flush(cx)) == Flushed::Ended {
                return Poll::Ready(());
            }
            if self.stage == Stage::Connecting && self.client.is_established() {
                self.stage = Stage::Serving;
                self.has_more = true;
            }
            if self.is_held_up() {
                return Poll::Pending;
            }
            if self.has_more {
                self.take_kept(desk);
            } else if !ready!(self.poll_read(cx, desk)) {
                return Poll::Ready(());
            }
        }
        if ready!(self.poll_flush(cx)) == Flushed::Ended {
            return Poll::Ready(());
        }
        // Sockets are looked at before the connection goes on: nobody waits behind it for long.
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        Poll::Pending
    }

    /// Sends what is there; pending while the socket is full and nothing else can be done.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Flushed> {
        let mut outbox = self.client.outbox.lock();
        loop {
            let before = outbox.unsent_bytes();
            let flushed = outbox.flush();
            if flushed != Flushed::Blocked {
                return Poll::Ready(flushed);
            }
            if outbox.unsent_bytes() < before {
                // Who takes replies is there, though what it says may have to wait.
                self.client.heard_ms.store(self.service.hub.clock.mono_ms(), Ordering::Relaxed);
            }
            let Some(socket) = outbox.socket() else { return Poll::Ready(Flushed::Ended) };
            if socket.as_ref().poll_write_ready(cx).is_pending() {
                break;
            }
        }
        if outbox.is_open() {
            let may_go_on = !outbox.is_full();
            return if may_go_on { Poll::Ready(Flushed::Blocked) } else { Poll::Pending };
        }
        // The connection is ending, and its client does not take what is left.
        let farewell = self.farewell.get_or_insert_with(|| Box::pin(sleep(FAREWELL)));
        ready!(farewell.as_mut().poll(cx));
        outbox.abort();
        Poll::Ready(Flushed::Ended)
    }

    /// Whether nothing may be taken from the client now; then whoever changes that wakes the task.
    fn is_held_up(&self) -> bool {
        if self.may_take() {
            if self.client.is_paused.load(Ordering::Relaxed) {
                self.client.is_paused.store(false, Ordering::SeqCst);
            }
            return false;
        }
        // Whoever changes that looks at the flag; what changed before it was set is seen now.
        self.client.is_paused.store(true, Ordering::SeqCst);
        !self.may_take()
    }

    /// Whether there is room for another request.
    pub(crate) fn may_take(&self) -> bool {
        let is_ready = match self.stage {
            Stage::Fresh => true,
            Stage::Serving => self.has_room(),
            Stage::Connecting | Stage::Ending => false,
        };
        is_ready && !self.service.hub.is_overloaded() && !self.client.outbox.lock().is_full()
    }

    fn has_room(&self) -> bool {
        let under_way = self.client.gate.under_way();
        under_way == 0
            || under_way < UNDER_WAY_MAX
                && self.reads_behind < READS_BEHIND_MAX
                && !self.service.hub.is_crowded()
    }

    /// Reads what has come; ready with false if there will be nothing more.
    fn poll_read(&mut self, cx: &mut Context<'_>, desk: &mut Desk) -> Poll<bool> {
        let mut buffer = ReadBuf::new(&mut desk.scratch);
        let polled = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer));
        let len = buffer.filled().len();
        if polled.is_err() || len == 0 {
            desk.recorder.add(Counter::ConnectionDropCount, u64::from(polled.is_ok()));
            return Poll::Ready(false);
        }
        self.client.heard_ms.store(self.service.hub.clock.mono_ms(), Ordering::Relaxed);
        desk.recorder.add(Counter::BytesReceivedCount, len as u64);
        desk.spend(cost(len));
        if self.kept.is_empty() {
            let scratch = std::mem::take(&mut desk.scratch);
            let taken = self.take(&scratch[..len], desk);
            self.kept.extend_from_slice(&scratch[taken..len]);
            desk.scratch = scratch;
        } else {
            self.kept.drain(..std::mem::take(&mut self.taken));
            self.kept.extend_from_slice(&desk.scratch[..len]);
            self.take_kept(desk);
        }
        Poll::Ready(true)
    }

    fn take_kept(&mut self, desk: &mut Desk) {
        let kept = std::mem::take(&mut self.kept);
        self.taken += self.take(&kept[self.taken..], desk);
        if self.taken < kept.len() {
            self.kept = kept;
        } else {
            // The buffer goes back to the allocator.
            self.taken = 0;
        }
    }

    /// Takes the frames at the front of `bytes`; returns how much that was.
    fn take(&mut self, bytes: &[u8], desk: &mut Desk) -> usize {
        self.has_more = false;
        let mut taken = 0;
        if self.stage == Stage::Fresh {
            taken += self.greet(bytes, desk);
        }
        if self.stage == Stage::Serving {
            taken += self.serve(&bytes[taken..], desk);
        }
        if self.stage == Stage::Ending { bytes.len() } else { taken }
    }

    /// Nothing more is taken from the client.
    pub(crate) fn end(&mut self) {
        self.stage = Stage::Ending;
        self.client.outbox.lock().close();
    }

    /// Ends the connection because of what the client sent.
    pub(crate) fn refuse(&mut self, error: &dyn std::error::Error) {
        let (peer, session) = (self.client.peer, self.client.stats.lock().session);
        tracing::warn!(%peer, %session, %error, "closing the connection");
        self.end();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.client.set_gone();
        let conn = self.client.id;
        self.service.hub.tell([Message::Input(Input::Disconnected { conn })]);
    }
}
