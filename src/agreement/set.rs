//! The agreements in force together, loaded whole or refused whole (P9).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::basis::Demand;
use super::file::{AgreementAsWritten, HINTS};
use super::router::Router;
use super::tables::Tables;
use super::{Agreement, AgreementName, PartnerName, ServiceName, SystemName, check};
use crate::approval::Policy;
use crate::charter::Charter;
use crate::minimise::Limits;
use crate::register::Register;
use crate::transform::Keys;
use crate::written::{Fault, Faults, Reader, Written};

/// One file's name, as faults give it, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name.
    pub name: &'a str,
    /// The text: YAML.
    pub text: &'a str,
}

/// What agreements are checked against.
#[derive(Debug, Clone)]
pub struct Context {
    /// The gateway's controller; `None` does not check it.
    pub controller: Option<String>,
    /// The partners that are configured; `None` does not check them.
    pub partners: Option<Vec<PartnerName>>,
    /// The services that are configured; `None` does not check them.
    pub services: Option<Vec<ServiceName>>,
    /// The controller's systems that push; `None` does not check them.
    pub systems: Option<Vec<SystemName>>,
    /// The controller's keys; without them rules that need keys are faults.
    pub keys: Option<Keys>,
    /// Bounds of request bodies.
    pub request_limits: Limits,
    /// Bounds of response bodies.
    pub response_limits: Limits,
    /// Where the days of terms begin and end.
    pub time_zone: TimeZone,
    /// The look-up tables that agreements name.
    pub tables: Tables,
    /// What agreements have to state.
    pub demand: Demand,
    /// Which approvals agreements need; `None` asks for none.
    pub approvals: Option<Policy>,
    /// The controller's register; without it agreements are held against none.
    pub register: Option<Arc<Register>>,
    /// The policies above agreements; without them nothing narrows these.
    pub charter: Option<Arc<Charter>>,
    /// Whether there is a store of subjects in which people can be looked up: then each record with a subject is. `None` does
    /// not check it, and looks nobody up.
    pub subjects: Option<bool>,
}

impl Context {
    /// A context that checks an agreement alone: any party, any service, keys that protect nothing.
    #[must_use]
    pub fn alone(time_zone: TimeZone) -> Self {
        Self {
            controller: None,
            partners: None,
            services: None,
            systems: None,
            keys: Some(Keys::stand_in()),
            request_limits: Limits::default(),
            response_limits: Limits::default(),
            time_zone,
            tables: Tables::none(),
            demand: Demand::default(),
            approvals: None,
            register: None,
            charter: None,
            subjects: None,
        }
    }
}

/// The agreements in force together: immutable, shared, replaced as one (P9).
#[derive(Debug, Default)]
pub struct AgreementSet {
    /// All of them, by name.
    pub agreements: Vec<Arc<Agreement>>,
    /// The register that they were held against.
    pub register: Option<Arc<Register>>,
    /// The policies that they stand under.
    pub charter: Option<Arc<Charter>>,
    pub(super) router: Router,
}

impl AgreementSet {
    /// Reads, checks and compiles all of `sources`, or none (P9).
    ///
    /// # Errors
    /// With every fault of every source, by file, line and column.
    pub fn load(sources: &[Source<'_>], context: &Context) -> Result<Self, Faults> {
        let reader = Reader::<AgreementAsWritten>::new(HINTS);
        let mut faults = Vec::new();
        let mut set = Self {
            register: context.register.clone(),
            charter: context.charter.clone(),
            ..Self::default()
        };
        let mut names: HashMap<AgreementName, String> = HashMap::new();
        let mut groups = Groups::default();
        let mut sources: Vec<&Source<'_>> = sources.iter().collect();
        sources.sort_by_key(|source| source.name);
        for source in sources {
            let Some(file) = reader.read(source.name, source.text, &mut faults) else {
                continue;
            };
            let Some(agreement) = check::check(&file, source.text, context, &mut faults) else {
                continue;
            };
            let agreement = Arc::new(agreement);
            if let Some(earlier) = names.insert(agreement.name.clone(), source.name.to_owned()) {
                file.fault(
                    &mut faults,
                    "/agreement",
                    format!("{earlier} has an agreement of this name; give each its own, or leave the older file out"),
                );
                continue;
            }
            for (index, disclosure) in agreement.disclosures.iter().enumerate() {
                if let Err(other) = set.router.add(&agreement, disclosure) {
                    file.fault(
                        &mut faults,
                        &format!("/disclosures/{index}/request"),
                        format!(
                            "disclosure `{}` of agreement {} answers this method and path for a same purpose in the same time; give one another path, purpose or term",
                            other.disclosure.name, other.agreement.name,
                        ),
                    );
                }
            }
            groups.take(agreement.clone(), file);
            set.agreements.push(agreement);
        }
        groups.check(&mut faults);
        Faults::none_of(faults)?;
        set.agreements.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(set)
    }

    /// The agreement named `name`.
    #[must_use]
    pub fn agreement(&self, name: &str) -> Option<&Arc<Agreement>> {
        self.agreements
            .binary_search_by(|agreement| agreement.name.as_str().cmp(name))
            .ok()
            .map(|at| &self.agreements[at])
    }
}

/// The groups of linked agreements in a set.
#[derive(Default)]
struct Groups(BTreeMap<(PartnerName, String), Vec<Linked>>);

/// An agreement of a group, and its file.
type Linked = (Arc<Agreement>, Written<AgreementAsWritten>);

impl Groups {
    fn take(&mut self, agreement: Arc<Agreement>, file: Written<AgreementAsWritten>) {
        if let Some(group) = &agreement.link {
            let key = (agreement.partner.clone(), group.clone());
            self.0.entry(key).or_default().push((agreement, file));
        }
    }

    /// Adds a fault at each group that one agreement names alone, and at each agreement of whose tokens another's group
    /// means something else.
    fn check(&self, faults: &mut Vec<Fault>) {
        for ((partner, group), members) in &self.0 {
            let [(first, file), others @ ..] = members.as_slice() else {
                continue;
            };
            if others.is_empty() {
                file.fault(
                    faults,
                    "/link",
                    format!("no other agreement with {partner} is linked in `{group}`; write link: {group} in the other one too, or leave it out here"),
                );
            }
            for (other, file) in others {
                for namespace in &other.namespaces {
                    let known = first
                        .namespaces
                        .iter()
                        .find(|known| known.name == namespace.name);
                    if let Some(known) =
                        known.filter(|known| known.written_as() != namespace.written_as())
                    {
                        file.fault(
                            faults,
                            "/link",
                            format!(
                                "`{}` is {} here and {} in the linked agreement {}, so that its tokens would not link; write the same `form` in both",
                                namespace.name,
                                namespace.written_as(),
                                known.written_as(),
                                first.name,
                            ),
                        );
                    }
                }
            }
        }
    }
}

/// The JSON Schema of an agreement's file, for editors: what `config/schema/agreement.json` holds.
#[must_use]
pub fn agreement_schema() -> String {
    crate::written::schema_text::<AgreementAsWritten>()
}
