//! A file of approvals, verified against the document that it stands beside.

use std::sync::LazyLock;

use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::written::{ApprovalAsWritten, ApprovalsAsWritten};
use super::{Approval, Approved, DPO, Document, Kind, Policy, message};
use crate::written::{Fault, Reader, Written};

/// Made once: a thousand agreements have a thousand files of approvals.
static READER: LazyLock<Reader<ApprovalsAsWritten>> = LazyLock::new(|| Reader::new(&[]));

/// Verifies the approvals of `document`, whose file is named `file`: what it has and what it lacks.
///
/// Approvals of earlier versions are history and count for nothing. A fault is: an approval that does not fit the text,
/// one of a version that the document has not reached, of somebody who may not approve, or of a role that is not theirs.
#[must_use]
pub fn verify(
    document: &Document<'_>,
    file: &str,
    policy: &Policy,
    faults: &mut Vec<Fault>,
) -> Approved {
    let mut required = policy.required(document.kind);
    for role in document.sign_off {
        if !required.contains(role) {
            required.push(role.clone());
        }
    }
    let mut by = Vec::new();
    match policy.files.find(file) {
        Ok(None) => {}
        Ok(Some((name, text))) => {
            if let Some(written) = READER.read(&name, &text, faults) {
                let checking = Checking {
                    document,
                    policy,
                    file: &written,
                };
                by = checking.approvals(faults);
            }
        }
        Err(message) => faults.push(Fault {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message: format!("its approvals {message}"),
        }),
    }
    let missing: Vec<String> = required
        .iter()
        .filter(|role| !by.iter().any(|approval: &Approval| approval.role == **role))
        .cloned()
        .collect();
    match (required.is_empty(), missing.is_empty()) {
        (true, _) => Approved::NotAsked,
        (false, true) => Approved::Approved(by),
        (false, false) => Approved::Draft { missing, by },
    }
}

struct Checking<'a> {
    document: &'a Document<'a>,
    policy: &'a Policy,
    file: &'a Written<ApprovalsAsWritten>,
}

