//! A server's life: recover, open the port, serve, end.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base::Prng;
use node::{Brain, Replica, SessionLimits, Settings};
use storage::{DataDirectory, DirectoryOptions, LogOptions, SnapshotOptions};
use tokio::signal::unix::SignalKind;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tree::{Authenticator, DigestAlgorithm, DigestScheme, Rules, Watches};

use crate::acceptor::{Arrival, ConnIds, Seats, accept, bind, serve_clients};
use crate::clock::Clock;
use crate::config::{self, DigestAlg, ServerConfig};
use crate::connection::Service;
use crate::disk_thread::{DiskSettings, DiskThread};
use crate::end_signal::EndSignal;
use crate::hub::{Hub, WatchCell};
use crate::inbox::Message;
use crate::metrics::Metrics;
use crate::recovery::recover;
use crate::version::full_version;
use crate::words::{self, Environment, Whitelist};
use crate::words_desk::WordsDesk;

/// A standalone server's id, as its session ids show it.
const STANDALONE_ID: u8 = 1;

/// Clients that wait between the acceptor and an I/O thread.
const ARRIVALS_MAX: usize = 1024;

/// The longest that time goes unnoticed.
const TICK_MAX: Duration = Duration::from_millis(100);

/// Why a server does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The data directory, or what is in it.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Nothing is there, and nothing may be made.
    #[error("{0}")]
    Unformatted(String),
    /// The client port.
    #[error("cannot listen on {address}: {source}{hint}")]
    Listen {
        /// Where clients were to connect.
        address: String,
        /// What the system says.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// The machine gives no thread or runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl ServerError {
    /// The exit code that a Java server ends with in this case.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            ServerError::Storage(storage::Error::Directory { .. }) => 3,
            ServerError::Storage(_)
            | ServerError::Unformatted(_)
            | ServerError::Listen { .. }
            | ServerError::Thread(_) => 1,
        }
    }
}

/// A running server. It ends when [`Server::stop`] is called or its disk fails.
pub struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    stages: watch::Sender<Stage>,
    failed: mpsc::Receiver<storage::Error>,
    disk: JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
}

/// How serving ended.
#[derive(Debug)]
pub enum End {
    /// SIGTERM.
    Terminated,
    /// SIGINT.
    Interrupted,
    /// SIGHUP: the terminal was closed.
    HungUp,
    /// The log cannot be written. Nothing that was acknowledged is lost.
    DiskFailed(storage::Error),
}

/// How far the server's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// No more clients are taken.
    Closing,
    /// Everything that can be said has been said.
    Ended,
}

