//! Any text, and what the kinds that are read as text share.

use super::buffer::Canonical;
use super::{Unfit, fold, unknown};

/// The canonical form of [`Kind::Text`](super::Kind::Text).
pub(super) fn text(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let mut end = 0;
    let mut separated = false;
    let mut only_digits = true;
    let mut has_digit = false;
    let mut has_alphanumeric = false;
    for character in characters {
        if character.is_whitespace() {
            // Only what is between other characters counts.
            if end > 0 {
                out.push(character)?;
                separated = true;
            }
            continue;
        }
        out.push(character)?;
        end = out.as_bytes().len();
        if character.is_ascii_digit() {
            has_digit = true;
        } else if is_hyphen(character) {
            separated = true;
        } else {
            only_digits = false;
            has_alphanumeric |= character.is_alphanumeric();
        }
    }
    out.truncate(end);
    if has_digit && only_digits {
        if separated {
            if unknown::is_written_day(out.as_bytes()) {
                return Err(Unfit::Nobody);
            }
            out.retain(|byte| byte.is_ascii_digit());
        }
        return somebody(out.as_bytes());
    }
    if !(has_digit || has_alphanumeric) || says_unknown(out.as_bytes()) {
        return Err(Unfit::Nobody);
    }
    Ok(())
}

/// As [`text`], of ASCII digits alone.
pub(super) fn text_digits(digits: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
    out.push_all(digits)?;
    somebody(digits)
}

/// Whether digits can be somebody's number.
pub(super) fn somebody(digits: &[u8]) -> Result<(), Unfit> {
    if digits.is_empty() || unknown::is_filler(digits) || unknown::is_run(digits) {
        return Err(Unfit::Nobody);
    }
    Ok(())
}

/// Hyphens that stand between groups of digits: as typed, and the two that word processors make of it.
fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}' | '\u{2011}')
}

/// Writes what `characters` are folded to, trimmed and with single spaces, and says whether all of it is ASCII.
pub(super) fn ascii(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<bool, Unfit> {
    let mut ascii = true;
    let mut space = false;
    let mut full = Ok(());
    for character in characters {
        fold(character, |part| {
            if part == ' ' {
                space = !out.as_bytes().is_empty();
                return;
            }
            ascii &= part.is_ascii();
            if space {
                full = full.and(out.push(' '));
                space = false;
            }
            full = full.and(out.push(part));
        });
        full?;
    }
    Ok(ascii)
}

/// Whether `text` says that something is not known: by a word, a filler, a day that is none, or without a letter or digit.
pub(super) fn says_unknown(text: &[u8]) -> bool {
    let mut key = [0; 24];
    let mut length = 0;
    for byte in text
        .iter()
        .filter(|byte| !byte.is_ascii() || byte.is_ascii_alphanumeric())
    {
        let Some(room) = key.get_mut(length) else {
            return false;
        };
        *room = byte.to_ascii_uppercase();
        length += 1;
    }
    let key = &key[..length];
    let digits = key.iter().all(u8::is_ascii_digit);
    key.is_empty()
        || unknown::is_word(key)
        || (digits && unknown::is_filler(key))
        || unknown::is_written_day(text)
}
