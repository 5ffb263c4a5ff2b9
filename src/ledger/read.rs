//! The lines of a ledger, one after another, for those who look something up in it.
//!
//! Whether the chain holds is [`super::verify`]'s to say. Memory is bounded by one line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use super::chain::{LINE_BYTES, segment_name};
use super::disk;
use super::verify::ReadError;

/// Gives each whole line of the ledger in `directory`, without its line end, from the first on, until `take` breaks off.
/// A line that is being written, or that is longer than any the writer makes, ends its segment.
///
/// # Errors
/// If there is no ledger, or it cannot be read.
pub fn lines(
    directory: &Path,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let system = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadError::System { path, source }
    };
    let segments =
        disk::segments(directory).map_err(|error| ReadError::listing(directory, error))?;
    if segments.is_empty() {
        return Err(ReadError::NoLedger(directory.to_owned()));
    }
    let mut line = Vec::new();
    for first in segments {
        let path = directory.join(segment_name(first));
        let file = File::open(&path).map_err(system(&path))?;
        let mut reader = BufReader::with_capacity(64 << 10, file);
        loop {
            line.clear();
            let most = LINE_BYTES as u64 + 1;
            let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
            read.map_err(system(&path))?;
            let Some(whole) = line.strip_suffix(b"\n") else {
                break;
            };
            if take(whole).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
