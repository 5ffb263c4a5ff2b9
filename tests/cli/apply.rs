//! `fieldgate apply` and the files that it reads and writes: packed ones, broken ones, and ended processes.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use flate2::Compression;
use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn unpacked(name: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    if name.ends_with(".gz") {
        // One member, to its end and no further.
        let mut decoder = GzDecoder::new(bytes);
        decoder.read_to_string(&mut text).unwrap();
    } else if name.ends_with(".zst") {
        text = String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap();
    } else {
        text = String::from_utf8(bytes.to_vec()).unwrap();
    }
    text
}

#[test]
fn apply_unpacks_and_packs_by_name() {
    let desk = Desk::new();
    fs::write(desk.path("person.json.gz"), gzip(PERSON.as_bytes())).unwrap();
    fs::write(desk.path("person.json.zst"), zstd(PERSON.as_bytes())).unwrap();
    let (head, tail) = PERSON.as_bytes().split_at(20);
    fs::write(
        desk.path("two.json.gz"),
        [gzip(head), gzip(b""), gzip(tail)].concat(),
    )
    .unwrap();
    fs::write(desk.path("two.json.zst"), [zstd(head), zstd(tail)].concat()).unwrap();
    for input in [
        "person.json",
        "person.json.gz",
        "person.json.zst",
        "two.json.gz",
        "two.json.zst",
    ] {
        let ran = desk.run(&format!("apply --fields rules.yaml {input}"));
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, SHARED),
            "{input}: {}",
            ran.err
        );
        for output in ["out.json", "out.json.gz", "out.json.zst"] {
            let ran = desk.run(&format!(
                "apply --fields rules.yaml {input} -o {output} --tally"
            ));
            assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
            let bytes = fs::read(desk.path(output)).unwrap();
            assert_eq!(unpacked(output, &bytes), SHARED, "{input} to {output}");
            let tally: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
            assert_eq!(tally["bytes_in"], PERSON.len());
            assert_eq!(tally["bytes_out"], SHARED.len());
        }
    }
}

#[test]
fn p4_a_packed_file_that_is_not_whole_is_the_inputs_fault_and_nothing_takes_its_place() {
    let desk = Desk::new();
    desk.put("shared.json", "from yesterday");
    let long = format!("[{PERSON}{}]", format!(",{PERSON}").repeat(5_000));
    for (name, packed) in [
        ("people.json.gz", gzip(long.as_bytes())),
        ("people.json.zst", zstd(long.as_bytes())),
    ] {
        let cut = |bytes: usize| packed[..bytes].to_vec();
        let mut flipped = packed.clone();
        flipped[packed.len() / 2] ^= 0x40;
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("cut in its head", cut(3)),
            ("cut in its middle", cut(packed.len() / 2)),
            ("without its last byte", cut(packed.len() - 1)),
            (
                "followed by garbage",
                [packed.as_slice(), b"garbage"].concat(),
            ),
            ("followed by a zero", [packed.as_slice(), b"\0"].concat()),
            (
                "followed by half a stream",
                [packed.as_slice(), &packed[..9]].concat(),
            ),
            ("not packed at all", long.clone().into_bytes()),
            ("changed", flipped),
        ] {
            fs::write(desk.path(name), bytes).unwrap();
            let ran = desk.run(&format!("apply --fields rules.yaml {name} -o shared.json"));
            assert_eq!(ran.code, 1, "{name} {what}: {}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
            assert!(
                ran.err.starts_with(&format!("fieldgate: {name}: ")),
                "{}",
                ran.err
            );
            assert_eq!(desk.text("shared.json"), "from yesterday", "{name} {what}");
            assert_eq!(
                desk.names()
                    .iter()
                    .filter(|name| name.contains("part"))
                    .count(),
                0
            );
        }
        fs::remove_file(desk.path(name)).unwrap();
    }
}

#[test]
fn p4_what_was_packed_before_a_fault_does_not_look_whole() {
    let desk = Desk::new();
    desk.put("rules.yaml", "fields:\n  - keep: [ \"$[*].mobility\" ]\n");
    let long = format!("[{}{{]", format!("{PERSON},").repeat(20_000));
    desk.put("people.json", &long);
    let pipe = desk.path("pipe.gz");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    let ran = desk.run("apply --fields rules.yaml people.json -o pipe.gz");
    assert_eq!(ran.code, 1, "{}", ran.err);
    let packed = reader.join().unwrap();
    let unpacked = MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut Vec::new());
    assert!(unpacked.is_err(), "the stream has an end");
}

