//! A body's rules as written to [`BodyRules`] as meant, and to a [`Plan`].

use serde_json::Value;

use super::file::{
    BodyAsWritten, FieldsAsWritten, FormatAsWritten, HINTS, InvalidAsWritten, OnMismatchAsWritten,
    RuleAsWritten, ScopeAsWritten, ShapeAsWritten,
};
use super::ladders::Ladder;
use super::namespaces::{Forms, Namespaces};
use super::tables::Tables;
use super::{aggregate, format, link, redact, withhold};
use crate::minimise::Limits;
use crate::plan::{
    Action, BodyRules, Condition, OnMismatch, Plan, PlanFault, PlanKeys, Plans, Rule, Selector,
};
use crate::transform::{Identified, Invalid, NoKeys, Part, Scope, Transform};
use crate::written::text::SelectorText;
use crate::written::{Fault, Faults, Reader, Written};

/// A `keep_all` and why it is there: what a reviewer reads first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWhole {
    /// The selector as written.
    pub selector: String,
    /// The reason as written.
    pub because: String,
}

/// Reads the rules of one body, without an agreement: what `fieldgate apply --fields` takes. `file` is the
/// name that faults give.
///
/// # Errors
/// With every fault of the text. What only compiling shows ([`Plan::compile`]) is not among them.
pub fn load_fields(file: &str, text: &str) -> Result<BodyRules, Faults> {
    load_fields_with(file, text, &Tables::none())
}

/// As [`load_fields`], with the look-up tables that the rules may name.
///
/// # Errors
/// As [`load_fields`], and with what is at fault in a table.
pub fn load_fields_with(file: &str, text: &str, tables: &Tables) -> Result<BodyRules, Faults> {
    let mut faults = Vec::new();
    let rules = Reader::<FieldsAsWritten>::new(HINTS)
        .read(file, text, &mut faults)
        .map(|written| {
            if written.value.format == Some(FormatAsWritten::Opaque) {
                written.fault(
                    &mut faults,
                    "/format",
                    "opaque bodies are not looked into, so a file of rules has none for them; leave `format` out, or write the body's",
                );
            }
            let mut forms = Forms::default();
            forms.take(&written.value.body());
            let beside = Beside {
                tables,
                forms: &forms,
            };
            let body = Body::check(&written, "", &written.value.body(), beside, &mut faults);
            Namespaces::default().take(&written, &body, &mut faults);
            body.rules
        });
    Faults::none_of(faults)?;
    Ok(rules.expect("a file that cannot be read has a fault"))
}

/// The JSON Schema of a file that `fieldgate apply --fields` takes.
#[must_use]
pub fn fields_schema() -> String {
    crate::written::schema_text::<FieldsAsWritten>()
}

/// What rules are read beside.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    /// The look-up tables that are there.
    pub(super) tables: &'a Tables,
    /// How the identifiers of each namespace are written.
    pub(super) forms: &'a Forms,
}

/// A body's rules, and where each stands.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) rules: BodyRules,
    /// The pointer of each of `rules.fields`, then of each of `rules.names`.
    pointers: Vec<String>,
    /// Which of `rules.fields`, then of `rules.names`, say why.
    pub(super) reasoned: Vec<bool>,
    pub(super) kept_whole: Vec<KeptWhole>,
}

