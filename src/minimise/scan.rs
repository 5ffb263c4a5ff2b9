//! The first look at a window: where its tokens start, and whether its strings are sound.
//!
//! ```text
//! for each 64 bytes
//!     classify them (vector code): quotes, backslashes, brackets : ,, white space, control characters
//!     escaped    = bytes behind an odd run of backslashes
//!     quotes     = quotes that are not escaped
//!     in_string  = prefix XOR of quotes: set from an opening quote up to before its closing one
//!     tokens     = both quotes of each string, brackets : , outside of strings, first bytes of other runs
//!     faults     = control characters in strings, bad escapes, halves of surrogate pairs
//! ```
//!
//! What one window leaves open (a string, an escape, a run) is carried to the next, so that where the body
//! is cut changes nothing. Next: [`super::grammar`], then [`super::walk`].

use super::BodyFault;
use super::tokens::{Room, Tokens};
use super::vector::{Classify, Escapes, Level};

/// Bytes looked at in one go: small enough for the walk to find them in the first-level cache.
pub(super) const WINDOW: usize = 8 << 10;

/// The same where records are crossed: of more of them fewer are cut.
pub(super) const RECORDS_WINDOW: usize = 16 << 10;

/// What windows before leave open.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    level: Level,
    carry: Carry,
}

#[derive(Debug, Clone, Default)]
struct Carry {
    bits: Bits,
    unicode: Unicode,
}

/// What a block leaves open to the next.
#[derive(Debug, Clone, Copy, Default)]
struct Bits {
    /// All ones inside a string.
    in_string: u64,
    /// One if the next byte is escaped.
    escaped: u64,
    /// One if the last byte belonged to a run: a number, a literal, or what is neither.
    run: u64,
}

/// What some windows have none of: the bits of all blocks together.
#[derive(Default)]
struct Odd {
    /// White space between tokens.
    white: u64,
    backslash: u64,
}

/// Where in a `\uXXXX` escape, or a pair of them, the body stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Unicode {
    #[default]
    Outside,
    /// Digits are due; `low` if they must make the second half of a surrogate pair.
    Digits { left: u8, value: u16, low: bool },
    /// The first half of a pair is behind; a backslash is due.
    Backslash,
    /// The first half and a backslash are behind; a `u` is due.
    LetterU,
}

impl Scan {
    pub(super) fn new(level: Level) -> Self {
        Self {
            level,
            carry: Carry::default(),
        }
    }

    /// Starts again: another document comes.
    pub(super) fn restart(&mut self) {
        self.carry = Carry::default();
    }

    /// Finds the tokens of `window`: at most [`RECORDS_WINDOW`] bytes, or a value that is held whole. With a fault in a
    /// string: its place, and only the tokens before it.
    pub(super) fn index(
        &mut self,
        window: &[u8],
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        debug_assert!(
            window.len() <= (u32::MAX - 64) as usize,
            "places in a window are numbers of 32 bits"
        );
        tokens.clear(window.len());
        let fault = self.level.index(
            &mut Pass {
                carry: &mut self.carry,
                resumed: 0,
                fault: None,
            },
            window,
            tokens,
        );
        if let Some((position, _)) = fault {
            tokens.cut(position);
        }
        fault
    }
}

/// One window's pass; what the vector code is instantiated over.
pub(super) struct Pass<'a> {
    carry: &'a mut Carry,
    /// The first place that was not looked at for escapes: one that began before may end beyond its block.
    resumed: usize,
    fault: Option<(usize, BodyFault)>,
}

/// No place: no stretch of bytes beyond ASCII is open.
const NOWHERE: usize = usize::MAX;

