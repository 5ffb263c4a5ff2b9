//! The systems behind the gateway, as written and as meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{Check, Seen, count, parse_url, span};
use crate::agreement::ServiceName;
use crate::written::Fault;
use crate::written::text::{HostText, Name, PathName, PathText, SpanText, UrlText};

/// A system behind the gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GatewayService")]
pub(super) struct ServiceAsWritten {
    /// Its name, as in agreements.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// Where it is. Either this or endpoints.
    url: Option<UrlText>,
    /// Where it is, if it is in several places: any of them answers the same. All http or all https.
    #[schemars(length(min = 1, max = 64))]
    endpoints: Option<Vec<UrlText>>,
    /// For https: how its certificate is checked, and what the gateway shows of itself.
    tls: Option<ServiceTlsAsWritten>,
    /// auto: HTTP/2 where a https service offers it. only: nothing else, with http too. never: HTTP/1.1. Default: auto.
    http2: Option<Http2AsWritten>,
    /// The longest a connection may take to stand. Default: 5s.
    connect_timeout: Option<SpanText>,
    /// The longest until the head of its response is there, connecting, asking and asking again included. Default: 30s.
    head_timeout: Option<SpanText>,
    /// The longest between two pieces of its response's body. Default: limits.body_idle.
    read_timeout: Option<SpanText>,
    /// true: the end of its connection ends a body that has no other end, as HTTP/1.0 has it; one that is cut off then looks whole. Default: false.
    trust_close: Option<bool>,
    /// Unused connections kept open by each worker. Default: 32.
    #[schemars(range(min = 0, max = 10_000), example = 32)]
    idle_connections: Option<u32>,
    /// How long an unused connection is kept. Default: 60s.
    idle_timeout: Option<SpanText>,
    /// Exchanges at once on one HTTP/2 connection to it. Default: 100.
    #[schemars(range(min = 1, max = 1_000), example = 100)]
    streams_per_connection: Option<u32>,
    /// How long the addresses of a name are used before it is looked up again. Default: 30s.
    dns_ttl: Option<SpanText>,
    /// Exchanges that may be with it at once; others wait in the queue. Default: 1024.
    #[schemars(range(min = 1, max = 1_000_000), example = 200)]
    concurrency: Option<u32>,
    /// Exchanges that may wait for it; beyond it they get 503. Default: 256.
    #[schemars(range(min = 0, max = 100_000), example = 256)]
    queue: Option<u32>,
    /// The longest an exchange waits in the queue until it gets 503. Default: 1s.
    queue_wait: Option<SpanText>,
    /// How often one exchange is asked again when its connection broke, where that changes nothing: no body, and a method that may be repeated. Default: 1.
    #[schemars(range(min = 0, max = 8), example = 1)]
    retries: Option<u32>,
    /// The share of exchanges that may be asked again, in percent: what keeps retries from doubling the load. Default: 20.
    #[schemars(range(min = 0, max = 100), example = 20)]
    retry_percent: Option<u32>,
    /// When an address that fails is left alone, and for how long.
    breaker: Option<BreakerAsWritten>,
    /// How it is asked whether it is well. Without it only exchanges show that.
    health: Option<HealthAsWritten>,
}

