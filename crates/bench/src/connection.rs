use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::error::BenchError;
use crate::frame::{Decoder, Encoder, FRAME_HEADER_BYTES, Operation, first_frame};

/// Asked of the server; far longer than any pause of a busy connection, so that no pings are needed.
const SESSION_TIMEOUT_MS: i32 = 30_000;
/// Read from a socket at once; a reply longer than this grows the buffer only as its bytes come in.
const READ_BYTES: usize = 64 * 1024;

/// A request without a reply.
#[derive(Debug)]
struct Outstanding {
    xid: i32,
    operation: Operation,
    sent: Instant,
}

/// One checked reply.
pub(crate) struct Reply<'a> {
    /// The body, already checked for its operation.
    pub(crate) body: &'a [u8],
    /// When the request was encoded.
    pub(crate) sent: Instant,
}

/// One session on its own socket: `mio`'s under load, a blocking one for single requests.
pub(crate) struct Connection<S = TcpStream> {
    socket: S,
    input: Input,
    output: Vec<u8>,
    outstanding: VecDeque<Outstanding>,
    last_xid: i32,
    last_zxid: i64,
    value_bytes: usize,
}

impl Connection<std::net::TcpStream> {
    /// Connects and opens a session, blocking for at most `patience` per step.
    pub(crate) fn open(
        server: SocketAddr,
        value_bytes: usize,
        patience: Duration,
    ) -> Result<Self, BenchError> {
        let mut socket = std::net::TcpStream::connect_timeout(&server, patience)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        shake_hands(&mut socket, patience)?;
        Ok(Self::over(socket, value_bytes))
    }

    /// Gives a fresh session to an event loop.
    pub(crate) fn into_nonblocking(self) -> Result<Connection, BenchError> {
        self.socket.set_nonblocking(true)?;
        Ok(Connection::over(TcpStream::from_std(self.socket), self.value_bytes))
    }
}

