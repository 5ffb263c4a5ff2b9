//! What was said of records is remembered: conditions look at little of a record, often a word or two, and of a long
//! body's records many say the same there.

use super::gate::Withheld;
use crate::plan::hash_name;

/// How many answers are remembered, and of how many bytes at most what was asked is: 4 KiB in all.
const SLOTS: usize = 32;
const LONGEST: usize = 128;

/// Answers to one question, by what it was asked of.
#[derive(Debug)]
pub(super) struct Remembered {
    seed: u64,
    /// Empty until the first answer; each has the place that its bytes' hash says, and makes way for the next there.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone)]
struct Slot {
    /// Empty where nothing is remembered: no record is shown as nothing.
    shown: Vec<u8>,
    answer: Result<(), Withheld>,
}

impl Remembered {
    /// Nothing yet. The `seed` is the plan's.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            slots: Vec::new(),
        }
    }

    /// What was said of a record that was shown as `shown`.
    pub(super) fn answer(&self, shown: &[u8]) -> Option<Result<(), Withheld>> {
        let slot = self.slots.get(self.place(shown)?)?;
        (slot.shown == shown).then_some(slot.answer)
    }

    /// Remembers it.
    pub(super) fn remember(&mut self, shown: &[u8], answer: Result<(), Withheld>) {
        let Some(place) = self.place(shown) else {
            return;
        };
        if self.slots.is_empty() {
            let shown = Vec::new();
            let answer = Ok(());
            self.slots.resize(SLOTS, Slot { shown, answer });
        }
        let slot = &mut self.slots[place];
        slot.shown.clear();
        slot.shown.extend_from_slice(shown);
        slot.answer = answer;
    }

    /// Where the answer about `shown` stands; nowhere if that is too long.
    fn place(&self, shown: &[u8]) -> Option<usize> {
        (shown.len() <= LONGEST).then(|| hash_name(shown, self.seed) as usize % SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_of_what_was_asked_and_of_nothing_else() {
        let mut remembered = Remembered::new(7);
        let shown = |number: usize| format!("{{\"a\":{number}}}").into_bytes();
        let said = |number: usize| match number % 2 {
            0 => Ok(()),
            _ => Err(Withheld::Condition),
        };
        // More than there are places, so that they make way for each other.
        let mut known = 0;
        for number in 0..10 * SLOTS {
            assert_eq!(remembered.answer(&shown(number)), None);
            remembered.remember(&shown(number), said(number));
            for before in 0..=number {
                let answer = remembered.answer(&shown(before));
                assert!(answer.is_none_or(|answer| answer == said(before)));
                known += usize::from(answer.is_some());
            }
            assert_eq!(remembered.answer(&shown(number)), Some(said(number)));
        }
        assert!(known > SLOTS);
    }

    #[test]
    fn what_is_long_is_not_remembered() {
        let mut remembered = Remembered::new(7);
        for (length, known) in [(LONGEST, true), (LONGEST + 1, false)] {
            let shown = vec![b'x'; length];
            remembered.remember(&shown, Ok(()));
            assert_eq!(remembered.answer(&shown).is_some(), known);
        }
    }
}
