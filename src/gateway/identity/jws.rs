//! The form of an access token: a JWS in compact form (RFC 7515 §7.1) whose payload is claims (RFC 7519).
//!
//! Nothing here is believed yet: the signature comes after. What could be read two ways is refused, and so is every
//! extension, since `crit` and its like change what a signature means.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::keys::KID_BYTES;
use super::strict;

/// A token taken apart.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    /// The name of its algorithm, as it claims.
    pub(super) algorithm: String,
    /// The name of its key, as it claims.
    pub(super) kid: Option<String>,
    /// Its type, lower case, without `application/`.
    pub(super) kind: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// What is signed.
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes `token` apart; `None` if it has another form.
    pub(super) fn read(token: &'a [u8]) -> Option<Self> {
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(head), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let message = &token[..head.len() + 1 + payload.len()];
        // Canonical base64url: no padding, no space, no bits left over. A token has one spelling.
        let decoded = |part: &[u8]| BASE64URL_NOPAD.decode(part).ok();
        let head = strict::object(&decoded(head)?)?;
        // `crit` demands that extensions are understood, and none is; `b64` and `zip` change what was signed.
        if ["crit", "b64", "zip", "enc"]
            .iter()
            .any(|extension| head.contains_key(*extension))
        {
            return None;
        }
        let text = |name: &str| match head.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        let kid = text("kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES) {
            return None;
        }
        let kind = text("typ")?.map(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.strip_prefix("application/")
                .map_or_else(|| kind.clone(), str::to_owned)
        });
        Some(Self {
            algorithm: text("alg")??,
            kid,
            kind,
            claims: strict::object(&decoded(payload)?)?,
            message,
            signature: decoded(signature)?,
        })
    }

    /// The text of a claim.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// The instant of a claim, in whole seconds since 1970: a number, and no text that looks like one.
    ///
    /// # Errors
    /// If it is there and is no number.
    pub(super) fn seconds(&self, claim: &str) -> Result<Option<i64>, NoNumber> {
        match self.claims.get(claim) {
            None => Ok(None),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(seconds), _) => Ok(Some(seconds)),
                // A number of seconds that does not fit saturates, which is long past or long to come.
                (None, Some(seconds)) => Ok(Some(seconds.floor() as i64)),
                (None, None) => Err(NoNumber),
            },
            Some(_) => Err(NoNumber),
        }
    }

    /// Whether `audience` is the token's, or one of them. A list of anything else than texts is nobody's.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(only)) => only == audience,
            Some(Value::Array(several)) => {
                several.iter().all(Value::is_string) && several.iter().any(|one| one == audience)
            }
            None | Some(_) => false,
        }
    }

    /// The claim at `place`, which is a name or a JSON pointer.
    pub(super) fn at(&self, place: &str) -> Option<&Value> {
        let Some(pointer) = place.strip_prefix('/') else {
            return self.claims.get(place);
        };
        let (first, rest) = pointer
            .find('/')
            .map_or((pointer, ""), |at| pointer.split_at(at));
        let first = first.replace("~1", "/").replace("~0", "~");
        self.claims.get(&first)?.pointer(rest)
    }

    /// The words of the claim at `place`: of a list each text, of a text what spaces divide.
    pub(super) fn words(&self, place: &str) -> Vec<&str> {
        match self.at(place) {
            Some(Value::String(text)) => text.split(' ').filter(|word| !word.is_empty()).collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            None | Some(_) => Vec::new(),
        }
    }
}

