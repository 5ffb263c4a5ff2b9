//! Selectors as tracks: the steps that lead from a body's root to what a selector selects.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector as Part};

/// One selector of a plan, and what it is for.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) steps: Vec<Step>,
    pub(super) role: Role,
}

/// What a node selected by a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Under the rule with this index.
    Field(usize),
    /// A record.
    Record,
    /// The subject of its record.
    Subject,
}

/// One segment of a selector (RFC 9535 §2.5).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Whether the segment is a descendant segment (`..`).
    pub(super) descendant: bool,
    pub(super) picks: Vec<Pick>,
}

/// One selector within a segment (RFC 9535 §2.3).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pick {
    Name(Box<[u8]>),
    Any,
    Range(Range),
}

/// Elements by position: an index or a slice whose meaning does not depend on the array's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) start: u64,
    /// The first index beyond; `u64::MAX` for none.
    pub(super) end: u64,
    pub(super) step: u64,
}

impl Range {
    pub(super) fn contains(self, index: u64) -> bool {
        index >= self.start && index < self.end && (index - self.start).is_multiple_of(self.step)
    }
}

/// The steps of `query`.
pub(super) fn steps(query: &JpQuery) -> Result<Vec<Step>, String> {
    query.segments.iter().map(step).collect()
}

fn step(segment: &Segment) -> Result<Step, String> {
    match segment {
        Segment::Descendant(inner) => {
            let inner = step(inner)?;
            Ok(Step {
                descendant: true,
                picks: inner.picks,
            })
        }
        Segment::Selector(part) => Ok(Step {
            descendant: false,
            picks: pick(part)?.into_iter().collect(),
        }),
        Segment::Selectors(parts) => {
            let mut picks = Vec::new();
            for part in parts {
                picks.extend(pick(part)?);
            }
            Ok(Step {
                descendant: false,
                picks,
            })
        }
    }
}

/// The pick of `part`; `None` for one that selects nothing whatever the body.
fn pick(part: &Part) -> Result<Option<Pick>, String> {
    let by_length = || {
        Err("a position counted from an array's end is not built yet; count from the start, or use [*]".to_owned())
    };
    Ok(match part {
        Part::Name(name) => Some(Pick::Name(name.as_bytes().into())),
        Part::Wildcard => Some(Pick::Any),
        Part::Index(index) => match u64::try_from(*index) {
            Ok(start) => Some(Pick::Range(Range {
                start,
                end: start + 1,
                step: 1,
            })),
            Err(_) => return by_length(),
        },
        Part::Slice(start, end, step) => {
            let bounds = (
                u64::try_from(start.unwrap_or(0)),
                end.map(u64::try_from).transpose(),
                step.unwrap_or(1),
            );
            match bounds {
                (_, _, 0) => None,
                (Ok(start), Ok(end), step) if step > 0 => Some(Pick::Range(Range {
                    start,
                    end: end.unwrap_or(u64::MAX),
                    step: step.unsigned_abs(),
                })),
                (_, _, _) => return by_length(),
            }
        }
        Part::Filter(_) => {
            return Err(
                "filters in selectors are not built yet; use names, [*], indexes, slices or .."
                    .to_owned(),
            );
        }
    })
}
