//! `fieldgate api-key`: a random key for a partner, and the line of the configuration that knows it.

use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::out::{self, Stop};
use super::secret;
use crate::keyring::keep_out_of_core_dumps;

/// Bytes of a key: as many as its hash has, so that neither is found by trying.
const KEY_BYTES: usize = 32;
/// What each key begins with, so that one that lies about is known for what it is.
const PREFIX: &str = "fieldgate_";

/// Makes a random API key and prints the line of the configuration that knows it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate api-key 2027 --secret island-health-2027.key
  fieldgate api-key 2027 --secret FILE --not-before 2027-01-01T00:00:00Z \\
      --expires 2028-02-01T00:00:00Z
  fieldgate api-key trial --print

The line goes under the partner's identify: api_keys: in the configuration. It holds a hash alone;
the key goes to the partner, and nowhere else. To rotate, add the new key's line, let the partner
change over, and take the old line out once fieldgate_api_key_last_use_timestamp_seconds stands still.

Exit codes: 0 it is made; 2 wrong usage; 3 the file cannot be made, or this machine gives no randomness.")]
pub struct ApiKeyArgs {
    /// The key's name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// Write the key to this file, which must not be there yet; only this user can read it
    #[arg(long, value_name = "FILE", required_unless_present = "print")]
    pub secret: Option<PathBuf>,
    /// Print the key too, on a line of its own before the other
    #[arg(long, conflicts_with = "secret")]
    pub print: bool,
    /// From when on it counts
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub not_before: Option<String>,
    /// From when on it counts no longer
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub expires: Option<String>,
}

fn name(text: &str) -> Result<String, String> {
    let is_name = (1..=64).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "write lower-case letters, digits and hyphens, at most 64".to_owned())
}

fn instant(text: &str) -> Result<String, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed
        .map(|instant| format!("{instant:.0}"))
        .map_err(|_| "write an instant such as 2027-03-31T23:59:59Z".to_owned())
}

/// Runs `fieldgate api-key`.
///
/// # Errors
/// If the file cannot be made or the machine gives no randomness.
pub fn run(args: &ApiKeyArgs) -> Result<(), Stop> {
    keep_out_of_core_dumps();
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(&mut *bytes)
        .map_err(|_| Stop::environment("this machine gives no randomness for a key"))?;
    let key = Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&*bytes)));
    match &args.secret {
        // Without a line's end: what a program reads is what it sends.
        Some(path) => secret::write_new(path, key.as_bytes())?,
        None => out::line(&key)?,
    }
    out::line(&line(args, &key))
}

/// The line of the configuration that knows `key`. A name of digits alone would be a number without its quotes.
fn line(args: &ApiKeyArgs, key: &str) -> String {
    let sha256 = HEXLOWER.encode(&Sha256::digest(key.as_bytes()));
    let mut line = format!("- {{ name: '{}', sha256: {sha256}", args.name);
    for (member, instant) in [("not_before", &args.not_before), ("expires", &args.expires)] {
        if let Some(instant) = instant {
            line.push_str(&format!(", {member}: {instant}"));
        }
    }
    line + " }"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_holds_the_hash_and_the_times_and_never_the_key() {
        let args = ApiKeyArgs {
            name: "2027".to_owned(),
            secret: None,
            print: true,
            not_before: Some(instant("2027-01-01T01:00:00+01:00").unwrap()),
            expires: None,
        };
        assert_eq!(
            line(&args, "abc"),
            "- { name: '2027', sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, not_before: 2027-01-01T00:00:00Z }"
        );
    }

    #[test]
    fn a_name_and_an_instant_have_one_form() {
        for (text, good) in [
            ("a", true),
            ("2027-b", true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a b", false),
        ] {
            assert_eq!(name(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("2027-01-01T00:00:00Z", true),
            ("2027-01-01", false),
            ("2027-02-30T00:00:00Z", false),
        ] {
            assert_eq!(instant(text).is_ok(), good, "{text}");
        }
    }
}
