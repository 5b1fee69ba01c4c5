//! Messages within bins of similar elements.
//!
//! Elements are projected to a space in which neighbours are near each other, hashed there into bins, and all elements of
//! a bin exchange messages, weighted by a kernel of their distance or by attention.

use std::sync::Arc;

use recoil_nn::Result;
use recoil_nn::tape::{Activation, Heads, NO_ROW, Tape, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lsh::{bins, buckets, strengths};

/// Epsilon of root mean square normalisations.
const EPSILON: f32 = 1e-6;
/// Factor on distances in the kernel.
const SHARPNESS: f32 = 0.1;
/// Least and greatest squared distance.
const SQUARED: [f32; 2] = [1e-6, 1e6];

/// How the elements of a bin weigh each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// exp(-0.1 d) of the distance d.
    #[default]
    Gaussian,
    /// Attention with heads.
    Attention,
}

/// Shape of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GnnLsh {
    /// Elements of a bin.
    pub bin_size: usize,
    /// Most bins of an event; the hash has half as many directions.
    pub max_bins: usize,
    /// Dimensions of the space of neighbours.
    pub distance: usize,
    /// Width of the network that projects there.
    pub distance_width: usize,
    /// Rounds of messages.
    pub messages: usize,
    /// Hashes that have to agree.
    pub hashes: usize,
    /// How the elements of a bin weigh each other.
    pub kernel: Kernel,
    /// Heads of the kernel, if it is attention.
    pub kernel_heads: usize,
    /// Heads of an attention between the means of the bins; 0 for none.
    pub bin_heads: usize,
    /// Whether only the directions that an event needs are hashed with. The first reference implementation that leaves
    /// unused directions out gives all elements one bucket; false reproduces it.
    pub spread: bool,
}

impl Default for GnnLsh {
    fn default() -> Self {
        Self {
            bin_size: 100,
            max_bins: 200,
            distance: 128,
            distance_width: 128,
            messages: 2,
            hashes: 1,
            kernel: Kernel::Gaussian,
            kernel_heads: 4,
            bin_heads: 0,
            spread: true,
        }
    }
}

/// The bins of all events.
struct Bins {
    /// row of each place in a bin
    rows: Arc<[u32]>,
    /// number of bins
    count: usize,
    /// where the bins of each event begin
    offsets: Vec<u32>,
    /// 1 for places with an element
    mask: Value,
    /// bucket of each row
    buckets: Value,
}

/// A layer on the rows of events that `offsets` tells; rows whose `mask` is 0 are padding. Gives the new state, and the bucket
/// of each row as a column.
///
/// # Errors
/// Weights that are missing or do not fit.
pub(super) fn layer(
    tape: &Tape<'_>,
    x: &Value,
    name: &str,
    config: &GnnLsh,
    offsets: &[u32],
    mask: Option<&Value>,
) -> Result<(Value, Value)> {
    let x = tape.rms_norm(x, Some(&format!("{name}.layernorm1.weight")), EPSILON)?;
    let near = gated(tape, &x, &format!("{name}.ffn_dist"))?;
    let message = format!("{name}.message_building_layer");
    let projections = tape.linear(&near, &format!("{message}.lsh_proj"))?;
    let bins = sort(tape, projections.values(), config, offsets, mask)?;
    drop(projections);
    let (size, count) = (config.bin_size, bins.count);
    let near = tape.gather(&near, &bins.rows)?;
    let kernels = match config.kernel {
        Kernel::Gaussian => vec![gaussian(tape, &near, &bins, size)?],
        Kernel::Attention => attention(tape, &near, &bins, &format!("{message}.kernel"), config)?,
    };
    let mut state = tape.gather(&x, &bins.rows)?;
    for round in 0..config.messages {
        let name = format!("{name}.message_passing_layers.{round}");
        let told = tape.multiply_column(&state, &bins.mask)?;
        let told = tape.linear_rows(&told, &format!("{name}.theta"), None, None)?;
        let told = tape.multiply_column(&told, &bins.mask)?;
        let width = told.columns() / kernels.len().max(1);
        let mut heard = Vec::with_capacity(kernels.len());
        for (head, kernel) in kernels.iter().enumerate() {
            let own = tape.columns(&told, head * width..(head + 1) * width)?;
            heard.push(tape.batch_product(kernel, &own, count, false)?);
        }
        let heard = tape.concat(&heard.iter().collect::<Vec<_>>())?;
        let heard = tape.multiply_column(&heard, &bins.mask)?;
        let own = tape.multiply_column(&state, &bins.mask)?;
        let own = tape.linear_rows(&own, &format!("{name}.W_h"), None, None)?;
        let gate = tape.linear_rows(&state, &format!("{name}.W_t"), Some(&format!("{name}.b_t")), None)?;
        let gate = tape.activate(&gate, Activation::Sigmoid)?;
        let mixed = tape.add(&own, &tape.multiply(&gate, &tape.subtract(&heard, &own)?)?)?;
        state = tape.multiply_column(&tape.activate(&mixed, Activation::Elu)?, &bins.mask)?;
    }
    if config.bin_heads > 0 {
        state = between_bins(tape, &state, &bins, &format!("{name}.interbin_attention"), config)?;
    }
    Ok((tape.scatter(&state, &bins.rows, x.rows())?, bins.buckets))
}

