//! The meaning of rules (DESIGN §5), said plainly: the whole document as a tree, each selector asked of
//! `jsonpath-rust`'s own engine, each node decided by what selects it and its ancestors.
//!
//! Shares nothing with the machine but the rules' types and the transforms, which have tests of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use fieldgate::minimise::{Limits, SubjectToken};
use fieldgate::plan::{Action, BodyRules, OnMismatch, PlanKeys, Rule, Selector};
use fieldgate::transform::{Mismatch, Prepared, Setting, SubjectTokens, Transform};
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector as Part};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use super::document::{Document, Kind, NotADocument};

/// What leaves of a document.
#[derive(Debug)]
pub(crate) struct Minimised {
    /// Structure without white space, values as they were written.
    pub(crate) text: String,
    pub(crate) released: u64,
    pub(crate) withheld: u64,
    /// Tokens of the subjects of released records, in document order.
    pub(crate) subjects: Vec<SubjectToken>,
    /// An object names a member twice where only rules that hold back look into it, or anywhere where filters may
    /// look: refusing is right too.
    pub(crate) may_refuse: bool,
}

/// Why nothing leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    NotADocument(NotADocument),
    NamedTwice,
    Mismatch,
}

pub(crate) fn minimise(
    rules: &BodyRules,
    keys: &PlanKeys,
    limits: &Limits,
    body: &[u8],
) -> Result<Minimised, Refused> {
    let document = Document::parse(body, limits.depth).map_err(Refused::NotADocument)?;
    minimise_asked(rules, keys, &Asked::new(&document))
}

/// As [`minimise`], of a document that has been asked before: what it answered is remembered.
pub(crate) fn minimise_asked(
    rules: &BodyRules,
    keys: &PlanKeys,
    asked: &Asked<'_>,
) -> Result<Minimised, Refused> {
    let mut model = Model::new(asked, rules, keys);
    let text = model
        .leave(0, false, false)?
        .unwrap_or_else(|| "null".to_owned());
    Ok(Minimised {
        text,
        released: model.released,
        withheld: model.withheld,
        subjects: std::mem::take(&mut model.subjects),
        may_refuse: model.may_refuse(),
    })
}

/// What one selector has to do with each node.
struct Reach {
    /// It selects the node.
    selects: Rc<Vec<bool>>,
    /// The node stands on its way: some of its segments, not all, lead here.
    on_way: Vec<bool>,
    /// It is on its way by a name, or as an array's element.
    by_name: Vec<bool>,
}

struct Model<'a> {
    asked: &'a Asked<'a>,
    document: &'a Document<'a>,
    filters: bool,
    rules: &'a BodyRules,
    reaches: Vec<Reach>,
    record: Option<Reach>,
    subject: Option<Reach>,
    transforms: Vec<Option<Prepared>>,
    subject_tokens: Option<SubjectTokens>,
    released: u64,
    withheld: u64,
    subjects: Vec<SubjectToken>,
}

impl<'a> Model<'a> {
    fn new(asked: &'a Asked<'a>, rules: &'a BodyRules, keys: &PlanKeys) -> Self {
        let document = asked.document;
        let query = |segments: &[Segment]| asked.reach(segments);
        let record = rules
            .record
            .as_ref()
            .map(|record| record.query().segments.clone());
        let subject = rules
            .subject
            .as_ref()
            .zip(record.as_ref())
            .map(|(subject, record)| {
                let own = &subject.query().segments;
                let absolute = subject.text().starts_with('$')
                    && own.len() > record.len()
                    && own.starts_with(record);
                if absolute {
                    own.clone()
                } else {
                    [record.as_slice(), own].concat()
                }
            });
        let prepared = |rule: &Rule| match &rule.action {
            Action::Transform(transform) => {
                Some(Prepared::new(transform, keys.agreement.as_ref()).unwrap())
            }
            Action::Keep | Action::KeepAll | Action::Drop => None,
        };
        Self {
            asked,
            document,
            filters: selectors(rules)
                .any(|selector| parts(selector).any(|part| matches!(part, Part::Filter(_)))),
            rules,
            reaches: rules
                .fields
                .iter()
                .map(|rule| query(&rule.selector.query().segments))
                .collect(),
            record: record.as_deref().map(query),
            subject: subject.as_deref().map(query),
            transforms: rules.fields.iter().map(prepared).collect(),
            subject_tokens: keys.subject.as_ref().map(SubjectTokens::new),
            released: 0,
            withheld: 0,
            subjects: Vec::new(),
        }
    }

    /// The rules that select `node` itself.
    fn selecting(&self, node: usize) -> impl Iterator<Item = (usize, &'a Rule)> {
        let rules = self.rules.fields.iter().enumerate();
        rules.filter(move |(index, _)| self.reaches[*index].selects[node])
    }

