//! The walk over the tokens of a JSON body: grammar, names, fates, and what leaves.
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

use std::sync::Arc;

use super::grammar::OPEN;
use super::names::Names;
use super::scan::Tokens;
use super::shapes::{MEMBERS, Member, ShapeId, Shapes};
use super::tape::Tape;
use super::vector::Level;
use super::{BodyFault, FieldOutcome, Limits, SubjectToken, Tally};
use crate::plan::{Branch, Leaf, Plan, StateId, hash_name};

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
    /// Checked, its names too, and held until a condition is decided.
    Hold,
    /// As the state says.
    Walk(StateId),
}

#[derive(Debug)]
struct Frame {
    mode: Mode,
    object: bool,
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
    shape: ShapeId,
    /// With a shape: the names seen, a bit each, and the place of the next.
    seen: u64,
    place: usize,
}

/// What becomes of a single value, as far as that is known without looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    /// It is crossed: what is around it leaves or stays as one.
    Crossed,
    /// It stays, and is counted as this.
    Stays(FieldOutcome),
    /// It leaves, and is counted as this.
    Leaves(FieldOutcome),
    /// It must be looked at: a record, a subject, a transform's.
    Asked,
}

impl Single {
    fn of(plan: &Plan, mode: Mode) -> Self {
        let Mode::Walk(id) = mode else {
            return Self::Crossed;
        };
        let state = plan.automaton().state(id);
        if state.record || state.collects() {
            return Self::Asked;
        }
        match state.leaf {
            Leaf::Keep => Self::Leaves(FieldOutcome::Keep),
            Leaf::KeepAll => Self::Leaves(FieldOutcome::KeepAll),
            Leaf::Undeclared => Self::Stays(FieldOutcome::Undeclared),
            Leaf::Drop => Self::Stays(FieldOutcome::Drop),
            Leaf::Conflict => Self::Stays(FieldOutcome::Conflict),
            Leaf::Transform(_) => Self::Asked,
        }
    }
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

/// What becomes of the bytes of the single value that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Skip,
    /// They leave as they come.
    Copy,
    /// They are collected and decided at the end.
    Collect(StateId),
}

/// Where the name of the member that is open stands, with its quotes.
#[derive(Debug, Clone, Copy)]
enum NameSpan {
    Window(usize, usize),
    /// In `name_kept`.
    Kept,
}

/// A record, or something in it, that is held: from where, at which depth.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    depth: usize,
}

/// A record whose condition is not decided yet: its bytes.
#[derive(Debug)]
struct Hold {
    span: Span,
    raw: Vec<u8>,
    /// Where in the window the bytes start that `raw` lacks.
    from: usize,
}

/// One window and where its bytes go.
pub(super) struct Io<'a> {
    pub(super) window: &'a [u8],
    /// Offset of the window in the body.
    pub(super) base: u64,
    /// The range of the window that leaves next.
    run: (usize, usize),
    pub(super) out: &'a mut Vec<u8>,
}

impl<'a> Io<'a> {
    pub(super) fn new(window: &'a [u8], base: u64, out: &'a mut Vec<u8>) -> Self {
        Self {
            window,
            base,
            run: (0, 0),
            out,
        }
    }

    #[inline]
    fn flush(&mut self) {
        if self.run.0 != self.run.1 {
            self.out
                .extend_from_slice(&self.window[self.run.0..self.run.1]);
            self.run = (self.run.1, self.run.1);
        }
    }

    /// Lets a range of the window leave.
    #[inline]
    fn range(&mut self, from: usize, to: usize) {
        if self.run.1 != from {
            self.flush();
            self.run.0 = from;
        }
        self.run.1 = to;
    }

    /// Lets one byte of structure leave: the one at `at`, if it is that, for the sake of longer ranges.
    #[inline]
    fn byte(&mut self, byte: u8) {
        if self.run.0 != self.run.1 && self.window.get(self.run.1) == Some(&byte) {
            self.run.1 += 1;
        } else {
            self.bytes(&[byte]);
        }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        self.out.extend_from_slice(bytes);
        // What follows starts a range of its own.
        self.run = (usize::MAX, usize::MAX);
    }

    fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    fn fault(&self, fault: BodyFault, at: usize) -> Box<Fault> {
        Fault::at(fault, self.offset(at))
    }
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
    /// How many containers are open outside of the record that is walked again.
    base: usize,
    shapes: Shapes,
    /// Shapes are in use: not where an object may have fewer names than a shape.
    shaped: bool,
    name: NameSpan,
    name_kept: Vec<u8>,
    /// The name of the record that is held, whose members' names take `name`'s place.
    record_name: Vec<u8>,
    names: Names,
    /// Openings of containers that leave once something in them does.
    staged: Vec<u8>,
    /// The bytes of a single value that is collected over windows.
    collected: Vec<u8>,
    copying: bool,
    record: Option<Span>,
    hold: Option<Hold>,
    /// The depth at whose values' ends a record or a hold may end; the plain case looks at this only.
    watched: usize,
    /// The output of the open record from calls before, and where in `out` that of this call starts.
    held: Vec<u8>,
    mark: usize,
    replaying: bool,
    level: Level,
    replay_tokens: Tokens,
    tape: Tape,
    scratch: Vec<u8>,
    /// Subjects of the open record, and of records that left.
    record_subjects: Vec<SubjectToken>,
    pub(super) subjects: Vec<SubjectToken>,
    pub(super) tally: Tally,
}

/// No depth: nothing is watched.
const UNWATCHED: usize = usize::MAX;

/// Boxed, since faults are rare and results are returned for each value.
pub(super) type Outcome<T = ()> = Result<T, Box<Fault>>;

