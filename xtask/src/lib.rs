//! The project's own commands, and the little that the compatibility suites share with them.

pub mod bench;
pub mod campaign;
pub mod ci;
pub mod fetch;
pub mod process;
pub mod suites;
pub mod tidy;
pub mod workspace;
