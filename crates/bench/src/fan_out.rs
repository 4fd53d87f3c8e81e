use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::connection::{Connection, Reply};
use crate::crowd::{Crowd, Errand};
use crate::decoder::Decoder;
use crate::encoder::{CreateMode, text};
use crate::error::BenchError;
use crate::frame::opcode;
use crate::measure::{Moment, Watch, in_us};
use crate::once::Once;
use crate::sessions::{Sessions, open_sessions};
use crate::subtree::{abandoning, create_numbered, remove};
use crate::target::Target;

/// The event of a znode whose data was set.
const NODE_DATA_CHANGED: i32 = 3;
/// The mode of addWatch that fires again and again.
const PERSISTENT: i32 = 0;
/// How long the prober rests between two pings.
const PROBE_REST: Duration = Duration::from_millis(1);
/// How long watchers rest between two looks at their sockets. Asleep in epoll, this process would be woken for nearly every event,
/// at the cost of the server that sends it; ten thousand watchers on machines of their own cost it no such thing.
const WATCHER_REST: Duration = Duration::from_micros(200);

/// One change told to many watchers.
#[derive(Debug, Clone)]
pub struct FanOut {
    /// Whom the sessions go to.
    pub target: Target,
    /// Sessions that watch the one znode.
    pub watchers: usize,
    /// How often it is changed.
    pub events: usize,
    /// Persistent watches instead of ones that are registered again after each event.
    pub persistent: bool,
}

/// When one change reached its watchers: microseconds from its sending, as this process read the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The first watcher.
    pub first_us: u64,
    /// The one in the middle.
    pub median_us: u64,
    /// The last.
    pub last_us: u64,
}

/// What a fan-out measured.
#[derive(Debug, Clone)]
pub struct FanOutReport {
    /// `fan-out 10000`.
    pub name: String,
    /// Sessions that watched.
    pub watchers: usize,
    /// Each change.
    pub events: Vec<Spread>,
    /// The longest that a ping of another session took while events were on their way, in microseconds.
    pub ping_late_us_max: u64,
}

impl FanOutReport {
    /// Minimum, median and maximum of the times at which the last watcher knew, in microseconds.
    #[must_use]
    pub fn last_us(&self) -> (u64, u64, u64) {
        let mut last: Vec<u64> = self.events.iter().map(|event| event.last_us).collect();
        last.sort_unstable();
        let at = |index: usize| last.get(index).copied().unwrap_or(0);
        (at(0), at(last.len() / 2), at(last.len().saturating_sub(1)))
    }

    /// A line for each change, and what they come to.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = format!(
            "{:<24} {:>8} {:>8} {:>8}  us after the change\n",
            self.name, "first", "median", "last"
        );
        for (number, Spread { first_us, median_us, last_us }) in self.events.iter().enumerate() {
            let name = format!("  event {}", number + 1);
            table += &format!("{name:<24} {first_us:>8} {median_us:>8} {last_us:>8}\n");
        }
        let (min, median, max) = self.last_us();
        table += &format!(
            "last watcher: min {min}, median {median}, max {max} us; pings took up to {} us meanwhile\n",
            self.ping_late_us_max
        );
        table
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let (min, median, max) = self.last_us();
        serde_json::json!({
            "name": self.name,
            "watchers": self.watchers,
            "events": self.events,
            "last_us": { "min": min, "median": median, "max": max },
            "ping_late_us_max": self.ping_late_us_max,
        })
    }
}

/// Lets many sessions watch one znode, changes it, and measures when each of them knows.
///
/// # Errors
/// Anything wrong in any reply or event; the znode is then left behind.
pub fn fan_out(fan_out: &FanOut, watch: Watch<'_>) -> Result<FanOutReport, BenchError> {
    if fan_out.watchers == 0 || fan_out.events == 0 {
        return Err(BenchError::Load("watchers and events must not be zero"));
    }
    let path = create_numbered(&fan_out.target, "r", "")?;
    let report = abandoning(&path, || measure(fan_out, &path, watch))?;
    remove(&fan_out.target, &path, watch)?;
    Ok(report)
}

fn measure(fan_out: &FanOut, root: &str, watch: Watch<'_>) -> Result<FanOutReport, BenchError> {
    let path = format!("{root}/watched");
    let mut writer = Once::open(&fan_out.target)?;
    writer.create(&path, "before", CreateMode::Persistent)?;
    let sessions =
        Sessions { target: fan_out.target.clone(), count: fan_out.watchers, in_flight: None };
    let (mut crowd, opened) = open_sessions(&sessions, watch)?;
    if opened.refused > 0 {
        return Err(BenchError::Refused);
    }
    let prober = Prober::start(&fan_out.target)?;
    let mut events = Vec::with_capacity(fan_out.events);
    let begun = Instant::now();
    for number in 0..fan_out.events {
        if number == 0 || !fan_out.persistent {
            crowd.run(&mut Arming::new(fan_out, &path))?;
        }
        prober.count();
        let spread = change(&mut crowd, &mut writer, &path, fan_out.watchers)?;
        prober.ignore();
        watch(&Moment {
            stage: "changing",
            elapsed: begun.elapsed(),
            operations_per_second: 0,
            p99_us: spread.last_us,
        });
        events.push(spread);
    }
    let ping_late_us_max = in_us(prober.stop()?);
    crowd.close()?;
    writer.close()?;
    let name = format!("fan-out {}", fan_out.watchers);
    Ok(FanOutReport { name, watchers: fan_out.watchers, events, ping_late_us_max })
}

