//! Cleaning of images: which pixels hold light of the shower.
//!
//! Tailcuts (picture and boundary thresholds), arrival times of neighbours, a threshold that follows bright images,
//! islands. The order is that of lstchain.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::camera::Camera;
use crate::waveform::integrate::Image;

/// Thresholds of the cleaning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tailcut {
    /// Charge from which a pixel belongs to the picture \[p.e.\].
    pub picture_thresh: f32,
    /// Charge from which a neighbour of the picture is kept \[p.e.\].
    pub boundary_thresh: f32,
    /// Whether pixels of the picture are kept without neighbours above the boundary.
    pub keep_isolated_pixels: bool,
    /// Neighbours above the picture threshold that a pixel of the picture needs.
    pub min_number_picture_neighbors: u8,
    /// Whether only the island with most pixels is kept.
    pub use_only_main_island: bool,
    /// Largest difference in time to one kept neighbour at least \[ns\]; none for no limit.
    pub delta_time: Option<f32>,
}

impl Default for Tailcut {
    fn default() -> Self {
        Self {
            picture_thresh: 8.0,
            boundary_thresh: 4.0,
            keep_isolated_pixels: false,
            min_number_picture_neighbors: 2,
            use_only_main_island: false,
            delta_time: Some(2.0),
        }
    }
}

/// A threshold that follows the brightest pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DynamicCleaning {
    /// Whether it is used.
    pub apply: bool,
    /// Mean charge of the three brightest pixels from which it is used \[p.e.\].
    pub threshold: f32,
    /// Share of that mean that a pixel needs.
    pub fraction_cleaning_intensity: f32,
}

impl Default for DynamicCleaning {
    fn default() -> Self {
        Self { apply: true, threshold: 267.0, fraction_cleaning_intensity: 0.03 }
    }
}

/// What cleaning makes of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Whether each pixel is kept.
    pub mask: Vec<bool>,
    /// The kept pixels in rising order.
    pub kept: Vec<u16>,
    /// Number of islands before the choice of the main one.
    pub n_islands: usize,
    /// Whether the thresholds found any pixel, before the other steps.
    pub found_light: bool,
}

/// Cleans images of one camera; holds memory that is used again.
#[derive(Clone, Debug, Default)]
pub struct Cleaner {
    tailcut: Tailcut,
    dynamic: DynamicCleaning,
    above_picture: Vec<bool>,
    core: Vec<bool>,
    island: Vec<u16>,
    stack: Vec<u16>,
}

impl Cleaner {
    /// A cleaner with these thresholds.
    pub fn new(tailcut: Tailcut, dynamic: DynamicCleaning) -> Self {
        Self { tailcut, dynamic, ..Self::default() }
    }

    /// Cleans an image.
    pub fn clean(&mut self, camera: &Camera, image: &Image, found: &mut Cleaned) {
        self.tailcuts(camera, &image.charge, &mut found.mask);
        found.found_light = found.mask.contains(&true);
        if let Some(limit) = self.tailcut.delta_time {
            delta_time(camera, &image.time, limit, found);
        }
        if self.dynamic.apply {
            dynamic(&image.charge, &self.dynamic, &mut found.mask);
        }
        fill_kept(found);
        let main = self.islands(camera, found);
        if self.tailcut.use_only_main_island && found.n_islands > 1 {
            for (pixel, island) in self.island.iter().enumerate() {
                if let Some(kept) = found.mask.get_mut(pixel).filter(|kept| **kept) {
                    *kept = *island == main;
                }
            }
            fill_kept(found);
        }
    }

