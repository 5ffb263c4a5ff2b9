//! How the members of a line are written.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Members of a JSON object being written, without its braces.
///
/// By hand and not by serde, since the bytes are hashed: their order and form are part of the format, and
/// stand here to be read.
pub(super) struct Members<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// Where in `out` they begin.
    pub(super) start: usize,
}

/// How instants stand in the ledger: RFC 3339 in UTC, to the microsecond.
const TIMES: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

impl Members<'_> {
    /// A member's name: a word of this module's.
    fn name(&mut self, name: &str) {
        if self.out.len() > self.start && self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub(super) fn string(&mut self, text: &str) {
        let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return;
        }
        serde_json::to_writer(&mut *self.out, text).expect("text goes into a vector as JSON");
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    pub(super) fn time(&mut self, name: &str, time: Timestamp) {
        self.name(name);
        self.out.push(b'"');
        TIMES
            .print_timestamp(&time, &mut *self.out)
            .expect("an instant goes into a vector");
        self.out.push(b'"');
    }

    /// A text, or nothing at all.
    pub(super) fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        decimal(number, self.out);
    }

    /// Something that is so.
    pub(super) fn flag(&mut self, name: &str) {
        self.name(name);
        self.out.extend_from_slice(b"true");
    }

    /// A number in a list.
    pub(super) fn count(&mut self, number: u32) {
        decimal(u64::from(number), self.out);
    }

    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braces(write);
    }

    pub(super) fn braces(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        write(self);
        self.out.push(b'}');
    }

    pub(super) fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&T, &mut Self)) {
        self.name(name);
        self.out.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(item, self);
        }
        self.out.push(b']');
    }
}

/// Appends `number` in decimal digits.
pub(super) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_everywhere() {
        for number in [0, 7, 10, 99, 1_000, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            decimal(number, &mut out);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
