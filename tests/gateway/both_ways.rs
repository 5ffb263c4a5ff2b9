//! Identifiers go both ways as tokens: a partner walks an API without holding one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::harness::*;

/// A FHIR API in pages: conditions refer to patients, a patient is read by what a condition refers to.
const WALK: &str = r#"
agreement: walk
version: 1
title: Conditions for Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
basis: { lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.6, assessment: DPIA-1, territory: [GB] }
retention: P6M
purposes: { care: Offer care }
disclosures:
  - name: conditions
    purposes: [care]
    request: GET /fhir/Condition
    service: { name: social-care, path: /r4/Condition }
    parameters: { query: { keep: [page], tokens: { patient: { reidentify: person } } } }
    response:
      format: json
      fields:
        - keep: [ $.resourceType, "$.entry[*].resource.code.text", "$.link[*].relation" ]
        - link: [ "$.entry[*].resource.subject.reference" ]
          templates: [ "Patient/{person}" ]
          variables: { person: { tokenise: person } }
        - link: [ "$.link[*].url" ]
          templates:
            - { from: "/r4/Condition?page={page}", to: "/fhir/Condition?page={page}" }
            - { from: "/r4/Condition?patient={person}&page={page}", to: "/fhir/Condition?patient={person}&page={page}" }
          variables: { person: { tokenise: person }, page: keep }
  - name: patient
    purposes: [care]
    request: GET /fhir/Patient/{person}
    service: { name: social-care, path: "/r4/Patient/{person}" }
    parameters:
      path: { person: { reidentify: person } }
      headers: { tokens: { x-carer: { reidentify: person } } }
    response:
      format: json
      links:
        headers: [ content-location, link ]
        templates: [ { from: "/r4/Patient/{person}", to: "/fhir/Patient/{person}" } ]
        variables: { person: { tokenise: person } }
      fields:
        - keep: [ $.resourceType, $.gender ]
        - tokenise: [ $.id ]
          as: person
        - generalise: [ $.birthDate ]
          to: year
  - name: flag
    purposes: [care]
    request: POST /fhir/Flag
    service: { name: social-care, path: /r4/Flag }
    request_body:
      format: json
      fields:
        - keep: [ $.code ]
        - reidentify: [ $.patient ]
          as: person
    response: { format: json, fields: [ { keep: [ $.status ] } ] }
"#;

const PATIENTS: usize = 7;
const PAGE: usize = 3;

/// What the service holds: patients by their id, and conditions with the id of whose they are.
struct Records {
    patients: BTreeMap<String, String>,
    conditions: Vec<(String, String)>,
}

impl Records {
    fn invented() -> Self {
        let ids = (0..PATIENTS).map(|n| format!("7f3a{n:04}-0b1c-4d2e-8f3a-{:012}", n * 7919));
        let patient = |id: String| {
            let patient = format!(
                r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"value":"MR{id}"}}],"name":[{{"family":"Of {id}"}}],"gender":"other","birthDate":"1941-03-07"}}"#
            );
            (id, patient)
        };
        let patients: BTreeMap<String, String> = ids.map(patient).collect();
        let condition = |id: &String| {
            let condition = format!(
                r#"{{"id":"c-{id}","code":{{"text":"Fall"}},"subject":{{"reference":"Patient/{id}"}},"note":"{id}"}}"#
            );
            (id.clone(), condition)
        };
        let conditions = patients
            .keys()
            .cycle()
            .take(4 * PATIENTS)
            .map(condition)
            .collect();
        Self {
            patients,
            conditions,
        }
    }

    /// Those that Pathling publishes; `None` where the corpora are not there.
    fn published() -> Option<Self> {
        let corpora = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
            PathBuf::from,
        );
        let lines = |name: &str| {
            let path = corpora
                .join("fhir-synthea/pathling/import-data/ndjson")
                .join(name);
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let patients = lines("Patient.ndjson")?.into_iter().map(|line| {
            let id = read(&line)["id"].as_str().unwrap().to_owned();
            (id, line)
        });
        let conditions = lines("Condition.ndjson")?.into_iter().map(|line| {
            let reference = read(&line)["subject"]["reference"]
                .as_str()
                .unwrap()
                .to_owned();
            (reference["Patient/".len()..].to_owned(), line)
        });
        Some(Self {
            patients: patients.collect(),
            conditions: conditions.collect(),
        })
    }

    /// What no partner may see of a patient: its id, and all that its identifiers, names and telephones say.
    fn secrets(&self) -> BTreeSet<String> {
        let mut secrets: BTreeSet<String> = self.patients.keys().cloned().collect();
        for patient in self.patients.values() {
            let patient: Value = serde_json::from_str(patient).unwrap();
            let of = |list: &str, member: &str| -> Vec<String> {
                let values = patient[list].as_array().into_iter().flatten();
                let texts = values.filter_map(|value| value[member].as_str());
                texts
                    .filter(|text| text.len() > 6)
                    .map(str::to_owned)
                    .collect()
            };
            secrets.extend(of("identifier", "value"));
            secrets.extend(of("name", "family"));
            secrets.extend(of("telecom", "value"));
        }
        secrets
    }

    /// A bundle of the conditions that `query` asks for.
    fn bundle(&self, query: &str) -> String {
        let of = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(found, value)| (found == name).then(|| value.to_owned()))
        };
        let page: usize = of("page").map_or(1, |page| page.parse().unwrap());
        let (size, patient) = (
            self.conditions
                .len()
                .min(PAGE)
                .max(self.conditions.len() / 10),
            of("patient"),
        );
        let chosen: Vec<&String> = self
            .conditions
            .iter()
            .filter(|(id, _)| patient.as_ref().is_none_or(|patient| patient == id))
            .map(|(_, condition)| condition)
            .collect();
        let entries: Vec<String> = chosen
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|condition| format!(r#"{{"fullUrl":"urn:uuid:{page}","resource":{condition}}}"#))
            .collect();
        let of_patient = patient.map_or(String::new(), |id| format!("patient={id}&"));
        let link = |relation: &str, page: usize| {
            format!(
                r#"{{"relation":"{relation}","url":"http://fhir.internal:8080/r4/Condition?{of_patient}page={page}"}}"#
            )
        };
        let mut links = vec![link("self", page)];
        if page * size < chosen.len() {
            links.push(link("next", page + 1));
        }
        format!(
            r#"{{"resourceType":"Bundle","link":[{}],"entry":[{}]}}"#,
            links.join(","),
            entries.join(",")
        )
    }

    fn answer(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let patient = path
            .strip_prefix("/r4/Patient/")
            .and_then(|id| Some((id, self.patients.get(id)?)));
        match patient {
            Some((id, patient)) => json_with(
                &format!(
                    "Content-Location: http://fhir.internal/r4/Patient/{id}\r\nLink: </r4/Patient/{id}>; rel=\"self\", </people/{id}>; rel=\"up\"\r\n"
                ),
                patient,
            ),
            None if path == "/r4/Condition" => json(&self.bundle(query)),
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        }
    }
}

