//! What of a service's response head reaches the partner: the status of a success, headers by the
//! disclosure's list, and the gateway's own.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;

use super::body::PartnerBody;
use super::encoding::{self, Coding};
use super::links;
use super::media::{self, Label};
use super::problem::{X_REQUEST_ID, request_id_value};
use super::reason::Reason;
use super::running::Route;
use crate::agreement::Permit;
use crate::ledger::{Receipt, RequestId};
use crate::plan::Format;
use crate::transform::Occasion;

/// The header that says under which agreement, version and text an answer is given.
pub(crate) const DATA_AGREEMENT: HeaderName = HeaderName::from_static("data-agreement");
/// The header that says by which day the partner is to delete the answer.
pub(crate) const DATA_DELETE_BY: HeaderName = HeaderName::from_static("data-delete-by");

/// A service's head that was understood.
pub(crate) struct ServiceHead {
    status: StatusCode,
    headers: HeaderMap,
    /// The label of the body that leaves; `None` when none does.
    label: Option<Label>,
}

impl ServiceHead {
    /// Whether a body follows that is to be minimised.
    pub(crate) fn has_body(&self) -> bool {
        self.label.is_some()
    }

    /// The boundary of a multipart body; empty for others.
    pub(crate) fn boundary(&self) -> &str {
        self.label.as_ref().map_or("", |label| &label.boundary)
    }

    /// The content coding of the service's body, if it is in one.
    pub(crate) fn coding(&self) -> Option<Coding> {
        self.label.as_ref().and_then(|label| label.coding)
    }

    /// The status that the partner gets.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

/// Understands a service's head, whose body is to be in the format that was `agreed`, or says why nothing of the answer may pass.
pub(crate) fn understand(
    head: Parts,
    body: &Incoming,
    method: &Method,
    agreed: &Format,
) -> Result<ServiceHead, Reason> {
    let status = head.status;
    if status == StatusCode::PARTIAL_CONTENT {
        return Err(Reason::ServiceStatus);
    }
    let without_body = |head: Parts| ServiceHead {
        status,
        headers: head.headers,
        label: None,
    };
    if status == StatusCode::NOT_MODIFIED || status == StatusCode::NO_CONTENT {
        return Ok(without_body(head));
    }
    if !status.is_success() {
        return Err(refusal_of(status));
    }
    if *method == Method::HEAD {
        return Ok(without_body(head));
    }
    let coding = encoding::coding(&head.headers).map_err(|_| Reason::Encoding)?;
    // A `201 Created` need not say anything. Labelled as JSON, say, an empty body is broken JSON.
    if body.is_end_stream() && !head.headers.contains_key(CONTENT_TYPE) {
        return Ok(without_body(head));
    }
    let label = media::label(&head.headers, agreed).ok_or(Reason::ContentType)?;
    Ok(ServiceHead {
        status,
        headers: head.headers,
        label: Some(Label { coding, ..label }),
    })
}

/// What the partner learns of a service's refusal or failure: a class, never the service's words.
fn refusal_of(status: StatusCode) -> Reason {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Reason::ServiceNotFound,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Reason::ServiceBusy,
        other if other.is_client_error() => Reason::ServiceRefused,
        other if other.is_server_error() => Reason::ServiceError,
        _ => Reason::ServiceStatus,
    }
}

/// The response to the partner. Taking both the permit and the receipt is what makes P3 hold: nothing else
/// makes a response out of a service's head, and neither can be had but from a decision and a durable entry.
pub(crate) fn release(
    permit: Permit,
    receipt: Receipt,
    head: ServiceHead,
    (route, occasion): (&Route, Occasion),
    id: &RequestId,
    body: PartnerBody,
) -> Response<PartnerBody> {
    // Both are spent: one permit and one receipt for one response.
    drop((permit, receipt));
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    headers.reserve(5 + route.response_headers.len());
    for name in &route.response_headers {
        for value in head.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let today = occasion.today;
    if let Some(links) = &route.disclosure.links {
        links::rewrite(links, occasion, &head.headers, headers);
    }
    if let Some(label) = head.label {
        // A table is in a format of its own, whatever the service's was.
        let told = match route.disclosure.response.table_output() {
            Some(output) => HeaderValue::from_static(output.media_type()),
            None => label.told,
        };
        headers.insert(CONTENT_TYPE, told);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, request_id_value(id));
    headers.insert(DATA_AGREEMENT, route.told.clone());
    if let Some(retention) = &route.agreement.law.retention {
        let day = retention.delete_by(today).to_string();
        if let Ok(day) = HeaderValue::from_str(&day) {
            headers.insert(DATA_DELETE_BY, day);
        }
    }
    response
}
