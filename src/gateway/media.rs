//! Whether a body is labelled as what the rules are for.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

/// The longest media type that is passed on.
const ESSENCE_BYTES: usize = 100;

/// Whether the one `Content-Type` is JSON in UTF-8.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    json_type(headers).is_some()
}

/// The media type to tell the partner, if the one `Content-Type` is `application/json` or
/// `application/*+json`, its charset absent or UTF-8. Parameters are left behind: nobody agreed them.
pub(crate) fn json_type(headers: &HeaderMap) -> Option<HeaderValue> {
    const JSON: &str = "application/json";
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    if value == JSON {
        return Some(HeaderValue::from_static(JSON));
    }
    let text = value.to_str().ok()?;
    // Two values in one line are two answers to one question.
    if text.contains(',') {
        return None;
    }
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return None;
        }
    }
    let essence = essence.trim().to_ascii_lowercase();
    if essence == JSON {
        return Some(HeaderValue::from_static(JSON));
    }
    let kind = essence
        .strip_prefix("application/")?
        .strip_suffix("+json")?;
    let is_token = !kind.is_empty()
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte));
    if !is_token || essence.len() > ESSENCE_BYTES {
        return None;
    }
    HeaderValue::from_str(&essence).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_utf8_once_and_nothing_else() {
        for (values, told) in [
            (&["application/json"][..], Some("application/json")),
            (&["Application/JSON"], Some("application/json")),
            (
                &["application/json; charset=utf-8"],
                Some("application/json"),
            ),
            (
                &["application/json;charset=\"UTF-8\""],
                Some("application/json"),
            ),
            (
                &["application/fhir+json; fhirVersion=4.0"],
                Some("application/fhir+json"),
            ),
            (&["application/json; charset=utf-16"], None),
            (&["application/json; charset="], None),
            (&["application/json", "application/json"], None),
            (&["application/json, text/html"], None),
            (&["text/json"], None),
            (&["text/html"], None),
            (&["application/x-ndjson"], None),
            (&["application/+json"], None),
            (&["application/a b+json"], None),
            (&["application/xml"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            let found = json_type(&headers);
            assert_eq!(
                found.as_ref().map(|value| value.to_str().unwrap()),
                told,
                "{values:?}"
            );
        }
    }
}
