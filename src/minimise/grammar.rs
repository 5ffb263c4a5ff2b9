//! The second look at a window: whether its tokens are JSON (RFC 8259), 64 of them at a time.
//!
//! A token is right or wrong by the token before it and by what it stands in, an object or an array. The
//! first is a shift of a bit set, the second is looked up once for each bracket:
//!
//! ```text
//! for each 64 tokens
//!     sort them by kind (vector code): quotes, colons, commas, four brackets, the rest
//!     for each bracket: what the tokens up to it stand in; push or pop
//!     wrong = for each kind: the tokens behind one of it that may not be there
//!     read each number and literal
//! ```
//!
//! On the way each bracket learns where its partner is, each number and literal where it ends: so the walk
//! crosses what stays behind in one step.

use super::BodyFault;
use super::scalar::{Read, Scalar};
use super::scan::Tokens;
use super::vector::{Classify, Level};

/// Stands for an end that is not in this window.
pub(super) const OPEN: u32 = u32::MAX;

/// Tokens by kind, a bit each, the first lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) quote: u64,
    pub(super) colon: u64,
    pub(super) comma: u64,
    pub(super) open_object: u64,
    pub(super) open_array: u64,
    pub(super) close_object: u64,
    pub(super) close_array: u64,
}

/// The grammar's state between two windows.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    depth: usize,
    /// The open containers: where in this window they opened ([`ELSEWHERE`] for a window before), and what they are.
    open: Vec<Opened>,
    before: Before,
    /// The number or literal that the window before cut.
    scalar: Option<Scalar>,
}

#[derive(Debug, Clone, Copy)]
struct Opened {
    token: u32,
    object: bool,
}

/// Opened in a window before.
const ELSEWHERE: u32 = u32::MAX;

/// What the last token was: one in the lowest bit of each that it was. At the start as if a colon stood
/// before, since one value is due.
#[derive(Debug, Clone)]
struct Before {
    open_object: u64,
    open_array: u64,
    comma: u64,
    comma_in_object: u64,
    colon: u64,
    /// A name's opening quote, its closing one.
    name_open: u64,
    name_close: u64,
    /// The end of a value.
    value: u64,
    /// All ones inside a string.
    in_string: u64,
}

impl Before {
    const START: Self = Self {
        open_object: 0,
        open_array: 0,
        comma: 0,
        comma_in_object: 0,
        colon: 1,
        name_open: 0,
        name_close: 0,
        value: 0,
        in_string: 0,
    };
}

impl Grammar {
    /// The grammar at the start of a body whose containers may be `depth` deep.
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            open: Vec::new(),
            before: Before::START,
            scalar: None,
        }
    }

    /// Starts again: another document comes.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.before = Before::START;
        self.scalar = None;
    }

    /// Whether something other than white space has come.
    pub(super) fn begun(&self) -> bool {
        self.before.colon == 0 || !self.open.is_empty()
    }

    /// Whether a number or literal is open, which only what follows ends.
    pub(super) fn in_scalar(&self) -> bool {
        self.scalar.is_some()
    }

    /// Checks the tokens of `window`. With a fault: its place, and only the tokens before it.
    pub(super) fn check(
        &mut self,
        level: Level,
        window: &[u8],
        start_of_body: bool,
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        for opened in &mut self.open {
            opened.token = ELSEWHERE;
        }
        let fault = level.check(
            &mut Check {
                grammar: self,
                window,
                start_of_body,
            },
            tokens,
        );
        if let Some((at, _)) = fault {
            tokens.cut(at);
        }
        fault
    }

    /// Ends the body: whether it may.
    pub(super) fn complete(&self) -> bool {
        self.open.is_empty() && self.before.value == 1 && self.scalar.is_none_or(Scalar::complete)
    }
}

/// One window's check; what the vector code is instantiated over.
pub(super) struct Check<'a> {
    grammar: &'a mut Grammar,
    window: &'a [u8],
    start_of_body: bool,
}

