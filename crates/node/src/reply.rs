//! How outcomes become replies.

use alloc::vec::Vec;

use base::Zxid;
use tree::Outcome;
use wire::{MultiResult, Record, ReplyHeader, write_reply};

/// The error code of a write that had this outcome.
pub(crate) fn error_of(outcome: &Outcome<'_>) -> i32 {
    match outcome {
        Outcome::Failed(code) => *code,
        Outcome::Created { .. }
        | Outcome::Deleted
        | Outcome::Set(_)
        | Outcome::Checked
        | Outcome::Session
        | Outcome::Multi(_) => 0,
    }
}

/// Appends the reply to a write that had this outcome.
pub(crate) fn write_outcome(out: &mut Vec<u8>, xid: i32, zxid: Zxid, outcome: &Outcome<'_>) {
    let err = error_of(outcome);
    write_reply(out, ReplyHeader { xid, zxid, err }, |out| match outcome {
        Outcome::Created { path, stat, plain } => {
            path.write(out);
            if !plain {
                stat.write(out);
            }
        }
        Outcome::Set(stat) => stat.write(out),
        Outcome::Multi(parts) => {
            parts.iter().for_each(|part| write_part(out, part));
            MultiResult::write_end(out);
        }
        Outcome::Deleted | Outcome::Checked | Outcome::Session | Outcome::Failed(_) => {}
    });
}

fn write_part(out: &mut Vec<u8>, part: &Outcome<'_>) {
    match part {
        Outcome::Created { path, plain: true, .. } => MultiResult::Create(path.clone()).write(out),
        Outcome::Created { path, stat, .. } => {
            MultiResult::Create2(path.clone(), *stat).write(out);
        }
        Outcome::Deleted => MultiResult::Delete.write(out),
        Outcome::Set(stat) => MultiResult::SetData(*stat).write(out),
        Outcome::Checked => MultiResult::Check.write(out),
        Outcome::Failed(code) => MultiResult::Error(*code).write(out),
        // Neither can be prepared as a part.
        Outcome::Session | Outcome::Multi(_) => {}
    }
}
