//! The files of the counts: what [`Meters`] keep outlives the process.
//!
//! Lines are appended to the newest of several segments, and written to the system's cache before anything is permitted
//! by them, so that a killed process has forgotten nothing. The disk has them within a second: what a machine that loses its power forgets
//! is what was counted in its last second. Whatever stands in the segments, in any order, restores the counts, so that
//! a compaction begins a new segment, has every count kept in it whole, and then takes the older ones away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::volume::{Keep, Kept, Meters, NotKept, Window};

/// Fingerprints in one line: some 17 KB.
const MEMBERS: usize = 1_000;

/// How often counts are read again whose segments go while they are read.
const READ_AGAIN: usize = 3;

/// A new segment is begun when the newest has this much more than twice what the counts take.
const SLACK_BYTES: u64 = 4 << 20;

/// The counts' files, open for writing by this process alone.
pub(crate) struct CountFiles {
    directory: PathBuf,
    newest: Mutex<Segment>,
    /// Held as long as this lives.
    _lock: File,
}

struct Segment {
    number: u64,
    file: File,
    bytes: u64,
    /// What it had when every count had been kept in it.
    whole_bytes: u64,
    unsynced: bool,
}

/// A line of a segment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    of: &'a str,
    from: Timestamp,
    until: Timestamp,
    #[serde(default, skip_serializing_if = "is_nought")]
    number: u64,
    /// Fingerprints of 16 hexadecimal digits each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    members: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives a reference to it"
)]
fn is_nought(number: &u64) -> bool {
    *number == 0
}

/// What is kept of the counts in `directory`, read beside a gateway that may be writing them; nothing where there are none.
///
/// # Errors
/// With one sentence: if they cannot be read, or hold what is not ours.
pub(crate) fn kept_in(directory: &Path) -> Result<Vec<Kept>, String> {
    let fault = |error: &io::Error| {
        format!(
            "{}: the counts of quotas cannot be read ({error})",
            directory.display()
        )
    };
    // A compaction keeps every count in a new segment before it takes an older one away: what is gone is read again there.
    let mut gone = None;
    for _ in 0..READ_AGAIN {
        let numbers = match segments(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            numbers => numbers.map_err(|error| fault(&error))?,
        };
        let mut kept = Vec::new();
        let all: io::Result<Vec<Result<(), u64>>> = numbers
            .iter()
            .map(|number| read(&path(directory, *number), &mut kept))
            .collect();
        match all {
            Ok(lines) if lines.iter().all(Result::is_ok) => return Ok(kept),
            Ok(_) => {
                return Err(format!(
                    "{}: what is there is no account of quotas",
                    directory.display()
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => gone = Some(error),
            Err(error) => return Err(fault(&error)),
        }
    }
    let gone = gone.expect("it was read at least once");
    Err(fault(&gone))
}

impl CountFiles {
    /// Opens the counts in `directory`, which is made where there is none, and gives what was kept in them.
    ///
    /// # Errors
    /// With one sentence: if they cannot be read or written, are another process's, or hold what is not ours.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Vec<Kept>), String> {
        let fault = |error: &io::Error| {
            format!(
                "{}: the counts of quotas cannot be used ({error}); see that this user may write there and that the disk has room",
                directory.display()
            )
        };
        let lock = lock_directory(directory).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                format!(
                    "{}: another gateway keeps its counts there; give each its own `state`",
                    directory.display()
                )
            } else {
                fault(&error)
            }
        })?;
        let numbers = segments(directory).map_err(|error| fault(&error))?;
        let mut kept = Vec::new();
        for number in &numbers {
            let path = path(directory, *number);
            read(&path, &mut kept).map_err(|error| fault(&error))?.map_err(|line| {
                format!(
                    "{}:{line}: not a line of counts; restore the file, or move it away to count from nought",
                    path.display()
                )
            })?;
        }
        let number = numbers.last().map_or(1, |last| last + 1);
        let file = begin(directory, number).map_err(|error| fault(&error))?;
        let files = Self {
            directory: directory.to_owned(),
            newest: Mutex::new(Segment {
                number,
                file,
                bytes: 0,
                whole_bytes: 0,
                unsynced: false,
            }),
            _lock: lock,
        };
        Ok((files, kept))
    }

    /// Sees to the disk what was written since the last time, and begins a new segment where this one has grown.
    ///
    /// # Errors
    /// As the system gives them.
    pub(crate) fn tend(&self, meters: &Meters) -> io::Result<()> {
        let (grown, unsynced) = {
            let mut newest = self.newest();
            let grown = newest.bytes > 2 * newest.whole_bytes + SLACK_BYTES;
            let unsynced = std::mem::take(&mut newest.unsynced);
            (grown, unsynced.then(|| newest.file.try_clone()))
        };
        if let Some(file) = unsynced {
            // Not under the lock: exchanges do not wait for the disk.
            file?.sync_data()?;
        }
        if grown { self.compact(meters) } else { Ok(()) }
    }

    /// Begins a new segment with every count whole, and takes the older ones away.
    ///
    /// # Errors
    /// As the system gives them. What there was is still there then.
    pub(crate) fn compact(&self, meters: &Meters) -> io::Result<()> {
        let number = {
            let mut newest = self.newest();
            let number = newest.number + 1;
            newest.file = begin(&self.directory, number)?;
            newest.number = number;
            newest.bytes = 0;
            number
        };
        meters
            .keep_all(&self)
            .map_err(|NotKept| io::Error::other("a count could not be written"))?;
        let file = {
            let mut newest = self.newest();
            newest.whole_bytes = newest.bytes;
            newest.unsynced = false;
            newest.file.try_clone()?
        };
        file.sync_all()?;
        File::open(&self.directory)?.sync_all()?;
        for older in segments(&self.directory)? {
            if older < number {
                fs::remove_file(path(&self.directory, older))?;
            }
        }
        Ok(())
    }

    fn newest(&self) -> MutexGuard<'_, Segment> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for &CountFiles {
    fn keep(&self, kept: &Kept) -> Result<(), NotKept> {
        let mut bytes = Vec::with_capacity(128);
        let mut line = |number: u64, members: &[u64]| {
            let mut hex = String::with_capacity(16 * members.len());
            for member in members {
                data_encoding::HEXLOWER.encode_append(&member.to_be_bytes(), &mut hex);
            }
            let line = Line {
                of: &kept.key,
                from: kept.window.from,
                until: kept.window.until,
                number,
                members: hex,
            };
            serde_json::to_writer(&mut bytes, &line).expect("names and numbers are always JSON");
            bytes.push(b'\n');
        };
        let mut pieces = kept.members.chunks(MEMBERS);
        line(kept.number, pieces.next().unwrap_or_default());
        for members in pieces {
            line(0, members);
        }
        let mut newest = self.newest();
        newest.file.write_all(&bytes).map_err(|error| {
            tracing::error!(%error, "a count of a quota cannot be written: what it is for is refused");
            NotKept
        })?;
        newest.bytes += bytes.len() as u64;
        newest.unsynced = true;
        Ok(())
    }
}

