//! One exchange, top to bottom.
//!
//! identity → route, purpose, term → query, body → intent → service → head → first output → receipt → partner

use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::account::Account;
use super::body::{First, PartnerBody, Release};
use super::metrics::RequestLabels;
use super::patience::Patience;
use super::problem::Stop;
use super::reason::Reason;
use super::request::{self, RequestBody, StopCell};
use super::response::{self, ServiceHead};
use super::running::{Route, Running};
use super::service::Lease;
use super::worker::{PartnerConnection, Worker};
use crate::agreement::{Ask, PartnerName, Permit, PurposeName};
use crate::ledger::{Event, RequestId};

/// Answers one request. Whatever happens, the partner gets a response, and the exchange is accounted for.
pub(crate) async fn exchange(
    worker: Rc<Worker>,
    connection: Rc<PartnerConnection>,
    request: Request<Incoming>,
) -> Response<PartnerBody> {
    let began = Instant::now();
    let busy = connection.activity.begin();
    // The set that runs now; this exchange stays under it, whatever is loaded meanwhile (P9).
    let running = worker.running.load_full();
    let Ok(id) = worker.random.take().map(RequestId::new) else {
        return Stop::from(Reason::LedgerUnavailable).response(&RequestId::new([0; 16]));
    };
    let (head, body) = request.into_parts();

    let mut known = Known::default();
    let permit = match decide(&worker, &connection, &running, &head, &body, &mut known) {
        Ok(permit) => permit,
        Err(stop) => return refuse(&worker, &running, &head, &id, &known, stop).response(&id),
    };

    // From here the exchange is permitted. Its intent goes to the ledger while the service is asked.
    let route = Arc::clone(running.route(&permit));
    let opened = Account::open(&worker, &running, &route, &permit, id, began);
    let Ok((mut account, intent)) = opened else {
        let stop = Stop::from(Reason::LedgerUnavailable);
        return refuse(&worker, &running, &head, &id, &known, stop).response(&id);
    };
    let deadline = began + running.config.limits.exchange;
    let answer = timeout_at(
        deadline,
        ask_service(
            &worker,
            &running,
            &route,
            &permit,
            &head,
            body,
            deadline,
            &mut account,
        ),
    )
    .await
    .unwrap_or(Err(Stop::from(Reason::Deadline)));
    account.answered();

    // Also a service's refusal tells something, so nothing at all is said before the intent is durable (P3).
    let waited = tokio::time::timeout(running.config.limits.ledger_wait, intent.durable()).await;
    let Ok(Ok(receipt)) = waited else {
        return account
            .stop(Stop::from(Reason::LedgerUnavailable))
            .response(&id);
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(stop) => return account.stop(stop).response(&id),
    };
    let status = answer.head.status().as_u16();
    if !answer.head.has_body() {
        // Nothing of the body is read: the connection ends with it, unless there is nothing to read.
        account.released(status);
        account.complete();
        if http_body::Body::is_end_stream(&answer.body) {
            worker.pool.keep(answer.lease);
        }
        let body = PartnerBody::whole(bytes::Bytes::new());
        return response::release(permit, receipt, answer.head, &route, &id, body);
    }
    let patience = Patience::new(deadline, running.config.limits.body_idle, Reason::BodyIdle);
    let release = Release::new(
        answer.body,
        &route.disclosure.response,
        patience,
        answer.request,
        Rc::clone(&worker),
        account,
        answer.lease,
    );
    // A fault in the body before its first output is still a problem document (P4).
    let body = match release.first().await {
        Ok(First::Whole(bytes, mut account)) => {
            account.released(status);
            account.sent(bytes.len());
            account.complete();
            PartnerBody::whole(bytes)
        }
        Ok(First::Part(bytes, mut rest)) => {
            rest.released(status);
            PartnerBody::streaming(bytes, rest, connection.activity.stream(busy))
        }
        Err((reason, account)) => return account.stop(Stop::from(reason)).response(&id),
    };
    response::release(permit, receipt, answer.head, &route, &id, body)
}

/// What is known of a request so far: what a refusal is entered and counted under.
#[derive(Default)]
struct Known {
    partner: Option<PartnerName>,
    permit: Option<Permit>,
}

/// Everything that can be said of a request before the service is asked.
fn decide(
    worker: &Worker,
    connection: &PartnerConnection,
    running: &Running,
    head: &Parts,
    body: &Incoming,
    known: &mut Known,
) -> Result<Permit, Stop> {
    request::check_form(head, running.config.limits.uri_bytes)?;
    let partner = running
        .identities
        .partner(connection.certificate.as_ref(), &head.headers)
        .ok_or(Reason::Unauthenticated)?;
    known.partner = Some(partner.clone());

    let mut values = head.headers.get_all(&running.purpose_header).iter();
    // Two are as wrong as more, so no more are looked at.
    let purposes =
        [values.next(), values.next()].map(|value| value.map(http::HeaderValue::as_bytes));
    let (one, two);
    let purposes: &[&[u8]] = match purposes {
        [None, _] => &[],
        [Some(first), None] => {
            one = [first];
            &one
        }
        [Some(first), Some(second)] => {
            two = [first, second];
            &two
        }
    };
    let permit = running.agreements.decide(&Ask {
        partner,
        method: head.method.as_str(),
        path: head.uri.path(),
        purposes,
        at: worker.clock.now(),
    })?;
    known.permit = Some(permit.clone());
    let (agreement, disclosure) = (&permit.agreement().name, &permit.disclosure().name);
    request::check_query(head.uri.query(), &permit.disclosure().query)
        .and_then(|()| request::check_body(head, body, running.route(&permit)))
        .map_err(|reason| Stop::from(reason).under(agreement, disclosure))?;
    Ok(permit)
}

