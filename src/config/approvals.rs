//! Which approvals the gateway wants and where they are: the section `approvals` of its configuration.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::GatewayAsWritten;
use crate::agreement::Demand;
use crate::approval::{Approver, DPO, Document, ENDING, Files, Kind, Policy, verify};
use crate::written::text::{Name, PathName, Sha256Text};
use crate::written::{Fault, Written};

/// Bytes of a file of approvals that are read: a thousand approvals take less.
const FILE_BYTES: u64 = 1 << 20;

/// Who approves, and what has to be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// Where the files of approvals are; beside the documents without it.
    pub directory: Option<PathBuf>,
    /// Who may approve. Names and keys are unique.
    pub approvers: Vec<Approver>,
    /// The roles that must all have approved an agreement; each has an approver.
    pub required: Vec<String>,
    /// The other documents that the DPO has to have approved.
    pub documents: Vec<Kind>,
}

impl Approvals {
    /// The file of approvals of the document in the file `document`.
    #[must_use]
    pub fn file_of(&self, document: &Path) -> PathBuf {
        let stem = document.file_stem().unwrap_or_default();
        let mut name = stem.to_os_string();
        name.push(ENDING);
        match &self.directory {
            Some(directory) => directory.join(name),
            None => document.with_file_name(name),
        }
    }

    /// The policy that documents are verified against; the path of each file that is looked for is added to `looked`.
    pub(super) fn policy(&self, looked: &Arc<Mutex<Vec<PathBuf>>>) -> Policy {
        let own = self.clone();
        let looked = Arc::clone(looked);
        Policy {
            approvers: self.approvers.clone(),
            required: self.required.clone(),
            documents: self.documents.clone(),
            files: Files::found_by(move |document| {
                let path = own.file_of(Path::new(document));
                let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
                looked.push(path.clone());
                drop(looked);
                let text = read(&path)?;
                Ok(text.map(|text| (path.display().to_string(), text)))
            }),
        }
    }

    /// The policy that this is, for those who do not watch files.
    #[must_use]
    pub fn policy_once(&self) -> Policy {
        self.policy(&Arc::default())
    }
}

/// The text of the file of approvals at `path`; `None` if there is none.
///
/// # Errors
/// With why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened
            .and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| format!("in {} cannot be read ({})", path.display(), error.kind()))?,
    };
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("in {} are larger than 1 MiB", path.display()));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| format!("in {} are not UTF-8 text", path.display()))
}

/// Who approves, and what has to be approved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GatewayApprovals", example = serde_json::json!({ "approvers": [{ "name": "data-protection-office", "role": "dpo", "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" }], "required": ["dpo"] }))]
pub(super) struct ApprovalsAsWritten {
    /// The directory of the files of approvals. Without it each is beside what it approves.
    pub(super) directory: Option<PathName>,
    /// Who may approve.
    #[schemars(required, length(min = 1, max = 1000))]
    pub(super) approvers: Option<Vec<ApproverAsWritten>>,
    /// The roles that must all have approved an agreement before its requests are permitted.
    #[schemars(required, length(min = 1))]
    pub(super) required: Option<Vec<Name>>,
    /// Other documents that the approver whose role is dpo must have approved: register, charter.
    #[schemars(length(min = 1))]
    pub(super) documents: Option<Vec<DocumentAsWritten>>,
}

/// Somebody who may approve: a post, by its public key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Approver")]
pub(super) struct ApproverAsWritten {
    /// Its name: a post, not a person.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What it approves as.
    #[schemars(required)]
    pub(super) role: Option<Name>,
    /// Its Ed25519 public key in 64 hexadecimal digits, as fieldgate approve --new-key prints it.
    #[schemars(required)]
    pub(super) public_key: Option<Sha256Text>,
}

/// A document other than an agreement.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum DocumentAsWritten {
    Register,
    Charter,
}

/// What agreements have to state.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum TermsAsWritten {
    AsStated,
    Required,
}

