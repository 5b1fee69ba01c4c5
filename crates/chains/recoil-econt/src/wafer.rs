//! The 48 trigger cells of a wafer: their numbers, coordinates, places and neighbours.
//!
//! Trigger cells are counted in two ways. The *trigger-cell number* counts along the three rhombi of a wafer, sixteen cells
//! each; it is the order of training files and of all metrics. The *output number* of the multiplexer (post-MUX) is the
//! order of the chip's own blocks, in which super trigger cells are neighbours.

use std::sync::LazyLock;

/// Trigger cells of a wafer.
pub const CELLS: usize = 48;

/// Charge counts of one transverse minimum-ionising particle: 3.43 fC at 100 fC per 1024 counts, rounded as everywhere.
pub const COUNTS_PER_MIP: f64 = 35.0;

/// (u, v) coordinates of the trigger cells, by trigger-cell number.
pub const UV: [(u8, u8); CELLS] = uv();

/// Output number of the multiplexer, by trigger-cell number.
pub const POST_MUX: [usize; CELLS] = [
    31, 30, 27, 26, 28, 29, 24, 25, 19, 18, 23, 22, 16, 17, 20, 21, 15, 14, 11, 10, 12, 13, 8, 9, 3, 2, 7, 6, 0, 1, 4,
    5, 47, 46, 43, 42, 44, 45, 40, 41, 35, 34, 39, 38, 32, 33, 36, 37,
];

/// Trigger-cell number, by output number of the multiplexer.
pub const FROM_POST_MUX: [usize; CELLS] = inverse(POST_MUX);

/// The twelve groups of 2x2 cells, by trigger-cell number.
pub const GROUPS_2X2: [[usize; 4]; 12] = groups_2x2();

/// The three groups of 4x4 cells, by trigger-cell number.
pub const GROUPS_4X4: [[usize; 16]; 3] = groups_4x4();

const fn uv() -> [(u8, u8); CELLS] {
    let mut table = [(0, 0); CELLS];
    let mut t = 0;
    while t < CELLS {
        let (a, b) = ((t % 16 / 4) as u8, (t % 4) as u8);
        table[t] = match t / 16 {
            0 => (7 - b, 4 + a),
            1 => (1 + a + b, b),
            _ => (3 - a, 6 - a - b),
        };
        t += 1;
    }
    table
}

const fn inverse(table: [usize; CELLS]) -> [usize; CELLS] {
    let mut back = [0; CELLS];
    let mut i = 0;
    while i < CELLS {
        back[table[i]] = i;
        i += 1;
    }
    back
}

const fn groups_2x2() -> [[usize; 4]; 12] {
    let mut groups = [[0; 4]; 12];
    let mut g = 0;
    while g < 12 {
        let first = 16 * (g / 4) + 8 * (g % 4 / 2) + 2 * (g % 2);
        groups[g] = [first, first + 1, first + 4, first + 5];
        g += 1;
    }
    groups
}

const fn groups_4x4() -> [[usize; 16]; 3] {
    let mut groups = [[0; 16]; 3];
    let mut t = 0;
    while t < CELLS {
        groups[t / 16][t % 16] = t;
        t += 1;
    }
    groups
}

