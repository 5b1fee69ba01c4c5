//! The description of telescopes in DL1 files: positions, optics, pixels, pulses.

use std::collections::BTreeMap;
use std::sync::Arc;

use recoil_eventio::simtel::{SimtelReader, Telescope};
use recoil_table::hdf5::{Attribute, Member, TableFile, Value};

use super::hdf5::{named, text};
use super::instrument::{Kind, kind_of};
use crate::camera::Camera;
use crate::error::Result;

/// Writes the tables of telescopes, optics and cameras.
///
/// # Errors
/// A file that cannot be written.
pub fn instrument(
    file: &mut TableFile,
    reader: &SimtelReader,
    telescopes: &BTreeMap<i32, (Arc<Camera>, &Telescope)>,
) -> Result<()> {
    let mut cameras: Vec<(Kind, &Arc<Camera>, &Telescope)> = Vec::new();
    let mut index = BTreeMap::new();
    for (number, (camera, telescope)) in telescopes {
        let kind = kind_of(camera);
        let known = cameras.iter().position(|(_, other, _)| other.x == camera.x && other.y == camera.y);
        let place = known.unwrap_or(cameras.len());
        if known.is_none() {
            cameras.push((kind, camera, telescope));
        }
        index.insert(*number, place);
    }
    let array = reader.meta().iter().find(|(name, _)| name == "ARRAY_CONFIG_NAME").map(|(_, value)| value.as_str());
    let array = array.unwrap_or("MonteCarloArray");
    let table = |kind: &str, version: &str| -> Vec<(String, Attribute)> {
        [
            ("TAB_TYPE", kind),
            ("TAB_VER", version),
            ("ORIGIN", "ctapipe.instrument.SubarrayDescription"),
            ("SOFT_VER", "0.25.1"),
            ("SUBARRAY", array),
        ]
        .map(|(name, value)| named(name, text(value)))
        .to_vec()
    };
    layout(file, reader, &index, &cameras, table("subarray", "2.0"), array)?;
    optics(file, &cameras, table("optics", "4.0"))?;
    for (place, (kind, camera, telescope)) in cameras.iter().enumerate() {
        geometry(file, place, kind, camera, telescope)?;
        readout(file, place, kind, camera, telescope)?;
    }
    Ok(())
}

fn quantities(fields: &[(usize, &str)]) -> Vec<(String, Attribute)> {
    let tell = |(index, unit): &(usize, &str)| {
        let name = |key: &str| format!("CTAFIELD_{index}_{key}");
        [(name("TRANSFORM"), text("quantity")), (name("UNIT"), text(unit))]
    };
    fields.iter().flat_map(tell).collect()
}

fn strings(fields: &[(usize, u32)]) -> Vec<(String, Attribute)> {
    let tell = |(index, length): &(usize, u32)| {
        let name = |key: &str| format!("CTAFIELD_{index}_{key}");
        [(name("TRANSFORM"), text("string")), (name("MAXLEN"), Attribute::I64(i64::from(*length)))]
    };
    fields.iter().flat_map(tell).collect()
}

/// Widths of the texts of a table's rows, by column.
fn widths<const N: usize>(rows: &[[String; N]]) -> [u32; N] {
    std::array::from_fn(|column| {
        let lengths = rows.iter().filter_map(|row| row.get(column)).map(|text| text.len() as u32);
        lengths.max().unwrap_or(1).max(1)
    })
}

fn put_text(row: &mut Vec<u8>, value: &str, width: u32) {
    let end = row.len() + width as usize;
    row.extend(value.as_bytes());
    row.resize(end, 0);
}

