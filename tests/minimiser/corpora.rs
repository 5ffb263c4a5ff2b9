//! Documents that others have published: each is decided as the RFC says, and under rules drawn from its own
//! paths leaves as the model says.

use std::path::Path;

use fieldgate::minimise::{BodyFault, Limits};

use super::document::{Document, Kind};
use super::oracle::{Asked, Minimised, Refused, minimise, minimise_asked};
use super::support::{assert_model_agrees, corpora, files, keys, plan, rules, run, run_every_way};

/// Files up to this size are cut at every byte.
const CUT_EVERYWHERE: u64 = 2 << 10;

/// What is decided of the files that RFC 8259 leaves to the implementation. Numbers of any size are text to a
/// filter and pass; half surrogate pairs, anything but UTF-8 and a byte order mark do not.
const IMPLEMENTATION_DEFINED: &[(&str, Option<BodyFault>)] = &[
    ("i_number_double_huge_neg_exp.json", None),
    ("i_number_huge_exp.json", None),
    ("i_number_neg_int_huge_exp.json", None),
    ("i_number_pos_double_huge_exp.json", None),
    ("i_number_real_neg_overflow.json", None),
    ("i_number_real_pos_overflow.json", None),
    ("i_number_real_underflow.json", None),
    ("i_number_too_big_neg_int.json", None),
    ("i_number_too_big_pos_int.json", None),
    ("i_number_very_big_negative_int.json", None),
    (
        "i_object_key_lone_2nd_surrogate.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_1st_surrogate_but_2nd_missing.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_1st_valid_surrogate_2nd_invalid.json",
        Some(BodyFault::BadString),
    ),
    ("i_string_UTF-16LE_with_BOM.json", Some(BodyFault::NotUtf8)),
    (
        "i_string_UTF-8_invalid_sequence.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_UTF8_surrogate_U+D800.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_incomplete_surrogate_and_escape_valid.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_incomplete_surrogate_pair.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_incomplete_surrogates_escape_valid.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_invalid_lonely_surrogate.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_invalid_surrogate.json",
        Some(BodyFault::BadString),
    ),
    ("i_string_invalid_utf-8.json", Some(BodyFault::NotUtf8)),
    (
        "i_string_inverted_surrogates_U+1D11E.json",
        Some(BodyFault::BadString),
    ),
    ("i_string_iso_latin_1.json", Some(BodyFault::NotUtf8)),
    (
        "i_string_lone_second_surrogate.json",
        Some(BodyFault::BadString),
    ),
    (
        "i_string_lone_utf8_continuation_byte.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_not_in_unicode_range.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_overlong_sequence_2_bytes.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_overlong_sequence_6_bytes.json",
        Some(BodyFault::NotUtf8),
    ),
    (
        "i_string_overlong_sequence_6_bytes_null.json",
        Some(BodyFault::NotUtf8),
    ),
    ("i_string_truncated-utf-8.json", Some(BodyFault::NotUtf8)),
    ("i_string_utf16BE_no_BOM.json", Some(BodyFault::Malformed)),
    ("i_string_utf16LE_no_BOM.json", Some(BodyFault::Malformed)),
    (
        "i_structure_500_nested_arrays.json",
        Some(BodyFault::TooDeep),
    ),
    (
        "i_structure_UTF-8_BOM_empty_object.json",
        Some(BodyFault::ByteOrderMark),
    ),
];

/// Accepted by the RFC's grammar, and refused where it would pass: an object that names a member twice.
const NAMED_TWICE: &[&str] = &[
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
];

#[test]
fn p4_the_parsing_suite_is_decided_as_its_names_say() {
    let Some(folder) = corpora("json-test-suite/test_parsing") else {
        return;
    };
    let limits = Limits::default();
    let keep_all = plan(&rules("keep_all $"), &limits);
    let nothing = plan(&rules(""), &limits);
    let files = files(&folder, &|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    assert!(
        files.len() > 300,
        "only {} files: is the suite whole?",
        files.len()
    );
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let body = std::fs::read(&path).unwrap();
        let kept = decide(&keep_all, &body);
        let dropped = decide(&nothing, &body);
        let accepted = match name.split_at(2) {
            ("y_", _) if NAMED_TWICE.contains(&name) => {
                assert_eq!(kept, Err(BodyFault::DuplicateName), "{name}");
                assert_eq!(dropped.as_deref(), Ok("{}"), "{name}");
                continue;
            }
            ("y_", _) => None,
            ("n_", _) => Some(*kept.as_ref().expect_err(name)),
            ("i_", _) => {
                let row = IMPLEMENTATION_DEFINED.iter().find(|(of, _)| *of == name);
                row.unwrap_or_else(|| panic!("{name} has no row")).1
            }
            _ => panic!("{name} does not say what it is"),
        };
        match accepted {
            None => {
                let body = std::str::from_utf8(&body).unwrap();
                assert_eq!(
                    kept.as_deref(),
                    Ok(body.trim_matches([' ', '\t', '\n', '\r'])),
                    "{name}"
                );
                assert!(dropped.is_ok(), "{name}");
            }
            Some(fault) => {
                assert_eq!(kept, Err(fault), "{name}");
                assert_eq!(
                    dropped,
                    Err(fault),
                    "{name}: what is dropped is checked as well as what is kept"
                );
            }
        }
    }
}

