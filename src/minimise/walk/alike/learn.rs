//! How a way is learnt: from a value that was checked and walked, so that all in it is known.

use super::super::super::FieldOutcome;
use super::super::super::patterns::Likeness;
use super::super::super::shapes::{Opening, Shape, ShapeId, Shapes};
use super::super::super::tokens::Tokens;
use super::super::single::Single;
use super::{Alike, EACH, FLAT, HOLES, Leave, Piece, PlaceId, Stands, TOKENS, TRIES, Then, Way};

/// Containers in containers of one piece.
const NESTED: usize = 200;

/// Learns how the value at `token` of `place` is built, if all that decides its fate is how it is built.
pub(super) fn learn(
    alike: &mut Alike,
    shapes: &Shapes,
    place: PlaceId,
    token: usize,
    tokens: &Tokens,
    window: &[u8],
) {
    let source = Source {
        shapes,
        tokens,
        window,
    };
    // Whether it is known now is seen when the next one comes.
    let _learnt: Option<usize> = source.learn(alike, place, token, 0);
}

/// What is learnt from.
#[derive(Clone, Copy)]
struct Source<'a> {
    shapes: &'a Shapes,
    tokens: &'a Tokens,
    window: &'a [u8],
}

impl Source<'_> {
    /// The token behind the value at `token`, which is built in one of the ways of `place`, or in one that is new.
    fn ensure(
        self,
        alike: &mut Alike,
        place: PlaceId,
        token: usize,
        holes: usize,
    ) -> Option<usize> {
        alike.steps.clear();
        match alike.find(place, token, self.tokens, self.window) {
            Some((end, _)) => Some(end),
            None => self.learn(alike, place, token, holes + 1),
        }
    }

    /// Learns the way of the value at `token`; gives the token behind it.
    fn learn(self, alike: &mut Alike, id: PlaceId, token: usize, holes: usize) -> Option<usize> {
        let place = &mut alike.places[id.0 as usize];
        place.tried += 1;
        if place.tried > TRIES || holes == HOLES || alike.tokens >= TOKENS {
            return None;
        }
        if !place.holes && place.ways.len() == FLAT {
            place.holes = true;
            for way in place.ways.drain(..) {
                alike.tokens -= way.tokens();
            }
        }
        if place.ways.len() == EACH {
            return None;
        }
        let (stands, own_holes) = (place.stands, place.holes);
        let mut writer = Writer {
            source: self,
            alike,
            objects_are_holes: own_holes,
            holes,
            pieces: Vec::new(),
            start: token,
            parts: Vec::new(),
            names: Vec::new(),
            scalars: Vec::new(),
            counts: Vec::new(),
            whole: Whole::None,
        };
        let fate = match stands {
            Stands::Among(shape) => writer.element(shape)?,
            Stands::At(child) => Fate {
                single: Single::Asked,
                child: Some(child),
            },
            Stands::Behind => BEHIND,
        };
        let (end, leaves) = writer.value(token, fate, Lead::None, 0)?;
        let way = writer.end(end, leaves);
        // Its holes may have learnt all that was new.
        alike.steps.clear();
        if alike.find(id, token, self.tokens, self.window).is_none() {
            alike.tokens += way.tokens();
            alike.places[id.0 as usize].ways.push(way);
        }
        Some(end)
    }
}

impl Way {
    fn tokens(&self) -> usize {
        self.pieces.iter().map(|piece| piece.like.tokens).sum()
    }
}

/// What becomes of a value that comes: a single one, or a container of this shape. Without a shape it stays behind unseen.
#[derive(Clone, Copy)]
struct Fate {
    single: Single,
    child: Option<ShapeId>,
}

const BEHIND: Fate = Fate {
    single: Single::Crossed,
    child: None,
};

/// What leaves before a value that does.
#[derive(Clone, Copy)]
enum Lead {
    None,
    /// The name whose opening quote this is, and a comma if one is due.
    Name {
        token: usize,
        comma: bool,
    },
}

/// What leaves of the piece in hand; tokens are counted from the window's first.
#[derive(Clone, Copy)]
enum Part {
    /// From one token to the end of another.
    Tokens(usize, usize),
    Extend(usize),
    Byte(u8),
}

/// A container that leaves as it is, white space included.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    None,
    /// It opened in this piece.
    From(usize),
    /// It opened in a piece before.
    Further,
}

struct Writer<'a, 'b> {
    source: Source<'a>,
    alike: &'b mut Alike,
    objects_are_holes: bool,
    holes: usize,
    pieces: Vec<Piece>,
    /// The first token of the piece in hand.
    start: usize,
    parts: Vec<Part>,
    names: Vec<usize>,
    scalars: Vec<u32>,
    counts: Vec<(FieldOutcome, u64)>,
    whole: Whole,
}

