//! What is counted of each disclosure. All counts of one stand side by side, so that an exchange writes to a few lines of
//! the processor's cache, however many disclosures there are; the metrics are made of them when somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::agreement::{AgreementName, DisclosureName};
use crate::ledger::Outcome;
use crate::minimise::{FieldOutcome, Tally, Withheld};
use crate::transform::{Findings, finding_words};

/// Seconds: from a local look-up to a long extract.
pub(super) const SECONDS: [f64; 15] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
    300.0,
];

/// The same in nanoseconds.
const NANOSECONDS: [u64; SECONDS.len()] = {
    let mut all = [0; SECONDS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = (SECONDS[at] * 1e9 + 0.5) as u64;
        at += 1;
    }
    all
};

const OUTCOMES: [Outcome; 4] = [
    Outcome::Complete,
    Outcome::ServiceFailed,
    Outcome::Refused,
    Outcome::PartnerGone,
];

/// A counter with a series for each disclosure and each of `values`.
struct Family {
    name: &'static str,
    help: &'static str,
    /// The label beside agreement and disclosure, and its values; one series where it is empty.
    label: &'static str,
    values: Vec<&'static str>,
    /// A series begins with its first count: most disclosures redact nothing.
    sparse: bool,
}

// Where each family's counts begin. What nearly each exchange counts comes first, to be on one line of the cache.
const RECORDS: usize = 0;
const BYTES: usize = RECORDS + 2;
const ENDS: usize = BYTES + 2;
const FIELDS: usize = ENDS + OUTCOMES.len();
const SUBJECTS_MISSING: usize = FIELDS + FieldOutcome::ALL.len();
const OVERRIDDEN: usize = SUBJECTS_MISSING + 1;
const WITHHELD: usize = OVERRIDDEN + 1;
const FINDINGS: usize = WITHHELD + Withheld::ALL.len();
const COUNTS: usize = FINDINGS + FINDING_KINDS;

/// Kinds of findings.
const FINDING_KINDS: usize = size_of::<Findings>() / size_of::<u64>();

/// In the order of their counts.
fn families() -> [Family; 8] {
    let family = |name, help, label, values| Family {
        name,
        help,
        label,
        values,
        sparse: false,
    };
    [
        family(
            "fieldgate_records_total",
            "Records of responses by outcome: released or withheld",
            "outcome",
            vec!["released", "withheld"],
        ),
        family(
            "fieldgate_body_bytes_total",
            "Bytes of response bodies: from_service before minimising, to_partner after it",
            "direction",
            vec!["from_service", "to_partner"],
        ),
        family(
            "fieldgate_exchanges_ended_total",
            "Permitted exchanges by how they ended",
            "outcome",
            OUTCOMES.map(Outcome::code).to_vec(),
        ),
        family(
            "fieldgate_fields_total",
            "Fields of responses by what became of them",
            "action",
            FieldOutcome::ALL.map(FieldOutcome::code).to_vec(),
        ),
        family(
            "fieldgate_subjects_missing_total",
            "Released records in which the subject selector found no value",
            "",
            vec![""],
        ),
        family(
            "fieldgate_records_overridden_total",
            "Records released for an overriding reason although their subjects object or are restricted",
            "",
            vec![""],
        ),
        family(
            "fieldgate_records_withheld_total",
            "Records of responses that stayed behind, by why",
            "reason",
            Withheld::ALL.map(Withheld::code).to_vec(),
        ),
        Family {
            sparse: true,
            ..family(
                "fieldgate_findings_total",
                "What detectors took out of texts of responses, by kind: nhs-number, postcode, …, pattern, name",
                "kind",
                finding_words().collect(),
            )
        },
    ]
}

/// Names and texts of the times, in the order of [`Counts::times`].
const TIMES: [(&str, &str); 3] = [
    (
        "fieldgate_exchange_seconds",
        "From a request's head to the end of its response's body",
    ),
    (
        "fieldgate_service_seconds",
        "From asking the service to the head of its answer",
    ),
    (
        "fieldgate_own_seconds",
        "From a request's head to its response's head, less the service's time",
    ),
];

/// The counts of one disclosure.
#[derive(Debug)]
#[repr(align(64))]
struct Counts {
    counts: [AtomicU64; COUNTS],
    times: [Spread; TIMES.len()],
}

/// How long something took, each time.
#[derive(Debug)]
struct Spread {
    nanoseconds: AtomicU64,
    /// How often up to each of [`SECONDS`] and no shorter one, and how often longer.
    up_to: [AtomicU64; SECONDS.len() + 1],
}

/// What one exchange took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From the request's head to the end of the response's body.
    pub(crate) whole: Duration,
    /// From asking the service to the head of its answer.
    pub(crate) service: Duration,
    /// From the request's head to the response's head, less `service`.
    pub(crate) own: Duration,
}

/// The metrics of one disclosure, looked up once, at load.
#[derive(Debug)]
pub(crate) struct Meters {
    /// Permitted and complete, one for each purpose of the disclosure, in its order.
    complete: Vec<IntCounter>,
    counts: Arc<Counts>,
}

