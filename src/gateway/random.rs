//! Random bits for ids, drawn from the machine in blocks: one system call for many exchanges.

use std::cell::RefCell;

/// Bytes drawn at once: some 200 exchanges' ids and spans.
const BLOCK: usize = 8 << 10;

/// A worker's stock of random bytes. For names, not for keys: a used byte is not wiped.
pub(crate) struct Random(RefCell<Stock>);

struct Stock {
    bytes: [u8; BLOCK],
    /// Bytes of `bytes` already given out; `BLOCK` when a new block is due.
    used: usize,
}

impl Random {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Stock {
            bytes: [0; BLOCK],
            used: BLOCK,
        }))
    }

    /// `N` fresh bytes.
    ///
    /// # Errors
    /// If the machine has no randomness to give.
    pub(crate) fn take<const N: usize>(&self) -> Result<[u8; N], getrandom::Error> {
        const { assert!(N <= BLOCK) };
        let mut stock = self.0.borrow_mut();
        if BLOCK - stock.used < N {
            getrandom::fill(&mut stock.bytes)?;
            stock.used = 0;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&stock.bytes[stock.used..stock.used + N]);
        stock.used += N;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_draws_are_the_same_across_blocks() {
        let random = Random::new();
        let draws: HashSet<[u8; 16]> = (0..1_000).map(|_| random.take().unwrap()).collect();
        assert_eq!(draws.len(), 1_000);
    }
}
