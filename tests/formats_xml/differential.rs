//! The machine against the model: drawn documents under drawn rules.

use fieldgate::minimise::{BodyFault, Limits};
use roxmltree::Document;

use crate::draw::Draw;
use crate::model::{Rules, canonical};
use crate::ways::{compile, plan, rules, run, run_every_way};

/// Holds what the machine lets through of `body` against what the model does. Up to `cuts` bytes are cut everywhere.
pub(crate) fn assert_agree(model: &Rules, body: &str, document: &Document<'_>, cuts: usize) {
    let text = model.text();
    let namespaces: Vec<(&str, &str)> = model
        .namespaces
        .iter()
        .map(|(prefix, namespace)| (prefix.as_str(), namespace.as_str()))
        .collect();
    let plan = compile(&rules(&text, &namespaces), &Limits::default())
        .unwrap_or_else(|faults| panic!("{text} {namespaces:?}: {faults:?}"));
    let context = || {
        format!(
            "{text}\n{namespaces:?}\n{}",
            body.chars().take(4_000).collect::<String>()
        )
    };
    let ran = if cuts == 0 {
        run(&plan, body.as_bytes().chunks(1_009))
    } else {
        run_every_way(&plan, body.as_bytes(), cuts)
    };
    let ran = ran.unwrap_or_else(|error| panic!("refused: {error}\n{}", context()));
    let left = Document::parse(&ran.text).unwrap_or_else(|error| {
        panic!("what left is not XML: {error}\n{}\n{}", ran.text, context())
    });
    assert_eq!(canonical(&left), model.minimise(document), "{}", context());
}

#[test]
fn p1_drawn_documents_leave_as_the_model_says() {
    for seed in 0_u32..1_500 {
        let mut draw = Draw::new(&seed.to_le_bytes());
        let body = draw.document();
        let document = Document::parse(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let model = draw.rules(&document);
        assert_agree(
            &model,
            &body,
            &document,
            if seed % 8 == 0 { 400 } else { 0 },
        );
    }
}

/// Pieces that break a document, or do not.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "&",
    ";",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?",
    "?>",
    "'",
    "\"",
    "=",
    " ",
    ":",
    "xmlns",
    "xml",
    "&lt;",
    "&#0;",
    "&#x41;",
    "&nbsp;",
    "<a>",
    "</a>",
    "<b/>",
    "\u{1}",
    "é",
    "\u{fffe}",
    "\r\n",
    "-",
    "<!DOCTYPE a>",
    " p:i=''",
    " i='2'",
    "<?xml version='1.0'?>",
    "]",
    "</p:a>",
];

/// Whether the model's reader takes a document that the machine refuses, by what the fault says.
fn laxer(fault: BodyFault, document: &str) -> bool {
    match fault {
        // It does not read the declaration's version and encoding, lets instructions have any name, and others start
        // with a colon.
        BodyFault::Malformed | BodyFault::NotUtf8 => ["<?", "<:", " :", "\n:"]
            .iter()
            .any(|part| document.contains(part)),
        // It misses a default namespace declared twice.
        BodyFault::DuplicateName => document.matches("xmlns").count() > 1,
        // Limits are the machine's alone.
        BodyFault::TooDeep
        | BodyFault::TooManyMembers
        | BodyFault::NameTooLong
        | BodyFault::HeldTooLarge
        | BodyFault::BodyTooLarge => true,
        BodyFault::ByteOrderMark
        | BodyFault::BadString
        | BodyFault::BadNumber
        | BodyFault::TrailingBytes
        | BodyFault::Truncated
        | BodyFault::Mismatch
        | BodyFault::Undeclared
        | BodyFault::TooManyGroups
        | BodyFault::Ragged
        | BodyFault::Dtd => false,
    }
}

