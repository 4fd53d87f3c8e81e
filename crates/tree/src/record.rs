//! A node, packed into a few bytes.
//!
//! ```text
//! record: u16 its length | links | u32 ACL | u32 prefix of the digest | flags | small or large
//! links:  u32 parent | u32 first child | u32 next | u32 previous | u32 number of children
//! small:  u8 length of name | name | stat | data
//! large:  u8 index of name and data, kept elsewhere | u32 length of name | stat
//! stat:   czxid, ctime | mzxid, mtime if changed | pzxid if a parent | owner if owned | three counts if counted
//! ```
//! Most nodes are created and never changed: their stat takes 16 bytes of the 60. What a lookup
//! compares, parent and name, is in the first cache line.

use alloc::vec::Vec;

use base::Zxid;
use wire::StatPersisted;

use crate::acl_table::AclId;
use crate::store::NodeId;

/// A node's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) parent: NodeId,
    pub(crate) first_child: NodeId,
    pub(crate) next: NodeId,
    pub(crate) prev: NodeId,
    pub(crate) children: u32,
}

impl Links {
    pub(crate) const NONE: Links = Links {
        parent: NodeId::NONE,
        first_child: NodeId::NONE,
        next: NodeId::NONE,
        prev: NodeId::NONE,
        children: 0,
    };

    fn pack(&self) -> [u8; LINKS_LEN] {
        let ids = [self.parent, self.first_child, self.next, self.prev].map(|id| id.0);
        let mut packed = [0; LINKS_LEN];
        for (slot, value) in packed.chunks_exact_mut(4).zip(ids.into_iter().chain([self.children]))
        {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        packed
    }
}

/// What stands in front of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) links: Links,
    pub(crate) acl: AclId,
    /// CRC-32 of path and data, what the digest keeps of them.
    pub(crate) digest_prefix: u32,
}

const LINKS_LEN: usize = 20;
const LINKS_AT: usize = 2;
const ACL_AT: usize = LINKS_AT + LINKS_LEN;
const PREFIX_AT: usize = ACL_AT + 4;
const FLAGS_AT: usize = PREFIX_AT + 4;
/// Length of a small node's name, or a large one's index.
const BYTE_AT: usize = FLAGS_AT + 1;
const SMALL_HEAD: usize = BYTE_AT + 1;
const LARGE_HEAD: usize = SMALL_HEAD + 4;

/// There is data, if only none of it.
const HAS_DATA: u8 = 1;
/// Name and data are kept elsewhere.
const LARGE: u8 = 1 << 1;
/// `mzxid` and `mtime` are not those of the creation.
const CHANGED: u8 = 1 << 2;
/// `pzxid` is not that of the creation.
const PARENT: u8 = 1 << 3;
/// One of the three counts is not zero.
const COUNTED: u8 = 1 << 4;
/// Somebody owns it.
const OWNED: u8 = 1 << 5;
const STAT: u8 = CHANGED | PARENT | COUNTED | OWNED;

/// The longest name and data that lie in a record, in bytes.
pub(crate) const NAME_MAX: usize = 255;
pub(crate) const DATA_MAX: usize = 256;
/// The longest record, in bytes.
pub(crate) const RECORD_MAX: usize = SMALL_HEAD + NAME_MAX + 60 + DATA_MAX;

/// Whether name and data lie in the record itself.
pub(crate) fn is_small(name: &[u8], data: Option<&[u8]>) -> bool {
    name.len() <= NAME_MAX && data.map_or(0, <[u8]>::len) <= DATA_MAX
}

/// A record that holds name and data, in `out`.
pub(crate) fn put_small(
    head: &Head,
    name: &[u8],
    data: Option<&[u8]>,
    stat: &StatPersisted,
    out: &mut Vec<u8>,
) {
    let name_len = u8::try_from(name.len()).expect("a small name");
    put_head(head, stat_flags(stat) | has_data(data.is_some()), name_len, out);
    out.extend_from_slice(name);
    put_stat(stat, out);
    out.extend_from_slice(data.unwrap_or_default());
    close(out);
}

/// Where a large node's name and data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) index: u8,
    pub(crate) name_len: u32,
    pub(crate) has_data: bool,
}

