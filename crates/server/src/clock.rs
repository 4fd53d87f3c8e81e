use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base::Now;

/// Reads the server's two clocks. The only place that does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock whose monotonic side starts at zero now.
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(crate) fn mono_ms(self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Now { mono_ms: self.mono_ms(), wall_ms }
    }
}
