//! The decision beside a plain scan of all disclosures.

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, PartnerName, Permit, Refusal, RouteMiss, Source,
};
use jiff::civil;
use proptest::prelude::*;

use crate::{context, zone};

// The model: the same decision by a plain scan of all disclosures.

/// A disclosure as the model knows it; `days` are of 2026, first and last.
#[derive(Debug, Clone)]
struct Plain {
    agreement: usize,
    partner: usize,
    method: &'static str,
    path: Vec<&'static str>,
    purposes: Vec<&'static str>,
    days: (i16, i16),
}

const PARTNERS: [&str; 2] = ["island-health", "harbour-homes"];

fn day(number: i16) -> civil::Date {
    civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(i64::from(number)))
}

fn text(number: usize, disclosures: &[&Plain]) -> String {
    let Plain { partner, days, .. } = disclosures[0];
    let mut text = format!(
        "agreement: a{number}\nversion: 1\ntitle: t\nparties: {{ controller: isle-council, partner: {} }}\n\
         term: {{ starts: {}, ends: {} }}\npurposes: {{ p: p, q: q, r: r }}\ndisclosures:\n",
        PARTNERS[*partner],
        day(days.0),
        day(days.1),
    );
    for (index, disclosure) in disclosures.iter().enumerate() {
        let mut path = String::new();
        let mut rules = Vec::new();
        for (position, segment) in disclosure.path.iter().enumerate() {
            match *segment {
                "*" => {
                    path.push_str(&format!("/{{v{position}}}"));
                    rules.push(format!("v{position}: keep"));
                }
                literal => path.push_str(&format!("/{literal}")),
            }
        }
        text.push_str(&format!(
            "  - name: d{index}\n    purposes: [{}]\n    request: {} {path}\n    service: {{ name: social-care, path: /s }}\n    \
             parameters: {{ path: {{ {} }} }}\n    response: {{ format: json, fields: [] }}\n",
            disclosure.purposes.join(", "), disclosure.method, rules.join(", "),
        ));
    }
    text
}

fn matches(template: &[&str], path: &[&str]) -> bool {
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(template, asked)| *template == "*" || *template == asked.replace("%78", "x"))
}

fn plain_decision(
    all: &[Plain],
    partner: usize,
    method: &str,
    path: &[&str],
    purpose: &str,
    when: i16,
) -> String {
    let matching: Vec<&Plain> = all
        .iter()
        .filter(|plain| plain.partner == partner && matches(&plain.path, path))
        .collect();
    if path
        .iter()
        .any(|segment| ["", "..", "%2F"].contains(segment))
    {
        return "form".to_owned();
    }
    if matching.is_empty() {
        return "path".to_owned();
    }
    let with_method: Vec<&&Plain> = matching
        .iter()
        .filter(|plain| plain.method == method)
        .collect();
    let literal_first = |plain: &Plain| {
        plain
            .path
            .iter()
            .map(|segment| *segment == "*")
            .collect::<Vec<_>>()
    };
    let Some(best) = with_method.iter().map(|plain| literal_first(plain)).min() else {
        let mut methods: Vec<&str> = matching.iter().map(|plain| plain.method).collect();
        // Who may have an answer may have its head.
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        return format!("method {methods:?}");
    };
    let route: Vec<&&&Plain> = with_method
        .iter()
        .filter(|plain| literal_first(plain) == best)
        .collect();
    let in_force = |plain: &Plain| plain.days.0 <= when && when <= plain.days.1;
    let mut same: Vec<&&&&Plain> = route
        .iter()
        .filter(|plain| plain.purposes.contains(&purpose))
        .collect();
    if same.is_empty() {
        let some_in_force = route.iter().any(|plain| in_force(plain));
        let mut agreed: Vec<&str> = route
            .iter()
            .filter(|plain| in_force(plain) || !some_in_force)
            .flat_map(|plain| plain.purposes.iter().copied())
            .collect();
        agreed.sort_unstable();
        agreed.dedup();
        let named = route
            .iter()
            .find(|plain| in_force(plain))
            .unwrap_or(&route[0]);
        return format!("purposes {agreed:?} of a{}", named.agreement);
    }
    same.sort_by_key(|plain| plain.days);
    match same.iter().find(|plain| when <= plain.days.1) {
        Some(plain) if plain.days.0 <= when => {
            format!("permit a{} {:?}", plain.agreement, plain.path)
        }
        Some(plain) => format!("starts {}", day(plain.days.0)),
        None => format!("ended {}", day(same[same.len() - 1].days.1)),
    }
}

