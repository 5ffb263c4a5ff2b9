//! Kinds of identifier: how each is written in one form, how it is checked, and what identifies nobody.
//!
//! A person is written `943 476 5919` here and `9434765919` there; a token that is to link them is made of the one form
//! that all spellings have. [`Kind::canonical`] is the front door. `check` and `grammar` are functions over bytes, `fold`
//! is for characters: for whoever looks for identifiers in text.

mod buffer;
pub(crate) mod check;
mod compact;
mod contact;
pub(crate) mod fold;
pub(crate) mod grammar;
mod person;
mod text;
mod unknown;

pub use buffer::{CANONICAL_BYTES, Canonical};
pub use unknown::Unknown;

use fold::fold;

/// Digits of the longest text that [`Kind::is_own_form`] looks at.
const OWN_DIGITS: usize = 15;

/// Why a value has no canonical form. Says nothing of the value (P7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It identifies nobody: empty, longer than [`CANONICAL_BYTES`], or what is written where nothing is known, as
    /// `UNKNOWN`, `9999999999` or `01/01/1900`.
    #[error("the value identifies nobody")]
    Nobody,
    /// It is not of its kind: it has another form, or its check digit is wrong.
    #[error("the value is not of the kind that it should be")]
    Invalid,
}

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident = $word:literal,)*) => {
        /// What kind of identifier a value is.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$attribute])* $name,)*
        }

        /// How identifiers of a kind are read.
enum Reading {
    Text,
    Email,
    Phone,
    Name,
    Date,
    /// Letters and digits alone, however they are grouped.
    Compact,
}

impl Kind {
            /// Every kind, the general ones first.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word, as agreements write it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// Any text: trimmed, and digits without the spaces and hyphens between them. Letters stay as they are.
    #[default]
    Text = "text",
    /// Digits: of any script, without spaces, hyphens and dots. Leading zeros count.
    Digits = "digits",
    /// Letters A to Z and digits: in upper case, without spaces and hyphens.
    UpperAlphanumeric = "upper-alphanumeric",
    /// NHS number of England, Wales and the Isle of Man: ten digits, the last a check digit.
    NhsNumber = "nhs-number",
    /// Community Health Index number of Scotland: ten digits that begin with the day of birth.
    ChiNumber = "chi-number",
    /// Health and Care number of Northern Ireland: ten digits, the last a check digit.
    HcNumber = "hc-number",
    /// National Insurance number. Its suffix, which adds nothing, is left off: it is often missing.
    Nino = "nino",
    /// Unique Pupil Number: a check letter and twelve more, temporary ones too.
    Upn = "upn",
    /// Unique Taxpayer Reference: ten digits, with or without the `K` behind.
    Utr = "utr",
    /// Unique Property Reference Number: up to twelve digits, leading zeros left off.
    Uprn = "uprn",
    /// Postcode of the United Kingdom: upper case, one space. A pseudo-postcode (`ZZ99 …`) is nobody's.
    Postcode = "postcode",
    /// E-mail address: in lower case. What stands after `+` counts, dots count.
    Email = "email",
    /// Telephone number: `+` and digits (E.164), an extension behind as `;ext=`. Without a country it is of the United
    /// Kingdom.
    Phone = "phone",
    /// A person's name: capitals without marks, apostrophes and titles.
    Name = "name",
    /// A day: `YYYY-MM-DD`, also of a timestamp that begins so. Other orders of day and month are never guessed.
    Date = "date",
    /// Driver number of Great Britain (16 characters) or Northern Ireland (eight digits).
    DriverNumber = "driver-number",
    /// Passport number of the United Kingdom.
    Passport = "passport",
    /// Registration mark of a vehicle: current, prefix or suffix form. For others write `upper-alphanumeric`.
    VehicleRegistration = "vehicle-registration",
    /// International Bank Account Number.
    Iban = "iban",
    /// Number of a payment card.
    PaymentCard = "payment-card",
    /// Sort code and account number, 14 digits.
    SortCodeAndAccount = "sort-code-and-account",
}

