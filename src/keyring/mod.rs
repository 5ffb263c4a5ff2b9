//! The keyring: where the root key comes from, and the ring of epochs on the disk.
//!
//! ```text
//! root.rs     one trait, four sources: a file, an environment variable, a credential, a token (PKCS#11)
//! owner.rs    the epochs of one agreement, and what may be done to them: values, no files
//! refused.rs  what may not, and what may instead
//! sealed.rs   those as a file's bytes and back: secrets wrapped, the whole sealed
//! ring.rs     the directory of those files, and its lock
//! replace.rs  a file in the place of another, which a kill at any point leaves whole
//! evidence.rs what was done, on its way into the ledger
//! ```
//!
//! Keys themselves are derived in [`crate::transform`]; this is the shell around them.

mod evidence;
mod memory;
mod owner;
mod pkcs11;
mod refused;
mod replace;
mod ring;
mod root;
mod sealed;

use std::path::PathBuf;

pub use evidence::Evidence;
pub use memory::keep_out_of_core_dumps;
pub use owner::{Change, Epoch, Owner, OwnerName, State};
pub use pkcs11::Pkcs11Key;
pub use refused::Refused;
pub(crate) use ring::keys;
pub use ring::{ChangeError, Ring};
pub(crate) use root::open_private;
pub use root::{Credential, KeyFile, RootPlace, RootSource, Variable};

/// The root key or the ring cannot be used as it is. Says nothing of what a key holds (P7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", place.display())]
pub struct Unusable {
    /// The file, directory or, with a `$` before it, environment variable.
    pub place: PathBuf,
    /// What is wrong with it and what to do.
    pub message: String,
}

impl Unusable {
    fn new(place: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }

    /// The system refused to do `what`.
    fn system(place: impl Into<PathBuf>, what: &str, error: &std::io::Error) -> Self {
        // The kind in words, without the machine's error number.
        Self::new(place, format!("cannot be {what} ({})", error.kind()))
    }
}
