//! Traces of exchanges, for an OpenTelemetry collector. Off unless the configuration names one.
//!
//! ```text
//! worker: begin ─► exchange ─► ended ──► bounded queue ──► admin thread: spans ─► OTLP ─► collector
//! ```
//!
//! An exchange never waits for any of it: what the queue has no room for is counted and left out. **Invariant:** what a
//! span says comes from the configuration, from enums and from counts, never from a request or an answer (P7). The ids of
//! a partner's trace are the one exception, and only where the configuration asks for them.

mod context;
mod export;
mod metrics;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

pub(crate) use context::{TRACEPARENT, traceparent};
pub(crate) use export::Exporter;
pub(crate) use metrics::TraceMetrics;
pub(crate) use span::{Ended, What};

use super::random::Random;
use crate::config::{self, PartnerTrace};
use crate::ledger::RequestId;
use context::Context;

/// Exchanges whose spans are sent at once; so many waiting wake the exporter.
const BATCH: usize = 512;

/// Where exchanges leave their spans; nothing, where traces are off.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<On>>);

/// What the workers and the exporter share.
struct On {
    partner: PartnerTrace,
    /// Traces whose last eight bytes, as a number, are less than this are recorded; `None`: all are.
    below: Option<u64>,
    queue: mpsc::Sender<Ended>,
    /// Told, once until it looks, when a whole batch waits.
    wake: Notify,
    woken: AtomicBool,
    metrics: TraceMetrics,
}

/// The trace that one exchange is a part of.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The trace's id: the exchange's own, unless it has joined its partner's.
    id: RequestId,
    /// The partner's trace that it has joined or is linked to.
    partner: Option<Context>,
    joined: bool,
    /// Whether it is recorded.
    sampled: bool,
    server: [u8; 8],
    client: [u8; 8],
    /// When its request came.
    began: Instant,
    /// When after that the service was asked, and how long until the head of its answer.
    asked: Option<(Duration, Duration)>,
}

impl Traces {
    /// Traces for the collector that `settings` name, and what sends them; nothing without settings.
    pub(crate) fn new(
        settings: Option<&config::Traces>,
        metrics: &TraceMetrics,
    ) -> (Self, Option<Exporter>) {
        let Some(settings) = settings else {
            return (Self(None), None);
        };
        let (queue, waiting) = mpsc::channel(settings.queue);
        let on = Arc::new(On {
            partner: settings.partner,
            below: below(settings.sample),
            queue,
            wake: Notify::new(),
            woken: AtomicBool::new(false),
            metrics: metrics.clone(),
        });
        let exporter = Exporter::new(Arc::clone(&on), waiting, settings.clone());
        (Self(Some(on)), Some(exporter))
    }

    /// The trace of the exchange `id`, whose request came at `began` with `headers`.
    pub(crate) fn begin(
        &self,
        headers: &HeaderMap,
        id: &RequestId,
        random: &Random,
        began: Instant,
    ) -> Option<Box<Trace>> {
        let on = self.0.as_ref()?;
        // Without ids of its own it is not traced, which refuses nothing.
        let spans: [u8; 16] = random.take().ok()?;
        let (server, client) = spans.split_at(8);
        let partner = match on.partner {
            PartnerTrace::Apart => None,
            PartnerTrace::Link | PartnerTrace::Join => Context::of(headers),
        };
        let (id, sampled, joined) = match (on.partner, &partner) {
            // A trace is recorded as a whole or not at all, and who began it has decided.
            (PartnerTrace::Join, Some(theirs)) => (theirs.trace, theirs.sampled, true),
            (PartnerTrace::Apart | PartnerTrace::Link | PartnerTrace::Join, _) => {
                (*id, on.samples(id), false)
            }
        };
        Some(Box::new(Trace {
            id,
            partner,
            joined,
            sampled,
            server: server.try_into().expect("eight of sixteen bytes"),
            client: client.try_into().expect("the other eight"),
            began,
            asked: None,
        }))
    }

    /// Takes what there is to tell of an exchange that ended, or counts it where there is no room.
    pub(crate) fn ended(&self, ended: Ended) {
        let Some(on) = self.0.as_ref().filter(|_| ended.trace.sampled) else {
            return;
        };
        let spans = ended.spans();
        if on.queue.try_send(ended).is_err() {
            on.metrics.not_queued.inc_by(spans);
            return;
        }
        on.metrics.queued.inc();
        // Waking another thread costs a system call, so it is done for a batch, not for each.
        if on.queue.max_capacity() - on.queue.capacity() >= BATCH.min(on.queue.max_capacity())
            && !on.woken.swap(true, Ordering::Relaxed)
        {
            on.wake.notify_one();
        }
    }
}

