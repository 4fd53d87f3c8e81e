//! How the server is configured: ZooKeeper's own `zoo.cfg`, its `-D` properties and the variables
//! of its scripts, read as Java reads them and turned into one typed value.
//!
//! [`CommandLine::read`] takes the arguments and the environment apart; [`ServerConfig::from_args`],
//! [`ServerConfig::from_file`] and [`ServerConfig::default_for`] make the configuration. Nothing
//! here opens a socket or writes a file; what is read goes through [`Surroundings`].

mod address;
mod command_line;
mod error;
mod members;
mod notice;
mod number;
mod origin;
mod properties;
mod read;
mod remarks;
mod server_config;
mod settings;
mod surroundings;
mod system;
pub mod table;
mod take;

pub use command_line::CommandLine;
pub use error::{ConfigError, USAGE};
pub use notice::{Notice, Weight};
pub use origin::Origin;
pub use properties::{Entry, MalformedEscape, Properties};
pub use server_config::{
    Access, Compression, ConnectionThrottle, ConnectionWeights, DigestAlg, Dirs, Features, Limits,
    Listen, Purge, Reaper, RequestThrottle, Secret, ServerConfig, Sessions, Snapshots, TxnLog,
    Words,
};
pub use surroundings::{Machine, Surroundings};
pub use system::{Property, SystemProperties};
