//! The shipped statutes, over sockets.

use serde_json::json;

use super::law::{Law, get, shipped_before};
use crate::harness::{Service, json as answer, run};

/// A council tax account as the revenues system holds it.
const ACCOUNT: &str = r#"{"account":"4471","name":"A. Sample","address":{"line1":"1 High Street","town":"Ventnor","postcode":"PO38 1AA","lat":50.59},"phone":"01983 000000","dateOfBirth":"1950-02-03","band":"C","balance":120.5,"discounts":[{"reason":"severe mental impairment"}],"bankDetails":"00000012345678","newField":"CANARY-7"}"#;

/// A tenancy as the housing system holds it.
const TENANCY: &str = r#"{"tenancy":"T-9","tenant":{"name":"B. Sample","nino":"AB123456C","dateOfBirth":"1980-01-02","offences":[{"text":"CANARY-OFFENCE"}]},"household":[{"age":7}],"address":{"line1":"2 Low Road","postcode":"PO38 1AB"},"residences":[{"address":"3 Old Lane","from":"2011-05-01"}],"signed":"2019-06-07","health":"CANARY-HEALTH","ward":"ventnor","bedrooms":3}"#;

/// A repair as the housing system holds it.
fn repair(ward: &str) -> String {
    format!(
        r#"{{"repair":"R-1","ward":"{ward}","state":"open","due":"2026-07-01","task":"rail in bathroom","tenant":{{"name":"C. Sample","phone":"01983 000001"}},"address":{{"line1":"4 Hill","postcode":"PO38 1AC"}},"vulnerability":"CANARY-V"}}"#
    )
}

/// A field that the service adds, and that no register and no agreement lists, does not leave.
#[test]
fn clause_a03_a_field_that_nobody_listed_stays_behind() {
    run(async {
        let (council, _service) = shipped_before(ACCOUNT).await;
        let got = get(
            &council,
            "revenues-key",
            "council-tax-billing",
            "/accounts/4471",
            "",
        )
        .await;
        assert_eq!(got.status(), 200, "{}", got.text());
        assert!(!got.text().contains("CANARY"), "{}", got.text());
        assert!(got.json().get("newField").is_none());
    });
}

/// What goes to a part of the council is entered in the ledger as a use, what goes beyond it as a disclosure; both need a purpose.
#[test]
fn clause_a09_use_within_the_council_and_disclosure_beyond_it_are_told_apart() {
    run(async {
        let service = Service::answering(answer(&repair("ventnor"))).await;
        let mut council = Law::shipped().serve(service.address);
        for (key, purpose, path) in [
            ("empty-homes-team-key", "empty-homes", "/empty-homes/4471"),
            ("wight-adaptations-key", "housing-repairs", "/jobs/R-1"),
        ] {
            let got = get(&council, key, purpose, path, "").await;
            assert_eq!(got.status(), 200, "{}", got.text());
            let without = get(&council, key, "", path, "").await;
            without.is_problem(400, "purpose_malformed");
        }
        council.stop().await;
        let kinds: Vec<_> = council
            .entries("intent")
            .iter()
            .map(|entry| (entry["partner"].clone(), entry["kind"].clone()))
            .collect();
        assert_eq!(
            kinds,
            [
                (json!("empty-homes-team"), json!("use")),
                (json!("wight-adaptations"), json!("disclosure")),
            ]
        );
    });
}

/// A partner without an agreement gets nothing whatever it asks, and no service hears of it.
#[test]
fn clause_a17_without_an_agreement_nothing_passes() {
    run(async {
        let service = Service::answering(answer(ACCOUNT)).await;
        let council = Law::shipped()
            .without("agreements/adaptations.yaml")
            .serve(service.address);
        // What others have agreed, asked for as they may, is no more the partner's than what nobody has.
        for (path, purpose) in [
            ("/jobs/R-1", "housing-repairs"),
            ("/accounts/4471", "council-tax-billing"),
            ("/empty-homes/4471", "empty-homes"),
            ("/trends/need", "housing-trends"),
            ("/", "housing-repairs"),
        ] {
            let got = get(&council, "wight-adaptations-key", purpose, path, "").await;
            got.is_problem(404, "no_route");
        }
        assert_eq!(*service.connections.lock().unwrap(), 0);
    });
}

/// No key of the configuration lets anything pass without an agreement: none is named so, and an unknown one does not load.
#[test]
fn clause_a17_no_setting_lets_anything_pass_without_an_agreement() {
    let law = Law::shipped();
    for word in [
        "allow_all",
        "bypass",
        "pass_through",
        "development",
        "default_action",
    ] {
        assert!(
            !fieldgate::config::gateway_schema().contains(word),
            "{word}"
        );
        law.clone()
            .with("fieldgate.yaml", "admin:", &format!("{word}: true\nadmin:"))
            .is_refused("fieldgate.yaml", &["unknown key"]);
    }
}

