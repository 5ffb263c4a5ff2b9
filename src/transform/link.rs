//! Links rewritten by template (after RFC 6570, level 1): identifiers in them become tokens, and what no template
//! matches does not leave.
//!
//! A service's `"next": "http://care.internal/adults/9434765919/contacts?page=2"` says who is asked about, where the
//! service runs, and by which parameters it pages. A template says which of that may leave, and as what.

use super::text::{Characters, push_quoted, unescape};
use super::uri;
use super::{AgreementKeys, Mismatch, Prepared, Setting, Transform, TransformError};

/// How links leave: the first template that matches decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// At least one.
    pub templates: Vec<LinkTemplate>,
}

/// One form of link, and what it leaves as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplate {
    from: Vec<Piece>,
    to: Vec<Piece>,
    /// What becomes of each variable's value; `None` leaves it as it is.
    variables: Vec<(String, Option<Transform>)>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// The variable with this index.
    Variable(usize),
}

/// Why texts make no template. Says what to write instead, one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkError(pub String);

/// Bytes of a link: longer ones match no template.
const LINK_BYTES: usize = 8 << 10;

impl LinkTemplate {
    /// A template that matches `from`, a path with its query as the service writes it, and leaves as `to`, by default as
    /// it is matched. Both write variables as `{name}`; `variable` says what becomes of each: `None` for a name that it
    /// does not know, `Some(None)` for one whose value leaves as it is.
    ///
    /// # Errors
    /// If a variable has no rule, touches another, or stands in `to` alone.
    pub fn parse(
        from: &str,
        to: Option<&str>,
        mut variable: impl FnMut(&str) -> Option<Option<Transform>>,
    ) -> Result<Self, LinkError> {
        let mut variables = Vec::new();
        let parsed = pieces(from)?;
        let mut of_from = Vec::new();
        for piece in parsed {
            of_from.push(match piece {
                Written::Literal(text) => Piece::Literal(text),
                Written::Variable(name) => {
                    if variables.iter().any(|(other, _)| *other == name) {
                        return Err(LinkError(format!(
                            "{{{name}}} stands twice; give each variable its own name"
                        )));
                    }
                    let Some(rule) = variable(&name) else {
                        return Err(LinkError(format!(
                            "{{{name}}} has no rule; write under variables: for example {name}: keep"
                        )));
                    };
                    variables.push((name, rule));
                    Piece::Variable(variables.len() - 1)
                }
            });
        }
        let of_to = match to {
            None => of_from.clone(),
            Some(to) => pieces(to)?
                .into_iter()
                .map(|piece| match piece {
                    Written::Literal(text) => Ok(Piece::Literal(text)),
                    Written::Variable(name) => variables
                        .iter()
                        .position(|(other, _)| *other == name)
                        .map(Piece::Variable)
                        .ok_or_else(|| {
                            LinkError(format!(
                                "{{{name}}} is not in what the service writes; use its variables"
                            ))
                        }),
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            from: of_from,
            to: of_to,
            variables,
        })
    }

    /// What becomes of its variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<&Transform>)> {
        let variables = self.variables.iter();
        variables.map(|(name, transform)| (name.as_str(), transform.as_ref()))
    }

    /// Cuts `link` at this template: where each variable's value stands in it.
    fn matches<'a>(&self, link: &'a str, values: &mut [&'a str; VARIABLES]) -> bool {
        let mut rest = link;
        for (at, piece) in self.from.iter().enumerate() {
            match piece {
                Piece::Literal(text) => match rest.strip_prefix(text.as_str()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Piece::Variable(index) => {
                    let stop = match self.from.get(at + 1) {
                        Some(Piece::Literal(next)) => next.as_bytes().first().copied(),
                        Some(Piece::Variable(_)) | None => None,
                    };
                    let ends =
                        |byte: u8| matches!(byte, b'/' | b'?' | b'#' | b'&') || Some(byte) == stop;
                    let length = rest.bytes().position(ends).unwrap_or(rest.len());
                    if length == 0 {
                        return false;
                    }
                    let (value, after) = rest.split_at(length);
                    values[*index] = value;
                    rest = after;
                }
            }
        }
        rest.is_empty()
    }
}

/// Variables of one template.
const VARIABLES: usize = 8;

enum Written {
    Literal(String),
    Variable(String),
}

fn pieces(template: &str) -> Result<Vec<Written>, LinkError> {
    let fault = |text: &str| Err(LinkError(text.to_owned()));
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut count = 0;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}') else {
                return fault("a { without its }; a variable is written {person}");
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if name.is_empty() || !name.bytes().all(plain) {
                return fault(
                    "a variable's name is of letters, digits, _ and -, for example {person}",
                );
            }
            if matches!(pieces.last(), Some(Written::Variable(_))) {
                return fault("two variables with nothing between; no link says where one ends");
            }
            count += 1;
            if count > VARIABLES {
                return Err(LinkError(format!(
                    "a template has at most {VARIABLES} variables"
                )));
            }
            pieces.push(Written::Variable(name.to_owned()));
            rest = after;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            if !text.bytes().all(is_uri) {
                return fault(
                    "a link holds no white space, quotes or braces; write others percent-encoded",
                );
            }
            pieces.push(Written::Literal(text.to_owned()));
            rest = after;
        }
    }
    match pieces.first() {
        None => fault("a template for links is empty; write for example /adults/{person}"),
        Some(Written::Literal(text)) if authority(text) > 0 => fault(
            "a template is a path; scheme and host are left out, and of links they never leave",
        ),
        Some(Written::Literal(_) | Written::Variable(_)) => Ok(pieces),
    }
}

