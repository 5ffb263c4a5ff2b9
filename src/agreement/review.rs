//! What a reviewer of an agreement wants to see at once: its days, what it lets through, and why.

use jiff::civil::Date;
use serde::Serialize;

use super::basis::Principled;
use super::{Agreement, Disclosure, Namespace, TableDigest};
use crate::approval::Approved;
use crate::plan::{Action, BodyRules, Format, Plan, Rule};
use crate::transform::Shape;

/// Days before the end of a term, or before its review, from which [`Review::warnings`] says so.
const SOON_DAYS: i64 = 60;

/// One agreement as its reviewer sees it on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The agreement's name.
    pub agreement: String,
    /// Its version.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// Its partner.
    pub partner: String,
    /// Its first day.
    pub starts: String,
    /// Its last day.
    pub ends: String,
    /// Days that it is still in force, today included; less than one when it has ended.
    pub days_left: i64,
    /// Its purposes' names.
    pub purposes: Vec<String>,
    /// The group of agreements with this partner whose tokens are the same, if it is in one.
    pub link: Option<String>,
    /// What its tokens are of.
    pub tokens: Vec<TokenReview>,
    /// The tables that it names, and what they hold: a part of what is agreed.
    pub tables: Vec<TableDigest>,
    /// On what law it rests, and the terms that go with that: what each line is about, and its text.
    pub terms: Vec<(&'static str, String)>,
    /// Rules under which something leaves and that cite neither law nor guidance.
    pub uncited: Vec<String>,
    /// How it stands to each principle.
    pub principles: Vec<Principled>,
    /// What it permits.
    pub disclosures: Vec<DisclosureReview>,
    /// What is no fault but should be looked at, a sentence each.
    pub warnings: Vec<String>,
}

/// One disclosure as its reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisclosureReview {
    /// Its name.
    pub disclosure: String,
    /// The method and path that it answers.
    pub request: String,
    /// Who pushes it and where to, one sentence; `None` where the partner asks for it.
    pub push: Option<String>,
    /// The purposes that it is for.
    pub purposes: Vec<String>,
    /// The entry of the register that it draws on.
    pub data_set: Option<String>,
    /// On what ground each purpose may use it, a sentence each; none without a register.
    pub grounds: Vec<String>,
    /// The format of the body that leaves: the response's, or of a push the request's.
    pub format: &'static str,
    /// The format of the body that comes in, if one may: the request's, or of a push the response's.
    pub received_format: Option<&'static str>,
    /// How many rules of each action the body that leaves has, in the order of their first.
    pub rules: Vec<(&'static str, usize)>,
    /// How many rules of each action the body that comes in has.
    pub received_rules: Vec<(&'static str, usize)>,
    /// Each selector under which values leave, and their type at the partner.
    pub types: Vec<TypeReview>,
    /// The table that leaves in place of records, by what and under which rule, one sentence; `None` lets records out.
    pub table: Option<String>,
    /// Each `keep_all` and why.
    pub kept_whole: Vec<WholeReview>,
    /// What is kept from the people it is about, and by which exemption.
    pub exemptions: Vec<ExemptReview>,
    /// Each body that passes without being looked into, and why.
    pub opaque: Vec<OpaqueReview>,
    /// Bodies that are held whole before anything of them leaves, up to the limit for held bytes, and why:
    /// a filter or condition looks at the whole document, or its own elements are counted from their end.
    pub held_whole: Vec<String>,
    /// Bodies of which elements are held, each up to the limit for held bytes, until they are whole, and why: a
    /// filter is decided on each, or a position from an array's end on the array.
    pub held_elements: Vec<String>,
    /// Selectors that reach values through `..` or `.*`, where the members' names on the way come from the
    /// data and leave with the values.
    pub names_from_data: Vec<String>,
}

/// The tokens of one namespace as their reviewer sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenReview {
    /// What they identify.
    pub namespace: String,
    /// How its identifiers are written.
    pub form: String,
    /// Whether the gateway turns them back for this partner.
    pub reversible: bool,
    /// The shape that they keep, if a rule says so.
    pub format: Option<&'static str>,
}

/// What leaves under a selector, as its reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeReview {
    /// The selector.
    pub selector: String,
    /// The action's word.
    pub action: &'static str,
    /// The values' type at the partner, in words. In formats other than JSON every value is text.
    pub r#type: &'static str,
}

/// A `keep_all` as its reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WholeReview {
    /// The selector.
    pub selector: String,
    /// The reason.
    pub because: String,
}

/// Something that is kept from the person it is about, as its reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExemptReview {
    /// The selector.
    pub selector: String,
    /// The exemption's code.
    pub exempt: String,
}

