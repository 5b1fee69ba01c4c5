//! Sorting values together with their rows, in the order in which scikit-learn leaves equal values.
//!
//! Sums over rows are rounded, so their last bit depends on the order of rows with equal values. Trees are only the same
//! if that order is. The method is introsort (Musser, Softw. Pract. Exp. 27, 983) with the pivot of Bentley and McIlroy
//! (Softw. Pract. Exp. 23, 1249) and a partition into smaller, equal and larger.

/// Parts up to this length are sorted by insertion.
const SHORT: usize = 15;

/// Sorts `values` and moves `rows` alike.
pub(crate) fn sort_together(values: &mut [f32], rows: &mut [u32]) {
    if let Some(log) = values.len().checked_ilog2() {
        divide(values, rows, 2 * log);
    }
}

fn divide(mut values: &mut [f32], mut rows: &mut [u32], mut depth_left: u32) {
    while values.len() > SHORT {
        if depth_left == 0 {
            return heap_sort(values, rows);
        }
        depth_left -= 1;
        let pivot = median_of_three(values);
        let (mut at, mut smaller, mut larger) = (0, 0, values.len());
        while at < larger {
            if values[at] < pivot {
                swap(values, rows, at, smaller);
                at += 1;
                smaller += 1;
            } else if values[at] > pivot {
                larger -= 1;
                swap(values, rows, at, larger);
            } else {
                at += 1;
            }
        }
        let (left_values, right_values) = values.split_at_mut(larger);
        let (left_rows, right_rows) = rows.split_at_mut(larger);
        divide(&mut left_values[..smaller], &mut left_rows[..smaller], depth_left);
        (values, rows) = (right_values, right_rows);
    }
    insert(values, rows);
}

fn swap(values: &mut [f32], rows: &mut [u32], a: usize, b: usize) {
    values.swap(a, b);
    rows.swap(a, b);
}

fn median_of_three(values: &[f32]) -> f32 {
    let (a, b, c) = (values[0], values[values.len() / 2], values[values.len() - 1]);
    if a < b {
        if b < c {
            b
        } else if a < c {
            c
        } else {
            a
        }
    } else if b < c {
        if a < c { a } else { c }
    } else {
        b
    }
}

fn insert(values: &mut [f32], rows: &mut [u32]) {
    for index in 1..values.len() {
        let (value, row) = (values[index], rows[index]);
        let mut place = index;
        while place > 0 && values[place - 1] > value {
            values[place] = values[place - 1];
            rows[place] = rows[place - 1];
            place -= 1;
        }
        values[place] = value;
        rows[place] = row;
    }
}

fn heap_sort(values: &mut [f32], rows: &mut [u32]) {
    let length = values.len();
    for start in (0..length / 2).rev() {
        sift_down(values, rows, start, length);
    }
    for end in (1..length).rev() {
        swap(values, rows, 0, end);
        sift_down(values, rows, 0, end);
    }
}

fn sift_down(values: &mut [f32], rows: &mut [u32], start: usize, end: usize) {
    let mut root = start;
    loop {
        let child = 2 * root + 1;
        let mut largest = root;
        if child < end && values[largest] < values[child] {
            largest = child;
        }
        if child + 1 < end && values[largest] < values[child + 1] {
            largest = child + 1;
        }
        if largest == root {
            return;
        }
        swap(values, rows, root, largest);
        root = largest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorted_and_still_together(given in prop::collection::vec(0_u8..40, 0..400)) {
            let mut values: Vec<f32> = given.iter().map(|value| f32::from(*value)).collect();
            let mut rows: Vec<u32> = (0..values.len() as u32).collect();
            sort_together(&mut values, &mut rows);
            prop_assert!(values.is_sorted());
            for (value, row) in values.iter().zip(&rows) {
                prop_assert_eq!(*value, f32::from(given[*row as usize]));
            }
            let mut heap: Vec<f32> = given.iter().map(|value| f32::from(*value)).collect();
            let mut rows: Vec<u32> = (0..heap.len() as u32).collect();
            heap_sort(&mut heap, &mut rows);
            prop_assert_eq!(heap, values);
        }
    }
}
