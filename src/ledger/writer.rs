//! The writer: one thread that makes entries durable, many at a time.
//!
//! ```text
//! submit ──► bounded queue ──► take all that is queued
//! outbox ──►                   number, link, one write, one sync
//!                              answer each Pending, tell each outbox
//! ```
//!
//! While one sync runs the next entries gather in the queue, so the more is asked, the more share a sync.
//! Entries for which nobody waits (how an exchange ended) have no sync of their own: they wait up to `LINGER` for one
//! that somebody waits for.
//! After a write or sync that failed nobody knows what is on the disk, and a sync that then succeeds says
//! nothing about it (the system may have dropped the pages). So the first failure ends the ledger: whatever
//! waits and whatever comes gets an error, and nothing is released (P3) until it is opened anew.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::chain::{Chain, LINE_BYTES, MEMBERS_BYTES};
use super::disk::{Directory, Disk, OpenError, Tail};
use super::entry::{Event, SUBJECTS_PER_ENTRY, render};
use super::outbox::Untold;
use crate::clock::Clock;

/// Bytes of lines that share one sync at most, one line over: bounds the writer's buffer (P5).
const COMMIT_BYTES: usize = LINE_BYTES;

/// How long entries wait for company for which nobody waits.
const LINGER: Duration = Duration::from_millis(5);

/// The shortest between the starts of two commits: on a fast disk, what comes meanwhile shares the second.
const PACE: Duration = Duration::from_micros(250);

/// Where a ledger is and what it may hold in memory.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// The directory; created if it is not there.
    pub directory: PathBuf,
    /// A segment that has reached this many bytes gets no further commit; it can be longer by one commit.
    pub segment_bytes: u64,
    /// Entries that wait to be written at most. With more, [`Ledger::submit`] refuses.
    pub queue_entries: usize,
}

/// What a group commit did: for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReport {
    /// Entries that it made durable.
    pub entries: usize,
    /// How long the write and the sync took.
    pub took: Duration,
}

/// Why an entry is not durable, or a ledger cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The directory cannot be opened as a ledger.
    #[error(transparent)]
    Open(#[from] Arc<OpenError>),
    /// Too many entries wait already. The next may fit again.
    #[error("the ledger's queue is full: the disk does not keep up")]
    Full,
    /// The entry is longer than a line may be, or names more subjects than one entry may.
    #[error("the entry is too large for one line of the ledger")]
    TooLarge,
    /// A write or sync failed. The ledger stays failed until it is opened anew.
    #[error("the ledger can no longer write: {0}; free the disk and start again")]
    Failed(Arc<std::io::Error>),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// The ledger, open for writing. Clones are handles to the same one.
#[derive(Clone)]
pub struct Ledger {
    queue: Sender<Message>,
    shared: Arc<Shared>,
    clock: Clock,
}

/// An entry on its way to the disk. Wait for it, or drop it to let it be written without waiting.
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<Result<Receipt, LedgerError>>,
    shared: Arc<Shared>,
}

/// The entry that accounts for a release is durable (P3). Made by the ledger's writer after its sync.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    sequence: u64,
}

/// What the handles and the writer's thread both see.
#[derive(Debug)]
struct Shared {
    /// Entries submitted and not yet durable.
    queued: AtomicUsize,
    /// Entries submitted that the writer has not taken yet: at most `room`.
    waiting: AtomicUsize,
    room: usize,
    /// Set once, before anybody is told: why the ledger ended.
    ended: OnceLock<LedgerError>,
    /// Taken by whoever closes.
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Parcel(Parcel),
    Close,
}

/// Entries that become durable together, and who is told.
pub(super) struct Parcel {
    /// The rendered members of each entry, one after another.
    pub(super) members: Vec<u8>,
    /// Where in `members` each entry ends.
    pub(super) ends: Vec<usize>,
    /// Whether somebody waits for one of them.
    pub(super) awaited: bool,
    pub(super) answer: Answer,
}

/// Who is told that a parcel is durable; dropped before that, it says that it will never be.
pub(super) enum Answer {
    /// Whoever submitted its one entry.
    Pending(oneshot::Sender<Result<Receipt, LedgerError>>),
    /// The outbox that it is from.
    Outbox(Untold),
}

