//! What the charter and directorates' policies let load.

use fieldgate::approval::SigningKey;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use sha2::{Digest, Sha256};

use super::law::Law;

const EMPTY_HOMES: &str = "agreements/empty-homes.yaml";
const BILLING: &str = "agreements/council-tax-billing.yaml";
const REVENUES: &str = "directorates/revenues.yaml";

/// The warnings with which an agreement loads.
fn loaded_warnings(law: &Law, agreement: &str) -> Vec<String> {
    let loaded = law.loads();
    loaded
        .agreements
        .agreement(agreement)
        .unwrap()
        .warnings
        .clone()
}

/// A field that an agreement keeps and the charter never shares is dropped, with a warning; a `keep_all` above it does not bring it back.
#[test]
fn clause_a18_what_is_never_shared_is_dropped_whatever_an_agreement_says() {
    let keeps = Law::shipped().with(
        BILLING,
        "$.band, $.balance]",
        "$.band, $.balance]\n        - keep: [$.bankDetails]\n          because: the bill bears it",
    );
    let warnings = loaded_warnings(&keeps, "council-tax-billing");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("@.bankDetails") && warnings[0].contains("never"),
        "{warnings:?}"
    );
    let whole = Law::shipped()
        .with("register.yaml", "      - { path: \"@.bankDetails\", sensitivity: personal, identifier: sort-code-and-account }\n", "      - { path: \"@\", sensitivity: personal, whole: true }\n")
        .with(BILLING, "        - keep: [$.name, ", "        - keep_all: [$]\n          because: a test\n        - drop: [\"$.discounts\"]\n        - keep: [$.name, ");
    for (law, name) in [(keeps, "a keep"), (whole, "a keep_all")] {
        let loaded = law.loads();
        let agreement = loaded.agreements.agreement("council-tax-billing").unwrap();
        let plan = &agreement.disclosures[0].released;
        let sample = br#"{"name":"A","bankDetails":"00000012345678"}"#;
        let decided = plan
            .explain(sample, jiff::civil::date(2026, 6, 15))
            .unwrap();
        let bank = decided
            .iter()
            .find(|field| field.path == "$['bankDetails']");
        assert_eq!(bank.unwrap().outcome, "drop", "{name}");
    }
}

/// Fields of a sensitivity that is never shared are dropped wherever a rule would let them leave.
#[test]
fn clause_a18_sensitivities_that_are_never_shared_are_dropped() {
    let name = "agreements/housing-trends.yaml";
    let law = Law::shipped().with(
        name,
        "\"$.items[*].bedrooms\"]",
        "\"$.items[*].bedrooms\", \"$.items[*].tenant.offences[*].text\"]",
    );
    let warnings = loaded_warnings(&law, "housing-trends");
    assert!(warnings[0].contains("offences"), "{warnings:?}");
}

/// An opaque body of a data set in which something is never shared does not load.
#[test]
fn clause_a18_an_opaque_body_cannot_hold_what_is_never_shared() {
    let law = Law::shipped().with(
        "register.yaml",
        "      - { path: \"@.account\"",
        "      - { path: $, sensitivity: personal, whole: true }\n      - { path: \"@.account\"",
    );
    let text = law.text(BILLING).to_owned();
    let (head, _) = text.split_once("    response:").unwrap();
    let opaque = format!(
        "{head}    response: {{ format: opaque, type: [application/pdf], because: the bill is a letter }}\n"
    );
    let faults = law
        .with_file(BILLING, &opaque)
        .load()
        .map(drop)
        .unwrap_err();
    let expected = "an opaque body is not looked into, so what never leaves";
    assert!(
        faults.iter().any(|fault| fault.contains(expected)),
        "{faults:?}"
    );
}

