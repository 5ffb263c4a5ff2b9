//! `fieldgate risk`: how alike the records are that an agreement lets out, beside those that went in.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use jsonpath_rust::query::js_path_process;
use serde_json::{Value, json};

use super::file;
use super::out::{self, Stop};
use crate::plan::Selector;
use crate::risk::picture::{percent, svg};
use crate::risk::{Counting, Fingerprint, Risk};

mod read;

use read::{ReadFault, RecordsFormat};

/// Measures how alike the records of a release are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate risk released.json --keys '$.ageBand,$.district'
  fieldgate risk released.csv --keys '$.ageBand,$.district' \\
      --sensitive '$.diagnosis' --before extract.csv
  fieldgate risk released.json --records '$.items' --keys '$.ageBand' \\
      --svg groups.svg

Keys are what somebody outside could know of a person: age, district, sex. Records with the
same keys are a group; the smallest group is k. A sensitive field is one that keys should not
tell: in each group its values should differ. Selectors are from the record, $. Without a
value at a selector a record is like others without one. No value is printed.

The figures are of these records alone. A release that is safe by itself can be told apart
beside another one, and k over what streams past in a day is not k-anonymity of the stream.

Exit codes: 0 done; 1 the input is at fault; 2 wrong usage; 3 a file cannot be read or written.")]
pub struct RiskArgs {
    /// What was let out: a JSON array, JSON lines or a table; - for standard input
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
    /// Selectors, divided by commas, of what could be known of a person
    #[arg(long, value_name = "SELECTORS", required = true)]
    pub keys: Vec<String>,
    /// Selectors, divided by commas, of what the keys should not tell
    #[arg(long, value_name = "SELECTORS")]
    pub sensitive: Vec<String>,
    /// What went in, to compare with
    #[arg(long, value_name = "INPUT")]
    pub before: Option<PathBuf>,
    /// Where in a JSON document its records are, $.items; without it the document is an array of them
    #[arg(long, value_name = "SELECTOR")]
    pub records: Option<String>,
    /// The files' format; without it what their names say
    #[arg(long, value_enum)]
    pub format: Option<RecordsFormat>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Write a picture of the groups to this file too
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What is measured.
struct Measure {
    keys: Vec<Selector>,
    sensitive: Vec<Selector>,
    within: Vec<String>,
    format: Option<RecordsFormat>,
}

/// Runs `fieldgate risk`.
///
/// # Errors
/// If a selector is none, a file cannot be read or is not in its format, or there are too many groups.
pub fn run(args: &RiskArgs) -> Result<(), Stop> {
    let measure = Measure {
        keys: selectors("--keys", &args.keys)?,
        sensitive: selectors("--sensitive", &args.sensitive)?,
        within: args.records.as_deref().map_or(Ok(Vec::new()), within)?,
        format: args.format,
    };
    let after = measure.of(&args.output)?;
    let before = args
        .before
        .as_ref()
        .map(|path| measure.of(path))
        .transpose()?;
    if let Some(path) = &args.svg {
        fs::write(path, svg(&after, before.as_ref())).map_err(|error| {
            Stop::environment(format_args!("cannot write {}: {error}", path.display()))
        })?;
    }
    if args.json {
        out::line(&measure.as_json(&after, before.as_ref()).to_string())
    } else {
        out::data(measure.as_text(&after, before.as_ref()).as_bytes())
    }
}

/// The selectors of an option that takes several. A comma divides two where a `$` follows: others are a selector's.
fn selectors(option: &str, texts: &[String]) -> Result<Vec<Selector>, Stop> {
    let mut selectors: Vec<Selector> = Vec::new();
    for text in texts {
        let mut rest = text.as_str();
        loop {
            let divides = |(at, _): &(usize, &str)| rest[at + 1..].trim_start().starts_with('$');
            let end = rest.match_indices(',').find(divides).map(|(at, _)| at);
            let one = rest[..end.unwrap_or(rest.len())].trim();
            let fault = |message: String| Stop::usage(format_args!("{option} {one}: {message}"));
            let selector = Selector::parse(one).map_err(|error| fault(error.message))?;
            if selectors
                .iter()
                .any(|known| known.text() == selector.text())
            {
                return Err(fault("stands twice; leave one out".to_owned()));
            }
            selectors.push(selector);
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => break,
            }
        }
    }
    Ok(selectors)
}

