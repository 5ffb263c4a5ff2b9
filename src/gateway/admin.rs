//! The admin listener: metrics and health, for operators, on an address of its own.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;

use super::admin_subjects::{self, Subjects};
use super::descriptors::Descriptors;
use super::desk::Desk;
use super::limits::Limit;
use super::metrics::Metrics;
use super::running::Running;
use crate::agreement::PartnerName;
use crate::clock::Clock;
use crate::explained::covered::{self, Question};
use crate::journal::JournalError;
use crate::ledger::Ledger;
use crate::volume::Scope;

/// What the admin listener tells of.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) running: Arc<ArcSwap<Running>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) descriptors: Arc<Descriptors>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) stop: watch::Receiver<bool>,
    /// The subjects' store, if one is configured.
    pub(crate) subjects: Option<Subjects>,
}

impl Admin {
    /// Answers operators, until the task is dropped.
    pub(crate) async fn serve(self, listener: TcpListener) {
        // Those that are open are counted anew at each reload: the limit is the one that runs now.
        let open = Rc::new(Cell::new(0_usize));
        let closed = Rc::new(Notify::new());
        loop {
            let limit = || self.running.load().config.limits.admin_connections;
            if open.get() >= limit() {
                self.metrics.limits.reached(Limit::AdminConnections);
            }
            while open.get() >= limit() {
                closed.notified().await;
            }
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let admin = self.clone();
            let place = Place::take(&open, &closed);
            spawn_local(async move {
                let read = admin.running.load().config.limits.admin_read;
                let metrics = Arc::clone(&admin.metrics);
                let service = service_fn(move |request: Request<Incoming>| {
                    let admin = admin.clone();
                    async move { Ok::<_, Infallible>(admin.answer(request).await) }
                });
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(read)
                    .serve_connection(TokioIo::new(stream), service);
                // An operator's connection that breaks is the operator's to see.
                if served.await.is_err_and(|error| error.is_timeout()) {
                    metrics.limits.reached(Limit::AdminRead);
                }
                drop(place);
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if admin_subjects::is_path(request.uri().path()) {
            let running = self.running.load_full();
            let now = self.clock.now();
            let within = (&running.config.limits, &self.metrics.limits);
            let token = running.config.admin_token;
            return admin_subjects::answer(self.subjects.as_ref(), token, now, within, request)
                .await;
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match request.uri().path() {
            "/metrics" => self.metrics(),
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            "/cases" => self.listed(&request, Desk::cases),
            "/incidents" => self.listed(&request, Desk::incidents),
            "/covered" => self.covered(request.uri().query().unwrap_or_default()),
            _ => text(
                StatusCode::NOT_FOUND,
                "/metrics, /healthz, /readyz, /covered, /cases or /incidents\n",
            ),
        }
    }

    /// A list of the desk's, for whoever bears the token.
    fn listed(
        &self,
        request: &Request<Incoming>,
        list: impl FnOnce(&Desk) -> Result<String, JournalError>,
    ) -> Response<Full<Bytes>> {
        let Some(token) = self.running.load().config.admin_token else {
            return text(
                StatusCode::FORBIDDEN,
                "nobody may read this here; write admin: { token_sha256: … } in the configuration\n",
            );
        };
        if !bears(request.headers(), &token) {
            let mut response = text(
                StatusCode::UNAUTHORIZED,
                "send the token of this listener as Authorization: Bearer TOKEN\n",
            );
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
        match list(&self.desk) {
            Ok(json) => {
                let mut response = Response::new(Full::new(Bytes::from(json)));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Err(error) => {
                tracing::error!(%error, "a list cannot be read");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "it cannot be read; the log says why\n",
                )
            }
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.ledger.failed() {
            text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the ledger cannot write: nothing is released\n",
            )
        } else if self.subject_fault().is_some() {
            text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the lists of people's rights cannot be read: nothing is released\n",
            )
        } else if *self.stop.borrow() {
            text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else {
            text(StatusCode::OK, "ready\n")
        }
    }

    fn subject_fault(&self) -> Option<String> {
        self.subjects.as_ref()?.watched.fault()
    }

    /// Whether a data set may be used for a purpose: `/covered?purpose=…&data-set=…&partner=…`, the last if wanted.
    fn covered(&self, query: &str) -> Response<Full<Bytes>> {
        const ASK: &str =
            "ask /covered?purpose=NAME&data-set=NAME, and if wanted &partner=NAME, once each\n";
        let (mut purpose, mut data_set, mut partner) = (None, None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let place = match name {
                "purpose" => &mut purpose,
                "data-set" => &mut data_set,
                "partner" => &mut partner,
                _ => return text(StatusCode::BAD_REQUEST, ASK),
            };
            // Names have no characters that are written in percent-encoding; what does is no name that is known.
            if place.replace(value).is_some() {
                return text(StatusCode::BAD_REQUEST, ASK);
            }
        }
        let (Some(purpose), Some(data_set)) = (purpose, data_set) else {
            return text(StatusCode::BAD_REQUEST, ASK);
        };
        let partner = partner.map(PartnerName::new);
        let question = Question {
            purpose,
            data_set,
            partner: partner.as_ref(),
            caller: covered::GIVEN,
            at: self.clock.now(),
        };
        let covered = covered::covered(&self.running.load().agreements, &question);
        let body = format!("{}\n", covered.json(&question));
        let mut response = Response::new(Full::new(Bytes::from(body)));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let now = self.clock.now();
        self.metrics.ledger_queue.set(self.ledger.queued() as i64);
        self.metrics
            .ledger_failed
            .set(i64::from(self.ledger.failed()));
        self.metrics
            .subjects_unavailable
            .set(i64::from(self.subject_fault().is_some()));
        if let Some(subjects) = &self.subjects {
            subjects
                .watched
                .ask(|lists| self.metrics.subject_entries(lists));
        }
        self.metrics.services.observe(&self.running.load().targets);
        // An agreement that was taken out has no days left to tell of.
        self.metrics.agreement_ends.reset();
        self.metrics.agreement_review.reset();
        self.metrics.quota_used.reset();
        let running = self.running.load();
        let limits = (&running.config.limits, &running.config.ledger);
        self.metrics
            .connections_limit
            .set(limits.0.connections.min(self.descriptors.connections()) as i64);
        self.metrics
            .ledger_queue_limit
            .set(limits.1.queue_entries as i64);
        for (agreement, way) in running.ways() {
            way.usage(now, |usage| {
                let scope = match usage.scope {
                    Scope::Agreement => "",
                    Scope::Purpose(purpose) => purpose.as_str(),
                    Scope::Disclosure(disclosure) => disclosure.as_str(),
                };
                let labels = [
                    agreement.as_str(),
                    scope,
                    usage.measure.code(),
                    usage.per.code(),
                ];
                self.metrics
                    .quota_used
                    .with_label_values(&labels)
                    .set(usage.ratio());
            });
        }
        for agreement in &running.agreements.agreements {
            let name = [agreement.name.as_str()];
            let seconds = agreement.term.until.duration_since(now).as_secs_f64();
            self.metrics
                .agreement_ends
                .with_label_values(&name)
                .set(seconds);
            if let Some(review) = agreement.term.review_until {
                self.metrics
                    .agreement_review
                    .with_label_values(&name)
                    .set(review.duration_since(now).as_secs_f64());
            }
        }
        self.running.load().tell_of_identities(now);
        let mut response = Response::new(Full::new(Bytes::from(self.metrics.render())));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        );
        response
    }
}

/// A connection from an operator is open, until this is dropped.
struct Place {
    open: Rc<Cell<usize>>,
    closed: Rc<Notify>,
}

impl Place {
    fn take(open: &Rc<Cell<usize>>, closed: &Rc<Notify>) -> Self {
        open.set(open.get() + 1);
        Self {
            open: Rc::clone(open),
            closed: Rc::clone(closed),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
        self.closed.notify_one();
    }
}

/// Whether a request with `headers` bears the token whose SHA-256 is `token`.
fn bears(headers: &HeaderMap, token: &[u8; 32]) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let borne = value.as_bytes().strip_prefix(b"Bearer ");
    let hash: [u8; 32] = Sha256::digest(borne.unwrap_or_default()).into();
    borne.is_some() & bool::from(hash.ct_eq(token))
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
