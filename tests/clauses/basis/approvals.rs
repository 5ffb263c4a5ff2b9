//! Who approved what.

use fieldgate::approval::{Approver, Document, Kind, SigningKey, with_approval};
use fieldgate::config;

use super::{REGISTER, drawing};
use crate::harness::{CARE, Council, Service, Setup, json, run};

fn key(seed: u8) -> SigningKey {
    SigningKey::read(&[seed; 32]).unwrap()
}

fn approver(name: &str, role: &str, seed: u8) -> Approver {
    Approver {
        name: name.to_owned(),
        role: role.to_owned(),
        public_key: key(seed).public_key(),
    }
}

fn hex(seed: u8) -> String {
    data_encoding::HEXLOWER.encode(&key(seed).public_key())
}

/// The configuration's section for an owner (key 2) and a DPO (key 1).
fn approvals(documents: &str) -> String {
    format!(
        "approvals:\n  approvers:\n    - {{ name: office, role: dpo, public_key: {} }}\n    - {{ name: head-of-care, role: owner, public_key: {} }}\n  required: [owner, dpo]\n{documents}",
        hex(1),
        hex(2)
    )
}

fn sign(council: &Council, text: &str, (name, role, seed): (&str, &str, u8)) {
    let path = council.folder.path().join("agreements/care.approvals.yaml");
    let before = std::fs::read_to_string(&path).ok();
    let document = Document {
        kind: Kind::Agreement,
        name: "care",
        version: 1,
        text,
        tables: &[],
        sign_off: &[],
    };
    let at = "2026-01-05T09:00:00Z".parse().unwrap();
    let file = with_approval(
        before.as_deref(),
        &document,
        &approver(name, role, seed),
        &key(seed),
        at,
    );
    std::fs::write(path, file.unwrap()).unwrap();
}

/// A gateway under an agreement that nobody has approved yet, and its service.
async fn draft() -> (Council, Service) {
    let service = Service::answering(json(r#"{"name":"A","id":"7"}"#)).await;
    let setup = Setup {
        limits: approvals(""),
        ..Setup::with(service.address)
    };
    (setup.start(), service)
}

const OFFICE: (&str, &str, u8) = ("office", "dpo", 1);
const OWNER: (&str, &str, u8) = ("head-of-care", "owner", 2);

/// A draft's requests get 403 and the service is not asked; once every role has signed the text they pass.
#[test]
fn clause_r01_an_agreement_is_a_draft_until_it_is_approved() {
    run(async {
        let (mut council, service) = draft().await;
        let problem = council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        assert_eq!(problem["agreement"], "care");
        assert_eq!(service.requests().len(), 0);
        sign(&council, CARE, OFFICE);
        sign(&council, CARE, OWNER);
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.stop().await;
    });
}

/// The ledger says which agreements lacked an approval when a set began to run, so that a refusal for it is decided again with
/// the same verdict, also after the approvals have come.
#[test]
fn clause_p9_3_a_refusal_for_a_missing_approval_is_decided_again() {
    run(async {
        let (mut council, _service) = draft().await;
        council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        sign(&council, CARE, OFFICE);
        sign(&council, CARE, OWNER);
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.stop().await;
        let sets = council.entries("agreements");
        assert_eq!(sets[0]["standing"][0]["missing"][0], "owner");
        assert!(sets[1].get("standing").is_none());
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fieldgate"))
            .current_dir(council.folder.path())
            .args(["decision", "replay", "--all", "--config", "fieldgate.yaml"])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            told.starts_with("2 the same, 0 differ, 0 depended"),
            "{told}"
        );
    });
}

/// As small as an agreement can be, so that each of its bytes can be changed.
const SMALL: &str = "\
agreement: care
version: 1
title: A
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: B }
disclosures:
- name: a
  purposes: [care]
  request: GET /a
  service: { name: social-care, path: /a }
  response: { format: json, fields: [{ keep: [$.a] }] }
";

