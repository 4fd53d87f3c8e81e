//! Many sessions at once, each of which does little.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::connection::{Connection, Message, Reply};
use crate::decoder::Decoder;
use crate::error::BenchError;
use crate::measure::{Moment, Watch, in_us, new_histogram};
use crate::phase::poll;
use crate::target::Target;

/// Requests that one session has outstanding.
const OUTSTANDING: usize = 64;
/// How often it is looked whether a session is to be pinged.
const PING_CHECK: Duration = Duration::from_millis(100);

/// What the sessions of a crowd do together.
pub(crate) trait Errand {
    /// Queues the next request of a session; `false` if it has none.
    fn ask(&mut self, index: usize, connection: &mut Connection<u64>, since: Instant) -> bool;

    /// Checks a reply.
    fn answer(&mut self, index: usize, reply: Reply<'_, u64>) -> Result<(), BenchError>;

    /// Takes an event that came `now`.
    fn event(
        &mut self,
        _index: usize,
        _event: Decoder<'_>,
        _now: Instant,
    ) -> Result<(), BenchError> {
        Ok(())
    }

    /// Whether all is done.
    fn is_done(&self) -> bool;

    /// How long to rest before looking for messages again.
    fn rest(&self) -> Duration {
        Duration::ZERO
    }
}

/// An errand with nothing to do.
struct Resting;

impl Errand for Resting {
    fn ask(&mut self, _: usize, _: &mut Connection<u64>, _: Instant) -> bool {
        false
    }

    fn answer(&mut self, _: usize, _: Reply<'_, u64>) -> Result<(), BenchError> {
        Ok(())
    }

    fn is_done(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for TCP and then for the session; since when.
    Opening(Instant),
    /// Was sent something last.
    Open(Instant),
    /// Refused, or cut off while it opened.
    Gone,
}

struct Member {
    connection: Connection<u64>,
    state: State,
    greeted: bool,
}

/// Sessions on one event loop. They are pinged, and stay open until they are [closed](Self::close).
pub struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    next_ping: Instant,
    patience: Duration,
}

/// How the opening of a crowd went.
#[derive(Debug)]
pub(crate) struct Opened {
    /// From the first connect to the last session granted.
    pub(crate) elapsed: Duration,
    /// Of each session, from its connect.
    pub(crate) latency_us: Histogram<u64>,
    /// Connections that were refused or closed before they had a session.
    pub(crate) refused: u64,
}

impl Crowd {
    /// Opens `count` sessions, at most `in_flight` at a time.
    pub(crate) fn open(
        target: &Target,
        count: usize,
        in_flight: usize,
        watch: Watch<'_>,
    ) -> Result<(Self, Opened), BenchError> {
        let begun = Instant::now();
        let mut crowd = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(4096),
            members: Vec::with_capacity(count),
            next_ping: begun,
            patience: target.patience,
        };
        let opened = Opened { elapsed: Duration::ZERO, latency_us: new_histogram(), refused: 0 };
        let mut opening = Opening { opened, begun, in_flight: 0, told: 0, watch };
        let mut last_progress = begun;
        while opening.done() < count {
            while opening.in_flight < in_flight && crowd.members.len() < count {
                opening.in_flight += 1;
                crowd.connect(target)?;
            }
            let before = opening.done();
            crowd.wait()?;
            let events = std::mem::replace(&mut crowd.events, Events::with_capacity(0));
            for event in &events {
                crowd.advance(event.token().0, &mut opening)?;
            }
            crowd.events = events;
            opening.tell();
            if opening.done() > before {
                last_progress = Instant::now();
            } else if last_progress.elapsed() > crowd.patience {
                return Err(BenchError::Silent(crowd.patience));
            }
        }
        Ok((crowd, opening.opened))
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.iter().filter(|member| matches!(member.state, State::Open(_))).count()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the sessions alive until `stop` says so; it is asked several times a second.
    ///
    /// # Errors
    /// When the server closes a session.
    pub fn hold(&mut self, stop: &mut dyn FnMut() -> bool) -> Result<(), BenchError> {
        while !stop() {
            self.wait()?;
            self.take_events(&mut Resting)?;
        }
        Ok(())
    }

    /// Ends all sessions.
    ///
    /// # Errors
    /// When the server does not confirm it.
    pub fn close(mut self) -> Result<(), BenchError> {
        self.members.retain(|member| matches!(member.state, State::Open(_)));
        for (index, member) in self.members.iter_mut().enumerate() {
            member.connection.request_end();
            let interest = Interest::READABLE | Interest::WRITABLE;
            // Indices have moved.
            self.poll.registry().reregister(member.connection.socket(), Token(index), interest)?;
            member.connection.flush()?;
        }
        let mut last_heard = Instant::now();
        let mut left = self.members.len();
        while left > 0 {
            poll(&mut self.poll, &mut self.events, PING_CHECK)?;
            for event in &self.events {
                let connection = &mut self.members[event.token().0].connection;
                if connection.ended() {
                    continue;
                }
                connection.receive()?;
                connection.read_end()?;
                if connection.ended() {
                    left -= 1;
                    last_heard = Instant::now();
                }
            }
            if last_heard.elapsed() > self.patience {
                return Err(BenchError::Silent(self.patience));
            }
        }
        Ok(())
    }

