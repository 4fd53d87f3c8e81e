//! What every message has: a length before it, and numbers for its kind.

use crate::error::BenchError;

/// Bytes of the length before each payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 4;
/// Bytes of xid, zxid and error code before a reply's body.
pub(crate) const REPLY_HEADER_BYTES: usize = 16;
/// Longest frame accepted, in bytes. The names of twenty million children fit into it, and since a buffer grows only with the
/// bytes that come in, a false length costs nothing.
const FRAME_BYTES_MAX: usize = 1 << 30;

/// The numbers of requests on the wire.
pub(crate) mod opcode {
    pub(crate) const CREATE: i32 = 1;
    pub(crate) const DELETE: i32 = 2;
    pub(crate) const EXISTS: i32 = 3;
    pub(crate) const GET: i32 = 4;
    pub(crate) const SET: i32 = 5;
    pub(crate) const CHILDREN: i32 = 8;
    pub(crate) const SYNC: i32 = 9;
    pub(crate) const PING: i32 = 11;
    pub(crate) const CHILDREN2: i32 = 12;
    pub(crate) const CHECK: i32 = 13;
    pub(crate) const MULTI: i32 = 14;
    pub(crate) const CREATE2: i32 = 15;
    pub(crate) const MULTI_READ: i32 = 22;
    pub(crate) const ADD_WATCH: i32 = 106;
    pub(crate) const CLOSE: i32 = -11;
}

/// Error codes that a run knows what to do with.
pub(crate) mod code {
    pub(crate) const OK: i32 = 0;
    pub(crate) const UNIMPLEMENTED: i32 = -6;
    pub(crate) const NO_NODE: i32 = -101;
    pub(crate) const NODE_EXISTS: i32 = -110;
    pub(crate) const NOT_EMPTY: i32 = -111;
}

/// Xid of what a watch sends.
pub(crate) const EVENT_XID: i32 = -1;
/// Xid of a ping and of its answer.
pub(crate) const PING_XID: i32 = -2;

/// The payload of the first frame in `bytes`, or `None` while it is incomplete.
pub(crate) fn first_frame(bytes: &[u8]) -> Result<Option<&[u8]>, BenchError> {
    let Some((length, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(i32::from_be_bytes(*length))
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX)
        .ok_or(BenchError::Malformed("frame length"))?;
    Ok(rest.get(..length))
}

/// Reads `text` as hexadecimal digits, for tests that write frames out.
#[cfg(test)]
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_waits_for_its_last_byte() {
        let bytes = hex("00000002 abcd ff");
        for length in 0..6 {
            assert!(first_frame(&bytes[..length]).unwrap().is_none(), "{length} bytes");
        }
        assert_eq!(first_frame(&bytes).unwrap(), Some(&bytes[4..6]));
    }

    #[test]
    fn a_length_that_no_message_has_is_refused_at_once() {
        for length in ["ffffffff", "7fffffff", "40000001"] {
            assert!(matches!(
                first_frame(&hex(length)),
                Err(BenchError::Malformed("frame length"))
            ));
        }
    }
}
