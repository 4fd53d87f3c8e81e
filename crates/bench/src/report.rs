use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::{Measured, new_histogram};
use crate::mix::Operation;

/// Width of the column of names.
const NAME_COLUMNS: usize = 24;

/// What a load measured after its warm-up.
#[derive(Debug, Clone)]
pub struct Report {
    /// The mix with connections x outstanding: `get 32x16`.
    pub name: String,
    /// Operations answered in the measured time.
    pub operations: u64,
    /// The measured time.
    pub elapsed: Duration,
    /// In microseconds, from encoding a request to reading its reply; in an open loop, from when the request was due.
    pub latency_us: Histogram<u64>,
    /// The same for each operation that the mix had.
    pub by_operation: Vec<(Operation, Histogram<u64>)>,
    /// Each second of the measured time.
    pub timeline: Vec<Second>,
    /// CPU time of this process in the measured time.
    pub client_cpu: Duration,
    /// The subtree that was used.
    pub path: String,
    /// Requests of an open loop that were due and were never sent, because the server did not keep up.
    pub missed: u64,
}

/// One second of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Second {
    /// Its number, from 0.
    pub second: u64,
    /// Replies in it.
    pub operations: u64,
    /// Their 99th percentile, in microseconds.
    pub p99_us: u64,
    /// Their maximum, in microseconds.
    pub max_us: u64,
}

impl Report {
    /// `kinds` says what each index of the measure stands for.
    pub(crate) fn new(name: String, path: String, measured: Measured, kinds: &[Operation]) -> Self {
        let mut latency_us = new_histogram();
        let mut by_operation = Vec::new();
        for (operation, histogram) in kinds.iter().zip(measured.by_kind) {
            if let Some(histogram) = histogram {
                latency_us.add(&histogram).expect("equal bounds");
                by_operation.push((*operation, histogram));
            }
        }
        Self {
            name,
            operations: latency_us.len(),
            elapsed: measured.elapsed,
            latency_us,
            by_operation,
            timeline: measured.timeline,
            client_cpu: measured.cpu,
            path,
            missed: measured.missed,
        }
    }

    /// Operations per second; zero if nothing was measured.
    #[must_use]
    pub fn operations_per_second(&self) -> f64 {
        rate(self.operations, self.elapsed)
    }

    /// The latency in microseconds that `percentile` (0 to 100) of the operations did not exceed.
    #[must_use]
    pub fn percentile_us(&self, percentile: f64) -> u64 {
        self.latency_us.value_at_percentile(percentile)
    }

    /// A heading, a line, and if the load was mixed a line for each operation; and what an open loop could not send.
    #[must_use]
    pub fn table(&self) -> String {
        // A long name has a line of its own, so that the figures stay under their heading.
        let mut table = if self.name.len() > NAME_COLUMNS {
            let total = row("", self.operations_per_second(), &self.latency_us);
            format!("{}\n{}\n{total}\n", Self::heading(), self.name)
        } else {
            format!("{}\n{}\n", Self::heading(), self.row())
        };
        if self.by_operation.len() > 1 {
            for (operation, latency_us) in &self.by_operation {
                let per_second = rate(latency_us.len(), self.elapsed);
                let line = row(&format!("  {}", operation.name()), per_second, latency_us);
                table.push_str(&line);
                table.push('\n');
            }
        }
        if self.missed > 0 {
            let _ = writeln!(
                table,
                "The server did not keep up: {} requests were due and could not be sent. The latencies are those of the others.",
                self.missed
            );
        }
        table
    }

    /// The heading over any number of [rows](Self::row).
    #[must_use]
    pub fn heading() -> String {
        format!(
            "{:<NAME_COLUMNS$} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  latency in us",
            "load", "ops/s", "min", "p50", "p90", "p99", "p99.9", "max"
        )
    }

