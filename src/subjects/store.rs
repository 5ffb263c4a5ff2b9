//! The file of the store: read without a lock, appended to under one.
//!
//! A change is a whole line or none: what a killed writer left without its line feed is no line, and the next writer cuts
//! it off. Nothing else is ever cut off or changed, so that a reader that has read so far may read on from there.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::line::{Act, Chain, Change, LINE_BYTES, LINE_TOKENS, Line, LineFault};
use crate::rights::{Full, Lists, Token};

/// A store, read so far.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    read: ReadSoFar,
}

/// What one reading of the file came to.
#[derive(Debug, Clone)]
struct ReadSoFar {
    lists: Lists,
    chain: Chain,
    /// Bytes of whole lines.
    bytes: u64,
    /// Device and inode.
    file: (u64, u64),
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Subjects about whom something is new.
    pub changed: usize,
    /// Subjects about whom it was so already.
    pub unchanged: usize,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not there.
    #[error("{}: no such store; make one with `fieldgate subjects create`, or put the file back if there was one", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{}: there is a file already; a store is made once", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line does not hold.
    #[error("{}, line {line}: {fault}; keep the file as evidence and put a copy back that holds", path.display())]
    Broken {
        /// The store.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// Lines that were read before are gone.
    #[error("{}: entries that were in force are gone from it; put the file back as it was", .0.display())]
    Lost(PathBuf),
    /// There is no room.
    #[error("{}: {full}", path.display())]
    Full {
        /// The store.
        path: PathBuf,
        /// What it has too many of.
        full: Full,
    },
}

impl Store {
    /// Makes an empty store at `path`, readable by its owner alone, sealed under `key`.
    ///
    /// # Errors
    /// If there is a file already, or the system refuses.
    pub fn create(path: &Path, key: Zeroizing<[u8; 32]>, at: Timestamp) -> Result<(), StoreError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::Exists(path.to_owned()),
                _ => system("make", path)(error),
            })?;
        let mut line = Vec::new();
        Chain::new(&key).begin(at, &mut line);
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        file.write_all(&line)
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(directory)?.sync_all())
            .map_err(system("write", path))
    }

    /// Reads the store at `path`.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or a line of it does not hold.
    pub fn open(path: &Path, key: Zeroizing<[u8; 32]>) -> Result<Self, StoreError> {
        let read = ReadSoFar::begin(path, &key)?;
        Ok(Self {
            path: path.to_owned(),
            key,
            read,
        })
    }

    /// What is entered, as of the last reading. A clone is a snapshot.
    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.read.lists
    }

    /// Lines read, the first included.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.read.chain.head().0
    }

    /// Reads what is new. Gives whether there was anything.
    ///
    /// # Errors
    /// As [`Store::open`], and if what was read before is no longer there. What was read stays.
    pub fn refresh(&mut self) -> Result<bool, StoreError> {
        let metadata = std::fs::metadata(&self.path).map_err(cannot_read(&self.path))?;
        let is_same = (metadata.dev(), metadata.ino()) == self.read.file;
        if is_same && metadata.len() == self.read.bytes {
            return Ok(false);
        }
        if is_same && metadata.len() > self.read.bytes {
            let mut file = File::open(&self.path).map_err(cannot_read(&self.path))?;
            return self.read.read_on(&self.path, &mut file, &mut |_| {});
        }
        // Another file, or a shorter one: it has to begin with all that was read.
        let head = self.read.chain.head();
        let mut read = ReadSoFar::new(&self.key);
        let mut file = File::open(&self.path).map_err(cannot_read(&self.path))?;
        let mut holds_all = false;
        read.file = identity(&file, &self.path)?;
        read.read_until(&self.path, &mut file, &mut |read| {
            holds_all |= read.chain.head() == head;
        })?;
        if !holds_all {
            return Err(StoreError::Lost(self.path.clone()));
        }
        self.read = read;
        Ok(true)
    }

    /// Makes `change` about `subjects`: durable when this returns.
    ///
    /// Those about whom it is so already are left out, so that the same list entered again adds nothing.
    ///
    /// # Errors
    /// If the store cannot be read or written. What was written of a long list before that is entered; the same change
    /// made again enters the rest.
    pub fn change(
        &mut self,
        change: &Change,
        subjects: &[Token],
        at: Timestamp,
    ) -> Result<Entered, StoreError> {
        let mut file = self.lock()?;
        self.append(&mut file, change, subjects, at)
    }

    /// Makes what `change` enters true of `subjects` and of nobody else. Gives what was entered, and how many it was
    /// withdrawn from. `allows` is asked first, with how many have it now and how many of these would lose it.
    ///
    /// # Errors
    /// As [`Store::change`]. Where `allows` says no, nothing is changed and this gives `Ok(None)`.
    pub fn replace(
        &mut self,
        change: &Change,
        subjects: &[Token],
        at: Timestamp,
        allows: impl FnOnce(usize, usize) -> bool,
    ) -> Result<Option<(Entered, usize)>, StoreError> {
        let Act::Enter(entry) = change.act().clone() else {
            return Ok(None);
        };
        let mut file = self.lock()?;
        let mut wanted = subjects.to_vec();
        wanted.sort_unstable();
        let have: Vec<Token> = self
            .lists()
            .iter()
            .filter(|(_, held)| held.fact == entry.fact)
            .map(|(token, _)| *token)
            .collect();
        let lose: Vec<Token> = have
            .iter()
            .filter(|token| wanted.binary_search(token).is_err())
            .copied()
            .collect();
        if !allows(have.len(), lose.len()) {
            return Ok(None);
        }
        // What protects comes first: a kill between the two leaves too many on the list.
        let entered = self.append(&mut file, change, &wanted, at)?;
        let withdrawal = change.doing(Act::Withdraw(entry.fact));
        let withdrawn = self.append(&mut file, &withdrawal, &lose, at)?;
        Ok(Some((entered, withdrawn.changed)))
    }

    /// Every change about `subject`, oldest first. Reads the whole file.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn history(&self, subject: &Token) -> Result<Vec<Line>, StoreError> {
        let mut history = Vec::new();
        let mut file = File::open(&self.path).map_err(cannot_read(&self.path))?;
        let mut chain = Chain::new(&self.key);
        each_line(&self.path, &mut file, &mut chain, &mut |line, _| {
            if let Some(mut line) = line
                && line.subjects.contains(subject)
            {
                line.subjects = vec![*subject];
                history.push(line);
            }
            Ok(())
        })?;
        Ok(history)
    }

    /// The latest `most` changes, oldest first. Reads the whole file.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn latest(&self, most: usize) -> Result<Vec<Line>, StoreError> {
        let mut latest = VecDeque::new();
        let mut file = File::open(&self.path).map_err(cannot_read(&self.path))?;
        let mut chain = Chain::new(&self.key);
        each_line(&self.path, &mut file, &mut chain, &mut |line, _| {
            latest.extend(line);
            if latest.len() > most {
                latest.pop_front();
            }
            Ok(())
        })?;
        Ok(latest.into())
    }

    /// The file, locked for one writer, with all that is in it read and what a killed writer left cut off.
    fn lock(&mut self) -> Result<File, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.path)
            .map_err(cannot_read(&self.path))?;
        file.lock().map_err(system("lock", &self.path))?;
        self.refresh()?;
        // Who put another file in this one's place meanwhile would have the change written where nobody reads it.
        if identity(&file, &self.path)? != self.read.file {
            return Err(StoreError::System {
                action: "lock",
                path: self.path.clone(),
                source: io::Error::other("the file was replaced meanwhile; try again"),
            });
        }
        file.set_len(self.read.bytes)
            .map_err(system("cut an unfinished line off", &self.path))?;
        Ok(file)
    }

    fn append(
        &mut self,
        file: &mut File,
        change: &Change,
        subjects: &[Token],
        at: Timestamp,
    ) -> Result<Entered, StoreError> {
        let lists = self.lists();
        let is_new = |subject: &Token| match change.act() {
            Act::Enter(entry) => !lists.of(subject).any(|held| held == entry),
            Act::Withdraw(fact) => lists.of(subject).any(|held| fact.withdraws(&held.fact)),
        };
        let mut all = subjects.to_vec();
        all.sort_unstable();
        all.dedup();
        let changed: Vec<Token> = all.iter().filter(|token| is_new(token)).copied().collect();
        if let Act::Enter(entry) = change.act() {
            // Nothing is written that could not be read back.
            let full = |full| StoreError::Full {
                path: self.path.clone(),
                full,
            };
            lists.has_room(entry, changed.len()).map_err(full)?;
        }
        let mut chain = self.read.chain.clone();
        let mut lines = Vec::new();
        for subjects in changed.chunks(LINE_TOKENS) {
            lines.clear();
            chain.write(change, at, subjects, &mut lines);
            file.write_all(&lines)
                .map_err(system("write", &self.path))?;
        }
        if !changed.is_empty() {
            file.sync_data().map_err(system("sync", &self.path))?;
            // What counts is what the file says.
            self.refresh()?;
        }
        Ok(Entered {
            changed: changed.len(),
            unchanged: all.len() - changed.len(),
        })
    }
}

