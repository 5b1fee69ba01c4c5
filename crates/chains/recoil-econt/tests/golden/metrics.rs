//! Metrics of 200 pairs of wafers.

use recoil_econt::arrangement::{Arrangement, Image};
use recoil_econt::metrics::shape::shape_metrics;
use recoil_econt::metrics::telescope::SUPER_CELLS;
use recoil_econt::metrics::{WaferEmd, telescope, weighted_mse};
use recoil_econt::wafer::distances;
use recoil_physics::transport::{EarthMover, Sinkhorn, sinkhorn};

use crate::images::arrangements;
use crate::table::{Mismatches, read};

/// Length of a small sensor cell in the units of the raw coordinates.
const RAW: f64 = 1.20840075;

fn pairs() -> Vec<([f64; 48], [f64; 48])> {
    let (a, b) = (read("unit/pairs_a.csv.gz").first::<48>(), read("unit/pairs_b.csv.gz").first::<48>());
    a.into_iter().zip(b).collect()
}

#[test]
fn distances_and_super_cells() {
    let expected = read("unit/hex_metric_48x48.csv.gz").first::<48>();
    let mut wrong = Mismatches::of("distances and super cells");
    for (row, (ours, theirs)) in distances().iter().zip(&expected).enumerate() {
        ours.iter().zip(theirs).for_each(|(a, b)| wrong.close(format!("row {row}"), *a, *b, 1e-10));
    }
    let all = arrangements();
    for (i, (cells, weight)) in SUPER_CELLS.iter().enumerate() {
        for (place, cell) in cells.iter().enumerate() {
            wrong.compare(format!("super cell {i}"), *cell as u64, all["sc36"][i][place].as_u64().unwrap());
        }
        wrong.close(format!("weight {i}"), *weight, all["sc36"][i][4].as_f64().unwrap(), 1e-15);
    }
    wrong.none();
}

#[test]
fn losses() {
    let table = read("unit/pairs_values.csv.gz");
    let image = Arrangement::of(Image::EightByEight);
    let mut wrong = Mismatches::of("losses");
    for (row, (a, b)) in pairs().iter().enumerate() {
        let at = |name: &str| table.column(name)[row];
        let loss = telescope(a, b);
        let relative = |name: &str, tolerance: f64| tolerance * at(name).abs().max(1e-3);
        wrong.close(format!("cells {row}"), loss.cells / 4.0, at("tele64_l1"), relative("tele64_l1", 1e-10));
        wrong.close(
            format!("super cells {row}"),
            loss.super_cells / 2.0,
            at("tele64_l2"),
            relative("tele64_l2", 1e-10),
        );
        wrong.close(format!("thirds {row}"), loss.thirds, at("tele64_l3"), relative("tele64_l3", 1e-10));
        for name in ["tele_calq", "tele_8x8", "tele_443"] {
            wrong.close(format!("{name} {row}"), loss.total(), at(name), relative(name, 1e-5));
        }
        let name = "weightedMSE_8x8_per_pixel_mean";
        wrong.close(format!("{name} {row}"), weighted_mse(&image.image(a), &image.image(b)), at(name), 1e-6);
    }
    wrong.none();
}

#[test]
fn earth_movers_distances_and_shapes() {
    let table = read("unit/pairs_values.csv.gz");
    let mut emd = WaferEmd::new().unwrap();
    let mut wrong = Mismatches::of("earth mover's distances and shapes");
    for (row, (a, b)) in pairs().iter().enumerate() {
        let at = |name: &str| table.column(name)[row];
        let got = emd.outcome(a, b).unwrap().with_sentinels();
        wrong.close(format!("distance {row}"), got, at("emd"), 1e-9);
        let potentials = emd.potentials();
        let (sum_a, sum_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
        let dual: f64 = (0..48).map(|i| potentials[i] * (a[i] / sum_a - b[i] / sum_b)).sum();
        wrong.close(format!("dual {row}"), dual, at("emd"), 1e-9);
        let got = emd.outcome_above(0.02, a, b).unwrap().with_sentinels();
        wrong.close(format!("above 2 % {row}"), got, at("emd_thr0.02"), 1e-9);
        let shape = shape_metrics(a, b);
        wrong.close(format!("mean {row}"), shape.mean_shift, at("d_weighted_mean"), 1e-10);
        wrong.close(format!("width {row}"), shape.width_change, at("d_weighted_rms"), 1e-10);
        wrong.close(format!("|width| {row}"), shape.width_change.abs(), at("d_abs_weighted_rms"), 1e-10);
        wrong.close(format!("correlation {row}"), shape.correlation, at("cross_corr"), 1e-10);
        wrong.close(format!("ssd {row}"), shape.ssd, at("ssd"), 1e-10 * at("ssd").max(1.0));
    }
    wrong.none();
}

#[test]
fn entropic_distances() {
    let table = read("unit/sinkhorn.csv.gz");
    let (from, to) = (table.ints("pairs_a_row"), table.ints("pairs_b_row"));
    let raw: Vec<f64> = distances().iter().flatten().map(|d| d * RAW).collect();
    let mut exact = EarthMover::new(48, &raw).unwrap();
    let mut wrong = Mismatches::of("entropic distances");
    let pairs = pairs();
    for row in 0..table.rows() {
        let normalised = |values: &[f64; 48]| {
            let sum: f64 = values.iter().map(|v| v + 1e-4).sum();
            values.map(|v| (v + 1e-4) / sum)
        };
        let (a, b) = (normalised(&pairs[from[row] as usize].0), normalised(&pairs[to[row] as usize].1));
        wrong.close(format!("exact {row}"), exact.distance(&a, &b).unwrap(), table.column("emd_raw_units")[row], 1e-8);
        let found = sinkhorn(&a, &b, &raw, &Sinkhorn::default()).unwrap();
        wrong.close(format!("entropic {row}"), found.cost, table.column("sinkhorn2_POT_f64")[row], 1e-4);
        wrong.close(format!("entropic f32 {row}"), found.cost, table.column("sink_reg0.5_ref_f32")[row], 1e-4);
    }
    wrong.none();
}
