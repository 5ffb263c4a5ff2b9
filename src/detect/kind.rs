//! What the detectors know to look for.

/// A kind of thing that identifies somebody.
///
/// The order is that in which two of one spelling and one score are told: the more particular first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Community Health Index number of Scotland.
    ChiNumber,
    /// Health and Care number of Northern Ireland.
    HcNumber,
    /// NHS number of England, Wales and the Isle of Man.
    NhsNumber,
    /// National Insurance number.
    Nino,
    /// Unique Pupil Number.
    Upn,
    /// Unique Taxpayer Reference.
    Utr,
    /// Unique Property Reference Number, beside words that say so.
    Uprn,
    /// Postcode, pseudo-postcodes included.
    Postcode,
    /// Driver number of Great Britain.
    DriverNumber,
    /// Passport number, beside words that say so.
    Passport,
    /// A vehicle's registration mark.
    VehicleRegistration,
    /// Sort code and account number, or one of them beside words that say so.
    SortCodeAndAccount,
    /// International Bank Account Number.
    Iban,
    /// Payment card.
    PaymentCard,
    /// Telephone number.
    Phone,
    /// E-mail address.
    Email,
    /// A date beside words that say that it is one of birth.
    DateOfBirth,
    /// Address of a machine, version 4 or 6.
    IpAddress,
    /// A URL with an identifier in it.
    Url,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::ChiNumber,
        Self::HcNumber,
        Self::NhsNumber,
        Self::Nino,
        Self::Upn,
        Self::Utr,
        Self::Uprn,
        Self::Postcode,
        Self::DriverNumber,
        Self::Passport,
        Self::VehicleRegistration,
        Self::SortCodeAndAccount,
        Self::Iban,
        Self::PaymentCard,
        Self::Phone,
        Self::Email,
        Self::DateOfBirth,
        Self::IpAddress,
        Self::Url,
    ];

    /// The word for it in agreements, reports and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ChiNumber => "chi-number",
            Self::HcNumber => "hc-number",
            Self::NhsNumber => "nhs-number",
            Self::Nino => "nino",
            Self::Upn => "upn",
            Self::Utr => "utr",
            Self::Uprn => "uprn",
            Self::Postcode => "postcode",
            Self::DriverNumber => "driver-number",
            Self::Passport => "passport",
            Self::VehicleRegistration => "vehicle-registration",
            Self::SortCodeAndAccount => "sort-code-and-account",
            Self::Iban => "iban",
            Self::PaymentCard => "payment-card",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::DateOfBirth => "date-of-birth",
            Self::IpAddress => "ip-address",
            Self::Url => "url",
        }
    }

    /// What stands in a text where one was found, inside square brackets. No digit and no character that JSON escapes.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::ChiNumber => "CHI number",
            Self::HcNumber => "H&C number",
            Self::NhsNumber => "NHS number",
            Self::Nino => "National Insurance number",
            Self::Upn => "pupil number",
            Self::Utr => "taxpayer reference",
            Self::Uprn => "property reference",
            Self::Postcode => "postcode",
            Self::DriverNumber => "driver number",
            Self::Passport => "passport number",
            Self::VehicleRegistration => "vehicle registration",
            Self::SortCodeAndAccount => "bank account",
            Self::Iban => "IBAN",
            Self::PaymentCard => "payment card",
            Self::Phone => "phone number",
            Self::Email => "email address",
            Self::DateOfBirth => "date of birth",
            Self::IpAddress => "IP address",
            Self::Url => "link",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u32);

impl Kinds {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);

    /// With `kind` too.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u32)
    }

    /// Those of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `kind` is one of them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<T: IntoIterator<Item = Kind>>(kinds: T) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_place_and_a_word_of_its_own() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(Kind::of_word(kind.word()), Some(kind));
            assert!(Kinds::ALL.has(kind) && !Kinds::NONE.has(kind));
            assert!(kind.label().bytes().all(|byte| !byte.is_ascii_digit()));
        }
        assert_eq!(Kinds::ALL.iter().collect::<Kinds>(), Kinds::ALL);
        assert_eq!(Kind::of_word("shoe-size"), None);
    }
}
