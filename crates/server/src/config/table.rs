//! The one table of every key that a ZooKeeper server knows, and of what this server does with it.
//!
//! `docs/compat/configuration.md` prints this table, and a test holds the two together. A key whose
//! state changes (a later version opens the TLS port, say) changes here and there at once.

use Kind::{Bool, Int, Long, Text};
use State::{Client, Ensemble, Ignored, Implemented, Refused};

/// A key and what is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As in `zoo.cfg`, or as after `-D` where it can be given only there; a final `*` stands for any
    /// ending.
    pub name: &'static str,
    /// How it is given.
    pub how: How,
    /// What this server does with it.
    pub state: State,
}

/// How a key is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In `zoo.cfg` only, where its value is checked.
    File(Kind),
    /// In `zoo.cfg`, or as `-Dzookeeper.<name>`; the file counts when both are there.
    Property,
    /// As `-D<name>` only.
    Define,
}

/// What a value in `zoo.cfg` must be for the server to start, as in ZooKeeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A decimal number of 32 bits.
    Int,
    /// A decimal number of 64 bits.
    Long,
    /// `true` or `false` in any case.
    Bool,
    /// Anything, or checked where it is used.
    Text,
}

/// What this server does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As in ZooKeeper.
    Implemented,
    /// Checked as in ZooKeeper; it matters to the members of an ensemble only.
    Ensemble,
    /// Read by clients and tools, never by a server.
    Client,
    /// No effect here, for this reason; a line at start says so.
    Ignored(&'static str),
    /// Anything but `false` keeps the server from starting, for this reason.
    Refused(&'static str),
}

/// Looks up a key by its name in `zoo.cfg`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    find_where(name, |key| key.how != How::Define)
}

/// Looks up a key by the full name of a system property (`zookeeper.snapCount`, `jute.maxbuffer`).
#[must_use]
pub fn find_property(full_name: &str) -> Option<&'static Key> {
    find_where(full_name, |key| key.how == How::Define).or_else(|| {
        let name = full_name.strip_prefix("zookeeper.")?;
        find_where(name, |key| key.how == How::Property)
    })
}

fn find_where(name: &str, admits: impl Fn(&Key) -> bool) -> Option<&'static Key> {
    let exact = KEYS.iter().find(|key| key.name == name && admits(key));
    exact.or_else(|| KEYS.iter().find(|key| key.is_pattern_of(name) && admits(key)))
}

impl Key {
    fn is_pattern_of(&self, name: &str) -> bool {
        self.name.strip_suffix('*').is_some_and(|stem| name.starts_with(stem))
    }
}

const fn file(name: &'static str, kind: Kind, state: State) -> Key {
    Key { name, how: How::File(kind), state }
}

const fn property(name: &'static str, state: State) -> Key {
    Key { name, how: How::Property, state }
}

const fn define(name: &'static str, state: State) -> Key {
    Key { name, how: How::Define, state }
}

const TLS: State = Ignored("this version has no TLS, no TLS port is opened");
const SASL: State = Ignored("this version has no SASL");
const PROVIDER: State =
    Ignored("the schemes are world, auth, digest, ip and super; no other is loaded");
const ADMIN: State = Ignored("this version has no admin server, no HTTP port is opened");
const METRICS: State =
    Ignored("this version has no metrics port; the word mntr answers with all metrics");
const AUDIT: State = Ignored("this version writes no audit log");
const LOGS: State = Ignored("the server logs to its standard output");
const INSIDE: State = Ignored("it tunes a part of the Java server that does not exist here");
const CACHE: State = Ignored("replies are not cached, they are encoded as fast as a cache answers");
const WATCHES: State = Ignored("there is one watch manager, and it knows every kind of watch");
const JVM: State = Ignored("there is no JVM that could pause");
const GROUPS: State = Ignored(
    "transactions are written in groups, as they come while the disk is busy; nothing waits for a timer",
);
const TESTS: State = Ignored("it belongs to ZooKeeper's own tests");

