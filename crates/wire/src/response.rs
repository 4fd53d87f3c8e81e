use alloc::vec::Vec;

use base::Zxid;

use crate::acl::Acl;
use crate::frame::{begin_frame, end_frame};
use crate::jute::{Buffer, Record, Text};
use crate::stat::Stat;

records! {
    /// Precedes every message of the server but the first.
    #[derive(Copy)]
    pub struct ReplyHeader {
        /// The request's xid, or one of the special ones.
        pub xid: i32,
        /// The state of the server as of this reply.
        pub zxid: Zxid,
        /// 0, or an error code; with an error there is no body.
        pub err: i32,
    }

    /// Answer to getData.
    pub struct DataResponse<'a> {
        /// The data; null if none was ever given.
        pub data: Buffer<'a>,
        /// The node's stat.
        pub stat: Stat,
    }

    /// Answer to getACL.
    pub struct AclResponse<'a> {
        /// The list.
        pub acl: Vec<Acl<'a>>,
        /// The node's stat.
        pub stat: Stat,
    }

    /// Names of a node's children, in no order.
    pub struct ChildrenResponse<'a> {
        /// The names.
        pub children: Vec<Text<'a>>,
    }

    /// One identity of a connection.
    pub struct ClientInfo<'a> {
        /// Its scheme.
        pub auth_scheme: Text<'a>,
        /// What of its id may be shown.
        pub user: Text<'a>,
    }
}

impl ReplyHeader {
    /// Xid of notifications.
    pub const NOTIFICATION_XID: i32 = -1;
    /// Xid of every answer to a ping.
    pub const PING_XID: i32 = -2;
    /// Xid of auth packets.
    pub const AUTH_XID: i32 = -4;
    /// Xid of setWatches.
    pub const SET_WATCHES_XID: i32 = -8;
}

/// Appends one framed reply to `out`; `body` appends what follows the header.
pub fn write_reply(out: &mut Vec<u8>, header: ReplyHeader, body: impl FnOnce(&mut Vec<u8>)) {
    let start = begin_frame(out);
    header.write(out);
    body(out);
    end_frame(out, start);
}
