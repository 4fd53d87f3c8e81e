use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use base::SessionId;
use foldhash::quality::FixedState;
use hashbrown::HashMap;

/// Deadlines in buckets of one tick: touching is cheap, and a tick's worth expires at once.
///
/// A deadline is `(now + timeout) / tick + 1` ticks, so something expires between its timeout and
/// one tick later (`ExpiryQueue`).
#[derive(Clone, Debug)]
pub struct ExpiryQueue {
    tick_ms: i64,
    buckets: BTreeMap<i64, BTreeSet<SessionId>>,
}

impl ExpiryQueue {
    fn new(tick_ms: i64) -> ExpiryQueue {
        ExpiryQueue { tick_ms: tick_ms.max(1), buckets: BTreeMap::new() }
    }

    fn deadline(&self, heard_ms: i64, timeout_ms: i32) -> i64 {
        ((heard_ms + i64::from(timeout_ms)) / self.tick_ms + 1) * self.tick_ms
    }

    fn remove(&mut self, session: SessionId, deadline: i64) {
        if let Some(bucket) = self.buckets.get_mut(&deadline) {
            bucket.remove(&session);
            if bucket.is_empty() {
                self.buckets.remove(&deadline);
            }
        }
    }
}

/// What a server knows of a session beyond the replicated table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedSession {
    /// The negotiated timeout in milliseconds.
    pub timeout_ms: i32,
    /// Whether its end is under way: nothing is accepted from it any more.
    pub closing: bool,
    deadline: i64,
}

/// Who is alive, and until when.
///
/// Touches are lazy: a connection notes when it last heard its client, and only when a session's
/// bucket is due is that note looked at, so that requests touch nothing shared.
#[derive(Clone, Debug)]
pub struct SessionTracker {
    sessions: HashMap<SessionId, TrackedSession, FixedState>,
    queue: ExpiryQueue,
}

impl SessionTracker {
    /// Tracks nobody. `tick_ms` is the width of a bucket.
    #[must_use]
    pub fn new(tick_ms: i64, hash_seed: u64) -> SessionTracker {
        let hasher = FixedState::with_seed(hash_seed);
        SessionTracker { sessions: HashMap::with_hasher(hasher), queue: ExpiryQueue::new(tick_ms) }
    }

    /// The session, if it is known here.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&TrackedSession> {
        self.sessions.get(&session)
    }

    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Tracks a session, or gives a known one a new timeout; either way it was heard just now.
    pub fn track(&mut self, session: SessionId, timeout_ms: i32, now_ms: i64) {
        let deadline = self.queue.deadline(now_ms, timeout_ms);
        let closing = self.sessions.get(&session).is_some_and(|known| known.closing);
        let tracked = TrackedSession { timeout_ms, closing, deadline };
        if let Some(before) = self.sessions.insert(session, tracked) {
            self.queue.remove(session, before.deadline);
        }
        self.queue.buckets.entry(deadline).or_default().insert(session);
    }

    /// Notes when the session was heard, which its connection knew until it ended.
    pub fn touch(&mut self, session: SessionId, heard_ms: i64) {
        let Some(tracked) = self.sessions.get(&session).filter(|tracked| !tracked.closing) else {
            return;
        };
        if self.queue.deadline(heard_ms, tracked.timeout_ms) > tracked.deadline {
            self.track(session, tracked.timeout_ms, heard_ms);
        }
    }

    /// Notes that the session's end is under way. It will not expire as well.
    pub fn set_closing(&mut self, session: SessionId) {
        if let Some(tracked) = self.sessions.get_mut(&session) {
            tracked.closing = true;
            self.queue.remove(session, tracked.deadline);
        }
    }

    /// Forgets a session that has ended.
    pub fn remove(&mut self, session: SessionId) {
        if let Some(tracked) = self.sessions.remove(&session) {
            self.queue.remove(session, tracked.deadline);
        }
    }

    /// When the next bucket is due, on the monotonic clock.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.queue.buckets.keys().next().copied()
    }

    /// The sessions whose time is over. `heard_ms` tells when a session was last heard of through a
    /// connection, if it has one; those heard of in time move to a later bucket.
    pub fn expire(
        &mut self,
        now_ms: i64,
        mut heard_ms: impl FnMut(SessionId) -> Option<i64>,
    ) -> Vec<SessionId> {
        let mut expired = Vec::new();
        while let Some(due) = self.next_deadline().filter(|due| *due <= now_ms) {
            for session in self.queue.buckets.remove(&due).unwrap_or_default() {
                let Some(tracked) = self.sessions.get_mut(&session) else {
                    continue;
                };
                let heard = heard_ms(session).map(|at| self.queue.deadline(at, tracked.timeout_ms));
                match heard {
                    Some(later) if later > due => {
                        tracked.deadline = later;
                        self.queue.buckets.entry(later).or_default().insert(session);
                    }
                    Some(_) | None => expired.push(session),
                }
            }
        }
        expired
    }

    /// Buckets with their sessions, the earliest first: for `dump`.
    pub fn buckets(&self) -> impl Iterator<Item = (i64, &BTreeSet<SessionId>)> {
        self.queue.buckets.iter().map(|(deadline, sessions)| (*deadline, sessions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const S: SessionId = SessionId(1);

    #[test]
    fn a_session_expires_between_its_timeout_and_a_tick_later() {
        for start in 0..2000 {
            let mut tracker = SessionTracker::new(2000, 0);
            tracker.track(S, 5000, start);
            let due = tracker.next_deadline().expect("tracked");
            assert!((start + 5000..=start + 7000).contains(&due));
            assert_eq!(tracker.expire(due - 1, |_| None), []);
            assert_eq!(tracker.expire(due, |_| None), [S]);
        }
    }

    #[test]
    fn what_a_connection_heard_keeps_its_session() {
        let mut tracker = SessionTracker::new(1000, 0);
        tracker.track(S, 5000, 0);
        assert_eq!(tracker.expire(6000, |_| Some(3000)), []);
        assert_eq!(tracker.next_deadline(), Some(9000));
        assert_eq!(tracker.expire(9000, |_| Some(3000)), vec![S]);
        tracker.remove(S);
        assert!(tracker.is_empty());
    }

    #[test]
    fn what_a_lost_connection_heard_counts() {
        let mut tracker = SessionTracker::new(1000, 0);
        tracker.track(S, 5000, 2000);
        tracker.touch(S, 1000);
        assert_eq!(tracker.next_deadline(), Some(8000));
        tracker.touch(S, 5500);
        assert_eq!(tracker.expire(10_999, |_| None), []);
        assert_eq!(tracker.expire(11_000, |_| None), [S]);
    }

    #[test]
    fn tracking_again_gives_a_new_timeout() {
        let mut tracker = SessionTracker::new(1000, 0);
        tracker.track(S, 5000, 0);
        tracker.track(S, 9000, 0);
        assert_eq!(tracker.next_deadline(), Some(10_000));
        assert_eq!(tracker.buckets().count(), 1);
    }

    #[test]
    fn a_closing_session_does_not_expire() {
        let mut tracker = SessionTracker::new(1000, 0);
        tracker.track(S, 5000, 0);
        tracker.set_closing(S);
        tracker.touch(S, 3000);
        assert_eq!(tracker.next_deadline(), None);
        assert!(tracker.session(S).expect("tracked").closing);
    }
}
