//! Showers of the generator as files of sim_telarray.

use std::path::Path;

use recoil_eventio::kind;
use recoil_eventio::write::{Content, Writer};
use recoil_stage::Seed;

use super::image::{Electronics, Pe, PixelFinder, photo_electrons, triggers};
use super::optics::{COUNTS_PER_PE, FINE, NOISE, PEDESTAL, SAMPLES, camera, pulse};
use super::shower::{Beam, Shower};
use crate::camera::Camera;
use crate::coordinates::{Direction, camera_from_sky};
use crate::error::{IactError, Result};

/// The only telescope.
const TELESCOPE: i32 = 1;
/// Observation level \[m\].
const OBS_LEVEL: f32 = 2150.0;
/// Time of the first event \[s since 1970\].
const START: i32 = 1_600_000_000;
/// Magnetic field of La Palma: strength \[uT\], inclination, declination \[deg\].
const FIELD: [f32; 3] = [38.7, 37.4, -4.8];
/// Bins of the histogram of thrown showers: distance \[m\] and log10 of the energy \[TeV\].
const DISTANCE_BINS: (i16, f32) = (200, 1000.0);
const ENERGY_BINS: (i16, f32, f32) = (120, -3.0, 3.0);

/// A file to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Number of the run.
    pub run: i32,
    /// From what showers are drawn.
    pub beam: Beam,
    /// Pointing.
    pub pointing: Direction,
    /// Number of showers.
    pub showers: u32,
    /// How often each is used with another impact point.
    pub uses: u32,
    /// Light of the night sky in a pixel \[GHz\].
    pub nsb: f64,
    /// Photo-electrons of seven pixels that trigger.
    pub threshold: u32,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Uses of showers.
    pub thrown: u64,
    /// Events that triggered.
    pub triggered: u64,
}

/// Makes a file; the same seed gives the same bytes. `go_on` is asked before each shower and may end the work with an
/// error.
///
/// # Errors
/// Files that cannot be written, and what `go_on` says.
pub fn write<E: From<IactError>>(
    path: &Path,
    plan: &Plan,
    seed: Seed,
    mut go_on: impl FnMut() -> Result<(), E>,
) -> Result<Made, E> {
    let eventio = |error: recoil_eventio::Error| E::from(IactError::from(error));
    let camera = Camera::new(&camera(TELESCOPE), "the generator")?;
    let finder = PixelFinder::new(&camera);
    let electronics = Electronics::default();
    let mut writer = Writer::create(path).map_err(eventio)?;
    head(&mut writer, plan).map_err(eventio)?;
    let mut made = Made::default();
    let mut thrown = vec![0f32; DISTANCE_BINS.0 as usize * ENERGY_BINS.0 as usize];
    for number in 1..=plan.showers {
        go_on()?;
        let mut rng = seed.indexed(u64::from(number)).rng();
        let shower = plan.beam.shower(&mut rng);
        writer.object(kind::MC_SHOWER, 1, number as i32, &mc_shower(&shower)).map_err(eventio)?;
        let source = camera_from_sky(shower.direction, plan.pointing, camera.equivalent_focal_length);
        for usage in 0..plan.uses {
            let event = (number * 100 + usage) as i32;
            let core = plan.beam.core(&mut rng);
            made.thrown += 1;
            fill(&mut thrown, across(core, plan.beam.direction), shower.energy);
            let mut content = Content::new();
            content.i32(number as i32).f32(core.0 as f32).f32(core.1 as f32);
            writer.object(kind::MC_EVENT, 1, event, &content).map_err(eventio)?;
            let seen = towards(core, plan.pointing);
            let light = photo_electrons(&shower, source, seen, &camera, &finder, &mut rng);
            if !triggers(&light, &camera, plan.threshold) {
                continue;
            }
            made.triggered += 1;
            let samples = electronics.samples(&light, plan.nsb, &mut rng);
            let mut found = Content::new();
            found.object(kind::PHOTO_ELECTRONS, 2, 0, &true_light(&light, camera.len()));
            writer.container(kind::TELESCOPE_DATA, 0, event, &found).map_err(eventio)?;
            let mut sums = Content::new();
            sums.i32s(&[number as i32, 1, light.len() as i32, 0]).f32s(&[0.0; 5]);
            writer.object(kind::MC_PHOTOELECTRON_SUM, 2, event, &sums).map_err(eventio)?;
            writer.container(kind::ARRAY_EVENT, 0, event, &array_event(event, plan, &samples)).map_err(eventio)?;
        }
    }
    writer.object(kind::HISTOGRAMS, 2, 0, &histogram(&thrown, made.thrown)).map_err(eventio)?;
    writer.finish().map_err(eventio)?;
    Ok(made)
}