/// A record whose name and data are kept elsewhere, in `out`.
pub(crate) fn put_large(
    head: &Head,
    elsewhere: Elsewhere,
    stat: &StatPersisted,
    out: &mut Vec<u8>,
) {
    let flags = stat_flags(stat) | LARGE | has_data(elsewhere.has_data);
    put_head(head, flags, elsewhere.index, out);
    out.extend_from_slice(&elsewhere.name_len.to_le_bytes());
    put_stat(stat, out);
    close(out);
}

fn put_head(head: &Head, flags: u8, byte: u8, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; LINKS_AT]);
    out.extend_from_slice(&head.links.pack());
    out.extend_from_slice(&head.acl.0.to_le_bytes());
    out.extend_from_slice(&head.digest_prefix.to_le_bytes());
    out.extend_from_slice(&[flags, byte]);
}

/// Writes the length in front.
fn close(record: &mut [u8]) {
    let len = u16::try_from(record.len()).expect("a record is short");
    record[..LINKS_AT].copy_from_slice(&len.to_le_bytes());
}

/// The record at the front of `bytes`.
pub(crate) fn record_at(bytes: &[u8]) -> &[u8] {
    &bytes[..usize::from(u16::from_le_bytes(array(bytes)))]
}

/// Replaces the links of a record.
pub(crate) fn overwrite_links(record: &mut [u8], links: &Links) {
    record[LINKS_AT..ACL_AT].copy_from_slice(&links.pack());
}

/// Replaces the ACL of a record.
pub(crate) fn overwrite_acl(record: &mut [u8], acl: AclId) {
    record[ACL_AT..PREFIX_AT].copy_from_slice(&acl.0.to_le_bytes());
}

/// Replaces the prefix of the digest of a record.
pub(crate) fn overwrite_digest_prefix(record: &mut [u8], digest_prefix: u32) {
    record[PREFIX_AT..FLAGS_AT].copy_from_slice(&digest_prefix.to_le_bytes());
}

/// Overwrites the stat of a record, if the new one takes the same room.
#[must_use]
pub(crate) fn overwrite_stat(record: &mut [u8], stat: &StatPersisted) -> bool {
    let same = record[FLAGS_AT] & STAT == stat_flags(stat);
    if same {
        let at = Record(record).stat_at();
        let (packed, length) = pack(stat);
        record[at..at + length].copy_from_slice(&packed[..length]);
    }
    same
}

/// Overwrites stat and data of a record that holds its data, if the new ones take the same room.
#[must_use]
pub(crate) fn overwrite(record: &mut [u8], data: Option<&[u8]>, stat: &StatPersisted) -> bool {
    let new = data.unwrap_or_default();
    let old = Record(record);
    let held = if old.elsewhere().is_none() { old.data() } else { return false };
    let same = held.map(<[u8]>::len) == data.map(<[u8]>::len);
    if !same || !overwrite_stat(record, stat) {
        return false;
    }
    let at = record.len() - new.len();
    record[at..].copy_from_slice(new);
    true
}

/// A record that was written by this module.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a>(pub(crate) &'a [u8]);

impl<'a> Record<'a> {
    pub(crate) fn head(self) -> Head {
        Head { links: self.links(), acl: self.acl(), digest_prefix: self.digest_prefix() }
    }

    pub(crate) fn links(self) -> Links {
        let id = |number: usize| NodeId(self.int(LINKS_AT + 4 * number));
        Links {
            parent: id(0),
            first_child: id(1),
            next: id(2),
            prev: id(3),
            children: self.int(LINKS_AT + 16),
        }
    }

    pub(crate) fn acl(self) -> AclId {
        AclId(self.int(ACL_AT))
    }

    pub(crate) fn digest_prefix(self) -> u32 {
        self.int(PREFIX_AT)
    }

    fn int(self, at: usize) -> u32 {
        u32::from_le_bytes(array(&self.0[at..]))
    }

    /// Where name and data are; none if they are here.
    pub(crate) fn elsewhere(self) -> Option<Elsewhere> {
        (self.flags() & LARGE != 0).then(|| Elsewhere {
            index: self.0[BYTE_AT],
            name_len: self.int(SMALL_HEAD),
            has_data: self.has_data(),
        })
    }

