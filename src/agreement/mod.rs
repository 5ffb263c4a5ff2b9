//! What was agreed, and what it decides. Knows no HTTP and does no I/O.
//!
//! `file` is an agreement as written; `check` turns it into an [`Agreement`] or every fault it has;
//! [`AgreementSet::load`] puts all of them behind one `router`; [`AgreementSet::decide`] answers a request
//! with a [`Permit`] or a [`Refusal`].

use std::sync::Arc;

use jiff::Timestamp;

use crate::approval::Approved;
use crate::plan::{BodyRules, Plan};
use crate::register::{Ground, Relation};
use crate::transform::Prepared;

mod aggregate;
pub mod basis;
mod check;
mod credentials;
mod decide;
mod file;
mod format;
mod headers;
mod identifiers;
mod ladders;
mod layers;
mod link;
mod namespaces;
mod purpose;
mod push;
mod redact;
mod review;
mod rights;
mod router;
mod rules;
mod set;
mod tables;
mod template;
mod totals;
mod volume;
mod withhold;
mod words;

pub use crate::written::{Fault, Faults};
pub use basis::{Basis, Demand, Law, Touched};
pub use credentials::{Credential, Credentials};
pub use decide::{
    Ask, Asker, Caller, Permit, REASON_BYTES, REFERENCE_BYTES, Refusal, RouteMiss, Step,
};
pub(crate) use headers::refused as refused_header;
pub use identifiers::{Identifiers, Turned};
pub use namespaces::Namespace;
pub use purpose::Purpose;
pub use review::{
    DisclosureReview, ExemptReview, OpaqueReview, Review, TokenReview, TypeReview, WholeReview,
};
pub use rights::Exemption;
pub use rules::{KeptWhole, fields_schema, load_fields, load_fields_with};
pub use set::{AgreementSet, AsWas, Checked, Checking, Context, Source, agreement_schema};
pub use tables::{TableDigest, Tables, hash_with_tables};
pub use template::{PathTemplate, TemplateError};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);
        impl $name {
            /// Takes `name` as it is; the loader has checked its form.
            #[must_use]
            pub fn new(name: &str) -> Self {
                Self(Arc::from(name))
            }
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// The name, shared.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
names! {
    /// The name of an agreement, `falls-prevention`.
    AgreementName,
    /// The name of a disclosure within its agreement, `adult`.
    DisclosureName,
    /// The name of a purpose, `falls-prevention`.
    PurposeName,
    /// What a caller at a partner's is there, `social-worker`.
    Role,
    /// The name of a partner, `island-health`.
    PartnerName,
    /// The name of a service behind the gateway, `social-care`.
    ServiceName,
    /// The name of a system of the controller's that pushes to partners, `social-care`.
    SystemName
}

/// One agreement, checked. Having one is the proof that its file held no fault.
#[derive(Debug)]
pub struct Agreement {
    /// From when until when it is in force.
    pub term: Term,
    /// How far it is approved: a draft's requests are refused.
    pub approved: Approved,
    /// Its version, from 1.
    pub version: u32,
    /// Its keys are destroyed: every request under it is refused, and its plans are never to be used.
    pub keys_destroyed: bool,
    /// Its name, unique in a set.
    pub name: AgreementName,
    /// Its title, for people.
    pub title: String,
    /// The organisation whose data it is.
    pub controller: String,
    /// The organisation on the other side.
    pub partner: PartnerName,
    /// Its purposes in the order of the file, those that others cover last.
    pub purposes: Vec<Purpose>,
    /// What was agreed to, as the ledger and every answer name it: `text_hash` where it names no tables, else
    /// [`hash_with_tables`].
    pub hash: String,
    /// SHA-256 of the file's bytes, in hexadecimal: by what its text is kept.
    pub text_hash: String,
    /// The tables that its rules name, in the order of their paths.
    pub tables: Vec<TableDigest>,
    /// How what leaves is marked, as the controller's scheme of markings has it.
    pub marking: Option<String>,
    /// What it permits.
    pub disclosures: Vec<Arc<Disclosure>>,
    /// The group of agreements with this partner whose tokens are the same, if it is in one.
    pub link: Option<String>,
    /// What its tokens are of, by name.
    pub namespaces: Vec<Namespace>,
    /// How much leaves at most, in each window.
    pub volume: crate::volume::Terms,
    /// How access for vital interests is looked at, and ends.
    pub vital_interests: crate::alert::incidents::VitalInterests,
    /// On what law it rests, and the terms that go with that.
    pub law: Law,
    /// What the partner is to the controller, by the register.
    pub relation: Option<Relation>,
    /// What is no fault but should be looked at, a sentence each, by line.
    pub warnings: Vec<String>,
}

/// How far an agreement is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not every role that must has approved its text: its requests are refused.
    Draft {
        /// The roles that have not.
        missing: Vec<String>,
    },
    /// It may be used once its term starts.
    Approved,
    /// It may be used.
    InForce,
    /// Its term is over.
    Ended,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Draft { missing } => write!(f, "draft, not approved by {}", missing.join(", ")),
            Self::Approved => f.write_str("approved, not started"),
            Self::InForce => f.write_str("in force"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

impl Agreement {
    /// How far it is at `now`.
    #[must_use]
    pub fn stage(&self, now: Timestamp) -> Stage {
        match &self.approved {
            _ if now >= self.term.until => Stage::Ended,
            Approved::Draft { missing, .. } => Stage::Draft {
                missing: missing.clone(),
            },
            Approved::NotAsked | Approved::Approved(_) if now < self.term.from => Stage::Approved,
            Approved::NotAsked | Approved::Approved(_) => Stage::InForce,
        }
    }

    /// Whose the keys of its tokens are: its own name, or that of the group that it is linked in.
    #[must_use]
    pub fn key_owner(&self) -> String {
        key_owner(
            self.name.as_str(),
            self.partner.as_str(),
            self.link.as_deref(),
        )
    }
}

/// Whose the keys are of the agreement `name` with `partner`, linked in `link`. A group belongs to one partner, so that no
/// two partners ever hold the same tokens.
fn key_owner(name: &str, partner: &str, link: Option<&str>) -> String {
    match link {
        Some(group) => format!("link.{partner}.{group}"),
        None => name.to_owned(),
    }
}

/// From when until when an agreement is in force, in days of the controller's time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The first instant in force: midnight at the start of `starts`.
    pub from: Timestamp,
    /// The first instant no longer in force: midnight at the end of `ends`.
    pub until: Timestamp,
    /// Its first day.
    pub starts: jiff::civil::Date,
    /// The day by which it is to be reviewed.
    pub review: Option<jiff::civil::Date>,
    /// Its last day.
    pub ends: jiff::civil::Date,
    /// The first instant after the day by which it is to be reviewed.
    pub review_until: Option<Timestamp>,
}

/// One thing an agreement permits.
#[derive(Debug)]
pub struct Disclosure {
    /// Its name within the agreement.
    pub name: DisclosureName,
    /// The entry of the register that it draws on.
    pub data_set: Option<String>,
    /// The purposes it is for: a subset of the agreement's.
    pub purposes: Vec<PurposeName>,
    /// On what ground each purpose may use the data set, by the register; none where there is no register.
    pub grounds: Vec<(PurposeName, Ground)>,
    /// The method it answers, upper case.
    pub method: &'static str,
    /// The path it answers.
    pub path: PathTemplate,
    /// The controller's system that pushes what leaves; `None` where the partner asks for it.
    pub pushed_by: Option<SystemName>,
    /// The service behind it; of a push, the partner's own, to which it goes.
    pub service: ServiceName,
    /// The path asked of the service; its variables are all in `path`.
    pub service_path: PathTemplate,
    /// Query parameters that reach the service as they came. Any but these and those of `identifiers` refuse a request.
    pub query: Vec<String>,
    /// Where the request's head names somebody, by a token or, in a push, by an identifier.
    pub identifiers: Identifiers,
    /// Request headers that reach the service, lower case, beyond those that the gateway itself sets.
    pub request_headers: Vec<String>,
    /// Response headers that reach whoever asked, lower case, beyond those that the gateway itself sets.
    pub response_headers: Vec<String>,
    /// Response headers that hold links, and how these reach the partner.
    pub links: Option<HeaderLinks>,
    /// The plan of the body that leaves: the response's, or of a push the request's.
    pub released: Arc<Plan>,
    /// The plan of the body that comes in from the partner: the request's, of which `None` refuses requests with a body,
    /// or of a push the response's, of which `None` passes on nothing.
    pub received: Option<Arc<Plan>>,
    /// The same without the fields that the register classes as of a special category; `None` where there are none.
    pub without_special: Option<WithoutSpecial>,
    /// The rules that `released` was compiled from.
    pub released_rules: BodyRules,
    /// The rules that `received` was compiled from.
    pub received_rules: Option<BodyRules>,
    /// Every `keep_all` of both bodies with its reason, for reviewers.
    pub kept_whole: Vec<KeptWhole>,
    /// What the body that leaves keeps from the people it is about, for reviewers.
    pub exemptions: Vec<Exemption>,
    /// Each body that passes without being looked into, for reviewers.
    pub opaque: Vec<OpaqueBody>,
}

impl Disclosure {
    /// Whether the controller pushes it, so that what leaves is the request's body.
    #[must_use]
    pub fn is_push(&self) -> bool {
        self.pushed_by.is_some()
    }

    /// Whether a query may have a parameter of this name, decoded.
    #[must_use]
    pub fn has_parameter(&self, name: &str) -> bool {
        self.query.iter().any(|agreed| agreed == name) || self.identifiers.query.contains_key(name)
    }

    /// The plan of the request's body; `None` refuses requests with a body.
    #[must_use]
    pub fn request_plan(&self) -> Option<&Arc<Plan>> {
        if self.is_push() {
            Some(&self.released)
        } else {
            self.received.as_ref()
        }
    }

    /// The plan of the response's body; `None` passes on nothing of it.
    #[must_use]
    pub fn response_plan(&self) -> Option<&Arc<Plan>> {
        if self.is_push() {
            self.received.as_ref()
        } else {
            Some(&self.released)
        }
    }

    /// On what ground `purpose` may use the data set; `None` where there is no register.
    #[must_use]
    pub fn ground(&self, purpose: &PurposeName) -> Option<&Ground> {
        let mut grounds = self.grounds.iter();
        let found = grounds.find(|(known, _)| known == purpose)?;
        Some(&found.1)
    }
}

/// A body that leaves without the fields that the register classes as of a special category.
#[derive(Debug)]
pub struct WithoutSpecial {
    /// Its plan.
    pub plan: Arc<Plan>,
    /// The rules that it was compiled from: those of the body, and a `drop` for each such field.
    pub rules: BodyRules,
}

/// Response headers that hold links.
#[derive(Debug)]
pub struct HeaderLinks {
    /// Of `location`, `content-location` and `link`.
    pub headers: Vec<&'static str>,
    /// What each link becomes.
    pub rewrite: Prepared,
}

/// A body that passes without being looked into, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueBody {
    /// Which: `request body` or `response`.
    pub body: &'static str,
    /// The media types agreed.
    pub types: Vec<String>,
    /// The reason as written.
    pub because: String,
}
