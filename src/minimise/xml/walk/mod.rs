//! The walk over a document's elements: names, fates, and what leaves.
//!
//! ```text
//! a start tag   its attributes, each by its own state; the element's opening leaves at once, waits until something
//!               in it passes, or never leaves
//! text          of an element without child elements its value, else `#text`; which of them it is, is known only at
//!               the next tag, so text that may leave is held until then
//! an end tag    decides a single value; closes what has left
//! ```
//!
//! A record is walked as it comes; with a condition what it produces is taken back if the condition does not hold. One of
//! which transforms must know something is read to its end first, and walked then ([`again`]).

mod again;
mod openings;
mod records;
mod text;

use std::sync::Arc;

use crate::transform::Occasion;

use again::Noted;

use super::scope::{Mark, Scope};
use super::tag::{Attribute, Tag};
use super::view::View;
use super::{Fault, Outcome};
use crate::minimise::gate::member_key;
use crate::minimise::names::Names;
use crate::minimise::text::Texts;
use crate::minimise::{BodyFault, FieldOutcome, Limits, SubjectToken, Tally};
use crate::plan::{Branch, Leaf, Plan, StateId, Xml, hash_name};

/// What leaves where nothing of the document does: a document has a root.
const NOTHING: &[u8] = b"<null/>";

/// How selectors name text that stands beside child elements.
const TEXT: &[u8] = b"#text";

/// Where in the document the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    Inside,
    After,
}

/// What a piece of character data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// Text with its references, each whole.
    Text,
    /// The inside of a section.
    Section,
    /// `<![CDATA[` or `]]>`.
    Mark,
}

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Checked, and nothing leaves.
    Skip,
    /// Checked, and all leaves.
    Copy,
    /// As the state says.
    Walk(StateId),
}

/// What became of an element's opening: its start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// It never leaves.
    Stays,
    /// It has left.
    Left,
    /// It waits in `staged`.
    Waits,
}

/// What becomes of text while it is not known what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It stays, whatever it is.
    Stays,
    /// It leaves, whatever it is.
    Leaves,
    /// It is held until it is known.
    Held,
}

#[derive(Debug)]
struct Frame {
    mode: Mode,
    opening: Opening,
    /// Kept whole: its tags leave as they are written, and so does the white space in it.
    faithful: bool,
    /// An element stood in it.
    parent: bool,
    /// Its number, if the plan knows its name where it stands.
    known: Option<u32>,
    /// Where its start tag stands in the body.
    offset: u64,
    name_at: usize,
    staged_at: usize,
    scope: Mark,
}

/// The record that is open.
#[derive(Debug)]
struct Record {
    start: u64,
    /// How many elements are open around it; the document itself counts.
    depth: usize,
    /// With a condition: what to go back to if it does not hold.
    before: Option<Before>,
}

/// What became of a record at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It has left, or stays behind.
    Settled,
    /// It has been walked again, its end included.
    Again,
}

#[derive(Debug)]
struct Before {
    staged: Vec<u8>,
    /// The first of the open elements whose opening waited.
    waits_from: usize,
    tally: Tally,
    /// The first mismatch in the record that its rule refuses: it counts only if the record leaves.
    refused: Option<Box<Fault>>,
}

/// The walk's state between two tags.
#[derive(Debug)]
pub(super) struct Walk {
    plan: Arc<Plan>,
    limits: Limits,
    texts: Texts,
    scope: Scope,
    /// The document itself, then the elements that are open.
    frames: Vec<Frame>,
    place: Place,
    /// The names of the elements that are open, as they are written.
    open_names: Vec<u8>,
    /// Openings that wait.
    staged: Vec<u8>,
    names: Names,
    /// The text that is open: what becomes of it, whether it is more than white space, what is held of it.
    using: Option<Use>,
    inked: bool,
    text: Vec<u8>,
    record: Option<Record>,
    /// The output of the open record from calls before, and where in `out` that of this call starts.
    held: Vec<u8>,
    from: usize,
    view: View,
    viewing: bool,
    /// The open record is read for the first time: what comes of it is noted, and nothing leaves.
    noting: bool,
    noted: Noted,
    /// Something of the root has left.
    left: bool,
    /// White space around the root leaves.
    spaced: bool,
    text_hash: u64,
    // Buffers that are filled again and again.
    known: Vec<u8>,
    opening: Vec<u8>,
    resolved: Vec<u8>,
    record_subjects: Vec<SubjectToken>,
    pub(super) subjects: Vec<SubjectToken>,
    pub(super) out: Vec<u8>,
    pub(super) tally: Tally,
}

