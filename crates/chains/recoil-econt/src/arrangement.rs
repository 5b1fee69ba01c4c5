//! Wafers as images: which trigger cell stands in which pixel.
//!
//! A network sees the 48 charges of a wafer as an image of rows, columns and channels. Some pixels repeat a cell of a
//! neighbouring third, some are masked and always zero; the way back to trigger cells takes one pixel per cell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{EcontError, Result};
use crate::wafer::CELLS;

/// The images that networks are trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Image {
    /// One image of 8x8 pixels, the third third standing once, rotated; the lower right quarter is empty.
    #[default]
    #[serde(rename = "8x8")]
    EightByEight,
    /// One channel of 4x4 pixels per third.
    #[serde(rename = "4x4x3")]
    FourByFour,
    /// One image of 6x6 pixels per third with its neighbours around it, one image after the other.
    #[serde(rename = "6x6x3")]
    SixBySix,
    /// The same with the images as channels of one.
    #[serde(rename = "6x6x3_tp")]
    SixBySixChannels,
    /// 8x8 pixels for charges that stand in the order of the autoencoder's block already.
    #[serde(rename = "8x8_block")]
    EightByEightBlock,
    /// 8x8 pixels of which none is masked: the third third stands twice.
    #[serde(rename = "8x8_duplicated")]
    EightByEightDuplicated,
    /// The same with both copies cut along their seam, so that a wedge between them is empty and only the cells on the seam
    /// stand twice.
    #[serde(rename = "8x8_wedge")]
    EightByEightWedge,
    /// 8x8 pixels with the thirds in other places: the first one stands below, rotated; the lower right quarter is empty.
    #[serde(rename = "8x8_rotated")]
    EightByEightRotated,
}

const EIGHT_BY_EIGHT: [u8; 64] = [
    28, 29, 30, 31, 0, 4, 8, 12, 24, 25, 26, 27, 1, 5, 9, 13, 20, 21, 22, 23, 2, 6, 10, 14, 16, 17, 18, 19, 3, 7, 11,
    15, 47, 43, 39, 35, 35, 34, 33, 32, 46, 42, 38, 34, 39, 38, 37, 36, 45, 41, 37, 33, 43, 42, 41, 40, 44, 40, 36, 32,
    47, 46, 45, 44,
];

const EIGHT_BY_EIGHT_ROTATED: [u8; 64] = [
    44, 45, 46, 47, 16, 20, 24, 28, 40, 41, 42, 43, 17, 21, 25, 29, 36, 37, 38, 39, 18, 22, 26, 30, 32, 33, 34, 35, 19,
    23, 27, 31, 15, 11, 7, 3, 3, 2, 1, 0, 14, 10, 6, 2, 7, 6, 5, 4, 13, 9, 5, 1, 11, 10, 9, 8, 12, 8, 4, 0, 15, 14, 13,
    12,
];

/// Cells around one third, from the one below to the right of its rows, from the top.
const SIX_BY_SIX: [[u8; 36]; 3] = [
    six_by_six(0, [32, 33, 34, 35], [31, 27, 23, 19]),
    six_by_six(16, [0, 1, 2, 3], [47, 43, 39, 35]),
    six_by_six(32, [16, 17, 18, 19], [15, 11, 7, 3]),
];

/// A pixel that is masked.
const MASKED: u8 = u8::MAX;

const fn six_by_six(first: u8, right: [u8; 4], below: [u8; 4]) -> [u8; 36] {
    let mut image = [MASKED; 36];
    let mut row = 0;
    while row < 4 {
        let mut column = 0;
        while column < 4 {
            image[(row + 1) * 6 + column + 1] = first + 4 * (3 - row as u8) + column as u8;
            column += 1;
        }
        image[(row + 1) * 6 + 5] = right[row];
        image[5 * 6 + row + 1] = below[row];
        row += 1;
    }
    image
}

