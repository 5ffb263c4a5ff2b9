//! Where alerts go, as written and as meant.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Service;
use super::check::{Check, count, parse_url, span};
use crate::written::Fault;
use crate::written::text::{PathName, SpanText, WebhookText};

/// Attempts to deliver one alert, where the configuration says nothing: some two hours.
const RETRIES: u32 = 20;

/// Alerts that are on their way at once, where the configuration says nothing.
const AT_ONCE: usize = 4;

/// Where alerts go, beside the log and the metrics.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Alerts")]
pub(super) struct AlertsAsWritten {
    /// Called with each alert.
    #[schemars(required)]
    webhook: Option<WebhookAsWritten>,
}

/// A web server that takes alerts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Webhook", example = serde_json::json!({ "url": "https://dpo.isle.example/alerts", "ca": "tls/dpo-ca.pem", "secret_file": "keys/alerts.secret" }))]
struct WebhookAsWritten {
    /// Where it is: each alert is a POST of one JSON object.
    #[schemars(required)]
    url: Option<WebhookText>,
    /// For https: PEM certificates that sign the server's.
    ca: Option<PathName>,
    /// A file with a secret of at least 16 bytes, which other users may not read. Each alert is signed with it, in the header Fieldgate-Signature.
    #[schemars(required)]
    secret_file: Option<PathName>,
    /// The longest one attempt may take. Default: 10s.
    timeout: Option<SpanText>,
    /// Attempts, each after a longer wait, until an alert is given up. Default: 20, some two hours.
    #[schemars(range(min = 1, max = 1000), example = 20)]
    retries: Option<u32>,
    /// Alerts that are on their way at once: one that is taken slowly holds up no other until so many are. Default: 4.
    #[schemars(range(min = 1, max = 64), example = 4)]
    at_once: Option<u32>,
}

/// A web server that takes alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is and how it is reached; `head_timeout` is the longest of one attempt.
    pub service: Service,
    /// The path and query that alerts are posted to.
    pub path: String,
    /// The file that holds the secret.
    pub secret: PathBuf,
    /// Attempts until an alert is given up.
    pub retries: u32,
    /// Alerts that are on their way at once. Default 4.
    pub at_once: usize,
}

impl Check<'_> {
    /// Where alerts go, if the configuration says so.
    pub(super) fn webhook(&self, faults: &mut Vec<Fault>) -> Option<Webhook> {
        let webhook = self.file.value.alerts.as_ref()?.webhook.as_ref()?;
        let timeout = span(webhook.timeout.as_ref(), Duration::from_secs(10));
        let (service, path) = self.web_server(
            "alerts",
            ("/alerts/webhook/url", webhook.url.as_ref()?),
            ("/alerts/webhook/ca", webhook.ca.as_ref()),
            timeout,
            faults,
        )?;
        Some(Webhook {
            service,
            path,
            secret: self.path(webhook.secret_file.as_ref()?),
            retries: webhook.retries.unwrap_or(RETRIES),
            at_once: count(webhook.at_once, AT_ONCE),
        })
    }

    /// A web server that the gateway itself calls, and the path it is called at; each part with its place in the file.
    pub(super) fn web_server(
        &self,
        name: &str,
        (url_at, url): (&str, &WebhookText),
        (ca_at, ca): (&str, Option<&PathName>),
        timeout: Duration,
        faults: &mut Vec<Fault>,
    ) -> Option<(Service, String)> {
        let url = &url.0;
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path_at = url[after_scheme..]
            .find('/')
            .map_or(url.len(), |at| after_scheme + at);
        let (place, path) = url.split_at(path_at);
        let Some((https, host, port)) = parse_url(place) else {
            self.file.fault(
                faults,
                url_at,
                "not a URL of a host, a port and a path; write for example https://dpo.isle.example/alerts",
            );
            return None;
        };
        match (https, ca) {
            (true, None) => self.file.fault(
                faults,
                url_at,
                "https needs ca: FILE, the certificates that sign the server's",
            ),
            (false, Some(_)) => self.file.fault_at_key(
                faults,
                ca_at,
                "the url is http, so there is no TLS; leave this out or write https",
            ),
            (true, Some(_)) | (false, None) => {}
        }
        let ca = ca.map(|path| self.path(path));
        let path = if path.is_empty() { "/" } else { path };
        Some((
            Service::at(name, (https, host, port), ca, timeout),
            path.to_owned(),
        ))
    }

    /// The directory of what the gateway remembers beside the ledger.
    pub(super) fn state(&self) -> Option<PathBuf> {
        if let Some(directory) = &self.file.value.state {
            return Some(self.path(directory));
        }
        let ledger = self.file.value.ledger.as_ref()?.directory.as_ref()?;
        Some(self.path(ledger).with_file_name("state"))
    }
}
