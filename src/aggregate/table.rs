//! The table at its body's end: totals, and what of each number is shown.

use std::collections::BTreeMap;

use super::control;
use super::cube::Shape;
use super::groups::{Categories, Cell, Gathered, Groups, NONE, Numbers, OTHER};
use super::prepare::{Prepared, PreparedDimension, PreparedMeasure, Tells};
use super::rule::{Rule, Shown};

/// A table as it leaves.
#[derive(Debug)]
pub(super) struct Table {
    /// Of each dimension, what its categories are told as; `None` is no value.
    pub(super) labels: Vec<Vec<Label>>,
    pub(super) shape: Shape,
    /// Of each measure, what is told of each cell.
    pub(super) columns: Vec<Vec<Told>>,
}

/// What a category is told as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Label {
    Text(String),
    Other,
    None,
}

/// What is told of one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// A number, as it is written.
    Number(String),
    Hidden,
    /// There is none: nobody in the group has such a value.
    Nothing,
}

impl Table {
    /// The table of `groups`.
    pub(super) fn of(groups: &Groups, prepared: &Prepared) -> Self {
        let orders: Vec<Order> = prepared
            .dimensions
            .iter()
            .zip(&groups.dimensions)
            .enumerate()
            .map(|(index, (dimension, categories))| {
                order(index, dimension, categories, groups, prepared)
            })
            .collect();
        let sizes: Vec<usize> = orders.iter().map(|order| order.labels.len()).collect();
        let shape = Shape::new(&sizes);
        let mut cells: Vec<Option<Box<Cell>>> = (0..shape.cells()).map(|_| None).collect();
        for (categories, cell) in &groups.cells {
            let places: Vec<usize> = categories
                .iter()
                .zip(&orders)
                .map(|(category, order)| order.places[*category as usize])
                .collect();
            for place in shape.counted_in(shape.cell(&places)) {
                match &mut cells[place] {
                    Some(known) => known.merge(cell, prepared.least),
                    free @ None => *free = Some(Box::new(cell.clone())),
                }
            }
        }
        let control = Control {
            prepared,
            shape: &shape,
            cells: &cells,
        };
        let columns = control.columns();
        Self {
            labels: orders.into_iter().map(|order| order.labels).collect(),
            columns,
            shape,
        }
    }
}

/// In which order the categories of a dimension are told, and where each stands.
struct Order {
    labels: Vec<Label>,
    /// By category.
    places: Vec<usize>,
}

fn order(
    index: usize,
    dimension: &PreparedDimension,
    categories: &Categories,
    groups: &Groups,
    prepared: &Prepared,
) -> Order {
    // What is told of a category whose name only data know: whether as many share it as the rule asks for.
    let mut whole: Vec<Option<Cell>> = vec![None; categories.texts.len() + 2];
    if dimension.pools {
        for (places, cell) in &groups.cells {
            match &mut whole[places[index] as usize] {
                Some(known) => known.merge(cell, prepared.least),
                free @ None => *free = Some(cell.clone()),
            }
        }
    }
    let is_told = |category: usize| {
        !dimension.pools
            || whole[category]
                .as_ref()
                .is_some_and(|cell| is_enough(cell, prepared))
    };
    let mut told: Vec<(String, usize)> = categories
        .texts
        .iter()
        .enumerate()
        .map(|(place, text)| (String::from_utf8_lossy(text).into_owned(), place + 2))
        .filter(|(_, category)| is_told(*category))
        .collect();
    if dimension.listed.is_none() {
        told.sort_unstable();
    }
    let mut places = vec![usize::MAX; categories.texts.len() + 2];
    for (place, (_, category)) in told.iter().enumerate() {
        places[*category] = place;
    }
    let mut labels: Vec<Label> = told
        .into_iter()
        .map(|(text, _)| Label::Text(text))
        .collect();
    let pooled = (2..places.len()).any(|category| places[category] == usize::MAX);
    if categories.has_other || pooled {
        for (category, place) in places.iter_mut().enumerate() {
            if *place == usize::MAX && category != NONE as usize {
                *place = labels.len();
            }
        }
        debug_assert_eq!(places[OTHER as usize], labels.len());
        labels.push(Label::Other);
    }
    if categories.has_none {
        places[NONE as usize] = labels.len();
        labels.push(Label::None);
    }
    Order { labels, places }
}

/// Whether `cell` is of as many people as the rule asks for.
fn is_enough(cell: &Cell, prepared: &Prepared) -> bool {
    let enough = if prepared.subject.is_some() {
        cell.people.count() >= prepared.least
    } else {
        cell.records >= prepared.least
    };
    match &prepared.rule {
        // What the changed count says, no more.
        Rule::CellKey { table, least } => table.changed(cell.records, cell.key) >= *least && enough,
        Rule::NhsEngland | Rule::Ons105 | Rule::Threshold { .. } => enough,
    }
}

/// What is shown of each measure.
struct Control<'a> {
    prepared: &'a Prepared,
    shape: &'a Shape,
    cells: &'a [Option<Box<Cell>>],
}

