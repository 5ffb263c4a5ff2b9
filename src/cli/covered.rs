//! `fieldgate covered`: whether a use of a data set is covered, without touching data.

use std::path::PathBuf;

use super::explain::instant;
use super::out::{self, Blame, Stop};
use crate::agreement::{Caller, PartnerName, Role};
use crate::clock::Clock;
use crate::config;
use crate::explained::covered::{self, Question};

/// Says whether a data set may be used for a purpose, by whom, and why not, without touching data.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate covered --purpose falls-prevention --data-set adult-social-care
  fieldgate covered --purpose research --data-set adult-social-care \\
      --partner island-health --json
  curl \\
      'http://127.0.0.1:9464/covered?purpose=research&data-set=adult-social-care'

Takes the same decision as the gateway, by the same code. A case or a reason that a purpose asks for is
taken as given.

Exit codes: 0 covered; 1 not covered, or the configuration is at fault; 2 wrong usage; 3 a file cannot be
read.")]
pub struct CoveredArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
    /// The purpose, as a request would declare it
    #[arg(long, value_name = "NAME")]
    pub purpose: String,
    /// The data set, as agreements name it
    #[arg(long, value_name = "NAME")]
    pub data_set: String,
    /// Who would ask; anybody without it
    #[arg(long, value_name = "NAME")]
    pub partner: Option<String>,
    /// A role that the caller's credential would state
    #[arg(long, value_name = "NAME")]
    pub role: Vec<String>,
    /// The caller's credential would state a health or social-work professional
    #[arg(long)]
    pub professional: bool,
    /// From when on the training that the caller's credential would state counts no longer: a day, or an instant
    #[arg(long, value_name = "WHEN")]
    pub trained_until: Option<String>,
    /// When: a day, or an instant such as 2026-04-01T09:30:00Z [default: now]
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs `fieldgate covered`.
///
/// # Errors
/// If the use is not covered, or the configuration is at fault or cannot be read.
pub fn run(args: &CoveredArgs) -> Result<(), Stop> {
    let loaded = config::load_without_keys(&args.config)?;
    let at = match &args.at {
        None => Clock::system().now(),
        Some(text) => instant(text, &loaded.config.controller.time_zone)?,
    };
    let partner = args.partner.as_deref().map(PartnerName::new);
    let roles: Vec<Role> = args.role.iter().map(|role| Role::new(role)).collect();
    let question = Question {
        purpose: &args.purpose,
        data_set: &args.data_set,
        partner: partner.as_ref(),
        caller: Caller {
            roles: &roles,
            professional: args.professional,
            trained_until: match &args.trained_until {
                None => None,
                Some(text) => Some(instant(text, &loaded.config.controller.time_zone)?),
            },
            ..covered::GIVEN
        },
        at,
    };
    let covered = covered::covered(&loaded.agreements, &question);
    if args.json {
        out::line(&covered.json(&question).to_string())?;
    } else {
        out::data(covered.text(&question).as_bytes())?;
    }
    if covered.is_covered() {
        Ok(())
    } else {
        Err(Stop::Said(Blame::Input))
    }
}
