//! `fieldgate diff`: what a new version of an agreement would newly disclose, and no longer.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::file;
use super::out::{self, Blame, Stop};
use crate::agreement::{AgreementSet, Context};
use crate::config;
use crate::explained::diff::{self, Diff, Version};
use crate::explained::{Stated, Texts};

/// Says what a new version of an agreement, or of all of a configuration's, discloses more and less.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate diff falls-prevention-v3.yaml falls-prevention-v4.yaml
  fieldgate diff --json old/fieldgate.yaml new/fieldgate.yaml
  git show HEAD:config/agreements/falls.yaml > old.yaml \\
      && fieldgate diff old.yaml config/agreements/falls.yaml

Two agreements, or two configurations with all the agreements that they name. Both versions' rules are
asked about every structure that tells them apart, so a wildcard that covers a field anew is told as that
field; and each rule and term that came, went or changed is told as it is written. What cannot be shown
not to widen is taken for wider.

Exit codes: 0 nothing widens; 1 something does or may, or a file is at fault; 2 wrong usage; 3 a file
cannot be read.")]
pub struct DiffArgs {
    /// The older version: an agreement or a configuration
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The newer version, of the same kind
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A side of the comparison.
struct Side {
    set: AgreementSet,
    stated: Vec<Stated>,
    is_config: bool,
}

impl Side {
    fn new(set: AgreementSet, texts: &Texts, is_config: bool) -> Self {
        let stated = set.agreements.iter();
        Self {
            stated: stated.map(|one| texts.stated(&one.text_hash)).collect(),
            set,
            is_config,
        }
    }

    fn versions(&self) -> Vec<Version<'_>> {
        self.set
            .agreements
            .iter()
            .zip(&self.stated)
            .map(|(agreement, stated)| Version { agreement, stated })
            .collect()
    }
}

/// Runs `fieldgate diff`.
///
/// # Errors
/// If something widens, or a file is at fault or cannot be read.
pub fn run(args: &DiffArgs) -> Result<(), Stop> {
    let (old, new) = (side(&args.old)?, side(&args.new)?);
    if old.is_config != new.is_config {
        return Err(Stop::usage(
            "one is an agreement and the other a configuration; give two of a kind",
        ));
    }
    let diff = compare(&old, &new);
    if args.json {
        out::line(&diff.json().to_string())?;
    } else {
        out::data(diff.text().as_bytes())?;
    }
    if diff.widens() {
        return Err(Stop::Said(Blame::Input));
    }
    Ok(())
}

fn compare(old: &Side, new: &Side) -> Diff {
    match (old.versions().as_slice(), new.versions().as_slice()) {
        // Two files are two versions of one agreement, whatever they call it.
        ([before], [after]) if !old.is_config => diff::agreements(*before, *after),
        (before, after) => diff::sets(before, after),
    }
}

fn side(path: &Path) -> Result<Side, Stop> {
    let text = file::text(path)?;
    let is_agreement = Stated::read(&text).at("agreement").is_some();
    if !is_agreement {
        let loaded = config::load_without_keys(path)?;
        return Ok(Side::new(loaded.agreements, &loaded.texts, true));
    }
    let context = Context {
        tables: config::tables(),
        ..Context::alone(zone())
    };
    let set = config::load_agreements(&[path.to_owned()], &context)?;
    Ok(Side::new(
        set,
        &[text.as_str()].into_iter().collect(),
        false,
    ))
}

/// Where days begin and end for an agreement without a configuration.
fn zone() -> TimeZone {
    TimeZone::get("Europe/London").expect("the bundled database has this zone")
}
