use std::path::{Path, PathBuf};

use base::Zxid;

use super::{END_OF_ENTRY, HEADER_LEN, MAGIC, PREFIX_LEN, VERSION, checksum};
use crate::disk::{Access, Disk, DiskFile};
use crate::error::Error;
use crate::recovery::{Case, Finding};

/// Read at once, in bytes.
const WINDOW: u64 = 1 << 20;

/// A claimed length above this is damage even where the file ends before it: no request comes near
/// it. Below it the write was cut short by the end of the file.
const LENGTH_PLAUSIBLE: u64 = 64 << 20;

/// How far behind the end of a log its padding is looked through: more than a group is long, less
/// than the padding, which would take long.
const LOOK_BEHIND: u64 = 4 << 20;

/// One whole entry, its checksum verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntryBytes<'a> {
    /// Where the entry starts in its file, in bytes.
    pub offset: u64,
    /// Header, transaction, digest ([`wire::LogEntry`]).
    pub payload: &'a [u8],
}

impl LogEntryBytes<'_> {
    /// The transaction's id; `None` when the payload is too short to have one.
    #[must_use]
    pub fn zxid(&self) -> Option<Zxid> {
        zxid_of(self.payload)
    }
}

fn zxid_of(payload: &[u8]) -> Option<Zxid> {
    // Behind the session's id (8 bytes) and the cxid (4).
    let bytes = payload.get(12..)?.first_chunk::<8>()?;
    Some(Zxid(i64::from_be_bytes(*bytes)))
}

/// Why a file has no more entries. Java takes each of these for the end of the file and goes on
/// with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEnd {
    /// The file ends behind an entry.
    Boundary,
    /// Length 0: what is preallocated begins here.
    Padding,
    /// The file ends within an entry.
    CutShort,
    /// The entry's closing mark is missing: it was not written as a whole.
    Unclosed,
}

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStep<'a> {
    /// An entry.
    Entry(LogEntryBytes<'a>),
    /// No more of them.
    End {
        /// Where the next entry would have started, in bytes.
        offset: u64,
        /// Why there is none.
        end: LogEnd,
    },
}

/// Reads one log file from its front. Holds a window of it in memory, never more than the window
/// and one entry.
///
/// There is no limit on an entry's length but the file's: whatever a writer wrote can be read
/// (Java's reader refuses what its own writer wrote above `jute.maxbuffer`, ZOOKEEPER-4306).
#[derive(Debug)]
pub struct LogReader {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
    next: u64,
    last: Option<Zxid>,
}

impl LogReader {
    /// Opens a log file and checks its header.
    ///
    /// # Errors
    /// [`Error::Refused`] with the [`Case`] of the header when it is none, else [`Error::Io`].
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<LogReader, Error> {
        let file = disk.open(path, Access::Read).map_err(Error::io("open", path))?;
        let len = file.length().map_err(Error::io("read", path))?;
        let mut reader = LogReader {
            file,
            path: path.to_owned(),
            len,
            window: Vec::new(),
            window_at: 0,
            next: 0,
            last: None,
        };
        reader.check_header()?;
        Ok(reader)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.len
    }

