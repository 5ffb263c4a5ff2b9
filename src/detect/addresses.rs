//! E-mail addresses, URLs with identifiers in them, and the addresses of machines.

use super::context::{Near, Word};
use super::kind::Kind;
use super::pieces::{Gap, Piece, is_word};
use super::search::Search;

/// Bytes of a local part (RFC 5321 §4.5.3.1.1) and of a domain (§4.5.3.1.2).
const LOCAL: usize = 64;
const DOMAIN: usize = 255;
/// Bytes of a URL that are looked at; what stands beyond is looked at as text.
const URL: usize = 2048;
/// Digits in a row that make a URL one with an identifier.
const NUMBER: usize = 5;

impl Search<'_> {
    /// The e-mail address around the `@` at `at`.
    pub(super) fn email(&mut self, at: usize) {
        if !self.kinds.has(Kind::Email) {
            return;
        }
        let text = self.text;
        // One space or line's end beside the `@` is there by accident.
        let is_blank = |byte: u8| matches!(byte, b' ' | b'\n');
        let both = at > 1
            && is_blank(text[at - 1])
            && text.get(at + 1).is_some_and(|byte| is_blank(*byte));
        let cut = text.get(at + 1) == Some(&b'\n');
        let local_end = if both { at - 1 } else { at };
        let domain_start = if both || cut { at + 2 } else { at + 1 };
        let window = &text[local_end.saturating_sub(LOCAL)..local_end];
        let local = window
            .iter()
            .rev()
            .take_while(|byte| is_local(**byte))
            .count();
        self.steps += local;
        // It neither begins nor ends with a dot or with a quotation mark around it.
        let local = &text[local_end - local..local_end];
        let from = local
            .iter()
            .position(|byte| is_word(*byte) || *byte == b'_');
        let Some(from) = from else { return };
        if local[local.len() - 1] == b'.' {
            return;
        }
        let start = local_end - local.len() + from;
        let Some(end) = self.domain(domain_start) else {
            return;
        };
        self.take(Kind::Email, 100, start, end);
    }

    /// Where the name of a domain that starts at `start` ends, if it is one of at least two labels.
    fn domain(&mut self, start: usize) -> Option<usize> {
        let text = self.text;
        let window = text.get(start..text.len().min(start + DOMAIN))?;
        let length = window
            .iter()
            .take_while(|byte| is_word(**byte) || matches!(byte, b'-' | b'.'))
            .count();
        self.steps += length;
        let mut name = &window[..length];
        // The dot that ends a sentence.
        while let [rest @ .., b'.' | b'-'] = name {
            name = rest;
        }
        let dot = memchr::memrchr(b'.', name)?;
        let last = &name[dot + 1..];
        let is_name = dot > 0
            && last.len() >= 2
            && name[0] != b'.'
            && (last.starts_with(b"xn--") || last.iter().all(|byte| !byte.is_ascii_digit()))
            && !name.windows(2).any(|pair| pair == b"..");
        is_name.then_some(start + name.len())
    }

    /// The URL whose `://` is at `colon`; gives where it ends.
    pub(super) fn url(&mut self, colon: usize) -> usize {
        let text = self.text;
        let scheme = text[colon.saturating_sub(12)..colon]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        self.url_from(colon - scheme, colon + 3)
    }

    /// The URL without a scheme whose `www.` is at `www`; gives where it ends.
    pub(super) fn bare_url(&mut self, www: usize) -> usize {
        if www > 0 && (is_word(self.text[www - 1]) || self.text[www - 1] == b'/') {
            return www + 4;
        }
        self.url_from(www, www + 4)
    }

    fn url_from(&mut self, start: usize, rest: usize) -> usize {
        let text = self.text;
        let window = &text[rest..text.len().min(rest + URL)];
        let length = window.iter().take_while(|byte| is_url(**byte)).count();
        self.steps += length;
        let mut url = &window[..length];
        // What ends a sentence or closes a bracket is not the URL's.
        while let [
            rest @ ..,
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b'\'' | b']',
        ] = url
        {
            url = rest;
        }
        if self.kinds.has(Kind::Url) && names_somebody(url) {
            self.take(Kind::Url, 90, start, rest + url.len());
        }
        rest + length
    }

    /// An address of version 4 that begins with the digits at `first`.
    pub(super) fn address_4(&mut self, pieces: &[Piece], first: usize) {
        let Some([one, two, three, four]) = pieces.get(first..first + 4) else {
            return;
        };
        let dotted = |piece: &Piece| piece.digits && piece.gap == Gap::DOT;
        let is_dotted = dotted(two) && dotted(three) && dotted(four);
        if !is_dotted || !self.kinds.has(Kind::IpAddress) {
            return;
        }
        let text = self.text;
        let is_byte = |piece: &Piece| {
            let digits = &text[piece.start..piece.end];
            let value = digits
                .iter()
                .take(4)
                .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            value <= 255 && digits.len() <= 3 && (digits.len() == 1 || digits[0] != b'0')
        };
        let goes_on = pieces
            .get(first + 4)
            .is_some_and(|next| dotted(next) || next.gap == Gap::GLUED);
        let before = one.start.checked_sub(1).map(|before| text[before]);
        if goes_on
            || before.is_some_and(|byte| is_word(byte) || byte == b'.')
            || ![one, two, three, four].into_iter().all(is_byte)
        {
            return;
        }
        self.steps += 1;
        // The number of a section or of a version looks the same.
        const OTHERS: [Word; 6] = [
            Word::new(b"version"),
            Word::new(b"v"),
            Word::new(b"section"),
            Word::new(b"paragraph"),
            Word::new(b"clause"),
            Word::new(b"release"),
        ];
        let near = Near::around(text, one.start, four.end);
        if near
            .before()
            .iter()
            .rev()
            .take(2)
            .any(|word| OTHERS.contains(word))
        {
            return;
        }
        self.take(Kind::IpAddress, 70, one.start, four.end);
    }

    /// An address of version 6 with the colon at `colon` as its first; gives from where another may begin.
    pub(super) fn address_6(&mut self, colon: usize) -> usize {
        let text = self.text;
        let is_hex = |byte: u8| byte.is_ascii_hexdigit();
        if !self.kinds.has(Kind::IpAddress)
            || !text
                .get(colon + 1)
                .is_some_and(|byte| is_hex(*byte) || *byte == b':')
        {
            return colon;
        }
        let before = text[colon.saturating_sub(4)..colon].iter().rev();
        let start = colon - before.take_while(|byte| is_hex(**byte)).count();
        if start > 0 && (is_word(text[start - 1]) || text[start - 1] == b':') {
            return colon;
        }
        let (mut at, mut groups, mut gap, mut digits) = (start, 0, false, false);
        loop {
            let group = text[at..text.len().min(at + 5)]
                .iter()
                .take_while(|byte| is_hex(**byte));
            let length = group.clone().count();
            digits |= group.clone().any(u8::is_ascii_digit);
            self.steps += 1;
            if length == 5 {
                return at + 5;
            }
            groups += usize::from(length > 0);
            at += length;
            match &text[at..] {
                [b':', b':', ..] if !gap => {
                    gap = true;
                    at += 2;
                }
                [b':', next, ..] if is_hex(*next) && length > 0 => at += 1,
                _ => break,
            }
        }
        let is_clean = text
            .get(at)
            .is_none_or(|byte| !is_word(*byte) && *byte != b':');
        let score = match (groups, gap) {
            (8, false) => 90,
            (3..=7, true) if digits => 75,
            (1 | 2, true) if digits => 50,
            _ => 0,
        };
        if is_clean && score > 0 {
            self.offer(Kind::IpAddress, score, start, at);
        }
        at.max(colon)
    }
}

