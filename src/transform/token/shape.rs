//! Tokens that keep an identifier's shape, and can never be one.
//!
//! An NHS number is nine digits and a check digit that follows from them. FF1 permutes the nine; the tenth is written
//! wrong. How much it is wrong says under which epoch the token was made, for there is no room to write it. A token cannot be
//! somebody's number so, and every number has one: permuting all ten digits until the check fails would give one token
//! to several numbers, since there are more numbers that pass than steps back can tell apart.
//!
//! There is no room for a tag either: an altered digit gives another number, or, once in eleven, none. Who can choose
//! takes a token without a shape.

use aes::Aes256Enc;
use zeroize::Zeroize;

use super::Shape;
use super::ff1::Ff1;
use crate::identifier::{Canonical, Kind, check};

/// The longest identifier with a shape: a payment card's number.
pub(super) const LONGEST: usize = 19;

/// Letters of a pupil number's check, in the order of their values.
const PUPIL_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";

/// Tokens in the shape of a kind, under the key of one epoch.
#[derive(Clone)]
pub(super) struct Shaped {
    ff1: Ff1<Aes256Enc>,
    kind: Kind,
    check: Check,
    epoch: u32,
}

/// What checks an identifier that has a shape.
#[derive(Clone, Copy)]
enum Check {
    /// The last of ten digits, as of an NHS number.
    Modulus11,
    /// The first of ten digits, as of a taxpayer reference.
    Utr,
    /// The letter before a pupil number's twelve digits.
    Upn,
    /// The last digit of a payment card's number.
    Luhn,
}

impl Check {
    /// Of a kind that has a shape.
    fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::NhsNumber | Kind::ChiNumber | Kind::HcNumber => Some(Self::Modulus11),
            Kind::Utr => Some(Self::Utr),
            Kind::Upn => Some(Self::Upn),
            Kind::PaymentCard => Some(Self::Luhn),
            Kind::Text
            | Kind::Digits
            | Kind::UpperAlphanumeric
            | Kind::Nino
            | Kind::Uprn
            | Kind::Postcode
            | Kind::Email
            | Kind::Phone
            | Kind::Name
            | Kind::Date
            | Kind::DriverNumber
            | Kind::Passport
            | Kind::VehicleRegistration
            | Kind::Iban
            | Kind::SortCodeAndAccount => None,
        }
    }

    /// Where in an identifier of `length` characters its check character stands.
    fn place(self, length: usize) -> usize {
        match self {
            Self::Utr | Self::Upn => 0,
            Self::Modulus11 | Self::Luhn => length - 1,
        }
    }

    /// What characters there are for it.
    fn characters(self) -> &'static [u8] {
        match self {
            Self::Modulus11 | Self::Utr | Self::Luhn => b"0123456789",
            Self::Upn => PUPIL_LETTERS,
        }
    }

    /// Its arithmetic alone.
    fn passes(self, text: &[u8]) -> bool {
        match self {
            Self::Modulus11 => text.try_into().is_ok_and(check::nhs_number),
            Self::Utr => text.try_into().is_ok_and(check::utr),
            Self::Upn => text.try_into().is_ok_and(check::upn),
            Self::Luhn => check::luhn(text),
        }
    }

    /// The place among its characters of the one that would be right for the others of `text`; the first for those for
    /// which none is.
    fn right(self, text: &[u8]) -> usize {
        let mut room = [0; LONGEST];
        let room = &mut room[..text.len()];
        room.copy_from_slice(text);
        let place = self.place(text.len());
        let right = self.characters().iter().position(|&character| {
            room[place] = character;
            self.passes(room)
        });
        room.zeroize();
        right.unwrap_or(0)
    }
}

impl Shape {
    /// The shape that identifiers of `kind` have and can keep: those with a check character, which is then made wrong.
    #[must_use]
    pub fn of(kind: Kind) -> Option<Self> {
        match Check::of(kind)? {
            Check::Modulus11 | Check::Utr | Check::Luhn => Some(Self::Digits),
            Check::Upn => Some(Self::Alphanumeric),
        }
    }
}

impl Shaped {
    /// Ready for identifiers of `kind`; `None` where it has no shape.
    pub(super) fn new(key: &[u8; 32], kind: Kind, epoch: u32) -> Option<Self> {
        Some(Self {
            ff1: Ff1::new(key, 10),
            kind,
            check: Check::of(kind)?,
            epoch,
        })
    }

