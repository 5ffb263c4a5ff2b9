//! What stands around the documents of a body that has more than one: to selectors an array (or, of a form's parts,
//! an object) that no bracket in the body opens or closes.
//!
//! It is the outermost frame, open from the start. Its brackets count as written and no comma is due in it, so all
//! that it adds is the index of the document in hand, whether something of that left, and what must leave before.

use super::{Expect, Frame, Key, Mode, ShapeId, Single, Walk};
use crate::minimise::{FieldOutcome, SubjectToken};
use crate::plan::{Branch, Next, Renames};
use crate::transform::Known;

/// A rule says that a body whose root is no single value must be refused.
#[derive(Debug)]
pub(in crate::minimise) struct RootRefused;

impl Walk {
    /// Puts all that comes into a container that the body does not write.
    ///
    /// # Errors
    /// If the rules refuse such a body whatever is in it: a transform with `on_mismatch: refuse` selects its root.
    pub(in crate::minimise) fn enclose(&mut self) -> Result<(), RootRefused> {
        debug_assert!(self.frames.is_empty(), "the body has not begun");
        let root = self.plan.automaton().root();
        match self.plan.automaton().state(root).branch {
            Branch::Mismatch { refuse } => {
                self.tally.count(FieldOutcome::Mismatch);
                if refuse {
                    return Err(RootRefused);
                }
            }
            Branch::Structure { in_vain: true, .. } => self.tally.count(FieldOutcome::Mismatch),
            Branch::Structure { in_vain: false, .. }
            | Branch::Undeclared
            | Branch::Drop
            | Branch::Conflict
            | Branch::KeepAll => {}
        }
        let mode = Mode::Walk(root);
        let shape = if self.shaped {
            self.shapes.root(mode)
        } else {
            ShapeId::NONE
        };
        self.frames.push(Frame {
            mode,
            object: false,
            brackets: true,
            some: false,
            ranged: self.plan.automaton().state(root).ranged(),
            next: mode,
            single: Single::Asked,
            key: Key::Itself,
            staged_at: 0,
            names_at: self.names.start(),
            index: 0,
            length: 0,
            renames: Renames::No,
            shape,
            seen: 0,
            place: 0,
        });
        self.documents_are(self.plan.automaton().element(root, 0));
        self.documents_differ = false;
        self.outside = 1;
        Ok(())
    }

    /// The documents that come are what `next` says; for an array whose indexes matter, its own states decide instead.
    pub(in crate::minimise) fn documents_are(&mut self, next: Next) {
        self.documents_differ = true;
        let next = Mode::from(next);
        let single = Single::of(&self.plan, next);
        let around = self.around();
        around.next = next;
        if !around.ranged {
            around.single = single;
        }
    }

    /// The documents that come are checked, in whatever state, and nothing of them leaves.
    pub(in crate::minimise) fn documents_are_held(&mut self) {
        self.documents_differ = true;
        let around = self.around();
        around.next = Mode::Skip;
        around.single = Single::Crossed;
    }

    /// All that comes is in a record that is held around the walk: its subjects are looked for.
    pub(in crate::minimise) fn in_record(&mut self) {
        self.record_around = true;
    }

    /// What is known of the record around the walk.
    pub(in crate::minimise) fn knows(&mut self, known: Known) {
        *self.setting.known_mut() = known;
    }

    /// The subjects found in the record around the walk since the last call.
    pub(in crate::minimise) fn take_record_subjects(&mut self) -> Vec<SubjectToken> {
        std::mem::take(&mut self.record_subjects)
    }

    /// What leaves before the first byte of the document that comes, if something of it leaves.
    pub(in crate::minimise) fn lead(&mut self, lead: &[u8]) {
        self.staged.clear();
        self.staged.extend_from_slice(lead);
    }

    /// The document in hand has ended, and the next may come: whether something of it left.
    pub(in crate::minimise) fn document_ends(&mut self) -> bool {
        debug_assert_eq!(self.frames.len(), 1, "a document that has ended is closed");
        self.expect = Expect::Value;
        let around = self.around();
        around.index += 1;
        std::mem::take(&mut around.some)
    }

    /// The body goes on after `count` bytes that are none of the document's.
    pub(in crate::minimise) fn skips(&mut self, count: u64) {
        if let Some(hold) = &mut self.hold {
            hold.skips(self.raw.len(), count);
        }
    }

    fn around(&mut self) -> &mut Frame {
        self.frames
            .first_mut()
            .expect("the documents of such a body stand in a frame that never closes")
    }
}
