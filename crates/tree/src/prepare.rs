use alloc::format;
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use wire::{
    CheckTxn, CheckVersionRequest, CloseSessionTxn, CreateContainerTxn, CreateMode, CreateRequest,
    CreateTtlTxn, CreateTxn, DeleteRequest, DeleteTxn, ErrorCode, Id, OpCode, Perms, Record,
    SetAclRequest, SetAclTxn, SetDataRequest, SetDataTxn, StatPersisted, Text, Txn, TxnDigest,
    TxnHeader, WriteRequest,
};

use crate::acl_table::AclList;
use crate::auth::Authenticator;
use crate::digest;
use crate::overlay::{Overlay, Pending};
use crate::owner::{Owner, TTL_MS_MAX};
use crate::permission::{effective_acl, permits};
use crate::quota;
use crate::tree::{PROTECTED, Tree, length};

/// What decides whether a request may become a transaction.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The schemes that prove identities.
    pub schemes: Authenticator,
    /// Whether permissions are not checked (`zookeeper.skipACL`).
    pub skip_acl: bool,
    /// Whether hard quotas are enforced (`zookeeper.enforceQuota`).
    pub enforce_quota: bool,
    /// Whether closeSession transactions do not list paths (`closeSessionTxn.enabled=false`).
    pub close_session_without_paths: bool,
    /// Whether reconfig is allowed at all (`reconfigEnabled`).
    pub reconfig_enabled: bool,
    /// The longest log entry that every reader of the log accepts, in bytes; 0 is no limit. A
    /// request that would make a longer one is refused at the door: Java writes it, and then
    /// neither starts again (ZOOKEEPER-4306) nor keeps its quorum (ZOOKEEPER-3496). (C-005)
    pub entry_bytes_max: usize,
}

/// Who asks, and the place in the order that the answer takes.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'r> {
    /// The session; 0 for the server itself.
    pub session: SessionId,
    /// The request's xid; 0 for the server itself.
    pub cxid: i32,
    /// The transaction's place in the order.
    pub zxid: Zxid,
    /// The wall clock, in milliseconds.
    pub wall_ms: i64,
    /// What the connection has proved to be.
    pub identities: &'r [Id<'static>],
}

impl Origin<'_> {
    fn header(&self, op: OpCode) -> TxnHeader {
        TxnHeader {
            session: self.session,
            cxid: self.cxid,
            zxid: self.zxid,
            time_ms: self.wall_ms,
            op: op.code(),
        }
    }
}

/// One preparation: everything that is only read meanwhile.
struct Preparation<'p> {
    tree: &'p Tree,
    rules: &'p Rules,
    origin: &'p Origin<'p>,
}

impl Overlay {
    /// Appends to `out` the log entry that `request` becomes. A request that fails becomes an
    /// error transaction, which takes its place in the order like any other.
    ///
    /// The order of checks is ZooKeeper's (`PrepRequestProcessor`), first failure wins.
    pub fn prepare(
        &mut self,
        tree: &Tree,
        rules: &Rules,
        origin: &Origin<'_>,
        request: &WriteRequest<'_>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        origin.header(request.op()).write(out);
        let preparation = Preparation { tree, rules, origin };
        self.begin();
        let prepared = if let WriteRequest::Multi(parts) = request {
            self.multi(&preparation, parts, out)
        } else {
            preparation.single(self, request).map(|txn| txn.write(out))
        };
        let entry_bytes = out.len() - start + digest::LOGGED_LEN;
        let too_long = rules.entry_bytes_max > 0 && entry_bytes > rules.entry_bytes_max;
        match prepared {
            // What a session leaves cannot be refused; unlisted, every reader finds it by itself.
            Ok(()) if too_long && matches!(request, WriteRequest::CloseSession) => {
                out.truncate(start);
                origin.header(OpCode::CloseSession).write(out);
            }
            Ok(()) if !too_long => self.write_digest(tree, out),
            refused => {
                let code = refused.err().unwrap_or(ErrorCode::BadArguments);
                self.take_back(tree);
                out.truncate(start);
                Self::prepare_error(origin, code, out);
            }
        }
        self.keep();
    }

    /// Appends the entry of a request that has failed already.
    pub fn prepare_error(origin: &Origin<'_>, code: ErrorCode, out: &mut Vec<u8>) {
        origin.header(OpCode::Error).write(out);
        Txn::Error(code.code()).write(out);
    }

    /// Appends the entry of a new session with the timeout in milliseconds.
    pub fn prepare_session(
        &mut self,
        tree: &Tree,
        origin: &Origin<'_>,
        timeout_ms: i32,
        out: &mut Vec<u8>,
    ) {
        origin.header(OpCode::CreateSession).write(out);
        Txn::CreateSession(timeout_ms).write(out);
        self.write_digest(tree, out);
    }

