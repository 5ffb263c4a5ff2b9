//! One value in, one value out: tokens and coarser values.

mod canonical;
mod date;
pub mod generalise;
mod keys;
mod link;
mod mask;
mod output;
mod prepared;
mod redact;
mod setting;
mod shift;
mod text;
mod token;
pub(crate) mod uri;

pub use date::{DateForm, DateFormError};
pub use generalise::Generalise;
pub use keys::{
    AgreementKeys, Algorithm, EpochKeys, EpochSecret, FIRST_EPOCH, KeyError, Keys, NoKeys, RootKey,
    SubjectKey,
};
pub use link::{Link, LinkError, LinkTemplate};
pub use output::OutputType;
pub use prepared::{Mismatch, Prepared, TransformError};
pub use redact::{Findings, InPlace, Redact, finding_words};
pub use setting::{Known, Occasion, Setting};
pub use shift::{Direction, KeyedShift, Shift, ShiftError};
pub use text::unescape;
pub use token::{Identified, Invalid, Part, Refused, Resolver, Scope, Shape, SubjectTokens};

use crate::identifier::Kind;

pub(crate) use canonical::canonical_text;
pub(crate) use date::date;
pub(crate) use setting::Knowing;
pub(crate) use text::{Characters, push_quoted};
pub(crate) use token::written_as;

/// What a transforming rule does to a single value. `null` stays `null` under every transform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// A constant in its place, whatever the value: JSON text of a single value.
    Replace {
        /// A string, number, boolean or `null` as JSON text.
        json: String,
    },
    /// Characters of a string replaced, a number's digits too (the result is a string). A value of no more
    /// characters than are left as they are is masked whole.
    Mask {
        /// Characters left as they are at the start. Default 0.
        keep_first: usize,
        /// Characters left as they are at the end. Default 0.
        keep_last: usize,
        /// Characters, such as spaces and hyphens, that stay as they are wherever they stand and are not counted.
        skip: String,
        /// What stands in the others' place. Default `*`.
        with: char,
    },
    /// The value as it is where the others in its record may be shown to whom the record is about, as
    /// [`Gate::shows_others`](crate::minimise::Gate::shows_others) says; else nothing of it, not even `null`.
    Decided,
    /// A coarser value.
    Generalise(Generalise),
    /// A date moved by some days, all of a record's subject by the same.
    Shift(Shift),
    /// A token turned back into the identifier that it stands for, in canonical form: what a request's body carries to
    /// a service. A value that is no token which still resolves ends the body.
    Reidentify {
        /// What the tokens identify, as where they were made.
        namespace: String,
        /// How the identifiers are written, as there.
        kind: Kind,
        /// The shape that the tokens keep, as there.
        format: Option<Shape>,
    },
    /// A link by its templates: what they name of it, with tokens in the place of identifiers.
    Link(Link),
    /// Free text without what its detectors find.
    Redact(Redact),
    /// A one-way keyed token of the value's canonical form: `fg1p-`, the epoch, and HMAC-SHA-256 cut to 128 bits in
    /// lower-case base32 (RFC 4648 §6) without padding. The prefix names the scheme and its version, and keeps a token
    /// from ever looking like a valid identifier.
    Pseudonymise(Identified),
    /// A keyed token that only the gateway turns back: `fg1t-`, the epoch, and AES-256-SIV of the value's canonical form in
    /// base32; or, in a format, digits or letters and digits of the identifier's own length with a wrong check digit.
    Tokenise {
        /// What the value identifies.
        identified: Identified,
        /// The shape to keep, of those that the kind has.
        format: Option<Shape>,
    },
}

impl Transform {
    /// The action's word, as agreements write it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Replace { .. } => "replace",
            Self::Decided => "keep where decided",
            Self::Mask { .. } => "mask",
            Self::Generalise(_) => "generalise",
            Self::Shift(_) => "shift",
            Self::Link(_) => "link",
            Self::Redact(_) => "redact",
            Self::Reidentify { .. } => "reidentify",
            Self::Pseudonymise(_) => "pseudonymise",
            Self::Tokenise { .. } => "tokenise",
        }
    }

    /// Tells `take` of all tokens that it makes, itself or of a link's variables: what they identify, whether they turn
    /// back, and in what shape.
    pub(crate) fn each_token(&self, take: &mut impl FnMut(&Identified, bool, Option<Shape>)) {
        match self {
            Self::Decided
            | Self::Replace { .. }
            | Self::Mask { .. }
            | Self::Generalise(_)
            | Self::Shift(_)
            | Self::Reidentify { .. } => {}
            Self::Redact(redact) => match &redact.replace {
                InPlace::Kind | InPlace::Placeholder => {}
                InPlace::Token { transform, .. } => transform.each_token(take),
            },
            Self::Pseudonymise(identified) => take(identified, false, None),
            Self::Tokenise { identified, format } => take(identified, true, *format),
            Self::Link(link) => {
                let variables = link.templates.iter().flat_map(LinkTemplate::variables);
                for transform in variables.filter_map(|(_, transform)| transform) {
                    transform.each_token(take);
                }
            }
        }
    }

    /// Whether it needs the agreement's keys.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        match self {
            Self::Decided | Self::Replace { .. } | Self::Mask { .. } | Self::Generalise(_) => false,
            Self::Link(link) => {
                let mut variables = link.templates.iter().flat_map(LinkTemplate::variables);
                variables.any(|(_, transform)| transform.is_some_and(Self::is_keyed))
            }
            Self::Redact(redact) => match &redact.replace {
                InPlace::Kind | InPlace::Placeholder => false,
                InPlace::Token { transform, .. } => transform.is_keyed(),
            },
            Self::Shift(_)
            | Self::Pseudonymise(_)
            | Self::Tokenise { .. }
            | Self::Reidentify { .. } => true,
        }
    }
}
