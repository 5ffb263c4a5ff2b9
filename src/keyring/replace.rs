//! One file in the place of another, such that a kill at any point leaves the one or the other, whole.
//!
//! ```text
//! clear what lies beside ─ write beside ─ sync ─ rename ─ sync the directory ─ overwrite what was replaced
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of an owner's file: room for all epochs and changes that there can be.
pub(super) const FILE_BYTES: u64 = 1 << 20;

/// A step of a write that is done. Tests end a write after each, as a kill would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// What a killed write left beside is overwritten and gone.
    Cleared,
    /// The new file is there under another name, maybe not on stable storage.
    Written,
    /// It is on stable storage.
    Synced,
    /// It has the name.
    Renamed,
    /// The name is on stable storage.
    Named,
    /// The bytes that it replaced are overwritten.
    Overwritten,
}

/// Told of each step that is done; an error ends the write there.
pub(super) type After<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

/// Puts a file of `bytes` in the place of the one at `path`, in `directory`.
///
/// # Errors
/// As the system gives them. What is at `path` is then as it was, or as it is to be.
pub(super) fn replace(
    directory: &Path,
    path: &Path,
    bytes: &[u8],
    after: After<'_>,
) -> io::Result<()> {
    let mut beside = std::ffi::OsString::from(".");
    beside.push(path.file_name().expect("the path of an owner's file"));
    beside.push(".new");
    let beside = directory.join(beside);
    // What a killed write left may hold an epoch that is destroyed now.
    if let Some(mut left) = writable(&beside)? {
        overwrite(&mut left)?;
        fs::remove_file(&beside)?;
    }
    after(Step::Cleared)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    after(Step::Written)?;
    file.sync_all()?;
    after(Step::Synced)?;
    let replaced = writable(path)?;
    fs::rename(&beside, path)?;
    after(Step::Renamed)?;
    File::open(directory)?.sync_all()?;
    after(Step::Named)?;
    if let Some(mut replaced) = replaced {
        overwrite(&mut replaced)?;
    }
    after(Step::Overwritten)
}

/// The file at `path`, to be written over, if there is one.
fn writable(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Overwrites a file's bytes. The best that can be done here: a file system that copies on write, or a disk
/// that moves its blocks, keeps what it likes.
fn overwrite(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len().min(FILE_BYTES);
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut io::repeat(0).take(length), file)?;
    file.sync_all()
}