impl Ledger {
    /// Opens the ledger and starts its writer. If a crash left an incomplete last line, it is cut off, and an
    /// entry says so. `on_commit` is called from the writer's thread after each commit.
    ///
    /// # Errors
    /// If the directory cannot be used, another process has it open, or the chain's end does not hold.
    pub fn open(
        options: LedgerOptions,
        clock: Clock,
        on_commit: impl Fn(&CommitReport) + Send + 'static,
    ) -> Result<Self, LedgerError> {
        let (directory, tail) = Directory::open(&options.directory).map_err(Arc::new)?;
        Self::open_on(directory, &tail, &options, clock, on_commit)
    }

    /// As [`Ledger::open`], on any disk that is at `tail`; of the options, `directory` is not looked at.
    ///
    /// # Errors
    /// If the entry about a cut cannot be written, or there are no threads.
    pub fn open_on(
        disk: impl Disk,
        tail: &Tail,
        options: &LedgerOptions,
        clock: Clock,
        on_commit: impl Fn(&CommitReport) + Send + 'static,
    ) -> Result<Self, LedgerError> {
        let (queue, incoming) = channel();
        let shared = Arc::new(Shared {
            queued: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            room: options.queue_entries.max(1),
            ended: OnceLock::new(),
            thread: Mutex::new(None),
        });
        let mut writer = Writer {
            disk,
            chain: tail.chain,
            segment_bytes: tail.segment_bytes,
            segment_bytes_most: options.segment_bytes,
            lines: Vec::new(),
            shared: Arc::clone(&shared),
            on_commit: Box::new(on_commit),
        };
        if let Some((segment, bytes_cut)) = tail.cut {
            let mut members = Vec::new();
            render(
                clock.now(),
                &Event::Recovered { segment, bytes_cut },
                &mut members,
            );
            let (answer, _) = oneshot::channel();
            let parcel = Parcel::of(members, answer);
            writer.commit(&[parcel]).map_err(LedgerError::Failed)?;
        }
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(&incoming))
            .map_err(|source| LedgerError::Failed(Arc::new(source)))?;
        *lock(&shared.thread) = Some(thread);
        Ok(Self {
            queue,
            shared,
            clock,
        })
    }

    /// Queues `event` without waiting, stamped with the present time: `at` is when it happened, and so not
    /// always in the order of `seq`.
    ///
    /// # Errors
    /// When the queue is full, the ledger has failed or is closed, or the event does not fit a line: then
    /// nothing may be released.
    pub fn submit(&self, event: Event) -> Result<Pending, LedgerError> {
        let mut members = Vec::new();
        self.admit(&event, &mut members)?;
        let (answer, receiver) = oneshot::channel();
        self.post(Parcel::of(members, answer));
        Ok(Pending {
            answer: receiver,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Takes a place in the queue for `event` and renders it onto `members`. What was admitted must be posted.
    ///
    /// # Errors
    /// As [`Ledger::submit`]; then `members` is as it was.
    pub(super) fn admit(&self, event: &Event, members: &mut Vec<u8>) -> Result<(), LedgerError> {
        if let Some(ended) = self.shared.ended.get() {
            return Err(ended.clone());
        }
        if matches!(event, Event::Subjects { tokens, .. } if tokens.len() > SUBJECTS_PER_ENTRY) {
            return Err(LedgerError::TooLarge);
        }
        let before = members.len();
        render(self.clock.now(), event, members);
        if members.len() - before > MEMBERS_BYTES {
            members.truncate(before);
            return Err(LedgerError::TooLarge);
        }
        if self.shared.waiting.fetch_add(1, Ordering::Relaxed) >= self.shared.room {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            members.truncate(before);
            return Err(LedgerError::Full);
        }
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Queues what was admitted. That the writer is gone shows where its answer is waited for.
    pub(super) fn post(&self, parcel: Parcel) {
        if let Err(refused) = self.queue.send(Message::Parcel(parcel)) {
            drop(refused);
        }
    }

    /// Why the ledger ended, if it did.
    pub(super) fn ended(&self) -> Option<LedgerError> {
        self.shared.ended.get().cloned()
    }

    /// Entries that were submitted and are not yet durable.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queued.load(Ordering::Relaxed)
    }

    /// Whether a write or sync has failed: no entry will be durable again.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.shared.ended.get(), Some(LedgerError::Failed(_)))
    }

    /// Writes what is queued, syncs, ends the writer's thread, returns when done; other handles then refuse.
    /// Blocks: call it from a thread that may.
    ///
    /// # Errors
    /// If the ledger has failed: then not all of what was queued is durable.
    pub fn close(self) -> Result<(), LedgerError> {
        // An error says that the writer has ended already, and `ended` says how.
        drop(self.queue.send(Message::Close));
        let thread = lock(&self.shared.thread).take();
        if let Some(thread) = thread {
            // An error says that it ended in a fault, and `ended` says so too.
            drop(thread.join());
        }
        match self.shared.ended() {
            LedgerError::Closed => Ok(()),
            other @ (LedgerError::Open(_)
            | LedgerError::Full
            | LedgerError::TooLarge
            | LedgerError::Failed(_)) => Err(other),
        }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("queued", &self.queued())
            .field("failed", &self.failed())
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// Waits until the entry is durable.
    ///
    /// # Errors
    /// If it is not: then nothing may be released for it.
    pub async fn durable(self) -> Result<Receipt, LedgerError> {
        self.answer
            .await
            // The writer ended with the entry still in its queue.
            .unwrap_or_else(|_| Err(self.shared.ended()))
    }

    /// As [`durable`](Self::durable), for a thread that may block and has no runtime.
    ///
    /// # Errors
    /// As there.
    pub fn wait(self) -> Result<Receipt, LedgerError> {
        self.answer
            .blocking_recv()
            .unwrap_or_else(|_| Err(self.shared.ended()))
    }
}

impl Receipt {
    /// For an entry that is durable, as all are up to that of `sequence`.
    pub(super) fn up_to(sequence: u64) -> Self {
        Self { sequence }
    }

    /// The sequence of the entry, or of a later one that became durable with it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Shared {
    /// Why the ledger ended. `Closed` also where its thread is gone without a word.
    fn ended(&self) -> LedgerError {
        self.ended.get().cloned().unwrap_or(LedgerError::Closed)
    }
}

impl Parcel {
    /// One entry, for which somebody may wait.
    fn of(members: Vec<u8>, answer: oneshot::Sender<Result<Receipt, LedgerError>>) -> Self {
        Self {
            ends: vec![members.len()],
            members,
            awaited: true,
            answer: Answer::Pending(answer),
        }
    }

    /// The members of each entry.
    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |&end| &self.members[std::mem::replace(&mut start, end)..end])
    }
}

