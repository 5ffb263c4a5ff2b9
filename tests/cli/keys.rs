//! `fieldgate keys`, and what the other commands say of keys.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use fieldgate::clock::Clock;
use fieldgate::ledger::{Event, Ledger, LedgerOptions};
use serde_json::Value;

use super::{Desk, Ran, fieldgate};

const AGREEMENT: &str = "\
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
    response:
      format: json
      fields:
        - pseudonymise: [ $.id ]
          as: person
";

/// A desk with a configuration whose keys are `keys`, and an agreement that makes tokens.
fn desk_with(keys: &str) -> Desk {
    let desk = Desk::new();
    desk.put("falls.yaml", AGREEMENT);
    desk.put("person.json", r#"{"id":"4010232137"}"#);
    desk.put(
        "fieldgate.yaml",
        &format!(
            "listen: [{{ address: '127.0.0.1:0', insecure_plain_http: true }}]\n\
             admin: {{ address: '127.0.0.1:0' }}\n\
             controller: {{ name: isle-council }}\n\
             partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: k, sha256: {} }}] }} }}]\n\
             services: [{{ name: social-care, url: 'http://127.0.0.1:9' }}]\n\
             agreements: [falls.yaml]\n\
             {keys}\n\
             ledger: {{ directory: ledger }}\n\
             log: {{ format: json }}\n",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
    );
    let key = desk.put("root.key", &"5a".repeat(32));
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    desk
}

fn desk() -> Desk {
    desk_with("keys: { root_key_file: root.key, ring: ring }")
}

const APPLY: &str =
    "apply --config fieldgate.yaml --agreement falls --disclosure adult person.json";

/// `fieldgate keys` with these words and the desk's configuration.
fn keys(desk: &Desk, words: &str) -> Ran {
    desk.run(&format!("keys {words} --config fieldgate.yaml"))
}

/// As [`keys`], which must work; what it prints.
fn done(desk: &Desk, words: &str) -> String {
    let ran = keys(desk, words);
    assert_eq!(ran.code, 0, "{words}: {}", ran.err);
    ran.out
}

/// Each epoch's number and state.
fn states(desk: &Desk) -> Vec<(u64, String)> {
    let list: Value = serde_json::from_str(&done(desk, "list falls --json")).unwrap();
    let epochs = list["owners"][0]["epochs"].as_array().unwrap();
    let state = |epoch: &Value| {
        let word = epoch["state"].as_str().unwrap().to_owned();
        (epoch["number"].as_u64().unwrap(), word)
    };
    epochs.iter().map(state).collect()
}

fn unentered(desk: &Desk) -> u64 {
    let list: Value = serde_json::from_str(&done(desk, "list falls --json")).unwrap();
    list["owners"][0]["unentered"].as_u64().unwrap()
}

/// A ledger on the desk, held open as a gateway does.
fn open_ledger(desk: &Desk) -> Ledger {
    let options = LedgerOptions {
        directory: desk.path("ledger"),
        segment_bytes: 1 << 20,
        queue_entries: 16,
    };
    Ledger::open(options, Clock::system(), |_| {}).unwrap()
}

/// What kinds of entries the ledger has, and how many, after whoever had it open is gone.
fn entries(desk: &Desk) -> Vec<(String, u64)> {
    let ran = desk.run("ledger verify --json ledger");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let account: Value = serde_json::from_str(&ran.out).unwrap();
    let events = account["events"].as_object().unwrap();
    let counts = events
        .iter()
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn keys_are_created_rotated_retired_and_destroyed() {
    let desk = desk();
    assert_eq!(done(&desk, "create falls"), "falls: epoch 1 current\n");
    assert_eq!(
        done(&desk, "rotate falls"),
        "falls: epoch 2 current, 1 active\n"
    );
    assert_eq!(
        done(&desk, "rotate falls"),
        "falls: epoch 3 current, 2 active, 1 active\n"
    );
    assert_eq!(
        done(&desk, "retire falls --epoch 1"),
        "falls: epoch 3 current, 2 active, 1 retired\n"
    );
    assert_eq!(
        done(&desk, "destroy falls --epoch 1 --yes-destroy falls"),
        "falls: epoch 3 current, 2 active, 1 destroyed\n"
    );
    assert_eq!(
        done(&desk, "destroy falls --yes-destroy falls"),
        "falls: epoch 3 destroyed, 2 destroyed, 1 destroyed\n"
    );
    assert_eq!(
        done(&desk, "create falls"),
        "falls: epoch 4 current, 3 destroyed, 2 destroyed, 1 destroyed\n"
    );
    done(&desk, "create group.housing");
    let list = done(&desk, "list");
    assert!(
        list.starts_with("falls\n  epoch 1    destroyed since 20"),
        "{list}"
    );
    assert!(
        list.contains("\ngroup.housing\n  epoch 1    current   since 20"),
        "{list}"
    );
    assert_eq!(
        states(&desk),
        [
            (1, "destroyed"),
            (2, "destroyed"),
            (3, "destroyed"),
            (4, "current")
        ]
        .map(|(number, state)| (number, state.to_owned()))
    );
}

#[test]
fn an_epoch_is_prepared_and_then_activated() {
    let desk = desk();
    done(&desk, "create falls");
    let token = || {
        let ran = desk
            .run("apply --config fieldgate.yaml --agreement falls --disclosure adult person.json");
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };
    let first = token();
    assert_eq!(
        done(&desk, "rotate falls --prepare"),
        "falls: epoch 2 prepared, 1 current\n"
    );
    assert_eq!(token(), first, "it makes no tokens yet");
    let ran = keys(&desk, "rotate falls");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("epoch 2 of falls is prepared"),
        "{}",
        ran.err
    );
    assert_eq!(
        done(&desk, "activate falls"),
        "falls: epoch 2 current, 1 active\n"
    );
    assert_ne!(token(), first);
    let ran = keys(&desk, "activate falls");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("falls has no prepared epoch"),
        "{}",
        ran.err
    );
}

#[test]
fn what_cannot_be_done_ends_with_its_exit_code_and_changes_nothing() {
    let desk = desk();
    done(&desk, "create falls");
    done(&desk, "rotate falls");
    let before = fs::read(desk.path("ring/falls.json")).unwrap();
    for (words, code, told) in [
        ("create falls", 1, "falls has keys, epoch 2 is current"),
        (
            "rotate other",
            1,
            "other has no keys; make them with `fieldgate keys create other`",
        ),
        ("list other", 1, "no keys for other"),
        ("retire falls --epoch 2", 1, "epoch 2 of falls is current"),
        ("retire falls --epoch 9", 1, "falls has no epoch 9"),
        ("retire falls --epoch one", 2, "invalid value 'one'"),
        (
            "retire falls 1",
            2,
            "fieldgate keys retire [OPTIONS] --epoch <EPOCH>",
        ),
        (
            "destroy falls",
            2,
            "say that it is meant with --yes-destroy falls",
        ),
        (
            "destroy falls --yes-destroy fall",
            2,
            "say that it is meant",
        ),
        ("destroy falls --epoch 1", 2, "say that it is meant"),
        (
            "destroy falls --epoch 2 --yes-destroy falls",
            1,
            "epoch 2 of falls is current",
        ),
        ("create ../falls", 2, "not a name of keys"),
        ("create Falls", 2, "not a name of keys"),
    ] {
        let ran = keys(&desk, words);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{words}: {}",
            ran.err
        );
        assert!(ran.err.contains(told), "{words}: {}", ran.err);
    }
    assert_eq!(fs::read(desk.path("ring/falls.json")).unwrap(), before);
}

