//! One stretch of a run: connections that work off a plan in a closed loop.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::connection::Connection;
use crate::error::BenchError;
use crate::frame::Operation;
use crate::load::{Limit, Load};
use crate::plan::Plan;

/// Latencies are recorded up to a minute, with three significant digits.
const LATENCY_US_MAX: u64 = 60_000_000;

/// What was measured between warm-up and end.
pub(crate) struct Measured {
    pub(crate) latency_us: Histogram<u64>,
    pub(crate) elapsed: Duration,
}

/// How much a phase sends, and which part of it counts.
pub(crate) struct Extent {
    pub(crate) outstanding: usize,
    pub(crate) limit: Limit,
    pub(crate) warm_up: Duration,
}

/// Sends what `plan` says over `connections` new sessions until the limit, then waits for the last replies and closes them.
pub(crate) fn run_phase(
    load: &Load,
    connections: usize,
    extent: &Extent,
    plan: &mut impl Plan,
) -> Result<Measured, BenchError> {
    let mut phase = Phase::open(load, connections, extent)?;
    phase.start(plan)?;
    phase.drain(plan)?;
    phase.close(load.patience)?;
    Ok(phase.measured())
}

struct Phase {
    poll: Poll,
    connections: Vec<Connection>,
    outstanding: usize,
    /// Requests still to send; ends early when time is up.
    budget: u64,
    unanswered: u64,
    /// Replies count from here...
    begin: Instant,
    /// ...to here, or to the last reply when operations are the limit.
    end: Option<Instant>,
    last_reply: Instant,
    patience: Duration,
    latency_us: Histogram<u64>,
}

impl Phase {
    fn open(load: &Load, connections: usize, extent: &Extent) -> Result<Self, BenchError> {
        let connections = (0..connections)
            .map(|_| {
                Connection::open(load.server, load.value_bytes, load.patience)?.into_nonblocking()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let now = Instant::now();
        let begin = now + extent.warm_up;
        let (budget, end) = match extent.limit {
            Limit::Time(time) => (u64::MAX, Some(begin + time)),
            Limit::Operations(count) => (count, None),
        };
        let latency_us = Histogram::new_with_max(LATENCY_US_MAX, 3).expect("bounds are constants");
        Ok(Self {
            poll: Poll::new()?,
            connections,
            outstanding: extent.outstanding,
            budget,
            unanswered: 0,
            begin,
            end,
            last_reply: now,
            patience: load.patience,
            latency_us,
        })
    }

    /// Registers every socket and sends the first requests.
    fn start(&mut self, plan: &mut impl Plan) -> Result<(), BenchError> {
        let now = Instant::now();
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(connection.socket(), Token(index), interest)?;
            for _ in 0..self.outstanding {
                self.send(index, plan, now);
            }
            self.connections[index].flush()?;
        }
        Ok(())
    }

    /// Keeps the loop closed until the limit, then until the last reply.
    fn drain(&mut self, plan: &mut impl Plan) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(1024);
        while self.unanswered > 0 {
            poll(&mut self.poll, &mut events, self.patience)?;
            for event in &events {
                self.turn(event.token().0, plan)?;
            }
        }
        Ok(())
    }

    /// Reads one socket's replies and answers each with a new request.
    fn turn(&mut self, index: usize, plan: &mut impl Plan) -> Result<(), BenchError> {
        self.connections[index].receive()?;
        let now = Instant::now();
        while let Some(reply) = self.connections[index].next_reply()? {
            let latency = now - reply.sent;
            self.record(now, latency);
            self.send(index, plan, now);
        }
        self.connections[index].flush()
    }

    fn record(&mut self, now: Instant, latency: Duration) {
        self.unanswered -= 1;
        self.last_reply = now;
        if self.end.is_some_and(|end| now >= end) {
            self.budget = 0;
        } else if now >= self.begin {
            self.latency_us
                .saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn send(&mut self, index: usize, plan: &mut impl Plan, now: Instant) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        self.unanswered += 1;
        plan.request(&mut self.connections[index], now);
    }

    /// Closes every session, so that none is left for the server to expire.
    fn close(&mut self, patience: Duration) -> Result<(), BenchError> {
        let now = Instant::now();
        for connection in &mut self.connections {
            connection.request(Operation::Close, now, |mut encoder, xid| encoder.close(xid));
            connection.flush()?;
        }
        let mut events = Events::with_capacity(1024);
        while self.connections.iter().any(|connection| connection.outstanding() > 0) {
            poll(&mut self.poll, &mut events, patience)?;
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                if connection.outstanding() > 0 {
                    connection.receive()?;
                    connection.next_reply()?;
                }
            }
        }
        Ok(())
    }

    fn measured(self) -> Measured {
        let elapsed = self.end.unwrap_or(self.last_reply).saturating_duration_since(self.begin);
        Measured { latency_us: self.latency_us, elapsed }
    }
}

/// Waits for events; a server that stays silent for `patience` is given up.
fn poll(poll: &mut Poll, events: &mut Events, patience: Duration) -> Result<(), BenchError> {
    match poll.poll(events, Some(patience)) {
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(()) if events.is_empty() => Err(BenchError::Silent(patience)),
        Ok(()) => Ok(()),
    }
}
