//! The shell around the brain: configuration, sockets, the disk thread, four-letter words, metrics.
//!
//! Threads: one or more for clients' sockets, each a single-threaded runtime; one for the log. They
//! meet in the hub, whose brain is driven by whoever brings it something.

mod acceptor;
mod admission;
mod arrears;
mod buffers;
mod calendar;
mod client;
mod clock;
pub mod config;
mod connection;
mod disk_thread;
mod end_signal;
mod greeting;
mod hub;
mod inbox;
mod large_requests;
mod log_queue;
pub mod metrics;
mod outbox;
mod outboxes;
mod recovery;
mod sending;
mod server;
mod serving;
mod throttle;
mod traffic;
pub mod version;
pub mod words;
mod words_desk;

pub use server::{End, Server, ServerError};
