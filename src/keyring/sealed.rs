//! An owner's file: JSON that a person can read, with each secret wrapped and the whole sealed.
//!
//! ```text
//! {"version":1,"owner":"falls-prevention","epochs":[
//! {"number":1,"created":"…","state":"active","since":"…","secret":"…"},
//! {"number":2,"created":"…","state":"current","since":"…","secret":"…"}
//! ],"unentered":[
//! {"change":"keys-rotated","epochs":[2],"done":"…"}
//! ],"seal":"…"}
//! ```
//!
//! A secret is wrapped by AES-256-SIV (RFC 5297) with the owner's name and the epoch's number as associated
//! data: 48 bytes as 96 hexadecimal digits. The seal is HMAC-SHA-256, 64 hexadecimal digits, over every byte
//! before `,"seal":`, so that no state, number or time can be changed without the root key. Both keys come from
//! the root. Nothing of a file is believed, or read, before its seal holds.

use aes_siv::siv::Aes256Siv;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::owner::{Change, Epoch, Owner, OwnerName, State};
use crate::ledger::KeyChange;
use crate::transform::{EpochSecret, RootKey};

/// The format's version.
const VERSION: u32 = 1;
const BEFORE_SEAL: &str = ",\"seal\":\"";
const AFTER_SEAL: &str = "\"}\n";
/// A seal's hexadecimal digits.
const SEAL_DIGITS: usize = 64;

/// Why bytes are not an owner's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsealed {
    /// They do not end as such a file does.
    #[error("not a file of keys that `fieldgate keys` wrote; put back what was there")]
    NoFile,
    /// The seal does not hold.
    #[error(
        "sealed under another root key, or changed since; put the file back as it was, or name the root key that it was made with"
    )]
    Seal,
    /// It is of a later version of this format.
    #[error("of version {0} of the format, which this fieldgate does not read; use a later one")]
    Version(u32),
    /// It is another owner's.
    #[error("the file of another agreement's keys; a file of keys keeps its name")]
    OtherOwner,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAsWritten {
    version: u32,
    owner: String,
    epochs: Vec<EpochAsWritten>,
    unentered: Vec<ChangeAsWritten>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochAsWritten {
    number: u32,
    created: Timestamp,
    state: StateAsWritten,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateAsWritten {
    Current,
    Active,
    Retired,
    Destroyed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeAsWritten {
    change: String,
    epochs: Vec<u32>,
    done: Timestamp,
}

/// `owner` as its file's bytes. The same owner gives the same bytes.
pub(super) fn write(owner: &Owner, root: &RootKey) -> Vec<u8> {
    let epochs = owner.epochs().iter().map(|epoch| {
        line(&EpochAsWritten {
            number: epoch.number,
            created: epoch.created,
            state: match &epoch.state {
                State::Current(_) => StateAsWritten::Current,
                State::Active(_) => StateAsWritten::Active,
                State::Retired(_) => StateAsWritten::Retired,
                State::Destroyed => StateAsWritten::Destroyed,
            },
            since: epoch.since,
            secret: epoch
                .state
                .secret()
                .map(|secret| wrap(&owner.name, epoch.number, secret, root)),
        })
    });
    let unentered = owner.unentered().iter().map(|change| {
        line(&ChangeAsWritten {
            change: change.change.event().to_owned(),
            epochs: change.epochs.clone(),
            done: change.done,
        })
    });
    let mut text = format!(
        "{{\"version\":{VERSION},\"owner\":\"{}\",\"epochs\":[\n{}\n],\"unentered\":[\n{}\n]",
        // A name has nothing in it to escape.
        owner.name,
        epochs.collect::<Vec<_>>().join(",\n"),
        unentered.collect::<Vec<_>>().join(",\n"),
    );
    let seal = seal(text.as_bytes(), root).finalize().into_bytes();
    text.push_str(BEFORE_SEAL);
    text.push_str(&data_encoding::HEXLOWER.encode(&seal));
    text.push_str(AFTER_SEAL);
    text.into_bytes()
}

/// The owner whose file `bytes` are; it must be `name`.
///
/// # Errors
/// If they are not exactly what [`write()`] wrote for it under this root key.
pub(super) fn read(name: &OwnerName, bytes: &[u8], root: &RootKey) -> Result<Owner, Unsealed> {
    let body = opened(bytes, root)?;
    // The seal holds: this is what some version of this program wrote. What it makes no sense of is a later one's.
    #[derive(Deserialize)]
    struct VersionAlone {
        version: u32,
    }
    let mut text = body.to_vec();
    text.push(b'}');
    let version: VersionAlone = serde_json::from_slice(&text).map_err(|_| Unsealed::NoFile)?;
    if version.version != VERSION {
        return Err(Unsealed::Version(version.version));
    }
    let file: FileAsWritten = serde_json::from_slice(&text).map_err(|_| Unsealed::NoFile)?;
    if file.owner != name.as_str() {
        return Err(Unsealed::OtherOwner);
    }
    let epochs = file.epochs.into_iter().map(|written| {
        let secret = || unwrap(name, written.number, written.secret.as_deref()?, root);
        Some(Epoch {
            number: written.number,
            created: written.created,
            since: written.since,
            state: match written.state {
                StateAsWritten::Current => State::Current(secret()?),
                StateAsWritten::Active => State::Active(secret()?),
                StateAsWritten::Retired => State::Retired(secret()?),
                StateAsWritten::Destroyed => State::Destroyed,
            },
        })
    });
    let unentered = file.unentered.into_iter().map(|written| {
        let mut changes = KeyChange::ALL.into_iter();
        Some(Change {
            change: changes.find(|change| change.event() == written.change)?,
            epochs: written.epochs,
            done: written.done,
        })
    });
    let parts = epochs.collect::<Option<_>>().zip(unentered.collect());
    parts
        .and_then(|(epochs, unentered)| Owner::from_parts(name.clone(), epochs, unentered))
        .ok_or(Unsealed::NoFile)
}

/// The bytes that the seal is over, once it holds.
fn opened<'a>(bytes: &'a [u8], root: &RootKey) -> Result<&'a [u8], Unsealed> {
    let split = || {
        let rest = bytes.strip_suffix(AFTER_SEAL.as_bytes())?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(SEAL_DIGITS)?)?;
        // Lower-case digits alone: one seal has one spelling.
        let found = data_encoding::HEXLOWER.decode(digits).ok()?;
        Some((rest.strip_suffix(BEFORE_SEAL.as_bytes())?, found))
    };
    let (body, found) = split().ok_or(Unsealed::NoFile)?;
    seal(body, root)
        .verify_slice(&found)
        .map_err(|_| Unsealed::Seal)?;
    Ok(body)
}

