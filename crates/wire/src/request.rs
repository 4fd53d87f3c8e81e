use alloc::vec::Vec;

use base::Zxid;

use crate::acl::Acl;
use crate::jute::{Buffer, DecodeError, Limits, Reader, Record, Text};
use crate::multi::{read_ops, write_ops};
use crate::op::OpCode;

records! {
    /// Precedes every request but the first.
    #[derive(Copy)]
    pub struct RequestHeader {
        /// Chosen by the client, echoed in the reply.
        pub xid: i32,
        /// An [`OpCode`], if the client is in order.
        pub op: i32,
    }

    /// A path alone.
    pub struct PathRequest<'a> {
        /// The node.
        pub path: Text<'a>,
    }

    /// A path, and whether to watch it.
    pub struct WatchRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Whether to leave a one-shot watch.
        pub watch: bool,
    }

    /// delete.
    pub struct DeleteRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// The version it must have; -1 for any.
        pub version: i32,
    }

    /// setData.
    pub struct SetDataRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its new data.
        pub data: Buffer<'a>,
        /// The version it must have; -1 for any.
        pub version: i32,
    }

    /// setACL.
    pub struct SetAclRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its new list.
        pub acl: Option<Vec<Acl<'a>>>,
        /// The ACL version it must have; -1 for any.
        pub version: i32,
    }

    /// check, within a multi.
    pub struct CheckVersionRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// The version it must have; -1 for any.
        pub version: i32,
    }

    /// reconfig.
    pub struct ReconfigRequest<'a> {
        /// Server lines to add or replace, joined by commas.
        pub joining_servers: Option<Text<'a>>,
        /// Server ids to remove, joined by commas.
        pub leaving_servers: Option<Text<'a>>,
        /// A whole new membership instead.
        pub new_members: Option<Text<'a>>,
        /// The configuration's version, or -1.
        pub config_id: i64,
    }

    /// auth.
    pub struct AuthPacket<'a> {
        /// 0; ignored.
        pub kind: i32,
        /// The scheme.
        pub scheme: Option<Text<'a>>,
        /// The credentials.
        pub auth: Buffer<'a>,
    }

    /// addWatch.
    pub struct AddWatchRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// How to watch.
        pub mode: AddWatchMode,
    }

    /// checkWatches and removeWatches.
    pub struct CheckWatchesRequest<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Which watches.
        pub kind: WatchedKind,
    }
}

macro_rules! numbered {
    ($($(#[$meta:meta])* $name:ident $what:literal { $($(#[$doc:meta])* $variant:ident = $value:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum $name {
            $($(#[$doc])* $variant = $value,)*
        }

        impl $name {
            /// The value that a number on the wire stands for.
            #[must_use]
            pub const fn from_code(code: i32) -> Option<$name> {
                match code {
                    $($value => Some($name::$variant),)*
                    _ => None,
                }
            }
        }

        impl<'a> Record<'a> for $name {
            fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let value = input.read()?;
                $name::from_code(value).ok_or(DecodeError::Unknown { what: $what, value })
            }
            fn write(&self, out: &mut Vec<u8>) {
                (*self as i32).write(out);
            }
        }
    )*};
}

numbered! {
    /// How a persistent watch watches.
    AddWatchMode "watch mode" {
        /// The node and its children's coming and going.
        Persistent = 0,
        /// The node and everything below it.
        PersistentRecursive = 1,
    }

    /// Which watches of a path are meant.
    WatchedKind "watcher type" {
        /// One-shot watches of children.
        Children = 1,
        /// One-shot watches of data.
        Data = 2,
        /// All.
        Any = 3,
        /// Persistent ones.
        Persistent = 4,
        /// Persistent recursive ones.
        PersistentRecursive = 5,
    }

    /// What kind of node a create makes.
    CreateMode "create mode" {
        /// Stays.
        Persistent = 0,
        /// Goes with its session.
        Ephemeral = 1,
        /// Stays; its name ends with a number.
        PersistentSequential = 2,
        /// Goes with its session; its name ends with a number.
        EphemeralSequential = 3,
        /// Goes once its last child has gone.
        Container = 4,
        /// Goes when unchanged and childless for its time to live.
        PersistentWithTtl = 5,
        /// The same; its name ends with a number.
        PersistentSequentialWithTtl = 6,
    }
}

impl CreateMode {
    /// Whether the session owns the node.
    #[must_use]
    pub const fn is_ephemeral(self) -> bool {
        matches!(self, CreateMode::Ephemeral | CreateMode::EphemeralSequential)
    }

    /// Whether a number is appended to the name.
    #[must_use]
    pub const fn is_sequential(self) -> bool {
        use CreateMode::{EphemeralSequential, PersistentSequential, PersistentSequentialWithTtl};
        matches!(self, PersistentSequential | EphemeralSequential | PersistentSequentialWithTtl)
    }

    /// Whether the node has a time to live.
    #[must_use]
    pub const fn has_ttl(self) -> bool {
        matches!(self, CreateMode::PersistentWithTtl | CreateMode::PersistentSequentialWithTtl)
    }
}

/// create, create2, createContainer and createTTL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest<'a> {
    /// Which of the four.
    pub op: OpCode,
    /// The node, without the sequence number.
    pub path: Text<'a>,
    /// Its data.
    pub data: Buffer<'a>,
    /// Its ACL.
    pub acl: Option<Vec<Acl<'a>>>,
    /// A [`CreateMode`], if the client is in order.
    pub flags: i32,
    /// Time to live in milliseconds; read and written for createTTL only.
    pub ttl_ms: i64,
}

