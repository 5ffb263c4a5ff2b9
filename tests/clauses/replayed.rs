//! Old decisions, decided again after what was around them has changed: keys, credentials, the register, look-up tables.

use std::fs;
use std::path::Path;

use fieldgate::keyring::{KeyFile, OwnerName, Ring, RootSource};
use serde_json::Value;

use crate::explained::fieldgate;
use crate::harness::{CARE, HEALTH_KEY, Service, Setup, hash, json, run};
use crate::register::{Law, get};

/// All decisions of the ledger in `folder`, decided again: how many are the same, how many are not, and what is printed.
fn replayed(folder: &Path) -> (u64, u64, String) {
    let ran = fieldgate(
        folder,
        "decision replay --all --json --config fieldgate.yaml",
    );
    let results: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (same, other): (Vec<&Value>, Vec<&Value>) = results
        .iter()
        .partition(|one| one["replay"]["result"] == "same");
    assert_eq!(ran.code, i32::from(!other.is_empty()), "{}", ran.out);
    (same.len() as u64, other.len() as u64, ran.out)
}

/// Decisions from before and after the keys of their agreement were destroyed are decided again with the verdict of their time, also
/// once there are new keys.
#[test]
fn clause_p9_3_decisions_around_destroyed_keys_are_decided_again() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137","name":"Ada"}"#)).await;
        let text = CARE.replace(
            "- keep: [$.name, \"$.items[*].name\"]",
            "- pseudonymise: [$.id]\n          as: person",
        );
        let mut council = Setup {
            agreements: vec![("care.yaml".to_owned(), text)],
            ..Setup::with(service.address)
        }
        .write();
        let config = fs::read_to_string(council.config()).unwrap();
        let config = config.replace(
            "root_key_file: root.key",
            "root_key_file: root.key, ring: ring",
        );
        fs::write(council.config(), config).unwrap();
        let folder = council.folder.path().to_owned();
        let root = KeyFile(folder.join("root.key")).root().unwrap();
        let ring = Ring::at(folder.join("ring"));
        let (care, at) = (
            OwnerName::new("care").unwrap(),
            "2026-06-15T12:00:00Z".parse().unwrap(),
        );
        ring.create(&care, &root, at).unwrap();
        council.start();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        ring.destroy(&care, None, &root, at).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        council
            .get("/adults/7")
            .await
            .is_problem(403, "keys_destroyed");
        council.stop().await;
        assert_eq!(replayed(&folder), (2, 0, replayed(&folder).2));
        ring.create(&care, &root, at).unwrap();
        let (same, other, told) = replayed(&folder);
        assert_eq!((same, other), (2, 0), "{told}");
        assert!(told.contains("keys_destroyed then and now"), "{told}");
    });
}

