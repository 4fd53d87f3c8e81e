use base::SessionId;

/// The longest time to live, in milliseconds: 40 bits.
pub const TTL_MS_MAX: i64 = 0xFF_FFFF_FFFF;

const CONTAINER: i64 = i64::MIN;
/// High 16 bits of a TTL node's owner: 0xFF marks an extended type, 0x0000 below it the TTL.
const EXTENDED_MASK: i64 = 0xFF << 56;
const TYPE_MASK: i64 = 0xFFFF << 40;

/// How owners are read (`zookeeper.extendedTypesEnabled`, `zookeeper.emulate353TTLNodes`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtendedTypes {
    /// Whether TTL nodes exist at all.
    pub enabled: bool,
    /// Whether every negative owner but a container's counts as a TTL, as 3.5.3 wrote them.
    pub emulate_353: bool,
}

/// Who keeps a node alive, as its stored `ephemeralOwner` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody: it stays until deleted.
    Nobody,
    /// A session.
    Session(SessionId),
    /// Its children: a container.
    Children,
    /// Changes within its time to live, in milliseconds.
    Ttl(i64),
}

impl Owner {
    /// Reads a stored owner. An extended type that nobody knows counts as nobody: Java stops at
    /// such a node, and a node that cannot be reaped is better than a server that cannot start (C-006).
    #[must_use]
    pub fn read(raw: i64, types: ExtendedTypes) -> Owner {
        match raw {
            0 => Owner::Nobody,
            CONTAINER => Owner::Children,
            _ if !types.enabled => Owner::Session(SessionId(raw)),
            _ if types.emulate_353 && raw < 0 => Owner::Ttl(raw & TTL_MS_MAX),
            _ if raw & EXTENDED_MASK != EXTENDED_MASK => Owner::Session(SessionId(raw)),
            _ if raw & TYPE_MASK == 0 => Owner::Ttl(raw & TTL_MS_MAX),
            _ => Owner::Nobody,
        }
    }

    /// The stored form.
    #[must_use]
    pub fn write(self) -> i64 {
        match self {
            Owner::Nobody => 0,
            Owner::Session(session) => session.0,
            Owner::Children => CONTAINER,
            Owner::Ttl(ttl_ms) => EXTENDED_MASK | ttl_ms,
        }
    }

    /// What clients see as `ephemeralOwner`.
    #[must_use]
    pub fn shown(self) -> i64 {
        match self {
            Owner::Session(session) => session.0,
            Owner::Nobody | Owner::Children | Owner::Ttl(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_as_the_options_say() {
        let off = ExtendedTypes::default();
        let on = ExtendedTypes { enabled: true, emulate_353: false };
        let old = ExtendedTypes { enabled: true, emulate_353: true };
        let ttl = Owner::Ttl(1000).write();
        assert_eq!(ttl.cast_unsigned(), 0xFF00_0000_0000_03E8);
        assert_eq!(Owner::read(ttl, on), Owner::Ttl(1000));
        assert_eq!(Owner::read(ttl, off), Owner::Session(SessionId(ttl)));
        assert_eq!(Owner::read(i64::MIN + 1000, old), Owner::Ttl(1000));
        assert_eq!(Owner::read(i64::MIN + 1000, on), Owner::Session(SessionId(i64::MIN + 1000)));
        assert_eq!(Owner::read(ttl | 1 << 40, on), Owner::Nobody);
        for types in [off, on, old] {
            assert_eq!(Owner::read(0, types), Owner::Nobody);
            assert_eq!(Owner::read(i64::MIN, types), Owner::Children);
            assert_eq!(Owner::read(0x100, types), Owner::Session(SessionId(0x100)));
        }
    }
}
