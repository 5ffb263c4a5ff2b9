//! Characters from bytes: whole UTF-8 in pieces, whatever the charset and wherever the input was cut.
//!
//! UTF-8 is checked and passes as it came; other charsets are decoded by `encoding_rs` into a buffer of one window.
//! What a byte means is what was declared, never guessed: a byte order mark at the start is taken off, and says the
//! order of the bytes where the charset is UTF-16, nothing else.

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::plan::Charset;

/// Bytes of text that are passed on at once: what the steps that follow look at stays in the nearest cache.
pub(super) const WINDOW: usize = 8 << 10;

const MARK: &[u8] = "\u{feff}".as_bytes();

/// A place in a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes of UTF-8 text before it, a byte order mark included.
    pub(super) text: u64,
    /// Bytes of the body before it, as it came.
    pub(super) input: u64,
}

impl Place {
    /// The place after `text`, which starts here.
    pub(super) fn after(self, text: &[u8], charset: Charset) -> Self {
        Self {
            text: self.text + text.len() as u64,
            input: self.input + width(text, charset),
        }
    }
}

/// The bytes that `text` takes in a body of `charset`. Counted by the characters that start in it, so that a
/// character that is cut belongs to the piece that has its first byte.
fn width(text: &[u8], charset: Charset) -> u64 {
    let starts = || text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64;
    match charset {
        Charset::Utf8 => text.len() as u64,
        Charset::Windows1252 => starts(),
        Charset::Utf16 => {
            // Characters of four bytes in UTF-8 are surrogate pairs.
            2 * (starts() + text.iter().filter(|&&byte| byte >= 0xf0).count() as u64)
        }
    }
}

/// What ends the reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped<E> {
    /// The bytes at [`Reader::place`] are no characters of the charset.
    Undecodable,
    /// The taker of the text refused it.
    Refused(E),
}

/// Turns pieces of a body into pieces of text: whole characters, at most [`WINDOW`] bytes at once.
pub(super) struct Reader {
    charset: Charset,
    /// Where the text stands that is passed on next.
    place: Place,
    /// Bytes that the pieces so far cut: of a UTF-8 sequence, or of what tells UTF-16's order. Fewer than four.
    cut: Vec<u8>,
    decoder: Option<Decoder>,
    /// Decoded text; empty for UTF-8.
    text: Vec<u8>,
}

impl Reader {
    pub(super) fn new(charset: Charset) -> Self {
        let (decoder, room) = match charset {
            Charset::Utf8 => (None, 0),
            Charset::Windows1252 => (
                Some(WINDOWS_1252.new_decoder_without_bom_handling()),
                WINDOW,
            ),
            // Its order of bytes is not known yet.
            Charset::Utf16 => (None, WINDOW),
        };
        Self {
            charset,
            place: Place::default(),
            cut: Vec::new(),
            decoder,
            text: vec![0; room],
        }
    }

    pub(super) fn charset(&self) -> Charset {
        self.charset
    }

    /// The place of the text that comes next.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Takes `input`, and gives its text with its place to `take`.
    pub(super) fn read<E>(
        &mut self,
        input: &[u8],
        mut take: impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        match self.charset {
            Charset::Utf8 => self.read_utf8(input, &mut take),
            Charset::Windows1252 => {
                // encoding_rs takes these, as browsers do, for control characters; the code page has none there.
                let undefined = |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
                let sound = input.iter().position(undefined).unwrap_or(input.len());
                self.decode(&input[..sound], false, &mut take)?;
                if sound < input.len() {
                    return Err(Stopped::Undecodable);
                }
                Ok(())
            }
            Charset::Utf16 => self.read_utf16(input, &mut take),
        }
    }

    /// Ends the body.
    pub(super) fn finish<E>(
        &mut self,
        mut take: impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        if !self.cut.is_empty() {
            return Err(Stopped::Undecodable);
        }
        self.decode(&[], true, &mut take)
    }

    fn read_utf8<E>(
        &mut self,
        mut input: &[u8],
        take: &mut impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        while !self.cut.is_empty() && !input.is_empty() {
            self.cut.push(input[0]);
            input = &input[1..];
            match std::str::from_utf8(&self.cut) {
                Ok(_) => {
                    let whole = std::mem::take(&mut self.cut);
                    self.pass(&whole, take)?;
                }
                Err(error) if error.error_len().is_some() => return Err(Stopped::Undecodable),
                Err(_) => {}
            }
        }
        while !input.is_empty() {
            let (window, rest) = input.split_at(input.len().min(WINDOW));
            let Err(error) = simdutf8::compat::from_utf8(window) else {
                self.pass(window, take)?;
                input = rest;
                continue;
            };
            let (whole, broken) = input.split_at(error.valid_up_to());
            self.pass(whole, take)?;
            if error.error_len().is_some() {
                return Err(Stopped::Undecodable);
            }
            if rest.is_empty() {
                self.cut.extend_from_slice(broken);
                return Ok(());
            }
            // The window's end cut it, not the input's.
            input = broken;
        }
        Ok(())
    }

