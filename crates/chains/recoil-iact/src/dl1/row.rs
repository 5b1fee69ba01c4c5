//! A row of DL1 parameters.

use crate::camera::Camera;
use crate::clean::Cleaned;
use crate::coordinates::{Direction, camera_from_sky, disp};
use crate::data::DL1_PARAMETERS;
use crate::parameters::hillas::{Hillas, degrees, hillas};
use crate::parameters::shape::{Concentration, Leakage, concentration, leakage};
use crate::parameters::timing::TimingFit;
use crate::waveform::integrate::Image;

/// Number of columns.
pub const COLUMNS: usize = DL1_PARAMETERS.len();

/// What an image gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageRow {
    /// The ellipse; sizes in the camera \[m\].
    pub ellipse: Option<Hillas>,
    /// Length, width and their uncertainties \[deg\].
    pub angles: [f64; 4],
    /// Slope \[ns/m\] and time at the centroid \[ns\].
    pub timing: [f64; 2],
    /// Leakage.
    pub leakage: Leakage,
    /// Concentration.
    pub concentration: Concentration,
    /// Pixels after cleaning; -1 if there was nothing to clean.
    pub n_pixels: i64,
    /// Islands; -1 if there was nothing to clean.
    pub n_islands: i64,
}

impl ImageRow {
    /// The row of an image without light.
    pub fn empty() -> Self {
        let nan = f64::NAN;
        let leakage = Leakage {
            intensity_width_1: f32::NAN,
            intensity_width_2: f32::NAN,
            pixels_width_1: nan,
            pixels_width_2: nan,
        };
        Self {
            ellipse: None,
            angles: [nan; 4],
            timing: [nan; 2],
            leakage,
            concentration: Concentration { cog: nan, core: nan, pixel: nan },
            n_pixels: -1,
            n_islands: -1,
        }
    }
}

/// Computes the parameters of images; holds memory that is used again.
#[derive(Clone, Debug, Default)]
pub struct Parametrizer {
    fit: TimingFit,
    along: Vec<f64>,
    times: Vec<f64>,
}

impl Parametrizer {
    /// With this fit of times.
    pub fn new(fit: TimingFit) -> Self {
        Self { fit, ..Self::default() }
    }

    /// The parameters of a cleaned image.
    pub fn parametrize(&mut self, camera: &Camera, image: &Image, cleaned: &Cleaned) -> ImageRow {
        let mut row = ImageRow::empty();
        if !cleaned.found_light {
            return row;
        }
        row.n_islands = cleaned.n_islands as i64;
        row.n_pixels = cleaned.kept.len() as i64;
        let Some(ellipse) = hillas(camera, &image.charge, &cleaned.kept) else { return row };
        let angle = |distance| degrees(distance, camera.equivalent_focal_length);
        row.angles = [
            angle(ellipse.length),
            angle(ellipse.width),
            angle(ellipse.length_uncertainty),
            angle(ellipse.width_uncertainty),
        ];
        row.timing = self.timing(camera, image, cleaned, &ellipse);
        row.leakage = leakage(camera, &image.charge, &cleaned.kept);
        row.concentration = concentration(camera, &image.charge, &cleaned.kept, &ellipse);
        row.ellipse = Some(ellipse);
        row
    }

    fn timing(&mut self, camera: &Camera, image: &Image, cleaned: &Cleaned, ellipse: &Hillas) -> [f64; 2] {
        self.along.clear();
        self.times.clear();
        let (sin, cos) = ellipse.psi.sin_cos();
        for pixel in &cleaned.kept {
            let at = usize::from(*pixel);
            let of = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
            if image.charge.get(at).is_some_and(|charge| *charge < 0.0) {
                return [f64::NAN; 2];
            }
            self.along.push((of(&camera.x) - ellipse.x) * cos + (of(&camera.y) - ellipse.y) * sin);
            self.times.push(f64::from(image.time.get(at).copied().unwrap_or(f32::NAN)));
        }
        let line = self.fit.fit(&self.along, &self.times);
        line.map_or([f64::NAN; 2], |line| [line.slope, line.intercept])
    }
}

