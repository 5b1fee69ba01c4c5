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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<&str> = DL1_PARAMETERS.iter().map(|column| column.name).collect();
        assert_eq!((names.len(), DL1_PARAMETERS.len()), (57, 57));
    }
}