fn seal(body: &[u8], root: &RootKey) -> Hmac<Sha256> {
    let mut state = <Hmac<Sha256> as KeyInit>::new_from_slice(&*root.sealing())
        .expect("HMAC takes a key of any length");
    state.update(body);
    state
}

/// The secret of epoch `number` of `name`, wrapped, as hexadecimal digits.
fn wrap(name: &OwnerName, number: u32, secret: &EpochSecret, root: &RootKey) -> String {
    let number = number.to_be_bytes();
    let wrapped = siv(root)
        .encrypt([name.as_str().as_bytes(), &number], secret.bytes())
        .expect("AES-SIV takes 32 bytes and two headers");
    data_encoding::HEXLOWER.encode(&wrapped)
}

fn unwrap(name: &OwnerName, number: u32, digits: &str, root: &RootKey) -> Option<EpochSecret> {
    let wrapped = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?;
    let number = number.to_be_bytes();
    let headers = [name.as_str().as_bytes(), &number];
    let secret = Zeroizing::new(siv(root).decrypt(headers, &wrapped).ok()?);
    let bytes = Zeroizing::new(<[u8; 32]>::try_from(secret.as_slice()).ok()?);
    Some(EpochSecret::from_bytes(*bytes))
}

fn siv(root: &RootKey) -> Aes256Siv {
    Aes256Siv::new_from_slice(&*root.wrapping()).expect("AES-256-SIV has a key of 64 bytes")
}

fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("numbers, times and words are JSON")
}
