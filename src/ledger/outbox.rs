//! One thread's entries on their way to the writer: gathered, handed over together, and answered together.
//!
//! Between two threads an entry costs a system call to wake the one and another to wake the other, which is more than
//! all else that an exchange does for the ledger. So what a thread's tasks submit in one turn of its loop is handed over
//! as one parcel at the turn's end, and a commit wakes the thread once, and only if somebody there waits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::entry::Event;
use super::writer::{Answer, Ledger, LedgerError, Parcel, Receipt};

/// Bytes of entries that are handed over before the turn is at its end.
const PARCEL_BYTES: usize = 64 << 10;

/// One thread's entries. Works as long as its [`tend`](Self::tend) is polled; dropped, it hands over what it has.
pub struct Outbox {
    ledger: Ledger,
    gathered: RefCell<Gathered>,
    /// Told when there is a first entry to hand over.
    begun: Notify,
    answers: Arc<Answers>,
    /// Who waits, by ticket.
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

/// What was not handed over yet.
#[derive(Default)]
struct Gathered {
    members: Vec<u8>,
    ends: Vec<usize>,
    awaited: bool,
    /// The ticket of the entry submitted last; they count from 1.
    last: u64,
}

/// What the writer tells an outbox.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// All entries up to this ticket are durable.
    durable: AtomicU64,
    /// The sequence of the entry with that ticket.
    sequence: AtomicU64,
    /// Whether somebody waits, so that the thread has to be woken.
    waited_for: AtomicBool,
    told: Notify,
}

/// A parcel whose outbox has heard nothing of it. Dropped without [`durable`](Self::durable), as with the queue of a
/// ledger that has ended, it makes those who wait look at why.
pub(super) struct Untold {
    answers: Arc<Answers>,
    /// The ticket of its last entry.
    last: u64,
}

/// An entry on its way to the disk, submitted to an [`Outbox`].
#[must_use]
pub struct Ticket {
    outbox: Rc<Outbox>,
    number: u64,
}

impl Outbox {
    /// An empty one for `ledger`.
    #[must_use]
    pub fn new(ledger: Ledger) -> Rc<Self> {
        Rc::new(Self {
            ledger,
            gathered: RefCell::default(),
            begun: Notify::new(),
            answers: Arc::default(),
            waiting: RefCell::default(),
        })
    }

    /// Enters `event`, which somebody waits for before something leaves.
    ///
    /// # Errors
    /// As [`Ledger::submit`].
    pub fn intend(self: &Rc<Self>, event: &Event) -> Result<Ticket, LedgerError> {
        let number = self.gather(event, true)?;
        Ok(Ticket {
            outbox: Rc::clone(self),
            number,
        })
    }

    /// Enters `event`, for which nobody waits.
    ///
    /// # Errors
    /// As [`Ledger::submit`].
    pub fn enter(&self, event: &Event) -> Result<(), LedgerError> {
        self.gather(event, false).map(drop)
    }

    fn gather(&self, event: &Event, awaited: bool) -> Result<u64, LedgerError> {
        let mut gathered = self.gathered.borrow_mut();
        let gathered = &mut *gathered;
        self.ledger.admit(event, &mut gathered.members)?;
        if gathered.ends.is_empty() {
            self.begun.notify_one();
        }
        gathered.ends.push(gathered.members.len());
        gathered.awaited |= awaited;
        gathered.last += 1;
        if gathered.members.len() >= PARCEL_BYTES {
            self.post(gathered);
        }
        Ok(gathered.last)
    }

    fn post(&self, gathered: &mut Gathered) {
        if gathered.ends.is_empty() {
            return;
        }
        // As much room as this parcel took: turns are much like one another.
        let (bytes, entries) = (gathered.members.len(), gathered.ends.len());
        self.ledger.post(Parcel {
            members: std::mem::replace(&mut gathered.members, Vec::with_capacity(bytes)),
            ends: std::mem::replace(&mut gathered.ends, Vec::with_capacity(entries)),
            awaited: std::mem::take(&mut gathered.awaited),
            answer: Answer::Outbox(Untold {
                answers: Arc::clone(&self.answers),
                last: gathered.last,
            }),
        });
    }

    /// Hands over at the end of each turn, and wakes those whose entries are durable. Never ends.
    pub async fn tend(&self) {
        loop {
            tokio::select! {
                () = self.begun.notified() => {
                    // After the tasks that are ready now, and what they read: their entries go along.
                    tokio::task::yield_now().await;
                    self.post(&mut self.gathered.borrow_mut());
                }
                () = self.answers.told.notified() => self.wake(),
            }
        }
    }

    fn wake(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let later = if self.ledger.ended().is_some() {
            BTreeMap::new()
        } else {
            let durable = self.answers.durable.load(Ordering::Acquire);
            waiting.split_off(&(durable + 1))
        };
        let woken = std::mem::replace(&mut *waiting, later);
        self.note_who_waits(&waiting);
        drop(waiting);
        woken.into_values().for_each(Waker::wake);
    }

