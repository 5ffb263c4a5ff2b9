//! Where the root key comes from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Pkcs11Key, Unusable};
use crate::transform::RootKey;

/// Bytes of a key file that are read: 64 digits and white space around them.
const KEY_FILE_BYTES: u64 = 1_024;

/// Something that has the root key, or can make it.
pub trait RootSource {
    /// The root key. May ask another process or machine; called at load, never for an exchange.
    ///
    /// # Errors
    /// With what is wrong and what to do about it; never with a part of a key.
    fn root(&self) -> Result<RootKey, Unusable>;
}

/// The sources that a configuration can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootPlace {
    /// A file.
    File(KeyFile),
    /// An environment variable.
    Variable(Variable),
    /// A credential that systemd or Kubernetes hands to the service.
    Credential(Credential),
    /// A token behind PKCS#11.
    Pkcs11(Pkcs11Key),
}

/// A file of 64 hexadecimal digits that other users may not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile(pub PathBuf);

/// An environment variable of 64 hexadecimal digits. Other processes of the same user can read it: a file or a
/// credential is better where there is the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable(pub String);

/// A file of 64 hexadecimal digits in the directory that `$CREDENTIALS_DIRECTORY` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential(pub String);

impl RootSource for RootPlace {
    fn root(&self) -> Result<RootKey, Unusable> {
        match self {
            Self::File(file) => file.root(),
            Self::Variable(variable) => variable.root(),
            Self::Credential(credential) => credential.root(),
            Self::Pkcs11(key) => key.root(),
        }
    }
}

impl RootSource for KeyFile {
    fn root(&self) -> Result<RootKey, Unusable> {
        let text = private_text(&self.0)?;
        RootKey::from_hex(&text).map_err(|error| Unusable::new(&self.0, error.to_string()))
    }
}

impl RootSource for Variable {
    fn root(&self) -> Result<RootKey, Unusable> {
        Self::from_value(&self.0, std::env::var_os(&self.0))
    }
}

impl Variable {
    /// The root key that the variable `name` has as its `value`.
    fn from_value(name: &str, value: Option<OsString>) -> Result<RootKey, Unusable> {
        let place = format!("${name}");
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Err(Unusable::new(
                place,
                "is not set; it holds the root key, 64 hexadecimal digits",
            ));
        };
        let text = Zeroizing::new(value.into_encoded_bytes());
        let digits = str::from_utf8(&text).unwrap_or_default();
        RootKey::from_hex(digits).map_err(|error| Unusable::new(place, error.to_string()))
    }
}

impl RootSource for Credential {
    fn root(&self) -> Result<RootKey, Unusable> {
        self.root_in(std::env::var_os(CREDENTIALS))
    }
}

/// Where systemd, and whoever does as it does, tells a service its credentials are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

impl Credential {
    /// The root key among the credentials in `directory`.
    fn root_in(&self, directory: Option<OsString>) -> Result<RootKey, Unusable> {
        match directory.filter(|directory| !directory.is_empty()) {
            Some(directory) => KeyFile(Path::new(&directory).join(&self.0)).root(),
            None => Err(Unusable::new(
                format!("${CREDENTIALS}"),
                format!(
                    "is not set; systemd sets it for a unit with LoadCredential={}:FILE, for a container set it to where the secret is mounted",
                    self.0
                ),
            )),
        }
    }
}

/// The text of a file that holds a secret, without what is not UTF-8.
pub(super) fn private_text(path: &Path) -> Result<Zeroizing<String>, Unusable> {
    let file = File::open(path).map_err(|error| {
        let message = match error.kind() {
            ErrorKind::NotFound => {
                "is not there; make the key file, readable by this user alone".to_owned()
            }
            _ => format!(
                "cannot be read ({}); make the key file readable by this user alone",
                error.kind()
            ),
        };
        Unusable::new(path, message)
    })?;
    private(path, &file)?;
    // Room for all of it at once, so that no half-read copy stays behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES as usize + 1));
    file.take(KEY_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Unusable::system(path, "read", &error))?;
    Ok(Zeroizing::new(
        str::from_utf8(&bytes).unwrap_or_default().to_owned(),
    ))
}

/// Refuses a file that other users may read or write: a key in it is no secret any more. Its group may, since
/// mounted secrets are often readable by the group of the process alone.
pub(crate) fn private(path: &Path, file: &File) -> Result<(), Unusable> {
    let metadata = file
        .metadata()
        .map_err(|error| Unusable::system(path, "looked at", &error))?;
    if !metadata.is_file() {
        return Err(Unusable::new(path, "is not a file; name a key file"));
    }
    if metadata.mode() & 0o007 != 0 {
        return Err(Unusable::new(
            path,
            "holds a key and other users may read it; make a new key, and the file readable by this user alone (chmod 600)",
        ));
    }
    Ok(())
}