impl Pass<'_> {
    /// The loop over the blocks. Always inlined, into a function that may use the vector code of `C`.
    #[inline(always)]
    pub(super) fn run<C: Classify>(
        &mut self,
        window: &[u8],
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        if self.carry.unicode != Unicode::Outside {
            self.resumed = self.unicode(window, 0);
        }
        let mut bits = self.carry.bits;
        let mut room = tokens.room();
        let mut odd = Odd::default();
        // Where blocks with bytes beyond ASCII started: no sequence of UTF-8 goes over into a block without.
        let mut stretch = NOWHERE;
        let (blocks, mut rest) = window.as_chunks::<64>();
        let mut base = 0;
        for block in blocks {
            let beyond = self.block::<C>(block, window, base, 64, &mut bits, &mut odd, &mut room);
            if beyond {
                stretch = stretch.min(base);
            } else if stretch != NOWHERE {
                self.utf8(window, std::mem::replace(&mut stretch, NOWHERE), base);
            }
            base += 64;
            // An escape that goes over into the next block may be at fault there, at a byte that is no UTF-8 either.
            if self.fault.is_some_and(|(at, _)| at < base) {
                rest = &[];
                break;
            }
        }
        if !rest.is_empty() {
            let mut block = [b' '; 64];
            block[..rest.len()].copy_from_slice(rest);
            let beyond = self.block::<C>(
                &block,
                window,
                base,
                rest.len() as u32,
                &mut bits,
                &mut odd,
                &mut room,
            );
            if beyond {
                stretch = stretch.min(base);
            }
        }
        tokens.count = room.count;
        tokens.compact = odd.white == 0;
        tokens.unescaped = odd.backslash == 0;
        if stretch != NOWHERE {
            self.utf8(window, stretch, window.len());
        }
        self.carry.bits = bits;
        self.fault
    }

    /// Checks that `window[from..to]` is UTF-8.
    #[inline(never)]
    fn utf8(&mut self, window: &[u8], from: usize, to: usize) {
        if let Err(error) = simdutf8::compat::from_utf8(&window[from..to]) {
            self.note(from + error.valid_up_to(), BodyFault::NotUtf8);
        }
    }

    /// Finds the tokens of one block; gives whether it has bytes beyond ASCII.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "inlined: they are the loop's variables"
    )]
    fn block<C: Classify>(
        &mut self,
        bytes: &[u8; 64],
        window: &[u8],
        base: usize,
        length: u32,
        bits: &mut Bits,
        odd: &mut Odd,
        room: &mut Room<'_>,
    ) -> bool {
        let classes = C::classes(bytes);
        let last = length - 1;
        let valid = u64::MAX >> (63 - last);
        let escaped = if classes.backslash == 0 {
            core::mem::take(&mut bits.escaped)
        } else {
            escaped(classes.backslash, &mut bits.escaped, last)
        };
        let quote = classes.quote & !escaped;
        let in_string = C::prefix_xor(quote) ^ bits.in_string;
        bits.in_string = 0_u64.wrapping_sub((in_string >> last) & 1);
        let operator = classes.operator & !in_string;
        let run = !(operator | classes.white | quote | in_string) & valid;
        let starts = run & !((run << 1) | bits.run);
        bits.run = (run >> last) & 1;
        odd.white |= classes.white & !in_string & valid;
        odd.backslash |= classes.backslash;
        C::flatten(
            (operator | quote | starts) & valid,
            starts,
            bytes,
            base as u32,
            room,
        );
        let control = classes.control & in_string & valid;
        let mut escapes = escaped & in_string & valid;
        if control | escapes != 0 {
            let done = self.resumed.saturating_sub(base);
            escapes &= u64::MAX.checked_shl(done as u32).unwrap_or(0);
            let unsound = unsound(&C::escapes(bytes), escapes);
            if control | unsound != 0 {
                // From the first on that must be looked at by itself.
                let from = unsound & unsound.wrapping_neg();
                self.strings(control, escapes & 0_u64.wrapping_sub(from), window, base);
            }
        }
        classes.beyond != 0
    }

    /// Looks at the escapes of a block one by one, and for its first fault.
    #[inline(never)]
    fn strings(&mut self, control: u64, mut escapes: u64, window: &[u8], base: usize) {
        if control != 0 {
            self.note(
                base + control.trailing_zeros() as usize,
                BodyFault::BadString,
            );
        }
        while escapes != 0 {
            let position = base + escapes.trailing_zeros() as usize;
            escapes &= escapes - 1;
            if position < self.resumed {
                continue; // the low half of a pair that was read
            }
            match window[position] {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    self.carry.unicode = Unicode::Digits {
                        left: 4,
                        value: 0,
                        low: false,
                    };
                    self.resumed = self.unicode(window, position + 1);
                }
                _ => self.note(position, BodyFault::BadString),
            }
            if self.fault.is_some_and(|(at, _)| at <= position) {
                return;
            }
        }
    }

    /// Goes on with a `\u` escape at `from`; gives the first position that it did not look at.
    fn unicode(&mut self, window: &[u8], from: usize) -> usize {
        let mut at = from;
        while let Some(&byte) = window.get(at) {
            self.carry.unicode = match (self.carry.unicode, byte) {
                (Unicode::Outside, _) => return at,
                (Unicode::Digits { left, value, low }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    let digit = (byte as char)
                        .to_digit(16)
                        .expect("the pattern takes hexadecimal digits only");
                    let value = value << 4 | digit as u16;
                    match (left, value, low) {
                        (2.., _, _) => Unicode::Digits {
                            left: left - 1,
                            value,
                            low,
                        },
                        (_, 0xDC00..=0xDFFF, true) => Unicode::Outside,
                        (_, 0xD800..=0xDBFF, false) => Unicode::Backslash,
                        (_, 0xDC00..=0xDFFF, false) | (_, _, true) => {
                            self.note(at, BodyFault::BadString);
                            return at;
                        }
                        (_, _, false) => Unicode::Outside,
                    }
                }
                (Unicode::Backslash, b'\\') => Unicode::LetterU,
                (Unicode::LetterU, b'u') => Unicode::Digits {
                    left: 4,
                    value: 0,
                    low: true,
                },
                (Unicode::Digits { .. } | Unicode::Backslash | Unicode::LetterU, _) => {
                    self.note(at, BodyFault::BadString);
                    return at;
                }
            };
            at += 1;
        }
        at
    }

    /// Notes a fault; the first in the window counts.
    fn note(&mut self, position: usize, fault: BodyFault) {
        // Where two meet at one byte it is no UTF-8 before it is no JSON.
        let before =
            |(first, _)| position < first || position == first && fault == BodyFault::NotUtf8;
        if self.fault.is_none_or(before) {
            self.fault = Some((position, fault));
        }
    }
}

