//! The groups of a table while its records come.

use std::collections::HashMap;
use std::sync::Arc;

use super::decimal::Decimal;
use super::distinct::Distinct;
use super::median::Median;
use super::prepare::{Prepared, Tells};
use super::read::{Field, Kind, Records};
use super::{Dominance, Figure, TooManyGroups};

/// The category of values that are not told by themselves.
pub(super) const OTHER: u32 = 0;
/// The category of no value.
pub(super) const NONE: u32 = 1;

/// The largest numbers of a cell that are kept, for dominance.
const LARGEST: usize = 3;

/// Bytes of a value that can be a category.
const CATEGORY_BYTES: usize = 200;

/// All that is known of the records so far.
#[derive(Debug)]
pub(super) struct Groups {
    prepared: Arc<Prepared>,
    pub(super) dimensions: Vec<Categories>,
    by_group: HashMap<u128, u32>,
    /// Each group's categories, and its cell.
    pub(super) cells: Vec<(Vec<u32>, Cell)>,
    pub(super) records: u64,
    bytes: usize,
    /// The categories of the record that is being taken.
    group: Vec<u32>,
}

/// The categories of one dimension: [`OTHER`], [`NONE`], then as they came or are listed.
#[derive(Debug, Default)]
pub(super) struct Categories {
    by_text: HashMap<Box<[u8]>, u32>,
    pub(super) texts: Vec<Box<[u8]>>,
    pub(super) has_other: bool,
    pub(super) has_none: bool,
    /// No others are taken in.
    closed: bool,
}

impl Categories {
    fn count(&self) -> usize {
        self.texts.len() + usize::from(self.has_other) + usize::from(self.has_none)
    }

    /// The category of `field`, and by how many bytes that has made this grow.
    fn of(&mut self, field: &Field) -> (u32, usize) {
        match field.kind {
            Kind::Nothing => {
                self.has_none = true;
                return (NONE, 0);
            }
            Kind::Text | Kind::Word if field.text.len() <= CATEGORY_BYTES => {}
            Kind::Text | Kind::Word | Kind::Other => {
                self.has_other = true;
                return (OTHER, 0);
            }
        }
        if let Some(known) = self.by_text.get(field.text.as_slice()) {
            return (*known, 0);
        }
        // Words that stand for something else in a table are nobody's value.
        let taken = [super::OTHER, super::NONE, super::ALL].map(str::as_bytes);
        if self.closed || taken.contains(&field.text.as_slice()) {
            self.has_other = true;
            return (OTHER, 0);
        }
        (self.add(&field.text), 2 * field.text.len() + 64)
    }

    pub(super) fn add(&mut self, text: &[u8]) -> u32 {
        let category = u32::try_from(self.texts.len() + 2).expect("groups are limited");
        self.by_text.insert(text.into(), category);
        self.texts.push(text.into());
        category
    }
}

/// What is known of one group.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) records: u64,
    /// The sum of the records' keys.
    pub(super) key: u32,
    pub(super) people: People,
    /// In the order of the measures.
    pub(super) figures: Vec<Gathered>,
}

/// Different people, up to as many as a rule asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct People(Vec<u64>);

impl People {
    /// Takes a person. Gives by how many bytes this has grown.
    fn add(&mut self, person: u64, least: u64) -> usize {
        if self.0.len() as u64 >= least || self.0.contains(&person) {
            return 0;
        }
        self.0.push(person);
        size_of::<u64>()
    }

