use core::fmt;

/// A leader's term: the high 32 bits of every zxid that it hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

/// A transaction id: epoch in the high 32 bits, counter in the low 32.
///
/// Signed as on the wire; -1 is the zxid of a database that has no state at all.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

impl Zxid {
    /// The zxid of an empty database.
    pub const ZERO: Zxid = Zxid(0);

    /// The transaction id that follows within the same epoch.
    #[must_use]
    pub const fn next(self) -> Zxid {
        Zxid(self.0.wrapping_add(1))
    }

    /// The term in which the transaction was proposed.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        Epoch(Self::halves(self)[0])
    }

    /// The transaction's place within its epoch.
    #[must_use]
    pub const fn counter(self) -> u32 {
        Self::halves(self)[1]
    }

    const fn halves(self) -> [u32; 2] {
        let [a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A session's id. The top byte names the server that created it; 0 is no session.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

impl SessionId {
    /// The id of internal requests, and of a client that has no session yet.
    pub const NONE: SessionId = SessionId(0);
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A server's id within its ensemble (`myid`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zxid_is_epoch_and_counter() {
        let zxid = Zxid(0x0000_0005_ffff_fffe);
        assert_eq!((zxid.epoch(), zxid.counter()), (Epoch(5), 0xffff_fffe));
        assert_eq!(zxid.next().counter(), 0xffff_ffff);
    }
}
