//! What is explained: checklists, summaries, old decisions, reports and inventories, by the command as people run it.

use std::fs;
use std::path::Path;
use std::process::Command;

use fieldgate::gateway::Reason;
use serde_json::Value;

use crate::harness::{CARE, Council, HEALTH_KEY, Service, Setup, care, hash, json, run};

/// How a run of the command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn fieldgate(folder: &Path, words: &str) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_fieldgate"))
        .current_dir(folder)
        .args(words.split(' '))
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Holds `text` against a file under `tests/clauses/golden`; writes that where FIELDGATE_WRITE_DOCS is set.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clauses/golden")
        .join(name);
    if std::env::var_os("FIELDGATE_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        known,
        text,
        "{} is not this; FIELDGATE_WRITE_DOCS=1 writes it",
        path.display()
    );
}

/// An agreement that states little and keeps too much: a body that is not looked into, a subtree kept whole, no subject.
const BAD: &str = r#"
agreement: bad
version: 1
title: An agreement that leaves much open
parties: { controller: isle-council, partner: island-health }
term: { starts: 2020-01-01, review: 2020-06-30, ends: 2020-12-31 }
purposes:
  care: Offer care
  research: Learn
disclosures:
  - name: file
    purposes: [care]
    request: GET /files
    service: { name: social-care, path: /files }
    response: { format: opaque, type: [application/pdf], because: the file is the record }
  - name: adult
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response:
      format: json
      fields:
        - keep_all: [$.plan]
          because: they write it with us
        - keep: ["$.contacts.*"]
"#;