/// How a service's certificate is checked, and what the gateway shows of itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ServiceTls", example = serde_json::json!({ "ca": "tls/service-ca.pem" }))]
pub(super) struct ServiceTlsAsWritten {
    /// PEM certificates that sign the service's.
    #[schemars(required)]
    ca: Option<PathName>,
    /// The certificate chain that the gateway shows, its own first. Needs key.
    certificate: Option<PathName>,
    /// Its private key, which other users may not read. Needs certificate.
    key: Option<PathName>,
    /// The name that the service's certificate must have. Default: the endpoint's host.
    server_name: Option<HostText>,
    /// The oldest version spoken: 1.2 or 1.3. Default: 1.2.
    min_version: Option<TlsVersionAsWritten>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum TlsVersionAsWritten {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersionAsWritten {
    /// Whether it is 1.3.
    pub(super) fn is_tls13(self) -> bool {
        match self {
            Self::Tls12 => false,
            Self::Tls13 => true,
        }
    }
}

/// Whether HTTP/2 is spoken to a service.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Http2AsWritten {
    Auto,
    Only,
    Never,
}

/// When an address that fails is left alone, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Breaker", example = serde_json::json!({ "failures": 5, "percent": 50, "open": "1s", "longest": "1min" }))]
struct BreakerAsWritten {
    /// Failures one after another after which it is left alone. Default: 5.
    #[schemars(range(min = 1, max = 64), example = 5)]
    failures: Option<u32>,
    /// The share of its last 64 exchanges, in percent, that may fail before it is left alone. Default: 50.
    #[schemars(range(min = 1, max = 100), example = 50)]
    percent: Option<u32>,
    /// How long it is left alone at first; each time in a row twice as long. Then one exchange tries it. Default: 1s.
    open: Option<SpanText>,
    /// The longest it is left alone. Default: 1min.
    longest: Option<SpanText>,
}

/// How a service is asked whether it is well.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Health", example = serde_json::json!({ "path": "/health", "interval": "5s" }))]
struct HealthAsWritten {
    /// What is asked for, by GET and with no header of anybody's. A 2xx is well.
    #[schemars(required)]
    path: Option<PathText>,
    /// How often. Default: 5s.
    interval: Option<SpanText>,
    /// The longest one answer may take, connecting included. Default: 2s.
    timeout: Option<SpanText>,
    /// Good answers one after another that make it well. Default: 2.
    #[schemars(range(min = 1, max = 100), example = 2)]
    healthy_after: Option<u32>,
    /// Bad ones one after another that make it ill. Default: 3.
    #[schemars(range(min = 1, max = 100), example = 3)]
    unhealthy_after: Option<u32>,
}

/// A system behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, as in disclosures' `service.name`.
    pub name: ServiceName,
    /// Whether TLS is spoken to it, from its URLs' scheme.
    pub https: bool,
    /// Where it is; at least one, none twice.
    pub endpoints: Vec<Endpoint>,
    /// The files of its TLS. `None`: its URLs are `http`.
    pub tls: Option<ServiceTls>,
    /// Whether HTTP/2 is spoken to it.
    pub http2: Http2,
    /// The longest a connection may take to stand, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// The longest until the head of its response is there, connecting and asking again included. Default 30 s.
    pub head_timeout: Duration,
    /// The longest between two pieces of its response's body. `None`: [`Limits::body_idle`](super::Limits::body_idle).
    pub read_timeout: Option<Duration>,
    /// Whether the end of a connection ends a body that has neither a length nor chunks and whose format does not tell
    /// where it ends. Default false: there a body that is cut off would look whole (P4).
    pub trust_close: bool,
    /// Unused connections kept open by each worker. Default 32.
    pub idle_connections: usize,
    /// How long an unused connection is kept. Default 60 s.
    pub idle_timeout: Duration,
    /// Exchanges at once on one HTTP/2 connection. Default 100.
    pub streams_per_connection: u32,
    /// How long the addresses of a name are used before it is looked up again. Default 30 s.
    pub dns_ttl: Duration,
    /// Exchanges that may be with it at once, over all workers. Default 1,024.
    pub concurrency: usize,
    /// Exchanges that may wait for it, over all workers. Default 256.
    pub queue: usize,
    /// The longest an exchange waits in the queue. Default 1 s.
    pub queue_wait: Duration,
    /// How often one exchange may be asked again. Default 1.
    pub retries: u32,
    /// The share of exchanges that may be asked again, in percent. Default 20.
    pub retry_percent: u32,
    /// When an address that fails is left alone, and for how long.
    pub breaker: Breaker,
    /// How it is asked whether it is well; `None`: only exchanges show that.
    pub health: Option<Health>,
}

/// One place where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its host: a name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// Its port; the scheme's own where the URL has none.
    pub port: u16,
}

/// The files of a service's TLS, not yet read, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTls {
    /// PEM certificates that sign the service's.
    pub ca: PathBuf,
    /// The certificate chain and the private key that the gateway shows, if it shows any.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the service's certificate must have; `None`: the endpoint's host.
    pub server_name: Option<String>,
    /// Whether nothing older than TLS 1.3 is spoken.
    pub only_tls13: bool,
}

/// Whether HTTP/2 is spoken to a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Http2 {
    /// Where a `https` service offers it (ALPN).
    #[default]
    Auto,
    /// Always; over `http` with prior knowledge.
    Only,
    /// HTTP/1.1 alone.
    Never,
}

/// When an address that fails is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures one after another; 1 to 64. Default 5.
    pub failures: u32,
    /// The share of the last 64 exchanges that may fail, in percent; 1 to 100. Default 50.
    pub percent: u32,
    /// How long it is left alone at first. Default 1 s.
    pub open: Duration,
    /// The longest it is left alone. Default 1 min.
    pub longest: Duration,
}

