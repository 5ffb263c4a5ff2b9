//! What the register lets load.

use std::process::Command;

use fieldgate::agreement::PurposeName;
use fieldgate::register::{Ground, Register};

use super::law::Law;

const EMPTY_HOMES: &str = "agreements/empty-homes.yaml";
const TENANCIES: &str = "agreements/council-tax-collection.yaml";
const BILLING: &str = "agreements/council-tax-billing.yaml";
const KEPT: &str = "$.address.postcode, $.phone]";

fn register(law: &Law) -> Result<Register, Vec<String>> {
    Register::load("register.yaml", law.text("register.yaml"))
        .map_err(|faults| faults.to_string().lines().map(str::to_owned).collect())
}

/// The shipped statutes load as they are, each disclosure on the ground that the register gives it.
#[test]
fn clause_a10_each_shipped_disclosure_rests_on_its_ground() {
    let loaded = Law::shipped().loads();
    let ground = |agreement: &str| {
        let agreement = loaded.agreements.agreement(agreement).unwrap();
        agreement.disclosures[0].grounds[0].1.code()
    };
    for (agreement, expected) in [
        ("council-tax-billing", "same_purpose"),
        ("empty-homes", "statute"),
        ("council-tax-collection", "statute"),
        ("electoral-registration", "statute"),
        ("councillor-for-ventnor", "notice"),
        ("adaptations", "same_purpose"),
        ("housing-trends", "notice"),
    ] {
        assert_eq!(ground(agreement), expected, "{agreement}");
    }
}

/// Collected for it, named by a notice, opened by a statute: any one lets a purpose load, none of them does not.
#[test]
fn clause_a10_a_secondary_use_needs_a_ground() {
    for collected in [false, true] {
        for noticed in [false, true] {
            for statute in [false, true] {
                let mut law = Law::shipped();
                if collected {
                    law = law.with(
                        "register.yaml",
                        "{ for: [council-tax], ground",
                        "{ for: [council-tax, empty-homes], ground",
                    );
                }
                if noticed {
                    law = law.with(
                        "register.yaml",
                        "from: 2020-04-01, purposes: [council-tax]",
                        "from: 2020-04-01, purposes: [council-tax, empty-homes]",
                    );
                }
                if !statute {
                    law = law.with(
                        "register.yaml",
                        "    purposes: [empty-homes]\n    data_sets",
                        "    purposes: [housing-trends]\n    data_sets",
                    );
                }
                if collected || noticed || statute {
                    let loaded = law.loads();
                    let agreement = loaded.agreements.agreement("empty-homes").unwrap();
                    let purpose = PurposeName::new("empty-homes");
                    let ground = agreement.disclosures[0].ground(&purpose).unwrap();
                    let expected = match (collected, noticed) {
                        (true, _) => "same_purpose",
                        (false, true) => "notice",
                        (false, false) => "statute",
                    };
                    assert_eq!(ground.code(), expected);
                } else {
                    law.is_refused(EMPTY_HOMES, &["purpose_incompatible", "council-tax"]);
                }
            }
        }
    }
}

/// A wildcard that could let through what the register does not list is refused, with the fields to write in its place.
#[test]
fn clause_a03_a_wildcard_is_refused_unless_all_beneath_it_is_listed() {
    for wildcard in ["$.address.*", "$..postcode", "$.*", "$['address'][*]"] {
        Law::shipped()
            .with(EMPTY_HOMES, KEPT, &format!("\"{wildcard}\", $.phone]"))
            .is_refused(EMPTY_HOMES, &["@.", "one by one"]);
    }
    Law::shipped()
        .with(BILLING, "$.balance]", "$.balance, $.shoeSize]")
        .is_refused(BILLING, &["more through than the register lists"]);
    // What the register lists as one is one.
    Law::shipped()
        .with(BILLING, "$.balance]", "$.balance, \"$.extra.*\"]")
        .with(
            "register.yaml",
            "      - { path: \"@.band\"",
            "      - { path: \"@.extra.*\", sensitivity: personal }\n      - { path: \"@.band\"",
        )
        .loads();
}

