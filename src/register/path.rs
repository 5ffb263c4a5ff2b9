//! Where a field stands, and whether a rule's selector stays within it.
//!
//! A field is written from a record (`@.address.postcode`) or from the document (`$.page`); a rule is written from the
//! document. Both become [`Way`]s, which are compared without looking at any data: what could be another field is taken to
//! be one.

use jsonpath_rust::parser::model::{Segment, Selector as Part};

use crate::plan::Selector;

/// Ways that one selector may stand for: `$['a', 'b'].c` stands for two.
const WAYS: usize = 256;
/// Steps of one way.
const STEPS: usize = 128;

/// One step from a node to nodes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The member of this name.
    Name(String),
    /// Elements of an array, by position.
    Position,
    /// Any member or element: `*`.
    Any,
    /// Those members or elements of which a filter holds.
    Some,
    /// The node itself and everything in it, at any depth.
    Descend,
}

/// One way from the top to nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Way(Vec<Step>);

impl Way {
    /// The ways that `selector` stands for; `None` if there are too many to compare.
    pub(crate) fn of(selector: &Selector) -> Option<Vec<Self>> {
        let mut ways = vec![Self::default()];
        for segment in &selector.query().segments {
            let (deep, parts) = match segment {
                Segment::Selector(part) => (false, std::slice::from_ref(part)),
                Segment::Selectors(parts) => (false, parts.as_slice()),
                Segment::Descendant(segment) => match &**segment {
                    Segment::Selector(part) => (true, std::slice::from_ref(part)),
                    Segment::Selectors(parts) => (true, parts.as_slice()),
                    Segment::Descendant(_) => return None,
                },
            };
            let mut longer = Vec::with_capacity(ways.len() * parts.len());
            for way in &ways {
                for part in parts {
                    let mut way = way.clone();
                    if deep {
                        way.0.push(Step::Descend);
                    }
                    way.0.push(match part {
                        Part::Name(name) => Step::Name(name.clone()),
                        Part::Wildcard => Step::Any,
                        Part::Filter(_) => Step::Some,
                        Part::Index(_) | Part::Slice(..) => Step::Position,
                    });
                    longer.push(way);
                }
            }
            ways = longer;
            if ways.len() > WAYS || ways.iter().any(|way| way.0.len() > STEPS) {
                return None;
            }
        }
        Some(ways)
    }

    /// This way, going on as `below` does.
    pub(crate) fn then(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// Whether only names and `*` are on it: what a register takes for a field.
    pub(crate) fn is_plain(&self) -> bool {
        self.0
            .iter()
            .all(|step| matches!(step, Step::Name(_) | Step::Any))
    }

    /// Whether it is the top itself.
    pub(crate) fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every node at the end of `rule` belongs to the field at the end of this way: is the field, or, where
    /// the field is `whole`, is in it.
    pub(crate) fn covers(&self, whole: bool, rule: &Self) -> bool {
        compare(
            (&self.0, whole),
            (&rule.0, false),
            |field, rule| match (field, rule) {
                (Step::Name(field), Step::Name(rule)) => field == rule,
                (Step::Any, _) => true,
                // Two positions or filters may take different elements.
                (Step::Name(_) | Step::Position | Step::Some | Step::Descend, _) => false,
            },
            Deep::FieldAlone,
        )
    }

    /// Whether a node at the end of `rule` could belong to the field at the end of this way. `subtree`: the rule is
    /// for all that is in its nodes too.
    pub(crate) fn meets(&self, whole: bool, rule: &Self, subtree: bool) -> bool {
        compare(
            (&self.0, whole),
            (&rule.0, subtree),
            |field, rule| match (field, rule) {
                (Step::Name(field), Step::Name(rule)) => field == rule,
                (Step::Name(_), Step::Position) | (Step::Position, Step::Name(_)) => false,
                (Step::Name(_) | Step::Position | Step::Any | Step::Some | Step::Descend, _) => {
                    true
                }
            },
            Deep::Both,
        )
    }
}

/// Whose `..` may stand for several steps of the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deep {
    FieldAlone,
    Both,
}