fn layout(
    file: &mut TableFile,
    reader: &SimtelReader,
    index: &BTreeMap<i32, usize>,
    cameras: &[(Kind, &Arc<Camera>, &Telescope)],
    mut attributes: Vec<(String, Attribute)>,
    array: &str,
) -> Result<()> {
    let of = |place: &usize| cameras.get(*place).map(|(kind, ..)| kind.clone()).unwrap_or_default();
    let texts = |place: &usize| {
        let kind = of(place);
        [kind.optics.clone(), kind.size.clone(), kind.camera.clone(), kind.optics.clone(), kind.description()]
    };
    let rows: Vec<[String; 5]> = index.values().map(texts).collect();
    let [name, size, camera, optics, description] = widths(&rows);
    let members = [
        Member::scalar("tel_id", Value::U16),
        Member::scalar("name", Value::Text(name)),
        Member::scalar("type", Value::Text(size)),
        Member::scalar("pos_x", Value::F32),
        Member::scalar("pos_y", Value::F32),
        Member::scalar("pos_z", Value::F32),
        Member::scalar("camera_name", Value::Text(camera)),
        Member::scalar("optics_name", Value::Text(optics)),
        Member::scalar("camera_index", Value::I64),
        Member::scalar("optics_index", Value::I64),
        Member::scalar("tel_description", Value::Text(description)),
    ];
    attributes.extend(quantities(&[(3, "m"), (4, "m"), (5, "m")]));
    attributes.extend(strings(&[(1, name), (2, size), (6, camera), (7, optics), (10, description)]));
    attributes.push(named("name", text(array)));
    let height = reader.mc_runs().first().map_or(0.0, |mc| f64::from(mc.obs_height));
    for (axis, value) in [("x", 6_378_137.0 + height), ("y", 0.0), ("z", 0.0)] {
        attributes.push(named(&format!("reference_itrs_{axis}"), Attribute::F64(value)));
    }
    let mut table = file.table("configuration/instrument/subarray/layout", &members, &attributes)?;
    let run = reader.run();
    for ((number, place), texts) in index.iter().zip(&rows) {
        let at = run.telescopes.iter().position(|known| i32::from(*known) == *number);
        let position = at.and_then(|at| run.positions.get(at)).copied().unwrap_or([f32::NAN; 3]);
        let mut row = Vec::new();
        row.extend((*number as u16).to_le_bytes());
        put_text(&mut row, &texts[0], name);
        put_text(&mut row, &texts[1], size);
        position.iter().for_each(|value| row.extend(value.to_le_bytes()));
        put_text(&mut row, &texts[2], camera);
        put_text(&mut row, &texts[3], optics);
        row.extend((*place as i64).to_le_bytes());
        row.extend((*place as i64).to_le_bytes());
        put_text(&mut row, &texts[4], description);
        table.push(&row)?;
    }
    table.finish()?;
    Ok(())
}

fn optics(
    file: &mut TableFile,
    cameras: &[(Kind, &Arc<Camera>, &Telescope)],
    mut attributes: Vec<(String, Attribute)>,
) -> Result<()> {
    let texts = |(kind, ..): &(Kind, &Arc<Camera>, &Telescope)| {
        [kind.optics.clone(), kind.size.clone(), kind.reflector.clone()]
    };
    let rows: Vec<[String; 3]> = cameras.iter().map(texts).collect();
    let [name, size, shape] = widths(&rows);
    let members = [
        Member::scalar("optics_name", Value::Text(name)),
        Member::scalar("size_type", Value::Text(size)),
        Member::scalar("reflector_shape", Value::Text(shape)),
        Member::scalar("mirror_area", Value::F64),
        Member::scalar("n_mirrors", Value::I64),
        Member::scalar("n_mirror_tiles", Value::I64),
        Member::scalar("equivalent_focal_length", Value::F64),
        Member::scalar("effective_focal_length", Value::F64),
    ];
    attributes.extend(strings(&[(0, name), (1, size), (2, shape)]));
    attributes.extend(quantities(&[(3, "m**2"), (6, "m"), (7, "m")]));
    let mut table = file.table("configuration/instrument/telescope/optics", &members, &attributes)?;
    for ((kind, camera, telescope), texts) in cameras.iter().zip(&rows) {
        let mut row = Vec::new();
        put_text(&mut row, &texts[0], name);
        put_text(&mut row, &texts[1], size);
        put_text(&mut row, &texts[2], shape);
        row.extend(f64::from(telescope.camera.mirror_area).to_le_bytes());
        row.extend(kind.mirrors.to_le_bytes());
        row.extend(i64::from(telescope.camera.n_mirrors).to_le_bytes());
        row.extend(camera.equivalent_focal_length.to_le_bytes());
        row.extend(camera.effective_focal_length.unwrap_or(f64::NAN).to_le_bytes());
        table.push(&row)?;
    }
    table.finish()?;
    Ok(())
}

