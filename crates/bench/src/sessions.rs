use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::crowd::Crowd;
use crate::error::BenchError;
use crate::measure::Watch;
use crate::report::{Latency, Report, row};
use crate::target::Target;

/// Connects under way at once when nobody says otherwise: more only fill the server's queue of connections.
pub(crate) const IN_FLIGHT_DEFAULT: usize = 2000;

/// Sessions to be opened as fast as the server can.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Whom they go to.
    pub target: Target,
    /// How many.
    pub count: usize,
    /// Connects under way at once; `None` for all, up to 2,000.
    pub in_flight: Option<usize>,
}

/// How the opening went.
#[derive(Debug, Clone)]
pub struct SessionsReport {
    /// `sessions 10000`.
    pub name: String,
    /// Sessions opened.
    pub sessions: u64,
    /// From the first connect to the last session granted.
    pub elapsed: Duration,
    /// In microseconds, of each session from its connect.
    pub latency_us: Histogram<u64>,
    /// Connections that were refused, or closed before they had a session.
    pub refused: u64,
}

impl SessionsReport {
    /// A heading and a line.
    #[must_use]
    pub fn table(&self) -> String {
        let elapsed = self.elapsed.as_secs_f64();
        let per_second = if elapsed > 0.0 { self.sessions as f64 / elapsed } else { 0.0 };
        format!(
            "{}\n{}\n{} open after {elapsed:.3} s, {} refused\n",
            Report::heading(),
            row(&self.name, per_second, &self.latency_us),
            self.sessions,
            self.refused
        )
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "sessions": self.sessions,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "latency_us": Latency::of(&self.latency_us),
            "refused": self.refused,
        })
    }
}

/// Opens the sessions; they stay open until the crowd is closed or dropped.
///
/// # Errors
/// When the server is silent, or answers something other than a session. That it refuses some is counted, and no error.
pub fn open_sessions(
    sessions: &Sessions,
    watch: Watch<'_>,
) -> Result<(Crowd, SessionsReport), BenchError> {
    let in_flight = sessions.in_flight.unwrap_or(IN_FLIGHT_DEFAULT);
    if sessions.count == 0 || in_flight == 0 {
        return Err(BenchError::Load("sessions must not be zero"));
    }
    let (crowd, opened) = Crowd::open(&sessions.target, sessions.count, in_flight, watch)?;
    let report = SessionsReport {
        name: format!("sessions {}", sessions.count),
        sessions: opened.latency_us.len(),
        elapsed: opened.elapsed,
        latency_us: opened.latency_us,
        refused: opened.refused,
    };
    Ok((crowd, report))
}

/// Lets this process have as many descriptors as it may; returns how many that are, `None` for no limit.
///
/// # Errors
/// When the system refuses.
pub fn raise_descriptor_limit() -> Result<Option<u64>, BenchError> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).map_err(std::io::Error::from)?;
    Ok(limit.maximum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::new_histogram;

    #[test]
    fn json_has_every_figure() {
        let mut latency_us = new_histogram();
        latency_us.record(7).unwrap();
        let elapsed = Duration::from_millis(500);
        let name = "sessions 2".to_owned();
        let report = SessionsReport { name, sessions: 1, elapsed, latency_us, refused: 1 };
        let latency = serde_json::json!({
            "min": 7, "p50": 7, "p90": 7, "p99": 7, "p99_9": 7, "max": 7, "mean": 7.0
        });
        let expected = serde_json::json!({
            "name": "sessions 2", "sessions": 1, "elapsed_s": 0.5, "latency_us": latency, "refused": 1
        });
        assert_eq!(report.json(), expected);
        assert!(report.table().contains("1 open after 0.500 s, 1 refused"));
    }
}
