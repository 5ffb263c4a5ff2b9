//! Filters and queries evaluated over the tokens of a window that has whole what is asked (RFC 9535).
//!
//! A query is walked, not collected: each node it selects is visited in the RFC's order, so that a test for
//! existence ends at the first. Recursion follows the query's segments and the nesting of its filters, which
//! the parser bounds; and, for the equality of containers, the value's depth, which `Limits::depth` bounds.
//!
//! Numbers are compared by exact value whatever their length, text by Unicode scalar values once unescaped,
//! containers member by member. An object that a query looks into must not name a member twice: what it says
//! would depend on who reads it ([`super::looked`]).

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use jiff::civil::Date;

use super::looked::{Answer, Looked};
use super::nodes::{Children, Kind, Nodes};
use super::number;
use crate::plan::filter::{Comparison, Expression, Operand, Origin, Part, Pattern, Query, Segment};
use crate::plan::{Format, Plan, iregexp};
use crate::transform::{Characters, Knowing, Known, unescape};

type Visit<'v> = &'v mut dyn FnMut(usize) -> ControlFlow<()>;

/// A value that is asked: nodes of a window, `$` being its first.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) nodes: Nodes<'a>,
    pub(super) looked: &'a RefCell<Looked>,
    /// Given wherever the plan asks for it.
    pub(super) today: Option<Date>,
    /// An array stands for each of its elements: in XML, where a name selects every child of that name, one is all
    /// there is of several. Conditions see arrays.
    pub(super) spreads: bool,
}

