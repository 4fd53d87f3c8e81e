//! A write as it is sent, and the answer to it as far as it can be foretold.

use anyhow::{Result, bail, ensure};
use wire::{
    Acl, CheckVersionRequest, CreateMode, CreateRequest, DeleteRequest, ErrorCode, Id, MultiResult,
    OpCode, SetAclRequest, SetDataRequest, Stat, Text, WriteRequest, read_results,
};

use crate::client::{Frame, reader};

/// Lists that nodes are given. Each leaves the loader all rights.
const LISTS: [&[(i32, &str, &str)]; 4] = [
    &[(31, "world", "anyone")],
    &[(31, "world", "anyone"), (1, "ip", "127.0.0.1")],
    &[(7, "digest", "joe:2Lc7wj0HVkAm0Lj9NzkOzr0OW20="), (31, "world", "anyone")],
    &[(31, "world", "anyone"), (3, "ip", "10.0.0.0/8"), (16, "digest", "ann:x")],
];

/// How many ACLs there are to choose from.
pub const ACLS: usize = LISTS.len();

/// The ACL with a number below [`ACLS`].
#[must_use]
pub fn acl(number: usize) -> Vec<Acl<'static>> {
    let entries = LISTS[number].iter();
    entries.map(|&(perms, scheme, id)| Acl { perms, id: Id::new(scheme, id) }).collect()
}

/// How long nodes with a time to live have, in milliseconds: longer than any run.
const TTL_MS: i64 = 24 * 3600 * 1000;

/// A request that changes something, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Any of the four creates, by its mode; `stat` asks for create2 where there is a choice.
    Create {
        /// Without the number of a sequential node.
        path: String,
        /// The node's data.
        data: Vec<u8>,
        /// The number of its ACL.
        acl: usize,
        /// What kind of node.
        mode: CreateMode,
        /// Whether the answer is to have the stat.
        stat: bool,
    },
    /// delete.
    Delete {
        /// The node.
        path: String,
        /// The version it must have; -1 for any.
        version: i32,
    },
    /// setData.
    SetData {
        /// The node.
        path: String,
        /// Its new data.
        data: Vec<u8>,
        /// The version it must have; -1 for any.
        version: i32,
    },
    /// setACL.
    SetAcl {
        /// The node.
        path: String,
        /// The number of its new ACL.
        acl: usize,
        /// The ACL version it must have; -1 for any.
        version: i32,
    },
    /// check, within a multi.
    Check {
        /// The node.
        path: String,
        /// The version it must have.
        version: i32,
    },
    /// Several as one.
    Multi(Vec<Write>),
    /// The session's end.
    Close,
}

impl Write {
    /// The request as it goes over the wire.
    #[must_use]
    pub fn request(&self) -> WriteRequest<'_> {
        match self {
            Write::Create { path, data, acl: number, mode, .. } => {
                WriteRequest::Create(CreateRequest {
                    op: self.op(),
                    path: path.into(),
                    data: Some(data),
                    acl: Some(acl(*number)),
                    flags: *mode as i32,
                    ttl_ms: TTL_MS,
                })
            }
            &Write::Delete { ref path, version } => {
                WriteRequest::Delete(DeleteRequest { path: path.into(), version })
            }
            &Write::SetData { ref path, ref data, version } => {
                WriteRequest::SetData(SetDataRequest {
                    path: path.into(),
                    data: Some(data),
                    version,
                })
            }
            &Write::SetAcl { ref path, acl: number, version } => {
                let acl = Some(acl(number));
                WriteRequest::SetAcl(SetAclRequest { path: path.into(), acl, version })
            }
            &Write::Check { ref path, version } => {
                WriteRequest::Check(CheckVersionRequest { path: path.into(), version })
            }
            Write::Multi(parts) => WriteRequest::Multi(parts.iter().map(Write::request).collect()),
            Write::Close => WriteRequest::CloseSession,
        }
    }

    /// The operation.
    #[must_use]
    pub fn op(&self) -> OpCode {
        match self {
            Write::Create { mode: CreateMode::Container, .. } => OpCode::CreateContainer,
            Write::Create { mode, .. } if mode.has_ttl() => OpCode::CreateTtl,
            Write::Create { stat: true, .. } => OpCode::Create2,
            Write::Create { .. } => OpCode::Create,
            Write::Delete { .. } => OpCode::Delete,
            Write::SetData { .. } => OpCode::SetData,
            Write::SetAcl { .. } => OpCode::SetAcl,
            Write::Check { .. } => OpCode::Check,
            Write::Multi(_) => OpCode::Multi,
            Write::Close => OpCode::CloseSession,
        }
    }
}

/// What can be foretold of an answer by whoever is the only one to change a subtree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An error code.
    Failed(i32),
    /// The name that the node got.
    Created(String),
    /// The version that the data, or the ACL, got.
    Set(i32),
    /// Just done.
    Done,
    /// Those of a multi's parts.
    Multi(Vec<Answer>),
}

impl Answer {
    /// The refusal of a request.
    #[must_use]
    pub const fn error(code: ErrorCode) -> Answer {
        Answer::Failed(code.code())
    }

    /// Whether something was changed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Answer::Failed(_) => false,
            Answer::Multi(parts) => parts.iter().all(Answer::is_success),
            _ => true,
        }
    }

    /// Reads the answer to `write`, and sees that stats in it are those of `frame`'s own transaction.
    ///
    /// # Errors
    /// When it is malformed, or a stat is another's.
    pub fn decode(write: &Write, frame: &Frame) -> Result<Answer> {
        if frame.header.err != 0 {
            return Ok(Answer::Failed(frame.header.err));
        }
        let mut input = reader(&frame.body);
        Ok(match write.op() {
            OpCode::Create => Answer::Created(input.read::<Text<'_>>()?.into_owned()),
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                let path: Text<'_> = input.read()?;
                created(path, &input.read()?, frame)?
            }
            OpCode::SetData => set(&input.read()?, frame)?,
            OpCode::SetAcl => Answer::Set(input.read::<Stat>()?.aversion),
            OpCode::Multi => {
                let results = read_results(&mut input)?.into_iter();
                Answer::Multi(results.map(|result| part(result, frame)).collect::<Result<_>>()?)
            }
            _ => Answer::Done,
        })
    }
}

fn part(result: MultiResult<'_>, frame: &Frame) -> Result<Answer> {
    Ok(match result {
        MultiResult::Create(path) => Answer::Created(path.into_owned()),
        MultiResult::Create2(path, stat) => created(path, &stat, frame)?,
        MultiResult::Delete | MultiResult::Check => Answer::Done,
        MultiResult::SetData(stat) => set(&stat, frame)?,
        MultiResult::Error(code) => Answer::Failed(code),
        MultiResult::Children(_) | MultiResult::Data(..) => bail!("a read in a multi"),
    })
}

fn created(path: Text<'_>, stat: &Stat, frame: &Frame) -> Result<Answer> {
    let zxid = frame.header.zxid;
    ensure!(
        (stat.czxid, stat.mzxid, stat.pzxid) == (zxid, zxid, zxid),
        "created by {zxid:?}: {stat:?}"
    );
    Ok(Answer::Created(path.into_owned()))
}

fn set(stat: &Stat, frame: &Frame) -> Result<Answer> {
    ensure!(stat.mzxid == frame.header.zxid, "set by {:?}: {stat:?}", frame.header.zxid);
    Ok(Answer::Set(stat.version))
}
