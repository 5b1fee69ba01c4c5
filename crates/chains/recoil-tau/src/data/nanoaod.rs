//! Central NanoAOD: events with collections become rows of candidates, under the names of the candidate tuple.

use std::ops::Range;

use recoil_root::{Column, Prim, Type, Values};

use super::file::{CandidateFile, floats, integers, offsets};
use super::truth::{MATCH_RADIUS, delta_phi};
use crate::error::{Result, TauError};

/// Name of the tree (or RNTuple) of NanoAOD.
pub const EVENTS: &str = "Events";

/// Event columns and what they are called in the tuple.
const EVENT_COLUMNS: [(&str, &str); 17] = [
    ("run", "run"),
    ("luminosityBlock", "lumi"),
    ("event", "evt"),
    ("PV_npvs", "npv"),
    ("fixedGridRhoFastjetAll", "rho"),
    ("genWeight", "genEventWeight"),
    ("PV_x", "pv_x"),
    ("PV_y", "pv_y"),
    ("PV_z", "pv_z"),
    ("PV_chi2", "pv_chi2"),
    ("PV_ndof", "pv_ndof"),
    ("MET_pt", "met_pt"),
    ("MET_phi", "met_phi"),
    ("PuppiMET_pt", "puppimet_pt"),
    ("PuppiMET_phi", "puppimet_phi"),
    ("GenMET_pt", "genmet_pt"),
    ("Pileup_nTrueInt", "npu"),
];

/// Columns of taus and what they are called in the tuple. The others keep their names.
const TAU_COLUMNS: [(&str, &str); 22] = [
    ("Tau_pt", "tau_pt"),
    ("Tau_eta", "tau_eta"),
    ("Tau_phi", "tau_phi"),
    ("Tau_mass", "tau_mass"),
    ("Tau_charge", "tau_charge"),
    ("Tau_decayMode", "tau_decayMode"),
    ("Tau_dxy", "tau_dxy"),
    ("Tau_dz", "tau_dz"),
    ("Tau_chargedIso", "tau_chargedIsoPtSum"),
    ("Tau_neutralIso", "tau_neutralIsoPtSum"),
    ("Tau_puCorr", "tau_puCorrPtSum"),
    ("Tau_photonsOutsideSignalCone", "tau_photonPtSumOutsideSignalCone"),
    ("Tau_idDecayMode", "tau_decayModeFinding"),
    ("Tau_idDecayModeNewDMs", "tau_decayModeFindingNewDMs"),
    ("Tau_rawDeepTau2017v2p1VSe", "tau_byDeepTau2017v2p1VSeraw"),
    ("Tau_rawDeepTau2017v2p1VSmu", "tau_byDeepTau2017v2p1VSmuraw"),
    ("Tau_rawDeepTau2017v2p1VSjet", "tau_byDeepTau2017v2p1VSjetraw"),
    ("Tau_rawDeepTau2018v2p5VSe", "tau_byDeepTau2018v2p5VSeraw"),
    ("Tau_rawDeepTau2018v2p5VSmu", "tau_byDeepTau2018v2p5VSmuraw"),
    ("Tau_rawDeepTau2018v2p5VSjet", "tau_byDeepTau2018v2p5VSjetraw"),
    ("Tau_rawMVAoldDM", "tau_byIsolationMVArun2017v2DBoldDMwLT2017raw"),
    ("Tau_rawMVAnewDM", "tau_byIsolationMVArun2017v2DBnewDMwLT2017raw"),
];

/// Working points that NanoAOD stores as the number of the tightest passed one, with the bit of the loosest.
const WORKING_POINTS: [(&str, &str, u32); 3] = [
    ("Tau_idDeepTau2018v2p5VSe", "tau_byDeepTau2018v2p5VSe", 0),
    ("Tau_idDeepTau2018v2p5VSmu", "tau_byDeepTau2018v2p5VSmu", 2),
    ("Tau_idDeepTau2018v2p5VSjet", "tau_byDeepTau2018v2p5VSjet", 0),
];

