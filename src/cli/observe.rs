//! `fieldgate observe`: what fields a sample has, without any value.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::file;
use super::out::{self, Stop};
use crate::config;
use crate::explained::observe::Inventory;
use crate::explained::unused::{Use, uses as uses_of};

/// The largest sample.
const SAMPLE_BYTES: u64 = 256 << 20;

/// Lists the fields of a sample and the types of their values, never a value.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate observe adults.json
  fieldgate observe --format ndjson --json extract.ndjson > inventory.json
  fieldgate observe adult.json --config config/fieldgate.yaml \\
      --agreement falls-prevention --disclosure adult

For a register of what a service holds, and for finding fields that are always empty. Names that look like
data (digits, addresses, names of objects with very many members) stand as *. A name that looks like a
field's is told, so look through the list where a service uses people's names as names.

Exit codes: 0 listed; 1 the sample is at fault; 2 wrong usage; 3 it cannot be read.")]
pub struct ObserveArgs {
    /// The sample
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// Its format
    #[arg(long, value_enum, default_value_t = SampleFormat::Json)]
    pub format: SampleFormat,
    /// The gateway's configuration, whose rules the sample is held against
    #[arg(long, value_name = "FILE", requires_all = ["agreement", "disclosure"])]
    pub config: Option<PathBuf>,
    /// The agreement
    #[arg(long, value_name = "NAME", requires = "config")]
    pub agreement: Option<String>,
    /// The disclosure, whose fields that are never there are listed
    #[arg(long, value_name = "NAME", requires = "config")]
    pub disclosure: Option<String>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The format of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SampleFormat {
    /// A JSON document.
    Json,
    /// JSON documents, one a line.
    Ndjson,
}

/// Runs `fieldgate observe`.
///
/// # Errors
/// If the sample is at fault or cannot be read.
pub fn run(args: &ObserveArgs) -> Result<(), Stop> {
    let name = args.input.display();
    let mut bytes = Vec::new();
    fs::File::open(&args.input)
        .and_then(|file| file.take(SAMPLE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| file::unread(&name, &error))?;
    if bytes.len() as u64 > SAMPLE_BYTES {
        return Err(Stop::input(format_args!(
            "{name}: a sample has at most {} MiB",
            SAMPLE_BYTES >> 20
        )));
    }
    // The message of a parser may hold what it stands before; its place is enough.
    let broken = |line: usize, column: usize| {
        Stop::input(format_args!(
            "{name}: not JSON at line {line}, column {column}"
        ))
    };
    let mut inventory = Inventory::default();
    match args.format {
        SampleFormat::Json => {
            let document: Value = serde_json::from_slice(&bytes)
                .map_err(|error| broken(error.line(), error.column()))?;
            inventory.add(&document);
        }
        SampleFormat::Ndjson => {
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let mut deserializer = serde_json::Deserializer::from_slice(line);
                let document = Value::deserialize(&mut deserializer)
                    .and_then(|document| deserializer.end().map(|()| document))
                    .map_err(|error| broken(index + 1, error.column()))?;
                inventory.add(&Value::Array(vec![document]));
            }
        }
    }
    let uses = uses(args, &bytes)?;
    if args.json {
        let mut object = inventory.json();
        if args.disclosure.is_some() {
            object["fields"] = uses.iter().map(Use::json).collect();
        }
        return out::line(&object.to_string());
    }
    let mut text = inventory.text();
    for unused in uses.iter().filter(|field| field.is_unused()) {
        text.push_str(&format!("unused: {}\n", unused.text()));
    }
    out::data(text.as_bytes())
}

/// How often the fields of the disclosure that is named were in the sample.
fn uses(args: &ObserveArgs, bytes: &[u8]) -> Result<Vec<Use>, Stop> {
    let (Some(config), Some(agreement), Some(disclosure)) =
        (&args.config, &args.agreement, &args.disclosure)
    else {
        return Ok(Vec::new());
    };
    let loaded = config::load_without_keys(config)?;
    let disclosure = loaded
        .agreements
        .agreement(agreement)
        .and_then(|agreement| {
            let mut all = agreement.disclosures.iter();
            all.find(|one| one.name.as_str() == disclosure)
        });
    let Some(disclosure) = disclosure else {
        return Err(Stop::usage(format_args!(
            "{} has no such agreement with such a disclosure",
            config.display()
        )));
    };
    let wrapped: Vec<u8>;
    let body = match args.format {
        SampleFormat::Json => bytes,
        // Selectors see lines as an array of their documents.
        SampleFormat::Ndjson => {
            let lines = bytes.split(|byte| *byte == b'\n');
            let lines: Vec<&[u8]> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
            wrapped = [&b"["[..], &lines.join(&b','), &b"]"[..]].concat();
            &wrapped
        }
    };
    uses_of(&disclosure.released_rules, [body]).map_err(|error| {
        Stop::input(format_args!(
            "{}: {} at byte {}",
            args.input.display(),
            error.fault,
            error.offset
        ))
    })
}
