//! What of a service's response head reaches the partner: the status of a success, headers by the
//! disclosure's list, and the gateway's own.

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, HeaderValue, LOCATION, RANGE, TRANSFER_ENCODING, VARY,
};
use http::request::Parts as PartnerHead;
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::body::PartnerBody;
use super::encoding::{self, Coding, Encoder, Framing};
use super::links;
use super::media::{self, Label};
use super::problem::{X_REQUEST_ID, request_id_value};
use super::reason::Reason;
use super::running::Route;
use super::validators;
use crate::agreement::Permit;
use crate::ledger::{Receipt, RequestId};
use crate::plan::Format;
use crate::transform::Occasion;

/// The header that says under which agreement, version and text an answer is given.
pub(crate) const DATA_AGREEMENT: HeaderName = HeaderName::from_static("data-agreement");
/// The header that says by which day the partner is to delete the answer.
/// How the answer is marked.
pub(crate) const DATA_MARKING: HeaderName = HeaderName::from_static("data-marking");
pub(crate) const DATA_DELETE_BY: HeaderName = HeaderName::from_static("data-delete-by");

/// What every answer says of being kept: not at all, and least of all by what others use, too.
pub(crate) const NOT_STORED: HeaderValue = HeaderValue::from_static("private, no-store");

/// The longest body that is not worth compressing: it fits into a packet.
pub(crate) const WORTH_COMPRESSING: usize = 1 << 10;

/// A service's head that was understood.
pub(crate) struct ServiceHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The label of the body that leaves, or would leave if the request were a GET.
    pub(crate) label: Option<Label>,
    has_body: bool,
    /// What tells the end of the service's body.
    framing: Framing,
    /// Headers that are the gateway's own: links by template, the validator.
    own: HeaderMap,
}

impl ServiceHead {
    /// Whether a body follows that is to be minimised.
    pub(crate) fn has_body(&self) -> bool {
        self.has_body
    }

    /// The boundary of a multipart body; empty for others.
    pub(crate) fn boundary(&self) -> &str {
        self.label.as_ref().map_or("", |label| &label.boundary)
    }

    /// The content coding of the service's body, if it is in one.
    pub(crate) fn coding(&self) -> Option<Coding> {
        self.label.as_ref().and_then(|label| label.coding)
    }

    /// What tells the end of the service's body.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// The status that the partner gets.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body leaves through `encoder`, if there is one.
    pub(crate) fn leaves_through(&mut self, encoder: Option<&Encoder>) {
        if let Some(encoder) = encoder {
            let name = HeaderValue::from_static(encoder.coding().name());
            self.own.insert(CONTENT_ENCODING, name);
        }
    }

    /// Answers the partner's conditions and makes the headers of the gateway's own: links by template, the validator. Where the
    /// partner has what would leave, the answer is that alone, without a body.
    ///
    /// # Errors
    /// If the service redirects to where no template leads.
    pub(crate) fn answer(
        &mut self,
        asked: &PartnerHead,
        permit: &Permit,
        route: &Route,
        occasion: &Occasion,
    ) -> Result<(), Reason> {
        if let Some(links) = &route.disclosure.links {
            links::rewrite(links, occasion.clone(), &self.headers, &mut self.own);
        }
        if self.status.is_redirection() && !self.own.contains_key(LOCATION) {
            return Err(Reason::ServiceStatus);
        }
        if let Some(validators) = &route.validators
            && self.status == StatusCode::OK
            && matches!(asked.method, Method::GET | Method::HEAD)
            && let Some(validator) =
                validators.validator(&self.headers, asked, permit, occasion.today)
        {
            if validators::is_had(&asked.headers, &validator) {
                self.status = StatusCode::NOT_MODIFIED;
                self.label = None;
                self.has_body = false;
            }
            self.own.insert(ETAG, validator);
        }
        Ok(())
    }
}