impl Body {
    /// Checks the body that stands at `pointer` in `written`.
    pub(super) fn check<T>(
        written: &Written<T>,
        pointer: &str,
        body: &BodyAsWritten<'_>,
        beside: Beside<'_>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut checked = Self {
            rules: BodyRules {
                format: format::check(written, pointer, body, faults),
                prune: body.prune.unwrap_or(false),
                ..BodyRules::default()
            },
            pointers: Vec::new(),
            reasoned: Vec::new(),
            kept_whole: Vec::new(),
        };
        if body.format == Some(FormatAsWritten::Opaque) {
            // Whatever rules there are have been told to be one too many.
            return checked;
        }
        checked.rules.record = body.record.and_then(|text| {
            selector(
                written,
                &format!("{pointer}/record"),
                text,
                Start::Document,
                faults,
            )
        });
        checked.rules.subject = body.subject.and_then(|text| {
            selector(
                written,
                &format!("{pointer}/subject"),
                text,
                Start::Either,
                faults,
            )
        });
        checked.rules.release_if = body.release_if.and_then(|text| {
            Condition::parse(&text.0)
                .map_err(|error| {
                    written.fault(faults, &format!("{pointer}/release_if"), error.message)
                })
                .ok()
        });
        if let Some(withhold) = body.withhold {
            let pointer = format!("{pointer}/withhold");
            checked.rules.withhold = withhold::check(written, &pointer, withhold, faults);
        }
        if let Some(table) = body.aggregate {
            let pointer = format!("{pointer}/aggregate");
            checked.rules.aggregate =
                aggregate::check(written, &pointer, table, beside.tables, faults);
        }
        if body.record.is_none() {
            // Told here, each at its own place; the plan then has nothing more to say of them.
            checked.rules.subject = None;
            checked.rules.release_if = None;
            checked.rules.withhold.clear();
            for (key, there) in [
                ("subject", body.subject.is_some()),
                ("release_if", body.release_if.is_some()),
                ("withhold", body.withhold.is_some()),
            ] {
                if there {
                    written.fault(
                        faults,
                        &format!("{pointer}/{key}"),
                        format!("`{key}` is about a record; add for example `record: $` (the whole body) or `record: $.items[*]`"),
                    );
                }
            }
        }
        for (of, rules) in [
            (RulesOf::Fields, body.fields.unwrap_or_default()),
            (RulesOf::Names, body.names.unwrap_or_default()),
        ] {
            for (index, rule) in rules.iter().enumerate() {
                let pointer = format!("{pointer}/{}/{index}", of.key());
                checked.rule(written, &pointer, of, rule, beside, faults);
                checked.people(written, &pointer, body.record.is_some(), rule, faults);
            }
        }
        checked
    }

    /// Its rules and where each stands.
    pub(super) fn placed_rules(&self) -> impl Iterator<Item = (&Rule, &str)> {
        let rules = self.rules.fields.iter().chain(&self.rules.names);
        rules.zip(self.pointers.iter().map(String::as_str))
    }

    /// Where the rule at `index` of `rules.fields` stands.
    pub(super) fn pointer(&self, index: usize) -> &str {
        &self.pointers[index]
    }

    /// Adds a rule for fields that the file does not have; faults of it are told where the one at `beside` stands.
    pub(super) fn add_field(&mut self, rule: Rule, beside: usize) {
        let at = self.rules.fields.len();
        self.pointers.insert(at, self.pointers[beside].clone());
        self.reasoned.insert(at, true);
        self.rules.fields.push(rule);
    }

    /// Compiles the rules; `None` adds the faults, each at its rule's selector.
    pub(super) fn compile<T>(
        &self,
        written: &Written<T>,
        pointer: &str,
        plans: &Plans,
        (keys, limits): (&PlanKeys, &Limits),
        faults: &mut Vec<Fault>,
    ) -> Option<Plan> {
        match plans.compile(&self.rules, keys, limits) {
            Ok(plan) => Some(plan),
            Err(found) => {
                for fault in found {
                    match fault.rule.and_then(|rule| self.pointers.get(rule)) {
                        Some(pointer) => written.fault(faults, pointer, fault.message),
                        None => {
                            let part = self.part_at_fault(&fault, keys, limits);
                            written.fault(faults, &format!("{pointer}/{part}"), fault.message);
                        }
                    }
                }
                None
            }
        }
    }

    /// The key that `fault`, which is of no rule, is about: the one without which it is gone.
    fn part_at_fault(&self, fault: &PlanFault, keys: &PlanKeys, limits: &Limits) -> &'static str {
        let stays_without = |change: fn(&mut BodyRules)| {
            let mut rules = self.rules.clone();
            change(&mut rules);
            Plan::compile(&rules, keys, limits).is_err_and(|faults| faults.contains(fault))
        };
        if !stays_without(|rules| rules.aggregate = None) {
            "aggregate"
        } else if !stays_without(|rules| rules.release_if = None) {
            "release_if"
        } else if !stays_without(|rules| rules.withhold.clear()) {
            "withhold"
        } else if !stays_without(|rules| rules.subject = None) {
            "subject"
        } else if self.rules.record.is_some() && !stays_without(|rules| rules.record = None) {
            "record"
        } else {
            "fields"
        }
    }

    /// Adds a fault at each rule that turns tokens back, in a body that goes to a partner.
    pub(super) fn refuse_reidentify<T>(&self, written: &Written<T>, faults: &mut Vec<Fault>) {
        let rules = self.rules.fields.iter().chain(&self.rules.names);
        for (rule, pointer) in rules.zip(&self.pointers) {
            if let Action::Transform(Transform::Reidentify { .. }) = &rule.action {
                let message = "reidentify is for what goes to a service; a partner gets tokens, by pseudonymise or tokenise";
                written.fault(faults, pointer, message);
            }
        }
    }

    /// Adds a fault at each rule that needs keys. `why`: the ring has none for this agreement; else nobody has.
    pub(super) fn refuse_keyed<T>(
        &self,
        written: &Written<T>,
        pointer: &str,
        why: Option<&NoKeys>,
        faults: &mut Vec<Fault>,
    ) {
        const WRITE: &str = "write keys: { root_key_file: FILE } in the gateway's configuration";
        for (rule, pointer) in self.placed_rules() {
            if let Action::Transform(transform) = &rule.action
                && transform.is_keyed()
            {
                let message = match why {
                    Some(why) => why.to_string(),
                    None => format!("{} needs a key; {WRITE}", transform.word()),
                };
                written.fault(faults, pointer, message);
            }
        }
        // Its token hangs on the root alone.
        if self.rules.subject.is_some() && why.is_none() {
            written.fault(
                faults,
                &format!("{pointer}/subject"),
                format!("`subject` needs a key, for its token in the ledger; {WRITE}"),
            );
        }
    }

    /// Adds the selectors of people's names that `rule` has.
    fn people<T>(
        &mut self,
        written: &Written<T>,
        pointer: &str,
        has_record: bool,
        rule: &RuleAsWritten,
        faults: &mut Vec<Fault>,
    ) {
        for (index, text) in rule.names.iter().flatten().enumerate() {
            let place = format!("{pointer}/names/{index}");
            if !has_record {
                written.fault(
                    faults,
                    &place,
                    "names are looked for in their record; write `record:` too, `record: $` if the body is one",
                );
                return;
            }
            let name = selector(written, &place, text, Start::Either, faults);
            if let Some(name) = name.filter(|name| {
                let mut known = self.rules.people.iter();
                known.all(|known| known.text() != name.text())
            }) {
                self.rules.people.push(name);
            }
        }
    }

    /// Adds the fields that identify together to what `rule` identifies, and their selectors to the body's.
    fn parts<T>(
        &mut self,
        written: &Written<T>,
        pointer: &str,
        rule: &RuleAsWritten,
        identified: &mut Identified,
        faults: &mut Vec<Fault>,
    ) {
        let Some(parts) = &rule.of else {
            return;
        };
        if rule.form.is_some() {
            written.fault(
                faults,
                &format!("{pointer}/form"),
                "each field under `of` has a form of its own; leave this one out",
            );
        }
        if self.rules.record.is_none() {
            written.fault_at_key(
                faults,
                &format!("{pointer}/of"),
                "the fields that identify together are those of one record; write `record:` too, `record: $` if the body is one",
            );
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            let Some(text) = &part.at else {
                continue;
            };
            let place = format!("{pointer}/of/{index}/at");
            let Some(at) = selector(written, &place, text, Start::Either, faults) else {
                continue;
            };
            let mut known = self.rules.parts.iter();
            let slot = known.position(|known| known.text() == at.text());
            let slot = slot.unwrap_or_else(|| {
                self.rules.parts.push(at);
                self.rules.parts.len() - 1
            });
            identified.parts.push(Part {
                kind: part.form.map(|form| form.0).unwrap_or_default(),
                at: text.0.clone(),
                slot,
            });
        }
    }

    fn rule<T>(
        &mut self,
        written: &Written<T>,
        pointer: &str,
        of: RulesOf,
        rule: &RuleAsWritten,
        beside: Beside<'_>,
        faults: &mut Vec<Fault>,
    ) {
        let actions = rule.actions();
        let (word, selectors) = match actions.as_slice() {
            [only] => *only,
            [] => {
                // Where a key of the rule was at fault, that was probably the action.
                if !written.is_faulted_within(pointer) {
                    written.fault(
                        faults,
                        pointer,
                        format!("the rule has no action; write one of {}", Word::all()),
                    );
                }
                return;
            }
            several @ [(start, _), ..] => {
                let at = |word: Word| format!("{pointer}/{}", word.text());
                let first = several.iter().fold(*start, |first, (word, _)| {
                    if written.is_before(&at(*word), &at(first)) {
                        *word
                    } else {
                        first
                    }
                });
                for (word, _) in several.iter().filter(|(word, _)| *word != first) {
                    written.fault_at_key(
                        faults,
                        &at(*word),
                        format!(
                            "a second action, beside `{}`; begin a rule of its own with `- {}:`",
                            first.text(),
                            word.text()
                        ),
                    );
                }
                return;
            }
        };
        for (option, there) in rule.options() {
            if there && !word.options().contains(&option) {
                let of: Vec<&str> = Word::ALL
                    .iter()
                    .filter(|word| word.options().contains(&option))
                    .map(|word| word.text())
                    .collect();
                written.fault_at_key(
                    faults,
                    &format!("{pointer}/{option}"),
                    format!(
                        "`{option}` is not an option of `{}`, only of {}; leave it out",
                        word.text(),
                        of.join(", ")
                    ),
                );
            }
        }
        let on_mismatch = match rule.on_mismatch {
            // What is no token of the agreement's is a fault of who asks, and never dropped in silence.
            None if word == Word::Reidentify => OnMismatch::Refuse,
            None | Some(OnMismatchAsWritten::Drop) => OnMismatch::Drop,
            Some(OnMismatchAsWritten::Refuse) => OnMismatch::Refuse,
        };
        let mut action = rule.action(written, pointer, word, beside, faults);
        if let Some(Action::Transform(Transform::Pseudonymise(identified))) = &mut action {
            self.parts(written, pointer, rule, identified, faults);
        }
        for (index, text) in selectors.iter().enumerate() {
            let place = format!("{pointer}/{}/{index}", word.text());
            let Some(selector) = selector(written, &place, text, Start::Document, faults) else {
                continue;
            };
            let Some(action) = action.clone() else {
                continue;
            };
            let rules = match of {
                RulesOf::Fields => &mut self.rules.fields,
                RulesOf::Names => &mut self.rules.names,
            };
            if let (Action::KeepAll, Some(because)) = (&action, &rule.because) {
                self.kept_whole.push(KeptWhole {
                    selector: text.0.clone(),
                    because: because.0.clone(),
                });
            }
            rules.push(Rule {
                selector,
                action,
                on_mismatch,
                line: written.line(&place),
            });
            self.pointers.push(place);
            self.reasoned.push(rule.because.is_some());
        }
    }
}

