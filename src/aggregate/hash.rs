//! A keyed hash of 64 bits: SipHash-2-4 (Aumasson and Bernstein, 2012).
//!
//! By it people are told apart without being kept, and records have their record keys. What it gives never leaves.

/// Hashes under one key.
#[derive(Clone)]
pub(crate) struct Hash {
    low: u64,
    high: u64,
}

impl Hash {
    /// Under this key of 16 bytes.
    pub(crate) fn new(key: [u8; 16]) -> Self {
        let half = |at: usize| {
            let bytes = key[at..at + 8].try_into().expect("eight bytes of sixteen");
            u64::from_le_bytes(bytes)
        };
        Self {
            low: half(0),
            high: half(8),
        }
    }

    /// The hash of `bytes`.
    pub(crate) fn of(&self, bytes: &[u8]) -> u64 {
        let mut state = [
            self.low ^ 0x736f_6d65_7073_6575,
            self.high ^ 0x646f_7261_6e64_6f6d,
            self.low ^ 0x6c79_6765_6e65_7261,
            self.high ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            take(&mut state, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = bytes.len() as u8;
        take(&mut state, u64::from_le_bytes(last));
        state[2] ^= 0xff;
        for _ in 0..4 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(key not printed)")
    }
}

fn take(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn round(state: &mut [u64; 4]) {
    let [a, b, c, d] = state;
    *a = a.wrapping_add(*b);
    *b = b.rotate_left(13) ^ *a;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*d);
    *d = d.rotate_left(16) ^ *c;
    *a = a.wrapping_add(*d);
    *d = d.rotate_left(21) ^ *a;
    *c = c.wrapping_add(*b);
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_published_vectors() {
        let key: [u8; 16] = std::array::from_fn(|index| index as u8);
        let hash = Hash::new(key);
        let input: Vec<u8> = (0..15).collect();
        // The paper's appendix A, and the first of the authors' list of vectors.
        assert_eq!(hash.of(&input), 0xa129_ca61_49be_45e5);
        assert_eq!(hash.of(&[]), 0x726f_db47_dd0e_0e31);
    }
}
