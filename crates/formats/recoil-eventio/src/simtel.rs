//! Files of sim_telarray as a sequence of triggered events, with all that belongs to each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::camera::{CameraOrganization, CameraSettings, DisabledPixels, PixelSettings};
use crate::error::{Decoded, Error, Result};
use crate::event::{TelescopeEventHeader, TrackingPosition, TriggerInformation};
use crate::histogram::Histogram;
use crate::kind;
use crate::monitor::{CameraMonitoring, LaserCalibration, Pedestals};
use crate::photons::PhotoElectrons;
use crate::reader::{Object, Reader};
use crate::run::{McRunHeader, RunHeader, history_meta};
use crate::samples::{AdcSamples, AdcSums};
use crate::shower::{McEvent, McShower};

/// What is known of a telescope.
#[derive(Clone, Debug, Default)]
pub struct Telescope {
    /// Geometry.
    pub camera: CameraSettings,
    /// Wiring.
    pub organization: CameraOrganization,
    /// Electronics, with the reference pulse.
    pub pixels: PixelSettings,
    /// Pixels that are switched off.
    pub disabled: DisabledPixels,
    /// Pedestals, as last monitored.
    pub pedestals: Arc<Pedestals>,
    /// Calibration, as last made.
    pub laser: Arc<LaserCalibration>,
    /// Names and values of its metadata.
    pub meta: Vec<(String, String)>,
}

impl Telescope {
    /// Value of its metadata called `name`.
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a camera recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing.
    #[default]
    Nothing,
    /// Samples.
    Samples(AdcSamples),
    /// Sums.
    Sums(AdcSums),
}

/// A telescope's part of an event.
#[derive(Clone, Debug, Default)]
pub struct TelescopeEvent {
    /// Telescope.
    pub telescope: i32,
    /// Its header.
    pub header: TelescopeEventHeader,
    /// What its camera recorded.
    pub recorded: Recorded,
    /// Where it points.
    pub tracking: Option<TrackingPosition>,
}

/// An event that triggered.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Number of the event.
    pub id: i32,
    /// Kind of calibration; `None` for showers.
    pub calibration: Option<i32>,
    /// The trigger.
    pub trigger: TriggerInformation,
    /// Telescopes with data, of those that are wanted.
    pub telescopes: Vec<TelescopeEvent>,
    /// The simulated shower.
    pub shower: Option<Arc<McShower>>,
    /// The use of the shower.
    pub mc: Option<McEvent>,
    /// True photo-electrons, if wanted; telescopes are counted from 0 in the order of the run header.
    pub photo_electrons: Vec<PhotoElectrons>,
}

/// What of a file is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Telescopes; all if there are none. Events without data of any of them are left out.
    pub telescopes: Vec<i32>,
    /// Whether true photo-electrons are read.
    pub photo_electrons: bool,
}

impl Wanted {
    fn telescope(&self, telescope: i32) -> bool {
        self.telescopes.is_empty() || self.telescopes.contains(&telescope)
    }
}

/// Reads the events of a file front to back.
pub struct SimtelReader {
    reader: Reader,
    wanted: Wanted,
    state: State,
}

/// What was read so far.
#[derive(Default)]
struct State {
    run: RunHeader,
    mc_runs: Vec<McRunHeader>,
    telescopes: BTreeMap<i32, Telescope>,
    histograms: Vec<Histogram>,
    meta: Vec<(String, String)>,
    shower: Option<Arc<McShower>>,
    mc: Option<McEvent>,
    /// Whether no event used `mc` yet.
    fresh: bool,
    light: Option<Light>,
    calibration_light: Vec<PhotoElectrons>,
    showers: u64,
    mc_events: u64,
}

/// True light of an event.
struct Light {
    event: i32,
    photo_electrons: Vec<PhotoElectrons>,
    /// Whether it came after the last use of a shower.
    fresh: bool,
}

impl SimtelReader {
    /// Opens a file.
    ///
    /// # Errors
    /// Files that cannot be opened.
    pub fn open(path: &Path, wanted: Wanted) -> Result<Self> {
        Ok(Self::of(Reader::open(path)?, wanted))
    }