impl Server {
    /// Recovers the data directory, opens the client port and serves.
    ///
    /// # Errors
    /// [`ServerError`], with nothing touched that was not understood.
    pub fn start(config: &ServerConfig) -> Result<Server, ServerError> {
        let clock = Clock::start();
        let metrics = Metrics::new();
        // The port is opened before anything else, so that a taken one is told at once and no
        // directory is touched; nobody is listened to until the server serves.
        let runtime = single_threaded()?;
        let listener = runtime.block_on(async { bind(&config.listen) });
        let listener = listener.map_err(|source| listen_error(config, source))?;
        let address = listener.local_addr()?;

        let directory = Arc::new(DataDirectory::open(&DirectoryOptions {
            data_dir: config.dirs.data_dir.clone(),
            data_log_dir: config.dirs.data_log_dir.clone(),
            autocreate: config.dirs.autocreate,
        })?);
        let recovered = recover(config, &directory, &metrics)?;
        let seed = recovered.tree.options().hash_seed;
        let brain = Brain::new(settings(config), &recovered.tree, clock.now());
        let watches = WatchCell::new(Watches::new(seed));
        let replica = Replica { tree: recovered.tree, watches };
        let hub = Arc::new(Hub::new(brain, replica, clock, metrics, config));

        let (fail, failed) = mpsc::channel(1);
        let since_snapshot = (recovered.replayed_txns, recovered.replayed_bytes);
        let disk = disk_thread(config, &hub, &directory, since_snapshot);
        let disk = thread::Builder::new().name("log".into()).spawn(move || {
            if let Err(error) = disk.run() {
                // Nobody listening means that the server is ending anyway.
                let _ = fail.try_send(error);
            }
        })?;
        let (stages, stage) = watch::channel(Stage::Serving);
        let purge = purge_thread(config, &directory, stage.clone())?;
        let service = Arc::new(service(config, &hub, directory, address));
        let mut threads = io_threads(config, &service, runtime, listener, &stage)?;
        threads.extend(purge);
        Ok(Server { address, hub, stages, failed, disk, threads })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP comes, and ends cleanly then, or until the log cannot
    /// be written. A signal that was ignored when the process began (`nohup`) is ignored on.
    ///
    /// # Errors
    /// When signals cannot be waited for.
    pub fn serve(mut self) -> Result<End, ServerError> {
        let runtime = single_threaded()?;
        let end = runtime.block_on(async {
            let mut terminate = EndSignal::new(SignalKind::terminate())?;
            let mut interrupt = EndSignal::new(SignalKind::interrupt())?;
            let mut hang_up = EndSignal::new(SignalKind::hangup())?;
            Ok::<End, std::io::Error>(tokio::select! {
                () = terminate.comes() => End::Terminated,
                () = interrupt.comes() => End::Interrupted,
                () = hang_up.comes() => End::HungUp,
                Some(error) = self.failed.recv() => End::DiskFailed(error),
            })
        })?;
        if !matches!(end, End::DiskFailed(_)) {
            tracing::info!("ending: clients get their replies, the log is closed");
            self.stop();
        }
        Ok(end)
    }

    /// Takes no more clients, makes durable and answers what is under way, then ends.
    pub fn stop(self) {
        self.stages.send_replace(Stage::Closing);
        self.hub.log.close();
        join(self.disk);
        let clients: Vec<_> = self.hub.look().clients.values().cloned().collect();
        for client in clients {
            client.outbox.lock().close();
            client.flush();
        }
        self.stages.send_replace(Stage::Ended);
        self.threads.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    // A thread that panicked has said so itself.
    let _ = thread.join();
}

fn single_threaded() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn listen_error(config: &ServerConfig, source: std::io::Error) -> ServerError {
    let hint = match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; another process listens there: stop it, or choose another clientPort"
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "; no network interface has that address: see clientPortAddress"
        }
        std::io::ErrorKind::PermissionDenied => {
            "; ports below 1024 take a privilege: choose another clientPort"
        }
        _ => "",
    };
    let ip = config.listen.ip.map_or_else(|| "*".to_owned(), |ip| ip.to_string());
    ServerError::Listen { address: format!("{ip}:{}", config.listen.port), source, hint }
}

/// How a hash seed is drawn from the machine's randomness.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn snapshot_options(config: &ServerConfig) -> SnapshotOptions {
    SnapshotOptions {
        compression: match config.snapshots.compression {
            config::Compression::None => storage::Compression::None,
            config::Compression::Gzip => storage::Compression::Gzip,
            config::Compression::Snappy => storage::Compression::Snappy,
        },
        digest: config.features.digest,
        last_zxid: config.snapshots.serialize_last_processed_zxid,
    }
}

fn limits(config: &ServerConfig) -> wire::Limits {
    wire::Limits::new(
        config.limits.jute_max_buffer_bytes,
        config.limits.jute_max_buffer_extra_bytes,
    )
}

fn schemes(config: &ServerConfig) -> Authenticator {
    let access = &config.access;
    let algorithm = match access.digest_alg {
        DigestAlg::Sha1 => DigestAlgorithm::Sha1,
        DigestAlg::Sha224 => DigestAlgorithm::Sha224,
        DigestAlg::Sha256 => DigestAlgorithm::Sha256,
        DigestAlg::Sha384 => DigestAlgorithm::Sha384,
        DigestAlg::Sha512 => DigestAlgorithm::Sha512,
        DigestAlg::Sha3With224 => DigestAlgorithm::Sha3_224,
        DigestAlg::Sha3With256 => DigestAlgorithm::Sha3_256,
        DigestAlg::Sha3With384 => DigestAlgorithm::Sha3_384,
        DigestAlg::Sha3With512 => DigestAlgorithm::Sha3_512,
    };
    let super_digest = access.super_digest.as_ref().map(|digest| digest.reveal().to_owned());
    let digest = DigestScheme { algorithm, super_digest };
    Authenticator { digest: access.digest_provider_enabled.then_some(digest) }
}

