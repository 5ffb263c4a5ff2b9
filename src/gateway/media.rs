//! Whether a body is labelled as what the rules are for. The one `Content-Type` says what a body is, and the
//! disclosure what was agreed; bytes are never looked at to find out.
//!
//! | agreed format | media types ([`Format::has_media_type`]) | parameters that must fit | told to who gets it |
//! | --- | --- | --- | --- |
//! | json, ndjson, json-seq, event-stream, xml, form | theirs | `charset`: UTF-8 | the type |
//! | csv | `text/csv` | `charset`: as agreed; `header`: as agreed | the type in UTF-8 |
//! | tsv | `text/tab-separated-values` | `charset`: as agreed | the type in UTF-8 |
//! | multipart | `multipart/form-data` | `boundary`: there; `charset`: UTF-8 | the type with its boundary |
//! | opaque | those agreed | none | the type |
//!
//! A parameter that need not be there is taken as agreed where it is not; others are left behind.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::encoding::Coding;
use crate::plan::{Charset, Format, Header};

/// The longest media type that is passed on.
const ESSENCE_BYTES: usize = 100;

/// More parameters than any type has.
const PARAMETERS: usize = 16;

/// The longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_BYTES: usize = 70;

/// The label of a body that is labelled as agreed.
#[derive(Debug)]
pub(crate) struct Label {
    /// The label of what leaves.
    pub(crate) told: HeaderValue,
    /// The boundary of a multipart body; empty for others.
    pub(crate) boundary: String,
    /// The content coding that the body came in, if it came in one.
    pub(crate) coding: Option<Coding>,
}

/// The label, if the one `Content-Type` says that the body is in `format`; without its coding.
pub(crate) fn label(headers: &HeaderMap, format: &Format) -> Option<Label> {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    if *format == Format::Json && *value == JSON {
        return Some(Label {
            told: JSON,
            boundary: String::new(),
            coding: None,
        });
    }
    let media = MediaType::parse(value.to_str().ok()?)?;
    if media.essence.len() > ESSENCE_BYTES || !format.has_media_type(&media.essence) {
        return None;
    }
    let charset = match format {
        Format::Csv(csv) => charset_name(csv.charset),
        Format::Json
        | Format::Ndjson
        | Format::JsonSequence
        | Format::EventStream
        | Format::Xml(_)
        | Format::Form
        | Format::Multipart
        | Format::Opaque(_) => charset_name(Charset::Utf8),
    };
    let in_charset = media
        .parameter("charset")
        .is_none_or(|value| value.eq_ignore_ascii_case(charset));
    let mut boundary = String::new();
    let (fits, told) = match format {
        Format::Json
        | Format::Ndjson
        | Format::JsonSequence
        | Format::EventStream
        | Format::Xml(_)
        | Format::Form => (in_charset, media.essence.clone()),
        Format::Csv(csv) => {
            let header = match csv.header {
                Header::FirstRow => "present",
                Header::Named(_) => "absent",
            };
            // Tabs have no such parameter; where it stands all the same it must not say something else.
            let has_header = media
                .parameter("header")
                .is_none_or(|value| value.eq_ignore_ascii_case(header));
            let told = format!("{}; charset=utf-8", media.essence);
            (in_charset && has_header, told)
        }
        Format::Multipart => {
            media.parameter("boundary")?.clone_into(&mut boundary);
            // In quotes whatever it is: some of its characters need them, none ends them.
            let told = format!("{}; boundary=\"{boundary}\"", media.essence);
            (in_charset && is_boundary(&boundary), told)
        }
        // Of a body that is not looked into nothing is known that a parameter could be held against.
        Format::Opaque(_) => (media.parameters.is_empty(), media.essence.clone()),
    };
    let told = HeaderValue::from_str(&told).ok()?;
    fits.then_some(Label {
        told,
        boundary,
        coding: None,
    })
}

/// The types that the service is asked for.
pub(crate) fn accept(format: &Format) -> HeaderValue {
    HeaderValue::from_str(&format.media_types().join(", "))
        .expect("the forms of media types have only characters that a header may have")
}

/// The label that bodies in `format` are to have, for who sends another.
pub(crate) fn wanted(format: &Format) -> String {
    let types = format.media_types().join(" or ");
    match format {
        Format::Csv(csv) => format!("{types}; charset={}", charset_name(csv.charset)),
        Format::Multipart => format!("{types} with its boundary"),
        Format::Json
        | Format::Ndjson
        | Format::JsonSequence
        | Format::EventStream
        | Format::Xml(_)
        | Format::Form
        | Format::Opaque(_) => types,
    }
}

/// The charset's name in labels.
fn charset_name(charset: Charset) -> &'static str {
    match charset {
        Charset::Utf8 => "utf-8",
        Charset::Windows1252 => "windows-1252",
        Charset::Utf16 => "utf-16",
    }
}