/// The path and the body of a request that sends something in, for the billing agreement.
const REPORT: &str = r#"
  - name: report
    data_set: council-tax
    purposes: [council-tax-billing]
    request: POST /accounts/{account}/changes
    service: { name: revenues-system, path: "/accounts/{account}/changes" }
    parameters: { path: { account: keep } }
    request_body:
      format: json
      fields: [{ keep: [$.phone, $.address.line1] }]
    response:
      format: json
      fields: [{ keep: [$.balance] }]
"#;

/// What a partner sends in is collected, so each of its fields is in the register: in the disclosure's data set, or in another
/// one that the body becomes a part of, that is the same system's and is collected for the purpose.
/// Rows: A20, P6.1b.
#[test]
fn clause_p4_2_what_is_collected_is_listed_in_the_register() {
    let law = |report: &str| {
        let mut text = Law::shipped().text(BILLING).to_owned();
        text.push_str(report);
        Law::shipped().with_file(BILLING, &text)
    };
    law(REPORT).loads();
    for unlisted in ["$.shoeSize", "$.address.*", "$..postcode"] {
        let with = REPORT.replace("$.phone", &format!("\"{unlisted}\""));
        let fault = law(&with).is_refused(BILLING, &["takes in more than the register lists"]);
        assert!(fault.contains("council-tax"), "{fault}");
    }
    // What is dropped on the way in is not collected.
    law(&REPORT.replace(
        "$.address.line1] }]",
        "$.address.line1] }, { drop: [$.shoeSize] }]",
    ))
    .loads();
    let opaque = REPORT.replace(
        "      format: json\n      fields: [{ keep: [$.phone, $.address.line1] }]",
        "      format: opaque\n      type: [application/pdf]\n      because: a scan",
    );
    law(&opaque).is_refused(BILLING, &["an opaque body is more than the fields"]);

    // A data set of its own.
    let changes = |collected: &str, service: &str| {
        law(&REPORT.replace(
            "      fields: [{ keep: [$.phone",
            "      data_set: changes\n      fields: [{ keep: [$.shoeSize, $.phone",
        ))
        .with(
            "register.yaml",
            "data_sets:\n  -",
            &format!(
                "data_sets:\n  - name: changes\n    title: Changes that are reported\n    subjects: person\n    owner: revenues\n    service: {service}\n    collected: {{ for: [{collected}], ground: function, under: Local Government Finance Act 1992 }}\n    retention: P1Y\n    fields:\n      - {{ path: \"@.shoeSize\", sensitivity: personal }}\n      - {{ path: \"@.phone\", sensitivity: personal }}\n      - {{ path: \"@.address.line1\", sensitivity: personal }}\n    recipients: [{{ partner: revenues, purposes: [{collected}] }}]\n  -"
            ),
        )
    };
    changes("council-tax", "revenues-system").loads();
    changes("housing", "revenues-system").is_refused(BILLING, &["is not collected for"]);
    changes("council-tax", "housing-system").is_refused(BILLING, &["in the service"]);
    law(&REPORT.replace(
        "      fields: [{ keep: [$.phone",
        "      data_set: charges\n      fields: [{ keep: [$.phone",
    ))
    .is_refused(BILLING, &["no data set `charges`"]);
}

/// A field that the register classes special does not load as it is where the charter says so, and loads in a coarser form.
#[test]
fn clause_a04_a_special_field_does_not_leave_as_it_is() {
    let field = "$.balance, \"$.discounts[*].reason\"]";
    // With the condition that it needs at all.
    let law = || {
        Law::shipped().with(
            BILLING,
            "  territory: [",
            "  special: [uk-gdpr:9-2-g, dpa-2018:sch1-6]\n  policy_document: APD-2026-002\n  territory: [",
        )
    };
    law()
        .with(BILLING, "$.balance]", field)
        .is_refused(BILLING, &["special", "charter.yaml"]);
    let replaced = "$.balance]\n        - replace: [\"$.discounts[*].reason\"]\n          with: a discount applies";
    law().with(BILLING, "$.balance]", replaced).loads();
}