    /// The next entry, or why there is none. After the end it answers the same again.
    ///
    /// # Errors
    /// [`Error::Refused`] when an entry is damaged, [`Error::Io`] when the file cannot be read.
    pub fn step(&mut self) -> Result<LogStep<'_>, Error> {
        let offset = self.next;
        let length = match self.claimed_length(offset)? {
            Ok(length) => length,
            Err(end) => return Ok(LogStep::End { offset, end }),
        };
        let whole = PREFIX_LEN as u64 + length + 1;
        if whole > self.len - offset {
            return self.beyond_the_file(length, offset);
        }
        self.load(offset, whole)?;
        let bytes = self.loaded(offset, whole);
        let (&mark, bytes) = bytes.split_last().unwrap_or((&0, &[]));
        if mark != END_OF_ENTRY {
            let end = LogEnd::Unclosed;
            return Ok(LogStep::End { offset, end });
        }
        let (sum, payload) = (&bytes[..8], &bytes[PREFIX_LEN..]);
        if sum != checksum(payload).to_be_bytes() {
            let what = format!("an entry of {length} bytes does not fit its checksum");
            return Err(self.finding(Case::LogChecksum, offset, what));
        }
        self.last = zxid_of(payload).or(self.last);
        self.next = offset + whole;
        let payload = &self.loaded(offset, whole)[PREFIX_LEN..][..bytes_len(length)];
        Ok(LogStep::Entry(LogEntryBytes { offset, payload }))
    }

    /// Where the first byte other than zero lies behind the end that [`step`](Self::step) found;
    /// `None` when there is nothing within the length of a group. What is there was written, but not
    /// all of it.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read.
    pub fn data_behind_end(&mut self) -> Result<Option<u64>, Error> {
        let upto = self.len.min(self.next + LOOK_BEHIND);
        self.first_data(self.next, upto)
    }

    /// Where the first byte other than zero lies from `offset` up to `upto`, which the file has.
    fn first_data(&mut self, mut offset: u64, upto: u64) -> Result<Option<u64>, Error> {
        while offset < upto {
            let piece = (upto - offset).min(WINDOW);
            self.load(offset, piece)?;
            if let Some(at) = first_nonzero(self.loaded(offset, piece)) {
                return Ok(Some(offset + at as u64));
            }
            offset += piece;
        }
        Ok(None)
    }

    fn check_header(&mut self) -> Result<(), Error> {
        if self.len < HEADER_LEN {
            let what = format!("the file has {} of {HEADER_LEN} header bytes", self.len);
            return Err(self.finding(Case::LogHeaderShort, 0, what));
        }
        self.load(0, HEADER_LEN)?;
        let header = self.loaded(0, HEADER_LEN);
        let (magic, version) = (header[..4] == MAGIC, header[4..8] == VERSION);
        if !magic {
            return Err(self.not_a_log()?);
        }
        if !version {
            let what = "the version is not 2".to_owned();
            return Err(self.finding(Case::LogVersion, 4, what));
        }
        self.next = HEADER_LEN;
        Ok(())
    }

    fn not_a_log(&mut self) -> Result<Error, Error> {
        Ok(match self.first_data(0, self.len)? {
            None => self.finding(Case::LogBlank, 0, "every byte is zero".to_owned()),
            Some(at) => {
                let what = "the file does not start with ZKLG".to_owned();
                self.finding(Case::LogMagic, at.min(HEADER_LEN), what)
            }
        })
    }

    /// The length that the entry at `offset` claims to have, or the end that stands there instead.
    fn claimed_length(&mut self, offset: u64) -> Result<Result<u64, LogEnd>, Error> {
        let rest = self.len - offset;
        if rest < PREFIX_LEN as u64 {
            return Ok(Err(self.end_before_length(offset)?));
        }
        self.load(offset, PREFIX_LEN as u64)?;
        let field = self.loaded(offset, PREFIX_LEN as u64).last_chunk();
        let claimed = i32::from_be_bytes(field.copied().unwrap_or_default());
        match u64::try_from(claimed) {
            Ok(0) => Ok(Err(LogEnd::Padding)),
            Ok(length) => Ok(Ok(length)),
            Err(_) => {
                let what = format!("an entry claims a length of {claimed}");
                Err(self.finding(Case::LogLength, offset, what))
            }
        }
    }

    fn end_before_length(&mut self, offset: u64) -> Result<LogEnd, Error> {
        Ok(match self.first_data(offset, self.len)? {
            Some(_) => LogEnd::CutShort,
            None if offset == self.len => LogEnd::Boundary,
            None => LogEnd::Padding,
        })
    }

    fn beyond_the_file(&self, length: u64, offset: u64) -> Result<LogStep<'_>, Error> {
        if length > LENGTH_PLAUSIBLE {
            let what = format!("an entry claims {length} bytes, far more than the file has");
            return Err(self.finding(Case::LogLength, offset, what));
        }
        let end = LogEnd::CutShort;
        Ok(LogStep::End { offset, end })
    }

    /// Brings `bytes` at `offset`, which the file has, into the window.
    fn load(&mut self, offset: u64, bytes: u64) -> Result<(), Error> {
        let end = self.window_at + self.window.len() as u64;
        if offset >= self.window_at && offset + bytes <= end {
            return Ok(());
        }
        let wanted = bytes.max(WINDOW).min(self.len - offset);
        self.window.clear();
        self.window.resize(bytes_len(wanted), 0);
        self.window_at = offset;
        let mut filled = 0;
        while filled < self.window.len() {
            let into = &mut self.window[filled..];
            let read = self.file.read_at(into, offset + filled as u64);
            match read.map_err(Error::io("read", &self.path))? {
                0 => return Err(self.shrank()),
                n => filled += n,
            }
        }
        Ok(())
    }

    fn loaded(&self, offset: u64, bytes: u64) -> &[u8] {
        let start = bytes_len(offset - self.window_at);
        &self.window[start..start + bytes_len(bytes)]
    }

    fn shrank(&self) -> Error {
        let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        Error::io("read", &self.path)(source)
    }

    fn finding(&self, case: Case, offset: u64, detail: String) -> Error {
        Finding { case, file: self.path.clone(), offset: Some(offset), zxid: self.last, detail }
            .into()
    }
}

/// Padding is long and mostly all there is: compared block by block, which is one call each.
fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut blocks = bytes.chunks(ZEROS.len()).enumerate();
    let (number, block) = blocks.find(|(_, block)| *block != &ZEROS[..block.len()])?;
    let within = block.iter().position(|byte| *byte != 0)?;
    Some(number * ZEROS.len() + within)
}

/// A length that is known to fit a buffer, since the buffer was made by it.
fn bytes_len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
