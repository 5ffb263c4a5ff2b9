//! What an agreement says of a table, checked against the rules of its body and made ready.

use jsonpath_rust::parser::model::Segment;

use super::hash::Hash;
use super::layout::{Layout, names_within};
use super::read::{Field, Kind};
use super::{Aggregate, Dominance, Measure, Output, Rule, Values};
use crate::plan::{
    Action, BodyRules, Csv, Format, Header, OnMismatch, PlanKeys, Rule as FieldRule, Selector,
};
use crate::transform::{Transform, canonical_text};

/// A table, ready: immutable, shared by all bodies under a plan.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) layout: Layout,
    pub(super) dimensions: Vec<PreparedDimension>,
    pub(super) measures: Vec<PreparedMeasure>,
    /// What is kept of each group for its measures.
    pub(super) gathers: Vec<Gathers>,
    /// The field that names a record's subject.
    pub(super) subject: Option<usize>,
    pub(super) rule: Rule,
    pub(super) dominance: Option<Dominance>,
    pub(super) totals: bool,
    pub(super) output: Output,
    pub(super) groups: usize,
    pub(super) bytes: usize,
    pub(super) least: u64,
    /// The record's selector as written, where faults of the whole are told.
    pub(super) path: String,
    hash: Hash,
}

#[derive(Debug)]
pub(super) struct PreparedDimension {
    pub(super) name: String,
    pub(super) field: usize,
    pub(super) listed: Option<Vec<String>>,
    /// Values that too few share are told as other.
    pub(super) pools: bool,
}

#[derive(Debug)]
pub(super) struct PreparedMeasure {
    pub(super) name: String,
    pub(super) tells: Tells,
    /// Where among what is kept of a group its own stands; `None` of how many records there are.
    pub(super) gathered: Option<usize>,
    pub(super) nearest: Option<u64>,
}

/// What is kept of each group: measures of the same share it, so that a number is read and added once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathers {
    /// Different values of a field, or different people.
    Different(Option<usize>),
    /// The numbers of a field, and whether a median is told of them.
    Numbers { field: usize, median: bool },
}

/// What a measure tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    Count,
    Subjects,
    Distinct,
    Sum,
    Mean,
    Median,
}

impl Prepared {
    /// Prepares `aggregate`, which is of a body with these `rules`.
    ///
    /// # Errors
    /// With everything that is wrong, each with what to write instead.
    pub(crate) fn new(
        aggregate: &Aggregate,
        rules: &BodyRules,
        keys: &PlanKeys,
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let Some(record) = &rules.record else {
            return Err(vec![
                "a table is made of records; write `record:` too, for example record: $.people[*]"
                    .to_owned(),
            ]);
        };
        let rows = match &rules.format {
            Format::Json | Format::Ndjson | Format::JsonSequence => false,
            Format::Csv(_) => true,
            Format::EventStream
            | Format::Xml(_)
            | Format::Form
            | Format::Multipart
            | Format::Opaque(_) => {
                return Err(vec![format!(
                    "a table is made of json, ndjson, json-seq, csv or tsv; {} has none",
                    rules.format.word()
                )]);
            }
        };
        let mut layout = Layout::new(record).map_err(|message| vec![message])?;
        let mut gathers = Vec::new();
        let mut fields = Fields {
            rules,
            record,
            rows,
            layout: &mut layout,
            faults: &mut faults,
        };
        let dimensions: Vec<PreparedDimension> = aggregate
            .dimensions
            .iter()
            .filter_map(|dimension| {
                let field = fields.field(&dimension.selector)?;
                let coarse = fields.group(&dimension.selector)?;
                Some(PreparedDimension {
                    name: dimension.name.clone(),
                    field,
                    listed: match &dimension.values {
                        Values::Listed(values) => Some(values.clone()),
                        Values::Shared | Values::All => None,
                    },
                    pools: dimension.values == Values::Shared && !coarse,
                })
            })
            .collect();
        let measures: Vec<PreparedMeasure> = aggregate
            .measures
            .iter()
            .filter_map(|measure| fields.measure(measure, &mut gathers))
            .collect();
        let subject = rules
            .subject
            .as_ref()
            .and_then(|subject| fields.subject(subject));
        check_numbers(aggregate, &mut faults);
        let needs_subject = aggregate
            .measures
            .iter()
            .any(|measure| matches!(measure.of, super::Figure::Subjects));
        if needs_subject && rules.subject.is_none() {
            faults.push("`subjects` counts people, and nothing says who a record is about; write `subject:` beside `record:`, or `count`".to_owned());
        }
        if let Rule::CellKey { .. } = aggregate.rule {
            if rules.subject.is_none() {
                faults.push("cell keys are made of people's keys, so that the same people have the same in every table; write `subject:` beside `record:`".to_owned());
            } else if keys.subject.is_none() {
                faults.push("cell keys need a key; give the controller's root key".to_owned());
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            layout,
            dimensions,
            measures,
            gathers,
            subject,
            rule: aggregate.rule.clone(),
            dominance: aggregate.dominance,
            totals: aggregate.totals,
            output: aggregate.output,
            groups: aggregate.groups,
            bytes: aggregate.bytes,
            least: aggregate.rule.least(),
            path: record.text().to_owned(),
            // Without a key people are told apart all the same; only their cell keys need to be secret.
            hash: Hash::new(
                keys.subject
                    .as_ref()
                    .map_or([0; 16], |key| key.of_records()),
            ),
        })
    }

