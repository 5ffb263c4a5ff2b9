//! Where a service is: its endpoints, as they are configured, and the addresses that each has now.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use super::health::Checks;
use super::metrics::EndpointCounters;
use super::names::Lookups;
use crate::config;

/// The least time between two lines of the log about why no connection to a place can be made.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Characters of such a reason: a certificate that is for another name lists all the names that it is for.
const WHY_CHARACTERS: usize = 256;

/// One endpoint as it is configured.
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the configuration has it: the label of metrics.
    pub(crate) url: String,
    /// The value of `Host` in requests to it.
    pub(crate) host_header: HeaderValue,
    pub(crate) authority: Authority,
    /// The name that its certificate must have, where TLS is spoken.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// The state of looking its name up.
    pub(super) lookups: Lookups,
    pub(super) counters: EndpointCounters,
}

/// One address of an endpoint, with what its exchanges have shown.
pub(crate) struct Place {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) address: SocketAddr,
    pub(super) breaker: Breaker,
    /// What its health checks found.
    pub(super) checks: Mutex<Checks>,
    /// Its health checks say that it is ill.
    pub(super) ill: AtomicBool,
    /// Exchanges that are with it, over all workers.
    open: AtomicUsize,
    /// The name no longer has this address.
    gone: AtomicBool,
    /// What it was found to speak: a [`Protocol`].
    protocol: AtomicU8,
    /// Held while a connection is made on which the exchanges that wait for it may be carried too.
    pub(super) connecting: tokio::sync::Mutex<()>,
    /// When the log was last told why no connection can be made.
    told: Mutex<Option<Instant>>,
}

/// What a place was found to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Protocol {
    Unknown,
    Http1,
    Http2,
}

impl Place {
    pub(super) fn new(
        endpoint: &Arc<Endpoint>,
        address: SocketAddr,
        breaker: config::Breaker,
    ) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            address,
            breaker: Breaker::new(breaker),
            checks: Mutex::new(Checks::new()),
            ill: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            protocol: AtomicU8::new(Protocol::Unknown as u8),
            connecting: tokio::sync::Mutex::new(()),
            told: Mutex::new(None),
        }
    }

    /// Tells the log `why` no connection can be made, unless it was told of this place a moment ago: partners read
    /// `service_unreachable` alone, and an operator has to know whether nobody listens or a certificate is over.
    pub(super) fn tell(&self, why: &dyn std::error::Error) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY) {
            return;
        }
        *told = Some(now);
        let why: String = why.to_string().chars().take(WHY_CHARACTERS).collect();
        tracing::warn!(
            endpoint = self.endpoint.url,
            address = %self.address,
            why,
            "no connection to a service can be made"
        );
    }

    /// Exchanges that are with it now, over all workers.
    pub(crate) fn load(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether exchanges go there as usual.
    pub(crate) fn is_in(&self) -> bool {
        self.breaker.is_closed() && !self.ill.load(Ordering::Relaxed)
    }

    /// Whether connections to it are to be let go.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether an exchange may go there; an ill one says for how long by being asked.
    pub(super) fn admit(&self, now: impl FnOnce() -> Instant) -> Option<Admission> {
        (!self.ill.load(Ordering::Relaxed)).then(|| self.breaker.admit(now))
    }

    pub(super) fn protocol(&self) -> Protocol {
        match self.protocol.load(Ordering::Relaxed) {
            1 => Protocol::Http1,
            2 => Protocol::Http2,
            _ => Protocol::Unknown,
        }
    }

    pub(super) fn speaks(&self, protocol: Protocol) {
        self.protocol.store(protocol as u8, Ordering::Relaxed);
    }
}

/// How an attempt at a place went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The head of an answer came.
    Well,
    /// No connection could be made.
    Connect,
    /// The head of the answer did not come in time.
    Timeout,
    /// The connection broke before the head of the answer.
    Broke,
    /// The answer says that the service failed: 5xx.
    Status,
}

impl Verdict {
    /// Every one that is a failure.
    pub(crate) const FAILURES: [Self; 4] =
        [Self::Connect, Self::Timeout, Self::Broke, Self::Status];

    /// Its label in metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broke => "broke",
            Self::Status => "status",
        }
    }
}

/// A place chosen for one attempt, which counts there until this is dropped.
pub(crate) struct Chosen {
    pub(crate) place: Arc<Place>,
    /// The attempt decides whether the place is in again, and has not yet.
    trial: Cell<bool>,
}

impl Chosen {
    pub(super) fn new(place: Arc<Place>, trial: bool) -> Self {
        place.open.fetch_add(1, Ordering::Relaxed);
        Self {
            place,
            trial: Cell::new(trial),
        }
    }

    /// Whether the place was left alone since it was chosen: who waited for a connection need not wait on.
    pub(super) fn is_out(&self) -> bool {
        !self.trial.get() && !self.place.is_in()
    }

    /// Tells how the attempt went. `others` says whether another place is in: an answer of 5xx never closes the last
    /// one, or a partner that knows how to provoke one could close the service for all.
    pub(super) fn judge(&self, verdict: Verdict, others: impl FnOnce() -> bool) {
        let trial = self.trial.take();
        let place = &self.place;
        if verdict == Verdict::Well {
            return place.breaker.succeeded(trial);
        }
        place.endpoint.counters.failed(verdict);
        let may_open = verdict != Verdict::Status || others();
        if let Some(length) = place.breaker.failed(trial, may_open, Instant::now()) {
            place.endpoint.counters.opened.inc();
            tracing::warn!(
                endpoint = place.endpoint.url,
                address = %place.address,
                failure = verdict.code(),
                left_alone_ms = length.as_millis() as u64,
                "an address of a service fails and is left alone"
            );
        }
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        self.place.open.fetch_sub(1, Ordering::Relaxed);
        if self.trial.get() {
            self.place.breaker.abandoned();
        }
    }
}
