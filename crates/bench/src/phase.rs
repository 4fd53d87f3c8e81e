//! One stretch of a run: connections that work off a plan, in a closed loop or an open one.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::connection::{Connection, Message, Reply};
use crate::error::BenchError;
use crate::frame::EVENT_XID;
use crate::load::Limit;
use crate::measure::{Measure, Measured, Watch};
use crate::pace::{Pace, Schedule};
use crate::target::Target;

/// The token of the timer of an open loop; those of connections are their indices.
const TIMER: Token = Token(usize::MAX);
/// How often the idle connections of an open loop are pinged: sessions live for thirty seconds.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What a phase does.
pub(crate) trait Plan {
    /// What is remembered of a request until its reply comes.
    type Tag;

    /// Queues the next request; `false` if there is none, now or ever.
    fn ask(&mut self, index: usize, connection: &mut Connection<Self::Tag>, since: Instant)
    -> bool;

    /// Checks a reply.
    fn answer(&mut self, index: usize, reply: Reply<'_, Self::Tag>) -> Result<(), BenchError>;

    /// Under which index the latency is recorded.
    fn kind(&self, _tag: &Self::Tag) -> usize {
        0
    }
}

/// How much a phase sends, and which part of it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Named in the progress.
    pub(crate) stage: &'static str,
    pub(crate) connections: usize,
    pub(crate) outstanding: usize,
    pub(crate) pace: Pace,
    pub(crate) limit: Limit,
    pub(crate) warm_up: Duration,
}

impl Extent {
    /// All that a plan has, as fast as it goes.
    pub(crate) fn whole(stage: &'static str, connections: usize, outstanding: usize) -> Self {
        Self {
            stage,
            connections,
            outstanding,
            pace: Pace::Closed,
            limit: Limit::Operations(u64::MAX),
            warm_up: Duration::ZERO,
        }
    }
}

/// Sends what `plan` says over new sessions until the limit, then waits for the last replies and closes them.
pub(crate) fn run_phase<P: Plan>(
    target: &Target,
    extent: &Extent,
    plan: &mut P,
    watch: Watch<'_>,
) -> Result<Measured, BenchError> {
    let mut phase = Phase::open(target, extent, plan, watch)?;
    phase.start()?;
    phase.drain()?;
    phase.close()?;
    let missed = phase.missed();
    Ok(phase.measure.finish(missed))
}

struct Phase<'a, P: Plan> {
    plan: &'a mut P,
    poll: Poll,
    connections: Vec<Connection<P::Tag>>,
    outstanding: usize,
    /// Requests still to send; ends early when time is up.
    budget: u64,
    unanswered: usize,
    open_loop: Option<OpenLoop>,
    end: Option<Instant>,
    last_heard: Instant,
    patience: Duration,
    measure: Measure<'a>,
}

/// What an open loop has beside a closed one.
struct OpenLoop {
    schedule: Schedule,
    timer: OwnedFd,
    /// The connection whose turn it is.
    cursor: usize,
    next_ping: Instant,
}

impl<'a, P: Plan> Phase<'a, P> {
    fn open(
        target: &Target,
        extent: &Extent,
        plan: &'a mut P,
        watch: Watch<'a>,
    ) -> Result<Self, BenchError> {
        let connections = (0..extent.connections)
            .map(|index| {
                Connection::open(target.server(index), target.patience)?.into_nonblocking()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let poll = Poll::new()?;
        let now = Instant::now();
        let begin = now + extent.warm_up;
        let (budget, end) = match extent.limit {
            Limit::Time(time) => (u64::MAX, Some(begin + time)),
            Limit::Operations(count) => (count, None),
        };
        let open_loop = match extent.pace {
            Pace::Closed => None,
            Pace::Open { per_second } => Some(OpenLoop::new(&poll, now, per_second)?),
        };
        Ok(Self {
            plan,
            poll,
            connections,
            outstanding: extent.outstanding,
            budget,
            unanswered: 0,
            open_loop,
            end,
            last_heard: now,
            patience: target.patience,
            measure: Measure::new(extent.stage, begin, end, watch),
        })
    }

    /// Registers every socket and, in a closed loop, sends the first requests.
    fn start(&mut self) -> Result<(), BenchError> {
        let now = Instant::now();
        for index in 0..self.connections.len() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let socket = self.connections[index].socket();
            self.poll.registry().register(socket, Token(index), interest)?;
            if self.open_loop.is_none() {
                self.refill(index, now);
                self.connections[index].flush()?;
            }
        }
        Ok(())
    }

    /// Goes on until the limit, then until the last reply.
    fn drain(&mut self) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(1024);
        loop {
            if self.open_loop.is_some() {
                self.dispatch(Instant::now())?;
            }
            if self.unanswered == 0 && (self.open_loop.is_none() || self.budget == 0) {
                return Ok(());
            }
            self.wait(&mut events)?;
            for event in &events {
                if event.token() != TIMER {
                    self.turn(event.token().0)?;
                }
            }
        }
    }

