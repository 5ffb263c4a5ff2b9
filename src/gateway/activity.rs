//! What happens on a partner's connection, for the watch that ends it when nothing does.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Limits;

/// What happens on one connection, noted by its reads, its exchanges and their bodies.
pub(crate) struct Activity {
    /// Exchanges whose response is not handed over yet.
    running: Cell<usize>,
    /// Since when no exchange runs, or the first byte of the next head came.
    since: Cell<Instant>,
    /// Bytes of the next request's head have come.
    head_began: Cell<bool>,
    /// Whether several exchanges can run at once, so that bytes say nothing of heads.
    multiplexed: Cell<bool>,
    streams: RefCell<Vec<Weak<Stalled>>>,
}

/// An exchange runs, until this is dropped.
pub(crate) struct Busy(Rc<Activity>);

/// A response that streams: since when the partner has taken nothing of it.
pub(crate) struct Stalled {
    since: Cell<Option<Instant>>,
    _busy: Busy,
}

impl Activity {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            running: Cell::new(0),
            since: Cell::new(Instant::now()),
            head_began: Cell::new(false),
            multiplexed: Cell::new(false),
            streams: RefCell::default(),
        })
    }

    /// HTTP/2 is spoken.
    pub(crate) fn is_multiplexed(&self) {
        self.multiplexed.set(true);
        self.head_began.set(false);
    }

    /// Bytes came from the partner.
    pub(crate) fn read(&self) {
        if self.running.get() == 0 && !self.head_began.get() && !self.multiplexed.get() {
            self.head_began.set(true);
            self.since.set(Instant::now());
        }
    }

    /// An exchange begins.
    pub(crate) fn begin(self: &Rc<Self>) -> Busy {
        self.running.set(self.running.get() + 1);
        self.head_began.set(false);
        Busy(Rc::clone(self))
    }

    /// A response begins to stream.
    pub(crate) fn stream(self: &Rc<Self>, busy: Busy) -> Rc<Stalled> {
        let stalled = Rc::new(Stalled {
            since: Cell::new(Some(Instant::now())),
            _busy: busy,
        });
        let mut streams = self.streams.borrow_mut();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Rc::downgrade(&stalled));
        stalled
    }

    /// Whether the connection is to be ended now, or when to look again.
    pub(crate) fn watch(&self, limits: &Limits) -> Watch {
        let now = Instant::now();
        if self.running.get() > 0 {
            let stuck = self.streams.borrow().iter().any(|stream| {
                stream
                    .upgrade()
                    .and_then(|stream| stream.since.get())
                    .is_some_and(|since| now >= since + limits.body_idle)
            });
            return if stuck {
                Watch::End
            } else {
                Watch::LookAgain(limits.body_idle.min(limits.header_read))
            };
        }
        let end = self.since.get()
            + if self.head_began.get() {
                limits.header_read
            } else {
                limits.connection_idle
            };
        if now >= end {
            Watch::End
        } else {
            // A head may begin in the meantime, and has less time.
            Watch::LookAgain((end - now).min(limits.header_read))
        }
    }
}

/// What [`Activity::watch`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nothing has happened for too long.
    End,
    /// All is well; look again after this long.
    LookAgain(Duration),
}

impl Drop for Busy {
    fn drop(&mut self) {
        let running = self.0.running.get() - 1;
        self.0.running.set(running);
        if running == 0 {
            self.0.since.set(Instant::now());
        }
    }
}

impl Stalled {
    /// The partner was given bytes and is to ask for the next.
    pub(crate) fn waits_for_partner(&self) {
        self.since.set(Some(Instant::now()));
    }

    /// The partner has asked, and the service has nothing yet.
    pub(crate) fn waits_for_service(&self) {
        self.since.set(None);
    }
}
