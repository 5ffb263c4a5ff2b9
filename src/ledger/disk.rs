//! The ledger's directory: its lock, its segments, and the end that the last writer left.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::chain::{Chain, EntryHash, LINE_BYTES, Link, segment_first, segment_name};
use super::verify::FaultKind;

/// Bytes at the end of the last segment that are read at open: two of the longest lines, so that at least
/// one whole line is always among them.
const TAIL_BYTES: u64 = 2 * (LINE_BYTES as u64 + 1);

/// What the writer asks of the disk. [`Directory`] is the one there is; tests put one that fails in its place.
pub trait Disk: Send + 'static {
    /// Appends all of `bytes` to the current segment.
    ///
    /// # Errors
    /// As the system gives them; how much was written is then unknown.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything written to the current segment is on stable storage.
    ///
    /// # Errors
    /// As the system gives them; what is on stable storage is then unknown, whatever a second call says.
    fn sync(&mut self) -> io::Result<()>;

    /// Starts the segment whose first entry has the sequence `first`; its name is then on stable storage.
    ///
    /// # Errors
    /// As the system gives them; also if that segment is there already.
    fn start_segment(&mut self, first: u64) -> io::Result<()>;
}

/// A ledger's directory, locked, its last segment open for appending.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    segment: File,
    /// Held as long as the directory is open; the system lets go of it when the process ends, however.
    _lock: File,
}

/// Where an opened directory left off.
#[derive(Debug)]
pub struct Tail {
    /// Where the next entry goes.
    pub chain: Chain,
    /// Bytes that the last segment holds.
    pub segment_bytes: u64,
    /// If an incomplete last line was cut off: the first sequence of its segment, and how many bytes.
    pub cut: Option<(u64, u64)>,
}

/// Why a directory cannot be opened as a ledger.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused.
    #[error("cannot {action} {path}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("ledger {path} is in use by another process; give each gateway a directory of its own")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The end of the last segment is not as a writer leaves it, even one that was killed.
    #[error(
        "ledger {file}, line {line} counted from its end: {kind}; run `fieldgate ledger verify`, keep the directory as evidence and start with an empty one"
    )]
    Broken {
        /// The segment.
        file: PathBuf,
        /// The line, 1 being the last whole one.
        line: u64,
        /// What is wrong.
        kind: FaultKind,
    },
}

impl Directory {
    /// Opens the ledger in `path`, creates it if it is not there, cuts off an incomplete last line.
    ///
    /// Reads the end of the last segment only, whatever the ledger's size.
    ///
    /// # Errors
    /// If the system refuses, another process has it open, or the end of the chain does not hold.
    pub fn open(path: &Path) -> Result<(Self, Tail), OpenError> {
        fs::create_dir_all(path).map_err(system("create directory", path))?;
        let lock = lock(path)?;
        let segments = segments(path).map_err(system("list", path))?;
        let Some(&last) = segments.last() else {
            let segment = create(path, 1)
                .and_then(|segment| sync_parent(path).map(|()| segment))
                .map_err(system("create a segment in", path))?;
            let tail = Tail {
                chain: Chain::default(),
                segment_bytes: 0,
                cut: None,
            };
            return Ok((Self::new(path, segment, lock), tail));
        };

        let file = path.join(segment_name(last));
        let mut segment = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&file)
            .map_err(system("open", &file))?;
        let end = SegmentEnd::read(&mut segment, &file, last)?;
        if end.torn_bytes > 0 {
            segment
                .set_len(end.whole_bytes)
                .and_then(|()| segment.sync_data())
                .map_err(system("cut the incomplete last line off", &file))?;
        }
        let chain = match end.chain {
            Some(chain) => chain,
            // Nothing in it yet: its writer ended between starting it and its first entry.
            None => chain_before(path, &segments, last)?,
        };
        let tail = Tail {
            chain,
            segment_bytes: end.whole_bytes,
            cut: (end.torn_bytes > 0).then_some((last, end.torn_bytes)),
        };
        Ok((Self::new(path, segment, lock), tail))
    }

    fn new(path: &Path, segment: File, lock: File) -> Self {
        Self {
            path: path.to_owned(),
            segment,
            _lock: lock,
        }
    }
}

impl Disk for Directory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.segment.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.sync_data()
    }

    fn start_segment(&mut self, first: u64) -> io::Result<()> {
        self.segment = create(&self.path, first)?;
        Ok(())
    }
}

