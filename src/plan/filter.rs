//! Queries and filters compiled: the syntax tree of `jsonpath-rust` checked for its types (RFC 9535 §2.4.3)
//! and turned into an immutable form of our own that [`minimise::query`](crate::minimise::query) evaluates.
//!
//! Everything slow happens here, once: literals are typed, patterns compiled. Recursion follows the nesting of
//! brackets, which the parser bounds at 128.

use jsonpath_rust::parser::model::{
    Comparable, Comparison as Compared, Filter, FilterAtom, FnArg, JpQuery, Literal,
    Segment as Parsed, Selector as Selecting, SingularQuery, SingularQuerySegment, Test,
    TestFunction,
};
use regex::Regex;

use super::dates::{self, Asked};
use super::iregexp;
use super::selector::SelectorError;

/// A query compiled.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) origin: Origin,
    pub(crate) segments: Box<[Segment]>,
}

/// Where a query starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `$`.
    Document,
    /// `@`.
    Current,
}

/// One step of a query.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// `..`: from the node and from everything below it.
    pub(crate) descendant: bool,
    pub(crate) parts: Box<[Part]>,
}

/// One selector of a segment.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Name(Text),
    Wildcard,
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
    Filter(Expression),
}

/// A text that documents' strings are compared with, in their own form: as it stands inside a JSON string, with
/// nothing escaped but the backslash. So both sides of a comparison are read alike, and equal bytes are equal text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(Box<str>);

impl Text {
    fn new(plain: &str) -> Self {
        Self(plain.replace('\\', r"\\").into())
    }

    /// The inside of the JSON string.
    pub(crate) fn inside(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What is true or false of a node.
#[derive(Debug, Clone)]
pub(crate) enum Expression {
    Any(Box<[Expression]>),
    All(Box<[Expression]>),
    Not(Box<Expression>),
    Exists(Query),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    Matches {
        text: Operand,
        pattern: Pattern,
    },
}

/// How two operands are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something with a value, or nothing.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Text(Text),
    /// The text of a JSON number.
    Number(Box<str>),
    Bool(bool),
    Null,
    /// A query that selects one node at most, or `value(…)`: one node's value, nothing for none or several.
    Single(Query),
    Length(Box<Operand>),
    Count(Query),
    /// `age(…)` or `since(…)`: a number, or nothing for what is no date.
    Date {
        asked: Asked,
        of: Box<Operand>,
    },
}

/// Something beyond a node that its meaning depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The document, from its root.
    Document,
    /// Today's date.
    Today,
}

/// Which members of `@` an expression looks at, where its names alone say that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    named: Vec<Text>,
    all: bool,
}

impl Members {
    /// Adds those that `expression` looks at.
    pub(crate) fn add(&mut self, expression: &Expression) {
        expression.members(self);
    }

    /// Whether the member `name`, unescaped, may be looked at.
    pub(crate) fn contain(&self, name: &str) -> bool {
        if name.contains('\\') {
            return self.all || self.named.contains(&Text::new(name));
        }
        self.all || self.named.iter().any(|text| *text.0 == *name)
    }
}

/// What a text is matched against.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// A literal, compiled.
    Fixed(Regex),
    /// A value of the document, compiled when it is met. `whole` for `match`.
    Given { from: Operand, whole: bool },
}

impl Query {
    /// Compiles a query from the document's root.
    ///
    /// # Errors
    /// If it is not well-typed, or if a pattern in it is no I-Regexp.
    pub(crate) fn compile(query: &JpQuery) -> Result<Self, SelectorError> {
        Self::of(Origin::Document, &query.segments)
    }

    /// The same from a node, `@`, on.
    pub(crate) fn relative(segments: &[Parsed]) -> Result<Self, SelectorError> {
        Self::of(Origin::Current, segments)
    }

    fn of(origin: Origin, segments: &[Parsed]) -> Result<Self, SelectorError> {
        let segments = segments.iter().map(|parsed| Segment::of(parsed, false));
        Ok(Self {
            origin,
            segments: segments.collect::<Result<_, _>>()?,
        })
    }

