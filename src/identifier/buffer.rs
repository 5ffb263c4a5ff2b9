//! Room for one canonical form: on the stack, bounded, cleared when it is no longer needed.

use zeroize::Zeroize;

use super::Unfit;

/// The longest canonical form, in bytes of UTF-8. What is longer identifies nobody that a rule could mean.
pub const CANONICAL_BYTES: usize = 256;

/// The canonical form of one identifier: UTF-8 text of at most [`CANONICAL_BYTES`] bytes. Never printed; its bytes are
/// overwritten when it is dropped or used again.
pub struct Canonical {
    bytes: [u8; CANONICAL_BYTES],
    length: usize,
    /// `length <= written <= CANONICAL_BYTES`: what has been written since the last clearing, to be overwritten.
    written: usize,
}

impl Canonical {
    /// Empty room.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: [0; CANONICAL_BYTES],
            length: 0,
            written: 0,
        }
    }

    /// The form's bytes: UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The form as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("only whole characters are put in and taken out")
    }

    /// Overwrites what is there and begins again.
    pub fn clear(&mut self) {
        self.bytes[..self.written].zeroize();
        self.length = 0;
        self.written = 0;
    }

    /// Takes `text` as it is: a form that was made before.
    ///
    /// # Errors
    /// [`Unfit::Nobody`] if it is too long.
    pub fn set(&mut self, text: &str) -> Result<(), Unfit> {
        self.clear();
        self.push_all(text.as_bytes())
    }

    /// Appends a character.
    pub(super) fn push(&mut self, character: char) -> Result<(), Unfit> {
        if character.is_ascii() {
            return self.push_all(&[character as u8]);
        }
        self.push_all(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    /// Appends bytes that are whole characters.
    #[inline]
    pub(super) fn push_all(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        let end = self.length + bytes.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(Unfit::Nobody)?;
        room.copy_from_slice(bytes);
        self.length = end;
        self.written = self.written.max(end);
        Ok(())
    }

    /// Keeps the first `length` bytes, which are whole characters.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Takes away the first `count` bytes, which are whole characters.
    pub(super) fn remove_front(&mut self, count: usize) {
        let count = count.min(self.length);
        self.bytes.copy_within(count..self.length, 0);
        self.length -= count;
    }

    /// Keeps the bytes for which `keep` holds; of a character of several bytes it holds for all or none.
    pub(super) fn retain(&mut self, keep: impl Fn(u8) -> bool) {
        let mut length = 0;
        for position in 0..self.length {
            let byte = self.bytes[position];
            if keep(byte) {
                self.bytes[length] = byte;
                length += 1;
            }
        }
        self.length = length;
    }

    /// Puts ASCII bytes in before the byte at `position`.
    pub(super) fn insert(&mut self, position: usize, bytes: &[u8]) -> Result<(), Unfit> {
        let from = position..self.length;
        self.push_all(bytes)?;
        self.bytes.copy_within(from, position + bytes.len());
        self.bytes[position..position + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Puts the bytes from `middle` on before those up to it; both parts are whole characters.
    pub(super) fn rotate(&mut self, middle: usize) {
        self.bytes[..self.length].rotate_left(middle);
    }

    /// The bytes, where a kind writes over ASCII with ASCII.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl Default for Canonical {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Canonical {
    fn drop(&mut self) {
        self.bytes[..self.written].zeroize();
    }
}

impl std::fmt::Debug for Canonical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canonical(not printed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_takes_as_much_as_there_is_room_for_and_no_more() {
        let mut form = Canonical::new();
        assert!(form.set(&"a".repeat(CANONICAL_BYTES)).is_ok());
        assert_eq!(form.as_bytes().len(), CANONICAL_BYTES);
        assert_eq!(form.push('b'), Err(Unfit::Nobody));
        assert_eq!(form.as_bytes().len(), CANONICAL_BYTES);
        assert_eq!(
            form.set(&"a".repeat(CANONICAL_BYTES + 1)),
            Err(Unfit::Nobody)
        );
        assert_eq!(form.as_str(), "");
    }

    #[test]
    fn parts_are_put_in_and_taken_out_in_place() {
        let mut form = Canonical::new();
        form.set("SW1A1AA").unwrap();
        form.insert(4, b" ").unwrap();
        assert_eq!(form.as_str(), "SW1A 1AA");
        form.retain(|byte| byte != b'A');
        assert_eq!(form.as_str(), "SW1 1");
        form.remove_front(2);
        assert_eq!(form.as_str(), "1 1");
        form.rotate(1);
        assert_eq!(form.as_str(), " 11");
    }

    #[test]
    fn p7_what_was_there_is_overwritten_and_never_printed() {
        let mut form = Canonical::new();
        form.set("4010232137").unwrap();
        assert_eq!(format!("{form:?}"), "Canonical(not printed)");
        form.truncate(3);
        form.clear();
        assert_eq!(form.bytes, [0; CANONICAL_BYTES]);
    }
}