impl Walk {
    pub(super) fn new(plan: Arc<Plan>, level: Level) -> Self {
        Self {
            limits: plan.limits().clone(),
            run: false,
            root: Mode::Walk(plan.automaton().root()),
            base: 0,
            shapes: Shapes::default(),
            shaped: plan.limits().object_members >= MEMBERS && plan.limits().name_bytes >= MEMBERS,
            plan,
            frames: Vec::new(),
            expect: Expect::Value,
            open: Open::Nothing,
            using: Use::Skip,
            value_start: 0,
            name_start: 0,
            name: NameSpan::Kept,
            name_kept: Vec::new(),
            record_name: Vec::new(),
            names: Names::default(),
            staged: Vec::new(),
            collected: Vec::new(),
            copying: false,
            record: None,
            hold: None,
            watched: UNWATCHED,
            held: Vec::new(),
            mark: 0,
            replaying: false,
            level,
            replay_tokens: Tokens::default(),
            tape: Tape::default(),
            scratch: Vec::new(),
            record_subjects: Vec::new(),
            subjects: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Walks over the tokens of one window, then keeps what the window leaves open.
    pub(super) fn window(&mut self, tokens: &Tokens, io: &mut Io<'_>) -> Outcome {
        let walked = self.tokens(tokens, io);
        walked
            .and_then(|()| self.suspend(io))
            .map_err(|fault| self.earlier(fault))
    }

    fn tokens(&mut self, tokens: &Tokens, io: &mut Io<'_>) -> Outcome {
        let (positions, kinds, links) = (tokens.positions(), tokens.kinds(), tokens.links());
        let mut at = self.resume(tokens, io)?;
        let mut expect = self.expect;
        while let Some(&kind) = kinds.get(at) {
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
                    let from = positions[at] as usize;
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
                    self.single(from, end, io)?;
                    (at, expect) = match kinds.get(next) {
                        Some(b',') => (next + 1, Expect::Name),
                        Some(_) | None => (next, Expect::After),
                    };
                }
                Expect::Value if kind == b'"' => {
                    match positions.get(at + 1) {
                        Some(&end) => self.single(position, end as usize + 1, io)?,
                        None => self.single_opens(position, io),
                    }
                    (at, expect) = (at + 2, Expect::After);
                }
                Expect::Value if kind == b'0' => {
                    match links[at] {
                        OPEN => self.single_opens(position, io),
                        end => self.single(position, end as usize, io)?,
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
        // A container that stays behind is crossed to its end, which the grammar has found.
        if let Some(Frame {
            mode: Mode::Skip, ..
        }) = self.frames.last()
        {
            let depth = (self.frames.len() - 1 - self.base) as u32;
            let close = tokens
                .closes
                .iter()
                .find(|(of, token)| *of == depth && (*token as usize) < tokens.count());
            let Some((_, close)) = close else {
                return Ok(tokens.count());
            };
            self.container_ends(tokens.position(*close as usize), io)?;
            self.expect = Expect::After;
            return Ok(*close as usize + 1);
        }
        Ok(0)
    }

    // ---- names ----

    /// The name of a member is read: the inside of its quotes is `bytes[from..to]`, and `bytes` start at
    /// offset `base` of the body.
    #[inline]
    fn name_ends(&mut self, bytes: &[u8], from: usize, to: usize, base: u64) -> Outcome {
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
    fn new_name(&mut self, bytes: &[u8], from: usize, to: usize, base: u64) -> Outcome {
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
                Mode::Walk(next)
            }
            Mode::Skip | Mode::Copy | Mode::Hold => frame.mode,
        };
        frame.single = Single::of(&self.plan, frame.next);
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
        if self.names.count(frame.names_at) == self.limits.object_members {
            let mut fault = self.named_twice(base + to as u64);
            fault.fault = BodyFault::TooManyMembers;
            return Err(fault);
        }
        if !self.names.enter(frame.names_at, hash) {
            return Err(self.named_twice(base + to as u64));
        }
        Ok(())
    }

    #[cold]
    fn named_twice(&self, seen: u64) -> Box<Fault> {
        Box::new(Fault {
            fault: BodyFault::DuplicateName,
            offset: self.name_start,
            seen,
            depth: None,
        })
    }

    /// Its path ends with the object: of the name itself only a part may have been read.
    fn name_too_long(&self) -> Box<Fault> {
        let offset = self.name_start + 1 + self.limits.name_bytes as u64;
        let depth = Some(self.frames.len() - 1);
        Box::new(Fault {
            fault: BodyFault::NameTooLong,
            offset,
            seen: offset,
            depth,
        })
    }

    // ---- single values ----

    /// What becomes of the value that starts at `at`, and the bookkeeping if it is a record.
    #[inline]
    fn value_starts(&mut self, at: usize, io: &mut Io<'_>) -> Mode {
        let mode = match self.frames.last() {
            Some(Frame {
                ranged: true,
                mode: Mode::Walk(state),
                index,
                ..
            }) => Mode::Walk(self.plan.automaton().element(*state, *index)),
            Some(frame) => frame.next,
            None => self.root,
        };
        match mode {
            Mode::Walk(state) if self.plan.automaton().state(state).record => {
                self.record_starts(mode, at, io)
            }
            Mode::Walk(_) | Mode::Skip | Mode::Copy | Mode::Hold => mode,
        }
    }

    #[inline(never)]
    fn record_starts(&mut self, mode: Mode, at: usize, io: &mut Io<'_>) -> Mode {
        self.watched = self.frames.len();
        let span = Span {
            start: io.offset(at),
            depth: self.frames.len(),
        };
        if self.plan.condition().is_some() && !self.replaying {
            self.record_name.clear();
            self.record_name.extend_from_slice(match self.name {
                NameSpan::Window(from, to) => &io.window[from..to],
                NameSpan::Kept => &self.name_kept,
            });
            self.hold = Some(Hold {
                span,
                raw: Vec::new(),
                from: at,
            });
            return Mode::Hold;
        }
        if self.record.is_none() {
            io.flush();
            self.mark = io.out.len();
            self.record = Some(span);
        }
        mode
    }

    /// A string, number or literal that this window has whole.
    #[inline]
    fn single(&mut self, from: usize, end: usize, io: &mut Io<'_>) -> Outcome {
        match self
            .frames
            .last()
            .map_or(Single::Asked, |frame| frame.single)
        {
            Single::Crossed => Ok(()),
            Single::Stays(outcome) => {
                self.tally.count(outcome);
                Ok(())
            }
            Single::Leaves(outcome) => {
                self.tally.count(outcome);
                self.prefix(io);
                io.range(from, end);
                Ok(())
            }
            Single::Asked => self.single_asked(from, end, io),
        }
    }

    /// A single value that must be looked at, or that is the root.
    #[inline(never)]
    fn single_asked(&mut self, from: usize, end: usize, io: &mut Io<'_>) -> Outcome {
        match self.value_starts(from, io) {
            Mode::Skip | Mode::Copy | Mode::Hold => {}
            Mode::Walk(id) => {
                self.value_start = io.offset(from);
                self.decide(id, &io.window[from..end], end, io)?;
            }
        }
        self.value_ends(end, io)
    }

    /// A single value starts at `from` that this window cuts.
    #[cold]
    fn single_opens(&mut self, from: usize, io: &mut Io<'_>) {
        self.value_start = io.offset(from);
        self.open = Open::Single;
        self.run = io.window[from] != b'"';
        self.using = match self.value_starts(from, io) {
            Mode::Skip | Mode::Copy | Mode::Hold => Use::Skip,
            Mode::Walk(id) => {
                let state = self.plan.automaton().state(id);
                match state.leaf {
                    Leaf::Keep | Leaf::KeepAll if !state.subject => {
                        let outcome = if state.leaf == Leaf::Keep {
                            FieldOutcome::Keep
                        } else {
                            FieldOutcome::KeepAll
                        };
                        self.tally.count(outcome);
                        self.prefix(io);
                        io.range(from, from);
                        self.copying = true;
                        Use::Copy
                    }
                    Leaf::Undeclared
                    | Leaf::Drop
                    | Leaf::Conflict
                    | Leaf::Keep
                    | Leaf::KeepAll
                    | Leaf::Transform(_) => Use::Collect(id),
                }
            }
        };
        self.single_goes_on(from, io);
    }

    /// The window from `from` on belongs to the single value that is open.
    fn single_goes_on(&mut self, from: usize, io: &Io<'_>) {
        if let Use::Collect(state) = self.using
            && self.plan.automaton().state(state).collects()
        {
            self.collected.extend_from_slice(&io.window[from..]);
        }
    }

    /// The single value that windows before cut ends before `end`.
    #[cold]
    fn single_closes(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        match self.using {
            Use::Skip => {}
            Use::Copy => {
                io.range(0, end);
                self.copying = false;
            }
            Use::Collect(state) => {
                let mut collected = std::mem::take(&mut self.collected);
                if self.plan.automaton().state(state).collects() {
                    collected.extend_from_slice(&io.window[..end]);
                }
                self.decide(state, &collected, end, io)?;
                collected.clear();
                self.collected = collected;
            }
        }
        self.value_ends(end, io)
    }

    /// A single value does not leave; at the root `null` does in its place.
    #[inline]
    fn stays(&mut self, outcome: FieldOutcome, io: &mut Io<'_>) {
        self.tally.count(outcome);
        if self.frames.is_empty() {
            io.bytes(b"null");
        }
    }

    /// Decides a single value whose state asks for a look at it, or that stays.
    fn decide(&mut self, state: StateId, value: &[u8], end: usize, io: &mut Io<'_>) -> Outcome {
        let plan = Arc::clone(&self.plan);
        let state = plan.automaton().state(state);
        if state.collects() && value.len() > self.limits.held_bytes {
            let mut limit = self.held_too_large(self.value_start, self.frames.len());
            limit.seen = io.offset(end);
            return Err(limit);
        }
        if state.subject && self.record.is_some() {
            self.record_subjects
                .extend(plan.subjects().and_then(|subjects| subjects.token(value)));
        }
        let outcome = match state.leaf {
            Leaf::Keep => FieldOutcome::Keep,
            Leaf::KeepAll => FieldOutcome::KeepAll,
            Leaf::Drop => {
                self.stays(FieldOutcome::Drop, io);
                return Ok(());
            }
            Leaf::Undeclared => {
                self.stays(FieldOutcome::Undeclared, io);
                return Ok(());
            }
            Leaf::Conflict => {
                self.stays(FieldOutcome::Conflict, io);
                return Ok(());
            }
            Leaf::Transform(rule) => {
                let (transform, refuse) = plan.transform(rule);
                if value != b"null" {
                    let mut changed = std::mem::take(&mut self.scratch);
                    changed.clear();
                    let fits = transform.apply(value, &mut changed).is_ok();
                    if fits {
                        self.tally.count(transform.outcome());
                        self.prefix(io);
                        io.bytes(&changed);
                    }
                    self.scratch = changed;
                    if !fits {
                        self.stays(FieldOutcome::Mismatch, io);
                        if refuse {
                            let offset = self.value_start;
                            return Err(Box::new(Fault {
                                fault: BodyFault::Mismatch,
                                offset,
                                seen: io.offset(end),
                                depth: None,
                            }));
                        }
                    }
                    return Ok(());
                }
                transform.outcome()
            }
        };
        self.tally.count(outcome);
        self.prefix(io);
        io.bytes(value);
        Ok(())
    }

    // ---- containers ----

    /// A container starts with the token `token`; gives the token to go on from and what it is.
    fn container_starts(
        &mut self,
        token: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome<(usize, Expect)> {
        let at = tokens.position(token);
        let mut mode = self.value_starts(at, io);
        let (mut brackets, mut staged, mut ranged) = (false, false, false);
        if let Mode::Walk(id) = mode {
            let root = self.frames.is_empty();
            let state = self.plan.automaton().state(id);
            let (branch, walked) = (state.branch, state.walked);
            ranged = state.ranged();
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
                        io.range(at, at + 1);
                        brackets = true;
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
                    }
                }
            }
        }
        let object = tokens.kinds()[token] == b'{';
        let link = tokens.links()[token];
        if mode == Mode::Skip && link != OPEN && !brackets && (link as usize) < tokens.count() {
            self.value_ends(tokens.position(link as usize) + 1, io)?;
            return Ok((link as usize + 1, Expect::After));
        }
        let shape = if self.shaped && mode != Mode::Skip {
            self.shape(mode)
        } else {
            ShapeId::NONE
        };
        let staged_at = self.staged.len();
        if staged {
            self.stage(io.window[at], io);
        }
        let next = match mode {
            Mode::Walk(id) if !object && !ranged => {
                Mode::Walk(self.plan.automaton().element(id, 0))
            }
            Mode::Walk(_) | Mode::Skip | Mode::Copy | Mode::Hold => mode,
        };
        self.frames.push(Frame {
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
            shape,
            seen: 0,
            place: 0,
        });
        Ok(match mode {
            // Crossed to its end, in this window or one that comes.
            Mode::Skip if link != OPEN && (link as usize) < tokens.count() => {
                (link as usize, Expect::After)
            }
            Mode::Skip => (tokens.count(), Expect::After),
            Mode::Walk(_) | Mode::Copy | Mode::Hold => {
                (token + 1, if object { Expect::Name } else { Expect::Value })
            }
        })
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
            Mode::Walk(_) | Mode::Skip => {
                if frame.brackets {
                    io.range(at, at + 1);
                } else {
                    self.staged.truncate(frame.staged_at);
                }
            }
            Mode::Hold => {}
        }
        self.value_ends(at + 1, io)
    }

