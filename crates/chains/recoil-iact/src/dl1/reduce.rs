//! From raw events to images and rows of parameters.

use std::collections::HashMap;
use std::sync::Arc;

use recoil_eventio::monitor::{LaserCalibration, Pedestals};
use recoil_eventio::run::RunHeader;
use recoil_eventio::simtel::{Event, Recorded, SimtelReader, Telescope, TelescopeEvent};
use recoil_stage::Seed;

use super::row::{COLUMNS, Parametrizer, Place, TrueShower, values};
use crate::camera::Camera;
use crate::clean::{Cleaned, Cleaner, DynamicCleaning, Tailcut};
use crate::config::{NsbTuning, WindowConfig};
use crate::coordinates::Direction;
use crate::error::{IactError, Result};
use crate::parameters::timing::{Starts, TimingFit};
use crate::waveform::calibrate::{Calibration, Waveforms};
use crate::waveform::integrate::{Extractor, Image, Window, integration_correction};
use crate::waveform::nsb::{NsbTuner, Pulses, SinglePe};

/// Type of the events of showers.
pub const SUBARRAY: i64 = 32;

/// How events are reduced.
#[derive(Clone, Debug)]
pub struct Reduction {
    /// Where the peak of a pulse is looked for.
    pub extractor: Extractor,
    /// Window of the integration.
    pub window: WindowConfig,
    /// What all charges are multiplied with.
    pub scale: f64,
    /// Thresholds of the cleaning.
    pub tailcut: Tailcut,
    /// The threshold that follows bright images.
    pub dynamic: DynamicCleaning,
    /// Starts of the fit of times.
    pub starts: Starts,
    /// Light of the night sky to be added.
    pub nsb: NsbTuning,
    /// Response to a single photo-electron.
    pub response: SinglePe,
    /// Seed of the added light.
    pub seed: Seed,
}

/// What is needed of a telescope to reduce its events.
pub struct Model {
    /// Its camera.
    pub camera: Arc<Camera>,
    calibration: Calibration,
    correction: Vec<f64>,
    /// Sampling rate \[GHz\].
    rate: f64,
    dead: Vec<usize>,
    tuner: Option<Arc<NsbTuner>>,
    position: [f32; 3],
    sources: (Arc<Pedestals>, Arc<LaserCalibration>),
}

/// The models of a file's telescopes, made when they are first needed and when the calibration changes.
#[derive(Default)]
pub struct Models {
    known: HashMap<i32, Arc<Model>>,
}

impl Models {
    /// The model of a telescope.
    ///
    /// # Errors
    /// Telescopes that the file does not describe, or not well enough.
    pub fn get(&mut self, reader: &SimtelReader, telescope: i32, how: &Reduction) -> Result<Arc<Model>> {
        let unknown = || IactError::content(reader.name(), format!("telescope {telescope} is not described"));
        let described = reader.telescope(telescope).ok_or_else(unknown)?;
        if let Some(known) = self.known.get(&telescope) {
            let same =
                Arc::ptr_eq(&known.sources.0, &described.pedestals) && Arc::ptr_eq(&known.sources.1, &described.laser);
            if same {
                return Ok(Arc::clone(known));
            }
        }
        let before = self.known.get(&telescope);
        let model = Arc::new(Model::new(reader, telescope, described, how, before)?);
        self.known.insert(telescope, Arc::clone(&model));
        Ok(model)
    }
}

impl Model {
    fn new(
        reader: &SimtelReader,
        number: i32,
        telescope: &Telescope,
        how: &Reduction,
        before: Option<&Arc<Self>>,
    ) -> Result<Self> {
        let file = reader.name();
        let camera = match before {
            Some(before) => Arc::clone(&before.camera),
            None => Arc::new(Camera::new(&telescope.camera, file)?),
        };
        let calibration = Calibration::new(&telescope.pedestals, &telescope.laser, file, number)?;
        if calibration.n_pixels != camera.len() {
            let reason =
                format!("telescope {number}: {} pixels, but {} are calibrated", camera.len(), calibration.n_pixels);
            return Err(IactError::content(file, reason));
        }
        let sample = f64::from(telescope.pixels.time_slice);
        if !(sample > 0.0 && sample.is_finite()) {
            let reason = format!("telescope {number}: a sample of {sample} ns");
            return Err(IactError::content(file, reason));
        }
        let window = Window { width: how.window.window_width, shift: how.window.window_shift };
        let step = f64::from(telescope.pixels.ref_step);
        let pulses = &telescope.pixels.ref_shape;
        let correct = |pulse: &Vec<f32>| integration_correction(pulse, step, sample, window);
        let correction = match how.window.apply_integration_correction {
            true => pulses.iter().map(correct).collect(),
            false => Vec::new(),
        };
        let tuner = match (how.nsb.nsb_tuning, before) {
            (false, _) => None,
            (true, Some(before)) => before.tuner.clone(),
            (true, None) => {
                let run = u64::from(reader.run().run.cast_unsigned());
                let seed = how.seed.named("nsb").indexed(run).indexed(u64::from(number.cast_unsigned()));
                let pulses = Pulses { shapes: pulses, step, sample };
                let (rate, ready) = (how.nsb.rate_ghz, how.nsb.pre_computed_multiplicity);
                let of = NsbTuner::new(rate, pulses, how.response.clone(), seed, ready, file);
                let mut tuner = of?;
                tuner.prepare(camera.len(), telescope.pixels.sum_bins.clamp(0, 4096) as usize);
                Some(Arc::new(tuner))
            }
        };
        Ok(Self {
            camera,
            calibration,
            correction,
            rate: 1.0 / sample,
            dead: telescope.disabled.hv.iter().filter_map(|pixel| usize::try_from(*pixel).ok()).collect(),
            tuner,
            position: position(reader.run(), number),
            sources: (Arc::clone(&telescope.pedestals), Arc::clone(&telescope.laser)),
        })
    }
}

