//! Text: the value of an element without child elements, or `#text` beside them.

use super::super::characters::{is_blank, is_space};
use super::super::reference::{push_text, resolve_text};
use super::super::{Fault, Outcome};
use super::{Data, Mode, Opening, TEXT, Use, Walk};
use crate::minimise::text::Fate;
use crate::minimise::{BodyFault, FieldOutcome};
use crate::plan::{Leaf, StateId};

impl Walk {
    pub(in super::super) fn text(&mut self, piece: &[u8], offset: u64, data: Data) -> Outcome {
        if self.noting {
            self.note_text(piece, offset, data)?;
        }
        if self.viewing {
            self.view.text(piece);
        }
        let frame = self.frames.last().expect("text stands in an element");
        let id = match frame.mode {
            Mode::Skip => return Ok(()),
            Mode::Copy => {
                self.out.extend_from_slice(piece);
                return Ok(());
            }
            Mode::Walk(id) => id,
        };
        let using = match self.using {
            Some(using) => using,
            None => *self.using.insert(self.use_of(id, frame.parent)),
        };
        self.inked = self.inked || inks(piece, data);
        match using {
            Use::Stays => {}
            Use::Leaves => self.out.extend_from_slice(piece),
            Use::Held => {
                let room = self.limits.held_bytes - self.text.len();
                if piece.len() > room {
                    let fault = Fault::at(BodyFault::HeldTooLarge, offset + room as u64);
                    return Err(self.earlier(fault));
                }
                self.text.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// What becomes of text in an element in state `id`, which has child elements or may yet have some.
    pub(super) fn use_of(&self, id: StateId, parent: bool) -> Use {
        let automaton = self.plan.automaton();
        let own = automaton.state(id);
        let beside = automaton.state(automaton.member(id, TEXT, self.text_hash).0.settled());
        let may_leave = |leaf: Leaf| match leaf {
            Leaf::Keep | Leaf::KeepAll | Leaf::Transform(_) => true,
            Leaf::Undeclared | Leaf::Drop | Leaf::Conflict => false,
        };
        let kept = own.leaf == Leaf::KeepAll && beside.leaf == Leaf::KeepAll;
        let asked = beside.subject || (own.subject && !parent);
        if kept && !asked {
            Use::Leaves
        } else if asked
            || may_leave(beside.leaf)
            || (!parent && may_leave(own.leaf))
            || own.leaf == Leaf::KeepAll
        {
            Use::Held
        } else {
            Use::Stays
        }
    }

    /// Text beside the child elements of the innermost element, in state `id`, ends.
    #[inline]
    pub(super) fn text_ends(&mut self, id: StateId) -> Outcome {
        match self.using.take() {
            None => Ok(()),
            Some(Use::Stays) if !std::mem::take(&mut self.inked) => Ok(()),
            Some(using) => self.inked_text_ends(id, using),
        }
    }

    pub(super) fn inked_text_ends(&mut self, id: StateId, using: Use) -> Outcome {
        let automaton = self.plan.automaton();
        let (beside, _) = automaton.member(id, TEXT, self.text_hash);
        let inked = using == Use::Stays || std::mem::take(&mut self.inked);
        if using == Use::Leaves {
            if inked {
                self.tally.count(FieldOutcome::KeepAll);
            }
            return Ok(());
        }
        if inked {
            self.decide_text(beside.settled())?;
        } else if automaton.state(id).leaf == Leaf::KeepAll {
            // White space is structure: it leaves in what is kept whole.
            self.out.extend_from_slice(&self.text);
        }
        self.text.clear();
        Ok(())
    }

    /// Decides the text that is held, the value of a node in `state`; whether it leaves.
    pub(super) fn decide_text(&mut self, id: StateId) -> Outcome<bool> {
        let state = self.plan.automaton().state(id);
        self.resolved.clear();
        if state.collects() {
            resolve_text(&self.text, &mut self.resolved);
        }
        // The windows were checked as UTF-8.
        let value = std::str::from_utf8(&self.resolved).unwrap_or_default();
        if state.subject && self.record.is_some() {
            self.record_subjects.extend(self.texts.subject(value));
        }
        let mut changed = std::mem::take(&mut self.opening);
        changed.clear();
        let leaves = match self.texts.decide(id, value, &mut self.tally) {
            Ok(Fate::Stays) => false,
            Ok(Fate::Leaves) => {
                changed.extend_from_slice(&self.text);
                true
            }
            Ok(Fate::Changed(text)) => {
                push_text(text, &mut changed);
                true
            }
            Err(fault) => {
                let offset = self.frames.last().map_or(0, |frame| frame.offset);
                self.refuse(Fault::at(fault, offset))?;
                false
            }
        };
        if leaves {
            self.unstage();
            self.out.extend_from_slice(&changed);
        }
        self.opening = changed;
        Ok(leaves)
    }

    /// The innermost element, in state `id`, had no child elements: it is its text.
    pub(super) fn single_ends(&mut self, id: StateId) -> Outcome {
        let using = self.using.take();
        let inked = std::mem::take(&mut self.inked);
        let opening = self.frames.last().expect("it is open").opening;
        let state = self.plan.automaton().state(id);
        match state.leaf {
            Leaf::KeepAll if using == Some(Use::Leaves) => self.tally.count(FieldOutcome::KeepAll),
            Leaf::Keep | Leaf::KeepAll | Leaf::Transform(_) => {
                self.decide_text(id)?;
            }
            // What never leaves was counted as it started; bare structure is no value.
            Leaf::Undeclared | Leaf::Drop | Leaf::Conflict => {
                if state.subject && self.record.is_some() {
                    self.resolved.clear();
                    resolve_text(&self.text, &mut self.resolved);
                    let value = std::str::from_utf8(&self.resolved).unwrap_or_default();
                    self.record_subjects.extend(self.texts.subject(value));
                }
                if inked && opening != Opening::Stays && state.leaf == Leaf::Undeclared {
                    self.tally.count(FieldOutcome::Undeclared);
                }
            }
        }
        self.text.clear();
        Ok(())
    }
}

/// Whether a reader sees more than white space in a piece of character data.
#[inline]
fn inks(piece: &[u8], data: Data) -> bool {
    let first = piece.iter().position(|byte| !is_space(*byte));
    match (data, first) {
        (Data::Mark, _) | (_, None) => false,
        (Data::Text, Some(first)) if piece[first] == b'&' => {
            let mut text = Vec::new();
            resolve_text(&piece[first..], &mut text);
            !is_blank(&text)
        }
        (Data::Text | Data::Section, Some(_)) => true,
    }
}
