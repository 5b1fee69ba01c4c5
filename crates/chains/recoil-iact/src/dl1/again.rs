//! Images of DL1 files changed, cleaned and described again.

use rand::RngExt as _;
use rand_distr::{Distribution as _, Poisson};
use rayon::prelude::*;
use recoil_stage::Seed;
use recoil_stage::seed::Rng;
use recoil_table::hdf5::{StoredTable, Value, offset_of};

use super::row::{ImageRow, Parametrizer};
use super::stored::Place;
use crate::camera::Camera;
use crate::clean::{Cleaned, Cleaner, DynamicCleaning, Tailcut};
use crate::config::ImageModifier;
use crate::coordinates::disp;
use crate::error::{IactError, Result};
use crate::parameters::timing::{Starts, TimingFit};
use crate::waveform::integrate::Image;

/// Neighbours that smeared light falls on; where there are fewer, it is lost.
const NEIGHBORS: u32 = 6;

/// What is done with the images.
#[derive(Clone, Debug)]
pub struct Change {
    /// Changes of the charges.
    pub modifier: ImageModifier,
    /// Thresholds of the cleaning.
    pub tailcut: Tailcut,
    /// The threshold that follows bright images.
    pub dynamic: DynamicCleaning,
    /// Starts of the fit of times.
    pub starts: Starts,
    /// Seed of the changes.
    pub seed: Seed,
}

/// Processes rows of parameters and images.
pub struct Again<'a> {
    camera: &'a Camera,
    change: &'a Change,
    row_bytes: usize,
    image_bytes: usize,
    charge: usize,
    time: usize,
    mask: Option<usize>,
    ids: [(Place, Place); 2],
    source: Option<(Place, Place)>,
    az_tel: Option<Place>,
    columns: Vec<(Place, Update)>,
}

/// A parameter that is computed again, from the image and the disp.
type Update = fn(&ImageRow, &crate::coordinates::Disp, f64) -> f64;

impl<'a> Again<'a> {
    /// For these tables.
    ///
    /// # Errors
    /// Tables without the columns that are needed.
    pub fn new(camera: &'a Camera, parameters: &StoredTable, images: &StoredTable, change: &'a Change) -> Result<Self> {
        let missing = |table: &StoredTable, name: &str| IactError::Column {
            file: table.path.clone(),
            column: name.to_owned(),
            reason: "is not there, or of another type than needed".into(),
        };
        let pixels = camera.len() as u32;
        let list = |name: &str, value: Value| -> Option<usize> {
            let member = images.members.iter().find(|member| member.name == name)?;
            let fits = member.value == value && member.shape == [pixels];
            offset_of(&images.members, name).filter(|_| fits)
        };
        let need = |name: &'static str| list(name, Value::F32).ok_or_else(|| missing(images, name));
        let place = |name: &str| Place::find(&parameters.members, name);
        let both = |name: &str| -> Result<(Place, Place)> {
            let stored = Place::find(&images.members, name).ok_or_else(|| missing(images, name))?;
            Ok((place(name).ok_or_else(|| missing(parameters, name))?, stored))
        };
        let updates = UPDATES.iter().filter_map(|(name, update)| Some((place(name)?, *update)));
        Ok(Self {
            camera,
            change,
            row_bytes: parameters.row_bytes(),
            image_bytes: images.row_bytes(),
            charge: need("image")?,
            time: need("peak_time")?,
            mask: list("image_mask", Value::Bool),
            ids: [both("obs_id")?, both("event_id")?],
            source: place("src_x").zip(place("src_y")),
            az_tel: place("az_tel"),
            columns: updates.collect(),
        })
    }

    /// Processes rows in place; returns how many images have light.
    ///
    /// # Errors
    /// Rows of parameters and images that do not belong together.
    pub fn process(&self, rows: &mut [u8], images: &mut [u8]) -> Result<u64> {
        let pairs = rows.par_chunks_exact_mut(self.row_bytes).zip(images.par_chunks_exact_mut(self.image_bytes));
        let new = || {
            let cleaner = Cleaner::new(self.change.tailcut, self.change.dynamic);
            let fit = Parametrizer::new(TimingFit::new(self.change.starts));
            (cleaner, fit, Cleaned::default(), Image::default())
        };
        let done = pairs.map_init(new, |(cleaner, fit, cleaned, image), (row, stored)| {
            let ids = self.ids.map(|(own, other)| (own.get(row), other.get(stored)));
            if ids.iter().any(|(own, other)| own != other) {
                let reason = format!("event {} has the image of event {}", ids[1].0, ids[1].1);
                return Err(IactError::content("the tables", reason));
            }
            self.load(stored, image);
            if self.change.modifier.active() {
                let seed = self.change.seed.indexed((ids[0].0 as i64).cast_unsigned());
                let mut rng = seed.indexed((ids[1].0 as i64).cast_unsigned()).rng();
                self.modify(image, &mut rng);
            }
            cleaner.clean(self.camera, image, cleaned);
            let found = fit.parametrize(self.camera, image, cleaned);
            self.store(row, stored, image, cleaned, &found);
            Ok(u64::from(found.ellipse.is_some()))
        });
        done.sum()
    }