/// What the service answered, understood as far as its head.
struct Answer {
    head: ServiceHead,
    body: Incoming,
    request: StopCell,
    lease: Lease,
}

#[expect(
    clippy::too_many_arguments,
    reason = "it is one step of `exchange`, named"
)]
async fn ask_service(
    worker: &Worker,
    running: &Running,
    route: &Route,
    permit: &Permit,
    head: &Parts,
    body: Incoming,
    deadline: Instant,
    account: &mut Account,
) -> Result<Answer, Stop> {
    let span = worker
        .random
        .take()
        .map_err(|_| Reason::LedgerUnavailable)?;
    let traceparent = request::traceparent(&head.headers, account.id(), span);
    let service_head = request::service_head(permit, route, head, account.id(), &traceparent)?;
    let (body, stopped) = RequestBody::new(body, route, deadline, running.config.limits.body_idle);
    // A connection that the service had closed is found out by using it. Then a request that changes nothing,
    // and of which nothing was consumed, is sent once more.
    let again =
        (route.method.is_safe() && matches!(body, RequestBody::None)).then(|| service_head.clone());

    account.asked();
    let mut lease = worker.pool.lease(&route.target).await?;
    worker.count_connection(running, lease.reused);
    let patience = route.target.head_timeout();
    let mut sent = tokio::time::timeout(patience, lease.send(service_head.map(|()| body))).await;
    if let (Ok(Err(_)), true, Some(again)) = (&sent, lease.reused, again) {
        lease = worker.pool.lease_new(&route.target).await?;
        worker.count_connection(running, lease.reused);
        sent = tokio::time::timeout(patience, lease.send(again.map(|()| RequestBody::None))).await;
    }
    let answer = match sent {
        Ok(Ok(answer)) => answer,
        // The request's own fault, if it had one, is why the connection broke.
        Ok(Err(_)) => return Err(stopped.take().unwrap_or(Stop::from(Reason::ServiceBroke))),
        Err(_) => return Err(Stop::from(Reason::ServiceTimeout)),
    };
    let (head, body) = answer.into_parts();
    let head = response::understand(head, &body, &route.method)?;
    Ok(Answer {
        head,
        body,
        request: stopped,
        lease,
    })
}

/// Enters, counts and logs a refusal. Gives what the partner is told: `stop`, or that the ledger cannot even
/// enter that.
fn refuse(
    worker: &Worker,
    running: &Running,
    head: &Parts,
    id: &RequestId,
    known: &Known,
    stop: Stop,
) -> Stop {
    let permit = known.permit.as_ref();
    let purpose = permit.map(|permit| permit.purpose().clone()).or_else(|| {
        known
            .partner
            .as_ref()
            .and_then(|_| known_purpose(running, head))
    });
    let agreement = stop
        .term
        .agreement
        .clone()
        .or_else(|| permit.map(|permit| permit.agreement().name.clone()));
    let disclosure = stop
        .term
        .disclosure
        .clone()
        .or_else(|| permit.map(|permit| permit.disclosure().name.clone()));
    let text = stop.reason.text();
    let entered = worker.ledger.submit(Event::Refusal {
        request: *id,
        partner: known.partner.clone(),
        agreement: agreement.clone(),
        disclosure: disclosure.clone(),
        purpose: purpose.clone(),
        reason: stop.reason.code(),
        status: text.status.as_u16(),
    });
    let stop = match entered {
        Ok(_) => stop,
        Err(_) => Stop::from(Reason::LedgerUnavailable),
    };
    let labels = RequestLabels {
        partner: known.partner.as_ref().map_or("", PartnerName::as_str),
        agreement: agreement.as_ref().map_or("", |name| name.as_str()),
        disclosure: disclosure.as_ref().map_or("", |name| name.as_str()),
        purpose: purpose.as_ref().map_or("", PurposeName::as_str),
    };
    running.metrics.refused(labels, stop.reason);
    tracing::info!(
        target: "fieldgate::exchange",
        request = id.as_str(),
        partner = labels.partner,
        agreement = labels.agreement,
        disclosure = labels.disclosure,
        purpose = labels.purpose,
        decision = "refuse",
        reason = stop.reason.code(),
        status = stop.reason.text().status.as_u16(),
        "exchange"
    );
    stop
}

/// The declared purpose, if it is one that the set knows: the set's own text, never the caller's (P7).
fn known_purpose(running: &Running, head: &Parts) -> Option<PurposeName> {
    let mut values = head.headers.get_all(&running.purpose_header).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    running
        .agreements
        .agreements
        .iter()
        .flat_map(|agreement| &agreement.purposes)
        .map(|(name, _)| name)
        .find(|name| value == name.as_str())
        .cloned()
}
