//! Spans on their way to the collector: OTLP over HTTP in protobuf, a batch at a time, from the admin thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::span::attribute;
use super::{BATCH, Ended, On};
use crate::config::{self, Limits};
use crate::gateway::service::Target;

/// Attempts to send one batch.
const ATTEMPTS: u32 = 3;
/// Between the first attempt and the second; twice as long before the third.
const WAIT: Duration = Duration::from_secs(1);
/// Bytes of the collector's answer that are read: it says how many spans it did not take.
const ANSWER_BYTES: usize = 64 << 10;

/// Sends what exchanges leave in the queue.
pub(crate) struct Exporter {
    on: Arc<On>,
    waiting: mpsc::Receiver<Ended>,
    settings: config::Traces,
    /// Kept between batches while the collector keeps it.
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Whether the last batch was given up, so that an outage is logged once.
    failing: bool,
}

/// Why an attempt failed.
enum Failed {
    /// It may go better later.
    ForNow(String),
    /// It will not.
    ForGood(String),
}

impl Exporter {
    pub(super) fn new(
        on: Arc<On>,
        waiting: mpsc::Receiver<Ended>,
        settings: config::Traces,
    ) -> Self {
        Self {
            on,
            waiting,
            settings,
            connection: None,
            failing: false,
        }
    }

    /// Sends spans until told to stop; then what still waits, for no longer than one attempt may take.
    pub(crate) async fn run(mut self, limits: Limits, stop: watch::Receiver<bool>) {
        let patience = self.settings.collector.head_timeout;
        let mut told = stop.clone();
        let given_up = async {
            // An error says that the gateway's handle is gone, which is as good as being told.
            drop(told.wait_for(|stop| *stop).await);
            sleep(patience).await;
        };
        tokio::select! {
            () = self.send_until(&limits, stop) => {}
            () = given_up => {}
        }
    }

    async fn send_until(&mut self, limits: &Limits, mut stop: watch::Receiver<bool>) {
        loop {
            let stopped = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => true,
                () = self.on.wake.notified() => false,
                () = sleep(self.settings.interval) => false,
            };
            self.send_all(limits).await;
            if stopped {
                return;
            }
        }
    }

    /// Sends all that waits.
    async fn send_all(&mut self, limits: &Limits) {
        self.on.woken.store(false, Ordering::Relaxed);
        loop {
            let mut spans = Vec::new();
            let mut taken = 0;
            while taken < BATCH
                && let Ok(ended) = self.waiting.try_recv()
            {
                ended.write(&mut spans);
                taken += 1;
            }
            if taken == 0 {
                return;
            }
            self.on.metrics.queued.sub(taken as i64);
            let count = spans.len() as u64;
            let body = Bytes::from(self.request(spans).encode_to_vec());
            self.send(body, count, limits).await;
        }
    }

    /// Sends one batch of `count` spans, and counts what became of them.
    async fn send(&mut self, body: Bytes, count: u64, limits: &Limits) {
        let mut wait = WAIT;
        for attempt in 1..=ATTEMPTS {
            let patience = self.settings.collector.head_timeout;
            let sent = timeout(patience, self.post(body.clone(), limits)).await;
            let failed = match sent {
                Ok(Ok(rejected)) => {
                    let rejected = rejected.min(count);
                    self.on.metrics.rejected.inc_by(rejected);
                    self.on.metrics.sent.inc_by(count - rejected);
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("the collector takes spans again");
                    }
                    return;
                }
                Ok(Err(failed)) => failed,
                Err(_) => Failed::ForNow("it did not answer in time".to_owned()),
            };
            self.connection = None;
            match failed {
                Failed::ForNow(_) if attempt < ATTEMPTS => {
                    sleep(wait).await;
                    wait *= 2;
                }
                Failed::ForNow(why) | Failed::ForGood(why) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(
                            "the collector does not take spans, which are given up until it does: {why}"
                        );
                    }
                    break;
                }
            }
        }
        self.on.metrics.given_up.inc_by(count);
    }

    /// One attempt. Gives how many spans the collector did not take.
    async fn post(&mut self, body: Bytes, limits: &Limits) -> Result<u64, Failed> {
        let target = Target::new(&self.settings.collector, limits)
            .map_err(|error| Failed::ForGood(error.to_string()))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self
            .settings
            .path
            .parse()
            .map_err(|_| Failed::ForGood("its path cannot be asked for".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert(HOST, target.authority().clone());
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => target
                .connect::<Full<Bytes>>()
                .await
                .map_err(|_| Failed::ForNow("it cannot be reached".to_owned()))?,
        };
        let answer = connection
            .send_request(request)
            .await
            .map_err(|error| Failed::ForNow(error.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES);
        let body = body.collect().await.map(|body| body.to_bytes());
        if status.is_success() {
            // An answer that is not understood is still one of success.
            let told = body.ok().and_then(|body| {
                self.connection = Some(connection);
                ExportTraceServiceResponse::decode(body).ok()
            });
            let partly = told.and_then(|told| told.partial_success);
            let rejected = partly.map_or(0, |partly| partly.rejected_spans);
            return Ok(u64::try_from(rejected).unwrap_or(0));
        }
        let why = format!("it answered {}", status.as_u16());
        // What OTLP says may be sent again.
        let again = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        Err(if again.contains(&status) {
            Failed::ForNow(why)
        } else {
            Failed::ForGood(why)
        })
    }

    /// `spans` as the collector takes them: who tells, and what.
    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        const VERSION: &str = env!("CARGO_PKG_VERSION");
        let text = |name, value: &str| attribute(name, Value::StringValue(value.to_owned()));
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![
                        text("service.name", &self.settings.service_name),
                        text("service.version", VERSION),
                    ],
                    ..Resource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: "fieldgate".to_owned(),
                        version: VERSION.to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{PartnerTrace, Service, Traces};

    /// Settings of a collector that nobody reaches.
    pub(in crate::gateway::traces) fn settings() -> Traces {
        Traces {
            collector: Service::at(
                "collector",
                (false, "127.0.0.1".to_owned(), 9),
                None,
                Duration::from_secs(1),
            ),
            path: "/v1/traces".to_owned(),
            sample: 1.0,
            partner: PartnerTrace::Apart,
            service_name: "fieldgate".to_owned(),
            queue: 1,
            interval: Duration::from_secs(5),
        }
    }
}
