//! Free text without what its detectors find.

use std::hash::{DefaultHasher, Hasher};

use zeroize::Zeroizing;

use super::setting::Known;
use super::text::push_quoted;
use super::{AgreementKeys, Mismatch, Prepared, Setting, Transform, TransformError};
use crate::detect::{Detectors, Found, Kind, Kinds, Names, Pattern, Score, Scratch, What};
use crate::identifier::{self, Canonical};

/// What a rule takes out of free text, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// The kinds that are looked for.
    pub kinds: Kinds,
    /// The agreement's own patterns, at most [`Redact::MOST_PATTERNS`].
    pub patterns: Vec<Pattern>,
    /// Whether the people whom the record names are looked for ([`Known::names`]).
    pub names: bool,
    /// How far something must be believed, in hundredths.
    pub threshold: Score,
    /// What stands in place of what was found.
    pub replace: InPlace,
}

impl Redact {
    /// Patterns that a rule may add.
    pub const MOST_PATTERNS: usize = 32;
}

/// What stands in place of what a detector found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InPlace {
    /// Its kind: `[NHS number]`; for a person `[name]`.
    Kind,
    /// Its kind and a letter that is the same wherever in the document the same is meant: `Person A`, `[NHS number B]`.
    Placeholder,
    /// What a transform makes of the canonical form of an identifier of one kind, so that a token in a text is that of a
    /// field; in place of what is of another kind, its kind.
    Token {
        /// Of which kind an identifier is that becomes a token.
        kind: Kind,
        /// The transform that makes it. What it is not for has its kind in its place.
        transform: Box<Transform>,
    },
}

/// A [`Redact`] made ready.
#[derive(Debug, Clone)]
pub(super) struct Redactor {
    detectors: Detectors,
    names: bool,
    with: With,
}

#[derive(Debug, Clone)]
enum With {
    Kind,
    Placeholder,
    Token(Kind, Box<Prepared>),
}

/// What redaction keeps from one text of a body to the next: room, the open record's names, the letters given out.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    scratch: Scratch,
    names: Names,
    /// The [`Known::version`] that `names` are of.
    names_of: Option<u64>,
    letters: Letters,
    canonical: Canonical,
    /// An identifier as JSON text, and its token.
    value: Zeroizing<Vec<u8>>,
    made: Vec<u8>,
    /// What was found since it was asked last.
    counts: Findings,
}

/// Counts of what was found, by kind: the kinds in their order, then patterns, then people.
pub type Findings = [u64; Kind::ALL.len() + 2];

/// The words for [`Findings`], in order.
pub fn finding_words() -> impl Iterator<Item = &'static str> {
    let kinds = Kind::ALL.into_iter().map(Kind::word);
    kinds.chain(["pattern", "name"])
}

impl Redactor {
    pub(super) fn new(
        redact: &Redact,
        keys: Option<&AgreementKeys>,
    ) -> Result<Self, TransformError> {
        let with = match &redact.replace {
            InPlace::Kind => With::Kind,
            InPlace::Placeholder => With::Placeholder,
            InPlace::Token { kind, transform } => {
                With::Token(*kind, Box::new(Prepared::new(transform, keys)?))
            }
        };
        Ok(Self {
            detectors: Detectors::new(redact.kinds, redact.threshold, redact.patterns.clone()),
            names: redact.names,
            with,
        })
    }

    /// Whether what it gives hangs on what stood before in the document.
    pub(super) fn reads_document(&self) -> bool {
        match &self.with {
            With::Kind => false,
            With::Placeholder => true,
            With::Token(_, token) => token.reads_document(),
        }
    }

    /// Whether it asks for the record's subject.
    pub(super) fn reads_subject(&self) -> bool {
        match &self.with {
            With::Kind | With::Placeholder => false,
            With::Token(_, token) => token.reads_subject(),
        }
    }

    /// Appends the inside of a checked JSON string, without what is found in it, as a JSON string.
    ///
    /// What was not found leaves byte for byte.
    ///
    /// # Errors
    /// If the record names more people than can be looked for; `out` is then as before.
    pub(super) fn apply(
        &self,
        inside: &[u8],
        setting: &mut Setting,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let mut redaction = setting.take_redaction();
        let applied = self.replace(inside, setting, &mut redaction, out);
        setting.give_redaction(redaction);
        applied
    }

