//! Every column of every table: name, type, unit, meaning, and where foreign formats keep it.
//!
//! `ntuple` is the branch of the CMSSW `HGCalTriggerNtuple` tree, `skim` the column of the reduced tree that the Python
//! production writes (prefix `good_`).

pub use recoil_table::ColumnType;

use ColumnType::{F32, F64, I16, I32, I64, Text, U32};

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Name on file.
    pub name: &'static str,
    /// Element type.
    pub ty: ColumnType,
    /// Unit; empty for pure numbers.
    pub unit: &'static str,
    /// Meaning, one line.
    pub doc: &'static str,
    /// Branch of the CMSSW trigger ntuple, if it has one.
    pub ntuple: Option<&'static str>,
    /// Column of the skim, if it has one.
    pub skim: Option<&'static str>,
}

pub(crate) const fn column(name: &'static str, ty: ColumnType, unit: &'static str, doc: &'static str) -> ColumnDef {
    ColumnDef { name, ty, unit, doc, ntuple: None, skim: None }
}

const fn mapped(mut def: ColumnDef, ntuple: &'static str, skim: &'static str) -> ColumnDef {
    def.ntuple = if ntuple.is_empty() { None } else { Some(ntuple) };
    def.skim = if skim.is_empty() { None } else { Some(skim) };
    def
}

/// Event number; `(sample, event)` names an event where a `sample` column exists.
pub const EVENT: ColumnDef = mapped(column("event", I64, "", "event number"), "event", "event");
/// Sample label.
pub const SAMPLE: ColumnDef = column("sample", Text, "", "sample that the event belongs to");

/// Trigger cells, one row per cell.
pub const TCS: &[ColumnDef] = &[
    EVENT,
    mapped(column("tc_wu", I32, "", "wafer coordinate u (-999: scintillator)"), "tc_waferu", "good_tc_waferu"),
    mapped(column("tc_wv", I32, "", "wafer coordinate v (-999: scintillator)"), "tc_waferv", "good_tc_waferv"),
    mapped(column("tc_cu", I32, "", "cell coordinate u, or ieta of a scintillator cell"), "tc_cellu", "good_tc_cellu"),
    mapped(column("tc_cv", I32, "", "cell coordinate v, or iphi of a scintillator cell"), "tc_cellv", "good_tc_cellv"),
    mapped(column("tc_layer", I32, "", "layer, CE-H after CE-E"), "tc_layer", "good_tc_layer"),
    mapped(column("tc_pt", F32, "GeV", "transverse momentum"), "tc_pt", "good_tc_pt"),
    mapped(column("tc_mipPt", F32, "mipT", "transverse energy in MIP units"), "tc_mipPt", "good_tc_mipPt"),
    mapped(column("tc_energy", F32, "GeV", "energy"), "tc_energy", "good_tc_energy"),
    mapped(column("tc_x", F32, "cm", "position x"), "tc_x", "good_tc_x"),
    mapped(column("tc_y", F32, "cm", "position y"), "tc_y", "good_tc_y"),
    mapped(column("tc_z", F32, "cm", "position z; its sign is the endcap"), "tc_z", "good_tc_z"),
    mapped(column("tc_eta", F32, "", "pseudorapidity"), "tc_eta", "good_tc_eta"),
    mapped(column("tc_phi", F32, "rad", "azimuth"), "tc_phi", "good_tc_phi"),
];

/// Optional trigger-cell column: sub-detector (1 CE-E, 2 CE-H silicon, 10 CE-H scintillator).
pub const TC_SUBDET: ColumnDef =
    mapped(column("tc_subdet", I32, "", "sub-detector: 1, 2 or 10"), "tc_subdet", "good_tc_subdet");

/// Generated particles, one row per particle.
pub const GEN: &[ColumnDef] = &[
    EVENT,
    mapped(column("gen_eta", F64, "", "pseudorapidity at the calorimeter face"), "genpart_exeta", "good_genpart_exeta"),
    mapped(column("gen_phi", F64, "rad", "azimuth at the calorimeter face"), "genpart_exphi", "good_genpart_exphi"),
    mapped(column("gen_en", F64, "GeV", "energy"), "genpart_energy", "good_genpart_energy"),
    mapped(column("gen_pt", F64, "GeV", "transverse momentum"), "genpart_pt", "good_genpart_pt"),
];

/// Optional generated-particle column: PDG code.
pub const GEN_PID: ColumnDef = mapped(column("gen_pid", I32, "", "PDG code"), "genpart_pid", "good_genpart_pid");

