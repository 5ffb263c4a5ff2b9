//! `fieldgate approve`: keys, signatures and what is listed; and what `check` says of principles.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Desk, Ran};

pub(super) const AGREEMENT: &str = "\
agreement: falls
version: 1
title: Falls prevention
parties: { controller: isle-council, partner: island-health }
term: { starts: 2020-01-01, ends: 2199-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response: { format: json, fields: [{ keep: [ $.mobility ] }] }
";

/// A desk with two approvers' keys and a configuration that requires both.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("falls.yaml", AGREEMENT);
    let key = |name: &str| {
        let ran = desk.run(&format!("approve --new-key {name}"));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        ran.out
            .trim()
            .strip_prefix("public_key: ")
            .unwrap()
            .to_owned()
    };
    let (office, owner) = (key("office.pem"), key("owner.pem"));
    desk.put(
        "fieldgate.yaml",
        &format!(
            "listen: [{{ address: '127.0.0.1:0', insecure_plain_http: true }}]\n\
             controller: {{ name: isle-council }}\n\
             partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: k, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }}] }} }}]\n\
             services: [{{ name: social-care, url: 'http://127.0.0.1:9' }}]\n\
             agreements: [falls.yaml]\n\
             ledger: {{ directory: ledger }}\n\
             approvals:\n  approvers:\n    - {{ name: office, role: dpo, public_key: {office} }}\n    - {{ name: head-of-care, role: owner, public_key: {owner} }}\n  required: [owner, dpo]\n"
        ),
    );
    desk
}

fn approve(desk: &Desk, name: &str, key: &str) -> Ran {
    desk.run(&format!(
        "approve falls.yaml --as {name} --key {key} --config fieldgate.yaml"
    ))
}

fn list(desk: &Desk) -> Ran {
    desk.run("approve --list --config fieldgate.yaml")
}

#[test]
fn an_agreement_is_approved_by_one_role_after_the_other() {
    let desk = desk();
    assert_eq!(
        list(&desk).out,
        "falls version 1: draft, not approved by owner, dpo\n"
    );
    let ran = approve(&desk, "office", "office.pem");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "falls version 1 is approved by office as dpo, in falls.approvals.yaml\n"
    );
    assert!(
        list(&desk)
            .out
            .starts_with("falls version 1: draft, not approved by owner; dpo by office on ")
    );
    assert_eq!(approve(&desk, "head-of-care", "owner.pem").code, 0);
    let listed = list(&desk).out;
    assert!(
        listed.starts_with("falls version 1: in force; dpo by office on "),
        "{listed}"
    );
    assert!(listed.contains(", owner by head-of-care on "), "{listed}");
    // Nothing but the file of approvals is left behind.
    assert!(desk.names().iter().all(|name| !name.ends_with(".new")));
    // A change undoes it, and it can be approved again.
    desk.put("falls.yaml", &AGREEMENT.replace("$.mobility", "$.name"));
    let ran = list(&desk);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("falls.approvals.yaml:"), "{}", ran.err);
    assert!(
        ran.err.contains("the signature of office does not fit"),
        "{}",
        ran.err
    );
    assert_eq!(approve(&desk, "office", "office.pem").code, 0);
    assert_eq!(approve(&desk, "head-of-care", "owner.pem").code, 0);
    assert!(list(&desk).out.contains("in force"));
}

