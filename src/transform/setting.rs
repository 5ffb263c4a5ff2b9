//! What a transform may know beside the value: the day, the document, and what the record says elsewhere.

use std::sync::Arc;

use jiff::civil::Date;
use zeroize::Zeroizing;

use super::canonical::canonical;
use super::link::Room;
use super::redact::{Findings, Redaction};
use super::text::unescape;
use crate::minimise::{Gate, Notice};

/// The circumstances of one body, given by the caller: the core reads no clock and draws no random numbers.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The day in the controller's time zone, for `age(…)`, `since(…)` and ages.
    pub today: Date,
    /// 16 random bytes of this body alone, from which tokens that link nothing beyond it are made. Without them a rule
    /// that makes such tokens lets no value through.
    pub document: Option<[u8; 16]>,
    /// The purpose that was declared, for checks of records that are for certain purposes alone.
    pub purpose: Option<Arc<str>>,
    /// Who knows whether records may leave by whom they are about. A plan that asks for one lets no record through
    /// without it.
    pub gate: Option<Arc<dyn Gate>>,
    /// Who hears of members that no rule names.
    pub notice: Option<Arc<dyn Notice>>,
}

impl From<Date> for Occasion {
    /// A day, for a body whose tokens all link beyond it.
    fn from(today: Date) -> Self {
        Self {
            today,
            document: None,
            purpose: None,
            gate: None,
            notice: None,
        }
    }
}

/// What transforms of one body may know beside the value. A machine has one for its whole body.
#[derive(Debug, Default)]
pub struct Setting {
    occasion: Option<Occasion>,
    known: Known,
    counted: u64,
    room: Room,
    /// Made for the first text that is redacted.
    redaction: Option<Box<Redaction>>,
}

impl Setting {
    /// For one body. Without an occasion no transform that asks for one lets a value through.
    #[must_use]
    pub fn new(occasion: Option<Occasion>) -> Self {
        Self {
            occasion,
            known: Known::default(),
            counted: 0,
            room: Room::default(),
            redaction: None,
        }
    }

    /// A number that no value of this body had before, for tokens that link nothing.
    pub(crate) fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    /// The occasion as it was given.
    #[must_use]
    pub fn occasion(&self) -> Option<&Occasion> {
        self.occasion.as_ref()
    }

    /// The day, if there is one.
    #[must_use]
    pub fn today(&self) -> Option<Date> {
        self.occasion.as_ref().map(|occasion| occasion.today)
    }

    /// Whether the others in the open record may be shown to those whom it is about; `false` where nobody says so.
    #[must_use]
    pub(super) fn shows_others(&self) -> bool {
        let gate = self
            .occasion
            .as_ref()
            .and_then(|occasion| occasion.gate.as_ref());
        let tokens = &self.known.tokens;
        gate.is_some_and(|gate| {
            !tokens.is_empty() && tokens.iter().all(|token| gate.shows_others(token))
        })
    }

    /// What the open record says elsewhere.
    #[must_use]
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The room in which links are rewritten, for as long as it is given back.
    pub(super) fn take_room(&mut self) -> Room {
        std::mem::take(&mut self.room)
    }

    pub(super) fn give_room(&mut self, room: Room) {
        self.room = room;
    }

    /// What redaction keeps from text to text, for as long as it is given back.
    pub(super) fn take_redaction(&mut self) -> Box<Redaction> {
        self.redaction.take().unwrap_or_default()
    }

    pub(super) fn give_redaction(&mut self, redaction: Box<Redaction>) {
        self.redaction = Some(redaction);
    }

    /// What redaction has found since this was asked last.
    pub(crate) fn take_findings(&mut self) -> Findings {
        let redaction = self.redaction.as_mut();
        redaction.map_or_else(Findings::default, |redaction| redaction.take_counts())
    }

    pub(crate) fn known_mut(&mut self) -> &mut Known {
        &mut self.known
    }
}

/// What is known of a record before it is walked, for transforms of values in it. Nothing outlives the record.
#[derive(Clone, Default)]
pub struct Known {
    /// The canonical form of the record's subject; empty if it has none.
    subject: Zeroizing<Vec<u8>>,
    /// The texts of people's names, one after another, and where each ends.
    names: Zeroizing<Vec<u8>>,
    ends: Vec<usize>,
    /// The tokens by which the ledger knows its subjects, where somebody is asked by them.
    tokens: Vec<[u8; 16]>,
    /// The parts of what fields identify together: values as JSON text, one after another.
    parts: Zeroizing<Vec<u8>>,
    /// Where each part is, by its number.
    places: Vec<Place>,
    /// How often it has changed.
    version: u64,
}