    /// Whether some rule that lets something through is on its way at `node`.
    fn on_way(&self, node: usize) -> bool {
        self.permitting().any(|reach| reach.on_way[node])
    }

    fn by_name(&self, node: usize) -> bool {
        self.permitting().any(|reach| reach.by_name[node])
    }

    fn permitting(&self) -> impl Iterator<Item = &Reach> {
        let rules = self.rules.fields.iter().zip(&self.reaches);
        rules
            .filter(|(rule, _)| !matches!(rule.action, Action::Drop))
            .map(|(_, reach)| reach)
    }

    /// The text that leaves for `node`, if it passes.
    fn leave(
        &mut self,
        node: usize,
        kept_above: bool,
        in_record: bool,
    ) -> Result<Option<String>, Refused> {
        let is_root = node == 0;
        let place = &self.document.nodes[node];
        let is_single = place.kind == Kind::Single;

        // Point 3: `drop` over everything. Nothing below is looked at.
        if self
            .selecting(node)
            .any(|(_, rule)| matches!(rule.action, Action::Drop))
        {
            return Ok(None);
        }
        let kept = kept_above
            || self
                .selecting(node)
                .any(|(_, rule)| matches!(rule.action, Action::KeepAll));

        // Records: the outermost match of which something could leave.
        let mut in_record = in_record;
        let permitted = kept || self.on_way(node) || self.selecting(node).next().is_some();
        let is_record = self
            .record
            .as_ref()
            .is_some_and(|record| record.selects[node]);
        if is_record && permitted && !in_record {
            in_record = true;
            if self.rules.release_if.is_some() {
                // The condition may look anywhere in the record.
                if (node..place.end).any(|inner| self.document.names_twice(inner)) {
                    return Err(Refused::NamedTwice);
                }
                if !self.holds(node) {
                    self.withheld += 1;
                    return Ok(None);
                }
            }
            self.released += 1;
            self.name_subjects(node);
        }

        // Points 3, 4, 5: a transform over `keep` and `keep_all`; two different ones, or one on what it is not for,
        // drop the node.
        let transforms: Vec<(usize, &Rule)> = self
            .selecting(node)
            .filter(|(_, rule)| matches!(rule.action, Action::Transform(_)))
            .collect();
        if let Some(&(first, _)) = transforms.first() {
            let refuse = transforms
                .iter()
                .any(|(_, rule)| rule.on_mismatch == OnMismatch::Refuse);
            let dropped = if is_root && !is_single {
                Some(self.bare(node))
            } else {
                None
            };
            if transforms
                .iter()
                .any(|(index, _)| self.transform(*index) != self.transform(first))
            {
                return Ok(dropped);
            }
            if is_single {
                let text = self.document.text_of(node);
                if text == "null" {
                    return Ok(Some(text.to_owned()));
                }
                let mut out = Vec::new();
                let prepared = self.transforms[first].as_ref().expect("it is a transform");
                match prepared.apply(text.as_bytes(), &mut Setting::default(), &mut out) {
                    Ok(()) => return Ok(Some(String::from_utf8(out).unwrap())),
                    Err(Mismatch) if refuse => return Err(Refused::Mismatch),
                    Err(Mismatch) => return Ok(None),
                }
            }
            return if refuse {
                Err(Refused::Mismatch)
            } else {
                Ok(dropped)
            };
        }

        // Points 1, 2, 7: single values.
        if is_single {
            let kept = kept
                || self
                    .selecting(node)
                    .any(|(_, rule)| matches!(rule.action, Action::Keep));
            return Ok(kept.then(|| self.document.text_of(node).to_owned()));
        }

        // Point 6: containers.
        if !kept && !self.on_way(node) {
            return Ok(is_root.then(|| self.bare(node)));
        }
        // Point 9.
        if self.document.names_twice(node) {
            return Err(Refused::NamedTwice);
        }
        let mut parts = Vec::new();
        for &child in &place.children {
            if let Some(text) = self.leave(child, kept, in_record)? {
                parts.push(match &self.document.nodes[child].name {
                    Some((written, _)) => {
                        format!("{}:{text}", &self.document.text[written.clone()])
                    }
                    None => text,
                });
            }
        }
        let even_empty = is_root || kept || (self.by_name(node) && !self.rules.prune);
        if parts.is_empty() && !even_empty {
            return Ok(None);
        }
        let inside = parts.join(",");
        Ok(Some(if place.kind == Kind::Object {
            format!("{{{inside}}}")
        } else {
            format!("[{inside}]")
        }))
    }

