//! A council whose clock a test sets, with an agreement of the test's own.

use std::sync::{Arc, Mutex};

use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use jiff::Timestamp;

use crate::harness::*;

/// A clock that shows what it was set to.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(crate) fn at(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.parse().unwrap())))
    }

    pub(crate) fn set(&self, text: &str) {
        *self.0.lock().unwrap() = text.parse().unwrap();
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::from_fn(move || *now.lock().unwrap())
    }
}

/// The usual agreement, written for every purpose and list that these tests need, with `more` at its end.
pub(crate) fn agreement(more: &str) -> String {
    let text = r#"
agreement: care
version: 1
title: Care with Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2030-12-31 }
purposes:
  care: Offer care
  planning: Plan care
  save-life: { text: Protect a life, vital_interests: true }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      subject: $.id
      fields: [{ keep: [$.name] }]
  - name: adults
    purposes: [care, planning]
    request: GET /adults
    service: { name: social-care, path: /list }
    parameters: { query: { keep: [area, page] } }
    response:
      format: json
      record: "$[*]"
      subject: "@.id"
      fields: [{ keep: ["$[*].name"] }]
  - name: emergency
    purposes: [save-life]
    request: GET /emergency/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      subject: $.id
      fields: [{ keep: [$.allergies] }]
"#;
    format!("{}\n{}\n", text.trim(), more.trim())
}

/// The folder of a council under the agreement with `more`, before the service at `service`, with `config` at the end of
/// its configuration.
pub(crate) fn council(service: &Service, more: &str, config: &str) -> Council {
    let mut setup = Setup::with(service.address);
    setup.agreements = vec![("care.yaml".to_owned(), agreement(more))];
    let council = setup.write();
    let path = council.config();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{config}")).unwrap();
    council
}

/// Starts the gateway on `council`, under the clock of `hands`.
pub(crate) fn start(council: &mut Council, hands: &Hands) {
    logs();
    let config = council.config();
    let gateway = Gateway::start(move || config::load(&config), hands.clock());
    match gateway {
        Ok(gateway) => council.gateway = Some(gateway),
        Err(error) => panic!("the gateway does not start: {error}"),
    }
}

/// A service that answers `/api/WHO` with one person, and `/list…` with the people whose numbers `list` gives of the query.
pub(crate) async fn people(list: impl Fn(&str) -> std::ops::Range<u32> + 'static) -> Service {
    let list = std::rc::Rc::new(list);
    Service::scripted(move |head, mut stream| {
        let list = std::rc::Rc::clone(&list);
        async move {
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = match target.strip_prefix("/api/") {
                Some(who) => person(who),
                None => {
                    let query = target.split_once('?').map_or("", |(_, query)| query);
                    let people: Vec<String> = list(query).map(|n| person(&n.to_string())).collect();
                    format!("[{}]", people.join(","))
                }
            };
            tokio::io::AsyncWriteExt::write_all(&mut stream, json(&body).as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await
}

fn person(who: &str) -> String {
    format!(
        r#"{{"id":"P{who}","name":"name-{who}","allergies":"allergy-{who}","secret":"CANARY-{who}"}}"#
    )
}

/// A request as `island-health` for `purpose`.
pub(crate) fn request(path: &str, purpose: &str, more: &str) -> String {
    care("GET", path, more).replace(
        "Data-Purpose: care\r\n",
        &format!("Data-Purpose: {purpose}\r\n"),
    )
}
