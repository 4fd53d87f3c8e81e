//! What is counted while a phase runs.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::report::Second;

/// Latencies are recorded up to ten minutes, with three significant digits.
const LATENCY_US_MAX: u64 = 600_000_000;

/// How a run is going, once a second.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// What the run does: `filling`, `measuring`, …
    pub stage: &'static str,
    /// Since this stage began.
    pub elapsed: Duration,
    /// In the last second.
    pub operations_per_second: u64,
    /// 99th percentile of the last second's latencies, in microseconds.
    pub p99_us: u64,
}

/// Told every [`Moment`] of a run.
pub type Watch<'a> = &'a mut dyn FnMut(&Moment);

pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_US_MAX, 3).expect("bounds are constants")
}

pub(crate) fn in_us(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

/// What was measured between warm-up and end.
pub(crate) struct Measured {
    /// By the index that the plan gave; `None` where nothing was recorded.
    pub(crate) by_kind: Vec<Option<Histogram<u64>>>,
    pub(crate) elapsed: Duration,
    pub(crate) timeline: Vec<Second>,
    /// CPU time of this process meanwhile.
    pub(crate) cpu: Duration,
    /// Requests of an open loop that were due and never sent.
    pub(crate) missed: u64,
}

/// The latencies of one kind of request: of this second, and of those before.
struct Kind {
    now: Histogram<u64>,
    before: Histogram<u64>,
}

pub(crate) struct Measure<'a> {
    begin: Instant,
    end: Option<Instant>,
    last: Instant,
    kinds: Vec<Option<Kind>>,
    timeline: Vec<Second>,
    /// When the second under way is over; during the warm-up, when the first begins.
    next_second: Instant,
    warm: bool,
    cpu_before: Duration,
    stage: &'static str,
    watch: Watch<'a>,
}

impl<'a> Measure<'a> {
    /// Counts from `begin` on, to `end` or else to the last record.
    pub(crate) fn new(
        stage: &'static str,
        begin: Instant,
        end: Option<Instant>,
        watch: Watch<'a>,
    ) -> Self {
        Self {
            begin,
            end,
            last: begin,
            kinds: Vec::new(),
            timeline: Vec::new(),
            next_second: begin,
            warm: false,
            cpu_before: cpu(),
            stage,
            watch,
        }
    }

    /// Whether the time is over.
    #[inline]
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }

    /// When [`tick`](Self::tick) has something to do again.
    pub(crate) fn next_tick(&self) -> Instant {
        self.next_second
    }

    /// Counts a reply that came `now`. In an open loop (`by_due`) all that was due before the end counts, however late its reply:
    /// to leave out what is late would be to leave out the worst.
    #[inline]
    pub(crate) fn record(&mut self, kind: usize, since: Instant, now: Instant, by_due: bool) {
        self.last = now;
        if now < self.begin || self.is_over(if by_due { since } else { now }) {
            return;
        }
        if self.kinds.len() <= kind {
            self.kinds.resize_with(kind + 1, || None);
        }
        let kind = self.kinds[kind]
            .get_or_insert_with(|| Kind { now: new_histogram(), before: new_histogram() });
        kind.now.saturating_record(in_us(now - since));
    }

    /// Ends the seconds that are over by `now`; to be called before the first record of a second.
    #[inline]
    pub(crate) fn tick(&mut self, now: Instant) {
        while now >= self.next_second && self.end.is_none_or(|end| self.next_second < end) {
            self.end_second();
        }
    }

    #[cold]
    fn end_second(&mut self) {
        self.next_second += Duration::from_secs(1);
        if !self.warm {
            self.warm = true;
            self.cpu_before = cpu();
            return;
        }
        let second = self.fold();
        (self.watch)(&Moment {
            stage: self.stage,
            elapsed: Duration::from_secs(second.second + 1),
            operations_per_second: second.operations,
            p99_us: second.p99_us,
        });
        self.timeline.push(second);
    }

    /// Moves this second's latencies to those before.
    fn fold(&mut self) -> Second {
        let mut all = new_histogram();
        for kind in self.kinds.iter_mut().flatten().filter(|kind| !kind.now.is_empty()) {
            all.add(&kind.now).expect("equal bounds");
            kind.before.add(&kind.now).expect("equal bounds");
            kind.now.reset();
        }
        Second {
            second: u64::try_from(self.timeline.len()).unwrap_or(u64::MAX),
            operations: all.len(),
            p99_us: all.value_at_quantile(0.99),
            max_us: all.max(),
        }
    }

    pub(crate) fn finish(mut self, missed: u64) -> Measured {
        let rest = self.fold();
        if rest.operations > 0 {
            self.timeline.push(rest);
        }
        let end = self.end.unwrap_or(self.last);
        Measured {
            by_kind: self.kinds.into_iter().map(|kind| kind.map(|kind| kind.before)).collect(),
            elapsed: end.saturating_duration_since(self.begin),
            timeline: self.timeline,
            cpu: cpu().saturating_sub(self.cpu_before),
            missed,
        }
    }
}

/// CPU time that this process has used.
fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(used.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A reply at each of these milliseconds, a millisecond after its request.
    fn measured(warm_up_ms: u64, end_ms: Option<u64>, replies: &[u64]) -> (Measured, Vec<u64>) {
        let start = Instant::now();
        let mut told = Vec::new();
        let mut watch = |moment: &Moment| told.push(moment.operations_per_second);
        let end = end_ms.map(|end_ms| start + ms(end_ms));
        let mut measure = Measure::new("measuring", start + ms(warm_up_ms), end, &mut watch);
        for at in replies {
            let now = start + ms(*at);
            measure.tick(now);
            measure.record(1, now - ms(1), now, false);
        }
        (measure.finish(0), told)
    }

    #[test]
    fn warm_up_and_what_comes_after_the_end_are_left_out() {
        let (measured, _) = measured(1000, Some(3000), &[10, 999, 1000, 2999, 3000, 3500]);
        assert_eq!(measured.by_kind[1].as_ref().unwrap().len(), 2);
        assert!(measured.by_kind[0].is_none());
        assert_eq!(measured.elapsed, ms(2000));
    }

    #[test]
    fn what_was_due_before_the_end_counts_however_late_it_is() {
        let start = Instant::now();
        let mut watch = |_: &Moment| ();
        let end = Some(start + ms(1000));
        let mut measure = Measure::new("measuring", start, end, &mut watch);
        measure.record(0, start + ms(999), start + ms(5000), true);
        measure.record(0, start + ms(1000), start + ms(5000), true);
        let measured = measure.finish(0);
        let latency_us = measured.by_kind[0].as_ref().unwrap();
        assert_eq!((latency_us.len(), latency_us.max() / 1_000_000), (1, 4));
    }

    #[test]
    fn seconds_without_a_reply_stand_in_the_timeline() {
        let (measured, told) = measured(0, None, &[1, 500, 3100, 3200, 3300]);
        let counts: Vec<u64> = measured.timeline.iter().map(|second| second.operations).collect();
        assert_eq!(counts, [2, 0, 0, 3]);
        assert_eq!(told, [2, 0, 0]);
        assert_eq!(measured.elapsed, ms(3300));
        assert_eq!(measured.by_kind[1].as_ref().unwrap().max(), 1000);
    }
}