/// An arrangement of trigger cells in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    shape: [usize; 3],
    /// Cell of every pixel, row by row, channels last; masked pixels have cell 0.
    places: Vec<usize>,
    mask: Vec<bool>,
    remap: [usize; CELLS],
}

impl Arrangement {
    /// One of the known images.
    pub fn of(image: Image) -> Self {
        let quarter = |pixel: usize| pixel / 8 >= 4 && pixel % 8 >= 4;
        match image {
            Image::EightByEight => {
                Self::known([8, 8, 1], |p| if quarter(p) { MASKED } else { EIGHT_BY_EIGHT[p] }, |_| true)
            }
            // the copies in the lower left quarter are the ones that count
            Image::EightByEightDuplicated => Self::known([8, 8, 1], |p| EIGHT_BY_EIGHT[p], |p| !quarter(p)),
            Image::EightByEightWedge => {
                Self::known(
                    [8, 8, 1],
                    |p| if is_in_wedge(p) { MASKED } else { EIGHT_BY_EIGHT[p] },
                    |p| {
                        // cells on the seam show twice; those of the lower left quarter count
                        !quarter(p) || p / 8 != p % 8
                    },
                )
            }
            Image::EightByEightRotated => {
                Self::known([8, 8, 1], |p| if quarter(p) { MASKED } else { EIGHT_BY_EIGHT_ROTATED[p] }, |_| true)
            }
            Image::EightByEightBlock => {
                let cell = |p: usize| if p < 32 { p as u8 } else { 32 + 4 * ((p as u8 - 32) / 8) + p as u8 % 8 };
                Self::known([8, 8, 1], |p| if quarter(p) { MASKED } else { cell(p) }, |_| true)
            }
            Image::FourByFour => Self::known([4, 4, 3], |p| (16 * (p % 3) + p / 3) as u8, |_| true),
            Image::SixBySix => Self::known([6, 6, 3], |p| SIX_BY_SIX[p / 36][p % 36], |p| is_core(p % 36)),
            Image::SixBySixChannels => Self::known([6, 6, 3], |p| SIX_BY_SIX[p % 3][p / 3], |p| is_core(p / 3)),
        }
    }

    fn known(shape: [usize; 3], cell: impl Fn(usize) -> u8, counts: impl Fn(usize) -> bool) -> Self {
        let pixels = shape.iter().product();
        let cells: Vec<u8> = (0..pixels).map(cell).collect();
        let mask: Vec<bool> = cells.iter().map(|&cell| cell != MASKED).collect();
        let places: Vec<usize> = cells.iter().map(|&cell| if cell == MASKED { 0 } else { usize::from(cell) }).collect();
        let mut remap = [0; CELLS];
        for pixel in (0..pixels).filter(|&pixel| counts(pixel) && mask.get(pixel) == Some(&true)) {
            if let Some(place) = places.get(pixel).and_then(|&cell| remap.get_mut(cell)) {
                *place = pixel;
            }
        }
        Self { shape, places, mask, remap }
    }

    /// An arrangement of one's own: cell of every pixel, which pixels are not masked, and which of them count on the way
    /// back.
    ///
    /// # Errors
    /// Lists that do not fit the shape; cells that do not exist, are missing, or count twice.
    pub fn custom(shape: [usize; 3], places: Vec<usize>, mask: Vec<bool>, counts: &[bool]) -> Result<Self> {
        let fault = |reason: String| Err(EcontError::Config { key: "arrangement", reason });
        let pixels: usize = shape.iter().product();
        if [places.len(), mask.len(), counts.len()] != [pixels; 3] {
            return fault(format!("an image of {shape:?} needs {pixels} cells and masks of the same length"));
        }
        let mut remap = [usize::MAX; CELLS];
        for (pixel, &cell) in places.iter().enumerate() {
            let Some(place) = remap.get_mut(cell) else {
                return fault(format!("pixel {pixel} shows cell {cell}; cells are 0 to 47"));
            };
            if mask.get(pixel) == Some(&true) && counts.get(pixel) == Some(&true) {
                if *place != usize::MAX {
                    return fault(format!("cell {cell} counts in two pixels, {place} and {pixel}"));
                }
                *place = pixel;
            }
        }
        match remap.iter().position(|&pixel| pixel == usize::MAX) {
            Some(cell) => fault(format!("cell {cell} counts in no pixel")),
            None => Ok(Self { shape, places, mask, remap }),
        }
    }

