//! Secondary suppression: no hidden cell follows from what is shown.
//!
//! ```text
//! for each hidden cell
//!   look for a box: the cell, and with it another place along each dimension (a category or the total)
//!   the box's corners, added to and taken from in turn, leave every total as it is
//!   so, where each corner can go up or down by one within what is told of it, there is another table
//!     that shows the same, and in which the hidden cell is another: it does not follow
//!   of the boxes take the one for which the least must be hidden beside; hide that
//! ```
//!
//! This is the hypercube method (Repsilber, 1994; Giessing and Repsilber, 2002) with bounds: who attacks is taken to know
//! the rule, every total whether it is printed or not, and which cells are hidden for their own sake and which for others'.
//! Each box found is a proof, and hiding more never makes it void. To a corner that is a total what is added is added too,
//! not taken away: that is what keeps the total the sum of its parts.

use super::cube::Shape;

/// Boxes that are looked at for one cell.
const MOST_BOXES: usize = 512;

/// Cells along a line that are hidden already, of which the others need not be looked at.
const ENOUGH_HIDDEN: usize = 32;

/// What is known of one cell's number, by who sees all that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// It is not shown.
    pub(crate) hidden: bool,
    /// By how much it may be higher than it is, for all that is known.
    pub(crate) up: u64,
    /// By how much it may be lower.
    pub(crate) down: u64,
    /// The same, if the cell were hidden for others' sake.
    pub(crate) if_hidden: (u64, u64),
    /// What is lost by hiding it; `None` where nothing is to be gained by it.
    pub(crate) cost: Option<u64>,
}

/// Hides cells of `table` until no hidden one follows from the rest. Gives whether each has its proof: where one has
/// none, all is hidden that can be.
pub(crate) fn protect(shape: &Shape, table: &mut [Known]) -> bool {
    let hidden: Vec<usize> = (0..table.len())
        .filter(|cell| table[*cell].hidden)
        .collect();
    let mut search = Search::new(shape);
    for cell in hidden {
        match search.best(table, cell) {
            Some(corners) => {
                for corner in corners {
                    hide(&mut table[corner]);
                }
            }
            None => {
                // That there is no box does not say that there is no other table; with nothing shown there nearly always is.
                table.iter_mut().for_each(hide);
                return false;
            }
        }
    }
    true
}

fn hide(known: &mut Known) {
    if !known.hidden && known.cost.is_some() {
        known.hidden = true;
        (known.up, known.down) = known.if_hidden;
    }
}

/// The search for boxes, with its buffers.
struct Search<'a> {
    shape: &'a Shape,
    /// Of each dimension, the places that the box may have beside the cell's own.
    partners: Vec<Vec<usize>>,
    /// The same as the box's corners need them: looked at for every box, so made once for a cell.
    ways: Vec<Vec<Way>>,
    /// How many partners are looked at along a dimension.
    most: usize,
}

/// The way from a cell to a partner along one dimension.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// How far on it is, or back, as a number that wraps.
    to: usize,
    /// The two go against each other, as two parts do; a part and its total go together.
    turns: bool,
}

impl<'a> Search<'a> {
    fn new(shape: &'a Shape) -> Self {
        let dimensions = shape.dimensions();
        let mut most = MOST_BOXES;
        while dimensions > 1 && most.saturating_pow(dimensions as u32) > MOST_BOXES {
            most -= 1;
        }
        Self {
            shape,
            partners: vec![Vec::new(); dimensions],
            ways: vec![Vec::new(); dimensions],
            most: most.max(2),
        }
    }

