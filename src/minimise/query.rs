//! Queries and conditions asked of a held value (RFC 9535), over its [`Tape`].
//!
//! A query is walked, not collected: each node it selects is visited in the RFC's order, so that a test for
//! existence ends at the first. Recursion follows the query's segments and the nesting of its filters, which
//! the parser bounds; and, for the equality of containers, the value's depth, which `Limits::depth` bounds.
//!
//! Numbers are compared by exact value whatever their length, text by Unicode scalar values once unescaped,
//! containers member by member.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::number;
use super::tape::{Kind, NodeIndex, Tape};
use crate::plan::filter::{Comparison, Expression, Operand, Origin, Part, Pattern, Query, Segment};
use crate::plan::{Condition, Selector, SelectorError, iregexp};
use crate::transform::{Characters, unescape};

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
    ///
    /// `bytes` is what `tape` was parsed from.
    #[must_use]
    pub fn select(&self, tape: &Tape, bytes: &[u8]) -> Vec<NodeIndex> {
        let mut selected = Vec::new();
        if !tape.is_empty() {
            let _all = Held { tape, bytes }.query(&self.0, 0, &mut |node| {
                selected.push(node);
                ControlFlow::Continue(())
            });
        }
        selected
    }

    /// The first node it selects.
    #[must_use]
    pub fn first(&self, tape: &Tape, bytes: &[u8]) -> Option<NodeIndex> {
        if tape.is_empty() {
            return None;
        }
        let mut first = None;
        let _found = Held { tape, bytes }.query(&self.0, 0, &mut |node| {
            first = Some(node);
            ControlFlow::Break(())
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
        self.0.reads_document()
    }

    /// Whether it holds of the node `record` of `tape`; `@` is that node, `$` the root.
    #[must_use]
    pub fn holds_of(&self, tape: &Tape, bytes: &[u8], record: NodeIndex) -> bool {
        Held { tape, bytes }.holds(&self.0, record)
    }

    /// Whether it holds of the value that `tape` was parsed from; `@` and `$` are its root. Of nothing, nothing
    /// holds.
    #[must_use]
    pub fn holds(&self, tape: &Tape, bytes: &[u8]) -> bool {
        !tape.is_empty() && Held { tape, bytes }.holds(&self.0, 0)
    }
}

/// Whether `filter` holds of the node `current` of `tape`, which was parsed from `bytes`.
pub(crate) fn holds(filter: &Expression, tape: &Tape, bytes: &[u8], current: NodeIndex) -> bool {
    Held { tape, bytes }.holds(filter, current)
}

type Visit<'v> = &'v mut dyn FnMut(NodeIndex) -> ControlFlow<()>;

/// A held value.
#[derive(Clone, Copy)]
struct Held<'a> {
    tape: &'a Tape,
    bytes: &'a [u8],
}

