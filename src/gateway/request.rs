//! What of a partner's request reaches the service: what the disclosure names, and the gateway's own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_UNMODIFIED_SINCE, UPGRADE,
};
use http::request::Parts;
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::encoding::{self, Broken, Source};
use super::media::{self, Label};
use super::patience::Patience;
use super::problem::{Stop, X_REQUEST_ID, request_id_value};
use super::reason::Reason;
use super::reidentify::Asked;
use super::running::Route;
use crate::ledger::RequestId;
use crate::minimise::{self, Machine};
use crate::transform::{Occasion, Resolver, uri};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header in which a request names the case or task that it is for.
pub(crate) const DATA_REFERENCE: HeaderName = HeaderName::from_static("data-reference");
/// The header in which a request says why somebody's life is at risk.
pub(crate) const DATA_REASON: HeaderName = HeaderName::from_static("data-reason");
/// The header in which a partner inside the controller's organisation names the partner that it asks for.
pub(crate) const DATA_ON_BEHALF_OF: HeaderName = HeaderName::from_static("data-on-behalf-of");
/// The header that names whoever asks by the identifier that a record of their own would have. It goes no further.
pub(crate) const DATA_STAFF_IDENTIFIER: HeaderName =
    HeaderName::from_static("data-staff-identifier");

/// The header in which a request names the version of the agreement that the partner has accepted.
pub(crate) const DATA_AGREEMENT_VERSION: HeaderName =
    HeaderName::from_static("data-agreement-version");

/// The value of a header that may come once; nothing at all where it comes more often.
pub(crate) fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    Some(if values.next().is_some() {
        b""
    } else {
        value.as_bytes()
    })
}

/// Refuses requests whose form is not for a gateway, before anything else is looked at.
pub(crate) fn check_form(head: &Parts, uri_bytes: usize) -> Result<(), Reason> {
    let http2 = match head.version {
        Version::HTTP_11 => false,
        Version::HTTP_2 => true,
        // An HTTP/1.0 body ends with its connection, so an aborted one would look whole (P4).
        _ => return Err(Reason::HttpVersion),
    };
    if head.method == Method::CONNECT || head.headers.contains_key(UPGRADE) {
        return Err(Reason::RequestForm);
    }
    if !head.uri.path().starts_with('/') {
        return Err(Reason::RequestForm);
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    match (http2, head.uri.authority(), hosts.next(), hosts.next()) {
        (false, None, Some(_), None) | (true, Some(_), None, _) | (true, None, Some(_), None) => {}
        // HTTP/2 names the authority itself; a Host beside it must not name another.
        (true, Some(authority), Some(host), None) if host == authority.as_str() => {}
        (_, _, _, _) => return Err(Reason::RequestForm),
    }
    let bytes = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if bytes > uri_bytes {
        return Err(Reason::UriTooLong);
    }
    Ok(())
}

/// Refuses a query with a parameter that neither `kept` nor `tokens` name. A parameter is never dropped in silence: a
/// dropped filter would widen the answer.
pub(crate) fn check_query(
    query: Option<&str>,
    kept: &[String],
    tokens: &BTreeMap<String, Resolver>,
) -> Result<(), Reason> {
    for pair in query.unwrap_or_default().split('&') {
        if pair.is_empty() {
            continue;
        }
        // Some readers take ';' for '&': then more parameters would arrive than were looked at here.
        if pair.contains(';') {
            return Err(Reason::QueryNotAgreed);
        }
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // A token's name stands as it is: one that is encoded would not be seen where tokens are turned back.
        let agreed = kept.iter().any(|agreed| is_encoding_of(name, agreed));
        if !agreed && !tokens.contains_key(name) {
            return Err(Reason::QueryNotAgreed);
        }
    }
    Ok(())
}

/// Whether `encoded`, percent-decoded and with `+` for a space, is `plain`.
fn is_encoding_of(encoded: &str, plain: &str) -> bool {
    let mut plain = plain.bytes();
    let mut encoded = encoded.bytes();
    while let Some(byte) = encoded.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let digits = encoded.next().zip(encoded.next());
                match digits.and_then(|(high, low)| uri::octet(high, low)) {
                    Some(octet) => octet,
                    None => return false,
                }
            }
            other => other,
        };
        if plain.next() != Some(decoded) {
            return false;
        }
    }
    plain.next().is_none()
}

/// Refuses a request that is to change something only on a condition: taken without it, it would do what was not asked for.
pub(crate) fn check_conditions(head: &Parts, route: &Route) -> Result<(), Reason> {
    let conditions = [
        IF_MATCH,
        IF_NONE_MATCH,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
    ];
    let conditional = |name| head.headers.contains_key(name);
    if !route.method.is_safe() && conditions.into_iter().any(conditional) {
        return Err(Reason::ConditionNotAgreed);
    }
    Ok(())
}

