//! The typed configuration that the server is built from: one small struct per concern.
//!
//! Every `Default` is the value a ZooKeeper server uses when the key is absent. What has no default
//! of its own (directories, the client port) is given by the constructors.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::notice::Notice;

/// Everything a standalone server needs to know before it touches a socket or a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// Where clients connect.
    pub listen: Listen,
    /// The tick and the bounds of session timeouts.
    pub sessions: Sessions,
    /// Caps on connections, frames and requests in flight.
    pub limits: Limits,
    /// How requests are held back and dropped under load.
    pub request_throttle: RequestThrottle,
    /// How new connections are held back under load.
    pub connection_throttle: ConnectionThrottle,
    /// Where snapshots and logs live.
    pub dirs: Dirs,
    /// The transaction log.
    pub txn_log: TxnLog,
    /// Snapshots and what recovery asks of them.
    pub snapshots: Snapshots,
    /// The removal of old snapshots and logs.
    pub purge: Purge,
    /// ACLs and who is super.
    pub access: Access,
    /// Switches of the tree and its transactions.
    pub features: Features,
    /// The reaper of containers and TTL nodes.
    pub reaper: Reaper,
    /// Which four-letter words are answered.
    pub words: Words,
    /// Lines to log at start: keys that have no effect here, odd values, what was chosen instead.
    pub notices: Vec<Notice>,
}

impl ServerConfig {
    /// The tick, the default of every key, and the given port and directory for both files and logs.
    #[must_use]
    pub fn with_defaults(ip: Option<IpAddr>, port: u16, data_dir: PathBuf) -> Self {
        let data_log_dir = data_dir.clone();
        Self {
            listen: Listen { ip, port, ..Listen::default() },
            sessions: Sessions::default(),
            limits: Limits::default(),
            request_throttle: RequestThrottle::default(),
            connection_throttle: ConnectionThrottle::default(),
            dirs: Dirs { data_dir, data_log_dir, autocreate: true },
            txn_log: TxnLog::default(),
            snapshots: Snapshots::default(),
            purge: Purge::default(),
            access: Access::default(),
            features: Features::default(),
            reaper: Reaper::default(),
            words: Words::default(),
            notices: Vec::new(),
        }
    }
}

/// Where clients connect, and how their sockets are set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `clientPortAddress`; none binds every address, IPv6 and IPv4.
    pub ip: Option<IpAddr>,
    /// `clientPort`; 0 (only by `0 <dataDir>` on the command line) lets the system choose.
    pub port: u16,
    /// `clientPortListenBacklog`; none (`-1`) is the default of 50 that Java uses.
    pub backlog: Option<u32>,
    /// `clientTcpKeepAlive`: SO_KEEPALIVE on client sockets.
    pub tcp_keep_alive: bool,
    /// `nio.sessionlessCnxnTimeout`: a connection that completes no handshake is closed after this.
    pub sessionless_cnxn_timeout_ms: u32,
    /// `nio.numSelectorThreads`: threads that serve connections; none is one for every two cores, 8 at most.
    pub io_threads: Option<u32>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            ip: None,
            port: 2181,
            backlog: None,
            tcp_keep_alive: false,
            sessionless_cnxn_timeout_ms: 10_000,
            io_threads: None,
        }
    }
}

/// The tick and the bounds of session timeouts. All three are at most `i32::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// `tickTime`, more than 0.
    pub tick_time_ms: u32,
    /// `minSessionTimeout`, 2 ticks unless given.
    pub min_session_timeout_ms: u32,
    /// `maxSessionTimeout`, 20 ticks unless given; not below the minimum.
    pub max_session_timeout_ms: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { tick_time_ms: 3_000, min_session_timeout_ms: 6_000, max_session_timeout_ms: 60_000 }
    }
}

/// Caps on connections, frames and requests in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `maxClientCnxns`: connections per remote address; 0 is no limit.
    pub max_client_cnxns: u32,
    /// `maxCnxns`: connections in all; 0 is no limit.
    pub max_cnxns: u32,
    /// `jute.maxbuffer`: the longest frame and field taken, in bytes.
    pub jute_max_buffer_bytes: u32,
    /// `jute.maxbuffer.extrasize`: what a field may exceed that by when read back from disk or a peer.
    pub jute_max_buffer_extra_bytes: u32,
    /// `globalOutstandingLimit`: requests in process before busy connections are no longer read.
    pub global_outstanding_limit: u32,
    /// `largeRequestMaxBytes`: the sum of large requests in flight.
    pub large_request_max_bytes: u32,
    /// `largeRequestThreshold`: what counts as large; none switches the check off.
    pub large_request_threshold_bytes: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_client_cnxns: 60,
            max_cnxns: 0,
            jute_max_buffer_bytes: 0xf_ffff,
            jute_max_buffer_extra_bytes: 0xf_ffff,
            global_outstanding_limit: 1_000,
            large_request_max_bytes: 100 * 1024 * 1024,
            large_request_threshold_bytes: None,
        }
    }
}

