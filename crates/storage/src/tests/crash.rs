//! Every call of the disk made to fail, tear or stop the machine, then a power cut, then a start.

use std::path::Path;
use std::sync::Arc;

use base::{Prng, Zxid};

use super::{create, layout, tree_at};
use crate::disk::fake::{FakeDisk, Fault};
use crate::{
    AtRest, Case, DataDirectory, DirectoryOptions, Error, FullSpeed, LogOptions, Recovered,
    RecoveryOptions, SnapshotOptions, truncate_log,
};

const FAULTS: [Fault; 4] = [Fault::Io, Fault::Full, Fault::Torn, Fault::Stop];

/// What a run got to.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    /// The last transaction whose sync returned: it may have been acknowledged.
    synced: i64,
    /// The last transaction given to the log.
    appended: i64,
}

/// A server's life: it starts, writes `groups` groups, and takes a snapshot after every third, with
/// a purge behind it. It ends at the first error, as a server does.
fn live(disk: &FakeDisk, groups: i64, reached: &mut Reached) -> Result<(), Error> {
    let held = open(disk)?;
    let recovered = held.recover(&RecoveryOptions::default(), &mut |_| {})?;
    let mut last = recovered.tree.last_zxid().0;
    let mut log = held.log_writer(LogOptions { preallocate_bytes: 8192, force_sync: true });
    for group in 1..=groups {
        let size = 1 + group % 3;
        let entries: Vec<u8> = (1..=size).flat_map(|n| create(last + n)).collect();
        reached.appended = last + size;
        log.append(Zxid(last + 1), &entries)?;
        log.sync()?;
        last += size;
        reached.synced = last;
        if group % 3 == 0 {
            log.roll()?;
            held.write_snapshot(
                &mut AtRest::new(&mut tree_at(last)),
                SnapshotOptions::default(),
                &mut FullSpeed,
            )?;
            held.purge(1)?;
        }
    }
    Ok(())
}

fn open(disk: &FakeDisk) -> Result<DataDirectory, Error> {
    let options = DirectoryOptions {
        data_dir: "/data".into(),
        data_log_dir: "/data".into(),
        autocreate: true,
    };
    DataDirectory::open_on(Arc::new(disk.clone()), &options)
}

fn start(disk: &FakeDisk) -> Result<Recovered, Error> {
    open(disk)?.recover(&RecoveryOptions::default(), &mut |_| {})
}

/// The server starts, has all that was synced, and nothing but a beginning of what was appended.
/// False when it refuses, which only parts of an unsynced group can make it do: see `torn_inside`.
fn check(disk: &FakeDisk, reached: Reached, what: &str) -> bool {
    let recovered = match start(disk) {
        Ok(recovered) => recovered,
        Err(Error::Refused(f)) if torn_inside(f.case) && f.zxid >= Some(Zxid(reached.synced)) => {
            return false;
        }
        Err(e) => panic!("{what}: {e}"),
    };
    let last = recovered.tree.last_zxid().0;
    let possible = reached.synced..=reached.appended;
    assert!(possible.contains(&last), "{what}: {last} not in {possible:?}");
    assert_eq!(recovered.tree.digest(), tree_at(last).digest(), "{what}");
    true
}

/// An entry whose ends reached the disk while its middle did not. Without knowing where the last
/// sync ended, this cannot be told from damage, and refusing is Java's answer too.
fn torn_inside(case: Case) -> bool {
    matches!(case, Case::LogChecksum | Case::LogLength)
}

fn calls_of(groups: i64, from: &FakeDisk) -> u64 {
    let before = from.calls();
    live(from, groups, &mut Reached::default()).unwrap();
    from.calls() - before
}

#[test]
fn any_single_fault_leaves_all_that_was_synced() {
    let calls = calls_of(7, &FakeDisk::new());
    let mut refused = 0;
    for call in 0..calls {
        for fault in FAULTS {
            for seed in 0..4 {
                let disk = FakeDisk::new();
                let mut reached = Reached::default();
                disk.fail(call, fault);
                let lived = live(&disk, 7, &mut reached);
                assert!(lived.is_err(), "call {call} {fault:?} was overlooked");
                let mut prng = Prng::new(call * 31 + seed);
                disk.power_cut((seed > 0).then_some(&mut prng));
                let what = format!("call {call} {fault:?} seed {seed}");
                if check(&disk, reached, &what) {
                    live(&disk, 4, &mut reached).unwrap();
                    assert!(check(&disk, reached, &what));
                } else {
                    refused += 1;
                }
            }
        }
    }
    let cases = calls * 16;
    assert!(calls > 100 && refused * 50 < cases, "{refused} of {cases} refused");
}

#[test]
fn a_second_fault_during_the_next_start_does_no_more_harm() {
    let calls = calls_of(4, &FakeDisk::new());
    for first in 0..calls {
        let mut second = 0;
        loop {
            let disk = FakeDisk::new();
            let mut reached = Reached::default();
            disk.fail(first, Fault::Stop);
            assert!(live(&disk, 4, &mut reached).is_err());
            disk.power_cut(None);
            disk.fail(second, Fault::Stop);
            let again = live(&disk, 1, &mut reached);
            disk.power_cut(None);
            assert!(check(&disk, reached, &format!("calls {first} and {second}")));
            if again.is_ok() {
                break;
            }
            second += 1;
        }
    }
}

/// 2247, 3701: Java lived on with half a log.
#[test]
fn a_failed_log_takes_nothing_more() {
    for fault in [Fault::Io, Fault::Full, Fault::Torn] {
        let disk = FakeDisk::new();
        disk.put(Path::new("/data/version-2/x"), b"");
        let dir = layout().log_dir;
        let mut log = crate::LogWriter::new(Arc::new(disk.clone()), &dir, LogOptions::default());
        log.append(Zxid(1), &create(1)).unwrap();
        log.sync().unwrap();
        log.append(Zxid(2), &create(2)).unwrap();
        disk.fail(0, fault);
        assert!(matches!(log.sync(), Err(Error::Io { .. })));
        // The disk is well again, but nobody knows what it holds.
        assert!(matches!(log.append(Zxid(3), &create(3)), Err(Error::LogFailed { .. })));
        assert!(matches!(log.sync(), Err(Error::LogFailed { .. })));
        assert!(matches!(log.roll(), Err(Error::LogFailed { .. })));
    }
}

/// Three logs of two transactions each, with `snapshot.0` before them.
fn three_logs() -> FakeDisk {
    let disk = FakeDisk::new();
    disk.put(&super::at("snapshot.0"), &super::snapshot(0));
    for first in [1, 3, 5] {
        let bytes = super::log([create(first), create(first + 1)]);
        disk.put(&super::at(&format!("log.{first}")), &bytes);
    }
    disk
}

#[test]
fn a_truncation_stopped_anywhere_leaves_no_hole_and_can_be_done_again() {
    for upto in 1..6 {
        let mut stopped = true;
        for call in 0.. {
            if !stopped {
                break;
            }
            for cut_power in [true, false] {
                let disk = three_logs();
                disk.fail(call, Fault::Stop);
                stopped = truncate_log(&disk, &layout().log_dir, Zxid(upto)).is_err();
                match cut_power {
                    true => disk.power_cut(None),
                    false => disk.kill(),
                }
                let reached = Reached { synced: upto, appended: 6 };
                assert!(check(&disk, reached, &format!("upto {upto}, call {call}")));
                truncate_log(&disk, &layout().log_dir, Zxid(upto)).unwrap();
                let last = start(&disk).unwrap().tree.last_zxid();
                assert_eq!(last, Zxid(upto));
            }
        }
    }
}
