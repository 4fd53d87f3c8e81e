//! The project's own commands, and the little that the compatibility suites share with them.

pub mod fetch;
pub mod process;
pub mod workspace;
