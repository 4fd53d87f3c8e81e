//! The bytes of ZooKeeper: the jute encoding, frames, requests, responses, transactions, ACLs,
//! paths, error codes.
//!
//! Decoding borrows from the input, never panics, and never allocates by a claimed length. Only
//! this crate knows jute; it knows nothing of trees, sessions or sockets.
#![no_std]
#![deny(clippy::host_endian_bytes, clippy::little_endian_bytes)]

extern crate alloc;

#[macro_use]
mod jute;

mod acl;
mod connect;
mod error_code;
mod frame;
mod multi;
mod op;
mod password;
pub mod path;
mod request;
mod response;
mod stat;
mod txn;
mod watch;

pub use acl::{Acl, Id, Perms};
pub use connect::{ConnectRequest, ConnectResponse, PASSWORD_LEN};
pub use error_code::ErrorCode;
pub use frame::{FrameError, Frames, begin_frame, end_frame};
pub use jute::{Buffer, DecodeError, Limits, Reader, Record, Text, text};
pub use multi::{MultiHeader, MultiResult, read_results};
pub use op::OpCode;
pub use password::{password_matches, session_password};
pub use request::{
    AddWatchMode, AddWatchRequest, AuthPacket, CheckVersionRequest, CheckWatchesRequest,
    CreateMode, CreateRequest, DeleteRequest, MultiReadPart, PathRequest, ReadRequest,
    ReconfigRequest, RequestHeader, SetAclRequest, SetDataRequest, SetWatchesRequest, WatchRequest,
    WatchedKind, WriteRequest,
};
pub use response::{
    AclResponse, ChildrenResponse, ClientInfo, DataResponse, ReplyHeader, write_reply,
};
pub use stat::{Stat, StatPersisted};
pub use txn::{
    CheckTxn, CloseSessionTxn, CreateContainerTxn, CreateTtlTxn, CreateTxn, DeleteTxn, LogEntry,
    SetAclTxn, SetDataTxn, SubTxn, Txn, TxnDigest, TxnHeader,
};
pub use watch::{EventType, KEEPER_STATE_SYNC_CONNECTED, WatcherEvent};
