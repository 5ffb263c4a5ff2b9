//! Validators of the gateway's own (RFC 9110 §8.8.3), and conditions on them.
//!
//! A service's `ETag` is of a body that does not leave, and may tell of what is not agreed. Where an agreement keeps `etag`,
//! the partner gets the gateway's own in its place: a keyed digest of the service's validator and of everything else that
//! what leaves depends on. It changes whenever the answer could have changed, is the partner's own, and says nothing.

use http::HeaderMap;
use http::header::{ETAG, HeaderValue, IF_NONE_MATCH, LAST_MODIFIED};
use http::request::Parts;
use jiff::civil::Date;

use crate::agreement::{Agreement, Disclosure, Permit};
use crate::transform::{Keys, SubjectTokens};

/// Makes the validators of one disclosure's answers.
pub(crate) struct Validators {
    tokens: SubjectTokens,
    /// What all of them are made of: agreement, version, text, epoch of the keys, disclosure.
    of_all: Vec<u8>,
}

impl Validators {
    /// Those of `disclosure`; `None` where its agreement does not keep `etag`, or there can be none: without keys they would
    /// tell what they are made of; where what leaves depends on people's rights, on the answer itself or on other records,
    /// nothing says whether it is still the same.
    pub(crate) fn new(
        keys: Option<&Keys>,
        agreement: &Agreement,
        disclosure: &Disclosure,
    ) -> Option<Self> {
        let kept = disclosure
            .response_headers
            .iter()
            .any(|name| name == ETAG.as_str());
        let plans = disclosure
            .without_special
            .iter()
            .map(|without| &without.plan);
        let settled = plans.chain([&disclosure.released]).all(|plan| {
            !plan.is_gated() && !plan.reads_document() && plan.table_output().is_none()
        });
        if !kept || !settled || disclosure.is_push() {
            return None;
        }
        let keys = keys?;
        let epoch = keys.of(&agreement.key_owner()).ok()?.current().number();
        let mut of_all = Vec::new();
        for part in [
            agreement.partner.as_str(),
            agreement.name.as_str(),
            &agreement.version.to_string(),
            &agreement.hash,
            &epoch.to_string(),
            disclosure.name.as_str(),
        ] {
            push(&mut of_all, part.as_bytes());
        }
        Some(Self {
            tokens: SubjectTokens::new(&keys.subject()),
            of_all,
        })
    }

    /// The validator of the answer to `asked` under `permit` today, for which the service has `service`; `None` where the
    /// service gives none.
    pub(crate) fn validator(
        &self,
        service: &HeaderMap,
        asked: &Parts,
        permit: &Permit,
        today: Date,
    ) -> Option<HeaderValue> {
        let (kind, theirs) = match (one(service, &ETAG), one(service, &LAST_MODIFIED)) {
            (Some(tag), _) => ("etag", tag),
            (None, Some(time)) => ("last-modified", time),
            (None, None) => return None,
        };
        let mut of = self.of_all.clone();
        let plan = permit.released();
        let without_special = !std::sync::Arc::ptr_eq(plan, &permit.disclosure().released);
        let day = plan.reads_today().then(|| today.to_string());
        let target = asked
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str());
        for part in [
            permit.purpose().as_str(),
            if without_special {
                "without special"
            } else {
                ""
            },
            day.as_deref().unwrap_or_default(),
            target,
            kind,
        ] {
            push(&mut of, part.as_bytes());
        }
        push(&mut of, theirs.as_bytes());
        let token = self.tokens.other("validator", &of);
        HeaderValue::from_str(&format!("W/\"{}\"", token.0)).ok()
    }
}

/// Adds `part` so that no two lists of parts are the same bytes.
fn push(of: &mut Vec<u8>, part: &[u8]) {
    of.extend_from_slice(&(part.len() as u64).to_le_bytes());
    of.extend_from_slice(part);
}

/// The value of a header that comes once.
fn one<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        (_, _) => None,
    }
}

/// Whether the partner says in `If-None-Match` that it has what `validator` is of (RFC 9110 §13.1.2, weak comparison).
pub(crate) fn is_had(asked: &HeaderMap, validator: &HeaderValue) -> bool {
    let ours = opaque(validator.as_bytes());
    asked.get_all(IF_NONE_MATCH).iter().any(|value| {
        let value = value.as_bytes();
        value == b"*" || tags(value).any(|tag| Some(tag) == ours)
    })
}

/// The opaque part of an entity tag, its quotes included.
fn opaque(tag: &[u8]) -> Option<&[u8]> {
    tags(tag).next()
}

/// The opaque parts of a list of entity tags, up to the first thing that is none.
fn tags(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let tag = list.strip_prefix(b"W/").unwrap_or(list);
        let inside = tag.strip_prefix(b"\"")?;
        let end = inside.iter().position(|byte| *byte == b'"')?;
        let (tag, rest) = tag.split_at(end + 2);
        list = rest;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_for_the_same_tag_weak_or_not_anywhere_in_the_list() {
        let ours = HeaderValue::from_static("W/\"abc\"");
        for (values, had) in [
            (&[][..], false),
            (&["*"], true),
            (&["\"abc\""], true),
            (&["W/\"abc\""], true),
            (&["\"x\", W/\"abc\""], true),
            (&["\"x\",,\"abc\""], true),
            (&["\"x\"", "\"abc\""], true),
            (&["\"abcd\""], false),
            (&["abc"], false),
            (&["w/\"abc\""], false),
            (&["\"a\"b\"abc\""], false),
            (&["\"abc"], false),
            (&["\"x,\\\"abc\""], false),
        ] {
            let mut asked = HeaderMap::new();
            for value in values {
                asked.append(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            assert_eq!(is_had(&asked, &ours), had, "{values:?}");
        }
    }
}