impl Check<'_> {
    /// The loop over the tokens. Always inlined, into a function that may use the vector code of `C`.
    #[inline(always)]
    pub(super) fn run<C: Classify>(&mut self, tokens: &mut Tokens) -> Option<(usize, BodyFault)> {
        tokens.begin_links();
        if let Some(scalar) = self.grammar.scalar.take() {
            match scalar.read(self.window, 0) {
                Ok(Read::Whole(end)) => tokens.resumed = Some(end),
                Ok(Read::Open(scalar)) => self.grammar.scalar = Some(scalar),
                Err(fault) => return Some(fault),
            }
        }
        let count = tokens.count();
        let mut base = 0;
        while base < count {
            let length = (count - base).min(64) as u32;
            let kinds = C::kinds(tokens.block(base));
            if let Some(fault) = self.block::<C>(kinds, base, length, tokens) {
                return Some(fault);
            }
            base += 64;
        }
        None
    }

    #[inline(always)]
    fn block<C: Classify>(
        &mut self,
        kinds: Kinds,
        base: usize,
        length: u32,
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        let last = length - 1;
        let valid = u64::MAX >> (63 - last);
        let Kinds {
            quote,
            colon,
            comma,
            open_object,
            open_array,
            close_object,
            close_array,
        } = Kinds {
            quote: kinds.quote & valid,
            colon: kinds.colon & valid,
            comma: kinds.comma & valid,
            open_object: kinds.open_object & valid,
            open_array: kinds.open_array & valid,
            close_object: kinds.close_object & valid,
            close_array: kinds.close_array & valid,
        };
        let opening = open_object | open_array;
        let closing = close_object | close_array;
        let rest = valid & !(quote | colon | comma | opening | closing);

        // What each token stands in, and who closes whom.
        let (mut in_object, mut in_nothing, mut wrong) = (0_u64, 0_u64, 0_u64);
        let mut deep = 0_u64;
        let mut todo = opening | closing;
        let mut from = 0;
        while todo != 0 {
            let bit = todo.trailing_zeros();
            let stretch = (u64::MAX >> (63 - bit)) & (u64::MAX << from);
            let inside = self.grammar.open.last().copied();
            match inside {
                Some(Opened { object: true, .. }) => in_object |= stretch,
                Some(Opened { object: false, .. }) => {}
                None => in_nothing |= stretch,
            }
            let token = base + bit as usize;
            let one = 1 << bit;
            if opening & one != 0 {
                if self.grammar.open.len() == self.grammar.depth {
                    deep = one;
                    break;
                }
                tokens.link(token, OPEN);
                self.grammar.open.push(Opened {
                    token: token as u32,
                    object: open_object & one != 0,
                });
            } else {
                match inside {
                    Some(opened) if opened.object == (close_object & one != 0) => {
                        self.grammar.open.pop();
                        if opened.token == ELSEWHERE {
                            tokens
                                .closes
                                .push((self.grammar.open.len() as u32, token as u32));
                        } else {
                            tokens.link(opened.token as usize, token as u32);
                        }
                    }
                    Some(_) | None => {
                        wrong = one;
                        break;
                    }
                }
            }
            todo &= todo - 1;
            from = bit + 1;
        }
        if todo == 0 && from < 64 {
            let stretch = u64::MAX << from;
            match self.grammar.open.last() {
                Some(Opened { object: true, .. }) => in_object |= stretch,
                Some(Opened { object: false, .. }) => {}
                None => in_nothing |= stretch,
            }
        }

        // Which token may not stand behind the one before it.
        let before = &mut self.grammar.before;
        let behind = |kind: u64, carry: u64| kind << 1 | carry;
        let in_string = C::prefix_xor(quote) ^ before.in_string;
        let string_open = quote & in_string;
        let string_close = quote & !in_string;
        let comma_in_object = comma & in_object;
        let name_place = behind(open_object, before.open_object)
            | behind(comma_in_object, before.comma_in_object);
        let name_open = string_open & name_place;
        let name_close = string_close & behind(name_open, before.name_open);
        let starts = string_open | rest | opening;
        let ends = (string_close & !name_close) | rest | closing;
        wrong |= behind(open_object, before.open_object) & !(string_open | close_object);
        wrong |= behind(open_array, before.open_array) & !(starts | close_array);
        wrong |= behind(comma_in_object, before.comma_in_object) & !string_open;
        wrong |= behind(comma, before.comma) & !starts;
        wrong |= behind(colon, before.colon) & !starts;
        wrong |= behind(name_close, before.name_close) & !colon;
        wrong |= colon & !behind(name_close, before.name_close);
        wrong |= behind(ends, before.value) & !(comma | closing);
        wrong |= comma & in_nothing;
        wrong &= valid;
        let value_before = behind(ends, before.value);
        let bit_of = |kind: u64| (kind >> last) & 1;
        *before = Before {
            open_object: bit_of(open_object),
            open_array: bit_of(open_array),
            comma: bit_of(comma),
            comma_in_object: bit_of(comma_in_object),
            colon: bit_of(colon),
            name_open: bit_of(name_open),
            name_close: bit_of(name_close),
            value: bit_of(ends),
            in_string: 0_u64.wrapping_sub(bit_of(in_string)),
        };

        let mut scalars = rest;
        let first_wrong = wrong | deep;
        if first_wrong != 0 {
            scalars &= (first_wrong & first_wrong.wrapping_neg()) - 1;
        }
        while scalars != 0 {
            let token = base + scalars.trailing_zeros() as usize;
            scalars &= scalars - 1;
            let at = tokens.position(token);
            tokens.link(token, OPEN);
            match read_scalar(self.window, at) {
                Ok(Read::Whole(end)) => tokens.link(token, end as u32),
                Ok(Read::Open(scalar)) => self.grammar.scalar = Some(scalar),
                Err((at, fault)) => {
                    let mark = self.start_of_body && at == 0 && self.window[0] == 0xEF;
                    return Some((
                        at,
                        if mark {
                            BodyFault::ByteOrderMark
                        } else {
                            fault
                        },
                    ));
                }
            }
        }
        if first_wrong == 0 {
            return None;
        }
        let bit = first_wrong.trailing_zeros();
        let at = tokens.position(base + bit as usize);
        let one = 1 << bit;
        let fault = if wrong & one == 0 {
            BodyFault::TooDeep
        } else if in_nothing & value_before & one != 0 {
            BodyFault::TrailingBytes
        } else {
            BodyFault::Malformed
        };
        Some((at, fault))
    }
}

/// Reads a number or literal at `at`. Whole numbers, the most common, are read in a loop of their own.
#[inline(always)]
fn read_scalar(window: &[u8], at: usize) -> Result<Read, (usize, BodyFault)> {
    if matches!(window[at], b'1'..=b'9') {
        let digits = window[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let end = at + 1 + digits;
        if matches!(window.get(end), Some(b',' | b'}' | b']')) {
            return Ok(Read::Whole(end));
        }
        return Scalar::Integer.read(window, end);
    }
    match Scalar::start(window[at]) {
        Some(scalar) => scalar.read(window, at + 1),
        None => Err((at, BodyFault::Malformed)),
    }
}