fn decide(plan: &std::sync::Arc<fieldgate::plan::Plan>, body: &[u8]) -> Result<String, BodyFault> {
    let ran = if (body.len() as u64) < CUT_EVERYWHERE {
        run_every_way(plan, body, usize::MAX)
    } else {
        run(plan, [body])
    };
    ran.map(|ran| ran.text).map_err(|error| error.fault)
}

#[test]
fn inputs_that_readers_disagree_on_are_decided_as_by_the_model() {
    for wanted in ["json-differential", "json-test-suite/test_transform"] {
        let Some(folder) = corpora(wanted) else {
            return;
        };
        for path in files(&folder, &|path| {
            !path.components().any(|part| part.as_os_str() == "LICENSES")
        }) {
            let body = std::fs::read(&path).unwrap();
            if body.len() > 200_000 {
                continue;
            }
            for fields in [
                "keep_all $",
                "",
                "keep $..a; keep $..*",
                "keep_all $; drop $..a",
            ] {
                let model = minimise(&rules(fields), &keys(), &limits(), &body);
                check(&path, fields, &body, model);
            }
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "how much was compared should be seen")]
fn p1_published_documents_leave_as_the_model_says() {
    let Some(folder) = corpora("") else { return };
    let files = files(&folder, &|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    let (mut compared, mut bytes) = (0, 0);
    for path in &files {
        let body = std::fs::read(path).unwrap();
        let document = Document::parse(&body, limits().depth);
        let document = document
            .as_ref()
            .map_err(|&error| Refused::NotADocument(error));
        let asked = document.map(Asked::new);
        for fields in rule_sets(path, document.ok()) {
            let rules = rules(&fields);
            let model = match &asked {
                Ok(asked) => minimise_asked(&rules, &keys(), asked),
                Err(refused) => Err(*refused),
            };
            check(path, &fields, &body, model);
            compared += 1;
            bytes += body.len();
        }
    }
    eprintln!(
        "{compared} comparisons over {} files, {} MiB",
        files.len(),
        bytes >> 20
    );
    assert!(
        files.len() > 1_500,
        "only {} files: are the corpora whole?",
        files.len()
    );
}

/// Room for whole files to be records.
fn limits() -> Limits {
    Limits {
        held_bytes: 16 << 20,
        ..Limits::default()
    }
}

fn check(path: &Path, fields: &str, body: &[u8], model: Result<Minimised, Refused>) {
    let rules = rules(fields);
    let limits = limits();
    let plan = plan(&rules, &limits);
    let context = || format!("{}\nrules: {fields}", path.display());
    let whole = run(&plan, [body]);
    let cut = if (body.len() as u64) < CUT_EVERYWHERE && fields.len() < 20 {
        run_every_way(&plan, body, usize::MAX)
    } else {
        // Pieces of a length that is no power of two, so that cuts fall anywhere in windows and blocks.
        run(&plan, body.chunks(body.len() / 7 + 61))
    };
    assert_eq!(cut, whole, "cut and whole differ\n{}", context());
    assert_model_agrees(model, &limits, &whole, &context);
}

/// Seventeen sets of rules, drawn from the document's own paths by a seed from its name: the same each time.
fn rule_sets(path: &Path, document: Option<&Document<'_>>) -> Vec<String> {
    let mut sets = vec![
        String::new(),
        "keep_all $".to_owned(),
        "keep $..*".to_owned(),
        "keep_all $; drop $.*.*".to_owned(),
        "keep $.*; keep $.*.*; prune".to_owned(),
    ];
    let Some(document) = document else {
        return sets;
    };
    let seed = path.file_name().unwrap().as_encoded_bytes();
    let mut draw = Draw(seed.iter().fold(0x9e37_79b9, |sum: u64, byte| {
        sum.wrapping_mul(31) + u64::from(*byte)
    }));
    let mut pick = |from: &dyn Fn(usize) -> bool, times: usize| -> Vec<usize> {
        let fitting: Vec<usize> = (0..document.nodes.len())
            .filter(|&node| from(node))
            .collect();
        let times = if fitting.is_empty() { 0 } else { times };
        (0..times)
            .map(|_| fitting[draw.below(fitting.len())])
            .collect()
    };
    let single = |node: usize| document.nodes[node].kind == Kind::Single;
    let container = |node: usize| document.nodes[node].kind != Kind::Single;
    let member = |node: usize| document.nodes[node].name.is_some();
    let list = |word: &str, selectors: Vec<String>| -> String {
        selectors
            .iter()
            .map(|selector| format!("{word} {selector}; "))
            .collect()
    };
    let exact = |nodes: Vec<usize>| {
        nodes
            .iter()
            .map(|&node| way(document, node, &index))
            .collect()
    };
    let any = |nodes: Vec<usize>| {
        nodes
            .iter()
            .map(|&node| way(document, node, &|_| "[*]".to_owned()))
            .collect()
    };
    let sliced = |nodes: Vec<usize>| {
        let slice = |at: usize| ["[0]", "[1:]", "[::2]", "[:3]"][at % 4].to_owned();
        nodes
            .iter()
            .map(|&node| way(document, node, &slice))
            .collect()
    };
    let from_the_end = |nodes: Vec<usize>| {
        let place = |at: usize| ["[-1]", "[-2:]", "[::-2]", "[:-1]"][at % 4].to_owned();
        nodes
            .iter()
            .map(|&node| way(document, node, &place))
            .collect()
    };
    let below = |nodes: Vec<usize>| -> Vec<String> {
        let name = |node: &usize| {
            document
                .name(*node)
                .map(|name| format!("$..{}", bracketed(name)))
        };
        nodes.iter().filter_map(name).collect()
    };

    sets.push(list("keep", exact(pick(&single, 5))));
    sets.push(list("keep", any(pick(&single, 6))) + &list("year", any(pick(&single, 1))));
    sets.push(list("keep_all", any(pick(&container, 2))) + &list("drop", any(pick(&single, 3))));
    sets.push("keep_all $; ".to_owned() + &list("drop", below(pick(&member, 4))));
    sets.push(list("keep", below(pick(&member, 4))) + &list("drop", sliced(pick(&container, 1))));
    sets.push(
        list("mask", any(pick(&single, 3)))
            + "keep $..*; "
            + &list("token:id", exact(pick(&single, 2))),
    );
    sets.push(
        "keep_all $; ".to_owned()
            + &list("mask", below(pick(&member, 2)))
            + &list("replace:0", below(pick(&member, 1))),
    );
    sets.push(list("keep", sliced(pick(&single, 6))) + "prune");
    let asked = pick(&member, 1).first().map_or_else(
        || "@.none".to_owned(),
        |&node| {
            format!(
                "@{}",
                bracketed(document.name(node).expect("a member has a name"))
            )
        },
    );
    sets.push(
        format!("keep_all $; record $[*]; subject @..id; release_if {asked}; ")
            + &list("drop", below(pick(&member, 1))),
    );
    // Decided on the whole document.
    sets.push(format!("keep_all $; drop $..[?{asked}]"));
    sets.push(format!("keep $..[?!{asked}].*; ") + &list("keep", from_the_end(pick(&single, 3))));
    sets.push(format!(
        "keep $..*; record {}; release_if !{asked}",
        any(pick(&container, 1))
            .first()
            .map_or("$", |way: &String| way)
    ));
    sets
}

/// The selector of `node`, with `at` for the steps into arrays.
fn way(document: &Document<'_>, node: usize, at: &dyn Fn(usize) -> String) -> String {
    let mut steps = Vec::new();
    let mut node = node;
    while let Some(parent) = document.nodes[node].parent {
        steps.push(match document.name(node) {
            Some(name) => bracketed(name),
            None => {
                let place = document.nodes[parent]
                    .children
                    .iter()
                    .position(|&child| child == node);
                at(place.expect("a child is among its parent's"))
            }
        });
        node = parent;
    }
    steps.push("$".to_owned());
    steps.reverse();
    steps.concat()
}

fn index(at: usize) -> String {
    format!("[{at}]")
}

/// `['name']`, escaped as RFC 9535 §2.3.1.1 has it.
fn bracketed(name: &str) -> String {
    let mut out = String::from("['");
    for character in name.chars() {
        match character {
            '\'' | '\\' => out.extend(['\\', character]),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out + "']"
}

/// Numbers that look drawn and are the same each time (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