impl Meters {
    /// Counts an exchange that ended: `purpose` is its index in the disclosure's purposes.
    pub(crate) fn ended(
        &self,
        purpose: usize,
        outcome: Outcome,
        bytes_sent: u64,
        tally: &Tally,
        times: Times,
    ) {
        let index = match outcome {
            Outcome::Complete => 0,
            Outcome::ServiceFailed => 1,
            Outcome::Refused => 2,
            Outcome::PartnerGone => 3,
        };
        if outcome == Outcome::Complete
            && let Some(complete) = self.complete.get(purpose)
        {
            complete.inc();
        }
        let counts = &self.counts;
        counts.add(ENDS + index, 1);
        counts.add(RECORDS, tally.records_released);
        counts.add(RECORDS + 1, tally.records_withheld);
        counts.add(BYTES, tally.bytes_in);
        counts.add(BYTES + 1, bytes_sent);
        counts.add(SUBJECTS_MISSING, tally.subjects_missing);
        for (at, count) in tally.fields.into_iter().enumerate() {
            counts.add(FIELDS + at, count);
        }
        for (at, count) in tally.withheld.into_iter().enumerate() {
            counts.add(WITHHELD + at, count);
        }
        for (at, count) in tally.findings.into_iter().enumerate() {
            counts.add(FINDINGS + at, count);
        }
        let [whole, service, own] = &counts.times;
        whole.observe(times.whole);
        service.observe(times.service);
        own.observe(times.own);
    }

