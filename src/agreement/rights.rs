//! What each purpose requires of its records' subjects: from `rights:` as written to [`Terms`], and whether the disclosures can
//! meet it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::check::File;
use super::file::{
    AgreementAsWritten, ConsentAsWritten, DeceasedAsWritten, RightsAsWritten, WhetherAsWritten,
};
use super::{Context, Fault, Purpose, purpose};
use crate::rights::{Children, Consent, Deceased, Terms, Unknown};
use crate::written::child;

/// The concept of the Data Privacy Vocabulary that makes a purpose direct marketing, whatever else is written.
const MARKETING: &str = "DirectMarketing";

/// The terms that `written` and the rest of a purpose come to; the purpose's own name comes later.
pub(super) fn terms(written: Option<&RightsAsWritten>, purpose: &Purpose) -> Arc<Terms> {
    let nothing = RightsAsWritten::default();
    let written = written.unwrap_or(&nothing);
    let dpv = purpose.dpv.as_deref().unwrap_or_default();
    Arc::new(Terms {
        purpose: purpose.name.as_str().into(),
        covered_by: Vec::new(),
        marketing: purpose.direct_marketing || dpv.rsplit(':').next() == Some(MARKETING),
        consent: written.consent.map(|consent| match consent {
            ConsentAsWritten::Ordinary => Consent::Ordinary,
            ConsentAsWritten::Explicit => Consent::Explicit,
        }),
        // Whose life is at risk is not asked whether they object (UK GDPR Art. 21 is about Art. 6(1)(e) and (f) alone).
        overrides: written.overrides_restriction.is_some() || purpose.vital_interests,
        opt_outs: written
            .opt_outs
            .iter()
            .flatten()
            .map(|list| list.0.as_str().into())
            .collect(),
        internal: false,
        deceased: match written.deceased {
            None | Some(DeceasedAsWritten::AsLiving) => Deceased::AsLiving,
            Some(DeceasedAsWritten::Release) => Deceased::Release,
            Some(DeceasedAsWritten::Withhold) => Deceased::Withhold,
        },
        children: match written.children {
            None | Some(WhetherAsWritten::Release) => Children::Release,
            Some(WhetherAsWritten::Withhold) => Children::Withhold,
        },
        unknown: match written.unknown {
            None | Some(WhetherAsWritten::Withhold) => Unknown::Withhold,
            Some(WhetherAsWritten::Release) => Unknown::Release,
        },
    })
}

/// Gives each of `purposes` its own terms: its name, and the broader ones that cover it as `written` says.
pub(super) fn complete(purposes: &mut [Purpose], written: &Map<String, Value>) {
    let covers = |broader: &Value, narrower: &str| {
        let covered = broader.get("covers").and_then(Value::as_array);
        covered.is_some_and(|covered| covered.iter().any(|name| name.as_str() == Some(narrower)))
    };
    for purpose in purposes {
        let mut all: Vec<&str> = vec![purpose.name.as_str()];
        let mut next = 0;
        while let Some(narrower) = all.get(next).copied() {
            for (name, broader) in written {
                if covers(broader, narrower) && !all.contains(&name.as_str()) {
                    all.push(name);
                }
            }
            next += 1;
        }
        let covered_by = all[1..].iter().map(|name| Box::from(*name)).collect();
        let terms = Terms {
            purpose: purpose.name.as_str().into(),
            covered_by,
            ..(*purpose.rights).clone()
        };
        purpose.rights = Arc::new(terms);
    }
}

/// Adds a fault at each `rights` that contradicts itself.
pub(super) fn check_purpose(
    file: &File,
    purpose: &Purpose,
    written: Option<&RightsAsWritten>,
    context: &Context,
    faults: &mut Vec<Fault>,
) {
    let at = child("/purposes", purpose.name.as_str());
    let terms = &purpose.rights;
    if let Some(written) = written {
        if terms.marketing && written.overrides_restriction.is_some() {
            file.fault(
                faults,
                &format!("{at}/rights/overrides_restriction"),
                "an objection to direct marketing is absolute (UK GDPR Art. 21(3)); leave it out",
            );
        }
        if terms.unknown == Unknown::Release && terms.needs_subject() {
            file.fault(
                faults,
                &format!("{at}/rights/unknown"),
                "consent, opt-outs and objections to marketing cannot be looked up for records that name nobody; leave it out",
            );
        }
    }
    if context.subjects == Some(false) && terms.looks_up() {
        file.fault(
            faults,
            &at,
            format!(
                "`{}` looks people up, and the gateway has no store of them; write subjects: {{ store: subjects }} in its configuration",
                purpose.name
            ),
        );
    }
}

/// Adds a fault at each disclosure for a purpose that looks people up whose response does not say whose records are in it.
pub(super) fn check_disclosures(
    file: &File,
    written: &AgreementAsWritten,
    purposes: &[Purpose],
    faults: &mut Vec<Fault>,
) {
    for (index, disclosure) in written.disclosures.iter().flatten().enumerate() {
        let Some(response) = &disclosure.response else {
            continue;
        };
        if response.subject.is_some() {
            continue;
        }
        let listed = disclosure.purposes.iter().flatten();
        let listed = listed
            .map(|name| super::PurposeName::new(&name.0))
            .collect();
        let all = purpose::with_covered(listed, purposes);
        let needs = purposes
            .iter()
            .find(|purpose| all.contains(&purpose.name) && purpose.rights.looks_up());
        if let Some(purpose) = needs {
            file.fault(
                faults,
                &format!("/disclosures/{index}/response"),
                format!(
                    "`{}` looks people up, and nothing here says whose records these are; write record: and subject:, for example record: $ and subject: $.nhsNumber",
                    purpose.name
                ),
            );
        }
    }
}