/// Clusters made by CMSSW that travel with the input, one row per cluster.
pub const CL3D: &[ColumnDef] = &[
    EVENT,
    mapped(column("cl3d_eta", F64, "", "pseudorapidity"), "cl3d_eta", "good_cl3d_eta"),
    mapped(column("cl3d_phi", F64, "rad", "azimuth"), "cl3d_phi", "good_cl3d_phi"),
    mapped(column("cl3d_en", F64, "GeV", "energy"), "cl3d_energy", "good_cl3d_energy"),
    mapped(column("cl3d_pt", F64, "GeV", "transverse momentum"), "cl3d_pt", "good_cl3d_pt"),
    mapped(column("cl3d_id", U32, "", "identifier"), "cl3d_id", "good_cl3d_id"),
];

/// Occupied bins of the (R/z, phi) histogram.
pub const HIST: &[ColumnDef] = &[
    EVENT,
    column("rz_bin", I16, "", "R/z row, 0..41"),
    column("phi_bin", I16, "", "phi column, 0..215"),
    column("mipPt", F64, "mipT", "sum of mipT"),
    column("wght_x", F64, "", "mipT-weighted mean of x/|z|"),
    column("wght_y", F64, "", "mipT-weighted mean of y/|z|"),
];

/// Non-zero bins after smoothing.
pub const SMOOTH: &[ColumnDef] = &[
    EVENT,
    column("rz_bin", I16, "", "R/z row, 0..41"),
    column("phi_bin", I16, "", "phi column, 0..215"),
    column("energy", F64, "mipT", "smoothed mipT"),
];

/// Seeds, in row-major bin order inside an event (negative endcap after the positive one).
pub const SEEDS: &[ColumnDef] = &[
    EVENT,
    column("seed_index", I32, "", "index of the seed in its event"),
    column("energy", F64, "mipT", "smoothed mipT of the seed bin"),
    column("x_over_z", F64, "", "x/|z| of the seed"),
    column("y_over_z", F64, "", "y/|z| of the seed"),
];

/// Clusters, one row per cluster.
pub const CLUSTERS: &[ColumnDef] = &[
    EVENT,
    column("seed_idx", I32, "", "index of the seed in its event"),
    column("en", F64, "GeV", "energy, pt cosh(eta)"),
    column("pt", F64, "GeV", "scalar sum of the cells' transverse momenta"),
    column("x", F64, "cm", "mipT-weighted mean x"),
    column("y", F64, "cm", "mipT-weighted mean y"),
    column("z", F64, "cm", "mipT-weighted mean z"),
    column("Rz", F64, "", "R/|z| from eta"),
    column("eta", F64, "", "pseudorapidity of (x, y, z)"),
    column("phi", F64, "rad", "azimuth of (x, y)"),
];

/// Which seed each clustered cell went to. Cells that are absent are unclustered.
pub const ASSIGNMENT: &[ColumnDef] = &[
    EVENT,
    column("seed_idx", I32, "", "index of the seed in its event"),
    column("tc_wu", I32, "", "wafer coordinate u"),
    column("tc_wv", I32, "", "wafer coordinate v"),
    column("tc_cu", I32, "", "cell coordinate u"),
    column("tc_cv", I32, "", "cell coordinate v"),
    column("tc_layer", I32, "", "layer"),
];

/// Row of a cell inside its event.
pub const TC_INDEX: ColumnDef = column("tc_index", I64, "", "row of the cell in its event");
/// Endcap of a histogram or a seed.
pub const ZSIDE: ColumnDef = column("zside", I32, "", "endcap: 1 or -1");
/// Extra column of [`ASSIGNMENT`] when energy is shared: the part of the cell that goes to the seed.
pub const ASSIGNMENT_FRACTION: ColumnDef = column("fraction", F64, "", "part of the cell given to the seed");

/// Modules selected by coarse seeding.
pub const CS_MODULES: &[ColumnDef] = &[
    EVENT,
    column("cs_id", I64, "", "index of the region in its event"),
    column("wu", I64, "", "wafer coordinate u of the central module"),
    column("wv", I64, "", "wafer coordinate v of the central module"),
];

/// Extra column of [`CS_MODULES`]: what selected the module.
pub const CS_MODULE_SUM: ColumnDef = column("mipPt", F64, "mipT", "sum of mipT over the layers of coarse seeding");

/// Extra cell columns of the skim: the cluster of CMSSW that holds the cell.
pub const TC_MULTICLUSTER: ColumnDef = mapped(
    column("tc_multicluster_id", U32, "", "CMSSW cluster of the cell"),
    "tc_multicluster_id",
    "good_tc_multicluster_id",
);