impl ReadSoFar {
    fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            lists: Lists::new(),
            chain: Chain::new(key),
            bytes: 0,
            file: (0, 0),
        }
    }

    fn begin(path: &Path, key: &Zeroizing<[u8; 32]>) -> Result<Self, StoreError> {
        let mut file = File::open(path).map_err(cannot_read(path))?;
        let mut read = Self::new(key);
        read.file = identity(&file, path)?;
        read.read_until(path, &mut file, &mut |_| {})?;
        Ok(read)
    }

    /// Reads the whole lines behind those that were read; after an error, none of them. Gives whether there were any.
    fn read_on(
        &mut self,
        path: &Path,
        file: &mut File,
        told: &mut dyn FnMut(&Self),
    ) -> Result<bool, StoreError> {
        let mut further = self.clone();
        further.read_until(path, file, told)?;
        let any = further.bytes > self.bytes;
        *self = further;
        Ok(any)
    }

    fn read_until(
        &mut self,
        path: &Path,
        file: &mut File,
        told: &mut dyn FnMut(&Self),
    ) -> Result<(), StoreError> {
        file.seek(SeekFrom::Start(self.bytes))
            .map_err(system("read", path))?;
        let mut chain = self.chain.clone();
        // Lines that say the same about more subjects, as an import has them, are entered together: a change makes the
        // shards that it touches anew.
        let mut same = Gathered::default();
        let result = each_line(path, file, &mut chain, &mut |line, at| {
            if let Some(line) = line {
                same.take(line, &mut self.lists)
                    .map_err(|full| StoreError::Full {
                        path: path.to_owned(),
                        full,
                    })?;
            }
            self.bytes += at.bytes;
            self.chain = at.chain.clone();
            told(self);
            Ok(())
        });
        result?;
        same.enter(&mut self.lists)
            .map_err(|full| StoreError::Full {
                path: path.to_owned(),
                full,
            })
    }
}