    /// The name of a small node.
    pub(crate) fn name(self) -> &'a [u8] {
        &self.0[SMALL_HEAD..][..usize::from(self.0[BYTE_AT])]
    }

    /// The data of a small node.
    pub(crate) fn data(self) -> Option<&'a [u8]> {
        let at = self.stat_at() + stat_len(self.flags());
        self.has_data().then(|| &self.0[at..])
    }

    pub(crate) fn stat(self) -> StatPersisted {
        let flags = self.flags();
        let mut rest = &self.0[self.stat_at()..];
        let mut long = |present: u8, otherwise: i64| match flags & present == present {
            true => i64::from_le_bytes(take(&mut rest)),
            false => otherwise,
        };
        let (czxid, ctime) = (long(0, 0), long(0, 0));
        let (mzxid, mtime) = (long(CHANGED, czxid), long(CHANGED, ctime));
        let (pzxid, ephemeral_owner) = (long(PARENT, czxid), long(OWNED, 0));
        let mut count = || match flags & COUNTED == COUNTED {
            true => i32::from_le_bytes(take(&mut rest)),
            false => 0,
        };
        StatPersisted {
            czxid: Zxid(czxid),
            mzxid: Zxid(mzxid),
            ctime,
            mtime,
            version: count(),
            cversion: count(),
            aversion: count(),
            ephemeral_owner,
            pzxid: Zxid(pzxid),
        }
    }

    fn flags(self) -> u8 {
        self.0[FLAGS_AT]
    }

    fn has_data(self) -> bool {
        self.flags() & HAS_DATA != 0
    }

    fn stat_at(self) -> usize {
        match self.flags() & LARGE {
            0 => SMALL_HEAD + usize::from(self.0[BYTE_AT]),
            _ => LARGE_HEAD,
        }
    }
}

fn has_data(has: bool) -> u8 {
    if has { HAS_DATA } else { 0 }
}

/// Which parts of the stat cannot be told from the others.
fn stat_flags(stat: &StatPersisted) -> u8 {
    let parts = [
        (CHANGED, stat.mzxid != stat.czxid || stat.mtime != stat.ctime),
        (PARENT, stat.pzxid != stat.czxid),
        (COUNTED, (stat.version, stat.cversion, stat.aversion) != (0, 0, 0)),
        (OWNED, stat.ephemeral_owner != 0),
    ];
    parts.iter().fold(0, |flags, (flag, present)| if *present { flags | flag } else { flags })
}

