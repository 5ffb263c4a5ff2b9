//! From partner, method and path to the disclosures that could answer: look-ups, built once at load.
//!
//! A partner has a tree of path segments, and so has a system that pushes: neither is ever looked up in the other's. At each segment a literal is tried before a variable, so the
//! template that says most of the path answers. What a request costs depends on its path's segments and
//! on how often a literal and a variable stand side by side in its partner's own templates, not on how
//! many agreements there are.
//!
//! What does grow with their number is the memory that all of it takes, and what is not in the processor's caches is waited
//! for. So a text is kept once and known by a number, places of the trees, routes and answers are rows of numbers beside
//! one another, and what many agreements have in common they share.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::template::{Asked, Segment};
use super::{Agreement, Asker, Credentials, Disclosure, PartnerName, Purpose, PurposeName};
use super::{Role, SystemName};
use crate::spread::Spreading;

/// All routes: of what partners ask for, and of what the controller's systems push.
#[derive(Debug, Default)]
pub(super) struct Router {
    partners: HashMap<PartnerName, u32>,
    systems: HashMap<SystemName, u32>,
    /// Of segments and purposes.
    texts: Texts,
    nodes: Vec<Node>,
    /// From a node and a segment's text.
    literals: HashMap<(u32, u32), u32, Spreading>,
    routes: Vec<Method>,
    /// From a route and a purpose's text to the first of its answers.
    answers_of: HashMap<(u32, u32), u32, Spreading>,
    answers: Vec<Answer>,
    agreements: Vec<Arc<Agreement>>,
    variables: Shared<Vec<Variable>>,
    asks: Shared<Asks>,
    /// By route, what only refusals and explanations tell.
    told: Vec<Told>,
}

/// No node, route or answer.
const NONE: u32 = u32::MAX;

/// One place in a partner's or system's tree.
#[derive(Debug)]
struct Node {
    /// The node behind a variable.
    variable: u32,
    /// The first of its routes.
    route: u32,
}

/// One method of a node: a route.
#[derive(Debug)]
struct Method {
    method: &'static str,
    /// The next of the same node.
    next: u32,
}

/// One method and template of a partner or a system: the disclosures that answer it, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route(u32);

#[derive(Debug, Default)]
struct Told {
    /// Sorted.
    purposes: Vec<PurposeName>,
    /// An answer of each of its disclosures, in the order they came.
    all: Vec<u32>,
}

/// A disclosure that answers a route for a purpose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    agreement: u32,
    disclosure: u32,
    terms: u32,
    variables: u32,
    asks: u32,
    /// The next for the same purpose, whose term starts later.
    next: u32,
    /// There are fields that only professionals get.
    pub(super) has_special: bool,
}

/// A variable of a path: at which segment it stands, and its name.
pub(super) type Variable = (usize, String);

/// What a purpose asks of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asks {
    pub(super) credentials: Credentials,
    pub(super) roles: Vec<Role>,
    pub(super) professional: bool,
    pub(super) training: bool,
    pub(super) reference: bool,
    pub(super) vital_interests: bool,
}

impl Asks {
    fn of(purpose: &Purpose) -> Self {
        Self {
            credentials: purpose.credentials,
            roles: purpose.roles.clone(),
            professional: purpose.professional,
            training: purpose.training,
            reference: purpose.reference,
            vital_interests: purpose.vital_interests,
        }
    }
}

/// Why a path has no route.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    Path,
    /// With the methods that it has, sorted.
    Method(Vec<String>),
}

impl Router {
    /// Adds a disclosure of `agreement`, or gives the one that already answers the same route and purpose at some time
    /// in both terms, and its agreement.
    pub(super) fn add(
        &mut self,
        agreement: &Arc<Agreement>,
        index: usize,
    ) -> Result<(), (Arc<Agreement>, Arc<Disclosure>)> {
        let disclosure = &agreement.disclosures[index];
        let route = self.route_of(agreement, disclosure);
        let term = &agreement.term;
        for purpose in &disclosure.purposes {
            let clash = self.answers(route, purpose.as_str()).find(|answer| {
                let other = &self.agreement(answer).term;
                other.from < term.until && term.from < other.until
            });
            if let Some(other) = clash {
                let agreement = self.agreement(other);
                return Err((Arc::clone(agreement), Arc::clone(self.disclosure(other))));
            }
        }
        let same = |known: &Arc<Agreement>| Arc::ptr_eq(known, agreement);
        if !self.agreements.last().is_some_and(same) {
            self.agreements.push(Arc::clone(agreement));
        }
        let variables = self.variables.number(disclosure.path.places());
        for (at, purpose) in disclosure.purposes.iter().enumerate() {
            let terms = agreement
                .purposes
                .iter()
                .position(|known| known.name == *purpose)
                .expect("a disclosure's purposes are its agreement's");
            let answer = number(self.answers.len());
            self.answers.push(Answer {
                agreement: number(self.agreements.len() - 1),
                disclosure: number(index),
                terms: number(terms),
                variables,
                asks: self.asks.number(Asks::of(&agreement.purposes[terms])),
                next: NONE,
                has_special: disclosure.without_special.is_some(),
            });
            if at == 0 {
                self.told[route.0 as usize].all.push(answer);
            }
            self.answer(route, purpose, answer);
        }
        Ok(())
    }

