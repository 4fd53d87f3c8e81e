use crate::decoder::{Decoder, STAT_BYTES, skip_part};
use crate::encoder::Encoder;
use crate::error::BenchError;
use crate::frame::{PING_XID, code, opcode};

const PASSWORD: [u8; 16] = [7; 16];

/// What a request asks of the server beside its answer.
pub(super) enum Effect {
    /// Nothing.
    Read,
    /// To be made durable before it is answered.
    Write,
    /// The same, and the data of this path changed.
    Changed(Vec<u8>),
}

pub(super) struct Answered {
    pub(super) effect: Effect,
    /// Whether it was the session's end.
    pub(super) closes: bool,
}

/// The one thing that is remembered of a client: which path it watches, so that the fan-out of an event has a ceiling too.
#[derive(Debug, Default)]
pub(super) struct Watched {
    path: Vec<u8>,
    persistent: bool,
}

impl Watched {
    fn set(&mut self, path: &[u8], persistent: bool) {
        self.path.clear();
        self.path.extend_from_slice(path);
        self.persistent = persistent;
    }

    pub(super) fn fires(&mut self, path: &[u8]) -> bool {
        let fires = self.path == path;
        if fires && !self.persistent {
            self.path.clear();
        }
        fires
    }
}

/// Constants, and the counters of zxids, sessions and sequential names.
pub(super) struct Answers {
    value: Vec<u8>,
    stat: [u8; STAT_BYTES],
    zxid: i64,
    sessions: i64,
    names: u64,
}

impl Answers {
    pub(super) fn new(value_bytes: usize) -> Self {
        let mut stat = [0; STAT_BYTES];
        let length = i32::try_from(value_bytes).unwrap_or(0);
        stat[52..56].copy_from_slice(&length.to_be_bytes());
        Self { value: vec![b'v'; value_bytes], stat, zxid: 0, sessions: 0x1_0000, names: 0 }
    }

    /// Answers the first frame of a client.
    pub(super) fn grant(&mut self, request: &[u8], out: &mut Vec<u8>) -> Result<(), BenchError> {
        let mut request = Decoder::new(request, "connect request");
        request.int()?;
        request.long()?;
        let timeout_ms = request.int()?;
        self.sessions += 1;
        self.zxid += 1;
        Encoder::new(out).frame(|e| {
            e.int(0);
            e.int(timeout_ms.max(1));
            e.long(self.sessions);
            e.buffer(&PASSWORD);
            e.flag(false);
        });
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        request: &[u8],
        out: &mut Vec<u8>,
        watched: &mut Watched,
    ) -> Result<Answered, BenchError> {
        let mut body = Decoder::new(request, "request");
        let (xid, opcode) = (body.int()?, body.int()?);
        let effect = match opcode {
            opcode::GET | opcode::EXISTS | opcode::CHILDREN | opcode::CHILDREN2 => {
                let path = body.buffer()?;
                if body.flag()? {
                    watched.set(path, false);
                }
                Effect::Read
            }
            opcode::ADD_WATCH => {
                watched.set(body.buffer()?, true);
                Effect::Read
            }
            opcode::SET => Effect::Changed(body.clone().buffer()?.to_vec()),
            opcode::CREATE | opcode::CREATE2 | opcode::DELETE | opcode::MULTI | opcode::CLOSE => {
                Effect::Write
            }
            _ => Effect::Read,
        };
        if !matches!(effect, Effect::Read) {
            self.zxid += 1;
        }
        self.reply(xid, opcode, body, out)?;
        Ok(Answered { effect, closes: opcode == opcode::CLOSE })
    }

