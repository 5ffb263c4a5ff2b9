//! `fieldgate completions`: what a shell needs to complete this command's arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use super::out::{self, Stop};

/// Prints a shell's completions of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate completions bash > /etc/bash_completion.d/fieldgate
  fieldgate completions zsh > ~/.zfunc/_fieldgate
  fieldgate completions fish > ~/.config/fish/completions/fieldgate.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Runs `fieldgate completions`.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> Result<(), Stop> {
    let mut text = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "fieldgate",
        &mut text,
    );
    out::data(&text)
}
