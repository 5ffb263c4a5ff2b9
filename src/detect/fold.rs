//! Text as the detectors read it: unescaped, folded to ASCII where spelling hides a character, and with a way back.
//!
//! A text that is plain ASCII without escapes and entities, as most are, is read where it stands and nothing is
//! copied. Any other is copied run by run; only where a character is longer or shorter in the copy than in the
//! original does an [`Anchor`] remember how far apart the two are, so that the whole original spelling of what is found
//! can be replaced.

use super::scan::{self, EACH, HIGH, first_zero};
use crate::identifier::fold::digit;
use crate::transform::Characters;

/// From `folded` on, up to the next anchor, position `folded + n` of the copy is `original + n` of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    folded: usize,
    original: usize,
}

/// A text made ready for the detectors. Keeps its room from one text to the next.
#[derive(Debug, Default)]
pub(super) struct Fold {
    text: Vec<u8>,
    /// In order of `folded`, no two alike. Empty: the text was read where it stands.
    anchors: Vec<Anchor>,
}

/// What a character is to the detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    /// Reads as this one.
    Ascii(u8),
    /// A letter or mark of its own.
    Itself,
    /// Cannot be seen.
    Gone,
}

/// In the copy, a character that is neither letter nor digit nor anything that stands inside identifiers.
const OTHER: u8 = 1;

impl Fold {
    /// Takes the inside of a checked JSON string; gives the text that the detectors read.
    pub(super) fn read<'a>(&'a mut self, inside: &'a [u8]) -> &'a [u8] {
        self.anchors.clear();
        self.text.clear();
        let Some(first) = next_special(inside, 0) else {
            return inside;
        };
        self.anchors.push(Anchor {
            folded: 0,
            original: 0,
        });
        let mut at = 0;
        let mut special = first;
        loop {
            self.text.extend_from_slice(&inside[at..special]);
            at = self.character(inside, special);
            match next_special(inside, at) {
                Some(next) => special = next,
                None => break,
            }
        }
        self.text.extend_from_slice(&inside[at..]);
        &self.text
    }

    /// The text that was read last, of `inside`.
    pub(super) fn text<'a>(&'a self, inside: &'a [u8]) -> &'a [u8] {
        if self.anchors.is_empty() {
            inside
        } else {
            &self.text
        }
    }

    /// Where in the original the character starts that stands at `folded` in the text; the end's end is the end.
    pub(super) fn original(&self, folded: usize) -> usize {
        let after = self
            .anchors
            .partition_point(|anchor| anchor.folded <= folded);
        match after.checked_sub(1) {
            None => folded,
            Some(last) => {
                let anchor = self.anchors[last];
                anchor.original + (folded - anchor.folded)
            }
        }
    }

    /// Copies the character at `at`, which is special; gives where the next one starts.
    fn character(&mut self, inside: &[u8], at: usize) -> usize {
        let rest = &inside[at..];
        let (character, length) = match rest {
            [b'&', ..] => entity(rest),
            [b'\\', b'\\', ..] => nested(rest),
            _ => first_character(rest),
        };
        let before = self.text.len();
        match fold(character) {
            Folded::Ascii(byte) => self.text.push(byte),
            Folded::Itself => self
                .text
                .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Folded::Gone => {}
        }
        if self.text.len() - before != length {
            // What cannot be seen belongs to what stands before it.
            let anchor = Anchor {
                folded: self.text.len(),
                original: at + length,
            };
            match self.anchors.last_mut() {
                Some(last) if last.folded == anchor.folded => *last = anchor,
                Some(_) | None => self.anchors.push(anchor),
            }
        }
        at + length
    }
}

/// Where from `from` on the first byte stands that is not itself: an escape, an entity, no ASCII.
fn next_special(inside: &[u8], from: usize) -> Option<usize> {
    let special = |byte: u8| byte >= 0x80 || byte == b'\\' || byte == b'&';
    scan::next(inside, from, special, |word| {
        let escape = first_zero(word ^ (EACH * u64::from(b'\\')));
        let entity = first_zero(word ^ (EACH * u64::from(b'&')));
        word & HIGH | escape | entity
    })
}