/// What an operand comes to. Text is the inside of a JSON string, numbers are their text.
enum Value<'a> {
    Nothing,
    Null,
    Bool(bool),
    Number(Cow<'a, [u8]>),
    Text(&'a [u8]),
    Container(NodeIndex),
}

impl<'a> Held<'a> {
    fn query(self, query: &Query, current: NodeIndex, visit: Visit<'_>) -> ControlFlow<()> {
        let start = match query.origin {
            Origin::Document => 0,
            Origin::Current => current,
        };
        self.walk(start, &query.segments, visit)
    }

    /// Visits what `segments` select from `node`.
    fn walk(self, node: NodeIndex, segments: &[Segment], visit: Visit<'_>) -> ControlFlow<()> {
        let Some((segment, rest)) = segments.split_first() else {
            return visit(node);
        };
        // A subtree is one run of the tape, each node before what is in it: the order that the RFC asks for.
        let end = if segment.descendant {
            self.tape.node(node).next()
        } else {
            node + 1
        };
        for from in node..end {
            if self.tape.node(from).kind.is_container() {
                for part in &segment.parts {
                    self.part(from, part, &mut |child| self.walk(child, rest, visit))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Visits the children of the container `node` that `part` selects.
    fn part(self, node: NodeIndex, part: &Part, visit: Visit<'_>) -> ControlFlow<()> {
        let is_array = self.tape.node(node).kind == Kind::Array;
        match part {
            Part::Name(name) if !is_array => match self.member(node, name.inside()) {
                Some(child) => visit(child),
                None => ControlFlow::Continue(()),
            },
            Part::Wildcard => self.tape.children(node).try_for_each(visit),
            Part::Index(index) if is_array => {
                let position = from_end(*index, self.tape.node(node).children());
                let child = usize::try_from(position)
                    .ok()
                    .and_then(|position| self.tape.children(node).nth(position));
                match child {
                    Some(child) => visit(child),
                    None => ControlFlow::Continue(()),
                }
            }
            Part::Slice { start, end, step } if is_array => {
                self.slice(node, *start, *end, *step, visit)
            }
            Part::Filter(expression) => self
                .tape
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
        node: NodeIndex,
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let length = self.tape.node(node).children();
        let count = i64::try_from(length).expect("a tape has fewer than 2^32 nodes");
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
                self.tape
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
                // The tape is linked forwards alone, so the way back is laid out first.
                let children: Vec<NodeIndex> = self.tape.children(node).collect();
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
    fn member(self, node: NodeIndex, name: &[u8]) -> Option<NodeIndex> {
        self.tape
            .children(node)
            .find(|&child| same_text(self.name(child), name))
    }

    fn name(self, node: NodeIndex) -> &'a [u8] {
        self.tape
            .node(node)
            .name()
            .map_or(&[], |name| &self.bytes[name])
    }

    fn holds(self, expression: &Expression, current: NodeIndex) -> bool {
        match expression {
            Expression::Any(parts) => parts.iter().any(|part| self.holds(part, current)),
            Expression::All(parts) => parts.iter().all(|part| self.holds(part, current)),
            Expression::Not(part) => !self.holds(part, current),
            Expression::Exists(query) => self
                .query(query, current, &mut |_| ControlFlow::Break(()))
                .is_break(),
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

    fn matches(self, text: &Operand, pattern: &Pattern, current: NodeIndex) -> bool {
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

    fn operand<'v>(self, operand: &'v Operand, current: NodeIndex) -> Value<'v>
    where
        'a: 'v,
    {
        match operand {
            Operand::Text(text) => Value::Text(text.inside()),
            Operand::Number(text) => Value::Number(Cow::Borrowed(text.as_bytes())),
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Null => Value::Null,
            Operand::Single(query) => self
                .single(query, current)
                .map_or(Value::Nothing, |node| self.value(node)),
            Operand::Count(query) => {
                let mut count = 0_usize;
                let _all = self.query(query, current, &mut |_| {
                    count += 1;
                    ControlFlow::Continue(())
                });
                number_of(count)
            }
            Operand::Length(operand) => match self.operand(operand, current) {
                Value::Text(inside) => number_of(Characters::new(inside).count()),
                Value::Container(node) => number_of(self.tape.node(node).children()),
                Value::Nothing | Value::Null | Value::Bool(_) | Value::Number(_) => Value::Nothing,
            },
        }
    }

    /// The node that `query` selects, if it is exactly one.
    fn single(self, query: &Query, current: NodeIndex) -> Option<NodeIndex> {
        let mut found = None;
        let several = self.query(query, current, &mut |node| match found.replace(node) {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        });
        found.filter(|_| several.is_continue())
    }

    fn value(self, node: NodeIndex) -> Value<'a> {
        let place = self.tape.node(node);
        let bytes = &self.bytes[place.bytes()];
        match place.kind {
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

    fn same_container(self, left: NodeIndex, right: NodeIndex) -> bool {
        let (one, other) = (self.tape.node(left), self.tape.node(right));
        if left == right {
            return true;
        }
        if one.kind != other.kind || one.children() != other.children() {
            return false;
        }
        let same = |left, right| self.equal(&self.value(left), &self.value(right));
        if one.kind == Kind::Array {
            return self
                .tape
                .children(left)
                .zip(self.tape.children(right))
                .all(|(left, right)| same(left, right));
        }
        // Names are unique in an object, so in the order of their names members of equal objects stand in pairs.
        let sorted = |node| {
            let mut members: Vec<NodeIndex> = self.tape.children(node).collect();
            members.sort_by(|&one, &other| compare_text(self.name(one), self.name(other)));
            members
        };
        sorted(left)
            .into_iter()
            .zip(sorted(right))
            .all(|(left, right)| same_text(self.name(left), self.name(right)) && same(left, right))
    }
}

/// `index` counted from the end where it is negative.
fn from_end(index: i64, length: usize) -> i64 {
    if index < 0 {
        index.saturating_add(i64::try_from(length).expect("a tape has fewer than 2^32 nodes"))
    } else {
        index
    }
}

fn number_of(count: usize) -> Value<'static> {
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

    fn held(json: &str) -> Tape {
        let mut tape = Tape::new();
        tape.parse(json.as_bytes()).unwrap();
        tape
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
        let tape = held(record);
        for (text, expected) in rows {
            let condition = CompiledCondition::compile(&Condition::parse(text).unwrap()).unwrap();
            assert_eq!(
                condition.holds(&tape, record.as_bytes()),
                expected,
                "{text}"
            );
            assert_eq!(condition.reads_document(), text.contains('$'), "{text}");
        }
    }

    #[test]
    fn nothing_holds_of_nothing() {
        let condition = CompiledCondition::compile(&Condition::parse("!@.a").unwrap()).unwrap();
        assert!(!condition.holds(&Tape::new(), b""));
        let query = CompiledQuery::compile(&Selector::parse("$").unwrap()).unwrap();
        assert!(query.select(&Tape::new(), b"").is_empty());
        assert_eq!(query.first(&Tape::new(), b""), None);
    }

    #[test]
    fn the_first_is_the_first_of_all() {
        let json = r#"{"a":[{"b":1},{"b":2}],"b":3}"#;
        let tape = held(json);
        for text in ["$..b", "$.a[*].b", "$.a[::-1].b", "$.missing", "$[?@ == 3]"] {
            let query = CompiledQuery::compile(&Selector::parse(text).unwrap()).unwrap();
            let all = query.select(&tape, json.as_bytes());
            assert_eq!(
                query.first(&tape, json.as_bytes()),
                all.first().copied(),
                "{text}"
            );
        }
    }

    #[test]
    fn extreme_slices_select_what_is_there() {
        let json = "[0,1,2,3]";
        let tape = held(json);
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
                .select(&tape, json.as_bytes())
                .into_iter()
                .map(|node| node - 1)
                .collect();
            assert_eq!(positions, *expected, "{text}");
        }
    }
}