/// A body that passes without being looked into, as its reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpaqueReview {
    /// Which: `request body` or `response`.
    pub body: &'static str,
    /// The media types that may pass.
    pub types: Vec<String>,
    /// The reason.
    pub because: String,
}

impl Agreement {
    /// This agreement as its reviewer sees it on `today`, a day of the controller's time zone.
    #[must_use]
    pub fn review(&self, today: Date) -> Review {
        let days_left = days(today, self.term.ends) + 1;
        let mut warnings = Vec::new();
        if days_left < 1 {
            warnings.push(format!(
                "ended on {}; its requests are refused",
                self.term.ends
            ));
        } else if today < self.term.starts {
            warnings.push(format!(
                "starts on {}; its requests are refused until then",
                self.term.starts
            ));
        } else if days_left <= SOON_DAYS {
            warnings.push(match days_left {
                1 => "ends today".to_owned(),
                _ => format!("ends in {days_left} days, today included"),
            });
        }
        warnings.extend(self.warnings.iter().cloned());
        if self.keys_destroyed {
            warnings.push("its keys are destroyed; its requests are refused".to_owned());
        }
        if let Some(review) = self.term.review.filter(|_| days_left >= 1) {
            match days(today, review) {
                left if left < 0 => warnings.push(format!("was to be reviewed by {review}")),
                left if left <= SOON_DAYS => {
                    warnings.push(format!("is to be reviewed by {review}"))
                }
                _ => {}
            }
        }
        for purpose in self.purposes.iter().map(|purpose| &purpose.name) {
            if !self
                .disclosures
                .iter()
                .any(|disclosure| disclosure.purposes.contains(purpose))
            {
                warnings.push(format!("nothing is disclosed for the purpose {purpose}"));
            }
        }
        warnings.extend(self.law.warnings(today));
        if let Approved::Draft { missing, .. } = &self.approved {
            warnings.push(format!(
                "is a draft, not approved by {}; its requests are refused",
                missing.join(", ")
            ));
        }
        Review {
            agreement: self.name.to_string(),
            version: self.version,
            title: self.title.clone(),
            partner: self.partner.to_string(),
            starts: self.term.starts.to_string(),
            ends: self.term.ends.to_string(),
            days_left,
            purposes: self
                .purposes
                .iter()
                .map(|purpose| purpose.name.to_string())
                .collect(),
            link: self.link.clone(),
            tokens: self.namespaces.iter().map(TokenReview::of).collect(),
            tables: self.tables.clone(),
            terms: self.law.lines(),
            uncited: self.law.uncited.clone(),
            principles: self.principles(today),
            disclosures: self
                .disclosures
                .iter()
                .map(|disclosure| disclosure.review())
                .collect(),
            warnings,
        }
    }
}

impl TokenReview {
    fn of(namespace: &Namespace) -> Self {
        Self {
            namespace: namespace.name.clone(),
            form: namespace.written_as(),
            reversible: namespace.reversible,
            format: namespace.format.map(Shape::word),
        }
    }
}

impl Disclosure {
    /// The bodies that are held whole, a sentence each.
    pub(crate) fn held_whole(&self) -> Vec<String> {
        self.held(
            Plan::holds_document,
            "only the whole document decides its selectors or condition; at most",
        )
    }

    /// The bodies of which elements are held, a sentence each.
    pub(crate) fn held_elements(&self) -> Vec<String> {
        self.held(
            Plan::holds_elements,
            "its filters are decided on each element, positions from the end on each array; of one at most",
        )
    }

    fn held(&self, holds: impl Fn(&Plan) -> bool, why: &str) -> Vec<String> {
        let plans = [
            ("request body", self.request_plan()),
            ("response", self.response_plan()),
        ];
        plans
            .into_iter()
            .filter_map(|(body, plan)| Some((body, plan.filter(|plan| holds(plan))?)))
            .map(|(body, plan)| format!("{body}: {why} {} bytes", plan.limits().held_bytes))
            .collect()
    }

