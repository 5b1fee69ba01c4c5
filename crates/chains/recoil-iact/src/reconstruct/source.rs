//! Directions: where the source is, as seen from an image.

use super::columns::{Columns, columns_of};
use super::settings::Settings;
use crate::coordinates::{Direction, camera_from_sky, disp};
use crate::error::Result;

/// Position of `(x, y)` along the long axis of an image with this centroid and direction \[rad\], and across it.
pub fn shower_coordinates(place: (f64, f64), centroid: (f64, f64), psi: f64) -> (f64, f64) {
    let (dx, dy) = (place.0 - centroid.0, place.1 - centroid.1);
    let (sin, cos) = psi.sin_cos();
    (dx * cos + dy * sin, dy * cos - dx * sin)
}

/// The sign that turns skewness and time gradient to the side of the source: minus that of the place along the axis.
pub fn side(longitudinal: f64) -> f64 {
    if longitudinal == 0.0 { 0.0 } else { -longitudinal.signum() }
}

/// Replaces the place of the source in the camera and the vector to it by those for the focal length that stands for
/// aberrations.
///
/// # Errors
/// Missing columns of a simulation.
pub fn update_disp(table: &mut Columns, focal_length: f64) -> Result<()> {
    let new = {
        let [alt, az, alt_tel, az_tel] =
            [table.get("mc_alt")?, table.get("mc_az")?, table.get("mc_alt_tel")?, table.get("mc_az_tel")?];
        let [x, y, psi] = [table.get("x")?, table.get("y")?, table.get("psi")?];
        columns_of((0..table.rows()).map(|row| {
            let pointing = Direction::new(alt_tel[row], az_tel[row]);
            let source = camera_from_sky(Direction::new(alt[row], az[row]), pointing, focal_length);
            let found = disp(source, (x[row], y[row]), psi[row]);
            [source.0, source.1, found.dx, found.dy, found.norm, found.angle, found.sign]
        }))
    };
    table.set_all(["src_x", "src_y", "disp_dx", "disp_dy", "disp_norm", "disp_angle", "disp_sign"], new);
    Ok(())
}

/// Azimuth in 0 to 2 pi, and its sine if it is missing.
///
/// # Errors
/// A missing azimuth.
pub fn normalise_azimuth(table: &mut Columns) -> Result<()> {
    let az: Vec<f64> = table.get("az_tel")?.iter().map(|az| az.rem_euclid(std::f64::consts::TAU)).collect();
    if !table.has("sin_az_tel") {
        table.set("sin_az_tel", az.iter().map(|az| az.sin()).collect());
    }
    table.set("az_tel", az);
    Ok(())
}

/// What is known of an image when the source's position is: for gammas the true one, for others the nominal one. Columns
/// that are there already are kept.
///
/// # Errors
/// Missing columns.
pub fn add_source_dependent(table: &mut Columns, settings: &Settings) -> Result<()> {
    const NEW: [&str; 6] =
        ["expected_src_x", "expected_src_y", "time_gradient_from_source", "skewness_from_source", "dist", "alpha"];
    if NEW.iter().all(|name| table.has(name)) {
        return Ok(());
    }
    let gammas = table.get("mc_type").is_ok_and(|types| types.iter().all(|kind| *kind == 0.0));
    if gammas {
        update_disp(table, settings.effective_focal_length)?;
    }
    let new = {
        let [x, y, psi] = [table.get("x")?, table.get("y")?, table.get("psi")?];
        let [gradient, skewness] = [table.get("time_gradient")?, table.get("skewness")?];
        let truth = if gammas { Some((table.get("src_x")?, table.get("src_y")?)) } else { None };
        let (nominal_x, nominal_y) = settings.nominal_source;
        let focal_length = settings.effective_focal_length;
        let nominal = (focal_length * nominal_x.to_radians(), focal_length * nominal_y.to_radians());
        columns_of((0..table.rows()).map(|row| {
            let source = truth.map_or(nominal, |(x, y)| (x[row], y[row]));
            let (along, across) = shower_coordinates(source, (x[row], y[row]), psi[row]);
            [
                source.0,
                source.1,
                gradient[row] * side(along),
                skewness[row] * side(along),
                (x[row] - source.0).hypot(y[row] - source.1),
                (across / along).abs().atan().to_degrees(),
            ]
        }))
    };
    table.set_all(NEW, new);
    Ok(())
}

/// How the reconstructed direction agrees with the known source, after the direction has been reconstructed.
///
/// # Errors
/// Missing columns.
pub fn add_agreement(table: &mut Columns) -> Result<()> {
    let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
    let (correct, difference) = {
        let [probability, skewness, from_source] =
            [table.get("reco_disp_sign_proba")?, table.get("skewness")?, table.get("skewness_from_source")?];
        let [distance, norm] = [table.get("dist")?, table.get("reco_disp_norm")?];
        let correct: Vec<f64> = (0..table.rows())
            .map(|row| {
                let opposite = sign(skewness[row]) * sign(from_source[row]) == -1.0;
                if opposite { 1.0 - probability[row] } else { probability[row] }
            })
            .collect();
        let difference: Vec<f64> = distance.iter().zip(norm).map(|(a, b)| (a - b).abs()).collect();
        (correct, difference)
    };
    table.set("reco_disp_sign_correctness", correct);
    table.set("reco_disp_norm_diff", difference);
    Ok(())
}
