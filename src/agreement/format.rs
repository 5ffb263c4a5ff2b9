//! A body's format as written to [`Format`] as meant: its word, the options that fit it, and what `opaque` needs.

use super::file::{
    BodyAsWritten, CharsetAsWritten, CsvAsWritten, FormatAsWritten, FormulasAsWritten,
    HeaderAsWritten, RaggedAsWritten, SeparatorAsWritten,
};
use crate::plan::{Charset, Csv, Format, Header, Opaque, Ragged, Xml};
use crate::written::{Fault, Written, child};

/// The format of the body that stands at `pointer` in `written`; JSON where that was at fault, so that the rest can
/// still be checked.
pub(super) fn check<T>(
    written: &Written<T>,
    pointer: &str,
    body: &BodyAsWritten<'_>,
    faults: &mut Vec<Fault>,
) -> Format {
    let Some(word) = body.format else {
        return Format::Json;
    };
    options(written, pointer, word, body, faults);
    match word {
        FormatAsWritten::Json => Format::Json,
        FormatAsWritten::Ndjson => Format::Ndjson,
        FormatAsWritten::JsonSeq => Format::JsonSequence,
        FormatAsWritten::EventStream => Format::EventStream,
        FormatAsWritten::Csv => Format::Csv(rows(written, pointer, b',', body.csv, faults)),
        FormatAsWritten::Tsv => {
            let separator = format!("{pointer}/csv/separator");
            if body.csv.is_some_and(|csv| csv.separator.is_some()) {
                written.fault_at_key(
                    faults,
                    &separator,
                    "tsv is separated by tabs; leave `separator` out, or write format: csv",
                );
            }
            Format::Csv(rows(written, pointer, b'\t', body.csv, faults))
        }
        FormatAsWritten::Xml => Format::Xml(xml(written, pointer, body, faults)),
        FormatAsWritten::Form => Format::Form,
        FormatAsWritten::Multipart => Format::Multipart,
        FormatAsWritten::Opaque => Format::Opaque(opaque(written, pointer, body, faults)),
    }
}

/// Adds a fault at each option that is not one of `word`.
fn options<T>(
    written: &Written<T>,
    pointer: &str,
    word: FormatAsWritten,
    body: &BodyAsWritten<'_>,
    faults: &mut Vec<Fault>,
) {
    use FormatAsWritten as F;
    let there: [(&str, bool, &[F]); 4] = [
        ("csv", body.csv.is_some(), &[F::Csv, F::Tsv]),
        ("namespaces", body.namespaces.is_some(), &[F::Xml]),
        ("type", body.types.is_some(), &[F::Opaque]),
        ("because", body.because.is_some(), &[F::Opaque]),
    ];
    for (option, there, of) in there {
        if there && !of.contains(&word) {
            let of: Vec<&str> = of.iter().map(|word| word.word()).collect();
            written.fault_at_key(
                faults,
                &format!("{pointer}/{option}"),
                format!(
                    "`{option}` is not an option of the format {}, only of {}; leave it out",
                    word.word(),
                    of.join(", ")
                ),
            );
        }
    }
    if word != F::Opaque {
        return;
    }
    for (key, there) in [
        ("record", body.record.is_some()),
        ("subject", body.subject.is_some()),
        ("release_if", body.release_if.is_some()),
        ("withhold", body.withhold.is_some()),
        ("prune", body.prune.is_some()),
        ("fields", body.fields.is_some()),
    ] {
        if there {
            written.fault_at_key(
                faults,
                &format!("{pointer}/{key}"),
                format!(
                    "an opaque body is not looked into, so `{key}` has nothing to select; leave it out, or write its format"
                ),
            );
        }
    }
}

