//! What becomes of an element, and what of its start tag leaves.

use super::super::reference::{push_value, resolve_value};
use super::super::tag::Tag;
use super::super::{Fault, Outcome};
use super::{Frame, Mode, Opening, Walk};
use crate::minimise::FieldOutcome;
use crate::minimise::text::Fate;
use crate::plan::{Branch, Leaf, StateId, hash_name};

impl Walk {
    /// What becomes of an element that is walked: `frame` is told.
    pub(super) fn opens(
        &mut self,
        id: StateId,
        frame: &mut Frame,
        tag: &Tag,
        raw: &[u8],
    ) -> Outcome {
        let state = self.plan.automaton().state(id);
        let (leaf, branch) = (state.leaf, state.branch);
        let looked_into = state.walked || state.subject;
        frame.mode = Mode::Walk(id);
        // Whether its opening leaves before it is known what is in it.
        let at_once = match branch {
            Branch::KeepAll if !looked_into => {
                self.tally.count(FieldOutcome::KeepAll);
                frame.mode = Mode::Copy;
                self.copies(frame, tag, raw);
                return Ok(());
            }
            Branch::KeepAll => true,
            Branch::Structure { even_empty, .. } => even_empty,
            Branch::Mismatch { .. } => false,
            Branch::Undeclared | Branch::Drop | Branch::Conflict => {
                self.tally.count(branch.outcome());
                if looked_into {
                    self.attributes(id, frame, tag, raw)?;
                } else {
                    frame.mode = Mode::Skip;
                }
                if branch != Branch::Conflict {
                    return Ok(());
                }
                false
            }
        };
        // A root that a rule names leaves, if only as its tags.
        let named_root = self.frames.len() == 1 && frame.known.is_some();
        if branch == Branch::Conflict && !named_root {
            return Ok(());
        }
        frame.faithful = leaf == Leaf::KeepAll;
        self.opening.clear();
        self.opening.extend_from_slice(&raw[..tag.name.end]);
        if self.scope.any() {
            if frame.faithful {
                self.scope.all_leave(frame.scope);
            } else {
                self.scope.need_agreed(frame.scope, &mut self.opening);
            }
            let prefix = tag.name.colon.map_or(&b""[..], |colon| &raw[1..colon]);
            self.scope.need(prefix, &mut self.opening);
        }
        let some = branch != Branch::Conflict && self.attributes(id, frame, tag, raw)?;
        if frame.faithful {
            let end = tag
                .attributes
                .last()
                .map_or(tag.name.end, |last| last.span().end);
            self.opening.extend_from_slice(&raw[end..]);
        } else if !tag.empty {
            self.opening.push(b'>');
        }
        let leaves = at_once || some || named_root;
        frame.opening = if leaves {
            Opening::Left
        } else {
            Opening::Waits
        };
        // An empty element is decided at its end, which comes next.
        if !tag.empty && leaves {
            self.unstage();
            self.out.extend_from_slice(&self.opening);
        } else if !tag.empty {
            self.staged.extend_from_slice(&self.opening);
        }
        Ok(())
    }

