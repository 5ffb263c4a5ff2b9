//! A file of lines that several processes may add to, and none ever changes: cases, incidents, alerts.
//!
//! Whoever writes has the file's lock, has first read what others added, and writes whole lines. A process that is
//! killed leaves its lines or nothing; a machine that stops can leave half a line at the end, which the next writer
//! cuts off. Lines hold names of the configuration, counts and keyed digests, nothing about anybody (P7).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Bytes that a journal may have. One that is longer is not read and not written.
pub const JOURNAL_BYTES: u64 = 64 << 20;

/// What the lines of a journal say together.
pub trait State: Default {
    /// Takes one line, in the order of the file.
    ///
    /// # Errors
    /// If it is no line of this journal.
    fn apply(&mut self, line: &str) -> Result<(), NotALine>;
}

/// A line that is none of its journal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line of this file")]
pub struct NotALine;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system does not let it be read or written.
    #[error("{}: {source}; see that this user may write it and that the disk has room", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of it is none of ours.
    #[error("{}:{line}: this line was not written by fieldgate; restore the file, or move it away to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// It is longer than [`JOURNAL_BYTES`].
    #[error("{}: longer than 64 MiB; move it away to begin anew, and keep it", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// A journal, open, with what its lines say as far as they were read.
#[derive(Debug)]
pub struct Journal<S> {
    path: PathBuf,
    file: File,
    state: S,
    /// Bytes and lines that were read and applied.
    read: u64,
    lines: u64,
}

impl<S: State> Journal<S> {
    /// Opens the journal at `path`, or begins it, in a directory that is made where there is none. Only this user may
    /// read either.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let opened = (|| {
            if let Some(directory) = path.parent() {
                let mut builder = fs::DirBuilder::new();
                builder.recursive(true).mode(0o700).create(directory)?;
            }
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600);
            options.open(path)
        })();
        let file = opened.map_err(|source| JournalError::System {
            path: path.to_owned(),
            source,
        })?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            state: S::default(),
            read: 0,
            lines: 0,
        };
        journal.refresh()?;
        Ok(journal)
    }

    /// What the lines say that were read so far.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Reads what others have added since.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn refresh(&mut self) -> Result<(), JournalError> {
        self.locked(FlockOperation::LockShared, |journal| {
            journal.read_on().map(drop)
        })
    }

    /// Reads what others have added and appends the lines that `decide` makes of the state, each without its end. They
    /// are in the system's cache when this returns: they outlive the process.
    ///
    /// # Errors
    /// If it cannot be read or written; else as `decide`, and then nothing is written.
    pub fn update<T, E>(
        &mut self,
        decide: impl FnOnce(&S) -> Result<(Vec<String>, T), E>,
    ) -> Result<Result<T, E>, JournalError> {
        self.locked(FlockOperation::LockExclusive, |journal| {
            let half_a_line = journal.read_on()?;
            let (lines, answer) = match decide(&journal.state) {
                Ok(decided) => decided,
                Err(error) => return Ok(Err(error)),
            };
            if lines.is_empty() {
                return Ok(Ok(answer));
            }
            if half_a_line {
                journal.system(|journal| journal.file.set_len(journal.read))?;
            }
            let mut bytes = Vec::new();
            for line in &lines {
                debug_assert!(!line.contains('\n'), "a line has no end inside");
                bytes.extend_from_slice(line.as_bytes());
                bytes.push(b'\n');
            }
            if journal.read + bytes.len() as u64 > JOURNAL_BYTES {
                return Err(JournalError::TooLong {
                    path: journal.path.clone(),
                });
            }
            journal.system(|journal| journal.file.write_all(&bytes))?;
            journal.read_on()?;
            Ok(Ok(answer))
        })
    }

    /// Sees to the disk what was written.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.system(|journal| journal.file.sync_data())
    }

    /// Begins anew with `lines` in the place of all that there was. For a journal that one process alone uses.
    ///
    /// # Errors
    /// If it cannot be written; then the old one stays.
    pub fn begin_anew(&mut self, lines: &[String]) -> Result<(), JournalError> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = (|| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&beside)?;
            for line in lines {
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
            }
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        })();
        written.map_err(|source| JournalError::System {
            path: beside,
            source,
        })?;
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.read
    }

    fn locked<T>(
        &mut self,
        how: FlockOperation,
        act: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.system(|journal| Ok(flock(&journal.file, how)?))?;
        let acted = act(self);
        // A lock that cannot be given back goes with the process.
        flock(&self.file, FlockOperation::Unlock).unwrap_or(());
        acted
    }

    /// Applies the whole lines that were not read yet; whether half a line follows them.
    fn read_on(&mut self) -> Result<bool, JournalError> {
        let mut bytes = Vec::new();
        let length = self.system(|journal| Ok(journal.file.metadata()?.len()))?;
        if length > JOURNAL_BYTES {
            return Err(JournalError::TooLong {
                path: self.path.clone(),
            });
        }
        self.system(|journal| {
            journal.file.seek(SeekFrom::Start(journal.read))?;
            (&journal.file)
                .take(JOURNAL_BYTES)
                .read_to_end(&mut bytes)
                .map(drop)
        })?;
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            let applied = std::str::from_utf8(&line[..end])
                .map_err(|_| NotALine)
                .and_then(|line| self.state.apply(line));
            applied.map_err(|NotALine| JournalError::Damaged {
                path: self.path.clone(),
                line: self.lines + 1,
            })?;
            self.read += line.len() as u64;
            self.lines += 1;
            rest = after;
        }
        Ok(!rest.is_empty())
    }

    fn system<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> Result<T, JournalError> {
        act(self).map_err(|source| JournalError::System {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Numbers, one a line.
    #[derive(Debug, Default)]
    struct Sum(u64);

    impl State for Sum {
        fn apply(&mut self, line: &str) -> Result<(), NotALine> {
            self.0 += line.parse::<u64>().map_err(|_| NotALine)?;
            Ok(())
        }
    }

    fn add(journal: &mut Journal<Sum>, number: u64) -> u64 {
        let added = journal.update(|sum| Ok::<_, Infallible>((vec![number.to_string()], sum.0)));
        match added.unwrap() {
            Ok(before) => before,
        }
    }

    #[test]
    fn two_writers_each_see_what_the_other_has_added_before_they_add() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/sum");
        let (mut one, mut two) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        assert_eq!(add(&mut one, 1), 0);
        assert_eq!(add(&mut two, 2), 1);
        assert_eq!(add(&mut one, 4), 3);
        two.refresh().unwrap();
        assert_eq!(two.state().0, 7);
    }

    #[test]
    fn half_a_line_at_the_end_is_cut_off_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sum");
        fs::write(&path, "1\n2\n3").unwrap();
        let mut journal = Journal::<Sum>::open(&path).unwrap();
        assert_eq!(journal.state().0, 3);
        add(&mut journal, 4);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n4\n");
    }

    #[test]
    fn a_foreign_line_is_named_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sum");
        fs::write(&path, "1\nx\n3\n").unwrap();
        let error = Journal::<Sum>::open(&path).unwrap_err();
        assert!(
            matches!(error, JournalError::Damaged { line: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_journal_can_begin_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sum");
        let mut journal = Journal::<Sum>::open(&path).unwrap();
        add(&mut journal, 1);
        add(&mut journal, 2);
        journal.begin_anew(&["3".to_owned()]).unwrap();
        assert_eq!(add(&mut journal, 4), 3);
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n4\n");
    }
}