/// What a URI may hold (RFC 3986 §2).
fn is_uri(byte: u8) -> bool {
    uri::is_unreserved(byte) || b":/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Bytes of scheme and authority before a link's path (RFC 3986 §3); none of a relative one.
fn authority(link: &str) -> usize {
    let from = match link.find("//") {
        Some(0) => 2,
        Some(at) if link[..at].ends_with(':') && !link[..at].contains(['/', '?', '#']) => at + 2,
        Some(_) | None => return 0,
    };
    let path = link[from..].find(['/', '?', '#']);
    path.map_or(link.len(), |path| from + path)
}

/// A [`Link`] with its transforms ready.
#[derive(Clone)]
pub(super) struct Links(Box<[Ready]>);

#[derive(Clone)]
struct Ready {
    template: LinkTemplate,
    transforms: Box<[Option<Prepared>]>,
}

impl Links {
    pub(super) fn new(link: &Link, keys: Option<&AgreementKeys>) -> Result<Self, TransformError> {
        let ready = |template: &LinkTemplate| {
            let transforms = template.variables().map(|(_, transform)| {
                transform
                    .map(|transform| Prepared::new(transform, keys))
                    .transpose()
            });
            Ok(Ready {
                transforms: transforms.collect::<Result<_, TransformError>>()?,
                template: template.clone(),
            })
        };
        link.templates
            .iter()
            .map(ready)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether one of its transforms is as `asked` says.
    pub(super) fn any(&self, asked: impl Fn(&Prepared) -> bool) -> bool {
        let mut transforms = self
            .0
            .iter()
            .flat_map(|ready| ready.transforms.iter().flatten());
        transforms.any(asked)
    }

    /// Appends what the link in `inside`, the inside of a JSON string, becomes.
    pub(super) fn apply(
        &self,
        inside: &[u8],
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        if inside.len() > LINK_BYTES {
            return Err(Mismatch);
        }
        let mut room = setting.take_room();
        room.clear();
        let before = out.len();
        let made = self.rewrite(inside, &mut room, setting, out);
        setting.give_room(room);
        if made.is_err() {
            out.truncate(before);
        }
        made
    }

    fn rewrite(
        &self,
        inside: &[u8],
        room: &mut Room,
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        unescape(inside, &mut room.text);
        let link = str::from_utf8(&room.text).map_err(|_| Mismatch)?;
        if !link.bytes().all(is_uri) {
            return Err(Mismatch);
        }
        let link = &link[authority(link)..];
        let mut values = [""; VARIABLES];
        let ready = self
            .0
            .iter()
            .find(|ready| ready.template.matches(link, &mut values))
            .ok_or(Mismatch)?;
        out.push(b'"');
        for piece in &ready.template.to {
            match piece {
                // Nothing in a URI's characters needs an escape.
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Variable(index) => {
                    let value = values[*index];
                    match &ready.transforms[*index] {
                        None => out.extend_from_slice(value.as_bytes()),
                        Some(transform) => {
                            room.value.clear();
                            room.made.clear();
                            percent_decoded(value, &mut room.decoded)?;
                            let text = str::from_utf8(&room.decoded).map_err(|_| Mismatch)?;
                            push_quoted(text, &mut room.value);
                            transform.apply(&room.value, setting, &mut room.made)?;
                            percent_encode(&room.made, out);
                        }
                    }
                }
            }
        }
        out.push(b'"');
        Ok(())
    }
}

/// Room for what a rewriting makes on the way, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Room {
    text: Vec<u8>,
    decoded: Vec<u8>,
    value: Vec<u8>,
    made: Vec<u8>,
}

impl Room {
    fn clear(&mut self) {
        self.text.clear();
    }
}

/// Puts what `value` is once percent-decoded (RFC 3986 §2.1) into `decoded`.
fn percent_decoded(value: &str, decoded: &mut Vec<u8>) -> Result<(), Mismatch> {
    decoded.clear();
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = rest.split_at_checked(2).ok_or(Mismatch)?;
        decoded.push(uri::octet(digits.0[0], digits.0[1]).ok_or(Mismatch)?);
        rest = digits.1;
    }
    Ok(())
}