/// Subjects of lines that do the same.
#[derive(Default)]
struct Gathered {
    act: Option<Act>,
    subjects: Vec<Token>,
}

impl Gathered {
    /// Subjects gathered at most: some 4 MiB.
    const MOST: usize = 1 << 18;

    fn take(&mut self, line: Line, lists: &mut Lists) -> Result<(), Full> {
        if self.act.as_ref() != Some(&line.act) || self.subjects.len() >= Self::MOST {
            self.enter(lists)?;
            self.act = Some(line.act);
        }
        self.subjects.extend_from_slice(&line.subjects);
        Ok(())
    }

    fn enter(&mut self, lists: &mut Lists) -> Result<(), Full> {
        match self.act.take() {
            None => {}
            Some(Act::Enter(entry)) => drop(lists.enter(&entry, &self.subjects)?),
            Some(Act::Withdraw(fact)) => {
                lists.withdraw(&fact, &self.subjects);
            }
        }
        self.subjects.clear();
        Ok(())
    }
}

/// Where a reading is, after a line.
struct At<'a> {
    chain: &'a Chain,
    /// Of the line, its end included.
    bytes: u64,
}

/// Hands each whole line from where `file` is to `take`. An unfinished one at the end is none.
fn each_line(
    path: &Path,
    file: &mut File,
    chain: &mut Chain,
    take: &mut dyn FnMut(Option<Line>, At<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut reader = BufReader::with_capacity(LINE_BYTES, file);
    let mut line = Vec::new();
    loop {
        let number = chain.head().0 + 1;
        let broken = |fault| StoreError::Broken {
            path: path.to_owned(),
            line: number,
            fault,
        };
        line.clear();
        (&mut reader)
            .take(LINE_BYTES as u64)
            .read_until(b'\n', &mut line)
            .map_err(system("read", path))?;
        let Some((b'\n', text)) = line.split_last() else {
            if line.len() == LINE_BYTES {
                return Err(broken(LineFault::Long));
            }
            return match number {
                // A store has its first line from the moment that it is made, or it is none.
                1 => Err(broken(LineFault::Form)),
                _ => Ok(()),
            };
        };
        let read = chain.read(text).map_err(broken)?;
        let bytes = line.len() as u64;
        take(read, At { chain, bytes })?;
    }
}

fn identity(file: &File, path: &Path) -> Result<(u64, u64), StoreError> {
    let metadata = file.metadata().map_err(system("read", path))?;
    Ok((metadata.dev(), metadata.ino()))
}

fn cannot_read(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => system("open", path)(error),
    }
}

