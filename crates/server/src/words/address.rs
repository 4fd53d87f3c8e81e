use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Shows an address as Java shows one that it never looked up: `/127.0.0.1:2181`,
/// `/[0:0:0:0:0:0:0:1]:2181`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JavaAddress(pub SocketAddr);

impl fmt::Display for JavaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.ip().to_canonical(), self.0) {
            (IpAddr::V6(_), SocketAddr::V6(address)) => write_v6(address, f),
            (ip, address) => write!(f, "/{ip}:{}", address.port()),
        }
    }
}

fn write_v6(address: SocketAddrV6, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [first, rest @ ..] = Ipv6Addr::segments(address.ip());
    write!(f, "/[{first:x}")?;
    for segment in rest {
        write!(f, ":{segment:x}")?;
    }
    if address.scope_id() != 0 {
        write!(f, "%{}", address.scope_id())?;
    }
    write!(f, "]:{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expect: &str) {
        assert_eq!(JavaAddress(address.parse().unwrap()).to_string(), expect);
    }

    #[test]
    fn addresses_are_shown_as_java_shows_them() {
        check("127.0.0.1:2181", "/127.0.0.1:2181");
        check("[::1]:2181", "/[0:0:0:0:0:0:0:1]:2181");
        check("[2001:db8::ff00:42]:1", "/[2001:db8:0:0:0:0:ff00:42]:1");
        check("[fe80::1%2]:1", "/[fe80:0:0:0:0:0:0:1%2]:1");
    }

    #[test]
    fn a_mapped_address_is_shown_as_the_ipv4_address_that_it_is() {
        check("[::ffff:10.0.0.1]:2181", "/10.0.0.1:2181");
    }
}
