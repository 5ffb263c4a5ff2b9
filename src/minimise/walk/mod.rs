//! The walk over the tokens of a JSON body: names, fates, and what leaves.
//!
//! ```text
//! for each token
//!     hold it against the grammar (`Expect`)
//!     a member name: no second one of its kind; the automaton's next state
//!     a value: its fate, from its state
//!         leaves     → pending brackets, comma, name, the value's bytes
//!         stays      → nothing; a container is still checked to its end
//!         transformed, or the subject → collected, then decided
//!         a structure → its own brackets, at once or once something in it passes
//! ```
//!
//! A token that a window leaves open is `Open`; everything else between two windows is in the fields. Bytes
//! that leave are copied as ranges of the window, adjacent ranges as one.

mod alike;
mod around;
mod held;
mod leave;
mod names;
mod single;
mod stride;

pub(super) use around::RootRefused;
pub(super) use leave::Io;
pub(super) use single::Single;

use std::cell::RefCell;
use std::sync::Arc;

use alike::Alike;
use held::{Hold, Span};
use names::NameSpan;
use single::Use;

use super::grammar::OPEN;
use super::looked::Looked;
use super::names::Names;
use super::nodes::Nodes;
use super::shapes::{MEMBERS, Opening, ShapeId, Shapes};
use super::tokens::Tokens;
use super::vector::Level;
use super::whole::Whole;
use super::{BodyFault, FieldOutcome, Limits, SubjectToken, Tally};
use crate::plan::{Branch, CandidateId, Next, Plan, Renames, StateId};
use crate::transform::{Occasion, Setting};

/// What ends a walk.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) fault: BodyFault,
    /// The byte that broke the rule.
    pub(super) offset: u64,
    /// How far the body had to be read to tell. A limit reached before that comes first, wherever the body was cut.
    pub(super) seen: u64,
    /// How many of the open containers the path names; `None` for all.
    pub(super) depth: Option<usize>,
}

impl Fault {
    /// A fault that shows at the byte that makes it.
    pub(super) fn at(fault: BodyFault, offset: u64) -> Box<Self> {
        Box::new(Self {
            fault,
            offset,
            seen: offset,
            depth: None,
        })
    }
}

/// What comes next. The grammar has been checked: this only says what the next token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value, or the end of an empty array.
    Value,
    /// A name, or the end of an empty object.
    Name,
    Colon,
    /// A comma or a closing bracket.
    After,
}

/// What becomes of the value that comes, or of all in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Checked, and nothing leaves.
    Skip,
    /// Checked, its names too, and all leaves.
    Copy,
    /// Held until it is whole; its names are checked once it is walked.
    Hold,
    /// As the state says.
    Walk(StateId),
    /// As the state says that its tests lead to.
    Asked(CandidateId),
}

