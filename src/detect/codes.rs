//! What is written with letters and digits: National Insurance numbers, postcodes, registration marks and the like.

use super::Score;
use super::kind::Kind;
use super::pieces::{Gap, Piece, REACH, is_word, put};
use super::search::Search;
use crate::identifier::check;
use crate::identifier::grammar;

/// Characters of the longest code: an IBAN's.
const LONGEST: usize = 34;

/// Letters and digits in a row without what stands between, letters in upper case.
struct Code {
    /// Where it starts in the text.
    start: usize,
    characters: [u8; LONGEST],
    /// The ends of its pieces, in order.
    stops: [Stop; REACH],
    length: usize,
}

/// Where a piece ends. Small, since room for many is cleared for each code.
#[derive(Debug, Clone, Copy, Default)]
struct Stop {
    /// Characters up to it.
    total: u8,
    /// What stands before the piece that ends here.
    gap: Gap,
    /// What stands between all pieces up to it.
    gaps: Gap,
    /// Bytes of the text from the code's start up to it: of 34 characters and what stands between.
    behind: u8,
}

/// Where a code ends.
#[derive(Debug, Clone, Copy)]
struct End {
    /// What stands between all its pieces.
    gaps: Gap,
    /// Its place in the text.
    at: usize,
}

impl Code {
    fn read(text: &[u8], pieces: &[Piece], first: usize) -> Self {
        let mut code = Self {
            start: pieces[first].start,
            characters: [0; LONGEST],
            stops: [Stop::default(); REACH],
            length: 0,
        };
        let (mut total, mut gaps) = (0, Gap::GLUED);
        for (index, piece) in pieces[first..].iter().take(REACH).enumerate() {
            let after = total + piece.len();
            if after > LONGEST {
                break;
            }
            if index > 0 {
                gaps = gaps.or(piece.gap);
                if !gaps.is_plain() || gaps.has(Gap::SLASH) {
                    break;
                }
            }
            if !piece.digits && !text[piece.start..piece.end].is_ascii() {
                break;
            }
            put(&mut code.characters, total, text, piece);
            total = after;
            code.stops[index] = Stop {
                total: byte(total),
                gap: piece.gap,
                gaps,
                behind: byte(piece.end - code.start),
            };
            code.length = index + 1;
        }
        code.characters.make_ascii_uppercase();
        code
    }

    /// The first `total` characters, if a piece ends there and no letter or digit follows directly.
    fn whole<const N: usize>(&self, text: &[u8]) -> Option<(&[u8; N], End)> {
        self.upto(N, text)
            .map(|(code, end)| (code.try_into().expect("as many as were asked for"), end))
    }

    /// As [`Self::whole`], for a length that is not known before.
    fn upto(&self, total: usize, text: &[u8]) -> Option<(&[u8], End)> {
        let stop = self.stops[..self.length]
            .iter()
            .find(|stop| usize::from(stop.total) == total)?;
        let end = End {
            gaps: stop.gaps,
            at: self.start + usize::from(stop.behind),
        };
        let is_clean = text.get(end.at).is_none_or(|byte| !is_word(*byte));
        is_clean.then_some((&self.characters[..total], end))
    }

    /// Whether pieces end after each of these characters, or nowhere inside the code.
    fn is_grouped(&self, total: usize, at: &[usize]) -> bool {
        let mut gaps = self.stops[..self.length]
            .windows(2)
            .filter(|pair| usize::from(pair[0].total) < total && pair[1].gap != Gap::GLUED)
            .map(|pair| usize::from(pair[0].total));
        gaps.all(|gap| at.contains(&gap))
    }
}

