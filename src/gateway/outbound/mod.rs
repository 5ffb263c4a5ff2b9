//! A push: a system of the controller's sends, and what leaves is its request's body.
//!
//! The same agreements decide, the same quotas are charged, the same people's rights are asked, the same ledger accounts:
//! up to the permit a push goes the way of every [exchange](super::exchange). From there the order is another one, since
//! here the first byte leaves before the partner has answered:
//!
//! permit → intent durable → first output → partner's service → the rest → its answer → release → system
//!
//! *Nothing leaves before its entry* (P3): the system's body is not even read before the intent is durable, so that one
//! who waits for `100 Continue` is told by it that the push is permitted and accounted for. *A fault before the first
//! output* sends nothing at all; one after it breaks the request off, so that what the partner has never looks whole
//! (P4). *Who is slow slows the other down* (P5): a piece is read when the partner's connection takes one.
//!
//! A push has a listener of its own, `for: council`. What its systems push is looked up among what agreements let them
//! push, what partners ask for among what these let them ask, and neither ever in the other (P2).

mod shipment;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use tokio::time::{Instant, timeout};

use super::account::Account;
use super::asking::{Answer, Asking};
use super::body::{PartnerBody, Release};
use super::encoding::{Broken, Data, Direction, Framing, Source};
use super::limits::Limit;
use super::media::Label;
use super::outflow::Outflow;
use super::patience::{Pace, Patience};
use super::problem::{Stop, X_REQUEST_ID, request_id_value};
use super::reason::Reason;
use super::reidentify::Asked;
use super::request::RequestFate;
use super::response::{DATA_AGREEMENT, DATA_DELETE_BY, DATA_MARKING, NOT_STORED};
use super::running::{Route, Running};
use super::unread::Unread;
use super::worker::Worker;
use crate::agreement::Permit;
use crate::ledger::{RequestId, Ticket};
use crate::minimise;
use crate::transform::Occasion;
use shipment::Shipment;
pub(crate) use shipment::Shipped;

/// Of an answer that is not passed on, this much is read so that the connection to the partner can be used again.
const DRAINED_BYTES: usize = 64 << 10;

/// A push that is permitted: all that the exchange has come to.
pub(crate) struct Push<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    pub(crate) running: &'a Arc<Running>,
    pub(crate) route: &'a Arc<Route>,
    pub(crate) permit: &'a Permit,
    pub(crate) asked: &'a Asked,
    pub(crate) head: &'a Parts,
    pub(crate) label: Option<&'a Label>,
    pub(crate) occasion: Occasion,
    pub(crate) deadline: Instant,
    pub(crate) id: RequestId,
}

