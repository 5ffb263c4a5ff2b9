//! The one pass over a text: from digit to digit, `@` to `@`, `:` to `:`, and a decision at each.

use memchr::memmem::Finder;

use super::context::Near;
use super::kind::{Kind, Kinds};
use super::pieces::{Cluster, Gap};
use super::scan::{self, EACH, first_zero};
use super::{Score, What};

/// What words near a candidate add to its score.
pub(super) const CONTEXT: Score = 35;

/// Something that was found, before overlaps are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
    pub(super) score: Score,
}

/// A search of one text.
pub(super) struct Search<'a> {
    pub(super) text: &'a [u8],
    pub(super) kinds: Kinds,
    pub(super) threshold: Score,
    /// What is known of the whole text, as from the name of its field.
    pub(super) about: Kinds,
    pub(super) found: &'a mut Vec<Candidate>,
    /// What stands near the place that was looked at last: several kinds ask for it.
    pub(super) near: Option<(usize, usize, Kinds)>,
    /// How often something was looked at more closely: what a test counts in place of time.
    pub(super) steps: usize,
}

impl Search<'_> {
    /// Finds what is of [`Self::kinds`]; in no order, with overlaps.
    pub(super) fn run(&mut self, cluster: &mut Cluster, www: &Finder<'_>) {
        let text = self.text;
        let mut at = 0;
        // Up to where what is at hand has been read as a URL, as an address of version 6.
        let (mut url, mut address) = (0, 0);
        while let Some(found) = next_interesting(text, at) {
            at = found + 1;
            match text[found] {
                b'@' => self.email(found),
                b':' if text[at..].starts_with(b"//") => {
                    if found >= url {
                        url = self.url(found);
                    }
                }
                b':' => {
                    if found >= address {
                        address = self.address_6(found);
                    }
                }
                _ => {
                    cluster.gather(text, found);
                    self.steps += cluster.pieces().len();
                    self.cluster(cluster);
                    at = cluster.next;
                }
            }
        }
        if self.kinds.has(Kind::Url) {
            let mut until = 0;
            for found in www.find_iter(text) {
                if found >= until {
                    until = self.bare_url(found);
                }
            }
        }
    }

    fn cluster(&mut self, cluster: &Cluster) {
        let pieces = cluster.pieces();
        // Most clusters of a text are a day, an age, a sum: too few digits for most kinds.
        let (few, many) = (4, 6);
        for (index, piece) in pieces.iter().enumerate() {
            if piece.digits {
                if cluster.digits >= few {
                    self.date(pieces, index);
                    self.address_4(pieces, index);
                }
                if cluster.digits >= many {
                    self.number(pieces, index);
                    self.phone(pieces, index);
                }
            } else if let Some(next) = pieces.get(index + 1)
                && next.digits
            {
                if cluster.digits >= many {
                    self.month_first(pieces, index);
                    self.code(pieces, index);
                    continue;
                }
                if cluster.digits >= few && piece.len() >= 3 {
                    self.month_first(pieces, index);
                }
                // A postcode or a registration mark: a word before a number is none.
                let capital = self.text[piece.end - 1].is_ascii_uppercase();
                if piece.len() <= 3 && (next.gap == Gap::GLUED || capital) {
                    self.code(pieces, index);
                }
            }
        }
    }

    /// Takes a candidate of `kind` that is believed as far as `base` by itself.
    pub(super) fn offer(&mut self, kind: Kind, base: Score, start: usize, end: usize) {
        if !self.kinds.has(kind) || base + CONTEXT < self.threshold {
            return;
        }
        let meaning = match self.near {
            Some((from, to, meaning)) if (from, to) == (start, end) => meaning,
            Some(_) | None => {
                let meaning = Near::around(self.text, start, end).meaning().or(self.about);
                self.near = Some((start, end, meaning));
                meaning
            }
        };
        let score = if meaning.has(kind) {
            base + CONTEXT
        } else {
            base
        };
        self.take(kind, score, start, end);
    }

    /// Takes a candidate of `kind` whatever stands near it.
    pub(super) fn take(&mut self, kind: Kind, score: Score, start: usize, end: usize) {
        if self.kinds.has(kind) && score >= self.threshold {
            self.found.push(Candidate {
                start,
                end,
                what: What::Kind(kind),
                score,
            });
        }
    }
}

/// Where from `from` on the first digit, `:` or `@` stands.
fn next_interesting(text: &[u8], from: usize) -> Option<usize> {
    // The colon follows the nine.
    let interesting = |byte: u8| byte.wrapping_sub(b'0') <= b':' - b'0' || byte == b'@';
    scan::next(text, from, interesting, |word| {
        let from_0 = word ^ (EACH * u64::from(b'0'));
        // Nothing in the upper half of a byte, neither with five more: 0 to 10.
        let up_to_10 = (from_0 | ((from_0 & (EACH * 0x0f)) + EACH * 5)) & (EACH * 0xf0);
        first_zero(up_to_10) | first_zero(word ^ (EACH * u64::from(b'@')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interesting_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for other in [b'a', b' ', b'/', b';', 0, 0x7f, 0xb0, 0xff] {
                for place in 0..45 {
                    let mut text = [other; 45];
                    text[place] = byte;
                    for (after, other) in text.iter_mut().enumerate().skip(place + 1) {
                        *other = b"9:@a"[after % 4];
                    }
                    let is = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'@');
                    assert_eq!(
                        next_interesting(&text, 0),
                        text.iter().position(is),
                        "{text:?}"
                    );
                }
            }
        }
    }
}
