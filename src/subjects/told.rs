//! Who was told of a subject: the ledger's entries of releases in which the subject's record left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use memchr::memmem;
use serde::Deserialize;

use super::token_text;
use crate::ledger::chain::{LINE_BYTES, segment_name};
use crate::ledger::disk::segments;
use crate::rights::Token;

/// One exchange in which a record of the subject left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was permitted, as the ledger writes it.
    pub at: String,
    /// The exchange.
    pub request: String,
    /// Who was told.
    pub partner: String,
    /// Under which agreement.
    pub agreement: String,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its text.
    pub hash: String,
    /// By which of its disclosures.
    pub disclosure: String,
    /// For what.
    pub purpose: String,
    /// How the exchange ended: `complete`, or cut off midway; `None` while it runs or where a crash ended it.
    pub outcome: Option<String>,
}

/// What is read of an entry. Entries have more, and of other kinds.
#[derive(Deserialize)]
struct Entry {
    event: String,
    at: Option<String>,
    request: Option<String>,
    partner: Option<String>,
    agreement: Option<serde_json::Value>,
    version: Option<u64>,
    hash: Option<String>,
    disclosure: Option<String>,
    purpose: Option<String>,
    outcome: Option<String>,
}

/// Every exchange in the ledger in `directory` in which a record of `subject` left, oldest first. Reads it twice, and does not
/// check its chain: that is what `fieldgate ledger verify` is for.
///
/// # Errors
/// If the ledger cannot be read.
pub fn told(directory: &Path, subject: &Token) -> io::Result<Vec<Told>> {
    let token = format!("\"{}\"", token_text(subject));
    let is_named = memmem::Finder::new(token.as_bytes());
    let mut requests = BTreeSet::new();
    each_entry(directory, &mut |line| {
        // No other kind of entry has a subject's token as a member of a list.
        if is_named.find(line).is_some()
            && let Some(entry) = parse(line).filter(|entry| entry.event == "subjects")
        {
            requests.extend(entry.request);
        }
    })?;
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut order = Vec::new();
    let intent = memmem::Finder::new(b"\"event\":\"intent\"");
    let release = memmem::Finder::new(b"\"event\":\"release\"");
    each_entry(directory, &mut |line| {
        if requests.is_empty() || intent.find(line).is_none() && release.find(line).is_none() {
            return;
        }
        let Some(entry) = parse(line) else {
            return;
        };
        let Some(request) = entry.request.clone().filter(|id| requests.contains(id)) else {
            return;
        };
        match entry.event.as_str() {
            "intent" => {
                order.push(request.clone());
                told.insert(request.clone(), entry.told(request));
            }
            "release" => {
                if let Some(told) = told.get_mut(&request) {
                    told.outcome = entry.outcome;
                }
            }
            _ => {}
        }
    })?;
    Ok(order
        .iter()
        .filter_map(|request| told.remove(request))
        .collect())
}

impl Entry {
    fn told(self, request: String) -> Told {
        let agreement = self.agreement.as_ref().and_then(|name| name.as_str());
        Told {
            at: self.at.unwrap_or_default(),
            request,
            partner: self.partner.unwrap_or_default(),
            agreement: agreement.unwrap_or_default().to_owned(),
            version: self.version.unwrap_or(0),
            hash: self.hash.unwrap_or_default(),
            disclosure: self.disclosure.unwrap_or_default(),
            purpose: self.purpose.unwrap_or_default(),
            outcome: None,
        }
    }
}

fn parse(line: &[u8]) -> Option<Entry> {
    serde_json::from_slice(line).ok()
}

fn each_entry(directory: &Path, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    for first in segments(directory)? {
        let file = File::open(directory.join(segment_name(first)))?;
        let mut reader = BufReader::with_capacity(64 << 10, file);
        loop {
            line.clear();
            let read = (&mut reader)
                .take(LINE_BYTES as u64 + 1)
                .read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            take(&line);
        }
    }
    Ok(())
}