/// The label of a request's body, if it has one. Refuses a body that the disclosure has no rules for, or that is not
/// labelled as what they are for.
pub(crate) fn check_body(
    head: &Parts,
    body: &Incoming,
    route: &Route,
) -> Result<Option<Label>, Stop> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let Some(plan) = &route.disclosure.request else {
        return Err(Stop::from(Reason::BodyNotAgreed));
    };
    let coding =
        encoding::coding(&head.headers).map_err(|_| Stop::from(Reason::RequestEncoding))?;
    match media::label(&head.headers, plan.format()) {
        Some(label) => Ok(Some(Label { coding, ..label })),
        None => Err(Stop::request_content_type(plan.format())),
    }
}

/// The method that the service is asked with: the disclosure's, or HEAD where the partner asks for a GET's head alone.
pub(crate) fn method<'a>(head: &Parts, route: &'a Route) -> &'a Method {
    const HEAD: &Method = &Method::HEAD;
    match head.method {
        Method::HEAD => HEAD,
        _ => &route.method,
    }
}

/// The request to the service, but for its body, which has `label`.
pub(crate) fn service_head(
    asked: &Asked,
    route: &Route,
    head: &Parts,
    label: Option<&Label>,
    id: &RequestId,
    traceparent: &HeaderValue,
) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method(head, route).clone();
    *request.uri_mut() = Uri::from(asked.target.clone());
    let headers = request.headers_mut();
    for name in &route.request_headers {
        for value in head.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    for (name, value) in &asked.headers {
        headers.insert(name, value.clone());
    }
    headers.insert(HOST, route.target.authority().clone());
    if let Some(label) = label {
        headers.insert(CONTENT_TYPE, label.told.clone());
    }
    headers.insert(ACCEPT, route.accept.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(TRACEPARENT, traceparent.clone());
    headers.insert(X_REQUEST_ID, request_id_value(id));
    headers.remove(EXPECT);
    request
}

/// The `traceparent` (W3C Trace Context) that the service gets: the partner's trace with `span` as a new
/// parent, or a new trace with the exchange's id.
pub(crate) fn traceparent(headers: &HeaderMap, id: &RequestId, span: [u8; 8]) -> HeaderValue {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let came = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(trace_of),
        (_, _) => None,
    };
    let (trace, flags) = came.unwrap_or((id.as_str(), "01"));
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    text.push_str(trace);
    text.push('-');
    data_encoding::HEXLOWER.encode_append(&span, &mut text);
    text.push('-');
    text.push_str(flags);
    HeaderValue::from_str(&text).expect("hexadecimal digits and dashes may stand in a header")
}

/// Trace id and sampling flag of a valid version-00 `traceparent`.
fn trace_of(value: &str) -> Option<(&str, &'static str)> {
    let hex = |text: &str, digits: usize| {
        text.len() == digits
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = value.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let valid = version == "00"
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && parts.next().is_none()
        && trace.bytes().any(|byte| byte != b'0')
        && parent.bytes().any(|byte| byte != b'0');
    let sampled = flags.bytes().last().is_some_and(|digit| {
        char::from(digit)
            .to_digit(16)
            .is_some_and(|digit| digit & 1 == 1)
    });
    valid.then_some((trace, if sampled { "01" } else { "00" }))
}

/// A request's body on its way to the service.
pub(crate) enum RequestBody {
    /// None.
    None,
    /// The partner's, through the disclosure's request plan.
    Minimised(Box<MinimisedRequest>),
}

/// A partner's body, minimised as it streams. Its trailers are dropped.
pub(crate) struct MinimisedRequest {
    partner: Source,
    machine: Box<dyn Machine>,
    patience: Patience,
    fate: Rc<Fate>,
    ended: bool,
}

/// What becomes of a request's body, for the exchange to see: hyper hands on only that it stopped. A request
/// without a body needs none.
#[derive(Default)]
pub(crate) struct RequestFate(Option<Rc<Fate>>);

#[derive(Default)]
struct Fate {
    stopped: Cell<Option<Stop>>,
    whole: Cell<bool>,
}

impl RequestFate {
    /// Why the request's body stopped, if it did.
    pub(crate) fn take_stop(&self) -> Option<Stop> {
        self.0.as_ref()?.stopped.take()
    }

    /// Whether all of the request is with the service's connection, so that it can take another.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.as_ref().is_none_or(|fate| fate.whole.get())
    }
}

/// A request's body ended before its end. [`RequestFate`] has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the request's body was stopped")]
pub(crate) struct RequestStopped;

