//! AES-SIV and FF1 against vectors that others published, where they are at hand.
#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
    use serde_json::Value;

    use crate::transform::token::ff1::Ff1;
    use crate::transform::token::siv::{BLOCK, Cipher, Siv};

    /// The document at `path` of the collection of vectors, if that is here.
    fn vectors(path: &str) -> Option<Value> {
        let corpora = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora")),
            PathBuf::from,
        );
        match std::fs::read(corpora.join("crypto-vectors").join(path)) {
            Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
            Err(error) => {
                skipped(&format!("{path}: {error}"));
                None
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "a test says what it did not do")]
    fn skipped(what: &str) {
        println!("skipped: {what}");
    }

    fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
        value[name].as_array().unwrap()
    }

    fn text<'a>(value: &'a Value, name: &str) -> &'a str {
        value[name].as_str().unwrap()
    }

    fn hex(value: &Value, name: &str) -> Vec<u8> {
        data_encoding::HEXLOWER
            .decode(text(value, name).as_bytes())
            .unwrap()
    }

    fn tests(document: &Value) -> impl Iterator<Item = (&Value, &Value)> {
        list(document, "testGroups")
            .iter()
            .flat_map(|group| list(group, "tests").iter().map(move |test| (group, test)))
    }

    /// What a key seals, and whether it opens `sealed` to it.
    fn siv(key: &[u8], associated: &[&[u8]], value: &[u8], sealed: &[u8]) -> (Vec<u8>, bool) {
        fn with<C: Cipher>(
            key: &[u8],
            associated: &[&[u8]],
            value: &[u8],
            sealed: &[u8],
        ) -> (Vec<u8>, bool) {
            let siv = Siv::<C>::new(key, associated);
            let mut text = value.to_vec();
            let tag = siv.seal(None, &mut text);
            let opens = sealed
                .split_first_chunk::<BLOCK>()
                .is_some_and(|(tag, body)| {
                    let mut body = body.to_vec();
                    siv.open(None, tag, &mut body) && body == value
                });
            ([&tag[..], &text].concat(), opens)
        }
        match key.len() {
            32 => with::<Aes128Enc>(key, associated, value, sealed),
            48 => with::<Aes192Enc>(key, associated, value, sealed),
            64 => with::<Aes256Enc>(key, associated, value, sealed),
            other => panic!("{other} bytes are no key"),
        }
    }

    #[test]
    fn aes_siv_gives_the_vectors_of_wycheproof() {
        let mut seen = 0;
        for file in ["aes_siv_cmac_test.json", "aead_aes_siv_cmac_test.json"] {
            let Some(document) = vectors(&format!("wycheproof/{file}")) else {
                return;
            };
            for (_, test) in tests(&document) {
                let (associated, value) = (hex(test, "aad"), hex(test, "msg"));
                let nonce = test.get("iv").map(|_| hex(test, "iv"));
                let mut texts = vec![associated.as_slice()];
                texts.extend(nonce.as_deref());
                let sealed = match test.get("tag") {
                    Some(_) => [hex(test, "tag"), hex(test, "ct")].concat(),
                    None => hex(test, "ct"),
                };
                let (ours, opens) = siv(&hex(test, "key"), &texts, &value, &sealed);
                let valid = text(test, "result") == "valid";
                assert_eq!(ours == sealed, valid, "{file} {}", test["tcId"]);
                assert_eq!(opens, valid, "{file} {}", test["tcId"]);
                seen += 1;
            }
        }
        assert!(seen > 1000, "{seen}");
    }

    #[test]
    fn aes_siv_gives_the_vectors_of_miscreant() {
        let Some(document) = vectors("miscreant/aes_siv.tjson") else {
            return;
        };
        let examples = list(&document, "examples:A<O>");
        for test in examples {
            let associated: Vec<Vec<u8>> = list(test, "ad:A<d16>")
                .iter()
                .map(|text| {
                    data_encoding::HEXLOWER
                        .decode(text.as_str().unwrap().as_bytes())
                        .unwrap()
                })
                .collect();
            let texts: Vec<&[u8]> = associated.iter().map(Vec::as_slice).collect();
            let sealed = hex(test, "ciphertext:d16");
            let (ours, opens) = siv(
                &hex(test, "key:d16"),
                &texts,
                &hex(test, "plaintext:d16"),
                &sealed,
            );
            assert!(ours == sealed && opens, "{}", text(test, "name:s"));
        }
        assert!(!examples.is_empty());
    }

    /// What FF1 makes of numerals, and whether it turns `made` back into them; `None` where it refuses them.
    fn ff1(
        key: &[u8],
        radix: u8,
        tweak: &[u8],
        plain: &[u8],
        made: &[u8],
    ) -> Option<(Vec<u8>, bool)> {
        fn with<C: Cipher>(
            key: &[u8],
            radix: u8,
            tweak: &[u8],
            plain: &[u8],
            made: &[u8],
        ) -> Option<(Vec<u8>, bool)> {
            let ff1 = Ff1::<C>::new(key, radix);
            let (mut text, mut back) = (plain.to_vec(), made.to_vec());
            ff1.encrypt(tweak, &mut text).ok()?;
            Some((text, ff1.decrypt(tweak, &mut back).is_ok() && back == plain))
        }
        match key.len() {
            16 => with::<Aes128Enc>(key, radix, tweak, plain, made),
            24 => with::<Aes192Enc>(key, radix, tweak, plain, made),
            32 => with::<Aes256Enc>(key, radix, tweak, plain, made),
            _ => None,
        }
    }

    fn numerals(text: &str) -> Vec<u8> {
        // What is no numeral counts as one that no radix has.
        text.chars()
            .map(|c| c.to_digit(36).map_or(0xff, |digit| digit as u8))
            .collect()
    }

    #[test]
    fn ff1_gives_the_samples_of_nist() {
        let Some(document) = vectors("nist-ff1/ff1-samples.json") else {
            return;
        };
        let samples = list(&document, "samples");
        for sample in samples {
            let made = numerals(text(sample, "ciphertext"));
            let radix = u8::try_from(sample["radix"].as_u64().unwrap()).unwrap();
            let plain = numerals(text(sample, "plaintext"));
            let ours = ff1(
                &hex(sample, "key"),
                radix,
                &hex(sample, "tweak"),
                &plain,
                &made,
            );
            assert_eq!(ours, Some((made, true)), "sample {}", sample["sample"]);
        }
        assert_eq!(samples.len(), 9);
    }

    #[test]
    fn ff1_gives_the_vectors_of_wycheproof() {
        for (file, radix, longest) in [
            ("aes_ff1_radix10_test.json", 10, 56),
            ("aes_ff1_base36_test.json", 36, 36),
        ] {
            let Some(document) = vectors(&format!("wycheproof/{file}")) else {
                return;
            };
            let (mut given, mut too_long) = (0, 0);
            for (_, test) in tests(&document) {
                let read = |name: &str| match &test[name] {
                    Value::Array(numbers) => numbers
                        .iter()
                        .map(|number| {
                            number
                                .as_u64()
                                .and_then(|n| u8::try_from(n).ok())
                                .unwrap_or(0xff)
                        })
                        .collect(),
                    // Small letters are none of this file's alphabet.
                    Value::String(text) => numerals(&text.replace(char::is_lowercase, "_")),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                        panic!("no numerals")
                    }
                };
                let (plain, made): (Vec<u8>, Vec<u8>) = (read("msg"), read("ct"));
                let ours = ff1(&hex(test, "key"), radix, &hex(test, "tweak"), &plain, &made);
                // The first edition allowed domains below 10⁶; revision 1 does not, nor do we. No identifier is longer.
                let small = list(test, "flags")
                    .iter()
                    .any(|flag| flag == "SmallMessageSize");
                if text(test, "result") != "valid" || small || plain.len() > longest {
                    assert_eq!(ours, None, "{file} {}", test["tcId"]);
                    too_long += usize::from(plain.len() > longest);
                } else {
                    assert_eq!(ours, Some((made, true)), "{file} {}", test["tcId"]);
                    given += 1;
                }
            }
            skipped(&format!(
                "{file}: {too_long} vectors longer than {longest}, which are refused"
            ));
            assert!(given > 1000, "{file}: {given}");
        }
    }
}
