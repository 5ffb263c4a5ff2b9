//! Tokens beside what they are made with: the bare keyed HMAC of the same crate, and the crate `aes-siv` used as its
//! documentation shows, with its key set up for each value.
//!
//! `cargo bench --bench tokens` prints a table; `-- --quick` runs each row once on few values, to see that it still does;
//! `-- --people 1000000` joins the tokens of so many people under two agreements. Ratios are of the same values in the same
//! run, the contestants taking turns, on one core. Ours read a value as it stands in a document, bring it to its canonical
//! form, check it, and append the token as text with its quotes; the peers get the ten digits and stop at bytes, which
//! neither encodes.

use std::collections::HashSet;
use std::hint::black_box;

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;
use fieldgate::identifier::{Canonical, Kind};
use fieldgate::transform::{
    Algorithm, Identified, Prepared, Resolver, RootKey, Setting, Shape, Transform,
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

#[allow(dead_code, reason = "the benches share it")]
mod table;

use table::{Contestant, Rounds, head, line, number, row};

/// Ten-digit numbers that pass the NHS number's check, as JSON strings, and as digits.
fn numbers(count: usize) -> Vec<[u8; 12]> {
    let mut form = Canonical::new();
    let mut numbers = Vec::with_capacity(count);
    let mut next = 4_000_000_000_u64;
    while numbers.len() < count {
        next += 37;
        let text = format!("\"{next}\"");
        let digits = text.trim_matches('"').as_bytes();
        if Kind::NhsNumber.canonical_digits(digits, &mut form).is_ok() {
            numbers.push(
                text.as_bytes()
                    .try_into()
                    .expect("ten digits and two quotes"),
            );
        }
    }
    numbers
}

/// Counts what two agreements' tokens of the same people have in common, which is nothing.
fn join(people: usize) {
    let values = numbers(people);
    let root = RootKey::from_bytes([1; 32]);
    let tokens = |agreement: &str, reversible: bool| {
        let identified = Identified {
            kind: Kind::NhsNumber,
            ..Identified::text("person")
        };
        let transform = match reversible {
            true => Transform::Tokenise {
                identified,
                format: None,
            },
            false => Transform::Pseudonymise(identified),
        };
        let keys = root.agreement(agreement, 1);
        let prepared = Prepared::new(&transform, Some(&keys)).expect("a transform with its keys");
        let mut setting = Setting::default();
        let made = values.iter().map(|value| {
            let mut token = Vec::new();
            prepared
                .apply(value, &mut setting, &mut token)
                .expect("a valid number");
            token
        });
        made.collect::<HashSet<_>>()
    };
    for reversible in [false, true] {
        let (first, second) = (tokens("first", reversible), tokens("second", reversible));
        line(&format!(
            "{people} people, {} and {} tokens under two agreements, {} in common",
            first.len(),
            second.len(),
            first.intersection(&second).count()
        ));
    }
}

fn main() {
    if let Some(people) = std::env::args()
        .skip_while(|argument| argument != "--people")
        .nth(1)
    {
        return join(people.parse().expect("--people takes a number"));
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (count, rounds) = if quick { (1_000, 0) } else { (200_000, 15) };
    let values = numbers(count);
    let spaced: Vec<Vec<u8>> = values
        .iter()
        .map(|value| [&value[..4], b" ", &value[4..7], b" ", &value[7..]].concat())
        .collect();

    let keys = RootKey::from_bytes([1; 32]).agreement("bench", 1);
    let prepared = |transform: Transform| {
        Prepared::new(&transform, Some(&keys)).expect("a transform with its keys")
    };
    let of = |kind| Identified {
        kind,
        ..Identified::text("person")
    };
    let one_way = prepared(Transform::Pseudonymise(of(Kind::NhsNumber)));
    let one_way_text = prepared(Transform::Pseudonymise(of(Kind::Text)));
    let sealed = prepared(Transform::Tokenise {
        identified: of(Kind::NhsNumber),
        format: None,
    });
    let shaped = prepared(Transform::Tokenise {
        identified: of(Kind::NhsNumber),
        format: Some(Shape::Digits),
    });
    let resolver = Resolver::new("person", Kind::NhsNumber, None, &keys);
    let mut tokens = Vec::new();
    for value in &values {
        let mut token = Vec::new();
        sealed
            .apply(value, &mut Setting::default(), &mut token)
            .expect("a valid number");
        tokens.push(token[1..token.len() - 1].to_vec());
    }

    let key = keys.current().key(Algorithm::HmacSha256, "person");
    let bare = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes a key of any length");
    let key = keys.current().key_64(Algorithm::AesSiv, "person");
    let headers: [&[u8]; 3] = [b"fg1", b"person", b"nhs-number"];

    fn each<'a, T: AsRef<[u8]>>(prepared: &'a Prepared, values: &'a [T]) -> Box<dyn FnMut() + 'a> {
        let mut out = Vec::with_capacity(256);
        let mut setting = Setting::default();
        Box::new(move || {
            for value in values {
                out.clear();
                prepared
                    .apply(black_box(value.as_ref()), &mut setting, &mut out)
                    .expect("a valid number");
                black_box(&out);
            }
        })
    }
    let mut contestants: Vec<Contestant<'_>> = vec![
        (
            "bare HMAC-SHA-256, key ready",
            Box::new(|| {
                for value in &values {
                    let mut state = bare.clone();
                    state.update(black_box(&value[1..11]));
                    black_box(state.finalize().into_bytes());
                }
            }),
        ),
        (
            "crate aes-siv, key set up for each value",
            Box::new(|| {
                for value in &values {
                    let mut siv = Aes256Siv::new((&*key).into());
                    black_box(
                        siv.encrypt(headers, black_box(&value[1..11]))
                            .expect("a short value"),
                    );
                }
            }),
        ),
        ("pseudonymise, nhs-number", each(&one_way, &values)),
        (
            "pseudonymise, nhs-number with spaces",
            each(&one_way, &spaced),
        ),
        ("pseudonymise, any text", each(&one_way_text, &values)),
        ("tokenise, nhs-number", each(&sealed, &values)),
        (
            "tokenise, nhs-number, format: digits",
            each(&shaped, &values),
        ),
        (
            "a token turned back",
            Box::new(|| {
                let mut form = Canonical::new();
                for token in &tokens {
                    resolver
                        .resolve(black_box(token), &mut form)
                        .expect("our own token");
                    black_box(&form);
                }
            }),
        ),
    ];
    let took = Rounds::run(&mut contestants, rounds);
    line(&table::surroundings());
    head(&["", "ns a value", "x of bare HMAC", "x of aes-siv"]);
    for (place, (name, _)) in contestants.iter().enumerate() {
        let nanoseconds = took.median(place).as_secs_f64() * 1e9 / count as f64;
        row(&[
            (*name).to_owned(),
            format!("{nanoseconds:.0}"),
            number(took.ratio(place, 0)),
            number(took.ratio(place, 1)),
        ]);
    }
}