    fn merge(&mut self, other: &Self, least: u64) {
        for person in &other.0 {
            self.add(*person, least);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// What a measure knows of one group.
#[derive(Debug, Clone)]
pub(super) enum Gathered {
    /// Nothing of its own: the cell's records.
    Records,
    Different(Distinct),
    Numbers(Box<Numbers>),
}

/// The numbers of one group.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    pub(super) count: u64,
    pub(super) people: People,
    /// `None` once it has become too large.
    pub(super) sum: Option<Decimal>,
    pub(super) median: Option<Median>,
    /// The sum without signs.
    magnitude: Option<Decimal>,
    /// The largest without signs, the largest first.
    largest: [Decimal; LARGEST],
}

impl Numbers {
    fn new(median: bool) -> Self {
        Self {
            count: 0,
            people: People::default(),
            sum: Some(Decimal::ZERO),
            median: median.then(Median::default),
            magnitude: Some(Decimal::ZERO),
            largest: [Decimal::ZERO; LARGEST],
        }
    }

    fn add(&mut self, number: Decimal) -> usize {
        self.count += 1;
        self.sum = self.sum.and_then(|sum| sum.plus(number));
        self.add_magnitude(number.magnitude());
        self.magnitude = self.magnitude.and_then(|sum| sum.plus(number.magnitude()));
        match &mut self.median {
            Some(median) => median.add(number),
            None => 0,
        }
    }

    fn add_magnitude(&mut self, mut magnitude: Decimal) {
        for place in &mut self.largest {
            if magnitude > *place {
                std::mem::swap(place, &mut magnitude);
            }
        }
    }

    fn merge(&mut self, other: &Self, least: u64) {
        self.count += other.count;
        self.people.merge(&other.people, least);
        let plus = |one: Option<Decimal>, other: Option<Decimal>| {
            one.zip(other).and_then(|(one, other)| one.plus(other))
        };
        self.sum = plus(self.sum, other.sum);
        self.magnitude = plus(self.magnitude, other.magnitude);
        for magnitude in other.largest {
            self.add_magnitude(magnitude);
        }
        if let (Some(own), Some(other)) = (&mut self.median, &other.median) {
            own.merge(other);
        }
    }

    /// Whether the sum tells too much of who has most of it.
    pub(super) fn is_dominated(&self, rule: Dominance) -> bool {
        let Some(all) = self.magnitude else {
            return true;
        };
        let times = |number: Decimal, by: i128| {
            number
                .units
                .checked_mul(by)
                .map(|units| Decimal { units, ..number })
        };
        let dominated = match rule {
            Dominance::Percent(percent) => {
                let [first, second, ..] = self.largest;
                let rest = all.minus(first).and_then(|rest| rest.minus(second));
                let rest = rest.and_then(|rest| times(rest, 100));
                rest.zip(times(first, i128::from(percent)))
                    .map(|(rest, part)| rest < part)
            }
            Dominance::Share { largest, percent } => {
                let largest = self.largest.iter().take(usize::from(largest));
                let sum = largest.fold(Some(Decimal::ZERO), |sum, one| {
                    sum.and_then(|sum| sum.plus(*one))
                });
                let sum = sum.and_then(|sum| times(sum, 100));
                sum.zip(times(all, i128::from(percent)))
                    .map(|(sum, part)| sum > part)
            }
        };
        dominated.unwrap_or(true)
    }
}

impl Cell {
    fn new(prepared: &Prepared) -> Self {
        let figures = prepared.measures.iter().map(|measure| match measure.tells {
            Tells::Count => Gathered::Records,
            Tells::Subjects | Tells::Distinct => Gathered::Different(Distinct::default()),
            Tells::Sum | Tells::Mean => Gathered::Numbers(Box::new(Numbers::new(false))),
            Tells::Median => Gathered::Numbers(Box::new(Numbers::new(true))),
        });
        Self {
            records: 0,
            key: 0,
            people: People::default(),
            figures: figures.collect(),
        }
    }

    /// Takes what `other` has.
    pub(super) fn merge(&mut self, other: &Self, least: u64) {
        self.records += other.records;
        self.key = self.key.wrapping_add(other.key);
        self.people.merge(&other.people, least);
        for (own, other) in self.figures.iter_mut().zip(&other.figures) {
            match (own, other) {
                (Gathered::Different(own), Gathered::Different(other)) => own.merge(other),
                (Gathered::Numbers(own), Gathered::Numbers(other)) => own.merge(other, least),
                (Gathered::Records | Gathered::Different(_) | Gathered::Numbers(_), _) => {}
            }
        }
    }
}

impl Groups {
    pub(super) fn new(prepared: Arc<Prepared>) -> Self {
        let dimensions = prepared.dimensions.iter().map(|dimension| {
            let mut categories = Categories::default();
            if let Some(listed) = &dimension.listed {
                for text in listed {
                    categories.add(text.as_bytes());
                }
                categories.closed = true;
            }
            categories
        });
        Self {
            dimensions: dimensions.collect(),
            by_group: HashMap::new(),
            cells: Vec::new(),
            records: 0,
            bytes: 0,
            group: Vec::new(),
            prepared,
        }
    }

    /// Whether the table has more groups than agreed.
    fn is_full(&self) -> bool {
        let groups = self.dimensions.iter().fold(1_usize, |groups, dimension| {
            groups.saturating_mul(dimension.count().max(1))
        });
        groups > self.prepared.groups || self.bytes > self.prepared.bytes
    }
}

impl Records for Groups {
    type Stop = TooManyGroups;

    fn record(&mut self, fields: &[Field]) -> Result<(), TooManyGroups> {
        let prepared = Arc::clone(&self.prepared);
        self.records += 1;
        self.group.clear();
        let mut group = 0;
        for (at, categories) in prepared.dimensions.iter().zip(&mut self.dimensions) {
            let (category, grown) = categories.of(&fields[at.field]);
            self.bytes += grown;
            group = group << 24 | u128::from(category);
            self.group.push(category);
        }
        let cell = match self.by_group.get(&group) {
            Some(known) => *known,
            None => {
                let new = u32::try_from(self.cells.len()).expect("groups are limited");
                self.by_group.insert(group, new);
                self.cells.push((self.group.clone(), Cell::new(&prepared)));
                self.bytes += 256 + 192 * prepared.measures.len();
                new
            }
        };
        let (_, cell) = &mut self.cells[cell as usize];
        cell.records += 1;
        let person = prepared
            .subject
            .map(|field| prepared.person(&fields[field]));
        if let Some(person) = person {
            cell.key = cell.key.wrapping_add(person as u32);
            self.bytes += cell.people.add(person, prepared.least);
        }
        for (measure, gathered) in prepared.measures.iter().zip(&mut cell.figures) {
            match gathered {
                Gathered::Records => {}
                Gathered::Different(different) => {
                    let value = match measure.field {
                        None => person,
                        Some(field) => prepared.value(&fields[field]),
                    };
                    if let Some(value) = value {
                        self.bytes += different.add(value);
                    }
                }
                Gathered::Numbers(numbers) => {
                    let field = measure.field.map(|field| &fields[field]);
                    let number =
                        field.filter(|field| matches!(field.kind, Kind::Text | Kind::Word));
                    let Some(number) = number.and_then(|field| Decimal::parse(&field.text)) else {
                        continue;
                    };
                    self.bytes += numbers.add(number);
                    if let Some(person) = person {
                        self.bytes += numbers.people.add(person, prepared.least);
                    }
                }
            }
        }
        if self.is_full() {
            return Err(TooManyGroups);
        }
        Ok(())
    }
}

impl From<&Figure> for Tells {
    fn from(figure: &Figure) -> Self {
        match figure {
            Figure::Count => Self::Count,
            Figure::Subjects => Self::Subjects,
            Figure::Distinct(_) => Self::Distinct,
            Figure::Sum(_) => Self::Sum,
            Figure::Mean(_) => Self::Mean,
            Figure::Median(_) => Self::Median,
        }
    }
}
