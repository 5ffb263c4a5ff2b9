//! Keys: one root, everything else derived by HKDF-SHA-256 (RFC 5869) with length-prefixed labels.
//!
//! ```text
//! root ─┬─ "agreement" OWNER "epoch" N ────────────┐
//!       │                                          ├─ ALGORITHM "namespace" NAMESPACE ─ a transform's key
//! root, secret ─ "ring" OWNER "epoch" N ───────────┘
//!       ├─ "ledger" "subject" ─ the ledger's key for subjects
//!       ├─ "subjects" "seal" ─ what seals the lines of the subjects' store
//!       └─ "ring" "wrap", "ring" "seal" ─ what wraps a ring's secrets and seals its files
//! ```
//!
//! The owner of keys is an agreement, or a group of agreements that are linked. With a ring of keys each epoch
//! has a secret of its own beside the root: once that is gone, so is the epoch, for whoever holds the root too.

use std::collections::BTreeMap;
use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The epoch of an owner's keys where no ring of keys is configured.
pub const FIRST_EPOCH: u32 = 1;

/// The controller's root key: 32 bytes. Never printed.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

/// What an epoch of a ring has beside the root: 32 random bytes. Never printed.
#[derive(Clone)]
pub struct EpochSecret(Zeroizing<[u8; 32]>);

/// The keys of one agreement, or of one group of linked agreements: the epoch under which tokens are made now,
/// and all whose tokens still resolve. Shared, cheap to clone. Never printed.
#[derive(Clone)]
pub struct AgreementKeys {
    /// At least one, by number.
    epochs: Arc<[EpochKeys]>,
    /// The place of the current one.
    current: usize,
}

/// The keys of one owner at one epoch. Shared, cheap to clone. Never printed.
#[derive(Clone)]
pub struct EpochKeys {
    number: u32,
    key: Arc<Zeroizing<[u8; 32]>>,
}

/// The controller's key for subjects in the ledger, the same for all agreements. Never printed.
#[derive(Clone)]
pub struct SubjectKey(Zeroizing<[u8; 32]>);

/// All keys of one controller, loaded: what agreements are compiled with. Never printed.
#[derive(Clone)]
pub struct Keys {
    root: RootKey,
    /// The ring's owners, `None` where all of one's epochs are destroyed. No ring: everybody has the first
    /// epoch, from the root alone.
    ring: Option<Arc<BTreeMap<String, Option<AgreementKeys>>>>,
}

/// What a derived key is for. No two algorithms ever share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// One-way tokens: HMAC-SHA-256 cut to 128 bits. [`EpochKeys::key`].
    HmacSha256,
    /// Tokens that turn back: AES-256-SIV (RFC 5297). [`EpochKeys::key_64`].
    AesSiv,
    /// Tokens of an agreed shape: FF1 with AES-256 (NIST SP 800-38G). [`EpochKeys::key`].
    Ff1,
    /// How far a subject's dates are shifted. [`EpochKeys::key`].
    Shift,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 hexadecimal digits.
    #[error("a root key is 64 hexadecimal digits (32 bytes); make one with `openssl rand -hex 32`")]
    NotHex,
}

/// Why an owner has no keys. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// The ring has none.
    #[error("no keys for {owner}; make them with `fieldgate keys create {owner}`")]
    Missing {
        /// Whose.
        owner: String,
    },
    /// The ring had them.
    #[error(
        "the keys of {owner} are destroyed; start again, under a new epoch, with `fieldgate keys create {owner}`"
    )]
    Destroyed {
        /// Whose.
        owner: String,
    },
}