/// Holds the machine's verdict on `body` against the tree reader's; what both take must leave the same.
pub(crate) fn assert_same_verdict(body: &str) {
    let plan = plan("keep_all $", &[], &Limits::default());
    let ran = run(&plan, [body.as_bytes()]);
    match (ran, Document::parse(body)) {
        (Ok(ran), Ok(document)) => {
            let left = Document::parse(&ran.text)
                .unwrap_or_else(|error| panic!("{error}: {}\n{body}", ran.text));
            // A CR that ends a text behind a reference stays one with the tree reader, against XML 1.0 §2.11: where an
            // instruction between the two has stayed behind, it reads the same bytes otherwise.
            let lines = |tree: &Document<'_>| canonical(tree).replace('\r', "\n");
            assert_eq!(lines(&left), lines(&document), "{body}");
        }
        (Err(_), Err(_)) => {}
        (Err(error), Ok(_)) => assert!(laxer(error.fault, body), "refused ({error}): {body:?}"),
        // It does not know the prefix that every document has.
        (Ok(_), Err(error)) => assert!(
            matches!(&error, roxmltree::Error::UnknownNamespace(prefix, _) if prefix == "xml"),
            "let through what is not XML ({error}): {body:?}"
        ),
    }
}

/// Rules that hold bodies back in every way there is.
pub(crate) const CUT_RULES: &[&str] = &[
    "keep_all $",
    "keep $..a; keep $..['@i']",
    "record $..b; release_if @.a == 'text' || @..c; keep $..a",
    "record $.*.*; subject $['@i']; mask! $..b; keep_all $",
];

/// Runs `body` in pieces of drawn sizes, under limits that are drawn too.
pub(crate) fn assert_same_at_every_cut(text: &str, body: &[u8], draw: &mut Draw) {
    let limits = draw.limits();
    let Ok(plan) = compile(&rules(text, &[]), &limits) else {
        return;
    };
    let whole = run(&plan, [body]);
    for size in [1, 2 + draw.below(9), 2 + draw.below(100)] {
        let cut = run(&plan, body.chunks(size));
        let shown = String::from_utf8_lossy(body);
        assert_eq!(
            cut, whole,
            "{text}, cut every {size}, {limits:?}: {shown:?}"
        );
    }
}

/// Conditions that look at some of a record's children by their names.
const NAMED: &[&str] = &[
    "@.a == 'text'",
    "@.a.b",
    "@.c != null",
    "@.a == @.b",
    "@['@i'] == '1' || @.d",
    "@['#text']",
    "!@.b && !@['@j']",
    "length(@.a) > 1",
];

/// Holds of every record, and looks at all of it.
const LOOKS_AT_ALL: &str = "(@..* || !@..*)";

#[test]
fn a_condition_says_the_same_of_a_record_whether_anything_looks_at_the_rest_of_it() {
    let (mut released, mut withheld) = (0, 0);
    for seed in 0_u32..600 {
        let mut draw = Draw::new(&seed.to_be_bytes());
        let body = draw.document();
        let condition = NAMED[draw.below(NAMED.len())];
        let record = ["$..b", "$.*.*", "$.*", "$"][draw.below(4)];
        let ran = |condition: &str| {
            let rules = format!("record {record}; release_if {condition}; keep_all $");
            let plan = plan(&rules, &[], &Limits::default());
            let ran = run(&plan, body.as_bytes().chunks(1 + seed as usize % 90));
            ran.unwrap_or_else(|error| panic!("{error}: {body}"))
        };
        let own = ran(condition);
        let beside = ran(&format!("({condition}) && {LOOKS_AT_ALL}"));
        assert_eq!(own, beside, "{record}, {condition}: {body}");
        released += own.tally.records_released;
        withheld += own.tally.records_withheld;
    }
    assert!(released > 100 && withheld > 100, "{released}, {withheld}");
}

#[test]
fn a_line_end_behind_a_reference_is_the_same_whether_an_instruction_stands_between() {
    assert_same_verdict("<p>&gt;<?t u?>\r</p>");
}

#[test]
fn p8_broken_documents_end_the_same_at_every_cut_and_as_the_tree_reader_says() {
    for seed in 0_u32..3_000 {
        let mut draw = Draw::new(&seed.to_be_bytes());
        let mut body = draw.document();
        for _ in 0..draw.below(3) {
            let mut at = draw.below(body.len() + 1);
            while !body.is_char_boundary(at) {
                at -= 1;
            }
            let mut end = (at + draw.below(4)).min(body.len());
            while !body.is_char_boundary(end) {
                end += 1;
            }
            body.replace_range(at..end, PIECES[draw.below(PIECES.len())]);
        }
        assert_same_verdict(&body);
        for text in CUT_RULES {
            assert_same_at_every_cut(text, body.as_bytes(), &mut draw);
        }
    }
}
