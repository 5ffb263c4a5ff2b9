//! Tokens by rules as people write them: through every format, within every scope, back through `reidentify`, and not
//! from one agreement to another.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use fieldgate::agreement::{AgreementSet, Context, Source, Turned, load_fields};
use fieldgate::identifier::{Canonical, Kind};
use fieldgate::minimise::{BodyFault, FieldOutcome, Limits, Tally, machine};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::{AgreementKeys, Keys, Occasion, Resolver, RootKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::civil::date;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

fn plan_of(agreement: &str, fields: &str) -> Arc<Plan> {
    let root = RootKey::from_bytes([1; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement(agreement, 1)),
        subject: Some(root.subject()),
    };
    let rules = load_fields("fields.yaml", fields).unwrap_or_else(|faults| panic!("{faults}"));
    match Plan::compile(&rules, &keys, &Limits::default()) {
        Ok(plan) => Arc::new(plan),
        Err(faults) => panic!("{fields}: {faults:?}"),
    }
}

fn plan(fields: &str) -> Arc<Plan> {
    plan_of("a", fields)
}

/// What leaves of `pieces` of a body, under the random bytes of one document.
fn run<'a>(
    plan: &Arc<Plan>,
    document: u8,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(String, Tally), BodyFault> {
    let occasion = Occasion {
        document: Some([document; 16]),
        ..Occasion::from(date(2026, 4, 1))
    };
    let mut machine = machine(plan, "", occasion);
    let mut out = Vec::new();
    for piece in pieces {
        machine.push(piece, &mut out).map_err(|error| error.fault)?;
    }
    let tally = machine.finish(&mut out).map_err(|error| error.fault)?;
    Ok((String::from_utf8(out).unwrap(), tally))
}

/// What leaves of `body`, the same at every cut (P8).
fn leaves(plan: &Arc<Plan>, body: &str) -> (String, Tally) {
    let bytes = body.as_bytes();
    let whole = run(plan, 1, [bytes]).unwrap();
    assert_eq!(
        run(plan, 1, bytes.chunks(1)).unwrap(),
        whole,
        "byte by byte"
    );
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(run(plan, 1, [head, tail]).unwrap(), whole, "cut at {cut}");
    }
    whole
}

/// The tokens in `text`.
fn tokens(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("fg1"))
        .collect()
}

const RULES: &str = "
fields:
  - tokenise: ['$[*].nhs']
    as: person
    form: nhs-number
  - pseudonymise: ['$[*].home']
    as: home
    form: postcode
";

#[test]
fn p8_spellings_of_one_person_are_one_token_in_every_format() {
    let json = r#"[{"nhs":9434765919,"home":"po30 1ab"},{"nhs":"943 476 5919","home":"PO301AB"},{"nhs":"943-476-5919","home":" PO30  1AB "},
        {"nhs":"\uff19\uff14\uff13\u00a0476\u00a05919","home":"ＰＯ３０ 1AB"},{"nhs":"943.476.5919","home":"PO30\t1AB"}]"#;
    let csv = "nhs,home\r\n9434765919,po30 1ab\r\n943 476 5919,PO301AB\r\n\"943-476-5919\",\" PO30  1AB \"\r\n943\u{a0}476\u{a0}5919,PO30 1AB\r\n９４３４７６５９１９,PO30 1AB\r\n";
    let xml = "<people><person nhs=\"9434765919\"><home>po30 1ab</home></person><person nhs=\"943&#32;476 5919\"><home>PO301AB</home></person>\
               <person nhs=\"943-476-5919\"><home> PO30 1AB </home></person><person nhs=\"&#xFF19;434765919\"><home>PO30 &#49;AB</home></person></people>";
    let in_xml = "
