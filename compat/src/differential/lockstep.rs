//! Two servers side by side, making the same moves.

use std::net::SocketAddr;

use anyhow::Result;
use wire::OpCode;

use super::generator::SLOTS;
use super::player::Player;
use super::step::Step;
use super::transcript::{Fact, Seen};

/// The judge and the server under test.
#[derive(Debug)]
pub struct Lockstep {
    /// The one that is right.
    pub judge: Player,
    /// The one that is tried.
    pub tried: Player,
}

/// What both said to one step.
#[derive(Clone, Debug)]
pub struct Answers {
    /// What the judge said.
    pub judge: Vec<Seen>,
    /// What the server under test said.
    pub tried: Vec<Seen>,
}

impl Answers {
    /// Whether they are the same.
    #[must_use]
    pub fn agree(&self) -> bool {
        let same = |(a, b): (&Seen, &Seen)| a.slot == b.slot && a.text == b.text;
        self.judge.len() == self.tried.len() && self.judge.iter().zip(&self.tried).all(same)
    }

    /// Both, line by line, those that differ marked.
    #[must_use]
    pub fn side_by_side(&self) -> String {
        let line = |seen: Option<&Seen>| {
            seen.map_or_else(|| "nothing".into(), |seen| format!("#{} {}", seen.slot, seen.text))
        };
        (0..self.judge.len().max(self.tried.len()))
            .map(|n| {
                let (judge, tried) = (line(self.judge.get(n)), line(self.tried.get(n)));
                if judge == tried {
                    format!("  both  {judge}\n")
                } else {
                    format!("! judge {judge}\n! tried {tried}\n")
                }
            })
            .collect()
    }
}

impl Lockstep {
    /// Clients of both servers.
    #[must_use]
    pub fn new(judge: SocketAddr, tried: SocketAddr) -> Lockstep {
        Lockstep { judge: Player::new(judge, SLOTS), tried: Player::new(tried, SLOTS) }
    }

    /// Makes a move on both and waits for its answers; `settled`, for all that it causes elsewhere too.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub fn play(&mut self, step: &Step, settled: bool) -> Result<Answers> {
        let mut answers = Answers { judge: self.judge.send(step)?, tried: self.tried.send(step)? };
        self.judge.receive(step, &mut answers.judge);
        self.tried.receive(step, &mut answers.tried);
        if settled || ends_session(step) {
            self.settle(&mut answers)?;
        }
        if ends_session(step) {
            sort_events(&mut answers.judge);
            sort_events(&mut answers.tried);
        }
        Ok(answers)
    }

    /// Waits until all events that were caused so far have arrived.
    ///
    /// # Errors
    /// When a socket takes nothing more.
    pub fn settle(&mut self, answers: &mut Answers) -> Result<()> {
        self.judge.send_markers()?;
        self.tried.send_markers()?;
        self.judge.receive_markers(&mut answers.judge);
        self.tried.receive_markers(&mut answers.tried);
        Ok(())
    }
}

fn ends_session(step: &Step) -> bool {
    let close = OpCode::CloseSession.code();
    step.requests().iter().any(|request| request.op == close)
}

/// The nodes of a session go in the order of a set that has none: events of one transaction are put in order.
pub fn sort_events(seen: &mut [Seen]) {
    let zxid = |sight: &Seen| match sight.fact {
        Fact::Event(zxid) => Some(zxid),
        _ => None,
    };
    let together = |a: &Seen, b: &Seen| a.slot == b.slot && zxid(a).is_some() && zxid(a) == zxid(b);
    for run in seen.chunk_by_mut(together) {
        run.sort_by(|a, b| a.text.cmp(&b.text));
    }
}
