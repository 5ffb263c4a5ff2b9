//! What the ladders write: digits and short texts, straight into what leaves.

/// Appends `number` with at least `width` digits, four at most.
pub(super) fn push_padded(number: u16, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 5];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    let needed = digits.iter().position(|digit| *digit != b'0');
    let first = needed.unwrap_or(digits.len()).min(digits.len() - width);
    out.extend_from_slice(&digits[first..]);
}

/// Appends `number` in decimal digits.
pub(super) fn push_integer(number: i128, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    // 2^127 has 39 digits.
    let mut digits = [0; 40];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends what `inside` appends, between quotes.
pub(super) fn quoted_by(out: &mut Vec<u8>, inside: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    inside(out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for number in [0, 7, 10, -1, 1_234_567, i128::MAX, i128::MIN] {
            let mut out = Vec::new();
            push_integer(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for (number, width, text) in [
            (7, 1, "7"),
            (7, 2, "07"),
            (41, 4, "0041"),
            (1941, 2, "1941"),
        ] {
            let mut out = Vec::new();
            push_padded(number, width, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
