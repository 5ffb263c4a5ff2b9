//! Documents that others have published: sound ones leave as the model says, others are refused.

use std::path::Path;

use fieldgate::minimise::{BodyFault, Limits};
use roxmltree::Document;

use crate::differential::assert_agree;
use crate::draw::Draw;
use crate::model::canonical;
use crate::support::{corpora, files};
use crate::ways::{plan, run, run_every_way};

/// Files up to this size are cut at every byte.
const CUT_EVERYWHERE: usize = 1 << 10;

/// Folders of the corpora in which there is XML.
const FOLDERS: &[&str] = &[
    "fhir-synthea",
    "open311",
    "policies",
    "uk-children-social-care",
    "uk-legal-aid",
    "uk-nhs-111",
    "uk-nhs-gp-records",
    "uk-nhs-prescriptions",
    "uk-nhs-scr",
    "uk-tax-and-trusts",
    "uk-teacher-training",
    "xml-edge",
];

/// Sound documents that are refused, each for a reason that `docs/FORMATS.md` gives. The model's reader refuses document
/// type declarations too, so these are not here.
const REFUSED: &[(&str, BodyFault)] = &[
    // Declared as ISO-8859-1.
    ("xml-edge/libxml2/att8", BodyFault::NotUtf8),
    ("xml-edge/libxml2/comment3.xml", BodyFault::NotUtf8),
    // A name of more than 4 KiB.
    ("xml-edge/libxml2/bigname2.xml", BodyFault::NameTooLong),
];

/// Sound documents that the model's reader refuses: it does not know the prefix `xml` on elements.
const UNREAD: &[&str] = &["xml-edge/libxml2/ns7"];

#[test]
fn published_documents_are_decided_as_xml_says_and_leave_as_the_model_says() {
    for folder in FOLDERS {
        let Some(place) = corpora(folder) else {
            continue;
        };
        let is_xml = |path: &Path| {
            let name = path.to_string_lossy();
            let about = name.contains("/LICENSES/") || name.ends_with(".md");
            name.ends_with(".xml") || (*folder == "xml-edge" && !about)
        };
        for path in files(&place, &is_xml) {
            let name = path.strip_prefix(&place).unwrap().to_string_lossy();
            decided(&format!("{folder}/{name}"), &std::fs::read(&path).unwrap());
        }
    }
}

fn decided(name: &str, body: &[u8]) {
    let whole = plan("keep_all $", &[], &Limits::default());
    let ran = if body.len() <= CUT_EVERYWHERE {
        run_every_way(&whole, body, CUT_EVERYWHERE)
    } else {
        let ran = run(&whole, body.chunks(4_099));
        assert_eq!(run(&whole, [body]), ran, "{name}");
        ran
    };
    let text = std::str::from_utf8(body).ok();
    let text = text.map(|text| text.trim_start_matches('\u{feff}'));
    let refused = REFUSED.iter().find(|(of, _)| *of == name);
    match (ran, text.map(Document::parse), refused) {
        (Err(error), _, Some((_, fault))) => assert_eq!(error.fault, *fault, "{name}"),
        (Ok(ran), Some(Ok(document)), None) => {
            let left = Document::parse(&ran.text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(canonical(&left), canonical(&document), "{name}");
            let mut draw = Draw::new(name.as_bytes());
            // The model is slow: large documents meet fewer rules.
            for _ in 0..(200_000 / body.len()).clamp(1, 20) {
                let rules = draw.rules(&document);
                let cuts = if body.len() <= CUT_EVERYWHERE { 300 } else { 0 };
                assert_agree(&rules, text.unwrap_or_default(), &document, cuts);
            }
        }
        (Ok(_), _, None) if UNREAD.contains(&name) => {}
        (Ok(_), _, _) => panic!("{name} was let through"),
        (Err(error), Some(Ok(_)), None) => panic!("{name} was refused: {error}"),
        (Err(_), Some(Err(_)) | None, None) => {}
    }
}