#[test]
fn a_configuration_without_a_ring_is_at_fault_and_a_key_that_cannot_be_used_is_the_environments() {
    let none = "it has no `keys`; write for example keys: { root_key_file: root.key, ring: ring }";
    let rows = [
        ("", 1, none),
        (
            "keys: { root_key_file: root.key }",
            1,
            "`keys` names no ring",
        ),
        ("keys: { ring: ring }", 1, "the root key has no source"),
        (
            "keys: { root_key_file: gone.key, ring: ring }",
            3,
            "gone.key: cannot be read",
        ),
        (
            "keys: { root_key_file: open.key, ring: ring }",
            3,
            "open.key: holds a key and other users may read it",
        ),
        (
            "keys: { root_key_file: short.key, ring: ring }",
            3,
            "short.key: a root key is 64 hexadecimal digits",
        ),
        (
            "keys: { root_key_env: COUNCIL_ROOT_GONE, ring: ring }",
            3,
            "$COUNCIL_ROOT_GONE: is not set",
        ),
        (
            "keys: { root_key_credential: council-root, ring: ring }",
            3,
            "$CREDENTIALS_DIRECTORY: is not set",
        ),
        (
            "keys: { root_key_pkcs11: { module: root.key, token: t, key: k, pin_file: root.key }, ring: ring }",
            3,
            "root.key: is not a PKCS#11 library",
        ),
        (
            "keys: { root_key_pkcs11: { module: root.key, token: t, key: k, pin_file: gone.pin }, ring: ring }",
            3,
            "gone.pin: cannot be read",
        ),
    ];
    for (written, code, told) in rows {
        let desk = desk_with(written);
        desk.put("open.key", &"5a".repeat(32));
        for (name, mode) in [("open.key", 0o644), ("short.key", 0o600)] {
            let path = if name == "short.key" {
                desk.put(name, "5a5a")
            } else {
                desk.path(name)
            };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let ran = keys(&desk, "create falls");
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{written}: {}",
            ran.err
        );
        assert!(ran.err.contains(told), "{written}: {}", ran.err);
        assert!(!ran.err.contains("5a5a"), "a key is never printed");
        assert!(!desk.path("ring").exists(), "{written}");
    }
}