/// An identifier leaves as it is only where the rule says why; as a token it leaves without.
#[test]
fn clause_a04_an_identifier_that_leaves_as_it_is_says_why() {
    Law::shipped()
        .with(
            BILLING,
            "          because: the bill bears the account's number\n",
            "",
        )
        .is_refused(BILLING, &["@.account", "because"]);
    Law::shipped()
        .with(
            BILLING,
            "        - keep: [$.account]\n          because: the bill bears the account's number\n",
            "        - pseudonymise: [$.account]\n          as: account\n",
        )
        .loads();
}

/// The data-protection officer and a representative of each directorate have to be named, and are who a case goes to.
#[test]
fn clause_p1_3_the_officer_and_each_representative_are_named() {
    let law = Law::shipped();
    law.clone()
        .with("register.yaml", "  dpo: dpo@isle-council.example\n", "")
        .is_refused("register.yaml", &["missing `dpo`"]);
    let faults = register(&law.clone().with(
        "register.yaml",
        "    - { directorate: people, contact: data-people@isle-council.example }\n",
        "",
    ))
    .unwrap_err();
    assert!(
        faults[0].contains("people") && faults[0].contains("representatives"),
        "{faults:?}"
    );
    let register = register(&law).unwrap();
    let contact = |name| register.contact(register.data_set(name)).to_owned();
    assert_eq!(contact("council-tax"), "data-revenues@isle-council.example");
    assert_eq!(contact("no-such-data-set"), "dpo@isle-council.example");
}

/// An organisation's identifier passes as it is only where the register says that the field is an organisation's; and sole traders are warned of.
#[test]
fn clause_p2_4_an_organisations_field_passes_only_where_it_is_marked_so() {
    let law = Law::shipped()
        .with(
            "register.yaml",
            "    subjects: person\n    owner: revenues",
            "    subjects: organisation\n    owner: revenues",
        )
        .with(
            BILLING,
            "          because: the bill bears the account's number\n",
            "",
        );
    law.is_refused(BILLING, &["@.account"]);
    let marked = law.with(
        "register.yaml",
        "identifier: text }\n      - { path: \"@.name\"",
        "identifier: text, about: organisation }\n      - { path: \"@.name\"",
    );
    let loaded = marked.loads();
    let warnings = &loaded.agreements.register.as_ref().unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("sole trader")),
        "{warnings:?}"
    );
}

/// A data set has one controller, unless the register says that several decide on it together.
#[test]
fn clause_p2_5_two_controllers_are_joint_or_refused() {
    let two = "    owner: revenues\n    controllers: [isle-council, fire-service]\n";
    let law = Law::shipped().with("register.yaml", "    owner: revenues\n", two);
    law.is_refused("register.yaml", &["joint: true"]);
    law.with(
        "register.yaml",
        "fire-service]\n",
        "fire-service]\n    joint: true\n",
    )
    .loads();
}

/// Each data set says under which statute or function it was collected; without that the register does not load.
#[test]
fn clause_p4_1a_a_data_set_says_on_what_ground_it_was_collected() {
    Law::shipped()
        .with(
            "register.yaml",
            ", under: Local Government Finance Act 1992 }",
            " }",
        )
        .is_refused("register.yaml", &["missing `under`"]);
    let loaded = Law::shipped().loads();
    let register = loaded.agreements.register.unwrap();
    let council_tax = register.data_set("council-tax").unwrap();
    assert_eq!(council_tax.collection_ground.word(), "statutory-duty");
    assert_eq!(
        council_tax.collected_under,
        "Local Government Finance Act 1992"
    );
}

/// A data set without a privacy notice loads with a warning that says so.
#[test]
fn clause_p4_1b_a_data_set_without_a_notice_is_warned_of() {
    let warnings = |law: &Law| register(law).unwrap().warnings;
    assert_eq!(warnings(&Law::shipped()), [""; 0]);
    let without = Law::shipped().with(
        "register.yaml",
        "    notices:\n      - { id: staff-notice, version: 1, from: 2020-01-01, purposes: [employment] }\n",
        "",
    );
    assert!(warnings(&without)[0].contains("`staff` has no privacy notice"));
}