impl<'a> CreateRequest<'a> {
    /// Reads the body of the create operation `op`.
    ///
    /// # Errors
    /// When the bytes are no such body.
    pub fn read(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(CreateRequest {
            op,
            path: input.read()?,
            data: input.read()?,
            acl: input.read()?,
            flags: input.read()?,
            ttl_ms: if op == OpCode::CreateTtl { input.read()? } else { 0 },
        })
    }

    /// Appends the body to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.path.write(out);
        self.data.write(out);
        self.acl.write(out);
        self.flags.write(out);
        if self.op == OpCode::CreateTtl {
            self.ttl_ms.write(out);
        }
    }
}

/// setWatches and setWatches2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetWatchesRequest<'a> {
    /// The newest state the client has seen.
    pub relative_zxid: Zxid,
    /// Nodes watched by getData, or by exists while they existed.
    pub data: Vec<Text<'a>>,
    /// Nodes watched by exists while absent.
    pub exist: Vec<Text<'a>>,
    /// Nodes watched by getChildren.
    pub child: Vec<Text<'a>>,
    /// Nodes with a persistent watch; setWatches2 only.
    pub persistent: Vec<Text<'a>>,
    /// Nodes with a persistent recursive watch; setWatches2 only.
    pub persistent_recursive: Vec<Text<'a>>,
}

impl<'a> SetWatchesRequest<'a> {
    fn read(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut request = SetWatchesRequest {
            relative_zxid: input.read()?,
            data: paths(input)?,
            exist: paths(input)?,
            child: paths(input)?,
            ..SetWatchesRequest::default()
        };
        if op == OpCode::SetWatches2 {
            request.persistent = paths(input)?;
            request.persistent_recursive = paths(input)?;
        }
        Ok(request)
    }

    /// Appends the body of `op` (setWatches or setWatches2) to `out`.
    pub fn write(&self, op: OpCode, out: &mut Vec<u8>) {
        self.relative_zxid.write(out);
        self.data.write(out);
        self.exist.write(out);
        self.child.write(out);
        if op == OpCode::SetWatches2 {
            self.persistent.write(out);
            self.persistent_recursive.write(out);
        }
    }
}

/// Java stumbles over a list that is null.
fn paths<'a>(input: &mut Reader<'a>) -> Result<Vec<Text<'a>>, DecodeError> {
    input.read::<Option<Vec<Text<'a>>>>()?.ok_or(DecodeError::Null)
}

