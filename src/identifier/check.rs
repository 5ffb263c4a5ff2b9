//! Check digits: functions over the compact form, ASCII digits and capitals alone.
//!
//! Numbers of one repeated digit are refused where they would pass: nobody has them, and every form has them typed in.

/// Whether `digits` are all the same.
pub(crate) fn is_repeated(digits: &[u8]) -> bool {
    digits.iter().all(|digit| Some(digit) == digits.first())
}

/// Whether `digits` is an NHS number of England, Wales or the Isle of Man: modulus 11 with weights 10 to 1.
///
/// The same digits may be a CHI number of Scotland or a Health and Care number of Northern Ireland: they share the check.
pub(crate) fn nhs_number(digits: &[u8; 10]) -> bool {
    let Some(sum) = weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) else {
        return false;
    };
    // A check digit of ten does not exist; with a last digit of 0 to 9 the whole sum is then no multiple of 11.
    sum % 11 == 0 && !is_repeated(digits)
}

/// Whether `digits` is a Community Health Index number of Scotland: a day of birth as `DDMMYY`, in this century or the last,
/// then the check of the NHS number.
pub(crate) fn chi_number(digits: &[u8; 10]) -> bool {
    let pair = |at: usize| u32::from(digits[at] - b'0') * 10 + u32::from(digits[at + 1] - b'0');
    nhs_number(digits)
        && [1900, 2000]
            .iter()
            .any(|century| is_day(century + pair(4), pair(2), pair(0)))
}

/// Whether `digits` can be a Health and Care number of Northern Ireland: the check of the NHS number. The ranges in which
/// they are given out are not asked.
pub(crate) fn hc_number(digits: &[u8; 10]) -> bool {
    nhs_number(digits)
}

/// Whether `digits` is a Unique Taxpayer Reference: the first of them checks the others.
pub(crate) fn utr(digits: &[u8; 10]) -> bool {
    let Some(sum) = weighted(digits, [0, 6, 7, 8, 9, 10, 5, 4, 3, 2]) else {
        return false;
    };
    digits[0] == b"21987654321"[(sum % 11) as usize] && !is_repeated(digits)
}

/// Whether `code` is a Unique Pupil Number: a check letter, eleven digits, and a digit or, of a temporary number, a letter.
pub(crate) fn upn(code: &[u8; 13]) -> bool {
    const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";
    let letter = |byte: u8| LETTERS.iter().position(|&letter| letter == byte);
    let digit = |byte: u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    let mut sum = 0;
    for (position, &byte) in code.iter().enumerate().skip(1) {
        let value = match position {
            12 => digit(byte).or_else(|| letter(byte)),
            _ => digit(byte),
        };
        let Some(value) = value else { return false };
        sum += (position + 1) * value;
    }
    code[0] == LETTERS[sum % LETTERS.len()]
}

/// Whether `digits` pass Luhn's check (ISO/IEC 7812-1), as payment cards do. Not empty, digits only.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0;
    for (position, &digit) in digits.iter().rev().enumerate() {
        if !digit.is_ascii_digit() {
            return false;
        }
        let value = u32::from(digit - b'0') << (position % 2);
        sum += if value > 9 { value - 9 } else { value };
    }
    sum % 10 == 0 && !digits.is_empty()
}

/// Whether `digits` is the number of a payment card: a known issuer's beginning with a length that it has, and Luhn's check.
/// One run of random digits in ten passes Luhn's check alone.
pub(crate) fn payment_card(digits: &[u8]) -> bool {
    let Some(first) = digits.first_chunk::<4>().filter(|_| digits.len() <= 19) else {
        return false;
    };
    let Some(four) = first.iter().try_fold(0_u32, |number, &digit| {
        Some(number * 10 + char::from(digit).to_digit(10)?)
    }) else {
        return false;
    };
    let length = digits.len();
    let known = match four {
        4000..=4999 => matches!(length, 13 | 16 | 19), // Visa
        2221..=2720 | 5100..=5599 => length == 16,     // Mastercard
        3400..=3499 | 3700..=3799 => length == 15,     // American Express
        3000..=3059 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length), // Diners Club
        3528..=3589 => (16..=19).contains(&length),    // JCB
        6011 | 6440..=6599 => (16..=19).contains(&length), // Discover
        6200..=6299 => (16..=19).contains(&length),    // UnionPay
        5000..=5099 | 5600..=5899 | 6300..=6399 | 6700..=6799 => (12..=19).contains(&length), // Maestro
        _ => false,
    };
    known && luhn(digits) && !is_repeated(digits)
}

/// Whether `code` is an International Bank Account Number (ISO 13616): letters of a country, two check digits, 11 to 30
/// letters and digits, modulus 97 of ISO/IEC 7064. One of the United Kingdom is four letters and 14 digits behind `GBnn`.
pub(crate) fn iban(code: &[u8]) -> bool {
    let [c1, c2, d1, d2, rest @ ..] = code else {
        return false;
    };
    let shape = c1.is_ascii_uppercase()
        && c2.is_ascii_uppercase()
        && d1.is_ascii_digit()
        && d2.is_ascii_digit()
        && (11..=30).contains(&rest.len());
    let british = [*c1, *c2] != *b"GB"
        || (rest.len() == 18
            && rest[..4].iter().all(u8::is_ascii_uppercase)
            && rest[4..].iter().all(u8::is_ascii_digit));
    if !shape || !british {
        return false;
    }
    let mut remainder = 0_u32;
    for &byte in rest.iter().chain([c1, c2, d1, d2]) {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => remainder * 100 + u32::from(byte - b'A') + 10,
            _ => return false,
        } % 97;
    }
    remainder == 1
}