/// Working points that NanoAOD stores as bits, with the bit of the loosest.
const WORKING_POINT_BITS: [(&str, &str, u32); 3] = [
    ("Tau_idDeepTau2017v2p1VSe", "tau_byDeepTau2017v2p1VSe", 0),
    ("Tau_idDeepTau2017v2p1VSmu", "tau_byDeepTau2017v2p1VSmu", 2),
    ("Tau_idDeepTau2017v2p1VSjet", "tau_byDeepTau2017v2p1VSjet", 0),
];

/// Reads NanoAOD as candidates.
pub struct NanoImport<'a> {
    file: &'a CandidateFile,
    /// Source and name of event columns.
    events: Vec<(String, String, Prim)>,
    /// Source and name of tau columns.
    taus: Vec<(String, String, Prim)>,
    is_simulated: bool,
}

/// Columns that are made here, behind the others.
const MADE: [(&str, Prim); 12] = [
    ("sampleType", Prim::I32),
    ("tauType", Prim::I32),
    ("tau_index", Prim::I32),
    ("jet_index", Prim::I32),
    ("entry_index", Prim::I32),
    ("total_entries", Prim::I32),
    ("genLepton_index", Prim::I32),
    ("genLepton_kind", Prim::I32),
    ("genLepton_vis_pt", Prim::F32),
    ("genLepton_vis_eta", Prim::F32),
    ("genLepton_vis_phi", Prim::F32),
    ("genJet_index", Prim::I32),
];

impl<'a> NanoImport<'a> {
    /// Looks at what a file has.
    ///
    /// # Errors
    /// Files without taus.
    pub fn new(file: &'a CandidateFile) -> Result<Self> {
        file.require([("Tau_pt", true), ("Tau_eta", true), ("Tau_phi", true), ("event", false)])?;
        let prim = |name: &str| match file.ty(name) {
            Ok(Type::Prim(prim)) => Some((prim, false)),
            Ok(Type::List(inner)) => match *inner {
                Type::Prim(prim) => Some((prim, true)),
                _ => None,
            },
            _ => None,
        };
        let mut events = Vec::new();
        for (source, name) in EVENT_COLUMNS {
            if let Some((prim, false)) = prim(source) {
                events.push((source.to_owned(), name.to_owned(), prim));
            }
        }
        let mut taus = Vec::new();
        for (source, _) in file.columns().0 {
            let (Some((prim, true)), true) = (prim(&source), source.starts_with("Tau_")) else { continue };
            let known = TAU_COLUMNS.iter().find(|(from, _)| *from == source);
            let name = known.map_or(source.as_str(), |(_, name)| *name);
            taus.push((source.clone(), name.to_owned(), prim));
            let levels = WORKING_POINTS.iter().chain(&WORKING_POINT_BITS).find(|(from, ..)| *from == source);
            if let Some((_, name, _)) = levels {
                taus.push((source.clone(), (*name).to_owned(), Prim::U16));
            }
        }
        let is_simulated = file.has("Tau_genPartFlav");
        Ok(Self { file, events, taus, is_simulated })
    }

    /// Names and types of the columns that come out.
    pub fn columns(&self) -> Vec<(String, Type)> {
        let known = self.events.iter().chain(&self.taus).map(|(_, name, prim)| (name.clone(), Type::Prim(*prim)));
        known.chain(MADE.iter().map(|(name, prim)| ((*name).to_owned(), Type::Prim(*prim)))).collect()
    }

