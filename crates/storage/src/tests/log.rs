//! The log as bytes, and what a reader makes of them.

use std::path::Path;
use std::sync::Arc;

use base::Zxid;
use proptest::prelude::*;

use super::{DIR, at, create};
use crate::disk::fake::FakeDisk;
use crate::{Disk, LogEnd, LogOptions, LogReader, LogStep, LogWriter, frame_entry, truncate_log};

fn writer(disk: &FakeDisk, preallocate_bytes: u64) -> LogWriter {
    disk.create_dir(Path::new(DIR)).unwrap();
    let options = LogOptions { preallocate_bytes, force_sync: true };
    LogWriter::new(Arc::new(disk.clone()), Path::new(DIR), options)
}

/// All payloads of a file, and how it ends.
fn read(disk: &FakeDisk, name: &str) -> (Vec<Vec<u8>>, LogEnd) {
    let mut reader = LogReader::open(disk, &at(name)).unwrap();
    let mut payloads = Vec::new();
    loop {
        match reader.step().unwrap() {
            LogStep::Entry(entry) => payloads.push(entry.payload.to_vec()),
            LogStep::End { end, .. } => return (payloads, end),
        }
    }
}

fn zxids(disk: &FakeDisk, name: &str) -> Vec<i64> {
    let (payloads, _) = read(disk, name);
    let zxid = |payload: &Vec<u8>| i64::from_be_bytes(*payload[12..].first_chunk().unwrap());
    payloads.iter().map(zxid).collect()
}

#[test]
fn a_file_is_named_by_its_first_transaction_and_begins_as_javas_does() {
    let disk = FakeDisk::new();
    let mut log = writer(&disk, 0);
    log.append(Zxid(0xa), &create(0xa)).unwrap();
    log.roll().unwrap();
    log.append(Zxid(0xb), &create(0xb)).unwrap();
    log.sync().unwrap();
    assert_eq!(disk.paths(), [at("log.a"), at("log.b")]);
    let bytes = disk.content(&at("log.a")).unwrap();
    assert_eq!(bytes[..16], *b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0");
    assert_eq!(bytes[16..], create(0xa));
    assert_eq!(read(&disk, "log.b").1, LogEnd::Boundary);
}

#[test]
fn files_grow_in_steps_as_javas_do() {
    let disk = FakeDisk::new();
    let mut log = writer(&disk, 65_536);
    let length = || disk.content(&at("log.1")).unwrap().len();
    log.append(Zxid(1), &create(1)).unwrap();
    assert_eq!(length(), 16 + 65_536);
    let mut zxid = 1;
    while usize::try_from(log.file_bytes()).unwrap() + 4096 + create(1).len() < 16 + 65_536 {
        zxid += 1;
        log.append(Zxid(zxid), &create(zxid)).unwrap();
        assert_eq!(length(), 16 + 65_536);
    }
    log.append(Zxid(zxid + 1), &create(zxid + 1)).unwrap();
    assert_eq!(length(), 16 + 2 * 65_536);
    assert_eq!(read(&disk, "log.1").1, LogEnd::Padding);
    assert_eq!(zxids(&disk, "log.1"), (1..=zxid + 1).collect::<Vec<_>>());
}

#[test]
fn an_entry_larger_than_a_step_fits() {
    let disk = FakeDisk::new();
    let mut log = writer(&disk, 4096);
    let mut large = Vec::new();
    frame_entry(&vec![7; 100_000], &mut large);
    log.append(Zxid(1), &large).unwrap();
    assert_eq!(read(&disk, "log.1"), (vec![vec![7; 100_000]], LogEnd::Padding));
}

#[test]
fn without_force_sync_nothing_waits_for_the_disk() {
    let disk = FakeDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    let options = LogOptions { preallocate_bytes: 0, force_sync: false };
    let mut log = LogWriter::new(Arc::new(disk.clone()), Path::new(DIR), options);
    log.append(Zxid(1), &create(1)).unwrap();
    let calls = disk.calls();
    log.sync().unwrap();
    assert_eq!(disk.calls(), calls);
}

#[test]
fn truncating_keeps_what_is_at_most_the_given_zxid() {
    for upto in 0..=8 {
        let disk = FakeDisk::new();
        let mut log = writer(&disk, 8192);
        for (first, last) in [(1, 3), (4, 5), (6, 7)] {
            let entries: Vec<u8> = (first..=last).flat_map(create).collect();
            log.append(Zxid(first), &entries).unwrap();
            log.roll().unwrap();
        }
        drop(log);
        truncate_log(&disk, Path::new(DIR), Zxid(upto)).unwrap();
        let left: Vec<i64> = ["log.1", "log.4", "log.6"]
            .iter()
            .filter(|name| disk.content(&at(name)).is_some())
            .flat_map(|name| zxids(&disk, name))
            .collect();
        assert_eq!(left, (1..=upto.min(7)).collect::<Vec<_>>());
        // Nothing stale is left behind the cut (1489).
        if let Some(newest) = disk.paths().last().filter(|_| upto < 7) {
            let name = newest.file_name().unwrap().to_str().unwrap();
            assert_eq!(read(&disk, name).1, LogEnd::Boundary);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_is_appended_in_groups_is_read_in_order(
        groups in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 1..5), 1..20),
        step in prop::sample::select(vec![0u64, 512, 8192, 65_536]),
    ) {
        let disk = FakeDisk::new();
        let mut log = writer(&disk, step);
        for group in &groups {
            let mut framed = Vec::new();
            group.iter().for_each(|payload| frame_entry(payload, &mut framed));
            log.append(Zxid(1), &framed).unwrap();
        }
        log.sync().unwrap();
        disk.power_cut(None);
        let written: Vec<Vec<u8>> = groups.concat();
        prop_assert_eq!(read(&disk, "log.1").0, written);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_loop(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let disk = FakeDisk::new();
        bytes.splice(0..0, crate::log::header());
        disk.put(&at("log.1"), &bytes);
        let mut reader = LogReader::open(&disk, &at("log.1")).unwrap();
        let mut steps = 0;
        while let Ok(LogStep::Entry(_)) = reader.step() {
            steps += 1;
            prop_assert!(steps <= bytes.len() / 14);
        }
        prop_assert!(reader.data_behind_end().is_ok());
    }
}