/// Changes the znode once and waits for all watchers.
fn change(
    crowd: &mut Crowd,
    writer: &mut Once,
    path: &str,
    watchers: usize,
) -> Result<Spread, BenchError> {
    let mut awaiting = Awaiting {
        path,
        sent: Instant::now(),
        told: vec![false; watchers],
        us: Vec::with_capacity(watchers),
    };
    writer.begin_set(path, "after")?;
    crowd.run(&mut awaiting)?;
    writer.end_set()?;
    // They were noted in the order in which they came.
    let us = awaiting.us;
    let at = |index: usize| us.get(index).copied().unwrap_or(0);
    Ok(Spread { first_us: at(0), median_us: at(us.len() / 2), last_us: at(us.len() - 1) })
}

/// Every session registers its watch.
struct Arming<'a> {
    path: &'a str,
    persistent: bool,
    asked: Vec<bool>,
    answered: usize,
}

impl<'a> Arming<'a> {
    fn new(fan_out: &FanOut, path: &'a str) -> Self {
        let asked = vec![false; fan_out.watchers];
        Self { path, persistent: fan_out.persistent, asked, answered: 0 }
    }
}

impl Errand for Arming<'_> {
    fn ask(&mut self, index: usize, connection: &mut Connection<u64>, since: Instant) -> bool {
        if std::mem::replace(&mut self.asked[index], true) {
            return false;
        }
        let path = text(self.path);
        if self.persistent {
            connection.request(opcode::ADD_WATCH, 0, since, |e| {
                e.filled(path);
                e.int(PERSISTENT);
            });
        } else {
            connection.request(opcode::GET, 0, since, |e| e.read(path, true));
        }
        true
    }

    fn answer(&mut self, _: usize, reply: Reply<'_, u64>) -> Result<(), BenchError> {
        reply.succeeded("watch")?;
        self.answered += 1;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.answered == self.asked.len()
    }
}

/// Every session is told once.
struct Awaiting<'a> {
    path: &'a str,
    sent: Instant,
    told: Vec<bool>,
    us: Vec<u64>,
}

impl Errand for Awaiting<'_> {
    fn ask(&mut self, _: usize, _: &mut Connection<u64>, _: Instant) -> bool {
        false
    }

    fn answer(&mut self, _: usize, _: Reply<'_, u64>) -> Result<(), BenchError> {
        Ok(())
    }

    fn event(
        &mut self,
        index: usize,
        mut event: Decoder<'_>,
        now: Instant,
    ) -> Result<(), BenchError> {
        let (kind, _state) = (event.int()?, event.int()?);
        let what = if kind != NODE_DATA_CHANGED || event.buffer()? != self.path.as_bytes() {
            "another event came"
        } else if std::mem::replace(&mut self.told[index], true) {
            "an event came twice"
        } else {
            self.us.push(in_us(now - self.sent));
            return Ok(());
        };
        Err(BenchError::Answer { operation: "watch", what })
    }

    fn is_done(&self) -> bool {
        self.us.len() == self.told.len()
    }

    fn rest(&self) -> Duration {
        WATCHER_REST
    }
}

/// A session of its own, on a thread of its own, that pings all the time: the work of reading events does not delay it.
struct Prober {
    thread: JoinHandle<Result<Duration, BenchError>>,
    stop: Sender<()>,
    counting: Arc<AtomicBool>,
    begun: Arc<AtomicU64>,
}

impl Prober {
    fn start(target: &Target) -> Result<Self, BenchError> {
        let once = Once::open(target)?;
        let counting = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let begun = Arc::new(AtomicU64::new(0));
        let shared = (Arc::clone(&counting), Arc::clone(&begun));
        let thread = std::thread::spawn(move || probe(once, &stopped, &shared.0, &shared.1));
        Ok(Self { thread, stop, counting, begun })
    }

    /// Pings count that are begun from now on; returns once there is one.
    fn count(&self) {
        self.counting.store(true, Ordering::Relaxed);
        let before = self.begun.load(Ordering::Relaxed);
        while self.begun.load(Ordering::Relaxed) == before && !self.thread.is_finished() {
            std::thread::sleep(PROBE_REST / 10);
        }
    }

    /// Pings that are begun from now on do not count.
    fn ignore(&self) {
        self.counting.store(false, Ordering::Relaxed);
    }

    /// The longest that a ping took while it was counted.
    fn stop(self) -> Result<Duration, BenchError> {
        drop(self.stop);
        self.thread.join().unwrap_or(Err(BenchError::Load("the prober panicked")))
    }
}

fn probe(
    mut once: Once,
    stopped: &Receiver<()>,
    counting: &AtomicBool,
    begun: &AtomicU64,
) -> Result<Duration, BenchError> {
    let mut longest = Duration::ZERO;
    while stopped.recv_timeout(PROBE_REST) == Err(RecvTimeoutError::Timeout) {
        let counts = counting.load(Ordering::Relaxed);
        begun.fetch_add(1, Ordering::Relaxed);
        let took = once.ping()?;
        if counts {
            longest = longest.max(took);
        }
    }
    once.close()?;
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_every_figure() {
        let spread = |last_us| Spread { first_us: 1, median_us: 2, last_us };
        let events = vec![spread(30), spread(10), spread(20)];
        let report =
            FanOutReport { name: "fan-out 3".to_owned(), watchers: 3, events, ping_late_us_max: 4 };
        let json = report.json();
        assert_eq!(json["last_us"], serde_json::json!({ "min": 10, "median": 20, "max": 30 }));
        let first = serde_json::json!({ "first_us": 1, "median_us": 2, "last_us": 30 });
        assert_eq!(json["events"][0], first);
        assert_eq!(json["ping_late_us_max"], 4);
        assert!(report.table().contains("last watcher: min 10, median 20, max 30 us"));
    }
}
