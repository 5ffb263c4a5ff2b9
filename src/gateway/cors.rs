//! Pages in browsers that may ask and read (CORS, the Fetch standard's protocol).
//!
//! A preflight carries no credential, so it is answered by the gateway alone, the same for every path: with what is
//! allowed of that which it asks for, from all disclosures of all partners. It tells neither what routes there are nor
//! whose. Whether the request that follows is permitted is decided as for anybody else. An answer never says that
//! credentials of the browser's own may be sent, and names one origin, never `*`.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE,
    HeaderName, HeaderValue, IF_NONE_MATCH, ORIGIN, VARY,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use prometheus::{IntCounterVec, Opts, Registry};

use super::body::PartnerBody;
use super::exchange;
use super::identity::X_API_KEY;
use super::request::{
    self, DATA_AGREEMENT_VERSION, DATA_ON_BEHALF_OF, DATA_REASON, DATA_REFERENCE,
    DATA_STAFF_IDENTIFIER,
};
use super::traces::TRACEPARENT;
use super::worker::{PartnerConnection, Worker};
use crate::agreement::AgreementSet;
use crate::config;

/// The names of headers that one preflight may ask for: what browsers ask for fits many times.
const ASKED_BYTES: usize = 4_096;

/// What browsers are told, made at load.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<String>,
    /// Methods of any disclosure.
    methods: BTreeSet<&'static str>,
    /// The gateway's own headers, and those that any disclosure lets through, in lower case.
    headers: BTreeSet<String>,
    max_age: HeaderValue,
}

/// Preflights, counted.
#[derive(Debug, Clone)]
pub(crate) struct Preflights(IntCounterVec);

impl Preflights {
    /// Registers the metric.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metric = IntCounterVec::new(
            Opts::new(
                "fieldgate_preflights_total",
                "Preflights of browsers by outcome: answered, or refused since the origin is not configured",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(metric.clone()))?;
        for outcome in ["answered", "refused"] {
            metric.with_label_values(&[outcome]);
        }
        Ok(Self(metric))
    }

    fn count(&self, outcome: &str) {
        self.0.with_label_values(&[outcome]).inc();
    }
}

impl Cors {
    /// What `written` and `agreements` allow.
    pub(crate) fn new(
        written: &config::Cors,
        agreements: &AgreementSet,
        purpose_header: &HeaderName,
    ) -> Self {
        let disclosures = || {
            let all = agreements.agreements.iter();
            all.flat_map(|agreement| &agreement.disclosures)
        };
        let own = [
            AUTHORIZATION,
            CONTENT_ENCODING,
            CONTENT_TYPE,
            IF_NONE_MATCH,
            TRACEPARENT,
            X_API_KEY,
            purpose_header.clone(),
            DATA_AGREEMENT_VERSION,
            DATA_ON_BEHALF_OF,
            DATA_REASON,
            DATA_REFERENCE,
            DATA_STAFF_IDENTIFIER,
        ];
        let agreed = disclosures().flat_map(|disclosure| {
            let tokens = disclosure.identifiers.headers.keys();
            disclosure.request_headers.iter().chain(tokens).cloned()
        });
        Self {
            origins: written.origins.clone(),
            methods: disclosures().map(|disclosure| disclosure.method).collect(),
            headers: own.iter().map(ToString::to_string).chain(agreed).collect(),
            max_age: HeaderValue::from(written.max_age.as_secs()),
        }
    }

    /// The one origin that `headers` name, if it may read.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut values = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (values.next(), values.next()) else {
            return None;
        };
        let mut known = self.origins.iter();
        known.any(|known| origin == known).then(|| origin.clone())
    }

    /// The answer to a preflight of an origin that may read.
    fn preflight(&self, asked: &HeaderMap) -> Response<PartnerBody> {
        let mut response = Response::new(PartnerBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            VARY,
            HeaderValue::from_static(
                "Access-Control-Request-Method, Access-Control-Request-Headers",
            ),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        let method = request::once(asked, &ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default();
        let mut methods = self.methods.iter();
        if let Some(method) = methods.find(|known| known.as_bytes() == method) {
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static(method),
            );
        }
        let names = request::once(asked, &ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        if let Some(allowed) = self.allowed(names) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        response
    }

    /// Those of `names`, divided by commas, that may be sent; `None` where there are none.
    fn allowed(&self, names: &[u8]) -> Option<HeaderValue> {
        let names = str::from_utf8(names).ok()?;
        if names.len() > ASKED_BYTES {
            return None;
        }
        let asked: BTreeSet<String> = names
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let allowed: Vec<&str> = asked
            .intersection(&self.headers)
            .map(String::as_str)
            .collect();
        let text = allowed.join(", ");
        HeaderValue::from_str(&text)
            .ok()
            .filter(|_| !text.is_empty())
    }
}

/// Answers one request: [`exchange::exchange`], with what browsers are told where any may ask.
pub(crate) async fn exchange(
    worker: Rc<Worker>,
    connection: Rc<PartnerConnection>,
    request: Request<Incoming>,
) -> Response<PartnerBody> {
    // The set that runs now; this exchange stays under it, whatever is loaded meanwhile (P9).
    let running = worker.running.load_full();
    let Some(cors) = running.cors.as_ref().map(Arc::clone) else {
        return exchange::exchange(worker, connection, running, request).await;
    };
    let origin = cors.origin(request.headers());
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && request.body().is_end_stream();
    let mut response = match (is_preflight, &origin) {
        (true, Some(_)) => {
            running.metrics.preflights.count("answered");
            cors.preflight(request.headers())
        }
        (asked_first, _) => {
            if asked_first {
                running.metrics.preflights.count("refused");
            }
            exchange::exchange(worker, connection, running, request).await
        }
    };
    dress(response.headers_mut(), origin);
    response
}

/// Adds to an answer's `headers` what lets a page of `origin` read it, if it may. What is said of one origin holds for no
/// other.
fn dress(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else {
        return;
    };
    let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    if let Ok(names) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}
