//! Networks that see particles one by one: ParticleNet (arXiv 1902.08570) and a transformer.
//!
//! Each kind of particles has layers of its own that make rows of one width from its features, its distance to the
//! candidate and a learned vector of the kind. The rows of all kinds together are the points. Numbers of the candidate
//! as a whole join behind the points' mean (ParticleNet), or as one more point (transformer).

use recoil_nn::sets::{Function, Pooling, SetBatch, SetInput, SetLayer, SetNode, SetRows, SetSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cnn::InputShape;
use crate::error::{Result, TauError};
use crate::grid::PointBlock;

/// Layers that turn the particles of one kind into rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingConfig {
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Width of the rows.
    pub width: usize,
    /// Numbers that tell the kind.
    pub kind: usize,
}

impl Default for EmbeddingConfig {
    fn default() -> Self {
        Self { hidden: 256, width: 64, kind: 2 }
    }
}

/// An edge convolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeConfig {
    /// Nearest neighbours of each particle.
    pub neighbours: usize,
    /// Widths of its layers.
    pub channels: Vec<usize>,
}

/// Topology of ParticleNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ParticleNetConfig {
    /// Rows of particles.
    pub embedding: EmbeddingConfig,
    /// Edge convolutions: neighbours in pseudorapidity and azimuth first, then in the features.
    pub convolutions: Vec<EdgeConfig>,
    /// Widths of the layers that decide.
    pub dense: Vec<usize>,
    /// Fraction of features that training drops behind each of them.
    pub dropout_rate: f32,
}

impl Default for ParticleNetConfig {
    fn default() -> Self {
        let edge = |neighbours| EdgeConfig { neighbours, channels: vec![160, 128, 96] };
        Self {
            embedding: EmbeddingConfig::default(),
            convolutions: [16, 12, 8].map(edge).to_vec(),
            dense: vec![192, 160, 128, 96, 64],
            dropout_rate: 0.1,
        }
    }
}

/// Topology of the transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerConfig {
    /// Rows of particles.
    pub embedding: EmbeddingConfig,
    /// Number of layers.
    pub layers: usize,
    /// Heads of the attention.
    pub heads: usize,
    /// Width of queries, keys and values of a head.
    pub key_width: usize,
    /// Width of the hidden layer behind the attention.
    pub feed_forward: usize,
    /// Fraction of features that training drops behind attention and hidden layer.
    pub dropout_rate: f32,
    /// Widths of the layers that decide.
    pub dense: Vec<usize>,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            embedding: EmbeddingConfig::default(),
            layers: 6,
            heads: 8,
            key_width: 8,
            feed_forward: 256,
            dropout_rate: 0.1,
            dense: vec![256, 128],
        }
    }
}

/// Particles for a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PointCandidates {
    /// Number of candidates.
    pub count: usize,
    /// Numbers of each candidate as a whole, row-major; empty, the network takes none.
    pub flat: Vec<f32>,
    /// The particles by kind.
    pub blocks: Vec<PointBlock>,
}

impl PointCandidates {
    /// The candidates of a batch that was encoded as a sequence.
    pub fn of(batch: &crate::batches::Batch) -> Self {
        Self { count: batch.len(), flat: batch.flat.values.clone(), blocks: batch.sequence.blocks.clone() }
    }

    /// The inputs of the network.
    pub fn batch(&self) -> SetBatch<'_> {
        let mut batch = SetBatch { samples: self.count, ..SetBatch::default() };
        if !self.flat.is_empty() {
            batch.inputs.push(&self.flat);
        }
        for block in &self.blocks {
            batch.offsets.push(&block.offsets);
            batch.inputs.extend([block.values.as_slice(), &block.places]);
        }
        batch
    }
}

/// Writes layers one behind the other.
struct Writer {
    spec: SetSpec,
}

fn dense(units: usize, activation: Function) -> SetLayer {
    SetLayer::Dense { units, activation }
}

impl Writer {
    fn push(&mut self, name: impl Into<String>, from: &[&str], layer: SetLayer) -> String {
        let (name, from) = (name.into(), from.iter().map(|&from| from.to_owned()).collect());
        self.spec.layers.push(SetNode { name: name.clone(), from, layer });
        name
    }

