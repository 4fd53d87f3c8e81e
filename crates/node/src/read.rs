//! Requests that are answered from the server's own state.

use alloc::vec::Vec;

use base::{SessionId, Zxid};
use tree::{Authenticator, ConnId, NodeRef, Tree, Watches, mask_digests, permits};
use wire::{
    AddWatchMode, CheckWatchesRequest, ClientInfo, DataResponse, ErrorCode, EventType, Id, Limits,
    MultiReadPart, MultiResult, OpCode, Perms, ReadRequest, Record, ReplyHeader, SetWatchesRequest,
    Text, WatcherEvent, WriteRequest, write_reply,
};

use crate::replica::{Replica, WatchLock};

/// The longest reply, in bytes: what a frame's length can say, with room for its header. More than
/// any client takes; only the children of a node with tens of millions come near it.
const REPLY_BYTES_MAX: usize = 1 << 30;

/// The longest reply to a multiRead, in bytes. A small request can name a large node thousands of
/// times; clients take 1 MiB by default (C-026).
const MULTI_READ_BYTES_MAX: usize = 64 << 20;

/// Who asks, and by which rules.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The connection, which its watches belong to.
    pub conn: ConnId,
    /// Its session.
    pub session: SessionId,
    /// What it has proved to be.
    pub identities: &'a [Id<'static>],
    /// The schemes that prove identities.
    pub schemes: &'a Authenticator,
    /// Whether permissions are not checked.
    pub skip_acl: bool,
    /// How long fields may be.
    pub limits: Limits,
}

impl Asker<'_> {
    fn demand(&self, perms: i32, node: NodeRef<'_>) -> Result<(), ErrorCode> {
        let permitted = self.skip_acl || permits(self.schemes, node.acl(), perms, self.identities);
        permitted.then_some(()).ok_or(ErrorCode::NoAuth)
    }
}

/// What became of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The zxid of the answer.
    pub zxid: Zxid,
    /// Bytes of data or names that were taken from the node asked for; none if there was no one
    /// node, or nothing was taken.
    pub taken: Option<usize>,
}

