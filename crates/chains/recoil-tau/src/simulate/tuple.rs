//! Generated candidates as the columns of the candidate tuple.

use std::collections::HashMap;

use rayon::prelude::*;
use recoil_root::{Column, Prim, Type, Values};

use super::candidate::Row;
use super::lepton::{ELECTRON_COLUMNS, MUON_COLUMNS, ObjectRow};
use super::particles::{CHARGED, ELECTRON, MUON, NEUTRAL, PHOTON, Particle};
use super::sample::Truth;
use crate::data::columns::{ColumnDef, tuple};
use crate::data::truth::delta_phi;
use crate::scaling::cones::signal_radius;

/// Names and types of all columns.
pub fn tuple_columns() -> Vec<(String, Type)> {
    tuple().iter().map(|column| (column.name.to_owned(), column.ty())).collect()
}

/// Numbers of some columns: one per candidate, or lists.
type Numbers = HashMap<String, Vec<f64>>;

/// Values of the columns that are not zero.
pub fn columns(rows: &[Row]) -> Vec<Column> {
    let made: Vec<Candidate> = rows.par_iter().map(Candidate::of).collect();
    let mut scalars: Numbers = HashMap::new();
    for candidate in &made {
        for (name, value) in &candidate.scalars {
            match scalars.get_mut(*name) {
                Some(column) => column.push(*value),
                None => {
                    scalars.insert((*name).to_owned(), vec![*value]);
                }
            }
        }
    }
    let mut lists: HashMap<String, (Vec<i64>, Vec<f64>)> = HashMap::new();
    let particles = |candidate: &Candidate| candidate.particles.len();
    add_lists(&mut lists, "pfCand", &PARTICLE_COLUMNS, &made, particles, |c, i, k| {
        c.particles.get(i).and_then(|row| row.get(k)).copied().unwrap_or(0.0)
    });
    let object = |rows: &[ObjectRow], i: usize, k: usize| {
        f64::from(rows.get(i).and_then(|row| row.get(k)).copied().unwrap_or(0.0))
    };
    add_lists(
        &mut lists,
        "ele",
        &ELECTRON_COLUMNS,
        &made,
        |c| c.row.electrons.len(),
        |c, i, k| object(&c.row.electrons, i, k),
    );
    add_lists(&mut lists, "muon", &MUON_COLUMNS, &made, |c| c.row.muons.len(), |c, i, k| object(&c.row.muons, i, k));
    // the chambers that today's detector does not have
    let muons: Vec<i64> = lists.get("muon_pt").map(|(offsets, _)| offsets.clone()).unwrap_or_default();
    for detector in ["GEM", "ME0"] {
        for station in 1..=4 {
            for kind in ["matches", "hits"] {
                let zeros = vec![0.0; muons.last().and_then(|n| usize::try_from(*n).ok()).unwrap_or(0)];
                lists.insert(format!("muon_n_{kind}_{detector}_{station}"), (muons.clone(), zeros));
            }
        }
    }
    tuple().par_iter().map(|column| finish(column, rows.len(), &scalars, &lists)).collect()
}

