//! An agreement as written to an [`Agreement`] as meant, or every fault it has.
//!
//! Pure: no files, no clock, no network. An agreement that has ended or not started is no fault; it loads,
//! and refuses with its date.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::file::{
    AgreementAsWritten, BodyAsWritten, DisclosureAsWritten, FormatAsWritten, ParametersAsWritten,
    TermAsWritten,
};
use super::namespaces::{Forms, Namespaces};
use super::rules::{Beside, Body};
use super::tables::{Tables, hash_with_tables};
use super::{
    Agreement, AgreementName, Context, Disclosure, DisclosureName, OpaqueBody, PartnerName,
    PathTemplate, Purpose, PurposeName, ServiceName, Term, Touched, WithoutSpecial, key_owner,
};
use super::{basis, headers, identifiers, layers, purpose, rights, volume};
use crate::approval;
use crate::plan::{Plan, PlanKeys, Plans};
use crate::transform::{Keys, NoKeys};
use crate::written::text::{Day, HeaderText, Name};
use crate::written::{Fault, Written, nearest};

/// The methods that a disclosure may answer.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) type File = Written<AgreementAsWritten>;

/// Checks `file`, whose text was `text`; `plans` are those of the set. `None` adds at least one fault.
pub(super) fn check(
    file: &File,
    text: &str,
    context: &Context,
    plans: &Plans,
    faults: &mut Vec<Fault>,
) -> Option<Agreement> {
    let written = &file.value;
    let name = written.agreement.as_ref().map(|name| name.0.as_str());
    let parties = written.parties.as_ref();
    let partner = parties.and_then(|parties| parties.partner.as_ref());
    if let Some(controller) = parties.and_then(|parties| parties.controller.as_ref())
        && let Some(known) = &context.controller
        && controller.0 != *known
    {
        file.fault(
            faults,
            "/parties/controller",
            format!("this gateway's controller is {known}; write that"),
        );
    }
    if let (Some(partner), Some(known)) = (partner, &context.partners) {
        let known: Vec<&str> = known.iter().map(PartnerName::as_str).collect();
        known_name(file, "/parties/partner", "partner", partner, &known, faults);
    }
    let term = written
        .term
        .as_ref()
        .and_then(|term| check_term(file, term, &context.time_zone, faults));
    let purposes = written
        .purposes
        .as_ref()
        .map(|purposes| purpose::check(file, purposes, context, faults))
        .unwrap_or_default();
    rights::check_disclosures(file, written, &purposes, faults);
    let link = written.link.as_ref().map(|group| group.0.as_str());
    let owner = name
        .zip(partner)
        .map(|(name, partner)| key_owner(name, &partner.0, link));
    let own_keys = match (&context.keys, &owner) {
        (Some(keys), Some(owner)) => keys.of(owner).map_err(Some),
        // Without a name nothing can be said of its keys; the fault is the name's.
        (Some(_), None) => Keys::stand_in().of("").map_err(Some),
        (None, Some(_) | None) => Err(None),
    };
    // No fault of the set: the other agreements go on, and every request under this one is refused.
    let called = name.map(AgreementName::new);
    let was = context.as_was.as_deref().zip(called.as_ref());
    let keys_destroyed = matches!(own_keys, Err(Some(NoKeys::Destroyed { .. })))
        || was.is_some_and(|(was, name)| was.keys_destroyed.contains(name));
    let own_keys = match own_keys {
        Err(_) if keys_destroyed => Keys::stand_in().of("").map_err(Some),
        own_keys => own_keys,
    };
    let keys = PlanKeys {
        agreement: own_keys.as_ref().ok().cloned(),
        subject: context.keys.as_ref().map(Keys::subject),
    };
    let tables = context.tables.of_one();
    let mut disclosures = Vec::new();
    let mut namespaces = Namespaces::default();
    let mut warnings = Vec::new();
    let mut touched = Vec::new();
    let forms = forms(written);
    let mut complete = true;
    let all = written.disclosures.as_deref().unwrap_or_default();
    for (index, disclosure) in all.iter().enumerate() {
        let check = DisclosureCheck {
            file,
            context,
            tables: &tables,
            plans,
            purposes: &purposes,
            ends: term.as_ref().map(|term| term.ends),
            keys: &keys,
            no_keys: own_keys.as_ref().err(),
            forms: &forms,
            pointer: format!("/disclosures/{index}"),
        };
        if let Some(name) = &disclosure.name
            && all[..index]
                .iter()
                .any(|earlier| earlier.name.as_ref() == Some(name))
        {
            file.fault(
                faults,
                &check.at("name"),
                format!("a second disclosure `{}`; give each its own name", name.0),
            );
        }
        match check.disclosure(
            disclosure,
            &mut namespaces,
            &mut warnings,
            &mut touched,
            faults,
        ) {
            Some(disclosure) => disclosures.push(Arc::new(disclosure)),
            None => complete = false,
        }
    }
    let namespaces = namespaces.all();
    let ends = term.as_ref().map(|term| term.ends);
    let law = basis::law(file, &purposes, touched, ends, context.demand, faults);
    let tables = tables.named();
    let approved = match (&context.approvals, name, written.version) {
        (Some(policy), Some(name), Some(version)) => {
            let document = approval::Document {
                kind: approval::Kind::Agreement,
                name,
                version,
                text,
                tables: &tables,
                sign_off: &layers::sign_off(context, written),
            };
            approval::verify(&document, file.file(), policy, faults)
        }
        (None, _, _) | (_, None, _) | (_, _, None) => {
            let missing = was.and_then(|(was, name)| was.missing.get(name));
            missing.map_or(approval::Approved::NotAsked, |missing| {
                approval::Approved::Draft {
                    missing: missing.clone(),
                    by: Vec::new(),
                }
            })
        }
    };
    // Another agreement of a group may tokenise what this one turns back.
    if link.is_none() {
        identifiers::refuse_unknown(file, &namespaces, faults);
    }
    let beside = volume::Beside {
        purposes: &purposes,
        disclosures: &disclosures,
        has_keys: context.keys.is_some(),
    };
    let volume = volume::terms(file, &beside, faults);
    let vital_interests = volume::vital_interests(file, &beside, &mut warnings, faults);
    let text_hash = data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    Some(Agreement {
        name: AgreementName::new(name?),
        version: written.version?,
        title: written.title.as_ref()?.0.clone(),
        controller: parties?.controller.as_ref()?.0.clone(),
        partner: PartnerName::new(&partner?.0),
        term: term?,
        purposes,
        hash: hash_with_tables(&text_hash, &tables),
        text_hash,
        tables,
        marking: written.marking.as_ref().map(|marking| marking.0.clone()),
        disclosures: complete.then_some(disclosures)?,
        link: link.map(str::to_owned),
        namespaces,
        keys_destroyed,
        volume,
        vital_interests,
        law,
        approved,
        relation: partner.and_then(|partner| {
            let register = context.register.as_ref()?;
            register.relation(&PartnerName::new(&partner.0))
        }),
        warnings,
    })
}

