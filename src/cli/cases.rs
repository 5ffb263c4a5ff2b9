//! `fieldgate cases`: what nobody has agreed, for the data-protection officer.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::incidents::{note_hash, role};
use super::out::{self, Stop};
use crate::cases::{Case, Cases, Closed};
use crate::clock::Clock;
use crate::config;
use crate::gateway::CASES;
use crate::journal::{Journal, JournalError};

/// Works with cases: what was asked for or sent that nobody has agreed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate cases list --config config/fieldgate.yaml
  fieldgate cases show 7 --config config/fieldgate.yaml
  fieldgate cases close 7 --as dpo --note-file note.txt \\
      --config config/fieldgate.yaml")]
pub struct CasesArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: CasesCommand,
}

/// What can be done with cases.
#[derive(Debug, clap::Subcommand)]
pub enum CasesCommand {
    /// List the cases that are open
    List(ListArgs),
    /// Show one case
    Show(ShowArgs),
    /// Close a case; what it is about stays held back until register and agreement name it
    Close(CloseArgs),
}

/// Lists cases.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate cases list --config config/fieldgate.yaml
  fieldgate cases list --all --json --config config/fieldgate.yaml")]
pub struct ListArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Those that are closed, too
    #[arg(long)]
    pub all: bool,
    /// Print them as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Shows one case.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate cases show 7 --config config/fieldgate.yaml")]
pub struct ShowArgs {
    /// Its number
    #[arg(value_name = "NUMBER")]
    pub number: u64,
    /// The gateway's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print it as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Closes a case.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate cases close 7 --as dpo --config config/fieldgate.yaml
  fieldgate cases close 7 --as dpo --note-file note.txt \\
      --config config/fieldgate.yaml

Closing a case lets nothing flow: that takes the register and the agreement. A gap that is met
again after its case was closed opens a new one. Of the note only its SHA-256 is kept here.")]
pub struct CloseArgs {
    /// Its number
    #[arg(value_name = "NUMBER")]
    pub number: u64,
    /// The role that closes it: lower-case letters, digits and hyphens
    #[arg(long = "as", value_name = "ROLE", value_parser = role)]
    pub by: String,
    /// A file that says why
    #[arg(long, value_name = "FILE")]
    pub note_file: Option<PathBuf>,
    /// The gateway's configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs `fieldgate cases`.
///
/// # Errors
/// If the configuration or the cases cannot be read, or there is no such case.
pub fn run(args: &CasesArgs) -> Result<(), Stop> {
    match &args.command {
        CasesCommand::List(args) => list(args),
        CasesCommand::Show(args) => show(args),
        CasesCommand::Close(args) => close(args),
    }
}

/// The journal of the gateway that `config` configures; `None` where it has none yet.
fn journal(config: &Path) -> Result<Option<Journal<Cases>>, Stop> {
    let path = config::load_alone(config)?.state.join(CASES);
    Ok(path.exists().then(|| Journal::open(&path)).transpose()?)
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::environment(error)
    }
}

fn list(args: &ListArgs) -> Result<(), Stop> {
    let journal = journal(&args.config)?;
    let nothing = Cases::default();
    let cases = journal.as_ref().map_or(&nothing, Journal::state);
    let listed = cases.all().filter(|case| args.all || case.closed.is_none());
    if args.json {
        let listed: Vec<&Case> = listed.collect();
        return out::line(&json!({ "cases": listed }).to_string());
    }
    let text: String = listed.map(as_line).collect();
    if text.is_empty() {
        out::say("no case is open");
    }
    out::data(text.as_bytes())
}

fn show(args: &ShowArgs) -> Result<(), Stop> {
    let journal = journal(&args.config)?;
    let case = journal
        .as_ref()
        .and_then(|journal| journal.state().case(args.number))
        .ok_or_else(|| Stop::input(crate::cases::NotClosed::Unknown))?;
    if args.json {
        return out::line(&json!(case).to_string());
    }
    out::data(as_text(case).as_bytes())
}

fn close(args: &CloseArgs) -> Result<(), Stop> {
    let note_sha256 = args.note_file.as_deref().map(note_hash).transpose()?;
    let Some(mut journal) = journal(&args.config)? else {
        return Err(Stop::input(crate::cases::NotClosed::Unknown));
    };
    let closed = Closed {
        at: Clock::system().now(),
        by: args.by.clone(),
        note_sha256,
    };
    journal
        .update(|cases| Ok((vec![cases.closing(args.number, closed)?], ())))?
        .map_err(|error: crate::cases::NotClosed| Stop::input(error))?;
    journal.sync()?;
    out::line(&format!("case {} is closed", args.number))
}

/// `7  2026-06-15 12:00  field  island-health care adult  $.religion`.
fn as_line(case: &Case) -> String {
    let gap = &case.gap;
    let named: Vec<&str> = [
        Some(gap.partner.as_str()),
        gap.agreement.as_deref(),
        gap.disclosure.as_deref(),
        gap.purpose.as_deref(),
        gap.field.as_deref(),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!(
        "{:<5} {:.0}  {:<12} {}{}\n",
        case.number,
        case.opened,
        gap.kind.code(),
        named.join(" "),
        if case.closed.is_some() {
            "  closed"
        } else {
            ""
        },
    )
}

fn as_text(case: &Case) -> String {
    let gap = &case.gap;
    let mut text = format!(
        "case {}, {}\n  {}\n",
        case.number,
        gap.kind.code(),
        gap.kind.words()
    );
    let opened = format!("{:.0}", case.opened);
    let rows = [
        ("opened", Some(opened.as_str())),
        ("partner", Some(gap.partner.as_str())),
        ("agreement", gap.agreement.as_deref()),
        ("disclosure", gap.disclosure.as_deref()),
        ("purpose", gap.purpose.as_deref()),
        ("field", gap.field.as_deref()),
        ("digest", gap.digest.as_deref()),
        ("contact", case.contact.as_deref()),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            text.push_str(&format!("  {name:<11}{value}\n"));
        }
    }
    if let Some(closed) = &case.closed {
        text.push_str(&format!("  closed     {:.0} as {}\n", closed.at, closed.by));
        if let Some(note) = &closed.note_sha256 {
            text.push_str(&format!("  note       sha256 {note}\n"));
        }
    }
    text
}
