use crate::error::BenchError;
use crate::frame::opcode;

/// Bytes of a `Stat`.
pub(crate) const STAT_BYTES: usize = 68;
/// Where a `Stat` has the length of the data and the number of children: after four longs and three ints, an int and a long.
const DATA_LENGTH_AT: usize = 52;
const CHILDREN_AT: usize = 56;

/// What a reply says before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyHeader {
    pub(crate) xid: i32,
    pub(crate) zxid: i64,
    pub(crate) code: i32,
}

/// The fields of a `Stat` that a run can foretell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) data_bytes: i32,
    pub(crate) children: i32,
}

/// Reads a payload from the front.
#[derive(Debug, Clone, Copy)]
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

    /// Checks the answer to a ConnectRequest; returns the session's timeout in milliseconds.
    pub(crate) fn connect_response(mut self) -> Result<u32, BenchError> {
        self.int()?;
        let timeout_ms = self.int()?;
        self.long()?;
        self.buffer()?;
        u32::try_from(timeout_ms).ok().filter(|ms| *ms > 0).ok_or(BenchError::Refused)
    }

    pub(crate) fn stat(&mut self) -> Result<Stat, BenchError> {
        let bytes = self.take(STAT_BYTES)?;
        let int_at = |at: usize| {
            let bytes = bytes[at..at + 4].try_into().expect("four bytes");
            i32::from_be_bytes(bytes)
        };
        Ok(Stat { data_bytes: int_at(DATA_LENGTH_AT), children: int_at(CHILDREN_AT) })
    }

    /// The value and stat that getData answers; their lengths must agree.
    pub(crate) fn value_and_stat(&mut self) -> Result<&'a [u8], BenchError> {
        let value = self.buffer()?;
        let stat = self.stat()?;
        if usize::try_from(stat.data_bytes) == Ok(value.len()) {
            Ok(value)
        } else {
            Err(BenchError::Answer {
                operation: "getData",
                what: "stat and value have different lengths",
            })
        }
    }

    /// Reads a list of texts; returns how many there are, and their bytes as they stand.
    pub(crate) fn texts(&mut self) -> Result<(u32, &'a [u8]), BenchError> {
        let count = u32::try_from(self.int()?).map_err(|_| BenchError::Malformed(self.what))?;
        let before = self.bytes;
        let malformed = || BenchError::Malformed(self.what);
        let mut rest = before;
        for _ in 0..count {
            let (len, behind) = rest.split_first_chunk().ok_or_else(malformed)?;
            rest = behind.get(u32::from_be_bytes(*len) as usize..).ok_or_else(malformed)?;
        }
        self.bytes = rest;
        Ok((count, &before[..before.len() - self.bytes.len()]))
    }

    /// Reads the header of a result of a multi that must be `expected`.
    pub(crate) fn part(
        &mut self,
        expected: i32,
        operation: &'static str,
    ) -> Result<(), BenchError> {
        let (found, done, _) = self.multi_header()?;
        if found == expected && !done {
            return Ok(());
        }
        if found == -1 && !done {
            return Err(BenchError::Code { operation, code: self.int()? });
        }
        Err(BenchError::Answer { operation, what: "a result of another operation" })
    }

    pub(crate) fn end_of_parts(&mut self, operation: &'static str) -> Result<(), BenchError> {
        match self.multi_header()? {
            (-1, true, -1) => Ok(()),
            _ => Err(BenchError::Answer { operation, what: "more results than operations" }),
        }
    }

    /// Type, whether it is the end, and error code.
    pub(crate) fn multi_header(&mut self) -> Result<(i32, bool, i32), BenchError> {
        Ok((self.int()?, self.flag()?, self.int()?))
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), BenchError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(BenchError::Malformed(self.what)) }
    }

    /// Reads a length and as many bytes.
    #[inline]
    pub(crate) fn buffer(&mut self) -> Result<&'a [u8], BenchError> {
        let length = usize::try_from(self.int()?).map_err(|_| BenchError::Malformed(self.what))?;
        self.take(length)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, BenchError> {
        self.chunk::<1>().map(|byte| byte != [0])
    }

    pub(crate) fn int(&mut self) -> Result<i32, BenchError> {
        self.chunk().map(i32::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Result<i64, BenchError> {
        self.chunk().map(i64::from_be_bytes)
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
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

/// Passes over the body of an operation within a multi, as far as the null server needs to know it.
pub(crate) fn skip_part<'a>(input: &mut Decoder<'a>, opcode: i32) -> Result<&'a [u8], BenchError> {
    let path = input.buffer()?;
    match opcode {
        opcode::CREATE | opcode::CREATE2 => {
            input.buffer()?;
            for _ in 0..input.int()? {
                input.int()?;
                input.buffer()?;
                input.buffer()?;
            }
            input.int()?;
        }
        opcode::SET => {
            input.buffer()?;
            input.int()?;
        }
        opcode::DELETE | opcode::CHECK => {
            input.int()?;
        }
        opcode::GET | opcode::CHILDREN => {
            input.flag()?;
        }
        _ => return Err(BenchError::Malformed("operation within a multi")),
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Encoder;
    use crate::frame::hex;

    fn get_body(value: &[u8], data_length: u8) -> Vec<u8> {
        let mut body = Vec::new();
        Encoder::new(&mut body).buffer(value);
        let mut stat = [0; STAT_BYTES];
        stat[DATA_LENGTH_AT + 3] = data_length;
        body.extend_from_slice(&stat);
        body
    }

    #[test]
    fn a_session_with_no_time_is_a_refusal() {
        let accepted =
            hex("00000000 00007530 0100000000000000 00000010 f22acd4a97e69d6d20a49bb638eadb38 00");
        let refused =
            hex("00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00");
        assert_eq!(Decoder::new(&accepted, "response").connect_response().unwrap(), 30_000);
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

    #[test]
    fn a_stat_that_tells_another_length_is_found() {
        let right = get_body(b"xyz", 3);
        assert_eq!(Decoder::new(&right, "reply").value_and_stat().unwrap(), b"xyz");
        let wrong = get_body(b"xyz", 4);
        assert!(matches!(
            Decoder::new(&wrong, "reply").value_and_stat(),
            Err(BenchError::Answer { .. })
        ));
    }

    #[test]
    fn bodies_are_neither_short_nor_long() {
        let body = get_body(b"xyz", 3);
        for length in 0..body.len() {
            let mut decoder = Decoder::new(&body[..length], "reply");
            assert!(decoder.value_and_stat().is_err(), "{length} bytes");
        }
        assert!(Decoder::new(&[0], "reply").end().is_err());
        assert!(Decoder::new(&hex("7fffffff 2f"), "reply").buffer().is_err());
        assert!(Decoder::new(&hex("7fffffff 00000000"), "reply").texts().is_err());
    }

    #[test]
    fn an_error_within_a_multi_is_told() {
        let bytes = hex("ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff");
        let found = Decoder::new(&bytes, "reply").part(opcode::CHECK, "check");
        assert!(matches!(found, Err(BenchError::Code { code: -101, .. })), "{found:?}");
    }
}
