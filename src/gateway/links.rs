//! Links in a response's headers (`Location`, `Content-Location`, RFC 9110; `Link`, RFC 8288), which reach the partner by
//! template: what no template matches does not.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::agreement::HeaderLinks;
use crate::transform::{Occasion, Setting, push_quoted, unescape};

/// Links of one `Link` header that are looked at. Further ones do not leave.
const LINKS: usize = 32;

/// Adds to `out` the headers of `service` that hold links, each link as `links` says.
pub(crate) fn rewrite(
    links: &HeaderLinks,
    occasion: Occasion,
    service: &HeaderMap,
    out: &mut HeaderMap,
) {
    let mut setting = Setting::new(Some(occasion));
    for name in &links.headers {
        for value in service.get_all(*name) {
            let Ok(text) = value.to_str() else { continue };
            let rewritten = match *name {
                "link" => list(links, &mut setting, text),
                _ => one(links, &mut setting, text.trim()),
            };
            if let Some(rewritten) = rewritten
                && let Ok(value) = HeaderValue::from_str(&rewritten)
            {
                out.append(HeaderName::from_static(name), value);
            }
        }
    }
}

/// What the link `text` leaves as.
fn one(links: &HeaderLinks, setting: &mut Setting, text: &str) -> Option<String> {
    let (mut json, mut made, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    push_quoted(text, &mut json);
    links.rewrite.apply(&json, setting, &mut made).ok()?;
    unescape(made.get(1..made.len() - 1)?, &mut plain);
    String::from_utf8(plain).ok()
}

/// What a list of links leaves as: those that a template matches, each with its relation and no other parameter.
fn list(links: &HeaderLinks, setting: &mut Setting, text: &str) -> Option<String> {
    let mut leaves = String::new();
    let mut rest = text;
    for _ in 0..LINKS {
        let Some((_, after)) = rest.split_once('<') else {
            break;
        };
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        // Parameters run to the next link; a comma in quotes is followed by no link.
        let end = after.find('<').unwrap_or(after.len());
        let parameters = &after[..end];
        rest = &after[end..];
        let (Some(target), Some(relation)) = (one(links, setting, target), relation(parameters))
        else {
            continue;
        };
        if !leaves.is_empty() {
            leaves.push_str(", ");
        }
        leaves.push_str(&format!("<{target}>; rel=\"{relation}\""));
    }
    (!leaves.is_empty()).then_some(leaves)
}

/// The relations that `parameters` name, if these are registered names (RFC 8288 §2.1.1): letters, digits, dots, hyphens.
fn relation(parameters: &str) -> Option<&str> {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("rel").then_some(value)
    })?;
    let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b' ')
    };
    (!value.is_empty() && value.len() <= 64 && value.bytes().all(plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{Link, LinkTemplate, Prepared, Transform};

    fn links() -> HeaderLinks {
        let mask = Transform::Mask {
            keep_first: 0,
            keep_last: 1,
            skip: String::new(),
            with: '-',
        };
        let template = |from: &str| {
            LinkTemplate::parse(from, None, |name| match name {
                "person" => Some(Some(mask.clone())),
                _ => Some(None),
            })
            .unwrap()
        };
        let link = Link {
            templates: vec![
                template("/adults/{person}"),
                template("/adults/{person}?page={page}"),
            ],
        };
        HeaderLinks {
            headers: vec!["location", "link"],
            rewrite: Prepared::new(&Transform::Link(link), None).unwrap(),
        }
    }

    fn rewritten(name: &'static str, value: &str) -> Vec<String> {
        let mut service = HeaderMap::new();
        service.append(name, HeaderValue::from_str(value).unwrap());
        let mut out = HeaderMap::new();
        let occasion = Occasion::from(jiff::civil::date(2026, 11, 22));
        rewrite(&links(), occasion, &service, &mut out);
        out.iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn p2_links_in_headers_leave_by_template_with_their_relation_alone() {
        let rows: &[(&str, &str, &[&str])] = &[
            (
                "location",
                "http://care.internal/adults/abc",
                &["location: /adults/--c"],
            ),
            ("location", "/adults/abc/private", &[]),
            ("content-location", "/adults/abc", &[]),
            (
                "link",
                "<http://h/adults/abc?page=2>; rel=\"next\"; title=\"Ann\"",
                &["link: </adults/--c?page=2>; rel=\"next\""],
            ),
            (
                "link",
                "</adults/abc?page=2>; rel=next, </people/ann>; rel=\"prev\", </adults/d?page=1>;rel=\"first\"",
                &["link: </adults/--c?page=2>; rel=\"next\", </adults/-?page=1>; rel=\"first\""],
            ),
            ("link", "</adults/abc?page=2>; rel=\"http://h/ann\"", &[]),
            ("link", "</adults/abc?page=2>", &[]),
            ("link", "<</adults/abc>; rel=next", &[]),
            ("link", "/adults/abc; rel=next", &[]),
        ];
        for (name, value, expected) in rows {
            assert_eq!(rewritten(name, value), *expected, "{value}");
        }
    }
}
