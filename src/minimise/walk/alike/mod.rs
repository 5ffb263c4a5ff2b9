//! Records like ones before: crossed as soon as their tokens are known, before their grammar is looked at.
//!
//! ```text
//! {"person":{"name":"Ada","dob":"1941-03-07"},"household":[{"name":"Bea"},{"name":"Cy"}],"arrears":0.5}
//! {" ":{" ":" "," ":" "}," ":[                                                    its first piece
//!                                  {" ":" "} , {" ":" "}                        any elements like ones before
//!                                                             ]," ":0}            its last piece
//! ```
//!
//! A way is how a value at one place was built once: pieces, each some tokens and the names among them, and between two
//! pieces a hole for what may be built in more than one way, the elements of an array above all. A value whose tokens and
//! names are those of a way has the grammar of one that was checked and the fate of one that was walked: strings are sound
//! (the scan has looked), what is left to check are its numbers and literals. So it is crossed without grammar and walk; one
//! that is like no other goes through both, and is learnt. Ways change no byte, only how fast it is found (P8).
//!
//! An object in an object is part of its piece while its whole comes in a few ways only, and a hole of its own once it does
//! not: where each of ten members may be `null`, the places in which they stand are told apart one by one.

mod learn;

use super::super::FieldOutcome;
use super::super::grammar::whole_scalar;
use super::super::patterns::Likeness;
use super::super::shapes::ShapeId;
use super::super::tokens::Tokens;
use super::leave::Io;
use super::{Expect, Mode, Open, Outcome, Walk};

/// Ways in which values at one place are known to be built.
const EACH: usize = 8;
/// As many of them have their objects in their own pieces: where more come, these are holes.
const FLAT: usize = 4;
/// Values of one place that are looked at to be learnt.
const TRIES: u32 = 64;
/// Places, and tokens of all ways, in one machine: some 60 KiB.
const PLACES: usize = 64;
const TOKENS: usize = 4096;
/// Holes in holes: an array in an array in a record is two.
const HOLES: usize = 8;
/// Pieces that are compared for one record: ways of ways are tried in turn, and there might be many.
const COMPARED: usize = 512;
/// How many records that are like no other, less half of those that are like one, a body may have until all go
/// through grammar and walk as one.
const TRUST: u32 = 256;
const DOUBT: u32 = 2;

/// Index of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PlaceId(u32);

/// The ways of one body's records.
#[derive(Debug)]
pub(super) struct Alike {
    places: Vec<Place>,
    /// How many tokens all ways have.
    tokens: usize,
    /// What the value in hand is made of, in the order in which it leaves.
    steps: Vec<Step>,
    /// How many pieces may still be compared for it.
    left_to_compare: usize,
    /// Zero once too many records were like no other.
    trust: u32,
}

impl Default for Alike {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            tokens: 0,
            steps: Vec::new(),
            left_to_compare: 0,
            trust: TRUST,
        }
    }
}

/// Where values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// The elements of the arrays of this shape.
    Among(ShapeId),
    /// The objects of this shape, members of others.
    At(ShapeId),
    /// In what stays behind unseen; only one way leads there.
    Behind,
}

/// The ways in which values at one place are built.
#[derive(Debug)]
struct Place {
    stands: Stands,
    ways: Vec<Way>,
    /// Objects in objects are holes.
    holes: bool,
    tried: u32,
}

/// How a value was built.
#[derive(Debug)]
struct Way {
    pieces: Vec<Piece>,
    /// Something of it leaves, so a comma stands before it if another did.
    leaves: bool,
}

/// Some tokens in a row, and what comes behind them.
#[derive(Debug)]
struct Piece {
    like: Likeness,
    /// The numbers and literals among them.
    scalars: Vec<u32>,
    /// What leaves.
    leave: Vec<Leave>,
    /// The same where no white space stands between tokens: in as few ranges as it is.
    compact: Vec<Leave>,
    /// What is counted, and how often.
    counts: Vec<(FieldOutcome, u64)>,
    then: Then,
}

/// What comes behind a piece.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// Nothing: the value's end.
    End,
    /// One value.
    One(PlaceId),
    /// Elements of an array, or none.
    Many(PlaceId),
}