/// The first character of the inside of a JSON string and its length there.
fn first_character(rest: &[u8]) -> (char, usize) {
    let mut characters = Characters::new(rest);
    let character = characters.next().unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, (rest.len() - characters.rest().len()).max(1))
}

/// A backslash in the text, or what an escape of JSON text inside the text stands for.
fn nested(rest: &[u8]) -> (char, usize) {
    match rest.get(2) {
        Some(b'n' | b'r') => ('\n', 3),
        Some(b't') => (' ', 3),
        Some(b'u') => {
            let code = rest.get(3..7).and_then(|hex| number(hex, 16));
            match code.and_then(char::from_u32) {
                Some(character) => (character, 7),
                None => ('\\', 2),
            }
        }
        Some(_) | None => ('\\', 2),
    }
}

/// The character that an HTML entity at the start of `rest` stands for, or `&`, and its length.
fn entity(rest: &[u8]) -> (char, usize) {
    /// Longer ones stand for characters that no identifier has.
    const LONGEST: usize = 12;
    /// `&amp;#52;`, escaped twice, is one too.
    const AGAIN: &[u8] = b"amp;";
    let mut start = 1;
    while rest[start..].starts_with(AGAIN) && start < 1 + 3 * AGAIN.len() {
        start += AGAIN.len();
    }
    let plain = ('&', start);
    let body = &rest[start..];
    let window = &body[..body.len().min(LONGEST)];
    let Some(end) = memchr::memchr(b';', window) else {
        return plain;
    };
    let character = match &window[..end] {
        [b'#', b'x' | b'X', hex @ ..] => number(hex, 16).and_then(char::from_u32),
        [b'#', decimal @ ..] => number(decimal, 10).and_then(char::from_u32),
        name => named(name),
    };
    character.map_or(plain, |character| (character, start + end + 1))
}

/// A number of one to seven digits.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    digits.iter().try_fold(0, |sum, &digit| {
        Some(sum * radix + char::from(digit).to_digit(radix)?)
    })
}

/// The named entities of HTML that stand for what identifiers are spelt with.
fn named(name: &[u8]) -> Option<char> {
    Some(match name {
        b"nbsp" | b"NonBreakingSpace" | b"ensp" | b"emsp" | b"thinsp" | b"hairsp" | b"numsp"
        | b"puncsp" => ' ',
        b"Tab" => '\t',
        b"NewLine" => '\n',
        b"shy" | b"zwj" | b"zwnj" | b"lrm" | b"rlm" => '\u{ad}',
        b"commat" => '@',
        b"hyphen" | b"dash" | b"ndash" | b"mdash" | b"horbar" | b"minus" => '-',
        b"period" => '.',
        b"sol" => '/',
        b"colon" => ':',
        b"plus" => '+',
        b"lpar" => '(',
        b"rpar" => ')',
        b"lowbar" => '_',
        b"num" => '#',
        b"apos" | b"rsquo" | b"lsquo" => '\'',
        b"quot" => '"',
        b"lt" => '<',
        b"gt" => '>',
        b"comma" => ',',
        _ => return None,
    })
}

