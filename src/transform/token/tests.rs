//! What tokens promise, whatever the value.

use std::cell::Cell;
use std::collections::HashSet;

use proptest::prelude::*;

use super::siv::work::BLOCKS;
use super::*;
use crate::identifier::{Canonical, Unfit};
use crate::transform::{
    AgreementKeys, EpochSecret, Occasion, Prepared, RootKey, Setting, Transform,
};

fn root() -> RootKey {
    RootKey::from_bytes([1; 32])
}

/// Keys with the epochs `numbers`, of which the last makes tokens.
fn epochs(owner: &str, numbers: &[u32]) -> AgreementKeys {
    let epoch = |&number| root().epoch(owner, number, &EpochSecret::from_bytes([number as u8; 32]));
    let epochs: Vec<_> = numbers.iter().map(epoch).collect();
    AgreementKeys::new(epochs, *numbers.last().unwrap()).unwrap()
}

fn identified(kind: Kind, scope: Scope) -> Identified {
    Identified {
        kind,
        scope,
        ..Identified::text("person")
    }
}

fn one_way(identified: Identified, keys: &AgreementKeys) -> Prepared {
    Prepared::new(&Transform::Pseudonymise(identified), Some(keys)).unwrap()
}

fn reversible(identified: Identified, format: Option<Shape>, keys: &AgreementKeys) -> Prepared {
    Prepared::new(&Transform::Tokenise { identified, format }, Some(keys)).unwrap()
}

/// A setting of one document.
fn document(byte: u8) -> Setting {
    Setting::new(Some(Occasion {
        document: Some([byte; 16]),
        ..Occasion::from(jiff::civil::date(2026, 4, 1))
    }))
}

fn apply(prepared: &Prepared, setting: &mut Setting, json: &str) -> Option<String> {
    let mut out = b"before".to_vec();
    match prepared.apply(json.as_bytes(), setting, &mut out) {
        Ok(()) => Some(serde_json::from_slice(&out[6..]).unwrap()),
        Err(_) => {
            assert_eq!(out, b"before", "a mismatch appends nothing");
            None
        }
    }
}

fn token(prepared: &Prepared, json: &str) -> Option<String> {
    apply(prepared, &mut document(1), json)
}

fn resolve(resolver: &Resolver, token: &str) -> Option<String> {
    let mut out = Canonical::new();
    out.set("left over").unwrap();
    let result = resolver.resolve(token.as_bytes(), &mut out);
    assert_eq!(result.is_err(), out.as_bytes().is_empty());
    result.ok().map(|()| out.as_str().to_owned())
}

const SPELLINGS: [&str; 5] = [
    "9434765919",
    "\"9434765919\"",
    "\"943 476 5919\"",
    "\"943-476-5919\"",
    "\"９４３\\u00a0４７６\\u00a0５９１９\"",
];

#[test]
fn a_token_says_its_scheme_way_scope_and_epoch() {
    let keys = epochs("a", &[1, 3]);
    let nhs = |scope| identified(Kind::NhsNumber, scope);
    for (prepared, prefix, length) in [
        (one_way(nhs(Scope::Agreement), &keys), "fg1p-3-", 26),
        (one_way(nhs(Scope::Document), &keys), "fg1pd-3-", 26),
        (one_way(nhs(Scope::Never), &keys), "fg1pn-3-", 26),
        // A tag of 16 bytes and ten digits; before them a nonce of 16 bytes.
        (
            reversible(nhs(Scope::Agreement), None, &keys),
            "fg1t-3-",
            42,
        ),
        (
            reversible(nhs(Scope::Document), None, &keys),
            "fg1td-3-",
            68,
        ),
        (reversible(nhs(Scope::Never), None, &keys), "fg1tn-3-", 68),
    ] {
        let token = token(&prepared, SPELLINGS[0]).unwrap();
        let body = token.strip_prefix(prefix).unwrap();
        assert_eq!(body.len(), length);
        assert!(
            body.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        );
    }
}