    fn transform(&self, rule: usize) -> Option<&Transform> {
        match &self.rules.fields[rule].action {
            Action::Transform(transform) => Some(transform),
            Action::Keep | Action::KeepAll | Action::Drop => None,
        }
    }

    fn bare(&self, node: usize) -> String {
        if self.document.nodes[node].kind == Kind::Object {
            "{}"
        } else {
            "[]"
        }
        .to_owned()
    }

    /// Whether `release_if` holds of the record at `node`: a filter with it of the node's parent selects the node.
    fn holds(&self, node: usize) -> bool {
        let condition = self
            .rules
            .release_if
            .as_ref()
            .expect("asked only where there is one");
        self.asked.holding(condition.text(), node)[node]
    }

    fn name_subjects(&mut self, record: usize) {
        let (Some(subject), Some(tokens)) = (&self.subject, &self.subject_tokens) else {
            return;
        };
        let end = self.document.nodes[record].end;
        let named = (record..end).filter(|&node| subject.selects[node]);
        self.subjects
            .extend(named.filter_map(|node| tokens.token(self.document.text_of(node).as_bytes())));
    }

    fn may_refuse(&self) -> bool {
        let others = [&self.record, &self.subject].into_iter().flatten();
        let looked_at = |node: usize| {
            node == 0
                || self.filters
                || self
                    .reaches
                    .iter()
                    .chain(others.clone())
                    .any(|reach| reach.on_way[node])
        };
        (0..self.document.nodes.len())
            .any(|node| looked_at(node) && self.document.names_twice(node))
    }
}

/// Whether the rules may need the whole document (DESIGN §5.10): one has a filter that looks at the document, or picks
/// the document's own elements by positions that its length decides; or the condition of a record that is not the
/// document looks at the document.
pub(crate) fn holds_document(rules: &BodyRules) -> bool {
    let record_is_document = rules
        .record
        .as_ref()
        .is_none_or(|record| record.query().segments.is_empty());
    let condition = rules
        .release_if
        .as_ref()
        .map_or("", |condition| condition.text());
    let reads_document = |text: &str| from_root(text, "") != text;
    let record = rules
        .record
        .as_ref()
        .map_or(0, |record| record.query().segments.len());
    selectors(rules).any(|selector| {
        // Beyond the `$` or `@` that it starts with.
        let rest = &selector.text()[1..];
        let is_subject = rules
            .subject
            .as_ref()
            .is_some_and(|subject| std::ptr::eq(subject, selector));
        let counts_root = selector.query().segments.first().is_some_and(counts);
        reads_document(rest) || counts_root && !(is_subject && record > 0)
    }) || (!record_is_document && reads_document(condition))
}

fn selectors(rules: &BodyRules) -> impl Iterator<Item = &Selector> {
    let fields = rules.fields.iter().map(|rule| &rule.selector);
    fields.chain(&rules.record).chain(&rules.subject)
}

fn parts(selector: &Selector) -> impl Iterator<Item = &Part> {
    selector.query().segments.iter().flat_map(parts_of)
}

fn parts_of(segment: &Segment) -> &[Part] {
    match segment {
        Segment::Descendant(inner) => parts_of(inner),
        Segment::Selector(part) => std::slice::from_ref(part),
        Segment::Selectors(parts) => parts,
    }
}

/// Whether `segment` picks by positions that an array's length decides.
fn counts(segment: &Segment) -> bool {
    parts_of(segment).iter().any(|part| match part {
        Part::Name(_) | Part::Wildcard | Part::Filter(_) => false,
        Part::Index(index) => *index < 0,
        Part::Slice(start, end, step) => {
            // One whose step is none selects nothing, whatever the length. A step that is longer than a streaming plan
            // counts matters where it does not lead beyond the end.
            let (first, beyond) = (start.unwrap_or(0), end.unwrap_or(i64::MAX));
            step.is_some_and(|step| step > 4_096 && beyond.saturating_sub(first) > step)
                || *step != Some(0)
                    && [start, end, step]
                        .into_iter()
                        .flatten()
                        .any(|bound| *bound < 0)
        }
    })
}

/// `condition` with `root` written for each `$` outside of quotes.
fn from_root(condition: &str, root: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut out = String::new();
    for character in condition.chars() {
        match quote {
            None if character == '$' => {
                out.push_str(root);
                continue;
            }
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(open) if open == character && !escaped => quote = None,
            None | Some(_) => {}
        }
        escaped = quote.is_some() && character == '\\' && !escaped;
        out.push(character);
    }
    out
}

