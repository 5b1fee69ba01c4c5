//! The light of a shower on the camera, and what the electronics make of it.

use rand::RngExt as _;
use rand_distr::{Distribution as _, Gamma, Poisson, StandardNormal};
use recoil_stage::seed::Rng;

use super::optics::{
    COUNTS_PER_PE, FINE, NOISE, PEDESTAL, PULSE_NS, PULSE_PEAK_NS, SAMPLES, SATURATION, pixels, pulse,
};
use super::shower::{Primary, Shower};
use crate::camera::Camera;

/// Radius of the pool of light \[m\].
const POOL: f64 = 120.0;
/// Photo-electrons of a gamma ray of 1 TeV inside of the pool.
const LIGHT_AT_1_TEV: f64 = 2200.0;
/// Spread of the amplitude of a photo-electron.
const AMPLITUDE_SPREAD: f32 = 0.35;
/// Time of the light of the source's direction in the read-out \[ns\].
const MIDDLE_NS: f64 = 16.0;
/// Most photo-electrons of an event.
const MOST: f64 = 2e6;

/// A photo-electron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pe {
    /// Pixel.
    pub pixel: u16,
    /// Time in the read-out \[ns\].
    pub time: f32,
}

/// Finds pixels at places in the camera.
pub struct PixelFinder {
    cells: Vec<Vec<u16>>,
    side: usize,
}

const CELL: f64 = 0.05;
const REACH: f64 = 1.35;

impl PixelFinder {
    /// For this camera.
    pub fn new(camera: &Camera) -> Self {
        let side = (2.0 * REACH / CELL) as usize + 1;
        let mut cells = vec![Vec::new(); side * side];
        for (pixel, (x, y)) in camera.x.iter().zip(&camera.y).enumerate() {
            if let Some(cell) = Self::cell(side, *x, *y).and_then(|cell| cells.get_mut(cell)) {
                cell.push(pixel as u16);
            }
        }
        Self { cells, side }
    }

    fn cell(side: usize, x: f64, y: f64) -> Option<usize> {
        let (column, row) = ((x + REACH) / CELL, (y + REACH) / CELL);
        let inside = column >= 0.0 && row >= 0.0 && (column as usize) < side && (row as usize) < side;
        inside.then(|| row as usize * side + column as usize)
    }

    /// The pixel at a place \[m\]; `None` beside the camera.
    pub fn find(&self, camera: &Camera, x: f64, y: f64) -> Option<u16> {
        let mut best = (0.6 * CELL, None);
        for (dx, dy) in [-1.0, 0.0, 1.0].iter().flat_map(|dx| [-1.0, 0.0, 1.0].map(|dy| (*dx, dy))) {
            let Some(cell) = Self::cell(self.side, x + dx * CELL, y + dy * CELL) else { continue };
            for pixel in self.cells.get(cell).into_iter().flatten() {
                let at = usize::from(*pixel);
                let of = |values: &[f64]| values.get(at).copied().unwrap_or(f64::INFINITY);
                let distance = (of(&camera.x) - x).hypot(of(&camera.y) - y);
                if distance < best.0 {
                    best = (distance, Some(*pixel));
                }
            }
        }
        best.1
    }
}

/// An ellipse of light.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Core {
    light: f64,
    centre: (f64, f64),
    psi: f64,
    length: f64,
    width: f64,
    gradient: f64,
    delay: f64,
}

/// Photo-electrons of a shower whose source is at `source` \[m\] in the camera and whose impact point lies at `core` \[m\] from
/// the telescope.
pub fn photo_electrons(
    shower: &Shower,
    source: (f64, f64),
    core: (f64, f64),
    camera: &Camera,
    finder: &PixelFinder,
    rng: &mut Rng,
) -> Vec<Pe> {
    let mut found = Vec::new();
    for core in cores(shower, source, core, camera.equivalent_focal_length, rng) {
        let (sin, cos) = core.psi.sin_cos();
        let count = Poisson::new(core.light.clamp(1e-6, MOST)).map_or(0.0, |poisson| poisson.sample(rng)) as u64;
        for _ in 0..count {
            let [a, b, c]: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(rng));
            // a tail away from the source
            let l = core.length * (a + 0.12 * (a * a - 1.0));
            let t = core.width * b;
            let (x, y) = (core.centre.0 + l * cos - t * sin, core.centre.1 + l * sin + t * cos);
            if let Some(pixel) = finder.find(camera, x, y) {
                let time = MIDDLE_NS + core.delay + core.gradient * l + 0.8 * c;
                found.push(Pe { pixel, time: time as f32 });
            }
        }
    }
    found
}

