//! What the tokens of an agreement are of: one kind of identifier for each namespace.
//!
//! Two rules that both say `as: person` promise that their tokens link. They do only if both read values in the same way:
//! under one as an NHS number, under the other as any text, one person would have two tokens, unnoticed.

use std::collections::BTreeMap;

use super::file::BodyAsWritten;
use super::rules::Body;
use crate::identifier::Kind;
use crate::plan::Action;
use crate::transform::{Identified, Shape, Transform, written_as};
use crate::written::{Fault, Written};

/// What identifiers of one namespace are, in all of an agreement's rules.
#[derive(Debug)]
pub struct Namespace {
    /// Its name, `person`.
    pub name: String,
    /// How its identifiers are written.
    pub kind: Kind,
    /// How each of the fields is written that identify together; empty where single values do.
    pub parts: Vec<Kind>,
    /// The shape that its tokens keep, if a rule says so.
    pub format: Option<Shape>,
    /// Whether tokens of it turn back: a rule tokenises it.
    pub reversible: bool,
    /// The line of its first rule.
    line: usize,
}

impl Namespace {
    /// How its identifiers are written, as people read it.
    #[must_use]
    pub fn written_as(&self) -> String {
        written_as(self.kind, &self.parts)
    }
}

/// How the identifiers of each namespace are written, as some rule says: for those that need not say it again.
#[derive(Default)]
pub(super) struct Forms(BTreeMap<String, (Kind, Option<Shape>)>);

impl Forms {
    /// Takes what the rules of `body` say.
    pub(super) fn take(&mut self, body: &BodyAsWritten<'_>) {
        let rules = [body.fields, body.names].into_iter().flatten().flatten();
        for rule in rules {
            let Some(namespace) = &rule.r#as else {
                continue;
            };
            let known = self.0.entry(namespace.0.clone()).or_default();
            if let Some(form) = rule.form {
                known.0 = form.0;
            }
            if let Some(format) = rule.format {
                known.1 = Some(format.shape());
            }
        }
    }

    /// Takes what a rule of a request's head says: that identifiers of `namespace` are written as `form`.
    pub(super) fn take_form(&mut self, namespace: &str, form: Kind) {
        self.0.entry(namespace.to_owned()).or_default().0 = form;
    }

    /// How identifiers of `namespace` are written, and the shape that its tokens keep: any text, and none, where no rule
    /// says.
    pub(super) fn of(&self, namespace: &str) -> (Kind, Option<Shape>) {
        self.0.get(namespace).copied().unwrap_or_default()
    }

    /// What identifies `namespace`, links in the whole agreement, and is written as its rules say.
    pub(super) fn identified(&self, namespace: &str) -> Identified {
        Identified {
            kind: self.of(namespace).0,
            ..Identified::text(namespace)
        }
    }
}

/// The namespaces of an agreement, by name, as they are found.
#[derive(Default)]
pub(super) struct Namespaces(Vec<Namespace>);

impl Namespaces {
    /// Takes those of `body`, and adds a fault at each rule that contradicts an earlier one.
    pub(super) fn take<T>(&mut self, written: &Written<T>, body: &Body, faults: &mut Vec<Fault>) {
        for (rule, pointer) in body.placed_rules() {
            match &rule.action {
                Action::Transform(transform) => {
                    self.take_transform(written, (transform, rule.line), pointer, faults);
                }
                Action::Keep | Action::KeepAll | Action::Drop => {}
            }
        }
    }

    /// Takes `transform`, the rule of a line that stands at `pointer`, and adds a fault if it contradicts an earlier one.
    pub(super) fn take_transform<T>(
        &mut self,
        written: &Written<T>,
        (transform, line): (&Transform, usize),
        pointer: &str,
        faults: &mut Vec<Fault>,
    ) {
        transform.each_token(&mut |identified, reversible, format| {
            let name = &identified.namespace;
            match self.0.binary_search_by(|known| known.name.cmp(name)) {
                Err(place) => self.0.insert(
                    place,
                    Namespace {
                        name: name.clone(),
                        kind: identified.kind,
                        parts: identified.part_kinds(),
                        format,
                        reversible,
                        line,
                    },
                ),
                Ok(place) => {
                    let known = &mut self.0[place];
                    known.reversible |= reversible;
                    known.format = known.format.or(format);
                    if known.written_as() != identified.written_as() {
                        written.fault(
                            faults,
                            pointer,
                            format!(
                                "`{name}` is {} in line {} and {} here, so that its tokens would not link; write the same `form` in both, or another name after `as`",
                                known.written_as(),
                                known.line,
                                identified.written_as(),
                            ),
                        );
                    }
                }
            }
        });
    }

    /// All of them, by name.
    pub(super) fn all(self) -> Vec<Namespace> {
        self.0
    }
}
