//! FF1 (NIST SP 800-38G): a permutation of the strings of one length over one alphabet.
//!
//! Ten rounds: half of the string is a number, to which what AES makes of the other half is added. The halves are kept
//! as numbers from the first round to the last, and fit 96 bits, so that nothing is allocated: up to 57 digits or 37
//! letters and digits, where the longest identifier has 19.

use super::siv::{BLOCK, Cipher, encrypt};

/// The least number of strings that there must be (SP 800-38G revision 1): of fewer, a table of all is soon made.
const LEAST_STRINGS: u128 = 1_000_000;

/// Numbers in a half: one more would not fit.
const HALF_LIMIT: u128 = 1 << 96;

const ROUNDS: u8 = 10;

/// FF1 under one key, ready.
#[derive(Clone)]
pub(super) struct Ff1<C> {
    cipher: C,
    radix: u8,
}

/// Why a string cannot be permuted: too short for a safe permutation, too long, or not of the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfDomain;

/// One string's way through the rounds.
struct Halves {
    length: usize,
    /// Numbers in the first half, and in the second, which has the middle of an odd length.
    moduli: [u128; 2],
    /// Bytes in which a half's number is written: SP 800-38G's `b`.
    bytes: usize,
    /// Bytes of what is added to a half: SP 800-38G's `d`, at most a block.
    added: usize,
}

impl<C: Cipher> Ff1<C> {
    /// Ready for strings of numerals below `radix`, 2 to 36, under `key`.
    pub(super) fn new(key: &[u8], radix: u8) -> Self {
        debug_assert!(
            (2..=36).contains(&radix),
            "an alphabet of digits and letters"
        );
        Self {
            cipher: C::new_from_slice(key).expect("the key is one of the cipher"),
            radix,
        }
    }

    /// Permutes `numerals`, each below the radix. `tweak` chooses the permutation.
    pub(super) fn encrypt(&self, tweak: &[u8], numerals: &mut [u8]) -> Result<(), OutOfDomain> {
        let halves = self.halves(numerals)?;
        let (mut a, mut b) = self.split(numerals);
        let start = self.start(tweak, &halves);
        for round in 0..ROUNDS {
            let modulus = halves.moduli[usize::from(round % 2)];
            let added = self.added(start, tweak, round, b, &halves) % modulus;
            (a, b) = (b, (a + added) % modulus);
        }
        self.join(a, b, numerals);
        Ok(())
    }

    /// Undoes [`encrypt`](Self::encrypt).
    pub(super) fn decrypt(&self, tweak: &[u8], numerals: &mut [u8]) -> Result<(), OutOfDomain> {
        let halves = self.halves(numerals)?;
        let (mut a, mut b) = self.split(numerals);
        let start = self.start(tweak, &halves);
        for round in (0..ROUNDS).rev() {
            let modulus = halves.moduli[usize::from(round % 2)];
            let added = self.added(start, tweak, round, a, &halves) % modulus;
            (a, b) = ((b + modulus - added) % modulus, a);
        }
        self.join(a, b, numerals);
        Ok(())
    }

    fn halves(&self, numerals: &[u8]) -> Result<Halves, OutOfDomain> {
        let length = numerals.len();
        let power = |count: usize| {
            let count = u32::try_from(count).ok()?;
            u128::from(self.radix).checked_pow(count)
        };
        let first = power(length / 2).ok_or(OutOfDomain)?;
        let second = power(length - length / 2).filter(|&second| second <= HALF_LIMIT);
        let second = second.ok_or(OutOfDomain)?;
        let enough = first
            .checked_mul(second)
            .is_none_or(|all| all >= LEAST_STRINGS);
        if !enough || length < 2 || numerals.iter().any(|&numeral| numeral >= self.radix) {
            return Err(OutOfDomain);
        }
        let bits = (u128::BITS - (second - 1).leading_zeros()) as usize;
        let bytes = bits.div_ceil(8);
        Ok(Halves {
            length,
            moduli: [first, second],
            bytes,
            added: 4 * bytes.div_ceil(4) + 4,
        })
    }

    /// The first block of every round's message, through the cipher: it is the same in all of them.
    fn start(&self, tweak: &[u8], halves: &Halves) -> u128 {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(&[1, 2, 1, 0, 0, self.radix, ROUNDS, (halves.length / 2) as u8]);
        block[8..12].copy_from_slice(&(halves.length as u32).to_be_bytes());
        block[12..].copy_from_slice(&(tweak.len() as u32).to_be_bytes());
        encrypt(&self.cipher, u128::from_be_bytes(block))
    }

    /// What a round adds to one half because of `other`, the other one.
    fn added(&self, start: u128, tweak: &[u8], round: u8, other: u128, halves: &Halves) -> u128 {
        // The message: the tweak, zeros, the round, the number in so many bytes; whole blocks.
        let length = (tweak.len() + 1 + halves.bytes).next_multiple_of(BLOCK);
        let number = u128::from(round) << (8 * halves.bytes) | other;
        let mut state = start;
        for from in (0..length).step_by(BLOCK) {
            let mut block = [0; BLOCK];
            if let Some(tweak) = tweak.get(from..) {
                let count = tweak.len().min(BLOCK);
                block[..count].copy_from_slice(&tweak[..count]);
            }
            // The round and the number take 13 bytes at most: they end the last block, and begin in no other.
            let last = if from + BLOCK == length { number } else { 0 };
            state = encrypt(&self.cipher, state ^ u128::from_be_bytes(block) ^ last);
        }
        state >> (8 * (BLOCK - halves.added))
    }

