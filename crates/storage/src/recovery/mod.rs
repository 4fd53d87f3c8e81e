//! From files to a tree: the newest snapshot that can be loaded, then the log behind it.
//!
//! What each state of the files means is the table in [`case`]; the steps below only recognise the
//! states. Doubt refuses: a server that does not start can be repaired, a committed transaction
//! silently dropped cannot.
//!
//! Where the last synced write ended is not recorded anywhere, so a missing end of the newest log
//! counts as a write that was cut short, and a damaged entry before the end as damage, as in Java. An
//! entry of several pages whose middle a power cut kept from the disk therefore refuses the start,
//! although it was never acknowledged: a durable mark of what was synced will tell the two apart.

mod case;
mod replay;
mod survey;

use std::path::Path;

use base::{SessionId, Zxid};
use tree::Tree;
use wire::{Txn, TxnHeader};

use crate::directory::Layout;
use crate::disk::Disk;
use crate::error::Error;
use crate::snapshot::{AtRest, FullSpeed, SnapshotOptions, load_snapshot, write_snapshot};
pub use case::{Case, Finding, Verdict};
use replay::Replay;
use survey::Survey;

/// What recovery is told.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryOptions {
    /// For the tree.
    pub tree: tree::Options,
    /// For `snapshot.0`.
    pub snapshot: SnapshotOptions,
    /// Whether a log without a snapshot is replayed from nothing (`snapshot.trust.empty`).
    pub trust_empty: bool,
    /// Whether an empty directory is a new database (`db.autocreate`).
    pub db_autocreate: bool,
}

impl Default for RecoveryOptions {
    fn default() -> RecoveryOptions {
        RecoveryOptions {
            tree: tree::Options::default(),
            snapshot: SnapshotOptions::default(),
            trust_empty: false,
            db_autocreate: true,
        }
    }
}

/// How far a recovery is, for servers with much to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A snapshot is being loaded.
    Snapshot {
        /// Bytes of the file read.
        read: u64,
        /// The file's length in bytes.
        of: u64,
    },
    /// Log files are being replayed.
    Log {
        /// Transactions replayed.
        txns: u64,
        /// The last of them.
        zxid: Zxid,
    },
}

/// What the recovered state is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A snapshot, and the log behind it.
    Snapshot(Zxid),
    /// Nothing: a new database. `snapshot.0` is durable.
    FirstStart,
    /// The log alone (`snapshot.trust.empty`).
    LogOnly,
    /// Nothing, and `db.autocreate` forbids to call that a database: the server must not vote
    /// until it has got its data from a leader. Java's zxid is then -1.
    Unformatted,
}

/// What the epoch files hold; only members of an ensemble use them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// The newest epoch that this server promised to follow (`acceptedEpoch`).
    pub accepted: Option<i64>,
    /// The epoch in which it last synchronised (`currentEpoch`).
    pub current: Option<i64>,
}

/// A recovered database.
pub struct Recovered {
    /// The tree, as of the last transaction.
    pub tree: Tree,
    /// What it was made of.
    pub origin: Origin,
    /// Transactions replayed behind the snapshot: they count towards the next one.
    pub replayed_txns: u64,
    /// Their bytes in the log.
    pub replayed_bytes: u64,
    /// The epoch files.
    pub epochs: Epochs,
    /// All states of the table that were met; those to [say](Verdict::Say) belong in the log.
    pub findings: Vec<Finding>,
}

impl Recovered {
    /// What the operator should be told, a line each.
    pub fn notes(&self) -> impl Iterator<Item = &Finding> {
        let said = |finding: &&Finding| finding.case.verdict() == Verdict::Say;
        self.findings.iter().filter(said)
    }
}

