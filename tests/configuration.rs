//! The gateway's configuration as files: what is at fault, what is missing, and that the files that the
//! project ships are good and current.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fieldgate::agreement::{agreement_schema, fields_schema};
use fieldgate::charter::charter_schema;
use fieldgate::config::{
    self, ConfigFault, LogFormat, LogLevel, Transport, gateway_schema, load, load_without_keys,
};
use fieldgate::register::register_schema;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A configuration without a fault. Rows change one place of it, so that its lines are known.
const CONFIGURATION: &str = "\
listen:
  - address: 127.0.0.1:0
    insecure_plain_http: true
  - address: '[::1]:8443'
    tls: { certificate: chain.pem, key: key.pem, client_ca: ca.pem }
controller: { name: isle-council }
partners:
  - name: island-health
    identify:
      certificates: [{ san: API.island-health.example }]
      api_keys: [{ name: first, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]
  - name: harbour-homes
    identify:
      certificates: [{ spki_sha256: 0f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]
services:
  - name: social-care
    url: https://care.internal:9443
    tls: { ca: ca.pem }
    connect_timeout: 250ms
  - { name: housing, url: 'http://[::1]:9000' }
agreements: [agreements]
keys: { root_key_file: root.key }
ledger: { directory: /var/ledger, segment_bytes: 64MiB }
limits: { exchange: 2h, header_bytes: 16KiB, depth: 64 }
log: { format: json, level: warn }
workers: 2
";

const AGREEMENT: &str = "\
agreement: falls-prevention
version: 1
title: Falls prevention
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2027-03-31 }
purposes: { falls-prevention: Find adults at risk }
disclosures:
  - name: adult
    purposes: [falls-prevention]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response:
      format: json
      fields:
        - pseudonymise: [$.nhsNumber]
          as: person
";

/// A directory with the configuration's files.
fn directory(configuration: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("fieldgate.yaml");
    let write = || -> std::io::Result<()> {
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("agreements"))?;
        fs::write(at("agreements/falls.yaml"), AGREEMENT)?;
        fs::write(at("agreements/notes.txt"), "not an agreement")?;
        fs::write(at("agreements/.hidden.yaml"), "not an agreement")?;
        fs::write(at("chain.pem"), "")?;
        fs::write(at("ca.pem"), "")?;
        for (name, text) in [("key.pem", ""), ("root.key", HASH)] {
            fs::write(at(name), text)?;
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o600))?;
        }
        fs::write(&path, configuration)
    };
    write().expect("a temporary directory can be written to");
    (directory, path)
}

/// The faults of `configuration`, without the directory's name.
fn faults(configuration: &str) -> Vec<String> {
    let (directory, path) = directory(configuration);
    match load(&path) {
        Ok(_) => Vec::new(),
        Err(ConfigFault::Content(faults)) => {
            let base = format!("{}/", directory.path().display());
            faults
                .to_string()
                .lines()
                .map(|line| line.replace(&base, ""))
                .collect()
        }
        Err(fault @ ConfigFault::Environment { .. }) => panic!("{fault}"),
    }
}

#[test]
fn what_is_written_is_what_is_meant_and_the_rest_has_its_default() {
    let (directory, path) = directory(CONFIGURATION);
    let loaded = load(&path).unwrap();
    let config = loaded.config;
    assert_eq!(config.listen[0].transport, Transport::PlainHttp);
    let Transport::Tls(tls) = &config.listen[1].transport else {
        panic!("the second listener speaks TLS")
    };
    assert_eq!(tls.certificate, directory.path().join("chain.pem"));
    assert_eq!(config.admin.to_string(), "127.0.0.1:9464");
    assert_eq!(
        config.controller.time_zone.iana_name(),
        Some("Europe/London")
    );
    assert_eq!(
        config.partners[0].certificate_names[0].shown,
        "api.island-health.example"
    );
    assert_eq!(config.partners[0].api_keys[0].sha256[0], 0x9f);
    assert_eq!(config.partners[1].spki_sha256[0].shown[0], 0x0f);
    assert_eq!(
        config.services[0].endpoints[0].authority(true),
        "care.internal:9443"
    );
    assert_eq!(
        config.services[0].connect_timeout,
        Duration::from_millis(250)
    );
    assert_eq!(config.services[1].endpoints[0].host, "::1");
    assert_eq!(
        config.services[1].endpoints[0].authority(false),
        "[::1]:9000"
    );
    assert_eq!(config.ledger.directory, Path::new("/var/ledger"));
    assert_eq!(config.ledger.segment_bytes, 64 << 20);
    assert_eq!(config.purpose_header, "data-purpose");
    assert_eq!(config.limits.exchange, Duration::from_secs(7200));
    assert_eq!(config.limits.header_bytes, 16 << 10);
    assert_eq!(config.limits.response_body.depth, 64);
    assert_eq!(
        config::Limits {
            exchange: config::Limits::default().exchange,
            ..config.limits
        }
        .drain,
        Duration::from_secs(30)
    );
    assert_eq!(
        (config.log.format, config.log.level),
        (LogFormat::Json, LogLevel::Warn)
    );
    assert_eq!(config.workers.get(), 2);
    assert_eq!(
        loaded.agreements.agreements.len(),
        1,
        "files that are hidden or not YAML are no agreements"
    );
    assert!(loaded.keys.is_some());
    assert_eq!(
        loaded.sources,
        ["fieldgate.yaml", "agreements", "agreements/falls.yaml"]
            .map(|name| directory.path().join(name))
    );
}

