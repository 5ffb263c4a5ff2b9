//! The command line: what is asked for goes to the file that does it.
//!
//! Each command's file has its arguments, their help with examples, and what it does. [`out`] alone writes
//! to standard output and standard error, and turns how a command ended into an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod api_key;
pub mod apply;
pub mod approve;
pub mod cases;
pub mod check;
pub mod completions;
pub mod covered;
pub mod decision;
pub mod demo;
pub mod diff;
pub mod explain;
mod file;
pub mod incidents;
pub mod keys;
pub mod ledger;
mod lines;
pub mod observe;
pub mod out;
pub mod propose;
pub mod publish;
pub mod risk;
pub mod scan;
pub mod schema;
mod secret;
pub mod serve;
pub mod subjects;

/// What `fieldgate` was asked to do.
#[derive(Debug, Parser)]
#[command(
    name = "fieldgate",
    version,
    about = "A streaming data-minimisation gateway: its configuration is the information-sharing agreement.",
    max_term_width = 100,
    after_help = "\
Examples:
  fieldgate demo
  fieldgate check --config config/fieldgate.yaml
  fieldgate serve --config config/fieldgate.yaml
  fieldgate apply --fields rules.yaml people.json -o people.shared.json
  fieldgate keys rotate falls-prevention --config config/fieldgate.yaml
  fieldgate ledger verify /var/lib/fieldgate/ledger

Exit codes: 0 done; 1 the input or an agreement is at fault; 2 wrong usage; 3 the
environment is at fault (disk, network, keys). Data goes to standard output, errors to
standard error. Each command has its own help with examples: fieldgate COMMAND --help"
)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: a council, two partners and the gateway between them, on loopback
    Demo(demo::DemoArgs),
    /// Run the gateway
    Serve(serve::ServeArgs),
    /// Check the configuration and every agreement, and review what they disclose
    Check(check::CheckArgs),
    /// Approve an agreement, the register or the charter by signature; make a key for that
    Approve(approve::ApproveArgs),
    /// Minimise a file or a pipe by a file of rules, without a server
    Apply(apply::ApplyArgs),
    /// Say why a request would be permitted or refused, and which rule decides each field of a sample
    Explain(explain::ExplainArgs),
    /// Say what a new version of an agreement would newly disclose, and no longer
    Diff(diff::DiffArgs),
    /// Say whether a data set may be used for a purpose, without touching data
    Covered(covered::CoveredArgs),
    /// Look at old decisions: what was told, and whether they would be decided so again
    Decision(decision::DecisionArgs),
    /// Write the public register, the record of processing, flows and a statement of compliance
    Publish(publish::PublishArgs),
    /// Print a patch that adds a field to a data set of the register
    Propose(propose::ProposeArgs),
    /// Print agreements in the language of another system
    Export(publish::ExportArgs),
    /// List the fields of a sample and their types, never a value
    Observe(observe::ObserveArgs),
    /// Measure how alike the records are that an agreement lets out
    Risk(risk::RiskArgs),
    /// Make and change the keys of agreements: create, list, rotate, retire, destroy
    Keys(keys::KeysArgs),
    /// Make an API key for a partner, and the line of the configuration that knows it
    ApiKey(api_key::ApiKeyArgs),
    /// Say what identifies somebody in a sample, by path and kind, without printing values
    Scan(scan::ScanArgs),
    /// See and close cases: what was asked for or sent that nobody has agreed
    Cases(cases::CasesArgs),
    /// See and review incidents: access that was had for somebody's vital interests
    Incidents(incidents::IncidentsArgs),
    /// Work with the ledger
    Ledger(ledger::LedgerArgs),
    /// Enter what people object to, consent to and are marked as
    Subjects(subjects::SubjectsArgs),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::SchemaArgs),
    /// Print a shell's completions of this command
    Completions(completions::CompletionsArgs),
}

/// Runs the command with the process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => return out::usage(&asked),
    };
    out::finish(match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Apply(args) => apply::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Covered(args) => covered::run(args),
        Command::Decision(args) => decision::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Propose(args) => propose::run(args),
        Command::Export(args) => publish::export(args),
        Command::Observe(args) => observe::run(args),
        Command::Risk(args) => risk::run(args),
        Command::Keys(args) => keys::run(args),
        Command::ApiKey(args) => api_key::run(args),
        Command::Scan(args) => scan::run(args),
        Command::Cases(args) => cases::run(args),
        Command::Incidents(args) => incidents::run(args),
        Command::Ledger(args) => ledger::run(args),
        Command::Subjects(args) => subjects::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Completions(args) => completions::run(args),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_command_shows_examples() {
        let mut commands = vec![Cli::command()];
        while let Some(mut command) = commands.pop() {
            if command.get_name() == "help" {
                continue;
            }
            let help = command.render_help().to_string();
            assert!(help.contains("Examples:\n  fieldgate "), "{help}");
            // A longer one is broken where the terminal ends, and what is copied from there does not run.
            let more = command.get_after_help().map(ToString::to_string);
            for line in more.iter().flat_map(|more| more.lines()) {
                let is_example = line.starts_with("  fieldgate ") || line.ends_with('\\');
                assert!(!is_example || line.len() < 80, "{line}");
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