/// Recovers what the directories hold. When it returns a new database, that is already durable.
///
/// Nothing is changed before it is certain that the server may start; then what earlier runs left
/// unfinished is removed, and the marker `initialize`.
///
/// # Errors
/// [`Error::Refused`] with the row of the table, or what the disk answered.
pub fn recover(
    disk: &dyn Disk,
    layout: &Layout,
    options: &RecoveryOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Recovered, Error> {
    let survey = Survey::take(disk, layout)?;
    let mut recovery = Recovery {
        disk,
        layout,
        options,
        findings: survey.findings.clone(),
        unreadable: None,
        closed: Vec::new(),
    };
    let (tree, digest, origin) = recovery.begin(&survey, progress)?;
    let mut replay = Replay::new(tree, digest, origin == Origin::LogOnly);
    for log in survey.logs_from(replay.last()) {
        replay.file(disk, &layout.log(*log), survey.is_newest(*log), progress)?;
    }
    recovery.conclude(&survey, replay, origin)
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    layout: &'a Layout,
    options: &'a RecoveryOptions,
    findings: Vec<Finding>,
    /// The newest snapshot that could not be loaded.
    unreadable: Option<Finding>,
    /// Nodes that the loaded snapshot has no ACL for.
    closed: Vec<String>,
}

/// Digest that a snapshot says the tree had, and at which transaction.
type KnownDigest = Option<(Zxid, u64)>;

impl Recovery<'_> {
    /// The state on which the log is replayed.
    fn begin(
        &mut self,
        survey: &Survey,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Tree, KnownDigest, Origin), Error> {
        for candidate in &survey.snapshots {
            let file = &candidate.file;
            if !candidate.whole {
                self.skip(Case::SnapshotCutShort, &file.path, file.zxid, String::new());
                continue;
            }
            let mut report = |read| {
                let of = file.bytes;
                progress(Progress::Snapshot { read, of });
            };
            match load_snapshot(self.disk, file, self.options.tree, &mut report) {
                Ok(loaded) => {
                    self.closed = loaded.closed;
                    return Ok((loaded.tree, loaded.digest, Origin::Snapshot(file.zxid)));
                }
                Err(Error::DamagedSnapshot { offset, what, .. }) => {
                    let detail = format!("at offset {offset} of its content, {what}");
                    self.skip(Case::SnapshotDamaged, &file.path, file.zxid, detail);
                }
                Err(other) => return Err(other),
            }
        }
        let origin = self.without_snapshot(survey)?;
        Ok((Tree::new(self.options.tree), None, origin))
    }

    fn skip(&mut self, case: Case, file: &Path, zxid: Zxid, detail: String) {
        let finding = Finding { case, file: file.to_owned(), offset: None, zxid: None, detail };
        self.findings.push(finding.clone());
        // Newest first: the first one skipped holds the most.
        self.unreadable.get_or_insert(Finding {
            case: Case::SnapshotBeyondLog,
            zxid: Some(zxid),
            ..finding
        });
    }

    fn without_snapshot(&mut self, survey: &Survey) -> Result<Origin, Error> {
        let began = survey.history_began(self.disk, self.layout)?;
        let (case, origin) = match (&self.unreadable, began) {
            (Some(newest), _) if newest.zxid != Some(Zxid::ZERO) => {
                (Case::NoValidSnapshot, Origin::FirstStart)
            }
            (Some(_), true) => (Case::NoValidSnapshot, Origin::FirstStart),
            (None, true) if self.options.trust_empty => (Case::TrustedEmpty, Origin::LogOnly),
            (None, true) => (Case::LogWithoutSnapshot, Origin::LogOnly),
            (Some(_), false) => (Case::FirstStartAgain, Origin::FirstStart),
            (None, false) if !survey.logs.is_empty() => (Case::FirstStartAgain, Origin::FirstStart),
            (None, false) if !survey.markers.is_empty() => {
                (Case::FirstStartMarked, Origin::FirstStart)
            }
            (None, false) if self.options.db_autocreate => (Case::FirstStart, Origin::FirstStart),
            (None, false) => (Case::Unformatted, Origin::Unformatted),
        };
        self.meet(case, survey)?;
        Ok(origin)
    }

    /// Notes a state of the directory as a whole, or refuses because of it.
    fn meet(&mut self, case: Case, survey: &Survey) -> Result<(), Error> {
        let log = survey.logs.last().map(|zxid| self.layout.log(*zxid));
        let snapshot = survey.snapshots.first().map(|c| c.file.path.clone());
        let finding = Finding {
            case,
            file: match case {
                Case::LogWithoutSnapshot | Case::TrustedEmpty => log,
                _ => snapshot,
            }
            .unwrap_or_else(|| self.layout.snap_dir.clone()),
            offset: None,
            zxid: None,
            detail: String::new(),
        };
        if case.verdict() == Verdict::Refuse {
            return Err(finding.into());
        }
        self.findings.push(finding);
        Ok(())
    }

    fn conclude(
        mut self,
        survey: &Survey,
        mut replay: Replay,
        origin: Origin,
    ) -> Result<Recovered, Error> {
        if let Some(finding) = &self.unreadable
            && finding.zxid > Some(replay.last())
        {
            return Err(Error::from(finding.clone()));
        }
        let (epochs, found) = survey::epochs(self.disk, self.layout, replay.last())?;
        self.findings.extend(found);
        if let Origin::Snapshot(_) = origin {
            let case = match replay.txns {
                0 => Case::SnapshotOnly,
                _ => Case::SnapshotAndLog,
            };
            self.meet(case, survey)?;
        }
        self.tidy(survey, &replay)?;
        self.findings.extend(replay.findings());
        self.findings.extend(self.acl_lost(&replay.tree));
        let mut recovered = Recovered {
            origin,
            replayed_txns: replay.txns,
            replayed_bytes: replay.bytes,
            epochs,
            findings: self.findings,
            tree: replay.tree,
        };
        let buried = bury_the_dead(&mut recovered.tree);
        // Before the first log exists: without a snapshot Java refuses a log, and so do we. And
        // after a burial, which no log tells of: what is logged next must be replayed on this tree.
        if origin == Origin::FirstStart || buried > 0 {
            let mut state = AtRest::new(&mut recovered.tree);
            let dir = &self.layout.snap_dir;
            write_snapshot(self.disk, dir, &mut state, self.options.snapshot, &mut FullSpeed)?;
        }
        Ok(recovered)
    }

    /// Nodes that are closed because their ACL is in no file.
    fn acl_lost(&self, tree: &Tree) -> Option<Finding> {
        let is_closed = |path: &&String| {
            tree.node(path).is_some_and(|node| node.acl()[..] == tree::closed_acl())
        };
        let lost: Vec<&str> = self.closed.iter().filter(is_closed).map(String::as_str).collect();
        let detail = match lost.as_slice() {
            [] => return None,
            [path] => (*path).to_owned(),
            [path, others @ ..] => format!("{path} and {} more", others.len()),
        };
        let file = self.layout.snap_dir.clone();
        Some(Finding { case: Case::AclLost, file, offset: None, zxid: None, detail })
    }

    /// Removes what earlier runs left unfinished, now that the server is going to start.
    fn tidy(&self, survey: &Survey, replay: &Replay) -> Result<(), Error> {
        let gone = survey.unfinished.iter().chain(&survey.markers);
        for path in gone.chain(&replay.empty_files) {
            let removed = self.disk.remove(path);
            removed.map_err(Error::io("remove", path))?;
        }
        if !replay.empty_files.is_empty() {
            let dir = &self.layout.log_dir;
            self.disk.sync_dir(dir).map_err(Error::io("sync", dir))?;
        }
        Ok(())
    }
}

/// Removes the ephemerals of sessions that no longer exist: a fuzzy snapshot of Java's can hold
/// such nodes. As in Java this is not logged; the number of sessions that had any.
fn bury_the_dead(tree: &mut Tree) -> usize {
    let dead: Vec<SessionId> =
        tree.ephemeral_owners().filter(|owner| !tree.has_session(*owner)).collect();
    let count = dead.len();
    for session in dead {
        let txn = Txn::CloseSession(None);
        let header = TxnHeader {
            session,
            cxid: 0,
            zxid: tree.last_zxid(),
            time_ms: 0,
            op: wire::OpCode::CloseSession.code(),
        };
        tree.apply(&header, &txn, &mut |_| {});
    }
    count
}