    /// The candidates of some events.
    ///
    /// # Errors
    /// Damaged files, flavours that mean nothing.
    pub fn read(&self, events: Range<u64>) -> Result<Vec<Column>> {
        let taus = self.one("Tau_pt", events.clone())?;
        let places = offsets(&taus).unwrap_or(&[0]).to_vec();
        let at = |index: usize| places.get(index).and_then(|place| usize::try_from(*place).ok()).unwrap_or(0);
        // event of each candidate
        let mut owners = Vec::new();
        for event in 0..places.len().saturating_sub(1) {
            owners.extend(std::iter::repeat_n(event, at(event + 1) - at(event)));
        }
        let mut out = Vec::new();
        for (source, ..) in &self.events {
            out.push(repeated(self.one(source, events.clone())?, &owners));
        }
        for (source, name, _) in &self.taus {
            let column = self.one(source, events.clone())?;
            if offsets(&column) != Some(places.as_slice()) {
                return Err(self.file.refuse(source, "has another length than Tau_pt"));
            }
            let inner = if let Column::List { inner, .. } = column { *inner } else { column };
            let level =
                |table: &[(&str, &str, u32)]| table.iter().find(|(_, of, _)| of == name).map(|(.., first)| *first);
            let bits = |of: &dyn Fn(i64) -> i64| -> Column {
                let values = integers(&inner).into_iter().map(|value| u16::try_from(of(value)).unwrap_or(u16::MAX));
                Column::Prim(values.collect::<Vec<u16>>().into())
            };
            out.push(match (level(&WORKING_POINTS), level(&WORKING_POINT_BITS)) {
                (Some(first), _) => bits(&|level| ((1_i64 << level.clamp(0, 15)) - 1) << first),
                (_, Some(first)) => bits(&|mask| mask << first),
                _ => inner,
            });
        }
        out.extend(self.made(events, &owners, &places)?);
        Ok(out)
    }

    fn one(&self, name: &str, events: Range<u64>) -> Result<Column> {
        let missing = || TauError::content(self.file.name(), format!("column '{name}' was not read"));
        self.file.read(&[name], events)?.into_iter().next().ok_or_else(missing)
    }

    /// The columns of truth and order.
    fn made(&self, events: Range<u64>, owners: &[usize], places: &[i64]) -> Result<Vec<Column>> {
        let count = owners.len();
        let first = |owner: usize| places.get(owner).copied().unwrap_or(0);
        let index: Vec<i32> =
            owners.iter().enumerate().map(|(i, owner)| i32::try_from(i as i64 - first(*owner)).unwrap_or(-1)).collect();
        let total: Vec<i32> = owners.iter().map(|o| i32::try_from(first(o + 1) - first(*o)).unwrap_or(-1)).collect();
        let jets = if self.file.has("Tau_jetIdx") {
            integers_of(self.one("Tau_jetIdx", events.clone())?)
        } else {
            vec![-1; count]
        };
        let missing = [f32::MIN; 3];
        let mut truth: Vec<(i32, i32, [f32; 3], i32)> = vec![(-1, i32::MIN, missing, -1); count];
        if self.is_simulated {
            let flavours = integers_of(self.one("Tau_genPartFlav", events.clone())?);
            let directions = self.directions(events.clone())?;
            let generated = self.generated(events.clone(), owners, &flavours)?;
            for (row, flavour) in flavours.iter().enumerate() {
                let own = directions.get(row).copied().unwrap_or(missing);
                let found = match flavour {
                    0 => (-1, i32::MIN, missing, 0),
                    1..=5 => {
                        let kind = i32::try_from(*flavour).unwrap_or(0);
                        // the flavour is what counts, so what stands for the particle has to match
                        let generated = generated.get(row).copied().flatten().filter(|g| matches(*g, own, kind));
                        (0, kind, generated.unwrap_or([own[0].max(15.0), own[1], own[2]]), -1)
                    }
                    other => {
                        let owner = owners.get(row).copied().unwrap_or(0) as u64;
                        let reason = format!("Tau_genPartFlav is {other}, not 0 to 5");
                        return Err(TauError::Value {
                            file: self.file.name().into(),
                            row: events.start + owner,
                            reason,
                        });
                    }
                };
                if let Some(place) = truth.get_mut(row) {
                    *place = found;
                }
            }
        }
        let class = |kind: i32, jet: i32| match (kind, jet) {
            (1 | 3, _) => 0,
            (2 | 4, _) => 1,
            (5, _) => 2,
            (_, 0) => 3,
            _ => 8,
        };
        let ints = |values: Vec<i32>| Column::Prim(values.into());
        let number = |k: usize| {
            let values = truth.iter().map(|(_, _, p, _)| p.get(k).copied().unwrap_or(f32::MIN));
            Column::Prim(values.collect::<Vec<f32>>().into())
        };
        Ok(vec![
            ints(vec![i32::from(self.is_simulated); count]),
            ints(truth.iter().map(|(_, kind, _, jet)| class(*kind, *jet)).collect()),
            ints(index.clone()),
            ints(jets.into_iter().map(|jet| i32::try_from(jet).unwrap_or(-1)).collect()),
            ints(index),
            ints(total),
            ints(truth.iter().map(|(index, ..)| *index).collect()),
            ints(truth.iter().map(|(_, kind, ..)| *kind).collect()),
            number(0),
            number(1),
            number(2),
            ints(truth.iter().map(|(.., jet)| *jet).collect()),
        ])
    }

