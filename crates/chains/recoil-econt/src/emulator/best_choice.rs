//! Best choice: the largest charges of a module, sorted by a network of comparators.

use pulp::{Arch, Simd, WithSimd};

use super::float::MODULE_SUM;
use crate::wafer::CELLS;

/// Wafers that are sorted side by side.
const LANES: usize = 16;
/// Charges enter the network with 18 bits.
const LARGEST: u32 = (1 << 18) - 1;
/// Bits of an address below a charge in a key.
const ADDRESS_BITS: u32 = 6;
const ADDRESS: i32 = (1 << ADDRESS_BITS) - 1;

/// Comparators of the network that work at the same time: they all span the same distance.
#[derive(Clone, Copy)]
struct Step {
    distance: usize,
    /// All bits set where a comparator's left input is, otherwise none.
    left: [i32; CELLS],
}

/// Steps of the network for 48 inputs.
const STEPS: usize = 21;

/// Batcher's odd-even merge exchange for 48 inputs (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M).
static NETWORK: [Step; STEPS] = network();

const fn network() -> [Step; STEPS] {
    let mut steps = [Step { distance: 0, left: [0; CELLS] }; STEPS];
    let mut step = 0;
    let (mut p, top) = (32, 32);
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            steps[step].distance = d;
            let mut i = 0;
            while i + d < CELLS {
                if i & p == r {
                    steps[step].left[i] = -1;
                }
                i += 1;
            }
            step += 1;
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    steps
}

/// The cells of a module in falling order of charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BestChoice {
    /// Charges without their dropped bits, falling.
    pub charges: [u32; CELLS],
    /// The cell that each charge is of. Equal charges stand in the order in which the network leaves them.
    pub cells: [u8; CELLS],
}

impl BestChoice {
    /// Code of the sum of all charges but the `first` largest.
    pub fn sum_after(&self, first: usize) -> u8 {
        let sum = self.charges.iter().skip(first).fold(0u32, |sum, charge| sum.saturating_add(*charge));
        MODULE_SUM.encode(sum) as u8
    }

    /// Bit `i` is set if cell `i` is one of the `count` largest.
    pub fn chosen(&self, count: usize) -> u64 {
        self.cells.iter().take(count).fold(0, |map, cell| map | 1 << (cell % 64))
    }
}

/// Sorts one module; charges lose `drop` bits first.
pub fn best_choice(charges: &[u32; CELLS], drop: u32) -> BestChoice {
    // inputs behind the last one are never exchanged; wider vectors than the usual ones of 16 bytes would be slower, as each
    // step reads at other places than the step before has written
    let mut keys = [0; 2 * CELLS];
    for (cell, (key, &charge)) in keys.iter_mut().zip(charges).enumerate() {
        *key = key_of(charge, drop, cell);
    }
    for step in &NETWORK {
        let mut exchanged = [0; CELLS];
        let right = keys.iter().skip(step.distance);
        for (((exchanged, &l), &r), mask) in exchanged.iter_mut().zip(&keys).zip(right).zip(&step.left) {
            *exchanged = (l ^ r) & mask & -i32::from((l | ADDRESS) < r);
        }
        keys.iter_mut().zip(&exchanged).for_each(|(key, exchanged)| *key ^= exchanged);
        keys.iter_mut().skip(step.distance).zip(&exchanged).for_each(|(key, exchanged)| *key ^= exchanged);
    }
    let mut sorted = BestChoice { charges: [0; CELLS], cells: [0; CELLS] };
    for ((charge, cell), key) in sorted.charges.iter_mut().zip(&mut sorted.cells).zip(&keys) {
        (*charge, *cell) = ((key >> ADDRESS_BITS) as u32, (key & ADDRESS) as u8);
    }
    sorted
}

/// What is sorted: a charge above the number of its cell.
#[inline(always)]
fn key_of(charge: u32, drop: u32, cell: usize) -> i32 {
    ((charge >> drop.min(31)).min(LARGEST) << ADDRESS_BITS) as i32 | cell as i32
}

/// Sorts many modules side by side, as many as both slices have.
pub fn best_choices(modules: &[[u32; CELLS]], drop: u32, out: &mut [BestChoice]) {
    Arch::new().dispatch(Many { modules, drop, out });
}

/// The work of [`best_choices`].
struct Many<'a> {
    modules: &'a [[u32; CELLS]],
    drop: u32,
    out: &'a mut [BestChoice],
}

impl WithSimd for Many<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        for (modules, out) in self.modules.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let mut keys = [[0i32; LANES]; CELLS];
            for (lane, module) in modules.iter().enumerate() {
                for (cell, (key, &charge)) in keys.iter_mut().zip(module).enumerate() {
                    key[lane % LANES] = key_of(charge, self.drop, cell);
                }
            }
            sort(&mut keys);
            for (lane, out) in out.iter_mut().enumerate().take(modules.len()) {
                for ((charge, cell), key) in out.charges.iter_mut().zip(&mut out.cells).zip(&keys) {
                    let key = key[lane % LANES];
                    (*charge, *cell) = ((key >> ADDRESS_BITS) as u32, (key & ADDRESS) as u8);
                }
            }
        }
    }
}

/// Compares and exchanges all pairs of the network; a pair stays as it is unless the left charge is smaller.
#[inline(always)]
fn sort(keys: &mut [[i32; LANES]; CELLS]) {
    for step in &NETWORK {
        for a in (0..CELLS).filter(|&a| step.left[a] != 0) {
            let (front, back) = keys.split_at_mut(a + step.distance);
            let (Some(left), Some(right)) = (front.get_mut(a), back.first_mut()) else { continue };
            for (l, r) in left.iter_mut().zip(right) {
                // with the address bits filled, a key is smaller only if its charge is
                let exchange = -i32::from((*l | ADDRESS) < *r);
                let difference = (*l ^ *r) & exchange;
                *l ^= difference;
                *r ^= difference;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_network_sorts(values in proptest::collection::vec(0u32..1 << 22, CELLS), drop in 0u32..5) {
            let mut module = [0; CELLS];
            module.copy_from_slice(&values);
            let sorted = best_choice(&module, drop);
            prop_assert!(sorted.charges.is_sorted_by(|a, b| a >= b));
            prop_assert_eq!(sorted.chosen(CELLS), (1 << CELLS) - 1);
            for (&cell, &charge) in sorted.cells.iter().zip(&sorted.charges) {
                prop_assert_eq!(charge, (module[usize::from(cell)] >> drop).min(LARGEST));
            }
            // ties included, one by one and side by side are the same
            let ties = module.map(|charge| charge % 7);
            let mut side_by_side = [sorted; 3];
            best_choices(&[ties, module, ties], drop, &mut side_by_side);
            prop_assert_eq!(side_by_side, [best_choice(&ties, drop), sorted, best_choice(&ties, drop)]);
        }
    }
}