    /// A value ends before `end`.
    #[inline]
    fn value_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        if self.frames.len() == self.watched {
            self.watched_ends(end, io)
        } else {
            Ok(())
        }
    }

    // ---- what leaves ----

    /// Lets leave what stands before a value that passes: openings that waited, a comma, its name.
    #[inline]
    fn prefix(&mut self, io: &mut Io<'_>) {
        if !self.staged.is_empty() {
            self.unstage(io);
        }
        let Some(parent) = self.frames.last_mut() else {
            return;
        };
        if parent.some {
            io.byte(b',');
        }
        parent.some = true;
        if parent.object {
            match self.name {
                NameSpan::Window(from, to) => io.range(from, to),
                NameSpan::Kept => io.bytes(&self.name_kept),
            }
            io.byte(b':');
        }
    }

    /// The containers whose openings waited are open now.
    #[cold]
    fn unstage(&mut self, io: &mut Io<'_>) {
        io.bytes(&self.staged);
        self.staged.clear();
        for inner in (0..self.frames.len()).rev() {
            if std::mem::replace(&mut self.frames[inner].brackets, true) {
                break;
            }
            if let Some(outer) = inner.checked_sub(1) {
                self.frames[outer].some = true;
            }
        }
    }

    /// Keeps the opening of a container until something in it passes.
    fn stage(&mut self, bracket: u8, io: &Io<'_>) {
        if let Some(parent) = self.frames.last() {
            if parent.some {
                self.staged.push(b',');
            }
            if parent.object {
                match self.name {
                    NameSpan::Window(from, to) => {
                        self.staged.extend_from_slice(&io.window[from..to])
                    }
                    NameSpan::Kept => self.staged.extend_from_slice(&self.name_kept),
                }
                self.staged.push(b':');
            }
        }
        self.staged.push(bracket);
    }

    // ---- records ----

    /// A held or open record ends before `end`.
    #[cold]
    fn watched_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        if let Some(hold) = self.hold.take() {
            return self.hold_ends(hold, end, io);
        }
        if let Some(record) = self.record {
            if io.offset(end) - record.start > self.limits.held_bytes as u64 {
                return Err(self.held_too_large(record.start, record.depth));
            }
            self.record = None;
            self.watched = UNWATCHED;
            io.flush();
            if !self.held.is_empty() {
                // What left in calls before comes first.
                let tail = io.out.split_off(self.mark);
                io.out.append(&mut self.held);
                io.out.extend_from_slice(&tail);
            }
            self.tally.records_released += 1;
            if self.record_subjects.is_empty() {
                self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
            }
            self.subjects.append(&mut self.record_subjects);
        }
        Ok(())
    }

    /// A record is read to its end: its condition decides, and what is released is walked again.
    fn hold_ends(&mut self, mut hold: Hold, end: usize, io: &mut Io<'_>) -> Outcome {
        if io.offset(end) - hold.span.start > self.limits.held_bytes as u64 {
            return Err(self.held_too_large(hold.span.start, hold.span.depth));
        }
        self.watched = UNWATCHED;
        let element = if hold.raw.is_empty() {
            &io.window[hold.from..end]
        } else {
            hold.raw.extend_from_slice(&io.window[hold.from..end]);
            &hold.raw[..]
        };
        if self.tape.parse(element).is_err() {
            return Err(self.held_too_large(hold.span.start, hold.span.depth));
        }
        let plan = Arc::clone(&self.plan);
        let released = plan
            .condition()
            .is_none_or(|condition| condition.holds(&self.tape, element));
        if !released {
            self.tally.records_withheld += 1;
            if self.frames.is_empty() {
                io.bytes(b"null");
            }
            return Ok(());
        }
        std::mem::swap(&mut self.name_kept, &mut self.record_name);
        self.name = NameSpan::Kept;
        io.flush();
        self.mark = io.out.len();
        self.record = Some(hold.span);
        self.watched = hold.span.depth;
        self.replaying = true;
        self.expect = Expect::Value;
        let base = std::mem::replace(&mut self.base, self.frames.len());
        let mut tokens = std::mem::take(&mut self.replay_tokens);
        let replayed = super::json::replay(
            self,
            self.level,
            &mut tokens,
            element,
            hold.span.start,
            io.out,
        );
        self.replay_tokens = tokens;
        self.base = base;
        self.replaying = false;
        io.run = (usize::MAX, usize::MAX);
        replayed
    }

    /// Ends a call: what the open record produced waits for its end.
    pub(super) fn hold_back(&mut self, out: &mut Vec<u8>) {
        if self.record.is_some() {
            self.held.extend_from_slice(&out[self.mark..]);
            out.truncate(self.mark);
        }
    }

    /// Starts a call with `out` as it is: the open record's output starts here.
    pub(super) fn resume_at(&mut self, out: &[u8]) {
        self.mark = out.len();
    }

    /// After a fault: nothing that is held leaves.
    pub(super) fn roll_back(&mut self, out: &mut Vec<u8>) {
        if self.record.is_some() {
            out.truncate(self.mark);
        }
    }

    fn held_too_large(&self, start: u64, depth: usize) -> Box<Fault> {
        let offset = start + self.limits.held_bytes as u64;
        Box::new(Fault {
            fault: BodyFault::HeldTooLarge,
            offset,
            seen: offset,
            depth: Some(depth),
        })
    }

    // ---- windows, ends, faults ----

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
            hold.raw.extend_from_slice(&io.window[hold.from..]);
            hold.from = 0;
        }
        Ok(())
    }

    /// Keeps the open member's name beyond its window.
    fn keep_name(&mut self, io: &Io<'_>) {
        if let NameSpan::Window(from, to) = self.name {
            self.name_kept.clear();
            self.name_kept.extend_from_slice(&io.window[from..to]);
            self.name = NameSpan::Kept;
        }
    }

    /// The limit that a body read up to `seen` has gone over, the earliest if there are two.
    fn reached(&self, seen: u64) -> Option<Box<Fault>> {
        let held = self.limits.held_bytes as u64;
        let over = |start: u64, depth: usize| {
            (seen > start && seen - start > held).then(|| self.held_too_large(start, depth))
        };
        let collecting = match (self.open, self.using) {
            (Open::Single, Use::Collect(state))
                if self.plan.automaton().state(state).collects() =>
            {
                over(self.value_start, self.frames.len())
            }
            (Open::Single | Open::Nothing | Open::Name, _) => None,
        };
        let hold = self
            .hold
            .as_ref()
            .and_then(|hold| over(hold.span.start, hold.span.depth));
        let record = self
            .record
            .and_then(|record| over(record.start, record.depth));
        let record = if self.replaying { None } else { record };
        [hold, record, collecting]
            .into_iter()
            .flatten()
            .min_by_key(|fault| fault.offset)
    }

    /// The limit that was gone over before `fault` was seen, or `fault`.
    pub(super) fn earlier(&self, fault: Box<Fault>) -> Box<Fault> {
        match self.reached(fault.seen) {
            Some(limit) if limit.offset < fault.seen => limit,
            Some(_) | None => fault,
        }
    }

    /// The body, or the record that was walked again, ends: so does a number or literal that is it.
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
                (false, _, _) => path.push_str(&format!("[{}]", frame.index)),
            }
        }
        path
    }
}
