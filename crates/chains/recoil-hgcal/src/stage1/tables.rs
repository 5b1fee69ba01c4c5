//! Tables of the CMSSW Stage-1 configuration, one entry per R/z bin, from the beam outwards.

/// Cells per bin with 120 links.
pub(super) const MAX_CELLS_120_LINKS: [u32; 42] = [
    2, 7, 27, 24, 19, 17, 16, 15, 14, 14, 13, 13, 13, 12, 12, 12, 11, 11, 11, 10, 10, 10, 10, 10, 9, 9, 10, 9, 9, 9, 8,
    8, 7, 5, 3, 3, 3, 3, 3, 3, 3, 3,
];

/// Cells per bin with 72 links.
pub(super) const MAX_CELLS_72_LINKS: [u32; 42] = [
    1, 4, 13, 13, 10, 10, 8, 8, 8, 7, 7, 6, 6, 6, 6, 6, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 2, 2, 2,
    2, 2, 2, 2, 1,
];

/// Azimuth that splits a sector, in columns of pi / 108 (the columns of the Stage-2 histogram).
const PHI_EDGE_COLUMNS: [u8; 42] = [
    34, 25, 24, 30, 32, 31, 30, 31, 33, 33, 32, 32, 33, 34, 33, 33, 33, 34, 34, 33, 33, 34, 34, 34, 34, 34, 35, 34, 34,
    34, 34, 34, 34, 34, 36, 36, 36, 36, 35, 36, 35, 35,
];

/// Azimuth that splits a sector \[rad\].
pub(super) fn phi_edges() -> Vec<f64> {
    PHI_EDGE_COLUMNS.iter().map(|&column| f64::from(column) * std::f64::consts::PI / 108.0).collect()
}
