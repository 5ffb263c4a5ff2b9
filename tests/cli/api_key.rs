//! `fieldgate api-key`: a key, its line, and what `check` says of one that is about to end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};

use super::Desk;

fn hash(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_key_goes_to_a_file_of_ones_own_and_its_hash_to_the_configuration() {
    let desk = Desk::new();
    let ran = desk.run("api-key 2027 --secret new.key --expires 2199-01-01T00:00:00Z");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let path = desk.path("new.key");
    let key = fs::read_to_string(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(key.starts_with("fieldgate_") && key.len() == 53, "{key}");
    let line = format!(
        "- {{ name: '2027', sha256: {}, expires: 2199-01-01T00:00:00Z }}\n",
        hash(&key)
    );
    assert_eq!(ran.out, line);
    assert!(!ran.out.contains(&key));

    let again = desk.run("api-key 2027 --secret new.key");
    assert_eq!((again.code, again.out.as_str()), (3, ""), "{again:?}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        key,
        "what is there stays"
    );

    let printed = desk.run("api-key trial --print");
    let (key, line) = printed.out.split_once('\n').unwrap();
    assert_eq!(
        line,
        format!("- {{ name: 'trial', sha256: {} }}\n", hash(key))
    );
    assert_eq!(desk.run("api-key trial").code, 2);
    assert_eq!(desk.run("api-key Trial --print").code, 2);
}

#[test]
fn check_tells_of_a_partners_last_key_before_it_ends() {
    let desk = Desk::new();
    desk.put("falls.yaml", super::approve::AGREEMENT);
    let configuration = |expires: &str| {
        format!(
            "listen: [{{ address: '127.0.0.1:0', insecure_plain_http: true }}]\n\
             controller: {{ name: isle-council }}\n\
             partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: k, sha256: {}, expires: '{expires}' }}] }} }}]\n\
             services: [{{ name: social-care, url: 'http://127.0.0.1:9' }}]\n\
             agreements: [falls.yaml]\n\
             ledger: {{ directory: ledger }}\n",
            hash("k")
        )
    };
    let note = "note      partner island-health has no API key that counts any more: the last, `k`, expired at 2026-01-01T00:00:00Z; give it a new one\n";
    for (expires, told) in [
        ("2026-01-01T00:00:00Z", true),
        ("2199-01-01T00:00:00Z", false),
    ] {
        desk.put("fieldgate.yaml", &configuration(expires));
        let ran = desk.run("check --config fieldgate.yaml");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.out.contains(note), told, "{}", ran.out);
        let ran = desk.run("check --json --config fieldgate.yaml");
        assert_eq!(ran.out.contains("expired at"), told, "{}", ran.out);
    }
    desk.put("fieldgate.yaml", &configuration("2026-02-30T00:00:00Z"));
    let ran = desk.run("check --config fieldgate.yaml");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("the calendar has no such instant"),
        "{}",
        ran.err
    );
}
