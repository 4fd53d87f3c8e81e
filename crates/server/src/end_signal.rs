use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that ends the server, unless whoever started it had it ignored.
pub(crate) struct EndSignal(Option<Signal>);

impl EndSignal {
    pub(crate) fn new(kind: SignalKind) -> std::io::Result<EndSignal> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = is_ignored(&status, kind.as_raw_value());
        Ok(EndSignal(if ignored { None } else { Some(signal(kind)?) }))
    }

    pub(crate) async fn comes(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether the process ignores the signal, by the system's account of it.
fn is_ignored(status: &str, number: i32) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(number - 1).ok().and_then(|bit| 1u64.checked_shl(bit));
    bit.is_some_and(|bit| ignored & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_set() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        let ignored: Vec<i32> = (1..=64).filter(|number| is_ignored(status, *number)).collect();
        assert_eq!(ignored, [1, 13]);
        assert!(!is_ignored("", 1));
    }
}
