//! A raw client for the suites: blocking sockets, frames as they come, nothing hidden.
//!
//! It neither reconnects nor keeps sessions alive; a suite that wants to see every byte must decide itself.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base::{SessionId, Zxid};
use wire::{
    Acl, AuthPacket, ConnectRequest, ConnectResponse, CreateMode, CreateRequest, DeleteRequest,
    ErrorCode, Frames, Limits, OpCode, PASSWORD_LEN, Perms, Reader, Record, ReplyHeader,
    RequestHeader, SetDataRequest, Stat, Text, WatchRequest, WatcherEvent, begin_frame, end_frame,
};

/// How long a server may take for anything before the suite calls it hung.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Replies are not limited by servers, so neither are they here but by what a frame may be at all.
const REPLY_LIMITS: Limits =
    Limits { frame_bytes_max: i32::MAX.cast_unsigned(), field_bytes_max: i32::MAX.cast_unsigned() };

/// A reader of something that a server sent.
#[must_use]
pub fn reader(bytes: &[u8]) -> Reader<'_> {
    Reader::new(bytes, REPLY_LIMITS)
}

/// One message of a server: a reply or a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose answer, as of which zxid, with which error.
    pub header: ReplyHeader,
    /// What follows the header.
    pub body: Vec<u8>,
}

impl Frame {
    /// Whether it is a notification and not the answer to a request.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.header.xid == ReplyHeader::NOTIFICATION_XID
    }

    fn decode(payload: &[u8]) -> Result<Frame> {
        let mut input = reader(payload);
        let header = input.read().context("a reply without a header")?;
        Ok(Frame { header, body: input.rest().to_vec() })
    }

    /// The body, or the error that came instead of it.
    ///
    /// # Errors
    /// The reply's error code, as an [`ErrorCode`] where it is one.
    pub fn into_body(self) -> Result<Vec<u8>> {
        match self.header.err {
            0 => Ok(self.body),
            code => match ErrorCode::from_code(code) {
                Some(known) => Err(known.into()),
                None => bail!("unknown error code {code}"),
            },
        }
    }
}

/// A TCP connection that speaks in frames.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    outbox: Vec<u8>,
    inbox: Vec<u8>,
    /// Bytes at the front of `inbox` that were taken already.
    taken: usize,
    patience: Duration,
}

impl Connection {
    /// Connects; nothing is sent yet.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection {
            stream,
            outbox: Vec::new(),
            inbox: Vec::new(),
            taken: 0,
            patience: PATIENCE,
        })
    }

    /// Sets how long the server may take for anything instead of [`PATIENCE`].
    ///
    /// # Errors
    /// When the socket does not accept it.
    pub fn set_patience(&mut self, patience: Duration) -> Result<()> {
        self.patience = patience;
        self.stream.set_read_timeout(Some(patience))?;
        Ok(self.stream.set_write_timeout(Some(patience))?)
    }

    /// Sends the first frame and waits for the answer; `None` when the server hangs up instead.
    ///
    /// # Errors
    /// When the answer does not come or is none.
    pub fn handshake(&mut self, request: &ConnectRequest<'_>) -> Result<Option<ConnectResponse>> {
        let start = begin_frame(&mut self.outbox);
        request.write(&mut self.outbox);
        end_frame(&mut self.outbox, start);
        self.flush()?;
        let Some(payload) = self.next_payload()? else {
            return Ok(None);
        };
        Ok(Some(ConnectResponse::decode(&payload, REPLY_LIMITS)?))
    }

    /// Puts a request behind those that wait to be flushed.
    pub fn queue(&mut self, header: RequestHeader, body: &[u8]) {
        let start = begin_frame(&mut self.outbox);
        header.write(&mut self.outbox);
        self.outbox.extend_from_slice(body);
        end_frame(&mut self.outbox, start);
    }

    /// Puts bytes that need not be a frame behind those that wait to be flushed.
    pub fn queue_bytes(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
    }

    /// Sends what waits. A peer that is gone is no error here: its silence tells.
    ///
    /// # Errors
    /// When the socket does not take it within [`PATIENCE`].
    pub fn flush(&mut self) -> Result<()> {
        let sent = self.stream.write_all(&self.outbox);
        self.outbox.clear();
        match sent {
            Err(error) if !is_hang_up(error.kind()) => Err(error).context("sending"),
            _ => Ok(()),
        }
    }

    /// The next message; `None` when the server has hung up.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`], or it is malformed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        self.next_payload()?.map(|payload| Frame::decode(&payload)).transpose()
    }

    /// Whether the server hangs up, after whatever it still had to say, within [`PATIENCE`].
    ///
    /// # Errors
    /// When it says something malformed or stays.
    pub fn drain_to_end(&mut self) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    /// The next frame's payload, whatever it is; `None` when the server has hung up.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`].
    pub fn next_payload(&mut self) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + self.patience;
        loop {
            let mut frames = Frames::new(&self.inbox[self.taken..], REPLY_LIMITS);
            if let Some(payload) = frames.next_frame()? {
                let payload = payload.to_vec();
                self.taken += frames.consumed();
                return Ok(Some(payload));
            }
            self.inbox.drain(..self.taken);
            self.taken = 0;
            ensure!(Instant::now() < deadline, "no whole frame in time");
            if !self.receive()? {
                return Ok(None);
            }
        }
    }

    /// Reads once; `false` at the end of the stream.
    fn receive(&mut self) -> Result<bool> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(n) => {
                self.inbox.extend_from_slice(&chunk[..n]);
                Ok(true)
            }
            Err(error) if is_hang_up(error.kind()) => Ok(false),
            Err(error) => Err(error).context("no answer in time"),
        }
    }
}