    /// The inputs, and the rows of each kind of particles.
    fn embed(inputs: &InputShape, config: &EmbeddingConfig) -> Result<(Self, Vec<String>)> {
        if [config.hidden, config.width, config.kind].contains(&0) {
            return Err(TauError::config("embedding", "widths are above zero"));
        }
        if inputs.objects.is_empty() {
            return Err(TauError::config("features", "there is no block of particles"));
        }
        let mut writer = Self { spec: SetSpec::default() };
        if inputs.flat > 0 {
            let input = SetInput { name: "input_tau".into(), columns: inputs.flat, rows: SetRows::Samples };
            writer.spec.inputs.push(input);
        }
        for (kind, width) in &inputs.objects {
            let rows = SetRows::Points(kind.clone());
            writer.spec.inputs.push(SetInput { name: format!("input_{kind}"), columns: *width, rows: rows.clone() });
            writer.spec.inputs.push(SetInput { name: format!("place_{kind}"), columns: 2, rows });
        }
        let mut rows = Vec::new();
        for (kind, _) in &inputs.objects {
            let from = [format!("input_{kind}"), format!("place_{kind}")];
            let both = writer.push(format!("{kind}_features"), &[&from[0], &from[1]], SetLayer::Concat);
            let told = writer.push(format!("{kind}_kind"), &[&both], SetLayer::Tag { columns: config.kind });
            rows.push(writer.rows_of(kind, &told, config));
        }
        Ok((writer, rows))
    }

    fn rows_of(&mut self, kind: &str, from: &str, config: &EmbeddingConfig) -> String {
        let hidden = self.push(format!("{kind}_embedding_1"), &[from], dense(config.hidden, Function::Gelu));
        self.push(format!("{kind}_embedding_2"), &[&hidden], dense(config.width, Function::Linear))
    }

    fn norm(&mut self, name: String, from: &str) -> String {
        self.push(name, &[from], SetLayer::BatchNorm { epsilon: 1e-3, momentum: 0.99 })
    }

    /// Layers that decide, and the output.
    fn decide(mut self, mut last: String, widths: &[usize], rate: f32, classes: usize) -> SetSpec {
        for (index, units) in widths.iter().enumerate() {
            last = self.push(format!("final_dense_{}", index + 1), &[&last], dense(*units, Function::Relu));
            if rate > 0.0 {
                last = self.push(format!("final_dropout_{}", index + 1), &[&last], SetLayer::Dropout { rate });
            }
        }
        last = self.push("final_dense_last", &[&last], dense(classes, Function::Linear));
        self.push("main_output", &[&last], SetLayer::Softmax);
        self.spec
    }
}

impl ParticleNetConfig {
    /// The network for these inputs.
    ///
    /// # Errors
    /// Settings that make no network.
    pub fn spec(&self, inputs: &InputShape) -> Result<SetSpec> {
        if self.convolutions.iter().any(|edge| edge.channels.is_empty()) {
            return Err(TauError::config("convolutions", "an edge convolution has a layer at least"));
        }
        let (mut writer, rows) = Writer::embed(inputs, &self.embedding)?;
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let points = writer.push("points", &rows, SetLayer::Join);
        let places: Vec<String> = inputs.objects.iter().map(|(kind, _)| format!("place_{kind}")).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let mut coordinates = writer.push("places", &places, SetLayer::Join);
        let mut last = writer.norm("points_norm".into(), &points);
        for (index, edge) in self.convolutions.iter().enumerate() {
            let name = |word: &str| format!("edge_{}_{word}", index + 1);
            let layer = SetLayer::Edges { neighbours: edge.neighbours };
            let mut x = writer.push(name("pairs"), &[&last, &coordinates], layer);
            for (number, units) in edge.channels.iter().enumerate() {
                let number = number + 1;
                x = writer.push(name(&format!("conv_{number}")), &[&x], dense(*units, Function::Linear));
                x = writer.norm(name(&format!("norm_{number}")), &x);
                x = writer.push(name(&format!("relu_{number}")), &[&x], SetLayer::Activation(Function::Relu));
            }
            let mean = writer.push(name("mean"), &[&x], SetLayer::MeanEdges);
            let units = edge.channels.last().copied().unwrap_or(1);
            let shortcut = writer.push(name("shortcut"), &[&last], dense(units, Function::Linear));
            let shortcut = writer.norm(name("shortcut_norm"), &shortcut);
            let sum = writer.push(name("sum"), &[&mean, &shortcut], SetLayer::Add);
            last = writer.push(name("out"), &[&sum], SetLayer::Activation(Function::Relu));
            coordinates.clone_from(&last);
        }
        last = writer.push("pool", &[&last], SetLayer::Pool(Pooling::Mean));
        if inputs.flat > 0 {
            last = writer.push("with_tau", &[&last, "input_tau"], SetLayer::Concat);
        }
        Ok(writer.decide(last, &self.dense, self.dropout_rate, 4))
    }
}

