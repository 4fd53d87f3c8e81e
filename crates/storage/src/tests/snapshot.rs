//! Snapshots as bytes, packed and not, whole and damaged.

use std::path::Path;

use base::{SessionId, Zxid};
use tree::Tree;
use wire::{LogEntry, Txn};

use super::{DIR, at, created, snapshot, tree_at, txn};
use crate::disk::fake::{FakeDisk, Fault};
use crate::{
    AtRest, Compression, Disk, Error, FileName, FullSpeed, SnapshotFile, SnapshotOptions,
    load_snapshot, valid_snapshots, write_snapshot,
};

const PACKINGS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Snappy];

fn write(disk: &FakeDisk, tree: &mut Tree, options: SnapshotOptions) -> SnapshotFile {
    disk.create_dir(Path::new(DIR)).unwrap();
    write_snapshot(disk, Path::new(DIR), &mut AtRest::new(tree), options, &mut FullSpeed).unwrap()
}

fn load(disk: &FakeDisk, file: &SnapshotFile) -> Result<Tree, Error> {
    let loaded = load_snapshot(disk, file, tree::Options::default(), &mut |_| {});
    loaded.map(|content| content.tree)
}

/// Sessions, ACLs, null data, deep paths: all that a snapshot has a place for.
fn rich_tree() -> Tree {
    let mut tree = tree_at(50);
    let acl = |scheme: &'static str, id: &'static str| wire::Acl {
        perms: 1,
        id: wire::Id::new(scheme, id),
    };
    let entries = [
        txn(51, Txn::CreateSession(30_000), None),
        txn(
            52,
            Txn::Create(wire::CreateTxn {
                data: None,
                acl: Some(vec![acl("digest", "u:h"), acl("ip", "10.0.0.0/8")]),
                ..created("/n1/é")
            }),
            None,
        ),
        txn(
            53,
            Txn::Create(wire::CreateTxn {
                data: Some(&[0xff; 300_000]),
                ephemeral: true,
                ..created("/n1/é/large")
            }),
            None,
        ),
    ];
    for framed in &entries {
        let payload = &framed[12..framed.len() - 1];
        tree.replay(&LogEntry::decode(payload, wire::Limits::default()).unwrap());
    }
    tree
}

#[test]
fn a_tree_comes_back_from_every_packing() {
    let mut tree = rich_tree();
    for compression in PACKINGS {
        let disk = FakeDisk::new();
        let options = SnapshotOptions { compression, ..SnapshotOptions::default() };
        let file = write(&disk, &mut tree, options);
        assert_eq!(file.path, at(&FileName::Snapshot(Zxid(53), compression).to_string()));
        let back = load(&disk, &file).unwrap();
        assert_eq!((back.digest(), back.node_count()), (tree.digest(), tree.node_count()));
        assert_eq!(back.sessions().collect::<Vec<_>>(), [(SessionId(1), 30_000)]);
        let node = back.node("/n1/é").unwrap();
        assert_eq!((node.data(), node.acl().len()), (None, 2));
        assert_eq!(back.node("/n1/é/large").unwrap().data(), Some(&[0xff; 300_000][..]));
        disk.power_cut(None);
        assert_eq!(valid_snapshots(&disk, Path::new(DIR), 9).unwrap(), [file]);
    }
}

/// `snapshot.0` of Java has 457 bytes without the last item, 478 with it.
#[test]
fn an_empty_tree_takes_as_many_bytes_as_javas() {
    for (last_zxid, digest, bytes) in [(false, true, 457), (true, true, 478), (true, false, 445)] {
        let options = SnapshotOptions { last_zxid, digest, ..SnapshotOptions::default() };
        let disk = FakeDisk::new();
        let file = write(&disk, &mut tree_at(0), options);
        assert_eq!(file.bytes, bytes);
        assert!(load(&disk, &file).is_ok());
    }
}

#[test]
fn the_newest_comes_first_and_one_cut_short_not_at_all() {
    let disk = FakeDisk::new();
    for zxid in [3, 10, 2] {
        disk.put(&at(&format!("snapshot.{zxid:x}")), &snapshot(zxid));
    }
    let mut short = snapshot(11);
    short.pop();
    disk.put(&at("snapshot.b"), &short);
    disk.put(&at("snapshot.c.gz"), b"\x1f\x8b");
    disk.put(&at("snapshot.d.gz"), b"ZKSN");
    disk.put(&at("snapshot.e.snappy"), b"\x82SNAPP");
    let valid = valid_snapshots(&disk, Path::new(DIR), 3).unwrap();
    let zxids: Vec<i64> = valid.iter().map(|file| file.zxid.0).collect();
    assert_eq!(zxids, [12, 10, 3]);
}

#[test]
fn any_bit_flipped_is_noticed() {
    let disk = FakeDisk::new();
    let file = write(&disk, &mut tree_at(2), SnapshotOptions::default());
    let bytes = disk.content(&file.path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.put(&file.path, &flipped);
        assert!(matches!(load(&disk, &file), Err(Error::DamagedSnapshot { .. })), "bit {bit}");
    }
}

#[test]
fn any_cut_is_noticed_but_behind_a_seal() {
    for compression in PACKINGS {
        let disk = FakeDisk::new();
        let options = SnapshotOptions { compression, ..SnapshotOptions::default() };
        let file = write(&disk, &mut tree_at(2), options);
        let bytes = disk.content(&file.path).unwrap();
        // Old servers end a snapshot where ours goes on.
        let ends = [bytes.len() - 21, bytes.len() - 54];
        for length in 0..bytes.len() {
            disk.put(&file.path, &bytes[..length]);
            let old = compression == Compression::None && ends.contains(&length);
            assert_eq!(load(&disk, &file).is_ok(), old, "{compression:?} {length}");
        }
    }
}

#[test]
fn a_snapshot_that_fails_leaves_no_trace() {
    let mut tree = tree_at(300);
    for fault in [Fault::Io, Fault::Full, Fault::Torn] {
        for call in 0..5 {
            let disk = FakeDisk::new();
            disk.put(&at("snapshot.0"), &snapshot(0));
            disk.fail(call, fault);
            let written = write_snapshot(
                &disk,
                Path::new(DIR),
                &mut AtRest::new(&mut tree),
                SnapshotOptions::default(),
                &mut FullSpeed,
            );
            if written.is_err() && call < 3 {
                assert_eq!(disk.paths(), [at("snapshot.0")], "{fault:?} {call}");
            }
        }
    }
}
