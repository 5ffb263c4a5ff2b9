//! Metrics of who asks. Labels come from the configuration and from enums alone.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use prometheus::{
    Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::issuer::Flaw;
use crate::agreement::PartnerName;

/// The metrics of identities.
#[derive(Debug)]
pub(crate) struct IdentityMetrics {
    tokens: IntCounterVec,
    remembered: IntCounterVec,
    keys: IntGaugeVec,
    fetches: IntCounterVec,
    keys_age: GaugeVec,
    key_uses: IntCounterVec,
    key_last_use: IntGaugeVec,
    certificate_expiry: GaugeVec,
    partner_certificate_expiry: GaugeVec,
    /// When the certificate of a partner that was seen last ends, by what showed whose it is.
    seen: Mutex<HashMap<(PartnerName, Shown), Timestamp>>,
}

/// What shows whose a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    /// Its key is pinned.
    Pin,
    /// A name in it.
    Name,
}

/// The metrics of one issuer's tokens, looked up once.
#[derive(Debug)]
pub(crate) struct TokenMeters {
    pub(crate) accepted: IntCounter,
    pub(crate) refused: [IntCounter; Flaw::ALL.len()],
    pub(crate) remembered: IntCounter,
    pub(crate) verified: IntCounter,
    pub(crate) keys: IntGauge,
    pub(crate) fetched: IntCounter,
    pub(crate) fetch_failed: IntCounter,
    pub(crate) keys_age: Gauge,
}

/// The metrics of one API key.
#[derive(Debug, Clone)]
pub(crate) struct KeyMeters {
    uses: IntCounter,
    last_use: IntGauge,
}

impl IdentityMetrics {
    /// Registers them in `registry`.
    ///
    /// # Errors
    /// If one of their names is taken.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let whole = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            tokens: counters(
                "fieldgate_access_tokens_total",
                "Access tokens by issuer and result: accepted, or what was wrong; of an unknown issuer the label is empty",
                &["issuer", "result"],
            )?,
            remembered: counters(
                "fieldgate_access_token_checks_total",
                "How accepted access tokens were checked: verified, or remembered as verified",
                &["issuer", "check"],
            )?,
            keys: whole(
                "fieldgate_issuer_keys",
                "Public keys of the issuer that can verify a token",
                &["issuer"],
            )?,
            fetches: counters(
                "fieldgate_issuer_key_fetches_total",
                "Fetches of an issuer's keys by result: ok or failed",
                &["issuer", "result"],
            )?,
            keys_age: gauges(
                "fieldgate_issuer_keys_age_seconds",
                "Seconds since the issuer's keys were last fetched; nought for keys in a file, -1 when they never were",
                &["issuer"],
            )?,
            key_uses: counters(
                "fieldgate_api_key_uses_total",
                "Requests by the API key that said who asks",
                &["partner", "key"],
            )?,
            key_last_use: whole(
                "fieldgate_api_key_last_use_timestamp_seconds",
                "When the API key was last used, in seconds since 1970; nought when it never was",
                &["partner", "key"],
            )?,
            certificate_expiry: gauges(
                "fieldgate_certificate_expiry_seconds",
                "Seconds until the first certificate of a file expires, or the next list of revoked ones is due; negative when that is past",
                &["use", "file"],
            )?,
            partner_certificate_expiry: gauges(
                "fieldgate_partner_certificate_expiry_seconds",
                "Seconds until the partner's certificate that was seen last expires, by what shows whose it is: pin or name",
                &["partner", "shown"],
            )?,
            seen: Mutex::default(),
        })
    }

    /// The metrics of the issuer `name`.
    pub(super) fn tokens(&self, name: &str) -> TokenMeters {
        let fetches = |result| self.fetches.with_label_values(&[name, result]);
        let checks = |check| self.remembered.with_label_values(&[name, check]);
        TokenMeters {
            accepted: self.tokens.with_label_values(&[name, "accepted"]),
            refused: self.flaws(name),
            remembered: checks("remembered"),
            verified: checks("verified"),
            keys: self.keys.with_label_values(&[name]),
            fetched: fetches("ok"),
            fetch_failed: fetches("failed"),
            keys_age: self.keys_age.with_label_values(&[name]),
        }
    }

    /// The counters of what is wrong with tokens of `issuer`; the empty string is none that is known.
    pub(super) fn flaws(&self, issuer: &str) -> [IntCounter; Flaw::ALL.len()] {
        Flaw::ALL.map(|flaw| self.tokens.with_label_values(&[issuer, flaw.code()]))
    }

    /// The metrics of the API key `key` of `partner`.
    pub(super) fn key(&self, partner: &PartnerName, key: &str) -> KeyMeters {
        let labels = [partner.as_str(), key];
        KeyMeters {
            uses: self.key_uses.with_label_values(&labels),
            last_use: self.key_last_use.with_label_values(&labels),
        }
    }

    /// A certificate of `partner` that ends at `expires` was seen.
    pub(crate) fn saw(&self, partner: &PartnerName, shown: Shown, expires: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((partner.clone(), shown), expires);
    }

    /// Tells of all that expires, as it is at `now`: `read` are the files' uses, names and ends.
    pub(crate) fn tell_of_expiry<'a>(
        &self,
        read: impl Iterator<Item = (&'static str, &'a str, Timestamp)>,
        is_partner: impl Fn(&PartnerName) -> bool,
        now: Timestamp,
    ) {
        let left = |end: Timestamp| end.duration_since(now).as_secs_f64();
        // What was taken out has nothing left to tell of.
        self.certificate_expiry.reset();
        for (kind, file, ends) in read {
            let gauge = self.certificate_expiry.with_label_values(&[kind, file]);
            gauge.set(left(ends));
        }
        self.partner_certificate_expiry.reset();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|(partner, _), _| is_partner(partner));
        for ((partner, shown), ends) in seen.iter() {
            let shown = match shown {
                Shown::Pin => "pin",
                Shown::Name => "name",
            };
            let labels = [partner.as_str(), shown];
            let gauge = self.partner_certificate_expiry.with_label_values(&labels);
            gauge.set(left(*ends));
        }
    }
}

impl TokenMeters {
    /// Counts a token with `flaw`.
    pub(super) fn refused(&self, flaw: Flaw) {
        self.refused[flaw as usize].inc();
    }
}

impl KeyMeters {
    /// The key was used at `now`.
    pub(super) fn used(&self, now: Timestamp) {
        self.uses.inc();
        // Once a second is enough, and spares the others a write that is shared.
        if self.last_use.get() != now.as_second() {
            self.last_use.set(now.as_second());
        }
    }
}
