//! The tokens of one window, and the room that they are written in.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

use super::grammar::OPEN;

/// The tokens of one window: where they are, what they are, and where what they open ends.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// As long as the longest window so far, and room for a block more; likewise the next two.
    positions: Vec<u32>,
    /// The byte of a quote or operator, `0` for another run.
    kinds: Vec<u8>,
    /// For an opening bracket the token that closes it, for a number or literal the place of its end.
    links: Vec<u32>,
    pub(super) count: usize,
    /// No white space stands between them.
    pub(super) compact: bool,
    /// No backslash stands in the window.
    pub(super) unescaped: bool,
    /// Where the number or literal ends that the window before cut, if it ends in this one.
    pub(super) resumed: Option<usize>,
    /// Closing brackets of containers that opened in windows before: their depth (0 for the root's), and the token.
    pub(super) closes: Vec<(u32, u32)>,
}

impl Tokens {
    /// Empties it, with room for a window of so many bytes.
    pub(super) fn clear(&mut self, window: usize) {
        self.count = 0;
        self.resumed = None;
        self.closes.clear();
        if self.positions.len() < window + 64 {
            self.positions.resize(window + 64, 0);
            self.kinds.resize(window + 64, 0);
        }
    }

    /// Makes these the tokens `part` of `other`, with the byte `from` of its window as the first of theirs.
    pub(super) fn copy_part(&mut self, other: &Self, part: Range<usize>, from: usize) {
        self.clear(part.len());
        self.count = part.len();
        self.compact = other.compact;
        self.unescaped = other.unescaped;
        self.kinds[..part.len()].copy_from_slice(&other.kinds[part.clone()]);
        let positions = self.positions.iter_mut().zip(&other.positions[part]);
        for (own, position) in positions {
            *own = position - from as u32;
        }
    }

    /// The token behind the bracket that closes the innermost of `depth` containers which are open at the token `token`, or
    /// where none is open, the next one that is. The grammar may not have been checked: then there may be no sense in it.
    pub(super) fn behind_close(&self, token: usize, depth: usize) -> Option<usize> {
        let mut open = depth;
        for (ahead, kind) in self.kinds().get(token..)?.iter().enumerate() {
            match kind {
                b'{' | b'[' => open += 1,
                b'}' | b']' if open <= 1 => return Some(token + ahead + 1),
                b'}' | b']' => open -= 1,
                _ => {}
            }
        }
        None
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where the token `token` is.
    #[inline(always)]
    pub(super) fn position(&self, token: usize) -> usize {
        self.positions[token] as usize
    }

    pub(super) fn positions(&self) -> &[u32] {
        &self.positions[..self.count]
    }

    pub(super) fn kinds(&self) -> &[u8] {
        &self.kinds[..self.count]
    }

    pub(super) fn links(&self) -> &[u32] {
        &self.links[..self.count]
    }

    /// The kinds of 64 tokens from `base` on; beyond the last token they mean nothing.
    #[inline(always)]
    pub(super) fn block(&self, base: usize) -> &[u8; 64] {
        self.kinds[base..]
            .first_chunk()
            .expect("there is room for a block beyond the tokens")
    }

    /// Makes room for the links; what stands in them is of windows before.
    #[inline(always)]
    pub(super) fn begin_links(&mut self) {
        if self.links.len() < self.count {
            self.links.resize(self.positions.len(), 0);
        }
    }

    #[inline(always)]
    pub(super) fn link(&mut self, token: usize, to: u32) {
        self.links[token] = to;
    }

    /// Room for the tokens of the window, of which there are none yet.
    #[inline(always)]
    pub(super) fn room(&mut self) -> Room<'_> {
        Room {
            positions: &mut self.positions,
            kinds: &mut self.kinds,
            count: 0,
        }
    }

    /// Ends a number or literal that the window's end, at `position`, may cut: nothing comes after it.
    pub(super) fn end(&mut self, position: usize) {
        if let Some(last) = self.count.checked_sub(1)
            && self.kinds[last] == b'0'
            && self.links[last] == OPEN
        {
            self.links[last] = position as u32;
        }
    }

    /// Leaves out tokens from `position` on.
    pub(super) fn cut(&mut self, position: usize) {
        self.count = self
            .positions()
            .partition_point(|token| (*token as usize) < position);
    }
}

/// Tokens in room of the thread's, which has it back when this is dropped.
///
/// Nine bytes for each of a window are the most that a machine needs, and it needs them only while it looks at one: so a
/// thread's machines share them, and one that waits for more of its body has none (P5). They are room and no state: what
/// stands in them means nothing to the next window.
#[derive(Debug)]
pub(super) struct Lent(Tokens);

/// Room that a thread keeps: for a window, for a part of it, and for a value of a window before that is looked at in the
/// midst of it.
const SPARES: usize = 3;

/// The longest window or value whose room is kept.
const SPARE_BYTES: usize = 16 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Tokens>> = const { RefCell::new(Vec::new()) };
}

impl Lent {
    /// Room for as long as this lives.
    pub(super) fn new() -> Self {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
        Self(spare.ok().flatten().unwrap_or_default())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let tokens = std::mem::take(&mut self.0);
        if tokens.positions.len() > SPARE_BYTES + 64 {
            return;
        }
        // A thread that ends needs none.
        let _ended = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARES {
                spare.push(tokens);
            }
        });
    }
}

impl Deref for Lent {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        &self.0
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Tokens {
        &mut self.0
    }
}

/// Where the tokens of a window are written.
pub(super) struct Room<'a> {
    positions: &'a mut [u32],
    kinds: &'a mut [u8],
    pub(super) count: usize,
}

impl Room<'_> {
    /// Room for the tokens of one block.
    #[inline(always)]
    pub(super) fn block(&mut self) -> (&mut [u32; 64], &mut [u8; 64]) {
        const ROOM: &str =
            "a window has no more tokens than bytes, and there is room for a block more";
        (
            self.positions[self.count..].first_chunk_mut().expect(ROOM),
            self.kinds[self.count..].first_chunk_mut().expect(ROOM),
        )
    }

    #[inline(always)]
    pub(super) fn grow(&mut self, by: u32) {
        self.count += by as usize;
    }
}
