//! Names, types, units and meanings of the columns.

use arrow_schema::Field;
pub use recoil_table::ColumnType;

/// A column: name, type, unit, meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Name on file.
    pub name: &'static str,
    /// Type.
    pub ty: ColumnType,
    /// Unit; empty for numbers without one.
    pub unit: &'static str,
    /// Meaning.
    pub doc: &'static str,
}

const fn column(name: &'static str, ty: ColumnType, unit: &'static str, doc: &'static str) -> ColumnDef {
    ColumnDef { name, ty, unit, doc }
}

/// Event number; one event has many wafers.
pub const ENTRY: ColumnDef = column("entry", ColumnType::I64, "", "event that the wafer belongs to");
/// Simulated energy on the wafer.
pub const SIM_ENERGY: ColumnDef =
    column("SimEnergyTotal", ColumnType::F64, "GeV", "simulated energy deposited on the wafer");
/// Simulated energy of the event.
pub const EVENT_SIM_ENERGY: ColumnDef =
    column("EventSimEnergy", ColumnType::F64, "GeV", "simulated energy deposited in the event");
/// Share of the event's energy on the wafer.
pub const SIM_FRACTION: ColumnDef =
    column("SimEnergyFraction", ColumnType::F64, "", "share of the event's simulated energy on the wafer");
/// Endcap.
pub const ZSIDE: ColumnDef = column("zside", ColumnType::I32, "", "endcap: 1 or -1");
/// Sub-detector.
pub const SUBDET: ColumnDef = column("subdet", ColumnType::I32, "", "sub-detector: 1 CE-E, 2 CE-H silicon");
/// Layer.
pub const LAYER: ColumnDef = column("layer", ColumnType::I32, "", "layer, from 1");
/// Wafer coordinate.
pub const WAFER_U: ColumnDef = column("waferu", ColumnType::I32, "", "wafer coordinate u");
/// Wafer coordinate.
pub const WAFER_V: ColumnDef = column("waferv", ColumnType::I32, "", "wafer coordinate v");
/// Density of the wafer.
pub const DENSITY: ColumnDef = column("HD_LD", ColumnType::Text, "", "density of the module: HD or LD");
/// Shape of the wafer.
pub const MODULE_TYPE: ColumnDef =
    column("ModType", ColumnType::Text, "", "shape of the module; full ones are FI, FM and FO");
/// Pseudorapidity of the wafer.
pub const ETA: ColumnDef = column("eta", ColumnType::F32, "", "pseudorapidity of the wafer's centre");

/// Columns beside the charges that a CALQ table may have, in the order in which they are written.
pub const ABOUT_WAFER: &[ColumnDef] = &[
    ENTRY,
    SIM_ENERGY,
    EVENT_SIM_ENERGY,
    SIM_FRACTION,
    ZSIDE,
    SUBDET,
    LAYER,
    WAFER_U,
    WAFER_V,
    DENSITY,
    MODULE_TYPE,
    ETA,
];

impl ColumnDef {
    /// The column as a field of a table.
    pub fn field(&self) -> Field {
        recoil_table::field(self.name, self.ty.data_type(), self.unit, self.doc)
    }
}

/// A family of numbered columns, such as `CALQ_0` to `CALQ_47`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyDef {
    /// Name in front of `_0`, `_1`, ...
    pub prefix: &'static str,
    /// Number of columns.
    pub count: usize,
    /// Type of each.
    pub ty: ColumnType,
    /// Unit.
    pub unit: &'static str,
    /// Meaning; `{}` is the number.
    pub doc: &'static str,
}

impl FamilyDef {
    /// The columns as fields of a table.
    pub fn fields(&self) -> impl Iterator<Item = Field> + '_ {
        (0..self.count).map(move |i| {
            let field = ColumnDef { name: "", ty: self.ty, unit: self.unit, doc: "" }.field();
            let doc = self.doc.replace("{}", &i.to_string());
            recoil_table::field(&format!("{}_{i}", self.prefix), field.data_type().clone(), self.unit, &doc)
        })
    }
}

/// The calibrated charges of a wafer.
pub const CALQ: FamilyDef = FamilyDef {
    prefix: "CALQ",
    count: crate::wafer::CELLS,
    ty: ColumnType::U32,
    unit: "counts",
    doc: "calibrated charge of trigger cell {}; 35 counts are one transverse MIP",
};
