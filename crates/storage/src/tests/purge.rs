//! What purging removes, and what it never does.

use super::{at, create, flip, layout, log, snapshot};
use crate::disk::fake::FakeDisk;
use crate::purge;

/// Snapshots and logs by the zxids in their names; logs are not read, so they may be empty.
fn disk(snapshots: &[i64], logs: &[i64]) -> FakeDisk {
    let disk = FakeDisk::new();
    for zxid in snapshots {
        disk.put(&at(&format!("snapshot.{zxid:x}")), &snapshot(*zxid));
    }
    for first in logs {
        disk.put(&at(&format!("log.{first:x}")), &log([create(*first)]));
    }
    disk
}

fn removed(disk: &FakeDisk, retain: usize) -> Vec<String> {
    let paths = purge(disk, &layout(), retain).unwrap();
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(name).collect()
}

#[test]
fn what_the_kept_snapshots_do_not_need_goes() {
    let disk = disk(&[0, 5, 9, 20, 30], &[1, 6, 8, 10, 21, 31]);
    disk.put(&at("log.2.bak"), b"");
    disk.put(&at("currentEpoch"), b"0");
    // 9 is the oldest of three; it lies in log.8, which stays.
    assert_eq!(removed(&disk, 3), ["log.1", "log.6", "snapshot.0", "snapshot.5"]);
    assert!(disk.content(&at("log.2.bak")).is_some());
    assert!(removed(&disk, 3).is_empty());
}

#[test]
fn snapshots_cut_short_do_not_count() {
    let disk = disk(&[0, 5, 9], &[1, 6, 10]);
    disk.put(&at("snapshot.14"), b"ZKSN");
    assert_eq!(removed(&disk, 2), ["snapshot.0"]);
}

/// 2325: purging took the last good one.
#[test]
fn nothing_goes_when_no_kept_snapshot_is_whole() {
    let disk = disk(&[0], &[1, 6]);
    disk.put(&at("snapshot.5"), &flip(snapshot(5), 100));
    let before = disk.paths();
    assert!(purge(&disk, &layout(), 1).is_err());
    assert_eq!(disk.paths(), before);
}

#[test]
fn nothing_goes_without_a_snapshot() {
    assert!(removed(&disk(&[], &[1, 6]), 3).is_empty());
}
