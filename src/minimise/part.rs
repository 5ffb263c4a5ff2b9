//! The head of a part of a multipart form (RFC 7578 §4): its name and its kind, and nothing that two readers could
//! read in two ways.

use super::members::Broken;
use super::{BodyFault, Limits};

/// Bytes of one part's head. Browsers write some hundred.
const HEAD_BYTES: usize = 8 << 10;

/// What a part is, as far as its head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    /// A file, of another type, or no form's part at all.
    Foreign,
}

/// The head of the part in hand.
#[derive(Debug)]
pub(super) struct Head {
    name_bytes: usize,
    /// How much of it has come.
    length: usize,
    line: Vec<u8>,
    line_at: u64,
    disposition: Option<Disposition>,
    kind: Option<Kind>,
    encoded: bool,
}

#[derive(Debug)]
struct Disposition {
    /// A name in a form, and where it stands.
    name: Option<(String, u64)>,
    /// It is another thing than a form's field: a file, or not in a form.
    foreign: bool,
}

impl Head {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            name_bytes: limits.name_bytes,
            length: 0,
            line: Vec::new(),
            line_at: 0,
            disposition: None,
            kind: None,
            encoded: false,
        }
    }

    /// A head starts at `at`.
    pub(super) fn starts(&mut self, at: u64) {
        self.length = 0;
        self.line.clear();
        self.line_at = at;
        self.disposition = None;
        self.kind = None;
        self.encoded = false;
    }

    /// The part's name, and where it stands.
    pub(super) fn name(&self) -> Option<(&str, u64)> {
        let name = self.disposition.as_ref()?.name.as_ref();
        name.map(|(name, at)| (name.as_str(), *at))
    }

    /// What the part is. Without a type it is text.
    pub(super) fn kind(&self) -> Kind {
        match &self.disposition {
            Some(disposition) if !disposition.foreign => self.kind.unwrap_or(Kind::Text),
            Some(_) | None => Kind::Foreign,
        }
    }

    /// Takes a byte: whether it is the head's last.
    pub(super) fn take(&mut self, byte: u8, at: u64) -> Result<bool, Broken> {
        if self.length == HEAD_BYTES {
            return Err((BodyFault::HeldTooLarge, at));
        }
        self.length += 1;
        let returned = self.line.last() == Some(&b'\r');
        let fits = match byte {
            b'\n' => returned,
            b'\r' => !returned,
            // A line that starts with white space would go on with the one before.
            b' ' | b'\t' => !returned && !self.line.is_empty(),
            _ => !returned && !byte.is_ascii_control(),
        };
        if !fits {
            return Err((BodyFault::Malformed, at));
        }
        if byte != b'\n' {
            self.line.push(byte);
            return Ok(false);
        }
        self.line.pop();
        if self.line.is_empty() {
            return Ok(true);
        }
        let line = std::mem::take(&mut self.line);
        self.line(&line)?;
        self.line = line;
        self.line.clear();
        self.line_at = at + 1;
        Ok(false)
    }

    /// A line is whole.
    fn line(&mut self, line: &[u8]) -> Result<(), Broken> {
        let at = self.line_at;
        let malformed = (BodyFault::Malformed, at);
        let line = std::str::from_utf8(line)
            .map_err(|error| (BodyFault::NotUtf8, at + error.valid_up_to() as u64))?;
        let (field, value) = line
            .split_once(':')
            .filter(|(field, _)| is_token(field))
            .ok_or(malformed)?;
        let value_at = at + field.len() as u64 + 1;
        let twice = if field.eq_ignore_ascii_case("content-disposition") {
            let disposition = self.disposition(value, value_at)?;
            self.disposition.replace(disposition).is_some()
        } else if field.eq_ignore_ascii_case("content-type") {
            let kind = content_kind(value).ok_or(malformed)?;
            self.kind.replace(kind).is_some()
        } else if field.eq_ignore_ascii_case("content-transfer-encoding") {
            let plain = ["7bit", "8bit", "binary"]
                .iter()
                .any(|plain| value.trim_matches(WHITE).eq_ignore_ascii_case(plain));
            if !plain {
                return Err(malformed);
            }
            std::mem::replace(&mut self.encoded, true)
        } else {
            // Other fields say nothing of what a part is, and stay.
            false
        };
        if twice { Err(malformed) } else { Ok(()) }
    }

    /// Reads a `Content-Disposition`, which stands at `at` in the body.
    fn disposition(&self, value: &str, at: u64) -> Result<Disposition, Broken> {
        let malformed = (BodyFault::Malformed, self.line_at);
        let (kind, parameters) = parameters(value).ok_or(malformed)?;
        let mut name = None;
        let mut foreign = !kind.eq_ignore_ascii_case("form-data");
        for (parameter, text, place) in parameters {
            if parameter.eq_ignore_ascii_case("name") {
                // Who writes `%22` may mean a quotation mark, or these three characters.
                let lower = text.to_ascii_lowercase();
                let doubtful = ["%22", "%0d", "%0a"]
                    .iter()
                    .any(|code| lower.contains(code));
                if doubtful || name.is_some() {
                    return Err(malformed);
                }
                let place = at + place as u64;
                if text.len() > self.name_bytes {
                    return Err((BodyFault::NameTooLong, place + self.name_bytes as u64));
                }
                name = Some((text.to_owned(), place));
            } else if parameter.eq_ignore_ascii_case("name*") {
                return Err(malformed);
            } else if parameter.eq_ignore_ascii_case("filename")
                || parameter.eq_ignore_ascii_case("filename*")
            {
                foreign = true;
            }
        }
        Ok(Disposition { name, foreign })
    }
}

