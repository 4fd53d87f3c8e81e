use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The file's length, in bytes; when it is full, writing begins again at its start.
const LOG_BYTES: usize = 64 * 1024 * 1024;

/// A file of fixed length whose blocks are all written, so that fdatasync has no metadata to write.
pub(super) struct Log {
    file: File,
    at: usize,
    /// What this turn has collected.
    pending: Vec<u8>,
}

impl Log {
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("null.log");
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        let zeros = vec![0; 1024 * 1024];
        for start in (0..LOG_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset(start))?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, pending: Vec::new() })
    }

    pub(super) fn append(&mut self, request: &[u8]) {
        self.pending.extend_from_slice(request);
    }

    /// Makes durable what this turn has collected, if it has collected anything.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.at + self.pending.len() > LOG_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&self.pending, offset(self.at))?;
        self.at += self.pending.len();
        self.pending.clear();
        self.file.sync_data()
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).expect("usize has at most 64 bits")
}
