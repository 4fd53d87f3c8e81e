//! Where a value was given, so that every message can point at it.

use std::fmt;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file, counted from 1.
    Line {
        /// The file as its owner named it.
        file: PathBuf,
        /// The line.
        line: usize,
    },
    /// A file as a whole: something is missing in it.
    File(PathBuf),
    /// An argument of the command.
    CommandLine,
    /// A variable of the environment.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{}, line {line}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::CommandLine => f.write_str("command line"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}
