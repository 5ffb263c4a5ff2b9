//! Grammars of identifiers that have no check digit: functions over the compact form, ASCII digits and capitals alone.

use super::check::is_repeated;

/// Whether `code` is a National Insurance number, with its suffix (nine characters) or without it (eight).
///
/// `QQ123456A`, printed as an example, fails: Q is never given out.
pub(crate) fn nino(code: &[u8]) -> bool {
    const NOT_GIVEN_OUT: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    let [p1, p2, d1, d2, d3, d4, d5, d6, suffix @ ..] = code else {
        return false;
    };
    let first =
        matches!(p1, b'A'..=b'C' | b'E' | b'G' | b'H' | b'J'..=b'P' | b'R'..=b'T' | b'W'..=b'Z');
    let second = matches!(p2, b'A'..=b'C' | b'E' | b'G' | b'H' | b'J'..=b'N' | b'P' | b'R'..=b'T' | b'W'..=b'Z');
    first
        && second
        && !NOT_GIVEN_OUT.contains(&&[*p1, *p2])
        && [d1, d2, d3, d4, d5, d6]
            .iter()
            .all(|digit| digit.is_ascii_digit())
        && matches!(suffix, [] | [b'A'..=b'D'])
}

/// Whether `code` (`SW1A1AA`, no space) is a postcode of the United Kingdom. A [`pseudo_postcode`] is none.
pub(crate) fn postcode(code: &[u8]) -> bool {
    let Some((outward, inward)) = code.split_last_chunk::<3>() else {
        return false;
    };
    let unit = |letter: u8| matches!(letter, b'A' | b'B' | b'D'..=b'H' | b'J' | b'L' | b'N' | b'P'..=b'U' | b'W'..=b'Z');
    if !(inward[0].is_ascii_digit() && unit(inward[1]) && unit(inward[2])) {
        return false;
    }
    let area = |letter: u8| matches!(letter, b'A'..=b'P' | b'R'..=b'U' | b'W' | b'Y' | b'Z');
    let second = |letter: u8| matches!(letter, b'A'..=b'H' | b'K'..=b'Y');
    let digit = |byte: u8| byte.is_ascii_digit();
    match *outward {
        [b'G', b'I', b'R'] => inward == b"0AA",
        [a, d] => area(a) && digit(d),
        [a, b, c] => {
            area(a)
                && ((digit(b)
                    && (digit(c)
                        || matches!(c, b'A'..=b'H' | b'J' | b'K' | b'P' | b'S'..=b'U' | b'W')))
                    || (second(b) && digit(c)))
        }
        [a, b, c, d] => {
            area(a)
                && second(b)
                && digit(c)
                && (digit(d)
                    || matches!(
                        d,
                        b'A' | b'B' | b'E' | b'H' | b'M' | b'N' | b'P' | b'R' | b'V'..=b'Y'
                    ))
        }
        _ => false,
    }
}

/// Whether `code` (no space) is a pseudo-postcode `ZZ99…`: it stands for no fixed abode, for a country of birth and the
/// like, so it identifies no place and says much about a person.
pub(crate) fn pseudo_postcode(code: &[u8]) -> bool {
    let [b'Z', b'Z', b'9', b'9', digit, l1, l2] = code else {
        return false;
    };
    digit.is_ascii_digit() && l1.is_ascii_uppercase() && l2.is_ascii_uppercase()
}

/// Whether `code` is a driver number of Great Britain. Its check digits are not public.
pub(crate) fn driver_number(code: &[u8; 16]) -> bool {
    // Five characters of the surname, filled up with nines.
    let letters = code[..5]
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let surname = letters > 0 && code[letters..5].iter().all(|&byte| byte == b'9');
    if !surname || !code[5..11].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let pair = |at: usize| (code[at] - b'0') * 10 + (code[at + 1] - b'0');
    // A woman's month of birth has 50 added.
    let month = matches!(pair(6), 1..=12 | 51..=62);
    let day = matches!(pair(8), 1..=31);
    let initials = match [code[11], code[12]] {
        [b'9', b'9'] => true,
        [i1, i2] => i1.is_ascii_uppercase() && (i2.is_ascii_uppercase() || i2 == b'9'),
    };
    let check = (code[13].is_ascii_uppercase() || code[13].is_ascii_digit())
        && code[14..].iter().all(u8::is_ascii_uppercase);
    month && day && initials && check
}

/// Whether `code` has the form of a passport number of the United Kingdom: nine digits, or two letters and seven digits.
/// So has much else; it takes context to believe it.
pub(crate) fn passport(code: &[u8; 9]) -> bool {
    let letters = code
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    matches!(letters, 0 | 2)
        && code[letters..].iter().all(u8::is_ascii_digit)
        && !is_repeated(&code[letters..])
}

