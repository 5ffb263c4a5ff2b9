//! What leaves on its way to the partner: a response's body, or of a push the request's.
//!
//! Nothing is polled unless the partner's connection polls, so a slow partner slows the service down (P5).
//! An error from here makes hyper close the connection without the last chunk (HTTP/1.1) or reset the stream
//! (HTTP/2), so that what is cut off never looks whole (P4).

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use tokio::task::spawn_local;

use super::account::Account;
use super::activity::Stalled;
use super::encoding::{Broken, Data, Encoder, Source};
use super::outflow::Outflow;
use super::patience::Patience;
use super::problem::Stop;
use super::reason::Reason;
use super::request::RequestFate;
use super::service::Lease;
use super::worker::Worker;
use crate::minimise::{BodyError, Machine, SubjectToken};
use crate::plan::Plan;
use crate::transform::Occasion;

/// Output that is gathered before it is handed on, while the service has more ready: small answers leave in
/// one write with their length, and large ones in few. Of each stream whose partner reads slowly so much waits (P5).
const GATHER_BYTES: usize = 24 << 10;

/// Pieces of the service's that output is gathered of, once there is some: where little leaves, what is known of it, its
/// subjects, would else be many times as large.
const GATHER_PIECES: u32 = 4;

/// What hyper sends to a partner.
pub(crate) enum PartnerBody {
    /// All of it, at hand: its length goes out as `Content-Length`.
    Whole(Bytes),
    /// As it comes.
    Streaming(Box<Streaming>),
}

/// The rest of a response whose head is out.
pub(crate) struct Streaming {
    release: Release,
    /// Output that is ready, of which nothing was handed on yet.
    first: Bytes,
    /// What compresses it, if it leaves compressed. Taken at the end: a body that is aborted has none.
    encoder: Option<Encoder>,
    /// Tells the connection since when the partner has not taken what it was given.
    stalled: Option<Rc<Stalled>>,
}

/// The rest of a body was not sent. The ledger and the log say why; hyper needs only to know that.
#[derive(Debug, thiserror::Error)]
#[error("the answer was aborted: {}", .0.code())]
pub(crate) struct Aborted(Reason);

/// A body through its plan, with the exchange's account.
pub(crate) struct Release {
    /// The service's body, or of a push the system's.
    service: Source,
    /// Given back when the body has ended well.
    machine: Option<Box<dyn Machine>>,
    plan: Arc<Plan>,
    patience: Patience,
    request: RequestFate,
    worker: Rc<Worker>,
    /// The end of the agreement: from here on nothing leaves under it.
    until: Timestamp,
    /// Taken when the body ends, whichever way.
    account: Option<Account>,
    /// Kept for another exchange when the body is read to its end.
    lease: Option<Lease>,
    outflow: Outflow,
    /// Whether a system of the controller's sends it: its faults are then that request's.
    is_push: bool,
    /// Output that is not handed on yet, since the service may have more at hand.
    gathered: Vec<u8>,
    /// Pieces of the service's in that.
    pieces: u32,
    /// Others have a turn, until it is true: among them is what brings the service's bytes.
    turn: Option<Rc<Cell<bool>>>,
    /// The fault of a push with its place, which its system may be told.
    fault: Option<Box<Stop>>,
}

/// What the first poll of a body gave.
pub(crate) enum First {
    /// The body ended: this is all of it.
    Whole(Bytes, Box<Account>),
    /// This much, and more will come.
    Part(Bytes, Box<Release>),
}