    /// Takes the objects from `reader`.
    pub fn of(reader: Reader, wanted: Wanted) -> Self {
        Self { reader, wanted, state: State::default() }
    }

    /// The file's name as errors tell it.
    pub fn name(&self) -> &str {
        self.reader.name()
    }

    /// Number of bytes of content that were read (after decompression).
    pub fn bytes(&self) -> u64 {
        self.reader.bytes()
    }

    /// Header of the run.
    pub fn run(&self) -> &RunHeader {
        &self.state.run
    }

    /// Headers of the simulations; several in merged files.
    pub fn mc_runs(&self) -> &[McRunHeader] {
        &self.state.mc_runs
    }

    /// The telescope called `number`.
    pub fn telescope(&self, number: i32) -> Option<&Telescope> {
        self.state.telescopes.get(&number)
    }

    /// All telescopes by number.
    pub fn telescopes(&self) -> &BTreeMap<i32, Telescope> {
        &self.state.telescopes
    }

    /// Histograms; complete when all events were read.
    pub fn histograms(&self) -> &[Histogram] {
        &self.state.histograms
    }

    /// Metadata of the whole array.
    pub fn meta(&self) -> &[(String, String)] {
        &self.state.meta
    }

    /// Numbers of showers and of their uses that were passed, whether or not they triggered.
    pub fn simulated(&self) -> (u64, u64) {
        (self.state.showers, self.state.mc_events)
    }

    /// The next event that triggered one of the wanted telescopes; `None` at the end.
    ///
    /// # Errors
    /// Files that end inside an object or are damaged. Behind an object that cannot be decoded ([`Error::Object`]) the next
    /// call goes on.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            let name = self.reader.name().to_owned();
            let Some(object) = self.reader.next_object()? else { return Ok(None) };
            let header = object.header;
            let found = self.state.take(&object, &self.wanted).map_err(|fault| Error::Object {
                file: name,
                byte: fault.byte,
                object: header.to_string(),
                reason: fault.reason,
            })?;
            if let Some(event) = found {
                return Ok(Some(event));
            }
        }
    }
}

impl State {
    fn take(&mut self, object: &Object<'_>, wanted: &Wanted) -> Decoded<Option<Event>> {
        match object.header.kind {
            kind::MC_EVENT => {
                self.mc = Some(McEvent::parse(object)?);
                self.fresh = true;
                self.light.iter_mut().for_each(|light| light.fresh = false);
                self.mc_events += 1;
            }
            kind::MC_SHOWER => {
                self.shower = Some(Arc::new(McShower::parse(object)?));
                self.showers += 1;
            }
            kind::ARRAY_EVENT => return self.array_event(object, wanted),
            kind::TELESCOPE_DATA if wanted.photo_electrons => {
                self.light = Some(Light { event: object.header.id, photo_electrons: light(object)?, fresh: true });
            }
            kind::CALIBRATION_PHOTOELECTRONS if wanted.photo_electrons => {
                if let Some(inner) = object.objects().next().transpose()? {
                    self.calibration_light = light(&inner)?;
                }
            }
            kind::CALIBRATION_EVENT => {
                let Some(inner) = object.objects().next().transpose()? else { return Ok(None) };
                let event = array_event(&inner, wanted)?;
                let photo_electrons = std::mem::take(&mut self.calibration_light);
                return Ok(event.map(|event| Event { calibration: Some(object.header.id), photo_electrons, ..event }));
            }
            kind::RUN_HEADER => self.run = RunHeader::parse(object)?,
            kind::MC_RUN_HEADER => self.mc_runs.push(McRunHeader::parse(object)?),
            kind::HISTOGRAMS => self.histograms = Histogram::parse_all(object)?,
            kind::HISTORY_META if object.header.id < 0 => self.meta = history_meta(object)?,
            _ => self.telescope_object(object, wanted)?,
        }
        Ok(None)
    }

