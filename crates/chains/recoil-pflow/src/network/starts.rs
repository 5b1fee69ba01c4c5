//! The tensors of backbones that see neighbours only, and how they start.

use recoil_nn::Result;
use recoil_nn::tape::{Start, Weights};

use super::architecture::Backbone;
use super::gnn_lsh::{GnnLsh, Kernel};
use super::graphs::{BinGraph, GravNet};
use super::hept::Hept;
use super::weights::multi_head;

/// The tensors of a layer for states of this width.
pub(super) fn layer(weights: &mut Weights, name: &str, width: usize, heads: usize, backbone: &Backbone) -> Result<()> {
    match backbone {
        Backbone::Attention => Ok(()),
        Backbone::GnnLsh(config) => gnn_lsh(weights, name, width, config),
        Backbone::Hept(config) => hept(weights, name, [width, heads], config),
        Backbone::HeptV2(config) => hept_v2(weights, name, [width, heads], config),
        Backbone::GravNet(config) => gravnet(weights, name, width, config),
        Backbone::BinGraph(config) => bin_graph(weights, name, width, config),
    }
}

/// Whether a tensor stays as it started: hashes are drawn once.
pub fn is_fixed(name: &str) -> bool {
    name.contains(".lsh_proj.") || name.contains(".e2lsh") || name.ends_with(".regions") || name.contains(".codebook.")
}