impl Release {
    /// The way of `service`'s body through `plan` on this occasion, at the latest `until` the agreement's end; a multipart one has `boundary`.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that an exchange has come to, handed on once"
    )]
    pub(crate) fn new(
        service: Source,
        (plan, occasion): (&Arc<Plan>, Occasion),
        until: Timestamp,
        boundary: &str,
        patience: Patience,
        request: RequestFate,
        worker: Rc<Worker>,
        account: Account,
        lease: Option<Lease>,
        outflow: Outflow,
    ) -> Self {
        Self {
            service,
            machine: Some(worker.machines.take(plan, boundary, occasion)),
            plan: Arc::clone(plan),
            patience,
            request,
            worker,
            until,
            account: Some(account),
            lease,
            outflow,
            is_push: false,
            gathered: Vec::new(),
            pieces: 0,
            turn: None,
            fault: None,
        }
    }

    /// The same of a body that a system of the controller's sends.
    pub(crate) fn pushed(self) -> Self {
        Self {
            is_push: true,
            ..self
        }
    }

    /// Reads until there is output or the body has ended, whatever comes first, and then on while more is
    /// ready without waiting.
    ///
    /// # Errors
    /// With the reason and the account, if the body must not pass.
    pub(crate) async fn first(mut self) -> Result<First, (Stop, Account)> {
        let gathered = std::future::poll_fn(|cx| self.poll_gather(cx)).await;
        let mut account = || self.account.take().expect("it is taken once, at the end");
        match gathered {
            Ok(Gathered { out, ended: true }) => {
                let account = account();
                self.ended_well();
                Ok(First::Whole(Bytes::from(out), Box::new(account)))
            }
            Ok(Gathered { out, ended: false }) => Ok(First::Part(Bytes::from(out), Box::new(self))),
            Err(reason) => {
                let account = account();
                Err((self.stop(reason), account))
            }
        }
    }

    /// The head with `status` goes to the partner.
    pub(crate) fn released(&mut self, status: u16) {
        if let Some(account) = &mut self.account {
            account.released(status);
        }
    }

    /// `bytes` of it go to the partner.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(account) = &mut self.account {
            account.sent(bytes);
        }
    }

    /// Takes the account: nothing leaves any more. `None` if it was taken before.
    pub(crate) fn close(&mut self) -> Option<Account> {
        self.account.take()
    }

    /// The stop that `reason` is, with the term or the place that it comes from.
    pub(crate) fn stop(&mut self, reason: Reason) -> Stop {
        match self.fault.take() {
            Some(stop) => *stop,
            None => self.outflow.stop(reason),
        }
    }

    /// Output that may leave: its subjects are entered. Pending with nothing to hand on, or once more to see whether more
    /// is at hand.
    pub(crate) fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<Gathered, Reason>> {
        if self.patience.is_past_deadline() {
            return Poll::Ready(Err(Reason::Deadline));
        }
        if self.worker.clock.now() >= self.until {
            return Poll::Ready(Err(Reason::Ended));
        }
        if let Some(account) = &mut self.account {
            match account.poll_entered(cx) {
                Poll::Ready(entered) => entered?,
                Poll::Pending => {
                    let over = self.patience.poll(cx);
                    return over.map(|_| Err(Reason::LedgerUnavailable));
                }
            }
        }
        let Some(machine) = &mut self.machine else {
            // It has ended, and nothing comes after that.
            return Poll::Ready(Ok(Gathered {
                out: Vec::new(),
                ended: true,
            }));
        };
        let account = &mut self.account;
        let mut count = |machine: &dyn Machine| {
            if let Some(account) = account {
                account.counted(machine.tally());
            }
        };
        // Who pushes may be told where the fault is: it is in what they sent.
        let (is_push, fault) = (self.is_push, &mut self.fault);
        let mut faulty = |error: BodyError| {
            if !is_push {
                return Reason::ResponseBody(error.fault);
            }
            let stop = Stop::request_body(&error);
            let reason = stop.reason;
            *fault = Some(Box::new(stop));
            reason
        };
        let mut out = std::mem::take(&mut self.gathered);
        let mut ended = false;
        while !ended && out.len() < GATHER_BYTES && (self.pieces < GATHER_PIECES || out.is_empty())
        {
            match self.service.poll_data(cx) {
                Poll::Ready(Some(Ok(Data { bytes: data, came }))) => {
                    self.pieces += 1;
                    self.turn = None;
                    if let Some(came) = came {
                        self.patience.progress(came)?;
                    }
                    if out.is_empty() {
                        // Most of it leaves, or it is given back below.
                        out.reserve_exact(data.len().min(GATHER_BYTES));
                    }
                    let pushed = machine.push(&data, &mut out);
                    count(&**machine);
                    pushed.map_err(&mut faulty)?;
                }
                Poll::Ready(Some(Err(Broken::Connection(_) | Broken::Reset))) => {
                    return Poll::Ready(Err(match self.is_push {
                        true => Reason::SystemGone,
                        false => broke(&self.request),
                    }));
                }
                Poll::Ready(Some(Err(Broken::Unmarked))) => {
                    return Poll::Ready(Err(Reason::EndUnmarked));
                }
                Poll::Ready(Some(Err(Broken::Coding(fault)))) => {
                    return Poll::Ready(Err(match self.is_push {
                        true => Reason::RequestDecoding(fault),
                        false => Reason::Decoding(fault),
                    }));
                }
                Poll::Ready(None) => {
                    let finished = machine.finish(&mut out);
                    count(&**machine);
                    finished.map_err(&mut faulty)?;
                    ended = true;
                }
                Poll::Pending if out.is_empty() => {
                    return self.patience.poll(cx).map(Err);
                }
                // The service's connection reads a piece when the one before was taken, and this is its turn to: a write of
                // each piece would cost more than all else.
                Poll::Pending if !self.turn.as_ref().is_some_and(|over| over.get()) => {
                    self.turn.get_or_insert_with(|| turn_of_others(cx));
                    self.gathered = out;
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        self.pieces = 0;
        self.turn = None;
        let tokens = machine.take_subjects();
        // Before any of it leaves: what is over a quota does not, with all that was gathered beside it.
        self.outflow
            .charge(&self.worker.desk, machine.tally(), &tokens, ended)?;
        self.enter_subjects(tokens)?;
        // It may wait long for its partner: without room that nothing stands in.
        out.shrink_to_fit();
        Poll::Ready(Ok(Gathered { out, ended }))
    }

    /// Whether the body, which has ended, was one record that stayed behind: all that could leave tells that there is one.
    pub(crate) fn is_withheld(&self) -> bool {
        let tally = self.machine.as_ref().map(|machine| machine.tally());
        self.plan.is_one_record() && tally.is_some_and(|tally| tally.records_withheld > 0)
    }

    fn enter_subjects(&mut self, tokens: Vec<SubjectToken>) -> Result<(), Reason> {
        match &mut self.account {
            Some(account) if !tokens.is_empty() => account.subjects(tokens),
            Some(_) | None => Ok(()),
        }
    }

    /// The body has ended well: gives its machine and the connection back for another exchange.
    pub(crate) fn ended_well(&mut self) {
        if let Some(machine) = self.machine.take() {
            self.worker.machines.keep(&self.plan, machine);
        }
        if self.request.is_whole()
            && let Some(lease) = self.lease.take()
        {
            self.worker.pool.keep(lease);
        }
    }
}

/// Gives all that is ready to run on this worker a turn; then it is true, and `cx` is woken. That it is asked again says
/// nothing: hyper asks a body twice in one turn.
fn turn_of_others(cx: &Context<'_>) -> Rc<Cell<bool>> {
    let over = Rc::new(Cell::new(false));
    let (told, waker) = (Rc::clone(&over), cx.waker().clone());
    spawn_local(async move {
        told.set(true);
        waker.wake();
    });
    over
}

/// Why the service's connection broke: the request's body, if that was stopped, or the service.
fn broke(request: &RequestFate) -> Reason {
    request
        .take_stop()
        .map_or(Reason::ServiceBroke, |stop| stop.reason)
}

/// Output of a body that may leave.
pub(crate) struct Gathered {
    pub(crate) out: Vec<u8>,
    /// Nothing follows.
    pub(crate) ended: bool,
}

impl PartnerBody {
    /// A body that is all at hand.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }

    /// `first`, then the rest of `release`, through `encoder`.
    pub(crate) fn streaming(
        first: Bytes,
        release: Release,
        encoder: Option<Encoder>,
        stalled: Rc<Stalled>,
    ) -> Self {
        Self::Streaming(Box::new(Streaming {
            release,
            first,
            encoder,
            stalled: Some(stalled),
        }))
    }
}

impl Body for PartnerBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streaming(streaming) => streaming.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streaming(streaming) => streaming.release.account.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(_) => SizeHint::default(),
        }
    }
}

