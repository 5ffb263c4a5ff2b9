//! What a line of the ledger says. No I/O, no clock: time comes in.

use std::fmt;

use jiff::Timestamp;

use super::members::Members;
use crate::agreement::{
    AgreementName, Credential, Credentials, DisclosureName, PartnerName, PurposeName, Role,
    SystemName, TableDigest,
};
use crate::minimise::{FieldOutcome, SubjectToken, Tally, Withheld};
use crate::register::Ground;
use crate::transform::finding_words;

/// The most subjects that one [`Event::Subjects`] names: some 30 KB of line.
pub const SUBJECTS_PER_ENTRY: usize = 1_000;

/// Something that the ledger accounts for. Holds names from the configuration, counts and keyed tokens:
/// never a caller's text and never a value from a record (P7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The gateway started or took a new agreement set: the agreements' names, versions, hashes.
    Agreements {
        /// Each agreement in force.
        agreements: Vec<AgreementEntry>,
        /// The register and the policies that they were held against.
        layers: Vec<LayerEntry>,
        /// Those that no request passes, though their texts are in force: what a text does not say.
        standing: Vec<StandingEntry>,
    },
    /// A permitted exchange is about to happen. Durable before its first released byte (P3).
    Intent {
        /// The exchange.
        request: RequestId,
        /// Who asked, or to whom it is pushed.
        partner: PartnerName,
        /// The agreement that permits.
        agreement: AgreementName,
        /// Its version.
        version: u32,
        /// What was agreed to, as in the entry of its set.
        hash: String,
        /// The disclosure that permits.
        disclosure: DisclosureName,
        /// The purpose that was declared and agreed.
        purpose: PurposeName,
        /// What the request said of its caller.
        caller: CallerEntry,
        /// What the register says of it; `None` where there is none.
        registered: Option<RegisteredEntry>,
    },
    /// A request was refused before or instead of a release.
    Refusal {
        /// The exchange.
        request: RequestId,
        /// Who asked, or to whom it was to be pushed, if that is known.
        partner: Option<PartnerName>,
        /// The agreement whose term refused, if it came so far.
        agreement: Option<AgreementName>,
        /// The disclosure that was asked for, if it came so far.
        disclosure: Option<DisclosureName>,
        /// The declared purpose, only where it is one that the agreement set knows: never the caller's text.
        purpose: Option<PurposeName>,
        /// The stable code of the reason.
        reason: &'static str,
        /// The HTTP status that the partner got.
        status: u16,
        /// What was agreed to there.
        hash: Option<String>,
        /// What the request said of its caller.
        caller: CallerEntry,
    },
    /// Tokens of subjects whose records left in an exchange, at most [`SUBJECTS_PER_ENTRY`] in each entry.
    Subjects {
        /// The exchange.
        request: RequestId,
        /// The tokens, in the order in which the records left.
        tokens: Vec<SubjectToken>,
    },
    /// How a permitted exchange ended.
    Release {
        /// The exchange.
        request: RequestId,
        /// How.
        outcome: Outcome,
        /// The stable code of what ended it, unless it is complete.
        reason: Option<&'static str>,
        /// The HTTP status that the partner got.
        status: u16,
        /// Bytes of body handed to the partner's connection.
        bytes_sent: u64,
        /// Records released by an overriding reason although their subjects object or their processing is restricted.
        overridden: u64,
        /// What was counted on the way.
        tally: Box<Tally>,
    },
    /// Keys of an agreement, or of a group of linked agreements, were changed by an operator. May be entered
    /// twice for one change, where a process ended between entering it and noting that; the two are the same
    /// but for the entry's own time.
    Keys {
        /// What was done.
        change: KeyChange,
        /// Whose keys: the agreement's name, or the group's.
        agreement: String,
        /// The epochs that it was done to.
        epochs: Vec<u32>,
        /// When it was done, which can be before it is entered.
        done: Timestamp,
    },
    /// Access for vital interests is about to be had: it awaits review. Before its exchange's intent.
    Incident {
        /// The exchange.
        request: RequestId,
        /// The incident's number.
        incident: u64,
        /// Who asked.
        partner: PartnerName,
        /// The agreement that permits.
        agreement: AgreementName,
        /// The purpose.
        purpose: PurposeName,
    },
    /// An incident was reviewed. May be entered twice, where a process ended between entering it and noting that.
    Review {
        /// The incident's number.
        incident: u64,
        /// The agreement.
        agreement: String,
        /// By whom: a role's name.
        by: String,
        /// SHA-256 of the note that says what was found, in hexadecimal; the note is kept elsewhere.
        note: String,
        /// When it was done, which can be before it is entered.
        done: Timestamp,
    },
    /// The ledger was opened after a crash had left an incomplete last line, which was cut off. Nothing that
    /// was reported durable was in it. The writer enters this itself.
    Recovered {
        /// The sequence of the first entry of the segment that was cut.
        segment: u64,
        /// Bytes cut off.
        bytes_cut: u64,
    },
}