/// down(silu(gate(x)) up(x)), without biases.
pub(super) fn gated(tape: &Tape<'_>, x: &Value, name: &str) -> Result<Value> {
    let gate = tape.activate(&tape.linear(x, &format!("{name}.gate_proj"))?, Activation::Silu)?;
    let up = tape.linear(x, &format!("{name}.up_proj"))?;
    tape.linear(&tape.multiply(&gate, &up)?, &format!("{name}.down_proj"))
}

fn sort(tape: &Tape<'_>, projections: &[f32], config: &GnnLsh, offsets: &[u32], mask: Option<&Value>) -> Result<Bins> {
    let directions = (config.max_bins / 2).max(1);
    let per_point = config.hashes * directions;
    let real = |row: usize| mask.is_none_or(|mask| mask.values().get(row) != Some(&0.0));
    let (mut rows, mut starts, mut all) = (Vec::new(), vec![0], Vec::new());
    for pair in offsets.windows(2) {
        let (begin, end) = (pair[0] as usize, pair[1] as usize);
        let used = match config.spread {
            true => ((end - begin).div_ceil(config.bin_size) / 2).clamp(1, directions),
            false => (end - begin) / config.bin_size / 2,
        };
        let own = projections.get(begin * per_point..end * per_point).unwrap_or_default();
        let buckets = match used {
            used if config.spread || used >= directions => buckets(own, config.hashes, directions, used),
            // the negative of what was to exclude unused directions wins
            used => vec![(directions + used) as u64; end - begin],
        };
        all.extend(buckets.iter().map(|bucket| *bucket as f32));
        // the reference goes by place; without padding, the order of elements changes nothing
        let ties = if mask.is_some() { Vec::new() } else { strengths(own, per_point) };
        rows.extend(bins(begin, &buckets, &ties, real, config.bin_size));
        starts.push((rows.len() / config.bin_size.max(1)) as u32);
    }
    let weight = |row: &u32| f32::from(u8::from(*row != NO_ROW && real(*row as usize)));
    let mask: Vec<f32> = rows.iter().map(weight).collect();
    let count = rows.len() / config.bin_size.max(1);
    let (mask, buckets) = (tape.input(rows.len(), 1, &mask)?, tape.input(all.len(), 1, &all)?);
    Ok(Bins { rows: rows.into(), count, offsets: starts, mask, buckets })
}

/// exp(-0.1 d) for all pairs of rows of a bin, 0 for pairs with padding; d^2 = |a|^2 - 2 a b + |b|^2.
fn gaussian(tape: &Tape<'_>, near: &Value, bins: &Bins, size: usize) -> Result<Value> {
    let near = tape.multiply_column(near, &bins.mask)?;
    let products = tape.batch_product(&near, &near, bins.count, true)?;
    let squares = tape.sum_columns(&tape.multiply(&near, &near)?)?;
    let mut kernel = tape.pool().zeros(products.values().len());
    // derivative by the squared distance
    let mut slopes = tape.records().then(|| tape.pool().zeros(kernel.len()));
    let mask = bins.mask.values();
    for (i, kernel) in kernel.chunks_exact_mut(size.max(1)).enumerate().filter(|(i, _)| mask[*i] > 0.0) {
        let first = i / size * size;
        let others = products.row(i).iter().zip(&squares.values()[first..first + size]).zip(&mask[first..]);
        let mut own = slopes.as_mut().map(|slopes| slopes[i * size..(i + 1) * size].iter_mut());
        for (kernel, ((product, other), mask)) in kernel.iter_mut().zip(others) {
            let squared = squares.values()[i] - 2.0 * product + other;
            let root = squared.clamp(SQUARED[0], SQUARED[1]).sqrt();
            *kernel = mask * (-SHARPNESS * root).exp();
            let slope =
                if (SQUARED[0]..=SQUARED[1]).contains(&squared) { -0.5 * SHARPNESS * *kernel / root } else { 0.0 };
            if let Some(own) = own.as_mut().and_then(Iterator::next) {
                *own = slope;
            }
        }
    }
    let shape = [products.rows(), products.columns()];
    let origins = (products.clone(), squares.clone());
    tape.record(shape, kernel, &[&products, &squares], false, move |mut g, sink| {
        let (Some(slopes), (products, squares)) = (slopes, origins) else { return };
        g.iter_mut().zip(slopes.iter()).for_each(|(g, slope)| *g *= slope);
        if let Some(to) = sink.to(&squares) {
            for (i, g) in g.chunks_exact(size.max(1)).enumerate() {
                to[i] += g.iter().sum::<f32>();
                let first = i / size * size;
                to[first..first + size].iter_mut().zip(g).for_each(|(to, g)| *to += g);
            }
        }
        g.iter_mut().for_each(|g| *g *= -2.0);
        sink.give(&products, g);
    })
}

