//! The table of grounds: what an agreement wants to disclose, held against the register.

use std::fmt;

use super::touched::{Touched, Ways};
use super::{DataSet, Field, Recipient, Register, Relation, Sensitivity, Statute, Subjects};
use crate::agreement::{PartnerName, PurposeName, Role, ServiceName};
use crate::plan::{Action, BodyRules, Format};
use crate::written::nearest;

/// Names that a message lists at most.
const LISTED: usize = 8;

/// What an agreement wants to disclose: all that the register decides by.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The data set that it draws on.
    pub data_set: Option<&'a str>,
    /// Who is to get it.
    pub partner: &'a PartnerName,
    /// What for.
    pub purposes: &'a [ProposedPurpose<'a>],
    /// The controller's system that holds it: the service behind it, or that which pushes.
    pub service: &'a ServiceName,
    /// The method, upper case.
    pub method: &'a str,
    /// The request's path has a variable, so that it asks for something in particular.
    pub particular: bool,
    /// The rules of the body that leaves.
    pub rules: &'a BodyRules,
    /// Which of the rules say why.
    pub reasons: &'a [bool],
    /// The agreement cites the power that it rests on.
    pub power: bool,
}

/// A purpose that an agreement wants to disclose for.
#[derive(Debug, Clone, Copy)]
pub struct ProposedPurpose<'a> {
    /// Its name.
    pub name: &'a PurposeName,
    /// The roles that may declare it; empty is every one.
    pub roles: &'a [Role],
    /// A request for it has to name its case.
    pub reference: bool,
}

/// On what ground data may be used for a purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// It was collected for it, or for a purpose that covers it.
    SamePurpose,
    /// The people concerned were told of it.
    Notice {
        /// The notice.
        id: String,
        /// The newest version that says so.
        version: u32,
    },
    /// A statute opens it.
    Statute {
        /// Its name in the register.
        name: String,
        /// The provision.
        citation: String,
    },
    /// The charter lets the controller use its data for other functions of its own.
    CompatibleUse,
}

impl Ground {
    /// Its stable name: in the ledger and in reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SamePurpose => "same_purpose",
            Self::Notice { .. } => "notice",
            Self::Statute { .. } => "statute",
            Self::CompatibleUse => "compatible_use",
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SamePurpose => f.write_str("it was collected for this purpose"),
            Self::Notice { id, version } => {
                write!(f, "people were told of it by {id} version {version}")
            }
            Self::Statute { citation, .. } => write!(f, "{citation} opens it"),
            Self::CompatibleUse => f.write_str("a compatible use within the controller"),
        }
    }
}

/// What stands against a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What of the disclosure is at fault.
    pub part: Part,
    /// What is wrong and what to write instead, one sentence.
    pub message: String,
}

/// A part of a disclosure, or of its agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The agreement's partner.
    Partner,
    /// The power that the agreement rests on.
    Power,
    /// The countries in which the partner may hold data.
    Territory,
    /// How long it may keep it.
    Retention,
    /// How what leaves is marked.
    Marking,
    /// How much leaves at most.
    Quota,
    /// The disclosure's data set.
    DataSet,
    /// Its purpose at this index.
    Purpose(usize),
    /// Its service's name.
    Service,
    /// Its method and path.
    Request,
    /// The response's rule at this index of [`BodyRules::fields`].
    Rule(usize),
    /// The response.
    Response,
}

pub(super) fn admit(
    register: &Register,
    proposal: &Proposal<'_>,
    compatible_use: bool,
) -> Result<Vec<(PurposeName, Ground)>, Vec<Objection>> {
    let mut admission = Admission {
        register,
        proposal,
        compatible_use,
        objections: Vec::new(),
        unlisted: Vec::new(),
    };
    let grounds = admission.decide();
    let Admission {
        mut objections,
        unlisted,
        ..
    } = admission;
    let mut told: Vec<usize> = Vec::new();
    objections.retain(|objection| match objection.part {
        Part::Rule(index) if unlisted.contains(&index) => {
            let first = !told.contains(&index);
            told.push(index);
            first
        }
        Part::Partner
        | Part::Power
        | Part::Territory
        | Part::Retention
        | Part::Marking
        | Part::Quota
        | Part::DataSet
        | Part::Purpose(_)
        | Part::Service
        | Part::Request
        | Part::Rule(_)
        | Part::Response => true,
    });
    match grounds {
        Some(grounds) if objections.is_empty() => Ok(grounds),
        Some(_) | None => Err(objections),
    }
}

struct Admission<'a> {
    register: &'a Register,
    proposal: &'a Proposal<'a>,
    compatible_use: bool,
    objections: Vec<Objection>,
    /// Rules that let more through than is listed: nothing more is said of these.
    unlisted: Vec<usize>,
}