/// What rules are of.
#[derive(Clone, Copy)]
enum RulesOf {
    Fields,
    Names,
}

impl RulesOf {
    fn key(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Names => "names",
        }
    }
}

/// From where a selector may be written.
#[derive(Clone, Copy)]
enum Start {
    Document,
    Either,
}

fn selector<T>(
    written: &Written<T>,
    pointer: &str,
    text: &SelectorText,
    start: Start,
    faults: &mut Vec<Fault>,
) -> Option<Selector> {
    let text = text.0.as_str();
    let message = match (text.chars().next(), start) {
        (Some('$'), _) | (Some('@'), Start::Either) => match Selector::parse(text) {
            Ok(selector) => return Some(selector),
            Err(error) => error.message,
        },
        (Some('@'), Start::Document) => {
            "a selector here starts at the document, with $; @ is the record, in `subject` and `release_if`".to_owned()
        }
        (Some(_) | None, _) => {
            let guess = format!("$.{text}");
            match Selector::parse(&guess) {
                Ok(_) => format!("a selector starts with $; write {guess}"),
                Err(_) => "a selector starts with $; write for example $.address.postcode".to_owned(),
            }
        }
    };
    written.fault(faults, pointer, message);
    None
}

/// An action's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Keep,
    KeepAll,
    Drop,
    Replace,
    Mask,
    Generalise,
    Shift,
    Pseudonymise,
    Tokenise,
    Link,
    Reidentify,
    Redact,
}