fn decision(result: Result<Permit, Refusal>) -> String {
    match result {
        Ok(permit) => {
            let path = permit.disclosure().path.text().to_owned();
            let path: Vec<&str> = path
                .split('/')
                .skip(1)
                .map(|segment| {
                    if segment.starts_with('{') {
                        "*"
                    } else {
                        segment
                    }
                })
                .collect();
            format!("permit {} {path:?}", permit.agreement().name)
        }
        Err(Refusal::NoRoute(RouteMiss::Form)) => "form".to_owned(),
        Err(Refusal::NoRoute(RouteMiss::Path)) => "path".to_owned(),
        Err(Refusal::NoRoute(RouteMiss::Method { allowed })) => format!("method {allowed:?}"),
        Err(Refusal::PurposeNotAgreed {
            agreement, agreed, ..
        }) => {
            let agreed: Vec<&str> = agreed.iter().map(|purpose| purpose.as_str()).collect();
            format!("purposes {agreed:?} of {agreement}")
        }
        Err(Refusal::NotStarted { starts, .. }) => format!("starts {starts}"),
        Err(Refusal::Ended { ended, .. }) => format!("ended {ended}"),
        Err(refusal) => refusal.code().to_owned(),
    }
}

/// Whether any two disclosures answer the same requests for a same purpose on a same day.
fn contradicts(all: &[Plain]) -> bool {
    all.iter().enumerate().any(|(index, a)| {
        all[..index].iter().any(|b| {
            a.partner == b.partner
                && a.method == b.method
                && a.path == b.path
                && a.days.0 <= b.days.1
                && b.days.0 <= a.days.1
                && a.purposes
                    .iter()
                    .any(|purpose| b.purposes.contains(purpose))
        })
    })
}

prop_compose! {
    fn plain_agreement()(
        partner in 0..2usize,
        days in (0i16..6, 0i16..4).prop_map(|(first, length)| (first, first + length)),
        disclosures in prop::collection::vec(
            (
                prop::sample::select(vec!["GET", "POST"]),
                prop::collection::vec(prop::sample::select(vec!["x", "y", "*"]), 1..4),
                prop::sample::subsequence(vec!["p", "q", "r"], 1..3),
            ),
            1..4,
        ),
    ) -> Vec<Plain> {
        disclosures
            .into_iter()
            .map(|(method, path, purposes)| Plain { agreement: 0, partner, method, path, purposes, days })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_router_decides_as_a_plain_scan_of_all_disclosures_does(
        agreements in prop::collection::vec(plain_agreement(), 1..5),
        asked in prop::collection::vec(
            (
                0..2usize,
                prop::sample::select(vec!["GET", "POST", "PUT"]),
                prop::collection::vec(prop::sample::select(vec!["x", "y", "z", "%78", "..", "", "%2F"]), 1..4),
                prop::sample::select(vec!["p", "q", "r", "s"]),
                -1i16..11,
            ),
            20,
        ),
    ) {
        let agreements: Vec<Vec<Plain>> = agreements
            .into_iter()
            .enumerate()
            .map(|(agreement, plains)| plains.into_iter().map(|plain| Plain { agreement, ..plain }).collect())
            .collect();
        let texts: Vec<(String, String)> = agreements
            .iter()
            .enumerate()
            .map(|(number, plains)| (format!("{number}.yaml"), text(number, &plains.iter().collect::<Vec<_>>())))
            .collect();
        let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
        let all: Vec<Plain> = agreements.concat();
        match AgreementSet::load(&sources, &context()) {
            Err(faults) => prop_assert!(contradicts(&all), "{faults}"),
            Ok(set) => {
                prop_assert!(!contradicts(&all));
                for (partner, method, path, purpose, when) in asked {
                    let at = day(when).to_zoned(zone()).unwrap().timestamp();
                    let text = format!("/{}", path.join("/"));
                    let name = PartnerName::new(PARTNERS[partner]);
                    let ask = Ask { asker: Asker::Partner(&name), method, path: &text, purposes: &[purpose.as_bytes()], caller: Caller::default(), at };
                    let decided = set.decide(&ask);
                    let last_passed = set.explain(&ask).iter().all(|step| step.passed);
                    prop_assert_eq!(last_passed, decided.is_ok());
                    let expected = if path == [""] { "path".to_owned() } else {
                        plain_decision(&all, partner, method, &path, purpose, when)
                    };
                    prop_assert_eq!(decision(decided), expected, "{} {}", method, text);
                }
            }
        }
    }
}
