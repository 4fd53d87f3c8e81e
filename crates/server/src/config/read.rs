//! From files and arguments to a [`ServerConfig`].

use std::path::{Path, PathBuf};

use super::address::listen;
use super::command_line::CommandLine;
use super::error::ConfigError;
use super::notice::Notice;
use super::origin::Origin;
use super::remarks::remarks;
use super::server_config::{Dirs, Listen, Purge, ServerConfig, Sessions};
use super::settings::{Given, Settings};
use super::surroundings::{Surroundings, read_file};

/// Hours between two purges where no `zoo.cfg` says anything: whoever writes one decides himself.
const DEFAULT_PURGE_INTERVAL_HOURS: u32 = 24;

impl ServerConfig {
    /// The configuration of a command line: a file, or `port dataDir [tickTime] [maxClientCnxns]`.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn from_args(line: &CommandLine, on: &impl Surroundings) -> Result<Self, ConfigError> {
        match &line.operands[..] {
            [port] if port.parse::<u16>().is_ok() && on.read(Path::new(port)).is_err() => {
                Err(ConfigError::Usage(format!(
                    "{port} is no file: to serve on this port, name the data directory behind it"
                )))
            }
            [file] => Self::from_file(Path::new(file), line, on),
            [port, data_dir, rest @ ..] if rest.len() <= 2 => finish(
                from_words(port, data_dir, rest, on)?,
                Settings::without_file(line.properties.clone()),
                line,
            ),
            words => {
                Err(ConfigError::Usage(format!("Invalid number of arguments: {}", words.len())))
            }
        }
    }

    /// The configuration of a `zoo.cfg`, with the properties of the command line.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn from_file(
        path: &Path,
        line: &CommandLine,
        on: &impl Surroundings,
    ) -> Result<Self, ConfigError> {
        let settings = Settings::of_file(path, &read_file(on, path)?, line.properties.clone())?;
        let config = from_settings(&settings, on)?;
        finish(config, settings, line)
    }

    /// No configuration but properties: port 2181, and old files are purged once a day.
    ///
    /// # Errors
    /// A property that is refused or wrong.
    pub fn default_for(
        data_dir: &Path,
        line: &CommandLine,
        on: &impl Surroundings,
    ) -> Result<Self, ConfigError> {
        let mut config =
            Self::with_defaults(None, Listen::default().port, on.working_dir().join(data_dir));
        config.purge.interval_hours = Some(DEFAULT_PURGE_INTERVAL_HOURS);
        finish(config, Settings::without_file(line.properties.clone()), line)
    }
}

/// What every form has: the properties, and the lines to log.
fn finish(
    mut config: ServerConfig,
    mut settings: Settings,
    line: &CommandLine,
) -> Result<ServerConfig, ConfigError> {
    let remarks = remarks(&settings)?;
    config.take_properties(&mut settings)?;
    let mut notices = std::mem::take(&mut config.notices);
    notices.extend(settings.into_notices());
    notices.extend(line.notices.iter().cloned());
    notices.extend(remarks);
    config.notices = notices;
    Ok(config)
}

fn from_words(
    port: &str,
    data_dir: &str,
    rest: &[String],
    on: &impl Surroundings,
) -> Result<ServerConfig, ConfigError> {
    let word = |key: &str, value: &str| Given {
        key: key.to_owned(),
        value: value.to_owned(),
        origin: Origin::CommandLine,
    };
    let number = |key: &str, value: &str| {
        value.parse::<i32>().map_err(|_| {
            word(key, value).wrong("write a whole number in decimal digits, at most 2147483647")
        })
    };
    let port =
        port.parse().map_err(|_| word("port", port).wrong("write a port from 0 to 65535"))?;
    if data_dir.trim().is_empty() {
        return Err(word("dataDir", data_dir).wrong("it is empty; name the data directory"));
    }
    let mut config = ServerConfig::with_defaults(None, port, on.working_dir().join(data_dir));
    config.limits.max_client_cnxns = 0;
    if let Some(tick) = rest.first() {
        let ticks = (number("tickTime", tick)?, word("tickTime", tick));
        config.sessions = sessions(Some(ticks), None, None)?;
    }
    if let Some(cnxns) = rest.get(1) {
        config.limits.max_client_cnxns =
            u32::try_from(number("maxClientCnxns", cnxns)?).unwrap_or(0);
    }
    Ok(config)
}

