//! `fieldgate apply`: one body through one plan, from a file or a pipe, without a server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

mod cores;
pub(super) mod input;
mod output;
mod split;

use cores::{Cores, Leaves};
use input::Input;
use output::Output;
use split::Splitter;

use super::file;
use super::out::{self, Stop};
use crate::agreement::{self, Agreement, Disclosure};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::keyring::keep_out_of_core_dumps;
use crate::ledger::entry::tally_json;
use crate::minimise::{self, BodyError, Gate, Limits, Machine, Tally};
use crate::plan::{self, Action, BodyRules, Csv, Plan, PlanKeys, Rule, Xml};
use crate::rights::Terms;
use crate::subjects::{RightsGate, Watched};
use crate::transform::{Occasion, RootKey};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Minimises a file or a pipe by a file of rules, without a server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate apply --fields rules.yaml people.json > shared.json
  fieldgate apply --fields rules.yaml people.json -o shared.json --tally
  curl -s http://localhost:9000/adults | fieldgate apply --fields rules.yaml \\
      | jq .
  fieldgate apply --fields rules.yaml --keys root.key people.json
  fieldgate apply --fields rules.yaml --format csv people.csv.gz \\
      -o shared.csv.zst
  fieldgate apply --config config/fieldgate.yaml --agreement falls-prevention \\
      --disclosure adult sample.json

