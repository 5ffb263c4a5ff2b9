//! The account of one permitted exchange: it ends exactly once, in the ledger, the metrics and the log.

use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limit;
use super::meters::Times;
use super::metrics::RequestLabels;
use super::problem::Stop;
use super::reason::Reason;
use super::running::{Route, Running};
use super::traces::{Ended, Trace, What};
use super::worker::Worker;
use crate::agreement::{Permit, PurposeName};
use crate::ledger::entry::SUBJECTS_PER_ENTRY;
use crate::ledger::{CallerEntry, Event, LedgerError, Outcome, RegisteredEntry, RequestId, Ticket};
use crate::minimise::{SubjectToken, Tally};
use crate::subjects::RightsGate;

/// One permitted exchange, from its intent on. Dropped without an end it ends as what went away with whoever
/// asked.
pub(crate) struct Account {
    worker: Rc<Worker>,
    running: Arc<Running>,
    route: Arc<Route>,
    id: RequestId,
    purpose: PurposeName,
    began: Instant,
    service: Duration,
    released: Option<Instant>,
    status: u16,
    bytes_sent: u64,
    tally: Tally,
    /// What decided about its records by whom they are about, where something did.
    gate: Option<Arc<RightsGate>>,
    /// The trace that it is a part of, where there are any.
    trace: Option<Box<Trace>>,
    ended: bool,
    /// Bytes of subjects that were entered after `behind`.
    ahead_bytes: usize,
    /// How many there may be before the next is marked: half of what may wait, since as many may be before the mark.
    ahead_most: usize,
    /// An entry of subjects that was not durable yet.
    behind: Option<Ticket>,
    /// It waits for that.
    waits: bool,
}

impl Account {
    /// Opens the account and enters the intent, which is durable when the returned [`Ticket`] says so.
    pub(crate) fn open(
        worker: &Rc<Worker>,
        running: &Arc<Running>,
        route: &Arc<Route>,
        permit: &Permit,
        caller: CallerEntry,
        id: RequestId,
        began: Instant,
    ) -> Result<(Self, Ticket), LedgerError> {
        let agreement = permit.agreement();
        let ticket = worker.outbox.intend(&Event::Intent {
            request: id,
            partner: agreement.partner.clone(),
            agreement: agreement.name.clone(),
            version: agreement.version,
            hash: agreement.hash.clone(),
            disclosure: permit.disclosure().name.clone(),
            purpose: permit.purpose().clone(),
            caller,
            registered: registered(permit),
        })?;
        let account = Self {
            worker: Rc::clone(worker),
            running: Arc::clone(running),
            route: Arc::clone(route),
            id,
            purpose: permit.purpose().clone(),
            began,
            service: Duration::ZERO,
            released: None,
            status: 0,
            bytes_sent: 0,
            tally: Tally::default(),
            gate: None,
            trace: None,
            ended: false,
            ahead_bytes: 0,
            ahead_most: running.config.limits.ledger_ahead_bytes / 2,
            behind: None,
            waits: false,
        };
        Ok((account, ticket))
    }

    /// Its records are decided by `gate`.
    pub(crate) fn judged_by(&mut self, gate: Option<Arc<RightsGate>>) {
        self.gate = gate;
    }

    /// It is a part of `trace`.
    pub(crate) fn traced(&mut self, trace: Option<Box<Trace>>) {
        self.trace = trace;
    }

