//! The register, the charter and directorates' policies: their files, and what they ask of the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::GatewayAsWritten;
use super::load::read_text;
use super::{Config, ConfigFault, Partner, Transport, approvals};
use crate::agreement::{AgreementSet, PartnerName, Source};
use crate::approval::Kind;
use crate::charter::{Charter, Layer};
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

/// Adds a fault wherever the configuration is less than the layers ask for.
pub(super) fn security(
    file: &File,
    config: &Config,
    agreements: &AgreementSet,
    faults: &mut Vec<Fault>,
) {
    let (Some(register), Some(charter)) = (&agreements.register, &agreements.charter) else {
        return;
    };
    if let Some(layer) = charter.layers().find(|layer| layer.terms.tls) {
        for (index, listener) in config.listen.iter().enumerate() {
            match listener.transport {
                Transport::Tls(_) => {}
                Transport::PlainHttp => {
                    let message = format!(
                        "`{}` asks for TLS on every listener (security: tls); write tls: {{ certificate: FILE, key: FILE }}",
                        layer.name
                    );
                    file.fault(faults, &format!("/listen/{index}"), message);
                }
            }
        }
        delivered_by_tls(file, config, agreements, &layer.name, faults);
    }
    let above = |owner: &str| -> &Layer { charter.layer(owner) };
    let mut certified: BTreeSet<&PartnerName> = BTreeSet::new();
    for agreement in &agreements.agreements {
        for disclosure in &agreement.disclosures {
            let data_set = disclosure.data_set.as_deref();
            let data_set = data_set.and_then(|name| register.data_set(name));
            let asks =
                data_set.is_some_and(|data_set| above(&data_set.owner).terms.client_certificates);
            if asks {
                certified.insert(&agreement.partner);
            }
        }
    }
    let unbound = |partner: &Partner| {
        let mut tokens = partner.access_tokens.iter();
        tokens.any(|token| {
            let mut issuers = config.issuers.iter();
            !issuers.any(|issuer| issuer.name == token.issuer && issuer.bound)
        })
    };
    for (index, partner) in config.partners.iter().enumerate() {
        if certified.contains(&partner.name) && unbound(partner) {
            let message = format!(
                "the charter asks that {} is known by certificates alone (security: client_certificates); leave the tokens out, or write bound: required at their issuer",
                partner.name
            );
            let pointer = format!("/partners/{index}/identify/access_tokens");
            file.fault(faults, &pointer, message);
        }
        if certified.contains(&partner.name) && !partner.api_keys.is_empty() {
            let message = format!(
                "the charter asks that {} is known by certificates alone (security: client_certificates); leave the keys out",
                partner.name
            );
            file.fault(
                faults,
                &format!("/partners/{index}/identify/api_keys"),
                message,
            );
        }
    }
}

/// Adds a fault at each service that a push goes to without TLS, which the layer named `asks` asks for.
fn delivered_by_tls(
    file: &File,
    config: &Config,
    agreements: &AgreementSet,
    asks: &str,
    faults: &mut Vec<Fault>,
) {
    for (index, service) in config.services.iter().enumerate() {
        let mut pushes = agreements
            .agreements
            .iter()
            .flat_map(|agreement| &agreement.disclosures)
            .filter(|disclosure| disclosure.is_push() && disclosure.service == service.name);
        if let (Some(push), false) = (pushes.next(), service.https) {
            let message = format!(
                "`{asks}` asks for TLS (security: tls), and `{}` is pushed here; write https",
                push.name
            );
            file.fault(faults, &format!("/services/{index}/url"), message);
        }
    }
}
