//! A line about the configuration that the server logs once at start.

use std::fmt;

/// How much the owner of the configuration should care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Good to know: a key without effect here, a flag of the JVM.
    Note,
    /// Probably not what was meant: a value that was replaced, a relative path.
    Warning,
}

/// A line about the configuration: which key, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Note or warning.
    pub weight: Weight,
    /// The whole line; never holds the value of a password.
    pub text: String,
}

impl Notice {
    /// A line that is good to know.
    pub fn note(text: impl Into<String>) -> Self {
        Self { weight: Weight::Note, text: text.into() }
    }

    /// A line that asks for a look.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, text: text.into() }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
