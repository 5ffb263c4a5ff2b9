//! Two versions of a body's rules held against each other on every structure that tells them apart.
//!
//! The rules themselves say which structures matter: the names that selectors name and one that none does, the
//! positions that they pick and one that none does, filters that hold and filters that do not. Both rulebooks are
//! asked about each such node, as for a live body, so that what one rule adds and another takes away is seen as it is.

use std::collections::{BTreeSet, HashSet, VecDeque};

use jsonpath_rust::parser::model::Filter;

use super::rulebook::{Key, Rulebook};
use super::tracks::{ByLength, Pick, Test};
use super::{Leaf, Plan};

/// Pairs of nodes that are looked at; more are not compared, and [`Comparison::is_whole`] says so.
const MOST_NODES: usize = 20_000;

/// Filters and positions of which every combination is tried at one node; of more, none, all and each alone.
const EVERY_COMBINATION: usize = 4;

/// What two plans make of the same nodes: the answer of [`compare`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Every kind of node of which at least one plan lets something out, the nearest to the root first.
    pub nodes: Vec<Compared>,
    /// Whether all nodes that differ were looked at.
    pub is_whole: bool,
}

/// A single value at one place under two plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The place in the form of a selector: `$.people[*].name`, with `*` for what no selector names.
    pub path: String,
    /// What the earlier plan makes of it.
    pub before: Fate,
    /// What the later plan makes of it.
    pub after: Fate,
}

/// What becomes of a single value, and by which rule: an index in [`super::BodyRules::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Nothing leaves: no rule names it, a `drop` does, or two transforms contradict each other.
    Nothing,
    /// It leaves as this rule's transform makes it.
    Transformed(usize),
    /// It leaves as it is.
    Kept(usize),
}

/// Compares what `before` and `after` make of every node; `None` stands for a plan that lets nothing out.
#[must_use]
pub fn compare(before: Option<&Plan>, after: Option<&Plan>) -> Comparison {
    let books = (before.map(Plan::rulebook), after.map(Plan::rulebook));
    let start: Pair = (
        books.0.map(Rulebook::root).unwrap_or_default(),
        books.1.map(Rulebook::root).unwrap_or_default(),
    );
    let mut seen = HashSet::from([start.clone()]);
    let mut todo = VecDeque::from([("$".to_owned(), start)]);
    let mut comparison = Comparison {
        nodes: Vec::new(),
        is_whole: true,
    };
    while let Some((path, pair)) = todo.pop_front() {
        let (before, after) = (fate(books.0, &pair.0), fate(books.1, &pair.1));
        if (before, after) != (Fate::Nothing, Fate::Nothing) {
            comparison.nodes.push(Compared {
                path: path.clone(),
                before,
                after,
            });
        }
        for (step, next) in children(books, &pair) {
            if seen.contains(&next) {
                continue;
            }
            if seen.len() == MOST_NODES {
                comparison.is_whole = false;
                break;
            }
            seen.insert(next.clone());
            todo.push_back((format!("{path}{step}"), next));
        }
    }
    comparison
}

/// What each of the two rulebooks knows of one node.
type Pair = (Key, Key);
type Books<'a> = (Option<&'a Rulebook>, Option<&'a Rulebook>);

fn fate(book: Option<&Rulebook>, key: &Key) -> Fate {
    let Some(book) = book else {
        return Fate::Nothing;
    };
    match book.leaf(key) {
        (Leaf::Transform(rule), _) => Fate::Transformed(rule as usize),
        (Leaf::Keep | Leaf::KeepAll, Some(rule)) => Fate::Kept(rule),
        (Leaf::Keep | Leaf::KeepAll, None) => unreachable!("what leaves, leaves by a rule"),
        (Leaf::Undeclared | Leaf::Drop | Leaf::Conflict, _) => Fate::Nothing,
    }
}

/// What a child's place alone does not decide, the same for both rulebooks.
#[derive(Clone, Copy, PartialEq)]
enum Unknown<'a> {
    Filter(&'a Filter),
    Position(ByLength),
}

impl<'a> Unknown<'a> {
    fn of(book: &'a Rulebook, test: Test) -> Self {
        match test {
            Test::Filter(id) => Self::Filter(book.filters().written(id)),
            Test::Position(position) => Self::Position(position),
        }
    }
}

