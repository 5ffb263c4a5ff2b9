//! `fieldgate ledger`: what the ledger holds, and whether it still holds together.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::out::{self, Blame, Stop};
use crate::config;
use crate::ledger::EntryHash;
use crate::ledger::verify::{Account, ReadError, verify_directory};

/// Works with the ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate ledger verify /var/lib/fieldgate/ledger
  fieldgate ledger verify --config config/fieldgate.yaml --json")]
pub struct LedgerArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

/// What can be done with a ledger.
#[derive(Debug, clap::Subcommand)]
pub enum LedgerCommand {
    /// Check the chain from its first entry to its last, and name the first that is broken
    Verify(VerifyArgs),
}

/// Checks the chain from its first entry to its last.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate ledger verify /var/lib/fieldgate/ledger
  fieldgate ledger verify --config config/fieldgate.yaml --json
  fieldgate ledger verify ledger --head 4711:9f0c…e2

The chain shows an entry that was changed, taken out, put in or moved. It cannot show that
entries were cut off its end, or that all of it was computed anew: for that, write the head
that is printed down somewhere else from time to time, and give it back with --head.
Works on a copy, and while a gateway writes.

Exit codes: 0 the chain holds; 1 it does not, and the first broken entry is named; 2 wrong
usage; 3 it cannot be read.")]
pub struct VerifyArgs {
    /// The ledger's directory
    #[arg(
        value_name = "DIR",
        required_unless_present = "config",
        conflicts_with = "config"
    )]
    pub directory: Option<PathBuf>,
    /// The gateway's configuration, which names the directory
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A head that was written down: the ledger must still hold this entry
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = head)]
    pub head: Option<(u64, EntryHash)>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

fn head(text: &str) -> Result<(u64, EntryHash), String> {
    let read = || {
        let (sequence, hash) = text.split_once(':')?;
        Some((sequence.parse().ok()?, EntryHash::from_hex(hash)?))
    };
    read().ok_or_else(|| {
        "write it as `ledger verify` prints it: a number, a colon, 64 hexadecimal digits".to_owned()
    })
}

/// Runs `fieldgate ledger`.
///
/// # Errors
/// If the ledger cannot be read or does not hold.
pub fn run(args: &LedgerArgs) -> Result<(), Stop> {
    match &args.command {
        LedgerCommand::Verify(args) => verify(args),
    }
}

fn verify(args: &VerifyArgs) -> Result<(), Stop> {
    let directory = match (&args.directory, &args.config) {
        (Some(directory), _) => directory.clone(),
        // Offline work: the keys may be where the gateway is.
        (None, Some(config)) => config::load_without_keys(config)?.config.ledger.directory,
        (None, None) => return Err(Stop::usage("name the ledger's directory")),
    };
    let account = verify_directory(&directory, args.head).map_err(|error| match &error {
        ReadError::NoLedger(_) => Stop::input(&error),
        ReadError::System { .. } => Stop::environment(&error),
    })?;
    if args.json {
        out::line(&as_json(&account).to_string())?;
        return match account.fault {
            None => Ok(()),
            Some(_) => Err(Stop::Said(Blame::Input)),
        };
    }
    out::data(as_text(&directory, &account).as_bytes())?;
    match account.fault {
        None => Ok(()),
        Some(fault) => Err(Stop::input(format_args!(
            "the ledger in {} is broken at {fault}; keep it as it is, as evidence",
            directory.display(),
        ))),
    }
}

fn as_text(directory: &Path, account: &Account) -> String {
    let mut text = String::new();
    let mut put = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    put(format!(
        "{}: {} in {}{}",
        directory.display(),
        count(account.entries, "entry", "entries"),
        count(account.segments, "segment", "segments"),
        match (&account.fault, account.being_written) {
            (None, false) => "; the chain holds",
            (None, true) => "; the chain holds, and a gateway was writing the next entry",
            (Some(_), _) => " hold, before the first that is broken",
        }
    ));
    if let Some((from, to)) = account.span {
        put(format!("  from      {from:.6} to {to:.6}"));
    }
    let events: Vec<String> = account
        .events
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(event, count)| format!("{count} {event}"))
        .collect();
    if !events.is_empty() {
        put(format!("  entries   {}", events.join(", ")));
    }
    let unended = &account.unended;
    if unended.count > 0 {
        let first: Vec<String> = unended
            .first
            .iter()
            .map(|(sequence, request)| format!("{request} (entry {sequence})"))
            .collect();
        put(format!(
            "  unended   {}, still running or cut off by a crash: {}{}",
            count(unended.count, "permitted exchange", "permitted exchanges"),
            first.join(", "),
            if unended.count > first.len() as u64 {
                ", …"
            } else {
                ""
            },
        ));
    }
    if unended.not_followed > 0 {
        put(format!(
            "  unended   {} more were not followed: too many at once",
            unended.not_followed
        ));
    }
    if let Some((sequence, hash)) = account.head {
        put(format!("  head      {sequence}:{hash}"));
    }
    text
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn as_json(account: &Account) -> Value {
    let events: serde_json::Map<String, Value> = account
        .events
        .iter()
        .map(|(event, count)| ((*event).to_owned(), json!(count)))
        .collect();
    let unended = &account.unended;
    json!({
        "holds": account.fault.is_none(),
        "segments": account.segments,
        "entries": account.entries,
        "events": events,
        "from": account.span.map(|(from, _)| format!("{from:.6}")),
        "to": account.span.map(|(_, to)| format!("{to:.6}")),
        "head": account.head.map(|(sequence, hash)| format!("{sequence}:{hash}")),
        "being_written": account.being_written,
        "unended": {
            "count": unended.count,
            "first": unended.first.iter().map(|(sequence, request)| json!({
                "sequence": sequence,
                "request": request.as_str(),
            })).collect::<Vec<_>>(),
            "not_followed": unended.not_followed,
        },
        "fault": account.fault.as_ref().map(|fault| json!({
            "file": fault.file,
            "line": fault.line,
            "sequence": fault.sequence,
            "message": fault.kind.to_string(),
        })),
    })
}
