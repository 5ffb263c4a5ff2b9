//! E-mail addresses and telephone numbers.

use super::buffer::Canonical;
use super::text::{ascii, says_unknown};
use super::{Unfit, unknown};

/// The canonical form of [`Kind::Email`](super::Kind::Email): lower case throughout.
///
/// RFC 5321 lets a domain tell `Mary@` from `mary@`; none that people have addresses at does, and people type both.
/// Domains outside ASCII are refused rather than guessed at; their `xn--` form is taken.
pub(super) fn email(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let plain = ascii(characters, out)?;
    if says_unknown(out.as_bytes()) {
        return Err(Unfit::Nobody);
    }
    out.bytes_mut().make_ascii_lowercase();
    if out.as_bytes().starts_with(b"mailto:") {
        out.remove_front(b"mailto:".len());
    }
    let text = out.as_bytes();
    let Some(at) = text.iter().position(|&byte| byte == b'@').filter(|_| plain) else {
        return Err(Unfit::Invalid);
    };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if !(is_local(local) && is_domain(domain)) {
        return Err(Unfit::Invalid);
    }
    if says_unknown(local) {
        return Err(Unfit::Nobody);
    }
    Ok(())
}

/// Whether `local` is a dot-string of RFC 5321 §4.1.2. Quoted ones, which nobody has, are refused.
fn is_local(local: &[u8]) -> bool {
    local.len() <= 64
        && local.split(|&byte| byte == b'.').all(|atom| {
            !atom.is_empty()
                && atom.iter().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(byte)
                })
        })
}

/// Whether `domain` is at least two labels of letters, digits and hyphens, the last no number.
fn is_domain(domain: &[u8]) -> bool {
    let mut labels = 0;
    let mut last: &[u8] = b"";
    for label in domain.split(|&byte| byte == b'.') {
        let fits = matches!(label.len(), 1..=63)
            && label
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && label[0] != b'-'
            && label[label.len() - 1] != b'-';
        if !fits {
            return false;
        }
        labels += 1;
        last = label;
    }
    labels >= 2 && domain.len() <= 253 && !last.iter().all(u8::is_ascii_digit)
}

/// Digits of the longest number that E.164 has.
const NUMBER_DIGITS: usize = 15;

/// The canonical form of [`Kind::Phone`](super::Kind::Phone).
pub(super) fn phone(
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let mut text = Canonical::new();
    let plain = ascii(characters, &mut text)?;
    if says_unknown(text.as_bytes()) {
        return Err(Unfit::Nobody);
    }
    if !plain {
        return Err(Unfit::Invalid);
    }
    text.bytes_mut().make_ascii_lowercase();
    let text = text.as_bytes();
    let text = text.strip_prefix(b"tel:").unwrap_or(text);
    let is_extension = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'#' | b';');
    let (number, extension) =
        text.split_at(text.iter().position(is_extension).unwrap_or(text.len()));

    // Room for a trunk prefix (`00`) and the zero of `(0)` beside the number.
    let mut room = [0; NUMBER_DIGITS + 3];
    let (digits, plus) = digits(number, &mut room)?;
    if unknown::is_filler(digits) {
        return Err(Unfit::Nobody);
    }
    let (country, national): (&[u8], &[u8]) = match digits {
        _ if plus => (b"", digits),
        [b'0', b'0', rest @ ..] => (b"", rest),
        [b'0', rest @ ..] => (b"44", rest),
        _ => return Err(Unfit::Invalid),
    };
    let (country, national) = match national.strip_prefix(b"44") {
        // `+44 07700 …`: the zero is for calls inside the country.
        Some(rest) if country.is_empty() => {
            (b"44".as_slice(), rest.strip_prefix(b"0").unwrap_or(rest))
        }
        Some(_) | None => (country, national),
    };
    if unknown::is_filler(national) || unknown::is_run(national) {
        return Err(Unfit::Nobody);
    }
    let fits = if country == b"44" {
        matches!(
            national,
            [b'1' | b'2' | b'3' | b'5' | b'7' | b'8' | b'9', ..]
        ) && matches!(national.len(), 9 | 10)
    } else {
        !national.starts_with(b"0") && (7..=NUMBER_DIGITS).contains(&national.len())
    };
    if !fits {
        return Err(Unfit::Invalid);
    }
    out.push_all(b"+")?;
    out.push_all(country)?;
    out.push_all(national)?;
    zeroize::Zeroize::zeroize(&mut room);
    push_extension(extension, out)
}

/// The digits of `number`, and whether a `+` stands before them. `(0)` in an international number is left out.
fn digits<'a>(number: &[u8], room: &'a mut [u8]) -> Result<(&'a [u8], bool), Unfit> {
    let mut length = 0;
    let mut plus = false;
    let mut rest = number;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'+' if length == 0 && !plus => plus = true,
            b'(' if behind.starts_with(b"0)")
                && (plus || room.starts_with(b"00"))
                && length > 0 =>
            {
                rest = &behind[2..];
            }
            b'0'..=b'9' => {
                *room.get_mut(length).ok_or(Unfit::Invalid)? = *byte;
                length += 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' => {}
            _ => return Err(Unfit::Invalid),
        }
    }
    Ok((&room[..length], plus))
}

/// Appends an extension, written `x 12`, `ext. 12`, `#12` or `;ext=12`.
fn push_extension(written: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
    if written.is_empty() {
        return Ok(());
    }
    let end = written
        .iter()
        .position(u8::is_ascii_digit)
        .unwrap_or(written.len());
    let (mark, digits) = written.split_at(end);
    let mark = mark.trim_ascii_end();
    let known: [&[u8]; 8] = [
        b"x",
        b"x.",
        b"ext",
        b"ext.",
        b"extn",
        b"extension",
        b"#",
        b";ext=",
    ];
    if !known.contains(&mark)
        || !matches!(digits.len(), 1..=7)
        || !digits.iter().all(u8::is_ascii_digit)
    {
        return Err(Unfit::Invalid);
    }
    out.push_all(b";ext=")?;
    out.push_all(digits)
}
