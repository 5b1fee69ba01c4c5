//! Type numbers and their names.

/// `Histograms`
pub const HISTOGRAMS: u16 = 100;
/// `History`
pub const HISTORY: u16 = 70;
/// `HistoryCommandLine`
pub const HISTORY_COMMAND_LINE: u16 = 71;
/// `HistoryConfig`
pub const HISTORY_CONFIG: u16 = 72;
/// `HistoryMeta`
pub const HISTORY_META: u16 = 75;
/// CORSIKA run header
pub const CORSIKA_RUN_HEADER: u16 = 1200;
/// `TelescopeDefinition`
pub const TELESCOPE_DEFINITION: u16 = 1201;
/// CORSIKA event header
pub const CORSIKA_EVENT_HEADER: u16 = 1202;
/// `ArrayOffsets`
pub const ARRAY_OFFSETS: u16 = 1203;
/// `TelescopeData`
pub const TELESCOPE_DATA: u16 = 1204;
/// `Photons`
pub const PHOTONS: u16 = 1205;
/// `PhotoElectrons`
pub const PHOTO_ELECTRONS: u16 = 1208;
/// CORSIKA event end
pub const EVENT_END: u16 = 1209;
/// CORSIKA run end
pub const RUN_END: u16 = 1210;
/// `Longitudinal`
pub const LONGITUDINAL: u16 = 1211;
/// `InputCard`
pub const INPUT_CARD: u16 = 1212;
/// `TelescopeArrayHead`
pub const TELESCOPE_ARRAY_HEAD: u16 = 1213;
/// `TelescopeArrayEnd`
pub const TELESCOPE_ARRAY_END: u16 = 1214;
/// `MCExtraParams`
pub const MC_EXTRA_PARAMS: u16 = 1215;
/// `AtmosphericProfile`
pub const ATMOSPHERIC_PROFILE: u16 = 1216;
/// sim_telarray run header
pub const RUN_HEADER: u16 = 2000;
/// `MCRunHeader`
pub const MC_RUN_HEADER: u16 = 2001;
/// `CameraSettings`
pub const CAMERA_SETTINGS: u16 = 2002;
/// `CameraOrganization`
pub const CAMERA_ORGANIZATION: u16 = 2003;
/// `PixelSettings`
pub const PIXEL_SETTINGS: u16 = 2004;
/// `DisabledPixels`
pub const DISABLED_PIXELS: u16 = 2005;
/// `CameraSoftwareSettings`
pub const CAMERA_SOFTWARE_SETTINGS: u16 = 2006;
/// `PointingCorrection`
pub const POINTING_CORRECTION: u16 = 2007;
/// `DriveSettings`
pub const DRIVE_SETTINGS: u16 = 2008;
/// `TriggerInformation`
pub const TRIGGER_INFORMATION: u16 = 2009;
/// `ArrayEvent`
pub const ARRAY_EVENT: u16 = 2010;
/// `TelescopeEventHeader`
pub const TELESCOPE_EVENT_HEADER: u16 = 2011;
/// `ADCSums`
pub const ADC_SUMS: u16 = 2012;
/// `ADCSamples`
pub const ADC_SAMPLES: u16 = 2013;
/// `ImageParameters`
pub const IMAGE_PARAMETERS: u16 = 2014;
/// `StereoReconstruction`
pub const STEREO_RECONSTRUCTION: u16 = 2015;
/// `PixelTiming`
pub const PIXEL_TIMING: u16 = 2016;
/// `MCShower`
pub const MC_SHOWER: u16 = 2020;
/// `MCEvent`
pub const MC_EVENT: u16 = 2021;
/// `CameraMonitoring`
pub const CAMERA_MONITORING: u16 = 2022;
/// `LaserCalibration`
pub const LASER_CALIBRATION: u16 = 2023;
/// `MCPhotoelectronSum`
pub const MC_PHOTOELECTRON_SUM: u16 = 2026;
/// `PixelList`
pub const PIXEL_LIST: u16 = 2027;
/// `CalibrationEvent`
pub const CALIBRATION_EVENT: u16 = 2028;
/// `AuxiliaryDigitalTraces`
pub const AUXILIARY_DIGITAL_TRACES: u16 = 2029;
/// `AuxiliaryAnalogTraces`
pub const AUXILIARY_ANALOG_TRACES: u16 = 2030;
/// `PixelTriggerTimes`
pub const PIXEL_TRIGGER_TIMES: u16 = 2032;
/// `PixelMonitoring`
pub const PIXEL_MONITORING: u16 = 2033;
/// `CalibrationPhotoelectrons`
pub const CALIBRATION_PHOTOELECTRONS: u16 = 2034;