impl Walk {
    pub(super) fn new(plan: Arc<Plan>, xml: &Xml, occasion: Occasion) -> Self {
        let automaton = plan.automaton();
        let seed = automaton.seed();
        let spaced = automaton.state(automaton.root()).leaf == Leaf::KeepAll;
        Self {
            limits: plan.limits().clone(),
            texts: Texts::new(Arc::clone(&plan), occasion),
            scope: Scope::new(xml, seed),
            frames: Vec::new(),
            place: Place::Before,
            open_names: Vec::new(),
            staged: Vec::new(),
            names: Names::default(),
            using: None,
            inked: false,
            text: Vec::new(),
            record: None,
            held: Vec::new(),
            from: 0,
            view: View::new(plan.asked_members()),
            plan,
            viewing: false,
            noting: false,
            noted: Noted::default(),
            left: false,
            spaced,
            text_hash: hash_name(TEXT, seed),
            known: Vec::new(),
            opening: Vec::new(),
            resolved: Vec::new(),
            record_subjects: Vec::new(),
            subjects: Vec::new(),
            out: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The name of the innermost element that is open, as it is written.
    #[inline]
    pub(super) fn open_name(&self) -> &[u8] {
        let frame = self.frames.last().expect("the document is open");
        &self.open_names[frame.name_at..]
    }

    pub(super) fn declaration(&mut self, raw: &[u8]) {
        self.out.extend_from_slice(raw);
    }

    /// White space before the root or after it.
    pub(super) fn space_outside(&mut self, space: &[u8]) {
        if self.spaced && (self.place == Place::Before || self.left) {
            self.out.extend_from_slice(space);
        }
    }

    // ---- start tags ----

    pub(super) fn start(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        self.start_tag(tag, raw, offset)
            .map_err(|fault| self.tag_fault(fault, offset + raw.len() as u64 - 1))
    }

    /// A fault of a tag whose last byte is at `end`: what a tag says is known only there.
    #[cold]
    fn tag_fault(&self, mut fault: Box<Fault>, end: u64) -> Box<Fault> {
        fault.seen = fault.seen.max(end);
        self.earlier(fault)
    }

    fn start_tag(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        if self.frames.is_empty() {
            self.document_starts(offset)?;
        }
        // The document's own frame is no element.
        if self.frames.len() > self.limits.depth {
            return Err(Fault::at(BodyFault::TooDeep, offset));
        }
        let scope = self.scope.mark();
        self.check_names(tag, raw, offset)?;
        self.child_comes()?;
        let parent = self.frames.last().expect("the document is open").mode;
        let name = &raw[1..tag.name.end];
        let mut walked = None;
        if (self.viewing && self.view.asks_names()) || matches!(parent, Mode::Walk(_)) {
            self.known.clear();
            let colon = tag.name.colon.map(|colon| colon - 1);
            self.scope.element(name, colon, &mut self.known);
        }
        if let Mode::Walk(state) = parent {
            let automaton = self.plan.automaton();
            let hash = hash_name(&self.known, automaton.seed());
            let (next, known) = automaton.member(state, &self.known, hash);
            let next = next.settled();
            if known.is_none() {
                self.tells(state, next, hash, None);
            }
            let state = next;
            walked = Some((state, known));
            if automaton.state(state).record {
                self.record_starts(offset);
            }
        }
        if self.noting {
            self.note_start(raw, offset)?;
        }
        if self.viewing {
            self.view_element(tag, raw, offset)?;
        }
        let mut frame = Frame {
            mode: if self.noting { Mode::Skip } else { parent },
            opening: Opening::Stays,
            faithful: false,
            parent: false,
            known: walked.and_then(|(_, known)| known),
            offset,
            name_at: self.open_names.len(),
            staged_at: self.staged.len(),
            scope,
        };
        match walked {
            Some(_) if self.noting => {}
            Some((state, _)) => self.opens(state, &mut frame, tag, raw)?,
            None if parent == Mode::Copy => self.copies(&mut frame, tag, raw),
            None => {}
        }
        if tag.empty {
            self.empty_ends(&frame, name);
            return self.element_ends(&frame, offset + raw.len() as u64);
        }
        self.open_names.extend_from_slice(name);
        self.frames.push(frame);
        Ok(())
    }

    /// The document as the object whose member is the root.
    fn document_starts(&mut self, offset: u64) -> Outcome {
        self.place = Place::Inside;
        let root = self.plan.automaton().root();
        let state = self.plan.automaton().state(root);
        let (branch, walked) = (state.branch, state.walked);
        if state.record {
            self.record_starts(offset);
        }
        let mode = if self.noting {
            Mode::Skip
        } else {
            match branch {
                Branch::KeepAll => {
                    self.tally.count(FieldOutcome::KeepAll);
                    Mode::Copy
                }
                Branch::Structure { in_vain, .. } => {
                    if in_vain {
                        self.tally.count(FieldOutcome::Mismatch);
                    }
                    Mode::Walk(root)
                }
                Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                    self.tally.count(branch.outcome());
                    if branch == (Branch::Mismatch { refuse: true }) {
                        self.refuse(Fault::at(BodyFault::Mismatch, offset))?;
                    }
                    if walked { Mode::Walk(root) } else { Mode::Skip }
                }
            }
        };
        self.frames.push(Frame {
            mode,
            opening: if branch.passes() && !self.noting {
                Opening::Left
            } else {
                Opening::Stays
            },
            faithful: self.spaced,
            parent: true,
            known: None,
            offset,
            name_at: 0,
            staged_at: 0,
            scope: self.scope.mark(),
        });
        Ok(())
    }

    /// Prefixes are declared, and no attribute stands twice.
    #[inline]
    fn check_names(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        if tag.prefixed || tag.name.colon.is_some() {
            self.scope.enter(tag, raw, &self.limits).map_err(|bad| {
                let at = bad.attribute.map_or(1, |index| tag.attributes[index].start);
                Fault::at(bad.fault, offset + at as u64)
            })?;
        }
        if tag.attributes.len() > 1 {
            self.check_attributes(tag, raw, offset)?;
        }
        Ok(())
    }

    fn check_attributes(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        let seed = self.plan.automaton().seed();
        let twice = |attribute: &Attribute| {
            Fault::at(BodyFault::DuplicateName, offset + attribute.start as u64)
        };
        let start = self.names.start();
        for attribute in &tag.attributes {
            if !self
                .names
                .enter(start, hash_name(attribute.name(raw), seed))
            {
                return Err(twice(attribute));
            }
        }
        self.names.close(start);
        if !tag.prefixed {
            return Ok(());
        }
        // Two prefixes may stand for one namespace (Namespaces §6.3).
        for attribute in &tag.attributes {
            if let Some(colon) = attribute.colon
                && !attribute.declares(raw)
            {
                let colon = colon - attribute.start;
                let hash = self.scope.expanded(attribute.name(raw), colon);
                if !self.names.enter(start, hash) {
                    return Err(twice(attribute));
                }
            }
        }
        self.names.close(start);
        Ok(())
    }

    /// A child of the innermost element comes: that element is no single value.
    #[inline]
    fn child_comes(&mut self) -> Outcome {
        let frame = self.frames.last_mut().expect("the document is open");
        let Mode::Walk(id) = frame.mode else {
            return Ok(());
        };
        if !frame.parent {
            frame.parent = true;
            let branch = self.plan.automaton().state(id).branch;
            match branch {
                Branch::Structure { in_vain: true, .. } => {
                    self.tally.count(FieldOutcome::Mismatch);
                }
                Branch::Mismatch { refuse } => return self.no_single_value(id, refuse),
                Branch::Structure { .. }
                | Branch::KeepAll
                | Branch::Undeclared
                | Branch::Drop
                | Branch::Conflict => {}
            }
        }
        self.text_ends(id)
    }

    /// The innermost element, in which only its text could have left, has a child.
    #[cold]
    fn no_single_value(&mut self, id: StateId, refuse: bool) -> Outcome {
        self.tally.count(FieldOutcome::Mismatch);
        self.using = None;
        self.inked = false;
        self.text.clear();
        let walked = self.plan.automaton().state(id).walked;
        let frame = self.frames.last_mut().expect("it is open");
        let offset = frame.offset;
        if frame.opening == Opening::Waits {
            frame.opening = Opening::Stays;
            self.staged.truncate(frame.staged_at);
        }
        if !walked {
            frame.mode = Mode::Skip;
        }
        if refuse {
            self.refuse(Fault::at(BodyFault::Mismatch, offset))?;
        }
        Ok(())
    }

    // ---- end tags ----

    pub(super) fn end(&mut self, name_end: usize, raw: &[u8], offset: u64) -> Outcome {
        self.end_tag(name_end, raw, offset)
            .map_err(|fault| self.tag_fault(fault, offset + raw.len() as u64 - 1))
    }

    fn end_tag(&mut self, name_end: usize, raw: &[u8], offset: u64) -> Outcome {
        let frame = self.frames.last().expect("the document is open");
        if self.open_names[frame.name_at..] != raw[2..name_end] {
            return Err(Fault::at(BodyFault::Malformed, offset + 2));
        }
        if self.noting {
            self.note_end(name_end, raw, offset)?;
        }
        let frame = self.frames.last().expect("the document is open");
        if let Mode::Walk(id) = frame.mode {
            if frame.parent {
                self.text_ends(id)?;
            } else {
                self.single_ends(id)?;
            }
        }
        let frame = self.frames.pop().expect("it was there");
        match (frame.mode, frame.opening) {
            (Mode::Copy, _) => self.out.extend_from_slice(raw),
            (Mode::Walk(_) | Mode::Skip, Opening::Left) if frame.faithful => {
                self.out.extend_from_slice(raw);
            }
            (Mode::Walk(_) | Mode::Skip, Opening::Left) => {
                self.out.extend_from_slice(&raw[..name_end]);
                self.out.push(b'>');
            }
            (Mode::Walk(_) | Mode::Skip, Opening::Waits) => self.staged.truncate(frame.staged_at),
            (Mode::Walk(_) | Mode::Skip, Opening::Stays) => {}
        }
        self.open_names.truncate(frame.name_at);
        self.element_ends(&frame, offset + raw.len() as u64)
    }

    /// An element ends before the offset `end`.
    #[inline]
    fn element_ends(&mut self, frame: &Frame, end: u64) -> Outcome {
        self.scope.leave(frame.scope);
        if self.viewing {
            self.view.element_ends();
        }
        if self.frames.len() == 1 {
            self.left |= frame.opening == Opening::Left;
        }
        if let Some(record) = &self.record
            && record.depth == self.frames.len()
            && self.record_ends(end)? == Ended::Again
        {
            return Ok(());
        }
        if self.frames.len() == 1 {
            self.frames.clear();
            self.place = Place::After;
            if self.record.is_some() && self.record_ends(end)? == Ended::Again {
                return Ok(());
            }
            if !self.left {
                self.out.extend_from_slice(NOTHING);
            }
        }
        Ok(())
    }

    // ---- paths ----

    /// The path of what is open: names that the plan knows, others as `*`.
    pub(super) fn path(&self) -> String {
        path(&self.plan, &self.frames, usize::MAX)
    }

    /// Tells whoever listens of the name in `known`, of a child of an element at the place `at`, which no rule names. It is an element,
    /// or an attribute of the element `of`, by its number if the plan knows it, in that.
    #[inline]
    fn tells(&self, at: StateId, next: StateId, hash: u64, of: Option<Option<u32>>) {
        if let Some(notice) = self.texts.notice()
            && self.plan.automaton().state(next).is_unnamed()
            && notice.is_new(member_key(hash, at))
        {
            let mut path = self.path();
            if let Some(of) = of {
                let parent = self.frames.last().map(|parent| parent.mode);
                push_name(&self.plan, parent, of, &mut path);
            }
            let name = String::from_utf8_lossy(&self.known);
            // What stands for a namespace that the agreement does not know says nothing to people.
            let (sign, rest) = match name.strip_prefix('@') {
                Some(rest) => ("@", rest),
                None => ("", name.as_ref()),
            };
            let local = rest.rsplit('}').next().unwrap_or(rest);
            path.push('.');
            path.push_str(sign);
            path.push_str(local);
            notice.tell(&path);
        }
    }

    fn attribute_path(&self, frame: &Frame, id: StateId, known: Option<u32>) -> String {
        let mut path = self.path();
        let parent = self.frames.last().map(|parent| parent.mode);
        push_name(&self.plan, parent, frame.known, &mut path);
        push_name(&self.plan, Some(Mode::Walk(id)), known, &mut path);
        path
    }
}

/// The path of the elements in the first `depth` of `frames`, the first of which is the document.
fn path(plan: &Plan, frames: &[Frame], depth: usize) -> String {
    let mut path = String::from("$");
    for pair in frames[..frames.len().min(depth)].windows(2) {
        push_name(plan, Some(pair[0].mode), pair[1].known, &mut path);
    }
    path
}

/// Appends the name of a child with the number `known` of an element that is `parent`.
fn push_name(plan: &Plan, parent: Option<Mode>, known: Option<u32>, path: &mut String) {
    match (parent, known) {
        (Some(Mode::Walk(state)), Some(slot)) => {
            path.push('.');
            path.push_str(plan.automaton().name(state, slot));
        }
        (_, _) => path.push_str(".*"),
    }
}