    /// Rows, columns and channels.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of pixels, channels counted apart.
    pub fn pixels(&self) -> usize {
        self.places.len()
    }

    /// Cell of every pixel, row by row, channels last. Masked pixels have cell 0.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// Whether a pixel shows its cell; the others are always zero.
    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// The pixel that counts for every cell.
    pub fn remap(&self) -> &[usize; CELLS] {
        &self.remap
    }

    /// The image of a wafer, row by row, channels last.
    pub fn image<T: Copy + Default>(&self, wafer: &[T; CELLS]) -> Vec<T> {
        let pixel = |(&cell, &shown): (&usize, &bool)| if shown { wafer.get(cell).copied() } else { None };
        self.places.iter().zip(&self.mask).map(|pair| pixel(pair).unwrap_or_default()).collect()
    }

    /// The wafer of an image; pixels that the image lacks are zero.
    pub fn wafer<T: Copy + Default>(&self, image: &[T]) -> [T; CELLS] {
        self.remap.map(|pixel| image.get(pixel).copied().unwrap_or_default())
    }
}

/// Whether a pixel of a 6x6 image is in the middle 4x4.
const fn is_core(pixel: usize) -> bool {
    let (row, column) = (pixel / 6, pixel % 6);
    row >= 1 && row <= 4 && column >= 1 && column <= 4
}

/// Whether a pixel of the 8x8 image lies in the wedge between the two copies of the third third.
const fn is_in_wedge(pixel: usize) -> bool {
    let (row, column) = (pixel / 8, pixel % 8);
    row >= 4 && (if column < 4 { column + row > 7 } else { column < row })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn wafers_survive_every_image() {
        let wafer: [u32; CELLS] = std::array::from_fn(|i| i as u32 + 1);
        for image in [
            Image::EightByEight,
            Image::FourByFour,
            Image::SixBySix,
            Image::SixBySixChannels,
            Image::EightByEightBlock,
            Image::EightByEightDuplicated,
            Image::EightByEightWedge,
            Image::EightByEightRotated,
        ] {
            let arrangement = Arrangement::of(image);
            assert_eq!(arrangement.wafer(&arrangement.image(&wafer)), wafer, "{image:?}");
        }
        // rows of the wedge as the study drew it
        let shown = Arrangement::of(Image::EightByEightWedge);
        let row = |row: usize| shown.mask()[8 * row..8 * row + 8].iter().map(|&m| u8::from(m)).collect::<Vec<_>>();
        assert_eq!(row(4), [1; 8]);
        assert_eq!(
            [row(5), row(6), row(7)],
            [[1, 1, 1, 0, 0, 1, 1, 1], [1, 1, 0, 0, 0, 0, 1, 1], [1, 0, 0, 0, 0, 0, 0, 1]]
        );
    }

    #[test]
    fn an_arrangement_must_hold_every_cell_once() {
        let places: Vec<usize> = (0..48).collect();
        let all = vec![true; 48];
        assert!(Arrangement::custom([4, 4, 3], places.clone(), all.clone(), &all).is_ok());
        let mut twice = places.clone();
        twice[7] = 8;
        let message = |places, mask| Arrangement::custom([4, 4, 3], places, mask, &all).unwrap_err().to_string();
        assert!(message(twice, all.clone()).contains("cell 8 counts in two pixels, 7 and 8"));
        let mut masked = all.clone();
        masked[3] = false;
        assert!(message(places, masked).contains("cell 3 counts in no pixel"));
    }
}
