//! The znode tree and what belongs to it: sessions and ephemerals, ACLs, quotas, watches, digest.
//!
//! Two verbs carry everything. [`Overlay::prepare`] turns a request into a transaction against the
//! state that pending transactions will leave, and writes to nothing but that overlay.
//! [`Tree::apply`] turns a transaction into changed nodes; it is the only way to change the tree,
//! the same for live requests, replay and (later) a leader's proposals.
//!
//! Pure: no clock, no socket, no file, no ambient randomness.
#![no_std]
#![deny(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod acl_table;
mod apply;
mod auth;
mod chunk;
mod digest;
mod expiry;
mod kept;
mod loader;
mod options;
mod overlay;
mod owner;
mod permission;
mod prepare;
mod quota;
mod record;
mod store;
mod tree;
mod view;
mod watch_table;
mod watches;

pub use acl_table::AclList;
pub use apply::{Change, ChangeKind, Outcome, Replayed};
pub use auth::{AuthError, Authenticator, DigestAlgorithm, DigestScheme};
pub use expiry::{ExpiryQueue, SessionTracker, TrackedSession};
pub use loader::{LoadError, Loader, closed_acl};
pub use options::Options;
pub use overlay::Overlay;
pub use owner::{ExtendedTypes, Owner, TTL_MS_MAX};
pub use permission::{mask_digests, permits};
pub use prepare::{Origin, Rules};
pub use quota::Limits as QuotaLimits;
pub use tree::{NodeRef, Tree};
pub use view::{NodeView, Remains, View};
pub use watches::{ConnId, WatchSummary, Watches};
