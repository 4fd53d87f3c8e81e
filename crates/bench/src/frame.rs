//! The few frames that a load needs, written by hand.

use crate::error::BenchError;

/// Bytes of the length before each payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 4;
/// Longest reply accepted, in bytes: ZooKeeper's own default for `jute.maxbuffer`, plus room for headers.
const REPLY_BYTES_MAX: usize = 0xf_ffff + 1024;
/// Bytes of a `Stat`.
const STAT_BYTES: usize = 68;
const PASSWORD_BYTES: usize = 16;

/// A request whose reply can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
    Create,
    Delete,
    Close,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "getData",
            Self::Set => "setData",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Close => "closeSession",
        }
    }

    fn opcode(self) -> i32 {
        match self {
            Self::Get => 4,
            Self::Set => 5,
            Self::Create => 1,
            Self::Delete => 2,
            Self::Close => -11,
        }
    }
}

/// The flags of `create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateMode {
    Persistent,
    PersistentSequential,
}

/// Appends whole frames to a buffer.
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A request for a new session, as the Java client sends it.
    pub(crate) fn connect(&mut self, timeout_ms: i32) {
        self.frame(|e| {
            e.int(0);
            e.long(0);
            e.int(timeout_ms);
            e.long(0);
            e.buffer(&[0; PASSWORD_BYTES]);
            e.out.push(0);
        });
    }

    pub(crate) fn get(&mut self, xid: i32, path: &str) {
        self.request(xid, Operation::Get, |e| {
            e.buffer(path.as_bytes());
            e.out.push(0);
        });
    }

    pub(crate) fn set(&mut self, xid: i32, path: &str, value: &[u8]) {
        self.request(xid, Operation::Set, |e| {
            e.buffer(path.as_bytes());
            e.buffer(value);
            e.int(-1);
        });
    }

    pub(crate) fn create(&mut self, xid: i32, path: &str, value: &[u8], mode: CreateMode) {
        self.request(xid, Operation::Create, |e| {
            e.buffer(path.as_bytes());
            e.buffer(value);
            e.int(1);
            e.int(31);
            e.buffer(b"world");
            e.buffer(b"anyone");
            e.int(match mode {
                CreateMode::Persistent => 0,
                CreateMode::PersistentSequential => 2,
            });
        });
    }

    pub(crate) fn delete(&mut self, xid: i32, path: &str) {
        self.request(xid, Operation::Delete, |e| {
            e.buffer(path.as_bytes());
            e.int(-1);
        });
    }

    pub(crate) fn close(&mut self, xid: i32) {
        self.request(xid, Operation::Close, |_| ());
    }

    fn request(&mut self, xid: i32, operation: Operation, body: impl FnOnce(&mut Self)) {
        self.frame(|e| {
            e.int(xid);
            e.int(operation.opcode());
            body(e);
        });
    }

    fn frame(&mut self, payload: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.int(0);
        payload(self);
        let length = wire_length(self.out.len() - start - 4);
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn int(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn long(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn buffer(&mut self, bytes: &[u8]) {
        self.int(wire_length(bytes.len()));
        self.out.extend_from_slice(bytes);
    }
}

/// Lengths here are of values that [`run`](crate::run()) has bounded and of paths that it made itself.
fn wire_length(length: usize) -> i32 {
    i32::try_from(length).expect("requests are far below two gigabytes")
}

/// The payload of the first frame in `bytes`, or `None` while it is incomplete.
pub(crate) fn first_frame(bytes: &[u8]) -> Result<Option<&[u8]>, BenchError> {
    let Some((length, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::try_from(i32::from_be_bytes(*length))
        .ok()
        .filter(|length| *length <= REPLY_BYTES_MAX)
        .ok_or(BenchError::Malformed("frame length"))?;
    Ok(rest.get(..length))
}

/// What a reply says before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyHeader {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) code: i32,
}

/// Reads a payload from the front.
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Decoder<'a> {
    /// `what` names the payload in the error of a malformed one.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn reply_header(&mut self) -> Result<ReplyHeader, BenchError> {
        Ok(ReplyHeader { xid: self.int()?, zxid: self.long()?, code: self.int()? })
    }

    /// Checks the answer to a ConnectRequest.
    pub(crate) fn connect_response(mut self) -> Result<(), BenchError> {
        self.int()?;
        let timeout_ms = self.int()?;
        self.long()?;
        self.string()?;
        if timeout_ms > 0 { Ok(()) } else { Err(BenchError::Refused) }
    }

    /// Checks the body of a reply without error.
    pub(crate) fn body(
        mut self,
        operation: Operation,
        value_bytes: usize,
    ) -> Result<(), BenchError> {
        match operation {
            Operation::Get => {
                self.value(value_bytes)?;
                self.take(STAT_BYTES)?;
            }
            Operation::Set => {
                self.take(STAT_BYTES)?;
            }
            Operation::Create => {
                self.string()?;
            }
            Operation::Delete | Operation::Close => {}
        }
        if self.bytes.is_empty() { Ok(()) } else { Err(BenchError::Malformed(self.what)) }
    }

    /// Reads a length and as many bytes.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], BenchError> {
        let length = usize::try_from(self.int()?).map_err(|_| BenchError::Malformed(self.what))?;
        self.take(length)
    }

    fn value(&mut self, expected: usize) -> Result<(), BenchError> {
        let found = self.int()?;
        if usize::try_from(found) != Ok(expected) {
            return Err(BenchError::ValueLength { expected, found });
        }
        self.take(expected).map(drop)
    }

    fn int(&mut self) -> Result<i32, BenchError> {
        self.chunk().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> Result<i64, BenchError> {
        self.chunk().map(i64::from_be_bytes)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], BenchError> {
        let (chunk, rest) =
            self.bytes.split_first_chunk().ok_or(BenchError::Malformed(self.what))?;
        self.bytes = rest;
        Ok(*chunk)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BenchError> {
        let (taken, rest) =
            self.bytes.split_at_checked(length).ok_or(BenchError::Malformed(self.what))?;
        self.bytes = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn check(encode: impl FnOnce(&mut Encoder<'_>), expect: &str) {
        let mut out = Vec::new();
        encode(&mut Encoder::new(&mut out));
        assert_eq!(out, hex(expect));
    }

    #[test]
    fn requests_have_the_bytes_that_zookeeper_expects() {
        check(
            |e| e.connect(30_000),
            "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 00",
        );
        check(
            |e| e.create(1, "/a", b"x", CreateMode::Persistent),
            "00000032 00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000",
        );
        check(|e| e.get(2, "/a"), "0000000f 00000002 00000004 00000002 2f61 00");
        check(
            |e| e.set(3, "/a", b"x"),
            "00000017 00000003 00000005 00000002 2f61 00000001 78 ffffffff",
        );
        check(|e| e.delete(4, "/a"), "00000012 00000004 00000002 00000002 2f61 ffffffff");
        check(|e| e.close(7), "00000008 00000007 fffffff5");
    }

    #[test]
    fn a_frame_waits_for_its_last_byte() {
        let bytes = hex("00000002 abcd ff");
        for length in 0..6 {
            assert!(first_frame(&bytes[..length]).unwrap().is_none(), "{length} bytes");
        }
        assert_eq!(first_frame(&bytes).unwrap(), Some(&bytes[4..6]));
    }

    #[test]
    fn a_length_that_no_reply_has_is_refused_at_once() {
        for length in ["ffffffff", "7fffffff", "00200000"] {
            assert!(matches!(
                first_frame(&hex(length)),
                Err(BenchError::Malformed("frame length"))
            ));
        }
    }

    #[test]
    fn a_session_with_no_time_is_a_refusal() {
        let accepted =
            hex("00000000 00007530 0100000000000000 00000010 f22acd4a97e69d6d20a49bb638eadb38 00");
        let refused =
            hex("00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00");
        assert!(Decoder::new(&accepted, "response").connect_response().is_ok());
        assert!(matches!(
            Decoder::new(&refused, "response").connect_response(),
            Err(BenchError::Refused)
        ));
    }

    #[test]
    fn headers_are_read_in_wire_order() {
        let bytes = hex("00000002 0000000000000003 ffffff92");
        let header = Decoder::new(&bytes, "reply").reply_header().unwrap();
        assert_eq!(header, ReplyHeader { xid: 2, zxid: 3, code: -110 });
    }

    fn get_body(value: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        Encoder::new(&mut body).buffer(value);
        body.extend_from_slice(&[0; STAT_BYTES]);
        body
    }

    #[test]
    fn a_value_of_another_length_is_found() {
        let body = get_body(b"xyz");
        assert!(Decoder::new(&body, "reply").body(Operation::Get, 3).is_ok());
        let wrong = Decoder::new(&body, "reply").body(Operation::Get, 4);
        assert!(matches!(wrong, Err(BenchError::ValueLength { expected: 4, found: 3 })));
        let mut null = hex("ffffffff");
        null.extend_from_slice(&[0; STAT_BYTES]);
        let wrong = Decoder::new(&null, "reply").body(Operation::Get, 0);
        assert!(matches!(wrong, Err(BenchError::ValueLength { expected: 0, found: -1 })));
    }

    #[test]
    fn bodies_are_neither_short_nor_long() {
        let body = get_body(b"xyz");
        for length in 0..body.len() {
            assert!(
                Decoder::new(&body[..length], "reply").body(Operation::Get, 3).is_err(),
                "{length} bytes"
            );
        }
        assert!(Decoder::new(&[0; STAT_BYTES + 1], "reply").body(Operation::Set, 3).is_err());
        assert!(Decoder::new(&[0], "reply").body(Operation::Delete, 3).is_err());
        assert!(Decoder::new(&hex("7fffffff 2f"), "reply").body(Operation::Create, 3).is_err());
    }
}