/// Whether the Gregorian calendar has the day.
pub(crate) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The sum of the digits, each by its weight; `None` where a byte is no digit.
#[inline(always)] // with the weights known it is some additions
fn weighted<const N: usize>(digits: &[u8; N], weights: [u32; N]) -> Option<u32> {
    let values = digits.iter().zip(weights);
    let sum = values
        .map(|(digit, weight)| weight * u32::from(digit & 0xf))
        .sum();
    digits.iter().all(u8::is_ascii_digit).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten(text: &str) -> [u8; 10] {
        text.replace([' ', '-'], "").as_bytes().try_into().unwrap()
    }

    #[test]
    fn nhs_numbers_pass_their_check_and_no_others() {
        for text in [
            "9990000018",
            "9990000026",
            "9990000034",
            "9990000042",
            "9990000050",
            "9990000069",
            "9990000077",
            "943 476 5919",
            "943 476 5870",
            "401-023-2137",
            "221 395 1837",
            "9000000009",
        ] {
            assert!(nhs_number(&ten(text)), "{text}");
        }
        for text in [
            "9990000000",
            "9991234560",
            "4010232138",
            "9434765871",
            "1234567890",
            "401023213A",
        ] {
            assert!(!nhs_number(&ten(text)), "{text}");
        }
    }

    #[test]
    fn a_repeated_digit_is_nobodys_number_though_it_passes_the_check() {
        for digit in b'0'..=b'9' {
            let number = [digit; 10];
            assert_eq!(
                weighted(&number, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).unwrap() % 11,
                0
            );
            assert!(!nhs_number(&number) && !chi_number(&number) && !utr(&number));
            assert!(!payment_card(&[digit; 16]));
        }
    }

    #[test]
    fn one_wrong_digit_and_two_neighbours_swapped_fail_the_check_of_nhs_numbers() {
        let number = *b"9434765919";
        for position in 0..10 {
            for digit in b'0'..=b'9' {
                let mut other = number;
                other[position] = digit;
                assert_eq!(nhs_number(&other), other == number);
            }
            if position < 9 {
                let mut other = number;
                other.swap(position, position + 1);
                assert_eq!(nhs_number(&other), other == number);
            }
        }
    }

    #[test]
    fn chi_numbers_begin_with_a_day_of_birth() {
        for text in ["0101010028", "0101010036", "0101010044"] {
            assert!(chi_number(&ten(text)), "{text}");
        }
        // NHS numbers by their check, but of no day.
        for text in ["9434765919", "4010232137", "9990000018"] {
            assert!(!chi_number(&ten(text)), "{text}");
        }
        // The 29th of February of 00 was a day of 2000.
        let leap = (0..10_000)
            .map(|rest| ten(&format!("290200{rest:04}")))
            .find(nhs_number)
            .unwrap();
        assert!(chi_number(&leap));
        let none = (0..10_000)
            .map(|rest| ten(&format!("290201{rest:04}")))
            .find(nhs_number)
            .unwrap();
        assert!(!chi_number(&none));
    }

    #[test]
    fn taxpayer_references_are_checked_by_their_first_digit() {
        for text in ["1955839661", "1234567895", "2172858530"] {
            assert!(utr(&ten(text)), "{text}");
        }
        for text in ["2955839661", "1955839662", "19558x9661"] {
            assert!(!utr(&ten(text)), "{text}");
        }
    }

    #[test]
    fn pupil_numbers_are_checked_by_their_letter() {
        for text in [b"B801200005001", b"P207000016049", b"M80120000500A"] {
            assert!(upn(text));
        }
        for text in [
            b"A801200005001",
            b"Q207000016049",
            b"X80120000A001",
            b"I801200005001",
            b"M80120000500I",
            b"M80120000500S",
        ] {
            assert!(!upn(text));
        }
    }

    #[test]
    fn payment_cards_have_an_issuer_a_length_and_a_check_digit() {
        for text in ["4111111111111111", "5555555555554444", "378282246310005"] {
            assert!(payment_card(text.as_bytes()), "{text}");
        }
        // The last two pass Luhn's check and are no card's: no issuer begins so, no Visa card is so long.
        for text in [
            "4111111111111112",
            "",
            "411",
            "1111111111111117",
            "41111111111111",
        ] {
            assert!(!payment_card(text.as_bytes()), "{text}");
        }
        assert!(luhn(b"1111111111111117") && !luhn(b""));
    }

    #[test]
    fn bank_account_numbers_pass_modulus_97() {
        for text in [
            "GB82WEST12345698765432",
            "GB29NWBK60161331926819",
            "DE89370400440532013000",
        ] {
            assert!(iban(text.as_bytes()), "{text}");
        }
        for text in [
            "GB82WEST12345698765433",
            "GB82WEST1234569876543",
            "GB",
            "gb82WEST12345698765432",
            "GB29NWBK6016133192681A",
        ] {
            assert!(!iban(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day(2000, 2, 29) && !is_day(1900, 2, 29) && is_day(2024, 2, 29));
        assert!(
            !is_day(2023, 13, 1)
                && !is_day(2023, 0, 1)
                && !is_day(2023, 4, 31)
                && !is_day(2023, 4, 0)
        );
    }
}