fn children(books: Books<'_>, pair: &Pair) -> Vec<(String, Pair)> {
    let mut names = BTreeSet::new();
    let mut positions = BTreeSet::new();
    let mut unknowns: Vec<Unknown<'_>> = Vec::new();
    for (book, key) in [(books.0, &pair.0), (books.1, &pair.1)] {
        let Some(book) = book else { continue };
        for pick in book.picks(key) {
            match pick {
                Pick::Name(name) => {
                    names.insert(name.to_vec());
                }
                Pick::Any => {}
                Pick::Range(range) => {
                    positions.insert(range.start);
                }
                Pick::Tested(test) => {
                    let unknown = Unknown::of(book, *test);
                    if !unknowns.contains(&unknown) {
                        unknowns.push(unknown);
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    for holding in combinations(unknowns.len()) {
        let holds = |book: &Rulebook, test| {
            let unknown = Unknown::of(book, test);
            let at = unknowns.iter().position(|known| *known == unknown);
            at.is_some_and(|at| holding[at])
        };
        let child = |book: Option<&Rulebook>, key: &Key, step: Step<'_>| match (book, step) {
            (None, _) => Key::default(),
            (Some(book), Step::Member(name)) => book.member(key, name, |test| holds(book, test)),
            (Some(book), Step::Element(at)) => book.element(key, at, |test| holds(book, test)),
        };
        let mut add = |step: Step<'_>| {
            let next = (child(books.0, &pair.0, step), child(books.1, &pair.1, step));
            let condition = written(&unknowns, &holding);
            found.push((step.text(condition), next));
        };
        for name in &names {
            add(Step::Member(Some(name)));
        }
        add(Step::Member(None));
        for at in &positions {
            add(Step::Element(Some(*at)));
        }
        add(Step::Element(None));
    }
    found
}

/// Which of `count` tests hold, one way after another; first that none does.
fn combinations(count: usize) -> Vec<Vec<bool>> {
    if count <= EVERY_COMBINATION {
        return (0..1_usize << count)
            .map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect())
            .collect();
    }
    let mut ways = vec![vec![false; count], vec![true; count]];
    ways.extend((0..count).map(|alone| (0..count).map(|at| at == alone).collect()));
    ways
}

/// The tests that hold, as the inside of one filter; `None` where none does.
fn written(unknowns: &[Unknown<'_>], holding: &[bool]) -> Option<String> {
    let holding = unknowns.iter().zip(holding).filter(|(_, holds)| **holds);
    let texts: Vec<String> = holding
        .map(|(unknown, _)| match unknown {
            Unknown::Filter(filter) => filter.to_string(),
            Unknown::Position(_) => "at a position from the end".to_owned(),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(" && "))
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(Option<&'a [u8]>),
    Element(Option<u64>),
}

impl Step<'_> {
    fn text(self, condition: Option<String>) -> String {
        match (self, condition) {
            (Self::Member(Some(name)), _) => member(&String::from_utf8_lossy(name)),
            (Self::Element(Some(at)), _) => format!("[{at}]"),
            (Self::Member(None) | Self::Element(None), Some(condition)) => {
                format!("[?{condition}]")
            }
            (Self::Member(None), None) => ".*".to_owned(),
            (Self::Element(None), None) => "[*]".to_owned(),
        }
    }
}

fn member(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_plain {
        format!(".{name}")
    } else {
        format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimise::Limits;
    use crate::plan::{Action, BodyRules, OnMismatch, PlanKeys, Rule, Selector};

    fn plan(rules: &[(&str, Action)]) -> Plan {
        let rules = BodyRules {
            fields: rules
                .iter()
                .map(|(selector, action)| Rule {
                    selector: Selector::parse(selector).unwrap(),
                    action: action.clone(),
                    on_mismatch: OnMismatch::Drop,
                    line: 1,
                })
                .collect(),
            ..BodyRules::default()
        };
        Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).unwrap()
    }

    fn differing(before: &Plan, after: &Plan) -> Vec<(String, Fate, Fate)> {
        compare(Some(before), Some(after))
            .nodes
            .into_iter()
            .filter(|node| node.before != node.after)
            .map(|node| (node.path, node.before, node.after))
            .collect()
    }

    #[test]
    fn a_wildcard_that_covers_a_name_anew_is_seen_at_that_name() {
        let before = plan(&[("$.a.b", Action::Keep)]);
        let after = plan(&[("$.a.b", Action::Keep), ("$.a.*", Action::Keep)]);
        assert_eq!(
            differing(&before, &after),
            [("$.a.*".to_owned(), Fate::Nothing, Fate::Kept(1))]
        );
    }

    #[test]
    fn a_drop_that_goes_lets_out_what_it_held_back() {
        let before = plan(&[("$.a", Action::KeepAll), ("$.a.b", Action::Drop)]);
        let after = plan(&[("$.a", Action::KeepAll)]);
        assert_eq!(
            differing(&before, &after),
            [("$.a.b".to_owned(), Fate::Nothing, Fate::Kept(0))]
        );
    }

    #[test]
    fn a_filter_is_tried_both_ways_and_positions_at_their_start() {
        let before = plan(&[("$[*].x", Action::Keep)]);
        let after = plan(&[
            ("$[*].x", Action::Keep),
            ("$[?@.child == true]", Action::Drop),
            ("$[3].y", Action::Keep),
        ]);
        let found = differing(&before, &after);
        assert!(found.contains(&("$[3].y".to_owned(), Fate::Nothing, Fate::Kept(2))));
        assert!(
            found
                .iter()
                .any(|(path, before, after)| path.starts_with("$[?")
                    && (*before, *after) == (Fate::Kept(0), Fate::Nothing)),
            "{found:?}"
        );
    }

    #[test]
    fn the_same_rules_in_another_order_differ_nowhere() {
        let rules = [
            ("$.a", Action::KeepAll),
            ("$..b", Action::Drop),
            ("$.c[?@.x > 1]", Action::Keep),
            ("$.c[-1]", Action::Keep),
        ];
        let mut turned = rules.clone();
        turned.reverse();
        for node in compare(Some(&plan(&rules)), Some(&plan(&turned))).nodes {
            assert_eq!(
                std::mem::discriminant(&node.before),
                std::mem::discriminant(&node.after),
                "{}",
                node.path
            );
        }
    }

    #[test]
    fn what_descends_without_end_is_looked_at_only_once() {
        let both = plan(&[("$..a..b", Action::Keep), ("$..[?@.x]", Action::Drop)]);
        let comparison = compare(Some(&both), None);
        assert!(comparison.is_whole);
        assert!(comparison.nodes.len() < 100);
    }
}