format: xml
fields:
  - tokenise: [\"$.people.person['@nhs']\"]
    as: person
    form: nhs-number
  - pseudonymise: ['$.people.person.home']
    as: home
    form: postcode
";
    let mut all = BTreeSet::new();
    for (fields, body, people) in [
        (RULES.to_owned(), json, 5),
        (format!("format: csv\n{RULES}"), csv, 5),
        (in_xml.to_owned(), xml, 4),
    ] {
        let (text, tally) = leaves(&plan(&fields), body);
        let found = tokens(&text);
        assert_eq!(found.len(), 2 * people, "{text}");
        assert_eq!(tally.field(FieldOutcome::Tokenise), people as u64);
        assert_eq!(tally.field(FieldOutcome::Pseudonymise), people as u64);
        assert!(!text.contains("943") && !text.contains("PO30"), "{text}");
        all.extend(found.into_iter().map(str::to_owned));
    }
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn p1_what_identifies_nobody_never_leaves_as_a_token() {
    let fields = |extra: &str| {
        format!(
            "fields:
  - pseudonymise: ['$[*].a']
    as: person
    form: nhs-number
    unknown: [Not on spine]
{extra}
  - tokenise: ['$[*].b']
    as: other
"
        )
    };
    let body = r#"[{"a":"UNKNOWN","b":"n/a"},{"a":9999999999,"b":"01/01/1900"},{"a":"000 000 0000","b":""},{"a":"not on spine","b":"TBC"},{"a":"","b":"XXXX"}]"#;
    for extra in ["", "    invalid: mark"] {
        let (text, tally) = leaves(&plan(&fields(extra)), body);
        assert_eq!(text, "[{},{},{},{},{}]");
        assert_eq!(tally.field(FieldOutcome::Mismatch), 10);
    }
    // What fails its check is not beside the valid ones either: it stays behind, or a mark stands for it.
    let body = r#"[{"a":"9434765918"},{"a":"943476591"},{"a":true},{"a":null}]"#;
    assert_eq!(
        leaves(&plan(&fields("")), body).0,
        r#"[{},{},{},{"a":null}]"#
    );
    assert_eq!(
        leaves(&plan(&fields("    invalid: mark")), body).0,
        r#"[{"a":"[invalid nhs-number]"},{"a":"[invalid nhs-number]"},{"a":"[invalid nhs-number]"},{"a":null}]"#
    );
    let refusing = plan(&fields("    on_mismatch: refuse"));
    assert_eq!(
        run(&refusing, 1, [body.as_bytes()]),
        Err(BodyFault::Mismatch)
    );
}

#[test]
fn p8_a_scope_is_kept_at_every_cut_also_around_records_that_stay_behind() {
    let rules = |action: &str, scope: &str| {
        plan(&format!(
            "
record: '$[*]'
release_if: '@.ok == true'
fields:
  - {action}: ['$[*].nhs', '$[*].again']
    as: person
    scope: {scope}
"
        ))
    };
    let body = r#"[{"nhs":"9434765919","again":"943 476 5919","ok":true},{"nhs":"9434765919","again":"9434765919","ok":false},
        {"ok":true,"nhs":"9434765919","again":"9434765919"},{"nhs":"4010232137","again":"UNKNOWN","ok":true}]"#;
    for action in ["pseudonymise", "tokenise"] {
        for (scope, different, in_another) in
            [("agreement", 2, 2), ("document", 2, 4), ("never", 5, 10)]
        {
            let plan = rules(action, scope);
            let (text, _) = leaves(&plan, body);
            let found = tokens(&text);
            assert_eq!(found.len(), 5, "{text}");
            let mut seen: HashSet<&str> = found.into_iter().collect();
            assert_eq!(seen.len(), different, "{action} {scope}");
            let (other, _) = run(&plan, 2, [body.as_bytes()]).unwrap();
            seen.extend(tokens(&other));
            assert_eq!(seen.len(), in_another, "{action} {scope}");
        }
    }
}

#[test]
fn member_names_become_tokens() {
    let plan = plan(
        "
fields:
  - keep: ['$.*.age']
names:
  - tokenise: ['$']
    as: person
    form: nhs-number
",
    );
    let (text, _) = leaves(
        &plan,
        r#"{"943 476 5919":{"age":80},"4010232137":{"age":81},"9434765918":{"age":7}}"#,
    );
    assert_eq!(tokens(&text).len(), 2, "{text}");
    assert!(!text.contains('7') || !text.contains("\"age\":7"), "{text}");
}

#[test]
fn two_agreements_about_the_same_hundred_thousand_people_have_no_token_in_common() {
    let people: String = (0..100_000_u64)
        .map(|number| format!("{},{}\n", 4_000_000_000 + number * 97, number % 900))
        .collect();
    let body = format!("nhs,home\n{people}");
    let rules = "
format: csv
fields:
  - pseudonymise: ['$[*].nhs']
    as: person
  - tokenise: ['$[*].home']
    as: person
";
    let of = |agreement: &str| {
        let (text, _) = run(&plan_of(agreement, rules), 1, [body.as_bytes()]).unwrap();
        let found: HashSet<String> = tokens(&text).into_iter().map(str::to_owned).collect();
        (text, found)
    };
    let (first, of_first) = of("falls-prevention");
    let (again, _) = of("falls-prevention");
    let (second, of_second) = of("free-school-meals");
    assert_eq!(first, again);
    // One person, one token: as many as there are numbers; 0 and the numbers that are fillers are nobody's.
    assert!(of_first.len() > 100_800 && of_first.len() == of_second.len());
    assert!(of_first.is_disjoint(&of_second));
    assert_ne!(first, second);
}