    fn reply(
        &mut self,
        xid: i32,
        opcode: i32,
        mut body: Decoder<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BenchError> {
        let known = !matches!(Body::of(opcode), Body::Unknown);
        let mut read = Ok(());
        Encoder::new(out).frame(|e| {
            e.int(xid);
            e.long(self.zxid);
            e.int(if known || xid == PING_XID { code::OK } else { code::UNIMPLEMENTED });
            read = self.body(opcode, &mut body, e);
        });
        read
    }

    fn body(
        &mut self,
        opcode: i32,
        request: &mut Decoder<'_>,
        e: &mut Encoder<'_>,
    ) -> Result<(), BenchError> {
        let what = Body::of(opcode);
        match what {
            Body::ValueAndStat => e.buffer(&self.value),
            Body::NoNames | Body::NoNamesAndStat | Body::Zero => e.int(0),
            Body::Path | Body::PathAndStat => self.path(opcode, request, e)?,
            Body::Parts => self.parts(request, e)?,
            Body::Stat | Body::Nothing | Body::Unknown => {}
        }
        if matches!(
            what,
            Body::ValueAndStat | Body::NoNamesAndStat | Body::PathAndStat | Body::Stat
        ) {
            e.bytes(&self.stat);
        }
        Ok(())
    }

    /// The path of the request, with a number if it asks for one.
    fn path(
        &mut self,
        opcode: i32,
        request: &mut Decoder<'_>,
        e: &mut Encoder<'_>,
    ) -> Result<(), BenchError> {
        if opcode == opcode::SYNC {
            e.buffer(request.buffer()?);
            return Ok(());
        }
        let before = request.rest();
        let path = skip_part(request, opcode)?;
        // The flags come last; 2 is the bit of sequential names.
        let sequential = before[..before.len() - request.rest().len()]
            .last()
            .is_some_and(|flags| matches!(flags, 2 | 3 | 6));
        let number = if sequential {
            self.names += 1;
            format!("{:010}", self.names)
        } else {
            String::new()
        };
        e.filled(|out| {
            out.extend_from_slice(path);
            out.extend_from_slice(number.as_bytes());
        });
        Ok(())
    }

    fn parts(&mut self, request: &mut Decoder<'_>, e: &mut Encoder<'_>) -> Result<(), BenchError> {
        loop {
            let (opcode, done, _) = request.multi_header()?;
            if done {
                e.end_of_parts();
                return Ok(());
            }
            e.part(opcode);
            match opcode {
                opcode::CREATE | opcode::CREATE2 => self.body(opcode, request, e)?,
                _ => {
                    skip_part(request, opcode)?;
                    self.body(opcode, request, e)?;
                }
            }
        }
    }
}

/// What follows the header of an answer.
#[derive(Debug, Clone, Copy)]
enum Body {
    ValueAndStat,
    Stat,
    NoNames,
    NoNamesAndStat,
    Path,
    PathAndStat,
    Parts,
    Zero,
    Nothing,
    Unknown,
}

impl Body {
    fn of(opcode: i32) -> Self {
        match opcode {
            opcode::GET => Self::ValueAndStat,
            opcode::EXISTS | opcode::SET => Self::Stat,
            opcode::CHILDREN => Self::NoNames,
            opcode::CHILDREN2 => Self::NoNamesAndStat,
            opcode::CREATE | opcode::SYNC => Self::Path,
            opcode::CREATE2 => Self::PathAndStat,
            opcode::MULTI | opcode::MULTI_READ => Self::Parts,
            opcode::ADD_WATCH => Self::Zero,
            opcode::DELETE | opcode::CLOSE | opcode::PING | opcode::CHECK => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{CreateMode, text};

    /// The payload of the answer to a request with xid 1.
    fn answered(opcode: i32, body: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
        let mut request = Vec::new();
        Encoder::new(&mut request).request(1, opcode, body);
        let mut out = Vec::new();
        let mut answers = Answers::new(100);
        answers.answer(&request[4..], &mut out, &mut Watched::default()).unwrap();
        out[20..].to_vec()
    }

    #[test]
    fn reads_answer_the_constant() {
        let body = answered(opcode::GET, |e| e.read(text("/a"), false));
        let mut body = Decoder::new(&body, "reply");
        assert_eq!(body.value_and_stat().unwrap(), [b'v'; 100]);
        body.end().unwrap();
    }

    #[test]
    fn sequential_names_are_numbered() {
        let mode = CreateMode::PersistentSequential;
        let body = answered(opcode::CREATE, |e| e.create(text("/a-"), text(""), mode));
        assert_eq!(Decoder::new(&body, "reply").buffer().unwrap(), b"/a-0000000001");
        let mode = CreateMode::Ephemeral;
        let body = answered(opcode::CREATE, |e| e.create(text("/a-"), text(""), mode));
        assert_eq!(Decoder::new(&body, "reply").buffer().unwrap(), b"/a-");
    }

    #[test]
    fn a_watch_fires_once_unless_it_is_persistent() {
        let mut watched = Watched::default();
        watched.set(b"/a", false);
        assert!(!watched.fires(b"/b"));
        assert!(watched.fires(b"/a"));
        assert!(!watched.fires(b"/a"));
        watched.set(b"/a", true);
        assert!(watched.fires(b"/a") && watched.fires(b"/a"));
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        let mut answers = Answers::new(100);
        for request in [&[0_u8, 0, 0][..], &[0, 0, 0, 1, 0, 0, 0, 4, 127, 255, 255, 255, 47]] {
            let mut watched = Watched::default();
            assert!(answers.answer(request, &mut Vec::new(), &mut watched).is_err());
        }
    }
}
