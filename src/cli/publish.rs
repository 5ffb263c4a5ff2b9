//! `fieldgate publish` and `fieldgate export`: what the controller shows of its sharing, to people and to machines.

use std::fs;
use std::path::{Path, PathBuf};

use super::explain::instant;
use super::out::{self, Stop};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::explained::publish::{Publishing, publish};
use crate::explained::{Stated, odrl};

/// Writes the public register, the record of processing, the flows of data and a statement of compliance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate publish --config config/fieldgate.yaml --out public/
  fieldgate publish --out public/ --at 2026-04-01

Pages (HTML that needs nothing else, and prints), tables (CSV) and data (JSON) from the agreements and the
register as they are written; there is no personal data in them. The same files on the same day give the
same bytes. Files of these names in the directory are replaced.

Exit codes: 0 written; 1 the configuration is at fault; 2 wrong usage; 3 a file cannot be read or written.")]
pub struct PublishArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
    /// The directory that the files are written to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The day that the pages are of [default: today]
    #[arg(long, value_name = "DAY")]
    pub at: Option<String>,
}

/// Prints agreements in the language of another system.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate export --odrl --config config/fieldgate.yaml > policies.jsonld

Exit codes: 0 printed; 1 the configuration is at fault; 2 wrong usage; 3 a file cannot be read.")]
pub struct ExportArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
    /// As policies of ODRL 2.2 in JSON-LD, with terms of the Data Privacy Vocabulary
    #[arg(long, required = true)]
    pub odrl: bool,
}

/// Runs `fieldgate publish`.
///
/// # Errors
/// If the configuration is at fault, or a file cannot be read or written.
pub fn run(args: &PublishArgs) -> Result<(), Stop> {
    let loaded = config::load_without_keys(&args.config)?;
    let zone = &loaded.config.controller.time_zone;
    let at = match &args.at {
        None => Clock::system().now(),
        Some(text) => instant(text, zone)?,
    };
    let register = register(&loaded);
    let files = publish(&Publishing {
        controller: &loaded.config.controller.name,
        set: &loaded.agreements,
        texts: &loaded.texts,
        register: register.as_ref(),
        on: at.to_zoned(zone.clone()).date(),
    });
    fs::create_dir_all(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    for file in &files {
        let path = args.out.join(&file.name);
        fs::write(&path, &file.text).map_err(|error| unwritten(&path, &error))?;
    }
    out::line(&format!(
        "{} files in {}; begin with index.html",
        files.len(),
        args.out.display()
    ))
}

/// What the register states, if there is one.
fn register(loaded: &Loaded) -> Option<Stated> {
    let register = loaded.agreements.register.as_ref()?;
    Some(loaded.texts.stated(&register.hash))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Stop {
    Stop::environment(format_args!("cannot write {}: {error}", path.display()))
}

/// Runs `fieldgate export`.
///
/// # Errors
/// If the configuration is at fault or cannot be read.
pub fn export(args: &ExportArgs) -> Result<(), Stop> {
    let loaded = config::load_without_keys(&args.config)?;
    let policies = odrl::export(&loaded.agreements, &loaded.texts);
    out::line(&serde_json::to_string_pretty(&policies).expect("a value is JSON"))
}
