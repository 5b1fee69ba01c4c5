//! The way through a network on a device: that of [`crate::network::forward()`] over padded events, with the same names of
//! tensors.

use std::cell::Cell;
use std::collections::HashMap;

use burn_tensor::activation::{elu, gelu, leaky_relu, relu, sigmoid, silu, tanh};
use burn_tensor::backend::Backend;
use burn_tensor::{Distribution, Tensor, TensorData};
use recoil_nn::NnError;
use recoil_nn::tape::Activation;

use super::attention::Padding;
use crate::error::Result;
use crate::network::architecture::{Encoding, RegressionMode, Representation};
use crate::network::forward::Rows;
use crate::network::layers::EPSILON;
use crate::network::model::Model;

/// Tensors of a network by name, as they lie among the weights, with their shapes.
pub(super) type Tensors<B> = HashMap<String, (Tensor<B, 1>, Vec<usize>)>;

/// Outputs over padded rows.
pub(super) struct Said<B: Backend> {
    pub binary: Tensor<B, 2>,
    pub pid: Tensor<B, 2>,
    pub momentum: [Tensor<B, 2>; 5],
}

/// A network on its way.
pub(super) struct Pass<'a, B: Backend> {
    model: &'a Model,
    weights: &'a Tensors<B>,
    padding: &'a Padding<B>,
    device: &'a B::Device,
    /// seed of what is dropped, and how often something was; none if nothing is
    dropping: Option<(u64, Cell<u64>)>,
    /// per row a 1 in the column of its type
    types: Tensor<B, 2>,
    features: Tensor<B, 2>,
    /// measured transverse momentum, pseudorapidity, sine and cosine of the azimuth, energy
    elements: [Tensor<B, 2>; 5],
}

impl<'a, B: Backend> Pass<'a, B> {
    /// Brings rows to the device; `seed` drops features at random.
    pub fn new(
        model: &'a Model,
        weights: &'a Tensors<B>,
        padding: &'a Padding<B>,
        rows: &Rows,
        device: &'a B::Device,
        seed: Option<u64>,
    ) -> Self {
        let matrix = |values: &[f32], columns: usize| {
            let values = padding.spread(values, columns);
            Tensor::from_data(TensorData::new(values, [padding.rows(), columns]), device)
        };
        let known = model.shape.types.len();
        let mut types = vec![0.0; rows.len() * known];
        for (row, kind) in types.chunks_exact_mut(known.max(1)).zip(&rows.types) {
            if let Some(own) = row.get_mut(*kind as usize) {
                *own = 1.0;
            }
        }
        let column = |index: usize| -> Vec<f32> { rows.elements.iter().map(|element| element[index]).collect() };
        Self {
            model,
            weights,
            padding,
            device,
            dropping: seed.map(|seed| (seed, Cell::new(0))),
            types: matrix(&types, known),
            features: matrix(&rows.features, model.shape.features),
            elements: [0, 1, 2, 3, 4].map(|index| matrix(&column(index), 1)),
        }
    }

    /// Computes the outputs.
    ///
    /// # Errors
    /// Tensors that are missing.
    pub fn outputs(&self) -> Result<Said<B>> {
        let (for_classes, for_momenta) = match self.model.architecture.split_backbone {
            false => {
                let state = self.backbone("nn0", "backbone")?;
                (state.clone(), state)
            }
            true => (self.backbone("_nn0_id", "_backbone_id")?, self.backbone("_nn0_reg", "_backbone_reg")?),
        };
        let h = self.task(for_classes, "classification")?;
        let binary = self.feed_forward(h.clone(), "nn_binary_particle")?;
        let pid = self.feed_forward(h, "nn_pid")?;
        let h = self.task(for_momenta, "regression")?;
        Ok(Said { binary, pid, momentum: self.momentum(&h)? })
    }

    fn tensor<const D: usize>(&self, name: &str) -> Result<Tensor<B, D>> {
        let missing = || NnError::Tensor { name: name.into(), message: "it is missing".into() };
        let (values, shape) = self.weights.get(name).ok_or_else(missing)?;
        // shapes are (columns) or (outputs, inputs); further ones are of size 1
        let last = shape.last().copied().unwrap_or(1);
        let mut wanted = [1; D];
        if let Some(own) = wanted.last_mut() {
            *own = last;
        }
        if let Some(own) = wanted.first_mut().filter(|_| D > 1) {
            *own = shape.iter().product::<usize>() / last.max(1);
        }
        Ok(values.clone().reshape(wanted))
    }