#[test]
fn the_scheme_gives_the_same_tokens_for_ever() {
    // The first two were computed from the scheme's description by another program (HKDF and HMAC of a standard library,
    // AES-SIV of OpenSSL). A change that alters one of these needs another scheme.
    let keys = root().agreement("falls-prevention", 1);
    let nhs = identified(Kind::NhsNumber, Scope::Agreement);
    let rows = [
        (
            one_way(nhs.clone(), &keys),
            "fg1p-1-bd443ud4lz2t4vnu5ju743gw3y",
        ),
        (
            reversible(nhs.clone(), None, &keys),
            "fg1t-1-lvdtc6oahuhbgrfqdoxzkabst4niupgpqcm2zqlu6a",
        ),
        (reversible(nhs, Some(Shape::Digits), &keys), "8997534493"),
    ];
    for (prepared, expected) in rows {
        assert_eq!(token(&prepared, SPELLINGS[0]).unwrap(), expected);
    }
}

#[test]
fn p8_spellings_of_one_identifier_have_one_token() {
    let keys = epochs("a", &[1]);
    for prepared in [
        one_way(identified(Kind::NhsNumber, Scope::Agreement), &keys),
        one_way(identified(Kind::NhsNumber, Scope::Document), &keys),
        reversible(identified(Kind::NhsNumber, Scope::Agreement), None, &keys),
        reversible(identified(Kind::NhsNumber, Scope::Document), None, &keys),
        reversible(
            identified(Kind::NhsNumber, Scope::Agreement),
            Some(Shape::Digits),
            &keys,
        ),
    ] {
        let tokens: HashSet<_> = SPELLINGS
            .iter()
            .map(|json| token(&prepared, json).unwrap())
            .collect();
        assert_eq!(tokens.len(), 1);
    }
}

#[test]
fn another_identifier_namespace_kind_owner_epoch_or_scheme_has_another_token() {
    let nhs = identified(Kind::NhsNumber, Scope::Agreement);
    let text = identified(Kind::Text, Scope::Agreement);
    let elsewhere = Identified {
        namespace: "patient".to_owned(),
        ..nhs.clone()
    };
    let keys = [epochs("a", &[1]), epochs("a", &[2]), epochs("b", &[1])];
    let mut tokens = HashSet::new();
    for identified in [nhs, text, elsewhere] {
        for keys in &keys {
            for number in ["9434765919", "4010232137"] {
                for prepared in [
                    one_way(identified.clone(), keys),
                    reversible(identified.clone(), None, keys),
                ] {
                    let token = token(&prepared, number).unwrap();
                    let (_, body) = token.rsplit_once('-').unwrap();
                    assert!(tokens.insert(body.to_owned()), "{token}");
                }
            }
        }
    }
    assert_eq!(tokens.len(), 3 * 3 * 2 * 2);
}

#[test]
fn a_scope_is_as_far_as_tokens_link() {
    let keys = epochs("a", &[1]);
    let mut ways = Vec::new();
    for scope in [Scope::Agreement, Scope::Document, Scope::Never] {
        let identified = identified(Kind::NhsNumber, scope);
        for prepared in [
            one_way(identified.clone(), &keys),
            reversible(identified, None, &keys),
        ] {
            let mut first = document(1);
            let here = apply(&prepared, &mut first, SPELLINGS[0]).unwrap();
            let again = apply(&prepared, &mut first, SPELLINGS[1]).unwrap();
            let there = apply(&prepared, &mut document(2), SPELLINGS[0]).unwrap();
            assert_eq!(here == again, scope != Scope::Never);
            assert_eq!(here == there, scope == Scope::Agreement);
            assert_eq!(prepared.reads_document(), scope != Scope::Agreement);
            // P8: the same document gives the same bytes.
            assert_eq!(
                apply(&prepared, &mut document(1), SPELLINGS[0]).unwrap(),
                here
            );
            if scope != Scope::Agreement {
                let nothing = apply(&prepared, &mut Setting::default(), SPELLINGS[0]);
                assert_eq!(
                    nothing, None,
                    "without the document's random bytes nothing passes"
                );
            }
            ways.push(here);
        }
    }
    let different: HashSet<_> = ways.iter().collect();
    assert_eq!(different.len(), ways.len());
}

