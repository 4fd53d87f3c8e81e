use std::fmt::{self, Display, Write};
use std::path::PathBuf;

use base::Zxid;

use super::text::Text;
use crate::metrics::{Entry, JavaDouble};

/// How a server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Alone.
    Standalone,
    /// Leading an ensemble.
    Leader,
    /// Following and voting.
    Follower,
    /// Following without a vote.
    Observer,
    /// Cut off from its quorum, for reads only.
    ReadOnly,
}

impl Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Standalone => "standalone",
            Mode::Leader => "leader",
            Mode::Follower => "follower",
            Mode::Observer => "observer",
            Mode::ReadOnly => "read-only",
        })
    }
}

/// What `srvr` and `stat` show of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerView<'a> {
    /// See [`crate::version::full_version`].
    pub version: &'a str,
    /// How it serves.
    pub mode: Mode,
    /// Of all requests since the last reset.
    pub latency: LatencyView,
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Open connections, the asking one too.
    pub connections: u64,
    /// Requests received and not yet answered.
    pub outstanding: u64,
    /// The last transaction applied.
    pub zxid: Zxid,
    /// Nodes in the tree.
    pub node_count: u64,
    /// Of a leader.
    pub proposal_sizes: Option<ProposalSizes>,
}

/// Latency of requests in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LatencyView {
    /// The least.
    pub min: u64,
    /// The average, to four decimals.
    pub avg: f64,
    /// The greatest.
    pub max: u64,
}

/// Sizes of proposals in bytes, -1 before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalSizes {
    /// Of the last one.
    pub last: i64,
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
}

/// `srvr`: the state of the server.
///
/// # Errors
/// The text is full.
pub fn srvr(out: &mut Text, server: &ServerView<'_>) -> fmt::Result {
    write_head(out, server)?;
    write_state(out, server)
}

pub(super) fn write_head(out: &mut Text, server: &ServerView<'_>) -> fmt::Result {
    writeln!(out, "Zookeeper version: {}", server.version)?;
    if server.mode == Mode::ReadOnly {
        writeln!(out, "READ-ONLY mode; serving only read-only clients")?;
    }
    Ok(())
}

pub(super) fn write_state(out: &mut Text, server: &ServerView<'_>) -> fmt::Result {
    let LatencyView { min, avg, max } = server.latency;
    writeln!(out, "Latency min/avg/max: {min}/{}/{max}", JavaDouble(avg))?;
    writeln!(out, "Received: {}", server.received)?;
    writeln!(out, "Sent: {}", server.sent)?;
    writeln!(out, "Connections: {}", server.connections)?;
    writeln!(out, "Outstanding: {}", server.outstanding)?;
    writeln!(out, "Zxid: {}", server.zxid)?;
    writeln!(out, "Mode: {}", server.mode)?;
    writeln!(out, "Node count: {}", server.node_count)?;
    if let Some(ProposalSizes { last, min, max }) = server.proposal_sizes {
        writeln!(out, "Proposal sizes last/min/max: {last}/{min}/{max}")?;
    }
    Ok(())
}

/// `mntr`: version, mode, and the entries of a [`crate::metrics::Snapshot`].
///
/// # Errors
/// The text is full.
pub fn mntr(out: &mut Text, version: &str, mode: Mode, entries: &[Entry]) -> fmt::Result {
    writeln!(out, "zk_version\t{version}")?;
    writeln!(out, "zk_server_state\t{mode}")?;
    entries.iter().try_for_each(|Entry { key, value }| writeln!(out, "zk_{key}\t{value}"))
}

/// What `conf` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfView {
    /// Port of plain clients, -1 for none.
    pub client_port: i32,
    /// Port of TLS clients, -1 for none.
    pub secure_client_port: i32,
    /// Directory of the snapshots, `version-2` included.
    pub data_dir: PathBuf,
    /// Directory of the transaction log, `version-2` included.
    pub data_log_dir: PathBuf,
    /// Sizes of both.
    pub sizes: DirsView,
    /// Length of a tick in ms.
    pub tick_time_ms: i64,
    /// Connections allowed per client address, 0 for any number.
    pub max_client_cnxns: i64,
    /// Shortest session timeout in ms.
    pub min_session_timeout_ms: i64,
    /// Longest session timeout in ms.
    pub max_session_timeout_ms: i64,
    /// Length of the queue of unaccepted connections, -1 for the system's.
    pub client_port_listen_backlog: i64,
    /// The own id, 0 if standalone.
    pub server_id: i64,
}

/// Sizes in bytes of all files in the two directories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirsView {
    /// Snapshots.
    pub data_dir_bytes: u64,
    /// Transaction log.
    pub log_dir_bytes: u64,
}

/// `conf`: the configuration in force.
///
/// # Errors
/// The text is full.
pub fn conf(out: &mut Text, conf: &ConfView) -> fmt::Result {
    writeln!(out, "clientPort={}", conf.client_port)?;
    writeln!(out, "secureClientPort={}", conf.secure_client_port)?;
    writeln!(out, "dataDir={}", conf.data_dir.display())?;
    writeln!(out, "dataDirSize={}", conf.sizes.data_dir_bytes)?;
    writeln!(out, "dataLogDir={}", conf.data_log_dir.display())?;
    writeln!(out, "dataLogSize={}", conf.sizes.log_dir_bytes)?;
    writeln!(out, "tickTime={}", conf.tick_time_ms)?;
    writeln!(out, "maxClientCnxns={}", conf.max_client_cnxns)?;
    writeln!(out, "minSessionTimeout={}", conf.min_session_timeout_ms)?;
    writeln!(out, "maxSessionTimeout={}", conf.max_session_timeout_ms)?;
    writeln!(out, "clientPortListenBacklog={}", conf.client_port_listen_backlog)?;
    writeln!(out, "serverId={}", conf.server_id)
}

