//! Which pages in browsers may ask and read, as written and as meant.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{Check, span};
use crate::written::Fault;
use crate::written::text::{OriginText, SpanText};

/// How long a browser may remember an answer, where the configuration says nothing.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Which pages in browsers may ask and read. Without it none may.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cors", example = serde_json::json!({ "origins": ["https://cases.island-health.example"] }))]
pub(super) struct CorsAsWritten {
    /// The pages' origins, each as browsers send it.
    #[schemars(required, length(min = 1, max = 100))]
    origins: Option<Vec<OriginText>>,
    /// How long a browser may remember what it was told. Default: 10min.
    max_age: Option<SpanText>,
}

/// Which pages in browsers may ask and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// The origins, as browsers send them; at least one, none of them `*` or `null`.
    pub origins: Vec<String>,
    /// How long a browser may remember the answer to a preflight. Default 10 minutes.
    pub max_age: Duration,
}

impl Check<'_> {
    /// Which pages in browsers may ask and read, if the configuration says so.
    pub(super) fn cors(&self, faults: &mut Vec<Fault>) -> Option<Cors> {
        let cors = self.file.value.cors.as_ref()?;
        let mut origins: Vec<String> = Vec::new();
        for (index, origin) in cors.origins.iter().flatten().enumerate() {
            let is_default_port = origin.0.starts_with("https://") && origin.0.ends_with(":443")
                || origin.0.starts_with("http://") && origin.0.ends_with(":80");
            let fault = if is_default_port {
                Some("browsers leave the scheme's own port out; leave it out here")
            } else if origins.contains(&origin.0) {
                Some("the origin stands twice; leave one out")
            } else {
                None
            };
            match fault {
                Some(fault) => self
                    .file
                    .fault(faults, &format!("/cors/origins/{index}"), fault),
                None => origins.push(origin.0.clone()),
            }
        }
        Some(Cors {
            origins,
            max_age: span(cors.max_age.as_ref(), MAX_AGE),
        })
    }
}