/// How the identifiers of each namespace are written, as any of the agreement's rules says.
fn forms(written: &AgreementAsWritten) -> Forms {
    let mut forms = Forms::default();
    for disclosure in written.disclosures.iter().flatten() {
        if let Some(parameters) = &disclosure.parameters {
            identifiers::take_forms(parameters, &mut forms);
        }
        if let Some(body) = &disclosure.request_body {
            forms.take(&body.body());
        }
        if let Some(response) = &disclosure.response {
            forms.take(&response.body());
        }
    }
    forms
}

/// Adds a fault if `name` is none of `known`.
pub(super) fn known_name(
    file: &File,
    pointer: &str,
    kind: &str,
    name: &Name,
    known: &[&str],
    faults: &mut Vec<Fault>,
) {
    if !known.contains(&name.0.as_str()) {
        let write = match nearest(&name.0, known) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => format!("add it to the gateway configuration's `{kind}s`"),
            None => format!("the configuration has {}", known.join(", ")),
        };
        file.fault(
            faults,
            pointer,
            format!("no {kind} `{}` is configured; {write}", name.0),
        );
    }
}

fn check_term(
    file: &File,
    term: &TermAsWritten,
    zone: &TimeZone,
    faults: &mut Vec<Fault>,
) -> Option<Term> {
    let mut day = |key: &str, day: &Option<Day>| -> Option<Date> {
        let day = day.as_ref()?;
        match day.0.parse::<Date>() {
            Ok(date) => Some(date),
            Err(_) => {
                file.fault(
                    faults,
                    &format!("/term/{key}"),
                    format!("`{key}` is a day that the calendar does not have"),
                );
                None
            }
        }
    };
    let starts = day("starts", &term.starts);
    let review = day("review", &term.review);
    let ends = day("ends", &term.ends);
    let (starts, ends) = (starts?, ends?);
    if starts > ends {
        file.fault(
            faults,
            "/term/ends",
            format!("the term ends before it starts ({starts}); write a later day"),
        );
        return None;
    }
    if let Some(review) = review
        && (review < starts || review > ends)
    {
        file.fault(
            faults,
            "/term/review",
            format!("the review is outside the term; write a day from {starts} to {ends}"),
        );
        return None;
    }
    let midnight = |date: Date| {
        date.to_zoned(zone.clone())
            .ok()
            .map(|midnight| midnight.timestamp())
    };
    let from = midnight(starts);
    let until = ends.tomorrow().ok().and_then(midnight);
    match (from, until) {
        (Some(from), Some(until)) => Some(Term {
            starts,
            review,
            ends,
            review_until: review
                .and_then(|review| review.tomorrow().ok())
                .and_then(midnight),
            from,
            until,
        }),
        (None, _) | (_, None) => {
            file.fault(
                faults,
                "/term",
                "the term is too far away; write days of this century",
            );
            None
        }
    }
}