/// A purpose that only a later notice names loads only where records say when they were collected; on each day the notice then in force decides.
#[test]
fn clause_p4_1c_a_purpose_that_a_later_notice_names_needs_the_day_of_collection() {
    Law::shipped()
        .with("register.yaml", "    collected_at: \"@.signed\"\n", "")
        .is_refused("agreements/housing-trends.yaml", &["collected_at"]);
    let register = register(&Law::shipped()).unwrap();
    let told = |day: &str| {
        let purpose = PurposeName::new("housing-trends");
        let data_set = register.data_set("tenancies").unwrap();
        register.is_told(data_set, &purpose, day.parse().unwrap())
    };
    assert!(!told("2018-12-31"), "before any notice");
    assert!(!told("2024-03-31"), "under version 1");
    assert!(told("2024-04-01"), "under version 2");
}

/// What goes to another part of the council needs neither a notice nor consent where a statute opens it: nobody has to be given the opportunity to refuse.
#[test]
fn clause_p4_3b_use_within_the_council_asks_no_tick_box() {
    let loaded = Law::shipped().loads();
    let agreement = loaded
        .agreements
        .agreement("council-tax-collection")
        .unwrap();
    let disclosure = &agreement.disclosures[0];
    assert!(disclosure.released_rules.release_if.is_none());
    assert!(matches!(disclosure.grounds[0].1, Ground::Statute { .. }));
    // The statute is for parts of the council alone.
    Law::shipped()
        .with(
            "register.yaml",
            "{ name: revenues, relation: internal }",
            "{ name: revenues, relation: external }",
        )
        .with(
            "register.yaml",
            "      - { partner: revenues, purposes: [council-tax] }\n",
            "",
        )
        .without(BILLING)
        .is_refused(TENANCIES, &["internal", "external"]);
}

/// An agreement's purpose that the register does not have is refused.
#[test]
fn clause_p4_5_a_purpose_outside_the_register_does_not_load() {
    Law::shipped()
        .with(BILLING, "  council-tax-billing: Send", "  marketing: Send")
        .with(
            BILLING,
            "purposes: [council-tax-billing]",
            "purposes: [marketing]",
        )
        .is_refused(BILLING, &["no purpose `marketing`"]);
}

/// A declared purpose counts only where the agreement, the register and the notice (or an exception) all have it: of the eight combinations one.
#[test]
fn clause_p5_1a_agreement_register_and_notice_have_to_have_the_purpose() {
    let name = "agreements/councillor-for-ventnor.yaml";
    for agreed in [false, true] {
        for registered in [false, true] {
            for noticed in [false, true] {
                let mut law = Law::shipped();
                if !agreed {
                    law = law.without(name);
                }
                if !registered {
                    law = law.with(
                        "register.yaml",
                        "      - { partner: councillor-for-ventnor, purposes: [ward-casework] }\n",
                        "",
                    );
                }
                if !noticed {
                    law = law.with(
                        "register.yaml",
                        "[housing-repairs, ward-casework]",
                        "[housing-repairs]",
                    );
                }
                let permitted = law.load().is_ok_and(|loaded| {
                    let agreements = &loaded.agreements.agreements;
                    agreements.iter().any(|agreement| {
                        let mut disclosures = agreement.disclosures.iter();
                        disclosures.any(|disclosure| {
                            disclosure
                                .purposes
                                .contains(&PurposeName::new("ward-casework"))
                        })
                    })
                });
                assert_eq!(
                    permitted,
                    agreed && registered && noticed,
                    "{agreed} {registered} {noticed}"
                );
            }
        }
    }
}