impl Word {
    const ALL: [Self; 12] = [
        Self::Keep,
        Self::KeepAll,
        Self::Drop,
        Self::Replace,
        Self::Mask,
        Self::Generalise,
        Self::Shift,
        Self::Pseudonymise,
        Self::Tokenise,
        Self::Link,
        Self::Reidentify,
        Self::Redact,
    ];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::KeepAll => "keep_all",
            Self::Drop => "drop",
            Self::Replace => "replace",
            Self::Mask => "mask",
            Self::Generalise => "generalise",
            Self::Shift => "shift",
            Self::Pseudonymise => "pseudonymise",
            Self::Tokenise => "tokenise",
            Self::Link => "link",
            Self::Reidentify => "reidentify",
            Self::Redact => "redact",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Keep => &["because", "third_parties"],
            Self::KeepAll | Self::Drop => &["because"],
            Self::Replace => &["because", "with", "on_mismatch"],
            Self::Mask => &[
                "because",
                "with",
                "keep_first",
                "keep_last",
                "skip",
                "on_mismatch",
            ],
            // Which of them a rung has: `Ladder`.
            Self::Generalise => &[
                "because",
                "to",
                "from",
                "at",
                "width",
                "bands",
                "bottom",
                "top",
                "nearest",
                "table",
                "column",
                "key",
                "otherwise",
                "on_mismatch",
            ],
            Self::Shift => &["because", "days", "direction", "from", "on_mismatch"],
            Self::Pseudonymise => &[
                "because",
                "as",
                "form",
                "of",
                "scope",
                "unknown",
                "invalid",
                "on_mismatch",
            ],
            Self::Tokenise => &[
                "because",
                "as",
                "form",
                "scope",
                "unknown",
                "invalid",
                "format",
                "on_mismatch",
            ],
            Self::Reidentify => &["because", "as", "form"],
            Self::Link => &["because", "templates", "variables", "on_mismatch"],
            Self::Redact => &[
                "because",
                "with",
                "detect",
                "names",
                "patterns",
                "threshold",
                "on_mismatch",
            ],
        }
    }

    fn all() -> String {
        Self::ALL.map(Self::text).join(", ")
    }
}

