//! The inputs of a report beside the runs of the chain: Stage 1, towers, shapes, the phi optimisation.

use std::collections::BTreeMap;

use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_stats::interval::clopper_pearson;
use recoil_table::ReadOptions;

use crate::error::Result;
use crate::figures::detector::TowerEnergies;
use crate::figures::phi_moves;
use crate::figures::shapes::Shape;
use crate::report::{ReportConfig, Results};

/// Variables that are shown: column, axis title, whether it is a whole number.
const SHOWN: &[(&str, &str, bool)] = &[
    ("showerlength", "Shower length [layers]", true),
    ("firstlayer", "First layer", true),
    ("maxlayer", "Layer with most energy", true),
    ("layer50", "Layer with 50% of the energy", true),
    ("ntc90", "Trigger cells with 90% of the energy", true),
    ("srrmean", r"Mean width in \it{R}/\it{z} \sigma_{rr}", false),
    ("szz", r"Length \sigma_{zz} [cm]", false),
    ("spptot", r"Width in azimuth \sigma_{\phi\phi} [rad]", false),
];

/// Reads what is there.
///
/// # Errors
/// Tables that cannot be read or lack columns.
pub fn read(config: &ReportConfig, run: &Run, results: &mut Results) -> std::result::Result<(), StageError> {
    let paths = |role: &str| run.inputs().all(role).map(|file| file.spec()).collect::<Vec<_>>();
    for (i, path) in paths("truncation").iter().enumerate() {
        let [cells, kept] = columns(path, ["cells", "kept"]).input_error(format!("cannot read {path}"))?;
        let kept = kept.iter().zip(&cells).map(|(kept, all)| kept / all).collect();
        results.truncations.push((ReportConfig::label(&config.truncations, i), kept));
    }
    for path in paths("towers") {
        results.towers = Some(towers(&path).input_error(format!("cannot read {path}"))?);
    }
    let mut shapes: Vec<Shape> =
        SHOWN.iter().map(|&(_, title, whole)| Shape { title: title.to_owned(), values: Vec::new(), whole }).collect();
    let shape_files = paths("shapes");
    for (i, path) in shape_files.iter().enumerate() {
        let label = ReportConfig::label(&config.shapes, i);
        let found = columns(path, std::array::from_fn::<_, 8, _>(|k| SHOWN[k].0));
        for (shape, values) in shapes.iter_mut().zip(found.input_error(format!("cannot read {path}"))?) {
            shape.values.push((label.clone(), values));
        }
    }
    if !shape_files.is_empty() {
        results.shapes = shapes;
    }
    for path in paths("phi_scan") {
        results.phi_scan = phi_scan(&path).input_error(format!("cannot read {path}"))?;
    }
    Ok(())
}

/// Columns of a flat table as numbers.
fn columns<const N: usize>(address: &str, names: [&str; N]) -> Result<[Vec<f64>; N]> {
    let mut reader = recoil_table::open(address, &ReadOptions::default().columns(names))?;
    let mut all = std::array::from_fn(|_| Vec::new());
    while let Some(batch) = reader.next_batch()? {
        for (column, name) in all.iter_mut().zip(names) {
            column.extend_from_slice(&batch.scalar_as::<f64>(name)?);
        }
    }
    Ok(all)
}

/// Mean energies of the towers of the positive endcap (of the negative one, if that is all there is).
fn towers(address: &str) -> Result<TowerEnergies> {
    let names = ["event", "zside", "eta_bin", "phi_bin", "eta", "phi", "total"];
    let [event, zside, eta_bin, phi_bin, eta, phi, total] = columns(address, names)?;
    let side = if zside.contains(&1.0) { 1.0 } else { -1.0 };
    let events: std::collections::BTreeSet<i64> = event.iter().map(|e| *e as i64).collect();
    let (mut eta_middles, mut phi_middles, mut sums) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in (0..event.len()).filter(|&row| zside[row] == side) {
        let (e, p) = (eta_bin[row] as i64, phi_bin[row] as i64);
        eta_middles.insert(e, eta[row]);
        phi_middles.insert(p, phi[row]);
        *sums.entry((e, p)).or_insert(0.0) += total[row] / events.len() as f64;
    }
    let (eta_edges, phi_edges) = (edges(&eta_middles), edges(&phi_middles));
    let first = |middles: &BTreeMap<i64, f64>| middles.keys().next().copied().unwrap_or(0);
    let (e0, p0) = (first(&eta_middles), first(&phi_middles));
    let width = phi_edges.len().saturating_sub(1);
    let mut values = vec![0.0; width * eta_edges.len().saturating_sub(1)];
    for ((e, p), sum) in sums {
        if let Some(value) = values.get_mut((e - e0) as usize * width + (p - p0) as usize) {
            *value = sum;
        }
    }
    let note = format!("mean of {} events", events.len());
    Ok(TowerEnergies { note, eta_edges, phi_edges, values })
}

/// Edges of equal bins from the middles of some of them.
fn edges(middles: &BTreeMap<i64, f64>) -> Vec<f64> {
    let (Some((&first, &low)), Some((&last, &high))) = (middles.first_key_value(), middles.last_key_value()) else {
        return Vec::new();
    };
    let step = if last > first { (high - low) / (last - first) as f64 } else { 0.1 };
    (0..=last - first + 1).map(|i| low + (i as f64 - 0.5) * step).collect()
}

fn phi_scan(address: &str) -> Result<Vec<phi_moves::Point>> {
    let [parameter, moved, seeded, split] = columns(address, ["ipar", "moved_fraction", "seeded", "split"])?;
    (0..parameter.len())
        .map(|i| {
            let split = clopper_pearson(split[i].min(seeded[i]), seeded[i], 0.95)?;
            Ok(phi_moves::Point { parameter: parameter[i], moved: moved[i], split })
        })
        .collect()
}
