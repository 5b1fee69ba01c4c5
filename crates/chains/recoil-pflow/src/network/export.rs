//! ONNX models: arrays of any number of events and elements, padded, with a mask.

mod graph;

use graph::Graph;
use recoil_nn::onnx::Model as OnnxModel;
use recoil_nn::tape::Activation;

use super::architecture::{Backbone, Encoding, RegressionMode, Representation};
use super::model::Model;
use crate::error::{PflowError, Result};

/// Name of the input of features: (events, elements, numbers per element), as measured; the model scales them itself.
pub const FEATURES: &str = "Xfeat_normed";
/// Name of the input that is 1 for elements and 0 for padding: (events, elements).
pub const MASK: &str = "mask";
/// Names of the outputs: logits of no particle and particle, logits of classes, five components of the momentum (that of
/// transverse momentum and energy as logarithm of the ratio to the element), and pile-up (zeros).
pub const OUTPUTS: [&str; 4] = ["bid", "id", "momentum", "pu"];

/// The model for other programs.
///
/// # Errors
/// Tensors that are missing.
pub fn onnx(model: &Model) -> Result<OnnxModel> {
    let mut writer = Writer { model, graph: Graph::new(&model.weights), kinds: Vec::new() };
    writer.write()?;
    let Writer { mut graph, .. } = writer;
    let shape = &model.shape;
    graph.model.inputs = vec![(FEATURES.into(), vec![0, -1, shape.features as i64]), (MASK.into(), vec![0, -1])];
    let widths = [2, shape.classes.len() as i64, 5, 1];
    graph.model.outputs =
        OUTPUTS.iter().zip(widths).map(|(name, width)| ((*name).to_owned(), vec![0, -1, width])).collect();
    graph.model.metadata = vec![
        ("types".into(), format!("{:?}", shape.types)),
        ("classes".into(), format!("{:?}", shape.classes)),
        ("decisions".into(), serde_json::to_string(&model.decisions).unwrap_or_default()),
    ];
    Ok(graph.model)
}

struct Writer<'a> {
    model: &'a Model,
    graph: Graph<'a>,
    /// per type 1 for its elements, else 0: (events, elements, 1)
    kinds: Vec<String>,
}

