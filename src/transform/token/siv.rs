//! AES-SIV (RFC 5297): encryption that gives the same text for the same value, and notices every altered bit.
//!
//! ```text
//! V = S2V(mac key; associated data…, value)       128 bits: the tag, and the counter to start from
//! C = value ⊕ CTR(ctr key; V without two bits)    what leaves is V and C
//! ```
//!
//! S2V folds the associated data into a state before it looks at the value. Here these are the same for all values of
//! a namespace, so the state is computed with the key: a value of up to 15 bytes then costs two AES blocks, one for V and
//! one of key stream. Both key schedules are kept too, and nothing is changed by use, so that threads share one.

use aes::cipher::consts::U16;
use aes::cipher::{BlockEncrypt, BlockSizeUser, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Bytes of an AES block, and of the tag.
pub(super) const BLOCK: usize = 16;

/// A cipher of 128-bit blocks.
pub(super) trait Cipher: KeyInit + BlockEncrypt + BlockSizeUser<BlockSize = U16> {}
impl<C: KeyInit + BlockEncrypt + BlockSizeUser<BlockSize = U16>> Cipher for C {}

/// AES-SIV under one key and its associated data, ready.
#[derive(Clone)]
pub(super) struct Siv<C> {
    mac: C,
    ctr: C,
    /// CMAC's subkeys: for a message of whole blocks, and for one that is filled up.
    whole: u128,
    filled: u128,
    /// S2V's state when all associated data are in it.
    state: u128,
    /// What a value of less than a block is put on: the state, doubled, and the subkey of whole blocks.
    short: u128,
}

/// What a value of less than a block becomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    pub(super) tag: u128,
    /// Its first `length` bytes; zeros behind them.
    pub(super) text: u128,
    /// Less than [`BLOCK`].
    pub(super) length: usize,
}

impl<C: Cipher> Siv<C> {
    /// Ready for values under `key`, two keys of `C` one behind the other, and `associated`, at most 126 texts.
    pub(super) fn new(key: &[u8], associated: &[&[u8]]) -> Self {
        let (mac, ctr) = key.split_at(key.len() / 2);
        let cipher = |half| C::new_from_slice(half).expect("the key is two keys of the cipher");
        let (mac, ctr) = (cipher(mac), cipher(ctr));
        let whole = double(encrypt(&mac, 0));
        let mut siv = Self {
            mac,
            ctr,
            whole,
            filled: double(whole),
            state: 0,
            short: 0,
        };
        siv.state = siv.cmac(&[0; BLOCK]);
        for text in associated {
            siv.state = siv.with(text);
        }
        siv.short = double(siv.state) ^ siv.whole;
        siv
    }

    /// S2V's state with one more associated text in it.
    fn with(&self, associated: &[u8]) -> u128 {
        double(self.state) ^ self.cmac(associated)
    }

    /// As [`seal`](Self::seal), of a value of at most 15 bytes: without a copy or a loop.
    #[inline]
    pub(super) fn seal_short(&self, nonce: Option<&[u8]>, value: &[u8]) -> Short {
        let bits = short_block(value);
        let one = 1 << (127 - 8 * value.len());
        let tag = encrypt_bytes(&self.mac, (self.short(nonce) ^ bits ^ one).to_be_bytes());
        let stream = self.first_stream(&tag);
        Short {
            tag: u128::from_be_bytes(tag),
            text: (bits ^ stream) & !(u128::MAX >> (8 * value.len())),
            length: value.len(),
        }
    }

    /// As [`open`](Self::open), of a value of at most 15 bytes.
    #[must_use]
    #[inline]
    pub(super) fn open_short(
        &self,
        nonce: Option<&[u8]>,
        tag: &[u8; BLOCK],
        value: &mut [u8],
    ) -> bool {
        let stream = self.first_stream(tag);
        let behind = u128::MAX >> (8 * value.len());
        let mut bits = (short_block(value) ^ stream) & !behind;
        let one = behind ^ (behind >> 1);
        let expected = encrypt_bytes(&self.mac, (self.short(nonce) ^ bits ^ one).to_be_bytes());
        let difference = u128::from_be_bytes(expected) ^ u128::from_be_bytes(*tag);
        let same = ((difference >> 64) as u64 | difference as u64).ct_eq(&0);
        // Of another tag's value nothing is left.
        bits &= u128::from(same.unwrap_u8()).wrapping_neg();
        value.copy_from_slice(&bits.to_be_bytes()[..value.len()]);
        same.into()
    }

    /// The key stream's first block.
    #[inline]
    fn first_stream(&self, tag: &[u8; BLOCK]) -> u128 {
        let mut block = *tag;
        and(&mut block, &FIRST_COUNTER.to_be_bytes());
        u128::from_be_bytes(encrypt_bytes(&self.ctr, block))
    }

    #[inline]
    fn short(&self, nonce: Option<&[u8]>) -> u128 {
        nonce.map_or(self.short, |nonce| double(self.with(nonce)) ^ self.whole)
    }