    /// How the table is written.
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// Who `field` names. Records that name nobody are all of one person, so that not naming anybody makes no group large.
    pub(super) fn person(&self, field: &Field) -> u64 {
        match field.kind {
            Kind::Text | Kind::Word => {
                canonical_text(&field.text, |form| self.hash.of(form)).unwrap_or(0)
            }
            Kind::Nothing | Kind::Other => 0,
        }
    }

    /// What tells the value of `field` from others; `None` without a value.
    pub(super) fn value(&self, field: &Field) -> Option<u64> {
        match field.kind {
            Kind::Text | Kind::Word => Some(self.hash.of(&field.text)),
            Kind::Nothing | Kind::Other => None,
        }
    }
}

/// The rules under which tables are made: those of the body, and that the subject, by which people are counted, reaches
/// what counts them. It goes no further.
pub(crate) fn rules_of_table(rules: &BodyRules) -> Option<BodyRules> {
    let aggregate = rules.aggregate.as_ref()?;
    let mut of_table = rules.clone();
    if let (Some(record), Some(subject)) = (&rules.record, &rules.subject) {
        of_table.fields.push(FieldRule {
            selector: subject.within(record),
            action: Action::Keep,
            on_mismatch: OnMismatch::Drop,
            line: aggregate.line,
        });
    }
    Some(of_table)
}

/// Numbers and names that a table must have whatever it is of.
fn check_numbers(aggregate: &Aggregate, faults: &mut Vec<String>) {
    let mut fault = |message: String| faults.push(message);
    if aggregate.dimensions.is_empty() || aggregate.dimensions.len() > Aggregate::MOST_DIMENSIONS {
        fault(format!(
            "a table has 1 to {} dimensions in `by`",
            Aggregate::MOST_DIMENSIONS
        ));
    }
    if aggregate.measures.is_empty() || aggregate.measures.len() > Aggregate::MOST_MEASURES {
        fault(format!(
            "a table has 1 to {} measures",
            Aggregate::MOST_MEASURES
        ));
    }
    if aggregate.groups == 0 || aggregate.groups > Aggregate::MOST_GROUPS {
        fault(format!("`groups` is from 1 to {}", Aggregate::MOST_GROUPS));
    }
    let names = aggregate.dimensions.iter().map(|dimension| &dimension.name);
    let names: Vec<&String> = names
        .chain(aggregate.measures.iter().map(|measure| &measure.name))
        .collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) || name.as_str() == "rule" {
            fault(format!(
                "a second column `{name}`; give each group and measure a name of its own, and none `rule`"
            ));
        }
    }
    match &aggregate.rule {
        Rule::NhsEngland | Rule::Ons105 => {}
        Rule::Threshold { least, round, .. } => {
            if !(3..=1000).contains(least) {
                fault(
                    "`threshold` is from 3 to 1000: below 3, what is hidden can only be 1"
                        .to_owned(),
                );
            }
            if *round == 0 || *round > least.saturating_mul(2) {
                fault("`round` is from 1 to twice the threshold, so that nobody who is counted is shown as 0".to_owned());
            }
        }
        Rule::CellKey { least, .. } => {
            if !(3..=1000).contains(least) {
                fault("`threshold` is from 3 to 1000".to_owned());
            }
        }
    }
    if let Some(dominance) = aggregate.dominance {
        let fits = match dominance {
            Dominance::Percent(percent) => (1..=100).contains(&percent),
            Dominance::Share { largest, percent } => {
                (1..=3).contains(&largest) && (1..=100).contains(&percent)
            }
        };
        if !fits {
            fault("`dominance` is { p: 1 to 100 }, or { n: 1 to 3, k: 1 to 100 }".to_owned());
        }
    }
}

