use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// What to send, and how much of it.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server's client port.
    pub server: SocketAddr,
    /// Which requests are measured.
    pub workload: Workload,
    /// Sessions opened, each on its own connection.
    pub connections: usize,
    /// Requests that each connection keeps outstanding.
    pub outstanding: usize,
    /// Length of the value of every znode written, in bytes.
    pub value_bytes: usize,
    /// Znodes created before the measurement; reads and writes pick among them at random.
    pub keys: u32,
    /// When the measurement ends.
    pub limit: Limit,
    /// Time at the start of the load whose operations are left out of the report.
    pub warm_up: Duration,
    /// How long a server may be silent with requests outstanding before the run fails.
    pub patience: Duration,
    /// Seed of the choice of keys and operations.
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            server: SocketAddr::from(([127, 0, 0, 1], 2181)),
            workload: Workload::Get,
            connections: 1,
            outstanding: 1,
            value_bytes: 100,
            keys: 10_000,
            limit: Limit::Time(Duration::from_secs(10)),
            warm_up: Duration::from_secs(1),
            patience: Duration::from_secs(10),
            seed: 1,
        }
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

/// The requests of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// `getData` of random keys.
    Get,
    /// `setData` of random keys.
    Set,
    /// `getData`, and the rest `setData`.
    Mixed {
        /// Share of reads, 0 to 100.
        get_percent: u8,
    },
    /// `create` of new znodes; their removal afterwards is not measured.
    Create,
}

impl FromStr for Workload {
    type Err = String;

    /// Reads `get`, `set`, `create`, or `mixed:PERCENT` where PERCENT is the share of reads.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "get" => Ok(Self::Get),
            "set" => Ok(Self::Set),
            "create" => Ok(Self::Create),
            other => other
                .strip_prefix("mixed:")
                .and_then(|percent| percent.parse().ok())
                .filter(|percent| *percent <= 100)
                .map(|get_percent| Self::Mixed { get_percent })
                .ok_or_else(|| format!("`{other}` is none of get, set, create, mixed:0..100")),
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Get => f.write_str("get"),
            Self::Set => f.write_str("set"),
            Self::Mixed { get_percent } => write!(f, "mixed:{get_percent}"),
            Self::Create => f.write_str("create"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_read_back_as_they_print() {
        for text in ["get", "set", "create", "mixed:0", "mixed:90", "mixed:100"] {
            assert_eq!(text.parse::<Workload>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_share_above_the_whole_is_refused() {
        for text in ["mixed:101", "mixed:", "mixed", "put", ""] {
            assert!(text.parse::<Workload>().is_err(), "{text}");
        }
    }
}