/// Centres of the trigger cells in units of one small sensor cell (half the distance of neighbouring trigger cells), by
/// trigger-cell number. The digits are those of the geometry file that training and evaluation use.
pub const POSITIONS: [[f64; 2]; CELLS] = [
    [0.0, 0.0],
    [0.0, -2.0],
    [0.0, -4.0],
    [0.0, -5.999999917245996],
    [1.7320495704756886, -0.9999968139708619],
    [1.7320495704756886, -2.9999968139708617],
    [1.7320495704756886, -4.999996896724865],
    [1.7320495704756886, -6.999990690174596],
    [3.4640991409513773, -2.0],
    [3.4640991409513773, -4.0],
    [3.4640991409513773, -5.999999917245996],
    [3.4640991409513773, -7.999993379679713],
    [5.196148711427066, -2.9999968139708617],
    [5.196148711427066, -4.999996896724865],
    [5.196148711427066, -6.999990690174596],
    [5.196148711427066, -8.999996896724864],
    [-6.9281982819027546, -8.49998893165202],
    [-5.196148711427066, -7.499998655247441],
    [-3.4640991409513773, -6.49999513820229],
    [-1.7320527151278249, -5.499992034927154],
    [-6.9281982819027546, -6.49999513820229],
    [-5.196148711427066, -5.499992034927154],
    [-3.4640991409513773, -4.49999513820229],
    [-1.7320527151278249, -3.4999920349271547],
    [-6.9281982819027546, -4.49999513820229],
    [-5.196148711427066, -3.4999920349271547],
    [-3.4640991409513773, -2.499995138202289],
    [-1.7320527151278249, -1.4999984069854309],
    [-6.9281982819027546, -2.499995138202289],
    [-5.196148711427066, -1.4999984069854309],
    [-3.4640991409513773, -0.500001593014569],
    [-1.7320527151278249, 0.500001593014569],
    [3.897109878490227, -10.24999446582601],
    [2.165060308014539, -9.249990948780857],
    [0.433010820292854, -8.249994052055992],
    [-1.2990387501828344, -7.249991362550875],
    [2.165060308014539, -11.249991362550876],
    [0.433010820292854, -10.24999446582601],
    [-1.2990387501828344, -9.249990948780857],
    [-3.0310882379045196, -8.249994052055992],
    [0.433010820292854, -12.24998825927574],
    [-1.2990387501828344, -11.249991362550876],
    [-3.0310882379045196, -10.24999446582601],
    [-4.7631378083802085, -9.249990948780857],
    [-1.2990387501828344, -13.249991776320892],
    [-3.0310882379045196, -12.24998825927574],
    [-4.7631378083802085, -11.249991362550876],
    [-6.495190440754029, -10.24999446582601],
];

/// Distances between all pairs of trigger cells in units of one small sensor cell: the cost of the earth mover's distance.
pub fn distances() -> &'static [[f64; CELLS]; CELLS] {
    static TABLE: LazyLock<[[f64; CELLS]; CELLS]> =
        LazyLock::new(|| POSITIONS.map(|a| POSITIONS.map(|b| ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt())));
    &TABLE
}

/// Corners of a trigger cell's rhombus, by trigger-cell number, in the units of [`POSITIONS`].
pub fn outline(cell: usize) -> [[f64; 2]; 4] {
    // the rhombi of a third are spanned by the steps to its neighbours along rows and columns
    let third = cell / 16 * 16;
    let at = |i: usize| POSITIONS.get(third + i).copied().unwrap_or_default();
    let [x, y] = POSITIONS.get(cell).copied().unwrap_or_default();
    let (origin, row, column) = (at(0), at(4), at(1));
    let a = [(row[0] - origin[0]) / 2.0, (row[1] - origin[1]) / 2.0];
    let b = [(column[0] - origin[0]) / 2.0, (column[1] - origin[1]) / 2.0];
    [(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)]
        .map(|(i, j)| [x + i * a[0] + j * b[0], y + i * a[1] + j * b[1]])
}

/// The array with the cells in another order: `out[i] = values[order[i]]`. Places outside of the wafer become zero.
pub fn reordered<T: Copy + Default>(values: &[T; CELLS], order: &[usize; CELLS]) -> [T; CELLS] {
    order.map(|from| values.get(from).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_permutations() {
        for table in [POST_MUX, FROM_POST_MUX] {
            let mut sorted = table;
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(i, &v)| i == v));
        }
        let mut places: Vec<_> = UV.to_vec();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), CELLS);
        assert_eq!((UV[0], UV[17], UV[47]), ((7, 4), (2, 1), (0, 0)));
    }

    #[test]
    fn groups_of_trigger_cells_are_neighbours_behind_the_multiplexer() {
        for group in GROUPS_2X2 {
            let first = POST_MUX[group[0]] / 4;
            assert!(group.iter().all(|&t| POST_MUX[t] / 4 == first), "{group:?}");
        }
        for group in GROUPS_4X4 {
            let first = POST_MUX[group[0]] / 16;
            assert!(group.iter().all(|&t| POST_MUX[t] / 16 == first), "{group:?}");
        }
    }

    #[test]
    fn nearest_cells_are_two_small_cells_apart() {
        for (i, row) in distances().iter().enumerate() {
            let nearest =
                row.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
            assert!((1.80..2.001).contains(&nearest), "{i}: {nearest}");
        }
        let largest = distances().iter().flatten().copied().fold(0.0, f64::max);
        assert!((largest - 13.756812026164628).abs() < 1e-12);
    }
}