/// Answers one read: appends events that are owed first, then the reply, to `out`. Call it within
/// the shared section.
pub fn read<L: WatchLock>(
    replica: &Replica<L>,
    asker: &Asker<'_>,
    xid: i32,
    op: OpCode,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Answer {
    let zxid = replica.tree.last_zxid();
    let start = out.len();
    let xid = if op == OpCode::Ping { ReplyHeader::PING_XID } else { xid };
    let answer = match ReadRequest::decode(op, body, asker.limits) {
        Ok(ReadRequest::SetWatches(set)) => {
            set_watches(replica, asker, &set, out);
            write_reply(out, ReplyHeader { xid, zxid, err: 0 }, |_| {});
            return Answer { zxid, taken: None };
        }
        Ok(request) => {
            let reply = wire::begin_frame(out);
            ReplyHeader { xid, zxid, err: 0 }.write(out);
            let answer = respond(replica, asker, &request, out);
            if out.len() - start <= REPLY_BYTES_MAX {
                wire::end_frame(out, reply);
                answer
            } else {
                Err(ErrorCode::MarshallingError)
            }
        }
        Err(_) => Err(ErrorCode::MarshallingError),
    };
    if let Err(code) = answer {
        out.truncate(start);
        let writes_in_multi_read = op == OpCode::MultiRead
            && WriteRequest::decode(OpCode::Multi, body, asker.limits).is_ok();
        write_reply(out, ReplyHeader { xid, zxid, err: code.code() }, |out| {
            // Java finds this out only after it has begun to answer (C-017).
            if writes_in_multi_read {
                MultiResult::write_end(out);
            }
        });
    }
    Answer { zxid, taken: answer.ok().flatten() }
}

/// Appends the reply's body; returns what [`Answer::taken`] tells.
fn respond<L: WatchLock>(
    replica: &Replica<L>,
    asker: &Asker<'_>,
    request: &ReadRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<usize>, ErrorCode> {
    let tree = &replica.tree;
    let mut taken = None;
    let watch = |path: &str, wanted: bool, add: fn(&mut Watches, &Tree, ConnId, &str)| {
        if wanted {
            replica.watches.with(|watches| add(watches, tree, asker.conn, path));
        }
    };
    match request {
        ReadRequest::Ping | ReadRequest::SetWatches(_) => {}
        ReadRequest::Sync(sync) => sync.path.write(out),
        ReadRequest::Exists(ask) => {
            let found = exists(tree, asker, &ask.path);
            if matches!(found, Ok(_) | Err(ErrorCode::NoNode)) {
                watch(&ask.path, ask.watch, Watches::watch_data);
            }
            found?.stat().write(out);
            taken = Some(0);
        }
        ReadRequest::GetData(ask) => {
            let node = readable(tree, asker, &ask.path)?;
            watch(&ask.path, ask.watch, Watches::watch_data);
            DataResponse { data: node.data(), stat: node.stat() }.write(out);
            taken = node.data().map_or(Some(0), |data| Some(data.len()));
        }
        ReadRequest::GetAcl(ask) => acl(tree, asker, &ask.path, out)?,
        ReadRequest::GetChildren(ask) => {
            let node = readable(tree, asker, &ask.path)?;
            watch(&ask.path, ask.watch, Watches::watch_children);
            taken = Some(write_children(node, out));
        }
        ReadRequest::GetChildren2(ask) => {
            let node = readable(tree, asker, &ask.path)?;
            watch(&ask.path, ask.watch, Watches::watch_children);
            taken = Some(write_children(node, out));
            node.stat().write(out);
        }
        ReadRequest::GetAllChildrenNumber(ask) => {
            let count = readable(tree, asker, &ask.path)?.descendant_count();
            // Java compares keys as text: to the empty path even the root is a descendant (C-025).
            let count = count + usize::from(ask.path.is_empty());
            i32::try_from(count).unwrap_or(i32::MAX).write(out);
        }
        ReadRequest::GetEphemerals(prefix) => ephemerals(tree, asker, prefix.as_deref(), out),
        ReadRequest::MultiRead(parts) => {
            let end = out.len() + MULTI_READ_BYTES_MAX;
            for part in parts {
                write_part(tree, asker, part, out);
                if out.len() > end {
                    return Err(ErrorCode::MarshallingError);
                }
            }
            MultiResult::write_end(out);
        }
        ReadRequest::CheckWatches(ask) => check_watches(replica, asker, ask)?,
        ReadRequest::RemoveWatches(ask) => remove_watches(replica, asker, ask)?,
        ReadRequest::AddWatch(ask) => {
            replica.watches.with(|watches| {
                watches.watch_always(tree, asker.conn, &ask.path, ask.mode);
            });
            0i32.write(out);
        }
        ReadRequest::WhoAmI => who_am_i(asker, out),
    }
    Ok(taken)
}

fn find<'t>(tree: &'t Tree, path: &str) -> Result<NodeRef<'t>, ErrorCode> {
    tree.node(path).ok_or(ErrorCode::NoNode)
}

fn readable<'t>(tree: &'t Tree, asker: &Asker<'_>, path: &str) -> Result<NodeRef<'t>, ErrorCode> {
    let node = find(tree, path)?;
    asker.demand(Perms::READ, node)?;
    Ok(node)
}

fn exists<'t>(tree: &'t Tree, asker: &Asker<'_>, path: &str) -> Result<NodeRef<'t>, ErrorCode> {
    if path.contains('\0') {
        return Err(ErrorCode::BadArguments);
    }
    readable(tree, asker, path)
}

fn acl(tree: &Tree, asker: &Asker<'_>, path: &str, out: &mut Vec<u8>) -> Result<(), ErrorCode> {
    let node = find(tree, path)?;
    asker.demand(Perms::READ | Perms::ADMIN, node)?;
    match asker.demand(Perms::ADMIN, node) {
        Ok(()) => node.acl().to_vec().write(out),
        Err(_) => mask_digests(node.acl()).write(out),
    }
    node.stat().write(out);
    Ok(())
}

/// Returns the length of all names in bytes.
fn write_children(node: NodeRef<'_>, out: &mut Vec<u8>) -> usize {
    node.child_count().write(out);
    let mut names_bytes = 0;
    for name in node.children_bytes() {
        // A string is written as a buffer is.
        Some(name).write(out);
        names_bytes += name.len();
    }
    names_bytes
}

