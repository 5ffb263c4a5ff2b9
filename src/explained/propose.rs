//! A change of the register, proposed: the file's own text with a field more, as a patch that somebody signs and applies.
//!
//! The text is changed by line, so that comments and order stay as their owner wrote them.

use crate::explained::Stated;
use crate::written::{child, line_of};

/// A field that a data set is to have.
#[derive(Debug, Clone, Copy)]
pub struct NewField<'a> {
    /// The data set.
    pub data_set: &'a str,
    /// Where it stands in a record: `@.mobility`.
    pub path: &'a str,
    /// Its sensitivity's word.
    pub sensitivity: &'a str,
}

/// Why no change can be proposed. One sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotProposed(pub String);

/// Lines of context around each change of a patch.
const CONTEXT: usize = 3;

/// The register's text with `field` after the last of its data set's fields, and the next version. Whether it loads is for
/// the caller to see.
///
/// # Errors
/// If the text has no such data set, has the field already, or lists fields otherwise than one a line.
pub fn propose(text: &str, field: &NewField<'_>) -> Result<String, NotProposed> {
    let stated = Stated::read(text);
    let no = |message: String| Err(NotProposed(message));
    let sets = stated.at("data_sets").and_then(|sets| sets.as_array());
    let sets = sets.map_or(&[][..], Vec::as_slice);
    let name = |set: &serde_json::Value| set.get("name")?.as_str().map(str::to_owned);
    let is_named = |set: &serde_json::Value| name(set).as_deref() == Some(field.data_set);
    let Some(place) = sets.iter().position(is_named) else {
        let names: Vec<String> = sets.iter().filter_map(name).collect();
        return no(format!(
            "the register has no data set {}; it has {}",
            field.data_set,
            names.join(", ")
        ));
    };
    let set = &sets[place];
    let fields = set.get("fields").and_then(|fields| fields.as_array());
    let fields = fields.map_or(&[][..], Vec::as_slice);
    let is_there = |one: &serde_json::Value| {
        one.get("path").and_then(|path| path.as_str()) == Some(field.path)
    };
    if fields.iter().any(is_there) {
        return no(format!(
            "the data set {} has {} already; there is nothing to propose",
            field.data_set, field.path
        ));
    }
    let pointer = format!("/data_sets/{place}/fields");
    let last = child(&pointer, &fields.len().saturating_sub(1).to_string());
    let (Some(line), Some(version)) = (line_of(text, &last), line_of(text, "/version")) else {
        return no("the register's fields and version cannot be found in its text".to_owned());
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let indent = lines[line - 1].len() - lines[line - 1].trim_start().len();
    if !lines[line - 1].trim_start().starts_with("- ") {
        return no(format!(
            "write the fields of {} one a line, each after `- `",
            field.data_set
        ));
    }
    let is_of_last = |below: &&String| {
        let own = below.len() - below.trim_start().len();
        !below.trim().is_empty() && own > indent
    };
    let end = line + lines[line..].iter().take_while(is_of_last).count();
    let new = format!(
        "{}- {{ path: \"{}\", sensitivity: {} }}",
        " ".repeat(indent),
        field.path,
        field.sensitivity
    );
    let number = stated
        .at("version")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(0);
    let old_version = &lines[version - 1];
    let next = old_version.replacen(&number.to_string(), &(number + 1).to_string(), 1);
    if next == *old_version {
        return no("write `version:` and its number on one line".to_owned());
    }
    lines[version - 1] = next;
    lines.insert(end, new);
    Ok(lines.join("\n") + "\n")
}

/// What leads from `old` to `new` as a unified diff of the file `name`; nothing where they are the same. For changes that
/// are few and apart from each other, as [`propose`] makes them.
#[must_use]
pub fn patch(name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // A line that is in one text alone: here lines are replaced one for one, or added.
    let mut edits: Vec<(usize, usize, &str, usize)> = Vec::new();
    let (mut before, mut after) = (0, 0);
    while before < old.len() || after < new.len() {
        match (old.get(before), new.get(after)) {
            (Some(was), Some(is)) if was == is => {
                edits.push((before, after, " ", before));
                before += 1;
                after += 1;
            }
            (was, Some(_)) if was.is_none() || new.get(after + 1) == was => {
                edits.push((before, after, "+", after));
                after += 1;
            }
            (Some(_), _) => {
                edits.push((before, after, "-", before));
                before += 1;
                if new.get(after).is_some() && new.get(after + 1) == old.get(before) {
                    edits.push((before, after, "+", after));
                    after += 1;
                }
            }
            (None, _) => break,
        }
    }
    let changed: Vec<usize> = (0..edits.len()).filter(|&at| edits[at].2 != " ").collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut out = format!("--- a/{name}\n+++ b/{name}\n");
    let mut at = 0;
    while at < changed.len() {
        let start = changed[at].saturating_sub(CONTEXT);
        let mut end = changed[at] + CONTEXT + 1;
        while at + 1 < changed.len() && changed[at + 1] <= end + CONTEXT {
            at += 1;
            end = changed[at] + CONTEXT + 1;
        }
        at += 1;
        let hunk = &edits[start..end.min(edits.len())];
        let count = |sign: &str| hunk.iter().filter(|edit| edit.2 != sign).count();
        out.push_str(&format!(
            "@@ -{},{} +{},{} @@\n",
            hunk[0].0 + 1,
            count("+"),
            hunk[0].1 + 1,
            count("-")
        ));
        for (_, _, sign, line) in hunk {
            let text = if *sign == "+" { new[*line] } else { old[*line] };
            out.push_str(&format!("{sign}{text}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "# ours\nregister: isle\nversion: 9\n\ndata_sets:\n  - name: a\n    fields:\n      - path: \"@.x\"\n        sensitivity: plain\n      # the last\n    retention: P1Y\n  - name: b\n    fields: [{ path: \"@.y\", sensitivity: plain }]\n";

    /// Applies a unified diff, strictly: each line of it has to be where it says.
    fn apply(text: &str, patch: &str) -> String {
        let old: Vec<&str> = text.lines().collect();
        let (mut out, mut at) = (Vec::new(), 0);
        for line in patch.lines().skip(2) {
            if let Some(places) = line.strip_prefix("@@ -") {
                let start: usize = places.split(',').next().unwrap().parse().unwrap();
                out.extend(&old[at..start - 1]);
                at = start - 1;
                continue;
            }
            let (sign, rest) = line.split_at(1);
            match sign {
                " " | "-" => {
                    assert_eq!(old[at], rest);
                    at += 1;
                    if sign == " " {
                        out.push(rest);
                    }
                }
                _ => out.push(rest),
            }
        }
        out.extend(&old[at..]);
        out.join("\n") + "\n"
    }

    #[test]
    fn a_field_is_added_after_the_last_and_the_patch_applies() {
        let field = NewField {
            data_set: "a",
            path: "@.z",
            sensitivity: "special",
        };
        let new = propose(REGISTER, &field).unwrap();
        assert!(new.contains("version: 10\n"));
        assert!(
            new.contains(
                "        sensitivity: plain\n      - { path: \"@.z\", sensitivity: special }\n"
            ),
            "{new}"
        );
        let patch = patch("register.yaml", REGISTER, &new);
        assert_eq!(apply(REGISTER, &patch), new, "{patch}");
        assert_eq!(super::patch("register.yaml", &new, &new), "");
    }

    #[test]
    fn what_cannot_be_proposed_is_said() {
        for (data_set, path, message) in [
            ("c", "@.z", "no data set c; it has a, b"),
            ("a", "@.x", "has @.x already"),
            ("b", "@.z", "one a line"),
        ] {
            let field = NewField {
                data_set,
                path,
                sensitivity: "plain",
            };
            let error = propose(REGISTER, &field).unwrap_err();
            assert!(error.0.contains(message), "{error}");
        }
    }
}