/// A directorate's policy loads under its charter and may only narrow: each widening is refused with the parent's line.
#[test]
fn clause_a22_a_child_that_widens_is_refused_with_its_parents_line() {
    for (lines, words) in [
        ("territory: [GB, FR]\n", "`FR` is wider"),
        ("territory: [EEA]\n", "`EEA` is wider"),
        (
            "transfers: [{ country: US, instrument: IDTA, until: 2027-12-31 }]\n",
            "a transfer to US",
        ),
        (
            "internal_compatible_use: true\n",
            "internal compatible use is wider",
        ),
    ] {
        let fault = Law::shipped()
            .with(REVENUES, "version: 1\n", &format!("version: 1\n{lines}"))
            .is_refused(REVENUES, &[words, "charter.yaml:"]);
        assert!(fault.contains("leave it out"), "{fault}");
    }
    Law::shipped()
        .with(
            REVENUES,
            "longest_retention: P6M",
            "longest_retention: P13M",
        )
        .is_refused(REVENUES, &["P13M is wider", "charter.yaml:"]);
    Law::shipped()
        .with(
            "charter.yaml",
            "territory: [GB]",
            "territory: [GB]\ndata_sets: [tenancies, repairs, staff]",
        )
        .is_refused(REVENUES, &["`council-tax` is wider", "charter.yaml:9"]);
}

/// A directorate finalises a policy of its own: what it adds holds for its own data sets and for no other's.
#[test]
fn clause_r05_a_directorates_policy_holds_for_its_own_data_sets() {
    let law = Law::shipped().with(
        REVENUES,
        "purposes: [council-tax, council-tax-billing, empty-homes,",
        "purposes: [council-tax, council-tax-billing,",
    );
    law.is_refused(
        EMPTY_HOMES,
        &["does not let data be shared for empty-homes", REVENUES],
    );
    let loaded = Law::shipped().loads();
    let charter = loaded.agreements.charter.unwrap();
    assert!(
        charter
            .layer("housing")
            .terms
            .sign_off
            .contains("head-of-housing")
    );
    assert!(
        charter.layer("housing").terms.sign_off.contains("dpo"),
        "its parent's too"
    );
    assert!(
        !charter
            .layer("revenues")
            .terms
            .sign_off
            .contains("head-of-housing")
    );
    assert!(
        !charter
            .layer("people")
            .terms
            .sign_off
            .contains("head-of-housing"),
        "it has none of its own"
    );
}

/// Where approvals are asked for, an agreement needs those of the configuration and those of every policy above it: what it
/// draws on decides whose.
/// Rows: R07.
#[test]
fn clause_r05_a_directorates_sign_off_is_needed_too() {
    let keys = |seed: u8| {
        data_encoding::HEXLOWER.encode(&SigningKey::read(&[seed; 32]).unwrap().public_key())
    };
    let approvals = format!(
        "\napprovals:\n  approvers:\n    - {{ name: head, role: owner, public_key: {} }}\n    - {{ name: office, role: dpo, public_key: {} }}\n  required: [owner]\nagreements:",
        keys(1),
        keys(2)
    );
    let loaded = Law::shipped()
        .with("fieldgate.yaml", "\nagreements:", &approvals)
        .loads();
    let stage = |name: &str| {
        let agreement = loaded.agreements.agreement(name).unwrap();
        agreement
            .stage("2026-06-15T12:00:00Z".parse().unwrap())
            .to_string()
    };
    assert_eq!(stage("empty-homes"), "draft, not approved by owner, dpo");
    assert_eq!(
        stage("housing-trends"),
        "draft, not approved by owner, dpo, head-of-housing"
    );
}

/// An agreement under a country that neither the territory nor an instrument allows does not load, nor one that outlives its instrument.
#[test]
fn clause_p3_2_8_a_country_needs_the_territory_or_an_instrument_that_lasts() {
    let abroad = |transfers: &str| {
        Law::shipped()
            .with(
                "charter.yaml",
                "territory: [GB]\n",
                &format!("territory: [GB]\n{transfers}"),
            )
            .with(BILLING, "territory: [GB]", "territory: [GB, US]")
    };
    abroad("").is_refused(BILLING, &["held in US", "no instrument"]);
    let until = |day: &str| {
        format!("transfers: [{{ country: US, instrument: IDTA 2026/3, until: {day} }}]\n")
    };
    abroad(&until("2027-03-30")).is_refused(BILLING, &["IDTA 2026/3", "2027-03-30"]);
    abroad(&until("2027-03-31")).loads();
}