fn cores(shower: &Shower, source: (f64, f64), at: (f64, f64), focal_length: f64, rng: &mut Rng) -> Vec<Core> {
    let distance = at.0.hypot(at.1);
    let hadron = shower.primary == Primary::Proton;
    let energy = if hadron { shower.energy * 0.35 } else { shower.energy };
    let falloff = if distance < POOL { 1.0 } else { (-(distance - POOL) / 70.0).exp() };
    let gauss: f64 = StandardNormal.sample(rng);
    let light = LIGHT_AT_1_TEV * energy.powf(1.06) * falloff * (0.12 * gauss).exp();
    // seen from the telescope the maximum lies towards the impact point
    let disp = focal_length * (distance / shower.h_max).atan();
    let psi = at.1.atan2(at.0);
    let length =
        focal_length * (0.0022 + 0.0016 * (distance / POOL).min(3.0) + 0.0005 * energy.max(0.01).ln().max(-2.0));
    let width = focal_length * 0.0013 * (1.0 + 0.12 * energy.max(0.02).log10());
    let gradient = 9.0 * (distance / POOL - 0.55) / (1.0 + 0.3 * distance / POOL);
    let one = |share: f64, aside: (f64, f64), wider: f64, delay: f64| Core {
        light: light * share,
        centre: (source.0 + disp * psi.cos() + aside.0, source.1 + disp * psi.sin() + aside.1),
        psi,
        length: (length * wider).max(0.012),
        width: (width * wider).max(0.008),
        gradient,
        delay,
    };
    if !hadron {
        return vec![one(1.0, (0.0, 0.0), 1.0, 0.0)];
    }
    let pieces = 1 + rng.random_range(0..4u32);
    let shares: Vec<f64> = (0..pieces).map(|_| Gamma::new(0.8, 1.0).map_or(1.0, |gamma| gamma.sample(rng))).collect();
    let sum: f64 = shares.iter().sum::<f64>().max(1e-9);
    let spread = focal_length * 0.004;
    let mut pieces = Vec::new();
    for share in shares {
        let [a, b, c, d]: [f64; 4] = std::array::from_fn(|_| StandardNormal.sample(rng));
        pieces.push(one(share / sum, (spread * a, spread * b), 1.25 + 0.3 * c.abs(), 1.5 * d));
    }
    pieces
}

/// Whether enough light falls close together: seven pixels of a flower with `threshold` photo-electrons.
pub fn triggers(light: &[Pe], camera: &Camera, threshold: u32) -> bool {
    let mut counts = vec![0u32; camera.len()];
    for pe in light {
        if let Some(count) = counts.get_mut(usize::from(pe.pixel)) {
            *count += 1;
        }
    }
    let of = |pixel: usize| counts.get(pixel).copied().unwrap_or(0);
    let flower = |pixel: usize| of(pixel) + camera.neighbors(pixel).iter().map(|n| of(usize::from(*n))).sum::<u32>();
    (0..camera.len()).any(|pixel| flower(pixel) >= threshold)
}

/// Makes samples of photo-electrons.
pub struct Electronics {
    /// Pulse of a photo-electron by fine time, for both gains alike: sums to 1 over samples.
    pulse: Vec<f32>,
    pixels: usize,
}

impl Default for Electronics {
    fn default() -> Self {
        let shape = pulse();
        let sum: f32 = shape.iter().sum::<f32>() / FINE as f32;
        Self { pulse: shape.into_iter().map(|value| value / sum).collect(), pixels: pixels().len() }
    }
}

impl Electronics {
    /// Samples by gain, pixel and sample: light of the shower and of the night sky (`nsb` \[GHz\] per pixel), pedestals and
    /// noise.
    pub fn samples(&self, light: &[Pe], nsb: f64, rng: &mut Rng) -> Vec<u16> {
        let mut charge = vec![0f32; self.pixels * SAMPLES];
        for pe in light {
            self.add(&mut charge, usize::from(pe.pixel), pe.time, amplitude(rng));
        }
        let before = PULSE_NS as f64;
        let mean = nsb * (SAMPLES as f64 + before);
        if let Ok(poisson) = Poisson::new(mean.max(1e-9)) {
            for pixel in 0..self.pixels {
                for _ in 0..poisson.sample(rng) as u32 {
                    let time = rng.random::<f64>() * (SAMPLES as f64 + before) - before;
                    self.add(&mut charge, pixel, time as f32, amplitude(rng));
                }
            }
        }
        // the electronics take the mean light of the night sky away
        let offset = nsb as f32;
        let mut samples = Vec::with_capacity(2 * charge.len());
        for (gain, noise) in COUNTS_PER_PE.into_iter().zip(NOISE) {
            let shift = PEDESTAL - offset * gain;
            samples.extend(charge.iter().map(|charge| {
                let count = shift + charge * gain + noise * gaussian(rng);
                (count.round().max(0.0) as u16).min(SATURATION)
            }));
        }
        samples
    }

    fn add(&self, charge: &mut [f32], pixel: usize, time: f32, amplitude: f32) {
        let Some(waveform) = charge.get_mut(pixel * SAMPLES..(pixel + 1) * SAMPLES) else { return };
        // the pulse's peak lies at the photo-electron's time
        let start = time - PULSE_PEAK_NS;
        let first = start.max(0.0).ceil() as usize;
        for (at, sample) in waveform.iter_mut().enumerate().skip(first).take(PULSE_NS + 1) {
            let fine = ((at as f32 - start) * FINE as f32).max(0.0) as usize;
            match self.pulse.get(fine) {
                Some(value) => *sample += amplitude * value,
                None => break,
            }
        }
    }
}

fn amplitude(rng: &mut Rng) -> f32 {
    (1.0 + AMPLITUDE_SPREAD * gaussian(rng)).max(0.0)
}

fn gaussian(rng: &mut Rng) -> f32 {
    StandardNormal.sample(rng)
}
