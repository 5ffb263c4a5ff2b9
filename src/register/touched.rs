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

/// A body's rules by the ways that they go.
pub(super) struct Ways<'a> {
    rules: &'a BodyRules,
    /// The way to a record.
    record: Way,
    /// Of each of `rules.fields`; `None` where there are too many to compare, which is taken to meet everything.
    each: Vec<Option<Vec<Way>>>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(rules: &'a BodyRules) -> Self {
        let record = rules
            .record
            .as_ref()
            .and_then(Way::of)
            .and_then(|ways| ways.into_iter().next())
            .unwrap_or_default();
        let each = rules
            .fields
            .iter()
            .map(|rule| Way::of(&rule.selector))
            .collect();
        Self {
            rules,
            record,
            each,
        }
    }

    /// The ways of `field` from the document.
    fn field(&self, field: &Field) -> Vec<Way> {
        if field.from_document {
            field.ways.clone()
        } else {
            let ways = field.ways.iter();
            ways.map(|way| self.record.then(way)).collect()
        }
    }

    /// Whether each way of the rule at `index` stays within one of `fields`.
    pub(super) fn is_listed(&self, index: usize, fields: &[Field]) -> bool {
        let Some(ways) = &self.each[index] else {
            return false;
        };
        ways.iter().all(|way| self.covers(way, fields))
    }

    /// Whether all of an opaque body is one of `fields`.
    pub(super) fn is_whole_listed(&self, fields: &[Field]) -> bool {
        self.covers(&Way::default(), fields)
    }

    fn covers(&self, way: &Way, fields: &[Field]) -> bool {
        fields.iter().any(|field| {
            let mut of_field = self.field(field).into_iter();
            of_field.any(|of_field| of_field.covers(field.whole, way))
        })
    }

    /// Those of `fields` that the rule at `index` could let leave.
    pub(super) fn met<'f>(&self, index: usize, fields: &'f [Field]) -> Vec<&'f Field> {
        fields
            .iter()
            .filter(|field| self.meets(index, field))
            .collect()
    }

    fn meets(&self, index: usize, field: &Field) -> bool {
        let subtree = matches!(self.rules.fields[index].action, Action::KeepAll);
        let Some(ways) = &self.each[index] else {
            return true;
        };
        let of_field = self.field(field);
        ways.iter().any(|way| {
            let mut of_field = of_field.iter();
            of_field.any(|of_field| of_field.meets(field.whole, way, subtree))
        })
    }

    /// Whether the rule at `index` keeps to other fields that are listed one by one within `field`, a whole one.
    fn is_narrower(&self, index: usize, field: &Field, fields: &[Field]) -> bool {
        let Some(ways) = self.each[index].as_ref().filter(|_| field.whole) else {
            return false;
        };
        let outer = self.field(field);
        let within = |inner: &Field| {
            let inner = self.field(inner);
            inner
                .iter()
                .all(|inner| outer.iter().any(|outer| outer.covers(true, inner)))
        };
        ways.iter().all(|way| {
            fields
                .iter()
                .filter(|other| other.path != field.path && within(other))
                .any(|other| {
                    let of_other = self.field(other);
                    of_other.iter().any(|of| of.covers(other.whole, way))
                })
        })
    }

    /// Whether the rule at `index` is for every node of `field` or for what it stands in.
    fn is_for_all(&self, index: usize, field: &Field) -> bool {
        let of_field = self.field(field);
        self.each[index].as_ref().is_some_and(|ways| {
            of_field
                .iter()
                .all(|of_field| ways.iter().any(|way| way.covers(true, of_field)))
        })
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

pub(super) fn touched<'a>(data_set: &'a DataSet, rules: &'a BodyRules) -> Vec<Touched<'a>> {
    touched_by(data_set, &Ways::of(rules))
}

pub(super) fn touched_by<'a>(data_set: &'a DataSet, ways: &Ways<'a>) -> Vec<Touched<'a>> {
    let rules = ways.rules;
    let fields = data_set.fields.iter();
    fields
        .filter_map(|field| {
            let (action, rule) = if matches!(rules.format, Format::Opaque(_)) {
                (&WHOLE, None)
            } else {
                let (action, rule) = decisive(ways, field, &data_set.fields)?;
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

/// The action that decides in what form `field` leaves, and its rule; `None` if nothing of it does. The more protective
/// wins where it is for all of the field; else the least protective is told, since some of the field leaves by it.
fn decisive<'a>(ways: &Ways<'a>, field: &Field, fields: &[Field]) -> Option<(&'a Action, usize)> {
    let rules = &ways.rules.fields;
    let meeting: Vec<usize> = (0..rules.len())
        .filter(|index| ways.meets(*index, field) && !ways.is_narrower(*index, field, fields))
        .collect();
    let dropped = (0..rules.len())
        .any(|index| matches!(rules[index].action, Action::Drop) && ways.is_for_all(index, field));
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
    let wins = transform.filter(|index| ways.is_for_all(*index, field));
    let rule = wins.or(raw).or(transform)?;
    Some((&rules[rule].action, rule))
}