/// The least that loads.
const EMPTY: &str = r#"
agreement: empty
version: 1
title: The least that loads
parties: { controller: isle-council, partner: island-health }
term: { starts: 2020-01-01, ends: 2099-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: nothing
    purposes: [care]
    request: GET /nothing
    service: { name: social-care, path: /nothing }
    response: { format: json, fields: [] }
"#;

/// The falls-prevention agreement that the project ships, with days that do not pass and more of what is asked for.
fn good() -> String {
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/agreements/falls-prevention.yaml"
    );
    let mut text = fs::read_to_string(shipped).unwrap();
    for (from, to) in [
        (
            "review: 2027-01-31, ends: 2027-03-31",
            "review: 2099-01-31, ends: 2099-03-31",
        ),
        (
            "  falls-prevention: Find adults at risk of falling and offer them a home assessment\n",
            "  falls-prevention: { text: Find adults at risk of falling, roles: [assessor] }\n",
        ),
        (
            "  service-evaluation: Find out whether home assessments prevent falls\n",
            "  service-evaluation: { text: Find out whether assessments help, reference: required }\n",
        ),
        (
            "purposes:\n",
            "benefits: [Fewer falls at home]\nrisks: [{ risk: Extracts are joined on the number, control: tokenise $.nhsNumber }]\nbusiness_case: { reference: BC-7, owner: head-of-care, date: 2026-02-10 }\ncontacts: { dpo: dpo@isle.example, representative: care@isle.example }\npurposes:\n",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

fn written(texts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Every reason that can refuse a request comes with what would make it allowed; over the wire the refusal names the
/// reason, the agreement and the remedy.
#[test]
fn clause_a02_each_refusal_says_what_would_make_it_allowed() {
    for reason in Reason::all() {
        let text = reason.text();
        assert!(
            text.remedy.ends_with('.') && text.remedy.len() > 10,
            "{reason:?}"
        );
    }
    run(async {
        let (council, _service) = Council::answering(json("{}")).await;
        let request = care("GET", "/adults/7", "").replace("Purpose: care", "Purpose: research");
        let problem = council
            .send(&request)
            .await
            .is_problem(403, "purpose_not_agreed");
        assert_eq!(problem["agreement"], "care");
        assert!(problem["remedy"].is_string() && problem["agreed_purposes"].is_array());
    });
}

/// The checklist of a good, a bad and an empty agreement is this text, with pass, fail or not stated for each topic; as
/// JSON it has the same answers.
#[test]
fn clause_a23_the_checklist_of_a_good_a_bad_and_an_empty_agreement() {
    let good = good();
    let folder = written(&[
        ("good.yaml", &good),
        ("bad.yaml", BAD),
        ("empty.yaml", EMPTY),
    ]);
    for name in ["good", "bad", "empty"] {
        let ran = fieldgate(folder.path(), &format!("check --checklist {name}.yaml"));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        golden(&format!("checklist-{name}.txt"), &ran.out);
        let data = fieldgate(
            folder.path(),
            &format!("check --checklist --json {name}.yaml"),
        );
        let data: Value = serde_json::from_str(&data.out).unwrap();
        let items = data["checklists"][0]["items"].as_array().unwrap();
        for item in items {
            assert!(ran.out.contains(item["question"].as_str().unwrap()));
        }
        assert!(
            ran.out
                .contains(&format!("{} pass", data["checklists"][0]["pass"]))
        );
    }
}

/// The same answers stand under the eight principles, each of which has a section.
#[test]
fn clause_a11_the_checklist_by_principle_has_a_section_for_each() {
    let folder = written(&[("bad.yaml", BAD)]);
    let ran = fieldgate(folder.path(), "check --checklist --by-principle bad.yaml");
    assert_eq!(ran.code, 0, "{}", ran.err);
    golden("principles-bad.txt", &ran.out);
    for number in 1..=8 {
        assert!(
            ran.out
                .lines()
                .any(|line| line.trim().starts_with(&format!("{number} ")))
        );
    }
}

/// A plain-English summary of each agreement is published, with what it is for, what leaves and in which form.
#[test]
fn clause_a21_each_agreement_has_a_summary_in_plain_english() {
    let setup = Setup::with("127.0.0.1:9".parse().unwrap());
    let council = setup.write();
    let ran = fieldgate(
        council.folder.path(),
        "publish --config fieldgate.yaml --out public --at 2026-06-15",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page =
        fs::read_to_string(council.folder.path().join("public/agreement-care.html")).unwrap();
    golden("summary-care.html", &page);
}

/// Publishing again takes away the page of an agreement that is gone, which it wrote itself, and nothing else: what others put
/// there stays, and so does a page that somebody has changed since, which is named.
#[test]
fn clause_p6_2_pages_of_agreements_that_are_gone_are_taken_away() {
    let setup = Setup::with("127.0.0.1:9".parse().unwrap());
    let council = setup.write();
    let folder = council.folder.path();
    let care = fs::read_to_string(folder.join("agreements/care.yaml")).unwrap();
    for name in ["gone", "changed"] {
        let text = care
            .replace("agreement: care", &format!("agreement: {name}"))
            .replace("/adults", &format!("/{name}"))
            .replace("/studies", &format!("/{name}-studies"));
        fs::write(folder.join(format!("agreements/{name}.yaml")), text).unwrap();
    }
    let publish = || {
        let words = "publish --config fieldgate.yaml --out public --at 2026-06-15";
        let ran = fieldgate(folder, words);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    publish();
    let page = |name: &str| folder.join(format!("public/agreement-{name}.html"));
    assert!(page("gone").exists() && page("changed").exists());
    fs::write(page("changed"), "a note of somebody's").unwrap();
    fs::write(folder.join("public/agreement-others.html"), "others'").unwrap();
    fs::write(folder.join("public/contact.html"), "others'").unwrap();
    // A list that names what is elsewhere is not followed there.
    fs::write(folder.join("victim.html"), "victim").unwrap();
    let list = folder.join("public/published.json");
    let text = fs::read_to_string(&list).unwrap();
    let hash = hash("victim");
    let text = text.replacen(
        "{\n    ",
        &format!("{{\n    \"../victim.html\": \"{hash}\",\n    "),
        1,
    );
    assert!(text.contains("victim"), "{text}");
    fs::write(&list, text).unwrap();
    for name in ["gone", "changed"] {
        fs::remove_file(folder.join(format!("agreements/{name}.yaml"))).unwrap();
    }
    let told = publish();
    assert!(!page("gone").exists());
    assert!(told.contains("removed agreement-gone.html"), "{told}");
    assert!(
        told.contains("agreement-changed.html is published no more and was changed"),
        "{told}"
    );
    for stays in [
        "public/agreement-changed.html",
        "public/agreement-others.html",
        "public/contact.html",
        "public/agreement-care.html",
        "victim.html",
    ] {
        assert!(folder.join(stays).exists(), "{stays}");
    }
    // What somebody changed is named until it is gone.
    assert!(publish().contains("agreement-changed.html"));
    fs::remove_file(page("changed")).unwrap();
    assert!(!publish().contains("changed"));
}

/// An explanation counts what the gateway has counted: the quotas that a request is under and how much of them is used; where
/// one is used up it refuses as the gateway does, with the same sentence.
#[test]
fn clause_p10_5_6_an_explanation_has_the_quota_that_the_gateway_refuses_by() {
    run(async {
        let service = Service::answering(json(r#"{"id":"7","name":"A"}"#)).await;
        let setup = Setup {
            agreements: vec![(
                "care.yaml".to_owned(),
                format!("{CARE}quota: [{{ purpose: care, per: P1M, requests: 3 }}]\n"),
            )],
            ..Setup::with(service.address)
        };
        let mut council = setup.write();
        let folder = council.folder.path().to_owned();
        let explain = |more: &str| {
            let words = format!(
                "explain --config fieldgate.yaml --partner island-health --purpose care {more} GET /adults/7"
            );
            let ran = fieldgate(&folder, &words);
            assert_eq!(ran.code, 0, "{}", ran.err);
            ran.out
        };
        let none = explain("--at 2026-06-15");
        assert!(
            none.contains("0 of 3 requests for care in this month"),
            "{none}"
        );
        council.start();
        for _ in 0..2 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        // While the gateway runs.
        let two = explain("--at 2026-06-15");
        assert!(
            two.contains("2 of 3 requests for care in this month"),
            "{two}"
        );
        assert!(two.contains("permitted"), "{two}");
        assert_eq!(council.get("/adults/7").await.status(), 200);
        let problem = council
            .get("/adults/7")
            .await
            .is_problem(429, "quota_exceeded");
        let told: Value = serde_json::from_str(&explain("--at 2026-06-15 --json")).unwrap();
        assert_eq!(told["permitted"], false);
        assert_eq!(told["refusal"]["reason"], "quota_exceeded");
        assert_eq!(told["refusal"]["text"], problem["detail"]);
        let step = told["steps"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&step["step"], &step["passed"]),
            (&"quota".into(), &false.into())
        );
        // Of another time nothing is known, and it says so.
        let other = explain("--at 2026-07-01");
        assert!(
            other.contains("counts are of the present, not of then"),
            "{other}"
        );
    });
}

/// A sample is explained in the disclosure's own format: of JSON and NDJSON each field with its rule, of the others how many values had
/// which fate, and of what is no such body where it breaks. Of bodies that no sample shows it says what does.
#[test]
fn a_sample_is_explained_in_the_disclosures_own_format() {
    const TERMS: &str = "      format: json\n      record: \"$[*]\"\n      subject: \"@.id\"\n      fields:\n        - keep: [\"$[*].name\"]\n";
    let rows = "      record: \"$[*]\"\n      subject: \"@.id\"\n      fields:\n        - keep: [\"$[*].name\"]\n";
    let form =
        "      record: $\n      subject: \"@.id\"\n      fields:\n        - keep: [$.name]\n";
    let xml = "      record: $.people.person\n      subject: \"@.id\"\n      fields:\n        - keep: [$.people.person.name]\n";
    let events = "\u{1e}{\"id\":1,\"name\":\"Ada\"}\n\u{1e}{\"id\":2,\"name\":\"Ben\"}\n";
    for (format, rules, sample, code, told) in [
        (
            "json",
            rows,
            r#"[{"id":1,"name":"Ada"},{"id":2,"name":"Ben"}]"#,
            0,
            "$[1]['name']  keep",
        ),
        (
            "ndjson",
            rows,
            "{\"id\":1,\"name\":\"Ada\"}\n{\"id\":2,\"name\":\"Ben\"}\n",
            0,
            "$[1]['name']  keep",
        ),
        ("json-seq", rows, events, 0, "2  keep"),
        (
            "event-stream",
            rows,
            "data: {\"id\":1,\"name\":\"Ada\"}\n\ndata: {\"id\":2,\"name\":\"Ben\"}\n\n",
            0,
            "2  keep",
        ),
        ("csv", rows, "id,name\n1,Ada\n2,Ben\n", 0, "2  keep"),
        (
            "xml",
            xml,
            "<people><person><id>1</id><name>Ada</name></person><person><id>2</id><name>Ben</name></person></people>",
            0,
            "2  keep",
        ),
        ("form", form, "id=1&name=Ada", 0, "1  keep"),
        ("json", rows, r#"[{"id":1,"name":"Ada"}"#, 1, "at byte 22"),
        ("csv", rows, "id,name\n1,Ada,more\n", 1, "(ragged) at byte"),
        (
            "xml",
            xml,
            "<people><person></people>",
            1,
            "(malformed) at byte",
        ),
        (
            "multipart",
            form,
            "--x--",
            2,
            "`fieldgate apply --config FILE",
        ),
    ] {
        let text = CARE.replace(TERMS, &format!("      format: {format}\n{rules}"));
        assert_ne!(text == CARE, format != "json", "{format}");
        let setup = Setup {
            agreements: vec![("care.yaml".to_owned(), text)],
            ..Setup::with("127.0.0.1:9".parse().unwrap())
        };
        let council = setup.write();
        fs::write(council.folder.path().join("sample"), sample).unwrap();
        let ran = fieldgate(
            council.folder.path(),
            "explain --config fieldgate.yaml --partner island-health --purpose care --at 2026-06-15 GET /adults --sample sample",
        );
        assert_eq!(ran.code, code, "{format}: {}{}", ran.out, ran.err);
        let said = ran.out + &ran.err;
        assert!(said.contains(told), "{format}: {said}");
        assert!(!said.contains("Ada"), "{format}: {said}");
    }
}

/// The inventory of a sample has its fields and their types; no value of it, and no name that is data, is anywhere in it.
#[test]
fn clause_r04_an_inventory_has_the_fields_of_a_sample_and_none_of_its_values() {
    let sample = r#"{"adults":[{"name":"Ada Quill","nhsNumber":"9434765919","born":"1941-03-07","line1":"7 Lime Row"}],"by":{"9434765919":{"seen":true}}}"#;
    let folder = written(&[("sample.json", sample)]);
    let ran = fieldgate(folder.path(), "observe --json sample.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let places: Vec<&str> = found["places"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "$.adults[*].born",
            "$.adults[*].line1",
            "$.adults[*].name",
            "$.adults[*].nhsNumber",
            "$.by.*.seen"
        ]
    );
    for value in ["Ada", "Quill", "9434765919", "1941", "Lime"] {
        assert!(!ran.out.contains(value), "{value}");
    }
}

/// Fields that an agreement lets out and that a sample never has, or has empty, are listed for taking out.
#[test]
fn clause_p3_2_3_fields_that_are_agreed_and_never_there_are_listed() {
    let setup = Setup::with("127.0.0.1:9".parse().unwrap());
    let council = setup.write();
    fs::write(
        council.folder.path().join("sample.json"),
        r#"{"id":1,"name":null,"items":[{"name":"bed"}]}"#,
    )
    .unwrap();
    let ran = fieldgate(
        council.folder.path(),
        "observe sample.json --config fieldgate.yaml --agreement care --disclosure adult",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("unused: $.name was always empty\n"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("unused: $.items"), "{}", ran.out);
}

/// Requests of many kinds, over the wire.
async fn requests(council: &Council) {
    for (path, purpose) in [
        ("/adults/7", "Data-Purpose: care\r\n"),
        ("/adults/7?x=1", "Data-Purpose: care\r\n"),
        ("/adults", "Data-Purpose: care\r\n"),
        ("/adults/7", "Data-Purpose: research\r\n"),
        ("/adults/7", "Data-Purpose: nothing-like-it\r\n"),
        ("/adults/7", "Data-Purpose: Two Words\r\n"),
        ("/adults/7", ""),
        ("/nowhere", "Data-Purpose: care\r\n"),
        ("/early/7", "Data-Purpose: care\r\n"),
        ("/late/7", "Data-Purpose: care\r\n"),
    ] {
        for key in [HEALTH_KEY, "nobody's"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\n{purpose}Connection: close\r\n\r\n"
            );
            council.send(&request).await.status();
        }
    }
}

/// A council whose agreements are in force, not yet, and no more, after requests of every kind.
async fn archive() -> Council {
    let service = Service::answering(json(r#"{"id":"9434765919","name":"Ada Quill"}"#)).await;
    let mut setup = Setup::with(service.address);
    for (name, term) in [
        ("early", "starts: 2026-09-01, ends: 2026-12-31"),
        ("late", "starts: 2025-01-01, ends: 2026-03-31"),
    ] {
        setup.agreements.push((
            format!("{name}.yaml"),
            CARE.replace("agreement: care", &format!("agreement: {name}"))
                .replace("starts: 2026-01-01, ends: 2026-12-31", term)
                .replace("/adults", &format!("/{name}"))
                .replace("/studies", &format!("/{name}-studies")),
        ));
    }
    let mut council = setup.start();
    requests(&council).await;
    council.stop().await;
    council
}

/// Decisions of a gateway are decided again under the texts that the ledger keeps by their hash, with the same verdicts,
/// also after the agreements have changed; what the partner was told is shown; without a text, or with another, it fails.
#[test]
fn clause_p9_3_old_decisions_are_decided_again_and_what_was_told_is_shown() {
    run(async {
        let council = archive().await;
        let folder = council.folder.path();
        let agreement = folder.join("agreements/care.yaml");
        fs::write(
            &agreement,
            CARE.replace("version: 1", "version: 2")
                .replace("[care]", "[research]"),
        )
        .unwrap();
        let all = fieldgate(folder, "decision replay --all --config fieldgate.yaml");
        assert_eq!(all.code, 0, "{}{}", all.out, all.err);
        assert!(
            all.out
                .starts_with("9 the same, 0 differ, 11 depended on what is not held, 0 could"),
            "{}",
            all.out
        );

        let refused = council.entries("refusal");
        let entry = refused
            .iter()
            .find(|entry| entry["reason"] == "purpose_not_agreed")
            .unwrap();
        let shown = fieldgate(
            folder,
            &format!("decision show {} --config fieldgate.yaml", entry["seq"]),
        );
        for part in [
            "refused (purpose_not_agreed)",
            &format!("text      {}", hash(CARE)),
            "told      status: 403",
            "told      remedy: ",
            "no        purpose agreed    agreement care shares `adult` for other purposes",
            "same      purpose_not_agreed then and now",
            "not repeated  route: a made-up name stood in for each variable of the path",
        ] {
            assert!(shown.out.contains(part), "{part}\n{}", shown.out);
        }
        let permitted = &council.entries("intent")[0];
        let id = permitted["request"].as_str().unwrap();
        let shown = fieldgate(
            folder,
            &format!("decision show {id} --json --config fieldgate.yaml"),
        );
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!(shown["verdict"], "permitted");
        assert_eq!(shown["told"]["outcome"], "complete");
        assert_eq!(shown["replay"]["result"], "same");

        let text = folder.join(format!("ledger/texts/{}.yaml", hash(CARE)));
        assert_eq!(fs::read_to_string(&text).unwrap(), CARE);
        fs::write(&text, "agreement: another\n").unwrap();
        let altered = fieldgate(folder, "decision replay --all --config fieldgate.yaml");
        assert_eq!(altered.code, 1);
        assert!(
            altered.out.contains("is not the text of this hash"),
            "{}",
            altered.out
        );
        fs::remove_file(&text).unwrap();
        let missing = fieldgate(
            folder,
            &format!("decision replay {id} --config fieldgate.yaml"),
        );
        assert_eq!(missing.code, 1);
        assert!(missing.out.contains("is not kept in"), "{}", missing.out);
    });
}

/// The explanation of a request names what is looked up by itself: whether the register has the use, and by what people were
/// told of it, a notice or a statute.
#[test]
fn clause_p5_1b_an_explanation_names_the_register_and_what_people_were_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let explain = |words: &str| {
        let ran = fieldgate(
            root,
            &format!("explain --config config/law/fieldgate.yaml --at 2026-06-01 {words}"),
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    let both = [
        explain("--partner planning-policy --purpose housing-trends GET /trends/need"),
        explain("--partner empty-homes-team --purpose empty-homes GET /empty-homes/1"),
    ];
    golden("explain-register.txt", &both.join("\n"));
    assert!(
        both[0].contains("people were told of it by housing-notice version 2"),
        "{}",
        both[0]
    );
    assert!(both[1].contains("opens it"), "{}", both[1]);
}

/// The explanation of a refusal says whom to ask, the directorate's representative among them, and where the policy stands
/// that the refusal is under.
#[test]
fn clause_p8_5_an_explanation_of_a_refusal_links_the_policy_and_the_officer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = fieldgate(
        root,
        "explain --config config/law/fieldgate.yaml --at 2026-06-01 --partner empty-homes-team --purpose council-tax-billing GET /empty-homes/1",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    golden("explain-advice.txt", &ran.out);
    for part in [
        "refused (purpose_not_agreed)",
        "dpo@isle-council.example",
        "https://isle-council.example/data-protection",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
}

/// A field that the register lacks is proposed as a patch of the register's own text, which applies, and with which the
/// register loads; nothing is changed by proposing.
#[test]
fn clause_p10_3b_a_change_of_the_register_is_proposed_as_a_patch_that_applies() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/law/register.yaml");
    let text = fs::read_to_string(shipped).unwrap();
    let folder = written(&[("register.yaml", &text)]);
    let words = "propose --register register.yaml --data-set council-tax --field @.reminder --sensitivity personal";
    let ran = fieldgate(folder.path(), words);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        fs::read_to_string(folder.path().join("register.yaml")).unwrap(),
        text
    );
    let (mut out, mut at) = (Vec::new(), 0);
    let old: Vec<&str> = text.lines().collect();
    for line in ran.out.lines().skip(2) {
        if let Some(places) = line.strip_prefix("@@ -") {
            let start: usize = places.split(',').next().unwrap().parse().unwrap();
            out.extend(&old[at..start - 1]);
            at = start - 1;
        } else if let Some(added) = line.strip_prefix('+') {
            out.push(added);
        } else {
            assert_eq!(old[at], &line[1..], "each line is where the patch says");
            at += 1;
            if let Some(kept) = line.strip_prefix(' ') {
                out.push(kept);
            }
        }
    }
    out.extend(&old[at..]);
    let new = out.join("\n") + "\n";
    assert_eq!(new.lines().count(), old.len() + 1);
    let register = fieldgate::register::Register::load("register.yaml", &new)
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(register.version, 2);
    assert!(new.contains("{ path: \"@.reminder\", sensitivity: personal }"));
}

/// Refusals are counted by partner, roles and reason, for whoever answers for the callers.
#[test]
fn clause_p1_2_refusals_are_reported_by_who_was_refused() {
    run(async {
        let council = archive().await;
        let report = fieldgate(
            council.folder.path(),
            "decision refusals --json --config fieldgate.yaml",
        );
        let report: Value = serde_json::from_str(&report.out).unwrap();
        let times = |partner: &str, reason: &str| {
            let mut all = report["refusals"].as_array().unwrap().iter();
            all.find(|row| row["partner"] == partner && row["reason"] == reason)
                .unwrap()["times"]
                .clone()
        };
        assert_eq!(times("unknown", "unauthenticated"), 10);
        assert_eq!(times("island-health", "purpose_not_agreed"), 2);
        assert_eq!(times("island-health", "ended"), 1);
    });
}

/// An incident's bundle holds the ledger, the texts that it names and the report of refusals, and verifies by itself; one
/// changed byte is found.
#[test]
fn clause_p10_2d_an_incident_bundle_verifies_offline() {
    run(async {
        let council = archive().await;
        let folder = council.folder.path();
        let made = fieldgate(
            folder,
            "decision bundle --out incident --config fieldgate.yaml",
        );
        assert_eq!(made.code, 0, "{}{}", made.out, made.err);
        let bundle = folder.join("incident");
        assert!(bundle.join("refusals.json").is_file());
        assert!(bundle.join(format!("texts/{}.yaml", hash(CARE))).is_file());
        assert_eq!(fieldgate(folder, "ledger verify incident").code, 0);
        let replay = fieldgate(
            folder,
            "decision replay --all --ledger incident --config fieldgate.yaml",
        );
        assert_eq!(replay.code, 0, "{}", replay.out);
        let segment = bundle.join("ledger-000000000001.jsonl");
        let text = fs::read_to_string(&segment).unwrap();
        fs::write(
            &segment,
            text.replacen("purpose_not_agreed", "purpose_was_agreed", 1),
        )
        .unwrap();
        assert_eq!(fieldgate(folder, "ledger verify incident").code, 1);
    });
}

/// An auditor reads the ledger and verifies it, up to a head that was written down, without any key of a partner; the
/// routes of data answer such a person with nothing.
#[test]
fn clause_r10_an_auditor_verifies_the_ledger_and_gets_no_data() {
    run(async {
        let (mut council, service) = Council::answering(json("{}")).await;
        let request =
            "GET /adults/7 HTTP/1.1\r\nHost: g\r\nData-Purpose: care\r\nConnection: close\r\n\r\n";
        council
            .send(request)
            .await
            .is_problem(401, "unauthenticated");
        assert_eq!(service.requests().len(), 0);
        council.stop().await;
        let folder = council.folder.path();
        let verified = fieldgate(folder, "ledger verify ledger --json");
        let verified: Value = serde_json::from_str(&verified.out).unwrap();
        assert_eq!(verified["holds"], true);
        let head = verified["head"].as_str().unwrap();
        assert_eq!(
            fieldgate(folder, &format!("ledger verify ledger --head {head}")).code,
            0
        );
        let segment = folder.join("ledger/ledger-000000000001.jsonl");
        let text = fs::read_to_string(&segment).unwrap();
        let without_last: Vec<&str> = text
            .lines()
            .rev()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        fs::write(&segment, without_last.join("\n") + "\n").unwrap();
        assert_eq!(
            fieldgate(folder, &format!("ledger verify ledger --head {head}")).code,
            1
        );
    });
}

/// What is agreed is held against what was asked: a use that nobody asks for and one that is agreed no more are told, each
/// on its own list.
#[test]
fn clause_r06_drift_between_what_is_agreed_and_what_is_asked_is_told_both_ways() {
    run(async {
        let council = archive().await;
        let folder = council.folder.path();
        let agreement = folder.join("agreements/care.yaml");
        fs::write(
            &agreement,
            CARE.replace("name: adults\n", "name: everybody\n"),
        )
        .unwrap();
        let report = fieldgate(folder, "decision reconcile --config fieldgate.yaml --json");
        assert_eq!(report.code, 0, "{}", report.err);
        let report: Value = serde_json::from_str(&report.out).unwrap();
        let names = |list: &str| -> Vec<String> {
            let all = report[list].as_array().unwrap().iter();
            all.filter(|row| row["agreement"] == "care")
                .map(|row| row["disclosure"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names("seen_not_agreed"), ["adults"]);
        assert_eq!(names("agreed_not_seen"), ["everybody", "note", "study"]);
        assert_eq!(names("agreed_and_seen"), ["adult"]);
    });
}

/// On the admin address it is answered whether a use is covered and why not, as the command answers; no service is asked.
#[test]
fn clause_p6_3b_operators_ask_whether_a_use_is_covered() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.agreements[0].1 = CARE.replace(
            "  - name: adult\n",
            "  - name: adult\n    data_set: adult-care\n",
        );
        let council = setup.start();
        let answer = council
            .admin("/covered?purpose=care&data-set=adult-care")
            .await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json()["covered"], true);
        let answer = council
            .admin("/covered?purpose=research&data-set=adult-care&partner=island-health")
            .await;
        assert_eq!(answer.json()["covered"], false);
        assert_eq!(
            answer.json()["disclosures"][0]["reason"],
            "purpose_not_agreed"
        );
        for query in [
            "",
            "?purpose=care",
            "?purpose=care&purpose=care&data-set=a",
            "?purpose=care&data-set=a&more=1",
        ] {
            assert_eq!(
                council.admin(&format!("/covered{query}")).await.status(),
                400,
                "{query}"
            );
        }
        assert_eq!(service.requests().len(), 0);
        let ran = fieldgate(
            council.folder.path(),
            "covered --purpose care --data-set adult-care --at 2026-06-15 --config fieldgate.yaml",
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(
            ran.out.starts_with("yes: adult-care for care by anybody\n"),
            "{}",
            ran.out
        );
    });
}
