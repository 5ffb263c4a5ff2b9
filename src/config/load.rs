//! The files: the only part of the configuration that reads any.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::file::{GatewayAsWritten, HINTS};
use super::{
    Config, ConfigFault, KeyPlaces, KeySource, KeyUrl, Loaded, Transport, approvals, check, layers,
    security,
};
use crate::agreement::{
    AgreementSet, Checked, Checking, Context, PartnerName, ServiceName, Source, SystemName, Tables,
};
use crate::approval::ENDING;
use crate::explained::Texts;
use crate::keyring::{self, Evidence, KeyFile, Ring, RootSource};
use crate::minimise;
use crate::transform::{Keys, RootKey};
use crate::written::{Fault, Faults, Reader, Written};

/// Files that one directory of agreements may hold.
const DIRECTORY_FILES: usize = 10_000;
/// Agreements that are worth a thread.
const FILES_PER_THREAD: usize = 16;
/// Bytes of a text file that are read; the YAML reader says what is too large.
const TEXT_BYTES: u64 = 2 << 20;
/// Bytes of a look-up table's file: several columns for each postcode there is.
const TABLE_BYTES: u64 = 256 << 20;

/// Whether the files of keys and certificates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyFiles {
    Read,
    /// A key that protects nothing stands in for the root key.
    StandIn,
}

/// Reads the configuration at `path` and everything it names.
///
/// # Errors
/// With every fault of every file ([`ConfigFault::Content`]), else with the first file that cannot be
/// read as it has to be ([`ConfigFault::Environment`]).
pub fn load(path: &Path) -> Result<Loaded, ConfigFault> {
    load_with(path, KeyFiles::Read)
}

/// As [`load`], for a reviewer where the gateway's keys and certificates are not: none of them is looked
/// at, and a key that protects nothing stands in for the root key. Never to be served.
///
/// # Errors
/// As [`load`], except for the files that are not looked at.
pub fn load_without_keys(path: &Path) -> Result<Loaded, ConfigFault> {
    load_with(path, KeyFiles::StandIn)
}