    /// The token of `identifier`, canonical and valid, written to `room`. `None` where it has another shape than most of its
    /// kind (a temporary pupil number).
    pub(super) fn token<'a>(
        &self,
        identifier: &[u8],
        room: &'a mut [u8; LONGEST],
    ) -> Option<&'a [u8]> {
        let room = room.get_mut(..identifier.len())?;
        room.copy_from_slice(identifier);
        self.permute(room, true)?;
        let characters = self.check.characters();
        let wrong = (self.check.right(room) + self.wrong_by()) % characters.len();
        room[self.check.place(room.len())] = characters[wrong];
        Some(room)
    }

    /// Turns `token` back and writes the identifier to `out`, if it is one that this epoch could have made.
    pub(super) fn identifier(&self, token: &[u8], out: &mut Canonical) -> bool {
        let mut room = [0; LONGEST];
        let Some(text) = room.get_mut(..token.len()).filter(|text| text.len() > 1) else {
            return false;
        };
        text.copy_from_slice(token);
        let characters = self.check.characters();
        let place = self.check.place(text.len());
        let wrong = characters.iter().position(|&one| one == text[place]);
        let digits = text
            .iter()
            .enumerate()
            .all(|(at, byte)| at == place || byte.is_ascii_digit());
        let Some(wrong) = wrong.filter(|_| digits) else {
            return false;
        };
        let ours = (self.check.right(text) + self.wrong_by()) % characters.len() == wrong;
        let fits = self.permute(text, false).is_some();
        let right = self.check.right(text);
        text[place] = characters[right];
        // The kind's own check once more: no digit is right for some, and days of birth are days.
        let valid = self
            .kind
            .canonical(text.iter().copied().map(char::from), out)
            .is_ok();
        room.zeroize();
        if !(ours && fits && valid) {
            out.clear();
        }
        ours && fits && valid
    }

    /// By how much tokens of this epoch are wrong: never by nothing. Epochs that resolve at one time are few and follow one
    /// another, so that they are told apart.
    fn wrong_by(&self) -> usize {
        1 + self.epoch as usize % (self.check.characters().len() - 1)
    }

    /// Permutes all but the check character, digits, or undoes it.
    fn permute(&self, text: &mut [u8], forward: bool) -> Option<()> {
        let body = match self.check {
            Check::Utr | Check::Upn => &mut text[1..],
            Check::Modulus11 | Check::Luhn => text.split_last_mut()?.1,
        };
        for byte in &mut *body {
            *byte = byte.wrapping_sub(b'0');
        }
        let tweak = self.kind.word().as_bytes();
        let result = if forward {
            self.ff1.encrypt(tweak, body)
        } else {
            self.ff1.decrypt(tweak, body)
        };
        for byte in body {
            *byte = byte.wrapping_add(b'0');
        }
        result.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shaped(kind: Kind, epoch: u32) -> Shaped {
        Shaped::new(&[epoch as u8; 32], kind, epoch).unwrap()
    }

    fn token(shaped: &Shaped, identifier: &str) -> Option<String> {
        let mut room = [0; LONGEST];
        let token = shaped.token(identifier.as_bytes(), &mut room)?;
        Some(String::from_utf8(token.to_vec()).unwrap())
    }

    fn identifier(shaped: &Shaped, token: &str) -> Option<String> {
        let mut out = Canonical::new();
        shaped
            .identifier(token.as_bytes(), &mut out)
            .then(|| out.as_str().to_owned())
    }

    const KINDS: [(Kind, &str); 6] = [
        (Kind::NhsNumber, "9434765919"),
        (Kind::ChiNumber, "0101010028"),
        (Kind::HcNumber, "4010232137"),
        (Kind::Utr, "1955839661"),
        (Kind::Upn, "B801200005001"),
        (Kind::PaymentCard, "4111111111111111"),
    ];

    #[test]
    fn a_token_has_the_shape_fails_the_check_and_turns_back() {
        for (kind, number) in KINDS {
            assert!(Shape::of(kind).is_some());
            for epoch in 1..=9 {
                let shaped = shaped(kind, epoch);
                let token = token(&shaped, number).unwrap();
                assert_eq!(token.len(), number.len());
                assert!(
                    kind.canonical(token.chars(), &mut Canonical::new())
                        .is_err(),
                    "{kind:?} {token}"
                );
                assert_eq!(identifier(&shaped, &token).as_deref(), Some(number));
            }
        }
    }

    #[test]
    fn epochs_that_follow_one_another_are_told_apart() {
        for (kind, number) in KINDS {
            let epochs: Vec<Shaped> = (1..=9).map(|epoch| shaped(kind, epoch)).collect();
            for (made, maker) in epochs.iter().enumerate() {
                let token = token(maker, number).unwrap();
                for (asked, epoch) in epochs.iter().enumerate() {
                    assert_eq!(identifier(epoch, &token).is_some(), made == asked);
                }
            }
        }
    }

    #[test]
    fn what_has_another_shape_is_no_token() {
        let nhs = shaped(Kind::NhsNumber, 1);
        for text in [
            "",
            "1",
            "123456789",
            "12345678901",
            "123456789A",
            "9434765919",
            "fg1t-1-aaaa",
        ] {
            assert_eq!(identifier(&nhs, text), None, "{text}");
        }
        assert_eq!(token(&shaped(Kind::Upn, 1), "M80120000500A"), None);
    }

    #[test]
    fn no_two_numbers_have_one_token() {
        let nhs = shaped(Kind::NhsNumber, 1);
        let mut tokens = std::collections::HashSet::new();
        let mut numbers = 0;
        for body in (400_000_000..400_020_000).map(|body| body * 10) {
            for number in (body..body + 10).map(|number: u64| number.to_string()) {
                if Kind::NhsNumber
                    .canonical(number.chars(), &mut Canonical::new())
                    .is_ok()
                {
                    numbers += 1;
                    assert!(tokens.insert(token(&nhs, &number).unwrap()));
                }
            }
        }
        assert!(numbers > 18_000);
    }

    proptest! {
        #[test]
        fn a_token_is_never_a_number_of_a_kind_with_the_same_check(body in 0..1_000_000_000_u64, epoch in 1..40_u32) {
            for check in 0..10 {
                let number = format!("{body:09}{check}");
                let Some(token) = Kind::NhsNumber
                    .canonical(number.chars(), &mut Canonical::new())
                    .ok()
                    .and_then(|()| token(&shaped(Kind::NhsNumber, epoch), &number))
                else {
                    continue;
                };
                for kind in [Kind::NhsNumber, Kind::ChiNumber, Kind::HcNumber] {
                    prop_assert!(kind.canonical(token.chars(), &mut Canonical::new()).is_err());
                }
            }
        }
    }
}
