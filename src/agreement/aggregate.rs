//! A table as written to an [`Aggregate`] as meant.

use std::sync::Arc;

use jsonpath_rust::parser::model::{Segment, Selector as Part};
use serde_json::Value;

use super::file::{AggregateAsWritten, DominanceAsWritten, OutputAsWritten};
use super::tables::Tables;
use crate::aggregate::{
    Aggregate, Dimension, Dominance, Figure, Measure, Output, PerturbationTable, Rule, Values,
};
use crate::plan::Selector;
use crate::written::{Fault, Written};

/// Checks the table that stands at `pointer`. `None` has told at least one fault: without its table a body must never be
/// one whose records leave.
pub(super) fn check<T>(
    file: &Written<T>,
    pointer: &str,
    written: &AggregateAsWritten,
    tables: &Tables,
    faults: &mut Vec<Fault>,
) -> Option<Aggregate> {
    let told = faults.len();
    let table = checked(file, pointer, written, tables, faults);
    if table.is_none() && faults.len() == told && !file.is_faulted_within(pointer) {
        file.fault_at_key(
            faults,
            pointer,
            "no table can be made of this; it needs `by`, `measures` and `rule`",
        );
    }
    table
}

fn checked<T>(
    file: &Written<T>,
    pointer: &str,
    written: &AggregateAsWritten,
    tables: &Tables,
    faults: &mut Vec<Fault>,
) -> Option<Aggregate> {
    let mut check = Check {
        file,
        pointer,
        faults,
    };
    let by = written.by.as_ref()?.iter().enumerate();
    let dimensions: Vec<Option<Dimension>> = by
        .map(|(index, by)| check.dimension(&format!("by/{index}"), by))
        .collect();
    let measures: Vec<Option<Measure>> = written
        .measures
        .as_ref()?
        .iter()
        .map(|(name, of)| check.measure(name, of))
        .collect();
    let rule = check.rule(written.rule.as_ref()?, tables);
    let dominance = match &written.dominance {
        None => Some(None),
        Some(dominance) => check.dominance(dominance).map(Some),
    };
    Some(Aggregate {
        dimensions: dimensions.into_iter().collect::<Option<_>>()?,
        measures: measures.into_iter().collect::<Option<_>>()?,
        rule: rule?,
        dominance: dominance?,
        totals: written.totals.unwrap_or(false),
        output: match written.output {
            None | Some(OutputAsWritten::Json) => Output::Json,
            Some(OutputAsWritten::Csv) => Output::Csv,
        },
        groups: written.groups.map_or(Aggregate::GROUPS, |groups| {
            usize::try_from(groups).unwrap_or(Aggregate::MOST_GROUPS)
        }),
        bytes: Aggregate::BYTES,
        line: file.line(pointer),
    })
}