impl Writer<'_, '_> {
    /// What becomes of the elements of arrays of `shape`.
    fn element(&self, shape: ShapeId) -> Option<Fate> {
        let shape = self.source.shapes.get(shape)?;
        let array = shape.template(b'[')?;
        (!array.ranged).then_some(Fate {
            single: array.single,
            child: Some(shape.elements),
        })
    }

    /// A value: the token behind it, and whether something of it leaves. How deep it stands in the piece is bounded.
    fn value(
        &mut self,
        token: usize,
        fate: Fate,
        lead: Lead,
        nested: usize,
    ) -> Option<(usize, bool)> {
        let last = match self.source.tokens.kinds().get(token)? {
            b'"' => token + 1,
            b'0' => {
                self.scalars.push((token - self.start) as u32);
                token
            }
            b'{' | b'[' => return self.container(token, fate.child, lead, nested + 1),
            _ => return None,
        };
        let leaves = match fate.single {
            Single::Crossed => false,
            Single::Stays(outcome) => {
                self.count(outcome);
                false
            }
            Single::Leaves(outcome) => {
                self.count(outcome);
                self.lead(lead);
                self.parts.push(Part::Tokens(token, last));
                true
            }
            Single::Asked => return None,
        };
        Some((last + 1, leaves))
    }

    fn container(
        &mut self,
        token: usize,
        child: Option<ShapeId>,
        lead: Lead,
        nested: usize,
    ) -> Option<(usize, bool)> {
        if nested == NESTED {
            return None;
        }
        let Some(id) = child else {
            let end = self.inside(token, None, nested)?;
            return Some((end, false));
        };
        let shape = self.source.shapes.get(id)?;
        match shape.opening {
            Opening::Plain => None,
            Opening::Skipped(outcome) => {
                self.count(outcome);
                let end = self.inside(token, None, nested)?;
                Some((end, false))
            }
            Opening::Within => {
                let end = self.inside(token, Some((id, shape)), nested)?;
                Some((end, false))
            }
            Opening::Bare => {
                self.lead(lead);
                self.parts.push(Part::Tokens(token, token));
                let end = self.inside(token, Some((id, shape)), nested)?;
                self.parts.push(Part::Tokens(end - 1, end - 1));
                Some((end, true))
            }
            Opening::Whole => {
                self.count(FieldOutcome::KeepAll);
                self.lead(lead);
                self.whole = Whole::From(token);
                let end = self.inside(token, Some((id, shape)), nested)?;
                match std::mem::replace(&mut self.whole, Whole::None) {
                    Whole::From(from) => self.parts.push(Part::Tokens(from, end - 1)),
                    Whole::Further | Whole::None => self.parts.push(Part::Extend(end - 1)),
                }
                Some((end, true))
            }
        }
    }

    /// What is in the container at `token`, up to behind its closing bracket; without a shape it is not looked into.
    fn inside(
        &mut self,
        token: usize,
        of: Option<(ShapeId, &Shape)>,
        nested: usize,
    ) -> Option<usize> {
        let kinds = self.source.tokens.kinds();
        if kinds[token] == b'[' {
            let stands = of.map_or(Stands::Behind, |(id, _)| Stands::Among(id));
            if let Stands::Among(id) = stands {
                self.element(id)?;
            }
            return self.elements(token, stands);
        }
        if let Some((_, shape)) = of {
            shape.template(b'{')?;
        }
        if *kinds.get(token + 1)? == b'}' {
            return Some(token + 2);
        }
        let (mut name, mut seen, mut some) = (token + 1, 0_u64, false);
        loop {
            let fate = match of {
                None => BEHIND,
                Some((_, shape)) => {
                    let place = self.named(name, shape)?;
                    if seen >> place & 1 == 1 {
                        return None;
                    }
                    seen |= 1 << place;
                    self.names.push(name);
                    let member = &shape.members[place];
                    Fate {
                        single: member.single,
                        child: Some(member.child),
                    }
                }
            };
            let lead = Lead::Name {
                token: name,
                comma: some,
            };
            let hole = fate
                .child
                .filter(|_| self.objects_are_holes && kinds.get(name + 3) == Some(&b'{'));
            let (end, leaves) = match hole {
                Some(child) => self.hole(name + 3, child, lead)?,
                None => self.value(name + 3, fate, lead, nested)?,
            };
            some |= leaves;
            if *kinds.get(end)? != b',' {
                return Some(end + 1);
            }
            name = end + 1;
        }
    }

    /// Which member of `shape` has the name at `token`.
    fn named(&self, token: usize, shape: &Shape) -> Option<usize> {
        let (tokens, window) = (self.source.tokens, self.source.window);
        let from = tokens.position(token) + 1;
        let length = *tokens.positions().get(token + 1)? as usize - from;
        let is = |member: &super::super::super::shapes::Member| member.is(window, from, length);
        shape.members.iter().position(is)
    }