/// A kernel without bias.
fn kernel(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<()> {
    weights.push(&format!("{name}.weight"), &[outputs, inputs], Start::Uniform(1.0 / (inputs.max(1) as f32).sqrt()))
}

fn ones(weights: &mut Weights, name: &str, columns: usize) -> Result<()> {
    weights.push(&format!("{name}.weight"), &[columns], Start::Constant(1.0))
}

fn gated(weights: &mut Weights, name: &str, inputs: usize, width: usize, outputs: usize) -> Result<()> {
    kernel(weights, &format!("{name}.gate_proj"), inputs, width)?;
    kernel(weights, &format!("{name}.up_proj"), inputs, width)?;
    kernel(weights, &format!("{name}.down_proj"), width, outputs)
}

/// The three square kernels and the bias of a gate between neighbours and the element itself.
fn gate(weights: &mut Weights, name: &str, width: usize) -> Result<()> {
    let limit = (3.0 / width.max(1) as f32).sqrt();
    weights.push(&format!("{name}.W_t"), &[width, width], Start::Uniform(limit))?;
    weights.push(&format!("{name}.b_t"), &[width], Start::Constant(0.0))?;
    weights.push(&format!("{name}.W_h"), &[width, width], Start::Uniform(limit))?;
    weights.push(&format!("{name}.theta"), &[width, width], Start::Uniform(limit))
}

fn gnn_lsh(weights: &mut Weights, name: &str, width: usize, config: &GnnLsh) -> Result<()> {
    ones(weights, &format!("{name}.layernorm1"), width)?;
    gated(weights, &format!("{name}.ffn_dist"), width, config.distance_width, config.distance)?;
    let message = format!("{name}.message_building_layer");
    let directions = config.hashes * (config.max_bins / 2).max(1);
    weights.push(&format!("{message}.lsh_proj.weight"), &[directions, config.distance], Start::Normal(1.0))?;
    if config.kernel == Kernel::Attention {
        let head = config.distance / config.kernel_heads.max(1);
        for (layer, norm) in [("W_q", "q_norm"), ("W_k", "k_norm")] {
            weights.linear(&format!("{message}.kernel.{layer}"), config.distance, config.distance)?;
            ones(weights, &format!("{message}.kernel.{norm}"), head)?;
        }
    }
    for round in 0..config.messages {
        gate(weights, &format!("{name}.message_passing_layers.{round}"), width)?;
    }
    if let Some(size) = width.checked_div(config.bin_heads) {
        let name = format!("{name}.interbin_attention");
        multi_head(weights, &name, width)?;
        ones(weights, &format!("{name}.layernorm"), width)?;
        ones(weights, &format!("{name}.q_norm"), size)?;
        ones(weights, &format!("{name}.k_norm"), size)?;
    }
    Ok(())
}

fn hept(weights: &mut Weights, name: &str, [width, heads]: [usize; 2], config: &Hept) -> Result<()> {
    weights.linear(&format!("{name}.pos_embed.proj"), 2, width)?;
    for part in ["w_q", "w_k", "w_v"] {
        kernel(weights, &format!("{name}.{part}"), width, width)?;
    }
    weights.linear(&format!("{name}.w_rpe"), config.distance_weights, width)?;
    let head = width / heads.max(1);
    let shape = [heads, head + 2, config.hashes];
    weights.push(&format!("{name}.attn.e2lsh.alpha"), &shape, Start::Normal(1.0))?;
    weights.linear(&format!("{name}.attn.out_linear"), width, width)?;
    regions(weights, name, heads, config)?;
    weights.norm(&format!("{name}.norm0"), width)?;
    weights.norm(&format!("{name}.norm1"), width)?;
    weights.linear(&format!("{name}.seq.0"), width, config.width)?;
    weights.linear(&format!("{name}.seq.2"), config.width, width)
}

fn hept_v2(weights: &mut Weights, name: &str, [width, heads]: [usize; 2], config: &Hept) -> Result<()> {
    let position = format!("{name}.pe_func.position_embedding_head");
    weights.linear(&format!("{position}.0"), 2, 4 * width)?;
    weights.norm(&format!("{position}.1"), 4 * width)?;
    weights.linear(&format!("{position}.3"), 4 * width, width)?;
    for part in ["w_q", "w_k", "w_v"] {
        kernel(weights, &format!("{name}.{part}"), width, width)?;
    }
    let head = width / heads.max(1);
    ones(weights, &format!("{name}.q_norm"), head)?;
    ones(weights, &format!("{name}.k_norm"), head)?;
    let shape = [heads, 2, config.hashes];
    weights.push(&format!("{name}.attn.e2lsh_new.alpha"), &shape, Start::Normal(1.0))?;
    weights.linear(&format!("{name}.attn.out_linear"), width, width)?;
    regions(weights, name, heads, config)?;
    ones(weights, &format!("{name}.norm1"), width)?;
    ones(weights, &format!("{name}.norm2"), width)?;
    gated(weights, &format!("{name}.ff"), width, config.width, width)
}

/// Numbers of regions along both axes for each hash and head: drawn between 2 and 2 sqrt(R) - 2, scaled so that their product
/// is R, and rounded to thirds.
fn regions(weights: &mut Weights, name: &str, heads: usize, config: &Hept) -> Result<()> {
    let name = format!("{name}.regions");
    weights.push(&name, &[config.hashes, 2, heads], Start::Uniform(1.0))?;
    let range = weights.describe(&name)?.range.clone();
    let total = config.regions as f32;
    let (least, most) = (2.0, (2.0 * total.sqrt() - 2.0).max(2.0));
    for drawn in weights.values_mut()[range].chunks_exact_mut(2 * heads.max(1)) {
        let (eta, phi) = drawn.split_at_mut(heads);
        for (eta, phi) in eta.iter_mut().zip(phi) {
            let of = |unit: f32| least + 0.5 * (unit + 1.0) * (most - least);
            let (a, b) = (of(*eta), of(*phi));
            let scale = (total / (a * b)).sqrt();
            let rounded = |x: f32| ((3.0 * scale * x).round() / 3.0).max(1.0);
            (*eta, *phi) = (rounded(a), rounded(b));
        }
    }
    Ok(())
}

fn gravnet(weights: &mut Weights, name: &str, width: usize, config: &GravNet) -> Result<()> {
    weights.linear(&format!("{name}.space"), width, config.space)?;
    weights.linear(&format!("{name}.features"), width, config.features)?;
    weights.linear(&format!("{name}.out"), 2 * config.features + width, width)
}

fn bin_graph(weights: &mut Weights, name: &str, width: usize, config: &BinGraph) -> Result<()> {
    weights.linear(&format!("{name}.space"), width, config.space)?;
    let shape = [(config.max_bins / 2).max(1), config.space];
    weights.push(&format!("{name}.codebook.weight"), &shape, Start::Normal(1.0))?;
    gate(weights, name, width)
}
