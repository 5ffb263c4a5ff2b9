//! Patterns that an agreement adds.

use regex::bytes::{Regex, RegexBuilder};

use super::Score;
use super::What;
use super::context::{Near, Word};
use super::pieces::is_word;
use super::search::{CONTEXT, Candidate};

/// A pattern of an agreement's own: a case number, a council-tax reference.
#[derive(Debug, Clone)]
pub struct Pattern {
    name: Box<str>,
    label: Box<str>,
    regex: Regex,
    near: Box<[Word]>,
}

/// Why a pattern cannot be looked for. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a word that can stand in a report.
    #[error(
        "the name of a pattern is lower-case letters, digits and hyphens, at most 40; write for example case-number"
    )]
    Name,
    /// Not a regular expression.
    #[error("this is no regular expression: {0}; write for example CR[0-9]{{6}}")]
    Syntax(String),
    /// Has no longest match, or too long a one.
    #[error(
        "a pattern has a longest match, of at most {MOST_BYTES} bytes; write for example {{1,20}} in place of + or *"
    )]
    TooLong,
    /// Matches nothing at all.
    #[error(
        "the pattern matches an empty text, which is everywhere; write one that needs at least two characters"
    )]
    Empty,
    /// Too large when compiled.
    #[error("the pattern is too large when compiled; write a simpler one, or two")]
    TooLarge,
    /// A word to look for nearby is none.
    #[error("`near` has words of letters alone; write for example near: [case, ref]")]
    Near,
}

/// Bytes of the longest match. With this limit a text is searched in time linear in its length, whatever it is.
const MOST_BYTES: usize = 256;
/// Bytes of a compiled pattern.
const COMPILED: usize = 256 << 10;
/// How far a pattern is believed: by itself where it is not said what stands near it, else only beside that.
const ALONE: Score = 90;
const NEEDS_CONTEXT: Score = 30;

impl Pattern {
    /// A pattern `name` that matches what `matches`, a regular expression of ASCII classes, does; only near one of the words of `near`,
    /// if there are any. It matches whole words: neither a letter nor a digit stands directly before or behind.
    ///
    /// # Errors
    /// If the name is no word, if the expression is none or has no longest match, if `near` has something other than words.
    pub fn new(name: &str, matches: &str, near: &[&str]) -> Result<Self, PatternError> {
        let is_name = (1..=40).contains(&name.len())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !is_name {
            return Err(PatternError::Name);
        }
        let syntax = |error: regex_syntax::Error| {
            // The last line says what is wrong, those before it show where.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            PatternError::Syntax(last.trim_start_matches("error: ").to_owned())
        };
        let parsed = regex_syntax::ParserBuilder::new()
            .nest_limit(32)
            .unicode(false)
            .utf8(false)
            .build()
            .parse(matches)
            .map_err(syntax)?;
        let properties = parsed.properties();
        if properties
            .maximum_len()
            .is_none_or(|most| most > MOST_BYTES)
        {
            return Err(PatternError::TooLong);
        }
        if properties.minimum_len().is_none_or(|least| least < 2) {
            return Err(PatternError::Empty);
        }
        let regex = RegexBuilder::new(matches)
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .nest_limit(32)
            .unicode(false)
            .build()
            .map_err(|_| PatternError::TooLarge)?;
        let near = near
            .iter()
            .map(|word| {
                let is_word =
                    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
                is_word
                    .then(|| Word::new(word.as_bytes()))
                    .ok_or(PatternError::Near)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.into(),
            label: name.replace('-', " ").into(),
            regex,
            near,
        })
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands in a text where it was found, inside square brackets.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Finds what it matches; `index` is its place among the agreement's patterns.
    pub(super) fn find(
        &self,
        text: &[u8],
        index: u8,
        threshold: Score,
        found: &mut Vec<Candidate>,
    ) {
        for matched in self.regex.find_iter(text) {
            let (mut start, mut end) = (matched.start(), matched.end());
            // A pattern is of bytes: what it cuts of a character goes as well.
            let is_inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
            while is_inside(start) && start > 0 {
                start -= 1;
            }
            while is_inside(end) {
                end += 1;
            }
            let is_whole = |outside: Option<&u8>, inside: u8| {
                !(is_word(inside) && outside.is_some_and(|byte| is_word(*byte)))
            };
            let before = start.checked_sub(1).and_then(|before| text.get(before));
            if !is_whole(before, text[start]) || !is_whole(text.get(end), text[end - 1]) {
                continue;
            }
            let score = if self.near.is_empty() {
                ALONE
            } else {
                let near = Near::around(text, start, end);
                if near.words().iter().any(|word| self.near.contains(word)) {
                    NEEDS_CONTEXT + CONTEXT
                } else {
                    NEEDS_CONTEXT
                }
            };
            if score >= threshold {
                found.push(Candidate {
                    start,
                    end,
                    what: What::Pattern(index),
                    score,
                });
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.regex.as_str() == other.regex.as_str()
            && self.near == other.near
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(pattern: &Pattern, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        pattern.find(text.as_bytes(), 0, 60, &mut found);
        found
            .iter()
            .map(|found| text[found.start..found.end].to_owned())
            .collect()
    }

    #[test]
    fn a_pattern_matches_whole_words_beside_its_words() {
        let case = Pattern::new("case-number", r"(?i)CR\d{6}", &["case", "ref"]).unwrap();
        assert_eq!(
            spellings(&case, "case CR123456; xCR123456, CR1234567"),
            ["CR123456"]
        );
        assert!(spellings(&case, "CR123456").is_empty());
        assert_eq!((case.name(), case.label()), ("case-number", "case number"));
        let anything = Pattern::new("two", "[^a]{2}", &[]).unwrap();
        for text in ["éé", "aéa€a", "a𝄞"] {
            let spelt = spellings(&anything, text);
            assert!(spelt.iter().all(|spelt| text.contains(spelt.as_str())));
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_looked_for_is_refused() {
        for (name, matches, near, error) in [
            ("Case", "ab", "x", PatternError::Name),
            ("", "ab", "x", PatternError::Name),
            ("x", "a+b", "x", PatternError::TooLong),
            ("x", "a{300}", "x", PatternError::TooLong),
            ("x", "a?", "x", PatternError::Empty),
            ("x", r"\bab\b|$", "x", PatternError::Empty),
            ("x", "(a|b|[cd]{1,9}){28}", "x 1", PatternError::Near),
        ] {
            assert_eq!(
                Pattern::new(name, matches, &[near]),
                Err(error),
                "{matches}"
            );
        }
        assert!(matches!(
            Pattern::new("x", "(ab", &[]),
            Err(PatternError::Syntax(_))
        ));
    }
}
