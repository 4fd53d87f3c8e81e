use super::snapshot::{Sampled, ServerStats};
use super::value::{Entry, Value};

/// What the server reads from its own state when it is asked for its metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GaugeValues {
    /// Requests received and not yet answered.
    pub outstanding_requests: u64,
    /// Time in ms since the server began to serve.
    pub uptime_ms: u64,
    /// The tree.
    pub tree: TreeGauges,
    /// The sessions.
    pub sessions: SessionGauges,
    /// The connections of clients.
    pub connections: ConnectionGauges,
    /// The process's files.
    pub files: FileDescriptors,
    /// The quotas in force.
    pub quotas: Vec<NamespaceQuota>,
}

/// Sizes of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeGauges {
    /// Nodes.
    pub znode_count: u64,
    /// Watches set.
    pub watch_count: u64,
    /// Ephemeral nodes.
    pub ephemerals_count: u64,
    /// Bytes of all paths and data.
    pub approximate_data_size: u64,
}

/// Numbers of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionGauges {
    /// Sessions that every member knows.
    pub global: u64,
    /// Sessions that this server alone knows.
    pub local: u64,
}

/// The state of the connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionGauges {
    /// Open ones.
    pub alive: u64,
    /// Probability with which the connection throttle drops the next one.
    pub drop_probability: f64,
    /// TLS handshakes under way.
    pub outstanding_tls_handshake: u64,
    /// Failed authentications; `srst` does not reset them.
    pub auth_failed_count: u64,
    /// Connections without a client certificate, from elsewhere.
    pub non_mtls_remote_count: u64,
    /// Connections without a client certificate, from this host.
    pub non_mtls_local_count: u64,
}

/// Numbers of file descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileDescriptors {
    /// Open ones.
    pub open: u64,
    /// The most that may be open.
    pub max: u64,
}

/// The quota on a node and what is used of it. A namespace has several if quotas are set below its
/// top node; the last one given is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceQuota {
    /// First component of the path.
    pub namespace: String,
    /// Nodes allowed, -1 for any number.
    pub count_limit: i64,
    /// Bytes allowed, -1 for any number.
    pub bytes_limit: i64,
    /// Nodes there.
    pub count_usage: i64,
    /// Bytes there.
    pub bytes_usage: i64,
}

impl FileDescriptors {
    /// Those of this process now; zero where the system does not tell.
    #[must_use]
    pub fn of_process() -> Self {
        let open = std::fs::read_dir("/dev/fd").map_or(0, |entries| {
            // The directory that is being read holds one itself.
            u64::try_from(entries.count().saturating_sub(1)).unwrap_or(u64::MAX)
        });
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self { open, max: limit.current.unwrap_or(u64::MAX) }
    }
}

impl GaugeValues {
    /// In the order in which Apache ZooKeeper prints them.
    pub(super) fn entries(&self, server: &ServerStats) -> Vec<Entry> {
        let latency = &server.request_latency;
        let responses = ResponseSizes::of(server);
        let named: [(&str, Value); 24] = [
            ("ephemerals_count", self.tree.ephemerals_count.into()),
            ("num_alive_connections", self.connections.alive.into()),
            ("avg_latency", latency.average().into()),
            ("outstanding_requests", self.outstanding_requests.into()),
            ("znode_count", self.tree.znode_count.into()),
            ("global_sessions", self.sessions.global.into()),
            ("non_mtls_remote_conn_count", self.connections.non_mtls_remote_count.into()),
            ("last_client_response_size", responses.last),
            ("packets_sent", server.packets_sent.into()),
            ("packets_received", server.packets_received.into()),
            ("max_client_response_size", responses.max),
            ("connection_drop_probability", self.connections.drop_probability.into()),
            ("watch_count", self.tree.watch_count.into()),
            ("auth_failed_count", self.connections.auth_failed_count.into()),
            ("min_latency", latency.min.into()),
            ("max_file_descriptor_count", self.files.max.into()),
            ("approximate_data_size", self.tree.approximate_data_size.into()),
            ("open_file_descriptor_count", self.files.open.into()),
            ("local_sessions", self.sessions.local.into()),
            ("uptime", self.uptime_ms.into()),
            ("max_latency", latency.max.into()),
            ("outstanding_tls_handshake", self.connections.outstanding_tls_handshake.into()),
            ("min_client_response_size", responses.min),
            ("non_mtls_local_conn_count", self.connections.non_mtls_local_count.into()),
        ];
        let named = named.into_iter().map(|(name, value)| Entry::new(name, value));
        named.chain(self.quotas.iter().flat_map(NamespaceQuota::entries)).collect()
    }
}

impl NamespaceQuota {
    fn entries(&self) -> [Entry; 4] {
        [
            ("quota_bytes_limit_per_namespace", self.bytes_limit),
            ("quota_count_usage_per_namespace", self.count_usage),
            ("quota_count_limit_per_namespace", self.count_limit),
            ("quota_bytes_usage_per_namespace", self.bytes_usage),
        ]
        .map(|(name, value)| Entry::new(format!("{}_{name}", self.namespace), value))
    }
}

/// Sizes of responses, -1 before the first.
struct ResponseSizes {
    last: Value,
    min: Value,
    max: Value,
}

impl ResponseSizes {
    fn of(server: &ServerStats) -> Self {
        let Some(last) = server.last_response_bytes else {
            return Self {
                last: Value::Integer(-1),
                min: Value::Integer(-1),
                max: Value::Integer(-1),
            };
        };
        let Sampled { min, max, .. } = server.response_bytes;
        Self { last: last.into(), min: min.into(), max: max.into() }
    }
}
