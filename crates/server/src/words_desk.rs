//! Gathers what the four-letter words show.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{SessionId, Zxid};
use storage::DataDirectory;
use tree::ConnId;

use crate::client::Client;
use crate::hub::{Core, Hub};
use crate::metrics::{
    ConnectionGauges, FileDescriptors, GaugeValues, NamespaceQuota, SessionGauges, TreeGauges,
    namespace,
};
use crate::version::full_version;
use crate::words::{self, Text, Whitelist, Word};

/// The longest answer, in bytes: nobody may make the server build more by four letters.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What the server waits for on a socket, as Java numbers it.
const READ: u32 = 1;
const WRITE: u32 = 4;

/// What the words show that does not change while the server runs, and where the rest is found.
pub(crate) struct WordsDesk {
    pub(crate) whitelist: Whitelist,
    pub(crate) conf: words::ConfView,
    pub(crate) environment: words::Environment,
    pub(crate) directory: Arc<DataDirectory>,
    /// Connections that idle this long lose their place in `dump`, in milliseconds.
    pub(crate) idle_bucket_ms: i64,
    pub(crate) trace_mask: AtomicI64,
}

impl WordsDesk {
    /// The answer to a word; `after` is what the client sent behind it.
    pub(crate) fn answer(&self, hub: &Hub, asking: &Client, word: Word, after: &[u8]) -> String {
        if !self.whitelist.allows(word) {
            return word.not_in_whitelist();
        }
        match word {
            Word::Ruok => words::IMOK.into(),
            Word::Isro => words::isro(Some(words::Mode::Standalone)).into(),
            Word::Gtmk => self.trace_mask.load(Ordering::Relaxed).to_string(),
            Word::Stmk => self.set_trace_mask(after),
            Word::Crst => {
                hub.look().clients.values().for_each(|client| client.reset_stats());
                words::CONNECTION_STATS_RESET.into()
            }
            Word::Srst => {
                hub.metrics.reset();
                words::SERVER_STATS_RESET.into()
            }
            _ => words::answer(ANSWER_BYTES_MAX, |out| self.write(hub, asking, word, out)),
        }
    }

    fn set_trace_mask(&self, after: &[u8]) -> String {
        let Some(mask) = words::trace_mask(after) else { return String::new() };
        self.trace_mask.store(mask, Ordering::Relaxed);
        mask.to_string()
    }

    fn write(&self, hub: &Hub, asking: &Client, word: Word, out: &mut Text) -> std::fmt::Result {
        match word {
            Word::Srvr => words::srvr(out, &self.server(hub)),
            Word::Stat => {
                let server = self.server(hub);
                words::stat(out, &server, connections(hub, asking))
            }
            Word::Cons => words::cons(out, connections(hub, asking)),
            Word::Conf => {
                let sizes = self.sizes();
                words::conf(out, &words::ConfView { sizes, ..self.conf.clone() })
            }
            Word::Dirs => words::dirs(out, self.sizes()),
            Word::Envi => self.environment.write(out),
            Word::Mntr => {
                let entries = hub.metrics.snapshot().entries(&self.gauges(hub));
                words::mntr(out, full_version(), words::Mode::Standalone, &entries)
            }
            Word::Hash => {
                let log: Vec<(Zxid, u64)> = hub.replica.read().tree.digest_log().collect();
                words::hash(out, log.into_iter().map(|(zxid, sum)| (zxid, sum.cast_signed())))
            }
            Word::Dump => self.dump(hub, out),
            Word::Wchs => words::wchs(out, watch_summary(hub)),
            Word::Wchc => words::wchc(out, watches_by_session(hub)),
            Word::Wchp => words::wchp(out, watches_by_path(hub)),
            _ => Ok(()),
        }
    }

    fn sizes(&self) -> words::DirsView {
        let (data_dir_bytes, log_dir_bytes) = self.directory.sizes().unwrap_or_default();
        words::DirsView { data_dir_bytes, log_dir_bytes }
    }

