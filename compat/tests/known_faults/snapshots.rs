//! Snapshots that are gone or damaged: an empty tree must not be invented.

use std::fs;

use compat::handmade::{create, log};
use compat::{Refusal, Server};
use wire::CreateMode;

use crate::{Place, open};

/// A directory with three snapshots and the logs behind them, as a server leaves it.
fn with_snapshots() -> Place {
    let place = Place::new().property("zookeeper.snapCount=10");
    let mut server = place.start();
    let mut session = open(&server);
    let snapshots = || {
        let names = fs::read_dir(place.file("")).unwrap().flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().starts_with("snapshot.")).count()
    };
    let mut n = 0;
    while snapshots() < 4 {
        session.create(&format!("/n{n}"), b"x", CreateMode::Persistent).unwrap();
        n += 1;
    }
    server.terminate().unwrap();
    fs::remove_file(server.log_path()).unwrap();
    place
}

fn names(server: &Server) -> Vec<String> {
    open(server).children("/", false).unwrap()
}

fn snapshots(place: &Place) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = fs::read_dir(place.file(""))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snapshot."))
        .collect();
    let zxid = |path: &std::path::PathBuf| {
        i64::from_str_radix(path.extension().unwrap().to_str().unwrap(), 16).unwrap()
    };
    found.sort_by_key(zxid);
    found
}

#[track_caller]
fn refused(place: &Place, label: &str) {
    let Refusal { code, log } = place.refusal();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(label), "{label} is missing:\n{log}");
}

/// 2325, 3644: logs whose snapshots are gone are not replayed into an empty tree, unless the operator says so.
#[test]
fn fault_30_2325_a_log_without_any_snapshot_stops_the_start() {
    let place = Place::new();
    place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2")]));
    refused(&place, "log-without-snapshot");
    let trusting = place.property("zookeeper.snapshot.trust.empty=true");
    assert_eq!(names(&trusting.start()), ["n1", "n2", "zookeeper"]);
}

#[test]
fn fault_30_2325_snapshots_that_are_all_damaged_stop_the_start() {
    let place = with_snapshots();
    for path in snapshots(&place) {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(&path, bytes).unwrap();
    }
    refused(&place, "no-valid-snapshot");
    for path in snapshots(&place) {
        fs::write(&path, b"").unwrap();
    }
    refused(&place, "no-valid-snapshot");
}

/// A snapshot that a crash cut is passed over only because the log makes up for it.
#[test]
fn fault_30_a_newest_snapshot_cut_short_is_made_up_for_by_the_log() {
    let place = with_snapshots();
    let whole = names(&place.start());
    let newest = snapshots(&place).pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 20]).unwrap();
    let server = place.start();
    assert_eq!(names(&server), whole);
    let said = server.log();
    assert!(said.contains(&newest.display().to_string()) && said.contains("WARN"), "{said}");
}

/// C-016. Where it does not, what was committed would be gone without a word.
#[test]
fn fault_30_a_newest_snapshot_that_the_log_does_not_reach_stops_the_start() {
    let place = Place::new().founded();
    place.put("log.1", &log(&[create(1, "/n1")]));
    place.put("snapshot.9", b"ZKSN and no more");
    refused(&place, "snapshot-beyond-log");
}

/// 3231: purging never takes the last snapshot that can be loaded, whatever lies beside it.
#[test]
fn fault_30_3231_a_purge_keeps_what_a_start_needs() {
    let place = with_snapshots();
    let whole = names(&place.start());
    for path in snapshots(&place).iter().rev().take(2) {
        fs::write(path, b"damaged").unwrap();
    }
    let data_dir = &place.settings.data_dir;
    let layout = storage::Layout::new(data_dir, data_dir);
    storage::purge(&storage::RealDisk, &layout, 1).unwrap();
    assert_eq!(names(&place.start()), whole);
}
