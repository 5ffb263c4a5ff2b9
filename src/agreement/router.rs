//! From partner, method and path to the disclosures that could answer: look-ups, built once at load.
//!
//! Whoever asks has its own routes, a partner as a system that pushes: neither is ever looked up in the other's. A
//! template's *shape* says which of its segments are variables; of a request's path and a shape, the segments that are none
//! are what a route is found by. The shapes of an asker are tried in their order, a literal before a variable from the
//! first segment on, so the template that says most of the path answers. What a request costs depends on its path's
//! segments and on how many shapes of that length its asker has, not on how many agreements there are.
//!
//! What does grow with their number is the memory that all of it takes, and what is not in the processor's caches is waited
//! for. So what a permit reads of a route stands in one line of memory, and of what answers it in another: texts that are
//! compared stand in the line itself, terms of the agreement are copied there, and what many have in common they share.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;

use super::template::{Asked, PathTemplate, Segment};
use super::words::{Word, Words};
use super::{Agreement, Asker, Basis, Credentials, Disclosure, Purpose, PurposeName, Role};
use crate::spread::{Spread, Spreading};

/// All routes: of what partners ask for, and of what the controller's systems push.
#[derive(Debug, Default)]
pub(super) struct Router {
    words: Words,
    partners: HashMap<Word, u32, Spreading>,
    systems: HashMap<Word, u32, Spreading>,
    /// The shapes of each asker, sorted.
    shapes: Vec<Box<[Shape]>>,
    /// The methods of all routes, each once.
    methods: Vec<&'static str>,
    /// Where the routes stand: a table of twice as many places at least, their number a power of two.
    places: Vec<Place>,
    routes: Vec<Line>,
    /// The texts of routes that are too long for their line.
    texts: Vec<Box<str>>,
    /// Those of a route beside one another, by purpose and then in the order of their terms.
    answers: Vec<Answer>,
    agreements: Vec<Arc<Agreement>>,
    variables: Vec<Vec<Variable>>,
    asks: Vec<Asks>,
    /// By route, what only refusals and explanations tell.
    told: Vec<Told>,
}

/// No route.
const NONE: u32 = u32::MAX;

/// Which segments of a template are variables. In the order in which an asker's are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Shape {
    segments: u8,
    /// A bit for each, the first segment's the highest.
    variables: u32,
}

impl Shape {
    fn of(template: &PathTemplate) -> Self {
        let mut shape = Self {
            segments: 0,
            variables: 0,
        };
        for segment in template.segments() {
            if matches!(segment, Segment::Variable(_)) {
                shape.variables |= FIRST >> shape.segments;
            }
            shape.segments += 1;
        }
        shape
    }

    /// The segments of `path`, which has as many, that are no variables.
    fn literals<'a>(self, path: &'a [Asked<'_>]) -> impl Iterator<Item = &'a str> {
        let literals = path.iter().enumerate();
        literals
            .filter(move |(place, _)| self.variables & (FIRST >> place) == 0)
            .map(|(_, asked)| &*asked.normal)
    }
}

/// The first segment's bit. A template has at most 32.
const FIRST: u32 = 1 << 31;

/// One place of the table.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The upper half of the hash, by which most others are told apart without a look at them.
    mark: u32,
    route: u32,
}

/// One method and template of a partner or a system, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route(u32);

/// What is read of a route to find it: one line of memory.
#[derive(Debug)]
#[repr(align(64))]
struct Line {
    asker: u32,
    shape: Shape,
    method: u8,
    /// The bytes of its text; [`Line::LONG`] where it stands in [`Router::texts`], at the number that `text` begins with.
    length: u8,
    /// Its literal segments, each with a `/` before it.
    text: [u8; 40],
    /// Its answers: from here, so many.
    answers: u32,
    count: u32,
}

impl Line {
    const LONG: u8 = u8::MAX;
}

const _: () = assert!(size_of::<Line>() == 64 && size_of::<Answer>() == 64);

