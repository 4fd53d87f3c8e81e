use std::path::{Path, PathBuf};

use base::Zxid;
use tree::{Replayed, Tree};
use wire::{Limits, LogEntry, Txn};

use super::{Case, Finding, KnownDigest, Progress};
use crate::disk::Disk;
use crate::error::Error;
use crate::file_name::FileName;
use crate::log::{LogEnd, LogEntryBytes, LogReader, LogStep, checksum};

/// How many transactions pass between two reports of progress.
const REPORT_EVERY: u64 = 65_536;

/// The log, replayed file by file onto a tree.
///
/// # Invariant
/// Transactions are applied in the order of their zxids, without a hole: each is the successor of
/// the one before, or the first of a later epoch.
pub(super) struct Replay {
    pub(super) tree: Tree,
    pub(super) txns: u64,
    pub(super) bytes: u64,
    pub(super) findings: Vec<Finding>,
    /// Log files that hold nothing and would be in the way.
    pub(super) empty_files: Vec<PathBuf>,
    /// Where the snapshot ended; what is not above it is skipped.
    start: Zxid,
    last: Zxid,
    /// Checksum of the last entry applied.
    last_sum: u64,
    digest: KnownDigest,
    /// The first of the mismatches that the tree still has.
    mismatch: Option<Finding>,
    /// Whether the first transaction may have any zxid.
    starts_anywhere: bool,
}

impl Replay {
    pub(super) fn new(tree: Tree, digest: KnownDigest, starts_anywhere: bool) -> Replay {
        let start = tree.last_zxid();
        let mut replay = Replay {
            tree,
            txns: 0,
            bytes: 0,
            findings: Vec::new(),
            empty_files: Vec::new(),
            start,
            last: start,
            last_sum: 0,
            digest,
            mismatch: None,
            starts_anywhere,
        };
        replay.check_snapshot_digest();
        replay
    }

    /// Everything that is to be said of the files.
    pub(super) fn findings(&mut self) -> impl Iterator<Item = Finding> + use<> {
        std::mem::take(&mut self.findings).into_iter().chain(self.mismatch.take())
    }

    /// The last transaction that the tree holds.
    pub(super) fn last(&self) -> Zxid {
        self.last
    }

    /// Replays one file.
    pub(super) fn file(
        &mut self,
        disk: &dyn Disk,
        path: &Path,
        newest: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        let mut reader = match LogReader::open(disk, path) {
            Ok(reader) => reader,
            Err(e) => match self.placed(e) {
                Error::Refused(finding) => return self.no_header(*finding, newest),
                other => return Err(other),
            },
        };
        loop {
            match reader.step().map_err(|e| self.placed(e))? {
                LogStep::Entry(entry) => self.entry(entry, path)?,
                LogStep::End { offset, end } => {
                    self.follows_name(path)?;
                    self.end(offset, end, path);
                    break;
                }
            }
            if self.txns % REPORT_EVERY == 1 {
                let (txns, zxid) = (self.txns, self.last);
                progress(Progress::Log { txns, zxid });
            }
        }
        if newest {
            self.look_behind_end(&mut reader)?;
        }
        Ok(())
    }

    /// A file without a header holds nothing that was ever acknowledged: no entry is synced before
    /// its header is. That is believed of the newest file only.
    fn no_header(&mut self, mut finding: Finding, newest: bool) -> Result<(), Error> {
        let empty = matches!(finding.case, Case::LogHeaderShort | Case::LogBlank);
        if empty && !newest {
            finding.case = Case::LogHeaderLost;
        }
        if !empty || !newest {
            return Err(finding.into());
        }
        self.follows_name(&finding.file)?;
        self.empty_files.push(finding.file.clone());
        self.findings.push(finding);
        Ok(())
    }

    /// A file's name says which transaction it begins with, so those before it were written. Where
    /// they are neither in the tree nor in this file, they are lost.
    fn follows_name(&self, path: &Path) -> Result<(), Error> {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(FileName::Log(first)) = name.and_then(FileName::parse) else {
            return Ok(());
        };
        if first <= self.last || self.continues_with(first) {
            return Ok(());
        }
        let detail = format!("nothing between {} and the file's name", self.last);
        Err(self.finding(Case::LogGap, path, None, detail).into())
    }

    fn entry(&mut self, entry: LogEntryBytes<'_>, path: &Path) -> Result<(), Error> {
        let at = Some(entry.offset);
        let Some(zxid) = entry.zxid() else {
            let detail = "it is shorter than a transaction's header".to_owned();
            return Err(self.finding(Case::LogUndecodable, path, at, detail).into());
        };
        let nothing_applied = self.last == self.start;
        if nothing_applied && zxid <= self.start {
            return Ok(());
        }
        if zxid < self.last {
            let detail = format!("{zxid} follows {}", self.last);
            return Err(self.finding(Case::LogBackwards, path, at, detail).into());
        }
        if zxid > self.last && !self.continues_with(zxid) {
            let detail = format!("{zxid} follows {}", self.last);
            return Err(self.finding(Case::LogGap, path, at, detail).into());
        }
        // Its fields are bounded by the entry, which is in memory: nothing is gained by a limit.
        let unlimited = Limits::new(u32::MAX, 0);
        match LogEntry::decode(entry.payload, unlimited) {
            Ok(decoded) if zxid == self.last => self.repeated(&decoded, entry, path),
            Ok(decoded) => {
                self.apply(&decoded, entry, path);
                Ok(())
            }
            Err(e) => {
                let detail = format!("zxid {zxid}: {e}");
                Err(self.finding(Case::LogUndecodable, path, at, detail).into())
            }
        }
    }

