//! The command line.

pub mod check;
pub mod schema;
pub mod serve;

use std::process::ExitCode;

/// Runs the command with the process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
