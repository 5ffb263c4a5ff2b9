//! The body of a push: a release that the partner's connection takes from, and that the exchange closes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::SizeHint;

use crate::gateway::account::Account;
use crate::gateway::body::{Gathered, Release};
use crate::gateway::problem::Stop;
use crate::gateway::reason::Reason;
use crate::gateway::request::{Fate, RequestBody, RequestFate, RequestStopped};
use crate::ledger::Receipt;

/// What leaves in a push, from its first output to the end of its account.
pub(super) struct Shipment {
    /// `None` once the exchange has closed it: then the system's body is let go too, for which its connection would
    /// otherwise wait.
    release: RefCell<Option<Release>>,
    /// Wakes the connection to the partner where it waits for the next piece.
    waiting: Cell<Option<Waker>>,
    /// Output that is ready, of which nothing was handed on yet.
    first: RefCell<Bytes>,
    /// Whether all that leaves was ready at once, so that its length is known.
    at_once: bool,
    /// All that leaves was gathered.
    gathered: Cell<bool>,
    fate: Rc<Fate>,
}

/// A shipment as the connection to the partner has it.
pub(crate) struct Shipped(Rc<Shipment>);

impl Shipment {
    /// Reads until there is output, or the body has ended. Taking the receipt is what makes P3 hold: without a durable
    /// entry there is no body to send. Where the body's one record stays behind nothing is sent: a request without it would
    /// say that there is somebody, and by its path perhaps who.
    ///
    /// # Errors
    /// With the reason and the account, if the body must not pass: then nothing of it has left.
    pub(super) async fn begin(
        mut release: Release,
        receipt: Receipt,
    ) -> Result<Rc<Self>, (Stop, Account)> {
        // Spent: one receipt for one body.
        drop(receipt);
        let gathered = poll_fn(|cx| release.poll_gather(cx)).await;
        match gathered {
            Ok(Gathered { ended: true, .. }) if release.is_withheld() => {
                let account = release
                    .close()
                    .expect("the account is closed once, at the end");
                Err((Stop::from(Reason::RecordWithheld), account))
            }
            Ok(Gathered { out, ended }) => {
                let fate = Rc::<Fate>::default();
                if ended {
                    release.ended_well();
                }
                if ended && out.is_empty() {
                    fate.is_whole();
                }
                Ok(Rc::new(Self {
                    release: RefCell::new(Some(release)),
                    waiting: Cell::default(),
                    first: RefCell::new(Bytes::from(out)),
                    at_once: ended,
                    gathered: Cell::new(ended),
                    fate,
                }))
            }
            Err(reason) => {
                let account = release
                    .close()
                    .expect("the account is closed once, at the end");
                Err((release.stop(reason), account))
            }
        }
    }

    /// The body to send, and what becomes of it.
    pub(super) fn body(self: &Rc<Self>) -> (RequestBody, RequestFate) {
        (
            RequestBody::Pushed(Shipped(Rc::clone(self))),
            RequestFate::of(&self.fate),
        )
    }

    /// Takes the account out: nothing leaves any more. `None` if that was done before.
    pub(super) fn close(&self) -> Option<Account> {
        let account = self.release.borrow_mut().take()?.close();
        // It breaks the request off, if that is not whole.
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        account
    }
}

impl Shipped {
    /// The next piece for the partner's connection.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RequestStopped>>> {
        let shipment = &self.0;
        let mut release = shipment.release.borrow_mut();
        let Some(release) = release.as_mut() else {
            return Poll::Ready(Some(Err(RequestStopped)));
        };
        let first = shipment.first.take();
        let (out, ended) = if !first.is_empty() {
            (first, shipment.gathered.get())
        } else if shipment.gathered.get() {
            return Poll::Ready(None);
        } else {
            match release.poll_gather(cx) {
                Poll::Pending => {
                    shipment.waiting.set(Some(cx.waker().clone()));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(Gathered { out, ended })) => {
                    if ended {
                        release.ended_well();
                    }
                    (Bytes::from(out), ended)
                }
                Poll::Ready(Err(reason)) => {
                    shipment.fate.stopped(release.stop(reason));
                    return Poll::Ready(Some(Err(RequestStopped)));
                }
            }
        };
        release.sent(out.len());
        shipment.fate.moved();
        if ended {
            shipment.gathered.set(true);
            shipment.fate.is_whole();
        }
        // Only an ended body gathers nothing.
        Poll::Ready((!out.is_empty()).then_some(Ok(out)))
    }

    /// Whether nothing follows.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.0.gathered.get() && self.0.first.borrow().is_empty()
    }

    /// Its length, where all of it was ready at once.
    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.0.at_once {
            SizeHint::with_exact(self.0.first.borrow().len() as u64)
        } else {
            SizeHint::default()
        }
    }
}