/// Under a charter for the European Economic Area another country does not load, whatever the agreement says; and what does not say where is refused.
#[test]
fn clause_p10_4a_the_charters_territory_is_a_hard_stop() {
    let eea = Law::shipped().with("charter.yaml", "territory: [GB]", "territory: [EEA, GB]");
    for country in ["IE", "NO", "IS"] {
        eea.clone()
            .with(
                BILLING,
                "territory: [GB]",
                &format!("territory: [{country}]"),
            )
            .loads();
    }
    for country in ["US", "IN", "CH"] {
        eea.clone()
            .with(
                BILLING,
                "territory: [GB]",
                &format!("territory: [GB, {country}]"),
            )
            .is_refused(BILLING, &[country]);
    }
    eea.with(BILLING, "  territory: [GB]\n", "")
        .is_refused(BILLING, &["territory"]);
}

/// What goes to everybody is refused with a personal field unless the officer cleared it in the register, and with an identifier always.
#[test]
fn clause_p10_4b_a_public_recipient_gets_no_person_without_clearance() {
    let name = "agreements/housing-trends.yaml";
    let public = Law::shipped().with(
        "register.yaml",
        "{ name: planning-policy, relation: internal }",
        "{ name: planning-policy, relation: public }",
    );
    let faults = public.load().map(drop).unwrap_err();
    assert!(
        faults
            .iter()
            .all(|fault| fault.contains("public") && fault.contains("clear")),
        "{faults:?}"
    );
    // A table alone goes without.
    let text = Law::shipped().text(name).to_owned();
    let (head, _) = text.split_once("  - name: need\n").unwrap();
    let (_, table) = text.split_once("  # Better still").unwrap();
    let table = format!("{head}  # Better still{table}")
        .replace("\"$.items[*].ward\"", "\"$.items[*].signed\"");
    public.clone().with_file(name, &table).loads();
    let cleared = public.with(
        "register.yaml",
        "{ partner: planning-policy, purposes: [housing-trends] }",
        "{ partner: planning-policy, purposes: [housing-trends], cleared: DPO 2026-03-02 }",
    );
    cleared.loads();
    cleared
        .with(name, "        - generalise: [\"$.items[*].signed\"]", "        - pseudonymise: [\"$.items[*].tenancy\"]\n          as: tenancy\n        - generalise: [\"$.items[*].signed\"]")
        .is_refused(name, &["identifier", "nobody may publish"]);
}

/// The controller's other functions may use its data only where the charter turns that on, never locked data, and never outside the council.
#[test]
fn clause_p5_2b_compatible_use_within_the_council_is_off_unless_the_charter_turns_it_on() {
    let untold = Law::shipped().with(
        "register.yaml",
        "from: 2024-04-01, purposes: [housing, housing-trends]",
        "from: 2024-04-01, purposes: [housing]",
    );
    let name = "agreements/housing-trends.yaml";
    untold.is_refused(name, &["purpose_incompatible"]);
    let on = untold.with(
        "charter.yaml",
        "internal_compatible_use: false",
        "internal_compatible_use: true",
    );
    let loaded = on.loads();
    let agreement = loaded.agreements.agreement("housing-trends").unwrap();
    assert_eq!(
        agreement.disclosures[0].grounds[0].1.code(),
        "compatible_use"
    );
    on.with(
        "register.yaml",
        "{ name: planning-policy, relation: internal }",
        "{ name: planning-policy, relation: external }",
    )
    .is_refused(name, &["purpose_incompatible"]);
}

