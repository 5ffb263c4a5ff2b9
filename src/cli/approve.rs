//! `fieldgate approve`: makes an approver's key, signs a document's text, and shows what is approved.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::out::{self, Stop};
use super::secret;
use crate::agreement::{Agreement, Context, TableDigest};
use crate::approval::{Approver, DPO, Document, Kind, SigningKey, with_approval};
use crate::clock::Clock;
use crate::config::{self, Approvals, Config, ConfigFault};
use crate::keyring::{self, keep_out_of_core_dumps};
use crate::transform::Keys;

/// Bytes of a key file that are read: PKCS#8 of an Ed25519 key has some hundred.
const KEY_BYTES: u64 = 4_096;
/// Bytes of a document that are read, as when it is loaded.
const DOCUMENT_BYTES: u64 = 2 << 20;

/// Approves a document with an approver's key, makes such a key, or lists what is approved.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["document", "new_key", "list"]),
    after_help = "\
Examples:
  fieldgate approve --new-key dpo.pem
  fieldgate approve config/agreements/falls-prevention.yaml \\
      --as data-protection-office --key dpo.pem
  fieldgate approve config/register.yaml --kind register \\
      --as data-protection-office --key dpo.pem
  fieldgate approve --list --config config/fieldgate.yaml

What is signed is the text of the file, with LF line ends, what the look-up tables that it names hold, and its name,
version, approver, role and time. The signature is added to the document's NAME.approvals.yaml. Any later change of the
text or of a table undoes it.

Exit codes: 0 done; 1 the document is at fault, or the key is not the approver's; 2 wrong usage; 3 a file or
key cannot be read or written."
)]
pub struct ApproveArgs {
    /// The file of the agreement, register or charter
    #[arg(value_name = "DOCUMENT", requires_all = ["approver", "key"])]
    pub document: Option<PathBuf>,
    /// Who approves: one of the configuration's approvers
    #[arg(long = "as", value_name = "NAME")]
    pub approver: Option<String>,
    /// The approver's private key: PKCS#8 in PEM or DER form, or a seed of 32 bytes
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// What kind of document it is
    #[arg(long, value_enum, default_value_t = KindArg::Agreement)]
    pub kind: KindArg,
    /// Make a private key in this file, which must not exist, and print its public key
    #[arg(long, value_name = "FILE")]
    pub new_key: Option<PathBuf>,
    /// List every agreement, its state, and who has approved it
    #[arg(long)]
    pub list: bool,
    /// The gateway's configuration, which names the approvers
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
}

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KindArg {
    /// An agreement
    Agreement,
    /// The register
    Register,
    /// The charter, or a directorate's part of it
    Charter,
}

impl KindArg {
    fn kind(self) -> Kind {
        match self {
            Self::Agreement => Kind::Agreement,
            Self::Register => Kind::Register,
            Self::Charter => Kind::Charter,
        }
    }
}

/// Runs `fieldgate approve`.
///
/// # Errors
/// If the key is not the approver's, the document does not pass its check, or a file cannot be read or written.
pub fn run(args: &ApproveArgs) -> Result<(), Stop> {
    keep_out_of_core_dumps();
    if let Some(path) = &args.new_key {
        return new_key(path);
    }
    let now = Clock::system().now();
    let (Some(path), Some(name), Some(key)) = (&args.document, &args.approver, &args.key) else {
        return list(&args.config, now);
    };
    let config = config::load_alone(&args.config)?;
    let approvals = config.approvals.as_ref().ok_or_else(|| {
        Stop::input(format_args!(
            "{}: it has no `approvals`; write who may approve, for example approvals: {{ approvers: [{{ name: data-protection-office, role: {DPO}, public_key: … }}], required: [{DPO}] }}",
            args.config.display()
        ))
    })?;
    let approver = approvals
        .approvers
        .iter()
        .find(|approver| approver.name == *name)
        .ok_or_else(|| {
            let known: Vec<&str> = approvals
                .approvers
                .iter()
                .map(|known| known.name.as_str())
                .collect();
            Stop::input(format_args!(
                "{name} is none of the configuration's approvers; they are {}",
                known.join(", ")
            ))
        })?;
    let key = signing_key(key)?;
    if key.public_key() != approver.public_key {
        return Err(Stop::input(format_args!(
            "the key is not that of {name}: its public key is {}; sign with the right key, or have the configuration changed",
            data_encoding::HEXLOWER.encode(&key.public_key())
        )));
    }
    approve(
        path,
        args.kind.kind(),
        &config,
        approvals,
        approver,
        &key,
        now,
    )
}

