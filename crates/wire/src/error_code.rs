use core::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal, $text:literal;)*) => {
        /// What a client is told when its request fails. These are answers, not faults of the server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum ErrorCode {
            $($(#[doc = $doc])* $name = $value,)*
        }

        impl ErrorCode {
            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> i32 {
                self as i32
            }

            /// The error that `code` stands for, if it is one of ZooKeeper's.
            #[must_use]
            pub const fn from_code(code: i32) -> Option<ErrorCode> {
                match code {
                    $($value => Some(ErrorCode::$name),)*
                    _ => None,
                }
            }

            /// The name in messages, as after `KeeperErrorCode = `.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// Range marker, and the unexpected.
    SystemError = -1, "SystemError";
    /// Result of the operations of a multi after the one that failed.
    RuntimeInconsistency = -2, "RuntimeInconsistency";
    /// Never sent by a server.
    DataInconsistency = -3, "DataInconsistency";
    /// Found by the client itself.
    ConnectionLoss = -4, "ConnectionLoss";
    /// The request's body cannot be decoded.
    MarshallingError = -5, "MarshallingError";
    /// Unknown operation, or one that this server does not offer as configured.
    Unimplemented = -6, "Unimplemented";
    /// Found by the client itself.
    OperationTimeout = -7, "OperationTimeout";
    /// Bad path, flags, ttl, or a protected node.
    BadArguments = -8, "BadArguments";
    /// Internal.
    UnknownSession = -12, "Unknown error UNKNOWNSESSION";
    /// The new configuration has no connected quorum.
    NewConfigNoQuorum = -13, "NewConfigNoQuorum";
    /// Another reconfiguration is under way.
    ReconfigInProgress = -14, "ReconfigInProgress";
    /// Range marker.
    ApiError = -100, "APIError";
    /// The node, or the parent of the one to create, does not exist.
    NoNode = -101, "NoNode";
    /// The ACL does not permit it.
    NoAuth = -102, "NoAuth";
    /// The version given is not the node's.
    BadVersion = -103, "BadVersion";
    /// An ephemeral node has no children.
    NoChildrenForEphemerals = -108, "NoChildrenForEphemerals";
    /// The node to create exists.
    NodeExists = -110, "NodeExists";
    /// The node to delete has children.
    NotEmpty = -111, "Directory not empty";
    /// The session has ended.
    SessionExpired = -112, "Session expired";
    /// Unused.
    InvalidCallback = -113, "Invalid callback";
    /// The ACL given is empty or names no known identity.
    InvalidAcl = -114, "InvalidACL";
    /// The credentials were refused.
    AuthFailed = -115, "AuthFailed";
    /// Another server has taken the session over. Never a reply: the connection is closed.
    SessionMoved = -118, "Session moved";
    /// A write on a read-only server.
    NotReadOnly = -119, "Not a read-only call";
    /// Ephemeral node on a session that only this server knows.
    EphemeralOnLocalSession = -120, "Ephemeral node on local session";
    /// The connection has no such watch.
    NoWatcher = -121, "No such watcher";
    /// Found by the client itself.
    RequestTimeout = -122, "Unknown error REQUESTTIMEOUT";
    /// `reconfigEnabled` is false.
    ReconfigDisabled = -123, "Reconfig is disabled";
    /// The server demands an authentication that the client has not given.
    SessionClosedRequireSaslAuth = -124, "Session closed because client failed to authenticate";
    /// A hard quota would be exceeded.
    QuotaExceeded = -125, "Quota has exceeded";
    /// The request waited longer than the server allows.
    ThrottledOp = -127, "Op throttled due to high load";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for ErrorCode {}