/// How requests are held back and dropped under load (`request_throttle_*`, `request_stale_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestThrottle {
    /// `request_throttle_max_requests`: requests in process; 0 is no limit.
    pub max_requests: u32,
    /// `request_throttle_drop_stale`: drop stale requests that wait.
    pub drop_stale: bool,
    /// `request_stale_latency_check`: older than the session timeout counts as stale.
    pub stale_latency_check: bool,
    /// `request_stale_connection_check`: a closed connection makes its requests stale.
    pub stale_connection_check: bool,
    /// `throttled_op_wait_time`: a longer wait is answered with THROTTLEDOP; 0 is off.
    pub throttled_op_wait_time_ms: u32,
}

impl Default for RequestThrottle {
    fn default() -> Self {
        Self {
            max_requests: 0,
            drop_stale: true,
            stale_latency_check: false,
            stale_connection_check: true,
            throttled_op_wait_time_ms: 0,
        }
    }
}

/// The token bucket for new connections, and its drop probability (`connection_throttle_*`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConnectionThrottle {
    /// `connection_throttle_tokens`: the size of the bucket; 0 is no throttle.
    pub tokens: u32,
    /// `connection_throttle_fill_time`: the interval of refills.
    pub fill_time_ms: u32,
    /// `connection_throttle_fill_count`: tokens per refill.
    pub fill_count: u32,
    /// `connection_throttle_freeze_time`: between two changes of the drop probability; none is off.
    pub freeze_time_ms: Option<u32>,
    /// `connection_throttle_drop_increase`.
    pub drop_increase: f64,
    /// `connection_throttle_drop_decrease`.
    pub drop_decrease: f64,
    /// `connection_throttle_decrease_ratio`.
    pub decrease_ratio: f64,
    /// Tokens per kind of connect; none (`connection_throttle_weight_enabled=false`) counts 1 each.
    pub weights: Option<ConnectionWeights>,
}

impl Default for ConnectionThrottle {
    fn default() -> Self {
        Self {
            tokens: 0,
            fill_time_ms: 1,
            fill_count: 1,
            freeze_time_ms: None,
            drop_increase: 0.02,
            drop_decrease: 0.002,
            decrease_ratio: 0.0,
            weights: None,
        }
    }
}

/// Tokens that a connect costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionWeights {
    /// `connection_throttle_global_session_weight`: a new global session.
    pub global_session: u32,
    /// `connection_throttle_renew_session_weight`: a reconnect.
    pub renew_session: u32,
    /// `connection_throttle_local_session_weight`: a new local session.
    pub local_session: u32,
}

impl Default for ConnectionWeights {
    fn default() -> Self {
        Self { global_session: 3, renew_session: 2, local_session: 1 }
    }
}

/// Where snapshots and logs live. Both paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// `dataDir`: snapshots (in `version-2`), `myid`.
    pub data_dir: PathBuf,
    /// `dataLogDir`: transaction logs (in `version-2`); the data directory unless given.
    pub data_log_dir: PathBuf,
    /// `datadir.autocreate`: make what is missing.
    pub autocreate: bool,
}

/// The transaction log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxnLog {
    /// `preAllocSize`, in KB; 0 allocates nothing ahead.
    pub pre_alloc_kb: u64,
    /// `txnLogSizeLimitInKb`: roll the log past this size; none is off.
    pub size_limit_kb: Option<u64>,
    /// `forceSync`: fsync before an acknowledgement ("no" gives up durability).
    pub force_sync: bool,
    /// `fsync.warningthresholdms`: a slower fsync is logged.
    pub fsync_warning_threshold_ms: u64,
}

impl Default for TxnLog {
    fn default() -> Self {
        Self {
            pre_alloc_kb: 65_536,
            size_limit_kb: None,
            force_sync: true,
            fsync_warning_threshold_ms: 1_000,
        }
    }
}