#[test]
fn the_root_key_comes_from_a_variable_or_a_credential_too() {
    let from_file = desk();
    done(&from_file, "create falls");
    let token = from_file.run(APPLY).out;
    let ring = fs::read(from_file.path("ring/falls.json")).unwrap();
    for (source, variable) in [
        ("root_key_env: COUNCIL_ROOT", "COUNCIL_ROOT"),
        ("root_key_credential: root.key", "CREDENTIALS_DIRECTORY"),
    ] {
        let desk = desk_with(&format!("keys: {{ {source}, ring: ring }}"));
        // The same root opens the same ring and makes the same tokens.
        fs::create_dir(desk.path("ring")).unwrap();
        fs::write(desk.path("ring/falls.json"), &ring).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(desk.path("ring/falls.json"), mode).unwrap();
        let value = match variable {
            "COUNCIL_ROOT" => "5a".repeat(32).into(),
            _ => desk.path("").into_os_string(),
        };
        let output = fieldgate()
            .current_dir(desk.path(""))
            .args(APPLY.split(' '))
            .env(variable, value)
            .output()
            .unwrap();
        let ran = Ran::of(output);
        assert_eq!(
            (ran.code, ran.out),
            (0, token.clone()),
            "{source}: {}",
            ran.err
        );
    }
}

#[test]
fn a_ring_that_was_tampered_with_or_is_another_controllers_is_refused_by_its_file() {
    let desk = desk();
    done(&desk, "create falls");
    let path = desk.path("ring/falls.json");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replace("current", "retired")).unwrap();
    for words in ["list", "rotate falls", "destroy falls --yes-destroy falls"] {
        let ran = keys(&desk, words);
        assert_eq!(ran.code, 3, "{words}");
        assert!(
            ran.err
                .contains("ring/falls.json: sealed under another root key, or changed since"),
            "{}",
            ran.err
        );
    }
    fs::write(&path, &good).unwrap();
    desk.put("root.key", &"5b".repeat(32));
    assert_eq!(keys(&desk, "list").code, 3);
    let ran = desk.run("check --config fieldgate.yaml");
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("ring/falls.json"), "{}", ran.err);
}

