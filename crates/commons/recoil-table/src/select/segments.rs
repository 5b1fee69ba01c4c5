//! The lists of rows inside of a run of elements.

use std::ops::Range;

/// The row whose list holds the element `index`.
pub(super) fn row_of(offsets: &[i32], index: usize) -> usize {
    offsets.partition_point(|offset| *offset as usize <= index).saturating_sub(1)
}

/// The parts of each row's list inside of the elements `block`, as ranges counted from the block's start. `row` is
/// the first row that may have elements there, and moves on.
pub(super) fn segments(
    offsets: &[i32],
    row: &mut usize,
    block: Range<usize>,
    mut take: impl FnMut(usize, Range<usize>),
) {
    while let Some(&[first, end]) = offsets.get(*row..*row + 2) {
        let (first, end) = (first as usize, end as usize);
        let range = first.max(block.start)..end.min(block.end);
        if range.start < range.end {
            take(*row, range.start - block.start..range.end - block.start);
        }
        if end > block.end {
            return;
        }
        *row += 1;
    }
}