fn system<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::System {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::rights::{Entry, Fact};
    use crate::subjects::token_text;

    fn key() -> Zeroizing<[u8; 32]> {
        Zeroizing::new([5; 32])
    }

    fn at() -> Timestamp {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    fn enter(text: &str) -> Change {
        let entry = Entry::of(text.parse().unwrap());
        Change::new(Act::Enter(entry), "dpo", "letter", Some("L-1"), None).unwrap()
    }

    fn withdraw(text: &str) -> Change {
        let act = Act::Withdraw(text.parse().unwrap());
        Change::new(act, "dpo", "letter", None, None).unwrap()
    }

    fn token(number: u32) -> Token {
        let mut token = [0; 16];
        token[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        token[4..8].copy_from_slice(&number.to_be_bytes());
        token
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            Store::create(&folder.path(), key(), at()).unwrap();
            folder
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("subjects")
        }

        fn open(&self) -> Store {
            self.try_open().unwrap()
        }

        fn try_open(&self) -> Result<Store, StoreError> {
            Store::open(&self.path(), key())
        }
    }

    fn facts(store: &Store, token: Token) -> Vec<String> {
        let entries = store.lists().of(&token);
        entries.map(|entry| entry.fact.to_string()).collect()
    }

    #[test]
    fn what_one_writes_another_reads_on() {
        let folder = Folder::new();
        let (mut one, mut other) = (folder.open(), folder.open());
        let people: Vec<Token> = (0..3_000).map(token).collect();
        let entered = one.change(&enter("objection"), &people, at()).unwrap();
        assert_eq!((entered.changed, entered.unchanged), (3_000, 0));
        assert!(other.refresh().unwrap());
        assert!(!other.refresh().unwrap());
        assert_eq!(other.lists().len(), 3_000);
        let entered = other
            .change(&withdraw("objection"), &people[..1], at())
            .unwrap();
        assert_eq!(entered.changed, 1);
        // The first writer has not looked since: it reads before it writes.
        let entered = one.change(&enter("objection"), &people[..2], at()).unwrap();
        assert_eq!((entered.changed, entered.unchanged), (1, 1));
        assert_eq!(folder.open().lists().len(), 3_000);
        assert_eq!(one.history(&people[0]).unwrap().len(), 3);
        assert_eq!(one.history(&people[1]).unwrap().len(), 1);
    }

    #[test]
    fn a_change_that_says_nothing_new_leaves_the_file_as_it_is() {
        let folder = Folder::new();
        let mut store = folder.open();
        store.change(&enter("child"), &[token(1)], at()).unwrap();
        let before = fs::read(folder.path()).unwrap();
        let entered = store
            .change(&enter("child"), &[token(1), token(1)], at())
            .unwrap();
        assert_eq!((entered.changed, entered.unchanged), (0, 1));
        store
            .change(&withdraw("deceased"), &[token(1)], at())
            .unwrap();
        assert_eq!(fs::read(folder.path()).unwrap(), before);
    }

    #[test]
    fn a_file_cut_at_any_byte_has_the_whole_lines_before_it_and_can_be_written_on() {
        let folder = Folder::new();
        let mut store = folder.open();
        let mut whole = vec![fs::metadata(folder.path()).unwrap().len()];
        for number in 0..3 {
            store
                .change(&enter("child"), &[token(number)], at())
                .unwrap();
            whole.push(fs::metadata(folder.path()).unwrap().len());
        }
        let bytes = fs::read(folder.path()).unwrap();
        for cut in 0..=bytes.len() {
            fs::write(folder.path(), &bytes[..cut]).unwrap();
            let lines = whole.iter().filter(|&&end| end as usize <= cut).count();
            let Some(people) = lines.checked_sub(1) else {
                assert!(folder.try_open().is_err(), "{cut}");
                continue;
            };
            let mut store = folder.open();
            assert_eq!(store.lists().len(), people, "{cut}");
            store.change(&enter("deceased"), &[token(9)], at()).unwrap();
            assert_eq!(folder.open().lists().len(), people + 1, "{cut}");
        }
    }

    #[test]
    fn a_byte_changed_anywhere_is_found() {
        let folder = Folder::new();
        let mut store = folder.open();
        store.change(&enter("child"), &[token(1)], at()).unwrap();
        store.change(&withdraw("child"), &[token(1)], at()).unwrap();
        let bytes = fs::read(folder.path()).unwrap();
        for place in 0..bytes.len() - 1 {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(folder.path(), &changed).unwrap();
            assert!(folder.try_open().is_err(), "{place}");
        }
    }

    #[test]
    fn entries_that_were_read_and_are_gone_are_told_and_stay_in_force() {
        let folder = Folder::new();
        let mut store = folder.open();
        let before = fs::read(folder.path()).unwrap();
        store
            .change(&enter("court-restricted"), &[token(1)], at())
            .unwrap();
        let after = fs::read(folder.path()).unwrap();
        fs::write(folder.path(), &before).unwrap();
        assert!(matches!(store.refresh(), Err(StoreError::Lost(_))));
        assert_eq!(facts(&store, token(1)), ["court-restricted"]);
        assert!(matches!(
            store.change(&enter("child"), &[token(2)], at()),
            Err(StoreError::Lost(_))
        ));
        fs::remove_file(folder.path()).unwrap();
        assert!(matches!(store.refresh(), Err(StoreError::Missing(_))));
        // Another file of the same content is as good: a restored copy.
        fs::write(folder.path(), &after).unwrap();
        store.refresh().unwrap();
        store.change(&enter("child"), &[token(2)], at()).unwrap();
        assert_eq!(folder.open().lists().len(), 2);
    }

    #[test]
    fn a_list_that_is_replaced_takes_what_it_no_longer_has() {
        let folder = Folder::new();
        let mut store = folder.open();
        let list = enter("opt-out:ndop");
        store
            .change(&list, &[token(1), token(2), token(3)], at())
            .unwrap();
        store
            .change(&enter("opt-out:other"), &[token(3)], at())
            .unwrap();
        let new = [token(2), token(4)];
        let refused = store.replace(&list, &new, at(), |have, lose| {
            assert_eq!((have, lose), (3, 2));
            false
        });
        assert_eq!(refused.unwrap(), None);
        let (entered, withdrawn) = store
            .replace(&list, &new, at(), |_, _| true)
            .unwrap()
            .unwrap();
        assert_eq!((entered.changed, entered.unchanged, withdrawn), (1, 1, 2));
        assert_eq!(facts(&store, token(3)), ["opt-out:other"]);
        let fact: Fact = "opt-out:ndop".parse().unwrap();
        assert_eq!(store.lists().counts()[&fact], 2);
    }

    #[test]
    fn a_store_is_made_once_and_one_that_is_not_there_is_no_empty_one() {
        let folder = Folder::new();
        assert!(matches!(
            Store::create(&folder.path(), key(), at()),
            Err(StoreError::Exists(_))
        ));
        let other = folder.path().with_extension("other");
        assert!(matches!(
            Store::open(&other, key()),
            Err(StoreError::Missing(_))
        ));
        assert!(matches!(
            Store::open(&folder.path(), Zeroizing::new([6; 32])),
            Err(StoreError::Broken {
                line: 1,
                fault: LineFault::Seal,
                ..
            })
        ));
    }

    #[test]
    fn the_file_holds_tokens_and_what_was_said_of_them() {
        let folder = Folder::new();
        folder
            .open()
            .change(&enter("objection"), &[token(1)], at())
            .unwrap();
        let text = fs::read_to_string(folder.path()).unwrap();
        assert!(text.contains(&token_text(&token(1))));
        assert!(text.contains("\"by\":\"dpo\",\"why\":\"letter\",\"reference\":\"L-1\""));
        let mode = fs::metadata(folder.path()).unwrap().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
