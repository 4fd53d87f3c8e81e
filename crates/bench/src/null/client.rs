use std::io::{self, Write};

use mio::net::TcpStream;

use super::answer::{Answers, Effect, Watched};
use super::log::Log;
use crate::error::BenchError;
use crate::input::Input;

/// A crowd of idle sessions needs no more, and the buffer of a busy one grows.
const FIRST_READ_BYTES: usize = 1024;

/// A connection of the null server.
pub(super) struct Client {
    socket: TcpStream,
    input: Input,
    output: Vec<u8>,
    granted: bool,
    /// closeSession was answered: the connection ends when that is sent.
    closing: bool,
    broken: bool,
    watched: Watched,
}

impl Client {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            input: Input::new(FIRST_READ_BYTES),
            output: Vec::new(),
            granted: false,
            closing: false,
            broken: false,
            watched: Watched::default(),
        }
    }

    /// Takes in what there is; `false` at the end of the stream.
    pub(super) fn receive(&mut self) -> bool {
        self.input.fill(&mut self.socket).unwrap_or(false)
    }

    /// Answers the next whole request, if there is one.
    pub(super) fn answer_next(
        &mut self,
        answers: &mut Answers,
        log: &mut Log,
    ) -> Result<Option<Effect>, BenchError> {
        let done = self.try_answer_next(answers, log);
        self.broken |= done.is_err();
        done
    }

    fn try_answer_next(
        &mut self,
        answers: &mut Answers,
        log: &mut Log,
    ) -> Result<Option<Effect>, BenchError> {
        if self.closing {
            return Ok(None);
        }
        let Some(request) = self.input.next_frame()? else { return Ok(None) };
        if !self.granted {
            self.granted = true;
            answers.grant(request, &mut self.output)?;
            log.append(request);
            return Ok(Some(Effect::Write));
        }
        let answered = answers.answer(request, &mut self.output, &mut self.watched)?;
        self.closing = answered.closes;
        if !matches!(answered.effect, Effect::Read) {
            log.append(request);
        }
        Ok(Some(answered.effect))
    }

    pub(super) fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.socket.write(&self.output[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.drain(..sent);
        Ok(())
    }

    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether a change of `path` is told to this client; a watch that fires once is used up.
    pub(super) fn fires(&mut self, path: &[u8]) -> bool {
        self.watched.fires(path)
    }

    /// Whether it sent something that is no request.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether its session has ended and it knows.
    pub(super) fn is_finished(&self) -> bool {
        self.closing && self.output.is_empty()
    }
}
