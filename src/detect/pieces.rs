//! A text's neighbourhood around a digit: runs of digits and of letters, and what stands between them.
//!
//! Nearly everything that identifies somebody has a digit in it, and most digits in a text stand near others of the same
//! number. So the text is searched for a digit at the speed of a scan; around one, a [`Cluster`] is gathered: at most
//! [`MOST`] pieces, no more than [`GAP`] characters apart. No identifier has more than [`REACH`] pieces, so where a
//! cluster is full the next one begins [`REACH`] pieces before its end and every identifier is whole in one of them. Each
//! byte is so looked at a bounded number of times, whatever the text.

/// What stands between two pieces, as a set: none of it is [`Gap::GLUED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Gap(u8);

impl Gap {
    pub(super) const GLUED: Self = Self(0);
    pub(super) const SPACE: Self = Self(1);
    pub(super) const LINE: Self = Self(2);
    pub(super) const HYPHEN: Self = Self(4);
    pub(super) const DOT: Self = Self(8);
    pub(super) const SLASH: Self = Self(16);
    pub(super) const BRACKET: Self = Self(32);
    pub(super) const COMMA: Self = Self(64);
    /// More than one character other than white space.
    pub(super) const SEVERAL: Self = Self(128);

    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b' ' | b'\t' => Self::SPACE,
            b'\n' | b'\r' => Self::LINE,
            b'-' => Self::HYPHEN,
            b'.' => Self::DOT,
            b'/' => Self::SLASH,
            b'(' | b')' => Self::BRACKET,
            b',' => Self::COMMA,
            _ => return None,
        })
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is nothing but what `allowed` has.
    pub(super) const fn within(self, allowed: Self) -> bool {
        self.0 & !allowed.0 == 0
    }

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the parts of one number are written with this between them: nothing, or one sort of separator, which may
    /// stand at a line's end.
    pub(super) const fn is_uniform(self) -> bool {
        let separators = self.0 & !Self::LINE.0;
        separators & (separators.wrapping_sub(1)) == 0
            && separators & (Self::COMMA.0 | Self::BRACKET.0 | Self::SEVERAL.0) == 0
    }

    /// As [`Self::is_uniform`], with spaces around hyphens and the like too; no comma, no bracket.
    pub(super) const fn is_plain(self) -> bool {
        self.0 & (Self::COMMA.0 | Self::BRACKET.0 | Self::SEVERAL.0) == 0
    }

    /// The set with what stands between two pieces: `gap` characters of the text.
    fn between(gap: &[u8]) -> Option<Self> {
        let (mut set, mut marks) = (Self::GLUED, 0);
        for &byte in gap {
            let sort = Self::of(byte)?;
            if !sort.within(Self::SPACE.or(Self::LINE)) {
                marks += 1;
            }
            set = set.or(sort);
        }
        Some(if marks > 1 {
            set.or(Self::SEVERAL)
        } else {
            set
        })
    }
}

/// A run of digits or a run of letters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What stands before it, if there is a piece before it.
    pub(super) gap: Gap,
    pub(super) digits: bool,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Pieces of a cluster.
pub(super) const MOST: usize = 48;
/// Pieces of the longest identifier.
pub(super) const REACH: usize = 20;
/// Characters between two pieces of one identifier: ` - `, or the end of a line with white space around it.
const GAP: usize = 4;
/// Letters that a run in an identifier may have: `SEPTEMBER`.
const LETTERS: usize = 9;

/// The pieces around a digit.
#[derive(Debug)]
pub(super) struct Cluster {
    pieces: [Piece; MOST],
    length: usize,
    /// Digits in all pieces.
    pub(super) digits: usize,
    /// From where the text is to be searched on.
    pub(super) next: usize,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            pieces: [Piece::default(); MOST],
            length: 0,
            digits: 0,
            next: 0,
        }
    }
}

/// Whether `byte` is part of a word: letters of other scripts count as such, byte by byte.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Whether `byte` is part of a word or a number.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Writes a `piece` of `text` to `room` at `at`. What stands behind it in the room, up to seven bytes, may be anything then.
#[inline]
pub(super) fn put(room: &mut [u8], at: usize, text: &[u8], piece: &Piece) {
    let places = (
        room[at..].first_chunk_mut::<8>(),
        text[piece.start..].first_chunk::<8>(),
    );
    match places {
        // Nearly all are short: so many bytes are copied without a call.
        (Some(room), Some(eight)) if piece.len() <= 8 => *room = *eight,
        _ => room[at..at + piece.len()].copy_from_slice(&text[piece.start..piece.end]),
    }
}

