use std::time::Duration;

use hdrhistogram::Histogram;

use crate::load::Load;
use crate::phase::Measured;

/// What a load measured after its warm-up.
#[derive(Debug, Clone)]
pub struct Report {
    /// The workload, as [`Workload`](crate::Workload) prints, with connections x outstanding: `get 32x16`.
    pub name: String,
    /// Operations answered in the measured time.
    pub operations: u64,
    /// The measured time.
    pub elapsed: Duration,
    /// From encoding a request to reading its reply, in microseconds.
    pub latency_us: Histogram<u64>,
}

impl Report {
    pub(crate) fn new(load: &Load, measured: Measured) -> Self {
        Self {
            name: format!("{} {}x{}", load.workload, load.connections, load.outstanding),
            operations: measured.latency_us.len(),
            elapsed: measured.elapsed,
            latency_us: measured.latency_us,
        }
    }

    /// Operations per second; zero if nothing was measured.
    #[must_use]
    pub fn operations_per_second(&self) -> f64 {
        if self.elapsed.is_zero() {
            0.0
        } else {
            self.operations as f64 / self.elapsed.as_secs_f64()
        }
    }

    /// The latency in microseconds that `percentile` (0 to 100) of the operations did not exceed.
    #[must_use]
    pub fn percentile_us(&self, percentile: f64) -> u64 {
        self.latency_us.value_at_percentile(percentile)
    }

    /// A heading and a line, in columns.
    #[must_use]
    pub fn table(&self) -> String {
        format!("{}\n{}\n", Self::heading(), self.row())
    }

    /// The heading over any number of [rows](Self::row).
    #[must_use]
    pub fn heading() -> String {
        format!(
            "{:<18} {:>10} {:>9} {:>9} {:>9} {:>9}  latency in us",
            "load", "ops/s", "p50", "p99", "p99.9", "max"
        )
    }

    /// This report's line of a table.
    #[must_use]
    pub fn row(&self) -> String {
        format!(
            "{:<18} {:>10.0} {:>9} {:>9} {:>9} {:>9}",
            self.name,
            self.operations_per_second(),
            self.percentile_us(50.0),
            self.percentile_us(99.0),
            self.percentile_us(99.9),
            self.latency_us.max(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_under_their_heading() {
        let mut latency_us = Histogram::new(3).unwrap();
        for us in 1..=1000 {
            latency_us.record(us).unwrap();
        }
        let name = "get 32x16".to_owned();
        let report =
            Report { name, operations: 1000, elapsed: Duration::from_millis(500), latency_us };
        assert_eq!(
            report.table(),
            "load                    ops/s       p50       p99     p99.9       max  latency in us\n\
             get 32x16                2000       500       990      1000      1000\n"
        );
    }
}