    /// The cells to hide beside `cell` for the cheapest box that leaves it open; `None` if no box does.
    fn best(&mut self, table: &[Known], cell: usize) -> Option<Vec<usize>> {
        let (shape, most) = (self.shape, self.most);
        for dimension in 0..shape.dimensions() {
            let own = shape.along(cell, dimension);
            let first = shape.moved(cell, dimension, 0);
            let stride = shape.stride(dimension);
            let cost = |place: usize| price(&table[first + place * stride]);
            let partners = &mut self.partners[dimension];
            partners.clear();
            let others = (0..=shape.total(dimension)).filter(|place| *place != own);
            partners.extend(others.clone().filter(|place| cost(*place) == 0).take(most));
            // Where enough are hidden already there is no need to look for the cheapest others: a long line is not
            // sorted for each of its cells.
            if partners.len() < ENOUGH_HIDDEN.min(most) {
                let hidden = partners.len();
                partners.extend(others.filter(|place| cost(*place) > 0));
                partners[hidden..].sort_by_key(|place| (cost(*place), *place));
                partners.truncate(most);
            }
            let total = shape.total(dimension);
            if own != total && !partners.contains(&total) {
                partners.pop();
                partners.push(total);
            }
            self.ways[dimension].clear();
            self.ways[dimension].extend(partners.iter().map(|partner| Way {
                to: partner.wrapping_sub(own).wrapping_mul(stride),
                turns: *partner != total && own != total,
            }));
        }
        let mut chosen = vec![0; shape.dimensions()];
        let mut best: Option<(u64, Vec<usize>)> = None;
        loop {
            let least = best.as_ref().map_or(u64::MAX, |(cost, _)| *cost);
            if let Some((cost, corners)) = self.weigh(table, cell, &chosen, least) {
                if cost == 0 {
                    return Some(corners);
                }
                best = Some((cost, corners));
            }
            if !self.next(&mut chosen) {
                return best.map(|(_, corners)| corners);
            }
        }
    }

    /// The next choice of a partner along each dimension.
    fn next(&self, chosen: &mut [usize]) -> bool {
        for (place, partners) in chosen.iter_mut().zip(&self.partners).rev() {
            *place += 1;
            if *place < partners.len() {
                return true;
            }
            *place = 0;
        }
        false
    }

    /// What the box of `cell` and the `chosen` partners costs and what it hides, if it leaves the cell open, upwards or
    /// downwards, for less than `least`.
    fn weigh(
        &self,
        table: &[Known],
        cell: usize,
        chosen: &[usize],
        least: u64,
    ) -> Option<(u64, Vec<usize>)> {
        let up = self.weigh_way(table, cell, chosen, true, least);
        let least = up.as_ref().map_or(least, |(cost, _)| *cost);
        self.weigh_way(table, cell, chosen, false, least).or(up)
    }

    fn weigh_way(
        &self,
        table: &[Known],
        cell: usize,
        chosen: &[usize],
        upwards: bool,
        least: u64,
    ) -> Option<(u64, Vec<usize>)> {
        let mut hide = Vec::new();
        let mut cost = 0_u64;
        for corner in 0..1_usize << self.ways.len() {
            let mut at = cell;
            let mut upwards = upwards;
            for (dimension, (ways, chosen)) in self.ways.iter().zip(chosen).enumerate() {
                if corner >> dimension & 1 == 1 {
                    let way = ways[*chosen];
                    at = at.wrapping_add(way.to);
                    upwards ^= way.turns;
                }
            }
            let known = &table[at];
            let way = |(up, down): (u64, u64)| if upwards { up } else { down };
            if way((known.up, known.down)) > 0 {
                continue;
            }
            if known.hidden || known.cost.is_none() || way(known.if_hidden) == 0 {
                return None;
            }
            cost = cost.saturating_add(price(known));
            if cost >= least {
                return None;
            }
            hide.push(at);
        }
        (cost < least).then_some((cost, hide))
    }
}

