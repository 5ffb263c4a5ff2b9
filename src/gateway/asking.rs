//! The service is asked: one step of an exchange, from the permitted request to the head of the answer.

use std::pin::pin;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::media::Label;
use super::outbound;
use super::problem::Stop;
use super::reason::Reason;
use super::reidentify::Asked;
use super::request::{self, RequestBody, RequestFate};
use super::response::{self, ServiceHead};
use super::running::{Route, Running};
use super::service::{Lease, NotLeased, Verdict};
use super::traces::{Trace, traceparent};
use super::worker::Worker;
use crate::ledger::RequestId;
use crate::transform::Occasion;

/// What the service answered, understood as far as its head.
pub(crate) struct Answer {
    pub(crate) head: ServiceHead,
    pub(crate) body: Incoming,
    pub(crate) request: RequestFate,
    pub(crate) lease: Lease,
}

/// The service is asked: one step of an exchange.
pub(crate) struct Asking<'a> {
    pub(crate) occasion: Occasion,
    pub(crate) worker: &'a Worker,
    pub(crate) running: &'a Running,
    pub(crate) route: &'a Route,
    pub(crate) asked: &'a Asked,
    pub(crate) head: &'a Parts,
    pub(crate) label: Option<&'a Label>,
    pub(crate) deadline: Instant,
}