/// The first sequences of the segments in `path`, in order. Other files are left out.
///
/// # Errors
/// As the system gives them.
pub fn segments(path: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(path)? {
        firsts.extend(entry?.file_name().to_str().and_then(segment_first));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Whether a process has the ledger in `path` open for writing.
#[must_use]
pub fn in_use(path: &Path) -> bool {
    File::open(path.join(LOCK_NAME))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

const LOCK_NAME: &str = "ledger.lock";

fn lock(path: &Path) -> Result<File, OpenError> {
    let file = path.join(LOCK_NAME);
    let lock = private()
        .create(true)
        .truncate(false)
        .open(&file)
        .map_err(system("open", &file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(system("lock", &file)(source)),
    }
}

fn create(path: &Path, first: u64) -> io::Result<File> {
    let segment = private()
        .append(true)
        .create_new(true)
        .open(path.join(segment_name(first)))?;
    // Without this the file's data could be durable under a name that a power cut takes away.
    File::open(path)?.sync_all()?;
    Ok(segment)
}

/// Makes the directory's own name durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    match fs::canonicalize(path)?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// How the ledger's files are opened: who was told what is for the controller's eyes.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The end of a chain before the empty segment `last`: the end of the segment before it.
fn chain_before(path: &Path, segments: &[u64], last: u64) -> Result<Chain, OpenError> {
    let broken = |file: PathBuf, kind| OpenError::Broken {
        file,
        line: 1,
        kind,
    };
    let chain = match segments.iter().rev().nth(1) {
        None => Chain::default(),
        Some(&before) => {
            let file = path.join(segment_name(before));
            let mut segment = File::open(&file).map_err(system("open", &file))?;
            let end = SegmentEnd::read(&mut segment, &file, before)?;
            if end.torn_bytes > 0 {
                return Err(broken(file, FaultKind::TornEnd));
            }
            end.chain
                .ok_or_else(|| broken(file, FaultKind::NotAnEntry))?
        }
    };
    if chain.next() == last {
        Ok(chain)
    } else {
        Err(broken(
            path.join(segment_name(last)),
            FaultKind::Sequence {
                expected: chain.next(),
                found: last,
            },
        ))
    }
}

/// What the end of a segment says.
struct SegmentEnd {
    /// The end of its chain; `None` if it has no whole line.
    chain: Option<Chain>,
    /// Its length up to the end of the last whole line.
    whole_bytes: u64,
    /// Bytes after that: a line that was not written to its end.
    torn_bytes: u64,
}

impl SegmentEnd {
    /// Reads at most [`TAIL_BYTES`], and checks that the whole lines among them are a chain.
    fn read(segment: &mut File, file: &Path, first: u64) -> Result<Self, OpenError> {
        let mut tail = Vec::new();
        let length = segment.metadata().map_err(system("look at", file))?.len();
        let skipped = length.saturating_sub(TAIL_BYTES);
        segment
            .seek(SeekFrom::Start(skipped))
            .and_then(|_| segment.take(length - skipped).read_to_end(&mut tail))
            .map_err(system("read", file))?;

        let whole = tail
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let torn_bytes = (tail.len() - whole) as u64;
        if torn_bytes > LINE_BYTES as u64 {
            return Err(OpenError::Broken {
                file: file.to_owned(),
                line: 1,
                kind: FaultKind::TooLong,
            });
        }
        let mut lines = tail[..whole].split_inclusive(|byte| *byte == b'\n');
        if skipped > 0 {
            // The first piece is the end of a line that starts before what was read.
            lines.next();
        }
        let lines: Vec<&[u8]> = lines.map(|line| &line[..line.len() - 1]).collect();
        Ok(Self {
            chain: check_tail(&lines, (skipped == 0).then_some(first)).map_err(
                |(line, kind)| OpenError::Broken {
                    file: file.to_owned(),
                    line,
                    kind,
                },
            )?,
            whole_bytes: skipped + whole as u64,
            torn_bytes,
        })
    }
}

/// The end of the chain that `lines` are; or the line, counted from the end, that breaks it. `first`: the
/// sequence that the first line must have, where it is known.
fn check_tail(lines: &[&[u8]], first: Option<u64>) -> Result<Option<Chain>, (u64, FaultKind)> {
    let mut chain: Option<Chain> = None;
    for (index, line) in lines.iter().enumerate() {
        let fault = |kind| ((lines.len() - index) as u64, kind);
        let link = Link::read(line).ok_or_else(|| fault(FaultKind::NotAnEntry))?;
        let expected = chain.map(|chain| chain.next()).or(first);
        if let Some(expected) = expected
            && link.sequence != expected
        {
            return Err(fault(FaultKind::Sequence {
                expected,
                found: link.sequence,
            }));
        }
        if chain.is_some_and(|chain| link.prev != chain.head()) {
            return Err(fault(FaultKind::Unlinked));
        }
        chain = Some(Chain::after(link.sequence, EntryHash::of(line)));
    }
    Ok(chain)
}

fn system(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::System {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Event, render};
    use super::*;

    /// Writes `lines` entries to the ledger in `path`, a new segment before each of `starts`.
    fn write(path: &Path, lines: usize, starts: &[u64]) -> Chain {
        let (mut directory, tail) = Directory::open(path).unwrap();
        let mut chain = tail.chain;
        for _ in 0..lines {
            if starts.contains(&chain.next()) {
                directory.start_segment(chain.next()).unwrap();
            }
            let event = Event::Recovered {
                segment: 1,
                bytes_cut: 9,
            };
            let at = "2026-11-22T09:15:00Z".parse().unwrap();
            let mut line = Vec::new();
            let mut members = Vec::new();
            render(at, &event, &mut members);
            chain.append(&members, &mut line);
            directory.write(&line).unwrap();
        }
        directory.sync().unwrap();
        chain
    }

    fn segment(path: &Path, first: u64) -> PathBuf {
        path.join(segment_name(first))
    }

    #[test]
    fn a_ledger_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        for (lines, starts) in [
            (0, vec![]),
            (3, vec![]),
            (3, vec![6]),
            (1, vec![7]),
            (0, vec![]),
        ] {
            let chain = write(&path, lines, &starts);
            let (_, tail) = Directory::open(&path).unwrap();
            assert_eq!(tail.chain, chain);
            assert_eq!(tail.cut, None);
        }
        assert_eq!(segments(&path).unwrap(), [1, 6, 7]);
    }

    #[test]
    fn an_incomplete_last_line_is_cut_off_wherever_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let chain = write(dir.path(), 2, &[]);
        let file = segment(dir.path(), 1);
        let whole = fs::read(&file).unwrap();
        let line = whole.len() / 2;
        for torn in 1..line {
            let mut bytes = whole.clone();
            bytes.extend_from_slice(&whole[..torn]);
            fs::write(&file, bytes).unwrap();
            let (_, tail) = Directory::open(dir.path()).unwrap();
            assert_eq!(tail.cut, Some((1, torn as u64)));
            assert_eq!(tail.chain, chain);
            assert_eq!(fs::read(&file).unwrap(), whole);
        }
    }

    #[test]
    fn a_segment_that_was_only_started_goes_on_from_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let chain = write(dir.path(), 3, &[]);
        for torn in ["", "{\"seq\":4,"] {
            fs::write(segment(dir.path(), 4), torn).unwrap();
            let (_, tail) = Directory::open(dir.path()).unwrap();
            assert_eq!(tail.chain, chain);
            assert_eq!(tail.segment_bytes, 0);
            assert_eq!(tail.cut.is_some(), !torn.is_empty());
        }
    }

    #[test]
    fn an_end_that_no_writer_leaves_is_refused_with_its_place() {
        type Row = (&'static str, fn(&mut Vec<u8>), u64, FaultKind);
        let rows: [Row; 4] = [
            (
                "a last line that is no entry",
                |b| b.extend(b"what\n"),
                1,
                FaultKind::NotAnEntry,
            ),
            (
                "a last line twice",
                |b| b.extend_from_within(b.len() / 3 * 2..),
                1,
                FaultKind::Sequence {
                    expected: 4,
                    found: 3,
                },
            ),
            (
                "a line before the last changed",
                |b| {
                    let at = b.len() / 3 + 40;
                    b[at] ^= 1;
                },
                1,
                FaultKind::Unlinked,
            ),
            (
                "more than a line without an end",
                |b| b.extend(vec![b'x'; LINE_BYTES + 1]),
                1,
                FaultKind::TooLong,
            ),
        ];
        for (name, spoil, at, fault) in rows {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), 3, &[]);
            let file = segment(dir.path(), 1);
            let mut bytes = fs::read(&file).unwrap();
            spoil(&mut bytes);
            fs::write(&file, &bytes).unwrap();
            match Directory::open(dir.path()) {
                Err(OpenError::Broken {
                    file: place,
                    line,
                    kind,
                }) => {
                    assert_eq!((place, line, kind), (file.clone(), at, fault), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
            assert_eq!(fs::read(&file).unwrap(), bytes, "{name}: left as it was");
        }
    }

    #[test]
    fn segments_that_do_not_follow_each_other_are_refused() {
        for (first, lines) in [(5, ""), (3, ""), (9, "")] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), 3, &[]);
            fs::write(segment(dir.path(), first), lines).unwrap();
            let opened = Directory::open(dir.path());
            assert!(matches!(opened, Err(OpenError::Broken { .. })), "{first}");
        }
    }

    #[test]
    fn opening_reads_the_end_of_the_last_segment_only() {
        let dir = tempfile::tempdir().unwrap();
        let chain = write(dir.path(), 3, &[2]);
        fs::write(segment(dir.path(), 1), "not looked at").unwrap();
        let (_, tail) = Directory::open(dir.path()).unwrap();
        assert_eq!(tail.chain, chain);
    }

    #[test]
    fn an_end_longer_than_what_is_read_at_once_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let lines = TAIL_BYTES as usize / 150;
        let chain = write(dir.path(), lines, &[]);
        assert!(fs::metadata(segment(dir.path(), 1)).unwrap().len() > TAIL_BYTES);
        let (_, tail) = Directory::open(dir.path()).unwrap();
        assert_eq!(tail.chain, chain);
    }

    #[test]
    fn two_writers_cannot_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = Directory::open(dir.path()).unwrap();
        assert!(in_use(dir.path()));
        assert!(matches!(
            Directory::open(dir.path()),
            Err(OpenError::InUse { .. })
        ));
        drop(first);
        assert!(!in_use(dir.path()));
        assert!(Directory::open(dir.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn others_on_the_machine_cannot_read_a_segment() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[]);
        let mode = fs::metadata(segment(dir.path(), 1))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
}