    fn singular(query: &SingularQuery) -> Self {
        let (origin, segments) = match query {
            SingularQuery::Current(segments) => (Origin::Current, segments),
            SingularQuery::Root(segments) => (Origin::Document, segments),
        };
        let part = |segment: &SingularQuerySegment| match segment {
            SingularQuerySegment::Index(index) => Part::Index(*index),
            SingularQuerySegment::Name(name) => Part::Name(Text::new(name)),
        };
        let segment = |segment| Segment {
            descendant: false,
            parts: Box::new([part(segment)]),
        };
        Self {
            origin,
            segments: segments.iter().map(segment).collect(),
        }
    }

    /// Whether it selects at most one node, whatever the document (RFC 9535 §2.3.5.1).
    fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| {
            !segment.descendant && matches!(&*segment.parts, [Part::Name(_) | Part::Index(_)])
        })
    }

    /// Whether it, or a filter in it, reads `what`.
    pub(crate) fn reads(&self, what: Reads) -> bool {
        (what == Reads::Document && self.origin == Origin::Document)
            || self
                .segments
                .iter()
                .flat_map(|segment| &segment.parts)
                .any(|part| match part {
                    Part::Filter(expression) => expression.reads(what),
                    Part::Name(_) | Part::Wildcard | Part::Index(_) | Part::Slice { .. } => false,
                })
    }

    fn members(&self, members: &mut Members) {
        match &*self.segments {
            // What stands in a member is looked at with it.
            [first, ..] if self.is_singular() && self.origin == Origin::Current => {
                for part in &first.parts {
                    match part {
                        Part::Name(name) => members.named.push(name.clone()),
                        // An object has no elements.
                        Part::Wildcard | Part::Index(_) | Part::Slice { .. } | Part::Filter(_) => {}
                    }
                }
            }
            _ => members.all = true,
        }
    }
}

impl Segment {
    fn of(parsed: &Parsed, descendant: bool) -> Result<Self, SelectorError> {
        let selectors = match parsed {
            Parsed::Descendant(inner) => return Self::of(inner, true),
            Parsed::Selector(selector) => std::slice::from_ref(selector),
            Parsed::Selectors(selectors) => selectors,
        };
        Ok(Self {
            descendant,
            parts: selectors.iter().map(Part::of).collect::<Result<_, _>>()?,
        })
    }
}

impl Part {
    fn of(selector: &Selecting) -> Result<Self, SelectorError> {
        Ok(match selector {
            Selecting::Name(name) => Self::Name(Text::new(name)),
            Selecting::Wildcard => Self::Wildcard,
            Selecting::Index(index) => Self::Index(*index),
            Selecting::Slice(start, end, step) => Self::Slice {
                start: *start,
                end: *end,
                step: step.unwrap_or(1),
            },
            Selecting::Filter(filter) => Self::Filter(Expression::compile(filter)?),
        })
    }
}

impl Expression {
    /// Compiles what stands between `[?` and `]`.
    ///
    /// # Errors
    /// If it is not well-typed, or if a pattern in it is no I-Regexp.
    pub(crate) fn compile(filter: &Filter) -> Result<Self, SelectorError> {
        let all = |filters: &[Filter]| filters.iter().map(Self::compile).collect::<Result<_, _>>();
        Ok(match filter {
            Filter::Or(filters) => Self::Any(all(filters)?),
            Filter::And(filters) => Self::All(all(filters)?),
            Filter::Atom(FilterAtom::Filter { expr, not }) => Self::compile(expr)?.negated(*not),
            Filter::Atom(FilterAtom::Test { expr, not }) => Self::test(expr)?.negated(*not),
            Filter::Atom(FilterAtom::Comparison(compared)) => Self::compared(compared)?,
        })
    }

    fn negated(self, not: bool) -> Self {
        if not { Self::Not(Box::new(self)) } else { self }
    }

