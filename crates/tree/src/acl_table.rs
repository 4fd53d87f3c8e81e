use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use wire::{Acl, Record};

/// A node's access control list, shared by all nodes that have the same one.
pub type AclList = Arc<[Acl<'static>]>;

/// Names a list in an [`AclTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AclId(pub(crate) u32);

impl AclId {
    /// No list was ever stored (-1 in snapshots): the node is open to all.
    pub(crate) const OPEN: AclId = AclId(u32::MAX);

    /// The number in a snapshot.
    pub(crate) fn number(self) -> i64 {
        if self == AclId::OPEN { -1 } else { i64::from(self.0) }
    }
}

struct Entry {
    list: AclList,
    encoded: Box<[u8]>,
    uses: u32,
}

/// Lists in use, each once. Ids start at 1, as Java's do.
pub(crate) struct AclTable {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_bytes: HashMap<Box<[u8]>, u32, FixedState>,
    open: AclList,
    scratch: Vec<u8>,
}

impl AclTable {
    pub(crate) fn new(hash_seed: u64) -> AclTable {
        AclTable {
            entries: alloc::vec![None],
            free: Vec::new(),
            by_bytes: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
            open: Arc::from([Acl::world(wire::Perms::ALL)]),
            scratch: Vec::new(),
        }
    }

    /// Takes a use of the list, which is stored if it is new.
    pub(crate) fn acquire(&mut self, list: Option<&[Acl<'_>]>) -> AclId {
        let Some(list) = list else { return AclId::OPEN };
        self.scratch.clear();
        list.iter().for_each(|acl| acl.write(&mut self.scratch));
        let id = match self.by_bytes.get(self.scratch.as_slice()) {
            Some(id) => *id,
            None => self.insert(list),
        };
        if let Some(entry) = &mut self.entries[id as usize] {
            entry.uses += 1;
        }
        AclId(id)
    }

    /// Takes one more use of a list that is in use.
    pub(crate) fn acquire_again(&mut self, id: AclId) -> AclId {
        if let Some(Some(entry)) = self.entries.get_mut(id.0 as usize) {
            entry.uses += 1;
        }
        id
    }

    fn insert(&mut self, list: &[Acl<'_>]) -> u32 {
        let encoded: Box<[u8]> = self.scratch.as_slice().into();
        let entry = Entry {
            list: list.iter().map(|acl| acl.clone().into_owned()).collect(),
            encoded: encoded.clone(),
            uses: 0,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 distinct ACLs")
        });
        self.entries[id as usize] = Some(entry);
        self.by_bytes.insert(encoded, id);
        id
    }

    /// Gives a use back; the last one removes the list.
    pub(crate) fn release(&mut self, id: AclId) {
        if id == AclId::OPEN {
            return;
        }
        let slot = &mut self.entries[id.0 as usize];
        let Some(entry) = slot else { return };
        entry.uses -= 1;
        if entry.uses == 0 {
            self.by_bytes.remove(&entry.encoded);
            *slot = None;
            self.free.push(id.0);
        }
    }

    pub(crate) fn list(&self, id: AclId) -> &AclList {
        match self.entries.get(id.0 as usize) {
            Some(Some(entry)) => &entry.list,
            Some(None) | None => &self.open,
        }
    }

    /// All lists with the numbers under which a snapshot names them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i64, AclList)> + '_ {
        let numbered = (0i64..).zip(&self.entries);
        numbered.filter_map(|(id, entry)| Some((id, entry.as_ref()?.list.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_are_one_and_go_with_their_last_use() {
        let mut table = AclTable::new(1);
        let list = [Acl::world(1)];
        let (a, b) = (table.acquire(Some(&list)), table.acquire(Some(&list)));
        assert_eq!((a, a.number()), (b, 1));
        table.release(a);
        assert_eq!(table.list(b)[..], list);
        table.release(b);
        assert_eq!(table.all().count(), 0);
        assert_eq!(table.acquire(Some(&[Acl::world(2)])).number(), 1);
        assert_eq!(table.acquire(None).number(), -1);
    }
}