    /// Encrypts `value` in place and gives its tag. `nonce` is one more associated text, if there is one.
    pub(super) fn seal(&self, nonce: Option<&[u8]>, value: &mut [u8]) -> [u8; BLOCK] {
        let tag = self.tag(nonce, value);
        self.xor_key_stream(tag, value);
        tag.to_be_bytes()
    }

    /// Decrypts `value` in place; says whether it is what `tag` was given for, and overwrites it if not. The work is the
    /// same in both cases.
    #[must_use]
    pub(super) fn open(&self, nonce: Option<&[u8]>, tag: &[u8; BLOCK], value: &mut [u8]) -> bool {
        self.xor_key_stream(u128::from_be_bytes(*tag), value);
        let same: bool = self.tag(nonce, value).to_be_bytes().ct_eq(tag).into();
        if !same {
            value.zeroize();
        }
        same
    }

    /// S2V of the associated data and `value`.
    fn tag(&self, nonce: Option<&[u8]>, value: &[u8]) -> u128 {
        let state = nonce.map_or(self.state, |nonce| self.with(nonce));
        let Some((front, last)) = value.split_last_chunk::<BLOCK>() else {
            let last = double(state) ^ padded(value);
            return encrypt(&self.mac, last ^ self.whole);
        };
        // The state is put on the value's last 16 bytes, which may lie across two blocks: what is before the block in
        // which they begin goes on as it is, the rest, 16 to 31 bytes, is written anew.
        let (blocks, rest) = value.split_at(front.len() / BLOCK * BLOCK);
        let mut room = [0; 2 * BLOCK];
        let room = &mut room[..rest.len()];
        let (room_front, room_last) = room.split_at_mut(rest.len() - BLOCK);
        room_front.copy_from_slice(&rest[..rest.len() - BLOCK]);
        room_last.copy_from_slice(&(u128::from_be_bytes(*last) ^ state).to_be_bytes());
        let tag = self.cmac_from(self.chain(0, blocks), room);
        room.zeroize();
        tag
    }

    /// CMAC (RFC 4493) of `message`.
    fn cmac(&self, message: &[u8]) -> u128 {
        self.cmac_from(0, message)
    }

    /// CMAC of what gave `state` and `message`, which is not empty if there was something before.
    fn cmac_from(&self, state: u128, message: &[u8]) -> u128 {
        let (blocks, last) = message.split_at(message.len().saturating_sub(1) / BLOCK * BLOCK);
        let last = match last.first_chunk::<BLOCK>() {
            Some(block) => u128::from_be_bytes(*block) ^ self.whole,
            None => padded(last) ^ self.filled,
        };
        encrypt(&self.mac, self.chain(state, blocks) ^ last)
    }

    /// The state when `blocks`, whole ones, have gone in.
    fn chain(&self, state: u128, blocks: &[u8]) -> u128 {
        let (blocks, _) = blocks.as_chunks::<BLOCK>();
        blocks.iter().fold(state, |state, block| {
            encrypt(&self.mac, state ^ u128::from_be_bytes(*block))
        })
    }

    fn xor_key_stream(&self, tag: u128, value: &mut [u8]) {
        let mut counter = first_counter(tag);
        for block in value.chunks_mut(BLOCK) {
            let stream = encrypt(&self.ctr, counter).to_be_bytes();
            for (byte, stream) in block.iter_mut().zip(stream) {
                *byte ^= stream;
            }
            counter = counter.wrapping_add(1);
        }
    }
}

/// From where key stream is counted: the tag without the top bits of its two last 32-bit words (§2.5).
fn first_counter(tag: u128) -> u128 {
    tag & FIRST_COUNTER
}

const FIRST_COUNTER: u128 = !((1 << 63) | (1 << 31));

/// Clears of `block` the bits that `bits` has not. A call, since between two runs of the cipher a block has to be written as
/// a whole: inlined it is taken apart for the bits that change, and the cipher waits for the parts.
#[inline(never)]
fn and(block: &mut [u8; BLOCK], bits: &[u8; BLOCK]) {
    for (byte, bits) in block.iter_mut().zip(bits) {
        *byte &= bits;
    }
}

