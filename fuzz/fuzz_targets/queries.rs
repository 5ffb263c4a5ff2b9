//! A query: each parameter has one form, which is its own form and means the same.

#![no_main]

use fieldgate::form::query::{Parameter, parameters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(all) = parameters(text).collect::<Option<Vec<Parameter<'_>>>>() else {
        return;
    };
    let mut form = String::new();
    for parameter in &all {
        if !form.is_empty() {
            form.push('&');
        }
        parameter.write(&mut form);
        assert!(!parameter.name().is_empty());
        assert!(!parameter.name().chars().chain(parameter.value().chars()).any(char::is_control));
        let mut other = String::new();
        parameter.write_with(&parameter.value(), &mut other);
        let again: Vec<_> = parameters(&other).collect();
        let again = again[0].as_ref().expect("what is written is read");
        assert_eq!((again.name(), again.value()), (parameter.name(), parameter.value()));
    }
    assert!(!form.contains([';', '#', '+', ' ', '[', ']']));
    let again: Option<Vec<_>> = parameters(&form).collect();
    assert_eq!(again.as_ref(), Some(&all), "it is its own form");
    assert_eq!(all.is_empty(), text.is_empty());
});
