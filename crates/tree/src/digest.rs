//! The tree digest: a sum over all nodes, so that servers can tell whether their trees are equal.
//!
//! A node adds the CRC-32 of its path, its data and its stat. The part before the stat is kept
//! with the node: most changes touch the stat alone, and a parent's data need not be read again
//! for each child. (Java: `DigestCalculator`, version 2.)

use wire::StatPersisted;

/// Version of the digest, in transactions and snapshots.
pub(crate) const VERSION: i32 = 2;

/// Length of a digest behind a transaction, in bytes.
pub(crate) const LOGGED_LEN: usize = 12;

/// Nodes below `/zookeeper` differ between servers and do not count.
pub(crate) fn counts(path: &str) -> bool {
    !path.starts_with("/zookeeper/")
}

/// CRC-32 of path and data.
pub(crate) fn prefix(path: &str, data: Option<&[u8]>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(if path == "/" { b"" } else { path.as_bytes() });
    crc.update(data.unwrap_or_default());
    crc.finalize()
}

/// What the node adds to the sum.
pub(crate) fn contribution(prefix: u32, stat: &StatPersisted) -> u64 {
    let mut bytes = [0; 60];
    let longs = [stat.czxid.0, stat.mzxid.0, stat.pzxid.0, stat.ctime, stat.mtime];
    for (slot, value) in bytes.chunks_exact_mut(8).zip(longs) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
    let ints = [stat.version, stat.cversion, stat.aversion];
    for (slot, value) in bytes[40..52].chunks_exact_mut(4).zip(ints) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
    bytes[52..].copy_from_slice(&stat.ephemeral_owner.to_be_bytes());
    let mut crc = crc32fast::Hasher::new_with_initial(prefix);
    crc.update(&bytes);
    u64::from(crc.finalize())
}
