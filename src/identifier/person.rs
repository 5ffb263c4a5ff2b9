//! People's names and days.

use unicode_normalization::char::canonical_combining_class;

use super::buffer::Canonical;
use super::text::{ascii, says_unknown};
use super::{Unfit, check, fold, unknown};

/// What stands before a name and is no part of it.
const TITLES: [&[u8]; 16] = [
    b"CLLR",
    b"COUNCILLOR",
    b"DAME",
    b"DR",
    b"LADY",
    b"LORD",
    b"MASTER",
    b"MISS",
    b"MR",
    b"MRS",
    b"MS",
    b"MX",
    b"PROF",
    b"PROFESSOR",
    b"REV",
    b"SIR",
];

/// The canonical form of [`Kind::Name`](super::Kind::Name): capitals without marks, one space between words.
///
/// `O'Neill`, `ONeill`, `O’Neill` and `Ó Néill` are one name so, and more people share a form than share a spelling: a
/// name alone links strangers. `Smith, Mary` is `Mary Smith`.
pub(super) fn name(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let mut words = Words::default();
    for character in characters {
        let mut full = Ok(());
        fold(character, |part| full = full.and(words.take(part, out)));
        full?;
    }
    if out.as_bytes().is_empty() {
        return Err(if words.foreign_alphanumeric {
            Unfit::Invalid
        } else {
            Unfit::Nobody
        });
    }
    let mut key = [0; 24];
    let letters = out.as_bytes().iter().filter(|&&byte| byte != b' ');
    let length = letters.clone().count();
    if let Some(key) = key.get_mut(..length) {
        key.iter_mut()
            .zip(letters)
            .for_each(|(to, from)| *to = *from);
        // `N/A` is no name, and `Na` is one.
        let is_word = if words.foreign {
            unknown::is_word
        } else {
            unknown::is_word_for_name
        };
        if is_word(key) {
            return Err(Unfit::Nobody);
        }
    }
    if words.foreign || words.foreign_alphanumeric {
        return Err(Unfit::Invalid);
    }
    let surname = words.comma.filter(|&comma| comma < out.as_bytes().len());
    let removed = without_titles(out, surname.unwrap_or(out.as_bytes().len()));
    if let Some(comma) = surname {
        out.push(' ')?;
        out.rotate(comma - removed + 1);
        out.truncate(out.as_bytes().len() - 1);
        without_titles(out, out.as_bytes().len());
    }
    Ok(())
}

/// Takes titles from the front of the first `end` bytes, but never all the words there; says how many bytes it took.
fn without_titles(out: &mut Canonical, end: usize) -> usize {
    let mut removed = 0;
    loop {
        let front = &out.as_bytes()[..end - removed];
        let Some(space) = front.iter().position(|&byte| byte == b' ') else {
            return removed;
        };
        if TITLES.binary_search(&&front[..space]).is_err() {
            return removed;
        }
        out.remove_front(space + 1);
        removed += space + 1;
    }
}

/// A name's words as they are written out.
#[derive(Default)]
struct Words {
    /// Where the word that is being written begins in the form.
    start: usize,
    /// A word has ended: the next letter begins one.
    ended: bool,
    /// The word so far is `O'` or `Ó`, which belongs to the next whatever stands between them.
    joins: bool,
    /// Where the first comma stood in the form.
    comma: Option<usize>,
    /// Something that names do not have.
    foreign: bool,
    foreign_alphanumeric: bool,
}

