//! The inputs of a report.

use std::collections::BTreeMap;

use recoil_stage::error::Blame as _;
use recoil_stage::provenance::Key;
use recoil_stage::{Run, StageError};
use recoil_stats::Interval;
use recoil_table::ReadOptions;

use super::extras;
use crate::chain::{Chain, ChainConfig};
use crate::data::columns::{CLUSTERS, EVENT, SCAN_POINTS, SEEDS, VALIDATION};
use crate::data::{GenColumns, MAX_LAYER};
use crate::error::Result;
use crate::figures::Outcome;
use crate::figures::counts::Counts;
use crate::figures::detector::LayerProfile;
use crate::figures::radius::Scan;
use crate::report::{Example, ReportConfig, Results, Setup};
use crate::stages::cells::CellReader;
use crate::stages::grouped::Grouped;
use crate::stages::particles::{EventKey, key};
use crate::stages::run::RunConfig;
use crate::study::{Resolution, ScanPoint};
use crate::validate::{Comparison, Kinematics};

/// Reads everything and runs the chain on the events to look at.
///
/// # Errors
/// Tables that cannot be read or lack columns.
pub fn results(config: &ReportConfig, run: &Run) -> std::result::Result<Results, StageError> {
    let paths = |role: &str| run.inputs().all(role).map(|file| file.spec()).collect::<Vec<_>>();
    let [validations, seeds, clusters] = ["validation", "seeds", "clusters"].map(paths);
    let mut results = Results::default();
    let mut firsts: BTreeMap<String, Pick> = BTreeMap::new();
    let mut chains: Vec<(String, String, ChainConfig)> = Vec::new();
    for (i, path) in validations.iter().enumerate() {
        run.check()?;
        let label = config.run(i);
        let (keys, rows) = comparisons(path).input_error(format!("cannot read {path}"))?;
        firsts.entry(label.sample.clone()).or_insert_with(|| pick(&keys, &rows));
        let setup = setup_of(&mut results, &label.sample);
        for (role, paths, counts) in [("seeds", &seeds, &mut setup.seeds), ("clusters", &clusters, &mut setup.clusters)]
        {
            let Some(path) = paths.get(i) else { continue };
            let index = if role == "seeds" { SEEDS } else { CLUSTERS };
            let per_event = count(path, &keys, index).input_error(format!("cannot read {path}"))?;
            counts.push(Counts { label: label.label.clone(), per_event });
        }
        if let Some(path) = clusters.get(i)
            && let Some(chain) = chain_of(path)
        {
            chains.push((label.sample.clone(), label.label.clone(), chain));
        }
        setup.outcomes.push(Outcome { label: label.label, rows });
    }
    for (i, path) in paths("radii").iter().enumerate() {
        let points = scan(path).input_error(format!("cannot read {path}"))?;
        results.scans.push(Scan { label: ReportConfig::label(&config.scans, i), points });
    }
    for (sample, path) in config.samples.iter().zip(paths("cells")) {
        run.check()?;
        let Some(pick) = firsts.get(sample) else { continue };
        let (mut example, profile) = example(&path, pick, config.layer).input_error(format!("cannot read {path}"))?;
        results.profiles.push(LayerProfile { label: sample.clone(), share: profile });
        for (_, label, chain) in chains.iter().filter(|(own, ..)| own == sample) {
            let chain = Chain::new(chain).input_error("cannot repeat the chain")?;
            if let Some(example) = &mut example {
                example.run(label, &chain).input_error(path.clone())?;
            }
        }
        setup_of(&mut results, sample).example = example.filter(|e| !e.views.is_empty());
    }
    extras::read(config, run, &mut results)?;
    Ok(results)
}

fn setup_of<'a>(results: &'a mut Results, sample: &str) -> &'a mut Setup {
    let position = results.setups.iter().position(|s| s.sample == sample).unwrap_or_else(|| {
        results.setups.push(Setup { sample: sample.to_owned(), ..Setup::default() });
        results.setups.len() - 1
    });
    &mut results.setups[position]
}

/// The event to look at.
struct Pick {
    key: EventKey,
    particle: Kinematics,
    why: String,
}

/// The split shower of highest transverse momentum, or else the particle of highest transverse momentum.
fn pick(keys: &[EventKey], rows: &[Comparison]) -> Pick {
    let highest = |keep: fn(&Comparison) -> bool| {
        let kept = keys.iter().zip(rows).filter(|(_, row)| keep(row));
        kept.max_by(|a, b| a.1.truth.pt.total_cmp(&b.1.truth.pt))
    };
    let (found, what) = match highest(|row| row.clusters > 1) {
        Some(found) => (Some(found), "the split shower of highest transverse momentum"),
        None => (highest(|_| true), "the particle of highest transverse momentum"),
    };
    match found {
        Some((key, row)) => {
            let (pt, eta) = (row.truth.pt, row.truth.eta);
            Pick { key: key.clone(), particle: row.truth, why: format!("{what} ({pt:.1} GeV at \\eta = {eta:.2})") }
        }
        None => Pick { key: EventKey::default(), particle: Kinematics::NONE, why: what.to_owned() },
    }
}

