//! What is written with digits alone: health numbers, references, cards, accounts, phone numbers.

use super::Score;
use super::kind::Kind;
use super::pieces::{Gap, Piece, REACH, is_word, put};
use super::search::Search;
use crate::identifier::check;
use crate::identifier::grammar;

/// Digits of the longest number: a payment card's.
const DIGITS: usize = 19;

/// Digits in a row, with how they are grouped.
struct Number {
    /// Digits, and room for what is written behind them.
    digits: [u8; DIGITS + 8],
    groups: [Group; REACH],
    length: usize,
}

/// A run of digits in a number. Small, since room for many is cleared for each number.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    /// Its own digits.
    digits: u8,
    /// Digits up to its end.
    total: u8,
    /// What stands before the groups up to this one, the first one's excepted.
    gaps: Gap,
    /// Bytes of the text from the number's start up to its end: of 19 digits and what stands between.
    behind: u8,
}

impl Number {
    /// From the piece at `first` on, as far as a number can go.
    fn read(text: &[u8], pieces: &[Piece], first: usize) -> Self {
        let mut number = Self {
            digits: [0; DIGITS + 8],
            groups: [Group::default(); REACH],
            length: 0,
        };
        let (mut total, mut gaps) = (0, Gap::GLUED);
        for (index, piece) in pieces[first..].iter().take(REACH).enumerate() {
            let after = total + piece.len();
            if !piece.digits || after > DIGITS {
                break;
            }
            if index > 0 {
                gaps = gaps.or(piece.gap);
                if gaps.has(Gap::BRACKET.or(Gap::SEVERAL)) {
                    break;
                }
            }
            put(&mut number.digits, total, text, piece);
            total = after;
            number.groups[index] = Group {
                digits: count(piece.len()),
                total: count(total),
                gaps,
                behind: count(piece.end - pieces[first].start),
            };
            number.length = index + 1;
        }
        number
    }

    fn groups(&self) -> &[Group] {
        &self.groups[..self.length]
    }
}

fn count(digits: usize) -> u8 {
    u8::try_from(digits).expect("a number and what stands between its digits are shorter")
}

/// Whether people group a number of these digits so. A line's end may stand anywhere.
fn is_usual(groups: &[Group], gaps: Gap, usual: &[&[u8]]) -> bool {
    gaps.has(Gap::LINE)
        || groups.len() == 1
        || groups.iter().all(|group| group.digits == 1)
        || usual.iter().any(|usual| {
            usual.len() == groups.len()
                && usual
                    .iter()
                    .zip(groups)
                    .all(|(digits, group)| *digits == group.digits)
        })
}