/// Why no request passes an agreement that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingEntry {
    /// Its name.
    pub agreement: AgreementName,
    /// The roles whose approval it lacks; empty where it lacks none.
    pub missing: Vec<String>,
    /// Its keys are destroyed.
    pub keys_destroyed: bool,
}

/// An agreement in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementEntry {
    /// Its name.
    pub name: AgreementName,
    /// Its version.
    pub version: u32,
    /// What was agreed to: the hash of its file, or of that and of its tables.
    pub hash: String,
    /// The hash of its file, by which the text is kept.
    pub text: String,
    /// The tables that it names, and what they held.
    pub tables: Vec<TableDigest>,
}

/// The register or a policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// Which: `register`, `charter` or `directorate`.
    pub layer: &'static str,
    /// Whose it is.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The hash of its file.
    pub hash: String,
}

/// What the register says of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredEntry {
    /// `use` within the controller, `disclosure` beyond it.
    pub kind: &'static str,
    /// The data set that it draws on.
    pub data_set: String,
    /// On what ground.
    pub ground: Ground,
}

/// What a request said of its caller, of which the ledger keeps no text of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerEntry {
    /// When the request was decided, which is before it is entered: the time that a replay goes by.
    pub decided: Option<Timestamp>,
    /// The roles that the credential states: the configuration's words.
    pub roles: Vec<Role>,
    /// The credential states a health or social-work professional.
    pub professional: bool,
    /// From when on the training in this sharing that the credential states counts no longer.
    pub trained_until: Option<Timestamp>,
    /// What was shown together, where the purpose asks for several credentials.
    pub credentials: Option<Credentials>,
    /// A keyed token of the case or task that was named, where the purpose asks for one.
    pub reference: Option<SubjectToken>,
    /// A keyed token of the reason that was given, where the purpose asks for one.
    pub reason: Option<SubjectToken>,
    /// Who asked on the partner's behalf, if somebody did.
    pub acting: Option<PartnerName>,
    /// A keyed token of who acted at the partner's, where an access token or the partner said so.
    pub person: Option<SubjectToken>,
    /// The system of the controller's that pushed, where the partner did not ask.
    pub system: Option<SystemName>,
}

/// What was done to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyChange {
    /// They were made, where there were none before or none any more.
    Created,
    /// A new epoch is there, whose tokens resolve and which makes none yet.
    Prepared,
    /// A new epoch makes tokens from here on.
    Rotated,
    /// Tokens of these epochs resolve no longer.
    Retired,
    /// The secrets of these epochs are gone: their tokens can never resolve again.
    Destroyed,
}

impl KeyChange {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Created,
        Self::Prepared,
        Self::Rotated,
        Self::Retired,
        Self::Destroyed,
    ];

    /// The name of this change as an event.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Created => "keys-created",
            Self::Prepared => "keys-prepared",
            Self::Rotated => "keys-rotated",
            Self::Retired => "keys-retired",
            Self::Destroyed => "keys-destroyed",
        }
    }
}

/// How a permitted exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The whole response left.
    Complete,
    /// The service could not be reached, or broke off.
    ServiceFailed,
    /// The gateway ended it: what the service sent was not understood or broke a limit.
    Refused,
    /// The partner went away before the end.
    PartnerGone,
}

impl Outcome {
    /// The stable name of this outcome.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ServiceFailed => "service_failed",
            Self::Refused => "refused",
            Self::PartnerGone => "partner_gone",
        }
    }
}