/// RFC 2046 §5.1.1: 1 to 70 characters of a small set, the last no space.
fn is_boundary(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=BOUNDARY_BYTES).contains(&text.len()) && text.bytes().all(allowed) && !text.ends_with(' ')
}

/// A media type (RFC 9110 §8.3.1), taken apart.
struct MediaType {
    /// Type and subtype, lower case.
    essence: String,
    /// Names in lower case, each once, and values without their quotes.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Takes `text` apart; `None` if it is not one media type, or names a parameter twice: two answers to one
    /// question.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(SPACE);
        let (essence, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let (kind, subtype) = essence.trim_end_matches(SPACE).split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            let after = after.trim_start_matches(SPACE);
            if after.is_empty() || after.starts_with(';') {
                rest = after;
                continue;
            }
            let (name, value) = after.split_once('=')?;
            let name = name.to_ascii_lowercase();
            let known = parameters.iter().any(|(known, _)| *known == name);
            if !is_token(&name) || known || parameters.len() == PARAMETERS {
                return None;
            }
            let (value, after) = match value.strip_prefix('"') {
                Some(quoted) => unquote(quoted)?,
                None => {
                    let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
                    let (value, after) = value.split_at(end);
                    if !is_token(value) {
                        return None;
                    }
                    (value.to_owned(), after)
                }
            };
            parameters.push((name, value));
            rest = after.trim_start_matches(SPACE);
        }
        rest.is_empty().then(|| Self {
            essence: format!("{kind}/{subtype}").to_ascii_lowercase(),
            parameters,
        })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

const SPACE: [char; 2] = [' ', '\t'];

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The text of a quoted string (RFC 9110 §5.6.4) whose first quote is taken away, and what follows it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(characters.next()?.1),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Csv, Opaque, Xml};

    fn label_of(format: &Format, values: &[&'static str]) -> Option<Label> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        label(&headers, format)
    }

    /// Each row: a `Content-Type` and what is told, if it is taken.
    fn check(format: &Format, rows: &[(&'static str, Option<&str>)]) {
        for (value, told) in rows {
            let found = label_of(format, &[value]);
            assert_eq!(
                found.as_ref().map(|label| label.told.to_str().unwrap()),
                *told,
                "{value:?} for {format:?}"
            );
            assert!(
                label_of(format, &[value, value]).is_none(),
                "{value:?} twice for {format:?}"
            );
        }
        for value in ["", "/", "text", "text/html", "*/*", "application/*"] {
            assert!(
                label_of(format, &[value]).is_none(),
                "{value:?} for {format:?}"
            );
        }
        assert!(label_of(format, &[]).is_none(), "no label for {format:?}");
    }

    #[test]
    fn json_in_utf8_once_and_nothing_else() {
        let json = Some("application/json");
        check(
            &Format::Json,
            &[
                ("application/json", json),
                ("Application/JSON", json),
                ("application/json; charset=utf-8", json),
                ("application/json;charset=\"UTF-8\"", json),
                ("application/json ; charset=\"utf\\-8\" ; x=y", json),
                ("application/json;", json),
                ("application/json;; charset=utf-8;", json),
                (
                    "application/fhir+json; fhirVersion=4.0",
                    Some("application/fhir+json"),
                ),
                ("application/json; profile=\"a, b; charset=utf-16\"", json),
                ("application/json; charset=utf-16", None),
                ("application/json; charset=", None),
                ("application/json; charset", None),
                ("application/json; charset =utf-8", None),
                ("application/json; charset= utf-8", None),
                ("application/json; charset=utf-8 x", None),
                ("application/json; charset=utf-8, text/html", None),
                ("application/json; charset=utf-8; charset=utf-8", None),
                ("application/json; charset=utf-8; CHARSET=utf-16", None),
                ("application/json; charset=\"utf-8", None),
                ("application/json; charset=\"utf-8\"x", None),
                ("application/json, application/json", None),
                ("application/json, text/html", None),
                ("application/json x", None),
                ("text/json", None),
                ("application/x-ndjson", None),
                ("application/+json", None),
                ("application/a b+json", None),
                ("application/a/b+json", None),
                ("application/xml", None),
            ],
        );
        let long = format!("application/{}+json", "a".repeat(100));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&long).unwrap());
        assert!(label(&headers, &Format::Json).is_none());
        let many = format!(
            "application/json{}",
            (0..20).map(|n| format!("; p{n}=1")).collect::<String>()
        );
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&many).unwrap());
        assert!(label(&headers, &Format::Json).is_none());
    }

    #[test]
    fn lines_sequences_events_xml_and_forms_in_utf8() {
        let ndjson = Some("application/x-ndjson");
        check(
            &Format::Ndjson,
            &[
                ("application/x-ndjson", ndjson),
                ("application/x-ndjson; charset=UTF-8", ndjson),
                ("application/ndjson", Some("application/ndjson")),
                ("application/jsonl", Some("application/jsonl")),
                ("application/x-ndjson; charset=latin1", None),
                ("application/json", None),
                ("text/x-ndjson", None),
            ],
        );
        check(
            &Format::JsonSequence,
            &[
                ("application/json-seq", Some("application/json-seq")),
                ("application/geo+json-seq", Some("application/geo+json-seq")),
                ("application/json", None),
            ],
        );
        check(
            &Format::EventStream,
            &[
                ("text/event-stream;charset=utf-8", Some("text/event-stream")),
                ("text/event-stream; charset=utf-16", None),
                ("application/json", None),
            ],
        );
        check(
            &Format::Xml(Xml::default()),
            &[
                ("application/xml", Some("application/xml")),
                ("text/xml; charset=\"utf-8\"", Some("text/xml")),
                (
                    "application/soap+xml; action=\"urn:a\"",
                    Some("application/soap+xml"),
                ),
                ("application/xml; charset=iso-8859-1", None),
                ("image/svg+xml", None),
                ("application/json", None),
            ],
        );
        let form = Some("application/x-www-form-urlencoded");
        check(
            &Format::Form,
            &[
                ("application/x-www-form-urlencoded", form),
                ("application/x-www-form-urlencoded; charset=UTF-8", form),
                ("application/x-www-form-urlencoded; charset=latin1", None),
                ("multipart/form-data; boundary=x", None),
            ],
        );
    }

    #[test]
    fn rows_with_the_charset_and_the_header_that_were_agreed() {
        let told = Some("text/csv; charset=utf-8");
        check(
            &Format::Csv(Csv::default()),
            &[
                ("text/csv", told),
                ("text/csv; charset=utf-8; header=present", told),
                ("text/csv; header=absent", None),
                ("text/csv; header=maybe", None),
                ("text/csv; charset=windows-1252", None),
                ("text/tab-separated-values", None),
                ("application/csv", None),
            ],
        );
        let old = Csv {
            charset: Charset::Windows1252,
            header: Header::Named(vec!["a".to_owned()]),
            ..Csv::default()
        };
        check(
            &Format::Csv(old),
            &[
                ("text/csv", told),
                ("text/csv; charset=Windows-1252; header=absent", told),
                ("text/csv; header=present", None),
                ("text/csv; charset=utf-8", None),
                ("text/csv; charset=iso-8859-1", None),
            ],
        );
        let tabs = Csv {
            separator: b'\t',
            charset: Charset::Utf16,
            ..Csv::default()
        };
        let told = Some("text/tab-separated-values; charset=utf-8");
        check(
            &Format::Csv(tabs),
            &[
                ("text/tab-separated-values", told),
                ("text/tab-separated-values; charset=utf-16", told),
                ("text/tab-separated-values; charset=utf-8", None),
                ("text/csv", None),
            ],
        );
    }

    #[test]
    fn multipart_with_one_boundary_that_is_handed_on() {
        check(
            &Format::Multipart,
            &[
                (
                    "multipart/form-data; boundary=--x1",
                    Some("multipart/form-data; boundary=\"--x1\""),
                ),
                (
                    "Multipart/Form-Data; Boundary=\"a, b:c\"",
                    Some("multipart/form-data; boundary=\"a, b:c\""),
                ),
                ("multipart/form-data", None),
                ("multipart/form-data; boundary=", None),
                ("multipart/form-data; boundary=\"\"", None),
                ("multipart/form-data; boundary=\"a \"", None),
                ("multipart/form-data; boundary=\"a\\\"b\"", None),
                ("multipart/form-data; boundary=a; boundary=b", None),
                ("multipart/form-data; boundary=a, b", None),
                ("multipart/form-data; boundary=a; charset=latin1", None),
                ("multipart/mixed; boundary=a", None),
            ],
        );
        let label = label_of(
            &Format::Multipart,
            &["multipart/form-data; boundary=\"a:b\""],
        );
        assert_eq!(label.unwrap().boundary, "a:b");
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(&long).unwrap());
        assert!(super::label(&headers, &Format::Multipart).is_none());
    }

    #[test]
    fn opaque_bodies_with_exactly_the_types_agreed() {
        let opaque = Format::Opaque(Opaque {
            types: vec!["application/pdf".to_owned(), "image/png".to_owned()],
        });
        check(
            &opaque,
            &[
                ("application/pdf", Some("application/pdf")),
                ("Image/PNG", Some("image/png")),
                ("application/pdf; name=\"letter of A. Walker\"", None),
                ("application/pdf; charset=utf-8", None),
                ("image/jpeg", None),
                ("application/json", None),
                ("application/octet-stream", None),
            ],
        );
        assert_eq!(accept(&opaque), "application/pdf, image/png");
    }
}