/// Attention within bins, a matrix per head.
fn attention(tape: &Tape<'_>, near: &Value, bins: &Bins, name: &str, config: &GnnLsh) -> Result<Vec<Value>> {
    let heads = config.kernel_heads.max(1);
    let width = near.columns() / heads;
    let part = |layer: &str, norm: &str| {
        normal_heads(tape, &tape.linear(near, &format!("{name}.{layer}"))?, heads, &format!("{name}.{norm}.weight"))
    };
    let (asked, told) = (part("W_q", "q_norm")?, part("W_k", "k_norm")?);
    let size = config.bin_size;
    let mut pairs = tape.pool().zeros(bins.rows.len() * size);
    let mask = bins.mask.values();
    for (i, pairs) in pairs.chunks_exact_mut(size.max(1)).enumerate().filter(|(i, _)| mask[*i] > 0.0) {
        pairs.copy_from_slice(&mask[i / size * size..(i / size + 1) * size]);
    }
    let pairs = tape.constant(bins.rows.len(), size, pairs)?;
    let scale = 1.0 / (width.max(1) as f32).sqrt();
    (0..heads)
        .map(|head| {
            let columns = head * width..(head + 1) * width;
            let (a, b) = (tape.columns(&asked, columns.clone())?, tape.columns(&told, columns)?);
            let scores = tape.scale(&tape.batch_product(&a, &b, bins.count, true)?, scale)?;
            tape.softmax(&scores, Some(&pairs))
        })
        .collect()
}

/// Root mean square normalisation of each head.
pub(super) fn normal_heads(tape: &Tape<'_>, x: &Value, heads: usize, weight: &str) -> Result<Value> {
    let (rows, columns) = (x.rows(), x.columns());
    let parts = tape.reshape(x, rows * heads, columns / heads.max(1))?;
    tape.reshape(&tape.rms_norm(&parts, Some(weight), EPSILON)?, rows, columns)
}

/// Attention between the means of the bins of an event, added to their elements.
fn between_bins(tape: &Tape<'_>, x: &Value, bins: &Bins, name: &str, config: &GnnLsh) -> Result<Value> {
    let (heads, width, size) = (config.bin_heads, x.columns(), config.bin_size);
    let of_bins: Arc<[u32]> = (0..=bins.count as u32).map(|bin| bin * size as u32).collect();
    let counts: Vec<f32> = bins.mask.values().chunks_exact(size.max(1)).map(|mask| mask.iter().sum()).collect();
    let factors: Vec<f32> = counts.iter().map(|count| 1.0 / (count + 1e-6)).collect();
    let sums = tape.segment_sum(&tape.multiply_column(x, &bins.mask)?, &of_bins)?;
    let means = tape.multiply_column(&sums, &tape.input(bins.count, 1, &factors)?)?;
    let (weight, bias) = (format!("{name}.in_proj_weight"), format!("{name}.in_proj_bias"));
    let part =
        |x: &Value, index: usize| tape.linear_rows(x, &weight, Some(&bias), Some(index * width..(index + 1) * width));
    let asked = normal_heads(tape, &part(&means, 0)?, heads, &format!("{name}.q_norm.weight"))?;
    // bins of padding alone are not read
    let read: Arc<[u32]> = (0..bins.count as u32).filter(|bin| counts[*bin as usize] > 0.0).collect();
    let read_offsets: Arc<[u32]> =
        bins.offsets.iter().map(|bin| read.partition_point(|own| own < bin) as u32).collect();
    let keys = tape.gather(&means, &read)?;
    let told = normal_heads(tape, &part(&keys, 1)?, heads, &format!("{name}.k_norm.weight"))?;
    let values = part(&keys, 2)?;
    let offsets: Arc<[u32]> = bins.offsets.as_slice().into();
    let heads = Heads::new(heads, width / heads.max(1));
    let seen = tape.attention(&asked, &told, &values, heads, &offsets, &read_offsets)?;
    let seen = tape.linear(&seen, &format!("{name}.out_proj"))?;
    let means = tape.rms_norm(&tape.add(&means, &seen)?, Some(&format!("{name}.layernorm.weight")), EPSILON)?;
    let of_rows: Arc<[u32]> = (0..bins.rows.len()).map(|row| (row / size) as u32).collect();
    let spread = tape.multiply_column(&tape.gather(&means, &of_rows)?, &bins.mask)?;
    tape.add(x, &spread)
}
