//! Identifiers planted in every spelling, in every place that a rule transforms: none is found in what leaves, in logs,
//! metrics, problems or the ledger.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const PLANTED: &str = r#"
agreement: planted
version: 1
title: Planted identifiers for Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
basis: { lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.6, assessment: DPIA-1, territory: [GB] }
retention: P6M
purposes: { care: Offer care }
disclosures:
  - name: planted
    purposes: [care]
    request: GET /planted/{number}
    service: { name: social-care, path: "/planted/{number}" }
    parameters: { path: { number: keep } }
    response:
      format: json
      record: "$[*]"
      subject: "@.nhs"
      fields:
        - keep: [ "$[*].kind", "$[*].scores.*" ]
        - tokenise: [ "$[*].nhs" ]
          as: person
          form: nhs-number
        - pseudonymise: [ "$[*].value" ]
          as: thing
        - redact: [ "$[*].notes" ]
          detect: all
          names: [ "@.name" ]
        - link: [ "$[*].next" ]
          templates: [ "/people/{person}?page={page}" ]
          variables: { person: { tokenise: person }, page: keep }
        - generalise: [ "$[*].born" ]
          to: age-band
          width: 10
          top: 90
      names:
        - tokenise: [ "$[*].scores" ]
          as: person
          form: nhs-number
"#;

/// What an identifier is, words that say so, and one that nobody has, compact and in groups.
const IDENTIFIERS: &[(&str, &str, &[&str])] = &[
    ("nhs", "NHS number", &["943", "476", "5919"]),
    ("nino", "National Insurance", &["AB", "12", "34", "56", "C"]),
    ("utr", "UTR", &["19558", "39661"]),
    ("upn", "UPN", &["B801200005001"]),
    ("card", "paid with", &["4111", "1111", "1111", "1111"]),
    (
        "iban",
        "account",
        &["GB82", "WEST", "1234", "5698", "7654", "32"],
    ),
    ("phone", "ring", &["07700", "900123"]),
    ("postcode", "lives at", &["SW1A", "1AA"]),
    ("driver", "licence", &["MORGA657054SM9IJ"]),
    ("vehicle", "drives", &["AB51", "ABC"]),
];

const NAME: &str = "Zebedee Quillfeather";

/// The spellings of an identifier, as they stand in JSON.
fn spellings(groups: &[&str]) -> Vec<String> {
    let joined = |separator: &str| groups.join(separator);
    let compact = joined("");
    let each = |of: fn(char) -> String| compact.chars().map(of).collect::<String>();
    vec![
        compact.clone(),
        joined(" "),
        joined("-"),
        joined("\u{a0}"),
        joined("\\u00a0"),
        joined("\\n"),
        compact.to_lowercase(),
        each(|letter| match letter {
            '0'..='9' => char::from_u32(letter as u32 - 0x30 + 0xff10)
                .unwrap()
                .to_string(),
            other => other.to_string(),
        }),
        each(|letter| format!("\\u{:04x}", letter as u32)),
        each(|letter| format!("{letter}\u{200b}")),
        each(|letter| format!("&#{};", letter as u32)),
    ]
}

