//! Selectors as written, parsed by `jsonpath-rust` (RFC 9535).

use jsonpath_rust::parser::model::{Filter, JpQuery};

use super::dates;
use super::filter::{Expression, Query};

/// A JSONPath query (RFC 9535) and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    text: String,
    query: JpQuery,
}

/// A condition on a record: the inside of a filter, `@` being the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    text: String,
    filter: Filter,
}

/// Why a text is no selector or condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectorError {
    /// What is wrong and what to write instead, one sentence without the text itself.
    pub message: String,
}

impl Selector {
    /// Parses `text`, `$.name` or `$['name'][*]`. A text that starts with `@` is read as from a record.
    ///
    /// # Errors
    /// If it is not RFC 9535 JSONPath: the parser's grammar, the rules on white space that it leaves open, and the
    /// types of functions (§2.4.3).
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let rooted = match text.strip_prefix('@') {
            Some(rest) => format!("${rest}"),
            None => text.to_owned(),
        };
        check_names(&rooted)?;
        let rooted = dates::for_parser(&rooted)?;
        let query = jsonpath_rust::parser::parse_json_path(&rooted).map_err(|_| SelectorError {
            message: "not a JSONPath selector; write for example $.address.postcode or $.contacts[*].phone".to_owned(),
        })?;
        Query::compile(&query)?;
        Ok(Self {
            text: text.to_owned(),
            query,
        })
    }

    /// This selector, which names something in a record, as from the document.
    ///
    /// It is written from the record; only one that starts with `$` and then as `record` does, step for
    /// step, is taken as written from the document.
    #[must_use]
    pub fn within(&self, record: &Self) -> Self {
        let (own, outer) = (&self.query.segments, &record.query.segments);
        let from_document =
            self.text.starts_with('$') && own.len() > outer.len() && own.starts_with(outer);
        if from_document {
            return self.clone();
        }
        let segments = outer.iter().chain(own).cloned().collect();
        Self {
            text: self.text.clone(),
            query: JpQuery::new(segments),
        }
    }

    /// The steps of this selector, which names something in a record, from the record on. Read as by
    /// [`Selector::within`].
    pub(super) fn below(&self, record: &Self) -> Result<Query, SelectorError> {
        let within = self.within(record);
        Query::relative(&within.query.segments[record.query.segments.len()..])
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The syntax tree.
    #[must_use]
    pub fn query(&self) -> &JpQuery {
        &self.query
    }
}

impl Condition {
    /// Parses `text`, `@.consent.sharing == true`.
    ///
    /// # Errors
    /// If it is not what RFC 9535 allows between `[?` and `]`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        use jsonpath_rust::parser::model::{Segment, Selector as Part};
        let fault = || SelectorError {
            message: "not a condition; write for example @.consent.sharing == true".to_owned(),
        };
        let query = format!("$[?{text}]");
        check_names(&query)?;
        let query = dates::for_parser(&query)?;
        let query = jsonpath_rust::parser::parse_json_path(&query).map_err(|_| fault())?;
        match <[Segment; 1]>::try_from(query.segments) {
            Ok([Segment::Selector(Part::Filter(filter))]) => {
                Expression::compile(&filter)?;
                Ok(Self {
                    text: text.to_owned(),
                    filter,
                })
            }
            Ok([_]) | Err(_) => Err(fault()),
        }
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The syntax tree.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// Refuses what `jsonpath-rust` 1.0.12 reads more widely than RFC 9535 around names without quotes: white space
/// after the dot (`@. a`) or inside the name (`$.a b`, which it takes for one name), and white space beyond ASCII
/// at a name's end, which it cuts off. Each would make a rule select other members than those it seems to name.
fn check_names(text: &str) -> Result<(), SelectorError> {
    let fault = || {
        Err(SelectorError {
            message: "white space beside or in a name; write names that hold it in quotes, for example $['first name']"
                .to_owned(),
        })
    };
    let is_name = |character: char| {
        character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
    };
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' | '"' => {
                while let Some(inside) = rest.next() {
                    if inside == '\\' {
                        rest.next();
                    } else if inside == character {
                        break;
                    }
                }
            }
            '.' => {
                if rest.peek().is_some_and(|next| next.is_whitespace()) {
                    return fault();
                }
                let mut named = false;
                while let Some(part) = rest.next_if(|&next| is_name(next)) {
                    if part.is_whitespace() {
                        return fault();
                    }
                    named = true;
                }
                let mut spaced = false;
                while rest.next_if(char::is_ascii_whitespace).is_some() {
                    spaced = true;
                }
                if named && spaced && rest.peek().is_some_and(|&next| is_name(next)) {
                    return fault();
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_rfc_9535_says() {
        for text in [
            "$",
            "@",
            "$.a",
            "@.a",
            "$ .a",
            "$.a .b",
            "$\n.a",
            "$.é",
            "$..a",
            "$..['a', 'd']",
            "$['a b']",
            "$[\"a.b\"]",
            "$[0, -1, 1:2, ::-1]",
            "$[?@.a == 'x. y']",
            "$[?@ .a == 1.5 || @.b < 2]",
            "$[?!@.a]",
            "$[?match(@.a, '[0-9]+')]",
            "$[?count(@.*) > 1]",
            "$[?length(@.a) > 1 && value(@..b) == 1]",
            "$[?age(@.dob) >= 18 && since(@['last seen']) < age( value(@..x) )]",
            "$['it\\'s. a']",
        ] {
            assert!(Selector::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_what_to_write() {
        // The text, and a word of the answer.
        let rows = [
            ("", "for example"),
            ("a", "for example"),
            (" $", "for example"),
            ("$.", "for example"),
            ("$.a b", "quotes"),
            ("$.a\nb", "quotes"),
            ("$. a", "quotes"),
            ("$.. a", "quotes"),
            ("$.a\u{a0}", "quotes"),
            ("$[?@. a == 1]", "quotes"),
            ("$[?@.a b == 1]", "quotes"),
            ("$[?count(@..*)]", "compare it"),
            ("$[?length(@.a)]", "compare it"),
            ("$[?value(@.a)]", "compare it"),
            ("$[?age(@.a)]", "compare it"),
            ("$[?age(@.*) < 18]", "several"),
            ("$[?age() < 18]", "for example"),
            ("$[?age(@.a, 1) < 18]", "for example"),
            ("$[?count(age(@.a)) < 18]", "contacts"),
            ("$[?length(@.*)<3]", "several"),
            ("$[?length(@[1, 2])<3]", "several"),
            ("$[?length(@['a', 'b'])<3]", "several"),
            ("$[?match(@.*, 'a')]", "several"),
            ("$[?count(1) > 0]", "for example"),
            ("$[?count(length(@.a)) > 0]", "contacts"),
            ("$[?in(@.a, @.b)]", "RFC 9535"),
            ("$[?match(@.a, '\\\\d')]", "[0-9]"),
            ("$[?search(@.a, '(')]", "their ends"),
            ("$[?@.a == 1e999]", "1e308"),
        ];
        for (text, word) in rows {
            let message = Selector::parse(text).expect_err(text).message;
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn a_condition_is_one_filter_and_nothing_beside_it() {
        for text in [
            "@.consent.sharing == true",
            "@.a && (@.b || !@.c)",
            "@",
            "$.a == @.b",
            "match(@.a, 'x')",
        ] {
            assert!(Condition::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "true",
            "@.a == ",
            "@.a], ?@.b",
            "@.a, ?@.b",
            "@.a][?@.b",
            "@.a].b[?@.c",
            "@. a == 1",
            "count(@.a)",
            "?@.a",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}