    /// Counts records that an overriding reason released.
    pub(crate) fn overridden(&self, records: u64) {
        self.counts.add(OVERRIDDEN, records);
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; COUNTS],
            times: [const { Spread::new() }; TIMES.len()],
        }
    }

    /// Most counts of most exchanges are nought: a comparison is cheaper than a shared write.
    fn add(&self, at: usize, count: u64) {
        if count != 0 {
            self.counts[at].fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Spread {
    const fn new() -> Self {
        Self {
            nanoseconds: AtomicU64::new(0),
            up_to: [const { AtomicU64::new(0) }; SECONDS.len() + 1],
        }
    }

    fn observe(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bound = NANOSECONDS.partition_point(|bound| *bound < nanoseconds);
        self.up_to[bound].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn histogram(&self) -> Histogram {
        let mut count = 0;
        let mut histogram = Histogram::default();
        let buckets = SECONDS.iter().zip(&self.up_to).map(|(bound, up_to)| {
            count += up_to.load(Ordering::Relaxed);
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        let longer = self.up_to[SECONDS.len()].load(Ordering::Relaxed);
        histogram.set_sample_count(count + longer);
        histogram.set_sample_sum(self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9);
        histogram
    }
}

type Known = BTreeMap<(AgreementName, DisclosureName), Arc<Counts>>;

/// The counts of all disclosures that have run: those of one that is loaded anew go on.
#[derive(Debug, Clone)]
pub(crate) struct Disclosures {
    known: Arc<Mutex<Known>>,
    descriptions: Arc<[Desc]>,
}

impl Disclosures {
    /// No counts yet.
    ///
    /// # Errors
    /// If a name or help text is not one that Prometheus takes.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let describe = |name: &str, help: &str, label: &str| {
            let labels = ["agreement", "disclosure", label];
            let labels = labels.into_iter().filter(|label| !label.is_empty());
            let labels = labels.map(str::to_owned).collect();
            Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
        };
        let counted = families()
            .into_iter()
            .map(|family| describe(family.name, family.help, family.label));
        let timed = TIMES.iter().map(|(name, help)| describe(name, help, ""));
        Ok(Self {
            known: Arc::default(),
            descriptions: counted.chain(timed).collect::<Result<_, _>>()?,
        })
    }

    /// The metrics of a disclosure, made if they are not there yet. `complete`: its complete exchanges, by purpose.
    pub(crate) fn meters(
        &self,
        agreement: &AgreementName,
        disclosure: &DisclosureName,
        complete: Vec<IntCounter>,
    ) -> Meters {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = known
            .entry((agreement.clone(), disclosure.clone()))
            .or_insert_with(|| Arc::new(Counts::new()));
        Meters {
            complete,
            counts: Arc::clone(counts),
        }
    }
}

impl Collector for Disclosures {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Vec::new();
        }
        let mut first = 0;
        let counted = families().map(|family| {
            let mut metrics = Vec::with_capacity(known.len() * family.values.len());
            for (whose, counts) in &*known {
                for (at, value) in family.values.iter().enumerate() {
                    let count = counts.counts[first + at].load(Ordering::Relaxed);
                    if family.sparse && count == 0 {
                        continue;
                    }
                    let mut counter = Counter::default();
                    counter.set_value(count as f64);
                    let mut metric = labelled(whose, family.label, value);
                    metric.set_counter(counter);
                    metrics.push(metric);
                }
            }
            first += family.values.len();
            of_all(family.name, family.help, MetricType::COUNTER, metrics)
        });
        let timed = TIMES.iter().enumerate().map(|(at, (name, help))| {
            let metrics = known.iter().map(|(whose, counts)| {
                let mut metric = labelled(whose, "", "");
                metric.set_histogram(counts.times[at].histogram());
                metric
            });
            of_all(name, help, MetricType::HISTOGRAM, metrics.collect())
        });
        let all = counted.into_iter().chain(timed);
        // One without a series is none.
        all.filter(|family| !family.get_metric().is_empty())
            .collect()
    }
}

fn of_all(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

/// A series of a disclosure, its labels in the order of their names.
fn labelled(whose: &(AgreementName, DisclosureName), label: &str, value: &str) -> Metric {
    let (agreement, disclosure) = whose;
    let mut pairs = vec![
        ("agreement", agreement.as_str()),
        ("disclosure", disclosure.as_str()),
    ];
    if !label.is_empty() {
        pairs.push((label, value));
        pairs.sort_unstable();
    }
    let pairs = pairs.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

#[cfg(test)]
mod tests {
    use prometheus::{Encoder, Registry, TextEncoder};

    use super::*;

    fn text(disclosures: &Disclosures) -> String {
        let registry = Registry::new();
        registry.register(Box::new(disclosures.clone())).unwrap();
        let mut text = Vec::new();
        let families = registry.gather();
        TextEncoder::new().encode(&families, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn meters(disclosures: &Disclosures) -> Meters {
        let names = (AgreementName::new("falls"), DisclosureName::new("adult"));
        disclosures.meters(&names.0, &names.1, Vec::new())
    }

    #[test]
    fn each_count_is_told_under_its_own_name() {
        let disclosures = Disclosures::new().unwrap();
        let before = meters(&disclosures);
        let mut tally = Tally {
            bytes_in: 1_000,
            records_released: 3,
            records_withheld: 2,
            subjects_missing: 1,
            ..Tally::default()
        };
        tally.fields = std::array::from_fn(|at| at as u64 + 100);
        tally.withheld = std::array::from_fn(|at| at as u64 + 200);
        let times = Times {
            whole: Duration::from_micros(250),
            service: Duration::from_secs(301),
            own: Duration::ZERO,
        };
        before.ended(0, Outcome::Refused, 400, &tally, times);
        before.overridden(7);
        // Loaded anew, it counts on.
        meters(&disclosures).overridden(1);
        let text = text(&disclosures);
        let has = |line: &str| {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        };
        let of = "agreement=\"falls\",disclosure=\"adult\"";
        has(&format!(
            "fieldgate_records_total{{{of},outcome=\"released\"}} 3"
        ));
        has(&format!(
            "fieldgate_records_total{{{of},outcome=\"withheld\"}} 2"
        ));
        has(&format!(
            "fieldgate_exchanges_ended_total{{{of},outcome=\"refused\"}} 1"
        ));
        has(&format!(
            "fieldgate_exchanges_ended_total{{{of},outcome=\"complete\"}} 0"
        ));
        has(&format!("fieldgate_subjects_missing_total{{{of}}} 1"));
        has(&format!("fieldgate_records_overridden_total{{{of}}} 8"));
        for (direction, bytes) in [("from_service", 1_000), ("to_partner", 400)] {
            has(&format!(
                "fieldgate_body_bytes_total{{agreement=\"falls\",direction=\"{direction}\",disclosure=\"adult\"}} {bytes}"
            ));
        }
        for (at, outcome) in FieldOutcome::ALL.into_iter().enumerate() {
            let action = outcome.code();
            has(&format!(
                "fieldgate_fields_total{{action=\"{action}\",{of}}} {}",
                at + 100
            ));
        }
        for (at, why) in Withheld::ALL.into_iter().enumerate() {
            let reason = why.code();
            has(&format!(
                "fieldgate_records_withheld_total{{{of},reason=\"{reason}\"}} {}",
                at + 200
            ));
        }
        has(&format!(
            "fieldgate_exchange_seconds_bucket{{{of},le=\"0.00025\"}} 1"
        ));
        has(&format!(
            "fieldgate_service_seconds_bucket{{{of},le=\"300\"}} 0"
        ));
        has(&format!(
            "fieldgate_service_seconds_bucket{{{of},le=\"+Inf\"}} 1"
        ));
        has(&format!("fieldgate_service_seconds_sum{{{of}}} 301"));
        has(&format!("fieldgate_own_seconds_count{{{of}}} 1"));
    }

    #[test]
    fn a_time_counts_up_to_the_first_bound_that_is_no_shorter() {
        for (at, bound) in NANOSECONDS.into_iter().enumerate() {
            for (nanoseconds, place) in [(bound - 1, at), (bound, at), (bound + 1, at + 1)] {
                let spread = Spread::new();
                spread.observe(Duration::from_nanos(nanoseconds));
                let counts = spread.up_to.map(AtomicU64::into_inner);
                assert_eq!(
                    counts.iter().position(|count| *count == 1),
                    Some(place),
                    "{nanoseconds}"
                );
            }
        }
    }
}
