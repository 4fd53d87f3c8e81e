//! Which operation can be answered with which error.

use wire::ErrorCode;

const OK: i32 = 0;
const SPOILT: i32 = ErrorCode::MarshallingError.code();
const UNIMPLEMENTED: i32 = ErrorCode::Unimplemented.code();
const BAD_ARGUMENTS: i32 = ErrorCode::BadArguments.code();
const NO_NODE: i32 = ErrorCode::NoNode.code();
const NO_AUTH: i32 = ErrorCode::NoAuth.code();
const BAD_VERSION: i32 = ErrorCode::BadVersion.code();
const CHILDLESS: i32 = ErrorCode::NoChildrenForEphemerals.code();
const NODE_EXISTS: i32 = ErrorCode::NodeExists.code();
const NOT_EMPTY: i32 = ErrorCode::NotEmpty.code();
const INVALID_ACL: i32 = ErrorCode::InvalidAcl.code();
const AUTH_FAILED: i32 = ErrorCode::AuthFailed.code();
const NO_WATCHER: i32 = ErrorCode::NoWatcher.code();
const RECONFIG_DISABLED: i32 = ErrorCode::ReconfigDisabled.code();
const QUOTA_EXCEEDED: i32 = ErrorCode::QuotaExceeded.code();
const INCONSISTENT: i32 = ErrorCode::RuntimeInconsistency.code();

/// All that a create can meet.
const CREATE: &[i32] = &[
    OK,
    SPOILT,
    UNIMPLEMENTED,
    BAD_ARGUMENTS,
    NO_NODE,
    NO_AUTH,
    CHILDLESS,
    NODE_EXISTS,
    INVALID_ACL,
    QUOTA_EXCEEDED,
];
/// All that a plain read can meet.
const READ: &[i32] = &[OK, SPOILT, NO_NODE, NO_AUTH];

/// For each row of the coverage table, the codes that a run has to meet.
///
/// Not here are those that one lone server cannot be brought to give (the leader's, the read-only server's), nor
/// `SESSIONEXPIRED`, which comes only to requests that race with the end of their own session.
pub const REACHABLE: &[(&str, &[i32])] = &[
    ("Create", CREATE),
    ("Create2", CREATE),
    ("CreateContainer", CREATE),
    ("CreateTtl", CREATE),
    ("Delete", &[OK, SPOILT, BAD_ARGUMENTS, NO_NODE, NO_AUTH, BAD_VERSION, NOT_EMPTY]),
    ("DeleteContainer", &[OK, SPOILT, BAD_ARGUMENTS, NO_NODE, BAD_VERSION, NOT_EMPTY]),
    ("SetData", &[OK, SPOILT, BAD_ARGUMENTS, NO_NODE, NO_AUTH, BAD_VERSION, QUOTA_EXCEEDED]),
    ("SetAcl", &[OK, SPOILT, BAD_ARGUMENTS, NO_NODE, NO_AUTH, BAD_VERSION, INVALID_ACL]),
    ("Exists", &[OK, SPOILT, BAD_ARGUMENTS, NO_NODE, NO_AUTH]),
    ("GetData", READ),
    ("GetAcl", READ),
    ("GetChildren", READ),
    ("GetChildren2", READ),
    ("GetAllChildrenNumber", READ),
    ("GetEphemerals", &[OK, SPOILT]),
    ("Sync", &[OK, SPOILT]),
    ("Multi", &[OK, SPOILT]),
    (
        "Multi/any",
        &[
            OK,
            UNIMPLEMENTED,
            BAD_ARGUMENTS,
            NO_NODE,
            NO_AUTH,
            BAD_VERSION,
            CHILDLESS,
            NODE_EXISTS,
            NOT_EMPTY,
            INVALID_ACL,
            QUOTA_EXCEEDED,
        ],
    ),
    ("Multi/others", &[OK, INCONSISTENT]),
    ("Multi/Check", &[OK, BAD_ARGUMENTS, NO_NODE, NO_AUTH, BAD_VERSION]),
    ("MultiRead", &[OK, SPOILT]),
    ("MultiRead/any", &[OK, NO_NODE, NO_AUTH]),
    ("AddWatch", &[OK, SPOILT]),
    ("CheckWatches", &[OK, SPOILT, NO_WATCHER]),
    ("RemoveWatches", &[OK, SPOILT, NO_WATCHER]),
    ("SetWatches", &[OK, SPOILT]),
    ("SetWatches2", &[OK, SPOILT]),
    ("Reconfig", &[SPOILT, UNIMPLEMENTED, RECONFIG_DISABLED]),
    ("Auth", &[OK, AUTH_FAILED]),
    ("Sasl", &[OK]),
    ("WhoAmI", &[OK]),
    ("Ping", &[OK]),
    ("CloseSession", &[OK]),
    ("no operation", &[UNIMPLEMENTED]),
];