/// What is lost by hiding `known`.
fn price(known: &Known) -> u64 {
    if known.hidden {
        0
    } else {
        known.cost.unwrap_or(u64::MAX / 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: u64 = 5;

    /// A table of counts with its totals under a threshold of [`LEAST`], 0 shown, rounded to `round` or not.
    fn table(shape: &Shape, counts: &[u64], round: u64) -> (Vec<u64>, Vec<Known>) {
        let rule = super::super::Rule::Threshold {
            least: LEAST,
            round,
            hide_zero: false,
        };
        let mut values = vec![0; shape.cells()];
        let mut of = counts.iter();
        for cell in (0..shape.cells()).filter(|cell| !shape.is_total(*cell)) {
            let count = *of.next().unwrap();
            for total in shape.counted_in(cell) {
                values[total] += count;
            }
        }
        let known = values
            .iter()
            .enumerate()
            .map(|(cell, count)| {
                super::super::control::known(&rule, *count, 0, true, shape.is_total(cell))
            })
            .collect();
        (values, known)
    }

    /// Whether each hidden cell can be another number, for all that is shown: by trying every table.
    fn follows(shape: &Shape, values: &[u64], known: &[Known], primary: &[bool]) -> Vec<usize> {
        let cells: Vec<usize> = (0..shape.cells())
            .filter(|cell| !shape.is_total(*cell))
            .collect();
        let fits = |table: &[u64]| {
            (0..shape.cells()).all(|cell| {
                let (now, was, known) = (table[cell], values[cell], &known[cell]);
                match (known.hidden, primary[cell]) {
                    (true, true) => (1..LEAST).contains(&now),
                    (true, false) => now >= LEAST,
                    (false, _) => now <= was + known.up && now + known.down >= was,
                }
            })
        };
        let mut seen: Vec<Vec<u64>> = vec![Vec::new(); shape.cells()];
        let span = 2;
        let mut offsets = vec![-span; cells.len()];
        loop {
            let mut table = vec![0_i64; shape.cells()];
            let mut valid = true;
            for (cell, offset) in cells.iter().zip(&offsets) {
                let value = values[*cell] as i64 + offset;
                valid &= value >= 0;
                for total in shape.counted_in(*cell) {
                    table[total] += value;
                }
            }
            if valid {
                let table: Vec<u64> = table.into_iter().map(|value| value as u64).collect();
                if fits(&table) {
                    for (seen, value) in seen.iter_mut().zip(table) {
                        if !seen.contains(&value) {
                            seen.push(value);
                        }
                    }
                }
            }
            let Some(next) = offsets.iter().position(|offset| *offset < span) else {
                break;
            };
            offsets[..next].fill(-span);
            offsets[next] += 1;
        }
        (0..shape.cells())
            .filter(|cell| known[*cell].hidden && seen[*cell].len() < 2)
            .collect()
    }

    fn numbers(seed: &mut u64) -> u64 {
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    }

    #[test]
    fn no_hidden_cell_of_a_small_table_follows_from_the_others() {
        let mut seed = 0x5EED;
        let (mut hidden, mut without_proof) = (0, 0);
        for (categories, rounds) in [
            (&[2][..], 60),
            (&[4], 60),
            (&[2, 2], 60),
            (&[3, 2], 30),
            (&[1, 3], 40),
            (&[2, 2, 1], 20),
        ] {
            let shape = Shape::new(categories);
            for round in [1, 5] {
                for _ in 0..rounds {
                    let counts: Vec<u64> = (0..categories.iter().product::<usize>())
                        .map(|_| match numbers(&mut seed) % 4 {
                            0 => 0,
                            1 => 1 + numbers(&mut seed) % (LEAST - 1),
                            2 => LEAST + numbers(&mut seed) % 3,
                            _ => numbers(&mut seed) % 40,
                        })
                        .collect();
                    let (values, mut known) = table(&shape, &counts, round);
                    let primary: Vec<bool> = known.iter().map(|known| known.hidden).collect();
                    let proved = protect(&shape, &mut known);
                    let follows = follows(&shape, &values, &known, &primary);
                    assert!(
                        follows.is_empty(),
                        "{categories:?} {counts:?} to {round}: {follows:?} follow"
                    );
                    without_proof += usize::from(!proved);
                    hidden += known.iter().filter(|known| known.hidden).count();
                }
            }
        }
        assert!(hidden > 500, "{hidden}");
        assert!(without_proof < 20, "{without_proof}");
    }

    #[test]
    fn one_hidden_cell_of_a_row_takes_another_with_it() {
        let shape = Shape::new(&[3]);
        let (_, mut known) = table(&shape, &[3, 12, 40], 1);
        assert!(protect(&shape, &mut known));
        let hidden: Vec<bool> = known.iter().map(|known| known.hidden).collect();
        assert_eq!(hidden, [true, true, false, false]);
    }

    #[test]
    fn a_long_line_is_protected_without_being_sorted_for_each_of_its_cells() {
        let shape = Shape::new(&[20_000]);
        let counts: Vec<u64> = (0..20_000).map(|place| 1 + place % 9).collect();
        let (_, mut known) = table(&shape, &counts, 1);
        assert!(protect(&shape, &mut known));
    }

    #[test]
    fn rounding_that_leaves_a_cell_open_hides_no_other() {
        let shape = Shape::new(&[3]);
        let (_, mut known) = table(&shape, &[3, 12, 40], 5);
        assert!(protect(&shape, &mut known));
        assert_eq!(known.iter().filter(|known| known.hidden).count(), 1);
    }
}
