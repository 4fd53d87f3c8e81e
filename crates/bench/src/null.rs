//! The null server: the ceiling that a real server can approach.
//!
//! It does what every server must and nothing else: takes frames apart, gives out sessions, answers reads with a constant, and
//! for writes appends the request to a file that is there already and calls fdatasync, once for all that one turn of its event
//! loop has collected. It remembers no znode, so a load against it must not check values.

mod answer;
mod client;
mod log;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Events, Interest, Poll, Token, Waker};

use self::answer::{Answers, Effect};
use self::client::Client;
use self::log::Log;
use crate::encoder::Encoder;
use crate::error::BenchError;
use crate::frame::EVENT_XID;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// How a null server is set up.
#[derive(Debug, Clone)]
pub struct NullSettings {
    /// Where it listens; port 0 lets the system choose.
    pub address: SocketAddr,
    /// The directory of its file.
    pub dir: PathBuf,
    /// Length of the value that every read answers, in bytes.
    pub value_bytes: usize,
}

/// A server that remembers nothing.
pub struct NullServer {
    poll: Poll,
    listener: mio::net::TcpListener,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    log: Log,
    answers: Answers,
    /// Clients whose writes of this turn are not on disk.
    waiting: Vec<usize>,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

/// Stops a null server from another thread.
#[derive(Clone)]
pub struct NullStopper {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl NullStopper {
    /// Ends [`NullServer::serve`] after its turn.
    ///
    /// # Errors
    /// When the server cannot be woken.
    pub fn stop(&self) -> Result<(), BenchError> {
        self.stop.store(true, Ordering::Release);
        Ok(self.waker.wake()?)
    }
}

impl NullServer {
    /// Listens, and makes the file.
    ///
    /// # Errors
    /// When the address is taken or the file cannot be written.
    pub fn bind(settings: &NullSettings) -> Result<Self, BenchError> {
        let listener = TcpListener::bind(settings.address)?;
        // The standard library asks for a queue of 128 connections; a burst of sessions needs more.
        rustix::net::listen(&listener, 4096).map_err(io::Error::from)?;
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            listener,
            clients: Vec::new(),
            free: Vec::new(),
            log: Log::create(&settings.dir)?,
            answers: Answers::new(settings.value_bytes),
            waiting: Vec::new(),
            stop: Arc::default(),
            waker,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr, BenchError> {
        Ok(self.listener.local_addr()?)
    }

    /// Its off switch.
    #[must_use]
    pub fn stopper(&self) -> NullStopper {
        NullStopper { stop: Arc::clone(&self.stop), waker: Arc::clone(&self.waker) }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When the file cannot be written or the system fails; what a client does wrong costs only its connection.
    pub fn serve(&mut self) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(4096);
        while !self.stop.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    WAKER => {}
                    Token(place) => self.turn(place),
                }
            }
            self.log.sync()?;
            while let Some(place) = self.waiting.pop() {
                self.send(place);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), BenchError> {
        loop {
            match self.listener.accept() {
                Ok((mut socket, _)) => {
                    socket.set_nodelay(true)?;
                    let place = self.free.pop().unwrap_or(self.clients.len());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut socket, Token(place), interest)?;
                    if place == self.clients.len() {
                        self.clients.push(None);
                    }
                    self.clients[place] = Some(Client::new(socket));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers all that a client has sent; what waits for the disk is sent at the end of the turn.
    fn turn(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let open = client.receive();
        let mut writes = false;
        let mut changed = None;
        while let Ok(Some(effect)) = client.answer_next(&mut self.answers, &mut self.log) {
            match effect {
                Effect::Read => {}
                Effect::Write => writes = true,
                Effect::Changed(path) => {
                    writes = true;
                    changed = Some(path);
                }
            }
        }
        if !open || client.is_broken() {
            return self.drop_client(place);
        }
        if writes {
            self.waiting.push(place);
        } else {
            self.send(place);
        }
        if let Some(path) = changed {
            self.fire(&path);
        }
    }

    /// Tells everybody who watches `path`, once the change is on disk.
    fn fire(&mut self, path: &[u8]) {
        for (place, client) in self.clients.iter_mut().enumerate() {
            let Some(client) = client else { continue };
            if !client.fires(path) {
                continue;
            }
            Encoder::new(client.output()).frame(|e| {
                e.int(EVENT_XID);
                e.long(-1);
                e.int(0);
                e.int(3);
                e.int(3);
                e.buffer(path);
            });
            self.waiting.push(place);
        }
    }

    fn send(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        if client.send().is_err() || client.is_finished() {
            self.drop_client(place);
        }
    }

    fn drop_client(&mut self, place: usize) {
        if self.clients[place].take().is_some() {
            self.free.push(place);
        }
    }
}
