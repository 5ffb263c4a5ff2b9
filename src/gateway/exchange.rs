//! One exchange, top to bottom.
//!
//! identity → route, purpose, term → query, body → intent → service → head → first output → receipt → partner

use std::rc::Rc;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::account::Account;
use super::asking::Asking;
use super::body::{First, PartnerBody, Release};
use super::encoding::{Direction, Framing};
use super::fair::{Bounds, Place};
use super::limits::Limit;
use super::media::Label;
use super::metrics::RequestLabels;
use super::outbound::Push;
use super::outflow::Outflow;
use super::patience::{Pace, Patience};
use super::problem::Stop;
use super::reason::Reason;
use super::reidentify::{self, Asked};
use super::request::{self, RequestBody};
use super::response::{self, WORTH_COMPRESSING};
use super::running::Running;
use super::traces::{Ended, Trace, What};
use super::unread::Unread;
use super::worker::{PartnerConnection, Worker};
use crate::agreement::{Ask, Asker, Caller, PartnerName, Permit, PurposeName, Refusal, SystemName};
use crate::config::Audience;
use crate::ledger::{CallerEntry, Event, RequestId};
use crate::minimise::Gate;
use crate::subjects::{RightsGate, Unavailable};
use crate::transform::Occasion;

/// Answers one request under the set `running`, from start to end. Whatever happens, the partner gets a response, and the
/// exchange is accounted for.
pub(crate) async fn exchange(
    worker: Rc<Worker>,
    connection: Rc<PartnerConnection>,
    running: Arc<Running>,
    request: Request<Incoming>,
) -> Response<PartnerBody> {
    let began = Instant::now();
    let mut busy = connection.activity.begin();
    // Without an id of its own the exchange could not be accounted for.
    let Ok(id) = worker.random.take().map(RequestId::new) else {
        return Stop::from(Reason::LedgerUnavailable).response(&RequestId::new([0; 16]));
    };
    let (head, body) = request.into_parts();
    let limits = &running.config.limits;
    let activity = &connection.activity;
    let body = Unread::new(body, head.version, activity, limits, &running.metrics);

    let mut known = Known {
        trace: worker
            .traces
            .begin(&head.headers, &id, &worker.random, began),
        ..Known::default()
    };
    let decided = decide(
        &worker,
        &connection,
        &running,
        &head,
        body.body(),
        &mut known,
    );
    let (permit, label, asked, caller, place) = match decided {
        Ok(decided) => decided,
        Err(stop) => return refuse(&worker, &running, &head, &id, known, stop).response(&id),
    };
    // One partner's load leaves room for another's.
    match place.taken(running.config.limits.exchange_wait).await {
        Ok(share) => busy.holds(share),
        Err(reason) => {
            let stop =
                Stop::from(reason).under(&permit.agreement().name, &permit.disclosure().name);
            return refuse(&worker, &running, &head, &id, known, stop).response(&id);
        }
    }

    // Access to protect a life is possible at once, and somebody hears of it before it is had.
    if permit.terms().vital_interests
        && let Err(stop) = worker
            .desk
            .vital_interests(&permit, &caller, &id, &worker.ledger)
    {
        return refuse(&worker, &running, &head, &id, known, stop).response(&id);
    }
    // From here the exchange is permitted. Its intent goes to the ledger while the service is asked.
    let route = Arc::clone(running.route(&permit));
    let opened = Account::open(&worker, &running, &route, &permit, caller, id, began);
    let Ok((mut account, intent)) = opened else {
        let stop = Stop::from(Reason::LedgerUnavailable)
            .under(&route.agreement.name, &route.disclosure.name);
        return refuse(&worker, &running, &head, &id, known, stop).response(&id);
    };
    let deadline = began + running.config.limits.exchange;
    let today = worker.clock.today(&running.config.controller.time_zone);
    let gate = worker.subjects.as_ref().map(|watched| {
        let terms = vec![Arc::clone(&permit.terms().rights)];
        Arc::new(RightsGate::new(watched, terms, today))
    });
    account.judged_by(gate.clone());
    account.traced(known.trace.take());
    let occasion = Occasion {
        document: worker.random.take().ok(),
        purpose: Some(permit.purpose().shared()),
        gate: gate.map(|gate| gate as Arc<dyn Gate>),
        notice: route.unknown.clone(),
        ..Occasion::from(today)
    };
    if permit.disclosure().is_push() {
        let push = Push {
            worker: &worker,
            running: &running,
            route: &route,
            permit: &permit,
            asked: &asked,
            head: &head,
            label: label.as_ref(),
            occasion,
            deadline,
            id,
        };
        // In a place of its own, so that other exchanges do not carry its room with them.
        return Box::pin(push.run(body, account, intent)).await;
    }
    let asking = Asking {
        occasion: occasion.clone(),
        worker: &worker,
        running: &running,
        route: &route,
        asked: &asked,
        head: &head,
        label: label.as_ref(),
        deadline,
    };
    let labelled = (label.as_ref(), occasion.clone());
    let pace = Pace::of_partner(&running.config.limits);
    let coding = label.as_ref().and_then(|label| label.coding);
    let body = (body, Framing::of_request(head.version));
    let body = running.source(body, coding, Direction::FromPartner);
    let body = RequestBody::new(body, &route, labelled, &worker.clock, deadline, pace);
    let begun = Instant::now();
    let answer = asking.ask(body, &id, account.trace()).await;
    account.answered(begun);

    // Also a service's refusal tells something, so nothing at all is said before the intent is durable (P3).
    let waited = tokio::time::timeout(running.config.limits.ledger_wait, intent.durable()).await;
    if waited.is_err() {
        running.metrics.limits.reached(Limit::LedgerWait);
    }
    let Ok(Ok(receipt)) = waited else {
        return account
            .stop(Stop::from(Reason::LedgerUnavailable))
            .response(&id);
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(stop) => return account.stop(stop).response(&id),
    };
    let own = answer.head.answer(&head, &permit, &route, &occasion);
    if let Err(reason) = own {
        return account.stop(Stop::from(reason)).response(&id);
    }
    let status = answer.head.status().as_u16();
    if !answer.head.has_body() {
        // Nothing of the body is read: the connection ends with it, unless there is nothing to read.
        account.released(status);
        account.complete();
        if http_body::Body::is_end_stream(&answer.body) && answer.request.is_whole() {
            worker.pool.keep(answer.lease);
        }
        let body = PartnerBody::whole(bytes::Bytes::new());
        let under = (&*route, &head, &occasion);
        return response::release(permit, receipt, answer.head, under, &id, body);
    }
    let read_timeout = route.target.read_timeout(running.config.limits.body_idle);
    let pace = Pace::of_service(&running.config.limits, read_timeout);
    let patience = Patience::new(deadline, pace);
    let (coding, framing) = (answer.head.coding(), answer.head.framing());
    let release = Release::new(
        running.source(
            (answer.body.into(), framing),
            coding,
            Direction::FromService,
        ),
        (permit.released(), occasion.clone()),
        route.agreement.term.until,
        answer.head.boundary(),
        patience,
        answer.request,
        Rc::clone(&worker),
        account,
        Some(answer.lease),
        Outflow::new(&route, &permit, id, running.own(&head)),
    );
    let encoder = running.encoder(&head.headers, permit.released().format());
    // A fault in the body before its first output is still a problem document (P4).
    let body = match release.first().await {
        Ok(First::Whole(bytes, mut account)) => {
            account.released(status);
            account.sent(bytes.len());
            account.complete();
            let encoder = encoder
                .filter(|(_, always)| *always || bytes.len() > WORTH_COMPRESSING)
                .map(|(encoder, _)| encoder);
            answer.head.leaves_through(encoder.as_ref());
            PartnerBody::whole(match encoder {
                None => bytes,
                Some(encoder) => encoder.last(&bytes).into(),
            })
        }
        Ok(First::Part(bytes, mut rest)) => {
            rest.released(status);
            let encoder = encoder.map(|(encoder, _)| encoder);
            answer.head.leaves_through(encoder.as_ref());
            let stalled = connection.activity.stream(busy);
            PartnerBody::streaming(bytes, *rest, encoder, stalled)
        }
        Err((stop, account)) => return account.stop(stop).response(&id),
    };
    let under = (&*route, &head, &occasion);
    response::release(permit, receipt, answer.head, under, &id, body)
}

