//! A value that is held whole, looked at as one window: what opens in it ends in it.

use super::BodyFault;
use super::grammar::Grammar;
use super::scan::{Scan, Tokens};
use super::vector::Level;

/// Finds the tokens of whole values, one after the other.
#[derive(Debug)]
pub(super) struct Whole {
    level: Level,
    depth: usize,
    /// Made for the first grammar that is checked: most bodies hold nothing whole.
    grammar: Option<Grammar>,
    tokens: Tokens,
}

impl Whole {
    /// For values whose containers are `depth` deep.
    pub(super) fn new(level: Level, depth: usize) -> Self {
        Self {
            level,
            depth,
            grammar: None,
            tokens: Tokens::default(),
        }
    }

    /// The tokens of `value`, which is UTF-8 and far shorter than 4 GiB.
    ///
    /// # Errors
    /// If it is not one strict JSON value: what is wrong, and where.
    pub(super) fn look(&mut self, value: &[u8]) -> Result<&Tokens, (usize, BodyFault)> {
        let grammar = self.grammar.get_or_insert_with(|| Grammar::new(self.depth));
        grammar.restart();
        let flaw = Scan::new(self.level).index(value, &mut self.tokens);
        let sound = flaw.map_or(value, |(at, _)| &value[..at]);
        let wrong = grammar.check(self.level, sound, true, &mut self.tokens);
        if let Some((at, fault)) = wrong.or(flaw) {
            return Err((at, fault));
        }
        if !grammar.complete() {
            return Err((value.len(), BodyFault::Truncated));
        }
        self.tokens.end(value.len());
        Ok(&self.tokens)
    }

    /// Forgets the value that was looked at last, and gives back its room if it was longer than `length`.
    pub(super) fn shrink_to(&mut self, length: usize) {
        if self.tokens.room_for() > length + 64 {
            self.tokens = Tokens::default();
        }
    }

    /// The tokens of the value that was looked at last.
    pub(super) fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}