    fn read_utf16<E>(
        &mut self,
        mut input: &[u8],
        take: &mut impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        while self.decoder.is_none() && !input.is_empty() {
            self.cut.push(input[0]);
            input = &input[1..];
            if let [first, second] = *self.cut {
                self.cut.clear();
                let encoding = if (first, second) == (0xfe, 0xff) {
                    UTF_16BE
                } else {
                    UTF_16LE
                };
                self.decoder = Some(encoding.new_decoder_without_bom_handling());
                self.decode(&[first, second], false, take)?;
            }
        }
        self.decode(input, false, take)
    }

    fn decode<E>(
        &mut self,
        mut input: &[u8],
        last: bool,
        take: &mut impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        let mut text = std::mem::take(&mut self.text);
        while let Some(decoder) = &mut self.decoder {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(input, &mut text, last);
            input = &input[read..];
            self.pass(&text[..written], take)?;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                // The text before it has been passed on, so that it stands at the place that comes next.
                DecoderResult::Malformed(..) => return Err(Stopped::Undecodable),
            }
        }
        self.text = text;
        Ok(())
    }

    fn pass<E>(
        &mut self,
        mut text: &[u8],
        take: &mut impl FnMut(&[u8], Place) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        if self.place.text == 0
            && self.charset != Charset::Windows1252
            && let Some(rest) = text.strip_prefix(MARK)
        {
            self.place = self.place.after(MARK, self.charset);
            text = rest;
        }
        if text.is_empty() {
            return Ok(());
        }
        take(text, self.place).map_err(Stopped::Refused)?;
        self.place = self.place.after(text, self.charset);
        Ok(())
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({:?}, at {:?})", self.charset, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, and where the bytes stop being characters.
    fn read<'a>(
        charset: Charset,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (String, Option<u64>) {
        let mut reader = Reader::new(charset);
        let mut text = Vec::new();
        let mut ended: Result<(), Stopped<()>> = Ok(());
        for piece in pieces {
            ended = ended.and_then(|()| {
                reader.read(piece, |piece, place| {
                    assert!(piece.len() <= WINDOW && place.text >= text.len() as u64);
                    text.extend_from_slice(piece);
                    Ok(())
                })
            });
        }
        ended = ended.and_then(|()| {
            reader.finish(|piece, _| {
                text.extend_from_slice(piece);
                Ok(())
            })
        });
        let stopped = ended.err().map(|stopped| {
            assert_eq!(stopped, Stopped::Undecodable);
            reader.place().input
        });
        (String::from_utf8(text).unwrap(), stopped)
    }

    #[test]
    fn p8_text_and_the_place_of_what_is_none_are_the_same_at_every_cut() {
        use Charset::{Utf8, Utf16, Windows1252};
        let rows: &[(Charset, &[u8], &str, Option<u64>)] = &[
            (Utf8, b"", "", None),
            (
                Utf8,
                "\u{feff}a\u{feff}\u{e9}".as_bytes(),
                "a\u{feff}\u{e9}",
                None,
            ),
            (Utf8, b"\xef\xbb", "", Some(0)),
            (Utf8, b"ab\xe2\x82", "ab", Some(2)),
            (Utf8, b"ab\xe2\x82x", "ab", Some(2)),
            (Utf8, b"\xef\xbb\xbfab\xff", "ab", Some(5)),
            (Utf8, b"ab\xed\xa0\x80", "ab", Some(2)),
            (
                Windows1252,
                b"caf\xe9 \x80\x9f",
                "caf\u{e9} \u{20ac}\u{178}",
                None,
            ),
            (Windows1252, b"\xef\xbb\xbfa", "\u{ef}\u{bb}\u{bf}a", None),
            (Windows1252, b"\xe9a\x81b", "\u{e9}a", Some(2)),
            (Utf16, b"", "", None),
            (Utf16, b"a\0\xe9\0", "a\u{e9}", None),
            (Utf16, b"\xff\xfea\0", "a", None),
            (
                Utf16,
                b"\xfe\xff\0a\xd8\x34\xdd\x1e\0b",
                "a\u{1d11e}b",
                None,
            ),
            (Utf16, b"\xfe\xff\0a\xd8\x34\0b", "a", Some(4)),
            (Utf16, b"a\0\x34\xd8", "a", Some(2)),
            (Utf16, b"a\0b", "a", Some(2)),
            (Utf16, b"a", "", Some(0)),
            (Utf16, b"a\0\0\xdc", "a", Some(2)),
        ];
        for (charset, bytes, text, stopped) in rows {
            let expected = ((*text).to_owned(), *stopped);
            assert_eq!(read(*charset, bytes.chunks(1)), expected, "{bytes:?}");
            for cut in 0..=bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(read(*charset, [head, tail]), expected, "{bytes:?} at {cut}");
            }
        }
    }

    #[test]
    fn places_are_counted_in_bytes_of_the_body_beyond_one_window() {
        let text = "\u{e9}\u{1d11e}x".repeat(WINDOW);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (charset, mut bytes) in [
            (Charset::Utf8, text.clone().into_bytes()),
            (Charset::Utf16, utf16),
        ] {
            let whole = bytes.len() as u64;
            bytes.extend_from_slice(b"\x00\xdc\xff");
            for step in [7, 4096, usize::MAX] {
                let (read, stopped) = read(charset, bytes.chunks(step.min(bytes.len())));
                // For UTF-8 the zero is a character.
                let good = u64::from(charset == Charset::Utf8);
                assert_eq!(read.trim_end_matches('\0'), text);
                assert_eq!(stopped, Some(whole + good));
            }
        }
    }
}