/// What is known of a request so far: what a refusal is entered and counted under.
#[derive(Default)]
struct Known {
    partner: Option<PartnerName>,
    purpose: Option<PurposeName>,
    caller: CallerEntry,
    /// The trace that it is a part of, where there are any.
    trace: Option<Box<Trace>>,
}

/// Everything that can be said of a request before the service is asked. Gives, with the permit, the label of its body,
/// if it has one, what the service is asked for, and what is entered of the caller.
fn decide(
    worker: &Worker,
    connection: &PartnerConnection,
    running: &Running,
    head: &Parts,
    body: &Incoming,
    known: &mut Known,
) -> Result<(Permit, Option<Label>, Asked, CallerEntry, Place), Stop> {
    request::check_form(head, &running.config.limits)?;
    let at = worker.clock.now();
    let shown = running.asker(worker, connection, head, at)?;
    let identity = shown.identity();
    let system = match connection.audience {
        Audience::Partners => {
            known.partner = Some(identity.partner.clone());
            None
        }
        Audience::Council => Some(SystemName::new(identity.partner.as_str())),
    };
    known.caller.system.clone_from(&system);
    if !identity.is_at(connection.address) {
        return Err(Stop::from(Reason::NetworkNotAgreed));
    }

    let mut values = head.headers.get_all(&running.purpose_header).iter();
    // Two are as wrong as more, so no more are looked at.
    let purposes =
        [values.next(), values.next()].map(|value| value.map(http::HeaderValue::as_bytes));
    let (one, two);
    let purposes: &[&[u8]] = match purposes {
        // A token that is for one purpose declares it, where no header does.
        [None, _] => match shown.token_purposes() {
            Some([only]) => {
                one = [only.as_str().as_bytes()];
                &one
            }
            Some(_) | None => &[],
        },
        [Some(first), None] => {
            one = [first];
            &one
        }
        [Some(first), Some(second)] => {
            two = [first, second];
            &two
        }
    };
    let partner = match request::once(&head.headers, &request::DATA_ON_BEHALF_OF) {
        None => &identity.partner,
        Some(_) if system.is_some() => return Err(Stop::from(Reason::OnBehalfRefused)),
        Some(other) => running
            .acts_for(&identity.partner, other)
            .ok_or(Reason::OnBehalfRefused)?,
    };
    let asker = match &system {
        Some(system) => Asker::System(system),
        None => Asker::Partner(known.partner.insert(partner.clone())),
    };
    let caller = Caller {
        roles: &identity.standing.roles,
        professional: identity.standing.professional,
        trained_until: identity.standing.trained_until,
        reference: request::once(&head.headers, &request::DATA_REFERENCE),
        reason: request::once(&head.headers, &request::DATA_REASON),
        version: request::once(&head.headers, &request::DATA_AGREEMENT_VERSION),
        credentials: shown.credentials,
        token_purposes: shown.token_purposes(),
    };
    known.caller = CallerEntry {
        decided: Some(at),
        roles: caller.roles.to_vec(),
        professional: caller.professional,
        trained_until: caller.trained_until,
        system: system.clone(),
        ..CallerEntry::default()
    };
    let decided = running.agreements.decide(&Ask {
        asker,
        method: head.method.as_str(),
        path: head.uri.path(),
        purposes,
        caller,
        at,
    });
    if let Err(Refusal::CredentialMissing { .. }) = &decided {
        known.caller.credentials = Some(shown.credentials);
    }
    let permit = decided?;
    known.purpose = Some(permit.purpose().clone());
    if system.is_some() {
        // For whom it is shows only now.
        known.partner = Some(permit.agreement().partner.clone());
    }
    let (agreement, disclosure) = (&permit.agreement().name, &permit.disclosure().name);
    let route = running.route(&permit);
    let under = |stop: Stop| stop.under(agreement, disclosure);
    let looked_up = match &worker.subjects {
        Some(subjects) => subjects.available(),
        // A store that came with a reload is looked at from the next start on.
        None if running.config.subjects.is_some() => Err(Unavailable),
        None => Ok(()),
    };
    looked_up.map_err(|_| under(Stop::from(Reason::RightsUnavailable)))?;
    let refused = |reason: Reason| under(Stop::from(reason));
    let query = request::query(head.uri.query(), permit.disclosure()).map_err(refused)?;
    request::check_conditions(head, route).map_err(refused)?;
    request::check_headers(&head.headers, &route.request_headers).map_err(refused)?;
    let label = request::check_body(head, body, route).map_err(under)?;
    let asked = reidentify::asked(&permit, route, &query, head).map_err(refused)?;
    let mut caller = running.entered(&permit, &caller, at);
    caller.person = running.person(&shown, head);
    caller.system = system;
    if identity.partner != *partner {
        caller.acting = Some(identity.partner.clone());
    }
    let place = worker
        .fair
        .place(&identity.partner, Bounds::of(&running.config))
        .map_err(|reason| under(Stop::from(reason)))?;
    // Last of all, so that a request that is refused for anything else counts for nothing.
    if let Some(way) = route.way(permit.purpose()) {
        worker.desk.ask(way, running.variant(head)).map_err(under)?;
    }
    Ok((permit, label, asked, caller, place))
}

