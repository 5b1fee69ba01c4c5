//! The way through a network.

use std::sync::Arc;

use recoil_nn::tape::{Tape, Value};
use recoil_nn::{NnError, Result};

use super::architecture::{Architecture, Backbone, Encoding, RegressionMode, Representation, Shape};
use super::hept::Places;
use super::layers::{attention_layer, feed_forward, hidden, readout};
use super::{gnn_lsh, graphs, hept};

/// The elements of some events, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// where the events begin, and the end
    pub offsets: Vec<u32>,
    /// as many numbers per element as the network reads
    pub features: Vec<f32>,
    /// transverse momentum, pseudorapidity, sine and cosine of the azimuth, and energy of each element, as measured
    pub elements: Vec<[f32; 5]>,
    /// place of each element's type among those of the network; any other number for types that it does not know
    pub types: Vec<u32>,
    /// Where the reference implementation pads events: whether a row is an element. Rows that are none are seen by the
    /// attention of backbones, as there. Empty: all are, and there is nothing to pad.
    pub real: Vec<bool>,
}

impl Rows {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Some of the events; `features` numbers per element.
    pub(super) fn events(&self, events: std::ops::Range<usize>, features: usize) -> Self {
        let offsets = self.offsets.get(events.start..=events.end).unwrap_or_default();
        let [first, .., last] = offsets else { return Self { offsets: vec![0], ..Self::default() } };
        let (from, to) = (*first as usize, *last as usize);
        Self {
            offsets: offsets.iter().map(|offset| offset - first).collect(),
            features: self.features.get(from * features..to * features).unwrap_or_default().to_vec(),
            elements: self.elements.get(from..to).unwrap_or_default().to_vec(),
            types: self.types.get(from..to).unwrap_or_default().to_vec(),
            real: self.real.get(from..to).unwrap_or_default().to_vec(),
        }
    }
}

/// What a network says about each element.
pub struct Outputs {
    /// two logits: no particle, a particle
    pub binary: Value,
    /// logits of the classes
    pub pid: Value,
    /// Transverse momentum (logarithm of the ratio to the element), pseudorapidity, sine and cosine of the azimuth, energy
    /// (logarithm of the ratio to the element); a column each.
    pub momentum: [Value; 5],
    /// states on the way by name, where they were asked for
    pub states: Vec<(String, Value)>,
}

struct Pass<'a, 'w> {
    tape: &'a Tape<'w>,
    architecture: &'a Architecture,
    offsets: Arc<[u32]>,
    /// rows of each type
    by_type: Vec<Arc<[u32]>>,
    /// 1 for elements, 0 for padding
    mask: Option<Value>,
    real: &'a [bool],
    /// pseudorapidity and azimuth of each row
    coordinates: Vec<[f32; 2]>,
    states: Option<Vec<(String, Value)>>,
}

/// Computes the outputs for the elements of some events; `trace` keeps the states on the way.
///
/// # Errors
/// Weights that are missing or do not fit, rows that do not fit.
pub fn forward(
    tape: &Tape<'_>,
    architecture: &Architecture,
    shape: &Shape,
    rows: &Rows,
    trace: bool,
) -> Result<Outputs> {
    let count = rows.len();
    for (what, found) in [("elements", rows.elements.len()), ("features", rows.features.len() / shape.features.max(1))]
    {
        if found != count {
            return Err(NnError::Length { what: what.into(), found, expected: count });
        }
    }
    let of_type = |kind: usize| (0..count as u32).filter(|row| rows.types[*row as usize] as usize == kind).collect();
    let mask: Vec<f32> = rows.real.iter().map(|real| f32::from(u8::from(*real))).collect();
    let mut pass = Pass {
        tape,
        architecture,
        offsets: rows.offsets.as_slice().into(),
        by_type: (0..shape.types.len()).map(of_type).collect(),
        mask: (!mask.is_empty()).then(|| tape.input(count, 1, &mask)).transpose()?,
        real: &rows.real,
        coordinates: rows.elements.iter().map(|[_, eta, sine, cosine, _]| [*eta, azimuth(*sine, *cosine)]).collect(),
        states: trace.then(Vec::new),
    };
    let x = tape.input(count, shape.features, &rows.features)?;
    let (for_classes, for_momenta) = match architecture.split_backbone {
        false => {
            let state = pass.backbone(&x, "nn0", "backbone")?;
            (state.clone(), state)
        }
        true => {
            let classes = pass.backbone(&x, "_nn0_id", "_backbone_id")?;
            let kept = pass.states.take();
            let momenta = pass.backbone(&x, "_nn0_reg", "_backbone_reg")?;
            pass.states = kept;
            (classes, momenta)
        }
    };
    drop(x);
    let h = pass.task(for_classes, "classification", "cls_readout")?;
    let function = architecture.activation;
    let binary = feed_forward(tape, &h, "nn_binary_particle", function, architecture.dropout)?;
    let pid = feed_forward(tape, &h, "nn_pid", function, architecture.dropout)?;
    drop(h);
    let h = pass.task(for_momenta, "regression", "reg_readout")?;
    let momentum = pass.momentum(&h, &rows.elements)?;
    Ok(Outputs { binary, pid, momentum, states: pass.states.unwrap_or_default() })
}

