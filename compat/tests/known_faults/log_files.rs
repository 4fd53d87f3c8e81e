//! Logs with a hole, with a cut end, with a backup beside them, with a block of zeros.

use std::fs;

use base::{SessionId, Zxid};
use compat::handmade::{LOG_HEADER, Snapshot, create, created, entry, log};
use storage::{DataDirectory, DirectoryOptions};
use wire::{CreateMode, Txn};

use crate::{Place, open};

/// A start that must be refused with words that name file, zxid and the row of the decision table.
#[track_caller]
fn refused(place: &Place, file: &str, words: &[&str]) {
    let refusal = place.refusal();
    assert_eq!(refusal.code, Some(1), "{}", refusal.log);
    let file = place.file(file).display().to_string();
    for word in words.iter().chain([&file.as_str()]) {
        assert!(refusal.log.contains(word), "{word:?} is missing:\n{}", refusal.log);
    }
}

/// The names of the nodes, the server's own aside, and what the server said.
fn started(place: &Place) -> (Vec<String>, String) {
    let server = place.start();
    let mut names = open(&server).children("/", false).unwrap();
    names.retain(|name| name != "zookeeper");
    (names, server.log())
}

/// 1277, 2789: where the low half of the zxid is used up, the high one takes over, and nothing is lost.
#[test]
fn fault_22_1277_the_counter_of_zxids_rolls_over() {
    let place = Place::new();
    place.put("snapshot.fffffffc", &Snapshot::fresh().encode());
    let mut server = place.start();
    let mut session = open(&server);
    let paths = ["/a", "/b", "/c", "/d"];
    let zxids = paths.map(|path| {
        session.create(path, b"", CreateMode::Persistent).unwrap();
        session.last_zxid.0
    });
    assert_eq!(zxids, [0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001]);
    server.restart().unwrap();
    let mut session = session.renew(server.addr()).unwrap();
    assert_eq!(session.children("/", false).unwrap(), ["a", "b", "c", "d", "zookeeper"]);
    session.create("/e", b"", CreateMode::Persistent).unwrap();
    assert_eq!(session.last_zxid.0, 0x1_0000_0002);
}

/// 1489: what stood behind the cut must not be read when new entries have been written before it.
#[test]
fn fault_30_1489_nothing_stale_is_read_behind_a_truncation() {
    let place = Place::new().founded();
    let entries: Vec<Vec<u8>> = (1..=9).map(|n| create(n, &format!("/n{n}"))).collect();
    let mut bytes = log(&entries);
    bytes.resize(bytes.len() + 9000, 0);
    place.put("log.1", &bytes);
    place.put("log.a", &log(&[create(10, "/n10")]));
    let data_dir = place.settings.data_dir.clone();
    let options = DirectoryOptions { data_log_dir: data_dir.clone(), data_dir, autocreate: false };
    DataDirectory::open(&options).unwrap().truncate_log(Zxid(3)).unwrap();
    let mut server = place.start();
    let mut names = vec!["n1", "n2", "n3", "zookeeper"];
    for new in ["fresh-1", "fresh-2"] {
        let mut session = open(&server);
        assert_eq!(session.children("/", false).unwrap(), names);
        session.create(&format!("/{new}"), b"", CreateMode::Persistent).unwrap();
        session.close().unwrap();
        names.push(new);
        names.sort_unstable();
        server.restart().unwrap();
    }
}

/// C-016. Older servers replayed over it in silence; 3.9 refuses as well.
#[test]
fn fault_31_a_missing_log_file_stops_the_start_with_file_and_zxid() {
    let place = Place::new().founded();
    place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2")]));
    place.put("log.5", &log(&[create(5, "/n5")]));
    refused(&place, "log.5", &["0x2", "transactions are missing", "log-gap"]);
    place.put("log.3", &log(&[create(3, "/n3"), create(4, "/n4")]));
    assert_eq!(started(&place).0, ["n1", "n2", "n3", "n4", "n5"]);
}

/// The file that a snapshot's successor begins with is missing: its name says that there was one.
#[test]
fn fault_31_a_missing_first_log_stops_the_start_too() {
    let place = Place::new().founded();
    place.put("log.3", &log(&[create(3, "/n3")]));
    refused(&place, "log.3", &["0x0", "log-gap"]);
}

/// C-016. Java logs an error and goes on with two histories in one.
#[test]
fn fault_31_a_zxid_that_goes_backwards_stops_the_start() {
    let place = Place::new().founded();
    place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2")]));
    place.put("log.3", &log(&[create(3, "/n3"), create(2, "/other")]));
    refused(&place, "log.3", &["0x2", "0x3", "log-backwards"]);
}

