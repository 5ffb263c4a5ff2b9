//! Which of a data set's fields a body's rules let leave, and in what form.

use super::path::Way;
use super::{DataSet, Field, Sensitivity, is_raw};
use crate::identifier::Kind;
use crate::plan::{Action, BodyRules, Format, Selector};

/// What an opaque body amounts to.
static WHOLE: Action = Action::KeepAll;

/// A field that leaves, and the action that decides in what form.
#[derive(Debug, Clone, Copy)]
pub struct Touched<'a> {
    /// The field's path as the register writes it.
    pub field: &'a str,
    /// How much harm it can do.
    pub sensitivity: Sensitivity,
    /// What kind of identifier it is, if it is one.
    pub identifier: Option<Kind>,
    /// What it is, in the words of statutes.
    pub category: Option<&'a str>,
    /// What happens to it: `keep` and `keep_all` where any rule lets it leave as it is.
    pub action: &'a Action,
    /// The rule, as an index in [`BodyRules::fields`]; `None` for an opaque body.
    pub rule: Option<usize>,
}

impl Touched<'_> {
    /// Whether it leaves as it is.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        is_raw(self.action)
    }
}

/// A body's rules and a data set's fields by the ways that they go, from the document.
pub(super) struct Ways<'a> {
    rules: &'a BodyRules,
    data_set: &'a DataSet,
    /// Of each of the data set's fields.
    fields: Vec<Vec<Way>>,
    /// Of each of `rules.fields`; `None` where there are too many to compare, which is taken to meet everything.
    each: Vec<Option<Vec<Way>>>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(data_set: &'a DataSet, rules: &'a BodyRules) -> Self {
        let record = rules
            .record
            .as_ref()
            .and_then(Way::of)
            .and_then(|ways| ways.into_iter().next())
            .unwrap_or_default();
        let fields = data_set.fields.iter().map(|field| {
            if field.from_document {
                field.ways.clone()
            } else {
                let ways = field.ways.iter();
                ways.map(|way| record.then(way)).collect()
            }
        });
        let each = rules.fields.iter();
        Self {
            rules,
            data_set,
            fields: fields.collect(),
            each: each.map(|rule| Way::of(&rule.selector)).collect(),
        }
    }

    /// Whether each way of the rule at `index` stays within a field.
    pub(super) fn is_listed(&self, index: usize) -> bool {
        let Some(ways) = &self.each[index] else {
            return false;
        };
        let all = 0..self.fields.len();
        ways.iter()
            .all(|way| all.clone().any(|field| self.covers(field, way)))
    }

    /// Whether all of an opaque body is a field.
    pub(super) fn is_whole_listed(&self) -> bool {
        let top = Way::default();
        (0..self.fields.len()).any(|field| self.covers(field, &top))
    }

    /// Whether all at the end of `way` belongs to the field at this index.
    fn covers(&self, field: usize, way: &Way) -> bool {
        let whole = self.data_set.fields[field].whole;
        self.fields[field].iter().any(|own| own.covers(whole, way))
    }

    /// The fields that the rule at `index` could let leave.
    pub(super) fn met(&self, index: usize) -> Vec<&'a Field> {
        let fields = self.data_set.fields.iter().enumerate();
        fields
            .filter(|(field, _)| self.meets(index, *field))
            .map(|(_, field)| field)
            .collect()
    }

    fn meets(&self, index: usize, field: usize) -> bool {
        let subtree = matches!(self.rules.fields[index].action, Action::KeepAll);
        let Some(ways) = &self.each[index] else {
            return true;
        };
        let whole = self.data_set.fields[field].whole;
        ways.iter().any(|way| {
            let mut own = self.fields[field].iter();
            own.any(|own| own.meets(whole, way, subtree))
        })
    }

    /// Whether the rule at `index` keeps to other fields that are listed one by one within `field`, a whole one.
    fn is_narrower(&self, index: usize, field: usize) -> bool {
        let whole = self.data_set.fields[field].whole;
        let Some(ways) = self.each[index].as_ref().filter(|_| whole) else {
            return false;
        };
        let within: Vec<usize> = (0..self.fields.len())
            .filter(|other| *other != field && self.is_all_within(&self.fields[*other], field))
            .collect();
        ways.iter()
            .all(|way| within.iter().any(|other| self.covers(*other, way)))
    }

    fn is_all_within(&self, ways: &[Way], field: usize) -> bool {
        let outer = &self.fields[field];
        ways.iter()
            .all(|way| outer.iter().any(|outer| outer.covers(true, way)))
    }

    /// Whether the rule at `index` is for every node of `field` or for what it stands in.
    fn is_for_all(&self, index: usize, field: usize) -> bool {
        self.each[index].as_ref().is_some_and(|ways| {
            self.fields[field]
                .iter()
                .all(|own| ways.iter().any(|way| way.covers(true, own)))
        })
    }

    /// The action that decides in what form `field` leaves, and its rule; `None` if nothing of it does. The more
    /// protective wins where it is for all of the field; else the least protective is told, since some of the field
    /// leaves by it.
    fn decisive(&self, field: usize) -> Option<(&'a Action, usize)> {
        let rules = &self.rules.fields;
        let meeting: Vec<usize> = (0..rules.len())
            .filter(|index| self.meets(*index, field) && !self.is_narrower(*index, field))
            .collect();
        let dropped = (0..rules.len()).any(|index| {
            matches!(rules[index].action, Action::Drop) && self.is_for_all(index, field)
        });
        if dropped {
            return None;
        }
        let first = |wanted: fn(&Action) -> bool| {
            let mut meeting = meeting.iter();
            meeting
                .find(|index| wanted(&rules[**index].action))
                .copied()
        };
        let transform = first(|action| matches!(action, Action::Transform(_)));
        let raw = first(is_raw);
        let wins = transform.filter(|index| self.is_for_all(*index, field));
        let rule = wins.or(raw).or(transform)?;
        Some((&rules[rule].action, rule))
    }

    /// Each field that leaves, in the order of the register.
    pub(super) fn touched(&self) -> Vec<Touched<'a>> {
        let opaque = matches!(self.rules.format, Format::Opaque(_));
        let fields = self.data_set.fields.iter().enumerate();
        fields
            .filter_map(|(index, field)| {
                let (action, rule) = if opaque {
                    (&WHOLE, None)
                } else {
                    let (action, rule) = self.decisive(index)?;
                    (action, Some(rule))
                };
                Some(Touched {
                    field: &field.path,
                    sensitivity: field.sensitivity,
                    identifier: field.identifier,
                    category: field.category.as_deref(),
                    action,
                    rule,
                })
            })
            .collect()
    }
}

