//! Reading the files that are named on the command line: what is said where that fails.

use std::fmt::Display;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::out::Stop;

/// The text of the file at `path`.
///
/// # Errors
/// If it cannot be read, or is not UTF-8.
pub(super) fn text(path: &Path) -> Result<String, Stop> {
    fs::read_to_string(path).map_err(|error| {
        if error.kind() != ErrorKind::InvalidData {
            return unread(path.display(), &error);
        }
        Stop::input(format_args!(
            "{}: not UTF-8 text; save the file as UTF-8",
            path.display()
        ))
    })
}

/// The file called `name` cannot be read.
pub(super) fn unread(name: impl Display, error: &io::Error) -> Stop {
    // Of the machine's errors the kind in words: a number helps nobody.
    let why = match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => error.to_string(),
    };
    Stop::environment(format_args!(
        "{name}: cannot be read ({why}); name a file that this user may read"
    ))
}
