//! The transaction log: `log.<first zxid>`, one after the other.
//!
//! ```text
//! file   = "ZKLG", int 2, long 0 | entry ... | zeros up to the preallocated size
//! entry  = long Adler32 of payload, int length of payload, payload, 'B'
//! ```
//! The payload is a header, a transaction and mostly a digest ([`wire::LogEntry`]).

mod reader;
mod truncate;
mod writer;

pub use reader::{LogEnd, LogEntryBytes, LogReader, LogStep};
pub(crate) use truncate::log_names;
pub use truncate::truncate_log;
pub use writer::{LogOptions, LogWriter};

/// `ZKLG`
pub(crate) const MAGIC: [u8; 4] = *b"ZKLG";
/// The only version there ever was.
pub(crate) const VERSION: [u8; 4] = 2i32.to_be_bytes();
/// Magic, version, a database id that nobody uses.
pub(crate) const HEADER_LEN: u64 = 16;
/// Bytes of an entry before its payload.
pub(crate) const PREFIX_LEN: usize = 12;
/// Closes an entry; where it is missing, the write was cut short.
pub(crate) const END_OF_ENTRY: u8 = b'B';

/// The first bytes of every log file.
pub(crate) fn header() -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..8].copy_from_slice(&VERSION);
    bytes
}

/// Appends `payload` to `out` as an entry of the log. Done where the transaction is encoded, so
/// that a whole group reaches the disk as one run of bytes.
///
/// # Panics
/// If the payload is 2 GiB or more: its length could not be written.
pub fn frame_entry(payload: &[u8], out: &mut Vec<u8>) {
    let length = i32::try_from(payload.len()).expect("an entry is shorter than 2 GiB");
    out.reserve(payload.len() + PREFIX_LEN + 1);
    out.extend_from_slice(&checksum(payload).to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    out.push(END_OF_ENTRY);
}

/// Adler32 as Java stores it: in the low half of a long.
pub(crate) fn checksum(payload: &[u8]) -> u64 {
    u64::from(simd_adler32::adler32(&payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_checksum_length_payload_and_mark() {
        let mut out = Vec::new();
        frame_entry(b"Wikipedia", &mut out);
        assert_eq!(out, b"\0\0\0\0\x11\xe6\x03\x98\0\0\0\x09WikipediaB");
    }
}
