//! Nouns that every crate shares, without logic of their own: transaction ids, session ids, server
//! ids, instants, seeded randomness.
//!
//! This crate reads no clock and has no ambient randomness: both come in as values.
#![no_std]

mod ids;
mod now;
mod prng;

pub use ids::{Epoch, ServerId, SessionId, Zxid};
pub use now::Now;
pub use prng::Prng;
