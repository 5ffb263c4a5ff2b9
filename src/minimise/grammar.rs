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
use super::tokens::Tokens;
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
    limit: usize,
    /// What is open, the outermost first, behind [`BOTTOM`]; beyond `depth` what stands there means nothing.
    open: Vec<Opened>,
    depth: usize,
    before: Before,
    /// The number or literal that the window before cut.
    scalar: Option<Scalar>,
}

/// An open container: the token that opened it in this window ([`ELSEWHERE`] for a window before), and what it is.
#[derive(Debug, Clone, Copy)]
struct Opened {
    token: u32,
    what: u32,
}

/// Opened in a window before.
const ELSEWHERE: u32 = u32::MAX;

/// What [`Opened::what`] is, or zero for an array.
const OBJECT: u32 = 1;
const NOTHING: u32 = 2;

/// What everything stands in.
const BOTTOM: Opened = Opened {
    token: ELSEWHERE,
    what: NOTHING,
};

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
            limit: depth,
            open: vec![BOTTOM; 1 + ROOM],
            depth: 0,
            before: Before::START,
            scalar: None,
        }
    }

    /// The grammar at the start of another body.
    pub(super) fn restart(&mut self) {
        self.depth = 0;
        self.before = Before::START;
        self.scalar = None;
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Goes on behind values that are known to be right, where one was due or behind another.
    pub(super) fn crossed(&mut self) {
        debug_assert!(self.scalar.is_none(), "values are crossed between values");
        self.before = Before {
            colon: 0,
            value: 1,
            ..Before::START
        };
    }

    /// Whether something other than white space has come.
    pub(super) fn begun(&self) -> bool {
        self.before.colon == 0 || self.depth != 0
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
        for opened in &mut self.open[1..=self.depth] {
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
        self.depth == 0 && self.before.value == 1 && self.scalar.is_none_or(Scalar::complete)
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

        let Nesting {
            in_object,
            in_nothing,
            mut wrong,
            deep,
        } = self.nesting::<C>(
            base,
            opening | closing,
            opening,
            open_object | close_object,
            tokens,
        );

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

/// What the tokens of a block stand in, and the first bracket that may not be there.
struct Nesting {
    in_object: u64,
    in_nothing: u64,
    wrong: u64,
    deep: u64,
}

/// Brackets of one block, and so as many containers more at most.
const ROOM: usize = 64;

impl Check<'_> {
    /// What each token of a block stands in, and who closes whom: `brackets` of which some are `opening` and some
    /// are an `object`'s.
    ///
    /// One step a bracket and hardly a branch: which kind of bracket comes next is hard to foretell. What tokens
    /// stand in changes at brackets only, so the changes are noted there and summed up at the end.
    #[inline(always)]
    fn nesting<C: Classify>(
        &mut self,
        base: usize,
        brackets: u64,
        opening: u64,
        object: u64,
        tokens: &mut Tokens,
    ) -> Nesting {
        let Grammar {
            limit, open, depth, ..
        } = &mut *self.grammar;
        if open.len() < *depth + 1 + ROOM {
            open.resize(*depth + 1 + 2 * ROOM, BOTTOM);
        }
        let start = open[*depth].what;
        let (mut inside, mut changes) = (start, [0_u64; 2]);
        let (mut wrong, mut deep) = (0, 0);
        let pairs = if *depth + opening.count_ones() as usize <= *limit {
            Pairs::of::<C>(base, brackets, opening, object, tokens)
        } else {
            // One of them may be too deep.
            Pairs::default()
        };
        let mut todo = brackets & !pairs.brackets;
        while todo != 0 {
            let bit = todo.trailing_zeros();
            let one = todo & todo.wrapping_neg();
            let token = (base + bit as usize) as u32;
            let what = u32::from(object & one != 0);
            if opening & one != 0 {
                if *depth == *limit {
                    deep = one;
                    break;
                }
                *depth += 1;
                open[*depth] = Opened { token, what };
                tokens.link(token as usize, OPEN);
            } else {
                let opened = open[*depth];
                if opened.what != what {
                    wrong = one;
                    break;
                }
                *depth -= 1;
                if opened.token == ELSEWHERE {
                    tokens.closes.push((*depth as u32, token));
                } else {
                    tokens.link(opened.token as usize, token);
                }
            }
            let now = open[*depth].what;
            // From the next token on; the bracket itself stands in what was before it.
            changes[0] ^= u64::from((inside ^ now) & OBJECT) << bit;
            changes[1] ^= u64::from((inside ^ now) & NOTHING) >> 1 << bit;
            inside = now;
            todo &= todo - 1;
        }
        let sum = |changes: u64, at_start: bool| {
            (C::prefix_xor(changes) << 1) ^ 0_u64.wrapping_sub(u64::from(at_start))
        };
        let (in_object, in_nothing) = (
            sum(changes[0], start & OBJECT != 0),
            sum(changes[1], start & NOTHING != 0),
        );
        Nesting {
            in_object: in_object & !pairs.inside | pairs.in_object,
            in_nothing: in_nothing & !pairs.inside,
            wrong,
            deep,
        }
    }
}

/// Containers of a block in which no other stands: each bracket's partner is the bracket next to it.
#[derive(Debug, Default)]
struct Pairs {
    /// Their brackets.
    brackets: u64,
    /// The tokens behind an opening one up to its partner; those of objects.
    inside: u64,
    in_object: u64,
}

impl Pairs {
    /// Most containers are such, and they need no stack: what closes one is the first bracket behind it.
    #[inline(always)]
    fn of<C: Classify>(
        base: usize,
        brackets: u64,
        opening: u64,
        object: u64,
        tokens: &mut Tokens,
    ) -> Self {
        // The first bracket behind each opening one: added to the tokens between, it carries over them.
        let next = (opening << 1).wrapping_add(!brackets) & brackets;
        let (mut pairs, mut objects) = (0_u64, 0_u64);
        let mut closing = next & !opening;
        while closing != 0 {
            let close = closing.trailing_zeros();
            let one = closing & closing.wrapping_neg();
            closing ^= one;
            // There is one: it is what carried.
            let open = 63 - (brackets & (one - 1)).leading_zeros();
            let both = one | 1 << open;
            let of_objects = object & both;
            // Of two kinds it is left to be found wrong.
            if of_objects == 0 || of_objects == both {
                pairs |= both;
                objects |= of_objects;
                tokens.link(base + open as usize, (base + close as usize) as u32);
            }
        }
        Self {
            brackets: pairs,
            inside: C::prefix_xor(pairs) << 1,
            in_object: C::prefix_xor(objects) << 1,
        }
    }
}

/// Where the number or literal at `at` ends, if it is one and ends in the window.
#[inline]
pub(super) fn whole_scalar(window: &[u8], at: usize) -> Option<usize> {
    match read_scalar(window, at) {
        Ok(Read::Whole(end)) => Some(end),
        Ok(Read::Open(_)) | Err(_) => None,
    }
}

/// Reads a number or literal at `at`; the common ones, eight bytes at a time.
#[inline(always)]
fn read_scalar(window: &[u8], at: usize) -> Result<Read, (usize, BodyFault)> {
    let first = window[at];
    let ends = |end: usize| matches!(window.get(end), Some(b',' | b'}' | b']'));
    if matches!(first, b'1'..=b'9') {
        let mut end = digits(window, at + 1);
        if ends(end) {
            return Ok(Read::Whole(end));
        }
        if window.get(end) == Some(&b'.') {
            let fraction = end + 1;
            end = digits(window, fraction);
            if end > fraction && ends(end) {
                return Ok(Read::Whole(end));
            }
        }
    } else if let Some(word) = window[at..].first_chunk::<4>() {
        let length = match word {
            b"true" | b"null" => 4,
            b"fals" if window.get(at + 4) == Some(&b'e') => 5,
            [b'0', _, _, _] => 1,
            _ => 0,
        };
        if length != 0 && ends(at + length) {
            return Ok(Read::Whole(at + length));
        }
    }
    match Scalar::start(first) {
        Some(scalar) => scalar.read(window, at + 1),
        None => Err((at, BodyFault::Malformed)),
    }
}

/// The first place from `at` on that is no digit.
#[inline(always)]
fn digits(window: &[u8], mut at: usize) -> usize {
    const TENS: u64 = 0x7676_7676_7676_7676;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    while let Some(word) = window.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A digit less `0` is below ten, so that adding 0x76 does not reach its top bit.
        let value = u64::from_le_bytes(*word) ^ ZEROS;
        let others = (((value & !TOPS) + TENS) | value) & TOPS;
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = window.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