/// A directorate's policy names the charter or the directorate that it stands under, and a directorate that the register knows, or does not load.
#[test]
fn clause_p10_5_a_directorates_policy_names_its_parent() {
    Law::shipped()
        .with(REVENUES, "parent: isle-council\n", "")
        .is_refused(REVENUES, &["parent: isle-council"]);
    Law::shipped()
        .with(REVENUES, "parent: isle-council", "parent: isle-counsel")
        .is_refused(REVENUES, &["did you mean isle-council?"]);
    let circle = Law::shipped()
        .with(REVENUES, "parent: isle-council", "parent: housing")
        .with(
            "directorates/housing.yaml",
            "parent: isle-council",
            "parent: revenues",
        );
    let faults = circle.load().map(drop).unwrap_err();
    assert!(
        faults.iter().any(|fault| fault.contains("come back")),
        "{faults:?}"
    );
    // A directorate that the register does not know would hold for nothing.
    Law::shipped()
        .with(REVENUES, "directorate: revenues", "directorate: revenue")
        .is_refused(REVENUES, &["did you mean revenues?"]);
}

/// A directorate says which data sets may be shared; another of its own does not load.
#[test]
fn clause_p10_5_1_a_directorate_says_what_data_may_be_shared() {
    Law::shipped()
        .with(
            "directorates/housing.yaml",
            "data_sets: [tenancies, repairs]",
            "data_sets: [tenancies]",
        )
        .load()
        .map(drop)
        .unwrap_err()
        .iter()
        .for_each(|fault| {
            assert!(
                fault.contains("does not let `repairs` be shared"),
                "{fault}"
            )
        });
}

/// A directorate says for which purposes; an agreement for another does not load.
#[test]
fn clause_p10_5_2_a_directorate_says_for_which_purposes() {
    Law::shipped()
        .with(
            REVENUES,
            "council-tax, council-tax-billing,",
            "council-tax,",
        )
        .is_refused(
            BILLING,
            &["council-tax-billing", "directorates/revenues.yaml"],
        );
}

/// A directorate's rules on fields hold above its agreements: what it never shares is dropped from them.
#[test]
fn clause_p10_5_3_a_directorates_rules_hold_above_its_agreements() {
    let law = Law::shipped().with(
        REVENUES,
        "path: \"@.bankDetails\" }",
        "path: \"@.bankDetails\" }\n    - { data_set: council-tax, path: \"@.phone\" }",
    );
    let warnings = loaded_warnings(&law, "empty-homes");
    assert!(warnings[0].contains("@.phone"), "{warnings:?}");
    Law::shipped()
        .with(
            REVENUES,
            "{ data_set: council-tax, path",
            "{ data_set: council-taxes, path",
        )
        .is_refused(REVENUES, &["did you mean council-tax?"]);
}

/// Identifiers that a layer wants checked become tokens only by a rule that checks their form.
#[test]
fn clause_p10_5_4_identifiers_are_checked_before_they_become_tokens() {
    let name = "agreements/housing-trends.yaml";
    let with = |form: &str| {
        let rule = format!(
            "        - pseudonymise: [\"$.items[*].tenant.nino\"]\n          as: person\n{form}        - generalise: [\"$.items[*].signed\"]"
        );
        Law::shipped().with(name, "        - generalise: [\"$.items[*].signed\"]", &rule)
    };
    with("").is_refused(name, &["form: nino", "charter.yaml"]);
    with("          form: nino\n").loads();
}

/// An agreement under which data is kept longer than its layer allows does not load; where it says nothing the charter's default holds.
#[test]
fn clause_p10_5_5_data_is_not_kept_longer_than_the_layer_allows() {
    let retention = |text: &str| Law::shipped().with(BILLING, "retention: P6M\n", text);
    retention("retention: P7M\n").is_refused(BILLING, &["P6M at most", "revenues.yaml"]);
    retention("").loads();
    retention("")
        .with("charter.yaml", "defaults: { retention: P3M }\n", "")
        .is_refused(BILLING, &["retention: P6M"]);
    Law::shipped()
        .with(
            "charter.yaml",
            "defaults: { retention: P3M }",
            "defaults: { retention: P2Y }",
        )
        .load()
        .map(drop)
        .unwrap_err()
        .iter()
        .for_each(|fault| {
            assert!(
                fault.contains("longer than the longest retention"),
                "{fault}"
            )
        });
}

