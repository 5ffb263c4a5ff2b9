//! The texts that were agreed, kept beside the ledger by their hash, so that an old decision can be decided again.
//!
//! `LEDGER_DIR/texts/HASH.yaml`, where `HASH` is the SHA-256 of the file's bytes as an [`Event::Agreements`](super::Event)
//! has it. A text is written whole and synced under another name before it has its own, and never overwritten.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::EntryHash;

/// The directory of the texts in a ledger's.
const DIRECTORY: &str = "texts";

/// Bytes of a text that are read back: more than a file of this kind may have.
const TEXT_BYTES: u64 = 2 << 20;

/// Where the text with `hash` is kept beside the ledger in `ledger`.
#[must_use]
pub fn place(ledger: &Path, hash: &str) -> PathBuf {
    ledger.join(DIRECTORY).join(format!("{hash}.yaml"))
}

/// Keeps each of `texts`, given with its hash, beside the ledger in `ledger`. Those that are there already stay as they
/// are. When this returns, all of them are on stable storage.
///
/// # Errors
/// As the system gives them.
pub fn keep<'a>(
    ledger: &Path,
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let directory = ledger.join(DIRECTORY);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    let mut written = false;
    for (hash, text) in texts {
        debug_assert_eq!(EntryHash::of(text.as_bytes()).to_string(), hash);
        let path = place(ledger, hash);
        if path.exists() {
            continue;
        }
        write(&directory, &path, text.as_bytes())?;
        written = true;
    }
    if written {
        File::open(&directory)?.sync_all()?;
        File::open(ledger)?.sync_all()?;
    }
    Ok(())
}

fn write(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = directory.join(format!(".new-{}", std::process::id()));
    // What a process that was killed left under this name is not whole.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A link, not a rename: it never takes the place of a text that is there.
    match fs::hard_link(&beside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::remove_file(&beside)
}

/// Why a kept text cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// It is not there.
    #[error("the text {hash} is not kept in {}; it was agreed before texts were kept, or has been moved", directory.display())]
    Missing {
        /// Its hash.
        hash: String,
        /// Where it would be.
        directory: PathBuf,
    },
    /// What is there has another hash, or is no text.
    #[error("{}: what is kept there is not the text of this hash; keep it as it is, as evidence", path.display())]
    Altered {
        /// Where it is.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    System {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The text with `hash` that is kept beside the ledger in `ledger`, held against its hash.
///
/// # Errors
/// If it is not there, cannot be read, or is not what it was.
pub fn read(ledger: &Path, hash: &str) -> Result<String, TextError> {
    let path = place(ledger, hash);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(TEXT_BYTES).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(TextError::Missing {
            hash: hash.to_owned(),
            directory: ledger.join(DIRECTORY),
        }),
        Err(source) => Err(TextError::System { path, source }),
        Ok(_) if EntryHash::of(&bytes).to_string() != hash => Err(TextError::Altered { path }),
        Ok(_) => String::from_utf8(bytes).map_err(|_| TextError::Altered { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn hash(text: &str) -> String {
        EntryHash::of(text.as_bytes()).to_string()
    }

    #[test]
    fn a_text_is_kept_once_for_its_owner_alone_and_read_back_by_its_hash() {
        let ledger = tempfile::tempdir().unwrap();
        let texts = ["a: 1\n", "b: 2\n"].map(|text| (hash(text), text));
        let all = || texts.iter().map(|(hash, text)| (hash.as_str(), *text));
        keep(ledger.path(), all()).unwrap();
        keep(ledger.path(), all()).unwrap();
        for (hash, text) in all() {
            assert_eq!(read(ledger.path(), hash).unwrap(), text);
            let mode = fs::metadata(place(ledger.path(), hash))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let names = fs::read_dir(ledger.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(names, 2, "nothing is left beside the texts");
    }

    #[test]
    fn a_text_that_was_changed_is_not_taken_and_not_mended() {
        let ledger = tempfile::tempdir().unwrap();
        let known = hash("a: 1\n");
        keep(ledger.path(), [(known.as_str(), "a: 1\n")]).unwrap();
        let path = place(ledger.path(), &known);
        fs::write(&path, "a: 2\n").unwrap();
        keep(ledger.path(), [(known.as_str(), "a: 1\n")]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a: 2\n");
        assert!(matches!(
            read(ledger.path(), &known),
            Err(TextError::Altered { .. })
        ));
        let missing = hash("c: 3\n");
        assert!(matches!(
            read(ledger.path(), &missing),
            Err(TextError::Missing { .. })
        ));
    }
}