/// Snapshots, and what recovery asks of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshots {
    /// `snapCount`: transactions between snapshots, at least 2 (half of it is random); none is 100,000, and more of a
    /// large tree.
    pub snap_count: Option<u32>,
    /// `snapSizeLimitInKb`: log bytes between snapshots; none is off.
    pub size_limit_kb: Option<u64>,
    /// `snapshot.compression.method`.
    pub compression: Compression,
    /// `snapshot.trust.empty`: logs without a snapshot are taken.
    pub trust_empty: bool,
    /// `serializeLastProcessedZxid.enabled`: the snapshot's last item is written.
    pub serialize_last_processed_zxid: bool,
    /// `db.autocreate`: an empty directory is a new database.
    pub db_autocreate: bool,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self {
            snap_count: None,
            size_limit_kb: Some(4_194_304),
            compression: Compression::None,
            trust_empty: false,
            serialize_last_processed_zxid: true,
            db_autocreate: true,
        }
    }
}

/// How snapshots are written; reading goes by the file's suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Plain.
    #[default]
    None,
    /// `gz`.
    Gzip,
    /// `snappy`.
    Snappy,
}

/// The removal of old snapshots and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// `autopurge.snapRetainCount`: snapshots that stay, at least 3.
    pub snap_retain_count: u32,
    /// `autopurge.purgeInterval` in hours; none removes nothing.
    pub interval_hours: Option<u32>,
}

impl Default for Purge {
    fn default() -> Self {
        Self { snap_retain_count: 3, interval_hours: None }
    }
}

/// ACLs, and who is super.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// `skipACL=yes`: no check at all.
    pub skip_acl: bool,
    /// `DigestAuthenticationProvider.enabled`: the `digest` scheme exists.
    pub digest_provider_enabled: bool,
    /// `DigestAuthenticationProvider.digestAlg`.
    pub digest_alg: DigestAlg,
    /// `DigestAuthenticationProvider.superDigest`: `user:hash` whose owner may do everything.
    pub super_digest: Option<Secret>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            skip_acl: false,
            digest_provider_enabled: true,
            digest_alg: DigestAlg::Sha1,
            super_digest: None,
        }
    }
}

/// The hash of `user:password` in a digest id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigestAlg {
    /// `SHA1` and its other spellings.
    #[default]
    Sha1,
    /// `SHA-224`.
    Sha224,
    /// `SHA-256`.
    Sha256,
    /// `SHA-384`.
    Sha384,
    /// `SHA-512`.
    Sha512,
    /// `SHA3-224`.
    Sha3With224,
    /// `SHA3-256`.
    Sha3With256,
    /// `SHA3-384`.
    Sha3With384,
    /// `SHA3-512`.
    Sha3With512,
}

/// A value that no log line may show: `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value so that it cannot be printed by accident.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that compares it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Switches of the tree and its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// `digest.enabled`: the tree digest is kept, logged and checked.
    pub digest: bool,
    /// `closeSessionTxn.enabled`: the ephemerals are listed in the closing transaction.
    pub close_session_txn: bool,
    /// `extendedTypesEnabled`: TTL nodes may be created.
    pub extended_types: bool,
    /// `emulate353TTLNodes`: owners of TTL nodes are written as 3.5.3 did.
    pub emulate_353_ttl_nodes: bool,
    /// `enforceQuota`: hard quotas refuse writes.
    pub enforce_quota: bool,
    /// `reconfigEnabled`: decides how a server that stands alone refuses a reconfig.
    pub reconfig: bool,
    /// `readonlymode.enabled` (by `-D` only): adds `isro` to the words; for ensembles.
    pub read_only_mode: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            digest: true,
            close_session_txn: true,
            extended_types: false,
            emulate_353_ttl_nodes: false,
            enforce_quota: false,
            reconfig: false,
            read_only_mode: false,
        }
    }
}

/// The reaper of containers and TTL nodes (`znode.container.*`, by `-D` only).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaper {
    /// `znode.container.checkIntervalMs`: between two scans.
    pub check_interval_ms: u32,
    /// `znode.container.maxPerMinute`: deletions per minute, at least 1.
    pub max_per_minute: u32,
    /// `znode.container.maxNeverUsedIntervalMs`: age of a container without a past; none is never.
    pub max_never_used_interval_ms: Option<u64>,
}

impl Default for Reaper {
    fn default() -> Self {
        Self { check_interval_ms: 60_000, max_per_minute: 10_000, max_never_used_interval_ms: None }
    }
}

/// Which four-letter words are answered (`4lw.commands.whitelist`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// `*`
    All,
    /// Those listed; `srvr` always, `isro` when the read-only mode is on.
    Listed(BTreeSet<String>),
}

impl Words {
    /// Whether the word is answered; else the client is told that it is not in the whitelist.
    #[must_use]
    pub fn allow(&self, word: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(words) => words.contains(word),
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::Listed(BTreeSet::from(["srvr".to_owned()]))
    }
}