impl Search<'_> {
    /// What begins with the digits at `first` and has nothing but digits.
    pub(super) fn number(&mut self, pieces: &[Piece], first: usize) {
        let piece = pieces[first];
        // Digits alone, or with what follows them, too few for any number.
        let follows = pieces.get(first + 1).is_some_and(|next| next.digits);
        if piece.len() > DIGITS || (!follows && piece.len() < 6) {
            return;
        }
        let number = Number::read(self.text, pieces, first);
        // Part of a longer number that is written with hyphens or dots.
        let is_joined = |piece: &Piece| piece.gap == Gap::HYPHEN || piece.gap == Gap::DOT;
        let joined_before = first > 0 && pieces[first - 1].digits && is_joined(&piece);
        for last in 0..number.length {
            let groups = &number.groups()[..=last];
            let group = groups[last];
            if group.total < 6 {
                continue;
            }
            self.steps += 1;
            let next = pieces.get(first + last + 1);
            let joined_behind = next.is_some_and(|next| next.digits && is_joined(next));
            if joined_before || joined_behind {
                continue;
            }
            let digits = &number.digits[..usize::from(group.total)];
            self.number_of(piece.start, digits, groups);
        }
    }

    fn number_of(&mut self, start: usize, digits: &[u8], groups: &[Group]) {
        let Group { gaps, behind, .. } = groups[groups.len() - 1];
        let end = start + usize::from(behind);
        let glued_before = start > 0 && is_word(self.text[start - 1]);
        let glued_behind = self.text.get(end).is_some_and(|byte| is_word(*byte));
        let is_clean = !glued_before && !glued_behind;
        if let Ok(ten) = <&[u8; 10]>::try_from(digits)
            && gaps.is_plain()
        {
            self.ten(start, end, ten, groups, is_clean);
        }
        if !is_clean {
            return;
        }
        if (12..=DIGITS).contains(&digits.len())
            && gaps.is_plain()
            && self.kinds.has(Kind::PaymentCard)
            && check::luhn(digits)
            && !check::is_repeated(digits)
        {
            let usual: &[&[u8]] = &[
                &[4, 4, 4, 4],
                &[4, 6, 5],
                &[4, 6, 4],
                &[4, 4, 4, 4, 3],
                &[4, 4, 4],
                &[4, 4, 4, 1],
            ];
            // One number in ten passes the check, so that it must be an issuer's too, or stand beside words.
            let is_usual = gaps.is_uniform() && is_usual(groups, gaps, usual);
            let base = if is_usual && check::payment_card(digits) {
                100
            } else {
                40
            };
            self.offer(Kind::PaymentCard, base, start, end);
        }
        if groups.len() == 1 && (6..=12).contains(&digits.len()) && grammar::uprn(digits) {
            self.offer(Kind::Uprn, 30, start, end);
        }
        if let Ok(nine) = <&[u8; 9]>::try_from(digits)
            && gaps.is_uniform()
            && is_usual(groups, gaps, &[&[3, 3, 3]])
            && grammar::passport(nine)
        {
            self.offer(Kind::Passport, 30, start, end);
        }
        self.account(start, digits, groups);
    }

    /// Ten digits: the numbers of the health services, and the taxpayer's.
    fn ten(&mut self, start: usize, end: usize, digits: &[u8; 10], groups: &[Group], clean: bool) {
        let gaps = groups[groups.len() - 1].gaps;
        let usual: &[&[u8]] = &[
            &[3, 3, 4],
            &[5, 5],
            &[6, 4],
            &[4, 3, 3],
            &[3, 4, 3],
            &[3, 7],
            &[4, 6],
            &[2, 2, 2, 4],
            &[6, 3, 1],
        ];
        let base = |best: Score| {
            if is_usual(groups, gaps, usual) {
                best
            } else {
                best - 60
            }
        };
        if check::nhs_number(digits) {
            self.offer(Kind::NhsNumber, base(100), start, end);
            self.offer(Kind::HcNumber, base(90), start, end);
            if check::chi_number(digits) {
                self.offer(Kind::ChiNumber, base(100), start, end);
            }
        }
        // A reference may end in a K that is no part of it.
        let clean = clean
            || self.text[end..]
                .first()
                .is_some_and(|byte| matches!(byte, b'K' | b'k'));
        if clean && check::utr(digits) {
            self.offer(Kind::Utr, base(90), start, end);
        }
    }

    /// A sort code and an account number, or one of them beside words that say so.
    fn account(&mut self, start: usize, digits: &[u8], groups: &[Group]) {
        let last = groups[groups.len() - 1];
        let end = start + usize::from(last.behind);
        let lengths = |usual: &[u8]| {
            usual.len() == groups.len()
                && usual
                    .iter()
                    .zip(groups)
                    .all(|(digits, group)| *digits == group.digits)
        };
        let kind = Kind::SortCodeAndAccount;
        match digits.len() {
            6 if last.gaps.is_uniform() && (lengths(&[2, 2, 2]) || lengths(&[6])) => {
                self.offer(kind, 30, start, end);
            }
            8 if last.gaps.is_uniform() && (lengths(&[8]) || lengths(&[4, 4])) => {
                self.offer(kind, 30, start, end);
            }
            14 => {
                let Ok(digits) = <&[u8; 14]>::try_from(digits) else {
                    return;
                };
                let is_code = |groups: &[Group]| groups[groups.len() - 1].gaps;
                let base = if lengths(&[2, 2, 2, 8]) || lengths(&[2, 2, 2, 4, 4]) {
                    match is_code(&groups[..3]) {
                        gaps if gaps.within(Gap::HYPHEN.or(Gap::LINE)) => 80,
                        gaps if gaps.is_uniform() => 65,
                        _ => 40,
                    }
                } else if lengths(&[6, 8]) {
                    60
                } else if groups.len() == 1 {
                    30
                } else if last.gaps.has(Gap::LINE) {
                    // Cut by a line's end: of the usual groups when it is taken away.
                    60
                } else {
                    return;
                };
                if grammar::sort_code_and_account(digits) {
                    self.offer(kind, base, start, end);
                }
            }
            _ => {}
        }
    }

    /// A telephone number that begins with the digits at `first`.
    pub(super) fn phone(&mut self, pieces: &[Piece], first: usize) {
        /// Digits of the longest number (E.164), with the `00` before and the `(0)` inside.
        const LONGEST: usize = 18;
        if !self.kinds.has(Kind::Phone) {
            return;
        }
        let piece = pieces[first];
        let text = self.text;
        let before = piece.start.checked_sub(1).map(|before| text[before]);
        if before.is_some_and(is_word) || piece.len() > LONGEST {
            return;
        }
        let is_part = |piece: &Piece| piece.digits && piece.gap.within(PHONE_GAP);
        if first > 0 && is_part(&pieces[first - 1]) && piece.gap == Gap::HYPHEN
            || matches!(before, Some(b'+' | b'(')) && first > 0 && pieces[first].gap == Gap::GLUED
        {
            return;
        }
        let plus = match before {
            Some(b'+') => true,
            Some(b'(') => piece.start > 1 && text[piece.start - 2] == b'+',
            Some(_) | None => false,
        };
        let mut digits = [0; LONGEST + 8];
        let (mut total, mut gaps) = (0, Gap::GLUED);
        let mut best: Option<(Score, usize)> = None;
        for (index, part) in pieces[first..].iter().take(REACH).enumerate() {
            let after = total + part.len();
            if after > LONGEST || !part.digits || (index > 0 && !part.gap.within(PHONE_GAP)) {
                break;
            }
            if index > 0 {
                gaps = gaps.or(part.gap);
            }
            put(&mut digits, total, text, part);
            total = after;
            self.steps += 1;
            // Of fewer digits none is believed.
            if total < 6 || text.get(part.end).is_some_and(|byte| is_word(*byte)) {
                continue;
            }
            let groups = index + 1;
            let score = phone_score(&digits[..total], plus, piece.len(), groups, gaps);
            if score > 0 && best.is_none_or(|(best, _)| score >= best) {
                best = Some((score, part.end));
            }
        }
        let Some((score, end)) = best else { return };
        // A bracket is the number's own only if it closes in it.
        let own = |byte: u8| byte == b'+' || byte == b'(' && text[piece.start..end].contains(&b')');
        let mut start = piece.start;
        while start > 0 && own(text[start - 1]) && piece.start - start < 2 {
            start -= 1;
        }
        self.offer(Kind::Phone, score, start, end);
    }
}