struct Check<'a, T> {
    file: &'a Written<T>,
    pointer: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl<T> Check<'_, T> {
    fn fault(&mut self, below: &str, message: impl Into<String>) {
        self.file
            .fault(self.faults, &format!("{}/{below}", self.pointer), message);
    }

    fn selector(&mut self, below: &str, text: &str) -> Option<Selector> {
        let message = if text.starts_with(['$', '@']) {
            match Selector::parse(text) {
                Ok(selector) => return Some(selector),
                Err(error) => error.message,
            }
        } else {
            format!(
                "a selector starts with $, or with @ from the record; write for example $.people[*].{}",
                text.split(['.', '[', ' ']).next().unwrap_or("ward")
            )
        };
        self.fault(below, message);
        None
    }

    fn dimension(&mut self, below: &str, by: &Value) -> Option<Dimension> {
        let (text, place) = match by.as_str() {
            Some(text) => (text, below.to_owned()),
            None => (by.get("of")?.as_str()?, format!("{below}/of")),
        };
        let selector = self.selector(&place, text)?;
        let name = match by.get("name").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => self.last_name(&place, &selector)?,
        };
        let values = match by.get("values") {
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| match value {
                    Value::String(text) => text.clone(),
                    other @ (Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_)) => other.to_string(),
                });
                let mut listed: Vec<String> = Vec::new();
                for (index, text) in texts.enumerate() {
                    if listed.contains(&text) {
                        self.fault(
                            &format!("{below}/values/{index}"),
                            "a value that stands in the list before; leave it out",
                        );
                    }
                    listed.push(text);
                }
                Values::Listed(listed)
            }
            Some(Value::String(word)) if word == "all" => Values::All,
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Object(_),
            )
            | None => Values::Shared,
        };
        Some(Dimension {
            name,
            selector,
            values,
        })
    }

    /// The name of the member that `selector` selects.
    fn last_name(&mut self, below: &str, selector: &Selector) -> Option<String> {
        match selector.query().segments.last() {
            Some(Segment::Selector(Part::Name(name))) => Some(name.clone()),
            Some(Segment::Selector(_) | Segment::Selectors(_) | Segment::Descendant(_)) | None => {
                self.fault(
                    below,
                    "a table takes single values that stand at a plain path in their record; write for example $.people[*].ward",
                );
                None
            }
        }
    }

    fn measure(&mut self, name: &str, of: &Value) -> Option<Measure> {
        let below = format!("measures/{}", name.replace('~', "~0").replace('/', "~1"));
        let measure = |of, nearest| {
            Some(Measure {
                name: name.to_owned(),
                of,
                nearest,
            })
        };
        let members = match of {
            Value::String(word) if word == "count" => return measure(Figure::Count, None),
            Value::String(word) if word == "subjects" => return measure(Figure::Subjects, None),
            Value::Object(members) => members,
            // The schema has told.
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                return None;
            }
        };
        let mut figures = members.iter().filter_map(|(word, selector)| {
            let make: fn(Selector) -> Figure = match word.as_str() {
                "sum" => Figure::Sum,
                "mean" => Figure::Mean,
                "median" => Figure::Median,
                "distinct" => Figure::Distinct,
                _ => return None,
            };
            Some((word, make, selector.as_str()?))
        });
        let (Some((word, make, text)), None) = (figures.next(), figures.next()) else {
            self.fault(
                &below,
                "a column tells one thing; write one of sum, mean, median and distinct with a selector",
            );
            return None;
        };
        let selector = self.selector(&format!("{below}/{word}"), text)?;
        let nearest = members.get("nearest").and_then(Value::as_u64);
        measure(make(selector), nearest)
    }

    fn rule(&mut self, rule: &Value, tables: &Tables) -> Option<Rule> {
        if let Some(word) = rule.as_str() {
            return match word {
                "nhs-england" => Some(Rule::NhsEngland),
                "ons-10-5" => Some(Rule::Ons105),
                // The schema has told.
                _ => None,
            };
        }
        let number = |key: &str| rule.get(key).and_then(Value::as_u64);
        let threshold = number("threshold");
        let round = number("round");
        let hide_zero = rule.get("hide_zero").and_then(Value::as_bool);
        match (rule.get("cell_key").and_then(Value::as_str), threshold) {
            (Some(_), _) if round.is_some() || hide_zero.is_some() => {
                self.fault(
                    "rule",
                    "cell keys change counts instead of rounding or hiding them; leave `round` and `hide_zero` out",
                );
                None
            }
            (Some(name), threshold) => {
                let table = if name == "built-in" {
                    PerturbationTable::built_in()
                } else {
                    self.table(name, tables)?
                };
                Some(Rule::CellKey {
                    table: Arc::new(table),
                    least: threshold.unwrap_or(10),
                })
            }
            (None, Some(least)) => {
                let round = round.unwrap_or(5);
                if round > least.saturating_mul(2) {
                    self.fault(
                        "rule/round",
                        "`round` is at most twice the threshold, so that nobody who is counted is shown as 0",
                    );
                    return None;
                }
                Some(Rule::Threshold {
                    least,
                    round,
                    hide_zero: hide_zero.unwrap_or(false),
                })
            }
            (None, None)
                if self
                    .file
                    .is_faulted_within(&format!("{}/rule", self.pointer)) =>
            {
                None
            }
            (None, None) => {
                self.fault(
                    "rule",
                    "the rule has no threshold; write for example { threshold: 10, round: 5 }",
                );
                None
            }
        }
    }

    /// A perturbation table from a file beside the agreement.
    fn table(&mut self, path: &str, tables: &Tables) -> Option<PerturbationTable> {
        let read = tables.read(self.file.file(), path).and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_| format!("{path}: not UTF-8 text"))?;
            let name = path.rsplit('/').next().unwrap_or(path);
            let name = name.strip_suffix(".csv").unwrap_or(name);
            PerturbationTable::read(name, &text).map_err(|error| format!("{path}: {error}"))
        });
        match read {
            Ok(table) => Some(table),
            Err(message) => {
                self.fault("rule/cell_key", message);
                None
            }
        }
    }

    fn dominance(&mut self, written: &DominanceAsWritten) -> Option<Dominance> {
        match (written.p, written.n, written.k) {
            (Some(percent), None, None) => Some(Dominance::Percent(percent)),
            (None, Some(largest), Some(percent)) => Some(Dominance::Share { largest, percent }),
            (_, _, _) => {
                self.fault(
                    "dominance",
                    "write { p: 10 } for the p% rule, or { n: 1, k: 80 } for the (n, k) rule",
                );
                None
            }
        }
    }
}