/// The nearest single number to the angle.
fn azimuth(sine: f32, cosine: f32) -> f32 {
    f64::from(sine).atan2(f64::from(cosine)) as f32
}

impl Pass<'_, '_> {
    fn keep(&mut self, name: impl Into<String>, state: &Value) {
        if let Some(states) = &mut self.states {
            states.push((name.into(), state.clone()));
        }
    }

    fn masked(&self, x: Value) -> Result<Value> {
        match &self.mask {
            Some(mask) => self.tape.multiply_column(&x, mask),
            None => Ok(x),
        }
    }

    fn encode(&self, x: &Value, name: &str) -> Result<Value> {
        let (tape, width) = (self.tape, self.architecture.width());
        let h = hidden(tape, x, name, self.architecture.activation, self.architecture.dropout)?;
        let encoded = match self.architecture.input_encoding {
            Encoding::Joint => tape.linear(&h, &format!("{name}.4"))?,
            Encoding::Split => {
                let (weight, bias) = (format!("{name}.4.weight"), format!("{name}.4.bias"));
                let mut parts = Vec::new();
                for (kind, rows) in self.by_type.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
                    let own = tape.gather(&h, rows)?;
                    let outputs = Some(kind * width..(kind + 1) * width);
                    parts.push((tape.linear_rows(&own, &weight, Some(&bias), outputs)?, Arc::clone(rows)));
                }
                self.joined(&parts, x.rows(), width)?
            }
        };
        self.masked(encoded)
    }

    /// Rows in their places; zeros where there are none.
    fn joined(&self, parts: &[(Value, Arc<[u32]>)], rows: usize, columns: usize) -> Result<Value> {
        match parts.is_empty() {
            true => self.tape.constant(rows, columns, self.tape.pool().zeros(rows * columns)),
            false => self.tape.place(parts, rows),
        }
    }

    fn backbone(&mut self, x: &Value, encoder: &str, name: &str) -> Result<Value> {
        let Architecture { layers, heads, head_width, activation, representation, backbone, dropout, .. } =
            *self.architecture;
        let first = self.encode(x, encoder)?;
        self.keep("encoded", &first);
        let mut state = first.clone();
        let mut all = Vec::new();
        for layer in 0..layers {
            let name = format!("{name}.{layer}");
            state = match backbone {
                Backbone::Attention => {
                    // the last layer asks with the first state
                    let queries = (layer + 1 == layers).then_some(&first);
                    let function = (activation, dropout);
                    attention_layer(self.tape, &state, queries, &name, [heads, head_width], function, &self.offsets)?
                }
                Backbone::GnnLsh(config) => {
                    let (mask, offsets) = (self.mask.as_ref(), &self.offsets);
                    let (state, buckets) = gnn_lsh::layer(self.tape, &state, &name, &config, offsets, mask)?;
                    self.keep(format!("buckets_{layer}"), &buckets);
                    state
                }
                Backbone::Hept(config) => {
                    // the reference sorts all padded events together, far from each other
                    let joined = [0, state.rows() as u32];
                    let shifts = self.shifts();
                    let groups = if self.mask.is_some() { &joined[..] } else { &self.offsets[..] };
                    hept::first(self.tape, &state, &name, heads, &config, &self.places(groups, &shifts))?
                }
                Backbone::HeptV2(config) => {
                    let places = self.places(&self.offsets, &[]);
                    hept::second(self.tape, &state, &name, heads, &config, &places)?
                }
                Backbone::GravNet(config) => {
                    let state = graphs::gravnet(self.tape, &state, &name, &config, &self.offsets)?;
                    self.tape.activate(&state, activation)?
                }
                Backbone::BinGraph(config) => {
                    graphs::bin_graph(self.tape, &state, &name, activation, &config, &self.offsets)?
                }
            };
            state = self.masked(state)?;
            self.keep(format!("backbone_{layer}"), &state);
            if representation == Representation::Concat {
                all.push(state.clone());
            }
        }
        match representation {
            Representation::Last => Ok(state),
            Representation::Concat => self.tape.concat(&all.iter().collect::<Vec<_>>()),
        }
    }

    fn places<'b>(&'b self, groups: &'b [u32], shifts: &'b [f32]) -> Places<'b> {
        Places { coordinates: &self.coordinates, groups, real: self.real, mask: self.mask.as_ref(), shifts }
    }

    /// For padded events the distance of each row's event from the first; nothing otherwise.
    fn shifts(&self) -> Vec<f32> {
        if self.mask.is_none() {
            return Vec::new();
        }
        let events = self.offsets.windows(2).enumerate();
        events.flat_map(|(event, pair)| (pair[0]..pair[1]).map(move |_| event as f32 * hept::APART)).collect()
    }

    /// What the outputs of a task read.
    fn task(&mut self, state: Value, name: &str, traced: &str) -> Result<Value> {
        let mut state = state;
        if self.architecture.task_queries {
            let tape = self.tape;
            let query = tape.parameter(&format!("{name}_query"))?;
            let (keys, key_offsets) = self.readable(&state)?;
            let heads = [self.architecture.heads, self.architecture.readout_width() / self.architecture.heads];
            let function = self.architecture.activation;
            let offsets = [&self.offsets, &key_offsets];
            state = readout(tape, &state, [&keys, &query], &format!("{name}_readout"), heads, function, offsets)?;
            state = self.masked(state)?;
            self.keep(traced, &state);
        }
        match self.architecture.backbone {
            Backbone::Attention => self.tape.layer_norm(&state, &format!("{name}_norm"), super::layers::EPSILON),
            _ => Ok(state),
        }
    }

    /// The rows that are elements, and where their events begin.
    fn readable(&self, state: &Value) -> Result<(Value, Arc<[u32]>)> {
        let Some(mask) = &self.mask else { return Ok((state.clone(), Arc::clone(&self.offsets))) };
        let rows: Arc<[u32]> = (0..state.rows() as u32).filter(|row| mask.values()[*row as usize] > 0.0).collect();
        let before = |offset: &u32| rows.partition_point(|row| row < offset) as u32;
        let offsets = self.offsets.iter().map(before).collect();
        Ok((self.tape.gather(state, &rows)?, offsets))
    }

    /// A component by its mode.
    fn component(&self, h: &Value, name: &str, mode: RegressionMode, element: &Value) -> Result<Value> {
        let (tape, function, dropout) = (self.tape, self.architecture.activation, self.architecture.dropout);
        let name = format!("nn_{name}.nn");
        match mode {
            RegressionMode::Element => Ok(element.clone()),
            RegressionMode::Direct => feed_forward(tape, h, &name, function, dropout),
            RegressionMode::DirectElemtype => {
                let n = feed_forward(tape, h, &name, function, dropout)?;
                self.of_type(&n)
            }
            RegressionMode::Additive => tape.add(element, &feed_forward(tape, h, &name, function, dropout)?),
            RegressionMode::Multiplicative => tape.multiply(element, &feed_forward(tape, h, &name, function, dropout)?),
            RegressionMode::LinearElemtype => {
                let head = |which: usize| feed_forward(tape, h, &format!("{name}{which}"), function, dropout);
                let product = tape.multiply(element, &self.of_type(&head(1)?)?)?;
                tape.add(&product, &self.of_type(&head(2)?)?)
            }
            RegressionMode::Linear => {
                let n = feed_forward(tape, h, &name, function, dropout)?;
                let product = tape.multiply(element, &tape.columns(&n, 0..1)?)?;
                tape.add(&product, &tape.columns(&n, 1..2)?)
            }
            RegressionMode::DirectElemtypeSplit => {
                let mut parts = Vec::new();
                for (kind, rows) in self.by_type.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
                    let own = tape.gather(h, rows)?;
                    let n = feed_forward(tape, &own, &format!("{name}.{kind}"), function, dropout)?;
                    parts.push((n, Arc::clone(rows)));
                }
                self.joined(&parts, h.rows(), 1)
            }
        }
    }

    /// Of each row the column of its type.
    fn of_type(&self, x: &Value) -> Result<Value> {
        let mut parts = Vec::new();
        for (kind, rows) in self.by_type.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let own = self.tape.gather(x, rows)?;
            parts.push((self.tape.columns(&own, kind..kind + 1)?, Arc::clone(rows)));
        }
        self.joined(&parts, x.rows(), 1)
    }

    fn momentum(&self, h: &Value, elements: &[[f32; 5]]) -> Result<[Value; 5]> {
        let tape = self.tape;
        let column = |index: usize| -> Result<Value> {
            let values: Vec<f32> = elements.iter().map(|element| element[index]).collect();
            tape.input(elements.len(), 1, &values)
        };
        let zero = tape.constant(elements.len(), 1, tape.pool().zeros(elements.len()))?;
        let [(_, pt_mode), (_, eta_mode), (_, sin_mode), (_, cos_mode), (_, energy_mode)] = self.architecture.modes();
        let pt = self.component(h, "pt", pt_mode, &zero)?;
        let eta = self.component(h, "eta", eta_mode, &column(1)?)?;
        let sin_phi = self.component(h, "sin_phi", sin_mode, &column(2)?)?;
        let cos_phi = self.component(h, "cos_phi", cos_mode, &column(3)?)?;
        // at least the energy of a particle without mass; no gradient flows through that
        let mut least = tape.pool().zeros(elements.len());
        for (row, least) in least.iter_mut().enumerate() {
            let element = elements[row];
            let p = pt.values()[row].exp() * element[0] * eta.values()[row].cosh();
            let ratio = (p / element[4]).ln();
            *least = if ratio.is_finite() { ratio } else { 0.0 };
        }
        let least = tape.constant(elements.len(), 1, least)?;
        let beyond = self.component(h, "energy", energy_mode, &zero)?;
        let energy = tape.add(&least, &tape.activate(&beyond, recoil_nn::tape::Activation::Relu)?)?;
        Ok([pt, eta, sin_phi, cos_phi, energy])
    }
}