fn settings(config: &ServerConfig) -> Settings {
    let clamp = |ms: u32| i32::try_from(ms).unwrap_or(i32::MAX);
    let limits = limits(config);
    Settings {
        server_id: STANDALONE_ID,
        tick_ms: config.sessions.tick_time_ms.into(),
        sessions: SessionLimits {
            timeout_ms_min: clamp(config.sessions.min_session_timeout_ms),
            timeout_ms_max: clamp(config.sessions.max_session_timeout_ms),
        },
        rules: Rules {
            schemes: schemes(config),
            skip_acl: config.access.skip_acl,
            enforce_quota: config.features.enforce_quota,
            close_session_without_paths: !config.features.close_session_txn,
            reconfig_enabled: config.features.reconfig,
            entry_bytes_max: limits.field_bytes_max as usize,
        },
        limits,
        reap_interval_ms: config.reaper.check_interval_ms.into(),
        reap_per_minute: config.reaper.max_per_minute.into(),
        never_used_ms: config
            .reaper
            .max_never_used_interval_ms
            .map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX)),
    }
}

/// The log's thread. No snapshot is written at the start (C-008): recovery has left one.
fn disk_thread(
    config: &ServerConfig,
    hub: &Arc<Hub>,
    directory: &Arc<DataDirectory>,
    since_snapshot: (u64, u64),
) -> DiskThread {
    let mut prng = Prng::new(random_seed());
    let bytes_max = config.snapshots.size_limit_kb.map(|kb| kb.saturating_mul(1024));
    DiskThread {
        hub: hub.clone(),
        directory: directory.clone(),
        log: directory.log_writer(LogOptions {
            preallocate_bytes: config.txn_log.pre_alloc_kb.saturating_mul(1024),
            force_sync: config.txn_log.force_sync,
        }),
        policy: storage::SnapshotPolicy::new(
            config.snapshots.snap_count.map(u64::from),
            bytes_max,
            &mut prng,
        ),
        prng,
        settings: DiskSettings {
            snapshot: snapshot_options(config),
            log_bytes_max: config.txn_log.size_limit_kb.map(|kb| kb.saturating_mul(1024)),
            fsync_warning: Duration::from_millis(config.txn_log.fsync_warning_threshold_ms),
        },
        since_snapshot,
        logged: Arc::default(),
        snapshot: None,
    }
}

fn service(
    config: &ServerConfig,
    hub: &Arc<Hub>,
    directory: Arc<DataDirectory>,
    address: SocketAddr,
) -> Service {
    let whitelist = match &config.words {
        config::Words::All => Whitelist::parse(Some("*"), false),
        config::Words::Listed(names) => {
            Whitelist::from_names(names.iter().map(String::as_str), config.features.read_only_mode)
        }
    };
    let version_2 = |dir: &std::path::Path| dir.join("version-2");
    let conf = words::ConfView {
        client_port: address.port().into(),
        secure_client_port: -1,
        data_dir: version_2(&config.dirs.data_dir),
        data_log_dir: version_2(&config.dirs.data_log_dir),
        sizes: words::DirsView { data_dir_bytes: 0, log_dir_bytes: 0 },
        tick_time_ms: config.sessions.tick_time_ms.into(),
        max_client_cnxns: config.limits.max_client_cnxns.into(),
        min_session_timeout_ms: config.sessions.min_session_timeout_ms.into(),
        max_session_timeout_ms: config.sessions.max_session_timeout_ms.into(),
        client_port_listen_backlog: config.listen.backlog.map_or(-1, i64::from),
        server_id: 0,
    };
    Service {
        hub: hub.clone(),
        schemes: schemes(config),
        skip_acl: config.access.skip_acl,
        limits: limits(config),
        words: WordsDesk {
            whitelist,
            conf,
            environment: Environment::of_process(full_version()),
            directory,
            idle_bucket_ms: i64::from(config.listen.sessionless_cnxn_timeout_ms).max(1),
            trace_mask: AtomicI64::new(words::TRACE_MASK),
        },
    }
}

