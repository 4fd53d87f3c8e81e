//! How often each operation met each answer: a run shows only what it has tried.

use std::collections::BTreeMap;
use std::fmt;

use wire::{ErrorCode, Limits, MultiResult, OpCode, WriteRequest, read_results};

use super::reachable::REACHABLE;
use super::step::{Request, Step};
use super::transcript::{Fact, Seen};
use crate::client::reader;

/// How often each answer has to be met.
pub const TIMES_MIN: usize = 20;
/// Percent of all requests that have to succeed.
pub const SUCCESS_PERCENT_MIN: usize = 40;
/// Events for each 50,000 requests.
pub const EVENTS_MIN_IN_10: usize = 1;

/// Counts of answers.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// By row, then by error code.
    answers: BTreeMap<String, BTreeMap<i32, usize>>,
    /// Requests answered.
    pub requests: usize,
    /// Of these, without an error, within a multi neither.
    pub successes: usize,
    /// Notifications.
    pub events: usize,
}

impl Coverage {
    /// Counts what a step led to.
    pub fn count(&mut self, step: &Step, seen: &[Seen]) {
        for sight in seen {
            match &sight.fact {
                Fact::Reply { request, err, body, .. } => {
                    self.answer(&step.requests()[*request], *err, body);
                }
                Fact::Event(_) => self.events += 1,
                _ => {}
            }
        }
    }

    fn answer(&mut self, request: &Request, err: i32, body: &[u8]) {
        let op = request.known_op();
        let row = op.map_or_else(|| "no operation".into(), |op| format!("{op:?}"));
        self.requests += 1;
        self.met(row, err);
        let within = match op {
            Some(OpCode::Multi) if err == 0 => self.within_multi(&request.body, body),
            Some(OpCode::MultiRead) if err == 0 => self.within_multi_read(body),
            _ => 0,
        };
        if err == 0 && within == 0 {
            self.successes += 1;
        }
    }

    fn met(&mut self, row: String, err: i32) {
        *self.answers.entry(row).or_default().entry(err).or_default() += 1;
    }

    /// Counts the result of each operation, and returns the first error.
    fn within_multi(&mut self, request: &[u8], reply: &[u8]) -> i32 {
        let ops = WriteRequest::decode(OpCode::Multi, request, Limits::default());
        let (Ok(WriteRequest::Multi(ops)), Ok(results)) = (ops, read_results(&mut reader(reply)))
        else {
            return 0;
        };
        let codes: Vec<i32> = results.iter().map(code).collect();
        let failed = codes.iter().position(|code| *code != 0);
        for (n, op) in ops.iter().enumerate() {
            let row = format!("Multi/{:?}", op.op());
            match failed {
                // Undone, or never tried: neither tells anything of the operation.
                Some(failing) if n != failing => self.met("Multi/others".into(), codes[n]),
                _ => {
                    self.met("Multi/any".into(), codes[n]);
                    self.met(row, codes[n]);
                }
            }
        }
        failed.map_or(0, |failing| codes[failing])
    }

    fn within_multi_read(&mut self, reply: &[u8]) -> i32 {
        let Ok(results) = read_results(&mut reader(reply)) else {
            return 0;
        };
        let mut first = 0;
        for result in &results {
            let code = code(result);
            self.met("MultiRead/any".into(), code);
            if first == 0 {
                first = code;
            }
        }
        first
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Coverage) {
        for (row, codes) in &other.answers {
            let mine = self.answers.entry(row.clone()).or_default();
            for (code, times) in codes {
                *mine.entry(*code).or_default() += times;
            }
        }
        self.requests += other.requests;
        self.successes += other.successes;
        self.events += other.events;
    }

    /// What is lacking; empty when the run shows enough.
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        let mut lacking = Vec::new();
        for (row, codes) in REACHABLE {
            for code in *codes {
                let times = self.times(row, *code);
                if times < TIMES_MIN {
                    lacking.push(format!("{row} answered {} {times} times", name(*code)));
                }
            }
        }
        if self.successes * 100 < self.requests * SUCCESS_PERCENT_MIN {
            lacking.push(format!("{} successes", self.successes));
        }
        if self.events < self.requests * EVENTS_MIN_IN_10 / 10 {
            lacking.push(format!("{} events", self.events));
        }
        lacking
    }

    fn times(&self, row: &str, code: i32) -> usize {
        let codes = self.answers.get(row);
        codes.and_then(|codes| codes.get(&code)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (row, codes) in &self.answers {
            write!(f, "{row:24}")?;
            for (code, times) in codes.iter().rev() {
                write!(f, " {} {times}", name(*code))?;
            }
            writeln!(f)?;
        }
        write!(
            f,
            "{} requests, {} % successes, {} events",
            self.requests,
            self.successes * 100 / self.requests.max(1),
            self.events
        )
    }
}

fn code(result: &MultiResult<'_>) -> i32 {
    match result {
        MultiResult::Error(code) => *code,
        _ => 0,
    }
}

fn name(code: i32) -> String {
    if code == 0 {
        return "ok".into();
    }
    ErrorCode::from_code(code).map_or_else(|| code.to_string(), |code| format!("{code:?}"))
}
