//! `fieldgate propose`: a change of the register, for somebody to sign and apply.

use std::path::PathBuf;

use super::file;
use super::out::{self, Stop};
use crate::explained::propose::{NewField, patch, propose};
use crate::register::Register;

/// Prints a patch that adds a field to a data set of the register.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate propose --register config/register.yaml \\
      --data-set adult-social-care --field '@.falls' --sensitivity special \\
      > change.patch
  git apply change.patch

Changes nothing itself: what a service newly sends stays behind until somebody has signed the change of the
register and an agreement names the field.

Exit codes: 0 printed; 1 the register is at fault, or has no place for the field; 2 wrong usage; 3 it cannot
be read.")]
pub struct ProposeArgs {
    /// The register
    #[arg(long, value_name = "FILE", default_value = "config/register.yaml")]
    pub register: PathBuf,
    /// The data set
    #[arg(long, value_name = "NAME")]
    pub data_set: String,
    /// Where the field stands in a record
    #[arg(long, value_name = "SELECTOR")]
    pub field: String,
    /// How much harm it can do
    #[arg(long, value_parser = ["plain", "personal", "special", "criminal", "child"])]
    pub sensitivity: String,
}

/// Runs `fieldgate propose`.
///
/// # Errors
/// If the register cannot be read, or would not load with the change.
pub fn run(args: &ProposeArgs) -> Result<(), Stop> {
    let name = args.register.display().to_string();
    let text = file::text(&args.register)?;
    let faults = |faults: crate::agreement::Faults| Stop::Faults(faults.to_string());
    Register::load(&name, &text).map_err(faults)?;
    let field = NewField {
        data_set: &args.data_set,
        path: &args.field,
        sensitivity: &args.sensitivity,
    };
    let new = propose(&text, &field).map_err(Stop::input)?;
    Register::load(&name, &new).map_err(faults)?;
    out::data(patch(&name, &text, &new).as_bytes())
}