    fn replace(
        &self,
        inside: &[u8],
        setting: &mut Setting,
        redaction: &mut Redaction,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let names = if self.names {
            redaction.learn(setting.known());
            if redaction.names.is_full() {
                return Err(Mismatch);
            }
            Some(&redaction.names)
        } else {
            None
        };
        self.detectors
            .find(inside, Kinds::NONE, names, &mut redaction.scratch);
        out.push(b'"');
        let mut from = 0;
        for index in 0..redaction.scratch.found().len() {
            let found = redaction.scratch.found()[index];
            out.extend_from_slice(&inside[from..found.start]);
            redaction.counts[finding(found.what)] += 1;
            self.put(found, inside, setting, redaction, out);
            from = found.end;
        }
        out.extend_from_slice(&inside[from..]);
        out.push(b'"');
        Ok(())
    }

    /// Appends what stands in the place of `found`.
    fn put(
        &self,
        found: Found,
        inside: &[u8],
        setting: &mut Setting,
        redaction: &mut Redaction,
        out: &mut Vec<u8>,
    ) {
        match (&self.with, found.what) {
            (With::Token(kind, token), What::Kind(of)) if *kind == of => {
                let spelling = redaction.scratch.spelling(inside, &found);
                if canonical_of(of, spelling, &mut redaction.canonical) {
                    let (value, made) = (&mut redaction.value, &mut redaction.made);
                    value.clear();
                    made.clear();
                    let canonical = redaction.canonical.as_bytes();
                    push_quoted(str::from_utf8(canonical).unwrap_or_default(), value);
                    if token.apply(value, setting, made).is_ok()
                        && let [b'"', token @ .., b'"'] = made.as_slice()
                    {
                        out.extend_from_slice(token);
                        return;
                    }
                }
            }
            (With::Placeholder, what) => {
                if let Some(letter) = redaction.letter(found, inside) {
                    let (before, label, after): (&[u8], &str, &[u8]) = match what {
                        What::Person(_) => (b"", "Person", b""),
                        What::Kind(_) | What::Pattern(_) => (b"[", self.label(what), b"]"),
                    };
                    out.extend_from_slice(before);
                    out.extend_from_slice(label.as_bytes());
                    out.push(b' ');
                    push_letter(letter, out);
                    out.extend_from_slice(after);
                    return;
                }
            }
            (With::Kind | With::Token(..), _) => {}
        }
        out.push(b'[');
        out.extend_from_slice(self.label(found.what).as_bytes());
        out.push(b']');
    }

    fn label(&self, what: What) -> &str {
        match what {
            What::Kind(kind) => kind.label(),
            What::Pattern(index) => self.detectors.patterns()[usize::from(index)].label(),
            What::Person(_) => "name",
        }
    }
}

impl Redaction {
    /// Knows the names that the open record has.
    fn learn(&mut self, known: &Known) {
        if self.names_of == Some(known.version()) {
            return;
        }
        self.names.clear();
        known.names().for_each(|name| self.names.add(name));
        self.names_of = Some(known.version());
    }

    /// What was found since this was asked last.
    pub(super) fn take_counts(&mut self) -> Findings {
        std::mem::take(&mut self.counts)
    }

    /// The number of the letter for what `found` means; `None` if there have been too many.
    fn letter(&mut self, found: Found, inside: &[u8]) -> Option<u32> {
        let mut hasher = DefaultHasher::new();
        let sort = finding(found.what);
        match found.what {
            What::Person(person) => hasher.write_u64(self.names.key(person)),
            What::Kind(kind) => {
                let spelling = self.scratch.spelling(inside, &found);
                if canonical_of(kind, spelling, &mut self.canonical) {
                    hasher.write(self.canonical.as_bytes());
                } else {
                    hasher.write(spelling);
                }
            }
            What::Pattern(index) => {
                hasher.write_u8(index);
                let spelling = self.scratch.spelling(inside, &found);
                spelling
                    .iter()
                    .for_each(|byte| hasher.write_u8(byte.to_ascii_uppercase()));
            }
        }
        self.letters.of(sort, hasher.finish())
    }
}

