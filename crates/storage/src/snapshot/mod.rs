//! Snapshots: the whole tree as of one transaction, `snapshot.<zxid>[.gz|.snappy]`.
//!
//! ```text
//! content = "ZKSN", int 2, long -1
//!         | int count, count x (long session, int timeout ms)
//!         | int count, count x (long id, vector<ACL>)
//!         | nodes: string path, buffer data, long ACL id, 60 bytes stat; root "" first
//!         | string "/", which no node is called
//!         | seal
//!         | optional: long zxid, int 2, long digest, seal
//!         | optional: long last zxid, seal
//! seal    = long Adler32 of everything before, string "/"
//! ```
//! Ours is written from an immutable view, so it holds exactly the transactions up to its zxid.
//! One of Java's may hold later ones in part; replaying them again does no harm.

mod pace;
mod packing;
mod parts;
mod reader;
mod snappy;
mod source;
mod state;
mod survey;
mod writer;

pub use pace::{FullSpeed, Pace, PieceDone, Shared, Step};
pub(crate) use reader::verify_snapshot;
pub use reader::{SnapshotContent, load_snapshot};
pub use state::{AtRest, State};
pub(crate) use survey::{Candidate, candidates};
pub use survey::{SnapshotFile, valid_snapshots};
pub use writer::{SnapshotOptions, write_snapshot};

/// `ZKSN`
pub(crate) const MAGIC: [u8; 4] = *b"ZKSN";
/// The only version there ever was.
pub(crate) const VERSION: i32 = 2;
/// Ends the nodes, and every seal.
pub(crate) const END: &str = "/";
/// How the digest is computed (`DigestCalculator`).
pub(crate) const DIGEST_VERSION: i32 = 2;