/// What `character` is to the detectors.
fn fold(character: char) -> Folded {
    let code = u32::from(character);
    let byte = |offset: u32, start: u8| {
        let offset = u8::try_from(offset).expect("an offset inside ASCII");
        Folded::Ascii(start + offset)
    };
    match character {
        '\0'..='\u{7f}' => byte(code, 0),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Folded::Ascii(b' ')
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => Folded::Ascii(b'\n'),
        // Soft hyphen, joiners, marks of direction, variation selectors, tags, the keycap.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{20e3}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => Folded::Gone,
        '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{207b}'
        | '\u{2212}'
        | '\u{fe58}'
        | '\u{fe63}' => Folded::Ascii(b'-'),
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bb}'..='\u{2bd}' | '\u{b4}' => {
            Folded::Ascii(b'\'')
        }
        '\u{2044}' | '\u{2215}' => Folded::Ascii(b'/'),
        '\u{b7}' | '\u{2024}' | '\u{3002}' | '\u{ff61}' => Folded::Ascii(b'.'),
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => byte(code - 0xff01, b'!'),
        // Mathematical letters: 13 alphabets of 26 capital and 26 small ones.
        '\u{1d400}'..='\u{1d6a3}' => match (code - 0x1d400) % 52 {
            capital @ 0..26 => byte(capital, b'A'),
            small => byte(small - 26, b'a'),
        },
        _ => match digit(character) {
            Some(value) => Folded::Ascii(b'0' + value),
            None if character.is_alphanumeric() || is_mark(code) => Folded::Itself,
            None => Folded::Ascii(OTHER),
        },
    }
}

/// A combining mark of the blocks that have nothing else: part of the letter before it.
fn is_mark(code: u32) -> bool {
    matches!(code, 0x300..=0x36f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_read_as_what_they_stand_for() {
        let rows: &[(&str, &str)] = &[
            ("", ""),
            ("plain, 12", "plain, 12"),
            ("９４３ ４７６", "943 476"),
            ("٩٤٣۴۷۶९१", "94347691"),
            ("𝟗𝟜𝟯", "943"),
            ("943\u{a0}476\u{2009}59", "943 476 59"),
            ("94\u{200b}34\u{ad}76", "943476"),
            ("08‑99–99", "08-99-99"),
            ("a&nbsp;b&#52;&#x34;&commat;&bogus;&", "a b44@&bogus;&"),
            ("&amp;#52;&amp;amp;nbsp;x & y", "4 x & y"),
            (r"\u0039\n4\t3\\u0034\\n5", "9\n4\t34\n5"),
            (r"O\u2019Neill é", "O'Neill é"),
            ("£20 “x”", "\u{1}20 \u{1}x\u{1}"),
            ("4\u{fe0f}\u{20e3}2", "42"),
            ("𝐀𝐛", "Ab"),
        ];
        let mut fold = Fold::default();
        for (inside, expected) in rows {
            let text = String::from_utf8(fold.read(inside.as_bytes()).to_vec()).unwrap();
            assert_eq!(text, *expected, "{inside}");
        }
    }

    #[test]
    fn the_way_back_finds_the_whole_spelling() {
        let mut fold = Fold::default();
        for (inside, find, spelling) in [
            ("a ９４ b", "94", "９４"),
            (r"x\u0039\u0034y", "94", r"\u0039\u0034"),
            ("é 9&nbsp;4.", "9 4", "9&nbsp;4"),
            ("\u{200b}9\u{200b}4 x", "94", "9\u{200b}4"),
            ("plain 94", "94", "94"),
            ("９４", "94", "９４"),
            (r"\n\n94", "94", "94"),
        ] {
            let text = String::from_utf8(fold.read(inside.as_bytes()).to_vec()).unwrap();
            let start = text.find(find).unwrap();
            let range = fold.original(start)..fold.original(start + find.len());
            assert_eq!(&inside[range], spelling, "{inside}");
        }
    }

    #[test]
    fn every_position_goes_back_to_one_in_order() {
        let inside = "a&nbsp;é\\n９\u{200b}\u{200b}b&#52;x\\ud834\\udd1e!";
        let mut fold = Fold::default();
        let length = fold.read(inside.as_bytes()).len();
        let mut before = 0;
        for folded in 0..=length {
            let original = fold.original(folded);
            assert!(original >= before && original <= inside.len());
            before = original;
        }
        assert_eq!(fold.original(length), inside.len());
    }
}
