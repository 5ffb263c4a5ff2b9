//! Who approved what: Ed25519 signatures by named roles over the text that was agreed.
//!
//! A document (an agreement, the register, the charter) has beside it a file of approvals, `NAME.approvals.yaml`. Each
//! signs the document's canonical text, the file's bytes with LF line ends, together with the document's kind, name and
//! version, the tables that it names by what they hold, and with the approver, the role and the time. So a signature fits
//! nothing but what it was made for, and a changed byte is found when the file is loaded. Pure: reads no files, asks no clock.
//!
//! `check` verifies a file of approvals, `sign` makes what stands in one, `written` is the file as people see it.

mod check;
mod sign;
mod written;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::agreement::TableDigest;

pub use check::verify;
pub use sign::{KeyFault, SigningKey, with_approval};

/// The ending of a file of approvals, after the document's name.
pub const ENDING: &str = ".approvals.yaml";

/// The role that alone signs the register and the charter.
pub const DPO: &str = "dpo";

/// The first bytes of every signed message: no signature for anything else can be taken for an approval.
const DOMAIN: &[u8] = b"fieldgate approval 1\0";

/// What kind of document is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An agreement: every role that the configuration requires approves it.
    Agreement,
    /// The register of processing: the DPO approves it.
    Register,
    /// The controller's charter, or a directorate's part of it: the DPO approves it.
    Charter,
}

impl Kind {
    /// The word that is signed, and that messages use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Register => "register",
            Self::Charter => "charter",
        }
    }
}

/// What is approved.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// What kind of document it is.
    pub kind: Kind,
    /// Its name: the agreement's.
    pub name: &'a str,
    /// Its version; 0 for one that has none.
    pub version: u32,
    /// Its file's text.
    pub text: &'a str,
    /// The tables that an agreement names: what they hold is approved with it.
    pub tables: &'a [TableDigest],
    /// The roles that must have approved it beside the policy's own: those that the charter above it asks for.
    pub sign_off: &'a [String],
}

/// Somebody who may approve: a post, by its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// Its name, unique among the approvers.
    pub name: String,
    /// What it approves as, `dpo`.
    pub role: String,
    /// Its Ed25519 public key; no two approvers share one.
    pub public_key: [u8; 32],
}

/// An approval that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who approved.
    pub approver: String,
    /// As what.
    pub role: String,
    /// When, as the approver's machine had it.
    pub at: Timestamp,
}

/// Which approvals a gateway wants, and where they are.
#[derive(Clone)]
pub struct Policy {
    /// Who may approve.
    pub approvers: Vec<Approver>,
    /// The roles that must all have approved an agreement before it carries traffic.
    pub required: Vec<String>,
    /// The other documents that the DPO has to have approved.
    pub documents: Vec<Kind>,
    /// Finds a document's file of approvals.
    pub files: Files,
}

/// Finds the file of approvals of a document by the name of the document's file: the name and text of that file, or
/// none, or why it cannot be read.
#[derive(Clone)]
pub struct Files(Arc<dyn Fn(&str) -> FileFound + Send + Sync>);

/// A file's name and text, or that there is none, or why it cannot be read.
pub type FileFound = Result<Option<(String, String)>, String>;

impl Files {
    /// Files that `find` finds.
    #[must_use]
    pub fn found_by(find: impl Fn(&str) -> FileFound + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The file of approvals of the document in the file named `document`.
    ///
    /// # Errors
    /// With why it cannot be read.
    pub fn find(&self, document: &str) -> FileFound {
        (self.0)(document)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("approvers", &self.approvers)
            .field("required", &self.required)
            .field("documents", &self.documents)
            .finish_non_exhaustive()
    }
}

impl Policy {
    /// The roles that must have approved a document of `kind`.
    #[must_use]
    pub fn required(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::Agreement => self.required.clone(),
            Kind::Register | Kind::Charter if self.documents.contains(&kind) => {
                vec![DPO.to_owned()]
            }
            Kind::Register | Kind::Charter => Vec::new(),
        }
    }
}

/// How far a document is on its way to being used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Approved {
    /// Nobody asks for approvals.
    #[default]
    NotAsked,
    /// Some are missing: it carries no traffic.
    Draft {
        /// The roles that have not approved it.
        missing: Vec<String>,
        /// The approvals that it has.
        by: Vec<Approval>,
    },
    /// Every role that is asked for has approved this text.
    Approved(Vec<Approval>),
}

impl Approved {
    /// Whether it may carry traffic.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::NotAsked | Self::Approved(_) => true,
            Self::Draft { .. } => false,
        }
    }

    /// The approvals that it has.
    #[must_use]
    pub fn by(&self) -> &[Approval] {
        match self {
            Self::NotAsked => &[],
            Self::Draft { by, .. } | Self::Approved(by) => by,
        }
    }
}

/// The text that is signed: `text` with LF line ends, so that a copy through another system still is what was approved.
#[must_use]
pub fn canonical(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The message that an approval signs. Each part goes in with its length, so that no two documents have one message; one
/// without tables has that which it had before tables were approved.
fn message(document: &Document<'_>, approver: &str, role: &str, at: Timestamp) -> Vec<u8> {
    let digest = Sha256::digest(canonical(document.text).as_bytes());
    let at = at.to_string();
    let tables = document.tables.iter();
    let tables = tables.flat_map(|table| [table.path.as_bytes(), table.sha256.as_bytes()]);
    let mut message = DOMAIN.to_vec();
    let parts = [
        document.kind.word().as_bytes(),
        document.name.as_bytes(),
        &document.version.to_be_bytes(),
        approver.as_bytes(),
        role.as_bytes(),
        at.as_bytes(),
        &digest,
    ];
    for part in parts.into_iter().chain(tables) {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}