/// The place of `what` in [`Findings`].
fn finding(what: What) -> usize {
    match what {
        What::Kind(kind) => kind.index(),
        What::Pattern(_) => Kind::ALL.len(),
        What::Person(_) => Kind::ALL.len() + 1,
    }
}

/// Writes the canonical form of what was found to be of `kind` to `out`, if it has one.
fn canonical_of(kind: Kind, spelling: &[u8], out: &mut Canonical) -> bool {
    let kind = match kind {
        Kind::ChiNumber => identifier::Kind::ChiNumber,
        Kind::HcNumber => identifier::Kind::HcNumber,
        Kind::NhsNumber => identifier::Kind::NhsNumber,
        Kind::Nino => identifier::Kind::Nino,
        Kind::Upn => identifier::Kind::Upn,
        Kind::Utr => identifier::Kind::Utr,
        Kind::Uprn => identifier::Kind::Uprn,
        Kind::Postcode => identifier::Kind::Postcode,
        Kind::DriverNumber => identifier::Kind::DriverNumber,
        Kind::Passport => identifier::Kind::Passport,
        Kind::VehicleRegistration => identifier::Kind::VehicleRegistration,
        Kind::SortCodeAndAccount => identifier::Kind::SortCodeAndAccount,
        Kind::Iban => identifier::Kind::Iban,
        Kind::PaymentCard => identifier::Kind::PaymentCard,
        Kind::Phone => identifier::Kind::Phone,
        Kind::Email => identifier::Kind::Email,
        Kind::DateOfBirth => identifier::Kind::Date,
        Kind::IpAddress | Kind::Url => identifier::Kind::Text,
    };
    // What detectors read is no JSON any more: a backslash in it stands for itself.
    let characters = spelling
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars());
    kind.canonical(characters, out).is_ok()
}

/// Letters given out in one document, by sort of finding.
#[derive(Debug, Default)]
struct Letters {
    /// What a letter stands for and the letter's number, in order of the former.
    given: Vec<(usize, u64, u32)>,
    next: [u32; Kind::ALL.len() + 2],
}

impl Letters {
    /// What a document may have different letters for; what comes later has its kind alone.
    const MOST: usize = 10_000;

    fn of(&mut self, sort: usize, meaning: u64) -> Option<u32> {
        let at = self
            .given
            .binary_search_by_key(&(sort, meaning), |(sort, meaning, _)| (*sort, *meaning));
        match at {
            Ok(at) => Some(self.given[at].2),
            Err(_) if self.given.len() == Self::MOST => None,
            Err(at) => {
                let letter = self.next[sort];
                self.next[sort] += 1;
                self.given.insert(at, (sort, meaning, letter));
                Some(letter)
            }
        }
    }
}

/// Appends A to Z, then AA, AB and so on.
fn push_letter(number: u32, out: &mut Vec<u8>) {
    let mut letters = [0; 8];
    let (mut rest, mut at) = (number, letters.len());
    loop {
        at -= 1;
        letters[at] = b'A' + u8::try_from(rest % 26).expect("one of 26");
        rest /= 26;
        if rest == 0 {
            break;
        }
        rest -= 1;
    }
    out.extend_from_slice(&letters[at..]);
}

#[cfg(test)]
mod tests {
    use super::super::setting::Knowing;
    use super::*;
    use crate::transform::{Identified, RootKey};

    const ALL: Redact = Redact {
        kinds: Kinds::ALL,
        patterns: Vec::new(),
        names: true,
        threshold: crate::detect::THRESHOLD,
        replace: InPlace::Kind,
    };