/// The writer's thread.
struct Writer<D> {
    disk: D,
    chain: Chain,
    /// Bytes in the current segment.
    segment_bytes: u64,
    segment_bytes_most: u64,
    /// The lines of one commit; kept for its memory.
    lines: Vec<u8>,
    shared: Arc<Shared>,
    on_commit: Box<dyn Fn(&CommitReport) + Send>,
}

impl<D: Disk> Writer<D> {
    /// Writes until it is told to close, every handle is gone, or the disk fails.
    fn run(mut self, incoming: &Receiver<Message>) {
        let mut parcels = Vec::new();
        let mut closing = false;
        let mut last: Option<Instant> = None;
        while !closing {
            closing = self.gather(incoming, last, &mut parcels);
            last = Some(Instant::now());
            if let Err(failure) = self.commit_and_answer(&mut parcels) {
                self.end(LedgerError::Failed(failure));
                return;
            }
        }
        self.end(LedgerError::Closed);
    }

    /// Takes what is queued into `parcels`, and waits for it if there is nothing, or if the commit before began at `last`,
    /// just now. Gives whether it is the last.
    fn gather(
        &self,
        incoming: &Receiver<Message>,
        last: Option<Instant>,
        parcels: &mut Vec<Parcel>,
    ) -> bool {
        let mut bytes = 0;
        let mut awaited = false;
        let mut until = None;
        while bytes < COMMIT_BYTES {
            let next = match until {
                None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(_) if awaited => incoming.try_recv().map_err(|_| RecvTimeoutError::Timeout),
                Some(until) => incoming
                    .recv_timeout(Instant::saturating_duration_since(&until, Instant::now())),
            };
            match next {
                Ok(Message::Parcel(parcel)) => {
                    let entries = parcel.ends.len();
                    self.shared.waiting.fetch_sub(entries, Ordering::Relaxed);
                    bytes += parcel.members.len();
                    if parcel.awaited && !awaited {
                        awaited = true;
                        let since = last.map_or(PACE, |last| last.elapsed());
                        std::thread::sleep(PACE.saturating_sub(since));
                    }
                    parcels.push(parcel);
                    until.get_or_insert_with(|| Instant::now() + LINGER);
                }
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        false
    }

    /// Commits `parcels`, tells whose they are, and leaves none.
    fn commit_and_answer(&mut self, parcels: &mut Vec<Parcel>) -> Result<(), Arc<std::io::Error>> {
        if parcels.is_empty() {
            return Ok(());
        }
        let mut sequence = self.chain.next();
        let started = Instant::now();
        let committed = self.commit(parcels);
        if let Err(failure) = &committed {
            // Before the answers, so that whoever gets one and asks finds the ledger failed.
            self.end(LedgerError::Failed(Arc::clone(failure)));
        }
        let entries: usize = parcels.iter().map(|parcel| parcel.ends.len()).sum();
        self.shared.queued.fetch_sub(entries, Ordering::Relaxed);
        for parcel in parcels.drain(..) {
            match parcel.answer {
                Answer::Pending(answer) => {
                    let result = match &committed {
                        Ok(()) => Ok(Receipt { sequence }),
                        Err(failure) => Err(LedgerError::Failed(Arc::clone(failure))),
                    };
                    // Nobody waits for it any more: the entry stands all the same.
                    drop(answer.send(result));
                }
                Answer::Outbox(untold) if committed.is_ok() => {
                    untold.durable(sequence + parcel.ends.len() as u64 - 1);
                }
                Answer::Outbox(untold) => drop(untold),
            }
            sequence += parcel.ends.len() as u64;
        }
        if committed.is_ok() {
            (self.on_commit)(&CommitReport {
                entries,
                took: started.elapsed(),
            });
        }
        committed
    }

    /// Makes the entries of `parcels` durable: one write, one sync, a new segment first if it is time.
    fn commit(&mut self, parcels: &[Parcel]) -> Result<(), Arc<std::io::Error>> {
        if self.segment_bytes > 0 && self.segment_bytes >= self.segment_bytes_most {
            self.disk.start_segment(self.chain.next())?;
            self.segment_bytes = 0;
        }
        self.lines.clear();
        for members in parcels.iter().flat_map(Parcel::entries) {
            self.chain.append(members, &mut self.lines);
        }
        self.disk.write(&self.lines)?;
        self.disk.sync()?;
        self.segment_bytes += self.lines.len() as u64;
        Ok(())
    }

    /// Says why the ledger ended; the first reason stays. What is still queued is dropped with the receiver,
    /// which tells those who wait.
    fn end(&self, why: LedgerError) {
        // `Err` hands `why` back because another reason came first.
        drop(self.shared.ended.set(why));
    }
}

impl<D> Drop for Writer<D> {
    /// A writer that ends in a fault of its own, as in `on_commit`, has not said so: then nobody is to think
    /// that the ledger still writes.
    fn drop(&mut self) {
        let fault = std::io::Error::other("its writer ended in a fault");
        let failed = LedgerError::Failed(Arc::new(fault));
        // `Err` hands it back because the writer did say why it ended.
        drop(self.shared.ended.set(failed));
    }
}

/// What a panicking holder could leave half done: nothing, the values are only taken or set.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::chain::Link;
    use super::super::entry::RequestId;
    use super::*;
    use crate::minimise::SubjectToken;

    /// A disk in memory that says when it syncs, waits there if told to, and fails where told to.
    #[derive(Default)]
    pub(in super::super) struct MemoryDisk {
        pub(in super::super) seen: Arc<Mutex<Seen>>,
        /// Announces each sync and waits for leave.
        pub(in super::super) gate: Option<(Sender<()>, Receiver<()>)>,
        pub(in super::super) fails: Fails,
    }

    #[derive(Default)]
    pub(in super::super) struct Seen {
        segments: Vec<u64>,
        pub(in super::super) written: Vec<u8>,
        /// How much of `written` was synced.
        synced: usize,
        pub(in super::super) writes: usize,
        syncs: usize,
    }

    /// The one call that fails. The calls after it would succeed.
    #[derive(Default, Clone, Copy, PartialEq)]
    pub(in super::super) enum Fails {
        #[default]
        Never,
        WriteAfterBytes(usize),
        Sync(usize),
        StartSegment,
    }

    impl Disk for MemoryDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut seen = lock(&self.seen);
            seen.writes += 1;
            if let Fails::WriteAfterBytes(room) = self.fails
                && seen.written.len() + bytes.len() > room
            {
                let fits = room - seen.written.len();
                seen.written.extend_from_slice(&bytes[..fits]);
                self.fails = Fails::Never;
                return Err(io::ErrorKind::StorageFull.into());
            }
            seen.written.extend_from_slice(bytes);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            if let Some((announce, leave)) = &self.gate {
                announce.send(()).unwrap();
                leave.recv().unwrap();
            }
            let mut seen = lock(&self.seen);
            seen.syncs += 1;
            if self.fails == Fails::Sync(seen.syncs) {
                return Err(io::ErrorKind::Other.into());
            }
            seen.synced = seen.written.len();
            Ok(())
        }

