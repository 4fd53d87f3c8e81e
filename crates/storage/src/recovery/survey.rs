use std::io;
use std::path::{Path, PathBuf};

use base::Zxid;

use super::{Case, Epochs, Finding};
use crate::directory::{LOCK_FILE, Layout};
use crate::disk::{Access, Disk, Entry};
use crate::error::Error;
use crate::file_name::{FileName, UNFINISHED};
use crate::log::{LogReader, LogStep};
use crate::snapshot::{Candidate, candidates};

const ACCEPTED_EPOCH: &str = "acceptedEpoch";
const CURRENT_EPOCH: &str = "currentEpoch";
const MARKER: &str = "initialize";

/// What lies in the directories, before anything is concluded from it.
pub(super) struct Survey {
    /// Files with a snapshot's name, the newest first.
    pub(super) snapshots: Vec<Candidate>,
    /// First zxids of the log files, ascending.
    pub(super) logs: Vec<Zxid>,
    /// Snapshots that were being written.
    pub(super) unfinished: Vec<PathBuf>,
    /// The marker of an operator who wants a new database.
    pub(super) markers: Vec<PathBuf>,
    pub(super) findings: Vec<Finding>,
}

impl Survey {
    pub(super) fn take(disk: &dyn Disk, layout: &Layout) -> Result<Survey, Error> {
        let mut survey = Survey {
            snapshots: candidates(disk, &layout.snap_dir)?,
            logs: crate::log::log_names(disk, &layout.log_dir)?,
            unfinished: Vec::new(),
            markers: Vec::new(),
            findings: Vec::new(),
        };
        for dir in layout.dirs() {
            survey.look_through(disk, dir)?;
            survey.look_for_marker(disk, dir)?;
        }
        Ok(survey)
    }

    /// Files that may hold transactions above `zxid`: the one that the next transaction would be
    /// in, and all later ones.
    pub(super) fn logs_from(&self, zxid: Zxid) -> &[Zxid] {
        let behind = self.logs.partition_point(|first| *first <= zxid.next());
        &self.logs[behind.saturating_sub(1)..]
    }

    pub(super) fn is_newest(&self, log: Zxid) -> bool {
        self.logs.last() == Some(&log)
    }

    /// Whether the log shows that anything was ever committed: a transaction in it, or a file whose
    /// name says that there were some before it.
    pub(super) fn history_began(&self, disk: &dyn Disk, layout: &Layout) -> Result<bool, Error> {
        match self.logs.as_slice() {
            [] => Ok(false),
            [first] if first.0 <= 1 => has_entry(disk, &layout.log(*first)),
            _ => Ok(true),
        }
    }

    fn look_through(&mut self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        for entry in disk.list(dir).map_err(Error::io("list", dir))? {
            let path = dir.join(&entry.name);
            let case = match entry.name.strip_prefix(UNFINISHED) {
                Some(name) if entry.is_file && FileName::parse(name).is_some() => {
                    self.unfinished.push(path.clone());
                    Case::Unfinished
                }
                _ if is_known(&entry) => continue,
                _ => Case::ForeignName,
            };
            self.findings.push(plain(case, path));
        }
        Ok(())
    }

    /// Java looks beside the log's directory only, while its script puts the marker beside the
    /// snapshots': here both count.
    fn look_for_marker(&mut self, disk: &dyn Disk, dir: &Path) -> Result<(), Error> {
        let Some(parent) = dir.parent() else {
            return Ok(());
        };
        let entries = disk.list(parent).map_err(Error::io("list", parent))?;
        let there = |entry: &Entry| entry.is_file && entry.name == MARKER;
        if entries.iter().any(there) {
            self.markers.push(parent.join(MARKER));
        }
        Ok(())
    }
}

fn has_entry(disk: &dyn Disk, path: &Path) -> Result<bool, Error> {
    match LogReader::open(disk, path) {
        Err(Error::Refused(finding)) => {
            Ok(!matches!(finding.case, Case::LogHeaderShort | Case::LogBlank))
        }
        Err(other) => Err(other),
        // Damage is history too: something was written there.
        Ok(mut reader) => Ok(!matches!(reader.step(), Ok(LogStep::End { .. }))),
    }
}

fn is_known(entry: &Entry) -> bool {
    let ours = [LOCK_FILE, ACCEPTED_EPOCH, CURRENT_EPOCH];
    // Java writes the epochs by way of these.
    let name = entry.name.strip_suffix(".tmp").unwrap_or(&entry.name);
    entry.is_file && (FileName::parse(&entry.name).is_some() || ours.contains(&name))
}

fn plain(case: Case, file: PathBuf) -> Finding {
    Finding { case, file, offset: None, zxid: None, detail: String::new() }
}

/// Reads the epoch files, which only members of an ensemble need. They are never changed here.
pub(super) fn epochs(
    disk: &dyn Disk,
    layout: &Layout,
    last: Zxid,
) -> Result<(Epochs, Vec<Finding>), Error> {
    let mut findings = Vec::new();
    let mut read = |name| epoch(disk, &layout.snap_dir.join(name), &mut findings);
    let epochs = Epochs { accepted: read(ACCEPTED_EPOCH)?, current: read(CURRENT_EPOCH)? };
    if let Some(current) = epochs.current {
        let ahead = epochs.accepted.is_some_and(|accepted| current > accepted);
        if ahead || current < i64::from(last.epoch().0) {
            let path = layout.snap_dir.join(CURRENT_EPOCH);
            findings.push(Finding {
                zxid: Some(last),
                detail: format!("{epochs:?}"),
                ..plain(Case::EpochOrder, path)
            });
        }
    }
    Ok((epochs, findings))
}

fn epoch(disk: &dyn Disk, path: &Path, findings: &mut Vec<Finding>) -> Result<Option<i64>, Error> {
    let file = match disk.open(path, Access::Read) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io("open", path))?,
    };
    let mut bytes = [0; 32];
    let read = file.read_at(&mut bytes, 0).map_err(Error::io("read", path))?;
    let text = std::str::from_utf8(&bytes[..read]).unwrap_or_default();
    let number = text.lines().next().and_then(|line| line.trim().parse().ok());
    if number.is_none() {
        findings.push(plain(Case::EpochUnreadable, path.to_owned()));
    }
    Ok(number)
}
