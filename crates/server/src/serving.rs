//! Requests: reads whose turn it is are answered at once, everything else takes its turn.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use node::{Answer, Answered, Asker, Input, read};
use tree::Tree;
use wire::{
    AuthPacket, DecodeError, ErrorCode, Frames, Limits, OpCode, Reader, Record, ReplyHeader,
    RequestHeader, path, write_reply,
};

use crate::connection::{Connection, Desk, Stage, cost};
use crate::inbox::Message;
use crate::metrics::{Counter, Recorder, Summary};
use crate::traffic::note_read;

/// What the reads that are answered within one shared section may [`cost`]: the writer waits for
/// its end.
const SECTION_COST_MAX: usize = 128;

/// Room for the replies to a batch of small reads.
const BATCH_BYTES: usize = 4 << 10;

/// Length of a request's header.
const HEADER_BYTES: usize = 8;

/// A read that is answered beside the writer.
struct DirectRead<'b> {
    xid: i32,
    op: OpCode,
    body: &'b [u8],
}

/// What has come at once of a connection. The requests in it that take their turn share one copy.
struct Batch<'b> {
    bytes: &'b [u8],
    /// Where the last frame that was taken ends.
    end: usize,
    /// All from that place on.
    copy: Option<(usize, Bytes)>,
}

impl Batch<'_> {
    /// The last `len` bytes of the last frame.
    fn last(&mut self, len: usize) -> Bytes {
        let begin = self.end - len;
        let rest = || (begin, Bytes::copy_from_slice(&self.bytes[begin..]));
        let (from, copy) = self.copy.get_or_insert_with(rest);
        copy.slice(begin - *from..self.end - *from)
    }
}

/// A large request that there is no room for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("request of {bytes} bytes: so many large ones are under way (largeRequestMaxBytes)")]
struct TooLarge {
    bytes: usize,
}

impl Connection {
    /// Takes whole requests as long as there is room; returns the length of all of them.
    pub(crate) fn serve(&mut self, bytes: &[u8], desk: &mut Desk) -> usize {
        let now_ms = self.service.hub.clock.mono_ms();
        let mut frames = Frames::new(bytes, self.service.limits);
        let mut batch = Batch { bytes, end: 0, copy: None };
        while self.stage == Stage::Serving {
            if desk.left == 0 || !self.may_take() {
                self.has_more = true;
                break;
            }
            if self.answer_reads(&mut frames, now_ms, desk) {
                continue;
            }
            match frames.next_frame() {
                Ok(Some(payload)) => {
                    desk.spend(cost(payload.len()));
                    batch.end = frames.consumed();
                    self.take_request(payload, &mut batch, now_ms, desk);
                }
                Ok(None) => {
                    self.look_ahead(&bytes[frames.consumed()..], &desk.recorder);
                    break;
                }
                Err(error) => self.refuse(&error),
            }
        }
        frames.consumed()
    }

    pub(crate) fn note_received(&self, recorder: &Recorder) {
        recorder.packet_received();
        self.client.stats.lock().received += 1;
    }

    /// Answers the reads at the front, within one shared section and one hold of the outbox, as
    /// long as nothing of the connection is under way; whether there were any.
    fn answer_reads(&mut self, frames: &mut Frames<'_>, now_ms: i64, desk: &mut Desk) -> bool {
        let Some(first) = self.next_direct_read(frames) else { return false };
        let service = &self.service;
        let replica = service.hub.replica.read();
        let mut outbox = self.client.outbox.lock();
        let mut stats = self.client.stats.lock();
        let asker = Asker {
            conn: self.client.id,
            session: stats.session,
            identities: &self.identities,
            schemes: &service.schemes,
            skip_acl: service.skip_acl,
            limits: service.limits,
        };
        warm(&replica.tree, &first, frames, service.limits);
        let recorder = &desk.recorder;
        let mut spent = 0;
        outbox.append(recorder, |out| {
            out.reserve(BATCH_BYTES);
            let mut next = Some(first);
            while let Some(DirectRead { xid, op, body }) = next {
                let before = out.len();
                let Answer { zxid, taken } = read(&replica, &asker, xid, op, body, out);
                taken.into_iter().for_each(|bytes| note_read(recorder, body, bytes));
                let bytes = body.len();
                let answered = Answered { xid, op, zxid, err: 0, bytes, received_ms: now_ms };
                stats.received += 1;
                stats.answered(answered, now_ms);
                recorder.packet_received();
                recorder.request_answered(0);
                recorder.sample(Summary::ReadLatency, 0);
                spent += cost(out.len() - before);
                let may_go_on = spent < SECTION_COST_MAX;
                next = if may_go_on { self.next_direct_read(frames) } else { None };
            }
        });
        desk.spend(spent);
        true
    }

