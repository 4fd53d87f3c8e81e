use std::path::PathBuf;

use base::Zxid;

use crate::directory::Layout;
use crate::disk::Disk;
use crate::error::Error;
use crate::file_name::FileName;
use crate::log::log_names;
use crate::snapshot::{SnapshotFile, candidates, valid_snapshots, verify_snapshot};

/// Removes what is not needed to restore any of the `retain` newest valid snapshots: older files
/// of both kinds, but of the logs that which the oldest kept snapshot lies in stays. Returns what
/// was removed, logs first. A snapshot counts as valid by the quick look that Java takes.
///
/// Before anything goes, one of the kept snapshots is read to its end: were none of them whole,
/// the older ones would be the only way back (ZOOKEEPER-2325), and nothing is removed.
///
/// # Errors
/// When a directory or file cannot be read or removed, or no kept snapshot is whole.
pub fn purge(disk: &dyn Disk, layout: &Layout, retain: usize) -> Result<Vec<PathBuf>, Error> {
    let kept = valid_snapshots(disk, &layout.snap_dir, retain)?;
    let Some(oldest) = kept.last().map(|snapshot| snapshot.zxid) else {
        return Ok(Vec::new());
    };
    let doomed = doomed(disk, layout, oldest)?;
    if doomed.is_empty() {
        return Ok(doomed);
    }
    verify_one(disk, &kept)?;
    for path in &doomed {
        disk.remove(path).map_err(Error::io("remove", path))?;
    }
    Ok(doomed)
}

fn doomed(disk: &dyn Disk, layout: &Layout, oldest: Zxid) -> Result<Vec<PathBuf>, Error> {
    let logs = log_names(disk, &layout.log_dir)?;
    // The newest log that begins no later than the snapshot ends may run beyond it.
    let needed = logs.partition_point(|first| *first <= oldest).saturating_sub(1);
    let name = |zxid: &Zxid| layout.log_dir.join(FileName::Log(*zxid).to_string());
    let mut doomed: Vec<PathBuf> = logs[..needed].iter().map(name).collect();
    let older = candidates(disk, &layout.snap_dir)?.into_iter().rev();
    doomed.extend(
        older.filter(|candidate| candidate.file.zxid < oldest).map(|candidate| candidate.file.path),
    );
    Ok(doomed)
}

fn verify_one(disk: &dyn Disk, kept: &[SnapshotFile]) -> Result<(), Error> {
    let mut verified = Ok(());
    for snapshot in kept {
        verified = verify_snapshot(disk, snapshot);
        if verified.is_ok() {
            break;
        }
    }
    verified
}
