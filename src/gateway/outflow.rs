//! What an answer is charged as it leaves: records and people, piece by piece.
//!
//! A piece is all that was gathered since the last one was handed on. It is charged before it is: a piece over the quota
//! does not leave, whole, and the stream ends there, aborted, or as a refusal if nothing was sent yet.

use super::desk::{Desk, fingerprint};
use super::problem::Stop;
use super::reason::Reason;
use crate::minimise::{SubjectToken, Tally};
use crate::volume::{Piece, Way};

/// The charges of one answer.
pub(crate) struct Outflow {
    /// What counts records or people, if anything does.
    way: Option<Way>,
    /// Records that were charged.
    records: u64,
    /// Who the answer's only record is about, while it has one.
    sole: Vec<u64>,
    /// Why the last piece was not charged, with the term.
    denied: Option<Stop>,
}

impl Outflow {
    /// Nothing is charged yet of an answer that is under `way`.
    pub(crate) fn new(way: Option<&Way>) -> Self {
        Self {
            way: way.filter(|way| way.counts_what_leaves()).cloned(),
            records: 0,
            sole: Vec::new(),
            denied: None,
        }
    }

    /// Charges what was released since the last call: `tally` is that of the body so far, `tokens` are its new
    /// subjects', and `ended` says that nothing follows.
    ///
    /// # Errors
    /// If a term is used up: then nothing of the piece may leave, and the body ends.
    pub(crate) fn charge(
        &mut self,
        desk: &Desk,
        tally: &Tally,
        tokens: &[SubjectToken],
        ended: bool,
    ) -> Result<(), Reason> {
        let Some(way) = &self.way else {
            return Ok(());
        };
        let records = tally.records_released - self.records;
        self.records = tally.records_released;
        let mut people: Vec<u64> = tokens.iter().map(fingerprint).collect();
        let unnamed = records.saturating_sub(people.len() as u64);
        let single = ended && self.records == 1;
        if single && records == 0 {
            // The one record has left before; that it is the only one shows now.
            people.append(&mut self.sole);
        } else if self.records == 1 && !ended {
            self.sole.clone_from(&people);
        }
        if records == 0 && people.is_empty() {
            return Ok(());
        }
        let piece = Piece {
            records,
            people: &people,
            unnamed,
            single,
        };
        desk.leave(way, piece).map_err(|stop| {
            let reason = stop.reason;
            self.denied = Some(stop);
            reason
        })
    }

    /// The stop that `reason` is, with the term that it comes from.
    pub(crate) fn stop(&mut self, reason: Reason) -> Stop {
        match self.denied.take() {
            Some(stop) if stop.reason == reason => stop,
            Some(_) | None => Stop::from(reason),
        }
    }
}