fn position(run: &RunHeader, telescope: i32) -> [f32; 3] {
    let at = run.telescopes.iter().position(|known| i32::from(*known) == telescope);
    at.and_then(|at| run.positions.get(at)).copied().unwrap_or([f32::NAN; 3])
}

/// A telescope's event, ready to be reduced.
pub struct Work {
    /// What is known about it.
    pub place: Place,
    /// The true shower.
    pub shower: Option<TrueShower>,
    /// The telescope.
    pub model: Arc<Model>,
    /// What was recorded.
    pub part: TelescopeEvent,
    /// True photo-electrons of each pixel, if they were asked for.
    pub true_image: Option<Vec<i32>>,
}

/// A row of the table of triggers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trigger {
    /// Number of the run.
    pub run: i32,
    /// Number of the event.
    pub event: i64,
    /// Time of the trigger: seconds since 1970 and nanoseconds.
    pub time: (i32, i32),
    /// Telescopes that triggered.
    pub telescopes: Vec<i32>,
    /// Kind of event.
    pub event_type: i64,
}

/// The trigger of an event and its parts.
///
/// # Errors
/// Telescopes that the file does not describe well enough.
pub fn work(event: Event, reader: &SimtelReader, models: &mut Models, how: &Reduction) -> Result<(Trigger, Vec<Work>)> {
    let run = reader.run();
    let array = Direction::new(f64::from(run.direction[1]), f64::from(run.direction[0]));
    let event_type = event_type(event.calibration);
    // calibration events have numbers of their own
    let number = if event.calibration.is_some() { -i64::from(event.id) } else { i64::from(event.id) };
    let shower = event.mc.zip(event.shower.as_ref()).map(|(mc, shower)| TrueShower {
        energy: f64::from(shower.energy),
        direction: Direction::new(f64::from(shower.altitude), f64::from(shower.azimuth)),
        core: [f64::from(mc.core_x), f64::from(mc.core_y)],
        h_first_int: f64::from(shower.h_first_int),
        primary: i64::from(shower.primary),
        x_max: f64::from(shower.x_max),
        array,
    });
    let (seconds, nanoseconds) = event.trigger.gps_time;
    let telescopes = event.trigger.triggered.iter().map(|telescope| i32::from(*telescope)).collect();
    let trigger = Trigger { run: run.run, event: number, time: (seconds, nanoseconds), telescopes, event_type };
    let trigger_time = f64::from(seconds) + f64::from(nanoseconds) * 1e-9;
    let mut light: Vec<(i32, Vec<i32>)> = Vec::new();
    for found in event.photo_electrons {
        let place = usize::try_from(found.telescope).ok().and_then(|place| run.telescopes.get(place));
        light.extend(place.map(|number| (i32::from(*number), found.counts)));
    }
    let parts = event.telescopes.into_iter().filter(|part| matches!(part.recorded, Recorded::Samples(_)));
    let parts = parts.map(|part| {
        let model = models.get(reader, part.telescope, how)?;
        let pointing = part.tracking.and_then(|tracking| tracking.best());
        let [az, alt] = pointing.unwrap_or(run.direction).map(f64::from);
        let place = Place {
            run: run.run,
            event: number,
            telescope: part.telescope,
            position: model.position,
            pointing: Direction { alt, az },
            trigger_time,
            event_type,
        };
        let of_telescope = |(telescope, _): &(i32, Vec<i32>)| *telescope == part.telescope;
        let true_image = light.iter().position(of_telescope).map(|at| light.swap_remove(at).1);
        Ok(Work { place, shower, model, part, true_image })
    });
    Ok((trigger, parts.collect::<Result<_>>()?))
}