    fn write_digest(&self, tree: &Tree, out: &mut Vec<u8>) {
        if !tree.options().digest_disabled {
            let tree_digest = self.digest().cast_signed();
            TxnDigest { version: digest::VERSION, tree_digest }.write(out);
        }
    }

    /// All or nothing: the first part that fails takes back those before it.
    ///
    /// # Errors
    /// When a part turns out to be undecodable, and with it the whole.
    fn multi(
        &mut self,
        preparation: &Preparation<'_>,
        parts: &[WriteRequest<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let mut has_failed = false;
        // A count that does not fit cannot have been decoded from a frame.
        i32::try_from(parts.len()).unwrap_or(i32::MAX).write(out);
        for part in parts {
            let prepared = match preparation.single_unless(has_failed, self, part) {
                Err(ErrorCode::MarshallingError) => return Err(ErrorCode::MarshallingError),
                prepared => prepared,
            };
            let txn = prepared.unwrap_or_else(|code| {
                has_failed = true;
                Txn::Error(code.code())
            });
            txn.op().code().write(out);
            let start = wire::begin_frame(out);
            txn.write(out);
            wire::end_frame(out, start);
        }
        if has_failed {
            self.take_back(preparation.tree);
        }
        Ok(())
    }
}

impl Preparation<'_> {
    /// A part of a multi; what stands behind the part that failed is not even looked at.
    fn single_unless<'a>(
        &self,
        has_failed: bool,
        overlay: &mut Overlay,
        part: &WriteRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        if has_failed { Err(ErrorCode::RuntimeInconsistency) } else { self.single(overlay, part) }
    }

    fn single<'a>(
        &self,
        overlay: &mut Overlay,
        request: &WriteRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        match request {
            WriteRequest::Create(create) => self.create(overlay, create),
            WriteRequest::Delete(delete) => self.delete(overlay, delete),
            WriteRequest::DeleteContainer(delete) => self.reap(overlay, &delete.path),
            WriteRequest::SetData(set) => self.set_data(overlay, set),
            WriteRequest::SetAcl(set) => self.set_acl(overlay, set),
            WriteRequest::Check(check) => self.check(overlay, check),
            WriteRequest::CloseSession => Ok(self.close_session(overlay)),
            WriteRequest::Reconfig(_) if !self.rules.reconfig_enabled => {
                Err(ErrorCode::ReconfigDisabled)
            }
            WriteRequest::Reconfig(_) | WriteRequest::Multi(_) => Err(ErrorCode::Unimplemented),
        }
    }

    fn create<'a>(
        &self,
        overlay: &mut Overlay,
        create: &CreateRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        let zxid = self.origin.zxid;
        let mode = self.create_mode(create)?;
        let parent_path = parent_of(&create.path)?;
        let acl =
            effective_acl(&self.rules.schemes, create.acl.as_deref(), self.origin.identities)?;
        let mut parent = overlay.node(self.tree, parent_path)?;
        self.demand(Perms::CREATE, &parent.acl)?;
        let path = match mode.is_sequential() {
            true => Text::Owned(format!("{}{:010}", create.path, parent.stat.cversion)),
            false => create.path.clone(),
        };
        validate(&path)?;
        if overlay.node(self.tree, &path).is_ok() {
            return Err(ErrorCode::NodeExists);
        }
        if let Owner::Session(_) = self.owner_of(&parent) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let data_len = create.data.map_or(0, length);
        self.demand_quota(overlay, &path, data_len, 1)?;

        parent.stat.cversion = parent.stat.cversion.wrapping_add(1);
        parent.stat.pzxid = zxid;
        parent.children += 1;
        let parent_cversion = parent.stat.cversion;
        let owner = self.owner_for(create, mode);
        let node = Pending {
            zxid,
            exists: true,
            stat: self.new_stat(owner),
            children: 0,
            acl: overlay.keep_acl(&acl),
            digest_prefix: self.digest_prefix(&path, create.data),
            data_len,
            counted: 0,
        };
        overlay.change(self.tree, parent_path, zxid, parent);
        overlay.change(self.tree, &path, zxid, node);

        let (data, acl) = (create.data, Some(acl));
        let ephemeral = matches!(owner, Owner::Session(_));
        Ok(match (create.op, owner) {
            (_, Owner::Children) => {
                Txn::CreateContainer(CreateContainerTxn { path, data, acl, parent_cversion })
            }
            (_, Owner::Ttl(ttl_ms)) => {
                Txn::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl_ms })
            }
            (OpCode::Create, _) => {
                Txn::Create(CreateTxn { path, data, acl, ephemeral, parent_cversion })
            }
            (_, _) => Txn::Create2(CreateTxn { path, data, acl, ephemeral, parent_cversion }),
        })
    }

    /// The mode, if it fits the operation. Java lets createTTL without a TTL mode and with a
    /// negative ttl pass, and no server can apply the result (C-004); here it is refused.
    fn create_mode(&self, create: &CreateRequest<'_>) -> Result<CreateMode, ErrorCode> {
        let mode = CreateMode::from_code(create.flags).ok_or(ErrorCode::BadArguments)?;
        if mode.has_ttl() && !self.tree.options().types.enabled {
            return Err(ErrorCode::Unimplemented);
        }
        let with_ttl = create.op == OpCode::CreateTtl;
        let in_range = (1..=TTL_MS_MAX).contains(&create.ttl_ms);
        match (with_ttl, mode.has_ttl()) {
            (true, true) if in_range => Ok(mode),
            (false, false) => Ok(mode),
            (true | false, _) => Err(ErrorCode::BadArguments),
        }
    }

    /// The operation, not the mode, makes a container or TTL node.
    fn owner_for(&self, create: &CreateRequest<'_>, mode: CreateMode) -> Owner {
        if create.op == OpCode::CreateContainer {
            Owner::Children
        } else if create.op == OpCode::CreateTtl {
            Owner::Ttl(create.ttl_ms)
        } else if mode.is_ephemeral() {
            Owner::Session(self.origin.session)
        } else {
            Owner::Nobody
        }
    }

    fn new_stat(&self, owner: Owner) -> StatPersisted {
        let (zxid, time) = (self.origin.zxid, self.origin.wall_ms);
        StatPersisted {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ephemeral_owner: owner.write(),
            ..StatPersisted::default()
        }
    }

    fn delete<'a>(
        &self,
        overlay: &mut Overlay,
        delete: &DeleteRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        let parent_path = deletable_parent_of(&delete.path)?;
        let parent = overlay.node(self.tree, parent_path)?;
        self.demand(Perms::DELETE, &parent.acl)?;
        let node = overlay.node(self.tree, &delete.path)?;
        next_version(node.stat.version, delete.version)?;
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(overlay, &delete.path, parent_path, node);
        Ok(Txn::Delete(DeleteTxn { path: delete.path.clone() }))
    }

    /// Deletes a container or TTL node whose time has come, if it still is one and childless.
    fn reap<'a>(&self, overlay: &mut Overlay, path: &Text<'a>) -> Result<Txn<'a>, ErrorCode> {
        let parent_path = deletable_parent_of(path)?;
        overlay.node(self.tree, parent_path)?;
        let node = overlay.node(self.tree, path)?;
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        if let Owner::Session(_) = self.owner_of(&node) {
            return Err(ErrorCode::BadVersion);
        }
        self.remove(overlay, path, parent_path, node);
        Ok(Txn::DeleteContainer(DeleteTxn { path: path.clone() }))
    }

    fn remove(&self, overlay: &mut Overlay, path: &str, parent_path: &str, node: Pending) {
        let zxid = self.origin.zxid;
        overlay.change(self.tree, path, zxid, Pending { exists: false, ..node });
        if let Ok(mut parent) = overlay.node(self.tree, parent_path) {
            parent.children -= 1;
            parent.stat.pzxid = zxid;
            overlay.change(self.tree, parent_path, zxid, parent);
        }
    }

    fn set_data<'a>(
        &self,
        overlay: &mut Overlay,
        set: &SetDataRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        validate(&set.path)?;
        let mut node = overlay.node(self.tree, &set.path)?;
        self.demand(Perms::WRITE, &node.acl)?;
        let data_len = set.data.map_or(0, length);
        self.demand_quota(overlay, &set.path, data_len - node.data_len, 0)?;
        let version = next_version(node.stat.version, set.version)?;
        node.stat.version = version;
        node.stat.mzxid = self.origin.zxid;
        node.stat.mtime = self.origin.wall_ms;
        node.data_len = data_len;
        node.digest_prefix = self.digest_prefix(&set.path, set.data);
        overlay.change(self.tree, &set.path, self.origin.zxid, node);
        Ok(Txn::SetData(SetDataTxn { path: set.path.clone(), data: set.data, version }))
    }

    fn set_acl<'a>(
        &self,
        overlay: &mut Overlay,
        set: &SetAclRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        validate(&set.path)?;
        let acl = effective_acl(&self.rules.schemes, set.acl.as_deref(), self.origin.identities)?;
        let mut node = overlay.node(self.tree, &set.path)?;
        self.demand(Perms::ADMIN, &node.acl)?;
        let version = next_version(node.stat.aversion, set.version)?;
        node.stat.aversion = version;
        // What is prepared behind it is judged by the new list at once (C-027).
        node.acl = overlay.keep_acl(&acl);
        overlay.change(self.tree, &set.path, self.origin.zxid, node);
        Ok(Txn::SetAcl(SetAclTxn { path: set.path.clone(), acl: Some(acl), version }))
    }

    fn check<'a>(
        &self,
        overlay: &Overlay,
        check: &CheckVersionRequest<'a>,
    ) -> Result<Txn<'a>, ErrorCode> {
        validate(&check.path)?;
        let node = overlay.node(self.tree, &check.path)?;
        self.demand(Perms::READ, &node.acl)?;
        let version = next_version(node.stat.version, check.version)?;
        Ok(Txn::Check(CheckTxn { path: check.path.clone(), version }))
    }

    /// The parents lose their children here and now (C-019).
    fn close_session(&self, overlay: &mut Overlay) -> Txn<'static> {
        let paths = overlay.ephemerals(self.tree, self.origin.session);
        for path in &paths {
            if let (Ok(parent), Ok(node)) = (parent_of(path), overlay.node(self.tree, path)) {
                self.remove(overlay, path, parent, node);
            }
        }
        let listed = || paths.iter().map(|path| Text::Owned((&**path).into())).collect();
        let without = self.rules.close_session_without_paths;
        Txn::CloseSession((!without).then(|| CloseSessionTxn { paths: listed() }))
    }

    fn owner_of(&self, node: &Pending) -> Owner {
        Owner::read(node.stat.ephemeral_owner, self.tree.options().types)
    }

    fn digest_prefix(&self, path: &str, data: Option<&[u8]>) -> u32 {
        if self.tree.digests(path) { digest::prefix(path, data) } else { 0 }
    }

    fn demand(&self, perms: i32, acl: &AclList) -> Result<(), ErrorCode> {
        let permitted =
            self.rules.skip_acl || permits(&self.rules.schemes, acl, perms, self.origin.identities);
        permitted.then_some(()).ok_or(ErrorCode::NoAuth)
    }

    /// Hard limits go by what has been applied, as in Java; soft ones are the operator's to watch.
    fn demand_quota(
        &self,
        overlay: &mut Overlay,
        path: &str,
        bytes: i64,
        count: i64,
    ) -> Result<(), ErrorCode> {
        if !self.rules.enforce_quota {
            return Ok(());
        }
        let Some(top) = self.tree.limited.covering(path) else {
            return Ok(());
        };
        let read = |path: &str| Some(quota::Limits::parse(self.tree.node(path)?.data()?));
        // Without a count of what is there nothing is limited.
        let read = (read(&quota::limits_path(top)), read(&quota::stats_path(top)));
        let (Some(limits), Some(used)) = read else {
            return Ok(());
        };
        let then = used.plus(count, bytes);
        let exceeds = |limit: Option<(i64, bool)>, then: i64, more: i64| {
            more != 0 && matches!(limit, Some((limit, true)) if then > limit)
        };
        let exceeded = exceeds(limits.count_limit(), then.count, count)
            || exceeds(limits.bytes_limit(), then.bytes, bytes);
        if !exceeded {
            return Ok(());
        }
        overlay.exceeded_quota = Some(path.into());
        Err(ErrorCode::QuotaExceeded)
    }
}

fn validate(path: &str) -> Result<(), ErrorCode> {
    wire::path::validate(path).map_err(|_| ErrorCode::BadArguments)
}

/// What stands before the last slash; empty for children of the root, and for the root itself.
fn parent_of(path: &str) -> Result<&str, ErrorCode> {
    match path.rsplit_once('/') {
        Some((parent, _)) if !path.contains('\0') => Ok(parent),
        Some(_) | None => Err(ErrorCode::BadArguments),
    }
}

fn deletable_parent_of(path: &str) -> Result<&str, ErrorCode> {
    match parent_of(path) {
        Ok(_) if PROTECTED.contains(&path) => Err(ErrorCode::BadArguments),
        parent => parent,
    }
}

/// The version after a change, if `expected` (-1 is any) is the one before.
fn next_version(current: i32, expected: i32) -> Result<i32, ErrorCode> {
    if expected != -1 && expected != current {
        return Err(ErrorCode::BadVersion);
    }
    Ok(current.wrapping_add(1))
}
