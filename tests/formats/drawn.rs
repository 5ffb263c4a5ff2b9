//! Documents and rules drawn by chance.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::vocabulary::{ACTIONS, CONDITIONS, STREAMED, SUBJECTS};

/// One JSON document without white space; a few name a member twice.
pub(crate) fn document() -> impl Strategy<Value = String> {
    let single = select(vec![
        "0",
        "-1.5E+3",
        "1e400",
        r#""x""#,
        r#""401 023 2137""#,
        r#""\u00e9\"\\\n""#,
        r#""𝄞""#,
        r#""1941-03-07""#,
        "true",
        "null",
        r#""],[""#,
    ])
    .prop_map(str::to_owned);
    let names = || {
        select(vec![
            r#""a""#,
            r#""b""#,
            r#""c""#,
            r#""\u0061""#,
            r#""é""#,
            r#""""#,
            r#""x y""#,
        ])
    };
    single.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|elements| format!("[{}]", elements.join(","))),
            btree_map(names(), inner, 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{name}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Rules for bodies that are arrays of documents, all of which stream.
pub(crate) fn rules() -> impl Strategy<Value = String> {
    let words: Vec<&str> = ACTIONS
        .iter()
        .flat_map(|(weight, word)| vec![*word; *weight as usize])
        .collect();
    let selector =
        vec(select(STREAMED), 0..4).prop_map(|segments| format!("${}", segments.concat()));
    let rule = (select(words), proptest::bool::weighted(0.03), selector).prop_map(
        |(word, refuse, selector)| {
            let refuse = if refuse { "!" } else { "" };
            format!("{word}{refuse} {selector}")
        },
    );
    let records = select(vec![
        "",
        "",
        "record $[*]",
        "record $[*]",
        "record $[1:]",
        "record $[*].a",
        "record $..a",
        "record $..*",
    ]);
    (
        vec(rule, 0..5),
        records,
        select(SUBJECTS),
        select(CONDITIONS),
        any::<bool>(),
    )
        .prop_map(|(mut rules, record, subject, condition, prune)| {
            if !record.is_empty() {
                rules.extend([record, subject, condition].map(str::to_owned));
            }
            if prune {
                rules.push("prune".to_owned());
            }
            rules.join("; ")
        })
}