/// A document that `jsonpath-rust` is asked about. The nodes it answers with are told by where they are.
pub(crate) struct Asked<'a> {
    document: &'a Document<'a>,
    /// An array that holds the document alone, so that the document itself is somebody's child and can be filtered.
    value: Value,
    places: HashMap<usize, usize>,
    answers: RefCell<HashMap<String, Rc<Vec<bool>>>>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(document: &'a Document<'a>) -> Self {
        let value = Value::Array(vec![document.value(0)]);
        let mut places = HashMap::new();
        place(&value[0], document, 0, &mut places);
        Self {
            document,
            value,
            places,
            answers: RefCell::default(),
        }
    }

    fn select(&self, segments: &[Segment]) -> Rc<Vec<bool>> {
        self.answer(&JpQuery::new(segments.to_vec()), &self.value[0])
    }

    /// The nodes of which `condition` holds, among the children of `node`'s parent.
    fn holding(&self, condition: &str, node: usize) -> Rc<Vec<bool>> {
        let mut way = Vec::new();
        let mut below = node;
        while let Some(parent) = self.document.nodes[below].parent {
            let siblings = &self.document.nodes[parent].children;
            let place = siblings.iter().position(|&child| child == below);
            way.push(place.expect("a child is among its parent's"));
            below = parent;
        }
        let mut query = parse_json_path(&format!("$[?{}]", from_root(condition, "$[0]"))).unwrap();
        let filter = query.segments.pop();
        // The way to the parent, by position in arrays and by name in objects.
        let mut at = &self.value;
        let steps = std::iter::once(0).chain(way.into_iter().rev());
        let mut steps: Vec<usize> = steps.collect();
        steps.pop();
        for place in steps {
            let (part, child) = match at {
                Value::Object(members) => {
                    let (name, child) = members.iter().nth(place).expect("it has this child");
                    (Part::Name(name.clone()), child)
                }
                Value::Array(elements) => (Part::Index(place as i64), &elements[place]),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    panic!("a single value has no children")
                }
            };
            query.segments.push(Segment::Selector(part));
            at = child;
        }
        query.segments.extend(filter);
        self.answer(&query, &self.value)
    }

    /// What `query` selects from `root`.
    fn answer(&self, query: &JpQuery, root: &Value) -> Rc<Vec<bool>> {
        let question = format!("{} {:?}", address(root), query.segments);
        if let Some(answer) = self.answers.borrow().get(&question) {
            return Rc::clone(answer);
        }
        let mut selected = vec![false; self.document.nodes.len()];
        for found in js_path_process(query, root).unwrap() {
            selected[self.places[&address(found.val)]] = true;
        }
        let answer = Rc::new(selected);
        self.answers
            .borrow_mut()
            .insert(question, Rc::clone(&answer));
        answer
    }

    /// Has `segments` select `nodes`, whatever `jsonpath-rust` would say.
    pub(crate) fn tell(&self, segments: &[Segment], nodes: Vec<bool>) {
        let question = format!("{} {segments:?}", address(&self.value[0]));
        self.answers.borrow_mut().insert(question, Rc::new(nodes));
    }

    fn reach(&self, segments: &[Segment]) -> Reach {
        let nodes = &self.document.nodes;
        let mut on_way = vec![false; nodes.len()];
        let mut by_name = vec![false; nodes.len()];
        for taken in 0..segments.len() {
            let here = self.select(&segments[..taken]);
            let goes_deeper = matches!(segments[taken], Segment::Descendant(_));
            for node in (0..nodes.len()).filter(|&node| here[node]) {
                on_way[node] = true;
                if let Some(last) = taken.checked_sub(1) {
                    by_name[node] |= self.picked_by_name(node, &segments[last]);
                }
                if goes_deeper {
                    on_way[node..nodes[node].end].fill(true);
                }
            }
        }
        Reach {
            selects: self.select(segments),
            on_way,
            by_name,
        }
    }

    /// Whether `segment`, which is known to pick `node`, names it or takes it as an array's element.
    fn picked_by_name(&self, node: usize, segment: &Segment) -> bool {
        let Some(name) = self.document.name(node) else {
            return true;
        };
        let parts = match segment {
            Segment::Descendant(inner) => return self.picked_by_name(node, inner),
            Segment::Selector(part) => std::slice::from_ref(part),
            Segment::Selectors(parts) => parts,
        };
        parts
            .iter()
            .any(|part| matches!(part, Part::Name(of) if of == name))
    }
}

fn place(value: &Value, document: &Document<'_>, node: usize, places: &mut HashMap<usize, usize>) {
    places.insert(address(value), node);
    let children = &document.nodes[node].children;
    match value {
        Value::Object(members) => {
            for (value, &child) in members.values().zip(children) {
                place(value, document, child, places);
            }
        }
        Value::Array(elements) => {
            for (value, &child) in elements.iter().zip(children) {
                place(value, document, child, places);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}