/// What a reviewer calls the body that stands at `at` in a disclosure.
fn body_name(at: &str) -> &'static str {
    if at == "response" {
        "response"
    } else {
        "request body"
    }
}

/// What a reviewer reads of `body`, if it is opaque.
fn opaque_body(name: &'static str, body: &BodyAsWritten<'_>) -> Option<OpaqueBody> {
    (body.format == Some(FormatAsWritten::Opaque)).then(|| OpaqueBody {
        body: name,
        types: body
            .types
            .unwrap_or_default()
            .iter()
            .map(|text| text.0.clone())
            .collect(),
        because: body
            .because
            .map(|words| words.0.clone())
            .unwrap_or_default(),
    })
}

/// What one disclosure is checked against.
pub(super) struct DisclosureCheck<'a> {
    pub(super) file: &'a File,
    pub(super) context: &'a Context,
    /// Through which the agreement's own tables are read.
    pub(super) tables: &'a Tables,
    plans: &'a Plans,
    pub(super) purposes: &'a [Purpose],
    /// The agreement's last day, if it has one.
    pub(super) ends: Option<Date>,
    pub(super) keys: &'a PlanKeys,
    /// Why the agreement has no keys; `Some(None)` where nobody has any.
    pub(super) no_keys: Option<&'a Option<NoKeys>>,
    /// How the identifiers of each namespace are written.
    pub(super) forms: &'a Forms,
    pointer: String,
}