    fn continues_with(&self, zxid: Zxid) -> bool {
        let next = zxid == self.last.next();
        let new_epoch = zxid.epoch() > self.last.epoch() && zxid.counter() == 1;
        let first = self.starts_anywhere && self.last == self.start;
        next || new_epoch || first
    }

    /// Java answers a request that it cannot decode with an error transaction that takes the zxid
    /// of the one before; and a member may have logged the same proposal twice.
    fn repeated(
        &mut self,
        decoded: &LogEntry<'_>,
        entry: LogEntryBytes<'_>,
        path: &Path,
    ) -> Result<(), Error> {
        let same = checksum(entry.payload) == self.last_sum;
        let harmless = same || matches!(decoded.txn, Txn::Error(_));
        let case = match harmless {
            true => Case::LogRepeated,
            false => Case::LogConflict,
        };
        let finding = self.finding(case, path, Some(entry.offset), String::new());
        if !harmless {
            return Err(finding.into());
        }
        self.findings_once(finding);
        Ok(())
    }

    fn apply(&mut self, decoded: &LogEntry<'_>, entry: LogEntryBytes<'_>, path: &Path) {
        match self.tree.replay(decoded) {
            Replayed::DigestMismatch { expected, actual } if self.mismatch.is_none() => {
                let zxid = decoded.header.zxid;
                let detail = format!("at zxid {zxid} {actual:x} instead of {expected:x}");
                let at = Some(entry.offset);
                self.mismatch = Some(self.finding(Case::LogDigest, path, at, detail));
            }
            Replayed::DigestMismatch { .. } => {}
            // Behind a fuzzy snapshot digests do not fit until the log has caught up with it: it can
            // hold a part of a transaction that was under way when its own digest was written. They
            // are of the whole tree: one that fits answers for all before it, the snapshot's too.
            Replayed::Applied if decoded.digest.is_some() => self.mismatch = None,
            Replayed::Applied => {}
        }
        self.txns += 1;
        self.bytes += entry.payload.len() as u64;
        self.last = decoded.header.zxid;
        self.last_sum = checksum(entry.payload);
        self.check_snapshot_digest();
    }

    /// The digest in a snapshot is of one transaction; Java's may be later than the file's name.
    fn check_snapshot_digest(&mut self) {
        let Some((zxid, expected)) = self.digest.filter(|(zxid, _)| *zxid <= self.last) else {
            return;
        };
        self.digest = None;
        let actual = self.tree.digest();
        if zxid == self.last && expected != actual && !self.tree.options().digest_disabled {
            let detail = format!("{actual:x} instead of {expected:x}");
            let finding = self.finding(Case::SnapshotDigest, Path::new(""), None, detail);
            self.mismatch.get_or_insert(finding);
        }
    }

    fn end(&mut self, offset: u64, end: LogEnd, path: &Path) {
        let detail = match end {
            LogEnd::Boundary | LogEnd::Padding => return,
            LogEnd::CutShort => "the file ends within an entry",
            LogEnd::Unclosed => "an entry's closing mark is missing",
        };
        let finding = self.finding(Case::TornTail, path, Some(offset), detail.to_owned());
        self.findings.push(finding);
    }

    fn look_behind_end(&mut self, reader: &mut LogReader) -> Result<(), Error> {
        let torn = self.findings.last().is_some_and(|f| f.case == Case::TornTail);
        if torn {
            return Ok(());
        }
        if let Some(offset) = reader.data_behind_end()? {
            let path = reader.path().to_owned();
            let finding = self.finding(Case::DataBehindEnd, &path, Some(offset), String::new());
            self.findings.push(finding);
        }
        Ok(())
    }

    /// The reader knows one file only; what is good before it is known here.
    fn placed(&self, error: Error) -> Error {
        match error {
            Error::Refused(mut finding) => {
                finding.zxid = Some(self.last);
                Error::Refused(finding)
            }
            other => other,
        }
    }

    /// A log full of one thing is said once.
    fn findings_once(&mut self, finding: Finding) {
        if self.findings.iter().all(|f| f.case != finding.case) {
            self.findings.push(finding);
        }
    }

    fn finding(&self, case: Case, path: &Path, offset: Option<u64>, detail: String) -> Finding {
        Finding { case, file: path.to_owned(), offset, zxid: Some(self.last), detail }
    }
}
