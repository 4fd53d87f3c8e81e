//! A new database, its first transactions, and the next start.

use base::{SessionId, Zxid};
use storage::{
    DataDirectory, DirectoryOptions, Error, LogOptions, Origin, RecoveryOptions, frame_entry,
};
use wire::{CreateTxn, LogEntry, OpCode, Txn, TxnHeader};

fn options(dir: &std::path::Path) -> DirectoryOptions {
    DirectoryOptions { data_dir: dir.to_owned(), data_log_dir: dir.to_owned(), autocreate: true }
}

fn create(zxid: i64, path: &str) -> Vec<u8> {
    let entry = LogEntry {
        header: TxnHeader {
            session: SessionId(7),
            cxid: 1,
            zxid: Zxid(zxid),
            time_ms: 1_000,
            op: OpCode::Create.code(),
        },
        txn: Txn::Create(CreateTxn {
            path: path.into(),
            data: Some(b"x"),
            acl: None,
            ephemeral: false,
            parent_cversion: 1,
        }),
        digest: None,
    };
    let mut payload = Vec::new();
    entry.write(&mut payload);
    let mut framed = Vec::new();
    frame_entry(&payload, &mut framed);
    framed
}

#[test]
fn what_was_synced_is_there_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    {
        let held = DataDirectory::open(&options(dir.path())).unwrap();
        let first = held.recover(&RecoveryOptions::default(), &mut |_| {}).unwrap();
        assert_eq!(first.origin, Origin::FirstStart);
        let mut log = held.log_writer(LogOptions::default());
        let group = [create(1, "/a"), create(2, "/a/b")].concat();
        log.append(Zxid(1), &group).unwrap();
        log.sync().unwrap();
        assert_eq!(std::fs::metadata(log.path().unwrap()).unwrap().len(), 67_108_880);
    }
    let held = DataDirectory::open(&options(dir.path())).unwrap();
    let again = held.recover(&RecoveryOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(again.origin, Origin::Snapshot(Zxid(0)));
    assert_eq!((again.tree.last_zxid(), again.replayed_txns), (Zxid(2), 2));
    assert_eq!(again.tree.node("/a/b").unwrap().data(), Some(&b"x"[..]));
    assert_eq!(again.notes().count(), 0, "{:?}", again.findings);
}

#[test]
fn a_directory_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let _held = DataDirectory::open(&options(dir.path())).unwrap();
    let second = DataDirectory::open(&options(dir.path()));
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
}
