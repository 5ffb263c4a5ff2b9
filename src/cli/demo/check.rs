//! What the demo should show, worked out from the council's records without any of fieldgate's own rules.

use http::StatusCode;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::client::Answer;
use super::council::SERVER_NAME;
use super::{Behind, HEALTH, PARTNERS, Partner, REFUSED_PURPOSE, Seen};

/// Where what was seen differs from what it should be, a sentence each.
pub(super) fn differences(seen: &Seen, behind: &Behind) -> Vec<String> {
    let account = &behind.account;
    let mut differences = Vec::new();
    let mut expect = |holds: bool, otherwise: String| {
        if !holds {
            differences.push(otherwise);
        }
    };

    for (partner, answer) in PARTNERS.iter().zip(&seen.shared) {
        let name = partner.name;
        expect(
            answer.status == StatusCode::OK,
            format!("{name} gets {} instead of its records", answer.status),
        );
        let right = expected(*partner, &seen.held);
        let got = without_tokens(answer.json());
        expect(
            got == right,
            format!("{name} gets {got}\n    instead of {right}"),
        );
        expect(
            !format!("{:?}", answer.headers).contains(SERVER_NAME)
                && !answer.headers.contains_key("set-cookie"),
            format!("{name} gets headers that no rule keeps"),
        );
    }

    let [of_health, of_housing] = [&seen.shared[0], &seen.shared[1]].map(tokens);
    let are_tokens = |tokens: &[String]| {
        tokens.len() == sharing(&seen.held).count() && tokens.iter().all(|token| is_token(token))
    };
    expect(
        are_tokens(&of_health) && are_tokens(&of_housing),
        "not every NHS number becomes a token".to_owned(),
    );
    expect(
        of_health.iter().all(|token| !of_housing.contains(token)),
        "the two partners' tokens can be joined".to_owned(),
    );
    expect(
        behind.over_tls.body == seen.shared[0].body,
        format!("{} gets something else with its certificate", HEALTH.name),
    );

    let (path, by_token) = &seen.by_token;
    let first = &seen.held[0];
    let mut got = by_token.json();
    let token = got["nhsNumber"].take();
    let right = json!({
        "nhsNumber": null,
        "mobility": { "aid": first["mobility"]["aid"], "stairs": first["mobility"]["stairs"] },
        "falls": each(&first["falls"], "date"),
    });
    expect(
        got == right && token.as_str() == path.strip_prefix("/people/"),
        format!("{} does not get the first record by its token", HEALTH.name),
    );

    let problem = seen.refused.json();
    expect(
        seen.refused.status == StatusCode::FORBIDDEN && problem["reason"] == "purpose_not_agreed",
        format!("the purpose {REFUSED_PURPOSE} is not refused as one that is not agreed"),
    );
    expect(
        problem.to_string().contains(HEALTH.purpose),
        "the refusal does not say what is agreed".to_owned(),
    );

    expect(
        behind.metrics.status == StatusCode::OK,
        "there are no metrics".to_owned(),
    );
    let everywhere = [
        ("the first partner", &seen.shared[0].body[..]),
        ("the second partner", &seen.shared[1].body),
        ("the answer by token", &by_token.body),
        ("the refusal", &seen.refused.body),
        ("the metrics", &behind.metrics.body),
        ("the ledger", seen.ledger.concat().as_bytes()),
    ]
    .map(|(place, bytes)| (place, String::from_utf8_lossy(bytes).into_owned()));
    for record in &seen.held {
        for (what, value) in never_shared(record) {
            for (place, text) in &everywhere {
                expect(
                    !text.contains(&value),
                    format!("{place} shows somebody's {what}"),
                );
            }
        }
    }

    expect(
        account.fault.is_none(),
        format!("the ledger is broken: {:?}", account.fault),
    );
    // Both partners, the first once more by token and once over TLS.
    expect(
        (
            account.entered("intent"),
            account.entered("release"),
            account.entered("refusal"),
        ) == (4, 4, 1),
        format!(
            "the ledger has {} intents, {} releases and {} refusals instead of 4, 4 and 1",
            account.entered("intent"),
            account.entered("release"),
            account.entered("refusal")
        ),
    );
    differences
}

/// Those who agree to sharing.
fn sharing(held: &[Value]) -> impl Iterator<Item = &Value> {
    held.iter()
        .filter(|record| record["consent"]["sharing"] == json!(true))
}