fn load_with(path: &Path, key_files: KeyFiles) -> Result<Loaded, ConfigFault> {
    let name = path.display().to_string();
    let text = match read_text(path)? {
        Ok(text) => text,
        Err(fault) => return Err(content(vec![fault])),
    };
    let mut faults = Vec::new();
    let mut sources = vec![path.to_owned()];
    let Some(file) = Reader::<GatewayAsWritten>::new(HINTS).read(&name, &text, &mut faults) else {
        return Err(content(faults));
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let config = check::check(&file, base, &mut faults);
    let texts = agreement_texts(&file, base, &mut sources, &mut faults)?;
    // Its faults were told by the check of the whole.
    let places = check::key_places(&file, base, &mut Vec::new());
    let (keys, evidence) = match keys(places.as_ref(), key_files) {
        // What is written under `keys` is at fault and that has been told; the agreements are not.
        Ok((None, evidence)) if file.value.keys.is_some() && !faults.is_empty() => {
            (Some(Keys::stand_in()), evidence)
        }
        Ok(keys) => keys,
        // Faults of content come first: they are all told, and a key that cannot be read may be one of them.
        Err(fault) if faults.is_empty() => return Err(fault),
        Err(_) => (Some(Keys::stand_in()), Evidence::default()),
    };
    // A ring's files are looked at for changes: a running gateway takes a new epoch by itself.
    sources.extend(places.and_then(|places| places.ring));
    let mut all_texts: Texts = texts.iter().map(|(_, text)| text.as_str()).collect();
    let (register, charter) = layers::load(&file, base, &mut sources, &mut all_texts, &mut faults)?;
    let files_read = Arc::default();
    let context = Context {
        tables: tables_noted(&files_read),
        approvals: approvals::check(&file, base, &mut Vec::new())
            .map(|approvals| approvals.policy(&files_read)),
        register,
        charter,
        ..context(&file, config.as_ref(), keys.as_ref())
    };
    let agreements = match load_set(&texts, &context) {
        Ok(agreements) => Some(agreements),
        Err(more) => {
            faults.extend_from_slice(more.list());
            None
        }
    };
    if let (Some(config), Some(agreements)) = (&config, &agreements) {
        security::check(&file, config, agreements, &mut faults);
    }
    sources.append(&mut files_read.lock().unwrap_or_else(PoisonError::into_inner));
    match (config, agreements) {
        (Some(config), Some(agreements)) if faults.is_empty() => {
            if key_files == KeyFiles::Read {
                certificates_readable(&config)?;
            }
            Ok(Loaded {
                config,
                agreements,
                texts: all_texts,
                keys,
                evidence,
                sources,
            })
        }
        (_, _) => Err(content(faults)),
    }
}

/// Reads the agreements at `paths` and checks them against `context`.
///
/// # Errors
/// As [`load`].
pub fn load_agreements(paths: &[PathBuf], context: &Context) -> Result<AgreementSet, ConfigFault> {
    let mut faults = Vec::new();
    let mut texts = Vec::new();
    for path in paths {
        match read_text(path)? {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(fault) => faults.push(fault),
        }
    }
    match load_set(&texts, context) {
        Ok(set) if faults.is_empty() => return Ok(set),
        Ok(_) => {}
        Err(more) => faults.extend_from_slice(more.list()),
    }
    Err(content(faults))
}

/// Checks agreements whose texts are at hand, each given with a name: its tables are looked for from the directory of that.
///
/// # Errors
/// With every fault of every text.
pub fn load_texts(texts: &[(String, String)], context: &Context) -> Result<AgreementSet, Faults> {
    load_set(texts, context)
}

/// Checks `texts`, given with their names, on all cores: with a thousand agreements it is most of what loading takes.
fn load_set(texts: &[(String, String)], context: &Context) -> Result<AgreementSet, Faults> {
    let checking = Checking::new(context);
    let check = |(name, text): &(String, String)| checking.check(&Source { name, text });
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(texts.len() / FILES_PER_THREAD).max(1);
    let mut parts = texts.chunks(texts.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    let checked = thread::scope(|scope| {
        let others: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(check).collect::<Vec<_>>()))
            .collect();
        let mut checked: Vec<Checked> = own.iter().map(check).collect();
        for other in others {
            checked.extend(other.join().unwrap_or_else(|fault| resume_unwind(fault)));
        }
        checked
    });
    AgreementSet::of(checked, context)
}

/// The JSON Schema of the gateway's configuration, for editors: what `config/schema/fieldgate.json` holds.
#[must_use]
pub fn gateway_schema() -> String {
    crate::written::schema_text::<GatewayAsWritten>()
}

fn content(faults: Vec<Fault>) -> ConfigFault {
    match Faults::none_of(faults) {
        Err(faults) => ConfigFault::Content(faults),
        Ok(()) => unreachable!("a configuration is refused with at least one fault"),
    }
}

fn environment(path: &Path, message: impl Into<String>) -> ConfigFault {
    ConfigFault::Environment {
        path: path.to_owned(),
        message: message.into(),
    }
}

/// A file's text; the inner fault is of its content.
pub(super) fn read_text(path: &Path) -> Result<Result<String, Fault>, ConfigFault> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(TEXT_BYTES).read_to_end(&mut bytes))
        .map_err(|error| {
            environment(
                path,
                format!(
                    "cannot be read ({}); name a file that this user may read",
                    reason(&error)
                ),
            )
        })?;
    Ok(String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault {
            file: path.display().to_string(),
            line,
            column: 1,
            message: "not UTF-8 text; save the file as UTF-8".to_owned(),
        }
    }))
}

/// The kind of an error in words, without the machine's error number.
fn reason(error: &std::io::Error) -> String {
    error.kind().to_string()
}

