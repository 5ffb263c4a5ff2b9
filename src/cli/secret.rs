//! Files for secrets that a command makes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::out::Stop;

/// Writes `secret` to a new file that this user alone can read, and waits until it is on the disk.
///
/// # Errors
/// If there is a file of that name, or it cannot be written.
pub(super) fn write_new(path: &Path, secret: &[u8]) -> Result<(), Stop> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(secret)?;
            file.sync_all()
        })
        .map_err(|error| {
            Stop::environment(format_args!(
                "{}: cannot be made ({}); name a file that is not there yet",
                path.display(),
                error.kind()
            ))
        })
}
