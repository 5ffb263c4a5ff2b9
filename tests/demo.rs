//! `fieldgate demo`, as a newcomer meets it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn demo(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldgate"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("demo")
        .args(words);
    command
}

#[test]
fn demo_once_shows_everything_and_finds_it_as_it_should_be() {
    let output = demo(&["--once"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.ends_with("All of this is as it should be.\n"),
        "{text}"
    );
    for part in [
        "isle-council",
        "for falls-prevention",
        "for home-energy-advice",
        "ZZ4****",
        "marketing: 403 Forbidden",
        "\"agreed_purposes\"",
        "\"event\":\"intent\"",
        "\"event\":\"refusal\"",
        "\"records_withheld\":1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "a pipe gets no colours");
    let date_of_birth = text
        .lines()
        .find(|line| line.starts_with("dateOfBirth"))
        .unwrap();
    let cells: Vec<&str> = date_of_birth.split_whitespace().collect();
    assert_eq!(cells, ["dateOfBirth", "1941-03-07", "1941", "·"]);
}

/// Ends the demo if a test fails before it does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn each_line_that_the_demo_says_to_try_works_and_ctrl_c_clears_everything_away() {
    let mut running = Running(
        demo(&[])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut to_try = Vec::new();
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("Serving until Ctrl-C") {
            break;
        }
        if let Some(command) = line.strip_prefix("  ")
            && (command.starts_with("curl ") || command.contains("fieldgate "))
        {
            to_try.push(command.to_owned());
        }
    }
    assert!(to_try.len() >= 11, "{to_try:?}");
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    for command in &to_try {
        if command.starts_with("curl ") && !has_curl {
            continue;
        }
        let output = Command::new("sh")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["-c", command])
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert!(!output.stdout.is_empty(), "{command}");
    }

    let ledger = to_try
        .iter()
        .find(|command| command.contains("ledger verify"))
        .unwrap();
    let directory = Path::new(ledger.split(' ').next_back().unwrap())
        .parent()
        .unwrap();
    assert!(directory.exists());
    let told = Command::new("kill")
        .args(["-INT", &running.0.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    assert!(running.0.wait().unwrap().success());
    assert!(!directory.exists());
}
