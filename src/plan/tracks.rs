//! Selectors as tracks: the steps that lead from a body's root to what a selector selects.

use jsonpath_rust::parser::model::{Filter, JpQuery, Segment, Selector as Part};

use super::automaton::PERIOD;
use super::filter::Expression;

/// One selector of a plan, and what it is for.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) steps: Vec<Step>,
    pub(super) role: Role,
}

/// What a node selected by a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Under the rule with this index.
    Field(usize),
    /// A record.
    Record,
    /// The subject of its record.
    Subject,
    /// An object whose member names are data, under the name rule with this index.
    Names(usize),
}

/// One segment of a selector (RFC 9535 §2.5).
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Whether the segment is a descendant segment (`..`).
    pub(super) descendant: bool,
    pub(super) picks: Vec<Pick>,
}

/// One selector within a segment (RFC 9535 §2.3).
#[derive(Debug, Clone)]
pub(crate) enum Pick {
    Name(Box<[u8]>),
    Any,
    Range(Range),
    /// Members or elements of which it holds.
    Tested(Test),
}

/// What a child's name or index alone does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    /// A filter, decided on the whole child.
    Filter(FilterId),
    /// A position that the array's length decides; it holds of no member.
    Position(ByLength),
}

/// A filter's place among a plan's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterId(u16);

/// The filters of a plan, each once however often it is written.
#[derive(Debug, Default)]
pub(crate) struct Filters(Vec<(Filter, Expression)>);

impl Filters {
    pub(crate) fn get(&self, id: FilterId) -> &Expression {
        &self.0[usize::from(id.0)].1
    }

    /// The filter as it was parsed.
    pub(super) fn written(&self, id: FilterId) -> &Filter {
        &self.0[usize::from(id.0)].0
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().map(|(_, expression)| expression)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn enter(&mut self, filter: &Filter) -> Result<FilterId, String> {
        let known = self.0.iter().position(|(of, _)| of == filter);
        let place = known.unwrap_or(self.0.len());
        let id = u16::try_from(place)
            .map_err(|_| format!("more than {} filters in one disclosure", u16::MAX))?;
        if known.is_none() {
            let expression = Expression::compile(filter).map_err(|error| error.message)?;
            self.0.push((filter.clone(), expression));
        }
        Ok(FilterId(id))
    }
}

/// Elements by position: an index from the end, or a slice with a bound from the end or a negative step; or one with
/// a step longer than automata count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByLength {
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
}

impl ByLength {
    /// Whether it picks the element at `index` of an array of `length` (RFC 9535 §2.3.3.2, §2.3.4.2.2).
    pub(crate) fn contains(self, index: u64, length: u64) -> bool {
        let (Ok(index), Ok(length)) = (i64::try_from(index), i64::try_from(length)) else {
            return false;
        };
        let from_end = |bound: i64| {
            if bound < 0 {
                length.saturating_add(bound)
            } else {
                bound
            }
        };
        match self {
            Self::Index(of) => from_end(of) == index,
            Self::Slice { start, end, step } if step > 0 => {
                let lower = start.map_or(0, from_end).clamp(0, length);
                let upper = end.map_or(length, from_end).clamp(0, length);
                index >= lower && index < upper && (index - lower) % step == 0
            }
            Self::Slice { start, end, step } => {
                let upper = start.map_or(length - 1, from_end).clamp(-1, length - 1);
                let lower = end.map_or(-1, from_end).clamp(-1, length - 1);
                index <= upper && index > lower && (upper - index) % step == 0
            }
        }
    }
}

/// Elements by position: an index or a slice whose meaning does not depend on the array's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(super) start: u64,
    /// The first index beyond; `u64::MAX` for none.
    pub(super) end: u64,
    pub(super) step: u64,
}