impl TransformerConfig {
    /// The network for these inputs.
    ///
    /// # Errors
    /// Settings that make no network.
    pub fn spec(&self, inputs: &InputShape) -> Result<SetSpec> {
        if [self.heads, self.key_width, self.feed_forward].contains(&0) {
            return Err(TauError::config("transformer", "heads and widths are above zero"));
        }
        let (mut writer, mut rows) = Writer::embed(inputs, &self.embedding)?;
        if inputs.flat > 0 {
            rows.push(writer.rows_of("tau", "input_tau", &self.embedding));
        }
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let mut last = writer.push("points", &rows, SetLayer::Join);
        let (wide, width) = (self.heads * self.key_width, self.embedding.width);
        for index in 1..=self.layers {
            let name = |word: &str| format!("layer_{index}_{word}");
            let [query, key, value] =
                ["query", "key", "value"].map(|word| writer.push(name(word), &[&last], dense(wide, Function::Linear)));
            let layer = SetLayer::Attention { heads: self.heads };
            let attention = writer.push(name("attention"), &[&query, &key, &value], layer);
            let mut own = writer.push(name("attention_out"), &[&attention], dense(width, Function::Linear));
            own = writer.dropout(name("attention_dropout"), own, self.dropout_rate);
            let sum = writer.push(name("attention_sum"), &[&last, &own], SetLayer::Add);
            last = writer.push(name("attention_norm"), &[&sum], SetLayer::LayerNorm { epsilon: 1e-6 });
            let hidden = writer.push(name("hidden"), &[&last], dense(self.feed_forward, Function::Gelu));
            let mut own = writer.push(name("hidden_out"), &[&hidden], dense(width, Function::Linear));
            own = writer.dropout(name("hidden_dropout"), own, self.dropout_rate);
            let sum = writer.push(name("hidden_sum"), &[&last, &own], SetLayer::Add);
            last = writer.push(name("hidden_norm"), &[&sum], SetLayer::LayerNorm { epsilon: 1e-6 });
        }
        last = writer.push("pool", &[&last], SetLayer::Pool(Pooling::Sum));
        Ok(writer.decide(last, &self.dense, 0.0, 4))
    }
}

impl Writer {
    fn dropout(&mut self, name: String, from: String, rate: f32) -> String {
        if rate > 0.0 { self.push(name, &[&from], SetLayer::Dropout { rate }) } else { from }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use recoil_nn::sets::SetNetwork;

    #[test]
    fn networks_have_the_widths_of_their_formulas() {
        let inputs = InputShape::default();
        let particle_net = SetNetwork::new(&ParticleNetConfig::default().spec(&inputs).unwrap()).unwrap();
        let shape = |network: &SetNetwork, name: &str| {
            network.tensors().iter().find(|tensor| tensor.name == name).unwrap().shape.clone()
        };
        assert_eq!(shape(&particle_net, "PfCand_chHad_embedding_1/kernel"), [27 + 2 + 2, 256]);
        assert_eq!(shape(&particle_net, "edge_1_conv_1/kernel"), [128, 160]);
        assert_eq!(shape(&particle_net, "edge_2_conv_1/kernel"), [192, 160]);
        assert_eq!(shape(&particle_net, "edge_3_shortcut/kernel"), [96, 96]);
        assert_eq!(shape(&particle_net, "final_dense_1/kernel"), [96 + 43, 192]);
        let transformer = SetNetwork::new(&TransformerConfig::default().spec(&inputs).unwrap()).unwrap();
        // 4 x (64 x 64 + 64) of the attention, 64 x 256 + 256 + 256 x 64 + 64, and two norms of 128 numbers
        let layer: usize = transformer
            .tensors()
            .iter()
            .filter(|tensor| tensor.name.starts_with("layer_3_"))
            .map(|tensor| tensor.shape.iter().product::<usize>())
            .sum();
        assert_eq!(layer, 4 * 4160 + 33_088 + 256);
        assert_eq!(shape(&transformer, "final_dense_1/kernel"), [64, 256]);
        assert_eq!((particle_net.output_len(), transformer.output_len()), (4, 4));
    }
}