impl Search<'_> {
    /// What begins with the letters at `first`, before digits.
    pub(super) fn code(&mut self, pieces: &[Piece], first: usize) {
        let piece = pieces[first];
        let text = self.text;
        let is_glued = piece.start > 0 && is_word(text[piece.start - 1]);
        if piece.len() > 5 || is_glued {
            return;
        }
        let code = Code::read(text, pieces, first);
        self.steps += code.length;
        // As the shortest postcode and registration mark.
        if code.length == 0 || code.stops[code.length - 1].total < 5 {
            return;
        }
        match piece.len() {
            1 => {
                self.upn(&code, piece.start);
                self.postcode(&code, piece.start);
                self.vehicle(&code, piece.start);
            }
            2 => {
                self.nino(&code, piece.start);
                self.postcode(&code, piece.start);
                self.vehicle(&code, piece.start);
                self.passport(&code, piece.start);
                self.iban(&code, piece.start);
                self.driver(&code, piece.start);
            }
            3 => {
                if code.characters.starts_with(b"GIR") {
                    self.postcode(&code, piece.start);
                }
                self.vehicle(&code, piece.start);
                self.driver(&code, piece.start);
            }
            _ => self.driver(&code, piece.start),
        }
        if piece.len() == 1 {
            self.driver(&code, piece.start);
        }
    }

    fn upn(&mut self, code: &Code, start: usize) {
        if let Some((upn, end)) = code.whole::<13>(self.text)
            && check::upn(upn)
        {
            let base = if end.gaps.is_uniform() { 100 } else { 50 };
            self.offer(Kind::Upn, base, start, end.at);
        }
    }

    fn nino(&mut self, code: &Code, start: usize) {
        let text = self.text;
        let usual = |total| code.is_grouped(total, &[2, 4, 6, 8]);
        if let Some((nino, end)) = code.whole::<9>(text)
            && grammar::nino(nino)
            && text[end.at - 1].is_ascii_uppercase() == text[start].is_ascii_uppercase()
        {
            let base = match end.gaps {
                gaps if gaps.has(Gap::LINE) => 70,
                gaps if usual(9) && gaps.is_uniform() => 85,
                _ => 40,
            };
            self.offer(Kind::Nino, base, start, end.at);
        } else if let Some((nino, end)) = code.whole::<8>(text)
            && grammar::nino(nino)
        {
            let base = if usual(8) { 50 } else { 30 };
            self.offer(Kind::Nino, base, start, end.at);
        }
    }

    fn postcode(&mut self, code: &Code, start: usize) {
        if !self.kinds.has(Kind::Postcode) {
            return;
        }
        for total in [7, 6, 5] {
            let Some((postcode, end)) = code.upto(total, self.text) else {
                continue;
            };
            let pseudo = grammar::pseudo_postcode(postcode);
            if !pseudo && !grammar::postcode(postcode) {
                continue;
            }
            let (upper, lower) = cases(&self.text[start..end.at]);
            let is_grouped = code.is_grouped(total, &[total - 3]);
            let base = match (end.gaps == Gap::GLUED, is_grouped, end.gaps.is_uniform()) {
                _ if !pseudo && !is_area(postcode) => 28,
                _ if upper && lower => 45,
                (true, _, _) => 70,
                (false, true, true) => 90,
                // A line's end, or a space where none is written.
                (false, _, _) if end.gaps.has(Gap::LINE) => 65,
                (false, _, _) if upper => 50,
                (false, _, _) => 30,
            };
            self.offer(Kind::Postcode, base, start, end.at);
            return;
        }
    }

    fn vehicle(&mut self, code: &Code, start: usize) {
        if !self.kinds.has(Kind::VehicleRegistration) {
            return;
        }
        for total in [7, 6, 5] {
            let Some((mark, end)) = code.upto(total, self.text) else {
                continue;
            };
            if !grammar::vehicle_registration(mark) {
                continue;
            }
            let (upper, lower) = cases(&self.text[start..end.at]);
            let is_current =
                total == 7 && mark[1].is_ascii_alphabetic() && mark[2].is_ascii_digit();
            let digits = mark.iter().filter(|byte| byte.is_ascii_digit()).count();
            let is_grouped = if is_current {
                code.is_grouped(total, &[4])
            } else {
                code.is_grouped(total, &[1 + digits, 3])
            };
            let base: Score = match (is_current, is_grouped) {
                _ if upper && lower => 30,
                (true, true) if upper => 75,
                (true, true) => 62,
                (true, false) if end.gaps.has(Gap::LINE) && upper => 62,
                (false, true) if upper && digits == 3 => 60,
                (true, false) if upper => 45,
                (true, false) | (false, _) => 30,
            };
            self.offer(Kind::VehicleRegistration, base, start, end.at);
            return;
        }
    }

    fn passport(&mut self, code: &Code, start: usize) {
        if let Some((passport, end)) = code.whole::<9>(self.text)
            && end.gaps.is_uniform()
            && grammar::passport(passport)
        {
            self.offer(Kind::Passport, 30, start, end.at);
        }
    }

    fn iban(&mut self, code: &Code, start: usize) {
        if !self.kinds.has(Kind::Iban) || !code.characters[2..4].iter().all(u8::is_ascii_digit) {
            return;
        }
        let stops = code.stops[..code.length].iter().rev();
        for stop in stops.filter(|stop| stop.total >= 15) {
            self.steps += 1;
            if let Some((iban, end)) = code.upto(usize::from(stop.total), self.text)
                && end.gaps.is_uniform()
                && check::iban(iban)
            {
                self.take(Kind::Iban, 100, start, end.at);
                return;
            }
        }
    }

    fn driver(&mut self, code: &Code, start: usize) {
        if let Some((driver, end)) = code.whole::<16>(self.text)
            && end.gaps.is_uniform()
            && grammar::driver_number(driver)
        {
            // The number of the card's issue follows it on the card.
            let issue = code.upto(18, self.text).filter(|(code, issue)| {
                issue.gaps.is_uniform() && code[16..].iter().all(u8::is_ascii_digit)
            });
            let end = issue.map_or(end.at, |(_, issue)| issue.at);
            self.take(Kind::DriverNumber, 95, start, end);
        }
    }
}

