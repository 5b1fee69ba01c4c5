//! Best choice: the largest charges of a module, sorted by a network of comparators.

use super::float::{CHARGE, MODULE_SUM};
use crate::wafer::CELLS;

/// Wafers that are sorted side by side.
const LANES: usize = 16;
/// Charges enter the network with 18 bits.
const LARGEST: u32 = (1 << 18) - 1;
/// Bits of an address below a charge in a key.
const ADDRESS_BITS: u32 = 6;
const ADDRESS: i32 = (1 << ADDRESS_BITS) - 1;

/// A list of at most [`MOST_COMPARATORS`] comparators, and how many there are.
type Comparators = ([(u8, u8); MOST_COMPARATORS], usize);
/// Enough for any network of 64 inputs.
const MOST_COMPARATORS: usize = 543;

/// Batcher's odd-even merge exchange for 48 inputs (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M).
const NETWORK: Comparators = network();

const fn network() -> Comparators {
    let mut list = [(0, 0); MOST_COMPARATORS];
    let mut count = 0;
    let (mut p, top) = (32, 32);
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            let mut i = 0;
            while i + d < CELLS {
                if i & p == r {
                    list[count] = (i as u8, (i + d) as u8);
                    count += 1;
                }
                i += 1;
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    (list, count)
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
    /// Codes of the charges.
    pub fn codes(&self) -> [u8; CELLS] {
        self.charges.map(|charge| CHARGE.encode(charge) as u8)
    }

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
    let mut out = [BestChoice { charges: [0; CELLS], cells: [0; CELLS] }];
    best_choices(std::slice::from_ref(charges), drop, &mut out);
    let [only] = out;
    only
}

/// Sorts many modules side by side, as many as both slices have.
pub fn best_choices(modules: &[[u32; CELLS]], drop: u32, out: &mut [BestChoice]) {
    for (modules, out) in modules.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut keys = [[0i32; LANES]; CELLS];
        for (lane, module) in modules.iter().enumerate() {
            for (cell, (key, &charge)) in keys.iter_mut().zip(module).enumerate() {
                key[lane % LANES] = ((charge >> drop.min(31)).min(LARGEST) << ADDRESS_BITS) as i32 | cell as i32;
            }
        }
        sort(&mut keys);
        for (lane, out) in out.iter_mut().enumerate().take(modules.len()) {
            for ((charge, cell), key) in out.charges.iter_mut().zip(&mut out.cells).zip(&keys) {
                let key = key[lane % LANES];
                *charge = (key >> ADDRESS_BITS) as u32;
                *cell = (key & ADDRESS) as u8;
            }
        }
    }
}

/// Compares and exchanges all pairs of the network; a pair stays as it is unless the left charge is smaller.
fn sort(keys: &mut [[i32; LANES]; CELLS]) {
    for &(a, b) in NETWORK.0.iter().take(NETWORK.1) {
        let (front, back) = keys.split_at_mut(usize::from(b));
        let (Some(left), Some(right)) = (front.get_mut(usize::from(a)), back.first_mut()) else { continue };
        for (l, r) in left.iter_mut().zip(right) {
            // with the address bits filled, a key is smaller only if its charge is
            let exchange = -i32::from((*l | ADDRESS) < *r);
            let difference = (*l ^ *r) & exchange;
            *l ^= difference;
            *r ^= difference;
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
        }
    }
}
