//! Values to tokens: what the machine calls for each value. Nothing is derived or allocated there.

use aes::Aes256Enc;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::shape::{self, Shaped};
use super::siv::{BLOCK, Siv};
use super::written::{Letters, Prefix, push_base32};
use super::{Identified, Invalid, Part, Scope, Shape};
use crate::identifier::{CANONICAL_BYTES, Canonical, Kind, Unfit, Unknown};
use crate::transform::canonical::{characters, identify, own_form};
use crate::transform::{AgreementKeys, Algorithm, EpochKeys, Mismatch, Setting};

/// One-way tokens of one rule.
#[derive(Clone)]
pub(in crate::transform) struct Pseudonyms {
    values: Values,
    /// The fields that identify together; empty where the value itself does.
    parts: Box<[Part]>,
    scope: Scope,
    prefix: Prefix,
    hmac: Keyed,
}

/// Tokens of one rule that turn back.
#[derive(Clone)]
pub(in crate::transform) struct Tokens {
    values: Values,
    scope: Scope,
    prefix: Prefix,
    how: How,
}

#[derive(Clone)]
enum How {
    Sealed {
        siv: Box<Siv<Aes256Enc>>,
        /// Makes what is sealed beside the value where tokens do not link in the whole agreement.
        nonces: Keyed,
    },
    Shaped(Box<Shaped>),
}

impl Pseudonyms {
    /// Ready to make tokens as `identified` says, under the current epoch of `keys`.
    pub(in crate::transform) fn new(identified: &Identified, keys: &AgreementKeys) -> Self {
        let letters = Letters {
            reversible: false,
            scope: identified.scope,
        };
        let purpose = match identified.scope {
            Scope::Agreement => Purpose::Value,
            Scope::Document => Purpose::ValueInDocument,
            Scope::Never => Purpose::Fresh,
        };
        Self {
            values: Values::new(identified),
            parts: identified.parts.clone().into(),
            scope: identified.scope,
            prefix: letters.prefix(keys.current().number()),
            hmac: Keyed::new(keys.current(), identified, purpose),
        }
    }

    /// Appends the token of `json`, a single value, to `out` as JSON text.
    ///
    /// 16 bytes of HMAC-SHA-256 (RFC 2104) over the purpose and kind and, by scope: the canonical form; the document's
    /// random bytes and the form; the document's random bytes and a count. Where fields of the record identify together
    /// their kinds and forms are in the place of the value's.
    pub(in crate::transform) fn apply(
        &self,
        json: &[u8],
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let code = if self.parts.is_empty() {
            let mut made;
            let form = match self.values.own_form(json) {
                Some(form) => form,
                None => {
                    made = Canonical::new();
                    if !self.values.read(json, &mut made, out)? {
                        return Ok(());
                    }
                    made.as_bytes()
                }
            };
            let mut state = self.start(setting)?;
            if self.scope != Scope::Never {
                state.update(form);
            }
            code(state)
        } else {
            match self.together(setting, out)? {
                Some(code) => code,
                None => return Ok(()),
            }
        };
        self.prefix.push(out);
        push_base32(&code, out);
        out.push(b'"');
        Ok(())
    }

    /// What goes in before the form, by scope: nothing; the document's random bytes; these and a count.
    fn start(&self, setting: &mut Setting) -> Result<Hmac<Sha256>, Mismatch> {
        let mut state = self.hmac.0.clone();
        match self.scope {
            Scope::Agreement => {}
            Scope::Document => state.update(&document(setting)?),
            Scope::Never => {
                state.update(&document(setting)?);
                state.update(&setting.count().to_be_bytes());
            }
        }
        Ok(state)
    }