    fn note_who_waits(&self, waiting: &BTreeMap<u64, Waker>) {
        // Sequentially consistent with the writer's look at it: either it sees that somebody waits, or they see what it
        // has told.
        self.answers
            .waited_for
            .store(!waiting.is_empty(), Ordering::SeqCst);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.post(&mut self.gathered.borrow_mut());
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

impl Untold {
    /// The parcel is durable; its last entry has this sequence.
    pub(super) fn durable(self, sequence: u64) {
        self.answers.sequence.store(sequence, Ordering::Relaxed);
        self.answers.durable.store(self.last, Ordering::SeqCst);
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        if self.answers.waited_for.load(Ordering::SeqCst) {
            self.answers.told.notify_one();
        }
    }
}

impl Ticket {
    /// Waits until the entry is durable.
    ///
    /// # Errors
    /// If it is not: then nothing may be released for it.
    pub async fn durable(self) -> Result<Receipt, LedgerError> {
        self.await
    }

    fn answer(&self) -> Option<Result<Receipt, LedgerError>> {
        let answers = &self.outbox.answers;
        if answers.durable.load(Ordering::SeqCst) >= self.number {
            return Some(Ok(Receipt::up_to(answers.sequence.load(Ordering::Relaxed))));
        }
        self.outbox.ledger.ended().map(Err)
    }
}

impl Future for Ticket {
    type Output = Result<Receipt, LedgerError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(answer) = self.answer() {
            return Poll::Ready(answer);
        }
        let outbox = &self.outbox;
        let mut waiting = outbox.waiting.borrow_mut();
        waiting.insert(self.number, cx.waker().clone());
        outbox.note_who_waits(&waiting);
        drop(waiting);
        // Told in the meantime, it might not have seen that somebody waits.
        self.answer().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.outbox.waiting.borrow_mut().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::{LocalSet, spawn_local};

    use super::super::writer::tests::{
        Fails, MemoryDisk, event, gated, open, options, wait_for_sync,
    };
    use super::*;

    /// Runs `test` with an outbox that is tended.
    fn with_outbox<F: Future>(ledger: Ledger, test: impl FnOnce(Rc<Outbox>) -> F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let outbox = Outbox::new(ledger);
        LocalSet::new().block_on(&runtime, async {
            let tended = Rc::clone(&outbox);
            let tending = spawn_local(async move { tended.tend().await });
            let tested = test(outbox).await;
            tending.abort();
            tested
        })
    }

    #[test]
    fn entries_of_one_turn_are_one_write_and_all_are_answered() {
        let disk = MemoryDisk::default();
        let seen = Arc::clone(&disk.seen);
        let ledger = open(disk, &options(64));
        with_outbox(ledger.clone(), async |outbox| {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let outbox = Rc::clone(&outbox);
                    spawn_local(async move {
                        outbox.enter(&event()).unwrap();
                        outbox.intend(&event()).unwrap().durable().await
                    })
                })
                .collect();
            for task in tasks {
                assert!(task.await.unwrap().is_ok());
            }
        });
        let seen = seen.lock().unwrap();
        assert_eq!(seen.writes, 1);
        assert_eq!(
            seen.written.iter().filter(|byte| **byte == b'\n').count(),
            20
        );
    }

    #[test]
    fn p3_a_ticket_is_durable_only_once_the_sync_of_its_entry_has_returned() {
        let (disk, announced, leave) = gated();
        let ledger = open(disk, &options(64));
        with_outbox(ledger, async |outbox| {
            let mut first = outbox.intend(&event()).unwrap();
            // Handed over at the end of a turn.
            let begun = spawn_local(async {});
            begun.await.unwrap();
            tokio::task::yield_now().await;
            wait_for_sync(&announced);
            let mut second = outbox.intend(&event()).unwrap();
            assert!(futures_poll(&mut first).is_pending());
            leave.send(()).unwrap();
            assert!(first.durable().await.is_ok());
            assert!(futures_poll(&mut second).is_pending(), "it came after");
            leave.send(()).unwrap();
            assert!(second.durable().await.is_ok());
        });
    }

    fn futures_poll(ticket: &mut Ticket) -> Poll<Result<Receipt, LedgerError>> {
        Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn p3_a_ticket_whose_sync_fails_or_that_waits_behind_it_is_not_durable() {
        let disk = MemoryDisk {
            fails: Fails::Sync(1),
            ..MemoryDisk::default()
        };
        let ledger = open(disk, &options(64));
        with_outbox(ledger, async |outbox| {
            let first = outbox.intend(&event()).unwrap();
            let second = outbox.intend(&event()).unwrap();
            assert!(matches!(first.durable().await, Err(LedgerError::Failed(_))));
            assert!(matches!(
                second.durable().await,
                Err(LedgerError::Failed(_))
            ));
            assert!(outbox.intend(&event()).is_err());
        });
    }

    #[test]
    fn p3_a_ledger_that_is_closed_leaves_nobody_waiting() {
        let ledger = open(MemoryDisk::default(), &options(64));
        with_outbox(ledger.clone(), async |outbox| {
            let mut early = outbox.intend(&event()).unwrap();
            assert!(futures_poll(&mut early).is_pending());
            ledger.close().unwrap();
            assert!(matches!(early.durable().await, Err(LedgerError::Closed)));
        });
    }

    #[test]
    fn a_full_queue_refuses_and_an_outbox_that_ends_hands_over_the_rest() {
        let disk = MemoryDisk::default();
        let seen = Arc::clone(&disk.seen);
        let ledger = open(disk, &options(2));
        with_outbox(ledger.clone(), async |outbox| {
            outbox.enter(&event()).unwrap();
            outbox.enter(&event()).unwrap();
            assert!(matches!(outbox.enter(&event()), Err(LedgerError::Full)));
        });
        ledger.close().unwrap();
        let lines = seen.lock().unwrap().written.clone();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 2);
    }
}
