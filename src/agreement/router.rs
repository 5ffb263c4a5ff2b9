//! From partner, method and path to the disclosures that could answer: look-ups, built once at load.
//!
//! A partner has a tree of path segments, and so has a system that pushes: neither is ever looked up in the other's. At each segment a literal is tried before a variable, so the
//! template that says most of the path answers. What a request costs depends on its path's segments and
//! on how often a literal and a variable stand side by side in its partner's own templates, not on how
//! many agreements there are.

use std::collections::HashMap;
use std::sync::Arc;

use super::template::{Asked, Segment};
use super::{Agreement, Asker, Disclosure, PartnerName, PurposeName, SystemName};

/// All routes: of what partners ask for, and of what the controller's systems push.
#[derive(Debug, Default)]
pub(super) struct Router {
    partners: HashMap<PartnerName, Node>,
    systems: HashMap<SystemName, Node>,
}

/// One place in a partner's or system's tree.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    variable: Option<Box<Node>>,
    /// By method, of which there is one text each: comparing it reads nothing of this node's own.
    routes: Vec<(&'static str, Route)>,
}

/// One method and template of a partner or a system: the disclosures that answer it, by purpose.
#[derive(Debug, Default)]
pub(super) struct Route {
    /// Sorted by purpose; the answers of each by the start of their terms, which do not overlap.
    purposes: Vec<(PurposeName, Vec<Answer>)>,
    /// The [`mark`] of each of `purposes`: a partner may have many agreements for one path, and to find the one purpose
    /// among theirs no other's name is read.
    marks: Vec<u64>,
    /// All its disclosures, in the order they came.
    all: Vec<Answer>,
}

/// A disclosure that answers a route, and its agreement.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) agreement: Arc<Agreement>,
    pub(super) disclosure: Arc<Disclosure>,
    /// Where among the agreement's purposes the one stands that it answers for.
    pub(super) terms: usize,
}

/// Why a path has no route.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    Path,
    /// With the methods that it has, sorted.
    Method(Vec<String>),
}

impl Router {
    /// Adds `disclosure`, or gives the one that already answers the same route and purpose at some time
    /// in both terms.
    pub(super) fn add(
        &mut self,
        agreement: &Arc<Agreement>,
        disclosure: &Arc<Disclosure>,
    ) -> Result<(), Answer> {
        let mut node = match Asker::of(agreement, disclosure) {
            Asker::Partner(partner) => self.partners.entry(partner.clone()).or_default(),
            Asker::System(system) => self.systems.entry(system.clone()).or_default(),
        };
        for segment in disclosure.path.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.as_str().into()).or_default(),
                Segment::Variable(_) => node.variable.get_or_insert_default(),
            };
        }
        let at = node
            .routes
            .iter()
            .position(|(method, _)| *method == disclosure.method)
            .unwrap_or_else(|| {
                node.routes.push((disclosure.method, Route::default()));
                node.routes.len() - 1
            });
        node.routes[at].1.add(agreement, disclosure)
    }

    /// The route of `method` and `path` for `asker`, most literal first.
    pub(super) fn find(
        &self,
        asker: Asker<'_>,
        method: &str,
        path: &[Asked<'_>],
    ) -> Result<&Route, Miss> {
        let node = match asker {
            Asker::Partner(partner) => self.partners.get(partner),
            Asker::System(system) => self.systems.get(system),
        };
        let Some(node) = node else {
            return Err(Miss::Path);
        };
        let mut methods = Vec::new();
        match node.find(method, path, &mut methods) {
            Some(route) => Ok(route),
            None if methods.is_empty() => Err(Miss::Path),
            None => {
                methods.sort();
                methods.dedup();
                Err(Miss::Method(methods))
            }
        }
    }
}