/// What `partner` should get of the records, tokens left out.
fn expected(partner: Partner, held: &[Value]) -> Value {
    let item = |record: &Value| {
        if partner == HEALTH {
            let year = record["dateOfBirth"]
                .as_str()
                .and_then(|date| date.parse::<Date>().ok())
                .map(|date| json!(date.year().to_string()));
            let mut item = Map::new();
            // What is no date leaves nothing, not even its name.
            item.extend(year.map(|year| ("dateOfBirth".to_owned(), year)));
            item.insert(
                "household".to_owned(),
                each(&record["household"], "relationship"),
            );
            item.insert(
                "mobility".to_owned(),
                json!({ "aid": record["mobility"]["aid"], "stairs": record["mobility"]["stairs"] }),
            );
            item.insert("falls".to_owned(), each(&record["falls"], "date"));
            item.insert("notes".to_owned(), json!(without_people(record)));
            Value::Object(item)
        } else {
            let home = &record["address"];
            let postcode = home["postcode"].as_str().unwrap_or_default();
            let masked: String = postcode.chars().take(3).chain("****".chars()).collect();
            json!({ "address": {
                "postcode": masked,
                "tenure": home["tenure"],
                "heating": home["heating"],
                "energyRating": home["energyRating"],
            } })
        }
    };
    json!({ "items": sharing(held).map(item).collect::<Vec<_>>() })
}

/// The notes of a record without the names and telephone numbers that the record itself has.
fn without_people(record: &Value) -> String {
    let mut notes = record["notes"].as_str().unwrap_or_default().to_owned();
    let household = || record["household"].as_array().into_iter().flatten();
    for phone in household().filter_map(|one| one["phone"].as_str()) {
        notes = notes.replace(phone, "[phone number]");
    }
    let names = household()
        .map(|one| &one["name"])
        .chain([&record["name"]["given"], &record["name"]["family"]]);
    for name in names
        .filter_map(Value::as_str)
        .flat_map(str::split_whitespace)
    {
        notes = notes.replace(name, "[name]");
    }
    notes
}

/// Of each element of `list`, its member `name` alone.
fn each(list: &Value, name: &str) -> Value {
    let elements = list.as_array().into_iter().flatten();
    elements
        .map(|element| json!({ name: element[name] }))
        .collect()
}

fn without_tokens(mut answer: Value) -> Value {
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        if let Some(members) = item.as_object_mut() {
            members.shift_remove("nhsNumber");
        }
    }
    answer
}

fn tokens(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let items = answer["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["nhsNumber"].as_str().map(str::to_owned))
        .collect()
}

/// What says that it is a token of the first epoch, then at least 128 bits in base32: nothing that anybody could take for
/// a number.
fn is_token(text: &str) -> bool {
    let digits = text
        .strip_prefix("fg1p-1-")
        .or_else(|| text.strip_prefix("fg1t-1-"));
    digits.is_some_and(|digits| {
        digits.len() >= 26
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'a'..=b'z' | b'2'..=b'7'))
    })
}