/// Where an impact point lies as the telescope sees it: the camera's x is up, its y is along rising azimuth \[m\].
fn towards((north, west): (f64, f64), pointing: Direction) -> (f64, f64) {
    let (sin, cos) = pointing.az.sin_cos();
    let ahead = north * cos - west * sin;
    let right = -(north * sin + west * cos);
    // a shower that hits the ground ahead of the telescope leaves its light below the source's direction
    (-ahead * pointing.alt.sin(), right)
}

/// Distance of an impact point from the telescope across the direction of the showers \[m\].
fn across((north, west): (f64, f64), direction: Direction) -> f64 {
    let (sin, cos) = direction.az.sin_cos();
    let ahead = north * cos - west * sin;
    (ahead * direction.alt.sin()).hypot(north * sin + west * cos)
}

fn fill(thrown: &mut [f32], distance: f64, energy: f64) {
    let (bins, upper) = DISTANCE_BINS;
    let column = (distance / f64::from(upper) * f64::from(bins)) as usize;
    let (rows, low, high) = ENERGY_BINS;
    let row = (energy.log10() - f64::from(low)) / f64::from(high - low) * f64::from(rows);
    if column < bins as usize
        && (0.0..f64::from(rows)).contains(&row)
        && let Some(place) = thrown.get_mut(row as usize * bins as usize + column)
    {
        *place += 1.0;
    }
}

/// Everything before the first shower.
fn head(writer: &mut Writer, plan: &Plan) -> recoil_eventio::Result<()> {
    let mut line = Content::new();
    line.i32(START).string("recoil iact simulate");
    let mut history = Content::new();
    history.object(kind::HISTORY_COMMAND_LINE, 1, 0, &line);
    writer.container(kind::HISTORY, 1, 0, &history)?;

    let (alt, az) = (plan.pointing.alt as f32, plan.pointing.az as f32);
    let mut run = Content::new();
    run.i32s(&[plan.run, START, -1, 0, 0]).f32s(&[az, alt, 0.0, 0.0, 0.0, 0.0, 0.0]);
    run.i32(1).i16(TELESCOPE as i16).f32s(&[0.0, 0.0, 0.0]).i32s(&[1, 0]).string("generator").string("recoil");
    writer.object(kind::RUN_HEADER, 2, plan.run, &run)?;
    writer.object(kind::MC_RUN_HEADER, 4, plan.run, &mc_run(plan))?;
    describe_telescope(writer)?;
    calibrate_telescope(writer)
}

fn mc_run(plan: &Plan) -> Content {
    let Beam { energy, spectral_index, direction, cone, radius, .. } = plan.beam;
    let (alt, az) = (direction.alt as f32, direction.az as f32);
    let mut mc = Content::new();
    mc.i32s(&[1, 7741, START, 1, START, START]).f32(OBS_LEVEL);
    mc.i32s(&[plan.showers as i32, plan.uses as i32, 1]).f32s(&[0.0, radius as f32]);
    mc.f32s(&[alt, alt, az, az]).i32(i32::from(cone[1] > 0.0));
    mc.f32s(&cone.map(|angle| angle.to_degrees() as f32)).f32s(&energy.map(|energy| energy as f32));
    let [total, inclination, declination] = FIELD;
    mc.f32s(&[spectral_index as f32, total, inclination.to_radians(), declination.to_radians(), -1.0]);
    mc.i32s(&[36, 0, 0, 0]).f32s(&[5.0, 240.0, 1000.0]).i32s(&[0, 0]);
    mc
}