/// What a reader would make of a text who wants to see identifiers: letters and digits alone, whatever their form.
fn bare(text: &str) -> String {
    let text = text.replace("\\n", "");
    let mut unescaped = String::new();
    let mut rest = &text[..];
    while let Some(at) = rest.find("\\u") {
        unescaped.push_str(&rest[..at]);
        let code = rest
            .get(at + 2..at + 6)
            .and_then(|code| u32::from_str_radix(code, 16).ok());
        unescaped.extend(code.and_then(char::from_u32));
        rest = rest.get(at + 6..).unwrap_or_default();
    }
    unescaped.push_str(rest);
    for code in ('0' as u32)..=('z' as u32) {
        let letter = char::from_u32(code).unwrap();
        unescaped = unescaped.replace(&format!("&#{code};"), &letter.to_string());
    }
    unescaped
        .chars()
        .map(|letter| match letter as u32 {
            wide @ 0xff10..=0xff19 => char::from_u32(wide - 0xff10 + 0x30).unwrap(),
            _ => letter,
        })
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

#[test]
fn the_search_finds_every_spelling() {
    for (_, _, groups) in IDENTIFIERS {
        for spelling in spellings(groups) {
            let text = format!("some \\u0022text {spelling}. And more");
            assert!(bare(&text).contains(&groups.concat()), "{spelling}");
        }
    }
}

#[test]
fn p1_p7_identifiers_in_any_spelling_are_found_nowhere_but_at_the_council() {
    run(async {
        let mut records = Vec::new();
        for (kind, words, groups) in IDENTIFIERS {
            for spelling in spellings(groups) {
                let (nhs, scores) = match *kind {
                    "nhs" => (spelling.clone(), format!(r#"{{"{spelling}":3}}"#)),
                    _ => ("9990000018".to_owned(), "{}".to_owned()),
                };
                records.push(format!(
                    r#"{{"kind":"{kind}","nhs":"{nhs}","value":"{spelling}","name":"{NAME}","born":"1941-03-07","scores":{scores},"next":"http://care.internal/people/{}?page=2","notes":"Seen by {}, {words} {spelling}, on Monday. QUILLFEATHER, Z. was well.","other":"{spelling}"}}"#,
                    groups.concat(),
                    NAME.to_lowercase(),
                ));
            }
        }
        let count = records.len();
        let body = format!("[{}]", records.join(","));
        let faulty = body.replacen(r#""kind":"phone""#, r#""kind":"phone","kind":1"#, 1);
        let service = Service::scripted(move |head, mut stream| {
            let body = if head.contains("/planted/1 ") {
                body.clone()
            } else {
                faulty.clone()
            };
            async move {
                skip_body(&head, &mut stream).await?;
                stream.write_all(json(&body).as_bytes()).await?;
                Ok(Some(stream))
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup
            .agreements
            .push(("planted.yaml".to_owned(), PLANTED.to_owned()));
        let mut council = setup.start();
        let answer = council.get("/planted/1").await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let released = answer.json();
        let released = released.as_array().unwrap();
        assert_eq!(released.len(), count);
        for record in released {
            let notes = record["notes"].as_str().unwrap();
            assert!(notes.starts_with("Seen by [name]"), "{notes}");
            assert!(notes.ends_with(" was well."), "{notes}");
            assert_eq!(record["born"], "80-89");
        }
        // One person has one token, however the number was spelt, as a value, a member's name and in a link.
        let of_nhs: Vec<_> = released
            .iter()
            .filter(|record| record["kind"] == "nhs")
            .collect();
        let token = of_nhs[0]["nhs"].as_str().unwrap();
        for record in of_nhs.iter().filter(|record| record.get("nhs").is_some()) {
            assert_eq!(record["nhs"], *token);
            assert_eq!(record["scores"][token], 3);
            assert_eq!(record["next"], format!("/people/{token}?page=2"));
        }
        let faulty = council.get("/planted/2").await;
        assert!(
            !faulty.is_whole() || faulty.status() == 502,
            "{}",
            faulty.text()
        );
        // Where nobody expects one: in a path that is none, in a query that was not agreed, in a header.
        let mut problems = String::new();
        for (_, _, groups) in IDENTIFIERS {
            let number = groups.concat();
            for request in [
                care("GET", &format!("/nowhere/{number}"), ""),
                care("GET", &format!("/planted/1?{number}={number}"), ""),
                care("GET", "/nowhere", &format!("X-Person: {number}\r\n")),
            ] {
                problems += &council.send(&request).await.text();
            }
        }
        let metrics = council.metrics().await;
        council.stop().await;
        for (place, text) in [
            ("the answer", answer.text()),
            ("the broken answer", faulty.text()),
            ("the problems", problems),
            ("the metrics", metrics),
            ("the ledger", council.ledger_text()),
            ("the logs", logs()),
        ] {
            let text = bare(&text);
            for (kind, _, groups) in IDENTIFIERS {
                assert!(!text.contains(&groups.concat()), "{place} shows a {kind}");
            }
            assert!(!text.contains("QUILLFEATHER"), "{place} shows a name");
        }
    });
}
