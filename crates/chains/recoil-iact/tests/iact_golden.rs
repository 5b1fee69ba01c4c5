//! The reduction against numbers of lstchain 0.12.3 with ctapipe 0.25.1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoil_eventio::monitor::{LaserCalibration, Pedestals};
use recoil_eventio::samples::AdcSamples;
use recoil_iact::camera::Camera;
use recoil_iact::clean::{Cleaned, Cleaner, DynamicCleaning, Tailcut};
use recoil_iact::coordinates::{Direction, camera_from_sky, disp, geomagnetic_delta, sky_from_camera};
use recoil_iact::dl1::row::Parametrizer;
use recoil_iact::parameters::timing::{Starts, TimingFit};
use recoil_iact::waveform::calibrate::{Calibration, Waveforms};
use recoil_iact::waveform::integrate::{Extractor, Image, Window, integration_correction};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/iact").join(name)
}

/// The bytes of a NumPy array behind its header.
fn npy(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(path(name)).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].to_vec()
}

fn f32s(name: &str) -> Vec<f32> {
    npy(name).as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

fn rows(name: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path(name)).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| names.iter().map(ToString::to_string).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, name: &str) -> f64 {
    let text = &row[name];
    if text.is_empty() { f64::NAN } else { text.parse().unwrap() }
}

fn camera(name: &str) -> Camera {
    let table = rows(name);
    let column = |name: &str| table.iter().map(|row| number(row, name)).collect::<Vec<f64>>();
    Camera::of_pixels(column("x_m"), column("y_m"), column("area_m2"), false, 28.0).unwrap()
}

#[test]
fn neighbours_and_borders() {
    for name in ["camera_prod4.csv", "camera_muons.csv"] {
        let camera = camera(name);
        let mut wrong = 0;
        for (pixel, row) in rows(name).iter().enumerate() {
            let neighbors: Vec<String> = camera.neighbors(pixel).iter().map(ToString::to_string).collect();
            let ring = match (row["border1"].as_str(), row["border2"].as_str()) {
                ("1", _) => 1,
                (_, "1") => 2,
                _ => 0,
            };
            if neighbors.join(" ") != row["neighbors"] || camera.ring[pixel] != ring {
                eprintln!("{name} {pixel}: {neighbors:?} ring {}, expected {row:?}", camera.ring[pixel]);
                wrong += 1;
            }
        }
        assert_eq!(wrong, 0, "{name}: pixels that differ");
        assert!((camera.pixel_width - 0.049).abs() < 1e-6);
    }
}

fn compare(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differs = |(a, b): &(&f32, &f32)| (**a - **b).abs() > tolerance * b.abs().max(1.0);
    let wrong: Vec<_> = found.iter().zip(expected).filter(differs).collect();
    assert!(wrong.is_empty(), "{what}: {} of {} differ, such as {:?}", wrong.len(), found.len(), wrong.first());
}

#[test]
fn samples_gains_charges_and_times() {
    // sampling rate, step of the reference pulse as the files tell them
    for (name, sample, step, correction) in [
        ("prod4", 1.0, 0.025f32, [1.1489769991527998, 1.1489769991527998]),
        ("hm75", 0.976_562_5, 0.024_414_063f32, [1.2049466933032011, 0.9477611390832034]),
    ] {
        let (pixels, samples) = (1855, 40);
        let raw = npy(&format!("r0_{name}.npy"));
        let raw = AdcSamples {
            telescope: 1,
            n_gains: 2,
            n_pixels: pixels,
            n_samples: samples,
            samples: raw.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word)).collect(),
        };
        // the table holds pedestals of a sample
        let pedestals =
            Pedestals { slices: 1, pedestal: f32s(&format!("pedestal_{name}.npy")), ..Pedestals::default() };
        let laser = LaserCalibration {
            n_pixels: pixels,
            n_gains: 2,
            calib: f32s(&format!("dc_to_pe_{name}.npy")),
            tm_calib: Some(f32s(&format!("timeshift_{name}.npy"))),
            ..LaserCalibration::default()
        };
        let calibration = Calibration::new(&pedestals, &laser, name, 1).unwrap();
        let mut waveforms = Waveforms::default();
        waveforms.calibrate(&raw, &calibration).unwrap();
        let gains = npy(&format!("gain_{name}.npy"));
        assert_eq!(waveforms.gain, gains.iter().map(|gain| *gain as i8).collect::<Vec<_>>());
        if name == "hm75" {
            compare("samples", &waveforms.samples, &f32s("r1_hm75.npy"), 1e-6);
        }
        let window = Window { width: 8, shift: 4 };
        let mut image = Image::default();
        image.integrate(&waveforms, Extractor::LocalPeakWindowSum, window, 1.0 / sample);
        let pulses = npy(&format!("refpulse_{name}.npy"));
        let pulses: Vec<f32> = pulses.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word) as f32).collect();
        let length = pulses.len() / 2;
        for (gain, expected) in correction.iter().enumerate() {
            let found =
                integration_correction(&pulses[gain * length..(gain + 1) * length], f64::from(step), sample, window);
            assert!((found / expected - 1.0).abs() < 1e-9, "{name} {gain}: {found} {expected}");
        }
        for (pixel, (charge, time)) in image.charge.iter_mut().zip(&mut image.time).enumerate() {
            let gain = usize::from(gains[pixel]);
            *charge = (f64::from(*charge) * correction[gain]) as f32;
            *time -= calibration.time_shift(gain, pixel);
        }
        compare("charges", &image.charge, &f32s(&format!("charge_{name}.npy")), 1e-5);
        compare("times", &image.time, &f32s(&format!("peaktime_{name}.npy")), 1e-5);
    }
}