#[test]
fn an_approval_is_of_what_the_tables_hold_and_one_changed_byte_undoes_it() {
    let desk = desk();
    let rule = "{ keep: [ $.mobility ] }, { generalise: [ $.postcode ], to: table, table: wards.csv, from: postcode, column: ward }";
    desk.put(
        "falls.yaml",
        &AGREEMENT.replace("{ keep: [ $.mobility ] }", rule),
    );
    desk.put("wards.csv", "postcode,ward\nPO30 1AA,East\n");
    let ran = approve(&desk, "office", "office.pem");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let told = ran.out.lines().nth(1).unwrap();
    let (_, digest) = told
        .split_once("  with the table wards.csv, SHA-256 ")
        .unwrap();
    assert_eq!(approve(&desk, "head-of-care", "owner.pem").code, 0);
    assert!(list(&desk).out.contains("in force"));
    let check = || desk.run("check --config fieldgate.yaml");
    let line = format!("  look-up   wards.csv, agreed with SHA-256 {digest}\n");
    assert!(check().out.contains(&line), "{}", check().out);

    // The same table with one place under another name.
    desk.put("wards.csv", "postcode,ward\nPO30 1AA,Fast\n");
    let ran = list(&desk);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("the signature of office does not fit version 1 of the agreement: one of the two, or a table that it names, was changed"),
        "{}",
        ran.err
    );
    // What was approved is brought back, or what is there is approved.
    desk.put("wards.csv", "postcode,ward\nPO30 1AA,East\n");
    assert!(list(&desk).out.contains("in force"));
    desk.put("wards.csv", "postcode,ward\nPO30 1AA,Fast\n");
    assert_eq!(approve(&desk, "office", "office.pem").code, 0);
    assert_eq!(approve(&desk, "head-of-care", "owner.pem").code, 0);
    assert!(list(&desk).out.contains("in force"));
    assert!(!check().out.contains(&line));
}

#[test]
fn what_may_not_be_signed_is_not() {
    let desk = desk();
    let ran = approve(&desk, "office", "owner.pem");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("the key is not that of office"),
        "{}",
        ran.err
    );
    let ran = approve(&desk, "somebody", "office.pem");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("they are office, head-of-care"),
        "{}",
        ran.err
    );
    desk.put("falls.yaml", &AGREEMENT.replace("title: ", "titel: "));
    let ran = approve(&desk, "office", "office.pem");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("falls.yaml:3:1"), "{}", ran.err);
    desk.put("register.yaml", "data_sets: {}\n");
    let ran = desk.run("approve register.yaml --kind register --as head-of-care --key owner.pem --config fieldgate.yaml");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("only the dpo approves the register"),
        "{}",
        ran.err
    );
    assert!(
        desk.names()
            .iter()
            .all(|name| !name.ends_with(".approvals.yaml"))
    );
    let ran = desk.run("approve register.yaml --kind register --as office --key office.pem --config fieldgate.yaml");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(desk.text("register.approvals.yaml").contains("role: dpo"));
}

#[test]
fn a_private_key_is_for_its_owner_alone_and_is_never_overwritten() {
    let desk = desk();
    let mode = fs::metadata(desk.path("office.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = desk.text("office.pem");
    let ran = desk.run("approve --new-key office.pem");
    assert_eq!(ran.code, 3);
    assert_eq!(desk.text("office.pem"), before);
    fs::set_permissions(desk.path("office.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = approve(&desk, "office", "office.pem");
    assert_eq!(ran.code, 3, "{}", ran.err);
    desk.put("nothing.pem", "no key");
    fs::set_permissions(desk.path("nothing.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = approve(&desk, "office", "nothing.pem");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("is no Ed25519 private key"), "{}", ran.err);
}

#[test]
fn one_of_three_things_is_asked_for() {
    let desk = desk();
    for words in [
        "approve",
        "approve falls.yaml",
        "approve falls.yaml --as office",
        "approve --list --new-key other.pem",
    ] {
        assert_eq!(desk.run(words).code, 2, "{words}");
    }
}

#[test]
fn check_prints_each_principle() {
    let desk = desk();
    let ran = desk.run("check --by-principle falls.yaml");
    assert_eq!(
        ran.out,
        "\
falls version 1
  lawfulness    not stated  no lawful basis for care
  purpose       met         one purpose a request, of care
  minimisation  met         1 selector lets values through, each named
  accuracy      not stated  nothing of what leaves is checked for its form or its age
  retention     not stated  how long the partner may keep what it gets is not said
  rights        not stated  no `subject`, so that nobody's objection finds a record: adult
  security      met         partners are authenticated, limits hold, every release is entered before it leaves
  transfer      not stated  where the partner may hold the data is not said
  1 rule cites neither law nor guidance: keep $.mobility

"
    );
}