impl Range {
    /// One step that leads beyond the end is none: the slice is its first element, however long the step.
    fn new(start: u64, end: u64, step: u64) -> Self {
        if end.saturating_sub(start) <= step {
            Self {
                start,
                end: end.min(start + 1),
                step: 1,
            }
        } else {
            Self { start, end, step }
        }
    }

    pub(super) fn contains(self, index: u64) -> bool {
        index >= self.start && index < self.end && (index - self.start).is_multiple_of(self.step)
    }
}

/// The steps of `query`; its filters are entered into `filters`.
pub(super) fn steps(query: &JpQuery, filters: &mut Filters) -> Result<Vec<Step>, String> {
    let steps = query.segments.iter();
    steps.map(|segment| step(segment, filters)).collect()
}

fn step(segment: &Segment, filters: &mut Filters) -> Result<Step, String> {
    match segment {
        Segment::Descendant(inner) => {
            let inner = step(inner, filters)?;
            Ok(Step {
                descendant: true,
                picks: inner.picks,
            })
        }
        Segment::Selector(part) => Ok(Step {
            descendant: false,
            picks: pick(part, filters)?.into_iter().collect(),
        }),
        Segment::Selectors(parts) => {
            let mut picks = Vec::new();
            for part in parts {
                picks.extend(pick(part, filters)?);
            }
            Ok(Step {
                descendant: false,
                picks,
            })
        }
    }
}

/// The pick of `part`; `None` for one that selects nothing whatever the body.
fn pick(part: &Part, filters: &mut Filters) -> Result<Option<Pick>, String> {
    Ok(match part {
        Part::Name(name) => Some(Pick::Name(name.as_bytes().into())),
        Part::Wildcard => Some(Pick::Any),
        Part::Index(index) => Some(match u64::try_from(*index) {
            Ok(start) => Pick::Range(Range {
                start,
                end: start + 1,
                step: 1,
            }),
            Err(_) => Pick::Tested(Test::Position(ByLength::Index(*index))),
        }),
        Part::Slice(_, _, Some(0)) => None,
        Part::Slice(start, end, step) => {
            let (first, beyond) = (
                u64::try_from(start.unwrap_or(0)),
                end.map(u64::try_from).transpose(),
            );
            let step = step.unwrap_or(1);
            let range = match (first, beyond) {
                (Ok(start), Ok(end)) if step > 0 => Some(Range::new(
                    start,
                    end.unwrap_or(u64::MAX),
                    step.unsigned_abs(),
                )),
                _ => None,
            };
            Some(match range {
                Some(range) if range.step <= PERIOD => Pick::Range(range),
                Some(_) | None => Pick::Tested(Test::Position(ByLength::Slice {
                    start: *start,
                    end: *end,
                    step,
                })),
            })
        }
        Part::Filter(filter) => Some(Pick::Tested(Test::Filter(filters.enter(filter)?))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_that_the_length_decides_are_those_of_rfc_9535() {
        let slice = |start, end, step| ByLength::Slice { start, end, step };
        for (picks, length, expected) in [
            (ByLength::Index(-1), 3, vec![2]),
            (ByLength::Index(-4), 3, vec![]),
            (slice(None, None, -1), 3, vec![0, 1, 2]),
            (slice(Some(-2), None, 1), 5, vec![3, 4]),
            (slice(Some(5), Some(1), -2), 7, vec![3, 5]),
            (slice(Some(5), Some(1), -2), 5, vec![2, 4]),
            (slice(None, Some(-2), 2), 6, vec![0, 2]),
            (slice(Some(1), Some(-1), 1), 1, vec![]),
            (slice(Some(i64::MIN), Some(i64::MAX), 1), 2, vec![0, 1]),
            (slice(Some(i64::MAX), Some(i64::MIN), -1), 2, vec![0, 1]),
            (slice(None, None, i64::MIN), 2, vec![1]),
        ] {
            let found: Vec<u64> = (0..length)
                .filter(|index| picks.contains(*index, length))
                .collect();
            assert_eq!(found, expected, "{picks:?} of {length}");
        }
    }
}
