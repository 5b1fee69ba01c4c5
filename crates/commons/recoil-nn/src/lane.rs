//! The layout in which networks compute: samples are the lanes of a vector.
//!
//! A block holds [`LANES`] samples. Each feature of a block is one [`Lane`], the values of that feature for all samples,
//! so that every operation of a network is arithmetic on whole vectors, whatever the shape of its layers.

/// Samples of a block.
pub const LANES: usize = 32;

/// One feature of all samples of a block, at the start of a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lane(pub [f32; LANES]);

impl Lane {
    /// Zero for every sample.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// The same value for every sample.
    pub fn splat(value: f32) -> Self {
        Self([value; LANES])
    }
}

/// Fills `lanes` with the rows of a row-major table; samples beyond the last row are zero.
///
/// `rows` names up to [`LANES`] rows of `table`, whose rows have as many values as there are lanes.
pub fn load(lanes: &mut [Lane], table: &[f32], rows: impl ExactSizeIterator<Item = usize>) {
    let features = lanes.len();
    let given = rows.len();
    for (sample, row) in rows.enumerate() {
        let Some(values) = table.get(row * features..(row + 1) * features) else { continue };
        for (lane, &value) in lanes.iter_mut().zip(values) {
            lane.0[sample] = value;
        }
    }
    if given < LANES {
        for lane in lanes {
            lane.0[given..].fill(0.0);
        }
    }
}

/// Writes the first samples of `lanes` as rows of a row-major table, as many as `table` holds.
pub fn store(lanes: &[Lane], table: &mut [f32]) {
    for (sample, row) in table.chunks_exact_mut(lanes.len()).take(LANES).enumerate() {
        for (value, lane) in row.iter_mut().zip(lanes) {
            *value = lane.0[sample];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let table: Vec<f32> = (0..15).map(|i| i as f32).collect();
        let mut lanes = [Lane::splat(9.0); 3];
        load(&mut lanes, &table, [4, 0, 2].into_iter());
        assert_eq!(lanes[1].0[..4], [13.0, 1.0, 7.0, 0.0]);
        let mut back = [0.0; 9];
        store(&lanes, &mut back);
        assert_eq!(back, [12.0, 13.0, 14.0, 0.0, 1.0, 2.0, 6.0, 7.0, 8.0]);
    }
}
