//! What a new version of an agreement would newly disclose, and no longer, in plain English.
//!
//! Two comparisons, since each sees what the other does not. *By decision* (`body`): both versions' compiled rules are
//! asked about every structure that tells them apart ([`crate::plan::compare`]), so that a wildcard that covers a field
//! anew, or a `drop` that goes, is told as what it does. *By rule and by term* (`body`, `terms`): every rule, and every
//! other statement of the file, that came, went or changed is told, also where it changes nothing that leaves.

mod body;
mod terms;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Stated;
use crate::agreement::Agreement;

/// One version of an agreement, and what its text states.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The agreement.
    pub agreement: &'a Agreement,
    /// Its text.
    pub stated: &'a Stated,
}

/// All that differs between two versions, or two sets of agreements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Each difference, in the order of the agreements' names and of the newer files.
    pub differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The agreement.
    pub agreement: String,
    /// The disclosure, where it is of one.
    pub disclosure: Option<String>,
    /// What kind of difference.
    pub kind: Kind,
    /// Whether the newer version lets out more by it.
    pub widens: Widens,
    /// One sentence without the names of agreement and disclosure.
    pub text: String,
}

/// Whether a difference lets out more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Widens {
    /// No.
    No,
    /// It cannot be shown that it does not.
    Maybe,
    /// Yes.
    Yes,
}

impl Widens {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

/// Kinds of difference, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something leaves that did not.
    NewlyDisclosed,
    /// Something leaves in a form that tells more.
    Finer,
    /// Something leaves in another form, neither of which tells the other.
    Otherwise,
    /// Something leaves in a form that tells less.
    Coarser,
    /// Something leaves no more.
    NoLongerDisclosed,
    /// Who may ask, for what, when, on what basis, and how the partner may keep it.
    Term,
    /// What may be asked, and of which service.
    Request,
    /// A rule or a setting of a body as it is written.
    Rule,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 8] = [
        Self::NewlyDisclosed,
        Self::Finer,
        Self::Otherwise,
        Self::Coarser,
        Self::NoLongerDisclosed,
        Self::Term,
        Self::Request,
        Self::Rule,
    ];

    /// Its stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NewlyDisclosed => "newly_disclosed",
            Self::Finer => "disclosed_finer",
            Self::Otherwise => "disclosed_otherwise",
            Self::Coarser => "disclosed_coarser",
            Self::NoLongerDisclosed => "no_longer_disclosed",
            Self::Term => "term",
            Self::Request => "request",
            Self::Rule => "rule",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::NewlyDisclosed => "Newly disclosed",
            Self::Finer => "Disclosed more finely",
            Self::Otherwise => "Disclosed in another form, which cannot be compared",
            Self::Coarser => "Disclosed more coarsely",
            Self::NoLongerDisclosed => "No longer disclosed",
            Self::Term => "Terms",
            Self::Request => "What may be asked",
            Self::Rule => "Rules as written",
        }
    }
}

/// Compares two versions of one agreement, whatever their names.
#[must_use]
pub fn agreements(old: Version<'_>, new: Version<'_>) -> Diff {
    let mut found = Found::new(new.agreement);
    terms::compare(old, new, &mut found);
    Diff {
        differences: found.differences,
    }
}

/// Compares two sets of agreements, by their names.
#[must_use]
pub fn sets(old: &[Version<'_>], new: &[Version<'_>]) -> Diff {
    let mut names: BTreeMap<&str, (Option<Version<'_>>, Option<Version<'_>>)> = BTreeMap::new();
    for version in old {
        names.entry(version.agreement.name.as_str()).or_default().0 = Some(*version);
    }
    for version in new {
        names.entry(version.agreement.name.as_str()).or_default().1 = Some(*version);
    }
    let mut diff = Diff::default();
    for (before, after) in names.into_values() {
        match (before, after) {
            (Some(before), Some(after)) => {
                diff.differences
                    .append(&mut agreements(before, after).differences);
            }
            (None, Some(added)) => {
                let mut found = Found::new(added.agreement);
                terms::added(added.agreement, &mut found);
                diff.differences.append(&mut found.differences);
            }
            (Some(removed), None) => {
                let mut found = Found::new(removed.agreement);
                terms::removed(removed.agreement, &mut found);
                diff.differences.append(&mut found.differences);
            }
            (None, None) => unreachable!("a name comes from one of the sets"),
        }
    }
    diff
}

