//! `fieldgate apply`: one body through one plan, from a file or a pipe, without a server.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::out::{self, Progress, Stop};
use crate::agreement;
use crate::clock::Clock;
use crate::config;
use crate::ledger::entry::tally_json;
use crate::minimise::{self, BodyError, Limits, Machine, Tally};
use crate::plan::{Action, BodyRules, Plan, PlanKeys};
use crate::transform::{RootKey, Transform};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
/// A file of fewer bytes is done before anybody could read its progress.
const SHOWN_FROM_BYTES: u64 = 4 << 20;

/// Minimises a file or a pipe by a file of rules, without a server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate apply --fields rules.yaml people.json > shared.json
  fieldgate apply --fields rules.yaml people.json -o shared.json --tally
  curl -s http://localhost:9000/adults | fieldgate apply --fields rules.yaml | jq .
  fieldgate apply --fields rules.yaml --keys root.key people.json
  fieldgate apply --config config/fieldgate.yaml --agreement falls-prevention \\
      --disclosure adult sample.json

A file of rules:
  fields:
    - keep: [ $.mobility, \"$.household[*].relationship\" ]
    - generalise: [ $.dateOfBirth ]
      to: year

Memory stays the same whatever the input's size.

Exit codes: 0 done; 1 the rules or the input are at fault, then OUT is as it was, and what
went to standard output is not whole; 2 wrong usage; 3 a file or key cannot be used.")]
pub struct ApplyArgs {
    /// The rules: a file with `fields:`, and if wanted `record:`, `subject:`, `release_if:`
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "config",
        conflicts_with = "config"
    )]
    pub fields: Option<PathBuf>,
    /// The gateway's configuration, for the response rules of one of its agreements
    #[arg(
        long,
        value_name = "FILE",
        requires = "agreement",
        requires = "disclosure"
    )]
    pub config: Option<PathBuf>,
    /// With --config: the agreement's name
    #[arg(long, value_name = "NAME", requires = "config")]
    pub agreement: Option<String>,
    /// With --config: the disclosure's name
    #[arg(long, value_name = "NAME", requires = "config")]
    pub disclosure: Option<String>,
    /// With --fields: the root key for tokens, 64 hexadecimal digits in a file that only this user may read
    ///
    /// The tokens are like no agreement's, under the same root key too.
    #[arg(long, value_name = "FILE", requires = "fields")]
    pub keys: Option<PathBuf>,
    /// The format of the input
    #[arg(long, value_enum, default_value = "json")]
    pub format: Format,
    /// Write to this file, which changes only if all of the input was good
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Print what was kept, dropped and transformed, counted, as one JSON object to standard error
    #[arg(long)]
    pub tally: bool,
    /// What to read; standard input without it or with `-`
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
}

/// A body's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON document.
    Json,
}

/// Runs `fieldgate apply`.
///
/// # Errors
/// As its help says.
pub fn run(args: &ApplyArgs) -> Result<(), Stop> {
    let (plan, zone) = plan(args)?;
    let today = Clock::system().today(&zone);
    let machine = match args.format {
        Format::Json => minimise::machine(&plan, "", today),
    };
    let mut input = Input::open(args.input.as_deref().filter(|path| *path != Path::new("-")))?;
    let tally = match &args.output {
        None => minimise(machine, &mut input, &mut out::data)?,
        Some(path) => {
            let mut output = Output::beside(path)?;
            let tally = minimise(machine, &mut input, &mut |bytes| output.write(bytes))?;
            output.finish()?;
            tally
        }
    };
    // Takes the progress away before anything else is said.
    drop(input);
    if args.tally {
        out::say(&tally_json(&tally));
    }
    Ok(())
}

/// All of `input` through the machine; `leaves` takes what leaves, piece by piece.
fn minimise(
    mut machine: Box<dyn Machine>,
    input: &mut Input,
    leaves: &mut impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<Tally, Stop> {
    let mut read = vec![0; READ_BYTES];
    let mut out = Vec::with_capacity(READ_BYTES);
    let name = input.name.clone();
    let broken = |error: BodyError| {
        let BodyError {
            fault,
            offset,
            path,
        } = error;
        Stop::input(format_args!(
            "{name}: json: {fault} ({}) at byte {offset}, in {path}",
            fault.code()
        ))
    };
    loop {
        let bytes = input.read(&mut read)?;
        if bytes == 0 {
            break;
        }
        machine.push(&read[..bytes], &mut out).map_err(broken)?;
        if !out.is_empty() {
            leaves(&out)?;
            out.clear();
        }
        // Tokens of subjects are the ledger's, and there is none here.
        drop(machine.take_subjects());
    }
    let tally = machine.finish(&mut out).map_err(broken)?;
    leaves(&out)?;
    Ok(tally)
}

/// The plan, and the time zone whose day it is run on.
fn plan(args: &ApplyArgs) -> Result<(Arc<Plan>, TimeZone), Stop> {
    match (
        &args.fields,
        &args.config,
        &args.agreement,
        &args.disclosure,
    ) {
        (Some(fields), _, _, _) => {
            let zone = TimeZone::get("Europe/London").expect("the bundled database has this zone");
            Ok((fields_plan(fields, args.keys.as_deref())?, zone))
        }
        (None, Some(config), Some(agreement), Some(disclosure)) => {
            agreed_plan(config, agreement, disclosure)
        }
        (None, _, _, _) => Err(Stop::usage(
            "give --fields, or --config with --agreement and --disclosure",
        )),
    }
}

/// The plan of a file of rules.
fn fields_plan(path: &Path, keys: Option<&Path>) -> Result<Arc<Plan>, Stop> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        if error.kind() == ErrorKind::InvalidData {
            Stop::input(format_args!("{name}: not UTF-8 text"))
        } else {
            cannot("read", path, &error)
        }
    })?;
    let rules =
        agreement::load_fields(&name, &text).map_err(|faults| Stop::Faults(faults.to_string()))?;
    let keys = match keys {
        Some(path) => Some(config::load_root_key(path)?),
        None => None,
    };
    if let Some(line) = first_token_rule(&rules)
        && keys.is_none()
    {
        return Err(Stop::usage(format_args!(
            "{name}:{line}: tokens need a key; give --keys FILE (`openssl rand -hex 32 > FILE; chmod 600 FILE` makes one)"
        )));
    }
    let keys = PlanKeys {
        // No agreement's name is empty, so these tokens are like no agreement's.
        agreement: keys.as_ref().map(|root| root.agreement("", 1)),
        subject: keys.as_ref().map(RootKey::subject),
    };
    let plan = Plan::compile(&rules, &keys, &Limits::default()).map_err(|faults| {
        let faults: Vec<String> = faults
            .iter()
            .map(
                |fault| match fault.rule.and_then(|rule| rules.fields.get(rule)) {
                    Some(rule) => format!("{name}:{}: {fault}", rule.line),
                    None => format!("{name}: {fault}"),
                },
            )
            .collect();
        Stop::Faults(faults.join("\n"))
    })?;
    Ok(Arc::new(plan))
}

