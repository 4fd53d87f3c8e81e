//! The four-letter words: what an operator types at the client port, and what dashboards poll.
//!
//! Pure text. A word comes in as the first four bytes of a connection, where a client would send the
//! length of its first frame; the server gathers a view, a function here writes the answer.

mod address;
mod connections;
mod dump;
mod environment;
mod server;
mod text;
mod watches;
mod whitelist;
mod word;

pub use address::JavaAddress;
pub use connections::{ConnectionView, SessionView, cons, stat};
pub use dump::{ConnectionEntry, ExpirySet, ExpirySets, SessionEntry, dump};
pub use environment::Environment;
pub use server::{
    ConfView, DirsView, LatencyView, Mode, ProposalSizes, ServerView, conf, dirs, hash, mntr, srvr,
};
pub use text::{Text, answer};
pub use watches::{WatchSummary, wchc, wchp, wchs};
pub use whitelist::Whitelist;
pub use word::Word;

/// The answer to `ruok`.
pub const IMOK: &str = "imok";
/// The answer to `crst`.
pub const CONNECTION_STATS_RESET: &str = "Connection stats reset.\n";
/// The answer to `srst`.
pub const SERVER_STATS_RESET: &str = "Server stats reset.\n";
/// What `gtmk` answers (in decimal, without a newline) until `stmk` sets another mask.
pub const TRACE_MASK: i64 = 306;

/// The mask in the bytes that follow `stmk`; none (and so no answer) if they are not all there.
#[must_use]
pub fn trace_mask(after_word: &[u8]) -> Option<i64> {
    after_word.first_chunk().copied().map(i64::from_be_bytes)
}

/// The answer to `isro`, for a server that serves in a mode or does not serve.
#[must_use]
pub const fn isro(mode: Option<Mode>) -> &'static str {
    match mode {
        None => "null",
        Some(Mode::ReadOnly) => "ro",
        Some(Mode::Standalone | Mode::Leader | Mode::Follower | Mode::Observer) => "rw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_mask_is_the_next_eight_bytes() {
        assert_eq!(trace_mask(&[0, 0, 0, 0, 0, 0, 0, 5, 9]), Some(5));
        assert_eq!(trace_mask(&[0xff; 8]), Some(-1));
        assert_eq!(trace_mask(&[0; 7]), None);
    }

    #[test]
    fn isro_tells_how_the_server_serves() {
        assert_eq!(isro(Some(Mode::Standalone)), "rw");
        assert_eq!(isro(Some(Mode::ReadOnly)), "ro");
        assert_eq!(isro(None), "null");
    }
}