impl Diff {
    /// Whether the newer version lets out more, or might.
    #[must_use]
    pub fn widens(&self) -> bool {
        let mut all = self.differences.iter();
        all.any(|difference| difference.widens > Widens::No)
    }

    /// All of it in words.
    #[must_use]
    pub fn text(&self) -> String {
        if self.differences.is_empty() {
            return "nothing differs\n".to_owned();
        }
        let mut text = String::new();
        for kind in Kind::ALL {
            let of_kind: Vec<&Difference> = self
                .differences
                .iter()
                .filter(|difference| difference.kind == kind)
                .collect();
            if of_kind.is_empty() {
                continue;
            }
            text.push_str(kind.heading());
            text.push('\n');
            for difference in of_kind {
                let place = match &difference.disclosure {
                    Some(disclosure) => format!("{} `{disclosure}`", difference.agreement),
                    None => difference.agreement.clone(),
                };
                let mark = match difference.widens {
                    Widens::Yes => " [wider]",
                    Widens::Maybe => " [may be wider]",
                    Widens::No => "",
                };
                text.push_str(&format!("  {place}: {}{mark}\n", difference.text));
            }
            text.push('\n');
        }
        let count = |widens| {
            let all = self.differences.iter();
            all.filter(|difference| difference.widens == widens).count()
        };
        text.push_str(&match (count(Widens::Yes), count(Widens::Maybe)) {
            (0, 0) => "nothing widens\n".to_owned(),
            (yes, maybe) => format!("wider: {yes}; may be wider: {maybe}\n"),
        });
        text
    }

    /// All of it as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "widens": self.widens(),
            "differences": self.differences.iter().map(|difference| json!({
                "kind": difference.kind.code(),
                "widens": difference.widens.word(),
                "agreement": difference.agreement,
                "disclosure": difference.disclosure,
                "text": difference.text,
            })).collect::<Vec<_>>(),
        })
    }
}

/// Collects differences of one agreement.
struct Found {
    agreement: String,
    disclosure: Option<String>,
    differences: Vec<Difference>,
}

impl Found {
    fn new(agreement: &Agreement) -> Self {
        Self {
            agreement: agreement.name.to_string(),
            disclosure: None,
            differences: Vec::new(),
        }
    }

    fn add(&mut self, kind: Kind, widens: Widens, text: impl Into<String>) {
        self.differences.push(Difference {
            agreement: self.agreement.clone(),
            disclosure: self.disclosure.clone(),
            kind,
            widens,
            text: text.into(),
        });
    }

