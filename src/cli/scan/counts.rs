//! Where things were found and how often: paths and kinds, no values.

use std::collections::BTreeMap;

use crate::detect::{Detectors, Kind, Kinds, Scratch, What, about};
use crate::transform::push_quoted;

/// Places that are told apart; what is found elsewhere is counted at [`ELSEWHERE`].
const MOST_PLACES: usize = 10_000;
/// The path of what is found beyond that.
const ELSEWHERE: &str = "(other paths)";
/// A path of more bytes is cut here: its names are data that no detector knows.
const MOST_PATH: usize = 1_000;

/// A place at which things of one kind were found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) path: String,
    /// In the name of a member there, not in a value.
    pub(super) in_name: bool,
    pub(super) kind: Kind,
}

/// How often.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) count: u64,
    /// In how many values.
    pub(super) values: u64,
}

/// A sample as it is walked.
pub(super) struct Counts {
    detectors: Detectors,
    scratch: Scratch,
    /// Where the walk is.
    path: String,
    /// What the names on the way say, the innermost last.
    about: Vec<Kinds>,
    json: Vec<u8>,
    values: u64,
    found: BTreeMap<Place, Found>,
}

/// How far the path goes back up when something ends.
pub(super) struct Mark(usize);

impl Counts {
    pub(super) fn new(detectors: Detectors) -> Self {
        Self {
            detectors,
            scratch: Scratch::default(),
            path: "$".to_owned(),
            about: Vec::new(),
            json: Vec::new(),
            values: 0,
            found: BTreeMap::new(),
        }
    }

    /// What was found, by path.
    pub(super) fn found(&self) -> impl Iterator<Item = (&Place, &Found)> {
        self.found.iter()
    }

    /// Values that were looked at.
    pub(super) fn values(&self) -> u64 {
        self.values
    }

    /// Goes into an array.
    pub(super) fn elements(&mut self) -> Mark {
        let mark = Mark(self.path.len());
        self.path.push_str("[*]");
        self.about
            .push(self.about.last().copied().unwrap_or_default());
        mark
    }

    /// Goes into the member of this name, which is looked at as well.
    pub(super) fn member(&mut self, name: &str) -> Mark {
        let mark = Mark(self.path.len());
        let kinds = self.look(name, Kinds::NONE);
        let is_plain = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
            && !name.as_bytes()[0].is_ascii_digit();
        if kinds.is_some() {
            self.path.push_str(".*");
        } else if is_plain {
            self.path.push('.');
            self.path.push_str(name);
        } else {
            self.path.push_str("['");
            for character in name.chars() {
                match character {
                    '\'' | '\\' => self.path.extend(['\\', character]),
                    _ if character.is_control() => self.path.push(' '),
                    _ => self.path.push(character),
                }
            }
            self.path.push_str("']");
        }
        self.about.push(if kinds.is_some() {
            Kinds::NONE
        } else {
            about(name)
        });
        if let Some(counts) = kinds {
            self.count(&counts, true);
        }
        mark
    }

    /// Comes back.
    pub(super) fn leave(&mut self, mark: Mark) {
        self.path.truncate(mark.0);
        self.about.pop();
    }

    /// Looks at a value.
    pub(super) fn value(&mut self, text: &str) {
        self.values += 1;
        let about = self.about.last().copied().unwrap_or_default();
        if let Some(counts) = self.look(text, about) {
            self.count(&counts, false);
        }
    }

    /// How often each kind is in `text`, if any is.
    fn look(&mut self, text: &str, about: Kinds) -> Option<[u64; Kind::ALL.len()]> {
        self.json.clear();
        push_quoted(text, &mut self.json);
        let inside = &self.json[1..self.json.len() - 1];
        let found = self.detectors.find(inside, about, None, &mut self.scratch);
        let mut counts = [0; Kind::ALL.len()];
        for found in found {
            if let What::Kind(kind) = found.what {
                counts[kind.index()] += 1;
            }
        }
        (!found.is_empty()).then_some(counts)
    }

    fn count(&mut self, counts: &[u64; Kind::ALL.len()], in_name: bool) {
        for (kind, count) in Kind::ALL
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0)
        {
            let mut end = self.path.len().min(MOST_PATH);
            while !self.path.is_char_boundary(end) {
                end -= 1;
            }
            let mut place = Place {
                path: self.path[..end].to_owned(),
                in_name,
                kind,
            };
            if self.found.len() >= MOST_PLACES && !self.found.contains_key(&place) {
                place.path = ELSEWHERE.to_owned();
            }
            let found = self.found.entry(place).or_default();
            found.count += count;
            found.values += 1;
        }
    }
}
