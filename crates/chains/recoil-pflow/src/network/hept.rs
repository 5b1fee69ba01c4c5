//! Attention within blocks of elements that hashes put side by side (HEPT, Miao et al., arXiv 2402.12535, and its second
//! version).
//!
//! Several times, elements are sorted by a random projection of their state and place, region of the detector by region,
//! and cut into blocks.

use std::sync::Arc;

use recoil_nn::tape::{Activation, NO_ROW, Tape, Value};
use recoil_nn::{NnError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blocks::{Block, Weighing, block_attention};
use super::gnn_lsh::{gated, normal_heads};
use super::layers::{EPSILON, two_layers};

/// Shape of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hept {
    /// Elements of a block.
    pub block_size: usize,
    /// Times that the elements are sorted and cut.
    pub hashes: usize,
    /// Regions of the detector, about.
    pub regions: usize,
    /// Weights of a distance.
    pub distance_weights: usize,
    /// Width of the feed-forward part, as a multiple of the state's in the second version.
    pub width: usize,
}

impl Default for Hept {
    fn default() -> Self {
        Self { block_size: 100, hashes: 3, regions: 140, distance_weights: 10, width: 512 }
    }
}

/// Partial sums of a long sum.
const PARTS: usize = 4;
/// Distance between padded events that are sorted together.
pub(super) const APART: f32 = 100.0;
/// Weight that every row gives to nothing, for each hash and once more.
const NOTHING: f32 = 1e-5;

/// Where elements are: pseudorapidity and azimuth of each.
pub(super) struct Places<'a> {
    pub(super) coordinates: &'a [[f32; 2]],
    /// rows that are sorted together
    pub(super) groups: &'a [u32],
    /// whether a row is an element; empty: all are
    pub(super) real: &'a [bool],
    /// 1 for elements, 0 for padding
    pub(super) mask: Option<&'a Value>,
    /// what is added to both coordinates of a row, so that events of a group are far apart; empty: nothing
    pub(super) shifts: &'a [f32],
}

impl Places<'_> {
    fn is_real(&self, row: usize) -> bool {
        self.real.get(row).copied().unwrap_or(true)
    }

    fn shift(&self, row: usize) -> f32 {
        self.shifts.get(row).copied().unwrap_or(0.0)
    }

    fn masked(&self, tape: &Tape<'_>, x: &Value) -> Result<Value> {
        self.mask.map_or_else(|| Ok(x.clone()), |mask| tape.multiply_column(x, mask))
    }

    fn events(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.groups.windows(2).map(|pair| pair[0] as usize..pair[1] as usize)
    }
}

/// A layer of the first version.
///
/// # Errors
/// Weights that are missing or do not fit.
pub(super) fn first(
    tape: &Tape<'_>,
    x: &Value,
    name: &str,
    heads: usize,
    config: &Hept,
    places: &Places<'_>,
) -> Result<Value> {
    let rows = x.rows();
    let flat: Vec<f32> = places.coordinates.iter().flatten().copied().collect();
    let mut x = x.clone();
    if tape.weights().contains(&format!("{name}.pos_embed.proj.weight")) {
        let position = tape.linear(&tape.input(rows, 2, &flat)?, &format!("{name}.pos_embed.proj"))?;
        x = tape.add(&x, &position)?;
    }
    let x = places.masked(tape, &x)?;
    let normal = tape.layer_norm(&x, &format!("{name}.norm0"), EPSILON)?;
    let [q, k, v] = ["w_q", "w_k", "w_v"].map(|part| tape.linear(&normal, &format!("{name}.{part}")));
    let (q, k, v) = (q?, k?, places.masked(tape, &v?)?);
    let width = x.columns() / heads.max(1);
    let sharpness = sharpness(tape, name, heads, width, config)?;
    // events that are sorted together are far apart
    let apart: Vec<f32> = spread(places).into_iter().flatten().collect();
    let apart = tape.input(rows, 2, &apart)?;
    let regions = tape.weights().tensor(&format!("{name}.regions"))?.to_vec();
    let alpha = tape.weights().tensor(&format!("{name}.attn.e2lsh.alpha"))?.to_vec();
    let mut seen = Vec::with_capacity(heads);
    for head in 0..heads {
        let columns = head * width..(head + 1) * width;
        let factor = tape.gather(&sharpness, &std::iter::repeat_n(head as u32, rows).collect())?;
        let position = tape.multiply_column(&apart, &factor)?;
        let part = |x: &Value| -> Result<Value> { tape.concat(&[&tape.columns(x, columns.clone())?, &position]) };
        let (asked, told) = (part(&q)?, part(&k)?);
        let mut blocks = Vec::new();
        for hash in 0..config.hashes {
            let project = |x: &Value| projections(x, &alpha, config.hashes, head, hash);
            let keys = [project(&asked), project(&told)];
            let region = [0, 1].map(|axis| regions.get((hash * 2 + axis) * heads + head).copied().unwrap_or(1.0));
            blocks.extend(cut(&keys, region, places, config.block_size));
        }
        let (asked, told) = (places.masked(tape, &asked)?, places.masked(tape, &told)?);
        let own = tape.columns(&v, columns)?;
        let nothing = NOTHING * (config.hashes + 1) as f32;
        let weighing = if places.shifts.is_empty() { Weighing::Distance } else { Weighing::RoundedDistance };
        seen.push(block_attention(tape, [&asked, &told, &own], weighing, Arc::new(blocks), nothing)?);
    }
    let seen = tape.concat(&seen.iter().collect::<Vec<_>>())?;
    let x = tape.add(&x, &tape.linear(&seen, &format!("{name}.attn.out_linear"))?)?;
    let normal = tape.layer_norm(&x, &format!("{name}.norm1"), EPSILON)?;
    let h = two_layers(tape, &normal, &format!("{name}.seq.0"), &format!("{name}.seq.2"), Activation::Elu)?;
    places.masked(tape, &tape.add(&x, &h)?)
}