/// A character of an address's local part, quotation marks and brackets excepted (RFC 5321 `Dot-string`, RFC 6531).
fn is_local(byte: u8) -> bool {
    is_word(byte)
        || matches!(
            byte,
            b'.' | b'_'
                | b'-'
                | b'+'
                | b'!'
                | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'*'
                | b'='
                | b'?'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
                | b'\''
        )
}

fn is_url(byte: u8) -> bool {
    byte > b' '
        && !matches!(
            byte,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
}

/// Whether what follows a URL's scheme holds what may be somebody's: a long number, an address, a key.
fn names_somebody(rest: &[u8]) -> bool {
    /// Characters of a key: half of a UUID.
    const KEY: usize = 16;
    let Some(path) = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'@'))
    else {
        return false;
    };
    let (mut digits, mut key, mut key_digits) = (0, 0, 0);
    for (at, &byte) in rest[path..].iter().enumerate() {
        let is_digit = byte.is_ascii_digit();
        digits = if is_digit { digits + 1 } else { 0 };
        // A number may be cut by hyphens or by the escapes of spaces; a key is letters and digits.
        if is_digit || byte.is_ascii_alphabetic() || byte == b'-' {
            key += 1;
            key_digits += usize::from(is_digit);
        } else {
            (key, key_digits) = (0, 0);
        }
        if byte == b'@'
            || rest[path + at..].starts_with(b"%40")
            || digits >= NUMBER
            || key >= KEY && key_digits >= 4
        {
            return true;
        }
    }
    false
}