#[test]
fn an_agreement_without_keys_in_the_ring_is_refused_with_its_line() {
    let desk = desk();
    let told = "falls.yaml:15:27: no keys for falls; make them with `fieldgate keys create falls`";
    for words in [
        "check --config fieldgate.yaml",
        "serve --config fieldgate.yaml",
        APPLY,
    ] {
        let ran = desk.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{words}");
        assert!(ran.err.contains(told), "{words}: {}", ran.err);
    }
    let without_keys = desk.run("check --without-keys --config fieldgate.yaml");
    assert_eq!(without_keys.code, 0, "a reviewer has no ring");
    done(&desk, "create falls");
    assert_eq!(desk.run("check --config fieldgate.yaml").code, 0);
}

/// The same identifier has another token in each epoch, and once keys are destroyed nothing is released and nothing links.
/// Rows: P3.2.5.
#[test]
fn each_epoch_has_its_own_tokens_and_destroyed_keys_release_nothing() {
    let desk = desk();
    done(&desk, "create falls");
    let mut tokens = BTreeSet::new();
    for _ in 0..3 {
        let ran = desk.run(APPLY);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(desk.run(APPLY).out, ran.out, "one epoch has one token");
        tokens.insert(ran.out);
        done(&desk, "rotate falls");
    }
    assert_eq!(tokens.len(), 3);
    done(&desk, "destroy falls --yes-destroy falls");
    let ran = desk.run(APPLY);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(
        ran.err
            .contains("the keys of agreement falls are destroyed"),
        "{}",
        ran.err
    );
    let ran = desk.run("check --config fieldgate.yaml");
    assert_eq!(ran.code, 0, "the other agreements go on: {}", ran.err);
    assert!(
        ran.out
            .contains("its keys are destroyed; its requests are refused"),
        "{}",
        ran.out
    );
}

#[test]
fn each_change_is_entered_in_the_ledger_once() {
    let desk = desk();
    let ran = keys(&desk, "create falls");
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("there is no ledger yet"), "{}", ran.err);
    assert!(
        !desk.path("ledger").exists(),
        "a ledger is begun by the gateway"
    );
    assert_eq!(unentered(&desk), 1);
    // A gateway has it open.
    let ledger = open_ledger(&desk);
    ledger
        .submit(Event::Agreements {
            agreements: vec![],
            layers: vec![],
            standing: vec![],
        })
        .unwrap();
    let ran = keys(&desk, "rotate falls");
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.contains("a gateway has the ledger open"),
        "{}",
        ran.err
    );
    assert_eq!(unentered(&desk), 2);
    ledger.close().unwrap();
    // Whoever comes next enters all that waits.
    let ran = keys(&desk, "retire falls --epoch 1");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(unentered(&desk), 0);
    done(&desk, "destroy falls --yes-destroy falls");
    let once = [
        "agreements",
        "keys-created",
        "keys-rotated",
        "keys-retired",
        "keys-destroyed",
    ];
    assert_eq!(entries(&desk), once.map(|event| (event.to_owned(), 1)));
    let segment = fs::read_dir(desk.path("ledger")).unwrap();
    let text: String = segment
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert!(
        text.contains(r#""event":"keys-destroyed","agreement":"falls","epochs":[1,2],"done":"#),
        "{text}"
    );
}

#[test]
fn a_ledger_that_cannot_be_written_is_told_and_the_ring_keeps_the_evidence() {
    let desk = desk();
    fs::create_dir(desk.path("ledger")).unwrap();
    fs::write(
        desk.path("ledger/ledger-000000000001.jsonl"),
        "not a ledger\n",
    )
    .unwrap();
    let ran = keys(&desk, "create falls");
    assert_eq!(ran.code, 3);
    assert_eq!(ran.out, "falls: epoch 1 current\n");
    assert!(
        ran.err
            .contains("the keys of falls are changed, but the ledger cannot enter it"),
        "{}",
        ran.err
    );
    assert_eq!(unentered(&desk), 1);
}