impl Node {
    /// Recursion is as deep as `path` is long, which the template module bounds.
    fn find(&self, method: &str, path: &[Asked<'_>], methods: &mut Vec<String>) -> Option<&Route> {
        let Some((first, rest)) = path.split_first() else {
            let of = |method: &str| self.routes.iter().find(|(known, _)| *known == method);
            // A HEAD asks for what a GET would get, without its body (RFC 9110 §9.3.2).
            let found = of(method).or_else(|| of("GET").filter(|_| method == "HEAD"));
            if found.is_none() {
                methods.extend(self.routes.iter().map(|(known, _)| (*known).to_owned()));
                if of("GET").is_some() && of("HEAD").is_none() {
                    methods.push("HEAD".to_owned());
                }
            }
            return found.map(|(_, route)| route);
        };
        self.literals
            .get(&*first.normal)
            .and_then(|node| node.find(method, rest, methods))
            .or_else(|| self.variable.as_ref()?.find(method, rest, methods))
    }
}

impl Route {
    fn add(
        &mut self,
        agreement: &Arc<Agreement>,
        disclosure: &Arc<Disclosure>,
    ) -> Result<(), Answer> {
        let term = &agreement.term;
        for purpose in &disclosure.purposes {
            let same = self
                .answers(purpose.as_str())
                .map_or(&[][..], |(_, same)| same);
            let clash = same.iter().find(|other| {
                other.agreement.term.from < term.until && term.from < other.agreement.term.until
            });
            if let Some(other) = clash {
                return Err(other.clone());
            }
        }
        for purpose in &disclosure.purposes {
            let answer = Answer {
                agreement: Arc::clone(agreement),
                disclosure: Arc::clone(disclosure),
                terms: agreement
                    .purposes
                    .iter()
                    .position(|known| known.name == *purpose)
                    .expect("a disclosure's purposes are its agreement's"),
            };
            if *purpose == disclosure.purposes[0] {
                self.all.push(answer.clone());
            }
            match self.position(purpose.as_str()) {
                Ok(at) => {
                    let answers = &mut self.purposes[at].1;
                    answers.push(answer.clone());
                    answers.sort_by_key(|answer| answer.agreement.term.from);
                }
                Err(at) => {
                    self.marks.insert(at, mark(purpose.as_str()));
                    self.purposes
                        .insert(at, (purpose.clone(), vec![answer.clone()]));
                }
            }
        }
        Ok(())
    }

    fn position(&self, purpose: &str) -> Result<usize, usize> {
        self.purposes
            .binary_search_by(|(known, _)| known.as_str().cmp(purpose))
    }

    /// The disclosures for `purpose`, at least one, in the order of their terms, which do not overlap;
    /// `None` if it is not agreed.
    pub(super) fn answers(&self, purpose: &str) -> Option<(&PurposeName, &[Answer])> {
        let asked = mark(purpose);
        let mut marked = self.marks.iter().zip(&self.purposes);
        let (_, (purpose, answers)) =
            marked.find(|(mark, (known, _))| **mark == asked && known.as_str() == purpose)?;
        Some((purpose, answers))
    }

    /// All its disclosures, at least one.
    pub(super) fn all(&self) -> &[Answer] {
        &self.all
    }

    /// All its purposes with their disclosures, sorted.
    pub(super) fn purposes(&self) -> &[(PurposeName, Vec<Answer>)] {
        &self.purposes
    }
}

/// A number that few names share: of their length, their beginning and their end. Names that do are told apart by
/// themselves.
fn mark(name: &str) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let name = name.as_bytes();
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let part = name.len().min(8);
    let (start, end) = (word(&name[..part]), word(&name[name.len() - part..]));
    (end.wrapping_mul(SPREAD) ^ start.rotate_left(32)).wrapping_add(name.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_mark_and_names_of_a_series_have_others() {
        for name in ["", "a", "care", "falls-prevention", "falls-prevention-0001"] {
            assert_eq!(mark(name), mark(&String::from_iter(name.chars())), "{name}");
        }
        let series = (0..1_000).map(|number| mark(&format!("falls-prevention-{number:04}")));
        let different: std::collections::HashSet<u64> = series.collect();
        assert_eq!(different.len(), 1_000);
    }
}
