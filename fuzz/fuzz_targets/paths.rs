//! A path: what a template makes of it is one form, and means the same as what came.

#![no_main]

use fieldgate::template::PathTemplate;
use libfuzzer_sys::fuzz_target;

/// Percent-decodes plainly.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' {
            let digits: String = bytes.by_ref().take(2).map(char::from).collect();
            u8::from_str_radix(&digits, 16).expect("what passes is encoded well")
        } else {
            byte
        });
    }
    out
}

fuzz_target!(|text: &str| {
    let template = PathTemplate::parse("/a/{one}/b/{two}").expect("it is a template");
    for path in [text.to_owned(), format!("/a/{text}/b/x"), format!("/a/x/b/{text}")] {
        let Some(variables) = template.variables_of(&path) else {
            continue;
        };
        let filled = template.fill(&variables);
        assert_eq!(decoded(&filled), decoded(&path), "it means the same");
        assert_eq!(template.variables_of(&filled).as_ref(), Some(&variables), "and is its own form");
        for (_, value) in &variables {
            let means = decoded(value);
            assert!(!value.is_empty() && means != b"." && means != b"..");
            assert!(!value.contains(['/', '\\', ';', '#', '?']));
            assert!(!means.iter().any(|byte| b"/\\;%".contains(byte) || byte.is_ascii_control()));
            assert!(str::from_utf8(&means).is_ok());
        }
    }
});