/// An agreement that uses data for what it was not collected for cites the power to do so.
#[test]
fn clause_p5_2a_a_secondary_use_cites_its_power() {
    let power = "  power: Local Government Finance Act 1992 Sch 2 para 18A\n";
    Law::shipped()
        .with(
            EMPTY_HOMES,
            power,
            "  function: bring empty homes back into use\n",
        )
        .is_refused(EMPTY_HOMES, &["power"]);
}

/// Uses that no notice tells people of are listed for the officer.
#[test]
fn clause_p5_2c_uses_that_nobody_was_told_of_are_listed() {
    let register = register(&Law::shipped()).unwrap();
    let found: Vec<(&str, &str)> = register
        .not_forewarned()
        .iter()
        .map(|(data_set, _, purpose)| (data_set.name.as_str(), purpose.as_str()))
        .collect();
    assert!(found.contains(&("council-tax", "empty-homes")), "{found:?}");
    assert!(
        !found.contains(&("council-tax", "council-tax")),
        "{found:?}"
    );
    assert!(
        !found.contains(&("tenancies", "housing-trends")),
        "{found:?}"
    );
}

/// Under the statute for empty homes any further field of a council tax account does not load.
#[test]
fn clause_p5_3a_a_field_beyond_the_statute_does_not_load() {
    for field in ["$.balance", "$.band", "$.dateOfBirth"] {
        let more = format!("$.address.postcode, $.phone, {field}]");
        Law::shipped()
            .with(EMPTY_HOMES, KEPT, &more)
            .is_refused(EMPTY_HOMES, &["name, address, contact-number alone"]);
    }
    // In a coarser form it is still beyond the statute.
    let coarser =
        "$.address.postcode, $.phone]\n        - generalise: [$.dateOfBirth]\n          to: year";
    Law::shipped()
        .with(EMPTY_HOMES, KEPT, coarser)
        .is_refused(EMPTY_HOMES, &["@.dateOfBirth"]);
}

/// Council tax data for parking does not load, though the register has the recipient: it is locked.
#[test]
fn clause_p5_3a_council_tax_data_for_another_purpose_does_not_load() {
    Law::shipped()
        .with(
            "register.yaml",
            "  - { name: employment,",
            "  - { name: parking, title: Run car parks }\n  - { name: employment,",
        )
        .with(
            "register.yaml",
            "{ partner: empty-homes-team, purposes: [empty-homes] }",
            "{ partner: empty-homes-team, purposes: [parking] }",
        )
        .with(
            "directorates/revenues.yaml",
            "empty-homes, ",
            "empty-homes, parking, ",
        )
        .with(
            "charter.yaml",
            "internal_compatible_use: false",
            "internal_compatible_use: true",
        )
        .with(EMPTY_HOMES, "  empty-homes: Bring", "  parking: Bring")
        .with(
            EMPTY_HOMES,
            "purposes: [empty-homes]",
            "purposes: [parking]",
        )
        .is_refused(EMPTY_HOMES, &["purpose_incompatible", "locked"]);
}

/// Data on the council's own staff does not reach council tax collection, and a tenant's birthday does not either.
#[test]
fn clause_p5_3b_employers_data_and_further_fields_do_not_load() {
    Law::shipped()
        .with(
            TENANCIES,
            "            - \"$.items[*].signed\"",
            "            - \"$.items[*].tenant.dateOfBirth\"",
        )
        .is_refused(TENANCIES, &["name, address, residence, dates alone"]);
    Law::shipped()
        .with(TENANCIES, "data_set: tenancies", "data_set: staff")
        .with(TENANCIES, "{ name: housing-system,", "{ name: payroll,")
        .with(TENANCIES, "      subject: \"@.tenancy\"\n", "")
        .with(TENANCIES, "        - keep: [$.page]\n", "")
        .with(TENANCIES, "            - \"$.items[*].tenant.name\"\n            - \"$.items[*].address.line1\"\n            - \"$.items[*].address.postcode\"\n            - \"$.items[*].residences[*].address\"\n            - \"$.items[*].residences[*].from\"\n            - \"$.items[*].signed\"\n", "            - \"$.items[*].name\"\n")
        .is_refused(TENANCIES, &["does not open `staff`"]);
}

