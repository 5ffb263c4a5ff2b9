//! Layers only narrow, for charters and directorates of any terms; and a permit needs every layer.

use fieldgate::agreement::{Ask, Asker, Caller, PartnerName, PurposeName, Role, Source};
use fieldgate::charter::{Case, Charter, Rate, Retention, Terms, is_within};
use fieldgate::plan::{Action, BodyRules, OnMismatch, Rule, Selector};
use fieldgate::register::Register;
use fieldgate::volume::Per;
use proptest::prelude::*;

use super::law::Law;

const COUNTRIES: [&str; 3] = ["GB", "FR", "US"];
const DATA_SETS: [&str; 3] = ["council-tax", "tenancies", "repairs"];
const PURPOSES: [&str; 3] = ["council-tax", "empty-homes", "housing-trends"];
const PERIODS: [&str; 3] = ["P3M", "P1Y", "P2Y"];
const RATES: [(u64, &str); 3] = [(100, "PT1H"), (2_400, "P1D"), (9_000, "P1W")];
const SENSITIVITIES: [&str; 3] = ["personal", "special", "criminal"];
const PATHS: [&str; 4] = ["@.name", "@.phone", "@.tenant.name", "@.bankDetails"];

const ROLES: [&str; 3] = ["owner", "siro", "caldicott-guardian"];
const IDENTIFIERS: [&str; 3] = ["nhs-number", "nino", "uprn"];
const NETWORKS: [&str; 4] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "\"2001:db8::/32\"",
    "\"2001:db8:1::/48\"",
];
const AUTHORITIES: [&str; 2] = [
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
];

/// Some of `of`, as YAML has a list; nothing where the layer does not say.
fn some(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    let subset = proptest::sample::subsequence(of, 1..=of.len());
    proptest::option::of(subset.prop_map(|subset| format!("[{}]", subset.join(", "))))
}

fn one(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(of).prop_map(str::to_owned))
}

/// A layer's terms, without its head: a line each, so that one that is refused can be left out.
fn terms() -> impl Strategy<Value = String> {
    const SWITCH: [&str; 2] = ["true", "false"];
    let transfer = (
        some(&COUNTRIES[..1]),
        proptest::sample::select(&COUNTRIES[..]),
        2026..2029,
    )
        .prop_map(|(there, country, year)| {
            there.map(|_| {
                format!("[{{ country: {country}, instrument: IDTA, until: {year}-12-31 }}]")
            })
        });
    let path = some(&PATHS).prop_map(|paths| {
        let paths = paths?;
        let paths = paths.trim_matches(['[', ']']).split(", ");
        let fields = paths.map(|path| format!("{{ path: \"{path}\" }}"));
        Some(format!("[{}]", fields.collect::<Vec<_>>().join(", ")))
    });
    let rate = proptest::option::of(
        proptest::sample::select(&RATES[..])
            .prop_map(|(most, per)| format!("{{ most: {most}, per: {per} }}")),
    );
    (
        (
            some(&COUNTRIES),
            some(&DATA_SETS),
            some(&PURPOSES),
            one(&PERIODS),
            one(&SWITCH),
            transfer,
        ),
        (some(&SENSITIVITIES), path, some(&IDENTIFIERS)),
        (some(&SENSITIVITIES), some(&ROLES), some(&IDENTIFIERS)),
        (
            one(&["OFFICIAL", "SECRET"]),
            rate,
            one(&SWITCH),
            one(&SWITCH),
            one(&["\"1.2\"", "\"1.3\""]),
            some(&NETWORKS),
            some(&AUTHORITIES),
        ),
    )
        .prop_map(|(limits, never, more, security)| {
            let keyed =
                |key: &str, value: &Option<String>| Some(format!("{key}: {}", value.as_ref()?));
            let within = |key: &str, inner: Vec<Option<String>>| {
                let inner: Vec<String> = inner.into_iter().flatten().collect();
                (!inner.is_empty()).then(|| format!("{key}:\n  {}", inner.join("\n  ")))
            };
            let lines = [
                keyed("territory", &limits.0),
                keyed("data_sets", &limits.1),
                keyed("purposes", &limits.2),
                keyed("longest_retention", &limits.3),
                keyed("internal_compatible_use", &limits.4),
                keyed("transfers", &limits.5),
                within(
                    "never_share",
                    vec![
                        keyed("sensitivities", &never.0),
                        keyed("fields", &never.1),
                        keyed("identifiers", &never.2),
                    ],
                ),
                keyed("never_as_it_is", &more.0),
                keyed("sign_off", &more.1),
                within("accuracy", vec![keyed("checked", &more.2)]),
                within(
                    "security",
                    vec![
                        keyed("marking", &security.0),
                        keyed("requests", &security.1),
                        keyed("tls", &security.2),
                        keyed("client_certificates", &security.3),
                        keyed("minimum_tls", &security.4),
                        keyed("networks", &security.5),
                        keyed("certificate_authorities", &security.6),
                    ],
                ),
            ];
            lines
                .into_iter()
                .flatten()
                .map(|line| line + "\n")
                .collect()
        })
}

