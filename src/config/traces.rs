//! Where traces of exchanges go, as written and as meant.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Service;
use super::check::{Check, span};
use crate::written::Fault;
use crate::written::text::{PathName, SpanText, WebhookText, Words};

/// Exchanges whose spans may wait, where the configuration says nothing.
const QUEUE: u32 = 4_096;
/// The path of OTLP over HTTP, where the endpoint has none.
const PATH: &str = "/v1/traces";
/// The name under which collectors list the gateway, where the configuration says nothing.
const SERVICE_NAME: &str = "fieldgate";

/// Where traces of exchanges go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Traces", example = serde_json::json!({ "endpoint": "https://collector.isle.example:4318/v1/traces", "ca": "tls/collector-ca.pem", "sample": 0.1 }))]
pub(super) struct TracesAsWritten {
    /// A collector that takes OTLP over HTTP in protobuf. Where there is no path, it is /v1/traces.
    #[schemars(required)]
    endpoint: Option<WebhookText>,
    /// For https: PEM certificates that sign the collector's.
    ca: Option<PathName>,
    /// The share of exchanges that are traced, from 0 to 1. Default: 1.
    #[schemars(range(min = 0.0, max = 1.0), example = 0.1)]
    sample: Option<f64>,
    /// What becomes of a trace that a partner's request names in traceparent. apart: it goes no further. link: each
    /// exchange begins a trace of its own, with a link to the partner's. join: the exchange is a part of the partner's
    /// trace, and the partner decides what is recorded. Default: apart.
    partner_trace: Option<PartnerTraceAsWritten>,
    /// The name under which the collector lists the gateway. Default: fieldgate.
    service_name: Option<Words>,
    /// Exchanges whose spans may wait for the collector; those beyond it are counted and not traced. Default: 4096.
    #[schemars(range(min = 1, max = 1_000_000), example = 4096)]
    queue: Option<u32>,
    /// The longest that spans wait before they are sent. Default: 5s.
    interval: Option<SpanText>,
    /// The longest one attempt to send them may take. Default: 10s.
    timeout: Option<SpanText>,
}

/// What becomes of a partner's trace.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum PartnerTraceAsWritten {
    Apart,
    Link,
    Join,
}

/// Where traces of exchanges go.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// The collector and how it is reached; `head_timeout` is the longest of one attempt.
    pub collector: Service,
    /// The path that spans are posted to.
    pub path: String,
    /// The share of exchanges that are traced, from 0 to 1. Default 1.
    pub sample: f64,
    /// What becomes of a trace that a partner's request names. Default [`PartnerTrace::Apart`].
    pub partner: PartnerTrace,
    /// The name under which the collector lists the gateway. Default `fieldgate`.
    pub service_name: String,
    /// Exchanges whose spans may wait for the collector. Default 4,096.
    pub queue: usize,
    /// The longest that spans wait before they are sent. Default 5 s.
    pub interval: Duration,
}

/// What becomes of a trace that a partner's request names in `traceparent`.
///
/// Its ids are 24 bytes of the partner's choosing, so by default they go nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartnerTrace {
    /// It goes no further.
    #[default]
    Apart,
    /// Each exchange has a trace of its own, with a link to the partner's.
    Link,
    /// The exchange is a part of the partner's trace, and is traced where that says so.
    Join,
}

impl Check<'_> {
    /// Where traces go, if the configuration says so.
    pub(super) fn traces(&self, faults: &mut Vec<Fault>) -> Option<Traces> {
        let traces = self.file.value.traces.as_ref()?;
        let timeout = span(traces.timeout.as_ref(), Duration::from_secs(10));
        let (collector, path) = self.web_server(
            "collector",
            ("/traces/endpoint", traces.endpoint.as_ref()?),
            ("/traces/ca", traces.ca.as_ref()),
            timeout,
            faults,
        )?;
        Some(Traces {
            collector,
            path: if path == "/" { PATH.to_owned() } else { path },
            sample: traces.sample.unwrap_or(1.0).clamp(0.0, 1.0),
            partner: match traces.partner_trace {
                None | Some(PartnerTraceAsWritten::Apart) => PartnerTrace::Apart,
                Some(PartnerTraceAsWritten::Link) => PartnerTrace::Link,
                Some(PartnerTraceAsWritten::Join) => PartnerTrace::Join,
            },
            service_name: traces
                .service_name
                .as_ref()
                .map_or(SERVICE_NAME, |name| &name.0)
                .to_owned(),
            queue: usize::try_from(traces.queue.unwrap_or(QUEUE)).unwrap_or(usize::MAX),
            interval: span(traces.interval.as_ref(), Duration::from_secs(5)),
        })
    }
}