    /// Pixels of the picture with enough neighbours in it, and their neighbours above the boundary.
    pub fn tailcuts(&mut self, camera: &Camera, charge: &[f32], mask: &mut Vec<bool>) {
        let Tailcut { picture_thresh, boundary_thresh, min_number_picture_neighbors, .. } = self.tailcut;
        let isolated = self.tailcut.keep_isolated_pixels;
        self.above_picture.clear();
        self.above_picture.extend(charge.iter().map(|charge| *charge >= picture_thresh));
        let any = |flags: &[bool], pixel: usize| camera.neighbors(pixel).iter().any(|n| is_set(flags, *n));
        let needed = usize::from(if isolated { 0 } else { min_number_picture_neighbors });
        let enough = |flags: &[bool], pixel: usize| {
            needed == 0 || camera.neighbors(pixel).iter().filter(|n| is_set(flags, **n)).count() >= needed
        };
        self.core.clear();
        for (pixel, above) in self.above_picture.iter().enumerate() {
            self.core.push(*above && enough(&self.above_picture, pixel));
        }
        let above_boundary = |pixel: u16| charge.get(usize::from(pixel)).is_some_and(|q| *q >= boundary_thresh);
        mask.clear();
        for (pixel, (charge, core)) in charge.iter().zip(&self.core).enumerate() {
            let boundary = *charge >= boundary_thresh && any(&self.core, pixel);
            let supported = || isolated || camera.neighbors(pixel).iter().any(|n| above_boundary(*n));
            mask.push(boundary || *core && supported());
        }
    }

    /// Counts the islands; returns the number of the one with most pixels, the first of equal ones.
    fn islands(&mut self, camera: &Camera, found: &mut Cleaned) -> u16 {
        self.island.clear();
        self.island.resize(found.mask.len(), 0);
        let (mut count, mut largest) = (0u16, (0usize, 0u16));
        for start in &found.kept {
            if self.island.get(usize::from(*start)) != Some(&0) {
                continue;
            }
            count += 1;
            let mut size = 0;
            self.stack.push(*start);
            mark(&mut self.island, *start, count);
            while let Some(pixel) = self.stack.pop() {
                size += 1;
                for next in camera.neighbors(usize::from(pixel)) {
                    if is_set(&found.mask, *next) && self.island.get(usize::from(*next)) == Some(&0) {
                        mark(&mut self.island, *next, count);
                        self.stack.push(*next);
                    }
                }
            }
            if size > largest.0 {
                largest = (size, count);
            }
        }
        found.n_islands = usize::from(count);
        largest.1
    }
}

fn mark(island: &mut [u16], pixel: u16, number: u16) {
    if let Some(place) = island.get_mut(usize::from(pixel)) {
        *place = number;
    }
}

fn is_set(flags: &[bool], pixel: u16) -> bool {
    flags.get(usize::from(pixel)).copied().unwrap_or(false)
}

fn fill_kept(found: &mut Cleaned) {
    found.kept.clear();
    found.kept.extend(found.mask.iter().enumerate().filter(|(_, kept)| **kept).map(|(pixel, _)| pixel as u16));
}

/// Keeps pixels with a kept neighbour of nearly the same time.
fn delta_time(camera: &Camera, time: &[f32], limit: f32, found: &mut Cleaned) {
    fill_kept(found);
    let at = |pixel: u16| time.get(usize::from(pixel)).copied().unwrap_or(f32::NAN);
    let mut lost = Vec::new();
    for pixel in &found.kept {
        let own = at(*pixel);
        let close = |n: &&u16| is_set(&found.mask, **n) && (own - at(**n)).abs() < limit;
        if !camera.neighbors(usize::from(*pixel)).iter().any(|n| close(&n)) {
            lost.push(*pixel);
        }
    }
    for pixel in lost {
        if let Some(kept) = found.mask.get_mut(usize::from(pixel)) {
            *kept = false;
        }
    }
}

/// Drops pixels below a share of the mean of the three brightest of the whole camera.
fn dynamic(charge: &[f32], settings: &DynamicCleaning, mask: &mut [bool]) {
    let mut brightest = [f32::NEG_INFINITY; 3];
    for charge in charge {
        if *charge > brightest[0] {
            brightest[0] = *charge;
            brightest.sort_unstable_by(f32::total_cmp);
        }
    }
    let mean = brightest.iter().sum::<f32>() / 3.0;
    if mean < settings.threshold || !mean.is_finite() {
        return;
    }
    let limit = settings.fraction_cleaning_intensity * mean;
    for (kept, charge) in mask.iter_mut().zip(charge) {
        *kept &= *charge >= limit;
    }
}