/// Appends the text of `json`, a string or another single value, with all but RFC 3986's unreserved characters
/// percent-encoded.
fn percent_encode(json: &[u8], out: &mut Vec<u8>) {
    let inside = match json {
        [b'"', inside @ .., b'"'] => inside,
        other => other,
    };
    for character in Characters::new(inside) {
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            out.extend_from_slice(uri::encoded(byte, &mut [0; 3]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::RootKey;

    fn template(from: &str, to: Option<&str>) -> Result<LinkTemplate, LinkError> {
        LinkTemplate::parse(from, to, |name| match name {
            "person" => Some(Some(Transform::Mask {
                keep_first: 0,
                keep_last: 2,
                skip: String::new(),
                with: '*',
            })),
            "page" => Some(None),
            _ => None,
        })
    }

    fn rewritten(templates: &[(&str, Option<&str>)], link: &str) -> Option<String> {
        let link_of = Link {
            templates: templates
                .iter()
                .map(|(from, to)| template(from, *to).unwrap())
                .collect(),
        };
        let keys = RootKey::from_bytes([1; 32]).agreement("a", 1);
        let links = Links::new(&link_of, Some(&keys)).unwrap();
        let mut quoted = Vec::new();
        push_quoted(link, &mut quoted);
        let mut out = b"before".to_vec();
        let made = links.apply(
            &quoted[1..quoted.len() - 1],
            &mut Setting::default(),
            &mut out,
        );
        let made_text = String::from_utf8(out).unwrap();
        match made {
            Ok(()) => Some(serde_json::from_str(&made_text["before".len()..]).unwrap()),
            Err(Mismatch) => {
                assert_eq!(made_text, "before");
                None
            }
        }
    }

    #[test]
    fn identifiers_in_links_become_what_their_rule_makes_of_them() {
        let contacts = [("/adults/{person}/contacts?page={page}", None)];
        /// Templates, a link, and what it leaves as.
        type Row<'a> = (&'a [(&'a str, Option<&'a str>)], &'a str, &'a str);
        let rows: &[Row<'_>] = &[
            (
                &contacts,
                "/adults/9434765919/contacts?page=2",
                "/adults/%2A%2A%2A%2A%2A%2A%2A%2A19/contacts?page=2",
            ),
            (
                &contacts,
                "http://care.internal:8080/adults/ab/contacts?page=2",
                "/adults/%2A%2A/contacts?page=2",
            ),
            (
                &contacts,
                "//care.internal/adults/abc/contacts?page=2",
                "/adults/%2Abc/contacts?page=2",
            ),
            // Percent-encoded as people write it, and decoded before it is anything.
            (
                &contacts,
                "/adults/%61%62%63/contacts?page=2",
                "/adults/%2Abc/contacts?page=2",
            ),
            (
                &[("/api/v2/adults/{person}", Some("/adults/{person}/all"))],
                "/api/v2/adults/abc",
                "/adults/%2Abc/all",
            ),
            (
                &[("Patient/{person}", None)],
                "https://fhir.internal/Patient/abc",
                "",
            ),
            (
                &[("Patient/{person}", None), ("/Patient/{person}", None)],
                "https://fhir.internal/Patient/abc",
                "/Patient/%2Abc",
            ),
            (
                &[("Patient/{person}", None)],
                "Patient/abc",
                "Patient/%2Abc",
            ),
            (
                &[("urn:nhs:{person}", None)],
                "urn:nhs:abc",
                "urn:nhs:%2Abc",
            ),
            (&[("/a/{person}-{page}", None)], "/a/abc-7", "/a/%2Abc-7"),
            (&[("?page={page}", None)], "http://h?page=7", "?page=7"),
        ];
        for (templates, link, expected) in rows {
            let expected = Some(*expected).filter(|text| !text.is_empty());
            assert_eq!(rewritten(templates, link).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn p1_a_link_that_no_template_matches_does_not_leave() {
        let templates = [("/adults/{person}/contacts?page={page}", None)];
        for link in [
            "",
            "/adults/abc/contacts",
            "/adults//contacts?page=2",
            "/adults/abc/contacts?page=2&nhs=9434765919",
            "/adults/abc/contacts?page=2#9434765919",
            "/adults/abc/def/contacts?page=2",
            "/adults/abc/contacts?page=",
            "/adults/%zz/contacts?page=2",
            "/adults/%ff/contacts?page=2",
            "/adults/abc/contacts?page=2 9434765919",
            "x/adults/abc/contacts?page=2",
            "/x//h/adults/abc/contacts?page=2",
            &format!("/adults/{}/contacts?page=2", "a".repeat(LINK_BYTES)),
        ] {
            assert_eq!(rewritten(&templates, link), None, "{link}");
        }
    }

    #[test]
    fn a_template_that_could_be_read_in_two_ways_is_refused() {
        for (from, to) in [
            ("", None),
            ("/{person}{page}", None),
            ("/{person}/{person}", None),
            ("/{who}", None),
            ("/{person", None),
            ("/{}", None),
            ("/a b", None),
            ("http://h/{person}", None),
            ("//h/{person}", None),
            ("/{person}", Some("/{page}")),
        ] {
            assert!(template(from, to).is_err(), "{from} {to:?}");
        }
    }
}