        fn start_segment(&mut self, first: u64) -> io::Result<()> {
            if self.fails == Fails::StartSegment {
                self.fails = Fails::Never;
                return Err(io::ErrorKind::StorageFull.into());
            }
            lock(&self.seen).segments.push(first);
            Ok(())
        }
    }

    pub(in super::super) fn options(queue_entries: usize) -> LedgerOptions {
        LedgerOptions {
            directory: PathBuf::new(),
            segment_bytes: 1 << 20,
            queue_entries,
        }
    }

    fn clock() -> Clock {
        Clock::from_fn(|| "2026-11-22T09:15:00Z".parse().unwrap())
    }

    pub(in super::super) fn open(disk: MemoryDisk, options: &LedgerOptions) -> Ledger {
        let tail = Tail {
            chain: Chain::default(),
            segment_bytes: 0,
            cut: None,
        };
        Ledger::open_on(disk, &tail, options, clock(), |_| {}).unwrap()
    }

    pub(in super::super) fn event() -> Event {
        Event::Subjects {
            request: RequestId::new([7; 16]),
            tokens: vec![SubjectToken("a".repeat(26))],
        }
    }

    fn wait(pending: Pending) -> Result<u64, LedgerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(pending.durable())
            .map(|receipt| receipt.sequence())
    }

    /// A disk whose syncs are announced on the receiver and wait for leave from the sender.
    pub(in super::super) fn gated() -> (MemoryDisk, Receiver<()>, Sender<()>) {
        let (announce, announced) = channel();
        let (leave, awaited) = channel();
        let disk = MemoryDisk {
            gate: Some((announce, awaited)),
            ..MemoryDisk::default()
        };
        (disk, announced, leave)
    }

    /// Fails instead of hanging where no sync comes.
    pub(in super::super) fn wait_for_sync(announced: &Receiver<()>) {
        announced
            .recv_timeout(Duration::from_secs(60))
            .expect("the writer syncs");
    }

    #[test]
    fn p3_an_entry_is_durable_only_once_its_sync_has_returned() {
        let (disk, announced, leave) = gated();
        let seen = Arc::clone(&disk.seen);
        let ledger = open(disk, &options(8));
        let mut pending = ledger.submit(event()).unwrap();
        wait_for_sync(&announced);
        assert!(!lock(&seen).written.is_empty(), "it is written");
        assert!(pending.answer.try_recv().is_err(), "but not durable");
        assert_eq!(ledger.queued(), 1);
        leave.send(()).unwrap();
        assert_eq!(wait(pending).unwrap(), 1);
        assert_eq!(ledger.queued(), 0);
        let seen = lock(&seen);
        assert_eq!(seen.synced, seen.written.len());
    }

    #[test]
    fn p3_after_a_failed_write_or_sync_no_entry_is_durable_even_if_the_disk_recovers() {
        let line = 200; // A line of `event()` is a little longer.
        for (name, fails, durable_before) in [
            ("no byte fits", Fails::WriteAfterBytes(0), 0),
            (
                "the first line fits in part",
                Fails::WriteAfterBytes(line),
                0,
            ),
            (
                "the third line fits in part",
                Fails::WriteAfterBytes(3 * line),
                2,
            ),
            ("the first sync fails", Fails::Sync(1), 0),
            ("the third sync fails", Fails::Sync(3), 2),
        ] {
            let disk = MemoryDisk {
                fails,
                ..MemoryDisk::default()
            };
            let seen = Arc::clone(&disk.seen);
            let ledger = open(disk, &options(8));
            for sequence in 1..=durable_before {
                assert_eq!(
                    wait(ledger.submit(event()).unwrap()).unwrap(),
                    sequence,
                    "{name}"
                );
            }
            assert!(!ledger.failed(), "{name}");
            let failed = wait(ledger.submit(event()).unwrap());
            assert!(matches!(failed, Err(LedgerError::Failed(_))), "{name}");
            assert!(ledger.failed(), "{name}");
            let writes = lock(&seen).writes;
            let later = ledger.submit(event());
            assert!(matches!(later, Err(LedgerError::Failed(_))), "{name}");
            assert!(
                matches!(ledger.close(), Err(LedgerError::Failed(_))),
                "{name}"
            );
            assert_eq!(lock(&seen).writes, writes, "{name}: nothing more is tried");
        }
    }

    #[test]
    fn p3_what_waits_behind_a_failed_sync_is_not_durable() {
        let (mut disk, announced, leave) = gated();
        disk.fails = Fails::Sync(1);
        let ledger = open(disk, &options(8));
        let first = ledger.submit(event()).unwrap();
        wait_for_sync(&announced);
        let behind = ledger.submit(event()).unwrap();
        leave.send(()).unwrap();
        for pending in [first, behind] {
            assert!(matches!(wait(pending), Err(LedgerError::Failed(_))));
        }
    }

    #[test]
    fn p3_a_segment_that_cannot_be_started_fails_the_ledger() {
        let disk = MemoryDisk {
            fails: Fails::StartSegment,
            ..MemoryDisk::default()
        };
        let ledger = open(
            disk,
            &LedgerOptions {
                segment_bytes: 1,
                ..options(8)
            },
        );
        assert_eq!(wait(ledger.submit(event()).unwrap()).unwrap(), 1);
        let failed = wait(ledger.submit(event()).unwrap());
        assert!(matches!(failed, Err(LedgerError::Failed(_))));
        assert!(ledger.failed());
    }

    #[test]
    fn entries_that_gather_during_a_sync_share_the_next_one() {
        let (disk, announced, leave) = gated();
        let seen = Arc::clone(&disk.seen);
        let reports = Arc::new(Mutex::new(Vec::new()));
        let tail = Tail {
            chain: Chain::default(),
            segment_bytes: 0,
            cut: None,
        };
        let ledger = Ledger::open_on(disk, &tail, &options(128), clock(), {
            let reports = Arc::clone(&reports);
            move |report| lock(&reports).push(report.entries)
        })
        .unwrap();
        let mut pendings = vec![ledger.submit(event()).unwrap()];
        wait_for_sync(&announced);
        std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..100)
                .map(|_| scope.spawn(|| ledger.submit(event()).unwrap()))
                .collect();
            pendings.extend(tasks.into_iter().map(|task| task.join().unwrap()));
        });
        leave.send(()).unwrap();
        leave.send(()).unwrap();
        let mut sequences: Vec<u64> = pendings.into_iter().map(|p| wait(p).unwrap()).collect();
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=101).collect::<Vec<_>>());
        ledger.close().unwrap();
        assert_eq!(lock(&seen).syncs, 2);
        assert_eq!(*lock(&reports), [1, 100]);
    }

    #[test]
    fn a_full_queue_refuses_without_waiting_and_takes_entries_again_later() {
        let (disk, announced, leave) = gated();
        let ledger = open(disk, &options(2));
        let mut pendings = vec![ledger.submit(event()).unwrap()];
        wait_for_sync(&announced);
        pendings.extend([
            ledger.submit(event()).unwrap(),
            ledger.submit(event()).unwrap(),
        ]);
        assert!(matches!(ledger.submit(event()), Err(LedgerError::Full)));
        assert_eq!(ledger.queued(), 3);
        assert!(!ledger.failed());
        for _ in 0..3 {
            leave.send(()).unwrap();
        }
        for pending in pendings {
            assert!(wait(pending).is_ok());
        }
        assert_eq!(wait(ledger.submit(event()).unwrap()).unwrap(), 4);
    }

    #[test]
    fn an_entry_too_large_for_a_line_is_refused_and_the_ledger_goes_on() {
        let ledger = open(MemoryDisk::default(), &options(8));
        let too_many = Event::Subjects {
            request: RequestId::new([7; 16]),
            tokens: vec![SubjectToken(String::new()); SUBJECTS_PER_ENTRY + 1],
        };
        let too_long = Event::Subjects {
            request: RequestId::new([7; 16]),
            tokens: vec![SubjectToken("a".repeat(LINE_BYTES))],
        };
        for event in [too_many, too_long] {
            assert!(matches!(ledger.submit(event), Err(LedgerError::TooLarge)));
        }
        assert_eq!(wait(ledger.submit(event()).unwrap()).unwrap(), 1);
    }

    #[test]
    fn closing_makes_what_is_queued_durable_and_other_handles_then_refuse() {
        let disk = MemoryDisk::default();
        let seen = Arc::clone(&disk.seen);
        let ledger = open(disk, &options(8));
        let other = ledger.clone();
        for _ in 0..5 {
            drop(ledger.submit(event()).unwrap());
        }
        ledger.close().unwrap();
        let lines = String::from_utf8(lock(&seen).written.clone()).unwrap();
        let sequences: Vec<u64> = lines
            .lines()
            .map(|line| Link::read(line.as_bytes()).unwrap().sequence)
            .collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5]);
        assert_eq!(lock(&seen).synced, lines.len());
        assert!(matches!(other.submit(event()), Err(LedgerError::Closed)));
        assert!(!other.failed());
        other.close().unwrap();
    }

    #[test]
    fn p3_a_writer_that_ends_in_a_fault_of_its_own_fails_the_ledger() {
        let tail = Tail {
            chain: Chain::default(),
            segment_bytes: 0,
            cut: None,
        };
        let disk = MemoryDisk::default();
        let ledger =
            Ledger::open_on(disk, &tail, &options(8), clock(), |_| panic!("on purpose")).unwrap();
        let other = ledger.clone();
        assert!(
            wait(ledger.submit(event()).unwrap()).is_ok(),
            "it was durable before"
        );
        assert!(matches!(ledger.close(), Err(LedgerError::Failed(_))));
        assert!(other.failed());
        assert!(matches!(other.submit(event()), Err(LedgerError::Failed(_))));
    }

    #[test]
    fn a_segment_that_is_full_gets_no_further_commit() {
        let disk = MemoryDisk::default();
        let seen = Arc::clone(&disk.seen);
        let options = LedgerOptions {
            segment_bytes: 300,
            ..options(8)
        };
        let ledger = open(disk, &options);
        for _ in 0..5 {
            assert!(wait(ledger.submit(event()).unwrap()).is_ok());
        }
        assert_eq!(
            lock(&seen).segments,
            [3, 5],
            "two lines of 200 to 299 bytes each"
        );
    }

    #[test]
    fn a_cut_off_line_is_entered_before_anything_else() {
        let disk = MemoryDisk::default();
        let seen = Arc::clone(&disk.seen);
        let tail = Tail {
            chain: Chain::default(),
            segment_bytes: 0,
            cut: Some((1, 33)),
        };
        let ledger = Ledger::open_on(disk, &tail, &options(8), clock(), |_| {}).unwrap();
        let seen = lock(&seen);
        let line = std::str::from_utf8(&seen.written[..seen.synced]).unwrap();
        assert!(line.contains(r#""event":"recovered","segment":1,"bytes_cut":33"#));
        drop(ledger);
    }
}
