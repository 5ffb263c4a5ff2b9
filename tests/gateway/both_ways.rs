//! Identifiers go both ways as tokens: a partner walks an API without holding one.

use std::collections::BTreeSet;

use tokio::io::AsyncWriteExt;

use crate::harness::*;

/// A FHIR API in pages: encounters refer to patients, a patient is read by what an encounter refers to.
const WALK: &str = r#"
agreement: walk
version: 1
title: Encounters for Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
basis: { lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.6, assessment: DPIA-1, territory: [GB] }
retention: P6M
purposes: { care: Offer care }
disclosures:
  - name: encounters
    purposes: [care]
    request: GET /fhir/Encounter
    service: { name: social-care, path: /r4/Encounter }
    parameters: { query: { keep: [page], tokens: { patient: { reidentify: person } } } }
    response:
      format: json
      fields:
        - keep: [ $.resourceType, "$.entry[*].resource.status", "$.link[*].relation" ]
        - link: [ "$.entry[*].resource.subject.reference" ]
          templates: [ "Patient/{person}" ]
          variables: { person: { tokenise: person } }
        - link: [ "$.link[*].url" ]
          templates:
            - { from: "/r4/Encounter?page={page}", to: "/fhir/Encounter?page={page}" }
            - { from: "/r4/Encounter?patient={person}&page={page}", to: "/fhir/Encounter?patient={person}&page={page}" }
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

fn patient(number: usize) -> String {
    format!("7f3a{number:04}-0b1c-4d2e-8f3a-{:012}", number * 7919)
}

/// Bundles of encounters in pages, of all patients or of one; patients by their id.
async fn fhir() -> Service {
    Service::scripted(|head, mut stream| async move {
        skip_body(&head, &mut stream).await?;
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = match target.strip_prefix("/r4/Patient/") {
            Some(id) => json_with(
                &format!("Content-Location: http://fhir.internal/r4/Patient/{id}\r\nLink: </r4/Patient/{id}>; rel=\"self\", </people/{id}>; rel=\"up\"\r\n"),
                &format!(r#"{{"resourceType":"Patient","id":"{id}","name":"{id}","gender":"other","birthDate":"1941-03-07"}}"#),
            ),
            None if target == "/r4/Flag" => json(r#"{"status":"active"}"#),
            None => json(&bundle(&target)),
        };
        stream.write_all(answer.as_bytes()).await?;
        Ok(Some(stream))
    })
    .await
}

fn bundle(target: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let of = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    };
    let page: usize = of("page").map_or(1, |page| page.parse().unwrap());
    let (patients, of_patient): (Vec<String>, String) = match of("patient") {
        Some(id) => (vec![id.clone(); 4], format!("patient={id}&")),
        None => ((0..PATIENTS).map(patient).collect(), String::new()),
    };
    let entries: Vec<String> = patients
        .iter()
        .skip((page - 1) * PAGE)
        .take(PAGE)
        .map(|id| {
            format!(r#"{{"fullUrl":"urn:uuid:{id}","resource":{{"status":"finished","subject":{{"reference":"Patient/{id}"}},"note":"{id}"}}}}"#)
        })
        .collect();
    let link = |relation: &str, page: usize| {
        format!(r#"{{"relation":"{relation}","url":"http://fhir.internal:8080/r4/Encounter?{of_patient}page={page}"}}"#)
    };
    let mut links = vec![link("self", page)];
    if page * PAGE < patients.len() {
        links.push(link("next", page + 1));
    }
    format!(
        r#"{{"resourceType":"Bundle","link":[{}],"entry":[{}]}}"#,
        links.join(","),
        entries.join(",")
    )
}

fn setup(service: &Service) -> Setup {
    let mut setup = Setup::with(service.address);
    setup.agreements.push(("walk.yaml".to_owned(), WALK.to_owned()));
    setup
}

/// All encounters from `path` on, page after page as the links say; gives what they refer to.
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

#[test]
fn p1_p2_p7_a_partner_walks_a_fhir_api_without_a_real_identifier() {
    run(async {
        let service = fhir().await;
        let mut council = setup(&service).start();
        let mut seen = String::new();
        let references = walk(&council, "/fhir/Encounter", &mut seen).await;
        assert_eq!(references.len(), PATIENTS);
        assert_eq!(references.iter().collect::<BTreeSet<_>>().len(), PATIENTS);
        for reference in &references {
            let token = reference.strip_prefix("Patient/").unwrap();
            let answer = council.get(&format!("/fhir/{reference}")).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            seen.push_str(&answer.text());
            // One person is one token: in a link, as a value, in a header.
            assert_eq!(answer.json()["id"], *token);
            assert_eq!(answer.json()["birthDate"], "1941");
            let head = answer.head();
            assert!(head.contains(&format!("content-location: /fhir/patient/{token}\r\n")), "{head}");
            assert!(head.contains(&format!("link: </fhir/patient/{token}>; rel=\"self\"\r\n")), "{head}");
            let own = walk(&council, &format!("/fhir/Encounter?patient={token}"), &mut seen).await;
            assert_eq!(own, vec![reference.clone(); 4]);
        }
        let asked = service.requests().concat();
        for number in 0..PATIENTS {
            assert!(!seen.contains(&patient(number)));
            assert!(asked.contains(&format!("GET /r4/Patient/{} ", patient(number))));
        }
        assert!(!seen.contains("fhir.internal"), "{seen}");
        assert!(!asked.contains("fg1"), "{asked}");
        let metrics = council.metrics().await;
        council.stop().await;
        for text in [&logs(), &metrics, &council.ledger_text()] {
            assert!(!text.contains("7f3a0"));
        }
    });
}

#[test]
fn p2_tokens_in_headers_and_bodies_reach_the_service_as_what_they_stand_for() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            let body = skip_body(&head, &mut stream).await?;
            let told = format!(r#"{{"status":"active","id":"x","echo":{body:?}}}"#);
            let good = body.is_empty() || body == br#"{"code":"fall","patient":"943 476 5919"}"#;
            let answer = if good { json(&told) } else { "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned() };
            stream.write_all(answer.as_bytes()).await?;
            Ok(Some(stream))
        })
        .await;
        let encounters = Service::answering(json(
            r#"{"entry":[{"resource":{"subject":{"reference":"Patient/943%20476%205919"}}}]}"#,
        ))
        .await;
        let council = setup(&encounters).start();
        let mut seen = String::new();
        let references = walk_once(&council, &mut seen).await;
        let token = references.strip_prefix("Patient/").unwrap();

        // Another gateway of the same controller has the same keys, so it resolves the same tokens (P8).
        let council = setup(&service).start();
        let body = format!(r#"{{"code":"fall","patient":"{token}","more":1}}"#);
        let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let answer = council.send(&(care("POST", "/fhir/Flag", &head) + &body)).await;
        // Canonical: however it was spelt.
        assert_eq!(answer.status(), 502, "{}", answer.text());
        let request = care("GET", &format!("/fhir/Patient/{token}"), &format!("X-Carer: {token}\r\n"));
        let answer = council.send(&request).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let asked = service.requests().concat();
        assert!(asked.contains("x-carer: 9434765919\r\n"), "{asked}");
        assert!(asked.contains("GET /r4/Patient/9434765919 "), "{asked}");
    });
}

async fn walk_once(council: &Council, seen: &mut String) -> String {
    let answer = council.get("/fhir/Encounter").await;
    seen.push_str(&answer.text());
    let bundle = answer.json();
    bundle["entry"][0]["resource"]["subject"]["reference"].as_str().unwrap().to_owned()
}