/// An approved text in which a byte was changed does not load, wherever the byte is.
#[test]
fn clause_r01_a_text_that_was_changed_after_its_approval_does_not_load() {
    let setup = Setup {
        limits: approvals(""),
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let council = setup.write();
    sign(&council, SMALL, OFFICE);
    sign(&council, SMALL, OWNER);
    let load = |text: &str| {
        std::fs::write(council.folder.path().join("agreements/care.yaml"), text).unwrap();
        config::load(&council.config())
    };
    assert!(
        load(SMALL).unwrap().agreements.agreements[0]
            .approved
            .is_usable()
    );
    assert!(
        load(&SMALL.replace('\n', "\r\n")).is_ok(),
        "other line ends are the same text"
    );
    for index in 0..SMALL.len() {
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[index] ^= 1;
        let text = String::from_utf8(bytes).unwrap();
        match load(&text) {
            Err(_) => {}
            // Another version is another agreement, of which nothing is approved yet.
            Ok(loaded) => {
                assert!(
                    !loaded.agreements.agreements[0].approved.is_usable(),
                    "byte {index}"
                );
            }
        }
    }
}

/// Every role that the configuration requires must have signed, each with its own key.
#[test]
fn clause_r07_every_required_role_signs() {
    let setup = Setup {
        limits: approvals(""),
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let missing = |signatures: &[(&str, &str, u8)]| -> Option<String> {
        let council = setup.write();
        for signature in signatures {
            sign(&council, CARE, *signature);
        }
        let loaded = config::load(&council.config()).ok()?;
        let agreement = &loaded.agreements.agreements[0];
        Some(
            agreement
                .stage("2026-06-15T12:00:00Z".parse().unwrap())
                .to_string(),
        )
    };
    assert_eq!(missing(&[]).unwrap(), "draft, not approved by owner, dpo");
    assert_eq!(missing(&[OFFICE]).unwrap(), "draft, not approved by owner");
    assert_eq!(missing(&[OWNER]).unwrap(), "draft, not approved by dpo");
    assert_eq!(missing(&[OWNER, OFFICE]).unwrap(), "in force");
    assert_eq!(
        missing(&[OWNER, ("office", "dpo", 2)]),
        None,
        "the owner's key under the office's name"
    );
    assert_eq!(
        missing(&[("head-of-care", "dpo", 2)]),
        None,
        "a role that is not theirs"
    );
    assert_eq!(
        missing(&[OWNER, OFFICE, ("somebody", "dpo", 3)]),
        None,
        "nobody's key"
    );
}

/// A key that two approvers share, and a role that nobody has, are faults of the configuration.
#[test]
fn clause_r07_two_roles_are_never_one_key() {
    let fault = |section: String| {
        let setup = Setup {
            limits: section,
            ..Setup::with("127.0.0.1:9".parse().unwrap())
        };
        config::load(&setup.write().config())
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    assert!(
        fault(approvals("").replace(&hex(2), &hex(1))).contains("this is the key of office too")
    );
    assert!(
        fault(approvals("").replace("[owner, dpo]", "[owner, siro]"))
            .contains("no approver's role is `siro`")
    );
}

/// Without every approval no route discloses: not with a key of nobody's, and not with the text of another agreement.
#[test]
fn clause_p9_2a_nothing_is_disclosed_without_the_controllers_consent() {
    run(async {
        let (mut council, service) = draft().await;
        for path in ["/adults", "/adults/7"] {
            council.get(path).await.is_problem(403, "not_approved");
        }
        sign(&council, "agreement: other\n", OFFICE);
        sign(&council, "agreement: other\n", OWNER);
        assert!(council.gateway.as_ref().unwrap().reload().is_err());
        council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        assert_eq!(service.requests().len(), 0);
        council.stop().await;
        let refusals = council.entries("refusal");
        assert!(
            refusals
                .iter()
                .all(|entry| entry["reason"] == "not_approved")
        );
    });
}

/// A changed register does not load until the DPO has signed it, and a signature by another's key does not count.
#[test]
fn clause_p6_1c_a_changed_register_waits_for_the_dpo() {
    let setup = Setup {
        limits: format!(
            "{}register: register.yaml\n",
            approvals("  documents: [register]\n")
        ),
        agreements: vec![("falls.yaml".to_owned(), drawing("$.name", ""))],
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let council = setup.write();
    let path = council.folder.path();
    let load = |text: &str, signed: Option<(&str, Approver, u8)>| -> Result<(), String> {
        std::fs::write(path.join("register.yaml"), text).unwrap();
        let file = path.join("register.approvals.yaml");
        if let Some((signed, by, seed)) = signed {
            let document = Document {
                kind: Kind::Register,
                name: "register",
                version: 0,
                text: signed,
                tables: &[],
                sign_off: &[],
            };
            let at = "2026-01-05T09:00:00Z".parse().unwrap();
            let approved = with_approval(None, &document, &by, &key(seed), at).unwrap();
            std::fs::write(file, approved).unwrap();
        } else {
            std::fs::remove_file(file).ok();
        }
        config::load(&council.config())
            .map(drop)
            .map_err(|fault| fault.to_string())
    };
    let office = || approver("office", "dpo", 1);
    let error = load(REGISTER, None).unwrap_err();
    assert!(
        error.contains("register.yaml is not approved by the dpo"),
        "{error}"
    );
    assert_eq!(load(REGISTER, Some((REGISTER, office(), 1))), Ok(()));
    let changed = REGISTER.replace("retention: P8Y", "retention: P9Y");
    assert!(load(&changed, Some((REGISTER, office(), 1))).is_err());
    assert_eq!(load(&changed, Some((&changed, office(), 1))), Ok(()));
    assert!(
        load(REGISTER, Some((REGISTER, office(), 2))).is_err(),
        "the owner's key"
    );
    let owner = approver("head-of-care", "owner", 2);
    assert!(
        load(REGISTER, Some((REGISTER, owner, 2))).is_err(),
        "the owner"
    );
}

/// Only the DPO's key signs a change of the register.
#[test]
fn clause_p6_1c_only_the_dpo_signs_the_register() {
    use fieldgate::approval::{Approved, Files, Policy, verify};
    let register = Document {
        kind: Kind::Register,
        name: "register",
        version: 0,
        text: "data_sets: {}\n",
        tables: &[],
        sign_off: &[],
    };
    let at = "2026-01-05T09:00:00Z".parse().unwrap();
    let verified = |signed: Option<(Approver, u8)>| {
        let file =
            signed.map(|(by, seed)| with_approval(None, &register, &by, &key(seed), at).unwrap());
        let policy = Policy {
            approvers: vec![
                approver("office", "dpo", 1),
                approver("head-of-care", "owner", 2),
            ],
            required: vec!["owner".to_owned()],
            documents: vec![Kind::Register],
            files: Files::found_by(move |_| {
                Ok(file
                    .clone()
                    .map(|text| ("register.approvals.yaml".to_owned(), text)))
            }),
        };
        let mut faults = Vec::new();
        let approved = verify(&register, "register.yaml", &policy, &mut faults);
        (matches!(approved, Approved::Approved(_)), faults.len())
    };
    assert_eq!(verified(Some((approver("office", "dpo", 1), 1))), (true, 0));
    assert_eq!(
        verified(Some((approver("head-of-care", "owner", 2), 2))),
        (false, 1)
    );
    assert_eq!(
        verified(Some((approver("office", "dpo", 2), 2))),
        (false, 1)
    );
    assert_eq!(verified(None), (false, 0));
}