/// `apply` that has read and written something, and waits for more.
fn waiting(desk: &Desk) -> Child {
    desk.put("rules.yaml", "fields:\n  - keep: [ \"$[*].mobility\" ]\n");
    let mut child = fieldgate()
        .current_dir(desk.0.path())
        .args(["apply", "--fields", "rules.yaml", "-o", "shared.json"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut records = format!("{PERSON},").repeat(10_000);
    records.insert(0, '[');
    // More than a pipe holds, so some of it has been read when all is written.
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(records.as_bytes())
        .unwrap();
    child
}

#[test]
fn an_interrupted_apply_leaves_the_output_as_it_was_and_nothing_beside_it() {
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-KILL", 9)] {
        let desk = Desk::new();
        desk.put("shared.json", "from yesterday");
        let mut child = waiting(&desk);
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let status = child.wait().unwrap();
        // Where the file needed a name, the signal was caught to take that away.
        assert!(
            status.signal() == Some(number) || status.code() == Some(128 + number),
            "{status}"
        );
        assert_eq!(desk.text("shared.json"), "from yesterday");
        assert_eq!(desk.names(), ["person.json", "rules.yaml", "shared.json"]);
    }
}

#[test]
fn an_output_gets_its_name_whether_or_not_something_has_it() {
    let desk = Desk::new();
    for name in ["new.json", "new.json", "./there/new.json"] {
        fs::create_dir_all(desk.path("there")).unwrap();
        let ran = desk.run(&format!("apply --fields rules.yaml person.json -o {name}"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(desk.text(name), SHARED);
    }
    assert_eq!(
        desk.names(),
        ["new.json", "person.json", "rules.yaml", "there"]
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(desk.path("new.json")).unwrap().permissions(),
    );
    assert_eq!(
        mode & 0o133,
        0,
        "{mode:o}: nobody else may write, nobody runs it"
    );
}

#[test]
fn the_format_of_the_rules_counts_unless_another_is_asked_for() {
    let desk = Desk::new();
    desk.put("rules.yaml", &format!("format: multipart\n{RULES}"));
    let ran = desk.run("apply --fields rules.yaml person.json");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("boundary"), "{}", ran.err);
    let ran = desk.run("apply --fields rules.yaml --format json person.json");
    assert_eq!((ran.code, ran.out.as_str()), (0, SHARED), "{}", ran.err);
    desk.put("person.json", "{");
    let ran = desk.run("apply --fields rules.yaml --format json person.json");
    assert!(
        ran.err.starts_with("fieldgate: person.json: json: "),
        "{}",
        ran.err
    );
}

#[test]
fn apply_takes_the_rules_of_a_request_and_no_other_format_than_the_one_agreed() {
    let desk = Desk::new();
    copy(Path::new("config"), &desk.path("config"));
    let root_key = desk.put("config/root.key", &"5a".repeat(32));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(root_key, mode).unwrap();
    // The letter is in no register, and a charter would not let it pass unread.
    let config = desk.text("config/fieldgate.yaml");
    let layers = "register: register.yaml\ncharter: charter.yaml\n";
    assert!(config.contains(layers));
    desk.put("config/fieldgate.yaml", &config.replace(layers, ""));
    let file = "config/agreements/falls-prevention.yaml";
    let agreement = desk.text(file);
    desk.put(
        file,
        &format!(
            "{agreement}
  - name: visit
    purposes: [falls-prevention]
    request: POST /visits
    service: {{ name: social-care, path: /visits }}
    request_body: {{ format: json, fields: [{{ keep: [$.when] }}] }}
    response:
      format: opaque
      type: [application/pdf]
      because: the letter is the record
"
        ),
    );
    desk.put("visit.json", r#"{"when":"2026-05-01","who":"A. Walker"}"#);
    let words = "apply --config config/fieldgate.yaml --agreement falls-prevention --disclosure";
    let ran = desk.run(&format!("{words} visit --request visit.json"));
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, r#"{"when":"2026-05-01"}"#),
        "{}",
        ran.err
    );
    let ran = desk.run(&format!("{words} visit visit.json"));
    assert_eq!(
        (ran.code, ran.out),
        (0, desk.text("visit.json")),
        "{}",
        ran.err
    );
    let ran = desk.run("explain --config config/fieldgate.yaml --partner island-health --purpose falls-prevention --at 2026-11-22 POST /visits --sample visit.json");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("this one is opaque"), "{}", ran.err);
    for (disclosure, told) in [
        ("visit --request --format csv", "is agreed for json"),
        ("visit --format json", "is agreed for opaque"),
        ("adult --request", "takes no request body"),
    ] {
        let ran = desk.run(&format!("{words} {disclosure} visit.json"));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{disclosure}");
        assert!(ran.err.contains(told), "{disclosure}: {}", ran.err);
    }
}