/// What stands inside phone numbers.
const PHONE_GAP: Gap = Gap::SPACE
    .or(Gap::LINE)
    .or(Gap::HYPHEN)
    .or(Gap::DOT)
    .or(Gap::BRACKET)
    .or(Gap::SEVERAL);

/// How far digits are believed to be a phone number; 0: not at all. `first`: the first group's digits.
fn phone_score(digits: &[u8], plus: bool, first: usize, groups: usize, gaps: Gap) -> Score {
    // Numbers of the United Kingdom without what stands in place of their 0 (Ofcom: nine or ten digits after it).
    let national = |rest: &[u8]| {
        let rest = rest.strip_prefix(b"0").unwrap_or(rest);
        let known = matches!(
            rest.first(),
            Some(b'1' | b'2' | b'3' | b'5' | b'7' | b'8' | b'9')
        );
        known && (rest.len() == 10 || rest.len() == 9 && matches!(rest[0], b'1' | b'5' | b'8'))
    };
    match digits {
        _ if digits.iter().all(|digit| *digit == digits[0]) => 0,
        [b'4', b'4', rest @ ..] if plus && national(rest) => 95,
        _ if plus => match digits.len() {
            8..=15 if digits[0] != b'0' => 75,
            _ => 0,
        },
        [b'0', b'0', b'4', b'4', rest @ ..] if national(rest) => 90,
        [b'0', b'0', rest @ ..] if (8..=15).contains(&rest.len()) && rest[0] != b'0' => 40,
        [b'4', b'4', rest @ ..] if rest.len() >= 10 && national(rest) => 45,
        [b'0', rest @ ..] if rest[0] != b'0' && national(rest) => {
            let usual = groups == 1 || matches!(first, 3..=6) || gaps.has(Gap::LINE);
            match (usual, rest.len()) {
                (true, 10) => 80,
                (true, _) => 65,
                (false, _) => 40,
            }
        }
        // Written as numbers in North America are.
        _ if digits.len() == 10 && groups == 3 && first == 3 && !gaps.has(Gap::LINE) => 40,
        // A local number, or one of another plan: only beside words that say so.
        _ if (6..=12).contains(&digits.len())
            && (groups == 1 || first >= 2)
            && !gaps.has(Gap::DOT) =>
        {
            28
        }
        _ => 0,
    }
}