impl Streaming {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            return self.hand_on(first, false);
        }
        if self.release.account.is_none() {
            return Poll::Ready(None);
        }
        if let Some(stalled) = &self.stalled
            && !stalled.takes_more(cx)
        {
            return Poll::Pending;
        }
        let gathered = match self.release.poll_gather(cx) {
            Poll::Ready(gathered) => gathered,
            Poll::Pending => {
                if let Some(stalled) = &self.stalled {
                    stalled.waits_for_service();
                }
                return Poll::Pending;
            }
        };
        match gathered {
            Ok(Gathered { out, ended }) => self.hand_on(Bytes::from(out), ended),
            Err(reason) => {
                self.over();
                if let Some(account) = self.release.account.take() {
                    account.abort(reason);
                }
                Poll::Ready(Some(Err(Aborted(reason))))
            }
        }
    }

    /// Nothing more is to come: the partner gave nothing up.
    fn over(&mut self) {
        if let Some(stalled) = self.stalled.take() {
            stalled.is_over();
        }
    }

    fn hand_on(
        &mut self,
        bytes: Bytes,
        ended: bool,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if let Some(account) = &mut self.release.account {
            account.sent(bytes.len());
        }
        if let Some(stalled) = &self.stalled {
            stalled.waits_for_partner();
        }
        // What was sent is entered as it was agreed, not as it is packed.
        let bytes = match (&mut self.encoder, ended) {
            (None, _) => bytes,
            (Some(encoder), false) => Bytes::from(encoder.piece(&bytes)),
            (Some(_), true) => {
                let last = self.encoder.take().map(|encoder| encoder.last(&bytes));
                Bytes::from(last.unwrap_or_default())
            }
        };
        if ended {
            self.over();
            self.release.ended_well();
            if let Some(account) = self.release.account.take() {
                account.complete();
            }
        }
        if bytes.is_empty() {
            // Only an ended body gathers nothing.
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}
