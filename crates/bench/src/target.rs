use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// The servers that are measured, and how long they may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Client ports; connections go to them in turn. Never empty.
    pub servers: Vec<SocketAddr>,
    /// How long a server may be silent with requests outstanding before the run fails.
    pub patience: Duration,
}

impl Target {
    /// One server.
    #[must_use]
    pub fn one(server: SocketAddr) -> Self {
        Self { servers: vec![server], patience: Duration::from_secs(10) }
    }

    /// The server of connection number `index`.
    pub(crate) fn server(&self, index: usize) -> SocketAddr {
        self.servers[index % self.servers.len()]
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::one(SocketAddr::from(([127, 0, 0, 1], 2181)))
    }
}

/// Reads `HOST:PORT,HOST:PORT…`. Of a host with several addresses the first IPv4 address is taken, or else the first.
///
/// # Errors
/// Says which part is no address.
pub fn parse_servers(text: &str) -> Result<Vec<SocketAddr>, String> {
    text.split(',').map(|part| parse_server(part.trim())).collect()
}

fn parse_server(text: &str) -> Result<SocketAddr, String> {
    let found: Vec<_> =
        text.to_socket_addrs().map_err(|error| format!("`{text}`: {error}"))?.collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first()).copied().ok_or_else(|| format!("`{text}` has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_over_the_list() {
        let servers = parse_servers("127.0.0.1:2181, 127.0.0.1:2182").unwrap();
        let target = Target { servers, ..Target::default() };
        let ports: Vec<_> = (0..3).map(|index| target.server(index).port()).collect();
        assert_eq!(ports, [2181, 2182, 2181]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "127.0.0.1", "127.0.0.1:2181,", "127.0.0.1:x"] {
            assert!(parse_servers(text).is_err(), "{text}");
        }
    }
}
