//! What every command says of files that it cannot read or make sense of.

use std::fs;

use super::Desk;

/// Every command that reads a file, with the file as `{}`.
const COMMANDS: [&str; 22] = [
    "check --config {}",
    "check {}",
    "serve --config {}",
    "diff {} {}",
    "apply --fields {} people.json",
    "apply --config {} --agreement a --disclosure b people.json",
    "explain --config {} --partner a --purpose b GET /x",
    "covered --config {} --purpose a --data-set b",
    "decision replay --all --config {}",
    "decision refusals --config {}",
    "publish --config {} --out public",
    "propose --register {} --data-set a --field @.a --sensitivity personal",
    "export --odrl --config {}",
    "observe {}",
    "risk --keys $.a {}",
    "scan {}",
    "keys list --config {}",
    "cases list --config {}",
    "incidents list --config {}",
    "ledger verify {}",
    "subjects stats --config {}",
    "approve --as a --key k --config {} agreement.yaml",
];

/// Each names the file and says what to do, with the exit code that its help promises, and without the machine's error numbers.
#[test]
fn what_cannot_be_read_is_named_with_the_next_step() {
    let desk = Desk::new();
    desk.put("people.json", "{}");
    desk.put("empty", "");
    desk.put("broken", "a: [1, 2\n b: }");
    fs::write(desk.path("binary"), b"\xff\xfe\x00").unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    for command in COMMANDS {
        for (file, code) in [
            ("missing", 3),
            ("folder", 3),
            ("empty", 1),
            ("broken", 1),
            ("binary", 1),
        ] {
            // A folder without a ledger in it can be read and is none.
            let is_ledger = command.starts_with("ledger") && file == "folder";
            let words = command.replace("{}", file);
            let ran = desk.run(&words);
            let expected = if is_ledger { 1 } else { code };
            assert_eq!(ran.code, expected, "{words}: {}", ran.err);
            assert_eq!(ran.out, "", "{words}");
            assert!(ran.err.contains(file), "{words}: {}", ran.err);
            assert!(!ran.err.contains("os error"), "{words}: {}", ran.err);
            if code == 3 {
                let told = ran.err.contains("; name a") || ran.err.contains("; give ");
                assert!(told, "{words}: {}", ran.err);
            }
        }
    }
}