impl From<Next> for Mode {
    fn from(next: Next) -> Self {
        match next {
            Next::State(state) => Self::Walk(state),
            Next::Asked(candidate) => Self::Asked(candidate),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    mode: Mode,
    pub(super) object: bool,
    /// Its opening bracket left, so its closing one does.
    brackets: bool,
    /// Something in it left, so a comma is due before the next.
    some: bool,
    /// Its elements' mode depends on their index.
    ranged: bool,
    /// What becomes of the member whose name was read, or of the elements.
    next: Mode,
    /// The same for a single value.
    single: Single,
    key: Key,
    /// Where its opening starts in `staged`, if that waits.
    staged_at: usize,
    names_at: usize,
    /// The index of the element that comes or is open.
    index: u64,
    /// How many elements it has, where its state counts them.
    length: u64,
    /// What becomes of its members' names.
    renames: Renames,
    shape: ShapeId,
    /// With a shape: the names seen, a bit each, and the place of the next.
    seen: u64,
    place: usize,
}

/// The member that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// None yet.
    Itself,
    /// One that the plan does not know here.
    Other,
    /// One that the plan knows here.
    Known(u32),
}

/// A token that the window before left open.
#[derive(Debug, Clone, Copy)]
enum Open {
    Nothing,
    Name,
    /// A string, number or literal.
    Single,
}

/// The walk's state between two tokens.
#[derive(Debug)]
pub(super) struct Walk {
    plan: Arc<Plan>,
    limits: Limits,
    frames: Vec<Frame>,
    expect: Expect,
    open: Open,
    /// What becomes of the single value that is open, and where it started.
    using: Use,
    value_start: u64,
    name_start: u64,
    /// The single value that is open is a number or literal.
    run: bool,
    /// What becomes of the root.
    root: Mode,
    shapes: Shapes,
    alike: Alike,
    /// Shapes are in use: not where an object may have fewer names than a shape.
    shaped: bool,
    /// No name that ends in the window that is walked has a backslash.
    unescaped: bool,
    name: NameSpan,
    name_kept: Vec<u8>,
    /// What the name of the open member has become, with quotes.
    renamed: Vec<u8>,
    names: Names,
    /// Openings of containers that leave once something in them does.
    staged: Vec<u8>,
    /// The bytes of a single value that is collected over windows.
    collected: Vec<u8>,
    copying: bool,
    record: Option<Span>,
    /// How many of the frames no bracket of the body opens.
    outside: usize,
    /// What becomes of the documents in those frames is not the same for each.
    documents_differ: bool,
    /// A record is open around all that is walked.
    record_around: bool,
    hold: Option<Hold>,
    /// The bytes of the value that is held, and what looks at it once it is whole.
    raw: Vec<u8>,
    whole: Whole,
    looked: RefCell<Looked>,
    /// How far the body was known when the last value that had to be whole was decided.
    known: u64,
    /// The depth at whose values' ends a record ends; the plain case looks at this only.
    watched: usize,
    /// The output of the open record from calls before, and where in `out` that of this call starts.
    held: Vec<u8>,
    mark: usize,
    level: Level,
    /// What transforms may know.
    setting: Setting,
    scratch: Vec<u8>,
    /// Subjects of the open record, and of records that left.
    record_subjects: Vec<SubjectToken>,
    pub(super) subjects: Vec<SubjectToken>,
    pub(super) tally: Tally,
}

/// Bytes of room that one part of the state keeps from body to body.
const ROOM_KEPT: usize = 64 << 10;

/// No depth: nothing is watched.
const UNWATCHED: usize = usize::MAX;

/// Boxed, since faults are rare and results are returned for each value.
pub(super) type Outcome<T = ()> = Result<T, Box<Fault>>;

impl Walk {
    pub(super) fn new(plan: Arc<Plan>, level: Level, occasion: Option<Occasion>) -> Self {
        Self::with(
            plan,
            occasion,
            Shapes::default(),
            Whole::new(level, usize::MAX),
            level,
        )
    }

    /// Forgets the body. What was learnt of shapes stays, and room for what is kept between windows; nothing else.
    pub(super) fn rest(&mut self) {
        fn emptied<T>(mut room: Vec<T>) -> Vec<T> {
            room.clear();
            if room.capacity() * size_of::<T>() > ROOM_KEPT {
                room = Vec::new();
            }
            room
        }
        let shapes = std::mem::take(&mut self.shapes).unless_full();
        let unused = Whole::new(self.level, usize::MAX);
        let whole = std::mem::replace(&mut self.whole, unused);
        let fresh = Self::with(Arc::clone(&self.plan), None, shapes, whole, self.level);
        let used = std::mem::replace(self, fresh);
        if !self.shapes.is_new() {
            self.alike = used.alike;
        }
        self.frames = emptied(used.frames);
        self.name_kept = emptied(used.name_kept);
        self.renamed = emptied(used.renamed);
        self.staged = emptied(used.staged);
        self.collected = emptied(used.collected);
        self.raw = emptied(used.raw);
        self.held = emptied(used.held);
        self.scratch = emptied(used.scratch);
    }

    /// Begins another body under `plan`, whose rules are those of the plan that it had, on `occasion`.
    pub(super) fn begin(&mut self, plan: &Arc<Plan>, occasion: Occasion) {
        debug_assert!(
            plan.walks_as(&self.plan),
            "what was learnt of bodies is of the rules"
        );
        if !Arc::ptr_eq(plan, &self.plan) {
            self.plan = Arc::clone(plan);
        }
        self.setting = Setting::new(Some(occasion));
    }

