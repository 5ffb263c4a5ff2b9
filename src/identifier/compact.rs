//! Kinds whose form is capitals and digits without anything between them.

use super::buffer::Canonical;
use super::{Kind, Unfit, check, fold, grammar, unknown};

/// The canonical form of a kind that is written compactly.
pub(super) fn compact(
    kind: Kind,
    characters: impl Iterator<Item = char>,
    out: &mut Canonical,
) -> Result<(), Unfit> {
    let seen = collect(characters, out)?;
    let form = out.as_bytes();
    if (form.is_empty() && !seen.foreign_letters) || (seen.letters && unknown::is_word(form)) {
        return Err(Unfit::Nobody);
    }
    if !seen.letters && unknown::is_filler(form) {
        return Err(Unfit::Nobody);
    }
    let dots_count = match kind {
        Kind::Digits
        | Kind::NhsNumber
        | Kind::ChiNumber
        | Kind::HcNumber
        | Kind::Utr
        | Kind::Uprn
        | Kind::PaymentCard
        | Kind::SortCodeAndAccount => false,
        Kind::Text
        | Kind::UpperAlphanumeric
        | Kind::Nino
        | Kind::Upn
        | Kind::Postcode
        | Kind::Email
        | Kind::Phone
        | Kind::Name
        | Kind::Date
        | Kind::DriverNumber
        | Kind::Passport
        | Kind::VehicleRegistration
        | Kind::Iban => true,
    };
    if seen.foreign || seen.foreign_letters || (seen.dots && dots_count) {
        return Err(Unfit::Invalid);
    }
    checked(kind, out, seen.letters)
}

/// As [`compact`], of ASCII digits alone.
pub(super) fn compact_digits(kind: Kind, digits: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
    out.push_all(digits)?;
    if digits.is_empty() || unknown::is_filler(digits) {
        return Err(Unfit::Nobody);
    }
    checked(kind, out, false)
}

/// What was seen beside capitals and digits.
#[derive(Default)]
struct Seen {
    letters: bool,
    dots: bool,
    foreign: bool,
    foreign_letters: bool,
}

/// Writes capitals and digits; spaces and hyphens are left out, other characters too, and told.
#[inline]
fn collect(characters: impl Iterator<Item = char>, out: &mut Canonical) -> Result<Seen, Unfit> {
    let mut seen = Seen::default();
    for character in characters {
        if character.is_ascii_digit() {
            out.push_all(&[character as u8])?;
            continue;
        }
        let mut full = Ok(());
        fold(character, |part| match part {
            '0'..='9' => full = full.and(out.push_all(&[part as u8])),
            'A'..='Z' | 'a'..='z' => {
                seen.letters = true;
                full = full.and(out.push_all(&[part.to_ascii_uppercase() as u8]));
            }
            ' ' | '-' => {}
            '.' => seen.dots = true,
            _ if part.is_alphanumeric() => seen.foreign_letters = true,
            _ => seen.foreign = true,
        });
        full?;
    }
    Ok(seen)
}

/// Whether what was collected is of its kind; writes over it where the form is not the compact one.
fn checked(kind: Kind, out: &mut Canonical, letters: bool) -> Result<(), Unfit> {
    let form = out.as_bytes();
    let fits = match kind {
        Kind::Digits => {
            if unknown::is_run(form) {
                return Err(Unfit::Nobody);
            }
            !letters
        }
        Kind::UpperAlphanumeric => {
            if unknown::is_run(form) {
                return Err(Unfit::Nobody);
            }
            true
        }
        Kind::NhsNumber => form.try_into().is_ok_and(check::nhs_number),
        Kind::ChiNumber => form.try_into().is_ok_and(check::chi_number),
        Kind::HcNumber => form.try_into().is_ok_and(check::hc_number),
        Kind::Utr => {
            let digits = form.strip_suffix(b"K").unwrap_or(form);
            let fits = digits.try_into().is_ok_and(check::utr);
            out.truncate(10);
            fits
        }
        Kind::Nino => {
            let fits = grammar::nino(form);
            out.truncate(8);
            fits
        }
        Kind::Upn => form.try_into().is_ok_and(check::upn),
        Kind::Uprn => {
            let fits = grammar::uprn(form);
            let zeros = form.iter().take_while(|&&digit| digit == b'0').count();
            out.remove_front(zeros);
            fits
        }
        Kind::Postcode => {
            if grammar::pseudo_postcode(form) {
                return Err(Unfit::Nobody);
            }
            let fits = grammar::postcode(form);
            if fits {
                out.insert(out.as_bytes().len() - 3, b" ")?;
            }
            fits
        }
        Kind::DriverNumber => {
            form.try_into().is_ok_and(grammar::driver_number) || (form.len() == 8 && !letters)
        }
        Kind::Passport => form.try_into().is_ok_and(grammar::passport),
        Kind::VehicleRegistration => grammar::vehicle_registration(form),
        Kind::Iban => check::iban(form),
        Kind::PaymentCard => check::payment_card(form),
        Kind::SortCodeAndAccount => form.try_into().is_ok_and(grammar::sort_code_and_account),
        Kind::Text | Kind::Email | Kind::Phone | Kind::Name | Kind::Date => {
            unreachable!("these kinds are not written compactly")
        }
    };
    if fits { Ok(()) } else { Err(Unfit::Invalid) }
}
