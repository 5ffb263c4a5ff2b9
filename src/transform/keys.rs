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
