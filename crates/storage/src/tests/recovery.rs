//! Every row of the decision table, met in a directory made for it.

use std::path::{Path, PathBuf};

use base::Zxid;
use wire::{CreateTxn, OpCode, Txn};

use super::{at, create, created, cut, flip, layout, log, padded, snapshot, tree_at, txn};
use crate::disk::Disk;
use crate::disk::fake::FakeDisk;
use crate::log::{checksum, frame_entry, header};
use crate::{Case, Error, Recovered, RecoveryOptions, Verdict, recover};

struct Fixture {
    files: Vec<(&'static str, Vec<u8>)>,
    options: RecoveryOptions,
    /// The last zxid after the start.
    last: i64,
}

fn files<const N: usize>(last: i64, files: [(&'static str, Vec<u8>); N]) -> Fixture {
    Fixture { files: files.into(), options: RecoveryOptions::default(), last }
}

/// `snapshot.0`, and one log.
fn one_log(last: i64, bytes: Vec<u8>) -> Fixture {
    files(last, [("snapshot.0", snapshot(0)), ("log.1", bytes)])
}

/// `snapshot.0`, and two logs of two transactions each but for what is said.
fn two_logs(last: i64, first: Vec<u8>, second: (&'static str, Vec<u8>)) -> Fixture {
    files(last, [("snapshot.0", snapshot(0)), ("log.1", first), second])
}

impl Fixture {
    fn with(mut self, change: impl FnOnce(&mut RecoveryOptions)) -> Fixture {
        change(&mut self.options);
        self
    }

    fn and(mut self, name: &'static str, bytes: Vec<u8>) -> Fixture {
        self.files.push((name, bytes));
        self
    }

    fn disk(&self) -> FakeDisk {
        let disk = FakeDisk::new();
        disk.create_dir(Path::new(super::DIR)).unwrap();
        for (name, bytes) in &self.files {
            disk.put(&at(name), bytes);
        }
        disk
    }
}

fn fixture(case: Case) -> Fixture {
    let whole = || padded(log([create(1), create(2)]));
    match case {
        Case::FirstStart => files(0, []),
        Case::FirstStartMarked => {
            files(0, [("/data/initialize", Vec::new())]).with(|o| o.db_autocreate = false)
        }
        Case::FirstStartAgain => {
            files(0, [("snapshot.0", cut(snapshot(0), 9)), ("log.1", log([]))])
        }
        Case::Unformatted => files(0, []).with(|o| o.db_autocreate = false),
        Case::SnapshotOnly => files(2, [("snapshot.2", snapshot(2)), ("log.1", whole())]),
        Case::SnapshotAndLog => one_log(2, whole()),
        Case::SnapshotCutShort => with_snapshots(cut(snapshot(2), 9)),
        Case::SnapshotDamaged => with_snapshots(flip(snapshot(2), 100)),
        Case::SnapshotBeyondLog => {
            let gone = ("snapshot.3", flip(snapshot(3), 100));
            two_logs(0, whole(), gone)
        }
        // 2325, 3231, 3644: an empty tree must not be invented.
        Case::NoValidSnapshot => files(0, [("snapshot.2", Vec::new()), ("snapshot.0", Vec::new())]),
        Case::LogWithoutSnapshot => files(0, [("log.1", whole())]),
        Case::TrustedEmpty => files(2, [("log.1", whole())]).with(|o| o.trust_empty = true),
        // 1621 (31b): Java does not start.
        Case::LogHeaderShort => two_logs(2, whole(), ("log.3", header()[..15].to_vec())),
        Case::LogBlank => two_logs(2, whole(), ("log.3", vec![0; 9000])),
        Case::LogHeaderLost => files(
            0,
            [("snapshot.0", snapshot(0)), ("log.1", Vec::new()), ("log.3", log([create(3)]))],
        ),
        Case::LogMagic => two_logs(0, whole(), ("log.3", b"not a log, but sixteen bytes".into())),
        Case::LogVersion => two_logs(0, whole(), ("log.3", flip(log([]), 7))),
        Case::TornTail => one_log(2, padded(cut(log([create(1), create(2), create(3)]), 20))),
        Case::DataBehindEnd => one_log(2, [whole(), create(4)].concat()),
        // Scenario 32: a torn tail is passed over, damage is not.
        Case::LogChecksum => one_log(0, flip(whole(), 16 + 40)),
        Case::LogLength => one_log(0, flip_sign(whole(), 16 + 8)),
        Case::LogUndecodable => one_log(0, log([create(1), unknown_type(2)])),
        // Scenario 31: a missing file in the middle.
        Case::LogGap => two_logs(0, whole(), ("log.4", log([create(4)]))),
        // Scenario 31: Java logs an error and goes on.
        Case::LogBackwards => two_logs(0, whole(), ("log.3", log([create(3), create(2)]))),
        Case::LogConflict => {
            let other = txn(3, Txn::Create(created("/other")), None);
            two_logs(0, whole(), ("log.3", log([create(3), other])))
        }
        Case::LogRepeated => {
            let failed = txn(2, Txn::Error(-5), None);
            one_log(3, log([create(1), create(2), failed, create(3), create(3)]))
        }
        Case::AclLost => files(2, [("snapshot.2", without_acl(snapshot(2)))]),
        Case::LogDigest => one_log(1, log([txn(1, Txn::Create(created("/n1")), Some(1))])),
        Case::SnapshotDigest => files(2, [("snapshot.2", with_digest(snapshot(2), 77))]),
        // 31b: Java replays `log.1.bak` as if it were `log.1`.
        Case::ForeignName => two_logs(2, whole(), ("log.1.bak", log([create(9)]))),
        Case::Unfinished => two_logs(2, whole(), ("unfinished.snapshot.2", snapshot(2))),
        Case::EpochUnreadable => two_logs(2, whole(), ("acceptedEpoch", b"one".into())),
        Case::EpochOrder => two_logs(2, whole(), ("currentEpoch", b"-1\n".into())),
    }
}

/// An older snapshot, the newest one as given, and a log that makes up for it.
fn with_snapshots(newest: Vec<u8>) -> Fixture {
    two_logs(3, padded(log([create(1), create(2)])), ("snapshot.2", newest))
        .and("log.3", log([create(3)]))
}

fn flip_sign(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x80;
    bytes
}

fn unknown_type(zxid: i64) -> Vec<u8> {
    let framed = txn(zxid, Txn::Error(-1), None);
    let mut payload = framed[12..framed.len() - 1].to_vec();
    payload[31] = 99;
    let mut again = Vec::new();
    frame_entry(&payload, &mut again);
    again
}

/// The snapshot with its only ACL under another number, and nothing behind the nodes' seal.
fn without_acl(bytes: Vec<u8>) -> Vec<u8> {
    // Header, no sessions, one ACL; the trailers and the nodes' seal.
    let number = 16 + 4 + 4 + 7;
    let mut bytes = cut(bytes, 21 + 13 + 20 + 13);
    assert_eq!(bytes[number], 1);
    bytes[number] = 2;
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\x01/");
    bytes
}

/// The snapshot with another digest, sealed as if it were right.
fn with_digest(bytes: Vec<u8>, digest: u64) -> Vec<u8> {
    let mut bytes = cut(bytes, 21 + 13 + 8);
    bytes.extend_from_slice(&digest.to_be_bytes());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\x01/");
    bytes
}

fn start(disk: &FakeDisk, options: &RecoveryOptions) -> Result<Recovered, Error> {
    recover(disk, &layout(), options, &mut |_| {})
}

fn image(disk: &FakeDisk) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let with_content = |path: PathBuf| {
        let content = disk.content(&path);
        (path, content)
    };
    disk.paths().into_iter().map(with_content).collect()
}

#[test]
fn every_row_of_the_table_leads_where_it_says() {
    for case in Case::ALL {
        let fixture = fixture(*case);
        let disk = fixture.disk();
        let before = image(&disk);
        match (case.verdict(), start(&disk, &fixture.options)) {
            (Verdict::Refuse, Err(Error::Refused(finding))) => {
                assert_eq!(finding.case, *case, "{finding}");
                assert!(image(&disk) == before, "{case:?} changed files");
            }
            (Verdict::Start | Verdict::Say, Ok(recovered)) => {
                let met: Vec<Case> = recovered.findings.iter().map(|f| f.case).collect();
                assert!(met.contains(case), "{case:?} not among {met:?}");
                assert_eq!(recovered.tree.last_zxid(), Zxid(fixture.last), "{case:?}");
                let said = recovered.notes().any(|note| note.case == *case);
                assert_eq!(said, case.verdict() == Verdict::Say);
            }
            (_, Ok(_)) => panic!("{case:?}: started"),
            (_, Err(e)) => panic!("{case:?}: {e}"),
        }
    }
}

#[test]
fn what_starts_once_starts_again_with_the_same_tree() {
    for case in Case::ALL {
        let fixture = fixture(*case);
        let disk = fixture.disk();
        let Ok(first) = start(&disk, &fixture.options) else {
            continue;
        };
        disk.power_cut(None);
        let second = start(&disk, &fixture.options).unwrap();
        assert_eq!(first.tree.last_zxid(), second.tree.last_zxid(), "{case:?}");
        assert_eq!(first.tree.digest(), second.tree.digest(), "{case:?}");
    }
}

#[test]
fn labels_are_unique_and_refusals_name_file_and_remedy() {
    let mut labels: Vec<&str> = Case::ALL.iter().map(|case| case.label()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Case::ALL.len());
    let refused = start(&fixture(Case::LogChecksum).disk(), &RecoveryOptions::default());
    let said = refused.map(|_| ()).unwrap_err().to_string();
    for part in ["/data/version-2/log.1", "offset 16", "zxid 0x0", "restore", "[log-checksum]"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_new_epoch_may_begin_anywhere_but_only_with_its_first_transaction() {
    let epoch = |n: i64, counter: i64| (n << 32) | counter;
    let begin = |next: i64| {
        let disk = one_log(0, log([create(1), create(next)])).disk();
        start(&disk, &RecoveryOptions::default()).map(|recovered| recovered.tree.last_zxid())
    };
    assert_eq!(begin(epoch(1, 1)).unwrap(), Zxid(epoch(1, 1)));
    assert_eq!(begin(epoch(7, 1)).unwrap(), Zxid(epoch(7, 1)));
    assert!(begin(epoch(1, 2)).is_err() && begin(epoch(1, 0)).is_err() && begin(3).is_err());
}

#[test]
fn a_file_name_tells_of_transactions_that_are_lost() {
    for empty in [Vec::new(), log([]), vec![0; 100]] {
        let disk = two_logs(0, log([create(1)]), ("log.5", empty)).disk();
        let refused = start(&disk, &RecoveryOptions::default()).map(|_| ());
        assert!(
            matches!(&refused, Err(Error::Refused(f)) if f.case == Case::LogGap),
            "{refused:?}"
        );
    }
}

#[test]
fn ephemerals_of_sessions_that_are_gone_are_removed() {
    let ephemeral = CreateTxn { ephemeral: true, ..created("/e") };
    let disk = one_log(1, log([txn(1, Txn::Create(ephemeral), None)])).disk();
    let recovered = start(&disk, &RecoveryOptions::default()).unwrap();
    assert!(recovered.tree.node("/e").is_none());
}

/// What a Java server logs for createTTL with a flag of another kind and a negative ttl, and for a
/// multi whose failed part carries no readable record. Neither may end the server (33b).
#[test]
fn poisonous_transactions_do_not_end_the_server() {
    let ttl = Txn::CreateTtl(wire::CreateTtlTxn {
        path: "/ttl".into(),
        data: None,
        acl: None,
        parent_cversion: 1,
        ttl_ms: -7,
    });
    let multi = Txn::Multi(vec![
        wire::SubTxn { op: OpCode::Create.code(), data: Some(b"no record") },
        wire::SubTxn { op: OpCode::Error.code(), data: Some(&[0xff, 0xff, 0xff, 0xfe]) },
    ]);
    let entries = [txn(1, ttl, None), txn(2, multi, None), create(3)];
    let recovered = start(&one_log(3, log(entries)).disk(), &RecoveryOptions::default()).unwrap();
    assert_eq!(recovered.tree.last_zxid(), Zxid(3));
    assert!(recovered.tree.node("/n3").is_some());
}

/// A session that owned very many ephemerals closes with one transaction far beyond
/// `jute.maxbuffer` (4306).
#[test]
fn what_was_written_can_be_read_however_long_it_is() {
    let paths: Vec<String> = (0..200_000).map(|n| format!("/ephemeral-{n:010}")).collect();
    let close = Txn::CloseSession(Some(wire::CloseSessionTxn {
        paths: paths.iter().map(|path| path.as_str().into()).collect(),
    }));
    let bytes = log([create(1), txn(2, close, None), create(3)]);
    assert!(bytes.len() > 4 << 20);
    let recovered = start(&one_log(3, bytes).disk(), &RecoveryOptions::default()).unwrap();
    assert_eq!(recovered.tree.last_zxid(), Zxid(3));
}

#[test]
fn a_log_cut_anywhere_gives_a_beginning_of_the_history() {
    let entries = [create(1), create(2), create(3)];
    let bytes = log(entries.clone());
    let ends: Vec<usize> = (1..=3).map(|n| 16 + entries[..n].concat().len()).collect();
    for length in 0..=bytes.len() {
        for padding in [0, 300] {
            let mut cut = bytes[..length].to_vec();
            cut.resize(length + padding, 0);
            if padding > 0 && (1..8).contains(&length) {
                // No disk writes part of a header's sector: that is damage.
                continue;
            }
            let expected = ends.iter().filter(|end| **end <= length).count();
            let recovered = start(&one_log(0, cut).disk(), &RecoveryOptions::default()).unwrap();
            let last = recovered.tree.last_zxid().0;
            assert_eq!(usize::try_from(last), Ok(expected), "cut at {length} + {padding}");
        }
    }
}

#[test]
fn a_bit_flipped_anywhere_never_adds_or_changes_a_transaction() {
    let bytes = log([create(1), create(2), create(3)]);
    let digests: Vec<u64> = (0..=3).map(|last| tree_at(last).digest()).collect();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(recovered) = start(&one_log(0, flipped).disk(), &RecoveryOptions::default()) {
            let digest = recovered.tree.digest();
            let last = usize::try_from(recovered.tree.last_zxid().0).unwrap();
            assert_eq!(digest, digests[last], "bit {bit}");
        }
    }
}

/// A snapshot of Java's written under load can hold a part of the transaction behind the one that
/// its digest is of. What the log says of the whole tree later is what counts.
#[test]
fn a_digest_that_fits_later_answers_for_the_snapshots() {
    let is_said = |digest: Option<u64>| {
        let third = txn(3, Txn::Create(created("/n3")), digest);
        let files = files(
            3,
            [("snapshot.2", with_digest(snapshot(2), 77)), ("log.3", padded(log([third])))],
        );
        let recovered = start(&files.disk(), &RecoveryOptions::default()).unwrap();
        recovered.findings.iter().any(|finding| finding.case == Case::SnapshotDigest)
    };
    assert!(!is_said(Some(tree_at(3).digest())));
    assert!(is_said(None));
    assert!(is_said(Some(78)));
}

/// Nothing but a snapshot tells the next start of nodes that were removed because their session was
/// not there: without it the log behind them would be replayed on nodes that should be gone.
#[test]
fn what_is_logged_after_a_burial_is_there_at_the_next_start() {
    let disk = files(0, []).disk();
    let mut tree = tree_at(1);
    let header = wire::TxnHeader {
        session: base::SessionId(7),
        cxid: 1,
        zxid: Zxid(2),
        time_ms: 5,
        op: OpCode::Create.code(),
    };
    let lock = Txn::Create(CreateTxn { ephemeral: true, ..super::created("/lock") });
    tree.apply(&header, &lock, &mut |_| {});
    let options = crate::SnapshotOptions::default();
    crate::write_snapshot(
        &disk,
        Path::new(super::DIR),
        &mut crate::AtRest::new(&mut tree),
        options,
        &mut crate::FullSpeed,
    )
    .unwrap();

    let start =
        || recover(&disk, &layout(), &RecoveryOptions::default(), &mut |_| {}).unwrap().tree;
    assert!(start().node("/lock").is_none());
    disk.put(&at("log.3"), &padded(log([txn(3, Txn::Create(super::created("/lock")), None)])));
    let stat = start().node("/lock").expect("created since").stat();
    assert_eq!((stat.czxid, stat.ephemeral_owner), (Zxid(3), 0));
}
