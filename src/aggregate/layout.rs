//! Where in what the minimiser lets out a record's groups and measures stand.

use jsonpath_rust::parser::model::{Segment, Selector as Part};

use crate::plan::Selector;

/// No place in the tree: nothing in such a value is looked for.
pub(super) const NOWHERE: u16 = u16::MAX;

/// A place in a document.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Members that are looked for, by their unescaped names.
    members: Vec<(Box<[u8]>, u16)>,
    /// All elements, and members that are not looked for by name.
    pub(super) every: Option<u16>,
    /// A record starts here.
    pub(super) record: bool,
    /// The field that stands here.
    pub(super) field: Option<u16>,
}

/// The places that are looked for: a tree of which the first is the root.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    places: Vec<Place>,
    /// The path of each field from its record.
    paths: Vec<Vec<String>>,
}

/// A step on the way to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Every,
}

impl Layout {
    /// Of records at `record`.
    ///
    /// # Errors
    /// With what to write instead, if `record` is no path of names and `[*]`.
    pub(super) fn new(record: &Selector) -> Result<Self, String> {
        let steps = steps(record).ok_or(
            "a table is made of records at a plain path; write for example record: $.people[*] and put conditions in `release_if`",
        )?;
        if !steps.contains(&Step::Every) {
            return Err(
                "a table is made of many records; write for example record: $.people[*]".to_owned(),
            );
        }
        let mut layout = Self {
            places: vec![Place::default()],
            paths: Vec::new(),
        };
        let mut at = 0;
        for step in steps {
            at = match step {
                Step::Name(name) => layout.member(at, &name),
                Step::Every => layout.every(at),
            };
        }
        layout.places[usize::from(at)].record = true;
        Ok(layout)
    }

    /// The field at `selector`, which is written as `subject` is, from the document or the record. The same path is the
    /// same field.
    ///
    /// # Errors
    /// With what to write instead, if it is no path of names in the record.
    pub(super) fn field(
        &mut self,
        record: &Selector,
        selector: &Selector,
    ) -> Result<usize, String> {
        let names = names_within(record, selector).ok_or(
            "a table takes single values that stand at a plain path in their record; write for example $.people[*].address.ward",
        )?;
        if let Some(known) = self.paths.iter().position(|path| *path == names) {
            return Ok(known);
        }
        let mut at = self
            .places
            .iter()
            .position(|place| place.record)
            .expect("there is a record") as u16;
        for name in &names {
            at = self.member(at, name);
        }
        let field = self.paths.len();
        self.places[usize::from(at)].field = Some(field as u16);
        self.paths.push(names);
        Ok(field)
    }

    /// How many fields are looked for.
    pub(super) fn fields(&self) -> usize {
        self.paths.len()
    }

    /// The column of rows that `field` is in; `None` if it stands deeper than rows go.
    pub(super) fn column(&self, field: usize) -> Option<&str> {
        match self.paths[field].as_slice() {
            [column] => Some(column),
            _ => None,
        }
    }

    pub(super) fn place(&self, place: u16) -> &Place {
        &self.places[usize::from(place)]
    }

    /// The place of the member of this unescaped name in the object at `place`.
    pub(super) fn member_at(&self, place: u16, name: &[u8]) -> u16 {
        let place = self.place(place);
        let mut members = place.members.iter();
        match members.find(|(known, _)| **known == *name) {
            Some((_, member)) => *member,
            None => place.every.unwrap_or(NOWHERE),
        }
    }

    fn add(&mut self) -> u16 {
        self.places.push(Place::default());
        u16::try_from(self.places.len() - 1).expect("selectors are short and few")
    }

    fn member(&mut self, at: u16, name: &str) -> u16 {
        let known = self.member_at(at, name.as_bytes());
        if known != NOWHERE && self.places[usize::from(at)].every != Some(known) {
            return known;
        }
        let new = self.add();
        self.places[usize::from(at)]
            .members
            .push((name.as_bytes().into(), new));
        new
    }

    fn every(&mut self, at: u16) -> u16 {
        let new = self.add();
        self.places[usize::from(at)].every = Some(new);
        new
    }
}

/// The steps of `selector`, if they are all names and `[*]`.
fn steps(selector: &Selector) -> Option<Vec<Step>> {
    let steps = selector
        .query()
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Selector(Part::Name(name)) => Some(Step::Name(name.clone())),
            Segment::Selector(Part::Wildcard) => Some(Step::Every),
            Segment::Selector(Part::Index(_) | Part::Slice(..) | Part::Filter(_))
            | Segment::Descendant(_)
            | Segment::Selectors(_) => None,
        });
    steps.collect()
}

/// The names that lead from a record to what `selector` names in it; `None` for anything but names.
pub(super) fn names_within(record: &Selector, selector: &Selector) -> Option<Vec<String>> {
    let steps = steps(&selector.within(record))?;
    let outer = record.query().segments.len();
    let names = steps.into_iter().skip(outer).map(|step| match step {
        Step::Name(name) => Some(name),
        Step::Every => None,
    });
    names
        .collect::<Option<Vec<String>>>()
        .filter(|names| !names.is_empty())
}
