//! The part of a [`ServerConfig`] that system properties decide, whatever form the command has.

use super::error::ConfigError;
use super::server_config::{
    Access, Compression, ConnectionThrottle, ConnectionWeights, DigestAlg, Features, Limits,
    Listen, Reaper, RequestThrottle, Secret, ServerConfig, Snapshots, TxnLog, Words,
};
use super::settings::Settings;

impl ServerConfig {
    /// Takes over every property that is implemented.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] for those that keep a ZooKeeper server from starting.
    pub(super) fn take_properties(&mut self, settings: &mut Settings) -> Result<(), ConfigError> {
        self.dirs.autocreate = settings.switch("zookeeper.datadir.autocreate", true);
        self.listen.take(settings);
        self.limits.take(settings)?;
        self.request_throttle.take(settings);
        self.connection_throttle.take(settings)?;
        self.txn_log.take(settings);
        self.snapshots.take(settings);
        self.access.take(settings)?;
        self.features.take(settings);
        self.reaper.take(settings);
        self.words = words(settings, self.features.read_only_mode);
        Ok(())
    }
}

impl Listen {
    fn take(&mut self, settings: &mut Settings) {
        self.tcp_keep_alive = settings.switch("zookeeper.clientTcpKeepAlive", self.tcp_keep_alive);
        self.sessionless_cnxn_timeout_ms = settings.at_least(
            1,
            "zookeeper.nio.sessionlessCnxnTimeout",
            self.sessionless_cnxn_timeout_ms,
        );
        const THREADS: &str = "zookeeper.nio.numSelectorThreads";
        if settings.number(THREADS).is_some() {
            self.io_threads = Some(settings.at_least(1, THREADS, 1));
        }
    }
}

impl Limits {
    /// Shorter extra allowances would refuse what the server itself has written.
    const EXTRA_BYTES_MIN: u32 = 1024;

    fn take(&mut self, settings: &mut Settings) -> Result<(), ConfigError> {
        self.max_cnxns = settings.at_least(0, "zookeeper.maxCnxns", self.max_cnxns);
        self.jute_max_buffer_bytes =
            settings.number("jute.maxbuffer").map_or(Ok(self.jute_max_buffer_bytes), |number| {
                match (u32::try_from(number), settings.property("jute.maxbuffer")) {
                    (Err(_) | Ok(0), Some(given)) => {
                        Err(given.wrong("write a number of bytes above 0"))
                    }
                    (bytes, _) => Ok(bytes.unwrap_or(self.jute_max_buffer_bytes)),
                }
            })?;
        self.jute_max_buffer_extra_bytes = settings
            .at_least(0, "zookeeper.jute.maxbuffer.extrasize", self.jute_max_buffer_bytes)
            .max(Self::EXTRA_BYTES_MIN);
        self.global_outstanding_limit =
            settings.at_least(1, "zookeeper.globalOutstandingLimit", self.global_outstanding_limit);
        self.large_request_max_bytes =
            settings.at_least(0, "zookeeper.largeRequestMaxBytes", self.large_request_max_bytes);
        self.large_request_threshold_bytes =
            settings.above_zero("zookeeper.largeRequestThreshold", None);
        Ok(())
    }
}

impl RequestThrottle {
    fn take(&mut self, settings: &mut Settings) {
        self.max_requests =
            settings.at_least(0, "zookeeper.request_throttle_max_requests", self.max_requests);
        self.drop_stale = settings.switch("zookeeper.request_throttle_drop_stale", self.drop_stale);
        self.stale_latency_check =
            settings.switch("zookeeper.request_stale_latency_check", self.stale_latency_check);
        self.stale_connection_check = settings
            .switch("zookeeper.request_stale_connection_check", self.stale_connection_check);
        self.throttled_op_wait_time_ms = settings.at_least(
            0,
            "zookeeper.throttled_op_wait_time",
            self.throttled_op_wait_time_ms,
        );
    }
}

impl ConnectionThrottle {
    fn take(&mut self, settings: &mut Settings) -> Result<(), ConfigError> {
        self.tokens = settings.at_least(0, "zookeeper.connection_throttle_tokens", self.tokens);
        self.fill_time_ms =
            settings.at_least(1, "zookeeper.connection_throttle_fill_time", self.fill_time_ms);
        self.fill_count =
            settings.at_least(1, "zookeeper.connection_throttle_fill_count", self.fill_count);
        self.freeze_time_ms =
            settings.above_zero("zookeeper.connection_throttle_freeze_time", None);
        self.drop_increase =
            fraction(settings, "zookeeper.connection_throttle_drop_increase", self.drop_increase)?;
        self.drop_decrease =
            fraction(settings, "zookeeper.connection_throttle_drop_decrease", self.drop_decrease)?;
        self.decrease_ratio = fraction(
            settings,
            "zookeeper.connection_throttle_decrease_ratio",
            self.decrease_ratio,
        )?;
        if settings.switch("zookeeper.connection_throttle_weight_enabled", false) {
            self.weights = Some(ConnectionWeights::given(settings));
        }
        Ok(())
    }
}

