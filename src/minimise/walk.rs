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

use super::names::Names;
use super::scan::Tokens;
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

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    FirstElement,
    FirstName,
    NextName,
    Colon,
    AfterMember,
    AfterElement,
    End,
}

/// What becomes of the value that comes, or of all in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
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
    /// Where its opening starts in `staged`, if that waits.
    staged_at: usize,
    names_at: usize,
    /// The index of the element that comes or is open.
    index: u64,
    key: Key,
}

/// The member that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
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
    String,
    Scalar(Scalar),
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

/// A number or literal, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Literal { word: &'static [u8], read: u8 },
    Sign,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Scalar {
    fn start(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Sign),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Integer),
            b't' => Some(Self::Literal {
                word: b"true",
                read: 1,
            }),
            b'f' => Some(Self::Literal {
                word: b"false",
                read: 1,
            }),
            b'n' => Some(Self::Literal {
                word: b"null",
                read: 1,
            }),
            _ => None,
        }
    }

    /// With one byte more; `None` if the byte cannot belong to it (RFC 8259 §3, §6).
    #[inline]
    fn with(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Literal { word, read }, _) if word.get(read as usize) == Some(&byte) => {
                Some(Self::Literal {
                    word,
                    read: read + 1,
                })
            }
            (Self::Sign, b'0') => Some(Self::Zero),
            (Self::Sign, b'1'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::ExponentSign),
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Some(Self::ExponentDigits)
            }
            (
                Self::Literal { .. }
                | Self::Sign
                | Self::Zero
                | Self::Integer
                | Self::Point
                | Self::Fraction
                | Self::Exponent
                | Self::ExponentSign
                | Self::ExponentDigits,
                _,
            ) => None,
        }
    }

    fn complete(self) -> bool {
        match self {
            Self::Literal { word, read } => word.len() == read as usize,
            Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits => true,
            Self::Sign | Self::Point | Self::Exponent | Self::ExponentSign => false,
        }
    }

    fn fault(self) -> BodyFault {
        match self {
            Self::Literal { .. } => BodyFault::Malformed,
            Self::Sign
            | Self::Zero
            | Self::Integer
            | Self::Point
            | Self::Fraction
            | Self::Exponent
            | Self::ExponentSign
            | Self::ExponentDigits => BodyFault::BadNumber,
        }
    }
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
    state: StateId,
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

    fn fault(&self, fault: BodyFault, at: usize) -> Fault {
        Fault {
            fault,
            offset: self.offset(at),
            seen: self.offset(at),
            depth: None,
        }
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
    /// What becomes of the member whose name was read; at the start, of the root.
    next: Mode,
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

type Outcome<T = ()> = Result<T, Fault>;

impl Walk {
    pub(super) fn new(plan: Arc<Plan>, level: Level) -> Self {
        Self {
            limits: plan.limits().clone(),
            next: Mode::Walk(plan.automaton().root()),
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
    pub(super) fn window(&mut self, tokens: &[u32], io: &mut Io<'_>) -> Outcome {
        let walked = self.tokens(tokens, io);
        walked
            .and_then(|()| self.suspend(io))
            .map_err(|fault| self.earlier(fault))
    }

    fn tokens(&mut self, tokens: &[u32], io: &mut Io<'_>) -> Outcome {
        let window = io.window;
        let mut tokens = tokens.iter().map(|token| *token as usize);
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Name => match tokens.next() {
                Some(end) => {
                    self.keep_of_name(&window[..=end]);
                    self.name_ends(NameSpan::Kept, end, io)?;
                }
                None => {
                    self.keep_of_name(window);
                    self.open = Open::Name;
                }
            },
            Open::String => match tokens.next() {
                Some(end) => self.single_ends(0, end + 1, io)?,
                None => self.open_value(0, Open::String, io),
            },
            Open::Scalar(scalar) => self.scalar(scalar, 0, 0, io)?,
        }
        while let Some(at) = tokens.next() {
            let byte = window[at];
            match self.expect {
                Expect::Value | Expect::FirstElement => match byte {
                    b'"' => {
                        self.single_starts(at, io);
                        match tokens.next() {
                            Some(end) => self.single_ends(at, end + 1, io)?,
                            None => self.open_value(at, Open::String, io),
                        }
                    }
                    b'{' | b'[' => self.container_starts(at, byte == b'{', io)?,
                    b']' if self.expect == Expect::FirstElement => self.container_ends(at, io)?,
                    b'}' | b']' | b':' | b',' => return Err(io.fault(BodyFault::Malformed, at)),
                    _ => match Scalar::start(byte) {
                        Some(scalar) => {
                            self.single_starts(at, io);
                            self.scalar(scalar, at, at + 1, io)?;
                        }
                        None => {
                            let start = byte == 0xEF && io.offset(at) == 0;
                            let fault = if start {
                                BodyFault::ByteOrderMark
                            } else {
                                BodyFault::Malformed
                            };
                            return Err(io.fault(fault, at));
                        }
                    },
                },
                Expect::FirstName | Expect::NextName => match byte {
                    b'"' => {
                        self.name_start = io.offset(at);
                        match tokens.next() {
                            Some(end) => self.name_ends(NameSpan::Window(at, end + 1), end, io)?,
                            None => {
                                self.open = Open::Name;
                                self.name_kept.clear();
                                self.keep_of_name(&window[at..]);
                            }
                        }
                    }
                    b'}' if self.expect == Expect::FirstName => self.container_ends(at, io)?,
                    _ => return Err(io.fault(BodyFault::Malformed, at)),
                },
                Expect::Colon if byte == b':' => self.expect = Expect::Value,
                Expect::AfterMember if byte == b',' => self.expect = Expect::NextName,
                Expect::AfterMember if byte == b'}' => self.container_ends(at, io)?,
                Expect::AfterElement if byte == b',' => {
                    let frame = self.frames.last_mut().expect("an element is in an array");
                    frame.index += 1;
                    self.expect = Expect::Value;
                }
                Expect::AfterElement if byte == b']' => self.container_ends(at, io)?,
                Expect::Colon | Expect::AfterMember | Expect::AfterElement => {
                    return Err(io.fault(BodyFault::Malformed, at));
                }
                Expect::End => return Err(io.fault(BodyFault::TrailingBytes, at)),
            }
        }
        Ok(())
    }

    // ---- names ----

    /// Keeps a part of a name that its window cuts, unless nobody will ask for it.
    fn keep_of_name(&mut self, part: &[u8]) {
        let frame = self.frames.last().expect("a name is in an object");
        if frame.mode != Mode::Skip {
            self.name_kept.extend_from_slice(part);
        }
    }

    /// The name of a member is read to its closing quote at `end`.
    fn name_ends(&mut self, span: NameSpan, end: usize, io: &mut Io<'_>) -> Outcome {
        self.expect = Expect::Colon;
        self.name = span;
        let frame = self.frames.last_mut().expect("a name is in an object");
        frame.key = Key::Other;
        if frame.mode == Mode::Skip {
            self.next = Mode::Skip;
            return Ok(());
        }
        let raw = match span {
            NameSpan::Window(from, to) => &io.window[from..to],
            NameSpan::Kept => &self.name_kept[..],
        };
        let inside = &raw[1..raw.len() - 1];
        if inside.len() > self.limits.name_bytes {
            return Err(self.name_too_long());
        }
        let name = if inside.contains(&b'\\') {
            self.scratch.clear();
            crate::transform::unescape(inside, &mut self.scratch);
            &self.scratch[..]
        } else {
            inside
        };
        let automaton = self.plan.automaton();
        let hash = hash_name(name, automaton.seed());
        self.next = match frame.mode {
            Mode::Walk(state) => {
                let (next, key) = automaton.member(state, name, hash);
                frame.key = key.map_or(Key::Other, Key::Known);
                Mode::Walk(next)
            }
            Mode::Skip | Mode::Copy | Mode::Hold => frame.mode,
        };
        let place = |fault| Fault {
            fault,
            offset: self.name_start,
            seen: io.offset(end),
            depth: None,
        };
        if self.names.count(frame.names_at) == self.limits.object_members {
            return Err(place(BodyFault::TooManyMembers));
        }
        if !self.names.enter(frame.names_at, hash) {
            return Err(place(BodyFault::DuplicateName));
        }
        Ok(())
    }

    fn name_too_long(&self) -> Fault {
        let offset = self.name_start + 1 + self.limits.name_bytes as u64;
        Fault {
            fault: BodyFault::NameTooLong,
            offset,
            seen: offset,
            depth: None,
        }
    }

    // ---- single values ----

    /// What becomes of the value that starts at `at`: its mode, and the bookkeeping if it is a record.
    fn value_starts(&mut self, at: usize, io: &mut Io<'_>) -> Mode {
        let mode = match self.frames.last() {
            Some(Frame {
                object: false,
                mode: Mode::Walk(state),
                index,
                ..
            }) => Mode::Walk(self.plan.automaton().element(*state, *index)),
            Some(Frame {
                object: false,
                mode,
                ..
            }) => *mode,
            Some(Frame { object: true, .. }) | None => self.next,
        };
        let Mode::Walk(state) = mode else { return mode };
        if !self.plan.automaton().state(state).record {
            return mode;
        }
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
                state,
                raw: Vec::new(),
                from: at,
            });
            return Mode::Hold;
        }
        if self.record.is_none() {
            // Replayed, the record is at hand as a whole; its start stays that of the hold.
            io.flush();
            self.mark = io.out.len();
            self.record = Some(span);
        }
        mode
    }

    /// A string, number or literal starts at `at`.
    #[inline]
    fn single_starts(&mut self, at: usize, io: &mut Io<'_>) {
        self.value_start = io.offset(at);
        self.using = match self.value_starts(at, io) {
            Mode::Skip | Mode::Copy | Mode::Hold => Use::Skip,
            Mode::Walk(id) => {
                let state = self.plan.automaton().state(id);
                match state.leaf {
                    _ if state.subject => Use::Collect(id),
                    Leaf::Transform(_) => Use::Collect(id),
                    Leaf::Keep => self.kept(FieldOutcome::Keep, at, io),
                    Leaf::KeepAll => self.kept(FieldOutcome::KeepAll, at, io),
                    Leaf::Drop => self.stays(FieldOutcome::Drop, io),
                    Leaf::Undeclared => self.stays(FieldOutcome::Undeclared, io),
                    Leaf::Conflict => self.stays(FieldOutcome::Conflict, io),
                }
            }
        };
    }

    fn kept(&mut self, outcome: FieldOutcome, at: usize, io: &mut Io<'_>) -> Use {
        self.tally.count(outcome);
        self.prefix(io);
        io.range(at, at);
        Use::Copy
    }

    /// A single value does not leave; at the root `null` does in its place.
    fn stays(&mut self, outcome: FieldOutcome, io: &mut Io<'_>) -> Use {
        self.tally.count(outcome);
        if self.frames.is_empty() {
            io.bytes(b"null");
        }
        Use::Skip
    }

    /// The window ends inside a single value that started at `at`.
    fn open_value(&mut self, at: usize, open: Open, io: &mut Io<'_>) {
        self.open = open;
        match self.using {
            Use::Skip => {}
            Use::Copy => self.copying = true,
            Use::Collect(_) => self.collected.extend_from_slice(&io.window[at..]),
        }
    }

    /// A single value ends before `end`; what this window has of it starts at `from`.
    #[inline]
    fn single_ends(&mut self, from: usize, end: usize, io: &mut Io<'_>) -> Outcome {
        match self.using {
            Use::Skip => {}
            Use::Copy => {
                io.range(from, end);
                self.copying = false;
            }
            Use::Collect(state) => {
                if self.collected.is_empty() {
                    self.decide(state, &io.window[from..end], end, io)?;
                } else {
                    let mut collected = std::mem::take(&mut self.collected);
                    collected.extend_from_slice(&io.window[from..end]);
                    self.decide(state, &collected, end, io)?;
                    collected.clear();
                    self.collected = collected;
                }
            }
        }
        self.value_ends(end, io)
    }

    /// Decides a single value that was collected: a subject, or a transform's.
    fn decide(&mut self, state: StateId, value: &[u8], end: usize, io: &mut Io<'_>) -> Outcome {
        if value.len() > self.limits.held_bytes {
            let limit = self.held_too_large(self.value_start, self.frames.len());
            return Err(Fault {
                seen: io.offset(end),
                ..limit
            });
        }
        let plan = Arc::clone(&self.plan);
        let state = plan.automaton().state(state);
        if state.subject && self.record.is_some() {
            self.record_subjects
                .extend(plan.subjects().and_then(|subjects| subjects.token(value)));
        }
        let outcome = match state.leaf {
            Leaf::Keep => FieldOutcome::Keep,
            Leaf::KeepAll => FieldOutcome::KeepAll,
            Leaf::Drop | Leaf::Undeclared | Leaf::Conflict => {
                let outcome = match state.leaf {
                    Leaf::Drop => FieldOutcome::Drop,
                    Leaf::Conflict => FieldOutcome::Conflict,
                    Leaf::Undeclared | Leaf::Keep | Leaf::KeepAll | Leaf::Transform(_) => {
                        FieldOutcome::Undeclared
                    }
                };
                self.stays(outcome, io);
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
                            return Err(Fault {
                                fault: BodyFault::Mismatch,
                                offset,
                                seen: io.offset(end),
                                depth: None,
                            });
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

    /// Reads a number or literal on from `at`; what this window has of it starts at `from`.
    fn scalar(&mut self, mut scalar: Scalar, from: usize, at: usize, io: &mut Io<'_>) -> Outcome {
        for (ahead, &byte) in io.window[at..].iter().enumerate() {
            match scalar.with(byte) {
                Some(further) => scalar = further,
                None => {
                    let end = at + ahead;
                    let delimits = matches!(
                        byte,
                        b',' | b'}'
                            | b']'
                            | b' '
                            | b'\t'
                            | b'\n'
                            | b'\r'
                            | b'{'
                            | b'['
                            | b':'
                            | b'"'
                    );
                    if !delimits || !scalar.complete() {
                        // Still open: the limit on what is collected may have been gone over before.
                        self.open = Open::Scalar(scalar);
                        return Err(io.fault(scalar.fault(), end));
                    }
                    return self.single_ends(from, end, io);
                }
            }
        }
        self.open_value(from, Open::Scalar(scalar), io);
        Ok(())
    }

    // ---- containers ----

    fn container_starts(&mut self, at: usize, object: bool, io: &mut Io<'_>) -> Outcome {
        let mode = self.value_starts(at, io);
        if self.frames.len() == self.limits.depth {
            return Err(io.fault(BodyFault::TooDeep, at));
        }
        let mut frame = Frame {
            mode,
            object,
            brackets: false,
            some: false,
            staged_at: self.staged.len(),
            names_at: self.names.start(),
            index: 0,
            key: Key::Itself,
        };
        if let Mode::Walk(id) = mode {
            let root = self.frames.is_empty();
            let state = self.plan.automaton().state(id);
            let (branch, walked) = (state.branch, state.walked);
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
                        frame.brackets = true;
                    } else {
                        self.stage(io.window[at], io);
                    }
                }
                Branch::KeepAll => {
                    self.tally.count(FieldOutcome::KeepAll);
                    self.prefix(io);
                    io.range(at, at + 1);
                    self.copying = true;
                    frame.mode = Mode::Copy;
                    frame.brackets = true;
                }
                Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                    self.tally.count(match branch {
                        Branch::Drop => FieldOutcome::Drop,
                        Branch::Mismatch { .. } => FieldOutcome::Mismatch,
                        Branch::Conflict => FieldOutcome::Conflict,
                        Branch::Undeclared | Branch::KeepAll | Branch::Structure { .. } => {
                            FieldOutcome::Undeclared
                        }
                    });
                    if branch == (Branch::Mismatch { refuse: true }) {
                        return Err(io.fault(BodyFault::Mismatch, at));
                    }
                    if root {
                        // The root leaves as something: bare, unless a rule took it away.
                        frame.brackets = state_leaves_bare(branch);
                        if frame.brackets {
                            io.range(at, at + 1);
                        } else {
                            io.bytes(b"null");
                        }
                    }
                    if !walked {
                        frame.mode = Mode::Skip;
                    }
                }
            }
        }
        self.expect = if object {
            Expect::FirstName
        } else {
            Expect::FirstElement
        };
        self.frames.push(frame);
        Ok(())
    }

    fn container_ends(&mut self, at: usize, io: &mut Io<'_>) -> Outcome {
        let frame = self
            .frames
            .pop()
            .expect("a closing bracket is expected only in a container");
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
        self.expect = match self.frames.last() {
            Some(Frame { object: true, .. }) => Expect::AfterMember,
            Some(Frame { object: false, .. }) => Expect::AfterElement,
            None => Expect::End,
        };
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
        let expect = std::mem::replace(&mut self.expect, Expect::Value);
        // An element's state is looked up by its index again, a member's is the one it had.
        self.next = Mode::Walk(hold.state);
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
        self.replaying = false;
        io.run = (usize::MAX, usize::MAX);
        replayed?;
        debug_assert!(
            self.expect == expect,
            "a record that was read once is read the same again"
        );
        Ok(())
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

    fn held_too_large(&self, start: u64, depth: usize) -> Fault {
        let offset = start + self.limits.held_bytes as u64;
        Fault {
            fault: BodyFault::HeldTooLarge,
            offset,
            seen: offset,
            depth: Some(depth),
        }
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
                    // The path names this member, as where the name ends in its window.
                    let frame = self.frames.last_mut().expect("a name is in an object");
                    frame.key = Key::Other;
                    return Err(self.name_too_long());
                }
            }
            Open::Nothing | Open::String | Open::Scalar(_) => self.keep_name(io),
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
    fn reached(&self, seen: u64) -> Option<Fault> {
        let held = self.limits.held_bytes as u64;
        let over = |start: u64, depth: usize| {
            (seen > start && seen - start > held).then(|| self.held_too_large(start, depth))
        };
        let collecting = match (self.open, self.using) {
            (Open::String | Open::Scalar(_), Use::Collect(_)) => {
                over(self.value_start, self.frames.len())
            }
            (Open::String | Open::Scalar(_) | Open::Nothing | Open::Name, _) => None,
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
    pub(super) fn earlier(&self, fault: Fault) -> Fault {
        match self.reached(fault.seen) {
            Some(limit) if limit.offset < fault.seen => limit,
            Some(_) | None => fault,
        }
    }

    /// The held record that was walked again ends: so does a number or literal, if it is one.
    pub(super) fn replay_ends(&mut self, io: &mut Io<'_>) -> Outcome {
        if let Open::Scalar(scalar) = self.open {
            if !scalar.complete() {
                return Err(io.fault(BodyFault::Truncated, 0));
            }
            self.open = Open::Nothing;
            self.single_ends(0, 0, io)?;
            io.flush();
        }
        Ok(())
    }

    /// The body ends.
    pub(super) fn finish(&mut self, io: &mut Io<'_>) -> Outcome {
        self.replay_ends(io)?;
        match self.expect {
            Expect::End if matches!(self.open, Open::Nothing) => Ok(()),
            Expect::End
            | Expect::Value
            | Expect::FirstElement
            | Expect::FirstName
            | Expect::NextName
            | Expect::Colon
            | Expect::AfterMember
            | Expect::AfterElement => Err(io.fault(BodyFault::Truncated, 0)),
        }
    }

    /// The path of what is open, to `depth` containers: names that the plan knows, others as `*`.
    pub(super) fn path(&self, depth: Option<usize>) -> String {
        let mut path = String::from("$");
        for frame in self.frames.iter().take(depth.unwrap_or(usize::MAX)) {
            match (frame.object, frame.key, frame.mode) {
                (true, Key::Itself, _) => {}
                (true, Key::Known(slot), Mode::Walk(state)) => {
                    path.push('.');
                    path.push_str(&self.plan.automaton().name(state, slot));
                }
                (true, Key::Known(_) | Key::Other, _) => path.push_str(".*"),
                (false, _, _) => path.push_str(&format!("[{}]", frame.index)),
            }
        }
        path
    }
}

/// Whether a root that does not pass leaves as bare brackets; else as `null`.
fn state_leaves_bare(branch: Branch) -> bool {
    match branch {
        Branch::Drop => false,
        Branch::Undeclared
        | Branch::Mismatch { .. }
        | Branch::Conflict
        | Branch::KeepAll
        | Branch::Structure { .. } => true,
    }
}
