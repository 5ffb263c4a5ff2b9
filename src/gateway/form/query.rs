//! A request's query, strictly read: parameters with their names and values, each in one form.

use std::borrow::Cow;

use crate::transform::uri;

/// One parameter, its parts percent-encoded in the one form that each has. A `+`, which some readers take for a space
/// and some for itself, is written `%20`: so both read the space that nearly every writer of one means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    name: Cow<'a, str>,
    value: Option<Cow<'a, str>>,
}

impl Parameter<'_> {
    /// The name, decoded.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        uri::decoded(&self.name)
    }

    /// The value, decoded; empty where there is none.
    #[must_use]
    pub fn value(&self) -> Cow<'_, str> {
        self.value
            .as_deref()
            .map_or(Cow::Borrowed(""), uri::decoded)
    }

    /// Appends the parameter as it goes on.
    pub fn write(&self, out: &mut String) {
        out.push_str(&self.name);
        if let Some(value) = &self.value {
            out.push('=');
            out.push_str(value);
        }
    }

    /// Appends the parameter with another value.
    pub fn write_with(&self, value: &str, out: &mut String) {
        out.push_str(&self.name);
        out.push('=');
        for byte in value.bytes() {
            out.push_str(uri::encoded(byte, &mut [0; 3]));
        }
    }
}

/// The parameters of `query` in their order; none of an empty one. A parameter that two readers could take for two, or
/// that has no name, is `None`: not UTF-8, a control character, `;`, an encoding that is none, a byte that no query has,
/// an empty place between two `&`.
pub fn parameters(query: &str) -> impl Iterator<Item = Option<Parameter<'_>>> {
    let parts = (!query.is_empty()).then(|| query.split('&'));
    parts.into_iter().flatten().map(parameter)
}

fn parameter(part: &str) -> Option<Parameter<'_>> {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (part, None),
    };
    let name = normal(name)?;
    let value = match value {
        Some(value) => Some(normal(value)?),
        None => None,
    };
    (!name.is_empty()).then_some(Parameter { name, value })
}

/// As [`uri::normal`], of a name or a value.
fn normal(part: &str) -> Option<Cow<'_, str>> {
    let normal = uri::normal(part, is_plain)?;
    let ambiguous = normal.contains(['+', '[', ']']);
    Some(if ambiguous {
        // Brackets may not stand as they are in a query, though many write them so.
        let text = normal
            .replace('+', "%20")
            .replace('[', "%5B")
            .replace(']', "%5D");
        Cow::Owned(text)
    } else {
        normal
    })
}

/// Whether `byte` may stand as it is: RFC 3986's `query` without what divides parameters, and brackets.
fn is_plain(byte: u8) -> bool {
    uri::is_path_byte(byte) && byte != b'&' || b"/?[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters as they go on, or nothing where one has no form.
    fn form(query: &str) -> Option<String> {
        let mut out = String::new();
        for parameter in parameters(query) {
            if !out.is_empty() {
                out.push('&');
            }
            parameter?.write(&mut out);
        }
        Some(out)
    }

    #[test]
    fn p2_a_query_has_one_form_or_none() {
        for (query, expected) in [
            ("", Some("")),
            ("a=1", Some("a=1")),
            ("b=2&a=1&b=3", Some("b=2&a=1&b=3")),
            ("a", Some("a")),
            ("a=", Some("a=")),
            ("a=b=c", Some("a=b=c")),
            ("%61=%31", Some("a=1")),
            ("a=1+2", Some("a=1%202")),
            ("a=1%2b2", Some("a=1%2B2")),
            ("a=1%202", Some("a=1%202")),
            ("a+b=1", Some("a%20b=1")),
            ("filter[a]=x", Some("filter%5Ba%5D=x")),
            ("filter%5ba%5D=x", Some("filter%5Ba%5D=x")),
            (
                "a=b/c?d:e@f,g$h!i'j(k)l*m",
                Some("a=b/c?d:e@f,g$h!i'j(k)l*m"),
            ),
            ("a=%26%3d%3B%2f%25", Some("a=%26%3D%3B%2F%25")),
            ("a=%c3%a9", Some("a=%C3%A9")),
            ("&", None),
            ("a=1&", None),
            ("&a=1", None),
            ("a=1&&b=2", None),
            ("=1", None),
            ("a=1;b=2", None),
            ("a;b", None),
            ("a=%", None),
            ("a=%1", None),
            ("a=%zz", None),
            ("a=%00", None),
            ("a%00=1", None),
            ("a=%0d%0a", None),
            ("a=%7F", None),
            ("a=%c2%80", None),
            ("a=%c0%80", None),
            ("a=%ff", None),
            ("a=%u0041", None),
            ("a=\"b\"", None),
            ("a=<b>", None),
            ("a=b|c", None),
            ("a={b}", None),
            ("a=b\\c", None),
            ("a=b#c", None),
            ("a=b^`", None),
            ("a=\u{e9}", None),
            ("a=b c", None),
        ] {
            let found = form(query);
            assert_eq!(found.as_deref(), expected, "{query}");
            if let Some(found) = &found {
                assert_eq!(form(found).as_ref(), Some(found), "{query}");
            }
        }
    }

    #[test]
    fn a_parameter_says_what_it_means() {
        let all: Vec<_> = parameters("a+b=%C3%A9%2B+&c").flatten().collect();
        assert_eq!((&*all[0].name(), &*all[0].value()), ("a b", "\u{e9}+ "));
        assert_eq!((&*all[1].name(), &*all[1].value()), ("c", ""));
        let mut out = String::new();
        all[0].write_with("7&8", &mut out);
        assert_eq!(out, "a%20b=7%268");
    }
}
