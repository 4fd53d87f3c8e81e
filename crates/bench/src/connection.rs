use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::error::BenchError;
use crate::frame::{EVENT_XID, PING_XID, REPLY_HEADER_BYTES, code, opcode};
use crate::input::{Input, READ_BYTES_MAX};

/// Asked of the server; far longer than any pause of a busy connection, so that it needs no pings.
const SESSION_TIMEOUT_MS: i32 = 30_000;
/// Read at once from the socket of a session in a crowd.
const IDLE_READ_BYTES: usize = 512;

/// A request without a reply.
#[derive(Debug)]
struct Outstanding<T> {
    xid: i32,
    since: Instant,
    tag: T,
}

/// What a server sends.
pub(crate) enum Message<'a, T> {
    /// The answer to the oldest request.
    Reply(Reply<'a, T>),
    /// A watch fired: type, state and path.
    Event(Decoder<'a>),
    /// The answer to a ping.
    Pong,
}

/// The answer to a request. Its xid and zxid are checked, its error code and body are not.
pub(crate) struct Reply<'a, T> {
    /// What the sender attached to the request.
    pub(crate) tag: T,
    /// The time from which the latency counts.
    pub(crate) since: Instant,
    /// Zero, or an error code.
    pub(crate) code: i32,
    pub(crate) body: Decoder<'a>,
}

impl<T> Reply<'_, T> {
    /// An error if the server answered with one.
    #[inline]
    pub(crate) fn succeeded(&self, operation: &'static str) -> Result<(), BenchError> {
        if self.code == code::OK {
            Ok(())
        } else {
            Err(BenchError::Code { operation, code: self.code })
        }
    }
}

/// One session on its own socket: `mio`'s under load, a blocking one for single requests. `T` is what is remembered of a request
/// until its reply comes.
pub(crate) struct Connection<T, S = TcpStream> {
    socket: S,
    input: Input,
    output: Vec<u8>,
    outstanding: VecDeque<Outstanding<T>>,
    last_xid: i32,
    last_zxid: i64,
    session_timeout: Duration,
    end: End,
}

/// How far a session's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Far,
    /// closeSession was sent with this xid.
    Asked(i32),
    Over,
}

impl<T> Connection<T, std::net::TcpStream> {
    /// Connects and opens a session, blocking for at most `patience` per step.
    pub(crate) fn open(server: SocketAddr, patience: Duration) -> Result<Self, BenchError> {
        let socket = std::net::TcpStream::connect_timeout(&server, patience)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        let mut connection = Self::over(socket, READ_BYTES_MAX);
        connection.greet();
        connection.flush()?;
        let begun = Instant::now();
        while begun.elapsed() < patience {
            connection.receive()?;
            if connection.granted()? {
                return Ok(connection);
            }
        }
        Err(BenchError::Silent(patience))
    }

    /// Gives a session to an event loop.
    pub(crate) fn into_nonblocking(self) -> Result<Connection<T>, BenchError> {
        self.socket.set_nonblocking(true)?;
        Ok(Connection {
            socket: TcpStream::from_std(self.socket),
            input: self.input,
            output: self.output,
            outstanding: self.outstanding,
            last_xid: self.last_xid,
            last_zxid: self.last_zxid,
            session_timeout: self.session_timeout,
            end: self.end,
        })
    }
}

impl<T> Connection<T> {
    /// Begins to connect; the session is asked for with [`greet`](Self::greet).
    pub(crate) fn begin(server: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(TcpStream::connect(server)?, IDLE_READ_BYTES))
    }
}

