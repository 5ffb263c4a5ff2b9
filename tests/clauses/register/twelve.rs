//! What a council's reader would try first, by hand: purposes, triples and territory, over the wire.

use std::collections::BTreeSet;

use fieldgate::agreement::{PartnerName, PurposeName};
use fieldgate::register::Register;

use super::law::{Law, get};
use crate::harness::{Service, json as answer, run};

/// A repair of the ward, which is also every other record that these tests ask for.
const RECORD: &str = r#"{"repair":"R-1","ward":"ventnor","state":"open","reported":"2026-06-01","task":"rail","tenant":{"name":"C. Sample"}}"#;

/// A declared purpose is answered only where the agreement, the register and what people were told all have it: of the eight gateways
/// that differ in these one answers, and the others either do not start or have no such path; their service is not asked.
#[test]
fn clause_p5_1a_a_purpose_is_answered_where_agreement_register_and_notice_have_it() {
    run(async {
        for mask in 0..8_u8 {
            let has = |bit: u8| mask & (1 << bit) != 0;
            let service = Service::answering(answer(RECORD)).await;
            let mut law = Law::shipped();
            if !has(0) {
                law = law.without("agreements/councillor-for-ventnor.yaml");
            }
            if !has(1) {
                let line =
                    "      - { partner: councillor-for-ventnor, purposes: [ward-casework] }\n";
                law = law.with("register.yaml", line, "");
            }
            if !has(2) {
                let purposes = "[housing-repairs, ward-casework]";
                law = law.with("register.yaml", purposes, "[housing-repairs]");
            }
            let mut council = law.before(service.address);
            if council.try_start().is_err() {
                assert!(has(0) && mask != 7, "{mask:03b} does not start");
                continue;
            }
            let more = "Data-Reference: CASE-7\r\n";
            let key = "councillor-for-ventnor-key";
            let got = get(&council, key, "ward-casework", "/repairs/R-1", more).await;
            let connections = *service.connections.lock().unwrap();
            if mask == 7 {
                assert_eq!(got.status(), 200, "{}", got.text());
            } else {
                got.is_problem(404, "no_route");
                assert_eq!(connections, 0);
            }
        }
    });
}

/// Of all partners, purposes and paths a request is let through exactly where the register has the partner for the purpose with the
/// data set that the path draws on: what the ledger has of them is registered triples, and every agreed one among them.
#[test]
fn clause_p6_1b_every_permutation_of_partner_purpose_and_path_is_a_registered_triple_or_refused() {
    const PATHS: [(&str, &str); 9] = [
        ("/jobs/R-1", "repairs"),
        ("/repairs/R-1", "repairs"),
        ("/accounts/4471", "council-tax"),
        ("/empty-homes/4471", "council-tax"),
        ("/inspect/council-tax/4471", "council-tax"),
        ("/tenancies", "tenancies"),
        ("/inspect/tenancies/T-9", "tenancies"),
        ("/trends/need", "tenancies"),
        ("/inspect/staff/7", "staff"),
    ];
    const KEYS: [(&str, &str); 7] = [
        ("revenues-key", "revenues"),
        ("empty-homes-team-key", "empty-homes-team"),
        ("officer-key", "electoral-services"),
        ("clerks-key", "electoral-services"),
        ("planning-policy-key", "planning-policy"),
        ("councillor-for-ventnor-key", "councillor-for-ventnor"),
        ("wight-adaptations-key", "wight-adaptations"),
    ];
    run(async {
        let service = Service::answering(answer(RECORD)).await;
        let law = Law::shipped();
        let register = Register::load("register.yaml", law.text("register.yaml")).unwrap();
        let mut council = law.serve(service.address);
        let (mut asked, mut refused) = (0, 0);
        for (key, partner) in KEYS {
            for purpose in &register.purposes {
                for (path, data_set) in PATHS {
                    let more = "Data-Reference: CASE-7\r\n";
                    let got = get(&council, key, purpose.name.as_str(), path, more).await;
                    asked += 1;
                    // What is let through may still be no record of the disclosure's form.
                    if matches!(got.status(), 403 | 404) {
                        refused += 1;
                        assert!(got.json()["remedy"].is_string(), "{}", got.text());
                    } else {
                        let partner = PartnerName::new(partner);
                        let is = register.is_registered(data_set, &purpose.name, &partner);
                        assert!(is, "{partner} got {path} for {}", purpose.name);
                    }
                }
            }
        }
        council.stop().await;
        let mut found = BTreeSet::new();
        let intents = council.entries("intent");
        for intent in &intents {
            let text = |name: &str| intent[name].as_str().unwrap().to_owned();
            let triple = (text("data_set"), text("purpose"), text("partner"));
            let is = register.is_registered(
                &triple.0,
                &PurposeName::new(&triple.1),
                &PartnerName::new(&triple.2),
            );
            assert!(is, "{triple:?}");
            found.insert(triple);
        }
        assert_eq!(asked, intents.len() + refused);
        let agreed: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|(set, purpose, partner)| (set.as_str(), purpose.as_str(), partner.as_str()))
            .collect();
        assert_eq!(
            agreed,
            [
                ("council-tax", "council-tax-billing", "revenues"),
                (
                    "council-tax",
                    "electoral-registration",
                    "electoral-services"
                ),
                ("council-tax", "empty-homes", "empty-homes-team"),
                ("repairs", "housing-repairs", "wight-adaptations"),
                ("repairs", "ward-casework", "councillor-for-ventnor"),
                ("staff", "electoral-registration", "electoral-services"),
                ("tenancies", "council-tax-collection", "revenues"),
                ("tenancies", "electoral-registration", "electoral-services"),
                ("tenancies", "housing-trends", "planning-policy"),
            ]
        );
    });
}

/// An agreement that would have data held outside the charter's territory is not taken up: a running gateway goes on under what it has,
/// byte for byte, and one that starts on it does not start.
#[test]
fn clause_p10_4a_a_gateway_never_runs_an_agreement_beyond_the_charters_territory() {
    run(async {
        let service = Service::answering(answer(r#"{"name":"A. Sample","phone":"1"}"#)).await;
        let mut council = Law::shipped().serve(service.address);
        let ask = async |council: &crate::harness::Council| {
            let key = "empty-homes-team-key";
            get(council, key, "empty-homes", "/empty-homes/4471", "")
                .await
                .body()
        };
        let before = ask(&council).await;
        let path = council.folder.path().join("agreements/empty-homes.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let beyond = text.replace("territory: [GB]", "territory: [GB, US]");
        assert_ne!(beyond, text);
        std::fs::write(&path, beyond).unwrap();
        let fault = council.gateway.as_ref().unwrap().reload().unwrap_err();
        assert!(fault.to_string().contains("US"), "{fault}");
        assert_eq!(ask(&council).await, before);
        council.stop().await;
        let fault = council.try_start().unwrap_err();
        assert!(fault.to_string().contains("US"), "{fault}");
        assert!(council.gateway.is_none());
    });
}