    fn keys() -> AgreementKeys {
        RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1)
    }

    fn apply(redact: &Redact, setting: &mut Setting, inside: &str) -> String {
        let redactor = Redactor::new(redact, Some(&keys())).unwrap();
        let mut out = b"before ".to_vec();
        redactor
            .apply(inside.as_bytes(), setting, &mut out)
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("before ").unwrap().to_owned()
    }

    fn knowing(names: &[&str]) -> Setting {
        let mut setting = Setting::default();
        for name in names {
            let json = serde_json::to_string(name).unwrap();
            setting.known_mut().learn(Knowing::Name, json.as_bytes());
        }
        setting
    }

    #[test]
    fn p1_the_whole_spelling_is_replaced_and_the_rest_leaves_byte_for_byte() {
        let rows = [
            ("", r#""""#),
            (r"caf\u00e9 \/ \n", r#""caf\u00e9 \/ \n""#),
            ("NHS 943 476 5919.", r#""NHS [NHS number].""#),
            ("NHS ９４３&nbsp;476\\u00a05919é", r#""NHS [NHS number]é""#),
            (
                r"\u0039434765919 and 9\u200b434765919",
                r#""[NHS number] and [NHS number]""#,
            ),
            ("<p>943&nbsp;476&nbsp;5919</p>", r#""<p>[NHS number]</p>""#),
            (
                r#"{\"nhs\":\"9434765919\"}"#,
                r#""{\"nhs\":\"[NHS number]\"}""#,
            ),
            ("saw ZOË today", r#""saw [name] today""#),
        ];
        for (inside, expected) in rows {
            let json = apply(&ALL, &mut knowing(&["Zoe Bates"]), inside);
            assert_eq!(json, expected, "{inside}");
            serde_json::from_str::<String>(&json).unwrap();
        }
    }

    #[test]
    fn a_placeholder_is_the_same_wherever_the_same_is_meant() {
        let redact = Redact {
            replace: InPlace::Placeholder,
            ..ALL
        };
        let mut setting = knowing(&["Ann Bates", "Tom Bates"]);
        assert_eq!(
            apply(
                &redact,
                &mut setting,
                "Tom saw Ann; NHS 943 476 5919, then 4010232137"
            ),
            r#""Person A saw Person B; NHS [NHS number A], then [NHS number B]""#
        );
        // Another record of the document, in which the same are named in another order and way.
        setting.known_mut().forget();
        setting.known_mut().learn(Knowing::Name, b"\"BATES, Ann\"");
        setting.known_mut().learn(Knowing::Name, b"\"Zo\\u00eb\"");
        assert_eq!(
            apply(&redact, &mut setting, "zoe and ann: 401-023-2137"),
            r#""Person C and Person B: [NHS number B]""#
        );
    }

    #[test]
    fn letters_go_on_behind_z() {
        for (number, expected) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (702, "AAA")] {
            let mut out = Vec::new();
            push_letter(number, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn a_token_in_a_text_is_the_one_of_the_field() {
        let pseudonymise = Transform::Pseudonymise(Identified::text("person"));
        let redact = Redact {
            replace: InPlace::Token {
                kind: Kind::NhsNumber,
                transform: Box::new(pseudonymise.clone()),
            },
            ..ALL
        };
        let mut setting = Setting::default();
        let json = apply(&redact, &mut setting, "943 476 5919 at PO30 1UD");
        let mut token = Vec::new();
        Prepared::new(&pseudonymise, Some(&keys()))
            .unwrap()
            .apply(b"\"9434765919\"", &mut setting, &mut token)
            .unwrap();
        let token: String = serde_json::from_slice(&token).unwrap();
        assert_eq!(json, format!("\"{token} at [postcode]\""));
    }

    #[test]
    fn more_people_than_can_be_looked_for_let_no_text_through() {
        let names: Vec<String> = (0..100)
            .map(|index| {
                format!("Bates{}", char::from_u32(0x41 + index % 26).unwrap())
                    .repeat(1 + index as usize / 26)
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut setting = knowing(&names);
        let redactor = Redactor::new(&ALL, None).unwrap();
        let mut out = Vec::new();
        assert_eq!(
            redactor.apply(b"text", &mut setting, &mut out),
            Err(Mismatch)
        );
        assert!(out.is_empty());
    }

    #[test]
    fn what_was_found_is_counted_by_kind() {
        let mut setting = knowing(&["Ann"]);
        apply(&ALL, &mut setting, "Ann; then ann: 9434765919");
        let counts = setting.take_findings();
        let counted: Vec<_> = finding_words()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counted, [("nhs-number", 1), ("name", 2)]);
        assert_eq!(setting.take_findings(), Findings::default());
    }
}