impl<T, S: Read + Write> Connection<T, S> {
    fn over(socket: S, read_bytes: usize) -> Self {
        Self {
            socket,
            input: Input::new(read_bytes),
            output: Vec::new(),
            outstanding: VecDeque::new(),
            last_xid: 0,
            last_zxid: 0,
            session_timeout: Duration::ZERO,
            end: End::Far,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    #[inline]
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// What the server granted.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.session_timeout
    }

    /// Queues the request for a session.
    pub(crate) fn greet(&mut self) {
        Encoder::new(&mut self.output).connect(SESSION_TIMEOUT_MS);
    }

    /// Whether the answer to [`greet`](Self::greet) has come.
    pub(crate) fn granted(&mut self) -> Result<bool, BenchError> {
        let Some(payload) = self.input.next_frame()? else {
            return Ok(false);
        };
        let timeout_ms = Decoder::new(payload, "connect response").connect_response()?;
        self.session_timeout = Duration::from_millis(timeout_ms.into());
        Ok(true)
    }

    /// Queues a request; `body` writes what follows its header.
    #[inline]
    pub(crate) fn request(
        &mut self,
        opcode: i32,
        tag: T,
        since: Instant,
        body: impl FnOnce(&mut Encoder<'_>),
    ) {
        let xid = self.next_xid();
        Encoder::new(&mut self.output).request(xid, opcode, body);
        self.outstanding.push_back(Outstanding { xid, since, tag });
    }

    /// Queues the end of the session. Nothing may be outstanding, and nothing can be asked any more.
    pub(crate) fn request_end(&mut self) {
        let xid = self.next_xid();
        Encoder::new(&mut self.output).request(xid, opcode::CLOSE, |_| ());
        self.end = End::Asked(xid);
    }

    /// Reads the answer to [`request_end`](Self::request_end), if it is there.
    pub(crate) fn read_end(&mut self) -> Result<(), BenchError> {
        while let (End::Asked(expected), Some(payload)) = (self.end, self.input.next_frame()?) {
            let header = Decoder::new(payload, "reply").reply_header()?;
            match header.xid {
                EVENT_XID | PING_XID => {}
                xid if xid != expected => return Err(BenchError::Order { expected, found: xid }),
                _ if header.code != code::OK => {
                    return Err(BenchError::Code { operation: "closeSession", code: header.code });
                }
                _ => self.end = End::Over,
            }
        }
        Ok(())
    }

    /// Whether the server has confirmed the session's end.
    pub(crate) fn ended(&self) -> bool {
        self.end == End::Over
    }

    fn next_xid(&mut self) -> i32 {
        // The Java client wraps round to 1 as well.
        self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
        self.last_xid
    }

    /// Queues a ping.
    pub(crate) fn ping(&mut self) {
        Encoder::new(&mut self.output).ping();
    }

    /// Sends as much of what is queued as the socket takes.
    pub(crate) fn flush(&mut self) -> Result<(), BenchError> {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.socket.write(&self.output[sent..]) {
                Ok(0) => return Err(self.closed()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.output.drain(..sent);
        Ok(())
    }

    /// Takes in what the socket has; it is then read with [`next_message`](Self::next_message).
    pub(crate) fn receive(&mut self) -> Result<(), BenchError> {
        match self.input.fill(&mut self.socket) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.closed()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole message. A reply is checked against the oldest request, which it must belong to.
    #[inline]
    pub(crate) fn next_message(&mut self) -> Result<Option<Message<'_, T>>, BenchError> {
        let Some(payload) = self.input.next_frame()? else {
            return Ok(None);
        };
        let header = Decoder::new(payload, "reply").reply_header()?;
        let body = Decoder::new(&payload[REPLY_HEADER_BYTES..], "reply");
        match header.xid {
            EVENT_XID => return Ok(Some(Message::Event(body))),
            PING_XID => return Ok(Some(Message::Pong)),
            _ => {}
        }
        let request =
            self.outstanding.pop_front().ok_or(BenchError::Unasked { found: header.xid })?;
        if header.xid != request.xid {
            return Err(BenchError::Order { expected: request.xid, found: header.xid });
        }
        if header.zxid < self.last_zxid {
            return Err(BenchError::ZxidFell { before: self.last_zxid, after: header.zxid });
        }
        self.last_zxid = header.zxid;
        let (tag, since) = (request.tag, request.since);
        Ok(Some(Message::Reply(Reply { tag, since, code: header.code, body })))
    }

    fn closed(&self) -> BenchError {
        BenchError::Closed { outstanding: self.outstanding.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::text;

    /// A peer that has sent these bytes and takes any.
    struct Peer(io::Cursor<Vec<u8>>);

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Sends two deletes, then reads `replies`, each an (xid, zxid, error code).
    fn after_two_deletes(replies: &[(i32, i64, i32)]) -> Result<usize, BenchError> {
        let mut stream = Vec::new();
        for (xid, zxid, code) in replies {
            stream.extend_from_slice(&16_i32.to_be_bytes());
            stream.extend_from_slice(&xid.to_be_bytes());
            stream.extend_from_slice(&zxid.to_be_bytes());
            stream.extend_from_slice(&code.to_be_bytes());
        }
        let mut connection = Connection::over(Peer(io::Cursor::new(stream)), IDLE_READ_BYTES);
        for _ in 0..2 {
            connection.request(opcode::DELETE, (), Instant::now(), |e| e.any_version(text("/a")));
        }
        connection.flush()?;
        connection.receive()?;
        while let Some(message) = connection.next_message()? {
            if let Message::Reply(reply) = message {
                reply.succeeded("delete")?;
            }
        }
        Ok(connection.outstanding())
    }

    #[test]
    fn replies_in_order_pass() {
        assert_eq!(after_two_deletes(&[(1, 5, 0), (2, 5, 0)]).unwrap(), 0);
    }

    #[test]
    fn pings_and_events_answer_no_request() {
        assert_eq!(after_two_deletes(&[(-2, 5, 0), (1, 5, 0), (-1, -1, 0)]).unwrap(), 1);
    }

    #[test]
    fn a_reply_out_of_order_is_found() {
        let found = after_two_deletes(&[(2, 5, 0), (1, 5, 0)]);
        assert!(matches!(found, Err(BenchError::Order { expected: 1, found: 2 })), "{found:?}");
    }

    #[test]
    fn a_reply_too_many_is_found() {
        let found = after_two_deletes(&[(1, 5, 0), (2, 6, 0), (3, 7, 0)]);
        assert!(matches!(found, Err(BenchError::Unasked { found: 3 })), "{found:?}");
    }

    #[test]
    fn a_zxid_that_falls_is_found() {
        let found = after_two_deletes(&[(1, 5, 0), (2, 4, 0)]);
        assert!(matches!(found, Err(BenchError::ZxidFell { before: 5, after: 4 })), "{found:?}");
    }

    #[test]
    fn an_error_code_is_found() {
        let found = after_two_deletes(&[(1, 5, -101)]);
        assert!(
            matches!(found, Err(BenchError::Code { operation: "delete", code: -101 })),
            "{found:?}"
        );
    }
}