/// Which of the escapes of a block are not sound, or not to be told from this block alone.
///
/// A digit that an escape needs stands one to four bytes behind its `u`, the `u` of a low half six behind that of
/// its high half.
#[inline(always)]
fn unsound(classes: &Escapes, escapes: u64) -> u64 {
    let unicode = escapes & classes.letter_u;
    let unknown = escapes & !(classes.simple | unicode);
    let hex = classes.hex;
    let four = hex >> 1 & hex >> 2 & hex >> 3 & hex >> 4;
    let surrogate = unicode & classes.letter_d >> 1;
    let low = surrogate & classes.low >> 2;
    let high = surrogate & !low & classes.high >> 2;
    let short = unicode & !four;
    // A high half whose low half does not follow in full, a low half that follows none.
    let alone = (high & !((low & !short) >> 6)) | (low & !(high << 6));
    unknown | short | alone
}

/// The bytes that an odd run of backslashes escapes. `carry` is one if the first byte is escaped from before,
/// and becomes so for the byte after `last`.
///
/// In a run of backslashes every second one is escaped by the one before it. Subtracting the runs from a
/// pattern of odd bits makes the carries ripple through each run and tells at its end which parity it had.
#[inline(always)]
fn escaped(backslash: u64, carry: &mut u64, last: u32) -> u64 {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let live = backslash & !*carry;
    let ends = ((live << 1) | ODD).wrapping_sub(live) ^ ODD;
    let escaped = ends ^ (backslash | *carry);
    *carry = ((ends & backslash) >> last) & 1;
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(level: Level, pieces: &[&[u8]]) -> (Vec<usize>, Option<(usize, BodyFault)>) {
        let (mut scan, mut tokens) = (Scan::new(level), Tokens::default());
        let (mut found, mut base) = (Vec::new(), 0);
        for piece in pieces {
            let fault = scan.index(piece, &mut tokens);
            found.extend(tokens.positions().iter().map(|at| base + *at as usize));
            if let Some((at, fault)) = fault {
                return (found, Some((base + at, fault)));
            }
            base += piece.len();
        }
        (found, None)
    }

    /// The same by a plain byte loop.
    fn naive(body: &[u8]) -> Vec<usize> {
        let (mut found, mut in_string, mut escaped, mut run) = (Vec::new(), false, false, false);
        for (at, &byte) in body.iter().enumerate() {
            let was_run = std::mem::replace(&mut run, false);
            if std::mem::replace(&mut escaped, false) && in_string {
                continue;
            }
            match byte {
                b'\\' if in_string => escaped = true,
                b'"' => {
                    in_string = !in_string;
                    found.push(at);
                }
                _ if in_string => {}
                b'{' | b'}' | b'[' | b']' | b':' | b',' => found.push(at),
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => {
                    run = true;
                    if !was_run {
                        found.push(at);
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_level_and_every_cut_finds_the_tokens_that_a_byte_loop_finds() {
        let bodies: [&[u8]; 5] = [
            br#"{"a":[1,-2.5e3 , true],"b\"c":"\\","d":{"e":null}}"#,
            br#"["\\\\\\\"","\\\"\\",  "\u00e9\ud83d\ude00 \n"]   "#,
            "[\"é😀 long enough to go over one block of sixty-four bytes, and then some more\" ,12]".as_bytes(),
            br#"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["#,
            br#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\\\\\\\\"bbbbbbbbb" 1234567 "#,
        ];
        for body in bodies {
            let expected = naive(body);
            for level in Level::available() {
                assert_eq!(index(level, &[body]), (expected.clone(), None), "{level:?}");
                for cut in
                    (0..=body.len()).filter(|cut| body.get(*cut).is_none_or(|byte| byte >> 6 != 2))
                {
                    let (head, tail) = body.split_at(cut);
                    // A run that goes on in the second piece starts in the first only.
                    assert_eq!(
                        index(level, &[head, tail]),
                        (expected.clone(), None),
                        "{level:?} cut at {cut}"
                    );
                }
                // Windows end with whole sequences of UTF-8.
                let bytes: Vec<&[u8]> = body.chunk_by(|_, next| next >> 6 == 2).collect();
                assert_eq!(
                    index(level, &bytes),
                    (expected.clone(), None),
                    "{level:?} byte by byte"
                );
            }
        }
    }

    #[test]
    fn a_bad_escape_is_found_at_the_byte_that_breaks_it_at_every_cut() {
        let rows: [(&[u8], usize); 9] = [
            (br#""\x""#, 2),
            (br#""ab\u12G4""#, 7),
            (br#""\u12"#, 99),
            (br#""\ud800x""#, 7),
            (br#""\ud800\n""#, 8),
            (br#""\ud800\u0041""#, 12),
            (br#""\udc00""#, 6),
            (b"\"a\tb\"", 2),
            (b"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\\x01\"", 74),
        ];
        for (body, at) in rows {
            let expected = (at < body.len()).then_some((at, BodyFault::BadString));
            for level in Level::available() {
                assert_eq!(index(level, &[body]).1, expected, "{level:?} {body:?}");
                for cut in 0..=body.len() {
                    let (head, tail) = body.split_at(cut);
                    assert_eq!(
                        index(level, &[head, tail]).1,
                        expected,
                        "{level:?} {body:?} cut at {cut}"
                    );
                }
            }
        }
    }

    #[test]
    fn escapes_at_every_place_of_a_block_are_judged_as_a_json_reader_judges_them() {
        let escapes = [
            r"\u0041",
            r"\ud834\udd1e",
            r"\ud834",
            r"\udd1e",
            r"\ud834\u0041",
            r"\ud834\ud834\udd1e",
            r"\ud834\\udd1e",
            r"\ud83",
            r"\ud834\udd1",
            r"\u00zz",
            r"\ud834\udd1e\udd1e",
            r"\n\\\/",
            r"\x",
            r"\D800",
            r"\uD834\uDD1E",
            r"\ud7ff\ue000",
        ];
        for level in Level::available() {
            for escape in escapes {
                for before in 0..130 {
                    let body = format!("\"{}{escape} \\ud834\\udd1e.\"", "x".repeat(before));
                    let sound = serde_json::from_str::<String>(&body).is_ok();
                    assert_eq!(
                        index(level, &[body.as_bytes()]).1.is_none(),
                        sound,
                        "{level:?} {body}"
                    );
                    if before % 13 == 0 {
                        let whole = index(level, &[body.as_bytes()]);
                        for cut in 0..body.len() {
                            let (head, tail) = body.as_bytes().split_at(cut);
                            assert_eq!(
                                index(level, &[head, tail]).1,
                                whole.1,
                                "{level:?} {body} cut at {cut}"
                            );
                        }
                    }
                }
            }
        }
    }
}