/// Whether `code` is a vehicle's registration mark of Great Britain: current (from 2001), prefix or suffix form. Dateless
/// and Northern Irish marks are not told from other text, and are none here.
pub(crate) fn vehicle_registration(code: &[u8]) -> bool {
    let tail = |letter: u8| matches!(letter, b'A'..=b'H' | b'J'..=b'P' | b'R'..=b'Z');
    let year =
        |letter: u8| matches!(letter, b'A'..=b'H' | b'J'..=b'N' | b'P' | b'R'..=b'T' | b'V'..=b'Y');
    let numbered =
        |digits: &[u8]| matches!(digits.len(), 1..=3) && digits.iter().all(u8::is_ascii_digit);
    let current = match *code {
        [a1, a2, y1, y2, t1, t2, t3] => {
            let area = |letter: u8| matches!(letter, b'A'..=b'H' | b'J'..=b'P' | b'R'..=b'Y');
            let age = matches!(
                (y1, y2),
                (b'0', b'2'..=b'9')
                    | (b'1' | b'2' | b'6' | b'7', b'0'..=b'9')
                    | (b'5', b'1'..=b'9')
            );
            area(a1) && area(a2) && age && tail(t1) && tail(t2) && tail(t3)
        }
        _ => false,
    };
    let prefix = match code {
        [letter, digits @ .., area, t1, t2] => {
            year(*letter)
                && numbered(digits)
                && matches!(area, b'A'..=b'H' | b'J'..=b'P' | b'R'..=b'Y')
                && tail(*t1)
                && tail(*t2)
        }
        _ => false,
    };
    let suffix = match code {
        [t1, t2, t3, digits @ .., letter] => {
            tail(*t1) && tail(*t2) && tail(*t3) && numbered(digits) && year(*letter)
        }
        _ => false,
    };
    current || prefix || suffix
}

/// Whether `digits` can be a sort code and an account number, six and eight digits. The banks' modulus tables, which change
/// several times a year, are not asked.
pub(crate) fn sort_code_and_account(digits: &[u8; 14]) -> bool {
    digits.iter().all(u8::is_ascii_digit) && !is_repeated(&digits[6..]) && digits[..6] != *b"000000"
}

/// Whether `digits` can be a Unique Property Reference Number: one to twelve digits, not all zero.
pub(crate) fn uprn(digits: &[u8]) -> bool {
    matches!(digits.len(), 1..=12)
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().any(|&digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_insurance_numbers() {
        for text in [
            "AA123456B",
            "HH010203D",
            "TW987654A",
            "PR123612C",
            "AA123456",
        ] {
            assert!(nino(text.as_bytes()), "{text}");
        }
        for text in [
            "QQ123456A",
            "AA123456H",
            "FQ000000C",
            "BG123612A",
            "NT998877A",
            "UV987654B",
            "AO123456A",
            "AA12345",
            "AA123456AA",
            "A1123456A",
            "",
            "AA12345BA",
        ] {
            assert!(!nino(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn postcodes() {
        for text in [
            "M11AA", "M601NW", "W1A1HQ", "CR26XH", "DN551PT", "EC1A1BB", "GIR0AA", "SW1A1AA",
            "PO304AB",
        ] {
            assert!(postcode(text.as_bytes()), "{text}");
        }
        for text in [
            "QA11AA", "VA11AA", "XA11AA", "M11CA", "M11AI", "", "M1", "1AA", "M1A", "ZZ993VZ",
            "SW1A1A", "GIR0AB", "MM11A1",
        ] {
            assert!(!postcode(text.as_bytes()), "{text}");
        }
        assert!(pseudo_postcode(b"ZZ993VZ") && !pseudo_postcode(b"SW1A1AA"));
    }

    #[test]
    fn driver_numbers() {
        for text in [
            b"MORGA607054SM9IJ",
            b"MORGA657054SM9IJ",
            b"FO999512018AA1AB",
            b"JONES710153J99EF",
        ] {
            assert!(driver_number(text));
        }
        for text in [
            b"MORGA600054SM9IJ",
            b"MORGA613054SM9IJ",
            b"99999657054SM9IJ",
            b"MO9G9657054SM9IJ",
            b"MORGA657004SM9IJ",
            b"MORGA657054S89IJ",
        ] {
            assert!(!driver_number(text));
        }
    }

    #[test]
    fn passports_and_accounts_have_their_form_only() {
        assert!(passport(b"AB1234567") && passport(b"123456789"));
        assert!(!passport(b"A12345678") && !passport(b"999999999") && !passport(b"AB12345X7"));
        for text in [b"08999966374958", b"10799988837491", b"20295963748472"] {
            assert!(sort_code_and_account(text));
        }
        assert!(
            !sort_code_and_account(b"00000066374958") && !sort_code_and_account(b"08999900000000")
        );
        assert!(uprn(b"100023336956") && uprn(b"199356") && uprn(b"000000199356"));
        assert!(!uprn(b"") && !uprn(b"000") && !uprn(b"1000233369567"));
    }

    #[test]
    fn registration_marks() {
        for text in [
            "AB51ABC", "BD62XYZ", "LN14HGT", "AA02AAA", "AB70DEF", "A123BCD", "ABC123D", "T1ABC",
        ] {
            assert!(vehicle_registration(text.as_bytes()), "{text}");
        }
        for text in [
            "IB51ABC", "AQ51ABC", "AB00ABC", "AB35ABC", "A1", "ABC1234D", "O123BCD", "", "AB51AB",
        ] {
            assert!(!vehicle_registration(text.as_bytes()), "{text}");
        }
    }
}