impl Checking<'_> {
    fn approvals(&self, faults: &mut Vec<Fault>) -> Vec<Approval> {
        let mut found: Vec<Approval> = Vec::new();
        for (index, written) in self.file.value.approvals.iter().flatten().enumerate() {
            let at = format!("/approvals/{index}");
            match self.approval(written) {
                Ok(Some(approval)) => {
                    if found
                        .iter()
                        .any(|other| other.approver == approval.approver)
                    {
                        self.file.fault(
                            faults,
                            &at,
                            format!(
                                "{} approves this version twice; leave one out",
                                approval.approver
                            ),
                        );
                    }
                    found.push(approval);
                }
                Ok(None) => {}
                Err(message) => self.file.fault(faults, &at, message),
            }
        }
        found
    }

    /// The approval, if it is of this version. A key that is missing has been told and is no approval.
    fn approval(&self, written: &ApprovalAsWritten) -> Result<Option<Approval>, String> {
        let (Some(version), Some(name), Some(role), Some(at), Some(signature)) = (
            written.version,
            &written.approver,
            &written.role,
            &written.at,
            &written.signature,
        ) else {
            return Ok(None);
        };
        let document = self.document;
        let (kind, current) = (document.kind.word(), document.version);
        if version > current {
            return Err(format!(
                "this approves version {version}, and the {kind} is version {current}; bring that version back, or take the approval out"
            ));
        }
        if version < current {
            return Ok(None);
        }
        let approver = self
            .policy
            .approvers
            .iter()
            .find(|approver| approver.name == name.0)
            .ok_or_else(|| {
                format!(
                    "{} is none of the configuration's approvers; take the approval out, or add the approver",
                    name.0
                )
            })?;
        if approver.role != role.0 {
            return Err(format!(
                "{} approves as {}, not as {}; have it approved by somebody whose role it is",
                name.0, approver.role, role.0
            ));
        }
        if matches!(document.kind, Kind::Register | Kind::Charter) && role.0 != DPO {
            return Err(format!(
                "only the {DPO} approves the {kind}; take out the approval of {}",
                name.0
            ));
        }
        let at: Timestamp =
            at.0.parse()
                .map_err(|_| "`at` is an instant that the calendar does not have".to_owned())?;
        let signature = data_encoding::HEXLOWER
            .decode(signature.0.as_bytes())
            .unwrap_or_default();
        let message = message(document, &name.0, &role.0, at);
        UnparsedPublicKey::new(&ED25519, &approver.public_key)
            .verify(&message, &signature)
            .map_err(|_| {
                let (changed, back) = match document.tables {
                    [] => ("one of the two was", "text"),
                    [..] => ("one of the two, or a table that it names, was", "text and tables"),
                };
                format!(
                    "the signature of {} does not fit version {version} of the {kind}: {changed} changed since; have it approved again with fieldgate approve, or bring the approved {back} back",
                    name.0
                )
            })?;
        Ok(Some(Approval {
            approver: name.0.clone(),
            role: role.0.clone(),
            at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Approver, Files, SigningKey, with_approval};
    use super::*;

    const TEXT: &str = "agreement: falls\nversion: 3\nfields: [a]\n";

    fn key(seed: u8) -> SigningKey {
        SigningKey::read(&[seed; 32]).unwrap()
    }

    fn approver(name: &str, role: &str, seed: u8) -> Approver {
        Approver {
            name: name.to_owned(),
            role: role.to_owned(),
            public_key: key(seed).public_key(),
        }
    }

    fn policy(file: Option<String>) -> Policy {
        Policy {
            approvers: vec![approver("office", "dpo", 1), approver("care", "owner", 2)],
            required: vec!["owner".to_owned(), "dpo".to_owned()],
            documents: vec![Kind::Register],
            files: Files::found_by(move |_| {
                Ok(file
                    .clone()
                    .map(|text| ("a.approvals.yaml".to_owned(), text)))
            }),
        }
    }

    fn document(text: &str) -> Document<'_> {
        Document {
            kind: Kind::Agreement,
            name: "falls",
            version: 3,
            text,
            tables: &[],
            sign_off: &[],
        }
    }

    fn at() -> Timestamp {
        "2026-03-20T10:00:00Z".parse().unwrap()
    }

    fn signed(document: &Document<'_>) -> String {
        let file = with_approval(None, document, &approver("office", "dpo", 1), &key(1), at());
        with_approval(
            Some(&file.unwrap()),
            document,
            &approver("care", "owner", 2),
            &key(2),
            at(),
        )
        .unwrap()
    }

    fn found(document: &Document<'_>, file: Option<String>) -> (Approved, Vec<String>) {
        let mut faults = Vec::new();
        let approved = verify(document, "a.yaml", &policy(file), &mut faults);
        (
            approved,
            faults.into_iter().map(|fault| fault.message).collect(),
        )
    }

    #[test]
    fn an_agreement_is_a_draft_until_every_role_has_signed_its_text() {
        let document = document(TEXT);
        let (approved, faults) = found(&document, None);
        assert!(faults.is_empty());
        assert_eq!(
            approved,
            Approved::Draft {
                missing: vec!["owner".to_owned(), "dpo".to_owned()],
                by: Vec::new()
            }
        );
        let one = with_approval(
            None,
            &document,
            &approver("office", "dpo", 1),
            &key(1),
            at(),
        );
        let (approved, faults) = found(&document, Some(one.unwrap()));
        assert!(faults.is_empty(), "{faults:?}");
        assert!(!approved.is_usable());
        let (approved, faults) = found(&document, Some(signed(&document)));
        assert!(faults.is_empty(), "{faults:?}");
        assert!(matches!(approved, Approved::Approved(by) if by.len() == 2));
    }

    #[test]
    fn a_change_of_any_byte_of_the_text_is_found() {
        let file = signed(&document(TEXT));
        for index in 0..TEXT.len() {
            for byte in 0..=127_u8 {
                let mut bytes = TEXT.as_bytes().to_vec();
                if bytes[index] == byte {
                    continue;
                }
                bytes[index] = byte;
                let text = String::from_utf8(bytes).unwrap();
                let changed = document(&text);
                let (approved, faults) = found(&changed, Some(file.clone()));
                assert!(
                    !faults.is_empty() && !approved.is_usable(),
                    "{index} {byte}"
                );
            }
            let text = format!("{}{}", &TEXT[..index], &TEXT[index + 1..]);
            assert!(!found(&document(&text), Some(file.clone())).0.is_usable());
            let text = format!("{} {}", &TEXT[..index], &TEXT[index..]);
            assert!(!found(&document(&text), Some(file.clone())).0.is_usable());
        }
    }

    #[test]
    fn a_change_of_any_byte_of_the_approvals_approves_nothing_more() {
        let document = document(TEXT);
        let file = signed(&document);
        for index in 0..file.len() {
            for byte in [b'0', b'4', b'a', b' ', b'\n', b'#', b'x', b'}'] {
                let mut bytes = file.as_bytes().to_vec();
                bytes[index] = byte;
                let text = String::from_utf8(bytes).unwrap();
                let (approved, faults) = found(&document, Some(text.clone()));
                // What is left is what was signed, told in other white space or quotes, or less than that.
                if approved.is_usable() && faults.is_empty() {
                    for approval in approved.by() {
                        assert_eq!(approval.at, at(), "{text}");
                        assert!(["office", "care"].contains(&approval.approver.as_str()));
                    }
                }
            }
        }
    }

    #[test]
    fn line_ends_of_another_system_are_the_same_text_and_nothing_else_is() {
        let file = signed(&document(TEXT));
        let windows = TEXT.replace('\n', "\r\n");
        assert!(found(&document(&windows), Some(file.clone())).0.is_usable());
        let old = TEXT.replace('\n', "\r");
        assert!(!found(&document(&old), Some(file.clone())).0.is_usable());
        let windows = document(&windows);
        assert!(found(&document(TEXT), Some(signed(&windows))).0.is_usable());
    }

    #[test]
    fn a_signature_fits_its_document_name_version_role_and_approver_alone() {
        let file = signed(&document(TEXT));
        for other in [
            Document {
                name: "fall",
                ..document(TEXT)
            },
            Document {
                version: 2,
                ..document(TEXT)
            },
            Document {
                kind: Kind::Register,
                ..document(TEXT)
            },
            Document {
                kind: Kind::Charter,
                ..document(TEXT)
            },
        ] {
            let (_, faults) = found(&other, Some(file.clone()));
            assert!(!faults.is_empty(), "{other:?}");
        }
        // A later version is a draft again; what was approved before stays as history.
        let (approved, faults) = found(
            &Document {
                version: 4,
                ..document(TEXT)
            },
            Some(file.clone()),
        );
        assert!(faults.is_empty() && !approved.is_usable());
        for (from, to) in [
            ("role: owner", "role: dpo"),
            ("approver: care", "approver: office"),
            ("approver: care", "approver: somebody"),
            ("T10:00:00Z", "T10:00:01Z"),
        ] {
            assert!(file.contains(from), "{file}");
            let (_, faults) = found(&document(TEXT), Some(file.replace(from, to)));
            assert!(!faults.is_empty(), "{from} {to}");
        }
    }

    #[test]
    fn only_the_dpo_signs_the_register() {
        let register = Document {
            kind: Kind::Register,
            name: "register",
            version: 0,
            text: "data_sets: {}\n",
            tables: &[],
            sign_off: &[],
        };
        let by_dpo = with_approval(
            None,
            &register,
            &approver("office", "dpo", 1),
            &key(1),
            at(),
        );
        let (approved, faults) = found(&register, Some(by_dpo.unwrap()));
        assert!(faults.is_empty() && approved.is_usable() && approved != Approved::NotAsked);
        let by_owner = with_approval(
            None,
            &register,
            &approver("care", "owner", 2),
            &key(2),
            at(),
        );
        let (approved, faults) = found(&register, Some(by_owner.unwrap()));
        assert_eq!(faults.len(), 1);
        assert!(!approved.is_usable());
        // The owner's key under the DPO's name.
        let forged = with_approval(
            None,
            &register,
            &approver("office", "dpo", 2),
            &key(2),
            at(),
        );
        let (approved, faults) = found(&register, Some(forged.unwrap()));
        assert_eq!(faults.len(), 1);
        assert!(!approved.is_usable());
        assert!(!found(&register, None).0.is_usable());
    }

    #[test]
    fn approvals_that_cannot_be_read_are_a_fault() {
        let mut policy = policy(None);
        policy.files = Files::found_by(|_| Err("cannot be read".to_owned()));
        let mut faults = Vec::new();
        let approved = verify(&document(TEXT), "a.yaml", &policy, &mut faults);
        assert!(!approved.is_usable() && faults.len() == 1);
    }
}
