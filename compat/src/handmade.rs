//! Files of a data directory made by hand: such as other servers, older ones or broken disks leave behind, and ours
//! never would.

use base::{SessionId, Zxid};
use simd_adler32::Adler32;
use wire::{Acl, Buffer, CreateTxn, LogEntry, Perms, Record, StatPersisted, Text, Txn, TxnHeader};

/// What every log begins with: `ZKLG`, version 2, and a database id that nobody uses.
pub const LOG_HEADER: [u8; 16] = *b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0";

/// The clock of those who wrote these files, in milliseconds.
pub const TIME_MS: i64 = 1_700_000_000_000;

/// A log of these entries.
#[must_use]
pub fn log(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = LOG_HEADER.to_vec();
    entries.iter().for_each(|entry| bytes.extend_from_slice(entry));
    bytes
}

/// An entry as it stands in a log, without a digest.
#[must_use]
pub fn entry(zxid: i64, session: SessionId, txn: Txn<'_>) -> Vec<u8> {
    let mut framed = Vec::new();
    storage::frame_entry(&payload(zxid, session, txn), &mut framed);
    framed
}

/// The entry that creates a node open to all, on behalf of nobody.
#[must_use]
pub fn create(zxid: i64, path: &str) -> Vec<u8> {
    entry(zxid, SessionId::NONE, Txn::Create(created(path)))
}

/// A node open to all.
#[must_use]
pub fn created(path: &str) -> CreateTxn<'_> {
    CreateTxn {
        path: path.into(),
        data: Some(b"data"),
        acl: Some(vec![Acl::world(Perms::ALL)]),
        ephemeral: false,
        parent_cversion: -1,
    }
}

/// What an entry frames.
#[must_use]
pub fn payload(zxid: i64, session: SessionId, txn: Txn<'_>) -> Vec<u8> {
    let header = TxnHeader {
        session,
        cxid: 1,
        zxid: Zxid(zxid),
        time_ms: TIME_MS + zxid,
        op: txn.op().code(),
    };
    let mut payload = Vec::new();
    LogEntry { header, txn, digest: None }.write(&mut payload);
    payload
}

/// A node of a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct Node {
    /// Its path; the root's is empty.
    pub path: String,
    /// Its data.
    pub data: Option<Vec<u8>>,
    /// Its list's number; -1 for none.
    pub acl: i64,
    /// Its stat.
    pub stat: StatPersisted,
}

/// A snapshot, uncompressed and without the optional items behind the tree: as servers before 3.6 wrote them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Sessions, with their timeouts in milliseconds.
    pub sessions: Vec<(SessionId, i32)>,
    /// Lists by number.
    pub acls: Vec<(i64, Vec<Acl<'static>>)>,
    /// Nodes, the root first, parents before children.
    pub nodes: Vec<Node>,
}

impl Snapshot {
    /// The tree of a new database, with ACLs open to all.
    #[must_use]
    pub fn fresh() -> Snapshot {
        const PATHS: [&str; 4] = ["", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];
        let node = |path: &str| Node {
            path: path.into(),
            data: Some(Vec::new()),
            acl: -1,
            stat: StatPersisted::default(),
        };
        Snapshot { nodes: PATHS.map(node).into(), ..Snapshot::default() }
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        const HEADER: &[u8] = b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff";
        let mut out = HEADER.to_vec();
        write_count(self.sessions.len(), &mut out);
        for (session, timeout_ms) in &self.sessions {
            session.write(&mut out);
            timeout_ms.write(&mut out);
        }
        write_count(self.acls.len(), &mut out);
        for (number, list) in &self.acls {
            number.write(&mut out);
            list.write(&mut out);
        }
        for node in &self.nodes {
            Text::from(node.path.as_str()).write(&mut out);
            let data: Buffer<'_> = node.data.as_deref();
            data.write(&mut out);
            node.acl.write(&mut out);
            node.stat.write(&mut out);
        }
        let end = Text::from("/");
        end.write(&mut out);
        let mut sum = Adler32::new();
        sum.write(&out);
        i64::from(sum.finish()).write(&mut out);
        end.write(&mut out);
        out
    }
}

fn write_count(count: usize, out: &mut Vec<u8>) {
    i32::try_from(count).expect("files made by hand are small").write(out);
}
