//! What holds under a layer, and what stands against a disclosure by it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::retention::Retention;
use super::security::{Rate, Security};
use crate::agreement::PurposeName;
use crate::identifier::Kind;
use crate::plan::{Action, BodyRules, Format, OnMismatch, Rule, Selector};
use crate::register::{DataSet, Objection, Part, Sensitivity};
use crate::transform::Transform;

/// A country, ISO 3166-1.
pub type Country = String;

/// What holds under a layer: its own terms and those of all layers above.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The countries in which data may be held; `None` is every one.
    pub territory: Option<BTreeSet<Country>>,
    /// Further countries, each by an instrument.
    pub transfers: Vec<Transfer>,
    /// What never leaves.
    pub never: Never,
    /// Sensitivities of which nothing leaves as it is.
    pub never_as_it_is: BTreeSet<Sensitivity>,
    /// The roles that sign an agreement before it carries traffic.
    pub sign_off: BTreeSet<String>,
    /// The data sets that may be shared; `None` is all of the register.
    pub data_sets: Option<BTreeSet<String>>,
    /// The purposes that data may be shared for; `None` is all of the register.
    pub purposes: Option<BTreeSet<PurposeName>>,
    /// How long a partner may keep data at most.
    pub longest_retention: Option<Retention>,
    /// How long it may keep data where the agreement does not say.
    pub default_retention: Option<Retention>,
    /// The controller may use its data for its other functions, without a notice.
    pub internal_compatible_use: bool,
    /// Identifiers that become tokens only where they are of their form.
    pub checked: BTreeSet<Kind>,
    /// What the gateway and its partners have to keep to.
    pub security: Security,
    /// Where each key was last stated, as `FILE:LINE`.
    pub(super) stated: BTreeMap<&'static str, String>,
}

/// A country to which data may go by an instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The country.
    pub country: Country,
    /// The instrument.
    pub instrument: String,
    /// Its last day.
    pub until: Date,
}

/// What never leaves.
#[derive(Debug, Clone, Default)]
pub struct Never {
    /// Fields of data sets, and what is in them.
    pub fields: Vec<NeverField>,
    /// Fields of these sensitivities.
    pub sensitivities: BTreeSet<Sensitivity>,
    /// Fields that are identifiers of these kinds.
    pub identifiers: BTreeSet<Kind>,
}

/// A field that never leaves.
#[derive(Debug, Clone)]
pub struct NeverField {
    /// The data set; `None` is every one.
    pub data_set: Option<String>,
    /// Where it stands: from the record (`@`) or from the document (`$`).
    pub path: Selector,
}

/// What is to be disclosed: all that a layer's terms are held against.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The data set that it draws on.
    pub data_set: &'a DataSet,
    /// What for.
    pub purposes: &'a [&'a PurposeName],
    /// The countries in which the partner may hold it; `None` where the agreement does not say.
    pub territory: Option<&'a [Country]>,
    /// How long the partner may keep it; `None` where the agreement does not say.
    pub retention: Option<&'a Retention>,
    /// How what leaves is marked; `None` where the agreement does not say.
    pub marking: Option<&'a str>,
    /// The agreement's quotas of requests, each for a purpose or, with `None`, for all together.
    pub quotas: &'a [(Option<&'a str>, Rate)],
    /// The agreement's last day.
    pub ends: Date,
    /// The rules of the response's body.
    pub rules: &'a BodyRules,
}

impl Terms {
    /// What of these terms stands against `case`; nothing where they permit it.
    #[must_use]
    pub fn against(&self, case: &Case<'_>) -> Vec<Objection> {
        let mut against = Vec::new();
        let mut object = |part, message: String| against.push(Objection { part, message });
        let name = &case.data_set.name;
        if let Some(allowed) = &self.data_sets
            && !allowed.contains(name)
        {
            object(
                Part::DataSet,
                format!(
                    "{} does not let `{name}` be shared; leave it out, or add it there",
                    self.source("data_sets")
                ),
            );
        }
        if let Some(allowed) = &self.purposes {
            for (index, purpose) in case.purposes.iter().enumerate() {
                if !allowed.contains(*purpose) {
                    object(
                        Part::Purpose(index),
                        format!(
                            "{} does not let data be shared for {purpose}; leave it out, or add it there",
                            self.source("purposes")
                        ),
                    );
                }
            }
        }
        self.territory(case, &mut object);
        self.retention(case, &mut object);
        self.marking(case, &mut object);
        self.requests(case, &mut object);
        let opaque = matches!(case.rules.format, Format::Opaque(_));
        let touched = case.data_set.touched(case.rules);
        for field in &touched {
            let part = field.rule.map_or(Part::Response, Part::Rule);
            // A table's fields do not leave: what is made of them does.
            let raw = field.is_raw() && case.rules.aggregate.is_none();
            if raw && self.never_as_it_is.contains(&field.sensitivity) {
                object(
                    part,
                    format!(
                        "`{}` is {}, which by {} never leaves as it is; generalise, tokenise or redact it",
                        field.field,
                        field.sensitivity.word(),
                        self.source("never_as_it_is")
                    ),
                );
            }
            if let Some(kind) = field.identifier
                && self.checked.contains(&kind)
                && token_form(field.action).is_some_and(|form| form != kind)
            {
                object(
                    part,
                    format!(
                        "`{}` becomes a token only where it is one, by {}; write form: {}",
                        field.field,
                        self.source("accuracy"),
                        kind.word()
                    ),
                );
            }
        }
        if opaque && self.withholds(case.data_set) {
            object(
                Part::Response,
                format!(
                    "an opaque body is not looked into, so what never leaves by {} could be in it; leave the disclosure out",
                    self.source("never_share")
                ),
            );
        }
        against
    }

