//! I-Regexp (RFC 9485), the regular expressions of `match` and `search`, over the `regex` crate.
//!
//! Each pattern is read by the RFC's grammar and written anew in the crate's, so that what the crate knows
//! beyond it (`\d`, `(?i)`, lazy repetition, set operations) is refused and not silently given a meaning. `^`
//! and `$` are anchors: the grammar has them as ordinary characters, the compliance suite and every published
//! mapping (RFC 9485 §5.3) as anchors.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take; a repetition of repetitions soon asks for more.
const COMPILED_BYTES: usize = 1 << 20;

/// Compiles `pattern`; `whole` for `match`, which must cover the text from end to end.
///
/// `None` if it is no I-Regexp, or one that is too large to hold.
pub(crate) fn compile(pattern: &str, whole: bool) -> Option<Regex> {
    let body = translate(pattern)?;
    let text = if whole {
        format!(r"\A(?:{body})\z")
    } else {
        body
    };
    RegexBuilder::new(&text)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES)
        .build()
        .ok()
}

fn translate(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    let mut open_groups = 0_usize;
    // Whether what stands before can be repeated: an atom without a quantifier.
    let mut repeatable = false;
    while let Some(character) = rest.next() {
        repeatable = match character {
            '(' => {
                open_groups += 1;
                out.push_str("(?:");
                false
            }
            ')' => {
                open_groups = open_groups.checked_sub(1)?;
                out.push(')');
                true
            }
            '|' => {
                out.push('|');
                false
            }
            '*' | '+' | '?' if repeatable => {
                out.push(character);
                false
            }
            '{' if repeatable => {
                range(&mut rest, &mut out)?;
                false
            }
            '*' | '+' | '?' | '{' | '}' | ']' => return None,
            '.' => {
                out.push_str(r"[^\n\r]");
                true
            }
            '[' => {
                class(&mut rest, &mut out)?;
                true
            }
            '\\' => {
                escape(&mut rest, &mut out)?;
                true
            }
            '^' | '$' => {
                out.push(character);
                true
            }
            _ => {
                literal(character, &mut out);
                true
            }
        };
    }
    (open_groups == 0).then_some(out)
}

/// `{2}`, `{2,}` or `{2,4}`, the brace being read.
fn range(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('{');
    digits(rest, out)?;
    if rest.next_if_eq(&',').is_some() {
        out.push(',');
        if rest.peek() != Some(&'}') {
            digits(rest, out)?;
        }
    }
    out.push(rest.next_if_eq(&'}')?);
    Some(())
}

fn digits(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push(rest.next_if(char::is_ascii_digit)?);
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        out.push(digit);
    }
    Some(())
}

/// What follows a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    match rest.next()? {
        sign @ ('p' | 'P') => category(sign, rest, out),
        character => {
            literal(single_escape(character)?, out);
            Some(())
        }
    }
}

/// The character that a backslash before `character` stands for.
fn single_escape(character: char) -> Option<char> {
    match character {
        '(' | ')' | '*' | '+' | '-' | '.' | '?' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' => {
            Some(character)
        }
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    }
}

/// `\p{Lu}`, the `p` being read: the general categories of Unicode, in the RFC's list.
fn category(sign: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    rest.next_if_eq(&'{')?;
    let major = rest.next()?;
    let minors = match major {
        'L' => "lmotu",
        'M' => "cen",
        'N' => "dlo",
        'P' => "cdefios",
        'Z' => "lps",
        'S' => "ckmo",
        'C' => "cfno",
        _ => return None,
    };
    let minor = rest.next_if(|minor| minors.contains(*minor));
    rest.next_if_eq(&'}')?;
    out.push('\\');
    out.push(sign);
    out.push('{');
    out.push(major);
    out.extend(minor);
    out.push('}');
    Some(())
}