/// The kind of event of a kind of calibration; [`SUBARRAY`] for showers.
pub fn event_type(calibration: Option<i32>) -> i64 {
    match calibration {
        None => SUBARRAY,
        Some(0) => 3,
        Some(1) => 2,
        Some(2) => 1,
        Some(3) => 0,
        Some(_) => 15,
    }
}

/// A reduced event.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// Its row of parameters.
    pub values: [f64; COLUMNS],
    /// Where and when it was.
    pub place: Place,
    /// Charges and times.
    pub image: Image,
    /// Pixels that the cleaning kept.
    pub mask: Vec<bool>,
    /// Gains of the pixels.
    pub gain: Vec<i8>,
    /// True photo-electrons of each pixel, if they were asked for.
    pub true_image: Option<Vec<i32>>,
}

/// Reduces events; holds memory that is used again, one for each thread.
pub struct Reducer<'a> {
    how: &'a Reduction,
    waveforms: Waveforms,
    cleaner: Cleaner,
    cleaned: Cleaned,
    parametrizer: Parametrizer,
}

impl<'a> Reducer<'a> {
    /// A reducer that does it this way.
    pub fn new(how: &'a Reduction) -> Self {
        Self {
            how,
            waveforms: Waveforms::default(),
            cleaner: Cleaner::new(how.tailcut, how.dynamic),
            cleaned: Cleaned::default(),
            parametrizer: Parametrizer::new(TimingFit::new(how.starts)),
        }
    }

    /// Charges and times of the pixels, with the gains that were chosen.
    ///
    /// # Errors
    /// Samples that do not fit the calibration; as a reason.
    pub fn image(&mut self, work: &Work, image: &mut Image) -> std::result::Result<(), String> {
        let Recorded::Samples(raw) = &work.part.recorded else { return Err("no samples".into()) };
        let Model { calibration, correction, .. } = &*work.model;
        self.waveforms.calibrate(raw, calibration)?;
        if let Some(tuner) = &work.model.tuner {
            tuner.tune(&mut self.waveforms, work.place.event);
        }
        let window = Window { width: self.how.window.window_width, shift: self.how.window.window_shift };
        image.integrate(&self.waveforms, self.how.extractor, window, work.model.rate);
        let factor = |gain: usize| correction.get(gain).or(correction.first()).copied().unwrap_or(1.0);
        let factors = [factor(0), factor(1)];
        let pixels = image.charge.iter_mut().zip(&mut image.time).zip(&self.waveforms.gain);
        for (pixel, ((charge, time), gain)) in pixels.enumerate() {
            let gain = usize::from(*gain != 0);
            *charge = (f64::from(*charge) * factors.get(gain).copied().unwrap_or(1.0)) as f32;
            *time -= calibration.time_shift(gain, pixel);
        }
        if !work.model.dead.is_empty() {
            replace_dead(&work.model.camera, &work.model.dead, image);
        }
        if self.how.scale != 1.0 {
            for charge in &mut image.charge {
                *charge = (f64::from(*charge) * self.how.scale) as f32;
            }
        }
        Ok(())
    }

    /// Reduces one telescope's event.
    ///
    /// # Errors
    /// Samples that do not fit the calibration; as a reason.
    pub fn reduce(&mut self, work: &Work) -> std::result::Result<Reduced, String> {
        let mut image = Image::default();
        self.image(work, &mut image)?;
        let camera = &work.model.camera;
        self.cleaner.clean(camera, &image, &mut self.cleaned);
        let row = self.parametrizer.parametrize(camera, &image, &self.cleaned);
        let values = values(&row, &work.place, work.shower.as_ref(), camera.equivalent_focal_length);
        let (mask, gain) = (self.cleaned.mask.clone(), self.waveforms.gain.clone());
        Ok(Reduced { values, place: work.place, image, mask, gain, true_image: work.true_image.clone() })
    }
}

/// Gives pixels without high voltage the mean charge and time of their good neighbours.
fn replace_dead(camera: &Camera, dead: &[usize], image: &mut Image) {
    let mut found = Vec::with_capacity(dead.len());
    for pixel in dead {
        let good = camera.neighbors(*pixel).iter().map(|n| usize::from(*n)).filter(|n| !dead.contains(n));
        let (mut count, mut charge, mut time) = (0f64, 0f64, 0f64);
        for neighbor in good {
            count += 1.0;
            charge += f64::from(image.charge.get(neighbor).copied().unwrap_or(0.0));
            time += f64::from(image.time.get(neighbor).copied().unwrap_or(0.0));
        }
        let mean = |sum: f64| if count > 0.0 { (sum / count) as f32 } else { 0.0 };
        found.push((*pixel, mean(charge), mean(time)));
    }
    for (pixel, charge, time) in found {
        if let (Some(q), Some(t)) = (image.charge.get_mut(pixel), image.time.get_mut(pixel)) {
            (*q, *t) = (charge, time);
        }
    }
}
