//! The formats that bodies have, and how selectors see each.
//!
//! A selector sees every body as it would see JSON:
//!
//! | format | what a selector sees |
//! | --- | --- |
//! | JSON | the document |
//! | NDJSON, JSON text sequence, event stream | an array of its documents: `$[*].name` |
//! | CSV, TSV | an array of objects, one a row, with the header's names: `$[*].postcode` |
//! | XML | an object with its root element as member: `$.people.person.name`, `$.people.person['@id']` |
//! | form | an object with a member for each name: `$.name`, and for names given more than once `$.name[*]` |
//! | multipart form | an object with a member for each part: `$.note`, and in a JSON part `$.person.name` |

use super::{PlanFault, Selector};

/// A body's format, and how it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON document (RFC 8259).
    #[default]
    Json,
    /// One JSON document a line (NDJSON, JSON Lines).
    Ndjson,
    /// JSON documents, each after a record separator (RFC 7464).
    JsonSequence,
    /// Server-sent events whose data are JSON documents (WHATWG HTML §9.2).
    EventStream,
    /// Rows of separated values (RFC 4180).
    Csv(Csv),
    /// XML 1.0 with namespaces.
    Xml(Xml),
    /// `application/x-www-form-urlencoded` (WHATWG URL §5).
    Form,
    /// `multipart/form-data` (RFC 7578). Its boundary comes with each body.
    Multipart,
}

impl Format {
    /// Why rules whose records are at `record` do not suit bodies of this format. `holds` says that only the whole
    /// document decides them, `asks` that a part of it must be held to be decided.
    pub(super) fn misfits(
        &self,
        record: Option<&Selector>,
        holds: bool,
        asks: bool,
    ) -> Vec<PlanFault> {
        let record_is_body = record.map(|record| record.query().segments.is_empty());
        let mut messages = Vec::new();
        match self {
            Self::Json | Self::Csv(_) | Self::Xml(_) => {}
            Self::Ndjson | Self::JsonSequence | Self::EventStream => {
                if record_is_body == Some(true) {
                    messages.push("a body of several documents may have no end, so it is no record; write `record: $[*]`, each document");
                }
                if holds {
                    messages.push("a position from the body's end, or a filter or condition that looks at the whole body, needs the whole body, which in this format may have no end; write filters with @ and positions from the start");
                }
            }
            Self::Form | Self::Multipart => {
                if record_is_body == Some(false) {
                    messages.push("the record of a form is the whole form; write `record: $`");
                }
                if holds || asks {
                    messages.push("filters and positions from an array's end are not for forms; select by names and positions from the start");
                }
            }
        }
        messages
            .into_iter()
            .map(|message| PlanFault {
                rule: None,
                message: message.to_owned(),
            })
            .collect()
    }
}

/// How rows of separated values are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    /// The byte between two values: a comma, semicolon, tab or vertical bar.
    pub separator: u8,
    /// How its characters are written; what leaves is UTF-8.
    pub charset: Charset,
    /// Where the columns' names come from.
    pub header: Header,
    /// What becomes of a row that is shorter than the header. A longer one always ends the body.
    pub ragged: Ragged,
    /// Whether values that a spreadsheet would take for a formula leave with an apostrophe before them.
    pub neutralise_formulas: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            separator: b',',
            charset: Charset::Utf8,
            header: Header::FirstRow,
            ragged: Ragged::Refuse,
            neutralise_formulas: false,
        }
    }
}

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// Windows code page 1252.
    Windows1252,
    /// UTF-16 with a byte order mark, or little-endian without one.
    Utf16,
}

/// Where the names of columns come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Header {
    /// The first row holds them.
    #[default]
    FirstRow,
    /// The body has none; these are its columns, from the first on.
    Named(Vec<String>),
}

/// What becomes of a row that is shorter than the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ragged {
    /// The body ends.
    #[default]
    Refuse,
    /// What it lacks is empty.
    Pad,
}

/// How selectors name XML's elements and attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xml {
    /// Prefixes of selectors and the namespaces they stand for; the empty prefix is for names without one. A name in
    /// a namespace that is not here is written `{namespace}name`.
    pub namespaces: Vec<(String, String)>,
}