/// A request that becomes a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteRequest<'a> {
    /// Any of the four creates.
    Create(CreateRequest<'a>),
    /// delete.
    Delete(DeleteRequest<'a>),
    /// deleteContainer: of the server's own reaper, but accepted from clients as Java does.
    DeleteContainer(PathRequest<'a>),
    /// setData.
    SetData(SetDataRequest<'a>),
    /// setACL.
    SetAcl(SetAclRequest<'a>),
    /// check, within a multi only.
    Check(CheckVersionRequest<'a>),
    /// Several of the above as one.
    Multi(Vec<WriteRequest<'a>>),
    /// reconfig.
    Reconfig(ReconfigRequest<'a>),
    /// closeSession.
    CloseSession,
}

impl<'a> WriteRequest<'a> {
    /// Reads the body of the write `op`. Bytes behind the body are ignored, as Java does.
    ///
    /// # Errors
    /// When the bytes are no such body, or `op` is no write of clients.
    pub fn decode(op: OpCode, body: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut input = Reader::new(body, limits);
        match op {
            OpCode::Multi => Ok(WriteRequest::Multi(read_ops(&mut input)?)),
            OpCode::CloseSession => Ok(WriteRequest::CloseSession),
            OpCode::SetAcl => Ok(WriteRequest::SetAcl(input.read()?)),
            OpCode::DeleteContainer => Ok(WriteRequest::DeleteContainer(input.read()?)),
            OpCode::Reconfig => Ok(WriteRequest::Reconfig(input.read()?)),
            _ => WriteRequest::read_simple(op, &mut input),
        }
    }

    /// Reads one of the operations that may also stand within a multi.
    pub(crate) fn read_simple(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                Ok(WriteRequest::Create(CreateRequest::read(op, input)?))
            }
            OpCode::Delete => Ok(WriteRequest::Delete(input.read()?)),
            OpCode::SetData => Ok(WriteRequest::SetData(input.read()?)),
            OpCode::Check => Ok(WriteRequest::Check(input.read()?)),
            other => Err(DecodeError::Unknown { what: "operation", value: other.code() }),
        }
    }

    /// The operation.
    #[must_use]
    pub fn op(&self) -> OpCode {
        match self {
            WriteRequest::Create(create) => create.op,
            WriteRequest::Delete(_) => OpCode::Delete,
            WriteRequest::DeleteContainer(_) => OpCode::DeleteContainer,
            WriteRequest::SetData(_) => OpCode::SetData,
            WriteRequest::SetAcl(_) => OpCode::SetAcl,
            WriteRequest::Check(_) => OpCode::Check,
            WriteRequest::Multi(_) => OpCode::Multi,
            WriteRequest::Reconfig(_) => OpCode::Reconfig,
            WriteRequest::CloseSession => OpCode::CloseSession,
        }
    }

    /// Appends the body to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            WriteRequest::Create(create) => create.write(out),
            WriteRequest::Delete(delete) => delete.write(out),
            WriteRequest::DeleteContainer(delete) => delete.write(out),
            WriteRequest::SetData(set) => set.write(out),
            WriteRequest::SetAcl(set) => set.write(out),
            WriteRequest::Check(check) => check.write(out),
            WriteRequest::Multi(ops) => write_ops(ops, out),
            WriteRequest::Reconfig(reconfig) => reconfig.write(out),
            WriteRequest::CloseSession => {}
        }
    }
}

/// One part of a multiRead. The watch flags are read and ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiReadPart<'a> {
    /// getChildren.
    GetChildren(WatchRequest<'a>),
    /// getData.
    GetData(WatchRequest<'a>),
}

/// A request that the serving server answers from its own state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadRequest<'a> {
    /// ping.
    Ping,
    /// exists.
    Exists(WatchRequest<'a>),
    /// getData.
    GetData(WatchRequest<'a>),
    /// getACL.
    GetAcl(PathRequest<'a>),
    /// getChildren: names only.
    GetChildren(WatchRequest<'a>),
    /// getChildren2: names and stat.
    GetChildren2(WatchRequest<'a>),
    /// getAllChildrenNumber.
    GetAllChildrenNumber(PathRequest<'a>),
    /// getEphemerals; the prefix may be null.
    GetEphemerals(Option<Text<'a>>),
    /// sync. On a server that leads, or stands alone, a read like any other.
    Sync(PathRequest<'a>),
    /// multiRead: getData and getChildren only.
    MultiRead(Vec<MultiReadPart<'a>>),
    /// checkWatches.
    CheckWatches(CheckWatchesRequest<'a>),
    /// removeWatches.
    RemoveWatches(CheckWatchesRequest<'a>),
    /// setWatches and setWatches2.
    SetWatches(SetWatchesRequest<'a>),
    /// addWatch.
    AddWatch(AddWatchRequest<'a>),
    /// whoAmI.
    WhoAmI,
}

impl<'a> ReadRequest<'a> {
    /// Reads the body of the read `op`. Bytes behind the body are ignored, as Java does.
    ///
    /// # Errors
    /// When the bytes are no such body, or `op` is no read.
    pub fn decode(op: OpCode, body: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut input = Reader::new(body, limits);
        let input = &mut input;
        Ok(match op {
            OpCode::Ping => ReadRequest::Ping,
            OpCode::Exists => ReadRequest::Exists(input.read()?),
            OpCode::GetData => ReadRequest::GetData(input.read()?),
            OpCode::GetAcl => ReadRequest::GetAcl(input.read()?),
            OpCode::GetChildren => ReadRequest::GetChildren(input.read()?),
            OpCode::GetChildren2 => ReadRequest::GetChildren2(input.read()?),
            OpCode::GetAllChildrenNumber => ReadRequest::GetAllChildrenNumber(input.read()?),
            OpCode::GetEphemerals => ReadRequest::GetEphemerals(input.read()?),
            OpCode::Sync => ReadRequest::Sync(input.read()?),
            OpCode::MultiRead => ReadRequest::MultiRead(read_ops(input)?),
            OpCode::CheckWatches => ReadRequest::CheckWatches(input.read()?),
            OpCode::RemoveWatches => ReadRequest::RemoveWatches(input.read()?),
            OpCode::SetWatches | OpCode::SetWatches2 => {
                ReadRequest::SetWatches(SetWatchesRequest::read(op, input)?)
            }
            OpCode::AddWatch => ReadRequest::AddWatch(input.read()?),
            OpCode::WhoAmI => ReadRequest::WhoAmI,
            other => {
                return Err(DecodeError::Unknown { what: "operation", value: other.code() });
            }
        })
    }
}
