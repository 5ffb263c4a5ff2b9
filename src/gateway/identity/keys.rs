//! An issuer's public keys: a JWK Set (RFC 7517), read once.
//!
//! A key that cannot be used is left out and told of; a set in which two keys have one name is refused, since then
//! nobody could say which of them a token means.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

use super::strict;
use crate::config::Algorithm;

/// Keys of one set.
const KEYS: usize = 64;
/// Bytes of a key's name, in a set and in a token.
pub(super) const KID_BYTES: usize = 256;
/// The least RSA modulus: NIST SP 800-131A disallows less, and so does RFC 7518 §3.3.
const RSA_BITS: usize = 2_048;
/// The largest that `ring` takes.
const RSA_MOST_BITS: usize = 8_192;

/// The keys of an issuer that can verify a signature; at least one.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

/// A public key.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where the set says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl KeySet {
    /// Reads a set. Beside it: what was left out of it, a sentence each.
    ///
    /// # Errors
    /// If it is no JWK Set, names a key twice, or holds none that can be used: one sentence.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, Vec<String>), String> {
        let set = strict::object(bytes)
            .ok_or("is no JSON object, or names a member twice; it must be a JWK Set (RFC 7517)")?;
        let Some(Value::Array(written)) = set.get("keys") else {
            return Err("has no list `keys`; it must be a JWK Set (RFC 7517)".to_owned());
        };
        if written.len() > KEYS {
            return Err(format!("has more than {KEYS} keys; leave old ones out"));
        }
        let (mut keys, mut left_out) = (Vec::<Key>::new(), Vec::new());
        for (index, written) in written.iter().enumerate() {
            let number = index + 1;
            let Value::Object(written) = written else {
                return Err(format!("key {number} is no object"));
            };
            match Key::read(written) {
                Err(why) => left_out.push(format!("key {number} is not used: {why}")),
                Ok(key) => {
                    if key.kid.is_some() && keys.iter().any(|known| known.kid == key.kid) {
                        return Err(format!(
                            "key {number} has the `kid` of another; give each key its own"
                        ));
                    }
                    keys.push(key);
                }
            }
        }
        if keys.is_empty() {
            let why = left_out.join("; ");
            return Err(format!("has no key that can verify a signature: {why}"));
        }
        Ok((Self { keys }, left_out))
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key named `kid` for `algorithm`. A token without a name means the only key that fits; where several would,
    /// it means none.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid.as_deref() == kid));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }
}

impl Key {
    fn read(written: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| match written.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("its `{name}` is no text")),
        };
        if ["d", "p", "q", "dp", "dq", "qi", "k", "oth"]
            .iter()
            .any(|secret| written.contains_key(*secret))
        {
            return Err("it holds a secret, which is none any more; make a new one".to_owned());
        }
        if text("use")?.is_some_and(|kind| kind != "sig") {
            return Err("its `use` is not sig".to_owned());
        }
        match written.get("key_ops") {
            None => {}
            Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => {}
            Some(_) => return Err("its `key_ops` do not have verify".to_owned()),
        }
        let kid = text("kid")?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > KID_BYTES) {
            return Err(format!("its `kid` has not from 1 to {KID_BYTES} bytes"));
        }
        let material = Material::read(written, text("kty")?, text("crv")?)?;
        let algorithm = match text("alg")? {
            None => None,
            Some(name) => {
                let known = Algorithm::named(name).filter(|known| material.fits(*known));
                Some(known.ok_or_else(|| "its `alg` is not one for such a key".to_owned())?)
            }
        };
        Ok(Self {
            kid: kid.map(str::to_owned),
            algorithm,
            material,
        })
    }

    /// Whether signatures of `algorithm` can be its.
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether `signature` is its signature of `message` by `algorithm`.
    pub(super) fn has_signed(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => rsa(algorithm).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }
                    .verify(parameters, message, signature)
                    .is_ok()
            }),
            Material::P256(point) => ec(
                &signature::ECDSA_P256_SHA256_FIXED,
                point,
                message,
                signature,
            ),
            Material::P384(point) => ec(
                &signature::ECDSA_P384_SHA384_FIXED,
                point,
                message,
                signature,
            ),
            Material::Ed25519(point) => UnparsedPublicKey::new(&signature::ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

fn ec(
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, signature)
        .is_ok()
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
    }
}

