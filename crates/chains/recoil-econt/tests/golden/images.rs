//! Images of wafers and their normalisations.

use recoil_econt::arrangement::{Arrangement, Image};
use recoil_econt::data::prepare::Normalisation;
use recoil_econt::wafer::POSITIONS;
use serde_json::Value as Json;

use crate::table::{Mismatches, read};

const IMAGES: [(Image, &str); 4] = [
    (Image::EightByEight, "8x8"),
    (Image::FourByFour, "4x4x3"),
    (Image::SixBySix, "6x6x3"),
    (Image::SixBySixChannels, "6x6x3_tp"),
];

pub fn arrangements() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/econt/unit/arrangements.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn places_masks_and_ways_back() {
    let all = arrangements();
    let mut wrong = Mismatches::of("arrangements");
    for (image, name) in IMAGES {
        let (ours, theirs) = (Arrangement::of(image), &all["arrange"][name]);
        let list = |key: &str| -> Vec<usize> {
            theirs[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
        };
        wrong.compare(format!("{name} back"), ours.remap().to_vec(), list("remap_to_calq"));
        let mask = list("arrMask");
        for (pixel, &cell) in list("arrange").iter().enumerate() {
            let shown = mask.get(pixel).is_none_or(|&shown| shown == 1);
            wrong.compare(format!("{name} mask of pixel {pixel}"), ours.mask()[pixel], shown);
            if shown {
                wrong.compare(format!("{name} pixel {pixel}"), ours.places()[pixel], cell);
            }
        }
    }
    for (cell, place) in POSITIONS.iter().enumerate() {
        for axis in 0..2 {
            let expected = all["hex_coords"][cell][axis].as_f64().unwrap();
            wrong.compare(format!("position {cell}"), place[axis], expected);
        }
    }
    wrong.none();
}

#[test]
fn images_of_normalised_wafers() {
    let wafers = read("unit/wafers16_calq.csv.gz").first::<48>();
    let norms = read("unit/wafers16_norms.csv.gz");
    let mut wrong = Mismatches::of("images");
    for (row, wafer) in wafers.iter().enumerate() {
        let wafer = wafer.map(|charge| charge as u32);
        for (norm, name) in
            [(Normalisation::SumLog2, "sumlog2"), (Normalisation::Sum, "sum"), (Normalisation::Max, "max")]
        {
            wrong.compare(format!("{name} of {row}"), norm.divisor(&wafer), norms.column(name)[row]);
        }
        for (image, name) in IMAGES {
            let expected = read(&format!("unit/prep_{name}.csv.gz"));
            let got = Arrangement::of(image).image(&Normalisation::SumLog2.normalise(&wafer));
            let expected: Vec<f64> = expected.columns.iter().map(|column| column[row]).collect();
            wrong.compare(format!("{name} of {row}"), got, expected);
        }
    }
    wrong.none();
}
