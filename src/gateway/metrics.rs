//! Every metric that the gateway has. Label values come from the configuration and from enums only, so a
//! caller cannot make a new series; what is not known yet (who asks, what for) is the empty string.

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::cors::Preflights;
use super::encoding;
use super::identity::IdentityMetrics;
use super::limits::{Limit, LimitMetrics};
use super::meters::{Disclosures, Meters, SECONDS};
use super::process::Process;
use super::reason::Reason;
use super::service::ServiceMetrics;
use super::traces::TraceMetrics;
use crate::agreement::{Agreement, Disclosure};
use crate::alert;
use crate::ledger::CommitReport;
use crate::rights::Lists;

/// The gateway's metrics and their registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    disclosures: Disclosures,
    ledger_commit_seconds: Histogram,
    ledger_entries: IntCounter,
    pub(crate) ledger_queue: IntGauge,
    pub(crate) ledger_failed: IntGauge,
    /// The most entries that may wait.
    pub(crate) ledger_queue_limit: IntGauge,
    subject_entries: IntGaugeVec,
    pub(crate) subjects_unavailable: IntGauge,
    pub(crate) agreement_ends: GaugeVec,
    pub(crate) agreement_review: GaugeVec,
    /// How much of each quota and guard is used in the window that runs.
    pub(crate) quota_used: GaugeVec,
    /// When the configuration that runs was taken.
    pub(crate) configuration_loaded: Gauge,
    pub(crate) reloads: IntCounterVec,
    pub(crate) reload_failed: IntGauge,
    /// Connections from partners open now.
    pub(crate) connections: IntGauge,
    /// The most connections from partners.
    pub(crate) connections_limit: IntGauge,
    pub(crate) connections_refused: IntCounterVec,
    /// Alerts by what they are about.
    pub(crate) alerts: IntCounterVec,
    /// Alerts on their way to the webhook.
    pub(crate) alerts_queued: IntGauge,
    pub(crate) alerts_ended: IntCounterVec,
    pub(crate) incidents_unreviewed: IntGauge,
    pub(crate) cases_open: IntGauge,
    pub(crate) cases_not_opened: IntCounter,
    pub(crate) service_connection_new: IntCounter,
    pub(crate) service_connection_reused: IntCounter,
    pub(crate) codings: encoding::Meters,
    /// Who asks.
    pub(crate) identity: IdentityMetrics,
    pub(crate) limits: LimitMetrics,
    pub(crate) preflights: Preflights,
    pub(crate) services: ServiceMetrics,
    pub(crate) traces: TraceMetrics,
}

