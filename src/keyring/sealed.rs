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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn name() -> OwnerName {
        OwnerName::new("falls").unwrap()
    }

    fn root() -> RootKey {
        RootKey::from_bytes([9; 32])
    }

    /// An epoch in each state, and changes that wait.
    fn owner() -> Owner {
        let secret = |byte| EpochSecret::from_bytes([byte; 32]);
        let mut owner = Owner::create(None, name(), secret(1), at(1)).unwrap();
        for epoch in 2..=4 {
            owner.rotate(secret(epoch), at(epoch.into())).unwrap();
        }
        owner.destroy(Some(1), at(5)).unwrap();
        owner.retire(2, at(6)).unwrap();
        owner
    }

    fn same(a: &Owner, b: &Owner) -> bool {
        let parts = |owner: &Owner| {
            let epochs: Vec<_> = owner
                .epochs()
                .iter()
                .map(|epoch| {
                    let secret = epoch.state.secret().map(|secret| *secret.bytes());
                    (
                        epoch.number,
                        epoch.created,
                        epoch.since,
                        epoch.state.word(),
                        secret,
                    )
                })
                .collect();
            (owner.name.clone(), epochs, owner.unentered().to_vec())
        };
        parts(a) == parts(b)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let bytes = write(&owner(), &root());
        assert!(same(&read(&name(), &bytes, &root()).unwrap(), &owner()));
        assert_eq!(write(&owner(), &root()), bytes);
        let mut entered = owner();
        let changes = entered.unentered().to_vec();
        entered.enter(&changes);
        let bytes = write(&entered, &root());
        assert!(same(&read(&name(), &bytes, &root()).unwrap(), &entered));
    }

    #[test]
    fn p7_no_secret_stands_in_the_file() {
        let bytes = write(&owner(), &root());
        let text = String::from_utf8(bytes.clone()).unwrap();
        for epoch in 1..=4_u8 {
            assert!(!text.contains(&data_encoding::HEXLOWER.encode(&[epoch; 32])));
            assert!(!bytes.windows(32).any(|window| window == [epoch; 32]));
        }
        assert_eq!(
            text.matches("\"secret\"").count(),
            3,
            "the destroyed one has none"
        );
    }

    #[test]
    fn a_file_with_any_byte_changed_added_or_cut_off_is_refused() {
        let good = write(&owner(), &root());
        for at in 0..good.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                assert!(
                    read(&name(), &bytes, &root()).is_err(),
                    "byte {at} flipped by {flip}"
                );
            }
            assert!(read(&name(), &good[..at], &root()).is_err(), "cut at {at}");
            let mut bytes = good.clone();
            bytes.insert(at, b' ');
            assert!(
                read(&name(), &bytes, &root()).is_err(),
                "a byte put in at {at}"
            );
            bytes.remove(at);
            bytes.remove(at);
            assert!(
                read(&name(), &bytes, &root()).is_err(),
                "byte {at} left out"
            );
        }
        assert!(read(&name(), &[&good[..], b"\n"].concat(), &root()).is_err());
    }

    #[test]
    fn a_file_of_another_root_key_or_another_owner_is_refused() {
        let good = write(&owner(), &root());
        let other_root = RootKey::from_bytes([8; 32]);
        assert_eq!(
            read(&name(), &good, &other_root).unwrap_err(),
            Unsealed::Seal
        );
        let other = OwnerName::new("fall").unwrap();
        assert_eq!(
            read(&other, &good, &root()).unwrap_err(),
            Unsealed::OtherOwner
        );
        for bytes in [&b""[..], b"{}", b"\0\0\0\0", &[0; 400]] {
            assert_eq!(read(&name(), bytes, &root()).unwrap_err(), Unsealed::NoFile);
        }
    }

    /// `body` sealed as it is: what only the holder of the root key can write.
    fn sealed(body: &str) -> Vec<u8> {
        let seal = seal(body.as_bytes(), &root()).finalize().into_bytes();
        let seal = data_encoding::HEXLOWER.encode(&seal);
        format!("{body}{BEFORE_SEAL}{seal}{AFTER_SEAL}").into_bytes()
    }

    #[test]
    fn a_sealed_file_that_makes_no_sense_is_refused_all_the_same() {
        let good = String::from_utf8(write(&owner(), &root())).unwrap();
        let body = good.split(BEFORE_SEAL).next().unwrap();
        assert!(read(&name(), &sealed(body), &root()).is_ok());
        let wrapped = wrap(&name(), 3, &EpochSecret::from_bytes([3; 32]), &root());
        let moved = wrap(&name(), 9, &EpochSecret::from_bytes([3; 32]), &root());
        for (from, to, error) in [
            ("\"version\":1", "\"version\":2", Unsealed::Version(2)),
            (
                "\"state\":\"current\"",
                "\"state\":\"frozen\"",
                Unsealed::NoFile,
            ),
            (
                "\"state\":\"destroyed\"",
                "\"state\":\"active\"",
                Unsealed::NoFile,
            ),
            (
                "\"state\":\"active\"",
                "\"state\":\"current\"",
                Unsealed::NoFile,
            ),
            ("keys-created", "keys-lost", Unsealed::NoFile),
            ("\"number\":4", "\"number\":5", Unsealed::NoFile),
            (wrapped.as_str(), moved.as_str(), Unsealed::NoFile),
        ] {
            assert!(body.contains(from), "{from}");
            let bytes = sealed(&body.replacen(from, to, 1));
            assert_eq!(
                read(&name(), &bytes, &root()).unwrap_err(),
                error,
                "{from} → {to}"
            );
        }
    }

    #[test]
    fn a_secret_is_wrapped_for_its_owner_and_epoch_alone() {
        let secret = EpochSecret::from_bytes([3; 32]);
        let wrapped = wrap(&name(), 3, &secret, &root());
        assert_eq!(
            *unwrap(&name(), 3, &wrapped, &root()).unwrap().bytes(),
            [3; 32]
        );
        let other = OwnerName::new("fallss").unwrap();
        assert!(unwrap(&name(), 4, &wrapped, &root()).is_none());
        assert!(unwrap(&other, 3, &wrapped, &root()).is_none());
        assert!(unwrap(&name(), 3, &wrapped, &RootKey::from_bytes([8; 32])).is_none());
        assert_eq!(
            *wrap(&name(), 3, &EpochSecret::from_bytes([3; 32]), &root()),
            *wrapped
        );
    }
}
