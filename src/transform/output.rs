//! The types that values have at the partner.

use super::Transform;

/// The type of what a transform gives, as the partner's parser sees it in a JSON body. In CSV, XML and forms every
/// value is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputType {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// A whole number; text where the service wrote the number as text.
    IntegerOrText,
    /// A number; text where the service wrote the number as text.
    NumberOrText,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// `null`.
    Null,
}

impl OutputType {
    /// The type in words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::IntegerOrText => "integer (text where it was text)",
            Self::NumberOrText => "number (text where it was text)",
            Self::Boolean => "true or false",
            Self::Number => "number",
            Self::Null => "null",
        }
    }
}

impl Transform {
    /// The type of what leaves. `null` stays `null` under every transform.
    #[must_use]
    pub fn output(&self) -> OutputType {
        match self {
            Self::Replace { json } => match json.trim_start().as_bytes().first() {
                Some(b'"') => OutputType::Text,
                Some(b't' | b'f') => OutputType::Boolean,
                Some(b'n') | None => OutputType::Null,
                Some(_) => OutputType::Number,
            },
            Self::Generalise(generalise) => generalise.output(),
            Self::Shift(shift) => shift.output(),
            Self::Decided
            | Self::Mask { .. }
            | Self::Link(_)
            | Self::Redact(_)
            | Self::Pseudonymise(_)
            | Self::Tokenise { .. }
            | Self::Reidentify { .. } => OutputType::Text,
        }
    }
}
