//! Where the root key comes from.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
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

/// The text of a file that holds a secret; empty where it is not UTF-8.
pub(super) fn private_text(path: &Path) -> Result<Zeroizing<String>, Unusable> {
    let file = open_private(path)?;
    // Room for all of it at once, so that no half-read copy stays behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_FILE_BYTES as usize + 1));
    file.take(KEY_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Unusable::system(path, "read", &error))?;
    Ok(Zeroizing::new(
        str::from_utf8(&bytes).unwrap_or_default().to_owned(),
    ))
}

/// Opens a key's file that other users may neither read nor write: else what is in it is no secret any more. Its
/// group may, since mounted secrets are often readable by the group of the process alone.
///
/// # Errors
/// If it cannot be opened, is no file, or others may do anything with it.
pub(crate) fn open_private(path: &Path) -> Result<File, Unusable> {
    let file = File::open(path).map_err(|error| {
        Unusable::new(
            path,
            format!(
                "cannot be read ({}); make the key file, readable by this user alone",
                error.kind()
            ),
        )
    })?;
    private(path, &file)?;
    Ok(file)
}

/// Refuses an open file as [`open_private`] does.
pub(super) fn private(path: &Path, file: &File) -> Result<(), Unusable> {
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DIGITS: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

    /// A key file with this text and mode; and what it gives.
    fn from_file(text: &[u8], mode: u32) -> Result<RootKey, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        KeyFile(path.clone()).root().map_err(|error| {
            assert_eq!(error.place, path, "the fault names the file");
            error.message
        })
    }

    #[test]
    fn a_key_file_that_is_no_key_or_no_secret_is_refused_and_says_what_to_do() {
        let line = format!("{DIGITS}\n");
        let not_hex =
            "a root key is 64 hexadecimal digits (32 bytes); make one with `openssl rand -hex 32`";
        let open = "holds a key and other users may read it; make a new key, and the file readable by this user alone (chmod 600)";
        let long = format!("{DIGITS}00");
        let rows: [(&str, &[u8], u32, Option<&str>); 14] = [
            ("good", line.as_bytes(), 0o600, None),
            ("read-only", line.as_bytes(), 0o400, None),
            ("the group's", line.as_bytes(), 0o440, None),
            ("capitals", &DIGITS.to_uppercase().into_bytes(), 0o600, None),
            ("world-readable", line.as_bytes(), 0o644, Some(open)),
            ("world-writable", line.as_bytes(), 0o602, Some(open)),
            ("empty", b"", 0o600, Some(not_hex)),
            ("short", &DIGITS.as_bytes()[1..], 0o600, Some(not_hex)),
            (
                "one byte short",
                &DIGITS.as_bytes()[2..],
                0o600,
                Some(not_hex),
            ),
            ("long", long.as_bytes(), 0o600, Some(not_hex)),
            ("raw bytes", &[0x5a; 32], 0o600, Some(not_hex)),
            ("not UTF-8", &[0xff; 64], 0o600, Some(not_hex)),
            ("no digits", &[b'z'; 64], 0o600, Some(not_hex)),
            ("huge", &[b'5'; 1 << 20], 0o600, Some(not_hex)),
        ];
        for (name, text, mode, fault) in rows {
            assert_eq!(from_file(text, mode).err().as_deref(), fault, "{name}");
        }
    }

    #[test]
    fn a_key_file_that_is_not_there_is_refused_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let error = KeyFile(path.clone()).root().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}: cannot be read (entity not found); make the key file, readable by this user alone",
                path.display()
            )
        );
        let error = KeyFile(directory.path().to_owned()).root().unwrap_err();
        assert!(error.message.starts_with("is not a file"), "{error}");
    }

    #[test]
    fn a_variable_holds_the_digits() {
        let value = |text: &str| Variable::from_value("COUNCIL_ROOT", Some(text.into()));
        assert!(value(DIGITS).is_ok());
        assert!(value(&format!("{DIGITS}\n")).is_ok());
        assert_eq!(
            value("5a5a").unwrap_err().to_string(),
            "$COUNCIL_ROOT: a root key is 64 hexadecimal digits (32 bytes); make one with `openssl rand -hex 32`"
        );
        for unset in [None, Some(OsString::new())] {
            assert_eq!(
                Variable::from_value("COUNCIL_ROOT", unset)
                    .unwrap_err()
                    .to_string(),
                "$COUNCIL_ROOT: is not set; it holds the root key, 64 hexadecimal digits"
            );
        }
    }

    #[test]
    fn a_credential_is_a_key_file_where_the_service_manager_puts_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fieldgate-root");
        fs::write(&path, DIGITS).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        let credential = Credential("fieldgate-root".to_owned());
        let here = || Some(directory.path().as_os_str().to_owned());
        assert!(credential.root_in(here()).is_ok());
        let missing = Credential("other".to_owned()).root_in(here()).unwrap_err();
        assert_eq!(missing.place, directory.path().join("other"));
        for unset in [None, Some(OsString::new())] {
            let error = credential.root_in(unset).unwrap_err();
            assert_eq!(
                error.to_string(),
                "$CREDENTIALS_DIRECTORY: is not set; systemd sets it for a unit with LoadCredential=fieldgate-root:FILE, for a container set it to where the secret is mounted"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(credential.root_in(here()).is_err());
    }

    #[test]
    fn p7_no_fault_of_a_key_repeats_what_was_read() {
        for text in ["5a5a5a5a-canary", "canary canary", &"canary".repeat(20)] {
            let message = from_file(text.as_bytes(), 0o600).unwrap_err();
            assert!(
                !message.contains("canary") && !message.contains("5a5a"),
                "{message}"
            );
            let error = Variable::from_value("ROOT", Some(text.into())).unwrap_err();
            assert!(!error.to_string().contains("canary"));
        }
    }
}
