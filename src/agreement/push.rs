//! A push: a system of the controller's sends what leaves, in the request's body, and the partner's answer comes in.
//!
//! In every disclosure one body leaves and one may come in. Where the partner asks, these are the response's and the
//! request's; in a push they are the other way round. All that holds of what leaves, the register, the charter, people's
//! rights, quotas, asks here which of the two it is.

use super::check::{DisclosureCheck, File};
use super::file::{BodyAsWritten, DisclosureAsWritten, RuleAsWritten, UndeclaredAsWritten};
use super::{Fault, SystemName};
use crate::minimise::Limits;
use crate::written::text::{Name, PathText};

/// Where the request's body stands in a disclosure.
const REQUEST_BODY: &str = "request_body";
/// Where the response stands in a disclosure.
const RESPONSE: &str = "response";

impl DisclosureAsWritten {
    fn is_push(&self) -> bool {
        self.deliver.is_some()
    }

    /// Where the body that leaves stands.
    pub(super) fn released_at(&self) -> &'static str {
        if self.is_push() {
            REQUEST_BODY
        } else {
            RESPONSE
        }
    }

    /// Where the body that comes in stands.
    pub(super) fn received_at(&self) -> &'static str {
        if self.is_push() {
            RESPONSE
        } else {
            REQUEST_BODY
        }
    }

    /// The body that stands at `at`, if it is there.
    pub(super) fn body_at(&self, at: &str) -> Option<BodyAsWritten<'_>> {
        if at == RESPONSE {
            self.response.as_ref().map(|body| body.body())
        } else {
            self.request_body.as_ref().map(|body| body.body())
        }
    }

    /// The rules of the body that leaves.
    pub(super) fn released_fields(&self) -> &[RuleAsWritten] {
        let fields = if self.is_push() {
            self.request_body
                .as_ref()
                .and_then(|body| body.fields.as_deref())
        } else {
            self.response
                .as_ref()
                .and_then(|body| body.fields.as_deref())
        };
        fields.unwrap_or_default()
    }

    /// What is asked behind the gateway, and where that is written.
    pub(super) fn beyond(&self) -> (&'static str, Option<&Name>) {
        match &self.deliver {
            Some(deliver) => ("deliver/to", deliver.to.as_ref()),
            None => (
                "service/name",
                self.service
                    .as_ref()
                    .and_then(|service| service.name.as_ref()),
            ),
        }
    }

    /// The path that is asked for behind the gateway, and where it is written.
    pub(super) fn beyond_path(&self) -> (&'static str, Option<&PathText>) {
        match &self.deliver {
            Some(deliver) => ("deliver/path", deliver.path.as_ref()),
            None => (
                "service/path",
                self.service
                    .as_ref()
                    .and_then(|service| service.path.as_ref()),
            ),
        }
    }

    /// The controller's system that holds what leaves, and where it is named.
    pub(super) fn source(&self) -> (&'static str, Option<&Name>) {
        match &self.deliver {
            Some(deliver) => ("deliver/from", deliver.from.as_ref()),
            None => self.beyond(),
        }
    }

    /// The data set of its own that what comes in becomes a part of, where one is named.
    pub(super) fn own_data_set(&self) -> Option<&Name> {
        let body = self.request_body.as_ref().filter(|_| !self.is_push());
        body.and_then(|body| body.data_set.as_ref())
    }

    /// Whether the request's body is refused for what no rule names.
    pub(super) fn is_strict(&self, at: &str) -> bool {
        at == REQUEST_BODY
            && self
                .request_body
                .as_ref()
                .is_some_and(|body| body.undeclared == Some(UndeclaredAsWritten::Refuse))
    }

    /// The bounds of the body at `at`: `limits`, but for what the disclosure says itself.
    pub(super) fn limits_of(&self, at: &str, limits: &Limits) -> Limits {
        let own = self
            .request_body
            .as_ref()
            .filter(|_| at == REQUEST_BODY)
            .and_then(|body| body.max_bytes.as_ref()?.bytes());
        Limits {
            body_bytes: own.unwrap_or(limits.body_bytes),
            ..limits.clone()
        }
    }
}

impl DisclosureCheck<'_> {
    /// The system that pushes, if one does. Adds a fault at each key that is not for a disclosure of its kind.
    pub(super) fn pushed_by(
        &self,
        disclosure: &DisclosureAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Option<SystemName> {
        let file: &File = self.file;
        let mut fault = |below: &str, message: &str| {
            let at = self.at(below);
            if !file.is_faulted_within(&at) {
                file.fault_at_key(faults, &at, message);
            }
        };
        let Some(deliver) = &disclosure.deliver else {
            let body = disclosure.request_body.as_ref();
            if body.is_some_and(|body| body.aggregate.is_some()) {
                fault(
                    "request_body/aggregate",
                    "a table is made of what leaves, and this body comes in; leave it out, or write it under `response`",
                );
            }
            return None;
        };
        if disclosure.service.is_some() {
            fault(
                "service",
                "a push goes to the partner, which `deliver` names; leave `service` out",
            );
        }
        let body = disclosure.request_body.as_ref();
        if body.is_some_and(|body| body.data_set.is_some()) {
            fault(
                "request_body/data_set",
                "this body leaves, so it is of the disclosure's data set; write data_set: there and leave it out here",
            );
        }
        if let Some(response) = &disclosure.response {
            if response.aggregate.is_some() {
                fault(
                    "response/aggregate",
                    "a table is made of what leaves, which is the request's body here; write it there",
                );
            }
            if response.links.is_some() {
                fault(
                    "response/links",
                    "links are rewritten for a partner, and this answer is the partner's own; leave it out",
                );
            }
        }
        let from = deliver.from.as_ref()?;
        if let Some(known) = &self.context.systems {
            let known: Vec<&str> = known.iter().map(SystemName::as_str).collect();
            let at = self.at("deliver/from");
            super::check::known_name(file, &at, "system", from, &known, faults);
        }
        Some(SystemName::new(&from.0))
    }
}
