//! Queries and conditions asked of a value held whole (RFC 9535), over its tokens.
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
use super::vector::Level;
use super::whole::Whole;
use super::{BodyError, BodyFault, Limits, number};
use crate::plan::filter::{
    Comparison, Expression, Operand, Origin, Part, Pattern, Query, Reads, Segment,
};
use crate::plan::{Condition, Selector, SelectorError, iregexp};
use crate::transform::{Characters, unescape};

/// A JSON value ready to be asked.
#[derive(Debug)]
pub struct Held<'a> {
    bytes: &'a [u8],
    whole: Whole,
    today: Option<Date>,
}

/// A node of a [`Held`] value; means nothing to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(usize);

impl<'a> Held<'a> {
    /// Holds `bytes`, one strict JSON value with or without white space around it.
    ///
    /// # Errors
    /// If it is not that, or too deep or large to be held ([`Limits::default`], [`Limits::MOST_HELD_BYTES`]).
    pub fn of(bytes: &'a [u8]) -> Result<Self, BodyError> {
        Self::within(bytes, &Limits::default())
    }

    /// As [`Held::of`], within `limits`.
    pub(crate) fn within(bytes: &'a [u8], limits: &Limits) -> Result<Self, BodyError> {
        let error = |(at, fault)| BodyError {
            fault,
            offset: at as u64,
            path: "$".to_owned(),
        };
        if bytes.len() > Limits::MOST_HELD_BYTES {
            return Err(error((Limits::MOST_HELD_BYTES, BodyFault::HeldTooLarge)));
        }
        if let Err(wrong) = std::str::from_utf8(bytes) {
            return Err(error((wrong.valid_up_to(), BodyFault::NotUtf8)));
        }
        let mut whole = Whole::new(Level::best(), limits.depth);
        whole.look(bytes).map_err(error)?;
        Ok(Self {
            bytes,
            whole,
            today: None,
        })
    }

    /// The same on the day `today`, which `age(…)` and `since(…)` ask for. Without one they give nothing.
    #[must_use]
    pub fn on(mut self, today: Date) -> Self {
        self.today = Some(today);
        self
    }

    /// The value itself.
    #[must_use]
    pub fn root(&self) -> Node {
        Node(0)
    }

    /// What `node` is.
    #[must_use]
    pub fn kind(&self, node: Node) -> Kind {
        self.nodes().kind(node.0)
    }

    /// The bytes of `node`, with quotes or brackets.
    #[must_use]
    pub fn bytes(&self, node: Node) -> &[u8] {
        self.nodes().bytes(node.0)
    }

    /// The inside of the name of `node`, still escaped, if it is an object's member.
    #[must_use]
    pub fn name(&self, node: Node) -> Option<&[u8]> {
        self.nodes().name(node.0)
    }

    /// The elements of an array, the values of an object's members, in document order.
    pub fn children(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        self.nodes().children(node.0).map(Node)
    }

    fn nodes(&self) -> Nodes<'_> {
        Nodes::new(self.bytes, self.whole.tokens())
    }

    /// Whether `filter` holds of `node`.
    pub(crate) fn satisfies(&self, filter: &Expression, node: Node) -> bool {
        self.ask(|asking| asking.holds(filter, node.0))
    }

    fn ask<T>(&self, question: impl FnOnce(Asking<'_>) -> T) -> T {
        let looked = RefCell::new(Looked::new(&Limits::default(), 0));
        question(Asking {
            nodes: self.nodes(),
            looked: &looked,
            today: self.today,
        })
    }
}

/// A selector ready to be asked of held values.
#[derive(Debug, Clone)]
pub struct CompiledQuery(Query);

impl CompiledQuery {
    /// Compiles `selector`; `$` will be the held value's root.
    ///
    /// # Errors
    /// None that [`Selector::parse`] has not given already.
    pub fn compile(selector: &Selector) -> Result<Self, SelectorError> {
        Query::compile(selector.query()).map(Self)
    }

    /// The nodes it selects, in the RFC's order and as often as it selects them.
    #[must_use]
    pub fn select(&self, held: &Held<'_>) -> Vec<Node> {
        let mut selected = Vec::new();
        let _all = held.ask(|asking| {
            asking.query(&self.0, 0, &mut |node| {
                selected.push(Node(node));
                ControlFlow::Continue(())
            })
        });
        selected
    }

