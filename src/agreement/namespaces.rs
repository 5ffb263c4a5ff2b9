//! What the tokens of an agreement are of: one kind of identifier for each namespace.
//!
//! Two rules that both say `as: person` promise that their tokens link. They do only if both read values in the same way:
//! under one as an NHS number, under the other as any text, one person would have two tokens, unnoticed.

use super::rules::Body;
use crate::identifier::Kind;
use crate::plan::Action;
use crate::transform::{AgreementKeys, Resolver, Shape};
use crate::written::{Fault, Written};

/// What identifiers of one namespace are, in all of an agreement's rules.
#[derive(Debug)]
pub struct Namespace {
    /// Its name, `person`.
    pub name: String,
    /// How its identifiers are written.
    pub kind: Kind,
    /// The shape that its tokens keep, if a rule says so.
    pub format: Option<Shape>,
    /// Whether tokens of it turn back: a rule tokenises it.
    pub reversible: bool,
    /// The line of its first rule.
    line: usize,
}

impl Namespace {
    /// What turns its tokens back, under `keys`, the agreement's; `None` where no rule makes such tokens.
    #[must_use]
    pub fn resolver(&self, keys: &AgreementKeys) -> Option<Resolver> {
        self.reversible
            .then(|| Resolver::new(&self.name, self.kind, self.format, keys))
    }
}

/// The namespaces of an agreement, by name, as they are found.
#[derive(Default)]
pub(super) struct Namespaces(Vec<Namespace>);

impl Namespaces {
    /// Takes those of `body`, and adds a fault at each rule that contradicts an earlier one.
    pub(super) fn take<T>(&mut self, written: &Written<T>, body: &Body, faults: &mut Vec<Fault>) {
        for (rule, pointer) in body.placed_rules() {
            let Action::Transform(transform) = &rule.action else {
                continue;
            };
            transform.each_token(&mut |identified, reversible, format| {
                let name = &identified.namespace;
                match self.0.binary_search_by(|known| known.name.cmp(name)) {
                    Err(place) => self.0.insert(
                        place,
                        Namespace {
                            name: name.clone(),
                            kind: identified.kind,
                            format,
                            reversible,
                            line: rule.line,
                        },
                    ),
                    Ok(place) => {
                        let known = &mut self.0[place];
                        known.reversible |= reversible;
                        known.format = known.format.or(format);
                        if known.kind != identified.kind {
                            written.fault(
                                faults,
                                pointer,
                                format!(
                                    "`{name}` is {} in line {} and {} here, so that its tokens would not link; write the same `form` in both, or another name after `as`",
                                    known.kind.word(),
                                    known.line,
                                    identified.kind.word(),
                                ),
                            );
                        }
                    }
                }
            });
        }
    }

    /// All of them, by name.
    pub(super) fn all(self) -> Vec<Namespace> {
        self.0
    }
}
