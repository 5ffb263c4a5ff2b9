//! What was seen, put into words and columns.

use serde_json::Value;

use super::site::Site;
use super::{Addresses, HEALTH, HOUSING, PARTNERS, REFUSED_PURPOSE, Seen};
use crate::cli::out;

/// Columns of a page that goes into a file or a pipe.
const WIDTH: usize = 120;
/// Fewer columns than this hold no table.
const WIDTH_LEAST: usize = 72;
/// Characters of a long hexadecimal number that are shown.
const HEX_SHOWN: usize = 8;

/// How a page looks.
pub(super) struct Look {
    width: usize,
    colour: bool,
}

impl Look {
    pub(super) fn of_standard_output() -> Self {
        Self {
            width: out::columns().unwrap_or(WIDTH).clamp(WIDTH_LEAST, 160),
            colour: out::is_coloured(),
        }
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Plain => return text.to_owned(),
            Paint::Title => "1",
            Paint::Kept => "32",
            Paint::Changed => "33",
            Paint::Absent => "2",
        };
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn title(&self, text: &str) -> String {
        format!("\n{}\n\n", self.paint(Paint::Title, text))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Title,
    /// As the council holds it.
    Kept,
    /// Coarser, or a token.
    Changed,
    Absent,
}

/// Everything that was seen.
pub(super) fn page(seen: &Seen, look: &Look) -> String {
    let mut page = String::new();
    page.push_str(&look.paint(
        Paint::Title,
        "fieldgate demo: a council's service, the gateway before it, and two partners",
    ));
    page.push_str("\nAll on this machine, and everybody in it is invented.\n");
    page.push_str(
        &look.title("1. One record as the council holds it, and what each partner gets of it"),
    );
    page.push_str(&table(seen, look));
    page.push_str(&counts(seen));
    let (path, by_token) = &seen.by_token;
    page.push_str(&look.title(&format!(
        "2. {} asks again about the first, whose NHS number it never had: {}",
        HEALTH.name, by_token.status
    )));
    page.push_str(&format!("GET {path}\n"));
    page.push_str(&pretty(&by_token.json()));
    page.push_str(&look.title(&format!(
        "3. {} asks for the same records for another purpose, {REFUSED_PURPOSE}: {}",
        HEALTH.name, seen.refused.status
    )));
    page.push_str(&pretty(&seen.refused.json()));
    page.push_str(&look.title("4. The ledger, which had each intent on disk before anything left"));
    for line in &seen.ledger {
        page.push_str(&wrapped(&shortened(line), look.width));
    }
    page
}

/// What to do next, with lines that work as they are.
pub(super) fn what_to_try(site: &Site, addresses: Addresses, seen: &Seen) -> String {
    let Addresses { plain, tls, admin } = addresses;
    let directory = site.path().display();
    let fieldgate = this_command();
    let health = HEALTH.name;
    let housing = HOUSING.name;
    let curl = |partner: super::Partner, purpose: &str, path: &str| {
        format!(
            "curl -sw '\\n' -H 'X-Api-Key: {}' -H 'Data-Purpose: {purpose}' http://{plain}{path}",
            site.api_key(partner)
        )
    };
    let lines = [
        (
            "What each partner gets:",
            vec![
                curl(HEALTH, HEALTH.purpose, "/adults"),
                curl(HOUSING, HOUSING.purpose, "/adults"),
                curl(HEALTH, HEALTH.purpose, "/adults/IH-20417"),
                curl(HEALTH, HEALTH.purpose, &seen.by_token.0),
            ],
        ),
        (
            "What a partner does not get: another's purpose, another's path, somebody who has not agreed, anybody by a number.",
            vec![
                curl(HEALTH, HOUSING.purpose, "/adults"),
                curl(HOUSING, HOUSING.purpose, "/adults/IH-20417"),
                curl(HEALTH, HEALTH.purpose, "/adults/IH-20466"),
                curl(HEALTH, HEALTH.purpose, "/people/9990000018"),
            ],
        ),
        (
            "The same over TLS, with a certificate in place of the key:",
            vec![format!(
                "curl -sw '\\n' --cacert {directory}/tls/ca.pem --cert {directory}/tls/{health}.pem --key {directory}/tls/{health}-key.pem -H 'Data-Purpose: {}' https://localhost:{}/adults",
                HEALTH.purpose,
                tls.port()
            )],
        ),
        (
            "As the operator and the data-protection officer:",
            vec![
                format!("curl -s http://{admin}/metrics"),
                format!("{fieldgate} ledger verify {directory}/ledger"),
                format!("{fieldgate} check --config {directory}/fieldgate.yaml"),
                format!(
                    "{fieldgate} explain --config {directory}/fieldgate.yaml --partner {housing} --purpose {} GET /adults",
                    HOUSING.purpose
                ),
            ],
        ),
    ];
    let mut text = String::from("\n5. What to try now, in another terminal\n");
    for (what, commands) in lines {
        text.push_str(&format!("\n{what}\n"));
        for command in commands {
            text.push_str(&format!("  {command}\n"));
        }
    }
    text.push_str(&format!(
        "\nChange {directory}/agreements/{}.yaml and ask again: the gateway takes\n\
         the new one, or says why not and stays with the old.\n\
         \nServing until Ctrl-C; then all of this is gone. What happens meanwhile:\n",
        HOUSING.purpose,
    ));
    text
}

/// How this command can be called from the directory it was called in.
fn this_command() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| "fieldgate".into());
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(&path)
        .display()
        .to_string()
}