impl Words {
    fn take(&mut self, part: char, out: &mut Canonical) -> Result<(), Unfit> {
        match part {
            'A'..='Z' => return self.letter(part, out),
            ' ' => self.ended |= !self.joins,
            '-' | '.' => self.end(),
            '\'' => self.joins = self.word(out) == b"O",
            ',' if out.as_bytes().is_empty() => {}
            ',' if self.comma.is_none() => {
                self.comma = Some(out.as_bytes().len());
                self.end();
            }
            _ if is_accent(part) => self.joins = part == '\u{301}' && self.word(out) == b"O",
            'Ø' | 'ø' => return self.letter('O', out),
            'Ł' | 'ł' => return self.letter('L', out),
            'Đ' | 'đ' | 'Ð' | 'ð' => return self.letter('D', out),
            'Ħ' | 'ħ' => return self.letter('H', out),
            'Æ' | 'æ' => return self.letters("AE", out),
            'Œ' | 'œ' => return self.letters("OE", out),
            'Þ' | 'þ' => return self.letters("TH", out),
            // Of other scripts, the signs that are parts of a letter stay with it.
            _ if part.is_alphabetic() || canonical_combining_class(part) > 0 => {
                for upper in part.to_uppercase() {
                    self.letter(upper, out)?;
                }
            }
            _ if part.is_alphanumeric() => self.foreign_alphanumeric = true,
            _ => self.foreign = true,
        }
        Ok(())
    }

    fn letters(&mut self, letters: &str, out: &mut Canonical) -> Result<(), Unfit> {
        letters
            .chars()
            .try_for_each(|letter| self.letter(letter, out))
    }

    fn letter(&mut self, letter: char, out: &mut Canonical) -> Result<(), Unfit> {
        if self.ended && !out.as_bytes().is_empty() {
            out.push(' ')?;
            self.start = out.as_bytes().len();
        }
        self.ended = false;
        self.joins = false;
        out.push(letter)
    }

    fn end(&mut self) {
        self.ended = true;
        self.joins = false;
    }

    /// The word that is being written.
    fn word<'a>(&self, out: &'a Canonical) -> &'a [u8] {
        if self.ended {
            b""
        } else {
            &out.as_bytes()[self.start..]
        }
    }
}

/// Whether `part` is a mark that stands above, below or through a letter: left out, as people leave it out.
fn is_accent(part: char) -> bool {
    matches!(canonical_combining_class(part), 200..=240)
}

/// The canonical form of [`Kind::Date`](super::Kind::Date).
pub(super) fn date(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let plain = ascii(characters, out)?;
    let text = out.as_bytes();
    if says_unknown(text) {
        return Err(Unfit::Nobody);
    }
    let (Some(day), true) = (text.first_chunk::<10>(), plain) else {
        return Err(Unfit::Invalid);
    };
    if !(is_day(day) && (text.len() == 10 || is_time(&text[10..]))) {
        return Err(Unfit::Invalid);
    }
    if unknown::is_day(day) {
        return Err(Unfit::Nobody);
    }
    out.truncate(10);
    Ok(())
}

fn is_day(text: &[u8; 10]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (
        number(&[*y1, *y2, *y3, *y4]),
        number(&[*m1, *m2]),
        number(&[*d1, *d2]),
    ) else {
        return false;
    };
    check::is_day(year, month, day)
}

/// Whether `text` is `T`, a time, and an offset or none. The day that is written counts, whatever the offset.
fn is_time(text: &[u8]) -> bool {
    let [b'T' | b't', h1, h2, b':', m1, m2, rest @ ..] = text else {
        return false;
    };
    let within = |digits: [&u8; 2], last| {
        number(&[*digits[0], *digits[1]]).is_some_and(|value| value <= last)
    };
    if !(within([h1, h2], 23) && within([m1, m2], 59)) {
        return false;
    }
    let rest = match rest {
        [b':', s1, s2, rest @ ..] if within([s1, s2], 60) => match rest {
            [b'.', rest @ ..] => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits == 0 {
                    return false;
                }
                &rest[digits..]
            }
            _ => rest,
        },
        [b':', ..] => return false,
        _ => rest,
    };
    match rest {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => within([h1, h2], 23) && within([m1, m2], 59),
        _ => false,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, &digit| {
        Some(sum * 10 + char::from(digit).to_digit(10)?)
    })
}
