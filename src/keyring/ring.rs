//! The ring: a directory with a file for each owner of keys.
//!
//! A change holds the directory's lock, reads, and replaces one file whole ([`replace`]). Reading takes no lock: a
//! name always leads to a whole file.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::Unusable;
use super::owner::{Change, Owner, OwnerName};
use super::refused::Refused;
use super::replace::{After, FILE_BYTES, replace};
use super::root::private;
use super::sealed;
use crate::transform::{EpochSecret, Keys, RootKey};

/// Owners that a ring may have.
const OWNERS: usize = 10_000;
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
        let mode = fs::metadata(&self.directory).map_err(unreadable)?.mode();
        if mode & 0o002 != 0 {
            return Err(Unusable::new(
                &self.directory,
                "holds keys and other users may write to it, so they could put older ones back; allow this user alone (chmod 700)",
            ));
        }
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
        make_directory(&self.directory)
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

    /// Makes a new epoch of `name` that resolves tokens and makes none until it is [activated](Self::activate).
    ///
    /// # Errors
    /// If it has no current epoch or one is prepared, or the ring cannot be used.
    pub fn prepare(
        &self,
        name: &OwnerName,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        let secret = self.secret()?;
        self.change_existing(name, root, |owner| owner.prepare(secret, now))
    }

    /// Lets the prepared epoch of `name` make the tokens; those of the older ones resolve on.
    ///
    /// # Errors
    /// If none is prepared, or the ring cannot be used.
    pub fn activate(
        &self,
        name: &OwnerName,
        root: &RootKey,
        now: Timestamp,
    ) -> Result<Owner, ChangeError> {
        self.change_existing(name, root, |owner| owner.activate(now))
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
        replace(&self.directory, &path, &sealed::write(&owner, root), after)
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

/// Makes the directory, and those above it that are not there, for this user alone; their names are then on
/// stable storage.
fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    make_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    File::open(parent)?.sync_all()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::transform::Algorithm;

    use super::super::replace::Step;

    const STEPS: [Step; 6] = [
        Step::Cleared,
        Step::Written,
        Step::Synced,
        Step::Renamed,
        Step::Named,
        Step::Overwritten,
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn root() -> RootKey {
        RootKey::from_bytes([9; 32])
    }

    fn name() -> OwnerName {
        OwnerName::new("falls").unwrap()
    }

    /// A ring in a directory of its own, with one owner.
    fn ring() -> (tempfile::TempDir, Ring) {
        let directory = tempfile::tempdir().unwrap();
        let ring = Ring::at(directory.path().join("keys/ring"));
        ring.create(&name(), &root(), at(1)).unwrap();
        (directory, ring)
    }

    fn token_keys(owner: &Owner) -> Vec<(u32, [u8; 32])> {
        let keys = owner.keys(&root());
        let epochs = keys.iter().flat_map(|keys| keys.epochs());
        epochs
            .map(|epoch| (epoch.number(), *epoch.key(Algorithm::HmacSha256, "person")))
            .collect()
    }

    fn read(ring: &Ring) -> Owner {
        ring.owner(&name(), &root()).unwrap().unwrap()
    }

    #[test]
    fn what_is_made_is_there_for_whoever_has_the_root_key() {
        let (_directory, ring) = ring();
        let second = ring.rotate(&name(), &root(), at(2)).unwrap();
        assert_eq!(token_keys(&read(&ring)), token_keys(&second));
        let owners = ring.owners(&root()).unwrap();
        let loaded = keys(&owners, root()).of("falls").unwrap();
        assert_eq!(loaded.current().number(), 2);
        assert_eq!(loaded.epochs().len(), 2);
        let error = ring.owners(&RootKey::from_bytes([8; 32])).unwrap_err();
        assert_eq!(error.place, ring.path(&name()));
        assert!(error.message.contains("another root key"), "{error}");
    }

    /// Three gateways with a copy of the ring each. A copy is brought to one after the other, and at no time does one make a
    /// token under an epoch that another does not have.
    #[test]
    fn a_prepared_rotation_leaves_no_gateway_with_tokens_that_it_cannot_turn_back() {
        type Change = fn(&Ring) -> Result<Owner, ChangeError>;
        let (directory, ring) = ring();
        let bring = |to: &Ring| {
            fs::create_dir_all(&to.directory).unwrap();
            fs::set_permissions(&to.directory, fs::Permissions::from_mode(0o700)).unwrap();
            fs::copy(ring.path(&name()), to.path(&name())).unwrap();
        };
        let gateways = ["a", "b", "c"].map(|of| Ring::at(directory.path().join(of)));
        gateways.iter().for_each(bring);
        let steps: [Change; 2] = [
            |ring| ring.prepare(&name(), &root(), at(2)),
            |ring| ring.activate(&name(), &root(), at(3)),
        ];
        for step in steps {
            step(&ring).unwrap();
            for next in &gateways {
                bring(next);
                for (maker, reader) in gateways
                    .iter()
                    .flat_map(|one| gateways.iter().map(move |other| (one, other)))
                {
                    let made = read(maker).current().unwrap();
                    let key = |of: &Ring| {
                        token_keys(&read(of))
                            .into_iter()
                            .find(|(number, _)| *number == made)
                    };
                    assert!(key(reader).is_some(), "a token of epoch {made}");
                    assert_eq!(key(reader), key(maker));
                }
            }
        }
        assert!(gateways.iter().all(|ring| read(ring).current() == Some(2)));
    }

    #[test]
    fn no_two_secrets_are_the_same() {
        let (_directory, ring) = ring();
        let other = OwnerName::new("other").unwrap();
        ring.create(&other, &root(), at(1)).unwrap();
        ring.rotate(&name(), &root(), at(2)).unwrap();
        let owners = ring.owners(&root()).unwrap();
        let secrets: std::collections::BTreeSet<[u8; 32]> = owners
            .iter()
            .flat_map(|owner| owner.epochs())
            .filter_map(|epoch| epoch.state.secret().map(|secret| *secret.bytes()))
            .collect();
        assert_eq!(secrets.len(), 3);
    }

    #[test]
    fn only_this_user_may_read_what_is_made() {
        let (_directory, ring) = ring();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&ring.directory), 0o700);
        assert_eq!(mode(&ring.path(&name())), 0o600);
        ring.rotate(&name(), &root(), at(2)).unwrap();
        assert_eq!(mode(&ring.path(&name())), 0o600);
        assert_eq!(mode(&ring.directory.join(LOCK_NAME)), 0o600);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_by_its_name() {
        let (_directory, ring) = ring();
        let path = ring.path(&name());
        for mode in [0o604, 0o602, 0o601, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = ring.owners(&root()).unwrap_err();
            assert_eq!(error.place, path);
            assert!(error.message.contains("other users may read it"), "{error}");
            let error = ring.rotate(&name(), &root(), at(2)).unwrap_err();
            assert!(matches!(error, ChangeError::Unusable(_)));
        }
    }

    #[test]
    fn a_ring_that_others_may_write_to_is_refused() {
        let (_directory, ring) = ring();
        fs::set_permissions(&ring.directory, fs::Permissions::from_mode(0o703)).unwrap();
        let error = ring.owners(&root()).unwrap_err();
        assert_eq!(error.place, ring.directory);
        assert!(
            error.message.contains("other users may write to it"),
            "{error}"
        );
    }

    #[test]
    fn files_that_are_none_of_the_rings_are_passed_over_or_refused() {
        let (_directory, ring) = ring();
        for passed in [".falls.json.new", ".swp.json", "README", "falls.json.bak"] {
            fs::write(ring.directory.join(passed), "x").unwrap();
        }
        assert_eq!(ring.owners(&root()).unwrap().len(), 1);
        for refused in ["Falls.json", "falls prevention.json", "other.json"] {
            let path = ring.directory.join(refused);
            fs::write(&path, "{}\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(ring.owners(&root()).unwrap_err().place, path);
            fs::remove_file(path).unwrap();
        }
        assert!(
            Ring::at("/nowhere/at/all")
                .owners(&root())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn keys_that_are_not_there_are_not_changed_into_being() {
        let (_directory, ring) = ring();
        let other = OwnerName::new("other").unwrap();
        let missing = ChangeError::Refused(Refused::NoKeys {
            owner: other.clone(),
        });
        for ring in [&ring, &Ring::at("/nowhere/at/all")] {
            let rotated = ring.rotate(&other, &root(), at(2)).unwrap_err();
            let retired = ring.retire(&other, 1, &root(), at(2)).unwrap_err();
            let destroyed = ring.destroy(&other, None, &root(), at(2)).unwrap_err();
            assert_eq!(
                [rotated, retired, destroyed],
                [(); 3].map(|()| missing.clone())
            );
        }
        assert!(!ring.path(&other).exists());
    }

    /// Rotates, but ends after `last` as a kill would.
    fn killed_rotation(ring: &Ring, last: Step) -> Result<Owner, ChangeError> {
        let secret = ring.secret().unwrap();
        let mut after = |step| {
            if step == last {
                Err(io::Error::other("killed"))
            } else {
                Ok(())
            }
        };
        ring.change(&name(), &root(), &mut after, |before| {
            let mut owner = before.unwrap();
            owner.rotate(secret, at(2))?;
            Ok(owner)
        })
    }

    #[test]
    fn a_kill_at_any_step_of_a_rotation_loses_no_key() {
        for last in STEPS {
            let (_directory, ring) = ring();
            let before = token_keys(&read(&ring));
            killed_rotation(&ring, last).unwrap_err();
            // What is there is whole: the old or the new.
            let found = token_keys(&read(&ring));
            let renamed = matches!(last, Step::Renamed | Step::Named | Step::Overwritten);
            assert_eq!(found.len(), before.len() + usize::from(renamed), "{last:?}");
            assert!(found.starts_with(&before), "{last:?}");
            // And the next change goes on from there, whatever was left beside.
            ring.rotate(&name(), &root(), at(3)).unwrap();
            let then = token_keys(&read(&ring));
            assert!(then.starts_with(&found), "{last:?}");
            assert_eq!(then.len(), found.len() + 1, "{last:?}");
        }
    }

    #[test]
    fn a_kill_at_any_step_of_the_first_write_leaves_nothing_or_all() {
        for last in STEPS {
            let directory = tempfile::tempdir().unwrap();
            let ring = Ring::at(directory.path());
            let secret = ring.secret().unwrap();
            let mut after = |step| match step == last {
                true => Err(io::Error::other("killed")),
                false => Ok(()),
            };
            ring.change(&name(), &root(), &mut after, |before| {
                Owner::create(before, name(), secret, at(1))
            })
            .unwrap_err();
            let renamed = matches!(last, Step::Renamed | Step::Named | Step::Overwritten);
            assert_eq!(
                ring.owners(&root()).unwrap().len(),
                usize::from(renamed),
                "{last:?}"
            );
            let again = ring.create(&name(), &root(), at(2));
            assert_eq!(again.is_err(), renamed, "{last:?}");
            assert_eq!(read(&ring).current(), Some(1));
        }
    }

    /// All bytes of all files in the ring.
    fn all_bytes(ring: &Ring) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in fs::read_dir(&ring.directory).unwrap() {
            bytes.extend(fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }

    fn wrapped_secrets(ring: &Ring) -> Vec<String> {
        let text = fs::read_to_string(ring.path(&name())).unwrap();
        let mut pieces = text.split("\"secret\":\"");
        pieces.next();
        pieces.map(|piece| piece[..96].to_owned()).collect()
    }

    #[test]
    fn a_destroyed_secret_is_nowhere_in_the_ring_and_no_root_key_brings_it_back() {
        for last in STEPS {
            let (_directory, ring) = ring();
            // A rotation was killed before, so that a copy lies beside.
            drop(killed_rotation(&ring, last));
            ring.owner(&name(), &root()).unwrap();
            let secrets = wrapped_secrets(&ring);
            // What is replaced is overwritten, also for one who has it open.
            let replaced = File::open(ring.path(&name())).unwrap();
            let owner = ring.destroy(&name(), None, &root(), at(4)).unwrap();
            assert!(owner.keys(&root()).is_none());
            assert!(read(&ring).keys(&root()).is_none());
            let left = String::from_utf8(all_bytes(&ring)).unwrap();
            for secret in &secrets {
                assert!(!left.contains(secret), "{last:?}");
            }
            assert!(!left.contains("\"secret\""), "{last:?}");
            let mut bytes = Vec::new();
            (&replaced).read_to_end(&mut bytes).unwrap();
            assert!(bytes.iter().all(|byte| *byte == 0), "{last:?}");
            let loaded = keys(&ring.owners(&root()).unwrap(), root());
            assert!(loaded.of("falls").is_err());
        }
    }

    #[test]
    fn many_that_change_at_once_all_have_their_change() {
        let (_directory, ring) = ring();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        ring.rotate(&name(), &root(), at(2)).unwrap();
                    }
                });
            }
            // Reading meanwhile finds a whole file, always.
            for _ in 0..50 {
                assert!(!token_keys(&read(&ring)).is_empty());
            }
        });
        let owner = read(&ring);
        assert_eq!(owner.current(), Some(21));
        assert_eq!(token_keys(&owner).len(), 21);
    }

    #[test]
    fn what_a_ledger_has_entered_is_taken_out() {
        use super::super::Evidence;
        let (_directory, ring) = ring();
        ring.rotate(&name(), &root(), at(2)).unwrap();
        let evidence = Evidence::of(ring.clone(), root(), &ring.owners(&root()).unwrap());
        assert_eq!(evidence.events().count(), 2);
        // A change that comes meanwhile stays.
        ring.retire(&name(), 1, &root(), at(3)).unwrap();
        evidence.entered().unwrap();
        let rest = Evidence::of(ring.clone(), root(), &ring.owners(&root()).unwrap());
        assert_eq!(rest.events().count(), 1);
        assert!(rest.beyond(&rest).is_empty());
        assert!(!rest.beyond(&evidence).is_empty());
        evidence.entered().unwrap();
        rest.entered().unwrap();
        assert!(read(&ring).unentered().is_empty());
    }
}