/// The line of the first rule that makes tokens.
fn first_token_rule(rules: &BodyRules) -> Option<usize> {
    rules
        .fields
        .iter()
        .find(|rule| {
            matches!(
                rule.action,
                Action::Transform(Transform::Pseudonymise { .. })
            )
        })
        .map(|rule| rule.line)
}

/// The plan of a disclosure's response, and the controller's time zone.
fn agreed_plan(
    config: &Path,
    agreement: &str,
    disclosure: &str,
) -> Result<(Arc<Plan>, TimeZone), Stop> {
    let loaded = config::load(config)?;
    let Some(found) = loaded.agreements.agreement(agreement) else {
        let names = loaded.agreements.agreements.iter();
        return Err(Stop::usage(format_args!(
            "{} has no agreement {agreement}; it has {}",
            config.display(),
            list(names.map(|agreement| agreement.name.as_str())),
        )));
    };
    let mut disclosures = found.disclosures.iter();
    match disclosures.find(|one| one.name.as_str() == disclosure) {
        Some(one) => Ok((
            Arc::clone(&one.response),
            loaded.config.controller.time_zone.clone(),
        )),
        None => Err(Stop::usage(format_args!(
            "agreement {agreement} has no disclosure {disclosure}; it has {}",
            list(found.disclosures.iter().map(|one| one.name.as_str())),
        ))),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    match names.collect::<Vec<_>>() {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}

/// Where a body comes from.
struct Input {
    name: String,
    source: Source,
    progress: Progress,
}

enum Source {
    File(File),
    Standard(io::Stdin),
}

impl Input {
    fn open(path: Option<&Path>) -> Result<Self, Stop> {
        let Some(path) = path else {
            if io::stdin().is_terminal() {
                out::say("fieldgate: reading JSON from the terminal; end it with Ctrl-D");
            }
            return Ok(Self {
                name: "standard input".to_owned(),
                source: Source::Standard(io::stdin()),
                progress: Progress::over(None),
            });
        };
        let file = File::open(path).map_err(|error| cannot("read", path, &error))?;
        let metadata = file
            .metadata()
            .map_err(|error| cannot("read", path, &error))?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self {
            name: path.display().to_string(),
            source: Source::File(file),
            progress: Progress::over(bytes.filter(|bytes| *bytes > SHOWN_FROM_BYTES)),
        })
    }

    /// Reads some bytes; 0 at the end.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        loop {
            let read = match &mut self.source {
                Source::File(file) => file.read(into),
                Source::Standard(input) => input.read(into),
            };
            match read {
                Ok(bytes) => {
                    self.progress.advance(bytes);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Stop::environment(format_args!(
                        "cannot read {}: {error}",
                        self.name
                    )));
                }
            }
        }
    }
}

/// A file that becomes `path` when it is whole, and goes away otherwise.
struct Output {
    path: PathBuf,
    /// `None` where `path` is no ordinary file (a device, a pipe) and is written to as it is.
    beside: Option<PathBuf>,
    file: File,
}

impl Output {
    fn beside(path: &Path) -> Result<Self, Stop> {
        // A link stays a link: what it leads to is what changes.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            let file = File::options()
                .write(true)
                .open(&path)
                .map_err(|error| cannot("write to", &path, &error))?;
            return Ok(Self {
                path,
                beside: None,
                file,
            });
        }
        let Some(name) = path.file_name() else {
            return Err(Stop::usage(format_args!(
                "{} is no name of a file",
                path.display()
            )));
        };
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let beside = path.with_file_name(name);
        let file = File::create_new(&beside).map_err(|error| cannot("write", &beside, &error))?;
        Ok(Self {
            path,
            beside: Some(beside),
            file,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.file
            .write_all(bytes)
            .map_err(|error| cannot("write", &self.path, &error))
    }

    /// All of it is there: gives it its name.
    fn finish(mut self) -> Result<(), Stop> {
        let Some(beside) = &self.beside else {
            return Ok(());
        };
        // Else a power cut could leave the name on a file without its end.
        self.file
            .sync_all()
            .and_then(|()| fs::rename(beside, &self.path))
            .map_err(|error| cannot("write", &self.path, &error))?;
        self.beside = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // It is only litter, and the fault that led here is what is told.
            drop(fs::remove_file(beside));
        }
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Stop {
    Stop::environment(format_args!("cannot {what} {}: {error}", path.display()))
}
