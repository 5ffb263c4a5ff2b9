//! Characters replaced by one that says nothing.

use super::text::{Characters, push_escaped};

/// How much of a value a mask leaves and what it puts in the place of the rest.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    pub(super) keep_first: usize,
    pub(super) keep_last: usize,
    /// Characters that stay wherever they stand and count for nothing.
    pub(super) skip: Box<str>,
    pub(super) with: char,
}

impl Mask {
    /// Appends the inside of a string, masked character by character (Unicode scalar values), as a JSON string.
    ///
    /// A string of no more characters than the mask keeps is masked whole: it would otherwise leave as it came.
    pub(super) fn text(&self, inside: &[u8], out: &mut Vec<u8>) {
        let is_skipped = |character: &char| self.skip.contains(*character);
        let counted = Characters::new(inside).filter(|character| !is_skipped(character));
        let visible = self.visible(counted.count());
        let mut position = 0;
        out.push(b'"');
        for character in Characters::new(inside) {
            let shown = if is_skipped(&character) {
                character
            } else {
                position += 1;
                if visible(position - 1) {
                    character
                } else {
                    self.with
                }
            };
            push_escaped(shown, out);
        }
        out.push(b'"');
    }

    /// Appends a number's text with its digits masked, as a JSON string. Sign, point and exponent stay; the mask
    /// counts digits alone, so that these do not use up what it hides.
    pub(super) fn number(&self, text: &[u8], out: &mut Vec<u8>) {
        let visible = self.visible(text.iter().filter(|byte| byte.is_ascii_digit()).count());
        let mut position = 0;
        out.push(b'"');
        for &byte in text {
            let shown = if !byte.is_ascii_digit() {
                char::from(byte)
            } else {
                position += 1;
                if visible(position - 1) {
                    char::from(byte)
                } else {
                    self.with
                }
            };
            push_escaped(shown, out);
        }
        out.push(b'"');
    }

    /// Which of `count` characters stay as they are.
    fn visible(&self, count: usize) -> impl Fn(usize) -> bool + use<> {
        let (first, last) = (self.keep_first, self.keep_last);
        let kept = first.saturating_add(last);
        move |position| kept < count && (position < first || position >= count - last)
    }
}
