//! One input on several cores, in order.
//!
//! ```text
//! this thread  reads, cuts where elements end      ─► workers  a machine for each piece
//!        └─ for each piece, where its output comes ─► writer   writes the pieces' output in their order
//! ```
//!
//! What leaves and what is told are the same as with one core: the earliest fault counts, and nothing behind it is
//! written. What has come never waits for what has not: a piece is as large as it may be, or all that is there.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::READ_BYTES;
use super::input::Input;
use super::split::{Ended, Lead, Splitter, counted};
use crate::cli::out::Stop;
use crate::minimise::{BodyError, Tally};

/// What all pieces under way hold of the input, about; their output may be as much again.
const ALL_PIECES_BYTES: usize = 2 << 20;

/// A piece costs some microseconds beside what its bytes do.
const LEAST_PIECE_BYTES: usize = 64 << 10;

/// Takes what leaves.
pub(super) type Leaves<'a> = dyn FnMut(&[u8]) -> Result<(), Stop> + Send + 'a;

/// A piece of whole elements; the input's last may break off.
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
    lead: Option<Arc<Lead>>,
    /// The input's last element may go on behind it: a fault in reading cut it.
    cut: bool,
    outcome: SyncSender<Outcome>,
}

/// What becomes of a piece, in one part or more.
enum Outcome {
    Leaves(Vec<u8>),
    Ended(Result<Box<Ended>, BodyError>),
}

/// Buffers that are used again.
#[derive(Default)]
struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    fn take(&self) -> Vec<u8> {
        let mut buffer = lock(&self.0).pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn give(&self, buffer: Vec<u8>) {
        lock(&self.0).push(buffer);
    }
}

/// A thread that panics ends the command, whoever had the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cores to use, and how large a piece for one of them is.
pub(super) struct Cores {
    jobs: usize,
    piece_bytes: usize,
}

impl Cores {
    /// `jobs` cores, at least one.
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            jobs,
            piece_bytes: (ALL_PIECES_BYTES / under_way(jobs)).max(LEAST_PIECE_BYTES),
        }
    }

    /// All of `input` through machines on these cores; `broken` tells of a fault.
    ///
    /// # Errors
    /// If the input or the output is at fault.
    pub(super) fn minimise(
        &self,
        splitter: &Splitter,
        input: &mut Input,
        broken: &(dyn Fn(BodyError) -> Stop + Sync),
        leaves: &mut Leaves<'_>,
    ) -> Result<Tally, Stop> {
        let pool = Pool::default();
        let (work, pieces) = mpsc::channel::<Piece>();
        let (order, outcomes) = mpsc::sync_channel::<Receiver<Outcome>>(under_way(self.jobs));
        let pieces = Mutex::new(pieces);
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    loop {
                        let piece = lock(&pieces).recv();
                        match piece {
                            Ok(piece) => one_piece(splitter, piece, &pool),
                            Err(_) => return,
                        }
                    }
                });
            }
            let writer = scope.spawn(|| write(outcomes, &pool, broken, leaves));
            let mut reader = Reader {
                splitter,
                input,
                piece_bytes: self.piece_bytes,
                pool: &pool,
                work,
                order,
                offset: 0,
                lead: None,
            };
            let read = reader.read();
            drop(reader);
            let written = writer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // A fault in what was read before reading failed is the earlier one.
            written.and_then(|tally| read.map(|()| tally))
        })
    }
}

/// Pieces that are read and not written yet: one on each core, and one before and behind them.
fn under_way(jobs: usize) -> usize {
    jobs + 2
}

