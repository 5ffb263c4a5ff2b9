//! Records: what they produce leaves at their end or, with a condition that does not hold, never.

use super::super::reference::resolve_value;
use super::super::tag::Tag;
use super::super::{Fault, Outcome};
use super::{Before, Ended, Frame, Opening, Record, Walk, path};
use crate::minimise::gate::Withheld;
use crate::minimise::{BodyFault, Tally};

impl Walk {
    /// A record starts at `offset`, in the elements that are open.
    #[cold]
    pub(super) fn record_starts(&mut self, offset: u64) {
        if self.record.is_some() {
            return;
        }
        self.from = self.out.len();
        self.noting = !self.plan.known().is_empty();
        let waits = |frame: &Frame| frame.opening == Opening::Waits;
        let decides = self.plan.decides_records() && !self.noting;
        let before = decides.then(|| Before {
            staged: self.staged.clone(),
            waits_from: self
                .frames
                .iter()
                .position(waits)
                .unwrap_or(self.frames.len()),
            tally: self.tally.clone(),
            refused: None,
        });
        self.viewing = before.is_some() || self.noting;
        if self.viewing {
            self.view.start(self.frames.is_empty());
        }
        self.record = Some(Record {
            start: offset,
            depth: self.frames.len(),
            before,
        });
    }

    /// The open record ends before the offset `end`: it leaves, or with its condition not met it never was.
    pub(super) fn record_ends(&mut self, end: u64) -> Outcome<Ended> {
        if let Some(limit) = self.reached(end) {
            return Err(limit);
        }
        let record = self.record.take().expect("one is open");
        if self.noting {
            return self.noted_ends(record, end);
        }
        if let Some(before) = record.before {
            if let Err(why) = self.released(record.depth) {
                self.withhold(record.depth, before);
                self.tally.withhold(why);
                return Ok(Ended::Settled);
            }
            if let Some(refused) = before.refused {
                self.out.truncate(self.from);
                self.held.clear();
                return Err(refused);
            }
        }
        if !self.held.is_empty() {
            // What was produced in calls before comes first.
            let tail = self.out.split_off(self.from);
            self.out.append(&mut self.held);
            self.out.extend_from_slice(&tail);
        }
        self.tally.records_released += 1;
        if self.record_subjects.is_empty() {
            self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
        }
        self.subjects.append(&mut self.record_subjects);
        // Nothing that is known of a record is there for what stands outside it.
        self.texts.forgets();
        Ok(Ended::Settled)
    }

    /// The record at `depth`, which has been shown, as its conditions see it.
    fn released(&mut self, depth: usize) -> Result<(), Withheld> {
        self.viewing = false;
        let mut json = std::mem::take(&mut self.resolved);
        self.view.json(depth == 0, &mut json);
        let released = self.texts.released(&json);
        self.resolved = json;
        released
    }

    /// The open record, which was noted, ends before the offset `end`.
    fn noted_ends(&mut self, record: Record, end: u64) -> Outcome<Ended> {
        self.noting = false;
        if let Err(why) = self.released(record.depth) {
            self.forget_noted();
            self.tally.withhold(why);
            return Ok(Ended::Settled);
        }
        self.record = Some(record);
        self.walk_again(end)?;
        Ok(Ended::Again)
    }

    pub(super) fn withhold(&mut self, depth: usize, before: Before) {
        self.out.truncate(self.from);
        self.held.clear();
        self.record_subjects.clear();
        self.staged = before.staged;
        for frame in self.frames.iter_mut().skip(before.waits_from) {
            frame.opening = Opening::Waits;
        }
        self.tally = Tally {
            bytes_in: self.tally.bytes_in,
            bytes_out: self.tally.bytes_out,
            records_withheld: self.tally.records_withheld,
            withheld: self.tally.withheld,
            ..before.tally
        };
        if depth <= 1 {
            self.left = false;
        }
    }

    /// Shows the element that starts, whose name is in `known`, to the record's condition.
    pub(super) fn view_element(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        /// How many times what is held a view of it may be: a node is about 50 bytes, an element at least 4.
        const VIEW: usize = 16;
        if !self.view.element(&self.known) {
            return Ok(());
        }
        let name = self.known.len();
        for attribute in tag
            .attributes
            .iter()
            .filter(|attribute| !attribute.declares(raw))
        {
            // The element's own name is still needed.
            self.known.truncate(name);
            let colon = attribute.colon.map(|colon| colon - attribute.start);
            self.scope
                .attribute(attribute.name(raw), colon, &mut self.known);
            self.resolved.clear();
            resolve_value(attribute.value(raw), &mut self.resolved);
            self.view.attribute(&self.known[name..], &self.resolved);
        }
        self.known.truncate(name);
        // Long names of namespaces are the only way to this.
        if self.view.held() > self.limits.held_bytes.saturating_mul(VIEW) {
            return Err(Fault::at(BodyFault::HeldTooLarge, offset));
        }
        Ok(())
    }

    /// A mismatch that its rule refuses: in a record with a condition it waits for that.
    pub(super) fn refuse(&mut self, mut fault: Box<Fault>) -> Outcome {
        fault
            .path
            .get_or_insert_with(|| path(&self.plan, &self.frames, usize::MAX));
        match self
            .record
            .as_mut()
            .and_then(|record| record.before.as_mut())
        {
            Some(before) => {
                before.refused.get_or_insert(fault);
                Ok(())
            }
            None => Err(fault),
        }
    }

    /// Starts a call with `out` as it is: the open record's output starts here.
    pub(in super::super) fn resume(&mut self) {
        self.from = self.out.len();
    }

    /// Ends a call: what the open record produced waits for its end; after a fault it is gone.
    pub(in super::super) fn suspend(&mut self, failed: bool) {
        if self.record.is_some() {
            if !failed {
                self.held.extend_from_slice(&self.out[self.from..]);
            }
            self.out.truncate(self.from);
        }
    }

    /// The limit that a body read up to the offset `end` has gone over.
    pub(in super::super) fn reached(&self, end: u64) -> Option<Box<Fault>> {
        let record = self.record.as_ref()?;
        let held = self.limits.held_bytes as u64;
        (end.saturating_sub(record.start) > held).then(|| {
            let mut fault = Fault::at(BodyFault::HeldTooLarge, record.start + held);
            fault.path = Some(path(&self.plan, &self.frames, record.depth));
            fault
        })
    }

    /// The limit that was gone over before `fault` was seen, or `fault`.
    pub(in super::super) fn earlier(&self, fault: Box<Fault>) -> Box<Fault> {
        self.reached(fault.seen).unwrap_or(fault)
    }
}