#[derive(Debug, Default)]
struct Told {
    /// Sorted.
    purposes: Vec<PurposeName>,
    /// An answer of each of its disclosures, in the order they came.
    all: Vec<u32>,
}

/// A disclosure that answers a route for a purpose, and what of its agreement decides: one line of memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Answer {
    purpose: Word,
    /// The agreement's term, from the first second in force to the first no longer: it begins and ends at midnights.
    from: i64,
    until: i64,
    agreement: u32,
    disclosure: u32,
    terms: u32,
    variables: u32,
    asks: u32,
    /// Nothing but the request decides any more: the agreement is approved or need not be, and its keys are there.
    pub(super) is_usable: bool,
    /// There are fields that only professionals get.
    pub(super) has_professional_fields: bool,
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

/// A router that is being made.
#[derive(Debug, Default)]
pub(super) struct Routes {
    router: Router,
    /// By asker, method, shape and text.
    routes: BTreeMap<(u32, u8, Shape, String), Begun>,
    variables: Shared<Vec<Variable>>,
    asks: Shared<Asks>,
}

/// A route that is being made: its answers in the order they came, each with the name of its purpose.
#[derive(Debug, Default)]
struct Begun {
    answers: Vec<(PurposeName, Answer)>,
    /// Those of the first purpose of each disclosure.
    firsts: Vec<usize>,
}

impl Routes {
    /// Adds a disclosure of `agreement`, or gives the one that already answers the same route and purpose at some time
    /// in both terms, and its agreement.
    pub(super) fn add(
        &mut self,
        agreement: &Arc<Agreement>,
        index: usize,
    ) -> Result<(), (Arc<Agreement>, Arc<Disclosure>)> {
        let disclosure = &agreement.disclosures[index];
        let asker = self.asker(Asker::of(agreement, disclosure));
        let router = &mut self.router;
        let method = router.method(disclosure.method).unwrap_or_else(|| {
            router.methods.push(disclosure.method);
            u8::try_from(router.methods.len() - 1).expect("methods are few")
        });
        let mut text = String::new();
        for segment in disclosure.path.segments() {
            if let Segment::Literal(literal) = segment {
                text.push('/');
                text.push_str(literal);
            }
        }
        let shape = Shape::of(&disclosure.path);
        let route = self.routes.entry((asker, method, shape, text)).or_default();
        let same = |known: &Arc<Agreement>| Arc::ptr_eq(known, agreement);
        if !router.agreements.last().is_some_and(same) {
            router.agreements.push(Arc::clone(agreement));
        }
        let (from, until) = seconds(agreement);
        for purpose in &disclosure.purposes {
            let word = router.words.word(purpose.as_str());
            let clash = route.answers.iter().find(|(_, answer)| {
                answer.purpose == word && answer.from < until && from < answer.until
            });
            if let Some((_, other)) = clash {
                let agreement = router.agreement(other);
                return Err((Arc::clone(agreement), Arc::clone(router.disclosure(other))));
            }
        }
        let variables = self.variables.number(disclosure.path.places());
        for (at, purpose) in disclosure.purposes.iter().enumerate() {
            let terms = agreement
                .purposes
                .iter()
                .position(|known| known.name == *purpose)
                .expect("a disclosure's purposes are its agreement's");
            let needs_professional = || {
                let basis = agreement.law.basis_for(purpose);
                basis.is_some_and(Basis::needs_professional)
            };
            let answer = Answer {
                purpose: router.words.word(purpose.as_str()),
                from,
                until,
                agreement: number(router.agreements.len() - 1),
                disclosure: number(index),
                terms: number(terms),
                variables,
                asks: self.asks.number(Asks::of(&agreement.purposes[terms])),
                is_usable: agreement.approved.is_usable() && !agreement.keys_destroyed,
                has_professional_fields: disclosure.without_special.is_some()
                    && needs_professional(),
            };
            if at == 0 {
                route.firsts.push(route.answers.len());
            }
            route.answers.push((purpose.clone(), answer));
        }
        Ok(())
    }