    /// Decides the attributes of the element that starts; those that leave are appended to its opening. Whether any did.
    pub(super) fn attributes(
        &mut self,
        id: StateId,
        frame: &Frame,
        tag: &Tag,
        raw: &[u8],
    ) -> Outcome<bool> {
        let mut some = false;
        let mut end = tag.name.end;
        for attribute in &tag.attributes {
            let before = std::mem::replace(&mut end, attribute.span().end);
            let written = &raw[before..end];
            if attribute.declares(raw) {
                if frame.faithful {
                    self.opening.extend_from_slice(written);
                }
                continue;
            }
            let automaton = self.plan.automaton();
            self.known.clear();
            let colon = attribute.colon.map(|colon| colon - attribute.start);
            self.scope
                .attribute(attribute.name(raw), colon, &mut self.known);
            let hash = hash_name(&self.known, automaton.seed());
            let (child, known) = automaton.member(id, &self.known, hash);
            let child = child.settled();
            if known.is_none() {
                self.tells(id, child, hash, Some(frame.known));
            }
            let state = automaton.state(child);
            self.resolved.clear();
            if state.collects() {
                resolve_value(attribute.value(raw), &mut self.resolved);
            }
            // The window was checked as UTF-8.
            let value = std::str::from_utf8(&self.resolved).unwrap_or_default();
            if state.subject && self.record.is_some() {
                self.record_subjects.extend(self.texts.subject(value));
            }
            let fate = match self.texts.decide(child, value, &mut self.tally) {
                Ok(Fate::Stays) => continue,
                Ok(fate) => fate,
                Err(fault) => {
                    let mut fault = Fault::at(fault, frame.offset + attribute.start as u64);
                    fault.path = Some(self.attribute_path(frame, id, known));
                    self.refuse(fault)?;
                    continue;
                }
            };
            some = true;
            if let Some(colon) = attribute.colon {
                self.scope
                    .need(&raw[attribute.start..colon], &mut self.opening);
            }
            match fate {
                Fate::Leaves if frame.faithful => self.opening.extend_from_slice(written),
                Fate::Stays | Fate::Leaves => {
                    self.opening.push(b' ');
                    self.opening.extend_from_slice(&raw[attribute.span()]);
                }
                Fate::Changed(value) => {
                    self.opening.push(b' ');
                    self.opening.extend_from_slice(attribute.name(raw));
                    self.opening.push(b'=');
                    push_value(value, &mut self.opening);
                }
            }
        }
        Ok(some)
    }

    /// The opening of an element that leaves as it is written, with the declarations that it lacks out there.
    pub(super) fn copies(&mut self, frame: &mut Frame, tag: &Tag, raw: &[u8]) {
        frame.opening = Opening::Left;
        self.unstage();
        self.opening.clear();
        if self.scope.any() {
            self.scope.all_leave(frame.scope);
            let prefix = tag.name.colon.map_or(&b""[..], |colon| &raw[1..colon]);
            self.scope.need(prefix, &mut self.opening);
            for attribute in &tag.attributes {
                if let Some(colon) = attribute.colon
                    && !attribute.declares(raw)
                {
                    self.scope
                        .need(&raw[attribute.start..colon], &mut self.opening);
                }
            }
        }
        if self.opening.is_empty() {
            self.out.extend_from_slice(raw);
        } else {
            let (name, rest) = raw.split_at(tag.name.end);
            self.out.extend_from_slice(name);
            self.out.extend_from_slice(&self.opening);
            self.out.extend_from_slice(rest);
        }
    }

    /// The openings that waited leave.
    #[inline]
    pub(super) fn unstage(&mut self) {
        if self.staged.is_empty() {
            return;
        }
        self.out.extend_from_slice(&self.staged);
        self.staged.clear();
        for frame in self.frames.iter_mut().rev() {
            match frame.opening {
                Opening::Waits => frame.opening = Opening::Left,
                Opening::Left | Opening::Stays => break,
            }
        }
    }

    /// An element that is one tag ends: a single value without text.
    pub(super) fn empty_ends(&mut self, frame: &Frame, name: &[u8]) {
        let Mode::Walk(id) = frame.mode else {
            return;
        };
        let leaves = match self.plan.automaton().state(id).leaf {
            Leaf::Keep | Leaf::KeepAll | Leaf::Transform(_) => {
                self.texts.decide(id, "", &mut self.tally) == Ok(Fate::Leaves)
            }
            Leaf::Undeclared | Leaf::Drop | Leaf::Conflict => false,
        };
        if !leaves && frame.opening != Opening::Left {
            return;
        }
        self.unstage();
        self.out.extend_from_slice(&self.opening);
        if !leaves {
            self.out.extend_from_slice(b"></");
            self.out.extend_from_slice(name);
            self.out.push(b'>');
        } else if !frame.faithful {
            self.out.extend_from_slice(b"/>");
        }
        self.left |= self.frames.len() == 1;
    }
}
