//! Which position of a layer's input feeds which position of its output, and through which tap of the kernel.
//!
//! Dense layers, convolutions and transposed convolutions of any stride and padding differ only in these links: a dense
//! layer has one position and one tap. So one kernel computes them all.

/// Pairs of numbers grouped by a third.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    first: Vec<usize>,
    items: Vec<(u32, u32)>,
}

impl Groups {
    /// Groups `(key, a, b)` by key, in the order given.
    fn new(count: usize, links: impl Iterator<Item = (u32, u32, u32)> + Clone) -> Self {
        let mut first = vec![0; count + 1];
        for (key, ..) in links.clone() {
            first[key as usize + 1] += 1;
        }
        for key in 0..count {
            first[key + 1] += first[key];
        }
        let mut next = first.clone();
        let mut items = vec![(0, 0); first[count]];
        for (key, a, b) in links {
            items[next[key as usize]] = (a, b);
            next[key as usize] += 1;
        }
        Self { first, items }
    }

    /// The same groups of (b, a).
    fn swapped(&self) -> Self {
        Self { first: self.first.clone(), items: self.items.iter().map(|&(a, b)| (b, a)).collect() }
    }

    /// Number of groups.
    pub(crate) fn len(&self) -> usize {
        self.first.len() - 1
    }

    /// The pairs of one group.
    #[inline(always)]
    pub(crate) fn of(&self, key: usize) -> &[(u32, u32)] {
        &self.items[self.first[key]..self.first[key + 1]]
    }

    /// All pairs.
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }
}

/// The links of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    /// Positions of the output.
    pub outputs: usize,
    /// Positions of the kernel.
    pub taps: usize,
    /// Per output position: (input position, tap).
    pub by_output: Groups,
    /// Per input position: (output position, tap).
    pub by_input: Groups,
    /// Per tap: (input position, output position).
    pub by_tap: Groups,
}

impl Links {
    fn new(inputs: usize, outputs: usize, taps: usize, links: &[(u32, u32, u32)]) -> Self {
        Self {
            outputs,
            taps,
            by_output: Groups::new(outputs, links.iter().map(|&(i, o, t)| (o, i, t))),
            by_input: Groups::new(inputs, links.iter().map(|&(i, o, t)| (i, o, t))),
            by_tap: Groups::new(taps, links.iter().map(|&(i, o, t)| (t, i, o))),
        }
    }

    /// A dense layer.
    pub(crate) fn dense() -> Self {
        Self::new(1, 1, 1, &[(0, 0, 0)])
    }

    /// A convolution of an image of `size` positions; `before` zeros lie in front of each axis.
    pub(crate) fn convolution(
        size: [usize; 2],
        output: [usize; 2],
        kernel: [usize; 2],
        stride: usize,
        before: [usize; 2],
    ) -> Self {
        let mut links = Vec::new();
        for y in 0..output[0] {
            for x in 0..output[1] {
                for ky in 0..kernel[0] {
                    for kx in 0..kernel[1] {
                        let row = (y * stride + ky).checked_sub(before[0]).filter(|&row| row < size[0]);
                        let column = (x * stride + kx).checked_sub(before[1]).filter(|&column| column < size[1]);
                        if let (Some(row), Some(column)) = (row, column) {
                            let (from, to) = (row * size[1] + column, y * output[1] + x);
                            links.push((from as u32, to as u32, (ky * kernel[1] + kx) as u32));
                        }
                    }
                }
            }
        }
        Self::new(size[0] * size[1], output[0] * output[1], kernel[0] * kernel[1], &links)
    }

    /// Per tap: (output position, input position).
    pub(crate) fn by_tap_from_output(&self) -> Groups {
        self.by_tap.swapped()
    }

    /// The adjoint: positions of the input and of the output change places.
    pub(crate) fn transposed(self) -> Self {
        Self {
            outputs: self.by_input.len(),
            taps: self.taps,
            by_tap: self.by_tap.swapped(),
            by_output: self.by_input,
            by_input: self.by_output,
        }
    }
}

/// Output positions of an axis and zeros in front of it, for the padding `same`.
pub(crate) fn same(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let output = size.div_ceil(stride);
    let needed = ((output.max(1) - 1) * stride + kernel).saturating_sub(size);
    (output, needed / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_of_stride_two_starts_without_zeros() {
        assert_eq!(same(8, 3, 2), (4, 0));
        assert_eq!(same(8, 3, 1), (8, 1));
        assert_eq!(same(5, 5, 1), (5, 2));
        assert_eq!(same(4, 1, 2), (2, 0));
    }

    #[test]
    fn links_of_a_line() {
        let links = Links::convolution([1, 4], [1, 2], [1, 3], 2, [0, 0]);
        assert_eq!(links.by_output.of(0), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(links.by_output.of(1), [(2, 0), (3, 1)]);
        assert_eq!(links.by_input.of(2), [(0, 2), (1, 0)]);
        assert_eq!(links.by_tap.of(2), [(2, 0)]);
        let adjoint = links.transposed();
        assert_eq!(adjoint.outputs, 4);
        assert_eq!(adjoint.by_output.of(2), [(0, 2), (1, 0)]);
        assert_eq!(adjoint.by_tap.of(2), [(0, 2)]);
    }
}