fn add_lists(
    lists: &mut HashMap<String, (Vec<i64>, Vec<f64>)>,
    collection: &str,
    names: &[&str],
    made: &[Candidate<'_>],
    count: impl Fn(&Candidate<'_>) -> usize,
    value: impl Fn(&Candidate<'_>, usize, usize) -> f64,
) {
    let mut offsets = vec![0_i64];
    let mut total = 0;
    for candidate in made {
        total += count(candidate);
        offsets.push(total as i64);
    }
    for (k, name) in names.iter().enumerate() {
        let mut values = Vec::with_capacity(total);
        for candidate in made {
            values.extend((0..count(candidate)).map(|i| value(candidate, i, k)));
        }
        lists.insert(format!("{collection}_{name}"), (offsets.clone(), values));
    }
}

fn finish(column: &ColumnDef, rows: usize, scalars: &Numbers, lists: &HashMap<String, (Vec<i64>, Vec<f64>)>) -> Column {
    if column.list {
        let (offsets, numbers) = match lists.get(column.name) {
            Some((offsets, numbers)) => (offsets.clone(), typed(column.prim, numbers)),
            None => (vec![0; rows + 1], Values::with_capacity(column.prim, 0)),
        };
        return Column::List { offsets, inner: Box::new(Column::Prim(numbers)) };
    }
    let is_id = column.name.starts_with("dataset_");
    Column::Prim(match scalars.get(column.name) {
        Some(numbers) => typed(column.prim, numbers),
        None if is_id => vec![u64::MAX; rows].into(),
        None => typed(column.prim, &vec![0.0; rows]),
    })
}

fn typed(prim: Prim, numbers: &[f64]) -> Values {
    macro_rules! cast {
        ($ty:ty) => {
            numbers.iter().map(|number| *number as $ty).collect::<Vec<$ty>>().into()
        };
    }
    match prim {
        Prim::Bool => numbers.iter().map(|number| *number != 0.0).collect::<Vec<bool>>().into(),
        Prim::I8 => cast!(i8),
        Prim::U8 => cast!(u8),
        Prim::I16 => cast!(i16),
        Prim::U16 => cast!(u16),
        Prim::I32 => cast!(i32),
        Prim::U32 => cast!(u32),
        Prim::I64 => cast!(i64),
        Prim::U64 => cast!(u64),
        Prim::F32 => cast!(f32),
        Prim::F64 => cast!(f64),
    }
}

/// A candidate with the numbers that follow from its particles.
struct Candidate<'a> {
    row: &'a Row,
    scalars: Vec<(&'static str, f64)>,
    particles: Vec<[f64; 45]>,
}

const PARTICLE_COLUMNS: [&str; 45] = [
    "index",
    "tauSignal",
    "tauLeadChargedHadrCand",
    "tauIso",
    "boostedTauSignal",
    "boostedTauLeadChargedHadrCand",
    "boostedTauIso",
    "jetDaughter",
    "fatJetDaughter",
    "subJetDaughter",
    "pt",
    "eta",
    "phi",
    "mass",
    "pvAssociationQuality",
    "fromPV",
    "puppiWeight",
    "puppiWeightNoLep",
    "particleType",
    "charge",
    "lostInnerHits",
    "nHits",
    "nPixelHits",
    "nPixelLayers",
    "nStripLayers",
    "vertex_x",
    "vertex_y",
    "vertex_z",
    "vertex_t",
    "time",
    "timeError",
    "hasTrackDetails",
    "dxy",
    "dxy_error",
    "dz",
    "dz_error",
    "track_pt",
    "track_eta",
    "track_phi",
    "track_chi2",
    "track_ndof",
    "caloFraction",
    "hcalFraction",
    "rawCaloFraction",
    "rawHcalFraction",
];

/// A number in [0, 1) that is the same for the same particle.
fn hash(particle: &Particle, salt: u64) -> f64 {
    let mut bits =
        particle.pt.to_bits() ^ particle.eta.to_bits().rotate_left(21) ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2 {
        bits = (bits ^ (bits >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    ((bits ^ (bits >> 29)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl<'a> Candidate<'a> {
    fn of(row: &'a Row) -> Self {
        let lead = row.particles.iter().position(|particle| particle.signal && particle.charge != 0);
        let particles = row.particles.iter().enumerate().map(|(i, p)| particle_row(row, i, p, lead == Some(i)));
        let particles: Vec<[f64; 45]> = particles.collect();
        let mut scalars = event(row);
        scalars.extend(truth(row));
        scalars.extend(reconstructed(row, lead.and_then(|lead| row.particles.get(lead))));
        Self { row, scalars, particles }
    }
}

fn distance(row: &Row, particle: &Particle) -> f64 {
    let [_, eta, phi, _] = row.momentum;
    (particle.eta - eta).hypot(delta_phi(particle.phi, phi))
}

fn particle_row(row: &Row, index: usize, p: &Particle, is_lead: bool) -> [f64; 45] {
    let flag = |value: bool| f64::from(u8::from(value));
    let distance = distance(row, p);
    let track = p.has_track();
    let with_track = |value: f64| if track { value } else { 0.0 };
    let random = |salt: u64| hash(p, salt);
    let [x, y, z] = row.vertex;
    let mass = match p.kind {
        CHARGED => 0.1396,
        ELECTRON => 0.000_511,
        MUON => 0.1057,
        NEUTRAL => 0.4976,
        _ => 0.0,
    };
    let quality = match (p.charge != 0, p.pile_up, track) {
        (false, ..) => 1.0,
        (true, true, _) => flag(random(1) < 0.3),
        (true, false, true) => 5.0 + flag(random(1) < 0.7) + flag(random(2) < 0.3),
        (true, false, false) => 4.0,
    };
    let from_vertex = match (p.charge != 0, p.pile_up) {
        (false, _) => 1.0,
        (true, true) => flag(random(3) < 0.5),
        (true, false) => 3.0,
    };
    let puppi = match (p.charge != 0, p.pile_up) {
        (true, true) => 0.0,
        (true, false) => 1.0,
        (false, true) => 0.45 * random(4),
        (false, false) => 0.4 + 0.6 * random(4),
    };
    let ndof = (14.0 + 18.0 * random(5)).floor();
    let chi2 = ndof * (0.6 + 0.8 * random(6));
    let hits = (11.0 + 10.0 * random(7)).floor();
    let pixel = (2.0 + 4.5 * random(8)).floor();
    let hadronic = match p.kind {
        NEUTRAL => 1.0,
        CHARGED => 0.4 * random(9),
        _ => 0.0,
    };
    let calo = if p.kind == CHARGED { 0.3 + random(10) } else { 0.0 };
    let lost = if p.charge == 0 {
        0.0
    } else if random(11) < 0.9 {
        -1.0
    } else {
        (2.0 * random(12)).floor()
    };
    let dxy_error = 0.0015 + 0.004 / p.pt.max(0.95);
    let angle = std::f64::consts::FRAC_PI_2;
    [
        index as f64,
        flag(p.signal),
        flag(is_lead),
        flag(!p.signal && distance < 0.5),
        0.0,
        0.0,
        0.0,
        flag(distance < 0.4),
        0.0,
        -1.0,
        p.pt,
        p.eta,
        p.phi,
        mass,
        quality,
        from_vertex,
        puppi,
        puppi,
        f64::from(p.kind),
        f64::from(p.charge),
        lost,
        with_track(hits),
        with_track(pixel),
        with_track(pixel.min(4.0)),
        with_track((hits - pixel).max(0.0)),
        x + with_track(p.dxy * (p.phi + angle).cos()),
        y + with_track(p.dxy * (p.phi + angle).sin()),
        z + p.dz,
        0.0,
        0.0,
        -1.0,
        flag(track),
        with_track(p.dxy),
        with_track(dxy_error),
        with_track(p.dz),
        with_track(1.6 * dxy_error),
        with_track(p.pt),
        with_track(p.eta),
        with_track(p.phi),
        with_track(chi2),
        with_track(ndof),
        flag(matches!(p.kind, CHARGED | NEUTRAL) && random(13) < 0.85),
        hadronic,
        calo,
        hadronic,
    ]
}

fn event(row: &Row) -> Vec<(&'static str, f64)> {
    let [x, y, z] = row.vertex;
    vec![
        ("run", 1.0),
        ("lumi", 1.0),
        ("evt", row.collision as f64 + 1.0),
        ("npv", (row.rho * 1.4).round()),
        ("rho", row.rho),
        ("genEventWeight", 1.0),
        ("trainingWeight", 1.0),
        ("sampleType", 1.0),
        ("npu", row.rho * 1.5),
        ("pv_x", x),
        ("pv_y", y),
        ("pv_z", z),
        ("pv_xE", 0.0012),
        ("pv_yE", 0.0012),
        ("pv_zE", 0.0025),
        ("pv_chi2", 40.0),
        ("pv_ndof", 60.0),
        ("entry_index", f64::from(row.entry[0])),
        ("total_entries", f64::from(row.entry[1])),
    ]
}

fn truth(row: &Row) -> Vec<(&'static str, f64)> {
    let [pt, eta, phi, mass] = row.generated;
    let (int, float) = (f64::from(i32::MIN), f64::from(f32::MIN));
    let is_lepton = (1..=5).contains(&row.kind);
    let is_jet = row.kind == 6;
    let lepton = |value: f64, missing: f64| if is_lepton { value } else { missing };
    let jet = |value: f64| if is_jet { value } else { 0.0 };
    vec![
        ("genLepton_index", if is_lepton { 0.0 } else { -1.0 }),
        ("genLepton_kind", lepton(f64::from(row.kind), int)),
        ("genLepton_charge", lepton(f64::from(row.charge), int)),
        ("genLepton_vis_pt", lepton(pt.max(20.0), float)),
        ("genLepton_vis_eta", lepton(eta, float)),
        ("genLepton_vis_phi", lepton(phi, float)),
        ("genLepton_vis_mass", lepton(mass, float)),
        ("genLepton_lastMotherIndex", -1.0),
        ("genJet_index", if is_jet { 0.0 } else { -1.0 }),
        ("genJet_pt", jet(pt)),
        ("genJet_eta", jet(eta)),
        ("genJet_phi", jet(phi)),
        ("genJet_mass", jet(mass)),
    ]
}

/// Sums over the particles around a candidate.
#[derive(Default)]
struct Sums {
    charged: [f64; 2],
    neutral: [f64; 2],
    weighted: [f64; 2],
    photons_outside: [f64; 2],
    pile_up: f64,
    strip: [f64; 3],
    isolation: [f64; 2],
    photons: f64,
    electromagnetic: f64,
    signal: f64,
}

fn sums(row: &Row) -> Sums {
    let cone = signal_radius(row.momentum[0]);
    let mut sums = Sums::default();
    for p in &row.particles {
        let distance = distance(row, p);
        let near = [true, distance < 0.3].map(|near| if near { p.pt } else { 0.0 });
        let add = |into: &mut [f64; 2]| into.iter_mut().zip(near).for_each(|(a, b)| *a += b);
        if p.signal {
            sums.signal += p.pt;
            if p.kind == PHOTON || p.kind == ELECTRON {
                sums.electromagnetic += p.pt;
            }
            if p.kind == PHOTON {
                let [eta, phi] = [p.eta - row.momentum[1], delta_phi(p.phi, row.momentum[2])].map(f64::abs);
                let weighted = [p.pt, p.pt * eta, p.pt * phi];
                sums.strip.iter_mut().zip(weighted).for_each(|(a, b)| *a += b);
                sums.photons += 1.0;
            }
            continue;
        }
        if distance >= 0.5 {
            continue;
        }
        match (p.kind, p.pile_up) {
            (PHOTON, _) => {
                add(&mut sums.neutral);
                add(&mut sums.weighted);
                sums.isolation[0] += p.pt;
                sums.isolation[1] += p.pt * distance;
                if distance > cone {
                    add(&mut sums.photons_outside);
                }
            }
            (NEUTRAL, _) => {}
            (_, true) => sums.pile_up += p.pt,
            (_, false) => add(&mut sums.charged),
        }
    }
    sums
}

fn reconstructed(row: &Row, lead: Option<&Particle>) -> Vec<(&'static str, f64)> {
    let [pt, eta, phi, mass] = row.momentum;
    let sums = sums(row);
    let per = |sum: f64, norm: f64| if norm > 0.0 { sum / norm } else { 0.0 };
    let (dxy, dz) = lead.map_or((0.001, 0.001), |lead| (lead.dxy, lead.dz));
    let dxy_error = 0.0021 + 0.01 / (pt + 10.0);
    let fraction = per(sums.electromagnetic, sums.signal);
    let [fx, fy, fz] = row.flight;
    let length = fx.hypot(fy).hypot(fz);
    let [x, y, z] = row.vertex;
    let random = |salt: u64| lead.map_or(0.5, |lead| hash(lead, salt));
    let isolation = sums.charged[0] + 0.3 * sums.neutral[0] - 0.1 * sums.pile_up;
    // stand-ins for the deployed discriminators
    let score = |against: bool, tightness: f64, noise: f64| {
        let logit = if against { -2.5 } else { 3.0 } - tightness + 2.0 * (noise - 0.5);
        1.0 / (1.0 + (-logit).exp())
    };
    let is = |truth: Truth| row.truth == truth;
    let vs_jet = score(is(Truth::Jet), 0.15 * isolation.max(0.0), row.noise[0]);
    let scores = [score(is(Truth::Electron), 0.0, row.noise[1]), score(is(Truth::Muon), 0.0, row.noise[2]), vs_jet];
    let levels: &[f64] = &[0.26, 0.42, 0.6, 0.78, 0.88, 0.93, 0.957, 0.973];
    let bits =
        |score: f64| levels.iter().enumerate().map(|(k, t)| if score > *t { f64::from(1_u32 << k) } else { 0.0 }).sum();
    let crack = eta.abs() > 1.46 && eta.abs() < 1.558;
    vec![
        ("jet_index", 0.0),
        ("fatJet_index", -1.0),
        ("jet_pt", pt * 1.1),
        ("jet_eta", eta),
        ("jet_phi", phi),
        ("jet_mass", 6.0),
        ("tau_index", 0.0),
        ("boostedTau_index", -1.0),
        ("tau_pt", pt),
        ("tau_eta", eta),
        ("tau_phi", phi),
        ("tau_mass", mass),
        ("tau_charge", f64::from(row.charge)),
        ("tau_decayMode", f64::from(row.decay_mode)),
        ("tau_decayModeFinding", f64::from(u8::from(!matches!(row.decay_mode, 5 | 6)))),
        ("tau_decayModeFindingNewDMs", 1.0),
        ("tau_chargedIsoPtSum", sums.charged[0]),
        ("tau_chargedIsoPtSumdR03", sums.charged[1]),
        ("tau_footprintCorrection", 0.03 * sums.photons_outside[0] * random(1)),
        ("tau_neutralIsoPtSum", sums.neutral[0]),
        ("tau_neutralIsoPtSumWeight", 0.6 * sums.weighted[0]),
        ("tau_neutralIsoPtSumWeightdR03", 0.6 * sums.weighted[1]),
        ("tau_neutralIsoPtSumdR03", sums.neutral[1]),
        ("tau_photonPtSumOutsideSignalCone", sums.photons_outside[0]),
        ("tau_photonPtSumOutsideSignalConedR03", sums.photons_outside[1]),
        ("tau_puCorrPtSum", sums.pile_up),
        ("tau_byDeepTau2017v2p1VSeraw", scores[0]),
        ("tau_byDeepTau2017v2p1VSmuraw", scores[1]),
        ("tau_byDeepTau2017v2p1VSjetraw", scores[2]),
        ("tau_byDeepTau2017v2p1VSe", bits(scores[0])),
        ("tau_byDeepTau2017v2p1VSmu", bits(scores[1])),
        ("tau_byDeepTau2017v2p1VSjet", bits(scores[2])),
        ("tau_dxy", dxy),
        ("tau_dxy_error", dxy_error),
        ("tau_ip3d", dxy.hypot(0.2 * dz).copysign(dxy) + 0.001 * (random(2) - 0.5)),
        ("tau_ip3d_error", dxy_error + 0.001),
        ("tau_dz", dz),
        ("tau_dz_error", 0.004),
        ("tau_hasSecondaryVertex", f64::from(u8::from(length > 0.0))),
        ("tau_sv_x", x + fx),
        ("tau_sv_y", y + fy),
        ("tau_sv_z", z + fz),
        ("tau_flightLength_x", fx),
        ("tau_flightLength_y", fy),
        ("tau_flightLength_z", fz),
        ("tau_flightLength_sig", length / 0.01),
        ("tau_pt_weighted_deta_strip", per(sums.strip[1], sums.strip[0])),
        ("tau_pt_weighted_dphi_strip", per(sums.strip[2], sums.strip[0])),
        ("tau_pt_weighted_dr_signal", per(sums.strip[1].hypot(sums.strip[2]), sums.strip[0])),
        ("tau_pt_weighted_dr_iso", per(sums.isolation[1], sums.isolation[0])),
        ("tau_leadingTrackNormChi2", 0.6 + 0.8 * random(6)),
        ("tau_e_ratio", fraction),
        ("tau_gj_angle_diff", row.gj_angle),
        ("tau_n_photons", sums.photons),
        ("tau_emFraction", fraction),
        ("tau_inside_ecal_crack", f64::from(u8::from(crack))),
        ("tau_leadChargedCand_etaAtEcalEntrance", lead.map_or(eta, |lead| lead.eta) + 0.01 * (random(3) - 0.5)),
    ]
}