    /// Rows `range` of a layer's kernel.
    fn linear_rows(&self, x: Tensor<B, 2>, names: [&str; 2], range: std::ops::Range<usize>) -> Result<Tensor<B, 2>> {
        let [weight, bias] = names;
        let weight = self.tensor::<2>(weight)?.slice([range.clone()]);
        let bias = self.tensor::<2>(bias)?.slice([0..1, range]);
        Ok(x.matmul(weight.transpose()) + bias)
    }

    fn linear(&self, x: Tensor<B, 2>, name: &str) -> Result<Tensor<B, 2>> {
        let weight = self.tensor::<2>(&format!("{name}.weight"))?;
        Ok(x.matmul(weight.transpose()) + self.tensor::<2>(&format!("{name}.bias"))?)
    }

    fn layer_norm(&self, x: Tensor<B, 2>, name: &str) -> Result<Tensor<B, 2>> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        let normal = centred / (variance + EPSILON).sqrt();
        Ok(normal * self.tensor::<2>(&format!("{name}.weight"))? + self.tensor::<2>(&format!("{name}.bias"))?)
    }

    fn activate(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        match self.model.architecture.activation {
            Activation::Linear => x,
            Activation::Relu => relu(x),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::LeakyRelu => leaky_relu(x, 0.01),
            Activation::Elu => elu(x, 1.0),
            Activation::Gelu => gelu(x),
            Activation::Silu => silu(x),
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => tanh(x),
        }
    }

    fn dropout(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let share = f64::from(self.model.architecture.dropout);
        let Some((seed, count)) = self.dropping.as_ref().filter(|_| share > 0.0) else { return x };
        count.set(count.get() + 1);
        // a generator of a device may be used up by one call
        B::seed(self.device, seed.wrapping_add(count.get().wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let kept = Tensor::random(x.dims(), Distribution::Bernoulli(1.0 - share), self.device);
        x * kept.mul_scalar(1.0 / (1.0 - share))
    }

    fn hidden(&self, x: Tensor<B, 2>, name: &str) -> Result<Tensor<B, 2>> {
        let h = self.activate(self.linear(x, &format!("{name}.0"))?);
        Ok(self.dropout(self.layer_norm(h, &format!("{name}.2"))?))
    }

    fn feed_forward(&self, x: Tensor<B, 2>, name: &str) -> Result<Tensor<B, 2>> {
        self.linear(self.hidden(x, name)?, &format!("{name}.4"))
    }

    fn two_layers(&self, x: Tensor<B, 2>, first: &str, second: &str) -> Result<Tensor<B, 2>> {
        let h = self.activate(self.linear(x, first)?);
        Ok(self.activate(self.linear(h, second)?))
    }

    /// Of the blocks of columns, as many as there are types, that of each row's type.
    fn of_type(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, types] = self.types.dims();
        let columns = x.dims()[1] / types.max(1);
        let chosen = x.reshape([rows, types, columns]) * self.types.clone().reshape([rows, types, 1]);
        chosen.sum_dim(1).reshape([rows, columns])
    }

    fn encode(&self, name: &str) -> Result<Tensor<B, 2>> {
        let encoded = self.feed_forward(self.features.clone(), name)?;
        Ok(match self.model.architecture.input_encoding {
            Encoding::Joint => encoded,
            Encoding::Split => self.of_type(encoded),
        })
    }

    fn backbone(&self, encoder: &str, name: &str) -> Result<Tensor<B, 2>> {
        let architecture = &self.model.architecture;
        let first = self.encode(encoder)?;
        let mut state = first.clone();
        let mut all = Vec::new();
        for layer in 0..architecture.layers {
            // the last layer asks with the first state
            let queries = (layer + 1 == architecture.layers).then(|| first.clone());
            state = self.attention_layer(state, queries, &format!("{name}.{layer}"))?;
            if architecture.representation == Representation::Concat {
                all.push(state.clone());
            }
        }
        Ok(match architecture.representation {
            Representation::Last => state,
            Representation::Concat => Tensor::cat(all, 1),
        })
    }

    /// Attention to rows of `told` by rows of `asking` (as many per event as the last number says), behind it a linear
    /// layer.
    fn multi_head(&self, asking: Tensor<B, 2>, told: Tensor<B, 2>, name: &str, count: usize) -> Result<Tensor<B, 2>> {
        let all = told.dims()[1];
        let (weight, bias) = (format!("{name}.in_proj_weight"), format!("{name}.in_proj_bias"));
        let part = |x: Tensor<B, 2>, part: usize| self.linear_rows(x, [&weight, &bias], part * all..(part + 1) * all);
        let asked = [part(asking, 0)?, part(told.clone(), 1)?, part(told, 2)?];
        let seen = self.padding.attend(asked, count, self.model.architecture.heads);
        self.linear(seen, &format!("{name}.out_proj"))
    }

    fn attention_layer(&self, x: Tensor<B, 2>, queries: Option<Tensor<B, 2>>, name: &str) -> Result<Tensor<B, 2>> {
        let normal = self.layer_norm(x.clone(), &format!("{name}.norm0"))?;
        let asking = queries.unwrap_or_else(|| normal.clone());
        let seen = self.multi_head(asking, normal, &format!("{name}.mha"), self.padding.longest)?;
        let x = x + self.dropout(seen);
        let normal = self.layer_norm(x.clone(), &format!("{name}.norm1"))?;
        let h = self.two_layers(normal, &format!("{name}.seq.0"), &format!("{name}.seq.2"))?;
        Ok(x + self.dropout(h))
    }

    /// What the outputs of a task read: states, and what a learned query reads of the event.
    fn task(&self, x: Tensor<B, 2>, task: &str) -> Result<Tensor<B, 2>> {
        let mut x = x;
        if self.model.architecture.task_queries {
            let name = format!("{task}_readout");
            let [rows, width] = x.dims();
            let (events, longest) = (self.padding.events, self.padding.longest);
            let query = self.layer_norm(self.tensor(&format!("{task}_query"))?, &format!("{name}.query_norm"))?;
            let told = self.layer_norm(x.clone(), &format!("{name}.key_norm"))?;
            let read = self.multi_head(query.expand([events, width]), told, &format!("{name}.mha"), 1)?;
            x = (x.reshape([events, longest, width]) + read.reshape([events, 1, width])).reshape([rows, width]);
            let normal = self.layer_norm(x.clone(), &format!("{name}.post_norm"))?;
            x = x + self.two_layers(normal, &format!("{name}.ffn.0"), &format!("{name}.ffn.2"))?;
        }
        self.layer_norm(x, &format!("{task}_norm"))
    }

    /// A component by its mode.
    fn component(
        &self,
        h: &Tensor<B, 2>,
        name: &str,
        mode: RegressionMode,
        element: Tensor<B, 2>,
    ) -> Result<Tensor<B, 2>> {
        let name = format!("nn_{name}.nn");
        let head = |suffix: &str| self.feed_forward(h.clone(), &format!("{name}{suffix}"));
        Ok(match mode {
            RegressionMode::Element => element,
            RegressionMode::Direct => head("")?,
            RegressionMode::DirectElemtype => self.of_type(head("")?),
            RegressionMode::Additive => element + head("")?,
            RegressionMode::Multiplicative => element * head("")?,
            RegressionMode::LinearElemtype => element * self.of_type(head("1")?) + self.of_type(head("2")?),
            RegressionMode::Linear => {
                let n = head("")?;
                element * n.clone().narrow(1, 0, 1) + n.narrow(1, 1, 1)
            }
            RegressionMode::DirectElemtypeSplit => {
                let heads = (0..self.model.shape.types.len()).map(|kind| head(&format!(".{kind}")));
                self.of_type(Tensor::cat(heads.collect::<Result<_>>()?, 1))
            }
        })
    }

    fn momentum(&self, h: &Tensor<B, 2>) -> Result<[Tensor<B, 2>; 5]> {
        let [measured_pt, measured_eta, measured_sin, measured_cos, measured_energy] = self.elements.clone();
        let [(_, pt_mode), (_, eta_mode), (_, sin_mode), (_, cos_mode), (_, energy_mode)] =
            self.model.architecture.modes();
        let zero = measured_pt.zeros_like();
        let pt = self.component(h, "pt", pt_mode, zero.clone())?;
        let eta = self.component(h, "eta", eta_mode, measured_eta)?;
        let sin_phi = self.component(h, "sin_phi", sin_mode, measured_sin)?;
        let cos_phi = self.component(h, "cos_phi", cos_mode, measured_cos)?;
        // at least the energy of a particle without mass; no gradient flows through that
        let p = pt.clone().detach().exp() * measured_pt * eta.clone().detach().cosh();
        let least = (p / measured_energy).log();
        let unusable = least.clone().is_finite().bool_not();
        let least = least.mask_fill(unusable, 0.0);
        let beyond = self.component(h, "energy", energy_mode, zero)?;
        Ok([pt, eta, sin_phi, cos_phi, least + relu(beyond)])
    }
}
