//! Single requests, waited for: what stands before and after a load.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::error::BenchError;
use crate::frame::{CreateMode, Decoder, Encoder, Operation};
use crate::load::Load;

/// A session that has one request outstanding at a time.
pub(crate) struct Once {
    connection: Connection<TcpStream>,
    patience: Duration,
}

impl Once {
    pub(crate) fn open(load: &Load) -> Result<Self, BenchError> {
        Ok(Self {
            connection: Connection::open(load.server, 0, load.patience)?,
            patience: load.patience,
        })
    }

    /// Creates an empty znode; returns the name that the server gave it.
    pub(crate) fn create(&mut self, path: &str, mode: CreateMode) -> Result<String, BenchError> {
        let body = self
            .exchange(Operation::Create, |mut encoder, xid| encoder.create(xid, path, b"", mode))?;
        let name = Decoder::new(&body, "reply").string()?;
        String::from_utf8(name.to_vec()).map_err(|_| BenchError::Malformed("path"))
    }

    /// Deletes a znode whatever its version.
    pub(crate) fn delete(&mut self, path: &str) -> Result<(), BenchError> {
        self.exchange(Operation::Delete, |mut encoder, xid| encoder.delete(xid, path)).map(drop)
    }

    /// Ends the session.
    pub(crate) fn close(mut self) -> Result<(), BenchError> {
        self.exchange(Operation::Close, |mut encoder, xid| encoder.close(xid)).map(drop)
    }

    fn exchange(
        &mut self,
        operation: Operation,
        encode: impl FnOnce(Encoder<'_>, i32),
    ) -> Result<Vec<u8>, BenchError> {
        let sent = Instant::now();
        self.connection.request(operation, sent, encode);
        self.connection.flush()?;
        while sent.elapsed() < self.patience {
            self.connection.receive()?;
            if let Some(reply) = self.connection.next_reply()? {
                return Ok(reply.body.to_vec());
            }
        }
        Err(BenchError::Silent(self.patience))
    }
}