impl Asking<'_> {
    /// Takes the exchange `id` to the service with `body`: a slot, a place, a connection, the request, the head of the
    /// answer. The service's span is one of `trace`, if that is traced.
    ///
    /// # Errors
    /// With why there is no answer, or none that may pass.
    pub(crate) async fn ask(
        &self,
        (body, fate): (RequestBody, RequestFate),
        id: &RequestId,
        trace: Option<&Trace>,
    ) -> Result<Answer, Stop> {
        let span = self
            .worker
            .random
            .take()
            .map_err(|_| Reason::LedgerUnavailable)?;
        let is_push = self.route.disclosure.is_push();
        let traceparent = traceparent(trace, id, span);
        let request = || {
            let (head, label) = (self.head, self.label);
            let mut request =
                request::service_head(self.asked, self.route, head, label, id, &traceparent);
            if is_push {
                outbound::tell(&mut request, self.running, self.route, &self.occasion);
            }
            request
        };
        let asked = Instant::now();
        let (answer, lease) = self.attempt(request, body, &fate, asked).await?;
        let (head, body) = answer.into_parts();
        let method = request::method(self.head, self.route);
        let head = response::understand(head, &body, method, self.route)?;
        Ok(Answer {
            head,
            body,
            request: fate,
            lease,
        })
    }

    /// Attempts until one is answered or asking again is not safe. It is where nothing of the request went out, where
    /// the service says that it did not look at it, or where it changes nothing to ask twice; never once the head of
    /// an answer came.
    async fn attempt(
        &self,
        request: impl Fn() -> Request<()>,
        mut body: RequestBody,
        fate: &RequestFate,
        asked: Instant,
    ) -> Result<(Response<Incoming>, Lease), Stop> {
        let target = &self.route.target;
        let slot = target.enter(self.deadline).await?;
        let head_by = self.deadline.min(asked + target.head_timeout());
        if target.is_nowhere()
            && timeout_at(head_by, Box::pin(target.look_up_all()))
                .await
                .is_err()
        {
            return Err(self.late(head_by));
        }
        let has_body = !matches!(body, RequestBody::None);
        let is_repeatable = self.route.method.is_idempotent() && !has_body;
        // Where no connection could be made, or one broke.
        let mut tried = Vec::new();
        let mut repeats = 0;
        // A connection that the service has closed meanwhile is found out by using it: that costs no attempt.
        let mut stale = None;
        let mut was_stale = false;
        for _ in 0..ATTEMPTS {
            let (chosen, fresh) = match stale.take() {
                Some(chosen) => (chosen, true),
                None => match target.choose(&tried) {
                    Ok(chosen) => (chosen, false),
                    Err(stop) if tried.is_empty() => return Err(stop),
                    // What was tried says more than that there is nothing else to try.
                    Err(_) => break,
                },
            };
            let place = Arc::clone(&chosen.place);
            let leased = self.worker.pool.lease(target, chosen, fresh, head_by).await;
            let mut lease = match leased {
                Ok(lease) => lease,
                Err(NotLeased { chosen, is_late }) => {
                    target.judge(&chosen, Verdict::Connect);
                    if is_late {
                        return Err(self.late(head_by));
                    }
                    tried.push(place);
                    continue;
                }
            };
            let is_new = !lease.reused;
            self.count_connection(!is_new);
            let taken = std::mem::replace(&mut body, RequestBody::None);
            let Ok(sent) = self
                .in_time(lease.send(request().map(|()| taken)), fate, head_by)
                .await
            else {
                // A body that the partner is slow to send is not the service's delay.
                if fate.is_whole() {
                    lease.judge(Verdict::Timeout);
                }
                return Err(self.late(head_by));
            };
            let unanswered = match sent {
                Ok(answer) => {
                    lease.judge(if answer.status().is_server_error() {
                        Verdict::Status
                    } else {
                        Verdict::Well
                    });
                    lease.hold(slot);
                    return Ok((answer, lease));
                }
                Err(unanswered) => unanswered,
            };
            // The request's own fault, if it had one, is why the connection broke.
            if let Some(stop) = fate.take_stop() {
                return Err(stop);
            }
            let is_safe = is_repeatable || unanswered.refused && !has_body;
            if let Some(unsent) = unanswered.unsent {
                body = unsent;
                if is_new || was_stale {
                    lease.judge(Verdict::Broke);
                    tried.push(place);
                } else {
                    was_stale = true;
                    stale = Some(lease.into_chosen());
                }
                continue;
            }
            if is_safe && !is_new && !was_stale && !unanswered.goes_on {
                was_stale = true;
                stale = Some(lease.into_chosen());
                continue;
            }
            lease.judge(Verdict::Broke);
            if !is_safe || repeats >= target.retries() || !target.may_retry() {
                return Err(Stop::from(Reason::ServiceBroke));
            }
            repeats += 1;
            if target.has_another(&place) {
                tried.push(place);
            }
        }
        Err(Stop::from(if repeats == 0 {
            Reason::ServiceUnreachable
        } else {
            Reason::ServiceBroke
        }))
    }

    /// What comes of `sent` by `head_by`, or as long after the last piece of the request as the service has after a
    /// request without a body: who sends much does not run out of it. `Err` is too late.
    async fn in_time<T>(
        &self,
        sent: impl Future<Output = T>,
        fate: &RequestFate,
        head_by: Instant,
    ) -> Result<T, ()> {
        let mut sent = pin!(sent);
        let mut by = head_by;
        loop {
            if let Ok(sent) = timeout_at(by, sent.as_mut()).await {
                return Ok(sent);
            }
            let head_timeout = self.route.target.head_timeout();
            let later = fate
                .moved()
                .map(|moved| self.deadline.min(moved + head_timeout));
            match later {
                Some(later) if later > by => by = later,
                Some(_) | None => return Err(()),
            }
        }
    }

    /// Why it was too late at `head_by`.
    fn late(&self, head_by: Instant) -> Stop {
        Stop::from(
            if head_by == self.deadline || Instant::now() >= self.deadline {
                Reason::Deadline
            } else {
                Reason::ServiceTimeout
            },
        )
    }

    fn count_connection(&self, reused: bool) {
        let metrics = &self.running.metrics;
        if reused {
            metrics.service_connection_reused.inc();
        } else {
            metrics.service_connection_new.inc();
        }
    }
}

/// Connections that one exchange may try, whatever becomes of them: a bound on what a service can make of one request.
const ATTEMPTS: usize = 16;
