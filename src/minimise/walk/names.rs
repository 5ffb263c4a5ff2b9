//! The names of members: no second one of its kind in an object, and the automaton's next state.

use std::sync::Arc;

use super::super::gate::member_key;
use super::super::shapes::{Member, ShapeId};
use super::super::{BodyFault, FieldOutcome, Notice};
use super::single::Single;
use super::{Fault, Io, Key, Mode, Outcome, Walk};
use crate::plan::{Renames, hash_name};

/// Where the name of the member that is open stands, with its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameSpan {
    Window(usize, usize),
    /// In `name_kept`.
    Kept,
    /// In `renamed`: what it has become.
    Renamed,
}

impl Walk {
    /// The name of a member is read: the inside of its quotes is `bytes[from..to]`, and `bytes` start at
    /// offset `base` of the body.
    #[inline]
    pub(super) fn name_ends(&mut self, bytes: &[u8], from: usize, to: usize, base: u64) -> Outcome {
        let frame = self.frames.last_mut().expect("a name is in an object");
        if frame.shape != ShapeId::NONE
            && let Some(place) = self
                .shapes
                .find(frame.shape, frame.place, bytes, from, to - from)
        {
            let member = self.shapes.member(frame.shape, place);
            frame.key = member.key;
            let bit = 1 << place;
            if frame.seen & bit != 0 {
                return Err(self.named_twice(base + to as u64));
            }
            frame.seen |= bit;
            frame.place = place + 1;
            frame.next = member.next;
            frame.single = member.single;
            return Ok(());
        }
        self.new_name(bytes, from, to, base)
    }

    /// A name that the shape lacks, or one in an object without a shape.
    #[inline(never)]
    pub(super) fn new_name(&mut self, bytes: &[u8], from: usize, to: usize, base: u64) -> Outcome {
        let frame = self.frames.last_mut().expect("a name is in an object");
        frame.key = Key::Other;
        let inside = &bytes[from..to];
        if inside.len() > self.limits.name_bytes {
            return Err(self.name_too_long());
        }
        let escapes = inside.contains(&b'\\');
        let name = if escapes {
            self.scratch.clear();
            crate::transform::unescape(inside, &mut self.scratch);
            &self.scratch[..]
        } else {
            inside
        };
        let automaton = self.plan.automaton();
        let hash = hash_name(name, automaton.seed());
        frame.next = match frame.mode {
            Mode::Walk(state) => {
                let (next, key) = automaton.member(state, name, hash);
                frame.key = key.map_or(Key::Other, Key::Known);
                next.into()
            }
            Mode::Skip | Mode::Copy | Mode::Hold | Mode::Asked(_) => frame.mode,
        };
        frame.single = Single::of(&self.plan, frame.next);
        if let (Mode::Walk(state), Key::Other, Mode::Walk(next)) =
            (frame.mode, frame.key, frame.next)
            && let Some(notice) = self.notice()
            && self.plan.automaton().state(next).is_unnamed()
            && notice.is_new(member_key(hash, state))
        {
            notice.tell(&self.path_of_names(name));
        }
        let frame = self.frames.last_mut().expect("a name is in an object");
        if frame.shape != ShapeId::NONE {
            if !escapes && self.shapes.has_room(frame.shape, inside.len()) {
                let place = frame.place;
                let low = (1 << place) - 1;
                frame.seen = frame.seen & low | (frame.seen & !low) << 1 | 1 << place;
                frame.place = place + 1;
                self.shapes.insert(
                    frame.shape,
                    place,
                    Member::new(inside, hash, frame.next, frame.single, frame.key),
                );
                return Ok(());
            }
            // From here on the object's names are compared by their hashes.
            let mut seen = frame.seen;
            while seen != 0 {
                let place = seen.trailing_zeros() as usize;
                seen &= seen - 1;
                self.names
                    .enter(frame.names_at, self.shapes.member(frame.shape, place).hash);
            }
            frame.shape = ShapeId::NONE;
        }
        let renames = frame.renames;
        // Of names that become others both are entered.
        let each = if renames == Renames::No { 1 } else { 2 };
        if self.names.count(frame.names_at) >= each * self.limits.object_members {
            let mut fault = self.named_twice(base + to as u64);
            fault.fault = BodyFault::TooManyMembers;
            return Err(fault);
        }
        if !self.names.enter(frame.names_at, hash) {
            return Err(self.named_twice(base + to as u64));
        }
        match renames {
            Renames::No | Renames::LeftOut => Ok(()),
            Renames::Conflict => {
                self.member_stays(FieldOutcome::Conflict);
                Ok(())
            }
            Renames::By(rule) => self.rename(rule, &bytes[from - 1..=to], base + to as u64),
        }
    }