/// The first rule that could let something at or in `selector` leave.
pub(super) fn met_by(rules: &BodyRules, selector: &Selector) -> Option<usize> {
    let wanted = Way::of(selector);
    rules.fields.iter().position(|rule| {
        let subtree = matches!(rule.action, Action::KeepAll);
        let meets = match (&wanted, Way::of(&rule.selector)) {
            (Some(wanted), Some(ways)) => wanted
                .iter()
                .any(|wanted| ways.iter().any(|way| wanted.meets(true, way, subtree))),
            (_, _) => true,
        };
        meets && !matches!(rule.action, Action::Drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::load_fields;
    use crate::register::Register;

    const REGISTER: &str = "\
register: isle-council
version: 1
contacts: { dpo: d, representatives: [{ directorate: care, contact: c }] }
purposes: [{ name: care, title: Care }]
parties: [{ name: health, relation: external }]
data_sets:
  - name: adults
    title: Adults
    subjects: person
    owner: care
    service: social-care
    collected: { for: [care], ground: function, under: Care Act 2014 }
    retention: P7Y
    fields:
      - { path: $.page, sensitivity: plain }
      - { path: \"@.name\", sensitivity: personal }
      - { path: \"@.nhsNumber\", sensitivity: personal, identifier: nhs-number }
      - { path: \"@.health.score\", sensitivity: special }
      - { path: \"@.plan\", sensitivity: special, whole: true }
    recipients: [{ partner: health, purposes: [care] }]
";

    /// The fields that are touched and their actions, for records at `record`.
    fn touched_by(record: &str, fields: &str) -> Vec<(String, &'static str)> {
        let register = Register::load("r.yaml", REGISTER).unwrap();
        let text = format!("record: {record}\nfields:\n{fields}");
        let rules = load_fields("f.yaml", &text).unwrap();
        let data_set = register.data_set("adults").unwrap();
        let touched = data_set.touched(&rules);
        let words = touched.iter().map(|field| {
            let word = match field.action {
                Action::Keep => "keep",
                Action::KeepAll => "keep_all",
                Action::Drop => "drop",
                Action::Transform(transform) => transform.word(),
            };
            (field.field.to_owned(), word)
        });
        words.collect()
    }

    /// The record, the rules, and each field that they touch with what decides.
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    #[test]
    fn a_field_is_told_with_the_action_that_decides() {
        let rows: &[Row<'_>] = &[
            ("$", "  - keep: [$.name]\n", &[("@.name", "keep")]),
            (
                "\"$.items[*]\"",
                "  - keep: [$.page, \"$.items[*].name\"]\n",
                &[("$.page", "keep"), ("@.name", "keep")],
            ),
            // Not from the record, so not the record's.
            ("\"$.items[*]\"", "  - keep: [$.name]\n", &[]),
            ("$", "  - keep: [$.name]\n  - drop: [$.name]\n", &[]),
            (
                "$",
                "  - keep_all: [$]\n    because: a test\n  - drop: [$.health, $.plan, $.nhsNumber, $.page]\n",
                &[("@.name", "keep_all")],
            ),
            (
                "$",
                "  - keep: [$.name]\n  - mask: [$.name]\n",
                &[("@.name", "mask")],
            ),
            (
                "$",
                "  - keep: [$..score]\n",
                &[("@.health.score", "keep"), ("@.plan", "keep")],
            ),
            ("$", "  - keep: [$.plan.goals]\n", &[("@.plan", "keep")]),
            // A part of it may still leave as it is.
            (
                "$",
                "  - keep_all: [$.plan]\n    because: a test\n  - mask: [$.plan.name]\n",
                &[("@.plan", "keep_all")],
            ),
            (
                "$",
                "  - keep_all: [$.plan]\n    because: a test\n  - drop: [$.plan.name]\n",
                &[("@.plan", "keep_all")],
            ),
            // Only some elements are dropped.
            (
                "\"$[*]\"",
                "  - keep: [\"$[*].name\"]\n  - drop: [\"$[?@.hidden].name\"]\n",
                &[("@.name", "keep")],
            ),
        ];
        for (record, fields, expected) in rows {
            let found = touched_by(record, fields);
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|(path, word)| (path.as_str(), *word))
                .collect();
            assert_eq!(found, *expected, "{fields}");
        }
    }
}