/// What leaves of a piece; tokens are counted from its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// From one token to another, and `more` bytes of that.
    Range { from: u32, to: u32, more: u32 },
    /// A number or literal.
    Scalar(u32),
    /// What leaves already, up to the end of this bracket.
    Extend(u32),
    /// A comma or colon.
    Byte(u8),
}

/// A piece that was found, and its first token; or what stands between two elements.
#[derive(Debug, Clone, Copy)]
enum Step {
    Piece {
        place: PlaceId,
        way: u32,
        piece: u32,
        token: usize,
    },
    Comma,
    Nothing,
}

impl Alike {
    /// The token behind the value at `token`, if it is built in one of the ways of `place`, and whether something of it
    /// leaves. Its steps are noted.
    fn find(
        &mut self,
        place: PlaceId,
        token: usize,
        tokens: &Tokens,
        window: &[u8],
    ) -> Option<(usize, bool)> {
        self.left_to_compare = COMPARED;
        self.value(place, token, tokens, window)
    }

    /// A value in a hole, or the record itself: holes in holes are [`HOLES`] at most.
    fn value(
        &mut self,
        place: PlaceId,
        token: usize,
        tokens: &Tokens,
        window: &[u8],
    ) -> Option<(usize, bool)> {
        let noted = self.steps.len();
        for way in 0..self.places[place.0 as usize].ways.len() {
            if let Some(end) = self.built(place, way, token, tokens, window) {
                let leaves = self.places[place.0 as usize].ways[way].leaves;
                return Some((end, leaves));
            }
            self.steps.truncate(noted);
        }
        None
    }

    /// The token behind the value at `token`, if it is built in this way.
    #[inline]
    fn built(
        &mut self,
        place: PlaceId,
        way: usize,
        token: usize,
        tokens: &Tokens,
        window: &[u8],
    ) -> Option<usize> {
        let (mut at, mut number) = (token, 0);
        loop {
            self.left_to_compare = self.left_to_compare.checked_sub(1)?;
            let piece = &self.places[place.0 as usize].ways[way].pieces[number];
            if !piece.is_at(at, tokens, window) {
                return None;
            }
            let (length, then) = (piece.like.tokens, piece.then);
            self.steps.push(Step::Piece {
                place,
                way: way as u32,
                piece: number as u32,
                token: at,
            });
            at += length;
            number += 1;
            match then {
                Then::End => return Some(at),
                Then::One(inner) => (at, _) = self.value(inner, at, tokens, window)?,
                Then::Many(inner) => at = self.elements(inner, at, tokens, window)?,
            }
        }
    }

    /// The token behind the elements from `token` on.
    fn elements(
        &mut self,
        place: PlaceId,
        mut token: usize,
        tokens: &Tokens,
        window: &[u8],
    ) -> Option<usize> {
        if tokens.kinds().get(token) == Some(&b']') {
            return Some(token);
        }
        let mut some = false;
        loop {
            let before = self.steps.len();
            self.steps.push(Step::Nothing);
            let (end, leaves) = self.value(place, token, tokens, window)?;
            if some && leaves {
                self.steps[before] = Step::Comma;
            }
            some |= leaves;
            if tokens.kinds().get(end) != Some(&b',') {
                return Some(end);
            }
            token = end + 1;
        }
    }

    /// The place that is there, or is made.
    fn place(&mut self, stands: Stands) -> Option<PlaceId> {
        let known = self.known_place(stands);
        if known.is_some() || self.places.len() == PLACES {
            return known;
        }
        self.places.push(Place {
            stands,
            ways: Vec::new(),
            holes: false,
            tried: 0,
        });
        Some(PlaceId(self.places.len() as u32 - 1))
    }

    fn known_place(&self, stands: Stands) -> Option<PlaceId> {
        if stands == Stands::Behind {
            return None;
        }
        let place = self.places.iter().position(|place| place.stands == stands);
        place.map(|place| PlaceId(place as u32))
    }
}

impl Piece {
    #[inline(always)]
    fn is_at(&self, token: usize, tokens: &Tokens, window: &[u8]) -> bool {
        if !self.like.is_at(token, tokens, window) {
            return false;
        }
        self.scalars.iter().all(|scalar| {
            let scalar = token + *scalar as usize;
            match whole_scalar(window, tokens.position(scalar)) {
                // Where nothing stands between tokens, the next one is where it ends.
                Some(end) => {
                    !tokens.compact || tokens.positions().get(scalar + 1) == Some(&(end as u32))
                }
                None => false,
            }
        })
    }

