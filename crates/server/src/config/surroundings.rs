//! The little that reading a configuration asks of the machine.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use super::error::ConfigError;

/// The little that reading a configuration asks of the machine; a test gives its own.
pub trait Surroundings {
    /// The whole of a file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The first address of a host.
    ///
    /// # Errors
    /// What the resolver says; [`io::ErrorKind::NotFound`] if it knows no address.
    fn resolve(&self, host: &str) -> io::Result<IpAddr>;

    /// Where relative paths begin.
    fn working_dir(&self) -> &Path;
}

/// Reads a file that the configuration cannot do without.
///
/// # Errors
/// [`ConfigError::Unreadable`].
pub fn read_file(on: &impl Surroundings, path: &Path) -> Result<Vec<u8>, ConfigError> {
    on.read(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })
}

/// The machine that the process runs on.
#[derive(Debug, Clone)]
pub struct Machine {
    working_dir: PathBuf,
}

impl Machine {
    /// Looks up the working directory once.
    ///
    /// # Errors
    /// What the system says if that directory is gone.
    pub fn here() -> io::Result<Self> {
        Ok(Self { working_dir: std::env::current_dir()? })
    }
}

impl Surroundings for Machine {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn resolve(&self, host: &str) -> io::Result<IpAddr> {
        let mut addresses = (host, 0).to_socket_addrs()?;
        addresses.next().map(|address| address.ip()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn working_dir(&self) -> &Path {
        &self.working_dir
    }
}

/// One `zoo.cfg` in memory, at `/zoo.cfg`; the resolver knows nobody.
#[cfg(test)]
pub struct OneFile(pub &'static str);

#[cfg(test)]
impl Surroundings for OneFile {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("/zoo.cfg") {
            Ok(self.0.as_bytes().to_vec())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn resolve(&self, _: &str) -> io::Result<IpAddr> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn working_dir(&self) -> &Path {
        Path::new("/srv")
    }
}