    /// An object about one telescope, or of a type that is not needed.
    fn telescope_object(&mut self, object: &Object<'_>, wanted: &Wanted) -> Decoded<()> {
        let number = match object.header.kind {
            kind::CAMERA_MONITORING => CameraMonitoring::telescope_of(object),
            kind::CAMERA_SETTINGS
            | kind::CAMERA_ORGANIZATION
            | kind::PIXEL_SETTINGS
            | kind::DISABLED_PIXELS
            | kind::LASER_CALIBRATION
            | kind::HISTORY_META => object.header.id,
            _ => return Ok(()),
        };
        if !wanted.telescope(number) {
            return Ok(());
        }
        let telescope = self.telescopes.entry(number).or_default();
        match object.header.kind {
            kind::CAMERA_SETTINGS => telescope.camera = CameraSettings::parse(object)?,
            kind::CAMERA_ORGANIZATION => telescope.organization = CameraOrganization::parse(object)?,
            kind::PIXEL_SETTINGS => telescope.pixels = PixelSettings::parse(object)?,
            kind::DISABLED_PIXELS => telescope.disabled = DisabledPixels::parse(object)?,
            kind::LASER_CALIBRATION => telescope.laser = Arc::new(LaserCalibration::parse(object)?),
            kind::CAMERA_MONITORING => {
                if let Some(pedestals) = CameraMonitoring::parse(object)?.pedestals {
                    telescope.pedestals = Arc::new(pedestals);
                }
            }
            _ => telescope.meta = history_meta(object)?,
        }
        Ok(())
    }

    fn array_event(&mut self, object: &Object<'_>, wanted: &Wanted) -> Decoded<Option<Event>> {
        let event = array_event(object, wanted)?;
        let (fresh, light) = (std::mem::take(&mut self.fresh), self.light.take());
        let Some(mut event) = event else { return Ok(None) };
        // by identifier, and where the file has others (older and merged ones) by order
        event.mc = self.mc.filter(|mc| mc.event == event.id || fresh);
        if event.mc.is_some() {
            event.shower.clone_from(&self.shower);
        }
        let light = light.filter(|light| light.event == event.id || light.fresh);
        event.photo_electrons = light.map(|light| light.photo_electrons).unwrap_or_default();
        Ok(Some(event))
    }
}

fn light(object: &Object<'_>) -> Decoded<Vec<PhotoElectrons>> {
    let mut found = Vec::new();
    for inner in object.objects() {
        let inner = inner?;
        if inner.header.kind == kind::PHOTO_ELECTRONS {
            found.push(PhotoElectrons::parse(&inner)?);
        }
    }
    Ok(found)
}

/// An event of the array; `None` if no wanted telescope has data.
fn array_event(object: &Object<'_>, wanted: &Wanted) -> Decoded<Option<Event>> {
    let mut event = Event { id: object.header.id, ..Event::default() };
    let mut tracking = BTreeMap::new();
    for inner in object.objects() {
        let inner = inner?;
        let number = inner.header.kind;
        if number == kind::TRIGGER_INFORMATION {
            event.trigger = TriggerInformation::parse(&inner)?;
            event.id = event.trigger.event;
        } else if let Some(telescope) = kind::event_telescope(number).map(i32::from) {
            if wanted.telescope(telescope) {
                event.telescopes.push(telescope_event(&inner, telescope)?);
            }
        } else if let Some(telescope) = kind::tracking_telescope(number).map(i32::from)
            && wanted.telescope(telescope)
        {
            tracking.insert(telescope, TrackingPosition::parse(&inner)?);
        }
    }
    for part in &mut event.telescopes {
        part.tracking = tracking.get(&part.telescope).copied();
    }
    Ok((!event.telescopes.is_empty()).then_some(event))
}

fn telescope_event(object: &Object<'_>, telescope: i32) -> Decoded<TelescopeEvent> {
    let mut event = TelescopeEvent { telescope, ..TelescopeEvent::default() };
    for inner in object.objects() {
        let inner = inner?;
        match inner.header.kind {
            kind::TELESCOPE_EVENT_HEADER => event.header = TelescopeEventHeader::parse(&inner)?,
            kind::ADC_SAMPLES => event.recorded = Recorded::Samples(AdcSamples::parse(&inner)?),
            kind::ADC_SUMS => event.recorded = Recorded::Sums(AdcSums::parse(&inner)?),
            _ => {}
        }
    }
    Ok(event)
}
