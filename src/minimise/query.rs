//! Selectors and conditions asked of a JSON value by itself: what `explain` and tests use. The machine asks in its
//! windows, by the same `asking.rs`.

use std::cell::RefCell;
use std::ops::ControlFlow;

use jiff::civil::Date;

use super::asking::Asking;
use super::looked::Looked;
use super::nodes::{Kind, Nodes};
use super::vector::Level;
use super::whole::Whole;
use super::{BodyError, BodyFault, Limits};
use crate::plan::filter::{Expression, Query, Reads};
use crate::plan::{Condition, Plan, Selector, SelectorError};
use crate::transform::Known;

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

    /// Learns what `plan` must know of the record `node`.
    pub(crate) fn know(&self, plan: &Plan, node: Node, known: &mut Known) {
        self.ask(|asking| asking.know(plan, node.0, known));
    }

    fn ask<T>(&self, question: impl FnOnce(Asking<'_>) -> T) -> T {
        let looked = RefCell::new(Looked::new(&Limits::default(), 0));
        question(Asking {
            nodes: self.nodes(),
            looked: &looked,
            today: self.today,
            spreads: false,
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

#[cfg(test)]
mod tests {
    use super::super::looked::Answer;
    use super::*;
    use crate::plan::filter::{Operand, Origin};

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
