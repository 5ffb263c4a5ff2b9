//! People as the lists of their rights know them.

use fieldgate::rights::Token;

/// A token that is spread as an HMAC is.
pub(crate) fn token(number: u64) -> Token {
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let mut token = [0; 16];
    token[..8].copy_from_slice(&mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    token[8..].copy_from_slice(&mix(number.wrapping_mul(31).wrapping_add(7)).to_be_bytes());
    token
}
