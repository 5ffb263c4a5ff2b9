//! A root key that a token guards: a hardware security module, or SoftHSM2, behind PKCS#11.
//!
//! The token's own key never leaves it. The root is what the token computes with it: HMAC-SHA-256 over a fixed
//! text, so that the same key always gives the same root.

use std::fmt;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::root::private_text;
use super::{RootSource, Unusable};
use crate::transform::RootKey;

/// What the token's key is asked to authenticate. Another text is another root.
const ROOT_LABEL: &[u8] = b"fieldgate/1 root key";

/// A generic secret key on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Key {
    /// The shared library that speaks PKCS#11 to the token.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label on it.
    pub key: String,
    /// A file with the user's PIN, that other users may not read.
    pub pin_file: PathBuf,
}

impl RootSource for Pkcs11Key {
    fn root(&self) -> Result<RootKey, Unusable> {
        let text = private_text(&self.pin_file)?;
        let pin = AuthPin::new(text.trim().into());
        let module = Pkcs11::new(&self.module).map_err(|_| {
            self.fault("is not a PKCS#11 library that can be loaded; name its .so file")
        })?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match module.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => {
                return Err(self.fault(format!("cannot be initialised ({})", Word(&error))));
            }
        }
        let root = self.ask(&module, &pin);
        // The next load starts anew: a token may have been taken out and put in again. Whether it could be let go
        // of changes nothing.
        drop(module.finalize());
        root
    }
}

impl Pkcs11Key {
    fn ask(&self, module: &Pkcs11, pin: &AuthPin) -> Result<RootKey, Unusable> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: Error| self.fault(format!("{what} failed ({})", Word(&error)))
        };
        let slots = module
            .get_slots_with_token()
            .map_err(failed("listing its tokens"))?;
        let slot = slots
            .into_iter()
            .find(|slot| {
                let info = module.get_token_info(*slot);
                info.is_ok_and(|info| info.label() == self.token)
            })
            .ok_or_else(|| {
                self.fault(format!(
                    "has no token `{}`; name one that it has",
                    self.token
                ))
            })?;
        let session = module
            .open_ro_session(slot)
            .map_err(failed("opening a session"))?;
        session.login(UserType::User, Some(pin)).map_err(|error| {
            Unusable::new(
                &self.pin_file,
                format!(
                    "the token `{}` does not take this PIN ({})",
                    self.token,
                    Word(&error)
                ),
            )
        })?;
        let wanted = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(self.key.clone().into_bytes()),
        ];
        let found = session
            .find_objects(&wanted)
            .map_err(failed("looking for the key"))?;
        let key = match found.as_slice() {
            [key] => *key,
            [] => {
                return Err(self.fault(format!(
                    "the token `{}` has no secret key `{}`; make a generic secret key of 32 bytes that may sign",
                    self.token, self.key
                )));
            }
            [_, _, ..] => {
                return Err(self.fault(format!(
                    "the token `{}` has several keys `{}`; give each a label of its own",
                    self.token, self.key
                )));
            }
        };
        let code = session
            .sign(&Mechanism::Sha256Hmac, key, ROOT_LABEL)
            .map(Zeroizing::new)
            .map_err(failed("HMAC-SHA-256 with the key"))?;
        let bytes = <[u8; 32]>::try_from(code.as_slice())
            .map(Zeroizing::new)
            .map_err(|_| self.fault("gave an HMAC-SHA-256 that is not 32 bytes"))?;
        Ok(RootKey::from_bytes(*bytes))
    }

    fn fault(&self, message: impl Into<String>) -> Unusable {
        Unusable::new(self.module.as_path() as &Path, message)
    }
}

/// What went wrong, in the standard's own word where the token gave one.
struct Word<'a>(&'a Error);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Error::Pkcs11(code, _) = self.0 {
            write!(f, "{}", code_word(code))
        } else {
            f.write_str("see the library's own log")
        }
    }
}

/// `PinIncorrect` and the like: the code's name, without its sentence.
fn code_word(code: &RvError) -> String {
    format!("{code:?}")
}
