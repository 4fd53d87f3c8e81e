//! The brain, driven step by step: no socket, no file, no thread, and a clock that is told the time.
//!
//! `scripts` tells one behaviour a file; `random` compares long mixed runs with a model that is too
//! simple to be wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

mod ask;
mod command;
mod model;
mod random;
mod reply;
mod scene;
mod scripts;
mod world;
