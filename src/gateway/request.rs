//! What of a partner's request reaches the service: what the disclosure names, and the gateway's own.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
};
use http::request::Parts;
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::Instant;

use super::encoding::{self, Broken, Data, Source};
use super::form;
use super::form::query::Parameter;
use super::media::{self, Label};
use super::outbound::Shipped;
use super::patience::{Pace, Patience};
use super::problem::{Stop, X_REQUEST_ID, request_id_value};
use super::reason::Reason;
use super::reidentify::Asked;
use super::running::Route;
use super::traces::TRACEPARENT;
use super::wire;
use super::worker::head_bytes;
use crate::agreement::Disclosure;
use crate::clock::Clock;
use crate::config::Limits;
use crate::ledger::RequestId;
use crate::minimise::{self, Machine};
use crate::transform::Occasion;

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

/// Refuses requests whose form is not for a gateway, before anything else is looked at. What no head may have at all
/// over HTTP/1 was found before hyper read it: then `head` only tells of it. Over HTTP/2 hyper resets what has fields of a
/// connection, upgrades among them.
pub(crate) fn check_form(head: &Parts, limits: &Limits) -> Result<(), Stop> {
    if let Some(fault) = wire::fault_in_head(head) {
        return Err(Stop::malformed(fault));
    }
    let http2 = match head.version {
        Version::HTTP_11 => false,
        Version::HTTP_2 => true,
        // An HTTP/1.0 body ends with its connection, so an aborted one would look whole (P4).
        _ => return Err(Stop::from(Reason::HttpVersion)),
    };
    let is_for_gateway = head.method != Method::CONNECT
        && head.uri.path().starts_with('/')
        && names_one_host(head, http2);
    if !is_for_gateway {
        return Err(Stop::from(Reason::RequestForm));
    }
    let mut expected = head.headers.get_all(EXPECT).iter();
    match (expected.next(), expected.next()) {
        (None, _) => {}
        // The answer to it is sent when the body is first asked for: once the request is permitted.
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {}
        (Some(_), _) => return Err(Stop::from(Reason::Expectation)),
    }
    let bytes = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if bytes > limits.uri_bytes {
        return Err(Stop::from(Reason::UriTooLong));
    }
    // Over HTTP/1.1 these were counted before hyper read them.
    let is_too_large = head.headers.len() > limits.header_count
        || bytes + lines_bytes(&head.headers) > head_bytes(limits);
    if http2 && is_too_large {
        return Err(Stop::from(Reason::HeadTooLarge));
    }
    Ok(())
}

/// Bytes of `headers` as lines of HTTP/1.1, so that a head is as large whichever way it comes.
fn lines_bytes(headers: &HeaderMap) -> usize {
    let lines = headers.iter();
    lines
        .map(|(name, value)| name.as_str().len() + ": ".len() + value.len() + "\r\n".len())
        .sum()
}

/// Whether the request names one host, the same in its target and its `Host` where both have one. An absolute target must
/// be taken from anybody (RFC 9112 §3.2.2); whose host it names is nothing to the gateway, but two are two requests.
fn names_one_host(head: &Parts, http2: bool) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.as_bytes()),
        (Some(_), Some(_)) => return false,
    };
    match (head.uri.authority().map(Authority::as_str), host) {
        (None, None) => false,
        (None, Some(host)) => form::is_authority(host),
        // HTTP/1.1 has a Host in any case.
        (Some(authority), None) => http2 && form::is_authority(authority.as_bytes()),
        (Some(authority), Some(host)) => {
            form::is_authority(host) && authority.as_bytes().eq_ignore_ascii_case(host)
        }
    }
}

/// The parameters of a query, all of which `disclosure` names. A parameter is never dropped in silence: a dropped filter
/// would widen the answer. None may stand twice, since readers differ on which of two counts.
pub(crate) fn query<'a>(
    query: Option<&'a str>,
    disclosure: &Disclosure,
) -> Result<Vec<Parameter<'a>>, Reason> {
    let mut parameters: Vec<Parameter<'a>> = Vec::new();
    for parameter in form::query::parameters(query.unwrap_or_default()) {
        let parameter = parameter.ok_or(Reason::QueryForm)?;
        let name = parameter.name();
        if !disclosure.has_parameter(&name) {
            return Err(Reason::QueryNotAgreed);
        }
        if parameters.iter().any(|before| before.name() == name) {
            return Err(Reason::QueryRepeated);
        }
        drop(name);
        parameters.push(parameter);
    }
    Ok(parameters)
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
    // A push is its body: whether nothing at all is one, its format says.
    if body.is_end_stream() && !route.disclosure.is_push() {
        return Ok(None);
    }
    let Some(plan) = route.disclosure.request_plan() else {
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
        if is_of_connection(&head.headers, name) {
            continue;
        }
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
    request
}