/// Another purpose, another case of letters and letters that look alike are refused, and the service is not asked.
#[test]
fn clause_p3_2_2_only_the_purposes_name_itself_is_the_purpose() {
    run(async {
        let (council, service) = shipped_before(ACCOUNT).await;
        for (purpose, reason) in [
            ("parking", "purpose_not_agreed"),
            ("council-tax", "purpose_not_agreed"),
            ("Empty-Homes", "purpose_malformed"),
            ("EMPTY-HOMES", "purpose_malformed"),
            ("empty\u{2010}homes", "purpose_malformed"),
            ("\u{435}mpty-homes", "purpose_malformed"),
            ("empty-homes, council-tax", "purpose_malformed"),
        ] {
            let got = get(
                &council,
                "empty-homes-team-key",
                purpose,
                "/empty-homes/4471",
                "",
            )
            .await;
            let status = if reason == "purpose_malformed" {
                400
            } else {
                403
            };
            got.is_problem(status, reason);
        }
        assert_eq!(*service.connections.lock().unwrap(), 0);
    });
}

/// Of a council tax account the empty homes team gets name, address and contact number; for parking it gets nothing.
#[test]
fn clause_p5_3a_council_tax_data_for_empty_homes_is_name_address_and_contact_number() {
    run(async {
        let service = Service::answering(answer(ACCOUNT)).await;
        let mut council = Law::shipped().serve(service.address);
        let key = "empty-homes-team-key";
        let parking = get(&council, key, "parking", "/empty-homes/4471", "").await;
        parking.is_problem(403, "purpose_not_agreed");
        let got = get(&council, key, "empty-homes", "/empty-homes/4471", "").await;
        assert_eq!(
            got.json(),
            json!({
                "name": "A. Sample",
                "address": { "line1": "1 High Street", "town": "Ventnor", "postcode": "PO38 1AA" },
                "phone": "01983 000000",
            })
        );
        council.stop().await;
        let entries = council.entries("intent");
        assert_eq!(entries[0]["ground"], "statute");
        assert_eq!(entries[0]["statute"], "empty-homes");
    });
}

/// Tenancies reach council tax collection without a notice that says so, and no more of them than name, address, residences and dates.
#[test]
fn clause_p5_3b_other_data_for_collecting_council_tax_is_capped_and_needs_no_notice() {
    run(async {
        let page = format!(r#"{{"page":1,"items":[{TENANCY}]}}"#);
        let (council, _service) = shipped_before(&page).await;
        let got = get(
            &council,
            "revenues-key",
            "council-tax-collection",
            "/tenancies?page=1",
            "",
        )
        .await;
        assert_eq!(
            got.json(),
            json!({
                "page": 1,
                "items": [{
                    "tenant": { "name": "B. Sample" },
                    "address": { "line1": "2 Low Road", "postcode": "PO38 1AB" },
                    "residences": [{ "address": "3 Old Lane", "from": "2011-05-01" }],
                    "signed": "2019-06-07",
                }],
            })
        );
    });
}

/// The registration officer may look at any record by GET; the same purpose without the role, the role with another purpose, and another method are refused.
#[test]
fn clause_p5_4_the_registration_officer_looks_at_one_record_in_that_role() {
    run(async {
        let service = Service::answering(answer(TENANCY)).await;
        let mut council = Law::shipped().serve(service.address);
        let (officer, clerk) = ("officer-key", "clerks-key");
        let (purpose, path) = ("electoral-registration", "/inspect/tenancies/T-9");
        let got = get(&council, officer, purpose, path, "").await;
        assert_eq!(got.status(), 200, "{}", got.text());
        assert_eq!(got.json()["tenant"], json!({ "name": "B. Sample" }));
        assert!(!got.text().contains("CANARY"));
        let got = get(&council, clerk, purpose, path, "").await;
        got.is_problem(403, "role_not_held");
        let got = get(&council, officer, "empty-homes", path, "").await;
        got.is_problem(403, "purpose_not_agreed");
        let got = get(&council, officer, purpose, "/inspect/tenancies", "").await;
        assert!((400..500).contains(&got.status()), "{}", got.text());
        for path in ["/inspect/council-tax/4471", "/inspect/staff/12"] {
            let got = get(&council, officer, purpose, path, "").await;
            assert_eq!(got.status(), 200, "{path}: {}", got.text());
        }
        council.stop().await;
        for entry in council.entries("intent") {
            assert_eq!(entry["statute"], "electoral-registration");
            assert_eq!(entry["roles"], json!(["electoral-registration-officer"]));
        }
    });
}

/// A councillor has no access that an agreement of their own does not give.
#[test]
fn clause_p5_5a_a_councillor_has_no_access_of_their_own() {
    run(async {
        let service = Service::answering(answer(&repair("ventnor"))).await;
        let council = Law::shipped()
            .without("agreements/councillor-for-ventnor.yaml")
            .serve(service.address);
        let key = "councillor-for-ventnor-key";
        for (path, purpose) in [
            ("/repairs/R-1", "ward-casework"),
            ("/jobs/R-1", "housing-repairs"),
            ("/accounts/4471", "council-tax-billing"),
        ] {
            let got = get(&council, key, purpose, path, "Data-Reference: C-1\r\n").await;
            got.is_problem(404, "no_route");
        }
        assert_eq!(*service.connections.lock().unwrap(), 0);
    });
}

/// A councillor gets a case of their ward that they name: without a reference, of another ward, or as a list they get nothing.
#[test]
fn clause_p5_5b_a_councillor_gets_a_named_case_of_their_ward() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            use tokio::io::AsyncWriteExt;
            let ward = if head.contains("/R-1 ") {
                "ventnor"
            } else {
                "ryde"
            };
            stream.write_all(answer(&repair(ward)).as_bytes()).await?;
            Ok(Some(stream))
        })
        .await;
        let council = Law::shipped().serve(service.address);
        let (key, purpose) = ("councillor-for-ventnor-key", "ward-casework");
        let case = "Data-Reference: CASE-12\r\n";
        let got = get(&council, key, purpose, "/repairs/R-1", case).await;
        assert_eq!(
            got.json(),
            json!({ "repair": "R-1", "state": "open", "due": "2026-07-01", "address": { "line1": "4 Hill" } })
        );
        let got = get(&council, key, purpose, "/repairs/R-1", "").await;
        got.is_problem(400, "reference_missing");
        let got = get(&council, key, purpose, "/repairs/R-2", case).await;
        assert_eq!(got.json(), json!(null), "another ward's");
        let got = get(&council, key, purpose, "/repairs", case).await;
        assert!((400..500).contains(&got.status()), "{}", got.text());
    });
}

