//! The table of a scan.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use recoil_stage::StageError;
use recoil_stage::config::flow;
use recoil_stage::error::Blame as _;
use recoil_table::Address;
use serde_json::Value as Json;

use super::points::Grid;
use crate::scan::ScanResult;

/// Name and meaning of a quantity, and how to get it.
type Quantity = (&'static str, &'static str, fn(&ScanResult) -> f64);

const QUANTITIES: &[Quantity] = &[
    ("seeds_per_event", "seeds per event", |r| r.seeds),
    ("clusters_per_event", "clusters per event", |r| r.clusters),
    ("splitting", "particles with more than one cluster over those with any", |r| r.splitting.value),
    ("splitting_low", "lower end of the 68 % interval", |r| r.splitting.low),
    ("splitting_high", "upper end of the 68 % interval", |r| r.splitting.high),
    ("efficiency", "particles with a cluster over all", |r| r.efficiency.value),
    ("efficiency_low", "lower end of the 68 % interval", |r| r.efficiency.low),
    ("efficiency_high", "upper end of the 68 % interval", |r| r.efficiency.high),
    ("en_response_mean", "mean energy response (ratio minus 1)", |r| r.energy.mean),
    ("en_response_median", "median energy response (ratio minus 1)", |r| r.energy.median),
    ("en_response_effective", "effective width of the energy response", |r| r.energy.effective),
    ("en_resolution", "effective width over median of the energy response", |r| r.energy.resolution()),
    ("en_response_rms", "standard deviation of the energy response", |r| r.energy.rms),
    ("pt_response_mean", "mean pt response (ratio minus 1)", |r| r.pt.mean),
    ("pt_response_median", "median pt response (ratio minus 1)", |r| r.pt.median),
    ("pt_response_effective", "effective width of the pt response", |r| r.pt.effective),
    ("pt_resolution", "effective width over median of the pt response", |r| r.pt.resolution()),
    ("pt_response_rms", "standard deviation of the pt response", |r| r.pt.rms),
];

/// What a scan with a front end tells besides.
const FRONT_END: &[Quantity] = &[
    ("bits_per_wafer", "mean bits of a wafer's frame, in whole words", |r| r.traffic.bits_per_wafer()),
    ("link_bits_per_wafer", "bits that the links of a wafer take per crossing", |r| r.traffic.link_bits_per_wafer()),
    ("long_frames", "part of the frames that are longer than that", |r| r.traffic.long_fraction()),
    ("energy_kept", "part of the transverse momentum of the silicon cells that arrives", |r| r.traffic.pt_kept()),
    ("cells_per_event", "cells per event that arrive", |r| r.traffic.all_arrived() as f64 / r.events as f64),
];

/// Writes one row per point, in the formats of the names.
pub(super) fn write(
    paths: &[PathBuf],
    grid: &Grid,
    results: &[ScanResult],
    provenance: &str,
) -> Result<(), StageError> {
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    for (i, key) in grid.keys.iter().enumerate() {
        let values: Vec<&Json> = grid.values.iter().filter_map(|point| point.get(i)).collect();
        let array: ArrayRef = if let Some(whole) = values.iter().map(|v| v.as_i64()).collect::<Option<Vec<_>>>() {
            Arc::new(Int64Array::from(whole))
        } else if let Some(numbers) = values.iter().map(|v| v.as_f64()).collect::<Option<Vec<_>>>() {
            Arc::new(Float64Array::from(numbers))
        } else {
            Arc::new(StringArray::from_iter_values(values.iter().map(|v| label(v))))
        };
        columns.push((recoil_table::field(key, array.data_type().clone(), "", "configuration key"), array));
    }
    let events: Vec<usize> = results.iter().map(|r| r.events).collect();
    let particles: Vec<usize> = results.iter().map(|r| r.particles).collect();
    for (name, doc, counts) in [("events", "number of events", events), ("particles", "number of particles", particles)]
    {
        let array = Int64Array::from_iter_values(counts.into_iter().map(|n| n as i64));
        columns.push((recoil_table::field(name, DataType::Int64, "", doc), Arc::new(array)));
    }
    let front_end = if grid.has_front_end() { FRONT_END } else { &[] };
    for &(name, doc, get) in front_end.iter().chain(QUANTITIES) {
        let array = Float64Array::from_iter_values(results.iter().map(get));
        columns.push((recoil_table::field(name, DataType::Float64, "", doc), Arc::new(array)));
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let records = RecordBatch::try_new(schema.clone(), arrays).internal_error("cannot write the points")?;
    for path in paths {
        let doing = || format!("cannot write {}", path.display());
        let address = Address::of_path(path).output_error(doing())?;
        let mut writer = recoil_table::create(&address, &schema).output_error(doing())?;
        writer.write(&records).output_error(doing())?;
        writer.finish(Some(provenance)).output_error(doing())?;
    }
    Ok(())
}

/// A value in words.
pub(super) fn label(value: &Json) -> String {
    value.as_str().map_or_else(|| flow(value), str::to_owned)
}
