use std::io;
use std::time::Duration;

/// Why a run gave no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The load asks for nothing, or for more than can be counted.
    #[error("{0}")]
    Load(&'static str),
    /// A subtree does not say what it holds, so it was not made by a fill.
    #[error("{0} was not left by a fill")]
    NotFilled(String),
    /// A socket or a file failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server closed a connection.
    #[error("server closed the connection with {outstanding} requests outstanding")]
    Closed {
        /// Requests of that connection without a reply.
        outstanding: usize,
    },
    /// The server refused the session: its timeout came back as zero.
    #[error("server refused the session")]
    Refused,
    /// No reply came on any connection for the time that the load allows.
    #[error("no reply for {0:?} with requests outstanding")]
    Silent(Duration),
    /// Replies of one connection did not come in the order of the requests.
    #[error("reply has xid {found}, expected {expected}")]
    Order {
        /// Xid of the oldest outstanding request.
        expected: i32,
        /// Xid of the reply.
        found: i32,
    },
    /// A reply came without a request.
    #[error("reply with xid {found} to no request")]
    Unasked {
        /// Xid of the reply.
        found: i32,
    },
    /// A zxid was lower than one seen before on the same connection.
    #[error("zxid fell from {before:#x} to {after:#x}")]
    ZxidFell {
        /// Highest zxid seen on the connection.
        before: i64,
        /// Zxid of the reply.
        after: i64,
    },
    /// The server answered with an error code.
    #[error("{operation} failed with error {code}")]
    Code {
        /// The request's name.
        operation: &'static str,
        /// ZooKeeper's error code.
        code: i32,
    },
    /// A value did not have the length that was written.
    #[error("value has {found} bytes, expected {expected}")]
    ValueLength {
        /// Bytes written by this run.
        expected: usize,
        /// Bytes of the reply.
        found: usize,
    },
    /// A value is none that was written to its znode.
    #[error("value of key {key} {fault}")]
    Value {
        /// The key that was read.
        key: u64,
        /// What gives the value away.
        fault: &'static str,
    },
    /// A reply is well formed, but not the answer to its request.
    #[error("{operation} was answered wrongly: {what}")]
    Answer {
        /// The request's name.
        operation: &'static str,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// A reply ends early, is too long or has an impossible length.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A run failed after it had made znodes, which are left.
    #[error("{cause} ({path} is left behind)")]
    Abandoned {
        /// The subtree of the run.
        path: String,
        /// What went wrong.
        cause: Box<BenchError>,
    },
}