fn byte(count: usize) -> u8 {
    u8::try_from(count).expect("a code and what stands between its pieces are shorter")
}

/// Whether there are letters in upper case, and in lower case.
fn cases(text: &[u8]) -> (bool, bool) {
    (
        text.iter().any(u8::is_ascii_uppercase),
        text.iter().any(u8::is_ascii_lowercase),
    )
}

/// Whether `postcode` begins with one of the areas that there are.
fn is_area(postcode: &[u8]) -> bool {
    /// The areas of two letters, in order; those of one letter are B, E, G, L, M, N, S, W.
    const AREAS: &[u8] = b"ABALBABBBDBHBLBNBRBSBTBXCACBCFCHCMCOCRCTCVCWDADDDEDGDHDLDNDTDYECEHENEXFKFYGLGUGYHAHDHGHPHRHSHUHXIGIMIPIVJEKAKTKWKYLALDLELLLNLSLUMEMKMLNENGNNNPNRNWOLOXPAPEPHPLPOPRRGRHRMSASESGSKSLSMSNSOSPSRSSSTSWSYTATDTFTNTQTRTSTWUBWAWCWDWFWNWRWSWVYOZE";
    match postcode {
        b"GIR0AA" => true,
        [letter, digit, ..] if digit.is_ascii_digit() => b"BEGLMNSW".contains(letter),
        [one, two, ..] => AREAS
            .as_chunks::<2>()
            .0
            .binary_search(&[*one, *two])
            .is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_the_post() {
        for postcode in [
            "PO301UD", "SW1A1AA", "M11AA", "AB101AB", "ZE10AA", "BX11LT", "GIR0AA",
        ] {
            assert!(is_area(postcode.as_bytes()), "{postcode}");
        }
        for postcode in ["AA11AA", "X11AA", "PZ11AA", "", "A11AA"] {
            assert!(!is_area(postcode.as_bytes()), "{postcode}");
        }
    }
}