    /// The first node it selects.
    #[must_use]
    pub fn first(&self, held: &Held<'_>) -> Option<Node> {
        let mut first = None;
        let _found = held.ask(|asking| {
            asking.query(&self.0, 0, &mut |node| {
                first = Some(Node(node));
                ControlFlow::Break(())
            })
        });
        first
    }
}

/// A condition ready to be asked of records.
#[derive(Debug, Clone)]
pub struct CompiledCondition(Expression);

impl CompiledCondition {
    /// Compiles `condition`.
    ///
    /// # Errors
    /// None that [`Condition::parse`] has not given already.
    pub fn compile(condition: &Condition) -> Result<Self, SelectorError> {
        Expression::compile(condition.filter()).map(Self)
    }

    /// Whether it looks at the document from its root (`$`). Where the record is not the document, such a condition
    /// makes the plan a document plan.
    #[must_use]
    pub fn reads_document(&self) -> bool {
        self.0.reads(Reads::Document)
    }

    /// Whether it holds of `held`; `@` and `$` are its root.
    #[must_use]
    pub fn holds(&self, held: &Held<'_>) -> bool {
        held.ask(|asking| asking.holds(&self.0, 0))
    }

    pub(crate) fn expression(&self) -> &Expression {
        &self.0
    }
}

type Visit<'v> = &'v mut dyn FnMut(usize) -> ControlFlow<()>;