/// The stat's bytes, and how many of them there are.
fn pack(stat: &StatPersisted) -> ([u8; 60], usize) {
    let flags = stat_flags(stat);
    let (mut packed, mut length) = ([0; 60], 0);
    let mut put = |present: u8, bytes: &[u8]| {
        if flags & present == present {
            packed[length..length + bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        }
    };
    put(0, &stat.czxid.0.to_le_bytes());
    put(0, &stat.ctime.to_le_bytes());
    put(CHANGED, &stat.mzxid.0.to_le_bytes());
    put(CHANGED, &stat.mtime.to_le_bytes());
    put(PARENT, &stat.pzxid.0.to_le_bytes());
    put(OWNED, &stat.ephemeral_owner.to_le_bytes());
    for count in [stat.version, stat.cversion, stat.aversion] {
        put(COUNTED, &count.to_le_bytes());
    }
    (packed, length)
}

fn put_stat(stat: &StatPersisted, out: &mut Vec<u8>) {
    let (packed, length) = pack(stat);
    out.extend_from_slice(&packed[..length]);
}

fn stat_len(flags: u8) -> usize {
    let parts = [(CHANGED, 16), (PARENT, 8), (OWNED, 8), (COUNTED, 12)];
    let present = parts.iter().filter(|(flag, _)| flags & flag != 0);
    16 + present.map(|(_, length)| length).sum::<usize>()
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let taken = array(rest);
    *rest = &rest[N..];
    taken
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("a record is as long as its flags say")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        links: Links {
            parent: NodeId(1),
            first_child: NodeId(2),
            next: NodeId(3),
            prev: NodeId(u32::MAX),
            children: 5,
        },
        acl: AclId(6),
        digest_prefix: 0xfedc_ba98,
    };

    #[test]
    fn a_head_is_changed_in_place() {
        let mut bytes = Vec::new();
        put_small(&HEAD, b"name", Some(b"data"), &stat(COUNTED), &mut bytes);
        assert_eq!(Record(&bytes).head(), HEAD);
        overwrite_links(&mut bytes, &Links::NONE);
        overwrite_acl(&mut bytes, AclId::OPEN);
        overwrite_digest_prefix(&mut bytes, 7);
        let record = Record(&bytes);
        let head = Head { links: Links::NONE, acl: AclId::OPEN, digest_prefix: 7 };
        assert_eq!((record.head(), record.stat()), (head, stat(COUNTED)));
        assert_eq!((record.name(), record.data()), (&b"name"[..], Some(&b"data"[..])));
        bytes.extend_from_slice(b"next");
        assert_eq!(record_at(&bytes).len(), bytes.len() - 4);
    }

    /// Each field another value, or what it is if nothing happened.
    fn stat(parts: u8) -> StatPersisted {
        let mut stat = StatPersisted {
            czxid: Zxid(7),
            mzxid: Zxid(7),
            pzxid: Zxid(7),
            ctime: -5,
            mtime: -5,
            ..StatPersisted::default()
        };
        if parts & CHANGED != 0 {
            (stat.mzxid, stat.mtime) = (Zxid(i64::MAX), i64::MIN);
        }
        if parts & PARENT != 0 {
            stat.pzxid = Zxid(9);
        }
        if parts & COUNTED != 0 {
            (stat.version, stat.cversion, stat.aversion) = (i32::MIN, 3, -1);
        }
        if parts & OWNED != 0 {
            stat.ephemeral_owner = -77;
        }
        stat
    }

    fn all_stats() -> impl Iterator<Item = StatPersisted> {
        (0..=u8::MAX).filter(|parts| parts & !STAT == 0).map(stat)
    }

    #[test]
    fn what_was_put_is_there() {
        for stat in all_stats() {
            for data in [None, Some(&b""[..]), Some(&[9; DATA_MAX])] {
                for name in [&b""[..], b"n", &[b'n'; NAME_MAX]] {
                    let mut bytes = Vec::new();
                    put_small(&HEAD, name, data, &stat, &mut bytes);
                    let record = Record(&bytes);
                    assert_eq!(record.elsewhere(), None);
                    assert_eq!((record.name(), record.data(), record.stat()), (name, data, stat));
                    assert!(bytes.len() <= RECORD_MAX);
                }
            }
        }
    }

    #[test]
    fn a_large_record_names_the_place() {
        for stat in all_stats() {
            for has_data in [false, true] {
                let elsewhere = Elsewhere { index: 31, name_len: u32::MAX, has_data };
                let mut bytes = Vec::new();
                put_large(&HEAD, elsewhere, &stat, &mut bytes);
                let record = Record(&bytes);
                assert_eq!((record.elsewhere(), record.stat()), (Some(elsewhere), stat));
            }
        }
    }

    #[test]
    fn data_is_overwritten_only_by_some_of_its_length() {
        let (plain, counted) = (stat(0), stat(COUNTED));
        let cases = [
            (Some(&b"new."[..]), plain, true),
            (Some(b"longer"), plain, false),
            (Some(b""), plain, false),
            (None, plain, false),
            (Some(b"new."), counted, false),
        ];
        for (data, stat, fits) in cases {
            let mut bytes = Vec::new();
            put_small(&HEAD, b"name", Some(b"data"), &plain, &mut bytes);
            assert_eq!(overwrite(&mut bytes, data, &stat), fits, "{data:?}");
            let expected = if fits { data } else { Some(&b"data"[..]) };
            assert_eq!((Record(&bytes).data(), Record(&bytes).name()), (expected, &b"name"[..]));
        }
    }

    #[test]
    fn a_stat_is_overwritten_only_by_one_of_its_size() {
        for before in all_stats() {
            for after in all_stats() {
                let mut bytes = Vec::new();
                put_small(&HEAD, b"name", Some(b"data"), &before, &mut bytes);
                let fits = stat_flags(&before) == stat_flags(&after);
                assert_eq!(overwrite_stat(&mut bytes, &after), fits);
                let record = Record(&bytes);
                assert_eq!(record.stat(), if fits { after } else { before });
                assert_eq!((record.name(), record.data()), (&b"name"[..], Some(&b"data"[..])));
            }
        }
    }
}
