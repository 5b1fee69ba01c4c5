//! Answers of trained forests for images.

use super::columns::{Columns, columns_of};
use super::models::{Disp, GAMMA, Model, Models, PROTON};
use super::settings::{Settings, ZenithSettings};
use super::source::{add_agreement, add_source_dependent, normalise_azimuth, shower_coordinates, side, update_disp};
use crate::coordinates::{Direction, sky_from_camera};
use crate::error::{IactError, Result};

/// Columns that [`apply`] adds, in the order of files.
pub const DL2_COLUMNS: &[&str] = &[
    "log_reco_energy",
    "reco_energy",
    "reco_disp_norm",
    "reco_disp_sign",
    "reco_disp_sign_proba",
    "reco_disp_dx",
    "reco_disp_dy",
    "reco_src_x",
    "reco_src_y",
    "signed_time_gradient",
    "signed_skewness",
    "reco_alt",
    "reco_az",
    "gammaness",
    "reco_type",
];

/// Answers of a forest for all rows; if the zenith angle is interpolated, between those of the two nodes.
fn answers(table: &Columns, model: &Model, interpolated: bool) -> Result<Vec<f64>> {
    let mut rows = table.feature_rows(&model.features)?;
    let failed = |error| table.wrong(&error);
    let altitude = model.features.iter().position(|name| name == "alt_tel");
    let (true, Some(altitude)) = (interpolated && table.has("w0"), altitude) else {
        return model.answer(&rows).map_err(failed);
    };
    let mut sums = vec![0.0; table.rows() * model.width()];
    for (alt, weight) in [("alt0", "w0"), ("alt1", "w1")] {
        for (row, alt) in rows.chunks_exact_mut(model.features.len()).zip(table.get(alt)?) {
            row[altitude] = *alt as f32;
        }
        let found = model.answer(&rows).map_err(failed)?;
        let weighted = sums.chunks_exact_mut(model.width()).zip(found.chunks_exact(model.width()));
        for ((sums, found), weight) in weighted.zip(table.get(weight)?) {
            for (sum, value) in sums.iter_mut().zip(found) {
                *sum += value * weight;
            }
        }
    }
    Ok(sums)
}

/// One of the numbers of each row.
fn every(values: &[f64], width: usize, place: usize) -> Vec<f64> {
    values.iter().skip(place).step_by(width).copied().collect()
}

fn class(model: &Model, label: i64) -> Result<usize> {
    model
        .class(label)
        .ok_or_else(|| IactError::content("the models", format!("a forest does not know the class {label}")))
}

/// Adds the logarithm of the energy and the direction: what the training of the classifier needs too.
pub(crate) fn add_energy_and_direction(
    table: &mut Columns,
    energy: &Model,
    disp: &Disp,
    interpolate: &ZenithSettings,
) -> Result<()> {
    let log_energy = answers(table, energy, interpolate.interpolate_energy)?;
    table.set("reco_energy", log_energy.iter().map(|log| 10_f64.powf(*log)).collect());
    table.set("log_reco_energy", log_energy);
    let rows = table.rows();
    let (dx, dy): (Vec<f64>, Vec<f64>) = match disp {
        Disp::NormSign(norm, sign) => {
            let norms = answers(table, norm, interpolate.interpolate_direction)?;
            let probabilities = answers(table, sign, interpolate.interpolate_direction)?;
            let right = every(&probabilities, sign.width(), class(sign, 1)?);
            let signs: Vec<f64> = right.iter().map(|right| if *right > 0.5 { 1.0 } else { -1.0 }).collect();
            let psi = table.get("psi")?;
            let vector = (0..rows)
                .map(|row| {
                    let length = norms[row] * signs[row];
                    (length * psi[row].cos(), length * psi[row].sin())
                })
                .unzip();
            table.set("reco_disp_norm", norms);
            table.set("reco_disp_sign", signs);
            table.set("reco_disp_sign_proba", every(&probabilities, sign.width(), 0));
            vector
        }
        Disp::Vector(vector) => {
            let found = answers(table, vector, interpolate.interpolate_direction)?;
            (every(&found, 2, 0), every(&found, 2, 1))
        }
    };
    add_direction(table, dx, dy)
}