/// Name and text of each agreement's file, directories' files sorted by name.
fn agreement_texts(
    file: &Written<GatewayAsWritten>,
    base: &Path,
    sources: &mut Vec<PathBuf>,
    faults: &mut Vec<Fault>,
) -> Result<Vec<(String, String)>, ConfigFault> {
    let mut texts = Vec::new();
    // Of a thousand files each would be held against each.
    let mut known: HashSet<PathBuf> = sources.iter().cloned().collect();
    for (index, path) in file.value.agreements.iter().flatten().enumerate() {
        let pointer = format!("/agreements/{index}");
        let path = base.join(&path.0);
        let files = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                known.insert(path.clone());
                sources.push(path.clone());
                let files = yaml_files(&path)?;
                if files.len() > DIRECTORY_FILES {
                    file.fault(faults, &pointer, format!("the directory has more than {DIRECTORY_FILES} agreements; make it several"));
                    continue;
                }
                files
            }
            Ok(_) => vec![path],
            Err(error) if error.kind() == ErrorKind::NotFound => {
                file.fault(
                    faults,
                    &pointer,
                    "no such file or directory; paths are from the directory of this file",
                );
                continue;
            }
            Err(error) => {
                return Err(environment(
                    &path,
                    format!("cannot be read ({})", reason(&error)),
                ));
            }
        };
        for path in files {
            if !known.insert(path.clone()) {
                file.fault(
                    faults,
                    &pointer,
                    format!("{} is named twice; leave one out", path.display()),
                );
                continue;
            }
            match read_text(&path)? {
                Ok(text) => texts.push((path.display().to_string(), text)),
                Err(fault) => faults.push(fault),
            }
            sources.push(path);
        }
    }
    Ok(texts)
}

fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>, ConfigFault> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)?.take(4 * DIRECTORY_FILES) {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let yaml = path
                .extension()
                .is_some_and(|extension| extension == "yaml" || extension == "yml");
            let approvals = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().ends_with(ENDING.as_bytes()));
            if yaml && !hidden && !approvals && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    };
    list().map_err(|error| environment(directory, format!("cannot be read ({})", reason(&error))))
}

/// What the agreements are checked against, as far as the configuration says it.
fn context(
    file: &Written<GatewayAsWritten>,
    config: Option<&Config>,
    keys: Option<&Keys>,
) -> Context {
    let written = &file.value;
    let controller = written
        .controller
        .as_ref()
        .and_then(|controller| controller.name.as_ref());
    let partners = written.partners.as_ref().map(|partners| {
        partners
            .iter()
            .filter_map(|partner| partner.name.as_ref())
            .map(|name| PartnerName::new(&name.0))
            .collect()
    });
    let services = written.services.as_ref().map(|services| {
        services
            .iter()
            .filter_map(|service| service.name.as_ref())
            .map(|name| ServiceName::new(&name.0))
            .collect()
    });
    Context {
        controller: controller.map(|name| name.0.clone()),
        partners,
        services,
        systems: Some(
            written
                .systems
                .iter()
                .flatten()
                .filter_map(|system| system.name.as_ref())
                .map(|name| SystemName::new(&name.0))
                .collect(),
        ),
        keys: keys.cloned(),
        request_limits: config.map_or_else(minimise::Limits::default, |config| {
            config.limits.request_body.clone()
        }),
        response_limits: config.map_or_else(minimise::Limits::default, |config| {
            config.limits.response_body.clone()
        }),
        // A zone at fault has been told; the days' order does not hang on it.
        time_zone: check::time_zone(file, &mut Vec::new()),
        tables: Tables::none(),
        demand: approvals::demand(file),
        approvals: None,
        register: None,
        charter: None,
        // What is at fault in it has been told.
        subjects: Some(written.subjects.is_some()),
        as_was: None,
    }
}

/// The look-up tables that files name, each from the directory of the file that names it.
#[must_use]
pub fn tables() -> Tables {
    tables_noted(&Arc::default())
}

/// As [`tables`]; the path of each table that is read is added to `read`.
fn tables_noted(read: &Arc<Mutex<Vec<PathBuf>>>) -> Tables {
    let read = Arc::clone(read);
    Tables::read_by(move |file, table| {
        let base = Path::new(file).parent().unwrap_or(Path::new(""));
        let path = base.join(table);
        let bytes = table_bytes(&path)?;
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        if !read.contains(&path) {
            read.push(path);
        }
        Ok(bytes)
    })
}