/// `[…]`, the opening bracket being read.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut empty = true;
    if rest.next_if_eq(&'-').is_some() {
        literal('-', out);
        empty = false;
    }
    loop {
        match rest.next()? {
            ']' => break,
            // A hyphen that joins nothing can only be the last.
            '-' => {
                literal('-', out);
                rest.next_if_eq(&']').filter(|_| !empty)?;
                break;
            }
            '\\' if matches!(rest.peek(), Some('p' | 'P')) => {
                let sign = rest.next()?;
                category(sign, rest, out)?;
            }
            first => {
                let first = class_character(first, rest)?;
                literal(first, out);
                // `a-z` is a range, `a-]` two characters.
                let mut ahead = rest.clone();
                if ahead.next() == Some('-') && ahead.peek() != Some(&']') {
                    rest.next();
                    let last = rest.next()?;
                    let last = class_character(last, rest)?;
                    out.push('-');
                    literal(last, out);
                }
            }
        }
        empty = false;
    }
    // `[]` and `[^]` are not in the grammar.
    if empty {
        return None;
    }
    out.push(']');
    Some(())
}

fn class_character(character: char, rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    match character {
        '\\' => single_escape(rest.next()?),
        '[' | ']' | '-' => None,
        _ => Some(character),
    }
}

/// Writes `character` so that the crate takes it for itself, in a class or out of one.
fn literal(character: char, out: &mut String) {
    if character.is_alphanumeric() {
        out.push(character);
    } else {
        out.push_str(&format!(r"\x{{{:x}}}", u32::from(character)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_rfc_9485_says() {
        // Pattern, texts that it matches whole, texts that it does not.
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("a.c", &["abc", "a\u{2028}c"], &["a\nc", "a\rc", "ac"]),
            ("a|bc", &["a", "bc"], &["ac", "abc"]),
            ("(ab)*", &["", "abab"], &["aba"]),
            ("a{2}", &["aa"], &["a", "aaa"]),
            ("a{2,}", &["aa", "aaaa"], &["a"]),
            ("a{1,2}", &["a", "aa"], &["", "aaa"]),
            ("[a-c]+", &["abc"], &["d", "-"]),
            ("[^a-c]", &["d", "\n"], &["a"]),
            ("[-a]+", &["-a"], &["b"]),
            ("[a-]+", &["-a"], &["b"]),
            ("[a&&b]+", &["a&b"], &["c"]),
            ("[~a#]+", &["~#"], &["b"]),
            (r"[\]\[\\^]+", &["][\\^"], &["a"]),
            (r"[\p{Lu}0-9]+", &["AÉ1"], &["a"]),
            (r"\P{L}", &["1"], &["a"]),
            (r"\.\*\+\?\(\)\{\}\|\^\-", &[".*+?(){}|^-"], &["a"]),
            (r"\n\r\t", &["\n\r\t"], &["nrt"]),
            ("^a$", &["a"], &["^a$"]),
            ("#/ \"'", &["#/ \"'"], &[""]),
            ("𝄞é", &["𝄞é"], &["e"]),
            ("()", &[""], &["a"]),
        ];
        for (pattern, yes, no) in rows {
            let regex = compile(pattern, true).unwrap_or_else(|| panic!("{pattern} is refused"));
            for text in *yes {
                assert!(regex.is_match(text), "{pattern} on {text:?}");
            }
            for text in *no {
                assert!(!regex.is_match(text), "{pattern} on {text:?}");
            }
        }
        assert!(compile("b.?b", false).unwrap().is_match("abbc"));
    }

    #[test]
    fn what_is_no_iregexp_is_refused() {
        for pattern in [
            "*",
            "a**",
            "a*?",
            "a++",
            "(",
            ")",
            "a)",
            "(a",
            "[",
            "[]",
            "[^]",
            "[a",
            "]",
            "a]",
            "{",
            "}",
            "a{",
            "a{}",
            "a{,2}",
            "a{2",
            "a{2,1}",
            r"\d",
            r"\w",
            r"\b",
            r"\u0041",
            r"\",
            r"\$",
            r"(?i)a",
            "(?:a)",
            r"(a)\1",
            "[[:alpha:]]",
            "[a[b]]",
            r"[\d]",
            r"\p{Cs}",
            r"\p{Latin}",
            r"\p{L",
            r"\pL",
            "[a--b]",
            "[z-a]",
            "[--a]x-",
            "((((a{99}){99}){99}){99}){99}",
        ] {
            assert!(compile(pattern, true).is_none(), "{pattern}");
        }
    }
}