/// Every other prefix than none and the root is compared as plain text, not by components.
fn ephemerals(tree: &Tree, asker: &Asker<'_>, prefix: Option<&str>, out: &mut Vec<u8>) {
    let prefix = prefix.unwrap_or_default();
    // Java's `trim` takes control characters away, too.
    let all = matches!(prefix.trim_matches(|c| c <= ' '), "" | "/");
    let paths = tree.ephemerals(asker.session).filter(|path| all || path.starts_with(prefix));
    paths.map(Text::Owned).collect::<Vec<Text<'_>>>().write(out);
}

fn write_part(tree: &Tree, asker: &Asker<'_>, part: &MultiReadPart<'_>, out: &mut Vec<u8>) {
    let node_at = |path: &str| readable(tree, asker, path);
    let result = match part {
        MultiReadPart::GetChildren(ask) => node_at(&ask.path)
            .map(|node| MultiResult::Children(node.children().map(Text::Borrowed).collect())),
        MultiReadPart::GetData(ask) => {
            node_at(&ask.path).map(|node| MultiResult::Data(node.data(), node.stat()))
        }
    };
    result.unwrap_or_else(|code| MultiResult::Error(code.code())).write(out);
}

fn check_watches<L: WatchLock>(
    replica: &Replica<L>,
    asker: &Asker<'_>,
    ask: &CheckWatchesRequest<'_>,
) -> Result<(), ErrorCode> {
    let found = replica
        .watches
        .with(|watches| watches.contains(&replica.tree, asker.conn, &ask.path, ask.kind));
    found.then_some(()).ok_or(ErrorCode::NoWatcher)
}

fn remove_watches<L: WatchLock>(
    replica: &Replica<L>,
    asker: &Asker<'_>,
    ask: &CheckWatchesRequest<'_>,
) -> Result<(), ErrorCode> {
    let found = replica
        .watches
        .with(|watches| watches.remove(&replica.tree, asker.conn, &ask.path, ask.kind));
    found.then_some(()).ok_or(ErrorCode::NoWatcher)
}

fn who_am_i(asker: &Asker<'_>, out: &mut Vec<u8>) {
    let shown = |id: &Id<'static>| ClientInfo {
        auth_scheme: Text::Owned(id.scheme().into()),
        user: Text::Owned(asker.schemes.user_name(id)),
    };
    asker.identities.iter().map(shown).collect::<Vec<ClientInfo<'_>>>().write(out);
}

/// Watches again after a reconnect. What has happened meanwhile is told at once, with zxid -1 and
/// whatever the ACL says; where nothing has, the watch is set.
fn set_watches<L: WatchLock>(
    replica: &Replica<L>,
    asker: &Asker<'_>,
    set: &SetWatchesRequest<'_>,
    out: &mut Vec<u8>,
) {
    let (tree, conn) = (&replica.tree, asker.conn);
    let mut tell = |event: EventType, path: &str| {
        WatcherEvent::new(event, path).write_framed(Zxid(-1), out);
    };
    let newer = |zxid: Zxid| zxid > set.relative_zxid;
    replica.watches.with(|watches| {
        for path in &set.data {
            match tree.node(path) {
                None => tell(EventType::NodeDeleted, path),
                Some(node) if newer(node.stat().mzxid) => tell(EventType::NodeDataChanged, path),
                Some(_) => watches.watch_data(tree, conn, path),
            }
        }
        for path in &set.exist {
            match tree.node(path) {
                Some(_) => tell(EventType::NodeCreated, path),
                None => watches.watch_data(tree, conn, path),
            }
        }
        for path in &set.child {
            match tree.node(path) {
                None => tell(EventType::NodeDeleted, path),
                Some(node) if newer(node.stat().pzxid) => {
                    tell(EventType::NodeChildrenChanged, path);
                }
                Some(_) => watches.watch_children(tree, conn, path),
            }
        }
        for path in &set.persistent {
            watches.watch_always(tree, conn, path, AddWatchMode::Persistent);
        }
        for path in &set.persistent_recursive {
            watches.watch_always(tree, conn, path, AddWatchMode::PersistentRecursive);
        }
    });
}