/// Adds the place of the source in the camera and what its side tells, from the vector between centroid and source \[m\].
///
/// # Errors
/// Missing columns.
pub fn add_direction(table: &mut Columns, dx: Vec<f64>, dy: Vec<f64>) -> Result<()> {
    let new = {
        let [x, y, psi] = [table.get("x")?, table.get("y")?, table.get("psi")?];
        let [gradient, skewness] = [table.get("time_gradient")?, table.get("skewness")?];
        columns_of((0..table.rows()).map(|row| {
            let source = (x[row] + dx[row], y[row] + dy[row]);
            let sign = side(shower_coordinates(source, (x[row], y[row]), psi[row]).0);
            [source.0, source.1, sign * gradient[row], sign * skewness[row]]
        }))
    };
    table.set_all(["reco_disp_dx", "reco_disp_dy"], [dx, dy]);
    table.set_all(["reco_src_x", "reco_src_y", "signed_time_gradient", "signed_skewness"], new);
    Ok(())
}

/// Adds the direction in the sky of the reconstructed place in the camera.
///
/// # Errors
/// Missing columns.
pub fn add_sky(table: &mut Columns, focal_length: f64) -> Result<()> {
    let (alt, az): (Vec<f64>, Vec<f64>) = {
        let simulated = table.has("mc_alt_tel");
        let (alt, az) = if simulated { ("mc_alt_tel", "mc_az_tel") } else { ("alt_tel", "az_tel") };
        let [x, y, alt, az] = [table.get("reco_src_x")?, table.get("reco_src_y")?, table.get(alt)?, table.get(az)?];
        let sky = |row: usize| {
            let found = sky_from_camera(x[row], y[row], Direction::new(alt[row], az[row]), focal_length);
            (found.alt, found.az)
        };
        (0..table.rows()).map(sky).unzip()
    };
    table.set("reco_alt", alt);
    table.set("reco_az", az);
    Ok(())
}

/// Adds everything that is reconstructed to events that passed the filters.
///
/// # Errors
/// Missing columns, features that are not finite, forests that do not know gammas.
pub fn apply(table: &mut Columns, models: &Models, settings: &Settings, interpolate: &ZenithSettings) -> Result<()> {
    if table.has("mc_alt") && table.has("mc_alt_tel") {
        update_disp(table, settings.effective_focal_length)?;
    }
    normalise_azimuth(table)?;
    if settings.source_dependent {
        add_source_dependent(table, settings)?;
    }
    let any = interpolate.interpolate_energy || interpolate.interpolate_gammaness || interpolate.interpolate_direction;
    if let Some(pointings) = models.pointings.as_ref().filter(|pointings| any && pointings.nodes.len() > 1) {
        let new = {
            let (alt, az) = (table.get("alt_tel")?, table.get("az_tel")?);
            let nodes = alt.iter().zip(az).filter_map(|(alt, az)| pointings.around(*alt, *az));
            columns_of(nodes.map(|nodes| [nodes.alt[0], nodes.alt[1], nodes.weight[0], nodes.weight[1]]))
        };
        table.set_all(["alt0", "alt1", "w0", "w1"], new);
    }
    add_energy_and_direction(table, &models.energy, &models.disp, interpolate)?;
    add_sky(table, settings.effective_focal_length)?;
    if settings.source_dependent {
        add_agreement(table)?;
    }
    let probabilities = answers(table, &models.gammaness, interpolate.interpolate_gammaness)?;
    if models.gammaness.width() > 2 {
        return Err(IactError::content("the models", "gammaness is defined for two classes, the forest knows more"));
    }
    let gammaness = every(&probabilities, models.gammaness.width(), class(&models.gammaness, GAMMA)?);
    let kind = |gammaness: &f64| if *gammaness > 0.5 { GAMMA as f64 } else { PROTON as f64 };
    table.set("reco_type", gammaness.iter().map(kind).collect());
    table.set("gammaness", gammaness);
    Ok(())
}