A file of rules, with the format that it is for if that is not JSON:
  format: ndjson
  fields:
    - keep: [ \"$[*].mobility\", \"$[*].household[*].relationship\" ]
    - generalise: [ \"$[*].dateOfBirth\" ]
      to: year

Files whose names end in .gz or .zst are unpacked and packed. Memory stays the same whatever the input's size.

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
    /// With --config: the rules of the request's body, not the response's
    #[arg(long, requires = "config")]
    pub request: bool,
    /// The format of the input [default: what the rules say]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// How many cores to use where the format allows it (NDJSON, CSV) [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
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
    /// One JSON document
    Json,
    /// A JSON document a line
    Ndjson,
    /// JSON documents, each behind a record separator (RFC 7464)
    JsonSeq,
    /// Server-sent events with JSON data
    EventStream,
    /// Rows of values separated by commas, or as the rules say
    Csv,
    /// Rows of values separated by tabs
    Tsv,
    /// XML
    Xml,
    /// application/x-www-form-urlencoded
    Form,
}

impl Format {
    /// The format as it is meant, with the options of `written` if that is of the same one.
    fn with_options_of(self, written: &plan::Format) -> plan::Format {
        let plain = match self {
            Self::Json => plan::Format::Json,
            Self::Ndjson => plan::Format::Ndjson,
            Self::JsonSeq => plan::Format::JsonSequence,
            Self::EventStream => plan::Format::EventStream,
            Self::Csv => plan::Format::Csv(Csv::default()),
            Self::Tsv => plan::Format::Csv(Csv {
                separator: b'\t',
                ..Csv::default()
            }),
            Self::Xml => plan::Format::Xml(Xml::default()),
            Self::Form => plan::Format::Form,
        };
        if plain.word() == written.word() {
            written.clone()
        } else {
            plain
        }
    }
}

/// What is applied.
struct Applied {
    plan: Arc<Plan>,
    zone: TimeZone,
    /// In what and by what the people of its records are looked up.
    rights: Option<Lookup>,
}

/// A store of people, and terms that all have to let a record leave.
type Lookup = (Arc<Watched>, Vec<Arc<Terms>>);

/// Runs `fieldgate apply`.
///
/// # Errors
/// As its help says.
pub fn run(args: &ApplyArgs) -> Result<(), Stop> {
    // Before a key is read.
    keep_out_of_core_dumps();
    let Applied { plan, zone, rights } = plan(args)?;
    let today = Clock::system().today(&zone);
    let occasion = Occasion {
        document: document(&plan)?,
        gate: rights.map(|(watched, terms)| {
            Arc::new(RightsGate::new(&watched, terms, today)) as Arc<dyn Gate>
        }),
        ..Occasion::from(today)
    };
    if *plan.format() == plan::Format::Multipart {
        return Err(Stop::usage(
            "a multipart body is read by the boundary that its Content-Type has, and a file has none; only the gateway takes it",
        ));
    }
    let jobs = args.jobs.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let mut input = Input::open(args.input.as_deref().filter(|path| *path != Path::new("-")))?;
    let tally = match &args.output {
        None => minimise((&plan, occasion), jobs, &mut input, &mut out::data)?,
        Some(path) => {
            let mut output = Output::begin(path)?;
            let tally = minimise((&plan, occasion), jobs, &mut input, &mut |bytes| {
                output.write(bytes)
            })?;
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

/// All of `input` through `plan` on this occasion; `leaves` takes what leaves, piece by piece.
fn minimise(
    (plan, occasion): (&Arc<Plan>, Occasion),
    jobs: usize,
    input: &mut Input,
    leaves: &mut Leaves<'_>,
) -> Result<Tally, Stop> {
    let (name, format) = (input.name.clone(), plan.format().word());
    let broken = |error: BodyError| {
        let BodyError {
            fault,
            offset,
            path,
        } = error;
        Stop::input(format_args!(
            "{name}: {format}: {fault} ({}) at byte {offset}, in {path}",
            fault.code()
        ))
    };
    match Splitter::new(plan, occasion.clone()).filter(|_| jobs > 1) {
        Some(splitter) => Cores::new(jobs).minimise(&splitter, input, &broken, leaves),
        None => one_core(
            minimise::machine(plan, "", occasion),
            input,
            &broken,
            leaves,
        ),
    }
}

/// Random bytes of this input, where the plan makes tokens from them.
fn document(plan: &Plan) -> Result<Option<[u8; 16]>, Stop> {
    if !plan.reads_document() {
        return Ok(None);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Stop::environment(format_args!("the system gives no random bytes: {error}"))
    })?;
    Ok(Some(bytes))
}

fn one_core(
    mut machine: Box<dyn Machine>,
    input: &mut Input,
    broken: &dyn Fn(BodyError) -> Stop,
    leaves: &mut Leaves<'_>,
) -> Result<Tally, Stop> {
    let mut read = vec![0; READ_BYTES];
    let mut out = Vec::with_capacity(READ_BYTES);
    loop {
        let bytes = input.read(&mut read)?;
        if bytes == 0 {
            break;
        }
        let pushed = machine.push(&read[..bytes], &mut out);
        // Also what leaves before a fault, so that it is the same however the input comes (P8).
        if !out.is_empty() {
            leaves(&out)?;
            out.clear();
        }
        pushed.map_err(broken)?;
        // Tokens of subjects are the ledger's, and there is none here.
        drop(machine.take_subjects());
    }
    let finished = machine.finish(&mut out);
    leaves(&out)?;
    finished.map_err(broken)
}

/// The plan, and the time zone whose day it is run on.
fn plan(args: &ApplyArgs) -> Result<Applied, Stop> {
    match (
        &args.fields,
        &args.config,
        &args.agreement,
        &args.disclosure,
    ) {
        (Some(fields), _, _, _) => {
            let zone = TimeZone::get("Europe/London").expect("the bundled database has this zone");
            Ok(Applied {
                plan: fields_plan(fields, args.keys.as_deref(), args.format)?,
                zone,
                rights: None,
            })
        }
        (None, Some(config), Some(agreement), Some(disclosure)) => {
            let agreed = agreed_plan(config, agreement, disclosure, args.request)?;
            let plan = &agreed.plan;
            match args.format {
                // What was agreed is of one format, and read as another it means something else.
                Some(format) if format.with_options_of(plan.format()) != *plan.format() => {
                    Err(Stop::usage(format_args!(
                        "disclosure {disclosure} is agreed for {}; leave --format out",
                        plan.format().word()
                    )))
                }
                Some(_) | None => Ok(agreed),
            }
        }
        (None, _, _, _) => Err(Stop::usage(
            "give --fields, or --config with --agreement and --disclosure",
        )),
    }
}

/// The plan of a file of rules.
fn fields_plan(
    path: &Path,
    keys: Option<&Path>,
    format: Option<Format>,
) -> Result<Arc<Plan>, Stop> {
    let name = path.display().to_string();
    let text = file::text(path)?;
    let mut rules = agreement::load_fields_with(&name, &text, &config::tables())
        .map_err(|faults| Stop::Faults(faults.to_string()))?;
    if let Some(format) = format {
        rules.format = format.with_options_of(&rules.format);
    }
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
    let is_keyed = |rule: &&Rule| match &rule.action {
        Action::Transform(transform) => transform.is_keyed(),
        Action::Keep | Action::KeepAll | Action::Drop => false,
    };
    let mut rules = rules.fields.iter().chain(&rules.names);
    rules.find(is_keyed).map(|rule| rule.line)
}

/// The plan of a disclosure's response, or of its request's body, and the controller's time zone.
fn agreed_plan(
    config: &Path,
    agreement: &str,
    disclosure: &str,
    of_request: bool,
) -> Result<Applied, Stop> {
    let loaded = config::load(config)?;
    let Some(found) = loaded.agreements.agreement(agreement) else {
        let names = loaded.agreements.agreements.iter();
        return Err(Stop::usage(format_args!(
            "{} has no agreement {agreement}; it has {}",
            config.display(),
            list(names.map(|agreement| agreement.name.as_str())),
        )));
    };
    if found.keys_destroyed {
        return Err(Stop::environment(format_args!(
            "the keys of agreement {agreement} are destroyed; nothing is released under it"
        )));
    }
    let mut disclosures = found.disclosures.iter();
    match disclosures.find(|one| one.name.as_str() == disclosure) {
        Some(one) => {
            // What leaves is the response's body, and of a push the request's.
            let plan = if of_request == one.is_push() {
                Arc::clone(&one.released)
            } else {
                one.received.clone().ok_or_else(|| {
                    let why = if of_request {
                        "takes no request body; leave --request out"
                    } else {
                        "is a push, whose answer is not passed on; give --request for what leaves"
                    };
                    Stop::usage(format_args!("disclosure {disclosure} {why}"))
                })?
            };
            let rights = rights(&loaded, found, one, config)?;
            Ok(Applied {
                plan,
                zone: loaded.config.controller.time_zone.clone(),
                rights,
            })
        }
        None => Err(Stop::usage(format_args!(
            "agreement {agreement} has no disclosure {disclosure}; it has {}",
            list(found.disclosures.iter().map(|one| one.name.as_str())),
        ))),
    }
}

/// The store in which the people of a response's records are looked up, if one is configured, and the terms of all purposes of
/// the disclosure: nobody declares one of them here, so a record leaves only if it may for each.
fn rights(
    loaded: &Loaded,
    agreement: &Agreement,
    disclosure: &Disclosure,
    config: &Path,
) -> Result<Option<Lookup>, Stop> {
    let (Some(store), Some(keys)) = (&loaded.config.subjects, &loaded.keys) else {
        return Ok(None);
    };
    let watched = Watched::at(store, keys.subjects_seal());
    if let Some(fault) = watched.fault() {
        return Err(Stop::environment(format_args!(
            "{}: the store of subjects cannot be read, so nothing is released: {fault}",
            config.display()
        )));
    }
    let terms = agreement
        .purposes
        .iter()
        .filter(|purpose| disclosure.purposes.contains(&purpose.name))
        .map(|purpose| Arc::clone(&purpose.rights))
        .collect();
    Ok(Some((watched, terms)))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    match names.collect::<Vec<_>>() {
        names if names.is_empty() => "none".to_owned(),
        names => names.join(", "),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Stop {
    Stop::environment(format_args!("cannot {what} {}: {error}", path.display()))
}