/// What a request is counted under. What is not known is the empty string.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestLabels<'a> {
    pub(crate) partner: &'a str,
    pub(crate) agreement: &'a str,
    pub(crate) disclosure: &'a str,
    pub(crate) purpose: &'a str,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(Process::new()?))?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let ledger_commit_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "fieldgate_ledger_commit_seconds",
                "Time of one group commit of the ledger, its sync included",
            )
            .buckets(SECONDS.to_vec()),
        )?;
        registry.register(Box::new(ledger_commit_seconds.clone()))?;
        let ledger_entries = IntCounter::new(
            "fieldgate_ledger_entries_total",
            "Entries that the ledger has made durable",
        )?;
        registry.register(Box::new(ledger_entries.clone()))?;
        let subject_entries = IntGaugeVec::new(
            Opts::new(
                "fieldgate_subject_entries",
                "What is entered about people, by kind: objection, consent, …",
            ),
            &["kind"],
        )?;
        registry.register(Box::new(subject_entries.clone()))?;
        let by_agreement = |name: &str, help: &str| {
            let metric = GaugeVec::new(Opts::new(name, help), &["agreement"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let build = IntGaugeVec::new(
            Opts::new(
                "fieldgate_build_info",
                "1, labelled with the version that runs",
            ),
            &["version"],
        )?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let service_connections = counters(
            "fieldgate_service_connections_total",
            "Requests to services by the connection they went out on: new or reused",
            &["connection"],
        )?;
        let alerts = counters(
            "fieldgate_alerts_total",
            "Alerts by what they are about",
            &["kind"],
        )?;
        for kind in alert::Kind::ALL {
            // Each is there before it happens, so that a rule on it can be written and tried.
            drop(alerts.with_label_values(&[kind.code()]));
        }
        let cases_not_opened = IntCounter::new(
            "fieldgate_cases_not_opened_total",
            "Gaps for which no case could be opened: too many are open, or it cannot be written",
        )?;
        registry.register(Box::new(cases_not_opened.clone()))?;
        let alerts_ended = counters(
            "fieldgate_alerts_ended_total",
            "Alerts for the webhook by how their way ended: delivered, given_up or not_queued",
            &["outcome"],
        )?;
        let connections_refused = counters(
            "fieldgate_connections_refused_total",
            "Connections from partners that were closed before a request: limit, or handshake",
            &["reason"],
        )?;
        let reloads = counters(
            "fieldgate_reloads_total",
            "Attempts to take a new configuration, by result: ok or failed",
            &["result"],
        )?;
        for (counter, values) in [
            (&alerts_ended, &["delivered", "given_up", "not_queued"][..]),
            (&connections_refused, &["limit", "handshake"]),
            (&reloads, &["ok", "failed"]),
        ] {
            for value in values {
                drop(counter.with_label_values(&[value]));
            }
        }
        let quota_used = GaugeVec::new(
            Opts::new(
                "fieldgate_quota_used_ratio",
                "Share of a quota or guard that is used in the window that runs; 1 is all of it",
            ),
            &["agreement", "scope", "measure", "per"],
        )?;
        registry.register(Box::new(quota_used.clone()))?;
        let configuration_loaded = Gauge::new(
            "fieldgate_configuration_loaded_timestamp_seconds",
            "When the configuration that runs was taken, in seconds since 1970",
        )?;
        registry.register(Box::new(configuration_loaded.clone()))?;
        let disclosures = Disclosures::new()?;
        registry.register(Box::new(disclosures.clone()))?;
        Ok(Self {
            requests: counters(
                "fieldgate_requests_total",
                "Requests by who asked, what for, the decision (permit or refuse) and the reason; an empty reason is a complete answer",
                &[
                    "partner",
                    "agreement",
                    "disclosure",
                    "purpose",
                    "decision",
                    "reason",
                ],
            )?,
            disclosures,
            ledger_commit_seconds,
            ledger_entries,
            ledger_queue: gauge(
                "fieldgate_ledger_queue_entries",
                "Entries that wait to be written",
            )?,
            ledger_failed: gauge("fieldgate_ledger_failed", "1 when the ledger cannot write")?,
            ledger_queue_limit: gauge(
                "fieldgate_ledger_queue_limit_entries",
                "Entries that may wait to be written; beyond it exchanges are refused",
            )?,
            subject_entries,
            subjects_unavailable: gauge(
                "fieldgate_subjects_unavailable",
                "1 when the lists of people's rights cannot be read, so that nothing is released",
            )?,
            alerts,
            alerts_queued: gauge(
                "fieldgate_alerts_queued",
                "Alerts that wait for the webhook to take them",
            )?,
            alerts_ended,
            incidents_unreviewed: gauge(
                "fieldgate_incidents_unreviewed",
                "Incidents of access for vital interests that await review",
            )?,
            cases_open: gauge("fieldgate_cases_open", "Cases that are open")?,
            cases_not_opened,
            agreement_ends: by_agreement(
                "fieldgate_agreement_ends_seconds",
                "Seconds until the agreement ends; negative when it has ended",
            )?,
            agreement_review: by_agreement(
                "fieldgate_agreement_review_seconds",
                "Seconds until the end of the day by which the agreement is to be reviewed; negative when it is overdue",
            )?,
            quota_used,
            configuration_loaded,
            reloads,
            reload_failed: gauge(
                "fieldgate_reload_failed",
                "1 when the configuration on disk was refused and an older one runs",
            )?,
            connections: gauge(
                "fieldgate_connections_open",
                "Connections from partners open now",
            )?,
            connections_limit: gauge(
                "fieldgate_connections_limit",
                "Connections from partners that may be open at once: by limits.connections, or by the file descriptors if these are fewer",
            )?,
            limits: LimitMetrics::new(&registry)?,
            connections_refused,
            service_connection_new: service_connections.with_label_values(&["new"]),
            service_connection_reused: service_connections.with_label_values(&["reused"]),
            codings: encoding::Meters::new(&registry)?,
            identity: IdentityMetrics::new(&registry)?,
            preflights: Preflights::new(&registry)?,
            services: ServiceMetrics::new(&registry)?,
            traces: TraceMetrics::new(&registry)?,
            registry,
        })
    }

    /// Counts what is entered about people.
    pub(crate) fn subject_entries(&self, lists: &Lists) {
        self.subject_entries.reset();
        for (fact, count) in lists.counts() {
            self.subject_entries
                .with_label_values(&[fact.word()])
                .add(count as i64);
        }
    }

    /// The metrics of `disclosure`, made if they are not there yet.
    pub(crate) fn meters(&self, agreement: &Agreement, disclosure: &Disclosure) -> Meters {
        let complete = disclosure.purposes.iter().map(|purpose| {
            self.requests.with_label_values(&[
                agreement.partner.as_str(),
                agreement.name.as_str(),
                disclosure.name.as_str(),
                purpose.as_str(),
                "permit",
                "",
            ])
        });
        let complete = complete.collect();
        self.disclosures
            .meters(&agreement.name, &disclosure.name, complete)
    }

    /// Counts a request that the decision, or what is checked before and after it, refused.
    pub(crate) fn refused(&self, labels: RequestLabels<'_>, reason: Reason) {
        self.count(labels, "refuse", reason);
    }

    /// Counts a permitted request that did not end as a complete answer.
    pub(crate) fn failed(&self, labels: RequestLabels<'_>, reason: Reason) {
        self.count(labels, "permit", reason);
    }

    fn count(&self, labels: RequestLabels<'_>, decision: &str, reason: Reason) {
        if let Some(limit) = Limit::of(reason) {
            self.limits.reached(limit);
        }
        self.requests
            .with_label_values(&[
                labels.partner,
                labels.agreement,
                labels.disclosure,
                labels.purpose,
                decision,
                reason.code(),
            ])
            .inc();
    }

    /// Takes a report of the ledger's writer.
    pub(crate) fn ledger_committed(&self, report: &CommitReport) {
        self.ledger_commit_seconds
            .observe(report.took.as_secs_f64());
        self.ledger_entries.inc_by(report.entries as u64);
    }

    /// All metrics in Prometheus's text format.
    pub(crate) fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written as text");
        }
        text
    }
}