fn comparisons(address: &str) -> Result<(Vec<EventKey>, Vec<Comparison>)> {
    let table = Grouped::read(address, VALIDATION, &[])?;
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    for key in &table.keys {
        for &row in table.rows(key) {
            let mut numbers = VALIDATION.iter().skip(1).map(|c| table.number(c, row).unwrap_or(f64::NAN));
            let mut next = || numbers.next().unwrap_or(f64::NAN);
            let particle = next() as usize;
            let mut group = || {
                let (energy, eta, phi, pt) = (next(), next(), next(), next());
                Kinematics { energy, eta, phi, pt }
            };
            let [truth, cells, cells_response, cluster, cluster_response] = std::array::from_fn(|_| group());
            let clusters = next() as usize;
            keys.push(key.clone());
            rows.push(Comparison { particle, truth, cells, cells_response, cluster, cluster_response, clusters });
        }
    }
    Ok((keys, rows))
}

/// Rows of a table in each of the events; the table has none of the events without rows.
fn count(address: &str, keys: &[EventKey], columns: &[crate::data::ColumnDef]) -> Result<Vec<usize>> {
    let table = Grouped::read(address, &[EVENT], columns.get(1..2).unwrap_or_default())?;
    let mut events = keys.to_vec();
    events.dedup();
    Ok(events.iter().map(|key| table.rows(key).len()).collect())
}

fn scan(address: &str) -> Result<Vec<ScanPoint>> {
    let mut reader = recoil_table::open(address, &ReadOptions::default())?;
    let mut points = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        let columns = SCAN_POINTS
            .iter()
            .map(|c| Ok(batch.scalar_as::<f64>(c.name)?.into_owned()))
            .collect::<Result<Vec<Vec<f64>>>>()?;
        let rows = columns.first().map_or(0, Vec::len);
        for row in 0..rows {
            let mut numbers = columns.iter().map(|c| c.get(row).copied().unwrap_or(f64::NAN));
            let mut next = || numbers.next().unwrap_or(f64::NAN);
            let (radius, particles) = (next(), next() as usize);
            let efficiency = Interval { value: next(), low: next(), high: next() };
            let mut resolution =
                || Resolution { mean: next(), rms: next(), effective_rms: next(), gaussianity: next() };
            let (energy, pt) = (resolution(), resolution());
            points.push(ScanPoint { radius, particles, efficiency, energy, pt, other_clusters: next() });
        }
    }
    Ok(points)
}

/// The configuration of the chain that made a table, from the record inside the file; nothing if it did not see the cells
/// as they are on file.
fn chain_of(address: &str) -> Option<ChainConfig> {
    let reader = recoil_table::open(address, &ReadOptions::default()).ok()?;
    let key: Key = serde_json::from_str(reader.provenance()?).ok()?;
    let config: RunConfig = serde_json::from_value(key.config).ok()?;
    (!config.compresses()).then(|| config.chain())
}

/// Events of which the layer profile is made, at most.
const PROFILE_EVENTS: usize = 1000;

/// The event to look at, and the mean share of transverse energy in each layer of the first events.
fn example(address: &str, pick: &Pick, layer: i32) -> Result<(Option<Example>, Vec<f64>)> {
    let mut reader = CellReader::open(address)?;
    let mut particle = GenColumns::default();
    let Kinematics { energy, eta, phi, pt } = pick.particle;
    particle.push(0, eta, phi, energy, pt);
    let (mut found, mut events) = (None, 0);
    let mut sums = vec![0.0; MAX_LAYER];
    while let Some(batch) = reader.next_events()? {
        if events < PROFILE_EVENTS {
            for (&layer, &mip_pt) in batch.cells.layer.iter().zip(&batch.cells.mip_pt) {
                let slot = usize::try_from(layer - 1).ok().and_then(|l| sums.get_mut(l));
                slot.into_iter().for_each(|sum| *sum += f64::from(mip_pt));
            }
        }
        events += batch.len();
        if found.is_none() {
            let i = (0..batch.len()).find(|&i| key(&batch, i) == pick.key);
            found = i.map(|i| Example::new(&batch, i, &particle.slice(0..1), layer, pick.why.clone()));
        }
        if found.is_some() && events >= PROFILE_EVENTS {
            break;
        }
    }
    let total: f64 = sums.iter().sum();
    let last = sums.iter().rposition(|s| *s > 0.0).map_or(0, |l| l + 1);
    // layers without any cell do not read out
    let share = sums.iter().take(last).map(|s| if *s > 0.0 { s / total } else { f64::NAN }).collect();
    Ok((found, share))
}