impl Cluster {
    /// The pieces in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces[..self.length]
    }

    /// Gathers the pieces around the digit at `at`, before which there is none that was not gathered.
    pub(super) fn gather(&mut self, text: &[u8], at: usize) {
        self.length = 0;
        self.digits = 0;
        let mut position = at;
        let mut gap = self.before(text, at);
        loop {
            let end = digits_end(text, position);
            self.push(position, end, gap, true);
            self.next = end;
            if self.length == MOST {
                break;
            }
            let Some((next, between)) = next_piece(text, end) else {
                break;
            };
            if text[next].is_ascii_digit() {
                (position, gap) = (next, between);
                continue;
            }
            // Letters, and a second run of them where the first ends a number (`3rd March`, `SM9 IJ`).
            let Some((after, between)) = self.letters(text, next, between) else {
                break;
            };
            if text[after].is_ascii_digit() {
                (position, gap) = (after, between);
                continue;
            }
            if self.length == MOST {
                break;
            }
            match self.letters(text, after, between) {
                Some((digit, between)) if text[digit].is_ascii_digit() => {
                    (position, gap) = (digit, between);
                }
                Some(_) | None => break,
            }
            if self.length == MOST {
                break;
            }
        }
        if self.length == MOST {
            // An identifier that this cluster cuts begins in its last pieces: gather those again.
            let again = self.pieces[MOST - REACH..]
                .iter()
                .find(|piece| piece.digits)
                .map_or(self.next, |piece| piece.start);
            self.next = again.max(at + 1);
        }
    }

    /// Letters at `start`; gives where the piece after them starts. `None` where the cluster ends with them.
    fn letters(&mut self, text: &[u8], start: usize, gap: Gap) -> Option<(usize, Gap)> {
        let end = letters_end(text, start)?;
        if self.length == MOST {
            return None;
        }
        self.push(start, end, gap, false);
        if self.length == MOST {
            return None;
        }
        next_piece(text, end)
    }

    /// The letters before the digit at `at`, if they can be an identifier's; gives what stands between.
    fn before(&mut self, text: &[u8], at: usize) -> Gap {
        let window = &text[at.saturating_sub(GAP)..at];
        let gap = window.iter().rev().take_while(|byte| !is_word(**byte));
        let end = at - gap.count();
        let Some(between) = Gap::between(&text[end..at]) else {
            return Gap::GLUED;
        };
        match letters_start(text, end) {
            Some(start) if start < end => {
                self.push(start, end, Gap::GLUED, false);
                between
            }
            Some(_) | None => Gap::GLUED,
        }
    }

    fn push(&mut self, start: usize, end: usize, gap: Gap, digits: bool) {
        self.pieces[self.length] = Piece {
            start,
            end,
            gap,
            digits,
        };
        self.length += 1;
        if digits {
            self.digits += end - start;
        }
    }
}

/// Where the digits at `start` end.
fn digits_end(text: &[u8], start: usize) -> usize {
    let digits = text[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    start + digits.count()
}

/// Where the letters at `start` end; `None` if there are more than an identifier has.
fn letters_end(text: &[u8], start: usize) -> Option<usize> {
    let window = &text[start..text.len().min(start + LETTERS + 1)];
    let letters = window.iter().take_while(|byte| is_letter(**byte)).count();
    (letters <= LETTERS).then_some(start + letters)
}

/// Where the letters before `end` start; `None` if there are more than an identifier has.
fn letters_start(text: &[u8], end: usize) -> Option<usize> {
    let window = &text[end.saturating_sub(LETTERS + 1)..end];
    let letters = window
        .iter()
        .rev()
        .take_while(|byte| is_letter(**byte))
        .count();
    (letters <= LETTERS).then_some(end - letters)
}

/// Where the piece after the one that ends at `end` starts, and what stands between.
fn next_piece(text: &[u8], end: usize) -> Option<(usize, Gap)> {
    // As nearly all stand.
    match &text[end..] {
        [next, ..] if is_word(*next) => return Some((end, Gap::GLUED)),
        [b' ', next, ..] if is_word(*next) => return Some((end + 1, Gap::SPACE)),
        _ => {}
    }
    let window = &text[end..text.len().min(end + GAP + 1)];
    let length = window.iter().position(|&byte| is_word(byte))?;
    Some((end + length, Gap::between(&window[..length])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str) -> (Vec<&str>, usize) {
        let mut cluster = Cluster::default();
        let at = text.find(|c: char| c.is_ascii_digit()).unwrap();
        cluster.gather(text.as_bytes(), at);
        let pieces = cluster.pieces().iter();
        (
            pieces.map(|piece| &text[piece.start..piece.end]).collect(),
            cluster.next,
        )
    }

    #[test]
    fn a_cluster_has_what_can_belong_to_one_identifier() {
        let rows: &[(&str, &[&str])] = &[
            ("9434765919", &["9434765919"]),
            ("nhs 943 476-5919, x", &["nhs", "943", "476", "5919", "x"]),
            ("at SW1A 1AA now", &["SW", "1", "A", "1", "AA", "now"]),
            ("GIR 0AA", &["GIR", "0", "AA"]),
            (
                "the 3rd March 1941 was",
                &["the", "3", "rd", "March", "1941", "was"],
            ),
            ("unquestionably 4 times", &["4", "times"]),
            ("aged 4: next 5", &["aged", "4"]),
            ("x = 4; y = 5", &["4"]),
            ("4 of the many 5", &["4", "of", "the"]),
            ("4     5", &["4"]),
        ];
        for (text, pieces) in rows {
            assert_eq!(around(text).0, *pieces, "{text}");
        }
    }

    #[test]
    fn a_text_of_digits_and_letters_is_gathered_in_windows_that_overlap_by_an_identifier() {
        let text = "a1".repeat(200);
        let (pieces, next) = around(&text);
        assert_eq!(pieces.len(), MOST);
        assert!(next > 1 && next <= MOST - REACH + 1, "{next}");
    }

    #[test]
    fn what_stands_between_two_pieces_is_one_sort_of_thing_or_not() {
        for (gap, uniform, plain) in [
            ("", true, true),
            (" ", true, true),
            ("-\n", true, true),
            (" - ", false, true),
            ("--", false, false),
            (", ", false, false),
            (") ", false, false),
        ] {
            let gap = Gap::between(gap.as_bytes()).unwrap();
            assert_eq!((gap.is_uniform(), gap.is_plain()), (uniform, plain));
        }
        assert_eq!(Gap::between(b" + "), None);
    }
}
