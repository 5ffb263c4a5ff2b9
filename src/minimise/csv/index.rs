//! Where in a window the bytes stand that can end a value: separator, quote, line feed, carriage return.
//!
//! Eight bytes are compared at once in ordinary registers, without branches:
//!
//! ```text
//! differs(word, byte)  a high bit for each byte of the word that is not that byte
//! and of all four      a high bit for each byte that is none of them
//! gathered             these eight bits side by side, by one multiplication
//! ```

use super::super::charset::WINDOW;

const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = 0x0101_0101_0101_0101;

/// The structural bytes of one window, a bit each.
#[derive(Debug)]
pub(super) struct Index {
    words: Box<[u64; WINDOW / 64]>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            words: Box::new([0; WINDOW / 64]),
        }
    }

    /// Finds the structural bytes of `window`, at most [`WINDOW`] bytes.
    pub(super) fn fill(&mut self, window: &[u8], separator: u8) {
        let wanted = [separator, b'"', b'\n', b'\r'].map(|byte| LOW * u64::from(byte));
        let blocks = window.chunks_exact(64);
        // Zeros are none of them.
        let mut last = [0; 64];
        last[..blocks.remainder().len()].copy_from_slice(blocks.remainder());
        for (word, block) in self.words.iter_mut().zip(blocks) {
            *word = block_bits(block, wanted);
        }
        if !window.len().is_multiple_of(64) {
            self.words[window.len() / 64] = block_bits(&last, wanted);
        }
    }

    /// The bits of the bytes from `64 * word` on.
    pub(super) fn word(&self, word: usize) -> u64 {
        self.words[word]
    }
}

fn block_bits(block: &[u8], wanted: [u64; 4]) -> u64 {
    let mut bits = 0;
    for (place, eight) in block.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(eight.try_into().expect("chunks of eight"));
        let none = wanted.iter().fold(HIGH, |none, byte| {
            let differing = word ^ byte;
            none & (((differing & !HIGH) + !HIGH) | differing)
        });
        let found = (!none & HIGH) >> 7;
        bits |= (found.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * place);
    }
    bits
}

/// The first control character of `window` that no value may hold: all of ASCII's but tab, line feed and carriage
/// return.
pub(super) fn control(window: &[u8]) -> Option<usize> {
    let refused = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f);
    // Most windows have none, which a sum without branches tells soonest.
    let some = window.iter().fold(false, |some, byte| some | refused(byte));
    if some {
        window.iter().position(refused)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_where_it_stands_and_no_other() {
        let mut index = Index::new();
        for separator in *b",;\t|" {
            for length in [0, 1, 7, 8, 63, 64, 65, 255, 256, 257, WINDOW] {
                let window: Vec<u8> = (0..length).map(|at| (at * 7 + at / 256) as u8).collect();
                index.fill(&window, separator);
                for at in 0..length.next_multiple_of(64) {
                    let wanted = window
                        .get(at)
                        .is_some_and(|byte| [separator, b'"', b'\n', b'\r'].contains(byte));
                    assert_eq!(index.word(at / 64) >> (at % 64) & 1 == 1, wanted, "{at}");
                }
            }
        }
    }

    #[test]
    fn control_characters_but_tab_and_line_ends_are_found() {
        for byte in 0..=255_u8 {
            let refused = byte.is_ascii_control() && !b"\t\n\r".contains(&byte);
            let mut window = vec![b'a'; 100];
            window[70] = byte;
            assert_eq!(control(&window), refused.then_some(70), "{byte}");
        }
    }
}