    /// This report's line of a table.
    #[must_use]
    pub fn row(&self) -> String {
        row(&self.name, self.operations_per_second(), &self.latency_us)
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let by_operation = self.by_operation.iter().map(|(operation, latency_us)| {
            let figures = serde_json::json!({
                "operations": latency_us.len(),
                "latency_us": Latency::of(latency_us),
            });
            (operation.name().to_owned(), figures)
        });
        serde_json::json!({
            "name": self.name,
            "operations": self.operations,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "operations_per_s": self.operations_per_second(),
            "latency_us": Latency::of(&self.latency_us),
            "by_operation": by_operation.collect::<serde_json::Map<_, _>>(),
            "timeline": self.timeline,
            "client_cpu_s": self.client_cpu.as_secs_f64(),
            "path": self.path,
            "missed": self.missed,
        })
    }
}

/// Latencies in microseconds, as they stand in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// The shortest.
    pub min: u64,
    /// The median.
    pub p50: u64,
    /// 90 % took no longer.
    pub p90: u64,
    /// 99 % took no longer.
    pub p99: u64,
    /// 99.9 % took no longer.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
    /// The mean.
    pub mean: f64,
}

impl Latency {
    pub(crate) fn of(latency_us: &Histogram<u64>) -> Self {
        let at = |quantile| latency_us.value_at_quantile(quantile);
        Self {
            min: latency_us.min(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: latency_us.max(),
            mean: latency_us.mean(),
        }
    }
}

fn rate(operations: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { operations as f64 / elapsed.as_secs_f64() }
}

pub(crate) fn row(name: &str, per_second: f64, latency_us: &Histogram<u64>) -> String {
    let Latency { min, p50, p90, p99, p99_9, max, .. } = Latency::of(latency_us);
    format!(
        "{name:<NAME_COLUMNS$} {per_second:>10.0} {min:>8} {p50:>8} {p90:>8} {p99:>8} {p99_9:>8} {max:>8}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(operations: &[Operation]) -> Report {
        let mut latency_us = new_histogram();
        for us in 1..=1000 {
            latency_us.record(us).unwrap();
        }
        let measured = Measured {
            by_kind: operations.iter().map(|_| Some(latency_us.clone())).collect(),
            elapsed: Duration::from_millis(500),
            timeline: vec![Second { second: 0, operations: 1000, p99_us: 990, max_us: 1000 }],
            cpu: Duration::from_millis(250),
            missed: 0,
        };
        Report::new("get 32x16".to_owned(), "/bench/r1".to_owned(), measured, operations)
    }

    #[test]
    fn rows_stand_under_their_heading() {
        assert_eq!(
            report(&[Operation::Get]).table(),
            "load                          ops/s      min      p50      p90      p99    p99.9      max  latency in us\n\
             get 32x16                      2000        1      500      900      990      999     1000\n"
        );
    }

    #[test]
    fn a_mixed_load_has_a_row_for_each_operation() {
        let table = report(&[Operation::Get, Operation::Set]).table();
        let names: Vec<_> = table.lines().map(|line| line[..24].trim_end()).collect();
        assert_eq!(names, ["load", "get 32x16", "  get", "  set"]);
    }

    #[test]
    fn a_long_name_moves_no_figure() {
        let name = "get=90,set=10 32x128 at 50000/s".to_owned();
        let table = Report { name: name.clone(), ..report(&[Operation::Get]) }.table();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[1], name);
        assert_eq!(&lines[2][..35], format!("{:>35}", 2000));
    }

    #[test]
    fn a_server_that_does_not_keep_up_is_named() {
        let late = Report { missed: 7, ..report(&[Operation::Get]) };
        assert!(late.table().contains("7 requests were due"));
    }

    #[test]
    fn json_has_every_figure() {
        let json = report(&[Operation::Get]).json();
        let latency = serde_json::json!({
            "min": 1, "p50": 500, "p90": 900, "p99": 990, "p99_9": 999, "max": 1000, "mean": 500.5
        });
        let expected = serde_json::json!({
            "name": "get 32x16",
            "operations": 1000,
            "elapsed_s": 0.5,
            "operations_per_s": 2000.0,
            "latency_us": latency,
            "by_operation": { "get": { "operations": 1000, "latency_us": latency } },
            "timeline": [{ "second": 0, "operations": 1000, "p99_us": 990, "max_us": 1000 }],
            "client_cpu_s": 0.25,
            "path": "/bench/r1",
            "missed": 0,
        });
        assert_eq!(json, expected);
    }
}