/// The white space of a header's line.
const WHITE: [char; 2] = [' ', '\t'];

/// What a part of this `Content-Type` is; nothing for a type that is none, or of several parts itself.
fn content_kind(value: &str) -> Option<Kind> {
    let (essence, parameters) = parameters(value)?;
    let (kind, subtype) = essence.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) || kind.eq_ignore_ascii_case("multipart") {
        return None;
    }
    let mut charset = None;
    for (parameter, text, _) in parameters {
        if parameter.eq_ignore_ascii_case("charset") && charset.replace(text).is_some() {
            return None;
        }
    }
    if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return Some(Kind::Foreign);
    }
    let essence = essence.to_ascii_lowercase();
    let json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    Some(if json {
        Kind::Json
    } else if essence == "text/plain" {
        Kind::Text
    } else {
        Kind::Foreign
    })
}

/// A parameter: its name, its value, and where that starts in the whole.
type Parameter<'a> = (&'a str, &'a str, usize);

/// What stands before the first semicolon, and the parameters behind it (RFC 9110 §5.6.6). A backslash in a value is
/// refused: readers differ on what it means.
fn parameters(value: &str) -> Option<(&str, Vec<Parameter<'_>>)> {
    let place = |part: &str| part.as_ptr() as usize - value.as_ptr() as usize;
    let (first, mut rest) = match value.split_once(';') {
        Some((first, rest)) => (first, Some(rest)),
        None => (value, None),
    };
    let mut parameters = Vec::new();
    while let Some(text) = rest {
        let (name, text) = text.trim_start_matches(WHITE).split_once('=')?;
        if !is_token(name) {
            return None;
        }
        let (text, behind) = match text.strip_prefix('"') {
            Some(quoted) => {
                let (inside, behind) = quoted.split_once('"')?;
                if inside.contains('\\') {
                    return None;
                }
                (inside, behind)
            }
            None => {
                let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
                let (token, behind) = text.split_at(end);
                if !is_token(token) {
                    return None;
                }
                (token, behind)
            }
        };
        parameters.push((name, text, place(text)));
        let behind = behind.trim_start_matches(WHITE);
        rest = match behind.strip_prefix(';') {
            Some(rest) => Some(rest),
            None if behind.is_empty() => None,
            None => return None,
        };
    }
    let first = first.trim_matches(WHITE);
    (!first.is_empty()).then_some((first, parameters))
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_says_what_a_part_is() {
        for (value, kind) in [
            ("text/plain", Some(Kind::Text)),
            (" TEXT/Plain ; charset=UTF-8", Some(Kind::Text)),
            ("text/plain;charset=\"utf-8\"", Some(Kind::Text)),
            ("text/plain; charset=iso-8859-1", Some(Kind::Foreign)),
            ("text/plain; charset=utf-8; charset=utf-7", None),
            ("application/json", Some(Kind::Json)),
            ("application/fhir+json; fhirVersion=4.0", Some(Kind::Json)),
            ("application/json; charset=utf-16", Some(Kind::Foreign)),
            ("image/svg+json", Some(Kind::Foreign)),
            ("text/html", Some(Kind::Foreign)),
            ("application/octet-stream", Some(Kind::Foreign)),
            ("multipart/mixed; boundary=b", None),
            ("text", None),
            ("", None),
            ("text/plain;", None),
            ("text/plain; charset", None),
            ("text/plain; charset=", None),
            ("text/plain; charset=\"utf-8", None),
            ("text/plain; charset=\"utf\\-8\"", None),
            ("text/plain; charset=\"utf-8\" x", None),
            ("text plain/x", None),
        ] {
            assert_eq!(content_kind(value), kind, "{value}");
        }
    }
}