/// Whether a `Connection` header says that `name` is for the next hop alone (RFC 9110 §7.6.1): then it ends here.
fn is_of_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        let mut options = value.as_bytes().split(|byte| *byte == b',');
        options.any(|option| {
            option
                .trim_ascii()
                .eq_ignore_ascii_case(name.as_str().as_bytes())
        })
    })
}

/// Refuses a request in which a header that goes on holds something else than visible ASCII: some read it as Latin-1,
/// some as UTF-8, some not at all.
pub(crate) fn check_headers(headers: &HeaderMap, kept: &[HeaderName]) -> Result<(), Reason> {
    for name in kept {
        for value in headers.get_all(name) {
            if !value
                .as_bytes()
                .iter()
                .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
            {
                return Err(Reason::HeaderForm);
            }
        }
    }
    Ok(())
}

/// A request's body on its way to the service.
pub(crate) enum RequestBody {
    /// None.
    None,
    /// The partner's, through the disclosure's request plan.
    Minimised(Box<MinimisedRequest>),
    /// What leaves in a push.
    Pushed(Shipped),
}

/// A partner's body, minimised as it streams. Its trailers are dropped.
pub(crate) struct MinimisedRequest {
    partner: Source,
    machine: Box<dyn Machine>,
    patience: Patience,
    /// The end of the agreement: from here on nothing is taken in under it.
    until: Timestamp,
    clock: Clock,
    fate: Rc<Fate>,
    ended: bool,
}

/// What becomes of a request's body, for the exchange to see: hyper hands on only that it stopped. A request
/// without a body needs none.
#[derive(Default)]
pub(crate) struct RequestFate(Option<Rc<Fate>>);

/// What became of a request's body so far.
#[derive(Default)]
pub(crate) struct Fate {
    stopped: Cell<Option<Stop>>,
    whole: Cell<bool>,
    moved: Cell<Option<Instant>>,
}

impl Fate {
    /// It stopped before its end.
    pub(crate) fn stopped(&self, stop: Stop) {
        self.stopped.set(Some(stop));
    }

    /// A piece of it is with the connection.
    pub(crate) fn moved(&self) {
        self.moved.set(Some(Instant::now()));
    }

    /// All of it is.
    pub(crate) fn is_whole(&self) {
        self.whole.set(true);
    }
}

impl RequestFate {
    /// That of a body that notes it in `fate`.
    pub(crate) fn of(fate: &Rc<Fate>) -> Self {
        Self(Some(Rc::clone(fate)))
    }

    /// When a piece of the request's body last went to the connection, if one did.
    pub(crate) fn moved(&self) -> Option<Instant> {
        self.0.as_ref()?.moved.get()
    }

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
        clock: &Clock,
        deadline: Instant,
        pace: Pace,
    ) -> (Self, RequestFate) {
        match (&route.disclosure.received, label) {
            (Some(plan), Some(label)) => {
                let fate = Rc::<Fate>::default();
                let body = MinimisedRequest {
                    partner,
                    machine: minimise::machine(plan, &label.boundary, occasion),
                    patience: Patience::new(deadline, pace),
                    until: route.agreement.term.until,
                    clock: clock.clone(),
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
                    Ok(data) => {
                        body.fate.moved();
                        Ok(Frame::data(data))
                    }
                    Err(stop) => {
                        body.ended = true;
                        body.fate.stopped(stop);
                        Err(RequestStopped)
                    }
                })
            }),
            Self::Pushed(body) => body
                .poll(cx)
                .map(|next| next.map(|data| data.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Minimised(body) => body.ended,
            Self::Pushed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            // Minimised, it has another length than the partner said.
            Self::Minimised(_) => SizeHint::default(),
            Self::Pushed(body) => body.size_hint(),
        }
    }
}

impl MinimisedRequest {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Stop>>> {
        let mut out = Vec::new();
        if !self.ended && self.clock.now() >= self.until {
            return Poll::Ready(Some(Err(Stop::from(Reason::Ended))));
        }
        while !self.ended {
            match self.partner.poll_data(cx) {
                Poll::Ready(Some(Ok(Data { bytes: data, came }))) => {
                    if let Some(came) = came
                        && let Err(reason) = self.patience.progress(came)
                    {
                        return Poll::Ready(Some(Err(Stop::from(reason))));
                    }
                    if let Err(error) = self.machine.push(&data, &mut out) {
                        return Poll::Ready(Some(Err(Stop::request_body(&error))));
                    }
                }
                // What went wrong on the way here is the partner's connection's fault, and most often its end.
                Poll::Ready(Some(Err(Broken::Connection(error)))) => {
                    let stop = match wire::fault_in_body(&error) {
                        Some(fault) => Stop::malformed(fault),
                        None => Stop::from(Reason::PartnerGone),
                    };
                    return Poll::Ready(Some(Err(stop)));
                }
                // Taken for an end, it would make the service act on a part (P4).
                Poll::Ready(Some(Err(Broken::Reset | Broken::Unmarked))) => {
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
                    self.fate.is_whole();
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