fn one_piece(splitter: &Splitter, piece: Piece, pool: &Pool) {
    let mut run = splitter.run(piece.offset, piece.lead);
    let mut out = pool.take();
    let pushed = run.push(&piece.bytes, &mut out);
    let ended = match (pushed, piece.cut) {
        (Ok(()), false) => run.finish(&mut out),
        (Ok(()), true) => Ok(Ended {
            tally: Tally::default(),
            elements: 0,
        }),
        (Err(error), _) => Err(error),
    };
    pool.give(piece.bytes);
    // A writer that has stopped takes nothing any more.
    if piece.outcome.send(Outcome::Leaves(out)).is_ok() {
        drop(piece.outcome.send(Outcome::Ended(ended.map(Box::new))));
    }
}

/// Writes what leaves, piece by piece in their order, to the first fault.
fn write(
    outcomes: Receiver<Receiver<Outcome>>,
    pool: &Pool,
    broken: &(dyn Fn(BodyError) -> Stop + Sync),
    leaves: &mut Leaves<'_>,
) -> Result<Tally, Stop> {
    let (mut tally, mut elements) = (Tally::default(), 0);
    for outcome in outcomes {
        loop {
            let Ok(part) = outcome.recv() else {
                // Its end was not read: the reader says why.
                return Ok(tally);
            };
            match part {
                Outcome::Leaves(out) => {
                    if !out.is_empty() {
                        leaves(&out)?;
                    }
                    pool.give(out);
                }
                Outcome::Ended(Ok(ended)) => {
                    tally.add(&ended.tally);
                    elements += ended.elements;
                    break;
                }
                Outcome::Ended(Err(error)) => {
                    return Err(broken(counted(error, |index| elements + index)));
                }
            }
        }
    }
    Ok(tally)
}

/// Cuts the input into pieces.
struct Reader<'a> {
    splitter: &'a Splitter,
    input: &'a mut Input,
    piece_bytes: usize,
    pool: &'a Pool,
    work: mpsc::Sender<Piece>,
    order: SyncSender<Receiver<Outcome>>,
    /// Where the piece that comes starts.
    offset: u64,
    lead: Option<Arc<Lead>>,
}

/// Nothing more is written: the writer says why.
struct WriterGone;