    fn server(&self, hub: &Hub) -> words::ServerView<'static> {
        let core = hub.look();
        let replica = hub.replica.read();
        let snapshot = hub.metrics.snapshot();
        let stats = snapshot.server();
        let latency = &stats.request_latency;
        words::ServerView {
            version: full_version(),
            mode: words::Mode::Standalone,
            latency: words::LatencyView {
                min: latency.min,
                avg: latency.average(),
                max: latency.max,
            },
            received: stats.packets_received,
            sent: stats.packets_sent,
            connections: core.clients.len() as u64,
            outstanding: outstanding(&core),
            zxid: replica.tree.last_zxid(),
            node_count: replica.tree.node_count() as u64,
            proposal_sizes: None,
        }
    }

    fn gauges(&self, hub: &Hub) -> GaugeValues {
        let core = hub.look();
        let replica = hub.replica.read();
        let tree = &replica.tree;
        let watch_count = node::WatchLock::with(&replica.watches, |watches| watches.count());
        let uptime_ms = u64::try_from(hub.clock.mono_ms()).unwrap_or(0);
        GaugeValues {
            outstanding_requests: outstanding(&core),
            uptime_ms,
            tree: TreeGauges {
                znode_count: tree.node_count() as u64,
                watch_count: watch_count as u64,
                ephemerals_count: tree.ephemeral_count() as u64,
                approximate_data_size: tree.data_size() as u64,
            },
            sessions: SessionGauges { global: core.brain.sessions().len() as u64, local: 0 },
            connections: ConnectionGauges {
                alive: core.clients.len() as u64,
                drop_probability: hub.turnstile.lock().throttle.drop_probability(),
                auth_failed_count: hub.auth_failed.load(Ordering::Relaxed),
                ..ConnectionGauges::default()
            },
            files: FileDescriptors::of_process(),
            quotas: tree.quotas().filter_map(quota_gauge).collect(),
        }
    }

    fn dump(&self, hub: &Hub, out: &mut Text) -> std::fmt::Result {
        let core = hub.look();
        let now = hub.clock.now();
        let to_wall = now.wall_ms - now.mono_ms;
        let sessions = self.sessions_by_expiry(&core, to_wall);
        let connections = self.connections_by_expiry(&core, to_wall);
        let replica = hub.replica.read();
        let tree = &replica.tree;
        let owners = tree.ephemeral_owners();
        let ephemerals = owners.map(|id| (id, tree.ephemerals(id).collect::<Vec<String>>()));
        words::dump(out, &sessions, ephemerals.collect::<Vec<_>>(), &connections)
    }

    /// The sessions by the moments at which they expire unless they are heard of; those whose
    /// connections have heard of them since the brain looked stand where it will put them.
    fn sessions_by_expiry(
        &self,
        core: &Core,
        to_wall: i64,
    ) -> words::ExpirySets<words::SessionEntry> {
        let sessions = core.brain.sessions();
        let mut sets: BTreeMap<i64, Vec<words::SessionEntry>> = BTreeMap::new();
        for (due, id) in
            sessions.buckets().flat_map(|(due, ids)| ids.iter().map(move |id| (due, *id)))
        {
            let conn = core.brain.connection_of(id);
            let client = conn.and_then(|conn| core.clients.get(&conn));
            let heard = client.zip(sessions.session(id)).map_or(due, |(client, tracked)| {
                let heard_ms = client.heard_ms.load(Ordering::Relaxed);
                bucket(heard_ms + i64::from(tracked.timeout_ms), self.conf.tick_time_ms)
            });
            sets.entry(due.max(heard)).or_default().push(words::SessionEntry(id));
        }
        expiry_sets(sets, to_wall)
    }

    fn connections_by_expiry(
        &self,
        core: &Core,
        to_wall: i64,
    ) -> words::ExpirySets<words::ConnectionEntry> {
        let mut sets: BTreeMap<i64, Vec<words::ConnectionEntry>> = BTreeMap::new();
        for client in in_order(core) {
            let stats = client.stats.lock();
            let idle_ms = match client.timeout_ms.load(Ordering::Relaxed) {
                0 => self.idle_bucket_ms,
                timeout_ms => timeout_ms.into(),
            };
            let heard_ms = client.heard_ms.load(Ordering::Relaxed);
            let due = bucket(heard_ms + idle_ms, self.idle_bucket_ms);
            let entry = words::ConnectionEntry { remote: client.peer, session: stats.session };
            sets.entry(due).or_default().push(entry);
        }
        expiry_sets(sets, to_wall)
    }
}

/// The moment at which a bucket ends, of those that are so wide, in milliseconds.
fn bucket(at_ms: i64, width_ms: i64) -> i64 {
    (at_ms / width_ms + 1) * width_ms
}