async fn fhir(records: Records) -> Service {
    let records = Rc::new(records);
    Service::scripted(move |head, mut stream| {
        let records = Rc::clone(&records);
        async move {
            skip_body(&head, &mut stream).await?;
            let target = head.split(' ').nth(1).unwrap_or_default();
            stream.write_all(records.answer(target).as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await
}

fn setup(service: &Service) -> Setup {
    let mut setup = Setup::with(service.address);
    setup
        .agreements
        .push(("walk.yaml".to_owned(), WALK.to_owned()));
    setup
}

/// All conditions from `path` on, page after page as the links say; gives what they refer to.
async fn walk(council: &Council, path: &str, seen: &mut String) -> Vec<String> {
    let mut references = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take() {
        let answer = council.get(&path).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        seen.push_str(&answer.text());
        let bundle = answer.json();
        for entry in bundle["entry"].as_array().unwrap() {
            let reference = entry["resource"]["subject"]["reference"].as_str().unwrap();
            references.push(reference.to_owned());
        }
        next = bundle["link"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["relation"] == "next")
            .map(|link| link["url"].as_str().unwrap().to_owned());
    }
    references
}

/// Walks from the list of conditions to each patient and on to that patient's own, and looks for what may not be seen.
fn walk_all(records: Records) {
    run(async {
        let secrets = records.secrets();
        let (patients, all) = (records.patients.len(), records.conditions.len());
        let service = fhir(records).await;
        let mut council = setup(&service).start();
        let mut seen = String::new();
        let references = walk(&council, "/fhir/Condition", &mut seen).await;
        assert_eq!(references.len(), all);
        let people: BTreeSet<&String> = references.iter().collect();
        assert!(people.len() <= patients && people.len() > 1);
        for reference in people {
            let token = reference.strip_prefix("Patient/").unwrap();
            let answer = council.get(&format!("/fhir/{reference}")).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            seen.push_str(&answer.text());
            // One person is one token: in a link, as a value, in a header.
            assert_eq!(answer.json()["id"], *token);
            assert_eq!(answer.json()["birthDate"].as_str().map(str::len), Some(4));
            let head = answer.head();
            assert!(
                head.contains(&format!("content-location: /fhir/patient/{token}\r\n")),
                "{head}"
            );
            assert!(
                head.contains(&format!("link: </fhir/patient/{token}>; rel=\"self\"")),
                "{head}"
            );
            let own = walk(
                &council,
                &format!("/fhir/Condition?patient={token}"),
                &mut seen,
            )
            .await;
            let expected = references.iter().filter(|other| *other == reference);
            assert_eq!(own.len(), expected.count());
            assert!(own.iter().all(|other| other == reference));
        }
        assert!(!seen.contains("fhir.internal"));
        let asked = service.requests().concat();
        assert!(!asked.contains("fg1"), "the service gets identifiers");
        let metrics = council.metrics().await;
        council.stop().await;
        for text in [&seen, &logs(), &metrics, &council.ledger_text()] {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "somebody shows");
            }
        }
    });
}

#[test]
fn p1_p2_p7_a_partner_walks_a_fhir_api_without_a_real_identifier() {
    walk_all(Records::invented());
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped should be seen")]
fn p1_p2_p7_a_partner_walks_published_records_without_a_real_identifier() {
    match Records::published() {
        Some(records) => walk_all(records),
        None => eprintln!("skipped: no corpora with fhir-synthea here"),
    }
}

/// The token of the patient whose id is `id`, as a partner gets it.
async fn token_of(id: &str) -> String {
    let condition = format!(r#"{{"subject":{{"reference":"Patient/{id}"}}}}"#);
    let service = fhir(Records {
        patients: BTreeMap::new(),
        conditions: vec![(id.to_owned(), condition)],
    })
    .await;
    let council = setup(&service).start();
    let references = walk(&council, "/fhir/Condition", &mut String::new()).await;
    references[0]["Patient/".len()..].to_owned()
}

#[test]
fn p2_tokens_in_paths_headers_and_bodies_reach_the_service_as_what_they_stand_for() {
    run(async {
        // Another gateway of the same controller has the same keys, so it resolves the same tokens (P8). What they
        // stand for is in canonical form, however it was spelt.
        let token = token_of("943%20476%205919").await;
        let bodies = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let noted = Rc::clone(&noted);
            async move {
                let body = skip_body(&head, &mut stream).await?;
                noted.borrow_mut().push(body);
                stream
                    .write_all(json(r#"{"status":"active"}"#).as_bytes())
                    .await?;
                Ok(Some(stream))
            }
        })
        .await;
        let council = setup(&service).start();
        let body = format!(r#"{{"code":"fall","patient":"{token}","more":1}}"#);
        let head = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = council
            .send(&(care("POST", "/fhir/Flag", &head) + &body))
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(
            bodies.borrow()[0],
            br#"{"code":"fall","patient":"9434765919"}"#
        );
        let more = format!("X-Carer: {token}\r\n");
        let answer = council
            .send(&care("GET", &format!("/fhir/Patient/{token}"), &more))
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let asked = service.requests()[1].clone();
        assert!(asked.contains("x-carer: 9434765919\r\n"), "{asked}");
        assert!(asked.contains("GET /r4/Patient/9434765919 "), "{asked}");
    });
}

#[test]
fn p6_whatever_is_no_token_of_the_agreement_is_refused_alike() {
    run(async {
        let id = "7f3a0001-0b1c-4d2e-8f3a-000000007919";
        let token = token_of(id).await;
        let service = fhir(Records::invented()).await;
        let mut council = setup(&service).start();
        let mut bad = vec![
            id.to_owned(),
            "9434765919".to_owned(),
            "fg1t-1-".to_owned(),
            "fg1t-2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            token.to_ascii_uppercase(),
            format!("{token}a"),
            token[..token.len() - 1].to_owned(),
            token.replacen("fg1t-1-", "fg1t-2-", 1),
            token.replacen("fg1t-", "fg1p-", 1),
        ];
        // Each of its characters altered.
        for (at, letter) in token.char_indices().skip("fg1t-1-".len()) {
            let other = if letter == 'a' { 'b' } else { 'a' };
            let mut altered = token.clone();
            altered.replace_range(at..=at, &other.to_string());
            bad.push(altered);
        }
        let mut told = BTreeSet::new();
        for token in &bad {
            for request in [
                care("GET", &format!("/fhir/Patient/{token}"), ""),
                care("GET", &format!("/fhir/Condition?patient={token}"), ""),
            ] {
                let answer = council.send(&request).await;
                let mut problem = answer.is_problem(403, "token_refused");
                assert!(!answer.text().contains(token.as_str()));
                problem["request_id"].take();
                problem["disclosure"].take();
                told.insert(problem.to_string());
            }
        }
        assert_eq!(told.len(), 1, "{told:?}");
        let more = format!("X-Carer: {}\r\n", bad[1]);
        let answer = council
            .send(&care("GET", &format!("/fhir/Patient/{token}"), &more))
            .await;
        answer.is_problem(403, "token_refused");
        let body = format!(r#"{{"patient":"{}"}}"#, bad[1]);
        let head = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = council
            .send(&(care("POST", "/fhir/Flag", &head) + &body))
            .await;
        answer.is_problem(400, "request_mismatch");
        assert!(
            service
                .requests()
                .iter()
                .all(|head| !head.contains("/Patient/"))
        );
        council.stop().await;
        let refused = council.entries("refusal");
        assert_eq!(refused.len(), 2 * bad.len() + 1);
        assert!(
            refused
                .iter()
                .all(|entry| entry["reason"] == "token_refused")
        );
    });
}