/// `dirs`: sizes of the directories.
///
/// # Errors
/// The text is full.
pub fn dirs(out: &mut Text, sizes: DirsView) -> fmt::Result {
    writeln!(out, "datadir_size: {}", sizes.data_dir_bytes)?;
    writeln!(out, "logdir_size: {}", sizes.log_dir_bytes)
}

/// `hash`: the logged digests of the tree, oldest first.
///
/// # Errors
/// The text is full.
pub fn hash(out: &mut Text, digests: impl IntoIterator<Item = (Zxid, i64)>) -> fmt::Result {
    let mut digests = digests.into_iter();
    digests.try_for_each(|(zxid, digest)| writeln!(out, "{:x}: {digest}", zxid.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{GaugeValues, Metrics};
    use crate::words::answer;

    pub(crate) fn view() -> ServerView<'static> {
        ServerView {
            version: "3.9.5-x, built on 2026-02-11 20:18 UTC",
            mode: Mode::Standalone,
            latency: LatencyView { min: 0, avg: 1.3003, max: 28 },
            received: 641,
            sent: 642,
            connections: 3,
            outstanding: 0,
            zxid: Zxid(0x139),
            node_count: 15,
            proposal_sizes: None,
        }
    }

    fn shown(server: &ServerView<'_>) -> String {
        answer(usize::MAX, |out| srvr(out, server))
    }

    #[test]
    fn srvr_shows_the_state_of_the_server() {
        let expect = "Zookeeper version: 3.9.5-x, built on 2026-02-11 20:18 UTC\n\
             Latency min/avg/max: 0/1.3003/28\nReceived: 641\nSent: 642\nConnections: 3\n\
             Outstanding: 0\nZxid: 0x139\nMode: standalone\nNode count: 15\n";
        assert_eq!(shown(&view()), expect);
    }

    #[test]
    fn srvr_of_a_leader_shows_its_proposals() {
        let sizes = ProposalSizes { last: 36, min: 32, max: 1001 };
        let leader = ServerView { mode: Mode::Leader, proposal_sizes: Some(sizes), ..view() };
        let end = "Mode: leader\nNode count: 15\nProposal sizes last/min/max: 36/32/1001\n";
        assert!(shown(&leader).ends_with(end));
    }

    #[test]
    fn srvr_in_read_only_mode_says_so_after_the_version() {
        let text = shown(&ServerView { mode: Mode::ReadOnly, ..view() });
        let second = text.lines().nth(1);
        assert_eq!(second, Some("READ-ONLY mode; serving only read-only clients"));
        assert!(text.contains("Mode: read-only\n"));
    }

    #[test]
    fn mntr_has_every_key_of_a_standalone_zookeeper() {
        let entries = Metrics::new().snapshot().entries(&GaugeValues::default());
        let text = answer(usize::MAX, |out| mntr(out, "3.9.5-x", Mode::Standalone, &entries));
        let keys: Vec<_> = text.lines().map(|line| line.split_once('\t').unwrap().0).collect();
        let java = include_str!("../metrics/fixtures/standalone-mntr-keys.txt");
        assert_eq!(keys, java.lines().collect::<Vec<_>>());
        assert!(text.starts_with("zk_version\t3.9.5-x\nzk_server_state\tstandalone\n"));
        assert!(text.contains("\nzk_avg_latency\t0.0\n"));
    }

    #[test]
    fn conf_shows_the_configuration_in_force() {
        let view = ConfView {
            client_port: 53409,
            secure_client_port: -1,
            data_dir: "/data/version-2".into(),
            data_log_dir: "/log/version-2".into(),
            sizes: DirsView { data_dir_bytes: 478, log_dir_bytes: 67_109_358 },
            tick_time_ms: 3000,
            max_client_cnxns: 0,
            min_session_timeout_ms: 6000,
            max_session_timeout_ms: 60000,
            client_port_listen_backlog: -1,
            server_id: 0,
        };
        let expect = "clientPort=53409\nsecureClientPort=-1\ndataDir=/data/version-2\n\
             dataDirSize=478\ndataLogDir=/log/version-2\ndataLogSize=67109358\ntickTime=3000\n\
             maxClientCnxns=0\nminSessionTimeout=6000\nmaxSessionTimeout=60000\n\
             clientPortListenBacklog=-1\nserverId=0\n";
        assert_eq!(answer(usize::MAX, |out| conf(out, &view)), expect);
        let expect = "datadir_size: 478\nlogdir_size: 67109358\n";
        assert_eq!(answer(usize::MAX, |out| dirs(out, view.sizes)), expect);
    }

    #[test]
    fn hash_shows_zxids_in_hex_and_signed_digests() {
        let digests = [(Zxid(0x80), 19_333_704_413), (Zxid(0x1_0000_0000), -5)];
        let text = answer(usize::MAX, |out| hash(out, digests));
        assert_eq!(text, "80: 19333704413\n100000000: -5\n");
    }
}
