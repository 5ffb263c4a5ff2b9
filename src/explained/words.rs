//! What rules do, in words for people who do not program, and which of two tells more.

use crate::plan::Action;
use crate::transform::generalise::{DatePart, Generalise, PostcodePart};
use crate::transform::{InPlace, Redact, Transform};

/// What leaves of a value under `action`, to be read after `leaves`: `as it is`, `as its year`.
#[must_use]
pub fn leaves(action: &Action) -> String {
    match action {
        Action::Keep => "as it is".to_owned(),
        Action::KeepAll => "whole, as it is, with everything in it".to_owned(),
        Action::Drop => "not at all".to_owned(),
        Action::Transform(transform) => becomes(transform),
    }
}

/// What a value becomes under `transform`, to be read after `leaves`.
#[must_use]
pub fn becomes(transform: &Transform) -> String {
    match transform {
        Transform::Decided => {
            "as it is where the others concerned agree or it was decided to be reasonable, else not at all".to_owned()
        }
        Transform::Replace { json } => format!("as the constant {json}"),
        Transform::Mask {
            keep_first,
            keep_last,
            ..
        } => match (keep_first, keep_last) {
            (0, 0) => "with every character masked".to_owned(),
            (first, 0) => format!("masked but for its first {}", characters(*first)),
            (0, last) => format!("masked but for its last {}", characters(*last)),
            (first, last) => {
                format!(
                    "masked but for its first {first} and last {}",
                    characters(*last)
                )
            }
        },
        Transform::Generalise(generalise) => coarser(generalise).to_owned(),
        Transform::Shift(_) => "moved by some days, all dates of a person by the same".to_owned(),
        Transform::Reidentify { namespace, .. } => {
            format!("as the identifier of the {namespace} that its token stands for")
        }
        Transform::Link(_) => "as a link, rewritten by template".to_owned(),
        Transform::Redact(redact) => redacted(redact),
        Transform::Pseudonymise(identified) => {
            format!("as a one-way token of the {}", identified.namespace)
        }
        Transform::Tokenise { identified, .. } => format!(
            "as a token of the {} that only this gateway can turn back",
            identified.namespace
        ),
    }
}

fn characters(count: usize) -> String {
    match count {
        1 => "character".to_owned(),
        _ => format!("{count} characters"),
    }
}

fn coarser(generalise: &Generalise) -> &'static str {
    match generalise {
        Generalise::Date { to, .. } => match to {
            DatePart::Week => "as its week",
            DatePart::Month => "as its month",
            DatePart::Quarter => "as its quarter",
            DatePart::FinancialYear => "as its financial year",
            DatePart::SchoolYear => "as its school year",
            DatePart::Year => "as its year",
        },
        Generalise::Age { .. } => "as an age in years",
        Generalise::AgeBand { .. } => "as a band of ages",
        Generalise::Postcode { to, .. } => match to {
            PostcodePart::Sector => "as its postcode sector",
            PostcodePart::District => "as its postcode district",
            PostcodePart::Area => "as its postcode area",
        },
        Generalise::Table { .. } => "as what a table has for it",
        Generalise::Band { .. } => "as the band that it is in",
        Generalise::Round(_) => "rounded",
        Generalise::Capped(_) => "cut off at its bounds",
    }
}

fn redacted(redact: &Redact) -> String {
    let kinds: Vec<&str> = redact.kinds.iter().map(|kind| kind.word()).collect();
    let mut what = kinds.join(", ");
    if redact.names {
        what.push_str(if kinds.is_empty() {
            "names"
        } else {
            " and names"
        });
    }
    if what.is_empty() {
        what.push_str("the agreement's own patterns");
    }
    let instead = match &redact.replace {
        InPlace::Kind => "",
        InPlace::Placeholder => ", with placeholders in their places",
        InPlace::Token { .. } => ", with tokens in their places",
    };
    format!("as text without {what} as far as they are found{instead}")
}

/// How what one rule lets out compares with what another does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The same.
    Same,
    /// Less: who has the second could be told it by the first.
    Less,
    /// More.
    More,
    /// Something else: neither can be worked out from the other.
    Other,
}

/// How what `after` lets out of a value compares with what `before` does.
#[must_use]
pub fn compare(before: &Transform, after: &Transform) -> Told {
    if before == after {
        Told::Same
    } else if tells_less(before, after) {
        Told::Less
    } else if tells_less(after, before) {
        Told::More
    } else {
        Told::Other
    }
}