    /// A query that must select something, or a function that is true or false.
    fn test(test: &Test) -> Result<Self, SelectorError> {
        match test {
            Test::RelQuery(segments) => Ok(Self::Exists(Query::of(Origin::Current, segments)?)),
            Test::AbsQuery(query) => Ok(Self::Exists(Query::compile(query)?)),
            Test::Function(function) => match &**function {
                TestFunction::Match(text, pattern) => Self::matches("match", text, pattern),
                TestFunction::Search(text, pattern) => Self::matches("search", text, pattern),
                TestFunction::Length(_) => fault(
                    "length(…) gives a number, which is neither true nor false; compare it, for example length(@.name) > 0",
                ),
                TestFunction::Count(_) => fault(
                    "count(…) gives a number, which is neither true nor false; compare it, for example count(@.contacts[*]) > 0",
                ),
                TestFunction::Value(argument) => match dates::called(argument) {
                    Some((asked, _)) => fault(&format!(
                        "{0}(…) gives a number, which is neither true nor false; compare it, for example {0}(@.dateOfBirth) >= 18",
                        asked.name()
                    )),
                    None => fault(
                        "value(…) gives a value, which is neither true nor false; compare it, for example value(@..status) == 'open'",
                    ),
                },
                TestFunction::Custom(..) => Err(unknown_function()),
            },
        }
    }

    fn compared(compared: &Compared) -> Result<Self, SelectorError> {
        let comparison = match compared {
            Compared::Eq(..) => Comparison::Equal,
            Compared::Ne(..) => Comparison::NotEqual,
            Compared::Lt(..) => Comparison::Less,
            Compared::Lte(..) => Comparison::LessOrEqual,
            Compared::Gt(..) => Comparison::Greater,
            Compared::Gte(..) => Comparison::GreaterOrEqual,
        };
        let (left, right) = compared.vals();
        Ok(Self::Compare {
            left: Operand::comparable(left)?,
            comparison,
            right: Operand::comparable(right)?,
        })
    }

    fn matches(function: &str, text: &FnArg, pattern: &FnArg) -> Result<Self, SelectorError> {
        let whole = function == "match";
        let text = Operand::argument(function, text)?;
        let pattern = match pattern {
            // RFC 9535 has a bad pattern match nothing, so a `drop` under it would hold nothing back.
            FnArg::Literal(Literal::String(pattern)) => match iregexp::compile(pattern, whole) {
                Some(regex) => Pattern::Fixed(regex),
                None => {
                    return fault(&format!(
                        "{function}(…) has a pattern that is no I-Regexp (RFC 9485), or too large a one; \\d and \\w are written [0-9] and [A-Za-z0-9_], and {{, [ and ( need their ends"
                    ));
                }
            },
            FnArg::Literal(_) | FnArg::Test(_) | FnArg::Filter(_) => Pattern::Given {
                from: Operand::argument(function, pattern)?,
                whole,
            },
        };
        Ok(Self::Matches { text, pattern })
    }

    /// Whether something in it reads `what`.
    pub(crate) fn reads(&self, what: Reads) -> bool {
        match self {
            Self::Any(expressions) | Self::All(expressions) => {
                expressions.iter().any(|part| part.reads(what))
            }
            Self::Not(expression) => expression.reads(what),
            Self::Exists(query) => query.reads(what),
            Self::Compare { left, right, .. } => left.reads(what) || right.reads(what),
            Self::Matches { text, pattern } => {
                text.reads(what)
                    || match pattern {
                        Pattern::Fixed(_) => false,
                        Pattern::Given { from, .. } => from.reads(what),
                    }
            }
        }
    }
}

impl Expression {
    fn members(&self, members: &mut Members) {
        match self {
            Self::Any(expressions) | Self::All(expressions) => {
                for expression in expressions {
                    expression.members(members);
                }
            }
            Self::Not(expression) => expression.members(members),
            Self::Exists(query) => query.members(members),
            Self::Compare { left, right, .. } => {
                left.members(members);
                right.members(members);
            }
            Self::Matches { text, pattern } => {
                text.members(members);
                match pattern {
                    Pattern::Fixed(_) => {}
                    Pattern::Given { from, .. } => from.members(members),
                }
            }
        }
    }
}