/// A layer of the second version.
///
/// # Errors
/// Weights that are missing or do not fit.
pub(super) fn second(
    tape: &Tape<'_>,
    x: &Value,
    name: &str,
    heads: usize,
    config: &Hept,
    places: &Places<'_>,
) -> Result<Value> {
    let x = places.masked(tape, x)?;
    let rows = x.rows();
    let flat: Vec<f32> = places.coordinates.iter().flatten().copied().collect();
    let coordinates = tape.input(rows, 2, &flat)?;
    let head = format!("{name}.pe_func.position_embedding_head");
    let h = tape.layer_norm(&tape.linear(&coordinates, &format!("{head}.0"))?, &format!("{head}.1"), EPSILON)?;
    let position = tape.linear(&tape.activate(&h, Activation::Silu)?, &format!("{head}.3"))?;
    let normal = tape.rms_norm(&tape.add(&x, &position)?, Some(&format!("{name}.norm1.weight")), 1e-6)?;
    let [q, k, v] = ["w_q", "w_k", "w_v"].map(|part| tape.linear(&normal, &format!("{name}.{part}")));
    let q = normal_heads(tape, &q?, heads, &format!("{name}.q_norm.weight"))?;
    let k = normal_heads(tape, &k?, heads, &format!("{name}.k_norm.weight"))?;
    let v = v?;
    let width = x.columns() / heads.max(1);
    let regions = tape.weights().tensor(&format!("{name}.regions"))?.to_vec();
    let alpha = tape.weights().tensor(&format!("{name}.attn.e2lsh_new.alpha"))?.to_vec();
    let mut seen = Vec::with_capacity(heads);
    for head in 0..heads {
        let columns = head * width..(head + 1) * width;
        let part = |x: &Value| tape.columns(x, columns.clone());
        let mut blocks = Vec::new();
        for hash in 0..config.hashes {
            let keys = projections(&coordinates, &alpha, config.hashes, head, hash);
            let region = [0, 1].map(|axis| regions.get((hash * 2 + axis) * heads + head).copied().unwrap_or(1.0));
            blocks.extend(cut(&[keys.clone(), keys], region, places, config.block_size));
        }
        let weighing = Weighing::Product(1.0 / (width.max(1) as f32).sqrt());
        seen.push(block_attention(tape, [&part(&q)?, &part(&k)?, &part(&v)?], weighing, Arc::new(blocks), 0.0)?);
    }
    let seen = tape.concat(&seen.iter().collect::<Vec<_>>())?;
    let x = tape.add(&x, &tape.linear(&seen, &format!("{name}.attn.out_linear"))?)?;
    let normal = tape.rms_norm(&x, Some(&format!("{name}.norm2.weight")), 1e-6)?;
    places.masked(tape, &tape.add(&x, &gated(tape, &normal, &format!("{name}.ff"))?)?)
}

