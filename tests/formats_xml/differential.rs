//! The machine against the model: drawn documents under drawn rules.

use fieldgate::minimise::Limits;
use roxmltree::Document;

use crate::draw::Draw;
use crate::model::{Rules, canonical};
use crate::ways::{compile, rules, run, run_every_way};

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
