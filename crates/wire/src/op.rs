macro_rules! ops {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal, $text:literal;)*) => {
        /// An operation's number: the type of a request and of the transaction it becomes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum OpCode {
            $($(#[doc = $doc])* $name = $value,)*
        }

        impl OpCode {
            /// All operations, in the order of their numbers as declared.
            pub const ALL: &[OpCode] = &[$(OpCode::$name,)*];

            /// The operation that `code` stands for.
            #[must_use]
            pub const fn from_code(code: i32) -> Option<OpCode> {
                match code {
                    $($value => Some(OpCode::$name),)*
                    _ => None,
                }
            }

            /// The four letters by which `cons` names the operation.
            #[must_use]
            pub const fn letters(self) -> &'static str {
                match self {
                    $(OpCode::$name => $text,)*
                }
            }
        }
    };
}

ops! {
    /// A failed write, as a transaction.
    Error = -1, "NA";
    /// A session's end.
    CloseSession = -11, "CLOS";
    /// A session's beginning; internal.
    CreateSession = -10, "SESS";
    /// Server push; no request.
    Notification = 0, "NA";
    /// Create a node.
    Create = 1, "CREA";
    /// Delete a node.
    Delete = 2, "DELE";
    /// Stat of a node, or that it is absent.
    Exists = 3, "EXIS";
    /// Data and stat.
    GetData = 4, "GETD";
    /// Replace the data.
    SetData = 5, "SETD";
    /// ACL and stat.
    GetAcl = 6, "GETA";
    /// Replace the ACL.
    SetAcl = 7, "SETA";
    /// Names of the children.
    GetChildren = 8, "GETC";
    /// Catch up with the leader.
    Sync = 9, "SYNC";
    /// Keep the session alive.
    Ping = 11, "PING";
    /// Names of the children and stat.
    GetChildren2 = 12, "GETC";
    /// Compare a version; only within a multi.
    Check = 13, "CHEC";
    /// Several writes as one.
    Multi = 14, "MULT";
    /// Create a node and return its stat.
    Create2 = 15, "CREA";
    /// Change the ensemble's membership.
    Reconfig = 16, "RECO";
    /// Ask whether a watch is set.
    CheckWatches = 17, "CHKW";
    /// Remove watches.
    RemoveWatches = 18, "REMW";
    /// Create a node that vanishes once its last child is gone.
    CreateContainer = 19, "CREA";
    /// Reap a container or TTL node.
    DeleteContainer = 20, "DELE";
    /// Create a node with a time to live.
    CreateTtl = 21, "CREA";
    /// Several reads as one.
    MultiRead = 22, "MLTR";
    /// Add an identity to the connection.
    Auth = 100, "NA";
    /// Watches again after a reconnect.
    SetWatches = 101, "SETW";
    /// One step of a SASL exchange.
    Sasl = 102, "NA";
    /// Ephemeral nodes of the session.
    GetEphemerals = 103, "GETE";
    /// Number of all descendants.
    GetAllChildrenNumber = 104, "GETACN";
    /// Watches again, persistent ones too.
    SetWatches2 = 105, "STW2";
    /// Set a persistent watch.
    AddWatch = 106, "ADDW";
    /// Identities of the connection.
    WhoAmI = 107, "HOMI";
}

impl OpCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// Whether a client may send it as a request of its own. (`check` lives only within a multi,
    /// `createSession` is the handshake's, C-010.)
    #[must_use]
    pub const fn is_client_request(self) -> bool {
        use OpCode::{Check, CreateSession, Error, Notification};
        !matches!(self, Error | Notification | Check | CreateSession)
    }

    /// Whether it becomes a transaction.
    #[must_use]
    pub const fn is_write(self) -> bool {
        use OpCode::{
            CloseSession, Create, Create2, CreateContainer, CreateSession, CreateTtl, Delete,
            DeleteContainer, Multi, Reconfig, SetAcl, SetData,
        };
        matches!(
            self,
            Create
                | Create2
                | CreateContainer
                | CreateTtl
                | Delete
                | DeleteContainer
                | SetData
                | SetAcl
                | Multi
                | Reconfig
                | CreateSession
                | CloseSession
        )
    }
}