    /// The code of what the record's fields say together: each part's form with its length before it, in the order of the
    /// rule, so that no two tuples are one text. A part that is missing, or stands there twice, makes no token: with less to
    /// go by it would link strangers. `None` where a mark stands for it, which is in `out` then.
    #[cold]
    fn together(
        &self,
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<Option<[u8; BLOCK]>, Mismatch> {
        let mut state = self.start(setting)?;
        let mut form = Canonical::new();
        for part in &self.parts {
            let json = setting.known().part(part.slot).ok_or(Mismatch)?;
            if !self.values.read_as(part.kind, json, &mut form, out)? {
                return Ok(None);
            }
            if self.scope != Scope::Never {
                let length =
                    u16::try_from(form.as_bytes().len()).expect("a form is 256 bytes at most");
                state.update(&length.to_be_bytes());
                state.update(form.as_bytes());
            }
        }
        Ok(Some(code(state)))
    }

    pub(in crate::transform) fn reads_document(&self) -> bool {
        self.scope != Scope::Agreement
    }
}

/// The first 128 bits.
fn code(state: Hmac<Sha256>) -> [u8; BLOCK] {
    let code = state.finalize().into_bytes();
    *code.first_chunk().expect("SHA-256 gives 32 bytes")
}

impl Tokens {
    /// Ready to make tokens as `identified` says, under the current epoch of `keys`. With a shape the scope is the
    /// agreement, and the kind has that shape.
    pub(in crate::transform) fn new(
        identified: &Identified,
        shape: Option<Shape>,
        keys: &AgreementKeys,
    ) -> Self {
        let epoch = keys.current();
        let letters = Letters {
            reversible: true,
            scope: identified.scope,
        };
        Self {
            values: Values::new(identified),
            scope: identified.scope,
            prefix: letters.prefix(epoch.number()),
            how: match shape {
                None => How::Sealed {
                    siv: Box::new(sealing(epoch, &identified.namespace, identified.kind)),
                    nonces: Keyed::new(epoch, identified, Purpose::Nonce),
                },
                Some(_) => How::Shaped(Box::new(
                    shaping(epoch, &identified.namespace, identified.kind)
                        .expect("a kind with a format has a shape"),
                )),
            },
        }
    }

    /// Appends the token of `json`, a single value, to `out` as JSON text.
    ///
    /// The tag of AES-256-SIV and the encrypted canonical form; where tokens do not link in the whole agreement, before
    /// them the nonce that makes them differ.
    pub(in crate::transform) fn apply(
        &self,
        json: &[u8],
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let mut made;
        let form = match self.values.own_form(json) {
            Some(form) => form,
            None => {
                made = Canonical::new();
                if !self.values.read(json, &mut made, out)? {
                    return Ok(());
                }
                made.as_bytes()
            }
        };
        match &self.how {
            How::Shaped(shaped) => {
                let mut room = [0; shape::LONGEST];
                let token = shaped.token(form, &mut room).ok_or(Mismatch)?;
                out.push(b'"');
                out.extend_from_slice(token);
                out.push(b'"');
            }
            // Most identifiers are shorter than a block, and most tokens link in the whole agreement.
            How::Sealed { siv, .. } if form.len() < BLOCK && self.scope == Scope::Agreement => {
                self.prefix.push_short(siv.seal_short(None, form), out);
            }
            How::Sealed { siv, nonces } => {
                let nonce = match self.scope {
                    Scope::Agreement => None,
                    Scope::Document => Some(nonces.code(&[&document(setting)?])),
                    Scope::Never => {
                        let document = document(setting)?;
                        Some(nonces.code(&[&document, &setting.count().to_be_bytes()]))
                    }
                };
                let beside = nonce.map(|nonce| beside(self.scope, nonce));
                let beside = beside.as_ref().map(<[u8; BLOCK + 1]>::as_slice);
                // The nonce if there is one, the tag, the value.
                let mut room = [0; 2 * BLOCK + CANONICAL_BYTES];
                let value = &mut room[2 * BLOCK..][..form.len()];
                value.copy_from_slice(form);
                let tag = siv.seal(beside, value);
                room[..BLOCK].copy_from_slice(&nonce.unwrap_or_default());
                room[BLOCK..2 * BLOCK].copy_from_slice(&tag);
                let start = if nonce.is_some() { 0 } else { BLOCK };
                self.prefix.push(out);
                push_base32(&room[start..2 * BLOCK + form.len()], out);
                out.push(b'"');
            }
        }
        Ok(())
    }