/// What becomes of the fields that a table is made of.
struct Fields<'a> {
    rules: &'a BodyRules,
    record: &'a Selector,
    rows: bool,
    layout: &'a mut Layout,
    faults: &'a mut Vec<String>,
}

/// What rules let out of a field.
#[derive(Default)]
struct Leaves {
    /// A rule names it or what it stands in.
    named: bool,
    dropped: bool,
    coarse: bool,
    /// The word of a transform that makes something else of it than a coarser value.
    disguised: Option<&'static str>,
}

impl Fields<'_> {
    fn field(&mut self, selector: &Selector) -> Option<usize> {
        match self.layout.field(self.record, selector) {
            Ok(field) if self.rows && self.layout.column(field).is_none() => {
                self.faults.push(format!(
                    "{}: rows have columns alone; write for example $[*].ward",
                    selector.text()
                ));
                None
            }
            Ok(field) => Some(field),
            Err(message) => {
                self.faults.push(format!("{}: {message}", selector.text()));
                None
            }
        }
    }

    /// The field that groups are of: whether a rule makes it coarse.
    fn group(&mut self, selector: &Selector) -> Option<bool> {
        let leaves = self.leaves(selector)?;
        if let Some(word) = leaves.disguised {
            self.faults.push(format!(
                "{}: by {word} each value stays one person's or one thing's; group by what `generalise` makes coarse, or by what `keep` lets out as it is",
                selector.text()
            ));
            return None;
        }
        let is_subject = self.rules.subject.as_ref().is_some_and(|subject| {
            names_within(self.record, subject) == names_within(self.record, selector)
        });
        if is_subject {
            self.faults.push(format!(
                "{}: a group for each subject is no table; group by something that many share",
                selector.text()
            ));
            return None;
        }
        Some(leaves.coarse)
    }

    fn measure(
        &mut self,
        measure: &Measure,
        gathers: &mut Vec<Gathers>,
    ) -> Option<PreparedMeasure> {
        let tells = Tells::from(&measure.of);
        let field = match measure.of.selector() {
            None => None,
            Some(selector) => {
                let field = self.field(selector)?;
                let leaves = self.leaves(selector)?;
                if let (Some(word), true) = (leaves.disguised, tells != Tells::Distinct) {
                    self.faults.push(format!("{}: what {word} makes of it is no number; let it out by `keep`, or by `generalise` to a number", selector.text()));
                    return None;
                }
                Some(field)
            }
        };
        let is_of_values = matches!(tells, Tells::Sum | Tells::Mean | Tells::Median);
        if measure
            .nearest
            .is_some_and(|nearest| nearest == 0 || !is_of_values)
        {
            self.faults.push(format!(
                "{}: `nearest` is 1 or more, of a sum, mean or median",
                measure.name
            ));
            return None;
        }
        Some(PreparedMeasure {
            name: measure.name.clone(),
            tells,
            gathered: gathered(tells, field, gathers),
            nearest: measure.nearest,
        })
    }

    fn subject(&mut self, subject: &Selector) -> Option<usize> {
        if self.found(subject).is_some_and(|leaves| leaves.dropped) {
            self.faults.push("the subject is dropped, and a table counts people by it; take the rule out: from a table nothing of it leaves".to_owned());
            return None;
        }
        self.field(subject)
    }

    /// What leaves of the field at `selector`; nothing at all is a fault.
    fn leaves(&mut self, selector: &Selector) -> Option<Leaves> {
        let leaves = self.found(selector).unwrap_or_default();
        if leaves.dropped || !leaves.named {
            let why = if leaves.dropped {
                "a rule drops it"
            } else {
                "no rule of `fields` names it"
            };
            self.faults.push(format!(
                "{}: {why}, so a table has nothing of it; write for example - keep: [ \"{}\" ]",
                selector.text(),
                selector.text()
            ));
            return None;
        }
        Some(leaves)
    }

    fn found(&self, selector: &Selector) -> Option<Leaves> {
        let own = selector.within(self.record).query().segments.clone();
        let mut leaves = Leaves::default();
        for rule in &self.rules.fields {
            let segments = &rule.selector.query().segments;
            let same = *segments == own;
            let around = own.starts_with(segments);
            match &rule.action {
                Action::Drop => leaves.dropped |= around,
                Action::Keep => leaves.named |= same || !is_plain(segments),
                Action::KeepAll => leaves.named |= around || !is_plain(segments),
                Action::Transform(transform) if same => {
                    leaves.named = true;
                    match transform {
                        Transform::Generalise(_) | Transform::Replace { .. } => {
                            leaves.coarse = true
                        }
                        Transform::Decided
                        | Transform::Mask { .. }
                        | Transform::Shift(_)
                        | Transform::Pseudonymise(_)
                        | Transform::Tokenise { .. }
                        | Transform::Link(_)
                        | Transform::Reidentify { .. }
                        | Transform::Redact(_) => leaves.disguised = Some(transform.word()),
                    }
                }
                Action::Transform(_) => leaves.named |= !is_plain(segments),
            }
        }
        Some(leaves)
    }
}

