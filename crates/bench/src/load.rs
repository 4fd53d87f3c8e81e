use std::time::Duration;

use crate::error::BenchError;
use crate::mix::{Mix, Operation};
use crate::pace::Pace;
use crate::target::Target;
use crate::tree::Keys;

/// ZooKeeper's default for `jute.maxbuffer`, less what a request holds beside its value.
const VALUE_BYTES_MAX: usize = 0xf_ffff - 512;
/// Operations of a multi, at most: more than any server takes by default.
const MULTI_SIZE_MAX: u32 = 100_000;

/// What to send, and how much of it.
#[derive(Debug, Clone)]
pub struct Load {
    /// Whom it goes to.
    pub target: Target,
    /// Which requests are measured.
    pub mix: Mix,
    /// Sessions opened, each on its own connection.
    pub connections: usize,
    /// Requests that each connection has outstanding: always in a closed loop, at most in an open one.
    pub outstanding: usize,
    /// Znodes created before the measurement; reads and writes pick among them at random.
    pub keys: Keys,
    /// When requests are sent.
    pub pace: Pace,
    /// When the measurement ends.
    pub limit: Limit,
    /// Time at the start of the load whose operations are left out of the report.
    pub warm_up: Duration,
    /// Operations in each multi and multiRead.
    pub multi_size: u32,
    /// Seed of the choice of keys and operations.
    pub seed: u64,
    /// A subtree that a fill left, to be used and left again instead of one that is made and removed.
    pub at: Option<String>,
    /// Leave the subtree behind.
    pub keep: bool,
    /// Check only the form of what is read, since the server (a [null server](crate::NullServer)) remembers nothing.
    pub unchecked_values: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            target: Target::default(),
            mix: Mix::only(Operation::Get),
            connections: 1,
            outstanding: 1,
            keys: Keys::default(),
            pace: Pace::Closed,
            limit: Limit::Time(Duration::from_secs(10)),
            warm_up: Duration::from_secs(1),
            multi_size: 10,
            seed: 1,
            at: None,
            keep: false,
            unchecked_values: false,
        }
    }
}

impl Load {
    /// The mix with connections x outstanding, and the rate of an open loop.
    #[must_use]
    pub fn name(&self) -> String {
        let name = format!("{} {}x{}", self.mix, self.connections, self.outstanding);
        match self.pace {
            Pace::Closed => name,
            Pace::Open { per_second } => format!("{name} at {per_second}/s"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), BenchError> {
        check_width(self.connections, self.outstanding)?;
        check_keys(&self.keys)?;
        if self.pace == (Pace::Open { per_second: 0 }) {
            return Err(BenchError::Load("a rate must not be zero"));
        }
        if !(1..=MULTI_SIZE_MAX).contains(&self.multi_size) {
            return Err(BenchError::Load("a multi has 1 to 100,000 operations"));
        }
        Ok(())
    }
}

/// When a measurement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// After this time, not counting the warm-up.
    Time(Duration),
    /// After this many operations, counting those of the warm-up.
    Operations(u64),
}

pub(crate) fn check_width(connections: usize, outstanding: usize) -> Result<(), BenchError> {
    if connections == 0 || outstanding == 0 {
        return Err(BenchError::Load("connections and outstanding requests must not be zero"));
    }
    Ok(())
}

pub(crate) fn check_keys(keys: &Keys) -> Result<(), BenchError> {
    if keys.count == 0 {
        return Err(BenchError::Load("keys must not be zero"));
    }
    if keys.value_bytes.is_some_and(|bytes| bytes > VALUE_BYTES_MAX) {
        return Err(BenchError::Load("value does not fit into a request"));
    }
    Ok(())
}
