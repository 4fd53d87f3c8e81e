//! Loopback ports that nobody listens on, and who listens on one.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the kernel's range for outgoing connections: a port that a server gave up for a moment is not handed out as
/// the near end of somebody's connection before the server is back.
const FIRST: u16 = 12_000;
/// The end of the range, exclusive.
const END: u16 = 32_000;

/// The first of `len` adjacent ports on which nobody listens now.
///
/// Somebody may be faster: whoever starts a server on it has to check with [`listens`] who it was that bound it.
///
/// # Panics
/// If no run of ports of that length is free.
pub fn free(len: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = END - FIRST - len;
    // Runs of the suites side by side start far apart.
    let start = std::process::id().wrapping_mul(97);
    (0..span)
        .map(|_| {
            let step = u32::from(NEXT.fetch_add(len, Ordering::Relaxed));
            let offset = start.wrapping_add(step) % u32::from(span);
            FIRST + u16::try_from(offset).unwrap_or_default()
        })
        .find(|&first| (first..first + len).all(is_free))
        .expect("all loopback ports are taken")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// Whether process `pid` itself holds a listening socket on TCP port `port`.
pub fn listens(pid: u32, port: u16) -> bool {
    let sockets = listening_sockets(port);
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .any(|inode: u64| sockets.contains(&inode))
}

/// The inodes of the sockets that listen on `port`, on any address.
fn listening_sockets(port: u16) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| fs::read_to_string(table).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    rows.filter_map(|row| {
        // sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode
        let columns: Vec<&str> = row.split_whitespace().collect();
        let listening = columns.get(3) == Some(&LISTEN) && columns.get(1)?.ends_with(&suffix);
        listening.then(|| columns.get(9)?.parse().ok())?
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_its_process() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listens(std::process::id(), port));
        assert!(!listens(1, port));
        drop(listener);
        assert!(!listens(std::process::id(), port));
    }

    #[test]
    fn a_free_run_can_be_bound() {
        let first = free(3);
        let bound: Vec<_> =
            (first..first + 3).map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect();
        assert!(bound.iter().all(Result::is_ok));
    }
}
