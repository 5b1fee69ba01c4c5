//! One pass over a file that measures all features of all blocks in all cones.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::cones::{Sorted, sorted, zones};
use super::parameters::{Key, cones_of};
use super::quantiles::{Quantiles, Sample};
use super::sums::Sums;
use crate::data::file::CandidateFile;
use crate::data::load::{Loaded, Wanted};
use crate::error::Result;
use crate::features::{Block, Cone, FeatureTable, Lanes, Program, Scaling, Scope, Scratch};

/// Candidates that are read at once.
const ROWS: usize = 4096;

/// Which objects are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// As existing scaling tables were made: each object in one cone, differences of azimuths not wrapped.
    #[default]
    Reference,
    /// What networks see: an object of the signal cone is in the isolation cone as well (unless the outer grid leaves
    /// it out), and differences of azimuths are wrapped.
    Grids,
}

struct Measure {
    name: String,
    /// Whether moments are wanted, not only quantiles.
    moments: bool,
    cones: Vec<Cone>,
}

struct BlockPass {
    block: Block,
    program: Program,
    membership: Option<Program>,
    features: Vec<Measure>,
}

/// Everything that a pass over files needs.
pub struct ScalingPass {
    table: FeatureTable,
    population: Population,
    blocks: Vec<BlockPass>,
    collections: Vec<String>,
    wanted: Wanted,
}

/// What one file gave.
#[derive(Clone, Debug, Default)]
pub struct FileResult {
    /// Moments of features with normal scaling.
    pub sums: BTreeMap<Key, Sums>,
    /// The same after each part of the file but the last, if it was read in parts.
    pub parts: Vec<BTreeMap<Key, Sums>>,
    /// Quantiles of features with normal or linear scaling.
    pub quantiles: BTreeMap<Key, Quantiles>,
    /// Number of values that were not finite, of features that have any.
    pub not_finite: BTreeMap<Key, u64>,
    /// Candidates.
    pub candidates: u64,
    /// Candidates that are no reconstructed tau and were left out.
    pub without_tau: u64,
    /// Whether quantiles of any feature come from a part of its values.
    pub thinned: bool,
}

#[derive(Clone, Debug, Default)]
struct Collected {
    sums: Sums,
    sample: Sample,
    not_finite: u64,
}

impl ScalingPass {
    /// A pass over the features of the blocks in `only`, or of all blocks if it is empty.
    ///
    /// # Errors
    /// Blocks that are not in the table, expressions that cannot be understood.
    pub fn new(table: &FeatureTable, population: Population, only: &[String]) -> Result<Self> {
        if let Some(unknown) = only.iter().find(|name| table.block(name).is_none()) {
            let known: Vec<&str> = table.blocks.iter().map(|block| block.name.as_str()).collect();
            let reason = format!("there is no block '{unknown}', only {}", known.join(", "));
            return Err(crate::TauError::config("blocks", reason));
        }
        let mut wanted = Wanted::default();
        ["tau_pt", "tau_eta", "tau_phi", "tau_index"].iter().for_each(|name| wanted.add(name, false));
        let mut blocks = Vec::new();
        let mut collections = BTreeSet::new();
        for block in table.blocks.iter().filter(|block| only.is_empty() || only.contains(&block.name)) {
            let measured = |scaling: &Scaling| matches!(scaling, Scaling::Linear(_) | Scaling::Normal(_));
            let mut chosen: Vec<_> =
                block.features.iter().filter(|feature| measured(&feature.scaling)).cloned().collect();
            if population == Population::Reference {
                chosen.iter_mut().for_each(|feature| feature.expression = unwrapped(&feature.expression));
            }
            let program = block.compile(&chosen)?;
            let membership = block.membership()?;
            let features = chosen
                .iter()
                .map(|feature| Measure {
                    name: feature.name.clone(),
                    moments: matches!(feature.scaling, Scaling::Normal(_)),
                    cones: cones_of(block, feature),
                })
                .collect();
            wanted.add_program(&program);
            membership.iter().for_each(|program| wanted.add_program(program));
            if let Some(collection) = block.collection() {
                wanted.add(&format!("{collection}_eta"), true);
                wanted.add(&format!("{collection}_phi"), true);
                collections.insert(collection.to_owned());
            }
            blocks.push(BlockPass { block: block.clone(), program, membership, features });
        }
        let collections = collections.into_iter().collect();
        Ok(Self { table: table.clone(), population, blocks, collections, wanted })
    }