    fn review(&self) -> DisclosureReview {
        let bodies = || self.received_rules.iter().chain([&self.released_rules]);
        DisclosureReview {
            disclosure: self.name.to_string(),
            request: format!("{} {}", self.method, self.path.text()),
            push: self.pushed_by.as_ref().map(|system| {
                let path = self.service_path.text();
                format!("{system} brings it to {} at {path}", self.service)
            }),
            purposes: self.purposes.iter().map(ToString::to_string).collect(),
            data_set: self.data_set.clone(),
            grounds: self
                .grounds
                .iter()
                .map(|(purpose, ground)| format!("{purpose}: {ground}"))
                .collect(),
            format: self.released_rules.format.word(),
            received_format: self
                .received_rules
                .as_ref()
                .map(|rules| rules.format.word()),
            rules: count(&self.released_rules),
            received_rules: self.received_rules.as_ref().map(count).unwrap_or_default(),
            types: types(&self.released_rules),
            table: self.released_rules.aggregate.as_ref().map(|table| {
                let by: Vec<&str> = table
                    .dimensions
                    .iter()
                    .map(|one| one.name.as_str())
                    .collect();
                format!(
                    "no record leaves, but counts by {} under the rule {}",
                    by.join(", "),
                    table.rule.name()
                )
            }),
            exemptions: self
                .exemptions
                .iter()
                .map(|exemption| ExemptReview {
                    selector: exemption.selector.clone(),
                    exempt: exemption.code.clone(),
                })
                .collect(),
            kept_whole: self
                .kept_whole
                .iter()
                .map(|whole| WholeReview {
                    selector: whole.selector.clone(),
                    because: whole.because.clone(),
                })
                .collect(),
            opaque: self
                .opaque
                .iter()
                .map(|opaque| OpaqueReview {
                    body: opaque.body,
                    types: opaque.types.clone(),
                    because: opaque.because.clone(),
                })
                .collect(),
            held_whole: self.held_whole(),
            held_elements: self.held_elements(),
            names_from_data: bodies().flat_map(names_from_data).collect(),
        }
    }
}

fn days(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).map_or(0, |span| span.get_days()))
}

fn types(rules: &BodyRules) -> Vec<TypeReview> {
    let is_json = match rules.format {
        Format::Json | Format::Ndjson | Format::JsonSequence | Format::EventStream => true,
        Format::Csv(_) | Format::Xml(_) | Format::Form | Format::Multipart | Format::Opaque(_) => {
            false
        }
    };
    let of = |rule: &Rule| {
        let (action, r#type) = match &rule.action {
            Action::Drop => return None,
            Action::Keep => ("keep", "as it is"),
            Action::KeepAll => ("keep_all", "as it is"),
            Action::Transform(transform) => (transform.word(), transform.output().word()),
        };
        Some(TypeReview {
            selector: rule.selector.text().to_owned(),
            action,
            r#type: if is_json { r#type } else { "text" },
        })
    };
    rules.fields.iter().filter_map(of).collect()
}

fn count(rules: &BodyRules) -> Vec<(&'static str, usize)> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for rule in &rules.fields {
        let word = match &rule.action {
            Action::Keep => "keep",
            Action::KeepAll => "keep_all",
            Action::Drop => "drop",
            Action::Transform(transform) => transform.word(),
        };
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts
}

/// The selectors of `rules` that let members' names leave as the data has them.
fn names_from_data(rules: &BodyRules) -> impl Iterator<Item = String> {
    let renamed: Vec<&str> = rules
        .names
        .iter()
        .map(|rule| rule.selector.text())
        .collect();
    let permitting = rules
        .fields
        .iter()
        .filter(|rule| !matches!(rule.action, Action::Drop));
    permitting
        .map(|rule| rule.selector.text())
        .filter(move |text| takes_names_from_data(text, &renamed))
        .map(str::to_owned)
}

/// Whether `selector`, outside quotes, has `..` or `.*` behind anything but one of `renamed`, whose members' names
/// have a rule. `[*]` is how elements of arrays are written, and is not taken for a wildcard over members here.
fn takes_names_from_data(selector: &str, renamed: &[&str]) -> bool {
    let mut quote = None;
    let mut escaped = false;
    let mut before = ' ';
    for (at, letter) in selector.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if before == '.' && letter == '*' && renamed.contains(&&selector[..at - 1]) => {}
            None if before == '.' && (letter == '.' || letter == '*') => return true,
            None => {}
        }
        before = if quote.is_some() { ' ' } else { letter };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_have_a_rule_are_not_the_datas() {
        for (selector, expected) in [
            ("$.people.*", false),
            ("$.people.*.score", false),
            ("$.people.*.more.*", true),
            ("$.people..score", true),
            ("$.others.*", true),
        ] {
            assert_eq!(
                takes_names_from_data(selector, &["$.people"]),
                expected,
                "{selector}"
            );
        }
    }

    #[test]
    fn only_wildcards_over_members_take_names_from_data() {
        for (selector, expected) in [
            ("$.a.b", false),
            ("$.a[*].b", false),
            ("$..b", true),
            ("$.a.*", true),
            ("$.a.*.b", true),
            ("$['a..b']", false),
            ("$[\"a.*\\\"..\"].b", false),
            ("$['it\\'s']..b", true),
        ] {
            assert_eq!(takes_names_from_data(selector, &[]), expected, "{selector}");
        }
    }
}
