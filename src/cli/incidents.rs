//! `fieldgate incidents`: access for vital interests, and that somebody has looked at it.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::file;
use super::out::{self, Stop};
use crate::alert::incidents::{Incident, Incidents, NotReviewed, Review};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::gateway::{INCIDENTS, review_event};
use crate::journal::Journal;
use crate::ledger::disk::{self, OpenError};
use crate::ledger::{Ledger, LedgerError, LedgerOptions};

/// Bytes of a note at most.
const NOTE_BYTES: u64 = 16 << 20;

/// Works with incidents: access that was had for somebody's vital interests.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate incidents list --config config/fieldgate.yaml
  fieldgate incidents review 3 --as dpo --note-file note.txt \\
      --config config/fieldgate.yaml")]
pub struct IncidentsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: IncidentsCommand,
}

/// What can be done with incidents.
#[derive(Debug, clap::Subcommand)]
pub enum IncidentsCommand {
    /// List the incidents that await review
    List(ListArgs),
    /// Enter that an incident was reviewed
    Review(ReviewArgs),
}

/// Lists incidents.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate incidents list --config config/fieldgate.yaml
  fieldgate incidents list --all --json --config config/fieldgate.yaml")]
pub struct ListArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Those that were reviewed, too
    #[arg(long)]
    pub all: bool,
    /// Print them as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Enters a review.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate incidents review 3 --as dpo --note-file note.txt \\
      --config config/fieldgate.yaml

The review goes into the ledger: by this command, or, where a gateway has the ledger open, by
the gateway within a second. Of the note only its SHA-256 is kept: keep the note itself.")]
pub struct ReviewArgs {
    /// Its number
    #[arg(value_name = "NUMBER")]
    pub number: u64,
    /// The role that reviewed it: lower-case letters, digits and hyphens
    #[arg(long = "as", value_name = "ROLE", value_parser = role)]
    pub by: String,
    /// A file that says what was found
    #[arg(long, value_name = "FILE")]
    pub note_file: PathBuf,
    /// The gateway's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// A role's name. A person's name would stand in the ledger for good.
pub(super) fn role(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') {
        Ok(text.to_owned())
    } else {
        Err("write a role: lower-case letters, digits and hyphens, for example dpo".to_owned())
    }
}

/// SHA-256 of the file at `path`, in hexadecimal.
pub(super) fn note_hash(path: &Path) -> Result<String, Stop> {
    let mut note = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(NOTE_BYTES + 1).read_to_end(&mut note))
        .map_err(|error| file::unread(path.display(), &error))?;
    if note.is_empty() || note.len() as u64 > NOTE_BYTES {
        return Err(Stop::input(format_args!(
            "{}: a note says something, in at most 16 MiB",
            path.display()
        )));
    }
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(&note)))
}

/// Runs `fieldgate incidents`.
///
/// # Errors
/// If the configuration or the incidents cannot be read, or there is no such incident.
pub fn run(args: &IncidentsArgs) -> Result<(), Stop> {
    match &args.command {
        IncidentsCommand::List(args) => list(args),
        IncidentsCommand::Review(args) => review(args),
    }
}

fn journal(config: &Config) -> Result<Option<Journal<Incidents>>, Stop> {
    let path = config.state.join(INCIDENTS);
    Ok(path.exists().then(|| Journal::open(&path)).transpose()?)
}

fn list(args: &ListArgs) -> Result<(), Stop> {
    let journal = journal(&config::load_alone(&args.config)?)?;
    let nothing = Incidents::default();
    let incidents = journal.as_ref().map_or(&nothing, Journal::state);
    let listed = incidents
        .all()
        .filter(|incident| args.all || incident.review.is_none());
    if args.json {
        let listed: Vec<&Incident> = listed.collect();
        return out::line(&json!({ "incidents": listed }).to_string());
    }
    let text: String = listed.map(as_line).collect();
    if text.is_empty() {
        out::say("no incident awaits review");
    }
    out::data(text.as_bytes())
}

/// `3  2026-06-15T12:00:00Z  2 uses  ambulance emergency adult save-life  request a7…`.
fn as_line(incident: &Incident) -> String {
    let first = &incident.first;
    let review = match &incident.review {
        None => "awaits review".to_owned(),
        Some(review) => format!("reviewed {:.0} as {}", review.at, review.by),
    };
    format!(
        "{:<5} {:.0}  uses {:<4} {} {} {} {}  request {}  {review}\n",
        incident.number,
        incident.opened,
        incident.uses,
        first.partner,
        first.agreement,
        first.disclosure,
        first.purpose,
        first.request,
    )
}

fn review(args: &ReviewArgs) -> Result<(), Stop> {
    let config = config::load_alone(&args.config)?;
    let note_sha256 = note_hash(&args.note_file)?;
    let Some(mut journal) = journal(&config)? else {
        return Err(Stop::input(NotReviewed::Unknown));
    };
    let review = Review {
        at: Clock::system().now(),
        by: args.by.clone(),
        note_sha256,
    };
    journal
        .update(|incidents| Ok((vec![incidents.reviewing(args.number, review)?], ())))?
        .map_err(|error: NotReviewed| Stop::input(error))?;
    journal.sync()?;
    out::line(&format!("incident {} is reviewed", args.number))?;
    enter(&config, &mut journal)
}

/// Has the ledger enter the reviews that it has not got, where no gateway has it open.
fn enter(config: &Config, journal: &mut Journal<Incidents>) -> Result<(), Stop> {
    let left = |why: &str| {
        out::say(&format!(
            "fieldgate: {why}; the gateway enters the review in its ledger within a second of running"
        ));
    };
    // A ledger is begun by the gateway alone, as its user.
    if !disk::segments(&config.ledger.directory).is_ok_and(|segments| !segments.is_empty()) {
        left("there is no ledger yet");
        return Ok(());
    }
    let options = LedgerOptions {
        directory: config.ledger.directory.clone(),
        segment_bytes: config.ledger.segment_bytes,
        queue_entries: config.ledger.queue_entries,
    };
    let fault = |error: LedgerError| {
        Stop::environment(format_args!(
            "the review is written down, but the ledger cannot enter it: {error}; the gateway tries again when it runs"
        ))
    };
    let ledger = match Ledger::open(options, Clock::system(), |_| {}) {
        Ok(ledger) => ledger,
        Err(LedgerError::Open(error)) if matches!(*error, OpenError::InUse { .. }) => {
            left("a gateway has the ledger open");
            return Ok(());
        }
        Err(error) => return Err(fault(error)),
    };
    let reviews: Vec<_> = journal
        .state()
        .unentered()
        .map(|(incident, review)| (incident.number, review_event(incident, review)))
        .collect();
    for (number, event) in reviews {
        let entered = ledger.submit(event).and_then(|pending| pending.wait());
        drop(entered.map_err(fault)?);
        let noted = journal.update(|_| {
            Ok::<_, std::convert::Infallible>((vec![Incidents::entering(number)], ()))
        })?;
        match noted {
            Ok(()) => {}
        }
    }
    ledger.close().map_err(fault)
}