/// Comparison of particles and clusters, one row per particle.
pub const VALIDATION: &[ColumnDef] = &[
    EVENT,
    column("particle", I32, "", "row of the particle in its event"),
    column("genen", F64, "GeV", "energy of the particle"),
    column("geneta", F64, "", "pseudorapidity of the particle"),
    column("genphi", F64, "rad", "azimuth of the particle"),
    column("genpt", F64, "GeV", "transverse momentum of the particle, energy / cosh(eta)"),
    column("tcallen", F64, "GeV", "energy of the cells"),
    column("tcalleta", F64, "", "pt-weighted eta of the cells"),
    column("tcallphi", F64, "rad", "pt-weighted phi of the cells"),
    column("tcallpt", F64, "GeV", "transverse momentum of the cells"),
    column("tcallresen", F64, "", "energy of the cells over that of the particle, minus 1"),
    column("tcallreseta", F64, "", "eta of the cells minus that of the particle"),
    column("tcallresphi", F64, "rad", "phi of the cells minus that of the particle"),
    column("tcallrespt", F64, "", "pt of the cells over that of the particle, minus 1"),
    column("clen", F64, "GeV", "energy of the leading cluster"),
    column("cleta", F64, "", "eta of the leading cluster"),
    column("clphi", F64, "rad", "phi of the leading cluster"),
    column("clpt", F64, "GeV", "transverse momentum of the leading cluster"),
    column("clresen", F64, "", "energy of the cluster over that of the particle, minus 1"),
    column("clreseta", F64, "", "eta of the cluster minus that of the particle"),
    column("clresphi", F64, "rad", "phi of the cluster minus that of the particle"),
    column("clrespt", F64, "", "pt of the cluster over that of the particle, minus 1"),
    column("nclusters", I64, "", "number of clusters"),
];

/// Leading cluster of every particle at every radius of a scan.
pub const SCAN_ROWS: &[ColumnDef] = &[
    EVENT,
    column("coef", F64, "", "clustering radius in (x/z, y/z)"),
    column("particle", I32, "", "row of the particle in its event"),
    column("gen_en", F64, "GeV", "energy of the particle"),
    column("gen_eta", F64, "", "pseudorapidity of the particle"),
    column("gen_phi", F64, "rad", "azimuth of the particle"),
    column("en", F64, "GeV", "energy of the leading cluster"),
    column("eta", F64, "", "pseudorapidity of the leading cluster"),
    column("phi", F64, "rad", "azimuth of the leading cluster"),
    column("en_norm", F64, "", "energy of the cluster over that of the particle"),
    column("pt_norm", F64, "", "transverse momentum of the cluster over that of the particle"),
    column("nclusters", I64, "", "number of clusters of the particle"),
    column("nother", I64, "", "number of clusters of the event that belong to no particle"),
];

/// One row per radius of a scan.
pub const SCAN_POINTS: &[ColumnDef] = &[
    column("coef", F64, "", "clustering radius in (x/z, y/z)"),
    column("particles", I64, "", "number of particles"),
    column("efficiency", F64, "", "particles with a cluster"),
    column("efficiency_low", F64, "", "lower end of its 95 % interval"),
    column("efficiency_high", F64, "", "upper end of its 95 % interval"),
    column("en_mean", F64, "", "mean energy response"),
    column("en_rms", F64, "", "its standard deviation over its mean"),
    column("en_eff_rms", F64, "", "half of its shortest 68 % interval over its mean"),
    column("en_gaussianity", F64, "", "|rms - effective rms| / rms"),
    column("pt_mean", F64, "", "mean pt response"),
    column("pt_rms", F64, "", "its standard deviation over its mean"),
    column("pt_eff_rms", F64, "", "half of its shortest 68 % interval over its mean"),
    column("pt_gaussianity", F64, "", "|rms - effective rms| / rms"),
    column("nother", F64, "", "mean number of clusters per event that belong to no particle"),
];

/// Column of `table` called `name`.
pub fn find(table: &'static [ColumnDef], name: &str) -> Option<&'static ColumnDef> {
    table.iter().find(|c| c.name == name)
}

/// Name of the tree of the CMSSW ntuple; its directory is named after the trigger chain that made it.
pub const NTUPLE_TREE: &str = "HGCalTriggerNtuple";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_inside_a_table() {
        for table in [TCS, GEN, CL3D, HIST, SMOOTH, SEEDS, CLUSTERS, ASSIGNMENT, CS_MODULES] {
            let names: std::collections::BTreeSet<_> = table.iter().map(|c| c.name).collect();
            assert_eq!(names.len(), table.len());
        }
    }

    #[test]
    fn every_cell_column_has_a_foreign_name() {
        assert!(TCS.iter().all(|c| c.ntuple.is_some() && c.skim.is_some()));
        assert_eq!(find(TCS, "tc_wu").and_then(|c| c.ntuple), Some("tc_waferu"));
    }
}
