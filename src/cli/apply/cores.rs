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
    Ended(Result<Ended, BodyError>),
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
        drop(piece.outcome.send(Outcome::Ended(ended)));
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
                    && outcome.send(Outcome::Ended(ended)).is_ok();
                return Ok(if told { Ok(()) } else { Err(WriterGone) });
            }
        }
    }
}