impl<'a> Admission<'a> {
    fn object(&mut self, part: Part, message: impl Into<String>) {
        self.objections.push(Objection {
            part,
            message: message.into(),
        });
    }

    fn decide(&mut self) -> Option<Vec<(PurposeName, Ground)>> {
        let (register, proposal) = (self.register, self.proposal);
        let relation = register.relation(proposal.partner);
        if relation.is_none() {
            self.object(
                Part::Partner,
                format!(
                    "the register's parties have no `{0}`; add - {{ name: {0}, relation: external }} there, or what it is",
                    proposal.partner
                ),
            );
        }
        let data_set = self.data_set()?;
        let relation = relation?;
        if data_set.service != *proposal.service {
            self.object(
                Part::Service,
                format!(
                    "the register has `{}` in the service `{}`; write that, or change the register",
                    data_set.name, data_set.service
                ),
            );
        }
        let ways = Ways::of(data_set, proposal.rules);
        let touched = ways.touched();
        self.fields_are_listed(data_set, &ways);
        self.identifiers_have_reasons(data_set, &touched);
        let mut grounds = Vec::new();
        for (index, purpose) in proposal.purposes.iter().enumerate() {
            let Some(recipient) = self.recipient(data_set, index, purpose.name) else {
                continue;
            };
            let ground = self.ground(data_set, relation, index, &touched);
            match relation {
                Relation::Public => self.public(recipient, data_set, &touched),
                Relation::Councillor => self.councillor(index, purpose),
                Relation::Internal | Relation::Processor | Relation::External => {}
            }
            grounds.extend(ground.map(|ground| (purpose.name.clone(), ground)));
        }
        let secondary = grounds
            .iter()
            .find(|(_, ground)| *ground != Ground::SamePurpose);
        if let Some((purpose, _)) = secondary
            && !proposal.power
        {
            let message = format!(
                "`{}` was not collected for {purpose}, so the agreement cites the power to use it for that; write basis: {{ power: … }}",
                data_set.name
            );
            self.object(Part::Power, message);
        }
        Some(grounds)
    }