/// 128 random bits as 32 lower-case hexadecimal digits; also the exchange's trace id (W3C Trace Context).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// The id of these bits, which the shell draws from the machine's random source.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        let mut digits = [0; 32];
        data_encoding::HEXLOWER.encode_mut(&bytes, &mut digits);
        Self(digits)
    }

    /// The id of these 32 lower-case hexadecimal digits; `None` for any other text.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?;
        Some(Self::new(bytes.try_into().ok()?))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Appends to `out` the members of a line between `seq` and `prev`, in their fixed order: `"at":"…","event":"…",…`.
///
/// Everything that does not depend on the entry's place in the chain, so that it is rendered by whoever
/// submits, and the writer has only to number and to link.
pub fn render(at: Timestamp, event: &Event, out: &mut Vec<u8>) {
    let mut members = Members {
        start: out.len(),
        out,
    };
    members.time("at", at);
    match event {
        Event::Agreements {
            agreements,
            layers,
            standing,
        } => {
            members.text("event", "agreements");
            members.list("agreements", agreements, |agreement, list| {
                list.braces(|inner| {
                    inner.text("name", agreement.name.as_str());
                    inner.number("version", u64::from(agreement.version));
                    inner.text("hash", &agreement.hash);
                    if !agreement.tables.is_empty() {
                        inner.text("text", &agreement.text);
                        inner.list("tables", &agreement.tables, |table, list| {
                            list.braces(|inner| {
                                inner.text("path", &table.path);
                                inner.text("sha256", &table.sha256);
                            });
                        });
                    }
                });
            });
            if !layers.is_empty() {
                members.list("layers", layers, |layer, list| {
                    list.braces(|inner| {
                        inner.text("layer", layer.layer);
                        inner.text("name", &layer.name);
                        inner.number("version", u64::from(layer.version));
                        inner.text("hash", &layer.hash);
                    });
                });
            }
            if !standing.is_empty() {
                members.list("standing", standing, |one, list| {
                    list.braces(|inner| {
                        inner.text("name", one.agreement.as_str());
                        if !one.missing.is_empty() {
                            inner.list("missing", &one.missing, |role, list| list.string(role));
                        }
                        if one.keys_destroyed {
                            inner.flag("keys_destroyed");
                        }
                    });
                });
            }
        }
        Event::Intent {
            request,
            partner,
            agreement,
            version,
            hash,
            disclosure,
            purpose,
            caller,
            registered,
        } => {
            members.text("event", "intent");
            members.text("request", request.as_str());
            members.text("partner", partner.as_str());
            members.text("agreement", agreement.as_str());
            members.number("version", u64::from(*version));
            members.text("hash", hash);
            members.text("disclosure", disclosure.as_str());
            members.text("purpose", purpose.as_str());
            caller_members(caller, &mut members);
            if let Some(registered) = registered {
                registered_members(registered, &mut members);
            }
        }
        Event::Refusal {
            request,
            partner,
            agreement,
            disclosure,
            purpose,
            reason,
            status,
            hash,
            caller,
        } => {
            members.text("event", "refusal");
            members.text("request", request.as_str());
            members.maybe("partner", partner.as_ref().map(PartnerName::as_str));
            members.maybe("agreement", agreement.as_ref().map(AgreementName::as_str));
            members.maybe(
                "disclosure",
                disclosure.as_ref().map(DisclosureName::as_str),
            );
            members.maybe("purpose", purpose.as_ref().map(PurposeName::as_str));
            members.text("reason", reason);
            members.number("status", u64::from(*status));
            members.maybe("hash", hash.as_deref());
            caller_members(caller, &mut members);
        }
        Event::Subjects { request, tokens } => {
            members.text("event", "subjects");
            members.text("request", request.as_str());
            members.list("tokens", tokens, |token, list| list.string(&token.0));
        }
        Event::Release {
            request,
            outcome,
            reason,
            status,
            bytes_sent,
            overridden,
            tally,
        } => {
            members.text("event", "release");
            members.text("request", request.as_str());
            members.text("outcome", outcome.code());
            members.maybe("reason", *reason);
            members.number("status", u64::from(*status));
            members.number("bytes_sent", *bytes_sent);
            if *overridden > 0 {
                members.number("records_overridden", *overridden);
            }
            members.object("tally", |inner| tally_members(tally, inner));
        }
        Event::Keys {
            change,
            agreement,
            epochs,
            done,
        } => {
            members.text("event", change.event());
            members.text("agreement", agreement);
            members.list("epochs", epochs, |epoch, list| list.count(*epoch));
            members.time("done", *done);
        }
        Event::Incident {
            request,
            incident,
            partner,
            agreement,
            purpose,
        } => {
            members.text("event", "incident");
            members.text("request", request.as_str());
            members.number("incident", *incident);
            members.text("partner", partner.as_str());
            members.text("agreement", agreement.as_str());
            members.text("purpose", purpose.as_str());
        }
        Event::Review {
            incident,
            agreement,
            by,
            note,
            done,
        } => {
            members.text("event", "review");
            members.number("incident", *incident);
            members.text("agreement", agreement);
            members.text("as", by);
            members.text("note", note);
            members.time("done", *done);
        }
        Event::Recovered { segment, bytes_cut } => {
            members.text("event", "recovered");
            members.number("segment", *segment);
            members.number("bytes_cut", *bytes_cut);
        }
    }
}