fn from_settings(settings: &Settings, on: &impl Surroundings) -> Result<ServerConfig, ConfigError> {
    check_quorum_keys(settings)?;
    let mut notices = Vec::new();
    let dirs = dirs(settings, on, &mut notices)?;
    let number = |key| settings.number_in_file(key);
    let sessions =
        sessions(number("tickTime"), number("minSessionTimeout"), number("maxSessionTimeout"))?;
    check_metrics_provider(settings)?;
    let listen = listen(settings, &dirs, on, &mut notices)?;
    let mut config = ServerConfig::with_defaults(listen.ip, listen.port, dirs.data_dir.clone());
    config.listen = listen;
    config.dirs = dirs;
    config.sessions = sessions;
    config.purge = purge(settings, &mut notices);
    if let Some((cnxns, _)) = number("maxClientCnxns") {
        config.limits.max_client_cnxns = u32::try_from(cnxns).unwrap_or(0);
    }
    config.notices = notices;
    Ok(config)
}

/// Keys of ensembles whose values ZooKeeper checks on a single server, too.
fn check_quorum_keys(settings: &Settings) -> Result<(), ConfigError> {
    if let Some((algorithm, given)) = settings.number_in_file("electionAlg")
        && algorithm != 3
    {
        return Err(
            given.wrong("there is only one election algorithm; write 3 or leave the key out")
        );
    }
    if let Some(given) = settings.in_file("peerType")
        && !["participant", "observer"].iter().any(|role| given.value.eq_ignore_ascii_case(role))
    {
        return Err(given.wrong("write participant or observer"));
    }
    Ok(())
}

