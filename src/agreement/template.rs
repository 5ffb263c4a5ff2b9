//! Path templates: `/adults/{person}/contacts`, and the paths that they match.
//!
//! A path is compared segment by segment, after decoding what RFC 3986 §6.2.2.2 says means the same:
//! percent-encoded unreserved characters. Whatever two readers could take for two different paths
//! (dot segments, empty segments, encoded slashes, parameters after `;`) is no path at all: it is never
//! repaired, so the gateway and the service cannot differ about what was asked.

use std::borrow::Cow;

use crate::transform::uri;

/// Segments of one template. Requests with more match none.
const SEGMENTS: usize = 32;

/// A path with variables, each of which takes one whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// This text, as [`normal`] gives it.
    Literal(String),
    /// Any one segment, under this name.
    Variable(String),
}

/// Why a text is no path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl PathTemplate {
    /// Parses `text`.
    ///
    /// # Errors
    /// If it does not start with `/`, or a `{variable}` is not a whole segment, or stands twice.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let fault = |message: String| Err(TemplateError(message));
        let Some(rest) = text.strip_prefix('/') else {
            return fault("a path starts with /, for example /adults/{person}".to_owned());
        };
        let mut segments = Vec::new();
        for part in rest.split('/').filter(|_| !rest.is_empty()) {
            if segments.len() == SEGMENTS {
                return fault(format!("a path has at most {SEGMENTS} segments"));
            }
            if let Some(name) = part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                if !is_variable_name(name) {
                    return fault(format!(
                        "`{part}` is not a variable; write letters, digits, _ and - in the braces, for example {{person}}"
                    ));
                }
                if segments
                    .iter()
                    .any(|segment| matches!(segment, Segment::Variable(other) if other == name))
                {
                    return fault(format!(
                        "`{part}` stands twice; give each variable its own name"
                    ));
                }
                segments.push(Segment::Variable(name.to_owned()));
            } else if part.is_empty() {
                return fault(
                    "an empty segment; leave out the second / or the one at the end".to_owned(),
                );
            } else if part.contains(['{', '}']) {
                return fault(format!(
                    "`{part}`: a variable takes a whole segment, for example /adults/{{person}}"
                ));
            } else {
                match normal(part) {
                    Some(literal) => segments.push(Segment::Literal(literal.into_owned())),
                    None => {
                        return fault(format!(
                            "`{part}` is not a segment that a path may have; write letters, digits and - . _ ~, and no . or .. alone"
                        ));
                    }
                }
            }
        }
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its variables, in their order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The path with each variable's value in its place, percent-encoded as [`PathTemplate::variables_of`] gives it.
    ///
    /// # Panics
    /// If `variables` lacks one of the template's. A [`super::Permit`]'s variables have all of its
    /// disclosure's paths: loading has checked that.
    #[must_use]
    pub fn fill(&self, variables: &[(String, String)]) -> String {
        if self.segments.is_empty() {
            return "/".to_owned();
        }
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Variable(name) => variables
                    .iter()
                    .find_map(|(variable, value)| (variable == name).then_some(value.as_str()))
                    .expect("a service's path has only variables of the request's path"),
            });
        }
        path
    }

    /// The values that `path`, as it came, gives the template's variables: each percent-encoded in the one form that it
    /// has. `None` where the path is another, or one that two readers could take for two.
    #[must_use]
    pub fn variables_of(&self, path: &str) -> Option<Vec<(String, String)>> {
        let asked = segments(path)?;
        let same = asked.len() == self.segments.len()
            && self
                .segments
                .iter()
                .zip(&asked)
                .all(|(segment, asked)| match segment {
                    Segment::Literal(text) => *text == *asked.normal,
                    Segment::Variable(_) => true,
                });
        same.then(|| values(&self.places(), &asked))
    }

    /// At which segments its variables stand, and their names.
    pub(super) fn places(&self) -> Vec<(usize, String)> {
        let segments = self.segments.iter().enumerate();
        segments
            .filter_map(|(place, segment)| match segment {
                Segment::Variable(name) => Some((place, name.clone())),
                Segment::Literal(_) => None,
            })
            .collect()
    }

    /// Its segments; none for `/`.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// The values that `path` gives a template's variables, which stand at `places`.
pub(super) fn values(places: &[(usize, String)], path: &[Asked<'_>]) -> Vec<(String, String)> {
    let values = places.iter().map(|(place, name)| {
        let value = path[*place].normal.clone();
        (name.clone(), value.into_owned())
    });
    values.collect()
}

fn is_variable_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// One segment of a request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    /// In the one form that it has: what is compared, and what the service gets.
    pub(super) normal: Cow<'a, str>,
}