/// Understands a service's head, the answer to `method` under `route`, or says why nothing of the answer may pass. Where no
/// format is agreed, nothing of the body does.
pub(crate) fn understand(
    head: Parts,
    body: &Incoming,
    method: &Method,
    route: &Route,
) -> Result<ServiceHead, Reason> {
    let status = head.status;
    let (version, has_length) = (head.version, body.size_hint().exact().is_some());
    let understood = |head: Parts, label: Option<Label>, has_body, framing| ServiceHead {
        status,
        headers: head.headers,
        label,
        has_body,
        framing,
        own: HeaderMap::new(),
    };
    match status {
        // Of a part nobody can say what it is a part of; nobody asked for one, nor whether something has changed.
        StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => {
            return Err(Reason::ServiceStatus);
        }
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => {
            return Ok(understood(head, None, false, Framing::Told));
        }
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT
            if route.rewrites_location() =>
        {
            return Ok(understood(head, None, false, Framing::Told));
        }
        other if !other.is_success() => return Err(refusal_of(other)),
        _ => {}
    }
    let Some(agreed) = route.disclosure.response_plan().map(|plan| plan.format()) else {
        return Ok(understood(head, None, false, Framing::Told));
    };
    if *method == Method::HEAD {
        // Services are lax about the heads of bodies that they do not send.
        let label = media::label(&head.headers, agreed);
        return Ok(understood(head, label, false, Framing::Told));
    }
    if !is_uncoded(&head.headers) {
        return Err(Reason::Encoding);
    }
    let coding = encoding::coding(&head.headers).map_err(|_| Reason::Encoding)?;
    // A `201 Created` need not say anything. Labelled as JSON, say, an empty body is broken JSON.
    if body.is_end_stream() && !head.headers.contains_key(CONTENT_TYPE) {
        return Ok(understood(head, None, false, Framing::Told));
    }
    let label = media::label(&head.headers, agreed).ok_or(Reason::ContentType)?;
    let is_framed = has_length || head.headers.contains_key(TRANSFER_ENCODING);
    let framing = if version == Version::HTTP_2 {
        Framing::Stream
    } else if is_framed || route.target.trusts_close() || coding.is_some_and(Coding::tells_its_end)
    {
        Framing::Told
    } else if !agreed.tells_its_end() {
        return Err(Reason::EndUnmarked);
    } else if *agreed == Format::Json {
        Framing::Json
    } else {
        Framing::Told
    };
    let label = Some(Label { coding, ..label });
    Ok(understood(head, label, true, framing))
}

/// Whether the body crosses in no coding but chunks: hyper takes any other for a body that the connection ends.
fn is_uncoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"))
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

/// The response to the partner, who asked with `asked`. Taking both the permit and the receipt is what makes P3 hold: nothing
/// else makes a response out of a service's head, and neither can be had but from a decision and a durable entry.
pub(crate) fn release(
    permit: Permit,
    receipt: Receipt,
    head: ServiceHead,
    (route, asked, occasion): (&Route, &PartnerHead, &Occasion),
    id: &RequestId,
    body: PartnerBody,
) -> Response<PartnerBody> {
    // Both are spent: one permit and one receipt for one response.
    drop((permit, receipt));
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    headers.reserve(6 + route.response_headers.len());
    for name in &route.response_headers {
        for value in head.headers.get_all(name) {
            if name != CONTENT_DISPOSITION {
                headers.append(name, value.clone());
            } else if let Some(kind) = disposition(value) {
                headers.insert(name, kind);
            }
        }
    }
    headers.extend(head.own);
    if let Some(label) = head.label {
        // A table is in a format of its own, whatever the service's was.
        let told = match route.disclosure.released.table_output() {
            Some(output) => HeaderValue::from_static(output.media_type()),
            None => label.told,
        };
        headers.insert(CONTENT_TYPE, told);
    }
    headers.insert(CACHE_CONTROL, NOT_STORED);
    if let Some(vary) = &route.vary {
        headers.append(VARY, vary.clone());
    }
    if asked.headers.contains_key(RANGE) {
        // The whole answer is what there is (RFC 9110 §14.2): a part of one cannot be minimised.
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    }
    headers.insert(X_REQUEST_ID, request_id_value(id));
    headers.insert(DATA_AGREEMENT, route.told.clone());
    if let Some(marking) = &route.marking {
        headers.insert(DATA_MARKING, marking.clone());
    }
    if let Some(retention) = &route.agreement.law.retention {
        let day = retention.delete_by(occasion.today).to_string();
        if let Ok(day) = HeaderValue::from_str(&day) {
            headers.insert(DATA_DELETE_BY, day);
        }
    }
    response
}

/// Takes the body out of the answer to a HEAD (RFC 9110 §9.3.2), which keeps its length: that of a refusal's problem
/// document, since all other answers to a HEAD have no body.
pub(crate) fn leave_out_body(response: &mut Response<PartnerBody>) {
    let length = response.body().size_hint().exact();
    if let Some(length) = length.filter(|length| *length > 0) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = PartnerBody::whole(Bytes::new());
}

/// How a body is to be shown (RFC 6266 §4.2), without its parameters: names of files are often those of people.
fn disposition(value: &HeaderValue) -> Option<HeaderValue> {
    let value = value.as_bytes();
    let end = value.iter().position(|byte| *byte == b';');
    let kind = value[..end.unwrap_or(value.len())].trim_ascii();
    ["attachment", "inline"]
        .into_iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(kind))
        .map(HeaderValue::from_static)
}
