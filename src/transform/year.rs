//! Dates made coarser: an ISO 8601 date or RFC 3339 timestamp becomes its year.

use super::text::Characters;

/// Room for a timestamp with a fraction of 96 digits; a longer text is no date that anybody means.
const LONGEST: usize = 128;

/// The year that `inside`, the inside of a JSON string, names: four digits.
///
/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or an RFC 3339 timestamp (`T` and `Z` in either case); a day that the
/// Gregorian calendar has. The year is the written one: a timestamp is not moved to another zone.
pub(super) fn year(inside: &[u8]) -> Option<[u8; 4]> {
    let mut room = [0; LONGEST];
    let text = ascii(inside, &mut room)?;
    let year = *text.first_chunk::<4>()?;
    let number = number(&year)?;
    match &text[4..] {
        [] => true,
        [b'-', m1, m2] => (1..=12).contains(&pair(*m1, *m2)?),
        [b'-', m1, m2, b'-', d1, d2, time @ ..] => {
            is_day(number, pair(*m1, *m2)?, pair(*d1, *d2)?) && (time.is_empty() || is_time(time)?)
        }
        _ => false,
    }
    .then_some(year)
}

/// The year, month and day that `inside`, the inside of a JSON string, names.
///
/// As [`year`], but of a full date only: `YYYY-MM-DD` or an RFC 3339 timestamp.
pub(crate) fn date(inside: &[u8]) -> Option<(u32, u32, u32)> {
    let mut room = [0; LONGEST];
    let text = ascii(inside, &mut room)?;
    // Beyond that it is one, a full date has a day.
    year(inside)?;
    let of = |places: std::ops::Range<usize>| text.get(places).and_then(number);
    of(0..4)
        .zip(of(5..7))
        .zip(of(8..10))
        .map(|((year, month), day)| (year, month, day))
}

/// The text of the inside of a JSON string, if it is ASCII and no longer than there is room.
fn ascii<'a>(inside: &[u8], room: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let mut length = 0;
    for character in Characters::new(inside) {
        *room.get_mut(length)? = u8::try_from(character).ok().filter(u8::is_ascii)?;
        length += 1;
    }
    Some(&room[..length])
}

/// Whether `text` is `T`, a time and an offset (RFC 3339 §5.6). A leap second passes at any minute: which had
/// one is a table that changes.
fn is_time(text: &[u8]) -> Option<bool> {
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return None;
    };
    let clock = pair(*h1, *h2)? <= 23 && pair(*m1, *m2)? <= 59 && pair(*s1, *s2)? <= 60;
    let offset = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if digits == 0 {
                return None;
            }
            &fraction[digits..]
        }
        _ => rest,
    };
    let zone = match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => pair(*h1, *h2)? <= 23 && pair(*m1, *m2)? <= 59,
        _ => false,
    };
    Some(clock && zone)
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
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

fn pair(tens: u8, ones: u8) -> Option<u32> {
    number(&[tens, ones])
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, &digit| {
        Some(sum * 10 + char::from(digit).to_digit(10)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_timestamps_become_their_year() {
        for text in [
            "1941",
            "1941-03",
            "1941-03-07",
            "1941-12-31",
            "1941-03-07T00:00:00Z",
            "1941-03-07t23:59:60z",
            "1941-03-07T12:30:00.123456789+01:00",
            "1941-01-01T00:30:00-23:59",
            r"1941\u002d03-07",
        ] {
            assert_eq!(year(text.as_bytes()), Some(*b"1941"), "{text}");
        }
        assert_eq!(year(b"2024-02-29"), Some(*b"2024"));
        assert_eq!(year(b"2000-02-29"), Some(*b"2000"));
        assert_eq!(year(b"0000"), Some(*b"0000"));
    }

    #[test]
    fn anything_else_has_no_year() {
        for text in [
            "",
            "194",
            "19411",
            "1941-",
            "1941-3",
            "1941-13",
            "1941-00",
            "1941-03-",
            "1941-03-32",
            "1941-02-29",
            "1900-02-29",
            "1941-04-31",
            "1941-03-00",
            "07/03/1941",
            "19410307",
            "1941-W10",
            "1941-066",
            " 1941",
            "1941 ",
            "+1941",
            "-941",
            "1941-03-07T",
            "1941-03-07T00:00",
            "1941-03-07T00:00:00",
            "1941-03-07 00:00:00Z",
            "1941-03-07T24:00:00Z",
            "1941-03-07T00:60:00Z",
            "1941-03-07T00:00:61Z",
            "1941-03-07T00:00:00.Z",
            "1941-03-07T00:00:00+1:00",
            "1941-03-07T00:00:00+0100",
            "1941-03-07T00:00:00ZZ",
            "1941-03-07T00:00:00+24:00",
            "١٩٤١",
            "1941-03-07é",
            "unknown",
        ] {
            assert_eq!(year(text.as_bytes()), None, "{text}");
        }
        let endless = format!("1941-03-07T00:00:00.{}Z", "0".repeat(200));
        assert_eq!(year(endless.as_bytes()), None);
    }
}
