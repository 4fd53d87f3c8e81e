//! A connection's own task: reads frames, answers reads beside the writer, hands on the rest.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use node::{Answered, Asker, Handshake, Input, read};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tree::Authenticator;
use wire::{
    AuthPacket, ConnectRequest, DecodeError, ErrorCode, Frames, Id, Limits, OpCode, Reader, Record,
    ReplyHeader, RequestHeader, password_matches, write_reply,
};

use crate::client::Client;
use crate::hub::{Hub, Message};
use crate::metrics::{Counter, Recorder};
use crate::outbox::Flushed;
use crate::words::Word;
use crate::words_desk::WordsDesk;

/// Requests of one connection that may be under way at once; beyond, it is not read.
const UNDER_WAY_MAX: usize = 4096;

/// What every connection's task needs.
pub(crate) struct Service {
    pub(crate) hub: Arc<Hub>,
    pub(crate) schemes: Authenticator,
    pub(crate) skip_acl: bool,
    pub(crate) limits: Limits,
    pub(crate) words: WordsDesk,
}

/// What one I/O thread lends to the connections that it runs.
pub(crate) struct Desk {
    /// Where every read of a socket goes first: an idle connection holds no buffer.
    pub(crate) scratch: Vec<u8>,
    pub(crate) recorder: Recorder,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
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
    service: Arc<Service>,
    client: Arc<Client>,
    socket: OwnedReadHalf,
    stage: Stage,
    /// What came of a frame that is not whole yet.
    partial: Vec<u8>,
    identities: Arc<[Id<'static>]>,
    outgoing: Vec<Message>,
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
            partial: Vec::new(),
            identities: Arc::from([Id::new("ip", ip)]),
            outgoing: Vec::new(),
        }
    }

    /// Whether the client has said who it is.
    pub(crate) fn is_fresh(&self) -> bool {
        self.stage == Stage::Fresh
    }

    /// Drives the connection as far as it goes without waiting; ready once it has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, desk: &mut Desk) -> Poll<()> {
        self.client.waker.register(cx.waker());
        loop {
            if ready!(self.poll_flush(cx)) == Flushed::Ended {
                return Poll::Ready(());
            }
            if self.stage == Stage::Connecting && self.client.is_established() {
                self.stage = Stage::Serving;
                let partial = std::mem::take(&mut self.partial);
                self.take(&partial, desk);
                continue;
            }
            if !self.may_read() {
                // Whoever changes that looks at the flag; what changed before it was set is seen now.
                self.client.is_paused.store(true, Ordering::SeqCst);
                if !self.may_read() {
                    return Poll::Pending;
                }
            }
            let Desk { scratch, .. } = desk;
            let mut buffer = ReadBuf::new(scratch);
            let polled = Pin::new(&mut self.socket).poll_read(cx, &mut buffer);
            let len = buffer.filled().len();
            if ready!(polled).is_err() || len == 0 {
                return Poll::Ready(());
            }
            self.received(len, desk);
        }
    }

    /// Sends what is there; pending while the socket is full and nothing else can be done.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Flushed> {
        let mut outbox = self.client.outbox.lock();
        loop {
            let flushed = outbox.flush();
            if flushed != Flushed::Blocked {
                return Poll::Ready(flushed);
            }
            let Some(socket) = outbox.socket() else { return Poll::Ready(Flushed::Ended) };
            let writable = socket.as_ref().poll_write_ready(cx);
            if writable.is_pending() {
                let may_go_on = outbox.is_open() && !outbox.is_full();
                return if may_go_on { Poll::Ready(Flushed::Blocked) } else { Poll::Pending };
            }
        }
    }

    fn may_read(&self) -> bool {
        let ready = match self.stage {
            Stage::Fresh => true,
            Stage::Serving => self.client.gate.under_way() < UNDER_WAY_MAX,
            Stage::Connecting | Stage::Ending => false,
        };
        ready && !self.service.hub.is_overloaded() && !self.client.outbox.lock().is_full()
    }

    fn received(&mut self, len: usize, desk: &mut Desk) {
        let now_ms = self.service.hub.clock.mono_ms();
        self.client.heard_ms.store(now_ms, Ordering::Relaxed);
        desk.recorder.add(Counter::BytesReceivedCount, len as u64);
        if self.partial.is_empty() {
            let scratch = std::mem::take(&mut desk.scratch);
            self.take(&scratch[..len], desk);
            desk.scratch = scratch;
        } else {
            self.partial.extend_from_slice(&desk.scratch[..len]);
            let partial = std::mem::take(&mut self.partial);
            self.take(&partial, desk);
        }
    }

    /// Takes the frames at the front of `bytes`, and keeps what is left of them.
    fn take(&mut self, bytes: &[u8], desk: &mut Desk) {
        let mut rest = bytes;
        if self.stage == Stage::Fresh {
            rest = self.greet(rest, desk);
        }
        if self.stage == Stage::Serving {
            rest = self.serve(rest, desk);
        }
        if self.stage != Stage::Ending && !rest.is_empty() {
            self.partial.extend_from_slice(rest);
        }
        if !self.outgoing.is_empty() {
            self.service.hub.tell(self.outgoing.drain(..));
        }
    }

    /// Nothing more is taken from the client.
    fn end(&mut self) {
        self.stage = Stage::Ending;
        self.client.outbox.lock().close();
    }

    /// The first frame: a four-letter word or a handshake.
    fn greet<'b>(&mut self, bytes: &'b [u8], desk: &Desk) -> &'b [u8] {
        let Some(code) = bytes.first_chunk::<4>() else { return bytes };
        if let Some(word) = Word::from_code(*code) {
            return self.answer_word(word, bytes, desk);
        }
        let mut frames = Frames::new(bytes, self.service.limits);
        let payload = match frames.next_frame() {
            Ok(Some(payload)) => payload,
            Ok(None) => return bytes,
            Err(error) => return self.refuse(&error),
        };
        desk.recorder.packet_received();
        match ConnectRequest::decode(payload, self.service.limits) {
            Ok(request) => self.connect(&request),
            Err(error) => return self.refuse(&error),
        }
        &bytes[frames.consumed()..]
    }

    fn answer_word<'b>(&mut self, word: Word, bytes: &'b [u8], desk: &Desk) -> &'b [u8] {
        // The mask follows the word, and may come later.
        if word == Word::Stmk && bytes.len() < 12 {
            return bytes;
        }
        desk.recorder.packet_received();
        self.client.stats.lock().received += 1;
        let answer = self.service.words.answer(&self.service.hub, &self.client, word, &bytes[4..]);
        if let Some(out) = self.client.outbox.lock().open() {
            out.extend_from_slice(answer.as_bytes());
        }
        desk.recorder.packet_sent();
        self.end();
        &[]
    }

    /// Ends the connection because of what the client sent.
    fn refuse<'b>(&mut self, error: &dyn std::error::Error) -> &'b [u8] {
        let (peer, session) = (self.client.peer, self.client.stats.lock().session);
        tracing::warn!(%peer, %session, %error, "closing the connection");
        self.end();
        &[]
    }

    fn connect(&mut self, request: &ConnectRequest<'_>) {
        let handshake = Handshake {
            last_zxid_seen: request.last_zxid_seen,
            timeout_ms: request.timeout_ms,
            session: request.session,
            password_matches: password_matches(request.session, request.password),
            read_only: request.read_only,
        };
        self.stage = Stage::Connecting;
        self.client.gate.enter();
        self.outgoing.push(Message::Input(Input::Connected {
            conn: self.client.id,
            gate: self.client.gate.clone(),
            identities: self.identities.clone(),
            handshake,
        }));
    }

    /// Takes whole requests. Reads whose turn it is are answered here and now, all of them within
    /// one shared section and one hold of the outbox.
    fn serve<'b>(&mut self, bytes: &'b [u8], desk: &Desk) -> &'b [u8] {
        let received_ms = self.client.heard_ms.load(Ordering::Relaxed);
        let mut frames = Frames::new(bytes, self.service.limits);
        loop {
            self.answer_reads(&mut frames, received_ms, desk);
            match frames.next_frame() {
                Ok(Some(payload)) => self.take_request(payload, received_ms, desk),
                Ok(None) => break,
                Err(error) => return self.refuse(&error),
            }
            if self.stage == Stage::Ending {
                return &[];
            }
        }
        &bytes[frames.consumed()..]
    }

    /// Answers the reads at the front, as long as nothing of the connection is under way.
    fn answer_reads(&mut self, frames: &mut Frames<'_>, received_ms: i64, desk: &Desk) {
        let Some((mut header, mut payload)) = self.next_direct_read(frames) else { return };
        let service = self.service.clone();
        let replica = service.hub.replica.read();
        let mut outbox = self.client.outbox.lock();
        let Some(out) = outbox.open() else { return };
        let mut stats = self.client.stats.lock();
        let asker = Asker {
            conn: self.client.id,
            session: stats.session,
            identities: &self.identities,
            schemes: &service.schemes,
            skip_acl: service.skip_acl,
            limits: service.limits,
        };
        loop {
            let (xid, op) = header;
            let before = out.len();
            let zxid = read(&replica, &asker, xid, op, &payload[8..], out).zxid;
            desk.recorder.packet_received();
            desk.recorder.packet_sent();
            desk.recorder.response_encoded((out.len() - before) as u64);
            stats.received += 1;
            stats.answered(Answered { xid, op, zxid, err: 0, bytes: 0, received_ms }, received_ms);
            desk.recorder.request_answered(0);
            match self.next_direct_read(frames) {
                Some(next) => (header, payload) = next,
                None => return,
            }
        }
    }

    /// Takes the next frame if it is a read that may be answered beside the writer.
    fn next_direct_read<'b>(&self, frames: &mut Frames<'b>) -> Option<((i32, OpCode), &'b [u8])> {
        if !self.client.gate.is_open() {
            return None;
        }
        let mut ahead = frames.clone();
        let payload = ahead.next_frame().ok()??;
        let header: RequestHeader = Reader::new(payload, self.service.limits).read().ok()?;
        let op = OpCode::from_code(header.op).filter(|op| is_read(*op))?;
        *frames = ahead;
        Some(((header.xid, op), payload))
    }

    /// A request that is no read, or a read that takes its turn.
    fn take_request(&mut self, payload: &[u8], received_ms: i64, desk: &Desk) {
        desk.recorder.packet_received();
        self.client.stats.lock().received += 1;
        let mut input = Reader::new(payload, self.service.limits);
        let header: RequestHeader = match input.read() {
            Ok(header) => header,
            Err(error) => {
                self.refuse(&error);
                return;
            }
        };
        let body = input.rest();
        match OpCode::from_code(header.op) {
            Some(OpCode::Auth) => self.authenticate(header.xid, body),
            Some(OpCode::Sasl) => self.decline_sasl(header.xid, body),
            Some(op) if op.is_client_request() => {
                self.client.gate.enter();
                self.outgoing.push(Message::Input(Input::Requested {
                    conn: self.client.id,
                    xid: header.xid,
                    op,
                    body: Bytes::copy_from_slice(body),
                    received_ms,
                }));
            }
            Some(_) | None => {
                let zxid = base::Zxid(-1);
                let err = ErrorCode::Unimplemented.code();
                self.reply(ReplyHeader { xid: header.xid, zxid, err }, |_| {});
                self.end();
            }
        }
    }

    fn reply(&self, header: ReplyHeader, body: impl FnOnce(&mut Vec<u8>)) {
        if let Some(out) = self.client.outbox.lock().open() {
            write_reply(out, header, body);
        }
    }

    /// Adds to what the connection has proved to be. The requests behind it already count on it.
    fn authenticate(&mut self, xid: i32, body: &[u8]) {
        let packet: AuthPacket<'_> = match Reader::new(body, self.service.limits).read() {
            Ok(packet) => packet,
            Err(error) => {
                self.refuse(&error);
                return;
            }
        };
        let scheme = packet.scheme.as_deref().unwrap_or_default();
        let mut identities = self.identities.to_vec();
        let peer = self.client.peer.ip();
        let header = |err| ReplyHeader { xid, zxid: base::Zxid::ZERO, err };
        match self.service.schemes.authenticate(scheme, packet.auth, peer, &mut identities) {
            Ok(()) => {
                self.identities = identities.into();
                self.client.gate.enter();
                self.outgoing.push(Message::Input(Input::Identified {
                    conn: self.client.id,
                    identities: self.identities.clone(),
                }));
                tracing::info!(%peer, scheme, "authenticated");
                self.reply(header(0), |_| {});
            }
            Err(error) => {
                tracing::warn!(%peer, scheme, %error, "closing the connection");
                self.reply(header(ErrorCode::AuthFailed.code()), |_| {});
                self.end();
            }
        }
    }

    /// The answer of a server without a SASL login: no token, and the client goes on without.
    fn decline_sasl(&mut self, xid: i32, body: &[u8]) {
        let token = Reader::new(body, self.service.limits).buffer();
        if let Err(error) = token.and_then(|token| token.ok_or(DecodeError::Null)) {
            self.refuse(&error);
            return;
        }
        let header = ReplyHeader { xid, zxid: base::Zxid::ZERO, err: 0 };
        self.reply(header, |out| wire::Buffer::None.write(out));
    }
}

/// Whether the serving server answers it from its own state.
fn is_read(op: OpCode) -> bool {
    op.is_client_request() && !op.is_write() && !matches!(op, OpCode::Auth | OpCode::Sasl)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.client.outbox.lock().abort();
        let conn = self.client.id;
        self.service.hub.tell([Message::Input(Input::Disconnected { conn })]);
    }
}
