//! Reading what the minimiser lets out: JSON documents and rows that this program has written itself.
//!
//! Their grammar has been checked, so nothing is checked again; but they come in pieces, cut anywhere.

mod json;
mod rows;

pub(super) use json::JsonReader;
pub(super) use rows::RowReader;

use crate::transform::unescape;

/// Bytes of one field that are looked at. What is longer is no category, no number and nobody's identifier.
pub(super) const FIELD_BYTES: usize = 1024;

/// What a field of a record is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not there, `null`, or empty in a row.
    #[default]
    Nothing,
    /// A string, or a value of a row.
    Text,
    /// A number, `true` or `false`.
    Word,
    /// An object, an array, or longer than [`FIELD_BYTES`].
    Other,
}

/// One field of the record that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// Unescaped.
    pub(super) text: Vec<u8>,
}

impl Field {
    fn clear(&mut self) {
        self.kind = Kind::Nothing;
        self.text.clear();
    }

    /// A string whose inside, as it is escaped, is `inside`.
    fn set_string(&mut self, inside: &[u8]) {
        self.kind = Kind::Text;
        self.text.clear();
        unescape(inside, &mut self.text);
    }
}

/// Takes a record that is whole.
pub(super) trait Records {
    /// What ends the reading.
    type Stop;

    /// Takes the record with these fields.
    fn record(&mut self, fields: &[Field]) -> Result<(), Self::Stop>;
}