    /// The route of `disclosure`, made where there is none.
    fn route_of(&mut self, agreement: &Agreement, disclosure: &Disclosure) -> Route {
        let root = match Asker::of(agreement, disclosure) {
            Asker::Partner(partner) => self.partners.entry(partner.clone()).or_insert(NONE),
            Asker::System(system) => self.systems.entry(system.clone()).or_insert(NONE),
        };
        let mut node = begun(&mut self.nodes, root);
        for segment in disclosure.path.segments() {
            node = match segment {
                Segment::Literal(text) => {
                    let step = (node, self.texts.number(text));
                    begun(&mut self.nodes, self.literals.entry(step).or_insert(NONE))
                }
                Segment::Variable(_) => {
                    let mut next = self.nodes[node as usize].variable;
                    begun(&mut self.nodes, &mut next);
                    self.nodes[node as usize].variable = next;
                    next
                }
            };
        }
        let known = self
            .methods(node)
            .find(|(_, method)| *method == disclosure.method);
        if let Some((known, _)) = known {
            return known;
        }
        let route = Route(number(self.routes.len()));
        let first = std::mem::replace(&mut self.nodes[node as usize].route, route.0);
        self.routes.push(Method {
            method: disclosure.method,
            next: first,
        });
        self.told.push(Told::default());
        route
    }

    /// Puts `answer` among those of `route` for `purpose`, in the order of their terms.
    fn answer(&mut self, route: Route, purpose: &PurposeName, answer: u32) {
        let starts = |router: &Self, at: u32| {
            let answer = &router.answers[at as usize];
            router.agreement(answer).term.from
        };
        let key = (route.0, self.texts.number(purpose.as_str()));
        let (mut before, mut next) = (NONE, self.answers_of.get(&key).copied().unwrap_or(NONE));
        if next == NONE {
            let purposes = &mut self.told[route.0 as usize].purposes;
            let at = purposes.partition_point(|known| known < purpose);
            purposes.insert(at, purpose.clone());
        }
        while next != NONE && starts(self, next) <= starts(self, answer) {
            before = next;
            next = self.answers[next as usize].next;
        }
        self.answers[answer as usize].next = next;
        if before == NONE {
            self.answers_of.insert(key, answer);
        } else {
            self.answers[before as usize].next = answer;
        }
    }

    /// The route of `method` and `path` for `asker`, most literal first.
    pub(super) fn find(
        &self,
        asker: Asker<'_>,
        method: &str,
        path: &[Asked<'_>],
    ) -> Result<Route, Miss> {
        let node = match asker {
            Asker::Partner(partner) => self.partners.get(partner),
            Asker::System(system) => self.systems.get(system),
        };
        let Some(node) = node else {
            return Err(Miss::Path);
        };
        let mut methods = Vec::new();
        match self.find_below(*node, method, path, &mut methods) {
            Some(route) => Ok(route),
            None if methods.is_empty() => Err(Miss::Path),
            None => {
                methods.sort();
                methods.dedup();
                Err(Miss::Method(methods))
            }
        }
    }

    /// Recursion is as deep as `path` is long, which the template module bounds.
    fn find_below(
        &self,
        node: u32,
        method: &str,
        path: &[Asked<'_>],
        methods: &mut Vec<String>,
    ) -> Option<Route> {
        let Some((first, rest)) = path.split_first() else {
            let of = |method: &str| {
                let mut known = self.methods(node);
                known.find(|(_, known)| *known == method)
            };
            // A HEAD asks for what a GET would get, without its body (RFC 9110 §9.3.2).
            let found = of(method).or_else(|| of("GET").filter(|_| method == "HEAD"));
            if found.is_none() {
                methods.extend(self.methods(node).map(|(_, known)| known.to_owned()));
                if of("GET").is_some() && of("HEAD").is_none() {
                    methods.push("HEAD".to_owned());
                }
            }
            return found.map(|(route, _)| route);
        };
        let text = self.texts.known(&first.normal);
        let literal = text.and_then(|text| self.literals.get(&(node, text)));
        literal
            .and_then(|next| self.find_below(*next, method, rest, methods))
            .or_else(|| {
                let next = self.nodes[node as usize].variable;
                (next != NONE).then(|| self.find_below(next, method, rest, methods))?
            })
    }

    /// The routes of `node` and their methods.
    fn methods(&self, node: u32) -> impl Iterator<Item = (Route, &'static str)> {
        let mut next = self.nodes[node as usize].route;
        std::iter::from_fn(move || {
            let known = self.routes.get(next as usize)?;
            let route = Route(std::mem::replace(&mut next, known.next));
            Some((route, known.method))
        })
    }

    /// The disclosures of `route` for `purpose` in the order of their terms, which do not overlap; none if it is not
    /// agreed.
    pub(super) fn answers(&self, route: Route, purpose: &str) -> impl Iterator<Item = &Answer> {
        let text = self.texts.known(purpose);
        let first = text.and_then(|text| self.answers_of.get(&(route.0, text)));
        let mut next = first.copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let answer = self.answers.get(next as usize)?;
            next = answer.next;
            Some(answer)
        })
    }

