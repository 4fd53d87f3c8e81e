//! The shell around the brain: configuration, sockets, the disk thread, four-letter words, metrics.

pub mod config;
mod calendar;
pub mod metrics;
pub mod version;
pub mod words;