/// What an operand comes to. Text is the inside of a JSON string, numbers are their text.
enum Value<'a> {
    Nothing,
    Null,
    Bool(bool),
    Number(Cow<'a, [u8]>),
    Text(&'a [u8]),
    Container(usize),
}

impl<'a> Asking<'a> {
    /// Visits what `query` selects; `@` is `current`.
    pub(super) fn query(self, query: &Query, current: usize, visit: Visit<'_>) -> ControlFlow<()> {
        let start = match query.origin {
            Origin::Document => 0,
            Origin::Current => current,
        };
        self.walk(start, &query.segments, visit)
    }

    /// Learns what `plan` must know of the record `current`.
    pub(super) fn know(self, plan: &Plan, current: usize, known: &mut Known) {
        known.forget();
        let each = self.spreading(plan);
        for (knowing, query) in plan.known() {
            // Every node that the query selects is visited.
            let _all = each.query(query, current, &mut |node| {
                let json = self.nodes.bytes(node);
                known.learn(*knowing, json);
                if plan.shows_others() && *knowing == Knowing::Subject {
                    known.learn_token(plan.subjects().and_then(|subjects| subjects.bytes(json)));
                }
                ControlFlow::Continue(())
            });
        }
    }

    /// The same, for the queries of `plan` that ask for all that its rules would select.
    pub(super) fn spreading(self, plan: &Plan) -> Self {
        Self {
            spreads: matches!(plan.format(), Format::Xml(_)),
            ..self
        }
    }

    /// Visits what `segments` select from `node`.
    fn walk(self, node: usize, segments: &[Segment], visit: Visit<'_>) -> ControlFlow<()> {
        if self.spreads && self.nodes.is_array(node) {
            let mut children = self.nodes.children(node);
            return children.try_for_each(|child| self.walk(child, segments, visit));
        }
        let Some((segment, rest)) = segments.split_first() else {
            return visit(node);
        };
        let mut parts = |from| {
            segment.parts.iter().try_for_each(|part| {
                self.part(from, part, &mut |child| self.walk(child, rest, visit))
            })
        };
        if segment.descendant {
            // Each node before what is in it: the order that the RFC asks for.
            self.nodes
                .containers(node)
                .filter(|container| !self.spreads || !self.nodes.is_array(*container))
                .try_for_each(parts)
        } else if self.nodes.kind(node).is_container() {
            parts(node)
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Visits the children of the container `node` that `part` selects.
    fn part(self, node: usize, part: &Part, visit: Visit<'_>) -> ControlFlow<()> {
        let is_array = self.nodes.is_array(node);
        match part {
            Part::Name(name) if !is_array => match self.member(node, name.inside()) {
                Some(child) => visit(child),
                None => ControlFlow::Continue(()),
            },
            Part::Wildcard => self.children(node).try_for_each(visit),
            Part::Index(index) if is_array => {
                let position = from_end(*index, self.nodes.children(node).count());
                let child = usize::try_from(position)
                    .ok()
                    .and_then(|position| self.nodes.children(node).nth(position));
                match child {
                    Some(child) => visit(child),
                    None => ControlFlow::Continue(()),
                }
            }
            Part::Slice { start, end, step } if is_array => {
                self.slice(node, *start, *end, *step, visit)
            }
            Part::Filter(expression) => self
                .children(node)
                .filter(|&child| self.holds(expression, child))
                .try_for_each(visit),
            // Names are for objects, indexes and slices for arrays: on the other they select nothing.
            Part::Name(_) | Part::Index(_) | Part::Slice { .. } => ControlFlow::Continue(()),
        }
    }

    /// RFC 9535 §2.3.4.2.2.
    fn slice(
        self,
        node: usize,
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let length = self.nodes.children(node).count();
        let count = i64::try_from(length).expect("a window has fewer than 2^32 nodes");
        let bound =
            |given: Option<i64>, default| given.map_or(default, |given| from_end(given, length));
        match step.cmp(&0) {
            Ordering::Equal => ControlFlow::Continue(()),
            Ordering::Greater => {
                let lower = bound(start, 0).clamp(0, count);
                let upper = bound(end, count).clamp(0, count);
                let taken = usize::try_from((upper - lower).max(0)).expect("is not negative");
                let skipped = usize::try_from(lower).expect("is not negative");
                let stride = usize::try_from(step).expect("is positive");
                self.nodes
                    .children(node)
                    .skip(skipped)
                    .take(taken)
                    .step_by(stride)
                    .try_for_each(visit)
            }
            Ordering::Less => {
                let upper = bound(start, count - 1).clamp(-1, count - 1);
                let lower = end
                    .map_or(-1, |end| from_end(end, length))
                    .clamp(-1, count - 1);
                // Tokens are linked forwards alone, so the way back is laid out first.
                let children: Vec<usize> = self.nodes.children(node).collect();
                let mut at = upper;
                while at > lower {
                    visit(
                        children
                            [usize::try_from(at).expect("is above the lower bound, at least -1")],
                    )?;
                    at = at.saturating_add(step);
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// The member of the object `node` whose name is `name`, the inside of a JSON string.
    fn member(self, node: usize, name: &[u8]) -> Option<usize> {
        self.children(node)
            .find(|&child| same_text(self.name(child), name))
    }

    /// The children of a container that is looked into.
    fn children(self, node: usize) -> Children<'a> {
        if self.nodes.is_object(node) {
            self.looked.borrow_mut().look_into(self.nodes, node);
        }
        self.nodes.children(node)
    }

    fn name(self, member: usize) -> &'a [u8] {
        self.nodes.name(member).unwrap_or_default()
    }

    /// Whether `expression` holds of the node `current`.
    pub(super) fn holds(self, expression: &Expression, current: usize) -> bool {
        match expression {
            Expression::Any(parts) => parts.iter().any(|part| self.holds(part, current)),
            Expression::All(parts) => parts.iter().all(|part| self.holds(part, current)),
            Expression::Not(part) => !self.holds(part, current),
            Expression::Exists(query) => self.answer(query, current, 1).count > 0,
            Expression::Compare {
                left,
                comparison,
                right,
            } => {
                let (left, right) = (self.operand(left, current), self.operand(right, current));
                match comparison {
                    Comparison::Equal => self.equal(&left, &right),
                    Comparison::NotEqual => !self.equal(&left, &right),
                    Comparison::Less => less(&left, &right),
                    Comparison::LessOrEqual => less(&left, &right) || self.equal(&left, &right),
                    Comparison::Greater => less(&right, &left),
                    Comparison::GreaterOrEqual => less(&right, &left) || self.equal(&left, &right),
                }
            }
            Expression::Matches { text, pattern } => self.matches(text, pattern, current),
        }
    }

    fn matches(self, text: &Operand, pattern: &Pattern, current: usize) -> bool {
        let Value::Text(inside) = self.operand(text, current) else {
            return false;
        };
        let text = plain(inside);
        match pattern {
            Pattern::Fixed(regex) => regex.is_match(&text),
            Pattern::Given { from, whole } => match self.operand(from, current) {
                Value::Text(pattern) => iregexp::compile(&plain(pattern), *whole)
                    .is_some_and(|regex| regex.is_match(&text)),
                Value::Nothing
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Container(_) => false,
            },
        }
    }

    fn operand<'v>(self, operand: &'v Operand, current: usize) -> Value<'v>
    where
        'a: 'v,
    {
        match operand {
            Operand::Text(text) => Value::Text(text.inside()),
            Operand::Number(text) => Value::Number(Cow::Borrowed(text.as_bytes())),
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Null => Value::Null,
            Operand::Single(query) => match self.answer(query, current, 2) {
                Answer {
                    first: Some(node),
                    count: 1,
                } => self.value(node),
                Answer { .. } => Value::Nothing,
            },
            Operand::Count(query) => number_of(self.answer(query, current, usize::MAX).count),
            Operand::Date { asked, of } => match (self.operand(of, current), self.today) {
                (Value::Text(inside), Some(today)) => asked
                    .answer(inside, today)
                    .map_or(Value::Nothing, number_of),
                (
                    Value::Text(_)
                    | Value::Nothing
                    | Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Container(_),
                    _,
                ) => Value::Nothing,
            },
            Operand::Length(operand) => match self.operand(operand, current) {
                Value::Text(inside) => number_of(Characters::new(inside).count()),
                Value::Container(node) => number_of(self.children(node).count()),
                Value::Nothing | Value::Null | Value::Bool(_) | Value::Number(_) => Value::Nothing,
            },
        }
    }

    /// The first node that `query` selects and how many they are, of which no more than `most` matter. What is asked
    /// of the document is asked once, since nothing but the document changes it.
    fn answer(self, query: &Query, current: usize, most: usize) -> Answer {
        let of_document = query.origin == Origin::Document;
        if of_document && let Some(known) = self.looked.borrow().answer(query) {
            return known;
        }
        let mut answer = Answer::default();
        let _all_or_enough = self.query(query, current, &mut |node| {
            answer.first.get_or_insert(node);
            answer.count += 1;
            if answer.count == most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if of_document {
            self.looked.borrow_mut().remember(query, answer);
        }
        answer
    }

    fn value(self, node: usize) -> Value<'a> {
        let bytes = self.nodes.bytes(node);
        match self.nodes.kind(node) {
            Kind::Object | Kind::Array => Value::Container(node),
            Kind::String => Value::Text(bytes.get(1..bytes.len() - 1).unwrap_or_default()),
            Kind::Number => Value::Number(Cow::Borrowed(bytes)),
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Null => Value::Null,
        }
    }

    fn equal(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        match (left, right) {
            (Value::Nothing, Value::Nothing) | (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => number::compare(left, right).is_eq(),
            (Value::Text(left), Value::Text(right)) => same_text(left, right),
            (Value::Container(left), Value::Container(right)) => self.same_container(*left, *right),
            (
                Value::Nothing
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Text(_)
                | Value::Container(_),
                _,
            ) => false,
        }
    }

    fn same_container(self, left: usize, right: usize) -> bool {
        if left == right {
            return true;
        }
        let (ours, theirs) = (self.children(left), self.children(right));
        if self.nodes.kind(left) != self.nodes.kind(right)
            || ours.clone().count() != theirs.clone().count()
        {
            return false;
        }
        let same = |left, right| self.equal(&self.value(left), &self.value(right));
        if self.nodes.is_array(left) {
            return ours.zip(theirs).all(|(left, right)| same(left, right));
        }
        // Names are unique in an object, so in the order of their names members of equal objects stand in pairs.
        let sorted = |members: Children<'a>| {
            let mut members: Vec<usize> = members.collect();
            members.sort_by(|&one, &other| compare_text(self.name(one), self.name(other)));
            members
        };
        sorted(ours)
            .into_iter()
            .zip(sorted(theirs))
            .all(|(left, right)| same_text(self.name(left), self.name(right)) && same(left, right))
    }
}

/// `index` counted from the end where it is negative.
fn from_end(index: i64, length: usize) -> i64 {
    if index < 0 {
        index.saturating_add(i64::try_from(length).expect("a window has fewer than 2^32 nodes"))
    } else {
        index
    }
}

fn number_of(count: impl ToString) -> Value<'static> {
    Value::Number(Cow::Owned(count.to_string().into_bytes()))
}

fn less(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number::compare(left, right).is_lt(),
        (Value::Text(left), Value::Text(right)) => compare_text(left, right).is_lt(),
        (
            Value::Nothing
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Container(_),
            _,
        ) => false,
    }
}

/// Whether the insides of two JSON strings are the same text.
fn same_text(left: &[u8], right: &[u8]) -> bool {
    let escaped = |inside: &[u8]| inside.contains(&b'\\');
    left == right
        || ((escaped(left) || escaped(right)) && Characters::new(left).eq(Characters::new(right)))
}

/// The insides of two JSON strings compared by Unicode scalar values.
fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    if left.contains(&b'\\') || right.contains(&b'\\') {
        Characters::new(left).cmp(Characters::new(right))
    } else {
        // UTF-8 keeps the order of scalar values.
        left.cmp(right)
    }
}

/// The text of the inside of a JSON string.
fn plain(inside: &[u8]) -> Cow<'_, str> {
    if inside.contains(&b'\\') {
        let mut text = Vec::with_capacity(inside.len());
        unescape(inside, &mut text);
        Cow::Owned(String::from_utf8_lossy(&text).into_owned())
    } else {
        String::from_utf8_lossy(inside)
    }
}