/// Where a layer asks for it, a listener without TLS and a partner with a key do not load.
#[test]
fn clause_p10_5_6_security_minima_hold_for_the_gateway() {
    Law::shipped()
        .with(
            "charter.yaml",
            "sign_off: [dpo]\n",
            "sign_off: [dpo]\nsecurity: { tls: true }\n",
        )
        .is_refused("fieldgate.yaml", &["TLS on every listener"]);
    let faults = Law::shipped()
        .with(
            REVENUES,
            "version: 1\n",
            "version: 1\nsecurity: { client_certificates: true }\n",
        )
        .load()
        .map(drop)
        .unwrap_err();
    assert_eq!(
        faults.len(),
        3,
        "the three that get council tax data: {faults:?}"
    );
    assert!(
        faults
            .iter()
            .all(|fault| fault.contains("certificates alone")),
        "{faults:?}"
    );
    Law::shipped()
        .with(
            "charter.yaml",
            "sign_off: [dpo]\n",
            "sign_off: [dpo]\nsecurity: { tls: true }\n",
        )
        .with(
            REVENUES,
            "version: 1\n",
            "version: 1\nsecurity: { tls: false }\n",
        )
        .load()
        .map(drop)
        .unwrap_err()
        .iter()
        .for_each(|fault| assert!(fault.contains("wider") || fault.contains("TLS"), "{fault}"));
}

/// The shipped files under a charter whose `security:` is `setting`.
fn under(setting: &str) -> Law {
    let to = format!("sign_off: [dpo]\nsecurity: {setting}\n");
    Law::shipped().with("charter.yaml", "sign_off: [dpo]\n", &to)
}

impl Law {
    /// With `line` at the end of each agreement.
    fn with_in_each_agreement(self, line: &str) -> Self {
        let names = self.names("agreements/");
        names.into_iter().fold(self, |law, name| {
            let text = format!("{}\n{line}\n", law.text(&name).trim_end());
            law.with_file(&name, &text)
        })
    }

    /// With `line` beside what identifies each partner.
    fn with_at_each_partner(self, line: &str) -> Self {
        let text = self.text("fieldgate.yaml");
        let text = text.replace("    identify:", &format!("    {line}\n    identify:"));
        self.with_file("fieldgate.yaml", &text)
    }

    /// With TLS at the listener, of which `more` is a part.
    fn with_tls(self, more: &str) -> Self {
        let tls = format!("    tls: {{ certificate: chain.pem, key: key.pem{more} }}\n");
        self.with("fieldgate.yaml", "    insecure_plain_http: true\n", &tls)
    }
}

