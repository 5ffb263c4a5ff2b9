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
//! A record is walked as it comes; with a condition what it produces is taken back if the condition does not hold.

use std::sync::Arc;

use super::characters::{is_blank, is_space};
use super::reference::{push_text, push_value, resolve_text, resolve_value};
use super::scope::{Mark, Scope};
use super::tag::{Attribute, Tag};
use super::view::View;
use super::{Fault, Outcome};
use crate::minimise::names::Names;
use crate::minimise::text::{Fate, Texts};
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
    pub(super) fn new(plan: Arc<Plan>, xml: &Xml) -> Self {
        let automaton = plan.automaton();
        let seed = automaton.seed();
        let spaced = automaton.state(automaton.root()).leaf == Leaf::KeepAll;
        Self {
            limits: plan.limits().clone(),
            texts: Texts::new(Arc::clone(&plan)),
            scope: Scope::new(xml, seed),
            plan,
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
            view: View::default(),
            viewing: false,
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
        if self.viewing || matches!(parent, Mode::Walk(_)) {
            self.known.clear();
            let colon = tag.name.colon.map(|colon| colon - 1);
            self.scope.element(name, colon, &mut self.known);
        }
        if let Mode::Walk(state) = parent {
            let automaton = self.plan.automaton();
            let hash = hash_name(&self.known, automaton.seed());
            let (state, known) = automaton.member(state, &self.known, hash);
            walked = Some((state, known));
            if automaton.state(state).record {
                self.record_starts(offset);
            }
        }
        if self.viewing {
            self.view_element(tag, raw, offset)?;
        }
        let mut frame = Frame {
            mode: parent,
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
        let mode = match branch {
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
        };
        self.frames.push(Frame {
            mode,
            opening: if branch.passes() {
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

    /// What becomes of an element that is walked: `frame` is told.
    fn opens(&mut self, id: StateId, frame: &mut Frame, tag: &Tag, raw: &[u8]) -> Outcome {
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
    fn attributes(&mut self, id: StateId, frame: &Frame, tag: &Tag, raw: &[u8]) -> Outcome<bool> {
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
    fn copies(&mut self, frame: &mut Frame, tag: &Tag, raw: &[u8]) {
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
    fn unstage(&mut self) {
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

    // ---- text ----

    pub(super) fn text(&mut self, piece: &[u8], offset: u64, data: Data) -> Outcome {
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
    fn use_of(&self, id: StateId, parent: bool) -> Use {
        let automaton = self.plan.automaton();
        let own = automaton.state(id);
        let beside = automaton.state(automaton.member(id, TEXT, self.text_hash).0);
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
    fn text_ends(&mut self, id: StateId) -> Outcome {
        match self.using.take() {
            None => Ok(()),
            Some(Use::Stays) if !std::mem::take(&mut self.inked) => Ok(()),
            Some(using) => self.inked_text_ends(id, using),
        }
    }

    fn inked_text_ends(&mut self, id: StateId, using: Use) -> Outcome {
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
            self.decide_text(beside)?;
        } else if automaton.state(id).leaf == Leaf::KeepAll {
            // White space is structure: it leaves in what is kept whole.
            self.out.extend_from_slice(&self.text);
        }
        self.text.clear();
        Ok(())
    }

    /// Decides the text that is held, the value of a node in `state`; whether it leaves.
    fn decide_text(&mut self, id: StateId) -> Outcome<bool> {
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

    /// The innermost element, in state `id`, had no child elements: it is its text.
    fn single_ends(&mut self, id: StateId) -> Outcome {
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

    /// An element that is one tag ends: a single value without text.
    fn empty_ends(&mut self, frame: &Frame, name: &[u8]) {
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
        {
            self.record_ends(end)?;
        }
        if self.frames.len() == 1 {
            self.frames.clear();
            self.place = Place::After;
            if self.record.is_some() {
                self.record_ends(end)?;
            }
            if !self.left {
                self.out.extend_from_slice(NOTHING);
            }
        }
        Ok(())
    }

    // ---- records ----

    /// A record starts at `offset`, in the elements that are open.
    #[cold]
    fn record_starts(&mut self, offset: u64) {
        if self.record.is_some() {
            return;
        }
        self.from = self.out.len();
        let waits = |frame: &Frame| frame.opening == Opening::Waits;
        let before = self.plan.condition().is_some().then(|| Before {
            staged: self.staged.clone(),
            waits_from: self
                .frames
                .iter()
                .position(waits)
                .unwrap_or(self.frames.len()),
            tally: self.tally.clone(),
            refused: None,
        });
        self.viewing = before.is_some();
        if self.viewing {
            self.view.start();
        }
        self.record = Some(Record {
            start: offset,
            depth: self.frames.len(),
            before,
        });
    }

    /// The open record ends before the offset `end`: it leaves, or with its condition not met it never was.
    fn record_ends(&mut self, end: u64) -> Outcome {
        if let Some(limit) = self.reached(end) {
            return Err(limit);
        }
        let record = self.record.take().expect("one is open");
        if let Some(before) = record.before {
            self.viewing = false;
            let mut json = std::mem::take(&mut self.resolved);
            self.view.json(record.depth == 0, &mut json);
            let released = self.texts.released(&json);
            self.resolved = json;
            if !released {
                self.withhold(record.depth, before);
                return Ok(());
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
        Ok(())
    }

    fn withhold(&mut self, depth: usize, before: Before) {
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
            records_withheld: self.tally.records_withheld + 1,
            ..before.tally
        };
        if depth <= 1 {
            self.left = false;
        }
    }

    /// Shows the element that starts, whose name is in `known`, to the record's condition.
    fn view_element(&mut self, tag: &Tag, raw: &[u8], offset: u64) -> Outcome {
        /// How many times what is held a view of it may be: a node is about 50 bytes, an element at least 4.
        const VIEW: usize = 16;
        self.view.element(&self.known);
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
    fn refuse(&mut self, mut fault: Box<Fault>) -> Outcome {
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

    // ---- calls, limits, faults ----

    /// Starts a call with `out` as it is: the open record's output starts here.
    pub(super) fn resume(&mut self) {
        self.from = self.out.len();
    }

    /// Ends a call: what the open record produced waits for its end; after a fault it is gone.
    pub(super) fn suspend(&mut self, failed: bool) {
        if self.record.is_some() {
            if !failed {
                self.held.extend_from_slice(&self.out[self.from..]);
            }
            self.out.truncate(self.from);
        }
    }

    /// The limit that a body read up to the offset `end` has gone over.
    pub(super) fn reached(&self, end: u64) -> Option<Box<Fault>> {
        let record = self.record.as_ref()?;
        let held = self.limits.held_bytes as u64;
        (end.saturating_sub(record.start) > held).then(|| {
            let mut fault = Fault::at(BodyFault::HeldTooLarge, record.start + held);
            fault.path = Some(path(&self.plan, &self.frames, record.depth));
            fault
        })
    }

    /// The limit that was gone over before `fault` was seen, or `fault`.
    pub(super) fn earlier(&self, fault: Box<Fault>) -> Box<Fault> {
        self.reached(fault.seen).unwrap_or(fault)
    }

    /// The path of what is open: names that the plan knows, others as `*`.
    pub(super) fn path(&self) -> String {
        path(&self.plan, &self.frames, usize::MAX)
    }

    fn attribute_path(&self, frame: &Frame, id: StateId, known: Option<u32>) -> String {
        let mut path = self.path();
        let parent = self.frames.last().map(|parent| parent.mode);
        push_name(&self.plan, parent, frame.known, &mut path);
        push_name(&self.plan, Some(Mode::Walk(id)), known, &mut path);
        path
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