/// What nobody but the council sees of a record, with a word for each.
fn never_shared(record: &Value) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut see = |what, value: &Value| found.extend(value.as_str().map(|v| (what, v.to_owned())));
    see("NHS number", &record["nhsNumber"]);
    see(
        "National Insurance number",
        &record["nationalInsuranceNumber"],
    );
    see("referral", &record["referral"]);
    see("family name", &record["name"]["family"]);
    see("date of birth", &record["dateOfBirth"]);
    see("street", &record["address"]["line1"]);
    see("postcode", &record["address"]["postcode"]);
    for contact in record["contacts"].as_array().into_iter().flatten() {
        see("contact", &contact["value"]);
    }
    for relative in record["household"].as_array().into_iter().flatten() {
        see("relative", &relative["name"]);
        see("relative's number", &relative["phone"]);
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;
    use crate::cli::demo::{HOUSING, council};
    use crate::ledger::verify::verify;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        }
    }

    /// What the page should show, with tokens that start with `letter`.
    fn shared(partner: Partner, letter: char) -> Answer {
        let mut body = expected(partner, &council::adults());
        let items = body["items"].as_array_mut().unwrap();
        for (item, digit) in items.iter_mut().zip('a'..) {
            item["nhsNumber"] = json!(format!("fg1p-1-{letter}{digit}{}", "a".repeat(24)));
        }
        answer(200, &body)
    }

    fn by_token() -> Answer {
        let first = &council::adults()[0];
        answer(
            200,
            &json!({
                "nhsNumber": "fg1t-1-a",
                "mobility": { "aid": first["mobility"]["aid"], "stairs": first["mobility"]["stairs"] },
                "falls": each(&first["falls"], "date"),
            }),
        )
    }

    fn as_it_should_be() -> (Seen, Behind) {
        let problem =
            json!({ "reason": "purpose_not_agreed", "agreed_purposes": [HEALTH.purpose] });
        let mut account = verify::<&[u8]>([], None).unwrap();
        for (event, count) in &mut account.events {
            *count = match *event {
                "intent" | "release" => 4,
                _ => 1,
            };
        }
        let seen = Seen {
            held: council::adults(),
            shared: [shared(HEALTH, 'h'), shared(HOUSING, 'i')],
            by_token: ("/people/fg1t-1-a".to_owned(), by_token()),
            refused: answer(403, &problem),
            ledger: vec!["{}".to_owned()],
        };
        let behind = Behind {
            over_tls: shared(HEALTH, 'h'),
            metrics: answer(200, &json!("fieldgate_requests_total")),
            account,
        };
        (seen, behind)
    }

    #[test]
    fn what_is_as_it_should_be_has_no_differences() {
        let (seen, behind) = as_it_should_be();
        assert_eq!(differences(&seen, &behind), Vec::<String>::new());
    }

    #[test]
    fn whatever_else_is_seen_is_a_difference() {
        type Spoil = fn(&mut Seen, &mut Behind);
        let rows: [(&str, Spoil); 11] = [
            ("shows somebody's NHS number", |seen, _| {
                seen.shared[1] = answer(200, &json!({ "items": seen.held }));
            }),
            ("island-health gets", |seen, _| {
                seen.shared[0] = answer(200, &json!({ "items": [] }));
            }),
            ("isle-housing gets 502", |seen, _| {
                seen.shared[1].status = StatusCode::BAD_GATEWAY;
            }),
            ("headers that no rule keeps", |seen, _| {
                let value = SERVER_NAME.parse().unwrap();
                seen.shared[0].headers.insert("server", value);
            }),
            ("tokens can be joined", |seen, _| {
                seen.shared[1] = shared(HOUSING, 'h');
            }),
            ("not every NHS number", |seen, _| {
                seen.shared[0] = answer(200, &expected(HEALTH, &seen.held));
            }),
            ("with its certificate", |seen, behind| {
                behind.over_tls = seen.shared[1].clone();
            }),
            ("is not refused", |seen, _| {
                seen.refused.status = StatusCode::OK
            }),
            ("the ledger shows somebody's street", |seen, _| {
                seen.ledger
                    .push(seen.held[0]["address"]["line1"].to_string());
            }),
            ("by its token", |seen, _| {
                seen.by_token.0 = "/people/9990000018".to_owned();
            }),
            ("2 intents", |_, behind| behind.account.events[1].1 = 2),
        ];
        for (text, spoil) in rows {
            let (mut seen, mut behind) = as_it_should_be();
            spoil(&mut seen, &mut behind);
            let found = differences(&seen, &behind).join("\n");
            assert!(found.contains(text), "{text}: {found}");
        }
    }

    #[test]
    fn nobody_in_the_demo_can_be_somebody() {
        for adult in council::adults() {
            let nhs = adult["nhsNumber"].as_str().unwrap();
            let digits: Vec<u32> = nhs
                .chars()
                .map(|digit| digit.to_digit(10).unwrap())
                .collect();
            let sum: u32 = digits
                .iter()
                .zip((2..=10).rev())
                .map(|(d, weight)| d * weight)
                .sum();
            assert!(nhs.starts_with("999") && digits.len() == 10, "{nhs}");
            assert_eq!((11 - sum % 11) % 11, digits[9], "{nhs}");
            assert!(
                adult["nationalInsuranceNumber"]
                    .as_str()
                    .unwrap()
                    .starts_with("QQ")
            );
            assert!(
                adult["address"]["postcode"]
                    .as_str()
                    .unwrap()
                    .starts_with("ZZ")
            );
            let telephones = adult["household"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| &one["phone"]);
            let contacts = adult["contacts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| &one["value"]);
            for value in telephones.chain(contacts) {
                let value = value.as_str().unwrap();
                let reserved = ["07700 900", "01632 960"]
                    .iter()
                    .any(|range| value.starts_with(range));
                assert!(reserved || value.ends_with("@example.org"), "{value}");
            }
        }
    }
}
