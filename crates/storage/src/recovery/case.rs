use std::fmt;
use std::path::PathBuf;

use base::Zxid;

/// What a state of the files leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server starts; there is nothing to say.
    Start,
    /// The server starts and says what it found.
    Say,
    /// The server does not start: what was committed is in doubt.
    Refuse,
}

macro_rules! cases {
    ($($name:ident $label:literal $verdict:ident $what:literal; $remedy:literal)*) => {
        /// Every state in which the files of a data directory can be found, and what follows: the
        /// decision table of recovery. Several may apply to one directory; one refusal decides.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Case {
            $(#[doc = $what] $name,)*
        }

        impl Case {
            /// All rows of the table.
            pub const ALL: &[Case] = &[$(Case::$name,)*];

            /// The row's label, by which documents and log lines name it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Case::$name => $label,)* }
            }

            /// What follows from it.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Case::$name => Verdict::$verdict,)* }
            }

            /// The state in words.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Case::$name => $what,)* }
            }

            /// What was done about it, or what the operator can do.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Case::$name => $remedy,)* }
            }
        }
    };
}

cases! {
    // A database that has no history.
    FirstStart "first-start" Start
        "neither snapshot nor log: a new database"; "snapshot.0 was written"
    FirstStartMarked "first-start-marked" Start
        "neither snapshot nor log, but the marker `initialize`: a new database";
        "snapshot.0 was written and the marker removed"
    FirstStartAgain "first-start-again" Say
        "a first start was cut short before it could log anything"; "it was done again"
    Unformatted "unformatted" Say
        "neither snapshot nor log, and db.autocreate is off: the data may be missing";
        "restore it, or make the file `initialize` in dataDir to begin a new database"

    // The snapshot to begin with.
    SnapshotOnly "snapshot-only" Start
        "a snapshot, and no later transaction in the log"; "the snapshot was loaded"
    SnapshotAndLog "snapshot-and-log" Start
        "a snapshot, and later transactions in the log"; "the log was replayed"
    SnapshotCutShort "snapshot-cut-short" Say
        "the snapshot is cut short"; "an older one was taken and the log replayed behind it"
    SnapshotDamaged "snapshot-damaged" Say
        "the snapshot is damaged"; "an older one was taken and the log replayed behind it"
    SnapshotBeyondLog "snapshot-beyond-log" Refuse
        "an unreadable snapshot holds transactions that the log does not";
        "restore that snapshot or the missing log from a backup or from another server; \
         removing the snapshot gives those transactions up"
    NoValidSnapshot "no-valid-snapshot" Refuse
        "there are snapshots, but none can be loaded";
        "restore one from a backup or from another server"
    LogWithoutSnapshot "log-without-snapshot" Refuse
        "there is a log, but no snapshot to begin with";
        "restore the snapshot; if this log is known to begin with the very first transaction, \
         start once with snapshot.trust.empty=true"
    TrustedEmpty "trusted-empty" Say
        "there is a log, but no snapshot, and snapshot.trust.empty is set";
        "the log was replayed from an empty tree; unset snapshot.trust.empty now"

    // How a log file begins (C-015).
    LogHeaderShort "log-header-short" Say
        "the newest log file is shorter than its header: nothing in it was ever acknowledged";
        "it was removed"
    LogBlank "log-blank" Say
        "the newest log file holds nothing but zeros: nothing in it was ever acknowledged";
        "it was removed"
    LogHeaderLost "log-header-lost" Refuse
        "a log file that is not the newest has no header"; "restore it from a backup"
    LogMagic "log-magic" Refuse
        "this is no transaction log"; "restore it, or move it out of the directory if it is foreign"
    LogVersion "log-version" Refuse
        "the log's format is of another version"; "restore it, or start the server that wrote it"

    // How a log file ends.
    TornTail "torn-tail" Say
        "the last write was cut short; it was never acknowledged"; "it was left out"
    DataBehindEnd "data-behind-end" Say
        "there are bytes behind the end of the newest log: parts of a write that was cut short";
        "they were left out; if the server was not killed before, look for what damaged the file"

    // What stands in it (C-016).
    LogChecksum "log-checksum" Refuse
        "an entry is damaged"; "restore the file from a backup, or the data from another server"
    LogLength "log-length" Refuse
        "an entry's length is damaged";
        "restore the file from a backup, or the data from another server"
    LogUndecodable "log-undecodable" Refuse
        "an entry is whole, but is no transaction known here";
        "start the server that wrote it, let it take a snapshot, then start this one"
    LogGap "log-gap" Refuse
        "transactions are missing"; "restore the missing log file"
    LogBackwards "log-backwards" Refuse
        "the zxid goes backwards"; "move the file that does not belong here out of the directory"
    LogConflict "log-conflict" Refuse
        "two different transactions have the same zxid";
        "move the file that does not belong here out of the directory"
    LogRepeated "log-repeated" Start
        "an entry is there twice, or a failed one took the zxid of the one before";
        "it was applied once"

    AclLost "acl-lost" Say
        "a node's access control list is in neither snapshot nor log";
        "the node is closed to all but the super user, who can set it"

    // Digests. Java writes some that do not fit, so they never stop a start.
    LogDigest "log-digest" Say
        "the tree does not have the digest that the log says";
        "compare this server's data with another's; servers before 3.9.5 are known to log such"
    SnapshotDigest "snapshot-digest" Say
        "the tree does not have the digest that the snapshot says";
        "compare this server's data with another's"

    // What else lies in the directory.
    ForeignName "foreign-name" Say
        "this file is none of the server's"; "it was left alone"
    Unfinished "unfinished" Say
        "a snapshot was being written when the server stopped"; "it was removed"
    EpochUnreadable "epoch-unreadable" Say
        "an epoch file holds no number; a standalone server does not use it";
        "repair it before this server joins an ensemble"
    EpochOrder "epoch-order" Say
        "currentEpoch is above acceptedEpoch, or below the epoch of the last transaction; \
         a standalone server does not use it";
        "repair it before this server joins an ensemble"
}

/// A row of the table, met in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row.
    pub case: Case,
    /// Where.
    pub file: PathBuf,
    /// Where in the file, in bytes.
    pub offset: Option<u64>,
    /// The last transaction known to be good before it.
    pub zxid: Option<Zxid>,
    /// What exactly was found; may be empty.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        if let Some(zxid) = self.zxid {
            write!(f, " after zxid {zxid}")?;
        }
        write!(f, ": {}", self.case.what())?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        write!(f, "; {} [{}]", self.case.remedy(), self.case.label())
    }
}
