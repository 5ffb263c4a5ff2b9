//! What each purpose requires of its records' subjects: from `rights:` as written to [`Terms`], and whether the disclosures can
//! meet it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::check::File;
use super::file::{
    AccessAsWritten, AgreementAsWritten, ConsentAsWritten, DeceasedAsWritten, RightsAsWritten,
    RuleAsWritten, WhetherAsWritten,
};
use super::{Context, Fault, Purpose, purpose};
use crate::rights::{Access, Children, Consent, Deceased, Terms, Unknown};
use crate::written::child;
use crate::written::text::{ExemptText, SelectorText};

/// Something that is kept from the person it is about, and by which exemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// What is kept back.
    pub selector: String,
    /// The exemption, in the style of schedule, part and paragraph of the Data Protection Act 2018: `S3P3-11`. Schedule 4 has no
    /// parts (`S4-3`), and national security is a section's (`s26`). Of whole records, that each says it itself.
    pub code: String,
}

/// The places of the Act that are for a class of data; others are written by their number.
const CLASSES: [(&str, &str); 23] = [
    ("health", "S3P2"),
    ("social-work", "S3P3"),
    ("education", "S3P4"),
    ("child-abuse", "S3P5"),
    ("third-party", THIRD_PARTY),
    ("national-security", "s26"),
    ("crime-and-taxation", "S2P1-2"),
    ("legal-proceedings", "S2P1-5"),
    ("protection-of-the-public", "S2P2-7"),
    ("judicial", "S2P2-14"),
    ("legal-privilege", "S2P4-19"),
    ("self-incrimination", "S2P4-20"),
    ("management-forecast", "S2P4-22"),
    ("negotiation", "S2P4-23"),
    ("confidential-reference", "S2P4-24"),
    ("examination", "S2P4-25"),
    ("journalism", "S2P5-26"),
    ("research", "S2P6-27"),
    ("archiving", "S2P6-28"),
    ("fertilisation", "S4-2"),
    ("adoption", "S4-3"),
    ("special-educational-needs", "S4-4"),
    ("parental-order", "S4-5"),
];

/// The exemption of what shows others (Data Protection Act 2018, Schedule 2, Part 3).
const THIRD_PARTY: &str = "S2P3";

fn code(exempt: &ExemptText) -> String {
    let class = CLASSES.iter().find(|(class, _)| *class == exempt.0);
    class.map_or_else(|| exempt.0.clone(), |(_, code)| (*code).to_owned())
}

/// What the rules `fields` of the body at `pointer` keep from the people it is about. Adds a fault at each `drop` for which a disclosure that is
/// a person's own access (`access`) gives no exemption, and at each exemption of something that is not dropped.
pub(super) fn exemptions(
    file: &File,
    pointer: &str,
    fields: &[RuleAsWritten],
    access: bool,
    faults: &mut Vec<Fault>,
) -> Vec<Exemption> {
    let mut exemptions = Vec::new();
    for (index, rule) in fields.iter().enumerate() {
        let at = format!("{pointer}/fields/{index}");
        match (&rule.third_parties, &rule.keep) {
            (None, _) | (Some(_), None) => {}
            (Some(_), Some(_)) if !access => file.fault(
                faults,
                &format!("{at}/third_parties"),
                "whether others are shown is decided where a person asks for their own record; write rights: { access: subject } for the purpose, or leave it out",
            ),
            (Some(_), Some(kept)) => exemptions.extend(kept.iter().map(|selector| Exemption {
                selector: selector.0.clone(),
                code: THIRD_PARTY.to_owned(),
            })),
        }
        match (&rule.drop, &rule.exempt) {
            (None, None) => {}
            (Some(_), None) if access => file.fault(
                faults,
                &format!("{at}/drop"),
                "what is kept from the person it is about has an exemption; write exempt: too, for example exempt: S3P3-11",
            ),
            (Some(_), None) => {}
            (None, Some(_)) => file.fault(
                faults,
                &format!("{at}/exempt"),
                "an exemption is of what is dropped; write drop: in the place of the rule's action",
            ),
            (Some(dropped), Some(exempt)) => {
                exemptions.extend(dropped.iter().map(|selector| Exemption {
                    selector: selector.0.clone(),
                    code: code(exempt),
                }));
            }
        }
    }
    exemptions
}

/// The exemption of whole records by the `label` that each bears, in the body at `pointer`. Adds a fault where the disclosure
/// is no person's own access (`access`): elsewhere an exemption from it keeps nothing from anybody.
pub(super) fn labelled(
    file: &File,
    pointer: &str,
    label: &SelectorText,
    access: bool,
    faults: &mut Vec<Fault>,
) -> Exemption {
    if !access {
        file.fault(
            faults,
            &format!("{pointer}/withhold/exempt"),
            "an exemption keeps a record from the person it is about; write rights: { access: subject } for the purpose, or the condition that is meant in release_if",
        );
    }
    Exemption {
        selector: label.0.clone(),
        code: "the record's own label".to_owned(),
    }
}

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
        access: written.access.map(|access| match access {
            AccessAsWritten::Subject => Access::Subject,
            AccessAsWritten::Parent => Access::Parent,
        }),
        third_parties: written.third_parties.is_some(),
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

/// Gives each of `purposes` its own terms: its name, the broader ones that cover it as `written` says, and whether what leaves
/// stays within the controller.
pub(super) fn complete(purposes: &mut [Purpose], written: &Map<String, Value>, internal: bool) {
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
            internal,
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

/// Adds a fault at each disclosure for a purpose that looks people up of which what leaves does not say whose records are in it.
pub(super) fn check_disclosures(
    file: &File,
    written: &AgreementAsWritten,
    purposes: &[Purpose],
    faults: &mut Vec<Fault>,
) {
    for (index, disclosure) in written.disclosures.iter().flatten().enumerate() {
        let released_at = disclosure.released_at();
        let Some(released) = disclosure.body_at(released_at) else {
            continue;
        };
        if released.subject.is_some() {
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
                &format!("/disclosures/{index}/{released_at}"),
                format!(
                    "`{}` looks people up, and nothing here says whose records these are; write record: and subject:, for example record: $ and subject: $.nhsNumber",
                    purpose.name
                ),
            );
        }
    }
}
