//! Numbers and literals, a byte at a time (RFC 8259 §3, §6).

use super::BodyFault;

/// A number or literal, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
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
    /// What starts with `byte`; `None` if nothing does.
    pub(super) fn start(byte: u8) -> Option<Self> {
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

    /// With one byte more; `None` if the byte cannot belong to it.
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

    /// Whether it may end here.
    pub(super) fn complete(self) -> bool {
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

    /// Reads on in `window` from `at`: where it ends, or what it is at the window's end, or what is wrong where.
    pub(super) fn read(mut self, window: &[u8], at: usize) -> Result<Read, (usize, BodyFault)> {
        for (ahead, &byte) in window[at..].iter().enumerate() {
            match self.with(byte) {
                Some(further) => self = further,
                None if delimits(byte) && self.complete() => return Ok(Read::Whole(at + ahead)),
                None => return Err((at + ahead, self.fault())),
            }
        }
        Ok(Read::Open(self))
    }
}

/// How far a number or literal was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// To its end, before this place.
    Whole(usize),
    /// To the window's end.
    Open(Scalar),
}

/// Whether a number or literal can end before `byte`.
fn delimits(byte: u8) -> bool {
    matches!(
        byte,
        b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'[' | b':' | b'"'
    )
}