#[test]
fn fault_31_two_transactions_of_one_zxid_stop_the_start() {
    let place = Place::new().founded();
    let other = entry(2, SessionId(9), Txn::Create(created("/other")));
    place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2"), other]));
    refused(&place, "log.1", &["0x2", "log-conflict"]);
}

/// C-015. Nothing in such a file was ever acknowledged; Java does not start.
#[test]
fn fault_31b_1621_a_newest_log_cut_in_its_header_does_not_stop_the_start() {
    for bytes in [&[][..], &LOG_HEADER[..3], &LOG_HEADER[..15], &[0; 9000]] {
        let place = Place::new().founded();
        place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2")]));
        place.put("log.3", bytes);
        let (names, said) = started(&place);
        assert_eq!(names, ["n1", "n2"]);
        let file = place.file("log.3").display().to_string();
        assert!(said.contains(&file) && said.contains("WARN"), "{said}");
        // It goes on from there, and again.
        let mut server = place.start();
        let mut session = open(&server);
        session.create("/n4", b"", CreateMode::Persistent).unwrap();
        server.restart().unwrap();
        assert!(open(&server).exists("/n4", false).unwrap().is_some());
    }
}

/// An older file without its header held transactions once: the next file's name says which.
#[test]
fn fault_31b_1621_an_older_log_cut_in_its_header_stops_the_start() {
    let place = Place::new().founded();
    place.put("log.1", &LOG_HEADER[..7]);
    place.put("log.3", &log(&[create(3, "/n3")]));
    refused(&place, "log.1", &["log-header-lost"]);
}

/// C-014. Java reads `log.5.bak` as `log.5`.
#[test]
fn fault_31b_a_backup_of_a_log_is_no_log() {
    let place = Place::new().founded();
    place.put("log.1", &log(&[create(1, "/n1"), create(2, "/n2")]));
    let names = ["log.3.bak", "log.3~", "log.03", "log.3.gz", "LOG.3", "log.", "snapshot.3.tmp"];
    for name in names {
        place.put(name, &log(&[create(3, "/stale")]));
    }
    let (nodes, said) = started(&place);
    assert_eq!(nodes, ["n1", "n2"]);
    for name in names {
        let file = place.file(name);
        assert!(said.contains(&format!("{}:", file.display())), "{name} is not named:\n{said}");
        assert_eq!(fs::read(file).unwrap(), log(&[create(3, "/stale")]), "{name}");
    }
}

/// A zero length means the end of a file to Java, which goes on with the next one: whatever stood behind a zeroed
/// block is gone without a word.
#[test]
fn fault_32_a_zeroed_block_stops_the_start_or_is_said() {
    let whole = log(&[create(1, "/n1"), create(2, "/n2"), create(3, "/n3"), create(4, "/n4")]);
    let second = LOG_HEADER.len() + create(1, "/n1").len();
    let third = second + create(2, "/n2").len();
    let mut zeroed = whole.clone();
    zeroed[second..third].fill(0);

    // Followed by another file: what is missing shows.
    let place = Place::new().founded();
    place.put("log.1", &zeroed);
    place.put("log.5", &log(&[create(5, "/n5")]));
    refused(&place, "log.5", &["0x1", "log-gap"]);

    // At the end of everything: it looks like a write cut short, but it is said.
    let place = Place::new().founded();
    place.put("log.1", &zeroed);
    let (names, said) = started(&place);
    assert_eq!(names, ["n1"]);
    assert!(said.contains("data-behind-end"), "{said}");
}

#[test]
fn fault_32_a_damaged_entry_stops_the_start_with_its_place() {
    let mut bytes = log(&[create(1, "/n1"), create(2, "/n2"), create(3, "/n3")]);
    let second = LOG_HEADER.len() + create(1, "/n1").len();
    bytes[second + 40] ^= 1;
    let place = Place::new().founded();
    place.put("log.1", &bytes);
    refused(&place, "log.1", &["0x1", &format!("at offset {second}"), "log-checksum"]);
}

/// A tail that a crash tore is no damage: what was acknowledged stands before it.
#[test]
fn fault_32_a_torn_tail_is_left_out_and_said() {
    let whole = log(&[create(1, "/n1"), create(2, "/n2"), create(3, "/n3")]);
    for cut in [1, 5, 30, create(3, "/n3").len() - 13] {
        let place = Place::new().founded();
        let mut bytes = whole[..whole.len() - cut].to_vec();
        bytes.resize(bytes.len() + 5000, 0);
        place.put("log.1", &bytes);
        let (names, said) = started(&place);
        assert_eq!(names, ["n1", "n2"], "{cut}");
        assert!(said.contains("torn-tail"), "{said}");
    }
}