/// The charter of these texts, the lines that are refused left out: what is left has been taken.
fn charter(mut texts: Vec<(&str, String)>, register: &Register) -> Charter {
    loop {
        let sources: Vec<Source<'_>> = texts
            .iter()
            .map(|(name, text)| Source { name, text })
            .collect();
        let faults = match Charter::load(sources[0], &sources[1..], register) {
            Ok(charter) => return charter,
            Err(faults) => faults,
        };
        for (name, text) in &mut texts {
            let at_fault = |line: usize| {
                let mut faults = faults.list().iter();
                faults.any(|fault| fault.file == *name && fault.line == line)
            };
            let kept = text.lines().enumerate().filter(|(at, _)| !at_fault(at + 1));
            *text = kept.map(|(_, line)| format!("{line}\n")).collect();
        }
    }
}

/// Panics unless `below` asks for all that `above` asks for of signatures, checks and security.
fn asks_for_no_less(above: &Terms, below: &Terms) {
    assert!(above.sign_off.is_subset(&below.sign_off));
    assert!(above.checked.is_subset(&below.checked));
    assert!(above.internal_compatible_use || !below.internal_compatible_use);
    let (above, below) = (&above.security, &below.security);
    assert!(below.tls || !above.tls);
    assert!(below.only_tls13 || !above.only_tls13);
    assert!(below.client_certificates || !above.client_certificates);
    if let Some(authorities) = &above.authorities {
        let own = below.authorities.as_ref();
        assert!(own.is_some_and(|own| own.is_subset(authorities)));
    }
    if let Some(networks) = &above.networks {
        let own = below.networks.as_ref();
        assert!(own.is_some_and(|own| own.iter().all(|net| is_within(net, networks))));
    }
}

fn register() -> Register {
    Register::load("register.yaml", Law::shipped().text("register.yaml")).unwrap()
}

