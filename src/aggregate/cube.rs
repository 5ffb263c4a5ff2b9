//! The shape of a table with its totals.

/// A table's cells: every combination of a category, or the total, of each dimension.
///
/// A cell's place is a number; the last place along a dimension is its total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of each dimension, its categories and one more.
    sizes: Vec<usize>,
    /// How far apart neighbours along each dimension are.
    strides: Vec<usize>,
    cells: usize,
}

impl Shape {
    /// Of dimensions with so many categories.
    pub(crate) fn new(categories: &[usize]) -> Self {
        let sizes: Vec<usize> = categories.iter().map(|categories| categories + 1).collect();
        let mut strides = vec![0; sizes.len()];
        let mut cells = 1;
        for (stride, size) in strides.iter_mut().zip(&sizes).rev() {
            *stride = cells;
            cells *= size;
        }
        Self {
            sizes,
            strides,
            cells,
        }
    }

    /// How many cells there are, totals included.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.sizes.len()
    }

    /// The place along `dimension` at which its total stands.
    pub(crate) fn total(&self, dimension: usize) -> usize {
        self.sizes[dimension] - 1
    }

    /// How far apart neighbours along `dimension` are.
    pub(crate) fn stride(&self, dimension: usize) -> usize {
        self.strides[dimension]
    }

    /// Where `cell` stands along `dimension`.
    pub(crate) fn along(&self, cell: usize, dimension: usize) -> usize {
        cell / self.strides[dimension] % self.sizes[dimension]
    }

    /// The cell that stands as `cell` does but at `place` along `dimension`.
    pub(crate) fn moved(&self, cell: usize, dimension: usize, place: usize) -> usize {
        let stride = self.strides[dimension];
        cell - self.along(cell, dimension) * stride + place * stride
    }

    /// Whether `cell` is a total of anything.
    pub(crate) fn is_total(&self, cell: usize) -> bool {
        (0..self.dimensions()).any(|dimension| self.along(cell, dimension) == self.total(dimension))
    }

    /// The cell of these categories.
    pub(crate) fn cell(&self, categories: &[usize]) -> usize {
        categories
            .iter()
            .zip(&self.strides)
            .map(|(place, stride)| place * stride)
            .sum()
    }

    /// Every cell that `cell`, which is no total, is counted in, itself first.
    pub(crate) fn counted_in(&self, cell: usize) -> impl Iterator<Item = usize> + '_ {
        (0..1_usize << self.dimensions()).map(move |chosen| {
            (0..self.dimensions())
                .filter(|dimension| chosen >> dimension & 1 == 1)
                .fold(cell, |cell, dimension| {
                    self.moved(cell, dimension, self.total(dimension))
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_cells_are_one_another() {
        let shape = Shape::new(&[2, 3]);
        assert_eq!(shape.cells(), 12);
        let mut totals = 0;
        for cell in 0..12 {
            let places = [shape.along(cell, 0), shape.along(cell, 1)];
            assert_eq!(shape.cell(&places), cell);
            assert_eq!(shape.is_total(cell), places[0] == 2 || places[1] == 3);
            totals += usize::from(shape.is_total(cell));
        }
        assert_eq!(totals, 6);
        let cell = shape.cell(&[1, 1]);
        let found: Vec<usize> = shape.counted_in(cell).collect();
        assert_eq!(
            found,
            [
                cell,
                shape.cell(&[2, 1]),
                shape.cell(&[1, 3]),
                shape.cell(&[2, 3])
            ]
        );
    }
}
