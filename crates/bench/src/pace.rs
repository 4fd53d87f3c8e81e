use std::time::{Duration, Instant};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as a reply has made room: what the server can do.
    Closed,
    /// At times fixed beforehand, whatever the server does: what its users see. Latency counts from the time at which a request
    /// was due, so that a request held up behind a slow one is as slow as it was for whoever waited.
    Open {
        /// Requests per second, on all connections together; not zero.
        per_second: u32,
    },
}

/// The times at which the requests of an open loop are due, at equal distances.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    start: Instant,
    per_second: u32,
    handed_out: u64,
}

impl Schedule {
    pub(crate) fn new(start: Instant, per_second: u32) -> Self {
        Self { start, per_second: per_second.max(1), handed_out: 0 }
    }

    /// When the next request is due.
    pub(crate) fn next_due(&self) -> Instant {
        // From the start each time, so that no rounding adds up.
        let nanos = u128::from(self.handed_out) * NANOS_PER_SECOND / u128::from(self.per_second);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The next request if it is due by `now`: the time from which its latency counts.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next_due();
        (due <= now).then(|| {
            self.handed_out += 1;
            due
        })
    }

    /// How many requests were due before `end` and were never taken.
    pub(crate) fn missed(&self, end: Instant) -> u64 {
        let nanos = end.saturating_duration_since(self.start).as_nanos();
        let due = (nanos * u128::from(self.per_second)).div_ceil(NANOS_PER_SECOND);
        u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(self.handed_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn requests_are_due_at_equal_distances() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 100);
        for number in 0..1000 {
            assert_eq!(schedule.take(start + ms(number * 10)), Some(start + ms(number * 10)));
            assert_eq!(schedule.take(start + ms(number * 10 + 9)), None);
        }
    }

    #[test]
    fn a_pause_makes_requests_late_and_leaves_none_out() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1000);
        let after_the_pause = start + ms(50);
        let mut waited = Vec::new();
        while let Some(due) = schedule.take(after_the_pause) {
            waited.push(after_the_pause - due);
        }
        assert_eq!(waited.len(), 51);
        assert_eq!((waited[0], waited[50]), (ms(50), ms(0)));
    }

    #[test]
    fn odd_rates_do_not_drift() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 3);
        let taken = (0..3_000).filter(|_| schedule.take(start + ms(1_000_000)).is_some()).count();
        assert_eq!(taken, 3_000);
        assert_eq!(schedule.next_due(), start + ms(1_000_000));
    }

    #[test]
    fn what_was_due_and_not_sent_is_known() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1000);
        for _ in 0..30 {
            schedule.take(start + ms(100));
        }
        assert_eq!(schedule.missed(start + ms(100)), 70);
        assert_eq!(schedule.missed(start + ms(10)), 0);
    }
}