fn describe_telescope(writer: &mut Writer) -> recoil_eventio::Result<()> {
    let camera = camera(TELESCOPE);
    let pixels = camera.pixel_x.len();
    let mut content = Content::new();
    content.i32(pixels as i32).f32(camera.focal_length).f32(camera.effective_focal_length.unwrap_or(0.0));
    content.f32s(&camera.pixel_x).f32s(&camera.pixel_y);
    // flat, parallel, all of one shape
    content.varint(0).varint(1).varint(1).varint(3);
    content.f32s(camera.area.get(..1).unwrap_or_default()).f32s(camera.size.get(..1).unwrap_or_default());
    content.i32(camera.n_mirrors).f32(camera.mirror_area).f32(camera.rotation);
    writer.object(kind::CAMERA_SETTINGS, 5, TELESCOPE, &content)?;

    let mut content = Content::new();
    content.i32s(&[pixels as i32, 1, 2, 0]);
    // drawer of each pixel; card, chip and channel of each pixel and gain; empty list of sectors of each pixel
    for _ in 0..pixels * 8 {
        content.i16(0);
    }
    writer.object(kind::CAMERA_ORGANIZATION, 1, TELESCOPE, &content)?;

    let pulse = pulse();
    let mut content = Content::new();
    content.i32s(&[0, 0, 3, pixels as i32]).i32s(&vec![0; pixels]).i32s(&[1, 0, 1]).i16(0).i16(SAMPLES as i16);
    content.f32(1.0).i32(SAMPLES as i32).varint(2).varint(pulse.len() as i64).f32(1.0 / FINE as f32);
    for _ in 0..2 {
        pulse.iter().for_each(|value| {
            content.f16(*value);
        });
    }
    content.i32(0);
    writer.object(kind::PIXEL_SETTINGS, 3, TELESCOPE, &content)?;
    writer.object(kind::DISABLED_PIXELS, 0, TELESCOPE, Content::new().i32s(&[0, 0]))?;
    writer.object(kind::CAMERA_SOFTWARE_SETTINGS, 0, TELESCOPE, Content::new().i32s(&[0; 15]))?;
    writer.object(kind::DRIVE_SETTINGS, 0, TELESCOPE, Content::new().i16(0).i16(0).f32s(&[0.0; 12]))?;
    writer.object(kind::POINTING_CORRECTION, 0, TELESCOPE, Content::new().i32s(&[0, 0]))
}

fn calibrate_telescope(writer: &mut Writer) -> recoil_eventio::Result<()> {
    let pixels = camera(TELESCOPE).pixel_x.len();
    let each = |values: [f32; 2]| -> Vec<f32> { values.iter().flat_map(|v| std::iter::repeat_n(*v, pixels)).collect() };
    let samples = SAMPLES as f32;
    let mut content = Content::new();
    content.i16(4).i16(4).i32(1).time((START, 0));
    content.i16(0).i16(pixels as i16).i16(1).i16(2);
    content.time((START, 0)).i16(SAMPLES as i16);
    content.f32s(&each([PEDESTAL * samples; 2])).f32s(&each(NOISE.map(|noise| noise * samples.sqrt())));
    // what follows: pedestals and noise, in the bits of the identifier
    writer.object(kind::CAMERA_MONITORING, 0, TELESCOPE | 4 << 8, &content)?;

    let mut content = Content::new();
    content.u16(pixels as u16).i16(2).i32(1).f32s(&each(COUNTS_PER_PE.map(|counts| 1.0 / counts)));
    content.f32s(&[1.0; 4]).f32s(&each([0.0; 2]));
    writer.object(kind::LASER_CALIBRATION, 2, TELESCOPE, &content)
}