    fn data_set(&mut self) -> Option<&'a DataSet> {
        let names: Vec<&str> = self
            .register
            .data_sets
            .iter()
            .map(|data_set| data_set.name.as_str())
            .collect();
        let Some(name) = self.proposal.data_set else {
            let message = format!(
                "with a register a disclosure says what it draws on; write data_set: with one of {}",
                listed(&names)
            );
            self.object(Part::DataSet, message);
            return None;
        };
        let found = self.register.data_set(name);
        if found.is_none() {
            let write = match nearest(name, &names) {
                Some(near) => format!("did you mean {near}?"),
                None => "add it there, with its fields, before anything of it is shared".to_owned(),
            };
            self.object(
                Part::DataSet,
                format!("the register has no data set `{name}`; {write}"),
            );
        }
        found
    }

    /// The register's entry by which the partner gets the data set for this purpose.
    fn recipient(
        &mut self,
        data_set: &'a DataSet,
        index: usize,
        purpose: &PurposeName,
    ) -> Option<&'a Recipient> {
        let partner = self.proposal.partner;
        if !self.register.has_purpose(purpose) {
            let known: Vec<&str> = self
                .register
                .purposes
                .iter()
                .map(|purpose| purpose.name.as_str())
                .collect();
            let write = match nearest(purpose.as_str(), &known) {
                Some(near) => format!("did you mean {near}?"),
                None => "add it to the register's purposes".to_owned(),
            };
            let message = format!("the register has no purpose `{purpose}`; {write}");
            self.object(Part::Purpose(index), message);
            return None;
        }
        let found = data_set.recipients.iter().find(|recipient| {
            recipient.partner == *partner && self.register.is_within(purpose, &recipient.purposes)
        });
        if found.is_none() {
            let message = format!(
                "not registered: `{}` for {purpose} to {partner}; add - {{ partner: {partner}, purposes: [{purpose}] }} to the data set's recipients in the register",
                data_set.name
            );
            self.object(Part::Purpose(index), message);
        }
        found
    }

    /// The ground of one purpose: the first that holds, of same purpose, notice, statute and compatible use.
    fn ground(
        &mut self,
        data_set: &'a DataSet,
        relation: Relation,
        index: usize,
        touched: &[Touched<'_>],
    ) -> Option<Ground> {
        let register = self.register;
        let purpose = &self.proposal.purposes[index];
        if register.is_within(purpose.name, &data_set.collected_for) {
            return Some(Ground::SamePurpose);
        }
        let mut naming = data_set
            .notices
            .iter()
            .filter(|notice| register.is_within(purpose.name, &notice.purposes));
        let newest = naming.clone().next_back();
        let all_name_it = naming.by_ref().count() == data_set.notices.len();
        if let Some(notice) = newest
            && (all_name_it || data_set.collected_at.is_some())
        {
            return Some(Ground::Notice {
                id: notice.id.clone(),
                version: notice.version,
            });
        }
        let mut against = Vec::new();
        for statute in &register.statutes {
            if !register.is_within(purpose.name, &statute.purposes) {
                continue;
            }
            let found = self.against(statute, data_set, relation, index, touched);
            if found.is_empty() {
                return Some(Ground::Statute {
                    name: statute.name.clone(),
                    citation: statute.citation.clone(),
                });
            }
            if against.is_empty() {
                against = found;
            }
        }
        if !against.is_empty() {
            self.objections.append(&mut against);
            return None;
        }
        if relation == Relation::Internal && self.compatible_use && !data_set.locked {
            return Some(Ground::CompatibleUse);
        }
        let message = if newest.is_some() {
            format!(
                "some notices of `{}` do not say {}; write in the register collected_at: where a record says when it was collected, so that the records of their time stay behind",
                data_set.name, purpose.name
            )
        } else {
            let locked = if data_set.locked { " and locked" } else { "" };
            format!(
                "purpose_incompatible: `{}` was collected for {}{locked}; no notice says {} and no statute of the register opens it; add one of these to the register, or leave the purpose out",
                data_set.name,
                listed(&names(&data_set.collected_for)),
                purpose.name
            )
        };
        self.object(Part::Purpose(index), message);
        None
    }

    /// What stands against resting a purpose on `statute`.
    fn against(
        &self,
        statute: &Statute,
        data_set: &DataSet,
        relation: Relation,
        index: usize,
        touched: &[Touched<'_>],
    ) -> Vec<Objection> {
        let proposal = self.proposal;
        let mut against = Vec::new();
        let mut object = |part, message| against.push(Objection { part, message });
        let Statute { citation, .. } = statute;
        if !statute.opens(&data_set.name) {
            object(
                Part::DataSet,
                format!("{citation} does not open `{}`; leave it out", data_set.name),
            );
        }
        if let Some(relations) = &statute.relations
            && !relations.contains(&relation)
        {
            let words: Vec<&str> = relations.iter().map(|relation| relation.word()).collect();
            object(
                Part::Partner,
                format!(
                    "{citation} opens data to what is {} to the controller; the register says that {} is {}",
                    listed(&words),
                    proposal.partner,
                    relation.word()
                ),
            );
        }
        if let Some(cap) = &statute.fields {
            for field in touched {
                let capped = field
                    .category
                    .is_none_or(|category| !cap.iter().any(|known| known == category));
                if capped && !is_of_the_envelope(data_set, field) {
                    let cap: Vec<&str> = cap.iter().map(String::as_str).collect();
                    object(
                        field.rule.map_or(Part::Response, Part::Rule),
                        format!(
                            "under {citation} go {} alone; `{}` is none of them: leave it out, or drop it",
                            listed(&cap),
                            field.field
                        ),
                    );
                }
            }
        }
        if !statute.roles.is_empty() {
            let roles = proposal.purposes[index].roles;
            let asks = !roles.is_empty() && roles.iter().all(|role| statute.roles.contains(role));
            if !asks {
                object(
                    Part::Purpose(index),
                    format!(
                        "{citation} is for {1}; write in the agreement's purposes {0}: {{ text: …, roles: [{1}] }}",
                        proposal.purposes[index].name,
                        listed(&roles_of(statute)),
                    ),
                );
            }
        }
        if statute.inspection
            && let Some(message) = self.bulk(citation)
        {
            object(Part::Request, message);
        }
        against
    }

    /// Why the disclosure is not one record that is looked at; `by` asks for that.
    fn bulk(&self, by: &str) -> Option<String> {
        let proposal = self.proposal;
        let one = proposal
            .rules
            .record
            .as_ref()
            .is_none_or(|record| record.query().segments.is_empty());
        let looked_at = proposal.method == "GET" && proposal.particular && one;
        (!looked_at).then(|| {
            format!(
                "{by} lets one record be looked at, never many; write GET and a path with a variable, and record: $"
            )
        })
    }

    fn fields_are_listed(&mut self, data_set: &DataSet, ways: &Ways<'_>) {
        let rules = self.proposal.rules;
        let name = &data_set.name;
        if matches!(rules.format, Format::Opaque(_)) && !ways.is_whole_listed() {
            let message = format!(
                "an opaque body is more than the fields that the register lists for `{name}`; register the document as a data set of its own, with the one field {{ path: $, whole: true }}"
            );
            self.object(Part::Response, message);
        }
        for (index, rule) in rules.fields.iter().enumerate() {
            if matches!(rule.action, Action::Drop) || ways.is_listed(index) {
                continue;
            }
            let met = ways.met(index);
            let text = rule.selector.text();
            let write = match met.as_slice() {
                [] => self.unlisted(data_set, text),
                met => {
                    let met: Vec<&str> = met.iter().map(|field| field.path.as_str()).collect();
                    format!("name its fields one by one: {}", listed(&met))
                }
            };
            let message =
                format!("lets more through than the register lists for `{name}`; {write}");
            self.object(Part::Rule(index), message);
            self.unlisted.push(index);
        }
    }

    fn unlisted(&self, data_set: &DataSet, text: &str) -> String {
        let known: Vec<&str> = data_set
            .fields
            .iter()
            .map(|field| field.path.as_str())
            .collect();
        match nearest(text, &known) {
            Some(near) => format!("did you mean {near}?"),
            None => "add - { path: …, sensitivity: … } to its fields there, or leave the rule out; a record's fields are written from `record`".to_owned(),
        }
    }

    /// An identifier that leaves as it is says why it has to.
    fn identifiers_have_reasons(&mut self, data_set: &DataSet, touched: &[Touched<'_>]) {
        for field in touched {
            let Some(kind) = field.identifier.filter(|_| field.is_raw()) else {
                continue;
            };
            let person = data_set
                .fields
                .iter()
                .any(|known| known.path == field.field && known.about == Subjects::Person);
            let Some(rule) = field.rule else { continue };
            let reasoned = self.proposal.reasons.get(rule).copied().unwrap_or(false);
            if person && !reasoned {
                let message = format!(
                    "`{}` is an identifier ({}); tokenise or pseudonymise it, or say by because: why it has to leave as it is",
                    field.field,
                    kind.word()
                );
                self.object(Part::Rule(rule), message);
            }
        }
    }

    /// What goes to everybody names nobody. A table's fields do not leave: what is made of them does.
    fn public(&mut self, recipient: &Recipient, data_set: &DataSet, touched: &[Touched<'_>]) {
        for field in touched {
            let part = field.rule.map_or(Part::Response, Part::Rule);
            if field.identifier.is_some() {
                let message = format!(
                    "`{}` is an identifier, which nobody may publish; leave it out",
                    field.field
                );
                self.object(part, message);
            } else if field.sensitivity != Sensitivity::Plain
                && recipient.cleared.is_none()
                && self.proposal.rules.aggregate.is_none()
            {
                let message = format!(
                    "`{}` is {}, and {} is public; disclose a table (aggregate), or have the data-protection officer clear it: cleared: … at the recipient of `{}` in the register",
                    field.field,
                    field.sensitivity.word(),
                    recipient.partner,
                    data_set.name
                );
                self.object(part, message);
            }
        }
    }

    /// A councillor gets what they need to know: of one case, of their ward.
    fn councillor(&mut self, index: usize, purpose: &ProposedPurpose<'_>) {
        if !purpose.reference {
            let message = format!(
                "a councillor asks for a case that they name; write in the agreement's purposes {}: {{ text: …, reference: required }}",
                purpose.name
            );
            self.object(Part::Purpose(index), message);
        }
        if self.proposal.rules.release_if.is_none() {
            self.object(
                Part::Response,
                "a councillor gets records of their ward alone; write release_if: with the ward, for example @.ward == 'ventnor'",
            );
        }
        if let Some(message) = self.bulk("a councillor's need to know") {
            self.object(Part::Request, message);
        }
    }
}

impl Statute {
    /// Whether it opens the data set named `name`.
    #[must_use]
    pub fn opens(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|known| known == name);
        self.data_sets.as_deref().is_none_or(named) && !named(&self.except)
    }
}

/// Whether `touched` says nothing of a person: a plain field around the records, such as a page's number.
fn is_of_the_envelope(data_set: &DataSet, touched: &Touched<'_>) -> bool {
    let field = |field: &Field| field.path == touched.field && field.from_document;
    touched.sensitivity == Sensitivity::Plain && data_set.fields.iter().any(field)
}

fn roles_of(statute: &Statute) -> Vec<&str> {
    statute.roles.iter().map(Role::as_str).collect()
}

fn names(purposes: &[PurposeName]) -> Vec<&str> {
    purposes.iter().map(PurposeName::as_str).collect()
}

/// The first of `words`, and that there are more.
pub(super) fn listed(words: &[&str]) -> String {
    match words.get(..LISTED) {
        Some(first) if words.len() > LISTED => format!("{} …", first.join(", ")),
        Some(_) | None => words.join(", "),
    }
}