    fn split(&self, numerals: &[u8]) -> (u128, u128) {
        let number = |numerals: &[u8]| {
            numerals.iter().fold(0, |number, &numeral| {
                number * u128::from(self.radix) + u128::from(numeral)
            })
        };
        let (a, b) = numerals.split_at(numerals.len() / 2);
        (number(a), number(b))
    }

    fn join(&self, a: u128, b: u128, numerals: &mut [u8]) {
        let radix = u128::from(self.radix);
        let (first, second) = numerals.split_at_mut(numerals.len() / 2);
        for (half, mut number) in [(first, a), (second, b)] {
            for numeral in half.iter_mut().rev() {
                *numeral = (number % radix) as u8;
                number /= radix;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
    use proptest::prelude::*;

    fn numerals(text: &str) -> Vec<u8> {
        text.chars()
            .map(|c| c.to_digit(36).unwrap() as u8)
            .collect()
    }

    fn both_ways<C: Cipher>(key: &[u8], radix: u8, tweak: &[u8], plain: &str) -> String {
        let ff1 = Ff1::<C>::new(key, radix);
        let mut text = numerals(plain);
        ff1.encrypt(tweak, &mut text).unwrap();
        let written = text
            .iter()
            .map(|&n| char::from_digit(n.into(), 36).unwrap())
            .collect();
        ff1.decrypt(tweak, &mut text).unwrap();
        assert_eq!(text, numerals(plain));
        written
    }

    #[test]
    fn it_gives_the_samples_of_sp_800_38g() {
        let key: Vec<u8> = data_encoding::HEXLOWER
            .decode(b"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94")
            .unwrap();
        let tweak = b"9876543210";
        // Samples 1, 2, 4, 7.
        assert_eq!(
            both_ways::<Aes128Enc>(&key[..16], 10, b"", "0123456789"),
            "2433477484"
        );
        assert_eq!(
            both_ways::<Aes128Enc>(&key[..16], 10, tweak, "0123456789"),
            "6124200773"
        );
        assert_eq!(
            both_ways::<Aes192Enc>(&key[..24], 10, b"", "0123456789"),
            "2830668132"
        );
        assert_eq!(
            both_ways::<Aes256Enc>(&key, 10, b"", "0123456789"),
            "6657667009"
        );
    }

    #[test]
    fn too_few_strings_too_long_ones_and_foreign_numerals_are_refused() {
        let ff1 = Ff1::<Aes256Enc>::new(&[7; 32], 10);
        for (length, fits) in [
            (0, false),
            (1, false),
            (5, false),
            (6, true),
            (19, true),
            (56, true),
            (60, false),
            (1000, false),
        ] {
            assert_eq!(
                ff1.encrypt(b"", &mut vec![1; length]).is_ok(),
                fits,
                "{length}"
            );
            assert_eq!(
                ff1.decrypt(b"", &mut vec![1; length]).is_ok(),
                fits,
                "{length}"
            );
        }
        assert_eq!(
            ff1.encrypt(b"", &mut [1, 2, 3, 4, 5, 10, 7]),
            Err(OutOfDomain)
        );
        // 36⁴ is more than 10⁶, 36³ is less.
        let ff1 = Ff1::<Aes256Enc>::new(&[7; 32], 36);
        assert!(ff1.encrypt(b"", &mut [35; 4]).is_ok() && ff1.encrypt(b"", &mut [35; 3]).is_err());
    }

    proptest! {
        #[test]
        fn it_turns_back(
            key in proptest::array::uniform32(any::<u8>()),
            tweak in proptest::collection::vec(any::<u8>(), 0..40),
            radix in 2_u8..=36,
            text in proptest::collection::vec(any::<u8>(), 20..=30),
        ) {
            let ff1 = Ff1::<Aes256Enc>::new(&key, radix);
            let plain: Vec<u8> = text.iter().map(|byte| byte % radix).collect();
            let mut text = plain.clone();
            prop_assume!(ff1.halves(&plain).is_ok());
            ff1.encrypt(&tweak, &mut text).unwrap();
            ff1.decrypt(&tweak, &mut text).unwrap();
            prop_assert_eq!(text, plain);
        }
    }

    #[test]
    fn all_strings_of_a_domain_are_permuted() {
        let ff1 = Ff1::<Aes128Enc>::new(&[7; 16], 10);
        let mut seen = vec![false; 1_000_000];
        for number in 0..20_000_u32 {
            let mut text: Vec<u8> = numerals(&format!("{:06}", number * 50));
            ff1.encrypt(b"", &mut text).unwrap();
            let place = text
                .iter()
                .fold(0, |sum, &digit| sum * 10 + usize::from(digit));
            assert!(
                !std::mem::replace(&mut seen[place], true),
                "two strings became one"
            );
        }
    }
}
