//! Loopback ports that nobody listens on, and who listens on one.

use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the kernel's range for outgoing connections: a port that a server gave up for a moment is not handed out as
/// the near end of somebody's connection before the server is back.
const FIRST: u16 = 12_000;
/// The end of the range, exclusive.
const END: u16 = 32_000;

/// The first of `len` adjacent ports on which nobody listens now.
///
/// Nobody is asked by binding: a probe's socket outlives the probe for a moment in every child that another thread
/// starts just then, and the port would be taken after all.
///
/// Somebody may be faster: whoever starts a server on it has to check with [`listens`] who it was that bound it.
///
/// # Panics
/// If no run of ports of that length is free.
pub fn free(len: u16) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let taken = listening_ports();
    // Runs of the suites side by side start far apart.
    let start = std::process::id().wrapping_mul(97);
    (FIRST..END)
        .map(|_| run(start.wrapping_add(NEXT.fetch_add(u32::from(len), Ordering::Relaxed)), len))
        .find(|ports| ports.end <= END && !ports.clone().any(|port| taken.contains(&port)))
        .expect("all loopback ports are taken")
        .start
}

/// The run of `len` ports that begins `offset` ports after the first, round and round.
fn run(offset: u32, len: u16) -> Range<u16> {
    let first = FIRST + u16::try_from(offset % u32::from(END - FIRST)).unwrap_or_default();
    first..first + len
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
    listeners().into_iter().filter(|listener| listener.port == port).map(|l| l.inode).collect()
}

fn listening_ports() -> Vec<u16> {
    listeners().into_iter().map(|listener| listener.port).collect()
}

struct Listener {
    port: u16,
    inode: u64,
}

/// Every listening TCP socket of this machine, by the kernel's own tables.
fn listeners() -> Vec<Listener> {
    const LISTEN: &str = "0A";
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| fs::read_to_string(table).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    rows.filter_map(|row| {
        // sl, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode
        let columns: Vec<&str> = row.split_whitespace().collect();
        let (_, port) = columns.get(1)?.rsplit_once(':')?;
        (columns.get(3) == Some(&LISTEN)).then_some(())?;
        Some(Listener {
            port: u16::from_str_radix(port, 16).ok()?,
            inode: columns.get(9)?.parse().ok()?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

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
        assert!(bound.iter().all(Result::is_ok), "{bound:?}");
    }

    #[test]
    fn runs_do_not_overlap() {
        let mut ports: Vec<u16> = [1, 3, 30, 1, 7]
            .into_iter()
            .flat_map(|len| {
                let first = free(len);
                first..first + len
            })
            .collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
        assert!(ports.iter().all(|port| (FIRST..END).contains(port)));
    }

    #[test]
    fn a_port_that_is_listened_on_is_not_free() {
        let first = free(2);
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert!(listening_ports().contains(&first));
        assert!(!(first..first + 2).contains(&free(1)));
    }
}
