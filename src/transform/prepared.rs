//! A transform with everything derived that can be: what the machine holds and calls for each value.

use super::link::Links;
use super::mask::Mask;
use super::redact::Redactor;
use super::text::push_quoted;
use super::token::{Identified, Pseudonyms, Scope, Shape, Tokens};
use super::{AgreementKeys, Algorithm, Generalise, KeyedShift, Resolver, Setting, Transform};
use crate::identifier::Canonical;
use crate::minimise::FieldOutcome;

/// A transform with its keys ready: nothing is derived or allocated per value.
#[derive(Clone)]
pub struct Prepared(Kind);

#[derive(Clone)]
enum Kind {
    Replace(Box<[u8]>),
    Mask(Mask),
    Generalise(Generalise),
    Shift(KeyedShift),
    Pseudonymise(Box<Pseudonyms>),
    Tokenise(Box<Tokens>),
    Link(Links),
    Reidentify(Box<Resolver>),
    Redact(Redactor),
    Decided,
}

/// Why a transform cannot be made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// A keyed transform, and no keys.
    #[error(
        "tokens need the controller's root key; name its file under keys: in the configuration, or give it with --keys"
    )]
    NoKeys,
    /// A namespace that says nothing.
    #[error("a token needs to know what the value identifies; write for example as: person")]
    NoNamespace,
    /// A format that identifiers of the kind do not have, or cannot keep without being valid identifiers.
    #[error(
        "only identifiers with a check digit keep their format, so that a token is never somebody's number: digits for nhs-number, chi-number, hc-number, utr and payment-card, alphanumeric for upn; write one of these as `form`, or leave `format` out"
    )]
    NoShape,
    /// A format together with a scope for which there is no room.
    #[error(
        "a token that keeps its format links in the whole agreement, for it has no room for anything else; leave `scope` or `format` out"
    )]
    ShapeLinks,
    /// `replace` with something other than a single value.
    #[error(
        "replace puts one string, number, true, false or null in a value's place; write for example with: withheld"
    )]
    NotSingleValue,
}

/// The value is not of a kind that the transform is for. Says nothing of the value (P7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is not of a kind that this transform is for")]
pub struct Mismatch;

impl Prepared {
    /// Makes `transform` ready, with `keys` where it is keyed.
    ///
    /// # Errors
    /// If it is keyed and there are no keys, or if it could not give strict JSON.
    pub fn new(
        transform: &Transform,
        keys: Option<&AgreementKeys>,
    ) -> Result<Self, TransformError> {
        Ok(Self(match transform {
            Transform::Decided => Kind::Decided,
            Transform::Replace { json } => Kind::Replace(single_value(json)?),
            Transform::Mask {
                keep_first,
                keep_last,
                skip,
                with,
            } => Kind::Mask(Mask {
                keep_first: *keep_first,
                keep_last: *keep_last,
                skip: skip.as_str().into(),
                with: *with,
            }),
            Transform::Generalise(generalise) => Kind::Generalise(generalise.clone()),
            Transform::Shift(shift) => {
                let keys = keys.ok_or(TransformError::NoKeys)?;
                Kind::Shift(shift.keyed(&keys.current().key(Algorithm::Shift, "subject")))
            }
            Transform::Redact(redact) => Kind::Redact(Redactor::new(redact, keys)?),
            Transform::Reidentify {
                namespace,
                kind,
                format,
            } => {
                let keys = keys.ok_or(TransformError::NoKeys)?;
                Kind::Reidentify(Box::new(Resolver::new(namespace, *kind, *format, keys)))
            }
            Transform::Link(link) => Kind::Link(Links::new(link, keys)?),
            Transform::Pseudonymise(identified) => {
                let keys = named(identified, keys)?;
                Kind::Pseudonymise(Box::new(Pseudonyms::new(identified, keys)))
            }
            Transform::Tokenise { identified, format } => {
                let keys = named(identified, keys)?;
                if format.is_some() && *format != Shape::of(identified.kind) {
                    return Err(TransformError::NoShape);
                }
                if format.is_some() && identified.scope != Scope::Agreement {
                    return Err(TransformError::ShapeLinks);
                }
                Kind::Tokenise(Box::new(Tokens::new(identified, *format, keys)))
            }
        }))
    }

