//! What a token says of its bearer, and what counts of it.

use super::*;

/// An agreement in which one purpose is for a role.
fn with_roles() -> String {
    CARE.replace(
        "  care: Offer care\n",
        "  care: { text: Offer care, roles: [social-worker] }\n",
    )
}

#[test]
fn what_a_token_says_of_purposes_roles_and_professionals_counts() {
    run(async {
        let signer = Signer::new("a");
        let more = "    claims: { purpose: /data/purposes, roles: /realm_access/roles, professional: registered, acting: sub }\n";
        let (mut council, service) = council(&jwks(&[&signer]), more, &with_roles()).await;
        let token = |purposes: Value, roles: Value| {
            signer.sign(&with(&[
                ("data", json!({ "purposes": purposes })),
                ("realm_access", json!({ "roles": roles })),
                ("sub", json!("ada-lovelace-canary")),
            ]))
        };
        let worker = json!(["offline_access", "social-worker", "carol-canary"]);
        let good = token(json!(["care", "research"]), worker.clone());
        assert_eq!(council.send(&bearing(&good)).await.status(), 200);
        // Words in a text say the same as a list.
        let text = token(json!("research care"), json!("social-worker"));
        assert_eq!(council.send(&bearing(&text)).await.status(), 200);
        // A token that is for one purpose declares it; one that is for two does not.
        let undeclared = |token: &str| bearing(token).replace("Data-Purpose: care\r\n", "");
        let one = token(json!(["care"]), worker.clone());
        assert_eq!(council.send(&undeclared(&one)).await.status(), 200);
        council
            .send(&undeclared(&good))
            .await
            .is_problem(400, "purpose_missing");
        for purposes in [
            json!(["research"]),
            json!([]),
            json!("carer"),
            json!(7),
            json!(["Care"]),
        ] {
            let token = token(purposes, worker.clone());
            council
                .send(&bearing(&token))
                .await
                .is_problem(403, "purpose_not_in_token");
        }
        for roles in [
            json!([]),
            json!(["Social-Worker"]),
            json!({ "social-worker": true }),
        ] {
            let token = token(json!(["care"]), roles);
            council
                .send(&bearing(&token))
                .await
                .is_problem(403, "role_not_held");
        }
        assert_eq!(service.requests().len(), 3);

        council.stop().await;
        let intents = council.entries("intent");
        let first = &intents[0];
        assert_eq!(
            first["roles"],
            json!(["social-worker"]),
            "roles are the agreements' words"
        );
        let person = first["person"].as_str().unwrap();
        assert!(
            intents.iter().all(|intent| intent["person"] == person),
            "one person, one token"
        );
        let ledger = council.ledger_text();
        assert!(
            !ledger.contains("canary"),
            "of people the ledger has tokens alone"
        );
    });
}

#[test]
fn a_token_says_until_when_its_bearers_training_counts() {
    run(async {
        let signer = Signer::new("a");
        let text = CARE.replace(
            "  care: Offer care\n",
            "  care: { text: Offer care, training: required }\n",
        );
        let more = "    claims: { trained_until: /hr/trained }\n";
        let (council, service) = council(&jwks(&[&signer]), more, &text).await;
        let token = |until: Value| signer.sign(&with(&[("hr", json!({ "trained": until }))]));
        // The tests' present is noon of 15 June 2026, in UTC.
        for until in [
            json!(1_781_524_801),
            json!("2026-06-15T12:00:01Z"),
            json!("2026-06-15"),
            json!("2027-01-31"),
        ] {
            let got = council.send(&bearing(&token(until.clone()))).await;
            assert_eq!(got.status(), 200, "{until}");
        }
        let asked = service.requests().len();
        for until in [
            json!(1_781_524_800),
            json!("2026-06-15T12:00:00Z"),
            json!("2026-06-14"),
            json!("next year"),
            json!("9999-99-99"),
            json!(true),
            json!(1e300),
            json!(null),
            json!(["2027-01-31"]),
        ] {
            let got = council.send(&bearing(&token(until))).await;
            got.is_problem(403, "not_trained");
        }
        let without = signer.sign(&with(&[]));
        let got = council.send(&bearing(&without)).await;
        got.is_problem(403, "not_trained");
        assert_eq!(service.requests().len(), asked);
    });
}

#[test]
fn the_acting_person_may_be_named_by_the_partner_and_two_partners_numbers_are_two_people() {
    run(async {
        let signer = Signer::new("a");
        let (mut council, _service) =
            council(&jwks(&[&signer]), "    claims: { acting: sub }\n", CARE).await;
        let header = "Data-Staff-Identifier: staff-canary\r\n";
        council.send(&care("GET", "/adults/7", header)).await;
        council.send(&care("GET", "/adults/7", header)).await;
        council.send(&care("GET", "/adults/7", "")).await;
        council
            .send(&bearing(
                &signer.sign(&with(&[("sub", json!("staff-canary"))])),
            ))
            .await;
        council.stop().await;
        let intents = council.entries("intent");
        let person = |index: usize| intents[index]["person"].as_str();
        assert!(person(0).is_some());
        assert_eq!(person(0), person(1));
        assert_eq!(person(2), None);
        assert!(person(3).is_some() && person(3) != person(0));
        assert!(!council.ledger_text().contains("canary"));
    });
}

#[test]
fn an_agreement_can_ask_for_several_credentials_together() {
    run(async {
        let signer = Signer::new("a");
        let agreement = CARE
            .replace("retention: P6M", "retention: P6M\ncredentials: [api_key]")
            .replace(
                "  care: Offer care\n",
                "  care: { text: Offer care, credentials: [access_token] }\n",
            );
        let (council, service) = council(&jwks(&[&signer]), "", &agreement).await;
        let token = format!("Authorization: Bearer {}\r\n", signer.sign(&claims()));
        let both = care("GET", "/adults/7", &token);
        assert_eq!(council.send(&both).await.status(), 200);
        for (request, missing) in [
            (care("GET", "/adults/7", ""), "asks for access_token too"),
            (bearing(&signer.sign(&claims())), "asks for api_key too"),
        ] {
            let problem = council
                .send(&request)
                .await
                .is_problem(403, "credential_missing");
            assert!(
                problem["detail"].as_str().unwrap().contains(missing),
                "{problem}"
            );
        }
        // The agreement's own list is for every purpose.
        let research = bearing(&signer.sign(&claims()))
            .replace("Data-Purpose: care", "Data-Purpose: research")
            .replace("/adults/7", "/studies");
        council
            .send(&research)
            .await
            .is_problem(403, "credential_missing");
        assert_eq!(service.requests().len(), 1);
    });
}