impl Material {
    fn read(
        written: &Map<String, Value>,
        kty: Option<&str>,
        crv: Option<&str>,
    ) -> Result<Self, String> {
        let octets = |name: &str| {
            let text = written.get(name).and_then(Value::as_str);
            text.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok())
                .ok_or_else(|| format!("its `{name}` is not base64url"))
        };
        let point = |bytes: usize| {
            let (x, y) = (octets("x")?, octets("y")?);
            if (x.len(), y.len()) != (bytes, bytes) {
                return Err("its point is not of its curve".to_owned());
            }
            Ok([&[4], x.as_slice(), &y].concat())
        };
        match (kty, crv) {
            (Some("RSA"), _) => {
                let (mut n, e) = (octets("n")?, octets("e")?);
                // RFC 7518 §2 forbids leading noughts, and some write them.
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                n.drain(..zeros);
                let bits =
                    n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
                if !(RSA_BITS..=RSA_MOST_BITS).contains(&bits) {
                    return Err(format!(
                        "its modulus has {bits} bits, and from {RSA_BITS} to {RSA_MOST_BITS} are accepted"
                    ));
                }
                if e.last().is_none_or(|last| last % 2 == 0) || e == [1] || e.len() > 4 {
                    return Err("its exponent is not one that is used".to_owned());
                }
                Ok(Self::Rsa { n, e })
            }
            (Some("EC"), Some("P-256")) => point(32).map(Self::P256),
            (Some("EC"), Some("P-384")) => point(48).map(Self::P384),
            (Some("OKP"), Some("Ed25519")) => {
                let x = octets("x")?;
                if x.len() != 32 {
                    return Err("its point is not of its curve".to_owned());
                }
                Ok(Self::Ed25519(x))
            }
            (_, _) => Err("it is neither RSA nor on P-256, P-384 or Ed25519".to_owned()),
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa { .. } => rsa(algorithm).is_some(),
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::P384(_) => algorithm == Algorithm::Es384,
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(bytes: usize) -> String {
        let modulus = vec![0xc1; bytes];
        format!(
            r#""kty":"RSA","n":"{}","e":"AQAB""#,
            BASE64URL_NOPAD.encode(&modulus)
        )
    }

    fn ec() -> String {
        let half = BASE64URL_NOPAD.encode(&[7; 32]);
        format!(r#""kty":"EC","crv":"P-256","x":"{half}","y":"{half}""#)
    }

    #[test]
    fn a_key_that_cannot_be_used_is_left_out_and_told_of() {
        let (rsa2048, ec) = (rsa(256), ec());
        let rows = [
            (format!("{{{ec}}}"), None),
            (format!("{{{rsa2048}}}"), None),
            (
                format!(r#"{{{ec},"use":"sig","key_ops":["verify"],"alg":"ES256"}}"#),
                None,
            ),
            (format!("{{{}}}", rsa(1024 / 8)), Some("1024 bits")),
            (format!("{{{}}}", rsa(255)), Some("2040 bits")),
            (format!("{{{}}}", rsa(2048)), Some("16384 bits")),
            (format!(r#"{{{ec},"use":"enc"}}"#), Some("`use`")),
            (format!(r#"{{{ec},"use":["sig"]}}"#), Some("`use`")),
            (format!(r#"{{{ec},"key_ops":["sign"]}}"#), Some("`key_ops`")),
            (format!(r#"{{{ec},"key_ops":"verify"}}"#), Some("`key_ops`")),
            (format!(r#"{{{ec},"alg":"RS256"}}"#), Some("`alg`")),
            (format!(r#"{{{rsa2048},"alg":"RSA-OAEP"}}"#), Some("`alg`")),
            (format!(r#"{{{ec},"kid":7}}"#), Some("`kid`")),
            (format!(r#"{{{ec},"kid":""}}"#), Some("`kid`")),
            (format!(r#"{{{ec},"d":"AA"}}"#), Some("secret")),
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), Some("secret")),
            (
                r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned(),
                Some("curve"),
            ),
            (
                r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#.to_owned(),
                Some("neither"),
            ),
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(),
                Some("curve"),
            ),
        ];
        for (key, left_out) in &rows {
            let other = format!(r#"{{{ec},"kid":"other"}}"#);
            let text = format!(r#"{{"keys":[{other},{key}]}}"#);
            let (set, told) = KeySet::read(text.as_bytes()).unwrap();
            match left_out {
                None => assert_eq!((set.len(), told.len()), (2, 0), "{key}: {told:?}"),
                Some(why) => {
                    assert_eq!((set.len(), told.len()), (1, 1), "{key}");
                    assert!(told[0].contains(why), "{key}: {}", told[0]);
                }
            }
        }
    }

    #[test]
    fn a_set_that_could_be_read_two_ways_or_holds_nothing_is_refused() {
        let ec = ec();
        for (text, why) in [
            ("[]".to_owned(), "no JSON object"),
            ("{}".to_owned(), "`keys`"),
            (r#"{"keys":{}}"#.to_owned(), "`keys`"),
            (r#"{"keys":[]}"#.to_owned(), "no key"),
            (r#"{"keys":[7]}"#.to_owned(), "no object"),
            (format!(r#"{{"keys":[{{{ec}}}],"keys":[]}}"#), "twice"),
            (format!(r#"{{"keys":[{{{ec},"kty":"EC"}}]}}"#), "twice"),
            (
                format!(r#"{{"keys":[{{{ec},"kid":"a"}},{{{ec},"kid":"a"}}]}}"#),
                "`kid` of another",
            ),
            (
                format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 65].join(",")),
                "more than 64",
            ),
        ] {
            let error = KeySet::read(text.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_key_is_found_by_its_name_and_by_itself_only_where_it_alone_fits() {
        let (ec, rsa) = (ec(), rsa(256));
        let text = format!(
            r#"{{"keys":[{{{ec},"kid":"e"}},{{{rsa},"kid":"r"}},{{{rsa},"kid":"s","alg":"PS256"}}]}}"#
        );
        let (set, _) = KeySet::read(text.as_bytes()).unwrap();
        for (kid, algorithm, found) in [
            (Some("e"), Algorithm::Es256, true),
            (Some("e"), Algorithm::Rs256, false),
            (Some("e"), Algorithm::Es384, false),
            (Some("E"), Algorithm::Es256, false),
            (Some(""), Algorithm::Es256, false),
            (Some("../e"), Algorithm::Es256, false),
            (None, Algorithm::Es256, true),
            (None, Algorithm::Rs256, true),
            (None, Algorithm::Ps256, false),
            (Some("r"), Algorithm::Ps256, true),
            (Some("s"), Algorithm::Ps256, true),
            (Some("s"), Algorithm::Rs256, false),
        ] {
            assert_eq!(
                set.find(kid, algorithm).is_some(),
                found,
                "{kid:?} {algorithm:?}"
            );
        }
    }
}
