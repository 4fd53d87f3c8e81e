use alloc::vec::Vec;

use base::Zxid;

use crate::jute::{Record, Text};
use crate::response::{ReplyHeader, write_reply};

/// The state in every event that a server sends.
pub const KEEPER_STATE_SYNC_CONNECTED: i32 = 3;

/// What happened to a watched node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventType {
    /// It was created.
    NodeCreated = 1,
    /// It was deleted.
    NodeDeleted = 2,
    /// Its data was set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

records! {
    /// A notification's body.
    pub struct WatcherEvent<'a> {
        /// An [`EventType`].
        pub event_type: i32,
        /// Always [`KEEPER_STATE_SYNC_CONNECTED`] from a server.
        pub state: i32,
        /// The node.
        pub path: Text<'a>,
    }
}

impl<'a> WatcherEvent<'a> {
    /// An event on `path`, as a server sends it.
    #[must_use]
    pub fn new(event: EventType, path: &'a str) -> WatcherEvent<'a> {
        WatcherEvent {
            event_type: event as i32,
            state: KEEPER_STATE_SYNC_CONNECTED,
            path: path.into(),
        }
    }

    /// Appends the whole notification to `out`; `zxid` is that of the transaction that fired it.
    pub fn write_framed(&self, zxid: Zxid, out: &mut Vec<u8>) {
        let header = ReplyHeader { xid: ReplyHeader::NOTIFICATION_XID, zxid, err: 0 };
        write_reply(out, header, |out| self.write(out));
    }
}