fn lock_directory(directory: &Path) -> io::Result<File> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(directory.join("counts.lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("counts-{number:08}.jsonl"))
}

fn begin(directory: &Path, number: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true).mode(0o600);
    options.open(path(directory, number))
}

/// The numbers of the segments in `directory`, oldest first.
fn segments(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_prefix("counts-")?.strip_suffix(".jsonl"))
            .and_then(|number| number.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Adds what the segment at `path` has. The inner error is the number of a line that is none of ours; what stands after
/// the last line's end was never answered by, and is left out.
fn read(path: &Path, kept: &mut Vec<Kept>) -> io::Result<Result<(), u64>> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if lines.read_until(b'\n', &mut text)? == 0 || text.last() != Some(&b'\n') {
            break;
        }
        let line = serde_json::from_slice::<Line<'_>>(&text)
            .ok()
            .and_then(|line| {
                let bytes = data_encoding::HEXLOWER
                    .decode(line.members.as_bytes())
                    .ok()?;
                let (members, []) = bytes.as_chunks::<8>() else {
                    return None;
                };
                Some(Kept {
                    key: line.of.to_owned(),
                    window: Window {
                        from: line.from,
                        until: line.until,
                    },
                    number: line.number,
                    members: members.iter().copied().map(u64::from_be_bytes).collect(),
                })
            });
        match line {
            Some(line) => kept.push(line),
            None => return Ok(Err(number)),
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn kept(key: &str, number: u64, members: Vec<u64>) -> Kept {
        Kept {
            key: key.to_owned(),
            window: Window {
                from: "2026-06-15T00:00:00Z".parse().unwrap(),
                until: "2026-06-16T00:00:00Z".parse().unwrap(),
            },
            number,
            members,
        }
    }

    #[test]
    fn what_is_kept_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let (files, before) = CountFiles::open(&folder.path().join("state")).unwrap();
        assert_eq!(before, []);
        let all = [
            kept("health/care/*/requests/P1D", 17, vec![]),
            kept("health/care/*/people/P1D", 0, (0..2_500).collect()),
        ];
        for kept in &all {
            (&files).keep(kept).unwrap();
        }
        drop(files);
        let (_, after) = CountFiles::open(&folder.path().join("state")).unwrap();
        assert_eq!(after[0], all[0]);
        let members: Vec<u64> = after[1..]
            .iter()
            .flat_map(|kept| kept.members.clone())
            .collect();
        assert_eq!(members, all[1].members);
    }

    #[test]
    fn half_a_line_at_the_end_is_left_out_and_a_foreign_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (files, _) = CountFiles::open(folder.path()).unwrap();
        (&files).keep(&kept("a", 1, vec![])).unwrap();
        drop(files);
        let first = path(folder.path(), 1);
        let line = fs::read_to_string(&first).unwrap();
        fs::write(&first, format!("{line}{}", &line[..20])).unwrap();
        let (files, after) = CountFiles::open(folder.path()).unwrap();
        assert_eq!(after.len(), 1);
        drop(files);
        fs::write(&first, format!("{line}nonsense\n")).unwrap();
        let Err(fault) = CountFiles::open(folder.path()) else {
            panic!("a foreign line was taken");
        };
        assert!(fault.contains("counts-00000001.jsonl:2: "), "{fault}");
    }

    #[test]
    fn a_compaction_leaves_one_segment_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (files, _) = CountFiles::open(folder.path()).unwrap();
        for number in 0..100 {
            (&files)
                .keep(&kept("a/b/*/requests/P1D", number, vec![]))
                .unwrap();
        }
        drop(files);
        let (files, before) = CountFiles::open(folder.path()).unwrap();
        let meters = Meters::restored(TimeZone::UTC, before);
        files.compact(&meters).unwrap();
        assert_eq!(segments(folder.path()).unwrap().len(), 1);
        drop(files);
        let (_, after) = CountFiles::open(folder.path()).unwrap();
        assert_eq!(after, [kept("a/b/*/requests/P1D", 99, vec![])]);
    }

    #[test]
    fn two_gateways_do_not_share_their_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (_files, _) = CountFiles::open(folder.path()).unwrap();
        let Err(fault) = CountFiles::open(folder.path()) else {
            panic!("a second gateway has them too");
        };
        assert!(fault.contains("another gateway"), "{fault}");
    }
}
