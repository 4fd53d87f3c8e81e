use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use wire::{
    Acl, Buffer, CreateContainerTxn, CreateTtlTxn, CreateTxn, ErrorCode, LogEntry, OpCode,
    SetAclTxn, SetDataTxn, Stat, StatPersisted, SubTxn, Text, Txn, TxnHeader,
};

use crate::acl_table::AclList;
use crate::owner::{Owner, TTL_MS_MAX};
use crate::quota;
use crate::store::{NodeId, Store};
use crate::tree::{Newcomer, Tree, length, signed};

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
    /// Its data was set.
    DataChanged,
}

/// A change that watches may fire for, with the ACLs that decide who may be told.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// What happened.
    pub kind: ChangeKind,
    /// The node.
    pub path: &'a str,
    /// Its ACL; of a deleted node the one that it had.
    pub acl: &'a [Acl<'static>],
    /// Its parent's ACL.
    pub parent_acl: &'a [Acl<'static>],
    /// Length in bytes of the data that was written; 0 of a deleted node.
    pub data_bytes: usize,
    /// Its place; of a deleted node the one that it had.
    pub(crate) node: NodeId,
    /// Its parent's place; the root's is its own.
    pub(crate) parent: NodeId,
    /// Where the places are.
    pub(crate) store: &'a Store,
}

/// A node to be made, whichever of the four creates asks for it.
struct Creation<'t, 'a> {
    path: &'t Text<'a>,
    data: Buffer<'a>,
    acl: Option<&'t [Acl<'a>]>,
    parent_cversion: i32,
    owner: Owner,
    plain: bool,
}

impl<'t, 'a> Creation<'t, 'a> {
    fn node(create: &'t CreateTxn<'a>, session: SessionId, plain: bool) -> Creation<'t, 'a> {
        Creation {
            path: &create.path,
            data: create.data,
            acl: create.acl.as_deref(),
            parent_cversion: create.parent_cversion,
            owner: if create.ephemeral { Owner::Session(session) } else { Owner::Nobody },
            plain,
        }
    }

    fn container(create: &'t CreateContainerTxn<'a>) -> Creation<'t, 'a> {
        Creation {
            path: &create.path,
            data: create.data,
            acl: create.acl.as_deref(),
            parent_cversion: create.parent_cversion,
            owner: Owner::Children,
            plain: false,
        }
    }

    fn with_ttl(create: &'t CreateTtlTxn<'a>) -> Creation<'t, 'a> {
        Creation {
            path: &create.path,
            data: create.data,
            acl: create.acl.as_deref(),
            parent_cversion: create.parent_cversion,
            owner: Owner::Ttl(create.ttl_ms),
            plain: false,
        }
    }
}

/// What a transaction did, for the reply to whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// A node was created, with its full path and its stat.
    Created {
        /// The path, sequence number included.
        path: Text<'a>,
        /// The new node's stat.
        stat: Stat,
        /// Whether the request was a plain create, whose reply has no stat.
        plain: bool,
    },
    /// A node was deleted.
    Deleted,
    /// Data or ACL was set; the node's stat afterwards.
    Set(Stat),
    /// A version was as expected.
    Checked,
    /// A session began or ended.
    Session,
    /// Nothing changed; an error code, 0 for a part of a multi undone by a later one.
    Failed(i32),
    /// The parts of a multi.
    Multi(Vec<Outcome<'a>>),
}

impl Outcome<'_> {
    fn error(code: ErrorCode) -> Outcome<'static> {
        Outcome::Failed(code.code())
    }
}

/// What replaying an entry of the log showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Nothing of note.
    Applied,
    /// The tree's digest is not the one that the entry carries.
    DigestMismatch {
        /// What the entry carries.
        expected: u64,
        /// What the tree has.
        actual: u64,
    },
}

