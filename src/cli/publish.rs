//! `fieldgate publish` and `fieldgate export`: what the controller shows of its sharing, to people and to machines.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::explain::instant;
use super::file;
use super::out::{self, Stop};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::explained::publish::{PublishedFile, Publishing, publish};
use crate::explained::{Stated, odrl};
use crate::ledger::EntryHash;

/// The most bytes of a list of what was published: a page for each of many thousand agreements.
const LIST_BYTES: u64 = 4 << 20;

/// Writes the public register, the record of processing, the flows of data and a statement of compliance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate publish --config config/fieldgate.yaml --out public/
  fieldgate publish --out public/ --at 2026-04-01

Pages (HTML that needs nothing else, and prints), tables (CSV) and data (JSON) from the agreements and the
register as they are written; there is no personal data in them. The same files on the same day give the
same bytes. Files of these names in the directory are replaced. What an earlier run wrote there and
this one does not, such as the page of an agreement that is gone, is removed: published.json lists what
was written. A listed file that somebody has changed since stays, and is named.

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
    let before = Written::read(&args.out)?;
    for file in &files {
        let path = args.out.join(&file.name);
        fs::write(&path, &file.text).map_err(|error| unwritten(&path, &error))?;
    }
    let mut now = Written::of(&files);
    let removed = before.remove_all_but(&mut now, &args.out)?;
    now.write(&args.out)?;
    out::line(&format!(
        "{} files in {}; begin with index.html",
        files.len(),
        args.out.display()
    ))?;
    for name in removed.gone {
        out::line(&format!("removed {name}, which is published no more"))?;
    }
    for name in removed.changed {
        out::line(&format!(
            "{name} is published no more and was changed since it was written; it stays, remove it if it should go"
        ))?;
    }
    Ok(())
}

/// What a run wrote into its directory: names, and the SHA-256 of what they had, so that the next removes this and nothing
/// else.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    files: BTreeMap<String, String>,
}

/// What a run found of an earlier one.
#[derive(Debug, Default)]
struct Removed {
    /// Files that are gone now.
    gone: Vec<String>,
    /// Files that somebody has changed since, which stay.
    changed: Vec<String>,
}

impl Written {
    /// The name of the list, in the directory that it is about.
    const LIST: &str = "published.json";

    /// What `files` are.
    fn of(files: &[PublishedFile]) -> Self {
        let hashed = |file: &PublishedFile| {
            let hash = EntryHash::of(file.text.as_bytes()).to_string();
            (file.name.clone(), hash)
        };
        Self {
            files: files.iter().map(hashed).collect(),
        }
    }

    /// What an earlier run wrote into `directory`; nothing where there was none.
    fn read(directory: &Path) -> Result<Self, Stop> {
        let path = directory.join(Self::LIST);
        let mut text = String::new();
        let read =
            fs::File::open(&path).and_then(|file| file.take(LIST_BYTES).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(file::unread(path.display(), &error));
            }
            Ok(_) => {}
        }
        serde_json::from_str(&text).map_err(|_| {
            Stop::input(format_args!(
                "{}: not a list of what was published; move it away, and remove by hand what should not be there",
                path.display()
            ))
        })
    }

    /// Removes what is listed here and not in `now` from `directory`. What somebody has changed stays, and stays listed.
    fn remove_all_but(self, now: &mut Self, directory: &Path) -> Result<Removed, Stop> {
        let mut removed = Removed::default();
        for (name, hash) in self.files {
            // A name that leads elsewhere was not written by this command.
            if now.files.contains_key(&name) || !is_plain(&name) {
                continue;
            }
            let path = directory.join(&name);
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if !is_file {
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| file::unread(path.display(), &error))?;
            if EntryHash::of(&bytes).to_string() == hash {
                fs::remove_file(&path).map_err(|error| unwritten(&path, &error))?;
                removed.gone.push(name);
            } else {
                removed.changed.push(name.clone());
                now.files.insert(name, hash);
            }
        }
        Ok(removed)
    }

    fn write(&self, directory: &Path) -> Result<(), Stop> {
        let path = directory.join(Self::LIST);
        let mut text = serde_json::to_string_pretty(self).expect("names and hashes are JSON");
        text.push('\n');
        fs::write(&path, text).map_err(|error| unwritten(&path, &error))
    }
}

/// Whether `name` is that of a file in the directory itself, as this command gives them.
fn is_plain(name: &str) -> bool {
    !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// What the register states, if there is one.
fn register(loaded: &Loaded) -> Option<Stated> {
    let register = loaded.agreements.register.as_ref()?;
    Some(loaded.texts.stated(&register.hash))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Stop {
    Stop::environment(format_args!(
        "{}: cannot be written ({}); give a directory that this user may write to",
        path.display(),
        error.kind()
    ))
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
