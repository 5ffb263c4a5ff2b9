//! What is counted of services. Labels come from the configuration and from enums.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::Target;
use super::place::Verdict;

const BY_SERVICE: &[&str] = &["service"];
const BY_ENDPOINT: &[&str] = &["service", "endpoint"];

/// The metrics of all services.
#[derive(Debug)]
pub(crate) struct ServiceMetrics {
    up: IntGaugeVec,
    addresses: IntGaugeVec,
    in_flight: IntGaugeVec,
    queued: IntGaugeVec,
    refused: IntCounterVec,
    retries: IntCounterVec,
    failures: IntCounterVec,
    opened: IntCounterVec,
    checks: IntCounterVec,
    lookups: IntCounterVec,
}

/// The counters of one service.
pub(crate) struct ServiceCounters {
    pub(crate) saturated: IntCounter,
    pub(crate) waited: IntCounter,
    pub(crate) left_alone: IntCounter,
    pub(crate) retried: IntCounter,
    pub(crate) retry_refused: IntCounter,
}

/// The counters of one endpoint.
pub(crate) struct EndpointCounters {
    failures: [IntCounter; Verdict::FAILURES.len()],
    pub(crate) opened: IntCounter,
    checks: [IntCounter; 2],
    pub(crate) lookups: [IntCounter; 2],
}

impl ServiceMetrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            up: gauges(
                "fieldgate_service_endpoint_up",
                "1 when exchanges go to at least one address of the endpoint as usual",
                BY_ENDPOINT,
            )?,
            addresses: gauges(
                "fieldgate_service_endpoint_addresses",
                "Addresses of the endpoint: one, or those that its name has",
                BY_ENDPOINT,
            )?,
            in_flight: gauges(
                "fieldgate_service_in_flight",
                "Exchanges that are with the service now",
                BY_SERVICE,
            )?,
            queued: gauges(
                "fieldgate_service_queued",
                "Exchanges that wait for the service now",
                BY_SERVICE,
            )?,
            refused: counters(
                "fieldgate_service_refused_total",
                "Exchanges that were not taken to the service: queue_full, queue_wait, or left_alone when none of its addresses is in",
                &["service", "reason"],
            )?,
            retries: counters(
                "fieldgate_service_retries_total",
                "Exchanges whose connection broke and that could be asked again: sent, or over the budget",
                &["service", "outcome"],
            )?,
            failures: counters(
                "fieldgate_service_failures_total",
                "Attempts at the endpoint that failed: connect, timeout, broke or status (5xx)",
                &["service", "endpoint", "kind"],
            )?,
            opened: counters(
                "fieldgate_service_left_alone_total",
                "Times that an address of the endpoint was left alone because it failed",
                BY_ENDPOINT,
            )?,
            checks: counters(
                "fieldgate_service_health_checks_total",
                "Health checks of the endpoint by result: ok or failed",
                &["service", "endpoint", "result"],
            )?,
            lookups: counters(
                "fieldgate_service_lookups_total",
                "Look-ups of the endpoint's name by result: ok or failed",
                &["service", "endpoint", "result"],
            )?,
        })
    }

    pub(super) fn service(&self, service: &str) -> ServiceCounters {
        let refused = |reason| self.refused.with_label_values(&[service, reason]);
        let retries = |outcome| self.retries.with_label_values(&[service, outcome]);
        ServiceCounters {
            saturated: refused("queue_full"),
            waited: refused("queue_wait"),
            left_alone: refused("left_alone"),
            retried: retries("sent"),
            retry_refused: retries("over_budget"),
        }
    }

    pub(super) fn endpoint(&self, service: &str, endpoint: &str) -> EndpointCounters {
        let failed = |verdict: Verdict| {
            self.failures
                .with_label_values(&[service, endpoint, verdict.code()])
        };
        let results = |metric: &IntCounterVec| {
            ["ok", "failed"].map(|result| metric.with_label_values(&[service, endpoint, result]))
        };
        EndpointCounters {
            failures: Verdict::FAILURES.map(failed),
            opened: self.opened.with_label_values(&[service, endpoint]),
            checks: results(&self.checks),
            lookups: results(&self.lookups),
        }
    }

    /// Notes what holds of `targets` now. A service or endpoint that was taken out has nothing to tell of any more.
    pub(crate) fn observe(&self, targets: &[Arc<Target>]) {
        for gauges in [&self.up, &self.addresses, &self.in_flight, &self.queued] {
            gauges.reset();
        }
        for target in targets {
            let service = target.name().as_str();
            let set = |gauges: &IntGaugeVec, labels: &[&str], value: usize| {
                gauges.with_label_values(labels).set(value as i64);
            };
            set(&self.in_flight, &[service], target.slots.taken());
            set(&self.queued, &[service], target.slots.queued());
            let places = target.places.load();
            for endpoint in &target.endpoints {
                let labels = [service, endpoint.url.as_str()];
                let own = || {
                    places
                        .iter()
                        .filter(|place| Arc::ptr_eq(&place.endpoint, endpoint))
                };
                let is_up = own().any(|place| place.is_in());
                set(&self.up, &labels, usize::from(is_up));
                set(&self.addresses, &labels, own().count());
            }
        }
    }
}

impl EndpointCounters {
    pub(super) fn failed(&self, verdict: Verdict) {
        let index = match verdict {
            Verdict::Well => return,
            Verdict::Connect => 0,
            Verdict::Timeout => 1,
            Verdict::Broke => 2,
            Verdict::Status => 3,
        };
        self.failures[index].inc();
    }

    pub(super) fn checked(&self, good: bool) {
        self.checks[usize::from(!good)].inc();
    }

    pub(super) fn looked_up(&self, found: bool) {
        self.lookups[usize::from(!found)].inc();
    }
}