/// Every key. Order: as ZooKeeper's administrators meet them.
pub const KEYS: &[Key] = &[
    // What zoo.cfg alone may hold.
    file("dataDir", Text, Implemented),
    file("dataLogDir", Text, Implemented),
    file("tickTime", Int, Implemented),
    file("clientPort", Int, Implemented),
    file("clientPortAddress", Text, Implemented),
    file("clientPortListenBacklog", Int, Implemented),
    file("maxClientCnxns", Int, Implemented),
    file("minSessionTimeout", Int, Implemented),
    file("maxSessionTimeout", Int, Implemented),
    file("autopurge.snapRetainCount", Int, Implemented),
    file("autopurge.purgeInterval", Int, Implemented),
    file("standaloneEnabled", Bool, Implemented),
    file("server.*", Text, Implemented),
    file("dynamicConfigFile", Text, Implemented),
    file("group*", Text, Ensemble),
    file("weight*", Text, Ensemble),
    file("initLimit", Int, Ensemble),
    file("syncLimit", Int, Ensemble),
    file("connectToLearnerMasterLimit", Int, Ensemble),
    file("peerType", Text, Ensemble),
    file("syncEnabled", Bool, Ensemble),
    file("electionAlg", Int, Ensemble),
    file("quorumListenOnAllIPs", Bool, Ensemble),
    file("observerMasterPort", Int, Ensemble),
    file("reconfigEnabled", Bool, Implemented),
    file("localSessionsEnabled", Bool, Ensemble),
    file("localSessionsUpgradingEnabled", Bool, Ensemble),
    file("quorum.cnxn.threads.size", Int, Ensemble),
    file("multiAddress.enabled", Bool, Ensemble),
    file("multiAddress.reachabilityCheckEnabled", Bool, Ensemble),
    file("multiAddress.reachabilityCheckTimeoutMs", Int, Ensemble),
    file("oraclePath", Text, Ensemble),
    file("secureClientPort", Int, TLS),
    file("secureClientPortAddress", Text, TLS),
    file("sslQuorum", Bool, Refused("this version has no TLS between servers")),
    file("portUnification", Bool, TLS),
    file("sslQuorumReloadCertFiles", Bool, TLS),
    file("quorum.auth.enableSasl", Bool, Refused("this version has no SASL between servers")),
    file(
        "quorum.auth.serverRequireSasl",
        Bool,
        Refused("this version has no SASL between servers"),
    ),
    file(
        "quorum.auth.learnerRequireSasl",
        Bool,
        Refused("this version has no SASL between servers"),
    ),
    file("quorum.auth.learner.saslLoginContext", Text, SASL),
    file("quorum.auth.server.saslLoginContext", Text, SASL),
    file("quorum.auth.kerberos.servicePrincipal", Text, SASL),
    file("jvm.pause.monitor", Bool, JVM),
    file("jvm.pause.sleep.time.ms", Long, JVM),
    file("jvm.pause.info-threshold.ms", Long, JVM),
    file("jvm.pause.warn-threshold.ms", Long, JVM),
    file("metricsProvider.className", Text, METRICS),
    file("metricsProvider.*", Text, METRICS),
    // Wire, sessions, request handling.
    define("jute.maxbuffer", Implemented),
    property("jute.maxbuffer.extrasize", Implemented),
    property("globalOutstandingLimit", Implemented),
    property("request_throttle_max_requests", Implemented),
    property(
        "request_throttle_stall_time",
        Ignored("requests that wait go on as soon as others are done"),
    ),
    property("request_throttle_drop_stale", Implemented),
    property(
        "request_throttler.shutdownTimeout",
        Ignored("at its end the server answers what is in process and drops what waits"),
    ),
    property("request_stale_latency_check", Implemented),
    property("request_stale_connection_check", Implemented),
    property("throttled_op_wait_time", Implemented),
    property("connection_throttle_tokens", Implemented),
    property("connection_throttle_fill_time", Implemented),
    property("connection_throttle_fill_count", Implemented),
    property("connection_throttle_freeze_time", Implemented),
    property("connection_throttle_drop_increase", Implemented),
    property("connection_throttle_drop_decrease", Implemented),
    property("connection_throttle_decrease_ratio", Implemented),
    property("connection_throttle_weight_enabled", Implemented),
    property("connection_throttle_global_session_weight", Implemented),
    property("connection_throttle_renew_session_weight", Implemented),
    property("connection_throttle_local_session_weight", Implemented),
    property("largeRequestMaxBytes", Implemented),
    property("largeRequestThreshold", Implemented),
    property("maxCnxns", Implemented),
    property("maxResponseCacheSize", CACHE),
    property("maxGetChildrenResponseCacheSize", CACHE),
    property("intBufferStartingSizeBytes", INSIDE),
    property("enableEagerACLCheck", Ensemble),
    property("skipACL", Implemented),
    property("enforceQuota", Implemented),
    property("extendedTypesEnabled", Implemented),
    property("emulate353TTLNodes", Implemented),
    property("digest.enabled", Implemented),
    property("closeSessionTxn.enabled", Implemented),
    property("watchManagerName", WATCHES),
    property("watcherCleanThreshold", WATCHES),
    property("watcherCleanIntervalInSeconds", WATCHES),
    property("watcherCleanThreadsNum", WATCHES),
    property("maxInProcessingDeadWatchers", WATCHES),
    property("bitHashCacheSize", WATCHES),
    define("readonlymode.enabled", Implemented),
    define("znode.container.checkIntervalMs", Implemented),
    define("znode.container.maxPerMinute", Implemented),
    define("znode.container.maxNeverUsedIntervalMs", Implemented),
    property("pathStats.*", Ignored("this version logs no statistics of paths")),
    property("messageTracker.Enabled", Ensemble),
    property("messageTracker.BufferSize", Ensemble),
    // Network.
    property(
        "serverCnxnFactory",
        Ignored("there is one kind of client connection, which needs no choice"),
    ),
    property("nio.sessionlessCnxnTimeout", Implemented),
    property("nio.numSelectorThreads", Implemented),
    property("nio.numWorkerThreads", INSIDE),
    property("nio.directBufferBytes", INSIDE),
    property("nio.shutdownTimeout", INSIDE),
    property("clientTcpKeepAlive", Implemented),
    property("tcpKeepAlive", Ensemble),
    property("netty.advancedFlowControl.enabled", INSIDE),
    property("netty.server.outstandingHandshake.limit", TLS),
    property("netty.server.earlyDropSecureConnectionHandshakes", TLS),
    property("client.portUnification", TLS),
    property("client.certReload", TLS),
    define("leader.nodelay", Ensemble),
    define("follower.nodelay", Ensemble),
    // Pipeline and storage.
    property("commitProcessor.numWorkerThreads", Ensemble),
    property("commitProcessor.shutdownTimeout", Ensemble),
    property("commitProcessor.maxReadBatchSize", Ensemble),
    property("commitProcessor.maxCommitBatchSize", Ensemble),
    property("flushDelay", GROUPS),
    property("maxWriteQueuePollTime", GROUPS),
    property("maxBatchSize", GROUPS),
    property("preAllocSize", Implemented),
    property("snapCount", Implemented),
    property("snapSizeLimitInKb", Implemented),
    property("txnLogSizeLimitInKb", Implemented),
    property("commitLogCount", Ensemble),
    property("snapshotSizeFactor", Ensemble),
    property("forceSync", Implemented),
    property("fsync.warningthresholdms", Implemented),
    define("fsync.warningthresholdms", Implemented),
    property("snapshot.compression.method", Implemented),
    property("snapshot.trust.empty", Implemented),
    property("serializeLastProcessedZxid.enabled", Implemented),
    property("datadir.autocreate", Implemented),
    property("db.autocreate", Implemented),
    // Quorum.
    property("leaderServes", Ensemble),
    property("cnxTimeout", Ensemble),
    property("quorumCnxnTimeoutMs", Ensemble),
    property("electionPortBindRetry", Ensemble),
    property("fastleader.minNotificationInterval", Ensemble),
    property("fastleader.maxNotificationInterval", Ensemble),
    property("leader.maxConcurrentSnapSyncs", Ensemble),
    property("leader.maxConcurrentDiffSyncs", Ensemble),
    property("leader.maxTimeToWaitForEpoch", Ensemble),
    property("leader.ackLoggingFrequency", Ensemble),
    property("leader.closeSocketAsync", Ensemble),
    define("leader.closeSocketAsync", Ensemble),
    property("learner.closeSocketAsync", Ensemble),
    define("learner.closeSocketAsync", Ensemble),
    property("learner.asyncSending", Ensemble),
    define("learner.asyncSending", Ensemble),
    property("leaderConnectDelayDuringRetryMs", Ensemble),
    property("forceSnapshotSync", Ensemble),
    property("follower.skipLearnerRequestToNextProcessor", Ensemble),
    property("forward_learner_requests_to_commit_processor_disabled", Ensemble),
    property("observer.syncEnabled", Ensemble),
    property("observer.reconnectDelayMs", Ensemble),
    property("observer.election.DelayMs", Ensemble),
    property("observerMaster.sizeLimit", Ensemble),
    property("multiAddress.enabled", Ensemble),
    property("multiAddress.reachabilityCheckEnabled", Ensemble),
    property("multiAddress.reachabilityCheckTimeoutMs", Ensemble),
    property("kerberos.canonicalizeHostNames", SASL),
    property("test.allowDiscontinuousProposals", TESTS),
    property("testingonly.initialZxid", TESTS),
    property("controllerPort", TESTS),
    define("zookeeper.clientPortAddress", TESTS),
    property("configuration", TESTS),
    // Authentication and TLS.
    property("authProvider.*", PROVIDER),
    property("DigestAuthenticationProvider.enabled", Implemented),
    property("DigestAuthenticationProvider.digestAlg", Implemented),
    property("DigestAuthenticationProvider.superDigest", Implemented),
    property("X509AuthenticationProvider.superUser", TLS),
    property("IPAuthenticationProvider.usexforwardedfor", ADMIN),
    property("SASLAuthenticationProvider.superPassword", SASL),
    property("superUser", SASL),
    property("superUser.*", SASL),
    property("letAnySaslUserDoX", SASL),
    property("ensembleAuthName", PROVIDER),
    property("allowSaslFailedClients", SASL),
    property(
        "sessionRequireClientSASLAuth",
        Refused("this version has no SASL, nobody would be asked for it"),
    ),
    property(
        "enforce.auth.enabled",
        Refused("this version does not enforce authentication, everybody would be let in"),
    ),
    property("enforce.auth.schemes", Ignored("it matters with enforce.auth.enabled only")),
    property("sasl.serverconfig", SASL),
    property("kerberos.removeHostFromPrincipal", SASL),
    property("kerberos.removeRealmFromPrincipal", SASL),
    property("kerberos.minReLoginTimeMs", SASL),
    property("requireKerberosConfig", SASL),
    property("security.auth_to_local", SASL),
    property("kinit", SASL),
    property("ssl.*", TLS),
    property("fips-mode", TLS),
    define("java.security.auth.login.config", SASL),
    define("sun.security.jgss.native", SASL),
    // Operations.
    property("4lw.commands.whitelist", Implemented),
    property("admin.*", ADMIN),
    property("audit.enable", AUDIT),
    property("audit.impl.class", AUDIT),
    property("jmx.log4j.disable", LOGS),
    property("jmx.log4j.mbean", LOGS),
    property("log.dir", LOGS),
    property("log.file", LOGS),
    property("root.logger", LOGS),
    property("console.threshold", LOGS),
    property("log.threshold", LOGS),
    // Client library and tools.
    property("sasl.client", Client),
    property("sasl.clientconfig", Client),
    property("sasl.client.username", Client),
    property("sasl.client.canonicalize.hostname", Client),
    property("server.principal", Client),
    property("server.realm", Client),
    property("clientCnxnSocket", Client),
    property("client.secure", Client),
    property("disableAutoWatchReset", Client),
    property("request.timeout", Client),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stands_twice() {
        for (index, key) in KEYS.iter().enumerate() {
            let twin = KEYS[index + 1..]
                .iter()
                .find(|other| other.name == key.name && other.how == key.how);
            assert_eq!(twin, None);
        }
    }

    #[test]
    fn an_exact_name_goes_before_a_pattern() {
        assert_eq!(
            find("metricsProvider.className").map(|key| key.name),
            Some("metricsProvider.className")
        );
        assert_eq!(find("metricsProvider.httpPort").map(|key| key.name), Some("metricsProvider.*"));
        assert_eq!(find("ssl.quorum.keyStore.password").map(|key| key.name), Some("ssl.*"));
        assert_eq!(find("ticktime"), None);
    }

    #[test]
    fn a_property_is_found_by_its_full_name() {
        assert_eq!(find_property("zookeeper.snapCount").map(|key| key.name), Some("snapCount"));
        assert_eq!(find_property("jute.maxbuffer").map(|key| key.name), Some("jute.maxbuffer"));
        assert_eq!(find_property("snapCount"), None);
        assert_eq!(find_property("zookeeper.tickTime"), None);
        assert_eq!(find("jute.maxbuffer"), None);
    }
}