/// What a value that is known of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knowing {
    /// The record's subject.
    Subject,
    /// The name of a person.
    Name,
    /// The part with this number of what fields identify together.
    Part(usize),
}

/// Where a part is.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// The record has none.
    #[default]
    Nowhere,
    /// From and to.
    Once(usize, usize),
    /// The record has several: which of them is meant is not guessed.
    Several,
}

impl Known {
    /// The canonical form of the record's subject.
    #[must_use]
    pub fn subject(&self) -> Option<&[u8]> {
        Some(&self.subject[..]).filter(|subject| !subject.is_empty())
    }

    /// The names of people in the record, as text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(from, &to)| str::from_utf8(&self.names[from..to]).ok())
    }

    /// The part with this number, as JSON text of one value, if the record has just one.
    pub(super) fn part(&self, slot: usize) -> Option<&[u8]> {
        match self.places.get(slot)? {
            Place::Nowhere | Place::Several => None,
            Place::Once(from, to) => Some(&self.parts[*from..*to]),
        }
    }

    /// Another one whenever something else is known.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Another record starts.
    pub(crate) fn forget(&mut self) {
        self.version = self.version.wrapping_add(1);
        self.subject.clear();
        self.names.clear();
        self.ends.clear();
        self.tokens.clear();
        self.parts.clear();
        self.places.clear();
    }

    /// One of the record's subjects has this token; `None`: it names nobody, who is none of those on any list.
    pub(crate) fn learn_token(&mut self, token: Option<[u8; 16]>) {
        self.tokens.push(token.unwrap_or_default());
    }

    /// The record says this: one value as strict JSON text. What is no text is nobody's name.
    pub(crate) fn learn(&mut self, knowing: Knowing, json: &[u8]) {
        self.version = self.version.wrapping_add(1);
        match knowing {
            Knowing::Subject if self.subject.is_empty() => {
                let subject = &mut self.subject;
                canonical(json, |piece| subject.extend_from_slice(piece));
            }
            // The first of several is the record's, as for its tokens of scope and shift alike.
            Knowing::Subject => {}
            Knowing::Name => {
                if let [b'"', inside @ .., b'"'] = json {
                    unescape(inside, &mut self.names);
                    self.ends.push(self.names.len());
                }
            }
            Knowing::Part(slot) => {
                if self.places.len() <= slot {
                    self.places.resize(slot + 1, Place::Nowhere);
                }
                self.places[slot] = match self.places[slot] {
                    Place::Nowhere => {
                        let from = self.parts.len();
                        // A container is no identifier, and may be large.
                        if !matches!(json.first(), Some(b'{' | b'[')) {
                            self.parts.extend_from_slice(json);
                        }
                        Place::Once(from, self.parts.len())
                    }
                    Place::Once(..) | Place::Several => Place::Several,
                };
            }
        }
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known(not printed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_first_subject_and_all_its_names() {
        let mut known = Known::default();
        assert_eq!(known.subject(), None);
        known.learn(Knowing::Subject, b"null");
        assert_eq!(known.subject(), None, "what names nobody is no subject");
        known.learn(Knowing::Subject, b"\"401 023 2137\"");
        known.learn(Knowing::Subject, b"\"401 023 2138\"");
        known.learn(Knowing::Name, br#""Ann \u0041b""#);
        known.learn(Knowing::Name, b"17");
        known.learn(Knowing::Name, "\"Zoë\"".as_bytes());
        assert_eq!(known.subject(), Some(&b"4010232137"[..]));
        assert_eq!(known.names().collect::<Vec<_>>(), ["Ann Ab", "Zoë"]);
        known.forget();
        assert_eq!((known.subject(), known.names().count()), (None, 0));
    }

    #[test]
    fn p7_what_is_known_of_a_record_is_not_printed() {
        let mut setting = Setting::default();
        setting.known_mut().learn(Knowing::Name, b"\"Ann\"");
        assert!(!format!("{setting:?}").contains("Ann"));
    }
}