/// How much a distance counts for each head, as a factor on coordinates: the root of twice the sum over weights k of
/// exp(min(sum over columns of the head, 50)).
fn sharpness(tape: &Tape<'_>, name: &str, heads: usize, width: usize, config: &Hept) -> Result<Value> {
    let weights = tape.parameter(&format!("{name}.w_rpe.weight"))?;
    if (weights.rows(), weights.columns()) != (heads * width, config.distance_weights) {
        let shape = [heads * width, config.distance_weights];
        return Err(NnError::Network(format!("tensor '{name}.w_rpe.weight' is not of the shape {shape:?}")));
    }
    // as the reference: every fourth row of a head, then the four sums
    let part = |first: usize| -> Result<Value> {
        let of_head = |head: usize| (head * width + first..(head + 1) * width).step_by(PARTS);
        let rows: Arc<[u32]> = (0..heads).flat_map(of_head).map(|row| row as u32).collect();
        let each = rows.len() / heads.max(1);
        let offsets: Arc<[u32]> = (0..=heads).map(|head| (head * each) as u32).collect();
        tape.segment_sum(&tape.gather(&weights, &rows)?, &offsets)
    };
    let mut sums = part(0)?;
    for first in 1..PARTS.min(width) {
        sums = tape.add(&sums, &part(first)?)?;
    }
    let cut = tape.map(&sums, |x| x.min(50.0), |x, _| if x <= 50.0 { 1.0 } else { 0.0 })?;
    let total = tape.sum_columns(&tape.map(&cut, |x| f64::from(x).exp() as f32, |_, y| y)?)?;
    tape.map(&total, |x| (2.0 * x).sqrt(), |_, y| 1.0 / y)
}

/// Coordinates with the events of a group far from each other; 0 for padding.
fn spread(places: &Places<'_>) -> Vec<[f32; 2]> {
    let mut found = vec![[0.0; 2]; places.coordinates.len()];
    for (row, (found, [eta, phi])) in found.iter_mut().zip(places.coordinates).enumerate() {
        if places.is_real(row) {
            let shift = places.shift(row);
            *found = [eta + shift, phi + shift];
        }
    }
    found
}

/// Projection of each row for a head and a hash; `alpha` is heads x columns x hashes.
fn projections(x: &Value, alpha: &[f32], hashes: usize, head: usize, hash: usize) -> Vec<f32> {
    let columns = x.columns();
    let factor = |column: usize| alpha.get((head * columns + column) * hashes + hash).copied().unwrap_or(0.0);
    let factors: Vec<f32> = (0..columns).map(factor).collect();
    (0..x.rows()).map(|row| x.row(row).iter().zip(&factors).map(|(x, factor)| x * factor).sum()).collect()
}

/// Region of each row of a group along an axis, from 1: rows sorted by `value`, in parts of equal size.
fn regions_of(rows: std::ops::Range<usize>, count: f32, value: impl Fn(usize) -> f32) -> Vec<f32> {
    let first = rows.start;
    let size = (rows.len() as f32 / count).ceil().max(1.0);
    let mut order: Vec<usize> = rows.collect();
    order.sort_by(|a, b| value(*a).total_cmp(&value(*b)).then(a.cmp(b)));
    let mut regions = vec![1.0; order.len()];
    for (rank, row) in order.into_iter().enumerate() {
        regions[row - first] = (rank as f32 / size).floor() + 1.0;
    }
    regions
}

/// Blocks of rows that are near each other in region and projection, of queries and keys apart.
fn cut(keys: &[Vec<f32>; 2], region: [f32; 2], places: &Places<'_>, size: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for rows in places.events() {
        let first = rows.start;
        let coordinate = |axis: usize| {
            move |row: usize| {
                if places.is_real(row) { places.coordinates[row][axis] + places.shift(row) } else { f32::INFINITY }
            }
        };
        let (eta, phi) =
            (regions_of(rows.clone(), region[0], coordinate(0)), regions_of(rows.clone(), region[1], coordinate(1)));
        let all = || keys.iter().flat_map(|list| &list[rows.clone()]).copied();
        let range = all().fold(f32::NEG_INFINITY, f32::max) - all().fold(f32::INFINITY, f32::min);
        let sorted = keys.each_ref().map(|list| {
            let key = |row: usize| match places.is_real(row) {
                true => list[row] + (eta[row - first] * range + phi[row - first] * range * (region[0].ceil() + 1.0)),
                false => f32::INFINITY,
            };
            let mut order: Vec<u32> = rows.clone().map(|row| row as u32).collect();
            order.sort_by(|a, b| key(*a as usize).total_cmp(&key(*b as usize)).then(a.cmp(b)));
            order
        });
        let [queries, told] = sorted;
        for (queries, told) in queries.chunks(size.max(1)).zip(told.chunks(size.max(1))) {
            let mut keys = told.to_vec();
            // padded events have whole blocks
            if !places.real.is_empty() {
                keys.resize(size, NO_ROW);
            }
            blocks.push(Block { queries: queries.to_vec(), keys });
        }
    }
    blocks
}
