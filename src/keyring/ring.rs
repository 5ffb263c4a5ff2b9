//! The ring: a directory with a file for each owner of keys.
//!
//! A change holds the directory's lock and makes one file whole before it takes the place of the one before:
//!
//! ```text
//! lock ─ read ─ change ─ write beside, sync ─ rename ─ sync the directory ─ overwrite what was replaced
//! ```
//!
//! So a process that is killed at any point leaves the old file or the new one, each whole, and no key is lost.
//! Reading takes no lock: a name always leads to a whole file.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::Unusable;
use super::owner::{Change, Owner, OwnerName, Refused};
use super::root::private;
use super::sealed;
use crate::transform::{EpochSecret, Keys, RootKey};

/// Owners that a ring may have.
const OWNERS: usize = 10_000;
/// Bytes of an owner's file: room for all epochs and changes that there can be.
const FILE_BYTES: u64 = 1 << 20;
/// Times that a file is read anew because another took its place meanwhile.
const READS: usize = 16;
const LOCK_NAME: &str = "ring.lock";

/// A ring's directory.
#[derive(Debug, Clone)]
pub struct Ring {
    directory: PathBuf,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The ring cannot be used as it is.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The change is none that can be made.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A step of a write that is done. Tests end a write after each, as a kill would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
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
type After<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

impl Ring {
    /// The ring in `directory`, which is made with the first keys.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All owners, by name. A directory that is not there has none.
    ///
    /// # Errors
    /// If one of the files cannot be read, others may read it, or it is not as it was written under this root key.
    pub fn owners(&self, root: &RootKey) -> Result<Vec<Owner>, Unusable> {
        let unreadable = |error: io::Error| Unusable::system(&self.directory, "read", &error);
        let listing = match fs::read_dir(&self.directory) {
            Ok(listing) => listing,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in listing {
            let file = entry.map_err(unreadable)?.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".json")) else {
                continue;
            };
            // What is being written beside starts with a dot.
            if name.starts_with('.') {
                continue;
            }
            let name = OwnerName::new(name).map_err(|_| {
                Unusable::new(
                    self.directory.join(&file),
                    "not a file of keys by its name; a ring has nothing else in it, so move it elsewhere",
                )
            })?;
            names.push(name);
        }
        if names.len() > OWNERS {
            return Err(Unusable::new(
                &self.directory,
                format!("a ring has at most {OWNERS} files of keys; use another for some"),
            ));
        }
        names.sort();
        let mut owners = Vec::with_capacity(names.len());
        for name in &names {
            owners.extend(self.owner(name, root)?);
        }
        Ok(owners)
    }

    /// One owner; `None` if the ring has none of this name.
    ///
    /// # Errors
    /// As [`owners`](Self::owners).
    pub fn owner(&self, name: &OwnerName, root: &RootKey) -> Result<Option<Owner>, Unusable> {
        let path = self.path(name);
        for _ in 0..READS {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Unusable::system(path, "read", &error)),
            };
            private(&path, &file)?;
            let mut bytes = Vec::new();
            let opened = file
                .metadata()
                .and_then(|opened| {
                    (&file).take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
                    Ok(opened)
                })
                .map_err(|error| Unusable::system(&path, "read", &error))?;
            match sealed::read(name, &bytes, root) {
                Ok(owner) => return Ok(Some(owner)),
                // Another may have taken its place, and this one have been overwritten, while it was read.
                Err(_) if fs::metadata(&path).is_ok_and(|now| now.ino() != opened.ino()) => {}
                Err(error) => return Err(Unusable::new(path, error.to_string())),
            }
        }
        Err(Unusable::new(
            path,
            "another process changes it again and again; try later",
        ))
    }

    /// The first epoch of `name`, or the next where it has none left that makes tokens.
    ///
    /// # Errors
    /// If it has keys, or the ring cannot be used.
    pub fn create(
        &self,
        name: &OwnerName,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|error| Unusable::system(&self.directory, "made", &error))?;
        let secret = self.secret()?;
        self.change(name, root, &mut |_| Ok(()), |before| {
            Owner::create(before, name.clone(), secret, now)
        })
    }

    /// Begins a new epoch of `name`; tokens of the older ones resolve on.
    ///
    /// # Errors
    /// If it has no current epoch, or the ring cannot be used.
    pub fn rotate(
        &self,
        name: &OwnerName,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        let secret = self.secret()?;
        self.change_existing(name, root, |owner| owner.rotate(secret, now))
    }

    /// Lets tokens of one epoch resolve no longer.
    ///
    /// # Errors
    /// If it is not an active epoch of `name`, or the ring cannot be used.
    pub fn retire(
        &self,
        name: &OwnerName,
        epoch: u32,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        self.change_existing(name, root, |owner| owner.retire(epoch, now))
    }

    /// Destroys the secret of one epoch, or of all: their tokens can never resolve again.
    ///
    /// # Errors
    /// If the one is current or not there, if nothing is left to destroy, or the ring cannot be used.
    pub fn destroy(
        &self,
        name: &OwnerName,
        epoch: Option<u32>,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        self.change_existing(name, root, |owner| owner.destroy(epoch, now))
    }

    /// Notes that a ledger has entered `changes` of `name`.
    ///
    /// # Errors
    /// If the ring cannot be used.
    pub fn enter(
        &self,
        name: &OwnerName,
        changes: &[Change],
        root: &RootKey,
    ) -> Result<Owner, ChangeError> {
        self.change_existing(name, root, |owner| {
            owner.enter(changes);
            Ok(())
        })
    }

    fn change_existing(
        &self,
        name: &OwnerName,
        root: &RootKey,
        change: impl FnOnce(&mut Owner) -> Result<(), Refused>,
    ) -> Result<Owner, ChangeError> {
        if !self.directory.exists() {
            let owner = name.clone();
            return Err(Refused::NoKeys { owner }.into());
        }
        self.change(name, root, &mut |_| Ok(()), |before| {
            let mut owner = before.ok_or_else(|| Refused::NoKeys {
                owner: name.clone(),
            })?;
            change(&mut owner)?;
            Ok(owner)
        })
    }

    /// Makes one change, alone.
    fn change(
        &self,
        name: &OwnerName,
        root: &RootKey,
        after: After<'_>,
        change: impl FnOnce(Option<Owner>) -> Result<Owner, Refused>,
    ) -> Result<Owner, ChangeError> {
        let lock_path = self.directory.join(LOCK_NAME);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| Unusable::system(&lock_path, "locked", &error))?;
        let owner = change(self.owner(name, root)?)?;
        let path = self.path(name);
        write(&self.directory, &path, &sealed::write(&owner, root), after)
            .map_err(|error| Unusable::system(&path, "written", &error))?;
        drop(lock);
        Ok(owner)
    }

    fn path(&self, name: &OwnerName) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }

    /// A fresh secret.
    fn secret(&self) -> Result<EpochSecret, Unusable> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| {
            Unusable::new(
                &self.directory,
                "cannot be given new keys: the system gives no random bytes",
            )
        })?;
        Ok(EpochSecret::from_bytes(*bytes))
    }
}

/// The keys of all `owners`.
#[must_use]
pub(crate) fn keys(owners: &[Owner], root: RootKey) -> Keys {
    let by_name: BTreeMap<_, _> = owners
        .iter()
        .map(|owner| (owner.name.as_str().to_owned(), owner.keys(&root)))
        .collect();
    Keys::from_ring(root, by_name)
}

/// Puts a file of `bytes` in the place of the one at `path`, in `directory`.
fn write(directory: &Path, path: &Path, bytes: &[u8], after: After<'_>) -> io::Result<()> {
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