impl<S: Read + Write> Connection<S> {
    /// A session just granted.
    fn over(socket: S, value_bytes: usize) -> Self {
        Self {
            socket,
            input: Input::default(),
            output: Vec::new(),
            outstanding: VecDeque::new(),
            last_xid: 0,
            last_zxid: 0,
            value_bytes,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Queues a request; `encode` is given its xid.
    pub(crate) fn request(
        &mut self,
        operation: Operation,
        sent: Instant,
        encode: impl FnOnce(Encoder<'_>, i32),
    ) {
        // The Java client wraps round to 1 as well.
        self.last_xid = self.last_xid.checked_add(1).unwrap_or(1);
        encode(Encoder::new(&mut self.output), self.last_xid);
        self.outstanding.push_back(Outstanding { xid: self.last_xid, operation, sent });
    }

    /// Sends as much of the queued requests as the socket takes.
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

    /// Takes in what the socket has; the replies are then read with [`next_reply`](Self::next_reply).
    pub(crate) fn receive(&mut self) -> Result<(), BenchError> {
        match self.input.fill(&mut self.socket) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.closed()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next whole reply, checked against the request that it must belong to.
    pub(crate) fn next_reply(&mut self) -> Result<Option<Reply<'_>>, BenchError> {
        let Some(payload) = self.input.next_frame()? else {
            return Ok(None);
        };
        let mut decoder = Decoder::new(payload, "reply");
        let header = decoder.reply_header()?;
        let request =
            self.outstanding.pop_front().ok_or(BenchError::Unasked { found: header.xid })?;
        if header.xid != request.xid {
            return Err(BenchError::Order { expected: request.xid, found: header.xid });
        }
        if header.code != 0 {
            return Err(BenchError::Code {
                operation: request.operation.name(),
                code: header.code,
            });
        }
        if header.zxid < self.last_zxid {
            return Err(BenchError::ZxidFell { before: self.last_zxid, after: header.zxid });
        }
        self.last_zxid = header.zxid;
        let body = &payload[16..];
        decoder.body(request.operation, self.value_bytes)?;
        Ok(Some(Reply { body, sent: request.sent }))
    }

    fn closed(&self) -> BenchError {
        BenchError::Closed { outstanding: self.outstanding.len() }
    }
}

/// Opens a session on a socket that still blocks, up to `patience` as set on it.
fn shake_hands(socket: &mut std::net::TcpStream, patience: Duration) -> Result<(), BenchError> {
    let mut request = Vec::new();
    Encoder::new(&mut request).connect(SESSION_TIMEOUT_MS);
    socket.write_all(&request)?;
    let mut input = Input::default();
    loop {
        if let Some(payload) = input.next_frame()? {
            return Decoder::new(payload, "connect response").connect_response();
        }
        match input.fill_once(socket)? {
            None => return Err(BenchError::Silent(patience)),
            Some(0) => return Err(BenchError::Closed { outstanding: 0 }),
            Some(_) => {}
        }
    }
}

/// Bytes received, and how far frames were taken from them.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Input {
    /// Reads until the socket is empty; `false` at its end.
    fn fill(&mut self, socket: &mut impl Read) -> io::Result<bool> {
        loop {
            match self.fill_once(socket)? {
                Some(0) => return Ok(false),
                // A read that leaves room found the end of what there was, and epoll tells of everything later: no second
                // call is needed to hear "would block".
                Some(_) if self.filled < self.bytes.len() => return Ok(true),
                Some(_) => {}
                None => return Ok(true),
            }
        }
    }

    /// One read; `None` when the socket would block.
    fn fill_once(&mut self, socket: &mut impl Read) -> io::Result<Option<usize>> {
        self.make_room();
        match socket.read(&mut self.bytes[self.filled..]) {
            Ok(count) => {
                self.filled += count;
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.fill_once(socket),
            Err(error) => Err(error),
        }
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.bytes.len() - self.filled < READ_BYTES / 2 {
            self.bytes.resize(self.filled + READ_BYTES, 0);
        }
    }

    fn next_frame(&mut self) -> Result<Option<&[u8]>, BenchError> {
        let unread = &self.bytes[self.taken..self.filled];
        let frame = first_frame(unread)?;
        self.taken += frame.map_or(0, |payload| FRAME_HEADER_BYTES + payload.len());
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its chunks one read at a time, then blocks.
    struct Chunks(VecDeque<Vec<u8>>);

    impl Read for Chunks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let chunk = self.0.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
            buffer[..chunk.len()].copy_from_slice(&chunk);
            Ok(chunk.len())
        }
    }

    impl Write for Chunks {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Sends two deletes, then reads `replies`, each an (xid, zxid, error code).
    fn after_two_deletes(replies: &[(i32, i64, i32)]) -> Result<(), BenchError> {
        let mut stream = Vec::new();
        for (xid, zxid, code) in replies {
            stream.extend_from_slice(&16_i32.to_be_bytes());
            stream.extend_from_slice(&xid.to_be_bytes());
            stream.extend_from_slice(&zxid.to_be_bytes());
            stream.extend_from_slice(&code.to_be_bytes());
        }
        let mut connection = Connection::over(Chunks([stream].into()), 0);
        for _ in 0..2 {
            connection.request(Operation::Delete, Instant::now(), |mut encoder, xid| {
                encoder.delete(xid, "/a")
            });
        }
        connection.flush()?;
        connection.receive()?;
        while connection.next_reply()?.is_some() {}
        assert_eq!(connection.outstanding(), 0);
        Ok(())
    }

    #[test]
    fn replies_in_order_pass() {
        after_two_deletes(&[(1, 5, 0), (2, 5, 0)]).unwrap();
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

    #[test]
    fn frames_cut_anywhere_come_out_whole() {
        let stream = [&[0, 0, 0, 3][..], b"one", &[0, 0, 0, 0], &[0, 0, 0, 5], b"three"].concat();
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let mut input = Input::default();
            let mut frames = Vec::new();
            for chunk in [head, tail].into_iter().filter(|chunk| !chunk.is_empty()) {
                assert!(input.fill(&mut Chunks([chunk.to_vec()].into())).unwrap());
                while let Some(frame) = input.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&b"one"[..], b"", b"three"], "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_longer_than_one_read_grows_the_buffer() {
        let body = vec![7; 3 * READ_BYTES];
        let stream = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat();
        let mut input = Input::default();
        for chunk in stream.chunks(READ_BYTES / 3) {
            assert!(input.next_frame().unwrap().is_none());
            assert!(input.fill(&mut Chunks([chunk.to_vec()].into())).unwrap());
        }
        assert_eq!(input.next_frame().unwrap(), Some(&body[..]));
    }

    #[test]
    fn the_end_of_the_stream_is_told() {
        assert!(!Input::default().fill(&mut io::empty()).unwrap());
    }
}