/// A tally as one JSON object, as a [`Event::Release`] has it.
#[must_use]
pub fn tally_json(tally: &Tally) -> String {
    let mut out = Vec::with_capacity(256);
    let mut members = Members {
        start: 0,
        out: &mut out,
    };
    members.braces(|inner| tally_members(tally, inner));
    String::from_utf8(out).expect("names and numbers are text")
}

/// The names that an entry's `event` can have.
pub(crate) const EVENTS: [&str; 13] = [
    "agreements",
    "intent",
    "refusal",
    "subjects",
    "release",
    "incident",
    "review",
    "recovered",
    "keys-created",
    "keys-prepared",
    "keys-rotated",
    "keys-retired",
    "keys-destroyed",
];

/// What is kept of a caller.
fn caller_members(caller: &CallerEntry, members: &mut Members<'_>) {
    if let Some(decided) = caller.decided {
        members.time("decided", decided);
    }
    if !caller.roles.is_empty() {
        members.list("roles", &caller.roles, |role, list| {
            list.string(role.as_str());
        });
    }
    if caller.professional {
        members.flag("professional");
    }
    if let Some(until) = caller.trained_until {
        members.time("trained_until", until);
    }
    if let Some(shown) = caller.credentials {
        let kinds: Vec<Credential> = shown.kinds().collect();
        members.list("credentials", &kinds, |kind, list| list.string(kind.word()));
    }
    let reference = caller.reference.as_ref();
    members.maybe("reference", reference.map(|token| &*token.0));
    let reason = caller.reason.as_ref();
    members.maybe("reason_given", reason.map(|token| &*token.0));
    members.maybe("acting", caller.acting.as_ref().map(PartnerName::as_str));
    let person = caller.person.as_ref();
    members.maybe("person", person.map(|token| &*token.0));
    members.maybe("system", caller.system.as_ref().map(SystemName::as_str));
}

/// What the register says of a release.
fn registered_members(registered: &RegisteredEntry, members: &mut Members<'_>) {
    members.text("kind", registered.kind);
    members.text("data_set", &registered.data_set);
    members.text("ground", registered.ground.code());
    match &registered.ground {
        Ground::SamePurpose | Ground::CompatibleUse => {}
        Ground::Notice { id, version } => {
            members.text("notice", id);
            members.number("notice_version", u64::from(*version));
        }
        Ground::Statute { name, .. } => members.text("statute", name),
    }
}

