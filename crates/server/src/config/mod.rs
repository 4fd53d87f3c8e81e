//! How the server is configured: ZooKeeper's own `zoo.cfg`, its `-D` properties and the variables
//! of its scripts, read as Java reads them and turned into one typed value.

mod notice;
mod server_config;

pub use notice::{Notice, Weight};
pub use server_config::{
    Access, Compression, ConnectionThrottle, ConnectionWeights, DigestAlg, Dirs, Features, Limits,
    Listen, Purge, Reaper, RequestThrottle, Secret, ServerConfig, Sessions, Snapshots, TxnLog,
    Words,
};
