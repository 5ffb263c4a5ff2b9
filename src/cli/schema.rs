//! `fieldgate schema`: the JSON Schemas of the files that people write, for their editors.

use super::out::{self, Stop};
use crate::{agreement, charter, config, register};

/// Prints the JSON Schema of a kind of file, for editors.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate schema agreement > config/schema/agreement.json
  fieldgate schema gateway > config/schema/fieldgate.json

An editor with a YAML language server takes the schema from a file's first line:
  # yaml-language-server: $schema=../schema/agreement.json")]
pub struct SchemaArgs {
    /// Of which kind of file
    #[arg(value_enum)]
    pub kind: Kind,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// An agreement.
    Agreement,
    /// The gateway's configuration.
    Gateway,
    /// The rules that `fieldgate apply --fields` takes.
    Fields,
    /// The controller's register.
    Register,
    /// The council's charter, and directorates' policies.
    Charter,
}

/// Runs `fieldgate schema`.
///
/// # Errors
/// If standard output cannot be written.
pub fn run(args: &SchemaArgs) -> Result<(), Stop> {
    out::data(
        match args.kind {
            Kind::Agreement => agreement::agreement_schema(),
            Kind::Gateway => config::gateway_schema(),
            Kind::Fields => agreement::fields_schema(),
            Kind::Register => register::register_schema(),
            Kind::Charter => charter::charter_schema(),
        }
        .as_bytes(),
    )
}