/// The 61 images with the cameras that they are of.
fn images() -> Vec<(Image, bool)> {
    let (charges, times) = (f32s("images.npy"), f32s("peak_times.npy"));
    let table = rows("image_params.csv");
    let of = |(at, row): (usize, &BTreeMap<String, String>)| {
        let range = at * 1855..(at + 1) * 1855;
        let image = Image { charge: charges[range.clone()].to_vec(), time: times[range].to_vec() };
        (image, row["source"] == "muons")
    };
    table.iter().enumerate().map(of).collect()
}

#[test]
fn masks_of_all_steps_are_exact() {
    let bits = npy("image_masks.npy");
    let mask = |step: usize, image: usize| -> Vec<bool> {
        // each mask fills whole bytes
        let first = (step * 61 + image) * 1855usize.div_ceil(8);
        (0..1855).map(|bit| bits[first + bit / 8] >> (7 - bit % 8) & 1 == 1).collect()
    };
    let (usual, muons) = (camera("camera_prod4.csv"), camera("camera_muons.csv"));
    let none = DynamicCleaning { apply: false, ..DynamicCleaning::default() };
    let steps = [
        (Tailcut { delta_time: None, ..Tailcut::default() }, none),
        (Tailcut::default(), none),
        (Tailcut::default(), DynamicCleaning::default()),
        (Tailcut { use_only_main_island: true, ..Tailcut::default() }, DynamicCleaning::default()),
    ];
    let mut wrong = 0;
    for (number, (image, is_muon)) in images().iter().enumerate() {
        for (step, (tailcut, dynamic)) in steps.iter().enumerate() {
            let mut found = Cleaned::default();
            let camera = if *is_muon { &muons } else { &usual };
            Cleaner::new(*tailcut, *dynamic).clean(camera, image, &mut found);
            let pixels = found.mask.iter().zip(mask(step, number)).filter(|(a, b)| *a != b).count();
            if pixels > 0 {
                eprintln!("image {number}, step {step}: {pixels} pixels differ");
                wrong += pixels;
            }
        }
    }
    assert_eq!(wrong, 0, "pixels that differ");
}