/// NHS numbers that pass their check, from some number on.
fn nhs_numbers() -> impl Iterator<Item = String> {
    let mut form = Canonical::new();
    (4_000_000_000_u64..)
        .map(|number| number.to_string())
        .filter(move |number| Kind::NhsNumber.canonical(number.chars(), &mut form).is_ok())
}

/// How many numbers the attacker tries: `FIELDGATE_TRIES`, of which there are about a thousand million.
fn tries() -> usize {
    let asked = std::env::var("FIELDGATE_TRIES").ok();
    asked.map_or(3_000, |count| {
        count.parse().expect("FIELDGATE_TRIES is a number")
    })
}

#[test]
fn p7_who_tries_all_numbers_against_tokens_without_the_key_finds_nobody() {
    // What the attacker has: this program, the agreement, the tokens of people whose numbers are among those tried.
    let rules = "
fields:
  - pseudonymise: ['$[*].p']
    as: person
    form: nhs-number
  - tokenise: ['$[*].t']
    as: person
    form: nhs-number
";
    let tokens_under = |keys: &AgreementKeys, numbers: &[String]| -> Vec<String> {
        let fields = load_fields("fields.yaml", rules).unwrap();
        let keys = PlanKeys {
            agreement: Some(keys.clone()),
            subject: None,
        };
        let plan = Arc::new(Plan::compile(&fields, &keys, &Limits::default()).unwrap());
        let people: Vec<String> = numbers
            .iter()
            .map(|number| format!(r#"{{"p":{number},"t":{number}}}"#))
            .collect();
        let body = format!("[{}]", people.join(","));
        let (text, _) = run(&plan, 1, [body.as_bytes()]).unwrap();
        let found: Vec<String> = tokens(&text).into_iter().map(str::to_owned).collect();
        assert_eq!(found.len(), 2 * numbers.len());
        found
    };
    let tried: Vec<String> = nhs_numbers().take(tries()).collect();
    let people: Vec<String> = tried.iter().step_by(97).cloned().collect();
    let key = RootKey::from_bytes(*b"the council's own, of 256 bits, ");
    let agreement = "falls-prevention";
    let stolen: HashSet<String> = tokens_under(&key.agreement(agreement, 1), &people)
        .into_iter()
        .collect();
    let stolen_bytes: HashSet<&[u8]> = stolen
        .iter()
        .map(|token| token.rsplit('-').next().unwrap().as_bytes())
        .collect();

    // With the key the loop finds everybody: the key is all there is between them.
    let with_the_key = tokens_under(&key.agreement(agreement, 1), &tried);
    let found = with_the_key.iter().filter(|token| stolen.contains(*token));
    assert_eq!(found.count(), stolen.len());

    // Keys that people guess, and the key one bit off.
    let mut one_bit_off = *b"the council's own, of 256 bits, ";
    one_bit_off[31] ^= 1;
    for guess in [[0; 32], [0xff; 32], [1; 32], one_bit_off] {
        let guess = RootKey::from_bytes(guess).agreement(agreement, 1);
        let made = tokens_under(&guess, &tried);
        assert!(made.iter().all(|token| !stolen.contains(token)));
        let resolver = Resolver::new("person", Kind::NhsNumber, None, &guess);
        let mut out = Canonical::new();
        for token in &stolen {
            assert!(resolver.resolve(token.as_bytes(), &mut out).is_err());
        }
    }
    // Another agreement of the same council, another epoch: who may ask for tokens there learns none of these.
    for keys in [key.agreement("meals", 1), key.agreement(agreement, 2)] {
        let made = tokens_under(&keys, &tried);
        assert!(made.iter().all(|token| !stolen.contains(token)));
    }
    // Hashes without a key, and with what everybody knows as one.
    for number in &tried {
        for text in [number.clone(), format!("\"{number}\"")] {
            let mut made = vec![Sha256::digest(&text)[..16].to_vec()];
            for known in ["", agreement, "fg1", "person", "island-health"] {
                let mut mac = Hmac::<Sha256>::new_from_slice(known.as_bytes()).unwrap();
                mac.update(text.as_bytes());
                made.push(mac.finalize().into_bytes()[..16].to_vec());
            }
            for bytes in made {
                assert!(!stolen_bytes.contains(base32(&bytes).as_bytes()));
            }
        }
    }
}

/// Lower-case base32 (RFC 4648 §6) without padding.
fn base32(bytes: &[u8]) -> String {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let letters = bits.chunks(5).map(|five| {
        let value = five.iter().fold(0, |value, bit| value << 1 | bit) << (5 - five.len());
        char::from(b"abcdefghijklmnopqrstuvwxyz234567"[usize::from(value)])
    });
    letters.collect()
}

const AGREEMENT: &str = "agreement: first
version: 1
title: First
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2027-03-31 }
purposes: { care: Care }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /first/{person}
    service: { name: social-care, path: '/adults/{person}' }
    parameters:
      path: { person: { reidentify: person } }
    response:
      format: json
      fields:
        - tokenise: [$.nhs]
          as: person
          form: nhs-number
        - link: [$.next]
          templates: ['/adults/{person}/contacts?page={page}']
          variables: { person: { tokenise: person }, page: keep }
";

fn load(texts: &[&str]) -> Result<AgreementSet, Vec<String>> {
    let names = ["a.yaml", "b.yaml", "c.yaml", "d.yaml"];
    let sources: Vec<Source<'_>> = names
        .iter()
        .zip(texts)
        .map(|(name, text)| Source { name, text })
        .collect();
    let context = Context {
        keys: Some(Keys::from_root(RootKey::from_bytes([3; 32]))),
        ..Context::alone(TimeZone::UTC)
    };
    AgreementSet::load(&sources, &context)
        .map_err(|faults| faults.to_string().lines().map(str::to_owned).collect())
}

fn second(partner: &str) -> String {
    AGREEMENT
        .replace("agreement: first", "agreement: second")
        .replace("/first/", "/second/")
        .replace("partner: island-health", &format!("partner: {partner}"))
}

fn response(set: &AgreementSet, agreement: &str, body: &str) -> String {
    let agreement = set.agreement(agreement).unwrap();
    run(&agreement.disclosures[0].released, 1, [body.as_bytes()])
        .unwrap()
        .0
}

fn resolved(set: &AgreementSet, agreement: &str, token: &str) -> Option<String> {
    let agreement = set.agreement(agreement).unwrap();
    let mut out = Canonical::new();
    let Turned::Back(resolver) = &agreement.disclosures[0].identifiers.path["person"] else {
        panic!("a partner brings tokens");
    };
    resolver
        .resolve(token.as_bytes(), &mut out)
        .ok()
        .map(|()| out.as_str().to_owned())
}

const PERSON: &str =
    r#"{"nhs":"943 476 5919","next":"http://care.internal/adults/9434765919/contacts?page=2"}"#;

#[test]
fn a_partner_comes_back_with_a_token_from_a_field_or_a_link() {
    let set = load(&[AGREEMENT, &second("island-health")]).unwrap();
    let text = response(&set, "first", PERSON);
    let found = tokens(&text);
    assert_eq!(found.len(), 2, "{text}");
    assert_eq!(
        found[0], found[1],
        "a link's token is the field's, though the link's rule does not say the form again"
    );
    assert_eq!(
        resolved(&set, "first", found[0]).as_deref(),
        Some("9434765919")
    );
    assert_eq!(
        resolved(&set, "second", found[0]),
        None,
        "another agreement of the same partner"
    );
}

#[test]
fn linked_agreements_of_one_partner_share_tokens_if_both_say_so() {
    let linked = |text: &str| format!("{text}link: adults\n");
    let (one, other) = (linked(AGREEMENT), linked(&second("island-health")));
    let set = load(&[&one, &other]).unwrap();
    let (text, same) = (
        response(&set, "first", PERSON),
        response(&set, "second", PERSON),
    );
    assert_eq!(text, same);
    assert_eq!(
        resolved(&set, "second", tokens(&text)[0]).as_deref(),
        Some("9434765919")
    );
    assert_eq!(
        set.agreement("first").unwrap().key_owner(),
        "link.island-health.adults"
    );
    // Their tokens are not those of the agreement alone.
    let alone = load(&[AGREEMENT]).unwrap();
    assert_ne!(response(&alone, "first", PERSON), text);

    let says_alone = |file: &str, partner: &str| {
        format!(
            "{file}:23:7: no other agreement with {partner} is linked in `adults`; write link: adults in the other one too, or leave it out here"
        )
    };
    assert_eq!(
        load(&[&one]).unwrap_err(),
        [says_alone("a.yaml", "island-health")]
    );
    assert_eq!(
        load(&[&one, &second("island-health")]).unwrap_err(),
        [says_alone("a.yaml", "island-health")]
    );
    // A group of the same name is another partner's own.
    assert_eq!(
        load(&[&one, &linked(&second("mainland-health"))]).unwrap_err(),
        [
            says_alone("a.yaml", "island-health"),
            says_alone("b.yaml", "mainland-health")
        ]
    );
    let third = linked(&second("mainland-health"));
    let fourth = third.replace("second", "third");
    let set = load(&[&one, &other, &third.replace("second", "fourth"), &fourth]).unwrap();
    let theirs = response(&set, "third", PERSON);
    assert_eq!(theirs, response(&set, "fourth", PERSON));
    assert_ne!(tokens(&theirs)[0], tokens(&text)[0]);
    let otherwise = other.replace("form: nhs-number", "form: text");
    assert_eq!(
        load(&[&one, &otherwise]).unwrap_err(),
        [
            "b.yaml:23:7: `person` is text here and nhs-number in the linked agreement first, so that its tokens would not link; write the same `form` in both"
        ]
    );
}

#[test]
fn an_option_that_does_not_fit_is_told_with_its_place_and_what_to_write_instead() {
    for (from, to, expected) in [
        (
            "form: nhs-number",
            "form: nhs",
            "a.yaml:19:17: `form` has an unknown word; this version has text, digits, upper-alphanumeric, nhs-number, chi-number, hc-number, nino, upn, utr, uprn, postcode, email, phone, name, date, driver-number, passport, vehicle-registration, iban, payment-card, sort-code-and-account",
        ),
        (
            "form: nhs-number",
            "scope: day",
            "a.yaml:19:18: `scope` has an unknown word; this version has agreement, document, never",
        ),
        (
            "form: nhs-number",
            "form: nino\n          format: alphanumeric",
            "a.yaml:17:22: only identifiers with a check digit keep their format, so that a token is never somebody's number: digits for nhs-number, chi-number, hc-number, utr and payment-card, alphanumeric for upn; write one of these as `form`, or leave `format` out",
        ),
        (
            "form: nhs-number",
            "form: nhs-number\n          format: digits\n          scope: document",
            "a.yaml:17:22: a token that keeps its format links in the whole agreement, for it has no room for anything else; leave `scope` or `format` out",
        ),
        (
            "          as: person\n          form: nhs-number",
            "          form: nhs-number",
            "a.yaml:17:11: `tokenise` needs `as`; write for example as: person",
        ),
        (
            "form: nhs-number",
            "form: nhs-number\n        - pseudonymise: [$.child]\n          as: person",
            "a.yaml:20:26: `person` is nhs-number in line 17 and text here, so that its tokens would not link; write the same `form` in both, or another name after `as`",
        ),
        (
            "- tokenise: [$.nhs]",
            "- pseudonymise: [$.nhs]\n          format: digits",
            "a.yaml:18:11: `format` is not an option of `pseudonymise`, only of tokenise; leave it out",
        ),
    ] {
        let text = AGREEMENT.replacen(from, to, 1);
        assert_ne!(text, AGREEMENT);
        let faults = load(&[&text]).map(|_| ()).unwrap_err();
        assert!(faults[0].starts_with(expected), "{faults:#?}");
        assert_eq!(faults.len(), 1, "{faults:#?}");
    }
}

#[test]
fn a_review_says_what_tokens_are_of() {
    let set = load(&[AGREEMENT]).unwrap();
    let review = set.agreement("first").unwrap().review(date(2026, 5, 1));
    let tokens: Vec<_> = review
        .tokens
        .iter()
        .map(|of| {
            (
                of.namespace.as_str(),
                of.form.clone(),
                of.reversible,
                of.format,
            )
        })
        .collect();
    assert_eq!(tokens, [("person", "nhs-number".to_owned(), true, None)]);
}