    fn directions(&self, events: Range<u64>) -> Result<Vec<[f32; 3]>> {
        let columns = self.file.read(&["Tau_pt", "Tau_eta", "Tau_phi"], events)?;
        let values: Vec<Vec<f32>> = columns.into_iter().map(floats).collect();
        let at = |k: usize, row: usize| values.get(k).and_then(|v| v.get(row)).copied().unwrap_or(f32::NAN);
        Ok((0..values.first().map_or(0, Vec::len)).map(|row| [0, 1, 2].map(|k| at(k, row))).collect())
    }

    /// Visible momentum of the generated particle of each candidate, where the file tells it.
    fn generated(&self, events: Range<u64>, owners: &[usize], flavours: &[i64]) -> Result<Vec<Option<[f32; 3]>>> {
        if !self.file.has("Tau_genPartIdx") {
            return Ok(vec![None; owners.len()]);
        }
        let index = integers_of(self.one("Tau_genPartIdx", events.clone())?);
        let collection = |name: &str| -> Result<Option<Collection>> {
            let names = ["pt", "eta", "phi"].map(|column| format!("{name}_{column}"));
            if !names.iter().all(|column| self.file.has(column)) {
                return Ok(None);
            }
            let columns = self.file.read(&names, events.clone())?;
            let places = columns.first().and_then(offsets).unwrap_or(&[]).to_vec();
            Ok(Some((places, columns.into_iter().map(floats).collect())))
        };
        let (leptons, taus) = (collection("GenPart")?, collection("GenVisTau")?);
        let of = |(row, owner): (usize, &usize)| {
            let from = if flavours.get(row) == Some(&5) { &taus } else { &leptons };
            let (places, values) = from.as_ref()?;
            let (start, end) = (*places.get(*owner)?, *places.get(owner + 1)?);
            let place = start.checked_add(*index.get(row)?).filter(|place| (start..end).contains(place))?;
            let place = usize::try_from(place).ok()?;
            let at = |k: usize| values.get(k).and_then(|values| values.get(place)).copied();
            Some([at(0)?, at(1)?, at(2)?])
        };
        Ok(owners.iter().enumerate().map(of).collect())
    }
}

/// Where the objects of each event are, and the columns of all objects.
type Collection = (Vec<i64>, Vec<Vec<f32>>);

/// Whether a generated particle passes the cuts of the match.
fn matches(generated: [f32; 3], own: [f32; 3], kind: i32) -> bool {
    let [pt, eta, phi] = generated.map(f64::from);
    let [_, own_eta, own_phi] = own.map(f64::from);
    let least = if kind == 5 { 15.0 } else { 8.0 };
    pt >= least && (own_eta - eta).hypot(delta_phi(own_phi, phi)) <= MATCH_RADIUS
}

fn integers_of(column: Column) -> Vec<i64> {
    match column {
        Column::List { inner, .. } => integers(&inner),
        other => integers(&other),
    }
}

/// Values of events for each of their candidates.
fn repeated(column: Column, owners: &[usize]) -> Column {
    macro_rules! by_type {
        ($values:expr, $($variant:ident),*) => {
            match $values {
                $(Values::$variant(values) => Values::$variant(
                    owners.iter().map(|owner| values.get(*owner).copied().unwrap_or_default()).collect(),
                ),)*
            }
        };
    }
    match column {
        Column::Prim(values) => Column::Prim(by_type!(values, Bool, I8, U8, I16, U16, I32, U32, I64, U64, F32, F64)),
        other => other,
    }
}