    fn notice(&self) -> Option<&dyn Notice> {
        self.setting.occasion()?.notice.as_deref()
    }

    /// Where the member `name` of the open object is, positions left out.
    fn path_of_names(&self, name: &[u8]) -> String {
        let mut path = String::from("$");
        let (_, around) = self.frames.split_last().expect("a name is in an object");
        for frame in around {
            match (frame.object, frame.key, frame.mode) {
                (true, Key::Known(slot), Mode::Walk(state)) => {
                    path.push('.');
                    path.push_str(self.plan.automaton().name(state, slot));
                }
                (true, _, _) => path.push_str(".*"),
                (false, _, _) => path.push_str("[*]"),
            }
        }
        path.push('.');
        path.push_str(&String::from_utf8_lossy(name));
        path
    }

    /// The member that is open leaves, if it does, by the name that `rule` makes of `name`, which has its quotes.
    fn rename(&mut self, rule: u32, name: &[u8], seen: u64) -> Outcome {
        let plan = Arc::clone(&self.plan);
        let (transform, refuse) = plan.renaming(rule);
        self.renamed.clear();
        let fits = transform
            .apply(name, &mut self.setting, &mut self.renamed)
            .is_ok();
        if !fits || self.renamed == b"null" {
            self.member_stays(FieldOutcome::Mismatch);
            return match refuse {
                true => Err(Box::new(Fault {
                    fault: BodyFault::Mismatch,
                    offset: self.name_start,
                    seen,
                    depth: None,
                })),
                false => Ok(()),
            };
        }
        if self.renamed.first() != Some(&b'"') {
            // A name is text, whatever it is of.
            self.renamed.insert(0, b'"');
            self.renamed.push(b'"');
        }
        self.name = NameSpan::Renamed;
        self.tally.count(transform.outcome());
        // Two names that become one would be a name that stands twice in what leaves.
        let frame = self.frames.last().expect("a name is in an object");
        let hash = hash_name(&self.renamed, !plan.automaton().seed());
        match self.names.enter(frame.names_at, hash) {
            true => Ok(()),
            false => Err(self.named_twice(seen)),
        }
    }

    /// The member that is open stays behind, whatever it is, because of its name.
    fn member_stays(&mut self, outcome: FieldOutcome) {
        self.tally.count(outcome);
        let frame = self.frames.last_mut().expect("a name is in an object");
        frame.next = Mode::Skip;
        frame.single = Single::Crossed;
    }

    #[cold]
    pub(super) fn named_twice(&self, seen: u64) -> Box<Fault> {
        Box::new(Fault {
            fault: BodyFault::DuplicateName,
            offset: self.name_start,
            seen,
            depth: None,
        })
    }

    /// Its path ends with the object: of the name itself only a part may have been read.
    pub(super) fn name_too_long(&self) -> Box<Fault> {
        let offset = self.name_start + 1 + self.limits.name_bytes as u64;
        let depth = Some(self.frames.len() - 1);
        Box::new(Fault {
            fault: BodyFault::NameTooLong,
            offset,
            seen: offset,
            depth,
        })
    }

    /// Keeps the open member's name beyond its window.
    pub(super) fn keep_name(&mut self, io: &Io<'_>) {
        if let NameSpan::Window(from, to) = self.name {
            self.name_kept.clear();
            self.name_kept.extend_from_slice(&io.window[from..to]);
            self.name = NameSpan::Kept;
        }
    }
}