#[test]
fn each_fault_is_told_with_its_place_and_what_to_write_instead() {
    let second_key = "api_keys: [{ name: first, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]";
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "    insecure_plain_http: true\n",
            "    insecure_plain_http: true\n    for: council\n",
            &[
                "fieldgate.yaml:4:10: no system of the council's is known here; write `systems`, each with a name and identify",
            ],
        ),
        (
            "log: {",
            "systems: [{ name: hub, identify: { api_keys: [{ name: k, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }] } }]\nlog: {",
            &[
                "fieldgate.yaml:25:1: no listener is for the council, so no system can push; give one for: council",
            ],
        ),
        (
            "services:",
            "upstreams:",
            &[
                "fieldgate.yaml:1:1: the file is missing `services`",
                "fieldgate.yaml:15:1: `upstreams`: write services",
            ],
        ),
        (
            "127.0.0.1:0",
            "localhost:8080",
            &[
                "fieldgate.yaml:2:14: not an IP address and a port; write for example 127.0.0.1:8080, 0.0.0.0:8443 or [::]:8443",
            ],
        ),
        (
            "127.0.0.1:0",
            "8080",
            &[
                "fieldgate.yaml:2:14: `address` is a number; it has to be text; write for example 127.0.0.1:8080",
            ],
        ),
        (
            "    insecure_plain_http: true\n",
            "",
            &[
                "fieldgate.yaml:2:5: a listener needs tls: { certificate: FILE, key: FILE }, or insecure_plain_http: true for loopback",
            ],
        ),
        (
            "    tls: { certificate: chain.pem, key: key.pem, client_ca: ca.pem }",
            "    tls: { certificate: chain.pem, key: key.pem, client_ca: ca.pem }\n    insecure_plain_http: true",
            &[
                "fieldgate.yaml:6:5: a listener has `tls` or `insecure_plain_http`, not both; leave this out",
            ],
        ),
        (
            ", client_ca: ca.pem",
            "",
            &[
                "fieldgate.yaml:10:29: no listener has a `client_ca` that could vouch for this name; add one, or pin the key by spki_sha256",
            ],
        ),
        (
            "name: harbour-homes",
            "name: island-health",
            &[
                "fieldgate.yaml:12:11: a second partner `island-health`, the first is on line 8; give each its own name",
            ],
        ),
        (
            "certificates: [{ spki_sha256: 0f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]",
            "certificates: []",
            &[
                "fieldgate.yaml:14:7: nothing identifies the partner; write `certificates`, `api_keys` or `access_tokens`",
            ],
        ),
        (
            "certificates: [{ spki_sha256: 0f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }]",
            second_key,
            &[
                "fieldgate.yaml:14:41: line 11 has the same, so it could not tell who asks; give each partner its own",
            ],
        ),
        (
            "spki_sha256: 0f86",
            "spki_sha256: zz86",
            &[
                "fieldgate.yaml:14:37: `spki_sha256` is not a SHA-256 in 64 hexadecimal digits; write for example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            ],
        ),
        (
            "name: housing",
            "name: social-care",
            &[
                "fieldgate.yaml:20:13: a second service `social-care`, the first is on line 16; give each its own name",
            ],
        ),
        (
            "https://care.internal:9443",
            "https://care.internal:9443/api",
            &[
                "fieldgate.yaml:17:10: `url` is not http:// or https://, a host and, if wanted, a port, and nothing after; write for example https://social-care.internal:8443",
            ],
        ),
        (
            "https://care.internal:9443",
            "https://care.internal:94430",
            &[
                "fieldgate.yaml:17:10: not a URL of a host and a port; write for example https://social-care.internal:8443",
            ],
        ),
        (
            "    tls: { ca: ca.pem }\n",
            "",
            &[
                "fieldgate.yaml:17:10: https needs tls: { ca: FILE }, the certificates that sign the service's",
            ],
        ),
        (
            "https://care",
            "http://care",
            &[
                "fieldgate.yaml:18:5: the url is http, so there is no TLS; leave this out or write https",
            ],
        ),
        (
            "connect_timeout: 250ms",
            "connect_timeout: 250",
            &[
                "fieldgate.yaml:19:22: `connect_timeout` is a number; it has to be text; write for example 10s",
            ],
        ),
        (
            "connect_timeout: 250ms",
            "connect_timeout: 0s",
            &[
                "fieldgate.yaml:19:22: `connect_timeout` is not a time (a number and ms, s, min or h); write for example 10s",
            ],
        ),
        (
            "keys: { root_key_file: root.key }",
            "keys: { ring: ring }",
            &[
                "fieldgate.yaml:22:7: the root key has no source; write root_key_file, root_key_env, root_key_credential or root_key_pkcs11",
            ],
        ),
        (
            "keys: { root_key_file: root.key }",
            "keys: { root_key_file: root.key, root_key_env: ROOT_KEY }",
            &[
                "fieldgate.yaml:22:34: the root key has one source, and `root_key_file` is there already; leave one of the two out",
            ],
        ),
        (
            "keys: { root_key_file: root.key }",
            "keys: { root_key_env: $ROOT_KEY }",
            &[
                "fieldgate.yaml:22:23: `root_key_env` is not an environment variable's name; write for example FIELDGATE_ROOT_KEY",
            ],
        ),
        (
            "keys: { root_key_file: root.key }",
            "keys: { root_key_credential: ../root }",
            &[
                "fieldgate.yaml:22:30: `root_key_credential` is not a file's name, without a directory; write for example fieldgate-root-key",
            ],
        ),
        (
            "keys: { root_key_file: root.key }",
            "keys: { root_key_pkcs11: { module: m.so, token: t, key: k } }",
            &["fieldgate.yaml:22:9: `root_key_pkcs11` is missing `pin_file`"],
        ),
        (
            "agreements: [agreements]",
            "agreements: [elsewhere]",
            &[
                "fieldgate.yaml:21:14: no such file or directory; paths are from the directory of this file",
            ],
        ),
        (
            "agreements: [agreements]",
            "agreements: [agreements, agreements/falls.yaml]",
            &["fieldgate.yaml:21:26: agreements/falls.yaml is named twice; leave one out"],
        ),
        (
            "keys: { root_key_file: root.key }\n",
            "",
            &[
                "agreements/falls.yaml:15:26: pseudonymise needs a key; write keys: { root_key_file: FILE } in the gateway's configuration",
            ],
        ),
        (
            "segment_bytes: 64MiB",
            "segment_bytes: 1KiB",
            &["fieldgate.yaml:23:50: a segment has at least 64KiB; write for example 256MiB"],
        ),
        (
            "header_bytes: 16KiB",
            "header_bytes: 16MiB",
            &["fieldgate.yaml:24:39: headers get from 1KiB to 1MiB; write for example 32KiB"],
        ),
        (
            "level: warn",
            "level: wran",
            &[
                "fieldgate.yaml:25:29: `level` has an unknown word; did you mean `warn`? This version has error, warn, info, debug",
            ],
        ),
        (
            "workers: 2",
            "purpose_header: Cookie",
            &[
                "fieldgate.yaml:26:17: `cookie` cannot hold the purpose: it carries a credential; the partner's ends at the gateway, the service's never leaves; write for example Data-Purpose",
            ],
        ),
        (
            "isle-council }",
            "isle-council, time_zone: Europe/Atlantis }",
            &[
                "fieldgate.yaml:6:46: the time zone database has no such zone; write for example Europe/London",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (from, to, expected) in rows {
        assert!(
            CONFIGURATION.contains(from),
            "{from:?} is not in the configuration"
        );
        let found = faults(&CONFIGURATION.replacen(from, to, 1));
        if found != *expected {
            wrong.push(format!("{from:?} as {to:?}:\n{found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_of_the_configuration_and_of_agreements_are_told_in_one_run() {
    let found = faults(
        &CONFIGURATION
            .replace("name: social-care", "name: care")
            .replace("level: warn", "levle: warn"),
    );
    assert_eq!(
        found,
        [
            "agreements/falls.yaml:11:22: no service `social-care` is configured; the configuration has care, housing",
            "fieldgate.yaml:25:22: unknown key `levle`; did you mean `level`? The keys here are format, level",
        ]
    );
}

#[test]
fn files_that_cannot_be_used_are_the_environments_fault() {
    let environment = |change: &dyn Fn(&Path)| {
        let (directory, path) = directory(CONFIGURATION);
        change(directory.path());
        match load(&path) {
            Err(ConfigFault::Environment { path, message }) => {
                format!(
                    "{}: {message}",
                    path.strip_prefix(directory.path()).unwrap().display()
                )
            }
            other => panic!("{other:?}"),
        }
    };
    let readable_by_all = |name: &'static str| {
        move |directory: &Path| {
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
    };
    let gone =
        |name: &'static str| move |directory: &Path| fs::remove_file(directory.join(name)).unwrap();
    let public = "holds a key and other users may read it; make a new key, and the file readable by this user alone (chmod 600)";
    assert_eq!(
        environment(&readable_by_all("root.key")),
        format!("root.key: {public}")
    );
    assert_eq!(
        environment(&readable_by_all("key.pem")),
        format!("key.pem: {public}")
    );
    for (name, message) in [
        (
            "root.key",
            "cannot be read (entity not found); make the key file, readable by this user alone",
        ),
        (
            "key.pem",
            "cannot be read (entity not found); make the key file, readable by this user alone",
        ),
        (
            "chain.pem",
            "cannot be read (entity not found); name a PEM file",
        ),
        (
            "ca.pem",
            "cannot be read (entity not found); name a PEM file",
        ),
        (
            "fieldgate.yaml",
            "cannot be read (entity not found); name a file that this user may read",
        ),
    ] {
        assert_eq!(environment(&gone(name)), format!("{name}: {message}"));
    }
    let short = |directory: &Path| fs::write(directory.join("root.key"), "1234").unwrap();
    let message = environment(&short);
    assert!(
        message.starts_with("root.key: a root key is 64 hexadecimal digits"),
        "{message}"
    );
    assert!(!message.contains("1234"), "a key is never printed");
}

#[test]
fn a_reviewer_without_the_keys_can_check_everything_else() {
    let (directory, path) = directory(CONFIGURATION);
    for name in ["root.key", "key.pem", "chain.pem", "ca.pem"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    assert_eq!(
        load_without_keys(&path)
            .unwrap()
            .agreements
            .agreements
            .len(),
        1
    );
}

#[test]
fn a_table_is_read_from_beside_its_agreement_and_watched_with_it() {
    let (directory, path) = directory(CONFIGURATION);
    let at = |name: &str| directory.path().join(name);
    let agreement = AGREEMENT.replace(
        "        - pseudonymise",
        "        - { generalise: [$.postcode], to: table, table: ../wards.csv, column: ward }\n        - pseudonymise",
    );
    fs::write(at("agreements/falls.yaml"), agreement).unwrap();
    let Err(ConfigFault::Content(faults)) = load(&path) else {
        panic!("the table is not there");
    };
    assert!(faults.to_string().contains("falls.yaml:15:"), "{faults}");
    assert!(
        faults.to_string().contains("../wards.csv cannot be read"),
        "{faults}"
    );
    fs::write(at("wards.csv"), "pcds,ward\nPO30 1AA,Newport\n").unwrap();
    let loaded = load(&path).unwrap();
    assert!(loaded.sources.contains(&at("agreements/../wards.csv")));
    fs::write(
        at("wards.csv"),
        "pcds,ward\nPO30 1AA,Newport\nPO30 1AA,Ryde\n",
    )
    .unwrap();
    let Err(ConfigFault::Content(faults)) = load(&path) else {
        panic!("a key stands twice, and the file was read again");
    };
    assert!(
        faults
            .to_string()
            .contains("the keys of rows 2 and 3 are the same"),
        "{faults}"
    );
}

#[test]
fn text_that_is_not_utf_8_is_a_fault_of_its_line() {
    let (directory, path) = directory(CONFIGURATION);
    fs::write(
        directory.path().join("agreements/falls.yaml"),
        b"agreement: a\ntitle: caf\xe9\n",
    )
    .unwrap();
    let fault = load(&path).unwrap_err().to_string();
    assert!(
        fault.ends_with("agreements/falls.yaml:2:1: not UTF-8 text; save the file as UTF-8"),
        "{fault}"
    );
}

#[test]
fn the_files_that_the_project_ships_have_no_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = load_without_keys(&root.join("config/fieldgate.yaml")).unwrap();
    let names: Vec<&str> = loaded
        .agreements
        .agreements
        .iter()
        .map(|agreement| agreement.name.as_str())
        .collect();
    assert_eq!(names, ["falls-prevention", "tenancy-support"]);
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (kind, file, schema) in [
        ("agreement", "agreement.json", agreement_schema()),
        ("gateway", "fieldgate.json", gateway_schema()),
        ("fields", "fields.json", fields_schema()),
        ("register", "register.json", register_schema()),
        ("charter", "charter.json", charter_schema()),
    ] {
        let path = root.join("config/schema").join(file);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == schema,
            "config/schema/{file} is not current; run: cargo run -- schema {kind} > config/schema/{file}"
        );
    }
}

// What a schema accepts a type accepts: else a fault would be told without its place.

/// Paths to every part of `value`.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{at}/{name}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An agreement with every key, as JSON, which YAML contains.
const MODEL: &str = r#"{
  "agreement": "a", "version": 1, "title": "t", "parties": {"controller": "c", "partner": "p"},
  "term": {"starts": "2026-01-01", "review": "2026-02-01", "ends": "2026-12-31"},
  "basis": {"lawful": ["uk-gdpr:6-1-e"], "special": [], "power": "x", "assessment": "y", "territory": ["GB"]},
  "retention": "P6M", "purposes": {"p": "text"},
  "disclosures": [{
    "name": "d", "data_set": "s", "purposes": ["p"], "request": "POST /a/{b}", "service": {"name": "s", "path": "/{b}"},
    "parameters": {"path": {"b": "keep"}, "query": {"keep": ["q"]}, "headers": {"keep": ["accept-language"]}},
    "request_body": {"format": "json", "fields": [{"keep": ["$.a"], "because": "r"}]},
    "response": {"format": "json", "headers": {"keep": ["etag"]}, "record": "$", "subject": "$.s", "release_if": "@.c == 1",
      "prune": true, "fields": [
        {"keep_all": ["$.a"], "because": "r"}, {"drop": ["$.b"]}, {"replace": ["$.c"], "with": null},
        {"mask": ["$.d"], "keep_first": 1, "keep_last": 2, "with": "x", "on_mismatch": "refuse"},
        {"generalise": ["$.e"], "to": "age-band", "from": "dd/mm/yyyy", "at": "today", "width": 5, "bottom": 5, "top": 90},
        {"generalise": ["$.g"], "to": "band", "bands": ["0-4", 5, "6+"]}, {"generalise": ["$.h"], "to": "round", "nearest": 5},
        {"generalise": ["$.i"], "to": "table", "table": "t.csv", "column": "b", "key": "a", "otherwise": "x"},
        {"shift": ["$.j"], "days": 30, "direction": "either"}, {"mask": ["$.k"], "skip": " -"}, {"pseudonymise": ["$.f"], "as": "person"}
      ]}
  }, {
    "name": "e", "purposes": ["p"], "request": "POST /b", "service": {"name": "s", "path": "/b"},
    "request_body": {"format": "xml", "namespaces": {"a": "urn:a"}, "fields": []},
    "response": {"format": "csv", "fields": [],
      "csv": {"separator": ";", "charset": "utf-16", "header": ["a", "b"], "ragged": "pad", "formulas": "neutralise"}}
  }, {
    "name": "f", "purposes": ["p"], "request": "GET /c", "service": {"name": "s", "path": "/c"},
    "response": {"format": "opaque", "type": ["application/pdf"], "because": "r"}
  }]
}"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_at_any_place_of_an_agreement_its_fault_has_a_place(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize), 1..6),
    ) {
        let mut value: Value = serde_json::from_str(MODEL).unwrap();
        for (index, change) in changes {
            let mut all: Vec<String> = Vec::new();
            pointers(&value, "", &mut all);
            let place = value.pointer_mut(&all[index.index(all.len())]).unwrap();
            *place = [
                "null", "true", "-1", "1e400", "4294967296", "0.5", "\"\"", "\"a\"", "[]", "{}", "[null]", "{\"a\": 1}",
            ][change].parse().unwrap_or(Value::String("1e400".to_owned()));
        }
        let text = serde_json::to_string_pretty(&value).unwrap();
        let source = fieldgate::agreement::Source { name: "a", text: &text };
        let context = fieldgate::agreement::Context::alone(jiff::tz::TimeZone::UTC);
        if let Err(faults) = fieldgate::agreement::AgreementSet::load(&[source], &context) {
            for fault in faults.list() {
                prop_assert!(!fault.message.starts_with("not read"), "{fault}\n{text}");
                let lines = text.lines().count();
                prop_assert!(fault.line >= 1 && fault.line <= lines, "{fault}\n{text}");
            }
        }
    }
}
