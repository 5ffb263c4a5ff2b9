//! The subjects' store: what people have objected to, agreed to and been marked as, on the disk.
//!
//! ```text
//! fieldgate subjects ──┐                                      ┌─► look, every 250 ms ─► Lists ─► each record's verdict
//!                      ├─ lock ─ append a line ─ sync ─ file ──┤
//! admin API ───────────┘                                      └─► history of one subject
//! ```
//!
//! The store is one file of sealed lines, each a change with who made it, when and why. [`line`] is its format, [`Store`]
//! reads and writes it, [`Watched`] is the one that a running gateway looks at. `identifiers` reads lists of identifiers,
//! which become keyed tokens at once: no raw identifier is ever written or printed.

mod gate;
mod identifiers;
mod line;
mod store;
mod watched;

pub use gate::RightsGate;
pub use identifiers::{Identifiers, ReadError, Where};
pub use line::{Act, Change, ChangeError, Line, LineFault};
pub use store::{Entered, Store, StoreError};
pub use watched::{LOOK, Unavailable, Watched};

use data_encoding::BASE32_NOPAD;

use crate::rights::Token;

/// Characters of a token's text: as the ledger writes it, so that the same person can be looked for in both.
const TOKEN_TEXT: usize = 26;

/// The text of `token`: 26 characters of lower-case base32.
#[must_use]
pub fn token_text(token: &Token) -> String {
    BASE32_NOPAD.encode(token).to_ascii_lowercase()
}

/// The token that `text` spells.
#[must_use]
pub fn token_of_text(text: &str) -> Option<Token> {
    if text.len() != TOKEN_TEXT || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut token = Token::default();
    let text = text.to_ascii_uppercase();
    BASE32_NOPAD.decode_mut(text.as_bytes(), &mut token).ok()?;
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_text_reads_back_as_the_token_and_nothing_else_does() {
        let token = [0xa5; 16];
        let text = token_text(&token);
        assert_eq!(text.len(), TOKEN_TEXT);
        assert_eq!(token_of_text(&text), Some(token));
        for other in ["", "a", &text[1..], &text.to_uppercase(), &"1".repeat(26)] {
            assert_eq!(token_of_text(other), None, "{other}");
        }
    }
}
