//! Single images of DL1 files.

use std::path::Path;

use recoil_table::hdf5::{Value, offset_of};

use crate::dl1::stored::{Dl1Tables, Place};
use crate::error::{IactError, Result};
use crate::figures::camera::CameraImage;

/// The image of a DL1 file with the most light.
///
/// # Errors
/// Files without images, or without one that has light.
pub(crate) fn brightest(path: &Path) -> Result<CameraImage> {
    let file = path.display().to_string();
    let none = || IactError::content(&file, "there is no image with light");
    let mut tables = Dl1Tables::open(path)?;
    let kind = tables.kinds().into_iter().next().ok_or_else(none)?;
    let camera = tables.camera(&kind)?;
    let (mut parameters, mut images) = tables.take(&kind)?.ok_or_else(none)?;
    let place = |name: &'static str| {
        Place::find(&parameters.members, name).ok_or_else(|| IactError::Column {
            file: file.clone(),
            column: name.to_owned(),
            reason: "is missing".into(),
        })
    };
    let intensity = place("intensity")?;
    let ellipse = ["x", "y", "length", "width", "psi"].map(place);
    let rows = parameters.read(0, parameters.rows())?;
    let rows = rows.chunks_exact(parameters.row_bytes().max(1));
    let light = rows.enumerate().map(|(row, bytes)| (row, bytes, intensity.get(bytes)));
    let light = light.filter(|(.., light)| light.is_finite());
    let (row, bytes, _) = light.max_by(|a, b| a.2.total_cmp(&b.2)).ok_or_else(none)?;
    let [x, y, length, width, psi] = ellipse;
    let (x, y, psi) = (x?.get(bytes), y?.get(bytes), psi?.get(bytes));
    // lengths are angles as seen from the mirror
    let on_camera = |degrees: f64| degrees.to_radians().tan() * camera.equivalent_focal_length;
    let (length, width) = (on_camera(length?.get(bytes)), on_camera(width?.get(bytes)));
    let stored = images.read(row as u64, 1)?;
    let list = |name: &str, value: Value| -> Result<usize> {
        let known = images.members.iter().any(|member| member.name == name && member.value == value);
        offset_of(&images.members, name).filter(|_| known).ok_or_else(|| IactError::Column {
            file: file.clone(),
            column: name.to_owned(),
            reason: "is missing, or of another type than needed".into(),
        })
    };
    let pixels = camera.len();
    let (charge, mask) = (list("image", Value::F32)?, list("image_mask", Value::Bool)?);
    let charge = stored.get(charge..charge + 4 * pixels).unwrap_or_default().as_chunks::<4>().0;
    let charge = charge.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect();
    let mask = stored.get(mask..mask + pixels).unwrap_or_default().iter().map(|kept| *kept != 0).collect();
    Ok(CameraImage { camera, charge, mask, ellipse: Some(([x, y], [length, width], psi)) })
}
