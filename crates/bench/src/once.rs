//! Single requests, waited for: what stands before and after a load.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::connection::{Connection, Message, Reply};
use crate::decoder::Decoder;
use crate::encoder::{CreateMode, Encoder, text};
use crate::error::BenchError;
use crate::frame::{code, opcode};
use crate::target::Target;

/// A session that has one request outstanding at a time.
pub(crate) struct Once {
    connection: Connection<(), TcpStream>,
    patience: Duration,
}

impl Once {
    pub(crate) fn open(target: &Target) -> Result<Self, BenchError> {
        Ok(Self {
            connection: Connection::open(target.server(0), target.patience)?,
            patience: target.patience,
        })
    }

    /// Creates a znode; returns the name that the server gave it.
    pub(crate) fn create(
        &mut self,
        path: &str,
        value: &str,
        mode: CreateMode,
    ) -> Result<String, BenchError> {
        self.ask(opcode::CREATE, |e| e.create(text(path), text(value), mode))?;
        self.await_reply(|mut reply| {
            reply.succeeded("create")?;
            let name = reply.body.buffer()?;
            String::from_utf8(name.to_vec()).map_err(|_| BenchError::Malformed("path"))
        })
    }

    /// Creates an empty znode unless it exists.
    pub(crate) fn ensure(&mut self, path: &str) -> Result<(), BenchError> {
        match self.create(path, "", CreateMode::Persistent) {
            Ok(_) | Err(BenchError::Code { code: code::NODE_EXISTS, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The value of a znode.
    pub(crate) fn get(&mut self, path: &str) -> Result<Vec<u8>, BenchError> {
        self.ask(opcode::GET, |e| e.read(text(path), false))?;
        self.await_reply(|mut reply| {
            reply.succeeded("getData")?;
            reply.body.value_and_stat().map(<[u8]>::to_vec)
        })
    }

    /// Deletes a znode whatever its version; `false` if it is not there or has children.
    pub(crate) fn delete(&mut self, path: &str) -> Result<bool, BenchError> {
        self.ask(opcode::DELETE, |e| e.any_version(text(path)))?;
        self.await_reply(|reply| match reply.code {
            code::NOT_EMPTY | code::NO_NODE => Ok(false),
            _ => reply.succeeded("delete").map(|()| true),
        })
    }

    /// Sends a new value without waiting for the reply.
    pub(crate) fn begin_set(&mut self, path: &str, value: &str) -> Result<(), BenchError> {
        self.ask(opcode::SET, |e| e.set(text(path), text(value)))
    }

    /// Waits for the reply to [`begin_set`](Self::begin_set).
    pub(crate) fn end_set(&mut self) -> Result<(), BenchError> {
        self.await_reply(|mut reply| {
            reply.succeeded("setData")?;
            reply.body.stat().map(drop)
        })
    }

    /// Sends a ping; returns how long its answer took.
    pub(crate) fn ping(&mut self) -> Result<Duration, BenchError> {
        let sent = Instant::now();
        self.connection.ping();
        self.connection.flush()?;
        while sent.elapsed() < self.patience {
            self.connection.receive()?;
            match self.connection.next_message()? {
                Some(Message::Pong) => return Ok(sent.elapsed()),
                Some(Message::Event(_)) | None => {}
                Some(Message::Reply(_)) => return Err(BenchError::Unasked { found: 0 }),
            }
        }
        Err(BenchError::Silent(self.patience))
    }

    /// Ends the session.
    pub(crate) fn close(mut self) -> Result<(), BenchError> {
        self.connection.request_end();
        self.connection.flush()?;
        let sent = Instant::now();
        while !self.connection.ended() {
            if sent.elapsed() >= self.patience {
                return Err(BenchError::Silent(self.patience));
            }
            self.connection.receive()?;
            self.connection.read_end()?;
        }
        Ok(())
    }

    fn ask(&mut self, opcode: i32, body: impl FnOnce(&mut Encoder<'_>)) -> Result<(), BenchError> {
        self.connection.request(opcode, (), Instant::now(), body);
        self.connection.flush()
    }

    fn await_reply<R>(
        &mut self,
        read: impl FnOnce(Reply<'_, ()>) -> Result<R, BenchError>,
    ) -> Result<R, BenchError> {
        let begun = Instant::now();
        loop {
            // What came is looked at before more is waited for.
            match self.connection.next_message()? {
                Some(Message::Reply(reply)) => return read(reply),
                Some(Message::Event(_) | Message::Pong) => continue,
                None => {}
            }
            if begun.elapsed() >= self.patience {
                return Err(BenchError::Silent(self.patience));
            }
            self.connection.receive()?;
        }
    }
}

/// The names below a znode that a reply to getChildren2 lists.
pub(crate) fn names(mut body: Decoder<'_>) -> Result<(u32, &[u8]), BenchError> {
    let (count, names) = body.texts()?;
    let stat = body.stat()?;
    body.end()?;
    if u32::try_from(stat.children) == Ok(count) {
        return Ok((count, names));
    }
    Err(BenchError::Answer {
        operation: "getChildren2",
        what: "stat and list tell different numbers of children",
    })
}
