//! The service is asked: one step of an exchange, from the permitted request to the head of the answer.

use std::pin::pin;

use http::request::Parts;
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
use super::service::Lease;
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

/// The service is asked: one step of [`exchange`].
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
    /// Asks with `body`, in the exchange `id`, and waits for the head of the answer.
    pub(crate) async fn ask(
        &self,
        (body, fate): (RequestBody, RequestFate),
        id: &RequestId,
    ) -> Result<Answer, Stop> {
        let span = self
            .worker
            .random
            .take()
            .map_err(|_| Reason::LedgerUnavailable)?;
        let is_push = self.route.disclosure.is_push();
        let traceparent = if is_push {
            request::traceparent(&outbound::untraced(), id, span)
        } else {
            request::traceparent(&self.head.headers, id, span)
        };
        let request = || {
            let (head, label) = (self.head, self.label);
            let mut request =
                request::service_head(self.asked, self.route, head, label, id, &traceparent);
            if is_push {
                outbound::tell(&mut request, self.running, self.route, &self.occasion);
            }
            request
        };
        let first = request();
        // A request that changes nothing, and of which nothing was consumed, may be sent once more.
        let is_repeatable = self.route.method.is_safe() && matches!(body, RequestBody::None);

        let asked = Instant::now();
        let head_timeout = self.route.target.head_timeout();
        let mut answering = pin!(async {
            let mut lease = self.worker.pool.lease(&self.route.target).await?;
            let reused = lease.reused;
            self.count_connection(reused);
            let sent = lease.send(first.map(|()| body)).await;
            if sent.is_err() && reused && is_repeatable {
                // That the service had closed the connection is found out by using it.
                lease = self.worker.pool.lease_new(&self.route.target).await?;
                self.count_connection(false);
                let again = request().map(|()| RequestBody::None);
                return Ok((lease.send(again).await, lease));
            }
            Ok::<_, Reason>((sent, lease))
        });
        // The service has its time from the last piece of the request on: who sends much does not run out of it.
        let mut since = asked;
        let (sent, lease) = loop {
            let head_by = self.deadline.min(since + head_timeout);
            match timeout_at(head_by, answering.as_mut()).await {
                Ok(Ok(answered)) => break answered,
                Ok(Err(reason)) => return Err(Stop::from(reason)),
                Err(_) if head_by == self.deadline => return Err(Stop::from(Reason::Deadline)),
                Err(_) => match fate.moved() {
                    Some(moved) if moved > since => since = moved,
                    Some(_) | None => return Err(Stop::from(Reason::ServiceTimeout)),
                },
            }
        };
        // The request's own fault, if it had one, is why the connection broke.
        let answer =
            sent.map_err(|_| fate.take_stop().unwrap_or(Stop::from(Reason::ServiceBroke)))?;
        let (head, body) = answer.into_parts();
        let agreed = self.route.disclosure.response_plan();
        let agreed = agreed.map(|plan| plan.format());
        let head = response::understand(head, &body, &self.route.method, agreed)?;
        Ok(Answer {
            head,
            body,
            request: fate,
            lease,
        })
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
