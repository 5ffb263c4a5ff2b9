//! Tokens back to identifiers.

use aes::Aes256Enc;
use zeroize::Zeroize;

use super::make::{beside, sealing, shaping};
use super::shape::Shaped;
use super::siv::{BLOCK, Siv};
use super::written::{self, parse, read_base32};
use super::{Scope, Shape};
use crate::identifier::{CANONICAL_BYTES, Canonical, Kind};
use crate::transform::AgreementKeys;

/// A text is no token that resolves here.
///
/// One error for all: of another agreement or namespace, of an epoch that is retired, altered, one-way, or no token. Which of these it
/// was would tell the partner something about tokens that are not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no token that resolves here")]
pub struct Refused;

/// Turns the tokens of one namespace of one agreement back.
#[derive(Clone)]
pub struct Resolver {
    kind: Kind,
    epochs: Box<[Epoch]>,
    /// Tried where a token's epoch is none of ours, so that this takes as long.
    decoy: Box<Siv<Aes256Enc>>,
}

#[derive(Clone)]
struct Epoch {
    number: u32,
    siv: Siv<Aes256Enc>,
    shaped: Option<Shaped>,
}

impl Resolver {
    /// Ready for the tokens that rules make of `namespace`, whose identifiers are of `kind`, under every epoch of `keys`
    /// that resolves. `shape` is the rules' own, if they give one.
    #[must_use]
    pub fn new(namespace: &str, kind: Kind, shape: Option<Shape>, keys: &AgreementKeys) -> Self {
        let epochs = keys.epochs().iter().rev().map(|epoch| Epoch {
            number: epoch.number(),
            siv: sealing(epoch, namespace, kind),
            shaped: shape.and_then(|_| shaping(epoch, namespace, kind)),
        });
        Self {
            kind,
            epochs: epochs.collect(),
            // No rule has a namespace without a name.
            decoy: Box::new(sealing(keys.current(), "", kind)),
        }
    }

    /// The kind of the identifiers that it gives.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Writes the canonical form of the identifier that `token` stands for to `out`, which is empty after an error.
    ///
    /// `token` is the token's characters, as they stand in a path, a query, a header or a string of a body when their
    /// encoding is undone. The work depends on the token's length alone: whatever it is, one decryption of so many bytes
    /// and one comparison in constant time. Allocates nothing.
    ///
    /// # Errors
    /// If it is no token of this agreement and namespace under an epoch that resolves.
    pub fn resolve(&self, token: &[u8], out: &mut Canonical) -> Result<(), Refused> {
        out.clear();
        // Length is no secret, and bounds the work.
        if token.len() > written::LONGEST {
            return Err(Refused);
        }
        let sealed = self.unseal(token, out);
        if sealed {
            return Ok(());
        }
        // Both ways are gone in either case where rules give a shape.
        let mut shaped = false;
        for epoch in &self.epochs {
            if let Some(epoch) = epoch.shaped.as_ref().filter(|_| !shaped) {
                shaped = epoch.identifier(token, out);
            }
        }
        if shaped { Ok(()) } else { Err(Refused) }
    }

    fn unseal(&self, token: &[u8], out: &mut Canonical) -> bool {
        // What is not written as a token is read as one all the same, and refused at the end.
        let parsed = parse(token);
        let (scope, number, body) = match parsed {
            Some((letters, number, body)) => (letters.scope, number, body),
            None => (Scope::Agreement, 0, token),
        };
        let written = parsed.is_some_and(|(letters, ..)| letters.reversible);

        let mut bytes = [0; 2 * BLOCK + CANONICAL_BYTES + BLOCK];
        let length = read_base32(body, &mut bytes);
        // Where the text is no base32, so many bytes as it would have been.
        let count = length.unwrap_or(body.len() * 5 / 8).min(bytes.len());
        let (nonce, sealed) = match scope {
            Scope::Agreement => (None, &mut bytes[..count]),
            Scope::Document | Scope::Never => match bytes[..count].split_first_chunk_mut() {
                Some((nonce, sealed)) => (Some(beside(scope, *nonce)), sealed),
                None => (None, &mut [][..]),
            },
        };
        let mut none = [0; BLOCK];
        let (tag, value) = match sealed.split_first_chunk_mut::<BLOCK>() {
            Some((tag, value)) if value.len() <= CANONICAL_BYTES => (*tag, value),
            Some(_) | None => (none, &mut none[..]),
        };
        let (siv, known) = self
            .epochs
            .iter()
            .find(|epoch| epoch.number == number)
            .map_or((&*self.decoy, false), |epoch| (&epoch.siv, true));
        let nonce = nonce.as_ref().map(<[u8; BLOCK + 1]>::as_slice);
        // Which of the two depends on the length alone.
        let opened = if value.len() < BLOCK {
            siv.open_short(nonce, &tag, value)
        } else {
            siv.open(nonce, &tag, value)
        };
        let text = str::from_utf8(value).unwrap_or_default();
        let good = opened & known & written & length.is_some() & !text.is_empty();
        let good = good && out.set(text).is_ok();
        // What is behind them was never written.
        bytes[..count].zeroize();
        good
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver(keys not printed)")
    }
}
