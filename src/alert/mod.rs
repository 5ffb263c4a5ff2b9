//! Somebody is to hear of it at once: alerts to the data-protection officer, and the incidents behind them.
//!
//! An [`Alert`] names what the configuration names and when; never a person, a value or a caller's text (P7).
//! [`Queue`] holds those that are not delivered yet, over restarts; [`sign`] is how the receiver knows whose they are.
//! [`incidents`] says when access for vital interests is possible and what awaits review.

pub mod incidents;
mod queue;

pub use queue::{Ended, MOST_QUEUED, Queue, Waiting};

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Data left for somebody's vital interests. It is to be reviewed.
    VitalInterests,
    /// Access for vital interests is refused until what was used before is reviewed.
    ReviewOverdue,
    /// A case was opened: something is asked for or sent that nobody has agreed.
    Case,
    /// A quota is used up.
    Quota,
    /// Somebody is asking one at a time, or in ever other ways.
    Harvesting,
    /// A member of staff asked for a record that may be their own.
    SelfLookUp,
    /// A partner inside the controller's organisation took many records at once.
    BulkPull,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::VitalInterests,
        Self::ReviewOverdue,
        Self::Case,
        Self::Quota,
        Self::Harvesting,
        Self::SelfLookUp,
        Self::BulkPull,
    ];

    /// Its stable name: in the alert, the log and the metric.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::VitalInterests => "vital_interests",
            Self::ReviewOverdue => "review_overdue",
            Self::Case => "case",
            Self::Quota => "quota",
            Self::Harvesting => "harvesting",
            Self::SelfLookUp => "self_look_up",
            Self::BulkPull => "bulk_pull",
        }
    }
}

/// Something that somebody is to hear of at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// The incident's or case's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Under which agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Which disclosure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<String>,
    /// For what, where it is a purpose of an agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The exchange, as the ledger knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Whom the agreement names for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// One sentence: what it is and what to do.
    pub text: String,
}

impl Alert {
    /// An alert that names nothing yet.
    #[must_use]
    pub fn new(kind: Kind, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            kind,
            at,
            number: None,
            partner: None,
            agreement: None,
            disclosure: None,
            purpose: None,
            request: None,
            contact: None,
            text: text.into(),
        }
    }

    /// The body that is delivered: one JSON object.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("names and times are always JSON")
    }
}

/// The value of the header `Fieldgate-Signature` of `body`, sent at `at`: `t=` the time in seconds, `v1=` the
/// HMAC-SHA-256 (RFC 2104) under `secret` of that time, a full stop and the body, in hexadecimal. The receiver makes
/// the same and refuses what is old.
#[must_use]
pub fn sign(secret: &[u8], at: Timestamp, body: &str) -> String {
    let seconds = at.as_second();
    let mut state = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    state.update(seconds.to_string().as_bytes());
    state.update(b".");
    state.update(body.as_bytes());
    let code = data_encoding::HEXLOWER.encode(&state.finalize().into_bytes());
    format!("t={seconds},v1={code}")
}

/// How long to wait after the attempt numbered `attempt`, from 1, has failed: doubling from one second to ten minutes.
#[must_use]
pub fn wait_after(attempt: u32) -> Duration {
    const MOST: u64 = 600;
    let seconds = 1_u64
        .checked_shl(attempt.saturating_sub(1))
        .filter(|_| attempt < 32);
    Duration::from_secs(seconds.map_or(MOST, |seconds| seconds.min(MOST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_time_and_body() {
        let at: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
        let mut state = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        state.update(b"1781524800.{}");
        let code = data_encoding::HEXLOWER.encode(&state.finalize().into_bytes());
        assert_eq!(sign(b"secret", at, "{}"), format!("t=1781524800,v1={code}"));
        assert_ne!(sign(b"secret", at, "{}"), sign(b"other", at, "{}"));
    }

    #[test]
    fn waits_double_to_ten_minutes_and_never_pass_it() {
        let waits: Vec<u64> = (1..=11)
            .map(|attempt| wait_after(attempt).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        for attempt in [0, 32, 64, 65, u32::MAX] {
            assert!(wait_after(attempt) <= Duration::from_secs(600));
        }
    }

    #[test]
    fn a_body_has_what_is_known_and_no_empty_members() {
        let mut alert = Alert::new(Kind::Case, "2026-06-15T12:00:00Z".parse().unwrap(), "look");
        alert.partner = Some("health".to_owned());
        assert_eq!(
            alert.body(),
            r#"{"kind":"case","at":"2026-06-15T12:00:00Z","partner":"health","text":"look"}"#
        );
    }
}