    /// Appends what `json` becomes, as JSON text, to `out`.
    ///
    /// `json` is one single value as strict JSON text: a string with its quotes, a number, `true` or `false`;
    /// never `null`, which the caller keeps. The same value in the same setting gives the same text (P8).
    ///
    /// # Errors
    /// If the value is not of a kind that this transform is for; `out` is then as before.
    pub fn apply(
        &self,
        json: &[u8],
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        match &self.0 {
            Kind::Decided if setting.shows_others() => out.extend_from_slice(json),
            Kind::Decided => return Err(Mismatch),
            Kind::Replace(text) => out.extend_from_slice(text),
            Kind::Mask(mask) => match json {
                [b'"', inside @ .., b'"'] => mask.text(inside, out),
                [b'-' | b'0'..=b'9', ..] => mask.number(json, out),
                _ => return Err(Mismatch),
            },
            Kind::Generalise(generalise) => generalise.apply(json, setting.today(), out)?,
            Kind::Shift(shift) => {
                shift.apply(json, setting.today(), setting.known().subject(), out)?;
            }
            Kind::Reidentify(resolver) => match json {
                [b'"', inside @ .., b'"'] => {
                    // A token needs no escape, so what has one is none.
                    let mut identifier = Canonical::default();
                    resolver
                        .resolve(inside, &mut identifier)
                        .map_err(|_| Mismatch)?;
                    push_quoted(identifier.as_str(), out);
                }
                _ => return Err(Mismatch),
            },
            Kind::Link(links) => match json {
                [b'"', inside @ .., b'"'] => links.apply(inside, setting, out)?,
                _ => return Err(Mismatch),
            },
            Kind::Redact(redactor) => match json {
                [b'"', inside @ .., b'"'] => redactor.apply(inside, setting, out)?,
                _ => return Err(Mismatch),
            },
            Kind::Pseudonymise(tokens) => return tokens.apply(json, setting, out),
            Kind::Tokenise(tokens) => return tokens.apply(json, setting, out),
        }
        Ok(())
    }

    /// Whether it asks for the record's subject ([`super::Known::subject`]).
    #[must_use]
    pub fn reads_subject(&self) -> bool {
        match &self.0 {
            Kind::Shift(_) | Kind::Decided => true,
            Kind::Link(links) => links.any(Self::reads_subject),
            Kind::Redact(redactor) => redactor.reads_subject(),
            Kind::Replace(_)
            | Kind::Mask(_)
            | Kind::Generalise(_)
            | Kind::Pseudonymise(_)
            | Kind::Tokenise(_)
            | Kind::Reidentify(_) => false,
        }
    }

    /// Whether it asks for the day of the exchange.
    #[must_use]
    pub fn reads_today(&self) -> bool {
        match &self.0 {
            Kind::Generalise(generalise) => generalise.reads_today(),
            Kind::Shift(shift) => shift.reads_today(),
            Kind::Link(links) => links.any(Self::reads_today),
            Kind::Decided
            | Kind::Replace(_)
            | Kind::Mask(_)
            | Kind::Redact(_)
            | Kind::Pseudonymise(_)
            | Kind::Tokenise(_)
            | Kind::Reidentify(_) => false,
        }
    }

    /// Whether what it gives hangs on [`super::Occasion::document`] or on what stood before in the document, so that
    /// the document's parts cannot be decided each by itself.
    #[must_use]
    pub fn reads_document(&self) -> bool {
        match &self.0 {
            Kind::Link(links) => links.any(Self::reads_document),
            Kind::Redact(redactor) => redactor.reads_document(),
            Kind::Decided
            | Kind::Replace(_)
            | Kind::Mask(_)
            | Kind::Generalise(_)
            | Kind::Shift(_)
            | Kind::Reidentify(_) => false,
            Kind::Pseudonymise(tokens) => tokens.reads_document(),
            Kind::Tokenise(tokens) => tokens.reads_document(),
        }
    }

    /// Whether it lets values leave as they are, or not at all, by what was decided of the record's subject. It decides
    /// about `null` too, which every other transform leaves as it is.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        matches!(self.0, Kind::Decided)
    }

    /// What a value is counted as that this transform has not let through.
    #[must_use]
    pub fn held_back(&self) -> FieldOutcome {
        if self.is_decided() {
            FieldOutcome::Drop
        } else {
            FieldOutcome::Mismatch
        }
    }

    /// What a value is counted as that this transform has changed.
    #[must_use]
    pub fn outcome(&self) -> FieldOutcome {
        match self.0 {
            Kind::Decided => FieldOutcome::Keep,
            Kind::Replace(_) => FieldOutcome::Replace,
            Kind::Mask(_) => FieldOutcome::Mask,
            Kind::Generalise(_) => FieldOutcome::Generalise,
            Kind::Shift(_) => FieldOutcome::Shift,
            Kind::Pseudonymise(_) => FieldOutcome::Pseudonymise,
            Kind::Tokenise(_) => FieldOutcome::Tokenise,
            Kind::Link(_) => FieldOutcome::Link,
            Kind::Reidentify(_) => FieldOutcome::Reidentify,
            Kind::Redact(_) => FieldOutcome::Redact,
        }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({}, keys not printed)", self.outcome().code())
    }
}

