//! Explanations, covered uses and replays against live decisions, for thousands of random requests.

use std::sync::Arc;

use fieldgate::agreement::{AgreementSet, Ask, Asker, Caller, Context, PartnerName, Role, Source};
use fieldgate::explained::chart::Chart;
use fieldgate::explained::covered::{Question, covered};
use fieldgate::explained::past::{Past, Replay, replay};
use fieldgate::ledger::entry::render;
use fieldgate::ledger::{CallerEntry, Chain, Event, RequestId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::draw::Draw;

const PARTNERS: [&str; 3] = ["island-health", "harbour-homes", "nobody"];
const PURPOSES: [&str; 6] = [
    "care", "research", "rescue", "medical", "strategy", "unknown",
];
const SETS: [&str; 3] = ["adults", "homes", "schools"];
const DAYS: [&str; 5] = [
    "2025-12-31T23:59:59Z",
    "2026-01-01T00:00:00Z",
    "2026-06-30T23:59:59.999999Z",
    "2026-07-01T00:00:00Z",
    "2027-02-03T04:05:06Z",
];
const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
const REFERENCES: [Option<&[u8]>; 3] = [None, Some(b"CASE-7"), Some(b"")];
const REASONS: [Option<&[u8]>; 3] = [None, Some(b"unconscious"), Some(b"x")];
const PATHS: [&str; 6] = ["/a/{x}", "/a/new", "/b/{x}/c", "/b", "/a/any", "/{x}"];

fn set() -> AgreementSet {
    let mut texts = Vec::new();
    for (index, (partner, term, purposes)) in [
        (0, "starts: 2026-01-01, ends: 2026-06-30", "care: Care\n  research: { text: R, reference: required }"),
        (0, "starts: 2026-07-01, ends: 2026-12-31", "care: Care\n  rescue: { text: Life, vital_interests: true }"),
        (1, "starts: 2026-01-01, ends: 2026-12-31", "medical: { text: M, professional: required, training: required }\n  care: { text: C, roles: [nurse], covers: [strategy] }"),
    ]
    .into_iter()
    .enumerate()
    {
        let partner = PARTNERS[partner];
        let names: Vec<&str> = purposes
            .lines()
            .map(|line| line.trim().split(':').next().unwrap())
            .collect();
        let mut text = format!(
            "agreement: agreement-{index}\nversion: 1\ntitle: T\nparties: {{ controller: c, partner: {partner} }}\nterm: {{ {term} }}\npurposes:\n  {purposes}\ndisclosures:\n"
        );
        for (place, path) in PATHS.iter().enumerate() {
            let purpose = names[place % names.len()];
            let set = SETS[place % SETS.len()];
            let method = if place == 3 { "POST" } else { "GET" };
            let parameters = if path.contains("{x}") { "    parameters: { path: { x: keep } }\n" } else { "" };
            text.push_str(&format!(
                "  - name: d{place}\n    data_set: {set}\n    purposes: [{purpose}]\n    request: {method} {path}\n    service: {{ name: s, path: \"{path}\" }}\n{parameters}    response: {{ format: json, fields: [{{ keep: [$.a] }}] }}\n"
            ));
        }
        texts.push(text);
    }
    let names: Vec<String> = (0..texts.len())
        .map(|index| format!("{index}.yaml"))
        .collect();
    let sources: Vec<Source<'_>> = texts
        .iter()
        .zip(&names)
        .map(|(text, name)| Source { name, text })
        .collect();
    AgreementSet::load(&sources, &Context::alone(TimeZone::UTC))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// Everything that a request says.
struct Asked {
    partner: PartnerName,
    method: &'static str,
    path: String,
    purposes: Vec<Vec<u8>>,
    roles: Vec<Role>,
    professional: bool,
    trained_until: Option<Timestamp>,
    reference: Option<&'static [u8]>,
    reason: Option<&'static [u8]>,
    at: Timestamp,
}

impl Asked {
    /// A request of any form; two in three of a form that some agreement has.
    fn draw(draw: &mut Draw, set: &AgreementSet) -> Self {
        let mut asked = Self::any(draw);
        if !draw.one_in(3) {
            let agreement = &set.agreements[draw.below(set.agreements.len())];
            let disclosure = &agreement.disclosures[draw.below(agreement.disclosures.len())];
            asked.partner = agreement.partner.clone();
            asked.method = if disclosure.method == "GET" {
                "GET"
            } else {
                "POST"
            };
            asked.path = disclosure.path.text().replace("{x}", "1");
            asked.purposes = vec![disclosure.purposes[0].as_str().as_bytes().to_vec()];
        }
        asked
    }

    fn any(draw: &mut Draw) -> Self {
        let path = draw
            .pick(&PATHS)
            .replace("{x}", draw.pick(&["1", "any", "new", "%2e", "a%2fb"]));
        let declared = match draw.below(12) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        Self {
            partner: PartnerName::new(draw.pick(&PARTNERS)),
            method: METHODS[draw.below(METHODS.len())],
            path,
            purposes: (0..declared)
                .map(|_| match draw.below(15) {
                    0 => b"two words".to_vec(),
                    1 => vec![0xff],
                    _ => draw.pick(&PURPOSES).as_bytes().to_vec(),
                })
                .collect(),
            roles: if draw.one_in(2) {
                vec![Role::new("nurse")]
            } else {
                Vec::new()
            },
            professional: draw.one_in(2),
            trained_until: (!draw.one_in(3)).then(|| draw.pick(&DAYS).parse().unwrap()),
            reference: REFERENCES[draw.below(3)],
            reason: REASONS[draw.below(3)],
            at: draw.pick(&DAYS).parse().unwrap(),
        }
    }

    fn with<T>(&self, then: impl FnOnce(&Ask<'_>) -> T) -> T {
        let purposes: Vec<&[u8]> = self.purposes.iter().map(Vec::as_slice).collect();
        then(&Ask {
            asker: Asker::Partner(&self.partner),
            method: self.method,
            path: &self.path,
            purposes: &purposes,
            caller: Caller {
                roles: &self.roles,
                professional: self.professional,
                trained_until: self.trained_until,
                reference: self.reference,
                reason: self.reason,
                ..Caller::default()
            },
            at: self.at,
        })
    }
}

/// For four thousand random requests the way that is explained ends as the live decision does, at the step that refuses, and
/// the flowcharts in Mermaid and SVG show each step with its answer.
#[test]
fn clause_a24_four_thousand_explanations_end_as_the_live_decision_does() {
    let set = set();
    let mut draw = Draw::new(1);
    let mut permitted = 0;
    for _ in 0..4_000 {
        let asked = Asked::draw(&mut draw, &set);
        let (decision, steps) = asked.with(|ask| (set.decide(ask), set.explain(ask)));
        let refused_at = steps.iter().position(|step| !step.passed);
        assert_eq!(refused_at.is_none(), decision.is_ok());
        // It ends at the step that refuses.
        assert!(refused_at.is_none_or(|at| at + 1 == steps.len()));
        permitted += usize::from(decision.is_ok());
        let chart = Chart::new(
            "t".to_owned(),
            steps.clone(),
            decision.is_ok(),
            "o".to_owned(),
        );
        let (mermaid, svg) = (chart.mermaid(), chart.svg());
        assert_eq!(mermaid.contains("-- no -->"), decision.is_err());
        assert_eq!(
            mermaid.matches("-- yes -->").count(),
            steps.iter().filter(|step| step.passed).count()
        );
        assert_eq!(svg.contains(">no</text>"), decision.is_err());
    }
    assert!(
        (200..3_800).contains(&permitted),
        "{permitted} of 4000 are permitted"
    );
}

/// For a thousand random purposes, data sets and partners, covered says yes exactly where some live request that draws on
/// the data set would be permitted; no data is touched.
#[test]
fn clause_p6_3b_a_thousand_uses_are_covered_as_the_live_decision_has_them() {
    let set = set();
    let mut draw = Draw::new(2);
    let mut yes = 0;
    for _ in 0..1_000 {
        let asked = Asked::draw(&mut draw, &set);
        let (purpose, data_set) = (draw.pick(&PURPOSES), draw.pick(&SETS));
        let partner = (!draw.one_in(3)).then_some(&asked.partner);
        let caller = Caller {
            roles: &asked.roles,
            professional: asked.professional,
            trained_until: asked.trained_until,
            reference: asked.reference,
            reason: asked.reason,
            ..Caller::default()
        };
        let question = Question {
            purpose,
            data_set,
            partner,
            caller,
            at: asked.at,
        };
        // Every path that a partner could ask, live.
        let mut live = false;
        for name in PARTNERS.map(PartnerName::new) {
            if partner.is_some_and(|partner| *partner != name) {
                continue;
            }
            for path in PATHS {
                for method in ["GET", "POST"] {
                    let path = path.replace("{x}", "some-1");
                    let purposes = [purpose.as_bytes()];
                    let ask = Ask {
                        asker: Asker::Partner(&name),
                        method,
                        path: &path,
                        purposes: &purposes,
                        caller,
                        at: asked.at,
                    };
                    live |= set.decide(&ask).is_ok_and(|permit| {
                        permit.disclosure().data_set.as_deref() == Some(data_set)
                    });
                }
            }
        }
        let answer = covered(&set, &question);
        assert_eq!(answer.is_covered(), live, "{}", answer.text(&question));
        yes += usize::from(live);
    }
    assert!((50..950).contains(&yes), "{yes} of 1000 are covered");
}

/// What the gateway enters of a decision, as a line of a ledger.
fn entered(set: &AgreementSet, asked: &Asked) -> Vec<u8> {
    let caller = CallerEntry {
        decided: Some(asked.at),
        roles: asked.roles.clone(),
        professional: asked.professional,
        trained_until: asked.trained_until,
        ..CallerEntry::default()
    };
    let request = RequestId::new([7; 16]);
    let purpose = match asked.purposes.as_slice() {
        [one] => set
            .agreements
            .iter()
            .flat_map(|agreement| &agreement.purposes)
            .map(|purpose| &purpose.name)
            .find(|name| name.as_str().as_bytes() == one.as_slice())
            .cloned(),
        _ => None,
    };
    let event = match asked.with(|ask| set.decide(ask)) {
        Ok(permit) => Event::Intent {
            request,
            partner: asked.partner.clone(),
            agreement: permit.agreement().name.clone(),
            version: 1,
            hash: permit.agreement().hash.clone(),
            disclosure: permit.disclosure().name.clone(),
            purpose: permit.purpose().clone(),
            registered: None,
            caller,
        },
        Err(refusal) => {
            use fieldgate::agreement::Refusal;
            let (agreement, disclosure) = match &refusal {
                Refusal::PurposeNotAgreed {
                    agreement,
                    disclosure,
                    ..
                } => (Some(agreement.clone()), Some(disclosure.clone())),
                Refusal::NoRoute(_)
                | Refusal::PurposeMissing
                | Refusal::PurposeMalformed
                | Refusal::PurposeNotInToken => (None, None),
                Refusal::NotStarted { agreement, .. }
                | Refusal::Ended { agreement, .. }
                | Refusal::KeysDestroyed { agreement }
                | Refusal::RoleNotHeld { agreement, .. }
                | Refusal::NotProfessional { agreement, .. }
                | Refusal::NotTrained { agreement, .. }
                | Refusal::ReferenceMissing { agreement, .. }
                | Refusal::ReasonMissing { agreement, .. }
                | Refusal::NotApproved { agreement, .. }
                | Refusal::CredentialMissing { agreement, .. }
                | Refusal::AgreementChanged { agreement, .. } => (Some(agreement.clone()), None),
            };
            Event::Refusal {
                request,
                partner: Some(asked.partner.clone()),
                hash: agreement
                    .as_ref()
                    .and_then(|name| Some(set.agreement(name.as_str())?.hash.clone())),
                agreement,
                disclosure,
                purpose,
                reason: refusal.code(),
                status: 403,
                caller,
            }
        }
    };
    let mut line = Vec::new();
    let mut members = Vec::new();
    render(asked.at, &event, &mut members);
    Chain::default().append(&members, &mut line);
    line.pop();
    line
}

/// Three thousand random decisions, as the ledger enters them, are decided again with the same verdict; only what
/// depended on a path, which may name a person and is not held, is said not to be held.
#[test]
fn clause_p9_3_three_thousand_entries_are_decided_again_with_the_same_verdict() {
    let set = set();
    let mut draw = Draw::new(3);
    let mut counts = [0; 2];
    for _ in 0..3_000 {
        let asked = Asked::draw(&mut draw, &set);
        let line = entered(&set, &asked);
        let past = Past::read(&line).unwrap();
        let again = replay(&past, &set);
        match again.result {
            Replay::Same => counts[0] += 1,
            Replay::NotHeld => {
                counts[1] += 1;
                let without =
                    ["path_form", "no_route", "method_not_agreed"].contains(&past.verdict());
                assert!(without, "{}: {}", past.verdict(), again.text);
            }
            Replay::Differs => panic!("{}: {:?}", again.text, String::from_utf8(line)),
        }
    }
    assert!(counts[0] > 1_000, "{counts:?}");
}

#[test]
fn a_replay_under_another_text_or_at_another_time_differs() {
    let set = Arc::new(set());
    let asked = Asked {
        partner: PartnerName::new("island-health"),
        method: "GET",
        path: "/a/1".to_owned(),
        purposes: vec![b"care".to_vec()],
        roles: Vec::new(),
        professional: false,
        trained_until: None,
        reference: None,
        reason: None,
        at: DAYS[1].parse().unwrap(),
    };
    let line = String::from_utf8(entered(&set, &asked)).unwrap();
    assert_eq!(
        replay(&Past::read(line.as_bytes()).unwrap(), &set).result,
        Replay::Same
    );
    for (from, to) in [
        ("\"decided\":\"2026-01-01", "\"decided\":\"2025-01-01"),
        ("\"purpose\":\"care\"", "\"purpose\":\"research\""),
        ("\"disclosure\":\"d0\"", "\"disclosure\":\"d9\""),
        (
            "\"event\":\"intent\"",
            "\"event\":\"refusal\",\"reason\":\"ended\"",
        ),
    ] {
        assert!(line.contains(from), "{from} {line}");
        let past = Past::read(line.replace(from, to).as_bytes()).unwrap();
        assert_eq!(replay(&past, &set).result, Replay::Differs, "{to}");
    }
}
