use wire::OpCode;

use crate::config::RequestThrottle;

/// Decides what becomes of a request when its turn at the brain has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission(RequestThrottle);

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) op: OpCode,
    /// Since it came, in milliseconds.
    pub(crate) waited_ms: i64,
    /// Of its session, in milliseconds.
    pub(crate) session_timeout_ms: i32,
    /// Whether its connection has ended.
    pub(crate) is_orphan: bool,
    /// Requests that the brain owes answers to.
    pub(crate) in_process: usize,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is carried out.
    Admit,
    /// It is carried out although nobody may wait for it any more.
    AdmitStale,
    /// It waits until others are done.
    Hold,
    /// It is dropped, and its connection ends, lest what follows is carried out without it.
    Drop,
    /// It is answered with ZooKeeper's throttling error.
    Refuse,
}

impl Admission {
    pub(crate) fn new(settings: RequestThrottle) -> Admission {
        Admission(settings)
    }

    /// Whether requests may have to wait for others.
    pub(crate) fn may_hold(&self) -> bool {
        self.0.max_requests > 0
    }

    /// Whether there is room for another request.
    pub(crate) fn has_room(&self, in_process: usize) -> bool {
        !self.may_hold() || in_process < self.0.max_requests as usize
    }

    pub(crate) fn judge(&self, candidate: &Candidate) -> Verdict {
        let is_stale = self.is_stale(candidate);
        if self.may_hold() && self.0.drop_stale && is_stale {
            return Verdict::Drop;
        }
        if !self.has_room(candidate.in_process) {
            return Verdict::Hold;
        }
        let patience_ms = i64::from(self.0.throttled_op_wait_time_ms);
        if patience_ms > 0 && candidate.waited_ms > patience_ms && may_be_refused(candidate.op) {
            return Verdict::Refuse;
        }
        if is_stale { Verdict::AdmitStale } else { Verdict::Admit }
    }

    /// The end of a session outlives whoever asked for it.
    fn is_stale(&self, candidate: &Candidate) -> bool {
        let too_late = || candidate.waited_ms > i64::from(candidate.session_timeout_ms);
        candidate.op != OpCode::CloseSession
            && (self.0.stale_connection_check && candidate.is_orphan
                || self.0.stale_latency_check && too_late())
    }
}

/// What sessions live by is never refused.
fn may_be_refused(op: OpCode) -> bool {
    !matches!(op, OpCode::Ping | OpCode::CreateSession | OpCode::CloseSession)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDIDATE: Candidate = Candidate {
        op: OpCode::SetData,
        waited_ms: 50,
        session_timeout_ms: 6_000,
        is_orphan: false,
        in_process: 10,
    };

    #[track_caller]
    fn check(settings: RequestThrottle, candidate: Candidate, expect: Verdict) {
        assert_eq!(Admission::new(settings).judge(&candidate), expect);
    }

    #[test]
    fn by_default_everything_is_carried_out() {
        let settings = RequestThrottle::default();
        check(settings, Candidate { in_process: 1_000_000, ..CANDIDATE }, Verdict::Admit);
        check(settings, Candidate { waited_ms: 1_000_000, ..CANDIDATE }, Verdict::Admit);
        check(settings, Candidate { is_orphan: true, ..CANDIDATE }, Verdict::AdmitStale);
    }

    #[test]
    fn requests_wait_while_too_many_are_in_process() {
        let settings = RequestThrottle { max_requests: 10, ..RequestThrottle::default() };
        check(settings, CANDIDATE, Verdict::Hold);
        check(settings, Candidate { in_process: 9, ..CANDIDATE }, Verdict::Admit);
    }

    #[test]
    fn stale_requests_are_dropped_where_requests_wait() {
        let settings = RequestThrottle { max_requests: 10, ..RequestThrottle::default() };
        let orphan = Candidate { is_orphan: true, ..CANDIDATE };
        check(settings, orphan, Verdict::Drop);
        check(settings, Candidate { op: OpCode::CloseSession, ..orphan }, Verdict::Hold);
        check(RequestThrottle { drop_stale: false, ..settings }, orphan, Verdict::Hold);
        let unchecked = RequestThrottle { stale_connection_check: false, ..settings };
        check(unchecked, orphan, Verdict::Hold);
    }

    #[test]
    fn a_request_older_than_its_session_s_timeout_is_stale_if_asked_for() {
        let old = Candidate { waited_ms: 6_001, in_process: 0, ..CANDIDATE };
        let settings = RequestThrottle { max_requests: 10, ..RequestThrottle::default() };
        check(settings, old, Verdict::Admit);
        check(RequestThrottle { stale_latency_check: true, ..settings }, old, Verdict::Drop);
    }

    #[test]
    fn who_has_waited_too_long_is_refused_but_for_what_keeps_sessions() {
        let settings =
            RequestThrottle { throttled_op_wait_time_ms: 40, ..RequestThrottle::default() };
        check(settings, CANDIDATE, Verdict::Refuse);
        check(settings, Candidate { waited_ms: 40, ..CANDIDATE }, Verdict::Admit);
        for op in [OpCode::Ping, OpCode::CreateSession, OpCode::CloseSession] {
            check(settings, Candidate { op, ..CANDIDATE }, Verdict::Admit);
        }
    }
}