    /// An object that may be built in more than one way, a member of another.
    fn hole(&mut self, token: usize, child: ShapeId, lead: Lead) -> Option<(usize, bool)> {
        let leaves = match self.source.shapes.get(child)?.opening {
            Opening::Plain => return None,
            Opening::Skipped(_) | Opening::Within => false,
            Opening::Bare | Opening::Whole => true,
        };
        if leaves {
            self.lead(lead);
        }
        let place = self.alike.place(Stands::At(child))?;
        let source = self.source;
        let end = source.ensure(self.alike, place, token, self.holes)?;
        self.piece_ends(token, Then::One(place));
        self.start = end;
        Some((end, leaves))
    }

    /// The elements of the array at `token`.
    fn elements(&mut self, token: usize, stands: Stands) -> Option<usize> {
        let kinds = self.source.tokens.kinds();
        let place = self.alike.place(stands)?;
        let mut at = token + 1;
        if *kinds.get(at)? != b']' {
            loop {
                let source = self.source;
                at = source.ensure(self.alike, place, at, self.holes)?;
                if *kinds.get(at)? != b',' {
                    break;
                }
                at += 1;
            }
        }
        self.piece_ends(token + 1, Then::Many(place));
        self.start = at;
        Some(at + 1)
    }

    fn count(&mut self, outcome: FieldOutcome) {
        match self.counts.iter_mut().find(|(of, _)| *of == outcome) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((outcome, 1)),
        }
    }

    fn lead(&mut self, lead: Lead) {
        if let Lead::Name { token, comma } = lead {
            if comma {
                self.parts.push(Part::Byte(b','));
            }
            self.parts.push(Part::Tokens(token, token + 1));
            self.parts.push(Part::Byte(b':'));
        }
    }

    /// The piece in hand ends before the token `to`.
    fn piece_ends(&mut self, to: usize, then: Then) {
        let Source { tokens, window, .. } = self.source;
        let kinds = &tokens.kinds()[self.start..to];
        if let Whole::From(from) = self.whole {
            self.parts.push(Part::Tokens(from, to - 1));
            self.whole = Whole::Further;
        }
        let mut like = Likeness::of(kinds);
        for name in self.names.drain(..) {
            let closed = tokens.position(name) + 1..=tokens.position(name + 1);
            like.name(name - self.start, &window[closed]);
        }
        let parts: Vec<Part> = self.parts.drain(..).collect();
        let own = |token: usize| (token - self.start) as u32;
        let leave = parts.iter().map(|part| match *part {
            Part::Tokens(one, last) if one == last && tokens.kinds()[one] == b'0' => {
                Leave::Scalar(own(one))
            }
            Part::Tokens(from, last) => Leave::Range {
                from: own(from),
                to: own(last),
                more: 1,
            },
            Part::Extend(to) => Leave::Extend(own(to)),
            Part::Byte(byte) => Leave::Byte(byte),
        });
        self.pieces.push(Piece {
            like,
            scalars: std::mem::take(&mut self.scalars),
            leave: leave.collect(),
            compact: compact(&parts, self.start, to, tokens),
            counts: std::mem::take(&mut self.counts),
            then,
        });
    }

    /// The way ends before the token `to`.
    fn end(mut self, to: usize, leaves: bool) -> Way {
        self.piece_ends(to, Then::End);
        Way {
            pieces: self.pieces,
            leaves,
        }
    }
}

/// What leaves where no white space stands between tokens: what follows each other is one range.
fn compact(parts: &[Part], start: usize, to: usize, tokens: &Tokens) -> Vec<Leave> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match (merged.last_mut(), *part) {
            (Some(Part::Tokens(_, last)), Part::Tokens(from, further)) if *last + 1 == from => {
                *last = further;
            }
            (Some(Part::Tokens(_, last)), Part::Byte(byte))
                if *last + 1 < to && tokens.kinds()[*last + 1] == byte =>
            {
                *last += 1;
            }
            (_, part) => merged.push(part),
        }
    }
    let own = |token: usize| (token - start) as u32;
    let leave = merged.into_iter().map(|part| match part {
        // A number or literal ends where the next token is.
        Part::Tokens(from, last) if tokens.kinds()[last] == b'0' => Leave::Range {
            from: own(from),
            to: own(last + 1),
            more: 0,
        },
        Part::Tokens(from, last) => Leave::Range {
            from: own(from),
            to: own(last),
            more: 1,
        },
        Part::Extend(to) => Leave::Extend(own(to)),
        Part::Byte(byte) => Leave::Byte(byte),
    });
    leave.collect()
}
