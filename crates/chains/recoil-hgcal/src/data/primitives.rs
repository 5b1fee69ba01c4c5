//! Columns of the tables around the chain: simulation truth, Stage 1, towers, shapes, geometry and the phi optimisation.

use super::columns::{ColumnDef, ColumnType, EVENT, column};
use ColumnType::{F32, F64, I32, I64};

/// Truth columns of simulated trigger cells.
pub const TC_TRUTH: &[ColumnDef] = &[
    column("tc_simenergy", F32, "GeV", "energy that the generated particles left in the cell"),
    column("tc_genparticle_index", I32, "", "generated particle with most energy in the cell; -1: pile-up or noise"),
];

/// Occupancy of the links from Stage 1 to Stage 2, one row per R/z bin.
pub const STAGE1_OCCUPANCY: &[ColumnDef] = &[
    column("rz_bin", I32, "", "R/z bin of Stage 1, 0 near the beam"),
    column("cells", F64, "", "mean number of cells per sector and azimuthal region"),
    column("kept", F64, "", "mean number of cells that pass"),
    column("limit", I32, "", "largest number of cells that pass"),
    column("overflow", F64, "", "fraction of sectors and regions with more cells than pass"),
    column("largest", I32, "", "largest number of cells seen in a sector and region"),
];

/// Trigger towers with signal.
pub const TOWERS: &[ColumnDef] = &[
    EVENT,
    column("zside", I32, "", "endcap: 1 or -1"),
    column("eta_bin", I32, "", "bin of |eta|, 0 at large angles"),
    column("phi_bin", I32, "", "bin of azimuth, 0 at -pi"),
    column("eta", F64, "", "|eta| of the middle of the tower"),
    column("phi", F64, "rad", "azimuth of the middle of the tower"),
    column("em", F64, "GeV", "transverse momentum in CE-E"),
    column("had", F64, "GeV", "transverse momentum in CE-H"),
    column("total", F64, "GeV", "transverse momentum in both"),
];

/// Shapes of clusters, one row per cluster.
pub const SHAPES: &[ColumnDef] = &[
    EVENT,
    column("seed_idx", I32, "", "index of the seed in its event"),
    column("showerlength", I32, "", "layers from the first to the last, both counted"),
    column("coreshowerlength", I32, "", "longest run of consecutive trigger layers with signal"),
    column("firstlayer", I32, "", "first layer with signal"),
    column("maxlayer", I32, "", "layer with most energy"),
    column("layer10", I32, "", "first layer where the summed energy passes 10 %"),
    column("layer50", I32, "", "first layer where the summed energy passes 50 %"),
    column("layer90", I32, "", "first layer where the summed energy passes 90 %"),
    column("ntc67", I32, "", "smallest number of cells with 67 % of the energy"),
    column("ntc90", I32, "", "smallest number of cells with 90 % of the energy"),
    column("seetot", F64, "", "width in eta"),
    column("seemax", F64, "", "largest width in eta of a layer"),
    column("spptot", F64, "rad", "width in azimuth"),
    column("sppmax", F64, "rad", "largest width in azimuth of a layer"),
    column("szz", F64, "cm", "width along the beam"),
    column("srrtot", F64, "", "width in R/z"),
    column("srrmax", F64, "", "largest width in R/z of a layer"),
    column("srrmean", F64, "", "energy-weighted mean width in R/z of the layers near their hottest cell"),
    column("emaxe", F64, "", "energy of the layer with most energy over the energy of the cluster"),
    column("hoe", F64, "", "energy in CE-H over energy in CE-E"),
    column("meanz", F64, "cm", "energy-weighted mean of |z|"),
    column("em_energy", F64, "GeV", "electromagnetic interpretation of the cluster"),
];

/// Geometry of the trigger cells, as the tree of the CMSSW geometry tester has it.
pub const GEOMETRY: &[ColumnDef] = &[
    column("zside", I32, "", "endcap: 1 or -1"),
    column("subdet", I32, "", "sub-detector: 1 CE-E, 2 CE-H silicon, 10 CE-H scintillator"),
    column("layer", I32, "", "layer, counted from 1 in CE-E and in CE-H"),
    column("waferu", I32, "", "wafer coordinate u (-999: scintillator)"),
    column("waferv", I32, "", "wafer coordinate v (-999: scintillator)"),
    column("triggercellu", I32, "", "cell coordinate u (-999: scintillator)"),
    column("triggercellv", I32, "", "cell coordinate v (-999: scintillator)"),
    column("triggercellieta", I32, "", "ring of a scintillator cell (-999: silicon)"),
    column("triggercelliphi", I32, "", "azimuthal number of a scintillator cell (-999: silicon)"),
    column("x", F32, "cm", "position"),
    column("y", F32, "cm", "position"),
    column("z", F32, "cm", "position along the beam"),
    column("eta", F32, "", "pseudorapidity"),
    column("phi", F32, "rad", "azimuth"),
    column("waferorient", I32, "", "orientation of the wafer, 0 to 5; 6: the only one of V11"),
    column("waferpart", I32, "", "part of a wafer; 0: full"),
];

/// Cells that the phi optimisation moved, endcap at positive z.
pub const MOVED_CELLS: &[ColumnDef] = &[
    column("ipar", F64, "", "parameter of the optimisation"),
    column("layer", I32, "", "layer, CE-H after CE-E"),
    column("wu", I32, "", "wafer coordinate u"),
    column("wv", I32, "", "wafer coordinate v"),
    column("cu", I32, "", "cell coordinate u"),
    column("cv", I32, "", "cell coordinate v"),
    column("phi_old", F64, "rad", "azimuth before"),
    column("phi_new", F64, "rad", "azimuth after"),
];

/// One row per parameter of the phi optimisation.
pub const PHI_SCAN: &[ColumnDef] = &[
    column("ipar", F64, "", "parameter: 0 flattens fully, 1 moves nothing"),
    column("cells", I64, "", "cells of the region"),
    column("moved_fraction", F64, "", "fraction of them that moved"),
    column("mean_arc", F64, "cm", "mean arc that the moved cells travelled"),
    column("max_arc", F64, "cm", "largest arc"),
    column("mean_distance", F64, "cm", "mean straight distance"),
    column("roughness_before", F64, "", "rms difference of cells in neighbouring bins before"),
    column("roughness_after", F64, "", "rms difference of cells in neighbouring bins after"),
    column("sweeps", I64, "", "sweeps over the bins, summed over rows"),
    column("rows_not_settled", I64, "", "rows that were left while cells moved without gain"),
];

/// What the chain finds with the moved cells: further columns of [`PHI_SCAN`] when events are given.
pub const PHI_SCAN_CHAIN: &[ColumnDef] = &[
    column("events", I64, "", "events"),
    column("seeded", I64, "", "events with a seed"),
    column("split", I64, "", "endcaps with more clusters than generated particles"),
    column("split_fraction", F64, "", "their fraction of the endcaps with a cluster and a particle"),
    column("response", F64, "", "mean energy of the leading cluster over that of the leading particle"),
    column("response_eff_rms", F64, "", "half of the shortest interval with 68 % of the responses"),
];