/// One block through the cipher.
pub(super) fn encrypt<C: Cipher>(cipher: &C, block: u128) -> u128 {
    worked();
    let mut block = block.to_be_bytes().into();
    cipher.encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

/// As [`encrypt`], of bytes: between two blocks they stay where they are.
#[inline]
fn encrypt_bytes<C: Cipher>(cipher: &C, block: [u8; BLOCK]) -> [u8; BLOCK] {
    worked();
    let mut block = block.into();
    cipher.encrypt_block(&mut block);
    block.into()
}

/// Fewer than 16 bytes and zeros.
#[inline]
fn short_block(bytes: &[u8]) -> u128 {
    debug_assert!(bytes.len() < BLOCK, "less than a block");
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // The two overlap: what both have is shifted out of the second.
        (Some(first), Some(last)) => {
            let rest = u64::from_be_bytes(*last) << (8 * (15 - bytes.len())) << 8;
            u128::from(u64::from_be_bytes(*first)) << 64 | u128::from(rest)
        }
        _ => {
            let mut block = [0; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            u128::from_be_bytes(block)
        }
    }
}

/// Doubling in the field of 2¹²⁸ elements (RFC 5297 §2.3), without a branch.
fn double(block: u128) -> u128 {
    (block << 1) ^ (0x87 * (block >> 127))
}

/// Fewer than 16 bytes, a one bit, and zeros.
fn padded(bytes: &[u8]) -> u128 {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    block[bytes.len()] = 0x80;
    u128::from_be_bytes(block)
}

/// Notes a block, in tests alone: what takes the same blocks takes the same time.
#[cfg(not(test))]
#[inline(always)]
fn worked() {}

#[cfg(test)]
fn worked() {
    work::BLOCKS.with(|blocks| blocks.set(blocks.get() + 1));
}

#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        /// Blocks that went through a cipher in this thread.
        pub(in super::super) static BLOCKS: Cell<u64> = const { Cell::new(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::{Aes128Enc, Aes256Enc};
    use aes_siv::KeyInit as _;
    use aes_siv::siv::{Aes128Siv, Aes256Siv};
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn sealed<C: Cipher>(key: &[u8], associated: &[&[u8]], value: &[u8]) -> Vec<u8> {
        let siv = Siv::<C>::new(key, associated);
        let mut text = value.to_vec();
        let tag = siv.seal(None, &mut text);
        if value.len() < BLOCK {
            let short = siv.seal_short(None, value);
            assert_eq!(short.tag.to_be_bytes(), tag);
            assert_eq!(short.text.to_be_bytes()[..value.len()], text);
            assert_eq!(
                short.text.to_be_bytes()[value.len()..],
                [0; BLOCK][value.len()..]
            );
            let mut opened = text.clone();
            assert!(siv.open_short(None, &tag, &mut opened));
            assert_eq!(opened, value);
        }
        let mut opened = text.clone();
        assert!(siv.open(None, &tag, &mut opened));
        assert_eq!(opened, value);
        [&tag[..], &text].concat()
    }

    #[test]
    fn it_gives_the_examples_of_rfc_5297() {
        let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let associated = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
        assert_eq!(
            sealed::<Aes128Enc>(&key, &[&associated], &hex("112233445566778899aabbccddee")),
            hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
        );
        // A.2: three associated texts, the last the nonce.
        let key = hex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
        let first =
            hex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100");
        let second = hex("102030405060708090a0");
        let nonce = hex("09f911029d74e35bd84156c5635688c0");
        let value = hex(
            "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        );
        let expected = hex(
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17\
             dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
        );
        assert_eq!(
            sealed::<Aes128Enc>(&key, &[&first, &second, &nonce], &value),
            expected
        );
        let mut text = value.clone();
        let tag = Siv::<Aes128Enc>::new(&key, &[&first, &second]).seal(Some(&nonce), &mut text);
        assert_eq!(
            [&tag[..], &text].concat(),
            expected,
            "a nonce is the last associated text"
        );
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_crate_aes_siv(
            key in proptest::array::uniform32(any::<u8>()),
            other in proptest::array::uniform32(any::<u8>()),
            associated in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..5),
            value in proptest::collection::vec(any::<u8>(), 0..=200),
        ) {
            let texts: Vec<&[u8]> = associated.iter().map(Vec::as_slice).collect();
            let long = [key, other].concat();
            prop_assert_eq!(
                sealed::<Aes128Enc>(&key, &texts, &value),
                Aes128Siv::new((&key).into()).encrypt(&associated, &value).unwrap()
            );
            prop_assert_eq!(
                sealed::<Aes256Enc>(&long, &texts, &value),
                Aes256Siv::new(long.as_slice().try_into().unwrap()).encrypt(&associated, &value).unwrap()
            );
        }
    }

    #[test]
    fn an_altered_bit_anywhere_is_noticed_and_nothing_is_left() {
        let siv = Siv::<Aes256Enc>::new(&[7; 64], &[b"fg1", b"person"]);
        for length in [0, 1, 10, 15, 16, 17, 40] {
            let mut text = vec![b'5'; length];
            let tag = siv.seal(None, &mut text);
            for bit in 0..(BLOCK + length) * 8 {
                let mut all = [&tag[..], &text].concat();
                all[bit / 8] ^= 1 << (bit % 8);
                let (tag, text) = all.split_at_mut(BLOCK);
                let tag: [u8; BLOCK] = (&*tag).try_into().unwrap();
                if length < BLOCK {
                    let mut short = text.to_vec();
                    assert!(!siv.open_short(None, &tag, &mut short), "{length} {bit}");
                    assert!(short.iter().all(|&byte| byte == 0));
                }
                assert!(!siv.open(None, &tag, text), "{length} {bit}");
                assert!(text.iter().all(|&byte| byte == 0));
            }
        }
    }
}