/// Enters, counts and logs a refusal. Gives what the partner is told: `stop`, or that the ledger cannot even
/// enter that.
fn refuse(
    worker: &Worker,
    running: &Running,
    head: &Parts,
    id: &RequestId,
    known: Known,
    stop: Stop,
) -> Stop {
    let purpose = match (&known.purpose, &known.partner) {
        (Some(agreed), _) => Some(agreed.clone()),
        (None, Some(_)) => known_purpose(running, head),
        // Of somebody unknown not even that is noted.
        (None, None) => None,
    };
    // What a system of the controller's pushes in vain is no partner's doing.
    if let (Some(partner), None) = (&known.partner, &known.caller.system) {
        let digest = running.digest(head, "purpose", &running.purpose_header);
        worker
            .desk
            .note_refusal(partner, &stop, purpose.as_ref(), digest);
    }
    let agreement = stop.term.agreement.clone();
    let disclosure = stop.term.disclosure.clone();
    let text = stop.reason.text();
    let entered = worker.outbox.enter(&Event::Refusal {
        request: *id,
        partner: known.partner.clone(),
        agreement: agreement.clone(),
        disclosure: disclosure.clone(),
        purpose: purpose.clone(),
        reason: stop.reason.code(),
        status: text.status.as_u16(),
        hash: agreement.as_ref().and_then(|name| {
            let agreement = running.agreements.agreement(name.as_str())?;
            Some(agreement.hash.clone())
        }),
        caller: known.caller.clone(),
    });
    let stop = match entered {
        Ok(()) => stop,
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
        trace_id = known.trace.as_ref().map(|trace| trace.id()),
        partner = labels.partner,
        agreement = labels.agreement,
        disclosure = labels.disclosure,
        purpose = labels.purpose,
        decision = "refuse",
        reason = stop.reason.code(),
        status = stop.reason.text().status.as_u16(),
        "exchange"
    );
    if let Some(trace) = known.trace {
        let told = (stop.reason.text().status.as_u16(), Some(stop.reason));
        let what = What::Refused {
            partner: known.partner,
            agreement,
            disclosure,
            purpose,
        };
        let ended = Ended::new(trace, *id, worker.clock.now(), told, what);
        worker.traces.ended(ended);
    }
    stop
}

/// The declared purpose, if it is one that the set knows: the set's own text, never the caller's (P7).
fn known_purpose(running: &Running, head: &Parts) -> Option<PurposeName> {
    let mut values = head.headers.get_all(&running.purpose_header).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let name = value.to_str().ok()?;
    running.agreements.purpose(name).cloned()
}
