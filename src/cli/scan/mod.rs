//! `fieldgate scan`: what detectors find in a sample, by path and kind; never a value.
//!
//! The sample is read as it comes: memory holds one value, one row of a table, and the counts.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::json;

mod counts;
mod document;
mod elements;
mod table;

use counts::Counts;

use super::apply::input::Input;
use super::out::{self, Stop};
use crate::detect::{Detectors, Kind, Kinds, Score, THRESHOLD};

/// Says what identifies somebody in a sample, by path and kind, without printing values.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate scan people.json
  fieldgate scan --detect nhs-number,nino,postcode cases.ndjson.gz
  fieldgate scan --format csv --json extract.txt | jq '.found[]'

Every text and whole number is looked at, member names too: a name that is an identifier is
printed as *, and array indexes as [*]. The name of a field counts as a word near its value.
Detection misses things: what is not found may be there all the same.

Exit codes: 0 done, whether something was found or not; 1 the sample is at fault; 2 wrong
usage; 3 it cannot be read.")]
pub struct ScanArgs {
    /// Kinds to look for, divided by commas, or all
    #[arg(long, value_name = "KINDS", default_value = "all", value_parser = kinds)]
    pub detect: Kinds,
    /// How sure to be, from 0.3 to 1
    #[arg(long, value_name = "SCORE", value_parser = threshold)]
    pub threshold: Option<Score>,
    /// The format of the sample [default: by the end of its name, else JSON]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// What to read; standard input with `-`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// A sample's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON document
    Json,
    /// JSON documents, one behind the other
    Ndjson,
    /// Rows of values separated by commas, the first of them the columns' names
    Csv,
    /// Rows of values separated by tabs
    Tsv,
    /// XML
    Xml,
}

impl Format {
    /// By the end of the file's name, that of its packing taken away.
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let name = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"))
            .unwrap_or(&name);
        match name.rsplit_once('.').map(|(_, end)| end) {
            Some("ndjson" | "jsonl") => Self::Ndjson,
            Some("csv") => Self::Csv,
            Some("tsv" | "tab") => Self::Tsv,
            Some("xml") => Self::Xml,
            Some(_) | None => Self::Json,
        }
    }
}

fn kinds(text: &str) -> Result<Kinds, String> {
    if text == "all" {
        return Ok(Kinds::ALL);
    }
    let kind = |word: &str| {
        Kind::of_word(word).ok_or_else(|| {
            let words = Kind::ALL.map(Kind::word).join(", ");
            format!("`{word}` is no kind; write all, or some of {words}")
        })
    };
    text.split(',').map(kind).collect()
}

fn threshold(text: &str) -> Result<Score, String> {
    let score = text
        .parse::<f64>()
        .ok()
        .filter(|score| (0.3..=1.0).contains(score));
    score
        .map(crate::detect::score)
        .ok_or_else(|| "write a number from 0.3 to 1".to_owned())
}

/// Runs `fieldgate scan`.
///
/// # Errors
/// As its help says.
pub fn run(args: &ScanArgs) -> Result<(), Stop> {
    let input = Input::open(Some(args.file.as_path()).filter(|path| *path != Path::new("-")))?;
    let name = input.name.clone();
    let mut sample = BufReader::with_capacity(
        64 << 10,
        Sample {
            input,
            stopped: None,
        },
    );
    let threshold = args.threshold.unwrap_or(THRESHOLD);
    let mut counts = Counts::new(Detectors::new(args.detect, threshold, Vec::new()));
    let read = match args.format.unwrap_or_else(|| Format::of(&args.file)) {
        Format::Json => document::read(&mut sample, false, &mut counts),
        Format::Ndjson => document::read(&mut sample, true, &mut counts),
        Format::Csv => table::read(&mut sample, b',', &mut counts),
        Format::Tsv => table::read(&mut sample, b'\t', &mut counts),
        Format::Xml => elements::read(&mut sample, &mut counts),
    };
    if let Some(stop) = sample.into_inner().stopped {
        return Err(stop);
    }
    read.map_err(|fault| Stop::input(format_args!("{name}: {fault}")))?;
    if args.json {
        return out::line(&report(&counts).to_string());
    }
    out::data(lines(&counts).as_bytes())
}

/// The sample's bytes; what stopped them is kept for whoever reads them all.
struct Sample {
    input: Input,
    stopped: Option<Stop>,
}

impl Read for Sample {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.input.read(into).map_err(|stop| {
            self.stopped = Some(stop);
            io::Error::other("the sample stopped")
        })
    }
}

/// For machines.
fn report(counts: &Counts) -> serde_json::Value {
    let found: Vec<_> = counts
        .found()
        .map(|(place, found)| {
            json!({
                "path": place.path,
                "in": if place.in_name { "name" } else { "value" },
                "kind": place.kind.word(),
                "count": found.count,
                "values": found.values,
            })
        })
        .collect();
    json!({ "values": counts.values(), "found": found })
}

/// For people.
fn lines(counts: &Counts) -> String {
    let rows: Vec<_> = counts
        .found()
        .map(|(place, found)| {
            let of = if place.in_name { " (name)" } else { "" };
            (format!("{}{of}", place.path), place.kind.word(), found)
        })
        .collect();
    let wide = rows
        .iter()
        .map(|(path, ..)| path.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (path, kind, found) in &rows {
        let times = if found.count == found.values {
            String::new()
        } else {
            format!(" ({} times)", found.count)
        };
        let values = if found.values == 1 { "value" } else { "values" };
        text.push_str(&format!(
            "{path:wide$}  {kind:22} {} {values}{times}\n",
            found.values
        ));
    }
    let values = counts.values();
    text.push_str(&match rows.len() {
        0 => format!("nothing found in {values} values; detection misses things\n"),
        _ => format!("{values} values looked at; detection misses things\n"),
    });
    text
}