    /// Lets every session ask what the errand has for it, and goes on until it is done.
    pub(crate) fn run(&mut self, errand: &mut impl Errand) -> Result<(), BenchError> {
        for index in 0..self.members.len() {
            self.ask(index, errand)?;
        }
        let mut last_heard = Instant::now();
        while !errand.is_done() {
            if !errand.rest().is_zero() {
                std::thread::sleep(errand.rest());
            }
            self.wait()?;
            if self.take_events(errand)? {
                last_heard = Instant::now();
            } else if last_heard.elapsed() > self.patience {
                return Err(BenchError::Silent(self.patience));
            }
        }
        Ok(())
    }

    fn connect(&mut self, target: &Target) -> Result<(), BenchError> {
        let token = Token(self.members.len());
        let mut connection = Connection::begin(target.server(token.0))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(connection.socket(), token, interest)?;
        let state = State::Opening(Instant::now());
        self.members.push(Member { connection, state, greeted: false });
        Ok(())
    }

    /// One step of a session that opens.
    fn advance(&mut self, index: usize, opening: &mut Opening<'_>) -> Result<(), BenchError> {
        let member = &mut self.members[index];
        let State::Opening(since) = member.state else {
            // Open sessions are only pinged meanwhile.
            return self.take(index, &mut Resting).map(drop);
        };
        match member.step() {
            Ok(false) => {}
            Ok(true) => {
                let now = Instant::now();
                member.state = State::Open(now);
                opening.granted(since, now);
            }
            Err(BenchError::Io(_) | BenchError::Closed { .. } | BenchError::Refused) => {
                member.state = State::Gone;
                self.poll.registry().deregister(member.connection.socket())?;
                opening.refused();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Waits a little; pings whoever has been silent for a third of its session's time.
    fn wait(&mut self) -> Result<(), BenchError> {
        poll(&mut self.poll, &mut self.events, PING_CHECK)?;
        let now = Instant::now();
        if now < self.next_ping {
            return Ok(());
        }
        self.next_ping = now + PING_CHECK;
        for member in &mut self.members {
            let third = member.connection.session_timeout() / 3;
            if matches!(member.state, State::Open(last) if now - last >= third) {
                member.state = State::Open(now);
                member.connection.ping();
                member.connection.flush()?;
            }
        }
        Ok(())
    }

    /// Reads from all sockets that have something; whether there was anything.
    fn take_events(&mut self, errand: &mut impl Errand) -> Result<bool, BenchError> {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let mut heard = false;
        for event in &events {
            let index = event.token().0;
            if self.take(index, errand)? {
                heard = true;
                self.ask(index, errand)?;
            }
        }
        self.events = events;
        Ok(heard)
    }

    fn take(&mut self, index: usize, errand: &mut impl Errand) -> Result<bool, BenchError> {
        let member = &mut self.members[index];
        if !matches!(member.state, State::Open(_)) {
            return Ok(false);
        }
        member.connection.receive()?;
        member.connection.flush()?;
        let now = Instant::now();
        let mut heard = false;
        while let Some(message) = member.connection.next_message()? {
            match message {
                Message::Reply(reply) => errand.answer(index, reply)?,
                Message::Event(event) => errand.event(index, event, now)?,
                Message::Pong => continue,
            }
            heard = true;
        }
        Ok(heard)
    }

    fn ask(&mut self, index: usize, errand: &mut impl Errand) -> Result<(), BenchError> {
        let member = &mut self.members[index];
        if !matches!(member.state, State::Open(_)) {
            return Ok(());
        }
        let now = Instant::now();
        while member.connection.outstanding() < OUTSTANDING
            && errand.ask(index, &mut member.connection, now)
        {
            member.state = State::Open(now);
        }
        member.connection.flush()
    }
}

impl Member {
    /// Goes on with connecting; `true` once the session is granted.
    fn step(&mut self) -> Result<bool, BenchError> {
        let socket = self.connection.socket();
        if let Some(error) = socket.take_error()? {
            return Err(error.into());
        }
        if !self.greeted {
            match socket.peer_addr() {
                Err(error) if error.kind() == std::io::ErrorKind::NotConnected => return Ok(false),
                other => other?,
            };
            socket.set_nodelay(true)?;
            self.greeted = true;
            self.connection.greet();
        }
        self.connection.flush()?;
        self.connection.receive()?;
        self.connection.granted()
    }
}

/// What is counted while a crowd opens.
struct Opening<'a> {
    opened: Opened,
    begun: Instant,
    in_flight: usize,
    told: u64,
    watch: Watch<'a>,
}

impl Opening<'_> {
    fn done(&self) -> usize {
        usize::try_from(self.opened.latency_us.len() + self.opened.refused).unwrap_or(usize::MAX)
    }

    fn granted(&mut self, since: Instant, now: Instant) {
        self.in_flight -= 1;
        self.opened.latency_us.saturating_record(in_us(now - since));
        self.opened.elapsed = now - self.begun;
    }

    fn refused(&mut self) {
        self.in_flight -= 1;
        self.opened.refused += 1;
    }

    fn tell(&mut self) {
        let elapsed = self.begun.elapsed();
        if elapsed.as_secs() > self.told {
            self.told = elapsed.as_secs();
            let latency_us = &self.opened.latency_us;
            (self.watch)(&Moment {
                stage: "opening sessions",
                elapsed,
                operations_per_second: latency_us.len() / self.told,
                p99_us: latency_us.value_at_quantile(0.99),
            });
        }
    }
}