/// How a service is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The path and query that are asked for.
    pub path: String,
    /// How often. Default 5 s.
    pub interval: Duration,
    /// The longest one answer may take. Default 2 s.
    pub timeout: Duration,
    /// Good answers one after another that make it well; at least 1. Default 2.
    pub healthy_after: u32,
    /// Bad ones one after another that make it ill; at least 1. Default 3.
    pub unhealthy_after: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            percent: 50,
            open: Duration::from_secs(1),
            longest: Duration::from_secs(60),
        }
    }
}

impl Service {
    /// A server of which nothing is known but where it is, asked now and then by the gateway itself: at `host` and
    /// `port`, over TLS under the authorities in `ca` if `https`, each attempt within `timeout`.
    #[must_use]
    pub fn at(
        name: &str,
        (https, host, port): (bool, String, u16),
        ca: Option<PathBuf>,
        timeout: Duration,
    ) -> Self {
        Self {
            connect_timeout: timeout,
            head_timeout: timeout,
            idle_connections: 0,
            idle_timeout: timeout,
            http2: Http2::Never,
            tls: ca.map(|ca| ServiceTls {
                ca,
                identity: None,
                server_name: None,
                only_tls13: false,
            }),
            ..Self::new(ServiceName::new(name), https, vec![Endpoint { host, port }])
        }
    }

    fn new(name: ServiceName, https: bool, endpoints: Vec<Endpoint>) -> Self {
        Self {
            name,
            https,
            endpoints,
            tls: None,
            http2: Http2::default(),
            connect_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(30),
            read_timeout: None,
            trust_close: false,
            idle_connections: 32,
            idle_timeout: Duration::from_secs(60),
            streams_per_connection: 100,
            dns_ttl: Duration::from_secs(30),
            concurrency: 1_024,
            queue: 256,
            queue_wait: Duration::from_secs(1),
            retries: 1,
            retry_percent: 20,
            breaker: Breaker::default(),
            health: None,
        }
    }

    /// The files that it takes to reach it.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.tls.iter().flat_map(|tls| {
            let identity = tls.identity.iter();
            identity
                .flat_map(|(certificate, key)| [certificate, key])
                .chain([&tls.ca])
                .map(PathBuf::as_path)
        })
    }
}

impl Endpoint {
    /// Host and port as the `Host` header has them: the port only where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self, https: bool) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (https, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl Check<'_> {
    pub(super) fn services(
        &self,
        services: &[ServiceAsWritten],
        faults: &mut Vec<Fault>,
    ) -> Vec<Service> {
        let mut names = Seen::default();
        let mut checked = Vec::new();
        for (index, service) in services.iter().enumerate() {
            let pointer = format!("/services/{index}");
            self.unique(
                &mut names,
                &format!("{pointer}/name"),
                service.name.as_ref(),
                "service",
                faults,
            );
            let endpoints = self.endpoints(&pointer, service, faults);
            let (Some(name), Some((https, endpoints))) = (&service.name, endpoints) else {
                continue;
            };
            let new = Service::new(ServiceName::new(&name.0), https, endpoints);
            let number = |number: Option<u32>, default: u32| number.unwrap_or(default);
            checked.push(Service {
                tls: self.service_tls(&pointer, service, https, faults),
                http2: match service.http2 {
                    None | Some(Http2AsWritten::Auto) => Http2::Auto,
                    Some(Http2AsWritten::Only) => Http2::Only,
                    Some(Http2AsWritten::Never) => Http2::Never,
                },
                connect_timeout: span(service.connect_timeout.as_ref(), new.connect_timeout),
                head_timeout: span(service.head_timeout.as_ref(), new.head_timeout),
                read_timeout: service.read_timeout.as_ref().and_then(SpanText::duration),
                trust_close: service.trust_close.unwrap_or(new.trust_close),
                idle_connections: count(service.idle_connections, new.idle_connections),
                idle_timeout: span(service.idle_timeout.as_ref(), new.idle_timeout),
                streams_per_connection: number(
                    service.streams_per_connection,
                    new.streams_per_connection,
                ),
                dns_ttl: span(service.dns_ttl.as_ref(), new.dns_ttl),
                concurrency: count(service.concurrency, new.concurrency),
                queue: count(service.queue, new.queue),
                queue_wait: span(service.queue_wait.as_ref(), new.queue_wait),
                retries: number(service.retries, new.retries),
                retry_percent: number(service.retry_percent, new.retry_percent),
                breaker: self.breaker(&pointer, service.breaker.as_ref(), faults),
                health: service.health.as_ref().and_then(health),
                ..new
            });
        }
        checked
    }

