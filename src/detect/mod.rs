//! Detectors: what in a free text identifies somebody.
//!
//! ```text
//! the inside of a JSON string
//!   fold      unescaped, other spellings of a character folded to ASCII, with a way back to the original
//!   search    one pass, from digit to digit, '@' to '@', ':' to ':'; around each a decision
//!               pieces     the runs of digits and letters there
//!               numbers, codes, dates, addresses: which kinds these can be, and how far each is believed
//!               context    what the five words on each side say
//!   patterns  what an agreement adds
//!   names     people whom the same record names
//!   resolve   what overlaps becomes one
//! ```
//!
//! A candidate's score in hundredths is what its form alone is worth: 100 where a check digit passes, 0 where the form
//! contradicts itself, which is never a candidate. Words beside it that say what it is add to that. What reaches the
//! threshold is found. Of what overlaps the longest gives its kind to all of it, so that nothing that was found is left over.
//!
//! **Detection misses things.** It finds what is written in the ways that are known here, and no more.
//!
//! **Invariant:** time is linear in the text whatever the text is, and nothing is allocated per text once the buffers of a
//! [`Scratch`] have grown.

mod addresses;
mod codes;
mod context;
mod dates;
mod fold;
mod kind;
mod names;
mod numbers;
mod patterns;
mod pieces;
mod scan;
mod search;
mod starts;

pub use context::about;
pub use kind::{Kind, Kinds};
pub use names::Names;
pub use patterns::{Pattern, PatternError};

use fold::Fold;
use memchr::memmem::Finder;
use pieces::Cluster;
use search::{Candidate, Search};

/// How far something is believed, in hundredths.
pub type Score = u8;

/// A score from 0 to 1 in hundredths; what is outside of that is the nearer end.
#[must_use]
pub fn score(score: f64) -> Score {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 100 after clamping"
    )]
    let hundredths = (score * 100.0).round().clamp(0.0, 100.0) as Score;
    hundredths
}

/// The threshold where an agreement gives none.
pub const THRESHOLD: Score = 60;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One of the kinds that are known.
    Kind(Kind),
    /// The agreement's pattern at this place among them.
    Pattern(u8),
    /// The person at this place among those whose names are known.
    Person(u8),
}

/// A place in a text where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where its spelling starts, in bytes of what was given.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is.
    pub what: What,
    /// Where it stands in the folded text.
    from: usize,
    to: usize,
}

/// Detectors made ready: what to look for and how sure to be.
#[derive(Debug, Clone)]
pub struct Detectors {
    kinds: Kinds,
    threshold: Score,
    patterns: Vec<Pattern>,
    www: Finder<'static>,
}

/// Buffers that keep their room from one text to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    fold: Fold,
    cluster: Cluster,
    candidates: Vec<Candidate>,
    found: Vec<Found>,
    steps: usize,
}

impl Detectors {
    /// For `kinds` and `patterns` (at most 255), believed from `threshold` on.
    #[must_use]
    pub fn new(kinds: Kinds, threshold: Score, patterns: Vec<Pattern>) -> Self {
        Self {
            kinds,
            threshold,
            patterns,
            www: Finder::new("www."),
        }
    }

    /// The agreement's patterns.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// What is in `inside`, the inside of a checked JSON string: in order, without overlaps. `about` are the kinds that
    /// the text is known to be about, as from its field's name; `names` those of people to be found.
    pub fn find<'a>(
        &self,
        inside: &[u8],
        about: Kinds,
        names: Option<&Names>,
        scratch: &'a mut Scratch,
    ) -> &'a [Found] {
        let Scratch {
            fold,
            cluster,
            candidates,
            found,
            steps,
        } = scratch;
        candidates.clear();
        found.clear();
        let text = fold.read(inside);
        let mut search = Search {
            text,
            kinds: self.kinds,
            threshold: self.threshold,
            about,
            found: candidates,
            near: None,
            steps: 0,
        };
        search.run(cluster, &self.www);
        *steps = search.steps;
        for (pattern, index) in self.patterns.iter().zip(0..) {
            pattern.find(text, index, self.threshold, candidates);
        }
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            *steps += names.find_in(text, candidates);
        }
        resolve(candidates);
        found.extend(candidates.iter().map(|candidate| Found {
            start: fold.original(candidate.start),
            end: fold.original(candidate.end),
            what: candidate.what,
            from: candidate.start,
            to: candidate.end,
        }));
        found
    }
}

impl Scratch {
    /// What was found last.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// How `found`, which was found last in `inside`, is spelt after folding.
    #[must_use]
    pub fn spelling<'a>(&'a self, inside: &'a [u8], found: &Found) -> &'a [u8] {
        &self.fold.text(inside)[found.from..found.to]
    }
}

/// Makes what overlaps one: of the longest's kind, of the higher score's where two are as long.
fn resolve(candidates: &mut Vec<Candidate>) {
    candidates.sort_unstable_by_key(|candidate| (candidate.start, candidate.end));
    // The length of the one that gave its kind, beside the whole stretch.
    let mut longest = 0;
    candidates.dedup_by(|next, whole| {
        let length = next.end - next.start;
        if next.start >= whole.end {
            longest = 0;
            return false;
        }
        let own = if longest == 0 {
            whole.end - whole.start
        } else {
            longest
        };
        longest = own;
        let rank = |candidate: &Candidate| std::cmp::Reverse(order(candidate.what));
        if (length, next.score, rank(next)) > (own, whole.score, rank(whole)) {
            (whole.what, whole.score, longest) = (next.what, next.score, length);
        }
        whole.end = whole.end.max(next.end);
        true
    });
}

/// The order in which two things of one spelling and score are told.
fn order(what: What) -> u8 {
    match what {
        What::Kind(kind) => kind as u8,
        What::Pattern(index) => 64_u8.saturating_add(index),
        What::Person(_) => u8::MAX,
    }
}

#[cfg(test)]
mod tests;
