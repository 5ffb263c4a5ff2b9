//! Reads a ledger again, from its first line to its last, and names the first place that does not hold.
//!
//! [`Verifier`] takes lines and knows no files; [`verify`] feeds it from readers, [`verify_directory`] from a
//! directory. Memory is bounded by one line and [`OPEN_EXCHANGES`], whatever the ledger's size.
//!
//! Of a line that does not carry the hash of the line before, the chain cannot say which of the two was
//! changed; the line after can. So such a place is held until the next line: if that one vouches for the
//! line in doubt, it was the line before that was changed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::chain::{Chain, EntryHash, LINE_BYTES, Link, segment_name};
use super::disk;
use super::entry::{EVENTS, RequestId};

/// Permitted exchanges without an ending that are remembered at once. More are only counted.
pub const OPEN_EXCHANGES: usize = 65_536;

/// Unended exchanges that an [`Account`] names.
const NAMED_EXCHANGES: usize = 10;

/// What a ledger holds, up to its end or its first fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Segments begun.
    pub segments: u64,
    /// Entries that hold.
    pub entries: u64,
    /// Entries that hold, by kind of event.
    pub events: [(&'static str, u64); EVENTS.len()],
    /// The earliest and the latest time of an entry.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Sequence and hash of the last entry that holds. Write it down elsewhere: see [`super`].
    pub head: Option<(u64, EntryHash)>,
    /// Permitted exchanges that no entry says the end of: still going on, or cut off by a crash.
    pub unended: Unended,
    /// A process has the ledger open and was in the middle of a line.
    pub being_written: bool,
    /// The first place that does not hold.
    pub fault: Option<Fault>,
}

impl Account {
    /// How many entries of this kind of event hold.
    #[must_use]
    pub fn entered(&self, event: &str) -> u64 {
        let of_kind = self.events.iter().find(|(name, _)| *name == event);
        of_kind.map_or(0, |(_, count)| *count)
    }
}

/// Permitted exchanges ([`super::Event::Intent`]) without an ending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unended {
    /// How many, of those that were remembered.
    pub count: u64,
    /// The first few: the intent's sequence and the request.
    pub first: Vec<(u64, RequestId)>,
    /// Exchanges not looked at, because [`OPEN_EXCHANGES`] were open already.
    pub not_followed: u64,
}

/// The first place of a ledger that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The segment's file name.
    pub file: String,
    /// The line in it, from 1.
    pub line: u64,
    /// The sequence that belongs there.
    pub sequence: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Not a JSON object with `seq`, `at`, `event` and `prev`.
    #[error("it is not an entry of a ledger")]
    NotAnEntry,
    /// Longer than any line that the writer makes.
    #[error("it is longer than a line may be")]
    TooLong,
    /// Another sequence than the one that comes next.
    #[error("its sequence is {found} where {expected} comes next")]
    Sequence {
        /// The sequence that comes next.
        expected: u64,
        /// The one that stands there.
        found: u64,
    },
    /// The entries between two segments are not there.
    #[error("entries {from} to {to} are missing before it")]
    MissingSegment {
        /// The first that is missing.
        from: u64,
        /// The last that is missing.
        to: u64,
    },
    /// It was changed: the entry after it carries another hash, and is itself vouched for by the one after.
    #[error("it was changed after the next entry was written")]
    Altered,
    /// It does not carry the hash of the entry before, and nothing after it tells which was changed.
    #[error("it does not carry the hash of the entry before it: one of the two was changed")]
    Unlinked,
    /// The last line of a segment has no line end.
    #[error("it is not complete: the segment ends inside it")]
    TornEnd,
    /// It has another hash than the head that was written down.
    #[error("it is not the entry whose hash was written down")]
    HeadDiffers,
    /// The ledger ends before the head that was written down.
    #[error("entries after it, up to {written_down}, are missing")]
    HeadMissing {
        /// The sequence that was written down.
        written_down: u64,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            sequence,
            kind,
        } = self;
        write!(f, "{file}, line {line} (entry {sequence}): {kind}")
    }
}