#[test]
fn what_identifies_nobody_never_becomes_a_token() {
    let keys = epochs("a", &[1]);
    for &kind in Kind::ALL {
        for scope in [Scope::Agreement, Scope::Document, Scope::Never] {
            let of = Identified {
                invalid: Invalid::Mark,
                unknown: vec!["Not on system".to_owned()],
                ..identified(kind, scope)
            };
            for prepared in [one_way(of.clone(), &keys), reversible(of, None, &keys)] {
                for json in [
                    "\"\"",
                    "\" \"",
                    "\"UNKNOWN\"",
                    "\"n/a\"",
                    "\"TBC\"",
                    "\"not on system\"",
                    "9999999999",
                    "\"000 000 0000\"",
                ] {
                    let nobody = token(&prepared, json);
                    assert!(
                        nobody.is_none() || nobody == Some(format!("[invalid {}]", kind.word())),
                        "{kind:?} {json}"
                    );
                    assert!(
                        !matches!(kind, Kind::Text | Kind::NhsNumber) || nobody.is_none(),
                        "{kind:?} {json}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_not_of_its_kind_is_dropped_or_marked_and_never_a_token() {
    let keys = epochs("a", &[1]);
    for (invalid, expected) in [
        (Invalid::Mismatch, None),
        (Invalid::Mark, Some("[invalid nhs-number]")),
    ] {
        let of = Identified {
            invalid,
            ..identified(Kind::NhsNumber, Scope::Agreement)
        };
        for prepared in [
            one_way(of.clone(), &keys),
            reversible(of.clone(), None, &keys),
            reversible(of.clone(), Some(Shape::Digits), &keys),
        ] {
            for json in [
                "9434765918",
                "\"943 476 591\"",
                "9434765919.0",
                "9.434765919e9",
                "-9434765919",
                "true",
                "\"Ann\"",
            ] {
                assert_eq!(token(&prepared, json).as_deref(), expected, "{json}");
            }
        }
    }
}

#[test]
fn a_reversible_token_resolves_to_the_canonical_form_until_its_epoch_is_retired() {
    for scope in [Scope::Agreement, Scope::Document, Scope::Never] {
        for (kind, format) in [
            (Kind::NhsNumber, None),
            (Kind::NhsNumber, Some(Shape::Digits)),
            (Kind::Text, None),
            (Kind::Name, None),
        ] {
            if format.is_some() && scope != Scope::Agreement {
                continue;
            }
            let made = |numbers| {
                token(
                    &reversible(identified(kind, scope), format, &epochs("a", numbers)),
                    "\"943 476 5919\"",
                )
            };
            let (Some(old), Some(new)) = (made(&[1]), made(&[1, 2])) else {
                assert_eq!(kind, Kind::Name, "a number is nobody's name");
                continue;
            };
            let both = Resolver::new("person", kind, format, &epochs("a", &[1, 2]));
            assert_eq!(resolve(&both, &old).as_deref(), Some("9434765919"));
            assert_eq!(resolve(&both, &new).as_deref(), Some("9434765919"));
            let retired = Resolver::new("person", kind, format, &epochs("a", &[2]));
            assert_eq!(resolve(&retired, &old), None);
            assert_eq!(resolve(&retired, &new).as_deref(), Some("9434765919"));
        }
    }
}

#[test]
fn the_longest_identifier_has_a_token_that_resolves() {
    let keys = epochs("a", &[u32::MAX]);
    let long = "é".repeat(crate::identifier::CANONICAL_BYTES / 2);
    for scope in [Scope::Agreement, Scope::Never] {
        let prepared = reversible(identified(Kind::Text, scope), None, &keys);
        let token = token(&prepared, &format!("\"{long}\"")).unwrap();
        assert!(token.len() <= written::LONGEST);
        let resolver = Resolver::new("person", Kind::Text, None, &keys);
        assert_eq!(resolve(&resolver, &token).as_deref(), Some(&*long));
        assert_eq!(resolve(&resolver, &format!("{token}a")), None);
    }
}

#[test]
fn whatever_does_not_resolve_is_refused_in_the_same_way() {
    let keys = epochs("a", &[1, 2]);
    let resolver = Resolver::new("person", Kind::NhsNumber, None, &keys);
    let nhs = identified(Kind::NhsNumber, Scope::Agreement);
    let sealed = |keys: &AgreementKeys, of: &Identified| {
        token(&reversible(of.clone(), None, keys), SPELLINGS[0]).unwrap()
    };
    let ours = sealed(&keys, &nhs);
    assert!(resolve(&resolver, &ours).is_some());
    let mut foreign = vec![
        ("another agreement's", sealed(&epochs("b", &[1, 2]), &nhs)),
        (
            "another namespace's",
            sealed(
                &keys,
                &Identified {
                    namespace: "property".to_owned(),
                    ..nhs.clone()
                },
            ),
        ),
        (
            "another kind's",
            sealed(&keys, &identified(Kind::Text, Scope::Agreement)),
        ),
        ("of a retired epoch", sealed(&epochs("a", &[3]), &nhs)),
        ("with another epoch's number", ours.replace("-2-", "-1-")),
        ("with no epoch's number", ours.replace("-2-", "-9-")),
        (
            "one-way",
            token(&one_way(nhs.clone(), &keys), SPELLINGS[0]).unwrap(),
        ),
        ("called one-way", ours.replace("fg1t", "fg1p")),
        ("called another scope's", ours.replace("fg1t-", "fg1tn-")),
        ("in capitals", ours.to_uppercase()),
        ("with more behind", format!("{ours}aaaaaaaa")),
        ("with white space", format!("{ours} ")),
        ("the identifier", "9434765919".to_owned()),
        ("nothing", String::new()),
        ("long", "fg1t-2-".to_owned() + &"a".repeat(100_000)),
        ("no text", "fg1t-2-\u{e9}\0".to_owned()),
        ("too short", "fg1t-2-aaaa".to_owned()),
    ];
    for length in 0..ours.len() {
        foreign.push(("cut", ours[..length].to_owned()));
    }
    for (what, text) in foreign {
        assert_eq!(resolve(&resolver, &text), None, "{what}");
    }
}

#[test]
fn p6_a_refusal_takes_the_same_work_whyever_it_is_one() {
    let keys = epochs("a", &[1, 2]);
    let nhs = identified(Kind::NhsNumber, Scope::Agreement);
    let property = Identified {
        namespace: "property".to_owned(),
        ..nhs.clone()
    };
    let sealed = |keys: &AgreementKeys, of: &Identified, format: Option<Shape>| {
        token(&reversible(of.clone(), format, keys), SPELLINGS[0]).unwrap()
    };
    let blocks_for = |resolver: &Resolver, token: &str| {
        let before = BLOCKS.with(Cell::get);
        let resolves = resolve(resolver, token).is_some();
        (resolves, BLOCKS.with(Cell::get) - before)
    };
    let ours = sealed(&keys, &nhs, None);
    let mut refused = vec![
        sealed(&epochs("b", &[1, 2]), &nhs, None),
        sealed(&keys, &property, None),
        sealed(&keys, &identified(Kind::Text, Scope::Agreement), None),
        // A retired epoch: ours are 1 and 2.
        sealed(&epochs("a", &[3]), &nhs, None),
        ours.replace("-2-", "-1-"),
        ours.replace("-2-", "-0-"),
        ours.replace("fg1t", "fg1p"),
        ours.to_uppercase(),
        "!".repeat(ours.len()),
    ];
    let body = ours.rfind('-').unwrap() + 1;
    for (at, letter) in ours.char_indices().skip(body) {
        let mut altered = ours.clone();
        let other = if letter == 'a' { "b" } else { "a" };
        altered.replace_range(at..=at, other);
        refused.push(altered);
    }
    for shape in [None, Some(Shape::Digits)] {
        let resolver = Resolver::new("person", Kind::NhsNumber, shape, &keys);
        let (_, work) = blocks_for(&resolver, &refused[0]);
        assert!(work > 0);
        for token in &refused {
            assert_eq!(blocks_for(&resolver, token), (false, work), "{token}");
        }
        if shape.is_none() {
            assert_eq!(
                blocks_for(&resolver, &ours),
                (true, work),
                "as one that resolves"
            );
        }
    }
    // Of ten digits: another agreement's, another namespace's, a retired epoch's, none.
    let digits = Some(Shape::Digits);
    let resolver = Resolver::new("person", Kind::NhsNumber, digits, &keys);
    let refused = [
        sealed(&epochs("b", &[3]), &nhs, digits),
        sealed(&epochs("a", &[3]), &nhs, digits),
        sealed(&epochs("a", &[4]), &property, digits),
        "9434765919".to_owned(),
        "0000000000".to_owned(),
    ];
    let (_, work) = blocks_for(&resolver, &refused[0]);
    for token in &refused {
        assert_eq!(blocks_for(&resolver, token), (false, work), "{token}");
    }
}

#[test]
fn an_altered_character_anywhere_is_refused() {
    let keys = epochs("a", &[1, 2]);
    for scope in [Scope::Agreement, Scope::Document, Scope::Never] {
        let resolver = Resolver::new("person", Kind::NhsNumber, None, &keys);
        let token = token(
            &reversible(identified(Kind::NhsNumber, scope), None, &keys),
            SPELLINGS[0],
        )
        .unwrap();
        for position in 0..token.len() {
            for other in (0x20..0x7f).map(char::from) {
                let mut altered = token.clone();
                altered.replace_range(position..=position, other.encode_utf8(&mut [0; 4]));
                assert_eq!(
                    resolve(&resolver, &altered).is_some(),
                    altered == token,
                    "{altered}"
                );
            }
        }
    }
}

#[test]
fn a_token_is_no_identifier_of_any_kind_that_has_a_form() {
    let keys = epochs("a", &[1]);
    for scope in [Scope::Agreement, Scope::Document, Scope::Never] {
        let of = identified(Kind::Text, scope);
        for prepared in [one_way(of.clone(), &keys), reversible(of, None, &keys)] {
            let mut setting = document(9);
            for number in 0..500 {
                // Short and long values, so that tokens have many lengths.
                let value = format!("\"{number}{}\"", "x".repeat(number % 40));
                let token = apply(&prepared, &mut setting, &value)
                    .unwrap_or_else(|| "fg1p-1-aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned());
                for &kind in Kind::ALL {
                    let form = kind.canonical(token.chars(), &mut Canonical::new());
                    // Any text is text, letters and digits are letters and digits.
                    assert!(
                        form == Err(Unfit::Invalid)
                            || matches!(kind, Kind::Text | Kind::UpperAlphanumeric),
                        "{kind:?} {token}"
                    );
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn random_texts_do_not_resolve(text in "(fg1(t|p)?(d|n)?-?[0-9]{0,2}-?)?[a-z2-7]{0,60}|.{0,80}") {
        for format in [None, Some(Shape::Digits)] {
            let resolver = Resolver::new("person", Kind::NhsNumber, format, &epochs("a", &[1]));
            prop_assert_eq!(resolve(&resolver, &text), None);
        }
    }

    #[test]
    fn any_identifier_turns_back_into_its_form(text in "[ -~é٤]{1,60}", scope in 0..3_usize) {
        let scope = [Scope::Agreement, Scope::Document, Scope::Never][scope];
        let keys = epochs("a", &[4]);
        let mut form = Canonical::new();
        if Kind::Text.canonical(text.chars(), &mut form).is_ok() {
            let json = serde_json::to_string(&text).unwrap();
            let token = token(&reversible(identified(Kind::Text, scope), None, &keys), &json).unwrap();
            let resolver = Resolver::new("person", Kind::Text, None, &keys);
            prop_assert_eq!(resolve(&resolver, &token), Some(form.as_str().to_owned()));
        }
    }
}

#[test]
fn p7_nothing_of_a_rules_keys_is_printed() {
    let keys = epochs("a", &[1]);
    let prepared = reversible(identified(Kind::Text, Scope::Agreement), None, &keys);
    let resolver = Resolver::new("person", Kind::Text, None, &keys);
    assert_eq!(
        format!("{prepared:?} {resolver:?}"),
        "Prepared(tokenise, keys not printed) Resolver(keys not printed)"
    );
}