/// A table of trends has a row for a ward and its number of homes by the rule that it names, and nothing of any record.
/// Rows: A14.
#[test]
fn clause_p10_4b_a_table_of_trends_has_nobodys_record() {
    run(async {
        let of = |ward: &str| {
            TENANCY
                .replace("ventnor", ward)
                .replace("2019-06-07", "2024-06-07")
        };
        let mut items = vec![of("ventnor"); 12];
        items.extend(vec![of("ryde"); 3]);
        let page = format!(r#"{{"page":1,"items":[{}]}}"#, items.join(","));
        let (council, _service) = shipped_before(&page).await;
        let path = "/trends/homes-by-ward";
        let got = get(&council, "planning-policy-key", "housing-trends", path, "").await;
        assert_eq!(got.status(), 200, "{}", got.text());
        for value in ["B. Sample", "AB123456C", "PO38", "T-9", "2024-06", "CANARY"] {
            assert!(!got.text().contains(value), "{value} in {}", got.text());
        }
        assert!(got.text().contains("ventnor"), "{}", got.text());
        assert!(!got.body().contains(":12"), "{}", got.text());
    });
}

/// What leaves for trends names nobody: neither name nor number nor day, ages and places coarse.
#[test]
fn clause_p10_4b_trends_name_nobody() {
    run(async {
        let page =
            format!(r#"{{"page":1,"items":[{TENANCY}]}}"#).replace("2019-06-07", "2024-06-07");
        let (council, _service) = shipped_before(&page).await;
        let got = get(
            &council,
            "planning-policy-key",
            "housing-trends",
            "/trends/need",
            "",
        )
        .await;
        assert_eq!(
            got.json(),
            json!({ "items": [{ "ward": "ventnor", "bedrooms": 3, "signed": "2024", "address": { "postcode": "PO38" } }] })
        );
    });
}

/// A record collected under a notice that does not say the purpose stays behind without a trace and is counted; one collected under a later notice that does leaves.
#[test]
fn clause_p4_1c_records_collected_before_people_were_told_stay_behind() {
    run(async {
        let of = |signed: &str| TENANCY.replace("2019-06-07", signed);
        let days = [
            "2019-06-07",
            "2024-03-31",
            "2024-04-01",
            "2025-01-01T09:00:00Z",
            "31/12/2025",
            "",
        ];
        let items: Vec<String> = days.iter().map(|day| of(day)).collect();
        let page = format!(r#"{{"items":[{}]}}"#, items.join(","));
        let service = Service::answering(answer(&page)).await;
        let mut council = Law::shipped().serve(service.address);
        let got = get(
            &council,
            "planning-policy-key",
            "housing-trends",
            "/trends/need",
            "",
        )
        .await;
        let json = got.json();
        let years: Vec<_> = json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["signed"].clone())
            .collect();
        assert_eq!(years, ["2024", "2025"], "{}", got.text());
        council.stop().await;
        let release = &council.entries("release")[0];
        assert!(
            release.to_string().contains(r#""not_notified":4"#),
            "{release}"
        );
    });
}

/// The entry of a release says the ground that it rests on; where that is a notice, which one and its version.
#[test]
fn clause_p4_3a_the_ledger_says_which_notice_a_release_rests_on() {
    run(async {
        let service = Service::answering(answer(&repair("ventnor"))).await;
        let mut council = Law::shipped().serve(service.address);
        let key = "councillor-for-ventnor-key";
        let case = "Data-Reference: CASE-12\r\n";
        let got = get(&council, key, "ward-casework", "/repairs/R-1", case).await;
        assert_eq!(got.status(), 200, "{}", got.text());
        council.stop().await;
        let entries = council.entries("intent");
        assert_eq!(entries[0]["ground"], "notice");
        assert_eq!(entries[0]["notice"], "repairs-notice");
        assert_eq!(entries[0]["notice_version"], 1);
        let layers = council.entries("agreements")[0]["layers"].clone();
        let named: Vec<_> = layers
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["layer"].clone())
            .collect();
        assert_eq!(named, ["register", "charter", "directorate", "directorate"]);
    });
}

/// A field that a service begins to send and that neither the agreement nor the register has leaves the answer as it was, and
/// opens one case with its name and no value; a field that the register has opens none.
#[test]
fn clause_p10_3a_a_new_field_of_a_service_stays_behind_and_opens_one_case() {
    run(async {
        let (council, _service) = shipped_before(ACCOUNT).await;
        for _ in 0..3 {
            let got = get(
                &council,
                "revenues-key",
                "council-tax-billing",
                "/accounts/4471",
                "",
            )
            .await;
            assert_eq!(got.status(), 200, "{}", got.text());
            assert!(!got.text().contains("newField"), "{}", got.text());
        }
        let path = council.folder.path().join("state/cases.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        let of_new_field = text.matches("$.newField").count();
        assert_eq!(of_new_field, 1, "{text}");
        assert!(
            !text.contains("CANARY") && !text.contains("bankDetails"),
            "{text}"
        );
        let case: serde_json::Value = serde_json::from_str(
            text.lines()
                .find(|line| line.contains("newField"))
                .unwrap_or_default(),
        )
        .unwrap();
        assert_eq!(case["gap"]["kind"], "field");
        assert!(case["contact"].is_string(), "{case}");
    });
}

/// A partner is served from its networks alone: from anywhere else its credential is refused, before any service hears of it.
#[test]
fn clause_p10_5_6_a_partner_is_served_from_its_networks_alone() {
    run(async {
        for (networks, status) in [("127.0.0.0/8", 200), ("192.0.2.0/24, \"::/0\"", 403)] {
            let service = Service::answering(answer(ACCOUNT)).await;
            let from = format!("  - name: revenues\n    networks: [{networks}]\n");
            let mut council = Law::shipped()
                .with("fieldgate.yaml", "  - name: revenues\n", &from)
                .serve(service.address);
            let path = "/accounts/4471";
            let got = get(&council, "revenues-key", "council-tax-billing", path, "").await;
            assert_eq!(got.status(), status, "{}", got.text());
            council.stop().await;
            if status == 403 {
                got.is_problem(403, "network_not_agreed");
                assert_eq!(service.requests().len(), 0);
                let refusal = &council.entries("refusal")[0];
                assert_eq!(refusal["partner"], json!("revenues"));
                assert_eq!(refusal["reason"], json!("network_not_agreed"));
            }
        }
    });
}

/// What an agreement lets out carries the marking that it states.
#[test]
fn clause_p10_5_6_each_answer_is_marked_as_its_agreement_says() {
    run(async {
        let service = Service::answering(answer(ACCOUNT)).await;
        let billing = "agreements/council-tax-billing.yaml";
        let law = Law::shipped();
        let text = format!(
            "{}\nmarking: \"OFFICIAL-SENSITIVE: PERSONAL\"\n",
            law.text(billing).trim_end()
        );
        let council = law.with_file(billing, &text).serve(service.address);
        let path = "/accounts/4471";
        let got = get(&council, "revenues-key", "council-tax-billing", path, "").await;
        assert_eq!(got.status(), 200, "{}", got.text());
        let marked = "data-marking: official-sensitive: personal\r\n";
        assert!(got.head().contains(marked), "{}", got.head());
        let path = "/empty-homes/4471";
        let got = get(&council, "empty-homes-team-key", "empty-homes", path, "").await;
        assert_eq!(got.status(), 200, "{}", got.text());
        assert!(!got.head().contains("data-marking"), "{}", got.head());
    });
}