    fn asker(&mut self, asker: Asker<'_>) -> u32 {
        let router = &mut self.router;
        let (askers, name) = match asker {
            Asker::Partner(partner) => (&mut router.partners, partner.as_str()),
            Asker::System(system) => (&mut router.systems, system.as_str()),
        };
        let new = number(router.shapes.len());
        let asker = *askers.entry(router.words.word(name)).or_insert(new);
        if asker == new {
            router.shapes.push(Box::default());
        }
        asker
    }

    /// The router of all that was added.
    pub(super) fn done(self) -> Router {
        let mut router = self.router;
        router.variables = self.variables.all;
        router.asks = self.asks.all;
        let empty = Place {
            mark: 0,
            route: NONE,
        };
        router.places = vec![empty; (self.routes.len() * 2).next_power_of_two()];
        let mut shapes = vec![Vec::new(); router.shapes.len()];
        for ((asker, method, shape, text), route) in self.routes {
            shapes[asker as usize].push(shape);
            let mut order: Vec<usize> = (0..route.answers.len()).collect();
            order.sort_by_key(|place| {
                let answer = &route.answers[*place].1;
                (answer.purpose, answer.from)
            });
            let begins = router.answers.len();
            let stands = |first: &usize| {
                let place = order.iter().position(|place| place == first);
                number(begins + place.expect("every answer is in the order"))
            };
            let all = route.firsts.iter().map(stands).collect();
            router
                .answers
                .extend(order.iter().map(|place| route.answers[*place].1));
            let mut purposes: Vec<PurposeName> = route
                .answers
                .into_iter()
                .map(|(purpose, _)| purpose)
                .collect();
            purposes.sort_unstable();
            purposes.dedup();
            router.told.push(Told { purposes, all });
            let mut line = Line {
                asker,
                shape,
                method,
                length: Line::LONG,
                text: [0; 40],
                answers: number(begins),
                count: number(order.len()),
            };
            match line.text.get_mut(..text.len()) {
                Some(room) => {
                    room.copy_from_slice(text.as_bytes());
                    line.length = text.len() as u8;
                }
                None => {
                    line.text[..4].copy_from_slice(&number(router.texts.len()).to_le_bytes());
                    router.texts.push(text.as_str().into());
                }
            }
            // No segment holds the `/` that ends it.
            let segments = text.split('/').skip(1);
            router.place(hash(asker, method, shape, segments));
            router.routes.push(line);
        }
        for (all, mut shapes) in router.shapes.iter_mut().zip(shapes) {
            shapes.sort_unstable();
            shapes.dedup();
            *all = shapes.into();
        }
        router
    }
}

/// The term of `agreement`, as an [`Answer`] has it.
fn seconds(agreement: &Agreement) -> (i64, i64) {
    let term = &agreement.term;
    debug_assert!(term.from.subsec_nanosecond() == 0 && term.until.subsec_nanosecond() == 0);
    (term.from.as_second(), term.until.as_second())
}

/// The second that `now` is in, rounded down also before 1970.
fn second(now: Timestamp) -> i64 {
    now.as_second() - i64::from(now.subsec_nanosecond() < 0)
}

fn hash<'a>(asker: u32, method: u8, shape: Shape, literals: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = Spread::default();
    hasher.write_u64(u64::from(asker) << 32 | u64::from(shape.variables));
    hasher.write_u64(u64::from(shape.segments) << 8 | u64::from(method));
    for literal in literals {
        hasher.write(literal.as_bytes());
    }
    hasher.finish()
}

