//! Row-major matrices whose rows start at cache lines.

/// Columns of a row are padded to a multiple of this.
pub(crate) const CELL: usize = 16;

/// Rows of single-precision numbers, each padded with zeros to whole cache lines.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    stride: usize,
    start: usize,
    data: Vec<f32>,
}

/// Numbers that a row of so many columns takes.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(CELL)
}

impl Matrix {
    /// A matrix of zeros.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let mut matrix = Self::default();
        matrix.resize(rows, columns);
        matrix.clear();
        matrix
    }

    /// Takes another size. The memory is kept; the contents are anything.
    pub(crate) fn resize(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.columns = columns;
        self.stride = padded(columns);
        let needed = rows * self.stride + CELL;
        if self.data.len() < needed {
            self.data.resize(needed, 0.0);
        }
        self.start = self.data.as_ptr().align_offset(64).min(CELL - 1);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns without the padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Distance of rows.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// All rows with their padding.
    pub(crate) fn values(&self) -> &[f32] {
        &self.data[self.start..self.start + self.rows * self.stride]
    }

    /// All rows with their padding.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.rows * self.stride]
    }

    /// One row without its padding.
    pub fn row(&self, row: usize) -> &[f32] {
        let first = self.start + row * self.stride;
        &self.data[first..first + self.columns]
    }

    /// One row without its padding, for the writer of whole rows.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let first = self.start + row * self.stride;
        &mut self.data[first..first + self.columns]
    }

    /// Sets everything to zero.
    pub(crate) fn clear(&mut self) {
        self.values_mut().fill(0.0);
    }

    /// The rows between consecutive cuts, of which the last is the number of rows.
    pub(crate) fn split(&mut self, cuts: &[usize]) -> Vec<&mut [f32]> {
        let stride = self.stride;
        let mut rest = self.values_mut();
        let mut parts = Vec::with_capacity(cuts.len().saturating_sub(1));
        for (first, last) in cuts.iter().zip(cuts.iter().skip(1)) {
            let (own, behind) = std::mem::take(&mut rest).split_at_mut((last - first) * stride);
            parts.push(own);
            rest = behind;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_apart() {
        let mut matrix = Matrix::default();
        matrix.resize(5, 17);
        assert_eq!(matrix.stride(), 32);
        assert_eq!(matrix.values().as_ptr().align_offset(64), 0);
        matrix.clear();
        matrix.row_mut(3).fill(1.0);
        assert_eq!(matrix.values().iter().sum::<f32>(), 17.0);
        let parts = matrix.split(&[0, 3, 3, 5]);
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [96, 0, 64]);
        assert_eq!(parts[2].iter().sum::<f32>(), 17.0);
    }
}