impl Writer<'_> {
    fn write(&mut self) -> Result<()> {
        let model = self.model;
        let architecture = &model.architecture;
        let g = &mut self.graph;
        let mask = g.unsqueeze(MASK, 2, "mask/column");
        let type_column = g.slice(FEATURES, 2, 0..1, "type");
        for (place, kind) in model.shape.types.iter().enumerate() {
            let number = g.scalar(&format!("type/{place}/number"), *kind as f32);
            let distance = g.plain("Sub", &[&type_column, &number], &format!("type/{place}/distance"));
            let size = g.plain("Abs", &[&distance], &format!("type/{place}/size"));
            let half = g.scalar(&format!("type/{place}/half"), 0.5);
            let is = g.plain("Less", &[&size, &half], &format!("type/{place}/is"));
            let is = g.cast(&is, &format!("type/{place}/number_is"));
            self.kinds.push(g.plain("Mul", &[&is, &mask], &format!("type/{place}")));
        }
        let x = self.scaled();
        let (for_classes, for_momenta) = match architecture.split_backbone {
            false => {
                let state = self.backbone(&x, "nn0", "backbone", &mask)?;
                (state.clone(), state)
            }
            true => (
                self.backbone(&x, "_nn0_id", "_backbone_id", &mask)?,
                self.backbone(&x, "_nn0_reg", "_backbone_reg", &mask)?,
            ),
        };
        let h = self.task(&for_classes, "classification", &mask)?;
        let function = architecture.activation;
        let binary = self.graph.feed_forward(&h, "nn_binary_particle", function)?;
        self.graph.plain("Identity", &[&binary], OUTPUTS[0]);
        let pid = self.graph.feed_forward(&h, "nn_pid", function)?;
        self.graph.plain("Identity", &[&pid], OUTPUTS[1]);
        let h = self.task(&for_momenta, "regression", &mask)?;
        self.momentum(&h)?;
        let zero = self.graph.scalar("pu/zero", 0.0);
        self.graph.plain("Mul", &[&mask, &zero], OUTPUTS[3]);
        Ok(())
    }

    /// The features as the network reads them.
    fn scaled(&mut self) -> String {
        let (scales, width) = (&self.model.scales, self.model.shape.features);
        if scales.soft.is_empty() {
            return FEATURES.to_owned();
        }
        let g = &mut self.graph;
        let per = |f: fn(f32) -> f32| scales.soft.iter().map(|soft| f(*soft)).collect::<Vec<f32>>();
        let inverse = g.constant("scales/inverse", &[width], per(|soft| if soft > 0.0 { 1.0 / soft } else { 0.0 }));
        let straight = g.constant("scales/straight", &[width], per(|soft| if soft > 0.0 { 0.0 } else { 1.0 }));
        let small = g.plain("Mul", &[FEATURES, &inverse], "scales/small");
        let soft = g.plain("Asinh", &[&small], "scales/soft");
        let plain = g.plain("Mul", &[FEATURES, &straight], "scales/plain");
        let x = g.plain("Add", &[&soft, &plain], "scales/softened");
        let low = g.scalar("scales/low", -super::inputs::WIDEST);
        let high = g.scalar("scales/high", super::inputs::WIDEST);
        let mut parts = Vec::new();
        for (place, kind) in self.kinds.iter().enumerate() {
            let own = place * width..(place + 1) * width;
            let of = |list: &[f32]| list.get(own.clone()).unwrap_or_default().to_vec();
            let shift = g.constant(&format!("scales/{place}/shift"), &[width], of(&scales.shift));
            let factor = g.constant(&format!("scales/{place}/factor"), &[width], of(&scales.factor));
            let centred = g.plain("Sub", &[&x, &shift], &format!("scales/{place}/centred"));
            let scaled = g.plain("Mul", &[&centred, &factor], &format!("scales/{place}/scaled"));
            let cut = g.plain("Clip", &[&scaled, &low, &high], &format!("scales/{place}/cut"));
            parts.push(g.plain("Mul", &[&cut, kind], &format!("scales/{place}/own")));
        }
        g.sum(&parts, "scaled")
    }

    fn backbone(&mut self, x: &str, encoder: &str, name: &str, mask: &str) -> Result<String> {
        let architecture = &self.model.architecture;
        let (width, g) = (architecture.width(), &mut self.graph);
        let h = g.hidden(x, encoder, architecture.activation)?;
        let all = g.linear(&h, &format!("{encoder}.4"))?;
        let first = match architecture.input_encoding {
            Encoding::Joint => g.plain("Mul", &[&all, mask], &format!("{encoder}/encoded")),
            Encoding::Split => {
                let mut parts = Vec::new();
                for (place, kind) in self.kinds.iter().enumerate() {
                    let own = g.slice(&all, 2, place * width..(place + 1) * width, &format!("{encoder}/type/{place}"));
                    parts.push(g.plain("Mul", &[&own, kind], &format!("{encoder}/own/{place}")));
                }
                g.sum(&parts, &format!("{encoder}/encoded"))
            }
        };
        let heads = [architecture.heads, architecture.head_width];
        let (mut state, mut states) = (first.clone(), Vec::new());
        for layer in 0..architecture.layers {
            let own = format!("{name}.{layer}");
            state = match architecture.backbone {
                Backbone::Attention => {
                    let normal = g.norm(&state, &format!("{own}.norm0"))?;
                    let queries = if layer + 1 == architecture.layers { &first } else { &normal };
                    let seen = g.attention(queries, &normal, &format!("{own}.mha"), heads, MASK)?;
                    let x = g.plain("Add", &[&state, &seen], &format!("{own}/seen"));
                    let normal = g.norm(&x, &format!("{own}.norm1"))?;
                    let h = g.two_layers(
                        &normal,
                        [&format!("{own}.seq.0"), &format!("{own}.seq.2")],
                        architecture.activation,
                    )?;
                    g.plain("Add", &[&x, &h], &format!("{own}/sum"))
                }
                _ => {
                    let message =
                        "only networks with attention can be written as ONNX: hashes and neighbours depend on data";
                    return Err(PflowError::config("architecture.backbone", message));
                }
            };
            state = g.plain("Mul", &[&state, mask], &format!("{own}/state"));
            states.push(state.clone());
        }
        Ok(match architecture.representation {
            Representation::Last => state,
            Representation::Concat => g.concat(&states, &format!("{name}/all")),
        })
    }

    fn task(&mut self, state: &str, name: &str, mask: &str) -> Result<String> {
        let architecture = &self.model.architecture;
        let g = &mut self.graph;
        let mut state = state.to_owned();
        if architecture.task_queries {
            let own = format!("{name}_readout");
            let query = g.tensor(&format!("{name}_query"))?;
            let query = g.norm(&query, &format!("{own}.query_norm"))?;
            let normal = g.norm(&state, &format!("{own}.key_norm"))?;
            let heads = [architecture.heads, architecture.readout_width() / architecture.heads];
            let read = g.attention(&query, &normal, &format!("{own}.mha"), heads, MASK)?;
            let x = g.plain("Add", &[&state, &read], &format!("{own}/read"));
            let normal = g.norm(&x, &format!("{own}.post_norm"))?;
            let h =
                g.two_layers(&normal, [&format!("{own}.ffn.0"), &format!("{own}.ffn.2")], architecture.activation)?;
            let x = g.plain("Add", &[&x, &h], &format!("{own}/sum"));
            state = g.plain("Mul", &[&x, mask], &format!("{own}/state"));
        }
        g.norm(&state, &format!("{name}_norm"))
    }

    fn component(&mut self, h: &str, name: &str, mode: RegressionMode, element: &str) -> Result<String> {
        let function = self.model.architecture.activation;
        let head = format!("nn_{name}.nn");
        let g = &mut self.graph;
        match mode {
            RegressionMode::Element => Ok(element.to_owned()),
            RegressionMode::Direct => g.feed_forward(h, &head, function),
            RegressionMode::Linear => {
                let n = g.feed_forward(h, &head, function)?;
                let factor = g.slice(&n, 2, 0..1, &format!("{name}/factor"));
                let summand = g.slice(&n, 2, 1..2, &format!("{name}/summand"));
                let product = g.plain("Mul", &[element, &factor], &format!("{name}/product"));
                Ok(g.plain("Add", &[&product, &summand], &format!("{name}/linear")))
            }
            RegressionMode::Additive => {
                let n = g.feed_forward(h, &head, function)?;
                Ok(g.plain("Add", &[element, &n], &format!("{name}/sum")))
            }
            RegressionMode::Multiplicative => {
                let n = g.feed_forward(h, &head, function)?;
                Ok(g.plain("Mul", &[element, &n], &format!("{name}/product")))
            }
            RegressionMode::DirectElemtype => {
                let n = g.feed_forward(h, &head, function)?;
                Ok(self.of_type(&n, name))
            }
            RegressionMode::LinearElemtype => {
                let (factor, summand) = (
                    g.feed_forward(h, &format!("{head}1"), function)?,
                    g.feed_forward(h, &format!("{head}2"), function)?,
                );
                let factor = self.of_type(&factor, &format!("{name}/factor"));
                let summand = self.of_type(&summand, &format!("{name}/summand"));
                let product = self.graph.plain("Mul", &[element, &factor], &format!("{name}/product"));
                Ok(self.graph.plain("Add", &[&product, &summand], &format!("{name}/linear")))
            }
            RegressionMode::DirectElemtypeSplit => {
                let mut parts = Vec::new();
                for (place, kind) in self.kinds.iter().enumerate() {
                    let n = g.feed_forward(h, &format!("{head}.{place}"), function)?;
                    parts.push(g.plain("Mul", &[&n, kind], &format!("{name}/own/{place}")));
                }
                Ok(g.sum(&parts, &format!("{name}/split")))
            }
        }
    }

    /// Of each element the column of its type.
    fn of_type(&mut self, n: &str, name: &str) -> String {
        let mut parts = Vec::new();
        for (place, kind) in self.kinds.iter().enumerate() {
            let own = self.graph.slice(n, 2, place..place + 1, &format!("{name}/of/{place}"));
            parts.push(self.graph.plain("Mul", &[&own, kind], &format!("{name}/own/{place}")));
        }
        self.graph.sum(&parts, &format!("{name}/by_type"))
    }

    fn momentum(&mut self, h: &str) -> Result<()> {
        let column = |writer: &mut Self, index: usize, name: &str| {
            writer.graph.slice(FEATURES, 2, index..index + 1, &format!("element/{name}"))
        };
        let names = ["pt", "eta", "sin_phi", "cos_phi", "energy"];
        let elements: Vec<String> = (1..=5).zip(names).map(|(index, name)| column(self, index, name)).collect();
        let nothing = self.graph.scalar("element/zero", 0.0);
        let zero = self.graph.plain("Mul", &[&elements[0], &nothing], "element/zeros");
        let mut parts = Vec::new();
        for (index, (name, mode)) in self.model.architecture.modes().into_iter().enumerate() {
            let element = if index == 0 || index == 4 { &zero } else { &elements[index] };
            parts.push(self.component(h, name, mode, element)?);
        }
        let g = &mut self.graph;
        // ln(exp(pt) pt_element cosh(eta) / E_element), 0 where it is no number
        let cosh = g.plain("Cosh", &[&parts[1]], "energy/cosh");
        let ratio = g.plain("Div", &[&elements[0], &elements[4]], "energy/ratio");
        let product = g.plain("Mul", &[&ratio, &cosh], "energy/product");
        let log = g.plain("Log", &[&product], "energy/log");
        let least = g.plain("Add", &[&log, &parts[0]], "energy/least");
        let difference = g.plain("Sub", &[&least, &least], "energy/difference");
        let same = g.plain("Equal", &[&difference, &nothing], "energy/finite");
        let least = g.plain("Where", &[&same, &least, &zero], "energy/checked");
        let beyond = g.activate(&parts[4], Activation::Relu, "energy/beyond");
        parts[4] = g.plain("Add", &[&least, &beyond], "energy/all");
        let all = g.concat(&parts, "momentum/all");
        g.plain("Identity", &[&all], OUTPUTS[2]);
        Ok(())
    }
}
