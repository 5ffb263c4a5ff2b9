//! What became of spans.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of traces; there with or without traces, so that a rule on them can be written before.
#[derive(Debug, Clone)]
pub(crate) struct TraceMetrics {
    /// Exchanges whose spans wait.
    pub(super) queued: IntGauge,
    pub(super) sent: IntCounter,
    pub(super) rejected: IntCounter,
    pub(super) given_up: IntCounter,
    pub(super) not_queued: IntCounter,
}

impl TraceMetrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let queued = IntGauge::new(
            "fieldgate_trace_queue_exchanges",
            "Exchanges whose spans wait for the collector",
        )?;
        registry.register(Box::new(queued.clone()))?;
        let spans = IntCounterVec::new(
            Opts::new(
                "fieldgate_trace_spans_total",
                "Spans by what became of them: sent, rejected by the collector, given_up after attempts that failed, or not_queued for want of room",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(spans.clone()))?;
        let with = |outcome| spans.with_label_values(&[outcome]);
        Ok(Self {
            queued,
            sent: with("sent"),
            rejected: with("rejected"),
            given_up: with("given_up"),
            not_queued: with("not_queued"),
        })
    }
}