/// The member names that lead to the records.
fn within(text: &str) -> Result<Vec<String>, Stop> {
    let names = text
        .trim()
        .strip_suffix("[*]")
        .unwrap_or(text.trim())
        .strip_prefix('$')
        .map(|path| {
            path.split('.')
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
    let plain = |names: &Vec<String>| {
        let joined = names
            .iter()
            .map(|name| format!(".{name}"))
            .collect::<String>();
        let whole = format!("${joined}");
        names
            .iter()
            .all(|name| !name.is_empty() && !name.contains(['[', ']', '*', '?', ' ']))
            && [whole.clone(), format!("{whole}[*]")].contains(&text.trim().to_owned())
    };
    names.filter(plain).ok_or_else(|| {
        Stop::usage(format_args!(
            "--records {text}: records stand under member names; write for example --records '$.items'"
        ))
    })
}

impl Measure {
    fn of(&self, path: &Path) -> Result<Risk, Stop> {
        let name = path.display().to_string();
        let input: Box<dyn BufRead> = if name == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = fs::File::open(path).map_err(|error| file::unread(&name, &error))?;
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        let format = self.format.unwrap_or_else(|| RecordsFormat::of_name(&name));
        let mut counting = Counting::new(self.sensitive.len());
        // The selectors that no record had anything at so far.
        let mut idle: Vec<&Selector> = self.keys.iter().chain(&self.sensitive).collect();
        let mut each = |record: &Value| {
            let keys = fingerprint(&self.keys, record, &mut idle)?;
            let sensitive = self.sensitive.iter();
            let sensitive = sensitive
                .map(|selector| fingerprint(std::slice::from_ref(selector), record, &mut idle));
            counting
                .add(keys, &sensitive.collect::<Result<Vec<_>, _>>()?)
                .map_err(|error| Stop::input(format_args!("{name}: {error}")))
        };
        let read = read::records(input, format, &self.within, &mut each);
        match read {
            Ok(()) => {
                let risk = counting.finish();
                // All records would be alike in what none of them has.
                match idle.first().filter(|_| risk.records > 0) {
                    Some(selector) => Err(Stop::usage(format_args!(
                        "no record of {name} has anything at {}; selectors here start at a record, $.age",
                        selector.text()
                    ))),
                    None => Ok(risk),
                }
            }
            Err(ReadFault::Receiver(stop)) => Err(stop),
            Err(ReadFault::Content(message)) => Err(Stop::input(format_args!("{name}: {message}"))),
            Err(ReadFault::Io(error)) => Err(file::unread(&name, &error)),
        }
    }

    fn as_json(&self, after: &Risk, before: Option<&Risk>) -> Value {
        let texts = |selectors: &[Selector]| -> Vec<String> {
            selectors
                .iter()
                .map(|selector| selector.text().to_owned())
                .collect()
        };
        let of = |risk: &Risk| {
            let classes: Vec<Value> = risk
                .named_classes()
                .map(|(name, class)| {
                    json!({ "size": name, "from": class.least, "groups": class.groups, "records": class.records })
                })
                .collect();
            let sensitive: Vec<Value> = self
                .sensitive
                .iter()
                .zip(&risk.sensitive)
                .map(|(selector, found)| {
                    json!({
                        "selector": selector.text(),
                        "distinct": found.distinct,
                        "effective": found.effective,
                        "told": found.told,
                    })
                })
                .collect();
            json!({
                "records": risk.records,
                "groups": risk.groups,
                "k": risk.smallest,
                "largest": risk.largest,
                "unique": risk.unique(),
                "below_5": risk.below(5),
                "below_10": risk.below(10),
                "sizes": classes,
                "sensitive": sensitive,
            })
        };
        let mut report = json!({
            "keys": texts(&self.keys),
            "sensitive": texts(&self.sensitive),
            "after": of(after),
        });
        if let Some(before) = before {
            report["before"] = of(before);
        }
        report
    }

    fn as_text(&self, after: &Risk, before: Option<&Risk>) -> String {
        let releases: Vec<&Risk> = before.into_iter().chain([after]).collect();
        let mut lines = vec![format!(
            "keys       {}",
            self.keys
                .iter()
                .map(Selector::text)
                .collect::<Vec<_>>()
                .join(", ")
        )];
        let row = |name: &str, cell: &dyn Fn(&Risk) -> String| {
            let cells = releases.iter().map(|risk| format!("{:>22}", cell(risk)));
            format!("{name:<34}{}", cells.collect::<String>())
        };
        let share = |risk: &Risk, count: u64| {
            format!("{count} {:>9}", format!("({})", percent(risk.share(count))))
        };
        if before.is_some() {
            lines.push(format!("{:<34}{:>22}{:>22}", "", "before", "after"));
        }
        lines.push(row("records", &|risk| risk.records.to_string()));
        lines.push(row("groups of the same keys", &|risk| {
            risk.groups.to_string()
        }));
        lines.push(row("records in the smallest, k", &|risk| {
            risk.smallest.to_string()
        }));
        lines.push(row("records in the largest", &|risk| {
            risk.largest.to_string()
        }));
        lines.push(row("records alone in their group", &|risk| {
            share(risk, risk.unique())
        }));
        lines.push(row("records in groups of fewer than 5", &|risk| {
            share(risk, risk.below(5))
        }));
        lines.push(row("records in groups of fewer than 10", &|risk| {
            share(risk, risk.below(10))
        }));
        lines.push(String::new());
        lines.push("records by the size of their group".to_owned());
        for (index, (name, _)) in after.named_classes().enumerate() {
            lines.push(row(&format!("  {name}"), &|risk| {
                share(risk, risk.classes[index].records)
            }));
        }
        for (index, selector) in self.sensitive.iter().enumerate() {
            lines.push(String::new());
            lines.push(format!("sensitive  {}", selector.text()));
            lines.push(row("  least distinct values, l", &|risk| {
                risk.sensitive[index].distinct.to_string()
            }));
            lines.push(row("  least effective values (entropy)", &|risk| {
                format!("{:.2}", risk.sensitive[index].effective)
            }));
            lines.push(row("  records whose keys tell it", &|risk| {
                share(risk, risk.sensitive[index].told)
            }));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// The fingerprint of what `selectors` pick of `record`. Those that pick something are taken out of `idle`.
fn fingerprint(
    selectors: &[Selector],
    record: &Value,
    idle: &mut Vec<&Selector>,
) -> Result<Fingerprint, Stop> {
    let mut texts = Vec::with_capacity(selectors.len());
    for selector in selectors {
        let found = js_path_process(selector.query(), record).map_err(|_| {
            Stop::usage(format_args!(
                "{}: a selector here is without functions of fieldgate's own",
                selector.text()
            ))
        })?;
        let found: Vec<String> = found
            .into_iter()
            .map(|found| found.val().to_string())
            .collect();
        if !found.is_empty() {
            idle.retain(|idle| idle.text() != selector.text());
        }
        texts.push(found);
    }
    Ok(Fingerprint::of(
        texts.iter().map(|texts| texts.iter().map(String::as_str)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_divides_selectors_and_not_a_selectors_parts() {
        let texts = |given: &[&str]| -> Result<Vec<String>, ()> {
            let given: Vec<String> = given.iter().map(ToString::to_string).collect();
            let found = selectors("--keys", &given).map_err(|_| ())?;
            Ok(found
                .iter()
                .map(|selector| selector.text().to_owned())
                .collect())
        };
        assert_eq!(
            texts(&["$.a,$.b , $['c','d']", "$.e"]),
            Ok(vec![
                "$.a".to_owned(),
                "$.b".to_owned(),
                "$['c','d']".to_owned(),
                "$.e".to_owned(),
            ])
        );
        for wrong in [&["$.a,$.a"] as &[&str], &["a"], &[""], &["$.a,"]] {
            assert!(texts(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn records_stand_under_member_names() {
        for (text, expected) in [
            ("$", Some(vec![])),
            ("$[*]", Some(vec![])),
            ("$.items", Some(vec!["items"])),
            ("$.a.b[*]", Some(vec!["a", "b"])),
            ("items", None),
            ("$..a", None),
            ("$.a[0]", None),
            ("$x.a", None),
        ] {
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(within(text).ok(), expected, "{text}");
        }
    }
}