impl Operand {
    fn members(&self, members: &mut Members) {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null => {}
            Self::Single(query) | Self::Count(query) => query.members(members),
            Self::Length(operand) | Self::Date { of: operand, .. } => operand.members(members),
        }
    }

    fn comparable(comparable: &Comparable) -> Result<Self, SelectorError> {
        match comparable {
            Comparable::Literal(literal) => Self::literal(literal),
            Comparable::SingularQuery(query) => Ok(Self::Single(Query::singular(query))),
            Comparable::Function(function) => Self::function(function),
        }
    }

    fn literal(literal: &Literal) -> Result<Self, SelectorError> {
        Ok(match literal {
            Literal::Int(number) => Self::Number(number.to_string().into()),
            // The shortest decimal that reads back as this number: what was written, up to 15 digits.
            Literal::Float(number) if number.is_finite() => {
                Self::Number(format!("{number:e}").into())
            }
            Literal::Float(_) => {
                return fault("a number is too large to compare with; write one below 1e308");
            }
            Literal::String(text) => Self::Text(Text::new(text)),
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Null => Self::Null,
        })
    }

    fn function(function: &TestFunction) -> Result<Self, SelectorError> {
        match function {
            TestFunction::Length(argument) => {
                Ok(Self::Length(Box::new(Self::argument("length", argument)?)))
            }
            TestFunction::Count(argument) => Ok(Self::Count(nodes("count", argument)?)),
            TestFunction::Value(argument) => match dates::called(argument) {
                Some((asked, of)) => Ok(Self::Date {
                    asked,
                    of: Box::new(Self::argument(asked.name(), of)?),
                }),
                None => Ok(Self::Single(nodes("value", argument)?)),
            },
            TestFunction::Match(..) | TestFunction::Search(..) => fault(
                "match(…) and search(…) are true or false by themselves; write them without a comparison, or with ! before them",
            ),
            TestFunction::Custom(..) => Err(unknown_function()),
        }
    }

    /// An argument of `function` where it takes one value (the RFC's ValueType).
    fn argument(function: &str, argument: &FnArg) -> Result<Self, SelectorError> {
        let single = |query: Query| {
            if query.is_singular() {
                Ok(Self::Single(query))
            } else {
                fault(&format!(
                    "{function}(…) takes one value, and the query in it can select several; write names and indexes alone, such as @.name, or value(@..name)"
                ))
            }
        };
        match argument {
            FnArg::Literal(literal) => Self::literal(literal),
            FnArg::Test(test) => match &**test {
                Test::RelQuery(segments) => single(Query::of(Origin::Current, segments)?),
                Test::AbsQuery(query) => single(Query::compile(query)?),
                Test::Function(inner) => Self::function(inner),
            },
            FnArg::Filter(_) => fault(&format!(
                "{function}(…) takes a value, not a condition; write a query such as @.name"
            )),
        }
    }

    fn reads(&self, what: Reads) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null => false,
            Self::Single(query) | Self::Count(query) => query.reads(what),
            Self::Length(operand) => operand.reads(what),
            Self::Date { of, .. } => what == Reads::Today || of.reads(what),
        }
    }
}

/// An argument of `function` where it takes what a query selects (the RFC's NodesType).
fn nodes(function: &str, argument: &FnArg) -> Result<Query, SelectorError> {
    let not_a_query = || {
        fault(&format!(
            "{function}(…) takes what a query selects; write a query such as @.contacts[*]"
        ))
    };
    match argument {
        FnArg::Test(test) => match &**test {
            Test::RelQuery(segments) => Query::of(Origin::Current, segments),
            Test::AbsQuery(query) => Query::compile(query),
            Test::Function(_) => not_a_query(),
        },
        FnArg::Literal(_) | FnArg::Filter(_) => not_a_query(),
    }
}

pub(super) fn unknown_function() -> SelectorError {
    SelectorError {
        message: "not a function of RFC 9535, and none of fieldgate's; write length, count, value, match, search, age, months or since".to_owned(),
    }
}

fn fault<T>(message: &str) -> Result<T, SelectorError> {
    Err(SelectorError {
        message: message.to_owned(),
    })
}
