//! What a run says while it goes on.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use bench::Moment;

/// How often there is a line where lines stay.
const EVERY: Duration = Duration::from_secs(5);

/// On a terminal one line that changes each second, elsewhere a line every five seconds; on stderr.
pub(crate) struct Progress {
    terminal: bool,
    /// Whether a line stands there that is to be written over.
    open: bool,
    last: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), open: false, last: Instant::now() }
    }

    pub(crate) fn tell(&mut self, moment: &Moment) {
        let line = format!(
            "{}: {} s, {} ops/s, p99 {} us",
            moment.stage,
            moment.elapsed.as_secs(),
            moment.operations_per_second,
            moment.p99_us
        );
        let mut stderr = std::io::stderr().lock();
        // A progress that nobody can read is no reason to end.
        if self.terminal {
            let _ = write!(stderr, "\r\x1b[2K{line}");
            let _ = stderr.flush();
            self.open = true;
        } else if self.last.elapsed() >= EVERY {
            let _ = writeln!(stderr, "{line}");
            self.last = Instant::now();
        }
    }

    /// Leaves a clean line to whatever follows.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
