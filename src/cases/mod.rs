//! Hold and notify: what nobody has agreed opens one case for the data-protection officer.
//!
//! A request for a purpose, a path or a field that no agreement has is refused, or the field stays behind, whether
//! there is a case or not: a case changes nothing but that somebody hears of it, once. What is held begins to flow
//! when the register and the agreement say so, and closing a case does not make it flow.
//!
//! A case names what the configuration and the service's documents call things, never a value (P7). Two gaps are the
//! same when all that is named is the same and, of what a caller wrote, its keyed digest.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::{NotALine, State};

/// Cases that may be open at once; with more, gaps are counted and not told one by one.
pub const MOST_OPEN: usize = 2_000;

/// Cases that may be open at once of one partner, agreement and disclosure.
pub const MOST_OPEN_OF_ONE: usize = 100;

/// Bytes of a field's path in a case.
const FIELD_BYTES: usize = 256;

/// What kind of gap it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A partner declared a purpose that is not agreed.
    Purpose,
    /// A partner asked for something that no agreement of its own has.
    Path,
    /// A service's answer has a field that no rule names.
    Field,
    /// Data set, purpose and recipient are not together in the register.
    Unregistered,
    /// Something about a person was put right, and a recipient of it has to be told. No gap, but held open like one until
    /// the recipient has acknowledged it.
    Rectification,
}

impl Kind {
    /// Its stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Purpose => "purpose",
            Self::Path => "path",
            Self::Field => "field",
            Self::Unregistered => "unregistered",
            Self::Rectification => "rectification",
        }
    }

    /// What happened and what to do, for whoever reads the case.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Purpose => {
                "asked for a purpose that is not agreed; it is refused until the register and the agreement name the purpose"
            }
            Self::Path => {
                "asked for something that no agreement of this partner has; it is refused until one has it"
            }
            Self::Field => {
                "the service sends a field that no rule names; it stays behind until the register and the agreement name it"
            }
            Self::Unregistered => {
                "the register does not have this data set for this purpose and recipient; nothing leaves until it has"
            }
            Self::Rectification => {
                "what this partner was told of a person was put right, and it has to be told so (UK GDPR Art. 19); close the case when it has acknowledged that"
            }
        }
    }
}

/// A gap: what a case is opened for. Names of the configuration, and names of fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// What kind.
    pub kind: Kind,
    /// The partner that asked.
    pub partner: String,
    /// The agreement, where it came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// The disclosure, where it came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<String>,
    /// The purpose, where it is one that some agreement has: never a caller's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The field's path, without positions and without what may be a value: see [`field_path`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The keyed digest of what a caller wrote, as 16 hexadecimal digits, where the gap is of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A case, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its number, from 1.
    pub number: u64,
    /// When it was opened.
    pub opened: Timestamp,
    /// What it was opened for.
    #[serde(flatten)]
    pub gap: Gap,
    /// Whom it is for, as the agreement says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// How it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

/// How a case was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// By whom: a role's name.
    #[serde(rename = "as")]
    pub by: String,
    /// SHA-256 of the note that says why, which is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_sha256: Option<String>,
}

/// All cases, as their journal says.
#[derive(Debug, Default)]
pub struct Cases {
    all: BTreeMap<u64, Case>,
    open: HashMap<Gap, u64>,
}

/// Why a gap opens no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCase {
    /// There is one already.
    Known,
    /// Too many are open.
    Full,
}

/// Why a case cannot be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotClosed {
    /// There is none of this number.
    #[error("there is no case of this number; `fieldgate cases list --all` shows all")]
    Unknown,
    /// It is closed.
    #[error("the case is closed already")]
    Already,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "event")]
enum Line {
    Opened {
        case: u64,
        at: Timestamp,
        gap: Gap,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<String>,
    },
    Closed {
        case: u64,
        closed: Closed,
    },
}

impl Line {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("names and times are always JSON")
    }
}

impl State for Cases {
    fn apply(&mut self, line: &str) -> Result<(), NotALine> {
        match serde_json::from_str(line).map_err(|_| NotALine)? {
            Line::Opened {
                case,
                at,
                gap,
                contact,
            } => {
                self.open.insert(gap.clone(), case);
                let case = Case {
                    number: case,
                    opened: at,
                    gap,
                    contact,
                    closed: None,
                };
                self.all.insert(case.number, case);
            }
            Line::Closed { case, closed } => {
                let case = self.all.get_mut(&case).ok_or(NotALine)?;
                self.open.remove(&case.gap);
                case.closed = Some(closed);
            }
        }
        Ok(())
    }
}

impl Cases {
    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Case> {
        self.all.values()
    }

    /// The case of this number.
    #[must_use]
    pub fn case(&self, number: u64) -> Option<&Case> {
        self.all.get(&number)
    }

    /// Those that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether `gap` has an open case, without a look at what others may have written since.
    #[must_use]
    pub fn is_known(&self, gap: &Gap) -> bool {
        self.open.contains_key(gap)
    }