    fn load(&self, stored: &[u8], image: &mut Image) {
        let pixels = self.camera.len();
        let list = |start: usize, target: &mut Vec<f32>| {
            let bytes = stored.get(start..start + 4 * pixels).unwrap_or_default();
            target.clear();
            target.extend(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)));
        };
        list(self.charge, &mut image.charge);
        list(self.time, &mut image.time);
    }

    fn modify(&self, image: &mut Image, rng: &mut Rng) {
        let modifier = &self.change.modifier;
        if modifier.increase_nsb {
            add_noise(modifier, &mut image.charge, rng);
        }
        if modifier.increase_psf {
            smear(self.camera, modifier.smeared_light_fraction, &mut image.charge, rng);
        }
    }

    fn store(&self, row: &mut [u8], stored: &mut [u8], image: &Image, cleaned: &Cleaned, found: &ImageRow) {
        if self.change.modifier.active() {
            let target = stored.get_mut(self.charge..self.charge + 4 * image.charge.len()).unwrap_or_default();
            for (place, charge) in target.as_chunks_mut::<4>().0.iter_mut().zip(&image.charge) {
                *place = charge.to_le_bytes();
            }
        }
        if let Some(mask) = self.mask {
            let target = stored.get_mut(mask..mask + cleaned.mask.len()).unwrap_or_default();
            for (place, kept) in target.iter_mut().zip(&cleaned.mask) {
                *place = u8::from(*kept);
            }
        }
        let ellipse = found.ellipse.unwrap_or(super::row::NO_ELLIPSE);
        let nan = f64::NAN;
        let source = self.source.map_or((nan, nan), |(x, y)| (x.get(row), y.get(row)));
        let disp = disp(source, (ellipse.x, ellipse.y), ellipse.psi);
        let az = self.az_tel.map_or(nan, |az| az.get(row));
        for (place, update) in &self.columns {
            place.set(row, update(found, &disp, az));
        }
    }
}

/// More noise: up to the transition charge with a bias, above without.
fn add_noise(modifier: &ImageModifier, charges: &mut [f32], rng: &mut Rng) {
    let poisson = |mean: f64| Poisson::new(mean).ok();
    let (dim, bright) = (poisson(modifier.extra_noise_in_dim_pixels), poisson(modifier.extra_noise_in_bright_pixels));
    for charge in charges {
        let is_bright = f64::from(*charge) > modifier.transition_charge;
        let (noise, bias) = match is_bright {
            true => (&bright, -modifier.extra_noise_in_bright_pixels),
            false => (&dim, modifier.extra_bias_in_dim_pixels - modifier.extra_noise_in_dim_pixels),
        };
        let drawn = noise.as_ref().map_or(0.0, |noise| noise.sample(rng));
        *charge = (f64::from(*charge) + drawn + bias) as f32;
    }
}

/// Takes light out of each pixel and gives it to its neighbours.
fn smear(camera: &Camera, fraction: f64, charges: &mut [f32], rng: &mut Rng) {
    let before = charges.to_vec();
    for (pixel, charge) in before.iter().enumerate() {
        let mean = f64::from(*charge) * fraction;
        let Some(poisson) = (mean > 0.0).then(|| Poisson::new(mean).ok()).flatten() else { continue };
        let moved = poisson.sample(rng) as u32;
        if let Some(charge) = charges.get_mut(pixel) {
            *charge -= moved as f32;
        }
        let neighbors = camera.neighbors(pixel);
        for _ in 0..moved {
            let to = neighbors.get(rng.random_range(0..NEIGHBORS) as usize);
            if let Some(charge) = to.and_then(|to| charges.get_mut(usize::from(*to))) {
                *charge += 1.0;
            }
        }
    }
}

