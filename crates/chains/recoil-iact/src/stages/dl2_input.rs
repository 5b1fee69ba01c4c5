//! Reconstructed events as inputs.

use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_table::ReadOptions;

use super::blame;
use super::dl1_input::parameters;
use crate::coordinates::Direction;
use crate::error::{IactError, Result};
use crate::irf::Events;
use crate::irf::events::Directions;
use crate::production::RunConfig;
use crate::reconstruct::Columns;
use crate::reconstruct::select::usable;
use crate::reconstruct::settings::Filters;

const NEEDED: &[&str] =
    &["mc_energy", "reco_energy", "mc_alt", "mc_az", "reco_alt", "reco_az", "mc_alt_tel", "mc_az_tel", "gammaness"];
const OPTIONAL: &[&str] = &["disp_sign", "reco_disp_sign", "tel_id", "alpha"];

/// Events of one kind of particle.
pub(crate) struct Sample {
    /// The first file, for messages.
    pub(crate) file: String,
    /// Events within the filters.
    pub(crate) events: Events,
    /// What was thrown.
    pub(crate) run: RunConfig,
    /// Zenith angle and azimuth of the telescope \[deg\], to five digits.
    pub(crate) pointing: (f64, f64),
}

/// Which events are read.
pub(crate) struct Selection<'a> {
    pub(crate) filters: &'a Filters,
    pub(crate) finite: &'a [String],
    pub(crate) telescopes: &'a [i64],
    /// whether the angle to the source is `alpha`
    pub(crate) source_dependent: bool,
}

/// The events of all files of a role, if there are any. `given` stands for run headers where the tables have none.
pub(crate) fn read(
    run: &Run,
    role: &'static str,
    selection: &Selection<'_>,
    given: Option<&RunConfig>,
) -> std::result::Result<Option<Sample>, StageError> {
    let mut runs = Vec::new();
    let mut events = Events::default();
    let mut pointing = None;
    let mut first = None;
    for input in run.inputs().all(role) {
        let file = parameters(input)?;
        let doing = || format!("cannot read {file}");
        let reader = recoil_table::open(&file, &ReadOptions::default()).input_error(doing())?;
        let schema = reader.schema();
        drop(reader);
        if let Some(missing) = NEEDED.iter().find(|name| schema.column_with_name(name).is_none()) {
            let reason =
                "is missing: this is no table of reconstructed events; `recoil iact dl1-to-dl2` makes one".to_owned();
            let error = IactError::Column { file, column: (*missing).into(), reason };
            return Err(blame("cannot use the input")(error));
        }
        runs.extend(RunConfig::of_file(&input.path).map_err(blame(doing()))?);
        let filters = selection.filters.keys().map(String::as_str);
        let finite = selection.finite.iter().map(String::as_str);
        let mut names: Vec<&str> = NEEDED.iter().chain(OPTIONAL).copied().chain(filters).chain(finite).collect();
        names.sort_unstable();
        names.dedup();
        let known = names.iter().copied().filter(|name| schema.column_with_name(name).is_some());
        let reader = recoil_table::open(&file, &ReadOptions::default().columns(known)).input_error(doing())?;
        for batch in reader {
            run.check()?;
            let batch = batch.input_error(doing())?;
            let table = Columns::of_batch(&batch, names.iter().copied()).map_err(blame(doing()))?;
            append(&mut events, &mut pointing, &table, selection).map_err(blame(doing()))?;
        }
        first.get_or_insert(file);
    }
    let Some(file) = first else { return Ok(None) };
    if runs.is_empty() {
        runs.extend(given.cloned());
    }
    let joined = RunConfig::joined(&runs, &file).map_err(blame(format!("cannot use {file}")))?;
    let pointing = pointing.unwrap_or((f64::NAN, f64::NAN));
    Ok(Some(Sample { file, events, run: joined, pointing }))
}

fn append(
    events: &mut Events,
    pointing: &mut Option<(f64, f64)>,
    table: &Columns,
    selection: &Selection<'_>,
) -> Result<()> {
    let finite: Vec<&str> = selection.finite.iter().map(String::as_str).collect();
    let rows = usable(table, selection.filters, &finite)?;
    let column = |name: &str| table.get(name);
    let [energy, reco_energy, gammaness] = [column("mc_energy")?, column("reco_energy")?, column("gammaness")?];
    let [alt, az, reco_alt, reco_az] = [column("mc_alt")?, column("mc_az")?, column("reco_alt")?, column("reco_az")?];
    let [alt_tel, az_tel] = [column("mc_alt_tel")?, column("mc_az_tel")?];
    let sides = column("disp_sign").ok().zip(column("reco_disp_sign").ok());
    let telescope = column("tel_id").ok();
    if let (None, Some(alt), Some(az)) = (&pointing, alt_tel.first(), az_tel.first()) {
        let rounded = |degrees: f64| (degrees * 1e5).round() / 1e5;
        *pointing = Some((rounded(90.0 - alt.to_degrees()), rounded(az.to_degrees())));
    }
    let alpha = if selection.source_dependent { Some(column("alpha")?) } else { None };
    for row in rows {
        if telescope.is_some_and(|telescope| !selection.telescopes.contains(&(telescope[row] as i64))) {
            continue;
        }
        let directions = Directions {
            source: Direction { alt: alt[row], az: az[row] },
            reconstructed: Direction { alt: reco_alt[row], az: reco_az[row] },
            pointing: Direction { alt: alt_tel[row], az: az_tel[row] },
        };
        let right = sides.is_none_or(|(truth, found)| truth[row] == found[row]);
        events.push(energy[row], reco_energy[row], &directions, gammaness[row], right);
        if let Some(alpha) = alpha {
            // the cut is on alpha; an event that passes it counts as coming from the source
            if let (Some(theta), Some(reco), Some(truth)) =
                (events.theta.last_mut(), events.reco_offset.last_mut(), events.true_offset.last())
            {
                *theta = alpha[row];
                *reco = *truth;
            }
        }
    }
    Ok(())
}