    /// Takes the next frame if it is a read that may be answered beside the writer.
    fn next_direct_read<'b>(&self, frames: &mut Frames<'b>) -> Option<DirectRead<'b>> {
        if !self.client.gate.is_open() {
            return None;
        }
        let mut ahead = frames.clone();
        let payload = ahead.next_frame().ok()??;
        let header: RequestHeader = Reader::new(payload, self.service.limits).read().ok()?;
        let op = OpCode::from_code(header.op).filter(|op| is_read(*op))?;
        *frames = ahead;
        Some(DirectRead { xid: header.xid, op, body: &payload[HEADER_BYTES..] })
    }

    /// A request that is no read, or a read that takes its turn.
    fn take_request(
        &mut self,
        payload: &[u8],
        batch: &mut Batch<'_>,
        now_ms: i64,
        desk: &mut Desk,
    ) {
        self.note_received(&desk.recorder);
        let mut input = Reader::new(payload, self.service.limits);
        let header: RequestHeader = match input.read() {
            Ok(header) => header,
            Err(error) => return self.refuse(&error),
        };
        let body = input.rest();
        match OpCode::from_code(header.op) {
            Some(OpCode::Auth) => self.authenticate(header.xid, body, desk),
            Some(OpCode::Sasl) => self.decline_sasl(header.xid, body, &desk.recorder),
            Some(op) if op.is_client_request() => {
                if self.makes_room(op, body.len(), &desk.recorder) {
                    let (conn, xid) = (self.client.id, header.xid);
                    let body = batch.last(body.len());
                    let input = Input::Requested { conn, xid, op, body, received_ms: now_ms };
                    desk.post(Message::Input(input));
                }
            }
            Some(_) | None => {
                let (xid, zxid) = (header.xid, base::Zxid(-1));
                let err = ErrorCode::Unimplemented.code();
                self.reply(&desk.recorder, ReplyHeader { xid, zxid, err }, |_| {});
                self.end();
            }
        }
    }

    /// Notes that a request is on its way to the brain; false if it is one large request too many.
    fn makes_room(&mut self, op: OpCode, bytes: usize, recorder: &Recorder) -> bool {
        let Some(large_bytes) = self.service.hub.large_requests.enter(bytes) else {
            self.refuse_large(bytes, recorder);
            return false;
        };
        if large_bytes > 0 {
            self.client.large_bytes.fetch_add(large_bytes, Ordering::Relaxed);
        }
        let before = if self.client.gate.is_open() { 0 } else { self.reads_behind };
        self.reads_behind = before + usize::from(is_read(op));
        self.client.gate.enter();
        true
    }

    /// Looks at the length of what is not here yet: the rest of a large request is not even read
    /// if there is no room for it.
    fn look_ahead(&mut self, begun: &[u8], recorder: &Recorder) {
        let Some(len) = begun.first_chunk() else { return };
        let bytes = u32::from_be_bytes(*len) as usize;
        if !self.service.hub.large_requests.could_enter(bytes) {
            self.refuse_large(bytes, recorder);
        }
    }

    fn refuse_large(&mut self, bytes: usize, recorder: &Recorder) {
        recorder.add(Counter::LargeRequestsRejected, 1);
        self.refuse(&TooLarge { bytes });
    }

    fn reply(&self, recorder: &Recorder, header: ReplyHeader, body: impl FnOnce(&mut Vec<u8>)) {
        self.client.outbox.lock().append(recorder, |out| write_reply(out, header, body));
    }

    /// Adds to what the connection has proved to be. The requests behind it already count on it.
    fn authenticate(&mut self, xid: i32, body: &[u8], desk: &mut Desk) {
        let packet: AuthPacket<'_> = match Reader::new(body, self.service.limits).read() {
            Ok(packet) => packet,
            Err(error) => return self.refuse(&error),
        };
        let scheme = packet.scheme.as_deref().unwrap_or_default();
        let mut identities = self.identities.to_vec();
        let peer = self.client.peer.ip();
        let header = |err| ReplyHeader { xid, zxid: base::Zxid::ZERO, err };
        match self.service.schemes.authenticate(scheme, packet.auth, peer, &mut identities) {
            Ok(()) => {
                self.identities = identities.into();
                self.client.gate.enter();
                desk.post(Message::Input(Input::Identified {
                    conn: self.client.id,
                    identities: self.identities.clone(),
                }));
                tracing::info!(%peer, scheme, "authenticated");
                self.reply(&desk.recorder, header(0), |_| {});
            }
            Err(error) => {
                tracing::warn!(%peer, scheme, %error, "closing the connection");
                self.service.hub.auth_failed.fetch_add(1, Ordering::Relaxed);
                self.reply(&desk.recorder, header(ErrorCode::AuthFailed.code()), |_| {});
                self.end();
            }
        }
    }

    /// The answer of a server without a SASL login: no token, and the client goes on without.
    fn decline_sasl(&mut self, xid: i32, body: &[u8], recorder: &Recorder) {
        let token = Reader::new(body, self.service.limits).buffer();
        if let Err(error) = token.and_then(|token| token.ok_or(DecodeError::Null)) {
            return self.refuse(&error);
        }
        let header = ReplyHeader { xid, zxid: base::Zxid::ZERO, err: 0 };
        self.reply(recorder, header, |out| wire::Buffer::None.write(out));
    }
}

/// Prepares the lookups of a read and of those behind it that may be answered with it.
fn warm(tree: &Tree, first: &DirectRead<'_>, frames: &Frames<'_>, limits: Limits) {
    let mut ahead = frames.clone();
    let bodies = std::iter::from_fn(|| {
        let payload = ahead.next_frame().ok()??;
        let header: RequestHeader = Reader::new(payload, limits).read().ok()?;
        OpCode::from_code(header.op).filter(|op| is_read(*op))?;
        payload.get(HEADER_BYTES..)
    });
    let bodies = std::iter::once(first.body).chain(bodies).take(SECTION_COST_MAX);
    tree.warm(bodies.filter_map(path::leading));
}

/// Whether the serving server answers it from its own state.
fn is_read(op: OpCode) -> bool {
    op.is_client_request() && !op.is_write() && !matches!(op, OpCode::Auth | OpCode::Sasl)
}