/// What is known of a simulated shower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueShower {
    /// Energy \[TeV\].
    pub energy: f64,
    /// Direction.
    pub direction: Direction,
    /// Impact point \[m\].
    pub core: [f64; 2],
    /// Height of the first interaction \[m\].
    pub h_first_int: f64,
    /// Primary particle.
    pub primary: i64,
    /// Depth of the maximum \[g/cm2\].
    pub x_max: f64,
    /// Pointing of the array.
    pub array: Direction,
}

/// What is known of a telescope at an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Number of the run.
    pub run: i32,
    /// Number of the event.
    pub event: i64,
    /// Telescope.
    pub telescope: i32,
    /// Its position \[m\].
    pub position: [f32; 3],
    /// Its pointing.
    pub pointing: Direction,
    /// Time of the trigger \[s since 1970\].
    pub trigger_time: f64,
    /// Kind of event.
    pub event_type: i64,
}

/// The ellipse of an image without light.
pub const NO_ELLIPSE: Hillas = Hillas {
    intensity: f64::NAN,
    x: f64::NAN,
    y: f64::NAN,
    r: f64::NAN,
    phi: f64::NAN,
    length: f64::NAN,
    length_uncertainty: f64::NAN,
    width: f64::NAN,
    width_uncertainty: f64::NAN,
    psi: f64::NAN,
    skewness: f64::NAN,
    kurtosis: f64::NAN,
};

/// The values of a row in the order of [`DL1_PARAMETERS`].
pub fn values(image: &ImageRow, place: &Place, shower: Option<&TrueShower>, focal_length: f64) -> [f64; COLUMNS] {
    let nan = f64::NAN;
    let ellipse = image.ellipse.unwrap_or(NO_ELLIPSE);
    let [length, width, length_uncertainty, width_uncertainty] = image.angles;
    let source = shower.map_or((nan, nan), |s| camera_from_sky(s.direction, s.array, focal_length));
    let disp = disp(source, (ellipse.x, ellipse.y), ellipse.psi);
    let of = |value: fn(&TrueShower) -> f64| shower.map_or(nan, value);
    let distance = shower.map_or(nan, |s| {
        let [x, y] = s.core;
        (x - f64::from(place.position[0])).hypot(y - f64::from(place.position[1]))
    });
    [
        f64::from(place.run),
        place.event as f64,
        ellipse.intensity,
        ellipse.intensity.log10(),
        ellipse.x,
        ellipse.y,
        ellipse.r,
        ellipse.phi,
        length,
        length_uncertainty,
        width,
        width_uncertainty,
        ellipse.psi,
        ellipse.skewness,
        ellipse.kurtosis,
        image.timing[0],
        image.timing[1],
        f64::from(image.leakage.intensity_width_1),
        f64::from(image.leakage.intensity_width_2),
        image.leakage.pixels_width_1,
        image.leakage.pixels_width_2,
        image.n_pixels as f64,
        image.concentration.cog,
        image.concentration.core,
        image.concentration.pixel,
        image.n_islands as f64,
        place.pointing.alt,
        place.pointing.az,
        place.pointing.az.sin(),
        -1.0,
        of(|s| s.energy),
        of(|s| s.energy.log10()),
        of(|s| s.direction.alt),
        of(|s| s.direction.az),
        of(|s| s.core[0]),
        of(|s| s.core[1]),
        of(|s| s.h_first_int),
        shower.map_or(-9999.0, |s| s.primary as f64),
        of(|s| s.array.az),
        of(|s| s.array.alt),
        of(|s| s.x_max),
        distance,
        width / length,
        f64::from(place.telescope),
        f64::from(place.position[0]),
        f64::from(place.position[1]),
        f64::from(place.position[2]),
        place.event_type as f64,
        place.trigger_time,
        place.event_type as f64,
        disp.dx,
        disp.dy,
        disp.norm,
        disp.angle,
        disp.sign,
        source.0,
        source.1,
    ]
}