/// A table's bytes.
fn table_bytes(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        if let Ok(metadata) = file.metadata() {
            // Read once and dropped: no room beyond what it takes.
            bytes.reserve_exact(usize::try_from(metadata.len().min(TABLE_BYTES)).unwrap_or(0));
        }
        file.take(TABLE_BYTES + 1).read_to_end(&mut bytes)
    });
    match read {
        Err(error) => Err(format!(
            "cannot be read ({}); paths are from the directory of this file",
            reason(&error)
        )),
        Ok(length) if length as u64 > TABLE_BYTES => {
            Err("is larger than 256 MiB; leave out the columns that no rule names".to_owned())
        }
        Ok(_) => Ok(bytes),
    }
}

/// The controller's keys, and what of the ring's changes no ledger has entered yet.
fn keys(
    places: Option<&KeyPlaces>,
    key_files: KeyFiles,
) -> Result<(Option<Keys>, Evidence), ConfigFault> {
    let Some(places) = places else {
        return Ok((None, Evidence::default()));
    };
    if key_files == KeyFiles::StandIn {
        return Ok((Some(Keys::stand_in()), Evidence::default()));
    }
    let root = places.root.root()?;
    let Some(directory) = &places.ring else {
        return Ok((Some(Keys::from_root(root)), Evidence::default()));
    };
    let ring = Ring::at(directory);
    let owners = ring.owners(&root)?;
    let keys = keyring::keys(&owners, root.clone());
    Ok((Some(keys), Evidence::of(ring, root, &owners)))
}

/// Reads a root key: 64 hexadecimal digits in a file that only its owner's users may read.
///
/// # Errors
/// If it cannot be read, others may read it too, or it holds anything else: [`ConfigFault::Environment`].
pub fn load_root_key(path: &Path) -> Result<RootKey, ConfigFault> {
    Ok(KeyFile(path.to_owned()).root()?)
}

/// Reads the configuration at `path` alone: neither agreements nor keys nor certificates.
///
/// # Errors
/// As [`load`], for this one file.
pub fn load_alone(path: &Path) -> Result<Config, ConfigFault> {
    let name = path.display().to_string();
    let text = read_text(path)?.map_err(|fault| content(vec![fault]))?;
    let mut faults = Vec::new();
    let base = path.parent().unwrap_or(Path::new(""));
    Reader::<GatewayAsWritten>::new(HINTS)
        .read(&name, &text, &mut faults)
        .and_then(|file| check::check(&file, base, &mut faults))
        .ok_or_else(|| content(faults))
}

/// Finds what the listeners' and services' TLS could not read, before anything is started.
fn certificates_readable(config: &Config) -> Result<(), ConfigFault> {
    let readable = |path: &Path| {
        fs::File::open(path).map(drop).map_err(|error| {
            environment(
                path,
                format!("cannot be read ({}); name a PEM file", reason(&error)),
            )
        })
    };
    for listener in &config.listen {
        match &listener.transport {
            Transport::PlainHttp => {}
            Transport::Tls(tls) => {
                readable(&tls.certificate)?;
                keyring::open_private(&tls.key)?;
                tls.client_ca.as_deref().map_or(Ok(()), readable)?;
                tls.client_crl.iter().try_for_each(|path| readable(path))?;
            }
        }
    }
    for issuer in &config.issuers {
        match &issuer.keys {
            KeySource::Url(KeyUrl { ca, .. }) => readable(ca)?,
            KeySource::File(path) => fs::File::open(path).map(drop).map_err(|error| {
                let message = format!("cannot be read ({}); name a JWK Set", reason(&error));
                environment(path, message)
            })?,
        }
    }
    if let Some(webhook) = &config.webhook {
        keyring::open_private(&webhook.secret)?;
    }
    let webhook = config.webhook.iter().map(|webhook| &webhook.service);
    for tls in config
        .services
        .iter()
        .chain(webhook)
        .filter_map(|service| service.tls.as_ref())
    {
        readable(&tls.ca)?;
        if let Some((certificate, key)) = &tls.identity {
            readable(certificate)?;
            keyring::open_private(key)?;
        }
    }
    Ok(())
}