    fn with(
        plan: Arc<Plan>,
        occasion: Option<Occasion>,
        shapes: Shapes,
        whole: Whole,
        level: Level,
    ) -> Self {
        Self {
            limits: plan.limits().clone(),
            looked: RefCell::new(Looked::new(plan.limits(), plan.automaton().seed())),
            run: false,
            root: Mode::Walk(plan.automaton().root()),
            shapes,
            alike: Alike::default(),
            shaped: plan.limits().object_members >= MEMBERS && plan.limits().name_bytes >= MEMBERS,
            plan,
            frames: Vec::new(),
            expect: Expect::Value,
            open: Open::Nothing,
            using: Use::Skip,
            value_start: 0,
            name_start: 0,
            unescaped: false,
            name: NameSpan::Kept,
            name_kept: Vec::new(),
            renamed: Vec::new(),
            names: Names::default(),
            staged: Vec::new(),
            collected: Vec::new(),
            copying: false,
            record: None,
            outside: 0,
            documents_differ: false,
            record_around: false,
            hold: None,
            raw: Vec::new(),
            whole,
            known: 0,
            watched: UNWATCHED,
            held: Vec::new(),
            mark: 0,
            level,
            setting: Setting::new(occasion),
            scratch: Vec::new(),
            record_subjects: Vec::new(),
            subjects: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Walks over the tokens of one window, then keeps what the window leaves open.
    pub(super) fn window(&mut self, tokens: &Tokens, io: &mut Io<'_>) -> Outcome {
        self.looked.get_mut().forget();
        let walked = self.tokens(tokens, io);
        walked
            .and_then(|()| self.suspend(io))
            .map_err(|fault| self.earlier(fault))
    }

    fn tokens(&mut self, tokens: &Tokens, io: &mut Io<'_>) -> Outcome {
        let (positions, kinds, links) = (tokens.positions(), tokens.kinds(), tokens.links());
        // A name that the window before cut may have a backslash there; a value that was held is a window in another.
        let around = self.unescaped;
        self.unescaped = tokens.unescaped && !matches!(self.open, Open::Name);
        let mut at = self.resume(tokens, io)?;
        let mut expect = self.expect;
        while at < kinds.len() {
            (at, expect) = self.stride(at, expect, tokens, io)?;
            let Some(&kind) = kinds.get(at) else {
                break;
            };
            let position = positions[at] as usize;
            match expect {
                Expect::Name if kind == b'"' => {
                    self.name_start = io.offset(position);
                    let Some(&end) = positions.get(at + 1) else {
                        self.open = Open::Name;
                        self.name_kept.clear();
                        self.name_kept.extend_from_slice(&io.window[position..]);
                        at += 1;
                        continue;
                    };
                    self.name = NameSpan::Window(position, end as usize + 1);
                    self.name_ends(io.window, position + 1, end as usize, io.base)?;
                    // The colon is there; whether it is in this window or the next is all one.
                    let Some(&value) = kinds.get(at + 3) else {
                        (at, expect) = if at + 2 < kinds.len() {
                            (at + 3, Expect::Value)
                        } else {
                            (at + 2, Expect::Colon)
                        };
                        continue;
                    };
                    at += 3;
                    // Most members are single values: these are decided here, without another turn.
                    let ends = match value {
                        b'"' => positions.get(at + 1).map(|&end| (end as usize + 1, at + 2)),
                        b'0' => Some(links[at])
                            .filter(|&end| end != OPEN)
                            .map(|end| (end as usize, at + 1)),
                        _ => None,
                    };
                    let Some((end, next)) = ends else {
                        expect = Expect::Value;
                        continue;
                    };
                    self.single(at, end, tokens, io)?;
                    (at, expect) = match kinds.get(next) {
                        Some(b',') => (next + 1, Expect::Name),
                        Some(_) | None => (next, Expect::After),
                    };
                }
                Expect::Value if kind == b'"' => {
                    match positions.get(at + 1) {
                        Some(&end) => self.single(at, end as usize + 1, tokens, io)?,
                        None => self.single_opens(at, tokens, io)?,
                    }
                    (at, expect) = (at + 2, Expect::After);
                }
                Expect::Value if kind == b'0' => {
                    match links[at] {
                        OPEN => self.single_opens(at, tokens, io)?,
                        end => self.single(at, end as usize, tokens, io)?,
                    }
                    (at, expect) = (at + 1, Expect::After);
                }
                Expect::Value if kind != b']' => {
                    (at, expect) = self.container_starts(at, tokens, io)?
                }
                Expect::After if kind == b',' => {
                    let frame = self
                        .frames
                        .last_mut()
                        .expect("the grammar lets commas stand in containers only");
                    expect = if frame.object {
                        Expect::Name
                    } else {
                        frame.index += 1;
                        Expect::Value
                    };
                    at += 1;
                }
                Expect::Colon => (at, expect) = (at + 1, Expect::Value),
                Expect::Name | Expect::Value | Expect::After => {
                    self.container_ends(position, io)?;
                    (at, expect) = (at + 1, Expect::After);
                }
            }
        }
        self.expect = expect;
        self.unescaped = around;
        Ok(())
    }

    /// Goes on with what the window before left open; gives the token to go on from.
    #[inline]
    fn resume(&mut self, tokens: &Tokens, io: &mut Io<'_>) -> Outcome<usize> {
        let first = tokens.positions().first().map(|first| *first as usize);
        match self.open {
            Open::Nothing => {}
            Open::Name => {
                let Some(end) = first else {
                    self.name_kept.extend_from_slice(io.window);
                    return Ok(0);
                };
                self.name_kept.extend_from_slice(&io.window[..=end]);
                self.open = Open::Nothing;
                self.name = NameSpan::Kept;
                let name = std::mem::take(&mut self.name_kept);
                let before = name.len() as u64 - 1 - end as u64;
                let entered =
                    self.name_ends(&name, 1, name.len() - 1, io.base.wrapping_sub(before));
                self.name_kept = name;
                entered?;
                self.expect = Expect::Colon;
                return Ok(1);
            }
            Open::Single => {
                // A string is closed by the first token, a number or literal where the grammar found its end.
                let end = if self.run {
                    tokens.resumed
                } else {
                    first.map(|quote| quote + 1)
                };
                let Some(end) = end else {
                    self.single_goes_on(0, io);
                    return Ok(0);
                };
                self.open = Open::Nothing;
                self.single_closes(end, io)?;
                return Ok(usize::from(!self.run));
            }
        }
        // A container that stays behind, or is held, is crossed to its end, which the grammar has found.
        if let Some(Frame {
            mode: mode @ (Mode::Skip | Mode::Hold),
            ..
        }) = self.frames.last()
        {
            let held = *mode == Mode::Hold;
            let depth = (self.frames.len() - 1 - self.outside) as u32;
            let close = tokens
                .closes
                .iter()
                .find(|(of, token)| *of == depth && (*token as usize) < tokens.count());
            let Some((_, close)) = close else {
                return Ok(tokens.count());
            };
            let at = tokens.position(*close as usize);
            if held {
                self.frames.pop();
                self.hold_ends(at + 1, io)?;
            } else {
                self.container_ends(at, io)?;
            }
            self.expect = Expect::After;
            return Ok(*close as usize + 1);
        }
        Ok(0)
    }

    /// What becomes of the value that starts with `token`, and the bookkeeping if it is a record.
    #[inline]
    fn value_starts(&mut self, token: usize, tokens: &Tokens, io: &mut Io<'_>) -> Outcome<Mode> {
        let mode = match self.frames.last() {
            Some(Frame {
                ranged: true,
                mode: Mode::Walk(state),
                index,
                ..
            }) => self.plan.automaton().element(*state, *index).into(),
            Some(frame) => frame.next,
            None if self.plan.holds_document() => {
                return self.special_starts(self.root, token, tokens, io);
            }
            None => self.root,
        };
        match mode {
            Mode::Walk(state) if !self.plan.automaton().state(state).special() => Ok(mode),
            Mode::Walk(_) | Mode::Asked(_) => self.special_starts(mode, token, tokens, io),
            Mode::Skip | Mode::Copy | Mode::Hold => Ok(mode),
        }
    }

    /// A container starts with the token `token`; gives the token to go on from and what it is.
    fn container_starts(
        &mut self,
        token: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome<(usize, Expect)> {
        let at = tokens.position(token);
        let around = self.frames.last().map(|frame| (frame.mode, frame.next));
        let mut mode = self.value_starts(token, tokens, io)?;
        // What all around it leaves as it does too; what asks for more than a walk is decided each time.
        let mut opening = match around {
            Some((around, _)) if around == mode => Opening::Within,
            Some(_) | None => Opening::Plain,
        };
        let (mut length, mut ranged) = (0, false);
        let (mut brackets, mut staged) = (false, false);
        let object = tokens.kinds()[token] == b'{';
        let renames = self.renames(mode, object);
        if let Mode::Walk(id) = mode {
            let root = self.frames.is_empty();
            let state = self.plan.automaton().state(id);
            let (branch, walked) = (state.branch, state.walked);
            let plain = state.special() || !matches!(around, Some((_, Mode::Walk(_))));
            opening = Opening::Plain;
            ranged = state.ranged();
            if state.counted && tokens.kinds()[token] == b'[' {
                length = Nodes::new(io.window, tokens).children(token).count() as u64;
            }
            match branch {
                Branch::Structure {
                    even_empty,
                    kept: _,
                    in_vain,
                } => {
                    if in_vain {
                        self.tally.count(FieldOutcome::Mismatch);
                    }
                    if even_empty || root {
                        self.prefix(io);
                        match renames {
                            Renames::LeftOut => io.bytes(b"["),
                            Renames::No | Renames::By(_) | Renames::Conflict => {
                                io.range(at, at + 1);
                            }
                        }
                        brackets = true;
                        if !plain && !in_vain {
                            opening = Opening::Bare;
                        }
                    } else {
                        staged = true;
                    }
                }
                Branch::KeepAll => {
                    self.tally.count(FieldOutcome::KeepAll);
                    self.prefix(io);
                    io.range(at, at + 1);
                    self.copying = true;
                    mode = Mode::Copy;
                    brackets = true;
                    if !plain {
                        opening = Opening::Whole;
                    }
                }
                Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                    self.tally.count(branch.outcome());
                    if branch == (Branch::Mismatch { refuse: true }) {
                        return Err(io.fault(BodyFault::Mismatch, at));
                    }
                    if root {
                        // The root leaves as something: bare, unless a rule took it away.
                        brackets = branch.leaves_bare();
                        if brackets {
                            io.range(at, at + 1);
                        } else {
                            io.bytes(b"null");
                        }
                    }
                    if !walked {
                        mode = Mode::Skip;
                        if !plain {
                            opening = Opening::Skipped(branch.outcome());
                        }
                    }
                }
            }
        }
        let link = tokens.links()[token];
        // Names that become others are looked at one by one.
        if renames != Renames::No {
            opening = Opening::Plain;
        }
        let shape = if self.shaped && mode != Mode::Hold && renames == Renames::No {
            self.shape(mode)
        } else {
            ShapeId::NONE
        };
        if mode == Mode::Skip && link != OPEN && !brackets && (link as usize) < tokens.count() {
            if let Opening::Skipped(_) = opening {
                self.shapes.skip(shape, opening);
            }
            self.value_ends(tokens.position(link as usize) + 1, io)?;
            return Ok((link as usize + 1, Expect::After));
        }
        let staged_at = self.staged.len();
        if staged {
            let bracket = match renames {
                Renames::LeftOut => b'[',
                Renames::No | Renames::By(_) | Renames::Conflict => io.window[at],
            };
            self.stage(bracket, io);
        }
        let next = match mode {
            Mode::Walk(id) if !object && !ranged => self.plan.automaton().element(id, 0).into(),
            Mode::Walk(_) | Mode::Asked(_) | Mode::Skip | Mode::Copy | Mode::Hold => mode,
        };
        let frame = Frame {
            mode,
            object,
            brackets,
            some: false,
            ranged: ranged && !object,
            next,
            single: if ranged && !object {
                Single::Asked
            } else {
                Single::of(&self.plan, next)
            },
            key: Key::Itself,
            staged_at,
            names_at: self.names.start(),
            index: 0,
            length,
            renames,
            shape,
            seen: 0,
            place: 0,
        };
        self.frames.push(frame);
        self.shapes.open_as(shape, opening, frame);
        Ok(match mode {
            // Crossed to its end, in this window or one that comes.
            Mode::Skip if link != OPEN && (link as usize) < tokens.count() => {
                (link as usize, Expect::After)
            }
            Mode::Skip | Mode::Hold => (tokens.count(), Expect::After),
            Mode::Walk(_) | Mode::Asked(_) | Mode::Copy => {
                (token + 1, if object { Expect::Name } else { Expect::Value })
            }
        })
    }

    /// What becomes of the names in the container that starts in `mode`.
    fn renames(&self, mode: Mode, object: bool) -> Renames {
        match mode {
            Mode::Walk(id) if object => self.plan.automaton().state(id).renames,
            Mode::Walk(_) | Mode::Asked(_) | Mode::Skip | Mode::Copy | Mode::Hold => Renames::No,
        }
    }

    /// The shape of the container that starts in `mode`.
    fn shape(&mut self, mode: Mode) -> ShapeId {
        match self.frames.last() {
            None => self.shapes.root(mode),
            Some(Frame {
                shape: ShapeId::NONE,
                ..
            }) => ShapeId::NONE,
            Some(Frame {
                object: true,
                shape,
                place,
                ..
            }) => self.shapes.of_member(*shape, place - 1, mode),
            Some(Frame {
                object: false,
                shape,
                ..
            }) => self.shapes.of_element(*shape, mode),
        }
    }

    fn container_ends(&mut self, at: usize, io: &mut Io<'_>) -> Outcome {
        let frame = self
            .frames
            .pop()
            .expect("the grammar lets brackets close what is open only");
        self.names.close(frame.names_at);
        match frame.mode {
            Mode::Copy => {
                if frame.brackets {
                    io.run.1 = at + 1;
                    self.copying = false;
                }
            }
            Mode::Walk(_) | Mode::Asked(_) | Mode::Skip | Mode::Hold => {
                if frame.brackets && frame.renames == Renames::LeftOut {
                    io.bytes(b"]");
                } else if frame.brackets {
                    io.range(at, at + 1);
                } else {
                    self.staged.truncate(frame.staged_at);
                }
            }
        }
        self.value_ends(at + 1, io)
    }

    /// A value ends before `end`.
    #[inline]
    fn value_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        if self.frames.len() == self.watched {
            self.record_ends(end, io)
        } else {
            Ok(())
        }
    }

    /// The window ends: what is open is kept, within the limits.
    fn suspend(&mut self, io: &mut Io<'_>) -> Outcome {
        let end = io.window.len();
        if self.copying {
            io.run.1 = end;
        }
        io.flush();
        match self.open {
            Open::Name => {
                if self.name_kept.len() > self.limits.name_bytes + 1 {
                    return Err(self.name_too_long());
                }
            }
            Open::Nothing | Open::Single => self.keep_name(io),
        }
        if let Some(limit) = self.reached(io.offset(end)) {
            return Err(limit);
        }
        if let Some(hold) = &mut self.hold {
            self.raw.extend_from_slice(&io.window[hold.from..]);
            hold.from = 0;
        }
        Ok(())
    }

    /// The body ends: so does a number or literal that is it.
    pub(super) fn finish(&mut self, io: &mut Io<'_>) -> Outcome {
        if matches!(self.open, Open::Single) {
            self.open = Open::Nothing;
            self.single_closes(0, io)?;
            io.flush();
        }
        Ok(())
    }

    /// The path of what is open, to `depth` containers: names that the plan knows, others as `*`.
    pub(super) fn path(&self, depth: Option<usize>) -> String {
        let mut path = String::from("$");
        for frame in self.frames.iter().take(depth.unwrap_or(usize::MAX)) {
            match (frame.object, frame.key, frame.mode) {
                (true, Key::Itself, _) => {}
                (true, Key::Known(slot), Mode::Walk(state)) => {
                    path.push('.');
                    path.push_str(self.plan.automaton().name(state, slot));
                }
                (true, Key::Known(_) | Key::Other, _) => path.push_str(".*"),
                // A held value is named by where it stands, not by what is in it.
                (false, _, Mode::Hold) => {}
                (false, _, _) => path.push_str(&format!("[{}]", frame.index)),
            }
        }
        path
    }
}