impl RequestBody {
    /// The body of a permitted request, which has `label`, on this occasion: through the plan, or none.
    pub(crate) fn new(
        partner: Source,
        route: &Route,
        (label, occasion): (Option<&Label>, Occasion),
        deadline: Instant,
        idle: Duration,
    ) -> (Self, RequestFate) {
        match (&route.disclosure.request, label) {
            (Some(plan), Some(label)) => {
                let fate = Rc::<Fate>::default();
                let body = MinimisedRequest {
                    partner,
                    machine: minimise::machine(plan, &label.boundary, occasion),
                    patience: Patience::new(deadline, idle, Reason::RequestIdle),
                    fate: Rc::clone(&fate),
                    ended: false,
                };
                (Self::Minimised(Box::new(body)), RequestFate(Some(fate)))
            }
            (_, None) | (None, _) => (Self::None, RequestFate::default()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestStopped;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestStopped>>> {
        match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Minimised(body) => body.poll(cx).map(|next| {
                next.map(|data| match data {
                    Ok(data) => Ok(Frame::data(data)),
                    Err(stop) => {
                        body.ended = true;
                        body.fate.stopped.set(Some(stop));
                        Err(RequestStopped)
                    }
                })
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Minimised(body) => body.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            // Minimised, it has another length than the partner said.
            Self::Minimised(_) => SizeHint::default(),
        }
    }
}

impl MinimisedRequest {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Stop>>> {
        let mut out = Vec::new();
        while !self.ended {
            match self.partner.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => {
                    self.patience.progress();
                    if let Err(error) = self.machine.push(&data, &mut out) {
                        return Poll::Ready(Some(Err(Stop::request_body(&error))));
                    }
                }
                // What went wrong on the way here is the partner's connection's fault, and most often its end.
                Poll::Ready(Some(Err(Broken::Connection))) => {
                    return Poll::Ready(Some(Err(Stop::from(Reason::PartnerGone))));
                }
                Poll::Ready(Some(Err(Broken::Coding(fault)))) => {
                    return Poll::Ready(Some(Err(Stop::from(Reason::RequestDecoding(fault)))));
                }
                Poll::Ready(None) => {
                    self.ended = true;
                    if let Err(error) = self.machine.finish(&mut out) {
                        return Poll::Ready(Some(Err(Stop::request_body(&error))));
                    }
                    self.fate.whole.set(true);
                }
                Poll::Pending if out.is_empty() => {
                    return self
                        .patience
                        .poll(cx)
                        .map(|reason| Some(Err(Stop::from(reason))));
                }
                Poll::Pending => break,
            }
            if !out.is_empty() {
                break;
            }
        }
        // Subjects named in a request are the partner's own knowledge: the ledger accounts for what leaves.
        drop(self.machine.take_subjects());
        Poll::Ready((!out.is_empty()).then(|| Ok(Bytes::from(out))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_a_query_passes_only_if_every_parameter_is_agreed() {
        let agreed = ["page".to_owned(), "filter[a]".to_owned()];
        for (query, passes) in [
            (None, true),
            (Some(""), true),
            (Some("page=1"), true),
            (Some("page"), true),
            (Some("p%61ge=1&&page=2"), true),
            (Some("filter%5ba%5D=x"), true),
            (Some("page=1&size=2"), false),
            (Some("Page=1"), false),
            (Some("pag=1"), false),
            (Some("pages=1"), false),
            (Some("page;size=2"), false),
            (Some("page=1;size=2"), false),
            (Some("=1"), false),
            (Some("%70age%=1"), false),
            (Some("page%00=1"), false),
            (Some("page[]=1"), false),
            (Some("page=%3B"), true),
        ] {
            assert_eq!(
                check_query(query, &agreed, &BTreeMap::new()).is_ok(),
                passes,
                "{query:?}"
            );
        }
    }

    #[test]
    fn a_trace_goes_on_under_a_new_span_and_anything_else_starts_a_new_one() {
        let id = RequestId::new([0xab; 16]);
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            }
            let value = traceparent(&headers, &id, [1; 8]);
            value.to_str().unwrap().to_owned()
        };
        let fresh = format!("00-{}-0101010101010101-01", "ab".repeat(16));
        let came = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        assert_eq!(
            with(&[came]),
            "00-0af7651916cd43dd8448eb211c80319c-0101010101010101-00"
        );
        assert_eq!(with(&[]), fresh);
        for bad in [
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-x",
            "nothing",
        ] {
            assert_eq!(with(&[bad]), fresh, "{bad}");
        }
        assert_eq!(with(&[came, came]), fresh, "two of them");
    }
}
