//! The shell around the brain: configuration, sockets, the disk thread, four-letter words, metrics.

pub mod config;
