//! A value that is held whole, looked at as one window: what opens in it ends in it.

use super::BodyFault;
use super::grammar::Grammar;
use super::scan::Scan;
use super::tokens::{Lent, Tokens};
use super::vector::Level;

/// Finds the tokens of whole values, one after the other.
#[derive(Debug)]
pub(super) struct Whole {
    level: Level,
    depth: usize,
    /// Made for the first grammar that is checked: most bodies hold nothing whole.
    grammar: Option<Grammar>,
    /// Of the value that was looked at last, until they are given back.
    tokens: Option<Lent>,
}

impl Whole {
    /// For values whose containers are `depth` deep.
    pub(super) fn new(level: Level, depth: usize) -> Self {
        Self {
            level,
            depth,
            grammar: None,
            tokens: None,
        }
    }

    /// The tokens of `value`, which is UTF-8 and far shorter than 4 GiB.
    ///
    /// # Errors
    /// If it is not one strict JSON value: what is wrong, and where.
    pub(super) fn look(&mut self, value: &[u8]) -> Result<&Tokens, (usize, BodyFault)> {
        let grammar = self.grammar.get_or_insert_with(|| Grammar::new(self.depth));
        grammar.restart();
        let tokens = self.tokens.get_or_insert_with(Lent::new);
        let flaw = Scan::new(self.level).index(value, tokens);
        let sound = flaw.map_or(value, |(at, _)| &value[..at]);
        let wrong = grammar.check(self.level, sound, true, tokens);
        if let Some((at, fault)) = wrong.or(flaw) {
            return Err((at, fault));
        }
        if !grammar.complete() {
            return Err((value.len(), BodyFault::Truncated));
        }
        tokens.end(value.len());
        Ok(tokens)
    }

    /// Forgets the value that was looked at last, and gives back the room of its tokens.
    pub(super) fn give_back(&mut self) {
        self.tokens = None;
    }

    /// The tokens of the value that was looked at last.
    ///
    /// # Panics
    /// If none was, or its were given back.
    pub(super) fn tokens(&self) -> &Tokens {
        self.tokens
            .as_ref()
            .expect("a value was looked at and is still wanted")
    }
}
