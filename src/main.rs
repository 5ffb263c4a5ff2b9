//! The `fieldgate` command: see [`fieldgate::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldgate::cli::run()
}