impl ConnectionWeights {
    fn given(settings: &mut Settings) -> Self {
        let Self { global_session, renew_session, local_session } = Self::default();
        let mut weight = |kind: &str, default| {
            settings.at_least(
                1,
                &format!("zookeeper.connection_throttle_{kind}_session_weight"),
                default,
            )
        };
        Self {
            global_session: weight("global", global_session),
            renew_session: weight("renew", renew_session),
            local_session: weight("local", local_session),
        }
    }
}

/// The one kind of number in which ZooKeeper does not forgive a typo.
fn fraction(settings: &Settings, name: &str, default: f64) -> Result<f64, ConfigError> {
    let Some(given) = settings.property(name) else {
        return Ok(default);
    };
    let value = given.value.parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| given.wrong("write a decimal number such as 0.02"))
}

impl TxnLog {
    fn take(&mut self, settings: &mut Settings) {
        let pre_alloc = settings
            .read("zookeeper.preAllocSize", "a number of KB", |text| text.parse::<i64>().ok());
        self.pre_alloc_kb =
            pre_alloc.map_or(self.pre_alloc_kb, |kb| u64::try_from(kb).unwrap_or(0));
        self.size_limit_kb = settings.long_above_zero("zookeeper.txnLogSizeLimitInKb", None);
        self.force_sync =
            settings.property("zookeeper.forceSync").is_none_or(|given| given.value != "no");
        self.fsync_warning_threshold_ms =
            fsync_warning_threshold_ms(settings).unwrap_or(self.fsync_warning_threshold_ms);
        self.warn(settings);
    }

    /// Giving up durability deserves a line, and so does the wrong word for it.
    fn warn(self, settings: &mut Settings) {
        let Some(given) = settings.property("zookeeper.forceSync") else {
            return;
        };
        let text = match given.value.as_str() {
            "yes" => return,
            "no" => "acknowledged writes can be lost when the machine stops",
            _ => "read as yes, as ZooKeeper does; write yes or no",
        };
        settings.note(given.warning(text));
    }
}

/// The old name works by `-D` only.
fn fsync_warning_threshold_ms(settings: &mut Settings) -> Option<u64> {
    let number = settings.long("zookeeper.fsync.warningthresholdms");
    let number = number.or_else(|| settings.long("fsync.warningthresholdms"))?;
    Some(u64::try_from(number).unwrap_or(0))
}

impl Snapshots {
    fn take(&mut self, settings: &mut Settings) {
        self.snap_count = snap_count(settings).or(self.snap_count);
        self.size_limit_kb =
            settings.long_above_zero("zookeeper.snapSizeLimitInKb", self.size_limit_kb);
        self.compression = compression(settings);
        self.trust_empty = settings.switch("zookeeper.snapshot.trust.empty", self.trust_empty);
        self.serialize_last_processed_zxid = settings.switch(
            "zookeeper.serializeLastProcessedZxid.enabled",
            self.serialize_last_processed_zxid,
        );
        self.db_autocreate = settings.switch("zookeeper.db.autocreate", self.db_autocreate);
    }
}

/// Decimal only, unlike its neighbours; half of it is random, so it cannot be 1.
fn snap_count(settings: &mut Settings) -> Option<u32> {
    const NAME: &str = "zookeeper.snapCount";
    let decimal = |text: &str| text.parse::<i32>().ok();
    let count = settings.read(NAME, "a decimal number", decimal)?;
    if count < 2
        && let Some(given) = settings.property(NAME)
    {
        settings.note(given.warning("2 is used, the least there is"));
    }
    Some(u32::try_from(count).unwrap_or(0).max(2))
}

fn compression(settings: &mut Settings) -> Compression {
    let Some(given) = settings.property("zookeeper.snapshot.compression.method") else {
        return Compression::None;
    };
    match given.value.to_ascii_lowercase().as_str() {
        "gz" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "" => Compression::None,
        _ => {
            settings.note(
                given.warning("snapshots are written plain, as ZooKeeper does; write gz or snappy"),
            );
            Compression::None
        }
    }
}

impl Access {
    fn take(&mut self, settings: &mut Settings) -> Result<(), ConfigError> {
        self.skip_acl = skip_acl(settings);
        self.digest_provider_enabled = settings
            .switch("zookeeper.DigestAuthenticationProvider.enabled", self.digest_provider_enabled);
        self.digest_alg = digest_alg(settings)?;
        let super_digest = settings.property("zookeeper.DigestAuthenticationProvider.superDigest");
        self.super_digest = super_digest.map(|given| Secret::new(given.value));
        Ok(())
    }
}