/// Removes old snapshots and logs now and then, if the configuration says so.
fn purge_thread(
    config: &ServerConfig,
    directory: &Arc<DataDirectory>,
    mut stage: watch::Receiver<Stage>,
) -> std::io::Result<Option<JoinHandle<()>>> {
    let Some(hours) = config.purge.interval_hours else { return Ok(None) };
    let interval = Duration::from_secs(u64::from(hours) * 3600);
    let retain = config.purge.snap_retain_count as usize;
    let directory = directory.clone();
    let runtime = single_threaded()?;
    let purging = async move {
        loop {
            match directory.purge(retain) {
                Ok(removed) => removed.iter().for_each(|path| {
                    tracing::info!(path = %path.display(), "removed: newer snapshots hold it all");
                }),
                Err(error) => tracing::error!(%error, "old files stay"),
            }
            let closing = stage.wait_for(|stage| *stage >= Stage::Closing);
            if tokio::time::timeout(interval, closing).await.is_ok() {
                return;
            }
        }
    };
    let purge = move || runtime.block_on(purging);
    thread::Builder::new().name("purge".into()).spawn(purge).map(Some)
}

/// As configured, else one for every two cores: the other core is the clients', the log's, the kernel's.
fn io_thread_count(configured: Option<u32>) -> usize {
    let by_cores =
        || thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 8));
    configured.and_then(|count| usize::try_from(count).ok()).unwrap_or_else(by_cores)
}

fn io_threads(
    config: &ServerConfig,
    service: &Arc<Service>,
    runtime: tokio::runtime::Runtime,
    listener: tokio::net::TcpListener,
    stage: &watch::Receiver<Stage>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let ids = Arc::new(ConnIds::default());
    let mut desks = Vec::new();
    let mut threads = Vec::new();
    let mut arrivals = Vec::new();
    for _ in 0..io_thread_count(config.listen.io_threads) {
        let (desk, arriving) = mpsc::channel::<Arrival>(ARRIVALS_MAX);
        desks.push(desk);
        arrivals.push(arriving);
    }
    let seats = Seats::new(config.limits.max_client_cnxns, config.limits.max_cnxns);
    let mut first = Some((runtime, listener, desks));
    for (number, arriving) in arrivals.into_iter().enumerate() {
        let (ids, listen) = (ids.clone(), config.listen.clone());
        let (service, seats, mut stage) = (service.clone(), seats.clone(), stage.clone());
        let head = first.take();
        let name = format!("io-{number}");
        threads.push(thread::Builder::new().name(name).spawn(move || {
            let local = LocalSet::new();
            let hub = service.hub.clone();
            local.spawn_local(async move { hub.attend().await });
            let serving = serve_clients(service.clone(), ids, listen, arriving);
            let runtime = match head {
                Some((runtime, listener, desks)) => {
                    let hub = service.hub.clone();
                    let ticking = tick(hub, stage.clone());
                    local.spawn_local(ticking);
                    local.spawn_local(accept(listener, seats, service, desks, stage.clone()));
                    Ok(runtime)
                }
                None => single_threaded(),
            };
            let _ended = match runtime {
                // Dropping the set ends the connections that are still there.
                Ok(runtime) => runtime.block_on(local.run_until(async {
                    let ended = stage.wait_for(|stage| *stage == Stage::Ended);
                    tokio::join!(serving, ended).1.is_ok()
                })),
                Err(error) => {
                    tracing::error!(%error, "an I/O thread cannot start");
                    false
                }
            };
        })?);
    }
    Ok(threads)
}

/// Tells the brain when time has come for something.
async fn tick(hub: Arc<Hub>, mut stage: watch::Receiver<Stage>) {
    loop {
        let due_ms = hub.next_timeout_ms() - hub.clock.mono_ms();
        let wait = Duration::from_millis(u64::try_from(due_ms).unwrap_or(0).max(1)).min(TICK_MAX);
        tokio::select! {
            () = tokio::time::sleep(wait) => hub.tell([Message::Tick]),
            _ = stage.wait_for(|stage| *stage >= Stage::Closing) => return,
        }
    }
}