fn geometry(file: &mut TableFile, place: usize, kind: &Kind, camera: &Camera, telescope: &Telescope) -> Result<()> {
    let members = [
        Member::scalar("pix_id", Value::I64),
        Member::scalar("pix_x", Value::F64),
        Member::scalar("pix_y", Value::F64),
        Member::scalar("pix_area", Value::F64),
    ];
    let (shape, turn) = match telescope.camera.shape.first() {
        Some(2) => ("rectangle", 0.0),
        Some(0) => ("circle", 0.0),
        Some(3) => ("hexagon", 30.0),
        _ => ("hexagon", 0.0),
    };
    let mut attributes = quantities(&[(1, "m"), (2, "m"), (3, "m**2")]);
    for (name, value) in [
        ("TAB_TYPE", "ctapipe.instrument.CameraGeometry"),
        ("TAB_VER", "2.0"),
        ("CAM_ID", kind.camera.as_str()),
        ("PIX_TYPE", shape),
    ] {
        attributes.push(named(name, text(value)));
    }
    let turned = turn + f64::from(telescope.camera.rotation).to_degrees();
    attributes.push(named("PIX_ROT", Attribute::F64(turned)));
    // positions are rotated already
    attributes.push(named("CAM_ROT", Attribute::F64(0.0)));
    let path = format!("configuration/instrument/telescope/camera/geometry_{place}");
    let mut table = file.table(&path, &members, &attributes)?;
    let mut rows = Vec::new();
    for (pixel, ((x, y), area)) in camera.x.iter().zip(&camera.y).zip(&camera.area).enumerate() {
        rows.extend((pixel as i64).to_le_bytes());
        [x, y, area].iter().for_each(|value| rows.extend(value.to_le_bytes()));
    }
    table.push(&rows)?;
    table.finish()?;
    Ok(())
}

fn readout(file: &mut TableFile, place: usize, kind: &Kind, camera: &Camera, telescope: &Telescope) -> Result<()> {
    let pulses = &telescope.pixels.ref_shape;
    let channel = |gain: usize| Member::scalar(&format!("reference_pulse_shape_channel{gain}"), Value::F64);
    let mut members: Vec<Member> = (0..pulses.len()).map(channel).collect();
    members.push(Member::scalar("reference_pulse_sample_time", Value::F64));
    let step = f64::from(telescope.pixels.ref_step);
    let sample = f64::from(telescope.pixels.time_slice);
    let mut attributes = quantities(&[(pulses.len(), "ns")]);
    for (name, value) in [
        ("TAB_TYPE", text("ctapipe.instrument.CameraReadout")),
        ("TAB_VER", text("3.0")),
        ("CAM_ID", text(&kind.camera)),
        ("NCHAN", Attribute::I64(pulses.len() as i64)),
        ("NPIXELS", Attribute::I64(camera.len() as i64)),
        ("NSAMPLES", Attribute::I64(i64::from(telescope.pixels.sum_bins))),
        ("REFWIDTH", Attribute::F64(step)),
        ("SAMPFREQ", Attribute::F64(1.0 / sample)),
    ] {
        attributes.push(named(name, value));
    }
    let path = format!("configuration/instrument/telescope/camera/readout_{place}");
    let mut table = file.table(&path, &members, &attributes)?;
    let mut rows = Vec::new();
    for at in 0..pulses.iter().map(Vec::len).min().unwrap_or(0) {
        for pulse in pulses {
            rows.extend(pulse.get(at).map_or(0.0, |value| f64::from(*value)).to_le_bytes());
        }
        rows.extend((at as f64 * step).to_le_bytes());
    }
    table.push(&rows)?;
    table.finish()?;
    Ok(())
}
