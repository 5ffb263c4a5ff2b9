//! Tables written out: JSON, and comma-separated values.

use super::prepare::Prepared;
use super::table::{Label, Table, Told};
use super::{ALL, HIDDEN, NONE, OTHER, Output, TableTally};
use crate::transform::push_quoted;

/// Appends `table` to `out` and counts what is in it.
pub(super) fn write(table: &Table, prepared: &Prepared, out: &mut Vec<u8>) -> TableTally {
    match prepared.output {
        Output::Json => json(table, prepared, out),
        Output::Csv => csv(table, prepared, out),
    }
    let (mut groups, mut hidden) = (0, 0);
    for cell in 0..table.shape.cells() {
        let is_total = table.shape.is_total(cell);
        if !is_total {
            groups += 1;
        }
        if !is_total || prepared.totals {
            hidden += table
                .columns
                .iter()
                .filter(|column| column[cell] == Told::Hidden)
                .count() as u64;
        }
    }
    TableTally {
        tables: 1,
        records: 0,
        groups,
        hidden,
    }
}

/// `{"rule":…,"by":[…],"groups":[{…},…],"totals":[{…},…]}`: a total has no member for the dimensions that it is over.
fn json(table: &Table, prepared: &Prepared, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"rule\":");
    push_quoted(&prepared.rule.name(), out);
    out.extend_from_slice(b",\"about\":");
    push_quoted(&prepared.rule.text(), out);
    out.extend_from_slice(b",\"hidden\":");
    push_quoted(HIDDEN, out);
    out.extend_from_slice(b",\"by\":[");
    for (index, dimension) in prepared.dimensions.iter().enumerate() {
        comma(index, out);
        push_quoted(&dimension.name, out);
    }
    out.extend_from_slice(b"],\"groups\":[");
    let mut parts = vec![(false, "groups")];
    if prepared.totals {
        parts.push((true, "totals"));
    }
    for (part, (totals, name)) in parts.into_iter().enumerate() {
        if part > 0 {
            out.extend_from_slice(b"],");
            push_quoted(name, out);
            out.extend_from_slice(b":[");
        }
        let cells = (0..table.shape.cells()).filter(|cell| table.shape.is_total(*cell) == totals);
        for (index, cell) in cells.enumerate() {
            comma(index, out);
            out.push(b'{');
            let mut members = 0;
            for (index, (dimension, labels)) in
                prepared.dimensions.iter().zip(&table.labels).enumerate()
            {
                let Some(label) = labels.get(table.shape.along(cell, index)) else {
                    continue;
                };
                comma(members, out);
                members += 1;
                push_quoted(&dimension.name, out);
                out.push(b':');
                match label {
                    Label::Text(text) => push_quoted(text, out),
                    Label::Other => push_quoted(OTHER, out),
                    Label::None => out.extend_from_slice(b"null"),
                }
            }
            for (measure, column) in prepared.measures.iter().zip(&table.columns) {
                comma(members, out);
                members += 1;
                push_quoted(&measure.name, out);
                out.push(b':');
                match &column[cell] {
                    Told::Number(number) => out.extend_from_slice(number.as_bytes()),
                    Told::Hidden => push_quoted(HIDDEN, out),
                    Told::Nothing => out.extend_from_slice(b"null"),
                }
            }
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"]}\n");
}

/// A row for each group, then for each total, with the rule's name in a last column.
fn csv(table: &Table, prepared: &Prepared, out: &mut Vec<u8>) {
    let names = prepared.dimensions.iter().map(|dimension| &dimension.name);
    for name in names.chain(prepared.measures.iter().map(|measure| &measure.name)) {
        push_value(name, out);
        out.push(b',');
    }
    out.extend_from_slice(b"rule\r\n");
    let rule = prepared.rule.name();
    for totals in [false, true] {
        if totals && !prepared.totals {
            continue;
        }
        let cells = (0..table.shape.cells()).filter(|cell| table.shape.is_total(*cell) == totals);
        for cell in cells {
            for (index, labels) in table.labels.iter().enumerate() {
                push_value(
                    match labels.get(table.shape.along(cell, index)) {
                        None => ALL,
                        Some(Label::Text(text)) => text,
                        Some(Label::Other) => OTHER,
                        Some(Label::None) => NONE,
                    },
                    out,
                );
                out.push(b',');
            }
            for column in &table.columns {
                match &column[cell] {
                    Told::Number(number) => out.extend_from_slice(number.as_bytes()),
                    Told::Hidden => out.extend_from_slice(HIDDEN.as_bytes()),
                    Told::Nothing => {}
                }
                out.push(b',');
            }
            push_value(&rule, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn comma(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// One value of a row. What a spreadsheet would take for a formula has an apostrophe before it: labels are data.
fn push_value(text: &str, out: &mut Vec<u8>) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.contains(['"', ',', '\n', '\r']);
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
}