impl Router {
    /// Gives the route that comes next its place.
    fn place(&mut self, hash: u64) {
        let route = number(self.routes.len());
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at].route != NONE {
            at = (at + 1) & mask;
        }
        self.places[at] = Place {
            mark: (hash >> 32) as u32,
            route,
        };
    }

    /// The number of `method`, if a route has it.
    fn method(&self, method: &str) -> Option<u8> {
        let known = self.methods.iter().position(|known| *known == method)?;
        u8::try_from(known).ok()
    }

    /// The route of `asker` and `method` whose template has `shape` and the segments of `path`.
    fn route(&self, asker: u32, method: u8, shape: Shape, path: &[Asked<'_>]) -> Option<Route> {
        let hash = hash(asker, method, shape, shape.literals(path));
        let mark = (hash >> 32) as u32;
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            let route = self.routes.get(place.route as usize)?;
            let is_it = place.mark == mark
                && (route.asker, route.method, route.shape) == (asker, method, shape)
                && is_text(self.text(route), shape.literals(path));
            if is_it {
                return Some(Route(place.route));
            }
            at = (at + 1) & mask;
        }
    }

    /// The literal segments of `route`, each with a `/` before it.
    fn text<'a>(&'a self, route: &'a Line) -> &'a [u8] {
        if route.length == Line::LONG {
            let [a, b, c, d, ..] = route.text;
            return self.texts[u32::from_le_bytes([a, b, c, d]) as usize].as_bytes();
        }
        &route.text[..usize::from(route.length)]
    }

    /// The route of `method` and `path` for `asker`, most literal first.
    pub(super) fn find(
        &self,
        asker: Asker<'_>,
        method: &str,
        path: &[Asked<'_>],
    ) -> Result<Route, Miss> {
        let (askers, name) = match asker {
            Asker::Partner(partner) => (&self.partners, partner.as_str()),
            Asker::System(system) => (&self.systems, system.as_str()),
        };
        let asker = self.words.known(name).and_then(|name| askers.get(&name));
        let asker = *asker.ok_or(Miss::Path)?;
        let number = self.method(method);
        // A HEAD asks for what a GET would get, without its body (RFC 9110 §9.3.2).
        let instead = self.method("GET").filter(|_| method == "HEAD");
        let shapes = || {
            let shapes = self.shapes[asker as usize].iter();
            shapes.filter(|shape| usize::from(shape.segments) == path.len())
        };
        let find = |shape: &Shape| {
            let of = |method: Option<u8>| self.route(asker, method?, *shape, path);
            of(number).or_else(|| of(instead))
        };
        shapes().find_map(find).ok_or_else(|| {
            let mut methods: Vec<String> = (0u8..)
                .zip(&self.methods)
                .filter(|(method, _)| {
                    shapes().any(|shape| self.route(asker, *method, *shape, path).is_some())
                })
                .map(|(_, method)| (*method).to_owned())
                .collect();
            if methods.is_empty() {
                return Miss::Path;
            }
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            methods.sort();
            methods.dedup();
            Miss::Method(methods)
        })
    }

    /// The disclosures of `route` for `purpose` in the order of their terms, which do not overlap; none if it is not
    /// agreed.
    pub(super) fn answers(&self, route: Route, purpose: &str) -> &[Answer] {
        let route = &self.routes[route.0 as usize];
        let all = &self.answers[route.answers as usize..][..route.count as usize];
        let Some(purpose) = self.words.known(purpose) else {
            return &[];
        };
        let begins = all.partition_point(|answer| answer.purpose < purpose);
        let same = all[begins..]
            .iter()
            .take_while(|answer| answer.purpose == purpose);
        let count = same.count();
        &all[begins..][..count]
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
        &self.asks[answer.asks as usize]
    }

    /// The variables of the path of `answer`.
    pub(super) fn variables(&self, answer: &Answer) -> &[Variable] {
        &self.variables[answer.variables as usize]
    }
}

/// Whether `text` is `literals`, each with a `/` before it.
fn is_text<'a>(text: &[u8], mut literals: impl Iterator<Item = &'a str>) -> bool {
    let rest = literals.try_fold(text, |text, literal| {
        text.strip_prefix(b"/")?.strip_prefix(literal.as_bytes())
    });
    rest.is_some_and(<[u8]>::is_empty)
}

impl Answer {
    /// Whether its agreement's term is over at `now`.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.until <= second(now)
    }

    /// Whether its agreement is in force at `now`.
    pub(super) fn is_in_force(&self, now: Timestamp) -> bool {
        self.from <= second(now) && !self.has_ended(now)
    }

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
