//! Compatibility suites: Apache ZooKeeper and its clients against our server.
//!
//! The suites are the integration tests of this package; they need what `cargo xtask fetch` brings.

pub mod acknowledgement;
pub mod client;
pub mod configuration;
pub mod dialogue;
pub mod differential;
pub mod handmade;
pub mod image;
pub mod kind;
pub mod load;
pub mod measure;
pub mod ports;
pub mod script;
pub mod server;
pub mod strace;

pub use dialogue::Dialogue;
pub use kind::{Kind, Release};
pub use server::{Refusal, Server, Settings};