/// The registration officer's agreement neither loads in bulk, nor by another method, nor without the role.
#[test]
fn clause_p5_4_inspection_in_bulk_does_not_load() {
    let name = "agreements/electoral-registration.yaml";
    Law::shipped()
        .with(name, "    roles: [electoral-registration-officer]\n", "")
        .load()
        .map(drop)
        .unwrap_err()
        .iter()
        .for_each(|fault| assert!(fault.contains("electoral-registration-officer"), "{fault}"));
    let bulk = Law::shipped()
        .with(name, "GET /inspect/staff/{number}", "GET /inspect/staff")
        .with(
            name,
            "path: \"/staff/{number}\" }\n    parameters: { path: { number: keep } }",
            "path: /staff }",
        );
    bulk.is_refused(name, &["never many"]);
    Law::shipped()
        .with(
            name,
            "GET /inspect/staff/{number}",
            "POST /inspect/staff/{number}",
        )
        .is_refused(name, &["GET"]);
}

/// A councillor's agreement asks for the case, keeps to the ward and to one record, or does not load.
#[test]
fn clause_p5_5b_a_councillors_agreement_is_of_one_case_of_the_ward() {
    let name = "agreements/councillor-for-ventnor.yaml";
    for (from, to, word) in [
        ("    reference: required\n", "", "reference: required"),
        (
            "      release_if: \"@.ward == 'ventnor'\"\n",
            "",
            "release_if",
        ),
        ("record: $", "record: \"$[*]\"", "never many"),
    ] {
        let mut law = Law::shipped().with(name, from, to);
        if to.contains('*') {
            law = law.with(
                name,
                "- keep: [$.repair, $.state, $.due, $.address.line1]",
                "- keep: [\"$[*].repair\"]",
            );
        }
        law.is_refused(name, &[word]);
    }
}

/// Of all data sets, purposes and recipients only a registered triple loads.
#[test]
fn clause_p6_1b_only_a_registered_triple_loads() {
    let register = register(&Law::shipped()).unwrap();
    let mut registered = 0;
    for data_set in &register.data_sets {
        for purpose in &register.purposes {
            for partner in register.parties.keys() {
                let listed = data_set.recipients.iter().any(|recipient| {
                    recipient.partner == *partner
                        && register.is_within(&purpose.name, &recipient.purposes)
                });
                let is = register.is_registered(&data_set.name, &purpose.name, partner);
                assert_eq!(is, listed);
                registered += usize::from(is);
            }
        }
    }
    assert_eq!(registered, 12, "of {} triples", 4 * 10 * 6);
    let empty_homes = "      - { partner: empty-homes-team, purposes: [empty-homes] }\n";
    for (from, to) in [
        (empty_homes, ""),
        (
            empty_homes,
            "      - { partner: planning-policy, purposes: [empty-homes] }\n",
        ),
        (
            empty_homes,
            "      - { partner: empty-homes-team, purposes: [housing-trends] }\n",
        ),
    ] {
        Law::shipped().with("register.yaml", from, to).is_refused(
            EMPTY_HOMES,
            &["not registered", "partner: empty-homes-team"],
        );
    }
}

/// A data set that is not in the register is not served: `check` and `serve` say so and end with 1; and a disclosure that names none is no better.
#[test]
fn clause_p9_1_a_data_set_without_an_entry_is_not_served() {
    let law = Law::shipped().with(
        BILLING,
        "data_set: council-tax",
        "data_set: parking-permits",
    );
    law.is_refused(BILLING, &["no data set `parking-permits`"]);
    let (_folder, config) = law.write();
    for command in ["check", "serve"] {
        let output = Command::new(env!("CARGO_BIN_EXE_fieldgate"))
            .args([command, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            message.contains("no data set `parking-permits`"),
            "{message}"
        );
    }
    Law::shipped()
        .with(BILLING, "    data_set: council-tax\n", "")
        .is_refused(BILLING, &["data_set"]);
}