/// A tally's members; of the fields, outcomes that were counted at all.
fn tally_members(tally: &Tally, members: &mut Members<'_>) {
    members.number("bytes_in", tally.bytes_in);
    members.number("bytes_out", tally.bytes_out);
    members.number("records_released", tally.records_released);
    members.number("records_withheld", tally.records_withheld);
    if tally.records_withheld > 0 {
        members.object("withheld", |withheld| {
            for why in Withheld::ALL {
                if tally.withheld[why as usize] > 0 {
                    withheld.number(why.code(), tally.withheld[why as usize]);
                }
            }
        });
    }
    members.number("subjects_missing", tally.subjects_missing);
    members.object("fields", |fields| {
        for outcome in FieldOutcome::ALL {
            if tally.field(outcome) > 0 {
                fields.number(outcome.code(), tally.field(outcome));
            }
        }
    });
    if tally.table.tables > 0 {
        members.object("table", |table| {
            table.number("records", tally.table.records);
            table.number("groups", tally.table.groups);
            table.number("hidden", tally.table.hidden);
        });
    }
    if tally.findings.iter().any(|found| *found > 0) {
        members.object("found", |found| {
            for (word, count) in finding_words().zip(tally.findings) {
                if count > 0 {
                    found.number(word, count);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-22T09:15:00.25Z".parse().unwrap()
    }

    fn request() -> RequestId {
        RequestId::new([0xa7; 16])
    }

    #[test]
    fn each_event_has_its_members_in_their_fixed_order() {
        let mut tally = Tally {
            bytes_in: 900,
            bytes_out: 120,
            records_released: 1,
            ..Tally::default()
        };
        tally.fields[FieldOutcome::Keep as usize] = 3;
        tally.fields[FieldOutcome::Undeclared as usize] = 21;
        let rows = [
            (
                Event::Agreements {
                    agreements: vec![
                        AgreementEntry {
                            name: AgreementName::new("falls"),
                            version: 3,
                            hash: "ab".to_owned(),
                            text: "ab".to_owned(),
                            tables: vec![],
                        },
                        AgreementEntry {
                            name: AgreementName::new("warm-homes"),
                            version: 1,
                            hash: "cd".to_owned(),
                            text: "12".to_owned(),
                            tables: vec![TableDigest {
                                path: "wards.csv".to_owned(),
                                sha256: "34".to_owned(),
                            }],
                        },
                    ],
                    layers: vec![LayerEntry {
                        layer: "register",
                        name: "isle".to_owned(),
                        version: 2,
                        hash: "ef".to_owned(),
                    }],
                    standing: vec![
                        StandingEntry {
                            agreement: AgreementName::new("falls"),
                            missing: vec!["dpo".to_owned()],
                            keys_destroyed: false,
                        },
                        StandingEntry {
                            agreement: AgreementName::new("warm-homes"),
                            missing: vec![],
                            keys_destroyed: true,
                        },
                    ],
                },
                r#""event":"agreements","agreements":[{"name":"falls","version":3,"hash":"ab"},{"name":"warm-homes","version":1,"hash":"cd","text":"12","tables":[{"path":"wards.csv","sha256":"34"}]}],"layers":[{"layer":"register","name":"isle","version":2,"hash":"ef"}],"standing":[{"name":"falls","missing":["dpo"]},{"name":"warm-homes","keys_destroyed":true}]"#,
            ),
            (
                Event::Agreements {
                    agreements: vec![],
                    layers: vec![],
                    standing: vec![],
                },
                r#""event":"agreements","agreements":[]"#,
            ),
            (
                Event::Intent {
                    request: request(),
                    partner: PartnerName::new("island-health"),
                    agreement: AgreementName::new("falls"),
                    version: 3,
                    hash: "ab".to_owned(),
                    disclosure: DisclosureName::new("adult"),
                    purpose: PurposeName::new("falls-prevention"),
                    caller: CallerEntry::default(),
                    registered: None,
                },
                r#""event":"intent","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","partner":"island-health","agreement":"falls","version":3,"hash":"ab","disclosure":"adult","purpose":"falls-prevention""#,
            ),
            (
                Event::Intent {
                    request: request(),
                    partner: PartnerName::new("island-health"),
                    agreement: AgreementName::new("falls"),
                    version: 3,
                    hash: "ab".to_owned(),
                    disclosure: DisclosureName::new("adult"),
                    purpose: PurposeName::new("falls-prevention"),
                    caller: CallerEntry {
                        decided: Some(at()),
                        roles: vec![Role::new("social-worker")],
                        professional: true,
                        trained_until: Some(at()),
                        reference: Some(SubjectToken("cccc".to_owned())),
                        reason: Some(SubjectToken("dddd".to_owned())),
                        acting: Some(PartnerName::new("social-care-team")),
                        person: Some(SubjectToken("eeee".to_owned())),
                        credentials: None,
                        system: None,
                    },
                    registered: Some(RegisteredEntry {
                        kind: "use",
                        data_set: "council-tax".to_owned(),
                        ground: Ground::Statute {
                            name: "empty-homes".to_owned(),
                            citation: "an Act".to_owned(),
                        },
                    }),
                },
                r#""event":"intent","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","partner":"island-health","agreement":"falls","version":3,"hash":"ab","disclosure":"adult","purpose":"falls-prevention","decided":"2026-11-22T09:15:00.250000Z","roles":["social-worker"],"professional":true,"trained_until":"2026-11-22T09:15:00.250000Z","reference":"cccc","reason_given":"dddd","acting":"social-care-team","person":"eeee","kind":"use","data_set":"council-tax","ground":"statute","statute":"empty-homes""#,
            ),
            (
                Event::Refusal {
                    request: request(),
                    partner: None,
                    agreement: None,
                    disclosure: None,
                    purpose: None,
                    reason: "unknown-partner",
                    status: 401,
                    hash: None,
                    caller: CallerEntry::default(),
                },
                r#""event":"refusal","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","reason":"unknown-partner","status":401"#,
            ),
            (
                Event::Refusal {
                    request: request(),
                    partner: Some(PartnerName::new("island-health")),
                    agreement: Some(AgreementName::new("falls")),
                    disclosure: None,
                    purpose: Some(PurposeName::new("falls-prevention")),
                    reason: "role_not_held",
                    status: 403,
                    hash: Some("ab".to_owned()),
                    caller: CallerEntry {
                        decided: Some(at()),
                        roles: vec![Role::new("clerk")],
                        ..CallerEntry::default()
                    },
                },
                r#""event":"refusal","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","partner":"island-health","agreement":"falls","purpose":"falls-prevention","reason":"role_not_held","status":403,"hash":"ab","decided":"2026-11-22T09:15:00.250000Z","roles":["clerk"]"#,
            ),
            (
                Event::Subjects {
                    request: request(),
                    tokens: vec![
                        SubjectToken("aaaa".to_owned()),
                        SubjectToken("bbbb".to_owned()),
                    ],
                },
                r#""event":"subjects","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","tokens":["aaaa","bbbb"]"#,
            ),
            (
                Event::Release {
                    request: request(),
                    outcome: Outcome::Complete,
                    reason: None,
                    status: 200,
                    bytes_sent: 120,
                    overridden: 1,
                    tally: Box::new(tally),
                },
                r#""event":"release","request":"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7","outcome":"complete","status":200,"bytes_sent":120,"records_overridden":1,"tally":{"bytes_in":900,"bytes_out":120,"records_released":1,"records_withheld":0,"subjects_missing":0,"fields":{"keep":3,"undeclared":21}}"#,
            ),
            (
                Event::Keys {
                    change: KeyChange::Destroyed,
                    agreement: "falls".to_owned(),
                    epochs: vec![1, 2],
                    done: "2026-11-22T09:14:59Z".parse().unwrap(),
                },
                r#""event":"keys-destroyed","agreement":"falls","epochs":[1,2],"done":"2026-11-22T09:14:59.000000Z""#,
            ),
            (
                Event::Recovered {
                    segment: 1,
                    bytes_cut: 17,
                },
                r#""event":"recovered","segment":1,"bytes_cut":17"#,
            ),
        ];
        for (event, members) in rows {
            let mut rendered = b"before".to_vec();
            render(at(), &event, &mut rendered);
            let rendered = String::from_utf8(rendered.split_off(6)).unwrap();
            assert_eq!(
                rendered,
                format!(r#""at":"2026-11-22T09:15:00.250000Z",{members}"#)
            );
            let value: serde_json::Value =
                serde_json::from_str(&format!("{{{rendered}}}")).unwrap();
            assert!(EVENTS.contains(&value["event"].as_str().unwrap()));
        }
    }

    #[test]
    fn a_name_with_a_quote_or_line_end_stays_one_string_on_one_line() {
        let event = Event::Subjects {
            request: request(),
            tokens: vec![SubjectToken("a\"b\nc".to_owned())],
        };
        let mut rendered = Vec::new();
        render(at(), &event, &mut rendered);
        assert!(!rendered.contains(&b'\n'));
        assert!(
            String::from_utf8(rendered)
                .unwrap()
                .ends_with(r#"["a\"b\nc"]"#)
        );
    }
}