    fn territory(&self, case: &Case<'_>, object: &mut impl FnMut(Part, String)) {
        let Some(allowed) = &self.territory else {
            return;
        };
        let source = self.source("territory");
        let Some(stated) = case.territory else {
            object(
                Part::Territory,
                format!(
                    "{source} limits where data is held, so the agreement says where; write basis: {{ territory: [GB] }}"
                ),
            );
            return;
        };
        for country in stated {
            if allowed.contains(country) {
                continue;
            }
            let by = self.transfers.iter();
            let transfer = by.filter(|transfer| transfer.country == *country);
            match transfer.max_by_key(|transfer| transfer.until) {
                None => object(
                    Part::Territory,
                    format!(
                        "{source} does not let data be held in {country}, and has no instrument of transfer for it; leave the country out"
                    ),
                ),
                Some(transfer) if transfer.until < case.ends => object(
                    Part::Territory,
                    format!(
                        "{} for {country} ends on {}, before the agreement does; end the agreement by then, or renew the instrument",
                        transfer.instrument, transfer.until
                    ),
                ),
                Some(_) => {}
            }
        }
    }

    fn retention(&self, case: &Case<'_>, object: &mut impl FnMut(Part, String)) {
        let Some(longest) = &self.longest_retention else {
            return;
        };
        let source = self.source("longest_retention");
        match case.retention.or(self.default_retention.as_ref()) {
            None => object(
                Part::Retention,
                format!(
                    "{source} limits how long data is kept, so the agreement says how long; write retention: {}",
                    longest.text()
                ),
            ),
            Some(stated) if stated.is_longer_than(longest) => object(
                Part::Retention,
                format!(
                    "{source} lets a partner keep data for {} at most; write that or less",
                    longest.text()
                ),
            ),
            Some(_) => {}
        }
    }

    fn marking(&self, case: &Case<'_>, object: &mut impl FnMut(Part, String)) {
        if let Some(marking) = &self.security.marking
            && case.marking != Some(marking)
        {
            object(
                Part::Marking,
                format!(
                    "{} has what leaves marked; write marking: {marking}",
                    self.source("security")
                ),
            );
        }
    }

    fn requests(&self, case: &Case<'_>, object: &mut impl FnMut(Part, String)) {
        let Some(most) = self.security.requests else {
            return;
        };
        for purpose in case.purposes {
            let bounded = case.quotas.iter().any(|(of, rate)| {
                of.is_none_or(|of| of == purpose.as_str()) && rate.is_within(most)
            });
            if !bounded {
                object(
                    Part::Quota,
                    format!(
                        "{} lets {purpose} be asked for with {most} at most; write quota: [{{ per: {}, requests: {} }}], or less",
                        self.source("security"),
                        most.per.code(),
                        most.requests
                    ),
                );
            }
        }
    }

    /// The rules that keep behind what never leaves, where one of `rules` could let it leave: each a `drop`, which wins
    /// over every other rule, and why.
    #[must_use]
    pub fn drops(&self, data_set: &DataSet, rules: &BodyRules) -> Vec<(Rule, String)> {
        let mut drops: Vec<(Rule, String)> = Vec::new();
        for path in self.never_of(data_set) {
            let selector = match (&rules.record, path.text().starts_with('@')) {
                (Some(record), true) => path.within(record),
                (None, true) | (_, false) => path.clone(),
            };
            let Some(met) = data_set.met_by(rules, &selector) else {
                continue;
            };
            let because = format!(
                "`{}` never leaves, by {}; what `{}` lets through of it is dropped",
                path.text(),
                self.source("never_share"),
                rules.fields[met].selector.text()
            );
            let rule = Rule {
                selector,
                action: Action::Drop,
                on_mismatch: OnMismatch::Drop,
                line: rules.fields[met].line,
            };
            drops.push((rule, because));
        }
        drops
    }

    /// Where what never leaves stands in `data_set`.
    fn never_of(&self, data_set: &DataSet) -> Vec<Selector> {
        let mut found: Vec<Selector> = Vec::new();
        for field in &data_set.fields {
            let by_kind = field
                .identifier
                .is_some_and(|kind| self.never.identifiers.contains(&kind));
            if by_kind || self.never.sensitivities.contains(&field.sensitivity) {
                found.push(field.selector().clone());
            }
        }
        for field in &self.never.fields {
            let of_this = field
                .data_set
                .as_ref()
                .is_none_or(|name| *name == data_set.name);
            if of_this && found.iter().all(|known| known.text() != field.path.text()) {
                found.push(field.path.clone());
            }
        }
        found
    }

    /// Whether something of `data_set` never leaves.
    fn withholds(&self, data_set: &DataSet) -> bool {
        !self.never_of(data_set).is_empty()
    }

    /// The place that states `key`, as messages name it.
    pub(super) fn source(&self, key: &str) -> String {
        match self.stated.get(key) {
            Some(place) => format!("the charter ({place})"),
            None => "the charter".to_owned(),
        }
    }
}

/// The form of identifier that tokens are made of; `None` where the action makes none.
fn token_form(action: &Action) -> Option<Kind> {
    match action {
        Action::Transform(
            Transform::Pseudonymise(identified) | Transform::Tokenise { identified, .. },
        ) => Some(identified.kind),
        Action::Transform(
            Transform::Decided
            | Transform::Replace { .. }
            | Transform::Mask { .. }
            | Transform::Generalise(_)
            | Transform::Shift(_)
            | Transform::Reidentify { .. }
            | Transform::Link(_)
            | Transform::Redact(_),
        )
        | Action::Keep
        | Action::KeepAll
        | Action::Drop => None,
    }
}
