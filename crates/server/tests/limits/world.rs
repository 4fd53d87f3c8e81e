//! A server of the test's own, and a client that sends what the test says.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base::{SessionId, Zxid};
use server::Server;
use server::config::{ServerConfig, Words};
use tempfile::TempDir;
use wire::{
    AuthPacket, ConnectRequest, CreateRequest, Limits, OpCode, Reader, Record, ReplyHeader,
    RequestHeader, SetDataRequest, WatchRequest,
};

/// How long anything may take that the test waits for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running server with its data; both go with it.
pub struct World {
    server: Option<Server>,
    pub address: SocketAddr,
    _data: TempDir,
}

impl World {
    /// Starts a server, its configuration changed as the test likes.
    pub fn new(change: impl FnOnce(&mut ServerConfig)) -> World {
        let data = tempfile::tempdir().unwrap();
        let ip = Ipv4Addr::LOCALHOST.into();
        let mut config = ServerConfig::with_defaults(Some(ip), 0, data.path().to_owned());
        config.words = Words::All;
        config.txn_log.pre_alloc_kb = 64;
        change(&mut config);
        let server = Server::start(&config).unwrap();
        World { address: server.address(), server: Some(server), _data: data }
    }

    /// A client that has said nothing yet.
    pub fn open(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Client { socket, out: Vec::new(), xid: 0 }
    }

    /// A client with a session.
    pub fn client(&self) -> Client {
        let mut client = self.open();
        assert!(client.shakes_hands(), "no session");
        client
    }

    /// The answer to a four-letter word.
    pub fn word(&self, word: &str) -> String {
        let mut client = self.open();
        client.socket.write_all(word.as_bytes()).unwrap();
        let mut answer = String::new();
        client.socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The value of a metric in `mntr`.
    pub fn metric(&self, name: &str) -> i64 {
        let answer = self.word("mntr");
        let mut lines =
            answer.lines().filter_map(|line| line.strip_prefix("zk_")?.split_once('\t'));
        lines.find(|(key, _)| *key == name).unwrap().1.parse().unwrap()
    }

    /// Waits until something shows in the answer to a word.
    pub fn await_word<T>(&self, word: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            let answer = self.word(word);
            if let Some(found) = find(&answer) {
                return found;
            }
            assert!(Instant::now() < end, "never came to pass in {word}: {answer}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.take().into_iter().for_each(Server::stop);
    }
}

/// A reply, or an event.
#[derive(Debug)]
pub struct Reply {
    pub header: ReplyHeader,
    pub body: Vec<u8>,
}

impl Reply {
    /// The data of an answer to getData.
    pub fn data(&self) -> &[u8] {
        let len = u32::from_be_bytes(*self.body.first_chunk().unwrap()) as usize;
        &self.body[4..4 + len]
    }
}

/// A client's socket, with requests to be sent at once.
pub struct Client {
    pub socket: TcpStream,
    out: Vec<u8>,
    xid: i32,
}

impl Client {
    /// Asks for a session; whether there is an answer.
    pub fn shakes_hands(&mut self) -> bool {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid::ZERO,
            timeout_ms: 30_000,
            session: SessionId::NONE,
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        let start = wire::begin_frame(&mut self.out);
        request.write(&mut self.out);
        wire::end_frame(&mut self.out, start);
        self.flush();
        self.frame().is_some()
    }

    /// The same connection, for another thread.
    pub fn twin(&self) -> Client {
        Client { socket: self.socket.try_clone().unwrap(), out: Vec::new(), xid: 0 }
    }

    /// Adds a request to those to be sent.
    pub fn ask(&mut self, op: OpCode, body: impl FnOnce(&mut Vec<u8>)) -> i32 {
        self.xid += 1;
        let start = wire::begin_frame(&mut self.out);
        RequestHeader { xid: self.xid, op: op.code() }.write(&mut self.out);
        body(&mut self.out);
        wire::end_frame(&mut self.out, start);
        self.xid
    }

    pub fn ask_create(&mut self, path: &str, data: &[u8]) {
        let world = wire::Acl { perms: 31, id: wire::Id::new("world", "anyone") };
        let (op, path) = (OpCode::Create, path.into());
        let (data, acl) = (Some(data), Some(vec![world]));
        let request = CreateRequest { op, path, data, acl, flags: 0, ttl_ms: 0 };
        self.ask(op, |out| request.write(out));
    }

    pub fn ask_set(&mut self, path: &str, data: &[u8]) -> i32 {
        let request = SetDataRequest { path: path.into(), data: Some(data), version: -1 };
        self.ask(OpCode::SetData, |out| request.write(out))
    }

    pub fn ask_data(&mut self, path: &str) -> i32 {
        let request = WatchRequest { path: path.into(), watch: false };
        self.ask(OpCode::GetData, |out| request.write(out))
    }

    pub fn ask_auth(&mut self, name: &str) {
        let packet =
            AuthPacket { kind: 0, scheme: Some("digest".into()), auth: Some(name.as_bytes()) };
        self.ask(OpCode::Auth, |out| packet.write(out));
    }

    /// Sends what was asked.
    pub fn flush(&mut self) {
        // The server may have ended the connection: that shows in what comes back.
        let _ = self.socket.write_all(&self.out);
        self.out.clear();
    }

    /// The next reply; none if the server has ended the connection.
    pub fn reply(&mut self) -> Option<Reply> {
        let frame = self.frame()?;
        let mut input = Reader::new(&frame, Limits::default());
        Some(Reply { header: input.read().unwrap(), body: input.rest().to_vec() })
    }

    /// Sends, and expects one reply without an error.
    pub fn done(&mut self) -> Reply {
        self.flush();
        let reply = self.reply().unwrap();
        assert_eq!(reply.header.err, 0);
        reply
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let mut len = [0; 4];
        self.fill(&mut len)?;
        let mut payload = vec![0; u32::from_be_bytes(len) as usize];
        self.fill(&mut payload)?;
        Some(payload)
    }

    /// None when the connection has ended; a server that neither answers nor ends it is a failure.
    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.socket.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) => {
                let waited = std::io::ErrorKind::WouldBlock;
                assert_ne!(error.kind(), waited, "no answer in time");
                None
            }
        }
    }
}