/// Why a ledger could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There are no segments.
    #[error(
        "{0} holds no ledger; give the directory that `ledger.directory` of the configuration names"
    )]
    NoLedger(PathBuf),
    /// The system refused.
    #[error("{path}: cannot be read ({}); give a directory that this user may read", source.kind())]
    System {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ReadError {
    /// Why the segments in `directory` cannot be listed: a file in its place is no ledger.
    pub(super) fn listing(directory: &Path, source: io::Error) -> Self {
        let path = directory.to_owned();
        if source.kind() == io::ErrorKind::NotADirectory {
            return Self::NoLedger(path);
        }
        Self::System { path, source }
    }
}

/// Verifies the ledger in `directory`. `head`: an entry's sequence and hash that were written down before,
/// which it must then still hold.
///
/// # Errors
/// If it cannot be read. A ledger that does not hold is no error here but [`Account::fault`].
pub fn verify_directory(
    directory: &Path,
    head: Option<(u64, EntryHash)>,
) -> Result<Account, ReadError> {
    let firsts = disk::segments(directory).map_err(|error| ReadError::listing(directory, error))?;
    let Some(&last) = firsts.last() else {
        return Err(ReadError::NoLedger(directory.to_owned()));
    };
    let mut reading = directory.to_owned();
    let segments = firsts.iter().map(|&first| {
        reading = directory.join(segment_name(first));
        File::open(&reading).map(|file| (first, BufReader::with_capacity(64 << 10, file)))
    });
    let mut account = verify(segments, head).map_err(|source| ReadError::System {
        path: directory.to_owned(),
        source,
    })?;
    // A gateway that is running may be caught in the middle of a write.
    let torn_at_the_end = matches!(
        &account.fault,
        Some(Fault { file, kind: FaultKind::TornEnd, .. }) if *file == segment_name(last)
    );
    if torn_at_the_end && disk::in_use(directory) {
        account.fault = None;
        account.being_written = true;
    }
    Ok(account)
}

/// Verifies `segments`, given with the sequence in their names, in order.
///
/// # Errors
/// As a reader gives them.
pub fn verify<R: BufRead>(
    segments: impl IntoIterator<Item = io::Result<(u64, R)>>,
    head: Option<(u64, EntryHash)>,
) -> io::Result<Account> {
    let mut verifier = Verifier::new(head);
    let mut line = Vec::new();
    'segments: for segment in segments {
        let (first, mut reader) = segment?;
        if verifier.segment(first).is_err() {
            break;
        }
        loop {
            line.clear();
            let most = LINE_BYTES as u64 + 1;
            reader.by_ref().take(most).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            let held = match line.strip_suffix(b"\n") {
                Some(whole) => verifier.line(whole),
                None => verifier.cut_line(line.len()),
            };
            if held.is_err() {
                break 'segments;
            }
        }
    }
    Ok(verifier.finish())
}

/// Takes a ledger's lines one by one; after the first fault takes nothing any more.
#[derive(Debug)]
pub struct Verifier {
    account: Account,
    chain: Chain,
    written_down: Option<(u64, EntryHash)>,
    /// The line that is looked at.
    place: Place,
    /// The line before it, maybe in the segment before.
    last: Place,
    /// Set while the last line does not carry the hash of the one before it.
    doubt: Option<Doubt>,
    /// Exchanges whose end has not been read, with the sequence of their intent.
    open: HashMap<RequestId, u64>,
}

/// A file and a line of it.
#[derive(Debug, Clone, Default)]
struct Place {
    file: String,
    line: u64,
}

/// A line that does not carry the hash of the one before: one of these two is the fault.
#[derive(Debug)]
struct Doubt {
    /// If the next line carries the later one's hash.
    earlier: Fault,
    /// If it does not.
    later: Fault,
}

/// A fault was found; [`Verifier::finish`] has it.
#[derive(Debug)]
pub struct Broken;

impl Verifier {
    /// A verifier at the start of a ledger.
    #[must_use]
    pub fn new(written_down: Option<(u64, EntryHash)>) -> Self {
        Self {
            account: Account {
                segments: 0,
                entries: 0,
                events: EVENTS.map(|event| (event, 0)),
                span: None,
                head: None,
                unended: Unended::default(),
                being_written: false,
                fault: None,
            },
            chain: Chain::default(),
            written_down,
            place: Place::default(),
            last: Place::default(),
            doubt: None,
            open: HashMap::new(),
        }
    }