/// Whether `less` can be worked out from `more`, whatever the value; where that is not known, no.
fn tells_less(more: &Transform, less: &Transform) -> bool {
    match (more, less) {
        // A constant says nothing of the value.
        (_, Transform::Replace { .. }) => !matches!(more, Transform::Replace { .. }),
        (Transform::Generalise(more), Transform::Generalise(less)) => is_coarser(more, less),
        (
            Transform::Mask {
                keep_first: first,
                keep_last: last,
                skip,
                with,
            },
            Transform::Mask {
                keep_first: fewer_first,
                keep_last: fewer_last,
                skip: same_skip,
                with: same_with,
            },
        ) => fewer_first <= first && fewer_last <= last && skip == same_skip && with == same_with,
        // A token that turns back is a one-way token and more.
        (
            Transform::Tokenise {
                identified: more, ..
            },
            Transform::Pseudonymise(less),
        ) => more == less,
        (Transform::Redact(more), Transform::Redact(less)) => {
            let looked_for = |redact: &Redact| redact.kinds;
            more.patterns == less.patterns
                && more.names <= less.names
                && more.threshold == less.threshold
                && more.replace == less.replace
                && looked_for(more)
                    .iter()
                    .all(|kind| looked_for(less).has(kind))
        }
        (
            Transform::Decided
            | Transform::Replace { .. }
            | Transform::Mask { .. }
            | Transform::Generalise(_)
            | Transform::Shift(_)
            | Transform::Reidentify { .. }
            | Transform::Link(_)
            | Transform::Redact(_)
            | Transform::Pseudonymise(_)
            | Transform::Tokenise { .. },
            _,
        ) => false,
    }
}

fn is_coarser(fine: &Generalise, coarse: &Generalise) -> bool {
    match (fine, coarse) {
        (
            Generalise::Date { to: fine, from },
            Generalise::Date {
                to: coarse,
                from: same,
            },
        ) => from == same && lies_in(*fine, *coarse),
        (
            Generalise::Age { at, from },
            Generalise::AgeBand {
                at: on, from: same, ..
            },
        ) => at == on && from == same,
        (
            Generalise::Postcode {
                to: fine,
                otherwise,
            },
            Generalise::Postcode {
                to: coarse,
                otherwise: same,
            },
        ) => otherwise == same && fine < coarse,
        (
            Generalise::Date { .. }
            | Generalise::Age { .. }
            | Generalise::AgeBand { .. }
            | Generalise::Postcode { .. }
            | Generalise::Table { .. }
            | Generalise::Band { .. }
            | Generalise::Round(_)
            | Generalise::Capped(_),
            _,
        ) => false,
    }
}

/// Whether each `fine` part of the calendar lies in one `coarse` part.
fn lies_in(fine: DatePart, coarse: DatePart) -> bool {
    match (fine, coarse) {
        (
            DatePart::Month,
            DatePart::Quarter | DatePart::FinancialYear | DatePart::SchoolYear | DatePart::Year,
        )
        | (DatePart::Quarter, DatePart::FinancialYear | DatePart::Year) => true,
        (
            DatePart::Week
            | DatePart::Month
            | DatePart::Quarter
            | DatePart::FinancialYear
            | DatePart::SchoolYear
            | DatePart::Year,
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{DateForm, Identified};

    fn date(to: DatePart) -> Transform {
        Transform::Generalise(Generalise::Date {
            to,
            from: DateForm::default(),
        })
    }

    #[test]
    fn coarser_parts_of_the_calendar_tell_less() {
        for (before, after, told) in [
            (DatePart::Month, DatePart::Year, Told::Less),
            (DatePart::Year, DatePart::Month, Told::More),
            (DatePart::Quarter, DatePart::SchoolYear, Told::Other),
            (DatePart::Week, DatePart::Year, Told::Other),
            (DatePart::Week, DatePart::Week, Told::Same),
        ] {
            assert_eq!(
                compare(&date(before), &date(after)),
                told,
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn a_one_way_token_tells_less_than_one_that_turns_back() {
        let person = Identified::text("person");
        let back = Transform::Tokenise {
            identified: person.clone(),
            format: None,
        };
        let once = Transform::Pseudonymise(person);
        assert_eq!(compare(&back, &once), Told::Less);
        assert_eq!(compare(&once, &back), Told::More);
        assert_eq!(compare(&once, &date(DatePart::Year)), Told::Other);
    }

    #[test]
    fn a_mask_that_leaves_fewer_characters_tells_less() {
        let mask = |keep_last| Transform::Mask {
            keep_first: 0,
            keep_last,
            skip: String::new(),
            with: '*',
        };
        assert_eq!(compare(&mask(4), &mask(2)), Told::Less);
        assert_eq!(compare(&mask(2), &mask(4)), Told::More);
        assert_eq!(becomes(&mask(4)), "masked but for its last 4 characters");
    }
}
