//! What objects in one place of a body looked like so far: the next one is most likely the same.
//!
//! A shape is the names seen at one place (the element of an array, the value of a member) with what follows
//! from each. A name found there needs no look-up in the automaton, and that it does not come twice is one bit:
//! so the common member costs one comparison. Shapes change no byte, only how fast it is found (P8); what they
//! hold is bounded, and beyond that objects are walked without one.

use super::FieldOutcome;
use super::patterns::{PATTERNS, Patterns};
use super::tokens::Tokens;
use super::walk::{Frame, Key, Mode, Single};

/// Index of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(u32);

impl ShapeId {
    /// No shape: names are compared by their hashes.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// Names in one shape, so that those of one object are bits of a word.
pub(super) const MEMBERS: usize = 64;
/// Shapes, and names in all of them, in one machine.
const SHAPES: usize = 256;
const NAMES: usize = 512;
/// Bytes of a name that is remembered.
const NAME_BYTES: usize = 64;

/// The shapes of one body.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    names: usize,
    patterns: usize,
}

/// What becomes of the containers at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// Not known, or not to be known beforehand: a record, the root, what waits for something in it.
    Plain,
    /// They lie in what leaves, or is held, as a whole.
    Within,
    /// They leave as structure.
    Bare,
    /// They leave as a whole.
    Whole,
    /// They stay, and are counted as this.
    Skipped(FieldOutcome),
}

/// What the containers at one place looked like so far.
#[derive(Debug)]
pub(super) struct Shape {
    mode: Mode,
    pub(super) opening: Opening,
    /// The frames that an object and an array start with here.
    object: Option<Frame>,
    array: Option<Frame>,
    pub(super) members: Vec<Member>,
    /// Objects of single values that were seen here.
    pub(super) patterns: Patterns,
    /// The shape of the elements, if it is an array's.
    pub(super) elements: ShapeId,
    /// The same place in another mode.
    other: ShapeId,
}

/// A name seen at a place, and what follows from it.
#[derive(Debug)]
pub(super) struct Member {
    /// The first sixteen bytes of the name and its closing quote, and which of them count.
    word: u128,
    mask: u128,
    /// What the word has no room for, the closing quote included.
    rest: Box<[u8]>,
    /// What becomes of a single value must be asked of itself.
    pub(super) asked: bool,
    pub(super) single: Single,
    pub(super) next: Mode,
    pub(super) key: Key,
    pub(super) hash: u64,
    pub(super) child: ShapeId,
}

impl Member {
    pub(super) fn new(name: &[u8], hash: u64, next: Mode, single: Single, key: Key) -> Self {
        // The name and its closing quote; a name that fits the word costs no allocation.
        let mut word = [0; 16];
        let head = name.len().min(16);
        word[..head].copy_from_slice(&name[..head]);
        let mut rest = Vec::new();
        match word.get_mut(name.len()) {
            Some(end) => *end = b'"',
            None => rest = [&name[head..], b"\""].concat(),
        }
        let length = (name.len() + 1).min(16);
        Self {
            word: u128::from_le_bytes(word),
            mask: u128::MAX >> (8 * (16 - length)),
            rest: rest.into(),
            asked: single == Single::Asked,
            single,
            next,
            key,
            hash,
            child: ShapeId::NONE,
        }
    }

    /// Whether it is the name at `from`, up to its closing quote. Names with escapes are never remembered, so equal
    /// bytes are equal names. False too where the window ends too soon to tell quickly.
    #[inline(always)]
    pub(super) fn comes_at(&self, bytes: &[u8], from: usize) -> bool {
        let Some(bytes) = bytes.get(from..) else {
            return false;
        };
        let Some((word, rest)) = bytes.split_first_chunk::<16>() else {
            return false;
        };
        (u128::from_le_bytes(*word) ^ self.word) & self.mask == 0
            && (self.rest.is_empty() || rest.starts_with(&self.rest))
    }

    /// Whether it is the name of `length` bytes at `from`.
    #[inline]
    pub(super) fn is(&self, bytes: &[u8], from: usize, length: usize) -> bool {
        let name = &bytes[from..from + length];
        if name.len() >= 16 {
            let (word, rest) = name.split_first_chunk::<16>().expect("it is as long");
            return u128::from_le_bytes(*word) == self.word
                && self.mask == u128::MAX
                && self.rest.strip_suffix(b"\"") == Some(rest);
        }
        let mut word = [0; 16];
        word[..length].copy_from_slice(name);
        word[length] = b'"';
        u128::from_le_bytes(word) == self.word && self.rest.is_empty()
    }
}

impl Shape {
    /// The frame that a container with the bracket `bracket` starts with here, if one was seen.
    #[inline(always)]
    pub(super) fn template(&self, bracket: u8) -> Option<&Frame> {
        let template = if bracket == b'{' {
            &self.object
        } else {
            &self.array
        };
        template.as_ref()
    }
}

impl Shapes {
    /// For another body: these, or none if they can learn no more.
    pub(super) fn unless_full(self) -> Self {
        if self.shapes.len() >= SHAPES || self.names >= NAMES {
            Self::default()
        } else {
            self
        }
    }