const NAMES: &[(u16, &str)] = &[
    (70, "History"),
    (71, "HistoryCommandLine"),
    (72, "HistoryConfig"),
    (75, "HistoryMeta"),
    (100, "Histograms"),
    (1200, "RunHeader"),
    (1201, "TelescopeDefinition"),
    (1202, "EventHeader"),
    (1203, "ArrayOffsets"),
    (1204, "TelescopeData"),
    (1205, "Photons"),
    (1206, "CameraLayout"),
    (1207, "TriggerTime"),
    (1208, "PhotoElectrons"),
    (1209, "EventEnd"),
    (1210, "RunEnd"),
    (1211, "Longitudinal"),
    (1212, "InputCard"),
    (1213, "TelescopeArrayHead"),
    (1214, "TelescopeArrayEnd"),
    (1215, "MCExtraParams"),
    (1216, "AtmosphericProfile"),
    (2000, "RunHeader"),
    (2001, "MCRunHeader"),
    (2002, "CameraSettings"),
    (2003, "CameraOrganization"),
    (2004, "PixelSettings"),
    (2005, "DisabledPixels"),
    (2006, "CameraSoftwareSettings"),
    (2007, "PointingCorrection"),
    (2008, "DriveSettings"),
    (2009, "TriggerInformation"),
    (2010, "ArrayEvent"),
    (2011, "TelescopeEventHeader"),
    (2012, "ADCSums"),
    (2013, "ADCSamples"),
    (2014, "ImageParameters"),
    (2015, "StereoReconstruction"),
    (2016, "PixelTiming"),
    (2017, "PixelCalibration"),
    (2020, "MCShower"),
    (2021, "MCEvent"),
    (2022, "CameraMonitoring"),
    (2023, "LaserCalibration"),
    (2024, "RunStatistics"),
    (2025, "MCRunStatistics"),
    (2026, "MCPhotoelectronSum"),
    (2027, "PixelList"),
    (2028, "CalibrationEvent"),
    (2029, "AuxiliaryDigitalTraces"),
    (2030, "AuxiliaryAnalogTraces"),
    (2031, "FSPhot"),
    (2032, "PixelTriggerTimes"),
    (2033, "PixelMonitoring"),
    (2034, "CalibrationPhotoelectrons"),
];

/// Name of a type; `unknown` if it has none.
pub fn name(kind: u16) -> &'static str {
    if let Ok(at) = NAMES.binary_search_by_key(&kind, |(number, _)| *number) {
        return NAMES.get(at).map_or("unknown", |(_, name)| name);
    }
    if tracking_telescope(kind).is_some() {
        "TrackingPosition"
    } else if event_telescope(kind).is_some() {
        "TelescopeEvent"
    } else {
        "unknown"
    }
}

/// Telescope of a tracking position: types 2100 to 2199, 3100 to 3199 and so on, a hundred telescopes each.
pub fn tracking_telescope(kind: u16) -> Option<u16> {
    telescope_after(kind, 2100)
}

/// Telescope of a telescope event: types 2200 to 2299, 3200 to 3299 and so on.
pub fn event_telescope(kind: u16) -> Option<u16> {
    telescope_after(kind, 2200)
}

fn telescope_after(kind: u16, base: u16) -> Option<u16> {
    let offset = kind.checked_sub(base)?;
    (offset % 1000 < 100).then(|| 100 * (offset / 1000) + offset % 1000)
}

/// Type of the tracking position of a telescope.
pub fn tracking_of(telescope: u16) -> u16 {
    2100 + telescope % 100 + 1000 * (telescope / 100)
}

/// Type of the event of a telescope.
pub fn event_of(telescope: u16) -> u16 {
    2200 + telescope % 100 + 1000 * (telescope / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by_key(|(number, _)| *number));
    }

    #[test]
    fn telescopes_hide_in_type_numbers() {
        assert_eq!((name(2205), event_telescope(2205)), ("TelescopeEvent", Some(5)));
        assert_eq!((name(3105), tracking_telescope(3105)), ("TrackingPosition", Some(105)));
        assert_eq!((event_of(105), tracking_of(5)), (3205, 2105));
        assert_eq!(name(2300), "unknown");
    }
}