fn skip_acl(settings: &mut Settings) -> bool {
    let Some(given) = settings.property("zookeeper.skipACL") else {
        return false;
    };
    let text = match given.value.as_str() {
        "no" => return false,
        "yes" => "no ACL is checked, every client may do everything",
        _ => "read as no, as ZooKeeper does; write yes or no",
    };
    settings.note(given.warning(text));
    given.value == "yes"
}

/// Java takes the names with or without the dash, in any case.
fn digest_alg(settings: &Settings) -> Result<DigestAlg, ConfigError> {
    let Some(given) = settings.property("zookeeper.DigestAuthenticationProvider.digestAlg") else {
        return Ok(DigestAlg::default());
    };
    match given.value.to_ascii_uppercase().replacen("SHA-", "SHA", 1).as_str() {
        "SHA" | "SHA1" => Ok(DigestAlg::Sha1),
        "SHA224" => Ok(DigestAlg::Sha224),
        "SHA256" => Ok(DigestAlg::Sha256),
        "SHA384" => Ok(DigestAlg::Sha384),
        "SHA512" => Ok(DigestAlg::Sha512),
        "SHA3-224" => Ok(DigestAlg::Sha3With224),
        "SHA3-256" => Ok(DigestAlg::Sha3With256),
        "SHA3-384" => Ok(DigestAlg::Sha3With384),
        "SHA3-512" => Ok(DigestAlg::Sha3With512),
        _ => Err(given.wrong("write SHA1, or SHA or SHA3 with -224, -256, -384 or -512")),
    }
}

impl Features {
    fn take(&mut self, settings: &mut Settings) {
        self.digest = settings.switch("zookeeper.digest.enabled", self.digest);
        self.close_session_txn =
            settings.switch("zookeeper.closeSessionTxn.enabled", self.close_session_txn);
        self.extended_types =
            settings.switch("zookeeper.extendedTypesEnabled", self.extended_types);
        self.emulate_353_ttl_nodes =
            settings.switch("zookeeper.emulate353TTLNodes", self.emulate_353_ttl_nodes);
        self.enforce_quota = settings.switch("zookeeper.enforceQuota", self.enforce_quota);
        self.reconfig = settings.switch_in_file("reconfigEnabled", self.reconfig);
        self.read_only_mode = settings.switch("readonlymode.enabled", self.read_only_mode);
    }
}

impl Reaper {
    fn take(&mut self, settings: &mut Settings) {
        self.check_interval_ms =
            settings.at_least(1, "znode.container.checkIntervalMs", self.check_interval_ms);
        self.max_per_minute =
            settings.at_least(1, "znode.container.maxPerMinute", self.max_per_minute);
        self.max_never_used_interval_ms =
            settings.long_above_zero("znode.container.maxNeverUsedIntervalMs", None);
    }
}

fn words(settings: &Settings, read_only_mode: bool) -> Words {
    let Words::Listed(mut words) = default_words(read_only_mode) else {
        return Words::All;
    };
    let Some(given) = settings.property("zookeeper.4lw.commands.whitelist") else {
        return Words::Listed(words);
    };
    let listed = given.value.split(',').map(str::trim);
    words.extend(listed.filter(|word| !word.is_empty()).map(str::to_owned));
    if words.contains("*") { Words::All } else { Words::Listed(words) }
}