    pub(in crate::transform) fn reads_document(&self) -> bool {
        self.scope != Scope::Agreement
    }
}

/// AES-SIV for the tokens of a namespace whose identifiers are of `kind`.
///
/// AES-256, a key of 64 bytes: keys come from 256 bits, and a token that somebody keeps is to be safe for as long as the
/// person lives. The namespace and kind are associated data beside being in the key's derivation: a token of one can be no
/// token of another even where somebody confuses keys.
pub(super) fn sealing(epoch: &EpochKeys, namespace: &str, kind: Kind) -> Siv<Aes256Enc> {
    let associated = [
        b"fg1".as_slice(),
        namespace.as_bytes(),
        kind.word().as_bytes(),
    ];
    Siv::new(&*epoch.key_64(Algorithm::AesSiv, namespace), &associated)
}

/// FF1 for the tokens of a namespace whose identifiers are of `kind`, if that has a shape.
pub(super) fn shaping(epoch: &EpochKeys, namespace: &str, kind: Kind) -> Option<Shaped> {
    Shaped::new(&epoch.key(Algorithm::Ff1, namespace), kind, epoch.number())
}

/// What is sealed beside a value that does not link in the whole agreement: its nonce and its scope.
pub(super) fn beside(scope: Scope, nonce: [u8; BLOCK]) -> [u8; BLOCK + 1] {
    let mut text = [scope as u8; BLOCK + 1];
    text[..BLOCK].copy_from_slice(&nonce);
    text
}

fn document(setting: &Setting) -> Result<[u8; 16], Mismatch> {
    setting
        .occasion()
        .and_then(|occasion| occasion.document)
        .ok_or(Mismatch)
}

/// How a rule reads values.
#[derive(Clone)]
struct Values {
    kind: Kind,
    unknown: Unknown,
    /// What stands in the place of a value that is not of its kind, as JSON text.
    mark: Option<Box<[u8]>>,
}

impl Values {
    fn new(identified: &Identified) -> Self {
        let kind = identified.kind;
        Self {
            kind,
            unknown: Unknown::new(&identified.unknown),
            mark: match identified.invalid {
                Invalid::Mismatch => None,
                Invalid::Mark => Some(
                    format!("\"[invalid {}]\"", identified.word())
                        .into_bytes()
                        .into(),
                ),
            },
        }
    }

    /// The canonical form of `json` where it stands there already; `None` says nothing.
    #[inline]
    fn own_form<'a>(&self, json: &'a [u8]) -> Option<&'a [u8]> {
        match self.unknown.is_empty() {
            true => own_form(self.kind, json),
            false => None,
        }
    }

    /// Whether `json` has a canonical form, which is in `form` then. Where a mark stands for it, that is in `out`.
    #[inline]
    fn read(&self, json: &[u8], form: &mut Canonical, out: &mut Vec<u8>) -> Result<bool, Mismatch> {
        self.read_as(self.kind, json, form, out)
    }

    /// As [`read`](Self::read), of a part that is of `kind`.
    #[inline]
    fn read_as(
        &self,
        kind: Kind,
        json: &[u8],
        form: &mut Canonical,
        out: &mut Vec<u8>,
    ) -> Result<bool, Mismatch> {
        if !self.unknown.is_empty()
            && characters(json).is_some_and(|characters| self.unknown.has(characters, form))
        {
            return Err(Mismatch);
        }
        match (identify(kind, json, form), &self.mark) {
            (Ok(()), _) => Ok(true),
            (Err(Unfit::Invalid), Some(mark)) => {
                out.extend_from_slice(mark);
                Ok(false)
            }
            (Err(Unfit::Invalid | Unfit::Nobody), _) => Err(Mismatch),
        }
    }
}

/// What an HMAC under the key of a namespace is made for: the first byte of what goes in, so that none is another's.
#[derive(Clone, Copy)]
enum Purpose {
    Value = 1,
    ValueInDocument = 2,
    Fresh = 3,
    Nonce = 4,
}

/// HMAC-SHA-256 with its inner states computed, the purpose and kind in it; cloned for each value.
#[derive(Clone)]
struct Keyed(Hmac<Sha256>);

impl Keyed {
    fn new(epoch: &EpochKeys, identified: &Identified, purpose: Purpose) -> Self {
        let key = epoch.key(Algorithm::HmacSha256, &identified.namespace);
        let mut state =
            Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes a key of any length");
        state.update(&[purpose as u8]);
        state.update(identified.word().as_bytes());
        state.update(&[0]);
        // Which parts there are, in which order: a date and a date of two meanings are no other's.
        for part in &identified.parts {
            state.update(part.kind.word().as_bytes());
            state.update(&[0]);
        }
        Self(state)
    }

    /// The first 128 bits over `parts`, of which all but the last have a fixed length.
    fn code(&self, parts: &[&[u8]]) -> [u8; BLOCK] {
        let mut state = self.0.clone();
        for part in parts {
            state.update(part);
        }
        code(state)
    }
}
