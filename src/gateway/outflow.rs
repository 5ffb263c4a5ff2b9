//! What an answer is charged as it leaves: records and people, piece by piece.
//!
//! A piece is all that was gathered since the last one was handed on. It is charged before it is: a piece over the quota
//! does not leave, whole, and the stream ends there, aborted, or as a refusal if nothing was sent yet.

use std::sync::Arc;

use super::desk::{Desk, fingerprint};
use super::problem::Stop;
use super::reason::Reason;
use super::running::Route;
use crate::agreement::{Permit, PurposeName};
use crate::alert::{Alert, Kind};
use crate::ledger::RequestId;
use crate::minimise::{SubjectToken, Tally};
use crate::volume::{Piece, Way};

/// The charges of one answer.
pub(crate) struct Outflow {
    /// What counts records or people, if anything does.
    way: Option<Way>,
    route: Arc<Route>,
    purpose: PurposeName,
    id: RequestId,
    /// What the records of whoever asks are counted by, where that was said.
    own: Option<u64>,
    told_of_own: bool,
    told_of_records: bool,
    /// Records that were charged.
    records: u64,
    /// Who the answer's only record is about, while it has one.
    sole: Vec<u64>,
    /// Why the last piece was not charged, with the term.
    denied: Option<Stop>,
}

impl Outflow {
    /// Nothing is charged yet of the exchange `id` under `permit`. `own` is the fingerprint of whoever asks.
    pub(crate) fn new(
        route: &Arc<Route>,
        permit: &Permit,
        id: RequestId,
        own: Option<u64>,
    ) -> Self {
        let way = route.way(permit.purpose());
        Self {
            way: way.filter(|way| way.counts_what_leaves()).cloned(),
            route: Arc::clone(route),
            purpose: permit.purpose().clone(),
            id,
            own,
            told_of_own: false,
            told_of_records: false,
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
        self.look(desk, tally, tokens)?;
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

    /// Tells somebody of what is unusual: somebody's own record, or very many at once.
    fn look(&mut self, desk: &Desk, tally: &Tally, tokens: &[SubjectToken]) -> Result<(), Reason> {
        let guard = &self.route.agreement.volume.guard;
        if let Some(own) = self.own
            && !self.told_of_own
            && tokens.iter().any(|token| fingerprint(token) == own)
        {
            self.told_of_own = true;
            self.tell(
                desk,
                Kind::SelfLookUp,
                "somebody asked for a record that is their own",
            );
            if guard.refuses_self_look_up {
                return Err(Reason::SelfLookUp);
            }
        }
        if let Some(most) = guard.tell_of_records
            && !self.told_of_records
            && tally.records_released > most
        {
            self.told_of_records = true;
            self.tell(
                desk,
                Kind::BulkPull,
                &format!("more than {most} records are leaving in one answer"),
            );
        }
        Ok(())
    }

    fn tell(&self, desk: &Desk, kind: Kind, text: &str) {
        let mut alert = Alert::new(kind, desk.now(), text);
        alert.partner = Some(self.route.agreement.partner.to_string());
        alert.agreement = Some(self.route.agreement.name.to_string());
        alert.disclosure = Some(self.route.disclosure.name.to_string());
        alert.purpose = Some(self.purpose.to_string());
        alert.request = Some(self.id.to_string());
        desk.alert(&alert);
    }

    /// The stop that `reason` is, with the term that it comes from.
    pub(crate) fn stop(&mut self, reason: Reason) -> Stop {
        match self.denied.take() {
            Some(stop) if stop.reason == reason => stop,
            Some(_) | None => Stop::from(reason),
        }
    }
}