impl RootKey {
    /// A key from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A key from 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let text = text.trim().as_bytes();
        // The length first: the decoder asks for room of just the right size.
        if text.len() != 64 {
            return Err(KeyError::NotHex);
        }
        data_encoding::HEXLOWER_PERMISSIVE
            .decode_mut(text, bytes.as_mut())
            .map_err(|_| KeyError::NotHex)?;
        Ok(Self(bytes))
    }

    /// The keys of the agreement named `agreement` at `epoch` alone, from the root alone: what there is without
    /// a ring.
    #[must_use]
    pub fn agreement(&self, agreement: &str, epoch: u32) -> AgreementKeys {
        let labels = ["agreement", agreement, "epoch", &epoch.to_string()];
        AgreementKeys {
            epochs: Arc::new([EpochKeys::new(epoch, derive(&*self.0, &labels))]),
            current: 0,
        }
    }

    /// The keys of `owner` at the epoch `number` of a ring: from the root and the epoch's secret, so that
    /// neither gives them without the other.
    #[must_use]
    pub fn epoch(&self, owner: &str, number: u32, secret: &EpochSecret) -> EpochKeys {
        let mut both = Zeroizing::new([0; 64]);
        both[..32].copy_from_slice(&*self.0);
        both[32..].copy_from_slice(&*secret.0);
        let labels = ["ring", owner, "epoch", &number.to_string()];
        EpochKeys::new(number, derive(&*both, &labels))
    }

    /// The key for subjects in the ledger.
    #[must_use]
    pub fn subject(&self) -> SubjectKey {
        SubjectKey(derive(&*self.0, &["ledger", "subject"]))
    }

    /// The AES-256-SIV key under which a ring's secrets are wrapped.
    #[must_use]
    pub fn wrapping(&self) -> Zeroizing<[u8; 64]> {
        derive(&*self.0, &["ring", "wrap"])
    }

    /// The HMAC key that seals the lines of the subjects' store.
    #[must_use]
    pub fn subjects_seal(&self) -> Zeroizing<[u8; 32]> {
        derive(&*self.0, &["subjects", "seal"])
    }

    /// The HMAC key that seals a ring's files.
    #[must_use]
    pub fn sealing(&self) -> Zeroizing<[u8; 32]> {
        derive(&*self.0, &["ring", "seal"])
    }
}

impl EpochSecret {
    /// A secret from its 32 bytes, which the shell draws from the machine's random source.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be wrapped.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl AgreementKeys {
    /// The keys of `epochs`, of which the one numbered `current` makes tokens and all resolve. `None` where
    /// that one is not among them, or where a number comes twice.
    #[must_use]
    pub fn new(mut epochs: Vec<EpochKeys>, current: u32) -> Option<Self> {
        epochs.sort_by_key(|epoch| epoch.number);
        if epochs
            .windows(2)
            .any(|pair| pair[0].number == pair[1].number)
        {
            return None;
        }
        Some(Self {
            current: epochs.iter().position(|epoch| epoch.number == current)?,
            epochs: epochs.into(),
        })
    }

    /// The epoch under which tokens are made now.
    #[must_use]
    pub fn current(&self) -> &EpochKeys {
        &self.epochs[self.current]
    }

    /// All epochs whose tokens resolve, the current one with them, by number; at least one.
    #[must_use]
    pub fn epochs(&self) -> &[EpochKeys] {
        &self.epochs
    }

    /// The epoch numbered `number`; `None` where its tokens do not resolve: there never was such an epoch, or it
    /// is retired or destroyed.
    #[must_use]
    pub fn epoch(&self, number: u32) -> Option<&EpochKeys> {
        self.epochs.iter().find(|epoch| epoch.number == number)
    }
}

impl EpochKeys {
    fn new(number: u32, key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            number,
            key: Arc::new(key),
        }
    }

    /// The epoch's number, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The key of 32 bytes by which `algorithm` makes tokens of `namespace`.
    #[must_use]
    pub fn key(&self, algorithm: Algorithm, namespace: &str) -> Zeroizing<[u8; 32]> {
        derive(&**self.key, &[algorithm.label(), "namespace", namespace])
    }

    /// As [`key`](Self::key) with 64 bytes, for AES-256-SIV. The two have no byte in common.
    #[must_use]
    pub fn key_64(&self, algorithm: Algorithm, namespace: &str) -> Zeroizing<[u8; 64]> {
        let labels = [algorithm.label(), "namespace", namespace, "bytes", "64"];
        derive(&**self.key, &labels)
    }
}

impl Algorithm {
    /// Its label in derivations. A change of one changes every token.
    fn label(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256-128",
            Self::AesSiv => "aes-256-siv",
            Self::Ff1 => "ff1-aes-256",
            Self::Shift => "shift",
        }
    }
}

