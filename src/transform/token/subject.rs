//! Tokens of subjects in the ledger: HMAC-SHA-256 (RFC 2104) over the canonical form, cut to 128 bits.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::written::push_base32;
use crate::identifier::{Canonical, Kind};
use crate::minimise::SubjectToken;
use crate::transform::SubjectKey;
use crate::transform::canonical::identify;

/// Makes the tokens by which the ledger knows subjects.
///
/// Keyed by the controller's own key: no partner holds such a token, so a ledger that leaks joins with
/// nothing that a partner has.
#[derive(Clone)]
pub struct SubjectTokens {
    key: Hmac<Sha256>,
    /// Nobody is entered in the ledger: of bodies that leave as a table.
    enters_nobody: bool,
}

/// As what an identifier with letters is read, the first that it is, so that a person has one token however it is grouped and
/// in whatever case it is written. In digits alone all kinds leave out the same.
const LETTERED: [Kind; 3] = [Kind::Nino, Kind::Email, Kind::UpperAlphanumeric];

impl SubjectTokens {
    /// Ready to make tokens under `key`: 26 characters each, lower-case base32 without padding.
    #[must_use]
    pub fn new(key: &SubjectKey) -> Self {
        Self {
            key: Hmac::new_from_slice(&*key.hmac()).expect("HMAC takes a key of any length"),
            enters_nobody: false,
        }
    }

    /// The same for a body of which nobody is entered: [`token`](Self::token) says whether somebody is named, and no more.
    pub(crate) fn entering_nobody(self) -> Self {
        Self {
            enters_nobody: true,
            ..self
        }
    }

    /// The token of something else that a request names, a case for example: no subject has the same.
    #[must_use]
    pub fn other(&self, what: &str, text: &[u8]) -> SubjectToken {
        let mut state = self.key.clone();
        // No canonical form has such a byte, and no `what`.
        state.update(&[0]);
        state.update(what.as_bytes());
        state.update(&[0]);
        state.update(text);
        written(&cut(state))
    }

    /// The token of a subject named by `json`, a single value as strict JSON text. The same person has the
    /// same token however the number is spelt, as under `pseudonymise`.
    ///
    /// `None` for what names nobody: `null`, booleans, empty text, numbers that are no plain non-negative
    /// integer, containers.
    #[must_use]
    pub fn token(&self, json: &[u8]) -> Option<SubjectToken> {
        if self.enters_nobody {
            let named = identify(Kind::Text, json, &mut Canonical::new());
            return named.is_ok().then(|| SubjectToken(String::new()));
        }
        self.bytes(json).map(|bytes| written(&bytes))
    }

    /// The same token as the 16 bytes that its text stands for.
    #[must_use]
    pub fn bytes(&self, json: &[u8]) -> Option<[u8; 16]> {
        let mut form = Canonical::new();
        identify(Kind::Text, json, &mut form).ok()?;
        if form.as_bytes().iter().any(u8::is_ascii_alphabetic) {
            let mut strict = Canonical::new();
            let is = |kind: &Kind| identify(*kind, json, &mut strict).is_ok();
            if LETTERED.iter().any(is) {
                form = strict;
            }
        }
        let mut state = self.key.clone();
        state.update(form.as_bytes());
        Some(cut(state))
    }

    /// As [`bytes`](Self::bytes), of an identifier as somebody wrote it in a list, not as a document spells it.
    #[must_use]
    pub fn bytes_of_text(&self, identifier: &str) -> Option<[u8; 16]> {
        let mut json = zeroize::Zeroizing::new(Vec::with_capacity(identifier.len() + 2));
        crate::transform::push_quoted(identifier, &mut json);
        self.bytes(&json)
    }
}

fn cut(state: Hmac<Sha256>) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&state.finalize().into_bytes()[..16]);
    bytes
}

fn written(bytes: &[u8; 16]) -> SubjectToken {
    let mut text = Vec::with_capacity(26);
    push_base32(bytes, &mut text);
    SubjectToken(String::from_utf8(text).expect("base32 is ASCII"))
}

impl std::fmt::Debug for SubjectTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectTokens(keys not printed)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::RootKey;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn hmac_sha_256_gives_the_vectors_of_rfc_4231() {
        // §4.2 to §4.8: key, data, code (§4.6 is cut to 128 bits, as our tokens are).
        let rows: [(Vec<u8>, Vec<u8>, &str); 7] = [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0x0c; 20],
                b"Test With Truncation".to_vec(),
                "a3b6167473100ee06e0c796c2955552b",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm."
                    .to_vec(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (number, (key, data, code)) in rows.into_iter().enumerate() {
            let mut state = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            state.update(&data);
            let code = hex(code);
            assert_eq!(
                &state.finalize().into_bytes()[..code.len()],
                code,
                "test case {}",
                number + 1
            );
        }
    }

    #[test]
    fn a_token_is_the_cut_hmac_of_the_canonical_form() {
        let key = RootKey::from_bytes([7; 32]).subject();
        let mut state = Hmac::<Sha256>::new_from_slice(&*key.hmac()).unwrap();
        state.update(b"4010232137");
        let expected = data_encoding::BASE32_NOPAD
            .encode(&state.finalize().into_bytes()[..16])
            .to_lowercase();
        let tokens = SubjectTokens::new(&key);
        for spelling in ["4010232137", "\"401 023 2137\"", "\"401-023-2137\""] {
            assert_eq!(
                tokens.token(spelling.as_bytes()),
                Some(SubjectToken(expected.clone()))
            );
        }
    }

    #[test]
    fn one_person_has_one_token_however_the_identifier_is_spelt() {
        let tokens = SubjectTokens::new(&RootKey::from_bytes([7; 32]).subject());
        let rows: [&[&str]; 5] = [
            &[
                "AB 12 34 56 C",
                "ab123456c",
                "AB-12-34-56-C",
                "AB123456",
                " AB123456D ",
            ],
            &["A.Person@example.org", "a.person@EXAMPLE.ORG"],
            &["case 0012/a", " case 0012/a"],
            &["0f8fad5b-d9cb-469f", "0F8FAD5BD9CB469F"],
            &["401 023 2137", "4010232137"],
        ];
        let mut known = Vec::new();
        for spellings in rows {
            let made: Vec<_> = spellings
                .iter()
                .map(|text| tokens.bytes_of_text(text))
                .collect();
            assert!(
                made[0].is_some() && made.iter().all(|token| *token == made[0]),
                "{spellings:?}"
            );
            assert!(!known.contains(&made[0]), "{spellings:?}");
            known.push(made[0]);
        }
        assert_eq!(
            tokens.bytes_of_text("4010232137"),
            tokens.bytes(b"4010232137")
        );
    }

    #[test]
    fn what_names_nobody_has_no_subject_token() {
        let tokens = SubjectTokens::new(&RootKey::from_bytes([7; 32]).subject());
        for json in [
            "null",
            "\"\"",
            "\"  \"",
            "true",
            "1.5",
            "{}",
            "[\"4010232137\"]",
        ] {
            assert_eq!(tokens.token(json.as_bytes()), None, "{json}");
        }
    }
}