/// The segments of a request's path, or `None` for a path that two readers could take for two.
pub(super) fn segments(path: &str) -> Option<Vec<Asked<'_>>> {
    let rest = path.strip_prefix('/')?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    rest.split('/')
        .take(SEGMENTS + 1)
        .map(|raw| normal(raw).map(|normal| Asked { normal }))
        .collect::<Option<Vec<_>>>()
        .filter(|segments| segments.len() <= SEGMENTS)
}

/// A segment as it is compared, [`uri::normal`]; it is decoded nowhere else. `None` if it is empty, a dot segment, or
/// holds what a path may not hold.
fn normal(segment: &str) -> Option<Cow<'_, str>> {
    let text = uri::normal(segment, uri::is_path_byte)?;
    let has_refused = |text: &str| REFUSED.iter().any(|code| text.contains(code));
    let refused = text.is_empty() || is_dots(&text) || (text.contains('%') && has_refused(&text));
    (!refused).then_some(text)
}

fn is_dots(segment: &str) -> bool {
    segment == "." || segment == ".."
}

/// What may not stand in a segment even encoded: the separators, which a service that decodes before it splits would act
/// on, and `%`, which one that decodes twice would.
const REFUSED: [&str; 4] = ["%2F", "%5C", "%3B", "%25"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_parsed_or_refused_with_what_to_write() {
        for (text, fault) in [
            ("/", None),
            ("/adults", None),
            ("/adults/{person}/contacts", None),
            ("/a%20b", None),
            ("adults", Some("starts with /")),
            ("", Some("starts with /")),
            ("/adults/", Some("empty segment")),
            ("//adults", Some("empty segment")),
            ("/adults/{person}.json", Some("whole segment")),
            ("/adults/x{person}", Some("whole segment")),
            ("/{}", Some("not a variable")),
            ("/{1a}", Some("not a variable")),
            ("/{pérson}", Some("not a variable")),
            ("/{a}/{a}", Some("stands twice")),
            ("/a/../b", Some("not a segment")),
            ("/a/%2e%2E/b", Some("not a segment")),
            ("/a;v=1", Some("not a segment")),
            ("/a b", Some("not a segment")),
            ("/a?b", Some("not a segment")),
            ("/é", Some("not a segment")),
        ] {
            match (PathTemplate::parse(text), fault) {
                (Ok(template), None) => assert_eq!(template.text(), text),
                (Err(error), Some(fault)) => assert!(error.0.contains(fault), "{text}: {error}"),
                (result, _) => panic!("{text}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_path_that_two_readers_could_take_for_two_is_no_path() {
        for path in [
            "",
            "*",
            "adults",
            "//",
            "/adults/",
            "/adults//1",
            "/./adults",
            "/adults/..",
            "/adults/%2e%2e",
            "/adults/.%2E",
            "/adults/%2f1",
            "/adults/%5C1",
            "/adults\\1",
            "/adults/1;v=2",
            "/adults/1%3Bv=2",
            "/adults/%00",
            "/adults/%0d%0a",
            "/adults/%7f",
            "/adults/%",
            "/adults/%4",
            "/adults/%zz",
            "/adults/%252e",
            "/adults/a b",
            "/adults/a\tb",
            "/adults/é",
            "/adults/a?b",
            "/adults/a#b",
            "/adults/a\"b",
            "/adults/{person}",
        ] {
            assert_eq!(segments(path), None, "{path:?}");
        }
        assert_eq!(
            segments(&"/a".repeat(SEGMENTS)).map(|all| all.len()),
            Some(SEGMENTS)
        );
        assert_eq!(segments(&"/a".repeat(SEGMENTS + 1)), None);
    }

    #[test]
    fn what_means_the_same_compares_as_the_same() {
        for (path, normals) in [
            ("/", &[][..]),
            ("/adults/1", &["adults", "1"]),
            ("/%61dults/%7E", &["adults", "~"]),
            ("/caf%c3%a9", &["caf%C3%A9"]),
            ("/a:b@c,d", &["a:b@c,d"]),
            ("/...", &["..."]),
        ] {
            let found: Vec<String> = segments(path)
                .unwrap()
                .into_iter()
                .map(|segment| segment.normal.into_owned())
                .collect();
            assert_eq!(found, normals, "{path}");
        }
    }

    #[test]
    fn variables_go_back_in_as_they_came() {
        let template = PathTemplate::parse("/api/v2/adults/{person}/{year}").unwrap();
        let variables = [
            ("year".to_owned(), "2026".to_owned()),
            ("person".to_owned(), "a%20b".to_owned()),
        ];
        assert_eq!(template.fill(&variables), "/api/v2/adults/a%20b/2026");
        assert_eq!(PathTemplate::parse("/").unwrap().fill(&[]), "/");
    }
}
