//! Keys: one root, everything else derived by HKDF-SHA-256 (RFC 5869) with length-prefixed labels.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The controller's root key: 32 bytes. Never printed.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

/// The keys of one agreement at one epoch. Never printed.
#[derive(Clone)]
pub struct AgreementKeys(Zeroizing<[u8; 32]>);

/// The controller's key for subjects in the ledger, the same for all agreements. Never printed.
#[derive(Clone)]
pub struct SubjectKey(Zeroizing<[u8; 32]>);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 hexadecimal digits.
    #[error("a root key is 64 hexadecimal digits (32 bytes); make one with `openssl rand -hex 32`")]
    NotHex,
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
        let bytes = Zeroizing::new(
            data_encoding::HEXLOWER_PERMISSIVE
                .decode(text.trim().as_bytes())
                .map_err(|_| KeyError::NotHex)?,
        );
        Ok(Self::from_bytes(
            <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| KeyError::NotHex)?,
        ))
    }

    /// The keys of the agreement named `agreement` at `epoch`.
    #[must_use]
    pub fn agreement(&self, agreement: &str, epoch: u32) -> AgreementKeys {
        AgreementKeys(derive(
            &self.0,
            &["agreement", agreement, "epoch", &epoch.to_string()],
        ))
    }

    /// The key for subjects in the ledger.
    #[must_use]
    pub fn subject(&self) -> SubjectKey {
        SubjectKey(derive(&self.0, &["ledger", "subject"]))
    }
}

impl AgreementKeys {
    /// The HMAC key for one-way tokens of `namespace`.
    #[must_use]
    pub fn pseudonym(&self, namespace: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.0, &["hmac-sha256-128", "namespace", namespace])
    }
}

impl AgreementKeys {
    /// The HMAC key by which the dates of subjects are shifted.
    #[must_use]
    pub fn date_shift(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.0, &["date-shift", "namespace", "subject"])
    }
}

impl SubjectKey {
    /// The HMAC key for subjects.
    #[must_use]
    pub fn hmac(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

/// HKDF-SHA-256 over labels, each prefixed with its length so that no two lists of labels are one text.
fn derive(key: &[u8; 32], labels: &[&str]) -> Zeroizing<[u8; 32]> {
    let mut info = Vec::new();
    for label in labels {
        info.extend_from_slice(&(label.len() as u64).to_be_bytes());
        info.extend_from_slice(label.as_bytes());
    }
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(b"fieldgate/1"), key)
        .expand(&info, out.as_mut())
        .expect("32 bytes is a length that HKDF-SHA-256 can give");
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
unprinted!(RootKey, AgreementKeys, SubjectKey);

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
        let root = RootKey::from_bytes([3; 32]);
        let keys = [
            *root.agreement("a", 1).pseudonym("person"),
            *root.agreement("a", 1).pseudonym("property"),
            *root.agreement("a", 2).pseudonym("person"),
            *root.agreement("b", 1).pseudonym("person"),
            // Lengths are part of the labels, so text moved from one to the next is another key.
            *root.agreement("a", 11).pseudonym("person"),
            *root.agreement("a1", 1).pseudonym("person"),
            *root.subject().hmac(),
            *RootKey::from_bytes([4; 32])
                .agreement("a", 1)
                .pseudonym("person"),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(one));
        }
        assert_eq!(keys[0], *root.agreement("a", 1).pseudonym("person"));
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
        let printed = format!("{root:?} {:?} {:?}", root.agreement("a", 1), root.subject());
        assert_eq!(
            printed,
            "RootKey(not printed) AgreementKeys(not printed) SubjectKey(not printed)"
        );
    }
}
