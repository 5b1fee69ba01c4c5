//! The columns of the chain's tables: names, types, units.

use arrow_schema::{DataType, Field};

/// A scalar column: name, type, unit, meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// Unit; empty for counts and ratios.
    pub unit: &'static str,
    /// Meaning.
    pub doc: &'static str,
    /// Whether HDF5 files of the field mark it as a physical quantity.
    pub quantity: bool,
}

/// Types of scalar columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit whole numbers.
    I32,
    /// 64-bit whole numbers.
    I64,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Column {
    const fn plain(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Self {
        Self { name, kind, unit, doc, quantity: false }
    }

    const fn quantity(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Self {
        Self { name, kind, unit, doc, quantity: true }
    }

    /// The column as a field of a table.
    pub fn field(&self) -> Field {
        let kind = match self.kind {
            Kind::I32 => DataType::Int32,
            Kind::I64 => DataType::Int64,
            Kind::F32 => DataType::Float32,
            Kind::F64 => DataType::Float64,
        };
        recoil_table::field(self.name, kind, self.unit, self.doc)
    }
}

/// The columns of DL1 parameters in the order of the files.
pub const DL1_PARAMETERS: &[Column] = &[
    Column::plain("obs_id", Kind::I32, "", "Observation Block ID"),
    Column::plain("event_id", Kind::I64, "", "Array Event ID"),
    Column::plain("intensity", Kind::F64, "", "Total intensity (size)"),
    Column::plain("log_intensity", Kind::F64, "", "log of total intensity (size)"),
    Column::quantity("x", Kind::F64, "m", "Centroid x coordinate"),
    Column::quantity("y", Kind::F64, "m", "Centroid y coordinate"),
    Column::quantity("r", Kind::F64, "m", "Radial coordinate of centroid"),
    Column::quantity("phi", Kind::F64, "rad", "Polar coordinate of centroid"),
    Column::quantity("length", Kind::F64, "deg", "RMS spread along the major-axis"),
    Column::quantity("length_uncertainty", Kind::F64, "deg", "Uncertainty of length"),
    Column::quantity("width", Kind::F64, "deg", "RMS spread along the minor-axis"),
    Column::quantity("width_uncertainty", Kind::F64, "deg", "Uncertainty of width"),
    Column::quantity("psi", Kind::F64, "rad", "Rotation angle of ellipse"),
    Column::plain("skewness", Kind::F64, "", "Measure of the asymmetry"),
    Column::plain("kurtosis", Kind::F64, "", "Measure of the tailedness"),
    Column::plain("time_gradient", Kind::F64, "ns/m", "Time gradient in the camera"),
    Column::plain("intercept", Kind::F64, "ns", "Time at the centroid"),
    Column::plain("leakage_intensity_width_1", Kind::F32, "", "Fraction of intensity in outermost pixels"),
    Column::plain("leakage_intensity_width_2", Kind::F32, "", "Fraction of intensity in two outermost rings of pixels"),
    Column::plain("leakage_pixels_width_1", Kind::F64, "", "Fraction of signal pixels that are border pixels"),
    Column::plain(
        "leakage_pixels_width_2",
        Kind::F64,
        "",
        "Fraction of signal pixels that are in the two outermost rings of pixels",
    ),
    Column::plain("n_pixels", Kind::I64, "", "Number of pixels after cleaning"),
    Column::plain("concentration_cog", Kind::F64, "", "Fraction of intensity inside one pixel diameter of the cog"),
    Column::plain("concentration_core", Kind::F64, "", "Fraction of intensity inside hillas ellipse"),
    Column::plain("concentration_pixel", Kind::F64, "", "Fraction of intensity in brightest pixel"),
    Column::plain("n_islands", Kind::I64, "", "Number of Islands"),
    Column::quantity("alt_tel", Kind::F32, "rad", "Telescope altitude pointing"),
    Column::quantity("az_tel", Kind::F32, "rad", "Telescope azimuth pointing"),
    Column::quantity("sin_az_tel", Kind::F32, "", "Sin of telescope azimuth pointing, used for RF"),
    Column::plain("calibration_id", Kind::I64, "", "ID of the employed calibration event"),
    Column::quantity("mc_energy", Kind::F64, "TeV", "Simulated Energy"),
    Column::plain("log_mc_energy", Kind::F64, "", "log of simulated energy/TeV"),
    Column::quantity("mc_alt", Kind::F64, "rad", "Simulated altitude"),
    Column::quantity("mc_az", Kind::F64, "rad", "Simulated azimuth"),
    Column::quantity("mc_core_x", Kind::F64, "m", "Simulated impact point x position"),
    Column::quantity("mc_core_y", Kind::F64, "m", "Simulated impact point y position"),
    Column::quantity("mc_h_first_int", Kind::F64, "m", "Simulated first interaction height"),
    Column::plain(
        "mc_type",
        Kind::I64,
        "",
        "Primary: 0 gamma, 1 electron, 2 muon, 100 A + Z nuclei; negative for antimatter",
    ),
    Column::quantity("mc_az_tel", Kind::F32, "rad", "Telescope MC azimuth pointing"),
    Column::quantity("mc_alt_tel", Kind::F32, "rad", "Telescope MC altitude pointing"),
    Column::quantity("mc_x_max", Kind::F64, "g.cm**-2", "MC Xmax value"),
    Column::quantity("mc_core_distance", Kind::F64, "m", "Distance from the impact point to the telescope"),
    Column::quantity("wl", Kind::F64, "", "width/length"),
    Column::plain("tel_id", Kind::I64, "", "Telescope Id"),
    Column::quantity("tel_pos_x", Kind::F32, "m", "Telescope x position in the ground"),
    Column::quantity("tel_pos_y", Kind::F32, "m", "Telescope y position in the ground"),
    Column::quantity("tel_pos_z", Kind::F32, "m", "Telescope z position in the ground"),
    Column::plain("trigger_type", Kind::I64, "", "Trigger type"),
    Column::plain("trigger_time", Kind::F64, "s", "Trigger time"),
    Column::plain("event_type", Kind::I64, "", "Event type"),
    Column::plain("disp_dx", Kind::F32, "m", "Source position minus centroid"),
    Column::plain("disp_dy", Kind::F32, "m", "Source position minus centroid"),
    Column::plain("disp_norm", Kind::F32, "m", "Distance of the source along the major axis"),
    Column::plain("disp_angle", Kind::F32, "rad", "Direction from the centroid to the source"),
    Column::plain("disp_sign", Kind::F32, "", "Side of the source along the major axis"),
    Column::plain("src_x", Kind::F32, "m", "Source position in the camera"),
    Column::plain("src_y", Kind::F32, "m", "Source position in the camera"),
];

/// The columns of the configuration of a simulation in the order of the files.
pub const RUN_CONFIG: &[Column] = &[
    Column::plain("obs_id", Kind::I32, "", "MC Run Identifier"),
    Column::plain("run_number", Kind::I32, "", "Original sim_telarray run number"),
    Column::plain("corsika_version", Kind::I64, "", "CORSIKA version * 1000"),
    Column::plain("simtel_version", Kind::I64, "", "sim_telarray version * 1000"),
    Column::quantity("energy_range_min", Kind::F32, "TeV", "Lower limit of energy range of primary particle"),
    Column::quantity("energy_range_max", Kind::F32, "TeV", "Upper limit of energy range of primary particle"),
    Column::quantity("prod_site_B_total", Kind::F64, "uT", "total geomagnetic field"),
    Column::quantity("prod_site_B_declination", Kind::F64, "rad", "magnetic declination"),
    Column::quantity("prod_site_B_inclination", Kind::F64, "rad", "magnetic inclination"),
    Column::quantity("prod_site_alt", Kind::F64, "m", "height of observation level"),
    Column::plain("spectral_index", Kind::F64, "", "Power-law spectral index of spectrum"),
    Column::plain("shower_prog_start", Kind::I64, "", "Time when shower simulation started, CORSIKA: only date"),
    Column::plain("shower_prog_id", Kind::I64, "", "CORSIKA=1, ALTAI=2, KASCADE=3, MOCCA=4"),
    Column::plain("detector_prog_start", Kind::I64, "", "Time when detector simulation started"),
    Column::plain("detector_prog_id", Kind::I64, "", "simtelarray=1"),
    Column::plain("n_showers", Kind::I64, "", "Number of showers simulated"),
    Column::plain("shower_reuse", Kind::I64, "", "Numbers of uses of each shower"),
    Column::quantity("max_alt", Kind::F32, "rad", "Maximum shower altitude"),
    Column::quantity("min_alt", Kind::F32, "rad", "Minimum shower altitude"),
    Column::quantity("max_az", Kind::F32, "rad", "Maximum shower azimuth"),
    Column::quantity("min_az", Kind::F32, "rad", "Minimum shower azimuth"),
    Column::plain("diffuse", Kind::I64, "", "Diffuse Mode On/Off"),
    Column::quantity("max_viewcone_radius", Kind::F32, "deg", "Maximum viewcone radius"),
    Column::quantity("min_viewcone_radius", Kind::F32, "deg", "Minimum viewcone radius"),
    Column::quantity("max_scatter_range", Kind::F32, "m", "Maximum scatter range"),
    Column::quantity("min_scatter_range", Kind::F32, "m", "Minimum scatter range"),
    Column::plain("core_pos_mode", Kind::I64, "", "Core Position Mode (0=Circular, 1=Rectangular)"),
    Column::plain("atmosphere", Kind::I64, "", "Atmospheric model number"),
    Column::plain("corsika_iact_options", Kind::I64, "", "CORSIKA simulation options for IACTs"),
    Column::plain("corsika_low_E_model", Kind::I64, "", "CORSIKA low-energy simulation physics model"),
    Column::plain(
        "corsika_high_E_model",
        Kind::I64,
        "",
        "CORSIKA physics model ID for high energies (1=VENUS, 2=SIBYLL, 3=QGSJET, 4=DPMJET, 5=NeXus, 6=EPOS) ",
    ),
    Column::plain("corsika_bunchsize", Kind::F64, "", "Number of Cherenkov photons per bunch"),
    Column::quantity("corsika_wlen_min", Kind::F64, "nm", "Minimum wavelength of cherenkov light"),
    Column::quantity("corsika_wlen_max", Kind::F64, "nm", "Maximum wavelength of cherenkov light"),
    Column::plain("corsika_low_E_detail", Kind::I64, "", "More details on low E interaction model (version etc.)"),
    Column::plain("corsika_high_E_detail", Kind::I64, "", "More details on high E interaction model (version etc.)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<&str> = DL1_PARAMETERS.iter().map(|column| column.name).collect();
        assert_eq!((names.len(), DL1_PARAMETERS.len()), (57, 57));
    }
}
