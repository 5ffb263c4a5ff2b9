//! The groups of a table while its records come.

use std::collections::HashMap;
use std::sync::Arc;

use super::decimal::Decimal;
use super::distinct::Distinct;
use super::median::Median;
use super::prepare::{Gathers, Prepared, PreparedMeasure, Tells};
use super::read::{Field, Kind, Records};
use super::{Dominance, Figure, TooManyGroups};
use crate::spread::Spreading;

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
    /// By the group's categories, numbers that are given in order.
    by_group: HashMap<u128, u32, Spreading>,
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
    /// Short texts that came lately, and their categories: most records have one of few.
    lately: Lately,
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
        let short = Lately::packed(&field.text);
        if let Some(known) = short.and_then(|short| self.lately.category(short)) {
            return (known, 0);
        }
        if let Some(known) = self.by_text.get(field.text.as_slice()) {
            self.lately.came(short, *known);
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

/// Categories by their texts, as many as a few cache lines hold. What is not found here is looked for among all.
#[derive(Debug)]
struct Lately([(u128, u32); Self::PLACES]);

impl Default for Lately {
    fn default() -> Self {
        Self([(0, NONE); Self::PLACES])
    }
}

impl Lately {
    const PLACES: usize = 128;

    /// `text` and its length as a number, if it is short enough. None is 0: a value has at least one byte.
    fn packed(text: &[u8]) -> Option<u128> {
        let mut bytes = [0; 16];
        bytes[..15].get_mut(..text.len())?.copy_from_slice(text);
        bytes[15] = text.len() as u8;
        Some(u128::from_le_bytes(bytes)).filter(|packed| *packed != 0)
    }

    fn place(text: u128) -> usize {
        let folded = (text as u64 ^ (text >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (folded >> 57) as usize % Self::PLACES
    }

    fn category(&self, text: u128) -> Option<u32> {
        let (known, category) = self.0[Self::place(text)];
        (known == text).then_some(category)
    }

    fn came(&mut self, text: Option<u128>, category: u32) {
        if let Some(text) = text {
            self.0[Self::place(text)] = (text, category);
        }
    }
}

/// What is known of one group.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) records: u64,
    /// The sum of the records' keys.
    pub(super) key: u32,
    pub(super) people: People,
    /// In the order of [`Prepared::gathers`].
    gathered: Vec<Gathered>,
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

/// What is kept of one group for some of its measures.
#[derive(Debug, Clone)]
pub(super) enum Gathered {
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
        let magnitude = number.magnitude();
        self.add_magnitude(magnitude);
        self.magnitude = self.magnitude.and_then(|sum| sum.plus(magnitude));
        match &mut self.median {
            Some(median) => median.add(number),
            None => 0,
        }
    }

    fn add_magnitude(&mut self, mut magnitude: Decimal) {
        if magnitude <= self.largest[LARGEST - 1] {
            return;
        }
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
                let mut largest = self.largest.iter().take(usize::from(largest));
                let sum = largest.try_fold(Decimal::ZERO, |sum, one| sum.plus(*one));
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
        let gathered = prepared.gathers.iter().map(|gathers| match gathers {
            Gathers::Different(_) => Gathered::Different(Distinct::default()),
            Gathers::Numbers { median, .. } => Gathered::Numbers(Box::new(Numbers::new(*median))),
        });
        Self {
            records: 0,
            key: 0,
            people: People::default(),
            gathered: gathered.collect(),
        }
    }

    /// What is kept for `measure`; `None` where that is how many records there are.
    pub(super) fn gathered(&self, measure: &PreparedMeasure) -> Option<&Gathered> {
        measure.gathered.map(|at| &self.gathered[at])
    }

    /// Takes what `other` has.
    pub(super) fn merge(&mut self, other: &Self, least: u64) {
        self.records += other.records;
        self.key = self.key.wrapping_add(other.key);
        self.people.merge(&other.people, least);
        for (own, other) in self.gathered.iter_mut().zip(&other.gathered) {
            match (own, other) {
                (Gathered::Different(own), Gathered::Different(other)) => own.merge(other),
                (Gathered::Numbers(own), Gathered::Numbers(other)) => own.merge(other, least),
                (Gathered::Different(_) | Gathered::Numbers(_), _) => {}
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
            by_group: HashMap::default(),
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
        let Self {
            prepared,
            dimensions,
            by_group,
            cells,
            bytes,
            group: categories,
            ..
        } = self;
        let prepared: &Prepared = prepared;
        self.records += 1;
        categories.clear();
        let mut group = 0;
        for (at, known) in prepared.dimensions.iter().zip(dimensions) {
            let (category, grown) = known.of(&fields[at.field]);
            *bytes += grown;
            group = group << 24 | u128::from(category);
            categories.push(category);
        }
        let cell = match by_group.get(&group) {
            Some(known) => *known,
            None => {
                let new = u32::try_from(cells.len()).expect("groups are limited");
                by_group.insert(group, new);
                cells.push((categories.clone(), Cell::new(prepared)));
                *bytes += 256 + 192 * prepared.measures.len();
                new
            }
        };
        let (_, cell) = &mut cells[cell as usize];
        cell.records += 1;
        let person = prepared
            .subject
            .map(|field| prepared.person(&fields[field]));
        if let Some(person) = person {
            cell.key = cell.key.wrapping_add(person as u32);
            *bytes += cell.people.add(person, prepared.least);
        }
        for (gathers, gathered) in prepared.gathers.iter().zip(&mut cell.gathered) {
            match (gathers, gathered) {
                (Gathers::Different(of), Gathered::Different(different)) => {
                    let value = match of {
                        None => person,
                        Some(field) => prepared.value(&fields[*field]),
                    };
                    if let Some(value) = value {
                        *bytes += different.add(value);
                    }
                }
                (Gathers::Numbers { field, .. }, Gathered::Numbers(numbers)) => {
                    let field = &fields[*field];
                    let number = match field.kind {
                        Kind::Text | Kind::Word => Decimal::parse(&field.text),
                        Kind::Nothing | Kind::Other => None,
                    };
                    let Some(number) = number else {
                        continue;
                    };
                    *bytes += numbers.add(number);
                    if let Some(person) = person {
                        *bytes += numbers.people.add(person, prepared.least);
                    }
                }
                (Gathers::Different(_) | Gathers::Numbers { .. }, _) => {
                    unreachable!("a cell gathers what its table says")
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