    /// The blocks that are measured.
    pub fn blocks(&self) -> Vec<Block> {
        self.blocks.iter().map(|pass| pass.block.clone()).collect()
    }

    /// Measures one file; with more than one of `parts`, the moments after each of so many parts are kept too.
    ///
    /// # Errors
    /// Columns that are missing or of the wrong kind, damaged files.
    pub fn file(&self, file: &CandidateFile, parts: u64, mut done: impl FnMut(u64)) -> Result<FileResult> {
        self.wanted.check(file)?;
        let part = file.rows().div_ceil(parts.max(1)).max(1);
        let step = usize::try_from(part).unwrap_or(ROWS).min(ROWS);
        let mut read = 0;
        let mut collected: Vec<BTreeMap<(usize, Cone), Collected>> = vec![BTreeMap::new(); self.blocks.len()];
        let mut result = FileResult { candidates: file.rows(), ..FileResult::default() };
        let mut stream = file.stream(&self.wanted.names(), 0..file.rows(), step)?;
        while let Some((rows, columns)) = stream.next_block()? {
            let loaded = self.wanted.load(file.name(), rows, columns)?;
            let keep: Vec<bool> = loaded.column("tau_index").iter().map(|index| *index >= 0.0).collect();
            result.without_tau += keep.iter().filter(|keep| !**keep).count() as u64;
            let closed = self.population == Population::Reference;
            let zoned = self.collections.iter().map(|name| zones(&self.table, &loaded, name, closed, &keep));
            let zoned: Vec<_> = zoned.collect::<Result<_>>()?;
            self.blocks.par_iter().zip(&mut collected).for_each(|(block, collected)| {
                let place = self.collections.iter().position(|name| Some(name.as_str()) == block.block.collection());
                let zones = place.and_then(|place| zoned.get(place));
                block.measure(&loaded, &keep, zones.map(Vec::as_slice), self, collected);
            });
            let before = read / part;
            read += loaded.len() as u64;
            if read / part > before && read < file.rows() {
                result.parts.push(self.sums(&collected));
            }
            done(loaded.len() as u64);
        }
        result.sums = self.sums(&collected);
        let pieces: Vec<_> = self.blocks.iter().zip(collected).flat_map(|(b, c)| b.finish(c)).collect();
        for (key, collected) in pieces {
            if collected.not_finite > 0 {
                result.not_finite.insert(key.clone(), collected.not_finite);
            }
            result.thinned |= collected.sample.is_thinned();
            result.quantiles.insert(key, collected.sample.quantiles());
        }
        Ok(result)
    }

    /// Moments of features with normal scaling.
    fn sums(&self, collected: &[BTreeMap<(usize, Cone), Collected>]) -> BTreeMap<Key, Sums> {
        let of_block = |(block, collected): (&BlockPass, &BTreeMap<(usize, Cone), Collected>)| -> Vec<(Key, Sums)> {
            let moments = block.keys().filter(|(_, feature, ..)| feature.moments);
            moments
                .map(|(key, _, place)| (key, collected.get(&place).map(|found| found.sums).unwrap_or_default()))
                .collect()
        };
        self.blocks.iter().zip(collected).flat_map(of_block).collect()
    }
}