fn expiry_sets<T>(sets: BTreeMap<i64, Vec<T>>, to_wall: i64) -> words::ExpirySets<T> {
    let member_count = sets.values().map(Vec::len).sum();
    let set = |(due, members)| words::ExpirySet { expires_ms: due + to_wall, members };
    words::ExpirySets { sets: sets.into_iter().map(set).collect(), member_count }
}

/// The connections in the order in which they came.
fn in_order(core: &Core) -> Vec<&Arc<Client>> {
    let mut clients: Vec<_> = core.clients.values().collect();
    clients.sort_unstable_by_key(|client| client.id);
    clients
}

fn quota_gauge(
    (path, limits, used): (&str, tree::QuotaLimits, tree::QuotaLimits),
) -> Option<NamespaceQuota> {
    let either = |soft: i64, hard: i64| if hard >= 0 { hard } else { soft };
    Some(NamespaceQuota {
        namespace: namespace(path)?.into(),
        count_limit: either(limits.count, limits.count_hard),
        bytes_limit: either(limits.bytes, limits.bytes_hard),
        count_usage: used.count,
        bytes_usage: used.bytes,
    })
}

fn outstanding(core: &Core) -> u64 {
    core.clients.values().map(|client| client.gate.under_way() as u64).sum()
}

fn connections(hub: &Hub, asking: &Client) -> Vec<words::ConnectionView> {
    let core = hub.look();
    let view = |client: &Arc<Client>| connection(client, client.id == asking.id);
    in_order(&core).into_iter().map(view).collect()
}

fn connection(client: &Client, is_asking: bool) -> words::ConnectionView {
    let (sent, is_blocked, is_full) = {
        let outbox = client.outbox.lock();
        (outbox.packets, outbox.unsent_bytes() > 0, outbox.is_full())
    };
    let stats = client.stats.lock();
    let (latency, last) = (stats.latency, stats.last);
    let session = (stats.session != SessionId::NONE).then(|| words::SessionView {
        id: stats.session,
        last_operation: last.op,
        established_ms: client.opened_wall_ms,
        timeout_ms: client.timeout_ms.load(Ordering::Relaxed).into(),
        last_cxid: last.xid.map(i64::from),
        last_zxid: last.zxid,
        last_response_ms: last.response_ms,
        last_latency_ms: latency.last_ms,
        min_latency_ms: latency.min_ms,
        avg_latency_ms: latency.total_ms.checked_div(latency.count).unwrap_or(0),
        max_latency_ms: latency.max_ms,
    });
    let is_read = !is_full && !client.is_paused.load(Ordering::Relaxed);
    let interest_ops = if is_read { READ } else { 0 } | if is_blocked { WRITE } else { 0 };
    words::ConnectionView {
        remote: client.peer,
        interest_ops: if is_asking { 0 } else { interest_ops },
        queued: client.gate.under_way() as u64,
        received: stats.received,
        sent,
        session,
    }
}

fn watch_summary(hub: &Hub) -> words::WatchSummary {
    let replica = hub.replica.read();
    let summary = node::WatchLock::with(&replica.watches, |watches| watches.summary());
    words::WatchSummary {
        connections: summary.connections as u64,
        paths: summary.paths as u64,
        watches: summary.watches as u64,
    }
}

fn sessions_of(hub: &Hub) -> HashMap<ConnId, SessionId> {
    let core = hub.look();
    core.clients.iter().map(|(id, client)| (*id, client.stats.lock().session)).collect()
}

fn watches_by_session(hub: &Hub) -> Vec<(SessionId, Vec<String>)> {
    let sessions = sessions_of(hub);
    let replica = hub.replica.read();
    node::WatchLock::with(&replica.watches, |watches| {
        let named = watches.by_connection(&replica.tree);
        named.filter_map(|(conn, paths)| Some((*sessions.get(&conn)?, paths))).collect()
    })
}

fn watches_by_path(hub: &Hub) -> Vec<(String, Vec<SessionId>)> {
    let sessions = sessions_of(hub);
    let replica = hub.replica.read();
    node::WatchLock::with(&replica.watches, |watches| {
        let named = watches.by_path(&replica.tree);
        let sessions = |conns: Vec<ConnId>| {
            conns.iter().filter_map(|conn| sessions.get(conn).copied()).collect()
        };
        named.map(|(path, conns)| (path, sessions(conns))).collect()
    })
}
