//! Layers only narrow, for charters and directorates of any terms; and a permit needs every layer.

use fieldgate::agreement::{Ask, Asker, Caller, PartnerName, PurposeName, Role, Source};
use fieldgate::charter::{Case, Charter, Rate, Retention};
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

/// A layer's terms, without its head.
fn terms() -> impl Strategy<Value = String> {
    let list = |of: &'static [&'static str]| {
        proptest::option::of(proptest::sample::subsequence(of, 1..=of.len()))
    };
    (
        list(&COUNTRIES),
        list(&DATA_SETS),
        list(&PURPOSES),
        proptest::option::of(proptest::sample::select(&PERIODS[..])),
        (list(&SENSITIVITIES), list(&SENSITIVITIES), list(&PATHS)),
        proptest::option::of(any::<bool>()),
        proptest::option::of((proptest::sample::select(&COUNTRIES[..]), 2026..2029)),
        (
            proptest::option::of(proptest::sample::select(&["OFFICIAL", "SECRET"][..])),
            proptest::option::of(proptest::sample::select(&RATES[..])),
        ),
    )
        .prop_map(|(territory, data_sets, purposes, longest, (never, never_raw, paths), compatible, transfer, (marking, rate))| {
            let mut text = String::new();
            for (key, list) in [
                ("territory", &territory),
                ("data_sets", &data_sets),
                ("purposes", &purposes),
                ("never_as_it_is", &never_raw),
            ] {
                if let Some(list) = list {
                    text.push_str(&format!("{key}: [{}]\n", list.join(", ")));
                }
            }
            if let Some(longest) = longest {
                text.push_str(&format!("longest_retention: {longest}\n"));
            }
            if let Some(compatible) = compatible {
                text.push_str(&format!("internal_compatible_use: {compatible}\n"));
            }
            let marking = marking.map(|marking| format!("marking: {marking}"));
            let rate = rate.map(|(most, per)| format!("requests: {{ most: {most}, per: {per} }}"));
            let security: Vec<String> = marking.into_iter().chain(rate).collect();
            if !security.is_empty() {
                text.push_str(&format!("security: {{ {} }}\n", security.join(", ")));
            }
            if let Some((country, year)) = transfer {
                text.push_str(&format!("transfers: [{{ country: {country}, instrument: IDTA, until: {year}-12-31 }}]\n"));
            }
            if never.is_some() || paths.is_some() {
                let never = never.unwrap_or_default().join(", ");
                let paths: Vec<String> = paths.unwrap_or_default().iter().map(|path| format!("{{ path: \"{path}\" }}")).collect();
                text.push_str(&format!("never_share: {{ sensitivities: [{never}], fields: [{}] }}\n", paths.join(", ")));
            }
            text
        })
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
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// For any charter and any directorate under it that load, whatever the directorate permits the charter permits, and what the charter drops the directorate drops.
    #[test]
    fn clause_a22_whatever_a_child_permits_its_parent_permits(parent in terms(), child in terms(), grandchild in terms()) {
        let register = register();
        let charter = format!("charter: isle-council\nversion: 1\ntitle: All\n{parent}");
        let middle = format!("directorate: people\nparent: isle-council\nversion: 1\ntitle: Middle\n{child}");
        let lowest = format!("directorate: housing\nparent: people\nversion: 1\ntitle: Lowest\n{grandchild}");
        let source = |name, text| Source { name, text };
        let Ok(loaded) = Charter::load(
            source("charter.yaml", &charter),
            &[source("a.yaml", &lowest), source("b.yaml", &middle)],
            &register,
        ) else {
            return Ok(());
        };
        let layers = ["revenues", "people", "housing"].map(|owner| answers(&register, &loaded, owner));
        for pair in layers.windows(2) {
            for ((asked, above, dropped_above), (_, below, dropped_below)) in pair[0].iter().zip(&pair[1]) {
                prop_assert!(*above || !*below, "{asked}");
                prop_assert!(dropped_above.iter().all(|path| dropped_below.contains(path)), "{asked}");
            }
        }
        // Neither is wider for being a directorate's: switches too.
        let compatible = |owner: &str| loaded.layer(owner).terms.internal_compatible_use;
        prop_assert!(compatible("revenues") || !compatible("people"));
        prop_assert!(compatible("people") || !compatible("housing"));
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
