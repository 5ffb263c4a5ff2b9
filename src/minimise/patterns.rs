//! Objects of single values as they came before: the next one is most likely built the same, and crossed in one step.
//!
//! ```text
//! {"name":"Ada","dob":"1941-03-07","age":84}
//! {" ":" "," ":" "," ":0}      its tokens: compared 64 at a time with those of an object that was walked
//!   name      dob      age     its names: each compared where its quote stands
//!             dob      age     what leaves: ranges from token to token
//! ```
//!
//! The grammar has been checked and no single value decides anything here, so an object with the tokens and the names of
//! one that was walked comes to the same end (P8). That no name comes twice needs no look: those of the pattern do not.

use super::FieldOutcome;
use super::shapes::Member;
use super::tokens::Tokens;
use super::walk::Single;

/// Patterns of one shape: objects differ in where they have `null` for a text, and in what they lack.
const EACH: usize = 4;
/// Patterns in one machine.
pub(super) const PATTERNS: usize = 128;
/// Objects of one shape that may turn out not to be of single values whose names are known.
const TRIES: u8 = 32;
/// Tokens of one pattern, a whole number of blocks.
const TOKENS: usize = 4 * BLOCK;
const BLOCK: usize = 64;
/// Words that are compared in one go.
const FOUR: usize = 4;

/// The patterns of one shape.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    known: Vec<Pattern>,
    tried: u8,
}

/// Tokens as they came once, and names among them. Tokens are counted from the first.
#[derive(Debug)]
pub(super) struct Likeness {
    /// How many tokens there are.
    pub(super) tokens: usize,
    /// What they are, and which of the bytes count.
    blocks: Vec<([u8; BLOCK], [u8; BLOCK])>,
    /// A multiple of [`FOUR`].
    words: Vec<Word>,
}

/// An object that was seen. Tokens are counted from its opening bracket.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) like: Likeness,
    /// What leaves behind the opening bracket, where no white space stands between tokens.
    pub(super) ranges: Vec<Range>,
    /// The members that leave.
    pub(super) leave: Vec<Leaving>,
    /// What is counted, and how often.
    pub(super) counts: Vec<(FieldOutcome, u64)>,
}

/// Sixteen bytes of a name and its closing quote, or fewer.
#[derive(Debug)]
struct Word {
    bytes: u128,
    mask: u128,
    /// The name's opening quote, and how far behind it the bytes stand.
    token: u32,
    behind: u32,
}

/// From the token `from` to the token `to`, and `more` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) more: usize,
}

/// A member that leaves: the opening quote of its name, and its value's first token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub(super) name: usize,
    pub(super) value: usize,
}

impl Patterns {
    /// Which of these patterns the object at `token` has, if one.
    #[inline(always)]
    pub(super) fn find(&self, token: usize, tokens: &Tokens, window: &[u8]) -> Option<usize> {
        self.known
            .iter()
            .position(|pattern| pattern.like.is_at(token, tokens, window))
    }

    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> &Pattern {
        &self.known[place]
    }

    /// Whether another object may be remembered.
    #[inline(always)]
    pub(super) fn may_learn(&self) -> bool {
        self.known.len() < EACH && self.tried < TRIES
    }

    /// Remembers the object at `token` if it is whole, and all that is in it are single values of `members`. Whether it is.
    pub(super) fn learn(
        &mut self,
        members: &[Member],
        token: usize,
        tokens: &Tokens,
        window: &[u8],
    ) -> bool {
        self.tried += 1;
        let pattern = Pattern::read(members, token, tokens, window);
        let learnt = pattern.is_some();
        self.known.extend(pattern);
        learnt
    }

    /// Forgets all: another name is known, so objects may be remembered that could not be. How many there were.
    pub(super) fn forget(&mut self) -> usize {
        let known = self.known.len();
        self.known.clear();
        self.tried = 0;
        known
    }
}

