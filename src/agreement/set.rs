//! The agreements in force together, loaded whole or refused whole (P9).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::basis::Demand;
use super::file::{AgreementAsWritten, HINTS};
use super::router::{Router, Routes};
use super::tables::Tables;
use super::totals::Totals;
use super::{Agreement, AgreementName, PartnerName, PurposeName, ServiceName, SystemName, check};
use crate::approval::Policy;
use crate::charter::Charter;
use crate::minimise::Limits;
use crate::plan::Plans;
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
    /// What of the agreements' standing is given and neither verified nor looked up: of a set of the past.
    pub as_was: Option<Arc<AsWas>>,
}

/// What of agreements no text says, as it was when a set ran: who had not approved, and whose keys were destroyed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AsWas {
    /// The roles whose approval was missing, by agreement.
    pub missing: BTreeMap<AgreementName, Vec<String>>,
    /// Agreements whose keys were destroyed.
    pub keys_destroyed: BTreeSet<AgreementName>,
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
            as_was: None,
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
    /// The purposes of all of them, sorted.
    purposes: Vec<PurposeName>,
}

impl AgreementSet {
    /// Reads, checks and compiles all of `sources`, or none (P9).
    ///
    /// # Errors
    /// With every fault of every source, by file, line and column.
    pub fn load(sources: &[Source<'_>], context: &Context) -> Result<Self, Faults> {
        let checking = Checking::new(context);
        let checked = sources.iter().map(|source| checking.check(source));
        Self::of(checked.collect(), context)
    }

    /// As [`AgreementSet::load`], of files that were `checked` against `context`.
    ///
    /// # Errors
    /// As [`AgreementSet::load`].
    pub fn of(mut checked: Vec<Checked>, context: &Context) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut set = Self {
            register: context.register.clone(),
            charter: context.charter.clone(),
            ..Self::default()
        };
        let mut names: HashMap<AgreementName, String> = HashMap::new();
        let mut groups = Groups::default();
        let mut routes = Routes::default();
        let mut totals = Totals::default();
        checked.sort_by(|a, b| a.name.cmp(&b.name));
        for source in checked {
            faults.extend(source.faults);
            let Some((file, agreement)) = source.agreement else {
                continue;
            };
            let agreement = Arc::new(agreement);
            if let Some(earlier) = names.insert(agreement.name.clone(), source.name) {
                file.fault(
                    &mut faults,
                    "/agreement",
                    format!("{earlier} has an agreement of this name; give each its own, or leave the older file out"),
                );
                continue;
            }
            for index in 0..agreement.disclosures.len() {
                if let Err((other, taken)) = routes.add(&agreement, index) {
                    file.fault(
                        &mut faults,
                        &format!("/disclosures/{index}/request"),
                        format!(
                            "disclosure `{}` of agreement {} answers this method and path for a same purpose in the same time; give one another path, purpose or term",
                            taken.name, other.name,
                        ),
                    );
                }
                if let Err((other, place)) = totals.add(&agreement, index) {
                    let body = match agreement.disclosures[index].pushed_by {
                        Some(_) => "request_body",
                        None => "response",
                    };
                    file.fault(
                        &mut faults,
                        &format!("/disclosures/{index}/{body}/aggregate/rule"),
                        format!(
                            "disclosure `{}` of agreement {} has totals of the same data for {} under another rule, and both together can tell what each hides; give both one rule, or leave the totals out of one",
                            other.disclosures[place].name, other.name, other.partner,
                        ),
                    );
                }
            }
            groups.take(agreement.clone(), file);
            set.agreements.push(agreement);
        }
        groups.check(&mut faults);
        Faults::none_of(faults)?;
        set.router = routes.done();
        set.agreements.sort_by(|a, b| a.name.cmp(&b.name));
        let purposes = set.agreements.iter().flat_map(|one| &one.purposes);
        set.purposes = purposes.map(|purpose| purpose.name.clone()).collect();
        set.purposes.sort_unstable();
        set.purposes.dedup();
        Ok(set)
    }

    /// The purpose named `name`, if some agreement has it.
    #[must_use]
    pub fn purpose(&self, name: &str) -> Option<&PurposeName> {
        let at = self
            .purposes
            .binary_search_by(|purpose| purpose.as_str().cmp(name));
        Some(&self.purposes[at.ok()?])
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

/// Checks the files of one set, each by itself: they know nothing of each other, so several may be checked at once.
pub struct Checking<'a> {
    reader: Reader<AgreementAsWritten>,
    /// What several of them share.
    plans: Plans,
    context: &'a Context,
}

/// What became of one file. [`AgreementSet::of`] makes a set of all.
pub struct Checked {
    name: String,
    /// The agreement, which may still not fit the others, and its file; `None` with at least one fault.
    agreement: Option<(Written<AgreementAsWritten>, Agreement)>,
    faults: Vec<Fault>,
}

impl<'a> Checking<'a> {
    /// Checks against `context`.
    #[must_use]
    pub fn new(context: &'a Context) -> Self {
        Self {
            reader: Reader::new(HINTS),
            plans: Plans::default(),
            context,
        }
    }

    /// Reads, checks and compiles `source`.
    #[must_use]
    pub fn check(&self, source: &Source<'_>) -> Checked {
        let mut faults = Vec::new();
        let file = self.reader.read(source.name, source.text, &mut faults);
        let agreement = file.and_then(|file| {
            let (context, plans) = (self.context, &self.plans);
            let agreement = check::check(&file, source.text, context, plans, &mut faults)?;
            Some((file, agreement))
        });
        Checked {
            name: source.name.to_owned(),
            agreement,
            faults,
        }
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
