use alloc::collections::VecDeque;
use alloc::string::String;

use base::Now;
use tree::Tree;

use crate::brain::Settings;

/// Containers and TTL nodes go of their own accord: found every interval, deleted one by one.
pub(crate) struct Reaper {
    interval_ms: i64,
    gap_ms: i64,
    never_used_ms: i64,
    /// Those found and not deleted yet.
    due: VecDeque<String>,
    next_scan_ms: i64,
    next_reap_ms: i64,
}

impl Reaper {
    pub(crate) fn new(settings: &Settings, now: Now) -> Reaper {
        let interval_ms = settings.reap_interval_ms.max(1);
        Reaper {
            interval_ms,
            gap_ms: 60_000 / settings.reap_per_minute.clamp(1, 60_000),
            never_used_ms: settings.never_used_ms,
            due: VecDeque::new(),
            next_scan_ms: now.mono_ms + interval_ms,
            next_reap_ms: now.mono_ms,
        }
    }

    /// When there is something to do next, on the monotonic clock.
    pub(crate) fn deadline(&self) -> i64 {
        if self.due.is_empty() { self.next_scan_ms } else { self.next_reap_ms }
    }

    /// The next node to be deleted, if it is time for one.
    pub(crate) fn next(&mut self, tree: &Tree, now: Now) -> Option<String> {
        if self.due.is_empty() && now.mono_ms >= self.next_scan_ms {
            self.next_scan_ms = now.mono_ms + self.interval_ms;
            self.next_reap_ms = now.mono_ms;
            self.due = tree.reap_candidates(now.wall_ms, self.never_used_ms).into();
        }
        if now.mono_ms < self.next_reap_ms {
            return None;
        }
        // Where many are due it is long since this one was found: it may be in use again (C-023).
        let due = |path: &String| tree.is_reap_candidate(path, now.wall_ms, self.never_used_ms);
        let path = core::iter::from_fn(|| self.due.pop_front()).find(due)?;
        self.next_reap_ms += self.gap_ms;
        Some(path)
    }
}