fn mc_shower(shower: &Shower) -> Content {
    let mut content = Content::new();
    let Shower { energy, direction, x_max, h_max, h_first, primary } = *shower;
    content.i32(primary.number()).f32s(&[energy as f32, direction.az as f32, direction.alt as f32, 0.0]);
    content.f32s(&[h_first as f32, x_max as f32, h_max as f32, x_max as f32, x_max as f32]).i16(0);
    content
}

fn true_light(light: &[Pe], pixels: usize) -> Content {
    let mut times: Vec<Vec<f32>> = vec![Vec::new(); pixels];
    for pe in light {
        if let Some(times) = times.get_mut(usize::from(pe.pixel)) {
            times.push(pe.time);
        }
    }
    let filled = times.iter().filter(|times| !times.is_empty()).count();
    let mut content = Content::new();
    content.i32(light.len() as i32).i32(pixels as i32).i16(0).i32(filled as i32);
    for (pixel, times) in times.iter().enumerate().filter(|(_, times)| !times.is_empty()) {
        content.i16(pixel as i16).i32(times.len() as i32).f32s(times);
    }
    content
}

fn array_event(event: i32, plan: &Plan, samples: &[u16]) -> Content {
    // a millisecond between events
    let time = (START + event / 1000, event % 1000 * 1_000_000);
    let mut trigger = Content::new();
    trigger.time(time).time(time).i32s(&[1, 1]).i16(1).i16(TELESCOPE as i16).f32(0.0);
    trigger.i16(1).i16(TELESCOPE as i16).varuint(1);
    trigger.f32s(&[plan.pointing.az as f32, plan.pointing.alt as f32, 29.972_41]);
    let mut header = Content::new();
    header.i32s(&[event, event]).time(time).time(time).i16(1).f32s(&[0.0, 0.0]);
    let mut adc = Content::new();
    let pixels = samples.len() / SAMPLES / 2;
    adc.i32(pixels as i32).i16(2).i16(SAMPLES as i16).differences(SAMPLES, samples);
    let mut telescope = Content::new();
    telescope.object(kind::TELESCOPE_EVENT_HEADER, 3, TELESCOPE, &header);
    telescope.object(kind::ADC_SAMPLES, 3, TELESCOPE << 12, &adc);
    let mut tracking = Content::new();
    tracking.f32s(&[plan.pointing.az as f32, plan.pointing.alt as f32]);
    let mut array = Content::new();
    array.object(kind::TRIGGER_INFORMATION, 3, event, &trigger);
    array.container(kind::event_of(TELESCOPE as u16), 1, event, &telescope);
    array.object(kind::tracking_of(TELESCOPE as u16), 0, TELESCOPE | 0x100, &tracking);
    array
}

fn histogram(thrown: &[f32], entries: u64) -> Content {
    let title = "Events, without weights (Ra3d, log10(E))";
    let inside: f32 = thrown.iter().sum();
    let mut content = Content::new();
    content.i16(1).u8(b'F').string(title);
    if title.len().is_multiple_of(2) {
        content.u8(0);
    }
    let (columns, upper) = DISTANCE_BINS;
    let (rows, low, high) = ENERGY_BINS;
    content.i32(6).i16(columns).i16(rows).i32(entries as i32).i32(inside as i32);
    content.i32s(&[0, 0]).f32s(&[0.0, upper, 0.0, 0.0]);
    content.i32s(&[0, 0]).f32s(&[low, high, 0.0, 0.0]);
    content.f32(entries as f32).f32(inside).f32s(&[0.0; 8]);
    if inside as i32 > 0 {
        content.f32s(thrown);
    }
    content
}