    /// The trace that it is a part of.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_deref()
    }

    /// The service was asked at `asked`, and the head of its answer is here or will not come.
    pub(crate) fn answered(&mut self, asked: Instant) {
        self.service = asked.elapsed();
        if let Some(trace) = &mut self.trace {
            trace.asked(asked, self.service);
        }
    }

    /// The head with `status` goes to the partner.
    pub(crate) fn released(&mut self, status: u16) {
        self.status = status;
        self.released = Some(Instant::now());
    }

    /// `bytes` of body go to the partner.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
    }

    /// Enters the subjects whose records are about to leave.
    pub(crate) fn subjects(&mut self, mut tokens: Vec<SubjectToken>) -> Result<(), Reason> {
        while !tokens.is_empty() {
            let rest = tokens.split_off(tokens.len().min(SUBJECTS_PER_ENTRY));
            self.ahead_bytes += tokens.iter().map(|token| token.0.len()).sum::<usize>();
            let event = Event::Subjects {
                request: self.id,
                tokens,
            };
            // Written without waiting: the intent already accounts for this release (P3).
            let outbox = &self.worker.outbox;
            let entered = if self.ahead_bytes >= self.ahead_most && self.behind.is_none() {
                self.ahead_bytes = 0;
                outbox.intend(&event).map(|mark| self.behind = Some(mark))
            } else {
                outbox.enter(&event)
            };
            entered.map_err(|_| Reason::LedgerUnavailable)?;
            tokens = rest;
        }
        Ok(())
    }

    /// Waits while the ledger is further behind with this exchange's subjects than may be held for it (P5).
    ///
    /// # Errors
    /// If the ledger has ended.
    pub(crate) fn poll_entered(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let Some(mark) = &mut self.behind else {
            return Poll::Ready(Ok(()));
        };
        if self.ahead_bytes < self.ahead_most {
            return Poll::Ready(Ok(()));
        }
        let Poll::Ready(durable) = Pin::new(mark).poll(cx) else {
            if !std::mem::replace(&mut self.waits, true) {
                let limits = &self.running.metrics.limits;
                limits.reached(Limit::LedgerAheadBytes);
            }
            return Poll::Pending;
        };
        self.behind = None;
        self.waits = false;
        Poll::Ready(durable.map(drop).map_err(|_| Reason::LedgerUnavailable))
    }

    /// Notes the counts so far, so that an exchange that ends at any moment has them.
    pub(crate) fn counted(&mut self, tally: &Tally) {
        self.tally.clone_from(tally);
    }

    /// The whole answer left.
    pub(crate) fn complete(mut self) {
        self.end(Outcome::Complete, None);
    }

    /// Ends before the head went out: gives the stop with the term it happened under.
    pub(crate) fn stop(mut self, stop: Stop) -> Stop {
        self.status = stop.reason.text().status.as_u16();
        self.end(self.outcome(stop.reason), Some(stop.reason));
        stop.under(&self.route.agreement.name, &self.route.disclosure.name)
    }

    /// Ends after the head went out: the stream is about to be aborted.
    pub(crate) fn abort(mut self, reason: Reason) {
        self.end(self.outcome(reason), Some(reason));
    }

    /// How it ends that `reason` ends. What is wrong with the answer to a push held nothing back: that is the partner's
    /// failure, and what left has left.
    fn outcome(&self, reason: Reason) -> Outcome {
        if self.route.disclosure.is_push() && reason.is_of_answer() {
            Outcome::ServiceFailed
        } else {
            outcome(reason)
        }
    }

    fn end(&mut self, outcome: Outcome, reason: Option<Reason>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let now = Instant::now();
        let times = Times {
            whole: now.duration_since(self.began),
            service: self.service,
            own: self
                .released
                .unwrap_or(now)
                .duration_since(self.began)
                .saturating_sub(self.service),
        };
        let overridden = self.gate.as_ref().map_or(0, |gate| gate.overridden());
        let entered = self.worker.outbox.enter(&Event::Release {
            request: self.id,
            outcome,
            reason: reason.map(Reason::code),
            status: self.status,
            bytes_sent: self.bytes_sent,
            overridden,
            tally: Box::new(self.tally.clone()),
        });
        if let Err(error) = entered {
            tracing::error!(request = %self.id, %error, "the end of an exchange could not be entered in the ledger");
        }
        let agreement = &self.route.agreement;
        let disclosure = &self.route.disclosure;
        let purpose = disclosure
            .purposes
            .iter()
            .position(|purpose| *purpose == self.purpose)
            .unwrap_or(usize::MAX);
        self.route
            .meters
            .ended(purpose, outcome, self.bytes_sent, &self.tally, times);
        self.route.meters.overridden(overridden);
        if let Some(reason) = reason {
            self.running.metrics.failed(
                RequestLabels {
                    partner: agreement.partner.as_str(),
                    agreement: agreement.name.as_str(),
                    disclosure: disclosure.name.as_str(),
                    purpose: self.purpose.as_str(),
                },
                reason,
            );
        }
        tracing::info!(
            target: "fieldgate::exchange",
            request = self.id.as_str(),
            trace_id = self.trace.as_ref().map(|trace| trace.id()),
            partner = agreement.partner.as_str(),
            agreement = agreement.name.as_str(),
            version = agreement.version,
            disclosure = disclosure.name.as_str(),
            purpose = self.purpose.as_str(),
            decision = "permit",
            outcome = outcome.code(),
            reason = reason.map_or("", Reason::code),
            status = self.status,
            records_released = self.tally.records_released,
            records_withheld = self.tally.records_withheld,
            bytes_in = self.tally.bytes_in,
            bytes_sent = self.bytes_sent,
            whole_us = times.whole.as_micros() as u64,
            service_us = times.service.as_micros() as u64,
            own_us = times.own.as_micros() as u64,
            "exchange"
        );
        if let Some(trace) = self.trace.take() {
            let what = What::Permitted {
                route: Arc::clone(&self.route),
                purpose: self.purpose.clone(),
                outcome,
                records_released: self.tally.records_released,
                records_withheld: self.tally.records_withheld,
                bytes_from_service: self.tally.bytes_in,
                bytes_to_partner: self.bytes_sent,
            };
            let (at, told) = (self.worker.clock.now(), (self.status, reason));
            let ended = Ended::new(trace, self.id, at, told, what);
            self.worker.traces.ended(ended);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let gone = if self.route.disclosure.is_push() {
            Reason::SystemGone
        } else {
            Reason::PartnerGone
        };
        self.end(outcome(gone), Some(gone));
    }
}

/// How an exchange ends that `reason` ends.
fn outcome(reason: Reason) -> Outcome {
    if reason == Reason::PartnerGone {
        Outcome::PartnerGone
    } else if reason.is_service_failure() {
        Outcome::ServiceFailed
    } else {
        Outcome::Refused
    }
}

/// What the register says of a permitted exchange.
fn registered(permit: &Permit) -> Option<RegisteredEntry> {
    let disclosure = permit.disclosure();
    Some(RegisteredEntry {
        kind: permit.agreement().relation?.kind_of_release(),
        data_set: disclosure.data_set.clone()?,
        ground: disclosure.ground(permit.purpose())?.clone(),
    })
}
