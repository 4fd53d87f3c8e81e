//! One server's whole brain: sessions, request order, the read gate, replies.
//!
//! The [`Replica`] is what readers share: the tree and the watches. The [`Brain`] is the single
//! owner of all that decides: it turns requests into transactions, holds every effect back until
//! its transaction is committed, and then lets it out in order. Neither blocks, reads a clock, or
//! knows a socket or a file; a simulator drives them as a server does.
//!
//! # The section protocol
//! The shell owns one lock around the replica. Under its shared side [`read()`] answers requests and
//! registers their watches; under its exclusive side [`Brain::apply_committed`] changes the tree
//! and looks the watches up. A reply or event is appended to its connection's outbox before the
//! section ends. From this follow, without further checks: no event is lost between a read and its
//! watch, an event precedes any reply that shows the newer state, and a multi is seen whole.
#![no_std]
#![deny(clippy::wildcard_enum_match_arm)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod brain;
mod flight;
mod gate;
mod lane;
mod read;
mod reaper;
mod replica;
mod reply;
mod session;
mod sink;

pub use brain::{Brain, Input, Settings};
pub use flight::{Append, Ticket};
pub use gate::ReadGate;
pub use read::{Answer, Asker, read};
pub use replica::{Replica, WatchLock};
pub use session::{Handshake, SessionLimits};
pub use sink::{Answered, Sink};
