//! What makes an approval: a private key, and the entry that it adds to a document's file of approvals.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::written::ApprovalsAsWritten;
use super::{Approver, Document, message};
use crate::written::{Fault, Faults, Reader};

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// An approver's private key. Its debug form shows the public key alone.
pub struct SigningKey(Ed25519KeyPair);

/// Why bytes are no private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no Ed25519 private key; name a PKCS#8 file in PEM or DER form, or 32 bytes of seed: fieldgate approve --new-key FILE makes one"
)]
pub struct KeyFault;

impl SigningKey {
    /// Reads a private key: PKCS#8 as PEM or DER (with or without the public key), or a seed of 32 bytes.
    ///
    /// # Errors
    /// If it is none of these; never with a part of the key.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyFault> {
        if bytes.len() == 32 {
            return Ed25519KeyPair::from_seed_unchecked(bytes)
                .map(Self)
                .map_err(|_| KeyFault);
        }
        let der = match str::from_utf8(bytes).ok().and_then(pem) {
            Some(der) => der,
            None => Zeroizing::new(bytes.to_vec()),
        };
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map(Self)
            .map_err(|_| KeyFault)
    }

    /// A new private key, as a PKCS#8 file in PEM form.
    ///
    /// # Errors
    /// If the machine gives no randomness.
    pub fn generate() -> Result<Zeroizing<String>, KeyFault> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyFault)?;
        let body = Zeroizing::new(data_encoding::BASE64.encode(der.as_ref()));
        let mut text = Zeroizing::new(String::with_capacity(256));
        text.push_str(PEM_BEGIN);
        for line in body.as_bytes().chunks(64) {
            text.push('\n');
            text.push_str(str::from_utf8(line).expect("base64 is ASCII"));
        }
        text.push('\n');
        text.push_str(PEM_END);
        text.push('\n');
        Ok(text)
    }

    /// Its public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0
            .public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = data_encoding::HEXLOWER.encode(&self.public_key());
        f.debug_tuple("SigningKey").field(&public).finish()
    }
}

/// The bytes in the one PEM block of `text`.
fn pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let bytes = data_encoding::BASE64.decode(body.as_bytes()).ok()?;
    Some(Zeroizing::new(bytes))
}

/// The file of approvals `file` with the approval of `document` by `approver` in it: in place of an older one of theirs
/// of the same version, or after the others, which stay as they are. `at` is told to the second.
///
/// # Errors
/// With the faults of `file`, which is not touched then.
pub fn with_approval(
    file: Option<&str>,
    document: &Document<'_>,
    approver: &Approver,
    key: &SigningKey,
    at: Timestamp,
) -> Result<String, Faults> {
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let message = message(document, &approver.name, &approver.role, at);
    let signature = data_encoding::HEXLOWER.encode(key.0.sign(&message).as_ref());
    let own = entry(
        document.version,
        &approver.name,
        &approver.role,
        &DateTimePrinter::new().timestamp_to_string(&at),
        &signature,
    );
    let mut text = format!(
        "# Approvals of the {} {}, made by fieldgate approve. A change here or there undoes them.\napprovals:\n",
        document.kind.word(),
        document.name
    );
    for other in others(file, document.version, &approver.name)? {
        text.push_str(&other);
    }
    text.push_str(&own);
    Ok(text)
}

/// The entries of `file` but that of `approver` for `version`.
fn others(file: Option<&str>, version: u32, approver: &str) -> Result<Vec<String>, Faults> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let mut faults: Vec<Fault> = Vec::new();
    let written = Reader::<ApprovalsAsWritten>::new(&[]).read("approvals", file, &mut faults);
    Faults::none_of(faults)?;
    let all = written
        .into_iter()
        .flat_map(|written| written.value.approvals);
    let kept = all.flatten().filter_map(|other| {
        let (name, of) = (other.approver?.0, other.version?);
        let text = entry(of, &name, &other.role?.0, &other.at?.0, &other.signature?.0);
        (of != version || name != approver).then_some(text)
    });
    Ok(kept.collect())
}

fn entry(version: u32, approver: &str, role: &str, at: &str, signature: &str) -> String {
    format!(
        "  - version: {version}\n    approver: {approver}\n    role: {role}\n    at: {at}\n    signature: '{signature}'\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_each_of_its_forms() {
        let text = SigningKey::generate().unwrap();
        let key = SigningKey::read(text.as_bytes()).unwrap();
        let der = pem(&text).unwrap();
        assert_eq!(
            SigningKey::read(&der).unwrap().public_key(),
            key.public_key()
        );
        // RFC 8032 §7.1, test 1.
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&SigningKey::read(&seed).unwrap().public_key()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(!format!("{key:?}").contains(&data_encoding::BASE64.encode(&der)[64..80]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let text = SigningKey::generate().unwrap();
        for wrong in [
            Vec::new(),
            vec![7; 31],
            vec![7; 33],
            text.replace("PRIVATE", "PUBLIC").into_bytes(),
            text.as_bytes()[..80].to_vec(),
        ] {
            assert!(SigningKey::read(&wrong).is_err());
        }
    }

    #[test]
    fn a_second_approval_of_a_version_takes_the_place_of_the_first() {
        let key = SigningKey::read(&[1; 32]).unwrap();
        let approver = Approver {
            name: "office".to_owned(),
            role: "dpo".to_owned(),
            public_key: key.public_key(),
        };
        let document = |version| Document {
            kind: super::super::Kind::Agreement,
            name: "falls",
            version,
            text: "a",
            tables: &[],
            sign_off: &[],
        };
        let at = "2026-03-20T10:00:00Z".parse().unwrap();
        let one = with_approval(None, &document(1), &approver, &key, at).unwrap();
        let again = with_approval(Some(&one), &document(1), &approver, &key, at).unwrap();
        assert_eq!(one, again);
        let two = with_approval(Some(&one), &document(2), &approver, &key, at).unwrap();
        assert_eq!(two.matches("approver: office").count(), 2);
        assert!(with_approval(Some("approvals: 3"), &document(1), &approver, &key, at).is_err());
    }
}