impl On {
    /// Whether the trace `id` is recorded. Who else follows the same rule decides the same.
    fn samples(&self, id: &RequestId) -> bool {
        let Some(below) = self.below else { return true };
        u64::from_str_radix(&id.as_str()[16..], 16).is_ok_and(|number| number < below)
    }
}

/// The number below which a share of `sample` of all numbers is; `None` where that is all.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share from 0 to 1 of 2^64, and the cast saturates"
)]
fn below(sample: f64) -> Option<u64> {
    (sample < 1.0).then(|| (sample * 2f64.powi(64)) as u64)
}

impl Trace {
    /// The trace's id: 32 hexadecimal digits.
    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The service was asked at `asked`, and the head of its answer came, or will not come, after `took`.
    pub(crate) fn asked(&mut self, asked: Instant, took: Duration) {
        self.asked = Some((asked.saturating_duration_since(self.began), took));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

    fn traces(sample: f64, partner: PartnerTrace, queue: usize) -> (Traces, Exporter) {
        let mut settings = export::tests::settings();
        settings.sample = sample;
        settings.partner = partner;
        settings.queue = queue;
        let metrics = TraceMetrics::new(&prometheus::Registry::new()).unwrap();
        let (traces, exporter) = Traces::new(Some(&settings), &metrics);
        (traces, exporter.unwrap())
    }

    #[test]
    fn a_partners_trace_is_joined_linked_or_left_apart_as_the_configuration_says() {
        for (partner, sent, joined, linked, sampled) in [
            (PartnerTrace::Apart, "1", false, false, true),
            (PartnerTrace::Apart, "0", false, false, true),
            (PartnerTrace::Link, "1", false, true, true),
            (PartnerTrace::Link, "0", false, true, true),
            (PartnerTrace::Join, "1", true, true, true),
            (PartnerTrace::Join, "0", true, true, false),
            (PartnerTrace::Join, "", false, false, true),
        ] {
            let (traces, _exporter) = traces(1.0, partner, 1);
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(&format!("{THEIRS}{sent}")).unwrap();
            headers.insert(TRACEPARENT, value);
            let id = RequestId::new([7; 16]);
            let trace = traces
                .begin(&headers, &id, &Random::new(), Instant::now())
                .unwrap();
            assert_eq!(trace.joined, joined, "{partner:?} {sent}");
            assert_eq!(trace.partner.is_some(), linked, "{partner:?} {sent}");
            assert_eq!(trace.sampled, sampled, "{partner:?} {sent}");
            assert_eq!(trace.id() == id.as_str(), !joined, "{partner:?} {sent}");
            let told = traceparent(Some(&trace), &id, [9; 8]);
            let told = told.to_str().unwrap();
            assert_eq!(told.contains("0af76519"), joined, "{told}");
            assert!(!told.contains("b7ad6b7169203331"), "{told}");
            assert_eq!(told.ends_with("-01"), sampled, "{told}");
        }
    }

    #[test]
    fn a_share_of_the_exchanges_is_traced() {
        for (sample, least, most) in [(0.0, 0, 0), (0.25, 150, 350), (1.0, 1_000, 1_000)] {
            let (traces, _exporter) = traces(sample, PartnerTrace::Apart, 1);
            let random = Random::new();
            let sampled = (0..1_000)
                .filter(|_| {
                    let id = RequestId::new(random.take().unwrap());
                    let trace = traces
                        .begin(&HeaderMap::new(), &id, &random, Instant::now())
                        .unwrap();
                    trace.sampled
                })
                .count();
            assert!((least..=most).contains(&sampled), "{sample}: {sampled}");
        }
    }

    #[test]
    fn off_there_is_no_trace() {
        let id = RequestId::new([7; 16]);
        let trace = Traces::default().begin(&HeaderMap::new(), &id, &Random::new(), Instant::now());
        assert!(trace.is_none());
    }

    #[test]
    fn what_finds_no_room_is_counted_and_holds_nobody_up() {
        let (traces, exporter) = traces(1.0, PartnerTrace::Apart, 2);
        let random = Random::new();
        for _ in 0..5 {
            let id = RequestId::new(random.take().unwrap());
            let trace = traces
                .begin(&HeaderMap::new(), &id, &random, Instant::now())
                .unwrap();
            traces.ended(span::tests::refused(trace));
        }
        let metrics = &traces.0.as_ref().unwrap().metrics;
        assert_eq!((metrics.queued.get(), metrics.not_queued.get()), (2, 3));
        drop(exporter);
    }
}
