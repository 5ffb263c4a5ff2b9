//! The decision: permit, or refuse with a reason.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{
    Agreement, AgreementName, AgreementSet, Disclosure, DisclosureName, PartnerName, PurposeName,
};

/// What is asked: all that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks, already authenticated.
    pub partner: &'a PartnerName,
    /// The method, upper case.
    pub method: &'a str,
    /// The path as it came, still percent-encoded, without the query.
    pub path: &'a str,
    /// Every value of the purpose header, as it came.
    pub purposes: &'a [&'a [u8]],
    /// When.
    pub at: Timestamp,
}

/// The decision said yes. Made by [`AgreementSet::decide`] alone: the fields are private.
#[must_use]
#[derive(Debug, Clone)]
pub struct Permit {
    agreement: Arc<Agreement>,
    disclosure: Arc<Disclosure>,
    purpose: PurposeName,
    variables: Vec<(String, String)>,
}

impl Permit {
    /// The agreement that permits.
    #[must_use]
    pub fn agreement(&self) -> &Arc<Agreement> {
        &self.agreement
    }
    /// The disclosure that permits.
    #[must_use]
    pub fn disclosure(&self) -> &Arc<Disclosure> {
        &self.disclosure
    }
    /// The purpose that was declared and agreed.
    #[must_use]
    pub fn purpose(&self) -> &PurposeName {
        &self.purpose
    }
    /// The path's variables, percent-encoded as they came.
    #[must_use]
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }
}

/// Why a decision said no. [`Refusal::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No disclosure of the partner's has this path or method.
    #[error("no agreement of yours has this {}", match .0 { RouteMiss::Path => "path", RouteMiss::Method { .. } => "method for this path" })]
    NoRoute(RouteMiss),
    /// No purpose was declared.
    #[error("no purpose is declared")]
    PurposeMissing,
    /// More than one purpose was declared, or one in a form that no purpose has.
    #[error("the declared purpose is not one purpose's name")]
    PurposeMalformed,
    /// The declared purpose is not one of the disclosure's.
    #[error("agreement {agreement} shares `{disclosure}` for other purposes than the declared one")]
    PurposeNotAgreed {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The disclosure that was asked for.
        disclosure: DisclosureName,
        /// What is agreed.
        agreed: Vec<PurposeName>,
    },
    /// The agreement has not started.
    #[error("agreement {agreement} starts on {starts}")]
    NotStarted {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// Its first day.
        starts: Date,
    },
    /// The agreement has ended.
    #[error("agreement {agreement} ended on {ended}")]
    Ended {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// Its last day.
        ended: Date,
    },
}

/// What a request's route lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMiss {
    /// The path.
    Path,
    /// The method; these are the partner's own for this path.
    Method {
        /// Methods that the partner's agreements have for this path.
        allowed: Vec<String>,
    },
}

impl AgreementSet {
    /// Decides `ask`. The same set and the same ask give the same answer.
    ///
    /// # Errors
    /// With the first term that refuses: route, then purpose, then term.
    pub fn decide(&self, ask: &Ask<'_>) -> Result<Permit, Refusal> {
        let _ = ask;
        Err(Refusal::NoRoute(RouteMiss::Path))
    }
}
