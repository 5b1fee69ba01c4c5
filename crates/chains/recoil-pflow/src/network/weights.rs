//! The tensors of a network and how they start.

use recoil_nn::Result;
use recoil_nn::tape::{Start, Weights};

use super::architecture::{Architecture, Backbone, Encoding, RegressionMode, Shape};

/// Weights of a network, as PyTorch starts them, but outputs of regressions start as those of the elements: ratios near 1,
/// directions unchanged.
///
/// # Errors
/// None for an architecture that was checked.
pub fn start(architecture: &Architecture, shape: &Shape, seed: u64) -> Result<Weights> {
    let mut weights = Weights::new(seed);
    let width = architecture.width();
    let suffixes: &[(&str, &str)] = match architecture.split_backbone {
        false => &[("nn0", "backbone")],
        true => &[("_nn0_id", "_backbone_id"), ("_nn0_reg", "_backbone_reg")],
    };
    for (encoder, backbone) in suffixes {
        let types = if architecture.input_encoding == Encoding::Split { shape.types.len() } else { 1 };
        feed_forward(&mut weights, encoder, shape.features, width, types * width)?;
        for layer in 0..architecture.layers {
            match architecture.backbone {
                Backbone::Attention => attention_layer(&mut weights, &format!("{backbone}.{layer}"), width)?,
                other => super::starts::layer(
                    &mut weights,
                    &format!("{backbone}.{layer}"),
                    width,
                    architecture.heads,
                    &other,
                )?,
            }
        }
    }
    let read = architecture.readout_width();
    if architecture.task_queries {
        for task in ["classification", "regression"] {
            weights.push(&format!("{task}_query"), &[1, 1, read], Start::Normal(0.02))?;
            readout(&mut weights, &format!("{task}_readout"), read)?;
        }
    }
    if architecture.backbone == Backbone::Attention {
        weights.norm("classification_norm", read)?;
        weights.norm("regression_norm", read)?;
    }
    feed_forward(&mut weights, "nn_binary_particle", read, width, 2)?;
    feed_forward(&mut weights, "nn_pid", read, width, shape.classes.len())?;
    for (name, mode) in architecture.modes() {
        // what is added to the energy is cut at 0: it starts where gradients flow
        let ratio = if name == "energy" { 0.05 } else { 0.0 };
        let name = format!("nn_{name}.nn");
        match mode {
            RegressionMode::Element => {}
            RegressionMode::Direct => regression(&mut weights, &name, read, width, &[ratio])?,
            RegressionMode::Additive => regression(&mut weights, &name, read, width, &[0.0])?,
            RegressionMode::Multiplicative => regression(&mut weights, &name, read, width, &[1.0])?,
            RegressionMode::DirectElemtype => {
                regression(&mut weights, &name, read, width, &vec![ratio; shape.types.len()])?;
            }
            RegressionMode::LinearElemtype => {
                regression(&mut weights, &format!("{name}1"), read, width, &vec![1.0; shape.types.len()])?;
                regression(&mut weights, &format!("{name}2"), read, width, &vec![0.0; shape.types.len()])?;
            }
            RegressionMode::Linear => regression(&mut weights, &name, read, width, &[1.0, 0.0])?,
            RegressionMode::DirectElemtypeSplit => {
                for kind in 0..shape.types.len() {
                    regression(&mut weights, &format!("{name}.{kind}"), read, width, &[ratio])?;
                }
            }
        }
    }
    Ok(weights)
}

/// `NAME.0` linear, `NAME.2` normalisation, `NAME.4` linear.
fn feed_forward(weights: &mut Weights, name: &str, inputs: usize, width: usize, outputs: usize) -> Result<()> {
    weights.linear(&format!("{name}.0"), inputs, width)?;
    weights.norm(&format!("{name}.2"), width)?;
    weights.linear(&format!("{name}.4"), width, outputs)
}

/// The same, whose outputs start near these numbers.
fn regression(weights: &mut Weights, name: &str, inputs: usize, width: usize, start: &[f32]) -> Result<()> {
    feed_forward(weights, name, inputs, width, start.len())?;
    let kernel = weights.describe(&format!("{name}.4.weight"))?.range.clone();
    let bias = weights.describe(&format!("{name}.4.bias"))?.range.clone();
    let values = weights.values_mut();
    values[kernel].iter_mut().for_each(|value| *value *= 0.1);
    values[bias].copy_from_slice(start);
    Ok(())
}

/// Queries, keys and values in one kernel, as PyTorch has them.
pub(super) fn multi_head(weights: &mut Weights, name: &str, width: usize) -> Result<()> {
    let limit = (6.0 / (4 * width) as f32).sqrt();
    weights.push(&format!("{name}.in_proj_weight"), &[3 * width, width], Start::Uniform(limit))?;
    weights.push(&format!("{name}.in_proj_bias"), &[3 * width], Start::Constant(0.0))?;
    let limit = 1.0 / (width as f32).sqrt();
    weights.push(&format!("{name}.out_proj.weight"), &[width, width], Start::Uniform(limit))?;
    weights.push(&format!("{name}.out_proj.bias"), &[width], Start::Constant(0.0))
}

fn attention_layer(weights: &mut Weights, name: &str, width: usize) -> Result<()> {
    multi_head(weights, &format!("{name}.mha"), width)?;
    weights.norm(&format!("{name}.norm0"), width)?;
    weights.norm(&format!("{name}.norm1"), width)?;
    weights.linear(&format!("{name}.seq.0"), width, width)?;
    weights.linear(&format!("{name}.seq.2"), width, width)
}

fn readout(weights: &mut Weights, name: &str, width: usize) -> Result<()> {
    multi_head(weights, &format!("{name}.mha"), width)?;
    for norm in ["query_norm", "key_norm", "post_norm"] {
        weights.norm(&format!("{name}.{norm}"), width)?;
    }
    weights.linear(&format!("{name}.ffn.0"), width, width)?;
    weights.linear(&format!("{name}.ffn.2"), width, width)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Layout;

    #[test]
    fn numbers_of_parameters_of_the_reference() {
        let shape = Shape::of(Layout::Clic, 17);
        let default = start(&Architecture::default(), &shape, 0).unwrap();
        assert_eq!(default.len(), 2_719_506);
        let small = Architecture { layers: 2, heads: 8, head_width: 8, ..Architecture::default() };
        assert_eq!(start(&small, &shape, 0).unwrap().len(), 150_866);
        let cms = start(&Architecture::default(), &Shape::of(Layout::Cms, 55), 0).unwrap();
        assert_eq!(cms.len(), 3_923_489);
    }
}