impl RuleAsWritten {
    /// The actions that are there, in the order of [`Word::ALL`].
    pub(super) fn actions(&self) -> Vec<(Word, &[SelectorText])> {
        Word::ALL
            .into_iter()
            .filter_map(|word| {
                let selectors = match word {
                    Word::Keep => &self.keep,
                    Word::KeepAll => &self.keep_all,
                    Word::Drop => &self.drop,
                    Word::Replace => &self.replace,
                    Word::Mask => &self.mask,
                    Word::Generalise => &self.generalise,
                    Word::Shift => &self.shift,
                    Word::Pseudonymise => &self.pseudonymise,
                    Word::Tokenise => &self.tokenise,
                    Word::Link => &self.link,
                    Word::Reidentify => &self.reidentify,
                    Word::Redact => &self.redact,
                };
                selectors.as_deref().map(|selectors| (word, selectors))
            })
            .collect()
    }

    /// Each option and whether it is there.
    pub(super) fn options(&self) -> [(&'static str, bool); 34] {
        [
            ("because", self.because.is_some()),
            ("third_parties", self.third_parties.is_some()),
            ("with", self.with.is_some()),
            ("to", self.to.is_some()),
            ("as", self.r#as.is_some()),
            ("form", self.form.is_some()),
            ("of", self.of.is_some()),
            ("scope", self.scope.is_some()),
            ("unknown", self.unknown.is_some()),
            ("invalid", self.invalid.is_some()),
            ("format", self.format.is_some()),
            ("templates", self.templates.is_some()),
            ("variables", self.variables.is_some()),
            ("detect", self.detect.is_some()),
            ("names", self.names.is_some()),
            ("patterns", self.patterns.is_some()),
            ("threshold", self.threshold.is_some()),
            ("keep_first", self.keep_first.is_some()),
            ("keep_last", self.keep_last.is_some()),
            ("skip", self.skip.is_some()),
            ("from", self.from.is_some()),
            ("at", self.at.is_some()),
            ("width", self.width.is_some()),
            ("bands", self.bands.is_some()),
            ("bottom", self.bottom.is_some()),
            ("top", self.top.is_some()),
            ("nearest", self.nearest.is_some()),
            ("table", self.table.is_some()),
            ("column", self.column.is_some()),
            ("key", self.key.is_some()),
            ("otherwise", self.otherwise.is_some()),
            ("days", self.days.is_some()),
            ("direction", self.direction.is_some()),
            ("on_mismatch", self.on_mismatch.is_some()),
        ]
    }

    /// The action that `word` and its options make.
    fn action<T>(
        &self,
        written: &Written<T>,
        pointer: &str,
        word: Word,
        beside: Beside<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Action> {
        let ladder = |faults| Ladder {
            written,
            pointer,
            rule: self,
            tables: beside.tables,
            faults,
        };
        match (word, self.to) {
            (Word::Generalise, Some(to)) => {
                let generalise = ladder(faults).generalise(to)?;
                return Some(Action::Transform(Transform::Generalise(generalise)));
            }
            (Word::Shift, _) => {
                let shift = ladder(faults).shift()?;
                return Some(Action::Transform(Transform::Shift(shift)));
            }
            (_, _) => {}
        }
        let mut missing = |option: &str, write: &str| {
            if !written.is_faulted_within(&format!("{pointer}/{option}")) {
                written.fault_at_key(
                    faults,
                    &format!("{pointer}/{}", word.text()),
                    format!(
                        "`{}` needs `{option}`; write for example {write}",
                        word.text()
                    ),
                );
            }
            None
        };
        match word {
            Word::Keep if self.third_parties.is_some() => {
                Some(Action::Transform(Transform::Decided))
            }
            Word::Keep => Some(Action::Keep),
            Word::Drop => Some(Action::Drop),
            Word::KeepAll => match self.because {
                Some(_) => Some(Action::KeepAll),
                None => missing(
                    "because",
                    "because: the partner needs every field of the assessment, new ones too",
                ),
            },
            // Where there is something to go by, it has been above.
            Word::Generalise => missing("to", "to: year"),
            Word::Shift => missing("days", "days: 30"),
            Word::Pseudonymise => match self.identified() {
                Some(identified) => Some(Action::Transform(Transform::Pseudonymise(identified))),
                None => missing("as", "as: person"),
            },
            Word::Tokenise => match self.identified() {
                Some(identified) => Some(Action::Transform(Transform::Tokenise {
                    identified,
                    format: self.format.map(ShapeAsWritten::shape),
                })),
                None => missing("as", "as: person"),
            },
            Word::Reidentify => match &self.r#as {
                Some(namespace) => {
                    let (kind, format) = beside.forms.of(&namespace.0);
                    Some(Action::Transform(Transform::Reidentify {
                        namespace: namespace.0.clone(),
                        kind: self.form.map_or(kind, |form| form.0),
                        format,
                    }))
                }
                None => missing("as", "as: person"),
            },
            Word::Link => match &self.templates {
                Some(templates) => {
                    let link = link::check(
                        written,
                        pointer,
                        templates,
                        self.variables.as_ref(),
                        beside.forms,
                        faults,
                    )?;
                    Some(Action::Transform(Transform::Link(link)))
                }
                None => missing("templates", "templates: [ \"/adults/{person}\" ]"),
            },
            Word::Redact => {
                if self.detect.is_none() && self.names.is_none() && self.patterns.is_none() {
                    return missing("detect", "detect: all");
                }
                let redact = redact::check(self, written, pointer, beside.forms, faults)?;
                Some(Action::Transform(Transform::Redact(redact)))
            }
            Word::Replace => match &self.with {
                Some(
                    value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)),
                ) => Some(Action::Transform(Transform::Replace {
                    json: value.to_string(),
                })),
                Some(Value::Array(_) | Value::Object(_)) => {
                    written.fault(
                        faults,
                        &format!("{pointer}/with"),
                        "`with` is a single value; write for example with: withheld",
                    );
                    None
                }
                None => missing("with", "with: withheld"),
            },
            Word::Mask => {
                let with = match &self.with {
                    None => '*',
                    Some(with) => {
                        let mut letters = with.as_str().unwrap_or_default().chars();
                        match (letters.next(), letters.next()) {
                            (Some(only), None) => only,
                            (None | Some(_), _) => {
                                written.fault(
                                    faults,
                                    &format!("{pointer}/with"),
                                    "`with` is one character as text; write for example with: \"#\"",
                                );
                                return None;
                            }
                        }
                    }
                };
                Some(Action::Transform(Transform::Mask {
                    keep_first: characters(self.keep_first),
                    keep_last: characters(self.keep_last),
                    skip: self
                        .skip
                        .as_ref()
                        .map(|skip| skip.0.clone())
                        .unwrap_or_default(),
                    with,
                }))
            }
        }
    }
}

impl RuleAsWritten {
    /// What the values identify, if the rule says so.
    fn identified(&self) -> Option<Identified> {
        Some(Identified {
            namespace: self.r#as.as_ref()?.0.clone(),
            kind: self.form.map(|form| form.0).unwrap_or_default(),
            parts: Vec::new(),
            scope: match self.scope {
                None | Some(ScopeAsWritten::Agreement) => Scope::Agreement,
                Some(ScopeAsWritten::Document) => Scope::Document,
                Some(ScopeAsWritten::Never) => Scope::Never,
            },
            unknown: self
                .unknown
                .iter()
                .flatten()
                .map(|words| words.0.clone())
                .collect(),
            invalid: match self.invalid {
                None | Some(InvalidAsWritten::Drop) => Invalid::Mismatch,
                Some(InvalidAsWritten::Mark) => Invalid::Mark,
            },
        })
    }
}

fn characters(count: Option<u32>) -> usize {
    usize::try_from(count.unwrap_or(0)).unwrap_or(usize::MAX)
}
