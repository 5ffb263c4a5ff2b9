//! Selectors as written, parsed by `jsonpath-rust` (RFC 9535).

use jsonpath_rust::parser::model::{Filter, JpQuery};

/// A JSONPath query (RFC 9535) and its text.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    query: JpQuery,
}

/// A condition on a record: the inside of a filter, `@` being the record.
#[derive(Debug, Clone)]
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
    /// If it is not RFC 9535 JSONPath.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let rooted = match text.strip_prefix('@') {
            Some(rest) => format!("${rest}"),
            None => text.to_owned(),
        };
        let query = jsonpath_rust::parser::parse_json_path(&rooted).map_err(|_| SelectorError {
            message: "not a JSONPath selector; write for example $.address.postcode or $.contacts[*].phone".to_owned(),
        })?;
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
        let query =
            jsonpath_rust::parser::parse_json_path(&format!("$[?{text}]")).map_err(|_| fault())?;
        match <[Segment; 1]>::try_from(query.segments) {
            Ok([Segment::Selector(Part::Filter(filter))]) => Ok(Self {
                text: text.to_owned(),
                filter,
            }),
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