/// ZooKeeper does not start with a class it cannot find, so a typo shows.
fn check_metrics_provider(settings: &Settings) -> Result<(), ConfigError> {
    const KNOWN: [&str; 3] = [
        "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
        "org.apache.zookeeper.metrics.impl.NullMetricsProvider",
        "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    ];
    match settings.in_file("metricsProvider.className") {
        Some(given) if !KNOWN.contains(&given.value.as_str()) => Err(given.wrong(format!(
            "no such metrics provider; write one of {}, or leave the key out",
            KNOWN.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn dirs(
    settings: &Settings,
    on: &impl Surroundings,
    notices: &mut Vec<Notice>,
) -> Result<Dirs, ConfigError> {
    let data_dir = match directory(settings, "dataDir", on, notices)? {
        Some(dir) => dir,
        None => {
            return Err(settings.missing("dataDir", "write dataDir=/a/directory/for/snapshots"));
        }
    };
    let data_log_dir =
        directory(settings, "dataLogDir", on, notices)?.unwrap_or_else(|| data_dir.clone());
    Ok(Dirs { data_dir, data_log_dir, autocreate: true })
}

fn directory(
    settings: &Settings,
    key: &str,
    on: &impl Surroundings,
    notices: &mut Vec<Notice>,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(given) = settings.in_file(key) else {
        return Ok(None);
    };
    if given.value.is_empty() {
        return Err(given.wrong("write the path of a directory"));
    }
    let path = Path::new(&given.value);
    let absolute = on.working_dir().join(path);
    if path.is_relative() && !given.value.starts_with("./") {
        notices.push(given.warning(format!(
            "a relative path, taken as {}; begin it with ./ if it is meant",
            absolute.display()
        )));
    }
    Ok(Some(absolute))
}

type Number = Option<(i32, Given)>;

fn sessions(tick: Number, min: Number, max: Number) -> Result<Sessions, ConfigError> {
    let tick_time_ms = match &tick {
        None => Sessions::default().tick_time_ms,
        Some((ticks, given)) => u32::try_from(*ticks)
            .ok()
            .filter(|ticks| {
                *ticks > 0
                    && ticks.checked_mul(20).is_some_and(|product| i32::try_from(product).is_ok())
            })
            .ok_or_else(|| given.wrong("write milliseconds from 1 to 107374182"))?,
    };
    let or_ticks = |number: &Number, ticks: u32| match number {
        Some((value, _)) if *value != -1 => u32::try_from(*value).unwrap_or(0),
        _ => ticks * tick_time_ms,
    };
    let min_session_timeout_ms = or_ticks(&min, 2);
    let max_session_timeout_ms = or_ticks(&max, 20);
    if min_session_timeout_ms > max_session_timeout_ms
        && let Some((_, given)) = max.or(min)
    {
        return Err(given.wrong(format!(
            "minSessionTimeout ({min_session_timeout_ms} ms) must not be above maxSessionTimeout ({max_session_timeout_ms} ms)"
        )));
    }
    Ok(Sessions { tick_time_ms, min_session_timeout_ms, max_session_timeout_ms })
}

fn purge(settings: &Settings, notices: &mut Vec<Notice>) -> Purge {
    let least = Purge::default().snap_retain_count;
    let mut purge = Purge::default();
    if let Some((count, given)) = settings.number_in_file("autopurge.snapRetainCount") {
        purge.snap_retain_count = u32::try_from(count).unwrap_or(0).max(least);
        if i64::from(count) < i64::from(least) {
            notices.push(given.warning(format!("{least} snapshots are kept, fewer are not safe")));
        }
    }
    let hours = settings.number_in_file("autopurge.purgeInterval").map(|(hours, _)| hours);
    purge.interval_hours =
        hours.and_then(|hours| u32::try_from(hours).ok()).filter(|hours| *hours > 0);
    purge
}

#[cfg(test)]
mod tests {
    use super::super::surroundings::OneFile;
    use super::*;

    fn read(text: &'static str) -> ServerConfig {
        let line = CommandLine::default();
        ServerConfig::from_file(Path::new("/zoo.cfg"), &line, &OneFile(text)).expect("good")
    }

    #[test]
    fn a_minimal_file_leaves_every_default() {
        let expect = ServerConfig::with_defaults(None, 2181, "/data".into());
        assert_eq!(read("dataDir=/data\nclientPort=2181"), expect);
    }

    #[test]
    fn the_keys_of_the_file_arrive() {
        let config = read(
            "dataDir=./data\ndataLogDir=/logs\nclientPort=2182\nclientPortAddress=[::1]\ntickTime=1000\n\
             minSessionTimeout=500\nmaxClientCnxns=7\nclientPortListenBacklog=128\n\
             autopurge.snapRetainCount=5\nautopurge.purgeInterval=24",
        );
        assert_eq!(config.dirs.data_dir, Path::new("/srv/./data"));
        assert_eq!(config.dirs.data_log_dir, Path::new("/logs"));
        assert_eq!((config.listen.ip, config.listen.port), ("::1".parse().ok(), 2182));
        assert_eq!(config.listen.backlog, Some(128));
        assert_eq!(config.limits.max_client_cnxns, 7);
        let Sessions { tick_time_ms, min_session_timeout_ms, max_session_timeout_ms } =
            config.sessions;
        assert_eq!(
            (tick_time_ms, min_session_timeout_ms, max_session_timeout_ms),
            (1_000, 500, 20_000)
        );
        assert_eq!(config.purge, Purge { snap_retain_count: 5, interval_hours: Some(24) });
        assert_eq!(config.notices, []);
    }

    #[test]
    fn port_and_directory_alone_set_no_limit_per_client() {
        let line =
            CommandLine { operands: vec!["0".into(), "data".into()], ..CommandLine::default() };
        let config = ServerConfig::from_args(&line, &OneFile("")).expect("good");
        assert_eq!((config.listen.port, config.limits.max_client_cnxns), (0, 0));
        assert_eq!(config.dirs.data_log_dir, Path::new("/srv/data"));
    }

    #[test]
    fn only_a_server_without_configuration_purges_by_itself() {
        let line = CommandLine::default();
        let config =
            ServerConfig::default_for(Path::new("data"), &line, &OneFile("")).expect("good");
        assert_eq!(config.purge.interval_hours, Some(DEFAULT_PURGE_INTERVAL_HOURS));
        assert_eq!((config.listen.port, config.limits.max_client_cnxns), (2181, 60));
        assert_eq!(read("dataDir=/data\nclientPort=2181").purge.interval_hours, None);
    }

    #[test]
    fn without_words_the_usage_is_shown() {
        let error =
            ServerConfig::from_args(&CommandLine::default(), &OneFile("")).expect_err("no words");
        assert!(error.to_string().contains("Usage: rookeeper server"));
    }
}