/// A claim that must be a number and is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoNumber;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(head: &str, claims: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", part(head), part(claims), part("signed"))
    }

    #[test]
    fn a_token_has_one_form() {
        let good = token(r#"{"alg":"ES256","kid":"a"}"#, r#"{"iss":"i"}"#);
        let jws = Jws::read(good.as_bytes()).unwrap();
        assert_eq!(
            (jws.algorithm.as_str(), jws.kid.as_deref()),
            ("ES256", Some("a"))
        );
        assert_eq!(
            (jws.text("iss"), &*jws.signature),
            (Some("i"), &b"signed"[..])
        );
        assert!(good.as_bytes().starts_with(jws.message));

        let unsigned = good.rsplit_once('.').unwrap().0;
        let odd = BASE64URL_NOPAD.encode(br#"{"alg":"ES256"} "#);
        for (bad, why) in [
            (String::new(), "nothing"),
            (unsigned.to_owned(), "two parts"),
            (format!("{good}."), "four parts"),
            (format!("{good}.e30"), "four parts"),
            (format!("{good}="), "padding"),
            (format!("{good} "), "a space"),
            (good.replacen('e', "=", 1), "padding within"),
            (format!("{unsigned}.+/+/"), "base64 of another alphabet"),
            (
                format!("{odd}x.e30.AA"),
                "a length that base64 does not have",
            ),
            (format!("{unsigned}.AB"), "bits left over"),
            (token("[]", "{}"), "no object"),
            (token(r#"{"alg":"ES256"}"#, "7"), "no claims"),
            (token("{}", "{}"), "no algorithm"),
            (token(r#"{"alg":7}"#, "{}"), "an algorithm that is no text"),
            (token(r#"{"alg":null}"#, "{}"), "an algorithm that is null"),
            (
                token(r#"{"alg":"ES256","alg":"none"}"#, "{}"),
                "two algorithms",
            ),
            (
                token(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#),
                "two subjects",
            ),
            (
                token(r#"{"alg":"ES256","kid":["a"]}"#, "{}"),
                "a name that is no text",
            ),
            (
                token(
                    &format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(257)),
                    "{}",
                ),
                "a long name",
            ),
            (
                token(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, "{}"),
                "crit",
            ),
            (token(r#"{"alg":"ES256","crit":[]}"#, "{}"), "empty crit"),
            (token(r#"{"alg":"ES256","crit":null}"#, "{}"), "null crit"),
            (token(r#"{"alg":"ES256","b64":false}"#, "{}"), "b64"),
            (token(r#"{"alg":"dir","enc":"A128GCM"}"#, "{}"), "encrypted"),
            (
                token(r#"{"alg":"ES256","typ":7}"#, "{}"),
                "a type that is no text",
            ),
        ] {
            assert!(Jws::read(bad.as_bytes()).is_none(), "{why}: {bad}");
        }
    }

    #[test]
    fn claims_are_read_as_what_they_are() {
        let claims = r#"{"exp":7,"nbf":7.9,"iat":"7","big":1e300,"nil":null,
            "aud":["a","b"],"realm_access":{"roles":["x","y",3]},"a/b":{"~":"t"},
            "scope":"one  two","/odd":1}"#;
        let token = token(r#"{"alg":"ES256"}"#, claims);
        let jws = Jws::read(token.as_bytes()).unwrap();
        assert_eq!(jws.seconds("exp"), Ok(Some(7)));
        assert_eq!(jws.seconds("nbf"), Ok(Some(7)));
        assert_eq!(jws.seconds("iat"), Err(NoNumber));
        assert_eq!(jws.seconds("nil"), Err(NoNumber));
        assert_eq!(jws.seconds("big"), Ok(Some(i64::MAX)));
        assert_eq!(jws.seconds("none"), Ok(None));
        assert!(jws.is_for("b") && !jws.is_for("c"));
        assert_eq!(jws.words("/realm_access/roles"), ["x", "y"]);
        assert_eq!(jws.words("scope"), ["one", "two"]);
        assert_eq!(jws.at("/a~1b/~0"), Some(&Value::from("t")));
        assert_eq!(jws.words("exp"), Vec::<&str>::new());
        assert_eq!(jws.at("/realm_access/none"), None);
    }

    #[test]
    fn an_audience_is_a_text_or_a_list_of_texts() {
        for (aud, ours) in [
            (r#""gate""#, true),
            (r#"["gate"]"#, true),
            (r#"["other","gate"]"#, true),
            (r#""gate ""#, false),
            (r#"["other"]"#, false),
            (r#"["gate",7]"#, false),
            (r#"[["gate"]]"#, false),
            (r#"{"gate":1}"#, false),
            ("null", false),
            ("[]", false),
        ] {
            let token = token(r#"{"alg":"ES256"}"#, &format!(r#"{{"aud":{aud}}}"#));
            assert_eq!(
                Jws::read(token.as_bytes()).unwrap().is_for("gate"),
                ours,
                "{aud}"
            );
        }
    }
}
