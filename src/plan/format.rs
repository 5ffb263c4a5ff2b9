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
//! | opaque | nothing: such a body is not looked into |

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
    /// Bytes that nothing is known of (PDF, an image): they pass whole, by an agreement that says so.
    Opaque(Opaque),
}

impl Format {
    /// The format's word, as agreements and messages have it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::JsonSequence => "json-seq",
            Self::EventStream => "event-stream",
            Self::Csv(csv) if csv.separator == b'\t' => "tsv",
            Self::Csv(_) => "csv",
            Self::Xml(_) => "xml",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Opaque(_) => "opaque",
        }
    }

    /// Whether a body that was cut off shows it: no beginning of one is another. So it is in JSON for everything but a
    /// number that stands alone, which could always have gone on.
    #[must_use]
    pub fn tells_its_end(&self) -> bool {
        match self {
            Self::Json | Self::Xml(_) | Self::Multipart => true,
            Self::Ndjson
            | Self::JsonSequence
            | Self::EventStream
            | Self::Csv(_)
            | Self::Form
            | Self::Opaque(_) => false,
        }
    }

    /// The media types of bodies in this format, lower case, without parameters, the most usual first.
    #[must_use]
    pub fn media_types(&self) -> Vec<&str> {
        match self {
            Self::Json => vec!["application/json"],
            // No registry has one for it; these are what services write.
            Self::Ndjson => vec![
                "application/x-ndjson",
                "application/ndjson",
                "application/jsonl",
                "application/json-lines",
                "application/x-jsonlines",
            ],
            Self::JsonSequence => vec!["application/json-seq"],
            Self::EventStream => vec!["text/event-stream"],
            Self::Csv(csv) if csv.separator == b'\t' => vec!["text/tab-separated-values"],
            Self::Csv(_) => vec!["text/csv"],
            Self::Xml(_) => vec!["application/xml", "text/xml"],
            Self::Form => vec!["application/x-www-form-urlencoded"],
            Self::Multipart => vec!["multipart/form-data"],
            Self::Opaque(opaque) => opaque.types.iter().map(String::as_str).collect(),
        }
    }

    /// Whether `essence`, a media type in lower case without parameters, is one of bodies in this format: one of
    /// [`Format::media_types`], or `application/` with a name of its own before the format's suffix (RFC 6839).
    #[must_use]
    pub fn has_media_type(&self, essence: &str) -> bool {
        let suffix = match self {
            Self::Json => "+json",
            Self::JsonSequence => "+json-seq",
            Self::Xml(_) => "+xml",
            Self::Ndjson
            | Self::EventStream
            | Self::Csv(_)
            | Self::Form
            | Self::Multipart
            | Self::Opaque(_) => return self.media_types().contains(&essence),
        };
        let named = essence
            .strip_prefix("application/")
            .and_then(|subtype| subtype.strip_suffix(suffix));
        named.is_some_and(|name| !name.is_empty()) || self.media_types().contains(&essence)
    }
}

impl Format {
    /// Whether its bodies are JSON documents, one or several.
    pub(super) fn is_json(&self) -> bool {
        match self {
            Self::Json | Self::Ndjson | Self::JsonSequence | Self::EventStream => true,
            Self::Csv(_) | Self::Xml(_) | Self::Form | Self::Multipart | Self::Opaque(_) => false,
        }
    }

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
            Self::Json | Self::Csv(_) | Self::Xml(_) | Self::Opaque(_) => {}
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

/// What is known of a body that is not looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque {
    /// The media types agreed, lower case, without parameters; at least one.
    pub types: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_of_one_format_alone() {
        let tabs = Csv {
            separator: b'\t',
            ..Csv::default()
        };
        let pdf = Opaque {
            types: vec!["application/pdf".to_owned()],
        };
        let formats = [
            Format::Json,
            Format::Ndjson,
            Format::JsonSequence,
            Format::EventStream,
            Format::Csv(Csv::default()),
            Format::Csv(tabs),
            Format::Xml(Xml::default()),
            Format::Form,
            Format::Multipart,
            Format::Opaque(pdf),
        ];
        for (essence, word) in [
            ("application/json", Some("json")),
            ("application/fhir+json", Some("json")),
            ("application/x-ndjson", Some("ndjson")),
            ("application/jsonl", Some("ndjson")),
            ("application/json-seq", Some("json-seq")),
            ("application/geo+json-seq", Some("json-seq")),
            ("text/event-stream", Some("event-stream")),
            ("text/csv", Some("csv")),
            ("text/tab-separated-values", Some("tsv")),
            ("application/xml", Some("xml")),
            ("text/xml", Some("xml")),
            ("application/soap+xml", Some("xml")),
            ("application/x-www-form-urlencoded", Some("form")),
            ("multipart/form-data", Some("multipart")),
            ("application/pdf", Some("opaque")),
            ("application/+json", None),
            ("text/json", None),
            ("text/html", None),
            ("image/svg+xml", None),
            ("multipart/mixed", None),
            ("application/pdf2", None),
            ("", None),
        ] {
            let found: Vec<&str> = formats
                .iter()
                .filter(|format| format.has_media_type(essence))
                .map(Format::word)
                .collect();
            assert_eq!(found, word.into_iter().collect::<Vec<_>>(), "{essence}");
        }
    }
}