/// Where among `gathers`, to which it is added where it is new, what `tells` needs of `field` stands.
fn gathered(tells: Tells, field: Option<usize>, gathers: &mut Vec<Gathers>) -> Option<usize> {
    let needed = match (tells, field) {
        (Tells::Count, _) => return None,
        (Tells::Subjects | Tells::Distinct, field) => Gathers::Different(field),
        (Tells::Sum | Tells::Mean | Tells::Median, Some(field)) => Gathers::Numbers {
            field,
            median: tells == Tells::Median,
        },
        (Tells::Sum | Tells::Mean | Tells::Median, None) => return None,
    };
    let same = |known: &Gathers| match (known, needed) {
        (Gathers::Numbers { field: known, .. }, Gathers::Numbers { field, .. }) => *known == field,
        (Gathers::Different(known), Gathers::Different(field)) => *known == field,
        (Gathers::Numbers { .. } | Gathers::Different(_), _) => false,
    };
    let Some(at) = gathers.iter().position(same) else {
        gathers.push(needed);
        return Some(gathers.len() - 1);
    };
    if let (Gathers::Numbers { median, .. }, Tells::Median) = (&mut gathers[at], tells) {
        *median = true;
    }
    Some(at)
}

/// Whether a selector of these segments is a path of single names and wildcards.
fn is_plain(segments: &[Segment]) -> bool {
    use jsonpath_rust::parser::model::Selector as Part;
    segments
        .iter()
        .all(|segment| matches!(segment, Segment::Selector(Part::Name(_) | Part::Wildcard)))
}

impl Prepared {
    /// How rows are read, if the records of `format` are rows.
    pub(super) fn rows(format: &Format) -> Option<(u8, Option<&[String]>)> {
        match format {
            Format::Csv(Csv {
                separator, header, ..
            }) => Some((
                *separator,
                match header {
                    Header::FirstRow => None,
                    Header::Named(names) => Some(names),
                },
            )),
            Format::Json
            | Format::Ndjson
            | Format::JsonSequence
            | Format::EventStream
            | Format::Xml(_)
            | Format::Form
            | Format::Multipart
            | Format::Opaque(_) => None,
        }
    }
}