fn of_ellipse(row: &ImageRow, value: fn(&crate::parameters::hillas::Hillas) -> f64) -> f64 {
    row.ellipse.as_ref().map_or(f64::NAN, value)
}

/// The parameters that are computed again.
const UPDATES: &[(&str, Update)] = &[
    ("intensity", |row, _, _| of_ellipse(row, |e| e.intensity)),
    ("log_intensity", |row, _, _| of_ellipse(row, |e| e.intensity.log10())),
    ("x", |row, _, _| of_ellipse(row, |e| e.x)),
    ("y", |row, _, _| of_ellipse(row, |e| e.y)),
    ("r", |row, _, _| of_ellipse(row, |e| e.r)),
    ("phi", |row, _, _| of_ellipse(row, |e| e.phi)),
    ("length", |row, _, _| row.angles[0]),
    ("width", |row, _, _| row.angles[1]),
    ("length_uncertainty", |row, _, _| row.angles[2]),
    ("width_uncertainty", |row, _, _| row.angles[3]),
    ("psi", |row, _, _| of_ellipse(row, |e| e.psi)),
    ("skewness", |row, _, _| of_ellipse(row, |e| e.skewness)),
    ("kurtosis", |row, _, _| of_ellipse(row, |e| e.kurtosis)),
    ("time_gradient", |row, _, _| row.timing[0]),
    ("intercept", |row, _, _| row.timing[1]),
    ("leakage_intensity_width_1", |row, _, _| f64::from(row.leakage.intensity_width_1)),
    ("leakage_intensity_width_2", |row, _, _| f64::from(row.leakage.intensity_width_2)),
    ("leakage_pixels_width_1", |row, _, _| row.leakage.pixels_width_1),
    ("leakage_pixels_width_2", |row, _, _| row.leakage.pixels_width_2),
    ("n_pixels", |row, _, _| row.n_pixels as f64),
    ("concentration_cog", |row, _, _| row.concentration.cog),
    ("concentration_core", |row, _, _| row.concentration.core),
    ("concentration_pixel", |row, _, _| row.concentration.pixel),
    ("n_islands", |row, _, _| row.n_islands as f64),
    ("sin_az_tel", |_, _, az| az.sin()),
    ("wl", |row, _, _| row.angles[1] / row.angles[0]),
    ("disp_dx", |_, disp, _| disp.dx),
    ("disp_dy", |_, disp, _| disp.dy),
    ("disp_norm", |_, disp, _| disp.norm),
    ("disp_angle", |_, disp, _| disp.angle),
    ("disp_sign", |_, disp, _| disp.sign),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simulate::optics;

    #[test]
    fn noise_keeps_bright_pixels_where_they_are() {
        let modifier = ImageModifier {
            increase_nsb: true,
            extra_noise_in_dim_pixels: 1.5,
            extra_bias_in_dim_pixels: 0.4,
            transition_charge: 8.0,
            extra_noise_in_bright_pixels: 2.0,
            ..ImageModifier::default()
        };
        let mut charges: Vec<f32> = (0..40_000).map(|k| if k % 2 == 0 { 1.0 } else { 50.0 }).collect();
        add_noise(&modifier, &mut charges, &mut Seed::new(1).rng());
        let mean = |of: usize| charges.iter().skip(of).step_by(2).sum::<f32>() / 20_000.0;
        assert!((mean(0) - 1.4).abs() < 0.03 && (mean(1) - 50.0).abs() < 0.04, "{} {}", mean(0), mean(1));
    }

    #[test]
    fn smeared_light_is_lost_at_the_rim_only() {
        let camera = Camera::new(&optics::camera(1), "x").unwrap();
        let mut rng = Seed::new(2).rng();
        let mut inside = vec![0f32; 1855];
        inside[0] = 1000.0;
        smear(&camera, 0.3, &mut inside, &mut rng);
        assert!((inside.iter().sum::<f32>() - 1000.0).abs() < 1e-3);
        assert!((inside[0] - 700.0).abs() < 100.0);
        let rim = (0..1855).find(|pixel| camera.neighbors(*pixel).len() <= 3).unwrap();
        let mut outside = vec![0f32; 1855];
        outside[rim] = 1000.0;
        smear(&camera, 0.3, &mut outside, &mut rng);
        assert!(outside.iter().sum::<f32>() < 950.0);
    }
}
