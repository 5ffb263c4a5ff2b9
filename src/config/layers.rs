//! The register, the charter and directorates' policies: their files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::GatewayAsWritten;
use super::load::read_text;
use super::{ConfigFault, approvals};
use crate::agreement::Source;
use crate::approval::Kind;
use crate::charter::Charter;
use crate::explained::Texts;
use crate::register::Register;
use crate::written::text::PathName;
use crate::written::{Fault, Written};

type File = Written<GatewayAsWritten>;

/// The register and the charter, where there are any.
type Layers = (Option<Arc<Register>>, Option<Arc<Charter>>);

/// Reads what `file` names; the paths that are read are added to `sources`, what stands there to `texts`.
///
/// # Errors
/// With the first file that cannot be read. What is in them is told in `faults`.
pub(super) fn load(
    file: &File,
    base: &Path,
    sources: &mut Vec<PathBuf>,
    texts: &mut Texts,
    faults: &mut Vec<Fault>,
) -> Result<Layers, ConfigFault> {
    let written = &file.value;
    let mut text = |path: &PathName, faults: &mut Vec<Fault>| {
        let path = base.join(&path.0);
        let read = read_text(&path)?;
        let name = path.display().to_string();
        sources.push(path);
        Ok::<_, ConfigFault>(match read {
            Ok(text) => {
                texts.add(&text);
                Some((name, text))
            }
            Err(fault) => {
                faults.push(fault);
                None
            }
        })
    };
    let Some(path) = &written.register else {
        for (key, there) in [
            ("charter", written.charter.is_some()),
            ("directorates", written.directorates.is_some()),
        ] {
            if there {
                let message = format!(
                    "`{key}` is held against what the register has; write register: FILE too"
                );
                file.fault_at_key(faults, &format!("/{key}"), message);
            }
        }
        return Ok((None, None));
    };
    let register = text(path, faults)?;
    let charter = written
        .charter
        .as_ref()
        .map(|path| text(path, faults))
        .transpose()?
        .flatten();
    let mut directorates = Vec::new();
    for path in written.directorates.iter().flatten() {
        directorates.extend(text(path, faults)?);
    }
    let signed = [
        ("register", Kind::Register, register.as_ref()),
        ("charter", Kind::Charter, charter.as_ref()),
    ];
    let directorates_signed = directorates
        .iter()
        .map(|directorate| ("directorates", Kind::Charter, Some(directorate)));
    for (key, kind, document) in signed.into_iter().chain(directorates_signed) {
        if let Some((name, text)) = document {
            approvals::document(file, base, (key, kind), (name, text), sources, faults);
        }
    }
    let register = register.and_then(|(name, text)| match Register::load(&name, &text) {
        Ok(register) => Some(register),
        Err(found) => {
            faults.extend_from_slice(found.list());
            None
        }
    });
    let Some(register) = register else {
        return Ok((None, None));
    };
    let controller = written.controller.as_ref();
    let controller = controller.and_then(|controller| controller.name.as_ref());
    let mut of_another = |key: &str, whose: &str| {
        if let Some(own) = controller.filter(|own| own.0 != whose) {
            let message = format!(
                "it is {whose}'s, and this gateway's controller is {}",
                own.0
            );
            file.fault(faults, &format!("/{key}"), message);
        }
    };
    of_another("register", &register.controller);
    let charter = match charter {
        Some((name, text)) => {
            let directorates: Vec<Source<'_>> = directorates
                .iter()
                .map(|(name, text)| Source { name, text })
                .collect();
            let charter = Source {
                name: &name,
                text: &text,
            };
            match Charter::load(charter, &directorates, &register) {
                Ok(charter) => {
                    of_another("charter", &charter.council.name);
                    Some(Arc::new(charter))
                }
                Err(found) => {
                    faults.extend_from_slice(found.list());
                    None
                }
            }
        }
        None => {
            if written.directorates.is_some() && written.charter.is_none() {
                let message = "directorates stand under the charter; write charter: FILE too";
                file.fault_at_key(faults, "/directorates", message);
            }
            None
        }
    };
    Ok((Some(Arc::new(register)), charter))
}