    /// The journal's line that opens a case for `gap`, and its number.
    ///
    /// # Errors
    /// If there is one, or too many are open.
    pub fn opening(
        &self,
        gap: &Gap,
        contact: Option<&str>,
        at: Timestamp,
    ) -> Result<(String, u64), NoCase> {
        if self.is_known(gap) {
            return Err(NoCase::Known);
        }
        let of_one = |other: &&Gap| {
            (&other.partner, &other.agreement, &other.disclosure)
                == (&gap.partner, &gap.agreement, &gap.disclosure)
        };
        if self.open.len() >= MOST_OPEN
            || self.open.keys().filter(of_one).count() >= MOST_OPEN_OF_ONE
        {
            return Err(NoCase::Full);
        }
        let number = self.all.last_key_value().map_or(1, |(last, _)| last + 1);
        let line = Line::Opened {
            case: number,
            at,
            gap: gap.clone(),
            contact: contact.map(str::to_owned),
        };
        Ok((line.text(), number))
    }

    /// The journal's line that closes case `number`.
    ///
    /// # Errors
    /// If there is none that is open.
    pub fn closing(&self, number: u64, closed: Closed) -> Result<String, NotClosed> {
        match self.all.get(&number) {
            None => Err(NotClosed::Unknown),
            Some(case) if case.closed.is_some() => Err(NotClosed::Already),
            Some(_) => Ok(Line::Closed {
                case: number,
                closed,
            }
            .text()),
        }
    }
}

/// `path` as a case may name it: an object keyed by people would have people's numbers for names, so a name that is
/// not plainly a field's is `*`: letters, digits and `_ - . : @`, at most two digits, at most 48 bytes.
#[must_use]
pub fn field_path(path: &str) -> String {
    let name = |name: &str| {
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:$*[]".contains(&byte));
        if plain && digits <= 2 && name.len() <= 48 {
            name.to_owned()
        } else {
            "*".to_owned()
        }
    };
    let mut named = path.split('.').map(name).collect::<Vec<_>>().join(".");
    if named.len() > FIELD_BYTES {
        named.truncate(FIELD_BYTES);
        named.push('…');
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(field: &str) -> Gap {
        Gap {
            kind: Kind::Field,
            partner: "health".to_owned(),
            agreement: Some("care".to_owned()),
            disclosure: Some("adult".to_owned()),
            purpose: None,
            field: Some(field.to_owned()),
            digest: None,
        }
    }

    fn at() -> Timestamp {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    fn open(cases: &mut Cases, gap: &Gap) -> Result<u64, NoCase> {
        let (line, number) = cases.opening(gap, Some("dpo@council.example"), at())?;
        cases.apply(&line).unwrap();
        Ok(number)
    }

    fn closed() -> Closed {
        Closed {
            at: at(),
            by: "dpo".to_owned(),
            note_sha256: None,
        }
    }

    #[test]
    fn one_gap_opens_one_case_until_it_is_closed() {
        let mut cases = Cases::default();
        assert_eq!(open(&mut cases, &gap("$.religion")), Ok(1));
        assert_eq!(open(&mut cases, &gap("$.religion")), Err(NoCase::Known));
        assert_eq!(open(&mut cases, &gap("$.union")), Ok(2));
        let line = cases.closing(1, closed()).unwrap();
        cases.apply(&line).unwrap();
        assert_eq!(cases.closing(1, closed()), Err(NotClosed::Already));
        assert_eq!(cases.closing(9, closed()), Err(NotClosed::Unknown));
        // Closing lets nothing flow; a gap that is met again is a new case.
        assert_eq!(open(&mut cases, &gap("$.religion")), Ok(3));
        assert_eq!(cases.open(), 2);
    }

    #[test]
    fn p5_the_number_of_open_cases_is_bounded() {
        let mut cases = Cases::default();
        for number in 0..MOST_OPEN_OF_ONE {
            open(&mut cases, &gap(&format!("$.f{number}"))).unwrap();
        }
        assert_eq!(open(&mut cases, &gap("$.more")), Err(NoCase::Full));
        for number in 0.. {
            let another = Gap {
                disclosure: Some(format!("d{}", number / MOST_OPEN_OF_ONE)),
                ..gap(&format!("$.f{number}"))
            };
            if open(&mut cases, &another) == Err(NoCase::Full) {
                break;
            }
        }
        assert_eq!(cases.open(), MOST_OPEN);
    }

    #[test]
    fn p7_a_name_that_may_be_a_value_is_not_in_a_case() {
        let rows = [
            ("$.contacts.phone2", "$.contacts.phone2"),
            ("$.items[*].ethnicity", "$.items[*].ethnicity"),
            ("$.4010232137.name", "$.*.name"),
            ("$.Ada Lovelace.name", "$.*.name"),
            ("$.ada@home.example", "$.*.example"),
            ("$.josé", "$.*"),
        ];
        for (path, named) in rows {
            assert_eq!(field_path(path), named);
        }
        assert!(field_path(&"$.name".repeat(100)).len() < 300);
    }

    #[test]
    fn what_is_no_line_of_ours_is_refused() {
        for line in [
            "",
            "{}",
            "1",
            r#"{"event":"closed","case":1,"closed":{"at":"2026-06-15T12:00:00Z","as":"dpo"}}"#,
        ] {
            assert_eq!(Cases::default().apply(line), Err(NotALine), "{line}");
        }
    }
}