impl Control<'_> {
    fn columns(&self) -> Vec<Vec<Told>> {
        let counts: Vec<(u64, u32, bool)> = self
            .cells
            .iter()
            .map(|cell| match cell {
                Some(cell) => (cell.records, cell.key, self.has_people(cell)),
                None => (0, 0, true),
            })
            .collect();
        let none = vec![false; counts.len()];
        let hidden = self.hidden_counts(&counts, &none);
        // Of one field's numbers the same is hidden, whatever is told of them.
        let mut of_numbers = BTreeMap::new();
        let measures = self.prepared.measures.iter();
        measures
            .map(|measure| match measure.tells {
                Tells::Count => self.counts(&counts, &hidden),
                Tells::Subjects | Tells::Distinct => self.different(measure, &hidden),
                Tells::Sum | Tells::Mean | Tells::Median => {
                    let hidden = of_numbers
                        .entry(measure.gathered)
                        .or_insert_with(|| self.hidden_values(measure, &hidden));
                    self.values(measure, hidden)
                }
            })
            .collect()
    }

    /// Whether the people of `cell` are as many as the rule asks for.
    fn has_people(&self, cell: &Cell) -> bool {
        self.prepared.subject.is_none() || cell.people.count() >= self.prepared.least
    }

    fn hidden_counts(&self, counts: &[(u64, u32, bool)], also: &[bool]) -> Vec<bool> {
        control::hidden_counts(
            self.shape,
            &self.prepared.rule,
            self.prepared.totals,
            counts,
            also,
        )
    }

    fn counts(&self, counts: &[(u64, u32, bool)], hidden: &[bool]) -> Vec<Told> {
        let counts = counts.iter().zip(hidden);
        counts
            .map(|((count, key, enough), hidden)| {
                match self.prepared.rule.shown(*count, *key, *enough) {
                    Shown::Count(count) if !hidden => Told::Number(count.to_string()),
                    Shown::Count(_) | Shown::Hidden => Told::Hidden,
                }
            })
            .collect()
    }

    /// What is shown of how many different values there are: as of counts, and nothing where the count is hidden.
    fn different(&self, measure: &PreparedMeasure, hidden: &[bool]) -> Vec<Told> {
        let counts: Vec<(u64, u32, bool)> = self
            .cells
            .iter()
            .map(|cell| match cell {
                Some(cell) => match cell.gathered(measure) {
                    Some(Gathered::Different(different)) => {
                        (different.count(), different.key(), self.has_people(cell))
                    }
                    Some(Gathered::Numbers(_)) | None => (0, 0, true),
                },
                None => (0, 0, true),
            })
            .collect();
        let hidden = self.hidden_counts(&counts, hidden);
        self.counts(&counts, &hidden)
    }

    /// The numbers that `measure` tells of, by cell.
    fn numbers(&self, measure: &PreparedMeasure) -> impl Iterator<Item = Option<&Numbers>> {
        let cells = self.cells.iter();
        cells.map(|cell| match cell.as_ref()?.gathered(measure)? {
            Gathered::Numbers(numbers) => Some(&**numbers),
            Gathered::Different(_) => None,
        })
    }

    /// Where sums, means and medians are hidden: all but of enough people, none of whom has most of it, and where no other
    /// follows from it.
    fn hidden_values(&self, measure: &PreparedMeasure, hidden: &[bool]) -> Vec<bool> {
        let numbers: Vec<Option<&Numbers>> = self.numbers(measure).collect();
        let own: Vec<bool> = numbers
            .iter()
            .zip(hidden)
            .zip(self.cells)
            .map(|((numbers, hidden), cell)| {
                let (Some(numbers), Some(cell)) = (numbers, cell) else {
                    return *hidden;
                };
                let small = numbers.count > 0 && !self.has_enough(numbers, cell);
                let dominated = || {
                    self.prepared
                        .dominance
                        .is_some_and(|rule| numbers.count > 0 && numbers.is_dominated(rule))
                };
                *hidden || small || numbers.sum.is_none() || dominated()
            })
            .collect();
        let people: Vec<u64> = numbers
            .iter()
            .map(|numbers| numbers.map_or(0, |numbers| numbers.count))
            .collect();
        control::hidden_values(self.shape, &own, &people)
    }

    /// What is shown of sums, means and medians where they are not `hidden`.
    fn values(&self, measure: &PreparedMeasure, hidden: &[bool]) -> Vec<Told> {
        self.numbers(measure)
            .zip(hidden)
            .map(|(numbers, hidden)| match numbers {
                _ if *hidden => Told::Hidden,
                None => Told::Nothing,
                Some(numbers) if numbers.count == 0 => Told::Nothing,
                Some(numbers) => {
                    let value = match measure.tells {
                        Tells::Mean => numbers.sum.and_then(|sum| sum.over(numbers.count)),
                        Tells::Median => numbers.median.as_ref().and_then(|median| median.value()),
                        Tells::Sum | Tells::Count | Tells::Subjects | Tells::Distinct => {
                            numbers.sum
                        }
                    };
                    let value = match measure.nearest {
                        Some(nearest) => value.and_then(|value| value.rounded(nearest)),
                        None => value,
                    };
                    value.map_or(Told::Hidden, |value| Told::Number(value.to_string()))
                }
            })
            .collect()
    }

    /// Whether `numbers`, of `cell`, are of as many people as the rule asks for.
    fn has_enough(&self, numbers: &Numbers, cell: &Cell) -> bool {
        let least = self.prepared.least;
        let people = if self.prepared.subject.is_some() {
            numbers.people.count()
        } else {
            numbers.count
        };
        people >= least && is_enough(cell, self.prepared)
    }
}