    /// Begins the segment whose name has the sequence `first`.
    ///
    /// # Errors
    /// If that is not the one that comes next.
    pub fn segment(&mut self, first: u64) -> Result<(), Broken> {
        let expected = self.chain.next();
        self.place = Place {
            file: segment_name(first),
            line: 1,
        };
        if first != expected {
            return self.broken(if first > expected {
                FaultKind::MissingSegment {
                    from: expected,
                    to: first - 1,
                }
            } else {
                FaultKind::Sequence {
                    expected,
                    found: first,
                }
            });
        }
        self.place.line = 0;
        self.account.segments += 1;
        Ok(())
    }

    /// Takes the next line of the segment, without its line end.
    ///
    /// # Errors
    /// If it, or one before it, does not hold.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Broken> {
        if self.account.fault.is_some() {
            return Err(Broken);
        }
        self.place.line += 1;
        let Some(link) = Link::read(line) else {
            return self.broken(FaultKind::NotAnEntry);
        };
        let expected = self.chain.next();
        if link.sequence != expected {
            return self.broken(FaultKind::Sequence {
                expected,
                found: link.sequence,
            });
        }
        let linked = link.prev == self.chain.head();
        if let Some(doubt) = self.doubt.take() {
            self.account.fault = Some(if linked { doubt.earlier } else { doubt.later });
            return Err(Broken);
        }
        let hash = EntryHash::of(line);
        if !linked {
            self.doubt = Some(self.doubt_about(expected));
        }
        if let Some((sequence, written_down)) = self.written_down
            && sequence == link.sequence
        {
            if hash != written_down {
                return self.broken(FaultKind::HeadDiffers);
            }
            // What was written down vouches for this line as well as a next line would.
            if let Some(doubt) = self.doubt.take() {
                self.account.fault = Some(doubt.earlier);
                return Err(Broken);
            }
        }
        self.chain = Chain::after(link.sequence, hash);
        self.last = self.place.clone();
        if self.doubt.is_none() {
            self.count(&link, hash);
        }
        Ok(())
    }

    /// Takes a line of `bytes` bytes that was read only so far: the segment ends in it, or it is longer than
    /// [`LINE_BYTES`].
    ///
    /// # Errors
    /// Always: it is the fault, or one before it was.
    pub fn cut_line(&mut self, bytes: usize) -> Result<(), Broken> {
        self.place.line += 1;
        self.broken(if bytes > LINE_BYTES {
            FaultKind::TooLong
        } else {
            FaultKind::TornEnd
        })
    }

    /// Ends the ledger here.
    #[must_use]
    pub fn finish(mut self) -> Account {
        if let Some(doubt) = self.doubt.take() {
            self.account.fault.get_or_insert(doubt.later);
        }
        if let Some((written_down, _)) = self.written_down
            && self.account.fault.is_none()
            && written_down >= self.chain.next()
        {
            self.account.fault = Some(Fault {
                file: self.place.file,
                line: self.place.line,
                sequence: self.chain.next() - 1,
                kind: FaultKind::HeadMissing { written_down },
            });
        }
        let mut open: Vec<(u64, RequestId)> = self
            .open
            .into_iter()
            .map(|(request, sequence)| (sequence, request))
            .collect();
        open.sort_unstable();
        self.account.unended.count = open.len() as u64;
        open.truncate(NAMED_EXCHANGES);
        self.account.unended.first = open;
        self.account
    }

    fn count(&mut self, link: &Link, hash: EntryHash) {
        let account = &mut self.account;
        account.entries += 1;
        account.head = Some((link.sequence, hash));
        account.span = Some(match account.span {
            None => (link.at, link.at),
            Some((from, to)) => (from.min(link.at), to.max(link.at)),
        });
        for (event, count) in &mut account.events {
            *count += u64::from(*event == link.event);
        }
        let Some(request) = link.request else { return };
        match link.event {
            "intent" if self.open.len() < OPEN_EXCHANGES => {
                self.open.insert(request, link.sequence);
            }
            "intent" => account.unended.not_followed += 1,
            "release" | "refusal" => {
                self.open.remove(&request);
            }
            _ => {}
        }
    }

    /// The present line, `sequence`, does not carry the hash of the one at `last`.
    fn doubt_about(&self, sequence: u64) -> Doubt {
        let fault = |place: Place, sequence, kind| Fault {
            file: place.file,
            line: place.line,
            sequence,
            kind,
        };
        let later = fault(self.place.clone(), sequence, FaultKind::Unlinked);
        let earlier = match &self.account.head {
            // Nothing is before the first entry, so it is this one whatever comes.
            None => later.clone(),
            Some(_) => fault(self.last.clone(), sequence - 1, FaultKind::Altered),
        };
        Doubt { earlier, later }
    }

    /// Notes `kind` at the present place, unless a place before it is at fault.
    fn broken(&mut self, kind: FaultKind) -> Result<(), Broken> {
        let here = Fault {
            file: self.place.file.clone(),
            line: self.place.line,
            sequence: self.chain.next(),
            kind,
        };
        let first = self.doubt.take().map_or(here, |doubt| doubt.later);
        self.account.fault.get_or_insert(first);
        Err(Broken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::{CallerEntry, Event, Outcome, render};
    use super::*;
    use crate::agreement::{AgreementName, DisclosureName, PartnerName, PurposeName};
    use crate::minimise::Tally;

    /// A ledger in memory: each segment's first sequence and its lines with their ends.
    type Segments = Vec<(u64, Vec<Vec<u8>>)>;

    fn request(number: u64) -> RequestId {
        RequestId::new(u128::from(number).to_be_bytes())
    }

    fn intent(number: u64) -> Event {
        Event::Intent {
            request: request(number),
            partner: PartnerName::new("island-health"),
            agreement: AgreementName::new("falls"),
            version: 1,
            hash: "ab".to_owned(),
            disclosure: DisclosureName::new("adult"),
            purpose: PurposeName::new("falls-prevention"),
            caller: CallerEntry::default(),
            registered: None,
        }
    }

    fn release(number: u64) -> Event {
        Event::Release {
            request: request(number),
            outcome: Outcome::Complete,
            reason: None,
            status: 200,
            bytes_sent: 1,
            overridden: 0,
            tally: Box::new(Tally::default()),
        }
    }

    fn ledger_of(events: &[Event], lines_per_segment: usize) -> Segments {
        let mut chain = Chain::default();
        let mut segments = Segments::new();
        for (index, event) in events.iter().enumerate() {
            if index % lines_per_segment == 0 {
                segments.push((chain.next(), Vec::new()));
            }
            let at = Timestamp::from_second(1_795_000_000 + index as i64).unwrap();
            let mut line = Vec::new();
            let mut members = Vec::new();
            render(at, event, &mut members);
            chain.append(&members, &mut line);
            segments.last_mut().unwrap().1.push(line);
        }
        segments
    }

    /// `lines` intents and releases in turn.
    fn ledger(lines: u64, lines_per_segment: usize) -> Segments {
        let event = |n: u64| {
            if n.is_multiple_of(2) {
                intent(n)
            } else {
                release(n - 1)
            }
        };
        ledger_of(
            &(0..lines).map(event).collect::<Vec<_>>(),
            lines_per_segment,
        )
    }

    fn account_of(segments: &Segments, head: Option<(u64, EntryHash)>) -> Account {
        let readers: Vec<_> = segments
            .iter()
            .map(|(first, lines)| Ok((*first, io::Cursor::new(lines.concat()))))
            .collect();
        verify(readers, head).unwrap()
    }

    fn head_of(segments: &Segments) -> (u64, EntryHash) {
        account_of(segments, None).head.unwrap()
    }

    /// The place of the entry with this sequence (1 to the number of lines).
    fn place(sequence: u64, lines_per_segment: usize) -> (String, u64) {
        let index = sequence - 1;
        let within = index % lines_per_segment as u64;
        (segment_name(sequence - within), within + 1)
    }

    fn line_mut(segments: &mut Segments, sequence: u64) -> &mut Vec<u8> {
        let (first, lines) = segments
            .iter_mut()
            .rev()
            .find(|(first, _)| *first <= sequence)
            .unwrap();
        &mut lines[(sequence - *first) as usize]
    }

    #[test]
    fn a_whole_ledger_holds_and_is_counted() {
        let account = account_of(&ledger(10, 4), None);
        assert_eq!(account.fault, None);
        assert_eq!((account.segments, account.entries), (3, 10));
        assert_eq!(account.unended, Unended::default());
        let counted: Vec<_> = account.events.iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counted, [&("intent", 5), &("release", 5)]);
        let (from, to) = account.span.unwrap();
        assert_eq!(to.duration_since(from).as_secs(), 9);
    }

    #[test]
    fn a_permitted_exchange_without_an_ending_is_told() {
        let events = [intent(1), intent(2), intent(3), release(2)];
        let account = account_of(&ledger_of(&events, 9), None);
        assert_eq!(account.fault, None);
        assert_eq!(account.unended.count, 2);
        assert_eq!(account.unended.first, [(1, request(1)), (3, request(3))]);
    }

    #[test]
    fn memory_for_open_exchanges_is_bounded_and_the_rest_is_counted() {
        let events: Vec<Event> = (0..OPEN_EXCHANGES as u64 + 3).map(intent).collect();
        let account = account_of(&ledger_of(&events, usize::MAX), None);
        assert_eq!(account.unended.count, OPEN_EXCHANGES as u64);
        assert_eq!(account.unended.first.len(), NAMED_EXCHANGES);
        assert_eq!(account.unended.not_followed, 3);
    }

    #[test]
    fn lines_cut_off_the_end_are_found_by_a_head_that_was_written_down() {
        let whole = ledger(7, 9);
        let head = head_of(&whole);
        let mut cut = whole.clone();
        cut[0].1.truncate(5);
        assert_eq!(
            account_of(&cut, None).fault,
            None,
            "the chain alone cannot tell"
        );
        let fault = account_of(&cut, Some(head)).fault.unwrap();
        assert_eq!(fault.kind, FaultKind::HeadMissing { written_down: 7 });
        assert_eq!((fault.line, fault.sequence), (5, 5));
        assert_eq!(account_of(&whole, Some(head)).fault, None);
    }

    #[test]
    fn a_ledger_computed_anew_is_found_by_a_head_that_was_written_down() {
        let head = head_of(&ledger(6, 9));
        let events: Vec<Event> = (0..8).map(intent).collect();
        let anew = ledger_of(&events, 9);
        assert_eq!(
            account_of(&anew, None).fault,
            None,
            "the chain alone cannot tell"
        );
        let fault = account_of(&anew, Some(head)).fault.unwrap();
        assert_eq!((fault.kind, fault.sequence), (FaultKind::HeadDiffers, 6));
    }

    #[test]
    fn a_line_without_an_end_is_a_fault_whatever_its_length() {
        for (bytes, kind) in [
            (5, FaultKind::TornEnd),
            (LINE_BYTES + 9, FaultKind::TooLong),
        ] {
            let mut segments = ledger(2, 9);
            segments[0].1.push(vec![b'x'; bytes]);
            let fault = account_of(&segments, None).fault.unwrap();
            assert_eq!((fault.kind, fault.line), (kind, 3));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_changed_byte_is_found_at_its_line(
            lines in 2u64..14, per_segment in 1usize..6, at in any::<prop::sample::Index>(),
            byte in any::<prop::sample::Index>(), flip in 1u8..,
        ) {
            let mut segments = ledger(lines, per_segment);
            let head = head_of(&segments);
            let sequence = at.index(lines as usize) as u64 + 1;
            let line = line_mut(&mut segments, sequence);
            let byte = byte.index(line.len());
            line[byte] ^= flip;
            let right = place(sequence, per_segment);
            // The line after the last but one has nothing after it that would vouch for it.
            let next = place((sequence + 1).min(lines), per_segment);

            match account_of(&segments, None).fault {
                Some(fault) if fault.kind == FaultKind::Unlinked && sequence + 1 == lines => {
                    prop_assert!([right.clone(), next].contains(&(fault.file, fault.line)));
                }
                Some(fault) => prop_assert_eq!((fault.file, fault.line), right.clone()),
                None => prop_assert_eq!(sequence, lines, "only the last line can change unseen"),
            }
            let fault = account_of(&segments, Some(head)).fault.unwrap();
            prop_assert_eq!((fault.file, fault.line), right, "with the head written down");
        }

        #[test]
        fn a_line_taken_out_is_found_at_its_place(
            lines in 2u64..14, per_segment in 1usize..6, at in any::<prop::sample::Index>(),
        ) {
            let mut segments = ledger(lines, per_segment);
            let sequence = at.index(lines as usize - 1) as u64 + 1;
            line_mut(&mut segments, sequence).clear();
            let fault = account_of(&segments, None).fault.unwrap();
            prop_assert_eq!(fault.sequence, sequence);
            let (file, line) = place(sequence, per_segment);
            if line as usize == per_segment {
                // The last of its segment: it is the next one's name that does not fit.
                prop_assert_eq!(fault.kind, FaultKind::MissingSegment { from: sequence, to: sequence });
            } else {
                prop_assert_eq!((fault.file, fault.line), (file, line));
            }
        }

        #[test]
        fn a_line_put_in_is_found_at_its_place(
            lines in 2u64..14, per_segment in 1usize..6,
            at in any::<prop::sample::Index>(), of in any::<prop::sample::Index>(),
        ) {
            let mut segments = ledger(lines, per_segment);
            let sequence = at.index(lines as usize) as u64 + 1;
            let of = of.index(lines as usize) as u64 + 1;
            let copied = line_mut(&mut segments, of).clone();
            line_mut(&mut segments, sequence).extend(copied);
            let fault = account_of(&segments, None).fault.unwrap();
            let (file, line) = place(sequence, per_segment);
            // A copy of the very next line fits where it stands; then the next line itself does not.
            let right = match of == sequence + 1 {
                false => (file, line + 1),
                true if line == per_segment as u64 => (segment_name(of), 1),
                true => (file, line + 2),
            };
            prop_assert_eq!((fault.file, fault.line), right);
        }

        #[test]
        fn two_lines_that_changed_places_are_found_at_the_first(
            lines in 2u64..14, per_segment in 1usize..6,
            one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        ) {
            let mut segments = ledger(lines, per_segment);
            let one = one.index(lines as usize) as u64 + 1;
            let other = other.index(lines as usize) as u64 + 1;
            let (a, b) = (line_mut(&mut segments, one).clone(), line_mut(&mut segments, other).clone());
            *line_mut(&mut segments, one) = b;
            *line_mut(&mut segments, other) = a;
            match account_of(&segments, None).fault {
                None => prop_assert_eq!(one, other),
                Some(fault) => prop_assert_eq!((fault.file, fault.line), place(one.min(other), per_segment)),
            }
        }

        #[test]
        fn a_ledger_cut_inside_a_line_ends_at_that_line(
            lines in 1u64..14, per_segment in 1usize..6, at in any::<prop::sample::Index>(),
            byte in any::<prop::sample::Index>(),
        ) {
            let mut segments = ledger(lines, per_segment);
            let sequence = at.index(lines as usize) as u64 + 1;
            let (file, line) = place(sequence, per_segment);
            let segment = segments.iter().position(|(first, _)| segment_name(*first) == file).unwrap();
            segments.truncate(segment + 1);
            segments[segment].1.truncate(line as usize);
            let cut = line_mut(&mut segments, sequence);
            cut.truncate(1 + byte.index(cut.len() - 1));
            let fault = account_of(&segments, None).fault.unwrap();
            prop_assert_eq!((fault.file, fault.line, fault.kind), (file, line, FaultKind::TornEnd));
        }

        #[test]
        fn a_missing_segment_is_named_by_its_entries(segments in 2usize..6, which in any::<prop::sample::Index>()) {
            let mut ledger = ledger(segments as u64 * 3, 3);
            let which = which.index(segments - 1);
            ledger.remove(which);
            let from = which as u64 * 3 + 1;
            let fault = account_of(&ledger, None).fault.unwrap();
            prop_assert_eq!(fault.kind, FaultKind::MissingSegment { from, to: from + 2 });
            prop_assert_eq!(fault.file, segment_name(from + 3));
        }
    }
}
