//! Dates beside words that say that they are of birth.

use super::Score;
use super::kind::Kind;
use super::pieces::{Gap, Piece, is_word};
use super::search::Search;
use crate::identifier::check::is_day;

/// A date by itself says little of a person; beside `born` it says much.
const DATE: Score = 30;

/// What stands between the parts of a date in figures.
const FIGURES: Gap = Gap::SLASH
    .or(Gap::HYPHEN)
    .or(Gap::DOT)
    .or(Gap::SPACE)
    .or(Gap::LINE);
/// What stands between its parts where the month is a word.
const WORDS: Gap = FIGURES.or(Gap::COMMA).or(Gap::SEVERAL);

impl Search<'_> {
    /// A date that begins with the digits at `first`: `7/3/1941`, `1941-03-07`, `7 March 1941`, `07031941`.
    pub(super) fn date(&mut self, pieces: &[Piece], first: usize) {
        if !self.kinds.has(Kind::DateOfBirth) {
            return;
        }
        let text = self.text;
        let piece = pieces[first];
        if piece.start > 0 && is_word(text[piece.start - 1]) {
            return;
        }
        let digits = &text[piece.start..piece.end];
        if let &[d1, d2, m1, m2, _, _, _, _] = digits {
            let year = number(&digits[4..]);
            if is_date(year, number(&[m1, m2]), number(&[d1, d2])) {
                self.day(piece.start, piece.end);
            }
            return;
        }
        let Some([second, third]) = pieces.get(first + 1..first + 3) else {
            return;
        };
        if !second.digits {
            if piece.len() <= 2 {
                self.day_first(pieces, first);
            }
            return;
        }
        let is_uniform = second.gap == third.gap && second.gap.is_uniform();
        if !third.digits || !is_uniform || second.gap == Gap::GLUED || !second.gap.within(FIGURES) {
            return;
        }
        let second = &text[second.start..second.end];
        let end = third.end;
        let third = &text[third.start..end];
        let is_one = match (digits.len(), second.len(), third.len()) {
            (4, 1 | 2, 1 | 2) => is_date(number(digits), number(second), number(third)),
            (1 | 2, 1 | 2, 2 | 4) => {
                let (one, two, year) = (number(digits), number(second), year(third));
                // The second where the first is the month, as in North America.
                is_date(year, two, one) || is_date(year, one, two)
            }
            _ => false,
        };
        if is_one {
            self.day(piece.start, end);
        }
    }

    /// `7 March 1941`, `7th Mar 41`.
    fn day_first(&mut self, pieces: &[Piece], first: usize) {
        let text = self.text;
        let day = pieces[first];
        let mut rest = pieces[first + 1..].iter();
        let mut month = rest.next();
        if let Some(ordinal) = month.filter(|piece| piece.gap == Gap::GLUED)
            && is_ordinal(&text[ordinal.start..ordinal.end])
        {
            month = rest.next();
        }
        let (Some(month), Some(year_of)) = (month, rest.next()) else {
            return;
        };
        if !month.gap.within(WORDS) || !year_of.digits {
            return;
        }
        self.in_words(day.start, day, *month, *year_of);
    }

    /// `March 7, 1941`, which begins with the letters at `first`.
    pub(super) fn month_first(&mut self, pieces: &[Piece], first: usize) {
        let text = self.text;
        let month = pieces[first];
        if month.len() < 3 || month.start > 0 && is_word(text[month.start - 1]) {
            return;
        }
        let mut rest = pieces[first + 1..].iter();
        let (Some(day), Some(next)) = (rest.next(), rest.next()) else {
            return;
        };
        let year = if is_ordinal(&text[next.start..next.end]) && next.gap == Gap::GLUED {
            rest.next()
        } else {
            Some(next)
        };
        if let Some(year) = year.filter(|year| year.digits) {
            self.in_words(month.start, *day, month, *year);
        }
    }

    fn in_words(&mut self, start: usize, day: Piece, month: Piece, year_of: Piece) {
        let text = self.text;
        let Some(month) = month_of(&text[month.start..month.end]) else {
            return;
        };
        if day.len() <= 2
            && matches!(year_of.len(), 2 | 4)
            && year_of.gap.within(WORDS)
            && is_date(
                year(&text[year_of.start..year_of.end]),
                month,
                number(&text[day.start..day.end]),
            )
        {
            self.day(start, year_of.end);
        }
    }

    fn day(&mut self, start: usize, end: usize) {
        self.steps += 1;
        // A time may follow directly: `1941-03-07T00:00`.
        let goes_on = match &self.text[end..] {
            [b'T' | b't', next, ..] => !next.is_ascii_digit(),
            [next, ..] => is_word(*next),
            [] => false,
        };
        if !goes_on {
            self.offer(Kind::DateOfBirth, DATE, start, end);
        }
    }
}

/// A day that somebody may have been born on.
fn is_date(year: u32, month: u32, day: u32) -> bool {
    (1880..=2100).contains(&year) && is_day(year, month, day)
}

/// A year of four digits, or one of two, whose century is not told: a leap year's, so that its 29 February is a day.
fn year(digits: &[u8]) -> u32 {
    match digits.len() {
        4 => number(digits),
        _ => 2000 + number(digits),
    }
}

/// The value of at most four digits.
fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

fn is_ordinal(letters: &[u8]) -> bool {
    [b"st", b"nd", b"rd", b"th"]
        .iter()
        .any(|ordinal| letters.eq_ignore_ascii_case(*ordinal))
}

/// The number of the month of this name, or of its first three letters (`Sept` too).
fn month_of(letters: &[u8]) -> Option<u32> {
    const MONTHS: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let is = |month: &&[u8]| {
        let short = matches!(letters.len(), 3) || letters.len() == 4 && month.len() == 9;
        letters.eq_ignore_ascii_case(month)
            || short && letters.eq_ignore_ascii_case(&month[..letters.len()])
    };
    let index = MONTHS.iter().position(is)?;
    u32::try_from(index + 1).ok()
}