/// A value that is asked: nodes of a window, `$` being its first.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) nodes: Nodes<'a>,
    pub(super) looked: &'a RefCell<Looked>,
    /// Given wherever the plan asks for it.
    pub(super) today: Option<Date>,
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
    fn query(self, query: &Query, current: usize, visit: Visit<'_>) -> ControlFlow<()> {
        let start = match query.origin {
            Origin::Document => 0,
            Origin::Current => current,
        };
        self.walk(start, &query.segments, visit)
    }

    /// Visits what `segments` select from `node`.
    fn walk(self, node: usize, segments: &[Segment], visit: Visit<'_>) -> ControlFlow<()> {
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
            self.nodes.containers(node).try_for_each(parts)
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
            self.looked.borrow_mut().into_object(self.nodes, node);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn held(json: &str) -> Held<'_> {
        Held::of(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_condition_is_asked_of_the_record() {
        let record = r#" { "consent" : {"sharing": true, "sharing2": false}, "age": 17.50, "na\u006de": "\u00c9a",
            "big": 9007199254740993, "smaller": 9007199254740992, "huge": 1e400, "tiny": 0.1000000000000000055, "tags": ["x", {"a": [1, 2.0]}], "other": ["x", {"a": [1.0, 2]}],
            "o": {"a": 1, "b\u0062": 2}, "p": {"bb": 2e0, "a": 1}, "null": null, "e": "a\\b\"", "none": {} } "#;
        let rows = [
            ("@.consent.sharing == true", true),
            ("@.consent.sharing2 == true", false),
            ("@.consent.missing == true", false),
            ("@.consent.missing == @.also.missing", true),
            ("@.consent", true),
            ("!@.consent.missing", true),
            ("@.age < 18", true),
            ("@.age == 175e-1", true),
            ("@.age >= 17.5 && @.age <= 17.5", true),
            ("@.age > '17'", false),
            ("@.name == 'Éa'", true),
            ("@.name > 'E'", true),
            ("@['na\\u006de'] == \"\\u00c9a\"", true),
            ("@.big > 9007199254740991", true),
            ("@.big > @.smaller", true),
            ("@.big == @.smaller", false),
            ("@.big != @.smaller", true),
            ("@.huge > @.big", true),
            ("@.tiny > 0.1", true),
            ("@.tags == @.other", true),
            ("@.tags != @.other", false),
            ("@.o == @.p", true),
            ("@.o == @.none", false),
            ("@.null == null", true),
            ("@.missing == null", false),
            ("@.null < 1", false),
            ("@.null <= null", true),
            ("@.e == 'a\\\\b\"'", true),
            ("length(@.e) == 4", true),
            ("length(@.tags) == 2", true),
            ("length(@.none) == 0", true),
            ("length(@.age) == 2", false),
            ("count(@.*) > 10", true),
            ("count(@..a) == 4", true),
            ("value(@.tags[1].a[0]) == 1", true),
            ("value(@..a) == 1", false),
            ("match(@.name, 'Éa')", true),
            ("match(@.name, 'É')", false),
            ("search(@.name, 'a')", true),
            ("match(@.age, '.*')", false),
            ("@.tags[?@ == 'x']", true),
            ("@.tags[?@.a[?@ > 1]]", true),
            ("@.tags[?@.a[?@ > 2]]", false),
            ("@.tags[-1].a[-1] == 2", true),
            ("@.tags[-3]", false),
            ("$.age == @.age", true),
            ("@.missing || @.age", true),
            ("!(@.missing || @.age)", false),
        ];
        let held = held(record);
        for (text, expected) in rows {
            let condition = CompiledCondition::compile(&Condition::parse(text).unwrap()).unwrap();
            assert_eq!(condition.holds(&held), expected, "{text}");
            assert_eq!(condition.reads_document(), text.contains('$'), "{text}");
        }
    }

    #[test]
    fn what_is_asked_of_the_document_is_asked_once_a_window() {
        let held = held("[1,2,3]");
        for (text, query_of) in [
            ("count($[*]) == 3", Origin::Document),
            ("count(@[*]) == 3", Origin::Current),
        ] {
            let condition = CompiledCondition::compile(&Condition::parse(text).unwrap()).unwrap();
            let Expression::Compare {
                left: Operand::Count(query),
                ..
            } = condition.expression()
            else {
                panic!("{text} compares a count");
            };
            assert_eq!(query.origin, query_of);
            held.ask(|asking| {
                assert!(asking.holds(condition.expression(), 0));
                // What is remembered is not asked again until another window comes.
                let wrong = Answer {
                    first: None,
                    count: 7,
                };
                asking.looked.borrow_mut().remember(query, wrong);
                let remembers = query_of == Origin::Document;
                assert_eq!(
                    asking.holds(condition.expression(), 0),
                    !remembers,
                    "{text}"
                );
                asking.looked.borrow_mut().forget();
                assert!(asking.holds(condition.expression(), 0));
            });
        }
    }

    #[test]
    fn what_is_no_value_is_not_held() {
        for (bytes, fault, at) in [
            ("", BodyFault::Truncated, 0),
            ("[1", BodyFault::Truncated, 2),
            ("[1]]", BodyFault::TrailingBytes, 3),
            ("[nil]", BodyFault::Malformed, 2),
            ("\"\\x\"", BodyFault::BadString, 2),
        ] {
            let error = Held::of(bytes.as_bytes()).expect_err(bytes);
            assert_eq!((error.fault, error.offset), (fault, at), "{bytes}");
        }
        let error = Held::of(b"\"\xff\"").expect_err("0xff is not UTF-8");
        assert_eq!((error.fault, error.offset), (BodyFault::NotUtf8, 1));
    }

    #[test]
    fn the_first_is_the_first_of_all() {
        let json = r#"{"a":[{"b":1},{"b":2}],"b":3}"#;
        let held = held(json);
        for text in ["$..b", "$.a[*].b", "$.a[::-1].b", "$.missing", "$[?@ == 3]"] {
            let query = CompiledQuery::compile(&Selector::parse(text).unwrap()).unwrap();
            let all = query.select(&held);
            assert_eq!(query.first(&held), all.first().copied(), "{text}");
        }
    }

    #[test]
    fn extreme_slices_select_what_is_there() {
        let json = "[0,1,2,3]";
        let held = held(json);
        let rows: &[(&str, &[usize])] = &[
            ("$[::9007199254740991]", &[0]),
            ("$[::-9007199254740991]", &[3]),
            ("$[-9007199254740991:9007199254740991]", &[0, 1, 2, 3]),
            ("$[9007199254740991:-9007199254740991:-1]", &[3, 2, 1, 0]),
            ("$[::0]", &[]),
            ("$[1::2]", &[1, 3]),
            ("$[-2::-2]", &[2, 0]),
        ];
        for (text, expected) in rows {
            let query = CompiledQuery::compile(&Selector::parse(text).unwrap()).unwrap();
            let positions: Vec<usize> = query
                .select(&held)
                .into_iter()
                .map(|node| held.bytes(node)[0] as usize - 0x30)
                .collect();
            assert_eq!(positions, *expected, "{text}");
        }
    }
}