impl Push<'_> {
    /// Brings the permitted `body` to the partner, and answers the system. `account` ends here, or with the exchange.
    pub(crate) async fn run(
        self,
        body: Unread,
        account: Account,
        intent: Ticket,
    ) -> Response<PartnerBody> {
        let limits = &self.running.config.limits;
        let waited = timeout(limits.ledger_wait, intent.durable()).await;
        if waited.is_err() {
            self.running.metrics.limits.reached(Limit::LedgerWait);
        }
        let Ok(Ok(receipt)) = waited else {
            let stop = Stop::from(Reason::LedgerUnavailable);
            return account.stop(stop).response(&self.id);
        };
        let boundary = self.label.map_or("", |label| &label.boundary);
        let patience = Patience::new(self.deadline, Pace::of_partner(limits));
        let coding = self.label.and_then(|label| label.coding);
        let body = (body, Framing::of_request(self.head.version));
        let release = Release::new(
            self.running.source(body, coding, Direction::FromPartner),
            (self.permit.released(), self.occasion.clone()),
            self.route.agreement.term.until,
            boundary,
            patience,
            RequestFate::default(),
            Rc::clone(self.worker),
            account,
            None,
            Outflow::new(
                self.route,
                self.permit,
                self.id,
                self.running.own(self.head),
            ),
        );
        let shipment = match Shipment::begin(release.pushed(), receipt).await {
            Ok(shipment) => shipment,
            Err((stop, account)) => return account.stop(stop).response(&self.id),
        };
        let begun = Instant::now();
        let answer = self.ask(&shipment).await;
        let (response, outcome) = match answer {
            Ok((response, status)) => (Some(response), Ok(status)),
            Err(stop) => (None, Err(stop)),
        };
        // From here on nothing more of the body leaves: whoever polls it finds the account closed.
        let Some(mut account) = shipment.close() else {
            unreachable!("the account of a push is closed once, here");
        };
        account.answered(begun);
        match (response, outcome) {
            (Some(response), Ok(status)) => {
                account.released(status);
                account.complete();
                response
            }
            (_, Err(stop)) => account.stop(stop).response(&self.id),
            (None, Ok(_)) => unreachable!("what was answered has a response"),
        }
    }

    /// Sends the shipment, waits for the answer, and makes the system's of it, with its status.
    async fn ask(&self, shipment: &Rc<Shipment>) -> Result<(Response<PartnerBody>, u16), Stop> {
        let asking = Asking {
            occasion: self.occasion.clone(),
            worker: self.worker,
            running: self.running,
            route: self.route,
            asked: self.asked,
            head: self.head,
            label: self.label,
            deadline: self.deadline,
        };
        // The trace that the partner sees begins here: one that the system began has an id of the system's own.
        let answer = asking.ask(shipment.body(), &self.id, None).await?;
        if !answer.request.is_whole() {
            // It cannot have accepted what it has not got. Were this passed on, a part would look whole (P4).
            return Err(Stop::from(Reason::ServiceBroke));
        }
        let status = answer.head.status;
        let mut response = Response::new(PartnerBody::whole(Bytes::new()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for name in &self.route.response_headers {
            for value in answer.head.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        headers.insert(CACHE_CONTROL, NOT_STORED);
        headers.insert(X_REQUEST_ID, request_id_value(&self.id));
        headers.insert(DATA_AGREEMENT, self.route.told.clone());
        if let Some(label) = &answer.head.label {
            headers.insert(CONTENT_TYPE, label.told.clone());
        }
        *response.body_mut() = PartnerBody::whole(self.passed_on(answer).await?);
        Ok((response, status.as_u16()))
    }

    /// What of the answer's body reaches the system: nothing, where the agreement has no rules for it. It is held whole,
    /// which the plan bounds: the system gets all of it or a problem.
    async fn passed_on(&self, answer: Answer) -> Result<Bytes, Stop> {
        let Answer {
            head, body, lease, ..
        } = answer;
        let body = self.running.source(
            (body.into(), head.framing()),
            head.coding(),
            Direction::FromService,
        );
        let limits = &self.running.config.limits;
        let pace = Pace::of_service(limits, limits.body_idle);
        let mut pieces = Pieces {
            body,
            patience: Patience::new(self.deadline, pace),
        };
        let (Some(label), Some(plan)) = (&head.label, &self.route.disclosure.received) else {
            let mut read = 0;
            while read <= DRAINED_BYTES {
                match pieces.next().await {
                    Ok(Some(piece)) => read += piece.len(),
                    Ok(None) => {
                        self.worker.pool.keep(lease);
                        break;
                    }
                    // Nothing was to be passed on, so nothing is missing.
                    Err(_) => break,
                }
            }
            return Ok(Bytes::new());
        };
        // What stays behind of a partner's own answer is no finding about the controller's services.
        let occasion = Occasion {
            gate: None,
            notice: None,
            ..self.occasion.clone()
        };
        let mut machine = minimise::machine(plan, &label.boundary, occasion);
        let mut out = Vec::new();
        while let Some(piece) = pieces.next().await? {
            let pushed = machine.push(&piece, &mut out);
            pushed.map_err(|error| Reason::ResponseBody(error.fault))?;
        }
        let finished = machine.finish(&mut out);
        finished.map_err(|error| Reason::ResponseBody(error.fault))?;
        self.worker.pool.keep(lease);
        Ok(Bytes::from(out))
    }
}

/// An answer's body, piece by piece.
struct Pieces {
    body: Source,
    patience: Patience,
}

impl Pieces {
    /// The next piece; `None` at the end. Trailers are dropped.
    async fn next(&mut self) -> Result<Option<Bytes>, Reason> {
        loop {
            let next = std::future::poll_fn(|cx| {
                let next = self.body.poll_data(cx);
                if next.is_pending() {
                    return self.patience.poll(cx).map(Err);
                }
                next.map(|data| match data {
                    None => Ok(None),
                    Some(Ok(data)) => Ok(Some(data)),
                    Some(Err(Broken::Connection(_) | Broken::Reset)) => Err(Reason::ServiceBroke),
                    Some(Err(Broken::Unmarked)) => Err(Reason::EndUnmarked),
                    Some(Err(Broken::Coding(fault))) => Err(Reason::Decoding(fault)),
                })
            });
            let Some(Data { bytes, came }) = next.await? else {
                return Ok(None);
            };
            if let Some(came) = came {
                self.patience.progress(came)?;
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// Says to the partner, in the head of a pushed request, under which agreement it gets what follows, what for, and until
/// when it may be kept.
pub(crate) fn tell(
    request: &mut Request<()>,
    running: &Running,
    route: &Route,
    occasion: &Occasion,
) {
    let headers = request.headers_mut();
    headers.insert(DATA_AGREEMENT, route.told.clone());
    if let Some(marking) = &route.marking {
        headers.insert(DATA_MARKING, marking.clone());
    }
    if let Some(purpose) = &occasion.purpose
        && let Ok(purpose) = HeaderValue::from_str(purpose)
    {
        headers.insert(running.purpose_header.clone(), purpose);
    }
    if let Some(retention) = &route.agreement.law.retention {
        let day = retention.delete_by(occasion.today).to_string();
        if let Ok(day) = HeaderValue::from_str(&day) {
            headers.insert(DATA_DELETE_BY, day);
        }
    }
    // A table is in a format of its own, whatever the system's body was.
    if let Some(output) = route.disclosure.released.table_output() {
        let label = HeaderValue::from_static(output.media_type());
        headers.insert(CONTENT_TYPE, label);
    }
}