/// Each setting of a layer's `security:` refuses what is less and takes what is enough: the oldest version of TLS, the authorities of certificates, the networks of partners, the most requests, the marking.
#[test]
fn clause_p10_5_6_each_security_setting_refuses_what_is_less() {
    let charter = "charter.yaml";
    let minimum = || under("{ minimum_tls: \"1.3\" }");
    minimum().is_refused("fieldgate.yaml", &["TLS on every listener"]);
    minimum()
        .with_tls("")
        .is_refused("fieldgate.yaml", &["TLS 1.3 on every listener"]);
    minimum()
        .with_tls(", min_version: \"1.2\"")
        .is_refused("fieldgate.yaml", &["TLS 1.3 on every listener"]);
    minimum().with_tls(", min_version: \"1.3\"").loads();

    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, other) = (authority("ours"), authority("other"));
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(ours.der()));
    let signed_by = |pem: &str| {
        under(&format!("{{ certificate_authorities: [{hash}] }}"))
            .with_tls(", client_ca: ca.pem")
            .with_file("ca.pem", pem)
    };
    signed_by(&ours.pem()).loads();
    signed_by(&other.pem()).is_refused("fieldgate.yaml", &["none of those of `isle-council`"]);
    signed_by(&format!("{}{}", ours.pem(), other.pem()))
        .is_refused("fieldgate.yaml", &["none of those of `isle-council`"]);
    signed_by("nothing").is_refused("fieldgate.yaml", &["certificate_authorities", "PEM"]);
    let pinned = format!("certificates: [{{ spki_sha256: {hash} }}], api_keys:");
    signed_by(&ours.pem())
        .with("fieldgate.yaml", "api_keys:", &pinned)
        .is_refused("fieldgate.yaml", &["write a san"]);

    let networks = || under("{ networks: [10.0.0.0/8, \"2001:db8::/32\"] }");
    networks().is_refused("fieldgate.yaml", &["connects from"]);
    networks()
        .with_at_each_partner("networks: [10.20.0.0/16, \"2001:db8:1::/48\"]")
        .loads();
    networks()
        .with_at_each_partner("networks: [8.0.0.0/6]")
        .is_refused("fieldgate.yaml", &["8.0.0.0/6 is not within"]);
    under("{ networks: [10.1.0.0/8] }").is_refused(charter, &["write 10.0.0.0/8"]);

    let requests = || under("{ requests: { most: 2400, per: P1D } }");
    let quota = |quota: &str| format!("quota: [{quota}]");
    let refused = |law: Law| {
        for fault in law.load().map(drop).unwrap_err() {
            assert!(
                fault.contains("with 2400 requests in each day at most"),
                "{fault}"
            );
        }
    };
    refused(requests());
    refused(requests().with_in_each_agreement(&quota("{ per: PT1H, requests: 101 }")));
    refused(requests().with_in_each_agreement(&quota("{ per: P1D, records: 10 }")));
    requests()
        .with_in_each_agreement(&quota("{ per: PT1H, requests: 100 }"))
        .loads();

    let marking = || under("{ marking: OFFICIAL-SENSITIVE }");
    for less in [
        marking(),
        marking().with_in_each_agreement("marking: OFFICIAL"),
    ] {
        for fault in less.load().map(drop).unwrap_err() {
            assert!(
                fault.contains("write marking: OFFICIAL-SENSITIVE"),
                "{fault}"
            );
        }
    }
    marking()
        .with_in_each_agreement("marking: OFFICIAL-SENSITIVE")
        .loads();
}

/// A directorate asks for more security than the charter and never for less.
#[test]
fn clause_p10_5_6_a_directorate_asks_for_no_less_security() {
    let charter = "{ minimum_tls: \"1.3\", client_certificates: true, networks: [10.0.0.0/8], requests: { most: 2400, per: P1D }, marking: OFFICIAL-SENSITIVE }";
    for (less, enough) in [
        ("minimum_tls: \"1.2\"", "minimum_tls: \"1.3\""),
        ("client_certificates: false", "client_certificates: true"),
        ("networks: [10.0.0.0/7]", "networks: [10.1.0.0/16]"),
        (
            "requests: { most: 101, per: PT1H }",
            "requests: { most: 99, per: PT1H }",
        ),
        ("marking: OFFICIAL", "marking: OFFICIAL-SENSITIVE"),
    ] {
        let faults = |directorate: &str| -> Vec<String> {
            let to = format!("version: 1\nsecurity: {{ {directorate} }}\n");
            let law = under(charter).with(REVENUES, "version: 1\n", &to);
            law.load().map(drop).unwrap_err()
        };
        let wider = |fault: &String| fault.starts_with(REVENUES) && fault.contains("wider");
        assert!(
            faults(less).iter().any(wider),
            "{less}: {:#?}",
            faults(less)
        );
        assert!(
            !faults(enough).iter().any(wider),
            "{enough}: {:#?}",
            faults(enough)
        );
    }
}
