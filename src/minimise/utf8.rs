//! UTF-8 (RFC 3629) a byte at a time, for texts whose bytes do not stand in the body as they are.

/// Where in a sequence a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Utf8 {
    /// Bytes that are due, and the bounds of the next.
    due: u8,
    low: u8,
    high: u8,
    /// Where in the body the sequence that is open starts.
    start: u64,
}

impl Utf8 {
    /// Takes the byte that stands at `at` in the body.
    ///
    /// # Errors
    /// Where the sequence starts that is none.
    #[inline]
    pub(super) fn take(&mut self, byte: u8, at: u64) -> Result<(), u64> {
        if self.due == 0 {
            if byte < 0x80 {
                return Ok(());
            }
            self.start = at;
            (self.due, self.low, self.high) = match byte {
                0xC2..=0xDF => (1, 0x80, 0xBF),
                0xE0 => (2, 0xA0, 0xBF),
                0xED => (2, 0x80, 0x9F),
                0xE1..=0xEF => (2, 0x80, 0xBF),
                0xF0 => (3, 0x90, 0xBF),
                0xF1..=0xF3 => (3, 0x80, 0xBF),
                0xF4 => (3, 0x80, 0x8F),
                _ => return Err(at),
            };
            return Ok(());
        }
        if !(self.low..=self.high).contains(&byte) {
            return Err(self.start);
        }
        (self.due, self.low, self.high) = (self.due - 1, 0x80, 0xBF);
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// Where the sequence starts that is not whole.
    pub(super) fn end(&mut self) -> Result<(), u64> {
        if std::mem::take(&mut self.due) == 0 {
            Ok(())
        } else {
            Err(self.start)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `bytes` are UTF-8, or where the first sequence starts that is not.
    fn read(bytes: &[u8]) -> Result<(), u64> {
        let mut utf8 = Utf8::default();
        for (at, byte) in bytes.iter().enumerate() {
            utf8.take(*byte, at as u64)?;
        }
        utf8.end()
    }

    #[test]
    fn every_pair_and_every_edge_is_judged_as_the_standard_library_does() {
        let standard = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(|_| ())
                .map_err(|error| error.valid_up_to() as u64)
        };
        for one in 0..=255 {
            for two in 0..=255 {
                assert_eq!(read(&[one, two]), standard(&[one, two]));
                for rest in [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0] {
                    let three = [one, two, rest];
                    assert_eq!(read(&three), standard(&three), "{three:x?}");
                    let four = [one, two, rest, 0x80];
                    assert_eq!(read(&four), standard(&four), "{four:x?}");
                    let four = [b'a', one, two, 0x80, rest];
                    assert_eq!(read(&four), standard(&four), "{four:x?}");
                }
            }
        }
    }
}