/// A line of the table: where, what the council holds, what became of it at each partner.
struct Row {
    label: String,
    held: String,
    shared: [(Paint, String); 2],
}

/// The first record beside what each partner gets of it.
fn table(seen: &Seen, look: &Look) -> String {
    let answers = [0, 1].map(|partner| seen.shared[partner].json());
    let first = [0, 1].map(|partner| answers[partner].pointer("/items/0"));
    let mut rows = Vec::new();
    for (name, value) in seen.held[0].as_object().into_iter().flatten() {
        let shared = first.map(|record| record.and_then(|record| record.get(name)));
        add_rows(&mut rows, 0, name, value, shared);
    }

    let characters = |text: &str| text.chars().count();
    let labels = rows
        .iter()
        .map(|row| characters(&row.label))
        .max()
        .unwrap_or(0);
    // Three columns of values, each with two blanks before it.
    let values = (look.width.saturating_sub(labels) / 3)
        .saturating_sub(2)
        .max(8);
    let mut text = String::new();
    let mut put = |cells: [(Paint, &str); 4]| {
        let widths = [labels, values, values, values];
        let cells: Vec<String> = cells
            .into_iter()
            .zip(widths)
            .map(|((paint, cell), width)| {
                let cell = cut(cell, width);
                let blanks = " ".repeat(width - characters(&cell));
                look.paint(paint, &cell) + &blanks
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    };
    let purposes = PARTNERS.map(|partner| format!("for {}", partner.purpose));
    put([
        (Paint::Plain, ""),
        (Paint::Title, "isle-council"),
        (Paint::Title, HEALTH.name),
        (Paint::Title, HOUSING.name),
    ]);
    put([
        (Paint::Plain, ""),
        (Paint::Plain, "holds"),
        (Paint::Plain, &purposes[0]),
        (Paint::Plain, &purposes[1]),
    ]);
    let rule = "─".repeat(values);
    put([
        (Paint::Absent, ""),
        (Paint::Absent, &rule),
        (Paint::Absent, &rule),
        (Paint::Absent, &rule),
    ]);
    for row in &rows {
        let [(first, one), (second, other)] = &row.shared;
        put([
            (Paint::Plain, &row.label),
            (Paint::Plain, &row.held),
            (*first, one),
            (*second, other),
        ]);
    }
    text.push_str("\n· does not leave the council\n");
    text
}

fn add_rows(
    rows: &mut Vec<Row>,
    depth: usize,
    name: &str,
    held: &Value,
    shared: [Option<&Value>; 2],
) {
    let label = format!("{}{name}", "  ".repeat(depth));
    let children: Vec<(String, &Value, [Option<&Value>; 2])> = match held {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value, shared.map(|one| one?.get(name))))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, value)| {
                (
                    format!("{}.", index + 1),
                    value,
                    shared.map(|one| one?.get(index)),
                )
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let is_container = held.is_object() || held.is_array();
    rows.push(Row {
        label,
        held: if is_container {
            String::new()
        } else {
            words(held)
        },
        shared: shared.map(|one| match one {
            None => (Paint::Absent, "·".to_owned()),
            Some(_) if is_container => (Paint::Plain, String::new()),
            Some(value) if value == held => (Paint::Kept, words(value)),
            Some(value) => (Paint::Changed, words(value)),
        }),
    });
    // Of what nobody gets, the record's own column still shows every field.
    for (name, value, shared) in children {
        add_rows(rows, depth + 1, &name, value, shared);
    }
}

/// A single value without the quotes of JSON.
fn words(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn counts(seen: &Seen) -> String {
    let items = |answer: &super::Answer| answer.json()["items"].as_array().map_or(0, Vec::len);
    format!(
        "Of {} adults {} gets {} and {} gets {}: who has not agreed to sharing is left out whole (release_if).\n",
        seen.held.len(),
        HEALTH.name,
        items(&seen.shared[0]),
        HOUSING.name,
        items(&seen.shared[1]),
    )
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a JSON value is written as JSON");
    text + "\n"
}

/// `text` in at most `width` characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// A line of the ledger with its hashes shortened: they are 64 digits each, and in the file.
fn shortened(line: &str) -> String {
    let mut short = String::new();
    for piece in line.split_inclusive('"') {
        let digits = piece.trim_end_matches('"');
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            short.push_str(&digits[..HEX_SHOWN]);
            short.push_str("…\"");
        } else {
            short.push_str(piece);
        }
    }
    short
}

/// `text` in lines of at most `width` characters, broken after commas, further lines indented.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for piece in text.split_inclusive(',') {
        if line.chars().count() + piece.chars().count() > width && !line.trim().is_empty() {
            lines.push_str(&line);
            lines.push('\n');
            line = "  ".to_owned();
        }
        line.push_str(piece);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_ledger_is_shown_with_short_hashes_and_wrapped_at_commas() {
        let line = format!(
            r#"{{"seq":1,"hash":"{}","prev":"{}"}}"#,
            "ab".repeat(32),
            "0".repeat(64)
        );
        let short = shortened(&line);
        assert_eq!(short, r#"{"seq":1,"hash":"abababab…","prev":"00000000…"}"#);
        assert_eq!(
            wrapped(&short, 30),
            "{\"seq\":1,\"hash\":\"abababab…\",\n  \"prev\":\"00000000…\"}\n"
        );
        assert_eq!(wrapped(&short, 100), format!("{short}\n"));
    }

    #[test]
    fn a_value_longer_than_its_column_is_cut_visibly() {
        assert_eq!(cut("Rosebank", 8), "Rosebank");
        assert_eq!(cut("Rosebank", 5), "Rose…");
    }
}