impl Tree {
    /// Applies a transaction. `fired` is told of every change, in order.
    pub fn apply<'a>(
        &mut self,
        header: &TxnHeader,
        txn: &Txn<'a>,
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'a> {
        let outcome = self.apply_one(header, txn, fired);
        self.reached(header.zxid);
        self.log_digest(header.zxid);
        outcome
    }

    /// Applies an entry of the log. Entries that a fuzzy snapshot already holds do no harm. As long as the log has
    /// not caught up with such a snapshot, digests are of no state that ever was: only those that an entry vouches for
    /// are logged.
    pub fn replay(&mut self, entry: &LogEntry<'_>) -> Replayed {
        let zxid = entry.header.zxid;
        self.apply_one(&entry.header, &entry.txn, &mut |_| {});
        self.reached(zxid);
        let expected = entry.digest.map(|digest| digest.tree_digest.cast_unsigned());
        match expected {
            Some(expected) if !self.options.digest_disabled && expected != self.digest => {
                return Replayed::DigestMismatch { expected, actual: self.digest };
            }
            Some(_) => self.log_digest(zxid),
            None => {}
        }
        Replayed::Applied
    }

    fn apply_one<'a>(
        &mut self,
        header: &TxnHeader,
        txn: &Txn<'a>,
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'a> {
        let zxid = header.zxid;
        match txn {
            Txn::Create(create) => {
                self.create(header, &Creation::node(create, header.session, true), fired)
            }
            Txn::Create2(create) => {
                self.create(header, &Creation::node(create, header.session, false), fired)
            }
            Txn::CreateContainer(create) => {
                self.create(header, &Creation::container(create), fired)
            }
            Txn::CreateTtl(create) => self.create(header, &Creation::with_ttl(create), fired),
            Txn::Delete(delete) | Txn::DeleteContainer(delete) => {
                self.delete(zxid, &delete.path, fired)
            }
            Txn::SetData(set) | Txn::Reconfig(set) => self.set_data(header, set, fired),
            Txn::SetAcl(set) => self.set_acl(set),
            Txn::Check(_) => Outcome::Checked,
            Txn::CreateSession(timeout_ms) => {
                self.sessions.insert(header.session, *timeout_ms);
                Outcome::Session
            }
            Txn::CloseSession(closing) => {
                let paths = closing.as_ref().map(|closing| closing.paths.as_slice());
                self.close_session(header.session, zxid, paths.unwrap_or_default(), fired);
                Outcome::Session
            }
            Txn::Error(code) => Outcome::Failed(*code),
            Txn::Multi(parts) => self.multi(header, parts, fired),
        }
    }

    fn create<'a>(
        &mut self,
        header: &TxnHeader,
        creation: &Creation<'_, 'a>,
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'a> {
        let path = creation.path;
        // Java logs a create with a ttl out of range and then stops at it, at every start (C-004).
        // Nothing can be done with such a node: it is not created.
        if matches!(creation.owner, Owner::Ttl(ttl_ms) if !(1..=TTL_MS_MAX).contains(&ttl_ms)) {
            return Outcome::error(ErrorCode::BadArguments);
        }
        let Some((parent, name)) = wire::path::split(path) else {
            return Outcome::error(ErrorCode::NodeExists);
        };
        let Some(parent_id) = self.store.find(parent) else {
            return Outcome::error(ErrorCode::NoNode);
        };
        // Only what a fuzzy snapshot already holds can be there: the ACL is made whole, and for
        // type 1, as in Java, the parent's stat.
        let spot = self.store.spot(path);
        if let Some(id) = spot.node {
            self.replace_acl(id, creation.acl);
            if creation.plain {
                self.count_creation(parent_id, parent, creation.parent_cversion, header.zxid);
            }
            return Outcome::error(ErrorCode::NodeExists);
        }
        self.count_creation(parent_id, parent, creation.parent_cversion, header.zxid);
        let stat = StatPersisted {
            czxid: header.zxid,
            mzxid: header.zxid,
            pzxid: header.zxid,
            ctime: header.time_ms,
            mtime: header.time_ms,
            ephemeral_owner: creation.owner.write(),
            ..StatPersisted::default()
        };
        let acl = self.acls.acquire(creation.acl);
        let newcomer = Newcomer { path, data: creation.data, acl, stat };
        let id = self.place(parent_id, spot, &newcomer);
        // As it was created: a node that counts for a quota is written to at once.
        let stat = self.node_ref(id).stat();
        self.quota_after_create(parent, name, path, creation.data);
        fired(Change {
            kind: ChangeKind::Created,
            path,
            acl: self.acl_of(id),
            parent_acl: self.acl_of(parent_id),
            data_bytes: creation.data.map_or(0, <[u8]>::len),
            node: id,
            parent: parent_id,
            store: &self.store,
        });
        Outcome::Created { path: path.clone(), stat, plain: creation.plain }
    }

    fn count_creation(&mut self, parent: NodeId, path: &str, cversion: i32, zxid: Zxid) {
        self.restat(parent, path, |stat| {
            let cversion = if cversion == -1 { stat.cversion.wrapping_add(1) } else { cversion };
            // Wrapping order: after 2147483647 comes -2147483648, which is newer.
            if cversion.wrapping_sub(stat.cversion) > 0 {
                stat.cversion = cversion;
                stat.pzxid = zxid;
            }
        });
    }

    fn delete(
        &mut self,
        zxid: Zxid,
        path: &str,
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'static> {
        let Some((parent, name)) = wire::path::split(path) else {
            return Outcome::error(ErrorCode::BadArguments);
        };
        let Some(parent_id) = self.store.find(parent) else {
            return Outcome::error(ErrorCode::NoNode);
        };
        self.restat(parent_id, parent, |stat| stat.pzxid = stat.pzxid.max(zxid));
        let Some(id) = self.store.find(path) else {
            return Outcome::error(ErrorCode::NoNode);
        };
        self.delete_descendants(id);
        let acl = self.acl_of(id).clone();
        let data_len = self.displace(id, path);
        self.quota_after_delete(parent, name, path, data_len);
        fired(Change {
            kind: ChangeKind::Deleted,
            path,
            acl: &acl,
            parent_acl: self.acl_of(parent_id),
            data_bytes: 0,
            node: id,
            parent: parent_id,
            store: &self.store,
        });
        Outcome::Deleted
    }

    /// What is prepared has none. Only a fuzzy snapshot can hold children of a node that is yet to
    /// be deleted: they belong to its successor, and the log makes both again.
    fn delete_descendants(&mut self, top: NodeId) {
        let mut descendants = Vec::new();
        let mut at = top;
        while let Some(id) = self.store.after(at, top) {
            descendants.push(id);
            at = id;
        }
        for id in descendants.into_iter().rev() {
            let path = self.store.path(id);
            let data_len = self.displace(id, &path);
            self.count_usage(&path, -signed(data_len), -1);
        }
    }

    fn set_data(
        &mut self,
        header: &TxnHeader,
        set: &SetDataTxn<'_>,
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'static> {
        let Some(id) = self.store.find(&set.path) else {
            return Outcome::error(ErrorCode::NoNode);
        };
        let before = self.redata(id, &set.path, set.data, |stat| {
            stat.version = set.version;
            stat.mzxid = header.zxid;
            stat.mtime = header.time_ms;
        });
        self.count_usage(&set.path, set.data.map_or(0, length) - signed(before), 0);
        let parent = self.store.node(id).links().parent;
        let parent = if parent == NodeId::NONE { id } else { parent };
        fired(Change {
            kind: ChangeKind::DataChanged,
            path: &set.path,
            acl: self.acl_of(id),
            parent_acl: self.acl_of(parent),
            data_bytes: set.data.map_or(0, <[u8]>::len),
            node: id,
            parent,
            store: &self.store,
        });
        Outcome::Set(self.node_ref(id).stat())
    }

    fn set_acl(&mut self, set: &SetAclTxn<'_>) -> Outcome<'static> {
        let Some(id) = self.store.find(&set.path) else {
            return Outcome::error(ErrorCode::NoNode);
        };
        self.replace_acl(id, set.acl.as_deref());
        self.restat(id, &set.path, |stat| stat.aversion = set.version);
        Outcome::Set(self.node_ref(id).stat())
    }

    fn replace_acl(&mut self, id: NodeId, acl: Option<&[Acl<'_>]>) {
        let acl = self.acls.acquire(acl);
        let old = self.store.set_acl(id, acl);
        self.acls.release(old);
    }

    fn close_session(
        &mut self,
        session: SessionId,
        zxid: Zxid,
        listed: &[Text<'_>],
        fired: &mut dyn FnMut(Change<'_>),
    ) {
        self.sessions.remove(&session);
        for path in listed {
            self.delete(zxid, path, fired);
        }
        // What the transaction does not list: all of it, when logs carry no paths.
        let mut rest: Vec<String> = self.ephemerals(session).collect();
        rest.sort_unstable();
        for path in rest {
            self.delete(zxid, &path, fired);
        }
    }

    fn multi<'a>(
        &mut self,
        header: &TxnHeader,
        parts: &[SubTxn<'a>],
        fired: &mut dyn FnMut(Change<'_>),
    ) -> Outcome<'a> {
        let limits = self.options.limits;
        let error = OpCode::Error.code();
        // In a failed multi only the errors are looked at: the records of the other parts were
        // never carried out and need not even be readable.
        if parts.iter().any(|part| part.op == error) {
            return Outcome::Multi(failed_parts(parts, limits));
        }
        let mut outcomes = Vec::with_capacity(parts.len());
        for part in parts {
            let header = TxnHeader { op: part.op, ..*header };
            outcomes.push(match part.txn(limits) {
                Ok(txn) => self.apply_one(&header, &txn, fired),
                Err(_) => Outcome::error(ErrorCode::MarshallingError),
            });
        }
        Outcome::Multi(outcomes)
    }

    fn acl_of(&self, id: NodeId) -> &AclList {
        self.acls.list(self.store.node(id).acl())
    }

    fn quota_after_create(&mut self, parent: &str, name: &str, path: &str, data: Option<&[u8]>) {
        if let Some(subject) = quota::subject(parent) {
            match name {
                quota::LIMITS => self.limited.insert(subject),
                quota::STATS => self.recount(subject),
                _ => {}
            }
        }
        self.count_usage(path, data.map_or(0, length), 1);
    }

    fn quota_after_delete(&mut self, parent: &str, name: &str, path: &str, data_len: usize) {
        if let (Some(subject), quota::LIMITS) = (quota::subject(parent), name) {
            self.limited.remove(subject);
        }
        self.count_usage(path, -signed(data_len), -1);
    }

    /// Adds to what the deepest limited path above counts.
    fn count_usage(&mut self, path: &str, bytes: i64, count: i64) {
        let Some(top) = self.limited.covering(path) else {
            return;
        };
        let stats = quota::stats_path(top);
        let Some(id) = self.store.find(&stats) else {
            return;
        };
        let used = quota::Limits::parse(self.store.node(id).data().unwrap_or_default());
        let used = used.plus(count, bytes);
        self.redata(id, &stats, Some(used.to_string().as_bytes()), |_| {});
    }
}

fn failed_parts(parts: &[SubTxn<'_>], limits: wire::Limits) -> Vec<Outcome<'static>> {
    let mut failed = false;
    let code_of = |part: &SubTxn<'_>| {
        if part.op == OpCode::Error.code() {
            failed = true;
            match part.txn(limits) {
                Ok(Txn::Error(code)) => code,
                Ok(_) | Err(_) => ErrorCode::MarshallingError.code(),
            }
        } else if failed {
            ErrorCode::RuntimeInconsistency.code()
        } else {
            0
        }
    };
    parts.iter().map(code_of).map(Outcome::Failed).collect()
}
