use alloc::vec::Vec;

use base::{SessionId, Zxid};

use crate::acl::Acl;
use crate::jute::{Buffer, DecodeError, Limits, Reader, Record, Text};
use crate::op::OpCode;
use crate::path;

records! {
    /// Precedes every transaction in log and proposals (32 bytes).
    #[derive(Copy)]
    pub struct TxnHeader {
        /// The session that asked for it; 0 for the server's own.
        pub session: SessionId,
        /// The request's xid; 0 for the server's own.
        pub cxid: i32,
        /// Its place in the order of all transactions.
        pub zxid: Zxid,
        /// When it was prepared, wall-clock milliseconds.
        pub time_ms: i64,
        /// An [`OpCode`].
        pub op: i32,
    }

    /// The tree's digest as it must be once the transaction is applied (12 bytes).
    #[derive(Copy)]
    pub struct TxnDigest {
        /// How it was computed: 2.
        pub version: i32,
        /// The sum over all nodes.
        pub tree_digest: i64,
    }

    /// create and create2.
    pub struct CreateTxn<'a> {
        /// The node, with its sequence number.
        pub path: Text<'a>,
        /// Its data.
        pub data: Buffer<'a>,
        /// Its ACL, `auth` entries expanded; null in logs of very old servers.
        pub acl: Option<Vec<Acl<'a>>>,
        /// Whether the header's session owns it.
        pub ephemeral: bool,
        /// The parent's stored cversion after this; -1 in logs that do not carry it.
        pub parent_cversion: i32,
    }

    /// createContainer.
    pub struct CreateContainerTxn<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its data.
        pub data: Buffer<'a>,
        /// Its ACL.
        pub acl: Option<Vec<Acl<'a>>>,
        /// The parent's stored cversion after this.
        pub parent_cversion: i32,
    }

    /// createTTL.
    pub struct CreateTtlTxn<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its data.
        pub data: Buffer<'a>,
        /// Its ACL.
        pub acl: Option<Vec<Acl<'a>>>,
        /// The parent's stored cversion after this.
        pub parent_cversion: i32,
        /// Time to live in milliseconds.
        pub ttl_ms: i64,
    }

    /// delete and deleteContainer.
    pub struct DeleteTxn<'a> {
        /// The node.
        pub path: Text<'a>,
    }

    /// setData and reconfig.
    pub struct SetDataTxn<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its new data.
        pub data: Buffer<'a>,
        /// Its version after this.
        pub version: i32,
    }

    /// setACL.
    pub struct SetAclTxn<'a> {
        /// The node.
        pub path: Text<'a>,
        /// Its new list.
        pub acl: Option<Vec<Acl<'a>>>,
        /// Its ACL version after this.
        pub version: i32,
    }

    /// check, within a multi.
    pub struct CheckTxn<'a> {
        /// The node.
        pub path: Text<'a>,
        /// The version checked, plus one.
        pub version: i32,
    }

    /// What a closing session leaves behind.
    pub struct CloseSessionTxn<'a> {
        /// Its ephemeral nodes, in the order in which they are deleted.
        pub paths: Vec<Text<'a>>,
    }

    /// One part of a multi, still encoded.
    pub struct SubTxn<'a> {
        /// An [`OpCode`]; -1 for an operation of a multi that failed.
        pub op: i32,
        /// The part's record.
        pub data: Buffer<'a>,
    }
}