fn default_words(read_only_mode: bool) -> Words {
    match Words::default() {
        Words::Listed(mut words) if read_only_mode => {
            words.insert("isro".to_owned());
            Words::Listed(words)
        }
        words => words,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::origin::Origin;
    use crate::config::system::SystemProperties;

    /// The configuration that a `zoo.cfg` and properties give, or the error.
    fn take(text: &str, defined: &[(&str, &str)]) -> Result<ServerConfig, ConfigError> {
        let mut properties = SystemProperties::default();
        for (name, value) in defined {
            properties.set(*name, *value, Origin::CommandLine);
        }
        let mut settings = Settings::of_file(Path::new("zoo.cfg"), text.as_bytes(), properties)?;
        let mut config = ServerConfig::with_defaults(None, 2181, "/data".into());
        config.take_properties(&mut settings)?;
        Ok(config)
    }

    #[test]
    fn nothing_given_changes_nothing() {
        let config = take("", &[]).expect("good");
        assert_eq!(config, ServerConfig::with_defaults(None, 2181, "/data".into()));
    }

    #[test]
    fn the_log_and_its_snapshots() {
        let config = take(
            "snapCount=1\nsnapSizeLimitInKb=0x400\ntxnLogSizeLimitInKb=010\npreAllocSize=1024\nforceSync=no\n\
             snapshot.compression.method=GZ\nsnapshot.trust.empty=true",
            &[("fsync.warningthresholdms", "20")],
        )
        .expect("good");
        assert_eq!(
            (config.snapshots.snap_count, config.snapshots.size_limit_kb),
            (Some(2), Some(1_024))
        );
        assert_eq!((config.txn_log.size_limit_kb, config.txn_log.pre_alloc_kb), (Some(8), 1_024));
        assert_eq!(
            (config.txn_log.force_sync, config.txn_log.fsync_warning_threshold_ms),
            (false, 20)
        );
        assert_eq!(
            (config.snapshots.compression, config.snapshots.trust_empty),
            (Compression::Gzip, true)
        );
        let off = take("snapSizeLimitInKb=0\nforceSync=false", &[]).expect("good");
        assert_eq!((off.snapshots.size_limit_kb, off.txn_log.force_sync), (None, true));
    }

    #[test]
    fn the_longest_frame() {
        let limits = |define: &[(&str, &str)]| take("", define).map(|config| config.limits);
        let both =
            |limits: Limits| (limits.jute_max_buffer_bytes, limits.jute_max_buffer_extra_bytes);
        assert_eq!(both(limits(&[]).expect("good")), (1_048_575, 1_048_575));
        assert_eq!(
            both(limits(&[("jute.maxbuffer", "0x400000")]).expect("good")),
            (4_194_304, 4_194_304)
        );
        assert_eq!(
            both(limits(&[("zookeeper.jute.maxbuffer.extrasize", "5")]).expect("good")),
            (1_048_575, 1_024)
        );
        assert_eq!(
            both(limits(&[("jute.maxbuffer", "4m")]).expect("good")),
            (1_048_575, 1_048_575)
        );
        assert!(limits(&[("jute.maxbuffer", "0")]).is_err());
    }

    #[test]
    fn what_is_off_at_zero_and_below() {
        let limits = take("maxCnxns=-1\nlargeRequestThreshold=0\nglobalOutstandingLimit=5", &[])
            .expect("good")
            .limits;
        assert_eq!((limits.max_cnxns, limits.large_request_threshold_bytes), (0, None));
        assert_eq!(limits.global_outstanding_limit, 5);
        let throttle =
            take("connection_throttle_tokens=10\nconnection_throttle_freeze_time=-1", &[])
                .expect("good");
        assert_eq!(
            (throttle.connection_throttle.tokens, throttle.connection_throttle.freeze_time_ms),
            (10, None)
        );
    }

    #[test]
    fn connection_weights_count_only_when_enabled() {
        let given = "connection_throttle_global_session_weight=9\n";
        assert_eq!(take(given, &[]).expect("good").connection_throttle.weights, None);
        let enabled = [("zookeeper.connection_throttle_weight_enabled", "true")];
        let weights = take(given, &enabled).expect("good").connection_throttle.weights;
        assert_eq!(
            weights,
            Some(ConnectionWeights { global_session: 9, ..ConnectionWeights::default() })
        );
    }

    #[test]
    fn who_may_do_what() {
        let config = take(
            "skipACL=yes\nDigestAuthenticationProvider.digestAlg=sha256\n\
             DigestAuthenticationProvider.superDigest=super:abc=\nenforceQuota=TRUE",
            &[],
        )
        .expect("good");
        assert_eq!((config.access.skip_acl, config.access.digest_alg), (true, DigestAlg::Sha256));
        assert_eq!(config.access.super_digest, Some(Secret::new("super:abc=")));
        assert!(config.features.enforce_quota);
        assert!(!format!("{config:?}").contains("abc"));
    }

    #[test]
    fn words() {
        let allowed = |text: &str, defined: &[(&str, &str)]| {
            let words = take(text, defined).expect("good").words;
            ["srvr", "ruok", "isro", "mntr"].map(|word| words.allow(word))
        };
        assert_eq!(allowed("", &[]), [true, false, false, false]);
        assert_eq!(allowed("4lw.commands.whitelist=*", &[]), [true; 4]);
        assert_eq!(allowed("4lw.commands.whitelist=ruok,*", &[]), [true; 4]);
        assert_eq!(allowed("4lw.commands.whitelist= ruok , mntr", &[]), [true, true, false, true]);
        assert_eq!(allowed("", &[("readonlymode.enabled", "true")]), [true, false, true, false]);
        assert_eq!(allowed("readonlymode.enabled=true", &[]), [true, false, false, false]);
    }

    #[test]
    fn the_reaper_is_set_by_definitions_alone() {
        let defined =
            [("znode.container.checkIntervalMs", "100"), ("znode.container.maxPerMinute", "0")];
        let reaper = take("znode.container.checkIntervalMs=7", &defined).expect("good").reaper;
        assert_eq!((reaper.check_interval_ms, reaper.max_per_minute), (100, 1));
        assert_eq!(reaper.max_never_used_interval_ms, None);
    }
}