impl Likeness {
    /// Of tokens of these kinds, whose names are still to be told.
    pub(super) fn of(kinds: &[u8]) -> Self {
        Self {
            tokens: kinds.len(),
            blocks: kinds.chunks(BLOCK).map(block).collect(),
            words: Vec::new(),
        }
    }

    /// The token `token` is the opening quote of a name, which with its closing quote is `closed`.
    pub(super) fn name(&mut self, token: usize, closed: &[u8]) {
        // How many words there are is hard to foretell: so they are compared four by four, of which the last are none.
        self.words.truncate(self.words.len() - self.none());
        for (piece, bytes) in closed.chunks(16).enumerate() {
            self.words.push(Word::new(bytes, token, 1 + 16 * piece));
        }
        while !self.words.len().is_multiple_of(FOUR) {
            self.words.push(Word::new(&[], 0, 0));
        }
    }

    /// How many of the words are none.
    fn none(&self) -> usize {
        let none = |word: &&Word| word.mask == 0;
        self.words.iter().rev().take_while(none).count()
    }

    /// Whether the tokens from `token` on are like these.
    #[inline(always)]
    pub(super) fn is_at(&self, token: usize, tokens: &Tokens, window: &[u8]) -> bool {
        let Some(positions) = tokens.positions().get(token..token + self.tokens) else {
            return false;
        };
        for (place, (kinds, mask)) in self.blocks.iter().enumerate() {
            let came = tokens.block(token + place * BLOCK);
            let mut differ = 0;
            #[allow(clippy::needless_range_loop, reason = "made of vectors as it stands")]
            for at in 0..BLOCK {
                differ |= (came[at] ^ kinds[at]) & mask[at];
            }
            if differ != 0 {
                return false;
            }
        }
        for words in self.words.as_chunks::<FOUR>().0 {
            let mut differ = 0;
            for word in words {
                let from = positions[word.token as usize] as usize + word.behind as usize;
                let came = window.get(from..).and_then(|rest| rest.first_chunk());
                let came = came.map_or_else(|| cut_word(window, from), |came| *came);
                differ |= (u128::from_le_bytes(came) ^ word.bytes) & word.mask;
            }
            if differ != 0 {
                return false;
            }
        }
        true
    }
}

/// The last bytes of `window`, from `from` on, and zeros, which are in no name.
#[cold]
fn cut_word(window: &[u8], from: usize) -> [u8; 16] {
    let mut word = [0; 16];
    let rest = window.get(from..).unwrap_or_default();
    word[..rest.len()].copy_from_slice(rest);
    word
}

impl Pattern {
    /// The object at `token`, if it is whole and all that is in it are single values of `members`, each once.
    fn read(members: &[Member], token: usize, tokens: &Tokens, window: &[u8]) -> Option<Self> {
        let close = *tokens.links().get(token)? as usize;
        let kinds = tokens.kinds().get(token..=close)?;
        let positions = tokens.positions().get(token..=close)?;
        if kinds.len() > TOKENS {
            return None;
        }
        let mut pattern = Self {
            like: Likeness::of(kinds),
            ranges: Vec::new(),
            leave: Vec::new(),
            counts: Vec::new(),
        };
        let (last, mut at, mut seen) = (kinds.len() - 1, 1, 0_u64);
        while at < last {
            let name = positions[at] as usize + 1..*positions.get(at + 1)? as usize;
            let length = name.len();
            let place = members
                .iter()
                .position(|member| member.is(window, name.start, length))?;
            let member = &members[place];
            if seen >> place & 1 == 1 {
                return None;
            }
            seen |= 1 << place;
            pattern.like.name(at, &window[name.start..=name.end]);
            let value = at + 3;
            let next = value
                + match kinds[value] {
                    b'"' => 2,
                    b'0' => 1,
                    _ => return None,
                };
            match member.single {
                Single::Asked => return None,
                Single::Crossed => {}
                Single::Stays(outcome) => pattern.count(outcome),
                Single::Leaves(outcome) => {
                    pattern.count(outcome);
                    pattern.leave.push(Leaving { name: at, value });
                    pattern.range(at, next);
                }
            }
            at = next + 1;
        }
        // The closing bracket leaves with what stands before it.
        match pattern.ranges.last_mut() {
            Some(range) if range.to == last => range.more = 1,
            Some(_) | None => pattern.ranges.push(Range {
                from: last,
                to: last,
                more: 1,
            }),
        }
        Some(pattern)
    }