    /// Whether it is https, and where it is; `None` where that is at fault.
    fn endpoints(
        &self,
        pointer: &str,
        service: &ServiceAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Option<(bool, Vec<Endpoint>)> {
        let urls: Vec<(String, &UrlText)> = match (&service.url, &service.endpoints) {
            (Some(url), None) => vec![(format!("{pointer}/url"), url)],
            (None, Some(urls)) => {
                let at = |(index, url)| (format!("{pointer}/endpoints/{index}"), url);
                urls.iter().enumerate().map(at).collect()
            }
            (Some(_), Some(_)) => {
                self.file.fault_at_key(
                    faults,
                    &format!("{pointer}/url"),
                    "a service has `url` or `endpoints`, not both; leave this out",
                );
                return None;
            }
            (None, None) => {
                if !self.file.is_faulted_within(pointer) {
                    self.file.fault(
                        faults,
                        pointer,
                        "it is not said where the service is; write for example url: https://social-care.internal:8443",
                    );
                }
                return None;
            }
        };
        let mut scheme = None;
        let mut endpoints = Vec::new();
        let mut well = true;
        for (at, url) in &urls {
            let Some((https, host, port)) = parse_url(&url.0) else {
                self.file.fault(
                    faults,
                    at,
                    "not a URL of a host and a port; write for example https://social-care.internal:8443",
                );
                well = false;
                continue;
            };
            if *scheme.get_or_insert(https) != https {
                self.file.fault(
                    faults,
                    at,
                    "a service's endpoints are all http or all https; write them alike, or make it two services",
                );
                well = false;
            }
            let endpoint = Endpoint { host, port };
            if endpoints.contains(&endpoint) {
                self.file
                    .fault(faults, at, "this endpoint is there already; leave it out");
                well = false;
            }
            endpoints.push(endpoint);
        }
        let https = scheme.filter(|_| well)?;
        Some((https, endpoints))
    }

    fn service_tls(
        &self,
        pointer: &str,
        service: &ServiceAsWritten,
        https: bool,
        faults: &mut Vec<Fault>,
    ) -> Option<ServiceTls> {
        let at = format!("{pointer}/tls");
        let url = if service.url.is_some() {
            format!("{pointer}/url")
        } else {
            format!("{pointer}/endpoints")
        };
        let written = service.tls.as_ref();
        let ca = written.and_then(|tls| tls.ca.as_ref());
        if https && ca.is_none() && !self.file.is_faulted_within(pointer) {
            self.file.fault(
                faults,
                &url,
                "https needs tls: { ca: FILE }, the certificates that sign the service's",
            );
        }
        if !https && service.tls.is_some() {
            self.file.fault_at_key(
                faults,
                &at,
                "the url is http, so there is no TLS; leave this out or write https",
            );
        }
        let written = written?;
        let identity = match (&written.certificate, &written.key) {
            (Some(certificate), Some(key)) => Some((self.path(certificate), self.path(key))),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                self.file.fault(
                    faults,
                    &at,
                    "what the gateway shows is a certificate and its key; write both, or neither",
                );
                None
            }
        };
        Some(ServiceTls {
            ca: self.path(ca?),
            identity,
            server_name: written.server_name.as_ref().map(|name| name.0.clone()),
            only_tls13: written
                .min_version
                .is_some_and(TlsVersionAsWritten::is_tls13),
        })
    }

    fn breaker(
        &self,
        pointer: &str,
        breaker: Option<&BreakerAsWritten>,
        faults: &mut Vec<Fault>,
    ) -> Breaker {
        let default = Breaker::default();
        let Some(written) = breaker else {
            return default;
        };
        let breaker = Breaker {
            failures: written.failures.unwrap_or(default.failures),
            percent: written.percent.unwrap_or(default.percent),
            open: span(written.open.as_ref(), default.open),
            longest: span(written.longest.as_ref(), default.longest),
        };
        if breaker.longest < breaker.open {
            self.file.fault(
                faults,
                &format!("{pointer}/breaker"),
                "the time at first is longer than the longest; write for example open: 1s and longest: 1min",
            );
        }
        breaker
    }
}

/// `None` where the path is left out, which has been told.
fn health(written: &HealthAsWritten) -> Option<Health> {
    Some(Health {
        path: written.path.as_ref()?.0.clone(),
        interval: span(written.interval.as_ref(), Duration::from_secs(5)),
        timeout: span(written.timeout.as_ref(), Duration::from_secs(2)),
        healthy_after: written.healthy_after.unwrap_or(2),
        unhealthy_after: written.unhealthy_after.unwrap_or(3),
    })
}