    /// An answer of each disclosure of `route`, at least one.
    pub(super) fn all(&self, route: Route) -> impl Iterator<Item = &Answer> {
        let all = self.told[route.0 as usize].all.iter();
        all.map(|answer| &self.answers[*answer as usize])
    }

    /// All purposes of `route`, sorted.
    pub(super) fn purposes(&self, route: Route) -> &[PurposeName] {
        &self.told[route.0 as usize].purposes
    }

    /// Whose `answer` is.
    pub(super) fn agreement(&self, answer: &Answer) -> &Arc<Agreement> {
        &self.agreements[answer.agreement as usize]
    }

    /// The disclosure that answers.
    pub(super) fn disclosure(&self, answer: &Answer) -> &Arc<Disclosure> {
        &self.agreement(answer).disclosures[answer.disclosure as usize]
    }

    /// What the purpose of `answer` asks of the caller.
    pub(super) fn asks(&self, answer: &Answer) -> &Asks {
        &self.asks.all[answer.asks as usize]
    }

    /// The variables of the path of `answer`.
    pub(super) fn variables(&self, answer: &Answer) -> &[Variable] {
        &self.variables.all[answer.variables as usize]
    }
}

impl Answer {
    /// Where its disclosure stands among its agreement's.
    pub(super) fn disclosure(&self) -> usize {
        self.disclosure as usize
    }

    /// Where among the agreement's purposes the one stands that it answers for.
    pub(super) fn terms(&self) -> usize {
        self.terms as usize
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("agreements are fewer than numbers")
}

/// The node that `place` says, a new one where it says none.
fn begun(nodes: &mut Vec<Node>, place: &mut u32) -> u32 {
    if *place == NONE {
        *place = number(nodes.len());
        nodes.push(Node {
            variable: NONE,
            route: NONE,
        });
    }
    *place
}

/// Things that many have in common, each once.
#[derive(Debug)]
struct Shared<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            numbers: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Shared<T> {
    fn number(&mut self, one: T) -> u32 {
        if let Some(known) = self.numbers.get(&one) {
            return *known;
        }
        self.all.push(one.clone());
        let new = number(self.all.len() - 1);
        self.numbers.insert(one, new);
        new
    }
}

/// Texts by number. Most are short and stand in the table itself: to compare one, nothing else is read.
#[derive(Debug, Default)]
struct Texts {
    short: HashMap<[u64; 3], u32, Spreading>,
    long: HashMap<Box<str>, u32>,
    count: u32,
}

impl Texts {
    /// The text and its length, if it is short enough.
    fn short(text: &str) -> Option<[u64; 3]> {
        let mut words = [[0; 8]; 3];
        let bytes = words.as_flattened_mut();
        bytes[..23]
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        bytes[23] = text.len() as u8;
        Some(words.map(u64::from_le_bytes))
    }

    /// The number of `text`, if it has one.
    fn known(&self, text: &str) -> Option<u32> {
        match Self::short(text) {
            Some(short) => self.short.get(&short).copied(),
            None => self.long.get(text).copied(),
        }
    }

    /// The number of `text`, which has one from now on.
    fn number(&mut self, text: &str) -> u32 {
        let new = self.count;
        let number = match Self::short(text) {
            Some(short) => *self.short.entry(short).or_insert(new),
            None => match self.long.get(text) {
                Some(known) => *known,
                None => *self.long.entry(text.into()).or_insert(new),
            },
        };
        self.count += u32::from(number == new);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_no_other_has_it() {
        let long = "a-segment-of-more-than-twenty-three-bytes";
        let texts = [
            "",
            "a",
            "a\0",
            "aa",
            "care",
            "23-bytes-and-no-more-of",
            "23-bytes-and-no-more-of-",
            long,
            &long[..24],
        ];
        let mut known = Texts::default();
        for text in texts {
            assert_eq!(known.known(text), None, "{text}");
            let number = known.number(text);
            assert_eq!(
                (known.known(text), known.number(text)),
                (Some(number), number),
                "{text}"
            );
        }
        let numbers: std::collections::BTreeSet<u32> =
            texts.iter().filter_map(|text| known.known(text)).collect();
        assert_eq!(numbers.len(), texts.len());
    }
}