/// Everything that a layer could be asked in this small world, and whether its terms permit it; and what they drop.
fn answers(
    register: &Register,
    charter: &Charter,
    owner: &str,
) -> Vec<(String, bool, Vec<String>)> {
    let terms = &charter.layer(owner).terms;
    let rules = BodyRules {
        record: Some(Selector::parse("$").unwrap()),
        fields: [
            "$.name",
            "$.phone",
            "$.tenant.name",
            "$.tenant.nino",
            "$.discounts[*].reason",
            "$.tenant.offences[*].text",
        ]
        .map(|text| Rule {
            selector: Selector::parse(text).unwrap(),
            action: Action::Keep,
            on_mismatch: OnMismatch::Drop,
            line: 1,
        })
        .to_vec(),
        ..BodyRules::default()
    };
    let mut answers = Vec::new();
    for data_set in DATA_SETS {
        let data_set = register.data_set(data_set).unwrap();
        let mut drops: Vec<String> = terms
            .drops(data_set, &rules)
            .iter()
            .map(|(rule, _)| rule.selector.text().to_owned())
            .collect();
        drops.sort();
        for purpose in PURPOSES {
            for country in COUNTRIES {
                for period in PERIODS {
                    for (ends, marking, quota) in [
                        ("2026-12-31", None, None),
                        ("2027-12-31", Some("OFFICIAL"), Some((100, Per::Hour))),
                        ("2027-12-31", Some("SECRET"), Some((1_000, Per::Day))),
                    ] {
                        let purpose = PurposeName::new(purpose);
                        let territory = [country.to_owned()];
                        let retention = Retention::parse(period).unwrap();
                        let against = terms.against(&Case {
                            data_set,
                            purposes: &[&purpose],
                            territory: Some(&territory),
                            retention: Some(&retention),
                            marking,
                            quotas: &quota
                                .map(|(requests, per)| (None, Rate { requests, per }))
                                .into_iter()
                                .collect::<Vec<_>>(),
                            ends: ends.parse().unwrap(),
                            rules: &rules,
                        });
                        let asked = format!(
                            "{} {purpose} {country} {period} {ends} {marking:?} {quota:?}",
                            data_set.name
                        );
                        answers.push((asked, against.is_empty(), drops.clone()));
                    }
                }
            }
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// For any charter and any directorates under it, whatever a directorate permits the charter permits, what the charter drops the directorate drops, and the directorate asks for every signature, check and security that the charter asks for.
    #[test]
    fn clause_a22_whatever_a_child_permits_its_parent_permits(parent in terms(), child in terms(), grandchild in terms()) {
        let register = register();
        let head = |head: &str, terms: &str| format!("{head}\nversion: 1\ntitle: T\n{terms}");
        let loaded = charter(
            vec![
                ("charter.yaml", head("charter: isle-council", &parent)),
                ("lowest.yaml", head("directorate: housing\nparent: people", &grandchild)),
                ("middle.yaml", head("directorate: people\nparent: isle-council", &child)),
            ],
            &register,
        );
        let owners = ["revenues", "people", "housing"];
        let layers = owners.map(|owner| answers(&register, &loaded, owner));
        for pair in layers.windows(2) {
            for ((asked, above, dropped_above), (_, below, dropped_below)) in pair[0].iter().zip(&pair[1]) {
                prop_assert!(*above || !*below, "{asked}");
                prop_assert!(dropped_above.iter().all(|path| dropped_below.contains(path)), "{asked}");
            }
        }
        for pair in owners.windows(2) {
            let [above, below] = [pair[0], pair[1]].map(|owner| &loaded.layer(owner).terms);
            asks_for_no_less(above, below);
        }
    }
}

/// A request is permitted only where the caller's role, the agreement, the register and the charter all have it: of the sixteen combinations one.
#[test]
fn clause_p10_1b_a_permit_needs_role_agreement_register_and_charter() {
    let name = "agreements/electoral-registration.yaml";
    for mask in 0..16_u8 {
        let has = |bit: u8| mask & (1 << bit) != 0;
        let mut law = Law::shipped();
        if !has(1) {
            law = law.without(name);
        }
        if !has(2) {
            law = law.with(
                "register.yaml",
                "      - { partner: electoral-services, purposes: [electoral-registration] }\n",
                "",
            );
        }
        if !has(3) {
            law = law.with("directorates/revenues.yaml", "electoral-registration, ", "");
        }
        let roles = [Role::new("electoral-registration-officer")];
        let permitted = law.load().is_ok_and(|loaded| {
            let ask = Ask {
                asker: Asker::Partner(&PartnerName::new("electoral-services")),
                method: "GET",
                path: "/inspect/council-tax/4471",
                purposes: &[b"electoral-registration"],
                caller: Caller {
                    roles: if has(0) { &roles } else { &[] },
                    ..Caller::default()
                },
                at: "2026-06-15T12:00:00Z".parse().unwrap(),
            };
            loaded.agreements.decide(&ask).is_ok()
        });
        assert_eq!(permitted, mask == 15, "{mask:04b}");
    }
}
