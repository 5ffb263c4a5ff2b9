//! What happens on a partner's connection, for the watch that ends it when nothing does.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::fair::Share;
use super::limits::Limit;
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
    /// The gateway has said that no further exchange begins.
    ends_gently: Cell<bool>,
    streams: RefCell<Vec<Weak<Stalled>>>,
    /// A piece of a body was handed over that the connection has not sent yet, where it has one body at a time.
    unsent: Cell<bool>,
    /// Who waits for it to be sent.
    sending: Cell<Option<Waker>>,
    /// Exchanges that the partner may still give up.
    resets_left: Cell<u32>,
    /// Bytes that may still come before an exchange begins.
    control_left: Cell<usize>,
    control_bytes: usize,
    /// The limit for which the next read ends the connection.
    over: Cell<Option<Limit>>,
}

/// An exchange runs, until this is dropped.
pub(crate) struct Busy {
    activity: Rc<Activity>,
    /// Its place among those that run at once.
    share: Option<Share>,
}

/// An exchange whose answer is awaited: dropped before [`answered`](Self::answered), the partner has given it up.
pub(crate) struct Awaited(Option<Rc<Activity>>);

/// A response that streams: since when the partner has taken nothing of it.
pub(crate) struct Stalled {
    since: Cell<Option<Instant>>,
    awaited: Cell<Option<Awaited>>,
    busy: Busy,
}

impl Activity {
    /// Nothing has happened yet; `limits` bound what may.
    pub(crate) fn new(limits: &Limits) -> Rc<Self> {
        Rc::new(Self {
            running: Cell::new(0),
            since: Cell::new(Instant::now()),
            head_began: Cell::new(false),
            multiplexed: Cell::new(false),
            ends_gently: Cell::new(false),
            streams: RefCell::default(),
            unsent: Cell::new(false),
            sending: Cell::default(),
            resets_left: Cell::new(limits.connection_resets),
            control_left: Cell::new(limits.control_bytes),
            control_bytes: limits.control_bytes,
            over: Cell::new(None),
        })
    }

    /// HTTP/2 is spoken.
    pub(crate) fn is_multiplexed(&self) {
        self.multiplexed.set(true);
        self.head_began.set(false);
    }

    /// `bytes` came from the partner.
    pub(crate) fn read(&self, bytes: usize) {
        if self.running.get() > 0 {
            return;
        }
        if self.multiplexed.get() {
            // Frames that begin nothing cost work as others do: pings, settings, windows.
            match self.control_left.get().checked_sub(bytes) {
                Some(left) => self.control_left.set(left),
                None => self.over.set(Some(Limit::ControlBytes)),
            }
        } else if !self.head_began.get() {
            self.head_began.set(true);
            self.since.set(Instant::now());
        }
    }

    /// All that was to be sent has been.
    pub(crate) fn flushed(&self) {
        if self.unsent.replace(false)
            && let Some(waiting) = self.sending.take()
        {
            waiting.wake();
        }
    }

    /// The limit that was reached, if one was: then the connection is to end.
    pub(crate) fn over(&self) -> Option<Limit> {
        self.over.get()
    }

    /// The gateway says that no further exchange begins.
    pub(crate) fn ends_gently(&self) {
        self.ends_gently.set(true);
    }

    /// Whether something that the partner was sent may be lost when the connection is closed while more comes. Over HTTP/2
    /// what the gateway does not end gently ends by a fault, and nobody waits for a flood.
    pub(crate) fn lingers(&self) -> bool {
        !self.multiplexed.get() || self.ends_gently.get()
    }

    /// The connection ends for `limit`.
    pub(crate) fn has_reached(&self, limit: Limit) {
        self.over.set(Some(limit));
    }

    /// Since when no exchange runs, or the first byte of the next head came.
    pub(crate) fn since(&self) -> Instant {
        self.since.get()
    }

    /// Whether an exchange runs, or the head of one has begun to come.
    pub(crate) fn is_used(&self) -> bool {
        self.running.get() > 0 || self.head_began.get()
    }

    /// An exchange begins.
    pub(crate) fn begin(self: &Rc<Self>) -> Busy {
        self.running.set(self.running.get() + 1);
        self.head_began.set(false);
        self.control_left.set(self.control_bytes);
        Busy {
            activity: Rc::clone(self),
            share: None,
        }
    }

    /// The partner waits for an answer.
    pub(crate) fn awaited(self: &Rc<Self>) -> Awaited {
        Awaited(Some(Rc::clone(self)))
    }

    /// A response begins to stream.
    pub(crate) fn stream(self: &Rc<Self>, busy: Busy) -> Rc<Stalled> {
        let stalled = Rc::new(Stalled {
            since: Cell::new(Some(Instant::now())),
            awaited: Cell::new(Some(self.awaited())),
            busy,
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
                Watch::End(Limit::BodyIdle)
            } else {
                Watch::LookAgain(limits.body_idle.min(limits.header_read))
            };
        }
        let (most, limit) = if self.head_began.get() {
            (limits.header_read, Limit::HeaderRead)
        } else {
            (limits.connection_idle, Limit::ConnectionIdle)
        };
        let end = self.since.get() + most;
        if now >= end {
            Watch::End(limit)
        } else {
            // A head may begin in the meantime, and has less time.
            Watch::LookAgain((end - now).min(limits.header_read))
        }
    }
}

/// What [`Activity::watch`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Nothing has happened for longer than this limit.
    End(Limit),
    /// All is well; look again after this long.
    LookAgain(Duration),
}

impl Busy {
    /// The exchange has `share` for as long as it runs.
    pub(crate) fn holds(&mut self, share: Share) {
        self.share = Some(share);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let running = self.activity.running.get() - 1;
        self.activity.running.set(running);
        if running == 0 {
            self.activity.since.set(Instant::now());
        }
    }
}

impl Awaited {
    /// The answer is there.
    pub(crate) fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let Some(activity) = &self.0 else { return };
        // Rapid resets (CVE-2023-44487): each has cost an exchange, and the partner nothing.
        match activity.resets_left.get().checked_sub(1) {
            Some(left) => activity.resets_left.set(left),
            None => activity.over.set(Some(Limit::ConnectionResets)),
        }
    }
}

impl Stalled {
    /// The partner was given bytes and is to ask for the next.
    pub(crate) fn waits_for_partner(&self) {
        self.since.set(Some(Instant::now()));
        let activity = &self.busy.activity;
        activity.unsent.set(!activity.multiplexed.get());
    }

    /// Whether what it was given is on its way: more would only wait here (P5). If not, wakes `cx` when it is.
    pub(crate) fn takes_more(&self, cx: &Context<'_>) -> bool {
        let activity = &self.busy.activity;
        if activity.unsent.get() {
            activity.sending.set(Some(cx.waker().clone()));
        }
        !activity.unsent.get()
    }

    /// The response has come to its end, whichever.
    pub(crate) fn is_over(&self) {
        if let Some(awaited) = self.awaited.take() {
            awaited.answered();
        }
    }

    /// The partner has asked, and the service has nothing yet.
    pub(crate) fn waits_for_service(&self) {
        self.since.set(None);
    }
}