/// What agreements have to state under `file`.
pub(super) fn demand(file: &Written<GatewayAsWritten>) -> Demand {
    match file.value.terms {
        None | Some(TermsAsWritten::AsStated) => Demand::AsStated,
        Some(TermsAsWritten::Required) => Demand::Required,
    }
}

/// Adds a fault unless the document `text` of `kind` in the file `name` has the DPO's approval, where `file` asks for that.
/// `key` names it in `file`. The file of approvals that was looked for is added to `sources`.
pub(super) fn document(
    file: &Written<GatewayAsWritten>,
    base: &Path,
    (key, kind): (&str, Kind),
    (name, text): (&str, &str),
    sources: &mut Vec<PathBuf>,
    faults: &mut Vec<Fault>,
) {
    // Its own faults are told by the check of the whole.
    let Some(approvals) = check(file, base, &mut Vec::new()) else {
        return;
    };
    if !approvals.documents.contains(&kind) {
        return;
    }
    let looked = Arc::default();
    let document = Document {
        kind,
        name: kind.word(),
        version: 0,
        text,
        tables: &[],
        sign_off: &[],
    };
    let before = faults.len();
    let approved = verify(&document, name, &approvals.policy(&looked), faults);
    if !approved.is_usable() && faults.len() == before {
        file.fault(
            faults,
            &format!("/{key}"),
            format!(
                "{name} is not approved by the {DPO}; have it approved with fieldgate approve {name} --kind {} --as NAME --key FILE",
                kind.word()
            ),
        );
    }
    sources.append(&mut looked.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Checks the section; relative paths are from `base`.
pub(super) fn check(
    file: &Written<GatewayAsWritten>,
    base: &Path,
    faults: &mut Vec<Fault>,
) -> Option<Approvals> {
    let written = file.value.approvals.as_ref()?;
    let mut approvers: Vec<Approver> = Vec::new();
    for (index, approver) in written.approvers.iter().flatten().enumerate() {
        let at = |key: &str| format!("/approvals/approvers/{index}/{key}");
        let (Some(name), Some(role), Some(key)) =
            (&approver.name, &approver.role, &approver.public_key)
        else {
            continue;
        };
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(key.0.as_bytes());
        let Some(public_key) = bytes.ok().and_then(|bytes| bytes.try_into().ok()) else {
            continue;
        };
        if approvers.iter().any(|other| other.name == name.0) {
            file.fault(
                faults,
                &at("name"),
                format!("a second approver `{}`; give each its own name", name.0),
            );
        }
        if let Some(other) = approvers
            .iter()
            .find(|other| other.public_key == public_key)
        {
            file.fault(
                faults,
                &at("public_key"),
                format!("this is the key of {} too; two approvals by one key are one, so give each its own", other.name),
            );
        }
        approvers.push(Approver {
            name: name.0.clone(),
            role: role.0.clone(),
            public_key,
        });
    }
    let has = |role: &str| approvers.iter().any(|approver| approver.role == role);
    let mut required: Vec<String> = Vec::new();
    for (index, role) in written.required.iter().flatten().enumerate() {
        let at = format!("/approvals/required/{index}");
        if required.contains(&role.0) {
            file.fault(
                faults,
                &at,
                format!("`{}` stands twice; leave one out", role.0),
            );
        } else if !has(&role.0) {
            file.fault(
                faults,
                &at,
                format!("no approver's role is `{}`, so that nothing could ever be approved; add one to `approvers`", role.0),
            );
        }
        required.push(role.0.clone());
    }
    let documents: Vec<Kind> = written
        .documents
        .iter()
        .flatten()
        .map(|document| match document {
            DocumentAsWritten::Register => Kind::Register,
            DocumentAsWritten::Charter => Kind::Charter,
        })
        .collect();
    if !documents.is_empty() && !has(DPO) {
        file.fault(
            faults,
            "/approvals/documents",
            format!("the {DPO} approves these, and no approver's role is `{DPO}`; add one to `approvers`"),
        );
    }
    Some(Approvals {
        directory: written.directory.as_ref().map(|path| base.join(&path.0)),
        approvers,
        required,
        documents,
    })
}