impl Reader<'_> {
    /// Reads to the end, or to where nobody takes it any more.
    fn read(&mut self) -> Result<(), Stop> {
        let mut piece = self.pool.take();
        loop {
            let read = match self.more(&mut piece) {
                Ok(read) => read,
                Err(stop) => {
                    // The writer's word counts more than that it is gone.
                    let _told_by_the_writer = self.hand_on(piece, true);
                    return Err(stop);
                }
            };
            if read == 0 {
                let _told_by_the_writer = match piece.is_empty() && self.offset > 0 {
                    true => Ok(()),
                    false => self.hand_on(piece, false),
                };
                return Ok(());
            }
            let full = piece.len() == self.piece_bytes;
            if !full && self.input.has_more_at_hand() {
                continue;
            }
            let sent = match self.splitter.last_end(&piece) {
                Some(end) => {
                    let mut rest = self.pool.take();
                    rest.extend_from_slice(&piece[end..]);
                    piece.truncate(end);
                    self.hand_on(std::mem::replace(&mut piece, rest), false)
                }
                None if full => self.long(&mut piece)?,
                None => Ok(()),
            };
            if let Err(WriterGone) = sent {
                return Ok(());
            }
        }
    }

    /// Reads behind what `piece` has, to at most the size of a piece; gives how much.
    fn more(&mut self, piece: &mut Vec<u8>) -> Result<usize, Stop> {
        let filled = piece.len();
        piece.resize(self.piece_bytes.min(filled + READ_BYTES), 0);
        let read = self.input.read(&mut piece[filled..]);
        piece.truncate(filled + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Gives a piece to the workers.
    fn hand_on(&mut self, bytes: Vec<u8>, cut: bool) -> Result<(), WriterGone> {
        let lead = self.lead_of(&bytes);
        let outcome = self.announce()?;
        let piece = Piece {
            offset: self.offset,
            lead,
            cut,
            outcome,
            bytes,
        };
        self.offset += piece.bytes.len() as u64;
        self.work.send(piece).map_err(|_| WriterGone)
    }

    /// The lead for a piece that starts with `bytes`; the first has none, and is where it comes from.
    fn lead_of(&mut self, bytes: &[u8]) -> Option<Arc<Lead>> {
        let before = self.lead.clone();
        if before.is_none() {
            self.lead = self.splitter.lead(bytes).map(Arc::new);
        }
        before
    }

    /// Tells the writer that a piece comes, and gives where its outcome goes.
    fn announce(&self) -> Result<SyncSender<Outcome>, WriterGone> {
        let (outcome, to_writer) = mpsc::sync_channel(2);
        self.order.send(to_writer).map_err(|_| WriterGone)?;
        Ok(outcome)
    }

    /// An element that is longer than a piece, of which `piece` is the start: through a machine here, as it comes.
    /// Leaves in `piece` what follows it.
    fn long(&mut self, piece: &mut Vec<u8>) -> Result<Result<(), WriterGone>, Stop> {
        let lead = self.lead_of(piece);
        // A first row that is longer than a piece leads no others: all of the input is one piece then.
        let is_all = self.lead.is_none();
        let outcome = match self.announce() {
            Ok(outcome) => outcome,
            Err(gone) => return Ok(Err(gone)),
        };
        let mut run = self.splitter.run(self.offset, lead);
        let mut ends = self.splitter.ends();
        loop {
            let end = ends.first_in(piece).filter(|_| !is_all);
            let mut out = self.pool.take();
            let bytes = &piece[..end.unwrap_or(piece.len())];
            let pushed = run.push(bytes, &mut out);
            self.offset += bytes.len() as u64;
            piece.drain(..bytes.len());
            if outcome.send(Outcome::Leaves(out)).is_err() {
                return Ok(Err(WriterGone));
            }
            if let Err(error) = pushed {
                // The writer tells it; if that has stopped before, it had something to tell that was earlier.
                drop(outcome.send(Outcome::Ended(Err(error))));
                return Ok(Err(WriterGone));
            }
            if end.is_some() || self.more(piece)? == 0 {
                let mut last = self.pool.take();
                let ended = run.finish(&mut last);
                let told = outcome.send(Outcome::Leaves(last)).is_ok()
                    && outcome.send(Outcome::Ended(ended.map(Box::new))).is_ok();
                return Ok(if told { Ok(()) } else { Err(WriterGone) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::agreement;
    use crate::minimise::{Limits, machine};
    use crate::plan::{Plan, PlanKeys};

    /// Gives its bytes a few at a time.
    struct Trickle(Vec<u8>, usize);

    impl Read for Trickle {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    /// Reading fails behind these bytes.
    struct Fails(Trickle);

    impl Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::other("the disk has gone")),
                count => Ok(count),
            }
        }
    }

    fn plan(rules: &str) -> Arc<Plan> {
        let rules = agreement::load_fields("rules", rules).unwrap();
        Arc::new(Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).unwrap())
    }

    type Came = (String, Result<Tally, String>);

    /// What one machine does with `sent`, byte by byte.
    fn alone(plan: &Arc<Plan>, sent: &[u8]) -> Came {
        let (mut machine, mut out) = (
            machine(plan, "", jiff::civil::date(2026, 11, 22)),
            Vec::new(),
        );
        let mut bytes = sent.chunks(1);
        let ended = bytes
            .try_for_each(|byte| machine.push(byte, &mut out))
            .and_then(|()| machine.finish(&mut out));
        let ended = ended.map_err(|error| error.to_string());
        (String::from_utf8(out).unwrap(), ended)
    }

    fn on_cores(plan: &Arc<Plan>, cores: &Cores, from: impl Read + 'static) -> Came {
        let splitter = Splitter::new(plan, jiff::civil::date(2026, 11, 22).into())
            .expect("such inputs can be cut");
        let mut out = Vec::new();
        let broken = |error: BodyError| Stop::input(error);
        let mut input = Input::from_reader(from);
        let ended = cores.minimise(&splitter, &mut input, &broken, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        });
        let ended = ended.map_err(|stop| match stop {
            Stop::Fault(_, message) | Stop::Faults(message) => message,
            Stop::ReaderGone | Stop::Said(_) => "said elsewhere".to_owned(),
        });
        (String::from_utf8(out).unwrap(), ended)
    }

    /// The same leaves and is told as of one machine, whatever the pieces' size. Before a fault less may have left.
    fn check(rules: &str, sent: &[u8]) {
        let plan = plan(rules);
        let (leaves, told) = alone(&plan, sent);
        for piece_bytes in 1..=sent.len() + 1 {
            // All ways for small pieces, one for others.
            let ways = [(1, sent.len().max(1)), (3, 1), (4, 7)];
            let ways = match piece_bytes {
                ..=6 => &ways[..],
                _ => &ways[piece_bytes % 3..][..1],
            };
            for &(jobs, trickle) in ways {
                let cores = Cores { jobs, piece_bytes };
                let came = on_cores(&plan, &cores, Trickle(sent.to_vec(), trickle));
                let text = String::from_utf8_lossy(sent);
                let case = format!(
                    "{rules}: {text:?} in {piece_bytes} bytes, {jobs} jobs, {trickle} a read"
                );
                assert_eq!(came.1, told, "{case}");
                let whole = told.is_err() && leaves.starts_with(&came.0);
                assert!(whole || came.0 == leaves, "{case}: {} for {leaves}", came.0);
            }
        }
    }

    const LINES: &str =
        "format: ndjson\nfields: [{ keep: ['$[*].a', '$[*].b[*]'] }, { mask: ['$[*].c'] }]";

    #[test]
    fn p8_lines_leave_the_same_from_any_pieces() {
        let record = r#"{"a":1,"x":"é","b":[1,{"y":2},"3"],"c":"secret"}"#;
        for sent in [
            String::new(),
            "\n".to_owned(),
            record.to_owned(),
            format!("{record}\n"),
            format!("{record}\r\n \t\n{record}\n\n{{}}\n12\n\"text\"\n{record}"),
        ] {
            check(LINES, sent.as_bytes());
            for rules in [
                "format: ndjson\nfields: []",
                "format: ndjson\nfields: [{ drop: [$] }]",
                "format: ndjson\nfields: [{ keep: [$] }]",
                "format: ndjson\nfields: [{ keep: [$, '$[*].a'] }]",
                "format: ndjson\nfields: [{ keep_all: [$], because: b }, { drop: ['$[*].b'] }]",
                "format: ndjson\nfields: [{ keep_all: ['$[*]'], because: b }]",
                "format: ndjson\nrecord: '$[*]'\nrelease_if: '@.a == 1'\nfields: [{ keep: ['$..a'] }]",
            ] {
                check(rules, sent.as_bytes());
            }
        }
    }

    #[test]
    fn p4_the_earliest_fault_of_lines_is_told_with_its_place_in_the_input() {
        let good = r#"{"a":1}"#;
        for bad in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"a":"#,
            b"]",
            b"1 2",
            b"{\"a\":\"\xff\"}",
            b"\xc3",
            b"\xef\xbb\xbf{}",
            b"\xef\xbb\xbf",
        ] {
            for before in 0..4 {
                let mut sent = format!("{good}\n\n").repeat(before).into_bytes();
                sent.extend_from_slice(bad);
                check(LINES, &sent);
                sent.extend_from_slice(format!("\n{good}\n").as_bytes());
                check(LINES, &sent);
                sent.extend_from_slice(bad);
                check(LINES, &sent);
            }
        }
    }

    const ROWS: &str = "format: csv\nfields: [{ keep: ['$[*].name'] }, { mask: ['$[*].dob'] }]";

    #[test]
    fn p8_rows_leave_the_same_from_any_pieces() {
        for sent in [
            "name,dob,x\nAda,1815,1\nBob,1970,2\nCy,2000,3\n",
            "name,dob,x\r\n\"A\"\"da\",1815,\"one\r\ntwo\"\r\nBob,\"19\n\n70\",2",
            "\u{feff}name,\"do\"\"b\n\",dob\n\u{feff}A,1,2\n\u{fffd},3,4\n",
            "name,dob,x\n",
            "name,dob,x",
            "\"name\",\"dob\nx",
            "",
        ] {
            check(ROWS, sent.as_bytes());
            for rules in [
                "format: csv\nfields: []",
                "format: csv\nfields: [{ drop: [$] }]",
                "format: csv\nfields: [{ keep: [$] }]",
                "format: csv\nfields: [{ keep_all: [$], because: b }, { drop: ['$[*].dob'] }]",
                "format: csv\nfields: [{ keep_all: ['$[*]'], because: b }]",
                "format: csv\ncsv: { header: [a, b, c] }\nfields: [{ keep: ['$[*].a', '$[*].c'] }]",
                "format: csv\ncsv: { charset: windows-1252 }\nfields: [{ keep: ['$[*].x'] }]",
                "format: csv\nrecord: '$[*]'\nrelease_if: '@.name == \"Bob\"'\nfields: [{ keep: ['$[*].dob'] }]",
            ] {
                check(rules, sent.as_bytes());
            }
        }
    }

    #[test]
    fn p4_the_earliest_fault_of_rows_is_told_with_its_place_in_the_input() {
        for bad in [
            &b"Ada"[..],
            b"Ada,1,2,3",
            b"A\"da,1,2",
            b"\"Ada\"x,1,2",
            b"\"Ada,1,2",
            b"Ada,\xff,2",
            b"Ada,1,\x01",
            b"",
            b"Ada,1\r,2",
        ] {
            for before in 0..3 {
                let mut sent = b"name,dob,x\n".to_vec();
                sent.extend(b"Eve,\"1\n\",2\n".repeat(before));
                sent.extend_from_slice(bad);
                check(ROWS, &sent);
                sent.extend_from_slice(b"\nEve,1,\"2\n\"\n");
                check(ROWS, &sent);
            }
        }
    }

    #[test]
    fn inputs_whose_elements_are_counted_or_held_together_stay_whole() {
        for rules in [
            "fields: []",
            "format: xml\nfields: []",
            "format: ndjson\nfields: [{ keep: ['$[0].a'] }]",
            "format: ndjson\nfields: [{ keep: ['$[1:].a'] }]",
            "format: ndjson\nfields: [{ keep: ['$..[2]'] }]",
            "format: csv\ncsv: { charset: utf-16 }\nfields: []",
            "format: csv\nrecord: $\nfields: [{ keep: ['$[*].a'] }]",
        ] {
            assert!(
                Splitter::new(&plan(rules), jiff::civil::date(2026, 11, 22).into()).is_none(),
                "{rules}"
            );
        }
    }

    #[test]
    fn a_fault_in_reading_is_told_only_if_what_was_read_has_none() {
        let cores = Cores {
            jobs: 2,
            piece_bytes: 8,
        };
        let plan = plan(LINES);
        for (sent, in_reading) in [
            ("{\"a\":1}\n{\"a\":", true),
            ("{\"a\":1}\n{\"a\":]", false),
            (
                "{\"a\":1}\n{\"a\":\"long enough for more than one piece",
                true,
            ),
            (
                "{\"a\":1}\n{\"a\":[\"long enough for more than one piece\"}",
                false,
            ),
        ] {
            let from = Fails(Trickle(sent.as_bytes().to_vec(), 5));
            let (_, ended) = on_cores(&plan, &cores, from);
            let message = ended.unwrap_err();
            assert_eq!(
                message.contains("the disk has gone"),
                in_reading,
                "{sent}: {message}"
            );
        }
    }
}