/// The keys, where there are any and the namespace has a name.
fn named<'a>(
    identified: &Identified,
    keys: Option<&'a AgreementKeys>,
) -> Result<&'a AgreementKeys, TransformError> {
    if identified.namespace.trim().is_empty() {
        return Err(TransformError::NoNamespace);
    }
    keys.ok_or(TransformError::NoKeys)
}

/// The text of `json` without white space around it, if it is one single value.
fn single_value(json: &str) -> Result<Box<[u8]>, TransformError> {
    let text = json.trim_matches([' ', '\t', '\n', '\r']);
    // Read for its grammar alone: the text is what leaves, so `1.0` stays `1.0`. A string is read as one, which
    // refuses half a surrogate pair too.
    let strict = match text.as_bytes() {
        [b'{' | b'[', ..] => false,
        [b'"', ..] => serde_json::from_str::<String>(text).is_ok(),
        _ => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
    };
    strict
        .then(|| text.as_bytes().into())
        .ok_or(TransformError::NotSingleValue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::RootKey;

    fn keys() -> AgreementKeys {
        RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1)
    }

    fn prepared(transform: &Transform) -> Prepared {
        Prepared::new(transform, Some(&keys())).unwrap()
    }

    fn apply(prepared: &Prepared, json: &str) -> Option<String> {
        let mut out = b"as before".to_vec();
        let result = prepared.apply(json.as_bytes(), &mut Setting::default(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let appended = text.strip_prefix("as before").unwrap();
        match result {
            Ok(()) => {
                assert!(
                    serde_json::from_str::<serde_json::Value>(appended).is_ok(),
                    "not JSON: {appended}"
                );
                Some(appended.to_owned())
            }
            Err(Mismatch) => {
                assert_eq!(appended, "", "a mismatch appends nothing");
                None
            }
        }
    }

    fn mask(keep_first: usize, keep_last: usize, with: char) -> Prepared {
        prepared(&Transform::Mask {
            keep_first,
            keep_last,
            skip: String::new(),
            with,
        })
    }

    fn pseudonymise(namespace: &str) -> Prepared {
        prepared(&Transform::Pseudonymise(Identified::text(namespace)))
    }

    #[test]
    fn a_constant_replaces_any_single_value() {
        let withheld = prepared(&Transform::Replace {
            json: " \"withheld\"\n".to_owned(),
        });
        for json in ["\"a\"", "1", "true", "1e400", "\"\""] {
            assert_eq!(apply(&withheld, json).unwrap(), "\"withheld\"");
        }
        let number = Transform::Replace {
            json: "1.0".to_owned(),
        };
        assert_eq!(apply(&prepared(&number), "2").unwrap(), "1.0");
    }

    #[test]
    fn only_a_single_value_can_replace() {
        for json in [
            "",
            " ",
            "{}",
            "[]",
            "[1]",
            "withheld",
            "1 2",
            "\"a",
            "nul",
            "01",
            "\"\n\"",
            "\"\\ud800\"",
        ] {
            let transform = Transform::Replace {
                json: json.to_owned(),
            };
            assert_eq!(
                Prepared::new(&transform, None).unwrap_err(),
                TransformError::NotSingleValue,
                "{json}"
            );
        }
    }

    #[test]
    fn a_mask_leaves_what_it_says_and_no_more() {
        let rows: &[((usize, usize, char), &str, &str)] = &[
            ((0, 0, '*'), "\"abc\"", "\"***\""),
            ((0, 0, '*'), "\"\"", "\"\""),
            ((1, 0, '*'), "\"abc\"", "\"a**\""),
            ((0, 2, '*'), "\"abc\"", "\"*bc\""),
            ((1, 1, '*'), "\"abc\"", "\"a*c\""),
            // No more characters than are kept: nothing would be masked, so everything is.
            ((2, 1, '*'), "\"abc\"", "\"***\""),
            ((0, 4, '*'), "\"abc\"", "\"***\""),
            ((usize::MAX, usize::MAX, '*'), "\"abc\"", "\"***\""),
            // Characters, not bytes and not escapes.
            ((1, 1, '*'), "\"éàü\"", "\"é*ü\""),
            ((1, 1, '*'), r#""\u00e9\ud834\udd1e\u00fc""#, "\"é*ü\""),
            ((1, 1, '*'), r#""\"\\\n""#, r#""\"*\n""#),
            ((0, 1, '*'), r#""ab\u0001""#, r#""**\u0001""#),
            ((0, 0, '"'), "\"ab\"", r#""\"\"""#),
            ((0, 0, '•'), "\"ab\"", "\"••\""),
            ((0, 0, '*'), "4010232137", "\"**********\""),
            ((0, 4, '*'), "4010232137", "\"******2137\""),
            ((0, 0, '*'), "-12.5e+7", "\"-**.*e+*\""),
            // A sign is no digit: it does not count as one that the mask hides.
            ((0, 3, '*'), "-12.5", "\"-**.*\""),
            ((0, 2, '*'), "-12.5", "\"-*2.5\""),
        ];
        for ((first, last, with), json, expected) in rows {
            assert_eq!(
                apply(&mask(*first, *last, *with), json).as_deref(),
                Some(*expected),
                "{json}"
            );
        }
        for json in ["true", "false"] {
            assert_eq!(apply(&mask(0, 0, '*'), json), None);
        }
    }

    #[test]
    fn masking_a_second_time_with_nothing_kept_changes_nothing() {
        for json in ["\"abc\"", "\"éàü\"", "4010232137"] {
            let once = apply(&mask(0, 0, '*'), json).unwrap();
            assert_eq!(apply(&mask(0, 0, '*'), &once).unwrap(), once);
        }
    }

    #[test]
    fn a_date_becomes_a_year_and_a_year_stays_one() {
        let year = prepared(&Transform::Generalise(Generalise::year()));
        for json in [
            "\"1941-03-07\"",
            "\"1941-03\"",
            "\"1941\"",
            "\"1941-03-07T09:00:00Z\"",
        ] {
            assert_eq!(apply(&year, json).unwrap(), "\"1941\"");
        }
        for json in [
            "1941",
            "\"\"",
            "\"7 March 1941\"",
            "true",
            "\"1941-02-30\"",
            "19410307",
        ] {
            assert_eq!(apply(&year, json), None, "{json}");
        }
    }

    #[test]
    fn spellings_of_one_identifier_have_one_token() {
        let person = pseudonymise("person");
        let token = apply(&person, "4010232137").unwrap();
        for json in [
            "\"4010232137\"",
            "\"401 023 2137\"",
            "\"401-023-2137\"",
            "\" 401 023 2137 \"",
        ] {
            assert_eq!(apply(&person, json).unwrap(), token);
        }
        // "fg1p-", the epoch, 26 characters of lower-case base32, two quotes.
        assert_eq!(token.len(), 7 + 26 + 2);
        assert!(token.starts_with("\"fg1p-1-"));
        let body = &token[8..34];
        assert!(
            body.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        );
    }

    #[test]
    fn another_identifier_agreement_epoch_or_namespace_has_another_token() {
        let root = RootKey::from_bytes([1; 32]);
        let transform = |namespace: &str| Transform::Pseudonymise(Identified::text(namespace));
        let with = |keys: &AgreementKeys, namespace: &str, json: &str| {
            apply(
                &Prepared::new(&transform(namespace), Some(keys)).unwrap(),
                json,
            )
            .unwrap()
        };
        let tokens = [
            with(&keys(), "person", "4010232137"),
            with(&keys(), "person", "4010232138"),
            with(&keys(), "property", "4010232137"),
            with(
                &root.agreement("falls-prevention", 2),
                "person",
                "4010232137",
            ),
            with(&root.agreement("free-meals", 1), "person", "4010232137"),
            with(
                &RootKey::from_bytes([2; 32]).agreement("falls-prevention", 1),
                "person",
                "4010232137",
            ),
        ];
        for (index, one) in tokens.iter().enumerate() {
            for other in &tokens[index + 1..] {
                assert_ne!(one, other);
            }
        }
    }

    #[test]
    fn what_identifies_nobody_has_no_token() {
        let person = pseudonymise("person");
        for json in ["\"\"", "\"  \"", "true", "false", "1e9", "1.0", "-1"] {
            assert_eq!(apply(&person, json), None, "{json}");
        }
    }

    #[test]
    fn a_keyed_transform_without_keys_is_refused() {
        let keyed = Transform::Pseudonymise(Identified::text("person"));
        assert_eq!(
            Prepared::new(&keyed, None).unwrap_err(),
            TransformError::NoKeys
        );
        let unnamed = Transform::Pseudonymise(Identified::text(" "));
        assert_eq!(
            Prepared::new(&unnamed, Some(&keys())).unwrap_err(),
            TransformError::NoNamespace
        );
    }

    #[test]
    fn each_transform_is_counted_as_what_it_is() {
        assert_eq!(mask(0, 0, '*').outcome(), FieldOutcome::Mask);
        assert_eq!(pseudonymise("person").outcome(), FieldOutcome::Pseudonymise);
        let year = prepared(&Transform::Generalise(Generalise::year()));
        assert_eq!(year.outcome(), FieldOutcome::Generalise);
        assert!(!format!("{year:?}").contains('1'));
    }
}