fn is_hang_up(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// The bytes of a record.
#[must_use]
pub fn encoded<'a>(record: &impl Record<'a>) -> Vec<u8> {
    let mut out = Vec::new();
    record.write(&mut out);
    out
}

/// A session on one connection, for suites that want answers and not frames.
///
/// Events that arrive in between are kept, in order, in [`Session::events`].
#[derive(Debug)]
pub struct Session {
    /// Where its requests go.
    pub connection: Connection,
    /// Its id.
    pub id: SessionId,
    /// Its password.
    pub password: [u8; PASSWORD_LEN],
    /// The negotiated timeout, in milliseconds.
    pub timeout_ms: i32,
    /// The newest zxid of any reply.
    pub last_zxid: Zxid,
    /// Notifications not yet looked at.
    pub events: VecDeque<Frame>,
    last_xid: i32,
}

impl Session {
    /// A new session.
    ///
    /// # Errors
    /// When the server does not give one.
    pub fn open(address: SocketAddr, timeout_ms: i32) -> Result<Session> {
        Session::connect(address, timeout_ms, SessionId::NONE, [0; PASSWORD_LEN], Zxid::ZERO)
    }

    /// The same session on a new connection.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub fn renew(&self, address: SocketAddr) -> Result<Session> {
        Session::connect(address, self.timeout_ms, self.id, self.password, self.last_zxid)
    }

    /// A session of which nothing but the id is known: its password follows from that.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub fn restore(address: SocketAddr, id: SessionId) -> Result<Session> {
        Session::connect(address, 30_000, id, wire::session_password(id), Zxid::ZERO)
    }

    fn connect(
        address: SocketAddr,
        timeout_ms: i32,
        session: SessionId,
        password: [u8; PASSWORD_LEN],
        last_zxid: Zxid,
    ) -> Result<Session> {
        let mut connection = Connection::open(address)?;
        let response = connection
            .handshake(&ConnectRequest {
                protocol_version: 0,
                last_zxid_seen: last_zxid,
                timeout_ms,
                session,
                password: Some(&password),
                read_only: Some(false),
            })?
            .context("the server hung up at the handshake")?;
        ensure!(response.timeout_ms > 0, "the session is not valid");
        Ok(Session {
            connection,
            id: response.session,
            password: response.password,
            timeout_ms: response.timeout_ms,
            last_zxid,
            events: VecDeque::new(),
            last_xid: 0,
        })
    }

    /// Queues a request without waiting, and returns its xid.
    pub fn queue(&mut self, op: OpCode, body: &[u8]) -> i32 {
        self.last_xid += 1;
        let header = RequestHeader { xid: self.last_xid, op: op.code() };
        self.connection.queue(header, body);
        self.last_xid
    }

    /// The next reply; events before it are kept.
    ///
    /// # Errors
    /// When the server hangs up or says nothing.
    pub fn reply(&mut self) -> Result<Frame> {
        loop {
            let frame = self.connection.next_frame()?.context("the server hung up")?;
            if frame.is_event() {
                self.events.push_back(frame);
                continue;
            }
            self.last_zxid = self.last_zxid.max(frame.header.zxid);
            return Ok(frame);
        }
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// As [`Session::reply`], or when the reply is to something else.
    pub fn call(&mut self, op: OpCode, body: &[u8]) -> Result<Frame> {
        let xid = self.queue(op, body);
        self.connection.flush()?;
        let frame = self.reply()?;
        ensure!(frame.header.xid == xid, "reply {} to request {xid}", frame.header.xid);
        Ok(frame)
    }

    /// Keeps the session alive.
    ///
    /// # Errors
    /// As [`Session::reply`].
    pub fn ping(&mut self) -> Result<Frame> {
        let header = RequestHeader { xid: ReplyHeader::PING_XID, op: OpCode::Ping.code() };
        self.connection.queue(header, &[]);
        self.connection.flush()?;
        self.reply()
    }

    /// Authenticates the connection by `user:password`.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn auth_digest(&mut self, credentials: &str) -> Result<()> {
        let packet = AuthPacket {
            kind: 0,
            scheme: Some("digest".into()),
            auth: Some(credentials.as_bytes()),
        };
        let header = RequestHeader { xid: ReplyHeader::AUTH_XID, op: OpCode::Auth.code() };
        self.connection.queue(header, &encoded(&packet));
        self.connection.flush()?;
        self.reply()?.into_body().map(drop)
    }

    /// Creates a node open to all and returns its name as stored.
    ///
    /// # Errors
    /// The [`ErrorCode`] of the reply.
    pub fn create(&mut self, path: &str, data: &[u8], mode: CreateMode) -> Result<String> {
        let body = create_body(path, Some(data), mode);
        let answer = self.call(OpCode::Create, &body)?.into_body()?;
        Ok(reader(&answer).read::<Text<'_>>()?.into_owned())
    }

    /// Deletes a node of any version.
    ///
    /// # Errors
    /// The [`ErrorCode`] of the reply.
    pub fn delete(&mut self, path: &str) -> Result<()> {
        let body = encoded(&DeleteRequest { path: path.into(), version: -1 });
        self.call(OpCode::Delete, &body)?.into_body().map(drop)
    }

    /// Sets a node's data, whatever its version.
    ///
    /// # Errors
    /// The [`ErrorCode`] of the reply.
    pub fn set_data(&mut self, path: &str, data: &[u8]) -> Result<Stat> {
        let body = encoded(&SetDataRequest { path: path.into(), data: Some(data), version: -1 });
        let answer = self.call(OpCode::SetData, &body)?.into_body()?;
        Ok(reader(&answer).read()?)
    }

    /// A node's stat; `None` when it is absent. May leave a watch.
    ///
    /// # Errors
    /// Any other [`ErrorCode`] of the reply.
    pub fn exists(&mut self, path: &str, watch: bool) -> Result<Option<Stat>> {
        let answer = self.call(OpCode::Exists, &watch_body(path, watch))?;
        if answer.header.err == ErrorCode::NoNode.code() {
            return Ok(None);
        }
        Ok(Some(reader(&answer.into_body()?).read()?))
    }

    /// A node's data and stat. May leave a watch.
    ///
    /// # Errors
    /// The [`ErrorCode`] of the reply.
    pub fn get_data(&mut self, path: &str, watch: bool) -> Result<(Option<Vec<u8>>, Stat)> {
        let answer = self.call(OpCode::GetData, &watch_body(path, watch))?.into_body()?;
        let mut input = reader(&answer);
        let data: wire::Buffer<'_> = input.read()?;
        Ok((data.map(<[u8]>::to_vec), input.read()?))
    }

    /// The names of a node's children, sorted. May leave a watch.
    ///
    /// # Errors
    /// The [`ErrorCode`] of the reply.
    pub fn children(&mut self, path: &str, watch: bool) -> Result<Vec<String>> {
        let answer = self.call(OpCode::GetChildren, &watch_body(path, watch))?.into_body()?;
        let names: Vec<Text<'_>> = reader(&answer).read()?;
        let mut names: Vec<String> = names.into_iter().map(Text::into_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Ends the session and waits until the server has hung up.
    ///
    /// # Errors
    /// As [`Session::reply`].
    pub fn close(mut self) -> Result<()> {
        self.call(OpCode::CloseSession, &[])?.into_body()?;
        self.connection.drain_to_end().map(drop)
    }
}

/// The body of a create of a node open to all.
#[must_use]
pub fn create_body(path: &str, data: wire::Buffer<'_>, mode: CreateMode) -> Vec<u8> {
    let mut body = Vec::new();
    CreateRequest {
        op: OpCode::Create,
        path: path.into(),
        data,
        acl: Some(vec![Acl::world(Perms::ALL)]),
        flags: mode as i32,
        ttl_ms: 0,
    }
    .write(&mut body);
    body
}

/// The body of a read that may leave a watch.
#[must_use]
pub fn watch_body(path: &str, watch: bool) -> Vec<u8> {
    encoded(&WatchRequest { path: path.into(), watch })
}

/// The notification in a frame.
///
/// # Errors
/// When it holds none.
pub fn event(frame: &Frame) -> Result<WatcherEvent<'_>> {
    Ok(reader(&frame.body).read()?)
}
