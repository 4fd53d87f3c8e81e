use std::path::{Path, PathBuf};

use base::Zxid;

use super::{LogReader, LogStep};
use crate::disk::{Access, Disk};
use crate::error::Error;
use crate::file_name::FileName;

/// Takes back every entry above `upto`. Returns the files removed.
///
/// Later files go first, the newest first of all: wherever a crash stops this, what is left is a
/// beginning of the history without a hole, and doing it again completes it. A writer must be
/// dropped before and made anew after.
///
/// # Errors
/// When a file cannot be read, removed or cut. The server must stop: a truncation half done and
/// reported as done is how two leaders come to disagree (ZOOKEEPER-3701).
pub fn truncate_log(disk: &dyn Disk, dir: &Path, upto: Zxid) -> Result<Vec<PathBuf>, Error> {
    let mut names = log_names(disk, dir)?;
    let later = names.split_off(names.partition_point(|zxid| *zxid <= upto));
    let mut removed = Vec::new();
    for zxid in later.into_iter().rev() {
        let path = dir.join(FileName::Log(zxid).to_string());
        disk.remove(&path).map_err(Error::io("remove", &path))?;
        disk.sync_dir(dir).map_err(Error::io("sync", dir))?;
        removed.push(path);
    }
    if let Some(zxid) = names.last() {
        cut(disk, &dir.join(FileName::Log(*zxid).to_string()), upto)?;
    }
    Ok(removed)
}

/// The first zxids of the log files there are, ascending.
pub(crate) fn log_names(disk: &dyn Disk, dir: &Path) -> Result<Vec<Zxid>, Error> {
    let entries = disk.list(dir).map_err(Error::io("list", dir))?;
    let mut names: Vec<Zxid> = entries
        .iter()
        .filter(|entry| entry.is_file)
        .filter_map(|entry| match FileName::parse(&entry.name)? {
            FileName::Log(zxid) => Some(zxid),
            FileName::Snapshot(..) => None,
        })
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn cut(disk: &dyn Disk, path: &Path, upto: Zxid) -> Result<(), Error> {
    let mut reader = LogReader::open(disk, path)?;
    let length = loop {
        match reader.step()? {
            LogStep::Entry(entry) if entry.zxid().is_some_and(|zxid| zxid > upto) => {
                break entry.offset;
            }
            LogStep::Entry(_) => {}
            LogStep::End { offset, .. } => break offset,
        }
    };
    let file = disk.open(path, Access::Write).map_err(Error::io("open", path))?;
    file.set_len(length).map_err(Error::io("truncate", path))?;
    file.sync_data().map_err(Error::io("sync", path))
}
