//! Nearest neighbours, and what stands on the edges to them.

use super::rows::each_sample;
use crate::batch::matrix::Matrix;
use rayon::prelude::*;

/// Edges from every point to its nearest neighbours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges {
    /// Point i has the edges `starts[i]..starts[i + 1]`.
    pub starts: Vec<u32>,
    /// The neighbour of each edge, nearest first.
    pub neighbours: Vec<u32>,
}

impl Edges {
    /// Edges to at most `most` other points of the same sample with the smallest distances; of equal ones the earlier.
    pub(crate) fn nearest(coordinates: &Matrix, offsets: &[u32], most: usize) -> Self {
        let samples: Vec<(u32, u32)> = offsets.iter().zip(offsets.iter().skip(1)).map(|(a, b)| (*a, *b)).collect();
        let found: Vec<Vec<Vec<u32>>> = samples
            .into_par_iter()
            .map(|(first, last)| {
                let mut distances: Vec<(f32, u32)> = Vec::new();
                let nearest = |point: u32| {
                    let own = coordinates.row(point as usize);
                    distances.clear();
                    distances.extend((first..last).filter(|other| *other != point).map(|other| {
                        let pairs = own.iter().zip(coordinates.row(other as usize));
                        (pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>(), other)
                    }));
                    let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
                    if distances.len() > most {
                        distances.select_nth_unstable_by(most, order);
                        distances.truncate(most);
                    }
                    distances.sort_unstable_by(order);
                    distances.iter().map(|(_, other)| *other).collect()
                };
                (first..last).map(nearest).collect()
            })
            .collect();
        let mut edges = Self { starts: vec![0], neighbours: Vec::new() };
        for own in found.into_iter().flatten() {
            edges.neighbours.extend(own);
            edges.starts.push(edges.neighbours.len() as u32);
        }
        edges
    }

    fn of(&self, point: usize) -> std::ops::Range<usize> {
        self.starts[point] as usize..self.starts[point + 1] as usize
    }

    /// Where the edges of each sample begin.
    fn offsets(&self, offsets: &[u32]) -> Vec<u32> {
        offsets.iter().map(|offset| self.starts[*offset as usize]).collect()
    }

    /// For each edge the features of its point, and the neighbour's minus these.
    pub(crate) fn features(&self, x: &Matrix, offsets: &[u32]) -> Matrix {
        let columns = x.columns();
        let mut y = Matrix::zeros(self.neighbours.len(), 2 * columns);
        let stride = y.stride();
        each_sample(&mut y, &self.offsets(offsets), |sample, rows| {
            let points = offsets[sample] as usize..offsets[sample + 1] as usize;
            let edges = points.flat_map(|point| self.of(point).map(move |edge| (point, edge)));
            for ((point, edge), row) in edges.zip(rows.chunks_exact_mut(stride)) {
                let (own, other) = (x.row(point), x.row(self.neighbours[edge] as usize));
                row[..columns].copy_from_slice(own);
                let difference = row[columns..2 * columns].iter_mut().zip(own.iter().zip(other));
                difference.for_each(|(row, (own, other))| *row = other - own);
            }
        });
        y
    }

    /// Adds the gradient of [`features`](Self::features).
    pub(crate) fn to_features(&self, g: &Matrix, offsets: &[u32], to: &mut Matrix) {
        let (stride, columns) = (to.stride(), to.columns());
        each_sample(to, offsets, |sample, rows| {
            let first = offsets[sample] as usize;
            for point in first..offsets[sample + 1] as usize {
                for edge in self.of(point) {
                    let (same, difference) = g.row(edge).split_at(columns);
                    let own = &mut rows[(point - first) * stride..][..columns];
                    own.iter_mut().zip(same.iter().zip(difference)).for_each(|(own, (a, b))| *own += a - b);
                    let other = &mut rows[(self.neighbours[edge] as usize - first) * stride..][..columns];
                    other.iter_mut().zip(difference).for_each(|(other, b)| *other += b);
                }
            }
        });
    }

    /// Mean over the edges of each point; zero without any.
    pub(crate) fn mean(&self, x: &Matrix) -> Matrix {
        let mut y = Matrix::zeros(self.starts.len() - 1, x.columns());
        super::rows::each_row(&mut y, |point, row| {
            let edges = self.of(point);
            let factor = 1.0 / edges.len().max(1) as f32;
            for edge in edges {
                row.iter_mut().zip(x.row(edge)).for_each(|(row, x)| *row += factor * x);
            }
        });
        y
    }

    /// Adds the gradient of [`mean`](Self::mean).
    pub(crate) fn to_edges(&self, g: &Matrix, to: &mut Matrix) {
        let owners: Vec<u32> =
            (0..self.starts.len() - 1).flat_map(|point| self.of(point).map(move |_| point as u32)).collect();
        super::rows::each_row(to, |edge, row| {
            let point = owners[edge] as usize;
            let factor = 1.0 / self.of(point).len() as f32;
            row.iter_mut().zip(g.row(point)).for_each(|(row, g)| *row += factor * g);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_nearest_of_the_own_sample() {
        let mut line = Matrix::zeros(6, 1);
        for (row, x) in [0.0, 1.0, 3.0, 3.5, 10.0, 10.5].into_iter().enumerate() {
            line.row_mut(row)[0] = x;
        }
        let edges = Edges::nearest(&line, &[0, 4, 6], 2);
        assert_eq!(edges.starts, [0, 2, 4, 6, 8, 9, 10]);
        assert_eq!(edges.neighbours, [1, 2, 0, 2, 3, 1, 2, 1, 5, 4]);
    }
}