    /// Reads one socket's replies and, in a closed loop, answers each with a new request.
    fn turn(&mut self, index: usize) -> Result<(), BenchError> {
        self.connections[index].receive()?;
        let now = Instant::now();
        self.measure.tick(now);
        while let Some(message) = self.connections[index].next_message()? {
            let reply = match message {
                Message::Reply(reply) => reply,
                Message::Pong => continue,
                Message::Event(_) => return Err(BenchError::Unasked { found: EVENT_XID }),
            };
            self.unanswered -= 1;
            self.last_heard = now;
            let kind = self.plan.kind(&reply.tag);
            self.measure.record(kind, reply.since, now, self.open_loop.is_some());
            self.plan.answer(index, reply)?;
        }
        if self.open_loop.is_none() {
            if self.measure.is_over(now) {
                self.budget = 0;
            }
            self.refill(index, now);
        }
        self.connections[index].flush()
    }

    fn refill(&mut self, index: usize, now: Instant) {
        let connection = &mut self.connections[index];
        while self.budget > 0
            && connection.outstanding() < self.outstanding
            && self.plan.ask(index, connection, now)
        {
            self.budget -= 1;
            self.unanswered += 1;
        }
    }

    /// Sends the requests of an open loop that are due, as far as connections have room for them.
    fn dispatch(&mut self, now: Instant) -> Result<(), BenchError> {
        let Some(open_loop) = &mut self.open_loop else { return Ok(()) };
        let mut touched = Vec::new();
        while self.budget > 0 {
            let room = self.unanswered < self.connections.len() * self.outstanding;
            if self
                .end
                .is_some_and(|end| open_loop.schedule.next_due() >= end || now >= end && !room)
            {
                self.budget = 0;
            }
            if !room || self.budget == 0 {
                break;
            }
            let Some(due) = open_loop.schedule.take(now) else { break };
            while self.connections[open_loop.cursor].outstanding() >= self.outstanding {
                open_loop.cursor = (open_loop.cursor + 1) % self.connections.len();
            }
            let index = open_loop.cursor;
            open_loop.cursor = (index + 1) % self.connections.len();
            if !self.plan.ask(index, &mut self.connections[index], due) {
                break;
            }
            self.budget -= 1;
            self.unanswered += 1;
            touched.push(index);
        }
        if now >= open_loop.next_ping {
            open_loop.next_ping = now + PING_EVERY;
            touched.extend(0..self.connections.len());
            self.connections.iter_mut().for_each(Connection::ping);
        }
        for index in touched {
            self.connections[index].flush()?;
        }
        Ok(())
    }

    /// Waits for events, the end of a second or the next request that is due. A server that stays silent is given up.
    fn wait(&mut self, events: &mut Events) -> Result<(), BenchError> {
        let now = Instant::now();
        if let Some(open_loop) = &self.open_loop {
            let room = self.unanswered < self.connections.len() * self.outstanding;
            open_loop.arm(now, room && self.budget > 0)?;
        }
        let until_tick = self.measure.next_tick().saturating_duration_since(now);
        let timeout = if until_tick.is_zero() { self.patience } else { until_tick };
        poll(&mut self.poll, events, timeout.min(self.patience))?;
        if events.is_empty() {
            let now = Instant::now();
            self.measure.tick(now);
            if self.unanswered > 0 && now - self.last_heard >= self.patience {
                return Err(BenchError::Silent(self.patience));
            }
        }
        Ok(())
    }

    /// Closes every session, so that none is left for the server to expire.
    fn close(&mut self) -> Result<(), BenchError> {
        for connection in &mut self.connections {
            connection.request_end();
            connection.flush()?;
        }
        let mut events = Events::with_capacity(1024);
        while self.connections.iter().any(|connection| !connection.ended()) {
            poll(&mut self.poll, &mut events, self.patience)?;
            if events.is_empty() {
                return Err(BenchError::Silent(self.patience));
            }
            for event in events.iter().filter(|event| event.token() != TIMER) {
                let connection = &mut self.connections[event.token().0];
                if !connection.ended() {
                    connection.receive()?;
                    connection.read_end()?;
                }
            }
        }
        Ok(())
    }

    fn missed(&self) -> u64 {
        match (&self.open_loop, self.end) {
            (Some(open_loop), Some(end)) => open_loop.schedule.missed(end),
            _ => 0,
        }
    }
}

impl OpenLoop {
    fn new(poll: &Poll, now: Instant, per_second: u32) -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        let schedule = Schedule::new(now, per_second);
        Ok(Self { schedule, timer, cursor: 0, next_ping: now + PING_EVERY })
    }

    /// Sets the timer to the next request that is due. epoll itself waits for whole milliseconds only.
    fn arm(&self, now: Instant, wanted: bool) -> std::io::Result<()> {
        if !wanted {
            return Ok(());
        }
        // Zero would disarm it.
        let wait =
            (self.schedule.next_due().saturating_duration_since(now)).max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

/// Waits for events; an interrupted wait has none.
pub(crate) fn poll(
    poll: &mut Poll,
    events: &mut Events,
    timeout: Duration,
) -> Result<(), BenchError> {
    match poll.poll(events, Some(timeout)) {
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => Ok(other?),
    }
}