    /// Names that came and went.
    fn names<'a>(
        &mut self,
        kind: Kind,
        what: &str,
        old: impl IntoIterator<Item = &'a str>,
        new: impl IntoIterator<Item = &'a str>,
    ) {
        let old: Vec<&str> = old.into_iter().collect();
        let new: Vec<&str> = new.into_iter().collect();
        for name in new.iter().filter(|name| !old.contains(name)) {
            self.add(kind, Widens::Yes, format!("{what} {name} comes"));
        }
        for name in old.iter().filter(|name| !new.contains(name)) {
            self.add(kind, Widens::No, format!("{what} {name} goes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::{AgreementSet, Context, Source};
    use jiff::tz::TimeZone;

    const OLD: &str = include_str!("../../../config/agreements/falls-prevention.yaml");

    fn load(text: &str) -> AgreementSet {
        let source = Source {
            name: "a.yaml",
            text,
        };
        AgreementSet::load(&[source], &Context::alone(TimeZone::UTC))
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    /// What differs after `from` became `to` in the agreement.
    fn changed(from: &str, to: &str) -> Diff {
        assert!(OLD.contains(from), "{from}");
        between(OLD, &OLD.replacen(from, to, 1))
    }

    fn between(old: &str, new: &str) -> Diff {
        let (before, after) = (load(old), load(new));
        let (stated_old, stated_new) = (Stated::read(old), Stated::read(new));
        agreements(
            Version {
                agreement: &before.agreements[0],
                stated: &stated_old,
            },
            Version {
                agreement: &after.agreements[0],
                stated: &stated_new,
            },
        )
    }

    #[test]
    fn an_agreement_does_not_differ_from_itself() {
        assert_eq!(between(OLD, OLD), Diff::default());
        assert_eq!(between(OLD, OLD).text(), "nothing differs\n");
    }

    #[test]
    fn each_change_is_told_with_whether_it_widens() {
        let rows = [
            (
                "$.mobility, \"$.household",
                "$.mobility, $.phone, \"$.household",
                Kind::NewlyDisclosed,
                Widens::Yes,
                "$.phone leaves as it is",
            ),
            (
                "$.mobility, \"$.household",
                "$.mobility, $.address.*, \"$.household",
                Kind::NewlyDisclosed,
                Widens::Yes,
                "$.address.* leaves as it is",
            ),
            (
                "keep: [$.contacts.phone]",
                "keep_all: [$.contacts]",
                Kind::NewlyDisclosed,
                Widens::Yes,
                "$.contacts leaves whole, as it is, with everything in it",
            ),
            (
                "keep: [$.mobility, \"$.household[*].relationship\"",
                "keep: [\"$.household[*].relationship\"",
                Kind::NoLongerDisclosed,
                Widens::No,
                "$.mobility left as it is",
            ),
            (
                "- generalise: [$.dateOfBirth]\n          to: year",
                "- generalise: [$.dateOfBirth]\n          to: month",
                Kind::Finer,
                Widens::Yes,
                "$.dateOfBirth leaves as its month; it left as its year",
            ),
            (
                "- generalise: [$.dateOfBirth]\n          to: year",
                "- keep: [$.dateOfBirth]",
                Kind::Finer,
                Widens::Yes,
                "$.dateOfBirth leaves as it is; it left as its year",
            ),
            (
                "- tokenise: [$.nhsNumber]\n          as: person\n          form: nhs-number\n        - generalise",
                "- pseudonymise: [$.nhsNumber]\n          as: person\n          form: nhs-number\n        - generalise",
                Kind::Coarser,
                Widens::No,
                "$.nhsNumber leaves as a one-way token of the person",
            ),
            (
                "detect: [nhs-number, nino, email, phone, date-of-birth]",
                "detect: [nhs-number, nino]",
                Kind::Finer,
                Widens::Yes,
                "$.notes leaves as text without",
            ),
            (
                "ends: 2027-03-31",
                "ends: 2028-03-31",
                Kind::Term,
                Widens::Yes,
                "it ends on 2028-03-31; it ended on 2027-03-31",
            ),
            (
                "ends: 2027-03-31",
                "ends: 2027-02-28",
                Kind::Term,
                Widens::No,
                "it ends on 2027-02-28",
            ),
            (
                "partner: island-health",
                "partner: harbour-homes",
                Kind::Term,
                Widens::Yes,
                "the partner is harbour-homes; it was island-health",
            ),
            (
                "retention: P6M",
                "retention: P1Y",
                Kind::Term,
                Widens::Maybe,
                "retention is P1Y; it was P6M",
            ),
            (
                "territory: [GB]",
                "territory: [GB, IE]",
                Kind::Term,
                Widens::Yes,
                "IE comes to basis.territory",
            ),
            (
                "  service-evaluation: Find out",
                "  research: Learn\n  service-evaluation: Find out",
                Kind::Term,
                Widens::Yes,
                "purpose research comes",
            ),
            (
                "    purposes: [falls-prevention]\n    request: GET /adults/{person}",
                "    purposes: [falls-prevention, service-evaluation]\n    request: GET /adults/{person}",
                Kind::Term,
                Widens::Yes,
                "purpose service-evaluation comes",
            ),
            (
                "query: { keep: [page, assessed-since] }",
                "query: { keep: [page, assessed-since, name] }",
                Kind::Request,
                Widens::Yes,
                "query parameter name comes",
            ),
            (
                "headers: { keep: [etag] }",
                "headers: { keep: [etag, x-page-count] }",
                Kind::NewlyDisclosed,
                Widens::Yes,
                "response header x-page-count comes",
            ),
            (
                "request: GET /adults\n",
                "request: GET /everybody\n",
                Kind::Request,
                Widens::Maybe,
                "it answers GET /everybody; it answered GET /adults",
            ),
            (
                "path: /api/v2/adults }",
                "path: /api/v3/adults }",
                Kind::Request,
                Widens::Maybe,
                "asks social-care for /api/v3/adults",
            ),
            (
                "      release_if: \"@.consent.sharing == true\"\n      fields:\n        - keep: [$.mobility, \"$",
                "      fields:\n        - keep: [$.mobility, \"$",
                Kind::NewlyDisclosed,
                Widens::Yes,
                "records leave without a condition",
            ),
            (
                "release_if: \"@.consent.sharing == true\"",
                "release_if: \"@.consent.sharing != false\"",
                Kind::Otherwise,
                Widens::Maybe,
                "records leave if @.consent.sharing != false",
            ),
            (
                "on_mismatch: refuse",
                "on_mismatch: drop",
                Kind::Rule,
                Widens::No,
                "generalise $.items[*].dateOfBirth",
            ),
            (
                "power: Care Act 2014 s.6",
                "power: Care Act 2014 s.7",
                Kind::Term,
                Widens::No,
                "basis.power is Care Act 2014 s.7; it was Care Act 2014 s.6",
            ),
        ];
        for (from, to, kind, widens, text) in rows {
            let diff = changed(from, to);
            assert!(
                diff.differences
                    .iter()
                    .any(|one| one.kind == kind && one.widens == widens && one.text.contains(text)),
                "{to}: {kind:?} {widens:?} {text}\n{}",
                diff.text()
            );
            assert_eq!(diff.widens(), widens > Widens::No, "{}", diff.text());
        }
    }

    #[test]
    fn a_change_the_other_way_narrows() {
        let narrower = OLD.replacen("keep: [$.contacts.phone]", "keep: [$.contacts.mobile]", 1);
        let diff = between(&narrower, OLD);
        let mut kinds: Vec<Kind> = diff.differences.iter().map(|one| one.kind).collect();
        kinds.sort_unstable();
        assert_eq!(
            kinds,
            [
                Kind::NewlyDisclosed,
                Kind::NoLongerDisclosed,
                Kind::Rule,
                Kind::Rule
            ]
        );
    }

    #[test]
    fn a_disclosure_that_comes_is_told_field_by_field() {
        let start = OLD.find("  - name: adults-assessed").unwrap();
        let diff = between(&OLD[..start], OLD);
        assert!(diff.widens());
        let text = diff.text();
        for expected in [
            "falls-prevention: the disclosure `adults-assessed` comes: GET /adults for service-evaluation [wider]",
            "falls-prevention `adults-assessed`: $.items[*].mobility leaves as it is [wider]",
            "$.items[*].dateOfBirth leaves as its year [wider]",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        let back = between(OLD, &OLD[..start]);
        assert!(!back.widens(), "{}", back.text());
    }

    #[test]
    fn sets_tell_of_agreements_that_come_and_go() {
        let set = load(OLD);
        let stated = Stated::read(OLD);
        let version = Version {
            agreement: &set.agreements[0],
            stated: &stated,
        };
        assert_eq!(sets(&[version], &[version]), Diff::default());
        assert!(sets(&[], &[version]).widens());
        let gone = sets(&[version], &[]);
        assert!(!gone.widens());
        assert!(gone.text().contains("falls-prevention: the agreement goes"));
    }
}