#[test]
fn image_parameters() {
    let (usual, muons) = (camera("camera_prod4.csv"), camera("camera_muons.csv"));
    let table = rows("image_params.csv");
    let mut parametrizer = Parametrizer::new(TimingFit::new(Starts::Reference));
    let (mut wrong, mut compared, mut fits) = (0, 0, 0);
    for ((image, is_muon), expected) in images().iter().zip(&table) {
        let mut cleaned = Cleaned::default();
        let camera = if *is_muon { &muons } else { &usual };
        Cleaner::new(Tailcut::default(), DynamicCleaning::default()).clean(camera, image, &mut cleaned);
        let row = parametrizer.parametrize(camera, image, &cleaned);
        let Some(ellipse) = row.ellipse else {
            assert!(number(expected, "intensity").is_nan(), "{expected:?}");
            continue;
        };
        assert_eq!(row.n_islands as f64, number(expected, "n_islands"));
        assert_eq!(row.n_pixels as f64, number(expected, "n_dynamic"));
        let [length, width, length_uncertainty, width_uncertainty] = row.angles;
        for (name, found) in [
            ("intensity", ellipse.intensity),
            ("log_intensity", ellipse.intensity.log10()),
            ("x", ellipse.x),
            ("y", ellipse.y),
            ("r", ellipse.r),
            ("phi", ellipse.phi),
            ("psi", ellipse.psi),
            ("skewness", ellipse.skewness),
            ("kurtosis", ellipse.kurtosis),
            ("length", length),
            ("width", width),
            ("length_uncertainty", length_uncertainty),
            ("width_uncertainty", width_uncertainty),
            ("wl", width / length),
            ("time_gradient", row.timing[0]),
            ("intercept", row.timing[1]),
            ("leakage_intensity_width_1", f64::from(row.leakage.intensity_width_1)),
            ("leakage_intensity_width_2", f64::from(row.leakage.intensity_width_2)),
            ("leakage_pixels_width_1", row.leakage.pixels_width_1),
            ("leakage_pixels_width_2", row.leakage.pixels_width_2),
            ("concentration_cog", row.concentration.cog),
            ("concentration_core", row.concentration.core),
            ("concentration_pixel", row.concentration.pixel),
        ] {
            let wanted = number(expected, name);
            let close = (found - wanted).abs() <= 1e-6 * wanted.abs().max(1e-2) || found.is_nan() && wanted.is_nan();
            if !close {
                eprintln!("image {}: {name} {found}, expected {wanted}", expected["i"]);
                wrong += 1;
            }
            compared += 1;
        }
        fits += 1;
    }
    assert!(fits > 45, "{fits} images with light");
    assert_eq!(wrong, 0, "of {compared} parameters differ");
}

#[test]
fn more_starts_never_cost_more() {
    let usual = camera("camera_prod4.csv");
    let mut better = 0;
    for (image, _) in images().iter().filter(|(_, is_muon)| !is_muon) {
        let mut cleaned = Cleaned::default();
        Cleaner::new(Tailcut::default(), DynamicCleaning::default()).clean(&usual, image, &mut cleaned);
        let pixels = || cleaned.kept.iter().map(|pixel| usize::from(*pixel));
        let l: Vec<f64> = pixels().map(|pixel| usual.x[pixel]).collect();
        let t: Vec<f64> = pixels().map(|pixel| f64::from(image.time[pixel])).collect();
        let few = TimingFit::new(Starts::Reference).fit(&l, &t);
        let many = TimingFit::new(Starts::Thorough).fit(&l, &t);
        if let (Some(few), Some(many)) = (few, many) {
            assert!(many.cost <= few.cost * (1.0 + 1e-9), "{few:?} {many:?}");
            better += usize::from(many.cost < few.cost * (1.0 - 1e-6));
        }
    }
    assert!(better > 0, "more starts never helped");
}

#[test]
fn coordinates_and_disp() {
    let close = |found: f64, row: &BTreeMap<String, String>, name: &str| {
        let wanted = number(row, name);
        assert!((found - wanted).abs() < 1e-9 * wanted.abs().max(1.0), "{name}: {found}, expected {wanted}");
    };
    let table = rows("coords_disp.csv");
    for row in &table {
        let pointing = Direction::new(number(row, "alt_tel"), number(row, "az_tel"));
        let direction = Direction::new(number(row, "alt"), number(row, "az"));
        let (x, y) = camera_from_sky(direction, pointing, 29.305_65);
        close(x, row, "src_x");
        close(y, row, "src_y");
        let back = sky_from_camera(x, y, pointing, 29.305_65);
        close(back.alt, row, "back_alt");
        let turn = std::f64::consts::TAU;
        let away = (back.az - number(row, "back_az")).rem_euclid(turn);
        assert!(away.min(turn - away) < 1e-9, "{away}");
        let found = disp((x, y), (number(row, "cog_x"), number(row, "cog_y")), number(row, "psi"));
        close(found.dx, row, "disp_dx");
        close(found.dy, row, "disp_dy");
        close(found.norm, row, "disp_norm");
        close(found.angle, row, "disp_angle");
        close(found.sign, row, "disp_sign");
        let delta = geomagnetic_delta(pointing, 37.4f64.to_radians(), (-4.8f64).to_radians());
        close(delta, row, "geomag_delta");
    }
    assert_eq!(table.len(), 60);
}