fn approve(
    path: &Path,
    kind: Kind,
    config: &Config,
    approvals: &Approvals,
    approver: &Approver,
    key: &SigningKey,
    now: Timestamp,
) -> Result<(), Stop> {
    let text = read(path)?;
    let (name, version, tables) = match kind {
        Kind::Agreement => identity(path, config)?,
        Kind::Register | Kind::Charter if approver.role != DPO => {
            return Err(Stop::input(format_args!(
                "only the {DPO} approves the {}; {} approves as {}",
                kind.word(),
                approver.name,
                approver.role
            )));
        }
        Kind::Register | Kind::Charter => (kind.word().to_owned(), 0, Vec::new()),
    };
    let document = Document {
        kind,
        name: &name,
        version,
        text: &text,
        tables: &tables,
        sign_off: &[],
    };
    let file = approvals.file_of(path);
    let before = config::read_approvals(&file)
        .map_err(|message| Stop::environment(format_args!("the approvals {message}")))?;
    let after =
        with_approval(before.as_deref(), &document, approver, key, now).map_err(|faults| {
            Stop::input(format_args!(
                "{} is at fault; mend it or take it away first: {faults}",
                file.display()
            ))
        })?;
    replace(&file, &after)?;
    let version = match version {
        0 => String::new(),
        version => format!(" version {version}"),
    };
    out::line(&format!(
        "{name}{version} is approved by {} as {}, in {}",
        approver.name,
        approver.role,
        file.display()
    ))?;
    for table in &tables {
        out::line(&format!(
            "  with the table {}, SHA-256 {}",
            table.path, table.sha256
        ))?;
    }
    Ok(())
}

/// Name, version and tables of the agreement in the file at `path`, which passes its check.
fn identity(path: &Path, config: &Config) -> Result<(String, u32, Vec<TableDigest>), Stop> {
    let context = Context {
        // What was approved before may not fit any more: that is why it is approved again.
        approvals: None,
        ..config.agreement_context(Some(Keys::stand_in()))
    };
    let set = config::load_agreements(&[path.to_owned()], &context)?;
    let agreement = set
        .agreements
        .first()
        .ok_or_else(|| Stop::input(format_args!("{} holds no agreement", path.display())))?;
    Ok((
        agreement.name.to_string(),
        agreement.version,
        agreement.tables.clone(),
    ))
}

/// The document's text, as it is signed and as it is loaded.
fn read(path: &Path) -> Result<String, Stop> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(DOCUMENT_BYTES).read_to_end(&mut bytes))
        .map_err(|error| {
            Stop::environment(format_args!(
                "{}: cannot be read ({}); name the file of the document",
                path.display(),
                error.kind()
            ))
        })?;
    String::from_utf8(bytes).map_err(|_| {
        Stop::input(format_args!(
            "{}: not UTF-8 text; save the file as UTF-8",
            path.display()
        ))
    })
}

/// Puts `text` in the place of the file at `path`, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), Stop> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // What is left of it is no file of approvals.
        drop(fs::remove_file(&beside));
        Stop::environment(format_args!(
            "{}: cannot be written ({}); make its directory writable for you",
            path.display(),
            error.kind()
        ))
    })
}

fn signing_key(path: &Path) -> Result<SigningKey, Stop> {
    let file = keyring::open_private(path).map_err(ConfigFault::from)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES as usize + 1));
    file.take(KEY_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Stop::environment(format_args!(
                "{}: cannot be read ({})",
                path.display(),
                error.kind()
            ))
        })?;
    SigningKey::read(&bytes)
        .map_err(|fault| Stop::environment(format_args!("{}: {fault}", path.display())))
}

fn new_key(path: &Path) -> Result<(), Stop> {
    let text = SigningKey::generate()
        .map_err(|_| Stop::environment("this machine gives no randomness for a key"))?;
    let key = SigningKey::read(text.as_bytes()).expect("a key that was just made is one");
    secret::write_new(path, text.as_bytes())?;
    out::line(&format!(
        "public_key: {}",
        data_encoding::HEXLOWER.encode(&key.public_key())
    ))
}

fn list(config: &Path, now: Timestamp) -> Result<(), Stop> {
    let loaded = config::load_without_keys(config)?;
    for agreement in &loaded.agreements.agreements {
        out::line(&listed(agreement, now))?;
    }
    Ok(())
}

/// One line of the list: the agreement, its state, and who has approved it.
fn listed(agreement: &Agreement, now: Timestamp) -> String {
    let by: Vec<String> = agreement
        .approved
        .by()
        .iter()
        .map(|approval| {
            format!(
                "{} by {} on {}",
                approval.role, approval.approver, approval.at
            )
        })
        .collect();
    let by = if by.is_empty() {
        String::new()
    } else {
        format!("; {}", by.join(", "))
    };
    format!(
        "{} version {}: {}{by}",
        agreement.name,
        agreement.version,
        agreement.stage(now)
    )
}