#[test]
fn processes_that_rotate_at_once_all_have_their_epoch() {
    let desk = desk();
    done(&desk, "create falls");
    let rotate = |_| {
        fieldgate()
            .current_dir(desk.path(""))
            .args(["keys", "rotate", "falls", "--config", "fieldgate.yaml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(rotate).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let states = states(&desk);
    let numbers: Vec<u64> = states.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    let current = states
        .iter()
        .filter(|(_, state)| state == "current")
        .count();
    assert_eq!((current, states[8].1.as_str()), (1, "current"));
}

#[test]
fn a_rotation_that_is_killed_loses_no_key() {
    let desk = desk();
    done(&desk, "create falls");
    let rotate = || {
        fieldgate()
            .current_dir(desk.path(""))
            .args(["keys", "rotate", "falls", "--config", "fieldgate.yaml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Work that is shorter than a step of the child: a file is made.
    let turn = || drop(fs::File::create(desk.path("turn")).unwrap());
    let mut child = rotate();
    let mut whole = 0_usize;
    while child.try_wait().unwrap().is_none() {
        turn();
        whole += 1;
    }
    let mut before = 2;
    // Killed later and later in what a whole one takes: at some of these it is in the middle of its write.
    const KILLS: usize = 48;
    for kill in 0..KILLS {
        let mut child = rotate();
        (0..whole * kill / KILLS).for_each(|_| turn());
        child.kill().unwrap();
        child.wait().unwrap();
        let states = states(&desk);
        let now = states.len();
        assert!(
            now == before || now == before + 1,
            "{before} epochs, then {now}"
        );
        assert!(
            states
                .iter()
                .all(|(_, state)| state != "retired" && state != "destroyed")
        );
        before = now;
    }
    done(&desk, "rotate falls");
    assert_eq!(states(&desk).len(), before + 1);
    assert_eq!(desk.run(APPLY).code, 0);
}

/// How a process ends that is told to abort, where the system writes core dumps as far as the process lets it; `None`: it
/// ended before it was ready.
#[cfg(target_os = "linux")]
fn aborted(
    desk: &Desk,
    program: &str,
    is_ready: impl Fn(&str) -> bool,
) -> Option<(String, ExitStatus)> {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new("sh")
        .current_dir(desk.path(""))
        .args(["-c", &format!("ulimit -c unlimited; exec {program}")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let ready = log
        .lines()
        .map_while(Result::ok)
        .any(|line| is_ready(&line));
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let told = Command::new("kill")
        .args(["-ABRT", &child.id().to_string()])
        .status();
    assert!(told.unwrap().success());
    let status = child.wait().unwrap();
    ready.then_some((limits, status))
}

#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::print_stdout, reason = "says what was skipped")]
fn p7_a_process_that_has_keys_leaves_no_core_dump() {
    let desk = desk();
    done(&desk, "create falls");
    let before = desk.names();
    let serve = format!(
        "{} serve --config fieldgate.yaml",
        env!("CARGO_BIN_EXE_fieldgate")
    );
    let (limits, status) =
        aborted(&desk, &serve, |line| line.contains("partners are answered")).unwrap();
    let core: Vec<&str> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(core, ["0", "0", "bytes"]);
    assert_eq!(status.signal(), Some(6), "{status}");
    assert!(!status.core_dumped(), "{status}");
    let mut files = desk.names();
    files.retain(|name| !before.contains(name) && name != "ledger");
    assert!(files.is_empty(), "{files:?}");
    // The same end of a process that does nothing about it, so that the system is known to write dumps at all.
    let other = aborted(&desk, "sh -c 'echo ready >&2; read line'", |line| {
        line == "ready"
    });
    match other {
        Some((_, status)) if status.core_dumped() => {}
        Some(_) | None => println!("skipped: this system writes no core dumps of any process"),
    }
}

/// Where Debian and others put SoftHSM2.
const SOFTHSM: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

#[test]
fn the_root_key_comes_from_a_token_behind_pkcs_11() {
    let module = SOFTHSM
        .into_iter()
        .find(|module| Path::new(module).exists());
    let tool = Command::new("softhsm2-util").arg("--version").output();
    let (Some(module), Ok(_)) = (module, tool) else {
        #[expect(clippy::print_stdout, reason = "a test says what it skipped")]
        {
            println!("skipped: SoftHSM2 is not installed (Debian: apt-get install softhsm2)");
        }
        return;
    };
    let desk = desk_with(&format!(
        "keys: {{ root_key_pkcs11: {{ module: {module}, token: council, key: fieldgate, pin_file: pin }}, ring: ring }}"
    ));
    let with_token = |program: &mut Command| {
        program
            .current_dir(desk.path(""))
            .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"));
        Ran::of(program.stdin(Stdio::null()).output().unwrap())
    };
    fs::create_dir(desk.path("tokens")).unwrap();
    desk.put(
        "softhsm2.conf",
        &format!("directories.tokendir = {}\n", desk.path("tokens").display()),
    );
    let pin = |digits: &str| {
        let path = desk.put("pin", &format!("{digits}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    pin("246813");
    let keys = |words: &str| {
        let words = format!("keys {words} --config fieldgate.yaml");
        with_token(fieldgate().args(words.split(' ')))
    };
    let no_token = keys("create falls");
    assert_eq!(no_token.code, 3);
    assert!(
        no_token.err.contains("has no token `council`"),
        "{}",
        no_token.err
    );
    let made = with_token(Command::new("softhsm2-util").args([
        "--init-token",
        "--free",
        "--label",
        "council",
        "--pin",
        "246813",
        "--so-pin",
        "135792",
    ]));
    assert_eq!(made.code, 0, "{}", made.err);
    let no_key = keys("create falls");
    assert_eq!(no_key.code, 3);
    assert!(
        no_key.err.contains("has no secret key `fieldgate`"),
        "{}",
        no_key.err
    );

    // A process of its own makes the key on the token, since the library reads its settings from the environment.
    let make = "keys::makes_a_key_on_the_token_that_the_environment_names";
    let this = std::env::current_exe().unwrap();
    let made = with_token(
        Command::new(this)
            .args(["--exact", make])
            .env("MAKE_KEY_WITH", module),
    );
    assert_eq!(made.code, 0, "{} {}", made.out, made.err);

    let ran = keys("create falls");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "falls: epoch 1 current\n"),
        "{}",
        ran.err
    );
    // The same key on the token is the same root, in another process.
    assert_eq!(keys("rotate falls").code, 0);
    let first = with_token(fieldgate().args(APPLY.split(' ')));
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(
        with_token(fieldgate().args(APPLY.split(' '))).out,
        first.out
    );

    pin("000000");
    let wrong = keys("list");
    assert_eq!(wrong.code, 3);
    assert!(
        wrong
            .err
            .contains("pin: the token `council` does not take this PIN (PinIncorrect)"),
        "{}",
        wrong.err
    );
    assert!(!wrong.err.contains("000000"), "{}", wrong.err);
}

/// Not a test of its own: [`the_root_key_comes_from_a_token_behind_pkcs_11`] runs it as a process.
#[test]
fn makes_a_key_on_the_token_that_the_environment_names() {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::{Attribute, KeyType};
    use cryptoki::session::UserType;
    use cryptoki::types::AuthPin;
    let Some(module) = std::env::var_os("MAKE_KEY_WITH") else {
        return;
    };
    let module = Pkcs11::new(Path::new(&module)).unwrap();
    module
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slots = module.get_slots_with_initialized_token().unwrap();
    let session = module.open_rw_session(slots[0]).unwrap();
    session
        .login(UserType::User, Some(&AuthPin::new("246813".into())))
        .unwrap();
    let template = [
        Attribute::Label(b"fieldgate".to_vec()),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::ValueLen(32.into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    session
        .generate_key(&Mechanism::GenericSecretKeyGen, &template)
        .unwrap();
}