/// What credentials stated when a decision was made is entered with it: it is decided again with the same verdict after everybody's
/// credentials have changed.
#[test]
fn clause_p9_3_decisions_of_former_credentials_are_decided_again() {
    run(async {
        const TRAINED: &str = "trained-key-0123456789";
        let service = Service::answering(json(r#"{"id":"7","name":"Ada"}"#)).await;
        let text = CARE.replace(
            "  care: Offer care\n",
            "  care: { text: Offer care, roles: [nurse], professional: required, training: required }\n",
        );
        let mut council = Setup {
            agreements: vec![("care.yaml".to_owned(), text)],
            identify: format!(
                "api_keys: [{{ name: k, sha256: {}, roles: [nurse] }}, {{ name: trained, sha256: {}, roles: [nurse], professional: true, trained_until: 2026-12-01T00:00:00Z }}]",
                hash(HEALTH_KEY),
                hash(TRAINED),
            ),
            ..Setup::with(service.address)
        }
        .start();
        let ask = async |key: &str| {
            let request = format!(
                "GET /adults/7 HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\nData-Purpose: care\r\nConnection: close\r\n\r\n"
            );
            council.send(&request).await
        };
        assert_eq!(ask(TRAINED).await.status(), 200);
        ask(HEALTH_KEY).await.is_problem(403, "not_professional");
        council.stop().await;
        let folder = council.folder.path();
        let config = fs::read_to_string(council.config()).unwrap();
        let changed = config
            .replace(", roles: [nurse]", "")
            .replace(", professional: true", "")
            .replace(", trained_until: 2026-12-01T00:00:00Z", "")
            .replace(&hash(TRAINED), &hash("another-key-0123456789"));
        assert_ne!(changed, config);
        fs::write(council.config(), changed).unwrap();
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (2, 0), "{told}");
    });
}

/// A decision that a register let load is decided again under that register, after another one has come that would not have it; where
/// its text is gone, it is said that it was not asked.
#[test]
fn clause_p9_3_decisions_of_a_former_register_are_decided_again() {
    run(async {
        let service = Service::answering(json(r#"{"account":"4471","name":"A. Sample"}"#)).await;
        let mut council = Law::shipped().serve(service.address);
        let key = "empty-homes-team-key";
        for (purpose, status) in [("empty-homes", 200), ("parking", 403)] {
            let got = get(&council, key, purpose, "/empty-homes/4471", "").await;
            assert_eq!(got.status(), status, "{}", got.text());
        }
        council.stop().await;
        let folder = council.folder.path();
        let register = folder.join("register.yaml");
        let text = fs::read_to_string(&register).unwrap();
        let recipient = "      - { partner: empty-homes-team, purposes: [empty-homes] }\n";
        assert!(text.contains(recipient));
        fs::write(&register, text.replace(recipient, "")).unwrap();
        assert_eq!(fieldgate(folder, "check --config fieldgate.yaml").code, 1);
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (2, 0), "{told}");
        assert!(
            told.contains("a statute opens it") || told.contains("opens"),
            "{told}"
        );
        assert!(!told.contains("was not asked again"), "{told}");
        fs::remove_file(folder.join(format!("ledger/texts/{}.yaml", hash(&text)))).unwrap();
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (2, 0), "{told}");
        assert!(told.contains("was not asked again"), "{told}");
    });
}

/// Where a look-up table is not what it was, a replay says so: the table is a part of what was agreed, and its text is not kept.
/// Without the table nothing is decided again.
#[test]
fn clause_p9_3_a_replay_says_where_a_table_has_changed() {
    run(async {
        const WARDS: &str = "pcds,ward\nPO38 1AA,Ventnor\n";
        let service = Service::answering(json(r#"{"id":"7","postcode":"PO38 1AA"}"#)).await;
        let text = CARE.replace(
            "- keep: [$.name, \"$.items[*].name\"]",
            "- generalise: [$.postcode]\n          to: table\n          table: wards.csv\n          from: postcode\n          column: ward",
        );
        let mut council = Setup {
            agreements: vec![
                ("care.yaml".to_owned(), text),
                ("wards.csv".to_owned(), WARDS.to_owned()),
            ],
            ..Setup::with(service.address)
        }
        .start();
        let got = council.get("/adults/7").await;
        assert_eq!(got.body(), r#"{"postcode":"Ventnor"}"#);
        council.stop().await;
        let folder = council.folder.path();
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (1, 0), "{told}");
        assert!(!told.contains("tables:"), "{told}");
        let table = folder.join("agreements/wards.csv");
        fs::write(&table, WARDS.replace("Ventnor", "Ryde")).unwrap();
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (1, 0), "{told}");
        assert!(
            told.contains("tables: a look-up table that agreement care names"),
            "{told}"
        );
        fs::remove_file(&table).unwrap();
        let (same, other, told) = replayed(folder);
        assert_eq!((same, other), (0, 1), "{told}");
        assert!(told.contains("wards.csv"), "{told}");
    });
}

/// Terms of every kind, for requests of every kind.
const TERMS: &str = r#"
agreement: terms
version: 1
title: Terms of purposes
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: Offer care
  safeguarding: { text: Protect people at risk, roles: [social-worker, nurse], covers: [strategy-meeting] }
  legal-proceedings: { text: Bring or defend a claim, reference: required }
  medical: { text: Treat people, professional: required }
  outreach: { text: Visit people, training: required }
disclosures:
  - name: adult
    purposes: [care, safeguarding, legal-proceedings, medical, outreach]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response: { format: json, fields: [{ keep: [$.name] }] }
  - name: adults
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /api }
    response: { format: json, fields: [{ keep: [$.name] }] }
"#;

/// Two thousand random requests over the wire end as their explanation does: with the same answer and, where they are refused, for the
/// same reason; and all of them are decided again from the ledger with the same verdict.
/// Rows: A24.
#[test]
fn clause_p9_3_two_thousand_live_requests_end_as_explained_and_as_decided_again() {
    use fieldgate::agreement::{Ask, Asker, Caller, Credentials, PartnerName, Role};
    const KEYS: [(&str, &[&str], bool, Option<&str>); 4] = [
        ("clerk-key-01234567890", &[], false, None),
        (
            "worker-key-0123456789",
            &["social-worker"],
            false,
            Some("2026-06-15T12:00:00Z"),
        ),
        (
            "doctor-key-0123456789",
            &["doctor"],
            true,
            Some("2026-06-15T12:00:01Z"),
        ),
        (
            "nurse-key-01234567890",
            &["nurse", "doctor"],
            true,
            Some("2025-01-01T00:00:00Z"),
        ),
    ];
    const PURPOSES: [&str; 9] = [
        "care",
        "safeguarding",
        "strategy-meeting",
        "legal-proceedings",
        "medical",
        "outreach",
        "marketing",
        "Care",
        "two words",
    ];
    const REFERENCES: [&str; 4] = ["", "KB-1", "a b", "KB-2026-000431"];
    run(async {
        let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
        let keys: Vec<String> = KEYS
            .iter()
            .enumerate()
            .map(|(index, (key, roles, professional, until))| {
                let until =
                    until.map_or(String::new(), |until| format!(", trained_until: {until}"));
                let roles = match roles {
                    [] => String::new(),
                    roles => format!(", roles: [{}]", roles.join(", ")),
                };
                format!(
                    "{{ name: k{index}, sha256: {}{roles}, professional: {professional}{until} }}",
                    hash(key)
                )
            })
            .collect();
        let ended = TERMS
            .replace("agreement: terms", "agreement: ended")
            .replace("ends: 2026-12-31", "ends: 2026-06-14")
            .replace("/adults", "/former");
        let mut council = Setup {
            agreements: vec![
                ("terms.yaml".to_owned(), TERMS.to_owned()),
                ("ended.yaml".to_owned(), ended),
            ],
            identify: format!("api_keys: [{}]", keys.join(", ")),
            ..Setup::with(service.address)
        }
        .start();
        let loaded = fieldgate::config::load(&council.config()).unwrap();
        let set = &loaded.agreements;
        let mut state: u64 = 0x5EED;
        let mut below = |count: usize| {
            // Knuth's MMIX generator: the same requests in every run.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % count
        };
        let partner = PartnerName::new("island-health");
        let mut verdicts = std::collections::BTreeMap::new();
        for _ in 0..2_000 {
            let (key, roles, professional, until) = KEYS[below(KEYS.len())];
            let method = ["GET", "GET", "GET", "GET", "PUT"][below(5)];
            let path = ["/adults/7", "/adults/7", "/adults", "/former/7", "/nowhere"][below(5)];
            let purposes: Vec<&str> = match below(12) {
                0 => Vec::new(),
                1 => vec!["care", "medical"],
                _ => vec![PURPOSES[below(PURPOSES.len())]],
            };
            let reference = REFERENCES[below(REFERENCES.len())];
            let declared: String = purposes
                .iter()
                .map(|purpose| format!("Data-Purpose: {purpose}\r\n"))
                .collect();
            let named = match reference {
                "" => String::new(),
                reference => format!("Data-Reference: {reference}\r\n"),
            };
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\n{declared}{named}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let got = council.send(&request).await;
            let roles: Vec<Role> = roles.iter().map(|role| Role::new(role)).collect();
            let purposes: Vec<&[u8]> = purposes.iter().map(|purpose| purpose.as_bytes()).collect();
            let ask = Ask {
                asker: Asker::Partner(&partner),
                method,
                path,
                purposes: &purposes,
                caller: Caller {
                    roles: &roles,
                    professional,
                    trained_until: until.map(|until| until.parse().unwrap()),
                    reference: (!reference.is_empty()).then_some(reference.as_bytes()),
                    credentials: Credentials::ALL,
                    ..Caller::default()
                },
                at: crate::harness::june().now(),
            };
            let (decided, steps) = (set.decide(&ask), set.explain(&ask));
            let refused = steps.iter().any(|step| !step.passed);
            assert_eq!(refused, decided.is_err());
            let verdict = match decided {
                Ok(_) => "permitted",
                Err(refusal) => refusal.code(),
            };
            let live = match got.status() {
                200 => "permitted".to_owned(),
                _ => got.json()["reason"].as_str().unwrap().to_owned(),
            };
            assert_eq!(live, verdict, "{request}\n{}", got.text());
            *verdicts.entry(verdict).or_insert(0_u32) += 1;
        }
        // Not all for one reason.
        assert!(verdicts["permitted"] > 200, "{verdicts:?}");
        assert!(verdicts["not_trained"] > 20, "{verdicts:?}");
        assert!(verdicts.len() >= 11, "{verdicts:?}");
        council.stop().await;
        let told = fieldgate(
            council.folder.path(),
            "decision replay --all --config fieldgate.yaml",
        );
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        let depended: u32 = ["no_route", "method_not_agreed", "path_form"]
            .iter()
            .filter_map(|reason| verdicts.get(reason))
            .sum();
        let expected = format!(
            "{} the same, 0 differ, {depended} depended on what is not held, 0 could",
            2_000 - depended
        );
        assert!(told.out.starts_with(&expected), "{}", told.out);
    });
}