    /// Lets leave what does of the piece at `token`.
    #[inline]
    fn leaves(&self, token: usize, tokens: &Tokens, io: &mut Io<'_>) {
        let positions = &tokens.positions()[token..];
        let place = |token: u32| positions[token as usize] as usize;
        let leave = match tokens.compact {
            true => &self.compact,
            false => &self.leave,
        };
        for leave in leave {
            match *leave {
                Leave::Range { from, to, more } => io.range(place(from), place(to) + more as usize),
                Leave::Scalar(scalar) => {
                    let from = place(scalar);
                    let end = whole_scalar(io.window, from);
                    io.range(from, end.expect("it was whole when it was compared"));
                }
                Leave::Extend(to) => io.run.1 = place(to) + 1,
                Leave::Byte(byte) => io.byte(byte),
            }
        }
    }
}

impl Walk {
    /// How deep in the document the elements stand that may be like ones before: those of the outermost array. `None`
    /// where there is none, or they were not alike so far.
    #[inline]
    pub(in crate::minimise) fn records_depth(&self) -> Option<usize> {
        if self.alike.trust == 0 || !self.staged.is_empty() {
            return None;
        }
        let outermost = self.frames.iter().position(|frame| !frame.object)?;
        let frame = &self.frames[outermost];
        let walked = matches!(frame.mode, Mode::Walk(_) | Mode::Copy);
        let same = outermost >= self.outside || !self.documents_differ;
        (walked && same && !frame.ranged && frame.shape != ShapeId::NONE)
            .then(|| outermost + 1 - self.outside)
    }

    /// Whether no name, single value or held value is open.
    pub(in crate::minimise) fn is_between_values(&self) -> bool {
        matches!(self.open, Open::Nothing) && self.hold.is_none()
    }

    /// Crosses the elements from the token `token` on that are like ones before: the token behind the last. Between two
    /// elements of an array, or before the first; the window has left up to `from`.
    pub(in crate::minimise) fn cross(
        &mut self,
        token: usize,
        from: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome<usize> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(token);
        };
        let Some(place) = self.alike.known_place(Stands::Among(frame.shape)) else {
            return Ok(token);
        };
        let kinds = tokens.kinds();
        let mut at = token;
        loop {
            let behind = self.expect == Expect::After;
            if behind && kinds.get(at) != Some(&b',') {
                break;
            }
            self.alike.steps.clear();
            let start = at + usize::from(behind);
            let Some((end, leaves)) = self.alike.find(place, start, tokens, io.window) else {
                break;
            };
            frame.index += u64::from(behind);
            if leaves {
                if frame.some {
                    io.byte(b',');
                }
                frame.some = true;
            }
            for step in &self.alike.steps {
                match *step {
                    Step::Piece {
                        place,
                        way,
                        piece,
                        token,
                    } => {
                        let way = &self.alike.places[place.0 as usize].ways[way as usize];
                        let piece = &way.pieces[piece as usize];
                        piece.leaves(token, tokens, io);
                        for (outcome, count) in &piece.counts {
                            self.tally.fields[*outcome as usize] += count;
                        }
                    }
                    Step::Comma => io.byte(b','),
                    Step::Nothing => {}
                }
            }
            self.expect = Expect::After;
            self.alike.trust = TRUST.min(self.alike.trust + 1);
            at = end;
        }
        if at == token {
            return Ok(at);
        }
        let end = tokens.position(at - 1) + 1;
        if self.copying {
            io.run = (from, end);
        }
        io.flush();
        match self.reached(io.offset(end)) {
            Some(limit) => Err(limit),
            None => Ok(at),
        }
    }

    /// Learns from the element that was walked alone, whose tokens these are with the comma before it: the next may be like it.
    pub(in crate::minimise) fn learn(&mut self, tokens: &Tokens, window: &[u8]) {
        self.alike.trust = self.alike.trust.saturating_sub(DOUBT);
        let Some(frame) = self.frames.last() else {
            return;
        };
        let token = usize::from(tokens.kinds().first() == Some(&b','));
        if frame.object || self.expect != Expect::After || token == tokens.count() {
            return;
        }
        if let Some(place) = self.alike.place(Stands::Among(frame.shape)) {
            learn::learn(&mut self.alike, &self.shapes, place, token, tokens, window);
        }
    }
}