impl DisclosureCheck<'_> {
    pub(super) fn at(&self, below: &str) -> String {
        format!("{}/{below}", self.pointer)
    }

    fn disclosure(
        &self,
        disclosure: &DisclosureAsWritten,
        namespaces: &mut Namespaces,
        warnings: &mut Vec<String>,
        touched: &mut Vec<Touched>,
        faults: &mut Vec<Fault>,
    ) -> Option<Disclosure> {
        let purposes = self.purposes(disclosure.purposes.as_deref().unwrap_or_default(), faults);
        let request = disclosure
            .request
            .as_ref()
            .and_then(|line| self.request(&line.0, faults));
        let (beyond_at, beyond) = disclosure.beyond();
        if let (Some(name), Some(known)) = (beyond, &self.context.services) {
            let known: Vec<&str> = known.iter().map(ServiceName::as_str).collect();
            let at = self.at(beyond_at);
            known_name(self.file, &at, "service", name, &known, faults);
        }
        let (path_at, path) = disclosure.beyond_path();
        let service_path = path.and_then(|path| {
            PathTemplate::parse(&path.0)
                .map_err(|error| self.file.fault(faults, &self.at(path_at), error.0))
                .ok()
        });
        let nothing = ParametersAsWritten::default();
        let parameters = disclosure.parameters.as_ref().unwrap_or(&nothing);
        if let Some((_, path)) = &request {
            self.variables(path, (path_at, service_path.as_ref()), parameters, faults);
        }
        let kept = parameters
            .query
            .as_ref()
            .and_then(|query| query.keep.as_deref())
            .unwrap_or_default();
        let query: Vec<String> = kept.iter().map(|name| name.0.clone()).collect();
        let kept = parameters
            .headers
            .as_ref()
            .and_then(|headers| headers.keep.as_deref());
        let request_headers = self.headers("parameters/headers", kept, faults);
        let kept = (&*query, &*request_headers);
        let identifiers = self.identifiers(disclosure, parameters, kept, namespaces, faults);
        let pushed_by = self.pushed_by(disclosure, faults);

        if let (Some(_), Some(("GET" | "DELETE", _))) = (&disclosure.request_body, &request) {
            self.file.fault_at_key(
                faults,
                &self.at("request_body"),
                "a GET or DELETE has no body; leave `request_body` out",
            );
        }
        let mut opaque = Vec::new();
        let received_at = disclosure.received_at();
        let received = disclosure.body_at(received_at).map(|written| {
            opaque.extend(opaque_body(body_name(received_at), &written));
            let at = self.at(received_at);
            let mut body = Body::check(self.file, &at, &written, self.beside(), faults);
            body.rules.strict = disclosure.is_strict(received_at);
            self.collected(disclosure, &purposes, &body, faults);
            namespaces.take(self.file, &body, faults);
            let limits = disclosure.limits_of(received_at, &self.context.request_limits);
            let plan = self.compile(&body, &at, &limits, faults);
            (body, plan)
        });
        let response = disclosure.response.as_ref();
        let kept = response
            .and_then(|response| response.headers.as_ref())
            .and_then(|headers| headers.keep.as_deref());
        let response_headers = self.headers("response/headers", kept, faults);
        let links = response
            .and_then(|response| response.links.as_ref())
            .and_then(|links| self.links(links, faults));
        let access = self
            .purposes
            .iter()
            .any(|known| purposes.contains(&known.name) && known.rights.access.is_some());
        let released_at = disclosure.released_at();
        let written = disclosure.body_at(released_at)?;
        opaque.extend(opaque_body(body_name(released_at), &written));
        let at = self.at(released_at);
        let fields = disclosure.released_fields();
        let mut exemptions = rights::exemptions(self.file, &at, fields, access, faults);
        let labelled = written
            .withhold
            .and_then(|withhold| withhold.exempt.as_ref());
        if let Some(label) = labelled {
            exemptions.push(rights::labelled(self.file, &at, label, access, faults));
        }
        let mut released = Body::check(self.file, &at, &written, self.beside(), faults);
        released.rules.strict = disclosure.is_strict(released_at);
        let grounds = self.layers(
            disclosure,
            &purposes,
            request.as_ref(),
            &mut released,
            warnings,
            faults,
        );
        released.rules.gated =
            self.context.subjects == Some(true) && released.rules.subject.is_some();
        namespaces.take(self.file, &released, faults);
        released.refuse_reidentify(self.file, faults);
        let limits = disclosure.limits_of(released_at, &self.context.response_limits);
        let released_plan = self.compile(&released, &at, &limits, faults);

        let without_special = self.classed(
            disclosure,
            &purposes,
            (&released, &limits),
            released_plan.is_some(),
            touched,
            faults,
        );

        let (received_rules, received_plan, mut kept_whole) = match received {
            None => (None, None, Vec::new()),
            Some((body, plan)) => (Some(body.rules), Some(plan?), body.kept_whole),
        };
        kept_whole.extend(released.kept_whole);
        let (method, path) = request?;
        if disclosure.deliver.is_some() != pushed_by.is_some() {
            // Whose it would be is not known, which has been told.
            return None;
        }
        Some(Disclosure {
            name: DisclosureName::new(&disclosure.name.as_ref()?.0),
            data_set: disclosure.data_set.as_ref().map(|name| name.0.clone()),
            purposes,
            grounds,
            method,
            path,
            pushed_by,
            service: ServiceName::new(&beyond?.0),
            service_path: service_path?,
            query,
            identifiers,
            request_headers,
            response_headers,
            links,
            released: Arc::new(released_plan?),
            received: received_plan.map(Arc::new),
            without_special,
            released_rules: released.rules,
            received_rules,
            kept_whole,
            exemptions,
            opaque,
        })
    }

    /// Adds what the register classes so that it needs more than a basis to `touched`. Gives the plan of `released`, which
    /// compiles, without special categories, if it has any.
    fn classed(
        &self,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        (released, limits): (&Body, &crate::minimise::Limits),
        compiles: bool,
        touched: &mut Vec<Touched>,
        faults: &mut Vec<Fault>,
    ) -> Option<WithoutSpecial> {
        let register = self.context.register.as_ref()?;
        let data_set = register.data_set(&disclosure.data_set.as_ref()?.0)?;
        let at = self.at(disclosure.released_at());
        let place = |rule: Option<usize>| {
            rule.map_or_else(|| at.clone(), |rule| released.pointer(rule).to_owned())
        };
        touched.extend(basis::touched(data_set, &released.rules, purposes, place));
        let drops = basis::without_special(data_set, &released.rules);
        if drops.is_empty() || !compiles {
            return None;
        }
        let mut without = released.clone();
        for (rule, beside) in drops {
            without.add_field(rule, beside);
        }
        let plan = self.compile(&without, &at, limits, faults)?;
        Some(WithoutSpecial {
            plan: Arc::new(plan),
            rules: without.rules,
        })
    }

    /// What its bodies' rules are read beside.
    fn beside(&self) -> Beside<'_> {
        Beside {
            tables: self.tables,
            forms: self.forms,
        }
    }

    fn compile(
        &self,
        body: &Body,
        pointer: &str,
        limits: &crate::minimise::Limits,
        faults: &mut Vec<Fault>,
    ) -> Option<Plan> {
        // With keys that protect nothing each plan still shows its other faults.
        let stand_in;
        let keys = match self.no_keys {
            None => self.keys,
            Some(why) => {
                body.refuse_keyed(self.file, pointer, why.as_ref(), faults);
                let keys = Keys::stand_in();
                stand_in = PlanKeys {
                    agreement: keys.of("").ok(),
                    subject: Some(keys.subject()),
                };
                &stand_in
            }
        };
        body.compile(self.file, pointer, self.plans, (keys, limits), faults)
    }

    fn purposes(&self, names: &[Name], faults: &mut Vec<Fault>) -> Vec<PurposeName> {
        let mut purposes: Vec<PurposeName> = Vec::new();
        let known: Vec<&str> = self
            .purposes
            .iter()
            .map(|purpose| purpose.name.as_str())
            .collect();
        for (index, name) in names.iter().enumerate() {
            let at = self.at(&format!("purposes/{index}"));
            if !known.contains(&name.0.as_str()) {
                let write = match nearest(&name.0, &known) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "add it there, with its text".to_owned(),
                };
                self.file.fault(
                    faults,
                    &at,
                    format!("the agreement's `purposes` have no `{}`; {write}", name.0),
                );
            } else if purposes.iter().any(|earlier| earlier.as_str() == name.0) {
                self.file.fault(
                    faults,
                    &at,
                    format!("`{}` stands twice; leave one out", name.0),
                );
            } else {
                purposes.push(PurposeName::new(&name.0));
            }
        }
        purpose::with_covered(purposes, self.purposes)
    }

    fn request(&self, line: &str, faults: &mut Vec<Fault>) -> Option<(&'static str, PathTemplate)> {
        let at = self.at("request");
        let (method, path) = line.split_once(' ')?;
        let upper = method.to_ascii_uppercase();
        let known = METHODS.into_iter().find(|known| *known == upper);
        match known {
            None => self.file.fault(
                faults,
                &at,
                format!(
                    "the method is none that is served; write one of {}",
                    METHODS.join(", ")
                ),
            ),
            Some(known) if known != method => {
                self.file.fault(
                    faults,
                    &at,
                    format!("methods are written in capitals; write {known} {path}"),
                );
            }
            Some(_) => {}
        }
        match PathTemplate::parse(path) {
            Ok(path) => Some((known?, path)),
            Err(error) => {
                self.file.fault(faults, &at, error.0);
                None
            }
        }
    }

    /// Each variable has a rule, each rule a variable, and the service's path no other variables.
    fn variables(
        &self,
        path: &PathTemplate,
        (path_at, service_path): (&str, Option<&PathTemplate>),
        parameters: &ParametersAsWritten,
        faults: &mut Vec<Fault>,
    ) {
        let variables: Vec<&str> = path.variables().collect();
        let at = self.at("parameters/path");
        for variable in &variables {
            let ruled = parameters
                .path
                .as_ref()
                .is_some_and(|rules| rules.contains_key(*variable));
            if !ruled && !self.file.is_faulted_within(&format!("{at}/{variable}")) {
                let place = if parameters.path.is_some() {
                    at.clone()
                } else {
                    self.at("request")
                };
                self.file.fault(
                    faults,
                    &place,
                    format!("the path's {{{variable}}} has no rule; write parameters: {{ path: {{ {variable}: keep }} }}"),
                );
            }
        }
        for rule in parameters.path.iter().flat_map(serde_json::Map::keys) {
            if !variables.contains(&rule.as_str()) {
                self.file.fault_at_key(
                    faults,
                    &crate::written::child(&at, rule),
                    format!("the request's path has no {{{rule}}}; leave it out"),
                );
            }
        }
        for variable in service_path.into_iter().flat_map(PathTemplate::variables) {
            if !variables.contains(&variable) {
                self.file.fault(
                    faults,
                    &self.at(path_at),
                    format!("{{{variable}}} is not in the request's path; use its variables only"),
                );
            }
        }
    }

    fn headers(
        &self,
        below: &str,
        keep: Option<&[HeaderText]>,
        faults: &mut Vec<Fault>,
    ) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (index, name) in keep.unwrap_or_default().iter().enumerate() {
            let name = name.0.to_ascii_lowercase();
            if let Some(reason) = headers::refused(&name) {
                let at = self.at(&format!("{below}/keep/{index}"));
                self.file.fault(
                    faults,
                    &at,
                    format!("`{name}` cannot be kept: {reason}; leave it out"),
                );
            } else if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