fn rows<T>(
    written: &Written<T>,
    pointer: &str,
    separator: u8,
    csv: Option<&CsvAsWritten>,
    faults: &mut Vec<Fault>,
) -> Csv {
    let mut rows = Csv {
        separator,
        ..Csv::default()
    };
    let Some(csv) = csv else {
        return rows;
    };
    match csv.separator {
        None => {}
        Some(SeparatorAsWritten::Comma) => rows.separator = b',',
        Some(SeparatorAsWritten::Semicolon) => rows.separator = b';',
        Some(SeparatorAsWritten::Bar) => rows.separator = b'|',
    }
    rows.charset = match csv.charset {
        None | Some(CharsetAsWritten::Utf8) => Charset::Utf8,
        Some(CharsetAsWritten::Windows1252) => Charset::Windows1252,
        Some(CharsetAsWritten::Utf16) => Charset::Utf16,
    };
    rows.header = match &csv.header {
        None | Some(HeaderAsWritten::FirstRow(_)) => Header::FirstRow,
        // The schema has told that, and the plan would tell it again.
        Some(HeaderAsWritten::Named(columns)) if columns.is_empty() => Header::FirstRow,
        Some(HeaderAsWritten::Named(columns)) => {
            // Without the second ones: the plan would tell them again.
            let mut names: Vec<String> = Vec::new();
            for (index, column) in columns.iter().enumerate() {
                if names.contains(&column.0) {
                    written.fault(
                        faults,
                        &format!("{pointer}/csv/header/{index}"),
                        format!("a second column `{}`; give each its own name", column.0),
                    );
                } else {
                    names.push(column.0.clone());
                }
            }
            Header::Named(names)
        }
    };
    rows.ragged = match csv.ragged {
        None | Some(RaggedAsWritten::Refuse) => Ragged::Refuse,
        Some(RaggedAsWritten::Pad) => Ragged::Pad,
    };
    rows.neutralise_formulas = matches!(csv.formulas, Some(FormulasAsWritten::Neutralise));
    rows
}

fn xml<T>(
    written: &Written<T>,
    pointer: &str,
    body: &BodyAsWritten<'_>,
    faults: &mut Vec<Fault>,
) -> Xml {
    let mut namespaces: Vec<(String, String)> = Vec::new();
    for (prefix, namespace) in body.namespaces.into_iter().flatten() {
        let at = child(&format!("{pointer}/namespaces"), prefix);
        if written.is_faulted_within(&at) {
            // The plan would tell it again.
            continue;
        }
        let namespace = namespace.as_str().unwrap_or_default();
        // A name in that namespace would have two spellings, and a rule for one would miss the other.
        if let Some((first, _)) = namespaces.iter().find(|(_, known)| known == namespace) {
            written.fault(
                faults,
                &at,
                format!("the prefix `{first}` stands for this namespace too; keep one of the two"),
            );
        } else {
            namespaces.push((prefix.clone(), namespace.to_owned()));
        }
    }
    Xml { namespaces }
}

fn opaque<T>(
    written: &Written<T>,
    pointer: &str,
    body: &BodyAsWritten<'_>,
    faults: &mut Vec<Fault>,
) -> Opaque {
    // What can be minimised must be: else `opaque` were a way around every rule.
    let minimised = [
        Format::Json,
        Format::Ndjson,
        Format::JsonSequence,
        Format::EventStream,
        Format::Csv(Csv::default()),
        Format::Csv(Csv {
            separator: b'\t',
            ..Csv::default()
        }),
        Format::Xml(Xml::default()),
        Format::Form,
        Format::Multipart,
    ];
    let types: Vec<String> = body
        .types
        .unwrap_or_default()
        .iter()
        .map(|text| text.0.clone())
        .collect();
    for (index, text) in types.iter().enumerate() {
        let at = format!("{pointer}/type/{index}");
        if let Some(format) = minimised.iter().find(|format| format.has_media_type(text)) {
            written.fault(
                faults,
                &at,
                format!(
                    "{text} can be looked into; write format: {} and the fields",
                    format.word()
                ),
            );
        } else if types[..index].contains(text) {
            written.fault(faults, &at, format!("{text} stands twice; leave one out"));
        }
    }
    Opaque { types }
}