    /// Whether nothing was learnt.
    pub(super) fn is_new(&self) -> bool {
        self.shapes.is_empty()
    }

    /// The shape `shape`, if it is one.
    #[inline(always)]
    pub(super) fn get(&self, shape: ShapeId) -> Option<&Shape> {
        self.shapes.get(shape.0 as usize)
    }

    /// Remembers that containers of `shape` stay.
    pub(super) fn skip(&mut self, shape: ShapeId, opening: Opening) {
        if let Some(shape) = self.shapes.get_mut(shape.0 as usize) {
            shape.opening = opening;
        }
    }

    /// Remembers what becomes of a container of `shape`, and the frame it started with.
    pub(super) fn open_as(&mut self, shape: ShapeId, opening: Opening, frame: Frame) {
        if let Some(shape) = self.shapes.get_mut(shape.0 as usize) {
            shape.opening = opening;
            if frame.object {
                shape.object = Some(frame);
            } else {
                shape.array = Some(frame);
            }
        }
    }

    /// The shape of the root.
    pub(super) fn root(&mut self, mode: Mode) -> ShapeId {
        if self.shapes.is_empty() {
            self.add(mode)
        } else {
            self.in_mode(ShapeId(0), mode)
        }
    }

    /// The shape of the value of `member` of `shape`, walked in `mode`.
    #[inline]
    pub(super) fn of_member(&mut self, shape: ShapeId, member: usize, mode: Mode) -> ShapeId {
        let Some(own) = self.shapes.get(shape.0 as usize) else {
            return ShapeId::NONE;
        };
        let child = own.members[member].child;
        if child != ShapeId::NONE {
            return self.in_mode(child, mode);
        }
        let child = self.add(mode);
        self.shapes[shape.0 as usize].members[member].child = child;
        child
    }

    /// The shape of the elements of `shape`, walked in `mode`.
    #[inline]
    pub(super) fn of_element(&mut self, shape: ShapeId, mode: Mode) -> ShapeId {
        let Some(own) = self.shapes.get(shape.0 as usize) else {
            return ShapeId::NONE;
        };
        let child = own.elements;
        if child != ShapeId::NONE {
            return self.in_mode(child, mode);
        }
        let child = self.add(mode);
        self.shapes[shape.0 as usize].elements = child;
        child
    }

    fn in_mode(&mut self, shape: ShapeId, mode: Mode) -> ShapeId {
        let mut at = shape;
        loop {
            let own = &self.shapes[at.0 as usize];
            if own.mode == mode {
                return at;
            }
            if own.other == ShapeId::NONE {
                let other = self.add(mode);
                self.shapes[at.0 as usize].other = other;
                return other;
            }
            at = own.other;
        }
    }

    fn add(&mut self, mode: Mode) -> ShapeId {
        if self.shapes.len() == SHAPES {
            return ShapeId::NONE;
        }
        self.shapes.push(Shape {
            mode,
            opening: Opening::Plain,
            object: None,
            array: None,
            members: Vec::new(),
            patterns: Patterns::default(),
            elements: ShapeId::NONE,
            other: ShapeId::NONE,
        });
        ShapeId(self.shapes.len() as u32 - 1)
    }

    /// The place in `shape` of the name of `length` bytes at `from`; looked for at `guess` first.
    #[inline(always)]
    pub(super) fn find(
        &self,
        shape: ShapeId,
        guess: usize,
        bytes: &[u8],
        from: usize,
        length: usize,
    ) -> Option<usize> {
        let members = &self.shapes[shape.0 as usize].members;
        match members.get(guess) {
            Some(member) if member.is(bytes, from, length) => Some(guess),
            Some(_) | None => members
                .iter()
                .position(|member| member.is(bytes, from, length)),
        }
    }

    #[inline(always)]
    pub(super) fn member(&self, shape: ShapeId, at: usize) -> &Member {
        &self.shapes[shape.0 as usize].members[at]
    }

    /// Whether `shape` can take a name of `length` bytes more.
    pub(super) fn has_room(&self, shape: ShapeId, length: usize) -> bool {
        self.names < NAMES
            && length <= NAME_BYTES
            && self.shapes[shape.0 as usize].members.len() < MEMBERS
    }

    /// Remembers `member` at place `at`.
    pub(super) fn insert(&mut self, shape: ShapeId, at: usize, member: Member) {
        let shape = &mut self.shapes[shape.0 as usize];
        shape.members.insert(at, member);
        self.names += 1;
        self.patterns -= shape.patterns.forget();
    }

    /// Remembers the object at `token`, which has this shape, for the sake of those that are like it.
    #[cold]
    pub(super) fn learn(&mut self, shape: ShapeId, token: usize, tokens: &Tokens, window: &[u8]) {
        if self.patterns < PATTERNS
            && let Some(shape) = self.shapes.get_mut(shape.0 as usize)
            && shape.patterns.learn(&shape.members, token, tokens, window)
        {
            self.patterns += 1;
        }
    }
}