impl Kind {
    /// The kind that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// Writes the canonical form of the identifier that `characters` spell to `out`, which is empty after an error.
    ///
    /// All spellings of one identifier have the same form, and a form is its own. Different identifiers of one kind have
    /// different forms; identifiers of different kinds may have the same, so that whoever makes tokens of them must keep
    /// the kinds apart. Allocates nothing.
    ///
    /// # Errors
    /// If they spell no identifier of this kind.
    pub fn canonical(
        self,
        characters: impl Iterator<Item = char>,
        out: &mut Canonical,
    ) -> Result<(), Unfit> {
        out.clear();
        let result = match self.reading() {
            Reading::Text => text::text(characters, out),
            Reading::Email => contact::email(characters, out),
            Reading::Phone => contact::phone(characters, out),
            Reading::Name => person::name(characters, out),
            Reading::Date => person::date(characters, out),
            Reading::Compact => compact::compact(self, characters, out),
        };
        if result.is_err() {
            out.clear();
        }
        result
    }

    fn reading(self) -> Reading {
        match self {
            Self::Text => Reading::Text,
            Self::Email => Reading::Email,
            Self::Phone => Reading::Phone,
            Self::Name => Reading::Name,
            Self::Date => Reading::Date,
            Self::Digits
            | Self::UpperAlphanumeric
            | Self::NhsNumber
            | Self::ChiNumber
            | Self::HcNumber
            | Self::Nino
            | Self::Upn
            | Self::Utr
            | Self::Uprn
            | Self::Postcode
            | Self::DriverNumber
            | Self::Passport
            | Self::VehicleRegistration
            | Self::Iban
            | Self::PaymentCard
            | Self::SortCodeAndAccount => Reading::Compact,
        }
    }

    /// As [`canonical`](Self::canonical) of ASCII digits alone, which most identifiers are: without a look at each character.
    ///
    /// # Errors
    /// As there.
    pub fn canonical_digits(self, digits: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
        debug_assert!(digits.iter().all(u8::is_ascii_digit), "digits alone");
        out.clear();
        let result = match self.reading() {
            Reading::Text => text::text_digits(digits, out),
            Reading::Email | Reading::Phone | Reading::Name | Reading::Date => {
                return self.canonical(digits.iter().copied().map(char::from), out);
            }
            Reading::Compact => compact::compact_digits(self, digits, out),
        };
        if result.is_err() {
            out.clear();
        }
        result
    }

    /// Whether `bytes` are ASCII digits and stand in their canonical form already, as most identifiers do: nothing has to
    /// be written anywhere then. `false` says nothing: they are to be asked for by [`canonical`](Self::canonical).
    #[must_use]
    pub(crate) fn is_own_form(self, bytes: &[u8]) -> bool {
        match self {
            Self::NhsNumber | Self::HcNumber => bytes.try_into().is_ok_and(check::nhs_number),
            Self::ChiNumber => bytes.try_into().is_ok_and(check::chi_number),
            Self::Text => {
                bytes.len() <= OWN_DIGITS
                    && bytes.iter().all(u8::is_ascii_digit)
                    && text::somebody(bytes).is_ok()
            }
            Self::Digits
            | Self::UpperAlphanumeric
            | Self::Nino
            | Self::Upn
            | Self::Utr
            | Self::Uprn
            | Self::Postcode
            | Self::Email
            | Self::Phone
            | Self::Name
            | Self::Date
            | Self::DriverNumber
            | Self::Passport
            | Self::VehicleRegistration
            | Self::Iban
            | Self::PaymentCard
            | Self::SortCodeAndAccount => false,
        }
    }

    /// As [`canonical`](Self::canonical), of a number's `digits` as they stand in a document that writes numbers without
    /// leading zeros.
    ///
    /// One zero that must have stood before them is put back where the kind declares its length: a CHI number or a
    /// taxpayer reference of nine digits, a sort code and account of thirteen, a telephone number without its `0` or `+`.
    ///
    /// # Errors
    /// If that is no identifier of this kind.
    pub fn canonical_number(self, digits: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
        let before = match (self, digits.len()) {
            (Self::ChiNumber | Self::Utr, 9) | (Self::SortCodeAndAccount, 13) => "0",
            (Self::Phone, 9 | 10) if !digits.starts_with(b"0") => "0",
            (Self::Phone, 11 | 12) if digits.starts_with(b"44") => "+",
            _ => return self.canonical_digits(digits, out),
        };
        let digits = digits.iter().copied().map(char::from);
        self.canonical(before.chars().chain(digits), out)
    }
}

#[cfg(test)]
mod tests;