/// A change of the tree or of the session table, as all servers apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Txn<'a> {
    /// create.
    Create(CreateTxn<'a>),
    /// create2.
    Create2(CreateTxn<'a>),
    /// createContainer.
    CreateContainer(CreateContainerTxn<'a>),
    /// createTTL.
    CreateTtl(CreateTtlTxn<'a>),
    /// delete.
    Delete(DeleteTxn<'a>),
    /// deleteContainer.
    DeleteContainer(DeleteTxn<'a>),
    /// setData.
    SetData(SetDataTxn<'a>),
    /// reconfig.
    Reconfig(SetDataTxn<'a>),
    /// setACL.
    SetAcl(SetAclTxn<'a>),
    /// check.
    Check(CheckTxn<'a>),
    /// createSession, with the timeout in milliseconds.
    CreateSession(i32),
    /// closeSession; `None` when the log does not carry the paths.
    CloseSession(Option<CloseSessionTxn<'a>>),
    /// A failed write, with its error code.
    Error(i32),
    /// multi.
    Multi(Vec<SubTxn<'a>>),
}

impl<'a> Txn<'a> {
    /// The operation that it carries out.
    #[must_use]
    pub fn op(&self) -> OpCode {
        match self {
            Txn::Create(_) => OpCode::Create,
            Txn::Create2(_) => OpCode::Create2,
            Txn::CreateContainer(_) => OpCode::CreateContainer,
            Txn::CreateTtl(_) => OpCode::CreateTtl,
            Txn::Delete(_) => OpCode::Delete,
            Txn::DeleteContainer(_) => OpCode::DeleteContainer,
            Txn::SetData(_) => OpCode::SetData,
            Txn::Reconfig(_) => OpCode::Reconfig,
            Txn::SetAcl(_) => OpCode::SetAcl,
            Txn::Check(_) => OpCode::Check,
            Txn::CreateSession(_) => OpCode::CreateSession,
            Txn::CloseSession(_) => OpCode::CloseSession,
            Txn::Error(_) => OpCode::Error,
            Txn::Multi(_) => OpCode::Multi,
        }
    }

    /// Reads the record of a transaction of type `op`.
    ///
    /// # Errors
    /// When the bytes are no such record or the type is none.
    pub fn read(op: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let unknown = DecodeError::Unknown { what: "transaction type", value: op };
        Ok(match OpCode::from_code(op).ok_or(unknown)? {
            OpCode::Create => Txn::Create(read_create(input)?),
            OpCode::Create2 => Txn::Create2(input.read()?),
            OpCode::CreateContainer => Txn::CreateContainer(input.read()?),
            OpCode::CreateTtl => Txn::CreateTtl(input.read()?),
            OpCode::Delete => Txn::Delete(input.read()?),
            OpCode::DeleteContainer => Txn::DeleteContainer(input.read()?),
            OpCode::SetData => Txn::SetData(input.read()?),
            OpCode::Reconfig => Txn::Reconfig(input.read()?),
            OpCode::SetAcl => Txn::SetAcl(input.read()?),
            OpCode::Check => Txn::Check(input.read()?),
            OpCode::CreateSession => Txn::CreateSession(input.read()?),
            OpCode::CloseSession => Txn::CloseSession(read_close_session(input)),
            OpCode::Error => Txn::Error(input.read()?),
            OpCode::Multi => Txn::Multi(input.read()?),
            _ => return Err(unknown),
        })
    }

    /// Appends the record to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Txn::Create(txn) | Txn::Create2(txn) => txn.write(out),
            Txn::CreateContainer(txn) => txn.write(out),
            Txn::CreateTtl(txn) => txn.write(out),
            Txn::Delete(txn) | Txn::DeleteContainer(txn) => txn.write(out),
            Txn::SetData(txn) | Txn::Reconfig(txn) => txn.write(out),
            Txn::SetAcl(txn) => txn.write(out),
            Txn::Check(txn) => txn.write(out),
            Txn::CreateSession(timeout_ms) => timeout_ms.write(out),
            Txn::CloseSession(paths) => {
                if let Some(paths) = paths {
                    paths.write(out);
                }
            }
            Txn::Error(code) => code.write(out),
            Txn::Multi(parts) => parts.write(out),
        }
    }
}

/// A create of before 3.4 ends without the parent's cversion (`CreateTxnV0`).
fn read_create<'a>(input: &mut Reader<'a>) -> Result<CreateTxn<'a>, DecodeError> {
    Ok(CreateTxn {
        path: input.read()?,
        data: input.read()?,
        acl: input.read()?,
        ephemeral: input.read()?,
        parent_cversion: if input.rest().is_empty() { -1 } else { input.read()? },
    })
}

/// Length of a digest behind a transaction.
const HEADER_LEN: usize = 32;
const DIGEST_LEN: usize = 12;

/// Whether the paths are there is known by nothing but what is left of the entry: with
/// `closeSessionTxn.enabled=false` there are none. What does not read as paths, followed by a
/// digest or the end, is therefore left alone.
fn read_close_session<'a>(input: &mut Reader<'a>) -> Option<CloseSessionTxn<'a>> {
    let mut attempt = input.clone();
    let paths: CloseSessionTxn<'a> = attempt.read().ok()?;
    if !matches!(attempt.rest().len(), 0 | DIGEST_LEN) {
        return None;
    }
    *input = attempt;
    Some(paths)
}

impl<'a> SubTxn<'a> {
    /// Reads the part's record.
    ///
    /// # Errors
    /// When the bytes are no such record.
    pub fn txn(&self, limits: Limits) -> Result<Txn<'a>, DecodeError> {
        Txn::read(self.op, &mut Reader::new(self.data.unwrap_or_default(), limits))
    }
}

/// A whole entry of the log, which is also the data of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// Who, when, and where in the order.
    pub header: TxnHeader,
    /// What.
    pub txn: Txn<'a>,
    /// The digest expected afterwards, if the preparing server keeps one.
    pub digest: Option<TxnDigest>,
}

impl<'a> LogEntry<'a> {
    /// Reads an entry's payload.
    ///
    /// # Errors
    /// When the bytes are no such entry.
    pub fn decode(payload: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut input = Reader::new(payload, limits);
        let header: TxnHeader = input.read()?;
        let txn = Txn::read(header.op, &mut input)?;
        let digest = if input.rest().len() < DIGEST_LEN { None } else { Some(input.read()?) };
        Ok(LogEntry { header, txn, digest })
    }

    /// The path that an entry's payload is about, unchecked: for preparing only.
    #[must_use]
    pub fn leading_path(payload: &[u8]) -> Option<&[u8]> {
        path::leading(payload.get(HEADER_LEN..)?)
    }

    /// Appends the payload to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.header.write(out);
        self.txn.write(out);
        if let Some(digest) = &self.digest {
            digest.write(out);
        }
    }
}