impl SubjectKey {
    /// The HMAC key for subjects.
    #[must_use]
    pub fn hmac(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

impl Keys {
    /// Without a ring: every owner has the keys of the [`FIRST_EPOCH`], from the root alone.
    #[must_use]
    pub fn from_root(root: RootKey) -> Self {
        Self { root, ring: None }
    }

    /// With a ring: the owners in it have keys, nobody else. `None` for an owner whose epochs are all destroyed.
    #[must_use]
    pub fn from_ring(root: RootKey, owners: BTreeMap<String, Option<AgreementKeys>>) -> Self {
        Self {
            root,
            ring: Some(Arc::new(owners)),
        }
    }

    /// Keys that protect nothing, for checks where the controller's are not at hand. Everybody has them.
    #[must_use]
    pub fn stand_in() -> Self {
        Self::from_root(RootKey::from_bytes([0; 32]))
    }

    /// The keys of `owner`: an agreement's name, or that of a group of linked agreements.
    ///
    /// # Errors
    /// If the ring has none, or none any more.
    pub fn of(&self, owner: &str) -> Result<AgreementKeys, NoKeys> {
        let Some(ring) = &self.ring else {
            return Ok(self.root.agreement(owner, FIRST_EPOCH));
        };
        let owner = || owner.to_owned();
        match ring.get(&owner()) {
            Some(Some(keys)) => Ok(keys.clone()),
            Some(None) => Err(NoKeys::Destroyed { owner: owner() }),
            None => Err(NoKeys::Missing { owner: owner() }),
        }
    }

    /// The key for subjects in the ledger, which hangs on the root alone: an account outlives the epochs.
    #[must_use]
    pub fn subject(&self) -> SubjectKey {
        self.root.subject()
    }

    /// The HMAC key that seals the lines of the subjects' store: from the root alone, as the tokens in it.
    #[must_use]
    pub fn subjects_seal(&self) -> Zeroizing<[u8; 32]> {
        self.root.subjects_seal()
    }
}

/// HKDF-SHA-256 over labels, each prefixed with its length so that no two lists of labels are one text. The
/// salt names the scheme and its version.
fn derive<const N: usize>(key: &[u8], labels: &[&str]) -> Zeroizing<[u8; N]> {
    let mut info = Vec::new();
    for label in labels {
        info.extend_from_slice(&(label.len() as u64).to_be_bytes());
        info.extend_from_slice(label.as_bytes());
    }
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(b"fieldgate/1"), key)
        .expand(&info, out.as_mut())
        .expect("32 and 64 bytes are lengths that HKDF-SHA-256 can give");
    out
}

macro_rules! unprinted {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(not printed)"))
            }
        }
    )*};
}
unprinted!(
    RootKey,
    EpochSecret,
    AgreementKeys,
    EpochKeys,
    SubjectKey,
    Keys
);

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn hkdf_sha_256_gives_the_vectors_of_rfc_5869() {
        // Appendix A.1 to A.3: input key, salt, info, output.
        type Row = (Vec<u8>, Vec<u8>, Vec<u8>, &'static str);
        let rows: [Row; 3] = [
            (
                vec![0x0b; 22],
                (0x00..=0x0c).collect(),
                (0xf0..=0xf9).collect(),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                (0x00..=0x4f).collect(),
                (0x60..=0xaf).collect(),
                (0xb0..=0xff).collect(),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                 59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                 cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                Vec::new(),
                Vec::new(),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ];
        for (number, (input, salt, info, output)) in rows.into_iter().enumerate() {
            let expected = hex(output);
            let mut out = vec![0; expected.len()];
            Hkdf::<Sha256>::new(Some(&salt), &input)
                .expand(&info, &mut out)
                .unwrap();
            assert_eq!(out, expected, "test case {}", number + 1);
        }
    }

    #[test]
    fn every_label_changes_the_key() {
        use Algorithm::{AesSiv, Ff1, HmacSha256, Shift};
        let root = RootKey::from_bytes([3; 32]);
        let alone =
            |agreement: &str, epoch: u32| root.agreement(agreement, epoch).current().clone();
        let ring = |owner: &str, epoch: u32, secret: u8| {
            root.epoch(owner, epoch, &EpochSecret::from_bytes([secret; 32]))
        };
        let keys = [
            *alone("a", 1).key(HmacSha256, "person"),
            *alone("a", 1).key(HmacSha256, "property"),
            *alone("a", 1).key(AesSiv, "person"),
            *alone("a", 1).key(Ff1, "person"),
            *alone("a", 1).key(Shift, "person"),
            *alone("a", 2).key(HmacSha256, "person"),
            *alone("b", 1).key(HmacSha256, "person"),
            // Lengths are part of the labels, so text moved from one to the next is another key.
            *alone("a", 11).key(HmacSha256, "person"),
            *alone("a1", 1).key(HmacSha256, "person"),
            *ring("a", 1, 5).key(HmacSha256, "person"),
            *ring("a", 1, 6).key(HmacSha256, "person"),
            *ring("a", 2, 5).key(HmacSha256, "person"),
            *ring("b", 1, 5).key(HmacSha256, "person"),
            // A secret of zeros is not the same as none.
            *ring("a", 1, 0).key(HmacSha256, "person"),
            *root.subject().hmac(),
            *root.wrapping().first_chunk().unwrap(),
            *root.sealing(),
            *alone("a", 1)
                .key_64(HmacSha256, "person")
                .first_chunk()
                .unwrap(),
            *RootKey::from_bytes([4; 32])
                .agreement("a", 1)
                .current()
                .key(HmacSha256, "person"),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(one), "key {index} comes twice");
        }
        assert_eq!(keys[0], *alone("a", 1).key(HmacSha256, "person"));
        assert_eq!(keys[9], *ring("a", 1, 5).key(HmacSha256, "person"));
    }

    #[test]
    fn a_key_is_hkdf_over_labels_with_their_lengths() {
        let info = |labels: &[&str]| -> Vec<u8> {
            labels
                .iter()
                .flat_map(|label| {
                    let length = u64::try_from(label.len()).unwrap().to_be_bytes();
                    length.into_iter().chain(label.bytes())
                })
                .collect()
        };
        let expand = |key: &[u8], labels: &[&str]| {
            let mut out = [0; 32];
            Hkdf::<Sha256>::new(Some(b"fieldgate/1"), key)
                .expand(&info(labels), &mut out)
                .unwrap();
            out
        };
        let namespace = ["hmac-sha256-128", "namespace", "person"];
        let root = RootKey::from_bytes([3; 32]);
        let alone = expand(&[3; 32], &["agreement", "falls", "epoch", "7"]);
        assert_eq!(
            *root
                .agreement("falls", 7)
                .current()
                .key(Algorithm::HmacSha256, "person"),
            expand(&alone, &namespace)
        );
        let both: Vec<u8> = [[3; 32], [5; 32]].concat();
        let ring = expand(&both, &["ring", "falls", "epoch", "7"]);
        assert_eq!(
            *root
                .epoch("falls", 7, &EpochSecret::from_bytes([5; 32]))
                .key(Algorithm::HmacSha256, "person"),
            expand(&ring, &namespace)
        );
    }

    #[test]
    fn an_epoch_is_found_by_its_number_while_it_resolves() {
        let root = RootKey::from_bytes([3; 32]);
        let epoch = |number: u32| root.epoch("a", number, &EpochSecret::from_bytes([5; 32]));
        let keys = AgreementKeys::new(vec![epoch(4), epoch(2), epoch(3)], 3).unwrap();
        assert_eq!(keys.current().number(), 3);
        let numbers: Vec<u32> = keys.epochs().iter().map(EpochKeys::number).collect();
        assert_eq!(numbers, [2, 3, 4]);
        for (number, resolves) in [
            (0, false),
            (1, false),
            (2, true),
            (3, true),
            (4, true),
            (5, false),
        ] {
            let found = keys.epoch(number);
            assert_eq!(found.map(EpochKeys::number), resolves.then_some(number));
        }
        assert!(AgreementKeys::new(vec![epoch(2), epoch(2)], 2).is_none());
        assert!(AgreementKeys::new(vec![epoch(2)], 1).is_none());
        assert!(AgreementKeys::new(Vec::new(), 1).is_none());
    }

    #[test]
    fn with_a_ring_nobody_has_keys_who_is_not_in_it() {
        let root = RootKey::from_bytes([3; 32]);
        let there = AgreementKeys::new(
            vec![root.epoch("there", 2, &EpochSecret::from_bytes([5; 32]))],
            2,
        );
        let keys = Keys::from_ring(
            root.clone(),
            BTreeMap::from([("there".to_owned(), there), ("gone".to_owned(), None)]),
        );
        assert_eq!(keys.of("there").unwrap().current().number(), 2);
        let texts: Vec<String> = ["new", "gone"]
            .map(|owner| keys.of(owner).unwrap_err().to_string())
            .into();
        assert_eq!(
            texts,
            [
                "no keys for new; make them with `fieldgate keys create new`",
                "the keys of gone are destroyed; start again, under a new epoch, with `fieldgate keys create gone`",
            ]
        );
        let without = Keys::from_root(root).of("new").unwrap();
        assert_eq!(without.current().number(), FIRST_EPOCH);
    }

    #[test]
    fn a_root_key_is_64_hexadecimal_digits() {
        let digits = "0aB1".repeat(16);
        assert!(RootKey::from_hex(&digits).is_ok());
        assert!(RootKey::from_hex(&format!(" {digits}\n")).is_ok());
        for text in [
            "",
            "0a",
            &digits[1..],
            &format!("{digits}00"),
            &"zz".repeat(32),
        ] {
            assert_eq!(RootKey::from_hex(text).unwrap_err(), KeyError::NotHex);
        }
    }

    #[test]
    fn p7_no_key_is_printed() {
        let root = RootKey::from_bytes([3; 32]);
        let secret = EpochSecret::from_bytes([5; 32]);
        let keys = root.agreement("a", 1);
        let printed = format!(
            "{root:?} {secret:?} {keys:?} {:?} {:?} {:?}",
            keys.current(),
            root.subject(),
            Keys::stand_in(),
        );
        assert_eq!(
            printed,
            "RootKey(not printed) EpochSecret(not printed) AgreementKeys(not printed) EpochKeys(not printed) \
             SubjectKey(not printed) Keys(not printed)"
        );
    }
}