impl BlockPass {
    /// Every feature in every cone: its key, and where its measurements are kept.
    fn keys(&self) -> impl Iterator<Item = (Key, &Measure, (usize, Cone))> {
        self.features.iter().enumerate().flat_map(|(index, feature)| {
            let key = |cone: &Cone| (self.block.name.clone(), feature.name.clone(), cone.name().to_owned());
            feature.cones.iter().map(move |cone| (key(cone), feature, (index, *cone)))
        })
    }

    fn measure(
        &self,
        loaded: &Loaded,
        keep: &[bool],
        zones: Option<&[(u32, u8)]>,
        pass: &ScalingPass,
        collected: &mut BTreeMap<(usize, Cone), Collected>,
    ) {
        let mut scratch = Scratch::default();
        let objects = match (&self.block.scope, zones) {
            (Scope::Objects { .. }, Some(zones)) => {
                let belongs = self.membership.as_ref().map(|program| members(program, loaded, zones, &mut scratch));
                sorted(zones, belongs.as_deref())
            }
            _ => {
                let kept = (0_u32..).zip(keep).filter(|(_, keep)| **keep).map(|(row, _)| row);
                Sorted { rows: kept.collect(), ..Sorted::default() }
            }
        };
        // an object of the signal cone is in the outer grid too
        let overlap = pass.population == Population::Grids && !pass.table.remove_inner_from_outer;
        let range = |cone: Cone| match cone {
            Cone::Global => 0..objects.rows.len(),
            Cone::Inner => 0..objects.inner,
            Cone::Outer if overlap => 0..objects.outer,
            Cone::Outer => objects.inner..objects.outer,
        };
        for (index, feature) in self.features.iter().enumerate() {
            for cone in &feature.cones {
                collected.entry((index, *cone)).or_default();
            }
        }
        let inputs = loaded.inputs(&self.program);
        let lanes = Lanes { rows: &objects.rows, objects: &objects.objects };
        self.program.run(&inputs, lanes, &mut scratch, |start, values| {
            for ((index, cone), collected) in collected.iter_mut() {
                let range = range(*cone);
                let from = range.start.max(start).min(start + values.lanes()) - start;
                let to = range.end.max(start).min(start + values.lanes()) - start;
                let (value, present) = (values.of(2 * index), values.of(2 * index + 1));
                let pairs = value.iter().zip(present).take(to).skip(from);
                let moments = self.features.get(*index).is_some_and(|feature| feature.moments);
                for (value, _) in pairs.filter(|(_, present)| **present != 0.0) {
                    if !value.is_finite() {
                        collected.not_finite += 1;
                        continue;
                    }
                    collected.sample.add(*value);
                    if moments {
                        collected.sums.add(f64::from(*value));
                    }
                }
            }
        });
    }

    fn finish(&self, mut collected: BTreeMap<(usize, Cone), Collected>) -> Vec<(Key, Collected)> {
        self.keys().map(|(key, _, place)| (key, collected.remove(&place).unwrap_or_default())).collect()
    }
}

/// Which objects belong to a block.
fn members(program: &Program, loaded: &Loaded, zones: &[(u32, u8)], scratch: &mut Scratch) -> Vec<bool> {
    let rows: Vec<u32> = zones.iter().map(|(row, _)| *row).collect();
    let objects: Vec<u32> = (0_u32..).zip(zones).map(|(object, _)| object).collect();
    let mut belongs = Vec::with_capacity(zones.len());
    let inputs = loaded.inputs(program);
    program.run(&inputs, Lanes { rows: &rows, objects: &objects }, scratch, |_, values| {
        belongs.extend(values.of(0).iter().map(|value| *value != 0.0));
    });
    belongs
}

/// `delta_phi(a, b)` as `a - b`.
fn unwrapped(expression: &str) -> String {
    let inner = expression.trim().strip_prefix("delta_phi(").and_then(|rest| rest.strip_suffix(')'));
    match inner.and_then(|inner| inner.split_once(',')) {
        Some((a, b)) if !a.contains('(') && !b.contains([',', '(']) => format!("{} - {}", a.trim(), b.trim()),
        _ => expression.to_owned(),
    }
}