    fn count(&mut self, outcome: FieldOutcome) {
        match self.counts.iter_mut().find(|(of, _)| *of == outcome) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((outcome, 1)),
        }
    }

    /// Lets the member from the token `name` to `next`, the one behind it, leave: with a comma before it, but for the first.
    fn range(&mut self, name: usize, next: usize) {
        if let Some(before) = self.ranges.last_mut() {
            // Each but the last member is followed by a comma.
            before.more = 1;
            if before.to + 1 == name {
                (before.to, before.more) = (next, 0);
                return;
            }
        }
        self.ranges.push(Range {
            from: name,
            to: next,
            more: 0,
        });
    }
}

/// The kinds of a block's tokens, and which of the bytes are those.
fn block(kinds: &[u8]) -> ([u8; BLOCK], [u8; BLOCK]) {
    let (mut block, mut mask) = ([0; BLOCK], [0; BLOCK]);
    block[..kinds.len()].copy_from_slice(kinds);
    mask[..kinds.len()].fill(u8::MAX);
    (block, mask)
}

impl Word {
    fn new(bytes: &[u8], token: usize, behind: usize) -> Self {
        let mut word = [0; 16];
        word[..bytes.len()].copy_from_slice(bytes);
        Self {
            bytes: u128::from_le_bytes(word),
            mask: u128::MAX
                .checked_shr(8 * (16 - bytes.len() as u32))
                .unwrap_or(0),
            token: token as u32,
            behind: behind as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::minimise::json::JsonMachine;
    use crate::minimise::vector::Level;
    use crate::minimise::{BodyError, BodyFault, Limits, Machine, Tally};
    use crate::plan::{Action, BodyRules, OnMismatch, Plan, PlanKeys, Rule, Selector};

    fn plan(rules: &[(Action, &str)]) -> Arc<Plan> {
        let rule = |(action, selector): &(Action, &str)| Rule {
            selector: Selector::parse(selector).unwrap(),
            action: action.clone(),
            on_mismatch: OnMismatch::Drop,
            line: 0,
        };
        let rules = BodyRules {
            fields: rules.iter().map(rule).collect(),
            ..BodyRules::default()
        };
        Arc::new(Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).unwrap())
    }

    fn run(plan: &Arc<Plan>, level: Level, pieces: &[&[u8]]) -> Result<(String, Tally), BodyError> {
        let mut machine = JsonMachine::with_level(Arc::clone(plan), level);
        let mut out = Vec::new();
        for piece in pieces {
            machine.push(piece, &mut out)?;
        }
        let tally = machine.finish(&mut out)?;
        Ok((String::from_utf8(out).unwrap(), tally))
    }

    fn plans() -> [Arc<Plan>; 5] {
        [
            plan(&[(Action::KeepAll, "$")]),
            plan(&[(Action::KeepAll, "$"), (Action::Drop, "$[*].b")]),
            plan(&[(Action::KeepAll, "$[*]")]),
            plan(&[
                (Action::Keep, "$[*].b"),
                (
                    Action::Keep,
                    "$[*]['long, longer, the longest name of all']",
                ),
            ]),
            plan(&[(Action::Keep, "$[*].a"), (Action::Keep, "$[*].c")]),
        ]
    }

    /// Objects of one place: alike, nearly alike, and not; the first two with white space.
    const OBJECTS: [&str; 16] = [
        r#"{ "a" : "1" , "b" : "22" , "c" : 333 }"#,
        r#"{"a": "1", "b": "22", "c": 333}"#,
        r#"{"a":"1","b":"22","c":333}"#,
        r#"{"a":"\\\"","b":"","c":-0.5e3}"#,
        r#"{"a":null,"b":"22","c":true}"#,
        r#"{"a":"1","b":"22"}"#,
        r#"{"b":"22","c":333}"#,
        r#"{"c":333,"a":"1","b":"22"}"#,
        r#"{"\u0061":"1","b":"22","c":333}"#,
        r#"{"a":"1","b":"22","c":333,"d":4}"#,
        r#"{"a":"1","d":4,"b":"22","c":333}"#,
        r#"{"a":"1","b":{"x":1},"c":[333]}"#,
        r#"{}"#,
        r#"{"a":"1","long, longer, the longest name of all":"22","c":333}"#,
        r#"{"a":"1","long, longer, the longest name of ale":"22","c":333}"#,
        r#"{"A":"1","b":"22","c":333}"#,
    ];

    #[test]
    fn p8_an_object_leaves_as_it_does_alone_whatever_came_before_it() {
        for plan in plans() {
            for level in Level::available() {
                let alone = |object: &str| {
                    let body = format!("[{object}]");
                    let (out, tally) = run(&plan, level, &[body.as_bytes()]).unwrap();
                    (out[1..out.len() - 1].to_owned(), tally.fields)
                };
                // Every object behind every other, twice each so that both are known; first those without white space.
                let mut sent: Vec<&str> = Vec::new();
                for objects in [&OBJECTS[2..], &OBJECTS] {
                    for first in objects {
                        for second in objects {
                            sent.extend([first, first, second, second, first]);
                        }
                    }
                }
                let left: Vec<String> = sent.iter().map(|object| alone(object).0).collect();
                let left: Vec<&str> = left.iter().map(String::as_str).collect();
                let body = format!("[{}]", sent.join(","));
                let (out, tally) = run(&plan, level, &[body.as_bytes()]).unwrap();
                assert_eq!(out, format!("[{}]", left.join(",")), "{level:?}");
                let mut fields = alone("").1;
                for object in &sent {
                    let around = alone("").1;
                    for ((sum, own), around) in fields.iter_mut().zip(alone(object).1).zip(around) {
                        *sum += own - around;
                    }
                }
                assert_eq!(tally.fields, fields, "{level:?}");
            }
        }
    }

    #[test]
    fn p8_what_is_known_of_objects_is_known_at_every_cut() {
        let twice = |objects: &[&str]| format!("[{0},{0}]", objects.join(","));
        for (plan, body) in plans()
            .iter()
            .flat_map(|plan| [(plan, twice(&OBJECTS)), (plan, twice(&OBJECTS[2..]))])
        {
            for level in Level::available() {
                let whole = run(plan, level, &[body.as_bytes()]).unwrap();
                for cut in 0..body.len() {
                    let (head, tail) = body.as_bytes().split_at(cut);
                    let found = run(plan, level, &[head, tail]).unwrap();
                    assert_eq!(found, whole, "{level:?} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn p4_a_name_that_comes_twice_is_found_in_an_object_whose_like_is_known() {
        let known = [OBJECTS[2]; 6].join(",");
        for plan in plans() {
            for level in Level::available() {
                for (object, at) in [
                    (r#"{"a":"1","a":"22","c":333}"#, 9),
                    (r#"{"a":"1","b":"22","b":333}"#, 18),
                    (r#"{"a":"1","b":"22","\u0061":333}"#, 18),
                ] {
                    let body = format!("[{known},{object}]");
                    let error = run(&plan, level, &[body.as_bytes()]).unwrap_err();
                    let offset = (1 + known.len() + 1 + at) as u64;
                    assert_eq!(
                        (error.fault, error.offset),
                        (BodyFault::DuplicateName, offset),
                        "{level:?} {object}"
                    );
                }
            }
        }
    }
}