/// Compares two ways from their ends, so that `..` costs no more than another step. The flag of each says that what is
/// below its end belongs to it.
fn compare(
    (field, field_subtree): (&[Step], bool),
    (rule, rule_subtree): (&[Step], bool),
    alike: impl Fn(&Step, &Step) -> bool,
    deep: Deep,
) -> bool {
    let width = rule.len() + 1;
    let mut met = vec![false; (field.len() + 1) * width];
    for i in (0..=field.len()).rev() {
        for j in (0..=rule.len()).rev() {
            let at = |i: usize, j: usize| met[i * width + j];
            met[i * width + j] = match (field.get(i), rule.get(j)) {
                (None, None) => true,
                (None, Some(_)) => field_subtree,
                (Some(_), None) => rule_subtree,
                (Some(Step::Descend), Some(_)) => at(i + 1, j) || at(i, j + 1),
                (Some(_), Some(Step::Descend)) => {
                    deep == Deep::Both && (at(i, j + 1) || at(i + 1, j))
                }
                (Some(field), Some(rule)) => alike(field, rule) && at(i + 1, j + 1),
            };
        }
    }
    met[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(text: &str) -> Way {
        Way::of(&Selector::parse(text).unwrap()).unwrap().remove(0)
    }

    #[test]
    fn a_rule_is_covered_where_every_node_of_it_is_the_field() {
        // The field, whether it is whole, the rule, and whether it covers it.
        for (field, whole, rule, covered) in [
            ("$.name", false, "$.name", true),
            ("$.name", false, "$['name']", true),
            ("$.name", false, "$.n", false),
            ("$.name", false, "$.name.first", false),
            ("$.name", true, "$.name.first", true),
            ("$.name", true, "$.name..first", true),
            ("$.address", false, "$.address.*", false),
            ("$.address.postcode", false, "$.address.*", false),
            ("$.address.postcode", false, "$.address", false),
            ("$.address.postcode", false, "$..postcode", false),
            ("$.scores.*", false, "$.scores.*", true),
            ("$.scores.*", false, "$.scores.reading", true),
            ("$.contacts[*].phone", false, "$.contacts[*].phone", true),
            ("$.contacts[*].phone", false, "$.contacts[0].phone", true),
            ("$.contacts[*].phone", false, "$.contacts[1:].phone", true),
            (
                "$.contacts[*].phone",
                false,
                "$.contacts[?@.main].phone",
                true,
            ),
            ("$.contacts[*].phone", false, "$.contacts[*].*", false),
            ("$", true, "$..anything", true),
            ("$", false, "$.a", false),
            ("$['a b']", false, "$[\"a b\"]", true),
            ("$['it\\'s']", false, "$[\"it's\"]", true),
        ] {
            assert_eq!(
                way(field).covers(whole, &way(rule)),
                covered,
                "{field} {rule}"
            );
        }
    }

    #[test]
    fn a_rule_meets_a_field_where_one_node_could_be_both() {
        for (field, rule, subtree, met) in [
            ("$.name", "$.name", false, true),
            ("$.name", "$.*", false, true),
            ("$.name", "$..name", false, true),
            ("$.a.b.name", "$..name", false, true),
            ("$.a.b.name", "$..b..name", false, true),
            ("$.a.b.name", "$..c..name", false, false),
            ("$.a.b", "$.a", false, false),
            ("$.a.b", "$.a", true, true),
            ("$.a[*].b", "$.a[0].b", false, true),
            ("$.a.b", "$.a[0]", false, false),
            ("$.a.b", "$.a.c", true, false),
            ("$.scores.*", "$.scores.reading", false, true),
        ] {
            assert_eq!(
                way(field).meets(false, &way(rule), subtree),
                met,
                "{field} {rule}"
            );
        }
    }

    #[test]
    fn a_selector_of_several_names_stands_for_several_ways() {
        let ways = Way::of(&Selector::parse("$['a', 'b'].c").unwrap()).unwrap();
        assert_eq!(ways, [way("$.a.c"), way("$.b.c")]);
        let many = format!("${}", "['a', 'b']".repeat(20));
        assert_eq!(Way::of(&Selector::parse(&many).unwrap()), None);
    }

    #[test]
    fn a_long_way_of_many_descents_is_compared_in_little_time() {
        let long = format!("${}", "..a".repeat(50));
        assert!(way(&long).meets(false, &way(&long), false));
        assert!(!way(&long).meets(false, &way("$.b"), false));
    }
}
